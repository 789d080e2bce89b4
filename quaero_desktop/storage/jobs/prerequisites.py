"""Definitions that have to run before others (J4): which run a job waits for, and which roots belong together."""

import sqlite3

import msgspec

from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.jobs import Status
from quaero_desktop.domain.ports import DELETED, Required
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.fragments import json_list

_encode = msgspec.json.Encoder().encode


class Prerequisite(msgspec.Struct, frozen=True):
    """What a job that waits for the run of another definition knows.

    Attributes:
        job_id: the job.
        root_id: the run that waits.
        definition_id: what has to run before.
        attempt: of the job: each has a run of its own, unless the one before goes on or went well.
        run: the run that was started for it; None when there is none yet.
    """

    job_id: int
    root_id: int
    definition_id: int
    attempt: int
    run: Required | None


def read(tx: Tx, job_id: int) -> Prerequisite:
    """Return what a job waits for.

    Raises:
        NotFoundError: it is gone, or waits for nothing.
    """
    row = tx.one(
        "SELECT root_id, attempt, payload ->> '$.definition', payload ->> '$.run', payload ->> '$.attempt', name"
        " FROM jobs WHERE id = ? AND root_id IS NOT NULL",
        (job_id,),
    )
    if row is None or not isinstance(row[2], int):
        raise NotFoundError("Which definition has to run before is not known.")
    root_id, attempt, definition_id, run_id, started_by, name = row
    run: Required | None = None
    if run_id is not None:
        found = tx.one("SELECT id, status, name FROM jobs WHERE id = ? AND trashed_at IS NULL", (run_id,))
        run = Required(run_id, DELETED, name) if found is None else Required(*found)
        if started_by != attempt and not run.is_open and run.status != Status.COMPLETED:
            run = None
    return Prerequisite(job_id, root_id, definition_id, attempt, run)


def note_started(tx: Tx, prerequisite: Prerequisite, run_id: int) -> None:
    """Remember which run was started for a job, in the transaction that did."""
    payload = {"definition": prerequisite.definition_id, "run": run_id, "attempt": prerequisite.attempt}
    text = _encode(payload).decode()
    tx.execute("UPDATE messages SET payload = ? WHERE job_id = ?", (text, prerequisite.job_id))
    tx.execute("UPDATE jobs SET payload = ? WHERE id = ?", (text, prerequisite.job_id))


def is_awaited(tx: Tx, job_id: int) -> bool:
    """Return whether the run that a job waits for is still open."""
    try:
        run = read(tx, job_id).run
    except NotFoundError:
        return False
    return run is not None and run.is_open


def with_triggered(connection: sqlite3.Connection, only: frozenset[int]) -> frozenset[int]:
    """Return roots with those that were started for them, or because they completed."""
    rows = connection.execute(
        "WITH RECURSIVE family (id) AS (SELECT value FROM json_each(?)"
        " UNION SELECT j.id FROM family JOIN jobs j ON j.triggered_by = family.id) SELECT id FROM family",
        (json_list(only),),
    )
    return frozenset(root_id for (root_id,) in rows)
