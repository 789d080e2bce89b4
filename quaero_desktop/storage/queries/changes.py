"""What changed in a library since a moment: whole rows found by their revision, and what is gone (J9).

They cost what changed, never what there is.
"""

import sqlite3
from collections.abc import Callable, Collection
from typing import NamedTuple

from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.storage.fragments import AMONG, OPEN, json_list
from quaero_desktop.storage.queries import jobrows

MOST = 2_000
"""The most changed jobs that are looked at one by one; with more of them, reading anew what is shown is cheaper."""


class Moment(NamedTuple):
    """A state of the library that somebody has seen.

    Attributes:
        revision: of the last commit in it.
        trash: the jobs that were in the trash themselves.
        audited: the last row of the audit, which tells what was deleted for good.
    """

    revision: int
    trash: frozenset[int]
    audited: int


def moment(connection: sqlite3.Connection) -> Moment:
    """Return the state of the library as it is now."""
    (revision,) = connection.execute("SELECT revision FROM library").fetchone()
    trash = frozenset(row[0] for row in connection.execute("SELECT id FROM jobs WHERE trashed_at IS NOT NULL"))
    (audited,) = connection.execute("SELECT coalesce(max(id), 0) FROM audit").fetchone()
    return Moment(revision, trash, audited)


def since(
    connection: sqlite3.Connection, before: Moment, watched: Callable[[], Collection[int]], most: int | None = None
) -> tuple[FeedUpdate, Moment]:
    """Return what changed after a moment, and the moment to ask with next time.

    Args:
        connection: a reader's, in a transaction.
        before: what the asker has seen.
        watched: whose direct children the asker wants. It is asked within the snapshot: who begins to watch a job and
            then reads its children misses nothing in between.
        most: over so many changed jobs the update is not complete; None for :data:`MOST`.
    """
    most = MOST if most is None else most
    now = moment(connection)
    parents = watched()
    roots: set[int] = set()
    children: set[int] = set()
    complete = True
    below = connection.execute(
        "SELECT root, count(*) FROM (SELECT coalesce(root_id, id) AS root FROM jobs WHERE revision > ? LIMIT ?)"
        " GROUP BY root",
        (before.revision, most + 1),
    ).fetchall()
    if sum(n for _, n in below) <= most:
        roots.update(root for root, _ in below)
        if parents:
            found = connection.execute(
                f"SELECT id FROM jobs WHERE revision > ? AND +parent_id {AMONG}",
                (before.revision, json_list(parents)),
            )
            children.update(row[0] for row in found)
    else:
        complete = False
        found = connection.execute(
            # Whatever changed below an open root changed its counts; it may not bear the revision itself.
            "SELECT id FROM jobs WHERE parent_id IS NULL AND (+revision > ? OR id IN"
            f" (SELECT id FROM jobs WHERE parent_id IS NULL AND status IN {OPEN}))",
            (before.revision,),
        )
        roots.update(row[0] for row in found)
    removed = set(now.trash - before.trash)
    if now.trash != before.trash:
        moved = connection.execute(
            f"SELECT id, parent_id, coalesce(root_id, id) FROM jobs WHERE id {AMONG}",
            (json_list(now.trash ^ before.trash),),
        )
        for job_id, parent_id, root_id in moved.fetchall():
            roots.add(root_id)
            if parent_id in parents:
                children.add(job_id)
    if now.audited > before.audited:
        gone = connection.execute(
            # Of a tree that is gone, its topmost job says enough.
            "SELECT a.job_id, p.id FROM audit a LEFT JOIN jobs p ON p.id = a.detail ->> '$.parent_id'"
            " WHERE a.id > ? AND a.job_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = a.job_id)"
            " AND (a.detail ->> '$.parent_id' IS NULL OR p.trashed_at IS NULL AND p.id IS NOT NULL)",
            (before.audited,),
        )
        for job_id, parent_id in gone.fetchall():
            removed.add(job_id)
            if parent_id is not None:
                roots.add(parent_id)
    shown = jobrows.visible(connection, sorted(roots | children))
    update = FeedUpdate(
        revision=now.revision,
        roots=tuple(job for job in shown if job.is_root),
        children=tuple(job for job in shown if not job.is_root and job.id in children),
        removed=tuple(sorted(removed)),
        complete=complete,
    )
    return update, now
