"""The writer and the readers: group commit, whole transactions whatever happens, and a clean end."""

import asyncio
import contextlib
import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from quaero_desktop.domain.errors import (
    BugError,
    DiskFullError,
    LibraryDamagedError,
    LibraryError,
    LibraryReadOnlyError,
    SearchIndexDamagedError,
)
from quaero_desktop.storage import database as database_module
from quaero_desktop.storage.database import MAX_BATCH, Database, Tx
from tests.support.clock import ManualClock
from tests.support.waiting import until


def note(text: str) -> Callable[[Tx], None]:
    """Return a transaction function that stores *text*."""

    def store(tx: Tx) -> None:
        tx.execute("INSERT INTO audit (at, level, action, detail) VALUES (?, 0, ?, '{}')", (tx.now, text))

    return store


def notes(connection: sqlite3.Connection) -> list[str]:
    return [text for (text,) in connection.execute("SELECT action FROM audit ORDER BY id")]


def stamp(tx: Tx) -> int:
    """Store something and return the revision that it gets."""
    note("stamped")(tx)
    return tx.revision


def fail(tx: Tx) -> None:
    note("never to be seen")(tx)
    raise ZeroDivisionError


class Gate:
    """A transaction function that keeps the writer's thread busy until it is let go."""

    def __init__(self, text: str = "behind the gate") -> None:
        self._text = text
        self._entered = threading.Event()
        self._open = threading.Event()

    def __call__(self, tx: Tx) -> None:
        note(self._text)(tx)
        self._entered.set()
        assert self._open.wait(10)

    async def entered(self) -> None:
        await until(self._entered.is_set)

    def open(self) -> None:
        self._open.set()


def sqlite_error(code: int, kind: type[sqlite3.Error] = sqlite3.OperationalError) -> sqlite3.Error:
    error = kind("as SQLite would say it")
    error.sqlite_errorcode = code
    return error


def raising(error: BaseException) -> Callable[[Any], None]:
    def function(_: Any) -> None:
        raise error

    return function


def endless(started: threading.Event) -> Callable[[sqlite3.Connection], None]:
    """Return a query that ends only when it is interrupted, and tells when it began."""

    def query(connection: sqlite3.Connection) -> None:
        connection.create_function("started", 0, started.set)
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT started() UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n"
        ).fetchone()

    return query


def wal_of(database: Database) -> Path:
    return database.path.with_name(database.path.name + "-wal")


def tasks_named(name: str) -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == name]


def fingerprint(*paths: Path) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


# --- one commit for many --------------------------------------------------------------------------------------------


async def test_functions_that_wait_at_the_same_time_share_one_commit(library):
    before = library.revision

    await asyncio.gather(*(library.write(note(str(i))) for i in range(20)))

    assert library.revision == before + 1
    assert await library.read(notes) == [str(i) for i in range(20)]


async def test_functions_that_come_while_a_commit_runs_share_the_next(library):
    gate, before = Gate(), library.revision
    first = asyncio.create_task(library.write(gate))
    await gate.entered()
    others = [asyncio.create_task(library.write(stamp)) for _ in range(20)]
    await asyncio.sleep(0)
    gate.open()

    await first
    assert set(await asyncio.gather(*others)) == {before + 2}


async def test_a_commit_takes_no_more_than_a_batch(library):
    before = library.revision

    revisions = await asyncio.gather(*(library.write(stamp) for _ in range(MAX_BATCH + 1)))

    assert revisions == [before + 1] * MAX_BATCH + [before + 2]


async def test_a_write_returns_when_it_is_stored_and_not_before(library):
    await library.write(note("stored"))

    with contextlib.closing(sqlite3.connect(library.path)) as another_process:
        assert notes(another_process) == ["stored"]


async def test_many_rows_are_written_by_one_call(library):
    sql = "INSERT INTO audit (at, level, action, detail) VALUES (?, 0, ?, '{}')"

    await library.write(lambda tx: tx.executemany(sql, [(tx.now, text) for text in "abc"]) and None)

    assert await library.read(notes) == ["a", "b", "c"]


