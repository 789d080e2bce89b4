"""The change feed: at once, at most ten times a second, and whatever happens nothing is lost."""

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator

import pytest

from quaero_desktop.domain.errors import BugError, LibraryDamagedError, LibraryError
from quaero_desktop.domain.jobs import TERMINAL_STATUSES, Job
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.services import compose
from quaero_desktop.services import feed as feed_module
from quaero_desktop.services.compose import Services
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.services.feed import INTERVAL_SECONDS, FeedUpdate
from tests.support.crawling import engine_running, page, site

URL = "https://docs.quaero.org/"
EVERYTHING = JobFilter(parent="all", limit=None)


@pytest.fixture
async def plain(tmp_path) -> AsyncIterator[Services]:
    """A new library that nothing runs in."""
    async with compose.writing(LibraryFiles(tmp_path / "library"), Settings(), create=True) as services:
        yield services


async def start(services: Services, *urls: str) -> int:
    return await services.jobs.start_crawl(CrawlRequest(urls=urls or (URL,)))


async def heard(services: Services, n: int = 1) -> list[FeedUpdate]:
    """Return the next *n* updates."""
    updates: list[FeedUpdate] = []
    stream = services.feed.updates()
    async with asyncio.timeout(10):
        async for update in stream:
            updates.append(update)
            if len(updates) == n:
                break
    await stream.aclose()  # type: ignore[attr-defined]
    return updates


async def test_a_commit_is_told_at_once(plain):
    root_id = await start(plain)

    (update,) = await heard(plain)

    assert [(job.id, job.name, job.status) for job in update.roots] == [(root_id, "docs.quaero.org", "pending")]
    assert (update.children, update.removed, update.complete) == ((), (), True)


async def test_nothing_is_told_before_something_changes(plain):
    waiting = asyncio.ensure_future(heard(plain))
    await plain.library.statistics()
    assert not waiting.done()

    root_id = await start(plain)

    assert [job.id for update in await waiting for job in update.roots] == [root_id]


async def test_what_was_changed_before_anybody_listened_is_told_once(plain):
    first = await start(plain)
    second = await start(plain)

    (update,) = await heard(plain)
    assert [job.id for job in update.roots] == [first, second]
    assert await plain.feed.update() is None


async def distances(services: Services, number: int) -> list[float]:
    """Return the seconds between so many updates while jobs change all the time."""
    times: list[float] = []
    done = asyncio.Event()

    async def listen() -> None:
        async for _ in services.feed.updates():
            times.append(time.monotonic())
            if len(times) == number:
                done.set()
                return

    async def work() -> None:
        root_id = await start(services)
        for verb in itertools.cycle((services.jobs.pause, services.jobs.resume)):
            if done.is_set():
                return
            await verb(root_id)

    await asyncio.gather(listen(), work())
    return [after - before for before, after in itertools.pairwise(times)]


async def test_updates_come_at_most_five_times_a_second(plain):
    assert min(await distances(plain, 4)) > INTERVAL_SECONDS * 0.9


