"""Deleting jobs (X1-X6): into the trash at once, back from it, and for good, in transactions that block nobody long.

What is hidden is one mark on the topmost job. What is purged goes children first, some hundreds a transaction, and a
process that dies half-way leaves a tree that is still hidden and cannot be brought back; the next purge goes on with
it. Documents stay: they are no jobs.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from quaero_desktop.domain.deletion import TRASH_SECONDS, Deletion, DeletionFailure, DeletionPlan
from quaero_desktop.domain.errors import KnownError, NotAllowedError, NotFoundError
from quaero_desktop.domain.jobs import LOG_LEVELS, Status
from quaero_desktop.domain.text import single_line, storable_integer
from quaero_desktop.infra.redact import redact
from quaero_desktop.storage import trash
from quaero_desktop.storage.database import Database, Tx
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.pace import Pace
from quaero_desktop.storage.trash import CONDEMNED, Trees, ids_json

BATCH = 500
"""The most jobs that one transaction deletes or marks: some 30 ms, in which no page can be stored."""

_TRASH_MS = TRASH_SECONDS * 1000
_OPEN = "('pending', 'running', 'paused')"
_AMONG = "IN (SELECT value FROM json_each(?))"
_ALL_CHILDREN = f"SELECT coalesce(sum(n), 0) FROM child_counts WHERE parent_id {_AMONG}"
_encode = msgspec.json.Encoder().encode


class Hidden(msgspec.Struct, frozen=True):
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

    async def hide(self, ids: Sequence[int], *, cascade: bool = True, ended_only: bool = False) -> Hidden:
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
            for part in _parts(sorted(among))
        ]
        return Hidden(
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
        for part in _parts(await self._database.read(partial(_topmost_first, ids=among))):
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
        sql = f"SELECT id FROM jobs WHERE trashed_at IS NOT NULL AND id {_AMONG} ORDER BY id"
        clamped = ids_json(storable_integer(job_id) for job_id in ids)
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
        leaves, trees, total = await self._database.read(partial(_sorted_out, tops=tops))
        account = _Account(total, progress, gently)
        for part in _parts(leaves):
            await account.add(self._database.write(partial(_purge_leaves, ids=part)))
        for top in trees:
            await self._purge_tree(top, account)
        return Deletion(deleted=tuple(account.deleted), failed=tuple(account.failed))

    async def _purge_tree(self, top: int, account: "_Account") -> None:
        try:
            begun = await self._database.write(partial(_begin, top=top))
        except NotAllowedError as error:
            account.note(_Step(failed=(_failure(top, error),)))
            return
        if begun is None:
            return
        deleted = 0
        failed: list[int] = []
        survivors: dict[int, list[int]] = {}
        for parent in begun.parents:
            after: tuple[str, int] | None = ("", 0)
            while after is not None:
                step = await account.add(
                    self._database.write(
                        partial(
                            _delete_children, parent=parent, after=after, survivors=survivors, most=account.pace.batch
                        )
                    )
                )
                deleted += len(step.deleted)
                if step.failed:
                    failed += (ids := [failure.id for failure in step.failed])
                    survivors.setdefault(parent, []).extend(ids)
                after = step.last
        skips = 1 if begun.is_root else 0
        while skips:
            skips = await account.pace.timed(
                self._database.write(partial(_delete_skips, root_id=top, most=account.pace.batch))
            )
        finish = partial(self._finish, top=top, deleted=deleted, failed=failed, survivors=survivors)
        await account.add(self._database.write(finish))

    # The transactions, each on the writer's thread.

    def _hide(self, tx: Tx, ids: Sequence[int], among: Collection[int], cascade: bool, ended_only: bool) -> Hidden:
        if not cascade:
            _refuse_parents(tx.connection, ids)
        trees = Trees(tx.connection)
        above_tops: dict[int, list[int]] = {}
        failed = []
        for job_id in ids:
            above = _above_if_shown(tx.connection, job_id)
            if above is None or not _apart(above, among):
                continue
            if ended_only and tx.one(f"SELECT 1 FROM jobs WHERE id = ? AND status IN {_OPEN}", (job_id,)):
                continue
            try:
                trees.parents_in(job_id)
            except NotAllowedError as error:
                failed.append(_failure(job_id, error))
            else:
                above_tops[job_id] = above
        tops = list(above_tops)
        if not tops:
            return Hidden(failed=tuple(failed))
        tx.execute(
            f"UPDATE jobs SET trashed_at = ?, revision = ? WHERE id {_AMONG}", (tx.now, tx.revision, ids_json(tops))
        )
        roots = [top for top, above in above_tops.items() if not above]
        children = [top for top, above in above_tops.items() if above]
        below = _all_below(tx, children)
        running = self._ledger.stop_running(tx, roots, below)
        if children:
            self._ledger.queue.set_aside(tx, below)
            self._left(tx, children, {job_id for above in above_tops.values() for job_id in above}, -1)
        _note(tx, "trash", "info", [(top, {"parent_id": next(iter(above), None)}) for top, above in above_tops.items()])
        return Hidden(tuple(tops), tuple(running), tuple(failed))

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
        tx.execute(f"UPDATE jobs SET trashed_at = NULL, revision = ? WHERE id {_AMONG}", (tx.revision, ids_json(tops)))
        children = [top for top, above in above_tops.items() if above]
        if children:
            self._ledger.queue.bring_back(tx, _all_below(tx, children))
            self._left(tx, children, {job_id for above in above_tops.values() for job_id in above}, 1)
        _note(
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
        tx.execute(f"UPDATE jobs SET revision = ? WHERE id {_AMONG}", (tx.revision, ids_json(above)))
        failed = tx.execute(
            f"SELECT parent_id, count(*) FROM jobs WHERE status = 'failed' AND id {_AMONG} GROUP BY 1",
            (ids_json(children),),
        ).fetchall()
        # The warnings of a root that has ended are those of its children that failed.
        tx.executemany(
            f"UPDATE jobs SET warnings = max(0, warnings + ?) WHERE id = ? AND parent_id IS NULL"
            f" AND status NOT IN {_OPEN}",
            [(sign * number, parent_id) for parent_id, number in failed],
        )
        roots = tx.execute(
            f"SELECT DISTINCT r.id, r.status FROM jobs j JOIN jobs r ON r.id = j.root_id WHERE j.id {_AMONG}",
            (ids_json(children),),
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

    def _finish(
        self,
        tx: Tx,
        top: int,
        deleted: int,
        failed: Sequence[int],
        survivors: Mapping[int, Sequence[int]],
    ) -> "_Step":
        row = tx.one("SELECT parent_id FROM jobs WHERE id = ?", (top,))
        detail: dict[str, Any] = {"parent_id": None if row is None else row[0]}
        error = _delete_one(tx, top, survivors, audited=False)
        if error is not None:
            _note(tx, "delete.failed", "error", [(top, detail | {"error": error})])
            failed = [*failed, top]
        _note_end(tx, top, detail, deleted + (error is None), failed)
        self._ledger.forget(top)
        return _Step((top,)) if error is None else _Step((), (DeletionFailure(top, error),))


class _Begun(msgspec.Struct, frozen=True):
    """What there is to purge.

    Attributes:
        is_root: whether the topmost job has no parent.
        parents: the jobs with children, children before their parents.
    """

    is_root: bool
    parents: tuple[int, ...]


class _Step(msgspec.Struct, frozen=True):
    """What one transaction of a purge did, and where the next one goes on; None where nothing is left."""

    deleted: tuple[int, ...] = ()
    failed: tuple[DeletionFailure, ...] = ()
    last: tuple[str, int] | None = None


class _Account:
    """What a purge has done so far.

    Args:
        total: how many jobs there are to purge.
        progress: told of each step.
        gently: rest after each step for as long as it took.

    Attributes:
        pace: how many rows the next transaction may delete.
    """

    def __init__(self, total: int, progress: Callable[[int, int], None], gently: bool) -> None:
        self.deleted: list[int] = []
        self.failed: list[DeletionFailure] = []
        self._total = total
        self._progress = progress
        self.pace = Pace(BATCH, gently=gently)

    async def add(self, transaction: Awaitable[_Step]) -> _Step:
        """Note what a transaction did once it is committed, and return that."""
        step = await self.pace.timed(transaction)
        self.note(step)
        return step

    def note(self, step: _Step) -> None:
        """Note what was done."""
        if not step.deleted and not step.failed:
            return
        self.deleted += step.deleted
        self.failed += step.failed
        done = len(self.deleted) + len(self.failed)
        self._progress(done, max(done, self._total))


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
        f" WHERE parent_id {_AMONG}"
    )
    children, running = connection.execute(sql, (ids_json(parents),)).fetchone()
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


def _all_below(tx: Tx, tops: Sequence[int]) -> list[int]:
    if not tops:
        return []
    sql = f"WITH RECURSIVE {trash.BELOW} SELECT id FROM below"
    return _column(tx.execute(sql, {"tops": ids_json(tops)}))


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


def _begin(tx: Tx, top: int) -> _Begun | None:
    row = tx.one("SELECT parent_id, type, status, coalesce(name, url), trashed_at FROM jobs WHERE id = ?", (top,))
    if row is None or row[4] is None:
        return None
    parents = Trees(tx.connection).parents_in(top)
    tx.execute("UPDATE jobs SET trashed_at = ? WHERE id = ?", (CONDEMNED, top))
    detail = {
        "parent_id": row[0],
        "child_count": tx.value(_ALL_CHILDREN, (ids_json([top]),)),
        "jobs": 1 + tx.value(_ALL_CHILDREN, (ids_json(parents),)),
        "type": row[1],
        "status": row[2],
        "name": None if row[3] is None else single_line(redact(row[3])),
    }
    _note(tx, "delete.start", "info", [(top, detail)])
    return _Begun(row[0] is None, tuple(parents))


def _sorted_out(connection: sqlite3.Connection, tops: Sequence[int]) -> tuple[list[int], list[int], int]:
    """Return the jobs to be purged together, since nothing is below them, the others, and how many jobs go in all."""
    leaves: list[int] = []
    trees: list[int] = []
    total = len(tops)
    shape = Trees(connection)
    for top in tops:
        row = connection.execute("SELECT parent_id FROM jobs WHERE id = ?", (top,)).fetchone()
        try:
            parents = shape.parents_in(top)
        except NotAllowedError:
            parents = [top]
        if parents or row is None or row[0] is None:
            trees.append(top)
            (children,) = connection.execute(_ALL_CHILDREN, (ids_json(parents),)).fetchone()
            total += children
        else:
            leaves.append(top)
    if len(leaves) == 1:
        # For itself it stands in the audit with its name.
        trees += leaves
        leaves = []
    return leaves, trees, total


def _purge_leaves(tx: Tx, ids: Sequence[int]) -> _Step:
    rows = tx.execute(
        f"SELECT id, parent_id FROM jobs WHERE trashed_at IS NOT NULL AND id {_AMONG} ORDER BY id", (ids_json(ids),)
    ).fetchall()
    if not rows:
        return _Step()
    tx.execute(f"UPDATE jobs SET trashed_at = ? WHERE id {_AMONG}", (CONDEMNED, ids_json(row[0] for row in rows)))
    _note(tx, "delete.start", "info", [(None, {"jobs": len(rows)})])
    step = _delete(tx, rows, {})
    _note_end(tx, None, {}, len(step.deleted), [failure.id for failure in step.failed])
    return step


def _delete_children(
    tx: Tx, parent: int, after: tuple[str, int], survivors: Mapping[int, Sequence[int]], most: int
) -> _Step:
    """Delete the next children of *parent*.

    Args:
        tx: the running transaction.
        parent: whose.
        after: status and id of the last one that was tried: the index has children in that order.
        survivors: what could not be deleted, by its parent.
        most: how many.
    """
    rows = tx.execute(
        "SELECT status, id FROM jobs WHERE parent_id = ? AND (status, id) > (?, ?) ORDER BY status, id LIMIT ?",
        (parent, *after, most),
    ).fetchall()
    if not rows:
        return _Step()
    step = _delete(tx, [(job_id, parent) for _, job_id in rows], survivors)
    return msgspec.structs.replace(step, last=rows[-1])


def _delete(tx: Tx, rows: Sequence[tuple[int, int | None]], survivors: Mapping[int, Sequence[int]]) -> _Step:
    """Delete jobs, given with their parents, of which nothing is left below but *survivors*."""
    # Which left something behind that has to be set free is deleted by itself.
    alone = [row for row in rows if row[0] in survivors]
    others = [job_id for job_id, _ in rows if job_id not in survivors]
    if others and not _delete_all(tx, others):
        alone, others = list(rows), []
    deleted, failed = others, []
    for job_id, parent in alone:
        error = _delete_one(tx, job_id, survivors)
        if error is None:
            deleted.append(job_id)
        else:
            failed.append(DeletionFailure(job_id, error))
            _note(tx, "delete.failed", "error", [(job_id, {"parent_id": parent, "error": error})])
    return _Step(tuple(deleted), tuple(failed))


def _delete_all(tx: Tx, ids: list[int]) -> bool:
    """Delete jobs by one statement; return False, and nothing is changed, when something speaks against any of them."""
    listed = ids_json(ids)
    tx.execute("SAVEPOINT deletion")
    try:
        _audit_children(tx, listed)
        tx.execute(f"DELETE FROM jobs WHERE id {_AMONG}", (listed,))
        done = not _any_left(tx, listed)
    except sqlite3.IntegrityError:
        done = False
    if not done:
        tx.execute("ROLLBACK TO deletion")
    tx.execute("RELEASE deletion")
    return done


def _delete_one(tx: Tx, job_id: int, survivors: Mapping[int, Sequence[int]], *, audited: bool = True) -> str | None:
    """Delete a job whose children are gone but for *survivors*; return what speaks against it, or None."""
    listed = ids_json([job_id])
    error = None
    tx.execute("SAVEPOINT deletion")
    try:
        _set_free(tx, survivors.get(job_id, ()))
        if audited:
            _audit_children(tx, listed)
        tx.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
        if _any_left(tx, listed):
            error = "the database keeps it"
    except sqlite3.IntegrityError as refused:
        error = single_line(str(refused))
    if error is not None:
        tx.execute("ROLLBACK TO deletion")
    tx.execute("RELEASE deletion")
    return error


def _any_left(tx: Tx, listed: str) -> bool:
    """Return whether any of these jobs is still there: a trigger may keep a row without a word."""
    return tx.one(f"SELECT 1 FROM jobs WHERE id {_AMONG} LIMIT 1", (listed,)) is not None


def _audit_children(tx: Tx, listed: str) -> None:
    tx.execute(
        "INSERT INTO audit (at, level, action, job_id, detail) SELECT ?, 0, 'delete.child', id,"
        f" json_object('parent_id', parent_id, 'type', type, 'status', status) FROM jobs WHERE id {_AMONG}",
        (tx.now, listed),
    )


def _set_free(tx: Tx, ids: Iterable[int]) -> None:
    """Make jobs that could not be deleted, each with what is left below it, trees of their own in the trash.

    Else they would keep what is above them, or go with it in spite of what speaks against that.
    """
    for job_id in ids:
        below = _all_below(tx, [job_id])
        listed = ids_json(below)
        tx.execute(f"DELETE FROM messages WHERE state <> 'dead' AND job_id {_AMONG}", (listed,))
        tx.execute(f"UPDATE messages SET root_id = ? WHERE job_id {_AMONG}", (job_id, listed))
        tx.execute(f"UPDATE job_logs SET root_id = ? WHERE job_id {_AMONG}", (job_id, listed))
        tx.execute(
            "UPDATE jobs SET status = 'cancelled', cause = 'cancelled', completed_at = ?"
            f" WHERE status IN {_OPEN} AND id {_AMONG}",
            (tx.now, listed),
        )
        tx.execute(f"UPDATE jobs SET root_id = ?, revision = ? WHERE id {_AMONG}", (job_id, tx.revision, listed))
        tx.execute("UPDATE jobs SET parent_id = NULL, root_id = NULL, trashed_at = ? WHERE id = ?", (CONDEMNED, job_id))


def _delete_skips(tx: Tx, root_id: int, most: int) -> int:
    """Delete the next URLs that a root refused; return how many. There can be as many as pages."""
    return tx.execute(
        "DELETE FROM skips WHERE root_id = :root AND (url, step) IN"
        " (SELECT url, step FROM skips WHERE root_id = :root LIMIT :most)",
        {"root": root_id, "most": most},
    ).rowcount


def _note(tx: Tx, action: str, level: str, about: Iterable[tuple[int | None, dict[str, Any]]]) -> None:
    """Add rows to the audit, which no deletion touches."""
    tx.executemany(
        "INSERT INTO audit (at, level, action, job_id, detail) VALUES (?, ?, ?, ?, ?)",
        [(tx.now, LOG_LEVELS.index(level), action, job_id, _encode(detail).decode()) for job_id, detail in about],
    )


def _note_end(tx: Tx, top: int | None, detail: dict[str, Any], deleted: int, failed: Sequence[int]) -> None:
    """Add the summary to the audit."""
    detail = detail | {"deleted": deleted, "failed": len(failed)}
    if failed:
        detail["failed_ids"] = list(failed)
    _note(tx, "delete.end", "warn" if failed else "info", [(top, detail)])


def _column(rows: Iterable[tuple[Any, ...]]) -> list[int]:
    return [row[0] for row in rows]


def _parts(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
