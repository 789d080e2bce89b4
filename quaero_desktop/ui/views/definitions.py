"""The definitions: what runs by itself or at a click, when it runs next, and how it went last."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QModelIndex, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from quaero_desktop.domain.definitions import StoredDefinition
from quaero_desktop.domain.errors import FieldError
from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.domain.jobs import Job, JobType
from quaero_desktop.ui import clock
from quaero_desktop.ui.actions import DEFINITION_MENU, ActionId, Selection
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.models.definitions import Column, DefinitionModel, DefinitionRow
from quaero_desktop.ui.views.definitiondetail import DefinitionDetail
from quaero_desktop.ui.views.listpage import ListPage
from quaero_desktop.ui.widgets.labels import EmptyState

_TICK_MS = 10_000
_NEXT_RUNS = 3
_TOOLS = (
    ActionId.NEW_DEFINITION, None, ActionId.RUN_NOW, ActionId.EDIT, ActionId.PAUSE_SCHEDULE, None,
    ActionId.IMPORT_DEFINITION, ActionId.EXPORT_DEFINITION,
)  # fmt: skip


class DefinitionsView(ListPage[DefinitionRow]):
    """The table of definitions with its tools; it keeps itself up to date.

    Args:
        context: what every part of the window is given.
        now: the time in milliseconds UTC.

    Signals:
        job_wanted: the id of a run that is to be shown.
        nightly_wanted: the person wants the definition that most begin with.
    """

    CLICKED = frozenset((Column.ENABLED, Column.LAST))

    job_wanted = Signal(int)
    nightly_wanted = Signal()

    def __init__(
        self,
        context: Context,
        parent: QWidget | None = None,
        *,
        now: Callable[[], int] = clock.now,
    ) -> None:
        super().__init__(context, "definitions", parent)
        self.model = DefinitionModel(context.theme, self, now=now)
        self.about = DefinitionDetail(context.theme)
        self._now = now
        self._sources: dict[int, str] = {}
        self._lay_out(
            self.model,
            title=self.tr("Definitions"),
            tools=_TOOLS,
            menu=DEFINITION_MENU,
            detail=self.about,
            empty=EmptyState(
                context.theme,
                "calendar-check",
                self.tr(
                    "A definition is a recipe: steps like crawl, summarise and clean up, that run one after the other\n"
                    "by a schedule or at a click. Begin with one that collects a site each night."
                ),
                self.tr("Nightly crawl…"),
                self.nightly_wanted.emit,
            ),
            shares=(0, 0.2, 0.23, 0.2, 0.12, 0.21),
        )
        self.table.clicked.connect(self._clicked)
        self.about.job_wanted.connect(self.job_wanted)
        self._tick = QTimer(self, interval=_TICK_MS)
        self._tick.timeout.connect(self._on_tick)
        context.feed.updated.connect(self._on_update)

    async def _read(self) -> tuple[list[DefinitionRow], dict[int, Job]]:
        services = self._context.services
        stored = await services.definitions.list()
        jobs = await services.jobs.by_ids([each.last_job for each in stored if each.last_job is not None])
        self._sources = dict((await services.definitions.names()).sources)
        return [self._row(each) for each in stored], {job.id: job for job in jobs}

    def _show(self, read: tuple[list[DefinitionRow], dict[int, Job]]) -> bool:
        return self.model.set_definitions(*read)

    def _select(self, rows: Sequence[DefinitionRow]) -> Selection:
        return Selection(definitions=tuple(row.stored for row in rows))

    async def _switch(self, row_id: int, on: bool) -> None:
        await self._context.services.definitions.enable(row_id, on)

    def _row(self, stored: StoredDefinition) -> DefinitionRow:
        schedule = stored.definition.schedule
        definitions = self._context.services.definitions
        try:
            words = definitions.in_words(schedule)
        except FieldError:
            # An import, or an older version, wrote it: it is shown as it is, and the dialog says what is wrong.
            words = schedule
        return DefinitionRow(stored=stored, schedule=words, upcoming=tuple(definitions.next_runs(stored, _NEXT_RUNS)))

    def _show_detail(self) -> None:
        rows = self.selected_rows()
        if len(rows) != 1:
            self.about.show_none(len(rows))
            return
        names = {row.stored.id: row.stored.definition.name for row in self.model.rows}
        row = self.model.row(rows[0])
        self.about.show_row(row, self.model.last_job(rows[0]), self._sources, names, self._now())

    def _on_update(self, update: FeedUpdate) -> None:
        runs = [job for job in update.roots if job.definition_id is not None or job.type == JobType.DEFINITION_RUN]
        shown = {row.stored.last_job for row in self.model.rows}
        if any(job.id not in shown for job in runs) or not shown.isdisjoint(update.removed):
            # A run began, or is gone: which is the last one now says the library.
            self.reload()
        elif runs:
            self.model.update_jobs(runs)
            self._show_detail()

    def _on_tick(self) -> None:
        """Some seconds went by: what comes next may have come."""
        now = self._now()
        if any(row.upcoming and row.upcoming[0] <= now for row in self.model.rows):
            self.reload()
        else:
            self.model.refresh()
            self._show_detail()

    def _clicked(self, index: QModelIndex) -> None:
        if index.column() == Column.LAST and (job := self.model.last_job(index.row())) is not None:
            self.job_wanted.emit(job.id)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        """Catch up with what happened while nobody looked."""
        super().showEvent(event)
        self._tick.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Rest while nobody looks."""
        super().hideEvent(event)
        self._tick.stop()
