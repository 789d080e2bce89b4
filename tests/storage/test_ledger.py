"""The ledger, by the numbers of the features: each of its operations is one whole transaction. See also test_discovery.

Every test here ends with the invariants of the whole library verified (the fixture `library` does that).
"""

import asyncio
import random
import sqlite3
from typing import Any

import pytest

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.errors import NotAllowedError, NotFoundError, RootClosedError, StaleReceiptError
from quaero_desktop.domain.jobs import Cause, JobType, SkipReason, Status
from quaero_desktop.domain.outcomes import Discovered, Failed, Recorded, Refusal, Withdrawn
from quaero_desktop.domain.ports import Assignment, NewRoot, Recovery
from quaero_desktop.domain.queue import NO_PACE, NewMessage, Turns
from quaero_desktop.storage.jobs.backoff import Backoff
from quaero_desktop.storage.jobs.settling import Settling
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.queue import Queue, dead_letters
from tests.support.outcomes import redirected, stored

SITE = "https://site.test/"
LANE = "https://site.test"


def url(name: object) -> str:
    return f"{SITE}{name}"


def new_root(*names: str, **config: Any) -> NewRoot:
    return NewRoot(name="a site", config=CrawlConfig(seeds=tuple(url(name) for name in names or ("a",)), **config))


class Bench:
    """A ledger, what it received, and what can be read of it."""

    def __init__(self, library: Any, ledger: Ledger, queue: Queue, clock: Any) -> None:
        self.library = library
        self.ledger = ledger
        self.queue = queue
        self.clock = clock
        self.runs = 1

    async def start(self, *names: str, **config: Any) -> int:
        return await self.ledger.start(new_root(*names, **config))

    async def take(self, n: int = 100, turns: Turns = NO_PACE) -> dict[str, Assignment]:
        """Receive up to *n* pages and return them by their names."""
        received = await self.ledger.receive(n, turns)
        return {str(a.job.url).removeprefix(SITE): a for a in received.assignments}

    async def take_one(self) -> Assignment:
        (assignment,) = (await self.take(1)).values()
        return assignment

    async def started_page(self, **config: Any) -> Assignment:
        await self.start(**config)
        return await self.take_one()

    async def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return await self.library.read(lambda connection: connection.execute(sql, parameters).fetchall())

    async def row(self, sql: str, *parameters: Any) -> tuple[Any, ...]:
        (row,) = await self.rows(sql, *parameters)
        return row

    async def status(self, job_id: int) -> str:
        return (await self.row("SELECT status FROM jobs WHERE id = ?", job_id))[0]

    async def log(self, job_id: int) -> list[str]:
        return [
            text for (text,) in await self.rows("SELECT message FROM job_logs WHERE job_id = ? ORDER BY id", job_id)
        ]

    async def attempts(self, job_id: int) -> list[tuple[str, str | None]]:
        return await self.rows("SELECT outcome, cause FROM attempts WHERE job_id = ? ORDER BY delivery", job_id)

    async def dead(self) -> list[str]:
        return [letter.reason for letter in await self.library.read(lambda c: dead_letters(c, "jobs"))]

    async def dump(self) -> list[str]:
        return await self.library.read(lambda connection: list(connection.iterdump()))

    def die(self) -> None:
        """Let the engine's process die; the next one has another identity and remembers nothing."""
        self.runs += 1
        self.queue = Queue(owner=f"engine-{self.runs}")
        self.ledger = Ledger(self.library, self.queue, backoff=Backoff(), rng=random.Random(0))


@pytest.fixture
def bench(library, ledger, queue, clock) -> Bench:
    return Bench(library, ledger, queue, clock)


def failure(cause: Cause = Cause.HTTP_SERVER_ERROR, **more: Any) -> Failed:
    fields: dict[str, Any] = {"message": "The server is in trouble (503).", "status": 503, "retryable": True}
    return Failed(cause=cause, **fields | more)


NOT_FOUND = Failed(cause=Cause.NOT_FOUND, message="There is no such page (404).", status=404)


# --- J1: a crawl starts ---------------------------------------------------------------------------------------------


async def test_a_start_stores_root_pages_messages_and_log_in_one_transaction(bench):
    before = bench.library.revision

    root_id = await bench.start("a", "b")

    assert bench.library.revision == before + 1
    assert await bench.rows(
        "SELECT parent_id, root_id, type, status, name, url, depth, attempt FROM jobs ORDER BY id"
    ) == [
        (None, None, "crawl", "pending", "a site", None, 0, 1),
        (root_id, root_id, "crawler_url", "pending", None, url("a"), 0, 1),
        (root_id, root_id, "crawler_url", "pending", None, url("b"), 0, 1),
    ]
    assert await bench.rows("SELECT job_id, root_id, lane, type, state FROM messages ORDER BY id") == [
        (root_id + 1, root_id, LANE, "crawler_url", "ready"),
        (root_id + 2, root_id, LANE, "crawler_url", "ready"),
    ]
    assert await bench.log(root_id) == [f"Started with {url('a')}, {url('b')}"]
    assert await bench.rows("SELECT type, status, n FROM child_counts") == [("crawler_url", "pending", 2)]


