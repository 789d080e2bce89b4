"""What the window costs: a crawl in it against the same crawl without it, and a cold start.

::

    python -m tests.benchmarks.window crawl [--site postgresql|python] [--rounds 4] [--workers 16]
    python -m tests.benchmarks.window start [--documents 30000] [--rounds 7]

**crawl**: the whole application with its library, engine and main window (the crawl is selected and opened in the tree,
the log follows) crawls a documentation package served by nginx; so does, taking turns in processes of their own, the
same engine over the same services without Qt. Both are warm: parse processes run, nothing is fetched yet. A rate is the
pages of the crawl by the time from the creation of its root to its end, as the library states them. In the window a
timer of 5 ms tells how long it did not answer: the gaps between its ticks.

**start**: `quaero-desktop` over a library with so many documents, as many jobs and log lines, by the time from the
creation of its process: when Python ran its first line, when everything was imported, when there was an application,
when the library was open, when the window was made, first painted and full, and when it answered. The files of the
library are dropped from the page cache before each start where the system can do that; Python's own are not.

Without a display: QT_QPA_PLATFORM=offscreen, which is set when nothing else is. ``--profile FILE`` writes where the
time of the last window goes, as py-spy (to be installed beside) sees it, in its format “raw”.
"""

import argparse
import asyncio
import gc
import importlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks import measuring
from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import FRAME_MS, Spread, served
from tests.support import nginx

WORKERS, CRAWL_ROUNDS = 16, 4
DOCUMENTS, START_ROUNDS = 30_000, 7
WANTED_RATIO = 0.9
WANTED_WORST_MS = 50.0
WANTED_START_MS = 1_500.0
WARM_SECONDS = 1.5
GIVE_UP_SECONDS = 180


# --- in a process of its own: a crawl -------------------------------------------------------------------------------


def crawl_without_window(url: str, library: Path, workers: int) -> dict[str, Any]:
    """Crawl with the engine alone."""
    from quaero_desktop.infra.paths import LibraryFiles
    from quaero_desktop.services import compose

    async def crawl() -> dict[str, Any]:
        settings = compose.configuration().settings
        async with compose.writing(LibraryFiles(library), settings, create=True, engine=True) as services:
            assert services.engine is not None
            running = asyncio.create_task(services.engine.run())
            await asyncio.sleep(WARM_SECONDS)
            processor = time.process_time()
            told = await _crawl(services, url, workers)
            told["processor"] = time.process_time() - processor
            services.engine.stop()
            await running
            return told

    return asyncio.run(crawl())


def crawl_in_window(url: str, library: Path, workers: int) -> dict[str, Any]:
    """Crawl in the window, watching."""
    from quaero_desktop import app
    from quaero_desktop.infra.paths import LibraryFiles
    from quaero_desktop.services import configuration
    from tests.support.ticks import Ticks

    files = LibraryFiles(library)
    told: dict[str, Any] = {}

    async def watch(desktop: app.Desktop) -> None:
        await desktop.shown.wait()
        assert desktop.context is not None
        window = desktop.window
        assert window is not None
        await asyncio.sleep(WARM_SECONDS)
        ticks = Ticks()
        processor = time.process_time()

        def started(job_id: int) -> None:
            window.set_new(False)
            window.show_jobs()
            window.jobs.select_job(job_id, expand=True)

        told.update(await _crawl(desktop.context.services, url, workers, started))
        told["processor"] = time.process_time() - processor
        told["gaps"] = ticks.stop()
        # What comes after the end is seen, too: the last changes, the summary.
        ticks = Ticks()
        await asyncio.sleep(1)
        told["gaps"] += ticks.stop()
        told["log_lines"] = window.log.model.total

    async def run(desktop: app.Desktop) -> None:
        watching = asyncio.create_task(watch(desktop))
        watching.add_done_callback(lambda _: desktop.stop())
        await desktop.run([])
        await watching

    app.with_desktop(app.make_application(), files, configuration.read(), run)
    return told