async def test_after_some_time_they_come_less_often(plain, monkeypatch):
    monkeypatch.setattr(feed_module, "INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(feed_module, "STEADY_SECONDS", 0.2)
    monkeypatch.setattr(feed_module, "_SOME_TIME", 0.03)

    found = await distances(plain, 8)

    assert found[0] < 0.1
    assert min(found[-2:]) > 0.18


async def test_children_are_told_of_watched_jobs_only(plain):
    watched = await start(plain)
    await start(plain, "https://other.quaero.org/")
    await heard(plain)
    plain.feed.watch(frozenset({watched}))

    for job in (await plain.jobs.page(EVERYTHING)).jobs:
        if job.is_root:
            await plain.jobs.cancel(job.id)
    updates = [update async for update in _until_quiet(plain)]

    children = {job.id: job for update in updates for job in update.children}
    assert {job.parent_id for job in children.values()} == {watched}
    assert {job.status for job in children.values()} == {"cancelled"}
    assert {job.status for update in updates[-1:] for job in update.roots} == {"cancelled"}


async def _until_quiet(services: Services) -> AsyncIterator[FeedUpdate]:
    while (update := await services.feed.update()) is not None:
        yield update


async def test_what_is_deleted_is_removed_and_what_is_restored_comes_back(plain):
    root_id, other = await start(plain), await start(plain)
    await heard(plain)

    await plain.deletion.delete([root_id])
    (update,) = await heard(plain)
    assert (update.roots, update.removed) == ((), (root_id,))

    await plain.deletion.restore([root_id])
    (update,) = await heard(plain)
    assert ([job.id for job in update.roots], update.removed) == ([root_id], ())
    assert other


async def test_what_is_purged_at_once_is_removed_too(plain):
    root_id, kept = await start(plain), await start(plain)
    plain.feed.watch(frozenset({root_id, kept}))
    await heard(plain)
    (page, *_) = [job for job in (await plain.jobs.page(EVERYTHING)).jobs if job.parent_id == kept]

    before = (await plain.jobs.get(kept)).child_count

    await plain.deletion.delete([root_id, page.id], purge=True)
    updates = [update async for update in _until_quiet(plain)]

    assert {job_id for update in updates for job_id in update.removed} == {root_id, page.id}
    counts = [job.child_count for update in updates for job in update.roots if job.id == kept]
    assert counts[-1] == before - 1


async def test_an_iteration_that_was_cancelled_loses_nothing(plain):
    listening = asyncio.ensure_future(heard(plain, 1_000))
    await asyncio.sleep(0)
    listening.cancel()
    await asyncio.wait([listening])

    root_id = await start(plain)

    assert [job.id for update in await heard(plain) for job in update.roots] == [root_id]


async def test_trouble_with_the_library_is_waited_out(plain, monkeypatch, caplog):
    monkeypatch.setattr("quaero_desktop.services.feed._PATIENCE_SECONDS", 0.01)
    read = plain.feed._database.read
    troubles = [LibraryError("The disk is busy."), LibraryError("Still.")]

    async def read_with_trouble(function):
        if troubles:
            raise troubles.pop()
        return await read(function)

    monkeypatch.setattr(plain.feed._database, "read", read_with_trouble)
    root_id = await start(plain)

    with caplog.at_level(logging.WARNING):
        (update,) = await heard(plain)

    assert [job.id for job in update.roots] == [root_id]
    assert caplog.text.count("cannot be read just now") == 2


async def test_a_damaged_library_ends_it_with_that_word(plain, monkeypatch):
    async def damaged(_):
        raise LibraryDamagedError("The database is damaged.")

    await start(plain)
    monkeypatch.setattr(plain.feed._database, "read", damaged)

    with pytest.raises(LibraryDamagedError):
        await heard(plain)


async def test_it_ends_with_the_library(tmp_path):
    opened = compose.writing(LibraryFiles(tmp_path / "library"), Settings(), create=True)
    async with opened as services:
        await start(services)
        feed = services.feed
    assert [update async for update in feed.updates()] == []


async def test_a_library_that_is_only_read_has_no_feed(plain):
    async with compose.reading(plain.files, Settings()) as reader:
        with pytest.raises(BugError):
            _ = reader.feed


async def test_what_the_updates_say_at_the_end_is_what_there_is(services, server):
    paths = [f"/page-{number}" for number in range(40)]
    server.behaviour = site({"/": page(*paths), **{path: page("/missing") for path in paths}})
    shown: dict[int, Job] = {}
    root_id = await services.jobs.start_crawl(CrawlRequest(urls=(server.url("/"),), delay_seconds=0))
    services.feed.watch(frozenset({root_id}))
    async with engine_running(services):
        async for update in services.feed.updates():
            for job in (*update.roots, *update.children):
                assert job.id not in shown or job.revision >= shown[job.id].revision
                shown[job.id] = job
            if shown[root_id].status in TERMINAL_STATUSES:
                break
    async for update in _until_quiet(services):
        shown.update((job.id, job) for job in (*update.roots, *update.children))

    there = {job.id: job for job in (await services.jobs.page(EVERYTHING)).jobs}
    assert shown == there
    assert len(shown) > 40
