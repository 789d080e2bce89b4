"""How fast pages come in: our fetcher against bare aiohttp and plain httpx, over nginx on this machine, in one run.

python -m tests.benchmarks.fetch [--requests 6000] [--bytes 8000] [--workers 16]
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import httpx

from quaero_desktop.domain.pages import Fetched, FetchLimits
from quaero_desktop.infra.clock import SystemClock
from quaero_desktop.web.fetcher import Fetcher
from quaero_desktop.web.transport import AiohttpTransport
from tests.benchmarks.figures import Figure, Impossible, tell
from tests.support import nginx

REQUESTS, BYTES, WORKERS = 6_000, 8_000, 16
Get = Callable[[str], Awaitable[int]]


async def measure(get: Get, urls: list[str], workers: int) -> tuple[float, float]:
    """Return pages a second of wall time and of processor time, after a short warm-up."""
    await asyncio.gather(*(get(urls[0]) for _ in range(workers)))
    waiting = iter(urls)

    async def work() -> None:
        for url in waiting:
            assert await get(url) > 0

    wall, processor = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(workers)))
    return len(urls) / (time.perf_counter() - wall), len(urls) / (time.process_time() - processor)


async def compare(page: str, requests: int, workers: int) -> dict[str, tuple[float, float]]:
    """Print a line for each way to fetch *page*; return its pages a second, of wall and of processor time."""
    urls = [f"{page}?{number}" for number in range(requests)]
    fetcher = Fetcher(user_agent="Quaero/1.0", limits=FetchLimits(), clock=SystemClock())
    session = aiohttp.ClientSession()
    client = httpx.AsyncClient()
    over_ours = httpx.AsyncClient(transport=AiohttpTransport())

    async def ours(url: str) -> int:
        result = await fetcher.fetch(url)
        assert isinstance(result, Fetched), result
        return len(result.body)

    async def bare_aiohttp(url: str) -> int:
        async with session.get(url) as response:
            return len(await response.read())

    async def plain_httpx(url: str) -> int:
        return len((await client.get(url)).content)

    async def client_over_our_transport(url: str) -> int:
        return len((await over_ours.get(url)).content)

    rates: dict[str, tuple[float, float]] = {}
    for name, get in (
        ("Fetcher", ours),
        ("bare aiohttp", bare_aiohttp),
        ("httpx over our transport", client_over_our_transport),
        ("plain httpx", plain_httpx),
        ("Fetcher again", ours),
    ):
        rates[name] = wall, processor = await measure(get, urls, workers)
        print(f"{name:26}{wall:8.0f} pages/s {processor:8.0f} pages per second of processor", flush=True)
    await fetcher.aclose()
    await session.close()
    await client.aclose()
    await over_ours.aclose()
    return rates


def run(requests: int, size: int, workers: int) -> Iterator[Figure]:
    """Yield how fast a page of so many bytes is fetched, against the library below."""
    if nginx.nginx_program() is None:
        raise Impossible("nginx is not installed (Debian: nginx-light).")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "page.html").write_text("<p>quaero</p>\n" * (size // 14), encoding="utf-8")
        with nginx.serve(Path(folder)) as site:
            rates = asyncio.run(compare(f"{site.url}page.html", requests, workers))
    ours, bare = (rates[name] for name in ("Fetcher again", "bare aiohttp"))
    yield Figure(
        what="fetching alone, pages a second of processor time, ours : bare aiohttp",
        value=ours[1] / bare[1],
        detail=f"{ours[1]:,.0f} : {bare[1]:,.0f}; by the clock {ours[0]:,.0f} : {bare[0]:,.0f}",
    )


def figures(quick: bool) -> Iterator[Figure]:
    """Yield how fast pages are fetched; few of them when it is to be *quick*."""
    yield from run(REQUESTS // 6 if quick else REQUESTS, BYTES, WORKERS)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--bytes", type=int, default=BYTES)
    parser.add_argument("--workers", type=int, default=WORKERS)
    options = parser.parse_args()
    tell(run(options.requests, options.bytes, options.workers))


if __name__ == "__main__":
    main()
