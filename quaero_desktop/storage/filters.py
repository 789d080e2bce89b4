"""What people type into filters, as SQLite takes it."""

from quaero_desktop.domain.text import storable, storable_integer


def like(text: str) -> str:
    """Return a LIKE pattern for whatever holds *text*."""
    for special in "\\%_":
        text = text.replace(special, "\\" + special)
    return f"%{storable(text)}%"


def at_most(limit: int | None) -> int:
    """Return what LIMIT takes; a negative one is none."""
    return -1 if limit is None else storable_integer(limit)


def as_id(text: str) -> int | None:
    """Return the id that *text* may be, or None."""
    text = text.strip()
    return storable_integer(int(text)) if text.isascii() and text.isdigit() and len(text) < 100 else None
