"""Migrations: a library is at one version or at the next, never between, whatever happens to the process."""

import importlib.resources
import logging
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from quaero_desktop.domain.errors import BugError, LibraryTooNewError
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.storage import files, migrate, sqlite
from quaero_desktop.storage.migrate import Migration

ROOT = Path(__file__).parents[2]
NOW = 1_700_000_000_000

# It rebuilds a table that others point to, as SQLite's twelve steps say (https://www.sqlite.org/lang_altertable.html).
SECOND = Migration(
    2,
    "labels",
    """
    CREATE TABLE labels (id INTEGER PRIMARY KEY, job_id INTEGER REFERENCES jobs (id) ON DELETE CASCADE) STRICT;
    CREATE TABLE new_sources (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, base_url TEXT NOT NULL, colour TEXT,
        automatic INTEGER NOT NULL, enabled INTEGER NOT NULL, rules TEXT NOT NULL,
        credential_id INTEGER REFERENCES credentials (id) ON DELETE SET NULL, legacy_id TEXT UNIQUE,
        created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
    ) STRICT;
    INSERT INTO new_sources (id, name, base_url, automatic, enabled, rules, credential_id, created_at, updated_at)
        SELECT id, name, base_url, automatic, enabled, rules, credential_id, created_at, updated_at FROM sources;
    DROP TABLE sources;
    ALTER TABLE new_sources RENAME TO sources;
    CREATE TRIGGER sources_named AFTER INSERT ON sources BEGIN
        UPDATE sources SET name = trim(name) WHERE id = new.id; -- a statement inside one
    END;
    """,
)
STEPS = (*migrate.shipped(), SECOND)

# Does what is asked for again and again, each time in a folder and a process of its own that dies, as by kill -9, one
# statement later than the one before.
DYING = """
import itertools, os, shutil, signal, sqlite3, sys
from pathlib import Path
from quaero_desktop.storage import migrate, sqlite
from tests.storage.test_migrate import NOW, STEPS

folder, image = Path(sys.argv[1]), Path(sys.argv[2])
connect, left = sqlite3.connect, 0

def die(_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def watched(address, **more):
    connection = connect(address, **more)
    # Measuring the coverage of this process uses SQLite too.
    if "library.db" in str(address):
        connection.set_trace_callback(die)
    return connection

def create(path):
    sqlite3.connect = watched
    migrate.create(path, NOW)

def upgrade(path):
    connection = sqlite.connect_writer(path)
    connection.set_trace_callback(die)
    migrate.upgrade(connection, NOW, STEPS)

for left in itertools.count(1):
    path = folder / f"{left:03}" / "library.db"
    path.parent.mkdir()
    if image.exists():
        shutil.copyfile(image, path)
    process = os.fork()
    if process == 0:
        (upgrade if image.exists() else create)(path)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0:
        break
"""


def killed_everywhere(folder, image):
    """Kill the creation of a library, or the upgrade of the one at *image*, at each statement; return each result."""
    folder.mkdir()
    subprocess.run([sys.executable, "-c", DYING, str(folder), str(image)], cwd=ROOT, check=True, timeout=60)
    *died, unharmed = (each / "library.db" for each in sorted(folder.iterdir()))
    return died, unharmed


@pytest.fixture
def path(tmp_path):
    return LibraryFiles(tmp_path).database


@pytest.fixture
def library_path(path):
    """A library of the first version with one source and a document of it."""
    migrate.create(path, NOW)
    with closing(sqlite.connect_writer(path)) as connection:
        connection.executescript("""
            INSERT INTO sources (id, name, base_url, created_at, updated_at)
                VALUES (1, 'One', 'https://one.test', 0, 0);
            INSERT INTO documents (source_id, url, title, content_type, content_hash, fetched_at, checked_at,
                changed_at, search_title, markdown, search_text)
                VALUES (1, 'https://one.test/', 'T', '', 'x', 0, 0, 0, 'T', '', '');
        """)
    return path


