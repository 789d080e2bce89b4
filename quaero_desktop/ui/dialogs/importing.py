"""The dialog that takes over what is in a database of the old Quaero: what will come, what is left out and why (O2)."""

import time
from asyncio import Task
from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QSize, QStandardPaths, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.domain.importing import ImportPreview, ImportProgress, ImportReport, Kind, LeftOut, reasons
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.fields import Tone
from quaero_desktop.ui.dialogs.workdialog import WorkDialog
from quaero_desktop.ui.format import clean, count, count_of, duration, error_text, tool_tip
from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.widgets.labels import EmptyState, Heading, muted

_SIZE = (620, 380)
_HEIGHT_WITH_REASONS = 560
"""Only with a list of what is left out: without one, half of the dialog would be empty."""
_SCHEDULES_NAMED = 3


class ImportDialog(WorkDialog):
    """Asks for the file, shows what is in it, and imports it.

    Args:
        context: the open library and what the window shares.
        parent: the window.

    Signals:
        imported: after something came.
    """

    imported = Signal()

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(context, parent, name="import")
        self.setWindowTitle(self.tr("Import from the old Quaero"))
        self.setAcceptDrops(True)
        self._looking: Task[None] | None = None
        self._preview: ImportPreview | None = None
        self._report: ImportReport | None = None
        self._left_out: Sequence[LeftOut] = ()

        self._file = QLineEdit(self)
        self._file.setObjectName("importFile")
        self._file.setAccessibleName(self.tr("Database file of the old Quaero"))
        self._file.setPlaceholderText(self.tr("Database file of the old Quaero"))
        self._file.returnPressed.connect(self._look)
        self._file.textEdited.connect(lambda _: self._forget())
        self._choose = QPushButton(self.tr("Choose…"), self)
        self._choose.setObjectName("chooseImport")
        self._choose.setAutoDefault(False)
        self._choose.clicked.connect(lambda _=False: self._ask())
        self._pages = QStackedWidget(self)
        self._nothing = EmptyState(
            self._theme,
            "database",
            self.tr("Choose the database file of the old Quaero, often called quaero.db, or drop it here.")
            + " "
            + self.tr("The file is only read."),
        )
        self._pages.addWidget(self._nothing)
        self._contents = self._contents_page()
        self._pages.addWidget(self._contents)
        self._make_foot(self.tr("Import"), "startImport", "importRemark")
        self._buttons.accepted.connect(self._start)
        self._buttons.main.setEnabled(False)
        row = QHBoxLayout()
        row.setSpacing(2 * SPACE)
        row.addWidget(self._file, 1)
        row.addWidget(self._choose)
        column = self._lay_out(self._pages, self._progress)
        column.insertLayout(0, row)
        column.setStretchFactor(self._pages, 1)
        self.resize(*_SIZE)

    def open_with(self, file: Path | None = None) -> None:
        """Open the dialog; with a file, look into it."""
        self.open()
        if file is None:
            self._choose.setFocus()
        else:
            self._chosen(file)

    @property
    def preview(self) -> ImportPreview | None:
        """What is in the file; None until that is known."""
        return self._preview

    @property
    def report(self) -> ImportReport | None:
        """What came; None before the end."""
        return self._report

    def done(self, result: int) -> None:
        """Close, and look into nothing any more."""
        if self._looking is not None:
            self._looking.cancel()
        super().done(result)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 (Qt's name)
        """Take a file."""
        if self._task is None and event.mimeData().hasUrls() and event.mimeData().urls()[0].isLocalFile():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Look into the file that was dropped."""
        event.acceptProposedAction()
        self._chosen(Path(event.mimeData().urls()[0].toLocalFile()))

    # --- the file ---------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        before = self._file.text().strip() or self._context.state.text("import/folder")
        folder = before or QStandardPaths.writableLocation(QStandardPaths.StandardLocation.HomeLocation)
        dialog = QFileDialog(
            self,
            self.tr("Database of the old Quaero"),
            folder,
            self.tr("Databases (*.db *.sqlite *.sqlite3);;All files (*)"),
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda chosen: self._chosen(Path(chosen)))
        dialog.open()

    def _chosen(self, file: Path) -> None:
        self._file.setText(str(file))
        self._look()

    def _forget(self) -> None:
        """Another file is being named."""
        if self._looking is not None:
            self._looking.cancel()
        self._preview = None
        self._buttons.main.setEnabled(False)
        self._remark.say("")
        self._pages.setCurrentWidget(self._nothing)

    def _look(self) -> None:
        text = self._file.text().strip()
        if not text or self._task is not None or self._report is not None:
            return
        self._forget()
        self._remark.say(self.tr("Looking into the file…"))
        self._show_work()
        self._looking = self._context.tasks.latest((id(self), "look"), self._look_into(Path(text).expanduser()))

    async def _look_into(self, file: Path) -> None:
        try:
            preview = await self._context.services.importing.preview(file, self._tell)
        except KnownError as error:
            self._remark.complain(error)
            return
        finally:
            self._progress.hide()
        self._context.state.set("import/folder", str(file.parent))
        self._remark.say("")
        self._show_preview(preview)

    # --- what is in it ----------------------------------------------------------------------------------------------

    def _contents_page(self) -> QWidget:
        page = QWidget(self)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * SPACE)
        self._coming_heading = Heading("")
        layout.addWidget(self._coming_heading)
        self._coming = QGridLayout()
        self._coming.setHorizontalSpacing(3 * SPACE)
        self._coming.setVerticalSpacing(SPACE)
        self._coming.setColumnMinimumWidth(2, 6 * SPACE)
        self._coming.setColumnStretch(4, 1)
        layout.addLayout(self._coming)
        self._notes = QLabel()
        self._notes.setObjectName("importNotes")
        self._notes.setTextFormat(Qt.TextFormat.PlainText)
        self._notes.setWordWrap(True)
        muted(self._notes, self._theme)
        layout.addWidget(self._notes)
        self._remember = QCheckBox(self)
        self._remember.setObjectName("rememberSecrets")
        layout.addWidget(self._remember)
        self._left_heading = Heading("")
        self._copy = QPushButton(self.tr("Copy list"), self)
        self._copy.setObjectName("copyLeftOut")
        self._copy.setAutoDefault(False)
        self._copy.setToolTip(self.tr("Copy every row that is left out, with its id and the reason"))
        self._copy.clicked.connect(lambda _=False: self._copy_list())
        row = QHBoxLayout()
        row.addWidget(self._left_heading, 1)
        row.addWidget(self._copy)
        layout.addSpacing(SPACE)
        layout.addLayout(row)
        self._reasons = QTreeWidget(self)
        self._reasons.setObjectName("leftOut")
        self._reasons.setAccessibleName(self.tr("What is left out, and why"))
        self._reasons.setHeaderLabels([self.tr("Rows"), self.tr("What"), self.tr("Why")])
        self._reasons.headerItem().setTextAlignment(0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._reasons.setRootIsDecorated(False)
        self._reasons.setUniformRowHeights(True)
        self._reasons.setAlternatingRowColors(True)
        self._reasons.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        self._reasons.setTextElideMode(Qt.TextElideMode.ElideRight)
        header = self._reasons.header()
        header.setStretchLastSection(True)
        header.setSectionsMovable(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        layout.addWidget(self._reasons, 1)
        self._sound = muted(QLabel(self.tr("Nothing is left out: everything in the file is sound.")), self._theme)
        layout.addWidget(self._sound)
        layout.addStretch(0)
        return page

    def _names(self) -> dict[Kind, tuple[str, str]]:
        return {
            Kind.JOBS: (self.tr("job"), self.tr("jobs")),
            Kind.LOGS: (self.tr("line of their logs"), self.tr("lines of their logs")),
            Kind.SEEN_URLS: (self.tr("page that was only met"), self.tr("pages that were only met")),
            Kind.DOCUMENTS: (self.tr("document"), self.tr("documents")),
            Kind.SOURCES: (self.tr("source"), self.tr("sources")),
            Kind.CREDENTIALS: (self.tr("credential"), self.tr("credentials")),
            Kind.DEFINITIONS: (self.tr("definition"), self.tr("definitions")),
        }

    def _table_name(self, table: str) -> str:
        return {
            "crawl_jobs": self.tr("Jobs"),
            "jobs": self.tr("Jobs"),
            "job_logs": self.tr("Logs"),
            "job_seen_urls": self.tr("Pages met"),
            "sources": self.tr("Sources"),
            "auth_credentials": self.tr("Credentials"),
            "job_definitions": self.tr("Definitions"),
            "documents": self.tr("Documents"),
            "goqite": self.tr("Queue"),
        }.get(table, clean(table))

    def _show_preview(self, preview: ImportPreview) -> None:
        self._preview = preview
        brings = preview.brings_anything
        if any(preview.coming.values()):
            heading = self.tr("What will come")
        elif any(preview.present.values()):
            heading = self.tr("Nothing new: everything sound in it is here already")
        else:
            heading = self.tr("There is nothing in it to import")
        # A credential whose secret found no keyring before may get it now.
        notes = []
        if any(preview.coming.values()) and any(preview.present.values()):
            notes.append(self.tr("Here already: %s.") % self._in_words(preview.present))
        if preview.scheduled:
            named = ", ".join(f"“{clean(name, 60)}”" for name in preview.scheduled[:_SCHEDULES_NAMED])
            more = len(preview.scheduled) - _SCHEDULES_NAMED
            named += self.tr(" and %s more") % count(more) if more > 0 else ""
            notes.append(self.tr("By their schedules will run: %s.") % named)
        if preview.secrets and preview.secrets_kept:
            notes.append(self.tr("%s will go to the keyring of this computer.") % count_of(preview.secrets, "secret"))
        ask = bool(preview.secrets) and not preview.secrets_kept
        self._remember.setVisible(ask)
        self._remember.setText(
            self.tr("There is no keyring here: remember %s until Quaero is closed")
            % count_of(preview.secrets, "secret")
        )
        self._fill(heading, preview.coming, " ".join(notes), preview.left_out)
        self._buttons.main.setEnabled(brings)
        if brings:
            self._buttons.main.setDefault(True)
            self._buttons.main.setFocus()
        else:
            self._buttons.cancel.setText(self.tr("Close"))

    def _fill(self, heading: str, numbers: Mapping[str, int], notes: str, left_out: Sequence[LeftOut]) -> None:
        self._coming_heading.setText(heading)
        while (cell := self._coming.takeAt(0)) is not None:
            if (widget := cell.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        shown = [(names, numbers.get(kind, 0)) for kind, names in self._names().items() if numbers.get(kind, 0)]
        rows = (len(shown) + 1) // 2
        for place, (names, number) in enumerate(shown):
            row, column = place % rows, 3 * (place // rows)
            figure = QLabel(count(number))
            figure.setFont(self._theme.tabular(figure.font()))
            figure.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._coming.addWidget(figure, row, column)
            self._coming.addWidget(QLabel(names[0] if number == 1 else names[1]), row, column + 1)
        self._notes.setText(notes)
        self._notes.setVisible(bool(notes))
        self._left_out = left_out
        some = bool(left_out)
        self._left_heading.setText(self.tr("Left out, in whole or in part: %s") % count_of(len(left_out), "row"))
        for widget in (self._left_heading, self._copy, self._reasons):
            widget.setVisible(some)
        if some:
            self.resize(self.width(), max(self.height(), _HEIGHT_WITH_REASONS))
        self._sound.setVisible(not some and any(numbers.values()))
        self._reasons.clear()
        for reason in reasons(left_out):
            why = reason.why[:1].upper() + reason.why[1:]
            item = QTreeWidgetItem([count(reason.count), self._table_name(reason.table), clean(why)])
            item.setTextAlignment(0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled)
            item.setSizeHint(0, QSize(0, 6 * SPACE))
            examples = [each for each in reason.examples if each]
            item.setToolTip(
                2, tool_tip(f"{why}\n{self.tr('For example %s') % ', '.join(examples)}" if examples else why)
            )
            self._reasons.addTopLevelItem(item)
        for column in (0, 1):
            self._reasons.resizeColumnToContents(column)
            self._reasons.setColumnWidth(column, self._reasons.columnWidth(column) + 4 * SPACE)
        self._pages.setCurrentWidget(self._contents)

    def _in_words(self, numbers: Mapping[str, int]) -> str:
        return ", ".join(
            f"{count(number)} {names[0] if number == 1 else names[1]}"
            for kind, names in self._names().items()
            if (number := numbers.get(kind, 0))
        )

    def _copy_list(self) -> None:
        lines = [f"{each.table}\t{clean(each.id)}\t{clean(each.reason)}" for each in self._left_out]
        QApplication.clipboard().setText("\n".join(lines))
        self._remark.say(self.tr("%s copied.") % count_of(len(lines), "row"))

    # --- the import -------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._preview is None or self._task is not None or self._report is not None:
            return
        self._remark.say(self.tr("Importing…"))
        self._show_work()
        self._set_busy(True)
        self._task = self._context.tasks.spawn(
            self._import(self._preview.file, remember=self._remember.isChecked()), name="import"
        )

    async def _import(self, file: Path, *, remember: bool) -> None:
        said = self.tr("Stopped. What has come stays; importing the file again brings the rest.")
        tone: Tone = "plain"
        try:
            self._report = await self._context.services.importing.run(file, remember=remember, progress=self._tell)
        except KnownError as error:
            said, tone = error_text(error), "error"
        else:
            self._show_report(self._report)
        finally:
            self._task = None
            self._progress.hide()
            if self._report is None:
                self._set_busy(False)
                self._remark.say(said, tone)
                # Some of it may be here.
                self.imported.emit()

    def _set_busy(self, busy: bool) -> None:
        for widget in (self._file, self._choose, self._remember):
            widget.setEnabled(not busy)
        self._buttons.main.setVisible(not busy)
        self._buttons.cancel.setText(self.tr("Stop") if busy else self.tr("Cancel"))

    def _tell(self, said: ImportProgress) -> None:
        if not said.total or self._progress.isHidden():
            return
        left = self._show_done(said.done, said.total)
        self._remark.say(self.tr("%s of %s") % (count(said.done), count_of(said.total, "row")) + left)

    def _show_report(self, report: ImportReport) -> None:
        notes = []
        if any(report.present.values()):
            notes.append(self.tr("Here already: %s.") % self._in_words(report.present))
        if report.secrets and self._preview is not None and self._preview.secrets_kept:
            notes.append(self.tr("%s went to the keyring of this computer.") % count_of(report.secrets, "secret"))
        self._remember.hide()
        self._fill(self.tr("What has come"), report.imported, " ".join(notes), report.left_out)
        self._remark.say(self.tr("The import is done in %s.") % duration(time.monotonic() - self._started), "good")
        self._buttons.main.hide()
        self._buttons.cancel.setText(self.tr("Close"))
        self._buttons.cancel.setDefault(True)
        self._buttons.cancel.setFocus()
        self.imported.emit()
