"""The window by keyboard, and where it is narrow: what a person with one hand, or with a small screen, comes to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QTableView, QToolButton, QWidget

from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.views.detail import Tab
from tests.support.crawling import settings_with
from tests.support.desktop import Used, use
from tests.support.site import GeneratedSite, serving
from tests.support.waiting import until

pytestmark = pytest.mark.slow

FAST = settings_with(crawl={"local_delay_seconds": 0.0})


@pytest.fixture
def library(tmp_path: Path, qapp: QApplication) -> Path:
    return tmp_path / "library"


@pytest.fixture
def site() -> Iterator[GeneratedSite]:
    with serving(GeneratedSite(pages=6, missing=2)) as running:
        yield running


async def crawled(used: Used, url: str) -> int:
    job_id = await used.context.services.jobs.start_crawl(CrawlRequest(urls=(url,)))
    used.window.show_job(job_id)
    await used.ended(job_id)
    await until(lambda: len(used.window.detail.overview.failures.rows) == 1)
    return job_id


def round_trip(window: QWidget, first: QWidget) -> list[QWidget]:
    """Return where the Tab key stops from *first* on until it is there again."""
    first.setFocus()
    stops = [first]
    while True:
        window.focusNextChild()
        stop = QApplication.focusWidget()
        assert stop is not None
        if stop is first:
            return stops
        assert stop not in stops
        stops.append(stop)


def test_the_tab_key_leaves_nothing_out_and_goes_from_top_to_bottom(library: Path, site: GeneratedSite) -> None:
    async def scenario(used: Used) -> None:
        await crawled(used, site.url)
        window = used.window
        window.activateWindow()
        stops = round_trip(window, window.jobs.tree)
        # All tools of the log, though the lines are what the console gives the keyboard to.
        tab = Qt.FocusPolicy.TabFocus
        tools = [tool for tool in window.log.findChildren(QToolButton) if tool.isVisible() and tool.focusPolicy() & tab]
        assert tools
        assert {tool for tool in tools if tool.isEnabled()} <= set(stops)
        assert window.jobs.bar.text in stops
        overview = window.detail.overview
        rows = [*overview.failures.rows[0].buttons, *overview.pages.stops]
        places = [stops.index(row) for row in rows]
        assert places == list(range(places[0], places[0] + len(rows)))
        assert places[-1] < stops.index(window.search)

    use(library, scenario, settings=FAST)


def test_what_was_deleted_comes_back_as_it_was_while_ctrl_is_still_held(library: Path, site: GeneratedSite) -> None:
    async def scenario(used: Used) -> None:
        job_id = await crawled(used, site.url)
        window, actions = used.window, used.context.actions
        window.detail.show_tab("pages")
        table = window.detail.pages_view.findChild(QTableView)
        await until(lambda: table.isVisible() and table.model().rowCount() > 0)
        window.jobs.tree.setFocus()
        actions.trigger(ActionId.DELETE)
        await until(lambda: not window.jobs.tree.isVisible() and bool(window.undo_bar.offers))
        QTest.keyPress(window, Qt.Key.Key_Control, Qt.KeyboardModifier.ControlModifier)
        assert QApplication.keyboardModifiers() & Qt.KeyboardModifier.ControlModifier
        actions.trigger(ActionId.UNDO)
        try:
            await until(lambda: [target.id for target in actions.selection.targets] == [job_id])
            # The job that is selected already is asked for once more: Qt would take it away.
            window.show_job(job_id)
            await until(lambda: window.detail.job_id == job_id)
        finally:
            QTest.keyRelease(window, Qt.Key.Key_Control, Qt.KeyboardModifier.NoModifier)
        assert [target.id for target in actions.selection.targets] == [job_id]
        assert QApplication.focusWidget() is window.jobs.tree
        window.detail.show_tab("pages")
        assert window.detail.tab is Tab.PAGES
        await until(lambda: table.isVisible() and table.model().rowCount() > 0)

    use(library, scenario, settings=FAST)


def test_a_narrow_window_has_its_search_field_and_views_lead_the_keyboard(library: Path, site: GeneratedSite) -> None:
    async def scenario(used: Used) -> None:
        await crawled(used, site.url)
        window, actions = used.window, used.context.actions
        for width in (700, 1280, 860):
            window.resize(width, 760)
            await until(window.search.isVisible)
        assert window.splitter.orientation() is Qt.Orientation.Vertical
        actions.trigger(ActionId.FIND)
        assert QApplication.focusWidget() is window.search
        actions.trigger(ActionId.SHOW_JOBS)
        assert QApplication.focusWidget() is window.jobs.tree
        actions.trigger(ActionId.SHOW_LIBRARY)
        assert QApplication.focusWidget() is window.search

    use(library, scenario, settings=FAST)
