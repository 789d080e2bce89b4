"""What changed since a moment: nothing is missed, nothing is told that is hidden, and too much is said to be so."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.storage import migrate
from quaero_desktop.storage.queries import changes
from quaero_desktop.storage.sqlite import connect_writer

NOW = 1_700_000_000_000


class Library:
    """A library whose jobs a test changes by hand, each in a commit of its own, and who watches it."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.seen = changes.moment(connection)
        self.watched: set[int] = set()

    def commit(self) -> int:
        self.connection.execute("UPDATE library SET revision = revision + 1")
        (revision,) = self.connection.execute("SELECT revision FROM library").fetchone()
        return int(revision)

    def add(self, parent: int | None = None, status: str = "pending", **columns: Any) -> int:
        row = {
            "type": "crawl" if parent is None else "crawler_url",
            "status": status,
            "parent_id": parent,
            "root_id": None if parent is None else columns.pop("root_id", parent),
            "created_at": NOW,
            "revision": self.commit(),
            **columns,
        }
        marks = ", ".join("?" * len(row))
        cursor = self.connection.execute(f"INSERT INTO jobs ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
        return int(cursor.lastrowid)

    def change(self, job_id: int, status: str) -> None:
        sql = "UPDATE jobs SET status = ?, revision = ? WHERE id = ?"
        self.connection.execute(sql, (status, self.commit(), job_id))

    def trash(self, job_id: int, at: int | None = NOW) -> None:
        self.connection.execute(
            "UPDATE jobs SET trashed_at = ?, revision = ? WHERE id = ?", (at, self.commit(), job_id)
        )

    def purge(self, job_id: int, parent_id: int | None = None) -> None:
        self.connection.execute(
            "INSERT INTO audit (at, level, action, job_id, detail) VALUES (?, 0, 'delete.child', ?, ?)",
            (NOW, job_id, json.dumps({"parent_id": parent_id})),
        )
        self.connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
        self.commit()

    def update(self, most: int = changes.MOST) -> FeedUpdate:
        told, self.seen = changes.since(self.connection, self.seen, lambda: self.watched, most)
        return told

    def ids(self, most: int = changes.MOST) -> tuple[list[int], list[int], list[int], bool]:
        told = self.update(most)
        return [job.id for job in told.roots], [job.id for job in told.children], list(told.removed), told.complete


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    migrate.create(tmp_path / "library.db", NOW)
    with closing(connect_writer(tmp_path / "library.db")) as connection:
        yield Library(connection)


def test_nothing_is_told_when_nothing_changed(library):
    library.add()
    library.update()

    before = library.seen
    assert library.ids() == ([], [], [], True)
    assert library.seen == before


def test_a_root_is_told_with_its_counts_and_its_children_only_to_who_watches(library):
    root, other = library.add(), library.add()
    pages = [library.add(root), library.add(root)]
    library.watched = {other}
    told = library.update()
    assert [(job.id, job.child_count) for job in told.roots] == [(root, 2), (other, 0)]
    assert told.children == ()

    library.watched = {root}
    library.change(pages[1], "running")
    told = library.update()
    assert [(job.id, job.children) for job in told.roots] == [(root, {"pending": 1, "running": 1})]
    assert [(job.id, job.status) for job in told.children] == [(pages[1], "running")]
    assert told.revision == library.seen.revision


def test_a_root_is_told_when_only_something_far_below_it_changed(library):
    root = library.add()
    child = library.add(root)
    grandchild = library.add(child, root_id=root)
    library.update()
    library.watched = {child}

    library.change(grandchild, "completed")

    assert library.ids() == ([root], [grandchild], [], True)


def test_the_watched_are_asked_for_within_the_snapshot(library):
    root = library.add()
    page = library.add(root)
    library.update()
    library.change(page, "running")

    def asked() -> set[int]:
        assert library.connection.in_transaction
        return {root}

    library.connection.execute("BEGIN")
    told, _ = changes.since(library.connection, library.seen, asked)
    library.connection.execute("COMMIT")
    assert [job.id for job in told.children] == [page]


def test_what_goes_to_the_trash_is_removed_and_comes_back_whole(library):
    root = library.add()
    page, other = library.add(root), library.add(root)
    library.watched = {root}
    library.update()

    library.trash(page)
    told = library.update()
    assert ([job.id for job in told.roots], told.children, told.removed) == ([root], (), (page,))
    assert told.roots[0].child_count == 1

    library.change(other, "running")
    assert library.ids() == ([root], [other], [], True)

    library.trash(page, None)
    assert library.ids() == ([root], [page], [], True)

    library.trash(root)
    assert library.ids() == ([], [], [root], True)
    library.change(other, "completed")
    assert library.ids() == ([], [], [], True)

    library.trash(root, None)
    assert library.ids()[0] == [root]


def test_what_is_purged_between_two_looks_is_removed(library):
    root = library.add()
    page, kept = library.add(root), library.add(root)
    library.watched = {root}
    library.update()

    library.purge(page, root)
    told = library.update()
    assert told.removed == (page,)
    assert [(job.id, job.child_count) for job in told.roots] == [(root, 1)]

    library.trash(root)
    library.purge(kept, root)
    library.purge(root)
    # Who sees that the root is gone needs no word of what was below it.
    assert library.ids() == ([], [], [root], True)


def test_too_much_at_once_is_told_by_the_roots_alone(library):
    root, quiet, ended = library.add(status="running"), library.add(status="running"), library.add()
    library.change(ended, "completed")
    library.watched = {root}
    library.update()
    for _ in range(5):
        library.add(root)
    library.change(ended, "failed")

    # Counts of open roots may have changed without their own revision.
    assert library.ids(most=5) == ([root, quiet, ended], [], [], False)
    assert library.ids(most=5) == ([], [], [], True)


def test_exactly_as_much_as_can_be_told_is_told(library):
    root = library.add()
    library.update()
    library.watched = {root}
    pages = [library.add(root) for _ in range(5)]

    assert library.ids(most=5) == ([root], pages, [], True)
