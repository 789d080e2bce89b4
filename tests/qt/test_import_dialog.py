"""The dialog that imports from the old Quaero: the file, what will come and what not, progress, the result (O2)."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTreeWidget,
    QWidget,
)

from quaero_desktop.domain.importing import ImportProgress, ImportReport, Kind
from quaero_desktop.ui.addresses import database_in
from quaero_desktop.ui.dialogs.importing import ImportDialog
from tests.support import fake_keyring
from tests.support.documents import child, inside
from tests.support.legacy import SITE, LegacyDatabase, legacy_database, sound
from tests.support.qtwindow import QtWorld


@pytest.fixture
def dialog(world: QtWorld) -> Iterator[ImportDialog]:
    window = QWidget()
    world.show(window, 900, 600)
    made = ImportDialog(world.context, window)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    yield made
    inside(world, made.close)
    window.close()
    window.deleteLater()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file with five sound jobs and three orphans."""
    file = sound(tmp_path / "quaero.db")
    with contextlib.closing(sqlite3.connect(file)) as connection:
        for number in range(3):
            LegacyDatabase(connection).page(f"orphan-{number}", "nobody", f"{SITE}orphan{number}")
        connection.commit()
    return file


def start(dialog: ImportDialog) -> QPushButton:
    return child(dialog, QPushButton, "startImport")


def remark(dialog: ImportDialog) -> str:
    return child(dialog, QLabel, "importRemark").text()


def texts(dialog: ImportDialog) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel) if label.isVisible())


def reasons(dialog: ImportDialog) -> list[list[str]]:
    tree = child(dialog, QTreeWidget, "leftOut")
    items = (tree.topLevelItem(row) for row in range(tree.topLevelItemCount()))
    return [[item.text(column) for column in range(3)] for item in items if item is not None]


def look(world: QtWorld, dialog: ImportDialog, file: Path) -> None:
    inside(world, lambda: dialog.open_with(file))
    world.wait_until(lambda: dialog.preview is not None)


def test_it_shows_what_will_come_and_what_is_left_out_and_why(world: QtWorld, dialog: ImportDialog, old: Path) -> None:
    look(world, dialog, old)

    shown = texts(dialog)
    assert "What will come" in shown
    assert "5\njobs\n" in shown
    assert "By their schedules will run: “Definition nightly”." in shown
    assert "Left out, in whole or in part: 4 rows" in shown
    assert reasons(dialog)[0] == ["3", "Jobs", "Its parent does not exist"]
    assert start(dialog).isEnabled()
    assert world.run(world.services.library.statistics()).documents == 0, "nothing has come yet"


def test_it_imports_by_keyboard_alone(world: QtWorld, dialog: ImportDialog, old: Path) -> None:
    came: list[bool] = []
    dialog.imported.connect(lambda: came.append(True))
    inside(world, lambda: dialog.open_with(None))
    assert not start(dialog).isEnabled()
    field = child(dialog, QLineEdit, "importFile")
    inside(world, lambda: QTest.keyClicks(field, str(old)))
    inside(world, lambda: QTest.keyClick(field, Qt.Key.Key_Return))
    world.wait_until(lambda: dialog.preview is not None)

    inside(world, lambda: QTest.keyClick(dialog, Qt.Key.Key_Return))
    world.wait_until(lambda: dialog.report is not None)
    world.settle()

    assert "What has come" in texts(dialog)
    assert "✓ The import is done" in remark(dialog)
    assert came == [True]
    assert world.run(world.services.library.statistics()).documents == 3
    inside(world, lambda: QTest.keyClick(dialog, Qt.Key.Key_Return))
    assert not dialog.isVisible()


def test_a_file_that_cannot_be_imported_is_said_in_the_dialog(
    world: QtWorld, dialog: ImportDialog, old: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.db").write_text("Dear diary")
    inside(world, lambda: dialog.open_with(tmp_path / "notes.db"))
    world.wait_until(lambda: "✕" in remark(dialog))
    assert "is no SQLite database" in remark(dialog)
    assert not start(dialog).isEnabled()

    inside(world, lambda: dialog._chosen(old))
    world.wait_until(lambda: dialog.preview is not None)
    assert remark(dialog) == ""
    assert world.notices == []


def test_what_came_before_does_not_come_again(
    world: QtWorld, dialog: ImportDialog, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_keyring.use(monkeypatch)
    world.run(world.services.importing.run(old))

    look(world, dialog, old)

    assert "Nothing new: everything sound in it is here already" in texts(dialog)
    assert not start(dialog).isEnabled()


def test_an_empty_database_has_nothing_to_import(world: QtWorld, dialog: ImportDialog, tmp_path: Path) -> None:
    with legacy_database(tmp_path / "quaero.db"):
        pass

    look(world, dialog, tmp_path / "quaero.db")

    assert "There is nothing in it to import" in texts(dialog)
    assert not start(dialog).isEnabled()


def test_without_a_keyring_it_asks_whether_to_remember_secrets(world: QtWorld, dialog: ImportDialog, old: Path) -> None:
    look(world, dialog, old)
    box = child(dialog, QCheckBox, "rememberSecrets")
    assert "There is no keyring here" in box.text()
    assert not box.isChecked()

    inside(world, box.click)
    inside(world, start(dialog).click)
    world.wait_until(lambda: dialog.report is not None)

    (credential,) = world.run(world.services.credentials.list())
    assert world.run(world.services.secrets.fetch(credential.key))


def test_with_a_keyring_it_says_where_secrets_go(
    world: QtWorld, dialog: ImportDialog, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_keyring.use(monkeypatch)
    look(world, dialog, old)

    assert "1 secret will go to the keyring of this computer." in texts(dialog)
    assert not child(dialog, QCheckBox, "rememberSecrets").isVisible()


def test_a_running_import_shows_how_far_it_is_and_stops_at_escape(
    world: QtWorld, dialog: ImportDialog, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = []

    async def slow(*_: object, progress, **__: object) -> ImportReport:
        progress(ImportProgress(10, 100, Kind.JOBS))
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        raise AssertionError

    look(world, dialog, old)
    monkeypatch.setattr(world.services.importing, "run", slow)
    inside(world, start(dialog).click)
    world.wait_until(lambda: "10 of 100 rows" in remark(dialog))
    assert child(dialog, QProgressBar).value() == 10

    inside(world, lambda: QTest.keyClick(dialog, Qt.Key.Key_Escape))
    world.wait_until(lambda: bool(cancelled))
    world.wait_until(start(dialog).isVisible)

    assert dialog.isVisible()
    assert "What has come stays" in remark(dialog)
    inside(world, lambda: QTest.keyClick(dialog, Qt.Key.Key_Escape))
    assert not dialog.isVisible()


def test_the_list_of_what_is_left_out_can_be_copied(world: QtWorld, dialog: ImportDialog, old: Path) -> None:
    look(world, dialog, old)
    inside(world, child(dialog, QPushButton, "copyLeftOut").click)

    assert "crawl_jobs\torphan-0\tits parent does not exist" in QApplication.clipboard().text()


def test_a_database_can_be_dropped(world: QtWorld, dialog: ImportDialog, old: Path) -> None:
    inside(world, lambda: dialog.open_with(None))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(old))])
    drop = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    inside(world, lambda: dialog.dropEvent(drop))
    world.wait_until(lambda: dialog.preview is not None)

    assert database_in(data) == old
    data.setUrls([QUrl.fromLocalFile("/addresses.txt")])
    assert database_in(data) is None
    data.setUrls([QUrl("https://docs.site.test/quaero.db")])
    assert database_in(data) is None
