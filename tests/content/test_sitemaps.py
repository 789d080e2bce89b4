"""content.sitemaps: what a site says about its own addresses, and what a hostile file cannot do."""

import gzip
import random
import resource
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quaero_desktop.content import sitemaps
from quaero_desktop.content.runner import ParseRunner
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.pages import PageInput, ParsedSitemap, ParseFailed

SITE = "https://site.test"
URLSET = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'


def read(body: str | bytes, url: str = SITE + "/sitemap.xml", charset: str = "", **limits: int) -> ParsedSitemap:
    data = body.encode() if isinstance(body, str) else body
    return sitemaps.read(PageInput(url=url, body=data, charset=charset), **limits)


def urls_of(body: str | bytes, url: str = SITE + "/sitemap.xml") -> list[str]:
    return [entry.url.removeprefix(SITE) for entry in read(body, url).entries]


def urlset(*locs: str) -> str:
    return URLSET + "".join(f"<url><loc>{loc}</loc></url>" for loc in locs) + "</urlset>"


# --- what it understands ----------------------------------------------------------------------------------------------


def test_a_sitemap_names_addresses_and_when_they_changed():
    found = read(
        URLSET + f"<url><loc> {SITE}/a </loc><lastmod>2024-05-01</lastmod><priority>0.5</priority></url>"
        f"<url><lastmod>2024-05-01T12:00:00+02:00</lastmod><loc>{SITE}/b?x=1&amp;y=2</loc></url>"
        f"<url><loc>{SITE}/c</loc><lastmod>yesterday</lastmod></url></urlset>"
    )
    assert (found.kind, found.truncated, found.others, found.note) == ("urlset", False, 0, "")
    assert [(entry.url, entry.modified) for entry in found.entries] == [
        (f"{SITE}/a", 1_714_521_600_000),
        (f"{SITE}/b?x=1&y=2", 1_714_557_600_000),
        (f"{SITE}/c", None),
    ]


def test_an_index_names_sitemaps():
    found = read(
        f"<sitemapindex><sitemap><loc>{SITE}/1.xml.gz</loc><lastmod>2024-01-01</lastmod></sitemap>"
        f"<sitemap><loc>{SITE}/2.xml</loc></sitemap></sitemapindex>"
    )
    assert (found.kind, [entry.url for entry in found.entries]) == ("index", [f"{SITE}/1.xml.gz", f"{SITE}/2.xml"])


def test_an_rss_feed_names_its_items():
    found = read(
        """<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>News &amp; more</title>
        <link>https://site.test/</link><atom:link href="https://site.test/feed" rel="self"/>
        <item><title>One</title><link><![CDATA[https://site.test/1?a=1&b=2]]></link>
        <pubDate>Wed, 01 May 2024 00:00:00 GMT</pubDate></item>
        <item><title>Two</title><guid>https://site.test/2</guid></item>
        <item><guid isPermaLink="false">https://site.test/no</guid></item></channel></rss>"""
    )
    assert (found.kind, found.title) == ("feed", "News & more")
    assert [(entry.url, entry.title, entry.modified) for entry in found.entries] == [
        (f"{SITE}/1?a=1&b=2", "One", 1_714_521_600_000),
        (f"{SITE}/2", "Two", None),
    ]


def test_an_atom_feed_names_its_entries():
    found = read(
        """<feed xmlns="http://www.w3.org/2005/Atom"><title>Log</title><link href="/"/>
        <entry><title>One</title><link rel="edit" href="/edit"/><link rel="alternate" href="/1"/><id>tag:1</id>
        <published>2024-04-01T00:00:00Z</published><updated>2024-05-01T00:00:00Z</updated></entry>
        <entry><link href="2"/></entry></feed>""",
        url=SITE + "/blog/feed.atom",
    )
    assert [(entry.url, entry.modified) for entry in found.entries] == [
        (f"{SITE}/1", 1_714_521_600_000),
        (f"{SITE}/blog/2", None),
    ]


def test_an_rss_1_feed_names_its_items():
    body = f'<rdf:RDF xmlns:rdf="r"><channel/><item><link>{SITE}/1</link></item></rdf:RDF>'
    assert (read(body).kind, urls_of(body)) == ("feed", ["/1"])


