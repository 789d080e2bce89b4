"""What a front end may ask of the import of a legacy Quaero database (O2): a look at it, and to do it."""

import asyncio
from pathlib import Path

from quaero_desktop.domain import legacy
from quaero_desktop.domain.importing import ImportPreview, ImportReport
from quaero_desktop.domain.legacy import UnusableError
from quaero_desktop.infra.clock import Clock, SystemClock
from quaero_desktop.infra.secrets import SecretStore
from quaero_desktop.infra.settings.sections import ParseSettings
from quaero_desktop.infra.tasks import to_the_end
from quaero_desktop.services.importing.extraction import Extraction
from quaero_desktop.services.importing.preview import Preview
from quaero_desktop.services.importing.reader import Progress, Reader, Teller
from quaero_desktop.services.importing.transfer import SecretKeeper, Transfer, Writer
from quaero_desktop.storage import errand
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.errand import Errand
from quaero_desktop.storage.importing import legacyfile, opening
from quaero_desktop.storage.importing.legacyfile import RawRow
from quaero_desktop.storage.importing.writing import Library


class ImportService:
    """Looks into databases of the old Quaero, and takes over what is sound in them.

    Args:
        database: the open library; None looks into files only.
        secrets: where the secrets of credentials go.
        clock: time.
        parsing: what the process may take that large documents are extracted in.
        gently: rest between the transactions, so that a crawl that runs gets most of the writer's time.
    """

    def __init__(
        self,
        database: Database | None,
        secrets: SecretStore,
        clock: Clock,
        parsing: ParseSettings | None = None,
        *,
        gently: bool = False,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._clock = clock
        self._parsing = parsing or ParseSettings()
        self._gently = gently

    async def preview(self, path: Path, progress: Progress | None = None) -> ImportPreview:
        """Return what an import of a file would do; it changes nothing.

        Args:
            path: the file.
            progress: told how far it is.

        Raises:
            LegacyFileError: it is missing, damaged, locked, or no database of the old Quaero.
        """
        kept = await self._secrets.is_kept()
        now = self._clock.now_ms()
        library = None if self._database is None else self._database.path
        loop = asyncio.get_running_loop()

        def work(work: Errand) -> ImportPreview:
            with opening.opened(work, path, library) as file:
                tell = Teller(loop, progress)
                reader = Reader(work, file, now, tell)
                if library is None:
                    return Preview(reader, None, kept).make(path)
                with work.connected(library) as connection:
                    return Preview(reader, Library(connection), kept).make(path)

        return await errand.run(work)

    async def run(self, path: Path, *, remember: bool = False, progress: Progress | None = None) -> ImportReport:
        """Take over what is sound in a file. What came before does not come again.

        Cancelling stops between two transactions: what came stays, and the next import brings the rest.

        Args:
            path: the file.
            remember: without a keyring, remember the secrets of credentials until this process ends.
            progress: told how far it is.

        Raises:
            LegacyFileError: it is missing, damaged, locked, or no database of the old Quaero; nothing has changed.
            DiskFullError: there is no room; what came stays.
            LibraryError: the library cannot be written.
        """
        assert self._database is not None, "there is no library to import into"
        database = self._database
        now = self._clock.now_ms()
        loop = asyncio.get_running_loop()
        extraction = Extraction(loop, self._parsing.memory_mb)

        def work(work: Errand) -> ImportReport:
            with opening.opened(work, path, database.path) as file:
                reader = Reader(work, file, now, Teller(loop, progress))
                store = SecretKeeper(self._secrets, loop, remember=remember)
                writer = Writer(database, loop, gently=self._gently)
                return Transfer(work, reader, writer, store, extraction).run(path)

        try:
            return await errand.run(work)
        finally:
            await to_the_end(extraction.aclose())


async def look_into(path: Path, progress: Progress | None = None) -> ImportPreview:
    """Return what an import of a file into a new library would do; see :meth:`ImportService.preview`."""
    secrets = SecretStore()
    try:
        return await ImportService(None, secrets, SystemClock()).preview(path, progress)
    finally:
        secrets.close()


async def check(path: Path) -> None:
    """Refuse a file that cannot be imported.

    Raises:
        LegacyFileError: it is missing, damaged, locked, or no database of the old Quaero.
    """

    def work(work: Errand) -> None:
        with opening.opened(work, path):
            pass

    await errand.run(work)


async def unkept_secrets(path: Path) -> int:
    """Return how many secrets a file brings that nothing can keep; 0 where there is a keyring.

    Raises:
        LegacyFileError: it is missing, damaged, locked, or no database of the old Quaero.
    """
    secrets = SecretStore()
    try:
        if await secrets.is_kept():
            return 0
    finally:
        secrets.close()
    now = SystemClock().now_ms()

    def work(work: Errand) -> int:
        with opening.opened(work, path) as file:
            return sum(_has_secret(raw, now) for raw in file.rows(legacyfile.CREDENTIALS))

    return await errand.run(work)


def _has_secret(raw: RawRow, now: int) -> bool:
    try:
        return raw.values is not None and legacy.credential(raw.values, now, lambda _: None).secret is not None
    except UnusableError:
        return False
