"""How links become pages and skips: depth is the shortest known path, limits are exact, nothing is met twice (J1)."""

import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.jobs import Cause, SkipReason
from quaero_desktop.domain.outcomes import Discovered, Failed, Refusal, Stored
from quaero_desktop.domain.ports import Assignment, NewRoot, Settled
from quaero_desktop.domain.queue import NO_PACE
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.queue import Queue
from tests.support.outcomes import redirected, stored
from tests.support.plain_library import PlainLibrary, at_once

SITE = "https://site.test/"


def url(name: object) -> str:
    return f"{SITE}{name}"


class Crawl:
    """One crawl over a ledger that never waits; every step checks that what was met adds up."""

    def __init__(self, *seeds: str, **config: Any) -> None:
        self.library = PlainLibrary()
        self.ledger = Ledger(cast(Database, self.library), Queue(owner="me"))
        seeds_of_config = tuple(url(seed) for seed in seeds)
        root = NewRoot(name="site", config=CrawlConfig(seeds=seeds_of_config, **config))
        self.root_id = at_once(self.ledger.start(root))
        self.running: dict[str, Assignment] = {}
        self.check_sums()

    def receive(self) -> None:
        """Lease everything that is ready."""
        for assignment in at_once(self.ledger.receive(1_000, NO_PACE)).assignments:
            assert assignment.job.url is not None
            assert assignment.job.url not in self.running
            self.running[assignment.job.url.removeprefix(SITE)] = assignment
        self.check_sums()

    def finish(self, name: str, outcome: Any) -> Settled:
        receipt = self.running.pop(name).delivery.receipt
        if isinstance(outcome, Failed):
            settled = at_once(self.ledger.fail(receipt, outcome))
        else:
            settled = at_once(self.ledger.complete(receipt, outcome))
        self.check_sums()
        return settled

    def page(self, name: str, *links: str, **more: Any) -> Settled:
        """Receive, and store the page *name* with its *links*."""
        self.receive()
        return self.finish(name, stored(url(name), links=[url(link) for link in links], **more))

    def redirect(self, name: str, target: str) -> Settled:
        self.receive()
        return self.finish(name, redirected(url(target)))

    @property
    def pages(self) -> dict[str, int]:
        """The depth of each page."""
        rows = self.library.connection.execute(
            "SELECT url, depth FROM jobs WHERE parent_id = ? ORDER BY id", (self.root_id,)
        )
        return {url.removeprefix(SITE): depth for url, depth in rows}

    @property
    def skips(self) -> dict[str, tuple[str, int]]:
        """The reason and depth of each skip."""
        rows = self.library.connection.execute(
            "SELECT url, reason, depth FROM skips WHERE root_id = ?", (self.root_id,)
        )
        return {url.removeprefix(SITE): (reason, depth) for url, reason, depth in rows}

    @property
    def too_deep(self) -> set[str]:
        return {name for name, (reason, _) in self.skips.items() if reason == SkipReason.DEPTH}

    def one(self, sql: str) -> Any:
        return self.library.connection.execute(sql).fetchone()[0]

    def check_sums(self) -> None:
        """Discovered = pages + skips, and the counters equal a recount, at every moment."""
        pages, skips = (
            self.one("SELECT count(*) FROM jobs WHERE parent_id IS NOT NULL"),
            self.one("SELECT count(*) FROM skips"),
        )
        assert self.one("SELECT discovered FROM root_progress") == pages + skips
        assert self.one("SELECT coalesce(sum(n), 0) FROM child_counts") == pages
        assert self.one("SELECT coalesce(sum(n), 0) FROM skip_counts") == skips
        open_pages = self.one(
            "SELECT count(*) FROM jobs WHERE status IN ('pending', 'running') AND parent_id IS NOT NULL"
        )
        assert self.one("SELECT count(*) FROM messages WHERE state <> 'dead'") == open_pages
        assert self.one("SELECT count(*) FROM skips JOIN jobs USING (url)") == 0

    def close(self) -> None:
        self.library.close()


@pytest.fixture
def crawl() -> Iterator[Any]:
    crawls: list[Crawl] = []

    def start(*seeds: str, **config: Any) -> Crawl:
        crawls.append(Crawl(*seeds, **config))
        return crawls[-1]

    yield start
    for each in crawls:
        each.close()


