"""A library of its own for each test of storage, verified when the test is over."""

import random
from collections.abc import AsyncIterator

import pytest

from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.storage import migrate
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.ledger import Backoff, Ledger
from quaero_desktop.storage.queue import Queue
from quaero_desktop.storage.verify import VerifyReport, verify_library
from tests.support.clock import ManualClock


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


def assert_sound(report: VerifyReport) -> None:
    """Fail with a line for each invariant of the library that does not hold."""
    assert report.ok, "\n".join(f"{check.name}: {check.detail}" for check in report.checks if not check.ok)


@pytest.fixture
def queue() -> Queue:
    """The queue of jobs, as this run of the engine sees it."""
    return Queue(owner="engine-1")


@pytest.fixture
def ledger(library, queue) -> Ledger:
    """The ledger over `library` and `queue`; its retries come after exactly predictable waits."""
    return Ledger(library, queue, backoff=Backoff(), rng=random.Random(0))
