"""A page as the library keeps it: a pure function of its bytes, URL, declared type and charset, and the version."""

import hashlib
import re
import zlib

from lxml import etree

from quaero_desktop.content import charset, links, maincontent, metadata, searchtext, sitemaps
from quaero_desktop.content.markdown import render
from quaero_desktop.content.markup import fenced
from quaero_desktop.content.version import EXTRACTOR_VERSION
from quaero_desktop.domain.cjk import split_cjk
from quaero_desktop.domain.pages import Listed, PageInput, ParsedPage, ParsedSitemap
from quaero_desktop.domain.text import single_line, storable

_THIN = 200
"""Characters of search text below which a page is thin; an ideograph counts as two, with its blank."""

_ZLIB_LEVEL = 2
"""Level 6 makes 20 % less of the Python manual and takes three times as long; 1 saves no time worth having."""

_HTML = frozenset(("text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"))
_MARKDOWN = frozenset(("text/markdown", "text/x-markdown"))
_CODE = {
    "application/json": "json", "application/ld+json": "json", "application/xml": "xml", "text/xml": "xml",
    "application/javascript": "javascript", "application/x-javascript": "javascript", "text/javascript": "javascript",
    "text/css": "css", "text/csv": "csv", "application/yaml": "yaml", "application/x-yaml": "yaml",
    "text/yaml": "yaml", "text/x-yaml": "yaml", "application/toml": "toml", "application/x-sh": "bash",
    "text/x-python": "python", "application/sql": "sql", "application/x-ndjson": "json",
}  # fmt: skip
_FEEDS = frozenset(("application/rss+xml", "application/atom+xml", "application/rdf+xml"))
_LISTS_ADDRESSES = re.compile(rb"<(?:\w+:)?(?:urlset|sitemapindex|rss|feed|RDF)[\s>]")
_MARKDOWN_SUFFIXES = (".md", ".markdown", ".mdx")

_STRUCTURED = re.compile(r"application/[\w.-]+\+(?:json|xml)")

_BINARY = (
    b"%PDF-",
    b"\x89PNG",
    b"GIF8",
    b"\xff\xd8\xff",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"RIFF",
    b"\x7fELF",
    b"\0\0\x01\0",
)
_LOOKS_HTML = re.compile(
    rb"\s*(?:<\?xml[^<>]*>)?\s*<(?:!doctype\s+html|html|head|body|title|meta|script|p|div|h1|table|a)[\s>]", re.I
)
_XHTML_PREFIX = re.compile(rb"<[^<>]*\sxmlns:([A-Za-z][\w.-]*)\s*=\s*[\"']http://www\.w3\.org/1999/xhtml[\"']")
_EMPTY_ELEMENT = re.compile(rb"<([A-Za-z][\w:.-]*)((?:\s[^<>]*)?)/>")
_CDATA = re.compile(rb"<!\[CDATA\[(.*?)(?:\]\]>|\Z)", re.S)
_VOID = frozenset(b"area base br col embed hr img input link meta param source track wbr".split())
_LINK_TEXT = re.compile(r"[\\\[\]*_`<>]")
_MARKDOWN_TITLE = re.compile(r"^#{1,2}[ \t]+(\S[^\n]*)", re.M)
_MARKDOWN_HEADING = re.compile(r"^(#{1,6})[ \t]+(\S[^\n]*)", re.M)
_MARKDOWN_LINK = re.compile(r"\]\(<?([^()\s<>]{1,4096})")


def parse(page: PageInput) -> ParsedPage:
    """Return what the library keeps of *page*. No bytes make it raise but those that need too much memory."""
    media_type = _media_type(page)
    if media_type in _HTML:
        return _html(page, media_type)
    if media_type.endswith("xml") and (media_type in _FEEDS or _LISTS_ADDRESSES.search(page.body, 0, 4096)):
        listed = sitemaps.read(page)
        if listed.entries:
            return _list(page, listed)
    if media_type.startswith("text/") or media_type in _CODE or _STRUCTURED.fullmatch(media_type):
        return _text(page, media_type)
    return _page(page, kind="other", title=metadata.title_from_url(page.url))


