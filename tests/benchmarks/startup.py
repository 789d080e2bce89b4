"""How long the command line takes to start: the fastest and the median of some runs of each command.

::

    python -m tests.benchmarks.startup --runs 15

The first line is what Python itself needs. What each command imports of the large packages stands behind it: reading
must not wait for what crawls.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import CHECKOUT

RUNS = 15
HEAVY = ("aiohttp", "httpx", "lxml", "rich", "sqlite3", "ssl", "asyncio")
_IMPORTED = (
    "import runpy, sys\n"
    "sys.argv[0] = 'quaero'\n"
    "try:\n    runpy.run_module('quaero_desktop', run_name='__main__')\n"
    f"finally:\n    print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)"
)


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run *command* with no output but what is returned."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def milliseconds(command: list[str], environment: dict[str, str], runs: int) -> tuple[float, float]:
    """Return the fastest and the median time of *runs* runs."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        done = run(command, environment)
        times.append((time.perf_counter() - started) * 1000)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return min(times), statistics.median(times)


def measure(runs: int) -> Iterator[Figure]:
    """Print what each command takes; yield that of one which reads a library, and what it is made of."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "QUAERO_LIBRARY": str(Path(folder) / "library")}
        # Refused at once, but for the empty library that it leaves to be read.
        run(["-m", "quaero_desktop", "crawl", "docs.python.org", "--source", "1"], environment)
        print(f"{'command':<24}{'fastest':>10}{'median':>10}   imports")
        fastest, python = milliseconds(["-c", ""], environment, runs)
        print(f"{'(Python alone)':<24}{fastest:>7.0f} ms{python:>7.0f} ms", flush=True)
        for line in ("--version", "crawl --help", "jobs list --json", "jobs list", "search words", "work --until-idle"):
            command = line.split()
            fastest, median = milliseconds(["-m", "quaero_desktop", *command], environment, runs)
            imports = run(["-c", _IMPORTED, *command], environment).stderr.splitlines()[-1]
            print(f"{line:<24}{fastest:>7.0f} ms{median:>7.0f} ms   {imports}", flush=True)
            if line in ("jobs list --json", "search words"):
                detail = f"Python alone {python:.0f} ms"
                yield Figure(what=f"`quaero {line}`, from start to end", value=median, unit="ms", detail=detail)


def figures(quick: bool) -> Iterator[Figure]:
    """Yield how long commands take; by few runs when it is to be *quick*."""
    yield from measure(3 if quick else RUNS)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description="Measure how long quaero takes to start.")
    parser.add_argument("--runs", type=int, default=RUNS)
    tell(measure(parser.parse_args().runs))


if __name__ == "__main__":
    main()
