"""How a legacy database says how to crawl: limits, a pace, rules."""

from collections.abc import Sequence
from typing import Any

from quaero_desktop.domain import rules
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.legacy.columns import one_line, texts, whole
from quaero_desktop.domain.legacy.values import Note
from quaero_desktop.domain.text import storable

MOST_DEPTH = 1000
MOST_PAGES = 100_000_000
MOST_AT_ONCE = 64
_MOST_DELAY_MS = 86_400_000


def delay_ms(config: dict[str, Any]) -> int | None:
    """Return the pace, which was kept in nanoseconds; None for the setting."""
    nanoseconds = whole(config.get("rate_limit"))
    if nanoseconds is None or nanoseconds <= 0:
        return None
    # In whole numbers: one from JSON may be too large for a float.
    return min(max(nanoseconds // 1_000_000, 1), _MOST_DELAY_MS)


def patterns(configs: Sequence[dict[str, Any]], key: str, note: Note) -> tuple[str, ...]:
    """Return regular expressions as rules; what RE2 refuses does not come."""
    found: dict[str, None] = {}
    for config in configs:
        for pattern in texts(config.get(key)):
            rule = f"re:{storable(pattern)}"
            try:
                rules.compiled(rule)
            except UsageError:
                note(f"an include or exclude rule cannot be used: {one_line(pattern)}")
            else:
                found[rule] = None
    return tuple(found)
