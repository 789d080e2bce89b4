"""How many documents a second are summarised, and the memory it takes: a Debian documentation package, offline.

Usage: python -m tests.benchmarks.summaries [FOLDER] [--pages N] [--processes N] [--show N]

Pages are extracted first and not counted. Then their summaries are made in worker processes, as a step ``summarise``
does, and the summary of them all, as ``corpus_summary`` does. ``--show 20`` prints some, to be judged by reading.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from quaero_desktop.content.extract import parse
from quaero_desktop.content.runner import ParseRunner
from quaero_desktop.domain.pages import PageInput
from quaero_desktop.domain.summaries import CorpusInput, Digest, Summary, SummaryInput
from tests.benchmarks.figures import Figure, Impossible, tell
from tests.support import nginx

PAGES, PROCESSES = 500, 2


def extracted(folder: Path, most: int) -> list[SummaryInput]:
    """Return the pages of a folder, as a crawl would store them."""
    found = []
    for file in sorted(folder.rglob("*.html"))[:most]:
        page = parse(PageInput(url=f"https://docs.test/{file.name}", body=file.read_bytes(), content_type="text/html"))
        if page.markdown:
            found.append(SummaryInput(text=page.markdown, title=page.title, language=page.language))
    return found


async def summarised(pages: list[SummaryInput], processes: int, show: int) -> list[Figure]:
    """Summarise *pages*, print some of the summaries, and return how fast that was."""
    runner = ParseRunner(processes=processes, timeout=60, memory_bytes=1024 * 1024 * 1024)
    me = psutil.Process()
    try:
        await runner.start()
        await runner.summarise(pages[0])  # the word lists are read once in each process
        began = time.perf_counter()
        made = [each for each in await asyncio.gather(*map(runner.summarise, pages)) if isinstance(each, Summary)]
        seconds = time.perf_counter() - began
        memory = max((child.memory_info().rss for child in me.children()), default=0)
        digests = tuple(
            Digest(title=page.title, summary=each.text, keywords=each.keywords, language=each.language, level=1)
            for page, each in zip(pages, made, strict=True)
        )
        began = time.perf_counter()
        whole = await runner.summarise(CorpusInput(documents=digests))
        corpus_seconds = time.perf_counter() - began
    finally:
        await runner.aclose()
    characters = sum(len(page.text) for page in pages)
    print(f"{sum(not each.text for each in made)} have no running text")
    assert isinstance(whole, Summary)
    print(f"\n{whole.text}\n  {', '.join(whole.keywords)}")
    for number in range(0, len(pages), max(1, len(pages) // show)) if show else ():
        print(f"\n{pages[number].title}\n{made[number].text}\n  {', '.join(made[number].keywords)}")
    return [
        Figure(
            what=f"summaries a second, {processes} processes",
            value=len(made) / seconds,
            detail=f"{len(pages):,} documents of {characters / len(pages):,.0f} characters",
        ),
        Figure(what=f"summary of {len(pages):,} documents together", value=corpus_seconds, unit="s"),
        Figure(what="largest process that summarises", value=memory / 1e6, unit="MB"),
    ]


def measure(folder: Path, most: int, processes: int, show: int = 0) -> Iterator[Figure]:
    """Yield how fast at most so many pages of a folder are summarised."""
    pages = extracted(folder, most)
    if not pages:
        raise Impossible(f"there are no pages in {folder}")
    yield from asyncio.run(summarised(pages, processes, show))


def figures(quick: bool) -> Iterator[Figure]:
    """Yield how fast summaries are made; of few pages when it is to be *quick*."""
    yield from measure(nginx.DOCS["postgresql"], PAGES // 5 if quick else PAGES, PROCESSES)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=nginx.DOCS["postgresql"], type=Path)
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--show", type=int, default=0)
    given = parser.parse_args()
    tell(measure(given.folder, given.pages, given.processes, given.show))


if __name__ == "__main__":
    main()
