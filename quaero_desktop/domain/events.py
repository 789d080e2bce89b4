"""What the engine tells its front ends, always after the commit. An event is a hint; the database is the truth."""

import msgspec

from quaero_desktop.domain.jobs import Job, LogLine


class JobsChanged(msgspec.Struct, frozen=True):
    """Whole snapshots of jobs that changed. Who missed one asks for rows with a newer revision."""

    jobs: tuple[Job, ...]


class JobsGone(msgspec.Struct, frozen=True):
    """Jobs that were deleted or hidden, with all below them."""

    job_ids: tuple[int, ...]


class LogWritten(msgspec.Struct, frozen=True):
    """Log lines that were committed."""

    lines: tuple[LogLine, ...]


class EngineNotice(msgspec.Struct, frozen=True):
    """Something about the engine as a whole that a person should see, like a full disk; None when it is over."""

    message: str | None
    hint: str = ""


Event = JobsChanged | JobsGone | LogWritten | EngineNotice
