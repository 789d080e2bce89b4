"""A list of which some are chosen: each with a box to tick."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

from quaero_desktop.ui.format import clean, tool_tip
from quaero_desktop.ui.theme import ROW, SPACE, Theme
from quaero_desktop.ui.widgets.rowdelegate import RowDelegate


class Choice(NamedTuple):
    """Something that can be chosen.

    Attributes:
        id: what is meant.
        text: its name; may come from the web.
        tip: more of it.
    """

    id: int
    text: str
    tip: str = ""


class CheckList(QListWidget):
    """Shows choices with boxes, in the order in which they are given.

    Args:
        theme: for the colours of the boxes.
        name: for screen readers.
        rows: how many lines it shows at least; at most it shows twice as many.

    Signals:
        chosen_changed: others are chosen now.
    """

    chosen_changed = Signal()

    def __init__(self, theme: Theme, name: str, rows: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setMinimumHeight(rows * ROW + SPACE)
        self.setMaximumHeight(2 * rows * ROW + SPACE)
        self.setItemDelegate(RowDelegate(theme, self))
        self.itemChanged.connect(lambda _: self.chosen_changed.emit())

    def set_choices(self, choices: Sequence[Choice], chosen: Iterable[int]) -> None:
        """Show these, with *chosen* ticked; of what is chosen and not there any more, a row says so."""
        chosen = list(chosen)
        known = {choice.id for choice in choices}
        lost = [
            Choice(each, self.tr("#%d, which is not there any more") % each) for each in chosen if each not in known
        ]
        with QSignalBlocker(self):
            self.clear()
            for choice in (*lost, *choices):
                item = QListWidgetItem(clean(choice.text, 200))
                item.setData(Qt.ItemDataRole.UserRole, choice.id)
                item.setSizeHint(QSize(0, ROW))
                item.setToolTip(tool_tip(choice.tip or choice.text))
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                item.setCheckState(Qt.CheckState.Checked if choice.id in chosen else Qt.CheckState.Unchecked)
                self.addItem(item)
            if self.count():
                self.setCurrentRow(0)

    @property
    def chosen(self) -> tuple[int, ...]:
        """The ids of what is ticked, from top to bottom."""
        items = (self.item(row) for row in range(self.count()))
        return tuple(
            int(item.data(Qt.ItemDataRole.UserRole)) for item in items if item.checkState() == Qt.CheckState.Checked
        )
