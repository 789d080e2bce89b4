"""Which part of a page is its content.

What authors and generators mark is believed first. Where nothing is marked, the tree is cleared of what is named like
navigation, and descended for as long as one child holds nearly all of the text that is not links.
"""

import re
from typing import cast

from lxml import etree

from quaero_desktop.content import boilerplate

_ENOUGH = 250
"""Characters from which on marked content is believed without a look at the rest of the page."""

_SHORT = 25
"""Characters from which on precisely marked content is believed to be a short page."""

_SHARE = 0.8
"""A child that holds this share of its parent's text stands for it."""

# Containers of one page's content, most precise first.
_IDS = {
    "mw-content-text": 0, "dokuwiki__content": 0, "wikipage": 0, "docContent": 0, "furo-main-content": 0,
    "mainbar": 0, "readme": 1, "main-content": 1, "bodyContent": 1, "article-content": 1,
}  # fmt: skip
_CLASSES = {
    "theme-doc-markdown": 0, "md-content__inner": 0, "vp-doc": 0, "wiki-content": 0, "bd-article": 0, "body": 2,
    "entry-content": 2, "post-content": 2, "article-content": 2, "article-body": 2, "post-body": 2,
    "article__body": 2, "story-body": 2, "markdown-body": 2, "contentContainer": 2, "page-content": 3,
    "document": 2,
    "contents": 3,
}  # fmt: skip
_MAIN = 1
_ARTICLE = 2
_WORST = 4

_GENERATORS = re.compile(
    r"DocBook|makeinfo|texi2any|Doxygen|Asciidoctor|HeVeA|LaTeX2HTML|pandoc|AsciiDoc|DocUtils", re.I
)

_NAMED_NOISE = re.compile(
    r"(?:^|[\s_-])(?:nav|navi|navbar|navigation|topnav|menu|menus|sidebar|side-?bar|footer|foot|breadcrumbs?|crumbs?|cookies?|consent|"
    r"gdpr|banner|masthead|share|sharing|social|related|recommend(?:ed|ations)?|comments?|disqus|adverts?|"
    r"advertisement|ads?|sponsor(?:ed|s)?|promo|popup|modal|overlay|newsletter|subscribe|subscription|pagination|pager|"
    r"prev-?next|toolbar|widgets?|skip|login|signup|search|searchbox|tags?|tag-?cloud|byline-?share|trending|"
    r"most-?read|read-?more|more-?stories|outbrain|taboola|copyright|legal|disclaimer|topbar|header|site-?header)"
    r"(?:$|[\s_-])",
    re.I,
)
_CLEARED = ("div", "section", "ul", "ol", "table", "td", "form", "header", "footer", "nav", "aside", "p", "span", "dl")
_WHOLE = frozenset(("table", "tbody", "ul", "ol", "dl", "p", "pre", "blockquote"))
_WITHOUT_TEXT = frozenset("script style noscript template nav select button textarea iframe svg head".split())


def choose(root: etree._Element) -> etree._Element:
    """Return the element that holds the main content of the page *root*. Noise may be cut from the tree."""
    body = next(root.iter("body"), root)
    marked = _marked(root, body)
    return marked if marked is not None else _unmarked(body)


def text_length(element: etree._Element) -> int:
    """Return how many characters of text *element* holds, scripts not counted, blanks in a row as one."""
    text = etree.tostring(element, method="text", encoding="unicode", with_tail=False)
    scripts = sum(len(script.text or "") for script in element.iter("script", "style"))
    return max(0, len(" ".join(text.split())) - scripts)


def _has_enough(element: etree._Element) -> bool:
    """Whether its first words are as many as a page needs to be one; the whole of a long page is not looked at."""
    length = 0
    for child in element.iter():
        if child.tag not in _WITHOUT_TEXT:
            length += len((child.text or "").strip())
        length += len((child.tail or "").strip())
        if length >= _ENOUGH:
            return True
    return False


def _marked(root: etree._Element, body: etree._Element) -> etree._Element | None:
    candidates: list[list[etree._Element]] = [[] for _ in range(_WORST)]
    for element in body.iter("body", "main", "article", "div", "section", "td"):
        tag = element.tag
        rank = _WORST
        if tag == "main":
            rank = _MAIN
        elif tag == "article":
            rank = _ARTICLE
        for name, value in cast("list[tuple[str, str]]", element.items()):
            if name == "class":
                for word in value.split():
                    rank = min(rank, _CLASSES.get(word, _WORST))
            elif name == "id":
                rank = min(rank, _IDS.get(value, _WORST))
            elif name == "role" and value == "main":
                rank = min(rank, _MAIN)
            elif name == "itemprop" and value == "articleBody":
                rank = min(rank, _ARTICLE)
        if rank < _WORST:
            candidates[rank].append(element)
    whole = -1
    for rank, found in enumerate(candidates):
        if not found:
            continue
        chosen = _together(found)
        if rank == _MAIN:
            chosen = _article_of(chosen)
        if _has_enough(chosen):
            return chosen
        length = text_length(chosen)
        if whole < 0:
            whole = text_length(body)
        # A short page is what its author marked, but not an empty shell for scripts to fill.
        if length * 4 > whole or (rank <= _MAIN and length >= _SHORT):
            return chosen
    for meta in root.iter("meta"):
        if meta.get("name") == "generator" and _GENERATORS.search(meta.get("content") or ""):
            return body
    return None


