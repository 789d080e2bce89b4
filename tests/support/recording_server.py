"""An HTTP server that understands nothing: it records every byte it gets and answers whatever a test says."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Exchange:
    """One request, and the connection on which to answer it.

    Attributes:
        raw: the request, up to and including its blank line.
        connection: the number of its connection, from 0.
        number: how many requests came before it, on all connections.
    """

    raw: bytes
    connection: int
    number: int
    reader: asyncio.StreamReader = field(repr=False)
    writer: asyncio.StreamWriter = field(repr=False)

    @property
    def target(self) -> str:
        """The request target, as it was sent."""
        return self.raw.split(b" ", 2)[1].decode("latin-1")

    @property
    def header_lines(self) -> list[str]:
        """The header lines, as they were sent."""
        return self.raw.decode("latin-1").split("\r\n")[1:-2]

    def header(self, name: str) -> str | None:
        """Return the value of the first header called *name*."""
        for line in self.header_lines:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_hung_up(self) -> None:
        """Wait until the client closes the connection."""
        with contextlib.suppress(ConnectionError):
            await self.reader.read()


Behaviour = Callable[[Exchange], Awaitable[object]]
"""Answers a request; the connection stays open when it returns None, else it is closed."""


def answering(data: bytes, *, close: bool = False) -> Behaviour:
    """Return a behaviour that sends *data*."""

    async def answer(exchange: Exchange) -> object:
        await exchange.send(data)
        return True if close else None

    return answer


def response(body: bytes = b"ok", *, status: str = "200 OK", **headers: str) -> bytes:
    """Return a whole response; header names are written with underscores for dashes."""
    lines = {"Content-Type": "text/html", "Content-Length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1") + body


class RecordingServer:
    """Listens on a free port of the loopback interface.

    Attributes:
        behaviour: answers what comes next; replace it at any time.
        exchanges: every request that came, in order.
        connections: how many connections were made.
        open: how many of them are open.
        origin: ``scheme://host:port``.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.behaviour: Behaviour = answering(OK)
        self.exchanges: list[Exchange] = []
        self.connections = 0
        self.open = 0
        self.origin = ""
        self._tls = tls
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def targets(self) -> list[str]:
        """The targets of the requests that came."""
        return [exchange.target for exchange in self.exchanges]

    def url(self, path: str = "/") -> str:
        """Return the address of *path*."""
        return self.origin + path

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition over this server's attributes holds."""
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(condition)

    @contextlib.asynccontextmanager
    async def running(self) -> "AsyncIterator[RecordingServer]":
        """Serve; at the end no task and no socket is left."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.origin = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"
        try:
            yield self
        finally:
            self._server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        number = self.connections
        self.connections += 1
        await self._note(1)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while True:
                    raw = await reader.readuntil(b"\r\n\r\n")
                    exchange = Exchange(raw, number, len(self.exchanges), reader, writer)
                    self.exchanges.append(exchange)
                    await self._note(0)
                    if await self.behaviour(exchange) is not None:
                        break
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
                await writer.wait_closed()
            await self._note(-1)
            self._tasks.discard(task)

    async def _note(self, opened: int) -> None:
        self.open += opened
        async with self._changed:
            self._changed.notify_all()


@pytest.fixture
async def server() -> AsyncIterator[RecordingServer]:
    """A server that runs for one test."""
    async with RecordingServer().running() as server:
        yield server
