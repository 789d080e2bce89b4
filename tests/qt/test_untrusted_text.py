"""Text of others does nothing in the window: it loads, opens, formats and commands nothing, wherever it is shown."""

import asyncio
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6 import QtGui
from PySide6.QtCore import QCoreApplication, QModelIndex, Qt
from PySide6.QtGui import QAction, QDesktopServices, QTextDocument, QTextFormat
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QDialog,
    QHeaderView,
    QLabel,
    QListView,
    QSystemTrayIcon,
    QTextEdit,
    QWidget,
)

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.domain.importing import ImportPreview, LeftOut
from quaero_desktop.domain.jobs import JobType
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.domain.sources import SourceRules
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.dialogs.crash import CrashDialog
from quaero_desktop.ui.dialogs.credential import CredentialDialog
from quaero_desktop.ui.dialogs.definition import DefinitionDialog
from quaero_desktop.ui.dialogs.importing import ImportDialog
from quaero_desktop.ui.dialogs.source import SourceDialog
from quaero_desktop.ui.palette import Palette
from quaero_desktop.ui.tray import Tray
from quaero_desktop.ui.views.document import DocumentView
from tests.support.documents import Browser
from tests.support.payloads import storable_payloads
from tests.support.qtwindow import QtWorld
from tests.support.recipes import RecipeWindow, recipe_window
from tests.support.recording_server import RecordingServer
from tests.support.untrusted import fill

SLOW_SECONDS = 3.0
"""More than this of processor time in one go is a window that stands still, however slow the machine."""
MOST_SHOWN = 20_000
"""No label and no cell has more characters: laying out a megabyte takes seconds."""
COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
OWN_MARKUP = re.compile(
    r"<(?!/?(?:qt|br|p|b|i|a|span|table|tr|td|th|ul|ol|li|code|html|body|head|nobr)\b)", re.IGNORECASE
)


class Guard:
    """Notices what text of others must not bring about.

    Attributes:
        web: of what it wants to have fetched.
        picture: what it wants to have read; reading it leaves a trace.
        browser: what was opened with the system.
    """

    def __init__(self, web: RecordingServer, picture: Path, browser: Browser) -> None:
        self.web, self.picture, self.browser = web, picture, browser

    def assert_untouched(self) -> None:
        assert self.web.connections == 0
        assert self.browser.opened == []
        assert self.picture.stat().st_atime == 0, "the picture was read"


@pytest.fixture
def guard(world: QtWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guard]:
    """Serve what nobody may ask for, and lay out what nobody may read."""
    browser, web = Browser(), RecordingServer()
    monkeypatch.setattr(QDesktopServices, "openUrl", browser.open)
    picture = tmp_path / "picture.svg"
    picture.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="900" height="900"/>')
    os.utime(picture, (0, picture.stat().st_mtime))
    picture.read_bytes()
    if not picture.stat().st_atime:
        pytest.skip("this file system does not tell what was read")
    os.utime(picture, (0, picture.stat().st_mtime))
    serving = web.running()
    world.run(serving.__aenter__())
    yield Guard(web, picture, browser)
    world.run(serving.__aexit__(None, None, None))


@contextmanager
def responsive(what: str) -> Iterator[None]:
    """Fail when the block takes the time that a window must not stand still for."""
    began = time.thread_time()
    yield
    assert (took := time.thread_time() - began) < SLOW_SECONDS, f"{what} took {took:.1f} s"


# --- what is looked at ------------------------------------------------------------------------------------------------


