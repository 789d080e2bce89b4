"""All benchmarks as one table.

``python3 packaging/dev.py bench`` runs this in the environment that it made; in one that has everything::

    python -m tests.benchmarks [--quick] [--all] [--markdown FILE] [NAME ...]

Each runs in a process of its own, for a limited time and in a folder of its own, and its figures become rows. One that
fails, or that needs what is not here, becomes a row that says so, and the rest goes on. The table goes to stdout, all
that the benchmarks say meanwhile to stderr. The exit code is 1 when a figure is not as wanted or a benchmark failed.
"""

import argparse
import contextlib
import datetime
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import msgspec
from rich.console import Console

from tests.benchmarks.figures import Figure, Impossible
from tests.benchmarks.table import Part, Report, inserted, unmeasured

CHECKOUT = Path(__file__).resolve().parents[2]
QUICK_MINUTES = 3.0
_DECODER = msgspec.json.Decoder(Figure)


@dataclass(frozen=True)
class Benchmark:
    """One module of this folder.

    Attributes:
        name: of the module.
        section: under which heading of the table it stands.
        about: what it measures, for a row without a figure.
        minutes: after how many it is stopped.
        usual: whether it runs when nobody names it.
    """

    name: str
    section: str
    about: str
    minutes: float = 3.0
    usual: bool = True


BENCHMARKS = (
    Benchmark("crawl", "Engine", "pages a second against Scrapy, Crawlee and wget", 15),
    Benchmark("queue", "Engine", "the queue among a million messages", 5),
    Benchmark("memory", "Engine", "memory of a long crawl", 8),
    Benchmark("stall", "Engine", "how long the event loop is held up by a crawl"),
    Benchmark("extract", "Engine", "extraction of a page"),
    Benchmark("manners", "Manners", "manners, judged by the servers' log", 5),
    Benchmark("recrawl", "Manners", "a crawl of an unchanged site"),
    Benchmark("hostile", "Manners", "servers and pages that mean no good"),
    Benchmark("window", "Window", "a crawl in the window, and a cold start", 8),
    Benchmark("million", "Window", "a million pages under one crawl", 10),
    Benchmark("window_feed", "Window", "the job tree under 500 changes a second"),
    Benchmark("log_console", "Window", "the log console"),
    Benchmark("deletion", "Window", "deletion of a huge crawl", 5),
    Benchmark("search", "Also", "search", 5, usual=False),
    Benchmark("retention", "Also", "forgetting old log lines", usual=False),
    Benchmark("legacy_import", "Also", "import of a legacy database", usual=False),
    Benchmark("summaries", "Also", "summaries", usual=False),
    Benchmark("listing", "Also", "lists of jobs", 5, usual=False),
    Benchmark("startup", "Also", "the start of the command line", usual=False),
    Benchmark("fetch", "Also", "fetching alone", usual=False),
    Benchmark("parse_pool", "Also", "a page to a parse process and back", usual=False),
    Benchmark("rules", "Also", "what becomes of a link", usual=False),
)


# --- in the process of one benchmark --------------------------------------------------------------------------------


def measure(benchmark: Benchmark, quick: bool, answer: Path) -> int:
    """Write the figures of a benchmark into *answer*, a line each, as they come; return the exit code."""
    encode = msgspec.json.Encoder().encode
    with answer.open("ab", buffering=0) as lines:
        try:
            module = importlib.import_module(f"tests.benchmarks.{benchmark.name}")
            for figure in module.figures(quick):
                lines.write(encode(figure) + b"\n")
        except Impossible as missing:
            lines.write(encode(unmeasured(benchmark.about, str(missing), failed=False)) + b"\n")
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            reason = f"{type(error).__name__}: {error}"
            lines.write(encode(unmeasured(benchmark.about, reason, failed=True)) + b"\n")
            return 1
    return 0


# --- in the process that makes the table ----------------------------------------------------------------------------


