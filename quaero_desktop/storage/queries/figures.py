"""Figures: what a root has done and how fast it goes, and how much the library holds.

They come from the counters; of the children of a crawl only the failed ones are ever looked at.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from quaero_desktop.domain.definitions import StepState
from quaero_desktop.domain.documents import Change
from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.jobs import OPEN_STATUSES, JobType, Status
from quaero_desktop.domain.listing import RootDetails, Statistics, Waiting
from quaero_desktop.domain.pagelist import PREPARATIONS
from quaero_desktop.storage.fragments import AMONG, json_list
from quaero_desktop.storage.jobs import steps
from quaero_desktop.storage.queries import jobrows, skips
from quaero_desktop.storage.queries.hidden import Hidden


def cause_counts(connection: sqlite3.Connection, root_id: int) -> dict[str, int]:
    """Return how many children of a job failed for which cause, the most frequent first; it reads each failed one.

    Raises:
        NotFoundError: when there is no such job.
    """
    hidden = Hidden.read(connection)
    hidden.check(connection, root_id)
    parameters: dict[str, Any] = {"parent": root_id}
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
    Hidden.read(connection).check(connection, root_id)
    (root,), warning = jobrows.by_id(connection, [root_id])
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
        skipped=skips.counts(connection, root_id),
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
        f" WHERE parent_id = ? AND step = ? AND type NOT {AMONG}",
        (root_id, under_way.number, json_list(PREPARATIONS)),
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


def statistics(connection: sqlite3.Connection) -> Statistics:
    """Return the library in figures."""
    hidden = Hidden.read(connection)
    (stored,) = connection.execute("SELECT count(*) FROM documents").fetchone()
    pages, queued, running = connection.execute(
        "SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (WHERE status = 'pending'), 0),"
        " coalesce(sum(n) FILTER (WHERE status = 'running'), 0) FROM child_counts"
        f" WHERE type = ? AND parent_id NOT {AMONG}",
        (JobType.CRAWLER_URL, json_list(hidden.inner)),
    ).fetchone()
    (page_count,) = connection.execute("PRAGMA page_count").fetchone()
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    return Statistics(
        documents=stored, pages=pages, queued=queued, running=running, database_bytes=page_count * page_size
    )