def assert_inert_markup(text: str, where: str) -> None:
    """Fail when markup of ours, as tool tips and some labels have it, holds more than words and line breaks."""
    assert len(text) <= MOST_SHOWN, f"{where}: {len(text)} characters"
    assert text.count("<br>") < 50, f"{where}: {text.count('<br>')} lines"
    found = OWN_MARKUP.search(text)
    assert not found, f"{where}: {text[max(0, found.start() - 40) : found.end() + 60]!r}"
    assert "javascript:" not in re.sub(">[^<]*", ">", text), where
    document = QTextDocument()
    document.setHtml(text)
    block = document.begin()
    while block.isValid():
        for span in block.textFormats():
            assert span.format.objectType() == QTextFormat.ObjectTypes.NoObject.value, f"{where}: {text[:200]!r}"
            assert "WEB" not in span.format.anchorHref(), where
        block = block.next()
    assert not COMMANDS.search(document.toPlainText()), f"{where}: {text[:200]!r}"


def examine(window: QWidget) -> int:
    """Look at every text of a window and of what belongs to it; return how many there were."""
    seen = 0
    for widget in (window, *window.findChildren(QWidget)):
        where = f"{type(widget).__name__} {widget.objectName()!r}"
        for text, what in ((widget.windowTitle(), "title"), (widget.accessibleName(), "accessible name")):
            assert not COMMANDS.search(text), f"{where}: {what} {text[:200]!r}"
        assert_tip(widget.toolTip(), where)
        if isinstance(widget, QLabel):
            assert_label(widget, where)
        elif isinstance(widget, QAbstractButton):
            assert not COMMANDS.search(widget.text()), f"{where}: {widget.text()[:200]!r}"
            assert "\n" not in widget.text() or len(widget.text()) < 200, where
        elif isinstance(widget, QTextEdit):
            assert_text_edit(widget, where)
        elif isinstance(widget, QAbstractItemView) and not isinstance(widget, QHeaderView):
            seen += examine_view(widget, where)
        seen += 1
    for action in window.findChildren(QAction):
        assert not COMMANDS.search(action.text()), action.text()
        assert_tip(action.toolTip(), f"action {action.text()!r}")
    return seen


def assert_tip(tip: str, where: str) -> None:
    if QtGui.Qt.mightBeRichText(tip):
        assert_inert_markup(tip, f"{where}: tool tip")
    else:
        assert not COMMANDS.search(tip), f"{where}: {tip[:200]!r}"


def assert_label(label: QLabel, where: str) -> None:
    text = label.text()
    rich = label.textFormat() in (Qt.TextFormat.RichText, Qt.TextFormat.MarkdownText) or (
        label.textFormat() == Qt.TextFormat.AutoText and QtGui.Qt.mightBeRichText(text)
    )
    if rich:
        assert_inert_markup(text, where)
    else:
        assert not COMMANDS.search(text), f"{where}: {text[:200]!r}"
        assert len(text) <= MOST_SHOWN, f"{where}: {len(text)} characters"


def assert_text_edit(edit: QTextEdit, where: str) -> None:
    document = edit.document()
    for each in document.allFormats():
        assert not each.isImageFormat(), f"{where}: an image"
    block = document.begin()
    while block.isValid():
        for span in block.textFormats():
            href = span.format.anchorHref()
            assert not href or href.startswith(("http://", "https://", "#")), f"{where}: {href[:100]}"
        block = block.next()


def examine_view(view: QAbstractItemView, where: str) -> int:
    """Look at the cells that are shown: one line each, no higher than the others, and tips that are inert."""
    seen, heights = 0, set[int]()
    model: Any = view.model()
    if model is None or not view.isVisible():
        return 0
    indexes: list[Any] = [view.indexAt(view.viewport().rect().topLeft())]
    while len(indexes) < 150 and indexes[-1].isValid():
        below = view.visualRect(indexes[-1]).bottomLeft()
        below.setY(below.y() + 2)
        following = view.indexAt(below)
        if not following.isValid() or following == indexes[-1]:
            break
        indexes.append(following)
    for index in indexes:
        if not index.isValid():
            continue
        heights.add(view.visualRect(index).height())
        for column in range(1 if isinstance(view, QListView) else model.columnCount(index.parent())):
            cell: QModelIndex = index.siblingAtColumn(column)
            at = f"{where} {index.row()}/{column}"
            for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
                text = cell.data(role)
                if isinstance(text, str):
                    assert not COMMANDS.search(text), f"{at}: {text[:200]!r}"
                    assert "\n" not in text or view.objectName() == "palette", f"{at}: {text[:200]!r}"
                    assert len(text) <= MOST_SHOWN, f"{at}: {len(text)} characters"
            assert_tip(cell.data(Qt.ItemDataRole.ToolTipRole) or "", at)
            seen += 1
    assert len(heights) <= 1, f"{where}: rows are {sorted(heights)} high"
    assert max(heights, default=0) <= 100, f"{where}: rows are {sorted(heights)} high"
    return seen


