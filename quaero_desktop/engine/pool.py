"""The worker pool: takes jobs whose turn has come, performs them, stores what came of it, and stops cleanly (Q8)."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

import msgspec

from quaero_desktop.domain.errors import (
    DiskFullError,
    KnownError,
    NotAllowedError,
    NotFoundError,
    RootClosedError,
    StaleReceiptError,
)
from quaero_desktop.domain.events import EngineNotice
from quaero_desktop.domain.jobs import Cause, JobRef
from quaero_desktop.domain.outcomes import Failed, Outcome, Parked, SignInNeeded, Snoozed
from quaero_desktop.domain.ports import Assignment, LedgerPort, Settled
from quaero_desktop.domain.queue import Receipt
from quaero_desktop.domain.text import single_line
from quaero_desktop.engine.executors.registry import Registry
from quaero_desktop.engine.hosts import Hosts, Judgement
from quaero_desktop.engine.roots import Roots
from quaero_desktop.infra.clock import Clock
from quaero_desktop.infra.redact import redact
from quaero_desktop.infra.tasks import to_the_end
from quaero_desktop.web.politeness import Politeness

_log = logging.getLogger(__name__)

_ROOM_CHECK_SECONDS = 1.0
_GATHER_SECONDS = 0.01
"""How long a finished page waits for others, so that they share a commit: one commit of eight pages writes less than a
third of what eight commits of one write (13 and 45 blocks a page, measured), and waits for the disk once."""
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
        host_failures: how many failures of one host in a row pause a root; 0 for any number.
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
        host_failures: int = 0,
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
        self._hosts = Hosts(clock, host_failures)
        self._running: dict[Receipt, tuple[asyncio.Task[None], Assignment]] = {}
        self._requesting: set[Receipt] = set()
        self._gate = asyncio.Event()
        self._gathered = 0
        self._gathered_until = 0.0
        self._storing = 0
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._no_room = False
        self._starved: set[Receipt] = set()
        # The time of the turns that were offered last; None while no worker is idle and no turn can be taken.
        self._turns_at: int | None = None
        # When the next run has taken too long, as the last receive said.
        self._deadline: int | None = None
        self._fatal: BaseException | None = None
        self._abandoned: list[Receipt] = []
        self._completed = 0
        self._failed = 0
        self._last_commit = 0.0

    @property
    def host_failures(self) -> int:
        """How many failures of one host in a row pause a root; 0 for any number."""
        return self._hosts.most

    @host_failures.setter
    def host_failures(self, most: int) -> None:
        self._hosts.most = most

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

    def _stop_at_once(self) -> None:
        self._hurry.set()
        self.stop()

    def cancel(self, job_id: int) -> None:
        """Stop what runs of a job, or of a root, that was cancelled: at once, and without storing anything."""
        for task, assignment in list(self._running.values()):
            if job_id in (assignment.job.id, assignment.job.root_id):
                task.cancel()
        self._forget(job_id)

    async def rules_changed(self, root_id: int) -> None:
        """Go on with a root under its rules of now, which may have queued something."""
        await self._roots.reload(root_id)
        self.poke()

    async def credentials_changed(self) -> None:
        """Show sites the credentials that their sources have now."""
        await self._roots.renew_credentials()

    async def run(self, *, until_idle: bool = False, only: frozenset[int] | None = None) -> PoolReport:
        """Run jobs until :meth:`stop`. Cancelling stops without a grace, and nothing stays leased.

        Args:
            until_idle: also end when nothing is ready, leased or delayed.
            only: the roots to run; None for all.

        Raises:
            KnownError: the library can no longer be used.
        """
        return await to_the_end(self._run(until_idle, only), hurry=self._stop_at_once)

    async def _run(self, until_idle: bool, only: frozenset[int] | None) -> PoolReport:
        started = self._last_commit = self._clock.monotonic()
        self._completed = self._failed = 0
        self._fatal = None
        self._gate.clear()
        heartbeat = asyncio.create_task(self._extend_leases(), name="lease extension")
        try:
            while not self._stopping.is_set() and self._fatal is None:
                self._wake.clear()
                await self._expire()
                next_due = await self._fill(only)
                if until_idle and not self._running and await self._ledger.is_idle(only):
                    break
                await self._sleep(next_due, only)
                await self._gather()
        except Exception as error:
            self._fatal = error
        finally:
            heartbeat.cancel()
            await asyncio.wait([heartbeat])
            await self._end_running()
            # This stop is done with; one that comes before the next run() ends that.
            self._stopping.clear()
            self._hurry.clear()
        if self._fatal is not None:
            raise self._fatal
        return PoolReport(
            self._completed + self._failed, self._completed, self._failed, max(0.0, self._last_commit - started)
        )

    async def _gather(self) -> None:
        """Let the outcomes that wait be stored in one commit, once all are there or the first has waited enough."""
        while 0 < self._gathered < len(self._running) - self._storing and not self._stopping.is_set():
            left = self._gathered_until - self._clock.monotonic()
            if left <= 0:
                break
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._wake.wait()
        if self._gathered:
            self._gate.set()
            # They hand their outcomes to the ledger now: what is received next joins them in one transaction.
            await asyncio.sleep(0)
            self._gate.clear()

    async def _fill(self, only: frozenset[int] | None) -> int | None:
        """Receive for the idle workers and start what came; return when something else becomes due.

        A worker whose outcome is being stored counts as idle: the receive is in line behind that very transaction.
        """
        self._turns_at = None
        idle = self.workers - len(self._running) + self._storing
        if idle <= 0 or self._starved:
            return None
        turns = self._politeness.turns(only)
        self._turns_at = turns.now
        try:
            received = await self._ledger.receive(idle, turns)
        except DiskFullError as error:
            self._note_full(error)
            return self._clock.now_ms() + round(_ROOM_CHECK_SECONDS * 1000)
        self._note_room()
        self._deadline = received.deadline
        for root_id in received.ended:
            self._forget(root_id)
        for assignment in received.assignments:
            self._begin(assignment)
        return received.next_due

    async def _expire(self) -> None:
        """Cancel the runs that have taken too long; what runs of them stops at once."""
        if self._deadline is None or self._clock.now_ms() < self._deadline:
            return
        try:
            expired = await self._ledger.expire()
            self._deadline = await self._ledger.next_deadline()
        except DiskFullError as error:
            self._note_full(error)
            return
        for root_id in expired:
            self.cancel(root_id)

    def _begin(self, assignment: Assignment) -> None:
        self._politeness.started(assignment.job.root_id, assignment.delivery.lane)
        self._requesting.add(assignment.delivery.receipt)
        task = asyncio.create_task(self._work(assignment), name=f"job {assignment.job.id}")
        self._running[assignment.delivery.receipt] = (task, assignment)
        # A callback and no `finally`: a task that is cancelled before its first step never enters its body.
        task.add_done_callback(lambda task: self._ended(task, assignment))

    def _ended(self, task: asyncio.Task[None], assignment: Assignment) -> None:
        receipt = assignment.delivery.receipt
        del self._running[receipt]
        self._leave_lane(assignment)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # Storing failed for a reason that no repetition mends: stop, and let whoever runs the pool say so.
            self._fatal = self._fatal or error
        if error is not None or task.cancelled():
            self._abandoned.append(receipt)
        self._wake.set()

    def _leave_lane(self, assignment: Assignment) -> None:
        receipt = assignment.delivery.receipt
        if receipt in self._requesting:
            self._requesting.remove(receipt)
            self._politeness.finished(assignment.job.root_id, assignment.delivery.lane)

    async def _work(self, assignment: Assignment) -> None:
        try:
            outcome = await self._perform(assignment.job)
            judgement = await self._judge(assignment, outcome)
            if judgement.rest_until is not None:
                # At once and not with the commit: until then others would start there.
                self._politeness.rest(assignment.delivery.lane, judgement.rest_until)
            self._leave_lane(assignment)
            await self._wait_for_others()
            await self._store(assignment.delivery.receipt, judgement.outcome, assignment.job)
            if judgement.pause is not None:
                await self._pause(assignment.job.root_id, judgement.pause)
        except (StaleReceiptError, RootClosedError, NotFoundError) as error:
            _log.debug("the result of job %s is discarded: %s", assignment.job.id, error)

    async def _judge(self, assignment: Assignment, outcome: Outcome) -> Judgement:
        tries = 1
        if isinstance(outcome, Failed):
            tries = (await self._roots.get(assignment.job.root_id, assignment.job.step)).config.max_attempts
        return self._hosts.judge(assignment, outcome, tries)

    async def _pause(self, root_id: int, reason: str) -> None:
        """Let a root wait until somebody has looked at it: what is left of it would only burn its tries."""
        with contextlib.suppress(NotAllowedError, NotFoundError):
            await self._ledger.pause(root_id, reason)
            _log.info("job %s is paused: %s", root_id, reason)

    async def _wait_for_others(self) -> None:
        if self._gathered == 0:
            self._gathered_until = self._clock.monotonic() + _GATHER_SECONDS
        self._gathered += 1
        self._wake.set()
        try:
            await self._gate.wait()
        finally:
            self._gathered -= 1

    async def _perform(self, job: JobRef) -> Outcome:
        root = await self._roots.get(job.root_id, job.step)
        if self._politeness.admit(root.id, root.config.per_host, root.config.delay_ms):
            # Until now it could start one page only, since nobody knew its pace.
            self.poke()
        try:
            return await self._registry.run(job, root)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancelled this job: something that it waited for was cancelled.
            return _failed_by_us(job, error)
        except Exception as error:
            return _failed_by_us(job, error)

    async def _store(self, receipt: Receipt, outcome: Outcome, job: JobRef) -> None:
        """Store *outcome*, as often as it takes while the disk is full: that burns no tries."""
        try:
            while True:
                try:
                    settled = await self._settle(receipt, outcome)
                except DiskFullError as error:
                    self._starved.add(receipt)
                    self._note_full(error)
                    await asyncio.sleep(_ROOM_CHECK_SECONDS)
                except (KnownError, StaleReceiptError, RootClosedError):
                    raise
                except Exception as error:
                    if isinstance(outcome, Failed) and outcome.cause == Cause.EXECUTOR_ERROR:
                        raise
                    # What cannot be stored of one page must not end all others, nor come back at each start.
                    outcome = _failed_by_us(job, error)
                else:
                    break
        finally:
            self._starved.discard(receipt)
        self._note_room()
        if settled is not None:
            self._note(outcome, settled)

    async def _settle(self, receipt: Receipt, outcome: Outcome) -> Settled | None:
        self._storing += 1
        try:
            match outcome:
                case Snoozed():
                    await self._ledger.snooze(receipt, outcome.until, outcome.reason)
                    return None
                case Parked():
                    await self._ledger.park(receipt, outcome.until, outcome.reason)
                    return None
                case SignInNeeded():
                    await self._ledger.sign_in_needed(receipt, outcome.reason)
                    return None
                case Failed():
                    return await self._ledger.fail(receipt, outcome)
                case _:
                    return await self._ledger.complete(receipt, outcome)
        finally:
            self._storing -= 1

    def _note(self, outcome: Outcome, settled: Settled) -> None:
        self._last_commit = self._clock.monotonic()
        if isinstance(outcome, Failed):
            self._failed += settled.retry_at is None
        else:
            self._completed += settled.retry_at is None
        if settled.root_status is not None:
            # Nothing else runs of a root that ended by itself; of one that was ended, nothing is wanted any more.
            self._stop_others(settled.root_id)
            self._forget(settled.root_id)

    def _stop_others(self, root_id: int) -> None:
        this = asyncio.current_task()
        for task, assignment in list(self._running.values()):
            if assignment.job.root_id == root_id and task is not this:
                task.cancel()

    def _forget(self, root_id: int) -> None:
        self._roots.forget(root_id)
        self._politeness.forget(root_id)
        self._hosts.forget(root_id)

    def _note_full(self, error: DiskFullError) -> None:
        if not self._no_room:
            self._no_room = True
            self._notify(EngineNotice(error.message, error.hint))

    def _note_room(self) -> None:
        if self._no_room and not self._starved:
            self._no_room = False
            self._notify(EngineNotice(None))

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
        turn = None if self._turns_at is None else self._politeness.next_turn(self._turns_at, only)
        dues = [due for due in (next_due, turn, self._deadline) if due is not None]
        seconds = _LONGEST_WAIT_SECONDS
        if dues:
            seconds = min(seconds, max(0.001, (min(dues) - self._clock.now_ms()) / 1000))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _end_running(self) -> None:
        """Give running jobs their grace, cancel the rest and put it back."""
        self._gate.set()
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


def _failed_by_us(job: JobRef, error: BaseException) -> Failed:
    """Return what a mistake of ours, or of a library below, makes of a job: it costs this one and no other (Q8)."""
    _log.error("job %s (%s) failed by a mistake of ours", job.id, job.type, exc_info=error)
    return Failed(cause=Cause.EXECUTOR_ERROR, message=single_line(redact(f"{type(error).__name__}: {error}")))
