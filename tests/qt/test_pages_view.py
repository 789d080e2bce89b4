"""Pages: the table of all pages of a crawl, by mouse and by keyboard alone, and while the crawl runs."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QMenu

from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.ui.actions import Selection
from quaero_desktop.ui.models.pagetable import PageColumn
from quaero_desktop.ui.views import pages
from quaero_desktop.ui.views.pages import PagesView
from tests.support import million
from tests.support.handmade import go_on
from tests.support.keyboard import focused, press, type_text
from tests.support.outcomes import stored
from tests.support.qtwindow import QtWorld, qt_world

CHILDREN = 150
ROOT = million.ROOT
DOWN = Qt.SortOrder.DescendingOrder


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with one crawl of 150 pages."""
    return million.build(tmp_path_factory.mktemp("pages") / "library", CHILDREN).folder


@pytest.fixture
def world(tmp_path: Path, template: Path, qapp: QApplication) -> Iterator[QtWorld]:
    """A library with that crawl; the feed runs, and nothing runs jobs."""
    folder = tmp_path / "library"
    folder.mkdir(mode=0o700)
    (folder / "library.db").write_bytes((template / "library.db").read_bytes())
    (folder / "library.db").chmod(0o600)
    with qt_world(folder) as world:
        do(world, world.context.feed.start)
        yield world


class Shown:
    """A view of pages, and what it said."""

    def __init__(self, world: QtWorld) -> None:
        self.world = world
        self.view = PagesView(world.context)
        self.selections: list[Selection] = []
        self.activated: list[int] = []
        self.view.selected.connect(self.selections.append)
        self.view.activated.connect(self.activated.append)
        self.table = self.view._view
        self.model = self.view._table
        self.tester = QAbstractItemModelTester(self.model, QAbstractItemModelTester.FailureReportingMode.Warning)
        world.show(self.view, 900, 400)

    def show(self, **which: Any) -> None:
        self.do(lambda: self.view.show_root(ROOT, **which))
        self.settle()

    def do(self, act: Callable[[], object]) -> None:
        do(self.world, act)

    def settle(self) -> None:
        """Wait until the whole list is there and everything that is selected is said."""
        view = self.view
        self.world.wait_until(
            lambda: view._whole and not view._publish_soon.isActive() and not view._bar._delay.isActive()
        )

    def ids(self) -> list[int]:
        return list(self.model.ids)

    def expected(self, **which: Any) -> list[int]:
        return list(self.world.run(self.world.services.pages.ids(PageFilter(root_id=ROOT, **which))))

    def texts(self, column: PageColumn) -> list[str]:
        return [str(self.model.index(row, column).data()) for row in range(self.model.rowCount())]

    @property
    def footer(self) -> str:
        return self.view._footer.text()

    @property
    def sentence(self) -> str:
        page: Any = self.view._stack.currentWidget()
        return str(page._sentence.text())


def do(world: QtWorld, act: Callable[[], object]) -> None:
    """Do something as an event of the running window."""

    async def now() -> None:
        act()

    world.run(now())


@pytest.fixture
def shown(world: QtWorld) -> Iterator[Shown]:
    made = Shown(world)
    yield made
    made.view.close()
    made.view.deleteLater()
    QApplication.processEvents()


def test_without_a_crawl_it_says_what_to_do(shown: Shown) -> None:
    assert shown.sentence == "Select a crawl to see its pages."
    assert not shown.view._bar.isEnabled()


def test_all_pages_are_there_in_the_order_in_which_they_were_found(shown: Shown) -> None:
    shown.show()

    assert shown.ids() == shown.expected()
    assert shown.footer == "150 pages · in the order found"
    shown.world.wait_until(lambda: shown.model.row_at(0) is not None)
    row = shown.model.row_at(0)
    assert row is not None
    path = (row.url or "").removeprefix(million.ORIGIN)
    shown.world.wait_until(lambda: shown.texts(PageColumn.URL)[0] == path)


