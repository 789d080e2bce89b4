"""How long what failed waits before its next try."""

import msgspec


class Backoff(msgspec.Struct, frozen=True):
    """The waits before the tries of a failed message, in milliseconds: they grow, by chance a little.

    Attributes:
        base_ms: the first one.
        most_ms: the longest one.
    """

    base_ms: int = 2_000
    most_ms: int = 300_000