async def _crawl(
    services: Any, url: str, workers: int, started: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    from quaero_desktop.domain.jobs import TERMINAL_STATUSES
    from quaero_desktop.services.crawlrequest import CrawlRequest

    request = CrawlRequest(urls=(url,), depth=1000, per_host=workers, delay_seconds=0)
    job_id = await services.jobs.start_crawl(request)
    started(job_id)
    deadline = time.monotonic() + GIVE_UP_SECONDS
    job = await services.jobs.get(job_id)
    while job.status not in TERMINAL_STATUSES and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        job = await services.jobs.get(job_id)
    if job.status not in TERMINAL_STATUSES:
        raise SystemExit(f"the crawl did not end: {job}")
    return {"pages": job.pages, "seconds": (job.completed_at - job.created_at) / 1000, "status": job.status}


# --- in a process of its own: a start -------------------------------------------------------------------------------


class _Moments(dict[str, tuple[float, float]]):
    """When each stage of a start was over: the time of day, and the processor time of the process until then."""

    def note(self, name: str) -> float:
        """Note a stage, once; return the time of day."""
        now = time.time()
        self.setdefault(name, (now, time.process_time()))
        return now


def start_window(library: Path) -> dict[str, tuple[float, float]]:
    """Open the window and return the moments of the start."""
    moments = _Moments()
    moments.note("python")
    gc.disable()  # as the program does
    importlib.import_module("quaero_desktop.services.compose")
    from quaero_desktop import app

    moments.note("imports")
    from PySide6.QtCore import QEvent, QObject, QTimer

    from quaero_desktop.infra.paths import LibraryFiles
    from quaero_desktop.services import configuration
    from quaero_desktop.ui.window import MainWindow

    class Painted(QObject):
        """Notes the first paint of what it is installed on."""

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
            if event.type() == QEvent.Type.Paint and "painted" not in moments:
                QTimer.singleShot(0, lambda: moments.note("painted"))
            return False

    painted = Painted()
    make_window = MainWindow.__init__

    def noted(self: Any, *arguments: Any, **named: Any) -> None:
        moments.note("library")
        make_window(self, *arguments, **named)
        self.installEventFilter(painted)
        moments.note("window")

    MainWindow.__init__ = noted  # type: ignore[method-assign]
    application = app.make_application()
    preferences = configuration.read()
    files = LibraryFiles(library)

    async def watch(desktop: app.Desktop) -> None:
        await desktop.shown.wait()
        window = desktop.window
        assert window is not None
        moments.note("shown")
        while not (window.jobs.model.rowCount() and "painted" in moments):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        moments.note("full")
        # It answers when what was queued before is done.
        for _ in range(3):
            asked = time.time()
            await asyncio.sleep(0.005)
            moments.pop("answers", None)
            if moments.note("answers") - asked < 0.016:
                break

    async def run(desktop: app.Desktop) -> None:
        moments.note("application")
        watching = asyncio.create_task(watch(desktop))
        watching.add_done_callback(lambda _: desktop.stop())
        await desktop.run([])
        await watching

    app.with_desktop(application, files, preferences, run)
    return moments


def build_library(folder: Path, documents: int) -> None:
    """Make a library of so many documents, and of a crawl with as many pages and log lines."""
    from quaero_desktop.storage import sqlite
    from tests.benchmarks import search

    folder.mkdir(mode=0o700)
    search.build(folder / "library.db", documents)
    connection = sqlite.connect_writer(folder / "library.db")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    for root in range(1, 41):
        connection.execute(
            "INSERT INTO jobs (id, type, status, name, config, created_at, started_at, completed_at, revision)"
            " VALUES (?, 'crawl', 'completed', ?, '{\"seeds\": []}', ?, ?, ?, 1)",
            (root, f"s{root}.generated", search.NOW + root, search.NOW + root, search.NOW + 60_000),
        )
        connection.execute("INSERT INTO root_progress (root_id) VALUES (?)", (root,))
    connection.executemany(
        "INSERT INTO jobs (parent_id, root_id, type, status, url, depth, cause, created_at, completed_at, revision)"
        " VALUES (?, ?, 'crawler_url', ?, ?, 1, ?, ?, ?, 1)",
        (
            (1 + n % 40, 1 + n % 40, "failed" if n % 50 == 0 else "completed",
             f"https://s{1 + n % 40}.generated/docs/{n}.html", "not_found" if n % 50 == 0 else None, search.NOW + n,
             search.NOW + n)
            for n in range(documents)
        ),
    )  # fmt: skip
    connection.execute(
        "INSERT INTO job_logs (job_id, root_id, at, level, message) SELECT id, root_id, created_at,"
        " CASE status WHEN 'failed' THEN 3 ELSE 1 END, 'Saved “A page” (200, 12 ms, 12 KB, 3 new links)'"
        " FROM jobs WHERE parent_id IS NOT NULL"
    )
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    (folder / "library.db").chmod(0o600)


# --- the rounds -----------------------------------------------------------------------------------------------------


def _own_process(arguments: list[str], config: Path, profile: Path | None = None) -> tuple[dict[str, Any], float]:
    """Return what a process of this module tells as JSON, and when it was created."""
    command = [sys.executable, "-m", "tests.benchmarks.window", *arguments]
    if profile is not None:
        command = ["py-spy", "record", "--nonblocking", "-r", "500", "-f", "raw", "-o", str(profile), "--", *command]
    environment = {
        "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"),
        "QUAERO_CONFIG": str(config),
        # An installed program is compiled, at its first start at the latest.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(config / "compiled"),
    }
    created = time.time()
    output = measuring.run(command, environment).output
    told: dict[str, Any] = json.loads(next(line for line in output.splitlines() if line.startswith("{")))
    return told, created


