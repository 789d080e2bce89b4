"""In which order the pages stand and which of their columns are shown: a menu for the keyboard too, and the words."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.ui.models.pagetable import ORDERS, PageColumn
from quaero_desktop.ui.views.pagetableview import PageTableView

FOUND = "found"
"""The order in which pages were found: the usual one."""
_WORDS = {
    FOUND: ("in the order found", "newest first"),
    "status": ("by status, trouble first", "by status, trouble last"),
    "code": ("by code, lowest first", "by code, highest first"),
    "title": ("by title", "by title, Z to A"),
    "url": ("by address", "by address, Z to A"),
    "depth": ("by depth", "by depth, deepest first"),
    "size": ("by size, smallest first", "by size, largest first"),
    "time": ("by time, fastest first", "by time, slowest first"),
    "reason": ("by reason", "by reason, Z to A"),
    "type": ("by type", "by type, Z to A"),
    "finished": ("by end, oldest first", "by end, newest first"),
}


def is_order(order: str) -> bool:
    """Whether there is such an order: what is remembered may be of another version."""
    return order in _WORDS


def order_words(order: str, descending: bool) -> str:
    """Return an order in words, like ``by title, Z to A``."""
    return _WORDS[order][descending]


def usually_descends(order: str) -> bool:
    """Whether an order goes downwards at first."""
    return PageFilter(root_id=0, order=order).downwards


class PageMenu(QMenu):
    """Offers the orders and the columns.

    Args:
        view: the table.

    Signals:
        sort_wanted: an order, and whether it goes downwards.
        column_wanted: a column, and whether it is to be shown.
    """

    sort_wanted = Signal(str, bool)
    column_wanted = Signal(int, bool)

    def __init__(self, view: PageTableView, parent: QWidget) -> None:
        super().__init__(parent)
        self._view = view
        self._order, self._descending = FOUND, False
        self.aboutToShow.connect(self._fill)

    def show_order(self, order: str, descending: bool) -> None:
        """Take note of the order the table has now."""
        self._order, self._descending = order, descending

    def _fill(self) -> None:
        self.clear()
        orders = QActionGroup(self)
        self.addSection(self.tr("Sort by"))
        names = {order: self._title(column) for column, order in ORDERS.items()}
        for order in (FOUND, *(order for order in names if order != FOUND)):
            action = self._add(self.tr("Order found") if order == FOUND else names[order], order == self._order)
            action.triggered.connect(lambda _=False, order=order: self.sort_wanted.emit(order, usually_descends(order)))
            orders.addAction(action)
        self.addSeparator()
        reverse = self._add(self.tr("Reverse"), self._descending != usually_descends(self._order))
        reverse.triggered.connect(lambda _=False: self.sort_wanted.emit(self._order, not self._descending))
        self.addSection(self.tr("Columns"))
        header = self._view.horizontalHeader()
        for column in PageColumn:
            action = self._add(self._title(column), not header.isSectionHidden(column))
            # Without its address and title a row says nothing.
            action.setEnabled(column != PageColumn.URL)
            action.toggled.connect(lambda on, column=column: self.column_wanted.emit(column, on))

    def _add(self, text: str, checked: bool) -> QAction:
        action = QAction(text, self)
        action.setCheckable(True)
        action.setChecked(checked)
        self.addAction(action)
        return action

    def _title(self, column: PageColumn) -> str:
        return str(self._view.model().headerData(column, Qt.Orientation.Horizontal))