def dump(path):
    with closing(sqlite.connect_writer(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return migrate.version_of(connection), list(connection.iterdump())


def upgrade(path):
    with closing(sqlite.connect_writer(path)) as connection:
        return migrate.upgrade(connection, NOW, STEPS)


def test_the_shipped_migrations_are_numbered_from_one_without_a_gap():
    assert [step.version for step in migrate.shipped()] == list(range(1, len(migrate.shipped()) + 1))
    assert migrate.shipped()[0].name == "initial"


def test_statements_are_split_where_sqlite_says_and_triggers_stay_whole():
    found = list(migrate.statements(SECOND.sql))
    assert len(found) == 6
    assert found[-1].startswith("CREATE TRIGGER")
    assert found[-1].endswith("END;")


def test_comments_and_strings_may_hold_semicolons():
    sql = "-- one; two\nSELECT ';'; /* three; */ SELECT 4;\n-- the end; really\n"
    assert [statement.rsplit("\n")[-1] for statement in migrate.statements(sql)] == [
        "SELECT ';';",
        "/* three; */ SELECT 4;",
    ]


def test_an_unfinished_statement_is_a_bug():
    with pytest.raises(BugError, match="middle of a statement: SELECT 2"):
        list(migrate.statements("SELECT 1;\nSELECT 2"))


def test_a_new_library_has_all_that_a_library_needs(path):
    migrate.create(path, NOW)
    assert sorted(file.name for file in path.parent.iterdir()) == ["library.db"]
    with closing(sqlite3.connect(path)) as connection:
        settings = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version", "auto_vacuum", "journal_mode")
        }
        rows = connection.execute("SELECT id, created_at, revision FROM library").fetchall()
    assert settings == {
        "application_id": sqlite.APPLICATION_ID,
        "user_version": migrate.shipped()[-1].version,
        "auto_vacuum": 2,
        "journal_mode": "wal",
    }
    assert rows == [(1, NOW, 0)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_the_person_may_read_a_new_library_and_its_wal(path):
    old = os.umask(0)
    try:
        migrate.create(path, NOW)
        with closing(sqlite.connect_writer(path)) as connection:
            connection.execute("UPDATE library SET revision = 1")
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(old)
    assert modes == dict.fromkeys(("library.db", "library.db-wal", "library.db-shm"), 0o600)


def test_a_creation_that_fails_leaves_nothing(path, monkeypatch):
    broken = Migration(1, "broken", migrate.shipped()[0].sql + "CREATE TABLE jobs (id);")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate.create(path, NOW, [broken])
    assert list(path.parent.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_creation_that_is_killed_at_any_statement_blocks_nothing(tmp_path):
    died, unharmed = killed_everywhere(tmp_path / "killed", tmp_path / "none")
    assert len(died) > len(list(migrate.statements(migrate.shipped()[0].sql)))
    whole = dump(unharmed)
    for path in died:
        assert not path.exists()
        assert files.unfinished(path).exists()
        migrate.create(path, NOW)
        assert [file.name for file in path.parent.iterdir()] == ["library.db"]
        assert dump(path) == whole


def test_an_upgrade_keeps_what_was_there(library_path):
    assert upgrade(library_path) == []
    with closing(sqlite.connect_writer(library_path)) as connection:
        assert migrate.version_of(connection) == 2
        assert connection.execute("SELECT name, colour FROM sources").fetchall() == [("One", None)]
        assert connection.execute("SELECT source_id FROM documents").fetchall() == [(1,)]
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_an_upgrade_of_what_is_up_to_date_does_nothing(library_path):
    upgrade(library_path)
    before = dump(library_path)
    assert upgrade(library_path) == []
    assert dump(library_path) == before


class Failing(sqlite3.Connection):
    """A connection whose statement of one number fails."""

    left = -1

    def execute(self, sql, parameters=(), /):
        self.left -= 1
        if self.left == 0:
            raise sqlite3.OperationalError("the disk fell off")
        return super().execute(sql, parameters)


def test_an_upgrade_that_fails_at_any_statement_has_not_happened(library_path):
    before = dump(library_path)
    number = 0
    while True:
        number += 1
        with closing(sqlite3.connect(library_path, isolation_level=None, factory=Failing)) as connection:
            connection.left = number
            try:
                migrate.upgrade(connection, NOW, STEPS)
            except sqlite3.OperationalError:
                assert not connection.in_transaction
            if connection.left > 0:
                break
        version, content = dump(library_path)
        if version == 1:
            assert (version, content) == before
        else:
            # Only what comes after the commit failed.
            assert number > len(list(migrate.statements(SECOND.sql)))
            break
    assert number > 10
    upgrade(library_path)
    assert dump(library_path)[0] == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_an_upgrade_that_is_killed_at_any_statement_is_finished_by_the_next_start(library_path, tmp_path):
    before = dump(library_path)
    died, unharmed = killed_everywhere(tmp_path / "killed", library_path)
    after = dump(unharmed)
    versions = []
    for path in died:
        found = dump(path)
        assert found in (before, after), "it is old or new, never between"
        versions.append(found[0])
        upgrade(path)
        assert dump(path) == after
    assert versions == sorted(versions)
    assert versions.count(1) > len(list(migrate.statements(SECOND.sql)))


def test_a_newer_library_is_refused(library_path):
    upgrade(library_path)
    with (
        closing(sqlite.connect_writer(library_path)) as connection,
        pytest.raises(LibraryTooNewError, match="version 2"),
    ):
        migrate.upgrade(connection, NOW)


def test_what_points_nowhere_is_counted_removed_and_reported(library_path, caplog):
    with closing(sqlite3.connect(library_path, isolation_level=None)) as connection:
        connection.executescript("""
            INSERT INTO jobs (id, type, status, created_at, revision, source_id)
                VALUES (1, 'crawl', 'failed', 0, 0, 77);
            INSERT INTO jobs (id, parent_id, root_id, type, status, created_at, revision)
                VALUES (5, 4, 4, 'crawler_url', 'failed', 0, 0), (6, 5, 5, 'crawler_url', 'failed', 0, 0);
            INSERT INTO job_logs (job_id, root_id, at, level, message) VALUES (6, 4, 0, 0, ''), (1, 1, 0, 0, 'kept');
            INSERT INTO skips VALUES (4, 0, 'https://one.test/', 1, 'depth', '', NULL, 0);
        """)
    with caplog.at_level(logging.WARNING):
        repairs = upgrade(library_path)
    dump(library_path)
    with closing(sqlite.connect_writer(library_path)) as connection:
        jobs = connection.execute("SELECT id, source_id FROM jobs").fetchall()
        lines = connection.execute("SELECT message FROM job_logs").fetchall()
        audit = connection.execute(
            "SELECT at, level, action, detail ->> 'table', detail ->> 'parent', detail ->> 'rows' FROM audit"
        ).fetchall()
    assert jobs == [(1, None)], "a reference that may be empty is emptied, as its source's deletion would have done"
    assert lines == [("kept",)]
    by_table: dict[tuple[str, str], int] = {}
    for repair in repairs:
        by_table[repair.table, repair.parent] = by_table.get((repair.table, repair.parent), 0) + repair.rows
    assert by_table[("jobs", "sources")] == 1
    assert by_table[("jobs", "jobs")] == 2
    assert by_table[("job_logs", "jobs")] == 1
    assert by_table[("skips", "jobs")] == 1
    assert [(repair.table, repair.parent, repair.rows) for repair in repairs] == [row[3:] for row in audit]
    assert {row[:3] for row in audit} == {(NOW, 2, "orphans")}
    assert any("removed 1 rows of skips that pointed to no row of jobs" in message for message in caplog.messages)


def test_a_row_that_points_nowhere_twice_goes_once(library_path):
    with closing(sqlite3.connect(library_path, isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO jobs (id, parent_id, root_id, type, status, created_at, revision)"
            " VALUES (5, 4, 4, 'crawler_url', 'failed', 0, 0)"
        )
    repairs = upgrade(library_path)
    assert [repair.rows for repair in repairs if repair.table == "jobs"] == [1]


# --- what is shipped --------------------------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The folder of an installation's migrations."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path)
    return folder


def test_the_migrations_are_the_numbered_files_in_the_order_of_their_numbers(installed):
    for name, content in {"0002_second.sql": "B", "0001_first.sql": "A", "README.md": "C", "old_0003.sql": "D"}.items():
        (installed / name).write_text(content)
    (installed / "__pycache__").mkdir()
    assert migrate.shipped() == (Migration(1, "first", "A"), Migration(2, "second", "B"))


@pytest.mark.parametrize("numbers", [(), (2,), (1, 3)])
def test_an_installation_that_lacks_a_migration_is_refused(installed, numbers):
    for number in numbers:
        (installed / f"{number:04}_name.sql").touch()
    with pytest.raises(BugError, match="are not 1 to n"):
        migrate.shipped()
