"""Chips to filter by status: each says how many there are, and several may be on."""

from collections.abc import Iterable, Mapping

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from quaero_desktop.domain.jobs import Status
from quaero_desktop.domain.words import STATUS_GLYPHS, status_words
from quaero_desktop.ui.format import count
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.clickable import Clickable

CHIP_ORDER = (
    Status.RUNNING,
    Status.PENDING,
    Status.PAUSED,
    Status.FAILED,
    Status.COMPLETED,
    Status.SKIPPED,
    Status.CANCELLED,
)


class StatusChips(QWidget):
    """A row of chips, one for each status of which there is something or that is switched on.

    Args:
        theme: for colours and fonts.
        words: what a status is called here, where that is not its usual word: ``{"pending": "queued"}``.

    Signals:
        changed: the statuses that are switched on, as a tuple; empty for all.
    """

    changed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, words: Mapping[str, str] | None = None) -> None:
        super().__init__(parent)
        self._chips: dict[str, _Chip] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        layout.setSizeConstraint(QHBoxLayout.SizeConstraint.SetNoConstraint)
        for status in CHIP_ORDER:
            word = (words or {}).get(status) or status_words(status).partition(" ")[2]
            chip = _Chip(theme, str(status), word, self)
            chip.clicked.connect(lambda _=False: self.changed.emit(self.checked))
            self._chips[status] = chip
            layout.addWidget(chip)
        layout.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Filter by status"))

    @property
    def checked(self) -> tuple[str, ...]:
        """The statuses that are switched on."""
        return tuple(status for status, chip in self._chips.items() if chip.isChecked())

    def set_checked(self, statuses: Iterable[str]) -> None:
        """Switch on these and no others; says nothing."""
        wanted = set(statuses)
        for status, chip in self._chips.items():
            chip.setChecked(status in wanted)
            chip.settle()
        self._fit()

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the room for the chips without their words."""
        chips = self._shown()
        width = sum(chip.width_of(compact=True) for chip in chips) + SPACE * max(0, len(chips) - 1)
        return QSize(width, _Chip.HEIGHT)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the room for the whole chips."""
        return QSize(self._whole_width(), _Chip.HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Leave the words out where there is no room for them."""
        super().resizeEvent(event)
        self._fit()

    def _shown(self) -> "list[_Chip]":
        return [chip for chip in self._chips.values() if not chip.isHidden()]

    def _whole_width(self) -> int:
        chips = self._shown()
        return sum(chip.width_of(compact=False) for chip in chips) + SPACE * max(0, len(chips) - 1)

    def _fit(self) -> None:
        compact = self._whole_width() > self.width()
        for chip in self._chips.values():
            chip.set_compact(compact)

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Say how many there are of each status."""
        for status, chip in self._chips.items():
            chip.set_count(counts.get(status, 0))
        self._fit()
        self.updateGeometry()


class _Chip(Clickable):
    """One chip: glyph, word and count."""

    HEIGHT = 5 * SPACE + 2

    def __init__(self, theme: Theme, status: str, word: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._status = status
        self._word = word
        self._count = 0
        self._compact = False
        self.setCheckable(True)
        self.setObjectName(f"chip_{status}")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFont(Theme.tabular(Theme.font_small()))
        self.setVisible(False)
        theme.changed.connect(self.update)
        self._say()

    def set_count(self, number: int) -> None:
        if number != self._count:
            self._count = number
            self._say()
        self.settle()

    def settle(self) -> None:
        """Be there when there is something to filter, or something is filtered."""
        wanted = self._count > 0 or self.isChecked()
        if self.isHidden() == wanted:
            self.setVisible(wanted)

    def set_compact(self, compact: bool) -> None:
        """Leave the word out; it is in the tool tip."""
        if compact != self._compact:
            self._compact = compact
            self.updateGeometry()
            self.update()

    def width_of(self, *, compact: bool) -> int:
        """Return the width with or without the word."""
        # A count that grows moves nothing until it needs one more digit.
        text = self._text_with("8" * len(count(self._count)), compact=compact)
        return self.fontMetrics().horizontalAdvance(text) + 4 * SPACE

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        return QSize(self.width_of(compact=self._compact), self.HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        palette = self.palette()
        highlight = palette.color(QPalette.ColorRole.Highlight)
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        border = self._theme.border
        fill = QColor(Qt.GlobalColor.transparent)
        if self.isChecked():
            border = fill = highlight
        elif self.underMouse():
            fill = palette.color(QPalette.ColorRole.Midlight)
        painter.setPen(QPen(border, 1))
        painter.setBrush(fill)
        painter.drawRoundedRect(area, area.height() / 2, area.height() / 2)
        if self.hasFocus():
            around = highlight if not self.isChecked() else palette.color(QPalette.ColorRole.HighlightedText)
            painter.setPen(QPen(around, 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            inner = area.adjusted(1.5, 1.5, -1.5, -1.5)
            painter.drawRoundedRect(inner, inner.height() / 2, inner.height() / 2)
        text = QRect(self.rect().adjusted(2 * SPACE, 0, -2 * SPACE, 0))
        glyph = f"{STATUS_GLYPHS[self._status]} "
        if self.isChecked():
            painter.setPen(palette.color(QPalette.ColorRole.HighlightedText))
        else:
            painter.setPen(self._theme.status_colour(self._status))
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(text, middle, glyph)
        if not self.isChecked():
            painter.setPen(palette.color(QPalette.ColorRole.WindowText))
        text.setLeft(text.left() + self.fontMetrics().horizontalAdvance(glyph))
        said = self._text_with(count(self._count), compact=self._compact)
        painter.drawText(text, middle, said.removeprefix(glyph))
        painter.end()

    def _text_with(self, number: str, *, compact: bool) -> str:
        word = "" if compact else f"{self._word} "
        return f"{STATUS_GLYPHS[self._status]} {word}{number}"

    def _say(self) -> None:
        name = f"{self._word}: {count(self._count)}"
        self.setAccessibleName(name)
        self.setToolTip(self.tr("Show only what is %s; several may be on") % self._word)
        self.updateGeometry()
        self.update()
