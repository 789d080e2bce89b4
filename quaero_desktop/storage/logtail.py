"""The end of the log, for who watches it: the newest lines, those that came since, and those before.

Each question walks along one index from where it starts and stops when it has enough, so it costs the same whether the
library has a thousand lines or five million. Jobs in the trash and all below them do not exist here.
"""

import sqlite3
from typing import Any

from quaero_desktop.domain.documents import check_window
from quaero_desktop.domain.jobs import LOG_LEVELS, TailLine
from quaero_desktop.domain.listing import check_choice
from quaero_desktop.domain.text import storable_integer
from quaero_desktop.infra.redact import redact
from quaero_desktop.storage.queries import _check_visible, _Hidden

_TROUBLE = LOG_LEVELS.index("warn")
"""From this level on there are indexes that know nothing else."""


def log_tail(
    connection: sqlite3.Connection,
    *,
    root_id: int | None = None,
    job_id: int | None = None,
    children: bool = True,
    minimum: str = "debug",
    after_id: int | None = None,
    before_id: int | None = None,
    limit: int = 1000,
) -> list[TailLine]:
    """Return log lines, oldest first.

    Args:
        connection: a reader's.
        root_id: the root whose lines are wanted.
        job_id: the job whose lines are wanted; it goes before *root_id*. Without either: all jobs.
        children: whether the lines of all jobs below it are wanted too.
        minimum: the least level.
        after_id: only lines after this one, the next ones.
        before_id: only lines before this one, the last ones.
        limit: the most lines; without *after_id* the newest.

    Raises:
        UsageError: for an unknown level or a negative limit.
        NotFoundError: when there is no such job, or it is in the trash.
    """
    check_choice("level", minimum, LOG_LEVELS)
    check_window(limit, 0)
    hidden = _Hidden.read(connection)
    parameters: dict[str, Any] = {"limit": storable_integer(limit)}
    wanted = root_id if job_id is None else job_id
    where = "TRUE"
    if wanted is not None:
        _check_visible(connection, wanted, hidden)
        parameters["job"] = wanted
        where = _of_job(connection, wanted) if children else "l.job_id = :job"
    level = LOG_LEVELS.index(minimum)
    if level:
        where += f" AND l.level >= {level}"
    if level > _TROUBLE:
        where += f" AND l.level >= {_TROUBLE}"  # in the words of the index
    if after_id is not None:
        parameters["after"] = storable_integer(after_id)
        where += " AND l.id > :after"
    if before_id is not None:
        parameters["before"] = storable_integer(before_id)
        where += " AND l.id < :before"
    way = "DESC" if after_id is None else "ASC"
    rows = connection.execute(
        # The join must not be turned around: it is the lines that are few.
        "SELECT l.id, l.job_id, l.root_id, l.at, l.level, l.message, coalesce(j.name, j.url, j.type)"
        f" FROM job_logs l CROSS JOIN jobs j ON j.id = l.job_id WHERE {where}{hidden.sql(parameters)}"
        f" ORDER BY l.id {way} LIMIT :limit",
        parameters,
    ).fetchall()
    if after_id is None:
        rows.reverse()
    return [
        TailLine(
            id=row[0],
            job_id=row[1],
            root_id=row[2],
            at=row[3],
            level=LOG_LEVELS[row[4]],
            message=redact(row[5]),
            name=redact(row[6]),
        )
        for row in rows
    ]


def _of_job(connection: sqlite3.Connection, job_id: int) -> str:
    """Return the condition for the lines of the job ``:job`` and of all below it."""
    (is_root,) = connection.execute("SELECT parent_id IS NULL FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if is_root:
        return "l.root_id = :job"
    below = connection.execute("SELECT 1 FROM jobs WHERE parent_id = ? LIMIT 1", (job_id,)).fetchone()
    if below is None:
        return "l.job_id = :job"  # most have none, and one job's lines are in order already
    return (
        "l.job_id IN (WITH RECURSIVE below (id) AS (SELECT :job UNION"
        " SELECT j.id FROM below JOIN jobs j ON j.parent_id = below.id) SELECT id FROM below)"
    )
