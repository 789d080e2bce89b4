"""The worker pool (Q6, Q8): N workers, faults that cost one job, clean stops, leases, a full disk."""

import asyncio
import contextlib
import random
import time

import pytest

from quaero_desktop.domain.errors import DiskFullError, LibraryDamagedError, LibraryError
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.outcomes import Failed, Snoozed
from quaero_desktop.domain.queue import Turns
from quaero_desktop.storage.ledger import Ledger
from tests.engine.conftest import SITE, Bench, never, store
from tests.support.outcomes import stored
from tests.support.waiting import until

JOB = "SELECT status, cause, error FROM jobs WHERE url = ?"
MESSAGE = "SELECT state, tries, owner FROM messages JOIN jobs ON jobs.id = job_id WHERE url = ?"


def paths(count: int) -> list[str]:
    return [f"/{number}" for number in range(count)]


class Beside:
    """A ledger that does something of the test's between the pool and the real one."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __getattr__(self, name):
        return getattr(self._ledger, name)


@contextlib.asynccontextmanager
async def running(bench: Bench, **options):
    task = asyncio.create_task(bench.pool.run(**options))
    try:
        yield task
    finally:
        if not task.done():
            bench.pool.stop()
            bench.pool.stop()
            await asyncio.wait([task])


# --- N workers (Q8) -------------------------------------------------------------------------------------------------


async def test_n_workers_run_n_jobs_at_a_time_and_no_more(bench):
    async def work(job):
        await asyncio.sleep(0.003)
        return stored(job.url)

    root = await bench.start(*paths(20))
    bench.build(work, workers=3)

    report = await bench.run()

    assert bench.executor.most_at_once == 3
    assert sorted(bench.executor.started) == sorted(paths(20))
    assert (report.processed, report.completed, report.failed) == (20, 20, 0)
    assert 0 < report.seconds < 3
    assert await bench.status(root) == "completed"


async def test_the_number_of_workers_may_change_while_they_run(bench):
    gate = asyncio.Event()

    async def work(job):
        await gate.wait()
        return stored(job.url)

    await bench.start(*paths(9))
    bench.build(work, workers=1)
    async with running(bench):
        await until(lambda: bench.pool.running == 1)
        bench.pool.workers = 4
        bench.pool.poke()
        await until(lambda: bench.pool.running == 4)
        bench.pool.workers = 2
        gate.set()
        await until(lambda: len(bench.executor.started) == 9 and bench.pool.running == 0)
    assert bench.executor.most_at_once == 4


async def test_without_work_an_until_idle_run_ends_at_once(bench):
    bench.build()
    report = await bench.run()
    assert (report.processed, report.seconds) == (0, 0.0)


async def test_a_run_for_some_roots_leaves_the_others_alone(bench):
    mine = await bench.start("/mine")
    other = await bench.start("/other")
    bench.build()

    await bench.run(only=frozenset({mine}))

    assert bench.executor.started == ["/mine"]
    assert (await bench.status(mine), await bench.status(other)) == ("completed", "pending")


async def test_two_roots_share_the_workers_fairly(bench):
    """Q4: a root with many pages does not keep one that came later waiting."""
    await bench.start(*(f"/first/{number}" for number in range(20)))
    await bench.start(*(f"/second/{number}" for number in range(20)))
    bench.build(workers=2)

    await bench.run()

    of_the_first = sum(path.startswith("/first/") for path in bench.executor.started[:20])
    assert 9 <= of_the_first <= 11


async def test_a_poke_wakes_an_idle_pool(bench):
    bench.build()
    async with running(bench):
        await until(lambda: bench.pool.running == 0)
        await asyncio.sleep(0.02)  # it has looked at the empty queue and sleeps
        began = time.monotonic()
        await bench.start("/late")
        bench.pool.poke()
        await until(lambda: bench.executor.started == ["/late"])
        assert time.monotonic() - began < 4, "else it looks by itself after 5 s"


async def test_a_snoozed_job_goes_back_uncounted_and_its_lane_rests(bench):
    """Q3, Q4."""

    async def snooze_once(job):
        if len(bench.executor.started) == 1:
            return Snoozed(until=time.time_ns() // 1_000_000 + 60, reason="not now")
        return stored(job.url)

    await bench.start("/a", "/b")
    bench.build(snooze_once, workers=1)
    began = time.monotonic()

    report = await bench.run()

    assert time.monotonic() - began >= 0.05
    assert sorted(bench.executor.started[1:]) == ["/a", "/b"]
    assert (report.completed, report.failed) == (2, 0)
    assert await bench.rows("SELECT max(delivery), count(*) FROM attempts WHERE outcome = 'completed'") == [(2, 2)]


# --- faults that cost one job (Q8) ----------------------------------------------------------------------------------


async def test_an_executor_that_raises_fails_its_job_and_no_other(bench, caplog):
    async def work(job):
        if job.url.endswith("/bad"):
            raise ZeroDivisionError("division by zero")
        return stored(job.url)

    root = await bench.start("/good", "/bad", "/better")
    bench.build(work)

    report = await bench.run()

    assert (report.completed, report.failed) == (2, 1)
    assert await bench.rows(JOB, SITE + "/bad") == [
        ("failed", Cause.EXECUTOR_ERROR, "ZeroDivisionError: division by zero")
    ]
    assert await bench.rows(MESSAGE, SITE + "/bad") == [("dead", 1, None)]
    assert await bench.rows("SELECT status, warnings FROM jobs WHERE id = ?", root) == [("completed", 1)]
    assert "mistake of ours" in caplog.text


async def test_a_job_whose_own_wait_is_cancelled_fails_and_does_not_hang(bench):
    async def work(job):
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    await bench.start("/a")
    bench.build(work)
    report = await bench.run()
    assert report.failed == 1
    assert (await bench.rows(JOB, SITE + "/a"))[0][:2] == ("failed", Cause.EXECUTOR_ERROR)


async def test_an_outcome_that_cannot_be_stored_fails_its_job_and_no_other(bench):
    async def work(job):
        return stored(job.url, wire_bytes=2**70 if job.url.endswith("/bad") else 10)

    root = await bench.start("/good", "/bad")
    bench.build(work)

    report = await bench.run()

    assert (report.completed, report.failed) == (1, 1)
    status, cause, error = (await bench.rows(JOB, SITE + "/bad"))[0]
    assert (status, cause) == ("failed", Cause.EXECUTOR_ERROR)
    assert error.startswith("OverflowError: ")
    assert await bench.status(root) == "completed"


async def test_a_job_of_an_unknown_type_is_a_dead_letter_with_the_reason(bench):
    """J6: it never crashes a worker, and other jobs go on."""
    root = await bench.start("/known")
    await bench.do(
        "INSERT INTO jobs (parent_id, root_id, type, status, created_at, revision)"
        " VALUES (?1, ?1, 'mystery', 'pending', 1, 1)",
        root,
    )
    await bench.do(
        "INSERT INTO messages (queue, job_id, root_id, type, payload, state, created_at)"
        " SELECT 'jobs', id, root_id, type, '{}', 'ready', 1 FROM jobs WHERE type = 'mystery'"
    )
    bench.build()

    await bench.run()

    reason = "no executor registered for job type mystery"
    assert await bench.rows("SELECT status, cause, error FROM jobs WHERE type = 'mystery'") == [
        ("failed", Cause.NO_EXECUTOR, reason)
    ]
    assert await bench.rows("SELECT state, reason FROM messages") == [("dead", reason)]
    assert await bench.status(root) == "completed"


async def test_a_payload_that_does_not_decode_is_a_dead_letter_with_the_reason(bench):
    root = await bench.start("/good", "/bad")
    await bench.do(
        "UPDATE messages SET payload = '{' WHERE job_id = (SELECT id FROM jobs WHERE url = ?)", SITE + "/bad"
    )
    bench.build()

    await bench.run()

    assert (await bench.rows(JOB, SITE + "/bad"))[0][:2] == ("failed", Cause.BAD_PAYLOAD)
    assert await bench.rows("SELECT state, reason FROM messages") == [("dead", "its payload is not a JSON object")]
    assert await bench.status(root) == "completed"


async def test_a_failure_is_tried_again_and_then_a_dead_letter(bench):
    """Q3: as often as the root's configuration says."""

    async def fail(job):
        return Failed(cause=Cause.TIMEOUT, message="Too slow.", retryable=True)

    root = await bench.start("/a", max_attempts=3)
    bench.build(fail)

    report = await bench.run()

    assert bench.executor.started == ["/a"] * 3
    assert (report.processed, report.failed) == (1, 1)
    assert await bench.rows("SELECT outcome FROM attempts ORDER BY delivery") == [
        ("retried",), ("retried",), ("failed",)
    ]  # fmt: skip
    assert await bench.status(root) == "failed"