async def test_a_start_that_fails_leaves_nothing(bench):
    before = await bench.dump()

    with pytest.raises(sqlite3.IntegrityError):
        await bench.ledger.start(NewRoot(name="x", config=CrawlConfig(seeds=(url("a"),)), source_id=99))

    assert await bench.dump() == before


async def test_the_configuration_is_kept_as_it_was_given(bench):
    config = CrawlConfig(seeds=(url("a"),), scope="prefix", include=("*docs*",), max_depth=2, max_pages=7, delay_ms=0)

    root_id = await bench.ledger.start(NewRoot(name="x", config=config))

    plan = await bench.ledger.plan(root_id)
    assert (plan.id, plan.config, plan.scope_roots) == (root_id, config, (url("a"),))


async def test_pages_that_seeds_redirect_to_span_the_scope_too(bench):
    page = await bench.started_page()
    await bench.ledger.complete(page.delivery.receipt, redirected(url("b")))

    assert (await bench.ledger.plan(page.job.root_id)).scope_roots == (url("a"), url("b"))


@pytest.mark.parametrize("job_id", [2, 99])
async def test_only_a_root_has_a_plan(bench, job_id):
    await bench.start()

    with pytest.raises(NotFoundError):
        await bench.ledger.plan(job_id)


# --- receive --------------------------------------------------------------------------------------------------------


async def test_receiving_marks_the_pages_and_their_root_running(bench, clock):
    root_id = await bench.start("a", "b")
    clock.advance(5)

    page = await bench.take_one()

    assert (page.job.id, page.job.root_id, page.job.type, page.job.url, page.job.depth, page.job.attempt) == (
        root_id + 1, root_id, "crawler_url", url("a"), 0, 1,
    )  # fmt: skip
    now = clock.now_ms()
    assert await bench.rows("SELECT status, started_at FROM jobs ORDER BY id") == [
        ("running", now),
        ("running", now),
        ("pending", None),
    ]
    assert await bench.row("SELECT current_url, heartbeat_at FROM root_progress") == (url("a"), now)


async def test_a_page_whose_lease_ended_is_pending_until_somebody_receives_it_again(bench, clock):
    page = await bench.started_page()
    clock.advance(60)

    assert await bench.take(1, Turns(only=frozenset())) == {}
    assert await bench.status(page.job.id) == "pending"
    assert (await bench.take_one()).delivery.tries == 2


async def test_a_page_whose_message_does_not_decode_fails_and_the_others_run(bench):
    root_id = await bench.start("a", "b")
    await bench.library.write(
        lambda tx: tx.execute("UPDATE messages SET payload = 'x' WHERE job_id = ?", (root_id + 1,))
    )

    assert list(await bench.take()) == ["b"]

    assert await bench.row("SELECT status, cause FROM jobs WHERE id = ?", root_id + 1) == ("failed", "bad_payload")
    assert await bench.dead() == ["its payload is not a JSON object"]


async def test_a_root_whose_last_page_turns_out_to_be_dead_ends_and_is_named(bench):
    root_id = await bench.start()
    await bench.library.write(lambda tx: tx.execute("UPDATE messages SET payload = 'x'"))

    received = await bench.ledger.receive(1, NO_PACE)

    assert (received.assignments, received.ended) == ((), (root_id,))
    assert await bench.status(root_id) == "failed"


async def test_a_message_of_no_job_becomes_a_dead_letter_and_holds_up_nobody(bench):
    await bench.library.write(lambda tx: bench.queue.send(tx, NewMessage(type="stray")))
    await bench.start()

    assert list(await bench.take()) == ["a"]
    assert await bench.dead() == ["it belongs to no job"]


async def test_a_message_of_no_job_that_makes_no_sense_holds_up_nobody_either(bench):
    await bench.library.write(lambda tx: bench.queue.send(tx, NewMessage(type="stray")))
    await bench.library.write(lambda tx: tx.execute("UPDATE messages SET payload = '{'"))
    await bench.start()

    assert list(await bench.take()) == ["a"]
    assert len(await bench.dead()) == 1


async def test_a_crawl_whose_set_up_cannot_be_read_goes_on_under_the_defaults(bench):
    root_id = await bench.start(max_attempts=1)
    await bench.library.write(lambda tx: tx.execute("UPDATE jobs SET config = '[]' WHERE id = ?", (root_id,)))
    bench.die()
    page = await bench.take_one()

    assert (await bench.ledger.plan(root_id)).config == CrawlConfig(seeds=())
    assert (await bench.ledger.fail(page.delivery.receipt, failure())).retry_at is not None
    assert await bench.status(root_id) == "running"


async def test_what_waits_is_told(bench, clock):
    page = await bench.started_page()
    settled = await bench.ledger.fail(page.delivery.receipt, failure())

    assert (await bench.ledger.receive(1, NO_PACE)).next_due == settled.retry_at