def test_the_failed_ones_are_one_click_away(shown: Shown) -> None:
    shown.show()
    chip: Any = shown.view.findChild(object, "chip_failed")

    shown.do(lambda: QTest.mouseClick(chip, Qt.MouseButton.LeftButton))
    shown.settle()

    failed = shown.expected(status=("failed",))
    assert shown.ids() == failed
    assert shown.footer.startswith(f"{len(failed)} of 150 pages")


def test_a_reason_leaves_the_pages_that_failed_for_it(shown: Shown) -> None:
    shown.show()
    reasons = shown.view._bar._reasons
    shown.world.wait_until(lambda: reasons.count() > 1)
    group = shown.world.run(shown.world.services.pages.failure_groups(ROOT))[0]
    text = reasons.itemText(1)

    reasons.setCurrentIndex(1)
    shown.do(lambda: reasons.activated.emit(1))
    shown.settle()

    assert f"({group.pages})" in text
    assert len(shown.ids()) == group.pages
    assert set(shown.ids()) == set(shown.expected(cause=(group.cause,), code=(group.code,) if group.code else ()))


def test_another_pane_can_ask_for_the_pages_that_failed_for_one_reason(shown: Shown) -> None:
    shown.show(status=("failed",), cause=("http_5xx",), code=(503,))

    assert shown.ids() == shown.expected(status=("failed",), cause=("http_5xx",), code=(503,))
    assert "HTTP 503" in shown.view._bar._reasons.currentText()


def test_no_page_failed_is_said_in_so_many_words_and_all_pages_are_a_click_away(shown: Shown) -> None:
    shown.show(status=("cancelled",))
    assert shown.sentence == "No page matches."
    shown.show(status=("failed",), cause=("tls",))
    assert shown.sentence == "No page matches."

    shown.do(lambda: QTest.mouseClick(shown.view._empty._button, Qt.MouseButton.LeftButton))
    shown.settle()

    assert len(shown.ids()) == CHILDREN


def test_a_click_on_a_column_sorts_by_it_its_usual_way_then_the_other_then_no_more(shown: Shown) -> None:
    shown.show()
    header = shown.table.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(PageColumn.SIZE) + 10, header.height() // 2)

    for descending, order, words in ((True, "size", "largest"), (False, "size", "smallest"), (False, "found", "found")):
        shown.do(lambda: QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place))
        shown.settle()
        assert shown.ids() == shown.expected(order=order, descending=descending)
        assert words in shown.footer


def test_the_keyboard_alone_filters_goes_to_the_rows_selects_and_opens(shown: Shown) -> None:
    shown.show()
    shown.view.focus_filter()
    shown.do(lambda: type_text("kernel"))
    shown.do(lambda: press(Qt.Key.Key_Return))
    shown.settle()
    found = shown.expected(query="kernel")

    shown.do(lambda: press(Qt.Key.Key_Down))
    assert focused() is shown.table
    shown.do(lambda: press(Qt.Key.Key_Down))
    shown.do(lambda: press(Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier))
    shown.settle()
    shown.do(lambda: press(Qt.Key.Key_Return))

    assert shown.ids() == found
    assert [target.id for target in shown.selections[-1].targets] == found[1:3]
    assert shown.activated == [found[2]]
    shown.do(lambda: press(Qt.Key.Key_End))
    assert shown.table.currentIndex().row() == len(found) - 1


def test_typing_in_the_table_filters_and_searches_no_rows_one_by_one(shown: Shown) -> None:
    shown.show()
    shown.table.setFocus()

    shown.do(lambda: type_text("lock"))
    shown.world.wait_until(lambda: shown.view._which is not None and shown.view._which.query == "lock")
    shown.settle()

    assert focused().objectName() == "pageFilter"
    assert shown.ids() == shown.expected(query="lock")


def test_the_menu_sorts_and_shows_columns_for_the_keyboard_too(shown: Shown) -> None:
    shown.show()
    menu = shown.view._menu
    shown.do(menu.aboutToShow.emit)
    sort_by_type, show_type = [action for action in menu.actions() if action.text() == "Type"]

    shown.do(sort_by_type.trigger)
    shown.do(show_type.trigger)
    shown.settle()

    assert not shown.table.isColumnHidden(PageColumn.TYPE)
    assert shown.ids() == shown.expected(order="type")
    assert "by type" in shown.footer


