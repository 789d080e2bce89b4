"""How long the window is held up while jobs change: 500 a second below an open root with 2,000 children.

python -m tests.benchmarks.window_feed [--seconds 10] [--rate 500] [--children 2000] [--roots 500]

A real library, its feed and the panel of jobs, on qasync's loop and the offscreen platform. The lateness of a timer of
5 ms is what a click would have waited. The exit code is 1 when the 99th percentile is over 16 ms, a frame of the
screen, or the worst over 50 ms.
"""

import argparse
import asyncio
import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from quaero_desktop.storage.database import Tx
from quaero_desktop.ui.views.jobs import JobsPanel
from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import FRAME_MS, Spread, lateness, qt_application
from tests.support.qtwindow import QtWorld, qt_world

MOST_MS = 50.0
SECONDS, RATE, CHILDREN, ROOTS = 10.0, 500, 2_000, 500
COMMITS_A_SECOND = 50
_NEXT = {"pending": "running", "running": "completed", "completed": "pending"}


def fill(tx: Tx, roots: int, children: int) -> int:
    """Put *roots* ended crawls into a library and one under way with *children* pages; return that one."""
    for number in range(roots):
        tx.execute(
            "INSERT INTO jobs (type, status, name, config, created_at, started_at, completed_at, revision)"
            " VALUES ('crawl', 'completed', ?, ?, ?, ?, ?, ?)",
            (
                f"site-{number}.test",
                f'{{"seeds":["https://site-{number}.test/"]}}',
                tx.now,
                tx.now,
                tx.now,
                tx.revision,
            ),
        )
    root = int(
        tx.value(
            "INSERT INTO jobs (type, status, name, config, created_at, started_at, revision)"
            " VALUES ('crawl', 'running', 'busy.test', '{\"seeds\":[\"https://busy.test/\"]}', ?, ?, ?) RETURNING id",
            (tx.now, tx.now, tx.revision),
        )
    )
    tx.executemany(
        "INSERT INTO jobs (parent_id, root_id, type, status, url, created_at, started_at, revision)"
        " VALUES (?, ?, 'crawler_url', 'pending', ?, ?, ?, ?)",
        [
            (root, root, f"https://busy.test/library/page-{number}.html", tx.now, tx.now, tx.revision)
            for number in range(children)
        ],
    )
    return root


def change(tx: Tx, root: int, ids: list[int]) -> None:
    """Let pages go on to their next status, and the root with them."""
    for job_id in ids:
        status = tx.value("SELECT status FROM jobs WHERE id = ?", (job_id,))
        tx.execute("UPDATE jobs SET status = ?, revision = ? WHERE id = ?", (_NEXT[status], tx.revision, job_id))
    tx.execute("UPDATE jobs SET revision = ? WHERE id = ?", (tx.revision, root))


async def watch(world: QtWorld, seconds: float, rate: int, children: int, roots: int) -> tuple[list[float], str]:
    """Change jobs below an open root for some seconds; return the lateness of the timer and what was done, in words."""
    database = world.services._database
    root = await database.write(lambda tx: fill(tx, roots, children))
    panel = JobsPanel(world.context)
    panel.resize(640, 800)
    panel.show()
    begin = time.perf_counter()
    panel.select_job(root, expand=True)
    while len(panel.model.child_ids(root)) < min(children, 2_000):  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    panel.tree.viewport().repaint()
    print(f"opened in {(time.perf_counter() - begin) * 1000:.0f} ms", flush=True)
    world.context.feed.start()
    await asyncio.sleep(0.5)
    updates: list[object] = []
    world.context.feed.updated.connect(updates.append)
    each = max(1, rate // COMMITS_A_SECOND)
    pages = itertools.cycle(panel.model.child_ids(root))
    cpu, begin = time.process_time(), time.perf_counter()
    changed = 0
    async with lateness() as late:
        while (now := time.perf_counter()) < begin + seconds:
            if changed < (now - begin) * rate:
                ids = list(itertools.islice(pages, each))
                await database.write(lambda tx, ids=ids: change(tx, root, ids))  # type: ignore[misc]
                changed += each
            else:
                await asyncio.sleep(0.005)
    spent = time.process_time() - cpu
    world.context.feed.stop()
    panel.deleteLater()
    return late, f"{changed:,} changes in {len(updates)} updates, {100 * spent / seconds:.0f} % of a core"


def measure(seconds: float, rate: int, children: int, roots: int) -> Iterator[Figure]:
    """Yield how long a click waits while jobs change."""
    application = qt_application()
    with tempfile.TemporaryDirectory() as folder, qt_world(Path(folder, "library")) as world:
        late, done = world._runner.run(watch(world, seconds, rate, children, roots))
    del application
    spread = Spread.of(late)
    what = f"job tree with {children:,} open rows, {rate} changes a second: lateness of a 5 ms timer"
    yield Figure(what=f"{what}, p99", value=spread.p99, unit="ms", at_most=FRAME_MS, detail=f"{spread}; {done}")
    yield Figure(what=f"{what}, worst", value=spread.worst, unit="ms", at_most=MOST_MS)


def figures(quick: bool) -> Iterator[Figure]:
    """Yield the lateness; for a third of the time when it is to be *quick*."""
    yield from measure(SECONDS / 3 if quick else SECONDS, RATE, CHILDREN, ROOTS)


def main() -> None:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rate", type=int, default=RATE)
    parser.add_argument("--children", type=int, default=CHILDREN)
    parser.add_argument("--roots", type=int, default=ROOTS)
    options = parser.parse_args()
    tell(measure(options.seconds, options.rate, options.children, options.roots))


if __name__ == "__main__":
    main()
