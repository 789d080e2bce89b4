# ruff: noqa: RUF001 - the signs of Chinese and Japanese are meant
"""A document in a few of its own sentences, and in keywords: offline, deterministic, without a model.

Manuals and articles say first what they are about, so a sentence counts by where it stands, by how many of the words
that the whole text turns on it holds, and by whether it names the subject and says what it is. What cannot stand for
itself is left out: what refers to a sentence before it comes only together with that.

Why not a library: sumy (59 MB with nltk, which wants its data downloaded), yake (71 MB with numpy and networkx), summa
(171 MB with scipy, last released in 2019) and pytextrank (515 MB with spaCy, and a model to download) all take plain
text. What makes a summary of a manual page readable is to know code, tables, menus and asides from running text, and
that knowledge is in the markdown, which is ours.
"""

import math
import re
from collections import Counter
from typing import Final, NamedTuple

from quaero_desktop.content.excerpt import excerpt
from quaero_desktop.content.keywords import Text, content_stems, keywords, overlap
from quaero_desktop.content.language import Lexicon, language_of, lexicon
from quaero_desktop.content.prose import MAX_TEXT, Kind, Prose, Sentence, read
from quaero_desktop.domain.summaries import Summary, SummaryInput
from quaero_desktop.domain.text import storable

MAX_SUMMARY: Final = 900
"""Characters of a summary with the usual number of sentences; the first two come in any case."""

_MOST_CANDIDATES = 250
_ALIKE = 0.6

_TITLE = 3.0
_HEADING = 2.0

