"""Outcomes that are ready about the same time are stored in one commit, and what is started next comes with it."""

import asyncio

from quaero_desktop.engine import pool
from tests.engine.conftest import SITE, never, store
from tests.support.outcomes import stored
from tests.support.waiting import until

COMMITS = "SELECT count(DISTINCT revision) FROM jobs WHERE url IS NOT NULL"
STATUS = "SELECT status FROM jobs WHERE url = ?"


def all_but_the_slow_one(ended):
    async def work(job):
        if job.url == SITE + "/slow":
            return await never(job)
        ended.set()
        return stored(job.url)

    return work


async def test_pages_that_end_together_share_a_commit(bench, monkeypatch):
    # However slow the machine is: once all are there, nobody waits.
    monkeypatch.setattr(pool, "_GATHER_SECONDS", 60)
    await bench.start(*(f"/{number}" for number in range(16)))
    bench.build(store, workers=8)

    await bench.run()

    assert await bench.rows(COMMITS) == [(2,)]


async def test_the_next_page_of_a_lane_is_received_in_the_commit_that_stores_the_last(bench):
    commits: list[int] = []
    bench.database.on_commit(commits.append)
    await bench.start(*(f"/{number}" for number in range(5)), per_host=1)
    bench.build(store, workers=3)

    await bench.run()

    # The start and the first receive; then each page with the receive of the next.
    assert len(commits) == 2 + 5


async def test_a_page_does_not_wait_for_one_that_takes_long(bench):
    ended = asyncio.Event()
    await bench.start("/slow", "/quick")
    bench.build(all_but_the_slow_one(ended), workers=2)
    run = asyncio.create_task(bench.pool.run())

    await ended.wait()
    await until(lambda: bench.pool.running == 1)
    assert await bench.rows(STATUS, SITE + "/quick") == [("completed",)]

    bench.pool.stop()
    bench.pool.stop()
    await run
    assert await bench.rows(STATUS, SITE + "/slow") == [("pending",)]


async def test_a_stop_stores_what_waits_for_others(bench):
    ended = asyncio.Event()
    await bench.start("/slow", "/quick")
    bench.build(all_but_the_slow_one(ended), workers=2, grace_seconds=0.2)
    run = asyncio.create_task(bench.pool.run())
    await ended.wait()
    bench.pool.stop()
    await run

    assert await bench.rows(STATUS, SITE + "/quick") == [("completed",)]