# --- a clean stop ---------------------------------------------------------------------------------------------------


async def test_a_stop_lets_running_jobs_finish_within_their_grace(bench):
    go_on = asyncio.Event()

    async def work(job):
        await go_on.wait()
        return stored(job.url)

    await bench.start("/a", "/b", "/c")
    bench.build(work, workers=2, grace_seconds=5)
    async with running(bench) as task:
        await until(lambda: bench.executor.at_once == 2)
        bench.pool.stop()
        go_on.set()
        report = await task

    assert report.completed == 2
    assert await bench.rows("SELECT state, tries FROM messages") == [("ready", 0)]


async def test_after_the_grace_running_jobs_are_cancelled_and_put_back_uncounted(bench):
    await bench.start("/a", "/b", "/c")
    bench.build(never, workers=2, grace_seconds=0.05)
    async with running(bench) as task:
        await until(lambda: bench.executor.at_once == 2)
        bench.pool.stop()
        report = await task

    assert report.processed == 0
    assert len(bench.executor.cancelled) == 2
    assert await bench.rows("SELECT state, tries, owner FROM messages") == [("ready", 0, None)] * 3
    assert await bench.rows("SELECT DISTINCT status FROM jobs WHERE url IS NOT NULL") == [("pending",)]
    assert await bench.rows("SELECT outcome FROM attempts") == [("released",)] * 2


