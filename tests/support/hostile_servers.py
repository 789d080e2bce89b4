"""A web of servers that lie, drip, swell and break off, in a process of its own.

Each behaviour is one row of a table: its name, what it does to whoever asks, and what its page must come to. Good pages
stand among them on the same servers. :mod:`tests.support.hostile` is the crawl through them.

They live apart so that what the crawler's process needs of memory and time is the crawler's alone.
"""

import asyncio
import contextlib
import gzip
import itertools
import json
import socket
import ssl
import subprocess
import sys
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from quaero_desktop.domain.jobs import Cause
from tests.support.crawling import page
from tests.support.recording_server import Behaviour, Exchange, RecordingServer, answering, response

TLS = Path(__file__).with_name("tls")
AUTHORITY = TLS / "authority.pem"
"""Who vouches for the certificates there, good and bad."""

STORED = "stored"
RECORDED = "recorded"
"""Completed without a document, for a reason that is kept with the page."""

GOOD_PAGES = 20
WARM_UP = "/warm-up/"
"""Below it the server of :data:`TRICKS` has honest pages as large as its largest dishonest ones."""
WARM_UP_BYTES = 5_000_000


@dataclass(frozen=True)
class Trick:
    """One behaviour.

    Attributes:
        name: what it does; also its path.
        answer: does it.
        expected: what its page may come to: ``stored``, ``recorded`` or a cause. Of a chain of redirects the last one
            counts.
    """

    name: str
    answer: Behaviour
    expected: frozenset[str]

    @property
    def path(self) -> str:
        """Where it lives."""
        return "/" + self.name.replace(" ", "-")


def _trick(name: str, answer: Behaviour, *expected: str) -> Trick:
    return Trick(name, answer, frozenset(expected))


# --- how they do it ---------------------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
PROSE = "A page that is worth keeping has a sentence or two, and this is the second half of one of them. " * 4

BROTLI_BOMB = bytes.fromhex(
    "cbffff3ff82700e2b14020f7fe8fffff7ff04f00c4611180eefd1fffffffe09f0088c30200ddfb3ffeffffc13f0110870500baf77ffcffff837f"
    "02200e0b0074effff8ffff07ff04401c1600e8defff1ffff0ffe0980382c00d0bdffe3ffff1ffc1300715800a07bff37"
)
"""64 MiB of zeros."""
# A frame without a size, then 800 blocks, each of which repeats one byte 128 KiB times (RFC 8878, 3.1.1).
ZSTD_BOMB = b"\x28\xb5\x2f\xfd\x00\x58" + b"".join(
    (131_072 << 3 | 1 << 1 | (number == 799)).to_bytes(3, "little") + b"\0" for number in range(800)
)


def html(body: str | bytes, head: str | bytes = "<title>A hostile page</title>", **headers: str) -> Behaviour:
    """Return a behaviour that answers with a page."""
    parts = [part.encode() if isinstance(part, str) else part for part in (head, body)]
    document = b"<!doctype html><html><head>" + parts[0] + b"</head><body>" + parts[1] + b"</body></html>"
    return answering(response(document, **headers))


def zipped(data: bytes, encoding: str = "gzip") -> Behaviour:
    """Return a behaviour that calls *data* compressed."""
    return answering(response(data, Content_Encoding=encoding))


