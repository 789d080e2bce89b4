"""The addresses that a crawl met and did not follow: a table that reads on as one scrolls, however long it is."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QObject, Qt, Signal

from quaero_desktop.domain.advice import skip_sentence
from quaero_desktop.domain.listing import Skip
from quaero_desktop.ui.format import clean, tool_tip
from quaero_desktop.ui.models.cells import NOWHERE, NUMBERS, WORDS, Index


class Column(IntEnum):
    """The columns, from left to right."""

    URL = 0
    RULE = 1
    DEPTH = 2
    FOUND_ON = 3


class SkipModel(QAbstractTableModel):
    """Holds the first rows of a list that is ordered by URL, and asks for more.

    Signals:
        more_wanted: the view has come to the end of what is here; answer with :meth:`append`.
    """

    more_wanted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._skips: list[Skip] = []
        self._shown: list[tuple[str, ...]] = []
        self._names: dict[int, str] = {}
        self._total = 0
        self._is_waiting = False
        self._titles = (self.tr("Address"), self.tr("Why not"), self.tr("Depth"), self.tr("Found on"))

    @property
    def total(self) -> int:
        """How many there are, here or not."""
        return self._total

    @property
    def last_url(self) -> str | None:
        """After which URL the list goes on; None where nothing is here."""
        return self._skips[-1].url if self._skips else None

    def skip(self, row: int) -> Skip:
        """Return what a row shows."""
        return self._skips[row]

    def reset(self, skips: Sequence[Skip], total: int, names: Mapping[int, str]) -> None:
        """Show another list.

        Args:
            skips: its first rows.
            total: how many there are.
            names: what the pages are called on which they were found.
        """
        self.beginResetModel()
        self._names = dict(names)
        self._skips = list(skips)
        self._shown = [self._texts(skip) for skip in skips]
        self._total = total
        self._is_waiting = False
        self.endResetModel()

    def append(self, skips: Sequence[Skip], total: int, names: Mapping[int, str]) -> None:
        """Show more rows; see :meth:`reset`. None at all: the list ends here."""
        self._is_waiting = False
        self._names.update(names)
        last = self.last_url
        more = [skip for skip in skips if last is None or skip.url > last]
        self._total = total if more else len(self._skips)
        if more:
            first = len(self._skips)
            self.beginInsertRows(NOWHERE, first, first + len(more) - 1)
            self._skips += more
            self._shown += [self._texts(skip) for skip in more]
            self.endInsertRows()

    def refresh(self, skips: Sequence[Skip], total: int, names: Mapping[int, str]) -> None:
        """Bring the rows up to date: new ones come where they belong, the others keep their place and selection.

        Args:
            skips: the whole list from its beginning to the last row that is here, or to its end.
            total: how many there are.
            names: what the pages are called on which they were found.
        """
        self._names.update(names)
        self._total = total
        wanted = {skip.url: skip for skip in skips}
        for row in range(len(self._skips) - 1, -1, -1):
            if self._skips[row].url not in wanted:
                self.beginRemoveRows(NOWHERE, row, row)
                del self._skips[row], self._shown[row]
                self.endRemoveRows()
        here = {skip.url for skip in self._skips}
        new = [skip for skip in skips if skip.url not in here]
        index = 0
        while index < len(new):
            row = bisect_left(self._skips, new[index].url, key=lambda skip: skip.url)
            # All that go between the same two rows come at once.
            after = self._skips[row].url if row < len(self._skips) else None
            run = [new[index]]
            while index + len(run) < len(new) and (after is None or new[index + len(run)].url < after):
                run.append(new[index + len(run)])
            self.beginInsertRows(NOWHERE, row, row + len(run) - 1)
            self._skips[row:row] = run
            self._shown[row:row] = [self._texts(skip) for skip in run]
            self.endInsertRows()
            index += len(run)

    # --- Qt's side ----------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """Return how many rows are here."""
        return 0 if parent.isValid() else len(self._skips)

    def columnCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(Column)

    def canFetchMore(self, parent: Index) -> bool:  # noqa: N802
        """Return whether there are more rows than are here."""
        return not parent.isValid() and not self._is_waiting and len(self._skips) < self._total

    def fetchMore(self, parent: Index) -> None:  # noqa: N802
        """Ask for more rows."""
        if self.canFetchMore(parent):
            self._is_waiting = True
            self.more_wanted.emit()

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the title of a column."""
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self._titles):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._titles[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return NUMBERS if section == Column.DEPTH else WORDS
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if not index.isValid():
            return None
        row, column = index.row(), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._shown[row][column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(self._shown[row][column])
        if role == Qt.ItemDataRole.TextAlignmentRole and column == Column.DEPTH:
            return NUMBERS
        return None

    def _texts(self, skip: Skip) -> tuple[str, ...]:
        # Once for each row: a repaint asks for each cell many times.
        name = "" if skip.found_on is None else self._names.get(skip.found_on, "")
        return clean(skip.url), clean(skip_sentence(skip.reason, skip.rule)), str(skip.depth), clean(name)
