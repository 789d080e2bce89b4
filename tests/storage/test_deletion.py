"""Deleting jobs (X1-X6): hidden, brought back, purged. Each test ends with the invariants of the library verified."""

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.deletion import TRASH_SECONDS, Deletion, DeletionFailure, DeletionPlan
from quaero_desktop.domain.errors import NotAllowedError, NotFoundError, RootClosedError, StaleReceiptError
from quaero_desktop.domain.jobs import MAX_TREE_DEPTH, Cause, SkipReason
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.domain.outcomes import Failed, Refusal, Stored
from quaero_desktop.domain.ports import Assignment, NewRoot
from quaero_desktop.domain.queue import NO_PACE
from quaero_desktop.domain.rulechange import RuleChanges
from quaero_desktop.storage import sqlite, trash
from quaero_desktop.storage.deletion import Deletions
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.queries import figures, joblist
from quaero_desktop.storage.queue import Queue
from quaero_desktop.storage.verify import verify_library
from tests.support.outcomes import stored
from tests.support.used_library import assert_sound, populate

SITE = "https://site.test/"
NOT_FOUND = Failed(cause=Cause.NOT_FOUND, message="There is no such page (404).", status=404)


class Yard:
    """A library with jobs in it, and what deletes them."""

    def __init__(self, library: Any, ledger: Ledger, clock: Any) -> None:
        self.library = library
        self.ledger = ledger
        self.clock = clock
        self.deletions = Deletions(library, ledger)
        self._count = 0

    # Trees that a test puts there by hand: of any depth, all ended.

    async def add(self, parent: int | None = None, **columns: Any) -> int:
        """Add an ended job that is no page."""
        self._count += 1
        row: dict[str, Any] = {
            "type": "transform",
            "status": "cancelled",
            "parent_id": parent,
            "root_id": None,
            "name": f"job {self._count}",
            "created_at": self.clock.now_ms(),
            "completed_at": self.clock.now_ms(),
            **columns,
        }

        def insert(tx: Any) -> int:
            if parent is not None:
                row["root_id"] = tx.value("SELECT coalesce(root_id, id) FROM jobs WHERE id = ?", (parent,))
            row["revision"] = tx.revision
            names = ", ".join(row)
            return tx.execute(
                f"INSERT INTO jobs ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values())
            ).lastrowid

        return await self.library.write(insert)

    async def chain(self, levels: int) -> list[int]:
        """Add a job with one job below it, and so on."""
        ids = [await self.add()]
        for _ in range(levels):
            ids.append(await self.add(ids[-1]))
        return ids

    # Crawls as the engine makes them.

    async def start(self, *names: str, **config: Any) -> int:
        seeds = tuple(SITE + name for name in names or ("a",))
        return await self.ledger.start(NewRoot(name="site.test", config=CrawlConfig(seeds=seeds, **config)))

    async def take(self, n: int = 100) -> dict[str, Assignment]:
        received = await self.ledger.receive(n, NO_PACE)
        return {str(each.job.url).removeprefix(SITE): each for each in received.assignments}

    async def finish(self, assignment: Assignment, outcome: Stored | Failed | None = None, **page: Any) -> Any:
        url = str(assignment.job.url)
        outcome = outcome or stored(url, **page)
        if isinstance(outcome, Failed):
            return await self.ledger.fail(assignment.delivery.receipt, outcome)
        return await self.ledger.complete(assignment.delivery.receipt, outcome)

    async def crawl(self, **pages: Stored | Failed | None) -> int:
        """Crawl these pages to the end."""
        root = await self.start(*pages)
        for name, assignment in (await self.take()).items():
            await self.finish(assignment, pages[name])
        return root

    # Deleting.

    async def trash(self, *ids: int, cascade: bool = True) -> tuple[int, ...]:
        hidden = await self.deletions.hide(ids, cascade=cascade)
        assert hidden.failed == ()
        return hidden.tops

    async def restore(self, *ids: int) -> tuple[int, ...]:
        return await self.deletions.restore(ids)

    async def purge(self, *ids: int) -> Deletion:
        """Delete for good."""
        hidden = await self.deletions.hide(ids)
        purged = await self.deletions.purge(await self.deletions.in_trash(ids))
        return Deletion(deleted=purged.deleted, failed=(*hidden.failed, *purged.failed))

    # Looking.

    async def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return await self.library.read(lambda connection: connection.execute(sql, parameters).fetchall())

    async def one(self, sql: str, *parameters: Any) -> Any:
        ((value,),) = await self.rows(sql, *parameters)
        return value

    async def ids(self) -> list[int]:
        return [job_id for (job_id,) in await self.rows("SELECT id FROM jobs ORDER BY id")]

    async def id_of(self, name: str) -> int:
        return await self.one("SELECT id FROM jobs WHERE url = ?", SITE + name)

    async def status(self, job_id: int) -> str:
        return await self.one("SELECT status FROM jobs WHERE id = ?", job_id)

    async def shown(self, parent: Any = "all") -> list[int]:
        page = await self.library.read(lambda c: joblist.jobs(c, JobFilter(parent=parent, limit=None, order="id")))
        assert page.total_count == len(page.jobs)
        return sorted(job.id for job in page.jobs)

    async def progress(self, root: int) -> dict[str, int]:
        names = "discovered, documents, new_documents, gone_documents, bytes"
        ((*numbers,),) = await self.rows(f"SELECT {names} FROM root_progress WHERE root_id = ?", root)
        return dict(zip(names.split(", "), numbers, strict=True))

    async def audit(self) -> list[tuple[str, int, int | None, dict[str, Any]]]:
        rows = await self.rows("SELECT action, level, job_id, detail FROM audit ORDER BY id")
        return [(action, level, job_id, json.loads(detail)) for action, level, job_id, detail in rows]

    async def everything(self) -> list[str]:
        """Return all that is stored, but for what tells that something happened."""
        lines = await self.library.read(lambda connection: list(connection.iterdump()))
        told = tuple(f'INSERT INTO "{table}"' for table in ("library", "audit", "sqlite_sequence"))
        return [line for line in lines if not line.startswith(told)]

    async def verify(self) -> None:
        assert_sound(await verify_library(self.library))

    async def refuse(self, job_id: int, sql: str = "RAISE(ABORT, 'it is not to go')") -> None:
        """Let the database refuse to delete a job, by itself and with those above it."""
        await self._change_schema(
            f"CREATE TRIGGER refuse_{job_id} BEFORE DELETE ON jobs WHEN old.id = {job_id} BEGIN SELECT {sql}; END"
        )

    async def give_in(self) -> None:
        """Let the database delete whatever is to be deleted."""
        triggers = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'refuse_*'"
        for (name,) in await self.rows(triggers):
            await self._change_schema(f"DROP TRIGGER {name}")

    async def _change_schema(self, sql: str) -> None:
        def change(tx: Any) -> None:
            tx.execute(sql)
            # To the writer a transaction that changes no row is none.
            tx.execute("UPDATE library SET created_at = created_at")

        await self.library.write(change)


