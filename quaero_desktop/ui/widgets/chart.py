"""A small chart of how fast a crawl has been: no library, some hundred points, theme colours."""

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from quaero_desktop.domain.throughput import Pace
from quaero_desktop.ui.format import clock, rate
from quaero_desktop.ui.theme import SPACE, Theme

_LEAST_SPAN_MS = 30_000
"""A young crawl fills only the left part, instead of jumping about over the whole width."""


class ThroughputChart(QWidget):
    """Pages a second over time; the value under the mouse is said beside it.

    Args:
        theme: for the colours.
        compact: only the curve, as high as a line of text: a sparkline.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, compact: bool = False) -> None:
        super().__init__(parent)
        self._theme = theme
        self._compact = compact
        self._points: tuple[Pace, ...] = ()
        self._live = False
        self._hovered: int | None = None
        self.setMouseTracking(not compact)
        if compact:
            self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        else:
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)
        self._tell()

    @property
    def points(self) -> tuple[Pace, ...]:
        """What is shown."""
        return self._points

    def set_points(self, points: Sequence[Pace], *, live: bool) -> None:
        """Show other points.

        Args:
            points: oldest first, one after the other without a gap.
            live: whether the last one is now.
        """
        points = tuple(points)
        if (points, live) == (self._points, self._live):
            return
        self._points, self._live = points, live
        if self._hovered is not None and self._hovered >= len(points):
            self._hovered = None
        self._tell()
        self.update()

    def hovered_text(self) -> str:
        """Return what is said about the point under the mouse; empty when there is none."""
        if self._hovered is None:
            return ""
        point = self._points[self._hovered]
        return f"{rate(point.pages_per_second)} · {clock(point.at)}"

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return how much room it takes."""
        if self._compact:
            return QSize(18 * SPACE, self.fontMetrics().ascent())
        return QSize(80 * SPACE, 26 * SPACE)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return how little room will do."""
        return self.sizeHint() if self._compact else QSize(40 * SPACE, 26 * SPACE)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Say the value under the mouse."""
        self._hover(self._index_at(event.position().x()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Say nothing any more."""
        self._hover(None)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self._area()
        top = _above(max((point.pages_per_second for point in self._points), default=0.0))
        if self._points:
            if not self._compact:
                self._paint_axes(painter, area, top)
            self._paint_curve(painter, area, top)
        elif not self._compact:
            painter.setPen(self._theme.muted)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.tr("The pace shows after some seconds"))
        if self._hovered is not None:
            self._paint_hovered(painter, area, top)

    def _paint_axes(self, painter: QPainter, area: QRectF, top: float) -> None:
        painter.setFont(self._theme.font_small())
        metrics = painter.fontMetrics()
        for part in (0.0, 0.5, 1.0):
            y = round(area.bottom() - part * area.height()) + 0.5
            painter.setPen(QPen(self._theme.border, 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(self._theme.muted)
            room = QRectF(0, y - metrics.height() / 2, area.left() - 2 * SPACE, metrics.height())
            painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, _number(part * top))
        below = QRectF(area.left(), area.bottom() + SPACE, area.width(), metrics.height())
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, clock(self._points[0].at))
        if self._last_x(area) > area.left() + 0.6 * area.width():
            end = self._points[-1]
            text = self.tr("now") if self._live else clock(end.at + end.width)
            painter.drawText(below, Qt.AlignmentFlag.AlignRight, text)

    def _paint_curve(self, painter: QPainter, area: QRectF, top: float) -> None:
        curve = self._positions(area, top)
        # A single value is a line as well.
        curve.insert(0, QPointF(area.left(), curve[0].y()))
        colour = QColor(self._theme.accent if not self._theme.dark else self._theme.status_colour("running"))
        fill = QColor(colour)
        fill.setAlpha(48)
        ground = [QPointF(curve[-1].x(), area.bottom()), QPointF(curve[0].x(), area.bottom())]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawPolygon(QPolygonF(curve + ground))
        painter.setPen(QPen(colour, 1.25 if self._compact else 1.5, j=Qt.PenJoinStyle.RoundJoin))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(curve))

    def _paint_hovered(self, painter: QPainter, area: QRectF, top: float) -> None:
        assert self._hovered is not None
        at = self._positions(area, top)[self._hovered]
        painter.setPen(QPen(self._theme.muted, 1))
        painter.drawLine(QPointF(at.x(), area.top()), QPointF(at.x(), area.bottom()))
        painter.setBrush(self.palette().color(QPalette.ColorRole.WindowText))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawEllipse(at, 3, 3)
        text = self.hovered_text()
        metrics = painter.fontMetrics()
        width, height = metrics.horizontalAdvance(text) + 4 * SPACE, metrics.height() + SPACE
        left = at.x() + 2 * SPACE
        if left + width > area.right():
            left = max(area.left(), at.x() - 2 * SPACE - width)
        box = QRectF(left, area.top(), width, height)
        painter.setPen(QPen(self._theme.border, 1))
        painter.setBrush(self.palette().color(QPalette.ColorRole.ToolTipBase))
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(self.palette().color(QPalette.ColorRole.ToolTipText))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _area(self) -> QRectF:
        if self._compact:
            return QRectF(self.rect()).adjusted(1, 2, -1, -1)
        metrics = self.fontMetrics()
        left = max(metrics.horizontalAdvance("1,000"), 8 * SPACE) + 2 * SPACE
        return QRectF(self.rect()).adjusted(left, metrics.height() / 2, -SPACE, -metrics.height() - SPACE)

    def _span(self) -> int:
        first, last = self._points[0], self._points[-1]
        span = last.at + last.width - first.at
        return max(_LEAST_SPAN_MS, span) if self._live and not self._compact else span

    def _last_x(self, area: QRectF) -> float:
        last = self._points[-1]
        return area.left() + (last.at + last.width - self._points[0].at) / self._span() * area.width()

    def _positions(self, area: QRectF, top: float) -> list[QPointF]:
        first, left, bottom = self._points[0].at, area.left(), area.bottom()
        across, up = area.width() / self._span(), area.height() / top
        return [
            QPointF(left + (point.at + point.width - first) * across, bottom - point.pages_per_second * up)
            for point in self._points
        ]

    def _index_at(self, x: float) -> int | None:
        area = self._area()
        if not self._points or not area.left() <= x <= area.right():
            return None
        at = (x - area.left()) / area.width() * self._span()
        index = math.floor(at / self._points[0].width)
        return min(index, len(self._points) - 1)

    def _hover(self, index: int | None) -> None:
        if index != self._hovered:
            self._hovered = index
            self.update()

    def _tell(self) -> None:
        """Say for those who cannot see it what it shows."""
        self.setAccessibleName(self.tr("Pages a second over time"))
        if self._points:
            highest = max(point.pages_per_second for point in self._points)
            now, most = rate(self._points[-1].pages_per_second), rate(highest)
            self.setAccessibleDescription(self.tr("Last %s, at most %s") % (now, most))
        else:
            self.setAccessibleDescription(self.tr("Nothing measured yet"))


def _above(value: float) -> float:
    """Return a round number that is at least *value*: the top of the axis."""
    if value <= 1:
        return 1.0
    power: float = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:.1f}"
