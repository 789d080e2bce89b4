"""A job in the tree: what its columns say, and what they are sorted by."""

from collections.abc import Sequence
from enum import IntEnum

from quaero_desktop.domain.jobs import Job, JobType, Status
from quaero_desktop.domain.listing import STATUS_ORDER
from quaero_desktop.domain.progress import ProgressMeter
from quaero_desktop.domain.words import status_words
from quaero_desktop.ui import format as written


class Column(IntEnum):
    """The columns, from left to right."""

    NAME = 0
    STATUS = 1
    TYPE = 2
    PROGRESS = 3
    PAGES = 4
    FAILED = 5
    RATE = 6
    CREATED = 7
    STARTED = 8
    DURATION = 9


NUMERIC = frozenset({Column.PAGES, Column.FAILED, Column.RATE, Column.DURATION})
"""Columns of numbers: set to the right, and the most of them first."""
MOST_FIRST = NUMERIC | {Column.PROGRESS, Column.CREATED, Column.STARTED}
"""Columns that are sorted downwards first."""
TEXTUAL = frozenset({Column.NAME, Column.TYPE})
"""Columns that are sorted by what they say."""
RANKS = {str(status): rank for rank, status in enumerate(STATUS_ORDER)}
"""The place of each status: those that run and those that failed first."""
_TYPES: dict[str, str] = {
    JobType.CRAWL: "crawl",
    JobType.CRAWLER_URL: "page",
    JobType.VALIDATE: "check",
    JobType.SITEMAP: "sitemap",
    JobType.TRANSFORM: "transform",
    JobType.SUMMARISE: "summary",
    JobType.CORPUS_SUMMARY: "corpus summary",
    JobType.REINDEX: "reindex",
    JobType.CLEANUP: "clean-up",
    JobType.DEFINITION_RUN: "run",
    JobType.PREREQUISITE: "runs before",
}


