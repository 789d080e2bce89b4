"""Where things are: the library's folder and files, the settings file; and which folders are no place for them."""

import contextlib
import errno
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path, PurePath, PurePosixPath

import msgspec
import platformdirs

from quaero_desktop.domain.errors import DiskFullError, LibraryError, LibraryReadOnlyError, UsageError

APPLICATION = "Quaero"
"""The name of our folder inside the platform's folders."""

LIBRARY_VARIABLE = "QUAERO_LIBRARY"
CONFIG_VARIABLE = "QUAERO_CONFIG"
SECRETS_VARIABLE = "QUAERO_SECRETS"

_PRIVATE = 0o700
_SETTINGS_NAME = "settings.toml"


class LibraryFiles(msgspec.Struct, frozen=True):
    """The files of the library in one folder. Naming them creates nothing.

    Attributes:
        folder: the absolute path of the library.
    """

    folder: Path

    @property
    def database(self) -> Path:
        """The SQLite database; its ``-wal`` and ``-shm`` files stand beside it."""
        return self.folder / "library.db"

    @property
    def lock(self) -> Path:
        """The file of the instance lock; it is never deleted."""
        return self.folder / "library.lock"

    @property
    def backups(self) -> Path:
        """The folder of verified backups."""
        return self.folder / "backups"

    @property
    def logs(self) -> Path:
        """The folder of diagnostic logs and crash reports."""
        return self.folder / "logs"


def library_folder(explicit: str | Path | None, environ: Mapping[str, str], setting: str = "") -> Path:
    """Return the absolute folder of the library: explicit, else ``QUAERO_LIBRARY``, else set, else the data folder.

    Args:
        explicit: what ``--library`` says; None or empty when it was not given.
        environ: the environment; an empty variable counts as unset.
        setting: what ``[storage] library`` says; empty when it says nothing.

    Raises:
        UsageError: when the text is no path.
    """
    named = explicit or environ.get(LIBRARY_VARIABLE) or setting
    return _absolute(named) if named else platformdirs.user_data_path(APPLICATION, appauthor=False)


def settings_file(environ: Mapping[str, str]) -> Path:
    """Return the absolute path of ``settings.toml``, which ``--library`` does not move.

    Args:
        environ: the environment; ``QUAERO_CONFIG`` names the file, or the folder that holds ``settings.toml``.

    Raises:
        UsageError: when the variable is no path.
    """
    named = environ.get(CONFIG_VARIABLE)
    if not named:
        return platformdirs.user_config_path(APPLICATION, appauthor=False) / _SETTINGS_NAME
    path = _absolute(named)
    return path / _SETTINGS_NAME if path.is_dir() else path


def _absolute(named: str | Path) -> Path:
    if "\x00" in str(named):
        raise UsageError("A path cannot hold a NUL character.")
    try:
        # Not resolve(): the person's own spelling stays visible in messages.
        return Path(named).expanduser().absolute()
    except RuntimeError as error:
        raise UsageError(f"There is no home folder for “{named}”.", "Give the folder's full path.") from error


def private_folder(path: Path) -> Path:
    """Create *path*, and what is missing above it, for this user only (mode 0700), and return it.

    A folder that is there already keeps its mode: it is the person's own.

    Raises:
        LibraryError: when it cannot be created; the subclass says whether it is permission or room that lacks.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir(mode=_PRIVATE, exist_ok=True)
        if not path.is_dir():
            raise LibraryError(f"“{path}” is a file; a folder is needed there.", "Choose another folder.")
    except OSError as error:
        raise library_error(error, path) from error
    return path


def library_error(error: OSError, path: Path) -> LibraryError:
    """Return the error that tells a person about the fault *error* of the system at *path*."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return LibraryReadOnlyError(
            f"“{path}” cannot be written.", "Check the permissions of the folder, or choose another one with --library."
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(f"There is no room left for “{path}”.", "Free some space and try again.")
    return LibraryError(f"“{path}” cannot be used: {error.strerror or error}.", "Choose another folder with --library.")


# --- Folders that are no place for a database -------------------------------------------------------------------------

# SQLite's write-ahead log needs memory shared between all processes that use it, which no network gives
# (https://www.sqlite.org/wal.html, "WAL does not work over a network filesystem"), and locks that tell the truth.
# Absent on purpose: 9p, virtiofs and overlay, the ordinary disks of many virtual machines and containers; FUSE file
# systems that encrypt or merge a local disk; fuseblk (local NTFS).
_NETWORK_TYPES = frozenset(
    {
        "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "ftp", "glusterfs", "lustre", "ncpfs", "nfs",
        "nfs4", "orangefs", "prl_fs", "smb2", "smb3", "smbfs", "vboxsf", "webdav",
        "fuse.blobfuse", "fuse.blobfuse2", "fuse.ceph", "fuse.ceph-fuse", "fuse.curlftpfs", "fuse.davfs",
        "fuse.davfs2", "fuse.gcsfuse", "fuse.glusterfs", "fuse.goofys", "fuse.google-drive-ocamlfuse",
        "fuse.gvfsd-fuse", "fuse.juicefs", "fuse.kio-fuse", "fuse.mfs", "fuse.onedriver", "fuse.rclone",
        "fuse.s3fs", "fuse.seadrive", "fuse.smbnetfs", "fuse.sshfs", "fuse.vmhgfs-fuse",
    }
)  # fmt: skip
_REMOTE_SOURCE = re.compile(r"(?:https?|s?ftps?|s3|webdavs?)://", re.IGNORECASE)
_OCTAL = re.compile(r"\\([0-7]{3})")
_BSD_MOUNT = re.compile(r"^(?P<source>.*?) on (?P<target>/.*) \((?P<type>[^,()]+)[^()]*\)$")

