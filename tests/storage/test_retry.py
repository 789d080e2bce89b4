"""J10: failed pages run again, each as one attempt more, and a crawl is started once more by its snapshot.

Every test here ends with the invariants of the whole library verified (the fixture `library` does that).
"""

from typing import Any

import msgspec
import pytest

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.errors import NotAllowedError, NotFoundError, UsageError
from quaero_desktop.domain.jobs import Cause, JobType, SkipReason
from quaero_desktop.domain.outcomes import Discovered, Failed, Recorded, SitemapFile
from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.domain.ports import Assignment, NewRoot
from quaero_desktop.domain.queue import NO_PACE
from quaero_desktop.domain.rulechange import RuleChanges
from quaero_desktop.domain.urls import origin_of
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.queries import figures
from quaero_desktop.storage.queue import Queue
from tests.support.outcomes import redirected, stored

SITE = "https://site.test/"
BROKEN = Failed(cause=Cause.HTTP_SERVER_ERROR, message="The server had a problem (503).", status=503, retryable=True)
MISSING = Failed(cause=Cause.NOT_FOUND, message="The page does not exist (404).", status=404)
NOBODY = Failed(cause=Cause.DNS, message="The name “site.test” could not be found.", ends_root=True)


def url(name: object) -> str:
    return f"{SITE}{name}"


class Bench:
    """A crawl over a ledger: what it is answered, and what is kept of it."""

    def __init__(self, library: Any, ledger: Ledger, clock: Any) -> None:
        self.library = library
        self.ledger = ledger
        self.clock = clock
        self.root_id = 0

    async def crawl(self, *names: str, validated: bool = False, **config: Any) -> int:
        """Start a crawl of pages that are tried once."""
        snapshot = CrawlConfig(seeds=tuple(map(url, names)), **{"max_attempts": 1} | config)
        self.root_id = await self.ledger.start(NewRoot(name="a site", config=snapshot, validated=validated))
        return self.root_id

    async def take(self) -> dict[str, Assignment]:
        """Receive all that is ready, by the names of the pages, or the types of what is no page."""
        self.clock.advance(1)
        received = await self.ledger.receive(1_000_000, NO_PACE)
        return {(each.job.url or each.job.type).removeprefix(SITE): each for each in received.assignments}

    async def answer(self, **outcomes: Any) -> set[str]:
        """Receive all that is ready, answer each as given, end what is not named well; return what there was."""
        taken = await self.take()
        for name, assignment in taken.items():
            outcome = outcomes.get(name) or (stored(url(name)) if assignment.job.url else Recorded(result={}))
            if isinstance(outcome, Failed):
                await self.ledger.fail(assignment.delivery.receipt, outcome)
            else:
                await self.ledger.complete(assignment.delivery.receipt, outcome)
        assert outcomes.keys() <= taken.keys()
        return set(taken)

    async def retry(self, **which: Any) -> int:
        self.clock.advance(1)
        return await self.ledger.retry(self.root_id, PageFilter(root_id=self.root_id, **which) if which else None)

    async def id_of(self, name: str) -> int:
        return (await self.row("SELECT id FROM jobs WHERE url = ? AND root_id = ?", url(name), self.root_id))[0]

    async def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return await self.library.read(lambda connection: connection.execute(sql, parameters).fetchall())

    async def row(self, sql: str, *parameters: Any) -> tuple[Any, ...]:
        (row,) = await self.rows(sql, *parameters)
        return row

    async def root(self) -> tuple[Any, ...]:
        return await self.row("SELECT status, attempt, warnings, cause, error FROM jobs WHERE id = ?", self.root_id)

    async def statuses(self) -> dict[str, str]:
        return dict(
            await self.rows(
                "SELECT replace(coalesce(url, type), ?, ''), status FROM jobs WHERE parent_id = ?", SITE, self.root_id
            )
        )

    async def log(self) -> list[str]:
        return [text for (text,) in await self.rows("SELECT message FROM job_logs WHERE job_id = ?", self.root_id)]


@pytest.fixture
def bench(library, ledger, clock) -> Bench:
    return Bench(library, ledger, clock)