# --- complete -------------------------------------------------------------------------------------------------------


async def test_completing_stores_the_whole_outcome_in_one_transaction(bench, clock):
    page = await bench.started_page()
    clock.advance(2)
    before = bench.library.revision

    settled = await bench.ledger.complete(
        page.delivery.receipt, stored(url("a"), "The text", [url("b"), url("c")], title="A page", wire_bytes=2_500)
    )

    assert bench.library.revision == before + 1
    assert (settled.root_id, settled.new_pages, settled.root_status) == (page.job.root_id, 2, None)
    assert await bench.row(
        "SELECT status, completed_at, http_status, bytes, elapsed_ms, cause, error, documents.url FROM jobs"
        " JOIN documents ON documents.id = document_id"
    ) == ("completed", clock.now_ms(), 200, 2_500, 12, None, None, url("a"))
    assert await bench.rows("SELECT status, n FROM child_counts WHERE n > 0 ORDER BY 1") == [
        ("completed", 1),
        ("pending", 2),
    ]
    assert await bench.row("SELECT discovered, documents, bytes FROM root_progress") == (3, 1, 2_500)
    assert await bench.rows("SELECT state FROM messages") == [("ready",)] * 2
    assert await bench.log(page.job.id) == ["Stored “A page” (200, 2.5 kB, 12 ms, 2 new links)"]
    assert await bench.rows("SELECT delivery, started_at, ended_at, outcome FROM attempts") == [
        (1, clock.now_ms() - 2_000, clock.now_ms(), "completed")
    ]


async def test_a_page_that_lost_something_on_the_way_says_so(bench):
    page = await bench.started_page()

    await bench.ledger.complete(page.delivery.receipt, stored(url("a"), truncated=True))

    (line,) = await bench.rows("SELECT level, message FROM job_logs WHERE job_id = ?", page.job.id)
    assert line[0] == 2
    assert "something of it was lost" in line[1]


async def test_a_page_without_a_document_keeps_its_reason(bench):
    page = await bench.started_page()

    await bench.ledger.complete(
        page.delivery.receipt,
        Recorded(result={"content_type": "image/png"}, message="Not stored: image/png", status=200),
    )

    assert await bench.row("SELECT status, document_id, result FROM jobs WHERE id = ?", page.job.id) == (
        "completed", None, '{"content_type":"image/png"}',
    )  # fmt: skip
    assert await bench.log(page.job.id) == ["Not stored: image/png"]


async def test_a_page_that_robots_forbids_is_skipped(bench):
    await bench.start("a", "b")
    pages = await bench.take()
    await bench.ledger.complete(pages["a"].delivery.receipt, Withdrawn(reason=SkipReason.ROBOTS, rule="robots.txt: /a"))

    assert await bench.row("SELECT status, cause, error FROM jobs WHERE url = ?", url("a")) == (
        "skipped", "robots", "robots.txt: /a",
    )  # fmt: skip
    assert await bench.rows("SELECT 1 FROM messages WHERE job_id = ?", pages["a"].job.id) == []


async def test_a_page_is_done_exactly_once(bench):
    page = await bench.started_page()
    await bench.ledger.complete(page.delivery.receipt, stored(url("a"), links=[url("b")]))
    before = await bench.dump()

    with pytest.raises(StaleReceiptError):
        await bench.ledger.complete(page.delivery.receipt, stored(url("a"), links=[url("b")]))

    assert await bench.dump() == before


# --- J2: once for each URL ------------------------------------------------------------------------------------------


async def test_two_pages_that_find_the_same_url_at_the_same_time_make_one_page(bench):
    await bench.start("a", "b")
    pages = await bench.take()

    settled = await asyncio.gather(
        *(bench.ledger.complete(pages[name].delivery.receipt, stored(url(name), links=[url("c")])) for name in "ab")
    )

    assert sorted(each.new_pages for each in settled) == [0, 1]
    assert await bench.rows("SELECT count(*) FROM jobs WHERE url = ?", url("c")) == [(1,)]


async def test_the_database_itself_refuses_a_second_page_of_a_url(bench):
    root_id = await bench.start()

    def second(tx: Any, step: int = 0) -> None:
        tx.execute(
            "INSERT INTO jobs (parent_id, root_id, type, status, step, url, created_at, completed_at, revision, result)"
            " VALUES (?, ?, 'crawler_url', 'completed', ?, ?, 0, 0, 0, '{}')",
            (root_id, root_id, step, url("a")),
        )

    with pytest.raises(sqlite3.IntegrityError):
        await bench.library.write(second)


async def test_the_same_url_in_two_crawls_is_two_pages_and_one_document(bench):
    for _ in range(2):
        page = await bench.started_page()
        await bench.ledger.complete(page.delivery.receipt, stored(url("a")))

    assert await bench.rows("SELECT count(*), count(DISTINCT document_id) FROM jobs WHERE url IS NOT NULL") == [(2, 1)]
    assert await bench.rows("SELECT version FROM documents") == [(1,)]


