"""What of the settings could not be used, said on top of everything."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from quaero_desktop.ui.format import clean
from quaero_desktop.ui.theme import SPACE, Theme

_PROBLEMS_SHOWN = 4


class ProblemBanner(QFrame):
    """Says what could not be used, and leads to the file.

    Signals:
        file_wanted: the person wants to see the file.
    """

    file_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("settingsProblems")
        self._theme = theme
        self._icon = QLabel(self)
        self._text = QLabel(self)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._open = QPushButton(self.tr("Open the file"), self)
        self._open.setAutoDefault(False)
        self._open.clicked.connect(lambda _=False: self.file_wanted.emit())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4 * SPACE, 2 * SPACE, 4 * SPACE, 2 * SPACE)
        layout.setSpacing(2 * SPACE)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._open, 0, Qt.AlignmentFlag.AlignTop)
        theme.changed.connect(self._paint)
        self._paint()

    def show_problems(self, sentences: Sequence[str]) -> None:
        """Show them; nothing when there are none."""
        lines = [clean(sentence, 500) for sentence in sentences[:_PROBLEMS_SHOWN]]
        if len(sentences) > _PROBLEMS_SHOWN:
            lines.append(self.tr("and %n more", "", len(sentences) - _PROBLEMS_SHOWN))
        self._text.setText("\n".join(lines))
        self.setVisible(bool(lines))

    def _paint(self) -> None:
        icon = self._theme.icon_in("warning-circle", self._theme.level_colour("warn"))
        self._icon.setPixmap(icon.pixmap(QSize(20, 20), QGuiApplication.primaryScreen().devicePixelRatio()))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Paint the background of an error."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.colour("error_background"))
        painter.fillRect(0, self.height() - 1, self.width(), 1, self._theme.border)
