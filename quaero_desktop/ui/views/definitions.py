"""The definitions: what runs by itself or at a click, when it runs next, and how it went last."""

import time
from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QWidget

from quaero_desktop.domain.definitions import StoredDefinition
from quaero_desktop.domain.errors import FieldError
from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.domain.jobs import JobType
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


class DefinitionsView(ListPage):
    """The table of definitions with its tools; it keeps itself up to date.

    Args:
        context: what every part of the window is given.
        now: the time in milliseconds UTC.

    Signals:
        selected: the :class:`Selection`, when other rows are selected or what they say matters to actions.
        job_wanted: the id of a run that is to be shown.
        nightly_wanted: the person wants the definition that most begin with.
    """

    selected = Signal(object)
    job_wanted = Signal(int)
    nightly_wanted = Signal()

    def __init__(
        self,
        context: Context,
        parent: QWidget | None = None,
        *,
        now: Callable[[], int] = lambda: round(time.time() * 1000),
    ) -> None:
        self.model = DefinitionModel(context.theme, now=now)
        self.about = DefinitionDetail(context.theme)
        empty = EmptyState(
            context.theme,
            "calendar-check",
            "",
            "Nightly crawl…",
            self._begin,
        )
        super().__init__(
            context,
            "definitions",
            self.model,
            tools=_TOOLS,
            menu=DEFINITION_MENU,
            detail=self.about,
            empty=empty,
            shares=(0, 0.2, 0.23, 0.2, 0.12, 0.21),
            parent=parent,
        )
        empty.set_sentence(
            self.tr(
                "A definition is a recipe: steps like crawl, summarise and clean up, that run one after the other\n"
                "by a schedule or at a click. Begin with one that collects a site each night."
            )
        )
        self.setObjectName("definitionsView")
        self.model.setParent(self)
        self._now = now
        self._selection = Selection()
        self._wanted: int | None = None
        self._sources: dict[int, str] = {}
        self._is_stale = True
        self.table.setAccessibleName(self.tr("Definitions"))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._tell())
        self.table.clicked.connect(self._clicked)
        self.table.doubleClicked.connect(self._double_clicked)
        self.about.job_wanted.connect(self.job_wanted)
        self.model.enable_wanted.connect(self._enable)
        self._tick = QTimer(self, interval=_TICK_MS)
        self._tick.timeout.connect(self._on_tick)
        context.feed.updated.connect(self._on_update)

    def _begin(self) -> None:
        self.nightly_wanted.emit()

    @property
    def selection(self) -> Selection:
        """What is selected."""
        return self._selection

    @property
    def is_loaded(self) -> bool:
        """Whether what is shown is what the library had when it was last asked."""
        return not self._is_stale

    def select(self, definition_id: int) -> None:
        """Select a definition, as soon as it is here."""
        self._wanted = definition_id
        self.reload()

    def reload(self) -> None:
        """Read everything anew; what is selected stays so."""
        self._is_stale = True
        if self.isVisible():
            self._context.tasks.latest(("definitions", id(self)), self._load())

    async def _load(self) -> None:
        services = self._context.services
        stored = await services.definitions.list()
        jobs = await services.jobs.by_ids([each.last_job for each in stored if each.last_job is not None])
        self._sources = {source.id: source.name for source in await services.jobs.sources()}
        rows = [self._row(each) for each in stored]
        ids = [each.id for each in self._selection.definitions]
        if self._wanted is not None:
            ids, self._wanted = [self._wanted], None
        moved = self.model.set_rows(rows, {job.id: job for job in jobs})
        self.show_empty(not rows)
        places = sorted(place for each in ids if (place := self.model.row_of(each)) >= 0)
        if moved or places != self.selected_rows():
            self.select_rows(places or ([0] if rows else []))
        self._is_stale = False
        self._tell()

    def _row(self, stored: StoredDefinition) -> DefinitionRow:
        schedule = stored.definition.schedule
        definitions = self._context.services.definitions
        try:
            words = definitions.in_words(schedule)
        except FieldError:
            # An import, or an older version, wrote it: it is shown as it is, and the dialog says what is wrong.
            words = schedule
        return DefinitionRow(stored=stored, schedule=words, upcoming=tuple(definitions.next_runs(stored, _NEXT_RUNS)))

    def _tell(self) -> None:
        """Show what is selected, and say so."""
        rows = [self.model.row(number) for number in self.selected_rows()]
        self._selection = Selection(definitions=tuple(row.stored for row in rows))
        self._show_detail()
        self.selected.emit(self._selection)

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

    def _double_clicked(self, index: QModelIndex) -> None:
        if index.column() not in (Column.ENABLED, Column.LAST):
            self._context.actions.trigger(ActionId.EDIT)

    def _enable(self, definition_id: int, enabled: bool) -> None:
        async def store() -> None:
            await self._context.services.definitions.enable(definition_id, enabled)
            self.reload()

        self._context.tasks.spawn(store(), name="enable a definition")

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        """Catch up with what happened while nobody looked."""
        super().showEvent(event)
        self._tick.start()
        self.reload()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Rest while nobody looks."""
        super().hideEvent(event)
        self._tick.stop()
