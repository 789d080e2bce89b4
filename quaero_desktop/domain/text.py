"""Making text from the web safe to store and to show."""

import re

_MAX_SQLITE_INTEGER = 2**63 - 1
# NUL ends a C string inside SQLite's functions; a lone surrogate cannot be encoded as UTF-8 and fails at bind time.
_UNBINDABLE = re.compile("[\x00\ud800-\udfff]")
# C0 and C1 controls but for tab and line feed, and the bidirectional overrides that let text lie about its order.
_UNSAFE_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+")


def storable(text: str) -> str:
    """Return *text* without the characters that SQLite cannot bind (NUL, lone surrogates)."""
    try:
        # Three times as fast as to search for them, and nearly every text is clean.
        text.encode()
        clean = "\x00" not in text
    except UnicodeEncodeError:
        clean = False
    return text if clean else _UNBINDABLE.sub("\ufffd", text)


def single_line(text: str, limit: int = 500) -> str:
    """Return *text* as one line that is safe on a terminal and in a table.

    Args:
        text: anything, for example a page's title.
        limit: the most characters to keep; a longer text ends with an ellipsis.
    """
    # Cut first: a hostile title can be megabytes of blanks.
    line = " ".join(_UNSAFE_IN_A_LINE.sub(" ", text[: limit * 8]).split())
    return line if len(line) <= limit else line[: limit - 1] + "\u2026"


def storable_integer(number: int) -> int:
    """Return *number* clamped to what SQLite can store (64 bits, signed)."""
    return max(-_MAX_SQLITE_INTEGER - 1, min(_MAX_SQLITE_INTEGER, number))
