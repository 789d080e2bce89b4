"""What the steps of a run work on: documents, what their servers had sent, and the full-text index."""

import sqlite3
import zlib

from quaero_desktop.domain.ports import PageSource, StepDocument
from quaero_desktop.storage import searchindex, verify
from quaero_desktop.storage.database import Database, rebuild_search_index
from quaero_desktop.storage.jobs import stepdocuments


class Material:
    """Implements :class:`quaero_desktop.domain.ports.MaterialPort` on one library.

    Args:
        database: the open library.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def documents(
        self, root_id: int, step: int, after: int = 0, limit: int = 500, *, with_source: bool = False
    ) -> tuple[StepDocument, ...]:
        """Return the next documents that a step of a run is about, by id; none of what is no run.

        Args:
            root_id: the run.
            step: the step.
            after: only those with a greater id.
            limit: the most.
            with_source: only those of which is kept what their server had sent.
        """
        return await self._database.read(
            lambda connection: stepdocuments.following(connection, root_id, step, after, limit, with_source=with_source)
        )

    async def page_source(self, document_id: int) -> PageSource | None:
        """Return what the server of a document had sent; None when it is not kept, or the document is gone."""
        return await self._database.read(lambda connection: _page_source(connection, document_id))

    async def search_index_is_sound(self) -> bool:
        """Return whether the full-text index says of each document exactly what stands in it; the writer goes on."""
        return await verify.search_index_is_sound(self._database)

    async def rebuild_search_index(self) -> None:
        """Make the full-text index anew from the documents, in one transaction."""
        await self._database.write(rebuild_search_index)

    async def merge_search_index(self, *, begin: bool) -> bool:
        """Merge a little of the full-text index, which makes it smaller and faster; return whether more is left.

        Args:
            begin: whether this is the first of several calls.
        """
        return await self._database.write(lambda tx: searchindex.merge(tx, begin=begin))


def _page_source(connection: sqlite3.Connection, document_id: int) -> PageSource | None:
    row = connection.execute(
        "SELECT d.url, d.content_type, s.charset, s.body FROM page_sources s JOIN documents d ON d.id = s.document_id"
        " WHERE s.document_id = ?",
        (document_id,),
    ).fetchone()
    return None if row is None else PageSource(row[0], row[1], row[2], zlib.decompress(row[3]))
