"""Tasks of the window: kept while they run, and never failing without a word.

qasync's own decorators keep only weak references to their tasks and lose their errors.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from quaero_desktop.domain.errors import KnownError

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Tasks:
    """Starts coroutines on the running loop and looks after them.

    Args:
        known: told of an error that is the world's fault.
        bug: told of every other one.
    """

    def __init__(self, known: Callable[[KnownError], None], bug: Callable[[BaseException], None]) -> None:
        self._known = known
        self._bug = bug
        self._running: set[asyncio.Task[Any]] = set()
        self._latest: dict[object, asyncio.Task[Any]] = {}
        self._closed = False

    def spawn(
        self,
        coroutine: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        on_error: Callable[[KnownError], None] | None = None,
    ) -> "asyncio.Task[T] | None":
        """Run a coroutine in a task of its own.

        Args:
            coroutine: what to run.
            name: of the task, for diagnostics.
            on_error: told of a KnownError instead of the window's notices.

        Returns:
            The task; None while the window closes, and where no loop runs that could run it: Qt may serve its timers
            once more while the loop ends.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if self._closed or loop is None:
            coroutine.close()
            return None
        task = loop.create_task(coroutine, name=name)
        self._running.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, on_error))
        return task

    def latest(
        self,
        key: object,
        coroutine: Coroutine[Any, Any, T],
        *,
        on_error: Callable[[KnownError], None] | None = None,
    ) -> "asyncio.Task[T] | None":
        """Run a coroutine, and cancel the one before it with the same *key*: only the newest question counts."""
        self.cancel(key)
        task = self.spawn(coroutine, name=str(key), on_error=on_error)
        if task is not None:
            self._latest[key] = task
            task.add_done_callback(lambda ended: self._forget(key, ended))
        return task

    def cancel(self, key: object) -> None:
        """Cancel what :meth:`latest` runs under *key*, if anything."""
        running = self._latest.pop(key, None)
        if running is not None:
            running.cancel()

    async def cancel_all(self) -> None:
        """Cancel everything, wait for it to end, and start nothing any more."""
        self._closed = True
        while self._running:
            for task in self._running:
                task.cancel()
            await asyncio.wait(self._running)
            # The callbacks that take them out of the set run after this wait returns.
            await asyncio.sleep(0)

    def _forget(self, key: object, task: "asyncio.Task[Any]") -> None:
        if self._latest.get(key) is task:
            del self._latest[key]

    def _ended(self, task: "asyncio.Task[Any]", on_error: Callable[[KnownError], None] | None) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            return
        if self._closed:
            _log.info("%s failed while the window closed: %s", task.get_name(), error)
        elif isinstance(error, KnownError):
            (on_error or self._known)(error)
        else:
            self._bug(error)
