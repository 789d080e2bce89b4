"""A damaged library: a clear error, and not one byte of it changes (3-storage-and-queue.md, "Damage")."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from quaero_desktop.domain.errors import LibraryDamagedError, LibraryError, SearchIndexDamagedError
from quaero_desktop.storage import backup, files
from quaero_desktop.storage.database import rebuild_search_index
from quaero_desktop.storage.opening import open_for_reading, open_library
from quaero_desktop.storage.verify import verify_library
from tests.support.used_library import assert_sound, listing, populate

OPENERS = ["writing", "reading"]
PAGE = 4096


async def opened(how, library, clock):
    if how == "writing":
        return await open_library(library, clock=clock, create=True)
    return await open_for_reading(library, clock=clock)


async def refused(how, library, clock, words):
    """Assert that opening says it is damage, in such words, with a way out, and that all files stay as they were."""
    before = listing(library.folder)
    with pytest.raises(LibraryDamagedError, match=words) as caught:
        await opened(how, library, clock)
    assert "backup restore" in caught.value.hint
    assert listing(library.folder) == before


def flip(path, offset, mask=0xFF):
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ mask]))


@pytest.mark.parametrize("how", OPENERS)
class TestAtStart:
    async def test_an_empty_file(self, library_files, clock, how):
        library_files.database.touch()
        await refused(how, library_files, clock, "is empty")

    async def test_a_file_that_is_no_database(self, library_files, clock, how):
        library_files.database.write_bytes(b"Once upon a time there was a library. " * 1000)
        await refused(how, library_files, clock, "not a library")

    @pytest.mark.parametrize("bytes_left", [100, PAGE // 2, PAGE, 5 * PAGE, -PAGE, -1])
    async def test_a_file_that_was_cut_off(self, closed_library, clock, how, bytes_left):
        size = closed_library.database.stat().st_size
        os.truncate(closed_library.database, bytes_left % size)
        await refused(how, closed_library, clock, "is damaged")

    async def test_a_file_that_was_cut_off_within_a_page_of_text(self, closed_library, clock, how):
        """SQLite would read zeros there: text is lost, and no structure with it that could be missed."""
        with closing(sqlite3.connect(closed_library.database)) as connection, connection:
            connection.execute("UPDATE documents SET markdown = ? WHERE id = 1", ("text " * 20_000,))
        os.truncate(closed_library.database, closed_library.database.stat().st_size - 1)
        await refused(how, closed_library, clock, "its end is missing")

    async def test_a_database_that_is_missing_beside_its_backups(self, closed_library, clock, how):
        database = await open_library(closed_library, clock=clock, create=False)
        await backup.create(database, closed_library.backups, clock)
        await database.close()
        closed_library.database.unlink()
        await refused(how, closed_library, clock, "missing, but its backups are there")

    async def test_a_database_that_is_missing_beside_its_wal(self, crashed_library, clock, how):
        crashed_library.database.unlink()
        await refused(how, crashed_library, clock, "missing, but its journal is there")


@pytest.mark.parametrize("offset", range(100))
async def test_each_flipped_byte_of_the_header_is_told_at_start_or_by_verify_or_does_no_harm(
    closed_library, clock, offset
):
    flip(closed_library.database, offset)
    before = listing(closed_library.folder)
    try:
        database = await open_library(closed_library, clock=clock, create=False)
    except LibraryError:
        assert listing(closed_library.folder) == before
        return
    try:
        report = await verify_library(database)
        assert report.ok or [check.name for check in report.checks] == ["database_is_sound"]
    finally:
        await database.close()
    assert listing(closed_library.folder) == before


@pytest.mark.parametrize("how", OPENERS)
async def test_a_damaged_page_is_told_when_it_is_met_and_from_then_on_nothing_is_written(closed_library, clock, how):
    with closing(sqlite3.connect(closed_library.database)) as connection:
        connection.execute("INSERT INTO audit (at, level, action, detail) SELECT 0, 0, 'x', json_quote(hex(value))"
                           " FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 9999)"
                           " SELECT value FROM n)")  # fmt: skip
        connection.commit()
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'audit'").fetchone()
    flip(closed_library.database, (root - 1) * PAGE)
    database = await opened(how, closed_library, clock)
    if how == "writing":
        await database.write(lambda tx: tx.execute("DELETE FROM skips"))
    before = _listing_from_outside(closed_library.folder)
    with pytest.raises(LibraryDamagedError):
        await database.read(lambda connection: connection.execute("SELECT sum(level) FROM audit").fetchone())
    report = await verify_library(database)
    assert [check.name for check in report.checks] == ["database_is_sound"]
    assert not report.ok
    if how == "writing":
        with pytest.raises(LibraryDamagedError):
            await database.write(lambda tx: tx.execute("DELETE FROM lanes"))
    await database.close()
    after = listing(closed_library.folder)
    assert after["library.db"] == before["library.db"]
    if how == "writing":
        assert after["library.db-wal"] == before["library.db-wal"]
        assert after["library.db-wal"], "what had been committed is still there, to be salvaged"


def _listing_from_outside(folder):
    """Read the files in another process: here it would drop the locks of the open connections."""
    code = (
        "import pathlib, sys\n"
        "for path in pathlib.Path(sys.argv[1]).iterdir(): print(path.name, path.read_bytes().hex(), sep=':')"
    )
    lines = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, check=True, text=True).stdout
    return {name: bytes.fromhex(data) for name, _, data in (line.partition(":") for line in lines.splitlines())}


async def test_a_damaged_write_stops_all_writing(closed_library, clock):
    with closing(sqlite3.connect(closed_library.database)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'lanes'").fetchone()
    flip(closed_library.database, (root - 1) * PAGE)
    before = closed_library.database.read_bytes()
    database = await open_library(closed_library, clock=clock, create=False)
    with pytest.raises(LibraryDamagedError):
        await database.write(lambda tx: tx.execute("INSERT INTO lanes VALUES ('x', 0, '')"))
    with pytest.raises(LibraryDamagedError):
        await database.write(lambda tx: tx.execute("DELETE FROM skips"))
    await database.close()
    assert closed_library.database.read_bytes() == before


@pytest.mark.parametrize("where", [0.0, 0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
async def test_a_damaged_wal_leaves_a_whole_library_of_an_earlier_moment(crashed_library, clock, where):
    """SQLite cannot tell a flipped bit in the WAL from the torn end of a power cut: what follows was never there."""
    wal = files.beside(crashed_library.database)[0]
    flip(wal, int(where * wal.stat().st_size))
    database = await open_library(crashed_library, clock=clock, create=False)
    report = await verify_library(database)
    await database.close()
    assert_sound(report)


async def broken_index(library, ledger):
    """Fill the library and take the segments of its full-text index away; the documents it is made of are sound."""
    await populate(ledger)
    await library.write(lambda tx: tx.execute("UPDATE documents_fts_data SET block = x'0000' WHERE id > 10") and None)


def hits(connection):
    return connection.execute("SELECT count(*) FROM documents_fts WHERE documents_fts MATCH 'start'").fetchone()[0]


async def test_a_search_that_meets_a_damaged_full_text_index_has_it_built_anew(library, ledger):
    await broken_index(library, ledger)

    assert await library.read(hits) >= 1


async def test_a_process_that_only_reads_says_that_only_the_full_text_index_is_damaged(
    library, library_files, ledger, clock
):
    await broken_index(library, ledger)
    reading = await open_for_reading(library_files, clock=clock)
    try:
        with pytest.raises(SearchIndexDamagedError):
            await reading.read(hits)
    finally:
        await reading.close()
    await library.write(rebuild_search_index)


async def test_a_write_that_meets_a_damaged_full_text_index_has_it_built_anew(library, ledger):
    await broken_index(library, ledger)

    await library.write(lambda tx: tx.execute("INSERT INTO documents_fts (documents_fts) VALUES ('optimize')") and None)

    assert await library.read(hits) >= 1
