"""Jobs that are leased to workers: handed out, kept, and taken back without an outcome."""

from collections.abc import Iterable, Sequence

import msgspec

from quaero_desktop.domain.definitions import NO_STEP
from quaero_desktop.domain.errors import StaleReceiptError
from quaero_desktop.domain.jobs import Cause, JobRef, JobType
from quaero_desktop.domain.ports import Assignment, Received, Recovery
from quaero_desktop.domain.queue import DeadLetter, Receipt, Turns
from quaero_desktop.domain.text import single_line
from quaero_desktop.storage import documents
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.fragments import AMONG, OPEN, json_list
from quaero_desktop.storage.jobs import deadlines, joblog, prerequisites, roots, running
from quaero_desktop.storage.jobs.plans import Plans
from quaero_desktop.storage.jobs.settling import Settling
from quaero_desktop.storage.queue import Queue


class Leases:
    """Hands jobs out and takes them back; every operation joins a running transaction.

    What comes back without an outcome is pending again, uncounted, in the trash too: it goes on if it is restored.

    Args:
        queue: the messages of the jobs.
        plans: what the steps of their roots are to do.
        settling: ends roots whose last job is given up.
    """

    def __init__(self, queue: Queue, plans: Plans, settling: Settling) -> None:
        self._queue = queue
        self._plans = plans
        self._settling = settling

    def receive(self, tx: Tx, n: int, turns: Turns) -> Received:
        """Lease up to *n* jobs whose turn has come; see :meth:`Ledger.receive`."""
        if turns.only is not None:
            turns = msgspec.structs.replace(turns, only=prerequisites.with_triggered(tx.connection, turns.only))
        received = self._queue.receive(tx, n, turns)
        ended = self._bury(tx, received.dead)
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

    def extend(self, tx: Tx, receipts: Sequence[Receipt]) -> list[Receipt]:
        """Start the leases of running jobs anew, and note the heartbeat of their roots; return what was lost."""
        lost = self._queue.extend(tx, receipts)
        tx.execute(
            "UPDATE root_progress SET heartbeat_at = ? WHERE root_id IN (SELECT root_id FROM messages"
            f" WHERE id {AMONG})",
            (tx.now, json_list(receipt.message_id for receipt in receipts)),
        )
        return lost

    def snooze(self, tx: Tx, receipt: Receipt, until: int, reason: str) -> None:
        """Give a job back uncounted and let its lane rest; see :meth:`Ledger.snooze`."""
        delivery = self._queue.release(tx, receipt)
        reason = single_line(reason)
        self._queue.hold_lane(tx, delivery.lane, until, reason)
        job = running.interrupt(tx, self._plans, delivery, "released", reason)
        seconds = max(0, until - tx.now) / 1000
        joblog.write(tx, job.id, job.root_id, "info", f"Waits {seconds:,.3g} s: {reason}")

    def park(self, tx: Tx, receipt: Receipt, until: int, reason: str) -> None:
        """Give a job back uncounted until something else has ended; see :meth:`Ledger.park`."""
        delivery = self._queue.held(tx, receipt)
        assert delivery.job_id is not None
        # What it waits for may have ended since it was asked.
        awaited = delivery.type != JobType.PREREQUISITE or prerequisites.is_awaited(tx, delivery.job_id)
        self._queue.park(tx, receipt, until if awaited else tx.now)
        running.interrupt(tx, self._plans, delivery, "released", single_line(reason))

    def release(self, tx: Tx, receipts: Sequence[Receipt]) -> int:
        """Give jobs back uncounted, and return how many were still held; see :meth:`Ledger.release`."""
        released = 0
        for receipt in receipts:
            try:
                delivery = self._queue.release(tx, receipt)
            except StaleReceiptError:
                continue
            running.interrupt(tx, self._plans, delivery, "released")
            released += 1
        return released

    def stop_running(self, tx: Tx, roots: Sequence[int], jobs: Sequence[int]) -> list[int]:
        """Put the running jobs among *jobs* and below *roots* back to pending; return them.

        What they bring is discarded: nobody holds their messages any more.
        """
        deliveries = self._queue.interrupt(tx, roots, jobs)
        for delivery in deliveries:
            running.interrupt(tx, self._plans, delivery, "interrupted")
        return [delivery.job_id for delivery in deliveries if delivery.job_id is not None]

    def recover(self, tx: Tx) -> Recovery:
        """Take back what a dead process left running; see :meth:`Ledger.recover`."""
        back, dead = self._queue.recover(tx)
        for delivery in back:
            running.interrupt(tx, self._plans, delivery, "interrupted")
        ended = self._bury(tx, dead)
        open_roots = [
            root_id for (root_id,) in tx.execute(f"SELECT id FROM jobs WHERE parent_id IS NULL AND status IN {OPEN}")
        ]
        recounted = sum(roots.recount(tx, root_id) for root_id in open_roots)
        deadlines.leave_out_absence(tx)
        ended += [root_id for root_id in open_roots if self._settling.settle(tx, root_id) is not None]
        return Recovery(returned=len(back), dead=len(dead), recounted=recounted, ended=tuple(ended))

    def _bury(self, tx: Tx, letters: Iterable[DeadLetter]) -> list[int]:
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
            joblog.write(tx, letter.job_id, letter.root_id, "error", error)
            if self._settling.settle_failure(tx, letter.root_id) is not None:
                ended.append(letter.root_id)
        return ended
