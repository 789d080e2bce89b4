"""A sentence that must not be missed, with what can be done about it and the exact error one click away."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.facts import copy_button
from quaero_desktop.ui.widgets.labels import muted

_LINES = 10
_MOST_CHARACTERS = 20_000


class Callout(QWidget):
    """A box with a stripe in the colour of what it is about.

    Args:
        theme: for the colours.

    Signals:
        action_wanted: the button for what can be done about it was pressed; see :meth:`offer`.
    """

    action_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._status = "failed"
        self._sentence = QLabel(self)
        self._sentence.setObjectName("calloutSentence")
        self._advice = muted(QLabel(self), theme)
        for label in (self._sentence, self._advice):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        font = self._sentence.font()
        font.setBold(True)
        self._sentence.setFont(font)
        self._is_open = False
        self._toggle = QToolButton(self)
        self._toggle.setObjectName("showExactError")
        self._toggle.setAutoRaise(True)
        self._toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._toggle.setIconSize(QSize(3 * SPACE, 3 * SPACE))
        self._toggle.clicked.connect(lambda _=False: self._set_open(not self._is_open))
        self._exact = QPlainTextEdit(self)
        self._exact.setReadOnly(True)
        self._exact.setFont(theme.font_fixed())
        self._exact.setAccessibleName(self.tr("The exact error"))
        self._exact.setTabChangesFocus(True)
        self._copy = copy_button(theme, self.tr("Copy the exact error"), self._exact.toPlainText, self)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        self._action = QPushButton(self)
        self._action.setObjectName("calloutAction")
        self._action.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._action.clicked.connect(lambda _=False: self.action_wanted.emit())
        self._action.hide()
        row.addWidget(self._action)
        row.addWidget(self._toggle)
        row.addWidget(self._copy)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4 * SPACE, 2 * SPACE, 3 * SPACE, 2 * SPACE)
        layout.setSpacing(SPACE)
        layout.addWidget(self._sentence)
        layout.addWidget(self._advice)
        layout.addLayout(row)
        layout.addWidget(self._exact)
        theme.changed.connect(self._paint)
        self._fold()
        self._paint()

    @property
    def exact(self) -> str:
        """The exact error, also while it is folded away."""
        return self._exact.toPlainText()

    @property
    def sentence(self) -> str:
        """What it says."""
        return self._sentence.text()

    def offer(self, text: str) -> None:
        """Offer a button for what can be done about it; an empty text offers none."""
        self._action.setText(text)
        self._action.setVisible(bool(text))

    def say(self, sentence: str, advice: str = "", exact: str = "", status: str = "failed") -> None:
        """Say something.

        Args:
            sentence: what is so, in plain words.
            advice: what can be done about it.
            exact: the exact error; may come from the web.
            status: whose colour the stripe has.
        """
        self._sentence.setText(sentence)
        self._advice.setText(advice)
        self._advice.setVisible(bool(advice))
        exact = exact[:_MOST_CHARACTERS]
        if self._exact.toPlainText() != exact:
            self._exact.setPlainText(exact)
            self._is_open = False
        self._toggle.setVisible(bool(exact))
        self._copy.setVisible(bool(exact))
        self._fold()
        if status != self._status:
            self._status = status
            self._paint()
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Paint the box and its stripe."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self._theme.status_colour(self._status)
        ground = QColor(colour)
        ground.setAlpha(28 if self._theme.dark else 18)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(self.rect(), 4, 4)
        painter.setBrush(colour)
        painter.drawRoundedRect(0, 0, SPACE, self.height(), 2, 2)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Give the exact error the lines that it takes."""
        super().resizeEvent(event)
        self._fit()

    def _set_open(self, is_open: bool) -> None:
        self._is_open = is_open
        self._fold()

    def _fold(self) -> None:
        self._toggle.setText(self.tr("Hide the exact error") if self._is_open else self.tr("Show the exact error"))
        self._toggle.setIcon(self._theme.icon("caret-down" if self._is_open else "caret-right"))
        self._exact.setVisible(self._is_open)
        self._fit()

    def _fit(self) -> None:
        lines = 1
        if self._is_open:
            width = max(1, self.width() - 10 * SPACE) // max(1, self._exact.fontMetrics().averageCharWidth())
            lines = sum(1 + len(line) // max(1, width) for line in self.exact.splitlines()) or 1
        height = self._exact.fontMetrics().lineSpacing() * min(lines, _LINES) + 4 * SPACE
        self._exact.setFixedHeight(height)

    def _paint(self) -> None:
        palette = self._sentence.palette()
        palette.setColor(QPalette.ColorRole.WindowText, self._theme.status_colour(self._status))
        self._sentence.setPalette(palette)
        self._toggle.setIcon(self._theme.icon("caret-down" if self._is_open else "caret-right"))
