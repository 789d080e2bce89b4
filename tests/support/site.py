"""A made-up web site, the same for the same arguments, for tests and benchmarks.

In the test's own process::

    async with GeneratedSite(pages=500) as site:
        await crawl(site.url)
        assert site.counts == dict.fromkeys(site.page_paths, 1)

in a thread of that process, for tests without a loop::

    with serving(GeneratedSite(pages=500)) as site:
        ...

or in a process of its own, which prints its port as its first line and ends when its stdin closes::

    python -m tests.support.site --pages 500 --latency 0.6 --port 0
"""

import argparse
import asyncio
import json
import math
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

_WORDS = (
    "archive battery cabinet daylight engine feather garden harbour island journey kernel lantern meadow notebook "
    "orchard pattern quarry river signal timber umbrella valley window yearly zephyr anchor bridge copper desert echo "
    "forest glacier hollow index jacket kettle ladder marble needle ocean pebble quiet ribbon saddle tunnel upward "
    "velvet winter yellow ancient bright careful distant early friendly gentle hidden keeps holds carries follows "
    "reads writes opens closes measures collects searches stores beside under over through between because while"
).split()
_REASONS = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed",
    500: "Internal Server Error",
}  # fmt: skip
_ROBOTS = "User-agent: *\nDisallow: /private/\n"


@dataclass(frozen=True, kw_only=True)
class SiteOptions:
    """What the site is like; the same options give the same bytes.

    Attributes:
        pages: how many pages answer 200 and may be fetched; all can be reached from ``/`` in at most four steps.
        links_per_page: links to random other pages, on top of those that make every page reachable.
        latency: seconds between a request and its answer.
        seed: another seed, another site.
        missing: further links that answer 404.
        failing: further links that answer 500, always.
        private: further links that robots.txt forbids; they would answer 200.
        paragraphs: paragraphs of text on each page.
    """

    pages: int = 500
    links_per_page: int = 10
    latency: float = 0.0
    seed: int = 1
    missing: int = 0
    failing: int = 0
    private: int = 0
    paragraphs: int = 4


