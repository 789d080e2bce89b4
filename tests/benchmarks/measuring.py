"""What several benchmarks measure with: spreads of times, gaps of a loop, processes, and somebody else's writes."""

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.figures import Impossible
from tests.support import nginx

if TYPE_CHECKING:  # a start of the window is measured by a process that imports this
    from PySide6.QtWidgets import QApplication

    from quaero_desktop.storage.database import Database, Tx

CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 400
"""How long one process may take: a guard, no measure."""
TICK_SECONDS = 0.005
FRAME_MS = 16.0
"""What a frame of the screen lasts, nearly: who waits longer sees it."""


# --- spreads --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spread:
    """How times are spread, in milliseconds."""

    p50: float
    p95: float
    p99: float
    p999: float
    worst: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread of some values; zeros for none."""
        if not values:
            return cls(0.0, 0.0, 0.0, 0.0, 0.0, 0)
        cuts = statistics.quantiles((*values, values[0]) if len(values) == 1 else values, n=1000, method="inclusive")
        return cls(cuts[499], cuts[949], cuts[989], cuts[998], max(values), len(values))

    def __str__(self) -> str:
        return (
            f"p50 {self.p50:.1f}, p99 {self.p99:.1f}, p99.9 {self.p999:.1f}, max {self.worst:.1f} ms of {self.count:,}"
        )


@contextlib.asynccontextmanager
async def lateness() -> AsyncIterator[list[float]]:
    """Yield a list that fills with the lateness of a timer of the loop in milliseconds, one for each of its ticks."""
    late: list[float] = []

    async def tick() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            late.append(max(0.0, loop.time() - due) * 1000)

    async with meanwhile(tick()):
        yield late


@contextlib.asynccontextmanager
async def meanwhile(coroutine: Any) -> AsyncIterator[None]:
    """Run something that never ends beside the block; when it did end, by an error, so does the block."""
    task = asyncio.ensure_future(coroutine)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()


@contextlib.asynccontextmanager
async def other_writes(database: "Database") -> AsyncIterator[list[float]]:
    """Commit something small every 5 ms, as a crawl does; yield the milliseconds that each commit waited."""
    waits: list[float] = []

    def small(tx: "Tx") -> None:
        tx.execute("INSERT OR REPLACE INTO lanes VALUES ('benchmark', ?, 'x')", (tx.now,))

    async def write() -> None:
        while True:
            started = time.perf_counter()
            await database.write(small)
            waits.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(TICK_SECONDS)

    async with meanwhile(write()):
        yield waits


async def timed(name: str, work: Awaitable[object]) -> float:
    """Print and return how many milliseconds *work* takes."""
    started = time.perf_counter()
    await work
    milliseconds = (time.perf_counter() - started) * 1000
    print(f"{name:52}{milliseconds:10.1f} ms", flush=True)
    return milliseconds


# --- processes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """A process that ended.

    Attributes:
        output: what it printed.
        wall: the seconds it took.
        processor: its seconds of processor time, those of its own child processes too.
    """

    output: str
    wall: float
    processor: float

    @property
    def answer(self) -> dict[str, Any]:
        """What it printed as one JSON value."""
        told: dict[str, Any] = json.loads(self.output)
        return told


def run(
    command: Sequence[str], environment: dict[str, str] | None = None, well: frozenset[int] = frozenset({0})
) -> Ended:
    """Run a command to its end in the checkout.

    Args:
        command: what to run.
        environment: added to this process's.
        well: the exit codes that are no failure.

    Raises:
        RuntimeError: when it does not end well or not in time, with what it said; its first line is short.
    """
    started, processor = time.perf_counter(), _processor_of_children()
    try:
        done = subprocess.run(
            command,
            cwd=CHECKOUT,
            env=os.environ | (environment or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{Path(command[0]).name} did not end in {PATIENCE_SECONDS} s\n{error}") from error
    wall, processor = time.perf_counter() - started, _processor_of_children() - processor
    if done.returncode not in well:
        last = done.stderr.rstrip().rpartition("\n")[2]
        short = f"{Path(command[0]).name} ended with exit code {done.returncode}: {last}"
        raise RuntimeError(f"{short}\n{' '.join(command)}\n{done.stderr}")
    return Ended(done.stdout, wall, processor)


def _processor_of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def quaero_crawl(url: str, folder: Path, workers: int, *options: str) -> tuple[list[str], dict[str, str]]:
    """Return the command that crawls a whole site at full speed into a library in *folder*, and its environment."""
    command = [sys.executable, "-m", "quaero_desktop", "--library", str(folder / "library"), "crawl", url, "--json"]
    command += ["--delay", "0", "--workers", str(workers), "--depth", "1000", *options]
    return command, {"QUAERO_CONFIG": str(folder)}


def peak_mb() -> float:
    """Return the most memory that this process ever had, in MB."""
    import resource  # which Windows has not

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


@contextlib.contextmanager
def served(name: str) -> Iterator[nginx.Site]:
    """Serve one of Debian's documentation packages with nginx.

    Raises:
        Impossible: when nginx or the package is not installed.
    """
    if (missing := nginx.missing_for(name)) is not None:
        raise Impossible(missing)
    with nginx.serve(nginx.DOCS[name]) as site:
        yield site


def qt_application() -> "QApplication":
    """Return this process's Qt application, made without a display unless something else was asked for."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_API"] = "pyside6"  # for qasync
    from PySide6.QtWidgets import QApplication

    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    application.setQuitOnLastWindowClosed(False)
    return application
