"""Definitions through the whole product: as files, in words, by hand and by schedule (J3, J4)."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from textwrap import dedent
from zoneinfo import ZoneInfo

import pytest

from quaero_desktop.domain.definitions import Definition, Step
from quaero_desktop.domain.errors import FieldError, NotAllowedError
from quaero_desktop.domain.events import EngineNotice
from quaero_desktop.domain.jobs import Job, JobType, Status
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.services import compose
from quaero_desktop.services.compose import Services
from quaero_desktop.services.definitions import DefinitionService, crawl_defaults
from tests.support.clock import ManualClock
from tests.support.crawling import IMPATIENT, crawl, engine_of, engine_running, library, page, rows, settings_with
from tests.support.crawling import site as answering
from tests.support.waiting import until


def nightly(url: str, **fields: object) -> Definition:
    steps = (Step(name="Crawl", action="crawl", config={"start_urls": [url], "max_depth": 1}),)
    return Definition(name="Nightly", steps=steps, **fields)  # type: ignore[arg-type]


async def runs_of(services: Services) -> list[Job]:
    which = JobFilter(type=(JobType.DEFINITION_RUN,), order="id", descending=False)
    return list((await services.jobs.page(which)).jobs)


async def until_ended(services: Services, n: int = 1) -> list[Job]:
    """Wait until there are *n* runs and all have ended."""
    async with asyncio.timeout(20):
        while True:
            found = await runs_of(services)
            if len(found) >= n and all(job.completed_at is not None for job in found):
                return found
            await asyncio.sleep(0.02)


# --- running ----------------------------------------------------------------------------------------------------------


async def test_a_run_is_one_root_that_is_there_at_once(services, server):
    """J3."""
    server.behaviour = answering({"/": page("/two"), "/two": page(text="Other words.")})
    number = await services.definitions.save(nightly(server.url()))
    job_id = await services.definitions.run(number)
    job = await services.jobs.get(job_id)
    assert (job.type, job.status, job.definition_id, job.name) == ("definition_run", "pending", number, "Nightly")
    await engine_of(services).run(until_idle=True, only=frozenset({job_id}))
    (job,) = await runs_of(services)
    assert (job.id, job.status, job.parent_id, job.pages) == (job_id, Status.COMPLETED, None, 2)
    assert (await services.definitions.get(number)).last_job == job_id
    assert await services.definitions.runs(number) == (job_id,)


async def test_a_cleanup_is_a_step_and_leaves_its_own_run(services, server):
    """O3."""
    server.behaviour = answering({"/": page()})
    old = (await crawl(services, server.url())).job.id
    new = (await crawl(services, server.url())).job.id
    sql = "UPDATE jobs SET created_at = created_at - 7200000, completed_at = completed_at - 7200000 WHERE id = ?"
    await services.jobs._database.write(lambda tx: tx.execute(sql, (old,)))
    step = Step(name="Clean up", action="cleanup", config={"older_than": "1h", "status": "completed"})
    number = await services.definitions.save(Definition(name="Tidy", steps=(step,)))
    job_id = await services.definitions.run(number)
    await engine_of(services).run(until_idle=True)
    assert (await services.jobs.get(job_id)).status == Status.COMPLETED
    assert rows(services, "SELECT id FROM jobs WHERE parent_id IS NULL ORDER BY id") == [(new,), (job_id,)]
    (done,) = rows(services, "SELECT json(result) FROM jobs WHERE parent_id = ?", job_id)
    assert '"roots":1' in done[0]
    lines = await services.jobs.logs(job_id, level="info", limit=None, children=True)
    assert any(
        re.match(r"Deleted 1 job that ended before \d{4}-\d\d-\d\d \d\d:\d\d, with", line.message) for line in lines
    )


async def test_what_is_switched_off_is_not_run_by_hand_either(services):
    number = await services.definitions.save(nightly("docs.quaero.org", enabled=False))
    with pytest.raises(NotAllowedError):
        await services.definitions.run(number)


async def test_settings_are_what_runs_begin_with(services):
    services.apply(settings_with(crawl={"max_depth": 2, "per_host": 7, "scope": "domain"}))
    step = Step(name="Crawl", action="crawl", config={"start_urls": ["docs.quaero.org"]})
    job_id = await services.definitions.run(await services.definitions.save(Definition(name="x", steps=(step,))))
    (config,) = rows(services, "SELECT config ->> '$.steps[0].crawl.max_depth', config ->> '$.steps[0].crawl.per_host',"
                     " config ->> '$.steps[0].crawl.scope' FROM jobs WHERE id = ?", job_id)  # fmt: skip
    assert config == (2, 7, "domain")
    assert crawl_defaults(IMPATIENT).max_depth == IMPATIENT.crawl.max_depth


# --- by themselves ----------------------------------------------------------------------------------------------------


class Waiting:
    """A library with a definition that is due."""

    def __init__(self, services: Services, notices: list[EngineNotice], definition_id: int) -> None:
        self.services, self.notices, self.definition_id = services, notices, definition_id


@pytest.fixture
async def waiting(tmp_path, parser_here, server):
    server.behaviour = answering({"/": page()})
    notices: list[EngineNotice] = []
    async with library(tmp_path / "library", notify=notices.append) as services:
        number = await services.definitions.save(nightly(server.url(), schedule="* * * * *"))
        await services.definitions.schedules.deal_with(number, 1_700_000_000_000)
        yield Waiting(services, notices, number)


async def test_what_is_due_is_run_while_the_engine_runs(waiting):
    async with engine_running(waiting.services):
        (job,) = await until_ended(waiting.services)
    assert (job.status, job.definition_id) == (Status.COMPLETED, waiting.definition_id)
    assert waiting.notices == []


@pytest.mark.parametrize("only", [frozenset({1}), None])
async def test_nothing_is_started_while_something_else_is_run_to_its_end(waiting, only):
    await engine_of(waiting.services).run(until_idle=True, only=only)
    assert await runs_of(waiting.services) == []


async def test_what_is_paused_is_left_alone(waiting):
    await waiting.services.definitions.pause_schedule(waiting.definition_id, True)
    async with engine_running(waiting.services):
        scheduler = engine_of(waiting.services)._scheduler
        # What starts with Quaero is what was there then.
        await until(lambda: scheduler is not None and scheduler._first is not None)
        await waiting.services.definitions.save(
            Definition(name="Another", auto_start=True, steps=(Step(name="x", action="reindex"),))
        )
        await asyncio.sleep(0.05)
    assert await runs_of(waiting.services) == []


async def test_what_has_not_ended_is_left_out_and_the_person_is_told(waiting):
    running = await waiting.services.definitions.run(waiting.definition_id)
    await waiting.services.jobs.pause(running)
    async with engine_running(waiting.services), asyncio.timeout(10):
        while not waiting.notices:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    (notice,) = waiting.notices
    assert f"job {running}, has not ended" in (notice.message or "")
    assert [job.id for job in await runs_of(waiting.services)] == [running]


async def test_the_engine_of_a_window_starts_what_is_due_too(tmp_path, parser_here, server):
    server.behaviour = answering({"/": page()})
    opened = compose.writing(LibraryFiles(tmp_path / "library"), IMPATIENT, create=True, engine="later")
    async with opened as services:
        number = await services.definitions.save(nightly(server.url(), auto_start=True))
        assert services.engine is not None
        task = asyncio.create_task(services.engine.run())
        (job,) = await until_ended(services)
        assert job.definition_id == number
        # A change reaches the scheduler: a new one that is due is started at once.
        other = Definition(name="Other", schedule="* * * * *", steps=(Step(name="x", action="reindex"),))
        other_number = await services.definitions.save(other)
        await services.definitions.schedules.deal_with(other_number, 1_700_000_000_000)
        await services.definitions.pause_schedule(number, True)
        jobs = await until_ended(services, 2)
        assert jobs[1].definition_id == other_number
        services.engine.stop()
        await task


# --- files and words --------------------------------------------------------------------------------------------------


FILE = dedent(
    """\
    name = "Nightly"
    schedule = "0 3 * * *"
    pre_jobs = ["before"]

    [[steps]]
    action = "crawl"
    [steps.config]
    start_urls = ["docs.quaero.org"]
    max_depth = 2
    """
)


@pytest.fixture
async def shelf(tmp_path) -> AsyncIterator[DefinitionService]:
    async with compose.writing(LibraryFiles(tmp_path / "library"), IMPATIENT, create=True) as services:
        await services.definitions.save(Definition(name="Before", steps=(Step(name="x", action="reindex"),)))
        yield services.definitions


async def test_a_file_comes_and_goes(shelf):
    number = await shelf.add_toml(FILE)
    stored = await shelf.get(number)
    assert (stored.definition.name, stored.definition.pre_jobs) == ("Nightly", (1,))
    text = await shelf.to_toml(number)
    assert 'pre_jobs = ["Before"]' in text
    assert await shelf.from_toml(text) == stored.definition


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("max_depth = 2", "max_dept = 2", "Line 9: steps[1].config.max_dept: crawl has no such option"),
        ("max_depth = 2", "max_depth = -2", "Line 9: steps[1].config.max_depth must be"),
        ('"docs.quaero.org"', '"docs.quaero.org", ""', "Line 8: steps[1].config.start_urls[2]:"),
        ("0 3 * * *", "nightly", "Line 2: schedule"),
        ('"before"', '"nightly"', "Line 3: pre_jobs[1]: there is no definition “nightly”."),
        ('"Nightly"', '"before"', "Line 1: name: there is a definition “Before” already, number 1."),
    ],
)
async def test_what_is_wrong_in_a_file_is_told_with_its_line(shelf, before, after, said):
    with pytest.raises(FieldError) as refused:
        await shelf.add_toml(FILE.replace(before, after, 1))
    assert refused.value.message.startswith(said)
    assert len(await shelf.list()) == 1


async def test_a_file_takes_the_place_of_its_forerunner_when_it_may(shelf):
    number = await shelf.add_toml(FILE)
    with pytest.raises(FieldError, match="already"):
        await shelf.add_toml(FILE)
    assert await shelf.add_toml(FILE.replace("= 2", "= 4"), replace=True) == number
    circle = FILE.replace('["before"]', '["nightly"]')
    with pytest.raises(FieldError, match=r"^Line 3: pre_jobs\[1\]: that is a circle: Nightly → Nightly"):
        await shelf.add_toml(circle, replace=True)


async def test_what_comes_next_and_what_that_means(tmp_path):
    clock = ManualClock(1_780_000_000_000)  # 2026-05-28 20:26:40 UTC
    opened = compose.writing(LibraryFiles(tmp_path / "library"), IMPATIENT, create=True, clock=clock)
    async with opened as services:
        there = DefinitionService(
            services.jobs._database, services.jobs._ledger, IMPATIENT, clock, None, lambda: ZoneInfo("Asia/Tokyo")
        )
        # It is 05:26 in the morning there.
        nights = [datetime.fromtimestamp(moment / 1000, UTC) for moment in there.upcoming("0 3 * * *")]
        assert nights == [datetime(2026, 5, day, 18, tzinfo=UTC) for day in (29, 30, 31)]
        assert there.in_words("0 3 * * *") == "every day at 03:00"
        with pytest.raises(FieldError):
            there.upcoming("whenever")
        number = await there.save(nightly("docs.quaero.org", schedule="0 3 * * *"))
        assert there.next_runs(await there.get(number)) == there.upcoming("0 3 * * *")
        await there.pause_schedule(number, True)
        assert there.next_runs(await there.get(number)) == []


async def test_a_deletion_can_be_undone(shelf):
    number = await shelf.add_toml(FILE)
    stored = await shelf.get(number)
    deleted = await shelf.delete(number)
    assert [each.definition.name for each in await shelf.list()] == ["Before"]
    assert deleted is not None
    await shelf.restore(deleted)
    assert (await shelf.get(number)).definition == stored.definition
