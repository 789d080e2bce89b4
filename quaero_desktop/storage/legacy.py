"""The old Quaero's database, read-only: which tables it has, their rows by column name, and its trees of jobs (O2).

Nothing is ever written to the file or beside it, but for what SQLite itself needs to read a database that another
program has open. What is worked out about the trees stands in temporary tables of the connection.
"""

import contextlib
import heapq
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from quaero_desktop.domain.errors import LibraryError
from quaero_desktop.domain.importing import LegacyFileError
from quaero_desktop.domain.jobs import MAX_TREE_DEPTH
from quaero_desktop.domain.text import storable
from quaero_desktop.storage import files, sqlite
from quaero_desktop.storage.errand import Errand

_MAGIC = b"SQLite format 3\x00"
# As quick_check begins what it says of the file; what it says of values in rows begins otherwise.
_DAMAGE = re.compile(r"\*\*\*|Tree \d|Page \d|On tree|Freelist|Outstanding|malformed|database disk image")

JOBS = ("crawl_jobs", "jobs")
LOGS = "job_logs"
SEEN = "job_seen_urls"
SOURCES = "sources"
CREDENTIALS = "auth_credentials"
DEFINITIONS = "job_definitions"
DOCUMENTS = "documents"
QUEUE = "goqite"

# auth_snapshot and source_config_snapshot hold secrets, and nothing that is needed; vectors are of no use here.
_COLUMNS: Mapping[str, Sequence[str]] = {
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

# Any of these columns in a table of that name, and the file is one of the old Quaero's.
_MARKS: Mapping[str, frozenset[str]] = {
    "crawl_jobs": frozenset({"id", "status"}),
    "jobs": frozenset({"id", "parent_id", "job_type"}),
    SEEN: frozenset({"job_id", "url"}),
    SOURCES: frozenset({"id", "base_url", "crawl_config"}),
    CREDENTIALS: frozenset({"id", "site_domain"}),
    DEFINITIONS: frozenset({"id", "steps"}),
    DOCUMENTS: frozenset({"id", "content_markdown"}),
}

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
        self._known = {table: [name for name in _COLUMNS[table] if name in columns[table]] for table in columns}
        self._keys = {table: self._key(table) for table in columns}
        self.job_tables = tuple(table for table in JOBS if table in columns)
        self._lines = ""
        if LOGS in columns:
            self._lines = (
                f"SELECT {self._selected(LOGS)} FROM temp.line l"
                f" CROSS JOIN main.{LOGS} t ON t.{self._keys[LOGS]} = l.key WHERE l.place = ? ORDER BY l.key"
            )

    def has(self, table: str) -> bool:
        """Return whether the file has a table."""
        return table in self._columns

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
            yield row[:3], table, RawRow(raw.id, raw.values, row[2], _shown(row[3]), row[4])

    def lost_jobs(self) -> Iterator[tuple[str, str, str]]:
        """Yield table, id and why of each job that has no place in a tree."""
        rows = self._connection.execute(
            "SELECT e.source, e.id, l.why FROM temp.lost l JOIN temp.tree e ON e.place = l.place ORDER BY l.place"
        )
        for source, row_id, why in rows:
            yield source.decode(), _shown(row_id), why.decode()
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
            yield RawRow(_shown(row[0]), raw.values, root=_shown(row[1]))

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
            yield _shown(row_id), number

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
    return _shown(row_id) if row_id not in (None, "", b"") else f"row {_shown(key)}"


def _shown(value: object) -> str:
    """Return an id as a person can read it."""
    return storable(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


# --- opening ----------------------------------------------------------------------------------------------------------


@contextmanager
def opened(work: Errand, path: Path, library: Path | None = None) -> Iterator[LegacyFile]:
    """Open a file of the old Quaero for the length of the block.

    Args:
        work: the errand that this is part of.
        path: the file.
        library: the database of the library that is open in this process; it must not be touched.

    Raises:
        LegacyFileError: it is missing, damaged, locked, or none of the old Quaero's.
    """
    header = _header(path, library)
    with ExitStack() as stack:
        file, immutable = _what_to_open(stack, path, in_wal_mode=header[18:20] == b"\x02\x02")
        try:
            connection = stack.enter_context(work.connected(file, immutable=immutable))
        except LibraryError as error:
            raise _unreadable(path, error.__cause__ or error) from error
        stack.enter_context(_explained(path))
        connection.text_factory = bytes
        # Whatever a schema that came from elsewhere calls in its triggers and views is not called.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("BEGIN")
        columns = _tables(connection, path)
        _check(connection, columns, path)
        yield LegacyFile(connection, columns)


def _header(path: Path, library: Path | None) -> bytes:
    """Return the first bytes of a database.

    Raises:
        LegacyFileError: it is none, or one that must not be opened here.
    """
    try:
        if not path.exists():
            raise LegacyFileError(f"There is no file “{path}”.", "Check its name.")
        if path.is_dir():
            hint = "Name the database file in it."
            raise LegacyFileError(f"“{path}” is a folder.", hint)
        if not path.is_file():
            raise LegacyFileError(f"“{path}” is no ordinary file.")
        # Closing a file drops the locks that SQLite has on it in this process: never the library's, by whatever name.
        if library is not None and library.exists() and os.path.samefile(path, library):
            raise _our_own(path)
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise LegacyFileError(
            f"“{path}” cannot be read: {error.strerror or error}.", "Check the permissions of the file and its folder."
        ) from error
    if not header:
        raise LegacyFileError(f"“{path}” is empty.", "It may not have been copied to its end.")
    if not header.startswith(_MAGIC) or len(header) < 100:
        raise LegacyFileError(f"“{path}” is no SQLite database.", "Choose the database file of the old Quaero.")
    if int.from_bytes(header[68:72], "big") == sqlite.APPLICATION_ID:
        raise _our_own(path)
    return header


def _our_own(path: Path) -> LegacyFileError:
    return LegacyFileError(
        f"“{path}” is a library of Quaero Desktop, and none of the old Quaero.",
        "It needs no import: open its folder with --library.",
    )


def _what_to_open(stack: ExitStack, path: Path, *, in_wal_mode: bool) -> tuple[Path, bool]:
    """Return the file to open, and whether nobody can be writing to it."""
    wal, shared, _ = files.beside(path)
    if not in_wal_mode:
        # Its locks are seen, and nothing is made beside it.
        return path, False
    if not _has_content(wal):
        # Whoever has it open has a WAL, if only an empty one, and shared memory.
        return path, not shared.exists()
    if shared.exists() and _opens(path):
        return path, False
    # Nobody has it open: it was copied, or its program died, with changes in the WAL. To read those SQLite would have
    # to make a file beside it.
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quaero-import-")))
    copy = folder / "legacy.db"
    try:
        shutil.copyfile(path, copy)
        shutil.copyfile(wal, files.beside(copy)[0])
    except OSError as error:
        raise LegacyFileError(
            f"“{path}” cannot be copied to be read: {error.strerror or error}.",
            f"Make room in {folder.parent}, or put the file into a folder where you may write.",
        ) from error
    return copy, False


def _opens(path: Path) -> bool:
    """Return whether SQLite can read a database with a WAL as it is; not where it may not write, after a crash."""
    try:
        with contextlib.closing(sqlite3.connect(sqlite.uri(path, "ro"), uri=True, timeout=0)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        return _primary_code(error) not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
    return True


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _tables(connection: sqlite3.Connection, path: Path) -> dict[str, frozenset[str]]:
    """Return the columns of the tables that are read.

    Raises:
        LegacyFileError: it is no database of the old Quaero.
    """
    found: dict[str, frozenset[str]] = {}
    wanted = set(_COLUMNS)
    for name, sql in connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall():
        table = _shown(name).lower()
        # No virtual ones: a legacy full-text table may be damaged, and is never looked at.
        if table in wanted and not _shown(sql or b"").upper().startswith("CREATE VIRTUAL"):
            columns = connection.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchall()
            found[table] = frozenset(_shown(column).lower() for (column,) in columns)
    if not any(marks <= found.get(table, frozenset()) for table, marks in _MARKS.items()):
        raise LegacyFileError(
            f"“{path}” is no database of Quaero: none of its tables is there.",
            "Choose the database file of the old Quaero.",
        )
    needed = {LOGS: "job_id", SEEN: "job_id"}
    usable = {table: columns for table, columns in found.items() if needed.get(table, "id") in columns}
    return {table: columns for table, columns in usable.items() if table != SEEN or "url" in columns}


def _check(connection: sqlite3.Connection, columns: Mapping[str, frozenset[str]], path: Path) -> None:
    """Refuse a file that is damaged where it will be read, before anything of it came.

    Raises:
        LegacyFileError: it is.
    """
    for table in columns:
        for (found,) in connection.execute(f"PRAGMA quick_check('{table}')"):
            fault = _shown(found)
            # Values that a constraint would not allow are no damage; each row is looked at on its own.
            if _DAMAGE.match(fault):
                lines = [line for line in fault.splitlines() if not line.startswith("***")]
                raise _damaged(path, "; ".join(lines[:2]) or fault)


def _damaged(path: Path, detail: str) -> LegacyFileError:
    return LegacyFileError(
        f"“{path}” is damaged ({detail}).",
        "Nothing of it was imported. SQLite can save what is left of it:"
        f' sqlite3 "{path.name}" .recover | sqlite3 recovered.db',
    )


def _primary_code(error: BaseException) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: BaseException) -> Exception:
    """Return what an error of SQLite about the old file means to a person, or *error* when it is our own mistake."""
    match _primary_code(error):
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return _damaged(path, str(error))
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
            return LegacyFileError(
                f"“{path}” is locked: another program is changing it.", "Stop the old Quaero, and import it again."
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN:
            return LegacyFileError(
                f"“{path}” cannot be opened as it is; its program may have died while it wrote.",
                "Start the old Quaero once and stop it, so that it puts the file right.",
            )
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_FULL:
            return LegacyFileError(
                f"“{path}” cannot be read ({error}).", "Check the disk, and that there is room on it."
            )
        case None:
            # The module's own errors have no code: a text of the schema that cannot be read, for example.
            return _damaged(path, str(error)) if isinstance(error, sqlite3.DatabaseError) else Exception(str(error))
        case _:
            return error if isinstance(error, Exception) else Exception(str(error))
