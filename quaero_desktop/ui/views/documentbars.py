"""The bars below a document: what was found in it, what is left out, and whether to open an address."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QToolButton, QVBoxLayout, QWidget

from quaero_desktop.ui import found
from quaero_desktop.ui.format import count
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.views.documentpage import MARGIN
from quaero_desktop.ui.widgets.labels import ElidedLabel, Line, muted


class _Bar(QFrame):
    """A line with a sentence and buttons, between the text and the edge."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setAutoFillBackground(True)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(Line(theme, self))
        self.row = QHBoxLayout()
        self.row.setContentsMargins(MARGIN, SPACE, 3 * SPACE, SPACE)
        self.row.setSpacing(2 * SPACE)
        outer.addLayout(self.row)
        self._tools: list[tuple[QToolButton, str]] = []
        theme.changed.connect(self._paint)
        self.hide()

    def tool(self, icon: str, text: str) -> QToolButton:
        """Return a small button with an icon, which follows the theme."""
        button = QToolButton(self)
        button.setAutoRaise(True)
        button.setToolTip(text)
        button.setAccessibleName(text.partition(" (")[0])
        button.setIcon(self._theme.icon(icon))
        self._tools.append((button, icon))
        return button

    def _paint(self) -> None:
        for button, icon in self._tools:
            button.setIcon(self._theme.icon(icon))


class AskingBar(_Bar):
    """Asks whether to open an address that the library does not have."""

    opened = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.setObjectName("askingBar")
        self._url = ""
        self._sentence = QLabel(self.tr("Not in the library:"), self)
        self._sentence.setTextFormat(Qt.TextFormat.PlainText)
        self._address = ElidedLabel("", Qt.TextElideMode.ElideMiddle, self)
        self._open = QPushButton(self.tr("Open in browser"), self)
        self._open.clicked.connect(lambda: self.opened.emit(self._url))
        copy = self.tool("copy", self.tr("Copy address"))
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._url))
        close = self.tool("x", self.tr("Close"))
        close.clicked.connect(self.hide)
        self.row.addWidget(self._sentence)
        self.row.addWidget(self._address, 1)
        self.row.addWidget(copy)
        self.row.addWidget(self._open)
        self.row.addWidget(close)

    def ask(self, url: str) -> None:
        """Show an address and ask."""
        self._url = url
        self._address.setText(url)
        self.show()
        self._open.setFocus()


class RestBar(_Bar):
    """Says that a very long page is not shown to its end."""

    wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.setObjectName("restBar")
        self._sentence = ElidedLabel("", parent=self)
        button = QPushButton(self.tr("Show all"), self)
        button.clicked.connect(self._all)
        self.row.addWidget(self._sentence, 1)
        self.row.addWidget(button)

    def say(self, sentence: str) -> None:
        """Say how much is shown."""
        self._sentence.setText(sentence)

    def _all(self) -> None:
        self.hide()
        self.wanted.emit()


class FindBar(_Bar):
    """Says how many places were found and which of them is shown, and looks for something else.

    Signals:
        wanted: the text to look for.
        next_wanted, previous_wanted, closed: what the buttons say.
    """

    wanted = Signal(str)
    next_wanted = Signal()
    previous_wanted = Signal()
    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.setObjectName("findBar")
        self.field = QLineEdit(self)
        self.field.setObjectName("findField")
        self.field.setPlaceholderText(self.tr("Find in this page"))
        self.field.setAccessibleName(self.tr("Find in this page"))
        self.field.setMinimumWidth(180)
        self.field.setMaximumWidth(260)
        self.field.setMaxLength(200)
        self.field.textEdited.connect(self.wanted)
        self.field.returnPressed.connect(self.next_wanted)
        self._told = muted(QLabel(self), theme)
        self._told.setObjectName("findCount")
        self._told.setTextFormat(Qt.TextFormat.PlainText)
        previous = self.tool("caret-up", self.tr("Previous (Shift+F3)"))
        following = self.tool("caret-down", self.tr("Next (F3)"))
        close = self.tool("x", self.tr("Close (Esc)"))
        previous.clicked.connect(self.previous_wanted)
        following.clicked.connect(self.next_wanted)
        close.clicked.connect(self.close_bar)
        self._steps = (previous, following)
        self.row.addWidget(self.field)
        self.row.addWidget(previous)
        self.row.addWidget(following)
        self.row.addWidget(self._told, 1)
        self.row.addWidget(close)

    @property
    def is_asking(self) -> bool:
        """Whether the person is asked what to look for."""
        return self.isVisible() and self.field.hasFocus()

    def start(self, terms: Sequence[str]) -> None:
        """Begin with what a search looked for; without any words there is nothing to tell."""
        self.field.setText(" ".join(terms[:1]) if len(terms) == 1 else "")
        self.setVisible(bool(terms))

    def ask(self) -> None:
        """Ask what to look for."""
        self.show()
        self.field.setFocus()
        self.field.selectAll()

    def tell(self, current: int, places: int) -> None:
        """Say which place is shown, from 0, or -1 for none yet, and how many there are."""
        for button in self._steps:
            button.setEnabled(places > 0)
        if places:
            most = f"{count(places)}{'+' if places >= found.MOST else ''}"
            self._told.setText(
                self.tr("%s of %s") % (count(current + 1), most)
                if current >= 0
                else self.tr("%s on this page") % (most + (self.tr(" match") if places == 1 else self.tr(" matches")))
            )
        else:
            self._told.setText(self.tr("Not on this page"))

    def close_bar(self) -> None:
        """Go away and highlight nothing."""
        self.hide()
        self.closed.emit()