def sent_to(target: str | bytes) -> Behaviour:
    """Return a behaviour that redirects to *target*, byte for byte."""
    location = target if isinstance(target, bytes) else target.encode("latin-1")
    return answering(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")


def dripping(start: bytes, drop: bytes, seconds: float = 0.05) -> Behaviour:
    """Return a behaviour that sends *start*, and then *drop* after *drop* until the client has had enough."""

    async def drip(exchange: Exchange) -> object:
        await exchange.send(start)
        hung_up = asyncio.create_task(exchange.until_hung_up())
        try:
            while not hung_up.done():
                await exchange.send(drop)
                await asyncio.wait([hung_up], timeout=seconds)
        finally:
            hung_up.cancel()
            await asyncio.wait([hung_up])
        return True

    return drip


def pouring(start: bytes, piece: bytes, times: int | None = None) -> Behaviour:
    """Return a behaviour that sends *start* and then *piece*, so many times or for ever, as fast as it can."""

    async def pour(exchange: Exchange) -> object:
        await exchange.send(start)
        for _ in itertools.count() if times is None else range(times):
            if exchange.writer.transport.is_closing():
                return True
            await exchange.send(piece)
            await asyncio.sleep(0)
        return None

    return pour


def sized(start: bytes, piece: bytes, times: int) -> Behaviour:
    """Return a behaviour that pours a page whose length it tells."""
    length = len(start) + len(piece) * times
    return pouring(HEAD + b"Content-Length: %d\r\n\r\n" % length + start, piece, times)


async def reset_at_once(exchange: Exchange) -> object:
    """Break the connection instead of answering."""
    exchange.reset()
    return True


async def reset_in_the_body(exchange: Exchange) -> object:
    """Break the connection in the middle of the page."""
    await exchange.send(response(b"x" * 100)[:-50])
    exchange.reset()
    return True


async def grow_the_query(exchange: Exchange) -> object:
    """Redirect to the same page with more of a query, for ever."""
    joint = "&" if "?" in exchange.target else "?"
    await sent_to(f"{exchange.target}{joint}again=1")(exchange)
    return None


def _with_tricky_text(body: bytes, charset: str, meta: bytes = b"<title>A lie about the encoding</title>") -> Behaviour:
    document = b"<html><head>" + meta + b"</head><body><p>" + body + b"</p></body></html>"
    return answering(response(document, Content_Type=f"text/html; charset={charset}"))


_ZIPPED_PAGE = gzip.compress(f"<title>Zipped</title><p>{PROSE}</p>".encode())
_BIDI = "\u202etxt.exe\u2066\u200f\u061c"
_ANSI = "\x1b[31mred\x1b[2J\x1b]0;owned\x07\x9b5n\x00\x08\x7f"

TRICKS: tuple[Trick, ...] = (
    # Time.
    _trick("never answers", Exchange.until_hung_up, Cause.TIMEOUT),
    _trick("drips a status line", dripping(b"HTTP/1.1 200 ", b"O"), Cause.TIMEOUT),
    _trick("drips headers", dripping(HEAD, b"X: y\r\n"), Cause.TIMEOUT),
    _trick("drips a body", dripping(HEAD + b"Content-Length: 100000\r\n\r\n", b"x"), Cause.TIMEOUT),
    _trick("drips chunks", dripping(CHUNKED, b"1\r\nx\r\n"), Cause.TIMEOUT),
    _trick("drips early hints", dripping(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), Cause.TIMEOUT),
    _trick("pours early hints", pouring(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50), Cause.TIMEOUT, Cause.PROTOCOL),
    _trick(
        "drips a missing page",
        dripping(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9999\r\n\r\n", b"x"),
        Cause.NOT_FOUND,
        Cause.TIMEOUT,
    ),
    _trick("drips the end of a page", dripping(CHUNKED + b"5\r\nhello\r\n0\r\n", b"X: y\r\n"), Cause.TIMEOUT),
    # Connections.
    _trick("hangs up at once", answering(b"", close=True), Cause.DISCONNECTED),
    _trick("hangs up in the header", answering(HEAD, close=True), Cause.DISCONNECTED),
    _trick("resets at once", reset_at_once, Cause.DISCONNECTED),
    _trick("resets in the body", reset_in_the_body, Cause.DISCONNECTED),
    # Lengths.
    _trick(
        "promises more than it sends",
        answering(response(b"short", Content_Length="500"), close=True),
        Cause.DISCONNECTED,
    ),
    _trick(
        "sends more than it promises",
        answering(response(b"<p>" + PROSE.encode() + b"SMUGGLED", Content_Length=str(3 + len(PROSE)))),
        STORED,
        Cause.PROTOCOL,
    ),
    _trick(
        "is chunked and has a length",
        answering(HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        STORED,
        Cause.PROTOCOL,
    ),
    _trick("has two lengths", answering(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc"), Cause.PROTOCOL),
    _trick("has a negative length", answering(HEAD + b"Content-Length: -1\r\n\r\n"), Cause.PROTOCOL),
    _trick("has a length of twenty digits", answering(HEAD + b"Content-Length: " + b"9" * 20 + b"\r\n\r\n"),
           Cause.PROTOCOL, Cause.TOO_LARGE),
    _trick("is too large by its own word", answering(response(b"", Content_Length="999999999")), Cause.TOO_LARGE),
    _trick("never ends", pouring(HEAD + b"\r\n", b"endless " * 8_192), Cause.TOO_LARGE),
    _trick("never ends and is a picture", pouring(HEAD.replace(b"text/html", b"image/png") + b"\r\n", b"x" * 65_536),
           RECORDED),
    _trick("has a chunk size that is no number", answering(CHUNKED + b"zz\r\nabc\r\n"), Cause.PROTOCOL),
    _trick("has a chunk larger than it says", answering(CHUNKED + b"3\r\nabcdefgh\r\n0\r\n\r\n"), Cause.PROTOCOL),
    _trick("has a chunk extension of a megabyte", answering(CHUNKED + b"5;" + b"x" * 1_000_000 + b"\r\nhello\r\n"),
           Cause.PROTOCOL, Cause.TIMEOUT, Cause.DISCONNECTED),
    # Compression.
    _trick("is a gzip bomb", zipped(gzip.compress(bytes(30_000_000))), Cause.DECODE),
    _trick("is a deflate bomb", zipped(zlib.compress(bytes(30_000_000)), "deflate"), Cause.DECODE),
    _trick("is a brotli bomb", zipped(BROTLI_BOMB, "br"), Cause.DECODE),
    _trick("is a zstd bomb", zipped(ZSTD_BOMB, "zstd"), Cause.DECODE),
    _trick("is gzip in gzip", zipped(gzip.compress(_ZIPPED_PAGE), "gzip, gzip"), Cause.DECODE),
    _trick("is gzip in brotli in deflate", zipped(_ZIPPED_PAGE, "gzip, br, deflate"), Cause.DECODE),
    _trick("is gzip cut short", zipped(_ZIPPED_PAGE[:-9]), Cause.DECODE),
    _trick("is no gzip", zipped(b"plain text"), Cause.DECODE),
    _trick("is thousands of empty gzips", zipped(gzip.compress(b"") * 5_000), Cause.DECODE),
    _trick("is gzip with rubbish after it", zipped(_ZIPPED_PAGE + b"rubbish"), STORED),
    _trick("names an encoding that commands a terminal", zipped(b"x", "\x1b[31m\u0085red"),
           Cause.DECODE, Cause.PROTOCOL),
    # Headers.
    _trick("sends 3000 headers", answering(HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(3_000)) + b"\r\n"),
           Cause.PROTOCOL),
    _trick("sends headers for ever", pouring(HEAD, b"X: y\r\n" * 50), Cause.PROTOCOL),
    _trick("sends a header of 150 KB", answering(HEAD + b"X: " + b"y" * 150_000 + b"\r\n\r\n"), Cause.PROTOCOL),
    _trick("has NUL in a header", answering(HEAD + b"X: a\x00b\r\n\r\n"), Cause.PROTOCOL),
    _trick("has a header without a colon", answering(HEAD + b"nothing\r\n\r\n"), Cause.PROTOCOL),
    _trick("has a media type of rubbish",
           answering(response(f"<p>{PROSE}".encode(), Content_Type="\u00ff/\u00fe;;;=;")), STORED, Cause.PROTOCOL),
    _trick("speaks SSH", answering(b"SSH-2.0-OpenSSH_9.2\r\n"), Cause.PROTOCOL),
    _trick("speaks HTTP 0.9", answering(b"<html>no header</html>", close=True), Cause.PROTOCOL),
    _trick("sends zeros", answering(bytes(1_000)), Cause.PROTOCOL),
    _trick("has a status that is no number", answering(b"HTTP/1.1 abc OK\r\n\r\n"), Cause.PROTOCOL),
    _trick("has a status of 999", answering(response(status="999 Beyond")), Cause.PROTOCOL),
    _trick("switches protocols", answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), Cause.PROTOCOL),
    _trick("sends a part that nobody asked for", answering(response(status="206 Partial Content")), Cause.PROTOCOL),
    _trick("says that nothing changed", answering(b"HTTP/1.1 304 Not Modified\r\n\r\n"), Cause.PROTOCOL),
    # Redirects.
    _trick("redirects to itself", sent_to(b"/redirects-to-itself"), Cause.BAD_REDIRECT),
    _trick("redirects in a circle", sent_to(b"/redirects-in-a-circle?back"), RECORDED),
    _trick("redirects to a growing query", grow_the_query, Cause.BAD_REDIRECT),
    _trick("redirects to nowhere", answering(response(status="302 Found")), Cause.BAD_REDIRECT),
    _trick("redirects to a file", sent_to("file:///etc/passwd"), Cause.BAD_REDIRECT),
    _trick("redirects to javascript", sent_to("javascript:alert(1)"), Cause.BAD_REDIRECT),
    _trick("redirects to ftp", sent_to("ftp://127.0.0.1/"), Cause.BAD_REDIRECT),
    _trick("redirects to data", sent_to("data:text/html,hello"), Cause.BAD_REDIRECT),
    _trick("redirects to an empty punycode", sent_to("http://xn--/"), Cause.BAD_REDIRECT, RECORDED),
    _trick("redirects to half an address", sent_to("http://[::1"), Cause.BAD_REDIRECT),
    _trick("redirects to a port that is none", sent_to("http://127.0.0.1:99999/"), Cause.BAD_REDIRECT),
    _trick("redirects with a megabyte", sent_to(b"/" + b"x" * 1_000_000), Cause.PROTOCOL),
    _trick("redirects with 20 KB", sent_to(b"/" + b"x" * 20_000), RECORDED),
    _trick("redirects to another machine", sent_to("http://2130706433:1/"), RECORDED),
    # Text.
    _trick("is in hex", _with_tricky_text(PROSE.encode(), "hex"), STORED),
    _trick("is in unicode_escape", _with_tricky_text(PROSE.encode(), "unicode_escape"), STORED),
    _trick("is in utf-7", _with_tricky_text(b"+ADw-script+AD4- " + PROSE.encode(), "utf-7"), STORED),
    _trick("is in UTF-16 without a mark",
           answering(response(f"<title>Wide</title><p>{PROSE}</p>".encode("utf-16-le"))), STORED),
    _trick("lies about Shift_JIS", _with_tricky_text("Grüße, Schöne Öl-Übung. ".encode() * 20, "Shift_JIS"), STORED),
    _trick("cuts a character in two", _with_tricky_text(PROSE.encode() + b"\xf0\x9f", "utf-8"), STORED),
    _trick("is full of NULs", html(b"\0".join(bytes([letter]) for letter in PROSE.encode())), STORED),
    _trick("has lone surrogates",
           html(b"<p>\xed\xa0\x80\xed\xbf\xbf &#xD800; &#xDFFF; &#x110000; " + PROSE.encode(),
                b"<title>\xed\xa0\x80&#xD800;surrogates</title>"), STORED),
    _trick("turns its text around", html(f"<h1>{_BIDI}</h1><p>{PROSE}{_BIDI}</p>", f"<title>{_BIDI}</title>"), STORED),
    _trick("commands the terminal", html(f"<h1>{_ANSI}</h1><p>{PROSE}{_ANSI}</p>",
                                         f"<title>{_ANSI}</title><meta name=author content='{_ANSI}'>"), STORED),
    _trick("has a title of a megabyte", html(f"<p>{PROSE}</p>", f"<title>{'long ' * 200_000}</title>"), STORED),
    _trick("has a title of blanks", html(f"<p>{PROSE}</p>", f"<title>{' ' * 500_000}end</title>"), STORED),
    # Markup.
    _trick("nests 100000 divs", html("<div>" * 100_000 + PROSE), STORED, Cause.PARSE),
    _trick("has a tag with 40000 attributes",
           html("<p " + " ".join(f"a{number}=1" for number in range(40_000)) + f">{PROSE}</p>"),
           STORED, Cause.PARSE_TIMEOUT),
    _trick("has a text of 12 MB", sized(b"<p>", b"word and " * 6_000, 223), Cause.TOO_LARGE),
    _trick("has a text of 5 MB", sized(b"<title>Big</title><p>", b"word and " * 6_000, 93),
           STORED, Cause.PARSE, Cause.PARSE_TIMEOUT),
    _trick("has an attribute of 5 MB", html(f"<p title='{'x' * 5_000_000}'>{PROSE}</p>"), STORED, Cause.PARSE),
    _trick("opens a million tags", html("<" * 1_000_000 + PROSE), STORED),
    _trick("opens comments", html("<!--" * 200_000 + PROSE), STORED),
    _trick("has 200000 links", html("<a href='/never'>x</a>" * 200_000), STORED, Cause.PARSE_TIMEOUT),
    _trick("links to what is no address",
           html("".join(f"<a href='{href}'>x</a>" for href in (
               "javascript:void(0)", "data:text/html,x", "mailto:a@b", "http://[::1", "http://xn--/", "http://a b/",
               "http://%00/", "//", "http:///", "\\\\unc\\share", "file:///etc/passwd", "http://h:99999/", "\x00",
               "http://" + "a" * 5_000 + ".test/", "&#xD800;", "http://127.0.0.1:1@evil.test/",
           )) + PROSE), STORED),
    _trick("has a base that is none", html(f"<p>{PROSE}<a href='x'>x</a>", "<base href='javascript:x'>"), STORED),
    _trick("is a billion laughs",
           answering(response((
               "<?xml version='1.0'?><!DOCTYPE html [<!ENTITY l0 'ha'>"
               + "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
               + f"]><html xmlns='http://www.w3.org/1999/xhtml'><body><p>&l9; {PROSE}</p></body></html>"
           ).encode(), Content_Type="application/xhtml+xml")), STORED),
    _trick("asks for a file of ours",
           answering(response((
               "<?xml version='1.0'?><!DOCTYPE html [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
               f"<html xmlns='http://www.w3.org/1999/xhtml'><body><p>&x; {PROSE}</p></body></html>"
           ).encode(), Content_Type="application/xhtml+xml")), STORED),
    _trick("nests JSON", answering(response(b"[" * 200_000, Content_Type="application/json")), STORED, Cause.PARSE),
    _trick("nests JSON in the head",
           html(f"<p>{PROSE}", f"<script type='application/ld+json'>{'[' * 100_000}</script>"), STORED),
    _trick("is a picture that says it is a page", answering(response(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 50)),
           RECORDED),
    _trick("is empty", answering(response(b"")), RECORDED),
)  # fmt: skip
"""What one server does, a path for each."""

ROBOTS_TRICKS: tuple[Trick, ...] = (
    _trick("robots.txt never ends", pouring(HEAD + b"\r\n", b"User-agent: x\nDisallow: /\n" * 2_000), STORED),
    _trick("robots.txt drips", dripping(HEAD + b"Content-Length: 100000\r\n\r\n", b"#"), Cause.ROBOTS),
    _trick("robots.txt is a bomb", zipped(gzip.compress(bytes(30_000_000))), STORED),
    _trick("robots.txt is broken", answering(response(status="500 Oh")), Cause.ROBOTS),
    _trick("robots.txt is not HTTP", answering(b"SSH-2.0-OpenSSH_9.2\r\n"), Cause.ROBOTS),
    _trick("robots.txt redirects for ever", grow_the_query, STORED),
    _trick("robots.txt redirects to a file", sent_to("file:///etc/passwd"), STORED),
    _trick("robots.txt is a page", html("<p>There are no robots here.</p>"), STORED),
    _trick("robots.txt is noise", answering(response(bytes(range(256)) * 2_000)), STORED),
    _trick("robots.txt has 16000 agents",
           answering(response(b"".join(b"User-agent: a%d\n" % n for n in range(16_000)) + b"Disallow: /x\n" * 9_000)),
           STORED),
    _trick("robots.txt has deadly wildcards",
           answering(response(b"User-agent: *\nDisallow: /%b$\nDisallow: /%bz\n" % (b"*a" * 2_000, b"*" * 5_000))),
           STORED),
)  # fmt: skip
"""What becomes of a page whose server does this to who asks for its robots.txt; each has a server of its own."""

TLS_TRICKS: dict[str, frozenset[str]] = {
    "has a good certificate": frozenset({STORED}),
    "signed its own certificate": frozenset({Cause.TLS}),
    "has an expired certificate": frozenset({Cause.TLS}),
    "has the certificate of another host": frozenset({Cause.TLS}),
    "speaks plain HTTP where TLS is due": frozenset({Cause.TLS}),
    "hangs up on the first word of TLS": frozenset({Cause.TLS, Cause.DISCONNECTED, Cause.CONNECT}),
    "never answers the first word of TLS": frozenset({Cause.TIMEOUT}),
    "does not listen": frozenset({Cause.CONNECT}),
}
"""Servers that one reaches over TLS, or not at all."""


# --- the servers ------------------------------------------------------------------------------------------------------


def _good(number: int) -> bytes:
    return page(text=f"Page number {number}. {PROSE}", title=f"Good page {number}")


_MISSING = response(b"", status="404 Not Found")


def _site() -> Behaviour:
    """Return the behaviour of the server with all of :data:`TRICKS`, good pages in between, and a start page."""
    answers: dict[str, Behaviour] = {trick.path: trick.answer for trick in TRICKS}
    answers["/redirects-in-a-circle?back"] = sent_to(b"/redirects-in-a-circle")
    answers |= {f"/good/{number}": answering(_good(number)) for number in range(GOOD_PAGES)}
    links = [trick.path for trick in TRICKS]
    for number in range(GOOD_PAGES):
        links.insert(number * (len(links) // GOOD_PAGES), f"/good/{number}")
    answers["/"] = answering(page(*links, text=PROSE))
    paragraphs = PROSE.encode() * 150
    honest = sized(b"<title>Honest</title><p>", paragraphs, WARM_UP_BYTES // len(paragraphs))

    async def answer(exchange: Exchange) -> object:
        chosen = answers.get(exchange.target)
        if chosen is None and exchange.target.startswith("/redirects-to-a-growing-query?"):
            chosen = grow_the_query
        elif chosen is None and exchange.target.startswith(WARM_UP):
            chosen = honest
        return await (chosen or answering(_MISSING))(exchange)

    return answer


def _site_with_robots(robots: Behaviour) -> Behaviour:
    async def answer(exchange: Exchange) -> object:
        if exchange.target.startswith("/robots.txt"):
            return await robots(exchange)
        return await answering(_good(0))(exchange)

    return answer


def _tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@contextlib.asynccontextmanager
async def _listening(connected: Callable[..., object]) -> AsyncIterator[int]:
    """Serve one connection after the other with *connected* and yield the port."""
    server = await asyncio.start_server(connected, "127.0.0.1", 0)  # type: ignore[arg-type]
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def _talk_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 This is plain HTTP\r\nContent-Length: 0\r\n\r\n")
    await _close(reader, writer, wait=True)


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _close(reader, writer, wait=False)


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _close(reader, writer, wait=True)


async def _close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, wait: bool) -> None:
    with contextlib.suppress(ConnectionError):
        while wait and await reader.read(65_536):
            pass
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.asynccontextmanager
async def _tls_servers(self_signed: Path) -> AsyncIterator[dict[str, str]]:
    """Yield the seed of each of :data:`TLS_TRICKS`."""
    async with contextlib.AsyncExitStack() as running:
        seeds: dict[str, str] = {}
        for name, certificate in (
            ("has a good certificate", TLS / "good.pem"),
            ("signed its own certificate", self_signed),
            ("has an expired certificate", TLS / "expired.pem"),
            ("has the certificate of another host", TLS / "other_host.pem"),
        ):
            server = RecordingServer(tls=_tls(certificate))
            server.behaviour = answering(_good(0))
            await running.enter_async_context(server.running())
            seeds[name] = server.url("/")
        for name, connected in (
            ("speaks plain HTTP where TLS is due", _talk_plain),
            ("hangs up on the first word of TLS", _hang_up),
            ("never answers the first word of TLS", _say_nothing),
        ):
            port = await running.enter_async_context(_listening(connected))
            seeds[name] = f"https://127.0.0.1:{port}/"
        seeds["does not listen"] = f"https://127.0.0.1:{_free_port()}/"
        yield seeds


# --- the process ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Web:
    """Where the servers are.

    Attributes:
        site: the origin of the server with all of :data:`TRICKS`.
        robots: a seed for each of :data:`ROBOTS_TRICKS`.
        tls: a seed for each of :data:`TLS_TRICKS`; the authority must be trusted by whoever fetches them.
    """

    site: str
    robots: dict[str, str]
    tls: dict[str, str]


@contextlib.contextmanager
def apart(self_signed: Path) -> Iterator[Web]:
    """Run the servers in a process of their own until the block ends.

    Args:
        self_signed: a certificate with its key that nobody vouches for.
    """
    with subprocess.Popen(
        [sys.executable, "-m", __name__, str(self_signed)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Web(**json.loads(process.stdout.readline()))
        finally:
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


async def serve(self_signed: Path) -> None:
    """Run all servers, print where they are, and end with stdin."""
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait_for_the_end() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(closed.set)

    async with contextlib.AsyncExitStack() as running:
        site = await running.enter_async_context(RecordingServer().running())
        site.behaviour = _site()
        robots = {}
        for trick in ROBOTS_TRICKS:
            server = await running.enter_async_context(RecordingServer().running())
            server.behaviour = _site_with_robots(trick.answer)
            robots[trick.name] = server.url("/")
        tls = await running.enter_async_context(_tls_servers(self_signed))
        print(json.dumps({"site": site.origin, "robots": robots, "tls": tls}), flush=True)
        threading.Thread(target=wait_for_the_end, daemon=True).start()
        await closed.wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
