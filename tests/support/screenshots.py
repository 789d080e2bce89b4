"""Draws every view of the window over a crawl of a small site of ours: ``packaging/dev.py screenshots``."""

import argparse
import asyncio
import contextlib
import ipaddress
import os
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import keyring
from aiohttp.abc import ResolveResult
from PySide6.QtWidgets import QDialog, QLineEdit, QPlainTextEdit, QTabWidget, QWidget

from quaero_desktop.app import Desktop, make_application, with_desktop
from quaero_desktop.domain.definitions import Action, Definition, ErrorTolerance, OnError, Step
from quaero_desktop.domain.errors import LibraryDamagedError
from quaero_desktop.domain.jobs import TERMINAL_STATUSES, Status
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.domain.sources import NewSource, SourceRules
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.services import configuration
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.services.maintenance import BackupInfo
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.theme import Mode
from quaero_desktop.ui.views.trouble import Trouble
from quaero_desktop.web.names import CheckedResolver, Names
from tests.support import demo_site, docpictures, legacy
from tests.support.fake_keyring import FakeKeyring
from tests.support.recording_server import RecordingServer

SIZE = (1280, 800)
HOST, OTHER_HOST = "bees.example", "hives.example"
"""What the small site is called in the pictures; RFC 2606 keeps such names from ever being anybody's."""
HOME = "/home/ada"
_SETTLE_SECONDS = 0.6
"""Pictures are for people: what is drawn may lag behind what is known by a few frames."""


class _Keyring(FakeKeyring):
    """Keeps nothing for anybody, but is called as that of a Linux desktop is."""

    __module__ = "keyring.backends.SecretService"


class Album:
    """Draws widgets into files, each view in light and dark.

    Args:
        desktop: the running application.
        folder: where the files go.
        suffix: of their names, for the resolution.
        only: the names of those that are wanted, made small for the documentation; None for all of them as they are.

    Attributes:
        taken: the names of those that were drawn.
    """

    def __init__(self, desktop: Desktop, folder: Path, suffix: str, only: set[str] | None) -> None:
        self._desktop = desktop
        self._folder = folder
        self._suffix = suffix
        self._only = only
        self.taken: set[str] = set()

    async def take(self, name: str, widget: QWidget | None = None) -> None:
        """Draw the window, or the widget that is on top of it, in light and in dark."""
        for mode in (Mode.DARK, Mode.LIGHT):
            title = f"{name}-{mode}"
            if self._only is not None and title not in self._only:
                continue
            assert self._desktop.context is not None
            self._desktop.context.theme.set_mode(mode)
            await asyncio.sleep(_SETTLE_SECONDS)
            shown = widget or self._desktop.window
            assert shown is not None
            file = self._folder / f"{title}{self._suffix}.png"
            if self._only is not None:
                docpictures.save(shown.grab().toImage(), file)
            elif not shown.grab().save(str(file)):
                raise OSError(f"{file} could not be written")
            self.taken.add(title)
            sys.stdout.write(f"{file}\n")


async def take_all(desktop: Desktop, album: Album, home: Path) -> None:
    """Use the application as a person would, and draw each view on the way.

    Args:
        desktop: the running application.
        album: where the pictures go.
        home: a folder for what is needed on the way.
    """
    await desktop.shown.wait()
    assert desktop.context is not None
    assert desktop.window is not None
    window = desktop.window
    window.resize(*SIZE)
    await album.take("welcome")
    server = RecordingServer()
    async with server.running():
        server.behaviour = demo_site.serving(demo_site.pages(), busy=True)
        with _known_as((HOST, OTHER_HOST), int(server.url("/").rsplit(":", 1)[1].rstrip("/"))):
            first = await take_crawl(desktop, album)
            await take_library(desktop, album)
            await take_dialogs(desktop, album, home)
            await take_recipes(desktop, album)
            window.resize(960, 760)
            window.show_job(first)
            await album.take("narrow")