async def test_a_look_that_changes_nothing_is_no_commit(library):
    heard: list[int] = []
    library.on_commit(heard.append)
    before = library.revision

    assert await library.write(lambda tx: tx.value("SELECT 42")) == 42

    assert (library.revision, heard) == (before, [])
    assert await library.write(stamp) == before + 1


async def test_a_commit_has_the_time_of_the_clock(library, clock):
    clock.advance(5)

    assert await library.write(lambda tx: tx.now) == clock.now_ms()


async def test_the_listener_hears_of_each_commit_that_changed_something(library):
    heard: list[int] = []
    library.on_commit(heard.append)

    await library.write(note("a"))
    with pytest.raises(ZeroDivisionError):
        await library.write(fail)
    await library.write(note("b"))

    assert heard == [library.revision - 1, library.revision]


async def test_a_listener_that_fails_keeps_nobody_waiting_and_is_told_in_the_log(library, caplog):
    heard: list[int] = []
    library.on_commit(raising(ZeroDivisionError()))
    library.on_commit(heard.append)

    await asyncio.gather(*(library.write(note(str(i))) for i in range(MAX_BATCH * 2)))

    assert len(await library.read(notes)) == MAX_BATCH * 2
    assert heard == [library.revision - 1, library.revision]
    assert [record.getMessage() for record in caplog.records] == ["a listener to commits failed"] * 2
    assert caplog.records[0].exc_info


async def test_a_value_that_is_not_there_is_a_mistake_of_ours_that_names_its_query(library):
    with pytest.raises(BugError) as mistake:
        await library.write(lambda tx: tx.value("SELECT level FROM audit WHERE id = ?", (7,)))

    assert str(mistake.value) == "no row for: SELECT level FROM audit WHERE id = ?"
    assert await library.write(lambda tx: tx.one("SELECT level FROM audit WHERE id = :id", {"id": 7})) is None
    assert await library.write(lambda tx: tx.value("SELECT :n", {"n": 7})) == 7


# --- one that fails -------------------------------------------------------------------------------------------------

STATEMENT_ERRORS: dict[str, Callable[[Tx], Any]] = {
    "of Python": fail,
    "a constraint": lambda tx: tx.execute("INSERT INTO library VALUES (1, 0, 0)"),
    "a foreign key": lambda tx: tx.execute("INSERT INTO child_counts VALUES (99, '', '', 0, 1)"),
    "bad SQL": lambda tx: tx.execute("SELECT * FROM no_such_table"),
    "a text that cannot be bound": lambda tx: tx.execute("SELECT ?", ("\ud800",)),
    "a number that cannot be bound": lambda tx: tx.execute("SELECT ?", (2**63,)),
    "too many parameters": lambda tx: tx.execute("SELECT 1", (1,)),
}


@pytest.mark.parametrize("wrong", STATEMENT_ERRORS.values(), ids=STATEMENT_ERRORS.keys())
async def test_a_function_that_raises_undoes_only_itself(library, wrong):
    def write_and_go_wrong(tx: Tx) -> None:
        note("undone")(tx)
        wrong(tx)

    results = await asyncio.gather(
        library.write(note("before")), library.write(write_and_go_wrong), library.write(note("after")),
        return_exceptions=True,
    )  # fmt: skip

    assert isinstance(results[1], Exception)
    assert not isinstance(results[1], LibraryError)
    assert await library.read(notes) == ["before", "after"]


async def test_when_all_fail_nothing_is_committed(library):
    before = library.revision

    results = await asyncio.gather(library.write(fail), library.write(fail), return_exceptions=True)

    assert [type(result) for result in results] == [ZeroDivisionError] * 2
    assert library.revision == before
    assert await library.read(lambda c: c.execute("SELECT revision FROM library").fetchone()) == (before,)


async def test_the_writers_task_ends_well_also_when_all_fail(library):
    failing = asyncio.create_task(library.write(fail))
    await asyncio.sleep(0)
    (writer,) = tasks_named("writer")

    with pytest.raises(ZeroDivisionError):
        await failing
    await writer


async def test_a_stop_iteration_is_reported_and_keeps_nobody_waiting(library):
    results = await asyncio.gather(
        library.write(lambda tx: next(iter(()))), library.write(note("after")), return_exceptions=True
    )

    assert isinstance(results[0], BugError)
    assert str(results[0]) == "a transaction function let a StopIteration escape"
    assert isinstance(results[0].__cause__, StopIteration)
    assert await library.read(notes) == ["after"]


