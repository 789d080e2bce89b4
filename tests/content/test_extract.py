"""A page from its bytes to what the library keeps."""

import hashlib
import subprocess
import sys
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quaero_desktop.content.extract import parse
from quaero_desktop.content.version import EXTRACTOR_VERSION
from quaero_desktop.domain.pages import PageInput
from tests.content.pages import PROSE, parsed

FRAGMENTS = """<html>|<body>|<main>|<article>|<div class=note>|<div id=toc>|<div class=body>|<table>|<tr>|<th>
<td colspan=9999999>|<td rowspan=5>|<ul>|<ol start=99999999999>|<ol start=-3>|<li>|<dl>|<dt class=sig>|<dt>|<dd>
<pre>|<pre class=language-py><span class=lineno>1</span>|<code>|<a href=x>|<a href="#y" class=headerlink>
<a href="http://[::">|<img src=data:x alt="a]b">|<svg><text>a</text><text>b</text><text>c</text>
<math><annotation encoding="application/x-tex">x|<b>|<em>|<sup>2</sup>|</div>|</table>|</ul>|</a>|</pre>
text * _x_ `y` <|<br>|<hr>|<h1>T</h1>|<h2>|<blockquote>|<footer>|<aside>|<header>|<details><summary>s|<template>
<script>x</script>|<base href="::">|<meta name=robots content=none>|<title>|</title>|<time datetime=2024-13-99>
<?xml version="1.0"?>|<![CDATA[x]]>|<input type=checkbox>|<style>
<html:p xmlns:html="http://www.w3.org/1999/xhtml">|<frameset><frame src=q>|&#0;&#xD800;&#1;&lt;b&gt;|図書館
<button>"""

BYTES = st.lists(
    st.one_of(
        st.sampled_from([text.encode() for text in FRAGMENTS.replace("\n", "|").split("|")]), st.binary(max_size=6)
    ),
    max_size=50,
).map(b"".join)


@settings(deadline=None)
@given(
    body=BYTES,
    content_type=st.sampled_from(
        ["", "text/html", "application/xhtml+xml", "text/plain", "text/markdown", "application/json", "image/png", "x"]
    ),
    charset=st.sampled_from(["", "utf-8", "utf-7", "hex", "shift_jis", "iso-2022-jp", "utf-16", "gb18030"]),
)
def test_no_bytes_make_it_fail_and_the_promises_hold(body: bytes, content_type: str, charset: str) -> None:
    given_page = PageInput(url="https://site.test/a", body=body, content_type=content_type, charset=charset)
    page = parse(given_page)
    assert page == parse(given_page)
    texts = (page.title, page.markdown, page.search_text, page.description, page.author, *page.links)
    for text in (*texts, *(text for _, text in page.headings)):
        text.encode("utf-8")
        assert "\0" not in text
    assert page.title.strip()
    assert "\n" not in page.title
    assert page.content_hash == hashlib.sha256(page.markdown.encode()).hexdigest()
    assert zlib.decompress(page.source) == body
    assert page.extractor == EXTRACTOR_VERSION
    assert page.kind in ("html", "other")
    assert page.kind == "html" or not (page.markdown or page.links)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/pdf", b"%PDF-1.7 x"),
        ("image/svg+xml", b"<svg/>"),
        ("application/octet-stream", b"\0\1\2"),
        ("", b"\x89PNG\r\n"),
        ("text/html", b"%PDF-1.7 x"),
        ("", b"\0\1\2\3"),
    ],
)
def test_what_is_no_text_is_recorded_with_its_type_only(content_type: str, body: bytes) -> None:
    page = parsed(body, url="https://site.test/files/report%202.pdf", content_type=content_type)
    assert (page.kind, page.title, page.markdown, page.content_type) == ("other", "report 2.pdf", "", content_type)


@pytest.mark.parametrize(
    ("content_type", "url", "body", "markdown"),
    [
        ("text/plain", "a.txt", "one\r\n  two\n", "```\none\n  two\n```"),
        ("application/json", "a", '{"a": 1}', '```json\n{"a": 1}\n```'),
        ("application/problem+json", "a", "{}", "```json\n{}\n```"),
        ("application/rss+xml", "feed", "<rss/>", "```xml\n<rss/>\n```"),
        ("text/markdown", "a", "# T\n\ntext", "# T\n\ntext"),
        ("text/plain", "README.md", "# T\n\ntext", "# T\n\ntext"),
        ("text/x-python", "a.py", "x = 1", "```python\nx = 1\n```"),
        ("", "notes", "just words", "```\njust words\n```"),
        ("text/plain", "a", " \n", ""),
    ],
)
def test_text_that_is_no_html_is_kept(content_type: str, url: str, body: str, markdown: str) -> None:
    page = parsed(body, url=f"https://site.test/{url}", content_type=content_type)
    assert (page.kind, page.markdown) == ("html", markdown)


def test_a_markdown_page_has_title_outline_and_links() -> None:
    page = parsed("# A `b`\n\n## C\n\n[x](other.md#y) <!-- -->", content_type="text/markdown")
    assert (page.title, page.headings, page.links) == (
        "A b",
        ((1, "A b"), (2, "C")),
        ("https://site.test/guide/other.md",),
    )


