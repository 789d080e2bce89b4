"""What deleting a huge crawl costs: ``python -m tests.benchmarks.deletion [CHILDREN]`` (100,000 unless told).

Prints how long it takes to plan, hide, list without and bring back a crawl with that many pages, how fast it is purged,
and how long somebody else waits for a small transaction of their own meanwhile.
"""

import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.infra.clock import SystemClock
from quaero_desktop.storage import queries
from quaero_desktop.storage.database import Database, Tx
from quaero_desktop.storage.deletion import Deletions
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.queue import Queue
from tests.support.million import ROOT, build

T = TypeVar("T")


async def timed(name: str, work: Awaitable[T]) -> T:
    """Print how long *work* takes."""
    started = time.perf_counter()
    value = await work
    print(f"{name:52}{(time.perf_counter() - started) * 1000:10.1f} ms")
    return value


async def write_now_and_then(database: Database, waits: list[float]) -> None:
    """Commit something small every 5 ms, as a crawl does, and note how long that takes each time."""

    def small(tx: Tx) -> None:
        tx.execute("INSERT OR REPLACE INTO lanes VALUES ('benchmark', ?, 'x')", (tx.now,))

    while True:
        started = time.perf_counter()
        await database.write(small)
        waits.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(0.005)


def show_waits(name: str, waits: list[float]) -> None:
    """Print the median, the 99th part of a hundred, and the longest."""
    waits.sort()
    print(
        f"{name:52}{waits[len(waits) // 2]:10.1f} ms, p99 {waits[int(len(waits) * 0.99)]:.1f} ms,"
        f" longest {waits[-1]:.1f} ms ({len(waits):,})"
    )


async def waits_for(database: Database, seconds: float) -> list[float]:
    """Return what a small transaction waits for while nothing else is written."""
    waits: list[float] = []
    task = asyncio.create_task(write_now_and_then(database, waits))
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.wait([task])
    return waits


async def main(children: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        started = time.perf_counter()
        files = build(Path(folder) / "library", children)
        print(f"{children:,} pages, made in {time.perf_counter() - started:.0f} s")
        database = Database(files.database, clock=SystemClock())
        await database.open()
        deletions = Deletions(database, Ledger(database, Queue(owner=secrets.token_hex(8))))

        def shown() -> Awaitable[object]:
            return database.read(lambda connection: queries.jobs(connection, JobFilter(parent="all")))

        pages = await database.read(lambda c: queries.ids(c, JobFilter(parent=ROOT, status=("failed",))))
        await timed("list of all jobs, before", shown())
        await timed("plan", deletions.plan([ROOT], 1_000))
        await timed("plan with each id", deletions.plan([ROOT], None))
        await timed("hide", deletions.hide([ROOT]))
        await timed("list of all jobs, with it in the trash", shown())
        await timed("restore", deletions.restore([ROOT]))
        await timed(f"hide {len(pages):,} failed pages one by one", deletions.hide(pages))
        await timed("list of all jobs, with these in the trash", shown())
        show_waits("a small transaction while nothing else happens", await waits_for(database, 2))
        for name, ids in ((f"purge {len(pages):,} failed pages", pages), ("purge the rest", [ROOT])):
            await deletions.hide(ids)
            waits: list[float] = []
            writing = asyncio.create_task(write_now_and_then(database, waits))
            started = time.perf_counter()
            purged = await deletions.purge(ids)
            seconds = time.perf_counter() - started
            writing.cancel()
            await asyncio.wait([writing])
            assert not purged.failed
            print(f"{name:52}{seconds:10.1f} s, {len(purged.deleted) / seconds:,.0f} jobs/s")
            show_waits("  a small transaction meanwhile", waits)
        await database.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
