"""J4: what is due is started by the time of day, once, whatever the clock does."""

import asyncio
import logging
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.errors import DiskFullError
from quaero_desktop.domain.events import EngineNotice
from quaero_desktop.domain.ports import Scheduled, Turn
from quaero_desktop.engine.scheduler import LOOK_SECONDS, Scheduler
from tests.support.clock import ManualClock

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3600
DAY = 24 * HOUR
DEFAULTS = CrawlConfig(seeds=(), max_depth=9)


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1000)


class Shelf:
    """Definitions that are not in any library, as `storage.definitions` keeps them.

    Attributes:
        started: the id of each definition whose run was started, and the local time of that.
        running: the open run of a definition.
        broken: why one cannot be started.
        trouble: what each call raises.
        reads: how often the schedules were read.
    """

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.known: dict[int, Scheduled] = {}
        self.started: list[tuple[int, str]] = []
        self.running: dict[int, int] = {}
        self.broken: dict[int, str] = {}
        self.trouble: Exception | None = None
        self.reads = 0

    def add(self, schedule: str, *, auto_start: bool = False, dealt_with: bool = True) -> int:
        number = len(self.known) + 1
        self.known[number] = Scheduled(
            id=number,
            name=f"No. {number}",
            schedule=schedule,
            checked_until=self._clock.now_ms() if dealt_with else None,
            auto_start=auto_start,
        )
        return number

    async def schedules(self) -> tuple[Scheduled, ...]:
        self.reads += 1
        if self.trouble is not None:
            raise self.trouble
        return tuple(self.known.values())

    async def deal_with(self, definition_id: int, until: int) -> None:
        self.known[definition_id] = msgspec.structs.replace(self.known[definition_id], checked_until=until)

    async def start_due(self, scheduled: Scheduled, due: int | None, now: int, defaults: CrawlConfig) -> Turn | None:
        assert defaults == DEFAULTS
        if self.known.get(scheduled.id) != scheduled:
            return None
        await self.deal_with(scheduled.id, now)
        if scheduled.id in self.running:
            return Turn(running=self.running[scheduled.id])
        if scheduled.id in self.broken:
            return Turn(problem=self.broken[scheduled.id], hint="Mend it.")
        moment = datetime.fromtimestamp(now / 1000, BERLIN)
        self.started.append((scheduled.id, moment.strftime("%m-%d %H:%M")))
        return Turn(job_id=100 + len(self.started))


class World:
    """A scheduler over a shelf, under a clock that the test moves."""

    def __init__(self, now: str = "2026-06-01T12:00") -> None:
        self.clock = ManualClock(at(now))
        self.shelf = Shelf(self.clock)
        self.notices: list[EngineNotice] = []
        self.pokes = 0
        self.scheduler = self.restarted()

    def restarted(self) -> Scheduler:
        """Return a scheduler as it is after another start of Quaero."""
        self.scheduler = Scheduler(
            self.shelf, self.clock, lambda: BERLIN, lambda: DEFAULTS, started=self._poke, notify=self.notices.append
        )
        return self.scheduler

    def _poke(self) -> None:
        self.pokes += 1

    async def let_pass(self, seconds: float) -> None:
        """Let time pass, while the scheduler sleeps as long as it wants to and no longer."""
        end = self.clock.now_ms() + seconds * 1000
        while (left := (end - self.clock.now_ms()) / 1000) > 0:
            wait = await self.scheduler.look()
            assert 0 < wait <= LOOK_SECONDS
            self.clock.advance(min(wait, left))
        await self.scheduler.look()

    @property
    def started(self) -> list[str]:
        return [moment for _, moment in self.shelf.started]


@pytest.fixture
def world() -> World:
    return World()


async def test_a_schedule_starts_a_run_at_its_moment_and_wakes_the_pool(world):
    world.shelf.add("0 15 * * *")
    await world.let_pass(2 * DAY)
    assert world.started == ["06-01 15:00", "06-02 15:00"]
    assert world.pokes == 2


async def test_it_sleeps_until_the_next_moment_but_never_more_than_a_minute(world):
    world.shelf.add("0 13 * * *")
    assert await world.scheduler.look() == LOOK_SECONDS
    world.clock.advance(HOUR - 12.5)
    assert await world.scheduler.look() == 12.5
    world.clock.advance(12.5)
    assert await world.scheduler.look() == LOOK_SECONDS
    assert world.started == ["06-01 13:00"]


async def test_a_definition_without_a_schedule_never_starts(world):
    world.shelf.add("")
    await world.let_pass(HOUR)
    assert world.started == []


# --- clocks that jump -------------------------------------------------------------------------------------------------


async def test_what_a_sleeping_machine_missed_is_made_up_for_by_one_run(world):
    world.shelf.add("*/15 * * * *")
    await world.scheduler.look()
    world.clock.jump(5 * HOUR + 60)  # timers stand still meanwhile
    await world.let_pass(20 * 60)
    assert world.started == ["06-01 17:01", "06-01 17:15"]


async def test_what_was_missed_while_quaero_was_closed_is_made_up_for_by_one_run(world):
    world.shelf.add("0 3 * * *")
    await world.scheduler.look()
    world.clock.jump(10 * DAY)
    world.restarted()
    await world.let_pass(DAY)
    assert world.started == ["06-11 12:00", "06-12 03:00"]


