"""How roots end: each in the transaction that ended the last thing below it (J2a), or that stopped it."""

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.documents import Change, changes_in_words, is_recrawl
from quaero_desktop.domain.errors import KnownError
from quaero_desktop.domain.jobs import OPEN_STATUSES, Cause, Status
from quaero_desktop.domain.words import counted
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.jobs import deadlines, joblog, roots
from quaero_desktop.storage.jobs.plans import Plans
from quaero_desktop.storage.jobs.roots import Ending
from quaero_desktop.storage.jobs.runs import Runs
from quaero_desktop.storage.queue import Queue


class Settling:
    """Ends roots below which nothing is open, and leads runs to their next step; joins a running transaction.

    Args:
        queue: the messages of their jobs.
        plans: what is remembered of running roots.
        runs: the runs among them.
    """

    def __init__(self, queue: Queue, plans: Plans, runs: Runs) -> None:
        self._queue = queue
        self._plans = plans
        self._runs = runs

    def settle(self, tx: Tx, root_id: int) -> Status | None:
        """Mark the root changed, and when nothing below it is open go on, or end it; return its final status then."""
        row = tx.one("UPDATE jobs SET revision = ? WHERE id = ? RETURNING status", (tx.revision, root_id))
        if row is None or row[0] not in OPEN_STATUSES:
            return None
        open_children, failed = roots.open_and_failed(tx, root_id)
        if open_children:
            return None
        is_run = self._plans.run(tx, root_id) is not None
        ending = self._runs.advance(tx, root_id) if is_run else _end_of_crawl(tx, root_id, failed)
        if ending is None:
            return None
        self._end(tx, root_id, ending)
        return ending.status

    def settle_failure(self, tx: Tx, root_id: int) -> Status | None:
        """Do as :meth:`settle` does for a root below which something failed: that may have been once too often (J4)."""
        too_many = self._runs.too_many_failures(tx, root_id)
        if too_many is None:
            return self.settle(tx, root_id)
        self.stop(tx, root_id, Status.FAILED, Cause.LIMIT, too_many, f"Failed: {too_many}")
        return Status.FAILED

    def expire(self, tx: Tx) -> tuple[int, ...]:
        """Cancel the runs that have taken too long; return their roots."""
        expired = deadlines.overdue(tx)
        for root_id in expired:
            run = self._plans.run(tx, root_id)
            error = f"took longer than {deadlines.in_words(run.timeout_ms if run and run.timeout_ms else 0)}"
            self.stop(tx, root_id, Status.CANCELLED, Cause.TIMEOUT, error, f"Cancelled: it {error}")
        return tuple(expired)

    def stop(self, tx: Tx, root_id: int, status: Status, cause: Cause, error: str | None, message: str) -> None:
        """End a root before its time: what is open below it is withdrawn.

        Args:
            tx: the running transaction.
            root_id: an open root.
            status: failed or cancelled.
            cause: why.
            error: the same for a person; None where they wanted it themselves.
            message: for the log.
        """
        roots.withdraw_open(tx, root_id, Status.CANCELLED, cause)
        result = self._runs.stopped(tx, root_id, status, cause, error)
        _, failed = roots.open_and_failed(tx, root_id)
        warnings = failed if status == Status.FAILED else 0
        self._end(
            tx,
            root_id,
            Ending(status=status, message=message, error=error, cause=cause, warnings=warnings, result=result),
        )

    def start_run(self, tx: Tx, definition_id: int, defaults: CrawlConfig, triggered_by: int | None) -> int:
        """Start a run; see :meth:`Runs.insert`."""
        root_id = self._runs.insert(tx, definition_id, defaults, triggered_by)
        self.settle(tx, root_id)
        return root_id

    def repeat_run(self, tx: Tx, root_id: int) -> int:
        """Start a run as another one was started; see :meth:`Runs.insert_again`."""
        again = self._runs.insert_again(tx, root_id)
        self.settle(tx, again)
        return again

    def _end(self, tx: Tx, root_id: int, ending: Ending) -> None:
        roots.end(tx, root_id, ending)
        if self._plans.run(tx, root_id) is not None:
            self._runs.wake(tx, root_id)
            if ending.status == Status.COMPLETED:
                self._start_following(tx, root_id)
        self._plans.forget(root_id)

    def _start_following(self, tx: Tx, root_id: int) -> None:
        """Start what runs after a run; that it cannot be started is none of that run's faults."""
        definitions, defaults = self._runs.following(tx, root_id)
        for definition_id in definitions:
            tx.execute("SAVEPOINT following")
            try:
                started = self.start_run(tx, definition_id, defaults, root_id)
            except KnownError as error:
                tx.execute("ROLLBACK TO following")
                message = f"Definition {definition_id}, which runs after this, could not be started: {error.message}"
                joblog.write(tx, root_id, root_id, "warn", message)
            else:
                joblog.write(tx, root_id, root_id, "info", f"Started what runs after this: job {started}")
            finally:
                tx.execute("RELEASE following")


def _end_of_crawl(tx: Tx, root_id: int, failed: int) -> Ending:
    stored, *counts = tx.execute(
        "SELECT documents, new_documents, changed_documents, unchanged_documents, gone_documents"
        " FROM root_progress WHERE root_id = ?",
        (root_id,),
    ).fetchone()
    if not stored:
        error, cause = roots.why_nothing_was_stored(tx, root_id)
        return Ending(status=Status.FAILED, message=f"Failed: {error}", error=error, cause=cause, warnings=failed)
    warnings = f" with {counted(failed, 'warning')}" if failed else ""
    what = f"{counted(stored, 'page')} stored"
    changes = dict(zip(Change, counts, strict=True))
    if is_recrawl(changes):
        what = changes_in_words(changes)
    return Ending(status=Status.COMPLETED, message=f"Completed{warnings}: {what}", warnings=failed)
