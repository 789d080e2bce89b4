"""The executor of ``cleanup``: deletes what ended long ago, by the same service that a person does it with (O3, X4)."""

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Protocol

from quaero_desktop.domain.cleanup import Cleanup, CleanupError
from quaero_desktop.domain.definitions import Action
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.jobs import Cause, JobRef
from quaero_desktop.domain.outcomes import Failed, Outcome, Recorded
from quaero_desktop.domain.stepoptions import CleanupOptions, parse
from quaero_desktop.engine.roots import RootContext
from quaero_desktop.infra.clock import local_zone


class CleansUp(Protocol):
    """What deletes root jobs that ended long enough ago."""

    async def __call__(self, older_than_ms: int, statuses: tuple[str, ...], *, gently: bool) -> Cleanup:
        """Delete them for good, with all below them; their documents stay.

        Raises:
            CleanupError: some could not be deleted.
        """


class CleanupExecutor:
    """Deletes root jobs by age and status. Cut short, it goes on where it was: what is gone is gone.

    Args:
        clean_up: the service.
        zone: whose times of day the log means.
    """

    def __init__(self, clean_up: CleansUp, zone: Callable[[], tzinfo] = local_zone) -> None:
        self._clean_up = clean_up
        self._zone = zone

    async def run(self, job: JobRef, root: RootContext) -> Outcome:
        """Perform a cleanup."""
        try:
            options = parse(Action.CLEANUP, root.options)
            assert isinstance(options, CleanupOptions)
            older_than_ms = options.older_than_ms
        except UsageError as error:
            return Failed(cause=Cause.BAD_PAYLOAD, message=error.message)
        try:
            # Gently, since other jobs run at the same time.
            cleanup = await self._clean_up(older_than_ms, options.statuses, gently=True)
        except CleanupError as error:
            return Failed(cause=Cause.EXECUTOR_ERROR, message=error.message)
        roots = len(cleanup.roots)
        # The moment itself: "30 days ago" says nothing to who reads the log a month later.
        before = f"{datetime.fromtimestamp(cleanup.before / 1000, self._zone()):%Y-%m-%d %H:%M}"
        if not roots:
            message = f"Nothing ended before {before}."
        else:
            below = cleanup.jobs - roots
            message = f"Deleted {roots:,} job{'s' if roots != 1 else ''} that ended before {before}"
            message += f", with {below:,} below." if below else "."
        return Recorded(result={"roots": roots, "jobs": cleanup.jobs, "before": cleanup.before}, message=message)
