"""Files that are either wholly there or not at all: made under another name, forced to the disk, then renamed.

SQLite's own files must never be opened here while a connection to them exists in this process: closing any handle on
them drops SQLite's locks (https://www.sqlite.org/howtocorrupt.html, "Posix advisory locks canceled").
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quaero_desktop.infra.paths import library_error

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite appends to a database's name for the files that it keeps beside it."""
UNFINISHED = ".new"
"""What is appended to the name of a file that is being made."""
_BINARY: int = getattr(os, "O_BINARY", 0)


def beside(path: Path) -> tuple[Path, ...]:
    """Return the names of the files that SQLite may keep beside the database *path*."""
    return tuple(path.with_name(path.name + suffix) for suffix in BESIDE)


def unfinished(path: Path) -> Path:
    """Return the name that *path* has while it is being made."""
    return path.with_name(path.name + UNFINISHED)


@contextmanager
def made_whole(path: Path) -> Iterator[Path]:
    """Yield an empty private file (mode 0600) to fill, which becomes *path* when the block ends without an error.

    Then it is durable: the file is on the disk before it gets its name, and the name is when the block is left. After
    an error nothing is left; after a kill a file ``*.new`` is, which the next call for this *path* removes.

    Args:
        path: must not exist; only one process may be making it, which the instance lock sees to.

    Raises:
        LibraryError: when the system refuses; the subclass says whether it is permission or room that lacks.
    """
    temporary = unfinished(path)
    try:
        remove(temporary)
        os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o600))
        try:
            yield temporary
            sync(temporary)
            # Not replace(): on Windows it would overwrite too; elsewhere the lock keeps others from making this name.
            temporary.rename(path)
        except BaseException:
            with contextlib.suppress(OSError):
                remove(temporary)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise library_error(error, path.parent) from error


def remove(path: Path) -> None:
    """Delete a database nobody has open and what stands beside it; nothing happens when it is not there."""
    for each in (*beside(path), path):
        each.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Force the content of the closed file *path* to the disk."""
    handle = os.open(path, os.O_RDWR | _BINARY)  # Windows flushes only what was opened for writing
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Force the names in *folder* to the disk, where the system has a way to."""
    if sys.platform == "win32":  # pragma: no cover - only there; it opens no folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
