"""The ledger: the only code that changes queue, jobs, documents and counters.

Each of its operations is one whole transaction over plain values. A page is "not done" exactly while its message
exists, and the message goes in the transaction that stores the whole outcome: so whatever happens to the process,
nothing is lost and nothing is stored twice.
"""

import logging
import random
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import NO_STEP
from quaero_desktop.domain.documents import Change
from quaero_desktop.domain.errors import NotAllowedError, NotFoundError, RootClosedError, StaleReceiptError
from quaero_desktop.domain.jobs import OPEN_STATUSES, Cause, JobRef, JobType, Status
from quaero_desktop.domain.outcomes import (
    Completed,
    CorpusSummary,
    Discovered,
    Failed,
    Part,
    Recorded,
    Stored,
    Summarised,
    Transformed,
    Unchanged,
    Withdrawn,
)
from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.domain.ports import Assignment, NewRoot, Received, Recovery, Required, RootPlan, Settled
from quaero_desktop.domain.queue import DeadLetter, Delivery, Receipt, Turns
from quaero_desktop.domain.rulechange import RuleChange, RuleChanges, difference
from quaero_desktop.domain.text import single_line, storable, storable_integer
from quaero_desktop.storage import (
    deadlines,
    documents,
    parts,
    plans,
    prerequisites,
    retry,
    roots,
    rules,
    running,
    sources,
    trash,
)
from quaero_desktop.storage.database import Database, Tx
from quaero_desktop.storage.discovery import Frontier
from quaero_desktop.storage.joblog import count
from quaero_desktop.storage.joblog import write as log
from quaero_desktop.storage.material import Material
from quaero_desktop.storage.plans import Plans
from quaero_desktop.storage.queue import Queue, backoff_ms
from quaero_desktop.storage.running import RunningJob
from quaero_desktop.storage.runs import Runs
from quaero_desktop.storage.settling import Settling
from quaero_desktop.storage.summaries import Summaries

_DEAD_LETTER_CAUSES = frozenset({Cause.NO_EXECUTOR, Cause.BAD_PAYLOAD, Cause.EXECUTOR_ERROR, Cause.CRASHED})
"""Failures that say nothing about the page: its message is kept as a dead letter even though no retry is due."""

_GONE_CAUSES = frozenset({Cause.NOT_FOUND, Cause.GONE})
_VERBS = {Change.NEW: "Stored", Change.CHANGED: "Changed: stored", Change.UNCHANGED: "Unchanged:"}
_COUNT_DOCUMENT = {
    change: f"UPDATE root_progress SET documents = documents + 1, {change}_documents = {change}_documents + 1,"
    " bytes = bytes + ? WHERE root_id = ?"
    for change in _VERBS
}

