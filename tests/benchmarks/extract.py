"""How long extraction takes a page: ``python -m tests.benchmarks.extract [FOLDER...]``.

Without folders it takes the manuals of the Debian packages ``python3.11-doc`` and ``postgresql-doc-15``. It prints
milliseconds of processor time a page (mean, median, 99th percentile, maximum), then where the mean goes.
"""

import argparse
import statistics
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from lxml import etree

from quaero_desktop.content import charset, extract, links, maincontent, markdown, metadata
from quaero_desktop.domain.cjk import split_cjk
from quaero_desktop.domain.pages import PageInput
from tests.benchmarks.figures import Figure, Impossible, tell
from tests.benchmarks.measuring import Spread
from tests.support import nginx

T = TypeVar("T")

MANUALS = {"Python manual": nginx.DOCS["python"], "PostgreSQL manual": nginx.DOCS["postgresql"]}
MOST_MS = 8.0
"""What a page of these may take on average."""


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


def measure(title: str, folder: Path, part: int = 1) -> Iterator[Figure]:
    """Yield what a page of *folder* takes, by every page or each *part*-th; print where it goes."""
    pages = pages_of(folder)[::part]
    if not pages:
        raise Impossible(f"there are no pages in {folder}")
    for page in pages[:50]:
        extract.parse(page)
    times = []
    for page in pages:
        start = time.process_time()
        extract.parse(page)
        times.append((time.process_time() - start) * 1000)
    stages = Stages()
    for page in pages:
        by_stage(page, stages)
    parts = (f"{name} {seconds / len(pages) * 1000:.2f}" for name, seconds in stages.seconds.items())
    print(f"{title}, ms a page: {', '.join(parts)}")
    size = sum(len(page.body) for page in pages) / len(pages) / 1000
    yield Figure(
        what=f"extraction of a page, {title}, processor time, mean",
        value=statistics.mean(times),
        unit="ms",
        at_most=MOST_MS,
        detail=f"{Spread.of(times)} pages of {size:.0f} kB",
    )


def figures(quick: bool) -> Iterator[Figure]:
    """Yield what a page of either manual takes; by a tenth of the pages when it is to be *quick*."""
    for title, folder in MANUALS.items():
        yield from measure(title, folder, 10 if quick else 1)


def main() -> None:
    """Measure the manuals, or the folders that were named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    folders = {str(folder): folder for folder in parser.parse_args().folders} or MANUALS
    tell(figure for title, folder in folders.items() for figure in measure(title, folder))


if __name__ == "__main__":
    main()
