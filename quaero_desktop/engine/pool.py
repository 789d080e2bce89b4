"""The worker pool: takes jobs whose turn has come, performs them, stores what came of it, and stops cleanly (Q8)."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

import msgspec

from quaero_desktop.domain.errors import (
    DiskFullError,
    KnownError,
    NotFoundError,
    RootClosedError,
    StaleReceiptError,
)
from quaero_desktop.domain.events import EngineNotice
from quaero_desktop.domain.jobs import Cause, JobRef
from quaero_desktop.domain.outcomes import Failed, Outcome, Snoozed
from quaero_desktop.domain.ports import Assignment, LedgerPort, Settled
from quaero_desktop.domain.queue import Receipt
from quaero_desktop.domain.text import single_line
from quaero_desktop.engine.executors.registry import Registry
from quaero_desktop.engine.roots import Roots
from quaero_desktop.infra.clock import Clock
from quaero_desktop.web.politeness import Politeness

_log = logging.getLogger(__name__)

_ROOM_CHECK_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 5.0
"""A look at the queue now and then costs nothing and repairs a wake-up that was missed."""


class PoolReport(msgspec.Struct, frozen=True):
    """What a run of the pool did: outcomes stored, and how long from its start to the last commit."""

    processed: int
    completed: int
    failed: int
    seconds: float


class WorkerPool:
    """Runs jobs from the queue, at most *workers* at a time.

    Args:
        ledger: where jobs come from and outcomes go.
        registry: the executors.
        politeness: says which lanes have their turn.
        clock: time.
        workers: how many jobs run at the same time.
        lease_ms: how long a lease lasts; running jobs extend theirs three times as often.
        grace_seconds: how long running jobs may go on after :meth:`stop`.
        notify: told of things that a person should know, like a full disk.
    """

    def __init__(
        self,
        ledger: LedgerPort,
        registry: Registry,
        politeness: Politeness,
        clock: Clock,
        *,
        workers: int = 5,
        lease_ms: int = 60_000,
        grace_seconds: float = 1.5,
        notify: Callable[[EngineNotice], None] = lambda _: None,
    ) -> None:
        self.workers = workers
        self._ledger = ledger
        self._registry = registry
        self._politeness = politeness
        self._clock = clock
        self._lease_seconds = lease_ms / 1000
        self._grace_seconds = grace_seconds
        self._notify = notify
        self._roots = Roots(ledger)
        self._running: dict[Receipt, tuple[asyncio.Task[None], Assignment]] = {}
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._no_room = False
        self._fatal: Exception | None = None
        self._abandoned: list[Receipt] = []
        self._completed = 0
        self._failed = 0
        self._last_commit = 0.0

    @property
    def running(self) -> int:
        """How many jobs run now."""
        return len(self._running)

    def poke(self) -> None:
        """Look at the queue now: something new may be ready."""
        self._wake.set()

    def stop(self) -> None:
        """Take no more jobs; give those that run their grace, then put them back. A second call skips the grace."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()
        self._wake.set()

    def cancel(self, job_id: int) -> None:
        """Stop what runs of a job, or of a root, that was cancelled: at once, and without storing anything."""
        for task, assignment in list(self._running.values()):
            if job_id in (assignment.job.id, assignment.job.root_id):
                task.cancel()
        self._forget(job_id)

    async def run(self, *, until_idle: bool = False, only: frozenset[int] | None = None) -> PoolReport:
        """Run jobs until :meth:`stop`.

        Args:
            until_idle: also end when nothing is ready, leased or delayed.
            only: the roots to run; None for all.

        Raises:
            KnownError: the library can no longer be used.
        """
        started = self._last_commit = self._clock.monotonic()
        self._completed = self._failed = 0
        heartbeat = asyncio.create_task(self._extend_leases(), name="lease extension")
        try:
            while not self._stopping.is_set() and self._fatal is None:
                self._wake.clear()
                next_due = await self._fill(only)
                if until_idle and not self._running and await self._ledger.is_idle(only):
                    break
                await self._sleep(next_due, only)
        finally:
            heartbeat.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await heartbeat
            await self._end_running()
        if self._fatal is not None:
            raise self._fatal
        return PoolReport(
            self._completed + self._failed, self._completed, self._failed, max(0.0, self._last_commit - started)
        )

    async def _fill(self, only: frozenset[int] | None) -> int | None:
        """Receive for the idle workers and start what came; return when something else becomes due."""
        idle = self.workers - len(self._running)
        if idle <= 0:
            return None
        try:
            received = await self._ledger.receive(idle, self._politeness.turns(only))
        except DiskFullError as error:
            await self._wait_for_room(error)
            return self._clock.now_ms()
        if self._no_room:
            self._no_room = False
            self._notify(EngineNotice(None))
        for root_id in received.ended:
            self._forget(root_id)
        for assignment in received.assignments:
            self._begin(assignment)
        return received.next_due

    def _begin(self, assignment: Assignment) -> None:
        self._politeness.started(assignment.job.root_id, assignment.delivery.lane)
        task = asyncio.create_task(self._work(assignment), name=f"job {assignment.job.id}")
        self._running[assignment.delivery.receipt] = (task, assignment)

    async def _work(self, assignment: Assignment) -> None:
        receipt, job = assignment.delivery.receipt, assignment.job
        try:
            outcome = await self._perform(job)
            await self._store(receipt, outcome)
        except (StaleReceiptError, RootClosedError, NotFoundError) as error:
            _log.debug("the result of job %s is discarded: %s", job.id, error)
        except asyncio.CancelledError:
            self._abandoned.append(receipt)
        except Exception as error:
            # Storing failed for a reason that no repetition mends: stop, and let whoever runs the pool say so.
            self._fatal = self._fatal or error
            self._abandoned.append(receipt)
        finally:
            del self._running[receipt]
            self._politeness.finished(job.root_id, assignment.delivery.lane)
            self._wake.set()

    async def _perform(self, job: JobRef) -> Outcome:
        root = await self._roots.get(job.root_id)
        if self._politeness.admit(root.id, root.config.per_host, root.config.delay_ms):
            # Until now it could start one page only, since nobody knew its pace.
            self.poke()
        try:
            return await self._registry.run(job, root)
        except Exception as error:
            # Our own mistake, or that of a library below: it costs this job and nothing else (Q8).
            _log.exception("the executor of job %s (%s) failed", job.id, job.type)
            return Failed(cause=Cause.EXECUTOR_ERROR, message=single_line(f"{type(error).__name__}: {error}"))

    async def _store(self, receipt: Receipt, outcome: Outcome) -> None:
        """Store *outcome*, as often as it takes while the disk is full: that burns no retries."""
        while True:
            try:
                if isinstance(outcome, Snoozed):
                    await self._ledger.snooze(receipt, outcome.until, outcome.reason)
                    return
                if isinstance(outcome, Failed):
                    settled = await self._ledger.fail(receipt, outcome)
                else:
                    settled = await self._ledger.complete(receipt, outcome)
            except DiskFullError as error:
                await self._wait_for_room(error)
                continue
            self._note(outcome, settled)
            return

    def _note(self, outcome: Outcome, settled: Settled) -> None:
        self._last_commit = self._clock.monotonic()
        if isinstance(outcome, Failed):
            self._failed += settled.retry_at is None
        else:
            self._completed += 1
        if settled.root_status is not None:
            self._forget(settled.root_id)

    def _forget(self, root_id: int) -> None:
        self._roots.forget(root_id)
        self._politeness.forget(root_id)

    async def _wait_for_room(self, error: DiskFullError) -> None:
        """Say that the disk is full, and wait a little; who called tries again."""
        if not self._no_room:
            self._no_room = True
            self._notify(EngineNotice(error.message, error.hint))
        await asyncio.sleep(_ROOM_CHECK_SECONDS)

    async def _extend_leases(self) -> None:
        """Keep the leases of running jobs alive, from a task of its own: no job can hold it up (Q6)."""
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            receipts = list(self._running)
            if not receipts:
                continue
            try:
                lost = await self._ledger.extend(receipts)
            except DiskFullError:
                continue
            except Exception as error:
                self._fatal = self._fatal or error
                self._wake.set()
                return
            for receipt in lost:
                if receipt in self._running:
                    self._running[receipt][0].cancel()

    async def _sleep(self, next_due: int | None, only: frozenset[int] | None) -> None:
        """Wait until a job ends, somebody pokes, or something becomes due."""
        turn = self._politeness.next_turn(only)
        dues = [due for due in (next_due, turn) if due is not None]
        seconds = _LONGEST_WAIT_SECONDS
        if dues:
            seconds = min(seconds, max(0.001, (min(dues) - self._clock.now_ms()) / 1000))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _end_running(self) -> None:
        """Give running jobs their grace, cancel the rest and put it back."""
        deadline = self._clock.monotonic() + self._grace_seconds
        while self._running and self._fatal is None and not self._hurry.is_set():
            left = deadline - self._clock.monotonic()
            if left <= 0:
                break
            # Every job that ends wakes us, and so does a second stop().
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._wake.wait()
        tasks = [task for task, _ in self._running.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._abandoned:
            abandoned, self._abandoned = self._abandoned, []
            try:
                await self._ledger.release(abandoned)
            except KnownError as error:
                # The next start takes these leases back by identity.
                _log.warning("%d jobs could not be put back: %s", len(abandoned), error)
