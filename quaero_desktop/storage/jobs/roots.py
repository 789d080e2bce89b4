"""The rows of root jobs: how one begins, how what is open below it is withdrawn, and how it ends."""

from typing import Any

import msgspec

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import NO_STEP, RunConfig
from quaero_desktop.domain.jobs import HOST_FAULTS, Cause, JobType, Status
from quaero_desktop.domain.text import single_line, storable
from quaero_desktop.storage import trash
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.fragments import AMONG, TREE, json_list
from quaero_desktop.storage.jobs import joblog

_encode = msgspec.json.Encoder().encode


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a root ends.

    Attributes:
        message: for its log.
        warnings: what did not go well below it.
        result: JSON for programs; None keeps what there is.
    """

    status: Status
    message: str
    error: str | None = None
    cause: str | None = None
    warnings: int = 0
    result: str | None = None

    @property
    def level(self) -> str:
        """How important the line in the log is."""
        match self.status:
            case Status.FAILED:
                return "error"
            case Status.CANCELLED:
                return "warn"
            case _:
                return "info"


def insert(
    tx: Tx,
    job_type: str,
    name: str,
    config: CrawlConfig | RunConfig,
    *,
    source_id: int | None = None,
    definition_id: int | None = None,
    rerun_of: int | None = None,
    triggered_by: int | None = None,
) -> int:
    """Add a root job with its progress; return its id.

    Args:
        tx: the running transaction.
        job_type: of the root.
        name: what people see it as.
        config: its snapshot: what it does, whatever is changed elsewhere from now on.
        source_id: what it collects for, where that is one source.
        definition_id: whose run it is.
        rerun_of: the root that it repeats.
        triggered_by: the root that wanted it.
    """
    root_id = int(
        tx.value(
            "INSERT INTO jobs (type, status, name, config, source_id, definition_id, rerun_of, triggered_by,"
            " created_at, revision) VALUES (?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (
                job_type,
                single_line(name),
                _encode(config).decode(),
                source_id,
                definition_id,
                rerun_of,
                triggered_by,
                tx.now,
                tx.revision,
            ),
        )
    )
    tx.execute("INSERT INTO root_progress (root_id) VALUES (?)", (root_id,))
    return root_id


def withdraw_open(
    tx: Tx, root_id: int, status: Status, cause: Cause, error: str | None = None, *, step: int = NO_STEP
) -> None:
    """End all that is open below a root, or in one of its steps; what runs of it finds its message gone.

    What was never handed out has no attempt yet. Its end stands among the attempts all the same, unless it was
    cancelled: then nothing was tried.

    Args:
        tx: the running transaction.
        root_id: the root, which stays as it is.
        status: how they end, failed or cancelled.
        cause: why.
        error: the same for a person.
        step: only what belongs to that step of a run; after a retry, others may be under way beside it.
    """
    of_step = " AND (SELECT step FROM jobs WHERE id = m.job_id) = :step" if step != NO_STEP else ""
    _withdraw(
        tx,
        f"m.root_id = :root{of_step}",
        "root_id = :root" + (" AND step = :step" if step != NO_STEP else ""),
        {"root": root_id, "step": step, "status": status, "cause": cause, "error": error and storable(error)},
    )


def cancel_below(tx: Tx, job_id: int) -> None:
    """Cancel a child of a root, if it is open, and all that is open below it."""
    cancelled = {"job": job_id, "status": Status.CANCELLED, "cause": Cause.CANCELLED, "error": None}
    _withdraw(tx, f"m.job_id IN {TREE}", f"id IN {TREE}", cancelled)


def _withdraw(tx: Tx, messages: str, jobs: str, parameters: dict[str, Any]) -> None:
    """End what is open of some jobs, which are told by a condition on their ``messages m`` and by one on ``jobs``."""
    parameters |= {"now": tx.now, "revision": tx.revision}
    which = " AND m.state = 'leased'" if parameters["status"] == Status.CANCELLED else ""
    tx.execute(
        "INSERT INTO attempts (job_id, attempt, delivery, started_at, ended_at, outcome, cause, error)"
        " SELECT j.id, j.attempt, m.delivery + (m.state <> 'leased'), j.started_at, :now, :status, :cause, :error"
        " FROM messages m JOIN jobs j ON j.id = m.job_id"
        f" WHERE {messages} AND j.parent_id IS NOT NULL AND m.state <> 'dead'{which} ON CONFLICT DO NOTHING",
        parameters,
    )
    tx.execute(f"DELETE FROM messages AS m WHERE {messages} AND m.state <> 'dead'", parameters)
    tx.execute(
        "UPDATE jobs SET status = :status, cause = :cause, error = :error, completed_at = :now, revision = :revision"
        f" WHERE {jobs} AND status IN ('pending', 'running')",
        parameters,
    )


def end(tx: Tx, root_id: int, ending: Ending) -> None:
    """Store the end of a root, with a line in its log."""
    tx.execute(
        "UPDATE jobs SET status = ?, completed_at = ?, warnings = ?, error = ?, cause = ?,"
        " result = coalesce(?, result), revision = ? WHERE id = ?",
        (
            ending.status,
            tx.now,
            ending.warnings,
            None if ending.error is None else storable(ending.error),
            ending.cause,
            ending.result,
            tx.revision,
            root_id,
        ),
    )
    tx.execute("UPDATE root_progress SET current_url = NULL WHERE root_id = ?", (root_id,))
    joblog.write(tx, root_id, root_id, ending.level, ending.message)


def open_and_failed(tx: Tx, root_id: int) -> tuple[int, int]:
    """Return how many children of a root are open, and how many failed."""
    row: tuple[int, int] = tx.execute(
        "SELECT coalesce(sum(n) FILTER (WHERE status IN ('pending', 'running')), 0),"
        " coalesce(sum(n) FILTER (WHERE status = 'failed'), 0) FROM child_counts WHERE parent_id = ?",
        (root_id,),
    ).fetchone()
    return row


def recount(tx: Tx, root_id: int) -> int:
    """Put the counters of a root right; return 1 when they were wrong (only a damaged file makes them so)."""
    kept = tx.execute(
        "SELECT type, status, step, n FROM child_counts WHERE parent_id = ? AND n <> 0 ORDER BY 1, 2, 3", (root_id,)
    ).fetchall()
    true = tx.execute(
        "SELECT type, status, step, count(*) FROM jobs WHERE parent_id = ? AND trashed_at IS NULL GROUP BY 1, 2, 3"
        " ORDER BY 1, 2, 3",
        (root_id,),
    ).fetchall()
    if kept == true:
        return 0
    tx.execute("DELETE FROM child_counts WHERE parent_id = ?", (root_id,))
    tx.executemany("INSERT INTO child_counts VALUES (?, ?, ?, ?, ?)", [(root_id, *row) for row in true])
    joblog.write(tx, root_id, root_id, "warn", "The counters of this job were wrong and have been counted anew.")
    return 1


def why_nothing_was_stored(tx: Tx, root_id: int, step: int = NO_STEP) -> tuple[str, str | None]:
    """Return for a person, and as a cause, why a crawl brought no page."""
    row = tx.one(
        "SELECT error, cause FROM jobs WHERE parent_id = ? AND status = 'failed' AND type = ? AND step = ?"
        f" AND cause {AMONG}",
        (root_id, JobType.VALIDATE, step, json_list(HOST_FAULTS)),
    )
    if row is not None:
        return row[0], row[1]
    row = tx.one(
        "SELECT CASE status WHEN 'failed' THEN error WHEN 'skipped' THEN 'Left out by ' || error"
        " ELSE 'What was left to do was cancelled.' END, cause, count(*) FROM jobs"
        " WHERE parent_id = ? AND step = ? AND phase = 'core' AND status IN ('failed', 'skipped', 'cancelled')"
        " GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT 1",
        (root_id, step),
    )
    if row is None:
        what = "what was found there is no text" if trash.has_pages(tx, root_id) else "they were deleted"
        return f"No page could be stored: {what}.", None
    return f"No page could be stored. {row[0]}", row[1]
