"""Paints a row of the list of results: title, address, and the text around what was found."""

import time
from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPalette, QTextCharFormat, QTextLayout, QTextOption
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from quaero_desktop.ui.format import relative
from quaero_desktop.ui.models.results import RESULT_ROLE, Result, Span
from quaero_desktop.ui.theme import SPACE, Theme

_SIDE = 4 * SPACE
_ABOVE = 2.5 * SPACE
_SNIPPET_LINES = 2
_KEPT = 400


class ResultDelegate(QStyledItemDelegate):
    """Paints results. Texts come from the web: they are laid out as plain text with formats of ours.

    Args:
        theme: colours and fonts.
    """

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._layouts: dict[tuple[object, ...], QTextLayout] = {}
        self.with_snippets = True
        theme.changed.connect(self._layouts.clear)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802
        """Return the same size for all rows."""
        title, small, text = self._metrics(option.font)
        height = 2 * _ABOVE + title.height() + SPACE / 2 + small.height()
        if self.with_snippets:
            height += SPACE + _SNIPPET_LINES * text.lineSpacing()
        return QSize(120, round(height))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint one."""
        self.initStyleOption(option, index)
        result: Result = index.data(RESULT_ROLE)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        widget: QWidget | None = option.widget
        palette = option.palette
        group = (
            QPalette.ColorGroup.Active if widget is None or widget.isActiveWindow() else QPalette.ColorGroup.Inactive
        )
        painter.save()
        painter.setClipRect(option.rect)
        if selected:
            painter.fillRect(option.rect, palette.color(group, QPalette.ColorRole.Highlight))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(option.rect, palette.color(QPalette.ColorRole.AlternateBase))
        if not selected:
            painter.fillRect(
                QRect(option.rect.left(), option.rect.bottom(), option.rect.width(), 1), self._theme.border
            )
        colour = palette.color(group, QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text)
        quiet = colour if selected else self._theme.muted
        title_metrics, small_metrics, _ = self._metrics(option.font)
        left, width = option.rect.left() + _SIDE, max(20, option.rect.width() - 2 * _SIDE)
        top = option.rect.top() + _ABOVE
        font = self._title_font(option.font)
        self._draw(painter, QPointF(left, top), width, result.title, result.title_found, font, colour, selected, 1)
        top += title_metrics.height() + SPACE / 2
        self._paint_address(painter, QRectF(left, top, width, small_metrics.height()), result, quiet)
        if self.with_snippets and result.snippet:
            top += small_metrics.height() + SPACE
            self._draw(
                painter, QPointF(left, top), width, result.snippet, result.snippet_found, option.font, colour,
                selected, _SNIPPET_LINES,
            )  # fmt: skip
        if option.state & QStyle.StateFlag.State_HasFocus and not selected:
            painter.setPen(palette.color(QPalette.ColorRole.Highlight))
            painter.drawRect(option.rect.adjusted(0, 0, -1, -1))
        painter.restore()

    def _paint_address(self, painter: QPainter, area: QRectF, result: Result, colour: QColor) -> None:
        painter.setFont(self._theme.font_small())
        painter.setPen(colour)
        metrics = painter.fontMetrics()
        note = self._note(result)
        if note:
            room = metrics.horizontalAdvance(note)
            painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, note)
            area = area.adjusted(0, 0, -room - 4 * SPACE, 0)
        shown = metrics.elidedText(result.url, Qt.TextElideMode.ElideMiddle, int(area.width()))
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)

    def _note(self, result: Result) -> str:
        """Return what stands behind the address."""
        said = [self.tr("gone")] if result.gone else []
        if result.fetched_at is not None:
            said.append(relative(result.fetched_at, time.time_ns() // 1_000_000))
        return " · ".join(said)

    def _draw(
        self,
        painter: QPainter,
        at: QPointF,
        width: int,
        text: str,
        spans: Sequence[Span],
        font: QFont,
        colour: QColor,
        selected: bool,
        lines: int,
    ) -> None:
        key = (text, tuple(spans), width, selected, lines, self._theme.dark, font.key())
        layout = self._layouts.get(key)
        if layout is None:
            if len(self._layouts) >= _KEPT:
                self._layouts.clear()
            layout = self._layouts[key] = self._laid_out(text, spans, width, font, selected, lines)
        painter.setPen(colour)
        layout.draw(painter, at)

    def _laid_out(
        self, text: str, spans: Sequence[Span], width: int, font: QFont, selected: bool, lines: int
    ) -> QTextLayout:
        """Return *text* in at most so many lines, its end cut with an ellipsis."""
        text, cut = self._fitted(text, font, width, lines)
        layout = QTextLayout(text, font)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout.setTextOption(option)
        found = QTextCharFormat()
        if selected:
            found.setFontWeight(QFont.Weight.Bold)
            found.setFontUnderline(True)
        else:
            found.setBackground(self._theme.highlight_background)
            found.setForeground(self._theme.highlight_text)
        ranges = []
        for start, end in spans:
            if start < cut:
                span = QTextLayout.FormatRange()
                span.start, span.length, span.format = start, min(end, cut) - start, found
                ranges.append(span)
        layout.setFormats(ranges)
        _break_lines(layout, width, lines)
        return layout

    @staticmethod
    def _fitted(text: str, font: QFont, width: int, lines: int) -> tuple[str, int]:
        """Return as much of *text* as fits, with an ellipsis if that is not all, and the length of what is its own."""
        text = text[:1_000]
        layout = QTextLayout(text, font)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout.setTextOption(option)
        last, end = _break_lines(layout, width, lines)
        units = text.encode("utf-16-le")
        if end * 2 >= len(units):
            return text, end
        before = units[: last * 2].decode("utf-16-le", "ignore")
        rest = units[last * 2 : (end + 60) * 2].decode("utf-16-le", "ignore")
        shown = QFontMetrics(font).elidedText(rest, Qt.TextElideMode.ElideRight, width - 2)
        return before + shown, last + len(shown.removesuffix("…").encode("utf-16-le")) // 2

    def _title_font(self, font: QFont) -> QFont:
        title = QFont(font)
        title.setBold(True)
        return title

    def _metrics(self, font: QFont) -> tuple[QFontMetrics, QFontMetrics, QFontMetrics]:
        return QFontMetrics(self._title_font(font)), QFontMetrics(self._theme.font_small()), QFontMetrics(font)


def _break_lines(layout: QTextLayout, width: int, lines: int) -> tuple[int, int]:
    """Break a text into at most so many lines; return where the last one starts and ends, in Qt's characters."""
    start = end = 0
    y = 0.0
    layout.beginLayout()
    for _ in range(lines):
        line = layout.createLine()
        if not line.isValid():
            break
        line.setLineWidth(width)
        line.setPosition(QPointF(0, y))
        y += line.height()
        start, end = line.textStart(), line.textStart() + line.textLength()
    layout.endLayout()
    return start, end
