"""Opening the old Quaero's database: what it is, whether it can be read, and in what state (O2).

Nothing is ever written to the file or beside it, but for what SQLite itself needs to read a database that another
program has open.
"""

import contextlib
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from quaero_desktop.domain.errors import LibraryError
from quaero_desktop.domain.importing import LegacyFileError
from quaero_desktop.storage import files, sqlite
from quaero_desktop.storage.errand import Errand
from quaero_desktop.storage.importing import legacyfile

_MAGIC = b"SQLite format 3\x00"
# As quick_check begins what it says of the file; what it says of values in rows begins otherwise.
_DAMAGE = re.compile(r"\*\*\*|Tree \d|Page \d|On tree|Freelist|Outstanding|malformed|database disk image")

# Any of these columns in a table of that name, and the file is one of the old Quaero's.
_MARKS: Mapping[str, frozenset[str]] = {
    "crawl_jobs": frozenset({"id", "status"}),
    "jobs": frozenset({"id", "parent_id", "job_type"}),
    legacyfile.SEEN: frozenset({"job_id", "url"}),
    legacyfile.SOURCES: frozenset({"id", "base_url", "crawl_config"}),
    legacyfile.CREDENTIALS: frozenset({"id", "site_domain"}),
    legacyfile.DEFINITIONS: frozenset({"id", "steps"}),
    legacyfile.DOCUMENTS: frozenset({"id", "content_markdown"}),
}


@contextmanager
def opened(work: Errand, path: Path, library: Path | None = None) -> Iterator[legacyfile.LegacyFile]:
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
        yield legacyfile.LegacyFile(connection, columns)


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
    wanted = set(legacyfile.COLUMNS)
    for name, sql in connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall():
        table = legacyfile.shown(name).lower()
        # No virtual ones: a legacy full-text table may be damaged, and is never looked at.
        if table in wanted and not legacyfile.shown(sql or b"").upper().startswith("CREATE VIRTUAL"):
            columns = connection.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchall()
            found[table] = frozenset(legacyfile.shown(column).lower() for (column,) in columns)
    if not any(marks <= found.get(table, frozenset()) for table, marks in _MARKS.items()):
        raise LegacyFileError(
            f"“{path}” is no database of Quaero: none of its tables is there.",
            "Choose the database file of the old Quaero.",
        )
    needed = {legacyfile.LOGS: "job_id", legacyfile.SEEN: "job_id"}
    usable = {table: columns for table, columns in found.items() if needed.get(table, "id") in columns}
    return {table: columns for table, columns in usable.items() if table != legacyfile.SEEN or "url" in columns}


def _check(connection: sqlite3.Connection, columns: Mapping[str, frozenset[str]], path: Path) -> None:
    """Refuse a file that is damaged where it will be read, before anything of it came.

    Raises:
        LegacyFileError: it is.
    """
    for table in columns:
        for (found,) in connection.execute(f"PRAGMA quick_check('{table}')"):
            fault = legacyfile.shown(found)
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
