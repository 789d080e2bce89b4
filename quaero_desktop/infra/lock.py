"""The instance lock: only one process at a time opens a library for writing."""

import contextlib
import errno
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from quaero_desktop.domain.errors import BugError, LibraryError, LibraryInUseError
from quaero_desktop.infra.paths import library_error

# A reader's `is_held` holds a shared lock for some microseconds: trying again tells that from a library in use.
_TRIES = 5
_PAUSE_SECONDS = 0.02
_BUSY = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK)
_BINARY: int = getattr(os, "O_BINARY", 0)
_MOST_DIGITS = 20

# The lock is one that belongs to the open file (flock) and not to the process (fcntl.lockf): two locks in one process
# exclude each other too, and closing some other handle on the file does not drop it.
if sys.platform == "win32":
    import msvcrt

    # Locks are mandatory on Windows: this byte lies behind all content, so that others can still read the process id.
    _LOCKED_BYTE = 2**30

    def _lock(handle: int, *, shared: bool) -> None:
        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBRLCK if shared else msvcrt.LK_NBLCK, 1)

    def _unlock(handle: int) -> None:
        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(handle: int, *, shared: bool) -> None:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)


class InstanceLock:
    """An exclusive lock on a file of its own, which the kernel frees when the process dies, however it dies.

    The file is never deleted: a second process could hold the deleted one and a third a new one, both with success.
    Its content is the process id of the last holder, for messages only.

    Args:
        path: the lock file; its folder must exist, the file is created when missing (mode 0600).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._handle is not None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            LibraryInUseError: when somebody else has it, after about a tenth of a second.
            LibraryError: when the file cannot be opened or locked at all.
            BugError: when this object holds it already.
        """
        if self._handle is not None:
            raise BugError(f"The lock on {self._path} is held already.")
        try:
            # Python's handles are not inherited by programs that it starts (PEP 446), so no child keeps the lock alive.
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | _BINARY, 0o600)
        except OSError as error:
            raise library_error(error, self._path) from error
        try:
            self._lock_or_raise(handle)
            # For messages only: a full disk must not stop anyone from opening the library.
            with contextlib.suppress(OSError):
                os.ftruncate(handle, 0)
                os.lseek(handle, 0, os.SEEK_SET)
                os.write(handle, f"{os.getpid()}\n".encode())
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle

    def _lock_or_raise(self, handle: int) -> None:
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_PAUSE_SECONDS)
            try:
                return _lock(handle, shared=False)
            except OSError as error:
                if error.errno not in _BUSY:
                    raise LibraryError(
                        f"The library cannot be locked at “{self._path}”: {error.strerror or error}.",
                        "Choose a folder on a disk of this computer with --library.",
                    ) from error
        raise _in_use(holder_of(self._path))

    def release(self) -> None:
        """Give the lock back; does nothing when it is not held."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        try:
            with contextlib.suppress(OSError):
                _unlock(handle)
        finally:
            os.close(handle)

    def __enter__(self) -> Self:
        """Take the lock; see `acquire`."""
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the lock back."""
        self.release()


def is_held(path: Path) -> bool:
    """Return whether somebody holds the lock on *path*. Creates nothing and lets nobody's `acquire` fail."""
    try:
        handle = os.open(path, os.O_RDONLY | _BINARY)
    except OSError:
        return False
    try:
        _lock(handle, shared=True)
    except OSError as error:
        return error.errno in _BUSY
    else:
        _unlock(handle)
        return False
    finally:
        os.close(handle)


def holder_of(path: Path) -> int | None:
    """Return the process id that the last holder of *path* left there, or None when it is not readable."""
    try:
        handle = os.open(path, os.O_RDONLY | _BINARY)
    except OSError:
        return None
    try:
        text = os.read(handle, _MOST_DIGITS).strip()
    except OSError:
        return None
    finally:
        os.close(handle)
    return int(text) if text.isdigit() else None


def _in_use(process: int | None) -> LibraryInUseError:
    if process == os.getpid():
        return LibraryInUseError("This Quaero has the library open already.")
    who = f"Another Quaero (process {process})" if process else "Another Quaero"
    return LibraryInUseError(
        f"{who} is using this library.",
        "Close it first, or choose another library with --library. Reading works meanwhile.",
    )
