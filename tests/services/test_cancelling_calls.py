"""Whoever calls a service may be cancelled at any moment: nothing is half-done, nothing is lost, nothing is left."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import pytest

from quaero_desktop.domain.documents import DocumentFilter
from quaero_desktop.domain.errors import NotAllowedError
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.infra.lock import is_held
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.tasks import to_the_end
from quaero_desktop.services import compose
from quaero_desktop.services.compose import Services
from quaero_desktop.services.crawlrequest import CrawlRequest
from tests.support.crawling import IMPATIENT, assert_sound, crawl, engine_of, engine_running, library, rows
from tests.support.recording_server import RecordingServer
from tests.support.site import GeneratedSite
from tests.support.waiting import until

Call = Callable[[Services, int], Awaitable[object]]

READING: dict[str, Call] = {
    "page": lambda services, root: services.jobs.page(JobFilter(parent="all")),
    "grouped": lambda services, root: services.jobs.grouped(JobFilter(parent="all")),
    "open_roots": lambda services, root: services.jobs.open_roots(),
    "get": lambda services, root: services.jobs.get(root),
    "details": lambda services, root: services.jobs.details(root),
    "logs": lambda services, root: services.jobs.logs(root, level="info", limit=None, children=True),
    "skips": lambda services, root: services.jobs.skips(root),
    "documents": lambda services, root: services.library.documents(DocumentFilter()),
    "document": lambda services, root: services.library.document(1),
    "search": lambda services, root: services.library.search("garden OR harbour"),
    "statistics": lambda services, root: services.library.statistics(),
    "verify": lambda services, root: services.maintenance.verify(),
    "back_up": lambda services, root: services.maintenance.back_up(),
}


async def cancelled_after(call: Awaitable[object], turns: int, seconds: float = 0.0) -> None:
    """Start a call, let the loop turn, or go on for a time, and cancel the call."""
    task = asyncio.ensure_future(call)
    for _ in range(turns):
        await asyncio.sleep(0)
    if seconds:
        await asyncio.wait([task], timeout=seconds)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def tasks_besides(before: set[asyncio.Task]) -> None:
    """Wait until no other task runs than *before*: the writer ends a moment after its last caller."""
    await until(lambda: not (asyncio.all_tasks() - before))


@pytest.fixture
async def crawled(services) -> int:
    async with GeneratedSite(pages=8, missing=1, private=1) as site:
        details = await crawl(services, site.url)
    return details.job.id


@pytest.mark.parametrize("name", READING)
async def test_a_reading_call_can_be_cancelled_anywhere(services, crawled, name):
    before = asyncio.all_tasks()
    turns = random.Random(name)
    for seconds in (0, 0.02):
        for _ in range(8):
            call = READING[name](services, crawled)
            await cancelled_after(call, turns.randrange(12), turns.random() * seconds)
    await tasks_besides(before)
    await READING[name](services, crawled)
    backups = services.files.backups
    assert not backups.exists() or all(path.name.startswith("library-") for path in backups.iterdir())


@pytest.mark.parametrize("seed", range(15))
async def test_a_start_that_is_cancelled_stored_the_whole_crawl_or_nothing(services, seed):
    before = asyncio.all_tasks()
    request = CrawlRequest(urls=("https://site.test/a", "https://site.test/b"))
    await cancelled_after(services.jobs.start_crawl(request), seed)
    await tasks_besides(before)
    stored = (await services.jobs.page(JobFilter())).jobs
    assert [job.pages for job in stored] in ([], [2])
    await assert_sound(services)
    await services.jobs.start_crawl(request)


@pytest.mark.parametrize("operation", ["pause", "resume", "cancel"])
@pytest.mark.parametrize("seed", range(8))
async def test_a_change_of_a_root_that_is_cancelled_happened_or_did_not(services, operation, seed):
    before = asyncio.all_tasks()
    root = await services.jobs.start_crawl(CrawlRequest(urls=("https://site.test/a", "https://site.test/b")))
    old, new = {"pause": ("pending", "paused"), "resume": ("paused", "pending"), "cancel": ("pending", "cancelled")}[
        operation
    ]
    if operation == "resume":
        await services.jobs.pause(root)
    change = getattr(services.jobs, operation)

    await cancelled_after(change(root), seed)
    await tasks_besides(before)

    status = (await services.jobs.get(root)).status
    assert status in (old, new)
    await assert_sound(services)
    with contextlib.nullcontext() if status == old else pytest.raises(NotAllowedError):
        await change(root)
    assert (await services.jobs.get(root)).status == new


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancel_of_a_crawl_reaches_its_fetches_though_its_caller_is_cancelled(services, turns):
    """J11: what is committed reaches the engine."""
    async with RecordingServer().running() as server, engine_running(services):
        server.behaviour = lambda exchange: exchange.until_hung_up()
        root = await services.jobs.start_crawl(CrawlRequest(urls=(server.url("/a"),), obey_robots=False))
        await server.until(lambda: bool(server.exchanges))
        await cancelled_after(services.jobs.cancel(root), turns)
        if (await services.jobs.get(root)).status == "cancelled":
            await server.until(lambda: server.open == 0)


@pytest.mark.parametrize("seed", range(12))
async def test_an_engine_that_is_cancelled_anywhere_leaves_nothing_leased_and_loses_nothing(services, seed):
    chance = random.Random(seed)
    before = asyncio.all_tasks()
    async with GeneratedSite(pages=12) as site:
        root = await services.jobs.start_crawl(CrawlRequest(urls=(site.url,), per_host=4))
        await cancelled_after(engine_of(services).run(until_idle=True), chance.randrange(600))
        await until(lambda: not {task for task in asyncio.all_tasks() - before if "job" in task.get_name()})
        assert rows(services, "SELECT count(*) FROM messages WHERE state = 'leased'") == [(0,)]
        await assert_sound(services)
        await engine_of(services).run(until_idle=True)
        assert (await services.jobs.get(root)).status == "completed"
        documents = await services.library.documents(DocumentFilter(limit=None))
        assert {document.url for document in documents.documents} == site.page_urls


@pytest.mark.parametrize("seed", range(20))
async def test_a_library_whose_opening_or_closing_is_cancelled_can_be_opened_again(tmp_path, parser_here, seed):
    chance = random.Random(seed)
    files = LibraryFiles(tmp_path / "library")

    async def open_and_close() -> None:
        async with compose.writing(files, IMPATIENT, create=True, engine=True):
            for _ in range(chance.randrange(10)):
                await asyncio.sleep(0)

    before = asyncio.all_tasks()
    for _ in range(3):
        task = asyncio.create_task(open_and_close())
        await asyncio.sleep(chance.random() * 0.04)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert not is_held(files.lock)
        await tasks_besides(before)
    async with library(files.folder) as services:
        assert (await services.library.statistics()).documents == 0


# --- to_the_end -----------------------------------------------------------------------------------------------------


async def test_work_that_is_run_to_its_end_survives_the_cancelling_of_who_waits():
    go_on = asyncio.Event()
    ended = []
    hurried = []

    async def work() -> int:
        await go_on.wait()
        ended.append(True)
        return 7

    task = asyncio.create_task(to_the_end(work(), hurry=lambda: hurried.append(True)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]
    assert len(hurried) == 2


async def test_work_that_is_run_to_its_end_gives_its_value_or_its_error():
    async def work(value: object) -> object:
        if isinstance(value, Exception):
            raise value
        return value

    assert await to_the_end(work(7)) == 7
    with pytest.raises(ZeroDivisionError):
        await to_the_end(work(ZeroDivisionError()))
