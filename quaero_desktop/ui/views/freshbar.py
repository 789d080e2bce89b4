"""Says that the library holds more than a list shows."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from quaero_desktop.ui.theme import SPACE


class FreshBar(QFrame):
    """A line above the list, with a button; hidden until there is something to say.

    Signals:
        wanted: the rest is to be shown.
    """

    wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("freshBar")
        row = QHBoxLayout(self)
        row.setContentsMargins(4 * SPACE, SPACE, 2 * SPACE, SPACE)
        self._sentence = QLabel()
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        button = QPushButton(self.tr("Show"))
        button.setFlat(True)
        button.clicked.connect(self.wanted)
        row.addWidget(self._sentence, 1)
        row.addWidget(button)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.AlternateBase)
        self.hide()

    def say(self, sentence: str) -> None:
        """Say how much more."""
        self._sentence.setText(sentence)
        self.show()
