"""What forgetting old logs costs: ``python -m tests.benchmarks.retention [LINES]`` (1,000,000 unless told).

Prints how fast the lines of a crawl that ended long ago are deleted, how long somebody else waits for a small
transaction of their own meanwhile, and what the daily look costs where nothing is too old.
"""

import asyncio
import random
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from quaero_desktop.domain.cleanup import DAY_MS
from quaero_desktop.infra.clock import SystemClock
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.storage import sqlite
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.retention import OldThings
from tests.benchmarks.deletion import show_waits, timed, waits_for, write_now_and_then
from tests.support.million import NOW, ROOT, build

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


async def main(lines: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        started = time.perf_counter()
        files = build(Path(folder) / "library", max(lines // LINES_A_PAGE, 1))
        fill(files, lines)
        print(f"{lines:,} lines of {lines // LINES_A_PAGE:,} pages, made in {time.perf_counter() - started:.0f} s")
        database = Database(files.database, clock=SystemClock())
        await database.open()
        old = OldThings(database)
        await timed("a look that finds no line too old", old.delete_lines(NOW))
        show_waits("a small transaction while nothing else happens", await waits_for(database, 2))
        waits: list[float] = []
        writing = asyncio.create_task(write_now_and_then(database, waits))
        started = time.perf_counter()
        deleted = await old.delete_lines(NOW + lines)
        seconds = time.perf_counter() - started
        writing.cancel()
        await asyncio.wait([writing])
        assert deleted == lines
        print(f"{'delete them':52}{seconds:10.1f} s, {deleted / seconds:,.0f} lines/s")
        show_waits("  a small transaction meanwhile", waits)
        await timed("a look that finds no line at all", old.delete_lines(NOW + lines))
        await database.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
