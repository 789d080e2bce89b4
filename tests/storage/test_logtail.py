"""The log as the console reads it: the newest lines, those that came since, and those before."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from quaero_desktop.domain.errors import NotFoundError, UsageError
from quaero_desktop.storage.queries import logs
from tests.support.plain_library import PlainLibrary

LEVELS = {"debug": 0, "info": 1, "warn": 2, "error": 3}

DOCS, PAGE, OTHER_PAGE, BRANCH, LEAF, WIKI, WIKI_PAGE = range(1, 8)
JOBS = [
    (DOCS, None, None, "crawl", "docs", None),
    (PAGE, DOCS, DOCS, "crawler_url", None, "https://docs.quaero.org/a"),
    (OTHER_PAGE, DOCS, DOCS, "crawler_url", None, "https://docs.quaero.org/b"),
    (BRANCH, DOCS, DOCS, "transform", "branch", None),
    (LEAF, BRANCH, DOCS, "transform", None, None),
    (WIKI, None, None, "crawl", "wiki", None),
    (WIKI_PAGE, WIKI, WIKI, "crawler_url", None, "https://wiki.quaero.org/"),
]
LINES = [(DOCS, "info"), (PAGE, "debug"), (WIKI, "info"), (OTHER_PAGE, "error"), (LEAF, "warn"), (DOCS, "warn"),
         (WIKI_PAGE, "error"), (BRANCH, "info"), (PAGE, "info")]  # fmt: skip
"""Whose line it is and how important; their ids count from 1."""


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(PlainLibrary()) as library:
        library.connection.executemany(
            "INSERT INTO jobs (id, parent_id, root_id, type, name, url, status, created_at, revision)"
            " VALUES (?, ?, ?, ?, ?, ?, 'completed', 0, 1)",
            JOBS,
        )
        roots = {job[0]: job[2] or job[0] for job in JOBS}
        library.connection.executemany(
            "INSERT INTO job_logs (id, job_id, root_id, at, level, message) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (number, job, roots[job], 1000 + number, LEVELS[level], f"line {number}")
                for number, (job, level) in enumerate(LINES, 1)
            ],
        )
        yield library.connection


def ids(connection: sqlite3.Connection, **which: Any) -> list[int]:
    return [line.id for line in logs.tail(connection, **which)]


def test_a_line_says_whose_it_is(connection):
    lines = {line.id: line for line in logs.tail(connection)}
    assert (lines[4].job_id, lines[4].root_id, lines[4].at, lines[4].level) == (OTHER_PAGE, DOCS, 1004, "error")
    assert (lines[4].message, lines[4].name) == ("line 4", "https://docs.quaero.org/b")
    assert (lines[1].name, lines[8].name, lines[5].name) == ("docs", "branch", "transform")


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ({"root_id": DOCS}, [1, 2, 4, 5, 6, 8, 9]),
        ({"root_id": WIKI}, [3, 7]),
        ({"root_id": DOCS, "children": False}, [1, 6]),
        ({"job_id": DOCS}, [1, 2, 4, 5, 6, 8, 9]),
        ({"root_id": DOCS, "job_id": PAGE}, [2, 9]),
        ({"job_id": PAGE, "children": False}, [2, 9]),
        ({"job_id": BRANCH}, [5, 8]),
        ({"job_id": BRANCH, "children": False}, [8]),
        ({"minimum": "info"}, [1, 3, 4, 5, 6, 7, 8, 9]),
        ({"minimum": "warn"}, [4, 5, 6, 7]),
        ({"minimum": "error"}, [4, 7]),
        ({"root_id": DOCS, "minimum": "error"}, [4]),
        ({"limit": 0}, []),
    ],
)
def test_lines_are_chosen_by_job_and_level_and_come_oldest_first(connection, which, expected):
    assert ids(connection, **which) == expected


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ({"limit": 2}, [8, 9]),
        ({"after_id": 5}, [6, 7, 8, 9]),
        ({"after_id": 5, "limit": 2}, [6, 7]),
        ({"after_id": 9}, []),
        ({"before_id": 5, "limit": 2}, [3, 4]),
        ({"before_id": 1}, []),
        ({"before_id": 8, "after_id": 5}, [6, 7]),
        ({"root_id": DOCS, "after_id": 5, "limit": 2}, [6, 8]),
        ({"root_id": DOCS, "before_id": 5, "limit": 2}, [2, 4]),
        ({"minimum": "warn", "before_id": 6, "limit": 1}, [5]),
    ],
)
def test_the_newest_come_first_and_from_there_one_goes_forth_and_back(connection, which, expected):
    assert ids(connection, **which) == expected


def test_what_is_in_the_trash_has_no_log(connection):
    connection.execute("UPDATE jobs SET trashed_at = 1 WHERE id = ?", (DOCS,))
    assert ids(connection) == [3, 7]
    assert ids(connection, minimum="error") == [7]
    for hidden in (DOCS, PAGE, LEAF):
        with pytest.raises(NotFoundError):
            logs.tail(connection, job_id=hidden)


def test_a_page_in_the_trash_takes_its_lines_along(connection):
    connection.execute("UPDATE jobs SET trashed_at = 1 WHERE id IN (?, ?)", (PAGE, BRANCH))
    assert ids(connection, root_id=DOCS) == [1, 4, 6]
    assert ids(connection) == [1, 3, 4, 6, 7]


def test_what_makes_no_sense_is_refused(connection):
    with pytest.raises(NotFoundError):
        logs.tail(connection, root_id=99)
    with pytest.raises(UsageError, match="Unknown level “fatal”"):
        logs.tail(connection, minimum="fatal")
    with pytest.raises(UsageError):
        logs.tail(connection, limit=-1)


def test_a_secret_in_a_line_stays_hidden(connection):
    connection.execute("UPDATE job_logs SET message = 'Authorization: Bearer abcdef123456'")
    assert "abcdef" not in repr(logs.tail(connection))


@pytest.mark.parametrize("place", [{}, {"after_id": 5}, {"before_id": 5}], ids=["newest", "after", "before"])
@pytest.mark.parametrize(
    ("which", "index"),
    [
        ({}, None),
        ({"minimum": "info"}, None),
        ({"minimum": "warn"}, "job_logs_trouble"),
        ({"minimum": "error"}, "job_logs_trouble"),
        ({"root_id": DOCS}, "job_logs_root"),
        ({"root_id": DOCS, "minimum": "info"}, "job_logs_root"),
        ({"root_id": DOCS, "minimum": "error"}, "job_logs_root_trouble"),
        ({"job_id": PAGE}, "job_logs_job"),
        ({"job_id": DOCS, "children": False}, "job_logs_job"),
    ],
)
def test_no_question_sorts_or_reads_lines_it_does_not_want(connection, which, place, index):
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    logs.tail(connection, **which, **place)
    connection.set_trace_callback(None)
    (statement,) = (each for each in statements if "FROM job_logs" in each)
    plan = [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert not [step for step in plan if "TEMP B-TREE" in step], plan
    # By their ids, or by an index in which they follow each other by id too.
    assert " l" in plan[0]
    assert (f"INDEX {index} " in f"{plan[0]} ") if index else ("INDEX" not in plan[0] or "PRIMARY KEY" in plan[0]), plan
