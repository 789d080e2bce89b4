"""Jobs: start, list, look into, cancel, pause and resume them."""

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.crawl import CrawlConfig, CrawlScope
from quaero_desktop.domain.definitions import NO_STEP, Action
from quaero_desktop.domain.errors import NotAllowedError
from quaero_desktop.domain.jobs import OPEN_STATUSES, Job, LogLine, Status, TailLine
from quaero_desktop.domain.listing import Attempt, GroupedPage, JobFilter, JobPage, RootDetails, SkipPage
from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.domain.ports import NewRoot
from quaero_desktop.domain.rulechange import RuleChange, RuleChanges
from quaero_desktop.infra.clock import Clock
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.infra.tasks import to_the_end
from quaero_desktop.services.crawlrequest import CrawlRequest, check_rules, crawl_config, with_rules_of
from quaero_desktop.storage import sources
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.jobs import steps
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.queries import figures, joblist, jobrows, logs, skips

if TYPE_CHECKING:
    from quaero_desktop.services.engine import Engine
    from quaero_desktop.services.later import LaterEngine


class JobDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one job: the row, what a root did so far, its attempts, and the page that named it first."""

    job: Job
    root: RootDetails | None
    attempts: tuple[Attempt, ...]
    found_on: Job | None = None


class JobService:
    """Everything that can be done with jobs, but for deleting them.

    Args:
        database: the open library.
        ledger: changes it.
        clock: for what is told relative to now.
        settings: what a crawl starts with where the request says nothing.
        engine: what runs the jobs in this process, if anything does.
    """

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        settings: Settings,
        clock: Clock,
        engine: "Engine | LaterEngine | None",
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._engine = engine

    async def start_crawl(self, request: CrawlRequest) -> int:
        """Store a new crawl and return the id of its root job. It runs when an engine runs.

        Raises:
            UsageError: naming what makes no sense.
            NotFoundError: there is no such source.
            NotAllowedError: the source is switched off.
        """
        source_id = request.source_id
        if source_id is not None:
            source = await self._database.read(lambda connection: sources.get(connection, source_id))
            if not source.enabled:
                raise NotAllowedError(f"The source “{source.name}” is switched off.", "Switch it on first.")
            request = with_rules_of(source, request)
        config = self.crawl_config(request)
        name = request.name or ", ".join(dict.fromkeys(urls.host_of(url) for url in config.seeds))
        return await to_the_end(
            self._start(NewRoot(name=name, config=config, source_id=request.source_id, validated=True))
        )

    def apply(self, settings: Settings) -> None:
        """Let crawls that are started from now on begin with other settings."""
        self._settings = settings

    def crawl_config(self, request: CrawlRequest) -> CrawlConfig:
        """Return the configuration that *request* means under the settings; see :func:`crawl_config`."""
        return crawl_config(request, self._settings)

    async def scope(self, job_id: int) -> CrawlScope:
        """Return what decides about the links of the crawl that a job belongs to.

        Of the run of a definition that is the crawl under way, or else its first one.

        Raises:
            NotFoundError: there is no such job.
        """
        job = await self.get(job_id)
        step = job.step
        if job.is_root:
            states = await self._database.read(lambda connection: steps.states(connection, job_id))
            crawls = [state for state in states if state.action == Action.CRAWL]
            under_way = [state for state in crawls if state.status == Status.RUNNING]
            step = next((state.number for state in under_way + crawls), NO_STEP)
        plan = await self._ledger.plan(job.root_id, step)
        return CrawlScope(plan.config, plan.scope_roots)

    async def page(self, which: JobFilter) -> JobPage:
        """Return a page of jobs (J7).

        Raises:
            UsageError: the filter names something that does not exist.
        """
        return await self._database.read(lambda connection: joblist.jobs(connection, which))

    async def grouped(self, which: JobFilter) -> GroupedPage:
        """Return a page of jobs as parents with their children, and children whose parent is not on the page (J7).

        Raises:
            UsageError: the filter names something that does not exist.
        """
        return await self._database.read(lambda connection: joblist.grouped(connection, which))

    async def open_roots(self) -> list[int]:
        """Return the root jobs that have not ended, oldest first."""
        still_open = JobFilter(status=tuple(OPEN_STATUSES), order="id", descending=False, limit=None)
        return [job.id for job in (await self.page(still_open)).jobs]

    async def get(self, job_id: int) -> Job:
        """Return one job.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.read(lambda connection: jobrows.job(connection, job_id))

    async def by_ids(self, job_ids: Sequence[int]) -> tuple[Job, ...]:
        """Return those of these jobs that there are, in this order."""
        return await self._database.read(lambda connection: jobrows.visible(connection, job_ids))

    async def details(self, job_id: int) -> JobDetails:
        """Return everything about one job.

        Raises:
            NotFoundError: there is none.
        """
        now = self._clock.now_ms()
        job = await self.get(job_id)
        root = None
        if job.is_root:
            root = await self._database.read(lambda connection: figures.root_details(connection, job_id, now=now))
            job = root.job
        attempts = await self._database.read(lambda connection: jobrows.attempts(connection, job_id))
        found_on = None
        if not job.is_root:
            found_on = await self._database.read(lambda connection: jobrows.found_on(connection, job_id))
        return JobDetails(job=job, root=root, attempts=tuple(attempts), found_on=found_on)

    async def logs(self, job_id: int, *, level: str, limit: int | None, children: bool) -> list[LogLine]:
        """Return log lines of a job, oldest first.

        Args:
            job_id: whose.
            level: the least important level to return.
            limit: the most lines, the newest; None for all.
            children: also those of the jobs below it.

        Raises:
            NotFoundError: there is no such job.
            UsageError: an unknown level, or a negative limit.
        """
        return await self._database.read(
            lambda connection: logs.of_job(connection, job_id, minimum=level, limit=limit, children=children)
        )

    async def log_tail(
        self,
        *,
        root_id: int | None = None,
        job_id: int | None = None,
        children: bool = True,
        minimum: str = "debug",
        after_id: int | None = None,
        before_id: int | None = None,
        limit: int = 1000,
    ) -> list[TailLine]:
        """Return log lines for who watches a log, oldest first: of a root, of any job, or of all that are not deleted.

        Args:
            root_id: the root whose lines are wanted.
            job_id: the job whose lines are wanted; it goes before *root_id*. Without either: all jobs.
            children: also those of the jobs below it.
            minimum: the least important level to return.
            after_id: only newer lines than this one, the next ones.
            before_id: only older lines than this one, the last ones.
            limit: the most lines; without *after_id* the newest.

        Raises:
            NotFoundError: there is no such job, or it was deleted.
            UsageError: an unknown level, or a negative limit.
        """
        return await self._database.read(
            lambda connection: logs.tail(
                connection,
                root_id=root_id,
                job_id=job_id,
                children=children,
                minimum=minimum,
                after_id=after_id,
                before_id=before_id,
                limit=limit,
            )
        )

    async def skips(
        self,
        root_id: int,
        *,
        reason: str | None = None,
        limit: int | None = 100,
        offset: int = 0,
        query: str = "",
        after: str | None = None,
        total: int | None = None,
    ) -> SkipPage:
        """Return a page of the URLs that a root refused, with reason and rule, by URL.

        Args:
            root_id: the root.
            reason: only those refused for it.
            limit: the most of a page; None for all.
            offset: how many to pass over.
            query: a part of the URL or of the rule; empty for all.
            after: only URLs that follow this one: the way to read on in a long list.
            total: how many there are under the same filter, when that is known, so that they need not be counted again.

        Raises:
            NotFoundError: there is no such job.
            UsageError: an unknown reason, or a negative limit.
        """
        return await self._database.read_interruptibly(
            lambda connection: skips.page(
                connection, root_id, reason, limit, offset, query=query, after=after, total=total
            )
        )

    async def skip_counts(self, root_id: int) -> dict[str, int]:
        """Return how many URLs a root refused for which reason, the most frequent first.

        Raises:
            NotFoundError: there is no such job.
        """
        return await self._database.read(lambda connection: skips.counts(connection, root_id))

    async def cancel(self, job_id: int) -> None:
        """Cancel a job and everything open below it; what runs of it stops at once.

        Raises:
            NotFoundError: there is no such job.
            NotAllowedError: it has ended already.
        """
        await to_the_end(self._cancel(job_id))

    async def pause(self, root_id: int) -> None:
        """Let no more of a root start; pages in flight finish.

        Raises:
            NotFoundError: there is no such job.
            NotAllowedError: it is no root, or does not run.
        """
        await to_the_end(self._ledger.pause(root_id))

    async def resume(self, root_id: int) -> None:
        """Let a paused root go on.

        Raises:
            NotFoundError: there is no such job.
            NotAllowedError: it is not paused.
        """
        await to_the_end(self._resume(root_id))

    async def rerun(self, job_id: int) -> int:
        """Start a crawl, or a run, once more, as its stored snapshot says, and return the id of the new root.

        The one that is repeated may have ended or not; nothing becomes of it. It runs when an engine runs.

        Raises:
            NotFoundError: there is no such job.
            NotAllowedError: it is no root, or one whose snapshot cannot be read.
        """
        await self.get(job_id)  # what lies in the trash, or below it, is no job any more
        return await to_the_end(self._queued(self._ledger.rerun(job_id)))

    async def retry(self, root_id: int, which: PageFilter | None = None, ids: Sequence[int] | None = None) -> int:
        """Run failed children of a root again, each as one attempt more of the same job.

        A root that has ended opens again and ends anew; its own earlier runs stand among its attempts. Cancelled
        children run again only when they are named: by *ids*, or by a filter whose status names them. A check of the
        start that failed runs again with any page. Pages that the rules of now leave out are withdrawn and not queued.
        Steps of a run that had failed or were left out because of them go on afterwards.

        Args:
            root_id: the root; or one page, which alone is meant then.
            which: only those that match.
            ids: only these.

        Returns:
            How many were queued; 0 when nothing is left to try again, and then nothing has changed.

        Raises:
            NotFoundError: there is no such job.
            NotAllowedError: it is no crawl, or one whose configuration cannot be read.
            UsageError: the filter makes no sense, or is one of another root.
        """
        job = await self.get(root_id)
        if not job.is_root:
            ids = (root_id,) if ids is None else tuple({root_id}.intersection(ids))
        return await to_the_end(self._queued(self._ledger.retry(job.root_id, which, ids)))

    async def change_rules(self, job_id: int, changes: RuleChanges) -> RuleChange:
        """Go on with a crawl under other rules: withdraw what no longer fits, and queue what was skipped and fits now.

        Args:
            job_id: the crawl, or any page of it.
            changes: what is to be different.

        Raises:
            NotFoundError: there is no such job.
            NotAllowedError: the crawl has ended.
            UsageError: the rules make no sense.
        """
        job = await self.get(job_id)
        check_rules(*(changes.include or ()), *(changes.exclude or ()))
        return await to_the_end(self._change_rules(job.root_id, changes))

    async def matching(self, which: JobFilter) -> tuple[int, ...]:
        """Return the ids of all jobs that fit a filter, in its order, whatever its limit and offset.

        Raises:
            NotFoundError: the filter's parent does not exist.
            UsageError: the filter names something that does not exist.
        """
        return await self._database.read(lambda connection: joblist.ids(connection, which))

    # What is committed must reach the engine, also when the caller is cancelled in between.

    async def _start(self, root: NewRoot) -> int:
        return await self._queued(self._ledger.start(root))

    async def _queued(self, queueing: Awaitable[int]) -> int:
        number = await queueing
        if self._engine is not None:
            self._engine.queued()
        return number

    async def _cancel(self, job_id: int) -> None:
        await self._ledger.cancel(job_id)
        if self._engine is not None:
            self._engine.cancel(job_id)

    async def _change_rules(self, root_id: int, changes: RuleChanges) -> RuleChange:
        change = await self._ledger.change_rules(root_id, changes)
        if self._engine is not None:
            await self._engine.rules_changed(root_id)
        return change

    async def _resume(self, root_id: int) -> None:
        await self._ledger.resume(root_id)
        if self._engine is not None:
            self._engine.poke()
