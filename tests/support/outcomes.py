"""Outcomes of pages as the crawler makes them, from as little as a test wants to say."""

import hashlib
import zlib
from collections.abc import Sequence
from typing import Any

from quaero_desktop.domain.outcomes import Discovered, Recorded, Refusal, Stored
from quaero_desktop.domain.pages import Fetched, ParsedPage


def parsed(url: str, markdown: str | None = None, links: Sequence[str] = (), **more: Any) -> ParsedPage:
    """Return a page; its text is its URL unless *markdown* says otherwise."""
    text = f"Text of {url}" if markdown is None else markdown
    fields: dict[str, Any] = {
        "url": url,
        "kind": "html",
        "content_type": "text/html",
        "title": "Title",
        "markdown": text,
        "search_text": text,
        "links": tuple(links),
        "other_links": 0,
        "canonical": None,
        "description": "",
        "language": "en",
        "author": "",
        "published": None,
        "headings": (),
        "truncated": False,
        "thin": False,
        "noindex": False,
        "nofollow": False,
        "content_hash": hashlib.sha256(text.encode()).hexdigest(),
        "source": zlib.compress(text.encode()),
        "charset": "utf-8",
        "extractor": 1,
    }
    return ParsedPage(**fields | more)


def stored(
    url: str,
    markdown: str | None = None,
    links: Sequence[str] = (),
    *,
    refused: Sequence[Refusal] = (),
    headers: dict[str, str] | None = None,
    wire_bytes: int = 1_000,
    **page: Any,
) -> Stored:
    """Return what storing the page *url* with *links*, all of them followed, takes."""
    parsed_page = parsed(url, markdown, links, **page)
    return Stored(
        fetched=Fetched(
            url=url,
            status=200,
            content_type="text/html",
            charset="utf-8",
            headers=headers or {},
            body=b"",
            wire_bytes=wire_bytes,
            elapsed_ms=12,
        ),
        page=parsed_page,
        discovered=Discovered(follow=() if parsed_page.nofollow else tuple(links), refused=tuple(refused)),
    )


def redirected(target: str, hops: int = 1) -> Recorded:
    """Return what a redirect to *target* leaves."""
    return Recorded(
        result={"redirect": target, "status": 301},
        discovered=Discovered(follow=(target,), hops=hops),
        message="Redirects (301)",
        status=301,
    )
