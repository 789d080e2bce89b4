"""Cleaning up: ended jobs of some age on demand, and day by day what is older than the settings keep it (O3)."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from quaero_desktop.domain.cleanup import (
    CLEANABLE,
    DAY_MS,
    Cleanup,
    CleanupError,
    CleanupPlan,
    CleanupRoot,
    Retained,
    check_cleanable,
)
from quaero_desktop.domain.deletion import DeletionFailure
from quaero_desktop.domain.errors import LibraryError, UsageError
from quaero_desktop.infra.clock import Clock
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.services.deletion import DeletionService, Progress
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.retention import OldThings

_log = logging.getLogger(__name__)

_FIRST_SECONDS = 5.0
"""How long after the start the first look is taken: a window that opens has better things to do."""
_LONGEST_WAIT_SECONDS = 600.0
"""Days are counted by the time of day, which goes on while a computer sleeps; a timer of the event loop does not."""


class CleanupService:
    """Deletes what is old: jobs when it is asked to, and what the settings keep no longer while the library is open.

    Args:
        database: the open library.
        deletion: deletes the jobs (X4).
        settings: how long logs and ended jobs are kept.
        clock: time.
    """

    def __init__(self, database: Database, deletion: DeletionService, settings: Settings, clock: Clock) -> None:
        self._old = OldThings(database)
        self._deletion = deletion
        self._settings = settings
        self._clock = clock
        # A cleanup and the retention must not purge one tree at the same time.
        self._turn = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    async def plan(self, older_than_ms: int, statuses: Sequence[str] = ()) -> CleanupPlan:
        """Return what :meth:`run` would delete now; it changes nothing.

        Args:
            older_than_ms: how long ago a job must have ended at least, in milliseconds.
            statuses: how it ended; empty for all ways.

        Raises:
            UsageError: a negative age, or a status in which a job has not ended.
        """
        return await self._plan(older_than_ms, statuses)

    async def run(
        self,
        older_than_ms: int,
        statuses: Sequence[str] = (),
        *,
        gently: bool = False,
        progress: Progress = lambda done, total: None,
    ) -> Cleanup:
        """Delete root jobs that ended long enough ago, for good, with all below them. Their documents stay.

        They go one after the other, the oldest first, so cancelling this leaves the others as they are; the one that
        was under way is out of sight and goes later. A job that is opened again meanwhile stays.

        Args:
            older_than_ms: how long ago a job must have ended at least, in milliseconds.
            statuses: how it ended; empty for all ways.
            gently: rest between the transactions, so that a crawl that runs gets most of the writer's time.
            progress: called with how many jobs are gone, and of how many.

        Raises:
            UsageError: a negative age, or a status in which a job has not ended.
            CleanupError: some could not be deleted; it names each of them. The others are gone.
        """
        plan = await self.plan(older_than_ms, statuses)
        cleanup = await self._delete(plan, check_cleanable(tuple(statuses)), gently=gently, progress=progress)
        if cleanup.failed:
            raise CleanupError(cleanup)
        return cleanup

    async def apply_retention(self, settings: Settings) -> Retained:
        """Delete what is older than it is kept: first ended jobs, then lines in the logs of those that stay.

        What an import brought is left alone: it is old from the first day. It goes when somebody says so.

        It need not be called: while a library is open with an engine it happens after the start and then once a day.
        It rests as much as it works, and cancelling it leaves what is left for the next time.

        Args:
            settings: ``storage.job_retention_days`` and ``storage.log_retention_days``; 0 keeps them.
        """
        return await self._apply(settings, lambda: True)

    def apply(self, settings: Settings) -> None:
        """Go on under other settings; what they keep no longer goes at once."""
        changed = _kept(settings) != _kept(self._settings)
        self._settings = settings
        if changed:
            self._wake.set()

    def start(self) -> None:
        """Apply the retention of the settings from now on: in a moment, and then once a day."""
        self._keeper = asyncio.get_running_loop().create_task(self._apply_daily(), name="retention")

    async def close(self) -> None:
        """Stop at once; what is left goes at the next start."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])

    async def _plan(self, older_than_ms: int, statuses: Sequence[str] = (), *, imported: bool = True) -> CleanupPlan:
        if older_than_ms < 0:
            raise UsageError("An age cannot be negative.")
        wanted = check_cleanable(tuple(statuses))
        before = max(self._clock.now_ms() - older_than_ms, 0)
        roots = await self._old.roots(before, wanted, imported=imported)
        return CleanupPlan(before=before, roots=roots, jobs=sum(root.jobs for root in roots))

    async def _delete(
        self,
        plan: CleanupPlan,
        statuses: Sequence[str],
        *,
        gently: bool,
        progress: Progress = lambda done, total: None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Cleanup:
        gone: list[CleanupRoot] = []
        failed: list[DeletionFailure] = []
        jobs = 0

        def tell(done: int, _: int) -> None:
            progress(jobs + done, max(plan.jobs, jobs + done))

        for root in plan.roots:
            if not wanted():
                break
            async with self._turn:
                # Long ago it was found; it may have been retried and have ended anew since.
                if not await self._old.is_old(root.id, plan.before, statuses):
                    continue
                deletion = await self._deletion.purge_ended([root.id], gently=gently, progress=tell)
            jobs += len(deletion.deleted)
            failed += deletion.failed
            if root.id in deletion.deleted[-1:]:
                gone.append(root)
        return Cleanup(before=plan.before, roots=tuple(gone), jobs=jobs, failed=tuple(failed))

    async def _apply(self, settings: Settings, wanted: Callable[[], bool]) -> Retained:
        jobs_days, log_days = _kept(settings)
        jobs = lines = 0
        if jobs_days:
            plan = await self._plan(jobs_days * DAY_MS, imported=False)
            cleanup = await self._delete(plan, CLEANABLE, gently=True, wanted=wanted)
            for failure in cleanup.failed:
                _log.warning("job %d is old and could not be deleted: %s", failure.id, failure.error)
            jobs = cleanup.jobs
        if log_days:
            lines = await self._old.delete_lines(self._clock.now_ms() - log_days * DAY_MS, wanted)
        if jobs or lines:
            _log.info("older than the settings keep them: %d jobs and %d lines of logs, deleted", jobs, lines)
        return Retained(jobs=jobs, log_lines=lines)

    # Day by day.

    async def _apply_daily(self) -> None:
        await self._sleep(_FIRST_SECONDS)
        while True:
            self._wake.clear()
            settings, began = self._settings, self._clock.now_ms()
            try:
                # Other settings end what these began.
                await self._apply(settings, lambda: not self._wake.is_set())
            except LibraryError as error:
                # A full disk, for one; there is another day.
                _log.warning("what is older than the settings keep it could not be deleted: %s", error)
            except Exception:
                _log.exception("what is older than the settings keep it could not be deleted by a mistake of ours")
            # A clock that was put back must not put it off for years.
            while not self._wake.is_set() and 0 <= (passed := self._clock.now_ms() - began) < DAY_MS:
                await self._sleep(min((DAY_MS - passed) / 1000, _LONGEST_WAIT_SECONDS))

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()


def _kept(settings: Settings) -> tuple[int, int]:
    """Return for how many days ended jobs and logs are kept; 0 for ever."""
    return settings.storage.job_retention_days, settings.storage.log_retention_days
