"""Fields of the dialogs: what they say about themselves stands beside them, never in a box."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPalette, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QLabel, QLineEdit, QPlainTextEdit, QSizePolicy, QTextEdit, QToolButton, QWidget

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.ui.addresses import urls_in
from quaero_desktop.ui.format import clean, error_text
from quaero_desktop.ui.theme import SPACE, Theme

Tone = Literal["error", "good", "plain"]


class Fault(msgspec.Struct, frozen=True):
    """Something in a field that makes no sense.

    Attributes:
        sentence: says what; empty where there is only nothing yet.
    """

    field: QWidget
    sentence: str


class Remark(QLabel):
    """A sentence about what stands in a field: what is wrong with it, or what it means. Takes no room while empty.

    Args:
        theme: for colours.
        keep_room: take the room of one line also while empty, so that nothing jumps.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, keep_room: bool = False) -> None:
        super().__init__(parent)
        self._theme = theme
        self._tone: Tone = "plain"
        self._keep_room = keep_room
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        # A long word must not make the dialog wider.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        if keep_room:
            self.setMinimumHeight(self.fontMetrics().lineSpacing())
        theme.changed.connect(self._paint)
        self.say("")

    @property
    def tone(self) -> Tone:
        """How it is meant."""
        return self._tone

    def say(self, text: str, tone: Tone = "plain") -> None:
        """Say something; an empty text says nothing any more."""
        mark = {"error": "✕ ", "good": "✓ ", "plain": ""}[tone] if text else ""
        self._tone = tone
        self.setText(mark + "\n".join(clean(line) for line in text.split("\n")))
        if not self._keep_room:
            self.setVisible(bool(text))
        self._paint()

    def complain(self, error: KnownError) -> None:
        """Say what an error says, and what can be done about it."""
        self.say(error_text(error), "error")

    def _paint(self) -> None:
        palette = self.palette()
        colour = {
            "error": self._theme.status_colour("failed"),
            "good": self._theme.status_colour("completed"),
            "plain": self._theme.muted,
        }[self._tone]
        palette.setColor(QPalette.ColorRole.WindowText, colour)
        self.setPalette(palette)


class NumberEdit(QLineEdit):
    """A field for a number, which the arrow keys count up and down. Empty means the placeholder.

    Args:
        whole: whether only whole numbers make sense.
        step: what an arrow key adds.
        least: where counting down ends.
    """

    def __init__(self, parent: QWidget | None = None, *, whole: bool = True, step: float = 1, least: float = 0) -> None:
        super().__init__(parent)
        self._whole = whole
        self._step = step
        self._least = least
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFixedWidth(self.fontMetrics().horizontalAdvance("0" * 9) + 16)

    def value(self) -> int | float | str | None:
        """Return the number; None when it is empty, and the text when it is no number."""
        text = self.text().strip().replace(",", ".")
        if not text:
            return None
        try:
            return int(text) if self._whole else float(text)
        except ValueError:
            return text

    def set_value(self, value: float) -> None:
        """Show a number."""
        self.setText(f"{value:.12g}")

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Count with the arrow keys."""
        if event.key() not in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            super().keyPressEvent(event)
            return
        direction = 1 if event.key() == Qt.Key.Key_Up else -1
        try:
            value = float(self.text().strip().replace(",", ".") or self.placeholderText())
        except ValueError:
            return
        counted = max(self._least, round(value + direction * self._step, 6))
        self.set_value(int(counted) if self._whole else counted)


class Disclosure(QToolButton):
    """Folds a part of a dialog away, and out again.

    Args:
        theme: for the arrow.
        text: what is behind it.
        content: what it shows and hides.

    Signals:
        folded: whether the content is hidden now.
    """

    folded = Signal(bool)

    def __init__(self, theme: Theme, text: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._content = content
        self._out = False
        self.setText(text)
        self.setAutoRaise(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIconSize(QSize(12, 12))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.clicked.connect(lambda _=False: self.fold(out=not self._out))
        theme.changed.connect(self._paint)
        content.hide()
        self._paint()

    @property
    def is_out(self) -> bool:
        """Whether the content is shown."""
        return self._out

    def fold(self, *, out: bool) -> None:
        """Show the content, or hide it."""
        if out != self._out:
            self._out = out
            self._content.setVisible(out)
            self._paint()
            self.folded.emit(not out)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Fold with the arrow keys and Enter, as trees do; Space does it anyway."""
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self.fold(out=not self._out)
            case Qt.Key.Key_Right:
                self.fold(out=True)
            case Qt.Key.Key_Left:
                self.fold(out=False)
            case _:
                super().keyPressEvent(event)

    def _paint(self) -> None:
        self.setIcon(self._theme.icon("caret-down" if self._out else "caret-right"))
        self.setAccessibleDescription(self.tr("unfolded") if self._out else self.tr("folded"))