async def test_a_full_disk_is_told_to_all_who_shared_the_commit_and_nothing_of_them_is_stored(library):
    def fill(tx: Tx) -> None:
        pages = tx.value("PRAGMA page_count")
        tx.execute(f"PRAGMA max_page_count = {pages + 3}")
        for _ in range(200):
            note("x" * 4096)(tx)

    results = await asyncio.gather(
        library.write(note("before")), library.write(fill), library.write(note("after")), return_exceptions=True
    )

    assert [type(result) for result in results] == [DiskFullError] * 3
    assert await library.read(notes) == []


async def test_work_goes_on_when_there_is_room_again(library):
    def fill(tx: Tx) -> None:
        tx.execute(f"PRAGMA max_page_count = {tx.value('PRAGMA page_count')}")
        note("x" * 100_000)(tx)

    for _ in range(3):
        with pytest.raises(DiskFullError):
            await library.write(fill)
    await library.write(lambda tx: tx.execute("PRAGMA max_page_count = 1000000"))
    await library.write(note("x" * 100_000))

    assert len(await library.read(notes)) == 1


async def test_an_error_of_the_disk_while_it_commits_is_told_to_all_and_can_be_tried_again(library, monkeypatch):
    run_batch = database_module._run_batch
    monkeypatch.setattr(database_module, "_run_batch", lambda *_: raising(sqlite_error(sqlite3.SQLITE_IOERR))(None))

    results = await asyncio.gather(library.write(note("a")), library.write(note("b")), return_exceptions=True)

    assert [type(result) for result in results] == [LibraryError] * 2
    assert [str(result.__cause__) for result in results] == ["as SQLite would say it"] * 2
    monkeypatch.setattr(database_module, "_run_batch", run_batch)
    await library.write(note("c"))
    assert await library.read(notes) == ["c"]


FILE_IN_TROUBLE = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_IOERR_WRITE,  # an extended code: what counts is its primary one
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_INTERRUPT,
)


async def test_an_error_of_the_file_takes_the_whole_commit_with_it(library):
    for code in FILE_IN_TROUBLE:
        results = await asyncio.gather(
            library.write(note("before")), library.write(raising(sqlite_error(code))), library.write(note("after")),
            return_exceptions=True,
        )  # fmt: skip
        assert [isinstance(result, Exception) for result in results] == [True] * 3, code

    assert await library.read(notes) == []


