"""The children of a root as Qt sees them: a table of a million rows that holds their ids, and only the seen rows.

The list of ids is 8 bytes a row. A row is read when it is first painted, together with its neighbours, and shown as
“…” until then; what it says in a column is written when that is first asked for, and kept.
"""

from array import array
from collections.abc import Callable, Coroutine, Iterable, Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QObject, Qt, QTimer
from PySide6.QtGui import QColor

from quaero_desktop.domain.jobs import OPEN_STATUSES, JobType
from quaero_desktop.domain.pagelist import PageRow
from quaero_desktop.domain.words import CAUSES, REASONS, status_words
from quaero_desktop.ui import format as written
from quaero_desktop.ui.models.cells import NOWHERE, NUMBERS, WORDS, Index
from quaero_desktop.ui.tasks import Tasks
from quaero_desktop.ui.theme import Theme

ReadRows = Callable[[Sequence[int]], Coroutine[Any, Any, tuple[PageRow, ...]]]

ID_ROLE = Qt.ItemDataRole.UserRole + 1
"""The id of the job in a row."""

_NEIGHBOURS = 48
"""So many rows before and after what is missing are read with it."""
_MOST_AT_ONCE = 512
"""The most rows of one reading: of those that were scrolled past meanwhile the newest count."""
_MOST_KEPT = 8_192
"""So many rows are kept; then those that were read longest ago go."""
_COMPARED = 16_384
"""So many ids of two lists are compared at a time: they stay in the processor's cache."""
_PENDING_TEXT = "…"


class PageColumn(IntEnum):
    """The columns, from left to right."""

    STATUS = 0
    CODE = 1
    TITLE = 2
    URL = 3
    DEPTH = 4
    SIZE = 5
    TIME = 6
    REASON = 7
    TYPE = 8
    FOUND = 9
    FINISHED = 10


ORDERS: dict[PageColumn, str] = {column: column.name.lower() for column in PageColumn}
"""By what a column is sorted: one of :data:`quaero_desktop.domain.pagelist.PAGE_ORDERS`."""
HIDDEN_AT_FIRST = (PageColumn.TYPE, PageColumn.FOUND, PageColumn.FINISHED)
NUMERIC = frozenset({PageColumn.CODE, PageColumn.DEPTH, PageColumn.SIZE, PageColumn.TIME})
_ALIGNMENTS = tuple(NUMBERS if column in NUMERIC else WORDS for column in PageColumn)
_COLUMNS = len(PageColumn)
_TYPES: dict[str, str] = {
    JobType.CRAWLER_URL: "page",
    JobType.VALIDATE: "check",
    JobType.SITEMAP: "sitemap",
    JobType.SUMMARISE: "summary",
    JobType.CORPUS_SUMMARY: "corpus summary",
    JobType.CLEANUP: "clean-up",
    JobType.PREREQUISITE: "runs before",
}


def reason_words(row: PageRow) -> str:
    """Return in plain words why a job failed or was withdrawn; empty when there is nothing to explain."""
    if row.cause is not None:
        words = CAUSES.get(row.cause) or REASONS.get(row.cause) or written.clean(row.cause.replace("_", " "))
        return words[:1].upper() + words[1:]
    if row.error:
        return written.clean(row.error)
    return f"attempt {row.attempt}" if row.attempt > 1 and row.status in OPEN_STATUSES else ""


def milliseconds(number: int | None) -> str:
    """Return how long a request took."""
    if number is None:
        return ""
    return f"{number:,} ms" if number < 1_000 else written.duration(number / 1_000)


def _cell(row: PageRow, column: int, origin: str) -> str:
    """Return what a row says in a column; addresses that begin with *origin* as paths."""
    match column:
        case PageColumn.STATUS:
            return status_words(row.status)
        case PageColumn.CODE:
            return "" if row.code is None else str(row.code)
        case PageColumn.TITLE:
            return written.clean(row.title, 400)
        case PageColumn.URL:
            url = row.url or ""
            return written.path_of(url) if origin and url.startswith(origin) else written.clean(url)
        case PageColumn.DEPTH:
            return str(row.depth)
        case PageColumn.SIZE:
            return "" if row.bytes is None else written.size(row.bytes)
        case PageColumn.TIME:
            return milliseconds(row.elapsed_ms)
        case PageColumn.REASON:
            return reason_words(row)
        case PageColumn.TYPE:
            return _TYPES.get(row.type, row.type.replace("_", " "))
        case PageColumn.FOUND:
            return written.exact(row.created_at)
        case _:
            return "" if row.completed_at is None else written.exact(row.completed_at)


