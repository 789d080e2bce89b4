"""What every command needs: the global options, the open library, and the way out."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

import msgspec

from quaero_desktop.domain.errors import KnownError, LibraryInUseError, UsageError
from quaero_desktop.domain.events import EngineNotice
from quaero_desktop.services import compose
from quaero_desktop.services.compose import Services
from quaero_desktop.services.maintenance import BackupShelf

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_IN_USE = 3
EXIT_INTERRUPTED = 130

T = TypeVar("T")


class Options(msgspec.Struct, frozen=True):
    """The global options.

    Attributes:
        library: the folder as given; None for the environment's or the platform's.
        json: one JSON value on stdout, diagnostics on stderr.
        verbose: say more on stderr.
    """

    library: str | None = None
    json: bool = False
    verbose: bool = False

    def reading(self) -> AbstractAsyncContextManager[Services]:
        """Open the library to read it."""
        return compose.reading(compose.library_files(self.library), self._settings().settings)

    def writing(self, *, create: bool = False, engine: bool = False) -> AbstractAsyncContextManager[Services]:
        """Open the library to change it, alone."""
        return compose.writing(
            compose.library_files(self.library),
            self._settings().settings,
            create=create,
            engine=engine,
            notify=_show_notice,
        )

    def backups(self) -> BackupShelf:
        """Return the backups of the library, which must not be open."""
        return compose.backups(compose.library_files(self.library))

    def _settings(self) -> compose.Configuration:
        configuration = compose.configuration()
        for problem in configuration.problems:
            complain(problem)
        return configuration


def run(options: Options, work: Coroutine[Any, Any, T]) -> T:
    """Run *work* on an event loop of its own and return its result.

    SIGINT and SIGTERM cancel it, unless it took them over with :func:`stopping_by_signal`.

    Raises:
        Interrupted: it was stopped by a signal.
    """
    diagnostics = compose.diagnostics("debug" if options.verbose else "warn")
    try:
        with asyncio.Runner() as runner:
            return runner.run(work)
    finally:
        diagnostics.close()


class InterruptedByUserError(Exception):
    """The person, or the system, asked the command to stop, and it did so cleanly."""


@contextmanager
def stopping_by_signal(stop: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Call *stop* on each SIGINT and SIGTERM instead of dying, and yield a function that tells whether one came.

    Must be entered on a running event loop.
    """
    loop = asyncio.get_running_loop()
    came = 0

    def on_signal() -> None:
        nonlocal came
        came += 1
        stop()

    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not loop.add_signal_handler(): the proactor loop of Windows has none. The wake-up comes through the loop.
        before[number] = signal.signal(number, lambda *_: loop.call_soon_threadsafe(on_signal))
    try:
        yield lambda: came > 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code_of(error: KnownError) -> int:
    """Return the exit code that says what *error* is."""
    if isinstance(error, UsageError):
        return EXIT_USAGE
    if isinstance(error, LibraryInUseError):
        return EXIT_IN_USE
    return EXIT_FAILED


def complain(message: str, hint: str = "") -> None:
    """Tell the person something on stderr."""
    sys.stderr.write(f"{message}\n{hint}\n" if hint else f"{message}\n")


def _show_notice(notice: EngineNotice) -> None:
    if notice.message is None:
        complain("Going on.")
    else:
        complain(notice.message, notice.hint)
