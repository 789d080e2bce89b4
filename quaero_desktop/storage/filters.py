"""What people ask for in filters, as SQLite takes it."""

from collections.abc import Iterable, Sequence
from typing import Any

from quaero_desktop.domain.jobs import Status
from quaero_desktop.domain.listing import STATUS_ORDER
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


def any_of(column: str, values: Iterable[str], parameters: dict[str, Any]) -> str:
    """Return the condition, after its AND, that a column has one of these values; nothing where there are none.

    Args:
        column: the column.
        values: what it may be.
        parameters: of the statement; the values are added.
    """
    names = []
    for value in dict.fromkeys(values):
        name = f"value{len(parameters)}"
        parameters[name] = str(value)
        names.append(f":{name}")
    return f" AND {column} IN ({', '.join(names)})" if names else ""


def in_order(statuses: Sequence[str]) -> list[Status]:
    """Return these statuses, all of them for none, as lists are ordered by them."""
    return [status for status in STATUS_ORDER if not statuses or status in statuses]
