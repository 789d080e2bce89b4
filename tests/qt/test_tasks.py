"""Tasks of the window: kept, cancelled by newer questions, never failing without a word."""

import asyncio

import pytest

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.ui.tasks import Tasks


class Told:
    def __init__(self) -> None:
        self.known: list[KnownError] = []
        self.bugs: list[BaseException] = []
        self.tasks = Tasks(self.known.append, self.bugs.append)


@pytest.fixture
def told() -> Told:
    return Told()


async def fails(error: BaseException) -> None:
    raise error


async def test_a_known_error_goes_to_the_notices_and_any_other_to_the_crash_reporter(told: Told) -> None:
    known, bug = KnownError("no room"), ValueError("ours")
    first, second = told.tasks.spawn(fails(known)), told.tasks.spawn(fails(bug))
    assert first is not None
    assert second is not None
    await asyncio.wait([first, second])
    assert told.known == [known]
    assert told.bugs == [bug]


async def test_a_caller_may_show_a_known_error_itself(told: Told) -> None:
    own: list[KnownError] = []
    task = told.tasks.spawn(fails(KnownError("bad address")), on_error=own.append)
    assert task is not None
    await asyncio.wait([task])
    assert [error.message for error in own] == ["bad address"]
    assert told.known == []


async def test_the_newest_question_cancels_the_older_one(told: Told) -> None:
    never = asyncio.Event()
    older = told.tasks.latest("search", never.wait())
    other = told.tasks.latest("something else", never.wait())
    newer = told.tasks.latest("search", asyncio.sleep(0))
    assert older is not None
    assert newer is not None
    assert other is not None
    await asyncio.wait([older, newer])
    assert older.cancelled()
    assert not newer.cancelled()
    assert not other.done()
    await told.tasks.cancel_all()
    assert other.cancelled()


async def test_after_the_end_nothing_is_started(told: Told) -> None:
    await told.tasks.cancel_all()
    assert told.tasks.spawn(fails(ValueError("never runs"))) is None
    assert told.bugs == []


async def test_the_end_waits_for_what_takes_its_time_to_stop(told: Told) -> None:
    stopped: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            stopped.append("in order")

    told.tasks.spawn(slow())
    await asyncio.sleep(0)
    await told.tasks.cancel_all()
    assert stopped == ["in order"]
