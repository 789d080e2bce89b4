"""Stored definitions (J3, J4): checked as they are saved, and started with what their schedule is dealt with up to."""

import asyncio
from typing import Any

import msgspec
import pytest

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import Definition, RunConfig, Step, StoredDefinition
from quaero_desktop.domain.errors import FieldError, NotAllowedError, NotFoundError
from quaero_desktop.domain.ports import Scheduled, Turn
from quaero_desktop.storage import definitions
from quaero_desktop.storage.definitions import Definitions
from quaero_desktop.storage.schedules import Schedules

DEFAULTS = CrawlConfig(seeds=(), max_depth=3)
CRAWL = Step(name="Crawl", action="crawl", config={"start_urls": ["docs.quaero.org"]})


def recipe(name: str = "Nightly", **fields: Any) -> Definition:
    return Definition(name=name, steps=fields.pop("steps", (CRAWL,)), **fields)


class Kitchen:
    """Definitions over a real library, and what a test wants to know of it."""

    def __init__(self, library, ledger, clock) -> None:
        self.library, self.ledger, self.clock = library, ledger, clock
        self.stored = Definitions(library)
        self.schedules = Schedules(library, ledger)

    async def save(self, definition: Definition, number: int | None = None) -> int:
        return await self.stored.save(definition, number, DEFAULTS)

    async def get(self, number: int) -> StoredDefinition:
        return await self.stored.get(number)

    async def scheduled(self, number: int) -> Scheduled:
        return next(each for each in await self.schedules.schedules() if each.id == number)

    async def start_due(self, number: int, due: int | None = 0) -> Turn | None:
        due = self.clock.now_ms() + due if due is not None else None
        return await self.schedules.start_due(await self.scheduled(number), due, self.clock.now_ms(), DEFAULTS)

    async def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return await self.library.read(lambda connection: [tuple(row) for row in connection.execute(sql, parameters)])

    async def do(self, sql: str, *parameters: object) -> None:
        await self.library.write(lambda tx: tx.execute(sql, parameters))

    async def add_source(self, name: str = "Docs", url: str = "https://docs.quaero.org/", rules: str = "{}") -> int:
        sql = "INSERT INTO sources (name, base_url, rules, created_at, updated_at) VALUES (?, ?, ?, 1, 1) RETURNING id"
        return int(await self.library.write(lambda tx: tx.value(sql, (name, url, rules))))


@pytest.fixture
def kitchen(library, ledger, clock) -> Kitchen:
    return Kitchen(library, ledger, clock)


async def refused(saving) -> FieldError:
    with pytest.raises(FieldError) as error:
        await saving
    return error.value


# --- keeping ----------------------------------------------------------------------------------------------------------


async def test_a_definition_is_kept_as_it_is(kitchen):
    given = recipe(description="All of it.\nTwice.", schedule="0 3 * * *", timeout="10m", auto_start=True)
    number = await kitchen.save(given)
    stored = await kitchen.get(number)
    tidied = msgspec.structs.replace(CRAWL, config={"start_urls": ["https://docs.quaero.org/"]})
    assert stored.definition == msgspec.structs.replace(given, steps=(tidied,))
    assert (stored.created_at, stored.last_run, stored.last_job, stored.problem) == (
        kitchen.clock.now_ms(),
        None,
        None,
        "",
    )
    assert await kitchen.stored.all() == (stored,)


async def test_definitions_are_listed_by_name(kitchen):
    for name in ("beta", "Alpha", "gamma"):
        await kitchen.save(recipe(name))
    assert [each.definition.name for each in await kitchen.stored.all()] == ["Alpha", "beta", "gamma"]


async def test_secrets_in_web_addresses_are_not_kept(kitchen):
    """J8."""
    step = Step(name="x", action="crawl", config={"start_urls": ["https://me:hunter2@docs.quaero.org/a"]})
    await kitchen.save(recipe(steps=(step,)))
    ((body,),) = await kitchen.rows("SELECT body FROM definitions")
    assert "hunter2" not in body
    assert "https://docs.quaero.org/a" in body


async def test_names_are_one_line_of_text(kitchen):
    number = await kitchen.save(recipe("  Every\nnight ", description="a\ud800b"))
    stored = (await kitchen.get(number)).definition
    assert (stored.name, stored.description) == ("Every night", "a\ufffdb")


async def test_a_definition_is_changed_in_its_place(kitchen):
    number = await kitchen.save(recipe(schedule="0 3 * * *"))
    kitchen.clock.advance(60)
    assert await kitchen.save(recipe("Weekly", schedule="0 3 * * *"), number) == number
    stored = await kitchen.get(number)
    assert (stored.definition.name, stored.updated_at - stored.created_at) == ("Weekly", 60_000)
    with pytest.raises(NotFoundError):
        await kitchen.save(recipe("x"), 99)
    with pytest.raises(NotFoundError):
        await kitchen.get(2**80)


