"""Where the steps of a run are, as the progress of its root keeps it, and what has become of one that has ended."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec

from quaero_desktop.domain.definitions import Action, RunConfig, StepState
from quaero_desktop.domain.jobs import JobType, Status
from quaero_desktop.infra.redact import redact
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.jobs import roots

_encode = msgspec.json.Encoder().encode


class StepRow(StepState, frozen=True, kw_only=True):
    """The state of a step, with what only storage needs to know.

    Attributes:
        begun_with: how many pages the root had stored when the step began.
        is_reopened: whether it runs beside others because somebody retried it: what it stored is counted then.
        retries: how often it was tried again by itself since somebody began it.
        cause: why it failed, as a cause.
    """

    begun_with: int = 0
    is_reopened: bool = False
    retries: int = 0
    cause: str | None = None

    @property
    def is_to_begin(self) -> bool:
        """Whether it has not begun, or is to begin once more."""
        return self.status in (Status.PENDING, Status.SKIPPED, Status.CANCELLED)


_decode = msgspec.json.Decoder(list[StepRow]).decode


class Verdict(msgspec.Struct, frozen=True):
    """What became of a step in which nothing is open any more.

    Attributes:
        error: why it failed; None when it completed.
        cause: the same as a cause.
        documents: how many documents it stored or changed.
    """

    error: str | None
    cause: str | None
    documents: int


class Steps:
    """The steps of one run, for the length of one transaction; counted from 1.

    Args:
        tx: the running transaction.
        root_id: the root of the run.
        run: its snapshot.
    """

    def __init__(self, tx: Tx, root_id: int, run: RunConfig) -> None:
        self._tx = tx
        self._root_id = root_id
        self._run = run
        row = tx.one("SELECT step, steps FROM root_progress WHERE root_id = ?", (root_id,))
        self.current: int = row[0] if row is not None else 0
        self._rows = decoded(row[1]) if row is not None else []
        if len(self._rows) != len(run.steps):
            # Only a root that is made now has none.
            self._rows = [
                StepRow(number=number, name=step.name, action=step.action) for number, step in enumerate(run.steps, 1)
            ]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> StepRow:
        return self._rows[number - 1]

    def __iter__(self) -> Iterator[StepRow]:
        return iter(self._rows)

    def change(self, number: int, **fields: Any) -> StepRow:
        """Change what is known of a step."""
        row = self._rows[number - 1] = msgspec.structs.replace(self._rows[number - 1], **fields)
        return row

    def end(self, number: int, status: Status, error: str | None = None, **fields: Any) -> StepRow:
        """Note the end of a step.

        Args:
            number: which one.
            status: how it ended.
            error: why it failed, for a person.
            fields: what else is known of it by now; see :class:`StepRow`.
        """
        fields |= {"completed_at": self._tx.now, "retry_at": None, "is_reopened": False}
        return self.change(number, status=str(status), error=error, **fields)

    def save(self) -> None:
        """Store the states, in the progress of the root."""
        self._tx.execute(
            "UPDATE root_progress SET step = ?, steps = ? WHERE root_id = ?",
            (self.current, _encode(self._rows).decode(), self._root_id),
        )

    def result(self) -> str:
        """Return the result of the root once the run has ended: what it had so far, and the states of the steps."""
        before = self._tx.value("SELECT result FROM jobs WHERE id = ?", (self._root_id,))
        kept = msgspec.json.decode(before, type=dict[str, Any]) if before is not None else {}
        return _encode(kept | {"steps": self.states()}).decode()

    def states(self) -> tuple[StepState, ...]:
        """Return the states as others may see them."""
        return tuple(map(_state, self._rows))

    # What became of a step.

    def verdict(self, number: int) -> Verdict:
        """Return what became of a step in which nothing is open any more."""
        if self._run.steps[number - 1].action == Action.CRAWL and self._run.steps[number - 1].crawl is not None:
            return self._verdict_on_crawl(number)
        return self._verdict_on_jobs(number)

    def stored(self, number: int) -> int:
        """Return how many pages a crawl has stored."""
        row = self[number]
        if row.is_reopened:
            return int(
                self._tx.value(
                    "SELECT count(*) FROM jobs WHERE root_id = ? AND step = ? AND type = ? AND status = 'completed'"
                    " AND result ->> '$.change' IN ('new', 'changed', 'unchanged') AND trashed_at IS NULL",
                    (self._root_id, number, JobType.CRAWLER_URL),
                )
            )
        stored = int(self._tx.value("SELECT documents FROM root_progress WHERE root_id = ?", (self._root_id,)))
        return max(0, stored - row.begun_with)

    def _verdict_on_crawl(self, number: int) -> Verdict:
        stored = self.stored(number)
        if stored:
            return Verdict(None, None, stored)
        return Verdict(*roots.why_nothing_was_stored(self._tx, self._root_id, number), 0)

    def _verdict_on_jobs(self, number: int) -> Verdict:
        """Judge a step by its first job, the only one or the one that asked for the others, and by those."""
        changed = int(
            self._tx.value(
                "SELECT count(*) FROM jobs WHERE root_id = ? AND step = ? AND status = 'completed'"
                " AND document_id IS NOT NULL AND coalesce(result ->> '$.change', '') <> 'unchanged'"
                " AND trashed_at IS NULL",
                (self._root_id, number),
            )
        )
        first = self._tx.one(
            "SELECT id, status, error, cause FROM jobs WHERE root_id = ? AND step = ? AND url IS NULL"
            " AND trashed_at IS NULL ORDER BY id LIMIT 1",
            (self._root_id, number),
        )
        if first is None:
            return Verdict("Its job was deleted.", None, changed)
        job_id, status, error, cause = first
        if status != Status.COMPLETED:
            return Verdict(error or f"It was {status}.", cause, changed)
        completed, others = self._tx.execute(
            "SELECT coalesce(sum(n) FILTER (WHERE status = 'completed'), 0),"
            " coalesce(sum(n) FILTER (WHERE status IN ('failed', 'cancelled')), 0)"
            " FROM child_counts WHERE parent_id = ? AND step = ?",
            (self._root_id, number),
        ).fetchone()
        if others == 0 or completed > 1:
            return Verdict(None, None, changed)
        why = self._tx.one(
            "SELECT coalesce(error, 'They were ' || status || '.'), cause, count(*) FROM jobs"
            " WHERE root_id = ? AND step = ? AND status IN ('failed', 'cancelled') AND id <> ?"
            " GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT 1",
            (self._root_id, number, job_id),
        )
        return Verdict("All of it failed.", None, changed) if why is None else Verdict(why[0], why[1], changed)


def decoded(text: str | None) -> list[StepRow]:
    """Return the states of steps as they are stored; none where they make no sense."""
    try:
        return _decode(text) if text is not None else []
    except msgspec.MsgspecError:
        return []


def states(connection: sqlite3.Connection, root_id: int) -> tuple[StepState, ...]:
    """Return where the steps of a run are; nothing for a crawl. Of a crawl under way it counts what it has stored."""
    row = connection.execute("SELECT steps, documents FROM root_progress WHERE root_id = ?", (root_id,)).fetchone()
    if row is None or row[0] is None:
        return ()
    rows = decoded(row[0])
    return tuple(
        _state(
            msgspec.structs.replace(step, documents=max(0, row[1] - step.begun_with))
            if step.action == Action.CRAWL and step.status == Status.RUNNING and not step.is_reopened
            else step
        )
        for step in rows
    )


def _state(row: StepRow) -> StepState:
    fields = {name: getattr(row, name) for name in StepState.__struct_fields__}
    return StepState(**fields | {"error": None if row.error is None else redact(row.error)})
