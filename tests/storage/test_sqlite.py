"""Connections: every setting was accepted, or there is none; what SQLite says comes out in plain words."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from quaero_desktop.domain.errors import BugError, LibraryError
from quaero_desktop.storage import sqlite

CONNECT = pytest.mark.parametrize("connect", [sqlite.connect_writer, sqlite.connect_reader])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "library.db"
    sqlite3.connect(path).close()
    return path


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """All that are opened."""
    opened: list[sqlite3.Connection] = []
    real = sqlite3.connect

    def connect(*arguments: Any, **more: Any) -> sqlite3.Connection:
        opened.append(real(*arguments, **more))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", connect)
    return opened


@CONNECT
def test_a_connection_that_lacks_a_setting_is_closed_and_not_used(path, connections, monkeypatch, connect):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", "'soon'")
    with pytest.raises(BugError, match="busy_timeout"):
        connect(path)
    [connection] = connections
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_the_version_is_that_of_the_library_that_answers():
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        assert connection.execute("SELECT sqlite_version()").fetchone() == (sqlite.version(),)


def test_only_an_interrupted_query_counts_as_one():
    connection = sqlite3.connect(":memory:")
    connection.set_progress_handler(lambda: 1, 1)
    with pytest.raises(sqlite3.Error) as interrupted:
        connection.execute("SELECT 1")
    connection.set_progress_handler(None, 0)
    with pytest.raises(sqlite3.Error) as unreadable:
        connection.execute("SELECT CAST(x'ff' AS TEXT)").fetchone()
    connection.close()
    assert [sqlite.is_interrupt(each.value) for each in (interrupted, unreadable)] == [True, False]


@CONNECT
def test_where_there_is_no_database_none_is_made(tmp_path, connect):
    with pytest.raises(LibraryError, match="cannot be opened"):
        connect(tmp_path / "nowhere.db")
    assert list(tmp_path.iterdir()) == []
