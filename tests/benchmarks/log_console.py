"""What the log console costs the window: ``python -m tests.benchmarks.log_console``.

A crawl's share of log lines (20,000 a minute unless told) is committed to a real library on the window's own loop. A
timer of 5 ms on that loop tells how long the window did not answer: the gap between two of its ticks, of which a person
sees those beyond 16 ms as a stutter. Rounds with the console, following the end of the log, alternate with rounds
without it; the ring is full from the start, so that each line also pushes one out.

Without a display: QT_QPA_PLATFORM=offscreen, which is set when nothing else is.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from quaero_desktop.storage.database import Tx
from quaero_desktop.ui.models.log import CAPACITY
from quaero_desktop.ui.views.log import LogConsole
from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import FRAME_MS, Spread, qt_application
from tests.support.qtwindow import QtWorld, qt_world
from tests.support.ticks import Ticks

LINES, SECONDS, ROUNDS = 20_000, 10.0, 3
COMMIT_SECONDS = 0.03
"""A crawl commits so often."""
UNAFFECTED_MS = 2.0
"""By how much the 99th percentile may differ from that without the console: two rounds without it differ as much."""


def measure(lines: int, seconds: float, rounds: int) -> Iterator[Figure]:
    """Yield how much later the window answers with the console than without it.

    Args:
        lines: log lines a minute.
        seconds: of a round.
        rounds: of each kind.
    """
    application = qt_application()
    gaps: dict[str, list[float]] = {"without": [], "with": []}
    with tempfile.TemporaryDirectory() as folder, qt_world(Path(folder) / "library") as world:
        world.run(_prepare(world))
        console = LogConsole(world.context)
        console.resize(1280, 260)
        for _ in range(rounds):
            for kind, found in gaps.items():
                found += world._runner.run(_round(world, console, kind == "with", lines / 60, seconds))
        print(f"{console.model.total:,} lines held at the end")
        console.close()
        console.deleteLater()
    del application
    spreads = {kind: Spread.of(found) for kind, found in gaps.items()}
    what = f"log console, {lines:,} lines a minute: gaps of a 5 ms tick"
    more = spreads["with"].p99 - spreads["without"].p99
    yield Figure(
        what=f"{what}, p99", value=spreads["with"].p99, unit="ms", at_most=FRAME_MS, detail=str(spreads["with"])
    )
    yield Figure(
        what=f"{what}, p99 more than without the console",
        value=more,
        unit="ms",
        at_most=UNAFFECTED_MS,
        detail=f"without: {spreads['without']}",
    )


def figures(quick: bool) -> Iterator[Figure]:
    """Yield what the console costs; by one short round of each kind when it is to be *quick*."""
    yield from measure(LINES, SECONDS / 3 if quick else SECONDS, 1 if quick else ROUNDS)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lines", type=int, default=LINES, help="log lines a minute")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of a round")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each kind")
    given = parser.parse_args()
    tell(measure(given.lines, given.seconds, given.rounds))


async def _prepare(world: QtWorld) -> None:
    def fill(tx: Tx) -> None:
        tx.execute(
            "INSERT INTO jobs (id, type, status, name, config, created_at, revision)"
            " VALUES (1, 'crawl', 'running', 'docs', '{}', 0, ?)",
            (tx.revision,),
        )
        tx.executemany(
            "INSERT INTO jobs (id, parent_id, root_id, type, status, url, created_at, revision)"
            " VALUES (?, 1, 1, 'crawler_url', 'completed', ?, 0, ?)",
            ((2 + page, f"https://docs.quaero.org/library/page-{page}.html", tx.revision) for page in range(1000)),
        )
        _add(tx, CAPACITY)

    await world.services.jobs._database.write(fill)


def _add(tx: Tx, number: int) -> None:
    tx.executemany(
        "INSERT INTO job_logs (job_id, root_id, at, level, message) VALUES (?, 1, ?, ?, ?)",
        (
            (
                2 + line % 1000,
                int(time.time() * 1000),
                2 if line % 50 == 0 else 1,
                f"Saved “A page that has the number {line}” (200, {line % 90} ms, 12 KB, {line % 40} new links)",
            )
            for line in range(number)
        ),
    )


async def _round(
    world: QtWorld, console: LogConsole, visible: bool, lines_per_second: float, seconds: float
) -> list[float]:
    """Return the gaps between ticks, in milliseconds, while lines are committed."""
    console.setVisible(visible)
    if visible:
        console.tail.set_following(True)
        while console.tail.loading:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        # The ring is full, as it is after some minutes of a crawl.
        while console.model.total < CAPACITY and console.tail.has_older:
            console.tail.load_older()
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.5)
    database = world.services.jobs._database
    ticks = Ticks()
    started, written = time.monotonic(), 0
    while (passed := time.monotonic() - started) < seconds:
        due = int(passed * lines_per_second) - written
        if due > 0:
            await database.write(lambda tx, due=due: _add(tx, due))  # type: ignore[misc]
            written += due
        await asyncio.sleep(COMMIT_SECONDS)
    return ticks.stop()


if __name__ == "__main__":
    main()
