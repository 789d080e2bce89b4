"""Sitemaps and feeds: the addresses that a site names itself.

Understood are sitemaps and sitemap indexes (https://www.sitemaps.org/protocol.html), RSS 0.9 to 2.0, Atom (RFC 4287)
and plain lists of addresses, each as it is or gzipped. A file is read in one pass, piece by piece: no tree is built,
and what comes before an error counts.

It is expat and not lxml because a hostile document can do nothing here: entities other than XML's own five become plain
text before the parser sees them, a DOCTYPE with declarations ends the reading, nothing external is ever opened. Broken
ones still work: a bare ``&`` in an address, which lxml would drop together with the word behind it, is kept.
"""

import codecs
import html
import re
import zlib
from collections.abc import Iterator
from xml.parsers import expat

from quaero_desktop.content import charset, metadata
from quaero_desktop.content.links import Resolver
from quaero_desktop.domain.pages import Listed, PageInput, ParsedSitemap
from quaero_desktop.domain.text import single_line
from quaero_desktop.domain.urls import MAX_URL_LENGTH

MAX_URLS = 50_000
"""The most addresses of one file (the protocol's own limit)."""
MAX_BYTES = 50_000_000
"""How much of one file is read, decompressed (the protocol's own limit)."""

_PIECE = 65_536
_MAX_DEPTH = 64
_MAX_MEMBERS = 1_000
_MAX_TEXT = 2 * MAX_URL_LENGTH
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"
_LONGEST_REFERENCE = 12

# An ampersand that starts neither one of XML's own entities nor a character.
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]+")
_XML_DECLARATION = re.compile(r"<\?xml\b[^<>]{0,200}\?>")
_ROOTS = {"urlset": "urlset", "sitemapindex": "index", "rss": "feed", "feed": "feed", "RDF": "feed"}
_ENTRIES = {"urlset": "url", "index": "sitemap"}
_FEED_ENTRIES = frozenset({"item", "entry"})
_DATES = frozenset({"lastmod", "pubDate", "updated", "published", "date"})
_TEXTS = frozenset({"loc", "link", "title"})
_LINE_OF_A_LIST = re.compile(r"https?://\S+", re.IGNORECASE)


class _StopReadingError(Exception):
    """Enough, or too much, was read; caught in :func:`read`."""


def read(file: PageInput, *, max_urls: int = MAX_URLS, max_bytes: int = MAX_BYTES) -> ParsedSitemap:
    """Return what a sitemap, a feed or a list of addresses names. Nothing in it makes this raise.

    Args:
        file: its bytes, gzipped or not; relative addresses start from its URL.
        max_urls: the most addresses to return.
        max_bytes: how much of it to read, decompressed.
    """
    reader = _Reader(file.url, max_urls)
    try:
        for piece in _texts(file, max_bytes, reader):
            reader.feed(piece)
        reader.close()
    except _StopReadingError as stop:
        reader.truncated = True
        reader.note = str(stop)
    except expat.ExpatError as error:
        reader.truncated = True
        reader.note = reader.note or f"it is broken: {expat.ErrorString(error.code)} in line {error.lineno}"
    return reader.result()


