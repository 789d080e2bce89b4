"""The engine of one open library: everything that runs jobs, put together, started and stopped in order."""

import os
from collections.abc import Callable

from quaero_desktop import __version__
from quaero_desktop.content.runner import ParseRunner
from quaero_desktop.domain.events import EngineNotice
from quaero_desktop.domain.jobs import JobType
from quaero_desktop.domain.pages import FetchLimits
from quaero_desktop.domain.ports import LedgerPort
from quaero_desktop.engine.executors.crawler import PageCrawler
from quaero_desktop.engine.executors.registry import Registry
from quaero_desktop.engine.executors.sitemaps import SitemapReader
from quaero_desktop.engine.executors.validator import Validator
from quaero_desktop.engine.pool import PoolReport, WorkerPool
from quaero_desktop.infra.clock import Clock
from quaero_desktop.infra.heap import give_large_blocks_back
from quaero_desktop.infra.settings import FetchSettings, Settings
from quaero_desktop.web.fetcher import Fetcher
from quaero_desktop.web.politeness import Politeness
from quaero_desktop.web.robots import Robots

_SITEMAP = 5
"""How many times as large as a page a sitemap may be: 50 MB by default, the most that its protocol allows."""

PRODUCT_TOKEN = "QuaeroDesktop"
"""What site owners write after ``User-agent:`` to address us."""


def user_agent(settings: FetchSettings) -> str:
    """Return what Quaero calls itself to servers: the product, its version and the contact of the settings."""
    product = settings.user_agent or f"{PRODUCT_TOKEN}/{__version__}"
    return f"{product} (+{settings.contact})" if settings.contact else product


def _delays(settings: Settings) -> tuple[int, int]:
    """Return the least time between two requests at one host, and the same on this machine, in milliseconds."""
    return round(settings.crawl.delay_seconds * 1000), round(settings.crawl.local_delay_seconds * 1000)


class Engine:
    """Runs the jobs of one library.

    Args:
        ledger: the library's ledger, recovered.
        settings: how many workers, how patient, how polite.
        clock: time.
        notify: told of things that a person should know, like a full disk.
    """

    def __init__(
        self,
        ledger: LedgerPort,
        settings: Settings,
        clock: Clock,
        notify: Callable[[EngineNotice], None] = lambda _: None,
    ) -> None:
        give_large_blocks_back()
        limits = FetchLimits(
            total_seconds=settings.fetch.total_seconds,
            connect_seconds=min(settings.fetch.connect_seconds, settings.fetch.total_seconds),
            max_bytes=settings.fetch.max_bytes,
            max_ratio=settings.fetch.max_ratio,
        )
        self._fetcher = Fetcher(user_agent=user_agent(settings.fetch), limits=limits, clock=clock)
        robots = self._robots = Robots(self._fetcher, PRODUCT_TOKEN, clock)
        self._parser = ParseRunner(
            processes=settings.parse.processes or os.cpu_count() or 1,
            timeout=settings.parse.timeout_seconds,
            memory_bytes=settings.parse.memory_mb * 1024 * 1024,
        )
        self._politeness = politeness = Politeness(clock, *_delays(settings))
        registry = Registry()
        crawler = PageCrawler(self._fetcher, robots, self._parser, politeness, ledger, clock)
        registry.register(JobType.CRAWLER_URL, crawler)
        registry.register(JobType.VALIDATE, Validator(self._fetcher, robots))
        registry.register(
            JobType.SITEMAP,
            SitemapReader(self._fetcher, robots, self._parser, politeness, ledger, clock, _SITEMAP * limits.max_bytes),
        )
        self._pool = WorkerPool(
            ledger,
            registry,
            politeness,
            clock,
            workers=settings.queue.num_workers,
            lease_ms=round(settings.queue.lease_seconds * 1000),
            grace_seconds=settings.queue.stop_grace_seconds,
            host_failures=settings.crawl.host_failures,
            notify=notify,
        )

    def apply(self, settings: Settings) -> None:
        """Go on with other settings where that is possible: workers, pace, patience, and the name for servers.

        A crawl whose own pace was chosen keeps it. The budget of a request, the number of parse processes and how often
        a page is tried stay as they were.
        """
        self._fetcher.use_agent(user_agent(settings.fetch))
        self._politeness.set_delays(*_delays(settings))
        self._pool.host_failures = settings.crawl.host_failures
        self._pool.workers = settings.queue.num_workers
        self._pool.poke()

    async def run(
        self, *, workers: int | None = None, until_idle: bool = False, only: frozenset[int] | None = None
    ) -> PoolReport:
        """Run jobs until :meth:`stop`, or until nothing is left to do.

        Args:
            workers: how many at a time; None for the setting.
            until_idle: also end when nothing is ready, leased or delayed.
            only: the roots to run; None for all.

        Raises:
            KnownError: the library can no longer be used.
        """
        if workers is not None:
            self._pool.workers = workers
        # The processes start while the first page is being fetched.
        await self._parser.start()
        return await self._pool.run(until_idle=until_idle, only=only)

    def stop(self) -> None:
        """Take no more jobs and end; a second call skips the grace of those that run."""
        self._pool.stop()

    def poke(self) -> None:
        """Look at the queue now: something new may be ready."""
        self._pool.poke()

    def queued(self) -> None:
        """Look at the queue now, since a person wants something: hosts that did not answer are asked again."""
        self._robots.ask_again()
        self._pool.poke()

    async def rules_changed(self, root_id: int) -> None:
        """Go on with a crawl under its rules of now."""
        await self._pool.rules_changed(root_id)

    def cancel(self, job_id: int) -> None:
        """Stop at once what runs of a job that was cancelled."""
        self._pool.cancel(job_id)

    async def close(self) -> None:
        """Close connections and end the parse processes. The pool must have ended."""
        try:
            await self._fetcher.aclose()
        finally:
            await self._parser.aclose()
