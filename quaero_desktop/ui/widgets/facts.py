"""What a pane says about one thing: names with values, counts that lead somewhere, texts that can be copied."""

from collections.abc import Callable, Sequence

import msgspec
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QToolButton, QWidget

from quaero_desktop.ui.format import clean, count, tool_tip
from quaero_desktop.ui.theme import ROW, SPACE, Theme
from quaero_desktop.ui.widgets.announce import announce
from quaero_desktop.ui.widgets.clickable import Clickable
from quaero_desktop.ui.widgets.labels import ElidedLabel, muted

_NAMES = 26 * SPACE
"""The width of a column of names, so that those of several sections stand below each other."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A line of :class:`Facts`.

    Attributes:
        name: what it is about, in a word or two.
        value: may come from the web.
        tip: more of it, in a tool tip.
        address: whether the value is cut in the middle where room ends, instead of at its end.
        on_click: where a click on the value leads; None for plain text.
    """

    name: str
    value: str
    tip: str = ""
    address: bool = False
    on_click: Callable[[], None] | None = None


class TextLink(Clickable):
    """A line of text that can be clicked, cut where room ends. What it shows may come from the web."""

    def __init__(self, parent: QWidget | None = None, mode: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle) -> None:
        super().__init__(parent)
        self._mode = mode
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def setText(self, text: str) -> None:  # noqa: N802 (Qt's name)
        """Show *text*, made inert."""
        # An ampersand is no shortcut here.
        super().setText(clean(text).replace("&", "&&"))
        self.updateGeometry()

    def text_shown(self) -> str:
        """Return the whole text."""
        return self.text().replace("&&", "&")

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the room for the whole text."""
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self.text_shown()) + 2, metrics.height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the least room: any width."""
        return QSize(4 * SPACE, self.fontMetrics().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint what there is room for."""
        painter = QPainter(self)
        font = self.font()
        font.setUnderline(self.underMouse() or self.hasFocus())
        painter.setFont(font)
        role = QPalette.ColorRole.Link if self.isEnabled() else QPalette.ColorRole.WindowText
        painter.setPen(self.palette().color(role))
        shown = self.fontMetrics().elidedText(self.text_shown(), self._mode, self.width())
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self.rect(), flags | Qt.TextFlag.TextSingleLine, shown)


class Facts(QWidget):
    """Names on the left, values on the right. Values change in place: nothing jumps."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._facts: tuple[Fact, ...] = ()
        self._values: list[ElidedLabel | TextLink] = []
        self._names: list[QLabel] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(3 * SPACE)
        self._grid.setVerticalSpacing(SPACE + 2)
        self._grid.setColumnMinimumWidth(0, _NAMES)
        self._grid.setColumnStretch(1, 1)

    @property
    def shown(self) -> dict[str, str]:
        """What is shown, by name."""
        return {fact.name: fact.value for fact in self._facts}

    def link(self, name: str) -> TextLink:
        """Return the link that is the value of *name*."""
        index = next(index for index, fact in enumerate(self._facts) if fact.name == name)
        value = self._values[index]
        assert isinstance(value, TextLink)
        return value

    def set_facts(self, facts: Sequence[Fact]) -> None:
        """Show these."""
        facts = tuple(facts)
        if [_kind(fact) for fact in facts] != [_kind(fact) for fact in self._facts]:
            self._build(facts)
        self._facts = facts
        for fact, name, value in zip(facts, self._names, self._values, strict=True):
            if value.text() != fact.value:
                value.setText(fact.value)
            _give_tip(name, fact.tip)
            if isinstance(value, TextLink):
                _give_tip(value, fact.tip or fact.value)
                value.setAccessibleName(f"{fact.name}: {clean(fact.value)}")
            elif fact.tip:
                _give_tip(value, fact.tip)

    def _build(self, facts: Sequence[Fact]) -> None:
        for widget in (*self._names, *self._values):
            self._grid.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self._names, self._values = [], []
        for row, fact in enumerate(facts):
            name = muted(QLabel(fact.name, self), self._theme)
            name.setTextFormat(Qt.TextFormat.PlainText)
            mode = Qt.TextElideMode.ElideMiddle if fact.address else Qt.TextElideMode.ElideRight
            value: ElidedLabel | TextLink
            if fact.on_click is None:
                value = ElidedLabel("", mode, self)
                value.setFont(self._theme.tabular(value.font()))
            else:
                value = TextLink(self, mode)
                value.clicked.connect(lambda _=False, row=row: self._click(row))
            self._grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
            if fact.on_click is None:
                self._grid.addWidget(value, row, 1)
            else:
                # As wide as its text, so that a click beside it is none.
                self._grid.addWidget(value, row, 1, Qt.AlignmentFlag.AlignLeft)
            self._names.append(name)
            self._values.append(value)

    def _click(self, row: int) -> None:
        on_click = self._facts[row].on_click
        if on_click is not None:
            on_click()


def _give_tip(widget: QWidget, text: str) -> None:
    tip = tool_tip(text)
    # Qt tells of the same one, too.
    if tip != widget.toolTip():
        widget.setToolTip(tip)


def _kind(fact: Fact) -> tuple[str, bool, bool]:
    return fact.name, fact.address, fact.on_click is None


class CountRow(Clickable):
    """A count with a name, a row high, that leads to what it counts.

    Args:
        theme: for the colours.
        name: plain words, with a glyph in front where it is a status.
        colour: of the name; None for that of text.
    """

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._colour: QColor | None = None
        self._number = 0
        self.setText(name.replace("&", "&&"))
        self.setFont(theme.tabular(self.font()))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._tell()

    @property
    def number(self) -> int:
        """The count."""
        return self._number

    def set_number(self, number: int) -> None:
        """Show another count."""
        if number != self._number:
            self._number = number
            self._tell()
            self.update()

    def set_colour(self, colour: QColor) -> None:
        """Paint the name in *colour*."""
        self._colour = colour
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the room for name and number."""
        metrics = self.fontMetrics()
        width = metrics.horizontalAdvance(self.text()) + metrics.horizontalAdvance(count(self._number))
        return QSize(width + 12 * SPACE, ROW)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the least room."""
        return QSize(20 * SPACE, ROW)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint name and number."""
        painter = QPainter(self)
        inside = self.rect()
        if self.underMouse() or self.hasFocus():
            font = self.font()
            font.setUnderline(True)
            painter.setFont(font)
        painter.setPen(QPen(self._theme.border, 1))
        painter.drawLine(inside.bottomLeft(), inside.bottomRight())
        number = count(self._number)
        metrics = self.fontMetrics()
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        painter.drawText(inside, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, number)
        room = inside.width() - metrics.horizontalAdvance(number) - 2 * SPACE
        if self._colour is not None and self.isEnabled():
            painter.setPen(self._colour)
        name = metrics.elidedText(self.text().replace("&&", "&"), Qt.TextElideMode.ElideRight, room)
        painter.drawText(inside, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)

    def _tell(self) -> None:
        self.setAccessibleName(f"{self.text().replace('&&', '&')}: {count(self._number)}")


def copy_button(theme: Theme, what: str, text: Callable[[], str], parent: QWidget | None = None) -> QToolButton:
    """Return a button that copies a text.

    Args:
        theme: for the icon.
        what: what the button says it does, like ``Copy address``.
        text: called when it is clicked.
        parent: of the button.
    """
    return _CopyButton(theme, what, text, parent)


class _CopyButton(QToolButton):
    def __init__(self, theme: Theme, what: str, text: Callable[[], str], parent: QWidget | None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._copied = text
        self.setAutoRaise(True)
        self.setToolTip(what)
        self.setAccessibleName(what)
        self.setIconSize(QSize(4 * SPACE, 4 * SPACE))
        self.clicked.connect(lambda _=False: self._copy())
        theme.changed.connect(self._paint)
        self._paint()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._copied())
        announce(self, self.tr("Copied"))

    def _paint(self) -> None:
        self.setIcon(self._theme.icon("copy"))
