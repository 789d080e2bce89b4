"""The bar below the tool bar that says what happened and what can be done about it: never a box in the way."""

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QEnterEvent, QGuiApplication, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.ui.context import Context
from quaero_desktop.ui.format import clean
from quaero_desktop.ui.notices import Notice
from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.widgets.announce import announce
from quaero_desktop.ui.widgets.labels import muted
from quaero_desktop.ui.widgets.motion import slide_in

SHOWN_MS = 8_000
"""How long a notice that is no error stays, in milliseconds; an error stays until it is closed."""
MOST_WAITING = 50
"""More notices than that nobody reads: the oldest that is no error goes first."""
_LONGEST = 400
_ICONS = {"info": "info", "success": "check-circle", "error": "warning-circle"}

_PROGRESS_HEIGHT = 3


class MessageBar(QWidget):
    """Shows the window's notices, one at a time: errors first, then in the order in which they came.

    A notice that says the same as one that is shown or waits is not said again; one with the same key takes its place.

    Args:
        context: of the window: where its parts say things.

    Signals:
        changed: another notice is shown, or none.
    """

    changed = Signal()

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("messageBar")
        self._theme = theme = context.theme
        self._waiting: list[Notice] = []
        self._current: Notice | None = None
        self._icon = QLabel(self)
        self._message = _text_label(self)
        self._hint = muted(_text_label(self), theme)
        self._more = muted(QLabel(self), theme)
        self._more.setTextFormat(Qt.TextFormat.PlainText)
        self._button = QPushButton(self)
        self._button.setObjectName("messageAction")
        self._button.clicked.connect(self._act)
        self._copy = QPushButton(self.tr("Copy details"), self)
        self._copy.setObjectName("messageCopy")
        self._copy.setFlat(True)
        self._copy.clicked.connect(self._copy_details)
        self._close = QToolButton(self)
        self._close.setObjectName("messageClose")
        self._close.setAutoRaise(True)
        self._close.setToolTip(self.tr("Close"))
        self._close.setAccessibleName(self.tr("Close this message"))
        self._close.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._close.clicked.connect(self.dismiss)
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SHOWN_MS)
        self._timer.timeout.connect(self._time_is_up)
        self.hide()
        context.notices.posted.connect(self.show_notice)
        context.notices.withdrawn.connect(self.withdraw)
        theme.changed.connect(self._paint_icons)

    @property
    def current(self) -> Notice | None:
        """The notice that is shown now."""
        return self._current

    @property
    def waiting(self) -> int:
        """How many notices come after it."""
        return len(self._waiting)

    def show_notice(self, notice: Notice) -> None:
        """Show a notice now or after those before it."""
        known = [*self._waiting, *([self._current] if self._current is not None else [])]
        if notice.progress and not any(each.key == notice.key for each in known):
            # The person closed it: work that goes on is no reason to bring it back.
            return
        if notice.key:
            self._waiting = [each for each in self._waiting if each.key != notice.key]
            if self._current is not None and self._current.key == notice.key:
                self._show(notice)
                return
        said = [*self._waiting, *([self._current] if self._current is not None else [])]
        if any(_same(notice, each) for each in said):
            if self._current is not None and _same(notice, self._current):
                self._restart()
            return
        if self._current is None:
            self._show(notice)
        elif notice.kind == "error" and self._current.kind != "error":
            # It was seen; what it says is not worth hiding an error for.
            self._show(notice)
        else:
            self._waiting.append(notice)
            self._waiting.sort(key=lambda each: each.kind != "error")
            if len(self._waiting) > MOST_WAITING:
                gentle = next((each for each in self._waiting if each.kind != "error"), self._waiting[0])
                self._waiting.remove(gentle)
            self._tell_more()

    def withdraw(self, key: str) -> None:
        """Show the notice with that key no longer: it is not true any more."""
        self._waiting = [each for each in self._waiting if each.key != key]
        if self._current is not None and self._current.key == key:
            self.dismiss()
        else:
            self._tell_more()

    def dismiss(self) -> None:
        """Close the notice that is shown, and go on to the next one."""
        self._timer.stop()
        if self._waiting:
            self._show(self._waiting.pop(0))
            return
        focused = QApplication.focusWidget()
        had_focus = focused is not None and self.isAncestorOf(focused)
        self._current = None
        # Qt gives the focus to what comes next.
        if had_focus:
            self.focusNextChild()
        self.hide()
        self.changed.emit()

    def clear(self) -> None:
        """Close everything."""
        self._waiting.clear()
        self.dismiss()

    def _show(self, notice: Notice) -> None:
        before, self._current = self._current, notice
        if before is not None and notice.progress is not None and before.key == notice.key and _same(notice, before):
            # The same work, a little further: nothing else has changed, and nobody wants to hear it ten times a second.
            self.update()
            return
        message, hint = clean(notice.message, _LONGEST), clean(notice.hint, _LONGEST)
        self._message.setText(message)
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))
        self._button.setText(notice.button)
        self._button.setVisible(bool(notice.button))
        self._copy.setVisible(notice.kind == "error")
        self._copy.setText(self.tr("Copy details"))
        self._tell_more()
        self._paint_icons()
        spoken = " ".join(part for part in (message, hint) if part)
        kind = {"info": self.tr("Note"), "success": self.tr("Done"), "error": self.tr("Problem")}[notice.kind]
        self.setAccessibleName(f"{kind}: {spoken}")
        slide_in(self)
        self.update()
        announce(self, f"{kind}: {spoken}", urgent=notice.kind == "error")
        self._restart()
        self.changed.emit()

    def _restart(self) -> None:
        if self._current is not None and self._current.kind != "error" and not self._current.button:
            self._timer.start()
        else:
            self._timer.stop()

    def _time_is_up(self) -> None:
        # Who reads it, or is about to press a button of it, is not interrupted.
        if self.underMouse() or self.hasFocus() or any(child.hasFocus() for child in self.findChildren(QWidget)):
            self._timer.start()
        else:
            self.dismiss()

    def _tell_more(self) -> None:
        self._more.setText(self.tr("%n more", "", len(self._waiting)) if self._waiting else "")
        self._more.setVisible(bool(self._waiting))

    def _act(self) -> None:
        notice = self._current
        self.dismiss()
        if notice is not None and notice.on_click is not None:
            notice.on_click()

    def _copy_details(self) -> None:
        if self._current is not None:
            parts = (self._current.message, self._current.hint, self._current.details)
            QGuiApplication.clipboard().setText("\n".join(part for part in parts if part))
            self._copy.setText(self.tr("Copied"))

    def _lay_out(self) -> None:
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addWidget(self._message)
        texts.addWidget(self._hint)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(3 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
        layout.setSpacing(2 * SPACE)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(texts, 1)
        for widget in (self._more, self._button, self._copy, self._close):
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def _paint_icons(self) -> None:
        self._close.setIcon(self._theme.icon("x"))
        self._close.setIconSize(QSize(16, 16))
        if self._current is not None:
            icon = self._theme.icon_in(_ICONS[self._current.kind], self._ink(self._current.kind))
            self._icon.setPixmap(icon.pixmap(QSize(20, 20), self.devicePixelRatioF()))
        self.update()

    def _ink(self, kind: str) -> QColor:
        if kind == "success":
            return self._theme.status_colour("completed")
        return self._theme.level_colour("error" if kind == "error" else "info")

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint the background of its kind, and a line below it."""
        painter = QPainter(self)
        kind = self._current.kind if self._current is not None else "info"
        painter.fillRect(self.rect(), self._theme.colour(f"{kind}_background"))
        painter.fillRect(0, 0, 3, self.height(), self._ink(kind))
        painter.fillRect(0, self.height() - 1, self.width(), 1, self._theme.border)
        if self._current is not None and self._current.progress is not None:
            done = round(self.width() * min(max(self._current.progress, 0.0), 1.0))
            painter.fillRect(0, self.height() - _PROGRESS_HEIGHT, done, _PROGRESS_HEIGHT, self._theme.accent)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Close on Escape."""
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        else:
            super().keyPressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802
        """Stay while the mouse is on it."""
        self._timer.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Go on counting."""
        self._restart()
        super().leaveEvent(event)


def _text_label(parent: QWidget) -> QLabel:
    label = QLabel(parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _same(one: Notice, other: Notice) -> bool:
    return (one.message, one.hint, one.kind, one.button) == (other.message, other.hint, other.kind, other.button)
