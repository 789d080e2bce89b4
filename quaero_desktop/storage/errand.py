"""An errand: long work on connections of its own, off the event loop, which a cancellation interrupts."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from quaero_desktop.storage import sqlite

T = TypeVar("T")

_INSTRUCTIONS = 100_000
"""After how many instructions of SQLite's machine a stop is noticed: some milliseconds."""


class Errand:
    """The connections that a piece of long work has open, so that whoever waits for it can interrupt them."""

    def __init__(self) -> None:
        self._open: list[sqlite3.Connection] = []
        self._stopped = False

    @contextmanager
    def connected(self, path: Path, mode: str = "ro", *, immutable: bool = False) -> Iterator[sqlite3.Connection]:
        """Open the database *path* for the length of the block; its errors come out explained.

        Args:
            path: the database.
            mode: ``ro`` or ``rw``.
            immutable: for a file that nobody can be writing: takes no locks and makes no files beside it.

        Raises:
            KnownError: see :func:`quaero_desktop.storage.sqlite.explain`.
        """
        with sqlite.explained(path):
            address = sqlite.uri(path, mode) + ("&immutable=1" if immutable else "")
            connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=sqlite.BUSY_TIMEOUT_MS / 1000)
            # interrupt() stops what runs; this stops what was about to.
            connection.set_progress_handler(lambda: self._stopped, _INSTRUCTIONS)
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


async def run(function: Callable[[Errand], T]) -> T:
    """Run *function* in a thread of its own and return its value.

    Cancelling interrupts its queries and waits until it has cleaned up: no thread is left behind.
    """
    errand = Errand()
    with ThreadPoolExecutor(1, thread_name_prefix="errand") as pool:
        future = asyncio.get_running_loop().run_in_executor(pool, function, errand)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            errand.stop()
            with contextlib.suppress(Exception):
                await future
            raise
