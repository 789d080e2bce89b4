"""The ledger: the only code that changes queue, jobs, documents and counters.

Each of its operations is one whole transaction over plain values. A page is "not done" exactly while its message
exists, and the message goes in the transaction that stores the whole outcome: so whatever happens to the process,
nothing is lost and nothing is stored twice.
"""

import random
from collections.abc import Sequence
from typing import Any

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import NO_STEP
from quaero_desktop.domain.outcomes import Completed, Discovered, Failed, Part
from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.domain.ports import NewRoot, Received, Recovery, Required, RootPlan, Settled
from quaero_desktop.domain.queue import Receipt, Turns
from quaero_desktop.domain.rulechange import RuleChange, RuleChanges
from quaero_desktop.storage.database import Database, Tx
from quaero_desktop.storage.jobs import deadlines, joblog, plans, prerequisites, retry
from quaero_desktop.storage.jobs.backoff import Backoff
from quaero_desktop.storage.jobs.control import Control
from quaero_desktop.storage.jobs.leases import Leases
from quaero_desktop.storage.jobs.outcomes import Outcomes
from quaero_desktop.storage.jobs.plans import Plans
from quaero_desktop.storage.jobs.runs import Runs, refuse_second
from quaero_desktop.storage.jobs.settling import Settling
from quaero_desktop.storage.material import Material
from quaero_desktop.storage.queries import pagelist
from quaero_desktop.storage.queue import Queue
from quaero_desktop.storage.summaries import Summaries


