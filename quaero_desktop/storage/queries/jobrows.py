"""Jobs as whole values, by their ids: each with the counts of its children, and what else is known of one."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from quaero_desktop.domain.jobs import TERMINAL_STATUSES, Job, JobType, Status
from quaero_desktop.domain.listing import Attempt
from quaero_desktop.domain.pagelist import PREPARATIONS
from quaero_desktop.infra.redact import redact
from quaero_desktop.storage import sqlite
from quaero_desktop.storage.fragments import AMONG, json_list
from quaero_desktop.storage.masking import masked_json
from quaero_desktop.storage.queries.hidden import Hidden

NO_COUNTS = "The counts of children could not be read; they are shown as 0."

_COLUMNS = (
    "j.id, j.parent_id, coalesce(j.root_id, j.id), j.type, j.phase, j.status, j.name, j.url, j.warnings, j.created_at,"
    " j.started_at, j.completed_at, j.error, j.cause, coalesce(j.payload, j.config), j.result, j.definition_id,"
    " j.source_id, j.rerun_of, j.triggered_by, j.attempt, j.depth, j.revision, j.step"
)


def job(connection: sqlite3.Connection, job_id: int) -> Job:
    """Return one job.

    Raises:
        NotFoundError: when there is none, or it is in the trash.
    """
    Hidden.read(connection).check(connection, job_id)
    return by_id(connection, [job_id])[0][0]


def visible(connection: sqlite3.Connection, ids: Sequence[int]) -> tuple[Job, ...]:
    """Return in this order those of these jobs that there are; not what is in the trash or below it."""
    if not ids:
        return ()
    hidden = Hidden.read(connection)
    rows, _ = by_id(connection, ids)
    return tuple(job for job in rows if not hidden.hides(job.id, job.parent_id))


def found_on(connection: sqlite3.Connection, job_id: int) -> Job | None:
    """Return the page that first named the page of a job; None for a seed, and where that page is deleted."""
    hidden = Hidden.read(connection)
    row = connection.execute(
        "SELECT j.id, j.parent_id FROM jobs j WHERE j.id = (SELECT found_on FROM jobs WHERE id = ?)", (job_id,)
    ).fetchone()
    if row is None or hidden.hides(*row):
        return None
    return by_id(connection, [row[0]])[0][0]


def attempts(connection: sqlite3.Connection, job_id: int) -> list[Attempt]:
    """Return the attempts of a job, oldest first.

    Raises:
        NotFoundError: when there is no such job.
    """
    Hidden.read(connection).check(connection, job_id)
    rows = connection.execute(
        "SELECT job_id, attempt, delivery, started_at, ended_at, outcome, cause, error, http_status FROM attempts"
        " WHERE job_id = ? ORDER BY attempt, delivery",
        (job_id,),
    )
    return [
        Attempt(
            job_id=row[0],
            attempt=row[1],
            delivery=row[2],
            started_at=row[3],
            ended_at=row[4],
            outcome=row[5],
            cause=row[6],
            error=None if row[7] is None else redact(row[7]),
            http_status=row[8],
        )
        for row in rows.fetchall()
    ]


def by_id(connection: sqlite3.Connection, ids: Sequence[int]) -> tuple[tuple[Job, ...], str | None]:
    """Return the jobs with these ids in this order, hidden or not, and a warning when their counts are missing."""
    if not ids:
        return (), None
    wanted = json_list(ids)
    counts: dict[int, _Counts] = {}
    warning = None
    try:
        rows = connection.execute(
            f"SELECT parent_id, type, status, sum(n) FROM child_counts WHERE parent_id {AMONG} GROUP BY 1, 2, 3",
            (wanted,),
        ).fetchall()
        for parent_id, *row in rows:
            counts.setdefault(parent_id, _Counts()).add(*row)
    except sqlite3.Error as error:
        if sqlite.is_interrupt(error):
            raise
        warning = NO_COUNTS
    found = connection.execute(f"SELECT {_COLUMNS} FROM jobs j WHERE j.id {AMONG}", (wanted,)).fetchall()
    known = {row[0]: _job(row, counts.get(row[0])) for row in found}
    return tuple(known[job_id] for job_id in ids if job_id in known), warning


class _Counts:
    """The direct children of one job, by status, and how many of them are pages, or any work of a run."""

    __slots__ = ("by_status", "finished_pages", "finished_work", "pages", "work")

    def __init__(self) -> None:
        self.by_status: dict[str, int] = {}
        self.pages = 0
        self.finished_pages = 0
        self.work = 0
        self.finished_work = 0

    def add(self, type: str, status: str, n: int) -> None:
        left = self.by_status.get(status, 0) + n
        if left:
            self.by_status[status] = left
        else:
            self.by_status.pop(status, None)
        if type == JobType.CRAWLER_URL:
            self.pages += n
            if status in TERMINAL_STATUSES:
                self.finished_pages += n
        if type not in PREPARATIONS:
            self.work += n
            if status in TERMINAL_STATUSES:
                self.finished_work += n


def _job(row: tuple[Any, ...], counts: _Counts | None) -> Job:
    by_status = counts.by_status if counts is not None else {}
    children = sum(by_status.values())
    if row[3] == JobType.DEFINITION_RUN and counts is not None and children:
        # Pages are a part of what it does.
        current, total = counts.finished_work, max(1, counts.work)
    elif counts is not None and counts.pages:
        current, total = counts.finished_pages, counts.pages
    elif children:
        current, total = sum(n for status, n in by_status.items() if status in TERMINAL_STATUSES), children
    else:
        current, total = int(row[5] in TERMINAL_STATUSES), 1
    return Job(
        id=row[0],
        parent_id=row[1],
        root_id=row[2],
        type=row[3],
        phase=row[4],
        status=row[5],
        name=row[6] or row[7] or row[3],
        url=row[7],
        progress_current=current,
        progress_total=total,
        child_count=children,
        completed_children=by_status.get(Status.COMPLETED, 0),
        failed_children=by_status.get(Status.FAILED, 0),
        children=dict(sorted(by_status.items())),
        pages=counts.pages if counts is not None else 0,
        warnings=row[8],
        created_at=row[9],
        started_at=row[10],
        completed_at=row[11],
        error=None if row[12] is None else redact(row[12]),
        cause=row[13],
        payload=masked_json(row[14]) or {},
        result=masked_json(row[15]),
        definition_id=row[16],
        source_id=row[17],
        rerun_of=row[18],
        triggered_by=row[19],
        attempt=row[20],
        depth=row[21],
        revision=row[22],
        step=row[23],
    )
