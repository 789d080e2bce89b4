"""What the parse runner costs: ``python -m tests.benchmarks.parse_pool``.

Prints, for bodies of 20 and 100 KB and a function that does nothing: pages a second as fast as they go, the CPU time of
the main process for each page, and, at 600 pages a second, how long the event loop was held up.
"""

import asyncio
import os
import statistics
import sys
import time

from quaero_desktop.content.runner import ParseRunner
from quaero_desktop.domain.pages import PageInput, ParsedPage

PAGES = 3_000
RATE = 600
TICK = 0.001


async def _stalls(into: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(TICK)
        into.append((time.perf_counter() - before - TICK) * 1000)


async def _full_speed(runner: ParseRunner, page: PageInput, pages: int) -> None:
    left = iter(range(pages))

    async def feed() -> None:
        for _ in left:
            assert isinstance(await runner.parse(page), ParsedPage)

    await asyncio.gather(*(feed() for _ in range(8)))


async def _paced(runner: ParseRunner, page: PageInput, pages: int) -> list[float]:
    """Offer RATE pages a second; return the milliseconds that each took from call to result."""
    took: list[float] = []

    async def one() -> None:
        before = time.perf_counter()
        assert isinstance(await runner.parse(page), ParsedPage)
        took.append((time.perf_counter() - before) * 1000)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(pages):
            group.create_task(one())
            if (ahead := started + number / RATE - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
    return took


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


async def main(processes: int) -> None:
    """Measure and print."""
    before = time.perf_counter()
    runner = ParseRunner(
        processes=processes, timeout=30, memory_bytes=2_000_000_000, function="tests.content.misbehaving:echo"
    )
    await runner.start()
    launched = time.perf_counter()
    await _full_speed(runner, PageInput(url="https://bench.invalid/", body=b""), 200)
    print(
        f"{processes or os.cpu_count()} processes: launched in {(launched - before) * 1000:.1f} ms, "
        f"first 200 pages after {(time.perf_counter() - before) * 1000:.0f} ms"
    )
    try:
        for size in (20_000, 100_000):
            page = PageInput(url="https://bench.invalid/", body=os.urandom(size))
            wall, busy = time.perf_counter(), time.process_time()
            await _full_speed(runner, page, PAGES)
            wall, busy = time.perf_counter() - wall, time.process_time() - busy
            stalls: list[float] = []
            watch = asyncio.create_task(_stalls(stalls))
            took = await _paced(runner, page, PAGES)
            watch.cancel()
            print(
                f"{size // 1000:>4} KB  {PAGES / wall:6.0f} pages/s  main process {busy / PAGES * 1e6:4.0f} us a page  "
                f"at {RATE}/s: round trip p50 {statistics.median(took):.2f} p99 {_p99(took):.2f} ms, "
                f"loop stall p99 {_p99(stalls):.2f} max {max(stalls):.2f} ms"
            )
    finally:
        await runner.aclose()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
