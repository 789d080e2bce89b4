"""The export dialog: what, as what, where to; with progress, and by keyboard alone."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QRadioButton, QWidget

from quaero_desktop.domain.exporting import ExportReport
from quaero_desktop.ui.dialogs.export import ExportDialog
from tests.support.documents import Browser, child, inside, store
from tests.support.qtwindow import QtWorld

PAGES = {"one": "The word.", "two": "Another word.", "three": "Nothing of it."}


@pytest.fixture
def dialog(world: QtWorld) -> Iterator[ExportDialog]:
    window = QWidget()
    world.show(window, 900, 600)
    made = ExportDialog(world.context, window)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    yield made
    made.close()
    window.close()
    window.deleteLater()


@pytest.fixture
def ids(world: QtWorld) -> dict[str, int]:
    return world.run(store(world.services, PAGES))


def radio(dialog: ExportDialog, name: str) -> QRadioButton:
    return child(dialog, QRadioButton, name)


def start(dialog: ExportDialog) -> QPushButton:
    return child(dialog, QPushButton, "startExport")


def target(dialog: ExportDialog, path: Path) -> None:
    field = child(dialog, QLineEdit, "exportTarget")
    field.selectAll()
    QTest.keyClicks(field, str(path))


def remark(dialog: ExportDialog) -> str:
    return child(dialog, QLabel, "exportRemark").text()


def test_it_offers_what_there_is(world: QtWorld, dialog: ExportDialog, ids: dict[str, int]) -> None:
    inside(world, lambda: dialog.open_with([ids["one"], ids["two"]], "word"))
    world.wait_until(lambda: "(3 documents)" in radio(dialog, "exportLibrary").text())

    assert radio(dialog, "exportSelection").isChecked()
    assert radio(dialog, "exportSelection").text() == "The 2 selected documents"
    assert radio(dialog, "exportResults").text() == "All results of “word” (2)"
    assert radio(dialog, "exportLibrary").text() == "The whole library (3 documents)"


def test_without_a_selection_or_a_search_it_is_the_whole_library(world: QtWorld, dialog: ExportDialog) -> None:
    inside(world, lambda: dialog.open_with(None, ""))

    assert radio(dialog, "exportLibrary").isChecked()
    assert not radio(dialog, "exportSelection").isVisible()
    assert not radio(dialog, "exportResults").isVisible()


def test_results_become_a_file_by_keyboard_alone(
    world: QtWorld, dialog: ExportDialog, ids: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser()
    monkeypatch.setattr(QDesktopServices, "openUrl", staticmethod(browser.open))
    inside(world, lambda: dialog.open_with(None, "word"))
    inside(world, lambda: QTest.keyClick(radio(dialog, "export_jsonl"), Qt.Key.Key_Space))
    inside(world, lambda: target(dialog, tmp_path / "out.jsonl"))

    inside(world, lambda: QTest.keyClick(dialog, Qt.Key.Key_Return))
    world.wait_until(lambda: dialog.report is not None)

    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert len([json.loads(line) for line in lines]) == 2
    assert "2 documents exported" in remark(dialog)
    assert start(dialog).text() == "Open folder"
    inside(world, lambda: QTest.keyClick(dialog, Qt.Key.Key_Return))
    assert [url.toLocalFile() for url in browser.opened] == [str(tmp_path)]
    assert not dialog.isVisible()


def test_a_selection_becomes_a_folder_of_markdown(
    world: QtWorld, dialog: ExportDialog, ids: dict[str, int], tmp_path: Path
) -> None:
    inside(world, lambda: dialog.open_with([ids["three"]], "word"))
    inside(world, lambda: target(dialog, tmp_path / "out"))
    inside(world, start(dialog).click)
    world.wait_until(lambda: dialog.report is not None)

    texts = [file.read_text(encoding="utf-8") for file in (tmp_path / "out").rglob("*.md")]
    assert any("Nothing of it." in text for text in texts)
    assert not any("Another word." in text for text in texts)


def test_a_file_that_exists_is_replaced_only_after_the_button_said_so(
    world: QtWorld, dialog: ExportDialog, ids: dict[str, int], tmp_path: Path
) -> None:
    existing = tmp_path / "out.csv"
    existing.write_text("old", encoding="utf-8")
    inside(world, lambda: dialog.open_with(None, ""))
    inside(world, radio(dialog, "export_csv").click)
    assert start(dialog).text() == "Export"

    inside(world, lambda: target(dialog, existing))
    assert start(dialog).text() == "Replace"
    assert "exists and would be replaced" in remark(dialog)
    inside(world, start(dialog).click)
    world.wait_until(lambda: dialog.report is not None)
    assert existing.read_text(encoding="utf-8-sig") != "old"


def test_a_file_that_appeared_meanwhile_is_not_replaced(
    world: QtWorld, dialog: ExportDialog, ids: dict[str, int], tmp_path: Path
) -> None:
    inside(world, lambda: dialog.open_with(None, ""))
    inside(world, radio(dialog, "export_csv").click)
    inside(world, lambda: target(dialog, tmp_path / "out.csv"))
    (tmp_path / "out.csv").write_text("somebody's", encoding="utf-8")

    inside(world, start(dialog).click)
    world.wait_until(lambda: "✕" in remark(dialog))

    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "somebody's"
    assert start(dialog).isVisible()


def test_what_is_wrong_is_said_and_can_be_put_right(
    world: QtWorld, dialog: ExportDialog, ids: dict[str, int], tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    inside(world, lambda: dialog.open_with(None, ""))
    inside(world, lambda: target(dialog, tmp_path / "full"))
    inside(world, start(dialog).click)
    world.wait_until(lambda: remark(dialog).startswith("✕"))

    inside(world, lambda: target(dialog, tmp_path / "other"))
    inside(world, start(dialog).click)
    world.wait_until(lambda: dialog.report is not None)

    assert world.notices == []


def test_a_running_export_is_cancelled_by_escape_and_leaves_nothing(
    world: QtWorld, dialog: ExportDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = []

    async def slow(*_: object, progress, **__: object) -> ExportReport:
        progress(10, 100)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        raise AssertionError

    monkeypatch.setattr(world.services.export, "export", slow)
    inside(world, lambda: dialog.open_with(None, ""))
    inside(world, lambda: target(dialog, tmp_path / "out"))
    inside(world, start(dialog).click)
    world.wait_until(lambda: any("10 of 100 documents" in label.text() for label in dialog.findChildren(QLabel)))

    inside(world, lambda: QTest.keyClick(dialog, Qt.Key.Key_Escape))
    world.wait_until(lambda: bool(cancelled))
    world.wait_until(start(dialog).isVisible)

    assert dialog.isVisible()
    inside(world, lambda: QTest.keyClick(dialog, Qt.Key.Key_Escape))
    assert not dialog.isVisible()


def test_the_format_and_the_folder_are_remembered(
    world: QtWorld, dialog: ExportDialog, ids: dict[str, int], tmp_path: Path
) -> None:
    inside(world, lambda: dialog.open_with(None, ""))
    inside(world, radio(dialog, "export_csv").click)
    inside(world, lambda: target(dialog, tmp_path / "out.csv"))
    inside(world, start(dialog).click)
    world.wait_until(lambda: dialog.report is not None)

    again = ExportDialog(world.context, dialog.parentWidget())
    inside(world, lambda: again.open_with(None, ""))

    assert radio(again, "export_csv").isChecked()
    proposed = Path(child(again, QLineEdit, "exportTarget").text())
    assert proposed.parent == tmp_path
    assert proposed.suffix == ".csv"
    again.close()
