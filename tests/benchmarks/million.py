"""What a million pages cost the window: ``python -m tests.benchmarks.million [--children N] [--library DIR]``.

Makes a library with one crawl of so many pages, sound in every invariant (or takes the one in DIR, made when it is
missing), opens it as the window does, and prints, in milliseconds:

- opening the crawl in the tree and in Pages: until the first screen is painted, and until the whole list is known;
- each order and each filter of Pages, likewise; and how long the newest of ten filters takes that follow each other by
  30 ms, as somebody types: the older ones are interrupted;
- frames while the table is scrolled and while filters follow each other, with 500 pages a second changing their status:
  the gaps between the ticks of a 5 ms timer, and the processor time that one painting takes;
- the memory of the whole process.

Without a display: QT_QPA_PLATFORM=offscreen, which is set when nothing else is.
"""

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import CHECKOUT, FRAME_MS, Spread, meanwhile, qt_application

CHILDREN = 1_000_000
CHANGES_A_SECOND = 500
SECONDS = 6.0
ROOT = 1
OPEN_MS, SORT_MS, MEMORY_MB = 200.0, 1_500.0, 600.0

FILTERS: dict[str, dict[str, Any]] = {
    "failed": {"status": ("failed",)},
    "done": {"status": ("completed",)},
    "queued": {"status": ("pending",)},
    "HTTP 503": {"reason": ("http_5xx", 503)},
    "timeouts that failed": {"status": ("failed",), "reason": ("timeout", None)},
    "text found in few": {"query": "kernel/lock"},
    "text found in all": {"query": "html"},
    "text found nowhere": {"query": "no such words"},
}


