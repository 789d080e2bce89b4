"""The addresses that a crawl did not follow: the model, and the view over a library."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest

from quaero_desktop.domain.jobs import SkipReason
from quaero_desktop.domain.listing import Skip
from quaero_desktop.domain.outcomes import Refusal
from quaero_desktop.ui.models.skips import Column, SkipModel
from quaero_desktop.ui.views import skipped
from quaero_desktop.ui.views.skipped import SkippedView
from tests.support.handmade import SITE, begin, go_on
from tests.support.outcomes import stored
from tests.support.qtwindow import QtWorld

NAMES = {7: "/index"}


def skip(url: str) -> Skip:
    return Skip(url=url, depth=1, reason="excluded", rule="exclude rule 2: */old/*", found_on=7, found_at=0)


def skips(*urls: str) -> list[Skip]:
    return [skip(url) for url in sorted(urls)]


def urls(model: SkipModel) -> list[str]:
    return [model.index(row, Column.URL).data() for row in range(model.rowCount())]


@pytest.fixture
def model(qapp) -> Iterator[SkipModel]:
    made = SkipModel()
    QAbstractItemModelTester(made, QAbstractItemModelTester.FailureReportingMode.Fatal)
    yield made
    made.deleteLater()


# --- the model --------------------------------------------------------------------------------------------------------


def test_a_row_says_why_and_where(model: SkipModel) -> None:
    model.reset(skips("https://a.test/old/1"), 1, NAMES)

    texts = [model.index(0, column).data() for column in Column]
    assert texts == ["https://a.test/old/1", "excluded by rule 2: */old/*", "1", "/index"]


def test_what_the_web_says_is_inert(model: SkipModel) -> None:
    model.reset([skip("https://a.test/\u202egnp.exe\x07")], 1, {7: "<b>bold</b>"})

    assert "\u202e" not in model.index(0, Column.URL).data()
    assert model.index(0, Column.FOUND_ON).data(Qt.ItemDataRole.ToolTipRole) == "<qt/>&lt;b&gt;bold&lt;/b&gt;"


def test_it_asks_for_more_once_until_it_is_answered(model: SkipModel) -> None:
    asked: list[bool] = []
    model.more_wanted.connect(lambda: asked.append(True))
    model.reset(skips("a", "b"), 4, NAMES)

    model.fetchMore(QModelIndex())
    model.fetchMore(QModelIndex())
    assert len(asked) == 1

    model.append(skips("c", "d"), 4, NAMES)
    assert urls(model) == ["a", "b", "c", "d"]
    assert not model.canFetchMore(QModelIndex())


def test_it_asks_no_more_when_nothing_comes(model: SkipModel) -> None:
    model.reset(skips("a", "b"), 4, NAMES)
    model.fetchMore(QModelIndex())

    model.append((), 4, NAMES)

    assert not model.canFetchMore(QModelIndex())


def test_what_comes_twice_is_there_once(model: SkipModel) -> None:
    model.reset(skips("a", "b"), 3, NAMES)

    model.append(skips("b", "c"), 3, NAMES)

    assert urls(model) == ["a", "b", "c"]


@given(st.lists(st.sets(st.sampled_from("abcdefghijklmnop"), max_size=16), max_size=8))
def test_after_any_refreshes_it_shows_the_last_list(lists: list[set[str]]) -> None:
    model = SkipModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    for wanted in lists:
        model.refresh(skips(*wanted), len(wanted), NAMES)
        assert urls(model) == sorted(wanted)


# --- the view ---------------------------------------------------------------------------------------------------------


def crawl(world: QtWorld, number: int) -> int:
    """Make a crawl that refused so many addresses for their scope, and two by a rule."""
    refused = [Refusal(f"https://e.test/{page:05}", SkipReason.SCOPE, "host: docs.site.test") for page in range(number)]
    refused += [Refusal(f"{SITE}old/{page}", SkipReason.EXCLUDED, "exclude rule 1: */old/*") for page in range(2)]
    root_id = world.run(begin(world.services, exclude=("*/old/*",)))
    world.run(go_on(world.services, {SITE: stored(SITE, refused=refused)}))
    return root_id


@pytest.fixture
def view(world: QtWorld, qtbot) -> SkippedView:
    made = SkippedView(world.context)
    qtbot.addWidget(made)
    made.resize(600, 300)
    made.show()
    return made


def act(world: QtWorld, do: Callable[[], object]) -> None:
    """Do something as an event of the window's loop does it."""

    async def within() -> None:
        do()

    world.run(within())


def show(world: QtWorld, view: SkippedView, root_id: int, reason: str | None = None) -> None:
    act(world, lambda: view.show_root(root_id, reason))
    world.wait_until(lambda: view._reads == 0)


