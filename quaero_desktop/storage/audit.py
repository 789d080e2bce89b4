"""The audit: what was deleted, brought back, cleaned up and imported. No deletion takes any of it along."""

from collections.abc import Iterable, Mapping

import msgspec

from quaero_desktop.domain.jobs import LOG_LEVELS
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.fragments import AMONG, json_list

_encode = msgspec.json.Encoder().encode


def note(tx: Tx, action: str, level: str, about: Iterable[tuple[int | None, Mapping[str, object]]]) -> None:
    """Add rows to the audit.

    Args:
        tx: the running transaction.
        action: what was done.
        level: how important it is, one of LOG_LEVELS.
        about: for each row the job that it was done to, if it was one, and what else is to be known.
    """
    tx.executemany(
        "INSERT INTO audit (at, level, action, job_id, detail) VALUES (?, ?, ?, ?, ?)",
        [(tx.now, LOG_LEVELS.index(level), action, job_id, _encode(detail).decode()) for job_id, detail in about],
    )


def note_deleted_children(tx: Tx, ids: Iterable[int]) -> None:
    """Add a row for each of these jobs, which are about to be deleted: who shows one learns of it by that."""
    tx.execute(
        "INSERT INTO audit (at, level, action, job_id, detail) SELECT ?, ?, 'delete.child', id,"
        f" json_object('parent_id', parent_id, 'type', type, 'status', status) FROM jobs WHERE id {AMONG}",
        (tx.now, LOG_LEVELS.index("debug"), json_list(ids)),
    )
