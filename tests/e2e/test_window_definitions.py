"""A nightly definition made in the window: run, shown as one root with its steps, repeated, deleted, brought back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from quaero_desktop.domain.definitions import Action
from quaero_desktop.domain.jobs import JobType, Status
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.ui.actions import ActionId
from tests.support.crawling import settings_with
from tests.support.desktop import Used, use
from tests.support.site import GeneratedSite, serving
from tests.support.waiting import until

FAST = settings_with(crawl={"local_delay_seconds": 0.0}, queue={"backoff_base_seconds": 0.01, "max_attempts": 1})
NEEDED = frozenset({ActionId.NEW_DEFINITION, ActionId.RUN_NOW, ActionId.SHOW_DEFINITIONS, ActionId.SHOW_SOURCES})


@pytest.fixture
def library(tmp_path: Path, qapp: QApplication) -> Path:
    return tmp_path / "library"


@pytest.fixture
def site() -> Iterator[GeneratedSite]:
    with serving(GeneratedSite(pages=6, failing=1)) as running:
        yield running


async def dialog_of(used: Used, name: str) -> Any:
    def shown() -> list[QDialog]:
        return [each for each in used.window.findChildren(QDialog, name) if each.isVisible()]

    await until(lambda: bool(shown()))
    return shown()[0]


def test_a_nightly_definition_from_the_first_click_to_the_undo_of_its_deletion(
    library: Path, site: GeneratedSite
) -> None:
    async def scenario(used: Used) -> None:
        window, actions, services = used.window, used.context.actions, used.context.services
        actions.trigger(ActionId.SHOW_DEFINITIONS)
        view = window.definitions
        await until(lambda: view.is_loaded and view.is_empty)
        view.nightly_wanted.emit()
        dialog = await dialog_of(used, "definition")
        field = dialog.steps.forms.currentWidget().findChild(QWidget, "option_start_urls")
        field.setPlainText(site.url)
        await until(lambda: bool(dialog.is_ready))
        dialog.save(run=True)

        async def roots() -> list[int]:
            page = await services.jobs.page(JobFilter(limit=None))
            return [job.id for job in page.jobs]

        async def has_run() -> bool:
            return bool(await roots())

        await until(has_run)
        (job_id,) = await roots()
        job = await used.ended(job_id)
        assert (job.type, job.status, job.name) == (JobType.DEFINITION_RUN, Status.COMPLETED, "Nightly crawl")
        await until(lambda: window.detail.job_id == job_id)
        steps = window.detail.overview.steps
        await until(lambda: [line[2] for line in steps.shown] == ["✓ done"] * 3)
        assert [line[1] for line in steps.shown] == ["Crawl", "Summarise", "Clean up"]

        actions.trigger(ActionId.RERUN)
        await until(lambda: window.detail.job_id not in (None, job_id))
        again = await used.ended(window.detail.job_id or 0)
        assert (again.rerun_of, again.definition_id, again.payload) == (job_id, job.definition_id, job.payload)

        actions.trigger(ActionId.SHOW_DEFINITIONS)
        await until(lambda: view.is_loaded and view.model.last_job(0) is not None)
        stored = view.model.row(0).stored
        assert stored.definition.schedule == "0 3 * * *"
        assert {step.action for step in stored.definition.steps} == {Action.CRAWL, Action.SUMMARISE, Action.CLEANUP}

        window.show_job(again.id)
        await until(lambda: [target.id for target in actions.selection.targets] == [again.id])
        actions.trigger(ActionId.DELETE)
        await until(lambda: len(used.undos) == 1)
        assert await roots() == [job_id]
        actions.trigger(ActionId.UNDO)

        async def is_back() -> bool:
            return len(await roots()) == 2

        await until(is_back)

    use(library, scenario, settings=FAST)


def test_a_library_without_a_job_has_its_definitions_and_sources_too(library: Path) -> None:
    async def scenario(used: Used) -> None:
        window, actions = used.window, used.context.actions
        for name in NEEDED - {ActionId.RUN_NOW}:
            assert actions.action(name).isEnabled()
        actions.trigger(ActionId.SHOW_SOURCES)
        await until(lambda: window.pages.currentWidget() is window.sources and window.sources.is_loaded)
        assert not actions.action(ActionId.RUN_NOW).isEnabled()
        actions.trigger(ActionId.NEW_SOURCE)
        dialog = await dialog_of(used, "source")
        dialog.address.setText("docs.python.org")
        dialog.save()
        await until(lambda: window.sources.is_loaded and not window.sources.is_empty)
        assert actions.action(ActionId.RUN_NOW).isEnabled()
        actions.trigger(ActionId.SHOW_JOBS)
        assert window.pages.currentWidget() is window.welcome

    use(library, scenario, settings=FAST)