# --- J2a: how a crawl ends ------------------------------------------------------------------------------------------


async def finish_all(bench: Bench, outcomes: dict[str, Any]) -> None:
    while pages := await bench.take():
        for name, page in pages.items():
            outcome = outcomes[name]
            end = bench.ledger.fail if isinstance(outcome, Failed) else bench.ledger.complete
            await end(page.delivery.receipt, outcome)


async def root_end(bench: Bench, root_id: int) -> tuple[Any, ...]:
    return await bench.row("SELECT status, warnings, error, cause FROM jobs WHERE id = ?", root_id)


async def test_a_crawl_that_stored_something_is_completed_with_a_warning_for_each_failure(bench, clock):
    root_id = await bench.start()
    gone = [url(f"gone {i}") for i in range(3)]

    await finish_all(bench, {"a": stored(url("a"), links=gone)} | {f"gone {i}": NOT_FOUND for i in range(3)})

    assert await root_end(bench, root_id) == ("completed", 3, None, None)
    assert (await bench.log(root_id))[-1] == "Completed with 3 warnings: 1 page stored"
    assert await bench.row("SELECT completed_at FROM jobs WHERE id = ?", root_id) == (clock.now_ms(),)
    assert await bench.row("SELECT current_url FROM root_progress") == (None,)


async def test_the_outcome_that_ends_the_crawl_says_so(bench):
    page = await bench.started_page()

    settled = await bench.ledger.complete(page.delivery.receipt, stored(url("a")))

    assert settled.root_status == Status.COMPLETED


@pytest.mark.parametrize(
    ("outcome", "error", "cause"),
    [
        (NOT_FOUND, "No page could be stored. There is no such page (404).", "not_found"),
        (
            Withdrawn(reason=SkipReason.ROBOTS, rule="robots.txt: Disallow: /"),
            "No page could be stored. Left out by robots.txt: Disallow: /",
            "robots",
        ),
        (Recorded(result={"reason": "not text"}), "No page could be stored: what was found there is no text.", None),
    ],
)
async def test_a_crawl_that_stored_nothing_failed_and_says_why(bench, outcome, error, cause):
    root_id = await bench.start()

    await finish_all(bench, {"a": outcome})

    assert await root_end(bench, root_id) == ("failed", 1 if outcome is NOT_FOUND else 0, error, cause)


async def test_a_crawl_names_its_most_frequent_failure(bench):
    root_id = await bench.start("a", "b", "c")

    await finish_all(bench, {"a": failure(retryable=False), "b": NOT_FOUND, "c": NOT_FOUND})

    assert (await root_end(bench, root_id))[2] == "No page could be stored. There is no such page (404)."


# --- J6, Q3: failing ------------------------------------------------------------------------------------------------


async def test_a_page_that_is_not_there_fails_at_once_and_leaves_no_message(bench):
    page = await bench.started_page()

    settled = await bench.ledger.fail(page.delivery.receipt, NOT_FOUND)

    assert (settled.dead, settled.retry_at) == (False, None)
    assert await bench.row("SELECT status, cause, error, http_status FROM jobs WHERE id = ?", page.job.id) == (
        "failed", "not_found", "There is no such page (404).", 404,
    )  # fmt: skip
    assert await bench.rows("SELECT * FROM messages") == []
    assert await bench.attempts(page.job.id) == [("failed", "not_found")]


async def test_a_failure_that_may_pass_is_tried_again_after_a_backoff(bench, clock):
    page = await bench.started_page()

    settled = await bench.ledger.fail(page.delivery.receipt, failure())

    assert settled.retry_at is not None
    wait = settled.retry_at - clock.now_ms()
    assert 1_000 <= wait <= 2_000
    assert await bench.status(page.job.id) == "pending"
    assert await bench.attempts(page.job.id) == [("retried", "http_5xx")]
    clock.advance((wait - 1) / 1000)
    assert await bench.take() == {}
    clock.advance(0.001)
    assert (await bench.take_one()).delivery.tries == 2


async def test_a_retry_never_comes_before_the_server_asked_for_it(bench, clock):
    page = await bench.started_page()

    settled = await bench.ledger.fail(page.delivery.receipt, failure(retry_after_ms=3_600_000))

    assert settled.retry_at == clock.now_ms() + 3_600_000
    clock.advance(3_599)
    assert await bench.take() == {}


async def test_waits_grow_from_try_to_try(bench, clock):
    await bench.start(max_attempts=9)
    waits = []
    for _ in range(8):
        page = await bench.take_one()
        settled = await bench.ledger.fail(page.delivery.receipt, failure())
        assert settled.retry_at is not None
        waits.append(settled.retry_at - clock.now_ms())
        clock.advance(waits[-1] / 1000)

    assert all(2_000 * 2**i / 2 <= wait <= 2_000 * 2**i for i, wait in enumerate(waits))


