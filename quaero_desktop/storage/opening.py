"""Opening a library: what is checked before anything is written, for writing and for reading."""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from quaero_desktop.domain.errors import (
    ForeignDatabaseError,
    LibraryDamagedError,
    LibraryError,
    LibraryMissingError,
    LibraryReadOnlyError,
)
from quaero_desktop.infra import lock
from quaero_desktop.infra.clock import Clock
from quaero_desktop.infra.paths import LibraryFiles, library_error
from quaero_desktop.storage import backup, errand, files, migrate, sqlite
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.errand import Errand
from quaero_desktop.storage.migrate import Migration

_log = logging.getLogger(__name__)

_RESTORE_HINT = (
    "Nothing was written. Restore a backup (“quaero backup list”, “quaero backup restore NAME”), or move the"
    " folder away to start anew."
)


async def open_library(
    library: LibraryFiles, *, clock: Clock, create: bool, steps: Sequence[Migration] | None = None
) -> Database:
    """Open a library for writing: make it when there is none, bring an older one up to date.

    The caller holds the instance lock. On any error everything is closed again, and the database and its WAL are as
    they were, byte for byte; only an upgrade that had begun may have finished some of its steps.

    Args:
        library: the library's files; the folder exists.
        clock: gives each commit its time.
        create: whether to make a library when there is none.
        steps: other migrations than the shipped ones.

    Raises:
        LibraryMissingError: there is none, and none was to be made.
        LibraryDamagedError: the database is damaged, or it is missing while its backups or its WAL are there.
        LibraryTooNewError: a newer version of Quaero wrote it.
        ForeignDatabaseError: the file is a database of another application.
        LibraryReadOnlyError: the folder or a file in it cannot be written.
        LibraryError: the world's fault.
    """
    known = migrate.shipped() if steps is None else steps
    await errand.run(lambda work: _make_ready(work, library, clock.now_ms(), create, known))
    database = Database(library.database, clock=clock)
    await database.open()
    return database


async def open_for_reading(library: LibraryFiles, *, clock: Clock) -> Database:
    """Open a library for reading, beside whoever writes it. Creates nothing and leaves nothing.

    Raises:
        LibraryMissingError: there is none.
        LibraryDamagedError: the database is damaged, or it is missing while its backups or its WAL are there.
        LibraryTooNewError: a newer version of Quaero wrote it.
        ForeignDatabaseError: the file is a database of another application.
        LibraryError: an older version wrote it, or the world's fault.
    """
    database = _Reading(library, clock)
    try:
        version = await errand.run(lambda work: _version_beside_others(work, library))
        newest = migrate.shipped()[-1].version
        if version > newest:
            raise migrate.too_new(version, newest)
        if version < newest:
            raise LibraryError(
                "An older Quaero wrote this library.", "Start Quaero once so that it upgrades the library."
            )
        await database.open()
    except BaseException:
        await database.close()
        raise
    return database


class _Reading(Database):
    """A library opened for reading that leaves its folder as it was."""

    def __init__(self, library: LibraryFiles, clock: Clock) -> None:
        super().__init__(library.database, clock=clock, writable=False)
        self._library = library

    async def open(self) -> None:
        try:
            await super().open()
        except LibraryError as error:
            folder = self._library.folder
            if isinstance(error, LibraryDamagedError) or os.access(folder, os.W_OK):
                raise
            # immutable=1 would do without those files, but gives wrong answers when somebody who may write starts to.
            raise LibraryReadOnlyError(
                f"The library {folder} cannot be read, because SQLite needs to keep small files beside the database.",
                "Copy the folder to a place where you may write, and name that with --library.",
            ) from error

    async def _close(self) -> None:
        await super()._close()
        await errand.run(lambda _: _tidy(self._library))


def _tidy(library: LibraryFiles) -> None:
    """Let SQLite remove the empty WAL and the shared memory that a reader made: with ``mode=ro`` it cannot.

    Removing them ourselves could take them from under another reader; the last connection that may write removes them,
    when it is the last. Such a connection would move the content of a WAL into the database, so there must be none, and
    nobody who writes any.
    """
    wal = files.beside(library.database)[0]
    if lock.is_held(library.lock) or _size(wal) != 0:
        return
    with contextlib.suppress(sqlite3.Error, OSError):
        connection = sqlite3.connect(sqlite.uri(library.database, "rw"), uri=True, timeout=0)
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        finally:
            connection.close()


