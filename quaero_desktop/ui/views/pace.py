"""How fast the crawls of this window go and what is left of them, from the snapshots that the feed brings."""

from quaero_desktop.domain.eta import Eta, EtaEstimator
from quaero_desktop.domain.jobs import OPEN_STATUSES, Job, Status
from quaero_desktop.domain.progress import Progress, ProgressMeter
from quaero_desktop.domain.throughput import Throughput

_MOST_ROOTS = 50


class RootPace:
    """The pace of one root since the window first heard of it.

    Attributes:
        progress: the last one, or None.
        eta: what is left; None while nobody can say, or while it does not run.
        throughput: its history.
    """

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.eta: Eta | None = None
        self.throughput = Throughput()
        self.is_open = True
        self._meter = ProgressMeter()
        self._estimator = EtaEstimator()
        self._status = ""

    def update(self, root: Job, now: int) -> None:
        """Note a snapshot.

        Args:
            root: not older than the one before.
            now: when it was taken, in milliseconds UTC.
        """
        if root.status != self._status:
            self._estimator.forget()
            self._status = root.status
        self.is_open = root.status in OPEN_STATUSES
        self.progress = self._meter.update(root, now)
        self.throughput.record(now, root.progress_current)
        self.eta = None
        if root.status == Status.RUNNING and root.pages:
            limit = root.payload.get("max_pages")
            most = limit if isinstance(limit, int) else None
            self.eta = self._estimator.update(now, root.progress_current, root.progress_total, limit=most)


class PaceBook:
    """The pace of every root that changed since the window opened; of ended ones only the last are kept."""

    def __init__(self) -> None:
        self._paces: dict[int, RootPace] = {}

    def update(self, root: Job, now: int) -> RootPace:
        """Note a snapshot of a root and return its pace."""
        pace = self._paces.pop(root.id, None) or RootPace()
        pace.update(root, now)
        self._paces[root.id] = pace
        if len(self._paces) > _MOST_ROOTS:
            oldest = next((job_id for job_id, kept in self._paces.items() if not kept.is_open), root.id)
            if oldest != root.id:
                del self._paces[oldest]
        return pace

    def of(self, root_id: int) -> RootPace | None:
        """Return the pace of a root, or None when nothing was heard of it."""
        return self._paces.get(root_id)

    def forget(self, root_id: int) -> None:
        """Drop what is known of a root that was deleted."""
        self._paces.pop(root_id, None)
