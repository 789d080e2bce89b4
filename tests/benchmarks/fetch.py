"""How fast pages come in: our fetcher against bare aiohttp and plain httpx, over nginx on this machine, in one run.

python tests/benchmarks/fetch.py [--requests 6000] [--bytes 8000] [--workers 16]
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from quaero_desktop.domain.pages import Fetched, FetchLimits
from quaero_desktop.infra.clock import SystemClock
from quaero_desktop.web.fetcher import Fetcher
from quaero_desktop.web.transport import AiohttpTransport
from tests.support import nginx

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


async def compare(page: str, requests: int, workers: int) -> None:
    """Print a line for each way to fetch *page*."""
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

    for name, get in (
        ("Fetcher", ours),
        ("bare aiohttp", bare_aiohttp),
        ("httpx over our transport", client_over_our_transport),
        ("plain httpx", plain_httpx),
        ("Fetcher again", ours),
    ):
        wall, processor = await measure(get, urls, workers)
        print(f"{name:26}{wall:8.0f} pages/s {processor:8.0f} pages per second of processor")
    await fetcher.aclose()
    await session.close()
    await client.aclose()
    await over_ours.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=6000)
    parser.add_argument("--bytes", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "page.html").write_text("<p>quaero</p>\n" * (options.bytes // 14), encoding="utf-8")
        with nginx.serve(Path(folder)) as site:
            asyncio.run(compare(f"{site.url}page.html", options.requests, options.workers))


if __name__ == "__main__":
    main()
