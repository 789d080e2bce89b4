"""The dialog for a definition: by keyboard alone, checked while one types, and nothing lost when it is refused (J4)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtCore import QDate, Qt, QTime
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from quaero_desktop.domain.definitions import Action, Definition, ErrorTolerance, FailureAction, OnError, Step
from quaero_desktop.domain.sources import NewSource
from quaero_desktop.ui.dialogs.definition import DefinitionDialog
from quaero_desktop.ui.dialogs.stepforms import OPTIONS
from tests.support.keyboard import focused, go_to, press, type_text
from tests.support.qtwindow import QtWorld
from tests.support.recipes import DOCS, crawl, nightly

ALT = Qt.KeyboardModifier.AltModifier
CTRL = Qt.KeyboardModifier.ControlModifier
Open = Callable[..., Any]


@pytest.fixture
def open_dialog(world: QtWorld) -> Iterator[Open]:
    """Open the dialog; every one is closed at the end."""
    opened: list[Any] = []

    def show(definition: Definition | None = None, definition_id: int | None = None) -> Any:
        dialog: Any = DefinitionDialog(world.context, definition=definition, definition_id=definition_id)
        # It is looked at after it closed.
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        opened.append(dialog)
        dialog.got = []
        dialog.saved.connect(lambda saved_id, run: dialog.got.append((saved_id, run)))

        async def open_it() -> None:
            dialog.open()

        world.run(open_it())
        dialog.activateWindow()
        world.wait_until(lambda: dialog.is_ready and QApplication.focusWidget() is not None)
        return dialog

    yield show
    for dialog in opened:
        dialog.close()
        dialog.deleteLater()


def child(dialog: Any, name: str) -> Any:
    found = dialog.findChild(QWidget, name)
    assert found is not None, name
    return found


def do(world: QtWorld, what: Callable[[], Any]) -> None:
    async def call() -> None:
        what()

    world.run(call())


def complaint(dialog: Any) -> str:
    return str(child(dialog, "complaint").text())


def stored(world: QtWorld, dialog: Any) -> Definition:
    world.wait_until(lambda: bool(dialog.got))
    return world.run(world.services.definitions.get(dialog.got[0][0])).definition


class TestByKeyboardAlone:
    def test_a_definition_can_be_made(self, world: QtWorld, open_dialog: Open) -> None:
        dialog = open_dialog()
        assert focused() is dialog.name
        type_text("Nightly docs")
        press(Qt.Key.Key_Tab)
        type_text("The manual,\neach night")
        dialog.steps.add(Action.CRAWL)
        go_to("option_start_urls")
        type_text(DOCS)
        go_to("option_max_depth")
        type_text("4")
        go_to("moreOptions")
        press(Qt.Key.Key_Space)
        go_to("option_exclude_patterns")
        type_text("*.pdf")
        dialog.steps.add(Action.CLEANUP)
        go_to("option_older_than").selectAll()
        type_text("14")
        go_to("onError")
        press(Qt.Key.Key_Down)
        dialog.tabs.setCurrentIndex(2)
        go_to("schedulePreset")
        press(Qt.Key.Key_Down)
        press(Qt.Key.Key_Down)
        go_to("autoStart")
        press(Qt.Key.Key_Space)
        dialog.tabs.setCurrentIndex(3)
        go_to("timeout")
        type_text("90m")
        go_to("tolerates")
        press(Qt.Key.Key_Space)
        go_to("mostFailures").selectAll()
        type_text("50")
        do(world, lambda: press(Qt.Key.Key_Return, CTRL))
        assert stored(world, dialog) == Definition(
            name="Nightly docs",
            type="crawler",
            description="The manual,\neach night",
            schedule="0 3 * * *",
            timeout="90m",
            auto_start=True,
            error_tolerance=ErrorTolerance(max_child_failures=50, failure_action=FailureAction.STOP_ALL),
            steps=(
                Step(
                    name="Crawl",
                    action=Action.CRAWL,
                    config={"start_urls": [DOCS], "max_depth": 4, "exclude_patterns": ["*.pdf"]},
                ),
                Step(name="Clean up", action=Action.CLEANUP, on_error=OnError.CONTINUE, config={"older_than": "14d"}),
            ),
        )
        assert dialog.got[0][1] is False
        assert not dialog.isVisible()

    def test_steps_are_put_in_order_with_alt_and_the_arrows(self, open_dialog: Open) -> None:
        steps = tuple(Step(name=name, action=Action.REINDEX) for name in "abc")
        dialog = open_dialog(Definition(name="x", steps=steps))
        dialog.steps.list.setFocus()
        dialog.steps.list.setCurrentRow(2)
        press(Qt.Key.Key_Up, ALT)
        assert [step.name for step in dialog.steps.steps] == ["a", "c", "b"]
        press(Qt.Key.Key_Up, ALT)
        press(Qt.Key.Key_Up, ALT)
        assert [step.name for step in dialog.steps.steps] == ["c", "a", "b"]
        press(Qt.Key.Key_Down, ALT)
        assert [step.name for step in dialog.definition().steps] == ["a", "c", "b"]
        assert dialog.steps.list.currentRow() == 1
        press(Qt.Key.Key_Delete)
        assert [step.name for step in dialog.steps.steps] == ["a", "b"]

    def test_every_field_has_a_name_for_screen_readers(self, open_dialog: Open) -> None:
        dialog = open_dialog(nightly(steps=tuple(Step(name=action, action=action) for action in Action)))
        for row in range(len(Action)):
            dialog.steps.list.setCurrentRow(row)
            press(Qt.Key.Key_Tab)
        tab = Qt.FocusPolicy.TabFocus
        fields = [
            widget for widget in dialog.findChildren(QWidget) if widget.focusPolicy() & tab and widget.objectName()
        ]
        parts = ("qt_", "Viewport", "ScrollLeftButton", "ScrollRightButton")
        nameless = [
            widget.objectName()
            for widget in fields
            if not (widget.accessibleName() or getattr(widget, "text", str)())
            and not widget.objectName().startswith(parts)
        ]
        assert nameless == []


class TestSteps:
    def test_what_is_moved_with_the_mouse_keeps_its_form(self, open_dialog: Open) -> None:
        dialog = open_dialog(nightly())
        listed = dialog.steps.list
        moved = listed.model().moveRow(listed.rootIndex(), 1, listed.rootIndex(), 0)
        assert moved
        assert [step.action for step in dialog.steps.steps] == [Action.CLEANUP, Action.CRAWL]
        assert listed.item(0).text().startswith("1   Clean up")

    def test_every_option_of_every_action_has_a_field_and_comes_back(self, open_dialog: Open) -> None:
        configs: dict[str, dict[str, Any]] = {
            Action.CRAWL: {
                "start_urls": [DOCS], "scope": "prefix", "include_patterns": ["/a"], "exclude_patterns": ["/b"],
                "max_depth": 2, "max_pages": 10, "concurrency": 1, "delay": 0.5, "follow_links": False,
            },
            Action.SUMMARISE: {"method": "model", "sentences": 3},
            Action.CORPUS_SUMMARY: {"method": "auto", "sentences": 5, "keywords": 12},
            Action.CLEANUP: {"older_than": "2w", "status": ["failed"]},
        }  # fmt: skip
        steps = tuple(Step(name=action, action=action, config=configs.get(action, {})) for action in Action)
        dialog = open_dialog(Definition(name="x", steps=steps))
        assert dialog.definition().steps == steps
        for action, config in configs.items():
            assert set(config) == {option.key for option in OPTIONS[action]}

    def test_what_no_field_is_for_and_what_is_empty_on_purpose_stay(self, open_dialog: Open) -> None:
        config = {"start_urls": [DOCS], "include_patterns": [], "refresh_source": False}
        dialog = open_dialog(Definition(name="x", steps=(Step(name="Crawl", action=Action.CRAWL, config=config),)))
        assert dialog.definition().steps[0].config == config

    def test_an_action_that_nobody_knows_is_shown_refused_and_kept(self, open_dialog: Open) -> None:
        """J6: it is refused at saving; until then nothing of it is lost."""
        old = Step(name="Old", action="dance", config={"tempo": 3})
        dialog = open_dialog(Definition(name="x", steps=(old,)))
        assert dialog.definition().steps == (old,)
        assert "dance" in complaint(dialog)

    def test_a_name_is_given_once(self, open_dialog: Open) -> None:
        dialog = open_dialog()
        for _ in range(3):
            dialog.steps.add(Action.SUMMARISE)
        assert [step.name for step in dialog.steps.steps] == ["Summarise", "Summarise 2", "Summarise 3"]


class TestTheSchedule:
    @pytest.mark.parametrize(
        ("preset", "cron", "words"),
        [
            (0, "", "By hand only"),
            (1, "0 * * * *", "✓ Every hour"),
            (2, "30 4 * * *", "✓ Every day at 04:30"),
            (3, "30 4 * * 1-5", "✓ Mondays to Fridays at 04:30"),
            (4, "30 4 * * 1", "✓ Mondays at 04:30"),
            (5, "30 4 15 * *", "✓ On the 15th of every month at 04:30"),
        ],
    )
    def test_the_usual_ones_are_written_as_cron_and_found_again(
        self, open_dialog: Open, preset: int, cron: str, words: str
    ) -> None:
        dialog = open_dialog(nightly(schedule="12 12 12 12 *"))
        edit = dialog.schedule
        assert edit.presets.currentIndex() == 6
        edit.presets.setCurrentIndex(preset)
        edit.time.setTime(QTime(4, 30))
        edit.day.setValue(15)
        assert (edit.schedule, edit.words.text()) == (cron, words)
        edit.set_schedule("1 1 1 1 1")
        edit.set_schedule(cron)
        assert edit.presets.currentIndex() == preset

    def test_the_next_three_runs_stand_beside_it(self, world: QtWorld, open_dialog: Open) -> None:
        dialog = open_dialog(nightly(schedule="0 3 * * *"))
        lines = child(dialog, "nextRuns").text().splitlines()
        assert len(lines) == 3
        days = [QDate.fromString(line[:10], "yyyy-MM-dd") for line in lines]
        assert [days[0].daysTo(day) for day in days] == [0, 1, 2]
        assert all(" 03:00 " in line for line in lines)

    def test_what_is_no_schedule_says_why_and_stays(self, world: QtWorld, open_dialog: Open) -> None:
        dialog = open_dialog(nightly())
        dialog.tabs.setCurrentIndex(2)
        field = child(dialog, "cron")
        field.setText("99 3 * * *")
        assert "“99” is no minute" in child(dialog, "scheduleWords").text()
        do(world, dialog.save)
        assert focused() is field
        assert (field.text(), dialog.isVisible(), dialog.got) == ("99 3 * * *", True, [])
        assert not dialog.tabs.tabIcon(2).isNull()


class TestChecking:
    def test_who_has_typed_nothing_yet_is_told_what_to_do_and_not_off(self, world: QtWorld, open_dialog: Open) -> None:
        dialog = open_dialog()
        assert complaint(dialog) == "Give it a name."
        dialog.name.setText("x")
        assert complaint(dialog) == "Add a step, like a crawl."
        dialog.steps.add(Action.CRAWL)
        assert complaint(dialog) == "Say where the crawl begins: a web address, or a source."
        do(world, dialog.save)
        assert complaint(dialog).startswith("✕ Step 1: Begin at is missing")
        assert focused().objectName() == "option_start_urls"

    def test_a_wrong_option_is_named_as_the_form_names_it(self, world: QtWorld, open_dialog: Open) -> None:
        dialog = open_dialog(nightly(steps=(crawl(), crawl(max_depth=5000))))
        said = "Links deep must be a whole number from 0 to 1000, not 5000."
        assert complaint(dialog) == f"✕ Step 2: {said}"
        dialog.tabs.setCurrentIndex(3)
        do(world, dialog.save)
        assert (dialog.tabs.currentIndex(), dialog.steps.list.currentRow()) == (0, 1)
        assert focused().objectName() == "option_max_depth"
        said_below = [label.text() for label in dialog.findChildren(QLabel) if label.isVisible()]
        assert f"✕ {said}" in said_below
        focused().setText("5")
        assert complaint(dialog) == ""

    def test_a_line_of_a_list_is_counted(self, open_dialog: Open) -> None:
        dialog = open_dialog(nightly(steps=(crawl(start_urls=[DOCS, "ftp://x"]),)))
        assert complaint(dialog).startswith("✕ Step 1: Begin at, line 2: ")

    def test_a_circle_is_refused_by_the_library_and_nothing_is_lost(self, world: QtWorld, open_dialog: Open) -> None:
        """J4: cycles are refused when saved."""
        save = world.services.definitions.save
        first = world.run(save(nightly("first")))
        second = world.run(save(nightly("second", pre_jobs=(first,))))
        dialog = open_dialog(nightly("first"), first)
        dialog.name.setText("first, renamed")
        dialog.before.item(0).setCheckState(Qt.CheckState.Checked)
        assert dialog.definition().pre_jobs == (second,)
        do(world, dialog.save)
        world.wait_until(lambda: complaint(dialog).startswith("✕"))
        assert "second" in complaint(dialog)
        assert (dialog.tabs.currentIndex(), dialog.name.text(), dialog.isVisible()) == (3, "first, renamed", True)
        dialog.before.item(0).setCheckState(Qt.CheckState.Unchecked)
        assert complaint(dialog) == ""
        do(world, lambda: dialog.save(run=True))
        assert stored(world, dialog).name == "first, renamed"
        assert dialog.got == [(first, True)]

    def test_without_other_definitions_it_says_so_in_place_of_empty_lists(
        self, world: QtWorld, open_dialog: Open
    ) -> None:
        dialog = open_dialog(nightly())
        dialog.tabs.setCurrentIndex(3)
        assert not dialog.before.isVisible()
        assert any(
            "no other definition yet" in label.text() for label in dialog.findChildren(QLabel) if label.isVisible()
        )
        world.run(world.services.definitions.save(nightly("other")))
        again = open_dialog(nightly())
        again.tabs.setCurrentIndex(3)
        assert again.before.isVisible()

    def test_a_step_from_the_menu_has_the_keyboard_in_its_first_field(self, open_dialog: Open) -> None:
        dialog = open_dialog()
        entries = {action.data(): action for action in child(dialog, "addStep").menu().actions()}
        for action, field in ((Action.CRAWL, "option_start_urls"), (Action.REINDEX, "stepName")):
            entries[action].trigger()
            assert focused().objectName() == field

    def test_sources_are_chosen_and_a_crawl_begins_there(self, world: QtWorld, open_dialog: Open) -> None:
        source = world.run(world.services.sources.add(NewSource(base_url=DOCS, name="Manual")))
        dialog = open_dialog(nightly(steps=(Step(name="Crawl", action=Action.CRAWL),)))
        assert "where the crawl begins" in complaint(dialog)
        dialog.sources.list.item(0).setCheckState(Qt.CheckState.Checked)
        assert complaint(dialog) == ""
        do(world, dialog.save)
        assert stored(world, dialog).sources == (source,)

    def test_the_order_of_what_runs_before_is_that_of_the_ticks_and_comes_back(
        self, world: QtWorld, open_dialog: Open
    ) -> None:
        save = world.services.definitions.save
        a, b, c = (world.run(save(nightly(name))) for name in "abc")
        dialog = open_dialog(nightly("z", pre_jobs=(c, a)), world.run(save(nightly("z", pre_jobs=(c, a)))))
        assert (dialog.before.chosen, dialog.is_changed) == ((c, a), False)
        assert [dialog.before.item(row).text() for row in range(3)] == ["c", "a", "b"]
        for row, state in ((0, Qt.CheckState.Unchecked), (2, Qt.CheckState.Checked), (0, Qt.CheckState.Checked)):
            dialog.before.item(row).setCheckState(state)
        assert dialog.definition().pre_jobs == (a, b, c)

    def test_a_name_that_another_one_has_is_refused_while_it_is_typed(self, world: QtWorld, open_dialog: Open) -> None:
        world.run(world.services.definitions.save(nightly("Nightly")))
        dialog = open_dialog(nightly("Each night"))
        assert complaint(dialog) == ""
        dialog.name.setText("nightly")
        assert complaint(dialog).startswith("✕ The name: there is a definition “Nightly” already")

    def test_a_source_can_be_made_without_leaving_the_dialog(self, world: QtWorld, open_dialog: Open) -> None:
        dialog = open_dialog(nightly(steps=(Step(name="Crawl", action=Action.CRAWL),)))
        do(world, child(dialog, "newSource").click)
        inner: Any = dialog.findChild(QWidget, "source")
        inner.address.setText(DOCS)
        do(world, inner.save)
        world.wait_until(lambda: len(dialog.definition().sources) == 1)
        assert complaint(dialog) == ""

    def test_escape_says_first_that_something_would_be_lost(self, open_dialog: Open) -> None:
        dialog = open_dialog(nightly())
        dialog.name.setFocus()
        dialog.name.setText("Other")
        press(Qt.Key.Key_Escape)
        assert (dialog.isVisible(), complaint(dialog)) == (
            True, "Nothing is saved yet. Press Escape once more to leave it so.",
        )  # fmt: skip
        press(Qt.Key.Key_Escape)
        assert not dialog.isVisible()

    def test_escape_leaves_at_once_what_was_only_looked_at(self, open_dialog: Open) -> None:
        dialog = open_dialog(nightly())
        press(Qt.Key.Key_Escape)
        assert not dialog.isVisible()
