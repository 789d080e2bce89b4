"""What is said of one field of something that a person wrote: where it is, what it must be, what may be meant."""

import difflib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, get_args

from msgspec import Meta

from quaero_desktop.domain.errors import FieldError, UsageError
from quaero_desktop.domain.text import single_line

T = TypeVar("T")

MAX_NAME = 200
"""The most characters of a name that a person gives."""
_SHOWN = 60


def checked(field: str, read: Callable[[], T]) -> T:
    """Return what *read* does; what it refuses is said of *field*.

    Raises:
        FieldError: it refused it.
    """
    try:
        return read()
    except FieldError:
        raise
    except UsageError as error:
        raise FieldError(field, f"{field}: {error.message}", error.hint) from error


def checked_name(text: str) -> str:
    """Return the name that a person gave something, on one line.

    Raises:
        FieldError: it is empty, or too long.
    """
    name = single_line(text, MAX_NAME + 1).strip()
    if not name:
        raise FieldError("name", "name is empty.", "Say what it is to be called.")
    if len(name) > MAX_NAME:
        raise FieldError("name", f"name has more than {MAX_NAME} characters.")
    return name


def check_among(field: str, value: str, choices: Sequence[str]) -> None:
    """Refuse a value that is none of the choices.

    Raises:
        FieldError: naming the one that may have been meant, or all.
    """
    if value not in choices:
        meant = meant_by(value, choices)
        message = f"{field} is {quoted(value)}, which nobody knows{f'; did you mean {meant}?' if meant else '.'}"
        raise FieldError(field, message, f"Use one of {', '.join(choices)}.")


def meant_by(word: str, known: Sequence[str]) -> str:
    """Return what of *known* somebody who wrote *word* may have meant, or nothing."""
    # Beyond any name of ours there is nothing near, and comparing gets slow.
    matches = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6) if len(word) <= _SHOWN else []
    return matches[0] if matches else ""


def expected(kind: Any) -> str:
    """Return in words what a value of a type must be, as its :class:`msgspec.Meta` says under ``expected``."""
    for part in (kind, *get_args(kind)):
        for meta in getattr(part, "__metadata__", ()):
            if isinstance(meta, Meta) and meta.extra and "expected" in meta.extra:
                return str(meta.extra["expected"])
    return ""


def quoted(value: object) -> str:
    """Return what somebody wrote for use in a sentence, no longer than it can be read."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f"“{shown(value)}”"
        case dict():
            return "a table"
        case list() | tuple():
            return "this list" if value else "an empty list"
        case int() if value.bit_length() > 200:  # longer ones cannot be printed (sys.set_int_max_str_digits)
            return "a number that large"
        case _:
            return shown(str(value))


def shown(text: str) -> str:
    """Return a name or a value that somebody wrote, on one line and not too long."""
    return single_line(text, _SHOWN)
