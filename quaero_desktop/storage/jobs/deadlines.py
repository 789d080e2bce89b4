"""When runs of definitions have taken too long (J4).

``root_progress.deadline_at`` tells when that is. Until the first job of a run is handed out it is minus the time that
the run may take; while the run is paused, and while nobody is there to run it, it moves along.
"""

import sqlite3

from quaero_desktop.storage.database import Tx

_UNDER_WAY = (
    "FROM root_progress p INDEXED BY root_progress_deadline CROSS JOIN jobs r ON r.id = p.root_id"
    " WHERE p.deadline_at IS NOT NULL AND p.deadline_at > 0 AND r.status IN ('pending', 'running')"
    " AND r.trashed_at IS NULL"
)


def set_(tx: Tx, root_id: int, milliseconds: int | None) -> None:
    """Give a run that has not begun all its time; None for any time."""
    if milliseconds is not None:
        sql = "UPDATE root_progress SET deadline_at = ?, paused_at = NULL WHERE root_id = ?"
        tx.execute(sql, (-milliseconds, root_id))


def begin(tx: Tx, root_id: int) -> None:
    """Let the time of a run begin, unless it has: a job of it is handed out."""
    sql = "UPDATE root_progress SET deadline_at = ? - deadline_at WHERE root_id = ? AND deadline_at < 0"
    tx.execute(sql, (tx.now, root_id))


def stop_clock(tx: Tx, root_id: int) -> None:
    """Note that a run is paused: that time does not count."""
    sql = "UPDATE root_progress SET paused_at = ? WHERE root_id = ? AND deadline_at IS NOT NULL"
    tx.execute(sql, (tx.now, root_id))


def start_clock(tx: Tx, root_id: int) -> None:
    """Undo :func:`stop_clock`."""
    tx.execute(
        "UPDATE root_progress SET deadline_at = iif(deadline_at > 0, deadline_at + max(0, ? - paused_at), deadline_at),"
        " paused_at = NULL WHERE root_id = ? AND paused_at IS NOT NULL",
        (tx.now, root_id),
    )


def leave_out_absence(tx: Tx) -> None:
    """Do not count the time in which nobody was there to run them against runs that are under way."""
    tx.execute(
        "UPDATE root_progress SET deadline_at = deadline_at + max(0, :now - heartbeat_at), heartbeat_at = :now"
        " WHERE deadline_at > 0 AND heartbeat_at IS NOT NULL AND paused_at IS NULL"
        " AND root_id IN (SELECT id FROM jobs WHERE parent_id IS NULL AND status IN ('pending', 'running'))",
        {"now": tx.now},
    )


def earliest(connection: sqlite3.Connection) -> int | None:
    """Return when the next run has taken too long, in milliseconds UTC; None when none under way has a limit."""
    (deadline,) = connection.execute(f"SELECT min(p.deadline_at) {_UNDER_WAY}").fetchone()
    return None if deadline is None else int(deadline)


def overdue(tx: Tx) -> list[int]:
    """Return the roots of the runs that have taken too long."""
    rows = tx.execute(f"SELECT p.root_id {_UNDER_WAY} AND p.deadline_at <= ?", (tx.now,))
    return [root_id for (root_id,) in rows.fetchall()]


def in_words(milliseconds: int) -> str:
    """Return a duration as it is written in definitions, like ``1h30m``."""
    seconds = milliseconds // 1000
    parts = ((seconds // 86_400, "d"), (seconds // 3_600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
