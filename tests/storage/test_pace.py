"""Long work in many transactions: each takes about as long as others can wait, and between them there is time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from quaero_desktop.storage import pace
from quaero_desktop.storage.pace import Pace

SLOW, MIDDLING, FAST = 0.2, 0.05, 0.01
"""Seconds that a transaction takes."""

Transaction = Callable[[Pace, float], Awaitable[None]]


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it rested, in seconds; it does so at once."""
    taken: list[float] = []

    class Asyncio:
        @staticmethod
        async def sleep(seconds: float) -> None:
            taken.append(seconds)

    monkeypatch.setattr(pace, "asyncio", Asyncio)
    return taken


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Transaction:
    """Run a transaction that takes so many seconds, by a clock of its own."""

    class Time:
        now = 0.0

        @classmethod
        def monotonic(cls) -> float:
            return cls.now

    monkeypatch.setattr(pace, "time", Time)

    async def timed(paced: Pace, seconds: float) -> None:
        async def transaction() -> str:
            Time.now += seconds
            return "done"

        assert await paced.timed(transaction()) == "done"

    return timed


async def test_a_slow_disk_makes_the_next_transactions_smaller_down_to_a_limit(run: Transaction) -> None:
    paced = Pace(1000, gently=False)
    sizes = [paced.batch]
    for _ in range(7):
        await run(paced, SLOW)
        sizes.append(paced.batch)
    assert sizes == [1000, 500, 250, 125, 62, 40, 40, 40]


async def test_a_transaction_changes_one_row_at_least(run: Transaction) -> None:
    paced = Pace(3, gently=False)
    for _ in range(5):
        await run(paced, SLOW)
    assert paced.batch == 1


async def test_once_the_disk_is_fast_they_grow_again_up_to_the_most(run: Transaction) -> None:
    paced = Pace(1000, gently=False)
    for _ in range(3):
        await run(paced, SLOW)
    sizes = []
    for _ in range(4):
        await run(paced, FAST)
        sizes.append(paced.batch)
    assert sizes == [250, 500, 1000, 1000]


async def test_a_size_that_is_right_stays(run: Transaction) -> None:
    paced = Pace(1000, gently=False)
    await run(paced, SLOW)
    await run(paced, MIDDLING)
    assert paced.batch == 500


async def test_gentle_work_rests_as_long_as_it_worked_and_other_work_does_not(
    run: Transaction, rests: list[float]
) -> None:
    await run(Pace(1000, gently=True), MIDDLING)
    await run(Pace(1000, gently=False), MIDDLING)
    assert rests == [MIDDLING]


async def test_a_transaction_that_fails_says_so_and_changes_no_size() -> None:
    paced = Pace(1000, gently=True)

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await paced.timed(fail())
    assert paced.batch == 1000
