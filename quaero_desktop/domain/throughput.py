"""How fast a crawl has been, for a chart: pages a second over time, in bounded memory."""

from collections import deque

import msgspec

MAX_POINTS = 240
FIRST_WIDTH_MS = 1_000


class Pace(msgspec.Struct, frozen=True):
    """How fast pages ended in the time from *at* (milliseconds UTC) on, for *width* milliseconds."""

    at: int
    width: int
    pages_per_second: float


class Throughput:
    """Collects how many pages of one crawl ended when.

    Time is cut into slices, of a second at first; when there are more than :data:`MAX_POINTS`, each two become one, so
    that a crawl of a week takes no more room than one of a minute.
    """

    def __init__(self) -> None:
        self._width = FIRST_WIDTH_MS
        self._first = 0
        self._slices: deque[int] = deque()
        self._ended: int | None = None
        self._now = 0

    def record(self, now: int, ended: int) -> None:
        """Note how many pages have ended by *now*.

        Args:
            now: in milliseconds UTC; an earlier time than the one before counts as that.
            ended: pages, all in all; fewer than before (failed ones were queued again) is a new beginning.
        """
        self._reach(now)
        if self._ended is not None and ended > self._ended:
            self._slices[-1] += ended - self._ended
        self._ended = ended

    def points(self, now: int) -> tuple[Pace, ...]:
        """Return the pace in each slice that is over by *now*, oldest first."""
        if not self._slices:
            return ()
        self._reach(now)
        seconds = self._width / 1000
        return tuple(
            Pace(self._first + index * self._width, self._width, pages / seconds)
            for index, pages in enumerate(self._slices)
            if index < len(self._slices) - 1
        )

    def _reach(self, now: int) -> None:
        """Make the slice that *now* lies in the last one."""
        if not self._slices:
            self._first = now
            self._slices.append(0)
        self._now = max(self._now, now)
        while (missing := (self._now - self._first) // self._width + 1 - len(self._slices)) > 0:
            if len(self._slices) + missing <= MAX_POINTS:
                self._slices.extend([0] * missing)
            else:
                self._halve()

    def _halve(self) -> None:
        pages = list(self._slices)
        if len(pages) % 2:
            pages.append(0)
        self._width *= 2
        self._slices = deque(first + second for first, second in zip(pages[::2], pages[1::2], strict=True))
