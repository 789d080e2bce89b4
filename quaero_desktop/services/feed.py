"""The change feed: what the window is told while jobs run."""

import asyncio
import functools
import logging
from collections.abc import AsyncIterator

from quaero_desktop.domain.errors import LibraryDamagedError, LibraryError
from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.queries import changes
from quaero_desktop.storage.queries.changes import Moment

_log = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.2
"""Updates come no closer than this."""
STEADY_SECONDS = 0.7
"""Nor than this once they have come for some time: nobody reads faster, and showing them costs the crawl."""
_SOME_TIME = 2.0
_PATIENCE_SECONDS = 1.0

__all__ = ["INTERVAL_SECONDS", "ChangeFeed", "FeedUpdate"]


class ChangeFeed:
    """Tells one front end what became different in the library.

    A commit is only a hint that there is something to read; what is read is everything with a newer revision. So no
    change is ever lost, however many commits there are between two updates.

    Args:
        database: the open library.
        start: a state of it not newer than what the front end reads first.
    """

    def __init__(self, database: Database, start: Moment) -> None:
        self._database = database
        self._seen = start
        self._watched: frozenset[int] = frozenset()
        self._heard = asyncio.Event()
        self._not_before = 0.0
        database.on_commit(self._on_commit)
        if database.revision > start.revision:
            self._heard.set()

    @classmethod
    async def open(cls, database: Database) -> "ChangeFeed":
        """Return the feed of what changes from now on."""
        return cls(database, await database.read(changes.moment))

    def watch(self, parent_ids: frozenset[int]) -> None:
        """Tell from now on of the children of these jobs, and of no other's.

        What changed before is not told: watch first and read the children then.
        """
        self._watched = parent_ids

    async def updates(self) -> AsyncIterator[FeedUpdate]:
        """Yield an update after commits: the first at once, then at most five a second, and fewer after some seconds.

        It ends with the library.

        Only one iteration at a time; the next one goes on where the one before was left.

        Raises:
            LibraryDamagedError: there will be no more.
        """
        loop = asyncio.get_running_loop()
        steady_at = loop.time() + _SOME_TIME
        while True:
            if not self._heard.is_set():
                await self._heard.wait()
                if loop.time() > self._not_before + STEADY_SECONDS:
                    steady_at = loop.time() + _SOME_TIME
            # A timer may be early by its resolution.
            while (rest := self._not_before - loop.time()) > 0:  # noqa: ASYNC110
                await asyncio.sleep(rest)
            try:
                update = await self.update()
            except LibraryDamagedError:
                raise
            except LibraryError as error:
                if self._database.is_closed:
                    return
                _log.warning("what changed cannot be read just now: %s", error)
                self._not_before = loop.time() + _PATIENCE_SECONDS
                continue
            # From here and not from before the reading, whose length varies: updates come no closer than that.
            now = loop.time()
            self._not_before = now + (STEADY_SECONDS if now > steady_at else INTERVAL_SECONDS)
            if update is not None:
                yield update

    async def update(self) -> FeedUpdate | None:
        """Return what became different since the last update, now; None when nothing did.

        Not while :meth:`updates` is awaited elsewhere.

        Raises:
            LibraryError: the world's fault; nothing is lost by it.
        """
        self._heard.clear()
        try:
            update, seen = await self._database.read(
                functools.partial(changes.since, before=self._seen, watched=lambda: self._watched)
            )
        except BaseException:
            self._heard.set()
            raise
        if seen.revision == self._seen.revision:
            return None
        self._seen = seen
        return update

    def _on_commit(self, revision: int) -> None:
        self._heard.set()
