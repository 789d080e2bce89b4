"""Crawls through the whole product in the test's own process: a real library, a real engine, real requests."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec

from quaero_desktop.content import corpus, extract, sitemaps, summary
from quaero_desktop.domain.events import EngineNotice
from quaero_desktop.domain.jobs import Cause, Job
from quaero_desktop.domain.listing import JobFilter, RootDetails
from quaero_desktop.domain.pages import PageInput, ParseFailed, ParseResult, SitemapResult
from quaero_desktop.domain.summaries import CorpusInput, Summary, SummaryFailed, SummaryInput
from quaero_desktop.engine.pool import PoolReport
from quaero_desktop.infra.clock import Clock
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.services import compose
from quaero_desktop.services.compose import Services
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.services.engine import Engine
from quaero_desktop.services.jobs import JobDetails
from tests.support.recording_server import Exchange, response


class ParserHere:
    """Parses in this process and at once, for tests that are not about parse processes: those take half a second."""

    def __init__(self, **_: Any) -> None:
        pass

    async def start(self) -> None:
        """Nothing to start."""

    async def parse(self, page: PageInput) -> ParseResult:
        """Return the parsed page."""
        try:
            return extract.parse(page)
        except Exception as error:
            return ParseFailed(url=page.url, cause=Cause.PARSE, message=str(error))

    async def read_sitemap(self, file: PageInput) -> SitemapResult:
        """Return what the sitemap names."""
        return sitemaps.read(file)

    async def summarise(self, what: SummaryInput | CorpusInput) -> Summary | SummaryFailed:
        """Return what *what* says in short."""
        return corpus.summarise(what) if isinstance(what, CorpusInput) else summary.summarise(what)

    async def aclose(self) -> None:
        """Nothing to end."""


def settings_with(**sections: dict[str, Any]) -> Settings:
    """Return the default settings but for those given: ``settings_with(queue={"num_workers": 2})``."""
    settings = Settings()
    changed = {name: msgspec.structs.replace(getattr(settings, name), **values) for name, values in sections.items()}
    return msgspec.structs.replace(settings, **changed)


IMPATIENT_QUEUE = {"backoff_base_seconds": 0.02, "backoff_max_seconds": 0.05}
IMPATIENT = settings_with(queue=IMPATIENT_QUEUE)
"""Settings whose retries come at once."""


@contextlib.asynccontextmanager
async def library(
    folder: Path,
    settings: Settings = IMPATIENT,
    *,
    notify: Callable[[EngineNotice], None] = lambda _: None,
    clock: Clock | None = None,
    verified: bool = True,
) -> AsyncIterator[Services]:
    """Open a library with an engine; when the block ends, each invariant of the library holds."""
    opened = compose.writing(LibraryFiles(folder), settings, create=True, engine=True, notify=notify, clock=clock)
    async with opened as services:
        yield services
        if verified:
            await assert_sound(services)


async def assert_sound(services: Services) -> None:
    """Fail with a line for each invariant of the library that does not hold."""
    report = await services.maintenance.verify()
    assert report.ok, "\n".join(f"{check.name}: {check.detail}" for check in report.checks if not check.ok)


def engine_of(services: Services) -> Engine:
    """Return the engine of a library that was opened with one."""
    assert isinstance(services.engine, Engine)
    return services.engine


class Crawled(JobDetails, frozen=True, kw_only=True):
    """What came of a crawl."""

    root: RootDetails


async def crawl(services: Services, *urls: str, workers: int | None = None, **request: Any) -> Crawled:
    """Crawl to the end and return what came of it."""
    job_id = await services.jobs.start_crawl(CrawlRequest(urls=urls, **request))
    await engine_of(services).run(workers=workers, until_idle=True, only=frozenset({job_id}))
    details = await services.jobs.details(job_id)
    assert details.root is not None
    return Crawled(job=details.job, root=details.root, attempts=details.attempts)


@contextlib.asynccontextmanager
async def engine_running(services: Services, **options: Any) -> AsyncIterator["asyncio.Task[PoolReport]"]:
    """Run the engine beside the block, and end it without a grace after it."""
    engine = engine_of(services)
    task = asyncio.create_task(engine.run(**options), name="the engine")
    try:
        yield task
    finally:
        if not task.done():
            engine.stop()
            engine.stop()
            await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # whoever wants it awaits the task


async def pages_of(services: Services, root_id: int) -> dict[str, Job]:
    """Return the pages of a root by the path of their URL."""
    page = await services.jobs.page(JobFilter(parent=root_id, type=("crawler_url",), limit=None))
    return {"/" + (job.url or "").split("/", 3)[3]: job for job in page.jobs}


def rows(services: Services, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Look into a library behind its back."""
    with contextlib.closing(sqlite3.connect(f"file:{services.files.database}?mode=ro", uri=True)) as connection:
        return connection.execute(sql, parameters).fetchall()


def page(*links: str, text: str = "Some words that are worth keeping.", title: str = "A page") -> bytes:
    """Return the answer with a page that links to *links*."""
    anchors = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
    return response(f"<title>{title}</title><main><h1>{title}</h1><p>{text}</p><ul>{anchors}</ul></main>".encode())


def redirect(target: str, status: str = "301 Moved Permanently") -> bytes:
    """Return the answer that sends to *target*."""
    return response(b"", status=status, Location=target)


NO_ROBOTS = response(b"", status="404 Not Found")


def site(answers: dict[str, bytes], *, missing: bytes = NO_ROBOTS) -> Callable[[Exchange], Any]:
    """Return a behaviour that answers each path as given; any other, ``/robots.txt`` too, is *missing*."""

    async def answer(exchange: Exchange) -> object:
        await exchange.send(answers.get(exchange.target, missing))
        return None

    return answer
