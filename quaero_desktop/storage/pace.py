"""How fast a long piece of work may go that shares the writer with others, transaction by transaction."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

_LONG_SECONDS = 0.1
"""Where a transaction took longer, because the disk or its cache is slow, the next ones do less."""
_SMALLEST = 25
"""Into how many parts a slow disk cuts a transaction at most."""


class Pace:
    """Sizes the transactions of a long piece of work.

    Args:
        most: how many rows one transaction may change where the disk is fast.
        gently: rest after each transaction for as long as it took, so that others get most of the writer's time.

    Attributes:
        batch: how many rows the next transaction may change.
    """

    def __init__(self, most: int, *, gently: bool) -> None:
        self._most = most
        self._gently = gently
        self.batch = most

    async def timed(self, transaction: Awaitable[T]) -> T:
        """Return what a transaction returns; how long it takes decides how much the next one may do."""
        began = time.monotonic()
        value = await transaction
        took = time.monotonic() - began
        if took > _LONG_SECONDS:
            self.batch = max(self.batch // 2, self._most // _SMALLEST, 1)
        elif took < _LONG_SECONDS / 3:
            self.batch = min(self.batch * 2, self._most)
        if self._gently:
            await asyncio.sleep(took)
        return value
