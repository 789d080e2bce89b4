"""Runs the parser where it can be killed: in worker processes with a limit of time and of memory.

A page can hang a parser, crash it or eat the machine's memory (a tag with 40,000 attributes holds libxml2 for ten
seconds, and no thread can be stopped). Here it takes down one process and fails itself, nothing else.

It is our own small pool and not pebble's: with pebble 5.2 the death of an idle worker breaks the whole pool ("All
workers expired"), and its workers share one pipe and its locks, so that one killed in the middle of a message takes the
others with it. Here each worker has a socket of its own, driven by the event loop: no threads, the same code on
asyncio's and on qasync's loops, and a half (100 KB) to a third (20 KB) of the cost of a page.
"""

import asyncio
import atexit
import contextlib
import math
import multiprocessing
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Coroutine, Iterator
from multiprocessing.context import SpawnProcess
from typing import Final

import msgspec

from quaero_desktop.content.process import START_SECONDS, Input, Order, Result, Worker
from quaero_desktop.content.worker import STOP_SIGNALS, Reply, Request, serve
from quaero_desktop.domain.errors import BugError
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.pages import (
    PageInput,
    ParsedPage,
    ParsedSitemap,
    ParseFailed,
    ParseResult,
    SitemapResult,
)
from quaero_desktop.domain.summaries import CorpusInput, Summary, SummaryFailed, SummaryInput
from quaero_desktop.domain.text import single_line

PARSE: Final = "quaero_desktop.content.extract:parse"

_ABANDONED_SECONDS = 0.5  # what a cancelled parse may still take before its process is killed
_STALLED_SECONDS = 0.25  # a timer later than this means that this process itself was held up
_GRACE_SECONDS = 0.05
_REAP_SECONDS = 0.8  # the kernel needs a few milliseconds to end a killed process


