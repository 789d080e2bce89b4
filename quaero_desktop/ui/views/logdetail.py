"""The whole of a log line that the table has to cut."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import Line

_LINES = 4
"""The most that it takes; more is scrolled."""


class LogDetail(QWidget):
    """Stands below the table while there is something to show.

    Args:
        theme: for the line above it.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = QPlainTextEdit(self)
        self._text.setReadOnly(True)
        self._text.setTabChangesFocus(True)
        self._text.setObjectName("logDetail")
        self._text.setAccessibleName(self.tr("The whole of the selected line"))
        self._text.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self._text.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._text.document().setDocumentMargin(2 * SPACE)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(Line(theme, self))
        layout.addWidget(self._text)
        self.hide()

    def show_text(self, text: str, width: int) -> None:
        """Show *text* on as many lines as it needs, as far as there is room.

        Args:
            text: what the line says.
            width: how wide the console is, in pixels.
        """
        if self._text.toPlainText() != text:
            self._text.setPlainText(text)
        metrics = self._text.fontMetrics()
        lines = -(-metrics.horizontalAdvance(text) // max(1, width - 6 * SPACE))
        # Words are never broken: one line more than the letters need.
        height = min(_LINES, lines + 1) * metrics.lineSpacing() + 4 * SPACE
        if self._text.height() != height:
            self._text.setFixedHeight(height)
        self.show()
