"""Export (D5): documents as a folder of markdown, as JSON lines, or as a table; wholly there or not at all."""

import asyncio
import errno
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from quaero_desktop.domain.errors import DiskFullError, ExportError, KnownError, NotFoundError, UsageError
from quaero_desktop.domain.exporting import ExportFormat, ExportReport
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.services.exportformats import WRITERS
from quaero_desktop.storage import errand
from quaero_desktop.storage.errand import Errand
from quaero_desktop.storage.export import ExportedDocument, Snapshot, snapshot

Progress = Callable[[int, int], None]
"""Told how many documents are written, and of how many; on the event loop, some ten times a second."""

_TELL_SECONDS = 0.1


class ExportService:
    """Writes documents where other programs read them.

    Args:
        files: of the library.
    """

    def __init__(self, files: LibraryFiles) -> None:
        self._files = files

    async def export(
        self,
        format: ExportFormat | str,
        target: Path,
        *,
        ids: Sequence[int] | None = None,
        query: str | None = None,
        part: str | None = None,
        source: int | None = None,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> ExportReport:
        """Write the documents that fit all that is given, as they are at this moment, and return what that made.

        They are written under another name, which becomes *target* at the end. Cancelled, killed or out of room, it
        leaves nothing at *target*; but for a kill, it leaves nothing at all.

        Args:
            format: what to write.
            target: the file, or for markdown the folder; it must not exist, but an empty folder will do.
            ids: only these documents, in this order; None for all.
            query: only what a search for it finds, best first.
            part: only those with this text in their title or URL.
            source: only those of this source.
            overwrite: replace a file that exists. A folder that holds something is never replaced.
            progress: told how it gets on.

        Raises:
            UsageError: there is no such format.
            NotFoundError: no document fits, or there is no such source.
            ExportError: *target* exists, or cannot be written.
            DiskFullError: there is no room for it.
            LibraryError: the library cannot be read.
        """
        try:
            format = ExportFormat(format)
        except ValueError:
            raise UsageError(f"Unknown format “{format}”.", f"Use one of {', '.join(ExportFormat)}.") from None
        loop = asyncio.get_running_loop()

        def tell(done: int, total: int) -> None:
            if progress is not None:
                loop.call_soon_threadsafe(progress, done, total)

        def work(work: Errand) -> ExportReport:
            place = _Place(Path(os.path.abspath(target)), format == ExportFormat.MARKDOWN, overwrite)
            place.check(self._files.folder)
            with snapshot(work, self._files.database) as library:
                chosen = library.choose(ids=ids, query=query, part=part, source=source)
                if not chosen:
                    raise NotFoundError("There is no document to export.", "Collect some pages, or ask for others.")
                if format == ExportFormat.MARKDOWN:
                    chosen = library.by_url(chosen)
                documents = _read(work, library, chosen, tell)
                with place.made_whole() as temporary:
                    files, size = WRITERS[format](temporary, documents, len(chosen))
            skipped = tuple(dict.fromkeys(ids)) if ids is not None and not (query or part or source) else ()
            found = frozenset(chosen)
            return ExportReport(
                documents=len(chosen),
                files=files,
                bytes=size,
                target=place.target,
                skipped=tuple(document_id for document_id in skipped if document_id not in found),
            )

        return await errand.run(work)


class _StoppedError(Exception):
    """Nobody waits for the export any more."""


def _read(
    work: Errand, library: Snapshot, chosen: Sequence[int], tell: Callable[[int, int], None]
) -> Iterator[ExportedDocument]:
    told = time.monotonic()
    tell(0, len(chosen))
    for done, document_id in enumerate(chosen):
        if work.stopped:
            raise _StoppedError
        if time.monotonic() - told >= _TELL_SECONDS:
            told = time.monotonic()
            tell(done, len(chosen))
        yield library.document(document_id)
    if work.stopped:
        raise _StoppedError
    tell(len(chosen), len(chosen))


class _Place:
    """Where an export is to be: made beside it, under another name, and put there in one step.

    Args:
        target: an absolute path.
        is_folder: whether a folder is to be there, else a file.
        overwrite: whether a file that is there may go.
    """

    def __init__(self, target: Path, is_folder: bool, overwrite: bool) -> None:
        # An empty folder is replaced by rename, which a link to it would not stand.
        self.target = target.resolve() if is_folder and target.is_dir() else target
        self._is_folder = is_folder
        self._overwrite = overwrite

    def check(self, library: Path) -> None:
        """Refuse a place before anything is read or written.

        Raises:
            ExportError: it is taken, not there, or inside the folder of the library itself.
        """
        target = self.target
        try:
            if target.resolve().is_relative_to(library.resolve()):
                raise ExportError(
                    f"“{target}” is inside the library's own folder.", "Export to a folder of your own documents."
                )
            if not target.parent.is_dir():
                raise ExportError(f"There is no folder “{target.parent}”.", "Make it first, or choose another one.")
            if not os.path.lexists(target):
                return
            if target.is_dir():
                if not self._is_folder:
                    raise ExportError(f"“{target}” is a folder; a file is to be written.", "Name a file in it.")
                if any(target.iterdir()):
                    raise _taken(target, "The folder", "Choose an empty folder, or a name that does not exist yet.")
            elif self._is_folder:
                raise ExportError(f"“{target}” is a file; a folder is to be written.", "Choose another name.")
            elif not self._overwrite:
                raise _taken(target, "The file", "Choose another name, or replace it (--force on the command line).")
        except OSError as error:
            raise _explained(error, target) from error

    @contextmanager
    def made_whole(self) -> Iterator[Path]:
        """Yield an empty file or folder to fill, which takes its place when the block ends without an error.

        Raises:
            ExportError: the system refuses.
            DiskFullError: there is no room.
        """
        temporary = self.target.with_name(f".quaero-export-{secrets.token_hex(6)}.part")
        try:
            try:
                if self._is_folder:
                    temporary.mkdir()
                else:
                    temporary.touch(exist_ok=False)
                yield temporary
                self._put(temporary)
            except BaseException:
                if self._is_folder:
                    shutil.rmtree(temporary, ignore_errors=True)
                else:
                    with suppress(OSError):
                        temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise _explained(error, self.target) from error

    def _put(self, temporary: Path) -> None:
        if self._is_folder:
            if sys.platform == "win32" and self.target.is_dir():
                self.target.rmdir()  # which Windows does not replace; one that holds something by now stays
            os.rename(temporary, self.target)
        elif self._overwrite or sys.platform == "win32":
            (os.replace if self._overwrite else os.rename)(temporary, self.target)
        else:
            try:
                # A rename would quietly replace what somebody put there meanwhile.
                os.link(temporary, self.target)
            except FileExistsError:
                raise
            except OSError:  # a file system without hard links
                if os.path.lexists(self.target):
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
                os.rename(temporary, self.target)
            else:
                temporary.unlink()


def _taken(target: Path, what: str, hint: str) -> ExportError:
    return ExportError(f"{what} “{target}” exists already{' and is not empty' if target.is_dir() else ''}.", hint)


def _explained(error: OSError, target: Path) -> KnownError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"There is no room left in “{target.parent}” for the export; nothing of it was left there.",
            "Free some space, or export to another disk.",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ExportError(
            f"“{target.parent}” cannot be written.", "Check the permissions of the folder, or choose another one."
        )
    if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
        return ExportError(f"“{target}” exists by now; it was left as it is.", "Choose another name.")
    return ExportError(
        f"“{target}” cannot be written: {error.strerror or error}.", "Choose another name or another folder."
    )
