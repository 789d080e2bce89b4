"""A clock that stands still until a test moves it."""


class ManualClock:
    """Time that passes only by `advance`.

    Args:
        now_ms: the time of day it starts with, in milliseconds UTC.
    """

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = float(now_ms)
        self._monotonic = 0.0

    def now_ms(self) -> int:
        """Return the time of day in milliseconds UTC."""
        return int(self._now_ms)

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass."""
        assert seconds >= 0, "time does not go back; use jump() for the time of day"
        self._monotonic += seconds
        self._now_ms += seconds * 1000

    def jump(self, seconds: float) -> None:
        """Set the time of day forward or back, as somebody who corrects the machine's clock does."""
        self._now_ms += seconds * 1000
