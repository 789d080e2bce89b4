"""How far a crawl is and how fast it goes (J9), from snapshots of its root."""

from collections import deque

import msgspec

from quaero_desktop.domain.jobs import Job

WINDOW_MS = 10_000
"""The rate is that of the last ten seconds."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A moment of a crawl.

    Attributes:
        done, failed, queued: pages by their fate so far; *queued* are pending or running.
        rate: pages that ended per second, lately.
        eta_seconds: until the frontier as it is now is done; None while nothing moves.
    """

    done: int
    failed: int
    queued: int
    rate: float
    eta_seconds: float | None


class ProgressMeter:
    """Turns snapshots of one root into its progress."""

    def __init__(self) -> None:
        self._ended: deque[tuple[int, int]] = deque()

    def update(self, root: Job, now: int) -> Progress:
        """Return the progress at *now*, in milliseconds UTC.

        Args:
            root: a snapshot of the root, not older than the one before.
            now: when it was taken.
        """
        counts = root.children
        ended = root.progress_current
        while self._ended and self._ended[0][0] < now - WINDOW_MS:
            self._ended.popleft()
        self._ended.append((now, ended))
        since, before = self._ended[0]
        rate = (ended - before) * 1000 / (now - since) if now > since else 0.0
        queued = root.progress_total - ended
        return Progress(
            # The completed children would count what is no page as well, like sitemaps.
            done=max(0, ended - sum(counts.get(status, 0) for status in ("failed", "cancelled", "skipped"))),
            failed=counts.get("failed", 0),
            queued=queued,
            rate=rate,
            eta_seconds=queued / rate if rate > 0 else None,
        )