def _together(found: list[etree._Element]) -> etree._Element:
    """The one of *found* that has most of their text, or what holds them all: a thread of posts, a list of entries."""
    if len(found) == 1:
        return found[0]
    outer = [found[0]]
    inside = set(found[0].iter())
    for element in found[1:]:
        if element not in inside:
            outer.append(element)
            inside = set(element.iter())
    if len(outer) == 1:
        return outer[0]
    lengths = [text_length(element) for element in outer]
    longest = max(lengths)
    if longest * 5 > sum(lengths) * 4:
        return outer[lengths.index(longest)]
    above = [outer[0], *outer[0].iterancestors()]
    common = set(above)
    for element in outer[1:]:
        common &= {element, *element.iterancestors()}
    return next((element for element in above if element in common), outer[0])


def _article_of(main: etree._Element) -> etree._Element:
    articles = [element for element in main.iter("article") if element is not main]
    if len(articles) == 1 and text_length(articles[0]) * 2 > text_length(main):
        return articles[0]
    return main


def _unmarked(body: etree._Element) -> etree._Element:
    whole = text_length(body)
    _clear(body, whole)
    chars, linked = _weigh(body)
    chosen = body
    while True:
        total = chars[chosen] - 0.7 * linked[chosen]
        best = max(chosen, key=lambda child: chars.get(child, 0) - 0.7 * linked.get(child, 0), default=None)
        if best is None or len(best) == 0 or (best.tag in _WHOLE and not _places_columns(best)):
            break
        if chars.get(best, 0) - 0.7 * linked.get(best, 0) < _SHARE * total:
            break
        chosen = best
    if linked[chosen] * 2 < chars[chosen]:
        _drop_link_lists(chosen, chars, linked)
    return chosen


def _places_columns(element: etree._Element) -> bool:
    """Whether it is a table that places the page's columns, which is worth a look inside; one of values is not."""
    if element.tag not in ("table", "tbody"):
        return False
    return next(element.iter("p", "h1", "h2", "h3", "div"), None) is not None


def _clear(body: etree._Element, whole: int) -> None:
    """Cut what is named like navigation; never what holds the larger part of the text, whatever its name."""
    for element in list(body.iter(*_CLEARED)):
        names = f"{element.get('id') or ''} {element.get('class') or ''}"
        kind = boilerplate.kind_of(element)
        if element.tag == "header" and next(element.iter("h1"), None) is not None:
            continue
        if (
            kind is boilerplate.Kind.NOISE
            or element.tag in ("nav", "footer", "header")
            or (names != " " and kind is None and _NAMED_NOISE.search(names))
        ) and text_length(element) * 2 < whole:
            boilerplate.empty(element)


def _weigh(body: etree._Element) -> tuple[dict[etree._Element, int], dict[etree._Element, int]]:
    """For each element, how many characters its text has and how many of them are in links."""
    elements = list(body.iter())
    chars: dict[etree._Element, int] = dict.fromkeys(elements, 0)
    linked: dict[etree._Element, int] = dict.fromkeys(elements, 0)
    for element in reversed(elements):
        own = 0
        if element.tag in _WITHOUT_TEXT:
            linked[element] = 0
        else:
            own = chars[element] + len((element.text or "").strip())
        chars[element] = own
        if element.tag == "a":
            linked[element] = own
        parent = element.getparent()
        if parent in chars and element is not body:
            chars[parent] += own + len((element.tail or "").strip())
            linked[parent] += linked[element]
    return chars, linked


def _drop_link_lists(
    chosen: etree._Element, chars: dict[etree._Element, int], linked: dict[etree._Element, int]
) -> None:
    """Cut what stands before and after the text of an article and is little but links: teasers, what to read next.

    A page with code, tables or definitions is documentation, where a list of links is content.
    """
    if next(chosen.iter("pre", "code", "dl", "table", "svg"), None) is not None:
        return
    blocks = list(chosen)
    while len(blocks) == 1:
        blocks = list(blocks[0])
    for side in (blocks, blocks[::-1]):
        for element in side:
            if element.tag in ("h1", "h2", "h3", "h4", "h5", "h6", "hr", "br", "figure", "img"):
                continue
            if chars.get(element, 0) > 20 and linked[element] <= 0.7 * chars[element]:
                break
            if (
                element.tag in ("div", "section", "ul")
                and linked.get(element, 0) > 0
                and element.getparent() is not None
            ):
                boilerplate.empty(element)
