"""The children of a root as one list: a million ids in order within a second, and rows by their ids.

An order over a million rows is made by SQLite itself in a single step, as one text of all ids: fetched row by row, each
row would pass Python's lock to and fro, and wait for it for milliseconds while a crawl is busy in another thread.
"""

import sqlite3
from array import array
from collections.abc import Sequence
from typing import Any

import msgspec

from quaero_desktop.domain.jobs import JobType, Status
from quaero_desktop.domain.listing import STATUS_ORDER
from quaero_desktop.domain.pagelist import PREPARATIONS, FailureGroup, PageCounts, PageFilter, PageRow, PageScreen
from quaero_desktop.domain.text import storable_integer
from quaero_desktop.domain.words import CAUSES, REASONS
from quaero_desktop.infra.redact import redact
from quaero_desktop.storage.filters import any_of, as_id, at_most, in_order, like
from quaero_desktop.storage.fragments import json_list
from quaero_desktop.storage.queries.hidden import Hidden

Parameters = dict[str, Any]

_SCAN_SHARE = 0.2
"""From this share of the rows between the first child and the last on, reading all of those beats the index's jumps."""
_SLICE = 64 * 1024
"""So many characters of a list of ids are decoded at once: a millisecond with Python's lock."""
_LOOKED_THROUGH = 200
"""So many of the last pages of a root are looked through for those of one origin."""
_LAST_INTEGER = 2**62
_LAST_REASON = 1_000_000
_LAST_TEXT = "char(0x10FFFF)"

_decode = msgspec.json.Decoder(list[int]).decode


# --- What is asked for ----------------------------------------------------------------------------------------------


def ids(connection: sqlite3.Connection, which: PageFilter, *, after: int | None = None) -> "array[int]":
    """Return the ids of all that match, in order, 8 bytes each.

    Args:
        connection: a reader's.
        which: what is wanted.
        after: only those with a larger id: what has been found since.

    Raises:
        UsageError: when the filter makes no sense.
        NotFoundError: when there is no such root.
    """
    found: array[int] = array("q")
    for sql, parameters in _plan(connection, which, after=after):
        (text,) = connection.execute(f"SELECT json_group_array(id) FROM ({sql})", parameters).fetchone()
        _decode_onto(found, text)
    return found


def screen(connection: sqlite3.Connection, which: PageFilter, limit: int = 200) -> PageScreen:
    """Return the first rows of a list; where it *starts at once* without looking at all of it.

    Raises:
        UsageError: when the filter makes no sense.
        NotFoundError: when there is no such root.
    """
    first: list[int] = []
    for sql, parameters in _plan(connection, which):
        limited = f"{sql} LIMIT {at_most(limit - len(first))}"
        first += [row[0] for row in connection.execute(limited, parameters).fetchall()]
        if len(first) >= limit:
            break
    total = None
    if not (which.query or which.cause or which.code):
        total = _count(connection, which)
    return PageScreen(rows=rows(connection, first), total=total)


