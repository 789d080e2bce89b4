"""Documents of a legacy database."""

from typing import Any

from quaero_desktop.domain.legacy.columns import moment, nested, one_line, row_id, text, times
from quaero_desktop.domain.legacy.values import LegacyDocument, Note, Row
from quaero_desktop.domain.text import storable


def document(row: Row, now: int, note: Note) -> LegacyDocument:
    """Return what a row of ``documents`` means."""
    legacy_id = row_id(row)
    about = nested(row, "metadata", dict, note)
    created, updated = times(row, now)
    changed = updated if moment(row.get("updated_at"), now) else created
    address = text(row, "url").strip()
    if not address:
        address = next((value for key in ("url", "source_url", "link") if (value := _said(about, key))), "")
    published = moment(about.get("published_at") or about.get("published") or about.get("date"), now)
    return LegacyDocument(
        legacy_id=legacy_id,
        source=text(row, "source_id"),
        address=address,
        title=one_line(text(row, "title")) or one_line(_said(about, "title")),
        markdown=text(row, "content_markdown"),
        content_type="text/html",
        description=one_line(_said(about, "description")),
        language=one_line(_said(about, "language") or _said(about, "lang"))[:35],
        author=one_line(_said(about, "author")),
        published_at=published,
        metadata=about,
        fetched_at=moment(row.get("last_synced"), now) or changed,
        changed_at=changed,
    )


def _said(about: dict[str, Any], key: str) -> str:
    value = about.get(key)
    return storable(value.strip()) if isinstance(value, str) else ""