@pytest.mark.unverified
@pytest.mark.parametrize("code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB])
async def test_damage_takes_the_whole_commit_with_it(library, code):
    results = await asyncio.gather(
        library.write(note("before")), library.write(raising(sqlite_error(code, sqlite3.DatabaseError))),
        return_exceptions=True,
    )  # fmt: skip

    assert [type(result) for result in results] == [LibraryDamagedError] * 2
    assert await library.read(notes) == []


# --- cancelling -----------------------------------------------------------------------------------------------------


async def test_cancelling_who_waits_does_not_tear_its_transaction(library):
    gate = Gate()

    def write_twice(tx: Tx) -> None:
        note("one")(tx)
        gate(tx)
        note("two")(tx)

    caller = asyncio.create_task(library.write(write_twice))
    await gate.entered()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    gate.open()

    await library.write(note("next"))
    assert await library.read(notes) == ["one", "behind the gate", "two", "next"]


async def test_cancelling_who_waits_hurts_none_who_wait_with_it(library):
    gate = Gate()
    first = asyncio.create_task(library.write(gate))
    await gate.entered()
    others = [asyncio.create_task(library.write(note(str(i)))) for i in range(9)]
    await asyncio.sleep(0)
    for other in others[::2]:
        other.cancel()
    gate.open()

    await first
    results = await asyncio.gather(*others, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False] * 4 + [True]
    assert await library.read(notes) == ["behind the gate", *"012345678"]


async def test_a_function_that_fails_for_a_caller_who_went_away_troubles_nobody(library):
    gate = Gate()
    first = asyncio.create_task(library.write(gate))
    await gate.entered()
    caller = asyncio.create_task(library.write(fail))
    await asyncio.sleep(0)
    caller.cancel()
    gate.open()

    await first
    await library.write(note("next"))
    assert await library.read(notes) == ["behind the gate", "next"]


async def test_when_every_task_is_cancelled_nobody_waits_for_ever_and_what_ran_is_whole(library):
    gate = Gate()

    def write_twice(tx: Tx) -> None:
        note("one")(tx)
        gate(tx)
        note("two")(tx)

    tasks = [asyncio.create_task(library.write(write_twice))]
    await gate.entered()
    tasks += [asyncio.create_task(library.write(note("waiting"))) for _ in range(MAX_BATCH + 1)]
    await asyncio.sleep(0)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    gate.open()

    async with asyncio.timeout(10):
        await asyncio.gather(*tasks, return_exceptions=True)
        await library.close()
    with contextlib.closing(sqlite3.connect(library.path)) as reopened:
        assert notes(reopened)[:3] == ["one", "behind the gate", "two"]


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.003, 0.01])
async def test_work_that_is_cancelled_in_the_midst_of_writing_leaves_whole_transactions(library, seconds):
    def pair(tx: Tx) -> None:
        note("one")(tx)
        note("two")(tx)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for _ in range(300):
                group.create_task(library.write(pair))

    stored = await library.read(notes)
    assert stored == ["one", "two"] * (len(stored) // 2)


async def test_when_the_writers_task_is_cancelled_its_callers_are_told_and_the_next_are_served(library):
    gate = Gate()
    caller = asyncio.create_task(library.write(gate))
    await gate.entered()
    (writer,) = tasks_named("writer")
    writer.cancel()

    with pytest.raises(LibraryError) as told:
        await caller

    assert str(told.value) == "The library was closed."
    gate.open()
    await library.write(note("next"))
    assert await library.read(notes) == ["behind the gate", "next"], "what ran is whole all the same"


async def test_when_the_writers_task_is_cancelled_before_it_began_nobody_waits_for_ever(library):
    caller = asyncio.create_task(library.write(note("never")))
    await asyncio.sleep(0)
    (writer,) = tasks_named("writer")
    writer.cancel()

    async with asyncio.timeout(10):
        with pytest.raises(LibraryError) as told:
            await caller
        assert str(told.value) == "The library was closed."
        await library.write(note("next"))
    assert await library.read(notes) == ["next"]


async def test_when_the_writers_task_fails_its_callers_are_told_and_the_next_are_served(library, monkeypatch, caplog):
    async def fail_at_once() -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(library, "_drain_waiting", fail_at_once)
        async with asyncio.timeout(10):
            with pytest.raises(ZeroDivisionError):
                await library.write(note("never"))

    assert [record.getMessage() for record in caplog.records] == ["the writer failed"]
    await library.write(note("next"))
    assert await library.read(notes) == ["next"]


@pytest.mark.unverified
async def test_when_the_end_is_cancelled_on_its_way_it_can_be_asked_for_again(library):
    threads = threading.active_count()
    closing = asyncio.create_task(library.close())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (task,) = tasks_named("close library")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing

    await library.close()

    assert threading.active_count() == threads - 3, "one writer and two readers"


# --- reading --------------------------------------------------------------------------------------------------------


async def test_the_queries_of_one_read_see_one_snapshot(library):
    await library.write(note("before"))
    looked, go_on = threading.Event(), threading.Event()

    def look_twice(connection: sqlite3.Connection) -> tuple[list[str], list[str]]:
        first = notes(connection)
        looked.set()
        assert go_on.wait(10)
        return first, notes(connection)

    reading = asyncio.create_task(library.read(look_twice))
    await until(looked.is_set)
    await library.write(note("meanwhile"))
    go_on.set()

    assert await reading == (["before"], ["before"])
    assert await library.read(notes) == ["before", "meanwhile"]


async def test_a_long_read_keeps_neither_a_short_one_nor_a_write_waiting(library):
    started, go_on = threading.Event(), threading.Event()

    def long(_: sqlite3.Connection) -> None:
        started.set()
        assert go_on.wait(10)

    reading = asyncio.create_task(library.read(long))
    await until(started.is_set)
    await library.write(note("meanwhile"))
    assert await library.read(notes) == ["meanwhile"]
    go_on.set()
    await reading


async def test_a_read_goes_to_the_reader_that_has_least_to_do(library):
    class LongRead:
        def __init__(self) -> None:
            self.started, self.go_on = threading.Event(), threading.Event()
            self.task: asyncio.Task[None] = asyncio.create_task(library.read(self))

        def __call__(self, _: sqlite3.Connection) -> None:
            self.started.set()
            assert self.go_on.wait(10)

        async def end(self) -> None:
            self.go_on.set()
            await self.task

    for _ in range(2):
        long = LongRead()
        await until(long.started.is_set)
        for _ in range(4):
            assert await library.read(notes) == [], "the other is free each time"
        await long.end()
    first, second = LongRead(), LongRead()
    await until(lambda: first.started.is_set() and second.started.is_set())
    behind_the_first, behind_the_second = (asyncio.create_task(library.read(notes)) for _ in range(2))
    await asyncio.sleep(0)
    await second.end()

    assert await behind_the_second == []
    assert not behind_the_first.done()
    await first.end()
    assert await behind_the_first == []


async def test_a_read_that_raises_leaves_the_reader_usable(library):
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await library.read(raising(ZeroDivisionError()))

    assert await library.read(notes) == []


async def test_a_reader_cannot_write(library):
    with pytest.raises(LibraryReadOnlyError):
        await library.read(lambda connection: connection.execute("DELETE FROM audit"))


async def test_an_interrupted_read_ends(library):
    started = threading.Event()
    reading = asyncio.create_task(library.read(endless(started)))
    await until(started.is_set)
    await library.interrupt_reads()

    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        await reading


async def test_a_library_opened_for_reading_only_reads_and_does_not_write(library):
    await library.write(note("here"))
    reader = Database(library.path, clock=ManualClock(), writable=False)
    await reader.open()
    try:
        assert await reader.read(notes) == ["here"]
        with pytest.raises(BugError) as mistake:
            await reader.write(note("never"))
        assert str(mistake.value) == "this library was opened for reading only"
    finally:
        await reader.close()


PRAGMAS = (
    "journal_mode", "synchronous", "foreign_keys", "recursive_triggers", "busy_timeout", "wal_autocheckpoint",
    "mmap_size", "journal_size_limit", "query_only",
)  # fmt: skip


def settings(connection: sqlite3.Connection) -> dict[str, Any]:
    values = {name: connection.execute(f"PRAGMA {name}").fetchone() for name in PRAGMAS}
    return {name: value[0] for name, value in values.items() if value is not None}


async def test_the_writer_has_the_settings_that_the_promise_rests_on(library):
    assert await library.write(lambda tx: settings(tx.connection)) == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "busy_timeout": 5000,
        "wal_autocheckpoint": 1000,
        "mmap_size": 0,
        "journal_size_limit": 64 * 1024 * 1024,
        "query_only": 0,
    }


