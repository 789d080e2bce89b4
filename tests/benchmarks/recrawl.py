"""What a crawl of an unchanged site costs against the first one (D4), and what looking for known pages costs the first.

python -m tests.benchmarks.recrawl [--site postgresql] [--rounds 3] [--workers 16]

Both are `quaero crawl URL --delay 0 --json` over one library, each in a process of its own; nginx serves the site and
its access log tells the bytes of the bodies. Seconds are those that the crawl states: from the engine's start to the
last commit. Then, in this process, the look-up that each page pays when it is received (`documents.known`) is timed
in a library of 20,000 documents with 20 links each.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from quaero_desktop.storage import documents, migrate, sqlite
from quaero_desktop.storage.database import Tx
from tests.support import nginx
from tests.support.outcomes import stored

CHECKOUT = Path(__file__).resolve().parents[2]
MOST_BYTES = 0.03
MOST_SECONDS = 0.25
"""The most that a recrawl of an unchanged site may take, as a part of the first crawl."""
MOST_LOOKUP_US = 50.0
KNOWN = 20_000


@dataclass(frozen=True)
class Run:
    """One crawl: what it says that it took and found, the processor time of all its processes, and what nginx sent."""

    seconds: float
    wall: float
    processor: float
    bytes: int
    requests: int
    changes: dict[str, int]


def crawl(site: nginx.Site, folder: Path, workers: int) -> Run:
    """Crawl *site* into the library in *folder*."""
    command = [sys.executable, "-m", "quaero_desktop", "--library", str(folder / "library"), "crawl", site.url]
    command += ["--delay", "0", "--workers", str(workers), "--depth", "1000", "--json"]
    before, started, processor = len(site.requests()), time.perf_counter(), _processor_of_children()
    environment = os.environ | {"QUAERO_CONFIG": str(folder)}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    wall, processor = time.perf_counter() - started, _processor_of_children() - processor
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    answer, requests = json.loads(done.stdout), site.requests()[before:]
    received = sum(request.bytes for request in requests)
    return Run(answer["seconds"], wall, processor, received, len(requests), answer["changes"])


def _processor_of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def recrawl(name: str, rounds: int, workers: int) -> bool:
    """Print the rounds of a site and return whether they are good enough."""
    if (missing := nginx.missing_for(name)) is not None:
        raise SystemExit(missing)
    shares = []
    good = True
    print(f"{name}: {workers} workers, first crawl : recrawl")
    with nginx.serve(nginx.DOCS[name]) as site:
        for number in range(1, rounds + 1):
            with tempfile.TemporaryDirectory() as folder:
                first, again = (crawl(site, Path(folder), workers) for _ in range(2))
            shares.append((again.bytes / first.bytes, again.seconds / first.seconds))
            good = good and again.changes == {"new": 0, "changed": 0, "unchanged": first.changes["new"], "gone": 0}
            print(
                f"  round {number}: {first.bytes / 1e6:.2f} : {again.bytes / 1e6:.4f} MB = {shares[-1][0]:.2%},"
                f" {first.seconds:.2f} : {again.seconds:.2f} s = {shares[-1][1]:.1%}"
                f" (whole process {first.wall:.2f} : {again.wall:.2f} s,"
                f" processor {first.processor:.1f} : {again.processor:.1f} s),"
                f" requests {first.requests} : {again.requests}, {first.changes['new']} new, then {again.changes}",
                flush=True,
            )
    received, seconds = (statistics.median(share) for share in zip(*shares, strict=True))
    print(f"  median: {received:.2%} of the bytes (wanted: {MOST_BYTES:.0%}), {seconds:.1%} of the seconds"
          f" (wanted: {MOST_SECONDS:.0%})")  # fmt: skip
    return good and received <= MOST_BYTES and seconds <= MOST_SECONDS


def lookups() -> bool:
    """Print what a look-up costs and return whether a page that is not known costs little enough."""
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
    print(f"look-up among {KNOWN:,} documents: {missing:.1f} us for a page that is not there (wanted: at most"
          f" {MOST_LOOKUP_US:g}), {known:.1f} us for one that is")  # fmt: skip
    return missing <= MOST_LOOKUP_US


def _url(name: str, number: int) -> str:
    return f"https://docs.test/manual/{name}-{number}.html"


def _microseconds(tx: Tx, name: str) -> float:
    wanted = [_url(name, number) for number in range(KNOWN)]
    started = time.perf_counter()
    for url in wanted:
        documents.known(tx, 1, url)
    return (time.perf_counter() - started) / KNOWN * 1e6


def main() -> None:
    """Measure; the exit code is 1 when something is not as wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", choices=sorted(nginx.DOCS), default="postgresql")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=16)
    options = parser.parse_args()
    good = [recrawl(options.site, options.rounds, options.workers), lookups()]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