def rows(connection: sqlite3.Connection, ids: Sequence[int]) -> tuple[PageRow, ...]:
    """Return children by their ids, in that order; without those that are gone or in the trash."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM json_each(?) wanted JOIN jobs j ON j.id = wanted.value WHERE j.parent_id IS NOT NULL"
        " ORDER BY wanted.key",
        (json_list(map(storable_integer, ids)),),
    ).fetchall()
    hidden = Hidden.read(connection)
    return tuple(_row(row) for row in found if not hidden.hides(row[0], row[2]))


def counts(connection: sqlite3.Connection, root_id: int) -> PageCounts:
    """Return how much of its *work* a root has, from the counters.

    Raises:
        NotFoundError: when there is no such root.
    """
    Hidden.read(connection).check(connection, root_id)
    found = connection.execute(
        f"SELECT status, type, sum(n) FROM child_counts WHERE parent_id = ? AND {_IS_WORK}"
        " GROUP BY 1, 2 HAVING sum(n) > 0",
        (root_id,),
    ).fetchall()
    pages: dict[str, int] = {}
    others: dict[str, int] = {}
    for status, kind, n in found:
        these = pages if kind == JobType.CRAWLER_URL else others
        these[status] = these.get(status, 0) + n
    return PageCounts(pages=pages, others=others)


def stored_of(connection: sqlite3.Connection, root_id: int, origin: str, most: int) -> tuple[str, ...]:
    """Return pages of an origin that a root stored, the latest first: among its last ones, and at most *most*."""
    rows = connection.execute(
        "SELECT url FROM (SELECT id, url, document_id FROM jobs INDEXED BY jobs_children WHERE parent_id = ?"
        " AND status = 'completed' AND trashed_at IS NULL ORDER BY id DESC LIMIT ?)"
        " WHERE document_id IS NOT NULL AND url >= ? AND url < ? ORDER BY id DESC LIMIT ?",
        # A slash is followed by a zero: all that begins with the origin and a slash.
        (root_id, _LOOKED_THROUGH, f"{origin}/", f"{origin}0", most),
    )
    return tuple(url for (url,) in rows)


def failure_groups(connection: sqlite3.Connection, root_id: int) -> tuple[FailureGroup, ...]:
    """Return the failed children of a root in groups of one cause and code, the largest first.

    It reads each failed one: some 0.2 s for 100,000.

    Raises:
        NotFoundError: when there is no such root.
    """
    Hidden.read(connection).check(connection, root_id)
    # SQLite takes the bare column from the row with the least id: the first failure of its kind.
    found = connection.execute(
        "SELECT j.cause, j.http_status, count(*), min(j.id), j.error FROM jobs j"
        " WHERE j.parent_id = ? AND j.status = 'failed' AND j.trashed_at IS NULL GROUP BY 1, 2 ORDER BY 3 DESC, 4",
        (root_id,),
    ).fetchall()
    return tuple(
        FailureGroup(cause=row[0], code=row[1], pages=row[2], error=None if row[4] is None else redact(row[4]))
        for row in found
    )


# --- How it is found ------------------------------------------------------------------------------------------------


def _plan(
    connection: sqlite3.Connection, which: PageFilter, *, after: int | None = None
) -> list[tuple[str, Parameters]]:
    """Return the queries, each for ids in order, whose results one after the other are the list."""
    which.checked()
    trash = Hidden.read(connection)
    trash.check(connection, which.root_id)
    hidden = trash.tops
    if which.work:
        hidden |= _preparations(connection, which.root_id)
    if which.order == "status":
        statuses = in_order(which.status)
        if which.downwards:
            statuses.reverse()
        return [_found(connection, which, [status], hidden, downwards=False, after=after) for status in statuses]
    if which.order == "found":
        return [_found(connection, which, in_order(which.status), hidden, downwards=which.downwards, after=after)]
    if which.order == "url" and which.is_whole and (step := _only_step(connection, which.root_id)) is not None:
        return _by_url(which, step, hidden, after)
    if which.order in _INDEXES and which.is_whole:
        return _by_index(which, hidden, after)
    parameters: Parameters = {}
    where = _rows_of(connection, which, hidden, parameters) + _conditions(which, hidden, after, parameters)
    way = "DESC" if which.downwards else "ASC"
    return [(f"SELECT j.id FROM jobs j WHERE {where} ORDER BY {_key(which)} {way}, j.id", parameters)]


def _found(
    connection: sqlite3.Connection,
    which: PageFilter,
    statuses: list[Status],
    hidden: frozenset[int],
    *,
    downwards: bool,
    after: int | None,
) -> tuple[str, Parameters]:
    """Return the query for all of these statuses by id."""
    which = which.without(status=tuple(statuses))
    parameters: Parameters = {}
    way = "DESC" if downwards else "ASC"
    conditions = _conditions(which.without(status=()), hidden, after, parameters)
    if which.query or which.cause or which.code or which.type:
        where = _rows_of(connection, which, hidden, parameters) + conditions
        if len(statuses) < len(STATUS_ORDER):
            where += any_of("j.status", statuses, parameters)
        return f"SELECT j.id FROM jobs j WHERE {where} ORDER BY j.id {way}", parameters
    # The index has them by status and id: SQLite merges one run for each status, and reads no row.
    parameters["parent"] = which.root_id
    runs = [
        f"SELECT j.id FROM jobs j WHERE j.parent_id = :parent AND j.status = '{status}'{conditions}"
        for status in statuses
    ]
    return f"{' UNION ALL '.join(runs)} ORDER BY 1 {way}", parameters


def _by_url(which: PageFilter, step: int, hidden: frozenset[int], after: int | None) -> list[tuple[str, Parameters]]:
    """Return the queries for all by URL, as the index of a root's pages has them, and then those without one."""
    parameters: Parameters = {"root": which.root_id, "step": step}
    conditions = _conditions(which, hidden, after, parameters)
    way = "DESC" if which.downwards else "ASC"
    place = "jobs j INDEXED BY jobs_page WHERE j.root_id = :root AND j.step = :step"
    return [
        (f"SELECT j.id FROM {place} AND j.url IS NOT NULL{conditions} ORDER BY j.url {way}", parameters),
        (f"SELECT j.id FROM {place} AND j.url IS NULL{conditions} ORDER BY j.id", parameters),
    ]


