"""The children of a root: filtered and sorted by the database, a million of them without a stutter."""

from array import array
from collections.abc import Sequence

from quaero_desktop.domain.pagelist import FailureGroup, PageCounts, PageFilter, PageRow, PageScreen
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.queries import pagelist


class PageService:
    """Reads the children of roots. Cancelling whoever awaits an answer interrupts its query at once.

    Args:
        database: the open library.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def screen(self, which: PageFilter, limit: int = 200) -> PageScreen:
        """Return the first rows of a list, and how many there are where the counters know.

        It takes some milliseconds however long the list is where the filter *starts at once* (see
        :class:`~quaero_desktop.domain.pagelist.PageFilter`); otherwise half as long as :meth:`ids`.

        Raises:
            NotFoundError: there is no such root.
            UsageError: the filter names something that does not exist.
        """
        return await self._database.read_interruptibly(lambda connection: pagelist.screen(connection, which, limit))

    async def ids(self, which: PageFilter, *, after: int | None = None) -> "array[int]":
        """Return the ids of all that match, in order: 8 bytes each.

        Args:
            which: what is wanted.
            after: only those with a larger id: what has been found since.

        Raises:
            NotFoundError: there is no such root.
            UsageError: the filter names something that does not exist.
        """
        return await self._database.read_interruptibly(lambda connection: pagelist.ids(connection, which, after=after))

    async def rows(self, ids: Sequence[int]) -> tuple[PageRow, ...]:
        """Return rows by their ids, in that order, without those that are gone or in the trash."""
        return await self._database.read(lambda connection: pagelist.rows(connection, ids))

    async def counts(self, root_id: int) -> PageCounts:
        """Return how much of its work a root has, from the counters: checks and sitemaps count only where they failed.

        Raises:
            NotFoundError: there is no such root.
        """
        return await self._database.read(lambda connection: pagelist.counts(connection, root_id))

    async def failure_groups(self, root_id: int) -> tuple[FailureGroup, ...]:
        """Return the failed children of a root in groups that failed alike, the largest first.

        Raises:
            NotFoundError: there is no such root.
        """
        return await self._database.read_interruptibly(lambda connection: pagelist.failure_groups(connection, root_id))
