"""New rules for a crawl under way: what is queued and what was skipped is decided anew, and nothing is lost."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quaero_desktop.domain.crawl import CrawlConfig, CrawlScope
from quaero_desktop.domain.errors import NotAllowedError, NotFoundError, UsageError
from quaero_desktop.domain.jobs import Cause, SkipReason
from quaero_desktop.domain.outcomes import Discovered, Failed, Refusal, Stored, Withdrawn
from quaero_desktop.domain.rulechange import RuleChange, RuleChanges
from quaero_desktop.storage.verify import verify
from tests.storage.test_discovery import Crawl, url
from tests.support.outcomes import redirected, stored
from tests.support.plain_library import at_once
from tests.support.used_library import assert_sound

Status = Mapping[str, str]


class RuledCrawl(Crawl):
    """A crawl whose links are decided as the crawler decides them, under the rules that it knew when it began."""

    @property
    def config(self) -> CrawlConfig:
        return msgspec.json.decode(self.one("SELECT config FROM jobs WHERE parent_id IS NULL"), type=CrawlConfig)

    def change(self, **changes: Any) -> tuple[int, int]:
        """Change the rules; return how many were withdrawn and queued."""
        met = self.one("SELECT discovered FROM root_progress")
        change = at_once_change(self, RuleChanges(**changes))
        assert self.one("SELECT discovered FROM root_progress") == met
        self.check_sums()
        self.verify()
        return change.withdrawn, change.queued

    def page(self, name: str, *links: str, config: CrawlConfig | None = None, **more: Any):
        """Receive, and store the page *name* with its *links*, decided under *config* or the rules of now."""
        self.receive()
        return self.finish(name, decided(name, links, config or self.config))

    @property
    def statuses(self) -> Status:
        rows = self.library.connection.execute("SELECT url, status FROM jobs WHERE parent_id IS NOT NULL")
        return {each.removeprefix(url("")): status for each, status in rows}

    def why(self, name: str) -> tuple[str, str]:
        """Return for which reason and by which rule a URL is not fetched."""
        row = self.library.connection.execute(
            "SELECT cause, error FROM jobs WHERE url = :url AND status = 'skipped'"
            " UNION ALL SELECT reason, rule FROM skips WHERE url = :url",
            {"url": url(name)},
        ).fetchone()
        return row[0], row[1]

    @property
    def root_status(self) -> str:
        return self.one("SELECT status FROM jobs WHERE parent_id IS NULL")

    @property
    def log(self) -> list[str]:
        rows = self.library.connection.execute(
            "SELECT message FROM job_logs WHERE job_id = ? ORDER BY id", (self.root_id,)
        )
        return [message for (message,) in rows]

    def verify(self) -> None:
        assert_sound(verify(self.library.connection))


def at_once_change(crawl: Crawl, changes: RuleChanges) -> RuleChange:
    return at_once(crawl.ledger.change_rules(crawl.root_id, changes))


def decided(name: str, links: Sequence[str], config: CrawlConfig) -> Stored:
    scope = CrawlScope(config, config.seeds)
    follow, refused = [], []
    for link in map(url, links):
        verdict = scope.decide(link)
        if verdict.reason is None:
            follow.append(link)
        else:
            refused.append(Refusal(link, verdict.reason, verdict.rule))
    outcome = stored(url(name), links=list(map(url, links)))
    return msgspec.structs.replace(outcome, discovered=Discovered(follow=tuple(follow), refused=tuple(refused)))


@pytest.fixture
def crawl() -> Iterator[Any]:
    crawls: list[RuledCrawl] = []

    def start(*seeds: str, **config: Any) -> RuledCrawl:
        crawls.append(RuledCrawl(*seeds, **config))
        return crawls[-1]

    yield start
    for each in crawls:
        each.verify()
        each.close()


# --- each move ------------------------------------------------------------------------------------------------------


def test_queued_pages_that_do_not_fit_any_more_are_withdrawn_with_the_rule(crawl):
    site = crawl("a")
    site.page("a", "old/1", "old/2", "new")

    assert site.change(exclude=("*/old/*",)) == (2, 0)

    assert site.statuses == {"a": "completed", "old/1": "skipped", "old/2": "skipped", "new": "pending"}
    assert site.why("old/1") == ("excluded", "exclude rule 1: */old/*")
    assert site.log[-1] == "Rules changed: exclude + */old/*; 2 queued pages withdrawn, 0 skipped links queued"
    site.receive()
    assert set(site.running) == {"new"}


def test_withdrawn_pages_that_fit_again_are_queued_for_a_new_attempt(crawl):
    site = crawl("a")
    site.page("a", "old/1", "new")
    site.change(exclude=("*/old/*",))

    assert site.change(exclude=()) == (0, 1)

    assert site.statuses["old/1"] == "pending"
    assert site.log[-1] == "Rules changed: exclude - */old/*; 0 queued pages withdrawn, 1 skipped link queued"
    site.receive()
    assert site.running["old/1"].job.attempt == 2
    site.page("old/1")
    site.page("new")
    assert site.root_status == "completed"


def test_refused_links_that_fit_now_are_queued_as_deep_as_they_were_found(crawl):
    site = crawl("a", exclude=("*/old/*",))
    site.page("a", "old/1", "b", "c")
    site.page("b", "old/2")

    assert site.change(exclude=()) == (0, 2)
    assert site.pages == {"a": 0, "b": 1, "c": 1, "old/1": 1, "old/2": 2}
    assert site.skips == {}


def test_the_shortest_way_to_a_refused_link_counts(crawl):
    site = crawl("a", exclude=("*/x",), max_depth=2)
    site.page("a", "b", "c", "d")
    site.page("b", "deep/b")
    site.page("deep/b", "far/x")
    site.page("c", "far/x")

    assert site.change(exclude=()) == (0, 1)
    assert site.pages["far/x"] == 2


def test_include_and_scope_work_like_exclude(crawl):
    site = crawl("docs/a")
    site.page("docs/a", "docs/b", "blog/c")

    assert site.change(scope="prefix") == (1, 0)
    assert site.why("blog/c") == ("scope", "prefix: site.test/docs/")
    assert site.change(scope="host", include=("/blog/",)) == (1, 1)
    assert site.why("docs/b") == ("not_included", "no include rule matches: /blog/")
    assert site.log[-1].startswith("Rules changed: include + /blog/, scope prefix → host; 1 queued page withdrawn, 1 ")


def test_less_depth_withdraws_and_more_depth_queues(crawl):
    site = crawl("a", max_depth=2)
    site.page("a", "b")
    site.page("b", "c", "z")
    site.page("c", "d")
    assert site.too_deep == {"d"}

    assert site.change(max_depth=3) == (0, 1)
    assert site.pages["d"] == 3
    assert site.change(max_depth=1) == (1, 0)
    assert site.why("d") == ("depth", "deeper than 1")
    assert site.statuses["z"] == "running"


def test_a_page_withdrawn_for_its_depth_comes_back_by_a_shorter_way(crawl):
    site = crawl("a", max_depth=3)
    site.page("a", "b", "z")
    site.page("b", "c")
    site.change(max_depth=1)
    assert site.why("c")[0] == "depth"
    site.receive()
    site.change(max_depth=2, exclude=("*/c",))
    site.change(max_depth=1, exclude=())
    site.finish("z", redirected(url("c")))

    assert (site.statuses["c"], site.pages["c"]) == ("pending", 1)


def test_a_page_withdrawn_for_its_depth_says_so_when_a_shorter_way_finds_no_room_for_it(crawl):
    site = crawl("a", "s", max_depth=3)
    site.page("a", "b")
    site.page("b", "c")
    site.receive()
    site.finish("c", Failed(cause=Cause.CONNECT, message="No.", retryable=True))
    site.change(max_depth=1, max_pages=3)
    assert site.why("c")[0] == "depth"
    site.page("s", "c", "d")

    assert (site.statuses["c"], site.why("c")[0], site.pages["c"]) == ("skipped", "max_pages", 1)


def test_what_moves_closer_and_is_still_too_deep_leads_no_further(crawl):
    site = crawl("a", "s", "t", max_depth=3)
    for here, there in (("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")):
        site.page(here, there)
    site.change(max_depth=1)
    site.page("s", "c")

    assert (site.pages["c"], site.pages["d"], site.why("e")[0]) == (1, 2, "depth")
    assert site.change(max_depth=2) == (0, 0)
    assert site.change(max_depth=3) == (0, 1), "it is one closer than it was"
    assert site.pages["e"] == 3


def test_fewer_pages_withdraw_the_farthest_and_more_pages_queue_the_nearest(crawl):
    site = crawl("a")
    site.page("a", "near", "b", "running")
    site.receive()
    site.finish("near", Failed(cause=Cause.TIMEOUT, message="Too slow.", retryable=True))
    site.page("b", "far")

    assert site.change(max_pages=4) == (1, 0)
    assert (site.statuses["near"], site.statuses["far"]) == ("pending", "skipped")
    assert site.why("far") == ("max_pages", "no more than 4 pages")
    assert site.change(max_pages=2) == (1, 0)
    assert (site.statuses["near"], site.statuses["running"]) == ("skipped", "running")
    assert site.change(max_pages=4) == (0, 1)
    assert (site.statuses["near"], site.statuses["far"]) == ("pending", "skipped")
    assert site.change(max_pages=None) == (0, 1)
    assert "max-pages 4 → no limit" in site.log[-1]


def test_what_is_withdrawn_makes_room(crawl):
    site = crawl("a", max_pages=3)
    site.page("a", "old/1", "b", "c")
    assert site.skips == {"c": ("max_pages", 1)}

    assert site.change(exclude=("/old/",)) == (1, 1)
    assert site.statuses == {"a": "completed", "b": "pending", "old/1": "skipped", "c": "pending"}


def test_the_reason_is_always_that_of_the_rules_of_now(crawl):
    site = crawl("a", exclude=("/x",))
    site.page("a", "x", "y", "b")
    site.change(exclude=("/y", "/x"))
    assert (site.why("x"), site.why("y")) == (
        ("excluded", "exclude rule 2: /x"),
        ("excluded", "exclude rule 1: /y"),
    )
    assert site.change(exclude=(), include=("/b",)) == (0, 0)
    assert site.why("x") == site.why("y") == ("not_included", "no include rule matches: /b")


def test_what_no_rule_of_the_crawl_refused_stays_refused(crawl):
    site = crawl("a", exclude=("/x",))
    site.receive()
    refused = [Refusal(url("r"), SkipReason.ROBOTS, "robots.txt"), Refusal(url("n"), SkipReason.NOFOLLOW, "rel")]
    site.finish("a", stored(url("a"), links=[url("b"), url("c")], refused=refused))
    site.receive()
    site.finish("b", Withdrawn(reason=SkipReason.ROBOTS, rule="robots.txt"))

    assert site.change(exclude=()) == (0, 0)
    assert site.statuses["b"] == "skipped"
    assert set(site.skips) == {"r", "n"}


def test_seeds_are_fetched_whatever_the_rules_say_as_at_the_start(crawl):
    site = crawl("a", "b")
    assert site.change(exclude=("site.test",)) == (0, 0)
    assert site.statuses == {"a": "pending", "b": "pending"}


def test_a_page_keeps_what_its_message_said(crawl):
    site = crawl("a", "b")
    site.redirect("a", "old/1")
    site.change(exclude=("/old/",))
    site.change(exclude=())
    site.receive()
    assert site.running["old/1"].job.payload == {"hops": 1}


def test_a_retry_that_waits_is_withdrawn_too(crawl):
    site = crawl("a")
    site.page("a", "b", "c")
    site.receive()
    site.finish("b", Failed(cause=Cause.TIMEOUT, message="Too slow.", retryable=True))

    assert site.change(exclude=("*/b",)) == (1, 0)
    assert site.change(exclude=()) == (0, 1)


def test_a_crawl_of_which_nothing_is_left_ends(crawl):
    site = crawl("a")
    site.page("a", "b")
    assert site.change(exclude=("*/b",)) == (1, 0)
    assert site.root_status == "completed"
    with pytest.raises(NotAllowedError, match="completed"):
        site.change(exclude=())


# --- what runs meanwhile --------------------------------------------------------------------------------------------


def test_a_page_under_way_may_finish(crawl):
    site = crawl("a")
    site.page("a", "b", "c")
    site.receive()

    assert site.change(exclude=("*/b",)) == (0, 0)
    site.page("b")
    assert site.statuses["b"] == "completed"


def test_a_page_under_way_that_comes_back_is_told_that_it_is_refused(crawl):
    site = crawl("a")
    site.page("a", "b", "c")
    site.receive()
    receipt = site.running.pop("b").delivery.receipt
    site.change(exclude=("*/b",))
    assert at_once(site.ledger.release([receipt])) == 1

    site.receive()
    assert site.running["b"].job.payload == {"refused": ["excluded", "exclude rule 1: */b"]}
    site.change(exclude=())
    receipt = site.running.pop("b").delivery.receipt
    at_once(site.ledger.release([receipt]))
    site.receive()
    assert site.running["b"].job.payload == {}


def test_links_that_were_decided_under_the_old_rules_are_decided_anew(crawl):
    site = crawl("a", exclude=("/old/",))
    site.receive()
    old = site.config
    site.change(exclude=("/new/",))

    site.page("a", "old/1", "new/1", "b", config=old)

    assert site.statuses == {"a": "completed", "old/1": "pending", "b": "pending"}
    assert site.why("new/1") == ("excluded", "exclude rule 1: /new/")


def test_where_a_seed_redirects_to_still_belongs_to_the_scope(crawl):
    site = crawl("a", "b")
    site.receive()
    site.change(max_depth=3)
    site.finish("a", redirected("https://www.site.test/a"))
    assert site.change(exclude=("/x",)) == (0, 0)
    site.receive()
    outcome = stored("https://www.site.test/a", links=["https://www.site.test/c"])
    site.finish("https://www.site.test/a", outcome)
    assert site.statuses["https://www.site.test/c"] == "pending"


# --- when it may be -------------------------------------------------------------------------------------------------


def test_the_same_rules_once_more_change_nothing(crawl):
    site = crawl("a")
    site.page("a", "old/1", "b")
    site.change(exclude=("/old/",), max_depth=4)
    before = site.library.dump()

    assert site.change(exclude=("/old/",)) == (0, 0)
    assert site.library.dump() == before


def test_a_paused_crawl_can_be_changed_and_stays_paused(crawl):
    site = crawl("a")
    site.page("a", "b", "c")
    at_once(site.ledger.pause(site.root_id))
    assert site.change(exclude=("*/b",)) == (1, 0)
    assert site.root_status == "paused"


@pytest.mark.parametrize(
    ("job", "changes", "error"),
    [
        (99, {"max_depth": 1}, NotFoundError),
        (2, {"max_depth": 1}, NotAllowedError),
        (1, {"exclude": ("re:(",)}, UsageError),
        (1, {"max_depth": -1}, UsageError),
        (1, {"max_pages": 0}, UsageError),
    ],
)
def test_what_makes_no_sense_changes_nothing(crawl, job, changes, error):
    site = crawl("a")
    before = site.library.dump()
    with pytest.raises(error):
        at_once(site.ledger.change_rules(job, RuleChanges(**changes)))
    assert site.library.dump() == before


def test_a_root_that_is_no_crawl_has_no_rules_to_change(crawl):
    site = crawl("a")
    site.library.connection.execute("UPDATE jobs SET config = NULL WHERE id = ?", (site.root_id,))
    with pytest.raises(NotAllowedError, match=f"Job {site.root_id} is no crawl"):
        site.change(max_depth=1)


# --- whatever the rules and the moment ------------------------------------------------------------------------------

NAMES = tuple(f"{folder}/{number}" for folder in "xyz" for number in range(4))
links_of_pages = st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=5), min_size=5)
rule_sets = st.fixed_dictionaries(
    {
        "exclude": st.lists(st.sampled_from(["/x/", "/y/", "*1", "*/z/?", "re:[23]$"]), max_size=2).map(tuple),
        "include": st.lists(st.sampled_from(["/x/", "/y/", "*0", "re:[12]$"]), max_size=2).map(tuple),
        "scope": st.sampled_from(["host", "prefix"]),
        "max_depth": st.integers(0, 4),
    }
)


def wanted(web: Mapping[str, Sequence[str]], seed: str, config: CrawlConfig) -> set[str]:
    """Return the pages of a crawl under these rules from the start."""
    scope = CrawlScope(config, config.seeds)
    found, edge = {seed}, [seed]
    for _ in range(config.max_depth):
        links = {link for page in edge for link in web.get(page, ())}
        edge = [link for link in links - found if scope.decide(url(link)).reason is None]
        found.update(edge)
    return found


@settings(settings.get_profile("quaero"), max_examples=150, derandomize=True)
@given(web=links_of_pages, seed=st.sampled_from(NAMES), rules=st.lists(rule_sets, min_size=2, max_size=4),
       dice=st.randoms())  # fmt: skip
def test_whenever_the_rules_change_all_that_the_last_ones_want_is_crawled_and_nothing_else_begins(
    web, seed, rules, dice: random.Random
):
    crawl = RuledCrawl(seed, **rules[0])
    known: dict[str, CrawlConfig] = {}
    waiting = rules[1:]
    late: set[str] = set()
    try:
        crawl.receive()
        known = dict.fromkeys(crawl.running, crawl.config)
        while crawl.running:
            if waiting and dice.random() < 0.4:
                crawl.change(**waiting.pop(0))
            name = dice.choice(sorted(crawl.running))
            crawl.finish(name, decided(name, web.get(name, ()), known[name]))
            if not crawl.running or dice.random() < 0.5:
                before = set(crawl.running)
                crawl.receive()
                new = set(crawl.running) - before
                known |= dict.fromkeys(new, crawl.config)
                late |= new if not waiting else set()
        completed = {name for name, status in crawl.statuses.items() if status == "completed"}
        last = crawl.config
        assert wanted(web, seed, last) <= completed
        scope = CrawlScope(last, last.seeds)
        for name in late - {seed} if not waiting else ():
            assert scope.decide(url(name)).reason is None
            assert crawl.pages[name] <= last.max_depth
        crawl.verify()
    finally:
        crawl.close()


@settings(settings.get_profile("quaero"), max_examples=60, derandomize=True)
@given(web=links_of_pages, seed=st.sampled_from(NAMES), most=st.lists(st.integers(1, 9), min_size=2, max_size=4),
       dice=st.randoms())  # fmt: skip
def test_the_most_pages_of_now_are_never_passed(web, seed, most, dice: random.Random):
    crawl = RuledCrawl(seed, max_pages=most[0])
    waiting = most[1:]
    try:
        crawl.receive()
        while crawl.running:
            if waiting and dice.random() < 0.4:
                crawl.change(max_pages=waiting.pop(0), exclude=(dice.choice(NAMES),))
            name = dice.choice(sorted(crawl.running))
            crawl.finish(name, decided(name, web.get(name, ()), crawl.config))
            begun = sum(status in ("completed", "running") for status in crawl.statuses.values())
            pages = sum(status != "skipped" for status in crawl.statuses.values())
            assert pages <= max(crawl.config.max_pages or 0, begun)
            crawl.receive()
        crawl.verify()
    finally:
        crawl.close()


def test_a_change_looks_at_each_page_once(crawl):
    site = crawl("a")
    site.page("a", *(f"p/{number}" for number in range(300)))
    statements: list[str] = []
    site.library.connection.set_trace_callback(statements.append)
    assert at_once_change(site, RuleChanges(exclude=("/q/",))) == RuleChange(0, 0)
    site.library.connection.set_trace_callback(None)
    assert len(statements) < 25
    assert len(list(site.library.connection.execute("SELECT 1 FROM messages"))) == 300
