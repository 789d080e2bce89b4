"""Runs of definitions through the whole engine, over a site on loopback (J3-J6, J10, J11)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from quaero_desktop.domain.definitions import Definition, ErrorTolerance, Step
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.outcomes import Failed, Outcome, SignInNeeded
from quaero_desktop.domain.pages import PageInput, ParsedPage, ParseResult
from quaero_desktop.services import engine
from quaero_desktop.services.compose import Services
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.services.jobs import JobDetails
from quaero_desktop.storage.jobs import runs as stored_runs
from tests.engine.conftest import never, store
from tests.support.clock import ManualClock
from tests.support.crawling import ParserHere, engine_of, engine_running, library, page, rows, settings_with, site
from tests.support.recording_server import RecordingServer, response
from tests.support.waiting import until

MISSING = response(b"", status="404 Not Found")
AT_ONCE = {"backoff_base_seconds": 0.001, "backoff_max_seconds": 0.01}
"""A step is tried again after 15 ms."""


@pytest.fixture(autouse=True)
def parser(monkeypatch) -> None:
    monkeypatch.setattr(engine, "ParseRunner", ParserHere)


@pytest.fixture
async def services(tmp_path) -> AsyncIterator[Services]:
    async with library(tmp_path / "library", settings_with(queue=AT_ONCE)) as services:
        yield services


@pytest.fixture
def answers() -> dict[str, bytes]:
    """Three pages; a test may change them at any time."""
    apples = "Apples are what this page is about, and where they grow, and how they are kept over the winter."
    return {"/": page("/a", "/b"), "/a": page(text=apples), "/b": page(text=apples.replace("Apples", "Bees"))}


@pytest.fixture
async def wiki(answers) -> AsyncIterator[RecordingServer]:
    async with RecordingServer().running() as server:
        server.behaviour = site(answers)
        yield server


def step(action: str, name: str = "", on_error: str = "fail", **config: Any) -> Step:
    return Step(name=name or action, action=action, on_error=on_error, config=config)


def crawl(server: RecordingServer, path: str = "", on_error: str = "fail", **config: Any) -> Step:
    return step("crawl", f"Crawl /{path}", on_error, start_urls=[server.url("/" + path)], delay=0, **config)


async def define(services: Services, *steps: Step, name: str = "Nightly docs", **fields: Any) -> int:
    return await services.definitions.save(Definition(name=name, steps=steps, **fields))


async def run(services: Services, definition_id: int) -> JobDetails:
    """Run a definition to its end, with all that it starts."""
    root = await services.definitions.run(definition_id)
    await engine_of(services).run(until_idle=True, only=frozenset({root}))
    return await services.jobs.details(root)


def statuses(details: JobDetails) -> list[str]:
    assert details.root is not None
    return [state.status for state in details.root.steps]


def children(services: Services, root_id: int) -> list[tuple[Any, ...]]:
    return rows(
        services,
        "SELECT step, type, phase, status, count(*) FROM jobs WHERE parent_id = ? GROUP BY 1, 2, 3, 4 ORDER BY min(id)",
        root_id,
    )


async def test_j3_a_nightly_definition_runs_as_one_root_with_its_phases(services, wiki):
    definition = await define(
        services,
        crawl(wiki),
        step("transform"),
        step("summarise"),
        step("corpus_summary"),
        step("reindex"),
        step("cleanup", older_than="30d"),
    )
    details = await run(services, definition)
    assert (details.job.status, details.job.warnings, details.job.definition_id) == ("completed", 0, definition)
    assert statuses(details) == ["completed"] * 6
    assert children(services, details.job.id) == [
        (1, "validate", "pre", "completed", 1),
        (1, "crawler_url", "core", "completed", 3),
        (1, "sitemap", "pre", "completed", 1),
        (2, "transform", "core", "completed", 4),
        (3, "summarise", "core", "completed", 4),
        (4, "corpus_summary", "post", "completed", 1),
        (5, "reindex", "post", "completed", 1),
        (6, "cleanup", "post", "completed", 1),
    ]
    assert rows(services, "SELECT count(*) FROM jobs WHERE parent_id IS NULL") == [(1,)]
    assert rows(services, "SELECT count(*) FROM document_summaries") == [(3,)]
    assert details.root is not None
    assert [state.documents for state in details.root.steps] == [3, 0, 3, 0, 0, 0]
    assert details.job.result is not None
    assert {"steps", "summary", "keywords"} <= details.job.result.keys()
    assert (details.job.progress_current, details.job.progress_total) == (14, 14)


async def test_j4_fail_stops_and_skips_the_rest(services, wiki, answers):
    answers.clear()
    details = await run(
        services, await define(services, crawl(wiki), step("reindex"), step("cleanup", older_than="1d"))
    )
    assert (details.job.status, details.job.cause) == ("failed", Cause.NOT_FOUND)
    assert statuses(details) == ["failed", "skipped", "skipped"]


async def test_j4_continue_ends_completed_with_warnings(services, wiki):
    steps = (crawl(wiki, "missing", "continue"), crawl(wiki), step("reindex"))
    details = await run(services, await define(services, *steps))
    assert (details.job.status, details.job.warnings) == ("completed", 1)
    assert statuses(details) == ["failed", "completed", "completed"]


async def test_j4_retry_backs_off_until_the_site_is_there(services, wiki, answers, monkeypatch):
    monkeypatch.setattr(stored_runs, "PATIENCE", 15)
    home = answers.pop("/")
    definition = await define(services, crawl(wiki, on_error="retry"), step("reindex"))
    root = await services.definitions.run(definition)
    async with engine_running(services):
        await until(lambda: rows(services, "SELECT 1 FROM jobs WHERE type = 'crawler_url' AND attempt = 2"))
        answers["/"] = home
        await until(lambda: rows(services, "SELECT 1 FROM jobs WHERE id = ? AND completed_at > 0", root))
    details = await services.jobs.details(root)
    assert (details.job.status, details.job.warnings) == ("completed", 0)
    assert details.root is not None
    assert (details.root.steps[0].status, details.root.steps[0].documents) == ("completed", 3)
    assert details.root.steps[0].tries in (2, 3)
    log = await services.jobs.logs(root, level="warn", limit=None, children=False)
    assert any("Trying again in" in line.message for line in log)


async def test_j4_retry_gives_up_after_three_tries(services, wiki, answers):
    answers.clear()
    details = await run(services, await define(services, crawl(wiki, on_error="retry"), step("reindex")))
    assert (details.job.status, statuses(details)) == ("failed", ["failed", "skipped"])
    assert wiki.targets.count("/") == 3


async def test_j4_error_tolerance_stops_what_runs(services, wiki, answers):
    answers["/"] = page(*(f"/missing/{number}" for number in range(60)))
    tolerance = ErrorTolerance(max_child_failures=3, failure_action="stop_all")
    definition = await define(services, crawl(wiki), step("reindex"), error_tolerance=tolerance)
    details = await run(services, definition)
    assert (details.job.status, details.job.cause) == ("failed", Cause.LIMIT)
    assert details.job.children["cancelled"] > 40
    assert statuses(details) == ["failed", "skipped"]


async def test_j4_pre_and_post_jobs_run_around_it_each_as_its_own_root(services, wiki):
    first = await define(services, crawl(wiki, "a", max_depth=0), name="First")
    last = await define(services, step("reindex"), name="Last")
    definition = await define(services, crawl(wiki), pre_jobs=(first,), post_jobs=(last,))
    root = await services.definitions.run(definition)
    report = await engine_of(services).run(workers=1, until_idle=True, only=frozenset({root}))
    assert report.failed == 0
    found = rows(
        services, "SELECT name, status, triggered_by IS NOT NULL FROM jobs WHERE parent_id IS NULL ORDER BY id"
    )
    assert found == [("Nightly docs", "completed", 0), ("First", "completed", 1), ("Last", "completed", 1)]
    ends = dict(rows(services, "SELECT name, completed_at FROM jobs WHERE parent_id IS NULL"))
    assert ends["First"] <= ends["Nightly docs"] <= ends["Last"]


async def test_j4_a_pre_job_that_fails_fails_the_run_and_is_begun_anew_by_a_retry(services, wiki, answers):
    answers.pop("/a")
    first = await define(services, crawl(wiki, "a"), name="First")
    details = await run(services, await define(services, crawl(wiki), pre_jobs=(first,)))
    assert details.job.error == "the definition First, which has to run before, failed"
    assert statuses(details) == ["skipped"]
    answers["/a"] = page()
    assert await services.jobs.retry(details.job.id) == 1
    await engine_of(services).run(until_idle=True, only=frozenset({details.job.id}))
    assert (await services.jobs.get(details.job.id)).status == "completed"
    runs_before = rows(services, "SELECT status FROM jobs WHERE name = 'First' AND parent_id IS NULL ORDER BY id")
    assert runs_before == [("failed",), ("completed",)]


async def test_j6_an_unknown_action_of_an_old_row_fails_politely(services, wiki):
    definition = await define(services, step("reindex"))
    sql = "UPDATE definitions SET body = json_set(body, '$.steps[0].action', 'x')"
    await services.jobs._database.write(lambda tx: tx.execute(sql))
    details = await run(services, definition)
    assert details.job.error == "The step “reindex” failed: no executor registered for job type x"


async def test_j10_rerun_and_retry_of_a_run(services, wiki, answers):
    gone = answers.pop("/b")
    definition = await define(services, crawl(wiki), step("reindex"))
    details = await run(services, definition)
    assert (details.job.status, details.job.warnings) == ("completed", 1)
    answers["/b"] = gone
    assert await services.jobs.retry(details.job.id) == 1
    again = await services.jobs.rerun(details.job.id)
    await engine_of(services).run(until_idle=True)
    for job_id in (details.job.id, again):
        job = await services.jobs.get(job_id)
        assert (job.status, job.warnings, job.definition_id) == ("completed", 0, definition)
    assert (await services.jobs.get(again)).rerun_of == details.job.id


class NewerParser(ParserHere):
    """Finds something else in some pages than before."""

    async def parse(self, page: PageInput) -> ParseResult:
        result = await super().parse(page)
        if isinstance(result, ParsedPage) and b"Apples" in page.body:
            return await super().parse(
                PageInput(
                    url=page.url,
                    body=page.body.replace(b"Apples", b"Pears"),
                    content_type=page.content_type,
                    charset=page.charset,
                )
            )
        return result


async def test_transform_extracts_again_without_fetching_and_versions_only_what_changed(services, wiki):
    await run(services, await define(services, crawl(wiki)))
    asked = len(wiki.exchanges)
    engine_of(services)._registry._executors["transform"]._parser = NewerParser()  # type: ignore[attr-defined]
    details = await run(services, await define(services, step("transform"), name="Extract again"))
    assert (details.job.status, len(wiki.exchanges)) == ("completed", asked)
    assert details.root is not None
    assert details.root.steps[0].documents == 1
    found = rows(services, "SELECT substr(url, -1), version, markdown LIKE '%Pears%' FROM documents ORDER BY 1")
    assert found == [("/", 1, 0), ("a", 2, 1), ("b", 1, 0)]
    assert [hit.url[-1] for hit in (await services.library.search("pears")).results] == ["a"]
    assert rows(services, "SELECT count(*) FROM document_versions") == [(1,)]


async def test_reindex_mends_an_index_that_disagrees_with_the_documents(services, wiki):
    await run(services, await define(services, crawl(wiki)))
    await services.jobs._database.write(lambda tx: tx.execute("DELETE FROM documents_fts_docsize WHERE id = 1"))
    assert not (await services.maintenance.verify()).ok
    details = await run(services, await define(services, step("reindex"), name="Tidy up"))
    assert details.job.status == "completed"
    assert rows(services, "SELECT result ->> '$.rebuilt' FROM jobs WHERE type = 'reindex'") == [(1,)]
    assert (await services.maintenance.verify()).ok


async def test_j11_pause_and_resume_of_a_run_between_its_steps(services, wiki):
    root = await services.definitions.run(await define(services, crawl(wiki), step("reindex")))
    await services.jobs.pause(root)
    await engine_of(services).run(until_idle=True)
    assert (await services.jobs.get(root)).status == "paused"
    await services.jobs.resume(root)
    await engine_of(services).run(until_idle=True)
    assert (await services.jobs.get(root)).status == "completed"


async def test_what_follows_the_links_of_a_run_is_its_crawl(services, wiki):
    root = await services.definitions.run(
        await define(services, step("reindex"), crawl(wiki, exclude_patterns=["*/b"]))
    )
    scope = await services.jobs.scope(root)
    assert scope.decide(wiki.url("/b")).sentence == "excluded by rule 1: */b"
    await services.jobs.cancel(root)


async def test_a_plain_crawl_has_no_steps(services, wiki):
    root = await services.jobs.start_crawl(CrawlRequest(urls=(wiki.url(),), delay_seconds=0))
    await engine_of(services).run(until_idle=True)
    details = await services.jobs.details(root)
    assert details.root is not None
    assert (details.root.steps, details.job.step, details.job.pages) == ((), 0, 3)


# --- The pool -------------------------------------------------------------------------------------------------------


async def test_j4_a_run_that_takes_too_long_is_cancelled_at_once(tmp_path, wiki, answers):
    clock = ManualClock()
    release = asyncio.Event()

    async def hang(exchange: Any) -> object:
        if exchange.target == "/":
            await release.wait()
        await exchange.send(answers.get(exchange.target, MISSING))
        return None

    wiki.behaviour = hang
    async with library(tmp_path / "library", settings_with(queue=AT_ONCE), clock=clock) as services:
        root = await services.definitions.run(await define(services, crawl(wiki), step("reindex"), timeout="10m"))
        async with engine_running(services):
            await until(lambda: "/" in wiki.targets)
            clock.advance(601)
            engine_of(services).poke()
            await until(lambda: rows(services, "SELECT 1 FROM jobs WHERE id = ? AND status = 'cancelled'", root))
            await until(lambda: engine_of(services)._pool.running == 0)
        release.set()
        details = await services.jobs.details(root)
        assert (details.job.cause, details.job.error) == ("timeout", "took longer than 10m")
        assert statuses(details) == ["cancelled", "cancelled"]


async def test_a_sign_in_pauses_the_root_and_costs_no_try(bench):
    async def asks(job: Any) -> Outcome:
        return SignInNeeded(reason="Sign in again.") if job.url.endswith("/a") else await store(job)

    bench.build(asks)
    root = await bench.start("/a", "/b")
    await bench.run()
    assert await bench.rows("SELECT status, cause, error FROM jobs WHERE id = ?", root) == [
        ("paused", "sign_in", "Sign in again.")
    ]
    assert await bench.rows("SELECT tries FROM messages") in ([(0,)], [(0,), (0,)])


async def test_what_runs_of_a_root_that_was_ended_stops_at_once(bench):
    """Else it would go on for nothing, and keep a worker from others."""

    async def behave(job: Any) -> Outcome:
        if job.url.endswith("/a"):
            await until(lambda: bench.executor.at_once == 2)
            return Failed(cause=Cause.DNS, message="There is no such host.", ends_root=True)
        return await never(job)

    bench.build(behave, workers=2)
    root = await bench.start("/a", "/b")
    async with asyncio.timeout(5):
        await bench.run()
    assert bench.executor.cancelled == ["/b"]
    assert await bench.status(root) == "failed"