@pytest.fixture
def yard(library, ledger, clock) -> Yard:
    return Yard(library, ledger, clock)


# --- Issue 4: the five cases of a cascade -----------------------------------------------------------------------------


async def test_a_parent_goes_with_its_three_children(yard):
    parent = await yard.add()
    children = [await yard.add(parent) for _ in range(3)]
    bystander = await yard.add(await yard.add())
    deleted = await yard.purge(parent)
    assert (deleted.deleted[-1], sorted(deleted.deleted[:3]), deleted.failed) == (parent, children, ())
    assert await yard.ids() == [bystander - 1, bystander]


async def test_grandchildren_go_before_their_parents(yard):
    parent = await yard.add()
    children = [await yard.add(parent) for _ in range(2)]
    grandchildren = [await yard.add(child) for child in children for _ in range(2)]
    deleted = (await yard.purge(parent)).deleted
    assert set(deleted) == {parent, *children, *grandchildren}
    assert set(deleted[:4]) == set(grandchildren)
    assert deleted[-1] == parent
    assert await yard.ids() == []


async def test_a_child_goes_alone(yard):
    root = await yard.crawl(a=None, b=None, c=NOT_FOUND)
    child = await yard.id_of("b")
    assert (await yard.purge(child)).deleted == (child,)
    assert await yard.ids() == [root, await yard.id_of("a"), await yard.id_of("c")]
    assert await yard.progress(root) == {
        "discovered": 2, "documents": 1, "new_documents": 1, "gone_documents": 0, "bytes": 1_000,
    }  # fmt: skip


async def test_a_running_child_is_stopped_and_goes(yard):
    root = await yard.start("a", "b")
    running = (await yard.take(1))["a"]
    hidden = await yard.deletions.hide([running.job.id])
    assert hidden.running == (running.job.id,)
    assert (await yard.deletions.purge([running.job.id])).deleted == (running.job.id,)
    with pytest.raises(StaleReceiptError):
        await yard.finish(running)
    assert await yard.ids() == [root, await yard.id_of("b")]
    assert await yard.status(root) == "running"


@pytest.mark.parametrize("how", ["RAISE(ABORT, 'it is not to go')", "RAISE(FAIL, 'it is not to go')", "RAISE(IGNORE)"])
async def test_what_cannot_be_deleted_stops_neither_the_others_nor_the_parent(yard, how):
    parent = await yard.add()
    children = [await yard.add(parent) for _ in range(3)]
    grandchild = await yard.add(children[1])
    await yard.refuse(children[1], how)
    deletion = await yard.purge(parent)
    assert sorted(deletion.deleted) == [parent, children[0], children[2], grandchild]
    (failure,) = deletion.failed
    assert failure.id == children[1]
    assert ("it is not to go" in failure.error) == ("not to go" in how)
    # It is out of sight, a tree of its own, and the next purge tries again.
    assert await yard.ids() == [children[1]]
    assert await yard.shown() == []
    assert await yard.deletions.condemn_expired() == (children[1],)
    await yard.verify()
    await yard.give_in()
    assert (await yard.deletions.purge([children[1]])).deleted == (children[1],)
    assert await yard.ids() == []


# --- X1: trees of all shapes ------------------------------------------------------------------------------------------


