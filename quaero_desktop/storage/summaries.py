"""What documents say in short: stored inside the ledger's transaction, and read."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.outcomes import Summarised
from quaero_desktop.domain.summaries import CollectedDocument, Collection, Digest, DocumentText, StoredSummary, level_of
from quaero_desktop.storage.database import Database, Tx
from quaero_desktop.storage.fragments import AMONG, json_list
from quaero_desktop.storage.jobs import stepdocuments

_encode = msgspec.json.Encoder().encode


def store(tx: Tx, summarised: Summarised) -> bool:
    """Store the summary of a document in place of the one before; return whether the document is still there."""
    cursor = tx.execute(
        "INSERT INTO document_summaries (document_id, content_hash, method, summary, keywords, made_at)"
        " SELECT id, ?, ?, ?, ?, ? FROM documents WHERE id = ?"
        " ON CONFLICT DO UPDATE SET content_hash = excluded.content_hash, method = excluded.method,"
        " summary = excluded.summary, keywords = excluded.keywords, made_at = excluded.made_at",
        (
            summarised.content_hash,
            summarised.method,
            summarised.summary,
            _encode(summarised.keywords).decode(),
            tx.now,
            summarised.document_id,
        ),
    )
    return cursor.rowcount == 1


def of_document(connection: sqlite3.Connection, document_id: int) -> StoredSummary | None:
    """Return what a document says in short, or None when nobody has summarised it yet."""
    row = connection.execute(f"SELECT {_SUMMARY} {_FROM} WHERE s.document_id = ?", (document_id,)).fetchone()
    return None if row is None else _stored(row)


def text(connection: sqlite3.Connection, document_id: int) -> DocumentText:
    """Return a document with what a summary of it is made from.

    Raises:
        NotFoundError: there is no such document.
    """
    row = connection.execute(
        "SELECT title, url, language, content_hash, markdown FROM documents WHERE id = ?", (document_id,)
    ).fetchone()
    if row is None:
        raise NotFoundError(f"There is no document {document_id}.")
    title, url, language, content_hash, markdown = row
    summary = of_document(connection, document_id)
    return DocumentText(document_id, title, url, language, content_hash, markdown, summary)


def collection(connection: sqlite3.Connection, root_id: int, step: int, most: int) -> Collection:
    """Return the documents that a step of a run is about, or a fair sample of them, with their summaries.

    Of more than *most* the sample is always the same: those with the shortest addresses, since front pages and
    overviews say what a site is about, and of the others one in so many, by their ids. Copies of other documents are
    left out.

    Args:
        connection: a reader.
        root_id: the root of the run.
        step: the number of the step.
        most: the most documents to return.
    """
    which, parameters = stepdocuments.condition(connection, root_id, step)
    ids = [
        document_id
        for (document_id,) in connection.execute(
            f"SELECT d.id FROM documents d WHERE d.duplicate_of IS NULL AND d.markdown <> '' AND {which} ORDER BY d.id",
            parameters,
        )
    ]
    sample = ids
    if len(ids) > most:
        foremost = {
            document_id
            for (document_id,) in connection.execute(
                f"SELECT d.id FROM documents d WHERE d.duplicate_of IS NULL AND d.markdown <> '' AND {which}"
                " ORDER BY length(d.url), d.id LIMIT :foremost",
                parameters | {"foremost": most // 4},
            )
        }
        others = [document_id for document_id in ids if document_id not in foremost]
        wanted = most - len(foremost)
        picked = {others[number * len(others) // wanted] for number in range(wanted)}
        sample = sorted(foremost | picked)
    rows = connection.execute(
        "SELECT d.id, d.title, d.url, d.language, s.summary, s.keywords FROM documents d LEFT JOIN document_summaries s"
        " ON s.document_id = d.id AND s.content_hash = d.content_hash"
        f" WHERE d.id {AMONG} ORDER BY d.id",
        (json_list(sample),),
    ).fetchall()
    return Collection(
        documents=tuple(
            CollectedDocument(
                id=row[0],
                digest=None
                if row[4] is None
                else Digest(
                    title=row[1],
                    summary=row[4],
                    keywords=_keywords(row[5]),
                    language=row[3].partition("-")[0],
                    level=level_of(row[2]),
                ),
                level=level_of(row[2]),
            )
            for row in rows
        ),
        total=len(ids),
    )


class Summaries:
    """Reads summaries and what they are made from, for the engine.

    Args:
        database: the open library.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def text(self, document_id: int) -> DocumentText:
        """Do as :func:`text` does."""
        return await self._database.read(lambda connection: text(connection, document_id))

    async def collection(self, root_id: int, step: int, most: int) -> Collection:
        """Do as :func:`collection` does."""
        return await self._database.read(lambda connection: collection(connection, root_id, step, most))


_SUMMARY = "s.summary, s.keywords, s.method, s.made_at, s.content_hash <> d.content_hash"
_FROM = "FROM document_summaries s JOIN documents d ON d.id = s.document_id"


def _stored(row: Sequence[Any]) -> StoredSummary:
    return StoredSummary(summary=row[0], keywords=_keywords(row[1]), method=row[2], made_at=row[3], stale=bool(row[4]))


def _keywords(text: str) -> tuple[str, ...]:
    try:
        return msgspec.json.decode(text, type=tuple[str, ...])
    except msgspec.MsgspecError:  # the table asks only for valid JSON
        return ()
