"""The dialog that writes documents where other programs read them (D5)."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.domain.documents import DocumentFilter
from quaero_desktop.domain.errors import KnownError
from quaero_desktop.domain.exporting import ExportFormat, ExportReport
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.workdialog import WorkDialog
from quaero_desktop.ui.format import clean, count, count_of, size
from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.widgets.labels import Heading, muted

_ENDINGS = {ExportFormat.MARKDOWN: "", ExportFormat.JSONL: ".jsonl", ExportFormat.CSV: ".csv"}
_INDENT = 6 * SPACE


class ExportDialog(WorkDialog):
    """Asks what to export, as what and where to, and does it.

    Args:
        context: the open library and what the window shares.
        parent: the window.
    """

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(context, parent, name="export")
        self.setWindowTitle(self.tr("Export documents"))
        self._ids: tuple[int, ...] = ()
        self._query = ""
        self._counts = {"selection": 0, "results": 0, "library": 0}
        self._report: ExportReport | None = None
        self._typed_target = False
        self._may_overwrite = ""
        self._replaces = False

        self._what = QButtonGroup(self)
        self._choices = {
            "selection": self._radio(self._what, "exportSelection"),
            "results": self._radio(self._what, "exportResults"),
            "library": self._radio(self._what, "exportLibrary"),
        }
        self._formats = QButtonGroup(self)
        self._format_choices = {
            ExportFormat.MARKDOWN: (self.tr("Markdown"), self.tr("A folder with a file for each page, and an index")),
            ExportFormat.JSONL: (
                self.tr("JSON lines"),
                self.tr("One file: whole pages with all that is known of them"),
            ),
            ExportFormat.CSV: (
                self.tr("Table (CSV)"),
                self.tr("One file: what is known of the pages, without their texts"),
            ),
        }
        self._format_buttons: dict[ExportFormat, QRadioButton] = {}
        self._target = QLineEdit(self)
        self._target.setObjectName("exportTarget")
        self._target.setAccessibleName(self.tr("Where to"))
        self._target.textEdited.connect(self._target_edited)
        self._choose = QPushButton(self.tr("Choose…"), self)
        self._choose.setAutoDefault(False)
        self._choose.clicked.connect(self._choose_target)
        self._make_foot(self.tr("Export"), "startExport", "exportRemark")
        self._buttons.accepted.connect(self._accepted)
        self._told = muted(QLabel(self), self._theme)
        self._told.setTextFormat(Qt.TextFormat.PlainText)
        self._told.setWordWrap(True)
        self._keep_room(self._told)
        self._told.hide()
        self._question = self._question_page()
        self._lay_out(self._question, self._progress, self._told).setStretchFactor(self._question, 1)
        self._restore()

    def open_with(self, ids: Sequence[int] | None, query: str = "") -> None:
        """Open the dialog.

        Args:
            ids: the documents that are selected; None or empty for no selection.
            query: what is searched for; empty for nothing.
        """
        self._ids = tuple(ids or ())
        self._query = query.strip()
        self._counts["selection"] = len(self._ids)
        first = "selection" if self._ids else "results" if self._query else "library"
        self._choices[first].setChecked(True)
        self._choices["selection"].setVisible(bool(self._ids))
        self._choices["results"].setVisible(bool(self._query))
        self._word_choices()
        self._propose_target()
        self._context.tasks.latest((id(self), "count"), self._count())
        self.open()
        self._buttons.main.setFocus()

    @property
    def report(self) -> ExportReport | None:
        """What the export made; None before its end."""
        return self._report

    def done(self, result: int) -> None:
        """Close, and count nothing any more."""
        self._context.tasks.cancel((id(self), "count"))
        super().done(result)

    # --- the question -----------------------------------------------------------------------------------------------

    def _question_page(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        layout.addWidget(Heading(self.tr("What")))
        for button in self._choices.values():
            layout.addWidget(button)
        layout.addSpacing(3 * SPACE)
        layout.addWidget(Heading(self.tr("As")))
        for form, (name, meaning) in self._format_choices.items():
            button = self._radio(self._formats, f"export_{form}")
            button.setText(name)
            button.setAccessibleDescription(meaning)
            button.clicked.connect(self._propose_target)
            self._format_buttons[form] = button
            layout.addWidget(button)
            about = muted(QLabel(meaning), self._theme)
            about.setFont(self._theme.font_small())
            about.setContentsMargins(_INDENT, 0, 0, SPACE)
            layout.addWidget(about)
        layout.addSpacing(2 * SPACE)
        layout.addWidget(Heading(self.tr("Where to")))
        row = QHBoxLayout()
        row.setSpacing(2 * SPACE)
        row.addWidget(self._target, 1)
        row.addWidget(self._choose)
        layout.addLayout(row)
        layout.addStretch(1)
        return page

    def _radio(self, group: QButtonGroup, name: str) -> QRadioButton:
        button = QRadioButton(self)
        button.setObjectName(name)
        group.addButton(button)
        return button

    def _word_choices(self) -> None:
        selected = self._counts["selection"]
        self._choices["selection"].setText(
            self.tr("The selected document")
            if selected == 1
            else self.tr("The %s selected documents") % count(selected)
        )
        asked = clean(self._query, 60).replace("&", "&&")
        found = f" ({count(self._counts['results'])})" if self._counts["results"] else ""
        self._choices["results"].setText(self.tr("All results of “%s”%s") % (asked, found))
        whole = f" ({count_of(self._counts['library'], 'document')})" if self._counts["library"] else ""
        self._choices["library"].setText(self.tr("The whole library%s") % whole)

    async def _count(self) -> None:
        library = self._context.services.library
        self._counts["library"] = (await library.documents(DocumentFilter(limit=0))).total_count
        if self._query:
            self._counts["results"] = (await library.search(self._query, limit=0)).total_count
        self._word_choices()

    def _format(self) -> ExportFormat:
        return next(form for form, button in self._format_buttons.items() if button.isChecked())

    def _folder(self) -> Path:
        remembered = self._context.state.text("export/folder")
        if remembered and Path(remembered).is_dir():
            return Path(remembered)
        place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        return Path(place) if place and Path(place).is_dir() else Path.home()

    def _propose_target(self) -> None:
        """Name a file or folder that is not there yet, until somebody names another."""
        ending = _ENDINGS[self._format()]
        if self._typed_target:
            typed = Path(self._target.text())
            if typed.suffix in _ENDINGS.values():
                self._target.setText(str(typed.with_suffix(ending)))
        else:
            self._target.setText(str(_free(self._folder() / f"quaero-{datetime.now().astimezone():%Y-%m-%d}", ending)))
        self._target.setCursorPosition(len(self._target.text()))
        self._check()

    def _target_edited(self) -> None:
        self._typed_target = True
        self._check()

    def _check(self) -> None:
        """Say what is wrong with the target, if anything, and what the button will do."""
        text = self._target.text().strip()
        target = Path(text)
        replaces = bool(text) and self._format() is not ExportFormat.MARKDOWN and target.is_file()
        # Only what the button says is done: a file may appear after that.
        self._replaces = replaces
        self._buttons.main.setText(self.tr("Replace") if replaces else self.tr("Export"))
        self._buttons.main.setEnabled(bool(text))
        if replaces and self._may_overwrite != text:
            self._remark.say(self.tr("“%s” exists and would be replaced.") % target.name)
        elif text and not target.is_absolute():
            self._remark.say(self.tr("It goes to %s.") % target.absolute())
        else:
            self._remark.say("")

    def _choose_target(self) -> None:
        form = self._format()
        dialog = QFileDialog(self, self.tr("Where to export to"), str(Path(self._target.text() or ".").parent))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if form is ExportFormat.MARKDOWN:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        else:
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            dialog.setDefaultSuffix(_ENDINGS[form].removeprefix("."))
            dialog.selectFile(Path(self._target.text()).name)
        dialog.fileSelected.connect(self._target_chosen)
        dialog.open()

    def _target_chosen(self, chosen: str) -> None:
        target = Path(chosen)
        if self._format() is ExportFormat.MARKDOWN and target.is_dir() and any(target.iterdir()):
            # A folder that holds something is never replaced: the export goes into it, as a folder of its own.
            target = _free(target / f"quaero-{datetime.now().astimezone():%Y-%m-%d}", "")
        self._may_overwrite = str(target)
        self._typed_target = True
        self._target.setText(str(target))
        self._check()

    # --- the work ---------------------------------------------------------------------------------------------------

    def _accepted(self) -> None:
        if self._report is not None:
            self._open_folder()
        elif self._task is None:
            self._start()

    def _start(self) -> None:
        what = next(name for name, button in self._choices.items() if button.isChecked())
        target = Path(self._target.text().strip()).expanduser()
        self._remember(target)
        self._remark.say("")
        self._told.setText(self.tr("Exporting…"))
        self._show_work()
        self._told.show()
        self._question.setEnabled(False)
        self._buttons.main.hide()
        self._task = self._context.tasks.spawn(self._export(what, self._format(), target), name="export")

    async def _export(self, what: str, form: ExportFormat, target: Path) -> None:
        try:
            self._report = await self._context.services.export.export(
                form,
                target,
                ids=self._ids if what == "selection" else None,
                query=self._query if what == "results" else None,
                overwrite=self._replaces,
                progress=self._tell,
            )
        except KnownError as error:
            self._remark.complain(error)
        else:
            self._tell_result(self._report)
        finally:
            self._task = None
            if self._report is None:
                # It was stopped, or failed, and leaves nothing behind.
                self._progress.hide()
                self._told.hide()
                self._question.setEnabled(True)
                self._buttons.main.show()

    def _tell(self, done: int, total: int) -> None:
        if self._task is None or not total:
            return
        left = self._show_done(done, total)
        self._told.setText(self.tr("%s of %s") % (count(done), count_of(total, "document")) + left)

    def _tell_result(self, report: ExportReport) -> None:
        self._progress.setRange(0, 1)
        self._progress.setValue(1)
        self._told.setText("")
        said = self.tr("%s exported") % count_of(report.documents, "document")
        if report.files > 1:
            said += self.tr(" to %s") % count_of(report.files, "file")
        said += f", {size(report.bytes)}."
        if report.skipped:
            said += " " + self.tr("%s no longer in the library.") % count_of(len(report.skipped), "document")
        self._remark.say(said, "good")
        self._buttons.cancel.setText(self.tr("Close"))
        self._buttons.main.setText(self.tr("Open folder"))
        self._buttons.main.show()
        self._buttons.main.setFocus()

    def _open_folder(self) -> None:
        assert self._report is not None
        target = self._report.target
        folder = target if target.is_dir() else target.parent
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
        self.accept()

    # --- what is remembered -----------------------------------------------------------------------------------------

    def _restore(self) -> None:
        chosen = self._context.state.text("export/format", ExportFormat.MARKDOWN)
        form = ExportFormat(chosen) if chosen in tuple(ExportFormat) else ExportFormat.MARKDOWN
        self._format_buttons[form].setChecked(True)

    def _remember(self, target: Path) -> None:
        self._context.state.set("export/format", str(self._format()))
        self._context.state.set("export/folder", str(target.parent))


def _free(target: Path, ending: str) -> Path:
    """Return *target* with its ending, or with a number before it if that is there already."""
    number = 1
    while True:
        free = target.with_name(f"{target.name}{f'-{number}' if number > 1 else ''}{ending}")
        if not free.exists():
            return free
        number += 1
