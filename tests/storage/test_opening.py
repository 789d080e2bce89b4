"""Opening a library: what there must be, what is made, and what is never touched."""

import logging
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from quaero_desktop.domain.errors import (
    DiskFullError,
    ForeignDatabaseError,
    LibraryDamagedError,
    LibraryError,
    LibraryMissingError,
    LibraryReadOnlyError,
    LibraryTooNewError,
)
from quaero_desktop.infra.lock import InstanceLock
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.storage import backup, files, migrate, opening
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.migrate import Migration
from quaero_desktop.storage.opening import open_for_reading, open_library
from quaero_desktop.storage.verify import verify_library
from tests.support.used_library import assert_sound, listing, populate

NEXT = Migration(migrate.shipped()[-1].version + 1, "next", "CREATE TABLE fresh (id INTEGER PRIMARY KEY) STRICT;")
STEPS = (*migrate.shipped(), NEXT)
OPENERS = ["writing", "reading"]


async def opened(how, library, clock, *, create=False):
    """Open the library for writing or for reading, and close it again."""
    if how == "writing":
        database = await open_library(library, clock=clock, create=create)
    else:
        database = await open_for_reading(library, clock=clock)
    await database.close()


def in_another_process(code, *arguments):
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=False).returncode


async def count_of_jobs(database):
    return (await database.read(lambda connection: connection.execute("SELECT count(*) FROM jobs").fetchone()))[0]


# --- none yet -------------------------------------------------------------------------------------------------------


async def test_a_library_is_made_when_that_is_wanted(library_files, clock):
    database = await open_library(library_files, clock=clock, create=True)
    assert await count_of_jobs(database) == 0
    assert_sound(await verify_library(database))
    await database.close()
    assert set(listing(library_files.folder)) == {"library.db"}


@pytest.mark.parametrize("how", OPENERS)
async def test_otherwise_a_missing_library_is_told_with_what_to_do(library_files, clock, how):
    with pytest.raises(LibraryMissingError) as caught:
        await opened(how, library_files, clock)
    assert caught.value.message == f"There is no library in {library_files.folder} yet."
    assert caught.value.hint == "Start one with: quaero crawl URL"
    assert listing(library_files.folder) == {}


async def test_reading_makes_no_folder(tmp_path, clock):
    library = LibraryFiles(tmp_path / "nowhere" / "library")
    with pytest.raises(LibraryMissingError):
        await open_for_reading(library, clock=clock)
    assert listing(tmp_path) == {}


async def test_what_a_killed_creation_left_does_not_matter(library_files, clock):
    files.unfinished(library_files.database).write_bytes(b"half a library")
    files.beside(files.unfinished(library_files.database))[2].write_bytes(b"its journal")
    await opened("writing", library_files, clock, create=True)
    assert set(listing(library_files.folder)) == {"library.db"}


@pytest.mark.parametrize("how", OPENERS)
async def test_a_folder_in_the_place_of_the_database_is_told(library_files, clock, how):
    library_files.database.mkdir()
    with pytest.raises(LibraryError, match="is no file"):
        await opened(how, library_files, clock, create=True)


@pytest.mark.parametrize("how", OPENERS)
async def test_a_database_that_the_system_does_not_let_us_look_at_is_told(library_files, clock, how):
    library_files.database.symlink_to(library_files.database)
    with pytest.raises(LibraryError, match=r"library\.db"):
        await opened(how, library_files, clock)


# --- reading leaves everything as it was ----------------------------------------------------------------------------


async def test_reading_a_closed_library_leaves_its_folder_as_it_was(closed_library, clock):
    before = listing(closed_library.folder)
    assert set(before) == {"library.db"}
    database = await open_for_reading(closed_library, clock=clock)
    assert await count_of_jobs(database) > 5
    assert_sound(await verify_library(database))
    await database.close()
    assert listing(closed_library.folder) == before


async def test_reading_after_a_crash_sees_the_wal_and_leaves_it_to_the_next_writer(crashed_library, clock):
    before = listing(crashed_library.folder)
    assert len(before["library.db-wal"]) > 0
    database = await open_for_reading(crashed_library, clock=clock)
    assert await count_of_jobs(database) > 5
    await database.close()
    after = listing(crashed_library.folder)
    assert (after["library.db"], after["library.db-wal"]) == (before["library.db"], before["library.db-wal"])
    assert set(after) == set(before)


async def test_readers_come_and_go_beside_each_other(closed_library, clock):
    before = listing(closed_library.folder)
    first = await open_for_reading(closed_library, clock=clock)
    second = await open_for_reading(closed_library, clock=clock)
    await first.close()
    assert await count_of_jobs(second) > 5
    await second.close()
    assert listing(closed_library.folder) == before