async def test_when_all_tries_are_used_up_the_page_fails_and_its_message_is_a_dead_letter(bench, clock):
    await bench.start(max_attempts=3)
    for _ in range(2):
        await bench.ledger.fail((await bench.take_one()).delivery.receipt, failure())
        clock.advance(600)

    page = await bench.take_one()
    settled = await bench.ledger.fail(page.delivery.receipt, failure())

    assert (settled.dead, settled.root_status) == (True, Status.FAILED)
    assert await bench.row("SELECT status, cause FROM jobs WHERE id = ?", page.job.id) == ("failed", "http_5xx")
    assert await bench.dead() == ["The server is in trouble (503)."]
    assert await bench.attempts(page.job.id) == [
        ("retried", "http_5xx"),
        ("retried", "http_5xx"),
        ("failed", "http_5xx"),
    ]


@pytest.mark.parametrize("cause", [Cause.NO_EXECUTOR, Cause.BAD_PAYLOAD, Cause.EXECUTOR_ERROR])
async def test_a_failure_that_says_nothing_about_the_page_leaves_a_dead_letter_at_once(bench, cause):
    page = await bench.started_page()
    message = "no executor registered for job type crawler_url"

    settled = await bench.ledger.fail(page.delivery.receipt, Failed(cause=cause, message=message))

    assert settled.dead
    assert await bench.dead() == [message]
    assert await bench.row("SELECT status, cause, error FROM jobs WHERE id = ?", page.job.id) == (
        "failed",
        cause,
        message,
    )


async def test_a_fault_of_the_host_lets_its_whole_lane_rest(bench, clock):
    await bench.start("a", "b")
    page = await bench.take_one()

    await bench.ledger.fail(page.delivery.receipt, failure(hold_ms=30_000))

    clock.advance(29.999)
    assert await bench.take() == {}
    clock.advance(0.001)
    assert set(await bench.take()) == {"a", "b"}


@pytest.mark.parametrize("retryable", [True, False])
async def test_a_message_that_cannot_be_stored_as_it_is_does_not_keep_the_page_from_failing(bench, retryable):
    page = await bench.started_page(max_attempts=1 + retryable)

    await bench.ledger.fail(page.delivery.receipt, failure(message="bad \ud800 \x00 text", retryable=retryable))

    assert await bench.rows("SELECT error FROM attempts") == [("bad \ufffd \ufffd text",)]


# --- Q2: who comes too late -----------------------------------------------------------------------------------------

TOO_LATE: dict[str, Any] = {
    "complete": lambda ledger, receipt: ledger.complete(receipt, stored(url("a"), links=[url("b"), url("c")])),
    "record": lambda ledger, receipt: ledger.complete(receipt, redirected(url("b"))),
    "withdraw": lambda ledger, receipt: ledger.complete(receipt, Withdrawn(reason=SkipReason.ROBOTS, rule="x")),
    "retry": lambda ledger, receipt: ledger.fail(receipt, failure(hold_ms=99)),
    "fail": lambda ledger, receipt: ledger.fail(receipt, NOT_FOUND),
    "snooze": lambda ledger, receipt: ledger.snooze(receipt, 2_000_000_000_000, "not now"),
}


@pytest.mark.parametrize("operation", TOO_LATE.values(), ids=TOO_LATE.keys())
async def test_who_comes_too_late_stores_nothing_at_all(bench, clock, operation):
    late = await bench.started_page()
    clock.advance(60)
    assert (await bench.take_one()).job.id == late.job.id
    before = await bench.dump()

    with pytest.raises(StaleReceiptError):
        await operation(bench.ledger, late.delivery.receipt)

    assert await bench.dump() == before


@pytest.mark.parametrize("operation", TOO_LATE.values(), ids=TOO_LATE.keys())
async def test_what_comes_after_a_cancel_is_discarded(bench, operation):
    page = await bench.started_page()
    await bench.ledger.cancel(page.job.root_id)
    before = await bench.dump()

    with pytest.raises(StaleReceiptError):
        await operation(bench.ledger, page.delivery.receipt)

    assert await bench.dump() == before


async def test_what_comes_after_the_root_went_to_the_trash_is_discarded(bench):
    page = await bench.started_page()
    await bench.library.write(lambda tx: tx.execute("UPDATE jobs SET trashed_at = 1 WHERE parent_id IS NULL"))
    before = await bench.dump()

    with pytest.raises(RootClosedError):
        await bench.ledger.complete(page.delivery.receipt, stored(url("a")))

    assert await bench.dump() == before


async def test_extending_keeps_leases_and_says_which_were_lost(bench, clock):
    await bench.start("a", "b")
    pages = await bench.take()
    await bench.ledger.complete(pages["b"].delivery.receipt, stored(url("b")))
    clock.advance(50)

    receipts = [page.delivery.receipt for page in pages.values()]
    assert await bench.ledger.extend(receipts) == [pages["b"].delivery.receipt]

    clock.advance(50)
    assert await bench.take() == {}
    assert await bench.row("SELECT heartbeat_at FROM root_progress") == (clock.now_ms() - 50_000,)


