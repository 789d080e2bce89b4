"""Pages a second of the whole product against its peers, on the same nginx site, in one run, taking turns.

python -m tests.benchmarks.crawl [--sites postgresql python] [--rounds 3] [--peers-python PYTHON]

Ours is `quaero crawl URL --delay 0 --workers 16 --json` in a process of its own on a library of its own: child jobs,
logs, markdown, the compressed source, the full-text index, durable commits. Scrapy 2.19 and Crawlee obey robots.txt
too, have the same 16 requests under way and write title and text of each page as JSON (tests/benchmarks/peers/). wget
copies files, one after the other. Who is not installed is left out.

A rate is HTML pages (different paths that nginx answered with 200) by seconds. The headline takes the time that each
states itself, which leaves out the start of the interpreter: from the engine's start to the last commit, from the
spider's opening to its closing, Crawlee's runtime; wget's is that of its process. The rates over the whole process,
imports and all, stand beside them, and so does the processor time of each with all its processes.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import CHECKOUT, Ended, quaero_crawl, run, served
from tests.benchmarks.rules import RULES
from tests.support import nginx

WORKERS = 16
ROUNDS = 3
TITLES = {"postgresql": "PostgreSQL manual", "python": "Python manual"}
PAGES = {"postgresql": 1170, "python": 527}
"""How many HTML pages of Debian's packages their first page leads to. The second also leads to a Python file,
which only we ask for; Scrapy asks for the first page twice, since a start is not checked for having been met."""
WANTED = {"postgresql": 2.5, "python": 4.0}
"""The least ratio of our rate to Scrapy's that is good enough."""
WANTED_WITH_RULES = 0.95
"""The least ratio of our rate with many rules to that without."""
PEERS = Path(__file__).resolve().parent / "peers"
PEERS_PYTHON = "QUAERO_BENCH_PEERS"
"""The environment variable that names the interpreter which has the peers."""


@dataclass(frozen=True)
class Crawler:
    """Somebody who crawls a site.

    Attributes:
        name: for a person.
        crawl: crawls the site at a URL into an empty folder; returns its process and the seconds that it states.
        missing: why it cannot be compared here; empty when it can.
        about: what it does and does not do.
    """

    name: str
    crawl: Callable[[str, Path], tuple[Ended, float]]
    missing: str = ""
    about: str = ""


@dataclass(frozen=True)
class Run:
    """One crawl of a site.

    Attributes:
        pages: the paths of HTML pages that were answered with 200.
        requests: all that nginx answered.
        seconds: what the crawler itself says it took.
        process: its process.
    """

    pages: frozenset[str]
    requests: int
    seconds: float
    process: Ended

    @property
    def rate(self) -> float:
        """Pages by the crawler's own seconds."""
        return len(self.pages) / self.seconds

    @property
    def whole_rate(self) -> float:
        """Pages by the seconds of the whole process."""
        return len(self.pages) / self.process.wall


# --- who takes part -------------------------------------------------------------------------------------------------


def quaero(name: str, *options: str) -> Crawler:
    """Return our own crawler."""

    def crawl(url: str, folder: Path) -> tuple[Ended, float]:
        ended = run(*quaero_crawl(url, folder, WORKERS, *options))
        return ended, ended.answer["seconds"]

    return Crawler(name, crawl)


