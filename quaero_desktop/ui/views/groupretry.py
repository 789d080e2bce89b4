"""Retrying what failed: one page, or the very pages that a group of failures counted."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from quaero_desktop.domain.jobs import Status
from quaero_desktop.domain.pagelist import FailureGroup, PageFilter
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.format import count_of

if TYPE_CHECKING:
    # Not at a start: the table of pages comes when it is first wanted.
    from quaero_desktop.ui.views.pagefilterbar import Reason


class GroupRetry(QObject):
    """Queues failed pages again and says how many, each group once at a time.

    Args:
        context: what the parts of the window are given.

    Signals:
        busy_changed: a :class:`FailureGroup`, and whether it is being retried now.
        retried: pages were queued again, or there were none any more.
    """

    busy_changed = Signal(object, bool)
    retried = Signal()

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._busy: set[Reason] = set()

    def is_busy(self, group: FailureGroup | None) -> bool:
        """Whether a group is being retried."""
        return group is not None and why(group) in self._busy

    def retry_page(self, root_id: int, page_id: int) -> None:
        """Retry one page of a root."""
        self._context.tasks.spawn(self._retry(root_id, [page_id]), name="retry a page")

    def retry_group(self, root_id: int, group: FailureGroup) -> None:
        """Retry the pages of a group, unless that is under way."""
        if why(group) not in self._busy:
            self._busy.add(why(group))
            self.busy_changed.emit(group, True)
            self._context.tasks.spawn(self._retry_alike(root_id, group), name="retry pages that failed alike")

    async def _retry_alike(self, root_id: int, group: FailureGroup) -> None:
        try:
            await self._retry(root_id, await self._ids_of(root_id, group))
        finally:
            self._busy.discard(why(group))
            self.busy_changed.emit(group, False)

    async def _ids_of(self, root_id: int, group: FailureGroup) -> list[int]:
        """Return the pages of a group: the very same that were counted, no others of its cause."""
        pages = self._context.services.pages
        ids = list(await pages.ids(_pages_of(root_id, group)))
        if group.cause is not None and group.code is not None:
            return ids
        # A filter cannot ask for "none": what has one is taken away.
        others: set[int] = set()
        for other in await pages.failure_groups(root_id):
            if why(other) in (why(group), (None, None)):
                continue
            if group.cause in (None, other.cause) and group.code in (None, other.code):
                others.update(await pages.ids(_pages_of(root_id, other)))
        return [job_id for job_id in ids if job_id not in others]

    async def _retry(self, root_id: int, ids: list[int]) -> None:
        number = await self._context.services.jobs.retry(root_id, ids=ids)
        if number:
            self._context.notices.show(self.tr("%s queued again.") % count_of(number, "page"), kind="success")
        else:
            self._context.notices.show(self.tr("None of these pages is failed any more."))
        self.retried.emit()


def why(group: FailureGroup) -> "Reason":
    """Return why the pages of a group failed."""
    return group.cause, group.code


def _pages_of(root_id: int, group: FailureGroup) -> PageFilter:
    """Return the filter that comes nearest to a group."""
    return PageFilter(
        root_id=root_id,
        status=(str(Status.FAILED),),
        cause=() if group.cause is None else (group.cause,),
        code=() if group.code is None else (group.code,),
    )
