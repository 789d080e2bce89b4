"""Finds again, in a text that is shown, the words that a search found in it.

The index folds case and diacritics and takes letters and digits for words; so does this.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence

from quaero_desktop.domain.searchquery import forms, parse, wanted_terms

MOST = 10_000
"""More places than that nobody visits."""


def terms_of(query: str) -> tuple[str, ...]:
    """Return the words and phrases that a query looks for; those that may go on end with a star."""
    found: dict[str, None] = {}
    for term in wanted_terms(parse(query).words):
        for form in forms(term):
            found[form + "*" * term.prefix] = None
    return tuple(found)


def as_prefix(query: str) -> str | None:
    """Return *query* with its last word taken for the beginning of one, as while it is being typed.

    Returns:
        None when it does not end in a plain word.
    """
    last = query.split()[-1] if query.split() and not query[-1].isspace() else ""
    if len(last) < 2 or not last[-1].isalnum() or last in ("OR", "AND") or ":" in last or query.count('"') % 2:
        return None
    return f"{query}*"


def places(text: str, terms: Sequence[str], *, within_words: bool = False) -> list[tuple[int, int]]:
    """Return where *terms* are in *text*, as starts and ends in Qt's characters (UTF-16 units), in order.

    Args:
        text: as it is shown.
        terms: words and phrases; a star at the end lets the last word go on.
        within_words: also find them inside longer words.
    """
    patterns = [pattern for term in terms if (pattern := _pattern(term, within_words))]
    if not patterns or not text:
        return []
    # The longest first: of two that begin at one place the longer is what was meant.
    expression = re.compile("|".join(sorted(patterns, key=len, reverse=True)))
    found = []
    for match in expression.finditer(_folded(text)):
        if match.end() > match.start():
            found.append(match.span())
            if len(found) >= MOST:
                break
    return _in_utf16(text, found)


_CJK = "\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff"
"""Letters of writings whose words stand without blanks between them."""
_LETTER = rf"[^\W_{_CJK}]"


def _pattern(term: str, within_words: bool) -> str:
    if within_words:
        return r"\s+".join(re.escape(part) for part in _folded(term).split())
    words = re.findall(r"[^\W_]+", _folded(term))
    if not words:
        return ""
    body = r"[\W_]+".join(re.escape(word) for word in words)
    start = "" if _is_cjk(words[0][0]) else f"(?<!{_LETTER})"
    if _is_cjk(words[-1][-1]):
        return start + body
    return f"{start}{body}{_LETTER}*" if term.endswith("*") else f"{start}{body}(?!{_LETTER})"


def _is_cjk(character: str) -> bool:
    return re.match(f"[{_CJK}]", character) is not None


def _folded(text: str) -> str:
    """Return *text* without case and diacritics, every character still at its place."""
    return text.translate({ord(character): _fold(character) for character in set(text)})


def _fold(character: str) -> str:
    base = unicodedata.normalize("NFD", character)[0] if not _is_cjk(character) else character
    lower = base.lower()
    return lower if len(lower) == 1 else base


def _in_utf16(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    if text.isascii() or max(text) <= "\uffff":
        return spans
    beyond = [match.start() for match in re.finditer("[\U00010000-\U0010ffff]", text)]
    return [(start + bisect_left(beyond, start), end + bisect_left(beyond, end)) for start, end in spans]
