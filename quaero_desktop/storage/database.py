"""The database of a library: one writer that commits in groups, and two readers.

Two tasks on one SQLite connection share its transaction, and a cancelled ``commit()`` may have committed. So nobody but
the writer's own thread ever sees a transaction: callers hand in a whole function, without an ``await`` inside.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Generic, TypeVar

import aiosqlite

from quaero_desktop.domain.errors import BugError, LibraryDamagedError, LibraryError, SearchIndexDamagedError
from quaero_desktop.infra.clock import Clock
from quaero_desktop.storage import sqlite
from quaero_desktop.storage.readers import InterruptibleReaders

_log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_BATCH = 64
"""The most transaction functions in one commit."""
_IDLE_SECONDS = 2.0
_READERS = 2
_FILE_IN_TROUBLE = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_INTERRUPT,
    }
)
"""After these a whole transaction is rolled back; every other error is that of one statement and its function alone."""


class Tx:
    """A running write transaction, given to a transaction function.

    Attributes:
        connection: for statements; never commit or roll back here.
        now: the time of this commit in milliseconds UTC.
        revision: the revision that changed rows must carry.
    """

    __slots__ = ("connection", "execute", "executemany", "now", "revision")

    def __init__(self, connection: sqlite3.Connection, now: int, revision: int) -> None:
        self.connection = connection
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.now = now
        self.revision = revision

    def one(self, sql: str, parameters: tuple[Any, ...] | dict[str, Any] = ()) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        row: sqlite3.Row | None = self.execute(sql, parameters).fetchone()
        return row

    def value(self, sql: str, parameters: tuple[Any, ...] | dict[str, Any] = ()) -> Any:
        """Return the first column of the first row.

        Raises:
            BugError: when there is no row.
        """
        row = self.one(sql, parameters)
        if row is None:
            raise BugError(f"no row for: {sql}")
        return row[0]


class _Waiting(Generic[T]):
    """A transaction function in the writer's queue, and who waits for it."""

    __slots__ = ("function", "future")

    def __init__(self, function: Callable[[Tx], T], future: "asyncio.Future[T]") -> None:
        self.function = function
        self.future = future


