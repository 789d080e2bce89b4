"""What every command needs: the global options, the open library, and an event loop that signals end."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TextIO, TypeVar, cast

import msgspec

from quaero_desktop.cli import output
from quaero_desktop.cli.ending import complain, for_library
from quaero_desktop.domain.errors import LibraryError, LibraryMissingError
from quaero_desktop.domain.events import EngineNotice
from quaero_desktop.services import compose
from quaero_desktop.services.compose import Services
from quaero_desktop.services.maintenance import BackupShelf

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
        return compose.reading(compose.library_files(self._folder()), self.configuration().settings)

    def writing(self, *, create: bool = False, engine: bool = False) -> AbstractAsyncContextManager[Services]:
        """Open the library to change it, alone."""
        return compose.writing(
            compose.library_files(self._folder()),
            self.configuration().settings,
            create=create,
            engine=engine,
            notify=_show_notice,
        )

    def backups(self) -> BackupShelf:
        """Return the backups of the library, which must not be open.

        Raises:
            LibraryMissingError: there is not even a folder.
        """
        files = compose.library_files(self._folder())
        if not files.folder.exists():
            raise LibraryMissingError(f"There is no library in {files.folder} yet.", "Start one with: quaero crawl URL")
        return compose.backups(files)

    def advise(self, *texts: str) -> None:
        """Print lines that name commands to go on with, as they have to be typed for this library."""
        output.lines(*(self.typed(text) for text in texts))

    def typed(self, text: str) -> str:
        """Return *text* with the commands in it as they have to be typed for this library."""
        return for_library(text, self.library)

    def is_at_work(self) -> bool:
        """Return whether some process has the library open to change it."""
        return compose.is_at_work(compose.library_files(self.library))

    def _folder(self) -> str:
        folder = compose.library_files(self.library).folder
        if folder.is_file():
            raise LibraryError(
                f"“{folder}” is a file; a library is a folder.", "Name the folder that holds it with --library."
            )
        return str(folder)

    def configuration(self) -> compose.Configuration:
        """Read the settings, and tell what of them could not be used."""
        configuration = compose.configuration()
        for problem in configuration.problems:
            complain(problem)
        return configuration


def run(options: Options, work: Coroutine[Any, Any, T]) -> T:
    """Run *work* on an event loop of its own and return its result.

    SIGINT and SIGTERM cancel it, unless it took them over with :func:`stopping_by_signal`.

    Raises:
        KeyboardInterrupt: a signal cancelled it.
    """
    diagnostics = compose.diagnostics("debug" if options.verbose else "warn", cast("TextIO", _CurrentStderr()))
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with asyncio.Runner() as runner:
            return runner.run(work)
    finally:
        signal.signal(signal.SIGTERM, before)
        diagnostics.close()


class _CurrentStderr:
    """Writes to what stderr is at that moment: the live progress puts itself there, to keep lines out of its own."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


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
        if came == 1 and sys.stderr.isatty():
            complain("Stopping: pages under way may end. Ctrl-C again to stop at once.")
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


def _show_notice(notice: EngineNotice) -> None:
    if notice.message is None:
        complain("Going on.")
    else:
        complain(notice.message, notice.hint)
