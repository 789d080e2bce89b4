"""The children of a root as one long list, filtered and sorted by the database. Times are milliseconds UTC."""

from typing import Any

import msgspec

from quaero_desktop.domain.jobs import JobType, Status
from quaero_desktop.domain.listing import check_choice

PAGE_ORDERS = (
    "found", "status", "code", "title", "url", "depth", "size", "time", "reason", "type", "finished",
)  # fmt: skip
"""What the children of a root can be ordered by; ``found`` is the order in which they were met."""
PREPARATIONS = (JobType.VALIDATE, JobType.SITEMAP, JobType.PREREQUISITE)
"""What comes before the work of a root, or leads to it."""
_DOWNWARDS = frozenset({"code", "size", "time", "finished"})


class PageFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which children of a root, and in which order.

    Attributes:
        root_id: the job whose direct children are meant.
        query: a part of the title, the URL or the name, or a job's id; empty for all. Large and small letters of ASCII
            are the same.
        status, type: any of these; empty for all.
        cause: any of these causes (values of :class:`~quaero_desktop.domain.jobs.Cause`, or what an import brought);
            empty for all.
        code: any of these HTTP codes; empty for all.
        work: only what a person counts: pages and the parts of a run; of the checks, sitemaps and waits that prepare
            them only those that failed.
        order: one of :data:`PAGE_ORDERS`. What is equal by it follows in the order it was found; what has no value (no
            code, no title) stands last in either direction.
        descending: the direction; None for the usual one: most and newest first, titles from A to Z, and by status what
            deserves attention first.
    """

    root_id: int
    query: str = ""
    status: tuple[str, ...] = ()
    cause: tuple[str, ...] = ()
    code: tuple[int, ...] = ()
    type: tuple[str, ...] = ()
    work: bool = False
    order: str = "found"
    descending: bool | None = None

    @property
    def downwards(self) -> bool:
        """The direction, decided."""
        return self.order in _DOWNWARDS if self.descending is None else self.descending

    @property
    def is_whole(self) -> bool:
        """Whether nothing is filtered out: every child of the root is meant, or all of its *work*."""
        return not (self.query or self.status or self.cause or self.code or self.type)

    @property
    def starts_at_once(self) -> bool:
        """Whether an index has the order, so that the first rows are found without looking at the others."""
        if self.order in ("url", "title", "size", "time"):
            return self.is_whole
        return self.order in ("found", "status") and not (self.query or self.cause or self.code or self.type)

    def checked(self) -> "PageFilter":
        """Return self.

        Raises:
            UsageError: for an unknown status, type or order. Any cause will do: an import can bring others.
        """
        for status in self.status:
            check_choice("status", status, tuple(Status))
        for kind in self.type:
            check_choice("type", kind, tuple(JobType))
        check_choice("order", self.order, PAGE_ORDERS)
        return self

    def without(self, **fields: Any) -> "PageFilter":
        """Return the same filter with *fields* replaced, for one that is a little narrower or wider."""
        return msgspec.structs.replace(self, **fields)


class PageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A child of a root as a list shows it.

    Attributes:
        type, phase: what kind of work it is and where in the life of its root it runs.
        code: the last HTTP status, or None.
        title: of the page as this job stored it; else the name of a job that is no page; else empty.
        bytes: of the body, as it came over the wire.
        elapsed_ms: from the request to its last byte.
        cause, error: why it failed or was withdrawn.
        attempt: 1 for the first run; each retry is one more.
        document_id: what it stored, or None.
        created_at: when it was found.
        revision: of its last change.
    """

    id: int
    root_id: int
    parent_id: int
    status: str
    type: str
    phase: str
    code: int | None
    title: str
    url: str | None
    depth: int
    bytes: int | None
    elapsed_ms: int | None
    cause: str | None
    error: str | None
    attempt: int
    document_id: int | None
    created_at: int
    started_at: int | None
    completed_at: int | None
    revision: int


class PageScreen(msgspec.Struct, frozen=True, kw_only=True):
    """The first rows of a list, and how many there are under the same filter.

    Attributes:
        total: None where only the whole list could tell.
    """

    rows: tuple[PageRow, ...]
    total: int | None


class PageCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How much of its *work* a root has (see :class:`PageFilter`).

    Attributes:
        pages, others: how many pages, and how many other jobs, are in which status; those without any are left out.
    """

    pages: dict[str, int]
    others: dict[str, int]

    @property
    def by_status(self) -> dict[str, int]:
        """How many are in which status, whatever they are."""
        return {
            status: self.pages.get(status, 0) + self.others.get(status, 0) for status in {*self.pages, *self.others}
        }


class FailureGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The failed children of a root that failed alike.

    Attributes:
        cause: a :class:`~quaero_desktop.domain.jobs.Cause`, or None where none was recorded.
        code: the HTTP status, or None.
        pages: how many.
        error: the error of one of them.
    """

    cause: str | None
    code: int | None
    pages: int
    error: str | None
