"""Deleting while an engine runs, undoing it, and emptying the trash when it is time (X3, X4, X6)."""

import asyncio
import contextlib
import random
import sqlite3

import pytest

from quaero_desktop.domain.deletion import TRASH_SECONDS, Deletion, DeletionError
from quaero_desktop.domain.errors import NotAllowedError, NotFoundError
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.services import deletion as deletion_service
from quaero_desktop.services.compose import Services
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.storage import deletion as deletion_storage
from quaero_desktop.storage import trash
from tests.support.clock import ManualClock
from tests.support.crawling import (
    NO_ROBOTS,
    assert_sound,
    crawl,
    engine_of,
    engine_running,
    library,
    page,
    pages_of,
    rows,
)
from tests.support.recording_server import Exchange, RecordingServer
from tests.support.waiting import until

PATHS = tuple(f"/{number}" for number in range(30))


class Gated:
    """A site whose first page links to all others; those are answered only while the gate is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def __call__(self, exchange: Exchange) -> None:
        match exchange.target:
            case "/":
                await exchange.send(page(*PATHS))
            case "/robots.txt" | "/sitemap.xml":
                await exchange.send(NO_ROBOTS)
            case _:
                waits = [asyncio.create_task(wait) for wait in (self.gate.wait(), exchange.until_hung_up())]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for task in waits:
                    task.cancel()
                await asyncio.wait(waits)
                if self.gate.is_set():
                    await exchange.send(page(text=f"Words of {exchange.target}."))


@pytest.fixture
def site(server: RecordingServer) -> Gated:
    server.behaviour = gated = Gated()
    return gated


async def start(services: Services, server: RecordingServer) -> int:
    """Start a crawl; return its root once some of its pages are waited for."""
    request = CrawlRequest(urls=(server.url("/"),), delay_seconds=0, per_host=3)
    root = await services.jobs.start_crawl(request)
    await server.until(lambda: len(requested(server)) >= 3)
    return root


def requested(server: RecordingServer) -> list[str]:
    return [target for target in server.targets if target in PATHS]


def leave(services: Services, count: int) -> int:
    """Put an ended crawl with *count* pages that were skipped into the library, behind its back; return its root."""
    with contextlib.closing(sqlite3.connect(services.files.database)) as connection, connection:
        root = connection.execute(
            "INSERT INTO jobs (type, status, name, config, created_at, completed_at, revision)"
            " VALUES ('crawl', 'cancelled', 'left', '{}', 1, 1, 1)"
        ).lastrowid
        connection.execute("INSERT INTO root_progress (root_id, discovered) VALUES (?, ?)", (root, count))
        connection.executemany(
            "INSERT INTO jobs (parent_id, root_id, type, status, url, created_at, completed_at, revision)"
            " VALUES (?, ?, 'crawler_url', 'cancelled', ?, 1, 1, 1)",
            [(root, root, f"https://left.test/{number}") for number in range(count)],
        )
    assert root is not None
    return root


async def completed(services: Services, root: int) -> None:
    """Wait until a crawl has completed."""
    sql = "SELECT 1 FROM jobs WHERE id = ? AND status = 'completed'"
    await until(lambda: rows(services, sql, root), 10)


def job_count(services: Services) -> int:
    return rows(services, "SELECT count(*) FROM jobs")[0][0]


# --- A crawl that runs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purge", [False, True])
async def test_a_running_crawl_is_stopped_at_once_and_deleted(services, server, site, purge):
    async with engine_running(services, workers=3, until_idle=True) as running:
        root = await start(services, server)
        deletion = await services.deletion.delete([root], purge=purge)
        assert deletion.deleted[-1] == root
        # Nothing is left to do, the requests under way are dropped, and no other is made.
        await asyncio.wait_for(running, 5)
        await server.until(lambda: server.open == 0)
    site.gate.set()
    assert len(requested(server)) == 3
    assert (await services.jobs.page(JobFilter(parent="all"))).total_count == 0
    await assert_sound(services)
    if purge:
        assert job_count(services) == 0
        assert rows(services, "SELECT count(*) FROM messages") == [(0,)]
        assert len(deletion.deleted) == 1 + len(PATHS) + len(await pages_besides(services))
    assert rows(services, "SELECT count(*) FROM documents") == [(1,)], "what it brought stays"


async def pages_besides(services: Services) -> list[str]:
    """Return what else the crawl had than the pages of PATHS: its first page, the check of the start, a sitemap."""
    sql = "SELECT detail FROM audit WHERE action = 'delete.child'"
    return [detail for (detail,) in rows(services, sql)][len(PATHS) :]


async def test_an_undone_deletion_of_a_running_crawl_lets_it_go_on_to_its_end(services, server, site):
    async with engine_running(services, workers=3) as running:
        root = await start(services, server)
        await services.deletion.delete([root])
        await server.until(lambda: server.open == 0)
        await assert_sound(services)
        with pytest.raises(NotFoundError):
            await services.jobs.get(root)
        assert await services.deletion.restore([root]) == (root,)
        assert (await services.jobs.get(root)).status == "running"
        site.gate.set()
        await completed(services, root)
        assert not running.done()
    pages = await pages_of(services, root)
    assert {path for path, job in pages.items() if job.status == "completed"} == {"/", *PATHS}


async def test_a_deleted_page_that_runs_is_dropped_and_the_crawl_goes_on_without_it(services, server, site):
    async with engine_running(services, workers=3, until_idle=True) as running:
        root = await start(services, server)
        pages = await pages_of(services, root)
        victim = pages[requested(server)[0]].id
        assert (await services.deletion.delete([victim], purge=True)).deleted == (victim,)
        site.gate.set()
        await asyncio.wait_for(running, 10)
    done = await services.jobs.details(root)
    assert done.root is not None
    assert (done.job.status, done.root.documents, done.root.discovered) == ("completed", len(PATHS), len(PATHS))
    assert victim not in {job.id for job in (await pages_of(services, root)).values()}


async def test_the_rest_of_a_running_crawl_can_be_deleted_and_ends_it(services, server, site):
    async with engine_running(services, workers=3, until_idle=True) as running:
        root = await start(services, server)
        rest = await services.jobs.matching(JobFilter(parent=root, status=("pending", "running")))
        await services.deletion.delete(rest)
        await asyncio.wait_for(running, 10)
        job = await services.jobs.get(root)
        assert (job.status, job.pages, job.progress_current) == ("completed", 1, 1)
        await assert_sound(services)
    site.gate.set()
    await services.deletion.restore(rest)
    assert (await services.jobs.get(root)).status == "running"
    async with engine_running(services, workers=3, until_idle=True) as running:
        await asyncio.wait_for(running, 10)
    job = await services.jobs.get(root)
    assert (job.status, job.progress_current) == ("completed", 1 + len(PATHS))


async def test_other_crawls_go_on_while_one_is_purged(services, server, site, monkeypatch):
    monkeypatch.setattr(trash, "BATCH", 2)
    victim = leave(services, 100)
    site.gate.set()
    crawling = asyncio.create_task(crawl(services, server.url("/"), delay_seconds=0))
    await server.until(lambda: len(requested(server)) > 1)
    deleted = await services.deletion.delete([victim], purge=True)
    assert len(deleted.deleted) == 101
    assert (await crawling).root.documents == 1 + len(PATHS)


# --- What is refused --------------------------------------------------------------------------------------------------


async def test_what_could_not_be_purged_is_named_by_the_error_and_the_others_are_gone(services):
    root = leave(services, 4)
    stubborn = [root + 2, root + 4]
    with contextlib.closing(sqlite3.connect(services.files.database)) as connection, connection:
        connection.execute(
            f"CREATE TRIGGER stubborn BEFORE DELETE ON jobs WHEN old.id IN ({stubborn[0]}, {stubborn[1]})"
            " BEGIN SELECT RAISE(ABORT, 'it is wanted'); END"
        )
    with pytest.raises(DeletionError, match=f"job {stubborn[0]}: .*job {stubborn[1]}: ") as raised:
        await services.deletion.delete([root], purge=True)
    assert [failure.id for failure in raised.value.deletion.failed] == stubborn
    assert sorted(raised.value.deletion.deleted) == [root, root + 1, root + 3]
    assert [job_id for (job_id,) in rows(services, "SELECT id FROM jobs ORDER BY id")] == stubborn


async def test_without_cascade_nothing_of_a_job_with_children_is_touched(services):
    root = leave(services, 2)
    with pytest.raises(NotAllowedError, match="2 jobs below"):
        await services.deletion.delete([root], cascade=False, purge=True)
    assert (await services.jobs.get(root)).child_count == 2
    assert await services.deletion.delete([root + 1, root + 2], cascade=False) == Deletion(deleted=(root + 1, root + 2))


async def test_a_plan_counts_what_runs(services, server, site):
    async with engine_running(services, workers=3):
        root = await start(services, server)
        plan = await services.deletion.plan([root])
        job = await services.jobs.get(root)
    assert (plan.tops, plan.jobs, plan.running) == ((root,), 1 + job.child_count, 3)
    assert len(plan.ids) == plan.jobs


# --- The trash is emptied ---------------------------------------------------------------------------------------------


async def test_the_trash_is_emptied_when_it_is_time(services, monkeypatch):
    monkeypatch.setattr(deletion_storage, "_TRASH_MS", 150)
    monkeypatch.setattr(deletion_service, "_LENIENCE_SECONDS", 0.02)
    first, second = leave(services, 3), leave(services, 3)
    await services.deletion.delete([first])
    assert job_count(services) == 8
    await services.deletion.restore([first])
    await services.deletion.delete([first])
    await until(lambda: job_count(services) == 4)
    await services.deletion.delete([second])
    await until(lambda: job_count(services) == 0)
    with pytest.raises(NotFoundError):
        await services.deletion.restore([second])


async def test_what_was_left_in_the_trash_is_purged_at_the_next_start_and_not_before_its_time(tmp_path, parser_here):
    clock = ManualClock()
    async with library(tmp_path / "library", clock=clock) as services:
        old, young = leave(services, 2), leave(services, 2)
        await services.deletion.delete([old])
        clock.advance(TRASH_SECONDS - 1)
        await services.deletion.delete([young])
    clock.advance(1)
    async with library(tmp_path / "library", clock=clock) as services:
        with pytest.raises(NotFoundError):
            await services.deletion.restore([old])
        assert await services.deletion.restore([young]) == (young,)
        await until(lambda: job_count(services) == 3)


async def test_expired_trash_can_be_purged_by_hand_with_progress(tmp_path, parser_here):
    clock = ManualClock()
    async with library(tmp_path / "library", clock=clock) as services:
        root = leave(services, 5)
        await services.deletion.delete([root])
        assert await services.deletion.purge_expired() == Deletion()
        clock.advance(TRASH_SECONDS)
        told: list[tuple[int, int]] = []
        purged = await services.deletion.purge_expired(lambda done, total: told.append((done, total)))
        assert (len(purged.deleted), purged.deleted[-1], told) == (6, root, [(5, 6), (6, 6)])


async def test_closing_does_not_wait_for_a_long_purge_and_the_next_start_goes_on_with_it(
    tmp_path, parser_here, monkeypatch
):
    monkeypatch.setattr(trash, "BATCH", 1)
    monkeypatch.setattr(deletion_service, "_CLOSING_SECONDS", 0.02)
    clock = ManualClock()
    async with library(tmp_path / "library", clock=clock) as services:
        root = leave(services, 400)
        await services.deletion.delete([root])
    clock.advance(TRASH_SECONDS)
    async with library(tmp_path / "library", clock=clock) as services:
        await until(lambda: job_count(services) < 401)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "emptying the trash"]
    assert 0 < job_count(services) < 401
    monkeypatch.setattr(trash, "BATCH", 500)
    async with library(tmp_path / "library", clock=clock) as services:
        await until(lambda: job_count(services) == 0)


async def test_a_purge_whose_caller_is_cancelled_is_finished_in_the_background(services, monkeypatch):
    monkeypatch.setattr(trash, "BATCH", 5)
    root = leave(services, 200)
    begun = asyncio.Event()
    purge = services.deletion.delete([root], purge=True, progress=lambda done, total: begun.set())
    task = asyncio.create_task(purge)
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: job_count(services) == 0)


@pytest.mark.parametrize("seed", range(12))
async def test_a_deletion_or_its_undoing_that_is_cancelled_anywhere_happened_or_did_not(services, server, site, seed):
    chance = random.Random(seed)
    async with engine_running(services, workers=3):
        root = await start(services, server)
        for change in (services.deletion.delete, services.deletion.restore):
            task = asyncio.ensure_future(change([root]))
            for _ in range(chance.randrange(8)):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await assert_sound(services)
        await services.deletion.restore([root])
        site.gate.set()
        await completed(services, root)


async def test_the_feed_tells_what_was_deleted_and_what_came_back(services):
    root = leave(services, 2)
    services.feed.watch(frozenset({root}))
    updates = services.feed.updates()
    async with asyncio.timeout(5), contextlib.aclosing(updates):
        await services.deletion.delete([root + 1])
        update = await anext(updates)
        assert (update.removed, [job.child_count for job in update.roots]) == ((root + 1,), [1])
        await services.deletion.restore([root + 1])
        update = await anext(updates)
        assert ([job.id for job in update.children], [job.child_count for job in update.roots]) == ([root + 1], [2])
        await services.deletion.delete([root], purge=True)
        removed: set[int] = set()
        while root not in removed:
            removed.update((await anext(updates)).removed)


async def test_an_engine_that_waits_starts_at_once_with_what_came_back(services, server, site):
    site.gate.set()
    root = await services.jobs.start_crawl(CrawlRequest(urls=(server.url("/"),), delay_seconds=0))
    await services.deletion.delete([root])
    async with engine_running(services, workers=3):
        await until(lambda: engine_of(services) is not None)
        await services.deletion.restore([root])
        await completed(services, root)