@pytest.mark.unverified
@pytest.mark.parametrize("length", [1, 2, 3, MAX_TREE_DEPTH + 5])
async def test_a_circle_is_an_error_and_no_hang(yard, length):
    ids = await yard.chain(length - 1)
    await yard.library.write(
        lambda tx: tx.execute("UPDATE jobs SET parent_id = ?, root_id = ? WHERE id = ?", (ids[-1], ids[-1], ids[0]))
    )
    for job_id in ids:
        hidden = await yard.deletions.hide([job_id])
        assert [(failure.id, failure.error.endswith(".")) for failure in hidden.failed] == [(job_id, True)]
        assert await yard.deletions.plan([job_id], None) == DeletionPlan(failed=hidden.failed)
    assert await yard.ids() == ids


@pytest.mark.unverified
async def test_a_circle_that_comes_about_in_the_trash_is_an_error_and_no_hang(yard):
    _, middle, bottom = await yard.chain(2)
    await yard.trash(middle)
    await yard.library.write(lambda tx: tx.execute("UPDATE jobs SET parent_id = ? WHERE id = ?", (bottom, middle)))
    deletion = await yard.deletions.purge([middle])
    assert [failure.id for failure in deletion.failed] == [middle]
    assert "circle" in deletion.failed[0].error


async def test_a_tree_is_deleted_to_depth_10(yard):
    ids = await yard.chain(MAX_TREE_DEPTH)
    assert (await yard.purge(ids[0])).deleted == tuple(reversed(ids))
    assert await yard.ids() == []


@pytest.mark.unverified
async def test_depth_11_is_refused_with_what_to_do_and_nothing_goes(yard):
    ids = await yard.chain(MAX_TREE_DEPTH + 1)
    deletion = await yard.purge(ids[0])
    assert (deletion.deleted, [failure.id for failure in deletion.failed]) == ((), [ids[0]])
    assert await yard.shown() == ids
    assert f"job {ids[10]}" in deletion.failed[0].error
    assert (await yard.deletions.plan([ids[0]], None)).failed == deletion.failed
    # Further down it can be.
    assert len((await yard.purge(ids[1])).deleted) == MAX_TREE_DEPTH + 1
    assert await yard.ids() == [ids[0]]


async def test_of_a_failure_deep_down_each_parent_above_goes_too(yard):
    ids = await yard.chain(4)
    sibling = await yard.add(ids[3])
    await yard.refuse(ids[4])
    await yard.refuse(ids[2])
    deletion = await yard.purge(ids[0])
    assert sorted(deletion.deleted) == [ids[0], ids[1], ids[3], sibling]
    assert [failure.id for failure in deletion.failed] == [ids[4], ids[2]]
    assert await yard.ids() == [ids[2], ids[4]]
    await yard.give_in()


async def test_survivors_below_a_survivor_stay_below_it(yard):
    ids = await yard.chain(3)
    for stubborn in ids[2:]:
        await yard.refuse(stubborn)
    await yard.purge(ids[0])
    assert await yard.rows("SELECT id, parent_id, root_id FROM jobs ORDER BY id") == [
        (ids[2], None, None),
        (ids[3], ids[2], ids[2]),
    ]
    await yard.give_in()


async def test_a_parent_that_cannot_be_deleted_loses_its_children_and_is_named(yard):
    parent = await yard.add()
    children = [await yard.add(parent) for _ in range(2)]
    await yard.refuse(parent)
    deletion = await yard.purge(parent)
    assert (sorted(deletion.deleted), [failure.id for failure in deletion.failed]) == (children, [parent])
    assert (await yard.ids(), await yard.shown()) == ([parent], [])
    await yard.give_in()


async def test_an_open_page_that_cannot_be_deleted_never_runs_again(yard):
    root = await yard.start("a", "b")
    running = (await yard.take(1))["a"]
    stubborn = running.job.id
    await yard.refuse(stubborn)
    deletion = await yard.purge(root)
    assert [failure.id for failure in deletion.failed] == [stubborn]
    assert (await yard.take()) == {}
    assert await yard.rows("SELECT status, parent_id FROM jobs") == [("cancelled", None)]
    assert await yard.rows("SELECT * FROM messages") == []
    await yard.give_in()


# --- X2: the audit ----------------------------------------------------------------------------------------------------


async def test_the_audit_tells_the_start_each_child_and_the_summary(yard):
    parent = await yard.add(name="docs.quaero.org")
    children = [await yard.add(parent) for _ in range(3)]
    await yard.purge(parent)
    trashed, start, *rows, end = await yard.audit()
    assert trashed == ("trash", 1, parent, {"parent_id": None})
    assert start[:3] == ("delete.start", 1, parent)
    assert (start[3]["child_count"], start[3]["jobs"], start[3]["name"]) == (3, 4, "docs.quaero.org")
    child = {"parent_id": parent, "type": "transform", "status": "cancelled"}
    assert rows == [("delete.child", 0, each, child) for each in children]
    assert end == ("delete.end", 1, parent, {"parent_id": None, "deleted": 4, "failed": 0})


