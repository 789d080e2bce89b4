"""How long extraction takes a page: ``python tests/benchmarks/extract.py [FOLDER...]``.

Without folders it takes the manuals of the Debian packages ``python3.11-doc`` and ``postgresql-doc-15``. It prints
milliseconds of processor time a page (mean, median, 99th percentile, maximum), then where the mean goes.
"""

import statistics
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lxml import etree

from quaero_desktop.content import charset, extract, links, maincontent, markdown, metadata
from quaero_desktop.domain.cjk import split_cjk
from quaero_desktop.domain.pages import PageInput

T = TypeVar("T")

MANUALS = (Path("/usr/share/doc/python3.11/html"), Path("/usr/share/doc/postgresql-doc-15/html"))


def pages_of(folder: Path) -> list[PageInput]:
    """The HTML pages below *folder*, as a crawl of it would give them."""
    return [
        PageInput(
            url=f"https://manual.test/{path.relative_to(folder).as_posix()}",
            body=path.read_bytes(),
            content_type="text/html",
        )
        for path in sorted(folder.rglob("*.html"))
    ]


class Stages:
    """Seconds of processor time spent in each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def run(self, name: str, work: Callable[[], T]) -> T:
        """Return what *work* returns and add its time to the stage *name*."""
        start = time.process_time()
        result = work()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - start
        return result


def by_stage(page: PageInput, stages: Stages) -> None:
    """Do what :func:`extract.parse` does, a stage at a time."""
    decoded = stages.run("decode", lambda: charset.decode(page.body, page.charset))
    root, _ = stages.run("lxml", lambda: extract._tree(decoded.utf8))
    if root is None:
        return
    resolve = links.Resolver(links.base_of(root, page.url))
    stages.run("links", lambda: links.collect(root, resolve))
    stages.run("metadata", lambda: metadata.read(root, resolve))
    main = stages.run("main content", lambda: maincontent.choose(root))
    rendered = stages.run("markdown", lambda: markdown.render(main, resolve, page.url))
    stages.run("search text", lambda: split_cjk(rendered.text))
    stages.run("zlib", lambda: zlib.compress(page.body, extract._ZLIB_LEVEL))
    stages.run("free", lambda: _free(root))


def _free(root: etree._Element) -> None:
    root.clear()


def measure(folder: Path) -> None:
    """Print the figures of one *folder*."""
    pages = pages_of(folder)
    if not pages:
        print(f"{folder}: no pages")
        return
    for page in pages[:50]:
        extract.parse(page)
    times = []
    for page in pages:
        start = time.process_time()
        extract.parse(page)
        times.append((time.process_time() - start) * 1000)
    times.sort()
    size = sum(len(page.body) for page in pages) / len(pages) / 1000
    print(f"{folder}: {len(pages)} pages of {size:.0f} kB")
    print(
        f"  ms a page: mean {statistics.mean(times):.2f}, p50 {times[len(times) // 2]:.2f}, "
        f"p99 {times[int(len(times) * 0.99)]:.2f}, max {times[-1]:.2f}"
    )
    stages = Stages()
    for page in pages:
        by_stage(page, stages)
    parts = (f"{name} {seconds / len(pages) * 1000:.2f}" for name, seconds in stages.seconds.items())
    print(f"  of it: {', '.join(parts)}")


if __name__ == "__main__":
    for argument in [Path(text) for text in sys.argv[1:]] or MANUALS:
        measure(argument)
