"""The old Quaero's database, read-only: which tables it has, their rows by column name, and its trees of jobs (O2).

What is worked out about the trees stands in temporary tables of the connection.
"""

import heapq
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from quaero_desktop.domain.jobs import MAX_TREE_DEPTH
from quaero_desktop.domain.text import storable

JOBS = ("crawl_jobs", "jobs")
LOGS = "job_logs"
SEEN = "job_seen_urls"
SOURCES = "sources"
CREDENTIALS = "auth_credentials"
DEFINITIONS = "job_definitions"
DOCUMENTS = "documents"
QUEUE = "goqite"

# auth_snapshot and source_config_snapshot hold secrets, and nothing that is needed; vectors are of no use here.
COLUMNS: Mapping[str, Sequence[str]] = {
    "crawl_jobs": (
        "id", "parent_id", "job_type", "name", "description", "config_json", "seed_urls", "status", "progress_json",
        "metadata", "created_at", "started_at", "completed_at", "last_heartbeat", "error", "result_count",
        "failed_count",
    ),
    "jobs": (
        "id", "parent_id", "job_type", "name", "phase", "status", "created_at", "started_at", "completed_at",
        "last_heartbeat", "payload", "config_json", "metadata", "result", "error", "progress_current",
        "progress_total",
    ),
    LOGS: ("timestamp", "level", "message", "created_at"),
    SEEN: ("url", "created_at"),
    SOURCES: (
        "id", "name", "type", "base_url", "enabled", "auth_id", "crawl_config", "filters", "created_at", "updated_at",
    ),
    CREDENTIALS: (
        "id", "name", "site_domain", "service_type", "data", "cookies", "tokens", "base_url", "created_at",
        "updated_at",
    ),
    DEFINITIONS: (
        "id", "name", "type", "description", "sources", "steps", "schedule", "timeout", "enabled", "auto_start",
        "pre_jobs", "post_jobs", "error_tolerance", "created_at", "updated_at",
    ),
    DOCUMENTS: (
        "id", "source_type", "source_id", "title", "content_markdown", "metadata", "url", "last_synced", "created_at",
        "updated_at",
    ),
    QUEUE: ("id", "queue", "body"),
}  # fmt: skip

MISSING_PARENT = "its parent does not exist"
BELOW_MISSING = "a job above it does not exist"
TOO_DEEP = f"it lies more than {MAX_TREE_DEPTH} levels deep"
CIRCLE = "its parents run in a circle"
WRAPPER = "it only wrapped the run of a definition, and has no jobs"
NO_ID = "it has no id"
LINES_OF_OTHERS = "log lines of a job that does not come"
SEEN_BY_OTHERS = "addresses met by a job that does not come"
UNDECODABLE = "its text cannot be read (it is not UTF-8)"


class RawRow(msgspec.Struct, frozen=True):
    """A row of the file.

    Attributes:
        id: what it is called in reports.
        values: by column; None when its text cannot be decoded.
        place: of a job: its number in the tree. See :meth:`LegacyFile.jobs`.
        root: of a job: the legacy id of its root.
        lines: of a job: how many lines its log has.
    """

    id: str
    values: dict[str, Any] | None
    place: int = 0
    root: str = ""
    lines: int = 0