async def test_readers_come_and_go_beside_a_writer(library, library_files, ledger, clock):
    with InstanceLock(library_files.lock):
        await library.checkpoint()
        reader = await open_for_reading(library_files, clock=clock)
        assert await count_of_jobs(reader) == 0
        await populate(ledger)
        assert await count_of_jobs(reader) > 5
        assert_sound(await verify_library(reader))
        await reader.close()
        assert {"library.db-wal", "library.db-shm"} < set(listing(library_files.folder))
        await ledger.recover()


@pytest.mark.parametrize("begun", [True, False])
async def test_what_looks_damaged_is_looked_at_again_when_somebody_has_begun_to_write(
    closed_library, clock, monkeypatch, begun
):
    """Read without locks, because nobody wrote, pages that a writer moves meanwhile look damaged."""
    real, writer = opening._version, InstanceLock(closed_library.lock)

    def moved_meanwhile(work, library, *, alone):
        if not alone:
            return real(work, library, alone=alone)
        if begun:
            writer.acquire()
        raise LibraryDamagedError("It is damaged.")

    monkeypatch.setattr(opening, "_version", moved_meanwhile)
    try:
        if begun:
            await opened("reading", closed_library, clock)
        else:
            with pytest.raises(LibraryDamagedError):
                await opened("reading", closed_library, clock)
    finally:
        writer.release()


@pytest.mark.parametrize("error", [LibraryDamagedError("It is damaged."), LibraryError("The disk does not answer.")])
async def test_only_where_it_can_be_the_cause_is_a_folder_blamed_for_an_error(
    closed_library, clock, monkeypatch, error
):
    async def fail(_):
        raise error

    monkeypatch.setattr(Database, "open", fail)
    # A damaged library is one also where nothing can be written.
    monkeypatch.setattr(os, "access", lambda path, mode: not isinstance(error, LibraryDamagedError))
    with pytest.raises(LibraryError) as caught:
        await open_for_reading(closed_library, clock=clock)
    assert caught.value is error


async def test_where_nothing_can_be_written_the_folder_is_blamed_and_not_the_disk(closed_library, clock, monkeypatch):
    async def fail(_):
        raise LibraryError("The library cannot be opened.")

    monkeypatch.setattr(Database, "open", fail)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(LibraryReadOnlyError, match="small files beside the database"):
        await open_for_reading(closed_library, clock=clock)


async def test_a_reader_that_was_killed_leaves_nothing_for_good(closed_library, clock):
    before = listing(closed_library.folder)
    code = (
        "import os, signal, sqlite3, sys; c = sqlite3.connect(sys.argv[1], uri=True);"
        "c.execute('SELECT count(*) FROM jobs').fetchone(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    address = f"{closed_library.database.as_uri()}?mode=ro"
    in_another_process(code, address)
    assert set(listing(closed_library.folder)) == {"library.db", "library.db-wal", "library.db-shm"}
    await opened("reading", closed_library, clock)
    assert listing(closed_library.folder) == before


async def test_opening_does_not_drop_the_locks_of_this_process(closed_library, clock):
    """Else a second process takes itself for the last user, and deletes the WAL from under the first.

    Closing any handle on the database drops them: https://www.sqlite.org/howtocorrupt.html, "Posix advisory locks".
    """
    writer = await open_library(closed_library, clock=clock, create=False)
    await opened("reading", closed_library, clock)
    backup.list_backups(closed_library.backups)
    wal = files.beside(closed_library.database)[0]
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM jobs'); c.close()"
    assert in_another_process(code, closed_library.database) == 0
    assert wal.exists()
    await writer.close()


# --- versions and strangers -----------------------------------------------------------------------------------------


def change(library, sql, *, crash):
    """Run *sql* on the library in another process, which ends cleanly or leaves its WAL as a crash does."""
    code = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.executescript(sys.argv[2]);"
        "os._exit(0) if sys.argv[3] else c.close()"
    )
    assert in_another_process(code, library.database, sql, "crash" if crash else "") == 0


@pytest.mark.parametrize("crash", [False, True], ids=["closed", "crashed"])
@pytest.mark.parametrize("how", OPENERS)
@pytest.mark.parametrize(
    ("sql", "error"),
    [
        (f"PRAGMA user_version = {NEXT.version}", LibraryTooNewError),
        ("PRAGMA application_id = 305419896", ForeignDatabaseError),
        ("PRAGMA user_version = 0", LibraryDamagedError),
    ],
)
async def test_a_newer_or_foreign_database_is_refused_untouched(closed_library, clock, how, sql, error, crash):
    change(closed_library, sql, crash=crash)
    before = listing(closed_library.folder)
    assert ("library.db-wal" in before) == crash
    with pytest.raises(error):
        await opened(how, closed_library, clock, create=True)
    after = listing(closed_library.folder)
    assert set(after) == set(before)
    for name in set(before) - {"library.db-shm"}:
        assert after[name] == before[name]