# --- Retry ------------------------------------------------------------------------------------------------------------


async def test_failed_pages_of_an_ended_crawl_run_again_and_it_ends_anew(bench):
    await bench.crawl("a", "b", "c")
    await bench.answer(b=BROKEN, c=MISSING)
    assert await bench.root() == ("completed", 1, 2, None, None)

    assert await bench.retry() == 2

    assert await bench.root() == ("pending", 2, 0, None, None)
    assert await bench.row("SELECT started_at, completed_at FROM jobs WHERE id = ?", bench.root_id) == (None, None)
    assert await bench.statuses() == {"a": "completed", "b": "pending", "c": "pending"}
    assert await bench.answer(c=MISSING) == {"b", "c"}
    assert await bench.root() == ("completed", 2, 1, None, None)
    assert (await bench.log())[-2:] == ["Trying again: 2 pages queued", "Completed with 1 warning: 2 pages stored"]


async def test_what_a_retried_page_links_to_is_crawled(bench):
    await bench.crawl("a", "b")
    await bench.answer(b=BROKEN)
    await bench.retry()
    await bench.answer(b=stored(url("b"), links=[url("new")]))
    assert await bench.answer() == {"new"}
    assert (await bench.root())[0] == "completed"


async def test_every_attempt_keeps_its_times_outcome_and_cause(bench):
    await bench.crawl("a", "b")
    await bench.answer(b=BROKEN)
    await bench.retry()
    await bench.answer(b=MISSING)
    await bench.retry()
    await bench.answer()

    attempts = await bench.rows(
        "SELECT attempt, delivery, outcome, cause, http_status, started_at < ended_at OR started_at = ended_at"
        " FROM attempts WHERE job_id = ? ORDER BY attempt, delivery",
        await bench.id_of("b"),
    )
    assert attempts == [
        (1, 1, "failed", "http_5xx", 503, 1),
        (2, 1, "failed", "not_found", 404, 1),
        (3, 1, "completed", None, 200, 1),
    ]
    runs = await bench.rows(
        "SELECT attempt, outcome, started_at, ended_at FROM attempts WHERE job_id = ? ORDER BY attempt", bench.root_id
    )
    assert [run[:2] for run in runs] == [(1, "completed"), (2, "completed")]
    assert runs[0][3] < runs[1][2] <= runs[1][3]
    assert (await bench.root())[:3] == ("completed", 3, 0)


async def test_a_retried_job_tells_nothing_of_the_attempt_before(bench):
    await bench.crawl("a", "b")
    await bench.answer(b=BROKEN)
    await bench.retry()
    row = await bench.row(
        "SELECT attempt, started_at, completed_at, cause, error, http_status, bytes, elapsed_ms, result FROM jobs"
        " WHERE id = ?",
        await bench.id_of("b"),
    )
    assert row == (2, *[None] * 8)


async def test_a_dead_letter_is_replaced_and_its_tries_begin_anew(bench):
    await bench.crawl("a", "b", max_attempts=2)
    await bench.answer(b=BROKEN)
    bench.clock.advance(60)
    await bench.answer(b=BROKEN)
    assert await bench.rows("SELECT state, tries FROM messages") == [("dead", 2)]

    assert await bench.retry() == 1
    assert await bench.rows("SELECT state, tries, lane FROM messages") == [("ready", 0, SITE.rstrip("/"))]
    await bench.answer(b=BROKEN)
    assert await bench.rows("SELECT state, tries FROM messages") == [("delayed", 1)]
    bench.clock.advance(60)
    await bench.answer(b=BROKEN)
    assert await bench.rows("SELECT state, tries FROM messages") == [("dead", 2)]


async def test_only_the_failures_of_a_group_are_retried(bench):
    await bench.crawl("a", "b", "c", "d")
    gateway = msgspec.structs.replace(BROKEN, status=502)
    await bench.answer(b=BROKEN, c=gateway, d=MISSING)

    assert await bench.retry(cause=("http_5xx",), code=(503,)) == 1
    assert await bench.answer() == {"b"}
    assert await bench.retry(cause=("http_5xx",)) == 1
    assert await bench.answer() == {"c"}
    assert await bench.retry(query="site.test/D") == 1
    assert await bench.answer() == {"d"}
    assert await bench.root() == ("completed", 4, 0, None, None)