async def test_a_second_stop_skips_the_grace(bench):
    await bench.start("/a")
    bench.build(never, grace_seconds=60)
    async with running(bench) as task:
        await until(lambda: bench.executor.at_once == 1)
        bench.pool.stop()
        await asyncio.sleep(0.02)
        assert not task.done()
        bench.pool.stop()
        async with asyncio.timeout(1):
            await task
    assert await bench.rows("SELECT state FROM messages") == [("ready",)]


async def test_a_job_that_is_stopped_before_its_first_step_is_put_back_too(bench):
    class StoppingAsItReceives(Beside):
        async def receive(self, n: int, turns: Turns):
            received = await bench.ledger.receive(n, turns)
            bench.pool.stop()
            bench.pool.stop()
            return received

    await bench.start("/a", "/b")
    bench.build(ledger=StoppingAsItReceives(bench.ledger))

    async with asyncio.timeout(2):
        report = await bench.pool.run()

    assert bench.executor.started == []
    assert report.processed == 0
    assert bench.pool.running == 0
    assert await bench.rows("SELECT state, owner FROM messages") == [("ready", None)] * 2


async def test_after_a_stop_the_pool_can_run_again(bench):
    await bench.start("/a")
    bench.build(never, grace_seconds=0)
    async with running(bench):
        await until(lambda: bench.executor.at_once == 1)
    bench.executor.behaviour = store
    assert (await bench.run()).completed == 1


async def test_a_stop_before_the_run_ends_it_at_once(bench):
    """Ctrl-C may come while the parse processes start."""
    await bench.start("/a")
    bench.build()
    bench.pool.stop()
    await bench.pool.run()
    assert bench.executor.started == []


@pytest.mark.parametrize("seed", range(25))
async def test_a_run_that_is_cancelled_anywhere_leaves_nothing_leased(bench, seed):
    turns = random.Random(seed)

    async def work(job):
        for _ in range(turns.randrange(4)):
            await asyncio.sleep(0)
        return stored(job.url)

    await bench.start(*paths(12))
    bench.build(work, workers=4, grace_seconds=30)
    task = asyncio.create_task(bench.pool.run())
    for _ in range(turns.randrange(200)):
        await asyncio.sleep(0)
    task.cancel()
    for _ in range(turns.randrange(3)):
        await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task

    assert bench.pool.running == 0
    assert await bench.rows("SELECT DISTINCT state FROM messages") in ([], [("ready",)])
    assert await bench.rows("SELECT count(*) FROM jobs WHERE url IS NOT NULL AND status = 'running'") == [(0,)]
    await bench.run()
    assert await bench.rows("SELECT count(*) FROM documents") == [(12,)]
    assert await bench.rows("SELECT max(version) FROM documents") == [(1,)]