async def test_a_clock_that_is_put_back_a_little_repeats_nothing(world):
    world.shelf.add("30 12 * * *")
    await world.let_pass(HOUR)
    world.clock.jump(-1.5 * HOUR)
    await world.let_pass(3 * HOUR)
    assert world.started == ["06-01 12:30"]


async def test_a_clock_that_was_years_ahead_stops_nothing_once_it_is_right(world):
    world.shelf.add("0 15 * * *")
    world.clock.jump(3650 * DAY)
    await world.let_pass(60)
    assert len(world.started) == 1
    world.clock.jump(-3650 * DAY)
    await world.let_pass(DAY)
    assert world.started[1:] == ["06-01 15:00"]


async def test_daylight_saving_time_neither_loses_nor_repeats_a_run():
    for day, moments in (
        ("2026-03-28T12:00", ["03-29 03:00", "03-30 02:30"]),
        ("2026-10-24T12:00", ["10-25 02:30", "10-26 02:30"]),
    ):
        world = World(day)
        world.shelf.add("30 2 * * *")
        await world.let_pass(2 * DAY)
        assert world.started == moments


# --- one at a time ----------------------------------------------------------------------------------------------------


async def test_what_still_runs_is_left_out_and_that_is_said(world):
    number = world.shelf.add("*/15 * * * *")
    world.shelf.running[number] = 7
    await world.let_pass(16 * 60)
    assert world.started == []
    (notice,) = world.notices
    assert notice.passing
    assert "“No. 1” was due again, but its last run, job 7, has not ended" in (notice.message or "")
    del world.shelf.running[number]
    await world.let_pass(15 * 60)
    assert world.started == ["06-01 12:30"]


async def test_what_cannot_be_started_is_said_once_for_each_moment(world):
    number = world.shelf.add("*/15 * * * *")
    world.shelf.broken[number] = "sources[1]: there is no source 9."
    await world.let_pass(29 * 60)
    (notice,) = world.notices
    assert (notice.message, notice.hint) == (
        "“No. 1” was due and could not be started. sources[1]: there is no source 9.", "Mend it.",
    )  # fmt: skip


async def test_several_definitions_do_not_wait_for_each_other(world):
    first, second = world.shelf.add("0 13 * * *"), world.shelf.add("0 13 * * *")
    world.shelf.running[first] = 7
    await world.let_pass(HOUR)
    assert world.shelf.started == [(second, "06-01 13:00")]


async def test_an_old_row_with_nonsense_keeps_no_other_from_running(world):
    world.shelf.add("whenever")
    world.shelf.add("0 13 * * *")
    await world.let_pass(HOUR)
    assert world.started == ["06-01 13:00"]


# --- with Quaero ------------------------------------------------------------------------------------------------------


async def test_auto_start_runs_once_for_each_start_of_quaero(world):
    world.shelf.add("", auto_start=True)
    await world.let_pass(5 * 60)
    assert world.started == ["06-01 12:00"]
    world.restarted()
    await world.let_pass(5 * 60)
    assert world.started == ["06-01 12:00", "06-01 12:05"]


async def test_auto_start_makes_up_for_what_the_schedule_missed(world):
    world.shelf.add("0 3 * * *", auto_start=True)
    world.clock.jump(DAY)
    await world.let_pass(HOUR)
    assert world.started == ["06-02 12:00"]
    assert world.notices == []


async def test_what_goes_on_anyway_is_not_started_with_quaero_and_nothing_is_said(world):
    number = world.shelf.add("", auto_start=True)
    world.shelf.running[number] = 7
    await world.let_pass(60)
    assert (world.started, world.notices) == ([], [])


async def test_a_definition_that_is_made_later_waits_for_the_next_start(world):
    await world.scheduler.look()
    world.shelf.add("", auto_start=True)
    await world.let_pass(HOUR)
    assert world.started == []


async def test_a_schedule_that_nobody_looked_at_yet_begins_now(world):
    world.shelf.add("0 3 * * *", dealt_with=False)
    await world.let_pass(DAY)
    assert world.started == ["06-02 03:00"]


# --- running ----------------------------------------------------------------------------------------------------------


async def running(world: World) -> "asyncio.Task[None]":
    task = asyncio.create_task(world.scheduler.run())
    await _until(lambda: world.shelf.reads)
    return task


async def _until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


async def test_a_new_definition_wakes_it(world):
    task = await running(world)
    world.shelf.add("0 13 * * *")
    world.clock.jump(2 * HOUR)
    world.scheduler.changed()
    await _until(lambda: world.started)
    await end(task)
    assert world.started == ["06-01 14:00"]


async def test_a_change_at_the_last_moment_is_looked_at_anew(world):
    number = world.shelf.add("0 12 * * *")
    world.clock.jump(DAY)
    stale = world.shelf.known[number]
    await world.shelf.deal_with(number, world.clock.now_ms())
    await world.scheduler._start(stale, world.clock.now_ms())
    assert (world.started, world.scheduler._wake.is_set()) == ([], True)


@pytest.mark.parametrize("trouble", [DiskFullError("There is no room left."), ZeroDivisionError("a bug")])
async def test_trouble_ends_nothing(world, trouble, caplog):
    world.shelf.add("*/5 * * * *")
    world.shelf.trouble = trouble
    with caplog.at_level(logging.WARNING):
        task = await running(world)
        await _until(lambda: caplog.records)
    world.shelf.trouble = None
    world.clock.jump(HOUR)
    world.scheduler.changed()
    await _until(lambda: world.started)
    await end(task)
    assert world.started == ["06-01 13:00"]
