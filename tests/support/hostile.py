"""A web of servers that lie, drip, swell and break off, and the crawl through them that must not mind.

Each behaviour is one row of a table: its name, what it does to whoever asks, and what its page must come to. Good pages
stand among them on the same servers. ``tests/engine/test_hostile_crawl.py`` checks the rows one by one, and
``python -m tests.benchmarks.hostile`` prints them with what came of each.
"""

import asyncio
import contextlib
import gzip
import itertools
import logging
import os
import pickle
import socket
import ssl
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from quaero_desktop.domain.documents import Document, DocumentFilter
from quaero_desktop.domain.jobs import Cause, Job
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.services.compose import Services
from tests.support.crawling import crawl, library, page, settings_with
from tests.support.recording_server import Behaviour, Exchange, RecordingServer, answering, response

TLS = Path(__file__).with_name("tls")
AUTHORITY = TLS / "authority.pem"
"""Who vouches for the certificates there, good and bad."""

FETCH_SECONDS = 1.5
PARSE_SECONDS = 3.0
SETTINGS = settings_with(
    queue={"num_workers": 12, "max_attempts": 1},
    crawl={"per_host": 12, "host_failures": 0},  # one host has all the tricks, and each of them is wanted
    fetch={"total_seconds": FETCH_SECONDS, "connect_seconds": FETCH_SECONDS},
    parse={"processes": 2, "timeout_seconds": PARSE_SECONDS},
)
"""The limits of a person but for the time, of which there is a little, and a single try."""

STORED = "stored"
RECORDED = "recorded"
"""Completed without a document, for a reason that is kept with the page."""

PATIENCE_SECONDS = 100.0
"""How long all of it may take in a process of its own: a guard, no measure."""
GOOD_PAGES = 20


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

EXPECTED: dict[str, frozenset[str]] = {trick.name: trick.expected for trick in (*TRICKS, *ROBOTS_TRICKS)} | TLS_TRICKS
"""Every behaviour and what its page may come to."""


NOT_FETCHED = frozenset(Cause) - {Cause.PARSE, Cause.PARSE_TIMEOUT, Cause.PARSE_CRASH}
"""Outcomes of pages that no parser saw."""
FETCH_BUDGET_SECONDS = FETCH_SECONDS + 2.5
"""What such a page may take, on a machine that does other things as well."""
PAGE_BUDGET_SECONDS = FETCH_BUDGET_SECONDS + PARSE_SECONDS * (
    1 + sum(Cause.PARSE_TIMEOUT in expected for expected in EXPECTED.values())
)
"""What any page may take, the wait for those that a parser holds on to included."""


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

    async def answer(exchange: Exchange) -> object:
        chosen = answers.get(exchange.target)
        if chosen is None and exchange.target.startswith("/redirects-to-a-growing-query?"):
            chosen = grow_the_query
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
async def tls_servers(self_signed: Path) -> AsyncIterator[dict[str, str]]:
    """Yield the seed of each of :data:`TLS_TRICKS`; the authority must be trusted by whoever fetches them."""
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


@contextlib.contextmanager
def trusting_the_authority() -> Iterator[None]:
    """Let this process trust :data:`AUTHORITY`: through OpenSSL's own switch, as the product trusts the system's."""
    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = str(AUTHORITY)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SSL_CERT_FILE"]
        else:
            os.environ["SSL_CERT_FILE"] = before


# --- the crawl --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Visit:
    """What came of one page.

    Attributes:
        name: the behaviour.
        outcome: ``stored``, ``recorded``, a cause, or the status of a page that did not end.
        message: the reason, for a person.
        seconds: from its start to its end, the waiting for a parser included.
        document: what was stored of it.
    """

    name: str
    outcome: str
    message: str
    seconds: float
    document: Document | None = None


@dataclass
class Run:
    """What came of everything.

    Attributes:
        visits: by the behaviour's name.
        good: the outcomes of the good pages.
        problems: lines of the checks of the library that fail, and of what the process logged as a mistake of ours.
        texts: every text that is shown in a list or a log: titles, names, errors, log lines.
        grown: by how many bytes this process, the servers included, grew at most.
        seconds: how long it took.
    """

    visits: dict[str, Visit] = field(default_factory=dict)
    good: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    grown: int = 0
    seconds: float = 0.0


class _Problems(logging.Handler):
    """Keeps what is logged as an error, and what no task handled."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Note *record*."""
        self._lines.append(self.format(record))