def test_every_link_becomes_a_page_the_moment_it_is_found(crawl):
    site = crawl("a")

    assert site.page("a", "b", "c").new_pages == 2

    assert site.pages == {"a": 0, "b": 1, "c": 1}
    site.receive()
    assert set(site.running) == {"b", "c"}


def test_a_seed_given_twice_is_one_page(crawl):
    assert crawl("a", "b", "a").pages == {"a": 0, "b": 0}


def test_a_url_is_one_page_however_often_it_is_found(crawl):
    site = crawl("a")
    site.page("a", "a", "b", "b", "c")
    assert site.page("b", "a", "b", "c").new_pages == 0

    assert site.pages == {"a": 0, "b": 1, "c": 1}


def test_a_page_goes_to_the_lane_of_its_origin(crawl):
    site = crawl("a")
    site.receive()
    site.finish("a", stored(url("a"), links=["http://other.test:8080/x?y"]))

    assert site.one("SELECT lane FROM messages") == "http://other.test:8080"


def test_depth_counts_links_from_a_seed(crawl):
    site = crawl("a", max_depth=2)
    site.page("a", "b")
    site.page("b", "c")
    site.page("c", "d")

    assert site.pages == {"a": 0, "b": 1, "c": 2}
    assert site.skips == {"d": ("depth", 3)}


def test_depth_nought_fetches_the_seeds_only(crawl):
    site = crawl("a", max_depth=0)
    assert site.page("a", "b").new_pages == 0

    assert (site.pages, site.too_deep) == ({"a": 0}, {"b"})


def test_a_redirect_is_no_link(crawl):
    site = crawl("a", max_depth=1)
    site.redirect("a", "b")
    site.page("b", "c")
    site.redirect("c", "d")

    assert site.pages == {"a": 0, "b": 0, "c": 1, "d": 1}


def test_how_many_redirects_led_to_a_page_travels_with_it(crawl):
    site = crawl("a")
    site.receive()
    site.finish("a", redirected(url("b"), hops=4))
    site.receive()

    assert site.running["b"].job.payload == {"hops": 4}


def test_two_pages_that_redirect_to_each_other_end(crawl):
    site = crawl("a")
    site.redirect("a", "b")
    site.redirect("b", "a")

    assert site.pages == {"a": 0, "b": 0}


# --- a shorter way found later --------------------------------------------------------------------------------------


def test_a_shorter_way_moves_a_waiting_page_closer(crawl):
    site = crawl("a", "s")
    site.page("a", "b")
    site.page("b", "c")
    site.page("s", "c")

    assert site.pages["c"] == 1


def test_a_page_that_runs_meanwhile_places_its_links_by_the_depth_it_has_when_it_is_stored(crawl):
    site = crawl("a", "s", max_depth=2)
    site.page("a", "b")
    site.page("b", "c")
    site.receive()
    site.finish("s", stored(url("s"), links=[url("c")]))

    assert site.running["c"].job.depth == 2
    site.finish("c", stored(url("c"), links=[url("d")]))
    assert (site.pages["c"], site.pages["d"]) == (1, 2)


def test_a_shorter_way_moves_what_lies_behind_stored_pages_and_brings_back_what_was_too_deep(crawl):
    site = crawl("a", "s", max_depth=3)
    site.page("a", "b")
    site.page("b", "c")
    site.page("c", "d")
    site.page("d", "e")
    assert (site.pages["d"], site.too_deep) == (3, {"e"})

    assert site.page("s", "c").new_pages == 1

    assert site.pages == {"a": 0, "s": 0, "b": 1, "c": 1, "d": 2, "e": 3}
    assert site.skips == {}
    site.receive()
    assert set(site.running) == {"e"}


def test_a_shorter_way_reaches_through_redirects(crawl):
    site = crawl("a", "s", max_depth=2)
    site.page("a", "b")
    site.page("b", "c")
    site.redirect("c", "d")
    site.page("d", "e")
    assert site.too_deep == {"e"}

    site.page("s", "c")

    assert site.pages == {"a": 0, "s": 0, "b": 1, "c": 1, "d": 1, "e": 2}


