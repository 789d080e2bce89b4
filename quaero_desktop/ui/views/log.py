"""The log console: what the jobs say while they run, live, and what they said."""

from pathlib import Path

from PySide6.QtCore import QModelIndex, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QFocusEvent, QGuiApplication, QHideEvent, QKeySequence, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.ui import format
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.models.log import LEVEL_WORDS, Column, LogModel
from quaero_desktop.ui.models.logtail import LogScope, LogTail
from quaero_desktop.ui.theme import ROW, SPACE, Theme
from quaero_desktop.ui.views.logdetail import LogDetail
from quaero_desktop.ui.views.logexport import LogExport
from quaero_desktop.ui.views.logtable import LogTable
from quaero_desktop.ui.widgets.focus import pass_on
from quaero_desktop.ui.widgets.labels import ElidedLabel, EmptyState, Figures, Line, muted

_ENOUGH_MATCHES = 200
"""With a filter older lines are fetched until so many match, or the console is full."""
_ROOM_FOR_COUNT = 220 * SPACE
_COUNT_MS = 500


class LogConsole(QWidget):
    """A table of log lines under a row of tools.

    Args:
        context: of the window.

    Signals:
        job_activated: the id of the job whose line was double-clicked, or Enter pressed on.
        latest_line_changed: the newest line, for where there is room for one only.
    """

    job_activated = Signal(int)
    latest_line_changed = Signal(str)

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("logConsole")
        self._context = context
        # Each new text lays out the row of tools anew, which is too much for each batch of lines.
        self._count_timer = QTimer(self, singleShot=True)
        self._count_timer.timeout.connect(self._say_count)
        self._latest = ""
        self.model = LogModel(self)
        self.tail = LogTail(context, self.model, self)
        self._make_tools()
        self._table = LogTable(context.theme, self.model, self)
        self._empty = EmptyState(context.theme, "terminal-window", "", parent=self)
        self._detail = LogDetail(context.theme, self)
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self._table)
        self._pages.addWidget(self._empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._tools)
        layout.addWidget(Line(context.theme, self))
        layout.addWidget(self._pages, 1)
        layout.addWidget(self._detail)
        state = context.state
        self._level.setCurrentIndex(max(0, self._level.findData(state.text("log/level", "info"))))
        self._children.setChecked(state.flag("log/children", True))
        self.tail.show(self._wanted(None, None))
        self._connect()
        self._scope_changed()
        self._say()

    # --- what others call ---------------------------------------------------------------------------------------

    def show_job(self, job_id: int | None, root_id: int | None) -> None:
        """Show the log of a job; without one that of a root, and without either that of all jobs."""
        if job_id is not None and job_id == root_id:
            job_id = None
        old = self.tail.scope
        if (job_id, root_id) == (old.job_id, old.root_id) and not self.tail.gone:
            return
        self.tail.show(self._wanted(job_id, root_id))
        self._scope_changed()

    # --- parts --------------------------------------------------------------------------------------------------

    def _make_tools(self) -> None:
        theme = self._context.theme
        self._scope = ElidedLabel("", Qt.TextElideMode.ElideMiddle, self)
        self._scope.setMinimumWidth(16 * SPACE)
        self._scope.setAccessibleName(self.tr("Whose log this is"))
        self._all_jobs = self._button("x", self.tr("Show the log of all jobs"))
        self._level = QComboBox(self)
        self._level.setAccessibleName(self.tr("Least important level to show"))
        self._level.setToolTip(self.tr("Show lines of this level and above"))
        for text, level in (
            (self.tr("Debug"), "debug"),
            (self.tr("Info"), "info"),
            (self.tr("Warnings"), "warn"),
            (self.tr("Errors"), "error"),
        ):
            self._level.addItem(text, level)
        self._children = QCheckBox(self.tr("Include &children"), self)
        self._children.setToolTip(self.tr("Show the lines of the pages below the job, too"))
        self._filter = QLineEdit(self)
        self._filter.setObjectName("logFilter")
        self._filter.setPlaceholderText(self.tr("Filter lines"))
        self._filter.setAccessibleName(self.tr("Show only lines that contain this text"))
        self._filter.setClearButtonEnabled(True)
        self._filter.setMinimumWidth(30 * SPACE)
        self._filter.setMaximumWidth(60 * SPACE)
        self._filter.addAction(theme.icon("funnel"), QLineEdit.ActionPosition.LeadingPosition)
        self._count = muted(Figures(parent=self), theme)
        self._count.setFont(Theme.tabular(self._count.font()))
        self._follow = QToolButton(self)
        self._follow.setObjectName("logFollow")
        self._follow.setCheckable(True)
        self._follow.setChecked(True)
        self._follow.setAutoRaise(True)
        self._follow.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._follow.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._pause = self._button("pause", self.tr("Pause the log; the crawl goes on"))
        self._pause.setObjectName("logPause")
        self._pause.setCheckable(True)
        self._clear = self._button("eraser", self.tr("Clear the view; the library keeps the lines"))
        self._copy = self._button("copy", self.tr("Copy the selected lines, or all that are shown"))
        self._export = LogExport(self._context, self._chosen, self)
        self._tools = QHBoxLayout()
        self._tools.setContentsMargins(2 * SPACE, SPACE, 2 * SPACE, SPACE)
        self._tools.setSpacing(2 * SPACE)
        self._tools.addWidget(self._scope, 1)
        self._tools.addWidget(self._all_jobs)
        self._tools.addWidget(self._level)
        self._tools.addWidget(self._children)
        self._tools.addWidget(self._filter, 2)
        self._tools.addStretch(1)
        self._tools.addWidget(self._count)
        self._tools.addWidget(self._follow)
        for button in (self._pause, self._clear, self._copy, self._export):
            self._tools.addWidget(button)

    def _button(self, icon: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setAutoRaise(True)
        button.setIcon(self._context.theme.icon(icon))
        button.setProperty("icon_name", icon)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def _connect(self) -> None:
        self._level.currentIndexChanged.connect(self._tools_changed)
        self._children.toggled.connect(self._tools_changed)
        self._filter.textChanged.connect(self._filter_changed)
        self._filter.returnPressed.connect(self._table.setFocus)
        self._follow.clicked.connect(self._follow_clicked)
        self._pause.toggled.connect(self.tail.set_paused)
        self._clear.clicked.connect(lambda _=False: self.tail.clear())
        self._copy.clicked.connect(lambda _=False: self.copy())
        self._all_jobs.clicked.connect(lambda _=False: self.show_job(None, None))
        self.tail.changed.connect(self._say)
        self.tail.replaced.connect(self._replaced)
        self.tail.appended.connect(self._appended)
        self.tail.prepended.connect(self._prepended)
        table = self._table
        table.at_end_changed.connect(self._scrolled)
        table.top_reached.connect(self.tail.load_older)
        table.activated_row.connect(lambda row: self.job_activated.emit(row.job_id))
        table.copy_wanted.connect(self.copy)
        table.customContextMenuRequested.connect(self._open_menu)
        table.selectionModel().currentRowChanged.connect(self._current_changed)
        table.selectionModel().selectionChanged.connect(lambda *_: self._show_detail())
        table.resized.connect(self._show_detail)
        self._context.theme.changed.connect(self._paint)

    # --- scope, level, filter -----------------------------------------------------------------------------------

    def _wanted(self, job_id: int | None, root_id: int | None) -> LogScope:
        return LogScope(
            job_id=job_id,
            root_id=root_id,
            children=self._children.isChecked(),
            minimum=str(self._level.currentData() or "info"),
        )

    def _tools_changed(self) -> None:
        scope = self.tail.scope
        self._context.state.set("log/level", str(self._level.currentData()))
        self._context.state.set("log/children", self._children.isChecked())
        wanted = self._wanted(scope.job_id, scope.root_id)
        if wanted != scope:
            self.tail.show(wanted)
            self._scope_changed()

    def _scope_changed(self) -> None:
        tail = self.tail
        scope = tail.scope
        if scope.wanted is None:
            text = self.tr("All jobs")
        elif tail.job is not None:
            text = format.path_of(tail.job.url) if tail.job.url else tail.job.name
            if tail.root is not None:
                text = self.tr("%s in %s") % (text, tail.root.name)
        elif tail.root is not None:
            text = tail.root.name
        else:
            text = "…"
        if self._scope.text() != text:
            self._scope.setText(text)
        self._all_jobs.setVisible(scope.wanted is not None)
        # A page has nothing below it, and all jobs are all jobs.
        self._children.setEnabled(scope.wanted is not None and scope.job_id is None)
        self._table.setColumnHidden(Column.JOB, not scope.of_many)

    def _filter_changed(self, text: str) -> None:
        self.model.set_filter(text)
        self._to_end_if_following()
        self._show_detail()
        self._say()
        self._fill()

    def _fill(self) -> None:
        """Fetch older lines while few match the filter."""
        model = self.model
        if model.filter_text and model.shown < _ENOUGH_MATCHES and model.total < model.capacity:
            self.tail.load_older()

    # --- lines come and go --------------------------------------------------------------------------------------

    def _replaced(self) -> None:
        self._scope_changed()
        self._table.scroll_to_end()
        self._show_detail()
        if not self.tail.following:
            self.tail.set_following(True)
        self._tell_latest()
        self._fill()

    def _appended(self, gone: int) -> None:
        if self.tail.following:
            self._table.scroll_to_end()
        elif gone:
            self._table.moved_up(gone)
        self._tell_latest()
        self._say_lines()
        if not self._count_timer.isActive():
            self._count_timer.start(_COUNT_MS)

    def _prepended(self, added: int) -> None:
        if self.tail.following:
            self._table.scroll_to_end()
        else:
            self._table.moved_up(-added)
        self._fill()

    def _to_end_if_following(self) -> None:
        if self.tail.following:
            self._table.scroll_to_end()

    def _tell_latest(self) -> None:
        shown = self.model.shown
        latest = ""
        if shown:
            row = self.model.row(shown - 1)
            latest = f"{row.when(format.today())} {LEVEL_WORDS[row.level]} {row.message}"
        if latest != self._latest:
            self._latest = latest
            self.latest_line_changed.emit(latest)

    # --- following ----------------------------------------------------------------------------------------------

    def _follow_clicked(self, checked: bool) -> None:
        self.tail.set_following(checked)
        if checked:
            self._table.scroll_to_end()

    def _scrolled(self, at_end: bool) -> None:
        """Stop following when the person scrolls up, and begin again at the end."""
        if at_end and self.tail.has_newer:
            self.tail.load_newer()
        elif at_end != self.tail.following:
            self.tail.set_following(at_end)

    def _current_changed(self, current: QModelIndex) -> None:
        # Whoever picks a line wants to read it.
        if current.isValid() and self.tail.following and current.row() < self.model.shown - 1:
            self.tail.set_following(False)

    def _show_detail(self) -> None:
        """Show the whole of the selected line when the table cuts it."""
        current = self._table.currentIndex()
        chosen = self._table.selectionModel().selectedRows()
        row = self.model.row(current.row()) if current.isValid() and len(chosen) == 1 else None
        text = row.message if row is not None else ""
        if not text or not self._table.is_cut(text):
            self._detail.hide()
            return
        was_hidden = self._detail.isHidden()
        self._detail.show_text(text, self.width())
        if was_hidden:
            self._table.later(lambda: self._table.scrollTo(self._table.currentIndex()))

    # --- what it says -------------------------------------------------------------------------------------------

    def _say(self) -> None:
        tail = self.tail
        following = tail.following and not tail.paused
        self._follow.setChecked(tail.following)
        if tail.paused:
            self._follow.setText(self.tr("Paused"))
        else:
            self._follow.setText(self.tr("Following") if following else self.tr("To the newest"))
        self._follow.setToolTip(
            self.tr("Shows the newest lines as they come; scroll up to stop")
            if following
            else self.tr("Go to the newest lines and follow them (End)")
        )
        if self._pause.isChecked() != tail.paused:
            self._pause.setChecked(tail.paused)
        icon = "play" if tail.paused else "pause"
        if self._pause.property("icon_name") != icon:
            self._pause.setProperty("icon_name", icon)
            tip = self.tr("Go on with the log") if tail.paused else self.tr("Pause the log; the crawl goes on")
            self._pause.setToolTip(tip)
            self._pause.setAccessibleName(tip)
            self._pause.setIcon(self._context.theme.icon(icon))
        self._say_count()
        self._say_lines()

    def _say_count(self) -> None:
        self._count.setText(self._counted())

    def _say_lines(self) -> None:
        """Say what depends on the lines; it is called with each batch of them, and costs nothing while they come."""
        tail, model = self.tail, self.model
        if self._copy.isEnabled() != (model.shown > 0):
            for button in (self._copy, self._clear):
                button.setEnabled(model.shown > 0)
        empty = model.shown == 0 and not tail.loading
        if empty:
            self._empty.set_sentence(self._why_empty())
        page: QWidget = self._empty if empty else self._table
        if self._pages.currentWidget() is not page:
            # Whoever types in the filter goes on typing, and the table keeps the focus it had.
            had_focus = self._table.hasFocus()
            self._pages.setCurrentWidget(page)
            if had_focus and page is self._empty:
                self._filter.setFocus()

    def _counted(self) -> str:
        model, tail = self.model, self.tail
        if tail.loading and not model.total:
            return self.tr("Loading…")
        if model.filter_text:
            return self.tr("%s of %s") % (format.count(model.shown), format.count_of(model.total, "line"))
        more = "+" if tail.has_older or tail.has_newer else ""
        return f"{format.count(model.total)}{more} " + (self.tr("line") if model.total == 1 else self.tr("lines"))

    def _why_empty(self) -> str:
        tail, model = self.tail, self.model
        if tail.gone:
            return self.tr("This job was deleted, and its log with it.")
        if model.filter_text:
            if tail.has_older and model.total < model.capacity:
                return self.tr("Looking through older lines…")
            return self.tr("None of the %s contains this text.") % format.count_of(model.total, "line")
        if tail.cleared:
            return self.tr("The view was cleared. New lines appear here.")
        minimum = tail.scope.minimum
        if minimum == "error":
            return self.tr("No errors. Choose a lower level to see what was done.")
        if minimum == "warn":
            return self.tr("No warnings and no errors. Choose a lower level to see what was done.")
        if tail.scope.wanted is None:
            return self.tr("Nothing was logged yet. Start a crawl and watch it here.")
        return self.tr("This job has logged nothing yet.")

    def _paint(self) -> None:
        theme = self._context.theme
        for button in (self._all_jobs, self._pause, self._clear, self._copy):
            button.setIcon(theme.icon(str(button.property("icon_name"))))
        self._filter.actions()[0].setIcon(theme.icon("funnel"))
        self._follow.setIcon(theme.icon("caret-down"))
        self._table.viewport().update()

    # --- copy ---------------------------------------------------------------------------------------------------

    def copy(self) -> None:
        """Copy the selected lines, or all that are shown, as text."""
        rows = self._table.chosen() or self.model.rows()
        if rows:
            QGuiApplication.clipboard().setText("\n".join(row.text() for row in rows))

    def export_to(self, file: Path) -> None:
        """Write every line of what is chosen (job, level, filter) to a text file, not only those that are held."""
        self._export.export_to(file)

    def _chosen(self) -> tuple[LogScope, int, str]:
        return self.tail.scope, self.tail.floor, self.model.filter_text

    def _open_menu(self, at: QPoint) -> None:
        rows = self._table.chosen()
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        show = QAction(self.tr("Show job"), menu)
        show.setEnabled(len(rows) == 1)
        show.triggered.connect(lambda _=False: self.job_activated.emit(rows[0].job_id))
        only = QAction(self.tr("Only the log of this job"), menu)
        only.setEnabled(len(rows) == 1 and self.tail.scope.of_many)
        only.triggered.connect(lambda _=False: self.show_job(rows[0].job_id, rows[0].root_id))
        copy = QAction(self._context.theme.icon("copy"), self.tr("Copy"), menu)
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.setEnabled(bool(rows))
        copy.triggered.connect(lambda _=False: self.copy())
        everything = QAction(self.tr("Select all"), menu)
        everything.setShortcut(QKeySequence(QKeySequence.StandardKey.SelectAll))
        everything.triggered.connect(lambda _=False: self._table.selectAll())
        for action in (show, only, copy, everything):
            menu.addAction(action)
        menu.popup(self._table.viewport().mapToGlobal(at))

    # --- Qt -----------------------------------------------------------------------------------------------------

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 (Qt's name)
        """Pass the keyboard on to the lines."""
        pass_on(self._table, event)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Go on where it was left."""
        super().showEvent(event)
        self._paint()
        self.tail.set_active(True)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Do nothing that nobody can see."""
        super().hideEvent(event)
        self.tail.set_active(False)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Leave out what matters least where there is little room."""
        super().resizeEvent(event)
        self._count.setVisible(event.size().width() >= _ROOM_FOR_COUNT)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return room for some ten lines."""
        return QSize(200 * SPACE, 10 * ROW)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the least room."""
        return QSize(80 * SPACE, 4 * ROW)
