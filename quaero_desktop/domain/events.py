"""What the engine and the library tell their front ends."""

import msgspec

from quaero_desktop.domain.jobs import Job


class EngineNotice(msgspec.Struct, frozen=True):
    """Something about the engine as a whole that a person should see, like a full disk; None when it is over.

    Attributes:
        passing: whether it is news and no trouble that lasts until it is said to be over.
    """

    message: str | None
    hint: str = ""
    passing: bool = False


class FeedUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What became different in the library since the update before: whole rows as they are now, not deltas.

    A job that changed several times meanwhile is here once.

    Attributes:
        revision: of the last commit that is in here.
        roots: those that changed themselves, or that something changed below; by id.
        children: those that changed and whose parent is watched; by id.
        removed: jobs that went to the trash or were deleted, but not all that was below them.
        complete: False when too much changed at once: then *roots* are all here, but no children, and what is shown of
            those has to be read anew.
    """

    revision: int
    roots: tuple[Job, ...] = ()
    children: tuple[Job, ...] = ()
    removed: tuple[int, ...] = ()
    complete: bool = True