def test_the_check_of_the_start_is_no_page_among_the_pages(shown: Shown) -> None:
    def check(tx: Any, status: str) -> None:
        tx.execute(
            "INSERT INTO jobs (parent_id, root_id, type, phase, status, name, created_at, revision)"
            " VALUES (?, ?, 'validate', 'pre', ?, 'Check of the start', 0, ?)",
            (ROOT, ROOT, status, tx.revision),
        )

    database = shown.world.services.pages._database
    shown.world.run(database.write(lambda tx: check(tx, "completed")))
    shown.show()
    shown.world.wait_until(lambda: shown.view._counts is not None)
    pages = shown.model.rowCount()

    assert len(shown.expected()) == pages + 1
    assert shown.footer.startswith(f"{pages:,} pages · ")
    assert shown.view._counts is not None
    assert shown.view._counts.by_status.get("completed") == len(shown.expected(status=("completed",), work=True))

    # What went wrong is no page either, and it is not hidden.
    shown.world.run(database.write(lambda tx: check(tx, "failed")))
    shown.world.wait_until(lambda: shown.model.rowCount() == pages + 1)
    shown.world.wait_until(lambda: shown.footer.startswith(f"{pages:,} pages and 1 other job"))


def test_select_all_means_all_that_match_and_not_a_million_rows(shown: Shown) -> None:
    shown.show(status=("failed",))
    shown.table.setFocus()

    shown.do(lambda: press(Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier))
    shown.settle()

    selection = shown.selections[-1]
    assert selection.count == len(shown.ids())
    assert selection.every == PageFilter(root_id=ROOT, status=("failed",), work=True, descending=False)
    shown.do(lambda: press(Qt.Key.Key_Home))
    shown.settle()
    assert shown.selections[-1].every is None
    assert shown.selections[-1].count == 1


def test_what_is_selected_stays_selected_in_another_order(shown: Shown) -> None:
    shown.show()
    chosen = [shown.ids()[row] for row in (3, 4, 100)]
    for row in (3, 4, 100):
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        shown.table.selectionModel().select(shown.model.index(row, 0), flags)
    shown.table.make_current(100)
    shown.settle()

    shown.do(lambda: shown.view._sort("title", True))
    shown.settle()

    assert {target.id for target in shown.selections[-1].targets} == set(chosen)
    assert shown.model.id_at(shown.table.currentIndex().row()) == chosen[-1]


def test_selected_pages_that_no_longer_match_are_not_selected_any_more(shown: Shown) -> None:
    shown.show()
    shown.table.selectRow(0)
    shown.world.wait_until(lambda: bool(shown.selections and shown.selections[-1].count))
    kept = shown.selections[-1].targets[0]

    shown.do(lambda: shown.view.show_root(ROOT, status=("failed",)))
    shown.settle()

    assert kept.status != "failed"
    assert shown.selections[-1].count == 0


def test_the_context_menu_is_about_what_is_selected_here(shown: Shown) -> None:
    shown.show()
    shown.table.selectRow(5)

    shown.do(lambda: shown.table.customContextMenuRequested.emit(QPoint(20, 20)))
    shown.world.wait_until(lambda: QApplication.activePopupWidget() is not None)

    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert [target.id for target in shown.world.context.actions.selection.targets] == [shown.ids()[5]]
    menu.close()


def test_columns_and_order_are_remembered(shown: Shown) -> None:
    shown.show()
    shown.table.setColumnWidth(PageColumn.TITLE, 333)
    shown.do(lambda: shown.view._sort("size", True))
    shown.settle()
    shown.view.save_state()

    again = PagesView(shown.world.context)
    again.resize(500, 300)

    assert again._view.columnWidth(PageColumn.TITLE) == 333
    assert (again._order, again._descending) == ("size", True)
    again.deleteLater()


# --- while the crawl runs -------------------------------------------------------------------------------------------