def compare_crawls(site_name: str, rounds: int, workers: int, profile: Path | None = None) -> Iterator[Figure]:
    """Print the rounds; yield what the window costs the crawl, and how late it answers meanwhile."""
    ratios, gaps = [], []
    print(f"{site_name}: pages per second with {workers} workers, window : headless")
    with served(site_name) as site, tempfile.TemporaryDirectory() as temporary:
        config = Path(temporary)
        (config / "settings.toml").write_text(f"[queue]\nnum_workers = {workers}\n", encoding="utf-8")
        for number in range(1, rounds + 1):
            runs = {}
            # Who begins takes turns, too.
            for kind in ("window", "headless") if number % 2 else ("headless", "window"):
                library = Path(temporary, "library")
                arguments = ["--inside", kind, "--url", site.url, "--folder", str(library), "--workers", str(workers)]
                last = kind == "window" and number == rounds
                runs[kind], _ = _own_process(arguments, config, profile if last else None)
                shutil.rmtree(library)
            ours, bare = (runs[kind]["pages"] / runs[kind]["seconds"] for kind in ("window", "headless"))
            ratios.append((ours / bare, ours, bare))
            found = runs["window"].pop("gaps")
            gaps += found
            print(
                f"  round {number}: {ours:6.1f} : {bare:6.1f} = {ours / bare:.2f}   pages {runs['window']['pages']} :"
                f" {runs['headless']['pages']}   processor of the main process {runs['window']['processor']:.1f} s :"
                f" {runs['headless']['processor']:.1f} s   tick {Spread.of(found)}",
                flush=True,
            )
    ratio, ours, bare = (statistics.median(each) for each in zip(*ratios, strict=True))
    yield Figure(
        what="crawl in the window : headless, pages a second",
        value=ratio,
        at_least=WANTED_RATIO,
        detail=f"{ours:.0f} : {bare:.0f}; rounds {', '.join(f'{each[0]:.2f}' for each in ratios)}",
    )
    spread = Spread.of(gaps)
    what = "window during a crawl at full speed: gaps of a 5 ms tick"
    yield Figure(what=f"{what}, p99", value=spread.p99, unit="ms", at_most=FRAME_MS, detail=str(spread))
    yield Figure(what=f"{what}, worst", value=spread.worst, unit="ms", at_most=WANTED_WORST_MS)


