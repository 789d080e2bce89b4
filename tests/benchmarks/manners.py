"""How well-mannered a crawl is, judged by the servers' own log: ``python -m tests.benchmarks.manners``.

Twenty hosts (origins of 127.0.0.1) with rules, delays, 429 and 503; then fifty slow ones, which must be asked as often
as they allow. The servers run in a process of their own and note each request when it comes and when it is answered.
"""

import argparse
import asyncio
import itertools
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import CHECKOUT
from tests.support.crawling import crawl, library, settings_with
from tests.support.site import _WORDS

DELAY = 0.03
CRAWL_DELAY = 0.1
PER_HOST = 2
RETRY_AFTER = 0.5
TROUBLE_EVERY = 60
JITTER = 0.01
"""What two processes on a busy machine may be apart about the time of one thing, in seconds."""
SLOW_DELAY, SLOW_LATENCY = 1.0, 0.25
REQUESTS, SLOW_PAGES = 20_000, 20
MIXED_HOSTS, SLOW_HOSTS = 20, 50
VIOLATIONS = ("forbidden", "too_soon", "during_retry_after", "too_many_at_once")
LEAST_SHARE = 90.0
"""How many hundredths of what fifty slow hosts allow must be reached."""

_FORBIDDEN = re.compile(r"/private/|/page/\d*7\.html")


class Host:
    """One origin: kinds 1 (Crawl-delay), 2 (patterns in robots.txt), 3 (429) and 4 (503), and 0 with plain rules."""

    def __init__(self, kind: int, pages: int, latency: float) -> None:
        self.kind, self.pages, self.latency = kind, pages, latency
        self.log: list[tuple[float, float, str, int, int]] = []
        self.under_way = 0
        self.count = 0

    def robots(self) -> str:
        lines = ["User-agent: *", "Disallow: /private/"]
        if self.kind == 1:
            lines.append(f"Crawl-delay: {CRAWL_DELAY}")
        if self.kind == 2:
            lines = ["User-agent: *", "Disallow: /", "", "User-agent: QuaeroDesktop", *lines[1:], "Disallow: /*7.html$"]
        return "\n".join(lines)

    def page(self, path: str) -> str:
        write = random.Random(path)
        text = " ".join(write.choices(_WORDS, k=80))
        links = ""
        if path == "/":
            links = "".join(f'<a href="/page/{n}.html">{n}</a> ' for n in range(self.pages))
            links += "".join(f'<a href="/private/{n}.html">{n}</a> ' for n in range(20))
        return f"<title>{text[:30]}</title><h1>{text[:30]}</h1><p>{text}</p>{links}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                came = time.monotonic()
                self.under_way += 1
                at_once = self.under_way
                status, body, more = 200, "", ""
                if path == "/robots.txt":
                    body = self.robots()
                elif path == "/sitemap.xml":
                    status = 404
                else:
                    await asyncio.sleep(self.latency)
                    self.count += 1
                    if self.kind in (3, 4) and self.count % TROUBLE_EVERY == 0:
                        status, more = (429 if self.kind == 3 else 503), f"Retry-After: {RETRY_AFTER}\r\n"
                    else:
                        body = self.page(path)
                self.under_way -= 1
                data = body.encode()
                kind = "text/plain" if path == "/robots.txt" else "text/html"
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{more}\r\n".encode()
                    + data
                )
                self.log.append((came, time.monotonic(), path, status, at_once))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def violations(self) -> dict[str, Any]:
        """Judge the log; robots.txt itself is what has to be asked before anything is known."""
        pages = sorted(entry for entry in self.log if entry[2] != "/robots.txt")
        least = max(DELAY, CRAWL_DELAY if self.kind == 1 else 0)
        forbidden = sum(
            path.startswith("/private/") or (self.kind == 2 and bool(_FORBIDDEN.match(path)))
            for _, _, path, _, _ in pages
        )
        gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(pages)]
        asked = [answered for _, answered, _, status, _ in pages if status in (429, 503)]
        during = sum(
            any(moment + JITTER < came < moment + RETRY_AFTER - JITTER for moment in asked) for came, *_ in pages
        )
        return {
            "requests": len(self.log),
            "forbidden": forbidden,
            "too_soon": sum(gap < least - JITTER for gap in gaps),
            "sooner_than_asked_at_all": sum(gap < least - 0.001 for gap in gaps),
            "during_retry_after": during,
            "too_many_at_once": sum(at_once > PER_HOST for *_, at_once in pages),
            "told_to_wait": len(asked),
        }


