"""Cleaning up by age and status, and day by day what the settings keep no longer (O3)."""

import asyncio
import contextlib
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from quaero_desktop.domain.cleanup import DAY_MS, CleanupError, Retained, parse_age
from quaero_desktop.domain.errors import LibraryError, UsageError
from quaero_desktop.domain.jobs import OPEN_STATUSES
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.services import cleanup as cleanup_service
from quaero_desktop.services.compose import Services
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.storage import retention as retention_storage
from quaero_desktop.storage import trash
from tests.support.clock import ManualClock
from tests.support.crawling import IMPATIENT_QUEUE, assert_sound, crawl, library, page, rows, settings_with
from tests.support.crawling import site as answering
from tests.support.waiting import until

DAY_SECONDS = DAY_MS / 1000
CLOCK = ManualClock().now_ms()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def services(tmp_path, parser_here, clock) -> AsyncIterator[Services]:
    """A library with an engine whose clock stands still; it is sound when the test is over."""
    async with library(tmp_path / "library", clock=clock) as services:
        yield services


def keeping(*, jobs: int = 0, logs: int = 0) -> Settings:
    """Return settings that keep ended jobs and logs for so many days."""
    return settings_with(queue=IMPATIENT_QUEUE, storage={"job_retention_days": jobs, "log_retention_days": logs})


def leave(
    services: Services,
    *,
    days: float,
    status: str = "completed",
    pages: int = 3,
    lines: int = 0,
    began: float | None = None,
) -> int:
    """Put a crawl that ended so many days ago into the library, behind its back; return its root.

    Args:
        services: the open library.
        days: how long ago it ended.
        status: how it ended, or what it still is.
        pages: how many pages it has; they were cancelled.
        lines: how many lines each of them, and the root, wrote into the log, evenly from the beginning to the end.
        began: how many days ago it began; None for when it ended.
    """
    ended = CLOCK - round(days * DAY_MS)
    start = ended if began is None else CLOCK - round(began * DAY_MS)
    closed = status not in OPEN_STATUSES
    with contextlib.closing(sqlite3.connect(services.files.database)) as connection, connection:
        (revision,) = connection.execute("SELECT revision FROM library").fetchone()
        root = connection.execute(
            "INSERT INTO jobs (type, status, name, config, created_at, completed_at, revision)"
            " VALUES ('crawl', ?, ?, '{}', ?, ?, ?)",
            (status, f"{status} {days:g} days ago", start, ended if closed else None, revision),
        ).lastrowid
        assert root is not None
        connection.execute("INSERT INTO root_progress (root_id, discovered) VALUES (?, ?)", (root, pages))
        jobs = [root]
        for number in range(pages):
            child = connection.execute(
                "INSERT INTO jobs (parent_id, root_id, type, status, url, created_at, completed_at, revision)"
                " VALUES (?, ?, 'crawler_url', 'cancelled', ?, ?, ?, ?)",
                (root, root, f"https://left.test/{number}", start, ended, revision),
            ).lastrowid
            assert child is not None
            jobs.append(child)
        at = [start + (ended - start) * number // max(lines - 1, 1) for number in range(lines)]
        connection.executemany(
            "INSERT INTO job_logs (job_id, root_id, at, level, message) VALUES (?, ?, ?, ?, 'something happened')",
            [(job, root, when, number % 4) for number, when in enumerate(at) for job in jobs],
        )
    return root


async def roots(services: Services) -> list[int]:
    return sorted(job.id for job in (await services.jobs.page(JobFilter(limit=None))).jobs)


def line_count(services: Services, root: int | None = None) -> int:
    where = "" if root is None else f" WHERE root_id = {root}"
    return int(rows(services, f"SELECT count(*) FROM job_logs{where}")[0][0])


def audited(services: Services, action: str) -> list[int | None]:
    return [job_id for (job_id,) in rows(services, "SELECT job_id FROM audit WHERE action = ? ORDER BY id", action)]


def background() -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == "retention"]