# --- cancel, pause, resume (Q5, J11) --------------------------------------------------------------------------------


async def test_a_cancelled_root_ends_its_running_jobs_at_once_and_stores_nothing_of_them(bench):
    root = await bench.start("/a", "/b")
    other = await bench.start("/other")
    bench.build(never, workers=3)
    async with running(bench):
        await until(lambda: bench.executor.at_once == 3)
        await bench.ledger.cancel(root)
        bench.pool.cancel(root)
        await until(lambda: len(bench.executor.cancelled) == 2)
        assert bench.executor.at_once == 1
        assert await bench.status(other) == "running"
    assert await bench.status(root) == "cancelled"
    assert await bench.rows("SELECT status FROM jobs WHERE root_id = ?", root) == [("cancelled",)] * 2


async def test_cancelling_one_child_leaves_its_siblings_alone(bench):
    root = await bench.start("/a", "/b")
    bench.build(never, workers=2)
    async with running(bench):
        await until(lambda: bench.executor.at_once == 2)
        ((child,),) = await bench.rows("SELECT id FROM jobs WHERE url = ?", SITE + "/a")
        await bench.ledger.cancel(child)
        bench.pool.cancel(child)
        await until(lambda: bench.executor.cancelled == ["/a"])
        bench.executor.behaviour = store
        assert bench.executor.at_once == 1
    assert await bench.status(root) == "running"


async def test_a_result_that_comes_after_the_cancel_is_discarded(bench):
    go_on = asyncio.Event()

    async def work(job):
        await go_on.wait()
        return stored(job.url)

    root = await bench.start("/a")
    bench.build(work)
    async with running(bench):
        await until(lambda: bench.executor.at_once == 1)
        await bench.ledger.cancel(root)
        go_on.set()
        await until(lambda: bench.pool.running == 0)
    assert await bench.rows("SELECT count(*) FROM documents") == [(0,)]
    assert await bench.status(root) == "cancelled"


async def test_of_a_paused_root_what_runs_finishes_and_nothing_new_starts(bench):
    go_on = asyncio.Event()

    async def work(job):
        await go_on.wait()
        return stored(job.url)

    root = await bench.start(*paths(6))
    bench.build(work, workers=2)
    async with running(bench, until_idle=True) as task:
        await until(lambda: bench.executor.at_once == 2)
        await bench.ledger.pause(root)
        go_on.set()
        await task  # a paused root is nothing to wait for
    assert len(bench.executor.started) == 2
    assert await bench.rows("SELECT count(*) FROM documents") == [(2,)]
    assert await bench.status(root) == "paused"

    await bench.ledger.resume(root)
    await bench.run()
    assert await bench.rows("SELECT count(*) FROM documents") == [(6,)]
    assert await bench.status(root) == "completed"


# --- leases (Q2, Q6) ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lease_ms", [150])
async def test_a_job_that_takes_longer_than_its_lease_runs_once(bench):
    async def work(job):
        if job.url.endswith("/long"):
            await asyncio.sleep(0.5)
        return stored(job.url)

    await bench.start("/long", *paths(3))
    bench.build(work)
    await bench.run()
    assert bench.executor.started.count("/long") == 1
    assert await bench.rows("SELECT DISTINCT outcome FROM attempts") == [("completed",)]


@pytest.mark.parametrize("lease_ms", [60])
async def test_a_job_whose_lease_is_lost_is_cancelled(bench):
    await bench.start("/a")
    bench.build(never)
    async with running(bench):
        await until(lambda: bench.executor.at_once == 1)
        await bench.do("UPDATE messages SET owner = 'somebody else', lease_until = lease_until + 60000")
        await until(lambda: bench.executor.cancelled == ["/a"])
    await bench.do("UPDATE messages SET owner = 'this run'")
    await bench.do("UPDATE messages SET owner = NULL, lease_until = NULL, state = 'ready'")
    await bench.do("UPDATE jobs SET status = 'pending' WHERE url IS NOT NULL")


