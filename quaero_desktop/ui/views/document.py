"""Shows a document of the library: what it is, and its text, set for reading.

The text comes from the web. Nothing of it is loaded, no link opens by itself, and whatever its size the window stays
alive: it is laid out in pieces, some milliseconds at a time.
"""

import re
import time
from bisect import bisect_left, bisect_right
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QPoint, QRectF, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QDesktopServices,
    QFocusEvent,
    QGuiApplication,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QShortcut,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QTextBrowser,
    QTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.domain import urls
from quaero_desktop.domain.documents import Document
from quaero_desktop.domain.errors import KnownError, NotFoundError
from quaero_desktop.ui import found
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.format import clean, count, day, exact, relative, size, tool_tip
from quaero_desktop.ui.pieces import Piece, pieces
from quaero_desktop.ui.rendering import IN_CODE, Renderer
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.focus import pass_on
from quaero_desktop.ui.widgets.labels import ElidedLabel, EmptyState, Line, muted

SHOWN_AT_FIRST = 400_000
"""Characters of a page that are laid out unasked; all of a page of megabytes takes seconds and much memory."""
_FIRST_SECONDS = 0.020
_TICK_SECONDS = 0.008
_BREATH_MS = 4
"""Between two ticks: a crawl in the same process goes on."""
_MEASURE = 84
"""The characters of a comfortable line."""
_MARGIN = 6 * SPACE
_MOST_SELECTIONS = 400
_MOST_HISTORY = 100
_MOST_TITLE = 140
_MOST_TITLE_TIP = 1_000


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
        self._header = _Header(self._theme, self)
        self._header.back.clicked.connect(self.go_back)
        self._header.forward.clicked.connect(self.go_forward)
        self._header.copy.clicked.connect(self._copy_address)
        self._header.browser.clicked.connect(self._open_own_address)
        self._header.other_wanted.connect(self._go_to)
        self._asking = _AskingBar(self._theme, self)
        self._asking.opened.connect(self._open_in_browser)
        self._rest = _RestBar(self._theme, self)
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
        for widget in (self._header, Line(self._theme, whole), self._page, self._rest, self._asking, self._find):
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
        self._find.start(terms)
        self._page.find_places(terms)
        self._page.show_markdown(document.markdown, document.url, scroll=scroll)
        self._stack.setCurrentIndex(1)
        self.shown.emit(document.id)

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


# --- the text -------------------------------------------------------------------------------------------------------