# --- On demand --------------------------------------------------------------------------------------------------------


async def test_a_plan_names_what_is_old_enough_oldest_first_and_changes_nothing(services, clock):
    young, old = leave(services, days=2), leave(services, days=40, status="failed")
    older = leave(services, days=50, pages=5)
    plan = await services.cleanup.plan(30 * DAY_MS)
    assert plan.before == clock.now_ms() - 30 * DAY_MS
    assert [(root.id, root.status, root.jobs) for root in plan.roots] == [(older, "completed", 6), (old, "failed", 4)]
    assert (plan.jobs, plan.roots[0].name, plan.roots[0].ended_at) == (
        10, "completed 50 days ago", clock.now_ms() - 50 * DAY_MS,
    )  # fmt: skip
    assert await roots(services) == [young, old, older]


async def test_what_is_old_enough_goes_for_good_with_all_below_it_and_its_log_and_stands_in_the_audit(services):
    young, old = leave(services, days=29, lines=1), leave(services, days=30, lines=2)
    told: list[tuple[int, int]] = []
    cleanup = await services.cleanup.run(30 * DAY_MS, progress=lambda done, total: told.append((done, total)))
    assert ([root.id for root in cleanup.roots], cleanup.jobs, cleanup.failed) == ([old], 4, ())
    assert told[-1] == (4, 4)
    assert await roots(services) == [young]
    assert line_count(services) == line_count(services, young) == 4
    assert audited(services, "delete.start") == audited(services, "delete.end") == [old]
    assert len(audited(services, "delete.child")) == 3
    assert await services.cleanup.run(30 * DAY_MS) == type(cleanup)(before=cleanup.before)


async def test_documents_outlive_the_crawls_that_brought_them(services, clock, server):
    server.behaviour = answering({"/": page("/a"), "/a": page(text="Other words.")})
    done = await crawl(services, server.url("/"), delay_seconds=0)
    clock.advance(31 * DAY_SECONDS)
    cleanup = await services.cleanup.run(30 * DAY_MS)
    assert [root.id for root in cleanup.roots] == [done.job.id]
    assert rows(services, "SELECT count(*) FROM jobs") == [(0,)]
    assert rows(services, "SELECT count(*) FROM documents") == [(2,)]
    again = await crawl(services, server.url("/"), delay_seconds=0)
    assert again.root.changes["unchanged"] == 2, "and a later crawl still knows them"


@pytest.mark.parametrize("statuses", [("failed",), ("failed", "cancelled"), ()])
async def test_only_jobs_that_ended_as_asked_for_go(services, statuses: Sequence[str]):
    ended = {status: leave(services, days=40, status=status) for status in ("completed", "failed", "cancelled")}
    cleanup = await services.cleanup.run(0, statuses)
    wanted = statuses or tuple(ended)
    assert {root.status for root in cleanup.roots} == set(wanted)
    assert await roots(services) == sorted(root for status, root in ended.items() if status not in wanted)


@pytest.mark.parametrize("status", [*sorted(OPEN_STATUSES), "skipped", "gone"])
async def test_a_status_in_which_no_whole_job_has_ended_is_refused(services, status):
    wanted = "has not ended" if status in OPEN_STATUSES else "Only parts" if status == "skipped" else "Unknown status"
    for cleanup in (services.cleanup.plan, services.cleanup.run):
        with pytest.raises(UsageError, match=wanted):
            await cleanup(DAY_MS, ("failed", status))
        with pytest.raises(UsageError, match="negative"):
            await cleanup(-1)


async def test_an_open_crawl_stays_however_old_it_is(services, clock):
    root = await services.jobs.start_crawl(CrawlRequest(urls=("https://left.test/",)))
    clock.advance(400 * DAY_SECONDS)
    assert (await services.cleanup.run(DAY_MS)).jobs == 0
    await services.jobs.pause(root)
    assert (await services.cleanup.run(DAY_MS)).jobs == 0
    await services.jobs.cancel(root)
    assert (await services.cleanup.run(DAY_MS)).jobs == 0, "it has just ended"
    assert await roots(services) == [root]


