"""The lines of the log console: a ring of rows for the table."""

from bisect import bisect_left, bisect_right
from collections.abc import Container, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any

import msgspec
from PySide6.QtCore import QAbstractTableModel, QObject, Qt

from quaero_desktop.domain.jobs import TailLine
from quaero_desktop.ui import format
from quaero_desktop.ui.models.cells import NOWHERE, Index

CAPACITY = 50_000
"""The most lines that the console keeps; older ones are in the library."""


class Column(IntEnum):
    """The columns of the table."""

    TIME = 0
    LEVEL = 1
    JOB = 2
    MESSAGE = 3


_TEXT_ROLES = frozenset({Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole})
LEVEL_WORDS = {"debug": "debug", "info": "info", "warn": "warning", "error": "error"}


class LogRow(msgspec.Struct, frozen=True, gc=False):
    """A line as the table shows it, worked out once.

    Attributes:
        time: the time of day, in the person's zone.
        place: whose line it is, as the table says it; *name* is the whole name or URL.
        folded: what a filter looks at.
    """

    id: int
    job_id: int
    root_id: int
    at: int
    level: str
    time: str
    place: str
    name: str
    message: str
    folded: str

    @classmethod
    def of(cls, line: TailLine, *, with_host: bool) -> "LogRow":
        """Return the row of a line; *with_host* says of pages which site they are of."""
        name = format.clean(line.name)
        place = name
        if name.startswith(("https://", "http://")):
            place = format.path_of(name)
            if with_host:
                place = format.host_of(name) + place
        message = format.clean(line.message)
        folded = f"{message}\n{name}\n{LEVEL_WORDS[line.level]}".casefold()
        at = line.at
        return cls(line.id, line.job_id, line.root_id, at, line.level, _clock(at // 1000), place, name, message, folded)

    def when(self, today: int) -> str:
        """Return the time of day, and the day where it is not *today*, which began then, in milliseconds UTC."""
        return self.time if self.at >= today else _exact(self.at // 1000)

    def text(self) -> str:
        """Return the line for a file or the clipboard."""
        whole = f"{_exact(self.at // 1000)}.{self.at % 1000:03d}"
        return f"{whole}  {LEVEL_WORDS[self.level]:<7}  {self.name}  {self.message}"


# Many lines share a second, and telling the time takes longer than all the rest.
@lru_cache(maxsize=4096)
def _exact(second: int) -> str:
    return format.exact(second * 1000)


@lru_cache(maxsize=4096)
def _clock(second: int) -> str:
    return format.clock(second * 1000)


class LogModel(QAbstractTableModel):
    """The lines that are held, and of those the ones that hold the filter's text.

    Args:
        capacity: the most lines.
    """

    def __init__(self, parent: QObject | None = None, *, capacity: int = CAPACITY) -> None:
        super().__init__(parent)
        self.capacity = capacity
        self._needle = ""
        self._all: list[LogRow] = []
        # The same list where nothing is filtered.
        self._shown = self._all
        self._headers = (self.tr("Time"), self.tr("Level"), self.tr("Job"), self.tr("Message"))

    # --- what is held -------------------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """How many lines are held, shown or not."""
        return len(self._all)

    @property
    def shown(self) -> int:
        """How many lines are shown."""
        return len(self._shown)

    @property
    def oldest_id(self) -> int | None:
        """The id of the oldest line that is held."""
        return self._all[0].id if self._all else None

    @property
    def newest_id(self) -> int | None:
        """The id of the newest line that is held."""
        return self._all[-1].id if self._all else None

    def row(self, number: int) -> LogRow:
        """Return the line in a row of the table."""
        return self._shown[number]

    def rows(self) -> list[LogRow]:
        """Return the lines that are shown."""
        return list(self._shown)

    def row_of_line(self, line_id: int) -> int | None:
        """Return the row that shows a line, or None."""
        at = bisect_left(self._shown, line_id, key=_id_of)
        return at if at < len(self._shown) and self._shown[at].id == line_id else None

    def holds_any_of(self, jobs: Container[int]) -> bool:
        """Return whether a line of one of these jobs, or of one below them as roots, is held."""
        return any(row.job_id in jobs or row.root_id in jobs for row in self._all)

    def replace(self, rows: Sequence[LogRow]) -> None:
        """Hold these lines and no others."""
        self.beginResetModel()
        self._all = list(rows[-self.capacity :])
        self._filter()
        self.endResetModel()

    def append(self, rows: Sequence[LogRow]) -> int:
        """Add newer lines; return how many rows of the table went from its top to make room."""
        rows = rows[-self.capacity :]
        over = len(self._all) + len(rows) - self.capacity
        gone = self._drop_first(over) if over > 0 else 0
        shown = self._matching(rows)
        if shown:
            first = len(self._shown)
            self.beginInsertRows(NOWHERE, first, first + len(shown) - 1)
        self._all.extend(rows)
        if self._shown is not self._all:
            self._shown.extend(shown)
        if shown:
            self.endInsertRows()
        return gone

    def prepend(self, rows: Sequence[LogRow]) -> int:
        """Add older lines, at the cost of the newest where there is no room; return how many rows came on top."""
        rows = rows[-self.capacity :]
        over = len(self._all) + len(rows) - self.capacity
        if over > 0:
            self._drop_last(over)
        shown = self._matching(rows)
        if shown:
            self.beginInsertRows(NOWHERE, 0, len(shown) - 1)
        self._all[:0] = rows
        if self._shown is not self._all:
            self._shown[:0] = shown
        if shown:
            self.endInsertRows()
        return len(shown)

    @property
    def filter_text(self) -> str:
        """What the lines that are shown hold, in the person's spelling folded; empty for all."""
        return self._needle

    def set_filter(self, text: str) -> None:
        """Show only lines whose message, job or level holds *text*, in whatever case."""
        needle = text.strip().casefold()
        if needle == self._needle:
            return
        self.beginResetModel()
        self._needle = needle
        self._filter()
        self.endResetModel()

    def _filter(self) -> None:
        self._shown = self._all if not self._needle else list(self._matching(self._all))

    def _matching(self, rows: Sequence[LogRow]) -> Sequence[LogRow]:
        needle = self._needle
        return [row for row in rows if needle in row.folded] if needle else rows

    def _drop_first(self, number: int) -> int:
        gone = number
        if self._shown is not self._all:
            gone = bisect_right(self._shown, self._all[number - 1].id, key=_id_of)
        if gone:
            self.beginRemoveRows(NOWHERE, 0, gone - 1)
        del self._all[:number]
        if self._shown is not self._all:
            del self._shown[:gone]
        if gone:
            self.endRemoveRows()
        return gone

    def _drop_last(self, number: int) -> None:
        keep = len(self._all) - number
        stays = keep
        if self._shown is not self._all:
            stays = bisect_left(self._shown, self._all[keep].id, key=_id_of)
        gone = len(self._shown) - stays
        if gone:
            self.beginRemoveRows(NOWHERE, stays, len(self._shown) - 1)
        del self._all[keep:]
        if self._shown is not self._all:
            del self._shown[stays:]
        if gone:
            self.endRemoveRows()

    # --- for Qt -------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """Return how many lines are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802
        """Return the number of columns."""
        return 0 if parent.isValid() else len(Column)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a text; the table paints rows itself and asks for it only to read it out."""
        if role not in _TEXT_ROLES or not index.isValid():
            return None
        row = self._shown[index.row()]
        match index.column():
            case Column.TIME:
                return row.when(format.today()) if role != Qt.ItemDataRole.ToolTipRole else format.exact(row.at)
            case Column.LEVEL:
                return LEVEL_WORDS[row.level] if role != Qt.ItemDataRole.ToolTipRole else None
            case Column.JOB:
                text = row.place if role == Qt.ItemDataRole.DisplayRole else row.name
            case _:
                text = row.message
        return text if role != Qt.ItemDataRole.ToolTipRole else format.tool_tip(text)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the name of a column."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._headers[section]
        return None


def _id_of(row: LogRow) -> int:
    return row.id
