# ruff: noqa: RUF001 - the signs of Chinese and Japanese are meant
"""What a text is about in single words and short phrases, taken from the text itself.

A word counts by how often its forms occur, more in the title, in headings and near the beginning, and more when it is
written like a name. A phrase is what stands together again and again, with no word without meaning in between.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from quaero_desktop.content.language import Lexicon, is_run

_MOST_WORDS = 60_000
_LONGEST_WORD = 40
_LONGEST_PHRASE = 3
_MOST_CANDIDATES = 400
_MOST_CODE = 0.4
"""The share of keywords that may be identifiers: a reference page has nothing else to count."""

_BREAK = re.compile(
    # Only from its beginning, so that a run of signs is looked at once.
    r"(?<![,;:.!?()\[\]{}\"“”«»„/|—–=<>…。、，！？：；（）「」『』])"
    r"[,;:.!?()\[\]{}\"“”«»„/|—–=<>…。、，！？：；（）「」『』]++(?=\s|$)"
    r"|[()\[\]{}\"“”«»„/|—–=<>。、，！？：；（）「」『』]"
)
_LETTERS_ONLY = re.compile(r"[\W_]+")
_LEAST_ALIKE = 8
# Who wrote it, which version, where else to look; and addresses.
_NO_WORDS = re.compile(r"\([^()]{0,120}\)|https?://\S+")
_CODE = re.compile(r"[_.]|[a-z][A-Z]|\d.*[a-zA-Z]|^-")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_KATAKANA_OR_KANJI = re.compile("[\u30a1-\u30fa\u30fc]{2,}|[\u3400-\u9fff\u3005]{2,8}")
# Particles, pronouns and auxiliaries of Chinese: what stands between two of them is a word or a few.
_CHINESE_GLUE = re.compile(
    "[的了是在和有我他她它这那个们不与及或等为以对中上下到从被把将由并也都而但就可能会要让使用于其之很更最每些吗呢吧啊所如若则"
    "你您该此因当还又只各种一二三四五六七八九十两已经过]+"
)


class Text(NamedTuple):
    """A piece of text and how much what stands in it counts."""

    text: str
    weight: float


class _Found(NamedTuple):
    shown: str
    stems: tuple[str, ...]
    score: float


def keywords(pieces: Iterable[Text], lexicon: Lexicon, most: int, title: str = "") -> tuple[str, ...]:
    """Return the most telling words and phrases of some text, the best first.

    Args:
        pieces: the text: sentences, headings, titles.
        lexicon: the words of its language.
        most: how many.
        title: of the text. The words of a short one are subjects, also where a list says that they mean little: Russian
            ones name water and war.
    """
    named = [word.lower() for word in lexicon.words(title)]
    counter = _Counter(lexicon, frozenset(word for word in named if len(word) > 3) if len(named) <= 3 else frozenset())
    for piece in pieces:
        counter.add(piece)
        if counter.words > _MOST_WORDS:
            break
    return _chosen(counter.found(), most)


class _Counter:
    """Counts words by their stems, and what stands together."""

    def __init__(self, lexicon: Lexicon, subjects: frozenset[str]) -> None:
        self.words = 0
        self._subjects = subjects
        self._lexicon = lexicon
        self._weights: defaultdict[tuple[str, ...], float] = defaultdict(float)
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._forms: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        self._names: Counter[tuple[str, ...]] = Counter()
        self._stems: dict[str, str | None] = {}

    def add(self, piece: Text) -> None:
        """Count what stands in *piece*."""
        first = True
        for part in _BREAK.split(_NO_WORDS.sub(" , ", piece.text)):
            run: list[tuple[str, str]] = []
            for word in self._lexicon.words(part):
                self.words += 1
                if is_run(word):
                    self._count_run(word, piece.weight)
                    run = []
                elif (stem := self._stem(word)) is not None:
                    # Korean words end with particles, which nobody would look for.
                    run.append((stem if self._lexicon.language == "ko" else word, stem))
                    self._count_ends(run, piece.weight, first)
                else:
                    run = []
                first = False

    def _stem(self, word: str) -> str | None:
        """Return the stem of a word that means something, else None."""
        try:
            return self._stems[word]
        except KeyError:
            stem = self._stems[word] = self._stem_of(word)
            return stem

    def _stem_of(self, word: str) -> str | None:
        if not 2 <= len(word) <= _LONGEST_WORD:
            return None
        lower = word.lower()
        if self._lexicon.is_stop(lower) and lower not in self._subjects:
            return None
        if sum(char.isalpha() for char in word) * 2 < len(word):
            return None
        if len(word) == 2 and not word.isupper() and word.isascii():
            return None
        return self._lexicon.stem(lower)

    def _count_ends(self, run: Sequence[tuple[str, str]], weight: float, first: bool) -> None:
        """Count the phrases that end with the last word of *run*."""
        for length in range(1, min(_LONGEST_PHRASE, len(run)) + 1):
            phrase = run[-length:]
            stems = tuple(stem for _, stem in phrase)
            if length > 1 and len(set(stems)) < length:
                continue
            self._counts[stems] += 1
            self._weights[stems] += weight
            self._forms[stems][" ".join(word for word, _ in phrase)] += 1
            if not first and phrase[0][0][0].isupper() and phrase[-1][0][0].isupper():
                self._names[stems] += 1

    def _count_run(self, run: str, weight: float) -> None:
        """Count the words of a run of Chinese or Japanese, as far as they can be told apart."""
        if _KANA.search(run):
            words = _KATAKANA_OR_KANJI.findall(run)
        else:
            words = []
            for part in _CHINESE_GLUE.split(run):
                words.extend(
                    part[start : start + length]
                    for length in range(2, 7)
                    for start in range(max(0, min(len(part), 60) - length + 1))
                )
        for word in words:
            if not self._lexicon.is_stop(word):
                self._counts[word,] += 1
                self._weights[word,] += weight
                self._forms[word,][word] += 1

    def found(self) -> list[_Found]:
        """Return what may be a keyword, the best first."""
        lexicon = self._lexicon
        contained = self._contained()
        scored: list[tuple[float, tuple[str, ...]]] = []
        for stems, count in self._counts.items():
            weight = self._weights[stems]
            form = next(iter(self._forms[stems]))
            if len(stems) > 1:
                # A phrase is more than words that met once, and does not begin with what says little.
                if count < 2 and weight < _TITLE_WEIGHT:
                    continue
                words = form.lower().split()
                empty = sum(map(lexicon.is_empty, words))
                if empty == len(words) or lexicon.is_empty(words[0]) or (empty and count < 3) or _CODE.search(form):
                    continue
                # That its words stand alone as well makes a phrase a worse name for the thing.
                share = count / max(self._counts[stem,] for stem in stems)
                score = weight * (0.9 + 0.5 * (len(words) - 1)) * (0.35 + share)
            else:
                if stems in contained and count < 2 * contained[stems]:
                    weight *= 0.6
                if lexicon.is_empty(form.lower()):
                    weight *= 0.12
                elif _CODE.search(form):
                    weight *= 0.6
                score = weight * (0.55 if len(form) < 4 and not form.isupper() and form.isascii() else 1)
            if self._names[stems] * 2 > count > 1:
                score *= 1.25
            scored.append((score, stems))
        scored.sort(key=lambda each: (-each[0], each[1]))
        found = [_Found(_shown(self._forms[stems]), stems, score) for score, stems in scored[:_MOST_CANDIDATES]]
        return _without_parts(found, self._counts)

    def _contained(self) -> dict[tuple[str, ...], int]:
        """Return for single words the most times that they occur within one and the same phrase."""
        most: dict[tuple[str, ...], int] = {}
        for stems, count in self._counts.items():
            if len(stems) > 1 and count > 1:
                for stem in stems:
                    most[stem,] = max(most.get((stem,), 0), count)
        return most


_TITLE_WEIGHT: Final = 3.0
"""What a word of the title weighs, against 1 for one of the text."""


def _shown(forms: Counter[str]) -> str:
    """Return the form that is read most, in lower case unless it is mostly written otherwise."""
    folded: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for form, count in forms.items():
        folded[form.lower()][form] += count
    lower, spellings = min(folded.items(), key=lambda item: (-item[1].total(), len(item[0]), item[0]))
    best, count = min(spellings.items(), key=lambda item: (-item[1], item[0]))
    if best == lower or count * 2 <= spellings.total() or spellings.get(lower, 0) * 4 >= spellings.total():
        return lower
    # A capital at the beginning of sentences, or in headings only, is no name; inside of words it is.
    return best


def _without_parts(candidates: list[_Found], counts: Counter[tuple[str, ...]]) -> list[_Found]:
    """Leave out, of Chinese and Japanese, what only occurs within something longer."""
    runs = [found for found in candidates if is_run(found.shown)]
    if not runs:
        return candidates
    longer = {
        part.stems
        for part in runs
        for whole in runs
        if len(whole.shown) > len(part.shown)
        and part.shown in whole.shown
        and counts[whole.stems] * 1.5 >= counts[part.stems]
        and counts[whole.stems] > 1
    }
    return [
        found
        for found in candidates
        if found.stems not in longer and (not is_run(found.shown) or counts[found.stems] > 1 or len(runs) < 20)
    ]


def _chosen(candidates: list[_Found], most: int) -> tuple[str, ...]:
    """Take the best that are no forms or parts of each other, and not too much code."""
    chosen: list[_Found] = []
    used: Counter[str] = Counter()
    code = 0
    for found in candidates:
        if len(chosen) >= most:
            break
        stems = frozenset(found.stems)
        if any(_alike(stems, found.shown, frozenset(other.stems), other.shown) for other in chosen):
            continue
        if any(used[stem] >= 2 for stem in stems):
            continue
        if _CODE.search(found.shown):
            if code >= max(1, most * _MOST_CODE):
                continue
            code += 1
        chosen.append(found)
        used.update(stems)
    return tuple(found.shown for found in chosen)


def _alike(stems: frozenset[str], shown: str, others: frozenset[str], other: str) -> bool:
    if stems <= others or stems >= others:
        return True
    one, two = sorted((_LETTERS_ONLY.sub("", shown.lower()), _LETTERS_ONLY.sub("", other.lower())), key=len)
    if one == two or (len(one) >= _LEAST_ALIKE and two.startswith(one)):
        # “floating-point” and “floating point”, “auto-commit” and “autocommit mode”.
        return True
    if len(stems) == len(others) == 1:
        short, long = sorted((shown.lower(), other.lower()), key=len)
        # “checkpoint” and “checkpointing” where the language has no stemmer; “sqlite3” beside “sqlite”.
        return long.startswith(short) and (len(short) >= 5 or is_run(short)) and len(long) - len(short) <= 4
    return False


def overlap(first: Iterable[str], second: Iterable[str]) -> float:
    """Return how much two sets of stems have in common, from 0 to 1."""
    left, right = frozenset(first), frozenset(second)
    if not left or not right:
        return 0.0
    return len(left & right) / math.sqrt(len(left) * len(right))


def content_stems(text: str, lexicon: Lexicon) -> list[str]:
    """Return the stems of the words of *text* that mean something; Chinese and Japanese as pairs of characters."""
    stems: list[str] = []
    for word in lexicon.words(text):
        if is_run(word):
            pairs = [first + second for first, second in pairwise(word)] or [word]
            stems.extend(pair for pair in pairs if not lexicon.is_stop(pair) and not _CHINESE_GLUE.fullmatch(pair))
        else:
            lower = word.lower()
            if len(word) > 1 and len(word) <= _LONGEST_WORD and not lexicon.is_stop(lower) and not lower.isdecimal():
                stems.append(lexicon.stem(lower))
    return stems
