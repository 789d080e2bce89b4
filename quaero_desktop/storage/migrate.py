"""Making a new library and bringing an older one up to date: numbered SQL files, each one whole transaction."""

import importlib.resources
import json
import logging
import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from quaero_desktop.domain.errors import BugError, LibraryTooNewError
from quaero_desktop.domain.jobs import LOG_LEVELS
from quaero_desktop.storage import files, sqlite

_log = logging.getLogger(__name__)

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_WARN = LOG_LEVELS.index("warn")
_INCREMENTAL = 2


class Migration(msgspec.Struct, frozen=True):
    """One step of the schema.

    Attributes:
        version: the ``user_version`` of a library after it; 1 makes a new library.
        name: for messages.
        sql: its statements. Foreign keys are off while they run.
    """

    version: int
    name: str
    sql: str


class Repair(msgspec.Struct, frozen=True):
    """Rows of *table* that pointed to a row of *parent* which does not exist, and what became of them.

    Attributes:
        rows: how many.
        detached: True when the reference was emptied (ON DELETE SET NULL); False when the rows were deleted.
    """

    table: str
    parent: str
    rows: int
    detached: bool


def shipped() -> tuple[Migration, ...]:
    """Return the migrations of this version of Quaero, in order.

    Raises:
        BugError: when they are missing from this installation or their numbers have a gap.
    """
    folder = importlib.resources.files("quaero_desktop.storage") / "migrations"
    found = []
    for entry in folder.iterdir():
        matched = _FILE_NAME.fullmatch(entry.name)
        if matched:
            found.append(Migration(int(matched[1]), matched[2], entry.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.version)
    if not found or [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise BugError(f"this installation's migrations are not 1 to n: {[each.version for each in found]}")
    return tuple(found)


def create(path: Path, now: int, steps: Sequence[Migration] | None = None) -> None:
    """Make a new, empty library at *path*, wholly or not at all.

    So a database file of 0 bytes is always damage, and a kill half-way leaves nothing that blocks the next start.

    Args:
        path: the database file, which must not exist; its folder must. The caller holds the instance lock.
        now: the time of creation in milliseconds UTC.
        steps: other migrations than the shipped ones.

    Raises:
        LibraryError: the world's fault.
    """
    with files.made_whole(path) as temporary, sqlite.explained(path):
        connection = sqlite3.connect(sqlite.uri(temporary, "rw"), uri=True, isolation_level=None)
        try:
            # Before the first table or never: later it takes a VACUUM.
            connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA synchronous = FULL")
            upgrade(connection, now, steps)
            # Still under the other name: the library itself never has a rollback journal that could be left behind.
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()


def upgrade(connection: sqlite3.Connection, now: int, steps: Sequence[Migration] | None = None) -> list[Repair]:
    """Apply the migrations that are missing, each in one transaction: afterwards the library is at one version, whole.

    Args:
        connection: in autocommit mode, the only one that writes.
        now: milliseconds UTC.
        steps: other migrations than the shipped ones.

    Returns:
        What had to be removed because it pointed nowhere.

    Raises:
        LibraryTooNewError: a newer version of Quaero wrote this library; nothing was written.
        sqlite3.Error: the transaction under way was rolled back; earlier ones stay.
    """
    steps = shipped() if steps is None else steps
    version = version_of(connection)
    if version > steps[-1].version:
        raise too_new(version, steps[-1].version)
    repairs: list[Repair] = []
    for step in steps:
        if step.version > version:
            repairs += _apply(connection, step, now)
    return repairs


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of a library's schema; 0 for a database that is none yet."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def too_new(version: int, newest: int) -> LibraryTooNewError:
    """Return the error about a library of *version* where *newest* is the newest that this Quaero knows."""
    return LibraryTooNewError(
        f"A newer Quaero wrote this library (version {version}; this Quaero knows up to {newest}).",
        "Install the newest Quaero. The library was left untouched.",
    )


def statements(sql: str) -> Iterator[str]:
    """Split a migration into its statements; the bodies of triggers stay whole.

    Raises:
        BugError: when the last statement does not end.
    """
    statement = ""
    *parts, rest = sql.split(";")
    for part in parts:
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
    lines = (line.strip() for line in (statement + rest).splitlines())
    unfinished = [line for line in lines if line and not line.startswith("--")]
    if unfinished:
        raise BugError(f"a migration ends in the middle of a statement: {unfinished[0]}")


def _apply(connection: sqlite3.Connection, step: Migration, now: int) -> list[Repair]:
    # A no-op inside a transaction, hence outside: rebuilding a table would delete what points to its rows.
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        # Never executescript(): it commits the transaction that is open.
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements(step.sql):
            connection.execute(statement)
        if step.version == 1:
            connection.execute("INSERT INTO library (id, created_at, revision) VALUES (1, ?, 0)", (now,))
        repairs = _repair_references(connection)
        for repair in repairs:
            _report(connection, step, repair, now)
        connection.execute(f"PRAGMA application_id = {sqlite.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {step.version}")
        connection.execute("COMMIT")
    except BaseException:
        # SQLITE_FULL and I/O errors may have rolled back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("PRAGMA foreign_keys = ON")
    return repairs


def _report(connection: sqlite3.Connection, step: Migration, repair: Repair, now: int) -> None:
    done = "emptied the reference of" if repair.detached else "removed"
    _log.warning(
        "migration %d %s %d rows of %s that pointed to no row of %s",
        step.version, done, repair.rows, repair.table, repair.parent,
    )  # fmt: skip
    detail = {"migration": step.version, **msgspec.structs.asdict(repair)}
    connection.execute(
        "INSERT INTO audit (at, level, action, detail) VALUES (?, ?, 'orphans', ?)", (now, _WARN, json.dumps(detail))
    )


def _repair_references(connection: sqlite3.Connection) -> list[Repair]:
    """Do to rows that point nowhere what the schema would have done when the row they point to went."""
    repairs = []
    # Removing a row can leave those that point to it without a target: again, until there are none.
    while broken := sorted({(row[0], row[3]) for row in connection.execute("PRAGMA foreign_key_check")}):
        for table, key in broken:
            repair = _repair_reference(connection, table, key)
            if repair.rows:
                repairs.append(repair)
    return repairs


def _repair_reference(connection: sqlite3.Connection, table: str, key: int) -> Repair:
    # By a condition and not by rowid: tables WITHOUT ROWID have none, and foreign_key_check names none for them.
    columns = [row for row in connection.execute(f"PRAGMA foreign_key_list({_quoted(table)})") if row[0] == key]
    parent, on_delete = columns[0][2], columns[0][6]
    names = [_quoted(row[3]) for row in columns]
    targets = [_quoted(row[4]) if row[4] is not None else "rowid" for row in columns]
    missing = " AND ".join(f"child.{name} IS NOT NULL" for name in names)
    match = " AND ".join(f"parent.{target} = child.{name}" for name, target in zip(names, targets, strict=True))
    condition = f"{missing} AND NOT EXISTS (SELECT 1 FROM {_quoted(parent)} AS parent WHERE {match})"
    detached = on_delete == "SET NULL"
    if detached:
        empty = ", ".join(f"{name} = NULL" for name in names)
        sql = f"UPDATE {_quoted(table)} AS child SET {empty} WHERE {condition}"
    else:
        sql = f"DELETE FROM {_quoted(table)} AS child WHERE {condition}"
    return Repair(table, parent, connection.execute(sql).rowcount, detached)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
