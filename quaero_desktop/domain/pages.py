"""What travels with a page: what the web gave, what the parser made of it, why it failed."""

import msgspec

from quaero_desktop.domain.jobs import Cause


class FetchLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The budget of one fetch.

    Attributes:
        total_seconds: from the request to the last byte, however slowly the bytes drip.
        connect_seconds: for name look-up, TCP and TLS together.
        max_bytes: the most decoded bytes of a body.
        max_ratio: the most decoded bytes for each byte received, once more than 64 KiB are decoded.
        max_header_bytes: the most bytes of one header line.
    """

    total_seconds: float = 60.0
    connect_seconds: float = 15.0
    max_bytes: int = 10_000_000
    max_ratio: int = 200
    max_header_bytes: int = 32_768


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A response with a body that we want: status 200 to 299.

    Attributes:
        url: the canonical URL that was requested, verbatim.
        status: the HTTP status.
        content_type: the media type in lower case without parameters, empty when the server named none.
        charset: the ``charset`` parameter of the header in lower case as the server wrote it, or empty.
        headers: the few headers that storage keeps (etag, last-modified, content-language, x-robots-tag), lower case.
        body: the decoded bytes.
        wire_bytes: how many body bytes came over the wire.
        elapsed_ms: from the request to the last byte.
    """

    url: str
    status: int
    content_type: str
    charset: str
    headers: dict[str, str]
    body: bytes
    wire_bytes: int
    elapsed_ms: int


class Redirected(msgspec.Struct, frozen=True, kw_only=True):
    """A redirect that was not followed: whoever asked decides (each hop is scoped and fetched once, J2).

    Attributes:
        url: what was requested.
        status: 301, 302, 303, 307 or 308.
        target: the canonical absolute URL of ``Location``; always http or https.
    """

    url: str
    status: int
    target: str
    elapsed_ms: int


class FetchFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A fetch that brought nothing to store.

    Attributes:
        cause: the reason as an enumeration.
        message: one sentence for a person; never holds a secret.
        status: the HTTP status when there was one.
        retryable: whether trying again later makes sense.
        retry_after_ms: how long the server asked us to wait, if it did.
        host_wide: whether it says something about the whole host (its lane is held) and not about this page.
    """

    url: str
    cause: Cause
    message: str
    status: int | None = None
    retryable: bool = False
    retry_after_ms: int | None = None
    host_wide: bool = False
    elapsed_ms: int = 0


FetchResult = Fetched | Redirected | FetchFailed


class PageInput(msgspec.Struct, frozen=True, kw_only=True):
    """What the parser gets: extraction is a pure function of this and of its version."""

    url: str
    body: bytes
    content_type: str = ""
    charset: str = ""


class ParsedPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page as the library keeps it. Every text is storable (no NUL, no lone surrogate).

    Attributes:
        url: the URL it was parsed as.
        kind: ``html`` or ``other`` (recorded with its type, no text).
        title: one line, never empty (falls back to the URL's last segment).
        markdown: the main content; empty when there is none.
        search_text: the markdown without markup and link targets, CJK runs split by blanks for the index.
        links: canonical absolute http(s) URLs of the page's links, without duplicates, in the page's order.
        other_links: how many links had another scheme or could not be parsed.
        canonical: the canonical URL that the page claims, or None.
        language: a BCP 47 tag in lower case, or empty.
        published: integer milliseconds UTC, or None.
        headings: the outline, as (level, text).
        truncated: whether something of the page was lost on the way (too deep, too large), with no way to tell what.
        thin: whether hardly any text is left (navigation pages, empty shells).
        noindex, nofollow: what the page's robots meta tag asks for.
        nofollow_links: canonical URLs of the links that the page asks not to follow, one by one (``rel=nofollow``).
        content_hash: SHA-256 of the markdown's UTF-8, in hex.
        source: the body, compressed with zlib, so that it can be extracted again without a fetch.
        charset: the encoding that was used, as a WHATWG name.
        extractor: the version of the extraction.
    """

    url: str
    kind: str
    content_type: str
    title: str
    markdown: str
    search_text: str
    links: tuple[str, ...]
    other_links: int
    canonical: str | None
    description: str
    language: str
    author: str
    published: int | None
    headings: tuple[tuple[int, str], ...]
    truncated: bool
    thin: bool
    noindex: bool
    nofollow: bool
    content_hash: str
    source: bytes
    charset: str
    extractor: int
    nofollow_links: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Hold the text of a page without any markup once: it can have megabytes."""
        if self.search_text == self.markdown and self.search_text is not self.markdown:
            msgspec.structs.force_setattr(self, "search_text", self.markdown)


class ParseFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A page that the parser could not finish: it crashed, took too long, or needed too much memory."""

    url: str
    cause: Cause  # PARSE, PARSE_TIMEOUT or PARSE_CRASH
    message: str


ParseResult = ParsedPage | ParseFailed


class Listed(msgspec.Struct, frozen=True):
    """An address that a sitemap or a feed names.

    Attributes:
        url: canonical.
        modified: when it last changed, as the site says, in milliseconds UTC; None when it does not say.
        title: what a feed calls it, on one line; empty elsewhere.
    """

    url: str
    modified: int | None = None
    title: str = ""


class ParsedSitemap(msgspec.Struct, frozen=True, kw_only=True):
    """What a sitemap, a feed or a plain list of addresses names.

    Attributes:
        url: the URL it was read as.
        kind: ``urlset``, ``index`` (its entries are sitemaps), ``feed``, ``text``, or ``none``.
        title: what a feed calls itself; else empty.
        entries: in the file's order, each URL once.
        others: how many entries had no address that could be fetched.
        truncated: whether something of it was left out: it is too large, or broken.
        note: why, as the end of a sentence that begins with the file; else empty.
    """

    url: str
    kind: str
    title: str
    entries: tuple[Listed, ...]
    others: int
    truncated: bool
    note: str


SitemapResult = ParsedSitemap | ParseFailed
