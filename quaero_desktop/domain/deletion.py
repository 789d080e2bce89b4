"""Deleting jobs: what would go, what went, and what could not (X1-X6)."""

import msgspec

from quaero_desktop.domain.errors import KnownError

TRASH_SECONDS = 30
"""How long what was deleted can be brought back; then it is purged (X6)."""


class DeletionFailure(msgspec.Struct, frozen=True):
    """A job that cannot be deleted, and why, in one sentence."""

    id: int
    error: str


class DeletionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a deletion would take along.

    Attributes:
        tops: the jobs that would go with all below them: what was asked for, without what lies below another of them.
        jobs: how many jobs would go in all.
        running: how many of them a worker is at just now; those are stopped first.
        ids: the jobs that would go, children before their parents; perhaps only the first of them.
        failed: the jobs that cannot be deleted, and so are no part of the above.
    """

    tops: tuple[int, ...] = ()
    jobs: int = 0
    running: int = 0
    ids: tuple[int, ...] = ()
    failed: tuple[DeletionFailure, ...] = ()


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a deletion.

    Attributes:
        deleted: the jobs that went. Into the trash: the topmost ones, each with all below it. For good: each single
            one, children before their parents.
        failed: the jobs that are still there.
    """

    deleted: tuple[int, ...] = ()
    failed: tuple[DeletionFailure, ...] = ()


class DeletionError(KnownError):
    """Some jobs could not be deleted, and the message names each of them; the others are gone.

    Args:
        deletion: what became of all of them.
    """

    def __init__(self, deletion: Deletion) -> None:
        failed = deletion.failed
        jobs = "1 job" if len(failed) == 1 else f"{len(failed):,} jobs"
        named = "; ".join(f"job {failure.id}: {failure.error}" for failure in failed)
        super().__init__(
            f"{jobs} could not be deleted: {named}",
            "They are out of sight, and the next start tries once more. “quaero verify” tells whether the library is"
            " sound.",
        )
        self.deletion = deletion