def library_of_python(name: str, package: str, script: str, python: str, about: str) -> Crawler:
    """Return a crawler that a script in :data:`PEERS` makes of a Python package."""

    def crawl(url: str, folder: Path) -> tuple[Ended, float]:
        # Crawlee would make a folder of its own where it runs, were anything left to be stored there.
        environment = {"CRAWLEE_STORAGE_DIR": str(folder / "storage")}
        command = [python, str(PEERS / script), url, str(folder / "pages.json"), "--concurrency", str(WORKERS)]
        ended = run(command, environment)
        return ended, ended.answer["seconds"]

    asked = f"import importlib.metadata as m; print(m.version({package!r}))"
    found = subprocess.run([python, "-c", asked], cwd=PEERS, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        return Crawler(name, crawl, f"{name} is not installed (packaging/dev.py bench --peers)")
    return Crawler(f"{name} {found.stdout.strip()}", crawl, about=about)


def wget() -> Crawler:
    """Return wget, as a crawler."""

    def crawl(url: str, folder: Path) -> tuple[Ended, float]:
        # 8: some page was answered with an error.
        command = ["wget", "--no-config", "--no-proxy", "--no-verbose", "--recursive", "--level=inf", "--no-parent"]
        ended = run([*command, f"--directory-prefix={folder}", url], {"LC_ALL": "C"}, well=frozenset({0, 8}))
        return ended, ended.wall

    if shutil.which("wget") is None:
        return Crawler("wget", crawl, "wget is not installed")
    first_line = run(["wget", "--version"], {"LC_ALL": "C"}).output.splitlines()[0]
    about = (
        "obeys robots.txt and stores the files as they are, over one connection and uncompressed; it reads neither"
        " title nor text, and nothing can be searched, gone on with or checked again afterwards"
    )
    return Crawler(f"wget {first_line.split()[2]}", crawl, about=about)


def peers(python: str) -> list[Crawler]:
    """Return those we compare ourselves with; *python* is the interpreter that has them."""
    same = f"obeys robots.txt, {WORKERS} requests under way, no delay; stores title and text of a page as JSON"
    return [
        library_of_python(
            "Scrapy", "scrapy", "scrapy_site.py", python, f"{same}: no markdown, no index, no queue on disk"
        ),
        library_of_python(
            "Crawlee",
            "crawlee",
            "crawlee_site.py",
            python,
            f"{same}, by its Parsel crawler over HttpxHttpClient: no markdown, no index, its queue in memory",
        ),
        wget(),
    ]


def peers_python() -> str:
    """Return the interpreter that has the peers: of the environment made for them, else this one."""
    usual = CHECKOUT / ".venv-bench" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return os.environ.get(PEERS_PYTHON) or (str(usual) if usual.exists() else sys.executable)


# --- the comparison -------------------------------------------------------------------------------------------------


def timed(crawler: Crawler, site: nginx.Site) -> Run:
    """Let one of them crawl the site."""
    before = len(site.requests())
    with tempfile.TemporaryDirectory() as folder:
        process, seconds = crawler.crawl(site.url, Path(folder))
    requests = site.requests()[before:]
    pages = frozenset(r.path for r in requests if r.status == 200 and is_html(r.path))
    return Run(pages, len(requests), seconds, process)


def is_html(path: str) -> bool:
    """Return whether nginx serves *path* as HTML."""
    return path.partition("?")[0].endswith((".html", ".htm", "/"))


def race(name: str, rounds: int, crawlers: Sequence[Crawler]) -> tuple[dict[str, list[Run]], dict[str, str]]:
    """Let all crawl a site in turns, printing each; return the runs of each, or why it has none."""
    runs: dict[str, list[Run]] = {crawler.name: [] for crawler in crawlers}
    broken: dict[str, str] = {}
    print(f"\n{name}: {WORKERS} requests at once; HTML pages a second by its own clock, and of the whole process")
    with served(name) as site:
        for number in range(rounds):
            # Who begins takes turns, too.
            first = number % len(crawlers)
            for crawler in (*crawlers[first:], *crawlers[:first]):
                if crawler.name in broken:
                    continue
                try:
                    one = timed(crawler, site)
                except RuntimeError as error:
                    print(f"  {number + 1}  {error}", flush=True)
                    broken[crawler.name] = str(error).partition("\n")[0]
                    del runs[crawler.name]
                    continue
                runs[crawler.name].append(one)
                rates = f"{one.rate:7.1f} {one.whole_rate:7.1f}"
                counts = f"{len(one.pages):,} pages, {one.requests:,} requests"
                processor = f"{one.process.processor:.1f} s of processor"
                print(f"  {number + 1}  {crawler.name:20} {rates}   {counts}, {processor}", flush=True)
    return runs, broken


def compare(name: str, rounds: int, others: Sequence[Crawler]) -> Iterator[Figure]:
    """Yield the ratios of our rate on a site to those of the others.

    Raises:
        RuntimeError: when a crawl of our own does not end well.
    """
    ours = quaero("Quaero")
    rules = list(chain.from_iterable(RULES.values()))
    ruled = quaero("Quaero with rules", *(f"--exclude={rule}" for rule in rules))
    runs, broken = race(name, rounds, [ours, ruled, *(other for other in others if not other.missing)])
    for own in (ours, ruled):
        if own.name in broken:
            raise RuntimeError(broken[own.name])
    title = TITLES[name]
    for other in others:
        what = f"{title}: pages a second, Quaero : {other.name.partition(' ')[0]}"
        least = WANTED[name] if other.name.startswith("Scrapy") else None
        if other.name not in runs:
            reason = broken.get(other.name, other.missing)
            yield Figure(what=what, at_least=least, detail=reason, failed=other.name in broken)
            continue
        yield Figure(
            what=what,
            value=_ratio(runs[ours.name], runs[other.name]),
            at_least=least,
            detail=_rates(runs[ours.name], runs[other.name]),
            note=f"{other.name} {other.about}." if name == next(iter(TITLES)) else "",
        )
    yield Figure(
        what=f"{title}: pages a second, with {len(rules)} rules : without",
        value=_ratio(runs[ruled.name], runs[ours.name]),
        at_least=WANTED_WITH_RULES,
        detail=_rates(runs[ruled.name], runs[ours.name]),
    )
    fewest = {who: min(len(run.pages) for run in each) for who, each in runs.items() if who != ruled.name}
    same = frozenset.intersection(*(run.pages for each in runs.values() for run in each))
    seconds = (f"{who} {_processor(each):.1f}" for who, each in runs.items() if who != ruled.name)
    yield Figure(
        what=f"{title}: HTML pages that all of them fetched",
        value=len(same),
        at_least=PAGES[name],
        at_most=PAGES[name],
        detail=", ".join(f"{who.partition(' ')[0]} {count:,}" for who, count in fewest.items()),
        note=f"Seconds of processor time for the {title}, all processes together: {', '.join(seconds)}.",
    )


def _ratio(ours: list[Run], theirs: list[Run]) -> float:
    return statistics.median(a.rate / b.rate for a, b in zip(ours, theirs, strict=True))


def _rates(ours: list[Run], theirs: list[Run]) -> str:
    a, b = (statistics.median(run.rate for run in runs) for runs in (ours, theirs))
    whole = statistics.median(a.whole_rate / b.whole_rate for a, b in zip(ours, theirs, strict=True))
    rounds = ", ".join(f"{a.rate / b.rate:.2f}" for a, b in zip(ours, theirs, strict=True))
    return f"{a:,.0f} : {b:,.0f}; rounds {rounds}; {whole:.2f} with the starts of the programs"


def _processor(runs: list[Run]) -> float:
    return statistics.median(run.process.processor for run in runs)


def figures(quick: bool) -> Iterator[Figure]:
    """Yield the ratios on both sites; of one, once, when it is to be *quick*."""
    others = peers(peers_python())
    for site in ("postgresql",) if quick else TITLES:
        yield from compare(site, 1 if quick else ROUNDS, others)


def main() -> None:
    """Run the comparison; the exit code is 1 when a ratio or a number of pages is not as wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", nargs="+", choices=sorted(TITLES), default=list(TITLES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--peers-python",
        "--scrapy-python",
        default=peers_python(),
        help="the interpreter that has Scrapy and Crawlee",
    )
    options = parser.parse_args()
    others = peers(options.peers_python)
    tell(chain.from_iterable(compare(site, options.rounds, others) for site in options.sites))


if __name__ == "__main__":
    main()
