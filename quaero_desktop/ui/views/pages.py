"""Pages: all work of a root in a table, filtered and sorted by the database, live while the crawl runs.

Checks and sitemaps are no pages: they are here only where they failed.

For each new filter or order the ids of the whole list are asked for and, where an index has its first rows at once,
those too, at the same time. All other rows are read when they are seen. A newer question interrupts the older ones.

While a crawl runs, the seen rows are read anew after each update of the feed. Which rows there are, and in which order,
is asked anew so rarely that it takes a tenth of a reader's time, and then the row at the top of the table stays where
it is: nothing jumps.
"""

import asyncio
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from PySide6.QtCore import QItemSelection, QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedLayout, QVBoxLayout, QWidget

from quaero_desktop.domain.errors import KnownError, NotFoundError
from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.domain.jobs import Job, Status
from quaero_desktop.domain.pagelist import PageCounts, PageFilter, PageRow
from quaero_desktop.ui import format as written
from quaero_desktop.ui.actions import NOTHING_SELECTED, ActionId, Selection, Target
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.models.pagetable import ORDERS, PageColumn, PageTable, is_beginning
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.views.pagefilterbar import PageFilterBar
from quaero_desktop.ui.views.pagemenu import FOUND, PageMenu, is_order, order_words, usually_descends
from quaero_desktop.ui.views.pagetableview import PageTableView, Span
from quaero_desktop.ui.widgets.labels import EmptyState, Line, muted

SCREEN = 200
"""So many rows are shown before the whole list is known."""
_LEAST_SECONDS = 0.5
_SHARE = 10
"""A list is asked for again after this many times what it took, and never within `_LEAST_SECONDS`."""
_FAILURES_SECONDS = 2.0
_REMEMBERED = 20_000
"""So many selected rows are found again in a list that was sorted anew."""
_MOST_SPANS = 2_000
_AT_ONCE = 1_000
_ANCHORS = 50
_SLICE = 50_000
"""So many ids are looked through before the window has its turn: 2 ms."""
_HEADER_KEY, _ORDER_KEY, _WAY_KEY = "pages/header.1", "pages/order", "pages/descending"


class _Remembered(NamedTuple):
    """What was selected, by ids: to be selected again in another list.

    Attributes:
        chosen: the selected jobs.
        current: the job the keyboard is on.
        everything: all that match.
    """

    chosen: tuple[int, ...] = ()
    current: int | None = None
    everything: bool = False

    @property
    def ids(self) -> set[int]:
        """All that has to be found again."""
        return {*self.chosen, *(() if self.current is None else (self.current,))}


