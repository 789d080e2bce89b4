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
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import psutil

CHECKOUT = Path(__file__).resolve().parents[2]
CHANGES_A_SECOND = 500
SECONDS = 6.0
ROOT = 1

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


def frames(gaps: list[float]) -> tuple[float, float, float]:
    """Return the median, the 99th percentile and the worst."""
    return statistics.median(gaps), statistics.quantiles(gaps, n=100)[98], max(gaps)


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


async def measure(world: Any, children: int) -> None:
    """Print all figures of an open library."""
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

    print(f"{'milliseconds until':44}{'first screen':>12}{'whole list':>12}")
    tree = panel.tree
    model = tree.model()
    await watch.until(lambda: model.rowCount() > 0)
    top = model.index(0, 0)
    started = time.perf_counter()
    tree.expand(top)
    await watch.until(lambda: model.rowCount(top) > 100)
    tree.viewport().repaint()
    say("tree: open the crawl", (time.perf_counter() - started) * 1000)
    say("Pages: open the crawl", *await watch.time(lambda: view.show_root(ROOT)))
    for order in PAGE_ORDERS[1:]:
        usual = PageFilter(root_id=ROOT, order=order).downwards
        say(f"sort by {order}", *await watch.time(partial(view._sort, order, usual)))
        say(f"sort by {order}, reversed", *await watch.time(partial(view._sort, order, not usual)))
    await watch.time(lambda: view._sort("found", False))

    def filtered(**which: Any) -> Callable[[], None]:
        def ask() -> None:
            view._bar.set(**which)
            view._filter_changed()

        return ask

    for name, which in FILTERS.items():
        say(f"filter: {name}", *await watch.time(filtered(**which)))
    await watch.time(filtered(query="m"))
    for text in ("ma", "man", "manu", "manua", "manual", "manual ", "kern", "kerne", "kernel/t"):
        view._bar.set(query=text)
        view._filter_changed()
        await asyncio.sleep(0.03)
    say("filter: the newest of ten while typing", *await watch.time(filtered(query="kernel/thread")))
    await watch.time(filtered())

    changing = asyncio.ensure_future(change(world.services, children))
    try:
        print(f"{'frames at 500 changes a second':44}{'median':>12}{'p99':>12}{'worst':>12}")
        for name, act in (
            ("nothing else (gaps of a 5 ms timer)", idle),
            ("scrolling (gaps)", scroll),
            ("filters and orders (gaps)", refilter),
        ):
            gaps, paints = await framed(view, act)
            say(name, *frames(gaps))
            if paints:
                say(f"{name.partition(' (')[0]} (a painting, processor time)", *frames(paints))
    finally:
        changing.cancel()
        await asyncio.wait([changing])
    memory = psutil.Process().memory_info()
    print(f"{'memory (RSS), MB':44}{memory.rss / 1e6:12,.0f}")
    for widget in (view, panel):
        widget.close()
        widget.deleteLater()


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


def main() -> None:
    """Make the library in a process of its own, so that its memory is not counted, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--children", type=int, default=1_000_000)
    parser.add_argument("--library", type=Path, help="keep it here; taken as it is when it is there")
    asked = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as folder:
        library = asked.library or Path(folder) / "library"
        if not (library / "library.db").exists():
            code = f"from pathlib import Path; from tests.support import million; million.build(Path({str(library)!r}),"
            subprocess.run([sys.executable, "-c", f"{code} {asked.children})"], check=True, cwd=CHECKOUT)
        from PySide6.QtWidgets import QApplication

        from tests.support.qtwindow import qt_world

        application = QApplication([])
        with qt_world(library) as world:
            # The guard of a test against hanging is too short here.
            world._runner.run(measure(world, asked.children))
            for bug in world.bugs:
                print(f"a bug: {bug!r}", file=sys.stderr)
            world.bugs.clear()
        del application


if __name__ == "__main__":
    main()
