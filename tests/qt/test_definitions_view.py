"""The view of the definitions: what it says, that it stays true, and every action of its context menu (J3, J4)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester

from quaero_desktop.domain.definitions import Action, Definition, StoredDefinition
from quaero_desktop.ui.actions import DEFINITION_MENU, ActionId
from quaero_desktop.ui.models.definitions import Column, DefinitionModel, DefinitionRow
from quaero_desktop.ui.theme import Mode
from tests.support.jobs import NOW, root
from tests.support.qtwindow import QtWorld
from tests.support.recipes import RecipeWindow, crawl, nightly, recipe_window

HOUR = 3_600_000


def stored(definition: Definition, **fields: Any) -> StoredDefinition:
    values: dict[str, Any] = {
        "id": 1, "schedule_paused": False, "last_run": None, "last_job": None, "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return StoredDefinition(definition=definition, **values | fields)


def row(definition: Definition, upcoming: tuple[int, ...] = (), **fields: Any) -> DefinitionRow:
    return DefinitionRow(stored=stored(definition, **fields), schedule="every day at 03:00", upcoming=upcoming)


def line(model: DefinitionModel, number: int = 0) -> list[str]:
    return [model.index(number, column).data() for column in Column if column != Column.ENABLED]


@pytest.fixture
def model(world: QtWorld) -> Iterator[DefinitionModel]:
    made = DefinitionModel(world.theme, now=lambda: NOW)
    tester = QAbstractItemModelTester(made, QAbstractItemModelTester.FailureReportingMode.Fatal)
    yield made
    tester.deleteLater()
    made.deleteLater()


class TestTheModel:
    def test_it_says_what_a_definition_does_and_when_it_comes_next(self, model: DefinitionModel) -> None:
        model.set_definitions([row(nightly(), (NOW + 3 * HOUR,))], {})
        assert line(model) == ["Nightly docs", "Crawl, clean up", "Every day at 03:00", "in 3 h 0 m", "never"]

    def test_why_it_does_not_run_by_itself_stands_where_the_next_run_would(self, model: DefinitionModel) -> None:
        later = (NOW + HOUR,)
        rows = [
            row(nightly("a", enabled=False), later, id=1),
            row(nightly("b"), later, id=2, schedule_paused=True),
            row(nightly("c", schedule=""), id=3),
            row(nightly("d", schedule="", auto_start=True), id=4),
        ]
        model.set_definitions(rows, {})
        assert [line(model, number)[3] for number in range(4)] == [
            "switched off", "‖ paused", "by hand", "at each start",
        ]  # fmt: skip

    def test_the_last_run_shows_its_status_and_follows_it(self, model: DefinitionModel) -> None:
        job = root(7, status="running", started_at=NOW - 60_000)
        model.set_definitions([row(nightly(), last_job=7, last_run=NOW - 60_000)], {7: job})
        assert line(model)[4] == "▶ running · 1 min ago"
        ended = msgspec.structs.replace(job, status="completed", warnings=3, revision=job.revision + 1)
        model.update_jobs([ended])
        assert line(model)[4] == "✓! done · 1 min ago"

    def test_a_row_that_cannot_be_used_says_so(self, model: DefinitionModel) -> None:
        model.set_definitions([row(Definition(name=""), problem="steps is no list")], {})
        assert line(model)[:2] == ["Without a name", "✕ Cannot run: edit it"]
        assert "steps is no list" in model.index(0, Column.DOES).data(Qt.ItemDataRole.ToolTipRole)

    def test_rows_that_stay_are_not_reset(self, model: DefinitionModel) -> None:
        resets: list[None] = []
        model.set_definitions([row(nightly("b"), id=1), row(nightly("a"), id=2)], {})
        model.modelReset.connect(lambda: resets.append(None))
        assert not model.set_definitions([row(nightly("a"), id=2), row(nightly("b", enabled=False), id=1)], {})
        assert (resets, line(model, 1)[3]) == ([], "switched off")
        assert model.set_definitions([row(nightly("a"), id=2)], {})


@pytest.fixture
def used(world: QtWorld) -> Iterator[RecipeWindow]:
    with recipe_window(world) as shown:
        yield shown


def save(used: RecipeWindow, definition: Definition) -> int:
    return used.world.run(used.world.services.definitions.save(definition))


def get(used: RecipeWindow, definition_id: int) -> StoredDefinition:
    return used.world.run(used.world.services.definitions.get(definition_id))


def settled(used: RecipeWindow, holds: Any) -> None:
    used.world.wait_until(lambda: used.window.definitions.is_loaded and holds())


class TestTheView:
    def test_without_any_it_says_what_one_is_and_offers_the_nightly_crawl(self, used: RecipeWindow) -> None:
        view = used.definitions()
        assert view.is_empty
        used.do(view._empty._button.click)
        dialog = used.dialog("definition")
        offered = dialog.definition()
        assert (offered.name, offered.schedule) == ("Nightly crawl", "0 3 * * *")
        assert [step.action for step in offered.steps] == [Action.CRAWL, Action.SUMMARISE, Action.CLEANUP]

    def test_the_context_menu_holds_every_action(self, used: RecipeWindow) -> None:
        save(used, nightly())
        used.definitions()
        assert list(used.menu()) == [str(name) for name in DEFINITION_MENU if name is not None]

    def test_run_now_starts_one_root_and_shows_it(self, used: RecipeWindow) -> None:
        """J3: exactly one visible root job."""
        definition_id = save(used, nightly())
        used.definitions()
        used.choose(ActionId.RUN_NOW)
        jobs = used.window.jobs
        used.world.wait_until(lambda: bool(jobs.selection.targets))
        job = used.world.run(used.world.services.jobs.get(jobs.selection.targets[0].id))
        assert (job.type, job.definition_id) == ("definition_run", definition_id)
        assert used.window.pages.currentWidget() is used.window.splitter
        view = used.definitions()
        settled(used, lambda: view.model.last_job(0) is not None)
        used.do(lambda: view._clicked(view.model.index(0, Column.LAST)))
        assert used.window.pages.currentWidget() is used.window.splitter

    def test_enable_and_pause_are_said_by_what_they_would_do(self, used: RecipeWindow) -> None:
        definition_id = save(used, nightly())
        view = used.definitions()
        assert [used.menu()[name].text() for name in (ActionId.ENABLE, ActionId.PAUSE_SCHEDULE)] == [
            "Disable", "Pause schedule",
        ]  # fmt: skip
        used.choose(ActionId.PAUSE_SCHEDULE)
        settled(used, lambda: view.model.row(0).stored.schedule_paused)
        assert used.menu()[ActionId.PAUSE_SCHEDULE].text() == "Resume schedule"
        used.choose(ActionId.ENABLE)
        settled(used, lambda: not view.model.row(0).stored.definition.enabled)
        assert used.menu()[ActionId.ENABLE].text() == "Enable"
        assert used.world.context.actions.why_not(ActionId.RUN_NOW) == "It is switched off: enable it first."
        box = view.model.index(0, Column.ENABLED)
        used.do(lambda: view.model.setData(box, Qt.CheckState.Checked, Qt.ItemDataRole.CheckStateRole))
        settled(used, lambda: view.model.row(0).stored.definition.enabled)
        assert get(used, definition_id).definition.enabled

    def test_delete_can_be_undone_and_keeps_its_runs(self, used: RecipeWindow) -> None:
        definition_id = save(used, nightly())
        job_id = used.world.run(used.world.services.definitions.run(definition_id))
        view = used.definitions()
        used.choose(ActionId.DELETE)
        settled(used, lambda: view.is_empty)
        used.do(used.world.undos[0].undo)
        settled(used, lambda: not view.is_empty)
        assert get(used, definition_id).definition == nightly()
        assert used.world.run(used.world.services.jobs.get(job_id)).definition_id == definition_id

    def test_what_another_one_needs_is_not_deleted_and_it_says_which(self, used: RecipeWindow) -> None:
        first = save(used, nightly("a first"))
        save(used, nightly("b second", pre_jobs=(first,)))
        used.definitions().select_rows([0])
        used.choose(ActionId.DELETE)
        used.world.wait_until(lambda: bool(used.world.notices))
        assert "b second" in used.world.notices[0].message

    def test_duplicate_begins_a_new_one_like_it(self, used: RecipeWindow) -> None:
        save(used, nightly())
        view = used.definitions()
        used.choose(ActionId.DUPLICATE)
        dialog = used.dialog("definition")
        used.world.wait_until(lambda: dialog.is_ready)
        used.do(dialog.save)
        settled(used, lambda: view.model.rowCount() == 2)
        names = [view.model.row(number).stored.definition.name for number in range(2)]
        assert names == ["Nightly docs", "Nightly docs (copy)"]
        assert [each.definition.name for each in view.selection.definitions] == ["Nightly docs (copy)"]

    def test_a_definition_goes_to_a_file_and_comes_back(self, used: RecipeWindow, tmp_path: Path) -> None:
        definition_id = save(used, nightly(timeout="2h", steps=(crawl(max_depth=3),)))
        file = tmp_path / "nightly.toml"
        used.world.run(used.commands.recipes.export_file(definition_id, file))
        used.world.run(used.world.services.definitions.delete(definition_id))
        used.definitions()
        used.world.run(used.commands.recipes.import_file(file))
        dialog = used.dialog("definition")
        used.world.wait_until(lambda: dialog.is_ready)
        assert used.world.run(used.world.services.definitions.list()) == ()
        used.do(dialog.save)
        view = used.window.definitions
        settled(used, lambda: view.model.rowCount() == 1)
        assert view.model.row(0).stored.definition == nightly(timeout="2h", steps=(crawl(max_depth=3),))

    def test_a_file_that_is_no_definition_says_where(self, used: RecipeWindow, tmp_path: Path) -> None:
        file = tmp_path / "wrong.toml"
        file.write_text('name = "x"\n[[steps]]\nname = "a"\naction = "dance"\n')
        used.definitions()
        used.do(lambda: used.commands.recipes._spawn(used.commands.recipes.import_file(file)))
        used.world.wait_until(lambda: bool(used.world.notices))
        assert used.world.notices[0].message.startswith("“wrong.toml”: ")
        assert "action" in used.world.notices[0].message

    def test_it_is_drawn_in_light_and_dark_and_narrow(self, used: RecipeWindow) -> None:
        save(used, nightly())
        view = used.definitions()
        for mode in (Mode.DARK, Mode.LIGHT):
            used.do(lambda mode=mode: used.world.theme.set_mode(mode))
            assert not used.window.grab().isNull()
        assert view.splitter.orientation() is Qt.Orientation.Horizontal
        used.do(lambda: used.window.resize(860, 600))
        used.world.wait_until(lambda: view.splitter.orientation() is Qt.Orientation.Vertical)
        assert view.about.schedule.shown["Schedule"] == "Every day at 03:00"
        assert [text for text, _ in view.about.steps.shown] == ["1  Crawl", "2  Clean up"]