class Crawl:
    """Lets queued pages of the crawl end, each finding another."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self._outcomes: dict[str, Any] = {}

    def __getitem__(self, url: str) -> Any:
        return stored(url, links=[f"{url}-next"], title="Just stored")

    def go_on(self, most: int) -> int:
        services = self._shown.world.services
        return self._shown.world.run(go_on(services, self, most))  # type: ignore[arg-type]


def test_new_pages_come_in_at_the_end_and_nothing_moves(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_LEAST_SECONDS", 0.01)
    shown.show()
    shown.table.selectRow(40)
    shown.table.scroll_to(30, 7)
    before = shown.ids()

    assert Crawl(shown).go_on(3) == 3
    shown.world.wait_until(lambda: shown.model.rowCount() > CHILDREN)

    assert shown.ids()[:CHILDREN] == before
    assert shown.table.top() == (30, 7)
    assert [row.row() for row in shown.table.selectionModel().selectedRows()] == [40]


def test_a_seen_page_that_ends_says_so_in_its_place(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_LEAST_SECONDS", 60.0)
    shown.show(status=("pending",))
    shown.world.wait_until(lambda: shown.texts(PageColumn.STATUS)[0] == "○ pending")

    Crawl(shown).go_on(1)
    shown.world.wait_until(lambda: shown.texts(PageColumn.STATUS)[0] == "✓ done")

    assert shown.texts(PageColumn.TITLE)[0] == "Just stored"


def test_pages_that_come_in_above_do_not_push_the_seen_ones_away(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_LEAST_SECONDS", 0.01)
    shown.show()
    shown.do(lambda: shown.view._sort("found", True))
    shown.settle()
    shown.table.scroll_to(50, 5)
    seen = shown.ids()[50]
    shown.table.selectRow(52)
    chosen = shown.ids()[52]
    shown.table.scroll_to(50, 5)

    Crawl(shown).go_on(4)
    shown.world.wait_until(lambda: shown.model.rowCount() >= CHILDREN + 4)

    row, pixels = shown.table.top()
    assert (shown.ids()[row], pixels) == (seen, 5)
    (selected,) = shown.table.selectionModel().selectedRows()
    assert shown.ids()[selected.row()] == chosen


def test_all_that_match_stays_so_when_more_come_in(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_LEAST_SECONDS", 0.01)
    shown.show()
    shown.table.selectAll()
    shown.settle()

    Crawl(shown).go_on(2)
    shown.world.wait_until(lambda: shown.selections[-1].count > CHILDREN)

    assert shown.selections[-1].every is not None


def test_a_root_that_was_deleted_is_shown_no_more(shown: Shown) -> None:
    shown.show()

    shown.world.run(shown.world.services.deletion.delete([ROOT]))
    shown.world.wait_until(lambda: shown.view.root_id is None)

    assert shown.sentence == "Select a crawl to see its pages."


def test_a_page_that_was_deleted_leaves_the_list(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_LEAST_SECONDS", 0.01)
    shown.show()
    gone = shown.ids()[10]

    shown.world.run(shown.world.services.deletion.delete([gone]))
    shown.world.wait_until(lambda: gone not in shown.model.ids)

    assert shown.model.rowCount() == CHILDREN - 1


def test_a_newer_filter_interrupts_the_older_one(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    shown.show()
    service: Any = shown.view._service
    ids, cancelled = service.ids, []

    async def slow(which: PageFilter, **more: Any) -> Any:
        if which.query == "slow":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(which.query)
                raise
        return await ids(which, **more)

    monkeypatch.setattr(service, "ids", slow)
    shown.view._bar.set(query="slow")
    shown.do(shown.view._filter_changed)
    shown.view._bar.set(query="kernel")
    shown.do(shown.view._filter_changed)
    shown.settle()

    assert cancelled == ["slow"]
    assert shown.ids() == shown.expected(query="kernel")


def test_the_header_asks_nothing_of_the_selection(shown: Shown) -> None:
    """It would go through all rows for each column at each painting: 27 s when a million are selected."""
    shown.show()

    shown.table.selectAll()

    assert shown.table.horizontalHeader().selectionModel() is not shown.table.selectionModel()
    assert not shown.table.horizontalHeader().selectionModel().hasSelection()
