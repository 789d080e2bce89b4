"""What a page, or a collection of them, says in short: a few sentences and the words that it is about."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPalette, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from quaero_desktop.domain.summaries import EXTRACTIVE
from quaero_desktop.ui.format import clean
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import muted

_MOST = 2_000
_MOST_KEYWORD = 60
_MEASURE = 84
"""The characters of a comfortable line, as in the text below it."""


class InShort(QWidget):
    """A summary with its keywords. Both come from the web, or from a language model: they are shown as plain text.

    Args:
        theme: for colours and fonts.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._summary = QLabel(self)
        self._summary.setObjectName("summary")
        self._keywords = muted(QLabel(self), theme)
        self._keywords.setObjectName("keywords")
        self._note = muted(QLabel(self), theme)
        self._note.setObjectName("summaryNote")
        for label in (self._keywords, self._note):
            label.setFont(theme.font_small())
            # On a ground with a role of its own they would ignore the colour that they were given.
            label.setForegroundRole(QPalette.ColorRole.WindowText)
        for label in (self._summary, self._keywords, self._note):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        for label in (self._summary, self._keywords, self._note):
            layout.addWidget(label)

    @property
    def summary(self) -> str:
        """The sentences that are shown."""
        return self._summary.text()

    @property
    def keywords(self) -> str:
        """The keywords that are shown, in one line."""
        return self._keywords.text()

    @property
    def note(self) -> str:
        """What is to be known about the summary itself."""
        return self._note.text()

    def say(self, summary: str, keywords: Sequence[str], notes: Sequence[str] = ()) -> None:
        """Show a summary.

        Args:
            summary: its sentences; may be empty.
            keywords: the most telling first.
            notes: what is to be known about the summary itself.
        """
        self._summary.setText(clean(summary, _MOST))
        self._summary.setVisible(bool(summary))
        cleaned = [clean(keyword, _MOST_KEYWORD) for keyword in keywords]
        shown = " · ".join(cleaned)
        self._keywords.setText(shown)
        self._keywords.setAccessibleName(self.tr("Keywords: %s") % ", ".join(cleaned) if cleaned else "")
        self._keywords.setVisible(bool(shown))
        self._note.setText(" · ".join(notes))
        self._note.setVisible(bool(notes))

    def written_by(self, method: str) -> tuple[str, ...]:
        """Return the note about who wrote a summary; nothing where its sentences are those of the text."""
        return () if method == EXTRACTIVE else (self.tr("Written by %s") % clean(method, 120),)


class FoldedInShort(QWidget):
    """A summary above a text, which folds away and stays as it was left.

    Args:
        theme: for colours, fonts and icons.
        is_open: whether it begins unfolded.
        left: where the text below begins, in pixels.

    Signals:
        folded: it was folded (False) or opened (True).
    """

    folded = Signal(bool)

    def __init__(self, theme: Theme, is_open: bool, left: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inShort")
        self._theme = theme
        self._is_open = is_open
        self._left = left
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.content = InShort(theme, self)
        # In line with the text below: the button has a margin of its own around its icon.
        self.content.setContentsMargins(SPACE, 0, 0, 0)
        self.toggle = QToolButton(self)
        self.toggle.setObjectName("foldInShort")
        self.toggle.setAutoRaise(True)
        self.toggle.setText(self.tr("In short"))
        self.toggle.setFont(theme.font_small())
        self.toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.toggle.setIconSize(QSize(3 * SPACE, 3 * SPACE))
        self.toggle.clicked.connect(lambda _=False: self._set_open(not self._is_open))
        self._layout = QVBoxLayout(self)
        self._layout.setSpacing(SPACE)
        self._layout.addWidget(self.toggle, 0, Qt.AlignmentFlag.AlignLeft)
        self._layout.addWidget(self.content)
        theme.changed.connect(self._paint)
        self._fold()
        self._paint()
        self.hide()

    @property
    def is_open(self) -> bool:
        """Whether the summary shows."""
        return self._is_open

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Keep the lines as long as those of the text below."""
        super().resizeEvent(event)
        measure = round(self.fontMetrics().averageCharWidth() * _MEASURE * 1.15)
        right = max(3 * SPACE, event.size().width() - self._left - measure)
        self._layout.setContentsMargins(self._left - SPACE, 2 * SPACE, right, 3 * SPACE)

    def _set_open(self, is_open: bool) -> None:
        self._is_open = is_open
        self._fold()
        self._paint()
        self.folded.emit(is_open)

    def _fold(self) -> None:
        self.content.setVisible(self._is_open)
        self.toggle.setToolTip(self.tr("Hide the summary") if self._is_open else self.tr("Show the summary"))
        state = self.tr("shown") if self._is_open else self.tr("hidden")
        self.toggle.setAccessibleName(self.tr("In short, %s") % state)

    def _paint(self) -> None:
        self.toggle.setIcon(self._theme.icon("caret-down" if self._is_open else "caret-right"))
