"""Scope: which links belong to a crawl, and the sentence that says why one does not."""

import pytest

from quaero_desktop.domain.crawl import FOLLOW, CrawlConfig, CrawlScope, Verdict
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.jobs import SkipReason
from quaero_desktop.domain.scope import Extent, site_of


def scope_of(*seeds: str, **config) -> CrawlScope:
    return CrawlScope(CrawlConfig(seeds=seeds, **config).checked(), seeds)


def sort_out(scope: CrawlScope, links: list[str]) -> list[str]:
    return [link for link in links if scope.decide(link) == FOLLOW]


class TestHost:
    def test_is_the_host_of_the_seed_by_http_and_https(self):
        inside = ["https://docs.test/3/", "https://docs.test/", "http://docs.test/x?y", "https://docs.test/b"]
        outside = [
            *("https://www.docs.test/", "https://test/", "https://a.docs.test/", "https://docs.test.evil/"),
            *("https://docs.test:8443/", "http://docs.test:443/", "https://notdocs.test/"),
            *("https://evil.test/docs.test/", "https://evil.test/?https://docs.test/"),
        ]
        assert sort_out(scope_of("https://docs.test/3/"), inside + outside) == inside

    def test_with_a_port_of_its_own_is_that_port_and_scheme(self):
        inside = ["http://wiki:8080/", "http://wiki:8080/x"]
        outside = ["http://wiki/", "https://wiki:8080/", "http://wiki:8081/", "http://wiki:80800/"]
        assert sort_out(scope_of("http://wiki:8080/"), inside + outside) == inside

    def test_may_be_an_address(self):
        inside = ["http://[::1]/x", "https://[::1]/"]
        assert sort_out(scope_of("http://[::1]/"), [*inside, "http://[::1]:81/", "http://[::2]/"]) == inside

    def test_of_each_seed_counts(self):
        inside = ["https://a.test/", "https://b.test/"]
        assert sort_out(scope_of("https://a.test/", "https://b.test/x"), [*inside, "https://c.test/"]) == inside


class TestPrefix:
    def test_is_what_lies_below_the_folder_of_the_seed(self):
        inside = ["https://docs.test/3/library/", "https://docs.test/3/library/a/b?c", "http://docs.test/3/library/x"]
        outside = ["https://docs.test/3/library", "https://docs.test/3/", "https://docs.test/3/library-2/"]
        outside += ["https://docs.test/3/Library/", "https://other.test/3/library/"]
        for seed in ("https://docs.test/3/library/", "https://docs.test/3/library/index.html?a/b"):
            assert sort_out(scope_of(seed, scope="prefix"), inside + outside) == inside

    def test_of_a_page_without_a_slash_is_the_folder_it_lies_in(self):
        scope = scope_of("https://wiki.test/wiki/Main_Page", scope="prefix")
        inside = ["https://wiki.test/wiki/Other"]
        assert sort_out(scope, [*inside, "https://wiki.test/other"]) == inside

    def test_is_the_folder_itself_once_the_server_said_that_the_seed_is_one(self):
        """The seed /3/library redirected to /3/library/: nobody who typed it meant all of /3/."""
        extent = Extent("prefix", ("https://docs.test/3/library", "https://docs.test/3/library/"))
        assert extent.holds("https://docs.test/3/library/json.html")
        assert not extent.holds("https://docs.test/3/tutorial/")
        assert extent.name == "prefix: docs.test/3/library/"

    def test_of_each_seed_counts(self):
        scope = scope_of("https://a.test/x/", "https://a.test/y/", "https://a.test/x/z/", scope="prefix")
        inside = ["https://a.test/x/1", "https://a.test/y/1", "https://a.test/x/z/1"]
        assert sort_out(scope, [*inside, "https://a.test/z/1"]) == inside
        assert scope.decide("https://a.test/").rule == "prefix: a.test/x/, a.test/y/"


