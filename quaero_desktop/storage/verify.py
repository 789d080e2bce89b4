"""Verifying a library: every invariant is checked, and nothing is written (``quaero verify``)."""

import functools
import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import msgspec

from quaero_desktop.domain.jobs import MAX_TREE_DEPTH
from quaero_desktop.storage import errand, migrate, searchindex, sqlite
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.errand import Errand
from quaero_desktop.storage.invariants import INVARIANTS, Invariant

_EXAMPLES = 5


class Check(msgspec.Struct, frozen=True):
    """One invariant and whether it holds.

    Attributes:
        name: stable, for programs.
        ok: whether it holds.
        detail: one line for a person: what holds, or how often and where it does not.
    """

    name: str
    ok: bool
    detail: str


class VerifyReport(msgspec.Struct, frozen=True):
    """All checks of a library.

    Attributes:
        ok: whether each of them holds.
        checks: in the order in which they were made.
    """

    ok: bool
    checks: tuple[Check, ...]


async def verify_library(database: Database, progress: errand.Progress | None = None) -> VerifyReport:
    """Check every invariant of an open library on a connection of its own; work on the library goes on meanwhile.

    Args:
        database: the open library.
        progress: told how many of the checks are done.

    Raises:
        LibraryDamagedError: so damaged that it cannot be read at all.
        LibraryError: the world's fault.
    """
    return await errand.run(lambda work: _verify_file(work, database.path), progress)


def _verify_file(work: Errand, path: Path) -> VerifyReport:
    # Not one of the readers: its scratch tables would stay in their memory.
    with work.connected(path) as connection:
        return verify(connection, work.tell)


def verify(connection: sqlite3.Connection, progress: errand.Progress = lambda done, total: None) -> VerifyReport:
    """Check every invariant in one snapshot of the library. Memory stays bounded; the library is not written to.

    Args:
        connection: with no transaction open. A read-only one will do: the scratch tables are of its own temporary
            database, in memory or in a file as its ``temp_store`` says.
        progress: told how many of the checks are done.

    Raises:
        sqlite3.Error: as far as it is no damage that a check can tell of.
    """
    with _scratch(connection):
        checks = [_guarded("database_is_sound", _database_is_sound, connection)]
        # The others would only say in other words that the file cannot be read.
        if checks[0].ok:
            _note_gone(connection)
            for name, check in _CHECKS.items():
                progress(len(checks), len(_CHECKS) + 1)
                checks.append(_guarded(name, check, connection))
    return VerifyReport(all(check.ok for check in checks), tuple(checks))