async def test_a_crawl_that_was_opened_again_after_the_plan_stays(services, monkeypatch):
    first, second, third = (leave(services, days=days, status="cancelled") for days in (60, 50, 40))
    purge_ended = services.deletion.purge_ended

    async def reopening(ids: Sequence[int], **options):
        if ids == [first]:
            # One between the plan and the look at it, one after that look.
            await services.jobs.retry(second, ids=[second + 1])
        elif ids == [third]:
            await services.jobs.retry(third, ids=[third + 1])
        return await purge_ended(ids, **options)

    monkeypatch.setattr(services.deletion, "purge_ended", reopening)
    with contextlib.closing(sqlite3.connect(services.files.database)) as connection, connection:
        connection.execute('UPDATE jobs SET config = \'{"seeds": ["https://left.test/"]}\' WHERE parent_id IS NULL')
    cleanup = await services.cleanup.run(30 * DAY_MS)
    assert [root.id for root in cleanup.roots] == [first]
    assert cleanup.failed == ()
    assert await roots(services) == [second, third]
    assert all([(await services.jobs.get(root)).status in OPEN_STATUSES for root in (second, third)])


async def test_what_was_deleted_a_moment_ago_can_still_be_brought_back(services):
    root = leave(services, days=40)
    await services.deletion.delete([root])
    assert (await services.cleanup.run(0)).roots == ()
    assert await services.deletion.restore([root]) == (root,)


async def test_what_cannot_be_deleted_is_named_and_the_others_go(services):
    first, second, third = (leave(services, days=days) for days in (60, 50, 40))
    with contextlib.closing(sqlite3.connect(services.files.database)) as connection, connection:
        connection.execute(
            f"CREATE TRIGGER stubborn BEFORE DELETE ON jobs WHEN old.id = {second + 1}"
            " BEGIN SELECT RAISE(ABORT, 'it is wanted'); END"
        )
    with pytest.raises(CleanupError, match=f"job {second + 1}: it is wanted") as raised:
        await services.cleanup.run(30 * DAY_MS)
    assert [failure.id for failure in raised.value.cleanup.failed] == [second + 1]
    assert [root.id for root in raised.value.cleanup.roots] == [first, second, third]
    assert rows(services, "SELECT id FROM jobs") == [(second + 1,)]


async def test_a_cancelled_cleanup_leaves_the_rest_as_it_is_and_the_next_one_goes_on(services, monkeypatch):
    monkeypatch.setattr(trash, "BATCH", 5)
    first, second, third = (leave(services, days=days, pages=40) for days in (60, 50, 40))
    begun = asyncio.Event()

    def tell(done: int, total: int) -> None:
        assert total == 3 * 41
        if done > 50:
            begun.set()

    task = asyncio.create_task(services.cleanup.run(30 * DAY_MS, progress=tell))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await roots(services) == [third]
    assert (await services.jobs.get(third)).child_count == 40
    await assert_sound(services)
    await until(lambda: rows(services, "SELECT count(*) FROM jobs") == [(41,)])
    assert [root.id for root in (await services.cleanup.run(30 * DAY_MS)).roots] == [third]
    assert first < second


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("30d", 30 * DAY_MS), ("12h", DAY_MS // 2), ("2w", 14 * DAY_MS), (" 90 M ", 5_400_000), ("0d", 0)],
)
def test_an_age_is_a_number_with_a_unit(text, milliseconds):
    assert parse_age(text) == milliseconds


@pytest.mark.parametrize(
    "text", ["", "30", "d", "-3d", "1.5d", "3 days", "30x", "1d12h", "٣d", "9" * 5000 + "d", "37000d"]
)
def test_what_is_no_age_is_refused_with_a_sentence(text):
    with pytest.raises(UsageError, match=r"no age|lacks its unit|hundred years"):
        parse_age(text)