class GeneratedSite:
    """Serves a site on a free port of 127.0.0.1, or on *port*, while it is entered as an async context manager.

    Attributes:
        options: what was asked for.
        counts: how often each path (with its query) was requested; not ``/__counts``, which returns this as JSON.
        asked: the same, but counted before the latency and not after it: also what nobody waited for in the end.
    """

    def __init__(self, *, port: int = 0, **options: Any) -> None:
        self.options = SiteOptions(**options)
        self.counts: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", self._port, backlog=512)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in tuple(self._connections):
            connection.abort()
        await self._server.wait_closed()
        # A transport closes its socket one turn of the loop after it was told to.
        await asyncio.sleep(0)

    @property
    def port(self) -> int:
        """The port; known once the site is entered."""
        return self._port

    @property
    def url(self) -> str:
        """The first page, ``http://127.0.0.1:PORT/``."""
        return f"http://127.0.0.1:{self._port}/"

    @cached_property
    def page_paths(self) -> tuple[str, ...]:
        """The paths of all pages that a complete and obedient crawl stores."""
        return tuple(page_path(number) for number in range(self.options.pages))

    @property
    def page_urls(self) -> frozenset[str]:
        """The URLs of all pages that a complete and obedient crawl stores."""
        return frozenset(self.url + path[1:] for path in self.page_paths)

    def latency_of(self, path: str) -> float:
        """Return how many seconds the answer for *path* takes."""
        return self.options.latency

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Return status, media type and body for *path*."""
        if path == "/__counts":
            return 200, "application/json", json.dumps(self.counts).encode()
        self.counts[path] += 1
        if path == "/robots.txt":
            return 200, "text/plain", _ROBOTS.encode()
        if path.startswith("/failing/"):
            return 500, "text/html", b"<title>Failing</title><p>It fails every time.</p>"
        if path.startswith("/private/"):
            return 200, "text/html", b"<title>Private</title><p>robots.txt said no.</p>"
        number = page_number(path)
        if number is None or number >= self.options.pages:
            return 404, "text/html", b"<title>Not found</title><p>There is no such page.</p>"
        return 200, "text/html; charset=utf-8", page_html(number, self.options).encode()


def page_path(number: int) -> str:
    """Return the path of page *number*; the first is ``/``."""
    return f"/page/{number}.html" if number else "/"


def page_number(path: str) -> int | None:
    """Return the number of the page at *path*, or None when no page is spelled like that."""
    digits = path.removeprefix("/page/").removesuffix(".html")
    number = int(digits) if digits.isascii() and digits.isdigit() else 0
    return number if page_path(number) == path else None


def page_links(number: int, options: SiteOptions) -> list[str]:
    """Return the paths that page *number* links to, without duplicates."""
    # A tree of at most four levels below the root reaches everything; random links make it a web.
    fan_out = max(2, math.ceil(options.pages**0.25))
    first = number * fan_out + 1
    links = [page_path(child) for child in range(first, min(first + fan_out, options.pages))]
    choose = random.Random(f"links {options.seed} {number}")
    links += [page_path(choose.randrange(options.pages)) for _ in range(options.links_per_page)]
    for kind, amount in (("missing", options.missing), ("failing", options.failing), ("private", options.private)):
        links += [f"/{kind}/{which}.html" for which in range(number, amount, options.pages)]
    return list(dict.fromkeys(links))


def page_html(number: int, options: SiteOptions) -> str:
    """Return the page: navigation, title, paragraphs, a code block, a table, links and a footer."""
    write = random.Random(f"text {options.seed} {number}")

    def sentence(words: int) -> str:
        return " ".join(write.choices(_WORDS, k=words)).capitalize() + "."

    title = f"Page {number}: {' '.join(write.choices(_WORDS, k=3))}"
    paragraphs = "\n".join(
        f"<h2 id='part-{part}'>{sentence(3)[:-1]}</h2>\n<p>{' '.join(sentence(12) for _ in range(6))}</p>"
        for part in range(options.paragraphs)
    )
    rows = "\n".join(f"<tr><td>{write.choice(_WORDS)}</td><td>{write.randrange(1000)}</td></tr>" for _ in range(4))
    links = "\n".join(f'<li><a href="{path}">See {path}</a></li>' for path in page_links(number, options))
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title><meta name="description" content="{sentence(8)}"></head>
<body>
<nav><a href="/">Home</a> <a href="#content">To the text</a></nav>
<main id="content">
<h1>{title}</h1>
{paragraphs}
<pre><code class="language-python">def {write.choice(_WORDS)}(value: int) -&gt; int:
    return value + {number}
</code></pre>
<table><thead><tr><th>Name</th><th>Number</th></tr></thead><tbody>
{rows}
</tbody></table>
<ul>
{links}
</ul>
</main>
<footer>Generated with seed {options.seed}.</footer>
</body>
</html>
"""


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as little of it as a site needs: no request bodies. Answers keep their order."""

    def __init__(self, site: GeneratedSite) -> None:
        self._site = site
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._waiting: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._site._connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._site._connections.discard(self)
        if self._waiting is not None:
            self._waiting.cancel()

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._waiting is None:
            self._take_request()

    def _take_request(self) -> None:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[:end].decode("latin-1")
        del self._received[: end + 4]
        _, _, target = head.partition("\r\n")[0].partition(" ")
        path = target.partition(" ")[0]
        self._site.asked[path] += 1
        # At least one turn of the loop, even without latency: many requests in one packet must not starve others.
        self._waiting = self._loop.call_later(self._site.latency_of(path), self._respond, head)

    def _respond(self, head: str) -> None:
        self._waiting = None
        request, _, headers = head.partition("\r\n")
        words = request.split(" ")
        if len(words) != 3:
            status, media_type, body = 400, "text/plain", b"That was no request."
        elif words[0] not in ("GET", "HEAD"):
            status, media_type, body = 405, "text/plain", b"Only GET and HEAD."
        else:
            status, media_type, body = self._site.answer(words[1])
        keep = status not in (400, 405) and "connection: close" not in headers.lower()
        self._transport.write(
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
            f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n".encode()
            + (b"" if words[0] == "HEAD" else body)
        )
        if keep:
            self._take_request()
        else:
            self._transport.close()


@contextmanager
def serving(site: GeneratedSite) -> Iterator[GeneratedSite]:
    """Serve *site* from a thread with a loop of its own until the block ends; what it counts may be read meanwhile."""
    ready = threading.Event()
    stopping: list[Callable[[], object]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with site:
            stopping.append(lambda: loop.call_soon_threadsafe(stop.set))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="generated site")
    thread.start()
    try:
        if not ready.wait(10):
            raise TimeoutError("The site does not come up.")
        yield site
    finally:
        for stop in stopping:
            stop()
        thread.join(10)


@dataclass(frozen=True)
class SiteProcess:
    """A site in a process of its own.

    Attributes:
        url: its first page.
        site: the same site, not served here: for its paths.
        pid: the process.
    """

    url: str
    site: GeneratedSite
    pid: int

    @property
    def page_urls(self) -> frozenset[str]:
        """The URLs of all pages that a complete and obedient crawl stores."""
        return self.site.page_urls

    def counts(self) -> dict[str, int]:
        """Return how often each path was requested."""
        with urlopen(self.url + "__counts", timeout=10) as answer:
            counts: dict[str, int] = json.load(answer)
        return counts


@contextmanager
def site_process(**options: Any) -> Iterator[SiteProcess]:
    """Serve a site from a process of its own until the block ends; takes what :class:`SiteOptions` takes."""
    wanted = SiteOptions(**options)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in asdict(wanted).items()]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.site", *flags],
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            yield SiteProcess(f"http://127.0.0.1:{port}/", GeneratedSite(port=port, **options), process.pid)
        finally:
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


async def _serve_until_stdin_closes(port: int, options: dict[str, Any]) -> None:
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait_for_the_end() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(closed.set)

    async with GeneratedSite(port=port, **options) as site:
        print(site.port, flush=True)
        threading.Thread(target=wait_for_the_end, daemon=True).start()
        await closed.wait()


def main() -> None:
    """Serve a site as the command line says."""
    parser = argparse.ArgumentParser(description="Serve a made-up web site until stdin closes.")
    parser.add_argument("--port", type=int, default=0)
    for name, default in asdict(SiteOptions()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    options = vars(parser.parse_args())
    asyncio.run(_serve_until_stdin_closes(options.pop("port"), options))


if __name__ == "__main__":
    main()
