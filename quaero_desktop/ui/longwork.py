"""Long work: while it goes on the window says so, how far it is, and offers to stop it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from PySide6.QtCore import QObject

from quaero_desktop.ui.context import Context
from quaero_desktop.ui.notices import Notice

T = TypeVar("T")


class LongWork(QObject):
    """Runs what takes seconds or minutes, one at a time of each kind.

    Args:
        context: what the parts are given.
        parent: who owns it.
    """

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._running: dict[str, asyncio.Task[Any]] = {}

    async def run(
        self, key: str, doing: str, work: Callable[[Callable[[int, int], None]], Coroutine[Any, Any, T]]
    ) -> T | None:
        """Run *work* and return what it returns; None when the person stopped it, or it runs already.

        Args:
            key: of its notice, which is taken back or replaced at the end.
            doing: a sentence that says what goes on.
            work: makes the coroutine; it is given whom to tell how much is done, and of how much.

        Raises:
            KnownError: what the work raised; its notice is taken back.
        """
        if key in self._running:
            return None
        notices = self._context.notices

        def tell(done: int, total: int) -> None:
            task = self._running.get(key)
            if task is not None and not task.cancelling():
                notices.post(
                    Notice(
                        message=doing,
                        button=self.tr("Cancel"),
                        on_click=stop,
                        key=key,
                        progress=done / total if total else 0.0,
                    )
                )

        def stop() -> None:
            self._running[key].cancel()

        task = self._running[key] = asyncio.get_running_loop().create_task(work(tell), name=key)
        tell(0, 1)
        try:
            # Not the work itself: when the person stops it, who asked for it is not cancelled.
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            raise
        finally:
            del self._running[key]
            notices.withdraw(key)
        return None if task.cancelled() else task.result()