class Node:
    """A job in the tree, or the top, whose children are the roots that are shown.

    Attributes:
        job: the last snapshot; of the top there is none.
        row: the place among the siblings.
        loaded, loading: whether its children are here, or under way.
        truncated: whether there may be more children than the tree shows.
        more: the number in the row that stands for those; 0 when there is no such row.
        rate: pages a second; None where that means nothing.
        site: of a root, the host of its first seed.
        texts: what the columns say; None until somebody asks after a change.
    """

    __slots__ = (
        "children",
        "haystack",
        "id",
        "job",
        "late",
        "loaded",
        "loading",
        "matches",
        "meter",
        "more",
        "parent",
        "rate",
        "row",
        "site",
        "texts",
        "truncated",
    )

    def __init__(self, job: Job, parent: "Node | None") -> None:
        self.id = job.id
        self.job = job
        self.parent = parent
        self.row = -1
        self.children: list[Node] = []
        self.loaded = False
        self.loading = False
        self.truncated = False
        self.more = 0
        self.late: list[Job] = []
        self.texts: tuple[str, ...] | None = None
        self.meter: ProgressMeter | None = None
        self.rate: float | None = None
        self.site = ""
        self.haystack = ""
        self.matches = True

    @classmethod
    def top(cls) -> "Node":
        """Return what is above all roots."""
        node = cls(_NO_JOB, None)
        node.loaded = True
        return node

    @classmethod
    def of_root(cls, job: Job, top: "Node", now: int) -> "Node":
        """Return the node of a root."""
        node = cls(job, top)
        seeds = job.seeds
        node.site = written.host_of(seeds[0]) if seeds else ""
        node.haystack = " ".join((job.name, *seeds, str(job.id))).casefold()
        node.measure(now)
        return node

    @property
    def parts(self) -> tuple[int, int, int]:
        """What is done, failed and left."""
        job = self.job
        counts = job.children
        failed = counts.get(Status.FAILED, 0)
        others = counts.get(Status.CANCELLED, 0) + counts.get(Status.SKIPPED, 0)
        done = max(0, job.progress_current - failed - others)
        # What was withdrawn from a job that completed was decided, and is not left.
        withdrawn = counts.get(Status.SKIPPED, 0) if job.status == Status.COMPLETED else 0
        return done, failed, max(0, job.progress_total - done - failed - withdrawn)

    @property
    def opens(self) -> bool:
        """Whether it can be opened."""
        return bool(self.children or self.more or (self.job.child_count and not self.loaded))

    def renumber(self, first: int = 0) -> None:
        """Tell the children from *first* on where they stand."""
        for row in range(first, len(self.children)):
            self.children[row].row = row

    def empty(self) -> None:
        """Forget what is below, and that it was ever asked for."""
        self.children = []
        self.late = []
        self.more = 0
        self.loaded = self.loading = self.truncated = False

    def measure(self, now: int) -> None:
        """Take the pace of a root: lately while it runs, on average when it has ended."""
        job = self.job
        if job.status == Status.RUNNING:
            if self.meter is None:
                self.meter = ProgressMeter()
            self.rate = self.meter.update(job, now).rate
            return
        self.meter = None
        self.rate = None
        if job.attempt > 1:
            # A retry has times of its own, and nothing here tells its pages from those of long ago.
            return
        if job.completed_at is not None and job.started_at is not None and job.pages:
            seconds = (job.completed_at - job.started_at) / 1000
            done, failed, _ = self.parts
            self.rate = (done + failed) / seconds if seconds > 0 else None

    def write(self, now: int) -> tuple[str, ...]:
        """Return what the columns say at this moment."""
        job = self.job
        rate = self.rate
        seconds = self._seconds(now)
        is_parent = job.child_count > 0
        return (
            self._name(),
            status_words(job.status, job.warnings).partition(",")[0],
            _TYPES.get(job.type) or written.clean(job.type),
            f"{100 * self._ended() // max(1, job.progress_total)} %" if is_parent else "",
            written.count(job.pages if job.is_root else job.child_count) if is_parent else "",
            written.count(job.failed_children) if is_parent else "",
            "" if rate is None else f"{rate:,.0f}" if rate >= 9.95 else f"{rate:.1f}",
            written.relative(job.created_at, now),
            "" if job.started_at is None else written.relative(job.started_at, now),
            "" if seconds is None else written.duration(seconds),
        )

    def value(self, column: Column, now: int) -> float | str | None:
        """Return what a column is sorted by; None for nothing."""
        job = self.job
        match column:
            case Column.NAME:
                return self._name().casefold()
            case Column.STATUS:
                return RANKS.get(job.status, len(RANKS))
            case Column.TYPE:
                return _TYPES.get(job.type, job.type)
            case Column.PROGRESS:
                return self._ended() / max(1, job.progress_total) if job.child_count else None
            case Column.PAGES:
                return job.pages if job.is_root else job.child_count or None
            case Column.FAILED:
                return job.failed_children if job.child_count else None
            case Column.RATE:
                return self.rate
            case Column.CREATED:
                return job.created_at
            case Column.STARTED:
                return job.started_at
            case _:
                return self._seconds(now)

    def _name(self) -> str:
        job = self.job
        if job.is_root or job.url is None:
            return written.clean(job.name)
        host = written.host_of(job.url)
        path = written.path_of(job.url)
        return path if host == self._site_of_tree() else f"{host}{path}"

    def _site_of_tree(self) -> str:
        node = self
        while node.parent is not None and node.parent.parent is not None:
            node = node.parent
        return node.site

    def _ended(self) -> int:
        """Return how much is through; what a cancelled crawl or a failed run never came to is not."""
        counts = self.job.children
        never = counts.get(Status.CANCELLED, 0)
        if self.job.status in (Status.FAILED, Status.CANCELLED):
            never += counts.get(Status.SKIPPED, 0)
        return max(0, self.job.progress_current - never)

    def _seconds(self, now: int) -> float | None:
        """Return for how long it has run."""
        job = self.job
        if job.started_at is None or job.status == Status.PENDING:
            return None
        return max(0, (job.completed_at or now) - job.started_at) / 1000


def runs(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Return the contiguous runs of ascending numbers: first and last of each."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and found[-1][1] >= row - 1:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return found


_NO_JOB = Job(
    id=0, parent_id=None, root_id=0, type="", phase="", status="", name="", url=None, progress_current=0,
    progress_total=0, child_count=0, completed_children=0, failed_children=0, children={}, pages=0, warnings=0,
    created_at=0, started_at=None, completed_at=None, error=None, cause=None, payload={}, result=None,
    definition_id=None, source_id=None, rerun_of=None, triggered_by=None, attempt=0, depth=0, revision=0,
)  # fmt: skip
