"""Documents: the pages of the library as lists, readers and searches show them. Times are integer milliseconds UTC."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from quaero_desktop.domain.errors import UsageError

HIGHLIGHT_START = "\x01"
"""Stands before each found word of a snippet. Control characters, so that no page can hold them by chance."""
HIGHLIGHT_END = "\x02"


class Change(StrEnum):
    """What a crawl found out about a page, against what the library had of it (D4)."""

    NEW = "new"
    CHANGED = "changed"  # its markdown did: a new version
    UNCHANGED = "unchanged"
    GONE = "gone"  # the library has it, and since this crawl its server says that there is no such page


def changes_in_words(changes: Mapping[str, int]) -> str:
    """Return how many pages changed in which way, like ``2 new, 1,165 unchanged``; empty when there are none."""
    return ", ".join(f"{changes[change]:,} {change}" for change in Change if changes.get(change))


def is_recrawl(changes: Mapping[str, int]) -> bool:
    """Return whether a crawl met pages that the library had."""
    return any(number for change, number in changes.items() if change != Change.NEW)


class KnownPage(msgspec.Struct, frozen=True, kw_only=True):
    """What the library knows of a page that it has: enough to ask its server whether that is what it still is (D4).

    Attributes:
        document_id: its document.
        etag, last_modified: as the server wrote them with the last bytes that it sent, or None.
        fetched_at: when those came.
        extractor: the version of the extraction that made the document.
        links: those of the page that may be followed: canonical URLs.
    """

    document_id: int
    etag: str | None
    last_modified: str | None
    fetched_at: int
    extractor: int
    links: tuple[str, ...]


class DocumentSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A document without its text.

    Attributes:
        content_hash: SHA-256 of the markdown's UTF-8, in hex.
        version: 1 for the first; a changed page makes a new one.
        duplicate_of: the older document with the same content under another URL, or None.
        truncated: whether something of the page was lost on the way.
        thin: whether hardly any text is left.
        published_at: when the page says it was published, or None.
        fetched_at: when its bytes were last received.
        gone_at: since when the server says that it is gone, or None.
    """

    id: int
    source_id: int
    url: str
    title: str
    content_type: str
    content_hash: str
    version: int
    duplicate_of: int | None
    language: str
    truncated: bool
    thin: bool
    published_at: int | None
    fetched_at: int
    gone_at: int | None


class Document(DocumentSummary, frozen=True, kw_only=True):
    """A whole document.

    Attributes:
        metadata: what the page says about itself beyond the fields here: its headings, its canonical URL.
        checked_at: when the server last confirmed it.
        changed_at: when this version was stored.
    """

    description: str
    author: str
    metadata: dict[str, Any]
    markdown: str
    checked_at: int
    changed_at: int


class DocumentVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a document (D4); *changed_at* is when it was stored."""

    version: int
    title: str
    content_hash: str
    changed_at: int


class DocumentFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents to list, newest first.

    Attributes:
        source: only those of this source.
        query: a part of the title or the URL, or the document's id; empty for all.
        limit: the most documents of a page; None for all.
        offset: how many to pass over.
    """

    source: int | None = None
    query: str = ""
    limit: int | None = 50
    offset: int = 0

    def checked(self) -> "DocumentFilter":
        """Return self.

        Raises:
            UsageError: for a negative limit or offset.
        """
        check_window(self.limit, self.offset)
        return self


class DocumentPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list of documents; *total_count* is the count under the same filter."""

    documents: tuple[DocumentSummary, ...]
    total_count: int
    limit: int | None
    offset: int


class SearchHit(msgspec.Struct, frozen=True, kw_only=True):
    """A document that a search found.

    Attributes:
        snippet: one line of its text, some thirty words around the best matches, with :data:`HIGHLIGHT_START` and
            :data:`HIGHLIGHT_END` around the found words. See :func:`pieces` and :func:`marked`.
        score: higher is better; only comparable within one search, and 0 where nothing is ranked.
    """

    document_id: int
    url: str
    title: str
    snippet: str
    score: float


class SearchResults(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a search.

    Attributes:
        results: best first; newest first when the query names filters only.
        total_count: how many documents match, on all pages together.
        took_ms: how long it took.
        hint: how a query was read that made little sense, or what to try next; empty otherwise.
    """

    results: tuple[SearchHit, ...]
    total_count: int
    took_ms: int
    hint: str = ""


def marked(snippet: str, start: str, end: str) -> str:
    """Return *snippet* with other marks around the found words, for example ``**`` and ``**``.

    Nothing else is escaped: a front end that makes HTML of it escapes the snippet first.
    """
    return snippet.replace(HIGHLIGHT_START, start).replace(HIGHLIGHT_END, end)


def pieces(snippet: str) -> list[tuple[str, bool]]:
    """Return *snippet* without its marks, in pieces, each with whether it was found: it stood between marks."""
    first, *others = snippet.split(HIGHLIGHT_START)
    cut = [(first.replace(HIGHLIGHT_END, ""), False)]
    for part in others:
        inside, end, outside = part.partition(HIGHLIGHT_END)
        # A beginning without an end marks nothing.
        cut += [(inside, bool(end)), (outside, False)]
    return [(text, found) for text, found in cut if text]


def check_window(limit: int | None, offset: int) -> None:
    """Refuse a window into a list that makes no sense.

    Raises:
        UsageError: for a negative limit or offset.
    """
    if limit is not None and limit < 0:
        raise UsageError(f"The limit is {limit}; 0 is the least.")
    if offset < 0:
        raise UsageError(f"The offset is {offset}; 0 is the least.")
