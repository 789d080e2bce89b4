"""What lies in the trash (X6): jobs that were deleted a moment ago, with all below them, and can still be brought back.

Only the topmost jobs bear the mark, so that a crawl of a million pages is hidden by one row. A page that bears it is
not counted any more: ``child_counts`` leave it out by triggers, ``root_progress`` by :func:`count`.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence

from quaero_desktop.domain.errors import NotAllowedError
from quaero_desktop.domain.jobs import MAX_TREE_DEPTH, JobType
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.fragments import json_list

CONDEMNED = 0
"""The ``trashed_at`` of what is being purged: it cannot be brought back any more."""

BATCH = 500
"""The most jobs that one transaction deletes or marks: some 30 ms, in which no page can be stored."""


def is_used(tx: Tx) -> bool:
    """Return whether anything lies in the trash; one look at an index that is nearly always empty."""
    # The index is named, or SQLite might look at all jobs.
    return tx.one("SELECT 1 FROM jobs INDEXED BY jobs_trashed WHERE trashed_at IS NOT NULL LIMIT 1") is not None


def has_open_child(tx: Tx, job_id: int) -> bool:
    """Return whether a job has an open child that does not lie in the trash."""
    sql = "SELECT 1 FROM child_counts WHERE parent_id = ? AND status IN ('pending', 'running') AND n > 0"
    return tx.one(sql, (job_id,)) is not None


def has_pages(tx: Tx, job_id: int) -> bool:
    """Return whether a job has a page that does not lie in the trash."""
    sql = "SELECT 1 FROM child_counts WHERE parent_id = ? AND type = ? AND n > 0"
    return tx.one(sql, (job_id, JobType.CRAWLER_URL)) is not None


class Trees:
    """The shape of the trees of jobs: which jobs have children, read once in a transaction.

    Jobs with children are few, however many jobs there are, so the trees are walked over those alone.

    Args:
        connection: in a transaction.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._below: dict[int, list[int]] | None = None

    def parents_in(self, top: int, without: Collection[int] = ()) -> list[int]:
        """Return the jobs with children among *top* and all below it, children before their parents.

        Args:
            top: where to begin.
            without: jobs that are left out with all below them.

        Raises:
            NotAllowedError: they run in a circle, or are nested more deeply than can be.
        """
        if self._connection.execute("SELECT 1 FROM jobs WHERE parent_id = ? LIMIT 1", (top,)).fetchone() is None:
            return []
        below = self._parents_by_parent()
        found, level = [top], [top]
        seen = {top}
        for _ in range(MAX_TREE_DEPTH):
            level = [child for parent in level for child in below.get(parent, ()) if child not in without]
            if not seen.isdisjoint(level):
                raise NotAllowedError(f"The jobs below job {top} run in a circle, so it cannot be deleted.")
            if not level:
                break
            seen.update(level)
            found += level
        else:
            raise NotAllowedError(
                f"The jobs below job {top} are nested more than {MAX_TREE_DEPTH} levels deep.",
                f"Delete one further down first, like job {level[0]}.",
            )
        found.reverse()
        return found

    def _parents_by_parent(self) -> dict[int, list[int]]:
        if self._below is None:
            # A loose index scan, one seek for each parent (see Queue); roots are nobody's child.
            rows = self._connection.execute(
                "WITH RECURSIVE found (id) AS (SELECT min(parent_id) FROM jobs"
                " UNION ALL SELECT (SELECT min(parent_id) FROM jobs WHERE parent_id > found.id)"
                " FROM found WHERE found.id IS NOT NULL)"
                " SELECT jobs.parent_id, jobs.id FROM found CROSS JOIN jobs ON jobs.id = found.id"
                " WHERE jobs.parent_id IS NOT NULL"
            )
            self._below = {}
            for parent_id, job_id in rows:
                self._below.setdefault(parent_id, []).append(job_id)
        return self._below


def place(connection: sqlite3.Connection, job_id: int) -> tuple[int | None, list[int]] | None:
    """Return which job hides a job (itself or one above it, in the trash), None for none, and all jobs above it.

    None for a job that there is not.
    """
    row = connection.execute("SELECT parent_id, trashed_at FROM jobs WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        return None
    hidden_by = None if row[1] is None else job_id
    above: list[int] = []
    # Those who walk downwards tell of a circle.
    while (parent := row[0]) is not None and parent != job_id and parent not in above:
        above.append(parent)
        row = connection.execute("SELECT parent_id, trashed_at FROM jobs WHERE id = ?", (parent,)).fetchone()
        if row[1] is not None:
            hidden_by = parent
    return hidden_by, above


BELOW = (
    "below (id) AS (SELECT value FROM json_each(:tops)"
    " UNION SELECT j.id FROM below JOIN jobs j ON j.parent_id = below.id WHERE j.trashed_at IS NULL)"
)
"""A part of a query: the jobs *tops* and all below them, but for what went to the trash by itself."""


def all_below(tx: Tx, tops: Sequence[int]) -> list[int]:
    """Return jobs and all below them, but for what went to the trash by itself."""
    if not tops:
        return []
    rows = tx.execute(f"WITH RECURSIVE {BELOW} SELECT id FROM below", {"tops": json_list(tops)})
    return [job_id for (job_id,) in rows]


def batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield jobs in parts, each for a transaction of its own."""
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def count(tx: Tx, tops: Sequence[int], sign: int) -> None:
    """Add what children contributed to the progress of their roots (*sign* 1), or take it away (-1).

    Args:
        tx: the running transaction.
        tops: children, each with all below it.
        sign: 1 or -1.
    """
    rows = tx.execute(
        f"WITH RECURSIVE {BELOW} SELECT j.root_id, count(*) FILTER (WHERE j.type = :page),"
        " count(*) FILTER (WHERE stored), count(*) FILTER (WHERE stored AND change = 'new'),"
        " count(*) FILTER (WHERE stored AND change = 'changed'),"
        " count(*) FILTER (WHERE stored AND change = 'unchanged'),"
        " count(*) FILTER (WHERE j.type = :page AND j.status IN ('completed', 'failed') AND change = 'gone'),"
        " coalesce(sum(j.bytes) FILTER (WHERE stored), 0), count(*) FILTER (WHERE ended_before)"
        " FROM (SELECT jobs.*, result ->> '$.change' AS change, status = 'completed' AND type = :page"
        "  AND coalesce(result ->> '$.change' IN ('new', 'changed', 'unchanged'), 0) AS stored,"
        "  type = :page AND status NOT IN ('pending', 'running') AND (SELECT r.attempt > 1"
        "   AND (r.started_at IS NULL OR jobs.completed_at < r.started_at) FROM jobs r WHERE r.id = jobs.root_id)"
        "   AS ended_before"
        "  FROM below JOIN jobs ON jobs.id = below.id) j GROUP BY j.root_id",
        {"tops": json_list(tops), "page": JobType.CRAWLER_URL},
    ).fetchall()
    tx.executemany(
        "UPDATE root_progress SET discovered = discovered + ?, documents = documents + ?,"
        " new_documents = new_documents + ?, changed_documents = changed_documents + ?,"
        " unchanged_documents = unchanged_documents + ?, gone_documents = gone_documents + ?,"
        " bytes = max(0, bytes + ?), ended_before = max(0, ended_before + ?) WHERE root_id = ?",
        [(*(sign * number for number in numbers), root_id) for root_id, *numbers in rows],
    )