class LegacyFile:
    """An open file of the old Quaero, in one snapshot. What it says of jobs needs :meth:`work_out_trees`.

    Args:
        connection: read-only, with ``text_factory = bytes``, in a transaction.
        columns: what columns each of the tables has that we read.

    Attributes:
        job_tables: those of :data:`JOBS` that it has.
    """

    def __init__(self, connection: sqlite3.Connection, columns: Mapping[str, frozenset[str]]) -> None:
        self._connection = connection
        self._columns = columns
        self._known = {table: [name for name in COLUMNS[table] if name in columns[table]] for table in columns}
        self._keys = {table: self._key(table) for table in columns}
        self.job_tables = tuple(table for table in JOBS if table in columns)
        self._lines = ""
        if LOGS in columns:
            self._lines = (
                f"SELECT {self._selected(LOGS)} FROM temp.line l"
                f" CROSS JOIN main.{LOGS} t ON t.{self._keys[LOGS]} = l.key WHERE l.place = ? ORDER BY l.key"
            )

    def count(self, table: str) -> int:
        """Return how many rows a table has; 0 when there is no such table."""
        return self._one(f"SELECT count(*) FROM {table}") if table in self._columns else 0

    def rows(self, table: str) -> Iterator[RawRow]:
        """Yield the rows of a small table, in their order."""
        if table in self._columns:
            sql = f"SELECT {self._selected(table)} FROM main.{table} t ORDER BY t.{self._keys[table]}"
            for row in self._connection.execute(sql):
                yield self._raw(table, row)

    def documents(self) -> Iterator[RawRow]:
        """Yield the documents, the newest first: of several at one address it is the one that counts."""
        if DOCUMENTS not in self._columns:
            return
        key = self._keys[DOCUMENTS]
        known = self._known[DOCUMENTS]
        times = [f"t.{name}" for name in ("updated_at", "last_synced", "created_at") if name in known]
        newest = f"coalesce({', '.join(times)}, 0)" if times else "NULL"
        # The keys are sorted, and not the texts.
        self._connection.execute("CREATE TEMP TABLE IF NOT EXISTS newest (place INTEGER PRIMARY KEY, key)")
        self._connection.execute("DELETE FROM temp.newest")
        self._connection.execute(
            f"INSERT INTO temp.newest (key) SELECT t.{key} FROM main.{DOCUMENTS} t ORDER BY {newest} DESC, t.{key}"
        )
        # CROSS JOIN keeps the order of the tables.
        for row in self._connection.execute(
            f"SELECT {self._selected(DOCUMENTS)} FROM temp.newest n"
            f" CROSS JOIN main.{DOCUMENTS} t ON t.{key} = n.key ORDER BY n.place"
        ):
            yield self._raw(DOCUMENTS, row)

    # --- jobs -------------------------------------------------------------------------------------------------------

    def job_count(self) -> int:
        """Return how many jobs have a place in a tree."""
        return self._one("SELECT count(*) FROM temp.placed")

    def jobs(self) -> Iterator[tuple[str, RawRow]]:
        """Yield the jobs that have a place in a tree, each with its table: tree by tree, each after its parent."""
        found = heapq.merge(*(self._jobs_of(table) for table in self.job_tables), key=lambda each: each[0])
        for _, table, raw in found:
            yield table, raw

    def _jobs_of(self, table: str) -> Iterator[tuple[tuple[int, int, int], str, RawRow]]:
        for row in self._connection.execute(
            "SELECT p.root, p.depth, p.place, r.id, (SELECT count(*) FROM temp.line l WHERE l.place = p.place),"
            f" {self._selected(table)} FROM temp.placed p"
            f" CROSS JOIN temp.tree e ON e.place = p.place AND e.source = '{table}'"
            f" CROSS JOIN temp.tree r ON r.place = p.root"
            f" CROSS JOIN main.{table} t ON t.{self._keys[table]} = e.key"
            " ORDER BY p.root, p.depth, p.place"
        ):
            raw = self._raw(table, row[5:])
            yield row[:3], table, RawRow(raw.id, raw.values, row[2], shown(row[3]), row[4])

    def lost_jobs(self) -> Iterator[tuple[str, str, str]]:
        """Yield table, id and why of each job that has no place in a tree."""
        rows = self._connection.execute(
            "SELECT e.source, e.id, l.why FROM temp.lost l JOIN temp.tree e ON e.place = l.place ORDER BY l.place"
        )
        for source, row_id, why in rows:
            yield source.decode(), shown(row_id), why.decode()
        for table in self.job_tables:
            key = self._keys[table]
            sql = f"SELECT {key} FROM main.{table} WHERE id IS NULL OR CAST(id AS TEXT) = '' ORDER BY 1"
            for (row,) in self._connection.execute(sql):
                yield table, _named(None, row), NO_ID

    # --- what belongs to jobs -----------------------------------------------------------------------------------------

    def line_count(self) -> int:
        """Return how many lines the logs of the jobs in trees have."""
        return self._one("SELECT count(*) FROM temp.line")

    def lines(self, place: int) -> Iterator[RawRow]:
        """Yield the lines of the log of one job, in their order."""
        for row in self._connection.execute(self._lines, (place,)):
            yield self._raw(LOGS, row)

    def lines_of_others(self) -> Iterator[tuple[str, int]]:
        """Yield the jobs that are in no tree but have lines in the log, each with how many."""
        yield from self._of_others(LOGS)

    def seen_count(self) -> int:
        """Return how many URLs the jobs in trees met."""
        if SEEN not in self._columns:
            return 0
        return self._one(
            f"SELECT count(*) FROM main.{SEEN} s CROSS JOIN temp.tree e ON e.id = CAST(s.job_id AS TEXT)"
            " CROSS JOIN temp.spot k ON k.place = e.place"
        )

    def seen(self) -> Iterator[RawRow]:
        """Yield the URLs that the jobs in trees met; ``root`` is the legacy id of the tree's root."""
        if SEEN not in self._columns:
            return
        for row in self._connection.execute(
            f"SELECT e.id, r.id, {self._selected(SEEN)} FROM main.{SEEN} t"
            " CROSS JOIN temp.tree e ON e.id = CAST(t.job_id AS TEXT)"
            " CROSS JOIN temp.spot k ON k.place = e.place CROSS JOIN temp.tree r ON r.place = k.root"
        ):
            raw = self._raw(SEEN, row[2:])
            yield RawRow(shown(row[0]), raw.values, root=shown(row[1]))

    def seen_of_others(self) -> Iterator[tuple[str, int]]:
        """Yield the jobs that are in no tree but met URLs, each with how many."""
        yield from self._of_others(SEEN)

    def _of_others(self, table: str) -> Iterator[tuple[str, int]]:
        if table not in self._columns:
            return
        for row_id, number in self._connection.execute(
            f"SELECT CAST(t.job_id AS TEXT), count(*) FROM main.{table} t"
            " LEFT JOIN temp.tree e ON e.id = CAST(t.job_id AS TEXT) LEFT JOIN temp.spot k ON k.place = e.place"
            " WHERE k.place IS NULL GROUP BY 1 ORDER BY 1"
        ):
            yield shown(row_id), number

    # --- reading ------------------------------------------------------------------------------------------------------

    def _selected(self, table: str) -> str:
        return ", ".join((f"t.{self._keys[table]}", *(f't."{name}"' for name in self._known[table])))

    def _raw(self, table: str, row: Sequence[Any]) -> RawRow:
        names = self._known[table]
        label = row[names.index("id") + 1] if names[:1] == ["id"] else row[0]
        values: dict[str, Any] | None
        try:
            # Text comes as bytes, and so do the few blobs.
            values = {
                name: value.decode() if type(value) is bytes else value
                for name, value in zip(names, row[1:], strict=True)
            }
        except UnicodeDecodeError:
            values = {"body": row[-1]} if table == QUEUE else None
        return RawRow(_named(label, row[0]), values)

    def _key(self, table: str) -> str:
        try:
            self._connection.execute(f"SELECT rowid FROM main.{table} LIMIT 0")
        except sqlite3.OperationalError:
            return "id"  # a table WITHOUT ROWID has a primary key
        return "rowid"

    def _one(self, sql: str) -> int:
        (value,) = self._connection.execute(sql).fetchone()
        return int(value)

    # --- the trees --------------------------------------------------------------------------------------------------

    def work_out_trees(self) -> None:
        """Find the place of each job, and who has none; to be done once, before anything is asked about jobs."""
        run = self._connection.execute
        run("CREATE TEMP TABLE tree (place INTEGER PRIMARY KEY, source TEXT, key, id TEXT UNIQUE, parent TEXT, wraps)")
        for table in self.job_tables:
            known = self._columns[table]
            parent = "nullif(trim(CAST(parent_id AS TEXT)), '')" if "parent_id" in known else "NULL"
            wraps = (
                "coalesce(nullif(job_type, ''), 'parent') = 'parent' AND entity_type = 'job_definition'"
                if {"job_type", "entity_type"} <= known
                else "FALSE"
            )
            run(
                f"INSERT OR IGNORE INTO temp.tree (source, key, id, parent, wraps) SELECT '{table}',"
                f" {self._keys[table]}, CAST(id AS TEXT), {parent}, {wraps} FROM main.{table}"
                f" WHERE id IS NOT NULL AND CAST(id AS TEXT) <> '' ORDER BY {self._keys[table]}"
            )
        run("CREATE INDEX temp.tree_parent ON tree (parent)")
        run("CREATE TEMP TABLE spot (place INTEGER PRIMARY KEY, root INTEGER, depth INTEGER)")
        run(
            "INSERT INTO temp.spot WITH RECURSIVE down (place, id, root, depth) AS ("
            " SELECT place, id, place, 0 FROM temp.tree WHERE parent IS NULL UNION ALL"
            " SELECT e.place, e.id, d.root, d.depth + 1 FROM down d CROSS JOIN temp.tree e ON e.parent = d.id"
            f" WHERE d.depth < {MAX_TREE_DEPTH}) SELECT place, root, depth FROM down"
        )
        run("CREATE TEMP TABLE lost (place INTEGER PRIMARY KEY, why TEXT)")
        run(
            "INSERT INTO temp.lost SELECT place, ? FROM temp.tree e WHERE wraps AND parent IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM temp.tree c WHERE c.parent = e.id)",
            (WRAPPER,),
        )
        run("DELETE FROM temp.spot WHERE place IN (SELECT place FROM temp.lost)")
        orphans = (
            "SELECT e.place, e.id FROM temp.tree e WHERE e.parent IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM temp.tree p WHERE p.id = e.parent)"
        )
        below = "SELECT e.place, e.id FROM down d CROSS JOIN temp.tree e ON e.parent = d.id"
        run(f"INSERT INTO temp.lost SELECT place, ? FROM ({orphans})", (MISSING_PARENT,))
        run(
            f"INSERT OR IGNORE INTO temp.lost WITH RECURSIVE down (place, id) AS ({orphans} UNION ALL {below})"
            " SELECT place, ? FROM down",
            (BELOW_MISSING,),
        )
        deepest = (
            f"SELECT e.place, e.id FROM temp.spot s JOIN temp.tree e USING (place) WHERE s.depth = {MAX_TREE_DEPTH}"
        )
        run(
            f"INSERT OR IGNORE INTO temp.lost WITH RECURSIVE down (place, id) AS ({deepest} UNION ALL {below})"
            " SELECT place, ? FROM down WHERE place NOT IN (SELECT place FROM temp.spot)",
            (TOO_DEEP,),
        )
        run(
            "INSERT INTO temp.lost SELECT place, ? FROM temp.tree WHERE place NOT IN (SELECT place FROM temp.spot)"
            " AND place NOT IN (SELECT place FROM temp.lost)",
            (CIRCLE,),
        )
        run(
            "CREATE TEMP TABLE placed (root INTEGER, depth INTEGER, place INTEGER, PRIMARY KEY (root, depth, place))"
            " WITHOUT ROWID"
        )
        run("INSERT INTO temp.placed SELECT root, depth, place FROM temp.spot")
        run("CREATE TEMP TABLE line (place INTEGER, key, PRIMARY KEY (place, key)) WITHOUT ROWID")
        if LOGS in self._columns and self.job_tables:
            run(
                f"INSERT OR IGNORE INTO temp.line SELECT e.place, t.{self._keys[LOGS]} FROM main.{LOGS} t"
                " CROSS JOIN temp.tree e ON e.id = CAST(t.job_id AS TEXT) CROSS JOIN temp.spot k ON k.place = e.place"
            )


def _named(row_id: object, key: object) -> str:
    """Return what a row is called in reports: its id, or else its number."""
    return shown(row_id) if row_id not in (None, "", b"") else f"row {shown(key)}"


def shown(value: object) -> str:
    """Return an id as a person can read it."""
    return storable(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))
