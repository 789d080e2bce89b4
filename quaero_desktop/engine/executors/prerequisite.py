"""The executor of ``prerequisite``: a definition that has to run before another one (J4)."""

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.domain.jobs import Cause, JobRef, Status
from quaero_desktop.domain.outcomes import Failed, Outcome, Parked, Recorded
from quaero_desktop.domain.ports import DELETED, LedgerPort
from quaero_desktop.engine.roots import RootContext
from quaero_desktop.infra.clock import Clock

LOOK_AGAIN_MS = 60_000
"""The end of the other run wakes this one; a look now and then repairs what nobody told, like its deletion."""


class Prerequisite:
    """Starts the run of the other definition, once, and waits for its end without holding a worker.

    Args:
        ledger: starts it, and knows how it went.
        clock: time.
    """

    def __init__(self, ledger: LedgerPort, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def run(self, job: JobRef, root: RootContext) -> Outcome:
        """Perform *job*; see :class:`quaero_desktop.engine.executors.registry.Executor`."""
        try:
            other = await self._ledger.require(job.id)
        except KnownError as error:
            message = f"the definition that has to run before could not be started: {error.message}"
            return Failed(cause=Cause.PREREQUISITE, message=message)
        if other.is_open:
            until = self._clock.now_ms() + LOOK_AGAIN_MS
            return Parked(until=until, reason=f"Waits for “{other.name}”, job {other.id}")
        if other.status == Status.COMPLETED:
            return Recorded(result={"job": other.id}, message=f"“{other.name}”, job {other.id}, has completed")
        how = {Status.CANCELLED: "was cancelled", DELETED: "was deleted"}.get(other.status, "failed")
        return Failed(cause=Cause.PREREQUISITE, message=f"the definition {other.name}, which has to run before, {how}")
