"""Whole manuals from Debian's documentation packages: what must hold on every page of them."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from lxml import etree
from markdown_it import MarkdownIt
from markdown_it.token import Token

from quaero_desktop.content.extract import parse
from quaero_desktop.domain.pages import PageInput, ParsedPage

FOLDERS = {
    "python3.11-doc": Path("/usr/share/doc/python3.11/html"),
    "postgresql-doc-15": Path("/usr/share/doc/postgresql-doc-15/html"),
    "sqlite3-doc": Path("/usr/share/doc/sqlite3"),
}
AROUND = frozenset(("navheader", "navfooter", "nosearch", "footer", "related", "sphinxsidebar"))
EVERY = 7

READER = MarkdownIt("commonmark").enable("table")


class Case(NamedTuple):
    """A page: its main part as the tree has it, what we made of it, and how others read that."""

    main: etree._Element
    page: ParsedPage
    tokens: list[Token]


pytestmark = [
    pytest.mark.slow,
    # The tracer makes five times as long of it, and what it sees here other tests run as well.
    pytest.mark.no_cover,
    pytest.mark.sites,
    pytest.mark.parametrize(
        "site",
        [
            pytest.param(name, marks=pytest.mark.skipif(not folder.is_dir(), reason=f"{name} is not installed"))
            for name, folder in FOLDERS.items()
        ],
    ),
]


@cache
def cases(site: str) -> tuple[Case, ...]:
    """Each seventh page, read once for all tests."""
    return tuple(_cases(FOLDERS[site]))


def _cases(folder: Path) -> Iterator[Case]:
    for path in sorted(folder.rglob("*.html"))[::EVERY]:
        body = path.read_bytes()
        root = etree.fromstring(body, etree.HTMLParser(encoding="utf-8"))
        main = next((element for element in root.iter("div") if element.get("role") == "main"), None)
        if main is None:
            main = next(root.iter("body"), root)
        for element in list(main.iter("div", "script", "style", "button")):
            hidden = "display:none" in (element.get("style") or "").replace(" ", "")
            if element.tag != "div" or hidden or element.get("class") in AROUND:
                element.clear(keep_tail=True)
        url = f"https://manual.test/{path.relative_to(folder).as_posix()}"
        page = parse(PageInput(url=url, body=body, content_type="text/html"))
        yield Case(main, page, READER.parse(page.markdown))


@pytest.fixture(autouse=True, scope="module")
def forget_pages() -> Iterator[None]:
    """Whole manuals as trees are much to keep for the tests that follow."""
    yield
    cases.cache_clear()


def letters(text: str) -> str:
    """Letters and digits alone."""
    return re.sub(r"\W+", "", text).lower()


def text_of(element: etree._Element) -> str:
    """All text of *element*."""
    return etree.tostring(element, method="text", encoding="unicode", with_tail=False)


def trimmed(code: str) -> str:
    """*code* without blanks at the ends of its lines and empty lines around it."""
    return "\n".join(line.rstrip() for line in code.strip("\n").rstrip().split("\n"))


def test_every_heading_is_there_in_order(site: str) -> None:
    for main, page, _ in cases(site):
        text = letters(page.search_text)
        position = 0
        for heading in main.iter("h1", "h2", "h3", "h4"):
            position = text.find(letters(text_of(heading)), position)
            assert position >= 0, (page.url, text_of(heading))


def test_every_block_of_code_is_there_to_the_letter(site: str) -> None:
    for main, page, tokens in cases(site):
        fences = {trimmed(token.content) for token in tokens if token.type == "fence"}
        for code in main.iter("pre"):
            if next(code.iterancestors("td"), None) is None and trimmed(text_of(code)).strip():
                assert trimmed(text_of(code)) in fences, page.url


def test_nearly_every_word_is_there(site: str) -> None:
    for main, page, _ in cases(site):
        words = set(re.findall(r"\w{4,}", " ".join(str(text) for text in main.itertext())))
        lost = words - set(re.findall(r"\w{4,}", page.search_text))
        assert len(lost) <= max(5, 0.02 * len(words)), (page.url, sorted(lost)[:10])


def test_no_navigation_is_left(site: str) -> None:
    for _, page, _ in cases(site):
        for words in ("¶", "Previous topic", "Next topic", "Show Source", "Quick search", "modules |", "| Prev"):
            assert words not in page.markdown, page.url


def test_nothing_is_read_as_html_again(site: str) -> None:
    for _, page, tokens in cases(site):
        for token in tokens:
            assert token.type != "html_block", (page.url, token.content[:80])
            for inline in token.children or ():
                assert inline.type != "html_inline" or inline.content == "<br>", (page.url, inline.content)


def test_only_pages_with_little_text_are_thin(site: str) -> None:
    for main, page, _ in cases(site):
        if page.thin:
            assert len(" ".join(text_of(main).split())) < 450, page.url
        assert not page.truncated
        assert page.title