class TestDomain:
    @pytest.mark.parametrize(
        ("host", "site"),
        [
            ("docs.python.org", "python.org"),
            ("python.org", "python.org"),
            ("www.shop.co.uk", "shop.co.uk"),
            ("a.b.city.kawasaki.jp", "city.kawasaki.jp"),
            ("a.b.c.kawasaki.jp", "b.c.kawasaki.jp"),
            ("project.user.github.io", "user.github.io"),
            ("bucket.s3.amazonaws.com", "bucket.s3.amazonaws.com"),
            ("a.b.xn--55qx5d.cn", "b.xn--55qx5d.cn"),
            ("docs.wiki.intern", "wiki.intern"),
            ("docs.python.org.", "python.org"),
            ("docs.python.org:8080", "python.org:8080"),
            # without a registered domain: a site of their own
            ("co.uk", "co.uk"),
            ("github.io", "github.io"),
            ("localhost:8000", "localhost:8000"),
            ("wiki", "wiki"),
            ("10.0.0.7", "10.0.0.7"),
            ("10.0.0.7:81", "10.0.0.7:81"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            ("[2001:db8::1]:81", "[2001:db8::1]:81"),
            (".", "."),
            ("..", ".."),
        ],
    )
    def test_of_a_host_is_the_registered_one(self, host: str, site: str):
        assert site_of(host) == site

    def test_holds_all_its_hosts(self):
        inside = [
            "https://docs.python.org/",
            "http://python.org/",
            "https://www.python.org/x",
            "https://a.b.python.org/",
        ]
        outside = ["https://notpython.org/", "https://python.org.evil.test/", "https://python.com/", "https://org/"]
        outside += ["https://python.org:8443/"]
        assert sort_out(scope_of("https://docs.python.org/3/", scope="domain"), inside + outside) == inside

    def test_never_means_a_public_suffix(self):
        scope = scope_of("https://a.shop.co.uk/", "https://user.github.io/", scope="domain")
        inside = ["https://shop.co.uk/", "https://user.github.io/x", "https://x.user.github.io/"]
        outside = ["https://co.uk/", "https://other.co.uk/", "https://other.github.io/", "https://github.io/"]
        assert sort_out(scope, inside + outside) == inside
        assert sort_out(scope_of("https://github.io/", scope="domain"), [*inside, *outside]) == ["https://github.io/"]

    def test_does_not_hold_the_sites_of_others_below_it(self):
        scope = scope_of("https://aws.amazonaws.com/", scope="domain")
        assert sort_out(scope, ["https://amazonaws.com/", "https://bucket.s3.amazonaws.com/"]) == [
            "https://amazonaws.com/"
        ]

    def test_of_an_address_is_that_address(self):
        scope = scope_of("http://10.0.0.7:81/", scope="domain")
        assert sort_out(scope, ["http://10.0.0.7:81/x", "http://10.0.0.7/", "http://1.10.0.0/"]) == [
            "http://10.0.0.7:81/x"
        ]


class TestVerdicts:
    SCOPE = scope_of(
        "https://docs.test/",
        include=("/3/*", "/about"),
        exclude=("*.pdf", "*/old/*", "re:[?&]action="),
    )

    @pytest.mark.parametrize(
        ("url", "reason", "rule", "sentence"),
        [
            ("https://docs.test/3/x", None, "", "followed"),
            (
                *("https://docs.test/3/old/x", SkipReason.EXCLUDED, "exclude rule 2: */old/*"),
                "excluded by rule 2: */old/*",
            ),
            (
                *("https://docs.test/old/x.pdf", SkipReason.EXCLUDED, "exclude rule 1: *.pdf"),
                "excluded by rule 1: *.pdf",
            ),
            (
                *("https://docs.test/3/?action=edit", SkipReason.EXCLUDED, "exclude rule 3: re:[?&]action="),
                "excluded by rule 3: re:[?&]action=",
            ),
            (
                *("https://docs.test/4/", SkipReason.NOT_INCLUDED, "no include rule matches: /3/*, /about"),
                "not included: no include rule matches: /3/*, /about",
            ),
            (
                *("https://other.test/3/x.pdf", SkipReason.SCOPE, "host: docs.test"),
                "outside the scope of the crawl, host: docs.test",
            ),
            (
                *("https://docs.test/3/" + "a" * 5000, SkipReason.TOO_LONG, "longer than 4096 characters"),
                "skipped: longer than 4096 characters",
            ),
        ],
    )
    def test_name_the_rule(self, url: str, reason: SkipReason | None, rule: str, sentence: str):
        verdict = self.SCOPE.decide(url)
        assert verdict == Verdict(reason, rule)
        assert verdict.sentence == sentence

    def test_name_a_few_of_many_hosts(self):
        scope = scope_of(*(f"https://{name}.test/" for name in "abcde"))
        assert scope.decide("https://z.test/").rule == "host: a.test, b.test, c.test and 2 more"


class TestConfiguration:
    @pytest.mark.parametrize(
        ("config", "said"),
        [
            ({"scope": "world"}, "Unknown scope “world”"),
            ({"include": ("",)}, "is empty"),
            ({"exclude": ("re:(",)}, "not a valid regular expression"),
            ({"aliases": ("docs.test",)}, "alias “docs.test” is not"),
            ({"aliases": ("https://docs.test/",)}, "is not the address of a site"),
            ({"aliases": ("https://docs.test/x",)}, "is not the address of a site"),
            ({"aliases": ("https://docs.test:443",)}, "is not the address of a site"),
            ({"tracking_parameters": ("a=b",)}, "“a=b” is not the name of a tracking parameter"),
            ({"tracking_parameters": ("*",)}, "is not the name of a tracking parameter"),
            ({"max_depth": -1}, "depth is -1; 0 is the least"),
        ],
    )
    def test_that_makes_no_sense_is_refused(self, config, said: str):
        with pytest.raises(UsageError, match=said):
            CrawlConfig(seeds=("https://docs.test/",), **config).checked()

    def test_needs_a_seed(self):
        with pytest.raises(UsageError, match="at least one web address"):
            CrawlConfig(seeds=()).checked()
