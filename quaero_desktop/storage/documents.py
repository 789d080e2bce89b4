"""Storing a page as a document, inside the ledger's transaction."""

import zlib

import msgspec

from quaero_desktop.domain.cjk import split_cjk
from quaero_desktop.domain.documents import Change, KnownPage
from quaero_desktop.domain.outcomes import Stored
from quaero_desktop.domain.pages import ParsedPage
from quaero_desktop.domain.urls import origin_of
from quaero_desktop.storage.database import Tx

SHORT_TITLE = "nullif(substr(title, 1, 300), '')"
"""So much of a document's title stands beside its job: more is never seen in a list."""

_json = msgspec.json.Encoder()


def store(tx: Tx, stored: Stored, source_id: int | None) -> tuple[int, Change]:
    """Store a page; return its document's id and what is different from what the library had (D4).

    A change is judged on the markdown. A page whose markdown has not changed keeps its version and, unless something
    else that is kept of it did, its row in the full-text index; a changed one moves its last version to the history.

    Args:
        tx: the running transaction.
        stored: the page.
        source_id: the source that its root belongs to; None makes (or finds) one for the page's origin.
    """
    page, fetched = stored.page, stored.fetched
    if source_id is None:
        source_id = automatic_source(tx, page.url)
    about = _about(page)
    seen: dict[str, object] = {
        "content_type": page.content_type,
        "etag": fetched.headers.get("etag"),
        "last_modified": fetched.headers.get("last-modified"),
        "now": tx.now,
    }
    row = tx.one(_FIND, (source_id, page.url))
    if row is not None and row[1] == page.content_hash:
        document_id, change = int(row[0]), Change.UNCHANGED
        if tuple(row[2:]) == tuple(about.values()):
            tx.execute(_CONFIRM, seen | {"id": document_id})
        else:
            indexed = {"search_title": split_cjk(page.title), "search_text": page.search_text}
            tx.execute(_REFRESH, about | seen | indexed | {"id": document_id})
    else:
        content = {
            **about,
            **seen,
            "content_hash": page.content_hash,
            "search_title": split_cjk(page.title),
            "markdown": page.markdown,
            "search_text": page.search_text,
            "duplicate_of": _original_of(tx, source_id, page.url, page.content_hash) if page.markdown else None,
        }
        if row is None:
            document_id, change = _insert(tx, source_id, page.url, content), Change.NEW
        else:
            document_id, change = _replace(tx, row[0], content), Change.CHANGED
    # What a page asks not to follow leads nowhere, also when the page moves closer to a seed later.
    links = () if page.nofollow else page.links
    tx.execute(
        "INSERT INTO page_sources (document_id, charset, links, body) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET charset = excluded.charset, links = excluded.links, body = excluded.body"
        " WHERE body <> excluded.body OR links <> excluded.links OR charset <> excluded.charset",
        (document_id, page.charset, packed_links(links), page.source),
    )
    return document_id, change


def transform(tx: Tx, document_id: int, page: ParsedPage) -> Change | None:
    """Store what was extracted again from what the server had sent; None when the document is gone.

    A document whose text is the same keeps its version. What is known of the page's links stays: it is what the crawl
    made of them.

    Args:
        tx: the running transaction.
        document_id: the document.
        page: what it holds.
    """
    sql = f"SELECT source_id, url, content_hash, {', '.join(_ABOUT)} FROM documents WHERE id = ?"
    row = tx.one(sql, (document_id,))
    if row is None:
        return None
    about = _about(page)
    indexed = {"search_title": split_cjk(page.title), "search_text": page.search_text}
    if row[2] == page.content_hash:
        if tuple(row[3:]) != tuple(about.values()):
            names = (*_ABOUT, "search_title", "search_text")
            tx.execute(f"UPDATE documents SET {_set(*names)} WHERE id = :id", about | indexed | {"id": document_id})
        return Change.UNCHANGED
    content = {
        **about,
        **indexed,
        "content_hash": page.content_hash,
        "markdown": page.markdown,
        "duplicate_of": _original_of(tx, row[0], row[1], page.content_hash) if page.markdown else None,
        "now": tx.now,
    }
    _keep_version(tx, document_id)
    tx.execute(_REWRITE, content | {"id": document_id})
    _disown_duplicates(tx, document_id)
    return Change.CHANGED


def known(tx: Tx, root_id: int, url: str, source_id: int | None = None) -> KnownPage | None:
    """Return what the library has of a page that a root is about to fetch, if its server can tell whether it changed.

    One look-up: some 5 us for a page that the library does not have, 20 us for one that it has
    (tests/benchmarks/recrawl.py).

    Args:
        tx: the running transaction.
        root_id: the root; it says which source the page belongs to.
        url: the page.
        source_id: that of the root's step, where it has one of its own.
    """
    row = tx.one(
        "SELECT d.id, d.etag, d.last_modified, d.fetched_at, d.extractor, s.links FROM jobs r CROSS JOIN documents d"
        f" ON d.source_id = coalesce(:source, r.source_id, {_AUTOMATIC_SOURCE}) AND d.url = :url"
        " CROSS JOIN page_sources s ON s.document_id = d.id"
        " WHERE r.id = :root AND (d.etag IS NOT NULL OR d.last_modified IS NOT NULL)",
        {"origin": origin_of(url), "url": url, "root": root_id, "source": source_id},
    )
    if row is None:
        return None
    return KnownPage(
        document_id=row[0],
        etag=row[1],
        last_modified=row[2],
        fetched_at=row[3],
        extractor=row[4],
        links=tuple(_unpacked(row[5])),
    )


