"""How long the event loop is held up while it crawls at full speed.

python -m tests.benchmarks.stall [--site postgresql]

A timer of 5 ms runs beside a crawl of an nginx site with 16 workers and no delay, in this process, on asyncio's own
loop and on qasync's with an offscreen QApplication. Its lateness is what a click would have waited. The exit code is 1
when the 99th percentile reaches 16 ms, a frame of the screen, on either loop.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from quaero_desktop.services import compose
from quaero_desktop.services.jobs import CrawlRequest
from tests.support import nginx

TICK = 0.005
MOST_MS = 16.0


@contextlib.asynccontextmanager
async def lateness() -> AsyncIterator[list[float]]:
    """Yield a list that fills with the lateness of a timer in milliseconds, one for each of its ticks."""
    late: list[float] = []

    async def tick() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + TICK
            await asyncio.sleep(TICK)
            late.append(max(0.0, loop.time() - due) * 1000)

    task = asyncio.create_task(tick())
    try:
        yield late
    finally:
        task.cancel()
        await asyncio.wait([task])


async def crawl(url: str, folder: Path, workers: int) -> tuple[list[float], float]:
    """Crawl the site at *url*; return the lateness of the timer meanwhile and the pages a second."""
    files = compose.library_files(str(folder), {})
    settings = compose.configuration({"QUAERO_CONFIG": str(folder)}).settings
    async with compose.writing(files, settings, create=True, engine=True) as services:
        assert services.engine is not None
        root = await services.jobs.start_crawl(CrawlRequest(urls=(url,), depth=1000, per_host=workers, delay_seconds=0))
        async with lateness() as late:
            report = await services.engine.run(workers=workers, until_idle=True, only=frozenset({root}))
    return late, report.processed / report.seconds


def on_plain_loop(url: str, folder: Path, workers: int) -> tuple[list[float], float]:
    """Crawl on the loop that asyncio makes."""
    return asyncio.run(crawl(url, folder, workers))


def on_qasync_loop(url: str, folder: Path, workers: int) -> tuple[list[float], float]:
    """Crawl on Qt's loop."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_API"] = "pyside6"
    from PySide6.QtWidgets import QApplication

    application = QApplication([])
    application.setQuitOnLastWindowClosed(False)
    import qasync

    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(application)) as runner:
        return runner.run(crawl(url, folder, workers))


LOOPS: dict[str, Callable[[str, Path, int], tuple[list[float], float]]] = {
    "plain": on_plain_loop,
    "qasync": on_qasync_loop,
}


def main() -> None:
    """Crawl on each loop and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", choices=sorted(nginx.DOCS), default="postgresql")
    parser.add_argument("--workers", type=int, default=16)
    options = parser.parse_args()
    if (missing := nginx.missing_for(options.site)) is not None:
        raise SystemExit(missing)
    good = True
    with nginx.serve(nginx.DOCS[options.site]) as site, tempfile.TemporaryDirectory() as folder:
        for name, run in LOOPS.items():
            late, rate = run(site.url, Path(folder, name), options.workers)
            parts = statistics.quantiles(late, n=100, method="inclusive")
            print(
                f"{name:6}: stall p50 {parts[49]:5.2f} ms, p99 {parts[98]:5.2f} ms, max {max(late):5.2f} ms"
                f" in {len(late):,} ticks, {rate:.0f} pages/s",
                flush=True,
            )
            good = good and parts[98] < MOST_MS
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
