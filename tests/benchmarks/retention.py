"""What forgetting old logs costs: ``python -m tests.benchmarks.retention [LINES]`` (1,000,000 unless told).

Prints how fast the lines of a crawl that ended long ago are deleted, how long somebody else waits for a small
transaction of their own meanwhile, and what the daily look costs where nothing is too old.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from quaero_desktop.domain.cleanup import DAY_MS
from quaero_desktop.infra.clock import SystemClock
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.storage import sqlite
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.retention import OldThings
from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import Spread, other_writes, timed
from tests.support.million import NOW, ROOT, build

LINES = 1_000_000
LINES_A_PAGE = 5


def fill(files: LibraryFiles, lines: int) -> None:
    """End the crawl, and give it as many lines as are wanted: those of some pages at a time come in turns."""
    draw = random.Random(1)
    pages = lines // LINES_A_PAGE
    with closing(sqlite.connect_writer(files.database)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute(
            "UPDATE jobs SET status = 'completed', created_at = ?, completed_at = ? WHERE id = ?",
            (NOW - 1, NOW + DAY_MS, ROOT),
        )
        connection.executemany(
            "INSERT INTO job_logs (job_id, root_id, at, level, message) VALUES (?, ?, ?, ?, ?)",
            (
                (
                    ROOT + 1 + min(n // LINES_A_PAGE + draw.randrange(8), pages - 1),
                    ROOT,
                    NOW + n,
                    draw.choices((0, 1, 2), (4, 4, 1))[0],
                    "Fetched (200, text/html, 23,118 bytes) in 143 ms",
                )
                for n in range(lines)
            ),
        )
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def measure(folder: Path, lines: int) -> list[Figure]:
    """Return what forgetting so many lines costs."""
    started = time.perf_counter()
    files = build(folder / "library", max(lines // LINES_A_PAGE, 1))
    fill(files, lines)
    print(f"{lines:,} lines of {lines // LINES_A_PAGE:,} pages, made in {time.perf_counter() - started:.0f} s")
    database = Database(files.database, clock=SystemClock())
    await database.open()
    old = OldThings(database)
    await timed("a look that finds no line too old", old.delete_lines(NOW))
    async with other_writes(database) as waits:
        await asyncio.sleep(2)
    print(f"a small write while nothing else happens: {Spread.of(waits)}")
    async with other_writes(database) as waits:
        started = time.perf_counter()
        deleted = await old.delete_lines(NOW + lines)
        seconds = time.perf_counter() - started
    assert deleted == lines
    await timed("a look that finds no line at all", old.delete_lines(NOW + lines))
    await database.close()
    spread = Spread.of(waits)
    return [
        Figure(
            what=f"{lines:,} old log lines forgotten, lines a second",
            value=deleted / seconds,
            detail=f"{seconds:.1f} s; a small write meanwhile waits p99 {spread.p99:.0f}, max {spread.worst:.0f} ms",
        )
    ]


def run(lines: int) -> Iterator[Figure]:
    """Make the library and yield what forgetting its lines costs."""
    with tempfile.TemporaryDirectory() as folder:
        yield from asyncio.run(measure(Path(folder), lines))


def figures(quick: bool) -> Iterator[Figure]:
    """Yield what forgetting costs; of a tenth of the lines when it is to be *quick*."""
    yield from run(LINES // 10 if quick else LINES)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", nargs="?", type=int, default=LINES)
    tell(run(parser.parse_args().lines))


if __name__ == "__main__":
    main()
