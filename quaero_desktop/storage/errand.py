"""An errand: long work on connections of its own, off the event loop, which a cancellation interrupts."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from quaero_desktop.storage import sqlite

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""

_INSTRUCTIONS = 100_000
"""After how many instructions of SQLite's machine a stop is noticed: some milliseconds."""
_TELL_SECONDS = 0.1


class Errand:
    """The connections that a piece of long work has open, so that whoever waits for it can interrupt them.

    Args:
        progress: told how far the work is, at most ten times a second; on the thread of the work.
    """

    def __init__(self, progress: Progress = lambda done, total: None) -> None:
        self._open: list[sqlite3.Connection] = []
        self._stopped = False
        self._progress = progress
        self._told = 0.0

    def tell(self, done: int, total: int) -> None:
        """Say how far the work is."""
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS or done == total:
            self._told = now
            self._progress(done, total)

    @contextmanager
    def connected(
        self,
        path: Path,
        mode: str = "ro",
        *,
        immutable: bool = False,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Iterator[sqlite3.Connection]:
        """Open the database *path* for the length of the block; its errors come out explained.

        Args:
            path: the database.
            mode: ``ro`` or ``rw``.
            immutable: for a file that nobody can be writing: takes no locks and makes no files beside it.
            meanwhile: called every some milliseconds while a statement runs, to tell how far it is.

        Raises:
            KnownError: see :func:`quaero_desktop.storage.sqlite.explain`.
        """
        with sqlite.explained(path):
            address = sqlite.uri(path, mode) + ("&immutable=1" if immutable else "")
            connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=sqlite.BUSY_TIMEOUT_MS / 1000)

            def look() -> bool:
                meanwhile()
                # interrupt() stops what runs; this stops what was about to.
                return self._stopped

            connection.set_progress_handler(look, _INSTRUCTIONS)
            self._open.append(connection)
            try:
                yield connection
            finally:
                self._open.remove(connection)
                connection.close()

    @property
    def stopped(self) -> bool:
        """Whether nobody waits for it any more; work beside the database looks here now and then."""
        return self._stopped

    def stop(self) -> None:
        """Interrupt what runs; safe from any thread."""
        self._stopped = True
        for connection in tuple(self._open):
            # It may have been closed this very moment.
            with contextlib.suppress(sqlite3.ProgrammingError):
                connection.interrupt()


async def run(function: Callable[[Errand], T], progress: Progress | None = None) -> T:
    """Run *function* in a thread of its own and return its value.

    Cancelling interrupts its queries and waits until it has cleaned up: no thread is left behind.

    Args:
        function: the work.
        progress: told on the event loop how far it is, at most ten times a second.
    """
    loop = asyncio.get_running_loop()

    def tell(done: int, total: int) -> None:
        if progress is not None:
            loop.call_soon_threadsafe(progress, done, total)

    errand = Errand(tell)
    with ThreadPoolExecutor(1, thread_name_prefix="errand") as pool:
        # Not the loop's own run_in_executor: qasync's asks for the loop anew, which is another one while Qt's ends.
        future = asyncio.wrap_future(pool.submit(function, errand), loop=loop)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            errand.stop()
            with contextlib.suppress(Exception):
                await future
            raise
