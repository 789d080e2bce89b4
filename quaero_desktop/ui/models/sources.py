"""The sources as Qt sees them: one row each, by name."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from quaero_desktop.domain.sources import Source
from quaero_desktop.ui.format import clean, count, tool_tip
from quaero_desktop.ui.recipewords import credential_words, site_of
from quaero_desktop.ui.theme import Theme

Index = QModelIndex | QPersistentModelIndex


class Column(IntEnum):
    """The columns, from left to right."""

    ENABLED = 0
    NAME = 1
    ADDRESS = 2
    SIGN_IN = 3
    DOCUMENTS = 4


_TITLES = ("On", "Name", "Address", "Sign-in", "Documents")


class SourceModel(QAbstractTableModel):
    """Holds the sources.

    Args:
        theme: for the colour of what is switched off.

    Signals:
        enable_wanted: the id of a source whose box was ticked or cleared, and whether it is ticked now.
    """

    enable_wanted = Signal(int, bool)

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._sources: list[Source] = []
        self._texts: list[tuple[str, ...]] = []
        theme.changed.connect(self._tell)

    def source(self, number: int) -> Source:
        """Return what a row shows."""
        return self._sources[number]

    def row_of(self, source_id: int) -> int:
        """Return the row of a source; -1 when it is not here."""
        return next((number for number, source in enumerate(self._sources) if source.id == source_id), -1)

    def set_sources(self, sources: Sequence[Source]) -> bool:
        """Show these; return whether rows came, went or moved, so that a view has to select anew."""
        ordered = sorted(sources, key=lambda source: (source.name.casefold(), source.id))
        same = [source.id for source in ordered] == [source.id for source in self._sources]
        if not same:
            self.beginResetModel()
        self._sources = ordered
        self._texts = [
            (
                "",
                clean(source.name),
                site_of(source),
                clean(credential_words(source.credential)),
                count(source.documents),
            )
            for source in ordered
        ]
        if same:
            self._tell()
        else:
            self.endResetModel()
        return not same

    # --- Qt's side ----------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 (Qt's name and default)
        """Return how many sources there are."""
        return 0 if parent.isValid() else len(self._sources)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(Column)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the title of a column."""
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(Column):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.tr(_TITLES[section])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return what can be done with a cell."""
        flags = super().flags(index)
        if index.isValid() and index.column() == Column.ENABLED:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if not index.isValid():
            return None
        number, column = index.row(), index.column()
        source = self._sources[number]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._texts[number][column]
        if role == Qt.ItemDataRole.CheckStateRole and column == Column.ENABLED:
            return Qt.CheckState.Checked if source.enabled else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.ForegroundRole and not source.enabled:
            return self._theme.muted
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(source.base_url if column in (Column.NAME, Column.ADDRESS) else self._texts[number][column])
        if role == Qt.ItemDataRole.AccessibleTextRole and column == Column.ENABLED:
            return self.tr("on") if source.enabled else self.tr("off")
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802
        """Ask to switch a source on or off; the box changes when that is stored."""
        if role == Qt.ItemDataRole.CheckStateRole and index.isValid() and index.column() == Column.ENABLED:
            self.enable_wanted.emit(self._sources[index.row()].id, Qt.CheckState(value) == Qt.CheckState.Checked)
        return False

    def _tell(self) -> None:
        if self._sources:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._sources) - 1, len(Column) - 1))


def _alignment(column: int) -> int:
    side = Qt.AlignmentFlag.AlignRight if column == Column.DOCUMENTS else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)