async def _serve(count: int, pages: int, slow: bool) -> None:
    hosts = [Host(0 if slow else number % 5, pages, SLOW_LATENCY if slow else 0.0) for number in range(count)]
    servers = [await asyncio.start_server(host.serve, "127.0.0.1", 0, backlog=64) for host in hosts]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    found = [host.violations() for host in hosts]
    starts = [sorted(came for came, _, path, _, _ in host.log if path.startswith("/page/")) for host in hosts]
    rates = [(len(times) - 1) / (times[-1] - times[0]) for times in starts if len(times) > 1]
    times = sorted(came for each in starts for came in each)
    total = {name: sum(each[name] for each in found) for name in found[0]}
    print(
        json.dumps({**total, "page_requests": len(times), "seconds": times[-1] - times[0], "rate": sum(rates)}),
        flush=True,
    )


async def _crawl(ports: list[int], delay: float, workers: int, folder: Path) -> dict[str, Any]:
    settings = settings_with(queue={"num_workers": workers})
    began = time.monotonic()
    async with library(folder / "library", settings) as services:
        urls = [f"http://127.0.0.1:{port}/" for port in ports]
        crawled = await crawl(services, *urls, per_host=PER_HOST, delay_seconds=delay, depth=2)
    return {
        "status": crawled.job.status,
        "documents": crawled.root.documents,
        "failed": crawled.job.failed_children,
        "crawl_seconds": round(time.monotonic() - began, 1),
    }


def measure(count: int, pages: int, slow: bool, workers: int) -> dict[str, Any]:
    """Crawl *count* hosts with so many pages each; return what came of it and what their log says."""
    arguments = ["--serve", str(count), "--pages", str(pages), *(["--slow"] if slow else [])]
    command = [sys.executable, "-m", "tests.benchmarks.manners", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT)
    assert process.stdin is not None
    assert process.stdout is not None
    with process, tempfile.TemporaryDirectory() as folder:
        ports = json.loads(process.stdout.readline())
        result = asyncio.run(_crawl(ports, SLOW_DELAY if slow else DELAY, workers, Path(folder)))
        process.stdin.close()
        judged: dict[str, Any] = json.loads(process.stdout.readline())
    return result | judged


def judged(requests: int, slow_pages: int) -> Iterator[Figure]:
    """Yield what the servers' logs say: of so many requests to mixed hosts, and so many pages of each slow one."""
    mixed = measure(MIXED_HOSTS, requests // MIXED_HOSTS, False, 16)
    print(f"{MIXED_HOSTS} mixed hosts:", json.dumps(mixed), flush=True)
    yield Figure(
        what=f"violations of rules, delays and Retry-After, by the log of {MIXED_HOSTS} hosts",
        value=sum(mixed[name] for name in VIOLATIONS),
        at_least=0,
        at_most=0,
        detail=f"{mixed['requests']:,} requests, {mixed['told_to_wait']} answers of 429 and 503",
    )
    slow = measure(SLOW_HOSTS, slow_pages, True, 32)
    print(f"{SLOW_HOSTS} slow hosts:", json.dumps(slow), flush=True)
    allowed = SLOW_HOSTS * min(1 / SLOW_DELAY, PER_HOST / SLOW_LATENCY)
    # Each host's own rate, from its first page to its last: they do not all begin at the same moment.
    yield Figure(
        what=f"pages a second of {SLOW_HOSTS} slow hosts : what they allow",
        value=slow["rate"] / allowed * 100,
        unit="%",
        at_least=LEAST_SHARE,
        detail=f"{slow['rate']:.1f} : {allowed:.1f}",
    )


def figures(quick: bool) -> Iterator[Figure]:
    """Yield what the servers' logs say; of a tenth of the requests when it is to be *quick*."""
    yield from judged(REQUESTS // 10, SLOW_PAGES // 2) if quick else judged(REQUESTS, SLOW_PAGES)


def main() -> None:
    """Measure, or serve for who measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--slow-pages", type=int, default=SLOW_PAGES)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--pages", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--slow", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(_serve(given.serve, given.pages, given.slow))
        return
    tell(judged(given.requests, given.slow_pages))


if __name__ == "__main__":
    main()