# --- Q3: giving back ------------------------------------------------------------------------------------------------


async def test_what_a_clean_stop_gives_back_does_not_count_as_a_try(bench):
    await bench.start("a", "b")
    pages = await bench.take()
    receipts = [page.delivery.receipt for page in pages.values()]

    assert await bench.ledger.release(receipts) == 2
    assert await bench.ledger.release(receipts) == 0, "nobody holds them any more"

    assert await bench.rows("SELECT status FROM jobs WHERE url IS NOT NULL") == [("pending",)] * 2
    assert await bench.attempts(pages["a"].job.id) == [("released", None)]
    assert {page.delivery.tries for page in (await bench.take()).values()} == {1}


async def test_a_root_in_the_trash_does_not_keep_others_from_being_given_back(bench):
    first, second = await bench.started_page(), await bench.started_page()
    await bench.library.write(
        lambda tx: tx.execute("UPDATE jobs SET trashed_at = 1 WHERE id = ?", (first.job.root_id,))
    )

    assert await bench.ledger.release([first.delivery.receipt, second.delivery.receipt]) == 2

    assert await bench.status(first.job.id) == await bench.status(second.job.id) == "pending"


async def test_a_snoozed_page_goes_back_uncounted_and_its_lane_rests(bench, clock):
    await bench.start("a", "b")
    page = await bench.take_one()

    await bench.ledger.snooze(page.delivery.receipt, clock.now_ms() + 10_000, "The host asked for it")

    assert await bench.status(page.job.id) == "pending"
    assert (await bench.ledger.receive(2, NO_PACE)).next_due == clock.now_ms() + 10_000
    clock.advance(10)
    assert {each.delivery.tries for each in (await bench.take()).values()} == {1}


# --- J11: cancel, pause, resume -------------------------------------------------------------------------------------


async def test_cancelling_a_root_cancels_all_that_is_open_below_it(bench, clock):
    root_id = await bench.start("a", "b", "c")
    pages = await bench.take(2)
    await bench.ledger.complete(pages["a"].delivery.receipt, stored(url("a")))
    clock.advance(1)

    assert await bench.ledger.cancel(root_id) == root_id

    assert await bench.rows("SELECT url, status FROM jobs ORDER BY id") == [
        (None, "cancelled"),
        (url("a"), "completed"),
        (url("b"), "cancelled"),
        (url("c"), "cancelled"),
    ]
    assert await bench.rows("SELECT * FROM messages") == []
    assert await bench.attempts(pages["b"].job.id) == [("cancelled", "cancelled")]
    assert await bench.row("SELECT completed_at, cause FROM jobs WHERE id = ?", root_id) == (
        clock.now_ms(),
        "cancelled",
    )
    assert await bench.row("SELECT current_url FROM root_progress") == (None,)
    assert (await bench.log(root_id))[-1] == "Cancelled"
    assert await bench.ledger.is_idle()


async def test_cancelling_a_page_lets_the_others_go_on(bench):
    root_id = await bench.start("a", "b")
    pages = await bench.take()

    assert await bench.ledger.cancel(pages["a"].job.id) == root_id

    settled = await bench.ledger.complete(pages["b"].delivery.receipt, stored(url("b")))
    assert settled.root_status == Status.COMPLETED
    assert await bench.status(pages["a"].job.id) == "cancelled"


async def test_cancelling_the_last_page_ends_the_crawl(bench):
    page = await bench.started_page()

    await bench.ledger.cancel(page.job.id)

    assert await root_end(bench, page.job.root_id) == (
        "failed", 0, "No page could be stored. What was left to do was cancelled.", "cancelled",
    )  # fmt: skip


async def test_cancelling_a_child_cancels_what_is_below_it(bench):
    root_id = await bench.start("a", "b")

    def child_of_a_child(tx: Any) -> int:
        job_id = int(
            tx.value(
                "INSERT INTO jobs (parent_id, root_id, type, status, created_at, revision)"
                " VALUES (?, ?, 'summarise', 'pending', 0, 0) RETURNING id",
                (root_id + 1, root_id),
            )
        )
        bench.queue.send(tx, NewMessage(type="summarise", job_id=job_id, root_id=root_id))
        return job_id

    job_id = await bench.library.write(child_of_a_child)
    await bench.ledger.cancel(root_id + 1)

    assert await bench.status(job_id) == "cancelled"
    assert list(await bench.take()) == ["b"]
    await bench.ledger.cancel(root_id)


async def test_a_paused_root_starts_nothing_more_until_it_is_resumed(bench):
    root_id = await bench.start("a", "b")
    await bench.take(1)

    await bench.ledger.pause(root_id)
    assert await bench.status(root_id) == "paused"
    assert await bench.take() == {}

    await bench.ledger.resume(root_id)
    assert await bench.status(root_id) == "running"
    assert list(await bench.take()) == ["b"]
    assert (await bench.log(root_id))[1:] == ["Paused", "Resumed"]


