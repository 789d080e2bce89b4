"""URL identity: one spelling for each page, by the WHATWG URL standard, whatever the web writes into its links."""

import re

import ada_url
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.domain import urls
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.urls import identity, join

BASE = "https://h.test/a/b/c?q#f"

WEIRD = [
    # scheme, slashes and backslashes
    ("HTTP://H.Test/A", "http://h.test/A"),
    ("http:\\\\h\\a\\b", "http://h/a/b"),
    ("http:h", "http://h/"),
    ("http:/h", "http://h/"),
    ("http:///h/a", "http://h/a"),
    ("http:////h//a", "http://h//a"),
    ("http://h//a//b", "http://h//a//b"),
    # what a person or an editor leaves in it
    ("  http://h/ \n", "http://h/"),
    ("ht\ntp://h/\ta\r\n/b", "http://h/a/b"),
    ("http://h/\0", "http://h/"),
    ("http://h/a\0b", "http://h/a%00b"),
    ("\x01http://h/", "http://h/"),
    ("http://h/a b", "http://h/a%20b"),
    # default ports
    ("http://h:80/", "http://h/"),
    ("https://h:443", "https://h/"),
    ("https://h:80/", "https://h:80/"),
    ("http://h:443/", "http://h:443/"),
    ("http://h:0080/", "http://h/"),
    ("http://h:/", "http://h/"),
    ("http://h:65535/", "http://h:65535/"),
    # dot segments
    ("http://h/a/./b/../c", "http://h/a/c"),
    ("http://h/a/%2e%2E/b", "http://h/b"),
    ("http://h/a/.%2e/b", "http://h/b"),
    ("http://h/%2e", "http://h/"),
    ("http://h/../../..", "http://h/"),
    ("http://h/a//../b", "http://h/a/b"),
    ("http://h/...", "http://h/..."),
    ("http://h/..;/a", "http://h/..;/a"),
    # escapes: upper case, never decoded, broken ones kept
    ("http://h/%7euser", "http://h/%7Euser"),
    ("http://h/~user", "http://h/~user"),
    ("http://h/%2f%3a", "http://h/%2F%3A"),
    ("http://h/%zz%a", "http://h/%zz%a"),
    ("http://h/%", "http://h/%"),
    ("http://h/%00", "http://h/%00"),
    ("http://h/%25%32e", "http://h/%25%32e"),
    ("http://h/%e4%zz", "http://h/%E4%zz"),
    ("http://h/?a=%20&b=%aF", "http://h/?a=%20&b=%AF"),
    ("http://h/a'b\"c<d>e`f{g}h|i^j", "http://h/a'b%22c%3Cd%3Ee%60f%7Bg%7Dh|i%5Ej"),
    ("http://h/?a'b\"c<d>", "http://h/?a%27b%22c%3Cd%3E"),
    # queries and fragments
    ("http://h/?", "http://h/?"),
    ("http://h?x", "http://h/?x"),
    ("http://h/#f", "http://h/"),
    ("http://h/?#", "http://h/?"),
    ("http://h#a@b", "http://h/"),
    ("http://h/a?b?c", "http://h/a?b?c"),
    ("http://h/;p=1?x;y", "http://h/;p=1?x;y"),
    ("http://h/?&&b=2&a=1&", "http://h/?&&b=2&a=1&"),
    ("http://h/%23?%23", "http://h/%23?%23"),
    # user names and passwords go
    ("http://u:p@h/", "http://h/"),
    ("http://u:p@h:8080/a@b", "http://h:8080/a@b"),
    ("http://@h/", "http://h/"),
    ("http://u@v@h/", "http://h/"),
    ("http://u:p%40@h", "http://h/"),
    ("http://h/a?x=http://u:p@z/#", "http://h/a?x=http://u:p@z/"),
    ("http://h?@x", "http://h/?@x"),
    # names in other scripts
    ("http://bücher.test/", "http://xn--bcher-kva.test/"),
    ("http://BÜCHER.test/", "http://xn--bcher-kva.test/"),
    ("http://xn--bcher-kva.test/", "http://xn--bcher-kva.test/"),
    ("http://faß.test", "http://xn--fa-hia.test/"),
    ("http://www.例子.测试/路径?键=值", "http://www.xn--fsqu00a.xn--0zwm56d/%E8%B7%AF%E5%BE%84?%E9%94%AE=%E5%80%BC"),
    ("http://☃.test/", "http://xn--n3h.test/"),
    ("http://%E2%98%83.test/", "http://xn--n3h.test/"),
    ("http://a。b/", "http://a.b/"),
    ("http://\uff48.\uff43\uff4f\uff4d/", "http://h.com/"),
    ("http://so\u00adft.test/", "http://soft.test/"),
    ("http://%41.test/", "http://a.test/"),
    # right to left, emoji, invisible characters in a path
    ("http://א.test/", "http://xn--4db.test/"),
    ("http://h/א", "http://h/%D7%90"),
    ("http://h/\u202eabc", "http://h/%E2%80%AEabc"),
    ("http://h/😀?😀#😀", "http://h/%F0%9F%98%80?%F0%9F%98%80"),
    ("http://h/\u00ad", "http://h/%C2%AD"),
    # IPv4 in odd spellings
    ("http://127.1/", "http://127.0.0.1/"),
    ("http://2130706433/", "http://127.0.0.1/"),
    ("http://0x7f.1/", "http://127.0.0.1/"),
    ("http://0177.0.0.1/", "http://127.0.0.1/"),
    ("http://192.168.0.1./", "http://192.168.0.1/"),
    ("http://0/", "http://0.0.0.0/"),
    ("http://\uff11\uff12\uff17.0.0.1/", "http://127.0.0.1/"),
    ("http://1.2.3.4a/", "http://1.2.3.4a/"),
    # IPv6
    ("http://[::1]/", "http://[::1]/"),
    ("http://[0:0:0:0:0:0:0:1]:80/", "http://[::1]/"),
    ("http://[2001:DB8::A]:8080/x", "http://[2001:db8::a]:8080/x"),
    ("http://[::FFFF:127.0.0.1]/", "http://[::ffff:7f00:1]/"),
    # names that no registrar sells but that somebody runs
    ("http://a_b.h/", "http://a_b.h/"),
    ("http://-a-.h/", "http://-a-.h/"),
    ("http://h./", "http://h./"),
    ("http://a..b/", "http://a..b/"),
]

