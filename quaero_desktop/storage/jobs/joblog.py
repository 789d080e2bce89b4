"""Lines of a job's log, written in the transaction of the work that they tell of."""

from quaero_desktop.domain.jobs import LOG_LEVELS
from quaero_desktop.domain.text import storable
from quaero_desktop.storage.database import Tx


def write(tx: Tx, job_id: int, root_id: int, level: str, message: str) -> None:
    """Add a line to the log of a job; *level* is one of LOG_LEVELS."""
    tx.execute(
        "INSERT INTO job_logs (job_id, root_id, at, level, message) VALUES (?, ?, ?, ?, ?)",
        (job_id, root_id, tx.now, LOG_LEVELS.index(level), storable(message)),
    )


def write_if_there(tx: Tx, root_id: int, level: str, message: str) -> None:
    """Add a line to the log of a root, if there still is one; *level* is one of LOG_LEVELS."""
    if tx.one("SELECT 1 FROM jobs WHERE id = ?", (root_id,)) is not None:
        write(tx, root_id, root_id, level, message)