_diagnostics = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class Backoff(msgspec.Struct, frozen=True):
    """How long a failed message waits before its next try, in milliseconds."""

    base_ms: int = 2_000
    most_ms: int = 300_000


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
        self._backoff = backoff or Backoff()
        self._rng = rng or random.Random()
        self._material = Material(database)
        self._summaries = Summaries(database)
        # Only touched on the writer's thread, but to undo.
        self._plans = Plans()
        self._runs = Runs(queue, self._plans, self._backoff.base_ms, self._backoff.most_ms)
        self._settling = Settling(queue, self._plans, self._runs)

    async def start(self, root: NewRoot) -> int:
        """Store a root, its seeds, their messages and the first log line; return the root's id."""
        return await self._database.write(lambda tx: self._start(tx, root))

    async def receive(self, n: int, turns: Turns) -> Received:
        """Lease up to *n* jobs whose turn has come and mark them, and their roots, running."""
        return await self._database.write(lambda tx: self._receive(tx, n, turns))

    async def complete(self, receipt: Receipt, outcome: Completed) -> Settled:
        """Store the whole outcome of a job: document, new children, status, counters, the root's end, log.

        What was said to be unchanged and is not in the library any more goes back to the queue, uncounted.

        Raises:
            StaleReceiptError: somebody else has the message now; nothing was stored.
            RootClosedError: its root was cancelled or trashed; nothing was stored.
        """
        return await self._database.write(lambda tx: self._complete(tx, receipt, outcome))

    async def start_run(self, definition_id: int, defaults: CrawlConfig, *, triggered_by: int | None = None) -> int:
        """Store a run of a definition as one root, with its first step; return the root's id (J3).

        Args:
            definition_id: the definition.
            defaults: what its crawls begin with where neither it nor their source says anything.
            triggered_by: the root that wanted this run.

        Raises:
            NotFoundError: there is no such definition.
            NotAllowedError: it is switched off, or cannot be read.
            FieldError: something in it makes no sense any more, or it would run for ever.
        """
        return await self._database.write(
            lambda tx: self._settling.start_run(tx, definition_id, defaults, triggered_by)
        )

    async def require(self, job_id: int) -> Required:
        """Return the run of the definition that a running job waits for; it is started where there is none yet.

        Raises:
            NotFoundError: there is no such definition.
            NotAllowedError: it is switched off, or cannot be read.
            FieldError: something in it makes no sense any more, or it would run for ever.
        """
        return await self._database.write(lambda tx: self._require(tx, job_id))

    async def park(self, receipt: Receipt, until: int, reason: str) -> None:
        """Give a job back uncounted until something else has ended, or *until*, in milliseconds UTC.

        Raises:
            StaleReceiptError: somebody else has the message now; nothing was stored.
        """
        await self._database.write(lambda tx: self._park(tx, receipt, until, reason))

    async def sign_in_needed(self, receipt: Receipt, reason: str) -> None:
        """Give a job back uncounted and pause its root, with *reason* for a person, in one transaction.

        Raises:
            StaleReceiptError: somebody else has the message now; nothing was stored.
        """
        await self._database.write(lambda tx: self._sign_in_needed(tx, receipt, reason))

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
        return await self._database.write(lambda tx: self._spawn(tx, job_id, wanted, mark))

    async def next_deadline(self) -> int | None:
        """Return when the next run has taken too long, in milliseconds UTC; None when none has a limit."""
        return await self._database.read(deadlines.earliest)

    async def expire(self) -> tuple[int, ...]:
        """Cancel the runs that have taken too long; return their roots."""
        return await self._database.write(self._expire)

    async def fail(self, receipt: Receipt, failure: Failed) -> Settled:
        """Store a failed try: the message goes back with a backoff (never before Retry-After), or the job ends.

        Raises:
            StaleReceiptError: somebody else has the message now; nothing was stored.
        """
        return await self._database.write(lambda tx: self._fail(tx, receipt, failure))

    async def snooze(self, receipt: Receipt, until: int, reason: str) -> None:
        """Give a job back uncounted and let its lane rest until *until*, in milliseconds UTC.

        Raises:
            StaleReceiptError: somebody else has the message now; nothing was stored.
        """
        await self._database.write(lambda tx: self._snooze(tx, receipt, until, reason))

    async def release(self, receipts: Sequence[Receipt]) -> int:
        """Give jobs back uncounted, as a clean stop does; return how many were still held."""
        return await self._database.write(lambda tx: self._release(tx, receipts))

    async def wait_elsewhere(self, job_id: int, waiting: bool) -> None:
        """Note whether all that a running job does for now is to wait for somebody else (Q7)."""
        await self._database.write(lambda tx: self._queue.wait_elsewhere(tx, job_id, waiting))

    async def extend(self, receipts: Sequence[Receipt]) -> list[Receipt]:
        """Start the leases of running jobs anew, note the heartbeat of their roots, and return what was lost."""
        return await self._database.write(lambda tx: self._extend(tx, receipts))

    async def cancel(self, job_id: int) -> int:
        """Cancel a job and everything open below it; return its root.

        Raises:
            NotFoundError: there is no such job.
            NotAllowedError: it has ended already.
        """
        return await self._database.write(lambda tx: self._cancel(tx, job_id))

    async def note(self, root_id: int, level: str, message: str) -> None:
        """Add a line to the log of a root, if there still is one; *level* is one of LOG_LEVELS."""
        await self._database.write(lambda tx: _note(tx, root_id, level, message))

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
        await self._database.write(lambda tx: self._pause(tx, root_id, reason))

    async def resume(self, root_id: int) -> None:
        """Undo :meth:`pause`.

        Raises:
            NotFoundError: there is no such job.
            NotAllowedError: it is not paused.
        """
        await self._database.write(lambda tx: self._resume(tx, root_id))

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
            return await self._database.write(lambda tx: self._change_rules(tx, root_id, changes))
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
        return await self._database.write(lambda tx: self._rerun(tx, root_id))

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
        return await self._database.write(lambda tx: self._retry(tx, root_id, which, ids))

    async def recover(self) -> Recovery:
        """Take back what a dead process left running, and recount the counters of open roots (Q7).

        Only under the instance lock: every lease of another owner is taken to be dead.
        """
        return await self._database.write(self._recover)

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
        return await self._database.write(lambda tx: self._discover_part(tx, job_id, discovered))

    async def pages_stored(self, root_id: int, origin: str, most: int) -> tuple[str, ...]:
        """Return pages of an origin that a root stored, the latest first: among its last ones, and at most *most*."""
        return await self._database.read(lambda connection: sources.pages_stored(connection, root_id, origin, most))

    async def is_idle(self, only: frozenset[int] | None = None) -> bool:
        """Return whether nothing is ready, leased or delayed; paused roots do not count.

        Args:
            only: of these roots, and of those that they led to.
        """
        return await self._database.read(lambda connection: self._is_idle(connection, only))

    @property
    def material(self) -> Material:
        """What the steps of a run work on, of the same library."""
        return self._material

    @property
    def summaries(self) -> Summaries:
        """What documents say in short, and what that is made from."""
        return self._summaries

    # What storage.deletion does in transactions of its own.

    @property
    def queue(self) -> Queue:
        """The queue of the jobs."""
        return self._queue

    def begin_run(self, tx: Tx, definition_id: int, defaults: CrawlConfig, *, triggered_by: int | None = None) -> int:
        """Start a run of a definition as a part of a transaction; see :meth:`start_run`."""
        return self._settling.start_run(tx, definition_id, defaults, triggered_by)

    def stop_running(self, tx: Tx, roots: Sequence[int], jobs: Sequence[int]) -> list[int]:
        """Put the running jobs among *jobs* and below *roots* back to pending; return them.

        What they bring is discarded: nobody holds their messages any more.
        """
        deliveries = self._queue.interrupt(tx, roots, jobs)
        for delivery in deliveries:
            self._interrupt(tx, delivery, "interrupted")
        return [delivery.job_id for delivery in deliveries if delivery.job_id is not None]

    def settle(self, tx: Tx, root_id: int) -> None:
        """Mark a root changed, and end it, or go on, when nothing below it is open."""
        self._settling.settle(tx, root_id)

    def brought_back(self, tx: Tx, root_id: int, children: Sequence[int]) -> None:
        """Note that children of a root came out of the trash: what is open of them belongs to steps that go on."""
        if self._plans.run(tx, root_id) is None:
            return
        rows = tx.execute(
            "SELECT DISTINCT step FROM jobs WHERE parent_id = ? AND status IN ('pending', 'running')"
            " AND id IN (SELECT value FROM json_each(?))",
            (root_id, _encode(list(children)).decode()),
        )
        if steps := frozenset(step for (step,) in rows):
            self._runs.reopened(tx, root_id, steps)

    def forget(self, root_id: int) -> None:
        """Forget what is remembered of a root; on the writer's thread."""
        self._plans.forget(root_id)

    # The transactions themselves, each on the writer's thread.

    def _start(self, tx: Tx, root: NewRoot) -> int:
        root_id = roots.insert(
            tx,
            root.type,
            root.name,
            root.config,
            source_id=root.source_id,
            definition_id=root.definition_id,
            rerun_of=root.rerun_of,
            triggered_by=root.triggered_by,
        )
        # Its id may be that of one whose start was rolled back.
        self._plans.forget(root_id)
        frontier = Frontier(tx, self._queue, root_id, root.config)
        if root.validated:
            frontier.add_validation()
        frontier.add_seeds(root.config.seeds)
        again = "" if root.rerun_of is None else f" again, as job {root.rerun_of} was"
        log(tx, root_id, root_id, "info", f"Started{again} with {', '.join(root.config.seeds[:5])}")
        if not root.config.obey_robots:
            log(
                tx,
                root_id,
                root_id,
                "warn",
                "The rules of the sites for robots are not obeyed, as this crawl was told.",
            )
        return root_id

    def _receive(self, tx: Tx, n: int, turns: Turns) -> Received:
        if turns.only is not None:
            turns = msgspec.structs.replace(turns, only=prerequisites.with_triggered(tx.connection, turns.only))
        received = self._queue.receive(tx, n, turns)
        ended = self._bury_jobs(tx, received.dead)
        for job_id in received.expired:
            tx.execute(
                "UPDATE jobs SET status = 'pending', revision = ? WHERE id = ? AND status = 'running'",
                (tx.revision, job_id),
            )
        assignments = []
        current: dict[int, str | None] = {}
        for delivery in received.deliveries:
            row = tx.one(
                "UPDATE jobs SET status = 'running', started_at = ?, revision = ? WHERE id = ?"
                " RETURNING id, coalesce(root_id, id), url, depth, attempt, step, document_id",
                (tx.now, tx.revision, delivery.job_id),
            )
            if row is None:
                # An error here would repeat itself at each receive, and nothing would ever run again.
                self._queue.bury(tx, delivery.receipt.message_id, "it belongs to no job")
                continue
            known = None
            if row[2] is not None:
                source_id = self._plans.of(tx, row[1], row[5]).source_id if row[5] != NO_STEP else None
                known = documents.known(tx, row[1], row[2], source_id)
            job = JobRef(
                row[0], row[1], delivery.type, row[2], row[3], row[4], delivery.payload, delivery.crashes, known,
                row[5], row[6],
            )  # fmt: skip
            assignments.append(Assignment(delivery, job))
            # What is no page has no URL, and is not what people watch.
            current[job.root_id] = job.url or current.get(job.root_id)
        for root_id, url in current.items():
            tx.execute(
                "UPDATE jobs SET status = 'running', started_at = coalesce(started_at, ?), revision = ?"
                " WHERE id = ? AND parent_id IS NULL",
                (tx.now, tx.revision, root_id),
            )
            tx.execute(
                "UPDATE root_progress SET current_url = coalesce(?, current_url), heartbeat_at = ? WHERE root_id = ?",
                (url, tx.now, root_id),
            )
            if self._plans.run(tx, root_id) is not None:
                deadlines.begin(tx, root_id)
        return Received(
            assignments=tuple(assignments),
            ended=tuple(ended),
            next_due=received.next_due,
            deadline=deadlines.earliest(tx.connection),
        )

    def _complete(self, tx: Tx, receipt: Receipt, outcome: Completed) -> Settled:
        if isinstance(outcome, Unchanged) and not documents.confirm(tx, outcome.document_id):
            # Deleted while its server was asked. The next one who receives it knows nothing of it, and so fetches it.
            delivery = self._queue.release(tx, receipt)
            self._interrupt(tx, delivery, "released")
            return Settled(root_id=delivery.root_id, retry_at=tx.now)
        delivery = self._queue.delete(tx, receipt)
        job = self._job_of(tx, delivery)
        found = 0
        match outcome:
            case Stored(fetched=fetched, page=page):
                document_id, change = documents.store(tx, outcome, job.source_id)
                running.end(
                    tx, job, Status.COMPLETED, document_id=document_id, http_status=fetched.status,
                    size=fetched.wire_bytes, elapsed_ms=fetched.elapsed_ms, result={"change": change},
                )  # fmt: skip
                tx.execute(_COUNT_DOCUMENT[change], (fetched.wire_bytes, job.root_id))
                found = self._discover(tx, job, outcome.discovered)
                lost = ", but something of it was lost: it is nested too deeply or too large" if page.truncated else ""
                log(
                    tx, job.id, job.root_id, "warn" if page.truncated else "info",
                    f"{_VERBS[change]} “{single_line(page.title, 120)}” ({fetched.status},"
                    f" {fetched.wire_bytes / 1e3:.1f} kB, {fetched.elapsed_ms} ms, {found} new links){lost}",
                )  # fmt: skip
            case Unchanged(document_id=document_id, elapsed_ms=elapsed_ms):
                running.end(
                    tx, job, Status.COMPLETED, document_id=document_id, http_status=304, size=0, elapsed_ms=elapsed_ms,
                    result={"change": Change.UNCHANGED},
                )  # fmt: skip
                tx.execute(_COUNT_DOCUMENT[Change.UNCHANGED], (0, job.root_id))
                found = self._discover(tx, job, outcome.discovered)
                log(tx, job.id, job.root_id, "info", f"Unchanged (304, {elapsed_ms} ms, {found} new links)")
            case Recorded():
                running.end(tx, job, Status.COMPLETED, http_status=outcome.status, result=outcome.result)
                found = self._discover(tx, job, outcome.discovered)
                log(tx, job.id, job.root_id, outcome.level, outcome.message)
            case Withdrawn(reason=reason, rule=rule):
                running.end(tx, job, Status.SKIPPED, cause=reason, error=rule)
                log(tx, job.id, job.root_id, "info", f"Skipped: {rule}")
            case Transformed() | Summarised() | CorpusSummary():
                parts.complete(tx, job, outcome)
        return Settled(root_id=job.root_id, new_pages=found, root_status=self._settling.settle(tx, job.root_id))

    def _fail(self, tx: Tx, receipt: Receipt, failure: Failed) -> Settled:
        delivery = self._queue.held(tx, receipt)
        job = self._job_of(tx, delivery)
        if failure.hold_ms is not None:
            self._queue.hold_lane(tx, delivery.lane, tx.now + failure.hold_ms, single_line(failure.message))
        config = self._plans.of(tx, job.root_id, job.step).config
        message = storable(failure.message)
        if failure.retryable and delivery.tries < config.max_attempts:
            wait = backoff_ms(delivery.tries, self._backoff.base_ms, self._backoff.most_ms, self._rng)
            wait = max(wait, failure.retry_after_ms or 0)
            self._queue.retry_later(tx, receipt, wait)
            tx.execute("UPDATE jobs SET status = 'pending', revision = ? WHERE id = ?", (tx.revision, job.id))
            running.attempt(tx, job, "retried", failure.cause, message, failure.status)
            log(tx, job.id, job.root_id, "warn", f"{message} Trying again in {wait / 1000:.0f} s.")
            return Settled(root_id=job.root_id, retry_at=tx.now + wait)
        dead = failure.retryable or failure.cause in _DEAD_LETTER_CAUSES
        if dead:
            self._queue.bury(tx, receipt.message_id, message)
        else:
            self._queue.delete(tx, receipt)
            if delivery.payload:
                # Should somebody retry it.
                sql = "UPDATE jobs SET payload = ? WHERE id = ?"
                tx.execute(sql, (_encode(delivery.payload).decode(), job.id))
        gone = failure.cause in _GONE_CAUSES and job.url is not None and documents.mark_gone(tx, job.source_id, job.url)
        # The attempt before may have brought that news.
        gone = gone or (failure.cause in _GONE_CAUSES and delivery.payload.get("gone") is True)
        running.end(
            tx, job, Status.FAILED, cause=failure.cause, error=message, http_status=failure.status,
            elapsed_ms=failure.elapsed_ms, result={"change": Change.GONE} if gone else None,
        )  # fmt: skip
        if gone:
            tx.execute("UPDATE root_progress SET gone_documents = gone_documents + 1 WHERE root_id = ?", (job.root_id,))
        log(tx, job.id, job.root_id, "error", f"{message} The library keeps what it has of it." if gone else message)
        if failure.ends_root and not self._runs.stored_in_step(tx, job.root_id, job.step):
            roots.withdraw_open(tx, job.root_id, Status.FAILED, failure.cause, message, step=job.step)
        return Settled(root_id=job.root_id, dead=dead, root_status=self._after_failure(tx, job.root_id))

    def _after_failure(self, tx: Tx, root_id: int) -> Status | None:
        """Settle a root below which something failed: that may have been once too often (J4)."""
        too_many = self._runs.too_many_failures(tx, root_id)
        if too_many is None:
            return self._settling.settle(tx, root_id)
        self._settling.stop(tx, root_id, Status.FAILED, Cause.LIMIT, too_many, f"Failed: {too_many}")
        return Status.FAILED

    def _snooze(self, tx: Tx, receipt: Receipt, until: int, reason: str) -> None:
        delivery = self._queue.release(tx, receipt)
        reason = single_line(reason)
        self._queue.hold_lane(tx, delivery.lane, until, reason)
        self._interrupt(tx, delivery, "released", reason)
        if delivery.job_id is not None:
            seconds = max(0, until - tx.now) / 1000
            log(tx, delivery.job_id, delivery.root_id, "info", f"Waits {seconds:,.3g} s: {reason}")

    def _park(self, tx: Tx, receipt: Receipt, until: int, reason: str) -> None:
        delivery = self._queue.held(tx, receipt)
        assert delivery.job_id is not None
        # What it waits for may have ended since it was asked.
        awaited = delivery.type != JobType.PREREQUISITE or prerequisites.is_awaited(tx, delivery.job_id)
        self._queue.park(tx, receipt, until if awaited else tx.now)
        self._interrupt(tx, delivery, "released", single_line(reason))

    def _sign_in_needed(self, tx: Tx, receipt: Receipt, reason: str) -> None:
        delivery = self._queue.release(tx, receipt)
        self._interrupt(tx, delivery, "released", single_line(reason))
        status = tx.value("SELECT status FROM jobs WHERE id = ?", (delivery.root_id,))
        if status in (Status.PENDING, Status.RUNNING):
            self._pause(tx, delivery.root_id, reason, Cause.SIGN_IN)

    def _require(self, tx: Tx, job_id: int) -> Required:
        wanted = prerequisites.read(tx, job_id)
        if wanted.run is not None:
            return wanted.run
        _, defaults = self._runs.following(tx, wanted.root_id)
        started = self._settling.start_run(tx, wanted.definition_id, defaults, wanted.root_id)
        prerequisites.note_started(tx, wanted, started)
        log(tx, job_id, wanted.root_id, "info", f"Started as job {started}")
        return Required(*tx.execute("SELECT id, status, name FROM jobs WHERE id = ?", (started,)).fetchone())

    def _spawn(self, tx: Tx, job_id: int, wanted: Sequence[Part], mark: dict[str, Any]) -> int:
        planner = self._job_of(tx, self._queue.held_for(tx, job_id))
        return parts.spawn(tx, self._queue, planner, wanted, mark)

    def _expire(self, tx: Tx) -> tuple[int, ...]:
        expired = deadlines.overdue(tx)
        for root_id in expired:
            run = self._plans.run(tx, root_id)
            error = f"took longer than {deadlines.in_words(run.timeout_ms if run and run.timeout_ms else 0)}"
            self._settling.stop(tx, root_id, Status.CANCELLED, Cause.TIMEOUT, error, f"Cancelled: it {error}")
        return tuple(expired)

    def _is_idle(self, connection: sqlite3.Connection, only: frozenset[int] | None) -> bool:
        return self._queue.is_idle(connection, None if only is None else prerequisites.with_triggered(connection, only))

    def _rerun(self, tx: Tx, root_id: int) -> int:
        if retry.is_run(tx, root_id):
            return self._settling.repeat_run(tx, root_id)
        return self._start(tx, retry.repeated(tx, root_id))

    def _release(self, tx: Tx, receipts: Sequence[Receipt]) -> int:
        released = 0
        for receipt in receipts:
            try:
                delivery = self._queue.release(tx, receipt)
            except StaleReceiptError:
                continue
            self._interrupt(tx, delivery, "released")
            released += 1
        return released

    def _extend(self, tx: Tx, receipts: Sequence[Receipt]) -> list[Receipt]:
        lost = self._queue.extend(tx, receipts)
        tx.execute(
            "UPDATE root_progress SET heartbeat_at = ? WHERE root_id IN (SELECT root_id FROM messages"
            " WHERE id IN (SELECT value FROM json_each(?)))",
            (tx.now, _encode([receipt.message_id for receipt in receipts]).decode()),
        )
        return lost

    def _cancel(self, tx: Tx, job_id: int) -> int:
        parent_id, root_id, status = _place(tx, job_id)
        if status not in OPEN_STATUSES:
            raise NotAllowedError(f"Job {job_id} is {status} already.")
        if parent_id is None:
            self._settling.stop(tx, root_id, Status.CANCELLED, Cause.CANCELLED, None, "Cancelled")
            return root_id
        tree = (
            "WITH RECURSIVE below (id) AS (SELECT :job UNION SELECT jobs.id FROM jobs JOIN below"
            " ON jobs.parent_id = below.id) SELECT id FROM below"
        )
        parameters = {"job": job_id, "now": tx.now, "revision": tx.revision}
        tx.execute(
            "INSERT INTO attempts (job_id, attempt, delivery, started_at, ended_at, outcome, cause)"
            " SELECT j.id, j.attempt, m.delivery, j.started_at, :now, 'cancelled', 'cancelled'"
            f" FROM messages m JOIN jobs j ON j.id = m.job_id WHERE m.job_id IN ({tree}) AND m.state = 'leased'"
            " ON CONFLICT DO NOTHING",
            parameters,
        )
        tx.execute(f"DELETE FROM messages WHERE job_id IN ({tree}) AND state <> 'dead'", parameters)
        tx.execute(
            "UPDATE jobs SET status = 'cancelled', cause = 'cancelled', completed_at = :now, revision = :revision"
            f" WHERE id IN ({tree}) AND status IN ('pending', 'running', 'paused')",
            parameters,
        )
        log(tx, job_id, root_id, "warn", "Cancelled")
        self._settling.settle(tx, root_id)
        return root_id

    def _pause(self, tx: Tx, root_id: int, reason: str, cause: Cause | None = None) -> None:
        parent_id, _, status = _place(tx, root_id)
        if parent_id is not None:
            raise NotAllowedError(f"Job {root_id} is a child; only a whole crawl can be paused.")
        if status not in (Status.PENDING, Status.RUNNING):
            raise NotAllowedError(f"Job {root_id} is {status}, so it cannot be paused.")
        reason = single_line(reason)
        sql = "UPDATE jobs SET status = 'paused', error = ?, cause = ?, revision = ? WHERE id = ?"
        tx.execute(sql, (reason or None, cause, tx.revision, root_id))
        deadlines.stop_clock(tx, root_id)
        log(tx, root_id, root_id, "warn" if reason else "info", f"Paused: {reason}" if reason else "Paused")

    def _resume(self, tx: Tx, root_id: int) -> None:
        _, _, status = _place(tx, root_id)
        if status != Status.PAUSED:
            raise NotAllowedError(f"Job {root_id} is {status}, not paused.")
        tx.execute(
            "UPDATE jobs SET status = iif(started_at IS NULL, 'pending', 'running'), error = NULL, cause = NULL,"
            " revision = ? WHERE id = ?",
            (tx.revision, root_id),
        )
        deadlines.start_clock(tx, root_id)
        log(tx, root_id, root_id, "info", "Resumed")

    def _change_rules(self, tx: Tx, root_id: int, changes: RuleChanges) -> RuleChange:
        parent_id, _, status = _place(tx, root_id)
        if parent_id is not None:
            raise NotAllowedError(f"Job {root_id} is a child; only a whole crawl has rules.")
        stored = tx.value("SELECT config FROM jobs WHERE id = ?", (root_id,))
        if stored is None:
            raise NotAllowedError(f"Job {root_id} is no crawl, so it has no rules.")
        if status not in OPEN_STATUSES:
            raise NotAllowedError(f"Job {root_id} is {status}, so its rules cannot be changed.")
        run = self._plans.run(tx, root_id)
        step = NO_STEP
        if run is not None:
            step = int(tx.value("SELECT step FROM root_progress WHERE root_id = ?", (root_id,)))
            if not 0 < step <= len(run.steps) or run.steps[step - 1].crawl is None:
                raise NotAllowedError(f"No crawl of job {root_id} is under way just now, so it has no rules to change.")
        before = self._plans.of(tx, root_id, step).config
        config = changes.applied_to(before)
        if config == before:
            return RuleChange()
        self._plans.change_crawl(tx, root_id, step, config)
        revision = rules.Revision(tx, self._queue, root_id, config, step)
        change = revision.apply()
        self._plans.note_scope(root_id, step, revision.scope)
        log(
            tx, root_id, root_id, "info",
            f"Rules changed: {single_line(difference(before, config), 1_000)};"
            f" {count(change.withdrawn, 'queued page')} withdrawn, {count(change.queued, 'skipped link')} queued",
        )  # fmt: skip
        self._settling.settle(tx, root_id)
        return change

    def _retry(self, tx: Tx, root_id: int, which: PageFilter | None, ids: Sequence[int] | None) -> int:
        retry.check_root(tx, root_id, "retried")
        retried = retry.Retry(tx, self._queue, root_id, self._plans).run(which, ids)
        if retried.queued or retried.withdrawn:
            self._runs.reopened(tx, root_id, retried.steps)
            left_out = f"; {retried.withdrawn:,} withdrawn by the rules of now" if retried.withdrawn else ""
            what = "page" if self._plans.run(tx, root_id) is None else "job"
            log(tx, root_id, root_id, "info", f"Trying again: {count(retried.queued, what)} queued{left_out}")
            self._settling.settle(tx, root_id)
        return retried.queued

    def _recover(self, tx: Tx) -> Recovery:
        back, dead = self._queue.recover(tx)
        for delivery in back:
            self._interrupt(tx, delivery, "interrupted")
        ended = self._bury_jobs(tx, dead)
        open_roots = [
            root_id
            for (root_id,) in tx.execute(
                "SELECT id FROM jobs WHERE parent_id IS NULL AND status IN ('pending', 'running', 'paused')"
            )
        ]
        recounted = sum(roots.recount(tx, root_id) for root_id in open_roots)
        deadlines.leave_out_absence(tx)
        ended += [root_id for root_id in open_roots if self._settling.settle(tx, root_id) is not None]
        return Recovery(returned=len(back), dead=len(dead), recounted=recounted, ended=tuple(ended))

    # Parts of transactions.

    def _job_of(self, tx: Tx, delivery: Delivery) -> RunningJob:
        """Return the job whose outcome is to be stored, unless its root wants none any more."""
        job = running.of(tx, self._plans, delivery)
        if job.root_status not in OPEN_STATUSES or job.root_trashed:
            raise RootClosedError(f"the root of job {job.id} is {job.root_status} or in the trash")
        return job

    def _interrupt(self, tx: Tx, delivery: Delivery, outcome: str, error: str | None = None) -> None:
        """Put a running job back to pending, in the trash too: it goes on if it is restored."""
        running.interrupt(tx, running.of(tx, self._plans, delivery), outcome, error)

    def _discover(self, tx: Tx, job: RunningJob, discovered: Discovered) -> int:
        if not discovered.follow and not discovered.refused and not discovered.sitemaps:
            return 0
        scope = self._plans.scope(job.root_id, job.step)
        if scope is not None:
            discovered, scope = rules.decided_anew(scope, job.depth, discovered)
            self._plans.note_scope(job.root_id, job.step, scope)
        frontier = Frontier(tx, self._queue, job.root_id, self._plans.of(tx, job.root_id, job.step).config, job.step)
        return frontier.add(job.id, job.depth, discovered)

    def _discover_part(self, tx: Tx, job_id: int, discovered: Discovered) -> int:
        job = self._job_of(tx, self._queue.held_for(tx, job_id))
        found = self._discover(tx, job, discovered)
        tx.execute("UPDATE jobs SET revision = ? WHERE id = ?", (tx.revision, job.root_id))
        return found

    def _bury_jobs(self, tx: Tx, letters: Iterable[DeadLetter]) -> list[int]:
        """Fail the jobs of messages that have just become dead letters; return the roots that this ended."""
        ended = []
        for letter in letters:
            if letter.job_id is None:
                continue
            cause = Cause.BAD_PAYLOAD if "payload" in letter.reason else Cause.CRASHED
            error = f"Given up: {letter.reason}."
            tx.execute(
                "UPDATE jobs SET status = 'failed', cause = ?, error = ?, completed_at = ?, revision = ? WHERE id = ?",
                (cause, error, tx.now, tx.revision, letter.job_id),
            )
            tx.execute(
                "INSERT INTO attempts (job_id, attempt, delivery, started_at, ended_at, outcome, cause, error)"
                " SELECT j.id, j.attempt, m.delivery, j.started_at, ?, 'failed', ?, ?"
                " FROM messages m JOIN jobs j ON j.id = m.job_id WHERE m.id = ?",
                (tx.now, cause, error, letter.message_id),
            )
            log(tx, letter.job_id, letter.root_id, "error", error)
            if self._after_failure(tx, letter.root_id) is not None:
                ended.append(letter.root_id)
        return ended


def _place(tx: Tx, job_id: int) -> tuple[int | None, int, str]:
    # A number of any size may be asked for.
    sql = "SELECT parent_id, coalesce(root_id, id), status FROM jobs WHERE id = ?"
    row = tx.one(sql, (storable_integer(job_id),))
    if row is None:
        raise NotFoundError(f"There is no job {job_id}.")
    if trash.is_used(tx) and (place := trash.place(tx.connection, job_id)) is not None and place[0] is not None:
        raise NotFoundError(f"Job {job_id} was deleted.", f"It may come back with: quaero jobs restore {place[0]}")
    return row[0], row[1], row[2]


def _note(tx: Tx, root_id: int, level: str, message: str) -> None:
    if tx.one("SELECT 1 FROM jobs WHERE id = ?", (root_id,)) is not None:
        log(tx, root_id, root_id, level, message)