def test_a_list_of_addresses_is_read_line_by_line():
    found = read(f"\ufeff{SITE}/a\r\n\r\n# a comment\n{SITE}/b\nnonsense\nftp://site.test/c\n{SITE}/d")
    assert (found.kind, [entry.url for entry in found.entries]) == ("text", [f"{SITE}/{name}" for name in "abd"])
    assert found.others == 2


@pytest.mark.parametrize("body", [b"", b" \n", b"Not found", b'{"a": 1}', b"<!DOCTYPE html><html><p>Oops", b"\0\0\0"])
def test_what_is_no_sitemap_is_none(body):
    found = read(body)
    assert (found.kind, found.entries) == ("none", ())


def test_gzipped_files_are_unpacked_in_all_their_parts():
    whole = urlset(*(f"{SITE}/{number}" for number in range(20_000))).encode()
    half = len(whole) // 2
    assert len(read(gzip.compress(whole)).entries) == 20_000
    assert len(read(gzip.compress(whole[:half]) + gzip.compress(whole[half:])).entries) == 20_000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_any_encoding_is_understood(encoding):
    body = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>' + urlset(f"{SITE}/größe")[39:]
    assert urls_of(body.encode(encoding)) == ["/gr%C3%B6%C3%9Fe"]


def test_the_order_stays_and_nothing_comes_twice():
    assert urls_of(urlset(f"{SITE}/b", f"{SITE}/a", f"{SITE}/b", f"{SITE}/a#part")) == ["/b", "/a"]


def test_addresses_of_pictures_and_films_are_no_pages():
    body = (
        '<urlset xmlns:image="i" xmlns:video="v"><url><loc>https://site.test/a</loc>'
        "<image:image><image:loc>https://site.test/a.png</image:loc></image:image>"
        "<video:video><video:content_loc>https://site.test/a.mp4</video:content_loc></video:video></url></urlset>"
    )
    assert urls_of(body) == ["/a"]


def test_prefixes_do_not_matter():
    assert urls_of(f'<s:urlset xmlns:s="x"><s:url><s:loc>{SITE}/a</s:loc></s:url></s:urlset>') == ["/a"]


# --- what is broken ---------------------------------------------------------------------------------------------------


def test_a_bare_ampersand_keeps_the_address_whole():
    """Lenient parsers of XML drop it together with the word behind it."""
    assert urls_of(urlset(f"{SITE}/?a=1&b=2&copy=3")) == ["/?a=1&b=2&copy=3"]


def test_warnings_before_the_document_are_passed_over():
    assert urls_of("\n<br />\n<b>Warning</b>: mysql\n" + urlset(f"{SITE}/a")) == ["/a"]


def test_what_comes_before_an_error_counts():
    found = read(urlset(f"{SITE}/a")[:-9] + f"<url><loc>{SITE}/b</lok></url></urlset>")
    assert [entry.url for entry in found.entries] == [f"{SITE}/a"]
    assert found.truncated
    assert "it is broken" in found.note


