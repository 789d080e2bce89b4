"""The main window: puts the panels together and knows nothing of what they do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QIcon,
    QKeySequence,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.ui import late
from quaero_desktop.ui.actions import ActionId, Selection
from quaero_desktop.ui.addresses import database_in, urls_in, urls_in_mime
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.toolbar import ToolBar
from quaero_desktop.ui.views.detail import DetailPane
from quaero_desktop.ui.views.jobs import JobsPanel
from quaero_desktop.ui.views.log import LogConsole
from quaero_desktop.ui.views.status import StatusLine
from quaero_desktop.ui.views.welcome import Welcome
from quaero_desktop.ui.widgets.messagebar import MessageBar
from quaero_desktop.ui.widgets.undobar import UndoBar

if TYPE_CHECKING:
    from quaero_desktop.ui.views.definitions import DefinitionsView
    from quaero_desktop.ui.views.library import LibraryView
    from quaero_desktop.ui.views.sources import SourcesView

SIZE = QSize(1280, 800)
_NARROW = 1000
_LAYOUT_VERSION = 1

_MENUS: tuple[tuple[str, tuple[ActionId | None, ...]], ...] = (
    ("&File", (ActionId.NEW_CRAWL, ActionId.NEW_DEFINITION, ActionId.NEW_SOURCE, None, ActionId.EXPORT, ActionId.IMPORT,
               None, ActionId.BACK_UP, ActionId.VERIFY, None, ActionId.SETTINGS, None, ActionId.QUIT)),
    ("&Edit", (ActionId.UNDO, ActionId.COPY_URL, ActionId.DELETE, None, ActionId.FIND, ActionId.PALETTE)),
    ("&Job", (ActionId.OPEN_DOCUMENT, ActionId.OPEN_IN_BROWSER, ActionId.SHOW_IN_LOG, None, ActionId.RERUN,
              ActionId.RETRY_FAILED, None, ActionId.PAUSE, ActionId.RESUME, ActionId.CANCEL)),
    ("&Definition", (ActionId.RUN_NOW, ActionId.SHOW_LAST_RUN, None,
                     ActionId.EDIT, ActionId.DUPLICATE, ActionId.ENABLE, ActionId.PAUSE_SCHEDULE, ActionId.SIGN_IN,
                     None, ActionId.IMPORT_DEFINITION, ActionId.EXPORT_DEFINITION)),
    ("&View", (ActionId.SHOW_JOBS, ActionId.SHOW_LIBRARY, ActionId.SHOW_DEFINITIONS, ActionId.SHOW_SOURCES,
               ActionId.SHOW_LOG)),
    ("&Help", (ActionId.GUIDE, ActionId.SHORTCUTS, ActionId.ABOUT)),
)  # fmt: skip


class MainWindow(QMainWindow):
    """The window over an open library.

    Args:
        context: what the parts are given.
        icon: the application's.

    Signals:
        close_wanted: the person wants to leave; the window closes when :meth:`allow_closing` was called.
        urls_given: addresses that were pasted or dropped somewhere, for a new crawl.
        crawl_wanted: one address, to be crawled with the usual settings at once.
        import_wanted: a database that was dropped, to be looked into.
        nightly_wanted: the definition that most begin with, filled in.
        sign_in_wanted: the id of a root that waits for its person to sign in again.
    """

    close_wanted = Signal()
    urls_given = Signal(list)
    crawl_wanted = Signal(str)
    nightly_wanted = Signal()
    import_wanted = Signal(str)
    sign_in_wanted = Signal(int)

    def __init__(self, context: Context, icon: QIcon) -> None:
        super().__init__()
        self._context = context
        self._may_close = False
        self._is_new = False
        self._page_selection = Selection()
        self._selected_jobs: Sequence[int] = ()
        self.setObjectName("mainWindow")
        self.setWindowTitle(self.tr("Quaero Desktop"))
        self.setWindowIcon(icon)
        self.setAcceptDrops(True)

        # Each is made where it stays: what moves to another parent is styled again, with all that is in it.
        self._central = QWidget(self)
        self.setCentralWidget(self._central)
        self.messages = MessageBar(context, self._central)
        self.pages = QStackedWidget(self._central)
        self.undo_bar = UndoBar(context, self._central)
        self.welcome = Welcome(context.theme, icon, self.pages)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self.pages)
        self.jobs = JobsPanel(context, self.splitter)
        self.detail = DetailPane(context, self.splitter)
        self.dock = QDockWidget(self.tr("Log"), self)
        self.log = LogConsole(context, self.dock)
        self._tools = ToolBar(context, self)
        self.search = self._tools.search

        self.splitter.setObjectName("jobsSplitter")
        self.splitter.addWidget(self.jobs)
        self.splitter.addWidget(self.detail)
        self.splitter.setChildrenCollapsible(False)
        # On top of each other they would not fit on a small screen, if each kept the room for its empty state.
        self.jobs.setMinimumHeight(40 * SPACE)
        self.detail.setMinimumHeight(64 * SPACE)
        self.splitter.setStretchFactor(0, 5)
        self.splitter.setStretchFactor(1, 4)

        self._library: LibraryView | None = None
        self._definitions: DefinitionsView | None = None
        self._sources: SourcesView | None = None
        for page in (self.welcome, self.splitter):
            self.pages.addWidget(page)

        self._put_together()
        self._make_menus()
        self.addToolBar(self._tools)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self._make_dock()
        self.status = StatusLine(context, self.statusBar())
        self._connect()
        self._restore()
        self.show_jobs()

    # --- what is shown ----------------------------------------------------------------------------------------------

    def show_jobs(self) -> None:
        """Show the tree of jobs, or the welcome while there is nothing."""
        self._turn_to(self.welcome if self._is_new else self.splitter, self.welcome if self._is_new else self.jobs)
        self._rail_jobs.setChecked(True)
        self._publish()

    def show_library(self) -> None:
        """Show the library."""
        self._turn_to(self.library, self.search)
        self._rail_library.setChecked(True)
        self._publish()

    def show_definitions(self) -> None:
        """Show the definitions."""
        self._turn_to(self.definitions, self.definitions)
        self._rail_definitions.setChecked(True)
        self._publish()

    def show_definition(self, definition_id: int) -> None:
        """Show the definitions with one selected."""
        self.show_definitions()
        self.definitions.select(definition_id)

    def show_sources(self) -> None:
        """Show the sources."""
        self._turn_to(self.sources, self.sources)
        self._rail_sources.setChecked(True)
        self._publish()

    @property
    def library(self) -> "LibraryView":
        """The view of the library, made when it is first needed."""
        if self._library is None:
            self._library = view = late.library_view(self._context, self.pages)
            view.attach(self.search)
            self.pages.addWidget(view)
        return self._library

    @property
    def definitions(self) -> "DefinitionsView":
        """The view of the definitions, made when it is first needed: a start has other things to do."""
        if self._definitions is None:
            self._definitions = view = late.definitions_view(self._context, self.pages)
            view.selected.connect(lambda _: self._publish())
            view.job_wanted.connect(lambda job_id: self.show_job(job_id, expand=True))
            view.nightly_wanted.connect(self.nightly_wanted)
            self.pages.addWidget(view)
        return self._definitions

    @property
    def sources(self) -> "SourcesView":
        """The view of the sources, made when it is first needed."""
        if self._sources is None:
            self._sources = view = late.sources_view(self._context, self.pages)
            view.selected.connect(lambda _: self._publish())
            self.pages.addWidget(view)
        return self._sources

    def reload_recipes(self) -> None:
        """Let the views of definitions and sources read anew: something of theirs was changed."""
        for view in (self._definitions, self._sources):
            if view is not None:
                view.reload()

    def _turn_to(self, page: QWidget, part: QWidget) -> None:
        """Show a page; when the keyboard was in the one before, it goes to *part*, and not to whatever is next."""
        before, focused = self.pages.currentWidget(), QApplication.focusWidget()
        if before is page:
            return
        follow = focused is not None and before is not None and before.isAncestorOf(focused)
        self.pages.setCurrentWidget(page)
        if follow:
            part.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_new(self, is_new: bool) -> None:
        """Say whether there is neither a job nor a document yet: then the jobs' place holds the welcome."""
        if is_new == self._is_new:
            return
        self._is_new = is_new
        if self.pages.currentWidget() in (self.welcome, self.splitter):
            self.show_jobs()
        # Nothing can be in the log yet, and the welcome has the room to itself.
        self.dock.setVisible(not is_new)
        for name in (ActionId.RERUN, ActionId.RETRY_FAILED, ActionId.PAUSE, ActionId.RESUME, ActionId.CANCEL):
            self._context.actions.forbid(name, self.tr("There is no job yet.") if is_new else "")

    def show_job(self, job_id: int, *, expand: bool = False) -> None:
        """Show the tree of jobs with one selected, and with its children when *expand* is set."""
        self.set_new(False)
        self.show_jobs()
        self.jobs.select_job(job_id, expand=expand)

    def show_document(self, document_id: int) -> None:
        """Show a document in the library."""
        self.show_library()
        self.library.show_document(document_id)

    def show_log(self) -> None:
        """Show the log, and go to it."""
        self.dock.show()
        self.dock.raise_()
        self.log.setFocus()

    def toggle_log(self) -> None:
        """Show or hide the log."""
        self.dock.setVisible(not self.dock.isVisible())

    def focus_jobs(self) -> None:
        """Go to the tree of jobs, or to the welcome while there is nothing."""
        self.show_jobs()
        (self.welcome if self._is_new else self.jobs).setFocus(Qt.FocusReason.ShortcutFocusReason)

    def focus_search(self) -> None:
        """Go to the search field."""
        self.show_library()
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def come_forward(self) -> None:
        """Be the front window."""
        self.setWindowState((self.windowState() & ~Qt.WindowState.WindowMinimized) | Qt.WindowState.WindowActive)
        self.show()
        self.raise_()
        self.activateWindow()

    # --- leaving ----------------------------------------------------------------------------------------------------

    def allow_closing(self) -> None:
        """Close: everything has been stopped and stored."""
        self._may_close = True
        self.close()

    def show_stopping(self, sentence: str) -> None:
        """Say that the window is about to close, and take no more orders."""
        self._central.setEnabled(False)
        self.dock.setEnabled(False)
        self.status.say(sentence)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's name)
        """Stop everything first."""
        if self._may_close:
            event.accept()
            return
        event.ignore()
        self.save_state()
        self.close_wanted.emit()

    def save_state(self) -> None:
        """Remember sizes, places and columns."""
        state = self._context.state
        state.set("window/geometry", self.saveGeometry())
        state.set("window/layout", self.saveState(_LAYOUT_VERSION))
        state.set("window/splitter", self.splitter.saveState())
        self.jobs.save_state()
        self.detail.save_state()
        if self._library is not None:
            self._library.save_state()
        state.sync()

    # --- addresses from anywhere ------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Take what holds web addresses."""
        if event.mimeData().hasUrls() or event.mimeData().hasText():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Offer to crawl what was dropped: addresses, text that holds some, files of them; or to import a database."""
        event.acceptProposedAction()
        database = database_in(event.mimeData())
        if database is not None:
            self.import_wanted.emit(str(database))
        else:
            self._offer(urls_in_mime(event.mimeData()))

    def paste(self) -> None:
        """Offer to crawl what the clipboard holds."""
        self._offer(urls_in(QApplication.clipboard().text()))

    def _offer(self, urls: Sequence[str]) -> None:
        if urls:
            self.urls_given.emit(list(urls))
        else:
            self._context.notices.show(self.tr("There is no web address in that."), key="no address")

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Where the window is narrow, put the detail pane below the tree, and leave the tools their icons."""
        super().resizeEvent(event)
        narrow = self.width() <= _NARROW
        wanted = Qt.Orientation.Vertical if narrow else Qt.Orientation.Horizontal
        if self.splitter.orientation() != wanted:
            self.splitter.setOrientation(wanted)
        self._tools.fit(self.width())

    # --- making -----------------------------------------------------------------------------------------------------

    def _put_together(self) -> None:
        self._rail = QToolBar(self.tr("Views"), self._central)
        self._rail.setObjectName("rail")
        self._rail.setOrientation(Qt.Orientation.Vertical)
        self._rail.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self._rail.setIconSize(QSize(20, 20))
        self._views = QActionGroup(self)
        self._rail_jobs = self._rail_action(ActionId.SHOW_JOBS)
        self._rail_library = self._rail_action(ActionId.SHOW_LIBRARY)
        self._rail_definitions = self._rail_action(ActionId.SHOW_DEFINITIONS)
        self._rail_sources = self._rail_action(ActionId.SHOW_SOURCES)
        row = QHBoxLayout(self._central)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._rail)
        stack = QVBoxLayout()
        stack.setContentsMargins(0, 0, 0, 0)
        stack.setSpacing(0)
        stack.addWidget(self.messages)
        stack.addWidget(self.pages, 1)
        stack.addWidget(self.undo_bar)
        row.addLayout(stack, 1)

    def _rail_action(self, name: ActionId) -> QAction:
        action = self._context.actions.action(name)
        action.setCheckable(True)
        self._views.addAction(action)
        self._rail.addAction(action)
        button = self._rail.widgetForAction(action)
        if isinstance(button, QToolButton):
            button.setMinimumWidth(17 * SPACE)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        return action

    def _make_menus(self) -> None:
        actions = self._context.actions
        for title, names in _MENUS:
            menu = QMenu(title, self)
            menu.setToolTipsVisible(True)
            for name in names:
                if name is None:
                    menu.addSeparator()
                else:
                    menu.addAction(actions.action(name))
            self.menuBar().addMenu(menu)
        # Those that stand in no menu have shortcuts, too.
        self.addActions(actions.all())
        QShortcut(QKeySequence(QKeySequence.StandardKey.Paste), self, self.paste)

    def _make_dock(self) -> None:
        dock = self.dock
        dock.setObjectName("logDock")
        dock.setWidget(self.log)
        dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetClosable
            | QDockWidget.DockWidgetFeature.DockWidgetMovable
            | QDockWidget.DockWidgetFeature.DockWidgetFloatable
        )
        # The console has a row of tools of its own: a title bar above it would be dead space.
        dock.setTitleBarWidget(QWidget(dock))
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        self.resizeDocks([dock], [180], Qt.Orientation.Vertical)

    def _connect(self) -> None:
        self.jobs.selected.connect(self._jobs_selected)
        self.jobs.all_pages_wanted.connect(self.detail.show_pages)
        self.jobs.activated.connect(lambda _: self.detail.setFocus())
        self.detail.selected.connect(self._pages_selected)
        self.detail.page_activated.connect(self._show_page)
        self.detail.definition_wanted.connect(self.show_definition)
        self.detail.sign_in_wanted.connect(self.sign_in_wanted)
        self.log.job_activated.connect(self.show_job)
        self.search.textChanged.connect(self._search)
        self.search.returnPressed.connect(self._go_to_results)
        self.welcome.url_given.connect(self.crawl_wanted)
        self.welcome.more_wanted.connect(lambda text: self.urls_given.emit([text] if text else []))

    def _jobs_selected(self, selection: Selection) -> None:
        # The tree says it again whenever a selected job changes: the pages selected beside it stay selected.
        ids = [target.id for target in selection.targets]
        if ids != self._selected_jobs:
            self._selected_jobs = ids
            self._page_selection = Selection()
        self._publish()
        self.detail.show_selection(selection)
        first = selection.targets[0] if len(selection.targets) == 1 else None
        self.log.show_job(first.id if first else None, first.root_id if first else None)

    def _pages_selected(self, selection: Selection) -> None:
        self._page_selection = selection
        self._publish()

    def _publish(self) -> None:
        """Let the actions be about what is selected in the view that is shown: its pages, or else its jobs."""
        shown = self.pages.currentWidget()
        if shown is not None and shown is self._definitions:
            selection = self._definitions.selection
        elif shown is not None and shown is self._sources:
            selection = self._sources.selection
        elif shown is not self.splitter:
            selection = Selection()
        elif self._page_selection.count:
            selection = self._page_selection
        else:
            selection = self.jobs.selection
        self._context.actions.select(selection)

    def _show_page(self, job_id: int) -> None:
        self.jobs.select_job(job_id)

    def _search(self, text: str) -> None:
        if self.pages.currentWidget() is not self._library:
            self.show_library()
            self.search.setFocus()
        self.library.search(text)

    def _go_to_results(self) -> None:
        self.show_library()
        self.library.focus_results()

    def _restore(self) -> None:
        state = self._context.state
        self.resize(SIZE)
        geometry = state.bytes("window/geometry")
        if not geometry.isEmpty():
            self.restoreGeometry(geometry)
        layout = state.bytes("window/layout")
        if not layout.isEmpty():
            self.restoreState(layout, _LAYOUT_VERSION)
        splitter = state.bytes("window/splitter")
        if splitter.isEmpty():
            self.splitter.setSizes([700, 580])
        else:
            self.splitter.restoreState(splitter)
        self.jobs.restore_state()
