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
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support.site import site_process

CHECKOUT = Path(__file__).resolve().parents[2]
EACH = 1_000
"""Pages between two samples."""
SPAN = 10_000
MOST_MB = 20.0
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
    command = [sys.executable, "-m", "quaero_desktop", "--library", str(library), "crawl", url, "--json"]
    command += ["--delay", "0", "--workers", str(workers), "--depth", "1000"]
    environment = os.environ | {"QUAERO_CONFIG": str(folder)}
    samples: list[Sample] = []
    with subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            pages = stored(library)
            if pages >= (len(samples) + 1) * EACH:
                samples.append(sample(watched, pages))
                last = samples[-1]
                print(f"{last.pages:7,} pages: {last.main:6.1f} MB, parsers {last.parsers:6.1f} MB", flush=True)
            time.sleep(0.25)
        assert process.stdout is not None
        answer = process.stdout.read()
    if process.returncode != 0:
        raise SystemExit(f"the crawl ended with {process.returncode}")
    return samples, json.loads(answer)


def growths(samples: list[Sample]) -> list[tuple[Sample, Sample]]:
    """Return first and last sample of each further 10,000 pages; the first 10,000 are the warm-up."""
    ends = [next((one for one in samples if one.pages >= goal), samples[-1]) for goal in marks(samples[-1].pages)]
    return list(itertools.pairwise(ends))


def marks(pages: int) -> list[int]:
    """Return 10,000, 20,000 and so on up to about *pages*."""
    return list(range(SPAN, pages + EACH, SPAN))


def main() -> None:
    """Crawl and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=30_000)
    parser.add_argument("--workers", type=int, default=16)
    options = parser.parse_args()
    with site_process(pages=options.pages) as site, tempfile.TemporaryDirectory() as folder:
        samples, answer = crawl(site.url, Path(folder), options.workers)
    print(f"{answer['documents']:,} documents in {answer['seconds']:.0f} s, {answer['pages_per_second']:.0f} pages/s")
    if len(samples) < 2 or answer["documents"] != options.pages:
        raise SystemExit("too few pages to tell")
    good = True
    for first, last in growths(samples):
        grown, parsers = last.main - first.main, last.parsers - first.parsers
        print(f"from {first.pages:,} to {last.pages:,} pages: {grown:+.1f} MB, parsers {parsers:+.1f} MB")
        good = good and max(grown, parsers) < MOST_MB * (last.pages - first.pages) / SPAN
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
