# ruff: noqa: RUF001 - the signs of Chinese and Japanese are meant
"""The running text of a page: its markdown without code, tables and navigation, cut into sentences.

Nothing here searches further than a line, and what is looked at has an upper bound, so that no page costs more than
some tens of milliseconds.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

from quaero_desktop.content.searchtext import plain_line

MAX_TEXT: Final = 500_000
"""Characters of markdown that are looked at: more than the longest manual page, and a bound on the time."""

_MAX_PARAGRAPH = 20_000
_MAX_HEADING = 300
_MAX_SENTENCES = 6_000
SHORTEST: Final = 25
LONGEST: Final = 420

_LINK_START, _LINK_END, _CODE_START, _CODE_END = "\x02", "\x03", "\x04", "\x05"
_OURS = re.compile("[\x00-\x08]")

_PREFIX = re.compile(r"[ >\t]*")
_FENCE = re.compile(r"(`{3,}|~{3,})")
_HEADING = re.compile(r"(#{1,6})[ \t]+(.*)")
_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?")
_RULE = re.compile(r"(?:[-*_][ \t]*){3,}$")
_TERM = re.compile(r"(?:\*\*.+\*\*|`[^`]+`)[:.]?$")
_IMAGE = re.compile(r"!\[[^\[\]]*\]\((?:<[^<>\n]*>|[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)")
# Not from a bracket that is escaped: from each of many such ones it would look at all that follow.
_LINK = re.compile(r"(?<!\\)\[((?:[^\[\]\\]|\\.)*+)\]\((?:<[^<>\n]*>|[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)")
_FOOTNOTE_LINK = re.compile(r" ?\[\[[^\[\]]{0,20}\]\]\((?:<[^<>\n]*>|[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)")
_WIDE = re.compile("[\u2e80-\uffff]")
_LETTERS = re.compile(r"(?:[^\W\d_]| )+")
_STASHED = re.compile(f"{_CODE_START}([0-9]+){_CODE_END}")
_NAME_LIKE = re.compile(r"[a-z]+(?:[_\d]|\.\w)")
_CODE = re.compile(r"``+ ?([^`\n]{1,400}) ?``+|`([^`\n]{1,400})`")
_LINKED = re.compile(f"{_LINK_START}([^{_LINK_START}{_LINK_END}]*){_LINK_END}")
_CODED = re.compile(f"{_CODE_START}([^{_CODE_START}{_CODE_END}]*){_CODE_END}")
_FOOTNOTE = re.compile(r" ?\[{1,2}(?:\d{1,3}|[a-z]|[¶#]|edit|citation needed)\]{1,2}(?=[\s.,;:!?)\]]|$)")
_BEFORE_MARK = re.compile(r" +(?=[,;:.!?)\]](?:[\s)\].,;:]|$))")

# Headings of parts that say nothing about the subject, in the languages that documentation is written in.
_ASIDE = frozenset(
    "see also|see-also|references|reference|related|related pages|related topics|related articles|further reading|"
    "further information|more information|external links|links|footnotes|notes and references|notes|sources|"
    "bibliography|table of contents|contents|on this page|in this article|navigation|index|copyright|license|licence|"
    "acknowledgements|acknowledgments|credits|authors|author|changelog|change log|history|revision history|comments|"
    "feedback|share this|tags|categories|search|download|downloads|legal notice|trademarks|"
    "siehe auch|einzelnachweise|weblinks|literatur|quellen|inhaltsverzeichnis|inhalt|verweise|"
    "voir aussi|références|liens externes|sommaire|notes et références|bibliographie|table des matières|"
    "véase también|referencias|enlaces externos|contenido|bibliografía|índice|"
    "vedi anche|collegamenti esterni|indice|ver também|referências|ligações externas|"
    "zie ook|referenties|externe links|inhoud|zobacz też|przypisy|linki zewnętrzne|bibliografia|"
    "см. также|примечания|ссылки|литература|содержание|"
    "参见|参考文献|外部链接|参考资料|目录|相关条目|関連項目|脚注|外部リンク|出典|目次|"
    "같이 보기|각주|외부 링크|목차".split("|")
)
_LABELS = frozenset(
    "see also|siehe auch|voir aussi|véase también|vedi anche|ver também|zie ook|参见|関連項目".split("|")
)

# A run of marks is looked at once: dots lead from a title to its page number, and hostile pages consist of them.
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]\x03\x05]*+(?=\s|$)|[。！？｡．]+[」』”’）)\x03\x05]*")
_ABBREVIATIONS = frozenset(
    "e.g i.e eg ie etc vs cf viz mr mrs ms dr prof st fig figs sec sect ch chap no nos vol pp p al inc ltd co "
    "corp dept est approx resp jr sr ed eds incl excl max min ref refs rev ver z.b d.h u.a o.ä u.ä bzw usw ca "
    "nr abb bspw ggf evtl vgl sog inkl p.ex p.e p.ej ej pág págs art núm sig es ecc pag bijv d.w.z enz m.a.w "
    "np tj tzw itd т.е т.д т.п напр".split()
)
_WORD = re.compile(r"\s+(\w+)")
_STARTERS = frozenset(
    "The If It This These Those That A An In When For Each Otherwise Then As To See But Not All On There They Its Both "
    "After Before With Where While Any No Only Also However Thus Since Because Use Note".split()
)
_BEFORE_NUMBER = frozenset("no nos nr vol p pp ch fig sec abb ver rev núm pág art".split())


class Kind(Enum):
    """What a paragraph is."""

    TEXT = auto()
    ITEM = auto()  # of a list, or what is said of a term
    NOTE = auto()  # set apart: a warning, a hint, a quotation


class Sentence(NamedTuple):
    """A sentence of the running text.

    Attributes:
        text: as a person reads it, without markup.
        paragraph: the number of its paragraph, from 0.
        place: its number in the paragraph, from 0.
        section: the number of the heading that it stands under; 0 before the first one below the title.
        kind: what its paragraph is.
        whole: whether it is one that can stand for itself: it begins like a sentence, ends like one, and is made of
            words rather than of links, code and signs.
    """

    text: str
    paragraph: int
    place: int
    section: int
    kind: Kind
    whole: bool


class Prose(NamedTuple):
    """The running text of a page.

    Attributes:
        sentences: in their order.
        headings: the text of the headings, asides left out.
    """

    sentences: list[Sentence]
    headings: list[str]


class _Paragraph(NamedTuple):
    raw: str
    section: int
    kind: Kind


def read(markdown: str, title: str = "") -> Prose:
    """Return the running text of *markdown*.

    Args:
        markdown: of a page.
        title: of the page; its words begin sentences also where they are written small, like the name of a program.
    """
    names = frozenset(word.strip("()`*,:") for word in title[:500].split())
    headings: list[str] = []
    sentences: list[Sentence] = []
    for number, paragraph in enumerate(_paragraphs(_OURS.sub("", markdown[:MAX_TEXT]), headings)):
        sentences.extend(_sentences(paragraph, number, names))
        if len(sentences) >= _MAX_SENTENCES:
            break
    return Prose(sentences[:_MAX_SENTENCES], headings)


def _paragraphs(markdown: str, headings: list[str]) -> Iterator[_Paragraph]:
    """Yield the paragraphs of *markdown* that hold running text, and note the headings on the way."""
    section = 0
    aside = 0  # the level of the heading of the part that is passed over, else 0
    fence = ""
    lines: list[str] = []
    kind = Kind.TEXT
    quoted_aside = False
    of_term = False

    def taken() -> Iterator[_Paragraph]:
        if lines:
            raw = " ".join(lines)[:_MAX_PARAGRAPH]
            lines.clear()
            if not aside and not _is_navigation(raw):
                yield _Paragraph(raw, section, kind)

    for line in markdown.split("\n"):
        prefix = _PREFIX.match(line)
        assert prefix is not None
        body = line[prefix.end() :]
        if fence:
            if body.startswith(fence) and not body.strip(fence[0] + " \t"):
                fence = ""
            continue
        if not body:
            yield from taken()
            quoted_aside = quoted_aside and ">" in prefix[0]
            continue
        if opened := _FENCE.match(body):
            yield from taken()
            fence = opened[1]
            continue
        if (heading := _HEADING.match(body)) is not None:
            yield from taken()
            level, text = len(heading[1]), _readable(heading[2][:_MAX_HEADING])
            of_term = False
            if aside and level > aside:
                continue
            # Not the first one: that is the title, and a page may be called “History”.
            aside = level if headings and text.strip(" .:#").casefold() in _ASIDE else 0
            if not aside:
                headings.append(text)
                section += len(headings) > 1
            continue
        if body.startswith("|") or _RULE.match(body):
            yield from taken()
            continue
        quoted = ">" in prefix[0]
        if quoted_aside and quoted:
            continue
        quoted_aside = False
        marker = _ITEM.match(body)
        if not lines or marker:
            yield from taken()
            if _TERM.match(body):
                quoted_aside = quoted and body.strip("*`:. ").casefold() in _LABELS
                of_term = not quoted
                continue
            indented = len(prefix[0].replace(">", "")) > 1 + quoted
            kind = Kind.NOTE if quoted else Kind.ITEM if marker or indented or of_term else Kind.TEXT
            of_term = False
        lines.append(body[marker.end() :] if marker else body)
    yield from taken()


def _is_navigation(raw: str) -> bool:
    """Return whether a paragraph is mostly links: a menu, a breadcrumb, a list of pages."""
    if "](" not in raw:
        return False
    linked = sum(len(link[1]) for link in _LINK.finditer(raw))
    rest = len(_LINK.sub("", raw))
    return linked > 1.5 * rest and linked + rest < 2_000


def _readable(raw: str) -> str:
    """Return inline markdown as its reader sees it."""
    return _unmarked(_marked(raw))


def _marked(raw: str) -> str:
    """Return the text of inline markdown, its links and code between control characters."""
    text = raw
    codes: list[str] = []
    if "`" in text:
        # Out of the way meanwhile: nothing in it is markup.
        def stash(code: re.Match[str]) -> str:
            codes.append(code[1] or code[2])
            return f"{_CODE_START}{len(codes) - 1}{_CODE_END}"

        text = _CODE.sub(stash, text)
    if "](" in text:
        if "![" in text:
            text = _IMAGE.sub(" ", text)
        text = _FOOTNOTE_LINK.sub("", text)
        text = _LINK.sub(f"{_LINK_START}\\1{_LINK_END}", text)
    text = plain_line(text)
    if codes:
        text = _STASHED.sub(lambda code: f"{_CODE_START}{codes[int(code[1])]}{_CODE_END}", text)
    return text


def _unmarked(text: str) -> str:
    text = _OURS.sub("", text)
    if "[" in text:
        text = _FOOTNOTE.sub("", text)
    return _BEFORE_MARK.sub("", " ".join(text.split()))


def split(text: str) -> list[str]:
    """Return the sentences of *text*, which is one paragraph without markup."""
    pieces: list[str] = []
    start = 0
    for end in _END.finditer(text):
        if _ends(text, start, end):
            pieces.append(text[start : end.end()].strip())
            start = end.end()
    rest = text[start:].strip()
    return [*pieces, rest] if rest else pieces


def _ends(text: str, start: int, end: re.Match[str]) -> bool:
    """Return whether a full stop ends a sentence, and not an abbreviation, an initial or a number of a list."""
    mark = end[0][0]
    if mark in "。！？｡．":
        return True
    following = text[end.end() : end.end() + 3].lstrip()
    if following and following[0].islower() and not _NAME_LIKE.match(text, end.end() + 1):
        return False  # a question mark or dots within a sentence
    if mark != "." or end[0].startswith(".."):
        return True
    words = text[max(start, end.start() - 30) : end.start()].split()
    word = words[-1].lstrip("([{\"'“‘«\x02\x04").casefold() if words else ""
    if not following:
        return True
    if word in _BEFORE_NUMBER:
        return not following[0].isdigit()
    if word == "etc":
        return True
    if word in _ABBREVIATIONS:
        return False
    if len(word) == 1 and word.isalpha():
        # “J. Smith” goes on; “the rest of database N. If there is none” does not.
        begins = _WORD.match(text, end.end())
        return text[end.start() - 1].islower() or len(words) < 2 or (begins is not None and begins[1] in _STARTERS)
    # “2. The second” begins an item; “version 3.” ends a sentence.
    return not (word.isdigit() and start + len(word) >= end.start() - 1)


def _sentences(paragraph: _Paragraph, number: int, names: frozenset[str]) -> Iterator[Sentence]:
    for place, piece in enumerate(split(_marked(paragraph.raw))):
        text = _unmarked(piece)
        if text:
            yield Sentence(text, number, place, paragraph.section, paragraph.kind, _is_whole(text, piece, names))


def _is_whole(text: str, piece: str, names: frozenset[str]) -> bool:
    wide = not text.isascii() and len(_WIDE.findall(text[:200])) * 4 > min(len(text), 200)
    if not (SHORTEST / (3 if wide else 1) <= len(text) <= LONGEST):
        return False
    if text.rstrip("\"'”’»)]」』）")[-1:] not in ".!?。！？｡．" or text.endswith("...") or "�" in text:
        return False
    first = text.lstrip("\"'“‘«([「『（¿¡")[:1]
    if not first or text[0] == "(" or (not first.isalnum() and first not in "$@_#"):
        return False
    if first.islower() and not (
        piece.startswith(_CODE_START) or _NAME_LIKE.match(text) or text.partition(" ")[0].strip("()") in names
    ):
        return False
    if not wide and len(text.split()) < 5:
        return False
    letters = sum(map(len, _LETTERS.findall(text)))
    if letters < 0.8 * len(text) and letters < 0.7 * len(text) + 6:
        return False
    if "|" in text or text.count("(") != text.count(")"):
        return False
    linked = sum(len(link[1]) for link in _LINKED.finditer(piece))
    coded = sum(len(code[1]) for code in _CODED.finditer(piece))
    return linked <= 0.6 * len(text) and coded <= 0.4 * len(text)
