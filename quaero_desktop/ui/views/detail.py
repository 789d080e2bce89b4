"""The detail pane: everything about what is selected."""

import time
from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec
from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QFocusEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from quaero_desktop.domain.errors import KnownError, NotFoundError
from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.domain.jobs import OPEN_STATUSES, Job, Status
from quaero_desktop.domain.pagelist import FailureGroup
from quaero_desktop.services.jobs import JobDetails
from quaero_desktop.ui import clock
from quaero_desktop.ui.actions import ActionId, Selection, Target
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.views.attempts import AttemptsView
from quaero_desktop.ui.views.groupretry import GroupRetry, why
from quaero_desktop.ui.views.header import Header
from quaero_desktop.ui.views.many import ManyView
from quaero_desktop.ui.views.overview import RootOverview
from quaero_desktop.ui.views.pace import PaceBook
from quaero_desktop.ui.views.pageoverview import PageDetails, PageOverview
from quaero_desktop.ui.views.setup import SetupView
from quaero_desktop.ui.views.skipped import SkippedView
from quaero_desktop.ui.widgets.focus import pass_on
from quaero_desktop.ui.widgets.labels import EmptyState, Line
from quaero_desktop.ui.widgets.place import Place

TICK_MS = 1_000
READ_EVERY_MS = 1_000
"""Details come no closer than this, and no closer than some times what reading them takes."""
_REST = 5


class Tab(IntEnum):
    """The tabs, from left to right."""

    OVERVIEW = 0
    PAGES = 1
    SKIPPED = 2
    SETUP = 3
    ATTEMPTS = 4
    DOCUMENT = 5


_OF_A_ROOT = frozenset({Tab.OVERVIEW, Tab.PAGES, Tab.SKIPPED, Tab.SETUP})
_NOTHING, _MANY, _ONE = range(3)


class _Counted(NamedTuple):
    """How many pages of a root were in which status when that was asked last."""

    root_id: int
    at: float
    pages: dict[str, int]