async def test_a_name_is_taken_once(kitchen):
    number = await kitchen.save(recipe("Nightly"))
    error = await refused(kitchen.save(recipe("NIGHTLY")))
    assert (error.field, f"number {number}" in error.message) == ("name", True)
    await kitchen.save(recipe("nightly"), number)


async def test_what_makes_no_sense_is_not_kept(kitchen):
    assert (await refused(kitchen.save(recipe(steps=())))).field == "steps"
    assert (await refused(kitchen.save(recipe(sources=(1,))))).field == "sources[1]"
    assert await kitchen.stored.all() == ()


async def test_two_savings_at_once_take_one_name_once(kitchen):
    results = await asyncio.gather(kitchen.save(recipe()), kitchen.save(recipe()), return_exceptions=True)
    assert sorted(type(each).__name__ for each in results) == ["FieldError", "int"]


# --- before and after others ------------------------------------------------------------------------------------------


async def test_circles_are_refused_and_told(kitchen):
    first = await kitchen.save(recipe("First"))
    second = await kitchen.save(recipe("Second", pre_jobs=(first,)))
    third = await kitchen.save(recipe("Third", post_jobs=(second,)))
    error = await refused(kitchen.save(recipe("First", post_jobs=(third,)), first))
    assert error.field == "post_jobs[1]"
    assert "First → Third → Second → First" in error.message
    assert (
        "Second → Second" in (await refused(kitchen.save(recipe("Second", pre_jobs=(first, second)), second))).message
    )


async def test_two_savings_at_once_close_no_circle(kitchen):
    one, two = await kitchen.save(recipe("One")), await kitchen.save(recipe("Two"))
    results = await asyncio.gather(
        kitchen.save(recipe("One", pre_jobs=(two,)), one), kitchen.save(recipe("Two", pre_jobs=(one,)), two),
        return_exceptions=True,
    )  # fmt: skip
    assert sorted(type(each).__name__ for each in results) == ["FieldError", "int"]


async def test_what_is_not_there_is_not_run_before(kitchen):
    error = await refused(kitchen.save(recipe(pre_jobs=(7,))))
    assert (error.field, error.message) == ("pre_jobs[1]", "pre_jobs[1]: there is no definition 7.")


async def test_a_definition_that_others_name_stays(kitchen):
    first = await kitchen.save(recipe("First"))
    second = await kitchen.save(recipe("Second", pre_jobs=(first,)))
    with pytest.raises(NotAllowedError, match=rf"“First” runs before or after “Second” \({second}\)"):
        await kitchen.stored.delete(first)
    await kitchen.stored.delete(second)
    await kitchen.stored.delete(first)
    assert await kitchen.stored.all() == ()


async def test_deleting_leaves_the_jobs_and_can_be_undone(kitchen):
    number = await kitchen.save(recipe(schedule="0 3 * * *"))
    job = await kitchen.ledger.start_run(number, DEFAULTS)
    before = await kitchen.get(number)
    assert before.last_job == job
    deleted = await kitchen.stored.delete(number)
    assert deleted is not None
    assert await kitchen.rows("SELECT definition_id FROM jobs WHERE id = ?", job) == [(None,)]
    await kitchen.stored.restore(deleted)
    after = await kitchen.get(number)
    assert (after.definition, after.last_job, after.last_run) == (before.definition, job, before.last_run)
    assert await kitchen.stored.delete(99) is None


async def test_a_deletion_is_not_undone_over_another_one_of_its_name(kitchen):
    deleted = await kitchen.stored.delete(await kitchen.save(recipe()))
    await kitchen.save(recipe())
    assert deleted is not None
    assert (await refused(kitchen.stored.restore(deleted))).field == "name"


async def test_what_could_not_be_read_when_it_was_deleted_comes_back_as_it_was(kitchen):
    await kitchen.do(
        "INSERT INTO definitions (name, body, created_at, updated_at) VALUES ('Bad', '{\"steps\": 5}', 1, 1)"
    )
    deleted = await kitchen.stored.delete(1)
    assert deleted is not None
    await kitchen.stored.restore(deleted)
    assert await kitchen.rows("SELECT name, body FROM definitions") == [("Bad", '{"steps": 5}')]


# --- old rows ---------------------------------------------------------------------------------------------------------


