"""Time, as a value that can be passed in: nothing below the composition root asks the machine for it directly."""

import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol


class Clock(Protocol):
    """Where the product gets its time from."""

    def now_ms(self) -> int:
        """Return the time of day: milliseconds since 1970 in UTC. It can jump, also backwards."""

    def monotonic(self) -> float:
        """Return seconds since some fixed moment. It never goes back: the one for durations and deadlines."""


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return milliseconds since 1970 in UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds since some fixed moment."""
        return time.monotonic()


class LocalZone(tzinfo):
    """The time zone of this machine, as it is set at each moment.

    Python itself only has its offset of one moment, which knows nothing of daylight saving time.
    """

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        """Return how far local time is ahead of UTC."""
        return None if when is None else when.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, when: datetime | None) -> timedelta | None:
        """Return nothing: how much of the offset is daylight saving time is not known everywhere."""
        return None

    def tzname(self, when: datetime | None) -> str | None:
        """Return what local time is called."""
        return None if when is None else when.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, when: datetime) -> datetime:
        """Return the local time of a moment in UTC."""
        local = when.replace(tzinfo=UTC).astimezone()
        first = local.replace(tzinfo=self)
        # Of two moments with the same time of day, when the clocks go back, it is the second one.
        return first if first.utcoffset() == local.utcoffset() else first.replace(fold=1)


def local_zone() -> tzinfo:
    """Return the time zone of this machine, also after it has moved to another one."""
    if hasattr(time, "tzset"):
        # The C library looks at the machine's setting when a process starts, and not again unless it is asked to.
        time.tzset()
    return LocalZone()
