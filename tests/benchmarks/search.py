"""What a search costs: ``python -m tests.benchmarks.search [DOCUMENTS]`` (30,000 unless told).

Makes a library of made-up pages, whose words are as frequent as those of a language are (Zipf), and prints the median
and the 95th percentile of a whole search with its first twenty results and their snippets, in milliseconds.
"""

import argparse
import itertools
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from quaero_desktop.storage import migrate, sqlite
from quaero_desktop.storage.queries.search import search
from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import Spread

DOCUMENTS = 30_000
VOCABULARY = 50_000
WORDS_OF_A_PAGE = 700
SITES = 40
RUNS = 60
NOW = 1_700_000_000_000


def word(number: int) -> str:
    """Return a pronounceable word that is no other number's."""
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    text = ""
    number += len(syllables)
    while number:
        number, syllable = divmod(number, len(syllables))
        text += syllables[syllable]
    return text + "n"


def build(path: Path, documents: int) -> None:
    """Make a library of so many documents."""
    rng = random.Random(7)
    words = [word(number) for number in range(VOCABULARY)]
    weights = list(itertools.accumulate(1 / (rank + 10) for rank in range(VOCABULARY)))
    migrate.create(path, NOW)
    connection = sqlite.connect_writer(path)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO sources (name, base_url, created_at, updated_at) VALUES ('all', '', 0, 0)")

    def rows() -> Iterator[tuple[object, ...]]:
        for number in range(documents):
            length = int(WORDS_OF_A_PAGE * rng.lognormvariate(0, 0.7))
            text = " ".join(rng.choices(words, cum_weights=weights, k=length))
            title = " ".join(rng.choices(words, cum_weights=weights, k=4)).capitalize()
            url = f"https://s{number % SITES}.generated/docs/{number}.html"
            yield url, title, str(number), NOW + number, NOW, NOW, title, text, text

    connection.executemany(
        "INSERT INTO documents (source_id, url, title, content_type, content_hash, language, fetched_at, checked_at,"
        " changed_at, search_title, markdown, search_text) VALUES (1, ?, ?, 'text/html', ?, 'en', ?, ?, ?, ?, ?, ?)",
        rows(),
    )
    connection.execute("COMMIT")
    connection.close()


def queries(rng: random.Random) -> dict[str, list[str]]:
    """Return the kinds of queries with some of each; words of rank 100 to 20,000 are what people look for."""

    def some(lowest: int = 100, highest: int = 20_000) -> str:
        return word(int(lowest * (highest / lowest) ** rng.random()))

    def many(make: object) -> list[str]:
        assert callable(make)
        return [make() for _ in range(RUNS)]

    return {
        "one word": many(some),
        "two words": many(lambda: f"{some(50, 2_000)} {some(50, 2_000)}"),
        "a OR b": many(lambda: f"{some()} OR {some()}"),
        "phrase": many(lambda: f'"{some(10, 200)} {some(10, 200)}"'),
        "prefix*": many(lambda: f"{some()[:5]}*"),
        "short prefix*": many(lambda: f"{some()[:2]}*"),
        "title:word": many(lambda: f"title:{some()}"),
        "word -word": many(lambda: f"{some()} -{some()}"),
        "word site:host": many(lambda: f"{some()} site:s{rng.randrange(SITES)}.generated"),
        "site:host": many(lambda: f"site:s{rng.randrange(SITES)}.generated"),
        "word url:part": many(lambda: f"{some()} url:docs/1"),
        "word after:date": many(lambda: f"{some()} after:2023"),
        "lang:en": many(lambda: "lang:en"),
        "nothing but -word": many(lambda: f"-{some()}"),
        "the most frequent words": many(lambda: some(1, 20)),
    }


def measure(documents: int) -> Iterator[Figure]:
    """Print what each kind of query costs among so many documents; yield that of the usual and of the slowest kind."""
    spreads = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "library.db"
        started = time.perf_counter()
        build(path, documents)
        size = path.stat().st_size / 1e6
        print(f"{documents:,} documents, {size:,.0f} MB, made in {time.perf_counter() - started:.0f} s")
        connection = sqlite.connect_reader(path)
        print(f"{'':26}{'p50':>8}{'p95':>8}{'worst':>8}{'found':>10}")
        for kind, texts in queries(random.Random(11)).items():
            took, found = [], []
            for text in texts:
                before = time.perf_counter()
                results = search(connection, text)
                took.append((time.perf_counter() - before) * 1000)
                found.append(results.total_count)
            spread = spreads[kind] = Spread.of(took)
            half = sorted(found)[len(found) // 2]
            print(f"{kind:26}{spread.p50:8.1f}{spread.p95:8.1f}{spread.worst:8.1f}{half:10,}", flush=True)
        connection.close()
    slowest = max(spreads, key=lambda kind: spreads[kind].p95)
    for name, kind in (("two words", "two words"), (f"slowest kind of query ({slowest})", slowest)):
        yield Figure(
            what=f"search among {documents:,} documents, {name}, median",
            value=spreads[kind].p50,
            unit="ms",
            detail=f"p95 {spreads[kind].p95:.1f} ms, max {spreads[kind].worst:.1f} ms",
        )


def figures(quick: bool) -> Iterator[Figure]:
    """Yield what a search costs; among a tenth of the documents when it is to be *quick*."""
    yield from measure(DOCUMENTS // 10 if quick else DOCUMENTS)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", nargs="?", type=int, default=DOCUMENTS)
    tell(measure(parser.parse_args().documents))


if __name__ == "__main__":
    main()
