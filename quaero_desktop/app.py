"""The composition root of the window: opens the library, runs the engine in the same process, stops in order."""

import argparse
import asyncio
import contextlib
import faulthandler
import gc
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

# qasync takes the binding that is loaded already.
os.environ.setdefault("QT_API", "pyside6")

import qasync
from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from quaero_desktop import __version__
from quaero_desktop.domain.errors import KnownError, LibraryInUseError
from quaero_desktop.domain.events import EngineNotice, FeedUpdate
from quaero_desktop.domain.jobs import OPEN_STATUSES
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.infra import log, paths
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.redact import Redactor
from quaero_desktop.infra.resources import resource
from quaero_desktop.infra.settings.sections import LogLevel
from quaero_desktop.services import compose, configuration
from quaero_desktop.services.compose import Services
from quaero_desktop.ui.actions import Actions
from quaero_desktop.ui.commands import Commands
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.crash import CrashReporter
from quaero_desktop.ui.feed import JobFeed
from quaero_desktop.ui.garbage import GarbageCollector
from quaero_desktop.ui.notices import Notice, Notices
from quaero_desktop.ui.single import FirstWindow, hand_over
from quaero_desktop.ui.state import WindowState
from quaero_desktop.ui.tasks import Tasks
from quaero_desktop.ui.theme import Mode, Theme
from quaero_desktop.ui.tray import Tray
from quaero_desktop.ui.turns import Turns
from quaero_desktop.ui.views.trouble import Trouble
from quaero_desktop.ui.window import MainWindow

T = TypeVar("T")

_CRASH_FILE = "crash.txt"
_LOG_FILE = "quaero.log"
_WINDOW_STATE = "window.ini"
_MOST_CRASH_BYTES = 200_000


def main(arguments: Sequence[str]) -> int:
    """Open the window and return the exit code once it is closed.

    Args:
        arguments: ``[--library DIR] [-v] [--self-test OUT.png] [URL...]``.
    """
    given = _parser().parse_args(list(arguments))
    if given.self_test is not None:
        # It stands above this module, and is a window with something to do.
        code: int = importlib.import_module("quaero_desktop.selftest").main(Path(given.self_test))
        return code
    problem = None
    try:
        files = compose.library_files(given.library)
    except KnownError as error:
        _say(error)
        # Who started it with a double click sees no stderr.
        problem, files = error, compose.library_files(None, {})
    return start(files, given.urls, verbose=given.verbose, problem=problem)


def start(files: LibraryFiles, urls: Sequence[str], *, verbose: bool = False, problem: KnownError | None = None) -> int:
    """Open the window over the library in *files* and crawl *urls*; return the exit code once it is closed.

    Args:
        files: where the library is.
        urls: what to crawl.
        verbose: write more diagnostics.
        problem: why the library that was asked for cannot be opened: the person may choose another one.
    """
    application = make_application()
    preferences = configuration.read()
    if problem is None and compose.is_at_work(files) and hand_over(files.folder, list(urls)):
        return 0
    crashed_before = _previous_crash(files)
    level = "debug" if verbose else preferences.settings.log.level

    async def run(desktop: "Desktop") -> None:
        if crashed_before:
            desktop.tell_previous_crash(crashed_before)
        await desktop.run(urls)

    with_desktop(application, files, preferences, run, level=level, problem=problem)
    return 0


def with_desktop(
    application: QApplication,
    files: LibraryFiles,
    preferences: configuration.Preferences,
    use: Callable[["Desktop"], Coroutine[Any, Any, T]],
    *,
    level: LogLevel = "info",
    problem: KnownError | None = None,
) -> T:
    """Make the :class:`Desktop`, return what *use* makes of it, and leave nothing of Qt's behind.

    Args:
        application: Qt's.
        files: of the library.
        preferences: of the person.
        use: runs on the window's event loop.
        level: the least important diagnostics that are written.
        problem: why the library that was asked for cannot be opened.
    """

    def on_a_loop() -> T:
        with opened_runner(application, files, level) as (runner, reporter, collector):
            return runner.run(use(Desktop(application, files, preferences, reporter, collector, problem)))

    try:
        return on_a_loop()
    finally:
        # The window's objects hold each other. Left to the end of Python they would go after the application, and an
        # icon that does makes the process crash there (https://github.com/enthought/pyface/issues/1211 is one of many).
        gc.collect()


