"""The jobs: a filter bar over the live tree."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QFocusEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QMenu,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.domain.jobs import Job
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.ui.actions import ActionId, Selection, Target
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.models.jobnode import Column
from quaero_desktop.ui.models.jobtree import ID_ROLE, MOST_CHILDREN, JobTreeModel
from quaero_desktop.ui.tasks import Tasks
from quaero_desktop.ui.views.jobfilterbar import JobFilterBar
from quaero_desktop.ui.views.jobtreeview import Anchor, JobTreeView
from quaero_desktop.ui.widgets.focus import pass_on
from quaero_desktop.ui.widgets.labels import EmptyState

CHUNK = 500
"""So many roots are read at a time."""
_OVERLAP = 50
_TICK_MS = 1_000
_AGAIN_MS = 300
_MANY = 100
_QUIET_TICKS = 20
_SAME_SECONDS = 1.0
"""How often the numbers of what is selected are told; a new status is told at once."""


class JobsPanel(QWidget):
    """The tree of jobs with its filter bar; it keeps itself up to date.

    Args:
        context: what every part of the window is given.

    Signals:
        selected: the :class:`Selection`, when other rows are selected or what they say matters to actions.
        all_pages_wanted: the id of a job whose children do not all fit into the tree.
        activated: the id of a job that was double-clicked, or opened with Enter.
    """

    selected = Signal(object)
    all_pages_wanted = Signal(int)
    activated = Signal(int)

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._is_loaded = False
        self._has_all = False
        self._is_reading = False
        self._loads: dict[int, asyncio.Task[None]] = {}
        self._selection = Selection()
        self._selected_ids: frozenset[int] = frozenset()
        self._is_untold = False
        self._told_at = 0.0
        self._closed: set[int] = set()
        self._name = f"jobs panel {id(self):x}"
        self._keys: set[tuple[str, str]] = set()
        self.destroyed.connect(_canceller(context.tasks, self._keys))
        self._anchor: Anchor | None = None
        self._kept: _Kept | None = None
        self._ticks = 0

        self._model = JobTreeModel(self)
        self.tree = JobTreeView(self._model, context.theme, self)
        self.bar = JobFilterBar(context.theme, self)
        self._empty = EmptyState(
            context.theme,
            "funnel",
            self.tr("No job matches the filter."),
            self.tr("Clear filter"),
            self.bar.clear,
            self,
        )
        self._none = EmptyState(
            context.theme,
            "tree-structure",
            self.tr("There are no jobs yet. A crawl collects a site into the library."),
            self.tr("New crawl…"),
            lambda: context.actions.trigger(ActionId.NEW_CRAWL),
            self,
        )
        self._put_together()
        self._connect()
        self._tick = QTimer(self, interval=_TICK_MS)
        self._tick.timeout.connect(self._on_tick)
        self._pin_later = QTimer(self, interval=0, singleShot=True)
        self._pin_later.timeout.connect(self._pin)
        self._close_later = QTimer(self, interval=0, singleShot=True)
        self._close_later.timeout.connect(self._close)
        # Where so much changes, it mostly goes on for a while.
        self._again_later = QTimer(self, interval=_AGAIN_MS, singleShot=True)
        self._again_later.timeout.connect(self._read_all_again)
        # There may be no running loop yet.
        self._begin = QTimer(self, interval=0, singleShot=True)
        self._begin.timeout.connect(self._load_more)
        self._begin.start()

    # --- What others use --------------------------------------------------------------------------------------------

    @property
    def model(self) -> JobTreeModel:
        """What the tree shows."""
        return self._model

    @property
    def selection(self) -> Selection:
        """What is selected."""
        return self._selection

    @property
    def is_loaded(self) -> bool:
        """Whether the first roots are here."""
        return self._is_loaded

    def select_job(self, job_id: int, *, expand: bool = False) -> None:
        """Show a job, whatever the filter, and select it alone.

        Args:
            job_id: a root, or one of the jobs below it.
            expand: also open it.
        """
        self._run("select", self._select(job_id, expand))

    def save_state(self) -> None:
        """Remember the columns, their widths and the order."""
        self._context.state.set("jobs/header", self.tree.header().saveState())

    def restore_state(self) -> None:
        """Show the columns as they were left."""
        header = self.tree.header()
        state = self._context.state.bytes("jobs/header")
        if state.isEmpty() or not header.restoreState(state) or header.count() != len(Column):
            return
        header.setSectionHidden(Column.NAME, False)
        self.tree.sortByColumn(header.sortIndicatorSection(), header.sortIndicatorOrder())
        self.tree.fit_name()

    # --- How it is made ---------------------------------------------------------------------------------------------

    def _put_together(self) -> None:
        self._stack = QStackedLayout()
        for widget in (self.tree, self._empty, self._none):
            self._stack.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.bar)
        layout.addLayout(self._stack, 1)
        QWidget.setTabOrder(self.bar.chips, self.tree)

    def _connect(self) -> None:
        model, tree = self._model, self.tree
        model.children_wanted.connect(self._load_children)
        model.census_changed.connect(lambda: self.bar.show_census(model.census, model.sites))
        model.about_to_change.connect(self._hold)
        model.changed.connect(self._let_go)
        model.modelAboutToBeReset.connect(self._keep)
        model.modelReset.connect(self._bring_back)
        tree.selectionModel().selectionChanged.connect(lambda *_: self._selection_changed())
        tree.expanded.connect(self._expanded)
        tree.collapsed.connect(self._collapsed)
        tree.rest_wanted.connect(self.all_pages_wanted)
        tree.activated.connect(self._activated)
        tree.near_end.connect(self._load_more)
        tree.focused.connect(self._publish)
        tree.customContextMenuRequested.connect(self._show_menu)
        tree.header().customContextMenuRequested.connect(self._show_header_menu)
        tree.header().sortIndicatorChanged.connect(lambda *_: self._load_more())
        self.bar.changed.connect(self._apply_filter)
        self.bar.left.connect(self._enter_rows)
        self._context.feed.updated.connect(self._update)

    # --- Reading ----------------------------------------------------------------------------------------------------

    def _load_more(self) -> None:
        """Read the next roots, when there are some."""
        if not self._is_reading and not self._has_all:
            self._is_reading = True
            self._run("roots", self._read_roots())

    async def _read_roots(self) -> None:
        try:
            while not self._has_all:
                # Some of those that are here may be older ones that came by name: the overlap makes up for them.
                offset = max(0, self._model.root_count - _OVERLAP)
                page = await self._context.services.jobs.page(JobFilter(limit=CHUNK, offset=offset))
                self._has_all = len(page.jobs) < CHUNK
                self._is_loaded = True
                self._model.add_roots(page.jobs)
                self._show_state()
                # A filter or another order than that of reading is about all of them.
                if self._model.filter.is_empty and self._model.is_newest_first:
                    return
        finally:
            self._is_reading = False

    def _load_children(self, job_id: int) -> None:
        self._watch()
        task = self._run(f"children of {job_id}", self._read_children(job_id))
        if task is not None:
            self._loads[job_id] = task
            task.add_done_callback(lambda ended: self._loaded(job_id, ended))

    def _run(self, what: str, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None] | None":
        """Run something; of what has the same name, only the newest."""
        key = (self._name, what)
        self._keys.add(key)
        return self._context.tasks.latest(key, coroutine)

    def _loaded(self, job_id: int, task: "asyncio.Task[None]") -> None:
        if self._loads.get(job_id) is task:
            del self._loads[job_id]

    async def _read_children(self, job_id: int) -> None:
        # Those that run and those that failed come first.
        which = JobFilter(parent=job_id, order="status", limit=MOST_CHILDREN)
        try:
            page = await self._context.services.jobs.page(which)
        except NotFoundError:
            self._model.give_up(job_id)
            return
        except BaseException:
            self._model.give_up(job_id)
            raise
        self._model.set_children(job_id, page.jobs, page.total_count)

    async def _read_again(self, job_id: int) -> None:
        """Read what is shown below a job anew: too much changed at once to be told row by row."""
        jobs = self._context.services.jobs
        if self._model.is_truncated(job_id):
            self._model.set_children(job_id, await jobs.by_ids(self._model.child_ids(job_id)), 0)
            return
        which = JobFilter(parent=job_id, order="id", descending=False, limit=MOST_CHILDREN)
        try:
            page = await jobs.page(which)
        except NotFoundError:
            return
        self._model.set_children(job_id, page.jobs, page.total_count)

    def _watch(self) -> None:
        self._context.feed.watch(self, self._model.open_ids())

    def _update(self, update: FeedUpdate) -> None:
        self._model.apply(update)
        if not update.complete and not self._again_later.isActive():
            self._again_later.start()
        if len(self._selected_ids) > _MANY:
            self._is_untold = True
        elif not self._selected_ids.isdisjoint(job.id for job in (*update.roots, *update.children)):
            self._refresh_selection()

    def _read_all_again(self) -> None:
        for job_id in self._model.open_ids():
            self._run(f"children of {job_id} again", self._read_again(job_id))

    def _on_tick(self) -> None:
        self._ticks += 1
        if self._model.is_running or self._ticks % _QUIET_TICKS == 0:
            self._model.tick()
        if self._is_untold:
            self._refresh_selection()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 (Qt's name)
        """Pass the keyboard on to the tree; see :func:`~quaero_desktop.ui.widgets.focus.pass_on`."""
        pass_on(self.tree, event)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Keep the times up to date while they are seen."""
        super().showEvent(event)
        self._model.tick()
        self._tick.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Rest."""
        super().hideEvent(event)
        self._tick.stop()

    # --- Selection --------------------------------------------------------------------------------------------------

    def _selected_targets(self) -> tuple[Target, ...]:
        rows = self.tree.selectionModel().selectedRows()
        return tuple(target for index in rows if (target := self._model.target(index)) is not None)

    def _selection_changed(self) -> None:
        self._refresh_selection()
        # Rows must not go while Qt is still telling what is selected.
        self._pin_later.start()

    def _pin(self) -> None:
        self._model.pin(self._selected_ids)

    def _refresh_selection(self) -> None:
        """Tell what is selected: other rows and other statuses at once, other numbers once a second."""
        selection = Selection.of(self._selected_targets())
        if selection == self._selection:
            self._is_untold = False
            return
        before, now = self._selection.targets, selection.targets
        same = [(t.id, t.status, t.failed > 0) for t in before] == [(t.id, t.status, t.failed > 0) for t in now]
        self._is_untold = same and time.monotonic() - self._told_at < _SAME_SECONDS
        if self._is_untold:
            return
        self._told_at = time.monotonic()
        self._selection = selection
        self._selected_ids = frozenset(target.id for target in now)
        self.selected.emit(selection)

    def _publish(self) -> None:
        """What is selected here is what actions are about: the person has turned to it."""
        self._context.actions.select(self._selection)

    async def _select(self, job_id: int, expand: bool) -> None:
        jobs = self._context.services.jobs
        job = await jobs.get(job_id)
        if not self._model.knows(job.root_id):
            self._model.add_roots([job if job.is_root else await jobs.get(job.root_id)])
        if not self._model.index_of(job.root_id).isValid():
            self.bar.clear()
        path: list[Job] = []
        above = job
        while above.parent_id is not None:
            above = await jobs.get(above.parent_id)
            path.insert(0, above)
        for parent in path:
            await self._open(parent.id)
        if not self._model.knows(job_id):
            self._model.add_child(job)
        if expand and job.child_count:
            await self._open(job_id)
        index = self._model.index_of(job_id)
        if index.isValid():
            self.tree.select_alone(index)
            self.tree.scrollTo(index)

    async def _open(self, job_id: int) -> None:
        """Open a job and wait for its children."""
        self.tree.expand(self._model.index_of(job_id))
        task = self._loads.get(job_id)
        if task is not None:
            await asyncio.wait([task])

    def _activated(self, index: QModelIndex) -> None:
        job = self._model.job(index)
        if job is not None:
            self.activated.emit(job.id)

    def _expanded(self, index: QModelIndex) -> None:
        job = self._model.job(index)
        if job is not None:
            self._model.open(job.id)

    def _collapsed(self, index: QModelIndex) -> None:
        # Rows must not go while the view is still closing them.
        job = self._model.job(index)
        if job is not None:
            self._closed.add(job.id)
            self._close_later.start()

    def _close(self) -> None:
        closed, self._closed = self._closed, set()
        chosen = self.tree.selectionModel()
        for job_id in closed:
            index = self._model.index_of(job_id)
            if not index.isValid() or self.tree.isExpanded(index):
                continue
            self._context.tasks.cancel((self._name, f"children of {job_id}"))
            below = any(row.parent() == index for row in chosen.selectedRows())
            self._model.unload(job_id)
            if below and not chosen.hasSelection():
                # What cannot be seen is not selected.
                self.tree.select_alone(self._model.index_of(job_id))
        self._watch()

    # --- Filter -----------------------------------------------------------------------------------------------------

    def _apply_filter(self) -> None:
        self._model.set_filter(self.bar.wanted)
        self._show_state()
        self._load_more()

    def _enter_rows(self) -> None:
        if self._model.rowCount():
            if not self.tree.selectionModel().hasSelection():
                self.tree.select_alone(self._model.index(0, 0))
            self.tree.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_state(self) -> None:
        """Show the tree, or say why there is nothing in it."""
        if self._model.rowCount() or not self._is_loaded:
            shown: QWidget = self.tree
        elif self._model.root_count and not self._model.filter.is_empty:
            shown = self._empty
        else:
            shown = self._none
        before, focused = self._stack.currentWidget(), QApplication.focusWidget()
        if before is shown:
            return
        follow = focused is not None and before is not None and (before is focused or before.isAncestorOf(focused))
        self._stack.setCurrentWidget(shown)
        if follow and shown is self.tree:
            self.tree.setFocus(Qt.FocusReason.OtherFocusReason)

    # --- Keeping the place ------------------------------------------------------------------------------------------

    def _hold(self) -> None:
        self._anchor = self.tree.anchor()

    def _let_go(self, moved: bool) -> None:
        if moved:
            self.tree.hold(self._anchor)
            self._show_state()
        self._anchor = None

    def _keep(self) -> None:
        tree, model = self.tree, self._model
        self._kept = _Kept(
            opened=tuple(job_id for job_id in model.open_ids() if tree.isExpanded(model.index_of(job_id))),
            selected=tuple(self._selected_ids),
            current=tree.currentIndex().data(ID_ROLE),
            anchor=tree.anchor(),
        )

    def _bring_back(self) -> None:
        kept, self._kept = self._kept, None
        if kept is None:
            return
        tree, model, chosen = self.tree, self._model, self.tree.selectionModel()
        for job_id in kept.opened:
            index = model.index_of(job_id)
            if index.isValid():
                tree.expand(index)
        selection = QItemSelection()
        for job_id in kept.selected:
            index = model.index_of(job_id)
            if index.isValid():
                selection.select(index, index)
        flags = QItemSelectionModel.SelectionFlag
        if kept.current is not None and model.index_of(kept.current).isValid():
            chosen.setCurrentIndex(model.index_of(kept.current), flags.NoUpdate)
        chosen.select(selection, flags.ClearAndSelect | flags.Rows)
        self._refresh_selection()
        self._pin_later.start()
        self._watch()
        tree.hold(kept.anchor)

    # --- Menus ------------------------------------------------------------------------------------------------------

    def _show_menu(self, place: QPoint) -> None:
        if not self._selection.count:
            return
        index = self.tree.indexAt(place)
        if index.isValid() and self._model.rest_of(index) is not None:
            return
        self._publish()
        self._context.actions.context_menu(self.tree).popup(self.tree.viewport().mapToGlobal(place))

    def _show_header_menu(self, place: QPoint) -> None:
        self.header_menu().popup(self.tree.header().mapToGlobal(place))

    def header_menu(self) -> QMenu:
        """Return the menu that shows and hides columns; it deletes itself when it closes."""
        header = self.tree.header()
        menu = QMenu(self.tree)
        menu.aboutToHide.connect(menu.deleteLater)
        for column in Column:
            if column == Column.NAME:
                continue
            action = menu.addAction(str(self._model.headerData(column, Qt.Orientation.Horizontal)))
            action.setCheckable(True)
            action.setChecked(not header.isSectionHidden(column))
            action.toggled.connect(lambda shown, column=column: self._show_column(column, shown))
        menu.addSeparator()
        newest = Qt.SortOrder.DescendingOrder
        menu.addAction(self.tr("Newest first")).triggered.connect(
            lambda _=False: self.tree.sortByColumn(Column.CREATED, newest)
        )
        menu.addAction(self.tr("Reset columns")).triggered.connect(lambda _=False: self.tree.reset_columns())
        return menu

    def _show_column(self, column: Column, shown: bool) -> None:
        self.tree.header().setSectionHidden(column, not shown)
        self.tree.fit_name()


def _canceller(tasks: Tasks, keys: set[tuple[str, str]]) -> Callable[[], None]:
    """Return what ends the tasks of a panel that is gone; it must not know the panel itself."""

    def cancel() -> None:
        for key in keys:
            tasks.cancel(key)

    return cancel


class _Kept(NamedTuple):
    """What a view forgets when its model is reset, by job."""

    opened: tuple[int, ...]
    selected: tuple[int, ...]
    current: int | None
    anchor: Anchor | None