class DetailPane(QWidget):
    """Shows one job, a summary of several, or what to do when nothing is selected.

    From a crawl one comes to its pages and back inside the pane; ``selected`` then says what is selected instead.

    Args:
        context: what the parts of the window are given.
        now: the time in milliseconds UTC.

    Signals:
        page_activated: the id of a job that is shown now, though it is not the selected one.
        selected: the :class:`Selection` inside the pane: rows of the table of pages, or the page that is shown.
        definition_wanted: the id of the definition whose run is shown.
        sign_in_wanted: the id of the root that waits for its person to sign in again.
    """

    page_activated = Signal(int)
    selected = Signal(object)
    definition_wanted = Signal(int)
    sign_in_wanted = Signal(int)

    def __init__(
        self,
        context: Context,
        parent: QWidget | None = None,
        *,
        now: Callable[[], int] = clock.now,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("detailPane")
        self._context = context
        self._now = now
        self._paces = PaceBook()
        self._selection_ids: tuple[int, ...] = ()
        self._job_id: int | None = None
        self._root_id: int | None = None
        self._is_root = True
        self._job: Job | None = None
        self._details: JobDetails | None = None
        self._page: PageDetails | None = None
        self._groups: tuple[FailureGroup, ...] = ()
        self._came_from: Tab = Tab.OVERVIEW
        self._is_stale = False
        self._reads = 0
        self._read_at = 0.0
        self._read_took = 0.0
        self._asked_at = 0.0
        self._counted = _Counted(0, 0.0, {})
        self._pages_view: Any = None
        self._pages_root: int | None = None
        self._document_view: Any = None
        self._document_shown: tuple[int, int] | None = None
        self._skips_root: int | None = None

        theme = context.theme
        self._nothing = EmptyState(
            theme,
            "tree-structure",
            self.tr("Select a crawl or a page to see how it stands."),
            self.tr("New crawl"),
            lambda: context.actions.trigger(ActionId.NEW_CRAWL),
        )
        self.many = ManyView(theme, context.actions)
        self.header = Header(theme)
        self.header.back_wanted.connect(self._go_back)
        self.overview = RootOverview(theme)
        self.overview.retry_wanted.connect(self._retry_group)
        self.overview.group_wanted.connect(self._show_group)
        self.overview.pages_wanted.connect(self._show_status)
        self.overview.skips_wanted.connect(self._show_skips)
        self.overview.definition_wanted.connect(self.definition_wanted)
        self.overview.sign_in_wanted.connect(self._sign_in)
        self.page_overview = PageOverview(theme)
        self.page_overview.retry_wanted.connect(self._retry_group)
        self.page_overview.group_wanted.connect(self._show_group)
        self.page_overview.retry_page_wanted.connect(self._retry_page)
        self.page_overview.job_wanted.connect(self.open_job)
        self.page_overview.document_wanted.connect(lambda: self.show_tab("document"))
        self._overviews = QStackedWidget()
        self._overviews.addWidget(self.overview)
        self._overviews.addWidget(self.page_overview)
        self._pages_place = Place()
        self.skipped = SkippedView(context)
        self.skipped.page_wanted.connect(self.open_job)
        self.setup = SetupView(theme)
        self.setup.job_wanted.connect(self.open_job)
        self.attempts = AttemptsView(theme)
        self._document_place = Place()
        self.tabs = QTabWidget()
        self.tabs.setObjectName("detailTabs")
        self.tabs.setAccessibleName(self.tr("About the job"))
        self.tabs.setDocumentMode(True)
        for widget, title in (
            (self._overviews, self.tr("Overview")),
            (self._pages_place, self.tr("Pages")),
            (self.skipped, self.tr("Skipped")),
            (self.setup, self.tr("Setup")),
            (self.attempts, self.tr("Attempts")),
            (self._document_place, self.tr("Document")),
        ):
            self.tabs.addTab(widget, title)
        self.tabs.currentChanged.connect(lambda _: self._show_tab())
        one = QWidget()
        inner = QVBoxLayout(one)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        inner.addWidget(self.header)
        inner.addWidget(Line(theme))
        inner.addWidget(self.tabs, 1)
        self._stack = QStackedWidget(self)
        for page in (self._nothing, self.many, one):
            self._stack.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)

        self._retry = GroupRetry(context, self)
        self._retry.busy_changed.connect(self.overview.failures.set_busy)
        self._retry.retried.connect(self._retried)
        self._tick = QTimer(self, interval=TICK_MS)
        self._tick.timeout.connect(self._on_tick)
        self._read_timer = QTimer(self, singleShot=True)
        self._read_timer.timeout.connect(self._read_now)
        context.feed.updated.connect(self._on_update)

    # --- what is shown ------------------------------------------------------------------------------------------------

    @property
    def job_id(self) -> int | None:
        """The job that is shown; None when nothing is, or several are."""
        return self._job_id

    @property
    def is_reading(self) -> bool:
        """Whether more about the job is on its way."""
        return self._reads > 0

    @property
    def tab(self) -> Tab:
        """The tab in front."""
        return Tab(self.tabs.currentIndex())

    @property
    def pages_view(self) -> Any:
        """The table of pages, made when it is first needed."""
        if self._pages_view is None:
            # A window without a selection never needs it.
            from quaero_desktop.ui.views.pages import PagesView

            self._pages_view = PagesView(self._context, self._pages_place)
            self._pages_view.selected.connect(self.selected)
            self._pages_view.activated.connect(self.open_job)
            self._pages_place.fill(self._pages_view)
        return self._pages_view

    @property
    def document_view(self) -> Any:
        """The reader of documents, made when it is first needed."""
        if self._document_view is None:
            from quaero_desktop.ui.views.document import DocumentView

            self._document_view = DocumentView(self._context, self._document_place)
            # Inside the pane it is a preview: the library's own has the name.
            self._document_view.setObjectName("documentPreview")
            self._document_place.fill(self._document_view)
        return self._document_view

    def show_selection(self, selection: Selection) -> None:
        """Show what is selected elsewhere; the same again leaves the pane where it is.

        Args:
            selection: nothing, one job or several.
        """
        ids = tuple(target.id for target in selection.targets)
        if selection.count == 1 and len(ids) == 1:
            if ids == self._selection_ids and self._stack.currentIndex() == _ONE:
                return
            self._selection_ids = ids
            target = selection.targets[0]
            self._show_job(target.id, target.root_id, is_root=target.is_root)
            return
        self._selection_ids = ids
        self._let_go()
        if selection.count:
            self.many.show_selection(selection)
        self._stack.setCurrentIndex(_MANY if selection.count else _NOTHING)

    def show_pages(self, root_id: int, **which: Any) -> None:
        """Show the table of pages of a root.

        Args:
            root_id: the root.
            which: what of them: ``status``, ``cause``, ``code``, tuples as in :class:`PageFilter`.
        """
        if self._job_id != root_id or self._stack.currentIndex() != _ONE:
            self._show_job(root_id, root_id, is_root=True)
        self._pages_root = root_id
        self.pages_view.show_root(root_id, **which)
        self.tabs.setCurrentIndex(Tab.PAGES)

    def show_tab(self, name: str) -> None:
        """Bring a tab to the front, if what is shown has it.

        Args:
            name: overview, pages, skipped, setup, attempts or document.
        """
        tab = Tab[name.upper()]
        if self.tabs.isTabVisible(tab):
            self.tabs.setCurrentIndex(tab)

    def save_state(self) -> None:
        """Remember the columns of the pages, if they were ever shown."""
        if self._pages_view is not None:
            self._pages_view.save_state()

    def open_job(self, job_id: int) -> None:
        """Show a job that the pane itself led to, and say so."""
        if job_id == self._job_id:
            return
        if self._is_root:
            self._came_from = self.tab
        self._show_job(job_id, None, is_root=False, announced=True)
        self.page_activated.emit(job_id)

    # --- one job ------------------------------------------------------------------------------------------------------

    def _show_job(self, job_id: int, root_id: int | None, *, is_root: bool, announced: bool = False) -> None:
        """Show a job as soon as it is read.

        Args:
            job_id: the job.
            root_id: its root; None while that is not known.
            is_root: as far as is known.
            announced: whether it is to be selected when it is read.
        """
        if job_id == self._job_id and self._stack.currentIndex() == _ONE:
            return
        self._job_id = job_id
        self._root_id = root_id
        self._is_root = is_root
        self._job = self._details = self._page = None
        self._groups = ()
        self._is_stale = False
        self._read_timer.stop()
        self._read(announced=announced)

    def _let_go(self) -> None:
        """Show no job any more."""
        self._context.tasks.cancel(self._key)
        self._read_timer.stop()
        self._job_id = self._root_id = None
        self._job = self._details = self._page = None

    @property
    def _key(self) -> tuple[str, int]:
        return ("details", id(self))

    def _schedule(self) -> None:
        """Read the details again, when it is time."""
        if self._job_id is None:
            return
        if not self.isVisible() or self.is_reading:
            self._is_stale = True
            return
        if not self._read_timer.isActive():
            wait = max(READ_EVERY_MS, _REST * self._read_took * 1000) - (time.monotonic() - self._read_at) * 1000
            self._read_timer.start(max(0, round(wait)))

    def _read_now(self) -> None:
        if self._job_id is None:
            return
        if self.isVisible():
            self._read()
        else:
            self._is_stale = True

    def _read(self, *, announced: bool = False) -> None:
        assert self._job_id is not None
        self._is_stale = False
        self._read_at = time.monotonic()
        self._context.tasks.latest(self._key, self._read_job(self._job_id, announced), on_error=self._could_not_read)

    async def _read_job(self, job_id: int, announced: bool) -> None:
        """Read a job in steps and show what there is after each: of a huge crawl the last takes half a second."""
        self._reads += 1
        try:
            if self._job is None:
                job = await self._context.services.jobs.get(job_id)
                self._job, self._root_id, self._is_root = job, job.root_id, job.is_root
                if job.is_root:
                    self._begin()
            await (self._read_root(job_id) if self._is_root else self._read_page(job_id))
        finally:
            self._reads -= 1
        self._read_took = time.monotonic() - self._read_at
        if announced:
            row = self._page.row if self._page is not None else None
            target = Target.of_job(self._job) if row is None else Target.of_page(row)
            self.selected.emit(Selection.of([target]))
        if self._is_stale:
            self._is_stale = False
            self._schedule()

    async def _read_root(self, root_id: int) -> None:
        services = self._context.services
        self._asked_at = time.monotonic()
        self._details = details = await services.jobs.details(root_id)
        if self._job is None or details.job.revision >= self._job.revision:
            self._job = details.job
        assert details.root is not None
        if not details.root.failures:
            self._groups = ()
        self._show_details()
        if details.root.failures:
            self._groups = await services.pages.failure_groups(root_id)
            self._show_details()

    async def _count_pages(self, root_id: int) -> None:
        """Let the numbers of pages keep up with the header; all else takes longer to read, and comes later."""
        at = time.monotonic()
        counts = await self._context.services.pages.counts(root_id)
        if root_id == self._job_id and self._details is not None:
            self._counted = _Counted(root_id, at, counts.pages)
            self.overview.show_pages(counts.pages)

    async def _read_page(self, job_id: int) -> None:
        services = self._context.services
        details = await services.jobs.details(job_id)
        job = details.job
        root = await services.jobs.get(job.root_id)
        rows = await services.pages.rows([job_id])
        row = rows[0] if rows else None
        alike = (job.cause, row.code if row is not None else None)
        first = self._page is None
        before = self._page.group if self._page is not None else None
        page = PageDetails(
            job=job,
            row=row,
            attempts=details.attempts,
            found_on=details.found_on,
            group=before if before is not None and why(before) == alike else None,
            root_name=root.name,
            seeds=root.seeds,
        )
        self._job, self._details, self._page = job, details, page
        if first:
            self._begin()
        self._show_details()
        if job.status == Status.FAILED:
            groups = await services.pages.failure_groups(job.root_id)
            group = next((group for group in groups if why(group) == alike), None)
            self._page = msgspec.structs.replace(page, group=group)
            self._show_details()

    def _could_not_read(self, error: KnownError) -> None:
        if isinstance(error, NotFoundError):
            self._gone()
        else:
            self._context.notices.error(error)

    def _gone(self) -> None:
        """The job was deleted, here or elsewhere."""
        if self._pages_view is not None and self._pages_root == self._root_id:
            self._pages_view.clear()
            self._pages_root = None
        self._let_go()
        self._selection_ids = ()
        self._stack.setCurrentIndex(_NOTHING)

    def _begin(self) -> None:
        """Lay out the pane for another job."""
        (self.overview if self._is_root else self.page_overview).begin()
        self._overviews.setCurrentWidget(self.overview if self._is_root else self.page_overview)
        has_document = self._page is not None and self._page.row is not None and self._page.row.document_id is not None
        wanted = _OF_A_ROOT if self._is_root else {Tab.OVERVIEW, Tab.ATTEMPTS, Tab.DOCUMENT}
        before = self.tab
        for tab in Tab:
            self.tabs.setTabVisible(tab, tab in wanted)
        self.tabs.setTabEnabled(Tab.DOCUMENT, has_document)
        front = before if before in wanted and self.tabs.isTabEnabled(before) else Tab.OVERVIEW
        if self.tabs.currentIndex() != front:
            self.tabs.setCurrentIndex(front)
        self._stack.setCurrentIndex(_ONE)
        self._show_pace()
        self._show_tab()

    def _show_details(self) -> None:
        """Show everything anew from what was read last."""
        details, now = self._details, self._now()
        if details is None or self._job is None:
            return
        if details.root is not None:
            if self._paces.of(self._job.id) is None:
                self._paces.update(self._job, now)
            self.overview.show_details(details.root, self._groups, now)
            if self._counted.root_id == self._job.id and self._counted.at > self._asked_at:
                self.overview.show_pages(self._counted.pages)
            self.setup.show_root(details.job)
            # What was retried after its end has runs that ended.
            self.attempts.show_attempts(details.attempts)
            self.tabs.setTabVisible(Tab.ATTEMPTS, bool(details.attempts))
            self._show_pace()
        elif self._page is not None:
            page = self._page
            row = page.row
            title = row.title if row is not None and row.document_id is not None else ""
            self.header.show_page(page.job, title, page.line, page.root_name)
            self.page_overview.show_details(page, now, busy=self._retry.is_busy(page.group))
            self.attempts.show_attempts(page.attempts)
            has_document = row is not None and row.document_id is not None
            self.tabs.setTabEnabled(Tab.DOCUMENT, has_document)
            if not has_document and self.tab is Tab.DOCUMENT:
                self.tabs.setCurrentIndex(Tab.OVERVIEW)
        if self.tab is Tab.SKIPPED and self._is_root:
            self.skipped.refresh()
        elif self.tab is Tab.DOCUMENT:
            self._show_document()

    def _show_head(self) -> None:
        """Show of a root the figures that change all the time."""
        if self._job is not None and self._is_root:
            root = self._details.root if self._details is not None else None
            self.header.show_root(self._job, root, self._paces.of(self._job.id), self._now())

    def _show_pace(self) -> None:
        """Show of a root what changes from second to second."""
        if self._job is None or not self._is_root:
            return
        self._show_head()
        now = self._now()
        pace = self._paces.of(self._job.id)
        points = pace.throughput.points(now) if pace is not None else ()
        self.header.show_history(points)
        if self.tab is Tab.OVERVIEW:
            self.overview.show_pace(self._job, points, now)

    def _show_tab(self) -> None:
        """Fill the tab in front, which may have been behind until now."""
        if self._job_id is None or self._job is None:
            return
        match self.tab:
            case Tab.PAGES if self._is_root and self._pages_root != self._job_id:
                self._pages_root = self._job_id
                self.pages_view.show_root(self._job_id)
            case Tab.SKIPPED if self._is_root and self._skips_root != self._job_id:
                self._skips_root = self._job_id
                self.skipped.show_root(self._job_id)
            case Tab.SKIPPED:
                self.skipped.refresh()
            case Tab.DOCUMENT:
                self._show_document()
            case Tab.OVERVIEW:
                self._show_pace()

    def _show_document(self) -> None:
        row = self._page.row if self._page is not None else None
        if row is None or row.document_id is None:
            return
        wanted = (row.document_id, row.revision)
        if wanted != self._document_shown:
            self._document_shown = wanted
            self._context.tasks.latest(("preview", id(self)), self._read_document(row.document_id))

    async def _read_document(self, document_id: int) -> None:
        try:
            document = await self._context.services.library.document(document_id)
        except NotFoundError:
            self.document_view.clear(self.tr("This document is no longer in the library."))
            return
        shown = self.document_view.document
        if shown is None or (shown.id, shown.version) != (document.id, document.version):
            self.document_view.show_document(document)

    # --- what happens meanwhile ---------------------------------------------------------------------------------------

    def _on_update(self, update: FeedUpdate) -> None:
        now = self._now()
        for root in update.roots:
            self._paces.update(root, now)
        for job_id in update.removed:
            self._paces.forget(job_id)
            # What shows it lets go of it by itself; should it come back, it is shown anew.
            if job_id == self._pages_root:
                self._pages_root = None
            if job_id == self._skips_root:
                self._skips_root = None
        if self._job_id is None:
            if self._stack.currentIndex() == _MANY:
                self.many.update_jobs((*update.roots, *update.children))
            return
        if self._job_id in update.removed or self._root_id in update.removed:
            self._gone()
            return
        mine = next((root for root in update.roots if root.id == self._root_id), None)
        if mine is None and update.complete:
            return
        if mine is not None and self._is_root and self._job is not None:
            ended = self._job.status in OPEN_STATUSES and mine.status not in OPEN_STATUSES
            self._job = mine
            if self.isVisible():
                self._show_head()
                counting = self._count_pages(mine.id)
                self._context.tasks.latest(("page counts", id(self)), counting, on_error=self._could_not_read)
            if ended:
                self._read_at = 0.0  # what it came to is not kept waiting
        self._schedule()

    def _on_tick(self) -> None:
        """A second went by: paces fall while nothing happens, and times grow older."""
        if self._job is None or not self._is_root:
            return
        if self._job.status == Status.RUNNING:
            self._paces.update(self._job, self._now())
        self._show_pace()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 (Qt's name)
        """Pass the keyboard on to the tabs."""
        pass_on(self.tabs, event)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Catch up with what happened while nobody looked."""
        super().showEvent(event)
        self._tick.start()
        if self._is_stale:
            self._is_stale = False
            self._schedule()
        self._on_tick()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Rest while nobody looks."""
        super().hideEvent(event)
        self._tick.stop()

    # --- where clicks lead --------------------------------------------------------------------------------------------

    def _go_back(self) -> None:
        """From a page to its crawl, to the tab that led here."""
        if self._root_id is None or self._is_root:
            return
        root_id, tab = self._root_id, self._came_from
        self._came_from = Tab.OVERVIEW
        for other in Tab:
            self.tabs.setTabVisible(other, other in _OF_A_ROOT)
        self._show_job(root_id, root_id, is_root=True, announced=True)
        self.tabs.setCurrentIndex(tab)
        self.page_activated.emit(root_id)

    def _show_status(self, status: str) -> None:
        if self._root_id is not None:
            self.show_pages(self._root_id, status=(status,) if status else ())

    def _show_group(self, group: FailureGroup) -> None:
        if self._root_id is not None:
            cause = () if group.cause is None else (group.cause,)
            code = () if group.code is None else (group.code,)
            self.show_pages(self._root_id, status=(str(Status.FAILED),), cause=cause, code=code)

    def _show_skips(self, reason: str) -> None:
        if self._root_id is not None:
            self._skips_root = self._root_id
            self.skipped.show_root(self._root_id, reason)
            self.tabs.setCurrentIndex(Tab.SKIPPED)

    def _sign_in(self) -> None:
        if self._root_id is not None:
            self.sign_in_wanted.emit(self._root_id)

    def _retry_page(self) -> None:
        if self._job_id is not None and self._root_id is not None:
            self._retry.retry_page(self._root_id, self._job_id)

    def _retry_group(self, group: FailureGroup) -> None:
        if self._root_id is not None:
            self._retry.retry_group(self._root_id, group)

    def _retried(self) -> None:
        """Show at once what became of it."""
        self._read_at = 0.0
        self._schedule()