def test_a_shorter_way_does_not_pass_a_page_that_asks_not_to_be_followed(crawl):
    site = crawl("a", "s", max_depth=4)
    site.page("a", "b", "d")
    site.page("b", "c")
    site.page("d", "e")
    site.page("e", "f")
    site.page("f", "g")
    site.page("c", "g", nofollow=True)
    assert site.pages["g"] == 4

    site.page("s", "c")

    assert (site.pages["c"], site.pages["g"]) == (1, 4)


def test_a_page_that_two_shorter_ways_lead_to_moves_once(crawl):
    site = crawl("a", "s", max_depth=9)
    for here, there in (("a", "b"), ("b", "c"), ("d", "x"), ("e", "x"), ("x", "y")):
        site.page(here, *((there, "d", "e") if here == "b" else (there,)))
    assert (site.pages["d"], site.pages["e"], site.pages["x"], site.pages["y"]) == (2, 2, 3, 4)

    site.page("s", "d", "e")

    assert (site.pages["d"], site.pages["e"], site.pages["x"], site.pages["y"]) == (1, 1, 2, 3)


def test_a_circle_of_pages_moves_closer_once(crawl):
    site = crawl("a", "s", max_depth=9)
    site.page("a", "b")
    for here, there in (("b", "c"), ("c", "d"), ("d", "e"), ("e", "c")):
        site.page(here, there)

    site.page("s", "d")

    assert site.pages == {"a": 0, "s": 0, "b": 1, "c": 2, "d": 1, "e": 2}


# --- limits and refusals --------------------------------------------------------------------------------------------


def test_max_pages_is_exact_and_what_it_leaves_out_are_skips(crawl):
    site = crawl("a", max_pages=3)
    assert site.page("a", "b", "c", "d", "e").new_pages == 2
    site.page("b", "f")

    assert list(site.pages) == ["a", "b", "c"]
    assert {name: reason for name, (reason, _) in site.skips.items()} == dict.fromkeys("def", "max_pages")


def test_max_pages_holds_for_seeds_too(crawl):
    site = crawl("a", "b", "c", max_pages=2)

    assert (list(site.pages), list(site.skips)) == (["a", "b"], ["c"])


def test_refused_links_are_skips_with_their_reason_and_where_they_were_found(crawl):
    site = crawl("a")
    site.receive()
    refused = [
        Refusal("https://elsewhere.test/", SkipReason.SCOPE, "host"),
        Refusal(url("x"), SkipReason.EXCLUDED, "*x*"),
    ]
    site.finish("a", stored(url("a"), links=[url("b")], refused=refused))
    site.receive()
    site.finish("b", stored(url("b"), refused=refused))

    rows = site.library.connection.execute(
        "SELECT skips.url, reason, rule, skips.depth, jobs.url FROM skips"
        " JOIN jobs ON jobs.id = skips.found_on ORDER BY 1"
    ).fetchall()
    assert rows == [
        ("https://elsewhere.test/", "scope", "host", 1, url("a")),
        (url("x"), "excluded", "*x*", 1, url("a")),
    ]


def test_what_is_a_page_already_is_not_refused_as_well(crawl):
    site = crawl("a")
    site.receive()
    site.finish("a", stored(url("a"), refused=[Refusal(url("a"), SkipReason.ROBOTS, "x")]))

    assert site.skips == {}


def test_what_was_refused_and_is_followed_later_is_met_once(crawl):
    site = crawl("a")
    site.receive()
    outcome = stored(url("a"), links=[url("b")], refused=[Refusal(url("c"), SkipReason.SCOPE, "host")])
    site.finish("a", outcome)
    site.page("b", "c")

    assert (site.pages, site.skips) == ({"a": 0, "b": 1, "c": 2}, {})


def test_links_found_twice_in_one_page_do_no_harm(crawl):
    site = crawl("a")
    site.receive()
    twice = Discovered(follow=(url("b"), url("b")), refused=(Refusal(url("c"), SkipReason.SCOPE, "host"),) * 2)

    site.finish("a", msgspec.structs.replace(stored(url("a")), discovered=twice))

    assert (site.pages, list(site.skips)) == ({"a": 0, "b": 1}, ["c"])


def test_known_pages_are_found_by_their_unique_index(crawl):
    site = crawl("a")
    statements: set[str] = set()
    site.library.connection.set_trace_callback(statements.add)
    site.page("a", "b")
    site.page("b", "a")
    site.library.connection.set_trace_callback(None)

    (known,) = {s for s in statements if s.startswith("SELECT url") and "json_each" in s and 'a"' in s and "JOIN" in s}
    plan = " / ".join(row[3] for row in site.library.connection.execute(f"EXPLAIN QUERY PLAN {known}"))
    assert "SEARCH jobs USING INDEX jobs_page (root_id=? AND step=? AND url=?)" in plan


