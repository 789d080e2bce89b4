"""Backups: verified copies of the library in one file each, and putting one back."""

import contextlib
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from quaero_desktop.domain.errors import (
    ForeignDatabaseError,
    KnownError,
    LibraryDamagedError,
    NotFoundError,
    UsageError,
)
from quaero_desktop.infra.clock import Clock
from quaero_desktop.infra.paths import LibraryFiles, library_error, private_folder
from quaero_desktop.storage import errand, files, migrate, sqlite
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.errand import Errand

_NAME = re.compile(r"library-(\d{8}T\d{6}Z)(?:-(\d+))?\.db")
_STAMP = "%Y%m%dT%H%M%SZ"
_ABANDONED_SECONDS = 3600


class BackupInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A backup as lists show it.

    Attributes:
        name: of its file: what :func:`restore` asks for.
        path: of its file.
        bytes: its size.
        created_at: milliseconds UTC, to the second, as its name says.
        version: of its schema; 0 when it cannot be read.
        ok: whether it is a whole library, judged by its header and size. Each was checked to the last page when it was
            made, and is again before it is restored.
    """

    name: str
    path: Path
    bytes: int
    created_at: int
    version: int
    ok: bool


async def create(database: Database, folder: Path, clock: Clock, progress: errand.Progress | None = None) -> BackupInfo:
    """Copy the library, as it is at this moment, into a new file in *folder*; work on it goes on meanwhile.

    Args:
        database: the open library.
        folder: where its backups are; made when missing.
        clock: gives the backup its name.
        progress: told how many of the bytes are copied and checked.

    Raises:
        DiskFullError: there is no room for it; nothing of it is left.
        LibraryError: the world's fault; nothing of it is left.
    """
    return await errand.run(lambda work: copy(work, database.path, folder, clock.now_ms()), progress)


def copy(work: Errand, database: Path, folder: Path, now: int) -> BackupInfo:
    """Do what :func:`create` does, on this thread.

    Args:
        work: the errand that this is part of.
        database: the library's database file.
        folder: where its backups are; made when missing.
        now: milliseconds UTC.
    """
    private_folder(folder)
    _remove_abandoned(folder)
    target = _free_name(folder, now)
    with files.made_whole(target) as temporary:

        def tell() -> None:
            # The check that follows takes about as long. What is freed in the library is not copied.
            with contextlib.suppress(OSError):
                work.tell(min(temporary.stat().st_size, size), 2 * size)

        size = max(1, database.stat().st_size)
        with work.connected(database, meanwhile=tell) as source:
            version = migrate.version_of(source)
            # A defragmented copy of one snapshot; readers and the writer go on.
            source.execute("VACUUM INTO ?", (str(temporary),))
        work.tell(size, 2 * size)
        check(work, temporary, version)
    return _info(target)


def check(work: Errand, path: Path, version: int | None = None) -> int:
    """Read a closed single-file library to its last page and return the version of its schema.

    Args:
        work: the errand that this is part of.
        path: the file; nobody may be writing it.
        version: what it must be.

    Raises:
        LibraryDamagedError: it is not whole.
        ForeignDatabaseError: it is a database of another application.
    """
    with work.connected(path, immutable=True) as connection:
        if connection.execute("PRAGMA application_id").fetchone()[0] != sqlite.APPLICATION_ID:
            raise ForeignDatabaseError(f"“{path}” is not a library of Quaero.")
        found = migrate.version_of(connection)
        faults = [fault for (fault,) in connection.execute("PRAGMA integrity_check(3)")]
        if faults != ["ok"] or connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise LibraryDamagedError(f"“{path}” is damaged: {'; '.join(faults)}.", "Use another backup.")
        if version is not None and found != version:
            raise LibraryDamagedError(f"“{path}” has version {found} and not {version}.", "Use another backup.")
    return found


def list_backups(folder: Path) -> list[BackupInfo]:
    """Return the backups in *folder*, newest first. Creates nothing; a missing folder holds none."""
    return [_info(path) for path in sorted(_paths(folder), key=_order, reverse=True)]


def prune(folder: Path, keep: int) -> list[BackupInfo]:
    """Delete all but the newest *keep* backups and return those deleted.

    Ones that are not whole neither count nor go: they may be all that is left of something.

    Raises:
        UsageError: when none would be kept.
        LibraryError: when one cannot be deleted.
    """
    if keep < 1:
        raise UsageError(f"Keeping {keep} backups would delete them all.", "Keep at least one.")
    surplus = [info for info in list_backups(folder) if info.ok][keep:]
    for info in surplus:
        try:
            files.remove(info.path)
        except OSError as error:
            raise library_error(error, info.path) from error
    return surplus


async def restore(library: LibraryFiles, name: str, clock: Clock) -> Path | None:
    """Put the backup *name* in the place of the library, whatever state that is in.

    The library must be closed and the instance lock held. The database with its WAL and shared memory is first kept
    aside, together and byte for byte. A kill half-way leaves either the old library, or none beside its backups, which
    the next start reports as damage and another restore ends.

    Args:
        library: the library's files.
        name: of the backup, as :func:`list_backups` says.
        clock: gives the folder of what was there its name.

    Returns:
        The folder ``library-before-restore-...`` that what was there is in; None when there was nothing.

    Raises:
        NotFoundError: there is no such backup.
        LibraryTooNewError: a newer version of Quaero made it.
        LibraryDamagedError: it is damaged; the library was left as it was.
        DiskFullError: there is no room; the library was left as it was.
    """
    return await errand.run(lambda work: _restore(work, library, name, clock.now_ms()))


def _restore(work: Errand, library: LibraryFiles, name: str, now: int) -> Path | None:
    backup = library.backups / name
    if _NAME.fullmatch(name) is None or not backup.is_file():
        raise NotFoundError(f"There is no backup “{name}”.", "List them with: quaero backup list")
    version, newest = check(work, backup), migrate.shipped()[-1].version
    if version > newest:
        raise migrate.too_new(version, newest)
    present = [path for path in (library.database, *files.beside(library.database)) if path.exists()]
    try:
        # The copy first: while it can still fail, nothing has been touched.
        ready = library.folder / f"{library.database.name}.restored"
        files.remove(ready)
        with files.made_whole(ready) as temporary:
            shutil.copyfile(backup, temporary)
            with work.connected(temporary, "rw") as connection:
                # As a new library is: the file in its place is never in a mode whose journal could be left behind.
                connection.execute("PRAGMA journal_mode = WAL")
        aside = _keep_aside(library, present, now) if present else None
        # The database goes first: a database without its WAL would look whole and be older.
        for path in present:
            path.unlink()
        ready.rename(library.database)
        files.sync_folder(library.folder)
    except OSError as error:
        raise library_error(error, library.folder) from error
    return aside


def _keep_aside(library: LibraryFiles, present: list[Path], now: int) -> Path:
    stem = f"library-before-restore-{_stamp(now)}"
    aside = next(folder for folder in _numbered(library.folder, stem, "") if not folder.exists())
    private_folder(aside)
    for path in present:
        target = aside / path.name
        try:
            os.link(path, target)
        except OSError:  # a file system without hard links
            shutil.copy2(path, target)
            files.sync(target)
    files.sync_folder(aside)
    files.sync_folder(library.folder)
    return aside


def _info(path: Path) -> BackupInfo:
    version, ok = 0, False
    with contextlib.suppress(KnownError, sqlite3.Error), Errand().connected(path, immutable=True) as connection:
        version = migrate.version_of(connection)
        (identity,) = connection.execute("PRAGMA application_id").fetchone()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
        ok = identity == sqlite.APPLICATION_ID and version > 0 and pages * page_size == path.stat().st_size
    return BackupInfo(
        name=path.name,
        path=path,
        bytes=path.stat().st_size,
        created_at=int(_when(path).timestamp() * 1000),
        version=version,
        ok=ok,
    )


def _paths(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if _NAME.fullmatch(path.name) and _has_time(path)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise library_error(error, folder) from error


def _has_time(path: Path) -> bool:
    try:
        return bool(_when(path))
    except ValueError:  # the 99th of a month: not a name of ours
        return False


def _when(path: Path) -> datetime:
    matched = _NAME.fullmatch(path.name)
    assert matched is not None
    return datetime.strptime(matched[1], _STAMP).replace(tzinfo=UTC)


def _order(path: Path) -> tuple[datetime, int]:
    matched = _NAME.fullmatch(path.name)
    assert matched is not None
    return _when(path), int(matched[2] or 1)


def _stamp(now: int) -> str:
    return datetime.fromtimestamp(now / 1000, UTC).strftime(_STAMP)


def _numbered(folder: Path, stem: str, suffix: str) -> Iterator[Path]:
    yield folder / f"{stem}{suffix}"
    number = 1
    while True:
        number += 1
        yield folder / f"{stem}-{number}{suffix}"


def _free_name(folder: Path, now: int) -> Path:
    names = _numbered(folder, f"library-{_stamp(now)}", ".db")
    return next(path for path in names if not path.exists() and not files.unfinished(path).exists())


def _remove_abandoned(folder: Path) -> None:
    """Remove what killed backups left; one that is being made was written to within the hour."""
    for path in folder.glob(f"library-*{files.UNFINISHED}"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                files.remove(path)