# --- Retention --------------------------------------------------------------------------------------------------------


async def test_lines_of_ended_jobs_go_when_they_are_too_old_and_the_jobs_stay(services):
    old = leave(services, days=40, lines=3)
    half = leave(services, days=20, began=40, lines=3)  # a line each 40, 30 and 20 days ago
    young = leave(services, days=10, lines=3)
    assert await services.cleanup.apply_retention(keeping(logs=30)) == Retained(log_lines=4 * 3 + 4)
    assert (line_count(services, old), line_count(services, half), line_count(services, young)) == (0, 8, 12)
    assert await roots(services) == [old, half, young]
    assert audited(services, "logs.expired") == [old, half]
    assert await services.cleanup.apply_retention(keeping(logs=30)) == Retained()


async def test_an_open_crawl_keeps_all_of_its_log(services, clock):
    root = await services.jobs.start_crawl(CrawlRequest(urls=("https://left.test/",)))
    await services.jobs.pause(root)
    lines = line_count(services, root)
    assert lines > 0
    clock.advance(400 * DAY_SECONDS)
    assert await services.cleanup.apply_retention(keeping(logs=1)) == Retained()
    assert line_count(services, root) == lines


async def test_ended_jobs_go_when_they_are_too_old_and_zero_keeps_everything(services):
    old, young = leave(services, days=400, lines=2), leave(services, days=1, lines=2)
    assert await services.cleanup.apply_retention(keeping()) == Retained()
    assert await services.cleanup.apply_retention(keeping(jobs=30)) == Retained(jobs=4)
    assert await roots(services) == [young]
    assert line_count(services) == line_count(services, young)
    assert audited(services, "delete.start") == [old]


async def test_many_lines_go_in_many_transactions_and_a_cancelled_pass_is_gone_on_with(services, monkeypatch):
    monkeypatch.setattr(retention_storage, "LOG_BATCH", 10)
    leave(services, days=40, pages=9, lines=200)
    task = asyncio.create_task(services.cleanup.apply_retention(keeping(logs=30)))
    await until(lambda: line_count(services) <= 1900)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    left = line_count(services)
    assert 0 < left < 2000
    await assert_sound(services)
    monkeypatch.setattr(retention_storage, "LOG_BATCH", 5_000)
    assert await services.cleanup.apply_retention(keeping(logs=30)) == Retained(log_lines=line_count(services) or left)
    assert line_count(services) == 0


async def test_lines_are_found_by_an_index_only(services):
    root = leave(services, days=40, lines=1)
    for sql in (retention_storage._ROOTS_WITH_OLD_LINES, retention_storage._OLD_LINES):
        given = {"before": CLOCK, "root": root, "after": 0, "most": 10}
        steps = [step for *_, step in explained(services, sql, given)]
        assert not [step for step in steps if step.startswith("SCAN")], steps
        assert any("job_logs_root" in step for step in steps)


def explained(services: Services, sql: str, given: dict[str, int]) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(f"file:{services.files.database}?mode=ro", uri=True)) as connection:
        return connection.execute(f"EXPLAIN QUERY PLAN {sql}", given).fetchall()


_RETAINING = """
import asyncio, sys
from pathlib import Path
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.services import compose
from quaero_desktop.storage import retention, trash
from tests.services.test_cleanup import keeping
from tests.support.clock import ManualClock

trash.BATCH, retention.LOG_BATCH = 20, 50

async def main():
    settings = keeping(jobs=100, logs=30)
    async with compose.writing(LibraryFiles(Path(sys.argv[1])), settings, clock=ManualClock()) as services:
        await services.cleanup.apply_retention(settings)

asyncio.run(main())
"""


