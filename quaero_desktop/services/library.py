"""What has been collected: documents, and the search over them."""

from collections.abc import Sequence

from quaero_desktop.domain.documents import Document, DocumentFilter, DocumentPage, DocumentVersion, SearchResults
from quaero_desktop.domain.listing import Statistics
from quaero_desktop.domain.summaries import StoredSummary
from quaero_desktop.storage import summaries
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.queries import catalogue, figures, search


class LibraryService:
    """Reads the collected documents.

    Args:
        database: the open library.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def documents(self, which: DocumentFilter) -> DocumentPage:
        """Return a page of documents.

        Raises:
            UsageError: a negative limit or offset.
        """
        return await self._database.read(lambda connection: catalogue.documents(connection, which))

    async def hosts(self) -> list[str]:
        """Return the hosts that there are documents of, from A to Z; each can follow ``site:`` in a search."""
        return await self._database.read(catalogue.hosts)

    async def document(self, document_id: int | str) -> Document:
        """Return one document with its markdown.

        Args:
            document_id: its id, or its URL in any spelling; of several sources' the last fetched.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.read(lambda connection: catalogue.document(connection, document_id))

    async def documents_of_jobs(self, job_ids: Sequence[int]) -> list[int]:
        """Return the ids of the documents that these jobs, and those below them, ended with."""
        return await self._database.read(lambda connection: catalogue.documents_of_jobs(connection, job_ids))

    async def summary(self, document_id: int) -> StoredSummary | None:
        """Return what a document says in short, or None when it has not been summarised."""
        return await self._database.read(lambda connection: summaries.of_document(connection, document_id))

    async def versions(self, document_id: int) -> list[DocumentVersion]:
        """Return the versions of a document, the current one first (D4).

        Raises:
            NotFoundError: there is no such document.
        """
        return await self._database.read(lambda connection: catalogue.versions(connection, document_id))

    async def search(self, query: str, *, limit: int = 20, offset: int = 0) -> SearchResults:
        """Search the library; whatever *query* holds, the answer is results and perhaps a hint, never an error (D3).

        Cancelling whoever awaits it interrupts the search at once, so that the next key need not wait for it.

        Raises:
            UsageError: a negative limit or offset.
        """
        return await self._database.read_interruptibly(
            lambda connection: search.search(connection, query, limit, offset)
        )

    async def statistics(self) -> Statistics:
        """Return how much the library holds."""
        return await self._database.read(figures.statistics)