async def test_the_audit_tells_each_failure_and_the_summary_names_all_that_failed(yard):
    parent = await yard.add()
    children = [await yard.add(parent) for _ in range(4)]
    for stubborn in children[1:3]:
        await yard.refuse(stubborn)
    await yard.purge(parent)
    rows = await yard.audit()
    assert [row[1:] for row in rows if row[0] == "delete.failed"] == [
        (3, stubborn, {"parent_id": parent, "error": "it is not to go"}) for stubborn in children[1:3]
    ]
    assert rows[-1] == (
        "delete.end", 2, parent, {"parent_id": None, "deleted": 3, "failed": 2, "failed_ids": children[1:3]},
    )  # fmt: skip
    assert [row[2] for row in rows if row[0] == "delete.child"] == [children[0], children[3]]
    await yard.give_in()


async def test_the_audit_keeps_no_secret(yard):
    parent = await yard.add(name="https://u:hunter2secret@docs.quaero.org/?token=abcdefghijklmnop")
    await yard.purge(parent)
    assert not any("hunter2secret" in str(row) or "abcdefghijkl" in str(row) for row in await yard.audit())


# --- X3: without cascade, and what is gone ----------------------------------------------------------------------------


async def test_without_cascade_a_job_with_children_is_refused_and_nothing_goes(yard):
    alone, parent = await yard.add(), await yard.add()
    child = await yard.add(parent)
    with pytest.raises(NotAllowedError, match=f"1 job below job {parent}"):
        await yard.trash(alone, parent, cascade=False)
    assert await yard.shown() == [alone, parent, child]
    assert await yard.trash(alone, child, cascade=False) == (alone, child)
    # Its only child is gone.
    assert await yard.trash(parent, cascade=False) == (parent,)


async def test_deleting_what_is_gone_is_a_success(yard):
    job_id = await yard.add()
    for gone in (99, 0, -1, 2**70):
        assert await yard.trash(gone) == ()
        assert await yard.trash(gone, cascade=False) == ()
        assert await yard.purge(gone) == Deletion()
        assert await yard.deletions.plan([gone], None) == DeletionPlan()
    await yard.purge(job_id)
    assert await yard.purge(job_id) == Deletion()


async def test_what_is_in_the_trash_already_stays_there(yard):
    top, child = await yard.chain(1)
    assert await yard.trash(top) == (top,)
    yard.clock.advance(5)
    assert await yard.trash(top, child) == ()
    assert await yard.one("SELECT trashed_at FROM jobs WHERE id = ?", top) == yard.clock.now_ms() - 5_000
    assert (await yard.purge(top)).deleted == (child, top)


# --- X5: the database by itself ---------------------------------------------------------------------------------------


async def test_the_foreign_keys_delete_what_is_below_when_the_service_is_bypassed(yard):
    await populate(yard.ledger)
    documents = await yard.rows("SELECT id, content_hash FROM documents ORDER BY id")
    assert documents
    await yard.library.write(lambda tx: tx.execute("DELETE FROM jobs WHERE parent_id IS NULL"))
    for table in "jobs child_counts root_progress skips skip_counts attempts job_logs messages".split():
        assert await yard.one(f"SELECT count(*) FROM {table}") == 0, table
    assert await yard.rows("SELECT id, content_hash FROM documents ORDER BY id") == documents


async def test_the_foreign_keys_delete_a_tree_from_any_connection_of_ours(yard):
    ids = await yard.chain(MAX_TREE_DEPTH)
    with closing(sqlite.connect_writer(yard.library.path)) as connection:
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
        connection.execute("DELETE FROM jobs WHERE id = ?", (ids[0],))
    assert await yard.ids() == []


async def test_a_source_outlives_its_credential(yard):
    def make(tx: Any) -> None:
        now = (tx.now, tx.now)
        tx.execute(
            "INSERT INTO credentials (name, origin, kind, created_at, updated_at)"
            " VALUES ('c', 'https://a', 'basic', ?, ?)",
            now,
        )
        tx.execute(
            "INSERT INTO sources (name, base_url, credential_id, created_at, updated_at)"
            " VALUES ('s', 'https://a', 1, ?, ?)",
            now,
        )
        tx.execute("DELETE FROM credentials")

    await yard.library.write(make)
    assert await yard.rows("SELECT name, credential_id FROM sources") == [("s", None)]


async def test_no_child_without_a_parent_can_be_stored(yard):
    with pytest.raises(sqlite3.IntegrityError):
        await yard.library.write(
            lambda tx: tx.execute(
                "INSERT INTO jobs (parent_id, root_id, type, status, created_at, revision)"
                " VALUES (9, 9, 'x', 'failed', 1, 1)"
            )
        )


# --- X6: out of sight, and back ---------------------------------------------------------------------------------------


async def test_deleting_hides_at_once_and_restoring_brings_back_everything_as_it_was(yard):
    await populate(yard.ledger)
    before = await yard.everything()
    shown = await yard.shown()
    assert await yard.trash(1) == (1,)
    assert not {1, *await yard.rows("SELECT id FROM jobs WHERE root_id = 1")} & set(await yard.shown())
    assert await yard.restore(1) == (1,)
    assert await yard.shown() == shown
    revision = f"{yard.library.revision}"
    (changed,) = sorted(set(await yard.everything()) - set(before))
    assert changed.startswith('INSERT INTO "jobs" VALUES(1,')
    assert changed.endswith(f"NULL,{revision});")


