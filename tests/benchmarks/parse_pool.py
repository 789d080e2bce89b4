"""What the parse runner costs: ``python -m tests.benchmarks.parse_pool``.

Prints, for bodies of 20 and 100 KB and a function that does nothing: pages a second as fast as they go, the CPU time of
the main process for each page, and, at 600 pages a second, how long the event loop was held up.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Iterator

from quaero_desktop.content.runner import ParseRunner
from quaero_desktop.domain.pages import PageInput, ParsedPage
from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import Spread, lateness

PAGES = 3_000
RATE = 600


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


async def run(processes: int, pages: int) -> list[Figure]:
    """Measure, print, and return what a page costs the main process."""
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
    found = []
    try:
        for size in (20_000, 100_000):
            page = PageInput(url="https://bench.invalid/", body=os.urandom(size))
            wall, busy = time.perf_counter(), time.process_time()
            await _full_speed(runner, page, pages)
            wall, busy = time.perf_counter() - wall, time.process_time() - busy
            async with lateness() as late:
                took = await _paced(runner, page, pages)
            print(
                f"{size // 1000} KB at {RATE}/s: round trip {Spread.of(took)}; lateness of the loop {Spread.of(late)}"
            )
            found.append(
                Figure(
                    what=f"a page of {size // 1000} KB to a parse process and back, time of the main process",
                    value=busy / pages * 1e6,
                    unit="µs",
                    detail=f"at most {pages / wall:,.0f} pages/s",
                )
            )
    finally:
        await runner.aclose()
    return found


def figures(quick: bool) -> Iterator[Figure]:
    """Yield what the parse runner costs; by few pages when it is to be *quick*."""
    yield from asyncio.run(run(0, PAGES // 6 if quick else PAGES))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("processes", nargs="?", type=int, default=0)
    tell(asyncio.run(run(parser.parse_args().processes, PAGES)))


if __name__ == "__main__":
    main()
