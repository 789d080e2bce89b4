"""Summaries through the whole product: the steps ``summarise`` and ``corpus_summary`` of a run."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from quaero_desktop.domain.definitions import Definition, Step
from quaero_desktop.domain.documents import DocumentFilter
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.jobs import Job
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.domain.summaries import EXTRACTIVE
from quaero_desktop.engine import summarising
from quaero_desktop.infra.secrets import SecretStore
from quaero_desktop.services.compose import Services
from quaero_desktop.services.languagemodel import LanguageModelService
from tests.support.crawling import (
    IMPATIENT_QUEUE,
    crawl,
    engine_of,
    engine_running,
    library,
    page,
    rows,
    settings_with,
)
from tests.support.crawling import site as answering
from tests.support.fake_model import SUMMARY, FakeModel, refuses, says
from tests.support.recording_server import Exchange, RecordingServer
from tests.support.waiting import until

ENGINE = "The engine reads pages from the disk. It keeps them in a cache, so that the next reader finds them there."
LOG = "The write-ahead log holds the changes of a transaction. A checkpoint moves them to the database file."
SITE = {
    "/": page(
        "/engine", "/log", text="Pagebase is a small database engine. It is made of two parts.", title="Pagebase"
    ),
    "/engine": page(text=ENGINE, title="The engine of Pagebase"),
    "/log": page(text=LOG, title="The log of Pagebase"),
}


@pytest.fixture
async def fake() -> AsyncIterator[FakeModel]:
    async with FakeModel().running() as fake:
        yield fake


def recipe(url: str, *, corpus: bool = True, **options: object) -> Definition:
    steps = [
        Step(name="Crawl", action="crawl", config={"start_urls": [url]}),
        Step(name="Summarise", action="summarise", config=dict(options)),
    ]
    if corpus:
        steps.append(Step(name="In short", action="corpus_summary", config=dict(options)))
    return Definition(name="Docs", steps=tuple(steps))


async def run(services: Services, definition: Definition) -> Job:
    number = await services.definitions.save(definition)
    return await again(services, number)


async def again(services: Services, number: int) -> Job:
    job_id = await services.definitions.run(number)
    await engine_of(services).run(until_idle=True, only=frozenset({job_id}))
    return await services.jobs.get(job_id)


async def children(services: Services, job: Job, kind: str) -> list[Job]:
    which = JobFilter(parent=job.id, type=(kind,), limit=None, order="id", descending=False)
    return list((await services.jobs.page(which)).jobs)


def with_model(fake: FakeModel, **more: Any) -> Any:
    return settings_with(queue=IMPATIENT_QUEUE, summaries={"endpoint": fake.endpoint, "timeout_seconds": 5.0} | more)


async def test_documents_and_all_of_them_are_summarised_offline(services: Services, server: RecordingServer) -> None:
    server.behaviour = answering(SITE)
    job = await run(services, recipe(server.url()))
    assert (job.status, job.warnings) == ("completed", 0)
    documents = {d.url: d.id for d in (await services.library.documents(DocumentFilter())).documents}
    summary = await services.library.summary(documents[server.url("/engine")])
    assert summary is not None
    assert summary.summary == ENGINE
    assert summary.method == EXTRACTIVE
    assert "engine" in summary.keywords
    assert not summary.stale
    assert job.result is not None
    assert job.result["summary"].startswith("Pagebase is a small database engine.")
    assert job.result["documents"] == 3
    assert job.result["method"] == EXTRACTIVE
    assert "database" in " ".join(job.result["keywords"])
    assert [child.phase for child in await children(services, job, "corpus_summary")] == ["post"]
    names = [child.name for child in await children(services, job, "summarise")]
    assert sorted(names) == ["Pagebase", "Summarise", "The engine of Pagebase", "The log of Pagebase"]


async def test_what_has_not_changed_is_not_summarised_again(services: Services, server: RecordingServer) -> None:
    server.behaviour = answering(SITE)
    number = await services.definitions.save(recipe(server.url(), corpus=False))
    await again(services, number)
    before = dict(rows(services, "SELECT document_id, made_at FROM document_summaries"))
    server.behaviour = answering(SITE | {"/log": page(text="Another text stands here by now.", title="The log")})
    job = await again(services, number)
    after = dict(rows(services, "SELECT document_id, made_at FROM document_summaries"))
    assert sum(before[each] != after[each] for each in before) == 1
    done = [child.result for child in await children(services, job, "summarise") if child.name != "Summarise"]
    assert sorted((result or {}).get("change", "new") for result in done) == ["new", "unchanged", "unchanged"]


async def test_a_summary_is_stale_when_its_document_changed(services: Services, server: RecordingServer) -> None:
    server.behaviour = answering(SITE)
    await run(services, recipe(server.url("/log"), corpus=False))
    server.behaviour = answering({"/log": page(text="Another text stands here by now.")})
    await crawl(services, server.url("/log"))
    document = await services.library.document(server.url("/log"))
    summary = await services.library.summary(document.id)
    assert summary is not None
    assert summary.stale


async def test_a_collection_needs_no_summaries_of_its_documents(services: Services, server: RecordingServer) -> None:
    server.behaviour = answering(SITE)
    steps = recipe(server.url()).steps
    job = await run(services, Definition(name="Docs", steps=(steps[0], steps[2])))
    assert job.result is not None
    assert job.result["summary"].startswith("Pagebase is a small database engine.")
    assert rows(services, "SELECT count(*) FROM document_summaries") == [(0,)]


async def test_a_collection_of_nothing_is_no_failure(services: Services) -> None:
    job = await run(services, Definition(name="Docs", steps=(Step(name="In short", action="corpus_summary"),)))
    assert job.status == "completed"


async def test_a_model_that_is_set_up_writes_them(
    tmp_path: Any, parser_here: None, server: Any, fake: FakeModel
) -> None:
    server.behaviour = answering(SITE)
    async with library(tmp_path / "library", with_model(fake)) as services:
        job = await run(services, recipe(server.url(), method="auto"))
        document = await services.library.document(server.url("/log"))
        summary = await services.library.summary(document.id)
    assert job.status == "completed"
    assert summary is not None
    assert summary.summary == "The model says what it is about. In two sentences."
    assert summary.keywords == ("engine", "pages")
    assert summary.method == "tiny-3b"
    assert job.result is not None
    assert (job.result["summary"], job.result["method"]) == (summary.summary, "tiny-3b")
    # Three documents, and all of them: each asked once, with its text and nothing around it.
    assert len(fake.bodies) == 4
    said = next(body["messages"][1]["content"] for body in fake.bodies if "The log" in body["messages"][1]["content"])
    assert said == f"Title: The log of Pagebase\n\nBEGIN\n{LOG}\nEND"


async def test_extractive_asks_no_model_though_one_is_set_up(
    tmp_path: Any, parser_here: None, server: Any, fake: FakeModel
) -> None:
    server.behaviour = answering(SITE)
    async with library(tmp_path / "library", with_model(fake)) as services:
        assert (await run(services, recipe(server.url()))).status == "completed"
    assert fake.server.connections == 0


async def test_a_step_that_wants_a_model_fails_clearly_where_there_is_none(services: Services, server: Any) -> None:
    server.behaviour = answering(SITE)
    job = await run(services, recipe(server.url(), method="model"))
    assert job.status == "failed"
    (planner,) = await children(services, job, "summarise")
    assert planner.error is not None
    assert "summaries.endpoint" in planner.error
    assert planner.attempt == 1


async def test_a_model_that_is_away_fails_the_step_and_not_each_document(
    tmp_path: Any, parser_here: None, server: Any
) -> None:
    server.behaviour = answering(SITE)
    async with RecordingServer().running() as gone:
        endpoint = gone.url("/v1")
    settings = settings_with(queue=IMPATIENT_QUEUE | {"max_attempts": 2}, summaries={"endpoint": endpoint})
    async with library(tmp_path / "library", settings) as services:
        job = await run(services, recipe(server.url(), corpus=False, method="model"))
        (planner,) = await children(services, job, "summarise")
    assert job.status == "failed"
    assert planner.error is not None
    assert "is away: it cannot be reached" in planner.error
    assert planner.cause == "model"


async def test_a_passing_fault_of_the_model_is_tried_again(
    tmp_path: Any, parser_here: None, server: Any, fake: FakeModel
) -> None:
    server.behaviour = answering({"/": SITE["/log"]})
    answers = iter([refuses("503 Service Unavailable", "loading model"), says("It is about logs.")])
    fake.answer = lambda _exchange, _body: next(answers)
    async with library(tmp_path / "library", with_model(fake)) as services:
        job = await run(services, recipe(server.url(), corpus=False, method="model"))
        document = await services.library.document(server.url())
        summary = await services.library.summary(document.id)
    assert job.status == "completed"
    assert summary is not None
    # It gave no keywords: those of the text serve.
    assert (summary.summary, bool(summary.keywords)) == ("It is about logs.", True)


async def test_cancelling_the_run_hangs_up_on_the_model_at_once(
    tmp_path: Any, parser_here: None, server: Any, fake: FakeModel
) -> None:
    server.behaviour = answering({"/": SITE["/log"]})
    fake.answer = None
    async with library(tmp_path / "library", with_model(fake, timeout_seconds=60.0)) as services:
        number = await services.definitions.save(recipe(server.url(), corpus=False, method="model"))
        job_id = await services.definitions.run(number)
        async with engine_running(services):
            await until(lambda: fake.bodies)
            await services.jobs.cancel(job_id)
            await fake.server.until(lambda: fake.server.open == 0)
        assert (await services.jobs.get(job_id)).status == "cancelled"
        assert rows(services, "SELECT count(*) FROM document_summaries") == [(0,)]


async def test_what_a_stop_interrupts_is_asked_again_and_nothing_is_written_twice(
    tmp_path: Any, parser_here: None, server: Any, fake: FakeModel
) -> None:
    server.behaviour = answering(SITE)
    answers = iter([SUMMARY])
    fake.answer = lambda _exchange, _body: next(answers, b"")
    settings = with_model(fake, timeout_seconds=60.0)
    async with library(tmp_path / "library", settings) as services:
        number = await services.definitions.save(recipe(server.url(), corpus=False, method="model"))
        job_id = await services.definitions.run(number)
        async with engine_running(services):
            await until(lambda: len(fake.bodies) == 2)
        assert rows(services, "SELECT count(*) FROM document_summaries") == [(1,)]
    fake.answer = lambda _exchange, _body: SUMMARY
    async with library(tmp_path / "library", settings) as services:
        await engine_of(services).run(until_idle=True)
        job = await services.jobs.get(job_id)
        assert (job.status, job.warnings) == ("completed", 0)
        assert rows(services, "SELECT count(*) FROM document_summaries") == [(3,)]
        assert rows(services, "SELECT count(*) FROM jobs WHERE type = 'summarise'") == [(4,)]
    assert len(fake.bodies) == 4


@pytest.mark.parametrize("at_once", [1, 2])
async def test_only_so_many_questions_are_asked_at_once(
    tmp_path: Any, parser_here: None, server: Any, fake: FakeModel, at_once: int
) -> None:
    server.behaviour = answering(SITE)
    asking = most = 0

    async def behave(exchange: Exchange) -> None:
        nonlocal asking, most
        asking += exchange.target.endswith("completions")
        most = max(most, asking)
        # Whoever else is allowed to ask does so meanwhile.
        await asyncio.sleep(0.03)
        await answers(exchange)
        asking -= exchange.target.endswith("completions")

    answers, fake.server.behaviour = fake.server.behaviour, behave
    async with library(tmp_path / "library", with_model(fake, at_once=at_once)) as services:
        await run(services, recipe(server.url(), corpus=False, method="model"))
    assert (most, len(fake.bodies)) == (at_once, 3)


async def test_a_text_that_is_too_long_for_the_model_is_cut_and_says_so(
    tmp_path: Any, parser_here: None, server: Any, fake: FakeModel
) -> None:
    long = " ".join(f"Sentence number {n} of this long text speaks of the engine and its parts." for n in range(600))
    server.behaviour = answering({"/": page(text=long)})

    def answer(_exchange: Any, body: dict[str, Any]) -> bytes:
        if len(body["messages"][1]["content"]) > 6_000:
            return refuses("400 Bad Request", "the request exceeds the available context size")
        return says(json.dumps({"summary": "It is long.", "keywords": ["length"]}))

    fake.answer = answer
    async with library(tmp_path / "library", with_model(fake)) as services:
        await run(services, recipe(server.url(), corpus=False, method="model"))
        document = await services.library.document(server.url())
        summary = await services.library.summary(document.id)
    assert summary is not None
    assert summary.method == "tiny-3b, from a part of the text"
    assert len(fake.bodies) > 1


async def test_the_key_of_the_endpoint_goes_there_and_is_nowhere_else(
    tmp_path: Any, parser_here: None, server: Any, fake: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """J8."""
    key = "sk-very-secret-key-5678"
    server.behaviour = answering({"/": SITE["/log"]})
    fetched: list[str] = []

    async def fetch(self: SecretStore, name: str) -> str:
        fetched.append(name)
        return key

    monkeypatch.setattr(SecretStore, "fetch", fetch)
    async with library(tmp_path / "library", with_model(fake)) as services:
        await run(services, recipe(server.url(), corpus=False, method="model"))
        dump = "\n".join(rows_of_everything(services))
    assert set(fetched) == {f"summaries:{fake.server.origin}"}
    assert {exchange.header("Authorization") for exchange in fake.server.exchanges} == {f"Bearer {key}"}
    assert not [exchange for exchange in server.exchanges if exchange.header("Authorization")]
    assert key not in dump


def rows_of_everything(services: Services) -> list[str]:
    tables = [name for (name,) in rows(services, "SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return [str(row) for table in tables if "fts" not in table for row in rows(services, f"SELECT * FROM {table}")]


@pytest.mark.parametrize(
    ("answer", "summary", "keywords"),
    [
        ('{"summary": "Plain. Words.", "keywords": ["one", "One", "two"]}', "Plain. Words.", ("one", "two")),
        ('```json\n{"summary": "Fenced.", "keywords": "a b, c d"}\n```', "Fenced.", ("a b", "c d")),
        (
            "<think>Let me see {it}</think>\nSure! Here is the summary: It is **bold** and [linked](http://x.y/z).",
            "It is bold and linked.",
            (),
        ),
        ("One. Two. Three. Four.", "One. Two. Three.", ()),
        ('{"summary": null}', "", ()),
        ('{"summary": {"a": 1}, "keywords": {"b": 2}}', "", ()),
        ("{broken", "", ()),
        ("<html><body>hello</body></html>", "", ()),
        ("\x1b[31mRed\u202e text\x00.", "[31mRed text\ufffd.", ()),
        ("", "", ()),
        ("# Heading\n- item one.\n- item two.", "Heading item one. item two.", ()),
        ("word " * 10_000, ("word " * 400)[:1999] + "…", ()),
    ],
)
def test_what_a_model_answers_is_cleaned_and_bounded(answer: str, summary: str, keywords: tuple[str, ...]) -> None:
    made = summarising.cleaned(answer, sentences=3, keywords=8)
    assert made.summary == summary
    assert made.keywords == keywords


@pytest.mark.parametrize(
    "answer", ["<think>" * 100_000, "[" * 500_000, "{" * 500_000, "*" * 500_000, "a." * 300_000, "<a " * 300_000]
)
def test_no_answer_costs_much(answer: str) -> None:
    assert len(summarising.cleaned(answer, sentences=50, keywords=100).summary) <= summarising.MAX_SUMMARY


@pytest.mark.parametrize(
    "endpoint", ["localhost", "ftp://model.test/v1", "http://", "http://anna:secret@model.test/v1"]
)
async def test_an_address_as_somebody_typed_it_is_checked_before_it_is_asked_or_given_a_key(endpoint: str) -> None:
    service = LanguageModelService(SecretStore())
    for asked in (service.key_tail(endpoint), service.keep_key(endpoint, "sk-1234"), service.try_model(endpoint)):
        with pytest.raises(UsageError) as refused:
            await asked
        assert "secret" not in str(refused.value)
