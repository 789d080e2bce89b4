"""Writing the log to a text file: the button that begins it, and stops it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QToolButton, QWidget

from quaero_desktop.domain.jobs import TailLine
from quaero_desktop.ui import format
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.logfile import write_log
from quaero_desktop.ui.models.logtail import LogScope

_PAGE = 2_000
"""So many lines are read at a time."""
_BEGIN, _STOP = "download-simple", "x-circle"

Wanted = Callable[[], tuple[LogScope, int, str]]


class LogExport(QToolButton):
    """Asks for a file and writes every line of what is chosen to it, not only those that are held.

    Args:
        context: of the window.
        wanted: returns what is chosen: whose log, the id of the line before the first, and the text of the filter.
    """

    def __init__(self, context: Context, wanted: Wanted, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._wanted = wanted
        self._is_writing = False
        self.setAutoRaise(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.clicked.connect(lambda _=False: self._clicked())
        context.theme.changed.connect(self._paint)
        self._show_state()

    def export_to(self, file: Path) -> None:
        """Write the lines to a text file."""
        self._context.tasks.latest(self._key, self._write(file))

    @property
    def _key(self) -> tuple[str, int]:
        return "log export", id(self)

    def _clicked(self) -> None:
        if self._is_writing:
            self._context.tasks.cancel(self._key)
            return
        dialog = QFileDialog(self.window(), self.tr("Export the log"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(self.tr("Text files (*.txt)"))
        dialog.setDefaultSuffix("txt")
        dialog.selectFile("quaero-log.txt")
        dialog.fileSelected.connect(lambda name: self.export_to(Path(name)))
        dialog.open()

    async def _write(self, file: Path) -> None:
        scope, after_id, containing = self._wanted()
        jobs = self._context.services.jobs

        async def fetch(after_id: int) -> Sequence[TailLine]:
            return await jobs.log_tail(
                root_id=scope.root_id,
                job_id=scope.job_id,
                children=scope.children,
                minimum=scope.minimum,
                after_id=after_id,
                limit=_PAGE,
            )

        def tell(written: int) -> None:
            self.setToolTip(self.tr("Stop exporting (%s so far)") % format.count_of(written, "line"))

        self._is_writing = True
        self._show_state()
        try:
            written = await write_log(file, fetch, after_id=after_id, containing=containing, progress=tell)
        finally:
            self._is_writing = False
            self._show_state()
        said = self.tr("%s of the log written to %s") % (format.count_of(written, "line"), file)
        self._context.notices.show(said, kind="success")

    def _show_state(self) -> None:
        said = self.tr("Stop exporting") if self._is_writing else self.tr("Export the log…")
        self.setToolTip(said)
        self.setAccessibleName(said)
        self._paint()

    def _paint(self) -> None:
        self.setIcon(self._context.theme.icon(_STOP if self._is_writing else _BEGIN))
