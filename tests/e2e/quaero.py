"""``quaero`` as a person runs it: whole processes over one library, each of which is gone when its block ends."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0
"""How long something may take that takes a second on a quiet machine."""


@dataclass(frozen=True)
class Ended:
    """What became of a process."""

    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def answer(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.stdout)

    def sentence(self) -> str:
        """Return stderr, which must be for people."""
        assert "Traceback" not in self.stderr, self.stderr
        assert "this is a bug" not in self.stderr, self.stderr
        assert self.stderr.strip(), "nothing was said"
        return self.stderr


class Running:
    """A process of ``quaero`` in a session of its own, like one started from a terminal."""

    def __init__(self, process: subprocess.Popen[str], started: float) -> None:
        self.process = process
        self.started = started

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self.started

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone, as ``kill`` does."""
        self.process.send_signal(number)

    def send_to_group(self, number: signal.Signals) -> None:
        """Send a signal to the process and its children, as a terminal does on Ctrl-C."""
        os.killpg(self.pid, number)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> Ended:
        """Return how it ended."""
        stdout, stderr = self.process.communicate(timeout=seconds)
        return Ended(self.process.returncode, stdout, stderr, self.seconds)

    def kill(self) -> Ended:
        """End it as the kernel or ``kill -9`` does: without its children, and without a word to it."""
        self.process.kill()
        return self.wait()

    def group(self) -> list[psutil.Process]:
        """Return what still runs of it and its children. One that nobody has reaped yet runs no more."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                if os.getpgid(process.pid) == self.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def wait_for_the_group(self, seconds: float = 5.0) -> None:
        """Wait until nothing of it is left."""
        wait_until(lambda: not self.group(), "its processes are gone", seconds)

    def end(self) -> None:
        """Leave nothing behind, whatever the state."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.communicate(timeout=PATIENCE_SECONDS)


class QuaeroLibrary:
    """A library in *folder*, and the command line over it.

    Args:
        folder: where it is, or will be.
        environment: what the processes find in theirs, beside ours.
    """

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.database = folder / "library.db"
        self.wal = folder / "library.db-wal"
        self.lock = folder / "library.lock"
        self.environment = environment

    @contextmanager
    def running(
        self, *arguments: str, program: tuple[str, ...] = ("-m", "quaero_desktop"), **options: Any
    ) -> Iterator[Running]:
        """Run ``quaero ARGUMENTS`` for the length of the block.

        Args:
            arguments: of the command.
            program: what Python runs, when it is not ``quaero`` itself.
            options: of ``subprocess.Popen``.
        """
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *program, "--library", str(self.folder), *arguments],
            **{
                "cwd": CHECKOUT,
                "env": os.environ | self.environment,
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                "start_new_session": True,
                **options,
            },
        )
        running = Running(process, started)
        try:
            yield running
        finally:
            running.end()

    def run(self, *arguments: str, code: int | None = 0, seconds: float = PATIENCE_SECONDS) -> Ended:
        """Run ``quaero ARGUMENTS`` to its end.

        Args:
            arguments: of the command.
            code: the exit code that is expected; None for any.
            seconds: how long it may take.
        """
        with self.running(*arguments) as running:
            ended = running.wait(seconds)
        assert code is None or ended.code == code, f"{arguments}: {ended}"
        return ended

    def verify(self) -> None:
        """Check that the library keeps its promises."""
        ended = self.run("verify", "--json", code=None)
        assert ended.code == 0, f"{[each for each in ended.answer['checks'] if not each['ok']]} {ended.stderr}"

    def finish(self, seconds: float = PATIENCE_SECONDS) -> Ended:
        """Run what is queued to the end."""
        return self.run("work", "--until-idle", "--json", seconds=seconds)

    def document_urls(self) -> list[str]:
        """Return the URL of each document, through the command line."""
        page = self.run("documents", "list", "--limit", "100000", "--json").answer
        assert page["total_count"] == len(page["documents"])
        return sorted(document["url"] for document in page["documents"])

    def job(self, job_id: int = 1) -> dict[str, Any]:
        """Return a job as ``jobs show`` tells it."""
        shown: dict[str, Any] = self.run("jobs", "show", str(job_id), "--json").answer
        return shown

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the database of a library that nobody writes at the moment, and leave its folder as it is."""
        address = f"{self.database.as_uri()}?mode=ro{'' if self.wal.exists() else '&immutable=1'}"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
            return connection.execute(sql).fetchall()

    def value(self, sql: str) -> Any:
        """Return the one value of a query; see :meth:`rows`."""
        ((value,),) = self.rows(sql)
        return value

    def last_write(self) -> tuple[int, int]:
        """Return what changes with each commit: when the WAL was written, and its size."""
        try:
            state = self.wal.stat()
        except FileNotFoundError:
            return 0, 0
        return state.st_mtime_ns, state.st_size

    def files(self) -> dict[str, bytes]:
        """Return every file of the library, byte for byte."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()
        }


def wait_until(happened: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> float:
    """Wait until something happened and return how long that took.

    Args:
        happened: asked every two milliseconds.
        what: for the message when it does not.
        seconds: how long to wait at most.
    """
    started = time.monotonic()
    while not happened():
        if time.monotonic() - started > seconds:
            raise TimeoutError(f"After {seconds:g} seconds it is not so that {what}.")
        time.sleep(0.002)
    return time.monotonic() - started
