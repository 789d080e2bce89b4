"""Errands: long work in a thread of its own that tells how far it is, and that a cancellation ends."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from quaero_desktop.domain.errors import LibraryDamagedError
from quaero_desktop.storage import errand
from quaero_desktop.storage.errand import Errand

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
AT_ONCE_SECONDS = 10.0
"""Far less than for ever."""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "some.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE numbers (number INTEGER)")
    return path


async def test_its_value_comes_back_from_a_thread_of_its_own() -> None:
    assert await errand.run(lambda work: threading.current_thread()) is not threading.current_thread()


async def test_it_tells_on_the_event_loop_how_far_it_is_now_and_then_and_always_that_it_is_done() -> None:
    told: list[tuple[int, int]] = []
    threads = set()

    def progress(done: int, total: int) -> None:
        told.append((done, total))
        threads.add(threading.current_thread())

    def count(work: Errand) -> None:
        for done in range(1, 1001):
            work.tell(done, 1000)

    await errand.run(count, progress)
    await asyncio.sleep(0)
    assert told[0] == (1, 1000)
    assert told[-1] == (1000, 1000)
    assert len(told) < 100, "nobody reads a thousand of them a second"
    assert threads == {threading.current_thread()}


async def test_whoever_wants_no_progress_is_told_none() -> None:
    await errand.run(lambda work: work.tell(1, 1))


async def test_cancelling_interrupts_its_query_and_waits_until_it_has_cleaned_up(database: Path) -> None:
    begun, cleaned = asyncio.Event(), []
    loop = asyncio.get_running_loop()

    def ask(work: Errand) -> None:
        assert not work.stopped
        try:
            with work.connected(database) as connection:
                loop.call_soon_threadsafe(begun.set)
                connection.execute(ENDLESS).fetchone()
        finally:
            cleaned.append(work.stopped)

    task = asyncio.create_task(errand.run(ask))
    await begun.wait()
    task.cancel()
    async with asyncio.timeout(AT_ONCE_SECONDS):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert cleaned == [True]


def test_once_it_was_stopped_no_long_query_of_it_begins(database: Path) -> None:
    work = Errand()
    work.stop()
    with pytest.raises(sqlite3.OperationalError, match="interrupted"), work.connected(database) as connection:
        connection.execute(ENDLESS)


def test_stopping_it_does_no_harm_to_a_connection_that_is_closed_already(database: Path) -> None:
    work = Errand()
    with work.connected(database) as connection:
        connection.close()
        work.stop()
    assert work.stopped


def test_what_the_database_says_comes_out_in_plain_words(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("This is no database, and it is long enough to have a header. " * 20)
    with (
        pytest.raises(LibraryDamagedError, match="is not a library, or it is damaged"),
        Errand().connected(path) as connection,
    ):
        connection.execute("SELECT 1 FROM numbers")
