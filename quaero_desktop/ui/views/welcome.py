"""What a window with an empty library shows: what to do, and a field to do it in."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import muted

_WIDTH = 560


class Welcome(QWidget):
    """Paste a web address, press Enter, watch.

    Args:
        theme: for colours.
        picture: the application's icon.

    Signals:
        url_given: what was typed or pasted, on Enter.
        more_wanted: the same, for who wants to choose more than the address.
    """

    url_given = Signal(str)
    more_wanted = Signal(str)

    def __init__(self, theme: Theme, picture: QIcon, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("welcome")
        portrait = QLabel(self)
        portrait.setPixmap(picture.pixmap(QSize(72, 72)))
        portrait.setAlignment(Qt.AlignmentFlag.AlignCenter)
        title = QLabel(self.tr("Collect a site into your library"), self)
        title.setFont(theme.font_large())
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._field = QLineEdit(self)
        self._field.setObjectName("welcomeUrl")
        self._field.setPlaceholderText(self.tr("Paste a web address, press Enter, watch"))
        self._field.setAccessibleName(self.tr("Web address of the site to collect"))
        self._field.setMinimumHeight(9 * SPACE)
        self._field.setClearButtonEnabled(True)
        self._field.returnPressed.connect(self._give)
        self._start = QPushButton(self.tr("Collect"), self)
        self._start.setMinimumHeight(9 * SPACE)
        self._start.setDefault(True)
        self._start.clicked.connect(lambda _=False: self._give())
        self._problem = QLabel(self)
        self._problem.setObjectName("welcomeProblem")
        self._problem.setTextFormat(Qt.TextFormat.PlainText)
        self._problem.setWordWrap(True)
        self._problem.hide()
        self._theme = theme
        theme.changed.connect(self._paint)
        self._paint()
        explained = QLabel(
            self.tr(
                "Every page becomes a document on this computer, to read and search offline.\n"
                "Quaero goes easy on the site, and obeys its robots.txt."
            ),
            self,
        )
        explained.setAlignment(Qt.AlignmentFlag.AlignCenter)
        explained.setWordWrap(True)
        muted(explained, theme)
        more = QPushButton(self.tr("Choose scope, depth and rules…"), self)
        more.setFlat(True)
        more.clicked.connect(lambda _=False: self.more_wanted.emit(self._field.text().strip()))

        row = QHBoxLayout()
        row.setSpacing(2 * SPACE)
        row.addWidget(self._field, 1)
        row.addWidget(self._start)
        column = QWidget(self)
        column.setMaximumWidth(_WIDTH)
        inner = QVBoxLayout(column)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(4 * SPACE)
        for widget in (portrait, title):
            inner.addWidget(widget)
        inner.addLayout(row)
        inner.addWidget(self._problem)
        inner.addWidget(explained)
        inner.addWidget(more, 0, Qt.AlignmentFlag.AlignHCenter)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(column, 8)
        middle.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6 * SPACE, 6 * SPACE, 6 * SPACE, 6 * SPACE)
        layout.addStretch(2)
        layout.addLayout(middle)
        layout.addStretch(3)
        self.setFocusProxy(self._field)

    def show_problem(self, message: str) -> None:
        """Say what is wrong with the address; empty when nothing is."""
        self._problem.setText(message)
        self._problem.setVisible(bool(message))

    def _give(self) -> None:
        self.show_problem("")
        text = self._field.text().strip()
        if text:
            self.url_given.emit(text)
        else:
            self.show_problem(self.tr("Type or paste the address of a site first."))
            self._field.setFocus()

    def _paint(self) -> None:
        palette = self._problem.palette()
        palette.setColor(QPalette.ColorRole.WindowText, self._theme.status_colour("failed"))
        self._problem.setPalette(palette)