def _media_type(page: PageInput) -> str:
    """What the server says, or what the bytes look like when it says nothing."""
    declared = page.content_type.partition(";")[0].strip().lower()
    if page.body.startswith(_BINARY) and (not declared or declared.startswith("text/") or declared in _HTML):
        return "application/octet-stream"
    if declared and declared not in ("unknown/unknown", "application/unknown", "*/*"):
        return declared
    if _LOOKS_HTML.match(charset.without_comments(page.body[:4096])):
        return "text/html"
    decoded = charset.decode(page.body[:4096], page.charset)
    return "application/octet-stream" if "\0" in decoded.text else "text/plain"


def _html(page: PageInput, media_type: str) -> ParsedPage:
    decoded = charset.decode(page.body, page.charset)
    body = decoded.utf8
    if media_type != "text/html" or b":html" in body[:2048]:
        body = _as_html(body)
    root, truncated = _tree(body)
    if root is None:
        return _page(
            page, title=metadata.title_from_url(page.url), encoding=decoded.encoding, thin=True, truncated=truncated
        )
    resolve = links.Resolver(links.base_of(root, page.url))
    found = links.collect(root, resolve)
    about = metadata.read(root, resolve, found.author)
    title_heading = _title_heading(root, about.title)
    main = maincontent.choose(root)
    rendered = render(main, resolve, page.url)
    markdown, text, headings = rendered
    if title_heading and not any(level == 1 for level, _ in headings):
        markdown = f"# {title_heading}\n\n{markdown}".rstrip()
        text = f"{title_heading} {text}"
        headings = ((1, title_heading), *headings)
    markdown = storable(markdown)
    search_text = split_cjk(storable(text))
    return _page(
        page,
        title=about.title or next((text for _, text in headings), "") or metadata.title_from_url(page.url),
        markdown=markdown,
        search_text=search_text,
        links=found.found,
        nofollow_links=found.unfollowed,
        other_links=found.others,
        canonical=about.canonical,
        description=about.description,
        language=about.language or metadata.language_of_text(text),
        author=about.author,
        published=about.published,
        headings=headings,
        truncated=truncated,
        thin=len(search_text) < _THIN,
        noindex=about.noindex,
        nofollow=about.nofollow,
        encoding=decoded.encoding,
    )


def _tree(body: bytes) -> tuple[etree._Element | None, bool]:
    """The parsed page, and whether the parser gave up on a part of it.

    ``huge_tree`` costs nothing measurable and keeps what the parser's default limits lose: elements deeper than 256
    levels, with all that follows them, and texts over 10 MB. Its own limit is 2048 levels.
    """
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False, huge_tree=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        root = None
    truncated = any(entry.level == etree.ErrorLevels.FATAL for entry in parser.error_log)
    return root, truncated and bool(body.strip())


def _as_html(body: bytes) -> bytes:
    """XHTML in the spelling of HTML: no prefixes, empty elements closed by a tag of their own, CDATA as text."""
    if match := _XHTML_PREFIX.search(body[:4096]):
        body = re.sub(rb"(</?)" + re.escape(match[1]) + rb":", rb"\1", body)
    if b"<![CDATA[" in body:
        body = _CDATA.sub(lambda part: part[1].replace(b"&", b"&amp;").replace(b"<", b"&lt;"), body)
    return _EMPTY_ELEMENT.sub(
        lambda tag: tag[0] if tag[1].lower() in _VOID else b"<%b%b></%b>" % (tag[1], tag[2], tag[1]), body
    )


def _title_heading(root: etree._Element, title: str) -> str:
    """The text of the page's only ``h1`` when it says the title, for pages that keep it outside of their content."""
    found = list(root.iter("h1"))
    if len(found) != 1:
        return ""
    text = etree.tostring(found[0], method="text", encoding="unicode", with_tail=False)
    text = single_line(text, 300).rstrip("¶# ")
    return text if text and text.casefold() in title.casefold() else ""