@pytest.mark.parametrize("how", OPENERS)
async def test_any_other_database_is_foreign(library_files, clock, how):
    with closing(sqlite3.connect(library_files.database)) as connection:
        connection.execute("CREATE TABLE mine (id)")
    before = listing(library_files.folder)
    with pytest.raises(ForeignDatabaseError):
        await opened(how, library_files, clock, create=True)
    assert listing(library_files.folder) == before


async def test_an_older_library_is_backed_up_and_upgraded(closed_library, clock, caplog):
    with caplog.at_level(logging.INFO):
        database = await open_library(closed_library, clock=clock, create=False, steps=STEPS)
    assert await database.read(lambda connection: connection.execute("SELECT * FROM fresh").fetchall()) == []
    assert await count_of_jobs(database) > 5
    await database.close()
    (saved,) = backup.list_backups(closed_library.backups)
    assert (saved.version, saved.ok) == (NEXT.version - 1, True)
    assert any(saved.name in message for message in caplog.messages)


async def test_without_room_for_the_backup_nothing_is_upgraded(closed_library, clock, monkeypatch):
    def full(*_):
        raise DiskFullError("full")

    monkeypatch.setattr(backup, "copy", full)
    before = listing(closed_library.folder)
    with pytest.raises(DiskFullError):
        await open_library(closed_library, clock=clock, create=False, steps=STEPS)
    assert listing(closed_library.folder) == before


async def test_an_upgrade_that_fails_leaves_the_old_library_and_its_backup(closed_library, clock):
    broken = Migration(NEXT.version, "broken", NEXT.sql + "CREATE TABLE jobs (id);")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        await open_library(closed_library, clock=clock, create=False, steps=(*migrate.shipped(), broken))
    assert len(backup.list_backups(closed_library.backups)) == 1
    database = await open_library(closed_library, clock=clock, create=False)
    assert_sound(await verify_library(database))
    await database.close()


async def test_reading_an_older_library_asks_for_the_upgrade(closed_library, clock, monkeypatch):
    monkeypatch.setattr(migrate, "shipped", lambda: STEPS)
    before = listing(closed_library.folder)
    with pytest.raises(LibraryError) as caught:
        await open_for_reading(closed_library, clock=clock)
    assert caught.value.hint == "Start Quaero once so that it upgrades the library."
    assert listing(closed_library.folder) == before


# --- what may not be written ----------------------------------------------------------------------------------------


@pytest.fixture
def read_only_folder(closed_library, tmp_path):
    """The folder of a library where nothing can be written: by its mode, or by a mount for root, whom no mode stops."""
    if sys.platform == "win32":
        pytest.skip("needs a folder that cannot be written")
    if os.getuid() != 0:
        closed_library.folder.chmod(0o500)
        yield closed_library
        closed_library.folder.chmod(0o700)
        return
    target = tmp_path / "read-only"
    target.mkdir()
    if subprocess.run(["mount", "--bind", str(closed_library.folder), str(target)], check=False).returncode:
        pytest.skip("needs the right to mount a folder")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(target)], check=True)
        yield LibraryFiles(target)
    finally:
        subprocess.run(["umount", str(target)], check=True)


@pytest.mark.parametrize("how", OPENERS)
async def test_a_folder_that_cannot_be_written_is_told(read_only_folder, clock, how):
    before = listing(read_only_folder.folder)
    with pytest.raises(LibraryReadOnlyError) as caught:
        await opened(how, read_only_folder, clock, create=True)
    assert str(read_only_folder.folder) in caught.value.message
    assert caught.value.hint
    assert listing(read_only_folder.folder) == before


async def test_no_library_can_be_made_where_nothing_can_be_written(read_only_folder, clock):
    library = LibraryFiles(read_only_folder.folder / "new")
    with pytest.raises(LibraryError):
        await open_library(library, clock=clock, create=True)


@pytest.mark.parametrize("name", ["library.db", "library.db-wal"])
async def test_a_file_that_cannot_be_written_is_told_and_named(crashed_library, clock, monkeypatch, name):
    # By the answer of the system and not by its modes, which do not stop root.
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != name and access(path, mode))
    before = listing(crashed_library.folder)
    with pytest.raises(LibraryReadOnlyError, match=f"{name}”"):
        await open_library(crashed_library, clock=clock, create=False)
    after = listing(crashed_library.folder)
    assert {name: after[name] for name in ("library.db", "library.db-wal")} == {
        name: before[name] for name in ("library.db", "library.db-wal")
    }


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
async def test_the_files_of_an_open_library_are_private(library, library_files, ledger):
    await populate(ledger)
    for path in (library.path, *files.beside(library.path)[:2]):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
