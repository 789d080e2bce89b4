"""The library: what a search found, or the newest documents, and beside it the one that is being read."""

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QPalette, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.listing import Statistics
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.answers import Answer, ask, how_many, more
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.format import count, count_of
from quaero_desktop.ui.models.results import Result, ResultModel
from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.views.document import DocumentView
from quaero_desktop.ui.views.freshbar import FreshBar
from quaero_desktop.ui.views.resultactions import ResultActions
from quaero_desktop.ui.views.resultlist import ResultList
from quaero_desktop.ui.views.searchhelp import HelpButton
from quaero_desktop.ui.views.sitefilter import SiteFilter
from quaero_desktop.ui.widgets.labels import ElidedLabel, EmptyState, Line, muted

PAGE = 50
"""Results that are loaded at a time."""
_AHEAD = 15
"""So many rows before the end of what has been loaded more are asked for."""
DEBOUNCE_MS = 120
_PREVIEW_MS = 60
_FIRST_PREVIEW_MS = 300
"""While somebody types the best result changes with every key: its text is shown when they rest."""
_LOOK_AGAIN_MS = 2_000


class LibraryView(QWidget):
    """Searches the library as one types, and shows what was found.

    Args:
        context: the open library and what the window shares.

    Signals:
        left: the person is done with the list and wants back to the search field.
        document_shown: the id of the document that is being read.
    """

    left = Signal()
    document_shown = Signal(int)

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._theme = context.theme
        self._text = ""
        self._terms: tuple[str, ...] = ()
        self._loaded = False
        self._loading_more = False
        self._focus_when_loaded = False
        self._documents: int | None = None
        self._asked_query = ""
        self._shown_query = ""
        self._stale = False
        self._field: QLineEdit | None = None

        self._model = ResultModel(self)
        self.list = ResultList(self._theme, self._model, self)
        self.document = DocumentView(context)
        self.document.shown.connect(self.document_shown)
        self._told = muted(ElidedLabel(), self._theme)
        self._told.setObjectName("resultCount")
        self._hint = muted(QLabel(), self._theme)
        self._hint.setObjectName("resultHint")
        self._hint.setTextFormat(Qt.TextFormat.PlainText)
        self._hint.setWordWrap(True)
        self._hint.setContentsMargins(4 * SPACE, 0, 4 * SPACE, 2 * SPACE)
        self._sites = SiteFilter(self)
        self._sites.chosen.connect(self._search_now)
        self._help = HelpButton(self._theme, self)
        self._fresh = FreshBar(self)
        self._fresh.wanted.connect(self.refresh)
        self._nothing = EmptyState(
            self._theme,
            "books",
            self.tr("The library is empty. Crawl a site, and its pages appear here, ready to be searched and read."),
            self.tr("New crawl…"),
            lambda: context.actions.trigger(ActionId.NEW_CRAWL),
        )
        self._no_result = EmptyState(self._theme, "magnifying-glass", "", self.tr("How to search"), self._show_help)
        for state in (self._nothing, self._no_result):
            # Not the role of what lies behind them: the palette's quiet colour would not be used.
            state.setBackgroundRole(QPalette.ColorRole.Window)
        self._lists = QStackedWidget()
        for widget in (self.list, self._nothing, self._no_result, QWidget()):
            self._lists.addWidget(widget)
        self._lists.setCurrentIndex(3)
        self._splitter = self._put_together()
        self._actions = ResultActions(context, self.list, self)

        self._typing = self._timer(DEBOUNCE_MS, self._search_now)
        self._previewing = self._timer(_PREVIEW_MS, self._preview)
        self._looking_again = self._timer(_LOOK_AGAIN_MS, self._look_again)
        self.list.read_wanted.connect(self._read)
        self.list.preview_wanted.connect(lambda: self._previewing.start(_PREVIEW_MS))
        self.list.scrolled.connect(self._load_what_is_visible)
        self.list.left.connect(self.left)
        self.list.selectionModel().currentChanged.connect(self._current_changed)
        context.feed.statistics.connect(self._library_changed)

    # --- what others ask for ----------------------------------------------------------------------------------------

    def search(self, text: str) -> None:
        """Look for *text* as soon as nothing more is typed for a moment; an empty one shows the newest documents."""
        if text == self._text and self._loaded and not self._typing.isActive():
            return
        self._text = text
        self._typing.start(DEBOUNCE_MS)

    def refresh(self) -> None:
        """Ask the library again."""
        self._search_now()

    def query(self) -> str:
        """Return what the list shows the results of; empty when it shows the newest documents."""
        return self._shown_query

    def selected_documents(self) -> list[int]:
        """Return the ids of the documents that the person has selected, in their order."""
        if not self.list.chosen_by_hand:
            return []
        return [result.document_id for result in self.list.selected()]

    def show_document(self, document_id: int) -> None:
        """Show a document, whether the list has it or not."""
        row = self._model.row_of(document_id)
        if row is not None:
            self.list.chosen_by_hand = True
            self.list.setCurrentIndex(self._model.index(row))
        else:
            self.list.clearSelection()
        self._previewing.stop()
        self._load(document_id)

    def focus_results(self) -> None:
        """Go to the list, at once or as soon as it is there."""
        if self._typing.isActive() or not self._loaded:
            self._focus_when_loaded = True
            self._search_now()
            return
        self._focus_list()

    def attach(self, field: QLineEdit) -> None:
        """Let Down in the search field go to the list, and Esc empty the field; :attr:`left` leads back there."""
        self._field = field
        self.list.is_below_field = True
        field.installEventFilter(self)
        self.left.connect(lambda: field.setFocus(Qt.FocusReason.OtherFocusReason))

    def save_state(self) -> None:
        """Remember the sizes."""
        self._context.state.set("library/splitter", self._splitter.saveState())

    # --- searching --------------------------------------------------------------------------------------------------

    def _search_now(self) -> None:
        self._typing.stop()
        self._looking_again.stop()
        self._context.tasks.cancel((id(self), "more"))
        self._loading_more = False
        self._context.tasks.latest((id(self), "search"), self._search(self._text, self._sites.site))

    async def _search(self, text: str, site: str) -> None:
        library = self._context.services.library
        answer = await ask(library, text, site, PAGE)
        hosts = await library.hosts()
        self._show(answer)
        self._sites.show_sites(hosts)

    def _show(self, answer: Answer) -> None:
        query, terms, rows, total, hint = answer.query, answer.terms, answer.rows, answer.total, answer.hint
        same = self._loaded and answer.asked == self._asked_query and bool(self._model.rows)
        current = self.list.current()
        scroll = self.list.verticalScrollBar().value()
        self._asked_query, self._shown_query, self._terms = answer.asked, query, terms
        self._loaded = True
        self._fresh.hide()
        if answer.took_ms is None:
            self._documents = total
            self._told.setText(self.tr("%s, newest first") % count_of(total, "document"))
        else:
            self._told.setText(self.tr("%s in %s ms") % (count_of(total, "result"), count(answer.took_ms)))
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint) and total > 0)
        self.list.show_snippets(any(row.snippet for row in rows))
        chosen_by_hand = self.list.chosen_by_hand and same
        self._model.show(rows, total)
        if total:
            self._lists.setCurrentWidget(self.list)
        elif query:
            self._no_result.set_sentence(hint or self.tr("Nothing in the library matches this."))
            self._lists.setCurrentWidget(self._no_result)
        else:
            self._lists.setCurrentWidget(self._nothing)
        self._keep_place(current if same else None, scroll if same else 0, chosen_by_hand)
        if self._focus_when_loaded:
            self._focus_when_loaded = False
            self._focus_list()

    def _keep_place(self, current: Result | None, scroll: int, chosen_by_hand: bool) -> None:
        """Select what was selected, else the first, whose text is shown when the typing rests."""
        row = self._model.row_of(current.document_id) if current is not None else None
        self.list.chosen_by_hand = chosen_by_hand and row is not None
        if not self._model.rows:
            self._previewing.stop()
            if not self._shown_query:
                self.document.clear()
            return
        selection = self.list.selectionModel()
        selection.setCurrentIndex(self._model.index(row or 0), QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if scroll:
            self.list.verticalScrollBar().setValue(scroll)
        elif row is None:
            self.list.scrollToTop()
        self._previewing.start(_FIRST_PREVIEW_MS)

    def _load_more(self) -> None:
        if self._loading_more or not self._model.has_more or not self._loaded:
            return
        self._loading_more = True
        self._context.tasks.latest((id(self), "more"), self._more())

    async def _more(self) -> None:
        library = self._context.services.library
        try:
            rows, total = await more(library, self._shown_query, self._terms, PAGE, self._model.taken)
            self._model.extend(rows, total)
        finally:
            self._loading_more = False
        self._load_what_is_visible()

    def _load_what_is_visible(self) -> None:
        """Load more when the end of what has been loaded comes near."""
        last = self.list.last_seen()
        if last is None or last >= len(self._model.rows) - _AHEAD:
            self._load_more()

    # --- keeping up with a crawl ------------------------------------------------------------------------------------

    def _library_changed(self, statistics: Statistics) -> None:
        """Take note of new documents. What is shown stays as it is: only an empty list fills by itself."""
        if self._documents == statistics.documents and self._loaded:
            return
        self._documents = statistics.documents
        if self._loaded and not self._looking_again.isActive():
            # At once where there is nothing yet, for nothing can jump there.
            self._looking_again.start(_LOOK_AGAIN_MS if self._model.rows else 0)

    def _look_again(self) -> None:
        if not self.isVisible() or self._typing.isActive():
            self._stale = True
            return
        self._stale = False
        if not self._model.rows:
            self._search_now()
            return
        self._context.tasks.latest((id(self), "again"), self._count_again(self._shown_query))

    async def _count_again(self, query: str) -> None:
        total = await how_many(self._context.services.library, query)
        if query != self._shown_query:
            return
        new = total - self._model.total
        if new > 0:
            what = count_of(new, "more result") if query else count_of(new, "new document")
            self._fresh.say(what)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        """Fill the list when it is seen for the first time, and look again when something changed meanwhile."""
        super().showEvent(event)
        if not self._loaded:
            self._typing.start(0)
        elif self._stale:
            self._looking_again.start(0)

    # --- the list ---------------------------------------------------------------------------------------------------

    def _current_changed(self, current: QModelIndex, previous: QModelIndex) -> None:
        if current.isValid():
            self._previewing.start(_PREVIEW_MS)
            if current.row() >= len(self._model.rows) - _AHEAD:
                self._load_more()

    def _preview(self) -> None:
        current = self.list.current()
        if current is not None:
            self._load(current.document_id)

    def _load(self, document_id: int) -> None:
        self._context.tasks.latest((id(self), "document"), self._show_document(document_id))

    async def _show_document(self, document_id: int) -> None:
        try:
            document = await self._context.services.library.document(document_id)
        except NotFoundError:
            self.document.clear(self.tr("This page is no longer in the library."))
            return
        self.document.show_document(document, self._terms)

    def _focus_list(self) -> None:
        if not self._model.rows:
            return
        if not self.list.currentIndex().isValid():
            self.list.setCurrentIndex(self._model.index(0))
        self.list.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _read(self) -> None:
        """Go to the text of the current result."""
        current = self.list.current()
        if current is None:
            return
        self._previewing.stop()
        if self.document.document is None or self.document.document.id != current.document_id:
            self._load(current.document_id)
        self.document.setFocus(Qt.FocusReason.OtherFocusReason)

    def _back_to_list(self) -> None:
        self._focus_list() if self._model.rows else self.left.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Watch the keys of the search field."""
        if watched is self._field and self.isVisible() and isinstance(event, QKeyEvent):
            if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Down:
                self.focus_results()
                return True
            if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape and self._field.text():
                self._field.clear()
                return True
        return super().eventFilter(watched, event)

    # --- building ---------------------------------------------------------------------------------------------------

    def _put_together(self) -> QSplitter:
        top = QHBoxLayout()
        top.setContentsMargins(4 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
        top.setSpacing(2 * SPACE)
        top.addWidget(self._told, 1)
        top.addWidget(self._sites)
        top.addWidget(self._help)
        side = QWidget()
        side.setAutoFillBackground(True)
        side.setBackgroundRole(QPalette.ColorRole.Base)
        for label in (self._told, self._hint):
            label.setForegroundRole(QPalette.ColorRole.WindowText)
        layout = QVBoxLayout(side)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self._hint)
        layout.addWidget(Line(self._theme))
        layout.addWidget(self._fresh)
        layout.addWidget(self._lists, 1)
        side.setMinimumWidth(260)
        for keys, slot in (
            (Qt.Key.Key_F3, self.document.find_next),
            (Qt.Modifier.SHIFT | Qt.Key.Key_F3, self.document.find_previous),
        ):
            shortcut = QShortcut(QKeySequence(keys), side)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(slot)
        self.document.setMinimumWidth(320)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setObjectName("librarySplitter")
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(side)
        splitter.addWidget(self.document)
        splitter.setStretchFactor(0, 2)
        splitter.setStretchFactor(1, 3)
        splitter.setSizes([420, 640])
        sizes = self._context.state.bytes("library/splitter")
        if not sizes.isEmpty():
            splitter.restoreState(sizes)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(splitter)
        self._hint.hide()
        self.document.left.connect(self._back_to_list)
        return splitter

    def _timer(self, milliseconds: int, slot: object) -> QTimer:
        timer = QTimer(self, interval=milliseconds, singleShot=True)
        timer.timeout.connect(slot)
        return timer

    def _show_help(self) -> None:
        self._help.show_help()
