"""Every action of the context menu on real rows over a real engine; a crash of the run before; a long crawl's end."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import QApplication, QDialog

from quaero_desktop import app
from quaero_desktop.domain.jobs import Status
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.infra.paths import LibraryFiles, private_folder
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.ui import tray
from quaero_desktop.ui.actions import CONTEXT_MENU, ActionId
from tests.support.crawling import settings_with
from tests.support.desktop import Used, use
from tests.support.documents import Browser
from tests.support.site import GeneratedSite, serving
from tests.support.waiting import until

FAST = settings_with(crawl={"local_delay_seconds": 0.0}, queue={"backoff_base_seconds": 0.01, "max_attempts": 1})


@pytest.fixture
def library(tmp_path: Path, qapp: QApplication) -> Path:
    return tmp_path / "library"


@pytest.fixture
def site() -> Iterator[GeneratedSite]:
    with serving(GeneratedSite(pages=6, failing=1)) as running:
        yield running


class ContextMenu:
    """The context menu of a job, as it pops up."""

    def __init__(self, used: Used) -> None:
        self._used = used

    async def of(self, job_id: int) -> dict[str, QAction]:
        """Select a job and return the actions of its menu by their ids."""
        actions = self._used.context.actions
        self._used.window.show_job(job_id)
        await until(lambda: [target.id for target in actions.selection.targets] == [job_id])
        menu = actions.context_menu(self._used.window)
        shown = {str(action.data()): action for action in menu.actions() if not action.isSeparator()}
        menu.deleteLater()
        return shown


def test_every_action_of_the_context_menu_does_what_it_says(
    library: Path, site: GeneratedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser()
    monkeypatch.setattr(QDesktopServices, "openUrl", browser.open)

    async def scenario(used: Used) -> None:
        window, jobs = used.window, used.context.services.jobs
        menu = ContextMenu(used)
        root = await jobs.start_crawl(CrawlRequest(urls=(site.url,)))
        await used.ended(root)
        children = {
            status: (await jobs.page(JobFilter(parent=root, status=(status,), type=("crawler_url",)))).jobs
            for status in (Status.COMPLETED, Status.FAILED)
        }
        stored, failed = children[Status.COMPLETED][0], children[Status.FAILED][0]
        on_root = await menu.of(root)
        assert list(on_root) == [str(name) for name in CONTEXT_MENU if name is not None]

        page = await menu.of(stored.id)
        page[ActionId.COPY_URL].trigger()
        assert QApplication.clipboard().text() == stored.url
        page[ActionId.OPEN_IN_BROWSER].trigger()
        assert [url.toString() for url in browser.opened] == [stored.url]
        page[ActionId.SHOW_IN_LOG].trigger()
        await until(window.dock.isVisible)
        page[ActionId.OPEN_DOCUMENT].trigger()
        await until(lambda: window.pages.currentWidget() is window.library)

        page = await menu.of(failed.id)
        assert not page[ActionId.OPEN_DOCUMENT].isEnabled()
        assert not page[ActionId.RERUN].isEnabled()
        page[ActionId.RETRY_FAILED].trigger()

        async def tried_again() -> bool:
            job = await used.job(failed.id)
            return job.attempt == 2 and job.status == Status.FAILED

        await until(tried_again)
        await used.ended(root)

        on_root = await menu.of(root)
        on_root[ActionId.EXPORT].trigger()
        await until(lambda: any(dialog.isVisible() for dialog in window.findChildren(QDialog)))
        for dialog in window.findChildren(QDialog):
            dialog.close()

        page = await menu.of(stored.id)
        page[ActionId.DELETE].trigger()
        await until(lambda: len(used.undos) == 1)
        assert (await used.job(root)).pages == 6

    use(library, scenario, settings=FAST)


def test_that_the_run_before_crashed_is_said_once(library: Path) -> None:
    files = LibraryFiles(library)
    private_folder(files.folder)
    private_folder(files.logs)
    (files.logs / "crash.txt").write_text("Fatal Python error: Segmentation fault\n  File somewhere\n")
    found = app._previous_crash(files)
    assert found.startswith("Fatal Python error")
    assert app._previous_crash(files) == ""

    async def scenario(used: Used) -> None:
        await until(lambda: any(d.objectName() == "previousCrash" for d in used.window.findChildren(QDialog)))
        for dialog in used.window.findChildren(QDialog):
            dialog.close()

    use(library, scenario, previous_crash=found)


def test_a_clean_run_leaves_no_report_of_a_crash(library: Path) -> None:
    async def scenario(used: Used) -> None:
        assert (used.context.services.files.logs / "crash.txt").exists()

    use(library, scenario)
    assert not (LibraryFiles(library).logs / "crash.txt").exists()


def test_the_end_of_a_crawl_of_over_a_minute_is_worth_a_word(library: Path, site: GeneratedSite) -> None:
    async def scenario(used: Used) -> None:
        job = await used.ended(await used.context.services.jobs.start_crawl(CrawlRequest(urls=(site.url,))))
        assert not tray.is_worth_telling(job)
        assert job.started_at is not None
        longer = msgspec.structs.replace(job, completed_at=job.started_at + 72_000)
        assert tray.is_worth_telling(longer)
        assert tray.ended_in_words(longer) == "✓ done: 7 pages in 1 m 12 s, 1 failed"

    use(library, scenario, settings=FAST)
