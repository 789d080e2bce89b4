"""The event loop of the window: what is due runs in order, once in each turn of Qt's loop."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from PySide6.QtCore import QTimer

from quaero_desktop import app

Run = Callable[[Awaitable[Any]], Any]


@pytest.fixture
def run(qapp):
    with asyncio.Runner(loop_factory=lambda: app.WindowLoop(qapp)) as runner:
        yield runner.run


def test_callbacks_run_in_the_order_in_which_they_came(run):
    ran: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number in range(5):
            loop.call_soon(ran.append, number)
        loop.call_soon(ran.append, 5).cancel()
        await asyncio.sleep(0)
        assert ran == [0, 1, 2, 3, 4]

    run(main())


def test_timeouts_run_when_they_are_due_and_never_before(run):
    ran: list[tuple[str, float]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        start = time.monotonic()

        def note(name: str) -> None:
            ran.append((name, time.monotonic() - start))

        loop.call_later(0.06, note, "last")
        loop.call_later(0.02, note, "first")
        loop.call_later(0.04, note, "cancelled").cancel()
        loop.call_at(loop.time() + 0.04, note, "second")
        await asyncio.sleep(0.08)

    run(main())
    assert [name for name, _ in ran] == ["first", "second", "last"]
    assert all(at >= least for (_, at), least in zip(ran, (0.02, 0.04, 0.06), strict=True))


def test_cancelled_timeouts_are_forgotten_when_they_come_first(run):
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        for _ in range(100):
            loop.call_later(60, print).cancel()
        await asyncio.sleep(0.005)
        assert len(loop._timer._later) <= 1

    run(main())


def test_other_threads_can_call(run):
    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = [asyncio.Event() for _ in range(50)]
        thread = threading.Thread(target=lambda: [loop.call_soon_threadsafe(event.set) for event in done])
        thread.start()
        await asyncio.gather(*(event.wait() for event in done))
        thread.join()

    run(main())


def test_what_a_callback_brings_lets_qt_have_its_turn_first(run):
    async def main() -> None:
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()
        QTimer.singleShot(1, asked.set)
        turns = 0
        while not asked.is_set():
            turns += 1
            await asyncio.sleep(0)
        assert turns

        def fail() -> None:
            raise ValueError("of a callback")

        told: list[str] = []
        loop.set_exception_handler(lambda _, context: told.append(str(context["exception"])))
        loop.call_soon(fail)
        await asyncio.sleep(0)
        assert told == ["of a callback"]

    run(main())


def test_nothing_runs_while_the_loop_does_not_and_nothing_is_lost(run, qapp):
    ran: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.001, ran.append, "later")
        loop.call_soon(lambda: loop.call_soon(ran.append, "soon"))

    run(main())
    before = list(ran)
    deadline = time.monotonic() + 0.01
    while time.monotonic() < deadline:
        qapp.processEvents()
    assert ran == before
    run(asyncio.sleep(0.01))
    assert sorted(ran) == ["later", "soon"]
