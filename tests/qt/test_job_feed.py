"""The change feed as signals of Qt: each part of the window watches what it shows."""

import gc
from typing import Any

import pytest
from PySide6.QtCore import QObject

from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.domain.listing import JobFilter, Statistics
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.ui import feed as feed_module
from quaero_desktop.ui.feed import JobFeed
from tests.support.qtwindow import QtWorld


class Heard(QObject):
    """A part of the window that listens."""

    def __init__(self, feed: JobFeed) -> None:
        super().__init__()
        self.updates: list[FeedUpdate] = []
        self.statistics: list[Statistics] = []
        feed.updated.connect(self.updates.append)
        feed.statistics.connect(self.statistics.append)

    def parents(self) -> set[int | None]:
        return {job.parent_id for update in self.updates for job in update.children}


async def crawl(world: QtWorld) -> int:
    return await world.services.jobs.start_crawl(CrawlRequest(urls=("https://docs.quaero.org/",)))


def begin(world: QtWorld) -> None:
    async def start() -> None:
        world.context.feed.start()
        world.context.feed.start()

    world.run(start())


def test_updates_and_statistics_come_while_something_changes(world, monkeypatch):
    monkeypatch.setattr(feed_module, "_STATISTICS_SECONDS", 0.01)
    heard = Heard(world.context.feed)
    begin(world)
    world.wait_until(lambda: bool(heard.statistics))
    assert heard.statistics[0].queued == 0

    root_id = world.run(crawl(world))

    world.wait_until(lambda: heard.statistics[-1].queued == 1)
    assert [job.id for update in heard.updates for job in update.roots] == [root_id]


def test_each_owner_watches_jobs_of_its_own(world):
    feed = world.context.feed
    heard, owner, other = Heard(feed), QObject(), QObject()
    begin(world)
    one, two, three = (world.run(crawl(world)) for _ in range(3))
    feed.watch(owner, [one])
    feed.watch(other, [two])
    feed.watch(owner, [one])

    for root_id in (one, two, three):
        world.run(world.services.jobs.cancel(root_id))
    world.wait_until(lambda: heard.parents() == {one, two})

    del other
    gc.collect()
    feed.watch(owner, [])
    assert world.services.feed._watched == frozenset()


def test_what_changed_while_it_was_stopped_is_told_later(world):
    heard = Heard(world.context.feed)
    begin(world)
    world.context.feed.stop()
    root_id = world.run(crawl(world))
    assert heard.updates == []

    begin(world)
    world.wait_until(lambda: bool(heard.updates))
    assert [job.id for job in heard.updates[0].roots] == [root_id]


@pytest.mark.parametrize("running", [True, False])
def test_a_flush_tells_the_rest_and_then_nothing_more(world, running):
    heard = Heard(world.context.feed)
    if running:
        begin(world)

    async def change_and_flush() -> int:
        root_id = await crawl(world)
        await world.context.feed.flush()
        return root_id

    root_id = world.run(change_and_flush())
    assert [job.id for update in heard.updates for job in update.roots] == [root_id]

    world.run(world.services.jobs.cancel(root_id))
    page: Any = world.run(world.services.jobs.page(JobFilter()))
    assert [job.status for job in page.jobs] == ["cancelled"]
    assert len(heard.updates) == 1