async def test_an_old_row_that_cannot_be_read_is_told_and_stops_no_list(kitchen):
    await kitchen.save(recipe("Good"))
    await kitchen.do(
        "INSERT INTO definitions (name, body, created_at, updated_at) VALUES ('Bad', '{\"steps\": 5}', 1, 1)"
    )
    bad, good = await kitchen.stored.all()
    assert (bad.definition.name, good.problem) == ("Bad", "")
    assert "cannot be read" in bad.problem
    with pytest.raises(NotAllowedError, match="“Bad” cannot be"):
        await kitchen.library.read(lambda connection: definitions.plan(connection, bad.id, DEFAULTS))


async def test_an_old_row_with_an_unknown_action_tells_of_it_and_can_be_run_to_fail(kitchen):
    number = await kitchen.save(recipe())
    body = msgspec.json.encode(recipe(steps=(Step(name="Old", action="embed"),))).decode()
    await kitchen.do("UPDATE definitions SET body = ? WHERE id = ?", body, number)
    assert "“embed”" in (await kitchen.get(number)).problem
    plan = await kitchen.library.read(lambda connection: definitions.plan(connection, number, DEFAULTS))
    assert [step.action for step in plan.steps] == ["embed"]


async def test_a_source_that_went_is_told(kitchen):
    source = await kitchen.add_source()
    number = await kitchen.save(recipe(steps=(Step(name="x", action="crawl"),), sources=(source,)))
    await kitchen.do("DELETE FROM sources WHERE id = ?", source)
    assert (await kitchen.get(number)).problem == f"sources[1]: there is no source {source}."


# --- running ----------------------------------------------------------------------------------------------------------


async def test_a_plan_takes_the_sources_rules_of_the_moment(kitchen):
    source = await kitchen.add_source(rules='{"depth": 1}')
    number = await kitchen.save(recipe(steps=(Step(name="x", action="crawl"),), sources=(source,)))

    async def depth() -> int:
        plan: RunConfig = await kitchen.library.read(lambda connection: definitions.plan(connection, number, DEFAULTS))
        assert plan.steps[0].crawl is not None
        return plan.steps[0].crawl.max_depth

    assert await depth() == 1
    await kitchen.do("UPDATE sources SET rules = '{\"depth\": 4}'")
    assert await depth() == 4
    await kitchen.do('UPDATE sources SET rules = \'{"depth": "deep"}\'')
    assert await depth() == 3  # what cannot be read counts for nothing


async def test_what_is_switched_off_is_not_run(kitchen):
    number = await kitchen.save(recipe(enabled=False))
    with pytest.raises(NotAllowedError, match="Nightly"):
        await kitchen.ledger.start_run(number, DEFAULTS)
    await kitchen.stored.enable(number, True)
    await kitchen.ledger.start_run(number, DEFAULTS)
    with pytest.raises(NotFoundError):
        await kitchen.stored.enable(99, True)


# --- what is due ------------------------------------------------------------------------------------------------------


async def test_only_what_may_run_by_itself_is_given_to_the_scheduler(kitchen):
    nightly = await kitchen.save(recipe("A", schedule="0 3 * * *"))
    paused = await kitchen.save(recipe("B", schedule="0 4 * * *", auto_start=True))
    await kitchen.save(recipe("C", schedule="0 5 * * *", enabled=False))
    await kitchen.stored.pause_schedule(paused, True)
    assert [(each.id, each.schedule, each.auto_start) for each in await kitchen.schedules.schedules()] == [
        (nightly, "0 3 * * *", False), (paused, "", True),
    ]  # fmt: skip


async def test_a_schedule_counts_from_when_it_was_made_changed_resumed_or_switched_on(kitchen):
    number = await kitchen.save(recipe(schedule="0 3 * * *"))

    async def counts_from_now(change) -> bool:
        kitchen.clock.advance(3600)
        await change
        return (await kitchen.scheduled(number)).checked_until == kitchen.clock.now_ms()

    assert not await counts_from_now(kitchen.save(recipe("Another", schedule="0 3 * * *"), number))
    assert await counts_from_now(kitchen.save(recipe(schedule="0 4 * * *"), number))
    await kitchen.stored.pause_schedule(number, True)
    assert await counts_from_now(kitchen.stored.pause_schedule(number, False))
    assert not await counts_from_now(kitchen.stored.pause_schedule(number, False))
    await kitchen.stored.enable(number, False)
    assert await counts_from_now(kitchen.stored.enable(number, True))


async def test_a_start_and_what_is_dealt_with_are_one_transaction(kitchen):
    number = await kitchen.save(recipe(schedule="0 3 * * *"))
    kitchen.clock.advance(3600)
    turn = await kitchen.start_due(number, -1000)
    assert turn is not None
    assert turn.job_id is not None
    stored = await kitchen.get(number)
    assert (stored.last_job, stored.last_run) == (turn.job_id, kitchen.clock.now_ms())
    assert (await kitchen.scheduled(number)).checked_until == kitchen.clock.now_ms()
    lines = [line for (line,) in await kitchen.rows("SELECT message FROM job_logs WHERE job_id = ?", turn.job_id)]
    assert "Started by its schedule, 0 3 * * *" in lines