@contextlib.contextmanager
def opened_runner(
    application: QApplication, files: LibraryFiles, level: LogLevel = "info"
) -> Iterator[tuple[asyncio.Runner, CrashReporter, GarbageCollector]]:
    """Give an event loop on Qt's, with everything installed that catches what goes wrong in it.

    Args:
        application: Qt's.
        files: of the library, whose folder of logs is used.
        level: the least important diagnostics that are written.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(KnownError, OSError):
            stack.callback(log.configure(level, redactor=Redactor(), file=files.logs / _LOG_FILE).close)
        stack.enter_context(_faults_in_a_file(files))
        runner = stack.enter_context(asyncio.Runner(loop_factory=lambda: WindowLoop(application)))
        reporter = CrashReporter()
        stack.enter_context(reporter.installed(runner.get_loop()))
        collector = GarbageCollector()
        stack.callback(collector.stop)
        yield runner, reporter, collector


class WindowLoop(qasync.QEventLoop):  # type: ignore[misc]
    """The loop of qasync; its callbacks run in turns, and only while it runs; see :mod:`quaero_desktop.ui.turns`."""

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._timer = Turns()

    def run_forever(self) -> None:
        """Run until :meth:`stop`."""
        self._timer.resume()
        try:
            super().run_forever()
        finally:
            self._timer.pause()

    def run_until_complete(self, future: Any) -> Any:
        """Run until *future* is done and return its result.

        qasync's own serves Qt's events once more afterwards, when no loop runs that could start what they ask for.
        """
        task = asyncio.ensure_future(future, loop=self)

        def stop(_: object) -> None:
            self.stop()

        task.add_done_callback(stop)
        try:
            self.run_forever()
        finally:
            task.remove_done_callback(stop)
        return task.result()

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        """Run *callback* in the next turn."""
        return self._timer.add_callback(asyncio.Handle(callback, args, self, context))

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        """Run *callback* in the next turn; from any thread."""
        handle = asyncio.Handle(callback, args, self, context)
        self._timer.call(handle)
        return handle


def make_application() -> QApplication:
    """Return the one QApplication, with our name and icon."""
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("Quaero Desktop")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("quaero-desktop")
    application.setWindowIcon(QIcon(str(resource("icons/quaero.svg"))))
    # Else the loop dies under the clean stop that closing the window begins.
    application.setQuitOnLastWindowClosed(False)
    return application


class Desktop(QObject):
    """The running application: one library, its engine and its window, from the first paint to the clean stop.

    Args:
        application: Qt's.
        files: where the library is.
        preferences: the settings, and what is to be known about them.
        reporter: for what is our fault.
        collector: of Python's garbage.
        problem: why the library that was asked for cannot be opened; the one in *files* is not opened then.

    Attributes:
        window, context: while a library is open.
        shown: set once the window is there.
    """

    def __init__(
        self,
        application: QApplication,
        files: LibraryFiles,
        preferences: configuration.Preferences,
        reporter: CrashReporter,
        collector: GarbageCollector,
        problem: KnownError | None = None,
    ) -> None:
        super().__init__()
        self._problem = problem
        self._application = application
        self._files = files
        self._preferences = preferences
        self.reporter = reporter
        self._collector = collector
        self._theme = Theme(application, Mode(preferences.settings.window.theme))
        self._notices = Notices()
        self._tasks = Tasks(self._notices.error, reporter.report)
        self._stopping = asyncio.Event()
        self._services: Services | None = None
        self._previous_crash = ""
        self.window: MainWindow | None = None
        self.context: Context | None = None
        self.shown = asyncio.Event()
        reporter.crashed.connect(self._show_crash)

    def tell_previous_crash(self, details: str) -> None:
        """Show, once there is a window, that the run before this one crashed."""
        self._previous_crash = details

    def stop(self) -> None:
        """Begin the clean stop; a second call skips the grace of what runs."""
        if self.window is not None:
            self.window.show_stopping(self.tr("Stopping: pages under way are finished or kept for later…"))
        if self._services is not None and self._services.engine is not None:
            self._services.engine.stop()
        self._stopping.set()

    async def run(self, urls: Sequence[str]) -> None:
        """Open everything, wait for the end, and close everything in order."""
        with self._stopped_by_signals():
            while not self._stopping.is_set():
                try:
                    if self._problem is not None:
                        raise self._problem
                    async with compose.writing(
                        self._files,
                        self._preferences.settings,
                        create=True,
                        engine="later",
                        notify=self._engine_says,
                    ) as services:
                        await self._run_window(services, urls)
                    break
                except KnownError as error:
                    # While the window is open its own errors are shown in it; this is one of opening or closing.
                    if not await self._in_trouble(error, urls):
                        break
        if self.window is not None:
            self.window.allow_closing()
            self.window.deleteLater()
            self.window = None
        await asyncio.sleep(0)

    # --- one open library -------------------------------------------------------------------------------------------

    async def _run_window(self, services: Services, urls: Sequence[str]) -> None:
        self._services = services
        settings = self._preferences.settings
        context = self.context = Context(
            services=services,
            feed=JobFeed(services, self._tasks),
            tasks=self._tasks,
            actions=Actions(self._theme),
            theme=self._theme,
            notices=self._notices,
            state=WindowState(self._preferences.file.with_name(_WINDOW_STATE)),
            settings=settings,
        )
        first = FirstWindow(services.files.folder)
        window = self.window = MainWindow(context, self._application.windowIcon())
        window.close_wanted.connect(self.stop)
        commands = Commands(context, window)
        commands.settings_changed.connect(self._settings_changed)
        tray = Tray(context, window, self._application.windowIcon())
        context.feed.updated.connect(self._note_first_job)
        first.started_again.connect(lambda given: self._started_again(commands, given))
        window.set_new(await _is_new(services))
        window.show()
        newest = await _newest_job(services)
        if newest is not None:
            window.jobs.select_job(newest)
        context.feed.start()
        self._say_what_was_found(services)
        self._tasks.spawn(commands.recipes.ask_for_missing(), name="secrets that are missing")
        self.shown.set()
        assert services.engine is not None
        engine = asyncio.get_running_loop().create_task(services.engine.run(), name="engine")
        try:
            if urls:
                self._tasks.spawn(commands.start(urls), name="crawl what was named")
            self._collector.settle()
            if self._previous_crash:
                from quaero_desktop.ui.dialogs.crash import CrashDialog

                CrashDialog.previous_crash(context, window, self._previous_crash)
            await self._until_the_end(engine)
        finally:
            first.close()
            tray.hide()
            services.engine.stop()
            await asyncio.wait([engine])
            # The models see the end of what the engine has just stored.
            await context.feed.flush()
            context.feed.stop()
            await self._tasks.cancel_all()
            self._services = None

    async def _until_the_end(self, engine: "asyncio.Task[Any]") -> None:
        stopping = asyncio.get_running_loop().create_task(self._stopping.wait(), name="until stopped")
        try:
            await _first_of(engine, stopping)
            if engine.done() and not self._stopping.is_set():
                error = engine.exception()
                if isinstance(error, KnownError):
                    self._notices.error(error)
                elif error is not None:
                    self.reporter.report(error)
                await stopping
        finally:
            stopping.cancel()
            await asyncio.wait([stopping])

    def _say_what_was_found(self, services: Services) -> None:
        for problem in self._preferences.problems:
            self._notices.show(problem.message, kind="error")
        recovery = services.recovery
        if recovery is not None and recovery.returned:
            self._notices.show(
                self.tr("Quaero did not end cleanly last time. Nothing was lost; crawls go on where they were.")
            )

    def _settings_changed(self) -> None:
        self._preferences = configuration.read()
        if self.window is not None:
            self.window.status.show_workers()

    def _note_first_job(self, update: FeedUpdate) -> None:
        if update.roots and self.window is not None:
            self.window.set_new(False)

    def _started_again(self, commands: Commands, urls: list[str]) -> None:
        if self.window is not None:
            self.window.come_forward()
        if urls:
            self._tasks.spawn(commands.start(urls), name="crawl what was handed over")

    # --- what goes wrong --------------------------------------------------------------------------------------------

    async def _in_trouble(self, error: KnownError, urls: Sequence[str]) -> bool:
        """Show why the library cannot be opened; return whether to try again."""
        if isinstance(error, LibraryInUseError) and hand_over(self._files.folder, list(urls)):
            return False
        if self.window is not None:
            self.window.allow_closing()
            self.window.deleteLater()
            self.window = None
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        trouble = Trouble(self._theme)
        trouble.setWindowTitle("Quaero Desktop")
        trouble.resize(720, 420)
        shelf = compose.backups(self._files)

        def decide(again: bool) -> None:
            if not answer.done():
                answer.set_result(again)

        async def restore(name: str) -> None:
            await shelf.restore(name)
            decide(True)

        def go_elsewhere(folder: str) -> None:
            try:
                self._use_folder(folder)
            except KnownError as problem:
                trouble.show_error(problem, backups)
            else:
                decide(True)

        backups = shelf.newest_first()
        trouble.show_error(error, backups)
        trouble.folder_wanted.connect(go_elsewhere)
        trouble.retry_wanted.connect(lambda: decide(True))
        trouble.quit_wanted.connect(lambda: decide(False))
        trouble.restore_wanted.connect(
            lambda name: self._tasks.spawn(restore(name), on_error=lambda problem: trouble.show_error(problem, backups))
        )
        trouble.closed.connect(lambda: decide(False))
        trouble.show()
        stopping = asyncio.get_running_loop().create_task(self._stopping.wait())
        try:
            await _first_of(answer, stopping)
            return answer.done() and answer.result()
        finally:
            stopping.cancel()
            await asyncio.wait([stopping])
            trouble.hide()
            trouble.deleteLater()

    def _use_folder(self, folder: str) -> None:
        """Have the library in another folder, from now on unless this start was given one of its own."""
        settings = self._preferences.settings
        place = configuration.library_place(folder, settings)
        if self._problem is None and self._files.folder == configuration.place_of(settings.storage.library).folder:
            # Where that cannot be written down it is asked again at the next start: no reason not to begin.
            with contextlib.suppress(KnownError):
                self._preferences = configuration.save({"storage.library": str(place.folder)})
        self._files = LibraryFiles(place.folder)
        self._problem = None

    def _engine_says(self, notice: EngineNotice) -> None:
        if notice.message is None:
            self._notices.withdraw("engine")
        elif notice.passing:
            self._notices.show(notice.message, notice.hint, key="schedule")
        else:
            self._notices.post(Notice(message=notice.message, hint=notice.hint, kind="error", key="engine"))

    def _show_crash(self, details: str) -> None:
        if self.window is not None and self.context is not None:
            from quaero_desktop.ui.dialogs.crash import CrashDialog

            dialog = CrashDialog.tell(self.context, self.window, details)
            if dialog is not None:
                dialog.quit_wanted.connect(self.stop)

    @contextlib.contextmanager
    def _stopped_by_signals(self) -> Iterator[None]:
        # Python runs the handlers between its own instructions; the collector's timer sees to it that there are some.
        before = {}
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ValueError):  # not in the main thread
                before[number] = signal.signal(number, lambda *_: QTimer.singleShot(0, self.stop))
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


async def _first_of(*futures: "asyncio.Future[Any]") -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def _newest_job(services: Services) -> int | None:
    """Return the root job that a person most likely wants to see: the newest that runs, else the newest of all."""
    for which in (JobFilter(status=tuple(OPEN_STATUSES), limit=1), JobFilter(limit=1)):
        if found := (await services.jobs.page(which)).jobs:
            return found[0].id
    return None


async def _is_new(services: Services) -> bool:
    jobs = await services.jobs.page(JobFilter(limit=1))
    return not jobs.total_count and not (await services.library.statistics()).documents


def _previous_crash(files: LibraryFiles) -> str:
    """Return what the run before this one wrote as it crashed, and forget it."""
    file = files.logs / _CRASH_FILE
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            details = stream.read(_MOST_CRASH_BYTES)
        if details.strip():
            file.replace(file.with_name(f"crash-{time.strftime('%Y%m%d-%H%M%S')}.txt"))
    except OSError:
        return ""
    return compose.without_secrets(details.strip())


@contextlib.contextmanager
def _faults_in_a_file(files: LibraryFiles) -> Iterator[None]:
    """Let a fault of the process itself, a segmentation fault say, leave the stacks of all threads in a file."""
    try:
        paths.private_folder(files.logs)
        stream = (files.logs / _CRASH_FILE).open("w", encoding="utf-8")
    except (OSError, KnownError):
        yield
        return
    with stream:
        faulthandler.enable(stream)
        try:
            yield
        finally:
            faulthandler.disable()
    with contextlib.suppress(OSError):
        (files.logs / _CRASH_FILE).unlink()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quaero-desktop", description="Collect sites into a private, searchable library.", allow_abbrev=False
    )
    parser.add_argument("--library", metavar="DIR", help="the folder of the library (also QUAERO_LIBRARY)")
    parser.add_argument("--self-test", metavar="OUT.png", help="try everything with a fresh library, and end")
    parser.add_argument("-v", "--verbose", action="store_true", help="more diagnostics on stderr")
    parser.add_argument("--version", action="version", version=f"Quaero Desktop {__version__}")
    parser.add_argument("urls", nargs="*", metavar="URL", help="sites to collect, begun at once")
    return parser


def _say(error: KnownError) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"{error.message} {error.hint}".strip() + "\n")
