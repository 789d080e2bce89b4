"""The definitions as Qt sees them: one row each, by name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any

import msgspec
from PySide6.QtCore import QCoreApplication, QObject, Qt

from quaero_desktop.domain.definitions import StoredDefinition
from quaero_desktop.domain.jobs import Job
from quaero_desktop.ui import clock
from quaero_desktop.ui.format import clean, exact, relative, status_words
from quaero_desktop.ui.models.switchtable import SwitchTable
from quaero_desktop.ui.recipewords import does, next_run, step_details
from quaero_desktop.ui.theme import Theme


class Column(IntEnum):
    """The columns, from left to right."""

    ENABLED = 0
    NAME = 1
    DOES = 2
    SCHEDULE = 3
    NEXT = 4
    LAST = 5


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


class DefinitionModel(SwitchTable[DefinitionRow]):
    """Holds the definitions, and their last runs.

    Args:
        theme: for the colours of statuses.
        now: the time in milliseconds UTC.
    """

    def __init__(self, theme: Theme, parent: QObject | None = None, *, now: Callable[[], int] = clock.now) -> None:
        tr = QCoreApplication.translate
        titles = (
            tr("DefinitionModel", "On"),
            tr("DefinitionModel", "Name"),
            tr("DefinitionModel", "What it does"),
            tr("DefinitionModel", "Schedule"),
            tr("DefinitionModel", "Next run"),
            tr("DefinitionModel", "Last run"),
        )
        super().__init__(theme, titles, parent)
        self._now = now
        self._jobs: dict[int, Job] = {}

    def id_of(self, row: DefinitionRow) -> int:
        """Return its id."""
        return row.stored.id

    def name_of(self, row: DefinitionRow) -> str:
        """Return its name."""
        return row.stored.definition.name

    def is_on(self, row: DefinitionRow) -> bool:
        """Whether it may run at all."""
        return row.stored.definition.enabled

    def last_job(self, number: int) -> Job | None:
        """Return the last run of a row, as far as it is known."""
        return self._last_job(self._rows[number])

    def set_definitions(self, rows: Iterable[DefinitionRow], jobs: Mapping[int, Job]) -> bool:
        """Show these definitions; return whether rows came, went or moved, so that a view has to select anew.

        Args:
            rows: all of them.
            jobs: their last runs, by id.
        """
        self._jobs = dict(jobs)
        return self.set_rows(rows)

    def update_jobs(self, jobs: Sequence[Job]) -> None:
        """Take in newer snapshots of runs."""
        shown = {row.stored.last_job for row in self._rows}
        newer = {job.id: job for job in jobs if job.id in shown and self._jobs.get(job.id) != job}
        if newer:
            self._jobs |= newer
            self.refresh()

    def headerData(  # noqa: N802 (Qt's name)
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the title of a column, its side, or what it means."""
        if (
            orientation is Qt.Orientation.Horizontal
            and section == Column.ENABLED
            and role == Qt.ItemDataRole.ToolTipRole
        ):
            return self.tr("Whether it may run at all")
        return super().headerData(section, orientation, role)

    def _last_job(self, row: DefinitionRow) -> Job | None:
        job_id = row.stored.last_job
        return None if job_id is None else self._jobs.get(job_id)

    def _line(self, row: DefinitionRow) -> tuple[str, ...]:
        stored, now = row.stored, self._now()
        moment = row.upcoming[0] if row.upcoming else None
        schedule = row.schedule[:1].upper() + row.schedule[1:]
        return (
            "",
            clean(stored.definition.name) or self.tr("Without a name"),
            self.tr("✕ Cannot run: edit it") if stored.problem else does(stored.definition),
            clean(schedule),
            next_run(stored, moment, now),
            self._last(row, now),
        )

    def _last(self, row: DefinitionRow, now: int) -> str:
        stored, job = row.stored, self._last_job(row)
        if job is not None:
            words = status_words(job.status, 0)
            if job.status == "completed" and job.warnings:
                words = status_words(job.status, job.warnings).partition(",")[0]
            return f"{words} · {relative(job.started_at or job.created_at, now)}"
        return self.tr("never") if stored.last_run is None else relative(stored.last_run, now)

    def _colour(self, row: DefinitionRow, column: int) -> Any:
        stored = row.stored
        if column == Column.DOES and stored.problem:
            return self._theme.status_colour("failed")
        if column == Column.LAST and (job := self._last_job(row)) is not None:
            return self._theme.status_colour(job.status, job.warnings)
        quiet = not stored.definition.enabled
        resting = column == Column.NEXT and stored.schedule_paused and bool(stored.definition.schedule)
        if resting and not quiet:
            return self._theme.status_colour("paused")
        return self._theme.muted if quiet else None

    def _tip(self, row: DefinitionRow, column: int) -> str:
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
                job = self._last_job(row)
                if job is None:
                    return "" if row.stored.last_run is None else exact(row.stored.last_run)
                begun = exact(job.started_at or job.created_at)
                error = f"\n{job.error}" if job.error else ""
                return f"{begun}{error}\n{self.tr('Click to see it')}"
        return ""
