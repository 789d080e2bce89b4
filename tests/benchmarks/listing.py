"""What lists of jobs cost: ``python -m tests.benchmarks.listing [CHILDREN]`` (1,000,000 under one root unless told).

Makes a library with one huge crawl among 200 small ones and prints the best of five readings of each list, in
milliseconds.
"""

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.storage import migrate, sqlite
from quaero_desktop.storage.queries import changes, joblist
from quaero_desktop.storage.queries import figures as counts
from tests.benchmarks.figures import Figure, tell

CHILDREN = 1_000_000
NOW = 1_700_000_000_000
SMALL_ROOTS = 200
PAGES_OF_A_SMALL_ROOT = 20


def build(path: Path, children: int) -> int:
    """Make the library and return the id of the huge root: of its children every 50th failed, the last tenth waits."""
    migrate.create(path, NOW)
    connection = sqlite.connect_writer(path)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")

    def add(root: int, pages: int) -> None:
        connection.execute(
            "INSERT INTO jobs (id, type, status, name, config, created_at, started_at, revision)"
            " VALUES (?, 'crawl', 'running', ?, '{}', ?, ?, 1)",
            (root, f"crawl {root}", NOW + root, NOW + root),
        )
        connection.execute("INSERT INTO root_progress (root_id) VALUES (?)", (root,))
        connection.executemany(
            "INSERT INTO jobs (parent_id, root_id, type, status, url, depth, cause, created_at, completed_at, revision)"
            " VALUES (?, ?, 'crawler_url', ?, ?, 1, ?, ?, ?, 1)",
            (
                (root, root, status, f"https://generated/{root}/{n}", cause, NOW + n, NOW + n)
                for n in range(pages)
                for status, cause in [
                    ("pending", None)
                    if n > pages * 0.9
                    else ("failed", "not_found")
                    if n % 50 == 0
                    else ("completed", None)
                ]
            ),
        )

    for root in range(1, SMALL_ROOTS + 1):
        add(root * 100, PAGES_OF_A_SMALL_ROOT)
    huge = SMALL_ROOTS * 100 + 100
    add(huge, children)
    connection.execute("COMMIT")
    connection.close()
    return huge


def best_of_five(connection: sqlite3.Connection, name: str, read: Callable[[sqlite3.Connection], object]) -> float:
    """Print and return the milliseconds of the best of five readings."""
    took = []
    for _ in range(5):
        before = time.perf_counter()
        read(connection)
        took.append((time.perf_counter() - before) * 1000)
    print(f"{name:48}{min(took):10.2f} ms", flush=True)
    return min(took)


def measure(children: int) -> Iterator[Figure]:
    """Print what each list costs; yield that of the usual one and of the slowest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "library.db"
        started = time.perf_counter()
        huge = build(path, children)
        print(f"{children:,} children, made in {time.perf_counter() - started:.0f} s")
        connection = sqlite.connect_reader(path)

        def children_of_it(**fields: object) -> Callable[[sqlite3.Connection], object]:
            return lambda connection: joblist.jobs(connection, JobFilter(parent=huge, **fields))  # type: ignore[arg-type]

        lists: dict[str, Callable[[sqlite3.Connection], object]] = {
            "roots, first page": lambda connection: joblist.jobs(connection, JobFilter()),
            "roots by pages": lambda connection: joblist.jobs(connection, JobFilter(order="pages")),
            "roots, searched": lambda connection: joblist.jobs(connection, JobFilter(query="crawl 1")),
            "all jobs, first page": lambda connection: joblist.jobs(connection, JobFilter(parent="all")),
            "children, first page": children_of_it(),
            "children, oldest first": children_of_it(descending=False),
            "children by status (running and failed first)": children_of_it(order="status"),
            "children, page at half": children_of_it(offset=children // 2),
            "failed children, first page": children_of_it(status=("failed",)),
            "failed children, last page": children_of_it(status=("failed",), offset=int(children * 0.9 / 50) - 50),
            "children by URL": children_of_it(order="url"),
            "children by time of completion": children_of_it(order="completed"),
            "children, searched": children_of_it(query="/77777"),
            "details of the root": lambda connection: counts.root_details(connection, huge, now=NOW),
            "failures by cause": lambda connection: counts.cause_counts(connection, huge),
            "statistics": counts.statistics,
            "nothing changed": lambda connection: changes.since(connection, changes.moment(connection), tuple),
            "all changed in one commit": lambda connection: changes.since(
                connection, changes.Moment(0, frozenset(), 0), tuple
            ),
        }
        best = {name: best_of_five(connection, name, read) for name, read in lists.items()}
        connection.close()
    slowest = max(best, key=lambda name: best[name])
    for name in ("children, first page", slowest):
        what = "slowest list of jobs" if name == slowest else "list of jobs"
        yield Figure(what=f"{what} among {children:,}: {name}", value=best[name], unit="ms")


def figures(quick: bool) -> Iterator[Figure]:
    """Yield what lists cost; of a tenth of the jobs when it is to be *quick*."""
    yield from measure(CHILDREN // 10 if quick else CHILDREN)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("children", nargs="?", type=int, default=CHILDREN)
    tell(measure(parser.parse_args().children))


if __name__ == "__main__":
    main()
