"""Opening a file of the old Quaero: it is read, or it is said why not, and it stays as it was (O2)."""

import contextlib
import os
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from quaero_desktop.domain.importing import LegacyFileError
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.storage import migrate
from quaero_desktop.storage.errand import Errand
from quaero_desktop.storage.importing import legacyfile, opening
from tests.support.legacy import TABLES, legacy_database, sound


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return sound(tmp_path / "quaero.db")


def sources(path: Path) -> list[str]:
    with opening.opened(Errand(), path) as file:
        return [str(row.values and row.values["name"]) for row in file.rows(legacyfile.SOURCES)]


def listing(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def refused(path: Path, said: str) -> None:
    before = listing(path.parent)
    with pytest.raises(LegacyFileError, match=said), opening.opened(Errand(), path):
        pass
    assert listing(path.parent) == before


def test_a_sound_file_is_read_and_nothing_is_left_beside_it(old: Path) -> None:
    before = listing(old.parent)
    assert sources(old) == ["Source source-1"]
    assert listing(old.parent) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "quaero.db"
    os.mkfifo(pipe)
    refused(pipe, "is no ordinary file")


def test_a_file_that_the_system_does_not_let_us_look_at_is_told_with_its_reason(tmp_path: Path) -> None:
    refused(tmp_path / ("x" * 1000), "cannot be read: ")


def test_another_library_of_ours_is_none_of_the_old_quaero(tmp_path: Path) -> None:
    library = LibraryFiles(tmp_path).database
    migrate.create(library, 0)
    refused(library, "is a library of Quaero Desktop")


def test_a_file_that_goes_while_it_is_looked_at_is_told(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = opening._what_to_open

    def goes(*arguments: object, **more: bool) -> tuple[Path, bool]:
        found = real(*arguments, **more)  # type: ignore[arg-type]
        old.unlink()
        return found

    monkeypatch.setattr(opening, "_what_to_open", goes)
    with pytest.raises(LegacyFileError, match="cannot be opened as it is"), opening.opened(Errand(), old):
        pass


def test_damage_that_leaves_all_rows_readable_is_damage(old: Path) -> None:
    with contextlib.closing(sqlite3.connect(old)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'sources'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with old.open("r+b") as file:
        file.seek((page - 1) * size + 7)  # how many bytes are lost between the cells of the page
        file.write(b"\x3c")
    assert "damaged" in str(damage(old))
    refused(old, rf"is damaged \(.*{page}")


def damage(path: Path) -> LegacyFileError:
    with pytest.raises(LegacyFileError) as caught, opening.opened(Errand(), path):
        pass
    return caught.value


# --- left by a program that died ------------------------------------------------------------------------------------


@pytest.fixture
def crashed(old: Path, tmp_path: Path) -> Path:
    """A file whose last change is in its WAL, which nobody has open."""
    copy = tmp_path / "crashed" / "quaero.db"
    copy.parent.mkdir()
    with contextlib.closing(sqlite3.connect(old, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("UPDATE sources SET name = 'Changed at the end'")
        for each in (old, old.with_name(f"{old.name}-wal")):
            shutil.copyfile(each, copy.parent / each.name)
    return copy


def test_what_stands_in_the_wal_alone_is_read_from_a_copy(crashed: Path) -> None:
    before = listing(crashed.parent)
    assert sources(crashed) == ["Changed at the end"]
    assert listing(crashed.parent) == before


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY | 5 << 8])
def test_what_sqlite_cannot_read_without_writing_is_read_from_a_copy(
    crashed: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """As in a folder where we may not write, beside what a program left that died; root may write anywhere."""
    crashed.with_name(f"{crashed.name}-shm").touch()
    real = sqlite3.connect

    def connect(address: str, **more: Any) -> sqlite3.Connection:
        if crashed.as_uri() in address:
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorcode = code
            raise error
        return real(address, **more)

    monkeypatch.setattr(sqlite3, "connect", connect)
    assert sources(crashed) == ["Changed at the end"]


def test_what_another_program_has_open_is_read_as_it_is(crashed: Path) -> None:
    with contextlib.closing(sqlite3.connect(crashed, isolation_level=None)) as connection:
        connection.execute("UPDATE sources SET name = 'Changed meanwhile'")
        assert sources(crashed) == ["Changed meanwhile"]


def test_without_room_for_the_copy_that_is_said(crashed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    refused(crashed, "cannot be copied to be read: No space left on device")


# --- while it is read -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (sqlite3.SQLITE_CORRUPT, "is damaged"),
        (sqlite3.SQLITE_BUSY, "is locked"),
        (sqlite3.SQLITE_IOERR | 1 << 8, "Check the disk"),
        (sqlite3.SQLITE_FULL, "Check the disk"),
        (sqlite3.SQLITE_CANTOPEN, "Start the old Quaero once"),
        (None, "is damaged"),
    ],
)
def test_what_sqlite_says_meanwhile_comes_out_in_plain_words(old: Path, code: int | None, said: str) -> None:
    error = sqlite3.OperationalError("it says so")
    if code is not None:
        error.sqlite_errorcode = code
    with pytest.raises(LegacyFileError) as caught, opening.opened(Errand(), old):
        raise error
    assert said in f"{caught.value.message} {caught.value.hint}"


def test_a_mistake_of_ours_stays_one(old: Path) -> None:
    mistake = sqlite3.OperationalError("no such table: nowhere")
    mistake.sqlite_errorcode = sqlite3.SQLITE_ERROR
    with pytest.raises(sqlite3.OperationalError) as caught, opening.opened(Errand(), old):
        raise mistake
    assert caught.value is mistake


# --- its tables -----------------------------------------------------------------------------------------------------


def test_tables_without_row_numbers_are_read_by_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "quaero.db"
    with legacy_database(path, {}) as legacy:
        legacy.connection.execute(f"CREATE TABLE sources ({TABLES['sources']}) WITHOUT ROWID")
        for name in ("b", "a"):
            legacy.source(name)
    assert sources(path) == ["Source a", "Source b"]
