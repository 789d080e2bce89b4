"""Builds an open library with its services, for the window, the command line and the tests alike."""

import functools
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

import msgspec

from quaero_desktop.domain.errors import BugError, LibraryMissingError
from quaero_desktop.domain.events import EngineNotice
from quaero_desktop.domain.ports import Recovery
from quaero_desktop.infra import log, paths
from quaero_desktop.infra.clock import Clock, SystemClock
from quaero_desktop.infra.lock import InstanceLock, is_held
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.redact import Redactor, redact, redact_url
from quaero_desktop.infra.secrets import SecretStore
from quaero_desktop.infra.settings.loading import LoadedSettings, load
from quaero_desktop.infra.settings.sections import LogLevel, Settings
from quaero_desktop.infra.tasks import to_the_end
from quaero_desktop.services.cleanup import CleanupService
from quaero_desktop.services.credentials import CredentialService
from quaero_desktop.services.definitions import DefinitionService
from quaero_desktop.services.deletion import DeletionService
from quaero_desktop.services.export import ExportService
from quaero_desktop.services.feed import ChangeFeed
from quaero_desktop.services.jobs import JobService
from quaero_desktop.services.languagemodel import LanguageModelService
from quaero_desktop.services.later import LaterEngine
from quaero_desktop.services.library import LibraryService
from quaero_desktop.services.maintenance import BackupShelf, MaintenanceService
from quaero_desktop.services.pages import PageService
from quaero_desktop.services.sources import SourceService
from quaero_desktop.storage import opening, sqlite
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.jobs.backoff import Backoff
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.queue import Queue

if TYPE_CHECKING:
    from quaero_desktop.services.engine import Engine
    from quaero_desktop.services.importing.service import ImportService

QUEUE_NAME = "jobs"


class Services:
    """What a front end works with while a library is open.

    Attributes:
        files: where the library is.
        jobs, definitions, library, maintenance, cleanup, pages, export: the services.
        sources, credentials: more services: for the sites that are collected, and how to sign in there.
        secrets: what those sites are shown.
        engine: runs jobs; None when the library was opened without one.
        recovery: what the start found and put right; None for a library that is only read.
    """

    def __init__(
        self,
        files: LibraryFiles,
        database: Database,
        settings: Settings,
        clock: Clock,
        engine: "Engine | LaterEngine | None" = None,
        ledger: Ledger | None = None,
        secret_store: SecretStore | None = None,
    ) -> None:
        self.files = files
        self.engine = engine
        self._database = database
        self._settings = settings
        self._clock = clock
        self.recovery: Recovery | None = None
        self._feed: ChangeFeed | None = None
        ledger = ledger or _ledger(database, settings)
        self.jobs = JobService(database, ledger, settings, clock, engine)
        self.definitions = DefinitionService(database, ledger, settings, clock, engine)
        self.library = LibraryService(database)
        self.pages = PageService(database)
        self.export = ExportService(files)
        self.maintenance = MaintenanceService(database, files, clock, settings.storage.keep_backups)
        self.deletion = DeletionService(database, ledger, clock, engine)
        self.cleanup = CleanupService(database, self.deletion, settings, clock)
        self.secrets = secret_store or SecretStore()
        self.language_model = LanguageModelService(self.secrets)
        self.sources = SourceService(database, engine)
        self.credentials = CredentialService(database, self.secrets, settings, clock, engine)
        if engine is not None:
            engine.attach(self.cleanup.run, self.definitions.schedules)

    @functools.cached_property
    def importing(self) -> "ImportService":
        """Takes over what is in a database of the old Quaero."""
        # What makes documents of markdown takes long to import, and nobody imports twice.
        from quaero_desktop.services.importing.service import ImportService

        gently = self.engine is not None
        return ImportService(self._database, self.secrets, self._clock, self._settings.parse, gently=gently)

    @property
    def feed(self) -> ChangeFeed:
        """What changes in the library, as it changes; only where this process may write."""
        if self._feed is None:
            raise BugError("a library that is only read has no feed")
        return self._feed

    async def open_feed(self) -> None:
        """Tell of what changes from now on."""
        self._feed = await ChangeFeed.open(self._database)

    def apply(self, settings: Settings) -> None:
        """Go on under other settings, as far as that is possible while the library is open.

        At once: what new crawls start with, the number of workers, the pace at hosts whose crawl names none of its own,
        when a host in trouble pauses its crawl, the name we give servers, how many backups are kept, and how long logs
        and ended jobs are. Crawls that exist keep what they were started with. From the next start on: everything else.

        Args:
            settings: the settings now in force.
        """
        self.jobs.apply(settings)
        self.definitions.apply(settings)
        self.credentials.apply(settings)
        self.maintenance.keep_backups = settings.storage.keep_backups
        self.cleanup.apply(settings)
        if self.engine is not None:
            self.engine.apply(settings)


class Configuration(msgspec.Struct, frozen=True):
    """The settings that are in force, where they come from, and the sentences about those that could not be used."""

    settings: Settings
    file: Path
    problems: tuple[str, ...]


def configuration(environ: Mapping[str, str] | None = None) -> Configuration:
    """Read the settings (O5); nothing here raises for what a person wrote."""
    environ = os.environ if environ is None else environ
    file = paths.settings_file(environ)
    loaded: LoadedSettings = load(file, environ)
    return Configuration(loaded.settings, file, tuple(problem.message for problem in loaded.problems))