async def test_documents_outlive_the_crawl_that_brought_them(yard):
    root = await yard.crawl(a=None, b=None)
    documents = await yard.rows("SELECT id, url, markdown FROM documents")
    await yard.purge(root)
    assert await yard.rows("SELECT id, url, markdown FROM documents") == documents != []
    assert await yard.rows("SELECT count(*) FROM page_sources") == [(2,)]


async def test_nothing_of_a_deleted_crawl_is_received_until_it_is_restored(yard):
    root = await yard.start("a", "b", "c")
    running = (await yard.take(1))["a"]
    hidden = await yard.deletions.hide([root])
    assert (hidden.tops, hidden.running) == ((root,), (running.job.id,))
    assert await yard.take() == {}
    assert await yard.ledger.is_idle()
    with pytest.raises(StaleReceiptError):
        await yard.finish(running)
    await yard.restore(root)
    assert not await yard.ledger.is_idle()
    again = await yard.take()
    assert set(again) == {"a", "b", "c"}
    assert again["a"].delivery.tries == 1, "that it was interrupted does not count"
    for assignment in again.values():
        await yard.finish(assignment)
    assert await yard.status(root) == "completed"
    outcomes = await yard.rows("SELECT outcome FROM attempts WHERE job_id = ? ORDER BY delivery", running.job.id)
    assert outcomes == [("interrupted",), ("completed",)]


async def test_what_finishes_while_its_crawl_is_deleted_is_discarded_or_stored_whole(yard):
    root = await yard.start("a")
    running = (await yard.take())["a"]
    finishing = asyncio.create_task(yard.finish(running))
    assert await yard.trash(root) == (root,)
    try:
        assert (await finishing).root_status == "completed"
    except (StaleReceiptError, RootClosedError):
        assert await yard.rows("SELECT * FROM documents") == []


@pytest.mark.parametrize("name", ["a", "b"])
async def test_a_deleted_page_is_not_received_and_comes_back_as_it_was(yard, name):
    root = await yard.start("a", "b", "c")
    running = await yard.take(1)
    progress = await yard.progress(root)
    page = await yard.id_of(name)
    await yard.trash(page)
    assert (await yard.progress(root))["discovered"] == 2
    await yard.verify()
    assert name not in await yard.take()
    await yard.restore(page)
    assert await yard.progress(root) == progress
    assert set(await yard.take()) == {name}
    with pytest.raises(StaleReceiptError) if name == "a" else pytest.raises(AssertionError):
        await yard.finish(running["a"])
        assert name == "a"


async def test_a_page_that_waits_for_its_time_waits_for_it_in_the_trash_too(yard):
    await yard.start("a")
    assignment = (await yard.take())["a"]
    trouble = Failed(
        cause=Cause.HTTP_SERVER_ERROR, message="In trouble (503).", status=503, retryable=True, retry_after_ms=60_000
    )
    await yard.finish(assignment, trouble)
    page = assignment.job.id
    await yard.trash(page)
    assert await yard.ledger.is_idle()
    await yard.restore(page)
    assert not await yard.ledger.is_idle()
    assert await yard.take() == {}
    yard.clock.advance(61)
    assert set(await yard.take()) == {"a"}


async def test_a_crawl_ends_without_its_deleted_page_and_opens_when_that_comes_back(yard):
    root = await yard.start("a", "b", "c")
    pages = await yard.take(2)
    await yard.finish(pages["a"])
    await yard.finish(pages["b"], NOT_FOUND)
    waiting, failed = await yard.id_of("c"), await yard.id_of("b")
    await yard.trash(waiting)
    assert await yard.rows("SELECT status, warnings FROM jobs WHERE id = ?", root) == [("completed", 1)]
    await yard.trash(failed)
    assert await yard.one("SELECT warnings FROM jobs WHERE id = ?", root) == 0
    await yard.verify()
    await yard.restore(waiting)
    assert await yard.rows("SELECT status, completed_at, warnings FROM jobs WHERE id = ?", root) == [
        ("running", None, 0)
    ]
    await yard.verify()
    await yard.finish((await yard.take())["c"])
    assert await yard.rows("SELECT status, warnings FROM jobs WHERE id = ?", root) == [("completed", 0)]
    await yard.restore(failed)
    assert await yard.rows("SELECT status, warnings FROM jobs WHERE id = ?", root) == [("completed", 1)]


async def test_a_crawl_whose_pages_were_all_deleted_says_so(yard):
    root = await yard.start("a")
    await yard.trash(await yard.id_of("a"))
    assert await yard.rows("SELECT status, error FROM jobs WHERE id = ?", root) == [
        ("failed", "No page could be stored: they were deleted.")
    ]