async def test_every_reader_can_only_read_and_never_checkpoints(library):
    both = threading.Barrier(2)

    def look(connection: sqlite3.Connection) -> dict[str, Any]:
        both.wait(10)  # so that each of the two readers is asked
        return settings(connection)

    for found in await asyncio.gather(library.read(look), library.read(look)):
        assert found["query_only"] == 1
        assert found["foreign_keys"] == 1
        assert found["wal_autocheckpoint"] == 0
        assert found["busy_timeout"] == 5000
        assert found["mmap_size"] == 0


# --- the end --------------------------------------------------------------------------------------------------------


@pytest.mark.unverified
async def test_closing_finishes_what_was_handed_in(library):
    gate = Gate()
    tasks = [asyncio.create_task(library.write(gate))]
    await gate.entered()
    tasks += [asyncio.create_task(library.write(note(str(i)))) for i in range(5)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(library.close())
    await asyncio.sleep(0)
    gate.open()

    await closing
    await asyncio.gather(*tasks)
    with contextlib.closing(sqlite3.connect(library.path)) as reopened:
        assert notes(reopened) == ["behind the gate", *"01234"]


@pytest.mark.unverified
async def test_a_closed_library_refuses_politely_and_can_be_closed_again(library):
    await library.close()
    await library.close()

    for late in (
        library.write(note("late")), library.read(notes), library.read_interruptibly(notes), library.checkpoint(),
    ):  # fmt: skip
        with pytest.raises(LibraryError) as refusal:
            await late
        assert str(refusal.value) == "The library is closed."


async def test_a_library_that_was_never_opened_refuses_politely(tmp_path):
    database = Database(tmp_path / "library.db", clock=ManualClock())

    for early in (
        database.write(note("early")), database.read(notes), database.read_interruptibly(notes), database.checkpoint(),
    ):  # fmt: skip
        with pytest.raises(LibraryError) as refusal:
            await early
        assert str(refusal.value) == "The library is closed."
    assert (database.revision, database.is_closed) == (0, False)
    await database.close()
    assert database.is_closed is True


@pytest.mark.unverified
async def test_nothing_begins_while_the_library_closes(library):
    gate = Gate()
    writing = asyncio.create_task(library.write(gate))
    await gate.entered()
    closing = asyncio.create_task(library.close())
    await asyncio.sleep(0)

    assert library.is_closed
    for late in (library.write(note("late")), library.read(notes), library.read_interruptibly(notes)):
        with pytest.raises(LibraryError) as refusal:
            await late
        assert str(refusal.value) == "The library is closed."
    gate.open()
    await asyncio.gather(writing, closing)


@pytest.mark.unverified
async def test_a_question_that_the_end_interrupts_is_told_so(library):
    started = threading.Event()
    asking = asyncio.create_task(library.read_interruptibly(endless(started)))
    await until(started.is_set)

    await library.close()

    with pytest.raises(LibraryError) as told:
        await asking
    assert str(told.value) == "The library was closed."


@pytest.mark.unverified
async def test_closing_leaves_no_thread_and_no_wal(library):
    await library.write(note("x"))
    threads = threading.active_count()

    await library.close()

    assert threading.active_count() == threads - 3, "one writer and two readers"
    assert not wal_of(library).exists()


@pytest.mark.unverified
async def test_closing_goes_on_when_who_asked_for_it_goes_away(library):
    gate = Gate()
    writing = asyncio.create_task(library.write(gate))
    await gate.entered()
    closing = asyncio.create_task(library.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    gate.open()

    await writing
    threads = threading.active_count()
    await library.close()
    assert threading.active_count() <= threads
    assert not wal_of(library).exists()


@pytest.fixture
def another_reader(library) -> Iterator[sqlite3.Connection]:
    """What another process would have: an open snapshot of an older state."""
    with contextlib.closing(
        sqlite3.connect(f"{library.path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    ) as other:
        yield other


@pytest.mark.unverified
async def test_the_wal_is_emptied_at_the_end_also_when_others_still_read(library, another_reader):
    await library.write(note("x" * 100_000))
    assert len(notes(another_reader)) == 1
    assert wal_of(library).stat().st_size > 100_000

    await library.close()

    assert wal_of(library).stat().st_size == 0
    assert len(notes(another_reader)) == 1


@pytest.mark.unverified
async def test_nobody_who_reads_keeps_the_end_waiting(library, another_reader):
    another_reader.execute("BEGIN")
    assert notes(another_reader) == []
    await library.write(note("newer than their snapshot"))

    before = time.monotonic()
    await library.close()

    assert time.monotonic() - before < 3, "SQLite itself would wait for its busy timeout of 5 s"
    another_reader.execute("COMMIT")
    assert notes(another_reader) == ["newer than their snapshot"]


async def test_the_wal_is_emptied_when_nothing_was_written_for_a_while(library, monkeypatch):
    monkeypatch.setattr(database_module, "_IDLE_SECONDS", 0.01)

    await library.write(note("x" * 100_000))

    await until(lambda: wal_of(library).stat().st_size == 0)
    await library.write(note("and it goes on"))
    assert len(await library.read(notes)) == 2


async def test_the_idle_checkpoint_comes_two_seconds_after_the_last_write(library):
    await library.write(note("x"))
    await asyncio.sleep(0)

    assert 1 < library._idle_timer.when() - asyncio.get_running_loop().time() <= 2


async def test_a_write_puts_the_idle_checkpoint_off(library, monkeypatch):
    checkpoints: list[Any] = []
    monkeypatch.setattr(database_module, "_checkpoint", checkpoints.append)
    await library.write(note("first"))
    second = asyncio.create_task(library.write(note("second")))
    await asyncio.sleep(0)

    library._on_idle()  # the moment comes just as the second write was handed in
    await second

    assert (tasks_named("idle checkpoint"), checkpoints) == ([], [])


@pytest.mark.unverified
async def test_there_is_no_idle_checkpoint_once_the_library_closes_or_is_damaged(library):
    library._on_idle()
    assert len(tasks_named("idle checkpoint")) == 1
    await library.write(note("x"))
    with pytest.raises(LibraryDamagedError):
        await library.read(raising(sqlite_error(sqlite3.SQLITE_CORRUPT, sqlite3.DatabaseError)))
    library._on_idle()
    assert tasks_named("idle checkpoint") == []

    healthy = Database(library.path, clock=ManualClock())
    await healthy.open()
    closing = asyncio.create_task(healthy.close())
    await asyncio.sleep(0)
    healthy._on_idle()
    assert tasks_named("idle checkpoint") == []
    await closing


async def test_a_checkpoint_that_fails_is_told_in_the_log_and_hurts_nobody(library, monkeypatch, caplog):
    monkeypatch.setattr(database_module, "_checkpoint", raising(sqlite_error(sqlite3.SQLITE_BUSY)))
    library._on_idle()

    await library.write(note("after it"))

    assert [record.getMessage() for record in caplog.records] == ["no checkpoint: as SQLite would say it"]
    assert await library.read(notes) == ["after it"]
    monkeypatch.undo()


async def test_a_mistake_of_ours_in_the_idle_checkpoint_is_told_in_the_log_and_hurts_nobody(
    library, monkeypatch, caplog
):
    monkeypatch.setattr(database_module, "_checkpoint", raising(ZeroDivisionError()))
    library._on_idle()

    await library.write(note("after it"))

    (record,) = caplog.records
    assert (record.getMessage(), record.exc_info[0]) == ("no checkpoint", ZeroDivisionError)
    assert await library.read(notes) == ["after it"]
    monkeypatch.undo()


@pytest.mark.unverified
async def test_a_checkpoint_that_fails_at_the_end_is_told_in_the_log_and_closing_goes_on(library, monkeypatch, caplog):
    threads = threading.active_count()
    monkeypatch.setattr(database_module, "_checkpoint", raising(sqlite_error(sqlite3.SQLITE_BUSY)))

    await library.close()

    assert [record.getMessage() for record in caplog.records] == ["no checkpoint at exit: as SQLite would say it"]
    assert threading.active_count() == threads - 3, "one writer and two readers"


async def test_a_write_that_comes_during_the_idle_checkpoint_is_done_after_it(library, monkeypatch):
    checkpoint = database_module._checkpoint
    entered, go_on = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        entered.set()
        assert go_on.wait(10)
        checkpoint(connection)

    monkeypatch.setattr(database_module, "_IDLE_SECONDS", 0.0)
    monkeypatch.setattr(database_module, "_checkpoint", slow)
    await library.write(note("first"))
    await until(entered.is_set)
    gate = Gate("second")
    second = asyncio.create_task(library.write(gate))
    await asyncio.sleep(0)
    assert (len(tasks_named("idle checkpoint")), tasks_named("writer")) == (1, [])
    go_on.set()

    await gate.entered()
    assert (tasks_named("idle checkpoint"), len(tasks_named("writer"))) == ([], 1)
    gate.open()
    await second
    assert await library.read(notes) == ["first", "second"]


async def test_a_library_that_cannot_be_opened_leaves_nothing_open(tmp_path):
    threads = threading.active_count()
    database = Database(tmp_path / "library.db", clock=ManualClock())

    with pytest.raises(LibraryError):
        await database.open()

    await until(lambda: threading.active_count() == threads)
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_is_no_library_leaves_nothing_open(tmp_path):
    path = tmp_path / "library.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE something_else (x)")
    threads = threading.active_count()

    with pytest.raises(sqlite3.OperationalError, match="no such table") as mistake:
        await Database(path, clock=ManualClock()).open()

    assert mistake.value.__cause__ is None
    await until(lambda: threading.active_count() == threads)


async def test_a_library_that_is_cancelled_while_it_opens_leaves_nothing_open(library):
    threads = threading.active_count()
    for turns in range(12):
        database = Database(library.path, clock=ManualClock())
        opening = asyncio.create_task(database.open())
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        opening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await opening
        await database.close()
        await until(lambda: threading.active_count() == threads)


# --- damage ---------------------------------------------------------------------------------------------------------


@pytest.mark.unverified
@pytest.mark.parametrize("code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB])
@pytest.mark.parametrize("found_by", ["write", "read"])
async def test_damage_stops_all_writing_and_keeps_the_files_byte_for_byte(library, code, found_by):
    await library.write(note("sound"))
    files = (library.path, wal_of(library))
    before = fingerprint(*files)

    with pytest.raises(LibraryDamagedError):
        await getattr(library, found_by)(raising(sqlite_error(code, sqlite3.DatabaseError)))

    with pytest.raises(LibraryDamagedError):
        await library.write(note("never"))
    await library.close()
    assert fingerprint(*files) == before


@pytest.mark.unverified
async def test_damage_stops_those_who_were_waiting_too(library):
    gate = Gate()

    def find_damage(tx: Tx) -> None:
        gate(tx)
        raise sqlite_error(sqlite3.SQLITE_CORRUPT, sqlite3.DatabaseError)

    tasks = [asyncio.create_task(library.write(find_damage))]
    await gate.entered()
    tasks += [asyncio.create_task(library.write(note("never"))) for _ in range(3)]
    await asyncio.sleep(0)
    gate.open()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results] == [LibraryDamagedError] * 4
    assert await library.read(notes) == []


@pytest.mark.unverified
async def test_damage_that_a_read_finds_stops_those_who_wait_for_the_writer(library):
    gate = Gate()
    begun = asyncio.create_task(library.write(gate))
    await gate.entered()
    waiting = [asyncio.create_task(library.write(note("never"))) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(LibraryDamagedError):
        await library.read(raising(sqlite_error(sqlite3.SQLITE_CORRUPT, sqlite3.DatabaseError)))
    gate.open()

    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(result) for result in results] == [LibraryDamagedError] * 3
    await begun
    assert await library.read(notes) == ["behind the gate"]


async def test_a_full_text_index_in_disorder_does_not_stop_the_library(library):
    with pytest.raises(SearchIndexDamagedError):
        await library.read(raising(sqlite_error(sqlite3.SQLITE_CORRUPT_VTAB, sqlite3.DatabaseError)))

    await library.write(note("goes on"))
    assert await library.read(notes) == ["goes on"]


async def test_a_write_that_meets_a_damaged_full_text_index_is_done_once_more_as_if_for_the_first_time(library, clock):
    seen: list[int] = []

    def meet_it_once(tx: Tx) -> None:
        note(f"try {len(seen)}")(tx)
        seen.append(tx.now)
        if len(seen) == 1:
            raise sqlite_error(sqlite3.SQLITE_CORRUPT_VTAB, sqlite3.DatabaseError)

    await library.write(meet_it_once)

    assert seen == [clock.now_ms()] * 2
    assert await library.read(notes) == ["try 1"]


def test_an_error_of_the_module_itself_is_not_taken_for_damage():
    closed = sqlite3.connect(":memory:")
    closed.close()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        database_module._run_mending(closed, [], 0)


async def test_that_the_full_text_index_is_built_anew_is_told_in_the_log(library, caplog):
    await library.write(database_module.rebuild_search_index)

    assert [record.getMessage() for record in caplog.records] == [
        "the full-text index is damaged; it is built anew from the documents"
    ]


@pytest.mark.parametrize("read", ["read", "read_interruptibly"])
async def test_an_error_of_a_read_has_its_cause_and_is_never_its_own(library, read):
    with pytest.raises(LibraryReadOnlyError) as known:
        await getattr(library, read)(lambda connection: connection.execute("DELETE FROM audit"))
    with pytest.raises(sqlite3.OperationalError, match="no such table") as ours:
        await getattr(library, read)(lambda connection: connection.execute("SELECT * FROM nowhere"))

    assert isinstance(known.value.__cause__, sqlite3.OperationalError)
    assert ours.value.__cause__ is None