def confirm(tx: Tx, document_id: int) -> bool:
    """Note that a document is what its server still has; return whether it exists."""
    sql = "UPDATE documents SET checked_at = ?, gone_at = NULL WHERE id = ?"
    return tx.execute(sql, (tx.now, document_id)).rowcount == 1


def mark_gone(tx: Tx, source_id: int | None, url: str) -> bool:
    """Note that the server has a page no more, which the library keeps; return whether that is news.

    Args:
        tx: the running transaction.
        source_id: the source that its root belongs to; None for that of the page's origin.
        url: the page.
    """
    cursor = tx.execute(
        f"UPDATE documents SET gone_at = :now WHERE source_id = coalesce(:source, {_AUTOMATIC_SOURCE}) AND url = :url"
        " AND gone_at IS NULL",
        {"now": tx.now, "source": source_id, "origin": origin_of(url), "url": url},
    )
    return cursor.rowcount == 1


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
    return _unpacked(row[0]) if row is not None else []


def _unpacked(links: bytes) -> list[str]:
    return zlib.decompress(links).decode().splitlines()


def _about(page: ParsedPage) -> dict[str, object]:
    """Return what is kept of a page beside its text, in the order of the columns."""
    return {
        "title": page.title,
        "description": page.description,
        "language": page.language,
        "author": page.author,
        "published_at": page.published,
        "metadata": _json.encode({"headings": page.headings, "canonical": page.canonical}).decode(),
        "truncated": int(page.truncated),
        "thin": int(page.thin),
        "extractor": page.extractor,
    }


def _original_of(tx: Tx, source_id: int, url: str, content_hash: str) -> int | None:
    """Return the oldest document of the source with the same content under another URL (J2), or None."""
    row = tx.one(
        "SELECT min(id) FROM documents WHERE content_hash = ? AND source_id = ? AND url <> ? AND duplicate_of IS NULL",
        (content_hash, source_id, url),
    )
    return None if row is None else row[0]


_ABOUT = (
    "title", "description", "language", "author", "published_at", "metadata", "truncated", "thin", "extractor",
)  # fmt: skip
_SEEN = ("content_type", "etag", "last_modified")
_CONTENT = (*_ABOUT, *_SEEN, "content_hash", "duplicate_of", "search_title", "markdown", "search_text")
_AUTOMATIC_SOURCE = "(SELECT id FROM sources WHERE base_url = :origin AND automatic = 1)"


def _set(*names: str) -> str:
    return ", ".join(f"{name} = :{name}" for name in names)


_FIND = f"SELECT id, content_hash, {', '.join(_ABOUT)} FROM documents WHERE source_id = ? AND url = ?"
_INSERT = (
    f"INSERT INTO documents (source_id, url, fetched_at, checked_at, changed_at, {', '.join(_CONTENT)})"
    f" VALUES (:source_id, :url, :now, :now, :now, {', '.join(f':{name}' for name in _CONTENT)})"
)
_RECEIVED = "fetched_at = :now, checked_at = :now, gone_at = NULL"
_CONFIRM = f"UPDATE documents SET {_set(*_SEEN)}, {_RECEIVED} WHERE id = :id"
_REFRESH = f"UPDATE documents SET {_set(*_ABOUT, *_SEEN, 'search_title', 'search_text')}, {_RECEIVED} WHERE id = :id"
_UPDATE = (
    f"UPDATE documents SET {_set(*_CONTENT)}, version = version + 1, changed_at = :now, {_RECEIVED} WHERE id = :id"
)


_REWRITE = (
    f"UPDATE documents SET {_set(*(name for name in _CONTENT if name not in _SEEN))}, version = version + 1,"
    " changed_at = :now WHERE id = :id"
)


def _insert(tx: Tx, source_id: int, url: str, content: dict[str, object]) -> int:
    document_id = tx.execute(_INSERT, content | {"source_id": source_id, "url": url}).lastrowid
    assert document_id is not None
    return document_id


def _keep_version(tx: Tx, document_id: int) -> None:
    tx.execute(
        "INSERT INTO document_versions (document_id, version, title, content_hash, changed_at, markdown)"
        " SELECT id, version, title, content_hash, changed_at, markdown FROM documents WHERE id = ?",
        (document_id,),
    )


def _replace(tx: Tx, document_id: int, content: dict[str, object]) -> int:
    _keep_version(tx, document_id)
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
