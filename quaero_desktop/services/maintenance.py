"""Looking after a library: backups, and checking that it keeps its promises."""

from pathlib import Path

from quaero_desktop.infra.clock import Clock
from quaero_desktop.infra.lock import InstanceLock
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.storage import backup
from quaero_desktop.storage.backup import BackupInfo as BackupInfo  # part of what is said here
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.errand import Progress
from quaero_desktop.storage.verify import VerifyReport, verify_library


class MaintenanceService:
    """Looks after an open library.

    Args:
        database: the open library.
        files: where it is.
        clock: names backups.
        keep_backups: how many are kept; may be changed at any time.
    """

    def __init__(self, database: Database, files: LibraryFiles, clock: Clock, keep_backups: int) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self.keep_backups = keep_backups

    async def back_up(self, progress: Progress | None = None) -> BackupInfo:
        """Make a backup, check it, and remove the oldest beyond the number that is kept.

        Args:
            progress: told how much is done, and of how much.

        Raises:
            DiskFullError: there is no room for it; nothing is left behind.
            LibraryError: it could not be made, or did not pass its check.
        """
        made = await backup.create(self._database, self._files.backups, self._clock, progress)
        backup.prune(self._files.backups, self.keep_backups)
        return made

    async def verify(self, progress: Progress | None = None) -> VerifyReport:
        """Check every invariant; changes nothing.

        Args:
            progress: told how many checks are done, and of how many.
        """
        return await verify_library(self._database, progress)


class BackupShelf:
    """The backups of a library that is not open.

    Args:
        files: where the library is.
        clock: names what a restore keeps.
    """

    def __init__(self, files: LibraryFiles, clock: Clock) -> None:
        self._files = files
        self._clock = clock

    def newest_first(self) -> list[BackupInfo]:
        """Return the backups, newest first."""
        return backup.list_backups(self._files.backups)

    async def restore(self, name: str) -> Path | None:
        """Put a backup in the place of the library, and return the folder that keeps what was there, if anything was.

        Raises:
            NotFoundError: there is no such backup.
            LibraryInUseError: the library is open somewhere.
            LibraryError: the backup is no good.
        """
        with InstanceLock(self._files.lock):
            return await backup.restore(self._files, name, self._clock)
