"""The engine of one open library: everything that runs jobs, put together, started and stopped in order."""

import asyncio
import os
from collections.abc import Callable

from quaero_desktop import __version__
from quaero_desktop.content.runner import ParseRunner
from quaero_desktop.domain.events import EngineNotice
from quaero_desktop.domain.jobs import JobType
from quaero_desktop.domain.pages import FetchLimits
from quaero_desktop.domain.ports import LedgerPort, SchedulePort
from quaero_desktop.engine.access import Access
from quaero_desktop.engine.executors.cleanup import CleansUp, CleanupExecutor
from quaero_desktop.engine.executors.corpus import CorpusSummaryExecutor
from quaero_desktop.engine.executors.crawler import PageCrawler
from quaero_desktop.engine.executors.prerequisite import Prerequisite
from quaero_desktop.engine.executors.registry import Registry
from quaero_desktop.engine.executors.reindex import Reindexer
from quaero_desktop.engine.executors.sitemaps import SitemapReader
from quaero_desktop.engine.executors.summarise import SummariseExecutor
from quaero_desktop.engine.executors.transform import Transformer
from quaero_desktop.engine.executors.validator import Validator
from quaero_desktop.engine.languagemodel import ModelOfSettings
from quaero_desktop.engine.pool import PoolReport, WorkerPool
from quaero_desktop.engine.scheduler import Scheduler
from quaero_desktop.engine.summarising import Summariser
from quaero_desktop.infra.clock import Clock, local_zone
from quaero_desktop.infra.heap import give_large_blocks_back
from quaero_desktop.infra.secrets import SecretStore
from quaero_desktop.infra.settings.sections import FetchSettings, Settings
from quaero_desktop.services.definitions import crawl_defaults
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


def limits_of(settings: FetchSettings) -> FetchLimits:
    """Return the limits of one request that the settings mean."""
    return FetchLimits(
        total_seconds=settings.total_seconds,
        connect_seconds=min(settings.connect_seconds, settings.total_seconds),
        max_bytes=settings.max_bytes,
        max_ratio=settings.max_ratio,
    )


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
        secrets: what sites that ask for a sign-in are shown; None for none.
    """

    def __init__(
        self,
        ledger: LedgerPort,
        settings: Settings,
        clock: Clock,
        notify: Callable[[EngineNotice], None] = lambda _: None,
        secrets: SecretStore | None = None,
    ) -> None:
        give_large_blocks_back()
        self._settings = settings
        self._clock = clock
        self._notify = notify
        self._scheduler: Scheduler | None = None
        limits = limits_of(settings.fetch)
        self._fetcher = Fetcher(user_agent=user_agent(settings.fetch), limits=limits, clock=clock)
        robots = self._robots = Robots(self._fetcher, PRODUCT_TOKEN, clock)
        self._parser = ParseRunner(
            processes=settings.parse.processes or os.cpu_count() or 1,
            timeout=settings.parse.timeout_seconds,
            memory_bytes=settings.parse.memory_mb * 1024 * 1024,
        )
        self._politeness = politeness = Politeness(clock, *_delays(settings))
        registry = self._registry = Registry()
        access = Access(secrets or SecretStore(), self._fetcher, robots, politeness, ledger, clock)
        crawler = PageCrawler(self._fetcher, robots, self._parser, politeness, ledger, clock, access)
        registry.register(JobType.CRAWLER_URL, crawler)
        registry.register(JobType.VALIDATE, Validator(self._fetcher, robots, access))
        registry.register(
            JobType.SITEMAP,
            SitemapReader(
                self._fetcher, robots, self._parser, politeness, ledger, clock, access, _SITEMAP * limits.max_bytes
            ),
        )
        registry.register(JobType.PREREQUISITE, Prerequisite(ledger, clock))
        registry.register(JobType.TRANSFORM, Transformer(ledger, ledger.material, self._parser))
        registry.register(JobType.REINDEX, Reindexer(ledger.material))
        models = self._models = ModelOfSettings(settings.summaries, secrets or SecretStore())
        summariser = Summariser(self._parser, models)
        registry.register(JobType.SUMMARISE, SummariseExecutor(ledger, summariser, models, clock))
        registry.register(JobType.CORPUS_SUMMARY, CorpusSummaryExecutor(ledger, summariser, models))
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

    def attach(self, clean_up: CleansUp, schedules: SchedulePort) -> None:
        """Use what was put together after the engine.

        Args:
            clean_up: deletes old jobs, for the steps that do that.
            schedules: the definitions, for :meth:`run` to start what is due.
        """
        self._registry.register(JobType.CLEANUP, CleanupExecutor(clean_up))
        self._scheduler = Scheduler(
            schedules,
            self._clock,
            local_zone,
            lambda: crawl_defaults(self._settings),
            started=self.queued,
            notify=self._notify,
        )

    def definitions_changed(self) -> None:
        """Look at the schedules now: a definition is new or different."""
        if self._scheduler is not None:
            self._scheduler.changed()

    def apply(self, settings: Settings) -> None:
        """Go on with other settings where that is possible: workers, pace, patience, and the name for servers.

        A crawl whose own pace was chosen keeps it. The budget of a request, the number of parse processes and how often
        a page is tried stay as they were.
        """
        self._settings = settings
        self._fetcher.use_agent(user_agent(settings.fetch))
        self._models.apply(settings.summaries)
        self._politeness.set_delays(*_delays(settings))
        self._pool.host_failures = settings.crawl.host_failures
        self._pool.workers = settings.queue.num_workers
        self._pool.poke()

    async def run(
        self, *, workers: int | None = None, until_idle: bool = False, only: frozenset[int] | None = None
    ) -> PoolReport:
        """Run jobs until :meth:`stop`, or until nothing is left to do.

        Without an end and for all roots, definitions are started as their schedules say, too.

        Args:
            workers: how many at a time; None for the setting.
            until_idle: also end when nothing is ready, leased or delayed.
            only: the roots to run, with what they start; None for all.

        Raises:
            KnownError: the library can no longer be used.
        """
        if workers is not None:
            self._pool.workers = workers
        # The processes start while the first page is being fetched.
        await self._parser.start()
        if until_idle or only is not None or self._scheduler is None:
            return await self._pool.run(until_idle=until_idle, only=only)
        scheduling = asyncio.get_running_loop().create_task(self._scheduler.run(), name="scheduler")
        try:
            return await self._pool.run()
        finally:
            scheduling.cancel()
            await asyncio.wait([scheduling])

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

    async def credentials_changed(self) -> None:
        """Show sites the credentials that their sources have now."""
        await self._pool.credentials_changed()

    def cancel(self, job_id: int) -> None:
        """Stop at once what runs of a job that was cancelled."""
        self._pool.cancel(job_id)

    async def close(self) -> None:
        """Close connections and end the parse processes. The pool must have ended."""
        try:
            await self._fetcher.aclose()
            await self._models.aclose()
        finally:
            await self._parser.aclose()
