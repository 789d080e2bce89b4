"""How long a crawl will still take: an interval, as long as nobody knows how much there is to crawl.

A crawl discovers while it works, so "what is queued by what is done a second" is only the least it can take. The most
it takes follows from how many new pages each page brings of late: with *g* of them, what is queued grows to
queued / (1 - g). Where a page brings a new one or more, there is no end in sight and only the least is known.
"""

import math
from collections import deque

import msgspec

WINDOWS_MS = (15_000, 60_000, 300_000)
"""The pace is measured over each of these; how far they differ says how sure one can be of it."""
_GROWTH_PAGES = 30
"""Growth is measured over the shortest window with so many ended pages, so that one index page does not decide."""
_LEAST_PAGES = 3
_LEAST_MS = 2_000
_APART_MS = 400
_NO_END = 0.95
"""With so many new pages for each that ends, or more, no end is in sight."""
_HANGS_PAGES = 12
"""Where so many pages would have ended at the usual pace and hardly any did, the crawl hangs: nobody knows how long."""
_THE_SAME = 1.35
"""When the most is at most so many times the least, one number says it."""


class Eta(msgspec.Struct, frozen=True):
    """How long it will still take, in seconds.

    Attributes:
        least: if nothing new is found and the pace is that of its better times.
        most: if pages go on bringing new ones as they do; None while no end is in sight.
    """

    least: float
    most: float | None

    @property
    def words(self) -> str:
        """This for a person, like ``3 to 8 min left``."""
        if self.most is None:
            return f"at least {_spoken(*_rounded(self.least))} left"
        if self.most < 10:
            return "a few seconds left"
        if self.most <= self.least * _THE_SAME:
            return f"about {_spoken(*_rounded((self.least + self.most) / 2))} left"
        least, most = _rounded(self.least), _rounded(self.most)
        if least == most:
            return f"about {_spoken(*most)} left"
        if least[0] == 0:
            return f"at most {_spoken(*most)} left"
        if least[1] == most[1]:
            return f"{least[0]:,} to {_spoken(*most)} left"
        return f"{_spoken(*least)} to {_spoken(*most)} left"


class _Sample(msgspec.Struct, frozen=True):
    at: int
    ended: int
    found: int


class EtaEstimator:
    """Estimates what is left of one crawl from snapshots of it. Pure: time is handed in."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque()

    def forget(self) -> None:
        """Begin anew: the crawl stood still for a reason that says nothing about its pace."""
        self._samples.clear()

    def update(self, now: int, ended: int, found: int, *, limit: int | None = None) -> Eta | None:
        """Note a snapshot and return what is left, or None while nothing can be said.

        Args:
            now: the time of the snapshot, in milliseconds UTC, not before that of the one before.
            ended: how many pages have ended.
            found: how many pages there are, ended and open.
            limit: the most pages of this crawl; None for no limit.
        """
        samples = self._samples
        if samples and (ended < samples[-1].ended or now < samples[-1].at):
            samples.clear()  # failed pages were queued again, or the clock was set back
        while len(samples) > 1 and samples[1].at <= now - WINDOWS_MS[-1]:
            samples.popleft()
        now_sample = _Sample(now, ended, found)
        if not samples or now - samples[-1].at >= _APART_MS:
            samples.append(now_sample)
        queued = found - ended
        if queued <= 0:
            return Eta(0.0, 0.0)
        every = [self._since(now_sample, window) for window in WINDOWS_MS]
        spans = [span for span in every if span.at >= _LEAST_MS and span.ended >= _LEAST_PAGES]
        if not spans:
            return None
        paces = [span.ended * 1000 / span.at for span in spans]
        slowest, fastest = min(paces), max(paces)
        least = queued / fastest
        grown = next((span for span in spans if span.ended >= _GROWTH_PAGES), spans[-1])
        growth = max(0.0, grown.found / grown.ended)
        usual = spans[-1].ended / spans[-1].at
        hangs = any(span.ended < _LEAST_PAGES and span.at * usual > _HANGS_PAGES for span in every)
        most = queued / (slowest * (1 - growth)) if growth < _NO_END and not hangs else math.inf
        if limit is not None and not hangs:
            most = min(most, max(queued, limit - ended) / slowest)
        return Eta(least, None if math.isinf(most) else max(least, most))

    def _since(self, now: _Sample, window: int) -> _Sample:
        """Return what happened in the last *window* ms: how long that was, and what ended and was found meanwhile."""
        first = self._samples[0]
        for sample in reversed(self._samples):
            if sample.at <= now.at - window:
                first = sample
                break
        return _Sample(now.at - first.at, now.ended - first.ended, now.found - first.found)


def _rounded(seconds: float) -> tuple[int, str]:
    """Return an amount and its unit, as exact as an estimate deserves."""
    if seconds < 57.5:
        return round(seconds / 5) * 5, "s"
    minutes = seconds / 60
    if minutes < 57.5:
        return max(1, round(minutes) if minutes < 15 else round(minutes / 5) * 5), "min"
    hours = minutes / 60
    if hours < 47.5:
        return max(1, round(hours)), "h"
    return round(hours / 24), "days"


def _spoken(amount: int, unit: str) -> str:
    return f"{max(1, amount):,} {unit}"