def library_files(explicit: str | None, environ: Mapping[str, str] | None = None) -> LibraryFiles:
    """Return where the library is.

    That is *explicit*, else ``QUAERO_LIBRARY``, else ``[storage] library`` of the settings, else the platform's folder.

    Raises:
        UsageError: when the text is no path.
    """
    environ = os.environ if environ is None else environ
    # Nothing is read that would not count.
    setting = "" if explicit or environ.get(paths.LIBRARY_VARIABLE) else configuration(environ).settings.storage.library
    return LibraryFiles(paths.library_folder(explicit, environ, setting))


def backups(files: LibraryFiles, clock: Clock | None = None) -> BackupShelf:
    """Return the backups of a library that is not open."""
    return BackupShelf(files, clock or SystemClock())


def is_at_work(files: LibraryFiles) -> bool:
    """Return whether some process has the library open to change it; otherwise no job of it runs just now."""
    return is_held(files.lock)


def diagnostics(level: LogLevel, stream: TextIO | None = None) -> log.Diagnostics:
    """Send diagnostics of this process to *stream* or stderr, without secrets; close what is returned to undo it."""
    return log.configure(level, redactor=Redactor(), stream=stream)


def sqlite_version() -> str:
    """Return the version of the SQLite that keeps the library."""
    return sqlite.version()


def without_secrets(text: str) -> str:
    """Return *text* with what looks like a secret masked (J8), for what a front end says about what was typed."""
    return redact(text)


def without_secrets_in_address(url: str) -> str:
    """Return a web address with what looks like a secret in it masked (J8), and nothing else."""
    return redact_url(url)


@asynccontextmanager
async def reading(files: LibraryFiles, settings: Settings, clock: Clock | None = None) -> AsyncIterator[Services]:
    """Open a library to read it: beside whoever writes it, and creating nothing.

    Raises:
        LibraryError: there is none, or it cannot be read.
    """
    clock = clock or SystemClock()
    database = await opening.open_for_reading(files, clock=clock)
    secret_store = SecretStore()
    try:
        yield Services(files, database, settings, clock, secret_store=secret_store)
    finally:
        await to_the_end(database.close())
        secret_store.close()


@asynccontextmanager
async def writing(
    files: LibraryFiles,
    settings: Settings,
    *,
    create: bool = False,
    engine: bool | Literal["later"] = False,
    notify: Callable[[EngineNotice], None] = lambda _: None,
    clock: Clock | None = None,
) -> AsyncIterator[Services]:
    """Open a library to change it, alone, and put right what a dead process left.

    Args:
        files: where it is.
        settings: the settings in force.
        create: make it when there is none.
        engine: put together what runs jobs, too; and, day by day, delete what the settings keep no longer.
        notify: told of things that a person should know while the engine runs.
        clock: time.

    Raises:
        LibraryInUseError: another process has it.
        LibraryError: it cannot be opened or made.
    """
    clock = clock or SystemClock()
    if create:
        if not settings.storage.allow_network_folder:
            paths.refuse_unsafe_folder(files.folder)
        paths.private_folder(files.folder)
    elif not files.folder.is_dir():
        raise LibraryMissingError(f"There is no library in {files.folder} yet.", "Start one with: quaero crawl URL")
    with InstanceLock(files.lock):
        database = await opening.open_library(files, clock=clock, create=create)
        running: Engine | LaterEngine | None = None
        secret_store = SecretStore()
        services: Services | None = None
        try:
            ledger = _ledger(database, settings)
            recovery = await ledger.recover()
            if engine == "later":
                running = LaterEngine(ledger, settings, clock, notify, secret_store)
            elif engine:
                running = _engine(ledger, settings, clock, notify, secret_store)
            services = Services(files, database, settings, clock, running, ledger, secret_store)
            services.recovery = recovery
            await services.open_feed()
            await services.deletion.start()
            if running is not None:
                services.cleanup.start()
            yield services
        finally:
            # Before the lock is given back, whoever is cancelled meanwhile.
            await to_the_end(_close(services, running, database))
            secret_store.close()


def _engine(
    ledger: Ledger,
    settings: Settings,
    clock: Clock,
    notify: Callable[[EngineNotice], None],
    secret_store: SecretStore,
) -> "Engine":
    # What fetches and parses takes most of a second to import, and only who runs jobs needs it.
    from quaero_desktop.services.engine import Engine

    return Engine(ledger, settings, clock, notify, secret_store)


async def _close(services: Services | None, engine: "Engine | LaterEngine | None", database: Database) -> None:
    try:
        if services is not None:
            # First whatever deletes by way of the deletion service.
            await services.cleanup.close()
            await services.deletion.close()
    finally:
        try:
            if engine is not None:
                await engine.close()
        finally:
            await database.close()


def _ledger(database: Database, settings: Settings) -> Ledger:
    # A new identity for each run: whatever lease bears another one belongs to a process that is dead (Q7).
    queue = Queue(QUEUE_NAME, owner=secrets.token_hex(8), lease_ms=round(settings.queue.lease_seconds * 1000))
    backoff = Backoff(
        round(settings.queue.backoff_base_seconds * 1000), round(settings.queue.backoff_max_seconds * 1000)
    )
    return Ledger(database, queue, backoff=backoff)
