"""The document viewer: a page of the web, set for reading, that can do nothing."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QTextCursor, QTextFormat, QTextTable, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QToolButton, QWidget

from quaero_desktop.domain.documents import Document
from quaero_desktop.ui.theme import Mode
from quaero_desktop.ui.views.document import DocumentView, open_web_address
from quaero_desktop.ui.views.documentpage import SHOWN_AT_FIRST
from tests.support.documents import SITE, Browser, child, inside, store
from tests.support.qtwindow import QtWorld, qt_world
from tests.support.recording_server import RecordingServer

LONG = "\n\n".join(f"Paragraph {number} with some words in it." for number in range(400))


def document(markdown: str, id: int = 1, url: str = SITE, **more: object) -> Document:
    fields = {
        "id": id,
        "source_id": 1,
        "url": url,
        "title": "The title",
        "content_type": "text/html",
        "content_hash": "",
        "version": 1,
        "duplicate_of": None,
        "language": "en",
        "truncated": False,
        "thin": False,
        "published_at": None,
        "fetched_at": 1_700_000_000_000,
        "gone_at": None,
        "description": "",
        "author": "",
        "metadata": {},
        "markdown": markdown,
        "checked_at": 1_700_000_000_000,
        "changed_at": 1_700_000_000_000,
    }
    return Document(**(fields | more))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, qapp: QApplication) -> Iterator[QtWorld]:
    """One for all tests of this file: each uses pages of its own."""
    with qt_world(tmp_path_factory.mktemp("world") / "library") as made:
        yield made


@pytest.fixture
def view(world: QtWorld) -> Iterator[DocumentView]:
    made = DocumentView(world.context)
    world.show(made, 700, 500)
    made.activateWindow()
    made.setFocus()
    yield made
    made.close()
    made.deleteLater()
    world.theme.set_mode(Mode.LIGHT)


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    """What addresses go to in place of the system's browser."""
    made = Browser()
    monkeypatch.setattr(QDesktopServices, "openUrl", staticmethod(made.open))
    return made


def text(view: DocumentView) -> str:
    return view.page.document().toPlainText()


def links(view: DocumentView) -> list[str]:
    """The addresses that can be clicked."""
    found = []
    block = view.page.document().begin()
    while block.isValid():
        iterator = block.begin()
        while not iterator.atEnd():
            form = iterator.fragment().charFormat()
            if form.isAnchor() or form.anchorHref():
                found.append(form.anchorHref())
            iterator += 1
        block = block.next()
    return found


def click(world: QtWorld, view: DocumentView, href: str) -> None:
    inside(world, lambda: view.page.anchorClicked.emit(QUrl(href)))


def press(world: QtWorld, button: QWidget) -> None:
    inside(world, lambda: QTest.mouseClick(button, Qt.MouseButton.LeftButton))


# --- what it is -------------------------------------------------------------------------------------------------------


def test_it_says_what_the_page_is(view: DocumentView) -> None:
    view.show_document(document("Text.", author="Ada", version=3, published_at=1_600_000_000_000))

    assert child(view, QLabel, "documentTitle").text() == "The title"
    assert child(view, QLabel, "documentAddress").text() == SITE
    facts = child(view, QLabel, "documentFacts").text()
    assert "Fetched 2023-11-14" in facts
    assert "published 2020-09-13" in facts
    assert "Ada" in facts
    assert "version 3" in facts


def test_what_is_the_matter_with_a_page_is_said_in_words(view: DocumentView) -> None:
    view.show_document(document("Text.", gone_at=1_700_000_000_000, truncated=True, thin=True, duplicate_of=7))

    said = " ".join(label.text() for label in view.findChildren(QLabel))
    for sentence in ("is gone", "The same text as another page", "Part of this page was lost", "Hardly any text"):
        assert sentence in said


def test_the_title_and_the_facts_of_a_page_are_plain_text(view: DocumentView) -> None:
    view.show_document(document("Text.", title="<img src='file:///etc/passwd'>Bold\u202e", author="<b>x</b>"))

    for label in view.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText or not label.text()
    assert child(view, QLabel, "documentTitle").text() == "<img src='file:///etc/passwd'>Bold "


# --- how it looks -----------------------------------------------------------------------------------------------------


