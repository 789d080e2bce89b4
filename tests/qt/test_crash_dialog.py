"""When the mistake is ours: plain words, details without secrets to copy, and the person decides."""

import traceback

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget

from quaero_desktop import __version__
from quaero_desktop.ui.dialogs.about import AboutDialog
from quaero_desktop.ui.dialogs.crash import MOST_CHARACTERS, CrashDialog, report
from tests.support.keyboard import go_to, press


@pytest.fixture
def opened(world):
    """Show a dialog, and close it at the end."""
    dialogs = []
    QApplication.setQuitOnLastWindowClosed(False)

    def show(dialog):
        # It is looked at after it closed.
        assert dialog.testAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        dialogs.append(dialog)
        if not dialog.isVisible():
            dialog.open()
        dialog.activateWindow()
        world.wait_until(lambda: dialog.isActiveWindow() and QApplication.focusWidget() is not None)
        return dialog

    yield show
    for dialog in dialogs:
        dialog.close()
        dialog.deleteLater()


def details():
    """Return the traceback of a mistake whose message holds a password and much of a page."""
    try:
        raise ValueError("https://me:hunter2@wiki.intern/ said: " + "text of the page " * 500)
    except ValueError as error:
        return "".join(traceback.format_exception(error))


def said(dialog):
    return " ".join(label.text() for label in dialog.findChildren(QLabel) if label.isVisible())


class TestACrash:
    def test_is_told_in_plain_words(self, world, opened):
        dialog = opened(CrashDialog(world.context, None, details()))
        assert "That is a mistake in Quaero, not yours." in said(dialog)
        assert "ValueError" not in said(dialog)
        assert not dialog.findChild(QWidget, "crashDetails").isVisible()

    def test_enter_goes_on(self, world, opened):
        dialog = opened(CrashDialog(world.context, None, details()))
        left = []
        dialog.quit_wanted.connect(lambda: left.append(1))
        press(Qt.Key.Key_Return)
        assert (dialog.isVisible(), left) == (False, [])

    def test_escape_goes_on_too(self, world, opened):
        dialog = opened(CrashDialog(world.context, None, details()))
        press(Qt.Key.Key_Escape)
        assert not dialog.isVisible()

    def test_quit_is_a_key_away(self, world, opened):
        dialog = opened(CrashDialog(world.context, None, details()))
        left = []
        dialog.quit_wanted.connect(lambda: left.append(1))
        go_to("quit")
        press(Qt.Key.Key_Space)
        assert (dialog.isVisible(), left) == (False, [1])

    def test_the_details_can_be_looked_at_and_copied(self, world, opened):
        dialog = opened(CrashDialog(world.context, None, details()))
        go_to("showDetails")
        press(Qt.Key.Key_Space)
        shown = dialog.findChild(QWidget, "crashDetails")
        assert shown.isVisible()
        go_to("copyDetails")
        press(Qt.Key.Key_Space)
        copied = QApplication.clipboard().text()
        assert copied == shown.toPlainText()
        assert f"Quaero Desktop: {__version__}" in copied
        assert "in details\n" in copied
        assert dialog.findChild(QPushButton, "copyDetails").text() == "Copied"

    def test_one_more_joins_the_dialog_that_is_open(self, world, opened):
        dialog = opened(CrashDialog(world.context, None, details()))
        dialog.add("Traceback\nKeyError: 'other'")
        dialog.add("Traceback\nKeyError: 'other'")
        assert dialog.text().count("KeyError: 'other'") == 1
        assert "ValueError" in dialog.text()

    def test_there_is_never_a_second_dialog(self, world, opened):
        window = QWidget()
        window.show()
        first = opened(CrashDialog.tell(world.context, window, details()))
        assert CrashDialog.tell(world.context, window, "KeyError: 'other'") is None
        assert "KeyError: 'other'" in first.text()
        first.close()
        later = opened(CrashDialog.tell(world.context, window, "IndexError"))
        assert "KeyError" not in later.text()
        window.close()
        window.deleteLater()


class TestTheReport:
    def test_holds_no_secret_and_no_page(self):
        text = report(details())
        assert "hunter2" not in text
        assert text.count("text of the page") < 40

    def test_of_a_deep_recursion_keeps_both_ends(self):
        lines = "\n".join(f'  File "x.py", line {number}, in f' for number in range(20_000))
        text = report(f"Traceback (most recent call last):\n{lines}\nRecursionError: too deep")
        assert len(text) < MOST_CHARACTERS + 1_000
        assert "Traceback (most recent call last)" in text
        assert text.endswith("RecursionError: too deep\n")


class TestTheStartAfterACrash:
    def test_says_that_nothing_is_lost(self, world, opened):
        dialog = opened(CrashDialog.previous_crash(world.context, None, "Fatal Python error: Segmentation fault"))
        assert dialog.windowTitle() == "Quaero ended unexpectedly"
        assert "Your library is sound" in said(dialog)
        assert dialog.findChild(QPushButton, "quit") is None
        assert "Segmentation fault" in dialog.text()
        press(Qt.Key.Key_Return)
        assert not dialog.isVisible()


class TestAbout:
    def test_names_versions_and_the_library(self, world, opened):
        dialog = opened(AboutDialog(world.context))
        shown = said(dialog)
        for part in (__version__, "MIT", "SQLite", "Python", str(world.services.files.folder)):
            assert part in shown

    def test_the_versions_can_be_copied_by_keyboard(self, world, opened):
        dialog = opened(AboutDialog(world.context))
        go_to("copyVersions")
        press(Qt.Key.Key_Space)
        assert QApplication.clipboard().text() == dialog.text()
        press(Qt.Key.Key_Escape)
        assert not dialog.isVisible()