# Words at the beginning that refer to what was said before.
_REFERS = re.compile(
    r"(?:to (?:support|do|achieve|solve|avoid|help with) (?:this|that|these|so)|until now|so far|"
    r"with all (?:this|these)|this|these|those|that|it|its|they|their|them|he|she|his|her|such|here|there|both|"
    r"another|other|others|each|however|therefore|thus|hence|so|also|moreover|furthermore|additionally|besides|"
    r"instead|otherwise|then|again|nevertheless|nonetheless|consequently|accordingly|similarly|likewise|"
    r"conversely|alternatively|finally|meanwhile|afterwards|but|and|or|yet|nor|because|since|in addition|"
    r"in this|in that|in these|in such|in other words|in contrast|in particular|in either|in both|in general|"
    r"in fact|for example|for instance|for this|for these|for that|as a result|as such|as before|as noted|"
    r"as mentioned|as you|as with|as well|to this|on the other|at this|at that|by this|with this|with these|"
    r"under this|under these|if so|if this|if you|if it|note|the same|the above|the following|the latter|"
    r"the former|the next|the previous|the other|the second|the third|the first|the second|one|two|some|once|"
    r"now|next|see|hopefully|first|second|third|secondly|thirdly|lastly|unfortunately|obviously|of course|yes|"
    r"no|ok|okay|well|even|only|even so|dies|diese|dieser|dieses|diesem|diesen|es|sie|er|jedoch|aber|daher|"
    r"deshalb|außerdem|auch|so|dann|dabei|damit|dadurch|hierbei|hier|dazu|siehe|zum beispiel|beispielsweise|ce|"
    r"cet|cette|ces|il|elle|ils|elles|cependant|toutefois|ainsi|donc|mais|de plus|par exemple|en outre|voir|"
    r"esto|esta|este|estos|estas|ese|esa|eso|sin embargo|además|por ejemplo|pero|así|por lo tanto|véase|questo|"
    r"questa|questi|queste|tuttavia|inoltre|per esempio|ad esempio|ma|quindi|isto|isso|este|esta|porém|"
    r"no entanto|além disso|por exemplo|mas|portanto|dit|deze|dat|die|echter|daarom|bovendien|bijvoorbeeld|"
    r"maar|zie|это|эти|этот|эта|он|она|оно|они|однако|поэтому|также|например|но|кроме того|см)\b"
    r"|(?:このため|しかし|また|これ|それ|この|その|ただし|例えば|したがって|なお"
    r"|这|那|它|但|因此|所以|此外|例如|而且|不过|其中|同时"
    r"|이것|그것|그러나|또한|따라서|예를 들어|하지만|이는)",
    re.I,
)
# What is about the page, the version or the reader, and not about the subject.
_ASIDE = re.compile(
    r"\b(?:(?:new|changed|added|deprecated|removed) (?:in|since) (?:version )?[\dv]|deprecated since|copyright|"
    r"all rights reserved|cookies?\b.*\b(?:accept|consent|policy)|javascript|subscribe|newsletter|log in|"
    r"sign in|sign up|click (?:here|on|the)|last (?:updated|modified|edited)|this (?:page|section|chapter|"
    r"document|tutorial|article|faq|manual|guide|text|list|table|index|appendix|how-?to)|the following|"
    r"as follows|shown (?:above|below)|see (?:also|section|the|below|above|chapter)|described (?:in|below|"
    r"above)|discussed (?:in|below|above)|default (?:value |setting )?is|for (?:more|further|details|"
    r"additional) (?:information|details)?|for details|refer to|learn more|see\W*$|see (?:the|this|our|also)|"
    r"author of|thanks to|contributed by|licensed under|page was|edit this|table of contents|figure \d|"
    r"we (?:will|shall|have|are|can|do)|let us|let's|let’s|i (?:am|have|will|do|think)|you can find|you(?:'|"
    r"’)ll|diese[rs]? (?:seite|abschnitt|kapitel|dokument)|cette (?:page|section)|esta (?:página|sección)|"
    r"siehe|voir|本页|本章|本节|このページ|この章|この節)\b",
    re.I,
)
_DEFINES = re.compile(
    r"^(?:(?:the|a|an|le|la|les|el|los|las|il|lo|der|die|das|het|de|o|os|"
    r"as)\s+)?(?:[^\s,]+\s+){1,7}?(?:\([^)]{1,60}\),?\s+)?(?:is|are|provides?|implements?|defines?|offers?|"
    r"allows?|enables?|lets|contains?|describes?|supports?|constructs?|creates?|returns?|ist|sind|bietet|"
    r"bezeichnet|est|sont|désigne|fournit|es|son|proporciona|è|sono|fornisce|é|são|fornece|is|zijn|biedt|är|er|"
    r"jest|to|—|это|является)\s",
    re.I,
)
_PURPOSE = re.compile(
    r"(?:this|the|these|those) (?:[\w`.-]+ ){0,2}?(?:modules?|packages?|library|libraries|class|classes|functions?|"
    r"commands?|"
    r"tools?|programs?|framework|protocol|utility|utilities|extension|api|interfaces?|types?|statements?|project|"
    r"routines?|methods?) (?:is|are|provides?|defines?|implements?|contains?|offers?|supports?|supplies|supply|"
    r"exports?|can|will|allows?|lets|describes?|creates?|adds?|gives?|makes?|opens?|returns?)\b",
    re.I,
)
_POINTS = re.compile(r"(?:this|these|it|dies|diese[rs]?|ce|cette|ces|est[eao]s?|quest[oaei])\b", re.I)
_ANNOUNCES = re.compile(
    r"(?:this|the present) (?:page|section|chapter|document|tutorial|article|faq|manual|guide|text|appendix|"
    r"how-?to|paper|book|part) (?:is|explains?|describes?|covers?|discusses|provides?|introduces?|contains?|"
    r"documents?|gives?|shows?|presents?|lists?|summari[sz]es|outlines)\b",
    re.I,
)
_QUESTIONS = ("?", "？", "?”", '?"', "?)", "？」")
_SIGNS = re.compile(r"[=<>{}\\^~#$%&*+/|@_\[\]]")
_ELSEWHERE = re.compile(r"\b(?:above|below|earlier|later|preceding|previous|oben|unten|ci-dessus|ci-dessous)\b", re.I)
_FIRST_PERSON = re.compile(r"\b(?:I|me|my|mine|ich|mir|je|yo)\b")
_COPYRIGHT = re.compile(r"©|\(c\) \d{4}|\bISBN\b|https?://|www\.", re.I)
_LEAD = frozenset(
    "description|overview|introduction|abstract|summary|about|background|beschreibung|überblick|einleitung|einführung|"
    "übersicht|introduction|présentation|aperçu|résumé|introducción|descripción|resumen|introduzione|descrizione|"
    "panoramica|introdução|descrição|visão geral|inleiding|beschrijving|overzicht|"
    "概要|はじめに|简介|概述|介绍|개요|소개|введение|описание|обзор".split("|")
)


