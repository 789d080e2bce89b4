"""How numbers, times and untrusted texts are written in the window."""

import html
import re
from datetime import UTC, datetime
from urllib.parse import unquote

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.domain.words import STATUS_GLYPHS as STATUS_GLYPHS
from quaero_desktop.domain.words import status_words as status_words

MAX_LINE = 2_000
"""The most characters of an untrusted text on one line: more is never readable, and slow to lay out."""

_MOST_IN_A_TIP = 30
"""Lines."""

# Controls, what turns text around, what takes no room, and halves of characters.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ud800-\udfff]+"
)
_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
NOTHING = "—"
"""Stands where there is no value."""


def clean(text: str, most: int = MAX_LINE) -> str:
    """Return *text*, which may come from the web, as one inert line of at most *most* characters."""
    shown = _UNSAFE.sub(" ", text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def clean_lines(text: str, most: int = 20, length: int = MAX_LINE) -> str:
    """Return *text*, which may come from others, as at most *most* inert lines and *length* characters."""
    lines = text[: length + 1].splitlines()
    shown = "\n".join(clean(line, length) for line in lines[:most])
    return shown if len(lines) <= most and len(text) <= length else f"{shown[: length - 1]}…"


def tool_tip(text: str) -> str:
    """Return *text*, which may come from the web, as a tool tip that shows just that.

    A tool tip has no plain format: what looks like HTML is taken for it. What says that it is HTML is also wrapped.
    """
    lines = [html.escape(line, quote=False) for line in clean_lines(text, _MOST_IN_A_TIP, 2 * MAX_LINE).split("\n")]
    return f"<qt/>{'<br>'.join(lines)}" if text else ""


def error_text(error: KnownError) -> str:
    """Return what an error says and what a person can do about it, on one line."""
    return f"{error.message} {error.hint}".strip()


def button_text(text: str) -> str:
    """Return *text*, which may come from the web, for a button or a menu, where a lone ``&`` underlines a letter."""
    return clean(text).replace("&", "&&")


def count(number: int) -> str:
    """Return a number with thousands separators."""
    return f"{number:,}"


def count_of(number: int, noun: str) -> str:
    """Return a number of things, like ``1 page`` and ``1,204 pages``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: float | None) -> str:
    """Return an amount of bytes: in MB with one decimal, below that in kB."""
    if number is None:
        return NOTHING
    if number < 1_000:
        return f"{number:.0f} B"
    if number < 1_000_000:
        return f"{number / 1_000:,.1f} kB" if number < 99_950 else f"{number / 1_000:,.0f} kB"
    if number < 10_000_000_000:
        return f"{number / 1_000_000:,.1f} MB"
    return f"{number / 1_000_000_000:,.1f} GB"


def duration(seconds: float | None) -> str:
    """Return a duration like ``0.4 s``, ``12 s``, ``1 m 12 s``, ``3 h 5 m`` or ``2 d 4 h``."""
    if seconds is None:
        return NOTHING
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} m {rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} m"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def rate(pages_per_second: float) -> str:
    """Return a rate like ``38 pages/s`` or ``0.4 pages/s``."""
    return f"{pages_per_second:,.0f} pages/s" if pages_per_second >= 9.95 else f"{pages_per_second:.1f} pages/s"


def relative(moment: int | None, now: int) -> str:
    """Return how long ago *moment* was, like ``3 min ago``.

    Args:
        moment: milliseconds UTC, or None.
        now: milliseconds UTC.
    """
    if moment is None:
        return NOTHING
    ago = now - moment
    if ago < 0:
        return f"in {duration(-ago / _SECOND)}" if ago < -2 * _SECOND else "just now"
    if ago < 10 * _SECOND:
        return "just now"
    if ago < _MINUTE:
        return f"{ago // _SECOND} s ago"
    if ago < _HOUR:
        return f"{ago // _MINUTE} min ago"
    if ago < _DAY:
        return f"{ago // _HOUR} h ago"
    if ago < 30 * _DAY:
        days = ago // _DAY
        return "yesterday" if days == 1 else f"{days} days ago"
    return day(moment)


def exact(moment: int | None) -> str:
    """Return a time of milliseconds UTC to the second, in the person's own zone."""
    return NOTHING if moment is None else f"{_local(moment):%Y-%m-%d %H:%M:%S}"


def day(moment: int | None) -> str:
    """Return the day of a time of milliseconds UTC, in the person's own zone."""
    return NOTHING if moment is None else f"{_local(moment):%Y-%m-%d}"


def today() -> int:
    """Return when this day began in the person's own zone, in milliseconds UTC."""
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    return round(midnight.timestamp() * 1000)


def clock(moment: int) -> str:
    """Return the time of day of milliseconds UTC, in the person's own zone."""
    return f"{_local(moment):%H:%M:%S}"


def path_of(url: str) -> str:
    """Return the part of a URL that tells it from others of its site, for people: ``/library/json.html``."""
    rest = url.partition("://")[2] or url
    slash = rest.find("/")
    path = rest[slash:] if slash >= 0 else "/"
    return clean(unquote(path, errors="replace")) or "/"


def host_of(url: str) -> str:
    """Return the host and port of a URL."""
    return clean((url.partition("://")[2] or url).partition("/")[0])


def _local(moment: int) -> datetime:
    return datetime.fromtimestamp(moment / 1000, UTC).astimezone()
