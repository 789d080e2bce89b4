"""The bar that offers to take back what was just deleted, for as long as that is possible."""

import math
import time
from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.format import clean
from quaero_desktop.ui.notices import UndoOffer
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.announce import announce
from quaero_desktop.ui.widgets.labels import ElidedLabel, muted
from quaero_desktop.ui.widgets.motion import slide_in

MOST_SHOWN = 3
"""How many offers are shown; older ones are counted, and shown again when their turn comes."""
_TICK_MS = 250


class UndoBar(QWidget):
    """Shows what can be undone, the newest first, each with the seconds that are left; enables the action for it.

    Args:
        context: of the window: where its parts offer it.
        monotonic: a clock in seconds.

    Signals:
        changed: another offer is the newest, or there is none.
    """

    changed = Signal()

    def __init__(
        self,
        context: Context,
        parent: QWidget | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("undoBar")
        self.setAccessibleName(self.tr("What can be undone"))
        self._actions = context.actions
        self._theme = theme = context.theme
        self._monotonic = monotonic
        self._rows: list[_Row] = []
        self._older = muted(QLabel(self), theme)
        self._older.setTextFormat(Qt.TextFormat.PlainText)
        self._older.hide()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(3 * SPACE, SPACE, 2 * SPACE, SPACE)
        self._layout.setSpacing(0)
        self._layout.addWidget(self._older)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self.tick)
        self.hide()
        context.notices.undo_offered.connect(self.offer)
        theme.changed.connect(self.update)
        self._arrange()

    @property
    def offers(self) -> tuple[UndoOffer, ...]:
        """What can be undone now, newest first."""
        return tuple(row.offer for row in self._rows)

    def offer(self, offer: UndoOffer) -> None:
        """Offer something more."""
        row = _Row(offer, self._monotonic() + offer.seconds, self._theme, self)
        row.undone.connect(lambda: self._undo(row))
        row.dismissed.connect(lambda: self._drop([row]))
        self._rows.insert(0, row)
        self._layout.insertWidget(0, row)
        self._arrange()
        self.tick()
        slide_in(self)
        self._timer.start()
        announce(self, self.tr("%s Ctrl+Z undoes it.") % clean(offer.message))

    def undo(self) -> None:
        """Undo what was done last, if that is still possible."""
        self.tick()
        if self._rows:
            self._undo(self._rows[0])

    def clear(self) -> None:
        """Offer nothing any more."""
        self._drop(list(self._rows))

    def tick(self) -> None:
        """Count down, and drop the offers whose time is up."""
        now = self._monotonic()
        for row in self._rows:
            row.show_left(row.until - now)
        gone = [row for row in self._rows if row.until <= now]
        if gone:
            self._drop(gone)

    def _undo(self, row: "_Row") -> None:
        if row in self._rows:
            self._drop([row])
            row.offer.undo()

    def _drop(self, rows: list["_Row"]) -> None:
        for row in rows:
            self._rows.remove(row)
            self._layout.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._arrange()

    def _arrange(self) -> None:
        for number, row in enumerate(self._rows):
            row.setVisible(number < MOST_SHOWN)
            row.set_newest(number == 0)
        older = len(self._rows) - MOST_SHOWN
        self._older.setIndent(6 * SPACE)
        self._older.setText(self.tr("and %n before that", "", older) if older > 0 else "")
        self._older.setVisible(older > 0)
        if not self._rows:
            self._timer.stop()
            self.hide()
        self._actions.forbid(ActionId.UNDO, "" if self._rows else self.tr("Nothing was deleted just now."))
        self.changed.emit()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint the background and a line above it."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.colour("info_background"))
        painter.fillRect(0, 0, self.width(), 1, self._theme.border)


class _Row(QWidget):
    """One offer."""

    undone = Signal()
    dismissed = Signal()

    def __init__(self, offer: UndoOffer, until: float, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.offer = offer
        self.until = until
        self._theme = theme
        self._icon = QLabel(self)
        message = clean(offer.message)
        self._message = ElidedLabel(message, Qt.TextElideMode.ElideMiddle, self)
        self._message.setAccessibleName(message)
        self._left = muted(QLabel(self), theme)
        self._left.setFont(theme.tabular(self._left.font()))
        self._left.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._left.setMinimumWidth(self._left.fontMetrics().horizontalAdvance(self.tr("%d s") % 888))
        self._button = QPushButton(self.tr("Undo"), self)
        self._button.setObjectName("undo")
        self._button.setAccessibleName(self.tr("Undo: %s") % message)
        self._button.clicked.connect(self.undone)
        self._close = QToolButton(self)
        self._close.setObjectName("keepDeleted")
        self._close.setAutoRaise(True)
        self._close.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._close.setToolTip(self.tr("Close"))
        self._close.setAccessibleName(self.tr("Close: %s") % message)
        self._close.clicked.connect(self.dismissed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, SPACE, 0, SPACE)
        layout.setSpacing(2 * SPACE)
        layout.addWidget(self._icon)
        layout.addWidget(self._message, 1)
        layout.addWidget(self._left)
        layout.addWidget(self._button)
        layout.addWidget(self._close)
        theme.changed.connect(self._paint)
        self._paint()

    def show_left(self, seconds: float) -> None:
        """Say how many seconds are left."""
        self._left.setText(self.tr("%d s") % max(0, math.ceil(seconds)))

    def set_newest(self, newest: bool) -> None:
        """Say whether Ctrl+Z undoes this one."""
        keys = QKeySequence(QKeySequence.StandardKey.Undo).toString(QKeySequence.SequenceFormat.NativeText)
        self._button.setToolTip(keys if newest else "")

    def _paint(self) -> None:
        self._icon.setPixmap(self._theme.icon("trash").pixmap(QSize(16, 16), self.devicePixelRatioF()))
        self._close.setIcon(self._theme.icon("x"))
        self._close.setIconSize(QSize(16, 16))