@pytest.mark.parametrize("purged", [False, True])
async def test_the_progress_of_a_crawl_is_right_without_its_deleted_pages(yard, purged):
    refused = [Refusal("https://elsewhere.test/", SkipReason.SCOPE, "host")]
    root = await yard.crawl(
        a=stored(SITE + "a", refused=refused, wire_bytes=500), b=stored(SITE + "b", wire_bytes=70), c=NOT_FOUND
    )
    before = await yard.progress(root)
    ids = [await yard.id_of(name) for name in "ac"]
    await (yard.purge if purged else yard.trash)(*ids)
    assert await yard.progress(root) == {
        "discovered": 2, "documents": 1, "new_documents": 1, "gone_documents": 0, "bytes": 70,
    }  # fmt: skip
    details = await yard.library.read(lambda c: figures.root_details(c, root, now=yard.clock.now_ms()))
    assert (details.pages, details.job.pages, details.job.failed_children) == ({"completed": 1}, 1, 0)
    if not purged:
        await yard.restore(*ids)
        assert await yard.progress(root) == before


async def test_a_page_deleted_for_good_can_be_found_again(yard):
    root = await yard.start("a", "b")
    pages = await yard.take()
    await yard.finish(pages["a"])
    await yard.purge(pages["a"].job.id)
    await yard.finish(pages["b"], links=[SITE + "a"])
    assert set(await yard.take()) == {"a"}
    assert (await yard.progress(root))["discovered"] == 2


async def test_a_page_in_the_trash_is_not_found_again(yard):
    root = await yard.start("a", "b")
    pages = await yard.take()
    await yard.trash(pages["a"].job.id)
    await yard.finish(pages["b"], links=[SITE + "a"])
    assert await yard.take() == {}
    assert await yard.status(root) == "completed"
    await yard.restore(pages["a"].job.id)
    assert set(await yard.take()) == {"a"}


async def test_new_rules_do_not_queue_what_lies_in_the_trash(yard):
    root = await yard.start("a", "b")
    page = await yard.id_of("a")
    await yard.ledger.change_rules(root, RuleChanges(max_pages=1))
    withdrawn = await yard.one("SELECT id FROM jobs WHERE status = 'skipped'")
    assert withdrawn in (page, page + 1)
    await yard.trash(withdrawn)
    await yard.ledger.change_rules(root, RuleChanges(max_pages=5))
    await yard.verify()
    assert len(await yard.take()) == 1
    await yard.restore(withdrawn)
    assert await yard.status(withdrawn) == "skipped"


async def test_a_crawl_cancelled_meanwhile_gets_a_cancelled_page_back(yard):
    root = await yard.start("a", "b")
    page = await yard.id_of("a")
    await yard.trash(page)
    await yard.ledger.cancel(root)
    await yard.restore(page)
    assert [await yard.status(job_id) for job_id in (root, page)] == ["cancelled", "cancelled"]


async def test_a_paused_crawl_comes_back_paused(yard):
    root = await yard.start("a")
    await yard.ledger.pause(root)
    await yard.trash(root)
    await yard.restore(root)
    assert await yard.status(root) == "paused"
    assert await yard.take() == {}


@pytest.mark.parametrize("action", ["cancel", "pause", "resume"])
async def test_what_lies_in_the_trash_cannot_be_changed(yard, action):
    root = await yard.start("a")
    await yard.trash(root)
    for job_id in (root, await yard.id_of("a")):
        with pytest.raises(NotFoundError, match="deleted"):
            await getattr(yard.ledger, action)(job_id)


async def test_deletions_inside_one_another_are_undone_one_by_one(yard):
    root = await yard.start("a", "b")
    page = await yard.id_of("a")
    await yard.trash(page)
    await yard.trash(root)
    assert await yard.shown() == []
    with pytest.raises(NotAllowedError, match=f"with job {root}"):
        await yard.restore(page)
    assert await yard.restore(root) == (root,)
    assert await yard.shown() == [root, await yard.id_of("b")]
    assert set(await yard.take()) == {"b"}
    assert await yard.restore(page) == (page,)
    assert set(await yard.take()) == {"a"}


async def test_deletions_in_a_nested_tree_are_undone_one_by_one(yard):
    ids = await yard.chain(4)
    await yard.trash(ids[3])
    await yard.trash(ids[1])
    assert await yard.shown() == ids[:1]
    await yard.verify()
    await yard.restore(ids[1])
    assert await yard.shown() == ids[:3]
    await yard.restore(ids[3])
    assert await yard.shown() == ids
    await yard.trash(ids[3])
    await yard.trash(ids[1])
    assert await yard.restore(ids[3], ids[1]) == (ids[1], ids[3])
    assert await yard.shown() == ids


async def test_pages_of_an_earlier_attempt_do_not_count_for_the_pace_of_the_one_of_now(yard):
    root = await yard.crawl(a=None, b=None, c=NOT_FOUND)
    ended = "SELECT ended_before FROM root_progress WHERE root_id = ?"
    first, second = await yard.id_of("a"), await yard.id_of("b")
    await yard.trash(first)
    yard.clock.advance(1)
    assert await yard.ledger.retry(root) == 1
    assert await yard.one(ended, root) == 1
    await yard.restore(first)
    assert await yard.one(ended, root) == 2
    yard.clock.advance(1)
    (retried,) = (await yard.take()).values()
    await yard.finish(retried)
    await yard.trash(retried.job.id)
    assert await yard.one(ended, root) == 2
    await yard.purge(second)
    assert await yard.one(ended, root) == 1


