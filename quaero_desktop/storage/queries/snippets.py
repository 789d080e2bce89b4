"""Where the words of a search stand in a text, as the index has them, and the part of it that shows most of them."""

import re
import unicodedata
from bisect import bisect_left

from quaero_desktop.domain.cjk import join_cjk, split_cjk
from quaero_desktop.domain.documents import HIGHLIGHT_END, HIGHLIGHT_START
from quaero_desktop.domain.searchquery import Term, forms

_TOKEN = re.compile(r"[^\W_]+")
_MARKED_LETTER = re.compile("[\u00c0-\u024f\u0370-\u03ff\u0400-\u052f\u1e00-\u1fff]")


def _folded(text: str) -> str:
    """Return *text* in lower case without diacritics, each character at its place."""
    if not text.isascii():
        text = _MARKED_LETTER.sub(lambda letter: _without_mark(letter[0]), text)
    return text.lower()


def _without_mark(letter: str) -> str:
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if base.isalpha() else letter


def words_of(text: str) -> list[str]:
    """Return the words of a text as the index has them: in lower case, without diacritics."""
    return _TOKEN.findall(_folded(split_cjk(text)))


class Wanted:
    """A term as it is looked for in a text.

    Attributes:
        words: its words, as it was typed.
        prefix: whether its last word may go on.
    """

    def __init__(self, term: Term) -> None:
        self.words = words_of(term.text)
        self.prefix = term.prefix
        self._forms = [words for form in forms(term) if (words := words_of(form))]
        self._patterns = [(words[0], re.compile(_pattern(words, prefix=term.prefix))) for words in self._forms]

    def is_in(self, words: list[str]) -> bool:
        """Return whether the term is among *words*, in any of its forms."""
        return any(
            _continues(words, start, form, self.prefix)
            for form in self._forms
            for start in range(len(words) - len(form) + 1)
        )

    def spans(self, folded: str, most: int) -> list[tuple[int, int]]:
        """Return where the term stands in a folded text, the first *most* places of each form."""
        spans = []
        for first, pattern in self._patterns:
            # str.find is many times faster than a pattern at passing over what does not match.
            start = folded.find(first)
            left = most
            while start >= 0 and left:
                found = pattern.match(folded, start)
                if found is not None and (start == 0 or not folded[start - 1].isalnum()):
                    spans.append(found.span())
                    left -= 1
                start = folded.find(first, found.end() if found is not None else start + 1)
        return spans


def _continues(words: list[str], start: int, form: list[str], prefix: bool) -> bool:
    end = start + len(form)
    if words[start : end - 1] != form[:-1]:
        return False
    return words[end - 1].startswith(form[-1]) if prefix else words[end - 1] == form[-1]


def _pattern(words: list[str], *, prefix: bool) -> str:
    return r"[\W_]+".join(words) + (r"[^\W_]*" if prefix else r"(?![^\W_])")


# --- Snippets -------------------------------------------------------------------------------------------------------

_SNIPPET_LENGTH = 220
"""Characters: some thirty English words."""
_MOST_SPANS = 500
# Controls (our marks among them) and the overrides that let text lie about its order.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def snippet(text: str, wanted: list[Wanted]) -> str:
    """Return the part of *text* with the most of the wanted terms, as one line with the terms marked."""
    text = _UNSAFE.sub(" ", text)
    folded = _folded(text)
    spans = sorted((*span, number) for number, term in enumerate(wanted) for span in term.spans(folded, _MOST_SPANS))
    start, end = _best_part(text, spans)
    parts = ["… "] if start else []
    position = start
    for begin, stop, _ in spans[bisect_left(spans, (start,)) :]:
        if stop > end:
            break
        if begin >= position:
            parts += [text[position:begin], HIGHLIGHT_START, text[begin:stop], HIGHLIGHT_END]
            position = stop
    parts += [text[position:end], " …" if end < len(text) else ""]
    return join_cjk(re.sub(r"\s+", " ", "".join(parts)).strip())


def _best_part(text: str, spans: list[tuple[int, int, int]]) -> tuple[int, int]:
    """Return where a part of about the right length with the most different terms begins and ends."""
    best, best_value = (0, 0), (0, 0)
    last = 0
    inside: dict[int, int] = {}
    for first, (begin, _, number) in enumerate(spans):
        while last < len(spans) and spans[last][1] <= begin + _SNIPPET_LENGTH:
            inside[spans[last][2]] = inside.get(spans[last][2], 0) + 1
            last += 1
        value = (len(inside), min(last - first, 3))
        if value > best_value:
            best, best_value = (begin, spans[max(first, last - 1)][1]), value
        if number in inside:
            inside[number] -= 1
            if not inside[number]:
                del inside[number]
        last = max(last, first + 1)
    begin, end = best
    room = max(0, _SNIPPET_LENGTH - (end - begin))
    start = max(0, begin - room // 3)
    if start:
        start = text.find(" ", start, begin) + 1 or begin
    end = min(len(text), max(end, start + _SNIPPET_LENGTH))
    if end < len(text):
        end = max(text.rfind(" ", start, end), best[1]) if " " in text[start:end] else end
    return start, end