class Page(QTextBrowser):
    """The text of a page, laid out piece by piece.

    Args:
        theme: colours and fonts.

    Signals:
        rendered: all that is to be shown is there.
        pointed_at: the address of the link under the pointer; empty for none.
    """

    rendered = Signal()
    pointed_at = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("documentView")
        self.setAccessibleName(self.tr("Text of the page"))
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.setAutoFillBackground(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._theme = theme
        self._own: QTextDocument | None = None
        self._renderer: Renderer | None = None
        self._pieces: Iterator[Piece] = iter(())
        self._length = 0
        self._done = 0
        self._limit = SHOWN_AT_FIRST
        self._scroll = 0
        self._heading = ""
        self._terms: tuple[str, ...] = ()
        self._within_words = False
        self._places: list[tuple[int, int]] = []
        self._current = -1
        self._timer = QTimer(self, interval=_BREATH_MS, singleShot=True)
        self._timer.timeout.connect(self._go_on)
        self._marking = QTimer(self, interval=0, singleShot=True)
        self._marking.timeout.connect(self._mark)
        self.verticalScrollBar().valueChanged.connect(self._marking.start)
        self._hint = QLabel(self)
        self._hint.setTextFormat(Qt.TextFormat.PlainText)
        self._hint.setAutoFillBackground(True)
        self._hint.setFrameShape(QFrame.Shape.StyledPanel)
        self._hint.setContentsMargins(SPACE, 0, SPACE, 0)
        self._hint.hide()
        self.highlighted.connect(lambda link: self.pointed_at.emit(link.toString()))

    @property
    def left_out(self) -> int:
        """How many characters are not shown; 0 while they are still being laid out."""
        return 0 if self._timer.isActive() else max(0, self._length - self._done)

    @property
    def is_rendering(self) -> bool:
        """Whether there is more to come."""
        return self._timer.isActive()

    @property
    def places(self) -> int:
        """How many places were found."""
        return len(self._places)

    @property
    def current(self) -> int:
        """The found place that was gone to last, from 0; -1 for none."""
        return self._current

    def loadResource(self, kind: int, name: QUrl | str) -> None:  # noqa: N802 (Qt's name)
        """Load nothing, whatever it is and wherever it lies."""

    def show_nothing(self) -> None:
        """Forget the text."""
        self._timer.stop()
        self._pieces = iter(())
        self._length = self._done = 0
        self._places = []
        self._replace(QTextDocument(self))

    def show_markdown(self, markdown: str, url: str, *, scroll: int = 0) -> None:
        """Show a text: its beginning now, the rest as time allows.

        Args:
            markdown: of the page.
            url: of the page, which relative links start from.
            scroll: where to scroll to as soon as there is so much, in pixels.
        """
        self._timer.stop()
        self._renderer = Renderer(self._theme, url)
        self._pieces = pieces(markdown)
        self._length, self._done, self._limit = len(markdown), 0, SHOWN_AT_FIRST
        self._scroll, self._heading = scroll, ""
        self._places, self._current = [], -1
        document = self._renderer.new_document()
        over = self._append(document, _FIRST_SECONDS)
        self._replace(document)
        self._find_again()
        self._finish() if over else self._timer.start()

    def show_all(self) -> None:
        """Show what was left out, too."""
        self._limit = self._length + 1
        self._timer.start()

    def scroll_to_heading(self, fragment: str) -> None:
        """Scroll to the heading that a link's fragment names; to the top when there is none."""
        wanted = _slug(QUrl.fromPercentEncoding(fragment.encode()))
        if not wanted:
            self.verticalScrollBar().setValue(0)
            return
        block = self.document().begin()
        while block.isValid():
            if block.blockFormat().headingLevel() and _slug(block.text()) == wanted:
                self._heading = ""
                self._show_position(block.position(), 0)
                return
            block = block.next()
        # It may be further down than has been laid out.
        self._heading = fragment if self.is_rendering else ""

    def hint(self, text: str) -> None:
        """Show where a link leads, in the lower left corner; nothing for an empty text."""
        if not text:
            self._hint.hide()
            return
        width = self.viewport().width() - 4 * SPACE
        metrics = self._hint.fontMetrics()
        self._hint.setText(metrics.elidedText(clean(text), Qt.TextElideMode.ElideMiddle, width - 4 * SPACE))
        self._hint.adjustSize()
        self._hint.move(0, self.height() - self._hint.height())
        self._hint.raise_()
        self._hint.show()

    def _replace(self, document: QTextDocument) -> None:
        # The selections hold on to the document that is about to go.
        self.setExtraSelections([])
        document.setParent(self)
        self.setDocument(document)
        # The one that the widget was born with Qt has deleted.
        if self._own is not None:
            self._own.deleteLater()
        self._own = document

    # --- laying out -------------------------------------------------------------------------------------------------

    def _append(self, document: QTextDocument, seconds: float) -> bool:
        """Lay out some more; return whether that was all."""
        assert self._renderer is not None
        until = time.perf_counter() + seconds
        while self._done < self._limit:
            piece = next(self._pieces, None)
            if piece is None:
                self._done = self._length
                return True
            self._renderer.append(document, piece)
            self._done = min(self._length, self._done + len(piece.markdown) + 1)
            if time.perf_counter() >= until:
                return False
        return True

    def _go_on(self) -> None:
        over = self._append(self.document(), _TICK_SECONDS)
        if self._scroll and self.verticalScrollBar().maximum() >= self._scroll:
            self.verticalScrollBar().setValue(self._scroll)
            self._scroll = 0
        self._finish() if over else self._timer.start()

    def _finish(self) -> None:
        if self._scroll:
            self.verticalScrollBar().setValue(self._scroll)
            self._scroll = 0
        if self._heading:
            self.scroll_to_heading(self._heading)
        self._find_again()
        self.rendered.emit()

    # --- finding ----------------------------------------------------------------------------------------------------

    def find_places(self, terms: Sequence[str], *, within_words: bool = False) -> None:
        """Highlight *terms* wherever they are."""
        self._terms, self._within_words = tuple(terms), within_words
        self._current = -1
        self._find_again()

    def go_to_place(self, step: int = 1, *, from_here: bool = False) -> None:
        """Scroll to a found place.

        Args:
            step: 1 for the next, -1 for the one before.
            from_here: go to the first from the top of what is visible on.
        """
        if not self._places:
            return
        if self._current < 0 or from_here:
            top = self.cursorForPosition(QPoint(0, 0)).position()
            index = bisect_left(self._places, (top, 0))
            self._current = (index if step > 0 else index - 1) % len(self._places)
        else:
            self._current = (self._current + step) % len(self._places)
        start, _ = self._places[self._current]
        self._show_position(start, self.viewport().height() // 3, only_when_hidden=True)
        self._mark()

    def _find_again(self) -> None:
        self._places = (
            found.places(self.document().toPlainText(), self._terms, within_words=self._within_words)
            if self._terms
            else []
        )
        self._marking.start()

    def _mark(self) -> None:
        """Highlight the found places that can be seen: of thousands most cannot, and each costs time to paint."""
        selections: list[QTextEdit.ExtraSelection] = []
        if self._places:
            area = self.viewport().rect()
            first = self.cursorForPosition(area.topLeft()).position()
            last = self.cursorForPosition(area.bottomRight()).position()
            begin = max(0, bisect_left(self._places, (first, 0)) - 1)
            end = min(bisect_right(self._places, (last, 0)) + 1, begin + _MOST_SELECTIONS)
            selections = [
                self._selection(*place, current=index == self._current)
                for index, place in enumerate(self._places[begin:end], begin)
            ]
        self.setExtraSelections(selections)

    def _selection(self, start: int, end: int, *, current: bool) -> QTextEdit.ExtraSelection:
        cursor = QTextCursor(self.document())
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        form = QTextCharFormat()
        if current:
            form.setBackground(self._theme.accent)
            form.setForeground(self.palette().color(QPalette.ColorRole.HighlightedText))
        else:
            form.setBackground(self._theme.highlight_background)
            form.setForeground(self._theme.highlight_text)
        selection = QTextEdit.ExtraSelection()
        selection.cursor, selection.format = cursor, form
        return selection

    def _show_position(self, position: int, above: int, *, only_when_hidden: bool = False) -> None:
        cursor = QTextCursor(self.document())
        cursor.setPosition(position)
        rect = self.cursorRect(cursor)
        visible = self.viewport().rect().adjusted(0, 0, 0, -rect.height())
        if only_when_hidden and visible.top() <= rect.top() <= visible.bottom():
            return
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + rect.top() - above)

    # --- painting ---------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Keep lines at a comfortable length."""
        measure = self.fontMetrics().averageCharWidth() * _MEASURE * 1.15
        right = max(3 * SPACE, round(self.width() - _MARGIN - measure - self.verticalScrollBar().sizeHint().width()))
        self.setViewportMargins(_MARGIN, 0, right, 0)
        super().resizeEvent(event)
        self._marking.start()

    def event(self, event: QEvent) -> bool:
        """Let the wheel turn beside the text, too: a scroll area takes no heed of it in its margins."""
        if event.type() == QEvent.Type.Wheel:
            return self.viewportEvent(event)
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint what lies behind the text, then the text."""
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(-self.horizontalScrollBar().value(), -self.verticalScrollBar().value())
        block = self.cursorForPosition(QPoint(0, event.rect().top())).block()
        bottom = self.verticalScrollBar().value() + event.rect().bottom() + 8 * SPACE
        self._paint_behind(painter, block, bottom)
        painter.end()
        super().paintEvent(event)

    def _paint_behind(self, painter: QPainter, block: QTextBlock, bottom: float) -> None:
        layout = self.document().documentLayout()
        width = self.viewport().width()
        if block.previous().isValid():
            block = block.previous()
        box: QRectF | None = None
        begun = block.blockFormat().hasProperty(IN_CODE) and block.previous().blockFormat().hasProperty(IN_CODE)
        while block.isValid():
            form = block.blockFormat()
            rect = layout.blockBoundingRect(block)
            # The rectangle knows nothing of margins and indents, the lines in it do.
            if block.layout().lineCount():
                rect.setLeft(block.layout().position().x() + block.layout().lineAt(0).x())
            if form.hasProperty(IN_CODE):
                line = QRectF(rect.left() - 3 * SPACE, rect.top(), width - rect.left() + 3 * SPACE, rect.height())
                if box is None:
                    box = line.adjusted(0, -40 * SPACE if begun else -2.5 * SPACE, 0, 0)
                box.setBottom(line.bottom())
            else:
                self._paint_code(painter, box)
                box = None
                if quoted := form.intProperty(QTextFormat.Property.BlockQuoteLevel):
                    self._paint_quote(painter, rect, quoted, form.topMargin(), form.bottomMargin())
            begun = False
            if rect.top() > bottom:
                break
            block = block.next()
        self._paint_code(painter, box)

    def _paint_code(self, painter: QPainter, box: QRectF | None) -> None:
        if box is None:
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("code"))
        painter.drawRoundedRect(box.adjusted(0, 0, 0, 2.5 * SPACE), SPACE, SPACE)

    def _paint_quote(self, painter: QPainter, rect: QRectF, level: int, above: float, below: float) -> None:
        for index in range(min(8, level)):
            left = rect.left() - (index + 1) * 5 * SPACE + SPACE
            painter.fillRect(QRectF(left, rect.top() - above, 3, rect.height() + above + below), self._theme.border)


def _slug(text: str) -> str:
    return "-".join(re.findall(r"[^\W_]+", text.lower()))


# --- around the text ------------------------------------------------------------------------------------------------


class _Header(QWidget):
    """What the document is: title, address, when it was fetched, and what is the matter with it."""

    other_wanted = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._document: Document | None = None
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self._title = QLabel(self)
        self._title.setObjectName("documentTitle")
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._title.setWordWrap(True)
        self._title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._title.setFont(theme.font_large())
        self._title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._address = ElidedLabel("", Qt.TextElideMode.ElideMiddle, self)
        self._address.setObjectName("documentAddress")
        muted(self._address, theme)
        self._facts = muted(QLabel(self), theme)
        self._facts.setObjectName("documentFacts")
        self._facts.setForegroundRole(QPalette.ColorRole.WindowText)
        self._facts.setTextFormat(Qt.TextFormat.PlainText)
        self._facts.setWordWrap(True)
        for label in (self._address, self._facts):
            label.setFont(theme.font_small())
        self.back = self._button("caret-left", self.tr("Back"), self.tr("Alt+Left"))
        self.forward = self._button("caret-right", self.tr("Forward"), self.tr("Alt+Right"))
        self.copy = self._button("copy", self.tr("Copy address"))
        self.browser = self._button("globe", self.tr("Open in browser"))
        self._other = QPushButton(self.tr("Show the other"), self)
        self._other.setFlat(True)
        self._other.setCursor(Qt.CursorShape.PointingHandCursor)
        self._other.clicked.connect(self._want_other)
        self._notes = QVBoxLayout()
        self._notes.setSpacing(SPACE)

        top = QHBoxLayout()
        top.setSpacing(0)
        top.addWidget(self._title, 1)
        top.addSpacing(3 * SPACE)
        for button in (self.back, self.forward, self.copy, self.browser):
            top.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_MARGIN, 3 * SPACE, 3 * SPACE, 3 * SPACE)
        layout.setSpacing(SPACE)
        layout.addLayout(top)
        layout.addWidget(self._address)
        layout.addWidget(self._facts)
        layout.addLayout(self._notes)
        theme.changed.connect(self._paint)

    def show_document(self, document: Document) -> None:
        self._document = document
        title = document.title or document.url
        # In large letters more of it takes the room of the text.
        self._title.setText(clean(title, _MOST_TITLE))
        self._title.setToolTip(tool_tip(clean(title, _MOST_TITLE_TIP)) if len(title) > _MOST_TITLE else "")
        self._address.setText(document.url)
        self.tell_time()
        self._paint()

    def show_history(self, back: bool, forward: bool) -> None:
        self.back.setEnabled(back)
        self.forward.setEnabled(forward)
        for button in (self.back, self.forward):
            button.setVisible(back or forward)

    def say_copied(self) -> None:
        self.copy.setIcon(self._theme.icon("check"))
        QTimer.singleShot(1_200, self.copy, lambda: self.copy.setIcon(self._theme.icon("copy")))

    def tell_time(self) -> None:
        document = self._document
        if document is None:
            return
        now = time.time_ns() // 1_000_000
        facts = [self.tr("Fetched %s") % relative(document.fetched_at, now)]
        if document.checked_at > document.fetched_at:
            facts.append(self.tr("confirmed %s") % relative(document.checked_at, now))
        if document.published_at is not None:
            facts.append(self.tr("published %s") % day(document.published_at))
        if document.author:
            facts.append(clean(document.author, 80))
        if document.version > 1:
            facts.append(self.tr("version %d, changed %s") % (document.version, relative(document.changed_at, now)))
        if document.language:
            facts.append(document.language)
        facts.append(size(len(document.markdown.encode())))
        self._facts.setText(" · ".join(facts))
        self._facts.setToolTip(self.tr("Fetched %s") % exact(document.fetched_at))

    def _button(self, icon: str, text: str, keys: str = "") -> QToolButton:
        button = QToolButton(self)
        button.setAutoRaise(True)
        button.setIcon(self._theme.icon(icon))
        button.setAccessibleName(text)
        button.setToolTip(f"{text} ({keys})" if keys else text)
        button.setProperty("icon_name", icon)
        return button

    def _paint(self) -> None:
        for button in (self.back, self.forward, self.copy, self.browser):
            button.setIcon(self._theme.icon(button.property("icon_name")))
        while (item := self._notes.takeAt(0)) is not None:
            row = item.widget()
            if row is not None:
                self._other.setParent(self)
                row.deleteLater()
        self._other.hide()
        document = self._document
        if document is None:
            return
        if document.gone_at is not None:
            self._note(
                "warning",
                self.tr("The site says that this page is gone (since %s). This is its last copy.")
                % day(document.gone_at),
            )
        if document.duplicate_of is not None:
            self._note("copy-simple", self.tr("The same text as another page of the library."), other=True)
        if document.truncated:
            self._note("scissors", self.tr("Part of this page was lost: it is too large or nested too deeply."))
        if document.thin:
            self._note("article", self.tr("Hardly any text was found on this page."))

    def _note(self, icon: str, sentence: str, *, other: bool = False) -> None:
        row = QWidget(self)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        picture = QLabel(row)
        picture.setPixmap(self._theme.icon_in(icon, self._theme.status_colour("paused")).pixmap(14, 14))
        text = QLabel(sentence, row)
        text.setTextFormat(Qt.TextFormat.PlainText)
        text.setFont(self._theme.font_small())
        text.setWordWrap(not other)
        layout.addWidget(picture, 0)
        layout.addWidget(text, 0 if other else 1)
        if other:
            self._other.setFont(self._theme.font_small())
            palette = self._other.palette()
            palette.setColor(QPalette.ColorRole.ButtonText, self.palette().color(QPalette.ColorRole.Link))
            self._other.setPalette(palette)
            layout.addWidget(self._other)
            layout.addStretch(1)
            self._other.show()
        self._notes.addWidget(row)

    def _want_other(self) -> None:
        if self._document is not None and self._document.duplicate_of is not None:
            self.other_wanted.emit(self._document.duplicate_of)


class _Bar(QFrame):
    """A line with a sentence and buttons, between the text and the edge."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setAutoFillBackground(True)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(Line(theme, self))
        self.row = QHBoxLayout()
        self.row.setContentsMargins(_MARGIN, SPACE, 3 * SPACE, SPACE)
        self.row.setSpacing(2 * SPACE)
        outer.addLayout(self.row)
        self._tools: list[tuple[QToolButton, str]] = []
        theme.changed.connect(self._paint)
        self.hide()

    def tool(self, icon: str, text: str) -> QToolButton:
        """Return a small button with an icon, which follows the theme."""
        button = QToolButton(self)
        button.setAutoRaise(True)
        button.setToolTip(text)
        button.setAccessibleName(text.partition(" (")[0])
        button.setIcon(self._theme.icon(icon))
        self._tools.append((button, icon))
        return button

    def _paint(self) -> None:
        for button, icon in self._tools:
            button.setIcon(self._theme.icon(icon))


class _AskingBar(_Bar):
    """Asks whether to open an address that the library does not have."""

    opened = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.setObjectName("askingBar")
        self._url = ""
        self._sentence = QLabel(self.tr("Not in the library:"), self)
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        self._address = ElidedLabel("", Qt.TextElideMode.ElideMiddle, self)
        self._open = QPushButton(self.tr("Open in browser"), self)
        self._open.clicked.connect(lambda: self.opened.emit(self._url))
        copy = self.tool("copy", self.tr("Copy address"))
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._url))
        close = self.tool("x", self.tr("Close"))
        close.clicked.connect(self.hide)
        self.row.addWidget(self._sentence)
        self.row.addWidget(self._address, 1)
        self.row.addWidget(copy)
        self.row.addWidget(self._open)
        self.row.addWidget(close)

    def ask(self, url: str) -> None:
        """Show an address and ask."""
        self._url = url
        self._address.setText(url)
        self.show()
        self._open.setFocus()


