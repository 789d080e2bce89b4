"""Work that must not be left half-way when whoever waits for it is cancelled."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def to_the_end(work: Coroutine[Any, Any, T], hurry: Callable[[], object] = lambda: None) -> T:
    """Run *work* to its end and return its value, also when the caller is cancelled meanwhile.

    ``asyncio.shield`` would raise at once and leave the work behind with nobody who waits for it; here the cancellation
    is raised when the work has ended.

    Args:
        work: what ends by itself, in a time that may be waited for.
        hurry: called at each cancellation, to make it end sooner.

    Raises:
        Exception: what *work* raised.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
            hurry()
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # it counts as seen
        raise cancelled
    return task.result()