async def test_a_root_that_was_paused_before_it_ran_is_pending_again(bench):
    root_id = await bench.start()

    await bench.ledger.pause(root_id)
    await bench.ledger.resume(root_id)

    assert await bench.status(root_id) == "pending"


async def test_pages_in_flight_finish_while_their_root_is_paused(bench):
    page = await bench.started_page()
    await bench.ledger.pause(page.job.root_id)

    settled = await bench.ledger.complete(page.delivery.receipt, stored(url("a"), links=[url("b")]))

    assert (settled.new_pages, settled.root_status) == (1, None)
    assert await bench.status(page.job.root_id) == "paused"
    assert await bench.take() == {}
    assert await bench.ledger.is_idle(), "what is paused does not keep a run from being idle"


async def test_a_paused_root_whose_last_page_finishes_has_ended(bench):
    page = await bench.started_page()
    await bench.ledger.pause(page.job.root_id)

    settled = await bench.ledger.complete(page.delivery.receipt, stored(url("a")))

    assert settled.root_status == Status.COMPLETED
    with pytest.raises(NotAllowedError):
        await bench.ledger.resume(page.job.root_id)


async def test_a_paused_root_can_be_cancelled(bench):
    root_id = await bench.start()
    await bench.ledger.pause(root_id)

    await bench.ledger.cancel(root_id)

    assert await bench.status(root_id) == "cancelled"


@pytest.mark.parametrize("operation", ["cancel", "pause", "resume"])
async def test_a_job_that_does_not_exist_is_named(bench, operation):
    with pytest.raises(NotFoundError, match="99"):
        await getattr(bench.ledger, operation)(99)


@pytest.mark.parametrize("operation", ["cancel", "pause", "resume"])
async def test_what_has_ended_cannot_be_changed(bench, operation):
    page = await bench.started_page()
    await bench.ledger.complete(page.delivery.receipt, stored(url("a")))
    before = await bench.dump()

    for job_id in (page.job.id, page.job.root_id):
        with pytest.raises(NotAllowedError):
            await getattr(bench.ledger, operation)(job_id)

    assert await bench.dump() == before


async def test_only_a_whole_crawl_can_be_paused(bench):
    page = await bench.started_page()

    with pytest.raises(NotAllowedError, match="only a whole crawl"):
        await bench.ledger.pause(page.job.id)
    with pytest.raises(NotAllowedError):
        await bench.ledger.resume(page.job.root_id)


# --- Q7: recovery ---------------------------------------------------------------------------------------------------


async def test_a_start_takes_back_what_a_dead_process_left_running(bench):
    await bench.start("a", "b", "c")
    pages = await bench.take(2)
    bench.die()

    assert await bench.ledger.recover() == Recovery(returned=2)

    assert await bench.rows("SELECT status FROM jobs WHERE url IS NOT NULL ORDER BY id") == [("pending",)] * 3
    assert await bench.attempts(pages["a"].job.id) == [("interrupted", None)]
    again = await bench.take()
    assert {name: (page.delivery.tries, page.delivery.crashes) for name, page in again.items()} == {
        "a": (1, 1), "b": (1, 1), "c": (1, 0),
    }  # fmt: skip
    with pytest.raises(StaleReceiptError):
        await bench.ledger.complete(pages["a"].delivery.receipt, stored(url("a")))


async def test_what_only_waited_for_somebody_else_is_not_blamed_for_the_death_of_the_process(bench):
    await bench.start("a", "b")
    pages = await bench.take()
    for name, waiting in (("a", True), ("b", True), ("b", False)):
        await bench.ledger.wait_elsewhere(pages[name].job.id, waiting)

    bench.die()
    await bench.ledger.recover()

    crashes = {name: page.delivery.crashes for name, page in (await bench.take()).items()}
    assert crashes == {"a": 0, "b": 1}


async def test_recovering_twice_finds_nothing_the_second_time(bench):
    await bench.started_page()
    bench.die()
    await bench.ledger.recover()

    assert await bench.ledger.recover() == Recovery()


async def test_a_page_that_kills_every_process_fails_and_the_crawl_completes(bench):
    root_id = await bench.start("killer", "a")
    for _ in range(4):
        pages = await bench.take()
        if "a" in pages:
            await bench.ledger.complete(pages["a"].delivery.receipt, stored(url("a")))
        assert "killer" in pages
        bench.die()
        recovery = await bench.ledger.recover()

    assert recovery == Recovery(dead=1, ended=(root_id,))
    assert await root_end(bench, root_id) == ("completed", 1, None, None)
    assert await bench.row("SELECT status, cause, error FROM jobs WHERE url = ?", url("killer")) == (
        "failed", "crashed", "Given up: the process died 4 times while this ran.",
    )  # fmt: skip