def run(benchmark: Benchmark, quick: bool) -> list[Figure]:
    """Run a benchmark in a process of its own and return its figures; whatever happens, there is one."""
    minutes = min(benchmark.minutes, QUICK_MINUTES) if quick else benchmark.minutes
    # Whatever it leaves, however it ends, goes with this folder.
    with tempfile.TemporaryDirectory(prefix="quaero-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        answer = folder / "figures.jsonl"
        answer.touch()
        (folder / "tmp").mkdir()
        command = [sys.executable, "-m", "tests.benchmarks", "--inside", str(answer), benchmark.name]
        in_time, code = _run_in_group([*command, *(["--quick"] if quick else [])], _environment(folder), minutes * 60)
        found = [_DECODER.decode(line) for line in answer.read_bytes().splitlines()]
    if not in_time:
        reason = f"stopped after {minutes:g} minutes"
    elif code and not any(figure.failed for figure in found):
        reason = f"its process ended with exit code {code}"
    elif not found:
        reason = "it told no figure"
    else:
        return found
    return [*found, unmeasured(benchmark.about, reason, failed=True)]


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment in which nothing of the person is read or changed."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy")
        and (not name.startswith("QUAERO_") or name.startswith("QUAERO_BENCH_"))
        and name != "PYTHONDONTWRITEBYTECODE"  # an installed program is compiled
    }
    own = {
        "TMPDIR": str(folder / "tmp"),
        "QUAERO_CONFIG": str(folder),
        "QUAERO_LIBRARY": str(folder / "library"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "PYTHONUNBUFFERED": "1",
    }
    return {"QT_QPA_PLATFORM": "offscreen"} | kept | own


def _run_in_group(command: list[str], environment: dict[str, str], seconds: float) -> tuple[bool, int]:
    """Run *command* with all its output on stderr; return whether it ended in time, and its exit code.

    What it started goes with it: servers, crawls, parse processes.
    """
    process = subprocess.Popen(
        command,
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=2,
        start_new_session=True,
    )
    late = threading.Event()

    def stop() -> None:
        late.set()
        _end_group(process)

    guard = threading.Timer(seconds, stop)
    guard.start()
    try:
        code = process.wait()
    finally:
        guard.cancel()
        guard.join()
        _end_group(process)
        process.wait()
    return not late.is_set(), code


def _end_group(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def parts(chosen: list[Benchmark], quick: bool) -> Iterator[Part]:
    """Run the benchmarks one after the other."""
    for number, benchmark in enumerate(chosen, 1):
        say(f"\n--- {number} of {len(chosen)}: {benchmark.about} ({benchmark.name}) ---")
        started = time.monotonic()
        yield Part(benchmark.section, f"bench {benchmark.name}", run(benchmark, quick))
        say(f"took {time.monotonic() - started:.0f} s")


def say(message: str) -> None:
    """Tell the person what goes on, beside the table."""
    print(message, file=sys.stderr, flush=True)


def write(table: str, file: Path) -> None:
    """Put the table between the marks of a file, or write the file."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(inserted(text, table), encoding="utf-8")


def _interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Make the table; return the exit code."""
    known = {benchmark.name: benchmark for benchmark in BENCHMARKS}
    usual = " ".join(name for name, benchmark in known.items() if benchmark.usual)
    others = " ".join(name for name, benchmark in known.items() if not benchmark.usual)
    parser = argparse.ArgumentParser(
        prog="dev.py bench",
        description="Print the figures of the benchmarks as one table.",
        epilog=f"Without names: {usual}. There are also: {others}.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which ones; the usual ones when none is named")
    parser.add_argument("--quick", action="store_true", help="small sizes, which only prove that everything works")
    parser.add_argument("--all", action="store_true", help="those that are not usual, too")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there as well")
    parser.add_argument("--peers", action="store_true", help="install Scrapy and Crawlee into .venv-bench first")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in known]:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {usual} {others}")
    if given.inside is not None:
        return measure(known[given.names[0]], given.quick, given.inside)

    from tests.benchmarks import machine

    signal.signal(signal.SIGTERM, _interrupted)
    chosen = [one for one in BENCHMARKS if one.name in given.names or (not given.names and (one.usual or given.all))]
    facts = machine.facts()
    began = datetime.datetime.now().astimezone()
    try:
        made = list(parts(chosen, given.quick))
    except KeyboardInterrupt:
        return 130
    minutes = (datetime.datetime.now().astimezone() - began).total_seconds() / 60
    title = f"Measured on {began:%Y-%m-%d at %H:%M %Z} by `python3 packaging/dev.py bench`, in {minutes:.0f} minutes."
    if given.quick:
        title += " **A quick run: small sizes, which prove that everything works, and no more.**"
    report = Report(title, facts, made)
    if sys.stdout.isatty():
        report.print(Console())
    else:
        print(report.markdown(), end="")
    if given.markdown is not None:
        write(report.markdown(), given.markdown)
    return int(not report.good)


if __name__ == "__main__":
    sys.exit(main())
