"""Purging: deleting jobs of the trash for good, children first, some hundreds a transaction.

A process that dies half-way leaves a tree that is still hidden and cannot be brought back; the next purge goes on with
it. Documents stay: they are no jobs.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from quaero_desktop.domain.deletion import Deletion, DeletionFailure
from quaero_desktop.domain.errors import NotAllowedError
from quaero_desktop.domain.text import single_line
from quaero_desktop.infra.redact import redact
from quaero_desktop.storage import audit, trash
from quaero_desktop.storage.database import Database, Tx
from quaero_desktop.storage.fragments import AMONG, OPEN, json_list
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.pace import Pace
from quaero_desktop.storage.trash import CONDEMNED, Trees

_ALL_CHILDREN = f"SELECT coalesce(sum(n), 0) FROM child_counts WHERE parent_id {AMONG}"


class _Begun(msgspec.Struct, frozen=True):
    """What there is to purge.

    Attributes:
        is_root: whether the topmost job has no parent.
        parents: the jobs with children, children before their parents.
    """

    is_root: bool
    parents: tuple[int, ...]


class _Step(msgspec.Struct, frozen=True):
    """What one transaction did, and where the next one goes on; None where nothing is left."""

    deleted: tuple[int, ...] = ()
    failed: tuple[DeletionFailure, ...] = ()
    last: tuple[str, int] | None = None


class Purge:
    """One purge, and what it has done so far.

    Args:
        database: the open library.
        ledger: its ledger, which forgets the roots that go.
        progress: called with how many jobs are done, and of how many.
        gently: rest after each transaction for as long as it took, so that others get most of the writer's time.
    """

    def __init__(
        self, database: Database, ledger: Ledger, progress: Callable[[int, int], None], *, gently: bool
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._progress = progress
        self._pace = Pace(trash.BATCH, gently=gently)
        self._deleted: list[int] = []
        self._failed: list[DeletionFailure] = []
        self._total = 0

    async def run(self, tops: Sequence[int]) -> Deletion:
        """Delete jobs of the trash and all below them. What is gone is no failure.

        Cancelling stops between two transactions; what is left stays out of sight and can be purged later.
        """
        leaves, trees, self._total = await self._database.read(partial(_sorted_out, tops=tops))
        for part in trash.batches(leaves):
            await self._add(self._database.write(partial(_purge_leaves, ids=part)))
        for top in trees:
            await self._purge_tree(top)
        return Deletion(deleted=tuple(self._deleted), failed=tuple(self._failed))

    async def _purge_tree(self, top: int) -> None:
        try:
            begun = await self._database.write(partial(_begin, top=top))
        except NotAllowedError as error:
            self._count(_Step(failed=(DeletionFailure(top, f"{error.message} {error.hint}".strip()),)))
            return
        if begun is None:
            return
        deleted = 0
        failed: list[int] = []
        survivors: dict[int, list[int]] = {}
        for parent in begun.parents:
            after: tuple[str, int] | None = ("", 0)
            while after is not None:
                step = await self._add(
                    self._database.write(
                        partial(
                            _delete_children, parent=parent, after=after, survivors=survivors, most=self._pace.batch
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
            skips = await self._pace.timed(
                self._database.write(partial(_delete_skips, root_id=top, most=self._pace.batch))
            )
        finish = partial(self._finish, top=top, deleted=deleted, failed=failed, survivors=survivors)
        await self._add(self._database.write(finish))

    def _finish(
        self,
        tx: Tx,
        top: int,
        deleted: int,
        failed: Sequence[int],
        survivors: Mapping[int, Sequence[int]],
    ) -> _Step:
        row = tx.one("SELECT parent_id FROM jobs WHERE id = ?", (top,))
        detail: dict[str, Any] = {"parent_id": None if row is None else row[0]}
        error = _delete_one(tx, top, survivors, audited=False)
        if error is not None:
            audit.note(tx, "delete.failed", "error", [(top, detail | {"error": error})])
            failed = [*failed, top]
        _note_end(tx, top, detail, deleted + (error is None), failed)
        self._ledger.forget(top)
        return _Step((top,)) if error is None else _Step((), (DeletionFailure(top, error),))

    async def _add(self, transaction: Awaitable[_Step]) -> _Step:
        """Note what a transaction did once it is committed, and return that."""
        step = await self._pace.timed(transaction)
        self._count(step)
        return step

    def _count(self, step: _Step) -> None:
        if not step.deleted and not step.failed:
            return
        self._deleted += step.deleted
        self._failed += step.failed
        done = len(self._deleted) + len(self._failed)
        self._progress(done, max(done, self._total))


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
            (children,) = connection.execute(_ALL_CHILDREN, (json_list(parents),)).fetchone()
            total += children
        else:
            leaves.append(top)
    if len(leaves) == 1:
        # For itself it stands in the audit with its name.
        trees += leaves
        leaves = []
    return leaves, trees, total


def _begin(tx: Tx, top: int) -> _Begun | None:
    row = tx.one("SELECT parent_id, type, status, coalesce(name, url), trashed_at FROM jobs WHERE id = ?", (top,))
    if row is None or row[4] is None:
        return None
    parents = Trees(tx.connection).parents_in(top)
    tx.execute("UPDATE jobs SET trashed_at = ? WHERE id = ?", (CONDEMNED, top))
    detail = {
        "parent_id": row[0],
        "child_count": tx.value(_ALL_CHILDREN, (json_list([top]),)),
        "jobs": 1 + tx.value(_ALL_CHILDREN, (json_list(parents),)),
        "type": row[1],
        "status": row[2],
        "name": None if row[3] is None else single_line(redact(row[3])),
    }
    audit.note(tx, "delete.start", "info", [(top, detail)])
    return _Begun(row[0] is None, tuple(parents))


def _purge_leaves(tx: Tx, ids: Sequence[int]) -> _Step:
    rows = tx.execute(
        f"SELECT id, parent_id FROM jobs WHERE trashed_at IS NOT NULL AND id {AMONG} ORDER BY id", (json_list(ids),)
    ).fetchall()
    if not rows:
        return _Step()
    tx.execute(f"UPDATE jobs SET trashed_at = ? WHERE id {AMONG}", (CONDEMNED, json_list(row[0] for row in rows)))
    audit.note(tx, "delete.start", "info", [(None, {"jobs": len(rows)})])
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
            audit.note(tx, "delete.failed", "error", [(job_id, {"parent_id": parent, "error": error})])
    return _Step(tuple(deleted), tuple(failed))


def _delete_all(tx: Tx, ids: list[int]) -> bool:
    """Delete jobs by one statement; return False, and nothing is changed, when something speaks against any of them."""
    listed = json_list(ids)
    tx.execute("SAVEPOINT deletion")
    try:
        audit.note_deleted_children(tx, ids)
        tx.execute(f"DELETE FROM jobs WHERE id {AMONG}", (listed,))
        done = not _any_left(tx, listed)
    except sqlite3.IntegrityError:
        done = False
    if not done:
        tx.execute("ROLLBACK TO deletion")
    tx.execute("RELEASE deletion")
    return done


def _delete_one(tx: Tx, job_id: int, survivors: Mapping[int, Sequence[int]], *, audited: bool = True) -> str | None:
    """Delete a job whose children are gone but for *survivors*; return what speaks against it, or None."""
    listed = json_list([job_id])
    error = None
    tx.execute("SAVEPOINT deletion")
    try:
        _set_free(tx, survivors.get(job_id, ()))
        if audited:
            audit.note_deleted_children(tx, [job_id])
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
    return tx.one(f"SELECT 1 FROM jobs WHERE id {AMONG} LIMIT 1", (listed,)) is not None


def _set_free(tx: Tx, ids: Iterable[int]) -> None:
    """Make jobs that could not be deleted, each with what is left below it, trees of their own in the trash.

    Else they would keep what is above them, or go with it in spite of what speaks against that.
    """
    for job_id in ids:
        below = trash.all_below(tx, [job_id])
        listed = json_list(below)
        tx.execute(f"DELETE FROM messages WHERE state <> 'dead' AND job_id {AMONG}", (listed,))
        tx.execute(f"UPDATE messages SET root_id = ? WHERE job_id {AMONG}", (job_id, listed))
        tx.execute(f"UPDATE job_logs SET root_id = ? WHERE job_id {AMONG}", (job_id, listed))
        tx.execute(
            "UPDATE jobs SET status = 'cancelled', cause = 'cancelled', completed_at = ?"
            f" WHERE status IN {OPEN} AND id {AMONG}",
            (tx.now, listed),
        )
        tx.execute(f"UPDATE jobs SET root_id = ?, revision = ? WHERE id {AMONG}", (job_id, tx.revision, listed))
        tx.execute("UPDATE jobs SET parent_id = NULL, root_id = NULL, trashed_at = ? WHERE id = ?", (CONDEMNED, job_id))


def _delete_skips(tx: Tx, root_id: int, most: int) -> int:
    """Delete the next URLs that a root refused; return how many. There can be as many as pages."""
    return tx.execute(
        "DELETE FROM skips WHERE root_id = :root AND (url, step) IN"
        " (SELECT url, step FROM skips WHERE root_id = :root LIMIT :most)",
        {"root": root_id, "most": most},
    ).rowcount


def _note_end(tx: Tx, top: int | None, detail: dict[str, Any], deleted: int, failed: Sequence[int]) -> None:
    """Add the summary to the audit."""
    detail = detail | {"deleted": deleted, "failed": len(failed)}
    if failed:
        detail["failed_ids"] = list(failed)
    audit.note(tx, "delete.end", "warn" if failed else "info", [(top, detail)])
