"""Who brings the lines to the log console.

The model never hears of single lines: :class:`LogTail` asks the library for what came since, at most every 400 ms, and
hands it over in one piece. So a crawl that logs thousands of lines a second costs the window no more than a slow one.
"""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from enum import Enum
from typing import Any

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from quaero_desktop.domain.errors import KnownError, NotFoundError
from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.domain.jobs import Job, TailLine
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.models.log import LogModel, LogRow

PAGE = 1_000
"""How many lines are fetched at once: a few milliseconds' work for the window."""
PULL_MS = 400
"""Lines are fetched no more often than this: nobody reads faster, and each time the table is painted anew."""
_BUSY_MS = 10
_IDLE_MS = 1_000
_MOST_FULL_PULLS = 5


class LogScope(msgspec.Struct, frozen=True, kw_only=True):
    """Whose lines are wanted, and which.

    Attributes:
        job_id, root_id: of a job; both None for all jobs.
        children: also those of the jobs below it.
        minimum: the least important level.
    """

    job_id: int | None = None
    root_id: int | None = None
    children: bool = True
    minimum: str = "info"

    @property
    def wanted(self) -> int | None:
        """The job, or None for all."""
        return self.job_id if self.job_id is not None else self.root_id

    @property
    def of_many(self) -> bool:
        """Whether lines of several jobs may come."""
        return self.wanted is None or (self.children and self.wanted == (self.root_id or self.wanted))


class _Wish(Enum):
    """What the person waits for."""

    NOTHING = 0
    OLDER = 1
    NEWER = 2
    RELOAD = 3


