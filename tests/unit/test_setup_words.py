"""The configuration of a crawl in plain words."""

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.setupwords import in_words

SEED = "https://docs.site.test/3/"


def said(**config: object) -> dict[str, str]:
    parts = in_words(CrawlConfig(seeds=(SEED,), **config))  # type: ignore[arg-type]
    return {line.name: line.value for part in parts for line in part.lines}


def test_the_usual_crawl_is_said_in_words_that_need_no_manual() -> None:
    assert said() == {
        "Start": SEED,
        "Reach": "the same host as the start",
        "Depth": "up to 5 links from the start",
        "Pages": "no limit",
        "Sitemaps": "read where the site has them",
        "Rules": "none: everything in reach is collected",
        "robots.txt": "obeyed",
        "Pace": "as the settings say, slower where the site asks for it",
        "At once": "2 requests to one host at most",
        "Tries": "up to 4 of each page",
        "Tracking": said()["Tracking"],
    }
    assert said()["Tracking"].endswith("dropped from addresses (the usual ones)")


def test_rules_have_the_numbers_that_skips_name_them_by() -> None:
    words = said(exclude=("*/_sources/*", "*/old/*"), include=("/3/",))

    assert words["Exclude 2"] == "*/old/*"
    assert words["Include 1"] == "/3/"


def test_without_include_rules_everything_else_is_in() -> None:
    assert said(exclude=("*/old/*",))["Include"] == "everything else in reach"


def test_limits_and_manners_are_said_as_they_are() -> None:
    words = said(
        scope="domain", max_depth=1, max_pages=2000, sitemaps=False, obey_robots=False, delay_ms=1500, per_host=1,
        max_attempts=1, tracking_parameters=(), aliases=("http://docs.site.test",),
    )  # fmt: skip

    assert words["Reach"] == "every host of the start's domain"
    assert words["Depth"] == "up to 1 link from the start"
    assert words["Pages"] == "at most 2,000"
    assert words["Sitemaps"] == "not read"
    assert words["robots.txt"] == "not asked"
    assert words["Pace"] == "one request every 1.5 s at one host"
    assert words["At once"] == "1 request to one host at most"
    assert words["Tries"] == "one"
    assert words["Tracking"] == "addresses are taken as they are"
    assert words["Same site as"] == "http://docs.site.test"


def test_a_crawl_of_the_start_alone_says_so() -> None:
    assert said(max_depth=0)["Depth"] == "only the start itself"
    assert said(follow_links=False)["Depth"] == "only the start itself"
    assert said(delay_ms=0)["Pace"] == "as fast as the site answers"
