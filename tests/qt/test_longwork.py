"""Long work in the window: it says how far it is, can be stopped, and never runs twice at once."""

import asyncio

import pytest

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.ui.longwork import LongWork
from quaero_desktop.ui.widgets.messagebar import MessageBar


@pytest.fixture
def messages(world):
    bar = MessageBar(world.context)
    world.show(bar, 900, 60)
    yield bar
    bar.deleteLater()


def test_it_says_how_far_it_is_and_takes_that_back_at_the_end(world, messages):
    step = asyncio.Event()
    long_work = LongWork(world.context)

    async def work(tell):
        tell(1, 4)
        await step.wait()
        return "made"

    task = world.run(_spawned(world, long_work.run("backup", "Making a backup…", work)))
    world.wait_until(lambda: messages.current is not None and messages.current.progress == 0.25)
    assert messages.current.message == "Making a backup…"
    step.set()
    assert world.run(_awaited(task)) == "made"
    assert messages.current is None


def test_the_person_can_stop_it(world, messages):
    stopped = []
    long_work = LongWork(world.context)

    async def work(tell):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.append(True)
            raise

    task = world.run(_spawned(world, long_work.run("verify", "Checking…", work)))
    world.wait_until(lambda: messages.current is not None)
    messages._button.click()
    assert world.run(_awaited(task)) is None
    assert stopped == [True]


def test_a_notice_that_was_closed_does_not_come_back(world, messages):
    step, told = asyncio.Event(), asyncio.Event()
    long_work = LongWork(world.context)

    async def work(tell):
        await step.wait()
        tell(2, 4)
        told.set()
        await asyncio.sleep(0)

    task = world.run(_spawned(world, long_work.run("verify", "Checking…", work)))
    world.wait_until(lambda: messages.current is not None)
    messages.dismiss()
    step.set()
    world.run(_awaited(task))
    assert told.is_set()
    assert messages.current is None


def test_the_same_work_does_not_run_twice_at_once(world, messages):
    step = asyncio.Event()
    long_work = LongWork(world.context)

    async def work(tell):
        await step.wait()
        return 1

    first = world.run(_spawned(world, long_work.run("backup", "Making a backup…", work)))
    assert world.run(long_work.run("backup", "Making a backup…", work)) is None
    step.set()
    assert world.run(_awaited(first)) == 1


def test_what_it_raises_reaches_who_asked(world, messages):
    async def work(tell):
        raise KnownError("The disk is full.")

    with pytest.raises(KnownError, match="The disk is full"):
        world.run(LongWork(world.context).run("backup", "Making a backup…", work))
    assert messages.current is None


def test_a_backup_and_a_check_tell_their_progress(world):
    told: dict[str, list[tuple[int, int]]] = {"back_up": [], "verify": []}
    maintenance = world.context.services.maintenance
    world.run(maintenance.back_up(lambda *progress: told["back_up"].append(progress)))
    world.run(maintenance.verify(lambda *progress: told["verify"].append(progress)))
    for progress in told.values():
        assert progress
        assert all(0 <= done <= total for done, total in progress)


async def _spawned(world, coroutine):
    return world.context.tasks.spawn(coroutine)


async def _awaited(task):
    return await task
