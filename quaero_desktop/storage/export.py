"""What an export reads: documents one after the other, all of one moment, and few of them in memory (D5)."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quaero_desktop.domain.documents import Document
from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.text import storable_integer
from quaero_desktop.infra.redact import redact_url
from quaero_desktop.storage import summaries
from quaero_desktop.storage.errand import Errand
from quaero_desktop.storage.filters import as_id, like
from quaero_desktop.storage.fragments import AMONG, json_list
from quaero_desktop.storage.queries import catalogue, search


class ExportedDocument(Document, frozen=True, kw_only=True):
    """A document with the name of its source. Secrets in its addresses are masked (J8); its text is as it was.

    Attributes:
        summary, keywords: what it says in short; empty when it has not been summarised as it is now.
    """

    source: str
    summary: str = ""
    keywords: tuple[str, ...] = ()


class Snapshot:
    """The documents of a library at one moment."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._sources: dict[int, str] = dict(connection.execute("SELECT id, name FROM sources"))

    def choose(
        self,
        *,
        ids: Sequence[int] | None = None,
        query: str | None = None,
        part: str | None = None,
        source: int | None = None,
    ) -> list[int]:
        """Return the ids of documents that fit all that is given: as *ids* has them, else the best or by URL.

        Args:
            ids: only these; those that do not exist are left out.
            query: only what a search for it finds; empty for all.
            part: only those with this text in their title or URL, or with this id; empty for all.
            source: only those of this source.

        Raises:
            NotFoundError: there is no such source.
        """
        if source is not None and source not in self._sources:
            raise NotFoundError(f"There is no source {source}.")
        conditions = ["TRUE"]
        parameters: dict[str, Any] = {}
        if source is not None:
            conditions.append("source_id = :source")
            parameters["source"] = storable_integer(source)
        if part:
            conditions.append("(title LIKE :part ESCAPE '\\' OR url LIKE :part ESCAPE '\\' OR id = :id)")
            parameters |= {"part": like(part), "id": as_id(part)}
        rows = self._connection.execute(
            f"SELECT id FROM documents WHERE {' AND '.join(conditions)} ORDER BY url, id", parameters
        )
        chosen = [document_id for (document_id,) in rows]
        for wanted in (search.every(self._connection, query) if query and query.strip() else None, ids):
            if wanted is not None:
                fitting = frozenset(chosen)
                chosen = [document_id for document_id in dict.fromkeys(wanted) if document_id in fitting]
        return chosen

    def by_url(self, ids: Sequence[int]) -> list[int]:
        """Return *ids* in the order of the documents' URLs."""
        rows = self._connection.execute(
            f"SELECT id FROM documents WHERE id {AMONG} ORDER BY url, id",
            (json_list(ids),),
        )
        return [document_id for (document_id,) in rows]

    def document(self, document_id: int) -> ExportedDocument:
        """Return one of the documents.

        Raises:
            NotFoundError: there is none.
        """
        found = catalogue.document(self._connection, document_id)
        fields = {name: getattr(found, name) for name in found.__struct_fields__}
        if isinstance(canonical := found.metadata.get("canonical"), str):
            fields["metadata"] = found.metadata | {"canonical": redact_url(canonical)}
        fields["url"] = redact_url(found.url)
        summary = summaries.of_document(self._connection, document_id)
        if summary is not None and not summary.stale:
            fields |= {"summary": summary.summary, "keywords": summary.keywords}
        return ExportedDocument(**fields, source=self._sources[found.source_id])


@contextmanager
def snapshot(work: Errand, path: Path) -> Iterator[Snapshot]:
    """Hold the documents of the library's file *path* as they are now; work on it goes on meanwhile.

    Raises:
        LibraryError: it cannot be read.
    """
    with work.connected(path) as connection:
        connection.execute("BEGIN")
        try:
            yield Snapshot(connection)
        finally:
            connection.execute("ROLLBACK")