# --- whatever the order ---------------------------------------------------------------------------------------------


class Web(msgspec.Struct, frozen=True):
    """A site: for each page its links, or the one that it redirects to, or nothing (it fails or is not followed)."""

    links: Mapping[int, Sequence[int]]
    redirects: Mapping[int, int]
    broken: frozenset[int]
    nofollow: frozenset[int]

    def depths(self, seeds: Sequence[int], deepest: int) -> dict[int, int]:
        """Return how far from a seed each page is; one more than *deepest* for those that are just too deep."""
        found: dict[int, int] = {}
        waiting = deque((seed, 0) for seed in seeds)
        while waiting:
            page, depth = waiting.popleft()
            if found.get(page, depth + 1) <= depth:
                continue
            found[page] = depth
            if depth > deepest or page in self.broken:
                continue
            if page in self.redirects:
                waiting.appendleft((self.redirects[page], depth))
            elif page not in self.nofollow:
                waiting.extend((link, depth + 1) for link in self.links.get(page, ()))
        return found

    def outcome(self, page: int) -> Stored | Any:
        if page in self.broken:
            return Failed(cause=Cause.NOT_FOUND, message="It is not there.", status=404)
        if page in self.redirects:
            return redirected(url(self.redirects[page]))
        links = [url(link) for link in self.links.get(page, ())]
        return stored(url(page), links=links, nofollow=page in self.nofollow)


PAGES = st.integers(0, 11)
webs = st.builds(
    Web,
    links=st.dictionaries(PAGES, st.lists(PAGES, max_size=4), min_size=4),
    redirects=st.dictionaries(PAGES, PAGES, max_size=4),
    broken=st.frozensets(PAGES, max_size=2),
    nofollow=st.frozensets(PAGES, max_size=2),
)


def crawl_in_random_order(web: Web, seeds: Sequence[int], dice: random.Random, **config: Any) -> Crawl:
    crawl = Crawl(*map(str, seeds), **config)
    crawl.receive()
    while crawl.running:
        # Some are received long before they are finished, others only when nothing else is left to do.
        name = dice.choice(sorted(crawl.running))
        crawl.finish(name, web.outcome(int(name)))
        if not crawl.running or dice.random() < 0.7:
            crawl.receive()
    return crawl


@settings(settings.get_profile("quaero"), max_examples=300, derandomize=True)
@given(web=webs, seeds=st.lists(PAGES, min_size=1, max_size=3), deepest=st.integers(0, 4), dice=st.randoms())
def test_in_whatever_order_pages_are_finished_depths_are_the_shortest_and_the_same_pages_are_crawled(
    web, seeds, deepest, dice
):
    expected = web.depths(list(dict.fromkeys(seeds)), deepest)

    crawl = crawl_in_random_order(web, seeds, dice, max_depth=deepest)
    try:
        assert crawl.pages == {str(page): depth for page, depth in expected.items() if depth <= deepest}
        assert crawl.skips == {str(page): ("depth", depth) for page, depth in expected.items() if depth > deepest}
        assert crawl.one("SELECT status FROM jobs WHERE parent_id IS NULL") in ("completed", "failed")
    finally:
        crawl.close()


@settings(settings.get_profile("quaero"), max_examples=150, derandomize=True)
@given(
    web=webs,
    seeds=st.lists(PAGES, min_size=1, max_size=3, unique=True),
    deepest=st.integers(0, 4),
    most=st.integers(1, 8),
    dice=st.randoms(),
)
def test_in_whatever_order_pages_are_finished_max_pages_is_never_passed_and_always_used(
    web, seeds, deepest, most, dice
):
    crawl = crawl_in_random_order(web, seeds, dice, max_depth=deepest, max_pages=most)
    try:
        assert len(crawl.pages) <= most
        if any(reason == SkipReason.MAX_PAGES for reason, _ in crawl.skips.values()):
            assert len(crawl.pages) == most
        assert crawl.one("SELECT status FROM jobs WHERE parent_id IS NULL") in ("completed", "failed")
    finally:
        crawl.close()
