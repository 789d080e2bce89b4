"""A library in memory whose transactions run here and now: for storage without an event loop or a disk."""

import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from quaero_desktop.storage import migrate
from quaero_desktop.storage.database import Tx
from tests.support.clock import ManualClock

T = TypeVar("T")


class PlainLibrary:
    """Stands in for a `Database`: `write` and `read` never wait.

    Args:
        clock: gives each transaction its time.
    """

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
        self.connection.execute("PRAGMA recursive_triggers = ON")
        migrate.upgrade(self.connection, self.clock.now_ms())

    def run(self, function: Callable[[Tx], T]) -> T:
        """Run *function* in a transaction of its own: committed, or rolled back when it raises."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            (revision,) = self.connection.execute(
                "UPDATE library SET revision = revision + 1 RETURNING revision"
            ).fetchone()
            value = function(Tx(self.connection, self.clock.now_ms(), revision))
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        return value

    async def write(self, function: Callable[[Tx], T]) -> T:
        """Do as :meth:`Database.write` does."""
        return self.run(function)

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Do as :meth:`Database.read` does."""
        return function(self.connection)

    def dump(self) -> list[str]:
        """Return everything that is stored, but for the number of the last commit."""
        return [line for line in self.connection.iterdump() if not line.startswith('INSERT INTO "library"')]

    def close(self) -> None:
        """Forget everything."""
        self.connection.close()


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what *coroutine*, which never waits, comes to."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        value: T = finished.value
        return value
    coroutine.close()
    raise AssertionError("it waited")
