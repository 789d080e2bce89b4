"""The HTTP transport: httpx's interface over aiohttp's connections, which are more than twice as fast.

What aiohttp would do on its own is taken from it: rewriting URLs, adding headers, keeping cookies, following redirects,
decompressing, and sending a request again. ``tests/web/test_transport.py`` proves each against a recording server.
"""

import asyncio
import contextlib
import contextvars
import functools
import ssl
import weakref
from collections.abc import Sequence
from typing import Any

import aiohttp
import httpx
import truststore
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from multidict import CIMultiDict
from yarl import URL

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.web.names import (
    Address,
    AddressPolicy,
    CheckedResolver,
    Lookup,
    Names,
    allow_every_address,
    is_public,
    literal_address,
    refuse_private,
    system_lookup,
)

KEEP_ALIVE_SECONDS = 15.0
MAX_HEADERS = 256

FRESH_CONNECTION = "fresh_connection"
"""Request extension: do not use a kept connection."""

PUBLIC_ONLY = "public_only"
"""Request extension: refuse a host with an address that is not public."""


class NameLookupError(httpx.ConnectError):
    """The host name is unknown, or nobody answers who could know it."""


class TlsError(httpx.ConnectError):
    """No secure connection.

    Args:
        message: what OpenSSL says.
        certificate: whether the server's certificate is to blame, which trying again will not change.
    """

    def __init__(self, message: str, *, certificate: bool) -> None:
        super().__init__(message)
        self.certificate = certificate


class AddressRefusedError(httpx.ConnectError):
    """The address policy refused the host; the message is the policy's."""


class StaleConnectionError(httpx.ReadError):
    """A kept connection turned out to be closed by the server before a response began: servers do that when they like.

    Sending a GET again is allowed then (RFC 9110, 9.2.2), but it is the caller who decides.
    """


class _Exchange:
    """What the connector tells about the connection of one request."""

    __slots__ = ("fresh", "reused")

    def __init__(self, fresh: bool) -> None:
        self.fresh = fresh
        self.reused = False


_exchange: contextvars.ContextVar[_Exchange] = contextvars.ContextVar("quaero_exchange")