def _text(page: PageInput, media_type: str) -> ParsedPage:
    """Text that is no HTML: markdown as it is, everything else as one block of code."""
    decoded = charset.decode(page.body, page.charset)
    text = storable(decoded.text).replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    title = ""
    found: dict[str, None] = {}
    headings: tuple[tuple[int, str], ...] = ()
    if not text.strip():
        markdown = ""
    elif media_type in _MARKDOWN or (
        media_type == "text/plain" and page.url.partition("?")[0].lower().endswith(_MARKDOWN_SUFFIXES)
    ):
        markdown = text
        if match := _MARKDOWN_TITLE.search(text):
            title = single_line(searchtext.plain_line(match[1].rstrip("# ")))
        headings = tuple(
            (len(marks), line)
            for marks, rest in _MARKDOWN_HEADING.findall(text)
            if (line := single_line(searchtext.plain_line(rest.rstrip("# "))))
        )
        resolve = links.Resolver(page.url)
        found = dict.fromkeys(url for href in _MARKDOWN_LINK.findall(text) if (url := resolve[href.partition("#")[0]]))
    else:
        markdown = fenced(text, _language_of(media_type))
    search_text = searchtext.from_markdown(markdown)
    return _page(
        page,
        title=title or metadata.title_from_url(page.url),
        markdown=markdown,
        search_text=search_text,
        links=tuple(found),
        headings=headings,
        language=metadata.language_of_text(text),
        thin=len(search_text) < _THIN,
        encoding=decoded.encoding,
    )


def _list(page: PageInput, listed: ParsedSitemap) -> ParsedPage:
    """A feed as the list of its entries; a sitemap, which says nothing to a reader, as its links alone."""
    title = listed.title or metadata.title_from_url(page.url)
    markdown = search_text = ""
    if listed.kind == "feed":
        entries = "\n".join(_entry(item) for item in listed.entries)
        markdown = storable(f"# {title}\n\n{entries}")
        search_text = split_cjk(storable(" ".join((title, *(item.title for item in listed.entries)))))
    return _page(
        page,
        title=title,
        markdown=markdown,
        search_text=search_text,
        links=tuple(item.url for item in listed.entries),
        other_links=listed.others,
        headings=((1, title),) if markdown else (),
        language=metadata.language_of_text(search_text),
        truncated=listed.truncated,
        thin=len(search_text) < _THIN,
        encoding=charset.decode(page.body, page.charset).encoding,
    )


def _entry(item: Listed) -> str:
    target = f"<{item.url}>" if "(" in item.url or ")" in item.url else item.url
    return f"- [{_LINK_TEXT.sub(_escaped, item.title or item.url)}]({target})"


def _escaped(special: re.Match[str]) -> str:
    return "\\" + special[0]


def _language_of(media_type: str) -> str:
    if media_type.endswith("+json"):
        return "json"
    if media_type.endswith("+xml"):
        return "xml"
    return _CODE.get(media_type, "")


def _page(
    page: PageInput,
    *,
    title: str,
    kind: str = "html",
    markdown: str = "",
    search_text: str = "",
    links: tuple[str, ...] = (),
    nofollow_links: tuple[str, ...] = (),
    other_links: int = 0,
    canonical: str | None = None,
    description: str = "",
    language: str = "",
    author: str = "",
    published: int | None = None,
    headings: tuple[tuple[int, str], ...] = (),
    truncated: bool = False,
    thin: bool = False,
    noindex: bool = False,
    nofollow: bool = False,
    encoding: str = "",
) -> ParsedPage:
    return ParsedPage(
        url=page.url,
        kind=kind,
        content_type=page.content_type,
        title=title,
        markdown=markdown,
        search_text=search_text,
        links=links,
        nofollow_links=nofollow_links,
        other_links=other_links,
        canonical=canonical,
        description=description,
        language=language,
        author=author,
        published=published,
        headings=headings,
        truncated=truncated,
        thin=thin,
        noindex=noindex,
        nofollow=nofollow,
        content_hash=hashlib.sha256(markdown.encode("utf-8")).hexdigest(),
        source=zlib.compress(page.body, _ZLIB_LEVEL),
        charset=encoding,
        extractor=EXTRACTOR_VERSION,
    )