async def test_recovery_works_with_a_root_in_the_trash_and_a_paused_one(bench):
    trashed, paused = await bench.started_page(), await bench.started_page()
    await bench.ledger.pause(paused.job.root_id)
    await bench.library.write(
        lambda tx: tx.execute("UPDATE jobs SET trashed_at = 1 WHERE id = ?", (trashed.job.root_id,))
    )
    bench.die()

    assert (await bench.ledger.recover()).returned == 2

    assert await bench.take() == {}
    await bench.ledger.resume(paused.job.root_id)
    assert len(await bench.take()) == 1


async def test_recovery_puts_wrong_counters_right(bench):
    root_id = await bench.start("a", "b")
    await bench.library.write(lambda tx: tx.execute("UPDATE child_counts SET n = 7"))

    assert await bench.ledger.recover() == Recovery(recounted=1)

    assert await bench.rows("SELECT status, n FROM child_counts") == [("pending", 2)]
    assert "counted anew" in (await bench.log(root_id))[-1]


async def test_recovery_ends_a_root_that_has_nothing_left_to_do(bench):
    page = await bench.started_page()
    await bench.ledger.complete(page.delivery.receipt, stored(url("a")))
    await bench.library.write(
        lambda tx: tx.execute("UPDATE jobs SET status = 'running', completed_at = NULL WHERE parent_id IS NULL")
    )

    assert (await bench.ledger.recover()).ended == (page.job.root_id,)


# --- J9, J9a: progress and log --------------------------------------------------------------------------------------


async def test_what_was_discovered_is_the_sum_of_pages_and_skips(bench):
    await bench.start(max_pages=3)
    refused = [Refusal("https://elsewhere.test/", SkipReason.SCOPE, "host")]
    page = await bench.take_one()

    await bench.ledger.complete(
        page.delivery.receipt, stored(url("a"), links=[url(name) for name in "bcde"], refused=refused)
    )

    assert await bench.row("SELECT discovered FROM root_progress") == (6,)
    assert await bench.rows("SELECT reason, n FROM skip_counts ORDER BY 1") == [("max_pages", 2), ("scope", 1)]


async def test_rows_that_change_carry_the_revision_of_their_commit(bench):
    root_id = await bench.start("a", "b")
    page = await bench.take_one()
    await bench.ledger.complete(page.delivery.receipt, stored(url("a")))

    changed = await bench.rows("SELECT id FROM jobs WHERE revision = ? ORDER BY id", bench.library.revision)
    assert changed == [(root_id,), (page.job.id,)]


async def test_a_note_stands_in_the_log_of_its_root_or_nowhere(bench):
    root_id = await bench.start()
    await bench.ledger.note(root_id, "warn", "It is slow.")
    await bench.ledger.note(99, "warn", "It is gone.")

    assert (await bench.log(root_id))[-1] == "It is slow."
    assert await bench.log(99) == []


async def test_what_a_page_says_cannot_be_stored_as_it_is_is_cleaned(bench):
    page = await bench.started_page()

    await bench.ledger.complete(page.delivery.receipt, Recorded(result={}, message="a \x00 b \udfff"))

    assert await bench.log(page.job.id) == ["a \ufffd b \ufffd"]


# --- the whole ------------------------------------------------------------------------------------------------------


async def test_a_transaction_that_fails_at_its_last_step_leaves_no_trace_and_can_be_done_again(bench, monkeypatch):
    page = await bench.started_page()
    before = await bench.dump()
    outcome = stored(url("a"), links=[url("b")], refused=[Refusal(url("x"), SkipReason.ROBOTS, "x")])
    with monkeypatch.context() as patch:
        patch.setattr(Settling, "settle", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            await bench.ledger.complete(page.delivery.receipt, outcome)

    assert await bench.dump() == before
    assert (await bench.ledger.complete(page.delivery.receipt, outcome)).new_pages == 1


async def test_a_crawl_with_every_kind_of_page_adds_up(bench, clock):
    root_id = await bench.start(max_attempts=1)
    links = [url(name) for name in ("moved", "gone", "picture", "forbidden", "broken", "copy", "a")]
    outcomes = {
        "a": stored(url("a"), "text", links),
        "copy": stored(url("copy"), "text"),
        "moved": redirected(url("new")),
        "new": stored(url("new"), "new text"),
        "gone": NOT_FOUND,
        "picture": Recorded(result={"content_type": "image/png"}, discovered=Discovered()),
        "forbidden": Withdrawn(reason=SkipReason.ROBOTS, rule="robots.txt: /forbidden"),
        "broken": failure(),
    }

    await finish_all(bench, outcomes)

    assert await root_end(bench, root_id) == ("completed", 2, None, None)
    counts = await bench.rows("SELECT status, n FROM child_counts WHERE n > 0 AND type = ?", JobType.CRAWLER_URL)
    assert dict(counts) == {
        "completed": 5, "failed": 2, "skipped": 1,
    }  # fmt: skip
    assert await bench.row("SELECT discovered, documents FROM root_progress") == (8, 3)
    assert await bench.rows("SELECT count(*) FROM documents WHERE duplicate_of IS NOT NULL") == [(1,)]
    assert await bench.ledger.is_idle()