@pytest.mark.parametrize("of", ["jobs", "job_logs"])
async def test_a_process_that_is_killed_half_way_leaves_a_sound_library_and_the_next_one_goes_on(
    tmp_path, parser_here, clock, monkeypatch, of
):
    async with library(tmp_path / "library", keeping(), clock=clock) as services:
        old = leave(services, days=200, pages=1500)
        kept = leave(services, days=40, pages=9, lines=1000)
    left = rows(services, f"SELECT count(*) FROM {of}")[0][0]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _RETAINING, str(services.files.folder), cwd=Path(__file__).parents[2]
    )
    try:
        count = f"SELECT count(*) FROM {of}"
        await until(lambda: process.returncode is not None or rows(services, count)[0][0] < left, 60)
        process.kill()
    finally:
        await process.wait()
    assert process.returncode == -signal.SIGKILL, "it was to be killed half-way"
    async with library(tmp_path / "library", keeping(), clock=clock) as services:
        await assert_sound(services)
        # What was deleted half-way is out of sight, and the start goes on with it.
        await services.cleanup.apply_retention(keeping(jobs=100, logs=30))
        await until(lambda: rows(services, "SELECT count(*) FROM jobs") == [(10,)], 30)
        assert line_count(services) == 0
        assert await roots(services) == [kept]
        assert old in audited(services, "delete.end")


# --- Day by day -------------------------------------------------------------------------------------------------------


@pytest.fixture
def soon(monkeypatch) -> None:
    """The first look is taken at once, and the clock is looked at all the time."""
    monkeypatch.setattr(cleanup_service, "_FIRST_SECONDS", 0.0)
    monkeypatch.setattr(cleanup_service, "_LONGEST_WAIT_SECONDS", 0.01)


async def test_it_is_applied_after_the_start_and_then_once_a_day(tmp_path, parser_here, clock, soon):
    async with library(tmp_path / "library", keeping(jobs=100, logs=30), clock=clock) as services:
        first = leave(services, days=40, lines=1)
        second = leave(services, days=29.5, lines=1)
        third = leave(services, days=28.5, lines=1)
        await until(lambda: line_count(services, first) == 0)
        clock.advance(0.9 * DAY_SECONDS)
        await asyncio.sleep(0.05)
        assert line_count(services) == 8, "the second is too old by now, but the day is not over"
        clock.advance(0.1 * DAY_SECONDS)
        await until(lambda: line_count(services, second) == 0)
        assert line_count(services, third) == 4
        clock.advance(DAY_SECONDS)
        await until(lambda: line_count(services) == 0)
        assert await roots(services) == [first, second, third]
        clock.advance(60 * DAY_SECONDS)
        await until(lambda: rows(services, "SELECT count(*) FROM jobs") == [(8,)])
        assert await roots(services) == [second, third]
    assert not background()


async def test_a_clock_that_is_put_back_does_not_put_it_off(tmp_path, parser_here, clock, soon):
    async with library(tmp_path / "library", keeping(logs=30), clock=clock) as services:
        leave(services, days=40, lines=1)
        await until(lambda: line_count(services) == 0)
        leave(services, days=400, lines=1)
        clock.jump(-300 * DAY_SECONDS)
        await until(lambda: line_count(services) == 0)


async def test_what_was_left_goes_at_the_next_start(tmp_path, parser_here, clock, soon):
    async with library(tmp_path / "library", keeping(), clock=clock) as services:
        leave(services, days=40, lines=5)
    async with library(tmp_path / "library", keeping(logs=30), clock=clock) as services:
        await until(lambda: line_count(services) == 0)


async def test_without_an_engine_nothing_is_deleted_behind_ones_back(tmp_path, parser_here, clock, soon):
    from quaero_desktop.services import compose

    async with library(tmp_path / "library", keeping(), clock=clock) as services:
        leave(services, days=40, lines=5)
        files = services.files
    async with compose.writing(files, keeping(jobs=1, logs=1), clock=clock) as services:
        assert not background()
    async with compose.reading(files, keeping(jobs=1, logs=1), clock=clock) as services:
        assert not background()
        assert (await services.cleanup.plan(0)).jobs == 4
    assert line_count(services) == 20


