"""One bar in segments: what is done, what failed, and the rest."""

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from quaero_desktop.ui.theme import Theme

THICKNESS = 8
"""The height of the bar, in pixels."""
_LEAST = 2.0
"""What is there at all is seen: the least width of a segment."""


def paint_progress(painter: QPainter, rect: QRect, done: int, failed: int, rest: int, theme: Theme) -> None:
    """Paint a bar that fills *rect* in width and lies in the middle of its height.

    Args:
        painter: on a widget or an item; its state is kept.
        rect: where.
        done: in any unit, as the next two.
        failed: what went wrong.
        rest: what is left; nothing at all is a bar of rest.
        theme: for the colours.
    """
    bar = QRectF(rect.x(), rect.y() + (rect.height() - THICKNESS) / 2, rect.width(), THICKNESS)
    if bar.width() <= 0:
        return
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    well, ill = _widths(bar.width(), done, failed, rest)
    segments = ((theme.done, well), (theme.failed, ill), (theme.rest, bar.width() - well - ill))
    left = bar.left()
    for colour, width in segments:
        if width > 0:
            # The whole shape, of which only the segment is let through: its ends stay round.
            painter.setClipRect(QRectF(left, bar.top(), width, bar.height()))
            painter.setBrush(colour)
            painter.drawRoundedRect(bar, THICKNESS / 2, THICKNESS / 2)
            left += width
    painter.restore()


def _widths(room: float, done: int, failed: int, rest: int) -> tuple[float, float]:
    """Return the widths of what is done and what failed; no part that there is vanishes."""
    total = done + failed + rest
    if total <= 0:
        return 0.0, 0.0
    failures = max(_LEAST, room * failed / total) if failed else 0.0
    left = max(_LEAST, room * rest / total) if rest else 0.0
    return min(max(_LEAST, room * done / total), room - failures - left) if done else 0.0, failures


class SegmentedBar(QWidget):
    """The bar as a widget.

    Args:
        theme: for the colours.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._parts = (0, 0, 0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def set_parts(self, done: int, failed: int, rest: int) -> None:
        """Show these parts."""
        if self._parts != (done, failed, rest):
            self._parts = (done, failed, rest)
            whole = sum(self._parts)
            self.setAccessibleName(self.tr("%d done, %d failed, %d of %d left") % (done, failed, rest, whole))
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the room that it likes."""
        return QSize(120, THICKNESS + 4)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint the bar."""
        painter = QPainter(self)
        paint_progress(painter, self.contentsRect(), *self._parts, self._theme)
        painter.end()
