"""Shows a document of the library: what it is, and its text, set for reading.

The text comes from the web. Nothing of it is loaded, no link opens by itself, and whatever its size the window stays
alive: it is laid out in pieces, some milliseconds at a time.
"""

from collections.abc import Coroutine, Sequence
from typing import Any

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QFocusEvent, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget
from shiboken6 import isValid

from quaero_desktop.domain import urls
from quaero_desktop.domain.documents import Document
from quaero_desktop.domain.errors import KnownError, NotFoundError
from quaero_desktop.domain.summaries import StoredSummary
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.format import size
from quaero_desktop.ui.theme import Theme
from quaero_desktop.ui.views.documentbars import AskingBar, FindBar, RestBar
from quaero_desktop.ui.views.documentheader import DocumentHeader
from quaero_desktop.ui.views.documentpage import MARGIN, Page
from quaero_desktop.ui.widgets.focus import pass_on
from quaero_desktop.ui.widgets.inshort import FoldedInShort
from quaero_desktop.ui.widgets.labels import EmptyState, Line

_MOST_HISTORY = 100
_IN_SHORT = "document/in_short"


class DocumentView(QWidget):
    """Shows one document, goes to others by its links, and back.

    Args:
        context: the open library and what the window shares.

    Signals:
        shown: the id of the document that is shown now.
        rendered: all that is to be shown of it is there.
        left: the person pressed Esc, and there was nothing here to close.
    """

    shown = Signal(int)
    rendered = Signal()
    left = Signal()

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._theme: Theme = context.theme
        self._document: Document | None = None
        self._terms: tuple[str, ...] = ()
        self._back: list[tuple[int, int]] = []
        self._forward: list[tuple[int, int]] = []

        self._page = Page(self._theme, self)
        self._page.anchorClicked.connect(self._follow)
        self._page.rendered.connect(self._page_rendered)
        self._page.pointed_at.connect(self._point_at)
        self._header = DocumentHeader(self._theme, self)
        self._header.back.clicked.connect(self.go_back)
        self._header.forward.clicked.connect(self.go_forward)
        self._header.copy.clicked.connect(self._copy_address)
        self._header.browser.clicked.connect(self._open_own_address)
        self._header.other_wanted.connect(self._go_to)
        self._in_short = FoldedInShort(self._theme, context.state.flag(_IN_SHORT, True), MARGIN, self)
        self._in_short.folded.connect(lambda is_open: context.state.set(_IN_SHORT, is_open))
        self._in_short_line = Line(self._theme, self)
        self._asking = AskingBar(self._theme, self)
        self._asking.opened.connect(self._open_in_browser)
        self._rest = RestBar(self._theme, self)
        self._rest.wanted.connect(self._page.show_all)
        self._find = FindBar(self._theme, self)
        self._find.wanted.connect(self._look_for)
        self._find.next_wanted.connect(self.find_next)
        self._find.previous_wanted.connect(self.find_previous)
        self._find.closed.connect(self._stop_finding)

        whole = QWidget(self)
        layout = QVBoxLayout(whole)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        above = (self._header, Line(self._theme, whole), self._in_short, self._in_short_line)
        for widget in (*above, self._page, self._rest, self._asking, self._find):
            layout.addWidget(widget, 1 if widget is self._page else 0)
        self._nothing = EmptyState(self._theme, "file-text", self.tr("Select a page to read it here."))
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self._nothing)
        self._stack.addWidget(whole)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._stack)

        for keys, slot in (
            (QKeySequence(Qt.Key.Key_F3), self.find_next),
            (QKeySequence(Qt.Modifier.SHIFT | Qt.Key.Key_F3), self.find_previous),
            (QKeySequence(QKeySequence.StandardKey.Back), self.go_back),
            (QKeySequence(QKeySequence.StandardKey.Forward), self.go_forward),
            (QKeySequence(Qt.Key.Key_Escape), self._escape),
        ):
            shortcut = QShortcut(keys, self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(slot)
        self._in_short_line.hide()
        self._theme.changed.connect(self._repaint)
        # What was fetched "3 min ago" a while ago is older now.
        self._clock = QTimer(self, interval=30_000)
        self._clock.timeout.connect(self._header.tell_time)
        self._clock.start()
        self.clear()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 (Qt's name)
        """Pass the keyboard on to the text."""
        pass_on(self._page, event)

    @property
    def document(self) -> Document | None:
        """The document that is shown."""
        return self._document

    @property
    def page(self) -> "Page":
        """The text."""
        return self._page

    def show_document(self, document: Document, terms: Sequence[str] = ()) -> None:
        """Show a document from its beginning.

        Args:
            document: what to show.
            terms: words and phrases to highlight, as :func:`quaero_desktop.ui.found.terms_of` returns them.
        """
        same = self._document is not None and self._document.id == document.id
        if same and self._document == document and self._terms == tuple(terms):
            return
        if not same:
            # Chosen elsewhere, in a list for example: that list is the way back.
            self._back.clear()
            self._forward.clear()
        keep = self._page.verticalScrollBar().value() if same else 0
        self._show(document, tuple(terms), keep)

    def clear(self, sentence: str = "") -> None:
        """Show nothing but a sentence."""
        self._document = None
        self._terms = ()
        self._back.clear()
        self._forward.clear()
        self._page.show_nothing()
        self._nothing.set_sentence(sentence or self.tr("Select a page to read it here."))
        self._stack.setCurrentIndex(0)

    def go_back(self) -> None:
        """Show the document before this one again, at the place where it was left."""
        self._step(self._back, self._forward)

    def go_forward(self) -> None:
        """Undo :meth:`go_back`."""
        self._step(self._forward, self._back)

    def find_next(self) -> None:
        """Go to the next found place; without any, ask what to look for."""
        self._find_step(1)

    def find_previous(self) -> None:
        """Go to the found place before."""
        self._find_step(-1)

    def _escape(self) -> None:
        if self._asking.isVisible():
            self._asking.hide()
            self._page.setFocus()
        elif self._find.is_asking:
            self._find.close_bar()
        else:
            self.left.emit()

    # --- showing ----------------------------------------------------------------------------------------------------

    def _show(self, document: Document, terms: tuple[str, ...], scroll: int = 0) -> None:
        self._document = document
        self._terms = terms
        self._asking.hide()
        self._rest.hide()
        self._header.show_document(document)
        self._header.show_history(bool(self._back), bool(self._forward))
        self._load_summary(document)
        self._find.start(terms)
        self._page.find_places(terms)
        self._page.show_markdown(document.markdown, document.url, scroll=scroll)
        self._stack.setCurrentIndex(1)
        self.shown.emit(document.id)

    def _load_summary(self, document: Document) -> None:
        """Show what the document says in short. What is there of the one before stays until then, so nothing jumps."""

        async def load() -> None:
            summary = await self._context.services.library.summary(document.id)
            # The view may have gone meanwhile, with the window or the pane that it was in.
            if isValid(self):
                self._show_summary(summary)

        self._context.tasks.latest((id(self), "summary"), load())

    def _show_summary(self, summary: StoredSummary | None) -> None:
        is_there = summary is not None and bool(summary.summary or summary.keywords)
        if summary is not None:
            content = self._in_short.content
            stale = (self.tr("Of an earlier version of this page"),) if summary.stale else ()
            content.say(summary.summary, summary.keywords, (*content.written_by(summary.method), *stale))
        self._in_short.setVisible(is_there)
        self._in_short_line.setVisible(is_there)

    def _page_rendered(self) -> None:
        left = self._page.left_out
        if left and self._document is not None:
            whole = len(self._document.markdown)
            self._rest.say(
                self.tr("This page is very long (%s). The first %d %% is shown.")
                % (size(len(self._document.markdown.encode())), round(100 * (whole - left) / whole))
            )
        self._rest.setVisible(bool(left))
        self._find.tell(self._page.current, self._page.places)
        self.rendered.emit()

    def _repaint(self) -> None:
        if self._document is not None:
            self._page.show_markdown(
                self._document.markdown, self._document.url, scroll=self._page.verticalScrollBar().value()
            )

    def _place(self) -> tuple[int, int]:
        assert self._document is not None
        return self._document.id, self._page.verticalScrollBar().value()

    def _step(self, source: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
        if not source or self._document is None:
            return
        document_id, scroll = source.pop()
        other.append(self._place())
        self._load(document_id, scroll)

    def _go_to(self, document_id: int) -> None:
        if self._document is None or document_id == self._document.id:
            return
        self._back = [*self._back, self._place()][-_MOST_HISTORY:]
        self._forward.clear()
        self._load(document_id, 0)

    def _load(self, document_id: int, scroll: int) -> None:
        async def load() -> None:
            try:
                document = await self._context.services.library.document(document_id)
            except NotFoundError as error:
                self._header.show_history(bool(self._back), bool(self._forward))
                self._context.notices.error(error)
            else:
                self._show(document, self._terms, scroll)

        self._latest(load())

    def _latest(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._context.tasks.latest((id(self), "document"), coroutine)

    # --- links ------------------------------------------------------------------------------------------------------

    def _follow(self, link: QUrl) -> None:
        """Show the page that a link leads to if the library has it, and else ask. Nothing opens by itself."""
        if self._document is None:
            return
        href = link.toString(QUrl.ComponentFormattingOption.FullyEncoded)
        target = urls.join(self._document.url, href)
        if target is None:
            return
        _, _, fragment = href.partition("#")
        if target == self._document.url:
            self._page.scroll_to_heading(fragment)
            return

        async def follow() -> None:
            try:
                document = await self._context.services.library.document(target)
            except NotFoundError:
                self._asking.ask(target)
                return
            if self._document is not None and document.id != self._document.id:
                self._back = [*self._back, self._place()][-_MOST_HISTORY:]
                self._forward.clear()
            self._show(document, self._terms)
            if fragment:
                self._page.scroll_to_heading(fragment)

        self._latest(follow())

    def _point_at(self, href: str) -> None:
        self._page.hint(href)

    def _copy_address(self) -> None:
        if self._document is not None:
            QGuiApplication.clipboard().setText(self._document.url)
            self._header.say_copied()

    def _open_own_address(self) -> None:
        if self._document is not None:
            self._open_in_browser(self._document.url)

    def _open_in_browser(self, url: str) -> None:
        self._asking.hide()
        if not open_web_address(url):
            self._context.notices.error(
                KnownError(self.tr("No browser could be started."), self.tr("Copy the address and open it yourself."))
            )

    # --- finding ----------------------------------------------------------------------------------------------------

    def _look_for(self, text: str) -> None:
        self._page.find_places((text,) if text.strip() else (), within_words=True)
        self._page.go_to_place(from_here=True)
        self._find.tell(self._page.current, self._page.places)

    def _find_step(self, step: int) -> None:
        if self._document is None:
            return
        if not self._find.is_asking and not self._page.places:
            self._find.ask()
            return
        self._find.show()
        self._page.go_to_place(step)
        self._find.tell(self._page.current, self._page.places)

    def _stop_finding(self) -> None:
        self._page.find_places(())
        self._page.setFocus()


def open_web_address(url: str) -> bool:
    """Hand a web address to the system's browser; anything but http and https is refused.

    Returns:
        Whether something took it.
    """
    address = urls.identity(url)
    return address is not None and QDesktopServices.openUrl(QUrl(address, QUrl.ParsingMode.StrictMode))
