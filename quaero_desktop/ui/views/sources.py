"""The sources: the sites that are collected, each with its rules and how it is signed in to."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QWidget

from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.domain.sources import Source
from quaero_desktop.ui import clock
from quaero_desktop.ui.actions import SOURCE_MENU, ActionId, Selection
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.models.sources import SourceModel
from quaero_desktop.ui.recipewords import as_new
from quaero_desktop.ui.views.listpage import ListPage
from quaero_desktop.ui.views.sourcedetail import SourceDetail
from quaero_desktop.ui.widgets.labels import EmptyState

_AGAIN_MS = 2_000
_TOOLS = (
    ActionId.NEW_SOURCE, None, ActionId.RUN_NOW, ActionId.EDIT, ActionId.SIGN_IN,
)  # fmt: skip


class SourcesView(ListPage[Source]):
    """The table of sources with its tools; it keeps itself up to date.

    Args:
        context: what every part of the window is given.
        now: the time in milliseconds UTC.
    """

    def __init__(
        self,
        context: Context,
        parent: QWidget | None = None,
        *,
        now: Callable[[], int] = clock.now,
    ) -> None:
        super().__init__(context, "sources", parent)
        self.model = SourceModel(context.theme, self)
        self.about = SourceDetail(context.theme)
        self._now = now
        self._lay_out(
            self.model,
            title=self.tr("Sources"),
            tools=_TOOLS,
            menu=SOURCE_MENU,
            detail=self.about,
            empty=EmptyState(
                context.theme,
                "globe-simple",
                self.tr(
                    "A source is a site with its rules and its sign-in."
                    " Each crawl makes one for the site it collects;\n"
                    "make one yourself to set rules once, or to sign in to a site."
                ),
                self.tr("New source…"),
                lambda: context.actions.trigger(ActionId.NEW_SOURCE),
            ),
            shares=(0, 0.26, 0.36, 0.22, 0.12),
        )
        self.about.sign_in_wanted.connect(lambda: context.actions.trigger(ActionId.SIGN_IN))
        self._later = QTimer(self, interval=_AGAIN_MS, singleShot=True)
        self._later.timeout.connect(self.reload)
        context.feed.updated.connect(self._on_update)

    async def _read(self) -> tuple[Source, ...]:
        return await self._context.services.sources.list()

    def _show(self, read: tuple[Source, ...]) -> bool:
        return self.model.set_rows(read)

    def _select(self, rows: Sequence[Source]) -> Selection:
        return Selection(sources=tuple(rows))

    def _show_detail(self) -> None:
        sources = self.selection.sources
        if len(sources) == 1:
            self.about.show_source(sources[0], self._now())
        else:
            self.about.show_none(len(sources))

    async def _switch(self, row_id: int, on: bool) -> None:
        sources = self._context.services.sources
        await sources.update(row_id, as_new(await sources.get(row_id), enabled=on))

    def _on_update(self, update: FeedUpdate) -> None:
        # A crawl may have made a source, and its documents are counted here: now and then is often enough.
        if update.roots and self.isVisible() and not self._later.isActive():
            self._later.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 (Qt's name)
        """Rest while nobody looks."""
        super().hideEvent(event)
        self._later.stop()
