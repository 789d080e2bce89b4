"""Backups are whole or not there, and putting one back loses nothing."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing

import pytest

from quaero_desktop.domain.errors import (
    DiskFullError,
    ForeignDatabaseError,
    LibraryDamagedError,
    LibraryError,
    LibraryTooNewError,
    NotFoundError,
    UsageError,
)
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.storage import backup, errand, files, migrate
from quaero_desktop.storage.errand import Errand
from quaero_desktop.storage.opening import open_library
from quaero_desktop.storage.verify import verify_library
from tests.support.used_library import assert_sound, populate

NAME = "library-20231114T221320Z.db"


def content(path):
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        # VACUUM may write tables, indexes and triggers in another order.
        return sorted(connection.iterdump())


def names(folder):
    return sorted(path.name for path in folder.iterdir())


async def test_a_backup_is_the_library_in_one_private_file(library, library_files, ledger, clock):
    await populate(ledger)
    made = await backup.create(library, library_files.backups, clock)
    assert made.name == NAME
    assert made.path == library_files.backups / NAME
    assert made.created_at == clock.now_ms()
    assert made.version == migrate.shipped()[-1].version
    assert made.bytes == made.path.stat().st_size
    assert made.ok
    assert names(library_files.backups) == [NAME]
    assert content(made.path) == content(library.path)
    with closing(sqlite3.connect(made.path)) as connection:
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    if sys.platform != "win32":
        assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(library_files.backups.stat().st_mode) == 0o700


async def test_backups_of_one_second_have_names_of_their_own_and_are_listed_newest_first(library, library_files, clock):
    made = [await backup.create(library, library_files.backups, clock) for _ in range(11)]
    clock.advance(1)
    made.append(await backup.create(library, library_files.backups, clock))
    assert [made[0].name, made[1].name, made[10].name] == [
        NAME,
        NAME.replace(".db", "-2.db"),
        NAME.replace(".db", "-11.db"),
    ]
    assert backup.list_backups(library_files.backups) == made[::-1]


async def test_writing_goes_on_while_a_backup_is_made(library, library_files, ledger, clock, monkeypatch):
    loop, seen = asyncio.get_running_loop(), []
    real = backup.check

    def write_before_checking(work, path, version=None):
        write = asyncio.run_coroutine_threadsafe(populate(ledger), loop)
        write.result(30)
        seen.append(True)
        return real(work, path, version)

    monkeypatch.setattr(backup, "check", write_before_checking)
    made = await backup.create(library, library_files.backups, clock)
    assert seen
    with closing(sqlite3.connect(made.path)) as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (0,), "it shows the moment it was begun"


async def test_a_backup_tells_how_far_it_is_and_never_goes_back(library, library_files, ledger, clock, monkeypatch):
    await populate(ledger)
    # So small a library is copied before it would be time to tell anything.
    monkeypatch.setattr(errand, "_INSTRUCTIONS", 100)
    monkeypatch.setattr(errand, "_TELL_SECONDS", 0)
    told: list[tuple[int, int]] = []
    await backup.create(library, library_files.backups, clock, lambda done, total: told.append((done, total)))
    await asyncio.sleep(0)
    [total] = {total for _, total in told}
    assert told == sorted(told)
    assert told.index((total // 2, total)) > 1, "it tells while it copies; then all of that is yet to be checked"


async def test_a_backup_that_does_not_pass_its_check_is_not_kept(library, library_files, clock, monkeypatch):
    def fail(work, path, version=None):
        raise LibraryDamagedError("It is not whole.")

    monkeypatch.setattr(backup, "check", fail)
    with pytest.raises(LibraryDamagedError):
        await backup.create(library, library_files.backups, clock)
    assert names(library_files.backups) == []


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 1 MB, where the system lets us have one."""
    folder = tmp_path / "small"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.getuid() != 0 or subprocess.run(["mount", *options], check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_stops_a_backup_and_leaves_nothing_of_it(library, small_disk, clock):
    await library.write(
        lambda tx: tx.execute(
            "INSERT INTO audit (at, level, action, detail) VALUES (0, 0, 'x', json_quote(hex(randomblob(1000000))))"
        )
    )
    with pytest.raises(DiskFullError):
        await backup.create(library, small_disk / "backups", clock)
    assert names(small_disk / "backups") == []


async def test_cancelling_a_backup_leaves_nothing_of_it(library, library_files, clock, monkeypatch):
    begun, loop = asyncio.Event(), asyncio.get_running_loop()

    def endless(work, path, version=None):
        loop.call_soon_threadsafe(begun.set)
        with work.connected(path) as connection:
            connection.execute(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
            )

    monkeypatch.setattr(backup, "check", endless)
    task = asyncio.create_task(backup.create(library, library_files.backups, clock))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(library_files.backups) == []


async def test_what_a_killed_backup_left_goes_with_the_next_one_but_not_what_is_being_made(
    library, library_files, clock
):
    library_files.backups.mkdir()
    old = library_files.backups / "library-20200101T000000Z.db.new"
    fresh = library_files.backups / f"{NAME}.new"
    for path in (old, fresh):
        path.write_bytes(b"half a backup")
    os.utime(old, (time.time() - 86_400,) * 2)
    made = await backup.create(library, library_files.backups, clock)
    assert names(library_files.backups) == sorted([fresh.name, made.name])
    assert made.name == NAME.replace(".db", "-2.db"), "the name of the one that is being made is taken"


def test_a_missing_folder_holds_no_backups_and_is_not_made(tmp_path):
    assert backup.list_backups(tmp_path / "backups") == []
    assert names(tmp_path) == []


async def test_files_that_are_no_backups_are_not_listed_and_broken_ones_are_marked(library, library_files, clock):
    made = await backup.create(library, library_files.backups, clock)
    image = made.path.read_bytes()
    folder = library_files.backups
    (folder / "library-20200101T000000Z.db").write_bytes(image[:-4096])
    (folder / "library-20200102T000000Z.db").write_bytes(b"")
    (folder / "library-20200103T000000Z.db").write_bytes(b"not SQLite at all" * 100)
    (folder / "library-20209999T000000Z.db").write_bytes(image)
    (folder / "notes.txt").write_text("mine")
    before = names(folder)
    assert [(info.name, info.ok) for info in backup.list_backups(folder)] == [
        (made.name, True),
        ("library-20200103T000000Z.db", False),
        ("library-20200102T000000Z.db", False),
        ("library-20200101T000000Z.db", False),
    ]
    assert names(folder) == before


async def test_pruning_keeps_the_newest_whole_ones_and_whatever_is_broken(library, library_files, clock):
    made = []
    for _ in range(4):
        made.append(await backup.create(library, library_files.backups, clock))
        clock.advance(60)
    made[3].path.write_bytes(b"broken")
    assert [info.name for info in backup.prune(library_files.backups, 2)] == [made[0].name]
    assert names(library_files.backups) == sorted(info.name for info in made[1:])
    with pytest.raises(UsageError):
        backup.prune(library_files.backups, 0)


async def test_a_backup_that_cannot_be_deleted_is_told(library, library_files, clock, monkeypatch):
    for _ in range(2):
        await backup.create(library, library_files.backups, clock)

    def refuse(path):
        raise PermissionError(13, "not yours")

    monkeypatch.setattr(files, "remove", refuse)
    with pytest.raises(LibraryError, match=NAME):
        backup.prune(library_files.backups, 1)
    assert len(names(library_files.backups)) == 2


def test_a_folder_of_backups_that_cannot_be_read_is_told_and_not_taken_for_empty(tmp_path):
    folder = tmp_path / "backups"
    folder.symlink_to(folder)
    with pytest.raises(LibraryError, match="backups"):
        backup.list_backups(folder)


# --- putting one back -----------------------------------------------------------------------------------------------


@pytest.fixture
async def backed_up(library, library_files, ledger, clock):
    """A closed library with a backup of an earlier state, and an uncheckpointed WAL as a crash leaves it."""
    made = await backup.create(library, library_files.backups, clock)
    await populate(ledger)
    crashed = {path: path.read_bytes() for path in (*files.beside(library.path)[:2],)}
    crashed[library.path] = _bytes_in_another_process(library.path)
    await library.close()
    for path, data in crashed.items():
        path.write_bytes(data)
    return made


def _bytes_in_another_process(path):
    """Opening the database here would drop the locks of the connections that this process has."""
    return subprocess.run(["cat", str(path)], capture_output=True, check=True).stdout


@pytest.mark.unverified
async def test_restoring_puts_the_backup_in_place_and_keeps_what_was_there_together(backed_up, library_files, clock):
    three = [library_files.database, *files.beside(library_files.database)[:2]]
    before = {path.name: path.read_bytes() for path in three}
    assert before["library.db-wal"]
    clock.advance(5)
    aside = await backup.restore(library_files, backed_up.name, clock)
    assert aside is not None
    assert aside == library_files.folder / "library-before-restore-20231114T221325Z"
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == before
    assert names(library_files.folder) == ["backups", aside.name, "library.db"]
    assert content(library_files.database) == content(backed_up.path)
    restored = await open_library(library_files, clock=clock, create=False)
    try:
        assert_sound(await verify_library(restored))
        assert await restored.read(lambda connection: connection.execute("SELECT count(*) FROM jobs").fetchone()) == (
            0,
        )
    finally:
        await restored.close()
    # What was there can be put back by hand, with all that was in its WAL.
    other = LibraryFiles(aside)
    reopened = await open_library(other, clock=clock, create=False)
    try:
        assert_sound(await verify_library(reopened))
        assert await reopened.read(lambda connection: connection.execute("SELECT count(*) FROM jobs").fetchone()) > (5,)
    finally:
        await reopened.close()


@pytest.mark.unverified
async def test_restoring_works_when_the_library_is_gone(backed_up, library_files, clock):
    files.remove(library_files.database)
    assert await backup.restore(library_files, backed_up.name, clock) is None
    assert names(library_files.folder) == ["backups", "library.db"]


@pytest.mark.unverified
async def test_restoring_works_without_hard_links(backed_up, library_files, clock, monkeypatch):
    def refuse(*_):
        raise OSError(1, "no links here")

    before = library_files.database.read_bytes()
    monkeypatch.setattr(os, "link", refuse)
    aside = await backup.restore(library_files, backed_up.name, clock)
    assert aside is not None
    assert (aside / "library.db").read_bytes() == before


@pytest.mark.unverified
@pytest.mark.parametrize("calls", range(1, 5))
async def test_a_restore_that_dies_half_way_is_told_and_can_be_done_again(
    backed_up, library_files, clock, monkeypatch, calls
):
    """It dies at each of the steps that take the old library away: three files unlinked, then the rename."""
    left = calls

    class Killed(BaseException):
        pass

    def counted(real):
        def step(path, *arguments, **more):
            nonlocal left
            if path.parent == library_files.folder and path.name.startswith("library.db") and not more:
                left -= 1
                if left == 0:
                    raise Killed
            return real(path, *arguments, **more)

        return step

    copy = backup._keep_aside

    def from_here_on(*arguments):
        aside = copy(*arguments)
        patched.setattr(type(aside), "unlink", counted(type(aside).unlink))
        patched.setattr(type(aside), "rename", counted(type(aside).rename))
        return aside

    with monkeypatch.context() as patched:
        patched.setattr(backup, "_keep_aside", from_here_on)
        with pytest.raises(Killed):
            await backup.restore(library_files, backed_up.name, clock)
    if calls > 1:
        with pytest.raises(LibraryDamagedError, match="missing"):
            await open_library(library_files, clock=clock, create=True)
    await backup.restore(library_files, backed_up.name, clock)
    assert [name for name in names(library_files.folder) if name.startswith("library.db")] == ["library.db"]
    assert content(library_files.database) == content(backed_up.path)


@pytest.mark.unverified
async def test_where_a_restore_cannot_begin_nothing_is_touched(backed_up, library_files, clock):
    (library_files.folder / "library.db.restored").mkdir()
    before = {path: path.read_bytes() for path in library_files.folder.iterdir() if path.is_file()}
    with pytest.raises(LibraryError, match="cannot be used"):
        await backup.restore(library_files, backed_up.name, clock)
    assert {path: path.read_bytes() for path in library_files.folder.iterdir() if path.is_file()} == before
    assert names(library_files.folder) == ["backups", *sorted(path.name for path in before), "library.db.restored"]


@pytest.mark.unverified
@pytest.mark.parametrize("name", ["", "library.db", "../library.db", "library-20230101T000000Z.db", "backups"])
async def test_only_a_backup_can_be_restored(backed_up, library_files, clock, name):
    before = names(library_files.folder)
    with pytest.raises(NotFoundError):
        await backup.restore(library_files, name, clock)
    assert names(library_files.folder) == before


@pytest.mark.unverified
@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        ("PRAGMA user_version = 99", LibraryTooNewError),
        ("PRAGMA application_id = 1", ForeignDatabaseError),
        ("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'jobs_roots'", LibraryDamagedError),
        (None, LibraryDamagedError),
    ],
)
async def test_a_backup_that_is_not_right_is_refused_and_nothing_is_touched(
    backed_up, library_files, clock, spoil, error
):
    if spoil is None:
        with backed_up.path.open("r+b") as file:
            file.truncate(backed_up.bytes - 8192)
    else:
        with closing(sqlite3.connect(backed_up.path)) as connection:
            connection.executescript(spoil)
    before = {path: path.read_bytes() for path in library_files.folder.iterdir() if path.is_file()}
    with pytest.raises(error):
        await backup.restore(library_files, backed_up.name, clock)
    assert {path: path.read_bytes() for path in library_files.folder.iterdir() if path.is_file()} == before


async def test_a_backup_of_a_newer_file_than_expected_is_refused(library, library_files, clock):
    made = await backup.create(library, library_files.backups, clock)
    with pytest.raises(LibraryDamagedError, match="version 1 and not 2"):
        backup.check(Errand(), made.path, 2)