async def test_other_settings_count_at_once(tmp_path, parser_here, clock, soon, monkeypatch):
    monkeypatch.setattr(cleanup_service, "_LONGEST_WAIT_SECONDS", 600.0)
    async with library(tmp_path / "library", keeping(), clock=clock) as services:
        leave(services, days=40, lines=5)
        await asyncio.sleep(0.05)
        assert line_count(services) == 20
        services.apply(keeping(logs=30))
        await until(lambda: line_count(services) == 0)
        services.apply(keeping(jobs=30, logs=30))
        await until(lambda: rows(services, "SELECT count(*) FROM jobs") == [(0,)])


async def test_settings_that_keep_more_stop_a_pass_under_way(tmp_path, parser_here, clock, soon, monkeypatch):
    monkeypatch.setattr(retention_storage, "LOG_BATCH", 1)
    async with library(tmp_path / "library", keeping(), clock=clock) as services:
        leave(services, days=40, pages=0, lines=2000)
        services.apply(keeping(logs=30))
        await until(lambda: line_count(services) < 1990)
        services.apply(keeping())
        await until(lambda: not services.cleanup._wake.is_set())
        left = line_count(services)
        assert left > 0
        await asyncio.sleep(0.05)
        assert line_count(services) == left


async def test_a_crawl_goes_on_while_old_logs_and_jobs_are_deleted(
    tmp_path, parser_here, clock, soon, server, monkeypatch
):
    monkeypatch.setattr(retention_storage, "LOG_BATCH", 20)
    monkeypatch.setattr(trash, "BATCH", 20)
    paths = [f"/{number}" for number in range(40)]
    server.behaviour = answering({"/": page(*paths), **{path: page(text=f"Words of {path}.") for path in paths}})
    async with library(tmp_path / "library", keeping(jobs=100, logs=30), clock=clock) as services:
        kept, old = leave(services, days=40, pages=19, lines=50), leave(services, days=200, pages=300, lines=2)
        services.cleanup._wake.set()
        done = await crawl(services, server.url("/"), delay_seconds=0)
        assert (done.job.status, done.root.documents) == ("completed", 41)
        await until(lambda: line_count(services, kept) == 0)
        assert await roots(services) == sorted([kept, done.job.id])
        assert line_count(services, done.job.id) > 0
        assert old not in await roots(services)


async def test_closing_does_not_wait_for_a_long_pass(tmp_path, parser_here, clock, soon, monkeypatch):
    monkeypatch.setattr(retention_storage, "LOG_BATCH", 1)
    async with library(tmp_path / "library", keeping(), clock=clock, verified=False) as services:
        leave(services, days=40, pages=0, lines=5000)
        services.apply(keeping(logs=30))
        await until(lambda: line_count(services) < 5000)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 2
    assert 0 < line_count(services) < 5000
    assert not background()


async def test_a_library_in_trouble_is_tried_again_the_next_day(
    tmp_path, parser_here, clock, soon, monkeypatch, caplog
):
    async with library(tmp_path / "library", keeping(), clock=clock) as services:
        leave(services, days=40, lines=5)
        delete_lines = services.cleanup._old.delete_lines
        troubles = [LibraryError("The disk is full."), RuntimeError("ours")]

        async def failing(*arguments):
            if troubles:
                raise troubles.pop(0)
            return await delete_lines(*arguments)

        monkeypatch.setattr(services.cleanup._old, "delete_lines", failing)
        services.apply(keeping(logs=30))
        await until(lambda: len(troubles) == 1)
        clock.advance(DAY_SECONDS)
        await until(lambda: not troubles)
        assert line_count(services) == 20
        clock.advance(DAY_SECONDS)
        await until(lambda: line_count(services) == 0)
    assert "The disk is full." in caplog.text
    assert "a mistake of ours" in caplog.text
