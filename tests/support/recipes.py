"""What tests of definitions and sources in the window share: the main window with its commands, and recipes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QDialog

from quaero_desktop.domain.definitions import Action, Definition, Step
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.commands import Commands
from quaero_desktop.ui.window import MainWindow
from tests.support.qtwindow import QtWorld

DOCS = "https://docs.python.org/3/library/"


def crawl(**config: Any) -> Step:
    """Return a step that crawls the documentation."""
    return Step(name="Crawl", action=Action.CRAWL, config={"start_urls": [DOCS]} | config)


def nightly(name: str = "Nightly docs", **fields: Any) -> Definition:
    """Return a definition that is sound."""
    cleanup = Step(name="Clean up", action=Action.CLEANUP, config={"older_than": "30d"})
    return Definition(name=name, **{"schedule": "0 3 * * *", "steps": (crawl(), cleanup)} | fields)


class RecipeWindow:
    """The main window, used as a person would.

    Attributes:
        window, commands: the window and what its actions do.
    """

    def __init__(self, world: QtWorld) -> None:
        self.world = world
        self.window = MainWindow(world.context, QIcon())
        self.commands = Commands(world.context, self.window)
        self.window.resize(1100, 700)

    def definitions(self) -> Any:
        """Show the definitions, and return their view once it is filled."""
        self.do(self.window.show_definitions)
        view = self.window.definitions
        self.world.wait_until(lambda: view.is_loaded)
        return view

    def sources(self) -> Any:
        """Show the sources, and return their view once it is filled."""
        self.do(self.window.show_sources)
        view = self.window.sources
        self.world.wait_until(lambda: view.is_loaded)
        return view

    def do(self, what: Any) -> Any:
        """Call something while the loop runs."""

        async def call() -> Any:
            return what()

        return self.world.run(call())

    def menu(self) -> dict[str, Any]:
        """Return the actions of the context menu of what is selected, by their ids."""
        view: Any = self.window.pages.currentWidget()
        menu = self.world.context.actions.context_menu(self.window, view._menu_names)
        shown = {str(action.data()): action for action in menu.actions() if not action.isSeparator()}
        menu.deleteLater()
        return shown

    def choose(self, name: ActionId) -> None:
        """Choose an action of the context menu."""
        action = self.menu()[name]
        assert action.isEnabled(), action.statusTip()
        self.do(action.trigger)

    def dialog(self, name: str) -> Any:
        """Wait for the dialog of that name and return it."""

        def shown() -> list[QDialog]:
            return [each for each in self.window.findChildren(QDialog, name) if each.isVisible()]

        self.world.wait_until(lambda: bool(shown()))
        return shown()[0]


@contextmanager
def recipe_window(world: QtWorld) -> Iterator[RecipeWindow]:
    """Show the main window over a world; it is gone afterwards."""
    used = RecipeWindow(world)
    used.do(used.window.show)
    used.do(world.context.feed.start)
    try:
        yield used
    finally:
        for dialog in used.window.findChildren(QDialog):
            dialog.close()
        used.window.allow_closing()
        used.window.deleteLater()