STAGES = {
    "python": "Python starts",
    "imports": "imports",
    "application": "Qt application, event loop",
    "library": "library opened",
    "window": "window made",
    "shown": "window shown",
    "painted": "first paint",
    "full": "the tree has its rows",
    "answers": "it answers",
}


def compare_starts(documents: int, rounds: int, profile: Path | None = None) -> Iterator[Figure]:
    """Print where the time of a start goes and yield how long it takes."""
    with tempfile.TemporaryDirectory() as temporary:
        library, config = Path(temporary, "library"), Path(temporary)
        build_library(library, documents)
        megabytes = (library / "library.db").stat().st_size / 1e6
        print(f"a start over {documents:,} documents, {megabytes:,.0f} MB")
        starts = []
        _own_process(["--inside", "start", "--folder", str(library)], config)  # which compiles
        for number in range(rounds):
            _forget(library)
            last = number == rounds - 1
            moments, created = _own_process(
                ["--inside", "start", "--folder", str(library)], config, profile if last else None
            )
            if profile is None or not last:
                starts.append({name: (moments[name][0] - created, moments[name][1]) for name in STAGES})
    print(f"  {'':<28}{'median at':>10}{'fastest':>10}{'slowest':>10}{'stage':>9}{'processor':>13}")
    stages = []
    before = before_processor = 0.0
    for name in sorted(STAGES, key=lambda name: statistics.median(start[name][0] for start in starts)):
        words, times = STAGES[name], [start[name][0] for start in starts]
        at, processor = statistics.median(times), statistics.median(start[name][1] for start in starts)
        milliseconds = f"{at * 1000:>7.0f} ms{min(times) * 1000:>7.0f} ms{max(times) * 1000:>7.0f} ms"
        stage = f"{(at - before) * 1000:>+6.0f} ms{(processor - before_processor) * 1000:>+10.0f} ms"
        print(f"  {words:<28}{milliseconds}{stage}")
        stages.append(f"{words} {(at - before) * 1000:.0f}")
        before, before_processor = at, processor
    yield Figure(
        what=f"cold start over {documents:,} documents, until the window answers",
        value=at * 1000,
        unit="ms",
        at_most=WANTED_START_MS,
        detail=f"{megabytes:,.0f} MB; {min(times) * 1000:.0f} to {max(times) * 1000:.0f} ms in {len(starts)} rounds",
        note=f"Where the milliseconds of a start go, medians: {', '.join(stages)}.",
    )


def _forget(library: Path) -> None:
    """Drop the files of the library from the page cache, where that is possible."""
    if not hasattr(os, "posix_fadvise"):
        return
    for file in library.iterdir():
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def figures(quick: bool) -> Iterator[Figure]:
    """Yield what the window costs; in few rounds on little when it is to be *quick*."""
    yield from compare_crawls("python" if quick else "postgresql", 1 if quick else CRAWL_ROUNDS, WORKERS)
    yield from compare_starts(DOCUMENTS // 10 if quick else DOCUMENTS, 2 if quick else START_ROUNDS)


def main() -> None:
    """Run one of the comparisons; the exit code is 1 when a figure is not as wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("crawl", "start"), default="crawl")
    parser.add_argument("--site", choices=sorted(nginx.DOCS), default="postgresql")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--inside", choices=("window", "headless", "start"), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    match given.inside or given.what:
        case "window":
            print(json.dumps(crawl_in_window(given.url, given.folder, given.workers)))
        case "headless":
            print(json.dumps(crawl_without_window(given.url, given.folder, given.workers)))
        case "start" if given.inside:
            print(json.dumps(start_window(given.folder)))
        case "start":
            tell(compare_starts(given.documents, given.rounds or START_ROUNDS, given.profile))
        case _:
            tell(compare_crawls(given.site, given.rounds or CRAWL_ROUNDS, given.workers, given.profile))


if __name__ == "__main__":
    main()