def test_markdown_is_set_with_headings_lists_code_and_tables(view: DocumentView) -> None:
    view.show_document(
        document("# Head\n\nText with `code`.\n\n- item\n\n```\na = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    )

    page = view.page.document()
    block = page.begin()
    assert block.blockFormat().headingLevel() == 1
    tables = [frame for frame in page.rootFrame().childFrames() if isinstance(frame, QTextTable)]
    assert len(tables) == 1
    assert tables[0].format().border() == 1
    assert tables[0].format().cellPadding() >= 4
    cursor = page.find("a = 1")
    assert cursor.blockFormat().hasProperty(QTextFormat.Property.BlockCodeFence)
    assert cursor.charFormat().fontFixedPitch()
    assert page.find("item").block().textList() is not None
    assert page.find("code").charFormat().background().color() == view._theme.colour("code")


def test_an_empty_cell_is_a_cell_of_its_own(view: DocumentView) -> None:
    view.show_document(document("| a | b | c |\n|---|---|---|\n| 1 |  |  |\n|  | 2 |  |"))

    (table,) = (frame for frame in view.page.document().rootFrame().childFrames() if isinstance(frame, QTextTable))
    spans = {table.cellAt(row, column).columnSpan() for row in range(3) for column in range(3)}
    assert spans == {1}
    assert table.cellAt(2, 1).firstCursorPosition().block().text() == "2"


def test_a_line_at_the_top_hides_nothing_below_it(view: DocumentView) -> None:
    view.show_document(document("---\n\nFirst.\n\n---\n\nSecond."))

    assert "First." in text(view)
    assert "Second." in text(view)


def test_dark_and_light_are_changed_in_place(world: QtWorld, view: DocumentView) -> None:
    view.show_document(document("[a link](/there) in a text\n\n" + LONG))
    world.wait_until(lambda: not view.page.is_rendering)
    view.page.verticalScrollBar().setValue(500)

    world.theme.set_mode(Mode.DARK)
    world.wait_until(lambda: not view.page.is_rendering)

    cursor = view.page.document().find("a link")
    assert cursor.charFormat().foreground().color() == QApplication.palette().link().color()
    assert view.page.verticalScrollBar().value() == 500


def test_html_in_a_page_is_text(view: DocumentView) -> None:
    view.show_document(document("<b>bold</b> <script>alert(1)</script> <img src='https://x.test/i.png'>"))

    assert "<b>bold</b> <script>alert(1)</script>" in text(view)


def test_the_wheel_turns_the_page_beside_the_text_too(view: DocumentView) -> None:
    view.show_document(document(LONG))
    place = QPointF(3, 200)
    wheel = QWheelEvent(
        place, view.page.mapToGlobal(place), QPoint(0, 0), QPoint(0, -120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view.page, wheel)

    assert view.page.verticalScrollBar().value() > 0


# --- it can do nothing ------------------------------------------------------------------------------------------------


def test_pictures_are_never_loaded_from_the_web(world: QtWorld, view: DocumentView) -> None:
    async def look() -> int:
        async with RecordingServer().running() as server:
            picture = server.url("/picture.png")
            view.show_document(
                document(
                    f"![a picture]({picture}) [![inside]({picture})]({server.url('/page')}) ![]({picture})\n\n"
                    f"| ![in a table]({picture}) |\n|---|\n| ![again]({picture} \"<img src='{picture}'>\") |\n\n"
                    f"<img src='{picture}'>\n\n[ref]: {picture}\n\n![ref]"
                )
            )
            view.grab()
            await asyncio.sleep(0.2)
            return len(server.targets)

    assert world.run(look()) == 0
    shown = text(view)
    for description in ("[a picture]", "[inside]", "[in a table]", "[again]", "[ref]"):
        assert description in shown


def test_pictures_are_never_loaded_from_this_machine(view: DocumentView, tmp_path: Path, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(type(view.page), "loadResource", lambda self, kind, name: asked.append(name))
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"")

    view.show_document(document(f"![one](file://{secret}) ![two]({secret}) ![three](data:image/png;base64,AAAA)"))
    view.grab()

    assert asked == []
    assert links(view) == [f"{SITE}{str(secret)[1:]}"]  # an absolute path is one of the site


INERT = (
    "javascript:alert(1)", "JavaScript:alert(1)", "file:///etc/passwd", "data:text/html,hello", "vbscript:x",
    "mailto:a@b.test", "ftp://x.test/", "about:blank", "qrc:/x", "chrome://settings", "http://", "http:// x/",
)  # fmt: skip


def test_only_web_addresses_can_be_clicked(world: QtWorld, view: DocumentView, browser: Browser) -> None:
    view.show_document(document("\n\n".join(f"[click here]({address})" for address in INERT)))
    assert links(view) == []

    for address in INERT:
        click(world, view, address)
        assert open_web_address(address) is False
    world.run(asyncio.sleep(0.02))

    assert browser.opened == []


def test_a_tool_tip_of_a_page_is_not_shown(view: DocumentView) -> None:
    view.show_document(document("[link](/x \"<img src='file:///etc/passwd'>\")"))

    cursor = view.page.document().find("link")
    assert cursor.charFormat().toolTip() == ""


# --- links ------------------------------------------------------------------------------------------------------------


def test_a_link_to_a_page_of_the_library_shows_it_and_back_leads_back(
    world: QtWorld, view: DocumentView, browser: Browser
) -> None:
    world.run(store(world.services, {"one": "[go](/two)\n\n" + LONG, "two": "The second page."}))
    view.show_document(world.run(world.services.library.document(SITE + "one")))
    world.wait_until(lambda: not view.page.is_rendering)
    view.page.verticalScrollBar().setValue(300)

    click(world, view, SITE + "two#part")
    world.wait_until(lambda: text(view) == "The second page.")
    inside(world, view.go_back)
    world.wait_until(lambda: text(view).startswith("go"))
    world.wait_until(lambda: view.page.verticalScrollBar().value() == 300)
    inside(world, view.go_forward)
    world.wait_until(lambda: text(view) == "The second page.")

    assert browser.opened == []


def test_a_link_elsewhere_asks_before_it_opens_in_the_browser(
    world: QtWorld, view: DocumentView, browser: Browser
) -> None:
    view.show_document(document("[go](https://else.test/page)"))

    click(world, view, "https://else.test/page")
    bar = child(view, QWidget, "askingBar")
    world.wait_until(bar.isVisible)
    assert browser.opened == []
    assert "https://else.test/page" in [label.text() for label in bar.findChildren(QLabel)]

    press(world, child(bar, QPushButton))
    assert browser.opened == [QUrl("https://else.test/page")]
    assert not bar.isVisible()


def test_escape_closes_the_question_first_and_then_leaves(world: QtWorld, view: DocumentView) -> None:
    left = []
    view.left.connect(lambda: left.append(True))
    view.show_document(document("[go](https://else.test/page)"))
    click(world, view, "https://else.test/page")
    bar = child(view, QWidget, "askingBar")
    world.wait_until(bar.isVisible)

    view._escape()
    assert not bar.isVisible()
    assert left == []
    view._escape()
    assert left == [True]


def test_a_link_to_a_part_of_the_same_page_scrolls_to_its_heading(world: QtWorld, view: DocumentView) -> None:
    view.show_document(document(f"[down](#the-end)\n\n{LONG}\n\n## The end\n\n{LONG}"))
    world.wait_until(lambda: not view.page.is_rendering)

    click(world, view, f"{SITE}#the-end")

    top = view.page.cursorForPosition(QPoint(5, 5)).block().text()
    assert top == "The end"


def test_the_duplicate_of_a_page_is_a_click_away(world: QtWorld, view: DocumentView) -> None:
    ids = world.run(store(world.services, {"this": "The same text.", "that": "The same text."}))
    view.show_document(world.run(world.services.library.document(ids["that"])))

    button = next(button for button in view.findChildren(QPushButton) if button.text() == "Show the other")
    press(world, button)

    world.wait_until(lambda: view.document is not None and view.document.id == ids["this"])


def test_the_address_can_be_copied(view: DocumentView) -> None:
    view.show_document(document("Text."))
    copy = next(button for button in view.findChildren(QToolButton) if button.accessibleName() == "Copy address")

    QTest.mouseClick(copy, Qt.MouseButton.LeftButton)

    assert QGuiApplication.clipboard().text() == SITE


# --- finding ----------------------------------------------------------------------------------------------------------


def count(view: DocumentView) -> str:
    return child(view, QLabel, "findCount").text()


def test_found_words_are_highlighted_and_f3_goes_from_one_to_the_next(world: QtWorld, view: DocumentView) -> None:
    view.show_document(document(f"A word here.\n\n{LONG}\n\nA Word there."), ("word",))
    world.wait_until(lambda: not view.page.is_rendering)
    assert count(view) == "2 matches on this page"

    QTest.keyClick(view.page, Qt.Key.Key_F3)
    assert count(view) == "1 of 2"
    assert view.page.verticalScrollBar().value() == 0
    QTest.keyClick(view.page, Qt.Key.Key_F3)
    assert count(view) == "2 of 2"
    assert view.page.verticalScrollBar().value() > 1_000
    QTest.keyClick(view.page, Qt.Key.Key_F3)
    assert count(view) == "1 of 2"
    QTest.keyClick(view.page, Qt.Key.Key_F3, Qt.KeyboardModifier.ShiftModifier)
    assert count(view) == "2 of 2"


def test_f3_without_found_words_asks_what_to_look_for(world: QtWorld, view: DocumentView) -> None:
    view.show_document(document("Some paragraphs.\n\nMore graphs."))
    QTest.keyClick(view.page, Qt.Key.Key_F3)
    field = child(view, QLineEdit, "findField")
    assert field.isVisible()

    QTest.keyClicks(field, "graph")
    assert count(view) == "1 of 2"
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert count(view) == "2 of 2"
    QTest.keyClicks(field, "qqq")
    assert count(view) == "Not on this page"


def test_words_beyond_the_basic_plane_are_highlighted_where_they_are(world: QtWorld, view: DocumentView) -> None:
    view.show_document(document("\U0001f600 \U0001f600 word"), ("word",))
    world.wait_until(lambda: bool(view.page.extraSelections()))

    (selection,) = view.page.extraSelections()
    assert selection.cursor.selectedText() == "word"


# --- size -------------------------------------------------------------------------------------------------------------

HUGE = {
    "prose": "word and more text here\n\n" * 60_000,
    "one paragraph": "word and text here " * 80_000,
    "one word": "w" * 1_000_000,
    "a table": "|a|b|c|d|\n|-|-|-|-|\n" + "|some words|more words|x|yy zz|\n" * 4_000,
    "code": "```\n" + "int x = 1;\n" * 100_000 + "```",
    "formats": "`a`" * 200_000,
    "headings": "# x\n\n" * 4_000,
}


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_page_neither_blocks_the_window_nor_is_laid_out_unasked(
    world: QtWorld, view: DocumentView, name: str
) -> None:
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        loop = asyncio.get_running_loop()
        before = loop.time()
        view.show_document(document(HUGE[name]))
        # Its beginning is there at once; the rest may come while other things go on.
        for _ in range(20):
            await asyncio.sleep(0.001)
            worst = max(worst, loop.time() - before)
            before = loop.time()

    world.run(watch())

    # A guard against freezing, not a measure: that is for the benchmarks.
    assert worst < 2.0
    assert len(text(view)) <= SHOWN_AT_FIRST * 1.1


def test_the_rest_of_a_very_long_page_is_shown_when_asked_for(world: QtWorld, view: DocumentView) -> None:
    markdown = ("word " * 20 + "\n\n") * 4_200 + "the very end"
    view.show_document(document(markdown))
    bar = child(view, QWidget, "restBar")
    world.wait_until(lambda: bar.isVisible() and not view.page.is_rendering)
    assert "the very end" not in text(view)

    press(world, child(bar, QPushButton))
    world.wait_until(lambda: not view.page.is_rendering)

    assert text(view).endswith("the very end")
    assert not bar.isVisible()


def test_another_page_ends_the_laying_out_of_the_one_before(world: QtWorld, view: DocumentView) -> None:
    view.show_document(document(HUGE["a table"]))
    view.show_document(document("Short.", id=2))
    world.run(asyncio.sleep(0.05))

    assert text(view) == "Short."
    assert not view.page.is_rendering


def test_the_selection_of_a_reader_stays_while_more_is_laid_out(world: QtWorld, view: DocumentView) -> None:
    view.show_document(document("First paragraph.\n\n" + LONG * 4))
    cursor = view.page.textCursor()
    cursor.setPosition(0)
    cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
    view.page.setTextCursor(cursor)
    world.wait_until(lambda: not view.page.is_rendering)

    assert view.page.textCursor().selectedText() == "First paragraph."


def test_nothing_is_shown_when_it_is_cleared(view: DocumentView) -> None:
    view.show_document(document("Text."))
    view.clear("Nothing here.")

    assert view.document is None
    assert "Nothing here." in [label.text() for label in view.findChildren(QLabel) if label.isVisible()]
