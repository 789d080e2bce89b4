"""When the callbacks of the window's event loop run: all that are due, once in each turn of Qt's loop."""

import asyncio
import heapq
import itertools
import math
import time
from collections import deque

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QTimerEvent

_CALLED = QEvent.Type(QEvent.registerEventType())


class Turns(QObject):
    """Stands in the place of the timer object of qasync 0.28, with the same methods, and may be paused.

    That one starts and ends a timer of Qt's for each callback, which costs four times as much as running it, and keeps
    the timers of cancelled timeouts until they would be due: thousands in a crawl, among which Qt looks for each one in
    turn (https://github.com/CabbageDevelopment/qasync, ``_SimpleTimer``). It also runs callbacks while the loop does
    not run: whenever somebody else serves Qt's events. A task that has its turn then cannot ask for its loop.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ready: deque[asyncio.Handle] = deque()
        self._later: list[tuple[float, int, asyncio.Handle]] = []
        self._numbers = itertools.count()
        self._turning = 0
        self._waiting = 0
        self._due = math.inf
        self._is_called = False
        self._is_paused = True

    def add_callback(self, handle: asyncio.Handle, delay: float = 0) -> asyncio.Handle:
        """Run *handle* in the next turn, or after so many seconds."""
        if delay > 0:
            due = time.monotonic() + delay
            heapq.heappush(self._later, (due, next(self._numbers), handle))
            if due < self._due:
                self._wait_until(due)
        else:
            self._ready.append(handle)
            self._turn()
        return handle

    def call(self, handle: asyncio.Handle) -> None:
        """Run *handle* in the next turn; from any thread."""
        self._ready.append(handle)
        if not self._is_called:
            self._is_called = True
            QCoreApplication.postEvent(self, QEvent(_CALLED))

    def resume(self) -> None:
        """Let callbacks run from now on."""
        self._is_paused = False
        if self._ready:
            self._turn()
        if self._later:
            self._wait_until(self._later[0][0])

    def pause(self) -> None:
        """Let no callback run until :meth:`resume`; none is lost."""
        self._is_paused = True
        self._end_turning()
        self._end_waiting()

    def stop(self) -> None:
        """Run nothing any more."""
        self.pause()
        self._ready.clear()
        self._later.clear()

    def set_debug(self, enabled: bool) -> None:
        """Do nothing: how long callbacks take is not watched."""

    def customEvent(self, event: QEvent) -> None:  # noqa: N802 (Qt's name)
        """Go on: another thread has called."""
        self._is_called = False
        self._turn()

    def timerEvent(self, event: QTimerEvent) -> None:  # noqa: N802
        """Run what is due by now, and in the next turn what that brings."""
        now = time.monotonic()
        while self._later and (self._later[0][0] <= now or self._later[0][2].cancelled()):
            self._ready.append(heapq.heappop(self._later)[2])
        due = self._later[0][0] if self._later else math.inf
        if due != self._due or event.timerId() == self._waiting:
            self._wait_until(due)
        for _ in range(len(self._ready)):
            # Another loop of Qt's within a callback, that of a menu say, may have run the rest.
            if self._is_paused or not self._ready:
                break
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()
        if not self._ready:
            self._end_turning()

    def _turn(self) -> None:
        if not self._turning and not self._is_paused:
            self._turning = self.startTimer(0)

    def _end_turning(self) -> None:
        if self._turning:
            self.killTimer(self._turning)
            self._turning = 0

    def _wait_until(self, due: float) -> None:
        self._end_waiting()
        if due < math.inf and not self._is_paused:
            self._due = due
            self._waiting = self.startTimer(max(0, math.ceil((due - time.monotonic()) * 1000)))

    def _end_waiting(self) -> None:
        self._due = math.inf
        if self._waiting:
            self.killTimer(self._waiting)
            self._waiting = 0
