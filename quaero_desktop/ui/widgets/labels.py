"""Labels for texts that may come from the web, and the sentence of an empty pane."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from quaero_desktop.ui.format import clean, tool_tip
from quaero_desktop.ui.theme import SPACE, Theme


class ElidedLabel(QLabel):
    """One line of plain text that is cut where room ends, with the whole text as its tool tip.

    It keeps the text itself: for each other text QLabel lays out the whole window anew.

    Args:
        text: may come from the web: it is made inert.
        mode: where to cut: in the middle for addresses, at the end for everything else.
    """

    def __init__(
        self,
        text: str = "",
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._text = ""
        self._mode = mode
        self._is_named = False
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setText(text)

    def text(self) -> str:
        """Return the whole text."""
        return self._text

    def setText(self, text: str) -> None:  # noqa: N802 (Qt's name)
        """Show *text*."""
        shown = clean(text)
        if shown == self._text:
            return
        self._text = shown
        if not self._is_named:
            # QLabel's own text would be the name, and there is none.
            super().setAccessibleName(shown)
        self._tell()
        self.update()

    def setAccessibleName(self, name: str) -> None:  # noqa: N802
        """Have this name instead of the text."""
        self._is_named = bool(name)
        super().setAccessibleName(name or self._text)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Say the whole text in a tool tip when it is cut."""
        super().resizeEvent(event)
        self._tell()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the room for the whole text."""
        margins = self.contentsMargins()
        metrics = self.fontMetrics()
        # Never nothing at all, as with QLabel: a frame without an inside forgets its margins.
        # The advance is rounded, and the text is cut where its exact width goes beyond: half a pixel is one.
        width = max(metrics.horizontalAdvance(self._text) + 1, metrics.averageCharWidth())
        return QSize(
            width + margins.left() + margins.right(),
            metrics.height() + margins.top() + margins.bottom(),
        )

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the least room: one line, and any width."""
        return QSize(0, ElidedLabel.sizeHint(self).height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint what there is room for."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        area = self.contentsRect()
        shown = self.fontMetrics().elidedText(self._text, self._mode, area.width())
        painter.drawText(area, int(self.alignment() | Qt.TextFlag.TextSingleLine), shown)

    def _tell(self) -> None:
        cut = self.fontMetrics().horizontalAdvance(self._text) > self.contentsRect().width()
        tip = tool_tip(self._text) if cut else ""
        # Qt tells of the same one, too.
        if tip != self.toolTip():
            self.setToolTip(tip)


class Figures(ElidedLabel):
    """One line of numbers that change all the time. It has room for the widest so far, and others move nothing."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        self._room = 0
        super().__init__(text, parent=parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def setText(self, text: str) -> None:  # noqa: N802 (Qt's name)
        """Show *text*."""
        super().setText(text)
        self._widen()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Make room for another font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._room = 0
            self._widen()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the room for the widest text so far."""
        return QSize(max(self._room, super().sizeHint().width()), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the same."""
        return self.sizeHint()

    def _widen(self) -> None:
        needed = super().sizeHint().width()
        if needed > self._room:
            self._room = needed
            self.updateGeometry()


class WrappedFigures(ElidedLabel):
    """Numbers that change all the time, on as many lines as they need; nothing moves while these stay as many."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent=parent)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def setText(self, text: str) -> None:  # noqa: N802 (Qt's name)
        """Show *text*."""
        before = self.heightForWidth(self.width())
        super().setText(text)
        if self.heightForWidth(self.width()) != before:
            self.updateGeometry()

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        """Return how high it is when it is so wide."""
        metrics = self.fontMetrics()
        area = metrics.boundingRect(QRect(0, 0, width, 0), int(Qt.TextFlag.TextWordWrap), self._text)
        return max(area.height(), metrics.height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint all of it."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        painter.drawText(self.contentsRect(), int(self.alignment() | Qt.TextFlag.TextWordWrap), self._text)

    def _tell(self) -> None:
        """Nothing is cut."""


class EmptyState(QWidget):
    """What a pane shows that has nothing to show: one sentence and one action.

    Args:
        theme: for colours and the icon.
        icon: the name of the icon above the sentence.
        sentence: what is so, or what to do.
        button: the text of the button; empty for none.
        on_click: what it does.
    """

    def __init__(
        self,
        theme: Theme,
        icon: str,
        sentence: str,
        button: str = "",
        on_click: Callable[[], None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icon = icon
        self._picture = QLabel(self)
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._sentence = QLabel(sentence, self)
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._sentence.setWordWrap(True)
        self._button = QPushButton(button, self)
        self._button.setVisible(bool(button))
        self._button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        if on_click is not None:
            self._button.clicked.connect(lambda _=False: on_click())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6 * SPACE, 6 * SPACE, 6 * SPACE, 6 * SPACE)
        layout.setSpacing(3 * SPACE)
        layout.addStretch(2)
        layout.addWidget(self._picture)
        layout.addWidget(self._sentence)
        layout.addWidget(self._button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)
        theme.changed.connect(self._paint)
        self._paint()

    def set_sentence(self, sentence: str) -> None:
        """Say something else."""
        self._sentence.setText(sentence)

    def _paint(self) -> None:
        self._picture.setPixmap(self._theme.icon_in(self._icon, self._theme.muted).pixmap(40, 40))
        palette = self._sentence.palette()
        palette.setColor(QPalette.ColorRole.WindowText, self._theme.muted)
        self._sentence.setPalette(palette)


class Heading(QLabel):
    """The heading of a section inside a pane."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        font = self.font()
        font.setBold(True)
        self.setFont(font)


class Line(QFrame):
    """A thin line between sections."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setFixedHeight(1)
        self.setAutoFillBackground(True)
        theme.changed.connect(self._paint)
        self._paint()

    def _paint(self) -> None:
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, self._theme.border)
        self.setPalette(palette)


def muted(label: QLabel, theme: Theme) -> QLabel:
    """Let a label matter less, in light and dark; return it."""
    _Muting(label, theme)
    return label


class _Muting(QObject):
    """Keeps the colour of a label; a child of it, so that Qt ends the connection when either of the two goes."""

    def __init__(self, label: QLabel, theme: Theme) -> None:
        super().__init__(label)
        self._label = label
        self._theme = theme
        theme.changed.connect(self._paint)
        self._paint()

    def _paint(self) -> None:
        palette = self._label.palette()
        palette.setColor(QPalette.ColorRole.WindowText, self._theme.muted)
        self._label.setPalette(palette)
