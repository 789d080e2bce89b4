"""A library that cannot be opened: what the person reads, and the way out without a command line."""

import asyncio
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QPushButton

from quaero_desktop import app
from quaero_desktop.app import Desktop
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.services import configuration
from quaero_desktop.ui.views.trouble import Trouble
from tests.support.waiting import until

pytestmark = pytest.mark.slow


def trouble() -> Trouble | None:
    return next((w for w in QApplication.topLevelWidgets() if isinstance(w, Trouble) and w.isVisible()), None)


def said(shown: Trouble) -> str:
    return " ".join(label.text() for label in shown.findChildren(QLabel))


@pytest.mark.parametrize("named", [False, True], ids=["by the settings", "for this start alone"])
def test_another_folder_is_chosen_where_the_first_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication, named: bool
) -> None:
    monkeypatch.setenv("QUAERO_CONFIG", str(tmp_path / "settings.toml"))
    taken, free = tmp_path / "taken", tmp_path / "free"
    taken.write_text("no folder")
    free.mkdir()
    if not named:
        configuration.save({"storage.library": str(taken)})

    async def run(desktop: Desktop) -> None:
        running = asyncio.get_running_loop().create_task(desktop.run(()))
        await until(lambda: trouble() is not None)
        shown = trouble()
        assert shown is not None
        assert "taken" in said(shown)
        assert "--library" not in said(shown)
        button = shown.findChild(QPushButton, "otherLibrary")
        assert isinstance(button, QPushButton)
        for folder, helps in ((taken, False), (free, True)):
            button.click()
            chooser = shown.findChildren(QFileDialog)[-1]
            chooser.fileSelected.emit(str(folder))
            chooser.close()
            if not helps:
                assert "is a file; a library is a folder" in said(shown)
        await desktop.shown.wait()
        assert desktop.context is not None
        assert desktop.context.services.files.folder == free
        desktop.stop()
        await running

    files = LibraryFiles(taken)
    with app.opened_runner(app.make_application(), files) as (runner, reporter, collector):
        desktop = Desktop(app.make_application(), files, configuration.read(), reporter, collector)
        runner.run(run(desktop))
        desktop.deleteLater()
        reporter.deleteLater()
    assert configuration.read().settings.storage.library == ("" if named else str(free))


def test_a_library_that_is_no_path_is_said_in_a_window_and_another_one_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication
) -> None:
    monkeypatch.setenv("QUAERO_CONFIG", str(tmp_path / "settings.toml"))
    usual, free = tmp_path / "usual", tmp_path / "free"
    free.mkdir()

    async def run(desktop: Desktop) -> None:
        running = asyncio.get_running_loop().create_task(desktop.run(()))
        await until(lambda: trouble() is not None)
        shown = trouble()
        assert shown is not None
        assert "There is no home folder" in said(shown)
        # Nobody asked for the usual one, so trying again must not open that.
        shown.retry_wanted.emit()
        await until(lambda: trouble() not in (None, shown))
        shown = trouble()
        assert shown is not None
        shown.folder_wanted.emit(str(free))
        await desktop.shown.wait()
        assert desktop.context is not None
        assert desktop.context.services.files.folder == free
        desktop.stop()
        await running

    files = LibraryFiles(usual)
    with app.opened_runner(app.make_application(), files) as (runner, reporter, collector):
        problem = UsageError("There is no home folder for “~nobody/library”.", "Give the folder's full path.")
        desktop = Desktop(app.make_application(), files, configuration.read(), reporter, collector, problem)
        runner.run(run(desktop))
        desktop.deleteLater()
        reporter.deleteLater()
    assert configuration.read().settings.storage.library == ""
    assert not (usual / "library.db").exists()
