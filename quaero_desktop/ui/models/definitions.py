"""The definitions as Qt sees them: one row each, by name."""

import time
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any

import msgspec
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from quaero_desktop.domain.definitions import StoredDefinition
from quaero_desktop.domain.jobs import Job
from quaero_desktop.ui.format import clean, exact, relative, status_words, tool_tip
from quaero_desktop.ui.recipewords import does, next_run, step_details
from quaero_desktop.ui.theme import Theme

Index = QModelIndex | QPersistentModelIndex


class Column(IntEnum):
    """The columns, from left to right."""

    ENABLED = 0
    NAME = 1
    DOES = 2
    SCHEDULE = 3
    NEXT = 4
    LAST = 5


_TITLES = ("On", "Name", "What it does", "Schedule", "Next run", "Last run")


class DefinitionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the model is told of a definition.

    Attributes:
        stored: the definition.
        schedule: its schedule in words.
        upcoming: when it runs next by its schedule, in milliseconds UTC, as far as that was asked.
    """

    stored: StoredDefinition
    schedule: str
    upcoming: tuple[int, ...] = ()


class DefinitionModel(QAbstractTableModel):
    """Holds the definitions.

    Args:
        theme: for the colours of statuses.
        now: the time in milliseconds UTC.

    Signals:
        enable_wanted: the id of a definition whose box was ticked or cleared, and whether it is ticked now.
    """

    enable_wanted = Signal(int, bool)

    def __init__(
        self, theme: Theme, parent: QObject | None = None, *, now: Callable[[], int] = lambda: round(time.time() * 1000)
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._now = now
        self._rows: list[DefinitionRow] = []
        self._jobs: dict[int, Job] = {}
        self._texts: list[tuple[str, ...]] = []
        theme.changed.connect(self.refresh)

    @property
    def rows(self) -> Sequence[DefinitionRow]:
        """What is shown, from top to bottom."""
        return self._rows

    def row(self, number: int) -> DefinitionRow:
        """Return what a row shows."""
        return self._rows[number]

    def row_of(self, definition_id: int) -> int:
        """Return the row of a definition; -1 when it is not here."""
        return next((number for number, row in enumerate(self._rows) if row.stored.id == definition_id), -1)

    def last_job(self, number: int) -> Job | None:
        """Return the last run of a row, as far as it is known."""
        job_id = self._rows[number].stored.last_job
        return None if job_id is None else self._jobs.get(job_id)

    def set_rows(self, rows: Sequence[DefinitionRow], jobs: Mapping[int, Job]) -> bool:
        """Show these definitions; return whether rows came, went or moved, so that a view has to select anew.

        Args:
            rows: all of them.
            jobs: their last runs, by id.
        """
        ordered = sorted(rows, key=lambda row: (row.stored.definition.name.casefold(), row.stored.id))
        same = [row.stored.id for row in ordered] == [row.stored.id for row in self._rows]
        if not same:
            self.beginResetModel()
        self._rows, self._jobs = ordered, dict(jobs)
        self._write()
        if same:
            self._tell()
        else:
            self.endResetModel()
        return not same

    def update_jobs(self, jobs: Sequence[Job]) -> None:
        """Take in newer snapshots of runs."""
        shown = {row.stored.last_job for row in self._rows}
        newer = {job.id: job for job in jobs if job.id in shown and self._jobs.get(job.id) != job}
        if newer:
            self._jobs |= newer
            self.refresh()

    def refresh(self) -> None:
        """Write everything anew: time went by."""
        self._write()
        self._tell()

    # --- Qt's side ----------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 (Qt's name and default)
        """Return how many definitions there are."""
        return 0 if parent.isValid() else len(self._rows)

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
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ToolTipRole and section == Column.ENABLED:
            return self.tr("Whether it may run at all")
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
        stored = self._rows[number].stored
        if role == Qt.ItemDataRole.DisplayRole:
            return self._texts[number][column]
        if role == Qt.ItemDataRole.CheckStateRole and column == Column.ENABLED:
            return Qt.CheckState.Checked if stored.definition.enabled else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._colour(number, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tool_tip(self._tip(number, column))
        if role == Qt.ItemDataRole.AccessibleTextRole and column == Column.ENABLED:
            return self.tr("on") if stored.definition.enabled else self.tr("off")
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802
        """Ask to switch a definition on or off; the box changes when that is stored."""
        if role == Qt.ItemDataRole.CheckStateRole and index.isValid() and index.column() == Column.ENABLED:
            self.enable_wanted.emit(self._rows[index.row()].stored.id, Qt.CheckState(value) == Qt.CheckState.Checked)
        return False

    def _write(self) -> None:
        now = self._now()
        self._texts = [self._line(number, now) for number in range(len(self._rows))]

    def _tell(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(Column) - 1))

    def _line(self, number: int, now: int) -> tuple[str, ...]:
        row = self._rows[number]
        stored = row.stored
        moment = row.upcoming[0] if row.upcoming else None
        schedule = row.schedule[:1].upper() + row.schedule[1:]
        return (
            "",
            clean(stored.definition.name) or self.tr("Without a name"),
            self.tr("✕ Cannot run: edit it") if stored.problem else does(stored.definition),
            clean(schedule),
            next_run(stored, moment, now),
            self._last(number, now),
        )

    def _last(self, number: int, now: int) -> str:
        stored, job = self._rows[number].stored, self.last_job(number)
        if job is not None:
            words = status_words(job.status, 0)
            if job.status == "completed" and job.warnings:
                words = status_words(job.status, job.warnings).partition(",")[0]
            return f"{words} · {relative(job.started_at or job.created_at, now)}"
        return self.tr("never") if stored.last_run is None else relative(stored.last_run, now)

    def _colour(self, number: int, column: int) -> Any:
        stored = self._rows[number].stored
        if column == Column.DOES and stored.problem:
            return self._theme.status_colour("failed")
        if column == Column.LAST and (job := self.last_job(number)) is not None:
            return self._theme.status_colour(job.status, job.warnings)
        quiet = not stored.definition.enabled
        resting = column == Column.NEXT and stored.schedule_paused and bool(stored.definition.schedule)
        if resting and not quiet:
            return self._theme.status_colour("paused")
        return self._theme.muted if quiet else None

    def _tip(self, number: int, column: int) -> str:
        row = self._rows[number]
        definition = row.stored.definition
        match column:
            case Column.NAME:
                return "\n".join(part for part in (definition.name, definition.description) if part)
            case Column.DOES if row.stored.problem:
                return row.stored.problem
            case Column.DOES:
                lines = [
                    f"{place}. {step.name}" + (f": {details}" if (details := step_details(step)) else "")
                    for place, step in enumerate(definition.steps[:20], 1)
                ]
                return "\n".join(lines)
            case Column.SCHEDULE:
                return "\n".join(part for part in (row.schedule, definition.schedule) if part)
            case Column.NEXT:
                return "\n".join(exact(moment) for moment in row.upcoming)
            case Column.LAST:
                job = self.last_job(number)
                if job is None:
                    return "" if row.stored.last_run is None else exact(row.stored.last_run)
                begun = exact(job.started_at or job.created_at)
                error = f"\n{job.error}" if job.error else ""
                return f"{begun}{error}\n{self.tr('Click to see it')}"
        return ""