class LogTail(QObject):
    """Keeps a :class:`LogModel` at the end of the log, or wherever the person reads.

    It works only while it is active (its table can be seen) and not paused.

    Args:
        context: of the window.
        model: gets the lines.

    Signals:
        changed: something of what the attributes say is different.
        replaced: the model holds other lines than before.
        appended: newer lines came, and so many rows went from the top of the table.
        prepended: so many rows with older lines came on top.

    Attributes:
        job, root: of the scope; None until they are read.
        following: whether the newest lines are wanted whatever it costs the oldest.
        loading: whether the first lines of a scope are under way.
        gone: whether the job was deleted.
        has_older, has_newer: whether the library has lines before and after those in the model.
    """

    changed = Signal()
    replaced = Signal()
    appended = Signal(int)
    prepended = Signal(int)

    def __init__(self, context: Context, model: LogModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._model = model
        self._key = ("log", id(self))
        self._scope = LogScope()
        self._active = False
        self._wish = _Wish.RELOAD
        self._paused = False
        self._busy = False
        self._task: asyncio.Task[None] | None = None
        self._newest = 0
        self._floor = 0
        self._full_pulls = 0
        self._pulled_at = 0.0
        self.job: Job | None = None
        self.root: Job | None = None
        self.following = True
        self.loading = True
        self.gone = False
        self.has_older = False
        self.has_newer = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._tick)
        context.feed.updated.connect(self._feed_updated)

    @property
    def scope(self) -> LogScope:
        """Whose lines are shown."""
        return self._scope

    @property
    def paused(self) -> bool:
        """Whether nothing is fetched because the person wants to read."""
        return self._paused

    @property
    def cleared(self) -> bool:
        """Whether the person cleared the view, and so hid what came before."""
        return self._floor > 0

    @property
    def floor(self) -> int:
        """Only lines with a greater id are shown."""
        return self._floor

    def show(self, scope: LogScope) -> None:
        """Show the newest lines of *scope*, and go on from there."""
        if scope.wanted != self._scope.wanted:
            self._floor = 0
            self.gone = False
        if scope.job_id != self._scope.job_id:
            self.job = None
        if scope.root_id != self._scope.root_id:
            self.root = None
        self._scope = scope
        self.reload()

    def set_active(self, active: bool) -> None:
        """Say whether anybody can see the lines."""
        self._active = active
        if active:
            self._due(0)
        else:
            self._timer.stop()

    def set_paused(self, paused: bool) -> None:
        """Fetch nothing of itself for a while, or go on."""
        self._paused = paused
        if paused:
            self._timer.stop()
        else:
            self._due(0)
        self.changed.emit()

    def set_following(self, following: bool) -> None:
        """Keep at the end of the log, or keep what is held."""
        self.following = following
        if following and self.has_newer:
            self.reload()
        self.changed.emit()

    def clear(self) -> None:
        """Show only what comes from now on."""
        self._floor = max(self._newest, self._floor)
        self._model.replace(())
        self.has_older = False
        if self.has_newer:
            self.reload()
        self.replaced.emit()
        self.changed.emit()

    def reload(self) -> None:
        """Fetch the newest lines of the scope, in the place of what is held."""
        self.loading = True
        self._ask(_Wish.RELOAD)
        self.changed.emit()

    def load_older(self) -> None:
        """Fetch the lines before the oldest."""
        if self.has_older:
            self._ask(_Wish.OLDER)

    def load_newer(self) -> None:
        """Fetch the lines after the newest, at the cost of the oldest."""
        if self.has_newer:
            self._ask(_Wish.NEWER)

    # --- inside -------------------------------------------------------------------------------------------------

    def _feed_updated(self, update: FeedUpdate) -> None:
        if not self._active or self._paused:
            return
        if update.removed and self._model.holds_any_of(frozenset(update.removed)):
            self.reload()
        else:
            # The first lines after a while come at once, and with what else the feed brings.
            self._due(max(0, PULL_MS - round((time.monotonic() - self._pulled_at) * 1000)))

    def _ask(self, wish: _Wish) -> None:
        """Do what the person wants next, in the loop; the newest lines go before all else."""
        if self._wish is not _Wish.RELOAD:
            self._wish = wish
        self._due(0)

    def _due(self, milliseconds: int) -> None:
        if not self._active or (self._paused and self._wish is _Wish.NOTHING):
            return
        if not self._timer.isActive() or self._timer.remainingTime() > milliseconds:
            self._timer.start(milliseconds)

    def _tick(self) -> None:
        wish = self._wish
        if wish is _Wish.RELOAD or self.gone:
            self._start(self._reload())
        elif self._busy:
            self._due(_BUSY_MS)
            return
        elif wish is _Wish.OLDER:
            self._start(self._older())
        elif wish is _Wish.NEWER:
            self._start(self._pull(whole_page=True))
        elif self.following or not self.has_newer:
            self._start(self._pull())
        self._wish = _Wish.NOTHING

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._busy = True
        task = self._context.tasks.latest(self._key, coroutine, on_error=self._failed)
        if task is None:
            self._busy = False
            return
        self._task = task
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if task is self._task:
            self._busy = False

    def _failed(self, error: KnownError) -> None:
        self.loading = False
        if isinstance(error, NotFoundError):
            # It may come back: a deletion can be undone.
            self.gone = True
            self.has_older = self.has_newer = False
            self._model.replace(())
            self.replaced.emit()
            self._due(_IDLE_MS)
        else:
            self._context.notices.error(error)
            self._paused = True
        self.changed.emit()

    async def _fetch(self, *, after_id: int | None = None, before_id: int | None = None) -> list[TailLine]:
        scope = self._scope
        return await self._context.services.jobs.log_tail(
            root_id=scope.root_id,
            job_id=scope.job_id,
            children=scope.children,
            minimum=scope.minimum,
            after_id=after_id,
            before_id=before_id,
            limit=PAGE,
        )

    def _rows(self, lines: Sequence[TailLine]) -> list[LogRow]:
        with_host = self._scope.wanted is None
        return [LogRow.of(line, with_host=with_host) for line in lines if line.id > self._floor]

    async def _reload(self) -> None:
        scope = self._scope
        jobs = self._context.services.jobs
        if scope.root_id is not None and (self.root is None or self.root.id != scope.root_id):
            self.root = await jobs.get(scope.root_id)
        if scope.job_id is not None and (self.job is None or self.job.id != scope.job_id):
            self.job = await jobs.get(scope.job_id)
        lines = await self._fetch()
        rows = self._rows(lines)
        self._newest = max(lines[-1].id if lines else 0, self._floor)
        self.loading = self.gone = self.has_newer = False
        self._full_pulls = 0
        self.has_older = len(rows) == PAGE
        self._model.replace(rows)
        self.replaced.emit()
        self.changed.emit()
        self._due(PULL_MS)

    async def _pull(self, *, whole_page: bool = False) -> None:
        self._pulled_at = time.monotonic()
        lines = await self._fetch(after_id=self._newest)
        full = len(lines) == PAGE
        self._full_pulls = self._full_pulls + 1 if full else 0
        if self.following and self._full_pulls > _MOST_FULL_PULLS:
            # So far behind after a pause that nobody would read along: go where the newest are.
            await self._reload()
            return
        had_newer = self.has_newer
        self.has_newer = full and not self.following
        if not self.following and not whole_page:
            # Nobody takes away what is being read: what has no room waits until it is asked for.
            room = self._model.capacity - self._model.total
            self.has_newer = len(lines) > room
            lines = lines[:room]
        if lines:
            self._newest = lines[-1].id
            self.appended.emit(self._model.append(self._rows(lines)))
        if had_newer != self.has_newer:
            self.changed.emit()
        self._due(PULL_MS if lines else _IDLE_MS)

    async def _older(self) -> None:
        oldest = self._model.oldest_id
        lines = await self._fetch(before_id=oldest)
        rows = self._rows(lines)
        self.has_older = len(rows) == PAGE
        newest = self._model.newest_id
        added = self._model.prepend(rows)
        if self._model.newest_id != newest:
            self.has_newer = True
            self._newest = self._model.newest_id or 0
        self.prepended.emit(added)
        self.changed.emit()
        self._due(PULL_MS)
