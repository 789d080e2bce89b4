"""What running jobs bring: their outcomes, and what they find and ask for before those."""

import random
from collections.abc import Sequence
from typing import Any

import msgspec

from quaero_desktop.domain.documents import Change
from quaero_desktop.domain.jobs import Cause, Status
from quaero_desktop.domain.outcomes import (
    Completed,
    Discovered,
    Failed,
    Part,
    Recorded,
    Stored,
    Unchanged,
    Withdrawn,
)
from quaero_desktop.domain.ports import Required, Settled
from quaero_desktop.domain.queue import Receipt
from quaero_desktop.domain.text import single_line, storable
from quaero_desktop.storage import documents
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.jobs import joblog, parts, prerequisites, roots, rules, running
from quaero_desktop.storage.jobs.backoff import Backoff
from quaero_desktop.storage.jobs.discovery import Frontier
from quaero_desktop.storage.jobs.plans import Plans
from quaero_desktop.storage.jobs.running import RunningJob
from quaero_desktop.storage.jobs.runs import Runs
from quaero_desktop.storage.jobs.settling import Settling
from quaero_desktop.storage.queue import Queue, backoff_ms

_DEAD_LETTER_CAUSES = frozenset({Cause.NO_EXECUTOR, Cause.BAD_PAYLOAD, Cause.EXECUTOR_ERROR, Cause.CRASHED})
"""Failures that say nothing about the page: its message is kept as a dead letter even though no retry is due."""

_GONE_CAUSES = frozenset({Cause.NOT_FOUND, Cause.GONE})
_VERBS = {Change.NEW: "Stored", Change.CHANGED: "Changed: stored", Change.UNCHANGED: "Unchanged:"}
_COUNT_DOCUMENT = {
    change: f"UPDATE root_progress SET documents = documents + 1, {change}_documents = {change}_documents + 1,"
    " bytes = bytes + ? WHERE root_id = ?"
    for change in _VERBS
}

_encode = msgspec.json.Encoder().encode


