"""The runner's end of one worker process, and what is sent over it."""

import asyncio
import math
from multiprocessing.context import SpawnProcess
from typing import Protocol

import msgspec

from quaero_desktop.content.worker import REPLY_HEADER, REQUEST_HEADER, Reply, Request
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.pages import PageInput, ParsedPage, ParsedSitemap, ParseFailed
from quaero_desktop.domain.summaries import CorpusInput, Summary, SummaryInput

START_SECONDS = 60.0  # from the launch of a process until it is ready; 0.2 s on an idle machine
_MAX_REPLY_BYTES = 256_000_000

Input = PageInput | SummaryInput | CorpusInput
Result = ParsedPage | ParsedSitemap | Summary | ParseFailed


class Order:
    """A page on its way through the runner.

    Attributes:
        page: the page until a process takes it, then None. Its message is made no sooner: a page may be ten megabytes,
            and while it waits it is in memory once, while it is parsed not at all.
        kind: what is asked about it.
        wanted: what its answer must be.
        done, doing: what becomes of it, for the sentences about its failure.
    """

    __slots__ = ("doing", "done", "future", "kind", "page", "url", "wanted")

    def __init__(self, page: Input, kind: Request, wanted: Reply, future: asyncio.Future[Result]) -> None:
        self.page: Input | None = page
        self.url = page.url if isinstance(page, PageInput) else ""
        self.done, self.doing = ("parsed", "Parsing") if isinstance(page, PageInput) else ("summarised", "Summarising")
        self.kind = kind
        self.wanted = wanted
        self.future = future

    def settle(self, result: Result) -> None:
        """Give whoever waits what came of it."""
        if not self.future.done():  # else it was cancelled, and nobody waits for it
            self.future.set_result(result)

    def fail(self, cause: Cause, message: str) -> None:
        """Give whoever waits why nothing came of it."""
        self.settle(ParseFailed(url=self.url, cause=cause, message=message))


class Owner(Protocol):
    """Who is told what a process says."""

    def received(self, worker: "Worker", kind: int, body: memoryview) -> None:
        """Take a message from a worker."""

    def lost(self, worker: "Worker") -> None:
        """Take note that a worker's connection ended."""


class Worker(asyncio.Protocol):
    """The runner's end of one process.

    Attributes:
        order: the page that the process has in hand.
        ready: whether it has said that it takes pages.
        deadline: when to kill it, in the loop's time; infinite while it has nothing to do.
    """

    def __init__(self, owner: Owner, process: SpawnProcess, loop: asyncio.AbstractEventLoop) -> None:
        self.process = process
        self.order: Order | None = None
        self.ready = False
        self.deadline = loop.time() + START_SECONDS
        self._owner = owner
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._killed = False

    @property
    def idle(self) -> bool:
        """Whether a page may be given to it."""
        return self.ready and self.order is None

    def give(self, order: Order, timeout: float) -> None:
        """Send a page; *timeout* in seconds from now. One that cannot be sent has failed, and the process is idle."""
        assert self._transport is not None, "a process that said it is ready is connected"
        assert order.page is not None, "a page is given once"
        try:
            message = _request(order.page, order.kind)
        except ValueError as error:  # a lone surrogate in the URL, for example
            order.fail(Cause.PARSE, f"The page cannot be {order.done}: {error}.")
            return
        order.page = None
        self.order = order
        self.deadline = self._loop.time() + timeout
        # A view, because asyncio copies what the socket does not take at once, and a slice of a bytearray once more.
        self._transport.write(memoryview(message))

    def rest(self) -> None:
        """Take note that it is done with its page."""
        self.order = None
        self.deadline = math.inf

    def hurry(self, seconds: float) -> None:
        """Bring the deadline forward."""
        self.deadline = min(self.deadline, self._loop.time() + seconds)

    def kill(self) -> None:
        """End the process at once and hear nothing more from it."""
        self._killed = True
        self.process.kill()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop has it."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._killed:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take a part of what the process says."""
        self._buffer += data
        while len(self._buffer) >= REPLY_HEADER.size and not self._killed:
            length, kind = REPLY_HEADER.unpack_from(self._buffer)
            end = REPLY_HEADER.size + length
            if length > _MAX_REPLY_BYTES:
                self._owner.lost(self)
                return
            if len(self._buffer) < end:
                return
            with memoryview(self._buffer) as view, view[REPLY_HEADER.size : end] as body:
                self._owner.received(self, kind, body)
            del self._buffer[:end]

    def connection_lost(self, exc: Exception | None) -> None:
        """The process has ended, or its connection has."""
        self._owner.lost(self)


_ENCODER = msgspec.msgpack.Encoder()


def _request(page: Input, kind: Request) -> bytearray:
    message = bytearray(REQUEST_HEADER.size)
    _ENCODER.encode_into(page, message, REQUEST_HEADER.size)
    REQUEST_HEADER.pack_into(message, 0, len(message) - REQUEST_HEADER.size, kind)
    return message