def test_a_file_cut_short_keeps_what_came():
    whole = urlset(f"{SITE}/a", f"{SITE}/b")
    found = read(whole[: whole.index("/b") + 1])
    assert ([entry.url for entry in found.entries], found.truncated) == ([f"{SITE}/a"], True)
    rng = random.Random(1)
    words = ("".join(rng.choices(string.ascii_letters, k=40)) for _ in range(20_000))
    packed = gzip.compress(urlset(*(f"{SITE}/{word}" for word in words)).encode())
    found = read(packed[: len(packed) // 2])
    assert 5_000 < len(found.entries) < 15_000
    assert (found.truncated, found.note) == (True, "its compressed data ends too early")


def test_control_characters_and_nuls_do_not_end_the_reading():
    assert urls_of(urlset(f"{SITE}/a\0\x08", f"{SITE}/b")) == ["/a", "/b"]


@pytest.mark.parametrize("loc", ["mailto:a@site.test", "javascript:alert(1)", "file:///etc/passwd", "http://[::1",
                                 "", SITE + "/" + "a" * 5_000])  # fmt: skip
def test_what_is_no_web_address_is_counted_and_passed_over(loc):
    found = read(urlset(loc, f"{SITE}/a"))
    assert ([entry.url for entry in found.entries], found.others) == ([f"{SITE}/a"], 1)


def test_relative_addresses_start_from_the_file():
    assert urls_of(urlset("/a", "b"), url=SITE + "/maps/1.xml") == ["/a", "/maps/b"]


# --- what is hostile --------------------------------------------------------------------------------------------------


LAUGHS = '<?xml version="1.0"?><!DOCTYPE urlset [<!ENTITY l0 "lol">' + "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)
)


@pytest.mark.parametrize(
    "doctype",
    [
        LAUGHS + "]>",
        '<!DOCTYPE urlset [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
        "<!DOCTYPE urlset [<!ENTITY % p \"<!ENTITY l9 'x'>\"> %p; %p;]>",
        '<!DOCTYPE urlset [<!ENTITY % remote SYSTEM "http://site.test/evil.dtd"> %remote;]>',
    ],
)
def test_entities_are_never_expanded(doctype):
    """Billion laughs, and what a file of the reader's machine holds."""
    found = read(doctype + f"<urlset><url><loc>{SITE}/&l9;</loc></url></urlset>")
    assert (found.entries, found.truncated) == ((), True)
    assert found.note == "it declares a document type of its own"


def test_an_external_document_type_is_not_opened():
    body = '<!DOCTYPE rss SYSTEM "file:///etc/passwd"><rss><channel><item><link>/a</link></item></channel></rss>'
    assert urls_of(body) == ["/a"]


def test_a_gzip_bomb_is_cut_off():
    bomb = gzip.compress(urlset(f"{SITE}/a").encode()[:-9] + b" " * 200_000_000)
    assert len(bomb) < 300_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = read(bomb)
    assert ([entry.url for entry in found.entries], found.truncated) == ([f"{SITE}/a"], True)
    assert found.note == "it is larger than 50 MB"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KB


def test_no_more_addresses_are_taken_than_the_protocol_allows():
    found = read(urlset(*(f"{SITE}/{number}" for number in range(50_002))))
    assert (len(found.entries), found.truncated, found.note) == (50_000, True, "it names more than 50,000 addresses")
    assert len(read(urlset(*(f"{SITE}/{number}" for number in range(50_000)))).entries) == 50_000


@pytest.mark.parametrize(
    "middle",
    [
        "<x>" * 100_000,
        "<url>" * 100_000,
        "<url><loc>" + "a" * 12_000_000 + "</loc></url>",
        "<url " + " ".join(f'a{n}="{n}"' for n in range(40_000)) + "/>",
        "<!-- " + "-" * 5_000_000,
        "<url><loc>" + "&" * 1_000_000 + "</loc></url>",
        "<url><loc>" + "<![CDATA[x]]>" * 200_000 + "</loc></url>",
        "<a" + "b" * 5_000_000 + ">",
    ],
    ids=["deep", "nested urls", "long text", "attributes", "comment", "ampersands", "cdata", "long name"],
)
def test_what_is_enormous_takes_neither_time_nor_memory(middle):
    started = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = read(urlset(f"{SITE}/a")[:-9] + middle + "</urlset>")
    assert [entry.url for entry in found.entries] == [f"{SITE}/a"]
    assert time.monotonic() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB


@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: ("<urlset><url><loc>" + text).encode()))
@settings(max_examples=300, deadline=None)
def test_no_bytes_make_it_raise(body):
    for data in (body, gzip.compress(body), b"\x1f\x8b" + body):
        found = read(data)
        assert all(entry.url.startswith(("http://", "https://")) for entry in found.entries)


# --- in the parser's processes ----------------------------------------------------------------------------------------


async def test_it_is_read_where_it_can_be_killed():
    runner = ParseRunner(processes=1, timeout=20, memory_bytes=500_000_000)
    try:
        result = await runner.read_sitemap(PageInput(url=SITE + "/sitemap.xml", body=urlset(f"{SITE}/a").encode()))
        assert isinstance(result, ParsedSitemap)
        assert [entry.url for entry in result.entries] == [f"{SITE}/a"]
        page = await runner.parse(PageInput(url=SITE, body=b"<p>Text", content_type="text/html"))
        assert page.url == SITE
        failed = await runner.read_sitemap(PageInput(url="\ud800", body=b""))
        assert isinstance(failed, ParseFailed)
        assert failed.cause == Cause.PARSE
    finally:
        await runner.aclose()