class ShownRow:
    """A row that was read, and the texts of its columns.

    Attributes:
        row: what was read.
        generation: in which round.
    """

    __slots__ = ("_origin", "_texts", "generation", "row")

    def __init__(self, row: PageRow, origin: str, generation: int) -> None:
        self.row = row
        self.generation = generation
        self._origin = origin
        # Of some hundred rows that are read at once, few columns of few are ever seen.
        self._texts: list[str | None] = [None] * _COLUMNS

    def text(self, column: int) -> str:
        """Return what it says in a column."""
        text = self._texts[column]
        if text is None:
            text = self._texts[column] = _cell(self.row, column, self._origin)
        return text


def is_beginning(short: "array[int]", ids: "array[int]") -> bool:
    """Return whether a list begins with all of another; of a million ids no more is copied than has to be looked at."""
    if len(short) > len(ids):
        return False
    # Lists in another order differ in their first rows.
    return all(
        short[start : start + _COMPARED] == ids[start : min(start + _COMPARED, len(short))]
        for start in range(0, len(short), _COMPARED)
    )


class PageTable(QAbstractTableModel):
    """A list of ids whose rows are read when they are seen.

    Args:
        theme: for the colours of statuses.
        tasks: runs what reads.
        read: gives rows by their ids, without those that are gone.
    """

    def __init__(self, theme: Theme, tasks: Tasks, read: ReadRows, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._tasks = tasks
        self._read = read
        self._key = ("rows of pages", id(self))
        self._ids: array[int] = array("q")
        self._count = 0
        self._origin = ""
        self._shown: dict[int, ShownRow] = {}
        self._gone: set[int] = set()
        self._generation = 0
        self._missed: dict[int, None] = {}
        self._reading: object | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._read_missed)
        self._headers = (
            self.tr("Status"), self.tr("Code"), self.tr("Title"), self.tr("Address"), self.tr("Depth"), self.tr("Size"),
            self.tr("Time"), self.tr("Reason"), self.tr("Type"), self.tr("Found"), self.tr("Finished"),
        )  # fmt: skip
        self._header_tips = (
            self.tr("Where the page is in its life"), self.tr("The HTTP status of the server's answer"),
            self.tr("The title of the stored document"), self.tr("The address of the page"),
            self.tr("How many links it is away from the start"), self.tr("How much came over the wire"),
            self.tr("From the request to the last byte"), self.tr("Why it failed or was withdrawn"),
            self.tr("What kind of work it is"), self.tr("When it was first met"), self.tr("When it ended"),
        )  # fmt: skip
        self._colours: dict[str, QColor] = {}
        self._muted = theme.muted
        theme.changed.connect(self._repaint)

    # --- What is shown ----------------------------------------------------------------------------------------------

    @property
    def ids(self) -> "array[int]":
        """The ids in order; fewer than there are rows while only the first screen is known. Not to be changed."""
        return self._ids

    def clear(self) -> None:
        """Show nothing, and forget every row."""
        self.beginResetModel()
        self._forget()
        self._ids = array("q")
        self._count = 0
        self._origin = ""
        self.endResetModel()

    def set_origin(self, origin: str) -> None:
        """Show addresses that begin with *origin* as paths."""
        if origin != self._origin:
            self._origin = origin
            for job_id, shown in self._shown.items():
                self._shown[job_id] = ShownRow(shown.row, origin, shown.generation)
            self._tell_all()

    def begun_with(self, ids: "array[int]") -> bool:
        """Return whether what is known of the list that is shown is the beginning of this one."""
        return bool(self._ids) and is_beginning(self._ids, ids)

    def begin(self, rows: Sequence[PageRow], total: int | None) -> None:
        """Show the first screen of another list, before its ids are known.

        Args:
            rows: the first.
            total: how many there will be; None when nobody knows yet.
        """
        self.beginResetModel()
        self._ids = array("q", [row.id for row in rows])
        self._count = len(rows) if total is None else max(total, len(rows))
        self._keep(rows)
        self.endResetModel()

    def replace(self, ids: "array[int]") -> None:
        """Show these ids, in their order.

        Rows are places: at the end some come or go, and all the others say something else. So no view has to lay out a
        million rows anew, and its scroll position stays; whoever selected rows selects them anew by their ids.
        """
        known, before, after = self._ids, self._count, len(ids)
        same = min(len(known), after)
        begins_alike = is_beginning(known if len(known) <= after else ids, ids if len(known) <= after else known)
        if begins_alike and len(known) == before <= after:
            self.append(ids[before:])
            return
        # First come or go the places at the end, with all rows as they were, and then the rows are others.
        if after > before:
            self.beginInsertRows(NOWHERE, before, after - 1)
            self._count = after
            self.endInsertRows()
        elif after < before:
            self.beginRemoveRows(NOWHERE, after, before - 1)
            self._ids = known[:after]
            self._count = after
            self.endRemoveRows()
        self._ids = ids
        self._missed.clear()
        first = same if begins_alike else 0
        if first < after:
            self.dataChanged.emit(self.index(first, 0), self.index(after - 1, _COLUMNS - 1))

    def append(self, ids: "array[int]") -> None:
        """Add rows at the end."""
        if ids:
            self.beginInsertRows(NOWHERE, self._count, self._count + len(ids) - 1)
            self._ids.extend(ids)
            self._count = len(self._ids)
            self.endInsertRows()

    def refresh(self, first: int, last: int) -> None:
        """Read these rows anew, which are seen now; the others are read anew when they are seen again."""
        self._generation += 1
        self._gone.clear()
        for row in range(max(0, first), min(last + 1, len(self._ids))):
            self._missed[row] = None
        self._look_soon()

    def id_at(self, row: int) -> int | None:
        """Return the job in a row, or None while that is not known."""
        return self._ids[row] if 0 <= row < len(self._ids) else None

    def row_at(self, row: int) -> PageRow | None:
        """Return what is known of a row, or None while it is being read."""
        job_id = self.id_at(row)
        shown = None if job_id is None else self._shown.get(job_id)
        return None if shown is None else shown.row

    def known(self, job_id: int) -> PageRow | None:
        """Return what is known of a job."""
        shown = self._shown.get(job_id)
        return None if shown is None else shown.row

    # --- Qt's questions ---------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """Return how many rows there are."""
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802
        """Return how many columns there are."""
        return 0 if parent.isValid() else _COLUMNS

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell says; it costs two look-ups."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _ALIGNMENTS[index.column()]
        if role not in _ANSWERED:
            return None
        row = index.row()
        if not 0 <= row < self._count:
            return None
        job_id = self._ids[row] if row < len(self._ids) else None
        if role == ID_ROLE:
            return job_id
        shown = None if job_id is None else self._shown.get(job_id)
        if shown is None or shown.generation != self._generation:
            if role == Qt.ItemDataRole.DisplayRole and job_id is not None and job_id not in self._gone:
                self._miss(row)
            if shown is None:
                return self._unknown(index.column(), role, job_id)
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return shown.text(column)
        if role == Qt.ItemDataRole.ForegroundRole:
            return self.status_colour(shown.row.status) if column == PageColumn.STATUS else None
        return self._tip(shown, column)

    def shown(self, row: int) -> ShownRow | None:
        """Return a row for who paints it, or None while it is not known; what is missing is read soon."""
        job_id = self._ids[row] if row < len(self._ids) else None
        shown = None if job_id is None else self._shown.get(job_id)
        if (shown is None or shown.generation != self._generation) and job_id is not None and job_id not in self._gone:
            self._miss(row)
        return shown

    def unknown_text(self, row: int, column: int) -> str:
        """Return what a cell says while its row is not known."""
        return str(self._unknown(column, Qt.ItemDataRole.DisplayRole, self.id_at(row)))

    def status_colour(self, status: str) -> QColor:
        """Return in which colour a status is written."""
        colour = self._colours.get(status)
        if colour is None:
            colour = self._colours[status] = self._theme.status_colour(status)
        return colour

    @property
    def muted(self) -> QColor:
        """The colour of what is not known yet."""
        return self._muted

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the name of a column."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < _COLUMNS:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._headers[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._header_tips[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _ALIGNMENTS[section]
        return None

    # --- Parts ------------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        self._tasks.cancel(self._key)
        self._reading = None
        self._shown.clear()
        self._gone.clear()
        self._missed.clear()

    def _unknown(self, column: int, role: int, job_id: int | None) -> Any:
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._muted
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if job_id in self._gone:
            return self.tr("deleted") if column == PageColumn.STATUS else ""
        return _PENDING_TEXT if column in (PageColumn.STATUS, PageColumn.TITLE) else ""

    def _tip(self, shown: ShownRow, column: int) -> str | None:
        row = shown.row
        text = ""
        match column:
            case PageColumn.STATUS:
                times = [shown.text(PageColumn.STATUS), self.tr("found %s") % written.exact(row.created_at)]
                if row.completed_at is not None:
                    times.append(self.tr("finished %s") % written.exact(row.completed_at))
                if row.attempt > 1:
                    times.append(self.tr("attempt %d") % row.attempt)
                text = "\n".join(times)
            case PageColumn.TITLE:
                text = shown.text(PageColumn.TITLE)
            case PageColumn.URL:
                text = written.clean(row.url or "")
            case PageColumn.REASON:
                text = written.clean(row.error or "") or shown.text(PageColumn.REASON)
            case _:
                return None
        return written.tool_tip(text) or None

    def _miss(self, row: int) -> None:
        self._missed[row] = None
        self._look_soon()

    def _look_soon(self) -> None:
        if self._reading is None and not self._soon.isActive():
            self._soon.start()

    def _read_missed(self) -> None:
        if self._reading is not None or not self._missed:
            return
        newest = sorted(list(self._missed)[-_MOST_AT_ONCE:])
        self._missed.clear()
        # What was painted as unknown while it was being read is known by now.
        self._tell(row for row in newest if row < len(self._ids) and not self._is_stale(self._ids[row]))
        wanted: Iterable[int] = newest
        if newest[-1] - newest[0] < 2 * len(newest):
            wanted = range(max(0, newest[0] - _NEIGHBOURS), newest[-1] + _NEIGHBOURS + 1)
        places = [row for row in wanted if row < len(self._ids) and self._is_stale(self._ids[row])]
        if places:
            self._reading = reading = object()
            self._tasks.latest(self._key, self._fetch(places, reading))

    def _is_stale(self, job_id: int) -> bool:
        shown = self._shown.get(job_id)
        return job_id not in self._gone and (shown is None or shown.generation != self._generation)

    async def _fetch(self, places: list[int], reading: object) -> None:
        generation, ids = self._generation, [self._ids[row] for row in places]
        try:
            rows = await self._read(ids)
        finally:
            # What clears the table ends this reading, and the next may have begun before this one notices.
            if self._reading is reading:
                self._reading = None
        changed = self._keep(rows, generation)
        for job_id in set(ids).difference(row.id for row in rows):
            self._gone.add(job_id)
            self._shown.pop(job_id, None)
            changed.add(job_id)
        self._tell(row for row in places if row < len(self._ids) and self._ids[row] in changed)
        if self._missed:
            self._look_soon()

    def _keep(self, rows: Iterable[PageRow], generation: int | None = None) -> set[int]:
        """Keep what was read; return the ids of the rows that say something else now."""
        generation = self._generation if generation is None else generation
        changed = set()
        for row in rows:
            before = self._shown.pop(row.id, None)
            if before is not None and before.row == row:
                before.generation = generation
                self._shown[row.id] = before
            else:
                self._shown[row.id] = ShownRow(row, self._origin, generation)
                changed.add(row.id)
        for job_id in list(self._shown)[: max(0, len(self._shown) - _MOST_KEPT)]:
            del self._shown[job_id]
        return changed

    def _tell(self, rows: Iterable[int]) -> None:
        """Tell views that these rows, which come in order, say something else now: run by run."""
        start = end = -1
        for row in rows:
            if row != end:
                if end > start:
                    self.dataChanged.emit(self.index(start, 0), self.index(end - 1, _COLUMNS - 1))
                start = row
            end = row + 1
        if end > start:
            self.dataChanged.emit(self.index(start, 0), self.index(end - 1, _COLUMNS - 1))

    def _repaint(self) -> None:
        self._colours.clear()
        self._muted = self._theme.muted
        self._tell_all()

    def _tell_all(self) -> None:
        if self._count:
            self.dataChanged.emit(self.index(0, 0), self.index(self._count - 1, _COLUMNS - 1))


_ANSWERED = frozenset(
    {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ForegroundRole, Qt.ItemDataRole.ToolTipRole, ID_ROLE}
)
