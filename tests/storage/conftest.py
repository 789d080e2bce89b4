"""A library of its own for each test of storage, verified when the test is over."""

import random
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest

from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.storage import files, migrate, sqlite
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.jobs.backoff import Backoff
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.queue import Queue
from quaero_desktop.storage.verify import verify_library
from tests.support.clock import ManualClock
from tests.support.plain_library import PlainLibrary, at_once
from tests.support.used_library import assert_sound, populate


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "unverified: leaves its library broken on purpose, so that nothing verifies it")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def library_files(tmp_path) -> LibraryFiles:
    """The names of a library's files; there is nothing yet but the folder."""
    return LibraryFiles(tmp_path)


@pytest.fixture
async def library(library_files, clock, request) -> AsyncIterator[Database]:
    """A new library, open for writing."""
    migrate.create(library_files.database, clock.now_ms())
    database = Database(library_files.database, clock=clock)
    await database.open()
    try:
        yield database
        if "unverified" not in request.keywords:
            assert_sound(await verify_library(database))
    finally:
        await database.close()


@pytest.fixture(scope="session")
def crashed_image() -> dict[str, bytes]:
    """The files of a library with something of everything, whose process died before a checkpoint."""
    library = PlainLibrary()
    crashed = {}
    with TemporaryDirectory() as folder:
        path = LibraryFiles(Path(folder)).database
        migrate.create(path, library.clock.now_ms())
        library.close()
        # Each transaction is a commit of its own in the WAL.
        library.connection = sqlite.connect_writer(path)
        library.connection.execute("PRAGMA wal_autocheckpoint = 0")
        at_once(populate(Ledger(cast(Any, library), Queue(owner="engine-1"), rng=random.Random(0))))
        code = "import pathlib, sys; sys.stdout.buffer.write(pathlib.Path(sys.argv[1]).read_bytes())"
        for each in (path, *files.beside(path)[:2]):
            # In another process: here it would drop the locks of the open connection.
            reading = [sys.executable, "-c", code, str(each)]
            crashed[each.name] = subprocess.run(reading, capture_output=True, check=True).stdout
        library.close()
    return crashed


@pytest.fixture
def crashed_library(tmp_path: Path, crashed_image: dict[str, bytes]) -> LibraryFiles:
    """A library whose process died: what it did last is in the WAL."""
    folder = tmp_path / "crashed"
    folder.mkdir(mode=0o700)
    for name, data in crashed_image.items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)
    return LibraryFiles(folder)


@pytest.fixture
def closed_library(crashed_library: LibraryFiles) -> LibraryFiles:
    """A library with something of everything that was closed cleanly: one file."""
    with closing(sqlite.connect_writer(crashed_library.database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return crashed_library


@pytest.fixture
def queue() -> Queue:
    """The queue of jobs, as this run of the engine sees it."""
    return Queue(owner="engine-1")


@pytest.fixture
def ledger(library, queue) -> Ledger:
    """The ledger over `library` and `queue`; its retries come after exactly predictable waits."""
    return Ledger(library, queue, backoff=Backoff(), rng=random.Random(0))