@contextmanager
def _scratch(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold one snapshot, in which tables of the connection's own can be made; they vanish with it."""
    (query_only,) = connection.execute("PRAGMA query_only").fetchone()
    # query_only refuses temporary tables too. What keeps us from writing to the library is what we do not say.
    connection.execute("PRAGMA query_only = 0")
    try:
        connection.execute("BEGIN")
        yield
    finally:
        # Nothing happens where SQLite rolled back by itself, or nothing had begun.
        connection.rollback()
        connection.execute(f"PRAGMA query_only = {query_only}")


def _guarded(name: str, check: Callable[[sqlite3.Connection], Check], connection: sqlite3.Connection) -> Check:
    try:
        return check(connection)
    except sqlite3.DatabaseError as error:
        primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if primary not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        return Check(name, False, f"the database is damaged: {error}")


def _result(name: str, holds: str, broken: str, labels: Iterable[str]) -> Check:
    """Return a check that fails when there is a label; a million of them take no memory."""
    remaining = iter(labels)
    examples = list(islice(remaining, _EXAMPLES))
    if not examples:
        return Check(name, True, holds)
    count = len(examples) + sum(1 for _ in remaining)
    more = ", ..." if count > len(examples) else ""
    return Check(name, False, f"{count} {broken}: {', '.join(examples)}{more}")


def _hold(invariant: Invariant, connection: sqlite3.Connection) -> Check:
    labels = (str(label) for (label,) in connection.execute(invariant.sql))
    return _result(invariant.name, invariant.holds, invariant.broken, labels)


def _note_gone(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TEMP TABLE gone (id INTEGER PRIMARY KEY)")
    connection.execute(
        "INSERT INTO gone WITH RECURSIVE below (id) AS ("
        " SELECT id FROM jobs WHERE trashed_at IS NOT NULL"
        " UNION SELECT j.id FROM jobs j JOIN below ON j.parent_id = below.id) SELECT id FROM below"
    )


def _database_is_sound(connection: sqlite3.Connection) -> Check:
    faults = [fault for (fault,) in connection.execute(f"PRAGMA integrity_check({_EXAMPLES})")]
    if faults == ["ok"]:
        return Check("database_is_sound", True, "SQLite finds no fault in the file")
    return Check("database_is_sound", False, "; ".join(faults))


def _library_is_marked(connection: sqlite3.Connection) -> Check:
    (identity,) = connection.execute("PRAGMA application_id").fetchone()
    version, newest = migrate.version_of(connection), migrate.shipped()[-1].version
    rows = connection.execute("SELECT id FROM library").fetchall()
    ok = identity == sqlite.APPLICATION_ID and version == newest and rows == [(1,)]
    detail = f"a library of version {version}"
    if not ok:
        detail += f", marked {identity:#x}, with {len(rows)} rows about itself; this Quaero's have version {newest}"
    return Check("library_is_marked", ok, detail)


def _references_exist(connection: sqlite3.Connection) -> Check:
    labels = (f"{row[0]} -> {row[2]}" for row in connection.execute("PRAGMA foreign_key_check"))
    return _result("references_exist", "every reference has its target", "references to what does not exist", labels)


def _trees_are_shallow(connection: sqlite3.Connection) -> Check:
    # Children of roots are fine, and normally there are no others.
    deep = connection.execute(
        "SELECT j.id, j.parent_id FROM jobs j JOIN jobs p ON p.id = j.parent_id WHERE p.parent_id IS NOT NULL"
    )
    labels = (f"job {job_id}" for job_id, parent_id in deep if not _reaches_the_top(connection, parent_id))
    return _result(
        "trees_are_shallow",
        f"no tree of jobs is deeper than {MAX_TREE_DEPTH} or runs in a circle",
        f"jobs deeper than {MAX_TREE_DEPTH} or in a circle",
        labels,
    )


def _reaches_the_top(connection: sqlite3.Connection, job_id: int) -> bool:
    above: int | None = job_id
    for _ in range(MAX_TREE_DEPTH):
        row = connection.execute("SELECT parent_id FROM jobs WHERE id = ?", (above,)).fetchone()
        above = row[0] if row is not None else None
        if above is None:
            return True
    return False


def _content_hashes_are_right(connection: sqlite3.Connection) -> Check:
    return _result(
        "content_hashes_are_right",
        "the hash of every document and version is that of its markdown",
        "documents whose hash is not that of their markdown",
        _wrong_hashes(connection),
    )


def _wrong_hashes(connection: sqlite3.Connection) -> Iterator[str]:
    for label, sql in (
        ("document", "SELECT id, content_hash, markdown FROM documents"),
        ("version of document", "SELECT document_id, content_hash, markdown FROM document_versions"),
    ):
        for row_id, content_hash, markdown in connection.execute(sql):
            if hashlib.sha256(markdown.encode()).hexdigest() != content_hash:
                yield f"{label} {row_id}"


def _search_index_is_sound(connection: sqlite3.Connection) -> Check:
    name = "search_index_is_sound"
    (documents,) = connection.execute("SELECT count(*) FROM documents").fetchone()
    (indexed,) = connection.execute("SELECT count(*) FROM documents_fts_docsize").fetchone()
    if documents != indexed:
        return Check(name, False, f"{documents} documents, {indexed} of them in the full-text index")
    if not searchindex.agrees(connection):
        return Check(name, False, "the full-text index does not agree with the documents")
    return Check(name, True, f"the full-text index agrees with all {documents} documents")


async def search_index_is_sound(database: Database) -> bool:
    """Return whether the full-text index agrees with the documents, on a connection of its own."""
    return await errand.run(lambda work: _file_is_sound(work, database.path))


def _file_is_sound(work: Errand, path: Path) -> bool:
    with work.connected(path) as connection, _scratch(connection):
        return _guarded("search_index_is_sound", _search_index_is_sound, connection).ok


_CHECKS: dict[str, Callable[[sqlite3.Connection], Check]] = {
    "library_is_marked": _library_is_marked,
    "references_exist": _references_exist,
    **{invariant.name: functools.partial(_hold, invariant) for invariant in INVARIANTS},
    "trees_are_shallow": _trees_are_shallow,
    "content_hashes_are_right": _content_hashes_are_right,
    "search_index_is_sound": _search_index_is_sound,
}
