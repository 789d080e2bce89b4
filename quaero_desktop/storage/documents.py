"""Storing a page as a document, inside the ledger's transaction."""

import zlib

import msgspec

from quaero_desktop.domain.cjk import split_cjk
from quaero_desktop.domain.outcomes import Stored
from quaero_desktop.domain.urls import origin_of
from quaero_desktop.storage.database import Tx

_json = msgspec.json.Encoder()


def store(tx: Tx, stored: Stored, source_id: int | None) -> int:
    """Store a page and return its document's id.

    A page whose markdown has not changed keeps its version and its row in the full-text index; a changed one moves its
    last version to the history.

    Args:
        tx: the running transaction.
        stored: the page.
        source_id: the source that its root belongs to; None makes (or finds) one for the page's origin.
    """
    page, fetched = stored.page, stored.fetched
    if source_id is None:
        source_id = automatic_source(tx, page.url)
    # What a page asks not to follow leads nowhere, also when the page moves closer to a seed later.
    links = () if page.nofollow else page.links
    row = tx.one("SELECT id, content_hash FROM documents WHERE source_id = ? AND url = ?", (source_id, page.url))
    seen: dict[str, object] = {
        "content_type": page.content_type,
        "etag": fetched.headers.get("etag"),
        "last_modified": fetched.headers.get("last-modified"),
        "now": tx.now,
    }
    if row is not None and row[1] == page.content_hash:
        tx.execute(
            "UPDATE documents SET content_type = :content_type, etag = :etag, last_modified = :last_modified,"
            " fetched_at = :now, checked_at = :now, gone_at = NULL WHERE id = :id",
            {**seen, "id": row[0]},
        )
        document_id = int(row[0])
    else:
        content = seen | {
            "title": page.title,
            "content_hash": page.content_hash,
            "description": page.description,
            "language": page.language,
            "author": page.author,
            "published_at": page.published,
            "metadata": _json.encode({"headings": page.headings, "canonical": page.canonical}).decode(),
            "truncated": int(page.truncated),
            "thin": int(page.thin),
            "extractor": page.extractor,
            "search_title": split_cjk(page.title),
            "markdown": page.markdown,
            "search_text": page.search_text,
            "duplicate_of": _original_of(tx, source_id, page.url, page.content_hash) if page.markdown else None,
        }
        document_id = _insert(tx, source_id, page.url, content) if row is None else _replace(tx, row[0], content)
    tx.execute(
        "INSERT INTO page_sources (document_id, charset, links, body) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET charset = excluded.charset, links = excluded.links, body = excluded.body",
        (document_id, page.charset, packed_links(links), page.source),
    )
    return document_id


def automatic_source(tx: Tx, url: str) -> int:
    """Return the source made for the origin of *url*, making it when there is none (J4)."""
    origin = origin_of(url)
    row = tx.one("SELECT id FROM sources WHERE base_url = ? AND automatic = 1", (origin,))
    if row is not None:
        return int(row[0])
    name = origin.partition("://")[2]
    return int(
        tx.value(
            "INSERT INTO sources (name, base_url, automatic, created_at, updated_at)"
            " VALUES (?, ?, 1, ?, ?) RETURNING id",
            (name, origin, tx.now, tx.now),
        )
    )


def packed_links(links: tuple[str, ...]) -> bytes:
    """Return canonical URLs as a small blob; :func:`links_of` reads it."""
    return zlib.compress("\n".join(links).encode(), 1)


def links_of(tx: Tx, document_id: int) -> list[str]:
    """Return the links of a stored page that may be followed."""
    row = tx.one("SELECT links FROM page_sources WHERE document_id = ?", (document_id,))
    return zlib.decompress(row[0]).decode().splitlines() if row is not None else []


def _original_of(tx: Tx, source_id: int, url: str, content_hash: str) -> int | None:
    """Return the oldest document of the source with the same content under another URL (J2), or None."""
    row = tx.one(
        "SELECT min(id) FROM documents WHERE content_hash = ? AND source_id = ? AND url <> ? AND duplicate_of IS NULL",
        (content_hash, source_id, url),
    )
    return None if row is None else row[0]


_CONTENT = (
    "title", "content_hash", "duplicate_of", "description", "language", "author", "published_at", "metadata",
    "truncated", "thin", "extractor", "search_title", "markdown", "search_text", "content_type", "etag",
    "last_modified",
)  # fmt: skip
_INSERT = (
    f"INSERT INTO documents (source_id, url, fetched_at, checked_at, changed_at, {', '.join(_CONTENT)})"
    f" VALUES (:source_id, :url, :now, :now, :now, {', '.join(f':{name}' for name in _CONTENT)})"
)
_UPDATE = (
    f"UPDATE documents SET {', '.join(f'{name} = :{name}' for name in _CONTENT)}, version = version + 1,"
    " fetched_at = :now, checked_at = :now, changed_at = :now, gone_at = NULL WHERE id = :id"
)


def _insert(tx: Tx, source_id: int, url: str, content: dict[str, object]) -> int:
    document_id = tx.execute(_INSERT, content | {"source_id": source_id, "url": url}).lastrowid
    assert document_id is not None
    return document_id


def _replace(tx: Tx, document_id: int, content: dict[str, object]) -> int:
    tx.execute(
        "INSERT INTO document_versions (document_id, version, title, content_hash, changed_at, markdown)"
        " SELECT id, version, title, content_hash, changed_at, markdown FROM documents WHERE id = ?",
        (document_id,),
    )
    tx.execute(_UPDATE, content | {"id": document_id})
    _disown_duplicates(tx, document_id)
    return document_id


def _disown_duplicates(tx: Tx, document_id: int) -> None:
    """Make the oldest duplicate of a document whose content changed the original of the others."""
    heir = tx.value("SELECT min(id) FROM documents WHERE duplicate_of = ?", (document_id,))
    if heir is not None:
        tx.execute(
            "UPDATE documents SET duplicate_of = nullif(:heir, id) WHERE duplicate_of = :id",
            {"heir": heir, "id": document_id},
        )