class PagesView(QWidget):
    """The table of all pages of a crawl, with its filters.

    Signals:
        selected: the :class:`~quaero_desktop.ui.actions.Selection`, whenever it changes or the table gets the focus.
        activated: the job that was double-clicked, or on which Enter was pressed.
    """

    selected = Signal(object)
    activated = Signal(int)

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pagesView")
        self._context = context
        self._service = context.services.pages
        self._tasks = context.tasks
        self._which: PageFilter | None = None
        self._root: Job | None = None
        self._counts: PageCounts | None = None
        self._whole = False
        """Whether the ids of the whole list are known, and not only its first screen."""
        self._everything = False
        """Whether “all that match” was selected, and not these rows."""
        self._restoring = False
        self._to_select = _Remembered()
        self._selection = NOTHING_SELECTED
        self._menu_at: QPoint | None = None
        """Where to show the context menu, once what is selected is known."""
        self._took = 0.0
        self._failed: int | None = None
        self._failures_took = 0.0
        self._lost = False
        """Whether something may be gone from the list: then it does not do to ask for what is new."""
        self._order = context.state.text(_ORDER_KEY, FOUND)
        self._descending = context.state.flag(_WAY_KEY, False)
        if not is_order(self._order):
            self._order, self._descending = FOUND, False
        self._make()
        self._connect()
        self._say()

    # --- For the other parts of the window --------------------------------------------------------------------------

    def show_root(
        self, root_id: int, status: Sequence[str] = (), cause: Sequence[str] = (), code: Sequence[int] = ()
    ) -> None:
        """Show the pages of a root; those filters that are given replace the ones that are set.

        Args:
            root_id: the root.
            status: only pages in one of these; empty for all.
            cause: only pages with the first of these; empty for all.
            code: only pages with the first of these; empty for all.
        """
        wanted = bool(status or cause or code)
        if self._which is not None and self._which.root_id == root_id and not wanted:
            return
        reason = (cause[0] if cause else None, code[0] if code else None)
        if self._which is None or self._which.root_id != root_id:
            self._start(root_id)
        self._bar.set(status=status, reason=reason)
        self._load()

    def clear(self) -> None:
        """Show no root."""
        self._stop()
        self._which = self._root = self._counts = None
        self._bar.clear()
        self._table.clear()
        self._select(NOTHING_SELECTED)
        self._say()

    @property
    def root_id(self) -> int | None:
        """The root that is shown, or None."""
        return None if self._which is None else self._which.root_id

    @property
    def selection(self) -> Selection:
        """What is selected now."""
        return self._selection

    def focus_filter(self) -> None:
        """Put the cursor into the filter."""
        self._bar.focus()

    def save_state(self) -> None:
        """Remember columns and order."""
        state = self._context.state
        if not self._view.fits:
            state.set(_HEADER_KEY, self._view.horizontalHeader().saveState())
        state.set(_ORDER_KEY, self._order)
        state.set(_WAY_KEY, self._descending)

    # --- Parts ------------------------------------------------------------------------------------------------------

    def _make(self) -> None:
        theme = self._context.theme
        self._bar = PageFilterBar(theme, self)
        self._table = PageTable(theme, self._tasks, self._service.rows, self)
        self._view = PageTableView(self)
        self._view.setModel(self._table)
        self._view.lay_out_columns()
        if self._view.horizontalHeader().restoreState(self._context.state.bytes(_HEADER_KEY)):
            self._view.keep_columns()
        self._empty = EmptyState(theme, "files", "", self.tr("Show all pages"), self._show_all, self)
        self._nothing = EmptyState(theme, "files", "", parent=self)
        content = QWidget(self)
        self._stack = QStackedLayout(content)
        for page in (self._view, self._empty, self._nothing):
            self._stack.addWidget(page)
        self._footer = muted(QLabel(self), theme)
        self._footer.setObjectName("pageFooter")
        self._footer.setTextFormat(Qt.TextFormat.PlainText)
        self._footer.setFont(Theme.tabular(Theme.font_small()))
        self._footer.setMinimumWidth(1)
        foot = QHBoxLayout()
        foot.setContentsMargins(2 * SPACE, SPACE, 2 * SPACE, SPACE)
        foot.addWidget(self._footer)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._bar)
        layout.addWidget(Line(theme, self))
        layout.addWidget(content, 1)
        layout.addWidget(Line(theme, self))
        layout.addLayout(foot)
        self._menu = PageMenu(self._view, self)
        self._menu.sort_wanted.connect(self._sort)
        self._menu.column_wanted.connect(self._show_column)
        self._bar.menu_button.setMenu(self._menu)

    def _connect(self) -> None:
        self._again = self._timer(self._list_again)
        self._failures_again = self._timer(self._read_failures)
        self._busy = self._timer(self._say)
        self._save_soon = self._timer(self.save_state)
        self._publish_soon = self._timer(self._publish)
        self._bar.changed.connect(self._filter_changed)
        self._bar.left.connect(self._enter_table)
        self._table.dataChanged.connect(self._rows_changed)
        self._view.opened.connect(self._open)
        self._view.typed.connect(self._bar.type)
        self._view.focused.connect(lambda: self._select(self._selection))
        self._view.copy_wanted.connect(lambda: self._do(ActionId.COPY_URL))
        self._view.customContextMenuRequested.connect(self._show_context_menu)
        self._view.selectionModel().selectionChanged.connect(self._selection_changed)
        columns = self._view.horizontalHeader()
        columns.sectionClicked.connect(self._column_clicked)
        columns.customContextMenuRequested.connect(lambda at: self._menu.popup(columns.mapToGlobal(at)))
        columns.sectionResized.connect(lambda *_: self._columns_changed())
        columns.sectionMoved.connect(lambda *_: self._columns_changed())
        self._context.feed.updated.connect(self._hear)
        self._show_order()

    def _timer(self, call: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(call)
        return timer

    def _key(self, question: str) -> tuple[str, int]:
        return f"pages: {question}", id(self)

    # --- Asking for a list ------------------------------------------------------------------------------------------

    def _start(self, root_id: int) -> None:
        """Forget the root before, and get to know this one."""
        self.clear()
        self._which = PageFilter(root_id=root_id, work=True)
        self._failed = None
        self._tasks.latest(self._key("root"), self._meet(root_id), on_error=self._fail)

    def _stop(self) -> None:
        for question in ("root", "counts", "screen", "list", "failures", "selection"):
            self._tasks.cancel(self._key(question))
        for timer in (self._again, self._failures_again, self._busy, self._publish_soon):
            timer.stop()
        self._whole = False
        self._everything = False
        self._to_select = _Remembered()

    async def _meet(self, root_id: int) -> None:
        self._know(await self._context.services.jobs.get(root_id))

    def _know(self, root: Job) -> None:
        """Take in what is known of the root as a whole."""
        if self._root is None:
            seed = next(iter(root.seeds), "")
            self._table.set_origin(seed[: seed.find("/", seed.find("://") + 3) + 1])
        self._root = root
        self._tasks.latest(self._key("counts"), self._count(root.id), on_error=self._fail)
        if root.failed_children != self._failed and not self._failures_again.isActive():
            wait = max(_FAILURES_SECONDS, _SHARE * self._failures_took)
            self._failures_again.start(0 if self._failed is None else round(1000 * wait))
        self._say()

    async def _count(self, root_id: int) -> None:
        before, counts = self._counts, await self._service.counts(root_id)
        if counts == before:
            return
        # What failed and was none before, or is none any more, is somewhere in the list and not at its end.
        self._lost = self._lost or (before is not None and counts.others != before.others)
        self._counts = counts
        self._bar.set_counts(counts.by_status)
        self._say()

    def _wanted(self) -> PageFilter:
        assert self._which is not None
        cause, code = self._bar.reason
        return PageFilter(
            root_id=self._which.root_id,
            query=self._bar.query,
            status=self._bar.status,
            cause=() if cause is None else (cause,),
            code=() if code is None else (code,),
            work=True,
            order=self._order,
            descending=self._descending,
        )

    def _filter_changed(self) -> None:
        if self._which is not None and self._wanted() != self._which:
            self._load()

    def _load(self) -> None:
        """Ask for another list; what is selected of the one before is selected again where it is in the new one."""
        which = self._wanted()
        assert self._which is not None
        if self._whole:
            self._to_select = self._remember()
        if _match(which) != _match(self._which):
            self._to_select = self._to_select._replace(everything=False)
        self._publish_soon.stop()
        self._which = which
        self._whole = False
        self._again.stop()
        self._busy.start(200)
        self._tasks.cancel(self._key("screen"))
        if which.starts_at_once:
            self._tasks.latest(self._key("screen"), self._show_screen(which), on_error=self._fail)
        self._tasks.latest(self._key("list"), self._show_list(which), on_error=self._fail)
        self._say()

    async def _show_screen(self, which: PageFilter) -> None:
        screen = await self._service.screen(which, SCREEN)
        if self._which is which and not self._whole:
            self._restoring = True
            self._table.begin(screen.rows, screen.total)
            self._restoring = False
            self._view.scroll_to(0)
            self._say()

    async def _show_list(self, which: PageFilter) -> None:
        started = time.monotonic()
        ids = await self._service.ids(which)
        self._took = time.monotonic() - started
        while True:
            remembered = self._to_select
            positions = await self._positions(ids, remembered.ids)
            if remembered is self._to_select:
                break
        self._tasks.cancel(self._key("screen"))
        self._busy.stop()
        self._whole = True
        self._lost = False
        self._restoring = True
        if not self._table.begun_with(ids):
            self._view.scroll_to(0)
        self._table.replace(ids)
        self._select_again(remembered, positions)
        self._restoring = False
        self._to_select = _Remembered()
        self._publish_soon.start(0)
        self._say()

    def _fail(self, error: KnownError) -> None:
        self._busy.stop()
        if isinstance(error, NotFoundError):
            self.clear()
        else:
            self._context.notices.error(error)
            self._say()

    async def _positions(self, ids: "array[int]", wanted: set[int]) -> dict[int, int]:
        """Return where these jobs stand in a list, without keeping the window waiting."""
        assert self._which is not None
        if self._which.order == FOUND:
            sign = -1 if self._which.downwards else 1
            found = {}
            for job_id in wanted:
                at = bisect_left(ids, sign * job_id, key=lambda each: sign * each)
                if at < len(ids) and ids[at] == job_id:
                    found[job_id] = at
            return found
        found = {}
        for start in range(0, len(ids), _SLICE):
            if len(found) == len(wanted):
                break
            part = ids[start : start + _SLICE]
            if wanted.intersection(part):
                found |= {each: start + place for place, each in enumerate(part) if each in wanted}
            await asyncio.sleep(0)
        return found

    # --- While the crawl runs ---------------------------------------------------------------------------------------

    def _hear(self, update: FeedUpdate) -> None:
        """Show what became different of the root that is shown."""
        if self._which is None:
            return
        root_id = self._which.root_id
        if root_id in update.removed:
            self.clear()
            return
        root = next((job for job in update.roots if job.id == root_id), None)
        if root is None and update.complete and not update.removed:
            return
        self._lost = self._lost or bool(update.removed)
        if root is not None:
            self._know(root)
        self._table.refresh(*self._view.seen())
        if self._whole and not self._again.isActive():
            self._again.start(round(1000 * max(_LEAST_SECONDS, _SHARE * self._took)))

    def _list_again(self) -> None:
        if self._which is not None and self._whole:
            self._tasks.latest(self._key("list"), self._follow(self._which), on_error=self._fail)

    async def _follow(self, which: PageFilter) -> None:
        """Bring the list up to date; the row at the top of the table stays where it is."""
        ids = self._table.ids
        started = time.monotonic()
        if which.is_whole and which.order == FOUND and not which.downwards and not self._lost:
            new = await self._service.ids(which, after=ids[-1] if ids else None)
            self._took = time.monotonic() - started
            self._grow(new)
            return
        ids = await self._service.ids(which)
        self._took = time.monotonic() - started
        if ids == self._table.ids:
            self._say()
            return
        before = self._table.ids
        if len(ids) > len(before) and is_beginning(before, ids):
            self._grow(ids[len(before) :])
            return
        while True:
            remembered = self._remember()
            row, pixels = self._view.top()
            # At the very top one wants to see what comes first, and not what came first.
            anchors = [] if (row, pixels) == (0, 0) else list(before[row : row + _ANCHORS])
            positions = await self._positions(ids, remembered.ids.union(anchors))
            if remembered == self._remember():
                break
        self._lost = False
        self._restoring = True
        self._table.replace(ids)
        self._select_again(remembered, positions)
        anchor = next((place for place, job_id in enumerate(anchors) if job_id in positions), None)
        if anchor is not None:
            self._view.scroll_to(max(0, positions[anchors[anchor]] - anchor), pixels)
        self._restoring = False
        self._publish_soon.start(0)
        self._say()

    def _grow(self, new: "array[int]") -> None:
        self._restoring = True
        self._table.append(new)
        if self._everything:
            self._view.selectAll()
        self._restoring = False
        if self._everything and new:
            self._publish_soon.start(0)
        self._say()

    def _read_failures(self) -> None:
        if self._which is not None:
            self._tasks.latest(self._key("failures"), self._show_failures(self._which.root_id), on_error=self._fail)

    async def _show_failures(self, root_id: int) -> None:
        started = time.monotonic()
        self._failed = None if self._root is None else self._root.failed_children
        self._bar.set_reasons(await self._service.failure_groups(root_id))
        self._failures_took = time.monotonic() - started

    def _rows_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        """Tell anew of selected rows that say something else now."""
        if not self._restoring and 0 < self._selection.count <= _AT_ONCE and self._selection.every is None:
            spans = self._view.spans()
            if any(top <= last.row() and first.row() <= bottom for top, bottom in spans):
                self._publish_soon.start(50)

    # --- What is selected -------------------------------------------------------------------------------------------

    def _selection_changed(self, _selected: QItemSelection, _deselected: QItemSelection) -> None:
        if self._restoring:
            return
        self._everything = self._view.all_wanted
        self._menu_at = None
        if self._whole:
            self._publish_soon.start(30)
        else:
            self._to_select = self._remember()

    def _remember(self) -> _Remembered:
        """Return what is selected; nothing where it is too much to be found again."""
        current = self._table.id_at(self._view.currentIndex().row())
        spans = self._view.spans()
        if self._everything or sum(bottom - top + 1 for top, bottom in spans) > _REMEMBERED:
            return _Remembered((), current, self._everything)
        ids = self._table.ids
        return _Remembered(tuple(job_id for top, bottom in spans for job_id in ids[top : bottom + 1]), current)

    def _select_again(self, remembered: _Remembered, positions: dict[int, int]) -> None:
        self._everything = remembered.everything
        if remembered.everything:
            self._view.selectAll()
        else:
            spans = _spans(sorted(positions[job_id] for job_id in remembered.chosen if job_id in positions))
            self._view.select_spans(spans if len(spans) <= _MOST_SPANS else ())
        if remembered.current in positions:
            self._view.make_current(positions[remembered.current])

    def _publish(self) -> None:
        """Say what is selected, as soon as everything is known about it that actions want to know."""
        if self._which is None:
            return
        self._tasks.cancel(self._key("selection"))
        spans = self._view.spans()
        if not spans:
            self._select(NOTHING_SELECTED)
        elif self._everything:
            known = (self._table.row_at(row) for row in range(min(SCREEN, self._table.rowCount())))
            targets = tuple(Target.of_page(row) for row in known if row is not None)
            self._select(Selection(targets, self._which, self._table.rowCount()))
        else:
            ids = [job_id for top, bottom in spans for job_id in self._table.ids[top : bottom + 1]]
            rows = [self._table.known(job_id) for job_id in ids] if len(ids) <= _AT_ONCE else [None]
            known_rows = [row for row in rows if row is not None]
            if len(known_rows) == len(ids):
                self._select(Selection.of([Target.of_page(row) for row in known_rows]))
            else:
                if len(ids) > _AT_ONCE:
                    # It takes a while, and until then nothing may be done with what was selected before.
                    self._select(NOTHING_SELECTED)
                self._tasks.latest(self._key("selection"), self._publish_read(ids))

    async def _publish_read(self, ids: list[int]) -> None:
        targets: list[Target] = []
        for start in range(0, len(ids), _AT_ONCE):
            rows: tuple[PageRow, ...] = await self._service.rows(ids[start : start + _AT_ONCE])
            targets += [Target.of_page(row) for row in rows]
        self._select(Selection.of(targets))

    def _select(self, selection: Selection) -> None:
        self._selection = selection
        self._say()
        self.selected.emit(selection)
        if selection.count:
            self._pop_up()

    # --- What a person does -----------------------------------------------------------------------------------------

    def _open(self, row: int) -> None:
        job_id = self._table.id_at(row)
        if job_id is not None:
            self.activated.emit(job_id)

    def _enter_table(self) -> None:
        self._view.setFocus(Qt.FocusReason.OtherFocusReason)
        if self._table.rowCount() and not self._view.currentIndex().isValid():
            self._view.selectRow(0)

    def _show_context_menu(self, at: QPoint) -> None:
        self._menu_at = at
        self._publish_soon.stop()
        self._publish()

    def _pop_up(self) -> None:
        """Show the context menu that was asked for, about what is selected here."""
        at, self._menu_at = self._menu_at, None
        if at is not None:
            self._context.actions.select(self._selection)
            self._context.actions.context_menu(self._view).popup(self._view.viewport().mapToGlobal(at))

    def _do(self, action: ActionId) -> None:
        """Do an action with what is selected here."""
        if self._publish_soon.isActive():
            self._publish_soon.stop()
            self._publish()
        self._context.actions.select(self._selection)
        self._context.actions.trigger(action)

    def _show_all(self) -> None:
        self._bar.set()
        self._filter_changed()

    def _column_clicked(self, column: int) -> None:
        """Sort by a column: its usual way, then the other, then no more."""
        order = ORDERS[PageColumn(column)]
        usual = usually_descends(order)
        if order != self._order:
            self._sort(order, usual)
        elif self._descending == usual:
            self._sort(order, not usual)
        else:
            self._sort(FOUND, False)

    def _sort(self, order: str, descending: bool) -> None:
        self._order, self._descending = order, descending
        self._show_order()
        self.save_state()
        if self._which is not None:
            self._filter_changed()

    def _show_order(self) -> None:
        column = next(column for column, order in ORDERS.items() if order == self._order)
        way = Qt.SortOrder.DescendingOrder if self._descending else Qt.SortOrder.AscendingOrder
        plain = self._order == FOUND and not self._descending
        self._view.horizontalHeader().setSortIndicator(-1 if plain else column, way)
        self._menu.show_order(self._order, self._descending)

    def _show_column(self, column: int, on: bool) -> None:
        self._view.keep_columns()
        self._view.horizontalHeader().setSectionHidden(column, not on)
        self.save_state()

    def _columns_changed(self) -> None:
        if not self._view.fitting:
            self._view.keep_columns()
            self._save_soon.start(500)

    # --- What is said -----------------------------------------------------------------------------------------------

    def _say(self) -> None:
        """Say how many there are, and why there is nothing when there is nothing."""
        which = self._which
        self._bar.setEnabled(which is not None)
        if which is None:
            self._nothing.set_sentence(self.tr("Select a crawl to see its pages."))
            self._stack.setCurrentWidget(self._nothing)
            self._footer.setText("")
            return
        rows = self._table.rowCount()
        if rows or not self._whole:
            self._stack.setCurrentWidget(self._view)
        elif which.is_whole:
            self._nothing.set_sentence(self.tr("No pages yet. They appear here as the crawl finds them."))
            self._stack.setCurrentWidget(self._nothing)
        else:
            only_failed = which.status == (Status.FAILED,) and not which.query and not which.cause and not which.code
            self._empty.set_sentence(self.tr("No page failed.") if only_failed else self.tr("No page matches."))
            self._stack.setCurrentWidget(self._empty)
        self._footer.setText(" · ".join(self._footer_parts(which, rows)))

    def _footer_parts(self, which: PageFilter, rows: int) -> list[str]:
        if not self._whole and not self._busy.isActive():
            first = self.tr("Searching…") if which.query else self.tr("Sorting…")
        elif not self._whole and which.query:
            first = ""
        elif self._counts is None:
            first = written.count_of(rows, "page")
        else:
            others = sum(self._counts.others.values())
            if which.is_whole:
                first = written.count_of(max(rows - others, 0), "page")
                if others:
                    first += self.tr(" and %s") % written.count_of(others, "other job")
            else:
                all_work = written.count_of(sum(self._counts.pages.values()) + others, "job" if others else "page")
                first = self.tr("%s of %s") % (written.count(rows), all_work)
        parts = [first] if first else []
        parts.append(order_words(which.order, which.downwards))
        if self._selection.count:
            parts.append(self.tr("%s selected") % written.count(self._selection.count))
        return parts


def _match(which: PageFilter) -> PageFilter:
    """Return what a filter lets through, whatever its order."""
    return which.without(order=FOUND, descending=None)


def _spans(rows: Iterable[int]) -> list[Span]:
    """Return rows, which come in order, as ranges."""
    spans: list[Span] = []
    for row in rows:
        if spans and row == spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], row)
        else:
            spans.append((row, row))
    return spans
