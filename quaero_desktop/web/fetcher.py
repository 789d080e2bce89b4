"""Fetching one page: every fault becomes a value with a cause, and no server can make it last or grow."""

import asyncio
import contextlib
import io
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import httpx
import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.pages import Fetched, FetchFailed, FetchLimits, FetchResult, Redirected
from quaero_desktop.infra.clock import Clock
from quaero_desktop.web.decoding import DecodeError, Inflater
from quaero_desktop.web.failures import failure_of_status, failure_of_transport
from quaero_desktop.web.transport import (
    FRESH_CONNECTION,
    PUBLIC_ONLY,
    AiohttpTransport,
    StaleConnectionError,
)

_log = logging.getLogger(__name__)

_ACCEPT = b"text/html, application/xhtml+xml, text/plain;q=0.9, application/xml;q=0.8, */*;q=0.5"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BODILESS = frozenset({204, 205, 304})
_DRAIN_BYTES = 65_536
_DRAIN_SECONDS = 2.0
_MAX_KEPT_HEADER = 2_048
_KEPT_HEADERS = frozenset({b"etag", b"last-modified", b"content-language", b"x-robots-tag"})
_OWN_HEADERS = _KEPT_HEADERS | {b"content-type", b"content-encoding", b"content-length", b"location", b"retry-after"}
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})

