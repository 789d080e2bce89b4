"""One page, one URL: tracking parameters, aliases of a site, and what a page says about its own address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.domain import urls
from quaero_desktop.domain.crawl import CrawlConfig, CrawlScope
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.identity import TRACKING_PARAMETERS, Identity, alias_origin, is_other_spelling

HOME = "https://h.test"


def identity(url: str, **config) -> str:
    return CrawlScope(CrawlConfig(seeds=(f"{HOME}/",), **config).checked(), ()).identity(url)


class TestTrackingParameters:
    @pytest.mark.parametrize(
        ("query", "left"),
        [
            ("?utm_source=x", ""),
            ("?utm_source=x&utm_medium=y&gclid=z", ""),
            ("?a=1&utm_source=x&b=2", "?a=1&b=2"),
            ("?utm_source=x&b=2&a=1", "?b=2&a=1"),
            ("?UTM_Source=x&FBCLID=y", ""),
            ("?utm_source", ""),
            ("?utm_source=", ""),
            ("?utm_source=x&", ""),
            ("?&utm_source=x&a", "?&a"),
            ("?a=%20+&&=&b=?c&fbclid=1", "?a=%20+&&=&b=?c"),
            ("?a=utm_source=x", "?a=utm_source=x"),
            ("?a=1;utm_source=x", "?a=1;utm_source=x"),
            # nothing of ours: not a byte changes
            ("?", "?"),
            ("?&", "?&"),
            ("?b=2&a=1&b=1", "?b=2&a=1&b=1"),
            ("?utmost=1&xutm_a=1&gclids=1", "?utmost=1&xutm_a=1&gclids=1"),
            ("?id=7&ref=x&source=y&sid=z&page=2&s=1&v=2", "?id=7&ref=x&source=y&sid=z&page=2&s=1&v=2"),
        ],
    )
    def test_are_dropped_and_the_rest_stays_byte_for_byte(self, query: str, left: str):
        assert identity(f"{HOME}/p{query}") == f"{HOME}/p{left}"

    def test_in_a_path_are_no_parameters(self):
        assert identity(f"{HOME}/utm_source=x&gclid=y") == f"{HOME}/utm_source=x&gclid=y"

    def test_are_a_setting(self):
        config = {"tracking_parameters": ("session", "x_*")}
        assert identity(f"{HOME}/?utm_source=1&Session=2&x_y=3", **config) == f"{HOME}/?utm_source=1"
        assert identity(f"{HOME}/?utm_source=1", tracking_parameters=()) == f"{HOME}/?utm_source=1"

    def test_are_written_in_lower_case_once(self):
        assert len(set(TRACKING_PARAMETERS)) == len(TRACKING_PARAMETERS)
        assert all(name == name.lower() for name in TRACKING_PARAMETERS)


class TestAliases:
    ALIASES = ("http://h.test", "https://www.h.test", "http://www.h.test:8080")

    @pytest.mark.parametrize(
        ("url", "rewritten"),
        [
            ("http://h.test/a?b", f"{HOME}/a?b"),
            ("https://www.h.test/", f"{HOME}/"),
            ("http://www.h.test:8080/x?utm_source=y", f"{HOME}/x"),
            (f"{HOME}/x", f"{HOME}/x"),
            ("http://www.h.test/x", "http://www.h.test/x"),
            ("http://h.test.evil/", "http://h.test.evil/"),
            ("http://h.test:81/", "http://h.test:81/"),
        ],
    )
    def test_are_rewritten_to_the_site_of_the_first_seed(self, url: str, rewritten: str):
        assert identity(url, aliases=self.ALIASES) == rewritten

    def test_are_off_unless_given(self):
        assert identity("http://h.test/") == "http://h.test/"

    def test_are_typed_as_web_addresses(self):
        assert alias_origin("www.h.test") == "https://www.h.test"
        assert alias_origin(" HTTP://H.Test:80/ ") == "http://h.test"
        for nonsense in ("http://h.test/x", "http://h.test/?x", "", "ftp://h.test"):
            with pytest.raises(UsageError):
                alias_origin(nonsense)


QUERIES = st.lists(
    st.sampled_from(["utm_source=1", "gclid", "a=1", "b", "", "=", "FbClId=%2f", "utm_", "?", "/"]), max_size=6
)


@given(
    st.sampled_from([HOME, "http://h.test", "https://www.h.test", "https://other.test"]),
    QUERIES.map("&".join),
    st.booleans(),
)
def test_identity_is_idempotent(origin: str, query: str, with_query: bool):
    url = urls.identity(f"{origin}/x{'?' * with_query}{query}")
    assert url is not None
    of = Identity(HOME, ("http://h.test", "https://www.h.test"), TRACKING_PARAMETERS).of
    once = of(url)
    assert of(once) == once
    assert urls.identity(once) == once


class TestCanonical:
    """What rel=canonical names is the same page only where no honest site could mean another one."""

    @pytest.mark.parametrize(
        ("url", "canonical"),
        [
            ("http://h.test/a", "https://h.test/a"),
            ("https://www.h.test/a", "https://h.test/a"),
            ("https://h.test/a", "https://www.h.test/a"),
            ("https://h.test/a", "https://h.test/a/"),
            ("https://h.test/a/", "https://h.test/a"),
            ("https://h.test/index.html", "https://h.test/"),
            ("https://h.test/a/Index.PHP", "https://h.test/a"),
            ("https://h.test/a/default.aspx?x=1", "https://h.test/a/?x=1"),
            ("https://h.test/Page", "https://h.test/page"),
            ("https://h.test/a?PHPSESSID=1", "https://h.test/a"),
            ("https://h.test/a;jsessionid=1F?b=1", "https://h.test/a?b=1"),
            ("https://h.test/t?t=5&sid=1&hilit=x", "https://h.test/t?t=5"),
            ("https://h.test/post?replytocom=17", "https://h.test/post/"),
            ("https://h.test/list?sort=name&order=asc", "https://h.test/list"),
            ("https://h.test/a?x=1&y=2", "https://h.test/a?y=2&x=1"),
            ("https://h.test/a?", "https://h.test/a"),
        ],
    )
    def test_of_another_spelling_is_believed(self, url: str, canonical: str):
        assert is_other_spelling(url, canonical)

    @pytest.mark.parametrize(
        ("url", "canonical"),
        [
            ("https://h.test/a", "https://h.test/a"),
            ("https://h.test/a", "https://h.test/"),
            ("https://h.test/a", "https://h.test/b"),
            ("https://h.test/a", "https://other.test/a"),
            ("https://h.test/a", "https://docs.h.test/a"),
            ("https://h.test/a", "https://h.test:8443/a"),
            ("https://h.test/list?page=2", "https://h.test/list"),
            ("https://h.test/item?id=7", "https://h.test/item"),
            ("https://h.test/item?id=7", "https://h.test/item?id=8"),
            ("https://h.test/wiki?title=A", "https://h.test/wiki/A"),
            ("https://h.test/a?lang=de", "https://h.test/a"),
            ("https://h.test/a?V=Big", "https://h.test/a?V=big"),
            ("https://h.test/a.html", "https://h.test/a"),
            ("https://h.test/index.html.bak", "https://h.test/"),
        ],
    )
    def test_of_what_may_be_another_page_is_not(self, url: str, canonical: str):
        assert not is_other_spelling(url, canonical)
