"""Lists of jobs and what belongs to them, as front ends ask for them and get them (J7). Times are milliseconds UTC."""

from typing import Literal

import msgspec

from quaero_desktop.domain.definitions import StepState
from quaero_desktop.domain.documents import check_window
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.jobs import Job, JobType, SkipReason, Status

Parent = Literal["root", "all"] | int

ORDERS = (
    "created", "started", "completed", "status", "name", "url", "type", "id", "pages", "failed", "warnings", "depth",
)  # fmt: skip
"""What jobs can be ordered by."""
_UPWARDS = frozenset({"status", "name", "url", "type", "depth"})

STATUS_ORDER = (
    Status.RUNNING,
    Status.FAILED,
    Status.PAUSED,
    Status.PENDING,
    Status.COMPLETED,
    Status.SKIPPED,
    Status.CANCELLED,
)
"""What deserves attention first: the order by status."""


class JobFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs to list, and how.

    Attributes:
        parent: ``root`` for the jobs without a parent, ``all``, or the children of that job.
        status, type: any of these; empty for all.
        source: only jobs of this source, and those below them.
        query: a part of the name or the URL, or a job's id; empty for all.
        limit: the most jobs of a page; None for all.
        offset: how many to pass over.
        order: one of :data:`ORDERS`; jobs that are equal by it follow by id.
        descending: the direction; None for the usual one: newest and most first, names from A to Z, and by status what
            deserves attention first.
    """

    parent: Parent = "root"
    status: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    source: int | None = None
    query: str = ""
    limit: int | None = 50
    offset: int = 0
    order: str = "created"
    descending: bool | None = None

    @property
    def downwards(self) -> bool:
        """The direction, decided."""
        return self.order not in _UPWARDS if self.descending is None else self.descending

    def checked(self) -> "JobFilter":
        """Return self.

        Raises:
            UsageError: for an unknown parent, status, type or order, or a negative limit or offset.
        """
        check_window(self.limit, self.offset)
        if isinstance(self.parent, str) and self.parent not in ("root", "all"):
            raise UsageError(f"Unknown parent “{self.parent}”.", "Use root, all or the id of a job.")
        for status in self.status:
            check_choice("status", status, tuple(Status))
        for kind in self.type:
            check_choice("type", kind, tuple(JobType))
        check_choice("order", self.order, ORDERS)
        return self


class JobPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list of jobs.

    Attributes:
        total_count: how many jobs there are under the same filter.
        warning: what is missing from the jobs and why (their counts), or None.
    """

    jobs: tuple[Job, ...]
    total_count: int
    limit: int | None
    offset: int
    warning: str | None = None


class JobGroup(msgspec.Struct, frozen=True):
    """A job with those of its children that are on the same page."""

    parent: Job
    children: tuple[Job, ...]


class GroupedPage(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs of a page in groups, in the order of the page.

    Attributes:
        groups: every root of the page, and every other job of it that has children there.
        orphans: the jobs whose parent is not on the page.
    """

    groups: tuple[JobGroup, ...]
    orphans: tuple[Job, ...]
    total_count: int
    limit: int | None
    offset: int
    warning: str | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery of a job's message that ended (J10); *cause* and *error* say why it did not go well."""

    job_id: int
    attempt: int
    delivery: int
    started_at: int | None
    ended_at: int
    outcome: str
    cause: str | None
    error: str | None
    http_status: int | None


class Skip(msgspec.Struct, frozen=True, kw_only=True):
    """A URL that was refused when it was found; *found_on* is the job whose page named it first, None for a seed."""

    url: str
    depth: int
    reason: str
    rule: str
    found_on: int | None
    found_at: int


class SkipPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the skips of a root, by URL; *total_count* is the count under the same filter."""

    skips: tuple[Skip, ...]
    total_count: int
    limit: int | None
    offset: int


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A lane (the origin of a site) that rests until *until*, in milliseconds UTC, and why."""

    lane: str
    until: int
    reason: str


class RootDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What a root has done so far.

    Attributes:
        pages: how many of its pages are in which status; other children, like the validation, do not count.
        documents: pages that ended with a document.
        changes: how many of them were new, changed and unchanged, and how many pages are gone since (D4).
        bytes: of all bodies, as they came over the wire.
        discovered: URLs ever met: pages and skips.
        skipped: skips by reason.
        failures: failed children by cause.
        heartbeat_at: when the engine last said that it is at work, or None.
        pages_per_second: finished pages over the time since the start, pauses included.
        seconds_left: what the open pages will take at that pace, or None where nobody can know.
        waiting: the sites that have pages of it queued and are left alone for now, the first that goes on first.
        steps: where each step of a definition's run is; empty for a crawl.
    """

    job: Job
    pages: dict[str, int]
    documents: int
    changes: dict[str, int]
    bytes: int
    discovered: int
    current_url: str | None
    heartbeat_at: int | None
    skipped: dict[str, int]
    failures: dict[str, int]
    pages_per_second: float
    seconds_left: float | None
    waiting: tuple[Waiting, ...] = ()
    warning: str | None = None
    steps: tuple[StepState, ...] = ()


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """The library in figures; *pages*, *queued* and *running* count children of jobs that are not in the trash."""

    documents: int
    pages: int
    queued: int
    running: int
    database_bytes: int


def check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a value that is none of the choices.

    Raises:
        UsageError: naming the choices.
    """
    if value not in choices:
        raise UsageError(f"Unknown {what} “{value}”.", f"Use one of {', '.join(choices)}.")


def check_reason(reason: str | None) -> None:
    """Refuse an unknown reason of skips.

    Raises:
        UsageError: naming the reasons.
    """
    if reason is not None:
        check_choice("reason", reason, tuple(SkipReason))