class Watch:
    """A view of pages, and how long it takes to show something."""

    def __init__(self, view: Any) -> None:
        self.view = view

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for what nothing announces."""
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    def shows(self, which: Any) -> bool:
        """Return whether the first rows of a list are painted, or it is known that there are none."""
        table = self.view._table
        if not table.rowCount():
            return bool(self.view._whole)
        return (self.view._whole or self.screen_of is which) and table.row_at(0) is not None

    async def time(self, ask: Callable[[], object]) -> tuple[float, float]:
        """Ask; return after how many milliseconds the first screen and the whole list were there."""
        view = self.view
        self.screen_of = None
        begun = view._table.modelReset

        def note(*_: object) -> None:
            self.screen_of = view._which

        begun.connect(note)
        started = time.perf_counter()
        ask()
        which = view._which
        await self.until(lambda: self.shows(which))
        view._view.viewport().repaint()
        first = time.perf_counter()
        await self.until(lambda: view._whole)
        whole = time.perf_counter()
        begun.disconnect(note)
        return (first - started) * 1000, (whole - started) * 1000


def say(name: str, *figures: float) -> None:
    """Print a line."""
    print(f"{name:44}" + "".join(f"{figure:12,.1f}" for figure in figures), flush=True)


async def change(services: Any, children: int) -> None:
    """Let pages change their status, 500 a second, as a crawl does: in the transactions of the one writer."""
    database = services.jobs._database
    draw = random.Random(1)
    due = time.monotonic()
    while True:
        ids = [draw.randrange(2, children + 2) for _ in range(CHANGES_A_SECOND // 20)]

        def work(tx: Any, ids: list[int] = ids) -> None:
            tx.executemany(
                "UPDATE jobs SET status = iif(status = 'pending', 'running', 'pending'), completed_at = NULL,"
                f" revision = {tx.revision} WHERE id = ?",
                ((job_id,) for job_id in ids),
            )

        await database.write(work)
        due += 0.05
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def measure(world: Any, children: int) -> list[Figure]:
    """Return all figures of an open library."""
    from quaero_desktop.domain.pagelist import PAGE_ORDERS, PageFilter
    from quaero_desktop.ui.views.jobs import JobsPanel
    from quaero_desktop.ui.views.pages import PagesView

    world.context.feed.start()
    panel = JobsPanel(world.context)
    panel.resize(700, 700)
    panel.show()
    view = PagesView(world.context)
    view.resize(900, 700)
    view.show()
    watch = Watch(view)
    await asyncio.sleep(0.5)
    found: list[Figure] = []

    def add(what: str, value: float, most: float, detail: str = "", unit: str = "ms") -> None:
        found.append(Figure(what=f"{children:,} pages: {what}", value=value, unit=unit, at_most=most, detail=detail))

    async def timed(name: str, ask: Callable[[], object]) -> tuple[float, float]:
        times = await watch.time(ask)
        say(name, *times)
        return times

    print(f"{'milliseconds until':44}{'first screen':>12}{'whole list':>12}")
    tree = panel.tree
    model = tree.model()
    await watch.until(lambda: model.rowCount() > 0)
    top = model.index(0, 0)
    started = time.perf_counter()
    tree.expand(top)
    await watch.until(lambda: model.rowCount(top) > 100)
    tree.viewport().repaint()
    opened = (time.perf_counter() - started) * 1000
    say("tree: open the crawl", opened)
    add("the tree opens the crawl", opened, OPEN_MS)
    first, whole = await timed("Pages: open the crawl", lambda: view.show_root(ROOT))
    add("Pages opens the crawl, first screen", first, OPEN_MS, f"{whole:.0f} ms until the whole list is known")

    sorts: dict[str, tuple[float, float]] = {}
    for order in PAGE_ORDERS[1:]:
        usual = PageFilter(root_id=ROOT, order=order).downwards
        for name, down in ((order, usual), (f"{order}, reversed", not usual)):
            sorts[name] = await timed(f"sort by {name}", partial(view._sort, order, down))
    add_slowest(add, "sort", sorts)
    await watch.time(lambda: view._sort("found", False))

    def filtered(**which: Any) -> Callable[[], None]:
        def ask() -> None:
            view._bar.set(**which)
            view._filter_changed()

        return ask

    add_slowest(
        add, "filter", {name: await timed(f"filter: {name}", filtered(**which)) for name, which in FILTERS.items()}
    )
    await watch.time(filtered(query="m"))
    for text in ("ma", "man", "manu", "manua", "manual", "manual ", "kern", "kerne", "kernel/t"):
        view._bar.set(query=text)
        view._filter_changed()
        await asyncio.sleep(0.03)
    first, whole = await timed("filter: the newest of ten while typing", filtered(query="kernel/thread"))
    add("the newest of ten filters while typing, first screen", first, SORT_MS, f"whole list {whole:.0f} ms")
    await watch.time(filtered())

    async with meanwhile(change(world.services, children)):
        for name, act, most in (
            ("idle", idle, None),
            ("scrolling", scroll, FRAME_MS),
            ("filtering", refilter, FRAME_MS),
        ):
            gaps, paints = await framed(view, act)
            spread = Spread.of(gaps)
            paint = f"; one painting p99 {Spread.of(paints).p99:.1f} ms of processor" if paints else ""
            print(f"{name} at {CHANGES_A_SECOND} changes a second, gaps of a 5 ms tick: {spread}{paint}", flush=True)
            if most is not None:
                what = f"{name} at {CHANGES_A_SECOND} changes a second, gaps of a 5 ms tick, p99"
                add(what, spread.p99, most, f"{spread}{paint}")
    add("memory of the process", psutil.Process().memory_info().rss / 1e6, MEMORY_MB, unit="MB")
    for widget in (view, panel):
        widget.close()
        widget.deleteLater()
    return found


def add_slowest(add: Callable[..., None], what: str, times: dict[str, tuple[float, float]]) -> None:
    """Add the slowest first screen and the slowest whole list."""
    for which, words in ((0, "first screen"), (1, "whole list")):
        name = max(times, key=lambda one: times[one][which])
        add(f"slowest {what}, {words}", times[name][which], SORT_MS, f"{name}; {len(times)} were tried")


async def framed(
    view: Any, act: Callable[[Any, list[float]], Coroutine[Any, Any, None]]
) -> tuple[list[float], list[float]]:
    """Return the gaps between ticks while something is done, and how long each painting took."""
    from tests.support.ticks import Ticks

    paints: list[float] = []
    ticks = Ticks()
    await act(view, paints)
    return ticks.stop(), paints


async def idle(view: Any, paints: list[float]) -> None:
    """Only look."""
    await asyncio.sleep(SECONDS)


async def scroll(view: Any, paints: list[float]) -> None:
    """Scroll by the wheel, by the page and to anywhere, sixty times a second."""
    bar = view._view.verticalScrollBar()
    draw = random.Random(2)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        kind = draw.random()
        if kind < 0.8:
            bar.setValue(bar.value() + 72)
        elif kind < 0.95:
            bar.setValue(bar.value() + bar.pageStep())
        else:
            bar.setValue(draw.randrange(bar.maximum()))
        started = time.thread_time()
        view._view.viewport().repaint()
        paints.append((time.thread_time() - started) * 1000)
        await asyncio.sleep(1 / 60)


async def refilter(view: Any, paints: list[float]) -> None:
    """Ask for another list twice a second."""
    draw = random.Random(3)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if draw.random() < 0.5:
            view._bar.set(**draw.choice(list(FILTERS.values())))
            view._filter_changed()
        else:
            view._sort(draw.choice(("found", "url", "status", "size", "title")), draw.random() < 0.5)
        await asyncio.sleep(0.5)


def run(children: int, kept: Path | None = None) -> Iterator[Figure]:
    """Make the library in a process of its own, so that its memory is not counted, and measure.

    Args:
        children: how many pages.
        kept: a library to take, or to leave here when it is missing; without it a library for this once.
    """
    with tempfile.TemporaryDirectory() as folder:
        library = kept or Path(folder) / "library"
        if not (library / "library.db").exists():
            code = f"from pathlib import Path; from tests.support import million; million.build(Path({str(library)!r}),"
            subprocess.run([sys.executable, "-c", f"{code} {children})"], check=True, cwd=CHECKOUT)
        application = qt_application()

        from tests.support.qtwindow import qt_world

        with qt_world(library) as world:
            # The guard of a test against hanging is too short here.
            yield from world._runner.run(measure(world, children))
            bugs = [repr(bug) for bug in world.bugs]
            world.bugs.clear()
        del application
        if bugs:
            raise RuntimeError(f"the window reported: {', '.join(bugs)}")


def figures(quick: bool) -> Iterator[Figure]:
    """Yield what a million pages cost, or a tenth of that when it is to be *quick*."""
    yield from run(CHILDREN // 10 if quick else CHILDREN)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--children", type=int, default=CHILDREN)
    parser.add_argument("--library", type=Path, help="keep it here; taken as it is when it is there")
    asked = parser.parse_args()
    tell(run(asked.children, asked.library))


if __name__ == "__main__":
    main()
