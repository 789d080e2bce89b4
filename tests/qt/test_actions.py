"""The registry of actions: one QAction each, enabled as the selection allows, disabled with a reason."""

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.ui.actions import CONTEXT_MENU, ActionId, Actions, Selection, Target
from quaero_desktop.ui.theme import Mode, Theme


@pytest.fixture
def actions(qapp: QApplication) -> Iterator[Actions]:
    theme = Theme(qapp, Mode.LIGHT)
    made = Actions(theme)
    yield made
    made.deleteLater()
    theme.deleteLater()


def root(status: str, *, id: int = 1, failed: int = 0, children: int = 0) -> Target:
    return Target(
        id=id, root_id=id, is_root=True, status=status, name="a site", url="u", failed=failed, child_count=children
    )


def page(status: str, *, id: int = 7, document: int | None = None) -> Target:
    return Target(id=id, root_id=1, is_root=False, status=status, name="a page", url="u", document_id=document)


def can(actions: Actions, *targets: Target) -> set[str]:
    actions.select(Selection.of(targets))
    about_jobs = {name for name in CONTEXT_MENU if name is not None and name is not ActionId.EXPORT}
    return {str(name) for name in about_jobs if actions.action(name).isEnabled()}


def test_with_nothing_selected_nothing_can_be_done_to_it(actions: Actions) -> None:
    assert can(actions) == set()
    assert actions.action(ActionId.NEW_CRAWL).isEnabled()


COMMON = {"delete", "copy_url", "open_in_browser", "show_in_log"}


@pytest.mark.parametrize(
    ("target", "more"),
    [
        (root("running"), {"rerun", "pause", "cancel"}),
        (root("pending"), {"rerun", "pause", "cancel"}),
        (root("paused"), {"rerun", "resume", "cancel"}),
        (root("completed"), {"rerun"}),
        (root("completed", failed=3), {"rerun", "retry_failed"}),
        (root("failed", failed=1), {"rerun", "retry_failed"}),
        (page("failed"), {"retry_failed"}),
        (page("completed", document=4), {"open_document"}),
        (page("completed"), {"open_document"}),  # a row of the tree does not know its document yet
        (page("running"), {"cancel"}),
        (page("skipped"), set()),
    ],
)
def test_what_can_be_done_depends_on_the_job(actions: Actions, target: Target, more: set[str]) -> None:
    assert can(actions, target) == COMMON | more


def test_a_disabled_action_says_why(actions: Actions) -> None:
    actions.select(Selection.of([page("failed")]))
    assert actions.why_not(ActionId.RERUN) == "Only a whole crawl can be run again; a page can be retried."
    assert "Only a whole crawl" in actions.action(ActionId.RERUN).toolTip()
    assert actions.why_not(ActionId.RETRY_FAILED) == ""


def test_the_words_say_how_many(actions: Actions) -> None:
    actions.select(Selection.of([root("completed", failed=3, children=1204)]))
    assert actions.action(ActionId.RETRY_FAILED).text() == "Retry 3 failed pages"
    assert actions.action(ActionId.DELETE).text() == "Delete with 1,204 pages"
    actions.select(Selection.of([page("failed", id=7), page("failed", id=8)]))
    assert actions.action(ActionId.DELETE).text() == "Delete 2 jobs"
    actions.select(Selection((page("failed"),), PageFilter(root_id=1, status=("failed",)), 250_000))
    assert actions.action(ActionId.DELETE).text() == "Delete 250,000 jobs"


def test_triggering_hands_over_what_is_selected(actions: Actions) -> None:
    got: list[Selection] = []
    actions.connect_handler(ActionId.RERUN, got.append)
    actions.action(ActionId.RERUN).trigger()
    assert got == []
    chosen = Selection.of([root("completed")])
    actions.select(chosen)
    actions.action(ActionId.RERUN).trigger()
    assert got == [chosen]


def test_an_action_can_be_forbidden_whatever_is_selected(actions: Actions) -> None:
    actions.forbid(ActionId.EXPORT, "There is nothing to export.")
    assert actions.why_not(ActionId.EXPORT) == "There is nothing to export."
    actions.forbid(ActionId.EXPORT, "")
    assert actions.action(ActionId.EXPORT).isEnabled()


def test_the_context_menu_holds_the_registry_s_own_actions(actions: Actions, qapp: QApplication) -> None:
    window = QWidget()
    menu = actions.context_menu(window)
    shown = [action for action in menu.actions() if not action.isSeparator()]
    assert shown == [actions.action(name) for name in CONTEXT_MENU if name is not None]
    window.deleteLater()


def test_no_shortcut_is_given_twice(actions: Actions) -> None:
    keys = [action.shortcut().toString() for action in actions.all() if not action.shortcut().isEmpty()]
    assert len(keys) == len(set(keys))
