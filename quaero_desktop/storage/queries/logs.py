"""The lines of logs: those of one job, and the end of the log for who watches it (J9a).

Each question walks along one index from where it starts and stops when it has enough, so it costs the same whether the
library has a thousand lines or five million.
"""

import sqlite3
from typing import Any

from quaero_desktop.domain.documents import check_window
from quaero_desktop.domain.jobs import LOG_LEVELS, LogLine, TailLine
from quaero_desktop.domain.listing import check_choice
from quaero_desktop.domain.text import storable_integer
from quaero_desktop.infra.redact import redact
from quaero_desktop.storage.filters import at_most
from quaero_desktop.storage.fragments import TREE
from quaero_desktop.storage.queries.hidden import Hidden

_TROUBLE = LOG_LEVELS.index("warn")
"""From this level on there are indexes that know nothing else."""


def of_job(
    connection: sqlite3.Connection,
    job_id: int,
    *,
    minimum: str = "debug",
    limit: int | None = 200,
    children: bool = False,
    after_id: int | None = None,
) -> list[LogLine]:
    """Return lines of a job's log, the newest last.

    Args:
        connection: a reader's.
        job_id: the job.
        minimum: the least level.
        limit: the most lines: the last ones, or with *after_id* the next ones; None for all.
        children: whether the lines of all jobs below it are wanted too.
        after_id: only lines after this one, for who follows a log.

    Raises:
        UsageError: for an unknown level or a negative limit.
        NotFoundError: when there is no such job.
    """
    lines = tail(connection, job_id=job_id, children=children, minimum=minimum, after_id=after_id, limit=limit)
    return [
        LogLine(
            id=line.id, job_id=line.job_id, root_id=line.root_id, at=line.at, level=line.level, message=line.message
        )
        for line in lines
    ]


def tail(
    connection: sqlite3.Connection,
    *,
    root_id: int | None = None,
    job_id: int | None = None,
    children: bool = True,
    minimum: str = "debug",
    after_id: int | None = None,
    before_id: int | None = None,
    limit: int | None = 1000,
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
        limit: the most lines; without *after_id* the newest; None for all.

    Raises:
        UsageError: for an unknown level or a negative limit.
        NotFoundError: when there is no such job, or it is in the trash.
    """
    check_choice("level", minimum, LOG_LEVELS)
    check_window(limit, 0)
    hidden = Hidden.read(connection)
    parameters: dict[str, Any] = {"limit": at_most(limit)}
    wanted = root_id if job_id is None else job_id
    where = "TRUE"
    if wanted is not None:
        hidden.check(connection, wanted)
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
    return f"l.job_id IN {TREE}"
