"""The library view: search as one types, results beside the page that is read."""

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest
from PySide6.QtCore import QAbstractItemModel, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QWidget

from quaero_desktop.domain.documents import HIGHLIGHT_END, HIGHLIGHT_START, SearchHit
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.models.results import Result, ResultModel, unmarked
from quaero_desktop.ui.views.library import PAGE, LibraryView
from tests.support.documents import SITE, Browser, child, inside, store
from tests.support.qtwindow import QtWorld

PAGES = {
    "vacuum": {"markdown": "How to vacuum a table.", "title": "Vacuum"},
    "index": {"markdown": "An index of a table is a tree.", "title": "Indexes"},
    "backup": {"markdown": "Make a backup, and vacuum after it.", "title": "Backups"},
    "cjk": {"markdown": "全文検索エンジンの紹介", "title": "全文検索"},
}


@pytest.fixture
def view(world: QtWorld) -> Iterator[LibraryView]:
    made = LibraryView(world.context)
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def filled(world: QtWorld, view: LibraryView) -> LibraryView:
    """The view over a library with some pages, shown and loaded."""
    world.run(store(world.services, PAGES))
    show(world, view)
    return view


def show(world: QtWorld, view: LibraryView) -> None:
    world.show(view, 900, 600)
    view.activateWindow()
    world.wait_until(lambda: view._loaded)


def search(world: QtWorld, view: LibraryView, text: str) -> None:
    """Type *text* and wait for what it finds."""
    before = view._asked_query
    inside(world, lambda: view.search(text))
    if text.strip() != before:
        world.wait_until(lambda: view._asked_query == text.strip() and not view._typing.isActive())


def titles(view: LibraryView) -> list[str]:
    model = view.list.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def read(view: LibraryView) -> str:
    return view.document.page.document().toPlainText()


def said(view: QWidget, name: str) -> str:
    return child(view, QLabel, name).text()


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_without_a_query_the_newest_documents_are_shown(filled: LibraryView) -> None:
    assert sorted(titles(filled)) == ["Backups", "Indexes", "Vacuum", "全文検索"]
    assert said(filled, "resultCount") == "4 documents, newest first"
    assert filled.query() == ""


def test_an_empty_library_says_what_to_do(world: QtWorld, view: LibraryView) -> None:
    begun: list[object] = []
    world.context.actions.connect_handler(ActionId.NEW_CRAWL, begun.append)
    show(world, view)

    button = next(button for button in view.findChildren(QPushButton) if button.text() == "New crawl…")
    assert button.isVisible()
    assert not view.list.isVisible()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert len(begun) == 1


def test_a_search_shows_the_best_first_with_its_text_beside_it(world: QtWorld, filled: LibraryView) -> None:
    search(world, filled, "vacuum")

    assert titles(filled) == ["Vacuum", "Backups"]
    assert said(filled, "resultCount").startswith("2 results in ")
    world.wait_until(lambda: read(filled) == "How to vacuum a table.")
    assert filled.document.page.places == 1


def test_chinese_and_japanese_pages_are_found(world: QtWorld, filled: LibraryView) -> None:
    search(world, filled, "検索")

    assert titles(filled) == ["全文検索"]
    world.wait_until(lambda: filled.document.page.places == 1)


def test_a_word_that_is_not_complete_finds_what_begins_so(world: QtWorld, filled: LibraryView) -> None:
    search(world, filled, "vacu")

    assert titles(filled) == ["Vacuum", "Backups"]
    assert filled.query() == "vacu*"


def test_nothing_found_is_said_with_what_to_try(world: QtWorld, filled: LibraryView) -> None:
    search(world, filled, "vacuum zebra")

    assert not filled.list.isVisible()
    shown = " ".join(label.text() for label in filled.findChildren(QLabel) if label.isVisible())
    assert "Put OR between words" in shown


