"""The jobs in the window: live, filtered, sorted, selected, opened."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QObject, QPersistentModelIndex, QPoint, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy, QTest
from PySide6.QtWidgets import QLabel, QMenu, QWidget

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.jobs import TERMINAL_STATUSES
from quaero_desktop.storage.database import Tx
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.models import jobtree
from quaero_desktop.ui.models.jobnode import Column
from quaero_desktop.ui.models.jobtree import ID_ROLE, JobTreeModel
from quaero_desktop.ui.theme import Mode
from quaero_desktop.ui.views import jobs as jobs_view
from quaero_desktop.ui.views.jobs import JobsPanel
from tests.support.qtwindow import QtWorld

NOW = 1_700_000_000_000


class Jobs:
    """Jobs that a test puts into the library by hand, each call a commit of its own."""

    def __init__(self, world: QtWorld) -> None:
        self.world = world

    def write(self, function: Callable[[Tx], Any]) -> Any:
        return self.world.run(self.world.services._database.write(function))

    def root(self, name: str = "docs.quaero.org", status: str = "running", *, pages: Sequence[str] = ()) -> int:
        """Add a crawl of the host *name* with a page for each status."""
        return int(self.write(lambda tx: _add_root(tx, name, status, pages)))

    def roots(self, names: Sequence[str], status: str = "completed") -> list[int]:
        """Add crawls in one commit."""
        return list(self.write(lambda tx: [_add_root(tx, name, status) for name in names]))

    def pages(self, root_id: int, statuses: Sequence[str], host: str = "docs.quaero.org") -> None:
        self.write(lambda tx: _add_pages(tx, root_id, host, statuses))

    def change(self, status: str, *job_ids: int) -> None:
        def change(tx: Tx) -> None:
            for job_id in job_ids:
                tx.execute("UPDATE jobs SET status = ?, revision = ? WHERE id = ?", (status, tx.revision, job_id))

        self.write(change)

    def trash(self, job_id: int, at: int | None = NOW) -> None:
        sql = "UPDATE jobs SET trashed_at = ?, revision = ? WHERE id = ?"
        self.write(lambda tx: tx.execute(sql, (at, tx.revision, job_id)))


def _add_root(tx: Tx, name: str, status: str, pages: Sequence[str] = ()) -> int:
    config = msgspec.json.encode(CrawlConfig(seeds=(f"https://{name}/",))).decode()
    job_id = int(
        tx.value(
            "INSERT INTO jobs (type, status, name, config, created_at, started_at, completed_at, revision)"
            " VALUES ('crawl', ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (status, name, config, tx.now, tx.now, tx.now if status in TERMINAL_STATUSES else None, tx.revision),
        )
    )
    tx.execute("INSERT INTO root_progress (root_id) VALUES (?)", (job_id,))
    _add_pages(tx, job_id, name, pages)
    return job_id


def _add_pages(tx: Tx, root_id: int, host: str, statuses: Sequence[str]) -> None:
    (there,) = tx.execute("SELECT count(*) FROM jobs WHERE parent_id = ?", (root_id,)).fetchone()
    for number, status in enumerate(statuses, there + 1):
        tx.execute(
            "INSERT INTO jobs (parent_id, root_id, type, status, url, created_at, started_at, revision)"
            " VALUES (?, ?, 'crawler_url', ?, ?, ?, ?, ?)",
            (root_id, root_id, status, f"https://{host}/page-{number}", tx.now, tx.now, tx.revision),
        )


@pytest.fixture
def jobs(world: QtWorld) -> Jobs:
    return Jobs(world)


class Shown:
    """A panel on the screen, and what a person sees of it."""

    def __init__(self, world: QtWorld) -> None:
        self.world = world
        self.panel = JobsPanel(world.context)
        self.tree = self.panel.tree
        self.model = self.panel.model
        self.tester = QAbstractItemModelTester(self.model, QAbstractItemModelTester.FailureReportingMode.Warning)
        self.selections: list[Any] = []
        self.panel.selected.connect(self.selections.append)
        self.do(world.context.feed.start)
        world.show(self.panel, 640, 480)
        world.wait_until(lambda: self.panel.is_loaded)

    def do(self, act: Callable[[], object]) -> None:
        """Do it as the window does: while the loop runs."""

        async def run() -> None:
            act()

        self.world.run(run())

    def names(self, parent: int | None = None, column: Column = Column.NAME) -> list[str]:
        index = self.tree.rootIndex() if parent is None else self.model.index_of(parent)
        return [self.model.index(row, column, index).data() for row in range(self.model.rowCount(index))]

    def until(self, predicate: Callable[[], object]) -> None:
        self.world.wait_until(lambda: bool(predicate()))

    def open(self, job_id: int, n: int) -> None:
        self.do(lambda: self.tree.expand(self.model.index_of(job_id)))
        self.until(lambda: len(self.names(job_id)) >= n)

    def select(self, *job_ids: int) -> None:
        flags = QItemSelectionModel.SelectionFlag

        def select() -> None:
            chosen = self.tree.selectionModel()
            chosen.clearSelection()
            for job_id in job_ids:
                chosen.setCurrentIndex(self.model.index_of(job_id), flags.Select | flags.Rows)

        self.do(select)

    def selected(self) -> list[int]:
        return [index.data(ID_ROLE) for index in self.tree.selectionModel().selectedRows()]

    def key(self, key: Qt.Key) -> None:
        self.do(lambda: QTest.keyClick(self.world_focus(), key))

    def world_focus(self) -> Any:
        return self.tree.focusProxy() or self.tree

    def type(self, text: str) -> None:
        self.do(lambda: self.panel.bar.text.setText(text))
        self.until(lambda: self.model.filter.text == text)


@pytest.fixture
def show(world: QtWorld) -> Iterator[Callable[[], Shown]]:
    made: list[Shown] = []

    def show() -> Shown:
        made.append(Shown(world))
        return made[-1]

    yield show
    for shown in made:
        shown.panel.deleteLater()


# --- Live -----------------------------------------------------------------------------------------------------------


def test_roots_are_there_and_new_ones_come_by_themselves(show, jobs):
    jobs.root("one.org")
    shown = show()
    assert shown.names() == ["one.org"]

    jobs.root("two.org")
    shown.until(lambda: shown.names() == ["two.org", "one.org"])


def test_an_open_root_shows_what_happens_to_its_pages(show, jobs):
    root = jobs.root(pages=["running", "pending"])
    shown = show()
    shown.open(root, 2)
    assert shown.names(root, Column.STATUS) == ["▶ running", "○ pending"]

    first, second = shown.model.child_ids(root)
    jobs.change("failed", first)
    jobs.change("running", second)
    jobs.pages(root, ["pending"])

    shown.until(lambda: shown.names(root, Column.STATUS) == ["✕ failed", "▶ running", "○ pending"])
    assert shown.names(root) == ["/page-1", "/page-2", "/page-3"]
    assert shown.names(column=Column.FAILED) == ["1"]


def test_too_much_at_once_is_read_anew(show, jobs, monkeypatch):
    root = jobs.root(pages=["pending"] * 30)
    shown = show()
    shown.open(root, 30)
    monkeypatch.setattr("quaero_desktop.storage.queries.changes.MOST", 5)

    jobs.change("cancelled", *shown.model.child_ids(root))
    jobs.pages(root, ["pending"] * 3)

    shown.until(lambda: shown.names(root, Column.STATUS) == ["⊘ cancelled"] * 30 + ["○ pending"] * 3)


def test_what_is_deleted_goes_and_what_is_restored_comes_back(show, jobs):
    kept, gone = jobs.root("kept.org"), jobs.root("gone.org")
    shown = show()
    shown.select(gone)

    jobs.trash(gone)
    shown.until(lambda: shown.names() == ["kept.org"])
    assert shown.panel.selection.count == 0
    assert shown.selections[-1].count == 0

    jobs.trash(gone, None)
    shown.until(lambda: shown.names() == ["gone.org", "kept.org"])
    assert kept


def test_closing_a_root_ends_the_watch_and_takes_the_selection_along(show, jobs, world):
    root = jobs.root(pages=["pending", "pending"])
    shown = show()
    shown.open(root, 2)
    assert world.services.feed._watched == {root}
    shown.select(shown.model.child_ids(root)[1])

    shown.do(lambda: shown.tree.collapse(shown.model.index_of(root)))

    shown.until(lambda: world.services.feed._watched == frozenset())
    assert shown.selected() == [root]
    assert shown.model.child_ids(root) == []


# --- Looks ----------------------------------------------------------------------------------------------------------


def test_a_new_look_lays_out_no_row(show, jobs, world, monkeypatch):
    root = jobs.root(pages=["pending"] * 5)
    shown = show()
    shown.open(root, 5)
    before = [shown.tree.visualRect(shown.model.index_of(root + page)) for page in range(6)]
    asked: list[int] = []
    flags = JobTreeModel.flags

    def watched(self: JobTreeModel, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        asked.append(index.row())
        return flags(self, index)

    monkeypatch.setattr(JobTreeModel, "flags", watched)
    mode = world.context.theme.mode

    shown.do(lambda: world.context.theme.set_mode(Mode.DARK))
    assert asked == []
    assert [shown.tree.visualRect(shown.model.index_of(root + page)) for page in range(6)] == before
    shown.do(lambda: world.context.theme.set_mode(mode))


# --- Very many ------------------------------------------------------------------------------------------------------


def test_more_pages_than_fit_are_a_row_that_leads_to_all(show, jobs, monkeypatch):
    for module in (jobtree, jobs_view):
        monkeypatch.setattr(module, "MOST_CHILDREN", 3)
    root = jobs.root(pages=["pending"] * 5 + ["failed"])
    shown = show()
    shown.open(root, 4)
    assert shown.names(root) == ["/page-6", "/page-1", "/page-2", "3 more: show all pages"]
    wanted = QSignalSpy(shown.panel.all_pages_wanted)
    rest = shown.model.index(3, 0, shown.model.index_of(root))

    place = shown.tree.visualRect(rest).center()
    shown.do(lambda: QTest.mouseClick(shown.tree.viewport(), Qt.MouseButton.LeftButton, pos=place))
    assert [wanted.at(i) for i in range(wanted.count())] == [[root]]
    assert shown.selected() == []

    shown.do(lambda: shown.tree.setCurrentIndex(rest))
    shown.key(Qt.Key.Key_Return)
    assert wanted.count() == 2


def test_a_page_beyond_those_can_still_be_shown_by_name(show, jobs, monkeypatch):
    for module in (jobtree, jobs_view):
        monkeypatch.setattr(module, "MOST_CHILDREN", 3)
    root = jobs.root(pages=["pending"] * 6)
    shown = show()
    last = root + 6

    shown.do(lambda: shown.panel.select_job(last))
    shown.until(lambda: shown.selected() == [last])
    assert shown.names(root)[-2:] == ["/page-6", "2 more: show all pages"]


def test_roots_beyond_the_first_come_as_one_scrolls(show, jobs, world, monkeypatch):
    monkeypatch.setattr(jobs_view, "CHUNK", 60)
    monkeypatch.setattr(jobs_view, "_OVERLAP", 2)
    jobs.roots([f"site-{number:03}.org" for number in range(150)])
    world.run(world.services.feed.update())  # all this was before the window
    shown = show()
    assert len(shown.names()) == 60

    shown.do(shown.tree.scrollToBottom)
    shown.until(lambda: len(shown.names()) > 60)
    assert len(shown.names()) < 150

    # A filter is about all of them.
    shown.type("site-00")
    shown.until(lambda: len(shown.names()) == 10)
    shown.type("")
    assert shown.names() == [f"site-{number:03}.org" for number in reversed(range(150))]


# --- Selection and place --------------------------------------------------------------------------------------------


def test_what_is_selected_is_told_with_what_actions_need(show, jobs):
    one, two = jobs.root("one.org", pages=["failed", "completed"]), jobs.root("two.org")
    shown = show()

    shown.select(one, two)

    targets = {target.id: target for target in shown.selections[-1].targets}
    assert shown.selections[-1].count == 2
    assert (targets[one].failed, targets[one].child_count, targets[one].url) == (1, 2, "https://one.org/")
    assert targets[two].is_root


def test_a_new_status_of_what_is_selected_is_told_at_once(show, jobs):
    root = jobs.root()
    shown = show()
    shown.select(root)
    assert [target.status for target in shown.panel.selection.targets] == ["running"]

    jobs.change("paused", root)

    shown.until(lambda: shown.selections[-1].targets[0].status == "paused")


def test_selection_and_place_survive_sorting_filtering_and_new_rows(show, jobs):
    ids = jobs.roots([f"site-{number:02}.org" for number in range(40)])
    opened = jobs.root("opened.org", pages=["failed", "pending"])
    shown = show()
    shown.open(opened, 2)
    chosen = [ids[3], shown.model.child_ids(opened)[1]]
    shown.select(*chosen)

    shown.do(lambda: shown.tree.sortByColumn(Column.NAME, Qt.SortOrder.AscendingOrder))
    assert sorted(shown.selected()) == sorted(chosen)
    assert shown.names()[0] == "opened.org"
    assert shown.tree.isExpanded(shown.model.index_of(opened))

    shown.type("e")
    shown.type("site-03")
    shown.type("")
    assert shown.selected() == [ids[3]]

    bar = shown.tree.verticalScrollBar()
    shown.do(lambda: bar.setValue(10 * 24 + 7))
    seen = shown.tree.indexAt(QPoint(0, 0)).data(ID_ROLE)
    top = shown.tree.visualRect(shown.model.index_of(seen)).top()
    jobs.root("a-new-one.org")
    shown.until(lambda: "a-new-one.org" in shown.names())
    assert shown.tree.visualRect(shown.model.index_of(seen)).top() == top
    assert shown.selected() == [ids[3]]


def test_an_open_root_is_open_again_after_a_filter_that_kept_it(show, jobs):
    jobs.root("other.org")
    root = jobs.root("kept.org", pages=["pending", "pending"])
    shown = show()
    shown.open(root, 2)
    page = shown.model.child_ids(root)[0]
    shown.select(page)

    shown.type("kept")

    assert shown.tree.isExpanded(shown.model.index_of(root))
    assert shown.selected() == [page]


def test_what_is_selected_stays_under_a_filter_that_lets_it_go(show, jobs):
    one, two = jobs.root("one.org"), jobs.root("two.org")
    shown = show()
    shown.do(lambda: shown.panel.bar.chips.findChild(QWidget, "chip_running").click())
    shown.select(one)

    jobs.change("completed", one)
    jobs.change("completed", two)
    shown.until(lambda: shown.names() == ["one.org"])

    shown.select()
    shown.until(lambda: shown.names() == [])


def test_a_job_that_the_filter_hides_is_shown_when_it_is_asked_for(show, jobs):
    hidden = jobs.root("hidden.org", pages=["failed"])
    jobs.root("other.org")
    shown = show()
    shown.type("other")

    shown.do(lambda: shown.panel.select_job(hidden, expand=True))

    shown.until(lambda: shown.selected() == [hidden])
    assert shown.panel.bar.text.text() == ""
    assert shown.names(hidden) == ["/page-1"]


def test_a_job_that_is_not_there_is_said_so(show, world):
    shown = show()
    shown.do(lambda: shown.panel.select_job(77))
    shown.until(lambda: world.notices)
    assert world.notices[0].message == "There is no job 77."


class Paints(QObject):
    """Notes which stripes of a view are painted anew: top and height."""

    def __init__(self, shown: Shown) -> None:
        super().__init__()
        self.stripes: list[tuple[int, int]] = []
        shown.tree.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if isinstance(event, QPaintEvent):
            self.stripes.append((event.rect().top(), event.rect().height()))
        return False


def test_only_what_changed_and_is_seen_is_painted_anew(show, jobs):
    root = jobs.root(pages=["pending"] * 60)
    jobs.root("other.org", "completed")
    shown = show()
    shown.open(root, 60)
    first, *_, last = shown.model.child_ids(root)
    shown.until(lambda: shown.tree.visualRect(shown.model.index_of(first)).isValid())
    shown.world.run(asyncio.sleep(0.01))
    shown.panel._tick.stop()
    paints = Paints(shown)

    jobs.change("running", first)
    shown.until(lambda: shown.names(root, Column.STATUS)[0] == "▶ running" and paints.stripes)
    assert sorted(set(paints.stripes)) == [(24, 48)]  # the root and its first page

    paints.stripes.clear()
    jobs.change("running", last)
    shown.until(lambda: shown.names(root, Column.STATUS)[-1] == "▶ running" and paints.stripes)
    assert set(paints.stripes) == {(24, 24)}

    # Also after the rows have moved: those two, or everything.
    shown.do(lambda: shown.tree.verticalScrollBar().setValue(24))
    paints.stripes.clear()
    jobs.change("completed", first)
    shown.until(lambda: paints.stripes)
    assert (min(top for top, _ in paints.stripes), paints.stripes[0][1] >= 48) == (0, True)


# --- Filter bar -----------------------------------------------------------------------------------------------------


def chips(shown: Shown) -> dict[str, str]:
    return {
        chip.objectName().removeprefix("chip_"): chip.accessibleName()
        for chip in shown.panel.bar.chips._chips.values()
        if chip.isVisible()
    }


def test_chips_say_how_many_there_are(show, jobs):
    jobs.root("a.org", "running")
    jobs.root("b.org", "failed")
    jobs.root("c.org", "failed")
    shown = show()
    assert chips(shown) == {"running": "running: 1", "failed": "failed: 2"}

    shown.do(shown.panel.bar.chips._chips["failed"].click)
    assert shown.names() == ["c.org", "b.org"]
    shown.do(shown.panel.bar.chips._chips["running"].click)
    assert shown.names() == ["c.org", "b.org", "a.org"]

    shown.type("b.org")
    assert shown.names() == ["b.org"]
    assert chips(shown) == {"running": "running: 0", "failed": "failed: 1"}


def test_sources_are_the_sites_that_were_crawled(show, jobs):
    jobs.root("b.org")
    jobs.root("a.org")
    jobs.root("b.org")
    shown = show()
    assert [shown.panel.bar.sources.itemText(row) for row in range(3)] == ["All sources", "a.org", "b.org"]

    def choose() -> None:
        shown.panel.bar.sources.setCurrentIndex(2)
        shown.panel.bar.sources.activated.emit(2)

    shown.do(choose)
    assert shown.names() == ["b.org", "b.org"]


def test_a_filter_that_nothing_matches_says_so_and_can_be_cleared(show, jobs):
    jobs.root("a.org")
    shown = show()
    shown.type("nothing like it")
    assert not shown.tree.isVisible()
    assert "No job matches the filter." in [label.text() for label in shown.panel._empty.findChildren(QLabel)]

    shown.do(shown.panel._empty._button.click)
    assert shown.tree.isVisible()
    assert shown.names() == ["a.org"]


def test_without_any_job_it_says_how_to_get_one(show):
    shown = show()
    shown.until(shown.panel._none.isVisible)


def test_the_keyboard_goes_from_the_filter_to_the_rows(show, jobs):
    root = jobs.root("a.org", pages=["completed"])
    shown = show()
    activated = QSignalSpy(shown.panel.activated)
    shown.do(shown.panel.bar.focus_text)
    shown.do(lambda: QTest.keyClicks(shown.panel.bar.text, "a.org"))
    shown.do(lambda: QTest.keyClick(shown.panel.bar.text, Qt.Key.Key_Down))

    assert shown.names() == ["a.org"]
    assert shown.selected() == [root]
    shown.key(Qt.Key.Key_Right)
    shown.until(lambda: shown.names(root) == ["/page-1"])
    shown.key(Qt.Key.Key_Down)
    shown.key(Qt.Key.Key_Return)
    assert [activated.at(i) for i in range(activated.count())] == [[root + 1]]

    shown.do(lambda: QTest.keyClick(shown.panel.bar.text, Qt.Key.Key_Escape))
    assert shown.panel.bar.text.text() == ""


# --- Columns and menus ----------------------------------------------------------------------------------------------


def test_columns_are_shown_and_hidden_by_the_menu_of_the_header_and_remembered(show, jobs, world):
    jobs.root("b.org")
    jobs.root("a.org")
    shown = show()
    header = shown.tree.header()
    menu = shown.panel.header_menu()
    by_name = {action.text(): action for action in menu.actions()}
    assert "Name" not in by_name
    assert [name for name, action in by_name.items() if action.isChecked()] == [
        "Status", "Progress", "Pages", "Failed", "Pages/s",
    ]  # fmt: skip

    by_name["Duration"].trigger()
    by_name["Failed"].trigger()
    menu.deleteLater()
    header.resizeSection(Column.STATUS, 133)
    shown.do(lambda: shown.tree.sortByColumn(Column.NAME, Qt.SortOrder.AscendingOrder))
    shown.panel.save_state()

    again = show()
    again.do(again.panel.restore_state)
    header = again.tree.header()
    assert not header.isSectionHidden(Column.DURATION)
    assert header.isSectionHidden(Column.FAILED)
    assert header.sectionSize(Column.STATUS) == 133
    assert again.names() == ["a.org", "b.org"]
    again.tree.reset_columns()
    assert header.isSectionHidden(Column.DURATION)


def test_a_state_that_makes_no_sense_is_passed_over(show, jobs, world):
    jobs.root("a.org")
    world.context.state.set("jobs/header", b"rubbish")
    shown = show()
    shown.do(shown.panel.restore_state)
    assert shown.names() == ["a.org"]


def test_the_context_menu_is_about_what_is_selected_here(show, jobs, world):
    root = jobs.root("a.org")
    shown = show()
    shown.select(root)
    assert world.context.actions.selection.count == 0

    place = shown.tree.visualRect(shown.model.index_of(root)).center()
    shown.do(lambda: shown.tree.customContextMenuRequested.emit(place))

    menu = shown.tree.findChild(QMenu)
    assert menu is not None
    assert menu.isVisible()
    assert world.context.actions.selection.targets[0].id == root
    assert world.context.actions.action(ActionId.PAUSE).isEnabled()
    shown.do(menu.close)


def test_it_can_go_at_any_moment(world, jobs):
    jobs.root("a.org", pages=["pending"])

    async def come_and_go() -> None:
        world.context.feed.start()
        panel = JobsPanel(world.context)
        panel.show()
        await asyncio.sleep(0)
        panel.deleteLater()
        await asyncio.sleep(0.05)

    world.run(come_and_go())
    jobs.root("b.org")
    world.run(asyncio.sleep(0.15))
