"""How memory grows with the length of a crawl: python -m tests.benchmarks.memory [--pages 30000].

Crawls a generated site with `quaero crawl --delay 0 --workers 16` in a process of its own and reads the resident memory
of that process and of its parse processes each time another 1,000 pages are stored. The site is served from a third
process. The exit code is 1 when the main process or the parsers together grow by 20 MB or more in any 10,000 pages
after the first.
"""

import argparse
import itertools
import json
import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import CHECKOUT, quaero_crawl
from tests.support.site import site_process

PAGES = 30_000
WORKERS = 16
EACH = 1_000
"""Pages between two samples."""
SPAN = 10_000
MOST_MB = 20.0
"""By how much a process may grow in so many pages, after the first so many."""
_DOCUMENTS = "SELECT coalesce(sum(documents), 0) FROM root_progress"


@dataclass(frozen=True)
class Sample:
    """Memory at one moment, in MB; that of the parse processes together."""

    pages: int
    main: float
    parsers: float


def stored(library: Path) -> int:
    """Return how many pages the library holds, from a connection of its own that only reads."""
    try:
        connection = sqlite3.connect(f"{(library / 'library.db').as_uri()}?mode=ro", uri=True)
    except sqlite3.OperationalError:
        return 0
    try:
        return int(connection.execute(_DOCUMENTS).fetchone()[0])
    except sqlite3.OperationalError:  # not made yet
        return 0
    finally:
        connection.close()


def sample(process: psutil.Process, pages: int) -> Sample:
    """Read the resident memory of *process* and of its children."""
    parsers = 0
    for child in process.children():
        try:
            # multiprocessing's resource tracker is a child as well.
            if any("spawn_main" in argument for argument in child.cmdline()):
                parsers += child.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return Sample(pages, process.memory_info().rss / 1e6, parsers / 1e6)


def crawl(url: str, folder: Path, workers: int) -> tuple[list[Sample], dict[str, float]]:
    """Crawl the site at *url* into a library in *folder*; return the samples and what the command printed."""
    library = folder / "library"
    command, environment = quaero_crawl(url, folder, workers)
    samples: list[Sample] = []
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=os.environ | environment, stdout=subprocess.PIPE, text=True
    ) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            pages = stored(library)
            # Without parse processes it is about to end, and holds less than it did.
            if pages >= (len(samples) + 1) * EACH and (last := sample(watched, pages)).parsers:
                samples.append(last)
                print(f"{last.pages:7,} pages: {last.main:6.1f} MB, parsers {last.parsers:6.1f} MB", flush=True)
            time.sleep(0.25)
        assert process.stdout is not None
        answer = process.stdout.read()
    if process.returncode != 0:
        raise RuntimeError(f"the crawl ended with {process.returncode}")
    return samples, json.loads(answer)


def growths(samples: list[Sample], span: int) -> list[tuple[Sample, Sample]]:
    """Return first and last sample of each further *span* of pages; the first one is the warm-up."""
    marks = range(span, samples[-1].pages + EACH, span)
    ends = [next((one for one in samples if one.pages >= goal), samples[-1]) for goal in marks]
    return [(first, last) for first, last in itertools.pairwise(ends) if first.pages < last.pages]


def measure(pages: int, span: int, workers: int) -> Iterator[Figure]:
    """Crawl so many pages and yield how memory grew in each *span* of them."""
    with site_process(pages=pages) as site, tempfile.TemporaryDirectory() as folder:
        samples, answer = crawl(site.url, Path(folder), workers)
    if len(samples) < 2 or answer["documents"] != pages:
        raise RuntimeError(f"too few pages to tell: {answer}")
    spans = growths(samples, span)
    for first, last in spans:
        grown, parsers = last.main - first.main, last.parsers - first.parsers
        print(f"from {first.pages:,} to {last.pages:,} pages: {grown:+.1f} MB, parsers {parsers:+.1f} MB")
    most = MOST_MB if span == SPAN else None
    for name, key in (("of the crawling process", "main"), ("of all parse processes", "parsers")):
        yield Figure(
            what=f"crawl of {pages:,} pages: growth {name} in {span:,} pages, after the first {span:,}",
            value=max((getattr(last, key) - getattr(first, key)) * span / (last.pages - first.pages)
                      for first, last in spans),
            unit="MB",
            at_most=most,
            detail=f"{getattr(samples[0], key):.0f} MB after {samples[0].pages:,} pages,"
            f" {getattr(samples[-1], key):.0f} MB at the end",
        )  # fmt: skip
    yield Figure(what=f"crawl of {pages:,} pages: pages a second", value=answer["pages_per_second"])


def figures(quick: bool) -> Iterator[Figure]:
    """Yield how memory grows; too few pages to judge it when it is to be *quick*."""
    yield from measure(3_000, EACH, WORKERS) if quick else measure(PAGES, SPAN, WORKERS)


def main() -> None:
    """Crawl and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--workers", type=int, default=WORKERS)
    options = parser.parse_args()
    tell(measure(options.pages, SPAN, options.workers))


if __name__ == "__main__":
    main()