async def test_of_jobs_deleted_together_the_topmost_bear_the_mark(yard):
    first, second = await yard.chain(3), await yard.chain(1)
    tops = await yard.trash(*reversed(first), second[1])
    assert tops == (first[0], second[1])
    assert await yard.restore(*first, *second) == tops, "those below come back with it, and that is no error"


async def test_a_job_deleted_with_one_above_it_comes_back_with_that(yard):
    top, child = await yard.chain(1)
    await yard.trash(top)
    with pytest.raises(NotAllowedError, match=f"with job {top}"):
        await yard.restore(child)
    with pytest.raises(NotFoundError, match="no job 99"):
        await yard.restore(99)
    assert await yard.restore(top) == (top,)
    assert await yard.restore(top) == (), "it is there"


async def test_one_that_cannot_come_back_does_not_keep_the_others_away(yard):
    job_id = await yard.add()
    await yard.trash(job_id)
    with pytest.raises(NotFoundError, match="99"):
        await yard.restore(99, job_id)
    assert await yard.shown() == [job_id]


async def test_a_change_of_the_trash_is_a_change_that_a_feed_sees(yard):
    root = await yard.start("a", "b")
    page = await yard.id_of("a")
    for change in (yard.trash, yard.restore):
        await change(page)
        changed = await yard.rows("SELECT id FROM jobs WHERE revision = ? ORDER BY id", yard.library.revision)
        assert changed == [(root,), (page,)]
    await yard.trash(root)
    assert await yard.one("SELECT revision FROM jobs WHERE id = ?", root) == yard.library.revision


# --- Purging ----------------------------------------------------------------------------------------------------------


async def test_what_lay_in_the_trash_for_30_seconds_cannot_come_back(yard):
    old, young = await yard.add(), await yard.add()
    await yard.trash(old)
    yard.clock.advance(TRASH_SECONDS - 1)
    await yard.trash(young)
    assert await yard.deletions.condemn_expired() == ()
    assert await yard.deletions.next_expiry() == yard.clock.now_ms() + 1_000
    yard.clock.advance(1)
    assert await yard.deletions.condemn_expired() == (old,)
    with pytest.raises(NotFoundError, match="for good"):
        await yard.restore(old)
    assert await yard.restore(young) == (young,)
    assert await yard.deletions.next_expiry() is None
    assert await yard.deletions.condemn_expired() == (old,), "until it is purged"
    assert await yard.deletions.purge([old]) == Deletion(deleted=(old,))
    assert await yard.deletions.condemn_expired() == ()


async def test_what_was_deleted_before_somebody_put_the_clock_back_is_purged(yard):
    job_id = await yard.add()
    await yard.trash(job_id)
    yard.clock.jump(-3_600)
    assert await yard.deletions.condemn_expired() == (job_id,)
    await yard.deletions.purge([job_id])


async def test_what_was_brought_back_before_its_purge_began_stays(yard):
    parent = await yard.add()
    children = [await yard.add(parent) for _ in range(2)]
    await yard.trash(*children)
    await yard.restore(*children)
    assert await yard.deletions.purge(children) == Deletion()
    assert await yard.deletions.purge([parent]) == Deletion()
    assert await yard.shown() == [parent, *children]
    assert await yard.rows("SELECT * FROM audit WHERE action = 'delete.start'") == []


async def test_a_purge_killed_half_way_stays_out_of_sight_and_is_resumed(yard, monkeypatch):
    monkeypatch.setattr(trash, "BATCH", 7)
    root = await yard.start(*(f"page-{n}" for n in range(50)))
    other = await yard.add()
    refused = [Refusal(f"https://elsewhere.test/{n}", SkipReason.SCOPE, "host") for n in range(20)]
    first = await yard.take(3)
    await yard.finish(first["page-0"], stored(SITE + "page-0", refused=refused))
    await yard.trash(root)
    steps = []

    async def purge_until_killed() -> None:
        def killed(done: int, total: int) -> None:
            steps.append((done, total))
            if len(steps) == 3:
                raise SystemExit  # as if the process ended here

        with pytest.raises(SystemExit):
            await yard.deletions.purge([root], killed)

    await purge_until_killed()
    assert steps == [(7, 51), (14, 51), (21, 51)]
    assert len(await yard.ids()) == 52 - 21
    assert await yard.shown() == [other]
    await yard.verify()
    # Another process: it knows nothing of all this.
    again = Yard(yard.library, Ledger(yard.library, Queue(owner="engine-2")), yard.clock)
    await again.ledger.recover()
    await again.verify()
    with pytest.raises(NotFoundError, match="for good"):
        await again.restore(root)
    assert await again.take() == {}
    assert await again.deletions.condemn_expired() == (root,)
    resumed = await again.deletions.purge([root])
    assert (len(resumed.deleted), resumed.deleted[-1], resumed.failed) == (30, root, ())
    assert await again.ids() == [other]
    assert [row[0] for row in await again.audit() if row[0] != "delete.child"] == [
        "trash", "delete.start", "delete.start", "delete.end",
    ]  # fmt: skip
    assert await again.rows("SELECT * FROM skips") == []


