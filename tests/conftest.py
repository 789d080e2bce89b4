"""What holds for every test: a world of its own, and nothing left behind."""

import asyncio
import gc
import io
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import coverage
import psutil
import pytest
from hypothesis import settings

from tests.support import nginx

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# Shared machines are slow at times: a deadline would tell about them and not about us.
settings.register_profile("quaero", deadline=None, print_blob=True)
settings.register_profile("ci", parent=settings.get_profile("quaero"), derandomize=True)
IN_CI = os.environ.get("CI", "").lower() in ("1", "true")
settings.load_profile("ci" if IN_CI else "quaero")

GRACE_SECONDS = 3.0
"""How long what a test started may take to go."""


# --- a world of its own ---------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _own_world(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the person's own library, settings, caches or keyring, and none asks their proxy."""
    home = tmp_path_factory.mktemp("home")
    for name in tuple(os.environ):
        if name.startswith("QUAERO_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home))
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "runtime"))
    # Nor their keyring: whoever needs one brings a made-up one.
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    (home / "runtime").mkdir(mode=0o700)


ServeDocs = Callable[[str], nginx.Site]


@pytest.fixture
def docs_site() -> Iterator[ServeDocs]:
    """Serve one of Debian's documentation packages: ``docs_site("postgresql")``; for tests marked ``sites``."""
    with ExitStack() as running:

        def serve(name: str) -> nginx.Site:
            missing = nginx.missing_for(name)
            if missing is not None:
                (pytest.fail if IN_CI else pytest.skip)(missing)
            return running.enter_context(nginx.serve(nginx.DOCS[name]))

        yield serve


@pytest.fixture
def serve_folder() -> Iterator[Callable[[Path], nginx.Site]]:
    """Serve any folder with nginx; for tests marked ``sites``."""
    with ExitStack() as running:

        def serve(folder: Path) -> nginx.Site:
            if nginx.nginx_program() is None:
                (pytest.fail if IN_CI else pytest.skip)("nginx is not installed (Debian: nginx-light).")
            manager: AbstractContextManager[nginx.Site] = nginx.serve(folder)
            return running.enter_context(manager)

        yield serve


# --- several workers --------------------------------------------------------------------------------------------------


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where workers share the files, let the slow ones come first: at the end a worker would be alone with one.

    Last of the hooks, so that the order among the slow ones, and among the others, is as random as it was.

    Tests of properties run the same lines hundreds of times, and the tracer makes up to five times as long of that.
    What they run other tests run as well.
    """
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.no_cover)
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
        items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Let a worker tell of a test with a lone surrogate in its log or its failure: what it sends must be UTF-8."""
    return _encodable((yield))


def _encodable(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_encodable(key): _encodable(each) for key, each in value.items()}
        case list() | tuple():
            return type(value)(map(_encodable, value))
        case _:
            return value


# --- what must be covered whole ---------------------------------------------------------------------------------------

_UNCOVERED = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let dev.py say which files the whole suite has to cover to the last branch; a part of it never could."""
    parser.addoption(
        "--cover-whole",
        action="append",
        default=[],
        metavar="GLOB",
        help="with --cov: fail unless every line and branch of these files ran",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Fail the session when something of what must be covered whole is not; see pytest_terminal_summary.

    Outside of pytest-cov's wrapper, which has put together what the workers saw.
    """
    result = yield
    globs = session.config.getoption("--cover-whole")
    if globs and not hasattr(session.config, "workerinput"):
        missing = _uncovered(globs)
        if missing:
            session.config.stash[_UNCOVERED] = missing
            session.testsfailed += 1
    return result