_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,80}")
_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([^\s"';,]{1,40})""", re.IGNORECASE)
# Types that hold no text for us. Types that nobody thought of here are fetched: the parser records what they are.
_UNWANTED = re.compile(
    r"""(?:image|video|audio|font|model|multipart)/
    | text/event-stream$
    | application/(?:
        octet-stream | pdf | postscript | wasm | zip | gzip | x-gzip | zstd | rtf | msword | java-archive
        | x-(?:tar|gtar|bzip2?|xz|7z-compressed|rar-compressed|compress|zip-compressed|lzip|lzma|archive|cpio)
        | x-(?:msdownload|msdos-program|dosexec|executable|sharedlib|debian-package|rpm|redhat-package-manager)
        | x-(?:apple-diskimage|iso9660-image|shockwave-flash|java-archive|font|sqlite3)
        | vnd\.(?:rar|ms-|openxmlformats-|oasis\.opendocument|android\.package-archive|debian\.binary-package|sqlite3)
        | font | [\w.-]*\+zip$
    )""",
    re.VERBOSE,
)
# Not "try again later" (EAI_AGAIN): an authority says that there is no such name. NODATA exists on some systems only.
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class _RefusedError(Exception):
    """A response that will not be stored; caught in :meth:`Fetcher.fetch`."""

    def __init__(self, cause: Cause, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message
        self.status = status


class Fetcher:
    """Fetches pages, one request for each, without following redirects, keeping cookies or raising.

    A kept connection that the server closed before answering is the one thing that is tried again, once, on a new
    connection: it is no fault of the page, and servers close idle connections whenever they like (RFC 9112, 9.3.1).

    Args:
        user_agent: the whole User-Agent header.
        limits: the budget of each fetch.
        connections: the most requests under way.
        transport: what sends the requests; None for :class:`AiohttpTransport`. It is closed with the fetcher.
        clock: tells how long a fetch took and how far away a Retry-After date is.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        limits: FetchLimits,
        connections: int = 64,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._transport = transport or AiohttpTransport(
            connections=connections, max_header_bytes=limits.max_header_bytes
        )
        self.use_agent(user_agent)
        self._timeouts = {"connect": limits.connect_seconds, "read": None, "write": None, "pool": None}

    def use_agent(self, user_agent: str) -> None:
        """Send another User-Agent header from the next request on."""
        self._headers = [
            (b"User-Agent", user_agent.encode("ascii", "replace")),
            (b"Accept", _ACCEPT),
            (b"Accept-Encoding", b"gzip, deflate"),
        ]

    async def fetch(
        self,
        url: str,
        headers: Mapping[str, str] = _NO_HEADERS,
        *,
        any_type: bool = False,
        cut_at: int | None = None,
        allow_private: bool = True,
        on_answer: Callable[[], Awaitable[None]] | None = None,
    ) -> FetchResult:
        """Fetch one page.

        Of a response whose type holds no text (pictures, sound, archives, PDF, programs) nothing is read: it is a
        ``Fetched`` with its type and an empty body, and its connection is closed unless the rest is small.

        Args:
            url: a canonical URL; sent as it is, byte for byte.
            headers: more request headers, for example ``If-None-Match``. With one of the conditional ones a 304 is a
                ``Fetched`` with status 304 and an empty body.
            any_type: read the body whatever its type.
            cut_at: keep so many decoded bytes and hang up, instead of failing above ``limits.max_bytes``; it may be
                more than that.
            allow_private: whether the host may have an address that is not public. A crawl that began on the public web
                must not be led to one: to the router, or to a service on this very machine.
            on_answer: awaited when an answer begins, before any of its body is read.

        Returns:
            What came of it. Nothing but CancelledError is raised.
        """
        started = self._clock.monotonic()
        failed: FetchFailed
        try:
            async with asyncio.timeout(self._limits.total_seconds) as deadline:
                request = self._request(url, headers, allow_private)
                return await self._fetch(request, url, headers, any_type, cut_at, on_answer, started)
        except _RefusedError as error:
            failed = FetchFailed(url=url, cause=error.cause, message=error.message, status=error.status)
        except httpx.TransportError as error:
            failed = failure_of_transport(url, error)
        except TimeoutError:
            seconds = self._limits.total_seconds
            message = f"The page was not complete after {seconds:g} seconds."
            failed = FetchFailed(url=url, cause=Cause.TIMEOUT, message=message, retryable=deadline.expired())
        except Exception as error:
            _log.error("fetching failed in a way that is our mistake", exc_info=True)
            message = f"Quaero made a mistake while fetching ({type(error).__name__})."
            failed = FetchFailed(url=url, cause=Cause.EXECUTOR_ERROR, message=message)
        return msgspec.structs.replace(failed, elapsed_ms=self._elapsed_ms(started))

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._transport.aclose()

    def _elapsed_ms(self, started: float) -> int:
        return round((self._clock.monotonic() - started) * 1000)

    async def look_up(self, url: str) -> FetchFailed | None:
        """Look the host of a canonical URL up; return why it cannot be, ``retryable`` if another time may tell more."""
        if not isinstance(self._transport, AiohttpTransport):
            return None
        message, retryable = f"The host {urls.host_of(url)} cannot be looked up now. Is this computer online?", True
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                await self._transport.is_private(_name_of(url))
            return None
        except socket.gaierror as error:
            if error.errno in _NO_SUCH_NAME:
                message, retryable = f"The host {urls.host_of(url)} is not known. Check the spelling.", False
        except (OSError, ValueError):  # TimeoutError is an OSError
            pass
        return FetchFailed(url=url, cause=Cause.DNS, message=message, retryable=retryable)

    async def is_private(self, url: str) -> bool | None:
        """Return whether the host of a canonical URL has an address that is not public; None when nobody knows now."""
        if not isinstance(self._transport, AiohttpTransport):
            return False
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                return await self._transport.is_private(_name_of(url))
        except (OSError, ValueError):  # TimeoutError is an OSError
            return None

    async def _fetch(
        self,
        request: httpx.Request,
        url: str,
        headers: Mapping[str, str],
        any_type: bool,
        cut_at: int | None,
        on_answer: Callable[[], Awaitable[None]] | None,
        started: float,
    ) -> FetchResult:
        try:
            response = await self._transport.handle_async_request(request)
        except StaleConnectionError:
            request.extensions[FRESH_CONNECTION] = True
            response = await self._transport.handle_async_request(request)
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        try:
            if on_answer is not None:
                await on_answer()
            return await self._result(url, headers, response, stream, any_type, cut_at, started)
        finally:
            await stream.aclose()

    def _request(self, url: str, headers: Mapping[str, str], allow_private: bool) -> httpx.Request:
        """Build the request by hand: httpx would decode the host's punycode, and escape the target once more."""
        try:
            lines = [(b"Host", urls.host_of(url).encode("ascii")), *self._headers]
            lines += [(name.encode("ascii"), value.encode("utf-8")) for name, value in headers.items()]
            extensions: dict[str, Any] = {"timeout": self._timeouts, "target": urls.path_of(url).encode("ascii")}
            if not allow_private:
                extensions[PUBLIC_ONLY] = True
            return httpx.Request(
                "GET",
                url,
                headers=lines,
                stream=httpx.ByteStream(b""),
                extensions=extensions,
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise _RefusedError(Cause.BAD_URL, "The address cannot be sent to a server.") from error

    async def _result(
        self,
        url: str,
        asked: Mapping[str, str],
        response: httpx.Response,
        stream: httpx.AsyncByteStream,
        any_type: bool,
        cut_at: int | None,
        started: float,
    ) -> FetchResult:
        status = response.status_code
        fields = _fields(response)
        declared = _declared_length(fields)
        if status in _REDIRECTS:
            await _drain(stream, declared)
            return self._redirected(url, status, fields, started)
        if not (200 <= status <= 299 or (status == 304 and _is_conditional(asked))):
            await _drain(stream, declared)
            failed = failure_of_status(url, status, fields.get(b"retry-after"), self._clock.now_ms())
            return msgspec.structs.replace(failed, elapsed_ms=self._elapsed_ms(started))
        if status == 206:
            raise _RefusedError(Cause.PROTOCOL, "The server sent a part of the page, though we asked for all of it.")
        media_type, charset = _content_type(fields.get(b"content-type", b""))
        body, wire_bytes = b"", 0
        if status in _BODILESS or (not any_type and _UNWANTED.match(media_type)):
            if declared is not None:
                await _drain(stream, declared)
        else:
            body, wire_bytes = await self._body(stream, fields, declared, cut_at, status)
        return Fetched(
            url=url,
            status=status,
            content_type=media_type,
            charset=charset,
            headers=_kept_headers(fields),
            body=body,
            wire_bytes=wire_bytes,
            elapsed_ms=self._elapsed_ms(started),
        )

    def _redirected(self, url: str, status: int, fields: dict[bytes, bytes], started: float) -> FetchResult:
        location = fields.get(b"location", b"").strip()
        if not location:
            raise _RefusedError(Cause.BAD_REDIRECT, "The server redirects without saying where to.", status=status)
        target = urls.join(url, _text(location))
        if target is None:
            raise _RefusedError(Cause.BAD_REDIRECT, "The server redirects to what is no web address.", status=status)
        if target == url:
            raise _RefusedError(Cause.BAD_REDIRECT, "The page redirects to itself.", status=status)
        return Redirected(url=url, status=status, target=target, elapsed_ms=self._elapsed_ms(started))

    async def _body(
        self,
        stream: httpx.AsyncByteStream,
        fields: dict[bytes, bytes],
        declared: int | None,
        cut_at: int | None,
        status: int,
    ) -> tuple[bytes, int]:
        """Return the decoded body and how many bytes came over the wire."""
        most = self._limits.max_bytes if cut_at is None else cut_at
        too_large = _RefusedError(
            Cause.TOO_LARGE, f"The page is larger than {most / 1e6:g} MB, the most that is kept.", status=status
        )
        if cut_at is None and declared is not None and declared > most:
            raise too_large
        encoding = _text(fields.get(b"content-encoding", b"")).strip().lower()
        # Its buffer becomes the body: joining pieces would have all of them in memory twice.
        body = io.BytesIO()
        wire = 0
        try:
            inflater = None if encoding in ("", "identity") else Inflater(encoding, self._limits.max_ratio)
            async for chunk in stream:
                wire += len(chunk)
                decoded = (chunk,) if inflater is None else inflater.feed(chunk)
                for number, piece in enumerate(decoded):
                    if number:
                        await asyncio.sleep(0)  # a big chunk must not hold up the loop
                    body.write(piece)
                    if cut_at is not None and body.tell() >= cut_at:
                        body.truncate(cut_at)
                        return body.getvalue(), wire
                    if body.tell() > most:
                        raise too_large
                if wire > most:
                    raise too_large
            if inflater is not None:
                inflater.finish()
        except DecodeError as error:
            raise _RefusedError(Cause.DECODE, error.message, status=status) from error
        return body.getvalue(), wire


def _fields(response: httpx.Response) -> dict[bytes, bytes]:
    """Return the header fields that matter here, by lower-case name; repeated ones are joined, as RFC 9110 5.3 says."""
    fields: dict[bytes, bytes] = {}
    for raw_name, value in response.headers.raw:
        name = raw_name.lower()
        if name in _OWN_HEADERS:
            known = fields.get(name)
            # A repeated singleton cannot be joined: the last one counts, as in browsers.
            repeatable = name in (b"content-encoding", b"x-robots-tag", b"content-language")
            # Of X-Robots-Tag a line may begin with the name of the crawler that it is for.
            comma = b"\n" if name == b"x-robots-tag" else b", "
            fields[name] = value if known is None or not repeatable else known + comma + value
    return fields


def _name_of(url: str) -> str:
    """Return the host of a canonical URL without its port."""
    host = urls.host_of(url)
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _text(value: bytes) -> str:
    """Return a header value as text: UTF-8 where it is, else Latin-1, which decodes anything."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _kept_headers(fields: dict[bytes, bytes]) -> dict[str, str]:
    return {
        name.decode("ascii"): _text(value)
        for name, value in fields.items()
        if name in _KEPT_HEADERS and len(value) <= _MAX_KEPT_HEADER
    }


def _content_type(value: bytes) -> tuple[str, str]:
    """Return the media type and the charset of a Content-Type header, each empty when it makes no sense."""
    text = value[:1_000].decode("latin-1")
    media_type = text.partition(";")[0].strip().lower()
    charset = _CHARSET.search(text)
    return media_type if _MEDIA_TYPE.fullmatch(media_type) else "", charset[1].lower() if charset else ""


def _declared_length(fields: dict[bytes, bytes]) -> int | None:
    value = fields.get(b"content-length", b"")
    return int(value) if value.isdigit() and len(value) < 19 else None


def _is_conditional(asked: Mapping[str, str]) -> bool:
    return any(name.lower() in ("if-none-match", "if-modified-since") for name in asked)


async def _drain(stream: httpx.AsyncByteStream, declared: int | None) -> None:
    """Read a small rest that nobody needs, so that the connection can be used for the next page."""
    if declared is not None and declared > _DRAIN_BYTES:
        return
    size = 0
    with contextlib.suppress(TimeoutError, httpx.TransportError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for chunk in stream:
                size += len(chunk)
                if size > _DRAIN_BYTES:
                    return
