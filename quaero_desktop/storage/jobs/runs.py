"""The runs of definitions (J3, J4): one root each, whose steps begin one after the other.

A step begins in the very transaction that ended the one before it, so that a root is open exactly while something below
it is. What a run does is resolved when it starts and stays with its root; where its steps are stands in the progress of
the root (:mod:`quaero_desktop.storage.jobs.steps`).
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import (
    NO_STEP,
    PHASE_OF,
    Action,
    FailureAction,
    OnError,
    RunConfig,
)
from quaero_desktop.domain.errors import NotAllowedError
from quaero_desktop.domain.jobs import OPEN_STATUSES, Cause, JobType, Phase, Status
from quaero_desktop.domain.queue import NewMessage
from quaero_desktop.domain.text import single_line
from quaero_desktop.domain.words import counted
from quaero_desktop.storage import audit, definitions
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.fragments import AMONG, OPEN, json_list
from quaero_desktop.storage.jobs import deadlines, joblog, rerun, retry, roots
from quaero_desktop.storage.jobs.backoff import Backoff
from quaero_desktop.storage.jobs.discovery import SOON, begin_crawl
from quaero_desktop.storage.jobs.plans import Plans
from quaero_desktop.storage.jobs.roots import Ending
from quaero_desktop.storage.jobs.steps import Steps, Verdict
from quaero_desktop.storage.queue import Queue

MOST_TRIES = 3
"""How often a step with ``on_error = "retry"`` is begun at most."""
PATIENCE = 15
"""How many times as long as a page a step waits before it is tried again: 30 s with the usual settings, then twice."""

PLANNED = frozenset({Action.TRANSFORM, Action.SUMMARISE})
"""Actions whose job asks for a job for each document."""

_OPEN_RUN = (
    "SELECT id, status FROM jobs WHERE definition_id = ? AND parent_id IS NULL AND trashed_at IS NULL"
    f" AND status IN {OPEN} ORDER BY id LIMIT 1"
)
_encode = msgspec.json.Encoder().encode


def open_run(tx: Tx, definition_id: int) -> tuple[int, str] | None:
    """Return the oldest run of a definition that has not ended, with its status; None when there is none."""
    row = tx.one(_OPEN_RUN, (definition_id,))
    return None if row is None else (row[0], row[1])


def refuse_second(tx: Tx, definition_id: int) -> None:
    """Refuse a second run of a definition while one has not ended: they would fetch the same pages at once.

    Raises:
        NotAllowedError: naming the one that has not ended.
    """
    if (found := open_run(tx, definition_id)) is not None:
        job_id, status = found
        name = tx.value("SELECT name FROM definitions WHERE id = ?", (definition_id,))
        raise NotAllowedError(
            f"“{single_line(name, 60)}” has a run that has not ended: job {job_id} is {status}.",
            "Wait for its end, or cancel it." if status != Status.PAUSED else "Resume it, or cancel it.",
        )


class Runs:
    """Starts runs and leads them from step to step; every operation joins a running transaction.

    Args:
        queue: where messages go.
        plans: what the steps are to do.
        backoff: of a failed page; steps are more patient (:data:`PATIENCE`).
    """

    def __init__(self, queue: Queue, plans: Plans, backoff: Backoff) -> None:
        self._queue = queue
        self._plans = plans
        self._backoff = backoff

    # Beginning.

    def insert(self, tx: Tx, definition_id: int, defaults: CrawlConfig, triggered_by: int | None) -> int:
        """Add the root of a run, of which nothing has begun yet; return its id.

        Args:
            tx: the running transaction.
            definition_id: the definition.
            defaults: what its crawls begin with where neither it nor their source says anything.
            triggered_by: the root that wanted this run.

        Raises:
            NotFoundError: there is no such definition.
            NotAllowedError: it is switched off, or cannot be read.
            FieldError: something in it makes no sense any more.
        """
        run = definitions.plan(tx.connection, definition_id, defaults)
        how = "" if triggered_by is None else f" by job {triggered_by}"
        return self._insert(tx, run, how, definition_id=definition_id, triggered_by=triggered_by)

    def insert_again(self, tx: Tx, root_id: int) -> int:
        """Add a root that does what another run was started to do; return its id.

        Raises:
            NotFoundError: there is no such job.
            NotAllowedError: its snapshot cannot be read, or it lies in the trash.
        """
        run = rerun.run_configuration(tx, root_id, "run again")
        definition_id = tx.value("SELECT definition_id FROM jobs WHERE id = ?", (root_id,))
        how = f" again, as job {root_id} was"
        return self._insert(tx, run, how, definition_id=definition_id, rerun_of=root_id)

    def _insert(
        self,
        tx: Tx,
        run: RunConfig,
        how: str,
        *,
        definition_id: int | None,
        rerun_of: int | None = None,
        triggered_by: int | None = None,
    ) -> int:
        sources = {step.source_id for step in run.steps if step.crawl is not None} or set(run.sources)
        source_id = next(iter(sources)) if len(sources) == 1 else None
        root_id = roots.insert(
            tx,
            JobType.DEFINITION_RUN,
            run.definition,
            run,
            source_id=None if source_id is None else _source_that_is(tx, source_id),
            definition_id=definition_id,
            rerun_of=rerun_of,
            triggered_by=triggered_by,
        )
        # Its id may be that of one whose start was rolled back.
        self._plans.forget(root_id)
        if definition_id is not None:
            tx.execute("UPDATE definitions SET last_run = ? WHERE id = ?", (tx.now, definition_id))
        which = "" if definition_id is None else f" (definition {definition_id})"
        steps = counted(len(run.steps), "step")
        joblog.write(tx, root_id, root_id, "info", f"Started{how}: “{run.definition}”{which}, {steps}")
        deadlines.set_(tx, root_id, run.timeout_ms)
        Steps(tx, root_id, run).save()
        return root_id

    # From step to step.

    def advance(self, tx: Tx, root_id: int) -> Ending | None:
        """Go on with a run below which nothing is open; return how it ends, or None when something is open now."""
        run = self._plans.run(tx, root_id)
        assert run is not None
        steps = Steps(tx, root_id, run)
        ending = self._advance(tx, root_id, run, steps)
        steps.save()
        return ending

    def _advance(self, tx: Tx, root_id: int, run: RunConfig, steps: Steps) -> Ending | None:
        if not run.steps:
            return self._ending(tx, root_id, steps, "Its set-up cannot be read, so there is nothing to do.", None)
        if steps.current == NO_STEP:
            why = self._prepare(tx, root_id, run)
            if why is not None:
                self._leave_rest(tx, root_id, run, steps, NO_STEP, Cause.PREREQUISITE, why)
                return self._ending(tx, root_id, steps, why, Cause.PREREQUISITE)
            if roots.open_and_failed(tx, root_id)[0]:
                return None
            steps.current = 1
        for number in range(steps.current, len(steps) + 1):
            steps.current = number
            if steps[number].is_to_begin:
                self._begin(tx, root_id, run, steps, number)
                if roots.open_and_failed(tx, root_id)[0]:
                    return None
            if steps[number].status == Status.RUNNING and self._end(tx, root_id, run, steps, number):
                return None
            row, step = steps[number], run.steps[number - 1]
            if row.status == Status.FAILED and step.on_error != OnError.CONTINUE:
                why = f"the step before, {step.name}, failed"
                self._leave_rest(tx, root_id, run, steps, number, Cause.STEP, why)
                return self._ending(tx, root_id, steps, f"The step “{step.name}” failed: {row.error}", row.cause)
        if any(row.status == Status.COMPLETED for row in steps):
            return self._ending(tx, root_id, steps, None, None)
        first = next(row for row in steps if row.status == Status.FAILED)
        return self._ending(tx, root_id, steps, f"No step succeeded. {first.error}", first.cause)

    def _prepare(self, tx: Tx, root_id: int, run: RunConfig) -> str | None:
        """Queue the next definition that has to run before; return why the run cannot begin, or None."""
        rows = tx.execute(
            "SELECT status, error, name, trashed_at FROM jobs WHERE root_id = ? AND step = ? AND url IS NULL"
            " AND type = ? ORDER BY id",
            (root_id, NO_STEP, JobType.PREREQUISITE),
        ).fetchall()
        for status, error, name, trashed_at in rows:
            if status != Status.COMPLETED and trashed_at is None:
                return error or f"the definition {name}, which has to run before, was {status}"
        if len(rows) < len(run.pre_jobs):
            definition_id = run.pre_jobs[len(rows)]
            named = tx.one("SELECT name FROM definitions WHERE id = ?", (definition_id,))
            name = f"definition {definition_id}" if named is None else named[0]
            self._send(tx, root_id, NO_STEP, JobType.PREREQUISITE, Phase.PRE, name, {"definition": definition_id})
        return None

    def _begin(self, tx: Tx, root_id: int, run: RunConfig, steps: Steps, number: int) -> None:
        """Begin a step, or go on with one that had ended before it was done."""
        step = run.steps[number - 1]
        row = steps[number]
        stored = int(tx.value("SELECT documents FROM root_progress WHERE root_id = ?", (root_id,)))
        marker, others = self._known_jobs(tx, root_id, number)
        steps.change(
            number,
            status=str(Status.RUNNING),
            tries=row.tries + 1,
            retries=0,
            error=None,
            cause=None,
            retry_at=None,
            started_at=tx.now if row.started_at is None else row.started_at,
            completed_at=None,
            begun_with=stored if not others else row.begun_with,
            is_reopened=bool(others),
        )
        what = f"Step {number} of {len(steps)}, “{step.name}”, {'goes on' if others else 'begins'}"
        joblog.write(tx, root_id, root_id, "info", what)
        if others:
            self._queue_failed(tx, root_id, number, (Status.FAILED, Status.CANCELLED))
        elif step.action == Action.CRAWL and step.crawl is not None:
            if marker is not None:
                _delete_marker(tx, root_id, marker)
            begin_crawl(tx, self._queue, root_id, step.crawl, number)
        else:
            payload = {"plan": True, "after": 0} if step.action in PLANNED else {}
            self._send(tx, root_id, number, _type(step.action), _phase(step.action), step.name, payload, marker=marker)

    @staticmethod
    def _known_jobs(tx: Tx, root_id: int, number: int) -> tuple[int | None, bool]:
        """Return the job that says of a step that it was skipped, and whether the step has other jobs."""
        rows = tx.execute(
            "SELECT id, status = 'skipped' AND url IS NULL AND started_at IS NULL FROM jobs"
            " WHERE root_id = ? AND step = ? ORDER BY url, id LIMIT 2",
            (root_id, number),
        ).fetchall()
        marker = next((job_id for job_id, is_marker in rows if is_marker), None)
        return marker, len(rows) > (marker is not None)

    def _end(self, tx: Tx, root_id: int, run: RunConfig, steps: Steps, number: int) -> bool:
        """Note what became of a step in which nothing is open; return whether it is tried again instead."""
        row, step = steps[number], run.steps[number - 1]
        verdict = steps.verdict(number)
        if verdict.error is not None and step.on_error == OnError.RETRY and row.retries + 1 < MOST_TRIES:
            wait = min(self._backoff.most_ms, self._backoff.base_ms * 2**row.retries) * PATIENCE
            if self._queue_failed(tx, root_id, number, (Status.FAILED,), tx.now + wait):
                steps.change(
                    number,
                    tries=row.tries + 1,
                    retries=row.retries + 1,
                    documents=verdict.documents,
                    error=single_line(verdict.error),
                    retry_at=tx.now + wait,
                )
                again = f"Trying again in {wait / 1000:,.3g} s (try {row.retries + 2} of {MOST_TRIES})."
                failed = f"Step {number} of {len(steps)}, “{step.name}”, failed: {verdict.error}"
                joblog.write(tx, root_id, root_id, "warn", f"{failed} {again}")
                return True
        self._note_end(tx, root_id, steps, number, verdict)
        return False

    @staticmethod
    def _note_end(tx: Tx, root_id: int, steps: Steps, number: int, verdict: Verdict) -> None:
        which = f"Step {number} of {len(steps)}, “{steps[number].name}”,"
        if verdict.error is None:
            steps.end(number, Status.COMPLETED, documents=verdict.documents)
            stored = ": " + counted(verdict.documents, "document") if verdict.documents else ""
            joblog.write(tx, root_id, root_id, "info", f"{which} completed{stored}")
        else:
            error = single_line(verdict.error)
            steps.end(number, Status.FAILED, error, documents=verdict.documents, cause=verdict.cause or Cause.STEP)
            joblog.write(tx, root_id, root_id, "error", f"{which} failed: {verdict.error}")

    def _leave_rest(
        self, tx: Tx, root_id: int, run: RunConfig, steps: Steps, after: int, cause: Cause, why: str
    ) -> None:
        """Do nothing more behind *after*: what was retried along with that has ended, the rest is skipped."""
        for number in range(after + 1, len(steps) + 1):
            if steps[number].status == Status.RUNNING:
                self._note_end(tx, root_id, steps, number, steps.verdict(number))
        self._skip_rest(tx, root_id, run, steps, after, cause, why)

    def _queue_failed(
        self, tx: Tx, root_id: int, number: int, statuses: Sequence[Status], ready_at: int | None = None
    ) -> int:
        """Queue jobs of a step for one attempt more; return how many."""
        ids = [
            job_id
            for (job_id,) in tx.execute(
                "SELECT id FROM jobs WHERE root_id = ? AND step = ? AND trashed_at IS NULL"
                f" AND status {AMONG} ORDER BY id",
                (root_id, number, json_list(statuses)),
            )
        ]
        return retry.Retry(tx, self._queue, root_id, self._plans).again(ids, ready_at)

    def _send(
        self,
        tx: Tx,
        root_id: int,
        number: int,
        job_type: str,
        phase: str,
        name: str,
        payload: dict[str, Any],
        *,
        marker: int | None = None,
    ) -> None:
        """Queue a job that is no page; *marker* is the job that said that it was skipped, which becomes it."""
        stored = _encode(payload).decode() if payload else None
        if marker is None:
            job_id = tx.execute(
                "INSERT INTO jobs (parent_id, root_id, type, phase, status, step, name, payload, created_at, revision)"
                " VALUES (?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?)",
                (root_id, root_id, job_type, phase, number, single_line(name), stored, tx.now, tx.revision),
            ).lastrowid
        else:
            job_id = marker
            tx.execute(
                "UPDATE jobs SET status = 'pending', attempt = attempt + 1, completed_at = NULL, cause = NULL,"
                " error = NULL, payload = ?, revision = ? WHERE id = ?",
                (stored, tx.revision, job_id),
            )
        message = NewMessage(type=job_type, payload=payload, job_id=job_id, root_id=root_id, priority=SOON)
        self._queue.send(tx, message)

    def _skip_rest(
        self, tx: Tx, root_id: int, run: RunConfig, steps: Steps, after: int, cause: Cause, why: str
    ) -> None:
        """Say of each step that has not begun, behind *after*, that it is skipped, by a job that stands for it."""
        for number in range(after + 1, len(steps) + 1):
            if not steps[number].is_to_begin:
                continue
            steps.end(number, Status.SKIPPED, why)
            marker, others = self._known_jobs(tx, root_id, number)
            if marker is not None or others:
                continue
            step = run.steps[number - 1]
            job_id = tx.execute(
                "INSERT INTO jobs (parent_id, root_id, type, phase, status, step, name, cause, error, created_at,"
                " completed_at, revision) VALUES (?, ?, ?, ?, 'skipped', ?, ?, ?, ?, ?, ?, ?)",
                (
                    root_id, root_id, _type(step.action), _phase(step.action), number, single_line(step.name), cause,
                    why, tx.now, tx.now, tx.revision,
                ),
            ).lastrowid  # fmt: skip
            tx.execute(
                "INSERT INTO attempts (job_id, attempt, delivery, ended_at, outcome, cause, error)"
                " VALUES (?, 1, 1, ?, 'skipped', ?, ?)",
                (job_id, tx.now, cause, why),
            )

    # The end.

    def _ending(self, tx: Tx, root_id: int, steps: Steps, error: str | None, cause: str | None) -> Ending:
        _, failed = roots.open_and_failed(tx, root_id)
        # A step that failed without a failed job, like a crawl that found nothing, is a warning as well.
        warnings = failed + sum(
            1
            for row in steps
            if row.status == Status.FAILED
            and not tx.value(
                "SELECT coalesce(sum(n), 0) FROM child_counts WHERE parent_id = ? AND step = ? AND status = 'failed'",
                (root_id, row.number),
            )
        )
        if error is not None:
            status, message = Status.FAILED, f"Failed: {error}"
        else:
            done = sum(row.status == Status.COMPLETED for row in steps)
            with_warnings = f" with {counted(warnings, 'warning')}" if warnings else ""
            status = Status.COMPLETED
            message = f"Completed{with_warnings}: {done} of {counted(len(steps), 'step')}"
        return Ending(
            status=status, message=message, error=error, cause=cause, warnings=warnings, result=steps.result()
        )

    def stopped(self, tx: Tx, root_id: int, status: Status, cause: Cause, error: str | None) -> str | None:
        """Note that a run was ended before its time, whose open jobs are withdrawn already; return its result.

        Args:
            tx: the running transaction.
            root_id: the root; of one that is no run nothing is noted.
            status: failed or cancelled.
            cause: why.
            error: the same for a person.
        """
        run = self._plans.run(tx, root_id)
        if run is None:
            return None
        steps = Steps(tx, root_id, run)
        for row in tuple(steps):
            if row.status == Status.RUNNING:
                documents = steps.verdict(row.number).documents
                steps.end(row.number, status, error, documents=documents, cause=cause)
        if status == Status.FAILED:
            self._skip_rest(tx, root_id, run, steps, NO_STEP, cause, error or "")
        else:
            for row in tuple(steps):
                if row.status == Status.PENDING:
                    steps.end(row.number, Status.CANCELLED, error)
        steps.save()
        return steps.result()

    def reopened(self, tx: Tx, root_id: int, numbers: frozenset[int]) -> None:
        """Note that jobs of some steps were queued again by somebody; what lies behind them goes on afterwards."""
        run = self._plans.run(tx, root_id)
        if run is None:
            return
        steps = Steps(tx, root_id, run)
        for row in tuple(steps):
            step = run.steps[row.number - 1]
            if row.number in numbers:
                steps.change(
                    row.number, status=str(Status.RUNNING), tries=row.tries + (row.status != Status.RUNNING), retries=0,
                    error=None, cause=None, retry_at=None, completed_at=None, is_reopened=True,
                )  # fmt: skip
            elif row.status == Status.FAILED and step.on_error != OnError.CONTINUE and min(numbers) < row.number:
                # It was the end of the run.
                steps.change(row.number, status=str(Status.PENDING), error=None, cause=None, completed_at=None)
        under_way = {row.number for row in steps if row.status == Status.RUNNING}
        steps.current = min(numbers | (under_way if steps.current != NO_STEP else {NO_STEP}))
        steps.save()
        sql = "UPDATE jobs SET result = json_remove(result, '$.steps') WHERE id = ? AND result IS NOT NULL"
        tx.execute(sql, (root_id,))
        # What goes on within its time keeps that; another attempt has all of it.
        anew = tx.one(
            "SELECT 1 FROM jobs r JOIN root_progress p ON p.root_id = r.id WHERE r.id = ?"
            " AND (r.started_at IS NULL OR p.deadline_at <= ?)",
            (root_id, tx.now),
        )
        if anew is not None:
            deadlines.set_(tx, root_id, run.timeout_ms)

    def brought_back(self, tx: Tx, root_id: int, children: Sequence[int]) -> None:
        """Note that children of a root came out of the trash: what is open of them belongs to steps that go on."""
        rows = tx.execute(
            f"SELECT DISTINCT step FROM jobs WHERE parent_id = ? AND status IN ('pending', 'running') AND id {AMONG}",
            (root_id, json_list(children)),
        )
        if numbers := frozenset(number for (number,) in rows):
            self.reopened(tx, root_id, numbers)

    # What acts while it is under way.

    def too_many_failures(self, tx: Tx, root_id: int) -> str | None:
        """Return why all of a run has to stop, when more children have failed than it tolerates; else None."""
        run = self._plans.run(tx, root_id)
        tolerance = None if run is None else run.tolerance
        if tolerance is None or tolerance.failure_action == FailureAction.CONTINUE:
            return None
        if tx.value("SELECT status FROM jobs WHERE id = ?", (root_id,)) not in OPEN_STATUSES:
            return None
        _, failed = roots.open_and_failed(tx, root_id)
        if failed <= tolerance.max_child_failures:
            return None
        many = f"{counted(failed, 'job')} failed, and no more than {tolerance.max_child_failures} may"
        if tolerance.failure_action == FailureAction.STOP_ALL:
            return many
        # Said once: the warnings of a root that runs are only these.
        said = tx.execute("UPDATE jobs SET warnings = ? WHERE id = ? AND warnings = 0", (failed, root_id)).rowcount
        if said:
            joblog.write(tx, root_id, root_id, "warn", f"{many}. It goes on.")
        return None

    def stored_in_step(self, tx: Tx, root_id: int, step: int) -> bool:
        """Return whether a crawl, of a run or by itself, has stored a page."""
        run = self._plans.run(tx, root_id)
        if run is None or step == NO_STEP:
            return bool(tx.value("SELECT documents FROM root_progress WHERE root_id = ?", (root_id,)))
        return bool(Steps(tx, root_id, run).stored(step))

    # Definitions that run before and after.

    def wake(self, tx: Tx, root_id: int) -> None:
        """Let the run that waits for this one, which has ended, look at it."""
        waiting = tx.value("SELECT triggered_by FROM jobs WHERE id = ?", (root_id,))
        if waiting is not None:
            self._queue.wake(tx, waiting, JobType.PREREQUISITE)

    def following(self, tx: Tx, root_id: int) -> tuple[tuple[int, ...], CrawlConfig]:
        """Return which definitions run after this run, which completed, and what their crawls begin with."""
        run = self._plans.run(tx, root_id)
        return ((), CrawlConfig(seeds=())) if run is None else (run.post_jobs, run.defaults)


def _delete_marker(tx: Tx, root_id: int, job_id: int) -> None:
    """Delete the job that said of a step that it was skipped; the audit tells whoever shows it that it is gone."""
    audit.note_deleted_children(tx, [job_id])
    tx.execute("DELETE FROM jobs WHERE id = ?", (job_id,))


def _source_that_is(tx: Tx, source_id: int) -> int | None:
    """Return the id of a source, unless it was deleted since."""
    return source_id if tx.one("SELECT 1 FROM sources WHERE id = ?", (source_id,)) is not None else None


def _type(action: str) -> str:
    """Return the type of a step's first job: its action, unless that is the name of something that is no step."""
    return f"step {action}" if action in tuple(JobType) and action not in tuple(Action) else action


def _phase(action: str) -> Phase:
    """Return the phase of a step's jobs; what nobody knows is core."""
    return next((phase for known, phase in PHASE_OF.items() if known == action), Phase.CORE)
