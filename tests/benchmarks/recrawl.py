"""What a crawl of an unchanged site costs against the first one (D4), and what looking for known pages costs the first.

python -m tests.benchmarks.recrawl [--site postgresql] [--rounds 3] [--workers 16]

Both are `quaero crawl URL --delay 0 --json` over one library, each in a process of its own; nginx serves the site and
its access log tells the bytes of the bodies. Seconds are those that the crawl states: from the engine's start to the
last commit. Then, in this process, the look-up that each page pays when it is received (`documents.known`) is timed
in a library of 20,000 documents with 20 links each.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from quaero_desktop.storage import documents, migrate, sqlite
from quaero_desktop.storage.database import Tx
from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import Ended, quaero_crawl, run, served
from tests.support import nginx
from tests.support.outcomes import stored

ROUNDS = 3
WORKERS = 16
MOST_BYTES = 3.0
MOST_SECONDS = 25.0
"""The most that a recrawl of an unchanged site may take, in hundredths of the first crawl."""
MOST_LOOKUP_US = 50.0
KNOWN = 20_000


@dataclass(frozen=True)
class Run:
    """One crawl: its process, what it says that it took and found, and what nginx sent."""

    process: Ended
    seconds: float
    bytes: int
    requests: int
    changes: dict[str, int]


def crawl(site: nginx.Site, folder: Path, workers: int) -> Run:
    """Crawl *site* into the library in *folder*."""
    before = len(site.requests())
    ended = run(*quaero_crawl(site.url, folder, workers))
    answer, requests = ended.answer, site.requests()[before:]
    received = sum(request.bytes for request in requests)
    return Run(ended, answer["seconds"], received, len(requests), answer["changes"])


def recrawl(name: str, rounds: int, workers: int) -> Iterator[Figure]:
    """Print the rounds of a site and yield what a recrawl costs."""
    shares, different = [], 0
    print(f"{name}: {workers} workers, first crawl : recrawl")
    with served(name) as site:
        for number in range(1, rounds + 1):
            with tempfile.TemporaryDirectory() as folder:
                first, again = (crawl(site, Path(folder), workers) for _ in range(2))
            shares.append((again.bytes / first.bytes * 100, again.seconds / first.seconds * 100))
            different += again.changes != {"new": 0, "changed": 0, "unchanged": first.changes["new"], "gone": 0}
            print(
                f"  round {number}: {first.bytes / 1e6:.2f} : {again.bytes / 1e6:.4f} MB = {shares[-1][0]:.2f} %,"
                f" {first.seconds:.2f} : {again.seconds:.2f} s = {shares[-1][1]:.1f} %"
                f" (whole process {first.process.wall:.2f} : {again.process.wall:.2f} s,"
                f" processor {first.process.processor:.1f} : {again.process.processor:.1f} s),"
                f" requests {first.requests} : {again.requests}, {first.changes['new']} new, then {again.changes}",
                flush=True,
            )
    received, seconds = (statistics.median(share) for share in zip(*shares, strict=True))
    what = f"crawl of an unchanged site ({name}) : first crawl"
    yield Figure(
        what=f"{what}, bytes",
        value=received,
        unit="%",
        at_most=MOST_BYTES,
        detail=f"{again.bytes / 1e6:.4f} : {first.bytes / 1e6:.2f} MB",
    )
    yield Figure(
        what=f"{what}, seconds",
        value=seconds,
        unit="%",
        at_most=MOST_SECONDS,
        detail=f"{again.seconds:.2f} : {first.seconds:.2f} s",
    )
    yield Figure(what="recrawls that found anything but unchanged pages", value=different, at_least=0, at_most=0)


def lookups() -> Iterator[Figure]:
    """Yield what a look-up costs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "library.db")
        migrate.create(path, 1)
        with closing(sqlite.connect_writer(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            tx = Tx(connection, 1, 1)
            tx.execute("INSERT INTO jobs (id, type, status, created_at, revision) VALUES (1, 'crawl', 'running', 0, 0)")
            links = [_url("page", number) for number in range(20)]
            for number in range(KNOWN):
                text = f"Number {number}. " + "Some words that make it longer. " * 30
                documents.store(tx, stored(_url("page", number), text, links, headers={"etag": f'"{number}"'}), None)
            missing, known = _microseconds(tx, "other"), _microseconds(tx, "page")
            connection.execute("ROLLBACK")
    yield Figure(
        what=f"look-up of a page among {KNOWN:,} documents",
        value=missing,
        unit="µs",
        at_most=MOST_LOOKUP_US,
        detail=f"{known:.1f} µs when it is there",
    )


def _url(name: str, number: int) -> str:
    return f"https://docs.test/manual/{name}-{number}.html"


def _microseconds(tx: Tx, name: str) -> float:
    wanted = [_url(name, number) for number in range(KNOWN)]
    started = time.perf_counter()
    for url in wanted:
        documents.known(tx, 1, url)
    return (time.perf_counter() - started) / KNOWN * 1e6


def figures(quick: bool) -> Iterator[Figure]:
    """Yield what a recrawl and a look-up cost; by one round when it is to be *quick*."""
    yield from recrawl("postgresql", 1 if quick else ROUNDS, WORKERS)
    yield from lookups()


def main() -> None:
    """Measure; the exit code is 1 when something is not as wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", choices=sorted(nginx.DOCS), default="postgresql")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--workers", type=int, default=WORKERS)
    options = parser.parse_args()
    tell(chain(recrawl(options.site, options.rounds, options.workers), lookups()))


if __name__ == "__main__":
    main()
