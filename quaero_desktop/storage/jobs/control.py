"""What people do to jobs: start, cancel, pause, resume, other rules, once more."""

from collections.abc import Sequence

from quaero_desktop.domain.definitions import NO_STEP
from quaero_desktop.domain.errors import NotAllowedError, NotFoundError
from quaero_desktop.domain.jobs import OPEN_STATUSES, Cause, Status
from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.domain.ports import NewRoot
from quaero_desktop.domain.queue import Receipt
from quaero_desktop.domain.rulechange import RuleChange, RuleChanges, difference
from quaero_desktop.domain.text import single_line, storable_integer
from quaero_desktop.domain.words import counted
from quaero_desktop.storage import trash
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.jobs import deadlines, joblog, rerun, retry, roots, rules, running
from quaero_desktop.storage.jobs.discovery import begin_crawl
from quaero_desktop.storage.jobs.plans import Plans
from quaero_desktop.storage.jobs.runs import Runs
from quaero_desktop.storage.jobs.settling import Settling
from quaero_desktop.storage.queue import Queue


class Control:
    """Does what people want with jobs; every operation joins a running transaction.

    Args:
        queue: the messages of the jobs.
        plans: what the steps of their roots are to do.
        runs: the runs of definitions among those roots.
        settling: ends the roots.
    """

    def __init__(self, queue: Queue, plans: Plans, runs: Runs, settling: Settling) -> None:
        self._queue = queue
        self._plans = plans
        self._runs = runs
        self._settling = settling

    def start(self, tx: Tx, root: NewRoot) -> int:
        """Store a root, its seeds, their messages and the first log line; return its id."""
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
        again = "" if root.rerun_of is None else f" again, as job {root.rerun_of} was"
        joblog.write(tx, root_id, root_id, "info", f"Started{again} with {', '.join(root.config.seeds[:5])}")
        begin_crawl(tx, self._queue, root_id, root.config, validated=root.validated)
        return root_id

    def rerun(self, tx: Tx, root_id: int) -> int:
        """Start a crawl or a run as another one was started, and return its id; see :meth:`Ledger.rerun`."""
        if rerun.is_run(tx, root_id):
            return self._settling.repeat_run(tx, root_id)
        return self.start(tx, rerun.repeated(tx, root_id))

    def cancel(self, tx: Tx, job_id: int) -> int:
        """Cancel a job and everything open below it, and return its root; see :meth:`Ledger.cancel`."""
        parent_id, root_id, status = _place(tx, job_id)
        if status not in OPEN_STATUSES:
            raise NotAllowedError(f"Job {job_id} is {status} already.")
        if parent_id is None:
            self._settling.stop(tx, root_id, Status.CANCELLED, Cause.CANCELLED, None, "Cancelled")
            return root_id
        roots.cancel_below(tx, job_id)
        joblog.write(tx, job_id, root_id, "warn", "Cancelled")
        self._settling.settle(tx, root_id)
        return root_id

    def pause(self, tx: Tx, root_id: int, reason: str, cause: Cause | None = None) -> None:
        """Let no more of a root start; see :meth:`Ledger.pause`. *cause* stands beside the reason."""
        parent_id, _, status = _place(tx, root_id)
        if parent_id is not None:
            raise NotAllowedError(f"Job {root_id} is a child; only a whole crawl can be paused.")
        if status not in (Status.PENDING, Status.RUNNING):
            raise NotAllowedError(f"Job {root_id} is {status}, so it cannot be paused.")
        reason = single_line(reason)
        sql = "UPDATE jobs SET status = 'paused', error = ?, cause = ?, revision = ? WHERE id = ?"
        tx.execute(sql, (reason or None, cause, tx.revision, root_id))
        deadlines.stop_clock(tx, root_id)
        joblog.write(tx, root_id, root_id, "warn" if reason else "info", f"Paused: {reason}" if reason else "Paused")

    def resume(self, tx: Tx, root_id: int) -> None:
        """Undo :meth:`pause`; see :meth:`Ledger.resume`."""
        _, _, status = _place(tx, root_id)
        if status != Status.PAUSED:
            raise NotAllowedError(f"Job {root_id} is {status}, not paused.")
        tx.execute(
            "UPDATE jobs SET status = iif(started_at IS NULL, 'pending', 'running'), error = NULL, cause = NULL,"
            " revision = ? WHERE id = ?",
            (tx.revision, root_id),
        )
        deadlines.start_clock(tx, root_id)
        joblog.write(tx, root_id, root_id, "info", "Resumed")

    def sign_in_needed(self, tx: Tx, receipt: Receipt, reason: str) -> None:
        """Give a job back uncounted and pause its root; see :meth:`Ledger.sign_in_needed`."""
        delivery = self._queue.release(tx, receipt)
        running.interrupt(tx, self._plans, delivery, "released", single_line(reason))
        status = tx.value("SELECT status FROM jobs WHERE id = ?", (delivery.root_id,))
        if status in (Status.PENDING, Status.RUNNING):
            self.pause(tx, delivery.root_id, reason, Cause.SIGN_IN)

    def change_rules(self, tx: Tx, root_id: int, changes: RuleChanges) -> RuleChange:
        """Go on with a crawl under other rules; see :meth:`Ledger.change_rules`."""
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
        withdrawn = counted(change.withdrawn, "queued page")
        queued = counted(change.queued, "skipped link")
        what = single_line(difference(before, config), 1_000)
        joblog.write(tx, root_id, root_id, "info", f"Rules changed: {what}; {withdrawn} withdrawn, {queued} queued")
        self._settling.settle(tx, root_id)
        return change

    def retry(self, tx: Tx, root_id: int, which: PageFilter | None, ids: Sequence[int] | None) -> int:
        """Run failed children of a root again; see :meth:`Ledger.retry`."""
        rerun.check_root(tx, root_id, "retried")
        retried = retry.Retry(tx, self._queue, root_id, self._plans).run(which, ids)
        if retried.queued or retried.withdrawn:
            self._runs.reopened(tx, root_id, retried.steps)
            left_out = f"; {retried.withdrawn:,} withdrawn by the rules of now" if retried.withdrawn else ""
            what = "page" if self._plans.run(tx, root_id) is None else "job"
            joblog.write(
                tx, root_id, root_id, "info", f"Trying again: {counted(retried.queued, what)} queued{left_out}"
            )
            self._settling.settle(tx, root_id)
        return retried.queued


def _place(tx: Tx, job_id: int) -> tuple[int | None, int, str]:
    """Return the parent, the root and the status of a job that does not lie in the trash."""
    # A number of any size may be asked for.
    sql = "SELECT parent_id, coalesce(root_id, id), status FROM jobs WHERE id = ?"
    row = tx.one(sql, (storable_integer(job_id),))
    if row is None:
        raise NotFoundError(f"There is no job {job_id}.")
    if trash.is_used(tx) and (place := trash.place(tx.connection, job_id)) is not None and place[0] is not None:
        raise NotFoundError(f"Job {job_id} was deleted.", f"It may come back with: quaero jobs restore {place[0]}")
    return row[0], row[1], row[2]
