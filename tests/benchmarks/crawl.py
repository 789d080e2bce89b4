"""Pages a second of the whole product against Scrapy, on the same nginx site, in one run, taking turns.

python -m tests.benchmarks.crawl [--sites postgresql python] [--rounds 3] [--scrapy-python PYTHON]

Ours is `quaero crawl URL --delay 0 --workers 16 --json` in a process of its own on a library of its own: child jobs,
logs, markdown, the compressed source, the full-text index, durable commits. Scrapy 2.19 obeys robots.txt too, has the
same 16 requests under way and writes title and text of each page as JSON lines (tests/benchmarks/peers/scrapy_site.py).

A rate is HTML pages (different paths that nginx answered with 200) by seconds. The headline takes the time that each of
the two states itself: from the engine's start to the last commit, and from the spider's opening to its closing; both
leave out the start of the interpreter. The rates over the whole process, imports and all, stand beside them, and so
does the processor time of each with all its processes.
"""

import argparse
import importlib.metadata
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support import nginx

CHECKOUT = Path(__file__).resolve().parents[2]
WANTED = {"postgresql": 2.5, "python": 4.0}
"""The least ratio of our rate to Scrapy's that is good enough."""
PAGES = {"postgresql": 1170, "python": 527}
"""How many HTML pages of Debian's packages their first page leads to. The second also leads to a Python file,
which only we ask for; Scrapy asks for the first page twice, since a start is not checked for having been met."""
PEER = Path(__file__).resolve().parent / "peers" / "scrapy_site.py"


@dataclass(frozen=True)
class Run:
    """One crawl of a site.

    Attributes:
        pages: the paths of HTML pages that were answered with 200.
        requests: all that nginx answered.
        seconds: what the crawler itself says it took.
        wall: what its process took.
        processor: seconds of processor time, of its child processes too.
    """

    pages: frozenset[str]
    requests: int
    seconds: float
    wall: float
    processor: float

    @property
    def rate(self) -> float:
        """Pages by the crawler's own seconds."""
        return len(self.pages) / self.seconds

    @property
    def whole_rate(self) -> float:
        """Pages by the seconds of the whole process."""
        return len(self.pages) / self.wall


def crawl_with_quaero(site: nginx.Site, folder: Path, workers: int) -> Run:
    """Crawl *site* into a fresh library below *folder*."""
    command = [sys.executable, "-m", "quaero_desktop", "--library", str(folder / "library"), "crawl", site.url]
    command += ["--delay", "0", "--workers", str(workers), "--depth", "1000", "--json"]
    environment = os.environ | {"QUAERO_CONFIG": str(folder)}
    return _timed(site, command, environment)


def crawl_with_scrapy(site: nginx.Site, folder: Path, workers: int, python: str) -> Run:
    """Crawl *site* into a file below *folder*."""
    command = [python, str(PEER), site.url, str(folder / "pages.jl"), "--concurrency", str(workers)]
    return _timed(site, command, dict(os.environ))


def _timed(site: nginx.Site, command: list[str], environment: dict[str, str]) -> Run:
    before = len(site.requests())
    started, processor = time.perf_counter(), _processor_of_children()
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    wall, processor = time.perf_counter() - started, _processor_of_children() - processor
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    requests = site.requests()[before:]
    pages = frozenset(r.path for r in requests if r.status == 200 and is_html(r.path))
    return Run(pages, len(requests), json.loads(done.stdout)["seconds"], wall, processor)


def is_html(path: str) -> bool:
    """Return whether nginx serves *path* as HTML."""
    return path.partition("?")[0].endswith((".html", ".htm", "/"))


def _processor_of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def compare(name: str, rounds: int, workers: int, scrapy_python: str) -> bool:
    """Print the rounds of one site and return whether both got the same pages and the ratio is good enough."""
    if (missing := nginx.missing_for(name)) is not None:
        raise SystemExit(missing)
    print(f"\n{name}: {workers} workers, HTML pages per second, ours : Scrapy")
    ours: list[Run] = []
    theirs: list[Run] = []
    with nginx.serve(nginx.DOCS[name]) as site, tempfile.TemporaryDirectory() as temporary:
        for number in range(1, rounds + 1):
            folder = Path(temporary, str(number))
            folder.mkdir()
            ours.append(crawl_with_quaero(site, folder, workers))
            theirs.append(crawl_with_scrapy(site, folder, workers, scrapy_python))
            shutil.rmtree(folder)
            a, b = ours[-1], theirs[-1]
            print(
                f"  round {number}: {a.rate:6.1f} : {b.rate:5.1f} = {a.rate / b.rate:5.2f}"
                f"   whole process {a.whole_rate:6.1f} : {b.whole_rate:5.1f} = {a.whole_rate / b.whole_rate:5.2f}"
                f"   pages {len(a.pages)} : {len(b.pages)}, requests {a.requests} : {b.requests},"
                f" processor {a.processor:.1f} s : {b.processor:.1f} s",
                flush=True,
            )
    ratio = statistics.median(a.rate / b.rate for a, b in zip(ours, theirs, strict=True))
    whole = statistics.median(a.whole_rate / b.whole_rate for a, b in zip(ours, theirs, strict=True))
    print(
        f"  median:  {statistics.median(run.rate for run in ours):6.1f} :"
        f" {statistics.median(run.rate for run in theirs):5.1f}, ratio {ratio:.2f} by the crawlers' own seconds"
        f" (wanted: {WANTED[name]:g}), {whole:.2f} by the whole process"
    )
    complete = True
    for who, runs in (("Quaero", ours), ("Scrapy", theirs)):
        for run in runs:
            if len(run.pages) != PAGES[name] or run.pages != ours[0].pages:
                complete = False
                only_here, only_ours = sorted(run.pages - ours[0].pages)[:5], sorted(ours[0].pages - run.pages)[:5]
                print(f"  {who} got {len(run.pages)} pages, not {PAGES[name]}: {only_here=} {only_ours=}")
    return complete and ratio >= WANTED[name]


def main() -> None:
    """Run the comparison; the exit code is 1 when a ratio or a number of pages is not as wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", nargs="+", choices=sorted(WANTED), default=list(WANTED))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--scrapy-python", default=sys.executable, help="the interpreter that has Scrapy 2.19")
    options = parser.parse_args()
    asked = "import importlib.metadata as m; print(m.version('scrapy'))"
    found = subprocess.run([options.scrapy_python, "-c", asked], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        parser.error("Scrapy is missing: install the dependency group “bench”")
    print(f"Scrapy {found.stdout.strip()}, lxml {importlib.metadata.version('lxml')}, Python {sys.version.split()[0]}")
    good = [compare(name, options.rounds, options.workers, options.scrapy_python) for name in options.sites]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
