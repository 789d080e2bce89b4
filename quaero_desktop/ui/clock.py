"""The time of day for what is shown."""

import time


def now() -> int:
    """Return the time in milliseconds UTC."""
    return round(time.time() * 1000)
