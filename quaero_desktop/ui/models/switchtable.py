"""A table of few things in the order of their names, each of which can be switched on and off in its first column."""

from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QObject, Qt, Signal

from quaero_desktop.ui.format import tool_tip
from quaero_desktop.ui.models.cells import NOWHERE, NUMBERS, WORDS, Index
from quaero_desktop.ui.theme import Theme

Row = TypeVar("Row")
_SWITCH = 0
"""The column with the box."""


class SwitchTable(QAbstractTableModel, Generic[Row]):
    """Holds the rows and what their columns say; what a row is says who makes one.

    Args:
        theme: for colours.
        titles: of the columns, from left to right.
        numeric: the columns that hold numbers.

    Signals:
        enable_wanted: the id of a thing whose box was ticked or cleared, and whether it is ticked now.
    """

    enable_wanted = Signal(int, bool)

    def __init__(
        self, theme: Theme, titles: Sequence[str], parent: QObject | None = None, *, numeric: Iterable[int] = ()
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._titles = tuple(titles)
        self._numeric = frozenset(numeric)
        self._rows: list[Row] = []
        self._texts: list[tuple[str, ...]] = []
        theme.changed.connect(self.refresh)

    # --- what a row is ------------------------------------------------------------------------------------------------

    def id_of(self, row: Row) -> int:
        """Return the id of what a row shows."""
        raise NotImplementedError

    def name_of(self, row: Row) -> str:
        """Return its name."""
        raise NotImplementedError

    def is_on(self, row: Row) -> bool:
        """Whether it is switched on."""
        raise NotImplementedError

    def _line(self, row: Row) -> tuple[str, ...]:
        """Return what its columns say."""
        raise NotImplementedError

    def _colour(self, row: Row, column: int) -> Any:
        """Return the colour of a cell; None for the usual one."""
        return None if self.is_on(row) else self._theme.muted

    def _tip(self, row: Row, column: int) -> str:
        """Return more about a cell; empty for nothing."""
        return ""

    # --- which rows there are -----------------------------------------------------------------------------------------

    @property
    def rows(self) -> Sequence[Row]:
        """What is shown, from top to bottom."""
        return self._rows

    def row(self, number: int) -> Row:
        """Return what a row shows."""
        return self._rows[number]

    def row_of(self, row_id: int) -> int:
        """Return the number of the row that shows what has this id; -1 when it is not here."""
        return next((number for number, row in enumerate(self._rows) if self.id_of(row) == row_id), -1)

    def set_rows(self, rows: Iterable[Row]) -> bool:
        """Show these; return whether rows came, went or moved, so that a view has to select anew."""
        ordered = sorted(rows, key=lambda row: (self.name_of(row).casefold(), self.id_of(row)))
        same = [self.id_of(row) for row in ordered] == [self.id_of(row) for row in self._rows]
        if same:
            self._rows = ordered
            self.refresh()
            return False
        self.beginResetModel()
        self._rows = ordered
        self._write()
        self.endResetModel()
        return True

    def refresh(self) -> None:
        """Write everything anew: time went by."""
        self._write()
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(self._titles) - 1))

    def _write(self) -> None:
        self._texts = [self._line(row) for row in self._rows]

    # --- Qt's side ----------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(self._titles)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the title of a column, and its side."""
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self._titles):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._titles[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return NUMBERS if section in self._numeric else WORDS
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return what can be done with a cell."""
        flags = super().flags(index)
        if index.isValid() and index.column() == _SWITCH:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if not index.isValid():
            return None
        row, column = self._rows[index.row()], index.column()
        switch = column == _SWITCH
        if role == Qt.ItemDataRole.DisplayRole:
            return self._texts[index.row()][column]
        if role == Qt.ItemDataRole.CheckStateRole and switch:
            return Qt.CheckState.Checked if self.is_on(row) else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._colour(row, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return NUMBERS if column in self._numeric else WORDS
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(self._tip(row, column))
        if role == Qt.ItemDataRole.AccessibleTextRole and switch:
            return self.tr("on") if self.is_on(row) else self.tr("off")
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802
        """Ask to switch something on or off; the box changes when that is stored."""
        if role == Qt.ItemDataRole.CheckStateRole and index.isValid() and index.column() == _SWITCH:
            row = self._rows[index.row()]
            self.enable_wanted.emit(self.id_of(row), Qt.CheckState(value) == Qt.CheckState.Checked)
        return False