# --- the window ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_whatever_is_shown_of_others_is_inert(world: QtWorld, guard: Guard, monkeypatch: pytest.MonkeyPatch):
    texts = storable_payloads(guard.web.origin, guard.picture)
    known = world.run(fill(world.services, texts))
    said: list[str] = []
    monkeypatch.setattr(QSystemTrayIcon, "showMessage", lambda _self, *given: said.extend(given[:2]))
    monkeypatch.setattr(QSystemTrayIcon, "setToolTip", lambda _self, tip: said.append(tip))
    with recipe_window(world) as used:
        used.window.resize(1200, 1400)
        show_jobs(used, world, known)
        show_library(used, world, known)
        show_recipes(used, world)
        show_words(used, world, texts)
        show_dialogs(used, world, texts)
    for text in said:
        assert not COMMANDS.search(text)
        assert not QtGui.Qt.mightBeRichText(text), text[:100]
    guard.assert_untouched()


def look(used: RecipeWindow, what: str) -> None:
    """Draw the window, and look at every text in it."""
    with responsive(what):
        used.window.grab()
    assert examine(used.window) > 50, what


def show_jobs(used: RecipeWindow, world: QtWorld, known: dict[str, Any]) -> None:
    used.do(used.window.show_jobs)
    window, root = used.window, known["root"]

    def shows(job_id: int) -> bool:
        return window.detail.job_id == job_id and not window.detail.is_reading

    used.do(lambda: window.show_job(root, expand=True))
    world.wait_until(partial(shows, root))
    for tab in ("Overview", "Pages", "Skipped", "Setup"):
        used.do(lambda tab=tab: window.detail.show_tab(tab))
        settle(world)
        look(used, f"the tab {tab}")
    used.do(window.show_log)
    settle(world)
    look(used, "the log")
    for job_id in known["roots"][1::10]:
        used.do(partial(window.show_job, job_id))
        world.wait_until(partial(shows, job_id))
        assert examine(window.detail) > 5
    pages = world.run(world.services.jobs.page(JobFilter(parent=root, type=(JobType.CRAWLER_URL,), limit=None))).jobs
    for job in pages[:: max(1, len(pages) // 20)]:
        with responsive(f"page {job.name[:60]!r}"):
            used.do(partial(window.detail.open_job, job.id))
            world.wait_until(partial(shows, job.id))
        assert examine(window.detail) > 5
    look(used, "the jobs")


def show_library(used: RecipeWindow, world: QtWorld, known: dict[str, Any]) -> None:
    used.do(used.window.show_library)
    used.do(lambda: used.window.library.search("needle"))
    settle(world)
    look(used, "the results")
    reader = DocumentView(world.context, used.window)
    reader.setGeometry(0, 0, 900, 700)
    reader.show()
    for document_id in known["documents"]:
        document = world.run(world.services.library.document(document_id))
        with responsive(f"document {document.title[:60]!r}"):
            used.do(lambda document=document: reader.show_document(document))
            world.settle()
            reader.grab()
        assert examine(reader) > 5
    settle(world)
    reader.deleteLater()


def show_recipes(used: RecipeWindow, world: QtWorld) -> None:
    for view in (used.definitions(), used.sources()):
        settle(world)
        look(used, view.objectName())
        table = next(each for each in view.findChildren(QAbstractItemView) if each.model().rowCount() > 50)
        for row in range(0, table.model().rowCount(), 8):
            used.do(lambda table=table, row=row: table.setCurrentIndex(table.model().index(row, 0)))
            world.settle()
            assert examine(view) > 5
        look(used, view.objectName())


def show_words(used: RecipeWindow, world: QtWorld, texts: list[str]) -> None:
    """What bars, the palette and the tray say."""
    notices = world.context.notices
    window = used.window
    # What is below the bars would be laid out anew for each of them.
    window.pages.hide()
    for text in texts:
        error = KnownError(text, text)
        error.__cause__ = ValueError(text)
        with responsive(f"a notice of {text[:40]!r}"):
            used.do(window.messages.clear)
            used.do(lambda error=error: notices.error(error))
        assert examine(window.messages) > 1
        assert window.messages.heightForWidth(1100) < 300, text[:40]
    for text in texts[::4]:
        used.do(lambda text=text: notices.undo(text, lambda: None))
    assert examine(window.undo_bar) > 20
    look(used, "the bars")
    window.pages.show()
    tray = Tray(world.context, used.window, used.window.windowIcon())
    tray._tip()
    tray.hide()
    used.do(lambda: world.context.actions.trigger(ActionId.PALETTE))
    (palette,) = used.window.findChildren(Palette)
    for typed in ("needle", "payload", "<b>"):
        used.do(lambda typed=typed: palette.field.setText(typed))
        settle(world, 0.3)
        palette.grab()
        assert examine(palette) > 3
    used.do(palette.close)


def show_dialogs(used: RecipeWindow, world: QtWorld, texts: list[str]) -> None:
    used.do(used.window.show_jobs)
    for action in (
        ActionId.NEW_CRAWL,
        ActionId.NEW_DEFINITION,
        ActionId.NEW_SOURCE,
        ActionId.EXPORT,
        ActionId.SETTINGS,
    ):
        used.do(lambda action=action: world.context.actions.trigger(action))
        settle(world)
        dialogs = [each for each in used.window.findChildren(QDialog) if each.isVisible()]
        assert dialogs, action
        for dialog in dialogs:
            with responsive(action):
                dialog.grab()
            examine(dialog)
            used.do(dialog.close)
    context, window = world.context, used.window
    sources = world.run(world.services.sources.list())
    definitions = world.run(world.services.definitions.list())
    for source, stored_definition in list(zip(sources[-len(texts) :], definitions, strict=False))[::6]:
        definition = stored_definition.definition
        source = msgspec.structs.replace(source, rules=SourceRules(include=(source.name[:900],)))
        for dialog in (
            SourceDialog(context, window, source=source),
            CredentialDialog(context, window, source=source, why=source.name),
            DefinitionDialog(context, window, definition=definition, definition_id=stored_definition.id),
        ):
            show_dialog(used, dialog, f"{type(dialog).__name__} of {source.name[:40]!r}")
    left_out = tuple(LeftOut(text, text, f"{text}: {text}") for text in texts)
    importing = ImportDialog(context, window)
    numbers = {"jobs": 1, "documents": 2}
    preview = ImportPreview(file=Path("/old.db"), coming=numbers, present={}, left_out=left_out, scheduled=tuple(texts))
    used.do(lambda: importing._show_preview(preview))
    show_dialog(used, importing, "the import")
    crash = "\n".join(text[:2_000] for text in texts)
    show_dialog(used, CrashDialog(context, window, crash), "the crash dialog")


def show_dialog(used: RecipeWindow, dialog: QDialog, what: str) -> None:
    with responsive(what):
        used.do(dialog.open)
        settle(used.world, 0.02)
        dialog.grab()
    assert examine(dialog) > 5
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    used.do(lambda: dialog.done(0))


def settle(world: QtWorld, seconds: float = 0.1) -> None:
    """Let what was asked for be read and shown: nothing announces that a whole view is complete."""
    world.run(asyncio.sleep(seconds))
    QCoreApplication.processEvents()
