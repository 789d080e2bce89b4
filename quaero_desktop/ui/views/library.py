"""The library: what a search found, or the newest documents, and beside it the one that is being read."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QGuiApplication, QKeyEvent, QKeySequence, QPalette, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.domain.documents import Document, DocumentFilter
from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.listing import Statistics
from quaero_desktop.ui import found
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.format import count, count_of
from quaero_desktop.ui.models.results import RESULT_ROLE, Result, ResultModel
from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.views.document import DocumentView, open_web_address
from quaero_desktop.ui.views.resultrow import ResultDelegate
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
_MOST_TABS = 10
_HELP = (
    ("backup restore", "both words, in any order"),
    ('"point in time"', "these words, in this order"),
    ("vacuum OR analyze", "either of the two"),
    ("index -btree", "without that word"),
    ("config*", "words that begin so"),
    ("title:install", "in the title"),
    ("site:docs.python.org", "of that site"),
    ("url:tutorial", "with that in the address"),
    ("after:2024-05  before:2025", "from then on, until then"),
    ("lang:de", "in that language"),
)


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
        self._site = ""
        self._terms: tuple[str, ...] = ()
        self._loaded = False
        self._loading_more = False
        self._focus_when_loaded = False
        self._chosen_by_hand = False
        self._documents: int | None = None
        self._asked_query = ""
        self._shown_query = ""
        self._stale = False
        self._field: QLineEdit | None = None

        self._model = ResultModel(self)
        self._delegate = ResultDelegate(self._theme, self)
        self.list = self._make_list()
        self.document = DocumentView(context)
        self.document.shown.connect(self.document_shown)
        self._told = muted(ElidedLabel(), self._theme)
        self._told.setObjectName("resultCount")
        self._hint = muted(QLabel(), self._theme)
        self._hint.setObjectName("resultHint")
        self._hint.setTextFormat(Qt.TextFormat.PlainText)
        self._hint.setWordWrap(True)
        self._hint.setContentsMargins(4 * SPACE, 0, 4 * SPACE, 2 * SPACE)
        self._sites = QComboBox()
        self._sites.setObjectName("siteFilter")
        self._sites.setAccessibleName(self.tr("Site"))
        self._sites.setToolTip(self.tr("Only pages of this site"))
        self._sites.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._sites.setMinimumContentsLength(12)
        self._sites.activated.connect(self._choose_site)
        self._help = QToolButton()
        self._help.setAutoRaise(True)
        self._help.setToolTip(self.tr("How to search"))
        self._help.setAccessibleName(self.tr("How to search"))
        self._help.clicked.connect(self._show_help)
        self._fresh = _FreshBar()
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
        self._own_actions = self._make_actions()

        self._typing = self._timer(DEBOUNCE_MS, self._search_now)
        self._previewing = self._timer(_PREVIEW_MS, self._preview)
        self._looking_again = self._timer(_LOOK_AGAIN_MS, self._look_again)
        context.feed.statistics.connect(self._library_changed)
        self._theme.changed.connect(self._paint)
        self._paint()

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
        if not self._chosen_by_hand:
            return []
        return [result.document_id for result in self._selected()]

    def show_document(self, document_id: int) -> None:
        """Show a document, whether the list has it or not."""
        row = self._model.row_of(document_id)
        if row is not None:
            self._chosen_by_hand = True
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
        self._context.tasks.latest((id(self), "search"), self._search(self._with_site(self._text)))

    def _with_site(self, text: str) -> str:
        site = f"site:{self._site}" if self._site else ""
        return f"{text.strip()} {site}".strip()

    async def _search(self, query: str) -> None:
        library = self._context.services.library
        terms = found.terms_of(query)
        asked = query
        if query:
            results = await library.search(query, limit=PAGE)
            wider = found.as_prefix(self._text)
            if not results.total_count and wider is not None:
                # Somebody who types "vacuu" has not yet said what they look for, but has said how it begins.
                longer = self._with_site(wider)
                if (prefixed := await library.search(longer, limit=PAGE)).total_count:
                    results, query, terms = prefixed, longer, found.terms_of(longer)
            rows = [Result.of_hit(hit, terms) for hit in results.results]
            total, hint = results.total_count, results.hint
            told = self.tr("%s in %s ms") % (count_of(total, "result"), count(results.took_ms))
        else:
            page = await library.documents(DocumentFilter(limit=PAGE))
            rows = [Result.of_summary(document) for document in page.documents]
            total, hint = page.total_count, ""
            told = self.tr("%s, newest first") % count_of(total, "document")
            self._documents = total
        hosts = await library.hosts()
        self._show(asked, query, terms, rows, total, told, hint)
        self._show_sites(hosts)

    def _show(
        self, asked: str, query: str, terms: tuple[str, ...], rows: Sequence[Result], total: int, told: str, hint: str
    ) -> None:
        same = self._loaded and asked == self._asked_query and bool(self._model.rows)
        current = self._current()
        scroll = self.list.verticalScrollBar().value()
        self._asked_query, self._shown_query, self._terms = asked, query, terms
        self._loaded = True
        self._fresh.hide()
        self._told.setText(told)
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint) and total > 0)
        with_snippets = any(row.snippet for row in rows)
        if with_snippets != self._delegate.with_snippets:
            self._delegate.with_snippets = with_snippets
            self.list.scheduleDelayedItemsLayout()
        chosen_by_hand = self._chosen_by_hand and same
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
        self._chosen_by_hand = chosen_by_hand and row is not None
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
            if self._shown_query:
                results = await library.search(self._shown_query, limit=PAGE, offset=self._model.taken)
                rows = [Result.of_hit(hit, self._terms) for hit in results.results]
                total = results.total_count
            else:
                page = await library.documents(DocumentFilter(limit=PAGE, offset=self._model.taken))
                rows = [Result.of_summary(document) for document in page.documents]
                total = page.total_count
            self._model.extend(rows, total)
        finally:
            self._loading_more = False
        self._load_what_is_visible()

    def _load_what_is_visible(self) -> None:
        """Load more when the end of what has been loaded comes near; told by rows, since a layout may be due."""
        last = self.list.indexAt(QPoint(2, self.list.viewport().height() - 2))
        if not last.isValid() or last.row() >= len(self._model.rows) - _AHEAD:
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
        library = self._context.services.library
        if query:
            total = (await library.search(query, limit=0)).total_count
        else:
            total = (await library.documents(DocumentFilter(limit=0))).total_count
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

    def _current(self) -> Result | None:
        index = self.list.currentIndex()
        return index.data(RESULT_ROLE) if index.isValid() else None

    def _selected(self) -> list[Result]:
        rows = sorted(index.row() for index in self.list.selectionModel().selectedIndexes())
        return [self._model.rows[row] for row in rows]

    def _current_changed(self, current: QModelIndex, previous: QModelIndex) -> None:
        if current.isValid():
            self._previewing.start(_PREVIEW_MS)
            if current.row() >= len(self._model.rows) - _AHEAD:
                self._load_more()

    def _preview(self) -> None:
        current = self._current()
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
        current = self._current()
        if current is None:
            return
        self._previewing.stop()
        if self.document.document is None or self.document.document.id != current.document_id:
            self._load(current.document_id)
        self.document.setFocus(Qt.FocusReason.OtherFocusReason)

    def _back_to_list(self) -> None:
        self._focus_list() if self._model.rows else self.left.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Watch the keys of the list and of the search field."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            key = event.key()
            if watched is self.list:
                if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                    self._read()
                    return True
                if key == Qt.Key.Key_Escape or (
                    key == Qt.Key.Key_Up and self.list.currentIndex().row() <= 0 and self._field is not None
                ):
                    self.left.emit()
                    return True
                self._chosen_by_hand = self._chosen_by_hand or key in _CHOOSING_KEYS
            elif watched is self._field and self.isVisible():
                if key == Qt.Key.Key_Down:
                    self.focus_results()
                    return True
                if key == Qt.Key.Key_Escape and self._field.text():
                    self._field.clear()
                    return True
        elif watched is self.list.viewport() and event.type() == QEvent.Type.MouseButtonPress:
            self._chosen_by_hand = True
        return super().eventFilter(watched, event)

    # --- what can be done with results ------------------------------------------------------------------------------

    def _make_actions(self) -> dict[str, QAction]:
        made: dict[str, QAction] = {}
        for name, text, icon, keys, slot in (
            ("read", self.tr("Open"), "file-text", "", self._read),
            ("browser", self.tr("Open in browser"), "globe", "Ctrl+B", self._open_in_browser),
            ("address", self.tr("Copy address"), "copy", "Ctrl+Shift+C", self._copy_addresses),
            ("markdown", self.tr("Copy as markdown"), "clipboard-text", "Ctrl+Shift+M", self._copy_markdown),
            ("export", self.tr("Export selection…"), "download-simple", "", self._export),
        ):
            action = QAction(text, self)
            action.setProperty("icon_name", icon)
            if keys:
                action.setShortcut(QKeySequence(keys))
                # The registry's action of these keys is for jobs, and disabled while documents are shown.
                action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(lambda _=False, slot=slot: slot())
            self.addAction(action)
            made[name] = action
        return made

    def context_menu(self) -> QMenu:
        """Return the menu of the selected results; it deletes itself."""
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        several = len(self._selected()) > 1
        for name, action in self._own_actions.items():
            if name == "export":
                menu.addSeparator()
            menu.addAction(action)
        self._own_actions["read"].setEnabled(not several)
        return menu

    def _show_menu(self, at: QPoint) -> None:
        if self._selected():
            self._chosen_by_hand = True
            self.context_menu().popup(self.list.viewport().mapToGlobal(at))

    def _open_in_browser(self) -> None:
        for result in self._selected()[:_MOST_TABS]:
            open_web_address(result.url)

    def _copy_addresses(self) -> None:
        addresses = [result.url for result in self._selected()]
        if addresses:
            QGuiApplication.clipboard().setText("\n".join(addresses))
            self._context.notices.show(
                self.tr("%s copied.") % (self.tr("Address") if len(addresses) == 1 else f"{len(addresses)} addresses"),
                key="copied",
            )

    def _copy_markdown(self) -> None:
        ids = [result.document_id for result in self._selected()]
        if ids:
            self._context.tasks.latest((id(self), "copy"), self._copy(ids))

    async def _copy(self, ids: Sequence[int]) -> None:
        documents = [await self._context.services.library.document(document_id) for document_id in ids[:PAGE]]
        QGuiApplication.clipboard().setText("\n\n".join(map(as_markdown, documents)))
        self._context.notices.show(self.tr("%s copied as markdown.") % count_of(len(documents), "page"), key="copied")

    def _export(self) -> None:
        self._chosen_by_hand = True
        self._context.actions.trigger(ActionId.EXPORT)

    # --- sites ------------------------------------------------------------------------------------------------------

    def _show_sites(self, hosts: Sequence[str]) -> None:
        if self._site and self._site not in hosts:
            self._site = ""
        shown = [self._sites.itemData(index) for index in range(1, self._sites.count())]
        if shown != list(hosts):
            self._sites.clear()
            self._sites.addItem(self.tr("All sites"), "")
            for host in hosts:
                self._sites.addItem(host, host)
        self._sites.setCurrentIndex(max(0, self._sites.findData(self._site)))
        self._sites.setVisible(len(hosts) > 1)

    def _choose_site(self, index: int) -> None:
        self._site = str(self._sites.itemData(index) or "")
        self._search_now()

    # --- building ---------------------------------------------------------------------------------------------------

    def _make_list(self) -> QListView:
        view = QListView()
        view.setObjectName("resultList")
        view.setAccessibleName(self.tr("Documents"))
        view.setModel(self._model)
        view.setItemDelegate(self._delegate)
        view.setUniformItemSizes(True)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setMouseTracking(True)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(self._show_menu)
        view.selectionModel().currentChanged.connect(self._current_changed)
        # Also on the row that is current already: a link may have led away from its text.
        view.clicked.connect(lambda _: self._previewing.start(_PREVIEW_MS))
        view.doubleClicked.connect(lambda _: self._read())
        view.verticalScrollBar().valueChanged.connect(lambda _: self._load_what_is_visible())
        view.installEventFilter(self)
        view.viewport().installEventFilter(self)
        return view

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
        self._sites.hide()
        self.document.left.connect(self._back_to_list)
        return splitter

    def _timer(self, milliseconds: int, slot: object) -> QTimer:
        timer = QTimer(self, interval=milliseconds, singleShot=True)
        timer.timeout.connect(slot)
        return timer

    def _paint(self) -> None:
        self._help.setIcon(self._theme.icon("question"))
        for action in self._own_actions.values():
            action.setIcon(self._theme.icon(action.property("icon_name")))

    def _show_help(self) -> None:
        help_ = SearchHelp(self._context, self)
        place = self._help.mapToGlobal(QPoint(0, self._help.height() + SPACE))
        help_.adjustSize()
        help_.move(place - QPoint(max(0, help_.width() - self._help.width()) // 2, 0))
        help_.show()


_CHOOSING_KEYS = (
    Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End,
    Qt.Key.Key_Space, Qt.Key.Key_A,
)  # fmt: skip


def as_markdown(document: Document) -> str:
    """Return a page as markdown for somewhere else: under its title, with where it is from."""
    title = " ".join(document.title.split()) or document.url
    starts_with_it = document.markdown.lstrip().startswith(f"# {title}")
    head = "" if starts_with_it else f"# {title}\n\n"
    return f"{head}<{document.url}>\n\n{document.markdown}\n"


class SearchHelp(QFrame):
    """What can be typed into the search field."""

    def __init__(self, context: Context, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("searchHelp")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        grid = QGridLayout(self)
        grid.setContentsMargins(4 * SPACE, 4 * SPACE, 4 * SPACE, 4 * SPACE)
        grid.setHorizontalSpacing(6 * SPACE)
        grid.setVerticalSpacing(2 * SPACE)
        for row, (example, meaning) in enumerate(_HELP):
            typed = QLabel(example)
            typed.setTextFormat(Qt.TextFormat.PlainText)
            typed.setFont(context.theme.font_fixed())
            grid.addWidget(typed, row, 0)
            grid.addWidget(muted(QLabel(self.tr(meaning)), context.theme), row, 1)


class _FreshBar(QFrame):
    """Says that there is more than is shown."""

    wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("freshBar")
        row = QHBoxLayout(self)
        row.setContentsMargins(4 * SPACE, SPACE, 2 * SPACE, SPACE)
        self._sentence = QLabel()
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        button = QPushButton(self.tr("Show"))
        button.setFlat(True)
        button.clicked.connect(self.wanted)
        row.addWidget(self._sentence, 1)
        row.addWidget(button)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.AlternateBase)
        self.hide()

    def say(self, sentence: str) -> None:
        """Say how much more."""
        self._sentence.setText(sentence)
        self.show()
