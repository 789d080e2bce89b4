"""Traps: sites with a next page for ever, by a calendar, a session id, a filter or a link that makes itself longer.

Nothing is refused for how its address looks alone, but for a path that repeats itself: the PostgreSQL manual has its
1,169 pages in one folder. Addresses that differ only in numbers, dates, tokens or values of a query are one *pattern*,
and a pattern is closed when its pages turn out to bring nothing new.
"""

import re
from collections import OrderedDict
from hashlib import blake2b

from quaero_desktop.domain.urls import path_of

BUDGET = 50
"""So many pages of a pattern are stored before it is judged."""
WORTHLESS_SHARE = 0.8
"""A pattern is closed when more than this share of its pages repeats another one of it, or has hardly any text."""
WARN_AT = 1_000
"""So many pages of one pattern, though they all bring something new, are worth a word to the person."""
MAX_PATTERNS = 2_000
MAX_PRINTS = 50_000
_REPEATS = 3

_SESSION_IN_PATH = re.compile(r";[a-z]*sess[a-z]*=[^/?;]*", re.IGNORECASE)
_TOKEN = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?=[0-9a-f]*\d)[0-9a-f]{16,}|\d+", re.IGNORECASE)
_NUMBERS = re.compile(r"\d+")


def pattern_of(url: str) -> str | None:
    """Return *url* with ``#`` for each number and token of its path, and ``*`` for the values of its query.

    Returns:
        None when nothing of it varies: such an address is one of its own.
    """
    head, question, query = url.partition("?")
    scheme, _, rest = head.partition("://")
    host, slash, path = rest.partition("/")
    varied = _TOKEN.sub("#", _SESSION_IN_PATH.sub(";#", path))
    if question:
        names = sorted({parameter.partition("=")[0] for parameter in query.split("&")})
        return f"{scheme}://{host}{slash}{varied}?{'&'.join(f'{name}=*' for name in names)}"
    return None if varied == path else f"{scheme}://{host}{slash}{varied}"


def repetition_in(url: str) -> str | None:
    """Return the part of the path of *url* that stands there three times in a row; None when none does.

    Single numbers are no sign: ``/1/1/1/`` may well be a date or a chapter.
    """
    if url.count("/") < 2 + _REPEATS:
        return None
    segments = path_of(url).partition("?")[0].strip("/").split("/")
    if len(segments) - len(set(segments)) < _REPEATS - 1:
        return None
    count = len(segments)
    for length in range(1, min(count // _REPEATS, 20) + 1):
        run = 0
        for at in range(length, count):
            run = run + 1 if segments[at] == segments[at - length] else 0
            if run == length * (_REPEATS - 1):
                part = segments[at - length + 1 : at + 1]
                if not all(segment.isdigit() for segment in part):
                    return "/".join(part)
                run -= 1
    return None


class _Pattern:
    """What came of the pages of one pattern."""

    __slots__ = ("pages", "prints", "worthless")

    def __init__(self) -> None:
        self.pages = 0
        self.worthless = 0
        self.prints: set[bytes] = set()


class Traps:
    """Watches the pages of one root. In memory only: after a restart each pattern has its budget once more."""

    def __init__(self) -> None:
        self._patterns: OrderedDict[str, _Pattern] = OrderedDict()
        self._closed: dict[str, str] = {}
        self._prints = 0

    def rule_against(self, url: str) -> str | None:
        """Return why *url* is not worth fetching, in words; None when it may be."""
        part = repetition_in(url)
        if part is not None:
            return f"“{part[:100]}” stands {_REPEATS} times in a row in its path"
        if self._closed:
            pattern = pattern_of(url)
            if pattern is not None:
                return self._closed.get(pattern)
        return None

    def stored(self, url: str, text: str, thin: bool) -> str | None:
        """Learn from a page that is being stored.

        Args:
            url: where it is.
            text: what it says.
            thin: whether that is hardly anything.

        Returns:
            A line for the log of the root, when this is worth one: once for each pattern.
        """
        pattern = pattern_of(url)
        if pattern is None or pattern in self._closed:
            return None
        known = self._patterns.get(pattern)
        if known is None:
            if len(self._patterns) >= MAX_PATTERNS:
                _, oldest = self._patterns.popitem(last=False)
                self._prints -= len(oldest.prints)
            known = self._patterns[pattern] = _Pattern()
        else:
            self._patterns.move_to_end(pattern)
        known.pages += 1
        known.worthless += thin or self._is_repeated(known, text)
        if known.pages >= BUDGET and known.worthless > WORTHLESS_SHARE * known.pages:
            del self._patterns[pattern]
            self._prints -= len(known.prints)
            what = f"{known.worthless} of {known.pages} pages like {pattern} repeat each other or hold hardly any text"
            self._closed[pattern] = what
            return f"A trap: {what}. No more of them are fetched."
        if known.pages == WARN_AT:
            return f"{WARN_AT:,} pages are like {pattern}. They all come in; an exclude rule keeps them out."
        return None

    def _is_repeated(self, known: _Pattern, text: str) -> bool:
        """Return whether a page of the pattern said the same already, but for the numbers in it."""
        mark = blake2b(_NUMBERS.sub("", text).encode("utf-8", "replace"), digest_size=8).digest()
        if mark in known.prints:
            return True
        if self._prints < MAX_PRINTS:
            known.prints.add(mark)
            self._prints += 1
        return False
