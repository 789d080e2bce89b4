"""The tree of jobs as a model: what it shows, and that Qt's own tester finds no fault with it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy
from PySide6.QtWidgets import QTreeView

from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.domain.jobs import Job
from quaero_desktop.ui.models import jobtree
from quaero_desktop.ui.models.jobnode import Column
from quaero_desktop.ui.models.joborder import Filter
from quaero_desktop.ui.models.jobtree import ID_ROLE, JobTreeModel
from tests.support.jobs import NOW, page, root

DOWN, UP = Qt.SortOrder.DescendingOrder, Qt.SortOrder.AscendingOrder
TOP = QModelIndex()


class Clock:
    """Says what time it is."""

    def __init__(self) -> None:
        self.now = NOW + 100_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make(clock: Callable[[], int]) -> JobTreeModel:
    """Return a model that Qt's own tester watches; what it finds wrong is a warning of Qt's, which fails the test."""
    model = JobTreeModel(now=clock)
    model.tester = QAbstractItemModelTester(  # type: ignore[attr-defined]
        model, QAbstractItemModelTester.FailureReportingMode.Warning
    )
    return model


@pytest.fixture
def model(qapp: object, clock: Clock) -> JobTreeModel:
    return make(clock)


def update(
    roots: tuple[Job, ...] = (), children: tuple[Job, ...] = (), removed: tuple[int, ...] = (), revision: int = 9
) -> FeedUpdate:
    return FeedUpdate(revision=revision, roots=roots, children=children, removed=removed)


def rows(model: JobTreeModel, parent: QModelIndex = TOP, column: Column = Column.NAME) -> list[Any]:
    """Return what the rows below *parent* say."""
    return [model.index(row, column, parent).data() for row in range(model.rowCount(parent))]


def ids(model: JobTreeModel, parent: QModelIndex = TOP) -> list[Any]:
    return [model.index(row, 0, parent).data(ID_ROLE) for row in range(model.rowCount(parent))]


def open_root(model: JobTreeModel, job_id: int, *children: Job, total: int | None = None) -> QModelIndex:
    """Open a root as a view does, and give it its children."""
    model.open(job_id)
    model.set_children(job_id, children, len(children) if total is None else total)
    return model.index_of(job_id)


# --- Roots ----------------------------------------------------------------------------------------------------------


def test_roots_stand_newest_first_wherever_they_come_from(model):
    model.add_roots([root(3), root(2)])
    model.add_roots([root(1)])
    model.apply(update(roots=(root(5), root(4))))

    assert ids(model) == [5, 4, 3, 2, 1]


def test_a_root_says_how_far_it_is(model, clock):
    model.add_roots(
        [
            root(1, name="docs.quaero.org", children={"completed": 409, "failed": 3, "pending": 96, "running": 3}),
            root(2, "completed", warnings=2, children={"completed": 1202, "failed": 2}),
        ]
    )
    clock.now = NOW + 130_000

    def said(job_id: int) -> dict[str, str]:
        return {column.name: model.index_of(job_id, column).data() for column in Column}

    assert said(1) == {
        "NAME": "docs.quaero.org",
        "STATUS": "▶ running",
        "TYPE": "crawl",
        "PROGRESS": "80 %",
        "PAGES": "511",
        "FAILED": "3",
        "RATE": "0.0",
        "CREATED": "2 min ago",
        "STARTED": "2 min ago",
        "DURATION": "2 m 10 s",
    }
    assert said(2)["STATUS"] == "✓! done"
    assert said(2)["PAGES"] == "1,204"
    assert said(2)["RATE"] == "120"
    assert said(2)["DURATION"] == "10 s"


def test_what_a_cancelled_crawl_never_came_to_is_not_counted_as_done(model):
    model.add_roots([root(1, "cancelled", children={"completed": 200, "failed": 50, "cancelled": 750})])

    assert model.index_of(1, Column.PROGRESS).data() == "25 %"
    assert model.index_of(1, Column.RATE).data() == "25"


def test_pages_of_long_ago_are_no_pace_of_a_retry(model):
    model.add_roots([root(1, "completed", children={"completed": 1_200}, attempt=2)])

    assert model.index_of(1, Column.RATE).data() == ""


def test_what_a_failed_run_skipped_is_not_counted_as_done(model):
    model.add_roots([root(1, "failed", children={"failed": 1, "skipped": 2})])

    assert model.index_of(1, Column.PROGRESS).data() == "33 %"


def test_what_was_withdrawn_from_a_crawl_that_completed_is_not_left(model):
    model.add_roots([root(1, "completed", children={"completed": 3, "skipped": 2})])

    assert model.index_of(1, Column.PROGRESS).data() == "100 %"
    assert model.node(model.index_of(1)).parts == (3, 0, 0)


def test_the_pace_is_that_of_the_last_seconds(model, clock):
    model.add_roots([root(1, children={"pending": 100})])
    clock.now += 2_000
    model.apply(update(roots=(root(1, children={"pending": 20, "completed": 80}, revision=2),)))

    assert model.index_of(1, Column.RATE).data() == "40"

    clock.now += 15_000
    model.tick()
    clock.now += 1_000
    model.tick()
    assert model.index_of(1, Column.RATE).data() == "0.0"


def test_a_tool_tip_shows_what_came_from_the_web_as_text(model):
    model.add_roots([root(1, children={"failed": 1})])
    hostile = page(
        2, 1, "failed", cause="not_found", error="<b>There</b> is \u202eno such page", url="https://h.test/<i>"
    )
    parent = open_root(model, 1, hostile)

    assert model.index(0, Column.NAME, parent).data() == "h.test/<i>"
    assert model.index(0, Column.NAME, parent).data(Qt.ItemDataRole.ToolTipRole) == "<qt>https://h.test/&lt;i&gt;</qt>"
    assert model.index(0, Column.STATUS, parent).data(Qt.ItemDataRole.ToolTipRole) == (
        "<qt>✕ failed: the page does not exist (404)<br>&lt;b&gt;There&lt;/b&gt; is  no such page</qt>"
    )


def test_an_older_snapshot_changes_nothing(model):
    model.add_roots([root(1, "completed", revision=5)])
    model.apply(update(roots=(root(1, "running", revision=4),)))

    assert rows(model, column=Column.STATUS) == ["✓ done"]


# --- Children -------------------------------------------------------------------------------------------------------


def test_children_come_when_a_root_is_opened(model):
    model.add_roots([root(1, children={"completed": 2})])
    index = model.index_of(1)
    wanted = QSignalSpy(model.children_wanted)

    assert model.hasChildren(index)
    assert model.rowCount(index) == 0
    model.open(1)
    model.open(1)
    assert [wanted.at(i) for i in range(wanted.count())] == [[1]]
    assert model.open_ids() == [1]
    model.give_up(1)
    assert model.open_ids() == []
    model.open(1)

    model.set_children(1, [page(2, 1, "failed"), page(3, 1, "completed")], 2)
    assert rows(model, index) == ["/page/2", "/page/3"]
    assert rows(model, index, Column.STATUS) == ["✕ failed", "✓ done"]


def test_what_changed_while_they_were_under_way_is_not_lost(model):
    model.add_roots([root(1, children={"pending": 2})])
    model.open(1)
    model.apply(update(children=(page(2, 1, "running", revision=5), page(9, 1, revision=5))))
    model.set_children(1, [page(2, 1, revision=2), page(3, 1, revision=2)], 2)

    assert sorted(ids(model, model.index_of(1))) == [2, 3, 9]
    assert model.index_of(2, Column.STATUS).data() == "▶ running"


def test_new_children_stand_behind_those_that_are_there(model):
    model.add_roots([root(1, children={"running": 1, "pending": 1})])
    parent = open_root(model, 1, page(2, 1, "running"), page(3, 1))
    inserted = QSignalSpy(model.rowsInserted)
    changed = QSignalSpy(model.dataChanged)

    model.apply(update(children=(page(2, 1, "completed", revision=2), page(5, 1), page(4, 1))))

    assert ids(model, parent) == [2, 3, 5, 4]
    assert inserted.count() == 1
    assert changed.count() == 1


def test_children_of_what_is_not_open_are_passed_over(model):
    model.add_roots([root(1, children={"pending": 1})])
    model.unload(1)
    model.apply(update(children=(page(2, 1), page(3, 77))))

    assert model.rowCount(model.index_of(1)) == 0
    assert not model.knows(2)


def test_more_than_fit_are_one_row_that_says_how_many(model, monkeypatch):
    monkeypatch.setattr(jobtree, "MOST_CHILDREN", 3)
    model.add_roots([root(1, children={"completed": 99})])
    parent = open_root(model, 1, page(2, 1), page(3, 1), page(4, 1), total=99)

    assert rows(model, parent) == ["/page/2", "/page/3", "/page/4", "96 more: show all pages"]
    rest = model.index(3, 0, parent)
    assert model.rest_of(rest) == 1
    assert model.job(rest) is None
    assert not rest.flags() & Qt.ItemFlag.ItemIsSelectable
    assert model.rest_of(model.index(2, 0, parent)) is None

    model.apply(update(roots=(root(1, children={"completed": 1200}, revision=2),), children=(page(5, 1),)))
    assert rows(model, model.index_of(1))[-1] == "1,197 more: show all pages"


def test_the_row_for_the_rest_comes_when_children_no_longer_fit_and_goes_with_them(model, monkeypatch):
    monkeypatch.setattr(jobtree, "MOST_CHILDREN", 2)
    model.add_roots([root(1, children={"pending": 2})])
    parent = open_root(model, 1, page(2, 1), page(3, 1))
    assert rows(model, parent) == ["/page/2", "/page/3"]

    model.apply(update(roots=(root(1, children={"pending": 3}, revision=2),), children=(page(4, 1),)))
    assert rows(model, parent)[-1] == "1 more: show all pages"

    model.apply(update(roots=(root(1, children={"pending": 2}, revision=3),), removed=(4,)))
    assert rows(model, parent) == ["/page/2", "/page/3"]


def test_closing_a_root_forgets_its_children(model):
    model.add_roots([root(1, children={"pending": 2})])
    parent = open_root(model, 1, page(2, 1), page(3, 1))

    model.unload(1)

    assert model.rowCount(parent) == 0
    assert model.hasChildren(parent)
    assert not model.knows(2)


def test_a_child_with_children_can_be_opened_too(model):
    model.add_roots([root(1, children={"pending": 1})])
    open_root(model, 1, page(2, 1, child_count=1))
    inner = open_root(model, 2, page(3, 2))

    assert rows(model, inner) == ["/page/3"]
    assert inner.parent() == model.index_of(1)
    model.apply(update(removed=(1,)))
    assert model.rowCount() == 0


def test_a_root_that_gets_its_first_child_can_be_opened(model, qtbot):
    view = QTreeView()
    qtbot.addWidget(view)
    view.setModel(model)
    model.add_roots([root(1)])
    assert not model.hasChildren(model.index_of(1))
    relaid = QSignalSpy(model.layoutChanged)

    model.apply(update(roots=(root(1, children={"pending": 1}, revision=2),)))

    assert model.hasChildren(model.index_of(1))
    assert relaid.count() == 1


# --- Removal --------------------------------------------------------------------------------------------------------


def test_what_is_removed_goes_with_all_below_it_and_restored_comes_back(model):
    model.add_roots([root(3), root(2, children={"pending": 1}), root(1)])
    open_root(model, 2, page(4, 2))
    kept = QPersistentModelIndex(model.index_of(1))

    model.apply(update(removed=(2, 3, 77)))
    assert ids(model) == [1]
    assert kept.row() == 0
    assert (model.root_count, model.knows(4)) == (1, False)

    model.apply(update(roots=(root(2, children={"pending": 1}, revision=10),)))
    assert ids(model) == [2, 1]
    assert rows(model, open_root(model, 2, page(4, 2))) == ["/page/4"]


def test_a_list_that_was_read_before_the_removal_brings_nothing_back(model):
    model.add_roots([root(1, children={"pending": 2}), root(2)])
    open_root(model, 1, page(3, 1), page(4, 1))
    model.apply(update(removed=(2, 3)))

    model.add_roots([root(2, revision=8)])
    model.set_children(1, [page(3, 1, revision=8), page(4, 1)], 2)
    assert ids(model) == [1]
    assert ids(model, model.index_of(1)) == [4]

    model.apply(update(roots=(root(2, revision=11),), children=(page(3, 1, revision=10),)))
    assert ids(model) == [2, 1]
    assert ids(model, model.index_of(1)) == [4, 3]


# --- Telling the view -----------------------------------------------------------------------------------------------


def test_changes_are_told_in_contiguous_runs(model):
    model.add_roots([root(1, children={"pending": 10})])
    open_root(model, 1, *(page(job_id, 1) for job_id in range(10, 20)))
    changed = QSignalSpy(model.dataChanged)

    model.apply(update(children=tuple(page(job_id, 1, "running", revision=2) for job_id in (11, 12, 17))))

    told = [(changed.at(i)[0].row(), changed.at(i)[1].row()) for i in range(changed.count())]
    assert told == [(1, 2), (7, 7)]


def test_more_than_half_changed_is_told_at_once(model):
    model.add_roots([root(1, children={"pending": 10})])
    open_root(model, 1, *(page(job_id, 1) for job_id in range(10, 20)))
    changed = QSignalSpy(model.dataChanged)

    model.apply(
        update(children=tuple(page(job_id, 1, "running", revision=2) for job_id in range(10, 20) if job_id % 3))
    )

    assert [(changed.at(i)[0].row(), changed.at(i)[1].row()) for i in range(changed.count())] == [(0, 9)]


def test_very_much_at_once_is_taken_in_slices(model, monkeypatch, qtbot):
    monkeypatch.setattr(jobtree, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(jobtree, "_SLICE", 10)
    model.add_roots([root(1, children={"pending": 50})])
    parent = open_root(model, 1, *(page(job_id, 1) for job_id in range(100, 150)))

    model.apply(update(children=tuple(page(job_id, 1, "running", revision=2) for job_id in range(100, 150))))

    assert rows(model, parent, Column.STATUS).count("▶ running") == 10
    qtbot.waitUntil(lambda: not model.is_busy)
    assert set(rows(model, parent, Column.STATUS)) == {"▶ running"}


# --- Order and filter -----------------------------------------------------------------------------------------------


def test_sorting_keeps_what_the_view_holds_on_to(model):
    model.add_roots([root(3, name="b"), root(2, name="C", children={"pending": 2}), root(1, name="a")])
    open_root(model, 2, page(5, 2), page(4, 2))
    held = QPersistentModelIndex(model.index_of(5, 2))

    model.sort(Column.NAME, UP)
    assert rows(model) == ["a", "b", "C"]
    assert rows(model, model.index_of(2)) == ["/page/4", "/page/5"]
    assert (held.row(), held.column(), held.data(ID_ROLE)) == (1, 2, 5)
    assert held.parent() == model.index_of(2)

    model.sort(Column.NAME, DOWN)
    assert rows(model) == ["C", "b", "a"]


@pytest.mark.parametrize("column", list(Column))
@pytest.mark.parametrize("order", [UP, DOWN])
def test_every_column_sorts_and_what_has_no_value_stands_last(model, column, order):
    model.add_roots(
        [
            root(1, "pending"),
            root(2, "running", children={"completed": 1, "pending": 3}),
            root(3, "completed", children={"completed": 5}, created_at=NOW - 5),
            root(4, "failed", children={"failed": 7}, type="definition_run"),
        ]
    )
    model.sort(column, order)

    assert sorted(ids(model)) == [1, 2, 3, 4]
    if column in (Column.PROGRESS, Column.STARTED, Column.DURATION, Column.RATE):
        assert ids(model)[-1] == 1


def test_rows_keep_their_place_while_their_numbers_change(model):
    model.add_roots([root(1, children={"pending": 3}), root(2, children={"pending": 1})])
    model.sort(Column.PAGES, DOWN)
    assert ids(model) == [1, 2]

    model.apply(update(roots=(root(2, children={"pending": 500}, revision=2),)))
    assert ids(model) == [1, 2]

    model.apply(update(roots=(root(3, children={"pending": 400}),)))
    assert ids(model) == [1, 2, 3] or ids(model) == [3, 1, 2]
    model.sort(Column.PAGES, DOWN)
    assert ids(model) == [2, 3, 1]


def test_a_filter_shows_the_roots_that_match_all_of_it(model):
    model.add_roots(
        [
            root(3, "failed", name="Python manual", seeds=["https://docs.python.org/3/"]),
            root(2, "running", name="Wiki", seeds=["https://wiki.intern/"]),
            root(1, "running", name="Python wiki", seeds=["https://wiki.python.org/"]),
        ]
    )
    model.set_filter(Filter(text="PYTHON"))
    assert ids(model) == [3, 1]
    assert model.census == {"failed": 1, "running": 1}

    model.set_filter(Filter(text="python", status=frozenset({"running"})))
    assert ids(model) == [1]
    assert model.census == {"failed": 1, "running": 1}

    model.set_filter(Filter(text="docs.python"))
    assert ids(model) == [3]
    model.set_filter(Filter(text="2"))
    assert ids(model) == [2]
    model.set_filter(Filter(site="wiki.intern"))
    assert ids(model) == [2]
    model.set_filter(Filter())
    assert ids(model) == [3, 2, 1]
    assert model.sites == {"docs.python.org": 1, "wiki.intern": 1, "wiki.python.org": 1}


def test_under_a_filter_roots_come_and_go_as_they_change(model):
    model.add_roots([root(2, "running"), root(1, "failed")])
    model.set_filter(Filter(status=frozenset({"running"})))
    assert ids(model) == [2]

    model.apply(update(roots=(root(1, "running", revision=2), root(3, "running"), root(4, "pending"))))
    assert ids(model) == [3, 2, 1]

    model.apply(update(roots=(root(2, "completed", revision=2),)))
    assert ids(model) == [3, 1]
    assert model.census == {"running": 2, "pending": 1, "completed": 1}


def test_what_somebody_looks_at_stays_until_they_look_away(model):
    model.add_roots([root(2, "running"), root(1, "running")])
    model.set_filter(Filter(status=frozenset({"running"})))
    model.pin([2])

    model.apply(update(roots=(root(2, "completed", revision=2),)))
    assert ids(model) == [2, 1]

    model.pin([1])
    assert ids(model) == [1]


def test_open_roots_stay_open_under_a_filter_that_shows_them(model):
    model.add_roots([root(2, name="two", children={"pending": 1}), root(1, name="one", children={"pending": 1})])
    open_root(model, 1, page(3, 1))
    open_root(model, 2, page(4, 2))

    model.set_filter(Filter(text="one"))

    assert rows(model, model.index_of(1)) == ["/page/3"]
    assert not model.knows(4)


# --- Anything at all ------------------------------------------------------------------------------------------------


def test_the_first_children_come_as_they_are_found_and_others_once_a_second(model, monkeypatch, qtbot):
    monkeypatch.setattr(jobtree, "_NEAR", 3)
    model._gather.setInterval(50)
    model.add_roots([root(1, "running", children={"running": 8})])
    open_root(model, 1)
    inserted = QSignalSpy(model.rowsInserted)
    for number in range(8):
        model.apply(update(children=(page(10 + number, 1, "running", revision=2 + number),), revision=2 + number))

    # The fourth comes at once, too: it is the first to be gathered after a while.
    assert model.child_ids(1) == [10, 11, 12, 13]
    assert model.is_busy

    # What changes and what goes meanwhile is as it is now.
    model.apply(update(children=(page(15, 1, "failed", revision=20),), removed=(16,), revision=20))
    qtbot.waitUntil(lambda: not model.is_busy)

    assert model.child_ids(1) == [10, 11, 12, 13, 14, 15, 17]
    assert model.job(model.index_of(15)).status == "failed"
    assert inserted.count() == 5


class PlainTree:
    """What the model should show, the simple way."""

    def __init__(self) -> None:
        self.roots: dict[int, Job] = {}
        self.children: dict[int, dict[int, Job]] = {}

    def root_with_count(self, job_id: int, status: str, revision: int) -> Job:
        known = self.children.get(job_id, {})
        counts: dict[str, int] = {}
        for child in known.values():
            counts[child.status] = counts.get(child.status, 0) + 1
        return root(job_id, status, children=counts, revision=revision)


STATUSES = st.sampled_from(["pending", "running", "completed", "failed"])
ROOT_IDS = st.integers(1, 6)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("root"), ROOT_IDS, STATUSES),
        st.tuples(st.just("pages"), ROOT_IDS, st.lists(st.tuples(st.integers(0, 11), STATUSES), max_size=8)),
        st.tuples(st.just("remove"), ROOT_IDS, st.none()),
        st.tuples(st.just("remove pages"), ROOT_IDS, st.lists(st.integers(0, 11), max_size=5)),
        st.tuples(st.just("open"), ROOT_IDS, st.none()),
        st.tuples(st.just("close"), ROOT_IDS, st.none()),
        st.tuples(st.just("sort"), st.sampled_from(list(Column)), st.sampled_from([UP, DOWN])),
        st.tuples(st.just("filter"), st.sampled_from(["", "1", "crawl"]), st.sets(STATUSES, max_size=2)),
        st.tuples(st.just("tick"), st.none(), st.none()),
    ),
    max_size=25,
)


@pytest.mark.parametrize(("most", "near"), [(4, 100), (2_000, 3)])
@hypothesis_settings(max_examples=40)
@given(steps=STEPS)
def test_whatever_happens_it_shows_what_there_is(qapp, most, near, steps):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobtree, "MOST_CHILDREN", most)
        patch.setattr(jobtree, "_NEAR", near)
        model = make(Clock())
        view = QTreeView()
        view.setModel(model)
        plain = PlainTree()
        try:
            for revision, step in enumerate(steps, 2):
                _do(model, view, plain, revision, step, most)
                # A second goes by.
                model._take_gathered()
                _compare(model, plain, most)
        finally:
            view.deleteLater()


def _do(model: JobTreeModel, view: QTreeView, plain: PlainTree, revision: int, step: Any, most: int) -> None:
    match step:
        case ("root", job_id, status):
            job = plain.root_with_count(job_id, status, revision)
            plain.roots[job_id] = job
            model.apply(update(roots=(job,), revision=revision))
        case ("pages", job_id, found) if job_id in plain.roots:
            known = plain.children.setdefault(job_id, {})
            changed = {}
            for number, status in found:
                child = page(100 * job_id + number, job_id, status, revision=revision)
                known[child.id] = changed[child.id] = child
            job = plain.root_with_count(job_id, plain.roots[job_id].status, revision)
            plain.roots[job_id] = job
            model.apply(update(roots=(job,), children=tuple(changed.values()), revision=revision))
        case ("remove", job_id, _):
            plain.roots.pop(job_id, None)
            plain.children.pop(job_id, None)
            model.apply(update(removed=(job_id,), revision=revision))
        case ("remove pages", job_id, numbers) if job_id in plain.roots:
            known = plain.children.get(job_id, {})
            gone = [100 * job_id + number for number in numbers if known.pop(100 * job_id + number, None) is not None]
            job = plain.root_with_count(job_id, plain.roots[job_id].status, revision)
            plain.roots[job_id] = job
            model.apply(update(roots=(job,), removed=tuple(gone), revision=revision))
        case ("open", job_id, _):
            view.expand(model.index_of(job_id))
            model.open(job_id)
            if job_id in model.open_ids() and not model.child_ids(job_id):
                there = list(plain.children.get(job_id, {}).values())
                model.set_children(job_id, there[:most], len(there))
        case ("close", job_id, _):
            view.collapse(model.index_of(job_id))
            model.unload(job_id)
        case ("sort", column, order):
            model.sort(column, order)
        case ("filter", text, statuses):
            model.set_filter(Filter(text=text, status=frozenset(statuses)))
        case ("tick", _, _):
            model.tick()


def _compare(model: JobTreeModel, plain: PlainTree, most: int) -> None:
    wanted = model.filter
    shown = {
        job.id
        for job in plain.roots.values()
        if (not wanted.status or job.status in wanted.status)
        and all(word in f"{job.name} {job.payload['seeds'][0]} {job.id}" for word in wanted.words)
    }
    assert set(ids(model)) == shown
    assert model.rowCount() == len(shown)
    for job_id in shown:
        index = model.index_of(job_id)
        assert model.job(index) == plain.roots[job_id]
        if not model.child_ids(job_id):
            continue
        below = ids(model, index)
        there = plain.children.get(job_id, {})
        jobs = [child for child in below if child is not None]
        assert len(jobs) == len(set(jobs))
        assert all(model.job(model.index_of(child)) == there[child] for child in jobs)
        assert len(jobs) <= most
        rest = len(there) - len(jobs)
        assert rows(model, index)[len(jobs) :] == ([f"{rest} more: show all pages"] if rest else [])
