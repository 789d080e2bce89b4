"""What the steps of a run work on: documents, what their servers had sent, and the full-text index."""

import sqlite3
import zlib

from quaero_desktop.domain.definitions import Action
from quaero_desktop.domain.jobs import JobType
from quaero_desktop.domain.ports import PageSource, StepDocument
from quaero_desktop.storage import verify
from quaero_desktop.storage.database import Database, Tx, rebuild_search_index

_MERGED_PAGES = 64
"""How much of the index one transaction merges: some 10 ms, in which no page can be stored."""


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
        """Return the next documents that a step of a run is about, by id.

        Those are what earlier steps of the run collected; where none of them crawls, what the definition's sources
        have; and where it names none, all.

        Args:
            root_id: the run.
            step: the step.
            after: only those with a greater id.
            limit: the most.
            with_source: only those of which is kept what their server had sent.
        """
        return await self._database.read(
            lambda connection: _documents(connection, root_id, step, after, limit, with_source)
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
        return await self._database.write(lambda tx: _merge(tx, begin))


def _documents(
    connection: sqlite3.Connection, root_id: int, step: int, after: int, limit: int, with_source: bool
) -> tuple[StepDocument, ...]:
    row = connection.execute("SELECT type, config FROM jobs WHERE id = ?", (root_id,)).fetchone()
    if row is None or row[0] != JobType.DEFINITION_RUN:
        return ()
    kept = " AND EXISTS (SELECT 1 FROM page_sources s WHERE s.document_id = d.id)" if with_source else ""
    parameters = {"root": root_id, "step": step, "after": after, "limit": limit, "crawl": Action.CRAWL}
    (crawled,) = connection.execute(
        "SELECT count(*) FROM jobs r, json_each(r.config, '$.steps') s WHERE r.id = :root"
        " AND s.value ->> '$.action' = :crawl AND s.key + 1 < :step",
        parameters,
    ).fetchone()
    if crawled:
        which = (
            "d.id IN (SELECT DISTINCT j.document_id FROM jobs j INDEXED BY jobs_document"
            " WHERE j.document_id > :after AND j.root_id = :root AND j.step < :step AND j.type = 'crawler_url'"
            " AND j.trashed_at IS NULL ORDER BY j.document_id LIMIT :limit)"
            if not with_source
            # Some of them have none, so that how many are looked at is not how many come.
            else "d.id > :after AND EXISTS (SELECT 1 FROM jobs j WHERE j.document_id = d.id AND j.root_id = :root"
            " AND j.step < :step AND j.type = 'crawler_url' AND j.trashed_at IS NULL)"
        )
    else:
        which = (
            "d.id > :after AND (NOT EXISTS (SELECT 1 FROM jobs r, json_each(r.config, '$.sources') WHERE r.id = :root)"
            " OR d.source_id IN (SELECT s.value FROM jobs r, json_each(r.config, '$.sources') s WHERE r.id = :root))"
        )
    rows = connection.execute(
        f"SELECT d.id, coalesce(nullif(d.title, ''), d.url) FROM documents d WHERE {which}{kept}"
        " ORDER BY d.id LIMIT :limit",
        parameters,
    )
    return tuple(StepDocument(*found) for found in rows)


def _page_source(connection: sqlite3.Connection, document_id: int) -> PageSource | None:
    row = connection.execute(
        "SELECT d.url, d.content_type, s.charset, s.body FROM page_sources s JOIN documents d ON d.id = s.document_id"
        " WHERE s.document_id = ?",
        (document_id,),
    ).fetchone()
    return None if row is None else PageSource(row[0], row[1], row[2], zlib.decompress(row[3]))


def _merge(tx: Tx, begin: bool) -> bool:
    # Minus begins a merge of everything, as "optimize" does in one go; then there is nothing left once a call changes
    # next to nothing. https://www.sqlite.org/fts5.html#the_merge_command
    before = tx.connection.total_changes
    pages = -_MERGED_PAGES if begin else _MERGED_PAGES
    tx.execute("INSERT INTO documents_fts (documents_fts, rank) VALUES ('merge', ?)", (pages,))
    return tx.connection.total_changes - before >= 2
