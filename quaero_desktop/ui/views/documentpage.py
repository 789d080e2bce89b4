"""The text of a document, set for reading: laid out in pieces, some milliseconds at a time."""

import re
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from PySide6.QtCore import QEvent, QPoint, QRectF, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)
from PySide6.QtWidgets import QFrame, QLabel, QTextBrowser, QTextEdit, QWidget

from quaero_desktop.ui import found
from quaero_desktop.ui.format import clean
from quaero_desktop.ui.pieces import Piece, pieces
from quaero_desktop.ui.rendering import IN_CODE, Renderer
from quaero_desktop.ui.theme import SPACE, Theme

SHOWN_AT_FIRST = 400_000
"""Characters of a page that are laid out unasked; all of a page of megabytes takes seconds and much memory."""
_FIRST_SECONDS = 0.020
_TICK_SECONDS = 0.008
_BREATH_MS = 4
"""Between two ticks: a crawl in the same process goes on."""
_MEASURE = 84
"""The characters of a comfortable line."""
MARGIN = 6 * SPACE
"""Beside the text, in pixels: what stands above and below it begins there too."""
_MOST_SELECTIONS = 400


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
        self._renderer = self._renderer_of(url)
        self._pieces = pieces(markdown)
        self._length, self._done, self._limit = len(markdown), 0, SHOWN_AT_FIRST
        self._scroll, self._heading = scroll, ""
        self._places, self._current = [], -1
        document = self._renderer.new_document()
        over = self._append(document, _FIRST_SECONDS)
        self._replace(document)
        self._find_again()
        self._finish() if over else self._timer.start()

    def _renderer_of(self, url: str) -> Renderer:
        """Return what renders the page of that address."""
        return Renderer(self._theme, url)

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

    def _measure(self) -> float:
        """Return how wide the text may be, in pixels."""
        return self.fontMetrics().averageCharWidth() * _MEASURE * 1.15

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Keep lines at a comfortable length."""
        right = max(
            3 * SPACE, round(self.width() - MARGIN - self._measure() - self.verticalScrollBar().sizeHint().width())
        )
        self.setViewportMargins(MARGIN, 0, right, 0)
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
