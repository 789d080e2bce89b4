"""One SQLite connection as the library needs it: settings that are checked, and errors told to a person."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quaero_desktop.domain.errors import (
    BugError,
    DiskFullError,
    KnownError,
    LibraryDamagedError,
    LibraryError,
    LibraryReadOnlyError,
    SearchIndexDamagedError,
)

APPLICATION_ID = 0x51554152
"""``QUAR``: what ``file(1)`` and we recognise a library by."""

BUSY_TIMEOUT_MS = 5000
JOURNAL_SIZE_LIMIT = 64 * 1024 * 1024
_CACHE_KIB = 32 * 1024

_DAMAGE_HINT = (
    "Nothing was written. Restore a backup (“quaero backup list”, “quaero backup restore NAME”), or keep a"
    " copy of the folder and ask for help."
)


def version() -> str:
    """Return the version of SQLite itself."""
    return sqlite3.sqlite_version


def uri(path: Path, mode: str) -> str:
    """Return the SQLite URI of *path*. Mode ``ro`` can never checkpoint or delete the WAL of a crashed writer."""
    return f"{path.absolute().as_uri()}?mode={mode}"


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open *path* for writing: WAL, synchronous FULL, foreign keys, each verified.

    Raises:
        KnownError: see :func:`explained`.
        BugError: when SQLite does not accept a setting.
    """
    with explained(path):
        connection = sqlite3.connect(
            uri(path, "rw"), uri=True, isolation_level=None, cached_statements=512, check_same_thread=False
        )
        try:
            _set(connection, "busy_timeout", BUSY_TIMEOUT_MS)
            _set(connection, "journal_mode", "wal")
            # A power cut lost acknowledged commits under NORMAL; group commit pays for FULL.
            _set(connection, "synchronous", 2)
            _set(connection, "foreign_keys", 1)
            _set(connection, "recursive_triggers", 1)
            _set(connection, "wal_autocheckpoint", 1000)
            _set(connection, "journal_size_limit", JOURNAL_SIZE_LIMIT)
            _set(connection, "cache_size", -_CACHE_KIB)
            connection.execute("PRAGMA mmap_size = 0")
            connection.execute("PRAGMA temp_store = MEMORY")
        except BaseException:
            connection.close()
            raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open *path* for reading only.

    Raises:
        KnownError: see :func:`explained`.
    """
    with explained(path):
        connection = sqlite3.connect(
            uri(path, "ro"), uri=True, isolation_level=None, cached_statements=256, check_same_thread=False
        )
        try:
            _set(connection, "busy_timeout", BUSY_TIMEOUT_MS)
            _set(connection, "query_only", 1)
            _set(connection, "foreign_keys", 1)
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute("PRAGMA mmap_size = 0")
            connection.execute("PRAGMA temp_store = MEMORY")
            _set(connection, "cache_size", -_CACHE_KIB // 2)
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except BaseException:
            connection.close()
            raise
    return connection


def _set(connection: sqlite3.Connection, pragma: str, value: int | str) -> None:
    connection.execute(f"PRAGMA {pragma} = {value}")
    (answer,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    if answer != value:
        raise BugError(f"SQLite answers {answer!r} to PRAGMA {pragma} = {value!r}")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the library at *path* into ours (see :func:`explain`)."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from error


def explain(error: sqlite3.Error, path: Path) -> Exception:
    """Return what *error* means to a person, or *error* itself when it is our own mistake.

    Args:
        error: what ``sqlite3`` raised.
        path: the library's database, named in the message.

    Returns:
        DiskFullError, LibraryReadOnlyError, LibraryDamagedError, SearchIndexDamagedError, LibraryError, or *error*.
    """
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_CORRUPT_VTAB:
        return SearchIndexDamagedError(
            "The search index of the library is damaged; the documents are not.",
            "It is built anew by the next search that may write to the library.",
        )
    primary = code & 0xFF if code is not None else None
    known: Callable[[], KnownError] | None = {
        sqlite3.SQLITE_FULL: lambda: DiskFullError(
            f"The disk that holds the library {path.parent} is full.", "Make room; Quaero goes on by itself."
        ),
        sqlite3.SQLITE_READONLY: lambda: LibraryReadOnlyError(
            f"The library {path.parent} cannot be written.", "Check the permissions of the folder and of its files."
        ),
        sqlite3.SQLITE_CANTOPEN: lambda: LibraryError(
            f"The library {path.parent} cannot be opened.", "Check that the folder exists and that you may write to it."
        ),
        sqlite3.SQLITE_CORRUPT: lambda: LibraryDamagedError(f"The library {path} is damaged.", _DAMAGE_HINT),
        sqlite3.SQLITE_NOTADB: lambda: LibraryDamagedError(f"{path} is not a library, or it is damaged.", _DAMAGE_HINT),
        sqlite3.SQLITE_IOERR: lambda: LibraryError(
            f"The disk that holds the library {path.parent} does not answer as it should ({error}).",
            "Check the disk and its cable or connection, then start again.",
        ),
        sqlite3.SQLITE_BUSY: lambda: LibraryError(
            f"Another program holds the library {path} open.", "Close it and try again."
        ),
        sqlite3.SQLITE_LOCKED: lambda: LibraryError(
            f"Another program holds the library {path} locked.", "Close it and try again."
        ),
    }.get(primary if primary is not None else -1)
    return known() if known else error


Row = tuple[Any, ...]


def is_interrupt(error: sqlite3.Error) -> bool:
    """Return whether a query ended because somebody wanted that."""
    # The module's own errors have no code: a text that is no UTF-8, for example.
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT
