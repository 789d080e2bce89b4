"""Lists of jobs: one page in any order, with how many there are (J7).

The ids of a page come first, in order, and then its rows; the total comes from the counters where those know it.
"""

import sqlite3
from typing import Any

import msgspec

from quaero_desktop.domain.jobs import Job, JobType
from quaero_desktop.domain.listing import STATUS_ORDER, GroupedPage, JobFilter, JobGroup, JobPage
from quaero_desktop.domain.text import storable_integer
from quaero_desktop.storage import sqlite
from quaero_desktop.storage.filters import any_of, as_id, at_most, in_order, like
from quaero_desktop.storage.fragments import json_list
from quaero_desktop.storage.queries import jobrows
from quaero_desktop.storage.queries.hidden import Hidden

Parameters = dict[str, Any]

_RUNS_OF_SOURCE = (
    "SELECT r.id FROM jobs r, json_each(r.config, '$.steps') s WHERE r.parent_id IS NULL"
    f" AND r.type = '{JobType.DEFINITION_RUN}' AND iif(s.type = 'object', s.value ->> '$.source_id', NULL) = :source"
)
"""The runs of definitions that collect for a source in one of their steps, beside others perhaps."""


def jobs(connection: sqlite3.Connection, filter: JobFilter) -> JobPage:
    """Return a page of jobs and the count of all jobs under the same filter.

    Raises:
        UsageError: when the filter makes no sense.
        NotFoundError: when its parent does not exist.
    """
    filter.checked()
    hidden = Hidden.read(connection)
    if isinstance(filter.parent, int):
        hidden.check(connection, filter.parent)
    if filter.query:
        # No index knows a part of a name: one look at each job gives the list and its length.
        found = _ordered_ids(connection, msgspec.structs.replace(filter, limit=None, offset=0), hidden)
        total = len(found)
        ids = found[filter.offset : None if filter.limit is None else filter.offset + filter.limit]
    else:
        total = _total(connection, filter, hidden)
        ids = _ordered_ids(connection, filter, hidden) if filter.limit != 0 and filter.offset < total else []
    rows, warning = jobrows.by_id(connection, ids)
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


def ids(connection: sqlite3.Connection, filter: JobFilter) -> tuple[int, ...]:
    """Return the ids of all jobs that fit a filter, in its order, whatever its limit and offset.

    Raises:
        UsageError: when the filter makes no sense.
        NotFoundError: when its parent does not exist.
    """
    filter = msgspec.structs.replace(filter.checked(), limit=None, offset=0)
    hidden = Hidden.read(connection)
    if isinstance(filter.parent, int):
        hidden.check(connection, filter.parent)
    return tuple(_ordered_ids(connection, filter, hidden))


def _conditions(filter: JobFilter, hidden: Hidden, parameters: Parameters, *, status: bool = True) -> str:
    """Return the conditions of a filter on ``jobs j`` but for the parent, each after its AND."""
    sql = any_of("j.status", filter.status, parameters) if status else ""
    sql += any_of("j.type", filter.type, parameters)
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


def _ordered_ids(connection: sqlite3.Connection, filter: JobFilter, hidden: Hidden) -> list[int]:
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
        if filter.order not in _COUNTED or sqlite.is_interrupt(error):
            raise
        # Without the counters there is no such order; the list still comes.
        return _ordered_ids(connection, msgspec.structs.replace(filter, order="id"), hidden)


def _children_by_id(connection: sqlite3.Connection, filter: JobFilter, hidden: Hidden, limit: int) -> list[int]:
    """Return children in the order of their ids.

    The index has them by status and id: SQLite merges one run for each status, without sorting a million of them.
    """
    parameters: Parameters = {"limit": limit, "offset": storable_integer(filter.offset)}
    where = _of_parent(filter, parameters) + _conditions(filter, hidden, parameters, status=False)
    runs = [f"SELECT j.id FROM jobs j WHERE {where} AND j.status = '{status}'" for status in in_order(filter.status)]
    way = "DESC" if filter.downwards else "ASC"
    sql = f"{' UNION ALL '.join(runs)} ORDER BY 1 {way} LIMIT :limit OFFSET :offset"
    return [row[0] for row in connection.execute(sql, parameters).fetchall()]


def _children_by_status(connection: sqlite3.Connection, filter: JobFilter, hidden: Hidden, limit: int) -> list[int]:
    """Return children by status and id: one run of the index after the other, until the page is full."""
    parameters: Parameters = {}
    where = _of_parent(filter, parameters) + _conditions(filter, hidden, parameters, status=False)
    statuses = in_order(filter.status)
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


def _total(connection: sqlite3.Connection, filter: JobFilter, hidden: Hidden) -> int:
    if filter.parent != "root":
        try:
            return _total_from_counters(connection, filter, hidden)
        except sqlite3.Error as error:
            if sqlite.is_interrupt(error):
                raise
    parameters: Parameters = {}
    where = _of_parent(filter, parameters) + _conditions(filter, hidden, parameters)
    (total,) = connection.execute(f"SELECT count(*) FROM jobs j WHERE {where}", parameters).fetchone()
    return int(total)


def _total_from_counters(connection: sqlite3.Connection, filter: JobFilter, hidden: Hidden) -> int:
    """Return the total of a list of children, or of all jobs, without looking at the children."""
    parameters: Parameters = {}
    where = "TRUE"
    if isinstance(filter.parent, int):
        parameters["parent"] = filter.parent
        where = "c.parent_id = :parent"
    where += any_of("c.status", filter.status, parameters) + any_of("c.type", filter.type, parameters)
    if hidden.inner:
        parameters["inner"] = json_list(hidden.inner)
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
