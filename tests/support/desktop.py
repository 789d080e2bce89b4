"""The whole application in the test's process: the real window, engine and library, used by a coroutine."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
from PySide6.QtCore import QCoreApplication, QEvent

from quaero_desktop import app
from quaero_desktop.app import Desktop
from quaero_desktop.domain.jobs import TERMINAL_STATUSES, Job
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.services import compose, configuration
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.notices import Notice, UndoOffer
from quaero_desktop.ui.window import MainWindow
from tests.support.waiting import until

PATIENCE_SECONDS = 60.0
"""A guard against hanging, never a measure."""


class Used:
    """The running application, and what it said so far."""

    def __init__(self, desktop: Desktop) -> None:
        self.desktop = desktop
        self.notices: list[Notice] = []
        self.undos: list[UndoOffer] = []

    @property
    def window(self) -> MainWindow:
        """The main window."""
        assert self.desktop.window is not None
        return self.desktop.window

    @property
    def context(self) -> Context:
        """What its parts share."""
        assert self.desktop.context is not None
        return self.desktop.context

    async def job(self, job_id: int) -> Job:
        """Return a job as the library has it now."""
        return await self.context.services.jobs.get(job_id)

    async def ended(self, job_id: int) -> Job:
        """Wait for the end of a job and return it."""
        await until(lambda: self._is_terminal(job_id))
        return await self.job(job_id)

    async def _is_terminal(self, job_id: int) -> bool:
        return (await self.job(job_id)).status in TERMINAL_STATUSES


def use(
    folder: Path,
    scenario: Callable[[Used], Awaitable[None]],
    *,
    settings: Settings | None = None,
    urls: Sequence[str] = (),
    stop: bool = True,
    previous_crash: str = "",
) -> float:
    """Start the application over the library in *folder*, use it, stop it, and check the library.

    Args:
        folder: of the library.
        scenario: uses it, once the window is shown.
        settings: those in force.
        urls: named at the start.
        stop: whether to stop it afterwards; else the scenario has done so.
        previous_crash: what the run before left as it crashed.

    Returns:
        How many seconds the clean stop took.
    """
    files = LibraryFiles(folder)
    application = app.make_application()
    preferences = configuration.read()
    if settings is not None:
        preferences = msgspec.structs.replace(preferences, settings=settings)
    crashes: list[str] = []
    took = 0.0
    with app.opened_runner(application, files) as (runner, reporter, collector):
        reporter.crashed.connect(crashes.append)

        async def run(desktop: Desktop) -> None:
            nonlocal took
            if previous_crash:
                desktop.tell_previous_crash(previous_crash)
            running = asyncio.get_running_loop().create_task(desktop.run(urls))
            try:
                await asyncio.wait_for(_shown_or_ended(desktop, running), PATIENCE_SECONDS)
                used = Used(desktop)
                if desktop.context is not None:
                    desktop.context.notices.posted.connect(used.notices.append)
                    desktop.context.notices.undo_offered.connect(used.undos.append)
                await asyncio.wait_for(_awaited(scenario(used)), PATIENCE_SECONDS)
            finally:
                began = time.monotonic()
                if stop:
                    desktop.stop()
                await asyncio.wait_for(running, PATIENCE_SECONDS)
                took = time.monotonic() - began

        runner.run(_run_and_leave(Desktop(application, files, preferences, reporter, collector), run))
        reporter.deleteLater()
    del runner, reporter, run
    gc.collect()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert crashes == []
    asyncio.run(_verify(files))
    return took


async def _run_and_leave(desktop: Desktop, run: Callable[[Desktop], Awaitable[None]]) -> None:
    await run(desktop)
    desktop.deleteLater()


async def _shown_or_ended(desktop: Desktop, running: "asyncio.Task[None]") -> None:
    shown = asyncio.get_running_loop().create_task(desktop.shown.wait())
    await asyncio.wait([shown, running], return_when=asyncio.FIRST_COMPLETED)
    shown.cancel()
    if running.done():
        running.result()


async def _awaited(awaitable: Awaitable[None]) -> None:
    await awaitable


async def _verify(files: LibraryFiles) -> None:
    async with compose.writing(files, Settings()) as services:
        report = await services.maintenance.verify()
    assert [check for check in report.checks if not check.ok] == []
