"""What stands in a column of a legacy database: anything, since SQLite let anything in."""

import math
import re
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from quaero_desktop.domain.legacy.values import Note, Row, UnusableError
from quaero_desktop.domain.text import single_line, storable

T = TypeVar("T")

_SECONDS_END = 10**11
_MILLISECONDS_END = 10**14
_MICROSECONDS_END = 10**17
_WRITTEN = re.compile(
    r"\s*(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s*(?:(Z|UTC)|([+-]\d\d):?(\d\d))?.*",
    re.ASCII | re.DOTALL,
)
MOST_NAME = 500
"""The most characters of a name."""


def text(row: Row, column: str) -> str:
    """Return a column as text; empty when there is nothing in it."""
    value = row.get(column)
    match value:
        case None:
            return ""
        case str():
            return storable(value)
        case float() if value.is_integer():
            return str(int(value))
        case bytes():
            return value.decode("utf-8", "replace").replace("\x00", "\ufffd")
        case _:
            return str(value)


def whole(value: object) -> int | None:
    """Return *value* as a whole number, as far as it is one."""
    match value:
        case bool() | None:
            return None
        case int():
            return value
        case float():
            return int(value) if math.isfinite(value) else None
        case str() if len(value) <= 20:
            try:
                return int(value)
            except ValueError:
                return None
        case _:
            return None


def yes(value: object, default: bool) -> bool:
    """Return *value* as yes or no."""
    match value:
        case bool():
            return value
        case int() | float():
            return value != 0
        case str() if value.strip().lower() in ("1", "true", "t", "yes", "y"):
            return True
        case str() if value.strip().lower() in ("0", "false", "f", "no", "n"):
            return False
        case _:
            return default


def moment(value: object, now: int) -> int | None:
    """Return a time in milliseconds UTC, not later than *now*; None where none was noted.

    Times were whole seconds, or text in later files. One that is too large for seconds is taken as what it can be.
    """
    if isinstance(value, str) and (written := _WRITTEN.fullmatch(value)):
        at = _written(written)
    else:
        number = whole(value)
        if number is None or number <= 0:
            return None
        if number < _SECONDS_END:
            at = number * 1000
        elif number < _MILLISECONDS_END:
            at = number
        elif number < _MICROSECONDS_END:
            at = number // 1000
        else:
            at = number // 1_000_000
    return min(at, now) if at is not None and at > 0 else None


def _written(match: re.Match[str]) -> int | None:
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        at = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    offset = (int(match[9]) * 60 + int(match[9][0] + match[10])) if match[9] else 0
    milliseconds = int((match[7] or "").ljust(3, "0")[:3] or 0)
    return int(at.timestamp()) * 1000 + milliseconds - offset * 60_000


def nested(row: Row, column: str, kind: type[T], note: Note) -> T:
    """Return the JSON of a column, or an empty *kind* when there is none or it makes no sense."""
    value = row.get(column)
    if value is None or value in ("", b"", "null"):
        return kind()
    try:
        decoded = msgspec.json.decode(value if isinstance(value, str | bytes) else str(value))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        note(f"its {column} is not valid JSON, so it comes without that")
        return kind()
    if decoded is None:
        return kind()
    if not isinstance(decoded, kind):
        note(f"its {column} does not hold what it should, so it comes without that")
        return kind()
    return decoded


def texts(value: object) -> tuple[str, ...]:
    """Return the texts in a list; a text alone is a list of one."""
    if isinstance(value, str):
        return (value,) if value.strip() else ()
    if not isinstance(value, list):
        return ()
    return tuple(each if isinstance(each, str) else str(each) for each in value if isinstance(each, str | int) and each)


def either(row: Row, column: str, note: Note) -> list[Any] | dict[str, Any]:
    """Return a column that holds a list or an object."""
    value = text(row, column).strip()
    if value.startswith("{"):
        return nested(row, column, dict, note)
    return nested(row, column, list, note)


def within(value: object, least: int, most: int) -> int | None:
    """Return a number within its bounds; None, as for a missing one, below them: there 0 meant no limit."""
    number = whole(value)
    return None if number is None or number < least else min(number, most)


def times(row: Row, now: int) -> tuple[int, int]:
    """Return when a row was made and when it was last changed."""
    created = moment(row.get("created_at"), now)
    updated = moment(row.get("updated_at"), now)
    first = created or updated or now
    return first, max(updated or first, first)


def row_id(row: Row) -> str:
    """Return the id of a row.

    Raises:
        UnusableError: it has none.
    """
    found = text(row, "id")
    if not found:
        raise UnusableError("it has no id")
    return found


def one_line(value: str) -> str:
    """Return a text that may be long, or anything, as a name."""
    return storable(single_line(value, MOST_NAME))