def test_how_a_query_was_read_is_said(world: QtWorld, filled: LibraryView) -> None:
    search(world, filled, 'vacuum "table')

    assert "quotation mark" in said(filled, "resultHint")
    assert titles(filled)


def test_the_help_shows_the_language_of_queries(world: QtWorld, filled: LibraryView) -> None:
    inside(world, filled._show_help)

    help_ = child(filled, QWidget, "searchHelp")
    words = " ".join(label.text() for label in help_.findChildren(QLabel))
    for word in ('"', "OR", "-", "*", "title:", "site:", "url:", "after:", "before:", "lang:"):
        assert word in words
    help_.close()


# --- typing -----------------------------------------------------------------------------------------------------------


def test_a_query_runs_when_the_typing_rests_and_only_the_last_one(
    world: QtWorld, filled: LibraryView, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    real = world.services.library.search

    async def recorded(query: str, *, limit: int = 20, offset: int = 0) -> object:
        asked.append(query)
        return await real(query, limit=limit, offset=offset)

    monkeypatch.setattr(world.services.library, "search", recorded)

    async def type_() -> None:
        for end in range(1, 7):
            filled.search("vacuum"[:end])
            await asyncio.sleep(0.005)

    world.run(type_())
    world.wait_until(lambda: filled.query() == "vacuum")

    assert asked == ["vacuum"]


def test_a_slow_query_is_cancelled_by_the_next(
    world: QtWorld, filled: LibraryView, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = []
    real = world.services.library.search

    async def slow(query: str, *, limit: int = 20, offset: int = 0) -> object:
        if query == "index":
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.append(query)
                raise
        return await real(query, limit=limit, offset=offset)

    monkeypatch.setattr(world.services.library, "search", slow)
    inside(world, lambda: filled.search("index"))
    world.wait_until(lambda: not filled._typing.isActive())
    search(world, filled, "vacuum")

    assert cancelled == ["index"]
    assert titles(filled) == ["Vacuum", "Backups"]


# --- pages of results -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "word"])
def test_more_results_are_loaded_while_scrolling(world: QtWorld, view: LibraryView, query: str) -> None:
    number = 2 * PAGE + 7
    world.run(store(world.services, {f"p{each}": f"A word, number {each}." for each in range(number)}))
    show(world, view)
    QAbstractItemModelTester(view.list.model(), QAbstractItemModelTester.FailureReportingMode.Fatal, view)
    search(world, view, query)
    model: QAbstractItemModel = view.list.model()
    assert model.rowCount() == PAGE

    for loaded in (2 * PAGE, number):
        inside(world, view.list.scrollToBottom)
        world.wait_until(partial(_has_rows, model, loaded))

    inside(world, view.list.scrollToBottom)
    world.run(asyncio.sleep(0.05))
    assert model.rowCount() == number
    ids = [result.document_id for result in view._model.rows]
    assert len(set(ids)) == number


def _has_rows(model: QAbstractItemModel, number: int) -> bool:
    return model.rowCount() == number


# --- the keyboard -----------------------------------------------------------------------------------------------------


def test_the_keyboard_leads_from_the_field_to_the_list_to_the_text_and_back(
    world: QtWorld, filled: LibraryView
) -> None:
    field = QLineEdit(filled)
    field.show()
    filled.attach(field)
    field.setFocus()
    search(world, filled, "vacuum")

    inside(world, lambda: QTest.keyClick(field, Qt.Key.Key_Down))
    assert filled.list.hasFocus()
    inside(world, lambda: QTest.keyClick(filled.list, Qt.Key.Key_Down))
    world.wait_until(lambda: read(filled) == "Make a backup, and vacuum after it.")
    inside(world, lambda: QTest.keyClick(filled.list, Qt.Key.Key_Return))
    assert filled.document.page.hasFocus()
    inside(world, lambda: QTest.keyClick(filled.document.page, Qt.Key.Key_Escape))
    assert filled.list.hasFocus()
    inside(world, lambda: QTest.keyClick(filled.list, Qt.Key.Key_Escape))
    assert field.hasFocus()


def test_enter_in_the_field_goes_to_results_that_are_still_to_come(world: QtWorld, filled: LibraryView) -> None:
    def enter() -> None:
        filled.search("index")
        filled.focus_results()

    inside(world, enter)
    world.wait_until(filled.list.hasFocus)

    assert titles(filled)[0] == "Indexes"


def test_a_click_leads_back_to_the_text_that_a_link_led_away_from(world: QtWorld, filled: LibraryView) -> None:
    search(world, filled, "vacuum")
    world.wait_until(lambda: read(filled) == "How to vacuum a table.")
    inside(world, lambda: filled.document.page.anchorClicked.emit(QUrl(f"{SITE}index")))
    world.wait_until(lambda: "An index of a table" in read(filled))
    place = filled.list.visualRect(filled.list.currentIndex()).center()

    inside(
        world,
        lambda: QTest.mouseClick(
            filled.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place
        ),
    )

    world.wait_until(lambda: read(filled) == "How to vacuum a table.")


# --- what can be done -------------------------------------------------------------------------------------------------


def action(view: LibraryView, text: str):
    return next(action for action in view.actions() if action.text() == text)


def test_only_what_a_person_selected_is_selected(world: QtWorld, filled: LibraryView) -> None:
    assert filled.selected_documents() == []

    inside(world, filled.list.setFocus)
    inside(world, lambda: QTest.keyClick(filled.list, Qt.Key.Key_Down))
    assert len(filled.selected_documents()) == 1
    inside(world, lambda: QTest.keyClick(filled.list, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier))
    assert len(filled.selected_documents()) == 4


def test_addresses_and_markdown_can_be_copied_and_pages_opened(
    world: QtWorld, filled: LibraryView, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser()
    monkeypatch.setattr(QDesktopServices, "openUrl", staticmethod(browser.open))
    search(world, filled, "vacuum")
    inside(world, filled.list.selectAll)

    inside(world, action(filled, "Copy address").trigger)
    assert QGuiApplication.clipboard().text() == f"{SITE}vacuum\n{SITE}backup"
    inside(world, action(filled, "Copy as markdown").trigger)
    world.wait_until(lambda: "How to vacuum" in QGuiApplication.clipboard().text())
    assert QGuiApplication.clipboard().text().startswith(f"# Vacuum\n\n<{SITE}vacuum>\n\nHow to vacuum a table.")
    inside(world, action(filled, "Open in browser").trigger)
    assert [url.toString() for url in browser.opened] == [f"{SITE}vacuum", f"{SITE}backup"]


def test_the_export_of_a_selection_is_the_export_of_the_registry(world: QtWorld, filled: LibraryView) -> None:
    wanted = []
    world.context.actions.connect_handler(
        ActionId.EXPORT, lambda _: wanted.append((filled.selected_documents(), filled.query()))
    )
    search(world, filled, "vacuum")
    inside(world, filled.list.selectAll)

    inside(world, action(filled, "Export selection…").trigger)

    ((ids, query),) = wanted
    assert len(ids) == 2
    assert query == "vacuum"


def test_one_site_alone_can_be_shown(world: QtWorld, view: LibraryView) -> None:
    world.run(store(world.services, {"a": "word one", "https://other.test/b": "word two"}))
    show(world, view)
    sites = child(view, QComboBox, "siteFilter")
    assert [sites.itemText(index) for index in range(sites.count())] == ["All sites", "docs.site.test", "other.test"]

    search(world, view, "word")
    sites.setCurrentIndex(2)
    inside(world, lambda: sites.activated.emit(2))
    world.wait_until(lambda: view.query() == "word site:other.test")

    assert len(titles(view)) == 1


# --- while a crawl runs -----------------------------------------------------------------------------------------------


def tell_statistics(world: QtWorld) -> None:
    async def tell() -> None:
        world.context.feed.statistics.emit(await world.services.library.statistics())

    world.run(tell())


def test_an_empty_list_fills_by_itself(world: QtWorld, view: LibraryView) -> None:
    show(world, view)
    world.run(store(world.services, {"one": "First page."}))

    tell_statistics(world)

    world.wait_until(lambda: len(titles(view)) == 1)


def test_new_documents_are_told_and_nothing_jumps(
    world: QtWorld, filled: LibraryView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quaero_desktop.ui.views.library._LOOK_AGAIN_MS", 0)
    before = titles(filled)
    world.run(store(world.services, {"new": {"markdown": "A new page.", "title": "New"}}))

    tell_statistics(world)
    bar = child(filled, QWidget, "freshBar")
    world.wait_until(bar.isVisible)
    assert titles(filled) == before
    assert child(bar, QLabel).text() == "1 new document"

    inside(world, child(bar, QPushButton).click)
    world.wait_until(lambda: len(titles(filled)) == 5)
    assert not bar.isVisible()


def test_a_refresh_keeps_the_selection(world: QtWorld, filled: LibraryView) -> None:
    inside(world, lambda: filled.list.setCurrentIndex(filled.list.model().index(2, 0)))
    chosen = titles(filled)[2]
    world.run(store(world.services, {"new": {"markdown": "A new page.", "title": "New"}}))

    inside(world, filled.refresh)
    world.wait_until(lambda: len(titles(filled)) == 5)

    assert filled.list.currentIndex().data() == chosen


def test_a_document_that_is_gone_from_the_library_says_so(world: QtWorld, filled: LibraryView) -> None:
    inside(world, lambda: filled.show_document(4711))

    world.wait_until(
        lambda: any("no longer in the library" in label.text() for label in filled.document.findChildren(QLabel))
    )
    assert filled.document.document is None


def test_a_document_can_be_shown_that_the_list_does_not_have(world: QtWorld, filled: LibraryView) -> None:
    search(world, filled, "vacuum")
    (other,) = world.run(world.services.library.search("tree")).results

    inside(world, lambda: filled.show_document(other.document_id))

    world.wait_until(lambda: "An index of a table" in read(filled))


# --- rows -------------------------------------------------------------------------------------------------------------


def test_the_marks_of_a_snippet_become_spans_of_inert_text() -> None:
    marked = f"a \U0001f600 {HIGHLIGHT_START}word{HIGHLIGHT_END} <b>\x07\u202e and {HIGHLIGHT_START}more{HIGHLIGHT_END}"

    text, spans = unmarked(marked)

    units = text.encode("utf-16-le")
    assert [units[2 * start : 2 * end].decode("utf-16-le") for start, end in spans] == ["word", "more"]
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "<b>" in text


@pytest.mark.parametrize(
    "snippet", [HIGHLIGHT_START, HIGHLIGHT_END, f"{HIGHLIGHT_END}a{HIGHLIGHT_START}b", HIGHLIGHT_START * 3 + "x", ""]
)
def test_marks_that_make_no_sense_mark_nothing(snippet: str) -> None:
    text, spans = unmarked(snippet)

    assert HIGHLIGHT_START not in text
    assert HIGHLIGHT_END not in text
    assert spans == ()


def test_the_model_never_shows_a_document_twice(qapp: object) -> None:
    def hit(document_id: int) -> Result:
        return Result.of_hit(
            SearchHit(document_id=document_id, url=SITE, title=str(document_id), snippet="", score=0.0), ()
        )

    model = ResultModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal, model)
    model.show([hit(1), hit(2)], 4)
    assert model.has_more
    model.extend([hit(2), hit(3)], 4)

    assert [row.document_id for row in model.rows] == [1, 2, 3]
    assert not model.has_more
    model.deleteLater()
