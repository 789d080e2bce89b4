"""What a collection is about, from what its documents say in short.

The sentences are those of its documents: of front pages rather than of leaves, and of those that speak of what the most
documents speak of. The keywords are those that the most documents share.
"""

import math
import re
from collections import Counter, defaultdict
from typing import Final, NamedTuple

from quaero_desktop.content.keywords import content_stems, overlap
from quaero_desktop.content.language import Lexicon, language_of, lexicon
from quaero_desktop.content.prose import split
from quaero_desktop.content.summary import MAX_SUMMARY, defines, join, refers
from quaero_desktop.domain.summaries import CorpusInput, Digest, Summary
from quaero_desktop.domain.text import storable

_ALIKE: Final = 0.5
_MOST_SENTENCES = 20_000
_SUBJECTS = 5
"""How many of the foremost keywords are the subjects: a sentence that begins with one says what it is."""


_NAME = re.compile(r"[^\W\d_][\w+#]*")
_INNER_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w+#]{2,}")
_IS = re.compile(r"(?:,? \([^)]{1,80}\),?)? (?:is|are|ist|est|es|è|é|är|er|jest|on|—|это|是|は|는|은)\b")
_IS_A = re.compile(_IS.pattern + r" (?:an?|the|eine?|une?|una|uno|uma?|een|ett?|en)\b")


class _Candidate(NamedTuple):
    text: str
    document: int
    stems: frozenset[str]
    score: float


def summarise(corpus: CorpusInput) -> Summary:
    """Return what a collection is about. The same documents in the same order give the same answer."""
    documents = corpus.documents
    language = _language(documents)
    words = lexicon(language)
    ranked = _ranked_keywords(documents, words)
    chosen = _choose(_candidates(documents, words, ranked), corpus.sentences)
    return Summary(
        text=storable(join([each.text for each in chosen])),
        keywords=tuple(storable(keyword) for keyword, _ in ranked[: corpus.keywords]),
        language=language,
    )


def _language(documents: tuple[Digest, ...]) -> str:
    """Return the language of the most documents."""
    languages = Counter(document.language for document in documents if document.language)
    if languages:
        return min(languages, key=lambda language: (-languages[language], language))
    return language_of(" ".join(document.summary for document in documents[:50]))


def _ranked_keywords(documents: tuple[Digest, ...], words: Lexicon) -> list[tuple[str, float]]:
    """Return the keywords of the documents, those first that the most of them have, and have foremost."""
    weights: defaultdict[tuple[str, ...], float] = defaultdict(float)
    forms: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for document in documents:
        for rank, keyword in enumerate(document.keywords):
            key = tuple(words.stem(word) for word in keyword.lower().split())
            weights[key] += 1.0 / (1.0 + 0.15 * rank) * (1.0 + 0.3 * (len(key) > 1))
            forms[key][keyword] += 1
    ranked: list[tuple[str, float]] = []
    taken: list[frozenset[str]] = []
    for key in sorted(weights, key=lambda key: (-weights[key], key)):
        stems = frozenset(key)
        if all(words.is_empty(form.lower()) for form in forms[key]):
            continue
        if any(stems <= other or stems >= other for other in taken):
            continue
        shown = min(forms[key].items(), key=lambda item: (-item[1], item[0]))[0]
        ranked.append((shown, weights[key]))
        taken.append(stems)
        if len(ranked) >= 200:
            break
    return ranked


def _candidates(documents: tuple[Digest, ...], words: Lexicon, ranked: list[tuple[str, float]]) -> list[_Candidate]:
    importance: dict[str, float] = {}
    for keyword, weight in ranked:
        for stem in content_stems(keyword, words):
            importance[stem] = max(importance.get(stem, 0.0), math.log1p(weight))
    greatest = max(importance.values(), default=1.0)
    subjects = {stem for keyword, _ in ranked[:_SUBJECTS] for stem in content_stems(keyword, words)}
    name = _name(documents)
    candidates: list[_Candidate] = []
    for number, document in enumerate(documents):
        for place, text in enumerate(split(document.summary)):
            if refers(text):
                continue
            stems = frozenset(content_stems(text, words))
            if not stems:
                continue
            shared = sum(importance.get(stem, 0.0) for stem in stems) / greatest / len(stems) ** 0.6
            score = shared + 0.5 / (1 + document.level) + 0.25 / (1 + place)
            score -= max(0.0, (len(text) - 220) / 300)
            if defines(text):
                beginning = _NAME.search(text)
                if name and beginning is not None and beginning[0] == name and text.find(name) < 5:
                    end = text.find(name) + len(name)
                    score += 1.3 if _IS_A.match(text, end) else 0.7 if _IS.match(text, end) else 0.3
                elif subjects.intersection(content_stems(text[:24], words)[:2]):
                    score += 0.3
            candidates.append(_Candidate(text, number, stems, score))
        if len(candidates) >= _MOST_SENTENCES:
            break
    return candidates


def _name(documents: tuple[Digest, ...]) -> str:
    """Return the name that the most documents speak of, like that of a product; empty when there is none such."""
    counts = Counter(name for document in documents for name in set(_INNER_NAME.findall(document.summary)))
    if not counts:
        return ""
    name, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return name if count >= max(2, 0.08 * len(documents)) else ""


def _choose(candidates: list[_Candidate], most: int) -> list[_Candidate]:
    """Take the best that say different things; the best of all begins, the others follow as their documents do."""
    chosen: list[_Candidate] = []
    length = 0
    for each in sorted(candidates, key=lambda each: (-each.score, each.document, each.text)):
        if len(chosen) >= most:
            break
        if len(chosen) >= 2 and length + len(each.text) > MAX_SUMMARY * max(1.0, most / 4):
            continue
        if any(overlap(each.stems, other.stems) > _ALIKE for other in chosen):
            continue
        # Of one page no more than two: the collection is about more than that.
        if sum(other.document == each.document for other in chosen) >= 2:
            continue
        chosen.append(each)
        length += len(each.text)
    return chosen[:1] + sorted(chosen[1:], key=lambda each: each.document)