async def test_a_filter_asks_for_its_own_crawl_and_makes_sense(bench):
    await bench.crawl("a")
    with pytest.raises(UsageError, match="of job 99"):
        await bench.ledger.retry(bench.root_id, PageFilter(root_id=99))
    with pytest.raises(UsageError, match="status"):
        await bench.retry(status=("broken",))


async def test_without_anything_to_retry_nothing_changes(bench):
    await bench.crawl("a", "b")
    await bench.answer(b=MISSING)
    before = await bench.library.read(lambda connection: list(connection.iterdump()))

    assert await bench.retry(cause=("dns",)) == 0
    assert await bench.retry(status=("completed",)) == 0
    assert await bench.ledger.retry(bench.root_id, None, [await bench.id_of("a"), 2**80, -1]) == 0
    assert await bench.ledger.retry(bench.root_id, None, []) == 0
    assert await bench.library.read(lambda connection: list(connection.iterdump())) == before


async def test_pages_of_a_crawl_under_way_are_retried_in_it(bench):
    await bench.crawl("a", "b", "c")
    taken = await bench.take()
    await bench.ledger.fail(taken["b"].delivery.receipt, MISSING)

    assert await bench.retry() == 1
    assert await bench.root() == ("running", 1, 0, None, None)
    for name in ("a", "c"):
        await bench.ledger.complete(taken[name].delivery.receipt, stored(url(name)))
    assert await bench.answer() == {"b"}
    assert await bench.root() == ("completed", 1, 0, None, None)


async def test_a_paused_crawl_stays_paused(bench):
    await bench.crawl("a", "b", "c")
    taken = await bench.take()
    await bench.ledger.fail(taken["b"].delivery.receipt, BROKEN)
    await bench.ledger.pause(bench.root_id, "the host is down")

    assert await bench.retry() == 1
    assert (await bench.root())[0] == "paused"
    assert await bench.take() == {}
    await bench.ledger.resume(bench.root_id)
    assert await bench.answer() == {"b"}
    await bench.ledger.release([taken[name].delivery.receipt for name in ("a", "c")])


async def test_only_what_is_named_is_retried_of_what_was_cancelled(bench):
    await bench.crawl("a", "b", "c", "d")
    taken = await bench.take()
    await bench.ledger.complete(taken["a"].delivery.receipt, stored(url("a"), links=[url("e")]))
    await bench.ledger.fail(taken["b"].delivery.receipt, BROKEN)
    await bench.ledger.cancel(bench.root_id)

    assert await bench.retry() == 1
    assert await bench.answer() == {"b"}
    # One by one, as a person selects them.
    assert await bench.ledger.retry(bench.root_id, None, [await bench.id_of("e")]) == 1
    assert await bench.answer() == {"e"}
    assert await bench.retry(status=("cancelled",)) == 2
    assert await bench.answer() == {"c", "d"}
    assert await bench.rows("SELECT attempt, outcome FROM attempts WHERE job_id = ?", await bench.id_of("e")) == [
        (1, "cancelled"),
        (2, "completed"),
    ]
    assert await bench.rows("SELECT outcome FROM attempts WHERE job_id = ? ORDER BY attempt", bench.root_id) == [
        ("cancelled",),
        ("completed",),
        ("completed",),
    ]


async def test_pages_that_the_rules_leave_out_by_now_are_withdrawn(bench):
    await bench.crawl("a", "old/b", "c")
    taken = await bench.take()
    await bench.ledger.complete(taken["a"].delivery.receipt, stored(url("a"), links=[url("old/d"), url("new/e")]))
    await bench.answer(**{"old/d": BROKEN, "new/e": BROKEN})
    await bench.ledger.fail(taken["old/b"].delivery.receipt, BROKEN)
    await bench.ledger.change_rules(bench.root_id, RuleChanges(exclude=("/old/",)))
    await bench.ledger.complete(taken["c"].delivery.receipt, stored(url("c")))

    # What a person named as the start is fetched whatever the rules say.
    assert await bench.retry() == 2
    assert (await bench.log())[-1] == "Trying again: 2 pages queued; 1 withdrawn by the rules of now"
    assert await bench.row("SELECT status, attempt, cause, error FROM jobs WHERE url = ?", url("old/d")) == (
        "skipped", 2, SkipReason.EXCLUDED, "exclude rule 1: /old/",
    )  # fmt: skip
    assert await bench.answer() == {"old/b", "new/e"}
    assert await bench.root() == ("completed", 2, 0, None, None)


