"""The whole application, used as a person would: paste, watch, retry, search, delete, undo, leave, come back."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt
from PySide6.QtGui import QCloseEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget

from quaero_desktop import app
from quaero_desktop.domain.jobs import Status
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.infra.lock import InstanceLock
from quaero_desktop.infra.paths import LibraryFiles, private_folder
from quaero_desktop.services import configuration
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.dialogs.newcrawl import NewCrawlDialog
from quaero_desktop.ui.views.trouble import Trouble
from tests.support.crawling import settings_with
from tests.support.desktop import Used, use
from tests.support.site import GeneratedSite, serving
from tests.support.waiting import until

pytestmark = pytest.mark.slow

FAST = settings_with(
    crawl={"local_delay_seconds": 0.0}, queue={"backoff_base_seconds": 0.01, "backoff_max_seconds": 0.02}
)


@pytest.fixture
def library(tmp_path: Path, qapp: QApplication) -> Path:
    return tmp_path / "library"


@pytest.fixture
def site() -> Iterator[GeneratedSite]:
    with serving(GeneratedSite(pages=12, failing=2, missing=1)) as running:
        yield running


Widget = TypeVar("Widget", bound=QWidget)


def find(parent: QWidget, kind: type[Widget], name: str) -> Widget:
    found = parent.findChild(kind, name)
    assert isinstance(found, kind), name
    return found


async def crawl(used: Used, url: str) -> int:
    job_id = await used.context.services.jobs.start_crawl(CrawlRequest(urls=(url,)))
    used.window.show_job(job_id)
    await used.ended(job_id)
    return job_id


async def selected(used: Used, job_id: int) -> None:
    used.window.show_job(job_id)
    await until(lambda: [target.id for target in used.context.actions.selection.targets] == [job_id])


def test_the_first_start_says_what_to_do_and_an_address_and_enter_do_it(library: Path, site: GeneratedSite) -> None:
    async def scenario(used: Used) -> None:
        window = used.window
        assert window.pages.currentWidget() is window.welcome
        field = find(window, QLineEdit, "welcomeUrl")
        assert "Paste a web address" in field.placeholderText()
        QTest.keyClicks(field, site.url)
        QTest.keyClick(field, Qt.Key.Key_Return)
        await until(lambda: window.pages.currentWidget() is window.splitter)
        job = await used.ended(1)
        assert (job.status, job.failed_children) == (Status.COMPLETED, 3)
        window.search.setText("page")
        await until(lambda: window.pages.currentWidget() is window.library)

    use(library, scenario, settings=FAST)


def test_what_is_no_address_is_refused_where_it_was_typed(library: Path) -> None:
    async def scenario(used: Used) -> None:
        field = find(used.window, QLineEdit, "welcomeUrl")
        field.setText("ftp://somewhere")
        QTest.keyClick(field, Qt.Key.Key_Return)
        problem = find(used.window, QLabel, "welcomeProblem")
        await until(lambda: problem.isVisible() and bool(problem.text()))
        assert used.notices == []

    use(library, scenario)


def test_failures_are_retried_from_the_menu_of_the_job(library: Path, site: GeneratedSite) -> None:
    async def scenario(used: Used) -> None:
        job_id = await crawl(used, site.url)
        await selected(used, job_id)
        await until(lambda: "3 failed" in used.context.actions.action(ActionId.RETRY_FAILED).text())
        menu = used.context.actions.context_menu(used.window)
        (retry,) = (action for action in menu.actions() if action.text() == "Retry 3 failed pages")
        retry.trigger()
        await until(lambda: any("3 pages queued again" in notice.message for notice in used.notices))
        job = await used.ended(job_id)
        assert job.failed_children == 3
        page = (await used.context.services.jobs.page(JobFilter(parent=job_id, status=("failed",)))).jobs[0]
        assert page.attempt == 2

    use(library, scenario, settings=FAST)


def test_a_job_is_deleted_and_comes_back(library: Path, site: GeneratedSite) -> None:
    async def scenario(used: Used) -> None:
        job_id = await crawl(used, site.url)
        await selected(used, job_id)
        used.context.actions.trigger(ActionId.DELETE)
        await until(lambda: len(used.undos) == 1)
        assert "Documents stay" in used.undos[0].message
        jobs = used.context.services.jobs
        assert (await jobs.page(JobFilter())).total_count == 0
        used.context.actions.trigger(ActionId.UNDO)

        async def is_back() -> bool:
            return (await jobs.page(JobFilter())).total_count == 1

        await until(is_back)
        assert (await jobs.get(job_id)).pages == 15
        assert (await used.context.services.library.statistics()).documents == 12

    use(library, scenario, settings=FAST)


def test_a_running_crawl_is_paused_resumed_and_cancelled(library: Path) -> None:
    with serving(GeneratedSite(pages=200, latency=0.1)) as site:

        async def scenario(used: Used) -> None:
            actions = used.context.actions
            job_id = await used.context.services.jobs.start_crawl(CrawlRequest(urls=(site.url,)))
            await selected(used, job_id)

            async def has(status: str) -> bool:
                return (await used.job(job_id)).status == status

            for action, then in (
                (ActionId.PAUSE, "paused"), (ActionId.RESUME, "running"), (ActionId.CANCEL, "cancelled")
            ):  # fmt: skip
                await until(actions.action(action).isEnabled)
                actions.trigger(action)
                await until(partial(has, then))

        use(library, scenario, settings=FAST)


def test_a_crawl_is_run_again_as_a_new_job(library: Path, site: GeneratedSite) -> None:
    async def scenario(used: Used) -> None:
        job_id = await crawl(used, site.url)
        await selected(used, job_id)
        used.context.actions.trigger(ActionId.RERUN)
        await until(lambda: [t.id for t in used.context.actions.selection.targets] not in ([], [job_id]))
        again = await used.ended(used.context.actions.selection.targets[0].id)
        assert again.rerun_of == job_id

    use(library, scenario, settings=FAST)


def test_addresses_that_are_pasted_or_dropped_open_the_dialog(library: Path, site: GeneratedSite) -> None:
    async def scenario(used: Used) -> None:
        window = used.window
        QApplication.clipboard().setText(f"see {site.url} for more")
        window.paste()
        await until(lambda: len(window.findChildren(NewCrawlDialog)) == 1)
        window.findChildren(NewCrawlDialog)[0].close()
        await until(lambda: window.findChildren(NewCrawlDialog) == [])
        data = QMimeData()
        data.setText(site.url)
        window.dropEvent(
            QDropEvent(
                QPoint(9, 9), Qt.DropAction.CopyAction, data, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
            )
        )
        await until(lambda: len(window.findChildren(NewCrawlDialog)) == 1)
        window.findChildren(NewCrawlDialog)[0].close()

    use(library, scenario)


def test_addresses_of_the_command_line_are_crawled(library: Path, site: GeneratedSite) -> None:
    async def scenario(used: Used) -> None:
        await until(lambda: used.context.actions.selection.count == 1)
        job = await used.ended(used.context.actions.selection.targets[0].id)
        assert job.status == Status.COMPLETED

    use(library, scenario, settings=FAST, urls=[site.url])


@pytest.mark.parametrize("seed", range(4))
def test_closing_at_a_random_moment_of_a_crawl_loses_nothing(library: Path, seed: int) -> None:
    with serving(GeneratedSite(pages=60, latency=0.01, seed=seed)) as site:
        moment = random.Random(seed).randrange(1, 50)

        async def begin(used: Used) -> None:
            job_id = await used.context.services.jobs.start_crawl(CrawlRequest(urls=(site.url,)))

            async def far_enough() -> bool:
                return (await used.job(job_id)).progress_current >= moment

            await until(far_enough)
            used.window.closeEvent(QCloseEvent())

        seconds = use(library, begin, settings=FAST, stop=False)
        assert seconds < 10  # 3 are promised; a guard, since machines are noisy

        async def go_on(used: Used) -> None:
            job = await used.ended(1)
            assert (job.status, job.pages, job.failed_children) == (Status.COMPLETED, 60, 0)

        use(library, go_on, settings=FAST)
        # Every page was stored once; what was under way when the window closed was fetched again.
        assert all(site.counts[path] <= 2 for path in site.page_paths)


def test_a_library_in_use_is_said_and_trying_again_helps(library: Path) -> None:
    files = LibraryFiles(library)
    private_folder(files.folder)
    held = InstanceLock(files.lock)
    held.acquire()

    async def run(desktop: app.Desktop) -> None:
        running = asyncio.get_running_loop().create_task(desktop.run(()))

        def trouble() -> list[Trouble]:
            shown = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, Trouble)]
            return [widget for widget in shown if widget.isVisible()]

        await until(lambda: len(trouble()) == 1)
        said = " ".join(label.text() for label in trouble()[0].findChildren(QLabel))
        assert "library open already" in said
        held.release()
        (again,) = (button for button in trouble()[0].findChildren(QPushButton) if button.text() == "Try again")
        again.click()
        await desktop.shown.wait()
        desktop.stop()
        await running

    with app.opened_runner(app.make_application(), files) as (runner, reporter, collector):
        desktop = app.Desktop(app.make_application(), files, configuration.read(), reporter, collector)
        runner.run(run(desktop))
        desktop.deleteLater()
        reporter.deleteLater()


def test_every_action_has_something_to_do(library: Path) -> None:
    async def scenario(used: Used) -> None:
        assert set(used.context.actions._handlers) == set(ActionId)

    use(library, scenario)


def test_the_self_test_crawls_searches_and_draws(tmp_path: Path) -> None:
    picture = tmp_path / "window.png"
    ended = subprocess.run(
        [sys.executable, "-m", "quaero_desktop", "--self-test", str(picture)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