class Outcomes:
    """Stores what running jobs bring; every operation joins a running transaction.

    Args:
        queue: the messages of the jobs.
        plans: what the steps of their roots are to do.
        runs: the runs of definitions among those roots.
        settling: ends the roots.
        backoff: of failed messages.
        rng: for the jitter of the backoff.
    """

    def __init__(
        self, queue: Queue, plans: Plans, runs: Runs, settling: Settling, backoff: Backoff, rng: random.Random
    ) -> None:
        self._queue = queue
        self._plans = plans
        self._runs = runs
        self._settling = settling
        self._backoff = backoff
        self._rng = rng

    def complete(self, tx: Tx, receipt: Receipt, outcome: Completed) -> Settled:
        """Store the whole outcome of a job; see :meth:`Ledger.complete`."""
        if isinstance(outcome, Unchanged) and not documents.confirm(tx, outcome.document_id):
            # Deleted while its server was asked. The next one who receives it knows nothing of it, and so fetches it.
            delivery = self._queue.release(tx, receipt)
            running.interrupt(tx, self._plans, delivery, "released")
            return Settled(root_id=delivery.root_id, retry_at=tx.now)
        delivery = self._queue.delete(tx, receipt)
        job = running.wanted(tx, self._plans, delivery)
        found = 0
        match outcome:
            case Stored(fetched=fetched, page=page):
                document_id, change = documents.store(tx, outcome, job.source_id)
                running.end(
                    tx, job, Status.COMPLETED, document_id=document_id, http_status=fetched.status,
                    size=fetched.wire_bytes, elapsed_ms=fetched.elapsed_ms, result={"change": change},
                )  # fmt: skip
                tx.execute(_COUNT_DOCUMENT[change], (fetched.wire_bytes, job.root_id))
                found = self._add_found(tx, job, outcome.discovered)
                lost = ", but something of it was lost: it is nested too deeply or too large" if page.truncated else ""
                joblog.write(
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
                found = self._add_found(tx, job, outcome.discovered)
                joblog.write(tx, job.id, job.root_id, "info", f"Unchanged (304, {elapsed_ms} ms, {found} new links)")
            case Recorded():
                running.end(tx, job, Status.COMPLETED, http_status=outcome.status, result=outcome.result)
                found = self._add_found(tx, job, outcome.discovered)
                joblog.write(tx, job.id, job.root_id, outcome.level, outcome.message)
            case Withdrawn(reason=reason, rule=rule):
                running.end(tx, job, Status.SKIPPED, cause=reason, error=rule)
                joblog.write(tx, job.id, job.root_id, "info", f"Skipped: {rule}")
            case _:
                parts.complete(tx, job, outcome)
        return Settled(root_id=job.root_id, new_pages=found, root_status=self._settling.settle(tx, job.root_id))

    def fail(self, tx: Tx, receipt: Receipt, failure: Failed) -> Settled:
        """Store a failed try: the message goes back with a backoff, or the job ends; see :meth:`Ledger.fail`."""
        delivery = self._queue.held(tx, receipt)
        job = running.wanted(tx, self._plans, delivery)
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
            joblog.write(tx, job.id, job.root_id, "warn", f"{message} Trying again in {wait / 1000:.0f} s.")
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
        joblog.write(
            tx, job.id, job.root_id, "error", f"{message} The library keeps what it has of it." if gone else message
        )
        if failure.ends_root and not self._runs.stored_in_step(tx, job.root_id, job.step):
            roots.withdraw_open(tx, job.root_id, Status.FAILED, failure.cause, message, step=job.step)
        return Settled(root_id=job.root_id, dead=dead, root_status=self._settling.settle_failure(tx, job.root_id))

    def discover(self, tx: Tx, job_id: int, discovered: Discovered) -> int:
        """Store a part of what a running job finds, and return how many are new; see :meth:`Ledger.discover`."""
        job = running.wanted(tx, self._plans, self._queue.held_for(tx, job_id))
        found = self._add_found(tx, job, discovered)
        tx.execute("UPDATE jobs SET revision = ? WHERE id = ?", (tx.revision, job.root_id))
        return found

    def spawn(self, tx: Tx, job_id: int, wanted: Sequence[Part], mark: dict[str, Any]) -> int:
        """Store jobs that a running planner asks for, and return how many; see :meth:`Ledger.spawn`."""
        planner = running.wanted(tx, self._plans, self._queue.held_for(tx, job_id))
        return parts.spawn(tx, self._queue, planner, wanted, mark)

    def require(self, tx: Tx, job_id: int) -> Required:
        """Return the run that a running job waits for, started if need be; see :meth:`Ledger.require`."""
        wanted = prerequisites.read(tx, job_id)
        if wanted.run is not None:
            return wanted.run
        _, defaults = self._runs.following(tx, wanted.root_id)
        started = self._settling.start_run(tx, wanted.definition_id, defaults, wanted.root_id)
        prerequisites.note_started(tx, wanted, started)
        joblog.write(tx, job_id, wanted.root_id, "info", f"Started as job {started}")
        return Required(*tx.execute("SELECT id, status, name FROM jobs WHERE id = ?", (started,)).fetchone())

    def _add_found(self, tx: Tx, job: RunningJob, discovered: Discovered) -> int:
        if not discovered.follow and not discovered.refused and not discovered.sitemaps:
            return 0
        scope = self._plans.scope(job.root_id, job.step)
        if scope is not None:
            discovered, scope = rules.decided_anew(scope, job.depth, discovered)
            self._plans.note_scope(job.root_id, job.step, scope)
        frontier = Frontier(tx, self._queue, job.root_id, self._plans.of(tx, job.root_id, job.step).config, job.step)
        return frontier.add(job.id, job.depth, discovered)