NO_WEB_PAGE = [
    *(
        "",
        " ",
        "h",
        "/a",
        "//h/",
        "?x",
        "#f",
        "http",
        "http:",
        "http://",
        "http:///",
        "http://?",
        "http://#",
        "http:// ",
    ),
    *("javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "mailto:a@b", "tel:+1", "about:blank"),
    *("ftp://h/", "file:///etc/passwd", "ws://h/", "blob:http://h/1", "view-source:http://h/", "C:\\a", "urn:isbn:1"),
    *(
        "http://u:p@/",
        "http://@",
        "http://:80/",
        "http://h:65536/",
        "http://h:a/",
        "http://h:-1/",
        "http://h:\uff18\uff10/",
    ),
    *("http://h\0/", "http://h%00/", "http://a b/", "http://a<b/", "http://a|b/", "http://%zz/", "http://a%2fb/"),
    *("http://\u202eh/", "http://\ud800/", "http://h/\ud800", "http://h/\udfff?x"),
    *("http://[::1", "http://[]/", "http://[::1]x/", "http://[fe80::1%25eth0]/", "http://[1:2]/", "http://::1/"),
    *("http://1.2.3.4.5/", "http://256.1.1.1/", "http://1.2.3.256/", "http://4294967296/", "http://a.1/"),
    *("http://08.1.1.1/",),
]

LINKS = [
    ("", "https://h.test/a/b/c?q"),
    ("#x", "https://h.test/a/b/c?q"),
    ("?", "https://h.test/a/b/c?"),
    ("?y", "https://h.test/a/b/c?y"),
    ("/", "https://h.test/"),
    ("/x.html", "https://h.test/x.html"),
    ("x.html", "https://h.test/a/b/x.html"),
    ("x/y/", "https://h.test/a/b/x/y/"),
    ("..", "https://h.test/a/"),
    ("../", "https://h.test/a/"),
    ("../x", "https://h.test/a/x"),
    ("../../../../x", "https://h.test/x"),
    ("..x", "https://h.test/a/b/..x"),
    ("../..x", "https://h.test/a/..x"),
    ("x/..", "https://h.test/a/b/"),
    ("x/../y", "https://h.test/a/b/y"),
    (".", "https://h.test/a/b/"),
    ("%2e%2e/x", "https://h.test/a/x"),
    ("//k", "https://k/"),
    ("///k", "https://k/"),
    ("//u:p@k/", "https://k/"),
    ("\\\\k\\z", "https://k/z"),
    ("/\\k/x", "https://k/x"),
    ("/\t/k", "https://k/"),
    ("\\x", "https://h.test/x"),
    ("a//b", "https://h.test/a/b/a//b"),
    ("x/y:z", "https://h.test/a/b/x/y:z"),
    ("https:x", "https://h.test/a/b/x"),
    ("https:?q", "https://h.test/a/b/c?q"),
    ("http:x", "http://x/"),
    ("HTTPS://K/", "https://k/"),
    ("\tx ", "https://h.test/a/b/x"),
    ("x\n", "https://h.test/a/b/x"),
    ("a\nb", "https://h.test/a/b/ab"),
    ("x\0y", "https://h.test/a/b/x%00y"),
    ("é", "https://h.test/a/b/%C3%A9"),
    ("x?y=../../z#../w", "https://h.test/a/b/x?y=../../z"),
    *(
        (refused, None)
        for refused in ("//", "http:", "http://", "https:///", "//[::1", "x:y", "C:\\x", "javascript:x", "\ud800")
    ),
]


@pytest.mark.parametrize(("written", "canonical"), WEIRD)
def test_every_spelling_has_one_canonical_form(written: str, canonical: str):
    assert identity(written) == canonical
    assert identity(canonical) == canonical


@pytest.mark.parametrize("written", NO_WEB_PAGE)
def test_what_no_browser_would_fetch_by_http_has_none(written: str):
    assert identity(written) is None


@pytest.mark.parametrize(("link", "canonical"), LINKS)
def test_a_link_is_resolved_as_a_browser_does(link: str, canonical: str | None):
    assert join(BASE, link) == canonical


@pytest.mark.parametrize("base", ["", "x", "mailto:a@b", "about:blank", "http://", "file:///a/b", "\ud800"])
def test_a_base_that_is_no_web_page_resolves_no_relative_link(base: str):
    assert [join(base, link) for link in ("x", "/x", "../x", "?x", "", "#x")] == [None] * 6


def test_a_very_long_url_is_still_one():
    long = "http://h.test/" + "a/../" * 100_000 + "b"
    assert identity(long) == "http://h.test/b"
    assert identity("http://h.test/" + "é" * 100_000) == "http://h.test/" + "%C3%A9" * 100_000


# Pieces that mean something to a URL parser are met more often than by chance.
PIECES = st.sampled_from(
    [
        *"http https : / // \\ ? # @ [ ] % %2e %2F %aF . .. ../ ./ & = ; ~ - _ + , * | ^ { a B ü 例".split(),
        *"0 0x7f 127.1 :80 :443 xn-- xn--bcher-kva localhost".split(),
        *(" ", "\t", "\n", "\0", "\x7f", "\u202e", "\u00ad", "\ufeff", "\ud800", "😀"),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join)
WEB_ADDRESSES = TEXTS.map("http://h.test/".__add__) | TEXTS.map("https://".__add__) | TEXTS
CANONICAL = WEB_ADDRESSES.map(identity).filter(bool)


def assert_fetchable(url: str) -> None:
    assert re.fullmatch(r"https?://[^/?#@\s]+/[\x21-\x7e]*", url), url
    assert "#" not in url
    assert urls.host_of(url)
    assert urls.path_of(url).startswith("/")
    assert urls.origin_of(url) + urls.path_of(url) == url
    assert url.isascii()
    assert not re.search(r"%(?=[0-9a-fA-F]{2})(?:[a-f].|.[a-f])", url)


@given(WEB_ADDRESSES)
def test_identity_is_idempotent_and_its_result_can_be_fetched(text: str):
    url = identity(text)
    if url is not None:
        assert_fetchable(url)
        assert identity(url) == url
        assert join(url, "") == url


@given(WEB_ADDRESSES, TEXTS)
def test_joining_never_raises_and_its_result_is_canonical(base: str, link: str):
    url = join(base, link)
    if url is not None:
        assert_fetchable(url)
        assert identity(url) == url


@given(WEB_ADDRESSES, st.from_regex(r"\A(/|(\.\./){0,3})([a-zA-Z0-9_.~+,-]{0,4}/){0,3}[a-zA-Z0-9_.~+,:-]{0,5}\Z"))
def test_plain_links_are_resolved_quickly_to_what_the_parser_says(base: str, link: str):
    try:
        expected = identity(ada_url.join_url(base, link))
    except ValueError:
        expected = None
    assert join(base, link) == expected


@given(CANONICAL, CANONICAL)
def test_an_absolute_link_means_the_same_on_every_page(base: str, link: str):
    assert join(base, link) == link


class TestWhatAPersonTypes:
    @pytest.mark.parametrize(
        ("typed", "url"),
        [
            ("docs.python.org", "https://docs.python.org/"),
            (" docs.python.org/3 ", "https://docs.python.org/3"),
            ("//docs.python.org/3", "https://docs.python.org/3"),
            ("wiki:8080", "http://wiki:8080/"),
            ("wiki:8080/a?b#c", "http://wiki:8080/a?b"),
            ("10.0.0.7/start", "http://10.0.0.7/start"),
            ("http://wiki", "http://wiki/"),
            ("HTTP://WIKI", "http://wiki/"),
            ("user:secret@wiki.test/a", None),
            ("https://user:secret@wiki.test/a", "https://wiki.test/a"),
            ("bücher.test", "https://xn--bcher-kva.test/"),
        ],
    )
    def test_becomes_a_web_address(self, typed: str, url: str | None):
        if url is None:
            with pytest.raises(UsageError):
                urls.seed(typed)
        else:
            assert urls.seed(typed) == url

    @pytest.mark.parametrize(
        "typed", ["", "   ", "ftp://h/", "mailto:a@b", "javascript:x", "http://", "a b", "[::1", "?"]
    )
    def test_or_is_refused_with_a_sentence(self, typed: str):
        with pytest.raises(UsageError):
            urls.seed(typed)

    def test_that_is_too_long_is_refused(self):
        with pytest.raises(UsageError, match="5009 characters long; 4096 is the most"):
            urls.seed("h.test/" + "a" * 4994)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("docs.python.org/3", "https://docs.python.org/3"),
        ("example.org:8443/x", "https://example.org:8443/x"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("192.168.1.4/wiki", "http://192.168.1.4/wiki"),
        ("localhost:8000/a", "http://localhost:8000/a"),
        ("wiki", "http://wiki/"),
        ("[::1]:8080/a", "http://[::1]:8080/a"),
        ("https://wiki/", "https://wiki/"),
    ],
)
def test_a_missing_scheme_is_https_but_for_servers_of_ones_own(typed, meant):
    assert urls.seed(typed) == meant