# Synchronisers copy the database while it is being written, and put an older half of it back. The folder's whole name
# in lower case, alone or followed by what some clients add: "OneDrive - Company", "Dropbox (Personal)".
_SYNCED_NAME = re.compile(
    r"(dropbox|onedrive|google ?drive|icloud ?drive|nextcloud|owncloud|pcloud ?drive|box sync|megasync|seafile|"
    r"synologydrive|proton ?drive|resilio sync|tresorit|yandex\.disk)(?: [-(].*)?"
)
_SYNCED_PARENTS = {"mobile documents": "iCloud", "cloudstorage": "a cloud drive", "my drive": "Google Drive"}
_SYNC_MARKERS = {".stfolder": "Syncthing", ".dropbox.cache": "Dropbox"}
_OVERRIDE = (
    "Choose a folder on a disk of this computer, or set allow_network_folder = true under [storage] to go ahead."
)


def refuse_unsafe_folder(path: Path, *, mounts: str | None = None) -> None:
    """Refuse a folder on a network file system or one that a cloud client synchronises: databases get damaged there.

    The setting ``[storage] allow_network_folder`` is the person's way round it; whoever calls this asks it first.

    Args:
        path: the folder, which need not exist.
        mounts: the table of mounts in the form of ``/proc/self/mounts``; None asks the system.

    Raises:
        LibraryError: naming what the folder is on.
    """
    real = path.resolve()
    table = _system_mounts() if mounts is None else mounts
    reason = network_reason(real, table) or synced_reason(path) or synced_reason(real) or _marker_reason(real)
    if reason is None and sys.platform == "win32":
        reason = _windows_reason(real)
    if reason is not None:
        raise LibraryError(f"“{path}” is {reason}, where a database gets damaged.", _OVERRIDE)


def network_reason(path: PurePath, mounts: str) -> str | None:
    """Return what network file system *path* is on, or None when it is on none that we know.

    Args:
        path: an absolute path without symbolic links.
        mounts: the table of mounts in the form of ``/proc/self/mounts``, one a line, later ones over earlier ones.
    """
    if str(path).startswith(("\\\\", "//")):
        return "a network share"
    best: tuple[int, str, str] = (-1, "", "")
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        source, target, kind = _unescaped(fields[0]), PurePosixPath(_unescaped(fields[1])), fields[2].lower()
        # The longest mount point wins, and of those at one place the last, which hides the others.
        if path.is_relative_to(target) and len(target.parts) >= best[0]:
            best = (len(target.parts), kind, source)
    _, kind, source = best
    if kind in _NETWORK_TYPES or (kind.startswith("fuse") and _REMOTE_SOURCE.match(source)):
        return f"on a network file system ({kind.removeprefix('fuse.')})"
    return None


def synced_reason(path: PurePath) -> str | None:
    """Return which cloud client synchronises *path*, judged by the names of its folders, or None."""
    for part in path.parts:
        name = part.casefold()
        if name in _SYNCED_PARENTS:
            return f"synchronised by {_SYNCED_PARENTS[name]}"
        if _SYNCED_NAME.fullmatch(name):
            return f"in the synchronised folder “{part}”"
    return None


def _marker_reason(path: Path) -> str | None:
    for folder in (path, *path.parents):
        for marker, client in _SYNC_MARKERS.items():
            if os.path.lexists(folder / marker):
                return f"synchronised by {client}"
    return None


def _unescaped(field: str) -> str:
    """Undo the escapes of blanks and backslashes, see getmntent(3)."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)


def _system_mounts() -> str:
    """Return the table of mounts, or nothing where there is none to be had: this is a courtesy, not a guard."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    if sys.platform == "darwin":
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            listed = subprocess.run(["/sbin/mount"], capture_output=True, timeout=2, check=True)
            return mounts_from_bsd(listed.stdout.decode("utf-8", errors="surrogateescape"))
    return ""


def mounts_from_bsd(listing: str) -> str:
    """Return what BSD's and macOS's ``mount`` prints in the form of ``/proc/self/mounts``."""
    rows = (_BSD_MOUNT.match(line) for line in listing.splitlines())
    return "\n".join(
        " ".join(_escaped(row[field]) for field in ("source", "target", "type")) for row in rows if row is not None
    )


def _escaped(field: str) -> str:
    return field.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011")


def _windows_reason(path: Path) -> str | None:
    if sys.platform == "win32":
        import ctypes

        drive_remote = 4  # DRIVE_REMOTE of GetDriveTypeW
        if ctypes.windll.kernel32.GetDriveTypeW(path.anchor) == drive_remote:
            return "on a network drive"
    return None
