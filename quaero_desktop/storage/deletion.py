"""Deleting jobs (X1-X6): into the trash at once, and back from it; :mod:`quaero_desktop.storage.purge` is for good.

What is hidden is one mark on the topmost job, so that nobody waits for it, however much lies below. Documents stay:
they are no jobs.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any

import msgspec

from quaero_desktop.domain.deletion import (
    TRASH_SECONDS,
    Deletion,
    DeletionFailure,
    DeletionPlan,
)
from quaero_desktop.domain.errors import KnownError, NotAllowedError, NotFoundError
from quaero_desktop.domain.jobs import Status
from quaero_desktop.domain.text import storable_integer
from quaero_desktop.storage import audit, trash
from quaero_desktop.storage.database import Database, Tx
from quaero_desktop.storage.fragments import AMONG, OPEN, json_list
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.purge import Purge
from quaero_desktop.storage.trash import CONDEMNED, Trees

_TRASH_MS = TRASH_SECONDS * 1000


class Trashed(msgspec.Struct, frozen=True):
    """What went to the trash.

    Attributes:
        tops: the jobs that bear the mark.
        running: jobs that were running; they have been put back, and whoever runs them has to stop.
        failed: jobs that could not be deleted.
    """

    tops: tuple[int, ...] = ()
    running: tuple[int, ...] = ()
    failed: tuple[DeletionFailure, ...] = ()


class Deletions:
    """Deletes the jobs of one library, and brings them back.

    Args:
        database: the open library.
        ledger: its ledger, which looks after the jobs that stay.
    """

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    async def plan(self, ids: Sequence[int], most_ids: int | None) -> DeletionPlan:
        """Return what deleting these jobs would take along; nothing for those that are gone.

        Args:
            ids: the jobs.
            most_ids: how many ids are wanted at most; None for all.
        """
        return await self._database.read(lambda connection: _plan(connection, ids, most_ids))

    async def hide(self, ids: Sequence[int], *, cascade: bool = True, ended_only: bool = False) -> Trashed:
        """Put jobs, with all below them, into the trash. Those that are gone already stay so.

        Args:
            ids: the jobs.
            cascade: False refuses to delete what has children.
            ended_only: leave out, without a word, what has not ended.

        Raises:
            NotAllowedError: one of them has children, and *cascade* is False; nothing was deleted.
        """
        if not cascade:
            await self._database.read(lambda connection: _refuse_parents(connection, ids))
        among = frozenset(ids)
        parts = [
            await self._database.write(
                partial(self._hide, ids=part, among=among, cascade=cascade, ended_only=ended_only)
            )
            for part in trash.batches(sorted(among))
        ]
        return Trashed(
            tuple(top for part in parts for top in part.tops),
            tuple(job_id for part in parts for job_id in part.running),
            tuple(failure for part in parts for failure in part.failed),
        )

    async def restore(self, ids: Sequence[int]) -> tuple[int, ...]:
        """Take jobs, with all below them, out of the trash, as they were; what ran is queued. Return which these were.

        Raises:
            NotFoundError: some are not there any more; all others were brought back.
            NotAllowedError: some lie there with a job above them; all others were brought back.
        """
        among = frozenset(ids)
        restored: list[int] = []
        problems: list[KnownError] = []
        for part in trash.batches(await self._database.read(partial(_topmost_first, ids=among))):
            done, wrong = await self._database.write(partial(self._restore, ids=part, among=among))
            restored += done
            problems += wrong
        if problems:
            raise problems[0]
        return tuple(restored)

    async def condemn_expired(self) -> tuple[int, ...]:
        """Say of what lay in the trash long enough that it cannot be brought back any more; return all of that."""
        return tuple(await self._database.write(_condemn_expired))

    async def in_trash(self, ids: Sequence[int]) -> tuple[int, ...]:
        """Return those of these jobs that lie in the trash by themselves."""
        sql = f"SELECT id FROM jobs WHERE trashed_at IS NOT NULL AND id {AMONG} ORDER BY id"
        clamped = json_list(storable_integer(job_id) for job_id in ids)
        return tuple(await self._database.read(lambda connection: _column(connection.execute(sql, (clamped,)))))

    async def next_expiry(self) -> int | None:
        """Return when the next job in the trash is to be purged, in milliseconds UTC; None when there is none."""
        sql = "SELECT min(trashed_at) FROM jobs WHERE trashed_at > ?"
        (first,) = await self._database.read(lambda connection: connection.execute(sql, (CONDEMNED,)).fetchone())
        return None if first is None else first + _TRASH_MS

    async def purge(
        self,
        tops: Sequence[int],
        progress: Callable[[int, int], None] = lambda done, total: None,
        *,
        gently: bool = False,
    ) -> Deletion:
        """Delete jobs of the trash and all below them for good, children first. What is gone is no failure.

        Cancelling stops between two transactions; what is left stays out of sight and can be purged later.

        Args:
            tops: the jobs.
            progress: called with how many jobs are done, and of how many.
            gently: rest after each transaction for as long as it took, so that others get most of the writer's time.
        """
        return await Purge(self._database, self._ledger, progress, gently=gently).run(tops)

    # The transactions, each on the writer's thread.

    def _hide(self, tx: Tx, ids: Sequence[int], among: Collection[int], cascade: bool, ended_only: bool) -> Trashed:
        if not cascade:
            _refuse_parents(tx.connection, ids)
        trees = Trees(tx.connection)
        above_tops: dict[int, list[int]] = {}
        failed = []
        for job_id in ids:
            above = _above_if_shown(tx.connection, job_id)
            if above is None or not _apart(above, among):
                continue
            if ended_only and tx.one(f"SELECT 1 FROM jobs WHERE id = ? AND status IN {OPEN}", (job_id,)):
                continue
            try:
                trees.parents_in(job_id)
            except NotAllowedError as error:
                failed.append(_failure(job_id, error))
            else:
                above_tops[job_id] = above
        tops = list(above_tops)
        if not tops:
            return Trashed(failed=tuple(failed))
        tx.execute(
            f"UPDATE jobs SET trashed_at = ?, revision = ? WHERE id {AMONG}", (tx.now, tx.revision, json_list(tops))
        )
        roots = [top for top, above in above_tops.items() if not above]
        children = [top for top, above in above_tops.items() if above]
        below = trash.all_below(tx, children)
        running = self._ledger.stop_running(tx, roots, below)
        if children:
            self._ledger.queue.set_aside(tx, below)
            self._left(tx, children, {job_id for above in above_tops.values() for job_id in above}, -1)
        audit.note(
            tx, "trash", "info", [(top, {"parent_id": next(iter(above), None)}) for top, above in above_tops.items()]
        )
        return Trashed(tuple(tops), tuple(running), tuple(failed))

    def _restore(self, tx: Tx, ids: Sequence[int], among: Collection[int]) -> tuple[list[int], list[KnownError]]:
        above_tops: dict[int, list[int]] = {}
        problems: list[KnownError] = []
        for job_id in ids:
            problem = self._why_not_restored(tx, job_id, among, above_tops)
            if problem is not None:
                problems.append(problem)
        tops = list(above_tops)
        if not tops:
            return [], problems
        tx.execute(f"UPDATE jobs SET trashed_at = NULL, revision = ? WHERE id {AMONG}", (tx.revision, json_list(tops)))
        children = [top for top, above in above_tops.items() if above]
        if children:
            self._ledger.queue.bring_back(tx, trash.all_below(tx, children))
            self._left(tx, children, {job_id for above in above_tops.values() for job_id in above}, 1)
        audit.note(
            tx, "restore", "info", [(top, {"parent_id": next(iter(above), None)}) for top, above in above_tops.items()]
        )
        return tops, problems

    def _why_not_restored(
        self, tx: Tx, job_id: int, among: Collection[int], above_tops: dict[int, list[int]]
    ) -> KnownError | None:
        """Add the job to what is brought back, if it can be, or return why it cannot."""
        place = trash.place(tx.connection, storable_integer(job_id))
        if place is None:
            return NotFoundError(
                f"There is no job {job_id} in the trash.",
                f"What was deleted can be brought back for {TRASH_SECONDS} seconds.",
            )
        hidden_by, above = place
        if hidden_by is None:
            return None
        marks = [tx.value("SELECT trashed_at FROM jobs WHERE id = ?", (each,)) for each in (job_id, hidden_by)]
        if CONDEMNED in marks:
            return NotFoundError(
                f"Job {job_id} cannot be brought back: it is being deleted for good.",
                f"What was deleted can be brought back for {TRASH_SECONDS} seconds.",
            )
        if hidden_by != job_id and hidden_by not in among:
            return NotAllowedError(
                f"Job {job_id} lies in the trash with job {hidden_by}.", "Bring that one back first."
            )
        if marks[0] is not None:
            above_tops[job_id] = above
        return None

    def _left(self, tx: Tx, children: Sequence[int], above: Collection[int], sign: int) -> None:
        """Put right what children of jobs that stay leave behind (*sign* -1), or find when they come back (1)."""
        trash.count(tx, children, sign)
        tx.execute(f"UPDATE jobs SET revision = ? WHERE id {AMONG}", (tx.revision, json_list(above)))
        failed = tx.execute(
            f"SELECT parent_id, count(*) FROM jobs WHERE status = 'failed' AND id {AMONG} GROUP BY 1",
            (json_list(children),),
        ).fetchall()
        # The warnings of a root that has ended are those of its children that failed.
        tx.executemany(
            f"UPDATE jobs SET warnings = max(0, warnings + ?) WHERE id = ? AND parent_id IS NULL"
            f" AND status NOT IN {OPEN}",
            [(sign * number, parent_id) for parent_id, number in failed],
        )
        roots = tx.execute(
            f"SELECT DISTINCT r.id, r.status FROM jobs j JOIN jobs r ON r.id = j.root_id WHERE j.id {AMONG}",
            (json_list(children),),
        ).fetchall()
        for root_id, status in roots:
            if sign > 0 and status in (Status.COMPLETED, Status.FAILED) and trash.has_open_child(tx, root_id):
                tx.execute(
                    "UPDATE jobs SET status = 'running', completed_at = NULL, error = NULL, cause = NULL, warnings = 0"
                    " WHERE id = ?",
                    (root_id,),
                )
            if sign > 0:
                self._ledger.brought_back(tx, root_id, children)
            self._ledger.settle(tx, root_id)


# --- What would go ----------------------------------------------------------------------------------------------------


def _plan(connection: sqlite3.Connection, ids: Sequence[int], most_ids: int | None) -> DeletionPlan:
    among = frozenset(ids)
    trees = Trees(connection)
    trashed = frozenset(_column(connection.execute("SELECT id FROM jobs WHERE trashed_at IS NOT NULL")))
    tops: list[int] = []
    listed: list[int] = []
    failed: list[DeletionFailure] = []
    jobs = running = 0
    for job_id in sorted(among):
        above = _above_if_shown(connection, job_id)
        if above is None or not _apart(above, among):
            continue
        try:
            parents = trees.parents_in(job_id, trashed)
        except NotAllowedError as error:
            failed.append(_failure(job_id, error))
            continue
        tops.append(job_id)
        children, running_children = _count_children(connection, parents)
        jobs += 1 + children
        running += running_children
        if above:
            running += connection.execute("SELECT status = 'running' FROM jobs WHERE id = ?", (job_id,)).fetchone()[0]
        listed += _listed(connection, job_id, parents, None if most_ids is None else most_ids - len(listed))
    return DeletionPlan(tops=tuple(tops), jobs=jobs, running=running, ids=tuple(listed), failed=tuple(failed))


def _count_children(connection: sqlite3.Connection, parents: Sequence[int]) -> tuple[int, int]:
    """Return how many children these jobs have that do not lie in the trash, and how many of them run."""
    if not parents:
        return 0, 0
    sql = (
        "SELECT coalesce(sum(n), 0), coalesce(sum(n) FILTER (WHERE status = 'running'), 0) FROM child_counts"
        f" WHERE parent_id {AMONG}"
    )
    children, running = connection.execute(sql, (json_list(parents),)).fetchone()
    return children, running


def _listed(connection: sqlite3.Connection, top: int, parents: Sequence[int], most: int | None) -> list[int]:
    """Return the ids of *top* and of all below it that does not lie in the trash, children before their parents."""
    inner = frozenset(parents)
    ids: list[int] = []
    for parent in [*parents, *([] if parents else [top])]:
        if most is None or len(ids) < most:
            rows = connection.execute(
                "SELECT id FROM jobs WHERE parent_id = ? AND trashed_at IS NULL LIMIT ?",
                (parent, -1 if most is None else most - len(ids) + len(inner)),
            )
            ids += [job_id for (job_id,) in rows if job_id not in inner]
            ids.append(parent)
    return ids[:most]


def _refuse_parents(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    for job_id in ids:
        if _above_if_shown(connection, job_id) is None:
            continue
        children, _ = _count_children(connection, [job_id])
        if children:
            below = "1 job" if children == 1 else f"{children:,} jobs"
            raise NotAllowedError(
                f"There {'is' if children == 1 else 'are'} {below} below job {job_id}, so it was not deleted alone.",
                "Nothing was deleted. Delete it with all below it, or delete those first.",
            )


def _failure(job_id: int, error: KnownError) -> DeletionFailure:
    return DeletionFailure(job_id, f"{error.message} {error.hint}".strip())


def _topmost_first(connection: sqlite3.Connection, ids: Collection[int]) -> list[int]:
    """Return jobs in an order in which what hides others comes before those."""
    depths: dict[int, int] = {}
    for job_id in ids:
        place = trash.place(connection, storable_integer(job_id))
        depths[job_id] = 0 if place is None else len(place[1])
    return sorted(ids, key=lambda job_id: (depths[job_id], job_id))


def _above_if_shown(connection: sqlite3.Connection, job_id: int) -> list[int] | None:
    """Return the jobs above a job; None when it is gone."""
    if storable_integer(job_id) != job_id:
        return None
    place = trash.place(connection, job_id)
    return None if place is None or place[0] is not None else place[1]


def _apart(above: Sequence[int], among: Collection[int]) -> bool:
    """Return whether none of the jobs above is deleted anyway."""
    return not any(job_id in among for job_id in above)


# --- Parts of transactions --------------------------------------------------------------------------------------------


def _condemn_expired(tx: Tx) -> list[int]:
    if not trash.is_used(tx):
        return []
    tx.execute(
        # What seems to come from the future was deleted before somebody put the clock back.
        "UPDATE jobs SET trashed_at = :condemned WHERE trashed_at IS NOT NULL AND trashed_at <> :condemned"
        " AND (trashed_at <= :now - :time OR trashed_at > :now + :time)",
        {"condemned": CONDEMNED, "now": tx.now, "time": _TRASH_MS},
    )
    return _column(tx.execute("SELECT id FROM jobs WHERE trashed_at = ? ORDER BY id", (CONDEMNED,)))


def _column(rows: Iterable[tuple[Any, ...]]) -> list[int]:
    return [row[0] for row in rows]