async def take_crawl(desktop: Desktop, album: Album) -> int:
    """Draw a crawl while it runs and after it: its views, two of its pages, and what comes after a deletion."""
    assert desktop.context is not None
    assert desktop.window is not None
    context, window = desktop.context, desktop.window
    jobs = context.services.jobs
    site = f"http://{HOST}/"
    older = await jobs.start_crawl(
        CrawlRequest(urls=(site,), name="Tools and records", include=("/tools", "/records"), delay_seconds=0)
    )
    await _ended(desktop, older)
    first = await jobs.start_crawl(
        CrawlRequest(urls=(site,), name="The beekeeper's handbook", exclude=("/old/",), delay_seconds=0.03)
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
    window.show_job(older)
    await asyncio.sleep(_SETTLE_SECONDS)
    context.actions.trigger(ActionId.DELETE)
    await asyncio.sleep(_SETTLE_SECONDS)
    window.show_job(first)
    await asyncio.sleep(_SETTLE_SECONDS)
    await album.take("undo")
    context.actions.trigger(ActionId.UNDO)
    await asyncio.sleep(_SETTLE_SECONDS)
    window.show_job(first)
    await asyncio.sleep(_SETTLE_SECONDS)
    return first


async def take_library(desktop: Desktop, album: Album) -> None:
    """Draw the library: a search, and what was stored last."""
    assert desktop.context is not None
    assert desktop.window is not None
    context, window = desktop.context, desktop.window
    context.actions.trigger(ActionId.SHOW_LOG)
    window.focus_search()
    window.search.setText("honey water")
    await album.take("library")
    window.search.clear()
    await album.take("library-recent")
    context.actions.trigger(ActionId.SHOW_LOG)
    window.show_jobs()


async def take_dialogs(desktop: Desktop, album: Album, home: Path) -> None:
    """Draw the dialogs that have to do with crawls and the library, and what is shown instead of a damaged one."""
    assert desktop.context is not None
    assert desktop.window is not None
    context, window = desktop.context, desktop.window
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
        if action == ActionId.EXPORT:
            for edit in top.findChildren(QLineEdit):
                edit.setText(edit.text().replace(str(Path.home()), HOME))
        await album.take(name, top)
        for tab in top.findChildren(QTabWidget)[:1] if action == ActionId.SETTINGS else ():
            for number in range(1, tab.count()):
                tab.setCurrentIndex(number)
                await album.take(f"settings-{tab.tabText(number).replace('&', '').lower()}", top)
        if action == ActionId.NEW_CRAWL:
            _field(top, QPlainTextEdit, "Web addresses").setPlainText(f"http://{HOST}/")
            _field(top, QPlainTextEdit, "Leave out addresses with").setPlainText("/old/\n*.pdf")
            _field(top, QLineEdit, "Try an address").setText("/old/1998")
            await album.take("new-crawl-rules", top)
        top.close()
        await asyncio.sleep(0)
    window.import_wanted.emit(str(legacy.sound(home / "quaero.db")))
    await asyncio.sleep(2 * _SETTLE_SECONDS)
    importing = window.findChild(QDialog, "import")
    assert importing is not None
    _field(importing, QLineEdit, "Database file of the old Quaero").setText(f"{HOME}/old/quaero.db")
    await album.take("import", importing)
    importing.close()
    await asyncio.sleep(0)
    database = Path(HOME, ".local", "share", "Quaero", "library.db")
    trouble = Trouble(context.theme)
    trouble.resize(760, 400)
    trouble.show_error(
        LibraryDamagedError(f"The library's database {database} is damaged: file is not a database.", "Restore it."),
        [
            BackupInfo(
                name=f"library-202611{day}T030000Z.db", path=database, bytes=8_400_000 + day * 7_000,
                created_at=1_795_143_600_000 + (day - 20) * 86_400_000, version=1, ok=True,
            )
            for day in (21, 20)
        ],
    )  # fmt: skip
    trouble.show()
    await album.take("trouble", trouble)
    trouble.hide()
    trouble.deleteLater()


async def take_recipes(desktop: Desktop, album: Album) -> None:
    """Draw definitions and sources: their views, their dialogs, and a run of a definition."""
    site = f"http://{OTHER_HOST}/"
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
    context.actions.trigger(ActionId.SHOW_LOG)
    window.focus_search()
    window.search.setText(f"winter site:{OTHER_HOST}")
    await album.take("library-summary")
    window.search.clear()
    context.actions.trigger(ActionId.SHOW_LOG)
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


def _field(top: QWidget, kind: type[Any], name: str) -> Any:
    return next(field for field in top.findChildren(kind) if field.accessibleName() == name)


@contextlib.contextmanager
def _known_as(hosts: tuple[str, ...], port: int) -> Iterator[None]:
    """Let the server that listens on a port of this computer be known to crawls by these names, on the web's port."""
    here = "127.0.0.1"

    async def addresses(names: Names, asked: str) -> list[ipaddress.IPv4Address]:
        if asked not in hosts:
            raise OSError(f"{asked} is not known here")
        return [ipaddress.IPv4Address(here)]

    async def resolve(resolver: CheckedResolver, asked: str, *_: object, **__: object) -> list[ResolveResult]:
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(
                hostname=asked, host=here, port=port, family=socket.AF_INET, proto=socket.IPPROTO_TCP, flags=flags
            )
        ]

    with patch.object(Names, "addresses", addresses), patch.object(CheckedResolver, "resolve", resolve):
        yield


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
    """Draw what the command line says; the resolution is that of QT_SCALE_FACTOR."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="draw everything into it")
    parser.add_argument("--docs", action="store_true", help="draw the pictures that the documentation shows, anew")
    given = parser.parse_args()
    if given.docs == (given.folder is not None):
        parser.error("either a folder or --docs")
    only = docpictures.shown() if given.docs else None
    folder: Path = docpictures.FOLDER if given.docs else given.folder
    folder.mkdir(parents=True, exist_ok=True)
    scale = os.environ.get("QT_SCALE_FACTOR", "1")
    suffix = "" if scale == "1" else f"@{scale}x"
    application = make_application()
    keyring.set_keyring(_Keyring())
    with tempfile.TemporaryDirectory(prefix="quaero-screenshots-") as name:
        home = Path(name)
        files = LibraryFiles(home / "library")
        preferences = configuration.read({"QUAERO_CONFIG": str(home / "settings.toml")})
        crashes: list[str] = []

        async def draw(desktop: Desktop) -> set[str]:
            desktop.reporter.crashed.connect(crashes.append)
            album = Album(desktop, folder, suffix, only)
            running = asyncio.get_running_loop().create_task(desktop.run(()))
            try:
                await take_all(desktop, album, home)
            finally:
                desktop.stop()
                await running
            return album.taken

        taken = with_desktop(application, files, preferences, draw)
    missing = sorted(only - taken) if only is not None else []
    if missing:
        sys.stderr.write(f"The documentation shows what is no view: {', '.join(missing)}\n")
    elif only is not None:
        for file in folder.glob("*.png"):
            if file.stem not in only:
                file.unlink()
    sys.stderr.write("".join(crashes))
    return int(bool(crashes or missing))


if __name__ == "__main__":
    sys.exit(main())
