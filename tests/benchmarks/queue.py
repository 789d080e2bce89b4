"""What the queue costs: ``python -m tests.benchmarks.queue``.

Sends, claims and acknowledges messages of 4 roots with 10 lanes each, in a library on disk (WAL, synchronous FULL):
first with nothing else stored, then with 1,000,000 messages of which 100,000 are delayed. Prints microseconds a
message (medians): each operation in a committed transaction of its own, in committed batches of 50, and the bare SQL
without its commit, which is the disk's. Ends with 1 when the SQL of a claim among a million takes more than 1.5 times
what it takes alone.
"""

import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from quaero_desktop.domain.queue import NewMessage, Receipt
from quaero_desktop.storage import migrate, sqlite
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.queue import Queue

STORED = 1_000_000
DELAYED = 100_000
ROOTS = 4
LANES = 10
BATCH = 50
ROUNDS = 400
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


def fill(connection: sqlite3.Connection) -> None:
    """Store the million, spread over all roots and lanes."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :stored)"
        " INSERT INTO messages (queue, root_id, lane, type, payload, state, ready_at, created_at)"
        " SELECT 'jobs', 1 + i % :roots, 'https://host-' || (i / :roots % :lanes) || '.test', 'crawler_url', '{}',"
        " iif(i % :each = 0, 'delayed', 'ready'), iif(i % :each = 0, :now + 3600000 + i, NULL), :now FROM n",
        {"stored": STORED, "roots": ROOTS, "lanes": LANES, "each": STORED // DELAYED, "now": NOW},
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


def measure(connection: sqlite3.Connection, batch: int, *, commit: bool) -> dict[str, float]:
    """Return microseconds a message for send, claim and ack."""
    queue = Queue(owner="benchmark")
    timer = Timer()
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
    return timer.microseconds()


def main() -> int:
    """Print the table and return whether the claim stayed flat."""
    ways = {"alone, committed": (1, True), f"{BATCH}, committed": (BATCH, True), "alone, bare SQL": (1, False)}
    ways[f"{BATCH}, bare SQL"] = (BATCH, False)
    found: dict[int, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "library.db"
        migrate.create(path, NOW)
        connection = sqlite.connect_writer(path)
        connection.executemany(
            "INSERT INTO jobs (type, status, created_at, revision) VALUES (?, 'running', 0, 0)", [("crawl",)] * ROOTS
        )
        for stored in (0, STORED):
            if stored:
                fill(connection)
            found[stored] = {name: measure(connection, batch, commit=commit) for name, (batch, commit) in ways.items()}
            connection.execute("DELETE FROM messages WHERE id > ?", (stored and STORED * 2,))
        connection.close()
    print(f"{'microseconds a message':<24}{'stored':>10}{'send':>9}{'claim':>9}{'ack':>9}")
    for name in ways:
        for stored, table in found.items():
            row = table[name]
            print(f"{name:<24}{stored:>10,}{row['send']:>9.1f}{row['claim']:>9.1f}{row['ack']:>9.1f}")
    ratios = {name: found[STORED][name]["claim"] / found[0][name]["claim"] for name in ways}
    for name, ratio in ratios.items():
        print(f"claim at {STORED:,} against 0, {name}: {ratio:.2f}")
    return int(any(ratio > MOST_RATIO for name, ratio in ratios.items() if "bare" in name))


if __name__ == "__main__":
    sys.exit(main())
