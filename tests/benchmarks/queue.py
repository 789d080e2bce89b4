"""What the queue costs: ``python -m tests.benchmarks.queue``.

Sends, claims and acknowledges messages of 4 roots with 10 lanes each, in libraries on disk (WAL, synchronous FULL): one
with nothing else stored and one with 1,000,000 messages of which 100,000 are delayed, in turns. Prints microseconds a
message (medians): each operation in a committed transaction of its own, in committed batches of 50, and the bare SQL
without its commit, which is the disk's. Ends with 1 when the SQL of a claim among a million takes more than 1.5 times
what it takes alone.
"""

import argparse
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from quaero_desktop.domain.queue import NewMessage, Receipt
from quaero_desktop.storage import migrate, sqlite
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.queue import Queue
from tests.benchmarks.figures import Figure, tell

STORED = 1_000_000
EACH_DELAYED = 10
ROOTS = 4
LANES = 10
BATCH = 50
TURNS, ROUNDS = 4, 100
MOST_RATIO = 1.5
NOW = 1_700_000_000_000


class Timer:
    """Adds up the time of each operation and gives the median of its rounds, for each message."""

    def __init__(self) -> None:
        self.rounds: dict[str, list[float]] = {"send": [], "claim": [], "ack": []}

    @contextmanager
    def timed(self, operation: str, messages: int) -> Iterator[None]:
        before = time.perf_counter()
        yield
        self.rounds[operation].append((time.perf_counter() - before) / messages)

    def microseconds(self) -> dict[str, float]:
        """Return the median of each operation."""
        return {operation: statistics.median(times) * 1e6 for operation, times in self.rounds.items()}


def make(path: Path, stored: int) -> sqlite3.Connection:
    """Make a library with so many messages and return a connection that writes it."""
    migrate.create(path, NOW)
    connection = sqlite.connect_writer(path)
    connection.executemany(
        "INSERT INTO jobs (type, status, created_at, revision) VALUES (?, 'running', 0, 0)", [("crawl",)] * ROOTS
    )
    if stored:
        fill(connection, stored)
    return connection


def fill(connection: sqlite3.Connection, stored: int) -> None:
    """Store so many messages, spread over all roots and lanes, some of them delayed."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :stored)"
        " INSERT INTO messages (queue, root_id, lane, type, payload, state, ready_at, created_at)"
        " SELECT 'jobs', 1 + i % :roots, 'https://host-' || (i / :roots % :lanes) || '.test', 'crawler_url', '{}',"
        " iif(i % :each = 0, 'delayed', 'ready'), iif(i % :each = 0, :now + 3600000 + i, NULL), :now FROM n",
        {"stored": stored, "roots": ROOTS, "lanes": LANES, "each": EACH_DELAYED, "now": NOW},
    )
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def grow_wal(connection: sqlite3.Connection) -> None:
    """Let the WAL reach its full size: a commit that makes the file longer costs the disk far more than another."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO lanes VALUES (?, 0, ?)", ((f"filler {i}", "x" * 4_000) for i in range(3_000)))
    connection.execute("COMMIT")
    connection.execute("DELETE FROM lanes")
    connection.execute("PRAGMA wal_checkpoint(RESTART)")


def measure(connection: sqlite3.Connection, batch: int, timer: Timer, *, commit: bool) -> None:
    """Time some rounds of send, claim and ack."""
    queue = Queue(owner="benchmark")
    number = 0

    def run(operation: str, function: Callable[[Tx], None]) -> None:
        with timer.timed(operation, batch):
            if commit:
                connection.execute("BEGIN IMMEDIATE")
            function(Tx(connection, NOW, 1))
            if commit:
                connection.execute("COMMIT")

    def send(tx: Tx) -> None:
        nonlocal number
        for _ in range(batch):
            number += 1
            lane = f"https://host-{number // ROOTS % LANES}.test"
            queue.send(tx, NewMessage(type="crawler_url", root_id=1 + number % ROOTS, lane=lane))

    claimed: list[Receipt] = []

    def claim(tx: Tx) -> None:
        claimed[:] = [delivery.receipt for delivery in queue.receive(tx, batch).deliveries]
        assert len(claimed) == batch

    def acknowledge(tx: Tx) -> None:
        for receipt in claimed:
            queue.delete(tx, receipt)

    if commit:
        grow_wal(connection)
    else:
        connection.execute("BEGIN IMMEDIATE")
    for _ in range(4):  # so that there is always something in several lanes
        send(Tx(connection, NOW, 1))
    for _ in range(ROUNDS):
        run("send", send)
        run("claim", claim)
        run("ack", acknowledge)
    if not commit:
        connection.execute("ROLLBACK")


def run(stored: int) -> Iterator[Figure]:
    """Print the table and yield what a message costs among so many, and whether the claim stayed flat."""
    ways = {"alone, committed": (1, True), f"{BATCH}, committed": (BATCH, True), "alone, bare SQL": (1, False)}
    ways[f"{BATCH}, bare SQL"] = (BATCH, False)
    found: dict[int, dict[str, dict[str, float]]] = {0: {}, stored: {}}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        libraries = {rows: opened.enter_context(closing(make(Path(folder, f"{rows}.db"), rows))) for rows in found}
        for name, (batch, commit) in ways.items():
            timers = {rows: Timer() for rows in libraries}
            for _ in range(TURNS):
                for rows, connection in libraries.items():
                    measure(connection, batch, timers[rows], commit=commit)
                libraries[0].execute("DELETE FROM messages")
            for rows, timer in timers.items():
                found[rows][name] = timer.microseconds()
    print(f"{'microseconds a message':<24}{'stored':>10}{'send':>9}{'claim':>9}{'ack':>9}")
    for name in ways:
        for rows, table in found.items():
            row = table[name]
            print(f"{name:<24}{rows:>10,}{row['send']:>9.1f}{row['claim']:>9.1f}{row['ack']:>9.1f}")
    one = found[stored]["alone, committed"]
    for operation, value in one.items():
        yield Figure(
            what=f"queue: {operation} a message among {stored:,}, committed",
            value=value,
            unit="µs",
            detail=f"{found[0]['alone, committed'][operation]:,.0f} among none;"
            f" {found[stored][f'{BATCH}, committed'][operation]:,.0f} in batches of {BATCH}",
        )
    for name in ways:
        alone, among = found[0][name]["claim"], found[stored][name]["claim"]
        if "bare" in name:
            yield Figure(
                what=f"queue: claim among {stored:,} messages : among none, {name}",
                value=among / alone,
                at_most=MOST_RATIO,
                detail=f"{among:.1f} : {alone:.1f} µs",
            )


def figures(quick: bool) -> Iterator[Figure]:
    """Yield what a message costs among a million others, or a tenth of that when it is to be *quick*."""
    yield from run(STORED // 10 if quick else STORED)


def main() -> None:
    """Measure; the exit code is 1 when a claim does not stay flat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stored", type=int, default=STORED)
    tell(run(parser.parse_args().stored))


if __name__ == "__main__":
    main()