async def test_a_crawl_of_which_all_is_withdrawn_ends_again_at_once(bench):
    await bench.crawl("a")
    taken = await bench.take()
    await bench.ledger.complete(taken["a"].delivery.receipt, stored(url("a"), links=[url("b"), url("c")]))
    taken = await bench.take()
    await bench.ledger.fail(taken["b"].delivery.receipt, BROKEN)
    await bench.ledger.change_rules(bench.root_id, RuleChanges(exclude=("*/b",)))
    await bench.ledger.complete(taken["c"].delivery.receipt, stored(url("c")))
    assert await bench.retry() == 0
    assert await bench.statuses() == {"a": "completed", "b": "skipped", "c": "completed"}
    assert (await bench.root())[:3] == ("completed", 2, 0)


async def test_where_a_seed_redirects_to_is_retried_too(bench):
    await bench.crawl("a")
    elsewhere = "https://elsewhere.test/"
    await bench.answer(a=redirected(elsewhere))
    await bench.answer(**{elsewhere: BROKEN})
    assert await bench.retry() == 1
    ((payload, lane),) = await bench.rows("SELECT payload, lane FROM messages")
    assert (msgspec.json.decode(payload), lane) == ({"hops": 1}, "https://elsewhere.test")
    await bench.answer(**{elsewhere: stored(elsewhere)})


async def test_what_a_message_said_is_said_again_also_when_it_is_gone(bench):
    await bench.crawl("a")
    await bench.answer(a=redirected(url("b")))
    await bench.answer(b=MISSING)
    assert await bench.rows("SELECT * FROM messages") == []

    for _ in range(2):
        await bench.retry()
        taken = await bench.take()
        assert taken["b"].job.payload == {"hops": 1}
        await bench.ledger.fail(taken["b"].delivery.receipt, MISSING)


async def test_a_failed_sitemap_is_read_again(bench):
    await bench.crawl("a", validated=True)
    found = Recorded(result={}, discovered=Discovered(sitemaps=(SitemapFile(url("map.xml"), level=1),)))
    await bench.answer(validate=found)
    await bench.answer(**{"map.xml": MISSING})
    assert (await bench.root())[:3] == ("completed", 1, 1)

    assert await bench.retry(type=(JobType.SITEMAP,)) == 1
    ((kind, payload, priority),) = await bench.rows("SELECT type, payload, priority FROM messages")
    assert (kind, msgspec.json.decode(payload), priority) == ("sitemap", {"level": 1, "named": True, "hops": 0}, 1)
    await bench.answer(**{"map.xml": Recorded(result={"kind": "urlset"})})
    assert (await bench.root())[:3] == ("completed", 2, 0)


async def test_the_check_of_the_start_that_ended_a_crawl_runs_again_with_its_pages(bench):
    await bench.crawl("a", "b", validated=True)
    taken = await bench.take()
    await bench.ledger.fail(taken["validate"].delivery.receipt, NOBODY)
    assert await bench.root() == ("failed", 1, 3, "dns", NOBODY.message)

    assert await bench.retry() == 3
    assert await bench.root() == ("pending", 2, 0, None, None)
    assert await bench.answer() >= {"a", "b"}
    assert (await bench.root())[:3] == ("completed", 2, 0)


async def test_one_page_alone_brings_the_failed_check_with_it(bench):
    await bench.crawl("a", "b", validated=True)
    taken = await bench.take()
    await bench.ledger.fail(taken["validate"].delivery.receipt, NOBODY)

    assert await bench.ledger.retry(bench.root_id, None, [await bench.id_of("a")]) == 1
    assert await bench.answer() == {"a", "validate"}
    assert (await bench.root())[:3] == ("completed", 2, 1)


