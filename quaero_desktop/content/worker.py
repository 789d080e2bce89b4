"""The parser process: reads pages from a socket, parses one after the other, writes back what became of each.

It is the other end of :mod:`quaero_desktop.content.runner`. Everything it imports is paid at the start of each process,
so this module stays light: no asyncio, no Qt, no network.

A message is a header (its length and its kind) and then MessagePack. MessagePack and not pickle, because a
parser that a hostile page has taken over must not be able to run code in the process that holds the library.
"""

import contextlib
import enum
import gc
import multiprocessing
import os
import pkgutil
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable

import msgspec

from quaero_desktop.domain.pages import PageInput, ParsedPage, ParsedSitemap
from quaero_desktop.domain.summaries import CorpusInput, Summary, SummaryInput
from quaero_desktop.domain.text import single_line

REQUEST_HEADER = struct.Struct("!IB")
REPLY_HEADER = struct.Struct("!IB")

# What a terminal or a service manager sends to the whole process group.
STOP_SIGNALS: frozenset[signal.Signals] = frozenset(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)

# The window and the loop come first when every core is busy: on two cores, with two parsers, the loop's stall p99 fell
# from 2.9 to 2.1 ms and pages/s rose by a fifth; 10 brings nothing more.
_NICENESS = 5
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_READ_BUFFER = 256 * 1024
_WATCHER_STACK = 256 * 1024


class Request(enum.IntEnum):
    """What a parser process is asked for: the first two with a PageInput, the last with what is to be summarised."""

    PAGE = 0
    SITEMAP = 1
    SUMMARY = 2


class Reply(enum.IntEnum):
    """What a message from a parser process says."""

    READY = 0  # the function is imported, pages may come; no body
    PAGE = 1  # a ParsedPage
    FAILED = 2  # a sentence: this page failed, the next may come
    LEAVING = 3  # a sentence: this page failed for want of memory, and the process ends itself
    BROKEN = 4  # a sentence: the process could not even start
    SITEMAP = 5  # a ParsedSitemap
    SUMMARY = 6  # a Summary


def serve(connection: socket.socket, function: str, memory_bytes: int) -> None:
    """Parse pages until the runner hangs up; the target of each parser process.

    Args:
        connection: this end of the pair; a closed other end is the order to stop.
        function: what to call with each page, as ``package.module:name``.
        memory_bytes: how much the address space may grow beyond what it is after the imports.
    """
    _keep_quiet()
    _ignore_stop_signals()
    _die_with_parent()
    _yield_to_others()
    if connection.family == socket.AF_INET:  # Windows has no other socketpair
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError), connection:  # the runner may vanish while we write to it
        _serve(connection, function, memory_bytes)


def _serve(connection: socket.socket, function: str, memory_bytes: int) -> None:
    # What is imported stays: there is no garbage in it to look for, neither now nor with each page.
    gc.disable()
    try:
        parse = pkgutil.resolve_name(function)
    except Exception as error:
        _reply_text(connection, Reply.BROKEN, _describe(error))
        return
    gc.freeze()
    gc.enable()
    _limit_memory(memory_bytes)
    requests = connection.makefile("rb", buffering=_READ_BUFFER)
    decoder = msgspec.msgpack.Decoder(PageInput)
    connection.sendall(REPLY_HEADER.pack(0, Reply.READY))
    while header := requests.read(REQUEST_HEADER.size):
        length, kind = REQUEST_HEADER.unpack(header)
        body = requests.read(length)
        try:
            if kind == Request.SUMMARY:
                reply = _summarise(body)
            else:
                page = decoder.decode(body)
                reply = _read_sitemap(page) if kind == Request.SITEMAP else _parse(parse, page)
        except MemoryError:
            # The heap of this process is full of holes now: in it the next page, an innocent one, could fail as well.
            _reply_text(connection, Reply.LEAVING, f"it needs more than {memory_bytes // 1_000_000:,} MB of memory")
            return
        except (Exception, SystemExit) as error:
            _reply_text(connection, Reply.FAILED, _describe(error))
        else:
            connection.sendall(reply)


def _parse(parse: Callable[[PageInput], ParsedPage], page: PageInput) -> bytearray:
    parsed = parse(page)
    if not isinstance(parsed, ParsedPage):
        raise TypeError(f"the parser returned {type(parsed).__name__}")
    return _message(parsed, Reply.PAGE)


def _read_sitemap(file: PageInput) -> bytearray:
    from quaero_desktop.content import sitemaps  # few processes ever need it

    return _message(sitemaps.read(file), Reply.SITEMAP)


def _summarise(body: bytes) -> bytearray:
    from quaero_desktop.content import corpus, summary  # with the word lists: nothing that a crawl needs

    asked = msgspec.msgpack.decode(body, type=SummaryInput | CorpusInput)
    made = corpus.summarise(asked) if isinstance(asked, CorpusInput) else summary.summarise(asked)
    return _message(made, Reply.SUMMARY)


def _message(value: ParsedPage | ParsedSitemap | Summary, kind: Reply) -> bytearray:
    message = bytearray(REPLY_HEADER.size)
    msgspec.msgpack.Encoder().encode_into(value, message, REPLY_HEADER.size)
    REPLY_HEADER.pack_into(message, 0, len(message) - REPLY_HEADER.size, kind)
    return message


def _reply_text(connection: socket.socket, kind: Reply, text: str) -> None:
    body = text.encode("utf-8", "replace")
    connection.sendall(REPLY_HEADER.pack(len(body), kind) + body)


def _describe(error: BaseException) -> str:
    text = single_line(str(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _keep_quiet() -> None:
    """Send whatever a library prints nowhere: stdout belongs to the command line's one JSON value."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    if null > 2:
        os.close(null)
    if sys.stdout is None or sys.stderr is None:  # a windowed bundle on Windows, where writing to them would raise
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for the life of the process


def _ignore_stop_signals() -> None:
    """Leave it to the parent to end us.

    Ctrl-C goes to the whole process group, and so does the SIGTERM of timeout(1) or of a service manager: a page in
    hand would be called a crash while the parent is still stopping in order.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def _die_with_parent() -> None:
    """End with the parent, even when it is killed: by the kernel on Linux, by a watching thread everywhere."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    if sys.platform == "linux":
        import ctypes  # only needed here

        # The thread above cannot run while a page is stuck in code that holds the interpreter's lock.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent.pid:  # it died before we asked
            os._exit(1)
    previous = threading.stack_size(_WATCHER_STACK)
    threading.Thread(target=watch, name="parent-watcher", daemon=True).start()
    threading.stack_size(previous)


def _yield_to_others() -> None:
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.nice(_NICENESS)


def _limit_memory(memory_bytes: int) -> None:
    """Set the limit where the system enforces one and tells what is in use: Linux."""
    if sys.platform != "win32":
        import resource  # does not exist on Windows

        # No core file: it would leave a private page on the disk.
        _, hardest = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hardest))
        if sys.platform == "linux":
            with open("/proc/self/statm", encoding="ascii") as statm:
                used = int(statm.read().split()[0]) * resource.getpagesize()
            _, hardest = resource.getrlimit(resource.RLIMIT_AS)
            if hardest == resource.RLIM_INFINITY or used + memory_bytes < hardest:
                resource.setrlimit(resource.RLIMIT_AS, (used + memory_bytes, hardest))
