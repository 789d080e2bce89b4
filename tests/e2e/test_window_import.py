"""An import of the old Quaero's database in the real window (O2): dropped, looked into, imported, shown."""

from pathlib import Path

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication

from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.dialogs.importing import ImportDialog
from tests.support.desktop import Used, use
from tests.support.legacy import sound
from tests.support.waiting import until


def test_a_legacy_database_that_is_dropped_onto_the_window_is_imported_and_shown(
    tmp_path: Path, qapp: QApplication
) -> None:
    old = sound(tmp_path / "quaero.db")

    async def scenario(used: Used) -> None:
        window = used.window
        assert window.pages.currentWidget() is window.welcome
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(old))])
        window.dropEvent(
            QDropEvent(
                QPointF(5, 5),
                Qt.DropAction.CopyAction,
                data,
                Qt.MouseButton.LeftButton,
                Qt.KeyboardModifier.NoModifier,
            )
        )
        await until(lambda: window.findChild(ImportDialog) is not None)
        dialog = window.findChild(ImportDialog)
        assert isinstance(dialog, ImportDialog)
        await until(lambda: dialog.preview is not None)
        dialog._start()
        await until(lambda: dialog.report is not None)
        dialog.close()
        await until(lambda: window.pages.currentWidget() is window.splitter)

        (root,) = (await used.context.services.jobs.page(JobFilter())).jobs
        window.show_job(root.id, expand=True)
        await until(lambda: [target.name for target in used.context.actions.selection.targets] == ["Crawl crawl-1"])
        used.context.actions.trigger(ActionId.IMPORT)
        await until(lambda: window.findChild(ImportDialog) is not None)
        again = window.findChild(ImportDialog)
        assert isinstance(again, ImportDialog)
        again.close()

    use(tmp_path / "library", scenario)
