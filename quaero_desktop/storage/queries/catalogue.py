"""The collected documents: lists of them, one whole, and its versions."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.documents import Document, DocumentFilter, DocumentPage, DocumentSummary, DocumentVersion
from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.text import storable, storable_integer
from quaero_desktop.storage.filters import as_id, at_most, like
from quaero_desktop.storage.fragments import AMONG, json_list

_SUMMARY = (
    "id, source_id, url, title, content_type, content_hash, version, duplicate_of, language, truncated, thin,"
    " published_at, fetched_at, gone_at"
)
_WHOLE = f"{_SUMMARY}, description, author, metadata, markdown, checked_at, changed_at"


def documents(connection: sqlite3.Connection, filter: DocumentFilter) -> DocumentPage:
    """Return a page of documents, the last fetched first.

    Raises:
        UsageError: for a negative limit or offset.
    """
    filter.checked()
    conditions = []
    parameters: dict[str, Any] = {"limit": at_most(filter.limit), "offset": storable_integer(filter.offset)}
    if filter.source is not None:
        conditions.append("source_id = :source")
        parameters["source"] = storable_integer(filter.source)
    if filter.query:
        conditions.append("(title LIKE :part ESCAPE '\\' OR url LIKE :part ESCAPE '\\' OR id = :id)")
        parameters |= {"part": like(filter.query), "id": as_id(filter.query)}
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    (total,) = connection.execute(f"SELECT count(*) FROM documents {where}", parameters).fetchone()
    rows = connection.execute(
        f"SELECT {_SUMMARY} FROM documents {where} ORDER BY fetched_at DESC, id DESC LIMIT :limit OFFSET :offset",
        parameters,
    )
    return DocumentPage(
        documents=tuple(DocumentSummary(**_summary(row)) for row in rows.fetchall()),
        total_count=total,
        limit=filter.limit,
        offset=filter.offset,
    )


def document(connection: sqlite3.Connection, which: int | str) -> Document:
    """Return a whole document.

    Args:
        connection: a reader's.
        which: its id, also as text, or its URL in any spelling; of several sources' the last fetched.

    Raises:
        NotFoundError: when there is none.
    """
    text = str(which)
    document_id = as_id(text)
    if document_id is not None:
        row = connection.execute(f"SELECT {_WHOLE} FROM documents WHERE id = ?", (document_id,)).fetchone()
    else:
        spellings = json_list([storable(text), urls.identity(text)])
        row = connection.execute(
            f"SELECT {_WHOLE} FROM documents WHERE url {AMONG} ORDER BY fetched_at DESC, id DESC LIMIT 1",
            (spellings,),
        ).fetchone()
    if row is None:
        raise NotFoundError(f"There is no document {which}.")
    return Document(
        **_summary(row),
        description=row[14],
        author=row[15],
        metadata=msgspec.json.decode(row[16]),
        markdown=row[17],
        checked_at=row[18],
        changed_at=row[19],
    )


def hosts(connection: sqlite3.Connection) -> list[str]:
    """Return the hosts that there are documents of, with their ports where those are unusual, from A to Z."""
    found = {urls.host_of(url) for url, origin in origins(connection) if origin}
    return sorted(found)


def origins(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Yield the first URL of each origin that there are documents of, and the origin; that is empty where it has none.

    One seek in the index of URLs for each, however many documents there are.
    """
    (url,) = connection.execute("SELECT min(url) FROM documents").fetchone()
    while url is not None:
        slash = url.find("/", url.find("://") + 3)
        yield url, url[: max(slash, 0)]
        # "0" follows "/": all URLs of the origin lie before it.
        start = f"{url}\x01" if slash < 0 else f"{url[:slash]}0"
        (url,) = connection.execute("SELECT min(url) FROM documents WHERE url >= ?", (start,)).fetchone()


def versions(connection: sqlite3.Connection, document_id: int) -> list[DocumentVersion]:
    """Return the versions of a document, the current one first (D4).

    Raises:
        NotFoundError: when there is no such document.
    """
    rows = connection.execute(
        "SELECT version, title, content_hash, changed_at FROM documents WHERE id = :id"
        " UNION ALL SELECT version, title, content_hash, changed_at FROM document_versions WHERE document_id = :id"
        " ORDER BY version DESC",
        {"id": storable_integer(document_id)},
    ).fetchall()
    if not rows:
        raise NotFoundError(f"There is no document {document_id}.")
    return [DocumentVersion(version=row[0], title=row[1], content_hash=row[2], changed_at=row[3]) for row in rows]


def documents_of_jobs(connection: sqlite3.Connection, job_ids: Sequence[int]) -> list[int]:
    """Return the ids of the documents that these jobs, and those below them, ended with."""
    rows = connection.execute(
        "WITH which (id) AS (SELECT value FROM json_each(?))"
        " SELECT document_id FROM jobs WHERE id IN which AND document_id IS NOT NULL"
        " UNION SELECT document_id FROM jobs WHERE root_id IN which AND document_id IS NOT NULL ORDER BY 1",
        (json_list(map(storable_integer, job_ids)),),
    )
    return [row[0] for row in rows.fetchall()]


def _summary(row: tuple[Any, ...]) -> dict[str, Any]:
    return {
        "id": row[0],
        "source_id": row[1],
        "url": row[2],
        "title": row[3],
        "content_type": row[4],
        "content_hash": row[5],
        "version": row[6],
        "duplicate_of": row[7],
        "language": row[8],
        "truncated": bool(row[9]),
        "thin": bool(row[10]),
        "published_at": row[11],
        "fetched_at": row[12],
        "gone_at": row[13],
    }
