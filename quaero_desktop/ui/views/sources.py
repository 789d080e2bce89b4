"""The sources: the sites that are collected, each with its rules and how it is signed in to."""

import time
from collections.abc import Callable

from PySide6.QtCore import QModelIndex, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QWidget

from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.ui.actions import SOURCE_MENU, ActionId, Selection
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.models.sources import Column, SourceModel
from quaero_desktop.ui.recipewords import as_new
from quaero_desktop.ui.views.listpage import ListPage
from quaero_desktop.ui.views.sourcedetail import SourceDetail
from quaero_desktop.ui.widgets.labels import EmptyState

_AGAIN_MS = 2_000
_TOOLS = (
    ActionId.NEW_SOURCE, None, ActionId.RUN_NOW, ActionId.EDIT, ActionId.SIGN_IN,
)  # fmt: skip


class SourcesView(ListPage):
    """The table of sources with its tools; it keeps itself up to date.

    Args:
        context: what every part of the window is given.
        now: the time in milliseconds UTC.

    Signals:
        selected: the :class:`Selection`, when other rows are selected or what they say matters to actions.
    """

    selected = Signal(object)

    def __init__(
        self,
        context: Context,
        parent: QWidget | None = None,
        *,
        now: Callable[[], int] = lambda: round(time.time() * 1000),
    ) -> None:
        self.model = SourceModel(context.theme)
        self.about = SourceDetail(context.theme)
        empty = EmptyState(
            context.theme,
            "globe-simple",
            "",
            "New source…",
            lambda: context.actions.trigger(ActionId.NEW_SOURCE),
        )
        super().__init__(
            context,
            "sources",
            self.model,
            tools=_TOOLS,
            menu=SOURCE_MENU,
            detail=self.about,
            empty=empty,
            shares=(0, 0.26, 0.36, 0.22, 0.12),
            parent=parent,
        )
        empty.set_sentence(
            self.tr(
                "A source is a site with its rules and its sign-in. Each crawl makes one for the site it collects;\n"
                "make one yourself to set rules once, or to sign in to a site."
            )
        )
        self.setObjectName("sourcesView")
        self.model.setParent(self)
        self._now = now
        self._selection = Selection()
        self._wanted: int | None = None
        self._is_stale = True
        self.table.setAccessibleName(self.tr("Sources"))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._tell())
        self.table.doubleClicked.connect(self._double_clicked)
        self.about.sign_in_wanted.connect(lambda: context.actions.trigger(ActionId.SIGN_IN))
        self.model.enable_wanted.connect(self._enable)
        self._later = QTimer(self, interval=_AGAIN_MS, singleShot=True)
        self._later.timeout.connect(self.reload)
        context.feed.updated.connect(self._on_update)

    @property
    def selection(self) -> Selection:
        """What is selected."""
        return self._selection

    @property
    def is_loaded(self) -> bool:
        """Whether what is shown is what the library had when it was last asked."""
        return not self._is_stale

    def select(self, source_id: int) -> None:
        """Select a source, as soon as it is here."""
        self._wanted = source_id
        self.reload()

    def reload(self) -> None:
        """Read everything anew; what is selected stays so."""
        self._is_stale = True
        if self.isVisible():
            self._context.tasks.latest(("sources", id(self)), self._load())

    async def _load(self) -> None:
        sources = await self._context.services.sources.list()
        ids = [each.id for each in self._selection.sources]
        if self._wanted is not None:
            ids, self._wanted = [self._wanted], None
        moved = self.model.set_sources(sources)
        self.show_empty(not sources)
        places = sorted(place for each in ids if (place := self.model.row_of(each)) >= 0)
        if moved or places != self.selected_rows():
            self.select_rows(places or ([0] if sources else []))
        self._is_stale = False
        self._tell()

    def _tell(self) -> None:
        """Show what is selected, and say so."""
        sources = [self.model.source(number) for number in self.selected_rows()]
        self._selection = Selection(sources=tuple(sources))
        if len(sources) == 1:
            self.about.show_source(sources[0], self._now())
        else:
            self.about.show_none(len(sources))
        self.selected.emit(self._selection)

    def _on_update(self, update: FeedUpdate) -> None:
        # A crawl may have made a source, and its documents are counted here: now and then is often enough.
        if update.roots and self.isVisible() and not self._later.isActive():
            self._later.start()

    def _double_clicked(self, index: QModelIndex) -> None:
        if index.column() != Column.ENABLED:
            self._context.actions.trigger(ActionId.EDIT)

    def _enable(self, source_id: int, enabled: bool) -> None:
        async def store() -> None:
            sources = self._context.services.sources
            await sources.update(source_id, as_new(await sources.get(source_id), enabled=enabled))
            self.reload()

        self._context.tasks.spawn(store(), name="enable a source")

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        """Catch up with what happened while nobody looked."""
        super().showEvent(event)
        self.reload()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Rest while nobody looks."""
        super().hideEvent(event)
        self._later.stop()