class _RestBar(_Bar):
    """Says that a very long page is not shown to its end."""

    wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.setObjectName("restBar")
        self._sentence = ElidedLabel("", parent=self)
        button = QPushButton(self.tr("Show all"), self)
        button.clicked.connect(self._all)
        self.row.addWidget(self._sentence, 1)
        self.row.addWidget(button)

    def say(self, sentence: str) -> None:
        """Say how much is shown."""
        self._sentence.setText(sentence)

    def _all(self) -> None:
        self.hide()
        self.wanted.emit()


class FindBar(_Bar):
    """Says how many places were found and which of them is shown, and looks for something else.

    Signals:
        wanted: the text to look for.
        next_wanted, previous_wanted, closed: what the buttons say.
    """

    wanted = Signal(str)
    next_wanted = Signal()
    previous_wanted = Signal()
    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.setObjectName("findBar")
        self.field = QLineEdit(self)
        self.field.setObjectName("findField")
        self.field.setPlaceholderText(self.tr("Find in this page"))
        self.field.setAccessibleName(self.tr("Find in this page"))
        self.field.setMinimumWidth(180)
        self.field.setMaximumWidth(260)
        self.field.setMaxLength(200)
        self.field.textEdited.connect(self.wanted)
        self.field.returnPressed.connect(self.next_wanted)
        self._told = muted(QLabel(self), theme)
        self._told.setObjectName("findCount")
        self._told.setTextFormat(Qt.TextFormat.PlainText)
        previous = self.tool("caret-up", self.tr("Previous (Shift+F3)"))
        following = self.tool("caret-down", self.tr("Next (F3)"))
        close = self.tool("x", self.tr("Close (Esc)"))
        previous.clicked.connect(self.previous_wanted)
        following.clicked.connect(self.next_wanted)
        close.clicked.connect(self.close_bar)
        self._steps = (previous, following)
        self.row.addWidget(self.field)
        self.row.addWidget(previous)
        self.row.addWidget(following)
        self.row.addWidget(self._told, 1)
        self.row.addWidget(close)

    @property
    def is_asking(self) -> bool:
        """Whether the person is asked what to look for."""
        return self.isVisible() and self.field.hasFocus()

    def start(self, terms: Sequence[str]) -> None:
        """Begin with what a search looked for; without any words there is nothing to tell."""
        self.field.setText(" ".join(terms[:1]) if len(terms) == 1 else "")
        self.setVisible(bool(terms))

    def ask(self) -> None:
        """Ask what to look for."""
        self.show()
        self.field.setFocus()
        self.field.selectAll()

    def tell(self, current: int, places: int) -> None:
        """Say which place is shown, from 0, or -1 for none yet, and how many there are."""
        for button in self._steps:
            button.setEnabled(places > 0)
        if places:
            most = f"{count(places)}{'+' if places >= found.MOST else ''}"
            self._told.setText(
                self.tr("%s of %s") % (count(current + 1), most)
                if current >= 0
                else self.tr("%s on this page") % (most + (self.tr(" match") if places == 1 else self.tr(" matches")))
            )
        else:
            self._told.setText(self.tr("Not on this page"))

    def close_bar(self) -> None:
        """Go away and highlight nothing."""
        self.hide()
        self.closed.emit()