class LinesEdit(QPlainTextEdit):
    """A small editor of short lines. Tab goes to the next field.

    Args:
        name: for screen readers.
        rows: how many lines it shows.
        takes: returns the lines to take from what is pasted or dropped; None takes the text as it is.

    Signals:
        submitted: Enter was pressed. Only with *takes*; elsewhere it begins a line.
    """

    submitted = Signal()

    def __init__(
        self,
        name: str,
        rows: int,
        *,
        takes: Callable[[QMimeData], tuple[str, ...]] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._takes = takes
        self.setAccessibleName(name)
        self.setTabChangesFocus(True)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.document().setDocumentMargin(SPACE)
        frame = 2 * self.frameWidth() + 2 * SPACE
        self.setFixedHeight(rows * self.fontMetrics().lineSpacing() + frame + 2 * SPACE)

    @property
    def lines(self) -> list[tuple[int, str]]:
        """The lines that hold something, each with its number from 0."""
        lines = enumerate(self.toPlainText().split("\n"))
        return [(number, line.strip()) for number, line in lines if line.strip()]

    @property
    def texts(self) -> tuple[str, ...]:
        """What the lines hold that hold something."""
        return tuple(text for _, text in self.lines)

    def mark(self, lines: Sequence[int], theme: Theme) -> None:
        """Underline the lines of those numbers, from 0."""
        selections = []
        for number in lines[:100]:
            selection = QTextEdit.ExtraSelection()
            style = QTextCharFormat()
            style.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
            style.setUnderlineColor(theme.status_colour("failed"))
            cursor = QTextCursor(self.document().findBlockByNumber(number))
            cursor.select(QTextCursor.SelectionType.LineUnderCursor)
            selection.format = style
            selection.cursor = cursor
            selections.append(selection)
        self.setExtraSelections(selections)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Submit on Enter, where lines are seldom typed one after the other."""
        entered = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if entered and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()
        elif entered and self._takes is not None and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.submitted.emit()
        elif entered:
            self.insertPlainText("\n")
        else:
            super().keyPressEvent(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:  # noqa: N802 (Qt's name)
        """Take files and links too."""
        return super().canInsertFromMimeData(source) or (self._takes is not None and source.hasUrls())

    def insertFromMimeData(self, source: QMimeData) -> None:  # noqa: N802 (Qt's name)
        """Insert the addresses in it on lines of their own; a text without any as it is."""
        found = self._takes(source) if self._takes is not None else ()
        plain = source.text().strip() if source.hasText() and not source.hasUrls() else ""
        if not found or (len(plain.splitlines()) == 1 and urls_in(plain) == (plain,)):
            self.insertPlainText(plain or source.text())
            return
        cursor = self.textCursor()
        cursor.removeSelectedText()
        before = cursor.block().text()[: cursor.positionInBlock()].strip()
        after = cursor.block().text()[cursor.positionInBlock() :].strip()
        lines = "\n".join(found)
        cursor.insertText(("\n" if before else "") + lines + ("\n" if after else ""))
        self.setTextCursor(cursor)
