"""Queries that can be interrupted: the one whose caller was cancelled, at once, and never another's."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from quaero_desktop.domain.errors import LibraryError
from quaero_desktop.storage import readers
from quaero_desktop.storage.database import Database

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
AT_ONCE_SECONDS = 2.0
"""Far less than for ever, far more than it takes."""


def endless(started: asyncio.Event) -> Callable[[sqlite3.Connection], object]:
    """Return a question that is never answered; *started* tells when it is asked."""
    loop = asyncio.get_running_loop()

    def ask(connection: sqlite3.Connection) -> object:
        loop.call_soon_threadsafe(started.set)
        return connection.execute(ENDLESS).fetchone()

    return ask


async def cancelled(task: "asyncio.Task[object]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_answer_comes_back(library: Database) -> None:
    assert await library.read_interruptibly(lambda connection: connection.execute("SELECT 7").fetchone()) == (7,)


async def test_cancelling_interrupts_at_once_and_frees_the_reader(library: Database, monkeypatch) -> None:
    monkeypatch.setattr(readers, "READERS", 1)
    for _ in range(3):
        started = asyncio.Event()
        task: asyncio.Task[object] = asyncio.create_task(library.read_interruptibly(endless(started)))
        await started.wait()
        await cancelled(task)

    async with asyncio.timeout(AT_ONCE_SECONDS):
        assert await library.read_interruptibly(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)


async def test_cancelling_one_question_never_interrupts_another(library: Database) -> None:
    started, other_started = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def long(connection: sqlite3.Connection) -> int:
        loop.call_soon_threadsafe(other_started.set)
        last = time.monotonic() + 0.3
        rounds = 0
        while time.monotonic() < last:
            connection.execute("SELECT count(*) FROM sqlite_schema a, sqlite_schema b").fetchone()
            rounds += 1
        return rounds

    other = asyncio.create_task(library.read_interruptibly(long))
    task: asyncio.Task[object] = asyncio.create_task(library.read_interruptibly(endless(started)))
    await asyncio.gather(started.wait(), other_started.wait())
    await cancelled(task)

    assert await other > 0


async def test_a_question_cancelled_between_two_of_its_queries_asks_no_further(library: Database) -> None:
    """SQLite forgets an interrupt when nothing runs, so it is repeated."""
    loop = asyncio.get_running_loop()
    between, ended = asyncio.Event(), asyncio.Event()

    def ask(connection: sqlite3.Connection) -> object:
        try:
            connection.execute("SELECT 1").fetchone()
            loop.call_soon_threadsafe(between.set)
            time.sleep(0.05)
            return connection.execute(ENDLESS).fetchone()
        finally:
            loop.call_soon_threadsafe(ended.set)

    task = asyncio.create_task(library.read_interruptibly(ask))
    await between.wait()
    await cancelled(task)

    async with asyncio.timeout(AT_ONCE_SECONDS):
        await ended.wait()


async def test_a_question_cancelled_while_it_waits_for_a_reader_is_never_asked(library: Database) -> None:
    running: list[asyncio.Task[object]] = []
    for _ in range(readers.READERS):
        started = asyncio.Event()
        running.append(asyncio.create_task(library.read_interruptibly(endless(started))))
        await started.wait()
    asked: list[object] = []
    waiting = asyncio.create_task(library.read_interruptibly(asked.append))
    await asyncio.sleep(0)
    await cancelled(waiting)
    for task in running:
        await cancelled(task)

    assert await library.read_interruptibly(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)
    assert asked == []


async def test_closing_the_library_ends_a_question_that_would_never_end(library: Database) -> None:
    started = asyncio.Event()
    task = asyncio.create_task(library.read_interruptibly(endless(started)))
    await started.wait()

    async with asyncio.timeout(AT_ONCE_SECONDS):
        await library.close()

    with pytest.raises(LibraryError, match="closed"):
        await task
    with pytest.raises(LibraryError, match="closed"):
        await library.read_interruptibly(lambda connection: None)


async def test_a_question_cancelled_before_its_reader_was_open_is_never_asked(library: Database, monkeypatch) -> None:
    opening, may_go_on = asyncio.Event(), threading.Event()
    loop, connect = asyncio.get_running_loop(), readers._connect

    def slowly(path: Path) -> sqlite3.Connection:
        loop.call_soon_threadsafe(opening.set)
        may_go_on.wait()
        return connect(path)

    monkeypatch.setattr(readers, "_connect", slowly)
    asked: list[object] = []
    task = asyncio.create_task(library.read_interruptibly(asked.append))
    await opening.wait()
    await cancelled(task)
    may_go_on.set()

    assert await library.read_interruptibly(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)
    assert asked == []


async def test_closing_the_library_waits_for_a_cancelled_question_that_has_not_ended(library: Database) -> None:
    loop, asked, may_end, ended = asyncio.get_running_loop(), asyncio.Event(), threading.Event(), []

    def ask(connection: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(asked.set)
        may_end.wait()
        ended.append(True)

    task = asyncio.create_task(library.read_interruptibly(ask))
    await asked.wait()
    await cancelled(task)
    closing = asyncio.create_task(library.close())
    await asyncio.sleep(0.01)
    assert not closing.done()
    may_end.set()
    await closing
    assert ended == [True]


async def test_when_the_event_loop_ends_whoever_asked_is_told_that_it_was_cancelled(library: Database) -> None:
    """The end of a loop cancels every task, the reading one too."""
    loop, asked, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def ask(connection: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(asked.set)
        may_end.wait()

    task = asyncio.create_task(library.read_interruptibly(ask))
    await asked.wait()
    [reading] = [each for each in asyncio.all_tasks() if each.get_name() == "interruptible read"]
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    may_end.set()
    await library.close()


async def test_an_error_of_the_question_reaches_its_caller_and_the_reader_goes_on(library: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        await library.read_interruptibly(lambda connection: 1 // 0)
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await library.read_interruptibly(lambda connection: connection.execute("SELECT * FROM nowhere"))

    assert await library.read_interruptibly(lambda connection: connection.in_transaction)


async def test_it_reads_and_never_writes(library: Database) -> None:
    with pytest.raises(LibraryError, match="cannot be written"):
        await library.read_interruptibly(lambda connection: connection.execute("DELETE FROM jobs"))


async def test_a_search_that_was_cancelled_does_not_keep_the_next_one_waiting(library: Database, monkeypatch) -> None:
    from quaero_desktop.services.library import LibraryService
    from quaero_desktop.storage.queries import search

    started = asyncio.Event()
    monkeypatch.setattr(search, "search", lambda connection, *_: endless_here(connection))
    loop = asyncio.get_running_loop()

    def endless_here(connection: sqlite3.Connection) -> object:
        loop.call_soon_threadsafe(started.set)
        return connection.execute(ENDLESS).fetchone()

    service = LibraryService(library)
    for _ in range(readers.READERS + 1):
        started.clear()
        task: asyncio.Task[object] = asyncio.create_task(service.search("python"))
        async with asyncio.timeout(AT_ONCE_SECONDS):
            await started.wait()
        await cancelled(task)
