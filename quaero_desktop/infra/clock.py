"""Time, as a value that can be passed in: nothing below the composition root asks the machine for it directly."""

import time
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