def _make_ready(work: Errand, library: LibraryFiles, now: int, create: bool, steps: Sequence[Migration]) -> None:
    if not library.database.exists() and create and not _traces(library):
        migrate.create(library.database, now, steps)
        return
    version = _version(work, library, alone=True)
    newest = steps[-1].version
    if version > newest:
        raise migrate.too_new(version, newest)
    for path in (library.folder, library.database, *files.beside(library.database)):
        if path.exists() and not os.access(path, os.W_OK):
            raise LibraryReadOnlyError(
                f"“{path}” cannot be written.", "Check the permissions of the library's folder and of its files."
            )
    if version < newest:
        saved = backup.copy(work, library.database, library.backups, now)
        _log.info("upgrading the library from version %d to %d; it was backed up as %s", version, newest, saved.name)
        with sqlite.explained(library.database), contextlib.closing(sqlite.connect_writer(library.database)) as writer:
            migrate.upgrade(writer, now, steps)


def _version_beside_others(work: Errand, library: LibraryFiles) -> int:
    if not lock.is_held(library.lock):
        try:
            return _version(work, library, alone=True)
        except LibraryDamagedError:
            # Unless a writer has started and moved pages under our eyes.
            if not lock.is_held(library.lock):
                raise
    return _version(work, library, alone=False)


def _version(work: Errand, library: LibraryFiles, *, alone: bool) -> int:
    """Return the version of a library's schema, after checking that it is one. Writes to no file but shared memory.

    Args:
        work: the errand that this is part of.
        library: the library's files.
        alone: whether nobody can be writing at this moment.

    Raises:
        LibraryError: it is missing, damaged or foreign; see :func:`open_library`.
    """
    path = library.database
    size = _size(path)
    if size is None:
        traces = _traces(library)
        if traces:
            raise LibraryDamagedError(f"The library's database {path} is missing, but {traces} there.", _RESTORE_HINT)
        raise LibraryMissingError(f"There is no library in {library.folder} yet.", "Start one with: quaero crawl URL")
    if not path.is_file():
        raise LibraryError(f"“{path}” is no file.", "Choose another folder with --library.")
    if size == 0:
        raise LibraryDamagedError(f"The library's database {path} is empty.", _RESTORE_HINT)
    # Without a WAL the file itself is all there is to ask, and `immutable` asks it without making files beside it.
    bare = alone and not _size(files.beside(path)[0])
    try:
        # Never by open(): closing that would drop the locks of connections that this process may have.
        with work.connected(path, immutable=bare) as connection:
            (identity,) = connection.execute("PRAGMA application_id").fetchone()
            version = migrate.version_of(connection)
            if identity != sqlite.APPLICATION_ID:
                raise ForeignDatabaseError(
                    f"“{path}” is a database of another application.",
                    "It was left untouched. Choose another folder with --library.",
                )
            # SQLite refuses a file with fewer pages than its header says, but takes zeros for the rest of the last one.
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    except sqlite3.Error as error:
        # We asked for nothing that a sound file would refuse; "unsupported file format", for example, has no code.
        raise LibraryDamagedError(f"The library's database {path} is damaged: {error}.", _RESTORE_HINT) from error
    if version < 1:
        raise LibraryDamagedError(f"The library's database {path} is damaged: it has no version.", _RESTORE_HINT)
    if bare and size % page_size:
        raise LibraryDamagedError(f"The library's database {path} is damaged: its end is missing.", _RESTORE_HINT)
    return version


def _traces(library: LibraryFiles) -> str:
    """Return what says that there was a library here, as the middle of a sentence; empty when nothing does."""
    if backup.list_backups(library.backups):
        return "its backups are"
    wal, _, journal = files.beside(library.database)
    # SQLite would play them back into a new database of that name.
    return "its journal is" if wal.exists() or journal.exists() else ""


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise library_error(error, path) from error
