"""As much of a text as a language model can read: its beginning, and of the rest what its parts begin with."""

from collections.abc import Iterator
from typing import Final

from quaero_desktop.content.prose import Prose, Sentence

_BEGINNING: Final = 0.7
"""The share of the room that goes to the beginning of a text that is too long."""

_CHARACTERS_A_TOKEN = 3.4
_WIDE_TOKENS = 1.2


def tokens_of(text: str) -> int:
    """Return about how many tokens of a language model *text* makes, rather too many than too few."""
    wide = 0 if text.isascii() else sum(char > "\u02ff" for char in text)
    return round((len(text) - wide) / _CHARACTERS_A_TOKEN + wide * _WIDE_TOKENS) + 1


def excerpt(prose: Prose, room: int) -> tuple[str, bool]:
    """Return the running text in paragraphs, and whether something of it was left out.

    Args:
        prose: the running text.
        room: how many tokens there may be.
    """
    sentences = prose.sentences
    costs = [tokens_of(sentence.text) for sentence in sentences]
    if sum(costs) <= room:
        return _written(sentences), False
    taken: set[int] = set()
    used = 0
    for number, cost in enumerate(costs):
        if used + cost > room * _BEGINNING:
            break
        taken.add(number)
        used += cost
    for number in _beginnings(sentences, len(taken)):
        if used + costs[number] <= room:
            taken.add(number)
            used += costs[number]
    if not taken and sentences:
        return sentences[0].text[: max(1, room)], True
    return _written([sentence for number, sentence in enumerate(sentences) if number in taken]), True


def _beginnings(sentences: list[Sentence], start: int) -> Iterator[int]:
    """Yield the numbers of the whole sentences with which the sections, and then the paragraphs, begin."""
    sections: set[int] = set()
    paragraphs: list[int] = []
    for number in range(start, len(sentences)):
        sentence = sentences[number]
        if not sentence.whole:
            continue
        if sentence.section not in sections:
            sections.add(sentence.section)
            yield number
        elif sentence.place == 0:
            paragraphs.append(number)
    yield from paragraphs


def _written(sentences: list[Sentence]) -> str:
    parts: list[str] = []
    paragraph = -1
    for sentence in sentences:
        if parts:
            parts.append("\n\n" if sentence.paragraph != paragraph else " ")
        paragraph = sentence.paragraph
        parts.append(sentence.text)
    return "".join(parts)