def _uncovered(globs: list[str]) -> str:
    """Return a table of the lines and branches of these files that did not run; empty when all did."""
    seen = coverage.Coverage()
    seen.load()
    table = io.StringIO()
    try:
        covered = seen.report(include=globs, show_missing=True, skip_covered=True, file=table)
    except coverage.CoverageException as error:
        return f"{error}\n"
    return "" if covered == 100 else table.getvalue()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell what must be covered whole and is not."""
    if _UNCOVERED in config.stash:
        globs = " ".join(config.getoption("--cover-whole"))
        terminalreporter.section(f"not covered whole: {globs}", red=True)
        terminalreporter.write(config.stash[_UNCOVERED])
        terminalreporter.write_line("ERROR: tests have to reach each of these lines and branches.", red=True, bold=True)


# --- garbage ----------------------------------------------------------------------------------------------------------


def pytest_collection_finish() -> None:
    """Let the collector pass over what lives as long as we do: all modules and thousands of tests.

    Each world of the window ends with a whole collection, which had to look at all their 200,000 objects.
    """
    gc.collect()
    gc.freeze()


# --- nothing left behind --------------------------------------------------------------------------------------------


class Leftovers:
    """Knows the threads, processes and windows that may be there, and finds the others."""

    def __init__(self) -> None:
        self.threads: set[threading.Thread] = set()
        self.processes: set[psutil.Process] = set()
        self.windows: set[int] = set()
        self.tasks: list[str] = []

    def accept_all(self) -> None:
        """Whatever is there now may stay: it was there before, or belongs to a fixture of a wider scope."""
        self.threads.update(threading.enumerate())
        self.processes.update(psutil.Process().children(recursive=True))
        self.windows.update(id(window) for window in _top_level_windows())

    def found(self) -> list[str]:
        """Return a line for each thing that a test left behind, after giving it a little time to go.

        What is found is ended where possible and accepted, so that it is blamed on one test only.
        """
        deadline = time.monotonic() + GRACE_SECONDS
        while True:
            threads, processes = self._stray_threads(), self._stray_processes()
            if not (threads or processes) or time.monotonic() > deadline:
                break
            time.sleep(0.01)
        lines = [f"an asyncio task: {task}" for task in self.tasks]
        self.tasks.clear()
        lines += [f"a thread: {thread.name}{' (daemon)' * thread.daemon}" for thread in threads]
        self.threads.update(threads)
        for process in processes:
            lines.append(f"a process: {_describe(process)}")
            _end(process)
        windows = self._stray_windows()
        lines += [f"a window: {window!r}" for window in windows]
        self.windows.update(id(window) for window in windows)
        return lines

    def _stray_threads(self) -> list[threading.Thread]:
        # A dummy is a foreign thread, one of Qt's for example, that once called into Python.
        return [
            thread
            for thread in threading.enumerate()
            if thread not in self.threads and not isinstance(thread, threading._DummyThread)
        ]

    def _stray_processes(self) -> list[psutil.Process]:
        return [
            process
            for process in psutil.Process().children(recursive=True)
            if process not in self.processes and not _serves_multiprocessing(process)
        ]

    def _stray_windows(self) -> list[Any]:
        if not any(id(window) not in self.windows for window in _top_level_windows()):
            return []
        # Deleted ones go with the next events, and those in a reference cycle with the collector.
        from PySide6.QtCore import QCoreApplication, QEvent

        gc.collect()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        return [window for window in _top_level_windows() if id(window) not in self.windows]


def _top_level_windows() -> list[Any]:
    """Return Qt's windows, when Qt is in use at all."""
    widgets = sys.modules.get("PySide6.QtWidgets")
    if widgets is None or widgets.QApplication.instance() is None:
        return []
    return list(widgets.QApplication.topLevelWidgets())


def _serves_multiprocessing(process: psutil.Process) -> bool:
    """Return whether it is the tracker that multiprocessing starts once and ends with us, or is gone already."""
    try:
        return "multiprocessing.resource_tracker" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return True


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {process.status()} {' '.join(process.cmdline()) or process.name()}"
    except psutil.NoSuchProcess:
        return str(process.pid)


def _end(process: psutil.Process) -> None:
    try:
        process.kill()
        process.wait(GRACE_SECONDS)
    except psutil.Error:
        pass


_LEFTOVERS = Leftovers()
_cancel_all_tasks = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]


def _note_and_cancel_all_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Note the tasks that still run when a runner closes: it would cancel them without a word.

    Every runner ends here: pytest-asyncio's, asyncio.run, and those with a loop of Qt's.
    """
    _LEFTOVERS.tasks += [repr(task) for task in asyncio.all_tasks(loop)]
    _cancel_all_tasks(loop)


asyncio.runners._cancel_all_tasks = _note_and_cancel_all_tasks  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
    """What a module's or the session's fixture starts lives longer than a test."""
    result = yield
    if fixturedef.scope != "function":
        _LEFTOVERS.accept_all()
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup() -> Iterator[None]:
    """Accept what is there before the first test: what the plugins need."""
    if not _LEFTOVERS.threads:
        _LEFTOVERS.accept_all()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Fail a test, after its fixtures ended, that left a task, thread, process or window behind."""
    result = yield
    lines = _LEFTOVERS.found()
    if lines:
        pytest.fail("The test left behind:\n" + "\n".join(f"- {line}" for line in lines), pytrace=False)
    return result
