"""A run of a definition in the detail pane: its steps, its summary, and a head that makes sense without pages (J3)."""

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtWidgets import QWidget

from quaero_desktop.domain.definitions import Action, StepState
from quaero_desktop.domain.listing import RootDetails
from quaero_desktop.ui.theme import Mode
from quaero_desktop.ui.views.header import Header
from quaero_desktop.ui.views.overview import RootOverview
from quaero_desktop.ui.views.runsteps import RunSteps
from tests.support.jobs import NOW, root
from tests.support.qtwindow import QtWorld
from tests.support.recipes import RecipeWindow, nightly, recipe_window

STEPS = (
    StepState(
        number=1, name="Crawl", action=Action.CRAWL, status="completed", tries=1, documents=1204, started_at=NOW,
        completed_at=NOW + 72_000,
    ),
    StepState(
        number=2, name="In short", action=Action.SUMMARISE, status="running", tries=2, started_at=NOW + 72_000,
        error="the model is away", retry_at=NOW + 140_000,
    ),
    StepState(number=3, name="Clean up", action=Action.CLEANUP),
    StepState(number=4, name="Index", action=Action.REINDEX, status="skipped", error="the step before failed"),
)  # fmt: skip


def details(**fields: Any) -> RootDetails:
    job = root(
        1,
        type="definition_run",
        name="Nightly",
        definition_id=5,
        started_at=NOW,
        children={"completed": 3, "running": 1},
    )
    values: dict[str, Any] = {
        "job": job, "pages": {}, "documents": 0, "changes": {}, "bytes": 0, "discovered": 0, "current_url": None,
        "heartbeat_at": None, "skipped": {}, "failures": {}, "pages_per_second": 0.0, "seconds_left": None,
        "steps": STEPS,
    }  # fmt: skip
    return RootDetails(**values | fields)


@pytest.fixture
def shown(world: QtWorld) -> Iterator[list[QWidget]]:
    made: list[QWidget] = []
    yield made
    for widget in made:
        widget.close()
        widget.deleteLater()


def test_each_step_says_where_it_is(world: QtWorld, shown: list[QWidget]) -> None:
    steps = RunSteps(world.theme)
    shown.append(steps)
    steps.show_steps(STEPS, NOW + 100_000)
    assert steps.shown == [
        ("1", "Crawl", "✓ done", "1,204 documents · 1 m 12 s", ""),
        ("2", "In short  (summarise)", "▶ running, 2 tries", "28 s", "Trying again in 40 s. the model is away"),
        ("3", "Clean up", "○ pending", "", ""),
        ("4", "Index  (renew the search index)", "↷ skipped", "", "The step before failed"),
    ]
    labels = steps.findChildren(QWidget)
    steps.show_steps(STEPS, NOW + 101_000)
    assert steps.findChildren(QWidget) == labels
    assert steps.shown[1][4].startswith("Trying again in 39 s.")
    steps.show_steps(STEPS[:1], NOW)
    assert len(steps.shown) == 1


def test_the_overview_shows_steps_definition_and_summary(world: QtWorld, shown: list[QWidget]) -> None:
    overview = RootOverview(world.theme)
    shown.append(overview)
    wanted: list[int] = []
    overview.definition_wanted.connect(wanted.append)
    result = {"summary": "Two sentences. Of the manual.", "keywords": ["tree", "leaf"], "method": "extractive"}
    told = details()
    told = details(job=root(1, type="definition_run", name="Nightly", definition_id=5, result=result))
    world.show(overview, 500, 700)
    overview.show_details(told, (), NOW + 100_000)
    assert overview.summary.isVisible()
    assert (overview.summary.summary, overview.summary.keywords) == ("Two sentences. Of the manual.", "tree · leaf")
    assert overview.steps.isVisible()
    overview.times.link("Definition").click()
    assert wanted == [5]
    for mode in (Mode.DARK, Mode.LIGHT):
        world.theme.set_mode(mode)
        assert not overview.grab().isNull()


def test_a_crawl_has_no_steps(world: QtWorld, shown: list[QWidget]) -> None:
    overview = RootOverview(world.theme)
    shown.append(overview)
    world.show(overview, 500, 700)
    overview.show_details(details(job=root(1), steps=()), (), NOW)
    assert not overview.steps.isVisible()
    assert not overview.summary.isVisible()


def test_the_head_names_the_step_instead_of_a_pace_of_pages(world: QtWorld, shown: list[QWidget]) -> None:
    header = Header(world.theme)
    shown.append(header)
    world.show(header, 600, 160)
    told = details()
    header.show_root(told.job, told, None, NOW + 100_000)
    assert header._left.text() == "Step 2 of 4: In short"
    assert not header._rate.isVisible()
    assert header._bar.isVisible()


@pytest.fixture
def used(world: QtWorld) -> Iterator[RecipeWindow]:
    with recipe_window(world) as window:
        yield window


def test_from_a_run_one_comes_to_its_definition(used: RecipeWindow) -> None:
    services = used.world.services
    used.world.run(services.definitions.save(nightly("other")))
    definition_id = used.world.run(services.definitions.save(nightly("the one")))
    job_id = used.world.run(services.definitions.run(definition_id))
    used.do(lambda: used.window.show_job(job_id))
    detail = used.window.detail
    used.world.wait_until(lambda: bool(detail.overview.steps.shown))
    assert [line[1] for line in detail.overview.steps.shown] == ["Crawl", "Clean up"]
    detail.show_tab("setup")
    assert detail.setup.shown["Run"] == {"Definition": "the one"}
    assert detail.setup.shown["2. Clean up"]["How"] == "all jobs older than 30 days"
    used.do(lambda: detail.overview.times.link("Definition").click())
    view = used.window.definitions
    used.world.wait_until(lambda: [each.id for each in view.selection.definitions] == [definition_id])