def test_a_long_list_is_read_as_one_scrolls(world: QtWorld, view: SkippedView) -> None:
    root_id = crawl(world, 1200)
    show(world, view, root_id)
    world.wait_until(lambda: view.model.rowCount() == skipped.BATCH)
    assert view.sentence == "500 of 1,202; more as you scroll"

    bar = view.table.verticalScrollBar()
    act(world, lambda: bar.setValue(bar.maximum()))
    world.wait_until(lambda: view.model.rowCount() == 1000)
    act(world, lambda: bar.setValue(bar.maximum()))
    world.wait_until(lambda: view.model.rowCount() == 1202)
    assert view.sentence == "1,202 addresses"


def test_the_columns_share_the_width_although_the_table_comes_after_it(world: QtWorld, view: SkippedView) -> None:
    show(world, view, crawl(world, 3))
    world.wait_until(lambda: view.model.rowCount() == 5)

    assert view.table.columnWidth(Column.URL) >= 0.39 * view.width()
    assert view.table.columnWidth(Column.RULE) >= 0.31 * view.width()


def test_a_reason_shows_only_its_own(world: QtWorld, view: SkippedView) -> None:
    show(world, view, crawl(world, 5), "excluded")

    world.wait_until(lambda: view.model.rowCount() == 2)
    box = view.reasons
    assert [box.itemText(row) for row in range(box.count())] == [
        "All reasons (7)", "Outside the scope (5)", "Excluded by a rule (2)",
    ]  # fmt: skip
    assert box.currentText() == "Excluded by a rule (2)"

    act(world, lambda: box.setCurrentIndex(0))
    world.wait_until(lambda: view.model.rowCount() == 7)


def test_typing_filters_by_address_and_rule(world: QtWorld, view: SkippedView) -> None:
    show(world, view, crawl(world, 20))
    world.wait_until(lambda: view.model.rowCount() == 22)

    QTest.keyClicks(view.filter, "rule 1")
    world.wait_until(lambda: view.model.rowCount() == 2)

    view.filter.setText("nowhere at all")
    world.wait_until(lambda: view.model.rowCount() == 0)
    assert not view.table.isVisible()


def test_addresses_are_copied_a_line_each(world: QtWorld, view: SkippedView) -> None:
    show(world, view, crawl(world, 3), "scope")
    world.wait_until(lambda: view.model.rowCount() == 3)

    view.table.selectAll()
    QTest.keyClick(view.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)

    assert QGuiApplication.clipboard().text().splitlines() == [f"https://e.test/{page:05}" for page in range(3)]


def test_the_selection_and_the_place_survive_what_comes_meanwhile(world: QtWorld, view: SkippedView) -> None:
    root_id = world.run(begin(world.services))
    later = [Refusal(f"https://a.test/{page}", SkipReason.SCOPE, "host") for page in range(30)]
    first = [Refusal(f"https://m.test/{page:03}", SkipReason.SCOPE, "host") for page in range(100)]
    pages = {
        SITE: stored(SITE, "The start", [SITE + "next"], refused=first),
        SITE + "next": stored(SITE + "next", refused=later),
    }
    world.run(go_on(world.services, pages, 1))
    show(world, view, root_id)
    world.wait_until(lambda: view.model.rowCount() == 100)
    view.table.selectRow(50)
    view.table.verticalScrollBar().setValue(45 * 24 + 5)
    before = view.table.rowViewportPosition(50)

    world.run(go_on(world.services, pages))

    act(world, view.refresh)
    world.wait_until(lambda: view.model.rowCount() == 130)

    (selected,) = view.table.selectionModel().selectedRows()
    assert view.model.skip(selected.row()).url == "https://m.test/050"
    assert view.table.rowViewportPosition(selected.row()) == before


def test_a_crawl_that_left_nothing_out_says_so(world: QtWorld, view: SkippedView) -> None:
    root_id = world.run(begin(world.services))
    show(world, view, root_id)
    world.run(asyncio.sleep(0.05))

    assert view._nothing._sentence.text().startswith("Nothing was left out")


def test_a_row_leads_to_the_page_it_was_found_on(world: QtWorld, view: SkippedView) -> None:
    root_id = crawl(world, 1)
    wanted: list[int] = []
    view.page_wanted.connect(wanted.append)
    show(world, view, root_id)
    world.wait_until(lambda: view.model.rowCount() == 3)

    view.table.setCurrentIndex(view.model.index(0, 0))
    QTest.keyClick(view.table, Qt.Key.Key_Return)

    (start,) = (row for row in world.run(world.services.pages.rows(wanted)))
    assert start.url == SITE