class Ledger:
    """Implements :class:`quaero_desktop.domain.ports.LedgerPort` on one library.

    Args:
        database: the open library.
        queue: the queue of its jobs, with the identity of this run of the engine.
        backoff: of failed messages.
        rng: for the jitter of the backoff.
    """

    def __init__(
        self, database: Database, queue: Queue, *, backoff: Backoff | None = None, rng: random.Random | None = None
    ) -> None:
        self._database = database
        self._queue = queue
        self._material = Material(database)
        self._summaries = Summaries(database)
        backoff = backoff or Backoff()
        # These are only touched on the writer's thread, but for plans, to undo.
        self._plans = Plans()
        self._runs = Runs(queue, self._plans, backoff)
        self._settling = Settling(queue, self._plans, self._runs)
        self._leases = Leases(queue, self._plans, self._settling)
        self._outcomes = Outcomes(queue, self._plans, self._runs, self._settling, backoff, rng or random.Random())
        self._control = Control(queue, self._plans, self._runs, self._settling)

    async def start(self, root: NewRoot) -> int:
        """Store a root, its seeds, their messages and the first log line; return the root's id."""
        return await self._database.write(lambda tx: self._control.start(tx, root))

    async def receive(self, n: int, turns: Turns) -> Received:
        """Lease up to *n* jobs whose turn has come and mark them, and their roots, running."""
        return await self._database.write(lambda tx: self._leases.receive(tx, n, turns))

    async def complete(self, receipt: Receipt, outcome: Completed) -> Settled:
        """Store the whole outcome of a job: document, new children, status, counters, the root's end, log.

        What was said to be unchanged and is not in the library any more goes back to the queue, uncounted.

        Raises:
            StaleReceiptError: somebody else has the message now; nothing was stored.
            RootClosedError: its root was cancelled or trashed; nothing was stored.
        """
        return await self._database.write(lambda tx: self._outcomes.complete(tx, receipt, outcome))

    async def start_run(self, definition_id: int, defaults: CrawlConfig) -> int:
        """Store a run of a definition as one root, with its first step; return the root's id (J3).

        Args:
            definition_id: the definition.
            defaults: what its crawls begin with where neither it nor their source says anything.

        Raises:
            NotFoundError: there is no such definition.
            NotAllowedError: a run of it has not ended; or it is switched off, or cannot be read.
            FieldError: something in it makes no sense any more, or it would run for ever.
        """

        def start(tx: Tx) -> int:
            refuse_second(tx, definition_id)
            return self.begin_run(tx, definition_id, defaults)

        return await self._database.write(start)

    async def require(self, job_id: int) -> Required:
        """Return the run of the definition that a running job waits for; it is started where there is none yet.

        Raises:
            NotFoundError: there is no such definition.
            NotAllowedError: it is switched off, or cannot be read.
            FieldError: something in it makes no sense any more, or it would run for ever.
        """
        return await self._database.write(lambda tx: self._outcomes.require(tx, job_id))

    async def park(self, receipt: Receipt, until: int, reason: str) -> None:
        """Give a job back uncounted until something else has ended, or *until*, in milliseconds UTC.

        Raises:
            StaleReceiptError: somebody else has the message now; nothing was stored.
        """
        await self._database.write(lambda tx: self._leases.park(tx, receipt, until, reason))

    async def sign_in_needed(self, receipt: Receipt, reason: str) -> None:
        """Give a job back uncounted and pause its root, with *reason* for a person, in one transaction.

        Raises:
            StaleReceiptError: somebody else has the message now; nothing was stored.
        """
        await self._database.write(lambda tx: self._control.sign_in_needed(tx, receipt, reason))

    async def spawn(self, job_id: int, wanted: Sequence[Part], mark: dict[str, Any]) -> int:
        """Store jobs that a running planner asks for, with their messages; return how many.

        Args:
            job_id: the planner; it runs here.
            wanted: what it asks for.
            mark: its message's payload from now on: where to go on after a crash.

        Raises:
            StaleReceiptError: the planner does not run here any more; nothing was stored.
            RootClosedError: its root was cancelled or trashed; nothing was stored.
        """
        return await self._database.write(lambda tx: self._outcomes.spawn(tx, job_id, wanted, mark))

    async def next_deadline(self) -> int | None:
        """Return when the next run has taken too long, in milliseconds UTC; None when none has a limit."""
        return await self._database.read(deadlines.earliest)

    async def expire(self) -> tuple[int, ...]:
        """Cancel the runs that have taken too long; return their roots."""
        return await self._database.write(self._settling.expire)

    async def fail(self, receipt: Receipt, failure: Failed) -> Settled:
        """Store a failed try: the message goes back with a backoff (never before Retry-After), or the job ends.

        Raises:
            StaleReceiptError: somebody else has the message now; nothing was stored.
        """
        return await self._database.write(lambda tx: self._outcomes.fail(tx, receipt, failure))

    async def snooze(self, receipt: Receipt, until: int, reason: str) -> None:
        """Give a job back uncounted and let its lane rest until *until*, in milliseconds UTC.

        Raises:
            StaleReceiptError: somebody else has the message now; nothing was stored.
        """
        await self._database.write(lambda tx: self._leases.snooze(tx, receipt, until, reason))

    async def release(self, receipts: Sequence[Receipt]) -> int:
        """Give jobs back uncounted, as a clean stop does; return how many were still held."""
        return await self._database.write(lambda tx: self._leases.release(tx, receipts))

    async def wait_elsewhere(self, job_id: int, waiting: bool) -> None:
        """Note whether all that a running job does for now is to wait for somebody else (Q7)."""
        await self._database.write(lambda tx: self._queue.wait_elsewhere(tx, job_id, waiting))

    async def extend(self, receipts: Sequence[Receipt]) -> list[Receipt]:
        """Start the leases of running jobs anew, note the heartbeat of their roots, and return what was lost."""
        return await self._database.write(lambda tx: self._leases.extend(tx, receipts))

    async def cancel(self, job_id: int) -> int:
        """Cancel a job and everything open below it; return its root.

        Raises:
            NotFoundError: there is no such job.
            NotAllowedError: it has ended already.
        """
        return await self._database.write(lambda tx: self._control.cancel(tx, job_id))

    async def note(self, root_id: int, level: str, message: str) -> None:
        """Add a line to the log of a root, if there still is one; *level* is one of LOG_LEVELS."""
        await self._database.write(lambda tx: joblog.write_if_there(tx, root_id, level, message))

    async def pause(self, root_id: int, reason: str = "") -> None:
        """Let no more of the root start; what runs may finish.

        Args:
            root_id: the root.
            reason: what a person should know, when it was none who wanted it: it stands as the root's error until it
                is resumed.

        Raises:
            NotFoundError: there is no such job.
            NotAllowedError: it is not a root, or neither pending nor running.
        """
        await self._database.write(lambda tx: self._control.pause(tx, root_id, reason))

    async def resume(self, root_id: int) -> None:
        """Undo :meth:`pause`.

        Raises:
            NotFoundError: there is no such job.
            NotAllowedError: it is not paused.
        """
        await self._database.write(lambda tx: self._control.resume(tx, root_id))

    async def change_rules(self, root_id: int, changes: RuleChanges) -> RuleChange:
        """Go on with a crawl under other rules: withdraw what no longer fits, and queue what was skipped and fits now.

        What runs may finish. What it finds is decided under the new rules, and so is whether it is tried once more.

        Raises:
            NotFoundError: there is no such job.
            NotAllowedError: it is no crawl, or has ended.
            UsageError: the rules make no sense.
        """
        scopes = self._plans.scopes(root_id)
        try:
            return await self._database.write(lambda tx: self._control.change_rules(tx, root_id, changes))
        except Exception:
            # Rolled back, perhaps as late as by its commit.
            self._plans.forget(root_id)
            self._plans.remember(scopes)
            raise

    async def rerun(self, root_id: int) -> int:
        """Start a crawl or a run as another one was started, by its stored snapshot; return the new root's id.

        Raises:
            NotFoundError: there is no such job.
            NotAllowedError: it is no root, or none whose configuration can be read.
        """
        return await self._database.write(lambda tx: self._control.rerun(tx, root_id))

    async def retry(self, root_id: int, which: PageFilter | None = None, ids: Sequence[int] | None = None) -> int:
        """Run failed children of a root again, each as one attempt more; a root that has ended opens again.

        A check of the start that failed runs again with them, whatever was asked for.

        Args:
            root_id: the root.
            which: only those that match; cancelled ones as well, where its status names them.
            ids: only these, cancelled ones among them.

        Returns:
            How many were queued. Those that the rules of now leave out are withdrawn and do not count.

        Raises:
            NotFoundError: there is no such job.
            NotAllowedError: it is no crawl, or none whose configuration can be read.
            UsageError: the filter makes no sense.
        """
        retry.check_filter(root_id, which)
        return await self._database.write(lambda tx: self._control.retry(tx, root_id, which, ids))

    async def recover(self) -> Recovery:
        """Take back what a dead process left running, and recount the counters of open roots (Q7).

        Only under the instance lock: every lease of another owner is taken to be dead.
        """
        return await self._database.write(self._leases.recover)

    async def plan(self, root_id: int, step: int = NO_STEP) -> RootPlan:
        """Read what the engine needs to run jobs of a step of a root.

        Raises:
            NotFoundError: there is no such root.
        """
        return await self._database.read(lambda connection: plans.read(connection, root_id, step))

    async def discover(self, job_id: int, discovered: Discovered) -> int:
        """Store a part of what a running job finds, which is too much for one transaction; return how many are new.

        It may be repeated: what is known already changes nothing.

        Raises:
            StaleReceiptError: the job does not run here any more; nothing was stored.
            RootClosedError: its root was cancelled or trashed; nothing was stored.
        """
        return await self._database.write(lambda tx: self._outcomes.discover(tx, job_id, discovered))

    async def pages_stored(self, root_id: int, origin: str, most: int) -> tuple[str, ...]:
        """Return pages of an origin that a root stored, the latest first: among its last ones, and at most *most*."""
        return await self._database.read(lambda connection: pagelist.stored_of(connection, root_id, origin, most))

    async def is_idle(self, only: frozenset[int] | None = None) -> bool:
        """Return whether nothing is ready, leased or delayed; paused roots do not count.

        Args:
            only: of these roots, and of those that they led to.
        """
        return await self._database.read(
            lambda connection: self._queue.is_idle(
                connection, None if only is None else prerequisites.with_triggered(connection, only)
            )
        )

    @property
    def material(self) -> Material:
        """What the steps of a run work on, of the same library."""
        return self._material

    @property
    def summaries(self) -> Summaries:
        """What documents say in short, and what that is made from."""
        return self._summaries

    # What deletion and schedules do in transactions of their own.

    @property
    def queue(self) -> Queue:
        """The queue of the jobs."""
        return self._queue

    def begin_run(self, tx: Tx, definition_id: int, defaults: CrawlConfig) -> int:
        """Start a run of a definition as a part of a transaction; see :meth:`start_run`."""
        return self._settling.start_run(tx, definition_id, defaults, None)

    def stop_running(self, tx: Tx, roots: Sequence[int], jobs: Sequence[int]) -> list[int]:
        """Put the running jobs among *jobs* and below *roots* back to pending; return them.

        What they bring is discarded: nobody holds their messages any more.
        """
        return self._leases.stop_running(tx, roots, jobs)

    def settle(self, tx: Tx, root_id: int) -> None:
        """Mark a root changed, and end it, or go on, when nothing below it is open."""
        self._settling.settle(tx, root_id)

    def brought_back(self, tx: Tx, root_id: int, children: Sequence[int]) -> None:
        """Note that children of a root came out of the trash: what is open of them belongs to steps that go on."""
        self._runs.brought_back(tx, root_id, children)

    def forget(self, root_id: int) -> None:
        """Forget what is remembered of a root; on the writer's thread."""
        self._plans.forget(root_id)