async def test_a_page_that_is_gone_counts_once_however_often_it_is_asked_for(bench):
    await bench.crawl("a", "b")
    await bench.answer()
    await bench.crawl("a", "b")
    await bench.answer(b=MISSING)
    gone = "SELECT gone_documents FROM root_progress WHERE root_id = ?"
    assert await bench.row(gone, bench.root_id) == (1,)

    assert await bench.retry() == 1
    assert await bench.row(gone, bench.root_id) == (0,)
    await bench.answer(b=MISSING)
    assert await bench.row(gone, bench.root_id) == (1,)

    await bench.retry()
    await bench.answer()
    assert await bench.row(gone, bench.root_id) == (0,)
    assert await bench.rows("SELECT id FROM documents WHERE gone_at IS NOT NULL") == []


async def test_what_killed_the_process_runs_apart_when_it_is_retried(bench):
    await bench.crawl("a", "b")
    await bench.answer(a=stored(url("a")), b=BROKEN)
    await bench.library.write(lambda tx: tx.execute("UPDATE messages SET crashes = 4"))
    await bench.retry()
    assert await bench.rows("SELECT state, crashes FROM messages") == [("alone", 2)]
    assert await bench.answer() == {"b"}


async def test_a_message_that_made_no_sense_is_made_anew(bench):
    await bench.crawl("a", "b")
    await bench.library.write(lambda tx: tx.execute("UPDATE messages SET payload = '[' WHERE id = 1"))
    await bench.answer()
    assert (await bench.statuses())["a"] == "failed"
    await bench.retry()
    assert await bench.answer() == {"a"}


async def test_the_configuration_of_the_crawl_holds_for_its_retries(bench, library):
    await bench.crawl("a", "b", max_attempts=1)
    await bench.answer(b=BROKEN)
    # Another run of the engine, whose settings are others.
    bench.ledger = Ledger(library, Queue(owner="another"))
    await bench.retry()
    await bench.answer(b=BROKEN)
    assert (await bench.statuses())["b"] == "failed"


async def test_the_pace_of_a_retry_is_its_own(bench, library, clock):
    await bench.crawl(*(f"p{number}" for number in range(99)), "b")
    await bench.answer(b=BROKEN)
    clock.advance(3600)
    await bench.retry()
    taken = await bench.take()
    clock.advance(2)
    await bench.ledger.complete(taken["b"].delivery.receipt, stored(url("b")))
    details = await library.read(lambda c: figures.root_details(c, bench.root_id, now=clock.now_ms()))
    assert details.pages_per_second == pytest.approx(0.5)
    assert (details.documents, details.job.attempt) == (100, 2)


async def test_the_lane_of_a_message_is_the_origin_of_its_page(bench):
    addresses = ["https://a.test/", "http://b.test:8080/x/y?q=https://c.test/", "https://[::1]/", "http://x.test/?/"]
    root = NewRoot(name="", config=CrawlConfig(seeds=tuple(addresses), max_attempts=1))
    bench.root_id = await bench.ledger.start(root)
    await bench.answer(**dict.fromkeys(addresses, MISSING))
    await bench.retry()
    lanes = await bench.rows("SELECT url, lane FROM messages JOIN jobs ON jobs.id = job_id")
    assert dict(lanes) == {address: origin_of(address) for address in addresses}


async def test_a_retry_is_one_commit_however_many_pages_there_are(bench):
    await bench.crawl("a")
    await bench.answer(a=stored(url("a"), links=[url(number) for number in range(2_000)]))
    await bench.answer(**{str(number): MISSING for number in range(2_000)})
    before = bench.library.revision
    assert await bench.retry() == 2_000
    assert bench.library.revision == before + 1


async def test_a_deleted_page_is_not_retried(bench):
    await bench.crawl("a", "b", "c")
    await bench.answer(b=BROKEN, c=BROKEN)
    page = await bench.id_of("b")
    await bench.library.write(lambda tx: tx.execute("UPDATE jobs SET trashed_at = ? WHERE id = ?", (tx.now, page)))
    assert await bench.retry() == 1
    assert await bench.answer() == {"c"}
    await bench.library.write(lambda tx: tx.execute("UPDATE jobs SET trashed_at = NULL WHERE id = ?", (page,)))