class ParseRunner:
    """A pool of parser processes that belongs to one event loop.

    A process has one page at a time, so its time limit counts the parsing and never the waiting. Nothing is tried again
    here: that is the queue's business. The runner launches processes as pages come, :meth:`start` does it beforehand.

    Args:
        processes: how many at most; 0 means one for each core this process may use.
        timeout: seconds of wall clock for one page; then its process is killed.
        memory_bytes: how much address space one page may take (enforced on Linux only).
        function: what parses a page, as ``package.module:name``; it takes a PageInput and returns a ParsedPage. A
            name and not a callable, so that only the worker processes import it.

    Raises:
        BugError: for numbers that make no sense.
    """

    def __init__(self, *, processes: int = 0, timeout: float, memory_bytes: int, function: str = PARSE) -> None:
        if processes < 0 or not timeout > 0 or memory_bytes <= 0:
            raise BugError(f"A parse runner with {processes=}, {timeout=}, {memory_bytes=}")
        self._processes = processes or _cores()
        self._timeout = timeout
        self._memory_bytes = memory_bytes
        self._function = function
        self._waiting: deque[Order] = deque()
        self._workers: set[Worker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._sweep_at = math.inf
        self._closed = False

    async def start(self) -> None:
        """Launch all processes now and return; they import the parser while the caller does something else."""
        for _ in range(self._processes - len(self._workers)):
            if self._closed or len(self._workers) >= self._processes:
                return
            self._hire()
            await asyncio.sleep(0)  # a launch blocks for some milliseconds: let the loop breathe in between

    async def parse(self, page: PageInput) -> ParseResult:
        """Parse *page* in a worker process.

        Args:
            page: the bytes and what is known about them.

        Returns:
            The parsed page, or why there is none: PARSE (the parser gave up or wanted too much memory), PARSE_TIMEOUT
            or PARSE_CRASH.

        Raises:
            CancelledError: the caller was cancelled, or the runner is being closed. The page's process is free again,
                or dead, within half a second.
        """
        running = self._run(page, Request.PAGE, Reply.PAGE)
        del page  # the order has it, and lets go of it
        result = await running
        assert isinstance(result, ParsedPage | ParseFailed)
        return result

    async def read_sitemap(self, file: PageInput) -> SitemapResult:
        """Read a sitemap, a feed or a list of addresses in a worker process; otherwise like :meth:`parse`.

        Args:
            file: its bytes and what is known about them.

        Raises:
            CancelledError: as :meth:`parse` does.
        """
        running = self._run(file, Request.SITEMAP, Reply.SITEMAP)
        del file
        result = await running
        assert isinstance(result, ParsedSitemap | ParseFailed)
        return result

    async def summarise(self, what: SummaryInput | CorpusInput) -> Summary | SummaryFailed:
        """Say in short what a document, or a collection of them, is about, in a worker process.

        Args:
            what: the text and how much is wanted; a collection by what its documents say in short.

        Returns:
            The summary, or why there is none: PARSE (it gave up or wanted too much memory), PARSE_TIMEOUT or
            PARSE_CRASH.

        Raises:
            CancelledError: as :meth:`parse` does.
        """
        running = self._run(what, Request.SUMMARY, Reply.SUMMARY)
        del what
        result = await running
        assert isinstance(result, Summary | ParseFailed)
        return SummaryFailed(cause=result.cause, message=result.message) if isinstance(result, ParseFailed) else result

    async def _run(self, page: Input, kind: Request, wanted: Reply) -> Result:
        if self._closed:
            raise asyncio.CancelledError("The parse runner is closed")
        order = Order(page, kind, wanted, asyncio.get_running_loop().create_future())
        del page
        self._waiting.append(order)
        self._dispatch()
        try:
            return await order.future
        except asyncio.CancelledError:
            self._abandon(order)
            raise

    async def aclose(self) -> None:
        """Kill all processes, whatever they do, and cancel the pages in hand.

        It takes milliseconds and may be called again.
        """
        self._closed = True
        atexit.unregister(self._kill_all)
        while self._waiting:
            self._waiting.popleft().future.cancel()
        for worker in list(self._workers):
            if worker.order is not None:
                worker.order.future.cancel()
            self._dismiss(worker)
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _dispatch(self) -> None:
        """Give pages to idle workers, and launch workers while there are more pages in hand than processes."""
        if self._closed:
            return
        busy = 0
        for worker in self._workers:
            while self._waiting and worker.idle:
                worker.give(self._waiting.popleft(), self._timeout)
            busy += worker.order is not None
        wanted = min(self._processes, busy + len(self._waiting))
        if len(self._workers) < wanted:
            self._hire()
        self._watch()

    def _hire(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            process, connection = self._launch()
        except OSError as error:  # no memory, process or descriptor left
            self._fail_start(single_line(str(error)))
            loop.call_soon(self._dispatch)
            return
        # A daemonic process is sent SIGTERM and then waited for at exit, but ours do not listen to SIGTERM.
        atexit.unregister(self._kill_all)
        atexit.register(self._kill_all)
        worker = Worker(self, process, loop)
        self._workers.add(worker)
        self._spawn(self._connect(worker, connection))
        self._watch()

    def _launch(self) -> tuple[SpawnProcess, socket.socket]:
        ours, theirs = socket.socketpair()
        process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(theirs, self._function, self._memory_bytes), name="quaero-parser", daemon=True
        )
        with theirs:  # closed here as soon as the process has it: else its death would not end the connection
            try:
                with _stop_signals_held_back():
                    process.start()
            except OSError:
                ours.close()
                raise
        return process, ours

    async def _connect(self, worker: Worker, connection: socket.socket) -> None:
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().create_connection(lambda: worker, sock=connection)
        except OSError:
            connection.close()
            self.lost(worker)
        else:
            self._dispatch()  # one more at a time, with the loop's turn in between

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _abandon(self, order: Order) -> None:
        """Free what a cancelled page holds. Most are done in a moment, and a process is worth more than that."""
        with contextlib.suppress(ValueError):
            self._waiting.remove(order)
        for worker in self._workers:
            if worker.order is order:
                worker.hurry(_ABANDONED_SECONDS)
        self._watch()

    def received(self, worker: Worker, kind: int, body: memoryview) -> None:
        """Take a message from a worker."""
        order = worker.order
        match kind:
            case Reply.READY if not worker.ready:
                worker.ready = True
                worker.deadline = math.inf
            case Reply.PAGE | Reply.SITEMAP | Reply.SUMMARY if order is not None and kind == order.wanted:
                try:
                    page = _DECODERS[order.wanted].decode(body)
                except (msgspec.MsgspecError, ValueError):
                    order.fail(Cause.PARSE_CRASH, "The parser process answered with nonsense.")
                    self._dismiss(worker)
                else:
                    order.settle(page)
                    worker.rest()
            case Reply.FAILED if order is not None:
                order.fail(Cause.PARSE, f"The page cannot be {order.done}: {_text(body)}.")
                worker.rest()
            case Reply.LEAVING if order is not None:
                order.fail(Cause.PARSE, f"The page cannot be {order.done}: {_text(body)}.")
                self._dismiss(worker)
            case Reply.BROKEN if not worker.ready:
                self._dismiss(worker)
                self._fail_start(_text(body))
            case _:
                self._dismiss(worker)
        self._dispatch()

    def lost(self, worker: Worker) -> None:
        """Take note that a worker's connection ended: it crashed, or somebody killed it."""
        if worker in self._workers:
            self._dismiss(worker)
            if not worker.ready:
                self._fail_start("it ended at once")
            self._dispatch()

    def _fail_start(self, reason: str) -> None:
        # One page for each failed launch: so nothing loops, and the next page tries its luck.
        if self._waiting:
            order = self._waiting.popleft()
            order.fail(Cause.PARSE_CRASH, f"The parser process could not be started: {reason}.")

    def _dismiss(self, worker: Worker) -> None:
        """Kill a worker; the page that it still has in hand counts as crashed."""
        self._workers.discard(worker)
        worker.kill()
        self._spawn(self._bury(worker))

    async def _bury(self, worker: Worker) -> None:
        loop = asyncio.get_running_loop()
        limit = loop.time() + _REAP_SECONDS
        await asyncio.sleep(0)  # lets the transport close, too
        # Polled: a process's sentinel is a handle on Windows, which no loop can watch.
        while (code := worker.process.exitcode) is None and loop.time() < limit:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        if code is not None:
            worker.process.close()
        if worker.order is not None:
            worker.order.fail(Cause.PARSE_CRASH, f"The parser crashed on this page ({_exit(code)}).")

    def _watch(self) -> None:
        """Keep one timer for the earliest deadline: qasync frees a cancelled timer only when it was due."""
        due = min((worker.deadline for worker in self._workers), default=math.inf)
        if due >= self._sweep_at or self._closed:
            return
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._sweep_at = due
        self._sweeper = asyncio.get_running_loop().call_at(due, self._sweep)

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        late = now - self._sweep_at
        self._sweeper = None
        self._sweep_at = math.inf
        if late > _STALLED_SECONDS:
            # We were held up or stopped (Ctrl-Z), perhaps with an answer unread: no page pays for that.
            for worker in self._workers:
                worker.deadline += late + _GRACE_SECONDS
        for worker in [worker for worker in self._workers if worker.deadline <= now]:
            if worker.order is not None:
                worker.order.fail(
                    Cause.PARSE_TIMEOUT, f"{worker.order.doing} the page took longer than {self._timeout:g} s."
                )
            elif not worker.ready:
                self._fail_start(f"it was not ready after {START_SECONDS:g} s")
            self._dismiss(worker)
        self._dispatch()

    def _kill_all(self) -> None:
        for worker in self._workers:
            worker.process.kill()


_DECODERS: dict[Reply, msgspec.msgpack.Decoder[ParsedPage | ParsedSitemap | Summary]] = {
    Reply.PAGE: msgspec.msgpack.Decoder(ParsedPage),
    Reply.SITEMAP: msgspec.msgpack.Decoder(ParsedSitemap),
    Reply.SUMMARY: msgspec.msgpack.Decoder(Summary),
}


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))  # a container or taskset may leave us fewer than there are
    return os.cpu_count() or 1


@contextlib.contextmanager
def _stop_signals_held_back() -> Iterator[None]:
    """Launch with the stop signals blocked: Ctrl-C during an interpreter's first moments prints a traceback."""
    if sys.platform == "win32":
        yield
    else:
        from multiprocessing import resource_tracker  # not on Windows

        # It would be launched on the way otherwise, and unblocks the signals that it had blocked for itself.
        resource_tracker.ensure_running()
        previous = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _text(body: memoryview) -> str:
    return single_line(str(body, "utf-8", "replace")).rstrip(".")


def _exit(code: int | None) -> str:
    if code is None:
        return "it does not end"
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