class _Scored(NamedTuple):
    sentence: Sentence
    number: int
    stems: frozenset[str]
    score: float
    backwards: bool


def summarise(document: SummaryInput) -> Summary:
    """Return what *document* says in short. No text makes it raise but one that needs too much memory."""
    prose = read(document.text, document.title)
    running = " ".join(sentence.text for sentence in prose.sentences[:80])
    language = language_of(running or document.text[:4000], document.language)
    words = lexicon(language)
    title = _bare_title(document.title, prose.headings)
    chosen = _choose(prose, title, words, document.sentences)
    found = keywords(_pieces(prose, title), words, document.keywords, title)
    text, is_cut = excerpt(prose, document.excerpt) if document.excerpt > 0 else ("", False)
    return Summary(
        text=storable(join([sentence.text for sentence in chosen])),
        keywords=tuple(storable(keyword) for keyword in found),
        language=language,
        excerpt=storable(text),
        is_cut=is_cut or (document.excerpt > 0 and len(document.text) > MAX_TEXT),
    )


def refers(sentence: str) -> bool:
    """Return whether a sentence needs one before it to be understood."""
    return _REFERS.match(sentence.lstrip("\"'“‘«([「『")) is not None and not _PURPOSE.match(sentence)


def defines(sentence: str) -> bool:
    """Return whether a sentence says what something is or does."""
    return _DEFINES.match(sentence) is not None


def join(sentences: list[str]) -> str:
    """Return sentences as one text: with blanks between them, but where the language has none."""
    text = ""
    for sentence in sentences:
        text += sentence if not text or text[-1] in "。！？" else f" {sentence}"
    return text


def _bare_title(title: str, headings: list[str]) -> str:
    """Return what of a title is about the page, and not the name of the site behind it."""
    if headings and (not title or headings[0].casefold() in title.casefold()):
        return headings[0]
    for mark in (" | ", " — ", " – ", " - ", " :: ", " · "):
        if mark in title:
            return title.rpartition(mark)[0]
    return title


def _pieces(prose: Prose, title: str) -> list[Text]:
    pieces = [Text(title[:300], _TITLE)]
    pieces += [Text(heading[:300], _HEADING) for heading in prose.headings[:200] if heading != title]
    for sentence in prose.sentences:
        weight = 1.5 if sentence.paragraph < 6 else 1.0
        pieces.append(Text(sentence.text, weight if sentence.kind is Kind.TEXT else 0.8 * weight))
    return pieces


def _choose(prose: Prose, title: str, words: Lexicon, most: int) -> list[Sentence]:
    """Return the best sentences, in the order of the document."""
    scored = _scored(prose, title, words)
    by_place = {(each.sentence.paragraph, each.sentence.place): each for each in scored}
    chosen: dict[int, _Scored] = {}
    length = 0
    for each in sorted(scored, key=lambda each: (-each.score, each.number)):
        if len(chosen) >= most:
            break
        if each.number in chosen:
            continue
        group = [each]
        if each.backwards:
            # It comes with what it refers to, or not at all.
            before = by_place.get((each.sentence.paragraph, each.sentence.place - 1))
            if before is None:
                continue
            if before.number not in chosen:
                if before.backwards or len(chosen) + 2 > most:
                    continue
                group = [before, each]
        added = sum(len(member.sentence.text) for member in group)
        if len(chosen) >= 2 and length + added > MAX_SUMMARY * max(1.0, most / 4):
            continue
        if any(overlap(member.stems, other.stems) > _ALIKE for member in group for other in chosen.values()):
            continue
        for member in group:
            chosen[member.number] = member
        length += added
    return [chosen[index].sentence for index in sorted(chosen)]