async def test_a_start_that_fails_deals_with_nothing(kitchen, monkeypatch):
    """As after kill -9 in the midst of it."""
    number = await kitchen.save(recipe(schedule="0 3 * * *"))
    before = await kitchen.scheduled(number)
    kitchen.clock.advance(3600)

    def break_down(*_: object, **__: object) -> int:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(kitchen.ledger, "begin_run", break_down)
        with pytest.raises(ZeroDivisionError):
            await kitchen.start_due(number)
    assert await kitchen.scheduled(number) == before
    assert await kitchen.rows("SELECT id FROM jobs") == []


@pytest.mark.parametrize(
    ("minutes", "words"), [(90, "90 minutes"), (5 * 60, "5 hours"), (47 * 60, "47 hours"), (50 * 60, "2 days")]
)
async def test_a_late_start_says_how_late(kitchen, minutes, words):
    number = await kitchen.save(recipe(schedule="0 3 * * *"))
    turn = await kitchen.start_due(number, -minutes * 60_000)
    assert turn is not None
    lines = [line for (line,) in await kitchen.rows("SELECT message FROM job_logs WHERE job_id = ?", turn.job_id)]
    assert f"Started by its schedule, 0 3 * * *, {words} late" in lines


async def test_by_hand_there_are_never_two_at_once_either_and_the_one_that_runs_is_named(kitchen):
    number = await kitchen.save(recipe())
    running = await kitchen.ledger.start_run(number, DEFAULTS)
    with pytest.raises(NotAllowedError, match=f"“Nightly” has a run that has not ended: job {running} is") as refused:
        await kitchen.ledger.start_run(number, DEFAULTS)
    assert refused.value.hint == "Wait for its end, or cancel it."
    await kitchen.ledger.pause(running)
    with pytest.raises(NotAllowedError, match="is paused") as refused:
        await kitchen.ledger.start_run(number, DEFAULTS)
    assert refused.value.hint == "Resume it, or cancel it."
    assert await kitchen.rows("SELECT count(*) FROM jobs WHERE parent_id IS NULL") == [(1,)]
    await kitchen.ledger.cancel(running)
    assert await kitchen.ledger.start_run(number, DEFAULTS) > running


async def test_never_two_at_once_and_the_one_that_runs_says_so(kitchen):
    number = await kitchen.save(recipe(schedule="0 3 * * *"))
    running = await kitchen.ledger.start_run(number, DEFAULTS)
    kitchen.clock.advance(60)
    assert await kitchen.start_due(number) == Turn(running=running)
    assert await kitchen.rows("SELECT count(*) FROM jobs WHERE parent_id IS NULL") == [(1,)]
    assert (await kitchen.scheduled(number)).checked_until == kitchen.clock.now_ms()
    warnings = await kitchen.rows("SELECT message FROM job_logs WHERE job_id = ? AND level = 2", running)
    assert any("left out this time" in message for (message,) in warnings)
    assert await kitchen.start_due(number) == Turn(running=running)
    again = await kitchen.rows("SELECT message FROM job_logs WHERE job_id = ? AND level = 2", running)
    assert again == warnings  # not a line each minute
    await kitchen.ledger.cancel(running)
    turn = await kitchen.start_due(number)
    assert turn is not None
    assert turn.job_id is not None


async def test_what_makes_no_sense_any_more_is_dealt_with_and_told(kitchen):
    source = await kitchen.add_source()
    number = await kitchen.save(
        recipe(steps=(Step(name="x", action="crawl"),), sources=(source,), schedule="0 3 * * *")
    )
    await kitchen.do("DELETE FROM sources")
    kitchen.clock.advance(60)
    turn = await kitchen.start_due(number)
    assert turn is not None
    assert (turn.job_id, turn.problem) == (None, f"sources[1]: there is no source {source}.")
    assert (await kitchen.scheduled(number)).checked_until == kitchen.clock.now_ms()


async def test_what_changed_since_it_was_read_is_not_started(kitchen):
    number = await kitchen.save(recipe(schedule="0 3 * * *"))
    scheduled = await kitchen.scheduled(number)
    kitchen.clock.advance(60)
    await kitchen.stored.pause_schedule(number, True)
    now = kitchen.clock.now_ms()
    assert await kitchen.schedules.start_due(scheduled, now, now, DEFAULTS) is None
    assert await kitchen.rows("SELECT id FROM jobs") == []