def _by_index(which: PageFilter, hidden: frozenset[int], after: int | None) -> list[tuple[str, Parameters]]:
    """Return the queries for all in the order of an index, and then those it knows no value of."""
    parameters: Parameters = {"parent": which.root_id}
    conditions = _conditions(which, hidden, after, parameters)
    index, key = _INDEXES[which.order]
    way = "DESC" if which.downwards else "ASC"
    place = f"jobs j INDEXED BY {index} WHERE j.parent_id = :parent"
    return [
        (f"SELECT j.id FROM {place} AND {key} IS NOT NULL{conditions} ORDER BY {key} {way}, j.id", parameters),
        (f"SELECT j.id FROM {place} AND {key} IS NULL{conditions} ORDER BY j.id", parameters),
    ]


def _only_step(connection: sqlite3.Connection, root_id: int) -> int | None:
    """Return the one step that all below a root belong to; None when there are more, or jobs below its children."""
    deeper = connection.execute(
        # Few jobs have children, so those are looked through and not the many of this root.
        "SELECT 1 FROM child_counts c CROSS JOIN jobs p ON p.id = c.parent_id WHERE p.root_id = ? AND c.n > 0 LIMIT 1",
        (root_id,),
    ).fetchone()
    if deeper is not None:
        return None
    (first,) = connection.execute("SELECT min(step) FROM jobs WHERE root_id = ?", (root_id,)).fetchone()
    (last,) = connection.execute("SELECT max(step) FROM jobs WHERE root_id = ?", (root_id,)).fetchone()
    return first if first == last else None


def _rows_of(connection: sqlite3.Connection, which: PageFilter, hidden: frozenset[int], parameters: Parameters) -> str:
    """Return the condition that leads to the children: all rows between the first and the last, or by the index."""
    parameters["parent"] = which.root_id
    lows, highs = [], []
    for status in in_order(which.status):
        at = (which.root_id, status)
        (low,) = connection.execute("SELECT min(id) FROM jobs WHERE parent_id = ? AND status = ?", at).fetchone()
        if low is not None:
            (high,) = connection.execute("SELECT max(id) FROM jobs WHERE parent_id = ? AND status = ?", at).fetchone()
            lows.append(low)
            highs.append(high)
    if lows and _count(connection, which) >= _SCAN_SHARE * (max(highs) - min(lows) + 1):
        parameters |= {"low": min(lows), "high": max(highs)}
        # The plus keeps SQLite from the index on the parent.
        return "j.id BETWEEN :low AND :high AND +j.parent_id = :parent"
    return "j.parent_id = :parent"


def _conditions(which: PageFilter, hidden: frozenset[int], after: int | None, parameters: Parameters) -> str:
    """Return the conditions of a filter but for the parent, each after its AND."""
    sql = any_of("j.status", which.status, parameters) + any_of("j.type", which.type, parameters)
    sql += any_of("j.cause", which.cause, parameters)
    if which.code:
        parameters["codes"] = json_list(map(storable_integer, which.code))
        sql += " AND j.http_status IN (SELECT value FROM json_each(:codes))"
    if which.query:
        parameters["part"] = like(which.query)
        sql += " AND (j.url LIKE :part ESCAPE '\\' OR j.title LIKE :part ESCAPE '\\' OR j.name LIKE :part ESCAPE '\\'"
        if (number := as_id(which.query)) is not None:
            parameters["id"] = number
            sql += " OR j.id = :id"
        sql += ")"
    if hidden:
        parameters["hidden"] = json_list(hidden)
        sql += " AND j.id NOT IN (SELECT value FROM json_each(:hidden))"
    if after is not None:
        parameters["after"] = storable_integer(after)
        sql += " AND j.id > :after"
    return sql


