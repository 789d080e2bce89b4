"""What a link costs before it is a page: resolving it, its identity in a crawl, and the decision about it.

::

    python -m tests.benchmarks.rules

A page has some 60 links. Prints microseconds a link; the best of several rounds, since other work disturbs.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import ada_url

from quaero_desktop.domain.crawl import CrawlConfig, CrawlScope, ScopeKind
from quaero_desktop.domain.urls import identity, join
from tests.benchmarks.figures import Figure, tell

BASE = "https://docs.python.org/3/library/urllib.parse.html"
PLAIN = [f"{name}.html#{name}" for name in "json os re io abc ast cmd csv dbm dis".split()]
UP = [f"../reference/{name}.html" for name in "index lexical datamodel executionmodel import expressions".split()]
ABSOLUTE = [f"https://docs.python.org/3/c-api/{name}.html" for name in "intro stable veryhigh refcounting".split()]
LINKS = [
    *PLAIN,
    *UP,
    *ABSOLUTE,
    "https://github.com/python/cpython/blob/main/Lib/urllib/parse.py",
    "?a=1&b=2",
    "ä ö.html",
]
ROUNDS = 9
REPEAT = 200

RULES: dict[str, tuple[str, ...]] = {
    "no rules": (),
    "10 words": tuple(f"/{name}/" for name in "old new tmp test build img css js doc x".split()),
    "10 wildcards": tuple(f"*/{name}/*.pdf" for name in "old new tmp test build img css js doc x".split()),
    "3 expressions": (r"re:/\d+/$", "re:(a+)+$", r"re:\.(pdf|zip)$"),
}


def cost(call: Callable[[str], object], links: list[str], rounds: int = ROUNDS) -> float:
    """Return the microseconds of one call."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(REPEAT):
            for link in links:
                call(link)
        best = min(best, time.perf_counter() - started)
    return best / REPEAT / len(links) * 1e6


def measure(rounds: int) -> Iterator[Figure]:
    """Print what each part costs; yield what a link of a page costs in all, without rules and with many."""

    def show(what: str, call: Callable[[str], object], links: list[str]) -> float:
        microseconds = cost(call, links, rounds)
        print(f"{what:<44} {microseconds:6.2f} µs a link", flush=True)
        return microseconds

    for name, links in (("plain", PLAIN), ("upwards", UP), ("absolute", ABSOLUTE), ("all kinds", LINKS)):
        links = [link.partition("#")[0] for link in links]
        joined = show(f"join, {name}", lambda link: join(BASE, link), links)
        show(f"  the parser alone, {name}", lambda link: ada_url.join_url(BASE, link), links)
    found = [url for url in (join(BASE, link) for link in LINKS) if url is not None]
    show("identity of a URL", identity, found)
    seeds = ("https://docs.python.org/3/",)
    kinds: tuple[ScopeKind, ...] = ("host", "prefix", "domain")
    for kind in kinds:
        show(f"decide, scope {kind}", CrawlScope(CrawlConfig(seeds=seeds, scope=kind), seeds).decide, found)
    decided = {
        name: show(f"decide, {name}", CrawlScope(CrawlConfig(seeds=seeds, exclude=rules), seeds).decide, found)
        for name, rules in RULES.items()
    }
    scope = CrawlScope(CrawlConfig(seeds=seeds, aliases=("http://docs.python.org",)), seeds)
    identified = show("identity in a crawl, no query", scope.identity, [url for url in found if "?" not in url])
    show("identity in a crawl, a query of 3", scope.identity, [f"{BASE}?a=1&utm_source=x&b=2"])
    for name in ("no rules", "10 wildcards"):
        yield Figure(
            what=f"a link resolved, identified and decided, {name}",
            value=joined + identified + decided[name],
            unit="µs",
            detail=f"{joined:.1f} + {identified:.1f} + {decided[name]:.1f}",
        )


def figures(quick: bool) -> Iterator[Figure]:
    """Yield what a link costs; by fewer rounds when it is to be *quick*."""
    yield from measure(3 if quick else ROUNDS)


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    tell(measure(ROUNDS))


if __name__ == "__main__":
    main()
