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
    """Shows choices with boxes.

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
        self._order: list[int] = []
        self.itemChanged.connect(self._ticked)

    def set_choices(self, choices: Sequence[Choice], chosen: Iterable[int]) -> None:
        """Show these, with *chosen* ticked, on top and in that order.

        Of what is chosen and not there any more, a row says so.
        """
        self._order = list(chosen)
        known = {choice.id: choice for choice in choices}
        gone = self.tr("#%d, which is not there any more")
        on_top = [known.get(each) or Choice(each, gone % each) for each in self._order]
        with QSignalBlocker(self):
            self.clear()
            for choice in (*on_top, *(choice for choice in choices if choice.id not in self._order)):
                item = QListWidgetItem(clean(choice.text, 200))
                item.setData(Qt.ItemDataRole.UserRole, choice.id)
                item.setSizeHint(QSize(0, ROW))
                item.setToolTip(tool_tip(choice.tip or choice.text))
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                item.setCheckState(Qt.CheckState.Checked if choice.id in self._order else Qt.CheckState.Unchecked)
                self.addItem(item)
            if self.count():
                self.setCurrentRow(0)

    @property
    def chosen(self) -> tuple[int, ...]:
        """The ids of what is ticked, in the order in which that was done: it may mean something."""
        return tuple(self._order)

    def _ticked(self, item: QListWidgetItem) -> None:
        each = int(item.data(Qt.ItemDataRole.UserRole))
        if item.checkState() == Qt.CheckState.Checked and each not in self._order:
            self._order.append(each)
        elif item.checkState() != Qt.CheckState.Checked and each in self._order:
            self._order.remove(each)
        self.chosen_changed.emit()
