"""What front ends ask the library about jobs: lists, logs, attempts, skips, figures (J7).

Plain functions over a reader's connection, each meant to run in one snapshot. Lists are read in two steps, first the
ids in order and then the rows of one page, so that a filter or a sort never carries whole rows along. Counts come from
the counters that the database keeps with the work; of the children of a crawl only the failed ones are ever grouped.

Jobs in the trash and all below them do not exist here.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from quaero_desktop.domain.definitions import Action, StepState
from quaero_desktop.domain.documents import Change, check_window
from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.jobs import LOG_LEVELS, OPEN_STATUSES, TERMINAL_STATUSES, Job, JobType, LogLine, Status
from quaero_desktop.domain.listing import (
    STATUS_ORDER,
    Attempt,
    GroupedPage,
    JobFilter,
    JobGroup,
    JobPage,
    RootDetails,
    Skip,
    SkipPage,
    SourceName,
    Statistics,
    Waiting,
    check_choice,
    check_reason,
)
from quaero_desktop.domain.text import storable, storable_integer
from quaero_desktop.infra.redact import redact
from quaero_desktop.storage import steps
from quaero_desktop.storage.filters import as_id, at_most, like
from quaero_desktop.storage.masking import masked_json

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

Parameters = dict[str, Any]

_PREPARATIONS = frozenset({JobType.VALIDATE, JobType.SITEMAP, JobType.PREREQUISITE})
"""Jobs of a run that are no part of its work, and so of its progress."""

_RUNS_OF_SOURCE = (
    "SELECT r.id FROM jobs r, json_each(r.config, '$.steps') s WHERE r.parent_id IS NULL"
    f" AND r.type = '{JobType.DEFINITION_RUN}' AND iif(s.type = 'object', s.value ->> '$.source_id', NULL) = :source"
)
"""The runs of definitions that collect for a source in one of their steps, beside others perhaps."""

_FEW = 500
"""Up to so many jobs in the trash are told apart by their ids."""

NO_COUNTS = "The counts of children could not be read; they are shown as 0."


# --- Lists of jobs --------------------------------------------------------------------------------------------------


def jobs(connection: sqlite3.Connection, filter: JobFilter) -> JobPage:
    """Return a page of jobs and the count of all jobs under the same filter.

    Raises:
        UsageError: when the filter makes no sense.
        NotFoundError: when its parent does not exist.
    """
    filter.checked()
    hidden = _Hidden.read(connection)
    if isinstance(filter.parent, int):
        _check_visible(connection, filter.parent, hidden)
    if filter.query:
        # No index knows a part of a name: one look at each job gives the list and its length.
        found = _ordered_ids(connection, msgspec.structs.replace(filter, limit=None, offset=0), hidden)
        total = len(found)
        ids = found[filter.offset : None if filter.limit is None else filter.offset + filter.limit]
    else:
        total = _total(connection, filter, hidden)
        ids = _ordered_ids(connection, filter, hidden) if filter.limit != 0 and filter.offset < total else []
    rows, warning = _rows(connection, ids)
    return JobPage(jobs=rows, total_count=total, limit=filter.limit, offset=filter.offset, warning=warning)


def grouped(connection: sqlite3.Connection, filter: JobFilter) -> GroupedPage:
    """Return a page of jobs, each with those of its children that are on the page too.

    Roots alone would make no groups, so a filter for ``root`` is taken as one for ``all``.

    Raises:
        UsageError: when the filter makes no sense.
        NotFoundError: when its parent does not exist.
    """
    page = jobs(connection, msgspec.structs.replace(filter, parent="all") if filter.parent == "root" else filter)
    on_page = {job.id for job in page.jobs}
    children: dict[int, list[Job]] = {}
    for job in page.jobs:
        if job.parent_id in on_page:
            children.setdefault(job.parent_id, []).append(job)
    return GroupedPage(
        groups=tuple(
            JobGroup(job, tuple(children.get(job.id, ()))) for job in page.jobs if job.is_root or job.id in children
        ),
        orphans=tuple(job for job in page.jobs if not job.is_root and job.parent_id not in on_page),
        total_count=page.total_count,
        limit=page.limit,
        offset=page.offset,
        warning=page.warning,
    )


def job(connection: sqlite3.Connection, job_id: int) -> Job:
    """Return one job.

    Raises:
        NotFoundError: when there is none, or it is in the trash.
    """
    hidden = _Hidden.read(connection)
    _check_visible(connection, job_id, hidden)
    return _rows(connection, [job_id])[0][0]


def ids(connection: sqlite3.Connection, filter: JobFilter) -> tuple[int, ...]:
    """Return the ids of all jobs that fit a filter, in its order, whatever its limit and offset.

    Raises:
        UsageError: when the filter makes no sense.
        NotFoundError: when its parent does not exist.
    """
    filter = msgspec.structs.replace(filter.checked(), limit=None, offset=0)
    hidden = _Hidden.read(connection)
    if isinstance(filter.parent, int):
        _check_visible(connection, filter.parent, hidden)
    return tuple(_ordered_ids(connection, filter, hidden))


def visible(connection: sqlite3.Connection, ids: Sequence[int]) -> tuple[Job, ...]:
    """Return in this order those of these jobs that there are; not what is in the trash or below it."""
    if not ids:
        return ()
    hidden = _Hidden.read(connection)
    rows, _ = _rows(connection, list(ids))
    return tuple(job for job in rows if not hidden.hides(job.id, job.parent_id))


class _Hidden(NamedTuple):
    """What the trash hides: *tops* were deleted themselves, *inner* are those and all below them that have children.

    Both are empty but for the seconds between a deletion and its purge.
    """

    tops: frozenset[int]
    inner: frozenset[int]

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> "_Hidden":
        tops = frozenset(row[0] for row in connection.execute("SELECT id FROM jobs WHERE trashed_at IS NOT NULL"))
        if not tops:
            return cls(tops, tops)
        # Few jobs have children, so the tree is walked over those alone.
        parents = connection.execute(
            "SELECT id, parent_id FROM jobs WHERE id IN (SELECT DISTINCT parent_id FROM child_counts)"
        ).fetchall()
        inner = tops.intersection(job_id for job_id, _ in parents)
        while more := {job_id for job_id, parent_id in parents if parent_id in inner} - inner:
            inner |= more
        return cls(tops, frozenset(inner))

    def hides(self, job_id: int, parent_id: int | None) -> bool:
        return job_id in self.tops or parent_id in self.inner

    def sql(self, parameters: Parameters) -> str:
        """Return the condition that leaves out what is hidden from ``jobs j``, or nothing."""
        if not self.tops:
            return ""
        if len(self.tops) <= _FEW:
            # An index has the ids; the mark stands in the rows alone.
            parameters["tops"] = _ids(self.tops)
            sql = " AND j.id NOT IN (SELECT value FROM json_each(:tops))"
        else:
            sql = " AND j.trashed_at IS NULL"
        parameters["inner"] = _ids(self.inner)
        return f"{sql} AND (j.parent_id IS NULL OR j.parent_id NOT IN (SELECT value FROM json_each(:inner)))"


def _check_visible(connection: sqlite3.Connection, job_id: int, hidden: _Hidden) -> None:
    row = None
    if storable_integer(job_id) == job_id:
        row = connection.execute("SELECT parent_id FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if row is None or hidden.hides(job_id, row[0]):
        raise NotFoundError(f"There is no job {job_id}.")


def _ids(ids: Iterable[int]) -> str:
    return _encode(list(ids)).decode()


def _in(column: str, name: str, values: Sequence[str], parameters: Parameters) -> str:
    if not values:
        return ""
    names = []
    for index, value in enumerate(dict.fromkeys(values)):
        parameters[f"{name}{index}"] = str(value)
        names.append(f":{name}{index}")
    return f" AND {column} IN ({', '.join(names)})"


def _conditions(filter: JobFilter, hidden: _Hidden, parameters: Parameters, *, status: bool = True) -> str:
    """Return the conditions of a filter on ``jobs j`` but for the parent, each after its AND."""
    sql = _in("j.status", "status", filter.status, parameters) if status else ""
    sql += _in("j.type", "type", filter.type, parameters)
    if filter.source is not None:
        parameters["source"] = storable_integer(filter.source)
        # A source belongs to a root, and so to all below it.
        sql += (
            " AND ((SELECT r.source_id FROM jobs r WHERE r.id = coalesce(j.root_id, j.id)) = :source"
            f" OR coalesce(j.root_id, j.id) IN ({_RUNS_OF_SOURCE}))"
        )
    if filter.query:
        parameters["part"] = like(filter.query)
        parameters["id"] = as_id(filter.query)
        sql += " AND (j.name LIKE :part ESCAPE '\\' OR j.url LIKE :part ESCAPE '\\' OR j.id = :id)"
    return sql + hidden.sql(parameters)


def _of_parent(filter: JobFilter, parameters: Parameters) -> str:
    match filter.parent:
        case "root":
            return "j.parent_id IS NULL"
        case "all":
            return "TRUE"
        case parent:
            parameters["parent"] = parent
            return "j.parent_id = :parent"


# --- Order ----------------------------------------------------------------------------------------------------------

_RANK = " ".join(f"WHEN '{status}' THEN {rank}" for rank, status in enumerate(STATUS_ORDER))
_COLUMNS_OF_ORDERS = {
    "created": "j.created_at",
    "started": "j.started_at",
    "completed": "j.completed_at",
    "status": f"CASE j.status {_RANK} END",
    "name": "coalesce(j.name, j.url)",
    "url": "j.url",
    "type": "j.type",
    "id": "j.id",
    "pages": f"(SELECT sum(n) FROM child_counts c WHERE c.parent_id = j.id AND c.type = '{JobType.CRAWLER_URL}')",
    "failed": "(SELECT sum(n) FROM child_counts c WHERE c.parent_id = j.id AND c.status = 'failed')",
    "warnings": "j.warnings",
    "depth": "j.depth",
}
_COUNTED = frozenset({"pages", "failed"})


def _ordered_ids(connection: sqlite3.Connection, filter: JobFilter, hidden: _Hidden) -> list[int]:
    limit = at_most(filter.limit)
    if isinstance(filter.parent, int):
        if filter.order == "status":
            return _children_by_status(connection, filter, hidden, limit)
        if filter.order in ("id", "created"):
            # Children get their ids in the order in which they are made.
            return _children_by_id(connection, filter, hidden, limit)
    parameters: Parameters = {"limit": limit, "offset": storable_integer(filter.offset)}
    where = _of_parent(filter, parameters) + _conditions(filter, hidden, parameters)
    way = "DESC" if filter.downwards else "ASC"
    column = _COLUMNS_OF_ORDERS[filter.order]
    if filter.parent == "all" and filter.order == "created":
        column = "j.id"  # the time of creation has no index over all jobs, and imported ones alone have another order
    order = f"{column} {way}, j.id {way}" if column != "j.id" else f"j.id {way}"
    sql = f"SELECT j.id FROM jobs j WHERE {where} ORDER BY {order} LIMIT :limit OFFSET :offset"
    try:
        return [row[0] for row in connection.execute(sql, parameters).fetchall()]
    except sqlite3.Error as error:
        if filter.order not in _COUNTED or _is_interrupt(error):
            raise
        # Without the counters there is no such order; the list still comes.
        return _ordered_ids(connection, msgspec.structs.replace(filter, order="id"), hidden)


def _statuses(filter: JobFilter) -> list[Status]:
    return [status for status in STATUS_ORDER if not filter.status or status in filter.status]


def _children_by_id(connection: sqlite3.Connection, filter: JobFilter, hidden: _Hidden, limit: int) -> list[int]:
    """Return children in the order of their ids.

    The index has them by status and id: SQLite merges one run for each status, without sorting a million of them.
    """
    parameters: Parameters = {"limit": limit, "offset": storable_integer(filter.offset)}
    where = _of_parent(filter, parameters) + _conditions(filter, hidden, parameters, status=False)
    runs = [f"SELECT j.id FROM jobs j WHERE {where} AND j.status = '{status}'" for status in _statuses(filter)]
    way = "DESC" if filter.downwards else "ASC"
    sql = f"{' UNION ALL '.join(runs)} ORDER BY 1 {way} LIMIT :limit OFFSET :offset"
    return [row[0] for row in connection.execute(sql, parameters).fetchall()]


def _children_by_status(connection: sqlite3.Connection, filter: JobFilter, hidden: _Hidden, limit: int) -> list[int]:
    """Return children by status and id: one run of the index after the other, until the page is full."""
    parameters: Parameters = {}
    where = _of_parent(filter, parameters) + _conditions(filter, hidden, parameters, status=False)
    statuses = _statuses(filter)
    way = "ASC"
    if filter.downwards:
        statuses.reverse()
        way = "DESC"
    ids: list[int] = []
    offset = storable_integer(filter.offset)
    for status in statuses:
        run = f"FROM jobs j WHERE {where} AND j.status = '{status}'"
        found = connection.execute(
            f"SELECT j.id {run} ORDER BY j.id {way} LIMIT :limit OFFSET :offset",
            parameters | {"limit": limit, "offset": offset},
        ).fetchall()
        ids += [row[0] for row in found]
        if limit >= 0:
            limit -= len(found)
            if limit == 0:
                break
        if found:
            offset = 0
        elif offset:
            offset -= connection.execute(f"SELECT count(*) {run}", parameters).fetchone()[0]
    return ids


# --- Totals ---------------------------------------------------------------------------------------------------------


def _total(connection: sqlite3.Connection, filter: JobFilter, hidden: _Hidden) -> int:
    if filter.parent != "root":
        try:
            return _total_from_counters(connection, filter, hidden)
        except sqlite3.Error as error:
            if _is_interrupt(error):
                raise
    parameters: Parameters = {}
    where = _of_parent(filter, parameters) + _conditions(filter, hidden, parameters)
    (total,) = connection.execute(f"SELECT count(*) FROM jobs j WHERE {where}", parameters).fetchone()
    return int(total)


def _total_from_counters(connection: sqlite3.Connection, filter: JobFilter, hidden: _Hidden) -> int:
    """Return the total of a list of children, or of all jobs, without looking at the children."""
    parameters: Parameters = {}
    where = "TRUE"
    if isinstance(filter.parent, int):
        parameters["parent"] = filter.parent
        where = "c.parent_id = :parent"
    where += _in("c.status", "status", filter.status, parameters) + _in("c.type", "type", filter.type, parameters)
    if hidden.inner:
        parameters["inner"] = _ids(hidden.inner)
        where += " AND c.parent_id NOT IN (SELECT value FROM json_each(:inner))"
    if filter.source is not None:
        parameters["source"] = storable_integer(filter.source)
        where += (
            " AND EXISTS (SELECT 1 FROM jobs p JOIN jobs r ON r.id = coalesce(p.root_id, p.id)"
            f" WHERE p.id = c.parent_id AND (r.source_id = :source OR r.id IN ({_RUNS_OF_SOURCE})))"
        )
    (total,) = connection.execute(
        f"SELECT coalesce(sum(n), 0) FROM child_counts c WHERE {where}", parameters
    ).fetchone()
    if filter.parent == "all":
        total += _total(connection, msgspec.structs.replace(filter, parent="root"), hidden)
    return int(total)


def _is_interrupt(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT


# --- Rows -----------------------------------------------------------------------------------------------------------

_COLUMNS = (
    "j.id, j.parent_id, coalesce(j.root_id, j.id), j.type, j.phase, j.status, j.name, j.url, j.warnings, j.created_at,"
    " j.started_at, j.completed_at, j.error, j.cause, coalesce(j.payload, j.config), j.result, j.definition_id,"
    " j.source_id, j.rerun_of, j.triggered_by, j.attempt, j.depth, j.revision, j.step"
)


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
        if type not in _PREPARATIONS:
            self.work += n
            if status in TERMINAL_STATUSES:
                self.finished_work += n


def _rows(connection: sqlite3.Connection, ids: list[int]) -> tuple[tuple[Job, ...], str | None]:
    """Return the jobs with these ids in this order, and a warning when their counts are missing."""
    if not ids:
        return (), None
    wanted = _ids(ids)
    counts: dict[int, _Counts] = {}
    warning = None
    try:
        rows = connection.execute(
            "SELECT parent_id, type, status, sum(n) FROM child_counts"
            " WHERE parent_id IN (SELECT value FROM json_each(?)) GROUP BY 1, 2, 3",
            (wanted,),
        ).fetchall()
        for parent_id, *row in rows:
            counts.setdefault(parent_id, _Counts()).add(*row)
    except sqlite3.Error as error:
        if _is_interrupt(error):
            raise
        warning = NO_COUNTS
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM jobs j WHERE j.id IN (SELECT value FROM json_each(?))", (wanted,)
    ).fetchall()
    by_id = {row[0]: _job(row, counts.get(row[0])) for row in found}
    return tuple(by_id[job_id] for job_id in ids if job_id in by_id), warning


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


# --- What belongs to a job ------------------------------------------------------------------------------------------


def logs(
    connection: sqlite3.Connection,
    job_id: int,
    *,
    minimum: str = "debug",
    limit: int | None = 200,
    children: bool = False,
    after_id: int | None = None,
) -> list[LogLine]:
    """Return lines of a job's log, the newest last (J9a).

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
    check_choice("level", minimum, LOG_LEVELS)
    check_window(limit, 0)
    _check_visible(connection, job_id, _Hidden.read(connection))
    (is_root,) = connection.execute("SELECT parent_id IS NULL FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if not children:
        where = "job_id = :job"
    elif is_root:
        where = "root_id = :job"
    else:
        where = (
            "job_id IN (WITH RECURSIVE below (id) AS (SELECT :job UNION"
            " SELECT j.id FROM below JOIN jobs j ON j.parent_id = below.id) SELECT id FROM below)"
        )
    if after_id is not None:
        where += " AND id > :after"
    rows = connection.execute(
        f"SELECT id, job_id, root_id, at, level, message FROM job_logs WHERE {where} AND level >= :level"
        f" ORDER BY id {'DESC' if after_id is None else 'ASC'} LIMIT :limit",
        {
            "job": job_id,
            "after": storable_integer(after_id or 0),
            "level": LOG_LEVELS.index(minimum),
            "limit": at_most(limit),
        },
    ).fetchall()
    if after_id is None:
        rows.reverse()
    return [
        LogLine(id=row[0], job_id=row[1], root_id=row[2], at=row[3], level=LOG_LEVELS[row[4]], message=redact(row[5]))
        for row in rows
    ]


def attempts(connection: sqlite3.Connection, job_id: int) -> list[Attempt]:
    """Return the attempts of a job, oldest first.

    Raises:
        NotFoundError: when there is no such job.
    """
    _check_visible(connection, job_id, _Hidden.read(connection))
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


def skips(
    connection: sqlite3.Connection,
    root_id: int,
    reason: str | None = None,
    limit: int | None = 50,
    offset: int = 0,
    *,
    query: str = "",
    after: str | None = None,
    total: int | None = None,
) -> SkipPage:
    """Return a page of the URLs that a root refused, by URL; what several crawls of a run refused stands there once.

    Args:
        connection: a reader's.
        root_id: the root.
        reason: only those refused for it.
        limit: the most of a page; None for all.
        offset: how many to pass over; each takes time, where *after* takes none.
        query: a part of the URL or of the rule that decided; empty for all. This looks at each of them.
        after: only URLs that follow this one.
        total: how many there are under the same filter, when that is known: to count takes longer than to read a page.

    Raises:
        UsageError: for an unknown reason, a negative limit or offset.
        NotFoundError: when there is no such job.
    """
    check_window(limit, offset)
    check_reason(reason)
    counts = skip_counts(connection, root_id)
    parameters: Parameters = {"root": root_id, "limit": at_most(limit), "offset": storable_integer(offset)}
    where = "{0}.root_id = :root"
    if reason is not None:
        where += " AND {0}.reason = :reason"
        parameters["reason"] = reason
    if query:
        where += " AND ({0}.url LIKE :part ESCAPE '\\' OR {0}.rule LIKE :part ESCAPE '\\')"
        parameters["part"] = like(query)
    these = where.format("s")
    if sum(step.action == Action.CRAWL for step in steps.states(connection, root_id)) > 1:
        first = f"SELECT min(o.step) FROM skips o WHERE {where.format('o')} AND o.url = s.url"
        these += f" AND s.step = ({first})"
    elif not query:
        total = sum(counts.values()) if reason is None else counts.get(reason, 0)
    those = f"{these} AND s.url > :after" if after is not None else these
    parameters["after"] = None if after is None else storable(after)
    rows = connection.execute(
        "SELECT s.url, s.depth, s.reason, s.rule, s.found_on, s.found_at FROM skips s"
        f" WHERE {those} ORDER BY s.url LIMIT :limit OFFSET :offset",
        parameters,
    ).fetchall()
    if total is None and after is None and not offset and (limit is None or len(rows) < limit):
        total = len(rows)
    if total is None:
        (total,) = connection.execute(f"SELECT count(*) FROM skips s WHERE {these}", parameters).fetchone()
    return SkipPage(
        skips=tuple(
            Skip(url=row[0], depth=row[1], reason=row[2], rule=row[3], found_on=row[4], found_at=row[5]) for row in rows
        ),
        total_count=total,
        limit=limit,
        offset=offset,
    )


def found_on(connection: sqlite3.Connection, job_id: int) -> Job | None:
    """Return the page that first named the page of a job; None for a seed, and where that page is deleted."""
    hidden = _Hidden.read(connection)
    row = connection.execute(
        "SELECT j.id, j.parent_id FROM jobs j WHERE j.id = (SELECT found_on FROM jobs WHERE id = ?)", (job_id,)
    ).fetchone()
    if row is None or hidden.hides(*row):
        return None
    return _rows(connection, [row[0]])[0][0]


def skip_counts(connection: sqlite3.Connection, root_id: int) -> dict[str, int]:
    """Return how many URLs a root refused for which reason, the most frequent first.

    Raises:
        NotFoundError: when there is no such job.
    """
    _check_visible(connection, root_id, _Hidden.read(connection))
    rows = connection.execute(
        "SELECT reason, n FROM skip_counts WHERE root_id = ? AND n > 0 ORDER BY n DESC, reason", (root_id,)
    )
    return dict(rows.fetchall())


def cause_counts(connection: sqlite3.Connection, root_id: int) -> dict[str, int]:
    """Return how many children of a job failed for which cause, the most frequent first; it reads each failed one.

    Raises:
        NotFoundError: when there is no such job.
    """
    hidden = _Hidden.read(connection)
    _check_visible(connection, root_id, hidden)
    parameters: Parameters = {"parent": root_id}
    rows = connection.execute(
        "SELECT coalesce(j.cause, 'unknown'), count(*) FROM jobs j WHERE j.parent_id = :parent AND j.status = 'failed'"
        f"{hidden.sql(parameters)} GROUP BY 1 ORDER BY 2 DESC, 1",
        parameters,
    )
    return dict(rows.fetchall())


def root_details(connection: sqlite3.Connection, root_id: int, *, now: int) -> RootDetails:
    """Return what a root has done so far.

    Args:
        connection: a reader's.
        root_id: the root.
        now: the time, in milliseconds UTC.

    Raises:
        NotFoundError: when there is no such root.
    """
    hidden = _Hidden.read(connection)
    _check_visible(connection, root_id, hidden)
    (root,), warning = _rows(connection, [root_id])
    row = connection.execute(
        "SELECT documents, bytes, discovered, current_url, heartbeat_at, new_documents, changed_documents,"
        " unchanged_documents, gone_documents, ended_before FROM root_progress WHERE root_id = ?",
        (root_id,),
    ).fetchone()
    if not root.is_root or row is None:
        raise NotFoundError(f"Job {root_id} is no root job.")
    seconds = max(0, (root.completed_at or now) - root.started_at) / 1000 if root.started_at is not None else 0.0
    # A retry has a pace of its own, whatever was fetched long ago.
    *counts, before = row[5:]
    pace = max(0, root.progress_current - before) / seconds if seconds and root.pages else 0.0
    left = root.progress_total - root.progress_current
    states = steps.states(connection, root_id)
    if states:
        pace, left = _pace_of_step(connection, root_id, states, now)
    return RootDetails(
        job=root,
        pages=_pages_by_status(connection, root_id),
        documents=row[0],
        bytes=row[1],
        discovered=row[2],
        current_url=row[3],
        heartbeat_at=row[4],
        changes=dict(zip(map(str, Change), counts, strict=True)),
        skipped=skip_counts(connection, root_id),
        failures=cause_counts(connection, root_id),
        pages_per_second=pace,
        seconds_left=left / pace if pace and root.status == Status.RUNNING else None,
        waiting=_waiting(connection, root_id, now) if root.status in OPEN_STATUSES else (),
        warning=warning,
        steps=states,
    )


def _pace_of_step(
    connection: sqlite3.Connection, root_id: int, states: Sequence[StepState], now: int
) -> tuple[float, int]:
    """Return how many jobs of the step under way end in a second, and how many are open: each step has its own pace."""
    under_way = next((state for state in states if state.status == Status.RUNNING), None)
    if under_way is None or under_way.started_at is None or under_way.tries > 1:
        return 0.0, 0
    ended, left = connection.execute(
        "SELECT coalesce(sum(n) FILTER (WHERE status NOT IN ('pending', 'running')), 0),"
        " coalesce(sum(n) FILTER (WHERE status IN ('pending', 'running')), 0) FROM child_counts"
        " WHERE parent_id = ? AND step = ? AND type NOT IN (SELECT value FROM json_each(?))",
        (root_id, under_way.number, _encode(sorted(_PREPARATIONS)).decode()),
    ).fetchone()
    seconds = max(0, now - under_way.started_at) / 1000
    return ended / seconds if seconds else 0.0, left


def _pages_by_status(connection: sqlite3.Connection, root_id: int) -> dict[str, int]:
    rows = connection.execute(
        "SELECT status, sum(n) FROM child_counts WHERE parent_id = ? AND type = ? GROUP BY 1 HAVING sum(n) > 0",
        (root_id, JobType.CRAWLER_URL),
    )
    return dict(rows.fetchall())


def _waiting(connection: sqlite3.Connection, root_id: int, now: int) -> tuple[Waiting, ...]:
    rows = connection.execute(
        # The queue is named so that its indexes are used; all messages of a root are in one, but for deleted jobs.
        "WITH which (queue) AS (SELECT queue FROM messages WHERE root_id = :root AND queue NOT GLOB '*.trash' LIMIT 1)"
        " SELECT lane, held_until, reason FROM lanes, which WHERE held_until > :now AND ("
        " EXISTS (SELECT 1 FROM messages m WHERE m.queue = which.queue AND m.root_id = :root"
        "  AND m.lane = lanes.lane AND m.state = 'ready')"
        " OR EXISTS (SELECT 1 FROM messages m WHERE m.queue = which.queue AND m.root_id = :root"
        "  AND m.lane = lanes.lane AND m.state = 'delayed'))"
        " ORDER BY held_until, lane LIMIT 100",
        {"now": now, "root": root_id},
    )
    return tuple(Waiting(lane=lane, until=until, reason=reason) for lane, until, reason in rows)


# --- Figures ---------------------------------------------------------------------------------------------------------


def statistics(connection: sqlite3.Connection) -> Statistics:
    """Return the library in figures."""
    hidden = _Hidden.read(connection)
    (stored,) = connection.execute("SELECT count(*) FROM documents").fetchone()
    pages, queued, running = connection.execute(
        "SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (WHERE status = 'pending'), 0),"
        " coalesce(sum(n) FILTER (WHERE status = 'running'), 0) FROM child_counts"
        " WHERE type = ? AND parent_id NOT IN (SELECT value FROM json_each(?))",
        (JobType.CRAWLER_URL, _ids(hidden.inner)),
    ).fetchone()
    (page_count,) = connection.execute("PRAGMA page_count").fetchone()
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    return Statistics(
        documents=stored, pages=pages, queued=queued, running=running, database_bytes=page_count * page_size
    )


def sources(connection: sqlite3.Connection, limit: int) -> list[SourceName]:
    """Return sources by name, at most *limit*."""
    rows = connection.execute(
        "SELECT id, name, base_url FROM sources WHERE enabled = 1 ORDER BY name COLLATE NOCASE, id LIMIT ?", (limit,)
    )
    return [SourceName(id=source_id, name=name, base_url=base_url) for source_id, name, base_url in rows]