def _scored(prose: Prose, title: str, words: Lexicon) -> list[_Scored]:
    """Return the sentences that could be part of the summary, with what each is worth."""
    stems = [frozenset(content_stems(sentence.text, words)) for sentence in prose.sentences]
    frequency = Counter(stem for each in stems for stem in each)
    of_title = frozenset(content_stems(title, words))
    of_headings = frozenset(stem for heading in prose.headings[:60] for stem in content_stems(heading[:200], words))
    weights = {
        stem: math.log1p(count) * (1.6 if stem in of_title else 1.25 if stem in of_headings else 1.0)
        for stem, count in frequency.items()
    }
    candidates = [index for index, sentence in enumerate(prose.sentences) if sentence.whole and stems[index]][
        :_MOST_CANDIDATES
    ]
    if not candidates:
        return []
    centrality = {
        index: sum(weights[stem] for stem in stems[index]) / len(stems[index]) ** 0.55 for index in candidates
    }
    greatest = max(centrality.values()) or 1.0
    lead = _lead_section(prose)
    order = {
        number: place
        for place, number in enumerate(dict.fromkeys(s.paragraph for s in prose.sentences if s.section >= lead))
    }
    first = candidates[0]
    scored = []
    for index in candidates:
        sentence = prose.sentences[index]
        backwards = refers(sentence.text)
        if index == first and _POINTS.match(sentence.text):
            backwards = False  # it points to the title
        score = (
            _position(sentence, order.get(sentence.paragraph, 40), lead)
            + 0.45 * centrality[index] / greatest
            + 0.25 * overlap(stems[index] & of_title, of_title)
            + _manner(sentence)
            - (0.12 if backwards else 0.0)
        )
        scored.append(_Scored(sentence, index, stems[index], score, backwards))
    return scored


def _lead_section(prose: Prose) -> int:
    """Return the section that the page begins with: “Description” where that is not the first."""
    first = next((sentence.section for sentence in prose.sentences if sentence.whole), 0)
    for number, heading in enumerate(prose.headings[1:6], 1):
        if heading.strip(" .:0123456789").casefold() in _LEAD and number > first:
            text = sum(sentence.whole for sentence in prose.sentences if sentence.section == first)
            return number if text < 2 and any(s.section == number and s.whole for s in prose.sentences) else first
    return first


def _position(sentence: Sentence, paragraph: int, lead: int) -> float:
    """Return what a sentence is worth for its place: the most at the beginning, less and less further on."""
    place = 1.0 / (1.0 + 0.28 * paragraph) / (1.0 + 0.16 * sentence.place)
    if sentence.section != lead:
        place *= 0.6
    return place * {Kind.TEXT: 1.0, Kind.ITEM: 0.55, Kind.NOTE: 0.2}[sentence.kind]


def _manner(sentence: Sentence) -> float:
    """Return what a sentence is worth for how it is written."""
    text = sentence.text
    worth = 0.0
    if _PURPOSE.match(text):
        worth += 0.3
    elif _DEFINES.match(text):
        worth += 0.15
    if _ANNOUNCES.match(text):
        worth += 0.1 if sentence.paragraph < 3 else -0.3
    elif _ASIDE.search(text):
        worth -= 0.35 if not _PURPOSE.match(text) else 0.1
    elif _ELSEWHERE.search(text):
        worth -= 0.15
    if _FIRST_PERSON.search(text):
        worth -= 0.2
    if _COPYRIGHT.search(text):
        worth -= 0.6
    if text.endswith(_QUESTIONS):
        worth -= 0.4
    if text.rstrip().endswith(("!", "！")):
        worth -= 0.3
    if len(text) > 300:
        worth -= (len(text) - 300) / 500
    elif len(text) < 45 and text.isascii():
        worth -= 0.12
    worth -= min(0.4, 4.0 * len(_SIGNS.findall(text)) / len(text))
    if text.startswith("(") or "..." in text or "e.g." in text:
        worth -= 0.1
    return worth
