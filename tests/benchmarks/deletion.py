"""What deleting a huge crawl costs: ``python -m tests.benchmarks.deletion [CHILDREN]`` (100,000 unless told).

Prints how long it takes to plan, hide, list without and bring back a crawl with that many pages, how fast it is purged,
and how long somebody else waits for a small transaction of their own meanwhile.
"""

import argparse
import asyncio
import secrets
import tempfile
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path

from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.infra.clock import SystemClock
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.deletion import Deletions
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.queries import joblist
from quaero_desktop.storage.queue import Queue
from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import Spread, other_writes, timed
from tests.support.million import ROOT, build

CHILDREN = 100_000
HIDE_MS = 200.0


async def measure(folder: Path, children: int) -> list[Figure]:
    """Return what deleting a crawl with so many pages costs."""
    started = time.perf_counter()
    files = build(folder / "library", children)
    print(f"{children:,} pages, made in {time.perf_counter() - started:.0f} s")
    database = Database(files.database, clock=SystemClock())
    await database.open()
    deletions = Deletions(database, Ledger(database, Queue(owner=secrets.token_hex(8))))

    def shown() -> Awaitable[object]:
        return database.read(lambda connection: joblist.jobs(connection, JobFilter(parent="all")))

    pages = await database.read(lambda c: joblist.ids(c, JobFilter(parent=ROOT, status=("failed",))))
    await timed("list of all jobs, before", shown())
    await timed("plan", deletions.plan([ROOT], 1_000))
    await timed("plan with each id", deletions.plan([ROOT], None))
    hidden = await timed("hide", deletions.hide([ROOT]))
    await timed("list of all jobs, with it in the trash", shown())
    restored = await timed("restore", deletions.restore([ROOT]))
    await timed(f"hide {len(pages):,} failed pages one by one", deletions.hide(pages))
    await timed("list of all jobs, with these in the trash", shown())
    async with other_writes(database) as waits:
        await asyncio.sleep(2)
    print(f"a small write while nothing else happens: {Spread.of(waits)}")
    found = [
        Figure(
            what=f"deletion of a crawl of {children:,} pages: until it is hidden",
            value=hidden,
            unit="ms",
            at_most=HIDE_MS,
            detail=f"undone in {restored:.1f} ms",
        )
    ]
    for name, ids in (("failed pages", pages), ("crawl", [ROOT])):
        await deletions.hide(ids)
        async with other_writes(database) as waits:
            started = time.perf_counter()
            purged = await deletions.purge(ids)
            seconds = time.perf_counter() - started
        assert not purged.failed
        rate, spread = len(purged.deleted) / seconds, Spread.of(waits)
        print(f"purge the {name}: {seconds:.1f} s, {rate:,.0f} jobs/s; a small write meanwhile: {spread}")
    found.append(
        Figure(
            what=f"deletion of a crawl of {children:,} pages: jobs purged a second",
            value=rate,
            detail=f"{len(purged.deleted):,} jobs; a small write meanwhile waits p99 {spread.p99:.0f},"
            f" max {spread.worst:.0f} ms",
        )
    )
    await database.close()
    return found


def run(children: int) -> Iterator[Figure]:
    """Make the library and yield what deleting its crawl costs."""
    with tempfile.TemporaryDirectory() as folder:
        yield from asyncio.run(measure(Path(folder), children))


def figures(quick: bool) -> Iterator[Figure]:
    """Yield what a deletion costs; of a tenth of the pages when it is to be *quick*."""
    yield from run(CHILDREN // 10 if quick else CHILDREN)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("children", nargs="?", type=int, default=CHILDREN)
    tell(run(parser.parse_args().children))


if __name__ == "__main__":
    main()