class _Memory:
    """How much this process grows at most while the block runs."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before = self.most = self._process.memory_info().rss

    @property
    def grown(self) -> int:
        """Bytes beyond what it had before."""
        return self.most - self._before

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.most = max(self.most, self._process.memory_info().rss)
            await asyncio.sleep(0.02)


def run_alone(folder: Path, self_signed: Path) -> Run:
    """Do what :func:`run` does in a process of its own: how much this one grows depends on all that it did before.

    Args:
        folder: empty.
        self_signed: a certificate with its key that nobody vouches for.
    """
    answer = folder.with_suffix(".pickle")
    command = [sys.executable, "-m", __name__, str(folder), str(self_signed), str(answer)]
    subprocess.run(command, check=True, timeout=PATIENCE_SECONDS, cwd=Path(__file__).parents[2])
    made: Run = pickle.loads(answer.read_bytes())
    return made


async def run(folder: Path, self_signed: Path) -> Run:
    """Crawl all of it into a new library in *folder* and return what came of it.

    Args:
        folder: empty.
        self_signed: a certificate with its key that nobody vouches for.
    """
    result = Run()
    handler = _Problems(result.problems)
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: result.problems.append(f"loop: {context.get('message')} {context.get('exception')!r}")
    )
    logging.getLogger().addHandler(handler)
    started = time.monotonic()
    try:
        with trusting_the_authority():
            async with library(folder, SETTINGS) as services:
                await _crawl_everything(services, self_signed, result)
                report = await services.maintenance.verify()
                result.problems += [f"{check.name}: {check.detail}" for check in report.checks if not check.ok]
    finally:
        logging.getLogger().removeHandler(handler)
    result.seconds = time.monotonic() - started
    return result


async def _crawl_everything(services: Services, self_signed: Path, result: Run) -> None:
    async with RecordingServer().running() as server:
        # What is loaded on first use, and SQLite's page cache, are no growth: honest pages as large fill them, too.
        server.behaviour = sized(b"<title>Honest</title><p>", PROSE.encode() * 150, 5_000_000 // (len(PROSE) * 150))
        await crawl(services, *(server.url(f"/warm-up/{number}") for number in range(2)), obey_robots=False)
        server.behaviour = _site()
        memory = _Memory()
        watching = asyncio.create_task(memory.watch(), name="memory watch")
        try:
            details = await crawl(services, server.url("/"), delay_seconds=0.0)
            pages = await _pages(services, details.job.id, result)
        finally:
            watching.cancel()
            await asyncio.wait([watching])
        result.grown = memory.grown
    for trick in TRICKS:
        result.visits[trick.name] = await _visit(services, trick.name, server.url(trick.path), pages)
    for number in range(GOOD_PAGES):
        result.good.append((await _visit(services, "good", server.url(f"/good/{number}"), pages)).outcome)

    async with contextlib.AsyncExitStack() as running:
        seeds = {}
        for trick in ROBOTS_TRICKS:
            other = await running.enter_async_context(RecordingServer().running())
            other.behaviour = _site_with_robots(trick.answer)
            seeds[trick.name] = other.url("/")
        details = await crawl(services, *seeds.values(), delay_seconds=0.0, depth=0)
        pages = await _pages(services, details.job.id, result)
        for name, url in seeds.items():
            result.visits[name] = await _visit(services, name, url, pages)

    async with tls_servers(self_signed) as seeds:
        details = await crawl(services, *seeds.values(), delay_seconds=0.0, depth=0, obey_robots=False)
        pages = await _pages(services, details.job.id, result)
        for name, url in seeds.items():
            result.visits[name] = await _visit(services, name, url, pages)


async def _pages(services: Services, root_id: int, result: Run) -> dict[str, Job]:
    jobs = (await services.jobs.page(JobFilter(parent=root_id, limit=None))).jobs
    lines = await services.jobs.logs(root_id, level="debug", limit=None, children=True)
    result.texts += [text for job in jobs for text in (job.name, job.error or "")]
    result.texts += [line.message for line in lines]
    return {job.url: job for job in jobs if job.url is not None}


async def _visit(services: Services, name: str, url: str, pages: dict[str, Job]) -> Visit:
    job = pages[url]
    seconds = 0.0
    seen = set()
    while True:
        seen.add(url)
        seconds += ((job.completed_at or 0) - (job.started_at or 0)) / 1000
        target = (job.result or {}).get("redirect")
        if target is None or target in seen or target not in pages:
            break
        url, job = target, pages[target]
    documents = (await services.library.documents(DocumentFilter(query=url, limit=None))).documents
    found = [each for each in documents if each.url == url]
    document = await services.library.document(found[0].id) if found else None
    if job.status == "failed":
        return Visit(name, job.cause or "no cause", job.error or "", seconds, document)
    if job.status == "completed":
        outcome = STORED if document is not None else RECORDED
        return Visit(name, outcome, "" if job.result is None else str(job.result), seconds, document)
    return Visit(name, job.status, job.error or "", seconds, document)


def main() -> None:
    """Run it and leave what came of it as a pickle: ``python -m tests.support.hostile FOLDER CERTIFICATE ANSWER``."""
    # Under its own name, so that who reads the pickle finds the classes.
    from tests.support import hostile

    folder, self_signed, answer = map(Path, sys.argv[1:])
    answer.write_bytes(pickle.dumps(asyncio.run(hostile.run(folder, self_signed))))


if __name__ == "__main__":
    main()
