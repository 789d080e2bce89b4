"""The rows of running jobs: read for who stores an outcome, ended with it, or put back."""

from typing import Any

import msgspec

from quaero_desktop.domain.definitions import NO_STEP
from quaero_desktop.domain.errors import RootClosedError
from quaero_desktop.domain.jobs import OPEN_STATUSES, Status
from quaero_desktop.domain.queue import Delivery
from quaero_desktop.domain.text import storable
from quaero_desktop.storage import documents
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.jobs.plans import Plans

_encode = msgspec.json.Encoder().encode


class RunningJob(msgspec.Struct, frozen=True, kw_only=True):
    """What a transaction needs of the job whose outcome it stores, read inside it.

    Attributes:
        source_id: what it collects for; None for one for each origin.
    """

    id: int
    root_id: int
    depth: int
    attempt: int
    started_at: int | None
    root_status: str
    root_trashed: bool
    source_id: int | None
    step: int
    url: str | None
    delivery: int


def of(tx: Tx, plans: Plans, delivery: Delivery) -> RunningJob:
    """Return the job of a delivery; what belongs to no job is never handed out, and goes with its job."""
    row = tx.execute(
        "SELECT j.id, coalesce(j.root_id, j.id), j.depth, j.attempt, j.started_at, r.status, r.trashed_at,"
        " r.source_id, j.step, j.url FROM jobs j JOIN jobs r ON r.id = coalesce(j.root_id, j.id) WHERE j.id = ?",
        (delivery.job_id,),
    ).fetchone()
    return RunningJob(
        id=row[0],
        root_id=row[1],
        depth=row[2],
        attempt=row[3],
        started_at=row[4],
        root_status=row[5],
        root_trashed=row[6] is not None,
        source_id=row[7] if row[8] == NO_STEP else _source_of_step(tx, plans, row[1], row[8], row[7]),
        step=row[8],
        url=row[9],
        delivery=delivery.receipt.delivery,
    )


def wanted(tx: Tx, plans: Plans, delivery: Delivery) -> RunningJob:
    """Return the job of a delivery whose outcome is to be stored.

    Raises:
        RootClosedError: its root wants nothing any more.
    """
    job = of(tx, plans, delivery)
    if job.root_status not in OPEN_STATUSES or job.root_trashed:
        raise RootClosedError(f"the root of job {job.id} is {job.root_status} or in the trash")
    return job


def end(
    tx: Tx,
    job: RunningJob,
    status: Status,
    *,
    cause: str | None = None,
    error: str | None = None,
    http_status: int | None = None,
    size: int | None = None,
    elapsed_ms: int | None = None,
    document_id: int | None = None,
    result: dict[str, Any] | None = None,
) -> None:
    """Store how a job ended, in its row and among its attempts.

    Args:
        tx: the running transaction.
        job: as it was read in it.
        status: how it ended.
        cause: why, as a value of :class:`~quaero_desktop.domain.jobs.Cause` or SkipReason.
        error: the same for a person.
        http_status: what the server answered.
        size: the bytes that came over the wire.
        elapsed_ms: how long the fetch took.
        document_id: the document that came of it; None keeps the one that the job is about.
        result: what else is to be known, for programs.
    """
    error = None if error is None else storable(error)
    tx.execute(
        "UPDATE jobs SET status = ?, completed_at = ?, cause = ?, error = ?, http_status = ?, bytes = ?,"
        # What a part of a step is about stays with it.
        " elapsed_ms = ?, document_id = coalesce(?, document_id), result = ?, revision = ?,"
        f" title = (SELECT {documents.SHORT_TITLE} FROM documents WHERE id = ?)"
        " WHERE id = ?",
        (
            status,
            tx.now,
            cause,
            error,
            http_status,
            size,
            elapsed_ms,
            document_id,
            None if result is None else _encode(result).decode(),
            tx.revision,
            document_id,
            job.id,
        ),
    )
    attempt(tx, job, str(status), cause, error, http_status)


def attempt(
    tx: Tx,
    job: RunningJob,
    outcome: str,
    cause: str | None = None,
    error: str | None = None,
    http_status: int | None = None,
) -> None:
    """Note how one delivery of a job ended.

    Args:
        tx: the running transaction.
        job: as it was read in it.
        outcome: a final status, or retried, released or interrupted.
        cause: why, as a value of :class:`~quaero_desktop.domain.jobs.Cause` or SkipReason.
        error: the same for a person.
        http_status: what the server answered.
    """
    tx.execute(
        "INSERT INTO attempts (job_id, attempt, delivery, started_at, ended_at, outcome, cause, error, http_status)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (job.id, job.attempt, job.delivery, job.started_at, tx.now, outcome, cause, error, http_status),
    )


def interrupt(tx: Tx, plans: Plans, delivery: Delivery, outcome: str, error: str | None = None) -> RunningJob:
    """Put a running job back to pending, in the trash too: it goes on if it is restored. Return the job.

    Args:
        tx: the running transaction.
        plans: what the steps of its root are to do.
        delivery: of its message, which is ready again.
        outcome: how this delivery ended: released or interrupted.
        error: why, for a person.
    """
    job = of(tx, plans, delivery)
    tx.execute("UPDATE jobs SET status = 'pending', revision = ? WHERE id = ?", (tx.revision, job.id))
    attempt(tx, job, outcome, error=error)
    return job


def _source_of_step(tx: Tx, plans: Plans, root_id: int, step: int, root_source: int | None) -> int | None:
    """Return the source that a step of a run collects for; None for one for each origin, or if it was deleted."""
    source_id = plans.of(tx, root_id, step).source_id
    if source_id is None or source_id == root_source:
        return root_source
    return source_id if tx.one("SELECT 1 FROM sources WHERE id = ?", (source_id,)) is not None else None
