"""How long the event loop is held up while it crawls at full speed.

python -m tests.benchmarks.stall [--site postgresql]

A timer of 5 ms runs beside a crawl of an nginx site with 16 workers and no delay, in this process, on asyncio's own
loop and on qasync's with an offscreen QApplication. Its lateness is what a click would have waited. The exit code is 1
when the 99th percentile reaches 16 ms, a frame of the screen, on either loop.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from quaero_desktop.services import compose
from quaero_desktop.services.crawlrequest import CrawlRequest
from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import FRAME_MS, Spread, lateness, qt_application, served
from tests.support import nginx

WORKERS = 16


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
    application = qt_application()
    import qasync

    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(application)) as runner:
        return runner.run(crawl(url, folder, workers))


LOOPS: dict[str, Callable[[str, Path, int], tuple[list[float], float]]] = {
    "plain": on_plain_loop,
    "qasync": on_qasync_loop,
}


def measure(site_name: str, workers: int) -> Iterator[Figure]:
    """Crawl a site on each loop and yield how long a click would have waited."""
    with served(site_name) as site, tempfile.TemporaryDirectory() as folder:
        for name, run in LOOPS.items():
            late, rate = run(site.url, Path(folder, name), workers)
            spread = Spread.of(late)
            yield Figure(
                what=f"lateness of a 5 ms timer while crawling at full speed, {name} loop, p99",
                value=spread.p99,
                unit="ms",
                at_most=FRAME_MS,
                detail=f"{spread}, {rate:.0f} pages/s",
            )


def figures(quick: bool) -> Iterator[Figure]:
    """Yield the lateness on each loop; of the smaller site when it is to be *quick*."""
    yield from measure("python" if quick else "postgresql", WORKERS)


def main() -> None:
    """Crawl on each loop and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", choices=sorted(nginx.DOCS), default="postgresql")
    parser.add_argument("--workers", type=int, default=WORKERS)
    options = parser.parse_args()
    tell(measure(options.site, options.workers))


if __name__ == "__main__":
    main()