class Database:
    """An open library: everything that touches it goes through :meth:`write` and :meth:`read`.

    Args:
        path: the database file, already migrated.
        writable: False for a command that only reads; then there is no writer.
        clock: gives each commit its time.
    """

    def __init__(self, path: Path, *, clock: Clock, writable: bool = True) -> None:
        self.path = path
        self.writable = writable
        self.revision = 0
        self._clock = clock
        self._writer: aiosqlite.Connection | None = None
        self._readers: list[aiosqlite.Connection] = []
        self._reads_under_way: list[int] = []
        self._interruptible: InterruptibleReaders | None = None
        self._waiting: list[_Waiting[Any]] = []
        self._drain: asyncio.Task[None] | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._damage: LibraryDamagedError | None = None
        self._closed = False
        self._closing: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[int], None]] = []

    async def open(self) -> None:
        """Connect. On an error everything that was opened is closed again.

        Raises:
            KnownError: the world's fault (see :func:`quaero_desktop.storage.sqlite.explain`).
        """
        try:
            if self.writable:
                self._writer = await _connect(lambda: sqlite.connect_writer(self.path))
                self.revision = await self._on_writer(
                    lambda connection: connection.execute("SELECT revision FROM library").fetchone()[0]
                )
            for _ in range(_READERS):
                self._readers.append(await _connect(lambda: sqlite.connect_reader(self.path)))
                self._reads_under_way.append(0)
        except BaseException as error:
            await self.close()
            if isinstance(error, sqlite3.Error):
                known = self._explained(error)
                raise known from known.__cause__
            raise

    def on_commit(self, listener: Callable[[int], None]) -> None:
        """Call *listener*, too, with the new revision on the event loop after each commit that changed something."""
        self._listeners.append(listener)

    @property
    def is_closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed

    async def write(self, function: Callable[[Tx], T]) -> T:
        """Run *function* in a write transaction and return its value once that is committed.

        Functions that wait at the same time share one commit, each under a savepoint of its own: one that raises undoes
        only itself. Cancelling the caller does not cancel the transaction.

        Args:
            function: a plain function over a :class:`Tx`; it must not block on anything but SQLite.

        Raises:
            DiskFullError: nothing of it was stored; it can be tried again.
            LibraryError: the world's fault.
            Exception: whatever *function* raised, after its rollback.
        """
        if not self.writable:
            raise BugError("this library was opened for reading only")
        if self._closed or self._writer is None:
            raise LibraryError("The library is closed.")
        if self._damage is not None:
            raise self._damage
        waiting = _Waiting(function, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._drain is None:
            self._start(self._drain_waiting(), "writer")
        return await asyncio.shield(waiting.future)

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run *function* on a reader, all its queries in one snapshot, and return its value.

        A damaged full-text index is built anew on the way, where this process may write.

        Raises:
            SearchIndexDamagedError: that index is damaged, and this process only reads.
            LibraryError: the world's fault.
        """
        return await self._mending(self._read, function)

    async def read_interruptibly(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Do as :meth:`read` does on a connection of its own; cancelling the caller interrupts its query at once.

        For what may take long, or is asked anew with each key. The caller's cancellation never reaches another query.

        Raises:
            SearchIndexDamagedError: that index is damaged, and this process only reads.
            LibraryError: the world's fault.
        """
        return await self._mending(self._read_interruptibly, function)

    async def _mending(
        self,
        read: Callable[[Callable[[sqlite3.Connection], T]], Coroutine[Any, Any, T]],
        function: Callable[[sqlite3.Connection], T],
    ) -> T:
        try:
            return await read(function)
        except SearchIndexDamagedError:
            if not self.writable:
                raise
        await self.write(rebuild_search_index)
        return await read(function)

    async def _read_interruptibly(self, function: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed or not self._readers:
            raise LibraryError("The library is closed.")
        if self._interruptible is None:
            self._interruptible = InterruptibleReaders(self.path)
        try:
            return await self._interruptible.run(function)
        except sqlite3.Error as error:
            if self._closed:
                raise LibraryError("The library was closed.") from error
            known = self._explained(error)
            raise known from known.__cause__

    async def _read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed or not self._readers:
            raise LibraryError("The library is closed.")
        index = min(range(len(self._readers)), key=self._reads_under_way.__getitem__)
        self._reads_under_way[index] += 1
        try:
            return await _on_thread(self._readers[index], _in_snapshot, function)
        except sqlite3.Error as error:
            known = self._explained(error)
            raise known from known.__cause__
        finally:
            self._reads_under_way[index] -= 1

    async def interrupt_reads(self) -> None:
        """Make the queries that run on the readers now fail, so that a newer question is not kept waiting."""
        for reader in self._readers:
            await reader.interrupt()

    async def checkpoint(self) -> None:
        """Move the WAL into the database file and empty it. Only ever from the writer's connection.

        It waits for no reader, whose snapshot would hold up the next write or the exit: what it cannot move now stays
        in the WAL until the next time.
        """
        await self._on_writer(_checkpoint)

    async def close(self) -> None:
        """Finish what was handed in, close the readers, checkpoint, close the writer. Idempotent.

        Cancelling the caller does not leave it half-way: a connection that stays open keeps the process alive.
        """
        self._closed = True
        if self._closing is None or self._closing.cancelled():
            self._closing = asyncio.get_running_loop().create_task(self._close(), name="close library")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        while self._drain is not None:
            await asyncio.wait([self._drain])
        if self._damage is not None:
            # Before the readers: the last connection that may write moves the WAL into the database as it closes.
            await self._disconnect_writer()
        if self._interruptible is not None:
            await self._interruptible.close()
        for reader in self._readers:
            await _disconnect(reader)
        self._readers.clear()
        if self._writer is not None:
            try:
                await self.checkpoint()
            except sqlite3.Error as error:
                _log.warning("no checkpoint at exit: %s", error)
            await self._disconnect_writer()

    async def _disconnect_writer(self) -> None:
        if self._writer is not None:
            await _disconnect(self._writer)
            self._writer = None

    async def _on_writer(self, function: Callable[[sqlite3.Connection], T]) -> T:
        if self._writer is None:
            raise LibraryError("The library is closed.")
        return await _on_thread(self._writer, function)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Let a task have the writer; no other has it until that one has ended."""
        self._drain = asyncio.get_running_loop().create_task(work, name=name)
        self._drain.add_done_callback(self._on_ended)

    def _on_ended(self, task: "asyncio.Task[None]") -> None:
        self._drain = None
        # Only a loop that is being torn down cancels it, perhaps before it began.
        error = LibraryError("The library was closed.") if task.cancelled() else task.exception()
        if error is not None:
            if not task.cancelled():
                _log.error("the writer failed", exc_info=error)  # perhaps nobody waits to be told
            # Nobody may wait for ever; nor may a mistake of ours be made again and again.
            waiting, self._waiting = self._waiting, []
            _tell(waiting, [_Outcome(error=error) for _ in waiting])
        elif self._waiting:
            self._start(self._drain_waiting(), "writer")

    async def _drain_waiting(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            if self._damage is None:
                await self._commit(batch)
            else:
                _tell(batch, [_Outcome(error=self._damage)] * len(batch))
        if not self._closed:
            self._idle_timer = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._on_idle)

    async def _commit(self, batch: list[_Waiting[Any]]) -> None:
        now = self._clock.now_ms()
        functions = [waiting.function for waiting in batch]
        try:
            results = await self._on_writer(lambda connection: _run_mending(connection, functions, now))
        except asyncio.CancelledError:
            # Only a loop that is being torn down cancels this task; nobody may wait for ever.
            results = [_Outcome(error=LibraryError("The library was closed.")) for _ in batch]
        except BaseException as error:
            results = [_Outcome(error=error) for _ in batch]
        for outcome in results:
            if outcome.error is not None:
                outcome.error = self._explained(outcome.error)
        _tell(batch, results)
        revision = next((outcome.revision for outcome in results if outcome.error is None), None)
        if revision is not None:
            self.revision = revision
            self._announce(revision)

    def _announce(self, revision: int) -> None:
        for listener in self._listeners:
            try:
                listener(revision)
            except Exception:
                # Those who still wait for their own commit must not pay for it.
                _log.exception("a listener to commits failed")

    def _explained(self, error: BaseException) -> BaseException:
        if not isinstance(error, sqlite3.Error):
            return error
        known = sqlite.explain(error, self.path)
        if isinstance(known, LibraryDamagedError):
            # From here on nothing is written, so that database, WAL and shared memory stay as they are.
            self._damage = known
        if known is not error:
            known.__cause__ = error
        return known

    def _on_idle(self) -> None:
        if self._drain is None and not self._closed and self._damage is None:
            self._start(self._idle_checkpoint(), "idle checkpoint")

    async def _idle_checkpoint(self) -> None:
        try:
            await self.checkpoint()
        except sqlite3.Error as error:
            _log.warning("no checkpoint: %s", error)
        except Exception:
            # A mistake of ours, of which nobody else would hear; those who wait for the writer must not pay for it.
            _log.exception("no checkpoint")


class _Outcome:
    """What became of one transaction function."""

    __slots__ = ("error", "revision", "value")

    def __init__(self, value: Any = None, error: BaseException | None = None, revision: int | None = None) -> None:
        self.value = value
        self.error = error
        self.revision = revision


def _tell(batch: list[_Waiting[Any]], outcomes: list[_Outcome]) -> None:
    """Hand each waiting caller what became of its function."""
    for waiting, outcome in zip(batch, outcomes, strict=True):
        if outcome.error is None:
            waiting.future.set_result(outcome.value)
            continue
        error = outcome.error
        if isinstance(error, StopIteration):
            # No future can hold it, and whoever waits behind it would wait for ever.
            error = BugError("a transaction function let a StopIteration escape")
            error.__cause__ = outcome.error
        waiting.future.set_exception(error)
        # Whoever waited may have been cancelled: the exception counts as seen.
        waiting.future.exception()


def rebuild_search_index(tx: Tx) -> None:
    """Make the full-text index anew from the documents, which hold everything that is in it."""
    _log.warning("the full-text index is damaged; it is built anew from the documents")
    tx.execute("INSERT INTO documents_fts (documents_fts) VALUES ('rebuild')")


def _run_mending(connection: sqlite3.Connection, functions: list[Callable[[Tx], Any]], now: int) -> list[_Outcome]:
    """Run *functions* as :func:`_run_batch` does, and mend the full-text index if that stands in the way."""
    try:
        return _run_batch(connection, functions, now)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_CORRUPT_VTAB:
            raise
    _run_batch(connection, [rebuild_search_index], now)
    return _run_batch(connection, functions, now)


def _run_batch(connection: sqlite3.Connection, functions: list[Callable[[Tx], Any]], now: int) -> list[_Outcome]:
    """Run *functions* in one transaction, on the writer's thread. Raises when the whole transaction was lost."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (revision,) = connection.execute("UPDATE library SET revision = revision + 1 RETURNING revision").fetchone()
        tx = Tx(connection, now, revision)
        before = connection.total_changes
        outcomes = [_run_one(tx, function) for function in functions]
        if connection.total_changes == before or all(outcome.error is not None for outcome in outcomes):
            # A look at an empty queue costs no write to the disk.
            connection.execute("ROLLBACK")
            for outcome in outcomes:
                outcome.revision = None
        else:
            connection.execute("COMMIT")
    except BaseException:
        # SQLITE_FULL and I/O errors may have rolled back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return outcomes


def _run_one(tx: Tx, function: Callable[[Tx], Any]) -> _Outcome:
    connection = tx.connection
    connection.execute("SAVEPOINT one")
    try:
        value = function(tx)
    except BaseException as error:
        if not connection.in_transaction:
            raise  # SQLite has thrown away the whole transaction, the work of the others too
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        if isinstance(error, sqlite3.Error) and _primary_code(error) in _FILE_IN_TROUBLE:
            raise  # what the others wrote is not safe to commit either
        return _Outcome(error=error)
    connection.execute("RELEASE one")
    return _Outcome(value=value, revision=tx.revision)


def _primary_code(error: sqlite3.Error) -> int | None:
    """Return SQLite's primary result code, or None for an error of the module ``sqlite3`` itself."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _checkpoint(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {sqlite.BUSY_TIMEOUT_MS}")


def _in_snapshot(connection: sqlite3.Connection, function: Callable[[sqlite3.Connection], T]) -> T:
    connection.execute("BEGIN")
    try:
        return function(connection)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


async def _connect(connector: Callable[[], sqlite3.Connection]) -> aiosqlite.Connection:
    return await aiosqlite.Connection(connector, iter_chunk_size=64)


async def _on_thread(connection: aiosqlite.Connection, function: Callable[..., T], *arguments: Any) -> T:
    """Run *function* with the raw connection on the thread of *connection*.

    aiosqlite has no public way to run a function there, only single statements, and a transaction of single awaited
    statements is what the writer is there to rule out: hence its own internal ``_execute``, used here and nowhere else.
    """
    value: T = await connection._execute(function, connection._conn, *arguments)  # type: ignore[no-untyped-call]
    return value


async def _disconnect(connection: aiosqlite.Connection) -> None:
    await connection.close()
    # close() returns when SQLite has closed, a moment before the thread ends; a leaked thread keeps the process alive.
    connection._thread.join(timeout=5)
