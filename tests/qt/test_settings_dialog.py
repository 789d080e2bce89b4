"""The settings dialog: checked while one types, saved without spoiling the file, in force at once where that can be."""

import asyncio
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QWidget

from quaero_desktop.infra.settings.loading import load
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.services import compose
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.ui.dialogs.settings import SettingsDialog
from tests.support.keyboard import focused, press, type_text


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The settings file of this test."""
    path = tmp_path / "config" / "settings.toml"
    path.parent.mkdir()
    monkeypatch.setenv("QUAERO_CONFIG", str(path))
    return path


@pytest.fixture
def open_dialog(world, file):
    opened = []
    QApplication.setQuitOnLastWindowClosed(False)

    def show():
        dialog: Any = SettingsDialog(world.context)
        assert dialog.testAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        # What it shows is looked at after it closed.
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        dialog.settings = []
        dialog.applied.connect(dialog.settings.append)
        opened.append(dialog)
        dialog.open()
        dialog.activateWindow()
        world.wait_until(lambda: QApplication.focusWidget() is not None and dialog.isActiveWindow())
        return dialog

    yield show
    for dialog in opened:
        dialog.close()
        dialog.deleteLater()


def child(dialog, name):
    return dialog.findChild(QWidget, name)


def field(dialog, key):
    """Return the widget in which a setting is typed."""
    widget = child(dialog, key)
    return widget.focusProxy() or widget


def type_into(dialog, key, text):
    edit = field(dialog, key)
    tabs = dialog._tabs
    tabs.setCurrentIndex(next(n for n in range(tabs.count()) if tabs.widget(n).isAncestorOf(edit)))
    edit.setFocus()
    edit.selectAll()
    press(Qt.Key.Key_Delete)
    type_text(text)


def remark(dialog, key):
    return child(dialog, f"{key}.remark").text()


def saved(file):
    return load(file, {}).settings


class TestByKeyboardAlone:
    def test_a_value_is_changed_and_saved(self, world, file, open_dialog):
        dialog = open_dialog()
        dialog._tabs.tabBar().setFocus()
        press(Qt.Key.Key_Right)
        press(Qt.Key.Key_Tab)
        assert focused() is field(dialog, "queue.num_workers")
        press(Qt.Key.Key_Up)
        assert focused().text() == "6"
        press(Qt.Key.Key_Return)
        assert not dialog.isVisible()
        assert saved(file).queue.num_workers == 6

    def test_tab_reaches_every_field_of_a_page(self, world, open_dialog):
        dialog = open_dialog()
        for number in range(dialog._tabs.count()):
            dialog._tabs.setCurrentIndex(number)
            dialog._tabs.tabBar().setFocus()
            page = dialog._tabs.widget(number)
            reached = set()
            press(Qt.Key.Key_Tab)
            while page.isAncestorOf(focused()):
                reached.add(focused())
                press(Qt.Key.Key_Tab)
            wanted = {field(dialog, key) for key, row in dialog._rows.items() if page.isAncestorOf(row.editor.widget())}
            assert wanted <= reached
            assert all(widget.accessibleName() or widget.text() for widget in reached)

    def test_escape_leaves_everything_as_it_was(self, world, file, open_dialog):
        dialog = open_dialog()
        type_into(dialog, "queue.num_workers", "8")
        press(Qt.Key.Key_Escape)
        assert not dialog.isVisible()
        assert not file.exists()


class TestWhatIsTyped:
    @pytest.mark.parametrize(
        ("key", "text", "said"),
        [
            ("queue.num_workers", "0", "✕ A whole number from 1 to 64."),
            ("queue.num_workers", "", "✕ A whole number from 1 to 64."),
            ("queue.num_workers", "2.5", "✕ A whole number from 1 to 64."),
            ("queue.num_workers", "many", "✕ A whole number from 1 to 64."),
            ("crawl.delay_seconds", "-1", "✕ A number from 0 to 3600."),
            ("crawl.delay_seconds", "nan", "✕ A number from 0 to 3600."),
            ("fetch.contact", "größe", "✕ Plain ASCII text of at most 200 characters."),
            ("crawl.delay_seconds", "0,5", ""),
            ("fetch.contact", "me@home.org", ""),
            ("storage.log_retention_days", "0", ""),
        ],
    )
    def test_is_judged_beside_its_field(self, world, open_dialog, key, text, said):
        dialog = open_dialog()
        type_into(dialog, key, text)
        assert remark(dialog, key) == said
        assert child(dialog, "ok").isEnabled() == (not said)
        assert child(dialog, "apply").isEnabled() == (not said)

    def test_what_is_wrong_on_another_page_is_said_below_and_marked(self, world, open_dialog):
        dialog = open_dialog()
        type_into(dialog, "queue.num_workers", "0")
        dialog._tabs.setCurrentIndex(0)
        assert child(dialog, "reason").text() == "✕ Pages at the same time: A whole number from 1 to 64."
        assert [not dialog._tabs.tabIcon(number).isNull() for number in range(4)] == [False, True, False, False]
        press(Qt.Key.Key_Return)
        assert dialog.isVisible()

    def test_nothing_is_clipped_however_much_is_said(self, world, file, open_dialog):
        file.write_text("[queue]\nnum_worker = 8\nmax_attempts = 'x'\n[plugins]\n", encoding="utf-8")
        dialog = open_dialog()
        for key in ("queue.num_workers", "crawl.per_host", "crawl.delay_seconds", "crawl.max_depth"):
            type_into(dialog, key, "x")
        world.run(_turns())
        for label in dialog.findChildren(QLabel):
            if label.isVisible() and label.wordWrap():
                assert label.height() >= label.heightForWidth(label.width()), label.text()


async def _turns():
    for _ in range(3):
        await asyncio.sleep(0)


class TestSaving:
    def test_takes_effect_at_once_and_is_told(self, world, file, open_dialog):
        dialog = open_dialog()
        type_into(dialog, "crawl.max_depth", "9")
        type_into(dialog, "fetch.contact", "me@home.org")
        child(dialog, "apply").click()
        assert dialog.isVisible()
        assert not child(dialog, "apply").isEnabled()
        assert saved(file).crawl.max_depth == 9
        assert world.context.settings.crawl.max_depth == 9
        assert world.services.jobs.crawl_config(CrawlRequest(urls=("docs.python.org",))).max_depth == 9
        assert [settings.fetch.contact for settings in dialog.settings] == ["me@home.org"]

    def test_the_theme_changes_at_once(self, world, file, open_dialog):
        dialog = open_dialog()
        assert not world.theme.dark
        field(dialog, "window.theme").setCurrentIndex(2)
        child(dialog, "apply").click()
        assert world.theme.dark
        assert saved(file).window.theme == "dark"

    def test_keeps_what_was_written_by_hand(self, world, file, open_dialog):
        file.write_text("# mine\n[queue]\nnum_workers = 3 # few\nlease_seconds = 90\n", encoding="utf-8")
        dialog = open_dialog()
        assert field(dialog, "queue.num_workers").text() == "3"
        type_into(dialog, "queue.num_workers", "4")
        press(Qt.Key.Key_Return)
        assert file.read_text(encoding="utf-8") == "# mine\n[queue]\nnum_workers = 4 # few\nlease_seconds = 90\n"

    def test_without_a_change_writes_nothing(self, world, file, open_dialog):
        dialog = open_dialog()
        child(dialog, "ok").click()
        assert (dialog.isVisible(), file.exists(), dialog.settings) == (False, False, [])

    def test_defaults_are_shown_for_the_page_and_saved_only_on_ok(self, world, file, open_dialog):
        file.write_text("[queue]\nnum_workers = 3\n[storage]\nkeep_backups = 9\n", encoding="utf-8")
        dialog = open_dialog()
        dialog._tabs.setCurrentIndex(1)
        child(dialog, "defaults").click()
        assert field(dialog, "queue.num_workers").text() == "5"
        assert field(dialog, "storage.keep_backups").text() == "9"
        assert saved(file).queue.num_workers == 3
        child(dialog, "ok").click()
        assert saved(file).queue == Settings().queue
        assert saved(file).storage.keep_backups == 9

    def test_that_fails_says_why_and_keeps_what_was_typed(self, world, file, open_dialog):
        dialog = open_dialog()
        type_into(dialog, "queue.num_workers", "8")
        file.write_text("[queue\n", encoding="utf-8")
        press(Qt.Key.Key_Return)
        assert dialog.isVisible()
        assert "✕ The settings cannot be saved:" in child(dialog, "reason").text()
        assert field(dialog, "queue.num_workers").text() == "8"
        assert file.read_text(encoding="utf-8") == "[queue\n"


class TestWhatStandsInTheWay:
    def test_a_value_of_the_environment_is_shown_and_not_changed(self, world, file, open_dialog, monkeypatch):
        monkeypatch.setenv("QUAERO_QUEUE_NUM_WORKERS", "12")
        dialog = open_dialog()
        assert field(dialog, "queue.num_workers").text() == "12"
        assert not field(dialog, "queue.num_workers").isEnabled()
        assert remark(dialog, "queue.num_workers") == "Set by the environment variable QUAERO_QUEUE_NUM_WORKERS."
        dialog._tabs.setCurrentIndex(1)
        child(dialog, "defaults").click()
        assert dialog.changes() == {}

    def test_problems_of_the_file_are_shown_on_top(self, world, file, open_dialog):
        file.write_text("[queue]\nnum_worker = 8\n", encoding="utf-8")
        dialog = open_dialog()
        problems = child(dialog, "settingsProblems")
        assert problems.isVisible()
        assert "did you mean num_workers?" in " ".join(label.text() for label in problems.findChildren(QLabel))

    def test_without_problems_there_is_nothing_on_top(self, world, open_dialog):
        assert not child(open_dialog(), "settingsProblems").isVisible()


class TestTheLibraryFolder:
    def test_another_one_is_kept_for_the_next_start(self, world, file, open_dialog, tmp_path):
        dialog = open_dialog()
        dialog._library.use(str(tmp_path / "other"))
        assert child(dialog, "libraryRemark").text() == f"A new one from the next start on:\n{tmp_path / 'other'}"
        child(dialog, "ok").click()
        assert saved(file).storage.library == str(tmp_path / "other")
        assert compose.library_files(None).folder == tmp_path / "other"
        assert compose.library_files(str(tmp_path / "named")).folder == tmp_path / "named"

    def test_the_usual_one_can_be_had_back(self, world, file, open_dialog, tmp_path):
        file.write_text(f"[storage]\nlibrary = '{tmp_path / 'other'}'\n", encoding="utf-8")
        dialog = open_dialog()
        child(dialog, "usualLibrary").click()
        child(dialog, "ok").click()
        assert saved(file).storage.library == ""

    def test_one_that_is_no_place_for_a_library_is_refused_with_the_reason(self, world, open_dialog, tmp_path):
        dialog = open_dialog()
        (tmp_path / "file").write_text("")
        dialog._library.use(str(tmp_path / "file"))
        assert "is a file; a library is a folder" in child(dialog, "libraryRemark").text()
        dialog._library.use(str(tmp_path / "Dropbox" / "library"))
        assert "where a database gets damaged" in child(dialog, "libraryRemark").text()
        assert dialog.changes() == {}

    def test_a_window_with_a_folder_of_its_own_says_so(self, world, open_dialog):
        assert "started with a folder of its own" in child(open_dialog(), "libraryRemark").text()

    def test_the_chooser_is_no_box_in_the_way(self, world, open_dialog):
        dialog = open_dialog()
        child(dialog, "otherLibrary").click()
        chooser = next(each for each in dialog.findChildren(QDialog) if each.isVisible())
        chooser.close()
        assert dialog.isVisible()


def test_the_settings_shown_are_those_in_force(world, open_dialog):
    dialog = open_dialog()
    defaults = msgspec.to_builtins(Settings())
    for key, row in dialog._rows.items():
        section, _, name = key.partition(".")
        assert row.editor.value() == defaults[section][name]