class _Reader:
    """Collects addresses from text that comes in pieces.

    Attributes:
        truncated: whether something was left out.
        note: why, as a part of a sentence.
    """

    def __init__(self, url: str, max_urls: int) -> None:
        self.truncated = False
        self.note = ""
        self._url = url
        self._max_urls = max_urls
        self._kind = ""
        self._resolve = Resolver(url)
        self._listed: dict[str, int | None] = {}
        self._titles: dict[str, str] = {}
        self._others = 0
        self._title = ""
        self._held = ""
        self._started = False
        self._parser: expat.XMLParserType | None = None
        self._path: list[str] = []
        self._text: list[str] | None = None
        self._text_length = 0
        self._entry: _Entry | None = None

    def feed(self, text: str) -> None:
        """Take the next piece."""
        text = self._held + text
        if not self._started:
            # What servers print before the document (blanks, warnings of a script) is no part of it.
            text = text.lstrip("\ufeff \t\r\n\0")
            if not text:
                return
            if declaration := _XML_DECLARATION.search(text[:4_096]):
                text = text[declaration.start() :]
            self._start(text)
        if self._parser is None:
            self._held = self._lines(text)
            return
        cut = text.rfind("&", -_LONGEST_REFERENCE)
        self._held = text[cut:] if cut >= 0 and ";" not in text[cut:] else ""
        self._parse(text[: len(text) - len(self._held)], final=False)

    def close(self) -> None:
        """Take note that no piece follows."""
        if self._parser is None:
            self._lines(self._held + "\n")
        else:
            self._parse(self._held, final=True)

    def result(self) -> ParsedSitemap:
        """Return what was found."""
        kind = self._kind or "none"
        if kind == "text" and not self._listed:
            kind = "none"
        return ParsedSitemap(
            url=self._url,
            kind=kind,
            title=self._title,
            entries=tuple(Listed(url, moment, self._titles.get(url, "")) for url, moment in self._listed.items()),
            others=self._others,
            truncated=self.truncated,
            note=self.note,
        )

    def _start(self, text: str) -> None:
        self._started = True
        if not text.startswith("<"):
            self._kind = "text"
            return
        # The text is decoded already, whatever encoding the declaration names.
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._open
        parser.EndElementHandler = self._shut
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = _doctype
        self._parser = parser

    def _parse(self, text: str, *, final: bool) -> None:
        assert self._parser is not None
        text = _NOT_XML.sub("", _BARE_AMPERSAND.sub("&amp;", text))
        self._parser.Parse(text, final)

    def _lines(self, text: str) -> str:
        """Read the addresses of a plain list, and return the line that is not complete yet."""
        *lines, rest = text.split("\n")
        for line in lines:
            line = line.strip("\ufeff \t\r\0")
            if _LINE_OF_A_LIST.fullmatch(line):
                self._add(line, None)
            elif line and not line.startswith("#"):
                self._others += 1
        if len(rest) > _MAX_TEXT:
            self._others += 1
            return ""
        return rest

    def _open(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if not self._path:
            self._kind = _ROOTS.get(name, "none")
            if self._kind == "none":
                raise _StopReadingError(f"it is no sitemap but <{single_line(tag, 40)}>")
        if len(self._path) >= _MAX_DEPTH:
            raise _StopReadingError("its elements are nested too deeply")
        parent = self._path[-1] if self._path else ""
        self._path.append(name)
        self._text = None
        if name == _ENTRIES.get(self._kind) or (self._kind == "feed" and name in _FEED_ENTRIES):
            self._entry = _Entry(len(self._path))
        elif self._entry is not None and len(self._path) == self._entry.depth + 1:
            if name == "link" and (href := attributes.get("href")):
                if attributes.get("rel", "alternate") == "alternate":
                    self._entry.link = self._entry.link or href
            # <guid isPermaLink="false"> and Atom's ids are names, not addresses.
            elif (
                name in _TEXTS
                or name in _DATES
                or (name == "guid" and attributes.get("isPermaLink", "true").strip().lower() == "true")
            ):
                self._begin_text()
        elif self._entry is None and self._kind == "feed" and name == "title" and parent in ("channel", "feed"):
            self._begin_text()

    def _begin_text(self) -> None:
        self._text = []
        self._text_length = 0

    def _shut(self, tag: str) -> None:
        name = self._path.pop()
        entry = self._entry
        if self._text is not None:
            text = "".join(self._text).strip() if self._text_length <= _MAX_TEXT else ""
            self._text = None
            if entry is None:
                self._title = self._title or single_line(html.unescape(text), 300)
            elif name == "loc" or (name == "link" and self._kind == "feed"):
                entry.link = entry.link or text
                entry.met = True
            elif name == "guid":
                entry.guid = text
            elif name == "title":
                entry.title = single_line(html.unescape(text), 300)
            elif name in _DATES:
                moment = metadata.milliseconds(text)
                if moment is not None and (entry.moment is None or moment > entry.moment):
                    entry.moment = moment
        if entry is not None and len(self._path) < entry.depth:
            self._entry = None
            link = entry.link or (entry.guid if _LINE_OF_A_LIST.fullmatch(entry.guid) else "")
            if link:
                self._add(link, entry.moment, entry.title)
            elif entry.met:
                self._others += 1

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text_length += len(text)
            if self._text_length <= _MAX_TEXT:
                self._text.append(text)

    def _add(self, link: str, moment: int | None, title: str = "") -> None:
        # Escaped twice by the site, or once in a CDATA section, be it by us: what is meant is always the character.
        url = self._resolve[link.replace("&amp;", "&").partition("#")[0].strip()]
        self._resolve.clear()  # every address is another one: nothing to remember
        if url is None:
            self._others += 1
            return
        if url in self._listed:
            return
        if len(self._listed) >= self._max_urls:
            raise _StopReadingError(f"it names more than {self._max_urls:,} addresses")
        self._listed[url] = moment
        if title:
            self._titles[url] = title


class _Entry:
    """One ``url``, ``sitemap``, ``item`` or ``entry`` while it is read."""

    __slots__ = ("depth", "guid", "link", "met", "moment", "title")

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.link = ""
        self.guid = ""
        self.title = ""
        self.moment: int | None = None
        self.met = False


def _doctype(name: str, system_id: str | None, public_id: str | None, has_declarations: bool) -> None:
    if has_declarations:
        raise _StopReadingError("it declares a document type of its own")


def _texts(file: PageInput, max_bytes: int, reader: _Reader) -> Iterator[str]:
    """Yield the decoded text of *file* in pieces."""
    decoder: codecs.IncrementalDecoder | None = None
    for piece in _pieces(file.body, max_bytes, reader):
        if decoder is None:
            decoder = codecs.getincrementaldecoder(charset.codec_of(piece, file.charset))("replace")
        yield decoder.decode(piece)
    if decoder is not None:
        yield decoder.decode(b"", final=True)


def _pieces(body: bytes, max_bytes: int, reader: _Reader) -> Iterator[bytes]:
    """Yield *body*, decompressed where it is gzipped, up to *max_bytes*; of a broken one what precedes the fault."""
    if not body.startswith(_GZIP_MAGIC):
        view = memoryview(body)[:max_bytes]
        for start in range(0, len(view), _PIECE):
            yield bytes(view[start : start + _PIECE])
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        return
    data, size, members = body, 0, 0
    inflate = zlib.decompressobj(_GZIP)
    while True:
        try:
            piece = inflate.decompress(data, _PIECE)
        except zlib.error:
            reader.truncated, reader.note = True, "its compression is broken"
            return
        room = max_bytes - size
        size += len(piece)
        yield piece[:room]
        if size > max_bytes:
            raise _too_large(max_bytes)
        if inflate.eof:
            data = inflate.unused_data
            members += 1
            if not data.startswith(_GZIP_MAGIC) or members >= _MAX_MEMBERS:
                return
            inflate = zlib.decompressobj(_GZIP)
        else:
            data = inflate.unconsumed_tail
            if not data and len(piece) < _PIECE:
                reader.truncated, reader.note = True, "its compressed data ends too early"
                return


def _too_large(max_bytes: int) -> _StopReadingError:
    return _StopReadingError(f"it is larger than {max_bytes / 1e6:g} MB")