# --- a full disk, a damaged library ---------------------------------------------------------------------------------


class Full(Beside):
    """A ledger on a disk that is full for outcomes, while leases can still be written."""

    full = True
    refused = 0

    async def complete(self, receipt, outcome):
        if self.full:
            self.refused += 1
            raise DiskFullError("The disk is full.", "Make room.")
        return await self._ledger.complete(receipt, outcome)


@pytest.fixture
def quick_room_checks(monkeypatch):
    monkeypatch.setattr("quaero_desktop.engine.pool._ROOM_CHECK_SECONDS", 0.02)


@pytest.mark.usefixtures("quick_room_checks")
async def test_while_the_disk_is_full_the_pool_waits_says_so_once_and_burns_no_tries(bench):
    root = await bench.start(*paths(8))
    ledger = Full(bench.ledger)
    bench.build(workers=3, ledger=ledger)
    async with running(bench, until_idle=True) as task:
        await until(lambda: ledger.refused >= 12)
        begun = len(bench.executor.started)
        assert begun <= 3
        await until(lambda: ledger.refused >= 24)
        assert len(bench.executor.started) == begun, "nothing new starts while nothing can be stored"
        assert [(notice.message, notice.hint) for notice in bench.notices] == [("The disk is full.", "Make room.")]
        ledger.full = False
        report = await task

    assert report.completed == 8
    assert sorted(bench.executor.started) == sorted(paths(8))
    assert [notice.message for notice in bench.notices] == ["The disk is full.", None]
    assert await bench.rows("SELECT DISTINCT outcome, delivery FROM attempts") == [("completed", 1)]
    assert await bench.status(root) == "completed"


@pytest.mark.usefixtures("quick_room_checks")
async def test_a_library_that_cannot_grow_pauses_the_crawl_until_it_can(bench):
    async def work(job):
        return stored(job.url, "word " * 20_000)

    await bench.start(*paths(6))
    bench.build(work, workers=2)

    def set_limit(pages):
        def function(tx):
            (used,) = tx.execute("PRAGMA page_count").fetchone()
            tx.execute(f"PRAGMA max_page_count = {used + pages}")

        return bench.database.write(function)

    await set_limit(3)
    async with running(bench, until_idle=True) as task:
        await until(lambda: bench.notices)
        await set_limit(1_000_000)
        report = await task
    assert report.completed == 6
    assert [notice.message is None for notice in bench.notices] == [False, True]
    assert await bench.rows("SELECT max(delivery) FROM attempts") == [(1,)]


async def test_on_a_full_disk_a_stop_is_still_quick(bench):
    await bench.start("/a")
    bench.build(ledger=Full(bench.ledger), grace_seconds=0.05)
    async with running(bench) as task:
        await until(lambda: bench.notices)
        began = time.monotonic()
        bench.pool.stop()
        await task
        assert time.monotonic() - began < 10, "else it waits for room, which never comes"
    assert await bench.rows("SELECT state, tries FROM messages") == [("ready", 0)]


@pytest.mark.parametrize("operation", ["receive", "complete", "extend"])
@pytest.mark.parametrize("lease_ms", [60])
async def test_a_library_that_cannot_be_used_any_more_ends_the_run_with_the_error(bench, operation):
    damage = LibraryDamagedError("The library is damaged.")

    class Damaged(Beside):
        def __getattr__(self, name):
            return self.fail if name == operation else super().__getattr__(name)

        async def fail(self, *_):
            raise damage

    await bench.start("/a", "/b")
    bench.build(never if operation == "extend" else store, ledger=Damaged(bench.ledger), grace_seconds=60)
    with pytest.raises(LibraryDamagedError) as caught:
        async with asyncio.timeout(2):
            await bench.pool.run(until_idle=True)
    assert caught.value is damage
    assert bench.pool.running == 0


async def test_a_library_that_is_closed_under_the_pool_ends_the_run(bench):
    await bench.start("/a")
    bench.build(never)
    bench.is_sound = False
    task = asyncio.create_task(bench.pool.run())
    await until(lambda: bench.executor.at_once == 1)
    await bench.database.close()
    bench.pool.poke()
    with pytest.raises(LibraryError):
        async with asyncio.timeout(2):
            await task
    assert bench.pool.running == 0
