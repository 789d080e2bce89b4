"""A world for the parts of the window: a real library on a real loop of Qt, and a Context over both."""

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QWidget

from quaero_desktop.app import WindowLoop
from quaero_desktop.domain.errors import KnownError
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.services.compose import Services, writing
from quaero_desktop.ui.actions import Actions
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.feed import JobFeed
from quaero_desktop.ui.notices import Notice, Notices, UndoOffer
from quaero_desktop.ui.state import WindowState
from quaero_desktop.ui.tasks import Tasks
from quaero_desktop.ui.theme import Mode, Theme

T = TypeVar("T")

PATIENCE_SECONDS = 20.0
"""A guard against hanging, never a measure."""


class QtWorld:
    """What a part of the window lives in.

    Attributes:
        context: what the parts are given.
        services: the open library.
        notices, undos: what the parts said so far.
        bugs: errors that are nobody's fault but ours; a test that leaves one fails.
    """

    def __init__(self, runner: asyncio.Runner, services: Services, settings: Settings, mode: Mode) -> None:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        self._runner = runner
        self.services = services
        self.bugs: list[BaseException] = []
        self.notices: list[Notice] = []
        self.undos: list[UndoOffer] = []
        self.theme = Theme(application, mode)
        said = Notices()
        said.posted.connect(self.notices.append)
        said.undo_offered.connect(self.undos.append)
        self.tasks = Tasks(self._known, self.bugs.append)
        self.context = Context(
            services=services,
            feed=JobFeed(services, self.tasks),
            tasks=self.tasks,
            actions=Actions(self.theme),
            theme=self.theme,
            notices=said,
            state=WindowState(None),
            settings=settings,
        )

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end; Qt's events are served meanwhile."""
        return self._runner.run(asyncio.wait_for(coroutine, PATIENCE_SECONDS))

    def wait_until(self, predicate: Callable[[], bool]) -> None:
        """Serve Qt and asyncio until *predicate* holds."""

        async def wait() -> None:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not predicate():
                assert time.monotonic() < deadline, "it did not come true in time"
                await asyncio.sleep(0.005)

        self._runner.run(wait())

    def settle(self) -> None:
        """Serve Qt and asyncio until no task of the window runs but those that always do."""
        self.run(asyncio.sleep(0))

    def show(self, widget: QWidget, width: int, height: int) -> QWidget:
        """Show a widget in a size of its own."""
        widget.resize(width, height)
        widget.show()
        self.settle()
        return widget

    def _known(self, error: KnownError) -> None:
        self.context.notices.error(error)


@contextmanager
def qt_world(
    folder: Path, *, engine: bool = False, settings: Settings | None = None, mode: Mode = Mode.LIGHT
) -> Iterator[QtWorld]:
    """Make a library in *folder* and what the window needs around it; everything is gone afterwards.

    Args:
        folder: for the library.
        engine: also put together what runs jobs; the test runs it: ``world.tasks.spawn(world.services.engine.run())``.
        settings: the settings in force.
        mode: light or dark.
    """
    application = QApplication.instance()
    assert isinstance(application, QApplication), "use pytest-qt's fixture qapp"
    # As in the application: a widget that goes would stop the loop.
    application.setQuitOnLastWindowClosed(False)
    chosen = settings or Settings()
    with asyncio.Runner(loop_factory=lambda: WindowLoop(application)) as runner:
        stack = AsyncExitStack()
        services = runner.run(
            stack.enter_async_context(writing(LibraryFiles(folder), chosen, create=True, engine=engine))
        )
        world = QtWorld(runner, services, chosen, mode)
        try:
            yield world
        finally:
            if services.engine is not None:
                services.engine.stop()
                services.engine.stop()
            runner.run(_stop(world))
            runner.run(stack.aclose())
            for each in (world.theme, world.context.feed, world.context.notices):
                each.deleteLater()
    del runner
    # Qt's objects must not be freed on a thread of the database: now, and here.
    gc.collect()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert world.bugs == []


async def _stop(world: QtWorld) -> None:
    world.context.feed.stop()
    await world.tasks.cancel_all()


def grab(widget: QWidget, file: Path, scale: float = 1.0) -> None:
    """Write a picture of a widget, to look at."""
    file.parent.mkdir(parents=True, exist_ok=True)
    picture = widget.grab()
    if scale != 1.0:
        picture = picture.scaled(picture.size() * scale)
    assert picture.save(str(file))
