"""Draws every view of the window over a crawl of a small site of ours: ``packaging/dev.py screenshots DIR``."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QDialog, QWidget

from quaero_desktop.app import Desktop, make_application, opened_runner
from quaero_desktop.domain.definitions import Action, Definition, ErrorTolerance, OnError, Step
from quaero_desktop.domain.jobs import TERMINAL_STATUSES, Status
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.domain.sources import NewSource, SourceRules
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.services import configuration
from quaero_desktop.services.jobs import CrawlRequest
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.theme import Mode
from tests.support import demo_site
from tests.support.recording_server import RecordingServer

SIZE = (1280, 800)
_SETTLE_SECONDS = 0.6
"""Pictures are for people: what is drawn may lag behind what is known by a few frames."""


class Album:
    """Draws widgets into files, each view in light and dark.

    Args:
        desktop: the running application.
        folder: where the files go.
        suffix: of their names, for the resolution.
    """

    def __init__(self, desktop: Desktop, folder: Path, suffix: str) -> None:
        self._desktop = desktop
        self._folder = folder
        self._suffix = suffix

    async def take(self, name: str, widget: QWidget | None = None) -> None:
        """Draw the window, or the widget that is on top of it, in light and in dark."""
        for mode in (Mode.DARK, Mode.LIGHT):
            assert self._desktop.context is not None
            self._desktop.context.theme.set_mode(mode)
            await asyncio.sleep(_SETTLE_SECONDS)
            shown = widget or self._desktop.window
            assert shown is not None
            file = self._folder / f"{name}-{mode}{self._suffix}.png"
            if not shown.grab().save(str(file)):
                raise OSError(f"{file} could not be written")
            sys.stdout.write(f"{file}\n")


async def take_all(desktop: Desktop, folder: Path, suffix: str) -> None:
    """Use the application as a person would, and draw each view on the way."""
    await desktop.shown.wait()
    assert desktop.context is not None
    assert desktop.window is not None
    context, window = desktop.context, desktop.window
    window.resize(*SIZE)
    album = Album(desktop, folder, suffix)
    await album.take("welcome")
    jobs = context.services.jobs
    server = RecordingServer()
    async with server.running():
        site = demo_site.pages()
        server.behaviour = demo_site.serving(site, busy=True)
        older = await jobs.start_crawl(
            CrawlRequest(
                urls=(server.url("/"),), name="Tools and records", include=("/tools", "/records"), delay_seconds=0
            )
        )
        await _ended(desktop, older)
        first = await jobs.start_crawl(
            CrawlRequest(
                urls=(server.url("/"),), name="The beekeeper's handbook", exclude=("/old/",), delay_seconds=0.03
            )
        )
        window.show_job(first)
        await _until(lambda: _progress(desktop, first, 30))
        await album.take("crawl-running")
        await _ended(desktop, first)
        await asyncio.sleep(_SETTLE_SECONDS)
        window.jobs.select_job(first, expand=True)
        await album.take("jobs")
        for tab in ("Pages", "Skipped", "Setup"):
            window.detail.show_tab(tab)
            await album.take(f"crawl-{tab.lower()}")
        window.detail.show_tab("Overview")
        failed = (await jobs.page(JobFilter(parent=first, status=(Status.FAILED,)))).jobs
        window.show_job(failed[0].id)
        await album.take("page-failed")
        stored = (await jobs.page(JobFilter(parent=first, status=(Status.COMPLETED,), query="honey/step"))).jobs
        window.show_job(stored[0].id)
        window.detail.show_tab("Document")
        await album.take("page-document")
        window.show_job(first)
        context.actions.trigger(ActionId.DELETE)
        await album.take("undo")
        context.actions.trigger(ActionId.UNDO)
        await asyncio.sleep(_SETTLE_SECONDS)
        window.focus_search()
        window.search.setText("honey water")
        await album.take("library")
        window.search.clear()
        await album.take("library-recent")
        window.show_jobs()
        for action, name in (
            (ActionId.NEW_CRAWL, "new-crawl"),
            (ActionId.SETTINGS, "settings"),
            (ActionId.EXPORT, "export"),
            (ActionId.SHORTCUTS, "shortcuts"),
            (ActionId.ABOUT, "about"),
            (ActionId.PALETTE, "palette"),
        ):
            context.actions.trigger(action)
            await asyncio.sleep(_SETTLE_SECONDS)
            top = _on_top(window)
            await album.take(name, top)
            top.close()
            await asyncio.sleep(0)
        await take_recipes(desktop, album, server.url("/"))
        window.resize(960, 760)
        window.show_job(first)
        await album.take("narrow")


async def take_recipes(desktop: Desktop, album: Album, site: str) -> None:
    """Draw definitions and sources: their views, their dialogs, and a run of a definition."""
    assert desktop.context is not None
    assert desktop.window is not None
    context, window = desktop.context, desktop.window
    services = context.services
    window.show_definitions()
    await album.take("definitions-empty")
    source = await services.sources.add(
        NewSource(base_url=site, name="Beekeeping", rules=SourceRules(depth=3, exclude=("/old/",), delay_ms=0))
    )
    nightly = await services.definitions.save(
        Definition(
            name="Nightly bees",
            description="The handbook, summarised, each night.",
            schedule="0 3 * * *",
            sources=(source,),
            error_tolerance=ErrorTolerance(max_child_failures=100),
            steps=(
                Step(name="Crawl", action=Action.CRAWL),
                Step(name="Summarise", action=Action.SUMMARISE, on_error=OnError.CONTINUE),
                Step(name="All of it in short", action=Action.CORPUS_SUMMARY, on_error=OnError.CONTINUE),
                Step(name="Clean up", action=Action.CLEANUP, config={"older_than": "30d"}),
            ),
        )
    )
    for name, schedule, steps in (
        ("New index each month", "15 4 1 * *", (Step(name="Index", action=Action.REINDEX),)),
        ("Summaries anew", "", (Step(name="Summarise", action=Action.SUMMARISE),)),
        (
            "Tools, on weekdays",
            "30 7 * * 1-5",
            (Step(name="Crawl", action=Action.CRAWL, config={"start_urls": [f"{site}tools/"]}),),
        ),
    ):
        await services.definitions.save(Definition(name=name, schedule=schedule, steps=steps))
    run = await services.definitions.run(nightly)
    await _ended(desktop, run)
    window.show_job(run, expand=True)
    await asyncio.sleep(_SETTLE_SECONDS)
    await album.take("run")
    window.show_definition(nightly)
    await asyncio.sleep(_SETTLE_SECONDS)
    await album.take("definitions")
    context.actions.trigger(ActionId.EDIT)
    await asyncio.sleep(_SETTLE_SECONDS)
    dialog: Any = _on_top(window)
    for number, name in enumerate(("steps", "sources", "schedule", "limits")):
        dialog.tabs.setCurrentIndex(number)
        await album.take(f"definition-{name}", dialog)
    dialog.close()
    window.show_sources()
    window.sources.select(source)
    await asyncio.sleep(_SETTLE_SECONDS)
    await album.take("sources")
    for action, name in ((ActionId.EDIT, "source"), (ActionId.SIGN_IN, "sign-in")):
        context.actions.trigger(action)
        await asyncio.sleep(_SETTLE_SECONDS)
        top = _on_top(window)
        await album.take(name, top)
        top.close()
        await asyncio.sleep(0)


def _on_top(window: QWidget) -> QWidget:
    found: list[QWidget] = [dialog for dialog in window.findChildren(QDialog) if dialog.isVisible()]
    found += [child for child in window.findChildren(QWidget, "palette") if child.isVisible()]
    return found[-1]


async def _progress(desktop: Desktop, job_id: int, pages: int) -> bool:
    assert desktop.context is not None
    return (await desktop.context.services.jobs.get(job_id)).progress_current >= pages


async def _ended(desktop: Desktop, job_id: int) -> None:
    async def has_ended() -> bool:
        assert desktop.context is not None
        return (await desktop.context.services.jobs.get(job_id)).status in TERMINAL_STATUSES

    await _until(has_ended)


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(120):
        while not await condition():  # noqa: ASYNC110  the answer lies in a database
            await asyncio.sleep(0.02)


def main() -> int:
    """Draw into the folder that the command line names; the resolution is that of QT_SCALE_FACTOR."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    scale = os.environ.get("QT_SCALE_FACTOR", "1")
    suffix = "" if scale == "1" else f"@{scale}x"
    application = make_application()
    with tempfile.TemporaryDirectory(prefix="quaero-screenshots-") as home:
        files = LibraryFiles(Path(home, "library"))
        preferences = configuration.read({"QUAERO_CONFIG": str(Path(home, "settings.toml"))})
        with opened_runner(application, files) as (runner, reporter, collector):
            crashes: list[str] = []
            reporter.crashed.connect(crashes.append)
            desktop = Desktop(application, files, preferences, reporter, collector)

            async def run() -> None:
                running = asyncio.get_running_loop().create_task(desktop.run(()))
                try:
                    await take_all(desktop, folder, suffix)
                finally:
                    desktop.stop()
                    await running

            runner.run(run())
    sys.stderr.write("".join(crashes))
    return int(bool(crashes))


if __name__ == "__main__":
    sys.exit(main())