def _key(which: PageFilter) -> str:
    """Return what to sort by: always numbers or always texts without NULL, which SQLite compares much faster."""
    match which.order:
        case "title":
            return _text_key(_TITLE, which)
        case "url":
            return _text_key("j.url", which)
        case "type":
            return "j.type"
        case "depth":
            return "j.depth"
        case "reason":
            # Most have none, and those are not compared with each cause there is: that took half of the time.
            rank = f"(CASE j.cause {_REASON_RANKS} END) * 1000 + coalesce(j.http_status, 0)"
            return f"iif(j.cause IS NULL, {-1 if which.downwards else _LAST_REASON}, {rank})"
        case order:
            return _number_key(_NUMBERS[order], which)


def _number_key(expression: str, which: PageFilter) -> str:
    return f"coalesce({expression}, {-1 if which.downwards else _LAST_INTEGER})"


def _text_key(expression: str, which: PageFilter) -> str:
    return f"coalesce({expression}, {repr('') if which.downwards else _LAST_TEXT})"


_TITLE = "nullif(lower(coalesce(j.title, j.name)), '')"
_INDEXES = {
    "title": ("jobs_by_title", _TITLE),
    "size": ("jobs_by_size", "j.bytes"),
    "time": ("jobs_by_time", "j.elapsed_ms"),
}
_NUMBERS = {"code": "j.http_status", "size": "j.bytes", "time": "j.elapsed_ms", "finished": "j.completed_at"}


def _reason_ranks() -> str:
    """Return the cases that rank causes by the words people read; unknown ones (of an import) follow them."""
    words = sorted((CAUSES | REASONS).items(), key=lambda item: item[1])
    ranks = " ".join(f"WHEN '{cause}' THEN {rank}" for rank, (cause, _) in enumerate(words))
    return f"{ranks} ELSE {len(words)}"


_REASON_RANKS = _reason_ranks()


# --- Counts -------------------------------------------------------------------------------------------


def _count(connection: sqlite3.Connection, which: PageFilter) -> int:
    """Return from the counters how many children there are of these statuses and types."""
    parameters: Parameters = {"parent": which.root_id}
    where = any_of("status", which.status, parameters) + any_of("type", which.type, parameters)
    if which.work:
        where += f" AND {_IS_WORK}"
    (total,) = connection.execute(
        f"SELECT coalesce(sum(n), 0) FROM child_counts WHERE parent_id = :parent{where}", parameters
    ).fetchone()
    return int(total)


_PREPARATIONS = f"type IN ({', '.join(repr(str(kind)) for kind in PREPARATIONS)})"
_IS_WORK = f"(NOT {_PREPARATIONS} OR status = 'failed')"


def _preparations(connection: sqlite3.Connection, root_id: int) -> frozenset[int]:
    """Return what of a root is no work: some few checks and sitemaps."""
    found = connection.execute(
        f"SELECT id FROM jobs INDEXED BY jobs_preparations WHERE parent_id = ? AND {_PREPARATIONS}"
        " AND status <> 'failed'",
        (root_id,),
    )
    return frozenset(row[0] for row in found)


# --- Values ---------------------------------------------------------------------------------------------------------

_COLUMNS = (
    "j.id, j.root_id, j.parent_id, j.status, j.type, j.phase, j.http_status, coalesce(j.title, j.name, ''), j.url,"
    " j.depth, j.bytes, j.elapsed_ms, j.cause, j.error, j.attempt, j.document_id, j.created_at, j.started_at,"
    " j.completed_at, j.revision"
)


def _row(row: tuple[Any, ...]) -> PageRow:
    return PageRow(
        id=row[0],
        root_id=row[1],
        parent_id=row[2],
        status=row[3],
        type=row[4],
        phase=row[5],
        code=row[6],
        title=row[7],
        url=row[8],
        depth=row[9],
        bytes=row[10],
        elapsed_ms=row[11],
        cause=row[12],
        error=None if row[13] is None else redact(row[13]),
        attempt=row[14],
        document_id=row[15],
        created_at=row[16],
        started_at=row[17],
        completed_at=row[18],
        revision=row[19],
    )


def _decode_onto(found: "array[int]", text: str) -> None:
    """Append the numbers of a JSON list, in slices: a million at once would hold Python's lock for 0.1 s."""
    start, end = 1, len(text) - 1
    while start < end:
        cut = text.find(",", start + _SLICE, end)
        stop = end if cut < 0 else cut
        found.extend(_decode(f"[{text[start:stop]}]"))
        start = stop + 1