async def test_a_purge_that_is_cancelled_stops_between_two_transactions(yard, monkeypatch):
    monkeypatch.setattr(trash, "BATCH", 5)
    root = await yard.start(*(f"page-{n}" for n in range(40)))
    await yard.trash(root)
    begun = asyncio.Event()
    task = asyncio.create_task(yard.deletions.purge([root], lambda done, total: begun.set()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await yard.verify()
    left = len(await yard.ids())
    assert 1 < left < 41
    await yard.deletions.purge([root])
    assert await yard.ids() == []


async def test_no_transaction_of_a_purge_takes_more_than_a_batch(yard, monkeypatch):
    monkeypatch.setattr(trash, "BATCH", 10)
    refused = [Refusal(f"https://elsewhere.test/{n}", SkipReason.SCOPE, "host") for n in range(35)]
    root = await yard.start(*(f"page-{n}" for n in range(35)))
    await yard.finish((await yard.take(1))["page-0"], stored(SITE + "page-0", refused=refused))
    await yard.trash(root)
    taken: list[tuple[int, int]] = []
    write = yard.library.write

    async def counting(function: Any) -> Any:
        def run(tx: Any) -> Any:
            jobs, skips = rows_in(tx)
            value = function(tx)
            jobs_left, skips_left = rows_in(tx)
            taken.append((jobs - jobs_left, skips - skips_left))
            return value

        return await write(run)

    def rows_in(tx: Any) -> tuple[int, int]:
        return tx.value("SELECT count(*) FROM jobs"), tx.value("SELECT count(*) FROM skips")

    monkeypatch.setattr(yard.library, "write", counting)
    await yard.deletions.purge([root])
    assert (sum(jobs for jobs, _ in taken), sum(skips for _, skips in taken)) == (36, 35)
    assert max(max(step) for step in taken) == 10


async def test_many_pages_deleted_one_by_one_are_purged_together(yard):
    root = await yard.start(*(f"page-{n}" for n in range(30)))
    pages = [job_id for job_id in await yard.ids() if job_id != root]
    await yard.refuse(pages[3])
    progress: list[tuple[int, int]] = []
    assert await yard.trash(*pages[:20]) == tuple(pages[:20])
    purged = await yard.deletions.purge(pages[:20], lambda done, total: progress.append((done, total)))
    assert (len(purged.deleted), purged.failed) == (19, (DeletionFailure(pages[3], "it is not to go"),))
    assert progress == [(20, 20)]
    assert await yard.shown(root) == pages[20:]
    assert [row[0] for row in await yard.audit()].count("delete.end") == 1
    assert (await yard.progress(root))["discovered"] == 10
    await yard.give_in()
    assert len(await yard.take()) == 10


async def test_a_purge_goes_on_beside_others_who_write(yard, monkeypatch):
    monkeypatch.setattr(trash, "BATCH", 5)
    gone = await yard.start(*(f"page-{n}" for n in range(60)))
    await yard.trash(gone)
    root = await yard.start(*(f"other-{n}" for n in range(20)))
    purge = asyncio.create_task(yard.deletions.purge([gone]))
    while pages := await yard.take(2):
        for assignment in pages.values():
            await yard.finish(assignment)
    assert len((await purge).deleted) == 61
    assert await yard.status(root) == "completed"


async def test_what_points_at_a_deleted_job_forgets_it(yard):
    first = await yard.add()
    await yard.add(rerun_of=first, triggered_by=first)
    await yard.purge(first)
    assert await yard.rows("SELECT rerun_of, triggered_by FROM jobs") == [(None, None)]


# --- The dry run ------------------------------------------------------------------------------------------------------


async def test_a_plan_says_what_would_go_and_changes_nothing(yard):
    root = await yard.start("a", "b", "c")
    await yard.take(2)
    nested = await yard.chain(2)
    before = await yard.everything()
    plan = await yard.deletions.plan([root, *nested, 99], None)
    assert (plan.tops, plan.jobs, plan.running) == ((root, nested[0]), 7, 2)
    assert set(plan.ids) == {root, await yard.id_of("a"), await yard.id_of("b"), await yard.id_of("c"), *nested}
    assert plan.ids[3:] == (root, *reversed(nested)), "children before their parents"
    assert await yard.everything() == before
    page = await yard.deletions.plan([await yard.id_of("a")], None)
    assert (page.jobs, page.running, page.ids) == (1, 1, page.tops)


async def test_a_plan_lists_as_many_ids_as_are_wanted(yard):
    root = await yard.start(*(f"page-{n}" for n in range(30)))
    for most in (0, 1, 10, 30, 31, 100):
        plan = await yard.deletions.plan([root], most)
        assert (plan.jobs, len(plan.ids)) == (31, min(most, 31))
    assert (await yard.deletions.plan([root], None)).ids[-1] == root


async def test_a_plan_leaves_out_what_lies_in_the_trash_by_itself(yard):
    ids = await yard.chain(4)
    await yard.trash(ids[3])
    plan = await yard.deletions.plan([ids[1]], None)
    assert (plan.jobs, plan.ids) == (2, (ids[2], ids[1]))
    assert await yard.deletions.plan([ids[4]], None) == DeletionPlan()