@pytest.mark.parametrize("body", ["<!DOCTYPE html><title>T</title>", "<!-- x --><html><title>T</title>", " <p>T</p>"])
def test_html_is_recognised_without_a_type(body: str) -> None:
    page = parsed(f"{body}<p>{PROSE}</p>", content_type="")
    assert PROSE.strip() in page.markdown


XHTML = (
    '<?xml version="1.0"?><{p}html xmlns{d}="http://www.w3.org/1999/xhtml"><{p}head><{p}title>T</{p}title></{p}head>'
    "<{p}body>{b}</{p}body></{p}html>"
)


def test_xhtml_with_empty_elements_and_cdata() -> None:
    body = f'<h1>T</h1><a id="x"/><p>{PROSE}</p><div/><p>a<br/>b <![CDATA[c < d]]></p>'
    page = parsed(XHTML.format(p="", d="", b=body), content_type="application/xhtml+xml")
    assert page.markdown == f"# T\n\n{PROSE.strip()}\n\na\\\nb c < d"


@pytest.mark.parametrize("content_type", ["application/xhtml+xml", "text/html"])
def test_xhtml_with_a_prefix(content_type: str) -> None:
    body = f'<h:h1>T</h:h1><h:p>{PROSE}<h:a href="x">y</h:a></h:p>'
    page = parsed(XHTML.format(p="h:", d=":h", b=body), content_type=content_type)
    assert (page.title, page.links) == ("T", ("https://site.test/guide/x",))
    assert page.markdown == f"# T\n\n{PROSE}[y](https://site.test/guide/x)"


def test_deep_text_is_kept_as_far_as_the_parser_goes() -> None:
    page = parsed(b"<div>" * 1500 + b"deep words" + b"</div>" * 1500 + b"<p>after")
    assert "deep words" in page.markdown
    assert "after" in page.markdown
    assert not page.truncated


def test_text_that_the_parser_drops_is_told() -> None:
    page = parsed(f"<p>{PROSE}</p>" + "<div>" * 3000 + "too deep")
    assert page.truncated
    assert PROSE.strip() in page.markdown


def test_a_text_of_eleven_megabytes_is_kept() -> None:
    page = parsed("<p>" + "word " * 2_200_000)
    assert len(page.markdown) == 2_200_000 * 5 - 1
    assert not page.truncated


@pytest.mark.parametrize(("html", "thin"), [(PROSE * 2, False), ("Little.", True), ("", True)])
def test_pages_with_hardly_any_text_are_thin(html: str, thin: bool) -> None:
    assert parsed(f"<p>{html}</p>").thin is thin


HOSTILE = {
    "nested lists": b"<ul><li>x" * 3000,
    "nested quotations": b"<blockquote>x\n" * 3000,
    "nested tables": b"<table><tr><td>" * 3000,
    "nested definitions": b"<dl class=toc><dd>" * 3000,
    "nested menus": b'<div class=x><div class="menu">' * 900,
    "unclosed tags": b"<a href=x>" * 30_000,
    "unclosed meta": b"<meta " * 100_000,
    "unclosed comments": b"<!--" * 100_000,
    "unclosed sections": b"<![CDATA[" * 30_000,
    "adjacent code": b"<code>x</code>" * 20_000,
    "adjacent bold": b"<b>x</b>" * 20_000,
    "rows that reach down": b"<table>" + b"<tr><td rowspan=999>x<td>y" * 5_000,
    "rows that reach across": b"<table>" + b"<tr><td colspan=999>x<td>y" * 5_000,
    "articles": b"<article>x</article>" * 5_000,
    "angle brackets": b"<" * 300_000,
    "stars": b"<p>" + b"*_`" * 50_000,
    "breaks": b"<br>" * 50_000,
}


@pytest.mark.parametrize("content_type", ["text/html", "application/xhtml+xml", "text/markdown"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_take_no_more_than_their_share_of_time(name: str, content_type: str) -> None:
    start = time.process_time()
    page = parsed(HOSTILE[name], content_type=content_type)
    assert time.process_time() - start < 5
    assert len(page.markdown) < 20 * len(HOSTILE[name]) + 1000


def test_importing_it_stays_light() -> None:
    program = (
        "import sys, quaero_desktop.content.extract\n"
        "heavy = {'PySide6', 'httpx', 'aiohttp', 'aiosqlite', 'sqlite3', 'asyncio', 'typer', 'rich'}\n"
        "sys.exit(heavy & set(sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


FEED = "<rss><channel><title>A &amp; B</title><item><title>[1] *new*</title><link>/a(b)</link></item></channel></rss>"


@pytest.mark.parametrize("content_type", ["application/rss+xml", "text/xml", "application/xml"])
def test_a_feed_becomes_the_list_of_its_entries(content_type):
    page = parse(PageInput(url="https://site.test/feed", body=FEED.encode(), content_type=content_type))
    assert (page.title, page.links) == ("A & B", ("https://site.test/a(b)",))
    assert page.markdown == "# A & B\n\n- [\\[1\\] \\*new\\*](<https://site.test/a(b)>)"
    assert "new" in page.search_text
    assert "site.test" not in page.search_text


def test_a_sitemap_that_is_a_page_is_nothing_but_its_links():
    body = b"<urlset><url><loc>https://site.test/a</loc></url></urlset>"
    page = parse(PageInput(url="https://site.test/s.xml", body=body, content_type="application/xml"))
    assert (page.kind, page.markdown, page.links, page.thin) == ("html", "", ("https://site.test/a",), True)
