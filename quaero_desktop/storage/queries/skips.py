"""The URLs that crawls refused, and why."""

import sqlite3
from typing import Any

from quaero_desktop.domain.definitions import Action
from quaero_desktop.domain.documents import check_window
from quaero_desktop.domain.listing import Skip, SkipPage, check_reason
from quaero_desktop.domain.text import storable, storable_integer
from quaero_desktop.storage.filters import at_most, like
from quaero_desktop.storage.jobs import steps
from quaero_desktop.storage.queries.hidden import Hidden


def page(
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
    by_reason = counts(connection, root_id)
    parameters: dict[str, Any] = {"root": root_id, "limit": at_most(limit), "offset": storable_integer(offset)}
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
        total = sum(by_reason.values()) if reason is None else by_reason.get(reason, 0)
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


def counts(connection: sqlite3.Connection, root_id: int) -> dict[str, int]:
    """Return how many URLs a root refused for which reason, the most frequent first.

    Raises:
        NotFoundError: when there is no such job.
    """
    Hidden.read(connection).check(connection, root_id)
    rows = connection.execute(
        "SELECT reason, n FROM skip_counts WHERE root_id = ? AND n > 0 ORDER BY n DESC, reason", (root_id,)
    )
    return dict(rows.fetchall())