async def test_what_cannot_be_retried_says_why(bench):
    await bench.crawl("a")
    with pytest.raises(NotFoundError, match="no job 99"):
        await bench.ledger.retry(99)
    with pytest.raises(NotFoundError):
        await bench.ledger.retry(2**80)
    with pytest.raises(NotAllowedError, match="a page of job 1"):
        await bench.ledger.retry(await bench.id_of("a"))
    await bench.library.write(lambda tx: tx.execute("UPDATE jobs SET trashed_at = 1 WHERE id = 1"))
    with pytest.raises(NotAllowedError, match="in the trash"):
        await bench.ledger.retry(bench.root_id)
    await bench.library.write(lambda tx: tx.execute("UPDATE jobs SET trashed_at = NULL WHERE id = 1"))


# --- Rerun ------------------------------------------------------------------------------------------------------------


async def test_a_rerun_is_a_new_root_by_the_stored_snapshot(bench):
    await bench.library.write(
        lambda tx: tx.execute(
            "INSERT INTO sources (id, name, base_url, created_at, updated_at) VALUES (7, 's', ?, 0, 0)", (SITE,)
        )
    )
    await bench.library.write(
        lambda tx: tx.execute(
            "INSERT INTO definitions (id, name, body, created_at, updated_at) VALUES (5, 'd', '{}', 0, 0)"
        )
    )
    config = CrawlConfig(seeds=(url("a"),), max_depth=2, exclude=("token=hunter2secret",), delay_ms=7, per_host=3)
    first = await bench.ledger.start(
        NewRoot(name="a site", config=config, source_id=7, definition_id=5, validated=True)
    )
    second = await bench.ledger.rerun(first)

    columns = "type, status, name, config, source_id, definition_id, rerun_of"
    assert await bench.row(f"SELECT {columns} FROM jobs WHERE id = ?", second) == (
        *(await bench.row(f"SELECT {columns} FROM jobs WHERE id = ?", first))[:-1],
        first,
    )
    (stored_config,) = await bench.row("SELECT config FROM jobs WHERE id = ?", second)
    assert msgspec.json.decode(stored_config, type=CrawlConfig) == config
    assert await bench.rows("SELECT type, url FROM jobs WHERE parent_id = ? ORDER BY id", second) == [
        (JobType.VALIDATE, None),
        (JobType.CRAWLER_URL, url("a")),
    ]
    bench.root_id = second
    assert (await bench.log())[0] == f"Started again, as job {first} was with {url('a')}"


async def test_a_rerun_goes_by_the_rules_of_now(bench):
    first = await bench.crawl("a")
    await bench.ledger.change_rules(first, RuleChanges(exclude=("/old/",)))
    second = await bench.ledger.rerun(first)
    assert (await bench.ledger.plan(second)).config.exclude == ("/old/",)


async def test_what_cannot_be_run_again_says_why(bench):
    root_id = await bench.crawl("a")
    with pytest.raises(NotAllowedError, match="only a whole crawl") as refused:
        await bench.ledger.rerun(await bench.id_of("a"))
    assert "Retry" in refused.value.hint
    with pytest.raises(NotFoundError):
        await bench.ledger.rerun(99)
    await bench.ledger.cancel(root_id)
    await bench.library.write(lambda tx: tx.execute("UPDATE jobs SET config = '{\"seeds\": 5}' WHERE id = 1"))
    with pytest.raises(NotAllowedError, match="cannot be read"):
        await bench.ledger.rerun(root_id)
    await bench.library.write(lambda tx: tx.execute("UPDATE jobs SET config = NULL, origin = 'legacy' WHERE id = 1"))
    with pytest.raises(NotAllowedError, match="imported"):
        await bench.ledger.rerun(root_id)
    with pytest.raises(NotAllowedError, match="imported"):
        await bench.ledger.retry(root_id)
    await bench.library.write(lambda tx: tx.execute("UPDATE jobs SET origin = 'quaero' WHERE id = 1"))
