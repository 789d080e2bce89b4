"""The change feed as Qt signals: one reader for the whole window."""

import asyncio
import weakref
from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal

from quaero_desktop.services.compose import Services
from quaero_desktop.ui.tasks import Tasks

_STATISTICS_SECONDS = 1.0


class JobFeed(QObject):
    """Tells the parts of the window what changed in the library, at most five times a second.

    Args:
        services: of a library that is open for writing.
        tasks: runs what listens.

    Signals:
        updated: a :class:`quaero_desktop.domain.events.FeedUpdate`.
        statistics: the :class:`quaero_desktop.domain.listing.Statistics` of the library, at the start, and at most
            once a second while something changes.
    """

    updated = Signal(object)
    statistics = Signal(object)

    def __init__(self, services: Services, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._tasks = tasks
        self._watched: weakref.WeakKeyDictionary[object, frozenset[int]] = weakref.WeakKeyDictionary()
        self._changed = asyncio.Event()
        self._running: list[asyncio.Task[None]] = []

    def watch(self, owner: object, parent_ids: Iterable[int]) -> None:
        """Tell of the children of these jobs, too, as long as *owner* lives or until it watches others.

        What changed before is not told: watch first and read the children then.

        Args:
            owner: who wants it; each owner has a set of its own.
            parent_ids: all that it watches from now on; none to end it.
        """
        self._watched[owner] = frozenset(parent_ids)
        self._services.feed.watch(frozenset().union(*self._watched.values()))

    def start(self) -> None:
        """Begin to listen. Needs a running event loop."""
        if self._running:
            return
        self._changed.set()
        for coroutine, name in ((self._listen(), "job feed"), (self._count(), "statistics")):
            task = self._tasks.spawn(coroutine, name=name)
            if task is not None:
                self._running.append(task)

    def stop(self) -> None:
        """Say nothing any more. After another :meth:`start`, it goes on with all that changed meanwhile."""
        for task in self._running:
            task.cancel()
        self._running.clear()

    async def flush(self) -> None:
        """Stop, and tell what changed until now."""
        listening = list(self._running)
        self.stop()
        if listening:
            await asyncio.wait(listening)
        update = await self._services.feed.update()
        if update is not None:
            self.updated.emit(update)

    async def _listen(self) -> None:
        async for update in self._services.feed.updates():
            self._changed.set()
            self.updated.emit(update)

    async def _count(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            self.statistics.emit(await self._services.library.statistics())
            await asyncio.sleep(_STATISTICS_SECONDS)
