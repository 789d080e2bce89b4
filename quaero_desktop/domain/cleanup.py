"""Cleaning up: which ended jobs are old enough to go, and what went (O3)."""

import re

import msgspec

from quaero_desktop.domain.deletion import Deletion, DeletionError, DeletionFailure
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.jobs import OPEN_STATUSES, Status
from quaero_desktop.domain.listing import check_choice

CLEANABLE = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
"""The statuses in which a job without a parent has ended."""

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS

_UNITS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": WEEK_MS}
_AGE = re.compile(r"(\d+)\s*([mhdw])", re.IGNORECASE | re.ASCII)
_LONGEST_MS = 36_500 * DAY_MS


class CleanupRoot(msgspec.Struct, frozen=True, kw_only=True):
    """A job without a parent that is old enough to go.

    Attributes:
        id, name, status: of the job.
        ended_at: when it ended, in milliseconds UTC.
        jobs: how many jobs go with it, itself among them.
    """

    id: int
    name: str
    status: str
    ended_at: int
    jobs: int


class CleanupPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a cleanup would delete.

    Attributes:
        before: what ended then or earlier is old enough, in milliseconds UTC.
        roots: the jobs that would go with all below them, the oldest first.
        jobs: how many jobs that is in all.
    """

    before: int
    roots: tuple[CleanupRoot, ...] = ()
    jobs: int = 0


class Cleanup(msgspec.Struct, frozen=True, kw_only=True):
    """What a cleanup deleted.

    Attributes:
        before: what ended then or earlier was old enough, in milliseconds UTC.
        roots: the jobs that are gone for good with all below them.
        jobs: how many jobs that was in all.
        failed: the jobs that could not be deleted, and why.
    """

    before: int
    roots: tuple[CleanupRoot, ...] = ()
    jobs: int = 0
    failed: tuple[DeletionFailure, ...] = ()


class CleanupError(DeletionError):
    """Some jobs could not be deleted, and the message names each of them; the others are gone.

    Args:
        cleanup: what became of all of them.
    """

    def __init__(self, cleanup: Cleanup) -> None:
        super().__init__(Deletion(deleted=tuple(root.id for root in cleanup.roots), failed=cleanup.failed))
        self.cleanup = cleanup


class Retained(msgspec.Struct, frozen=True, kw_only=True):
    """What was older than it is kept, and went: so many lines of logs, and so many jobs."""

    log_lines: int = 0
    jobs: int = 0


def check_cleanable(statuses: tuple[str, ...]) -> tuple[str, ...]:
    """Return the statuses that a cleanup is about: those given, or all in which a job has ended.

    Raises:
        UsageError: for a status in which a job is still open, or that a job without a parent never has.
    """
    for status in statuses:
        check_choice("status", status, tuple(Status))
        if status in OPEN_STATUSES:
            raise UsageError(
                f"A job that is {status} has not ended, and a cleanup deletes only what has.",
                f"Use {', '.join(CLEANABLE)}. To delete an open job: quaero jobs delete ID",
            )
        if status not in CLEANABLE:
            raise UsageError(
                f"Only parts of a job can be {status}, and a cleanup deletes whole ones.",
                f"Use {', '.join(CLEANABLE)}.",
            )
    return tuple(dict.fromkeys(statuses)) or CLEANABLE


def parse_age(text: str) -> int:
    """Return an age like ``30d``, ``12h`` or ``2w`` in milliseconds.

    Raises:
        UsageError: the text is no age, or one beyond a hundred years.
    """
    match = _AGE.fullmatch(text.strip())
    if match is None:
        number = text.strip()
        looks_right = number.isascii() and number.isdigit()
        raise UsageError(
            f"“{text[:60]}” lacks its unit." if looks_right else f"“{text[:60]}” is no age.",
            f"An age is a whole number with m, h, d or w for minutes, hours, days or weeks, like"
            f" {number[:6] if looks_right else '30'}d.",
        )
    # Longer numbers are beyond any bound, and Python refuses to read the longest.
    age = int(match[1]) * _UNITS[match[2].lower()] if len(match[1]) < 12 else _LONGEST_MS + 1
    if age > _LONGEST_MS:
        raise UsageError(f"“{text[:60]}” is more than a hundred years.", "An age is something like 30d.")
    return age