class _Connector(aiohttp.TCPConnector):
    """Tells whether a connection was used before, and never hands out one that holds bytes nobody asked for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._used: weakref.WeakSet[ResponseHandler] = weakref.WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> Connection:
        exchange = _exchange.get()
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            assert protocol is not None
            if protocol not in self._used:
                self._used.add(protocol)
                return connection
            if not exchange.fresh and not protocol.should_close:
                exchange.reused = True
                return connection
            connection.close()


class _Request(aiohttp.ClientRequest):
    """A request with the headers that httpx asked for and no others."""

    _skip_auto_headers: CIMultiDict[None] | None = CIMultiDict([("Content-Type", None)])

    def update_auto_headers(self, skip_auto_headers: object) -> None:
        """Add nothing."""


class _Body(httpx.AsyncByteStream):
    """The raw bytes of a response as they arrive. No generator: left half-way, that would need a task to close it."""

    def __init__(self, response: aiohttp.ClientResponse, slots: asyncio.Semaphore) -> None:
        self._response = response
        self._slots = slots
        self._closed = False

    def __aiter__(self) -> "_Body":
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._response.content.readany()
        except Exception as error:
            raise _mapped(error) from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Give the connection back when the body was read to its end, else close it."""
        if not self._closed:
            self._closed = True
            self._response.close()
            self._slots.release()


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends httpx requests through aiohttp.

    Honours the extensions ``timeout`` (``connect`` covers name look-up, TCP and TLS together), ``target`` (the request
    target, byte for byte; else the URL's path and query), :data:`FRESH_CONNECTION` and :data:`PUBLIC_ONLY`. Every fault
    is an ``httpx.TransportError``; only CancelledError passes as it is.

    Args:
        connections: the most requests under way; more wait.
        max_header_bytes: the most bytes of the status line and of each header line.
        policy: asked about the addresses of each new connection, whatever the request says.
        lookup: how names become addresses.
        tls: the TLS settings; None for the operating system's trust store.
    """

    def __init__(
        self,
        *,
        connections: int = 64,
        max_header_bytes: int = 32_768,
        policy: AddressPolicy = allow_every_address,
        lookup: Lookup = system_lookup,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._slots = asyncio.Semaphore(connections)
        self._max_header_bytes = max_header_bytes
        self._policy = policy
        self._names = Names(lookup)
        self._tls = tls
        # By whether they refuse private addresses. Two sessions, because each has its own kept connections: a request
        # that must not reach a private address never gets one that was made for another that may.
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* and return its response as soon as the headers are there; its stream must be closed.

        Raises:
            httpx.TransportError: whatever went wrong.
        """
        if self._closed:
            raise httpx.TransportError("The transport is closed.")
        public_only = PUBLIC_ONLY in request.extensions
        session = self._sessions.get(public_only) or self._open(public_only)
        timeouts = request.extensions.get("timeout", {})
        exchange = _Exchange(FRESH_CONNECTION in request.extensions)
        try:
            url = self._checked_url(request)
            headers = [(name.decode("ascii"), value.decode("utf-8")) for name, value in request.headers.raw]
            body = await request.aread()
            await self._slot(timeouts.get("pool"))
        except Exception as error:
            raise _mapped(error) from error
        _exchange.set(exchange)
        try:
            response = await session.request(
                request.method,
                url,
                headers=headers,
                data=body or None,
                allow_redirects=False,
                timeout=_timeout(timeouts.get("connect"), timeouts.get("read")),
            )
        except BaseException as error:
            self._slots.release()
            if not isinstance(error, Exception):
                raise
            raise _mapped(error, exchange) from error
        version = response.version
        return httpx.Response(
            response.status,
            headers=list(response.raw_headers),
            stream=_Body(response, self._slots),
            extensions={
                "http_version": b"HTTP/1.0" if version is not None and version.minor == 0 else b"HTTP/1.1",
                "reason_phrase": (response.reason or "").encode("ascii", "replace"),
            },
        )

    async def is_private(self, host: str) -> bool:
        """Return whether *host* (a name or an address, as in a canonical URL) has an address that is not public.

        Raises:
            OSError: the name is unknown.
            ValueError: it is neither.
        """
        address = literal_address(host)
        addresses = (address,) if address is not None else await self._names.addresses(host)
        return not all(is_public(address) for address in addresses)

    def _policy_of(self, public_only: bool) -> AddressPolicy:
        if not public_only:
            return self._policy

        def both(host: str, addresses: Sequence[Address]) -> None:
            refuse_private(host, addresses)
            self._policy(host, addresses)

        return both

    def _checked_url(self, request: httpx.Request) -> URL:
        if request.url.scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol("Only http and https addresses can be fetched.")
        host = request.url.raw_host.decode("ascii")
        if not host:
            raise httpx.UnsupportedProtocol("The address names no host.")
        # aiohttp does not ask its resolver about addresses, only about names.
        address = literal_address(host)
        if address is not None:
            self._policy_of(PUBLIC_ONLY in request.extensions)(host, (address,))
        target: bytes = request.extensions.get("target") or request.url.raw_path
        # The whole target goes in as a path: yarl neither parses nor rewrites it, nor drops an empty query's "?".
        return URL.build(
            scheme=request.url.scheme,
            authority=request.url.netloc.decode("ascii"),
            path=target.decode("ascii"),
            encoded=True,
        )

    async def _slot(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds) if seconds is not None else contextlib.nullcontext():
                await self._slots.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("No connection became free.") from None

    def _open(self, public_only: bool) -> aiohttp.ClientSession:
        """Make a session: needs a running loop, so not before its first request."""
        if self._tls is None:
            self._tls = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._tls.set_alpn_protocols(["http/1.1"])
        connector = _Connector(
            resolver=CheckedResolver(self._policy_of(public_only), self._names),
            use_dns_cache=False,
            ssl=self._tls,
            limit=0,  # ours counts: aiohttp's would take the wait for a connection out of the time to connect
            keepalive_timeout=KEEP_ALIVE_SECONDS,
        )
        session = self._sessions[public_only] = aiohttp.ClientSession(
            connector=connector,
            request_class=_Request,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=self._max_header_bytes,
            max_field_size=self._max_header_bytes,
            max_headers=MAX_HEADERS,
        )
        # aiohttp sends an idempotent request again by itself, and has no option against it but the switch of its own
        # tests (aiohttp/test_utils.py): https://github.com/aio-libs/aiohttp/pull/7297
        session._retry_connection = False
        return session

    async def aclose(self) -> None:
        """Close every connection. Idempotent; requests under way fail."""
        self._closed = True
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()
        self._names.close()
        await asyncio.sleep(0)  # lets the sockets' own close callbacks run


@functools.lru_cache(maxsize=64)
def _timeout(connect: float | None, read: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=None, sock_read=read, ceil_threshold=3600)


def _mapped(error: Exception, exchange: _Exchange | None = None) -> httpx.TransportError:
    """Return *error* as httpx would name it, with a message that holds no URL and no header.

    Args:
        error: anything that aiohttp, yarl, the resolver or the policy raised.
        exchange: the connection's history while no response has begun, else None.
    """
    match error:
        case httpx.TransportError():
            return error
        case KnownError():
            return AddressRefusedError(error.message)
        case aiohttp.ConnectionTimeoutError():
            return httpx.ConnectTimeout("The connection took too long.")
        case TimeoutError():
            return httpx.ReadTimeout("The server sent nothing for too long.")
        case aiohttp.ClientConnectorCertificateError():
            return TlsError(_reason(error.certificate_error), certificate=True)
        case ssl.SSLCertVerificationError():
            return TlsError(_reason(error), certificate=True)
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return TlsError(_reason(error), certificate=False)
        case aiohttp.ClientConnectorDNSError():
            return NameLookupError("The host name is not known.")
        case aiohttp.ClientConnectorError():
            return httpx.ConnectError(_errno_name(error.os_error))
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | aiohttp.ClientConnectionResetError() if (
            exchange is not None and exchange.reused
        ):
            return StaleConnectionError("The server had closed the connection.")
        case aiohttp.ServerDisconnectedError():
            return httpx.ReadError("The server hung up.")
        case aiohttp.ClientPayloadError():
            return httpx.ReadError("The server hung up half-way.")
        case aiohttp.ClientResponseError() | aiohttp.http_exceptions.HttpProcessingError():
            return httpx.RemoteProtocolError("The answer is not HTTP.")
        case aiohttp.InvalidURL() | ValueError():
            return httpx.LocalProtocolError("The address or a header cannot be sent.")
        case OSError():
            return httpx.ReadError(_errno_name(error))
        case aiohttp.ClientConnectionError():
            return httpx.ReadError("The connection was closed.")
        case _:
            return httpx.TransportError(f"Unexpected {type(error).__name__}.")


def _reason(error: BaseException) -> str:
    """Return OpenSSL's reason without the rest of its message."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return getattr(cause, "reason", None) or type(cause).__name__


def _errno_name(error: OSError) -> str:
    return error.strerror or type(error).__name__
