"""``quaero cleanup``: what it answers to a program and to a person, over a library whose crawl ended long ago (O3)."""

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from quaero_desktop.domain.cleanup import DAY_MS
from tests.cli.conftest import Quaero


def change(library: Path, sql: str, *parameters: object) -> None:
    with contextlib.closing(sqlite3.connect(library / "library.db")) as connection, connection:
        connection.execute(sql, parameters)


def count(library: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{library / 'library.db'}?mode=ro", uri=True)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.fixture
def old_library(own_library: Path) -> Path:
    """A library whose only crawl ended forty days ago."""
    change(
        own_library,
        "UPDATE jobs SET created_at = created_at - ?, started_at = started_at - ?, completed_at = completed_at - ?",
        *(40 * DAY_MS,) * 3,
    )
    return own_library


@pytest.fixture
def cleanup(quaero: Quaero, old_library: Path) -> Quaero:
    """Run `quaero cleanup` on it."""

    def run(*arguments: object):
        return quaero("cleanup", *arguments, "--library", old_library)

    return run


def test_a_dry_run_says_what_would_go_and_changes_nothing(cleanup, old_library):
    jobs, before = count(old_library, "jobs"), (old_library / "library.db").read_bytes()
    ended = cleanup("--older-than", "30d", "--dry-run", "--json")
    assert (ended.code, ended.err) == (0, "")
    (root,) = ended.json["roots"]
    assert (root["id"], root["status"], root["jobs"]) == (1, "completed", jobs)
    assert {name: ended.json[name] for name in ("jobs", "failed", "dry_run")} == {
        "jobs": jobs, "failed": [], "dry_run": True,
    }  # fmt: skip
    assert root["ended_at"] < ended.json["before"]
    text = cleanup("--older-than", "30d", "--dry-run").out
    assert text.startswith("Would delete 1 job that ended before ")
    assert f"with {jobs - 1} jobs below it" in text
    assert "documents stay" in text
    assert (old_library / "library.db").read_bytes() == before


def test_what_ended_long_ago_goes_for_good_and_the_documents_stay(quaero, cleanup, old_library):
    jobs, documents = count(old_library, "jobs"), count(old_library, "documents")
    ended = cleanup("--older-than", "30d", "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ([root["id"] for root in ended.json["roots"]], ended.json["jobs"]) == ([1], jobs)
    assert (ended.json["failed"], ended.json["dry_run"]) == ([], False)
    assert [count(old_library, table) for table in ("jobs", "job_logs", "messages", "attempts")] == [0, 0, 0, 0]
    assert count(old_library, "documents") == documents > 0
    assert quaero("verify", "--library", old_library).code == 0
    again = cleanup("--older-than", "30d", "--json")
    assert (again.code, again.json["roots"], again.json["jobs"]) == (0, [], 0)


def test_a_person_is_told_what_went(cleanup):
    ended = cleanup("--older-than", "5w", "--status", "completed")
    assert (ended.code, ended.err) == (0, "")
    first, header, row, last = ended.out.splitlines()
    assert first.startswith("Deleted for good: 1 job that ended before ")
    assert header.split() == ["id", "status", "ended", "jobs", "name"]
    assert row.split()[:2] == ["1", "✓"]
    assert last == "The documents stay in the library."
    nothing = cleanup("--older-than", "5w")
    assert (nothing.code, nothing.err) == (0, "")
    assert nothing.out.startswith("No job like that ended before ")


@pytest.mark.parametrize("arguments", [("60d",), ("30d", "--status", "failed"), ("30d", "--status", "cancelled")])
def test_what_is_younger_or_ended_otherwise_stays(cleanup, old_library, arguments):
    jobs = count(old_library, "jobs")
    assert cleanup("--older-than", *arguments, "--json").json["roots"] == []
    assert count(old_library, "jobs") == jobs


def test_a_crawl_that_has_not_ended_stays(quaero, cleanup, old_library):
    assert quaero("jobs", "rerun", 1, "--library", old_library).code == 0
    change(old_library, "UPDATE jobs SET created_at = created_at - ? WHERE status = 'pending'", 90 * DAY_MS)
    assert [root["id"] for root in cleanup("--older-than", "30d", "--json").json["roots"]] == [1]
    assert [job["status"] for job in quaero("jobs", "list", "--library", old_library, "--json").json["jobs"]] == [
        "pending"
    ]


def test_what_cannot_be_deleted_is_named_and_the_others_go(quaero, cleanup, old_library):
    change(
        old_library,
        "CREATE TRIGGER stubborn BEFORE DELETE ON jobs WHEN old.id = 4 BEGIN SELECT RAISE(ABORT, 'it is wanted'); END",
    )
    ended = cleanup("--older-than", "30d", "--json")
    assert ended.code == 1
    assert ended.json["failed"] == [{"id": 4, "error": "it is wanted"}]
    assert [root["id"] for root in ended.json["roots"]] == [1]
    assert "job 4: it is wanted" in ended.err
    assert count(old_library, "jobs") == 1
    assert quaero("verify", "--library", old_library).code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--older-than is missing"),
        (("--older-than",), "--older-than needs a value"),
        (("--older-than", "30"), "lacks its unit. An age is a whole number with m, h, d or w"),
        (("--older-than", "soon"), "“soon” is no age"),
        (("--older-than", "-3d"), "“-3d” is no age"),
        (("--older-than", "9999w9"), "is no age"),
        (("--older-than", "99999w"), "more than a hundred years"),
        (("--older-than", "1d", "--status", "running"), "A job that is running has not ended"),
        (("--older-than", "1d", "--status", "paused"), "has not ended"),
        (("--older-than", "1d", "--status", "skipped"), "Only parts of a job can be skipped"),
        (("--older-than", "1d", "--status", "old"), "Unknown status “old”"),
        (("1", "--older-than", "1d"), "one word too many"),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_cleanup_that_makes_no_sense_is_refused_with_a_sentence(cleanup, old_library, arguments, words, dry):
    jobs = count(old_library, "jobs")
    ended = cleanup(*dry, *arguments, "--json")
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert count(old_library, "jobs") == jobs


def test_a_library_that_is_in_use_is_left_alone_and_asked_all_the_same(cleanup, old_library):
    from quaero_desktop.infra.lock import InstanceLock
    from quaero_desktop.infra.paths import LibraryFiles

    with InstanceLock(LibraryFiles(old_library).lock):
        assert cleanup("--older-than", "30d").code == 3
        assert len(json.loads(cleanup("--older-than", "30d", "--dry-run", "--json").out)["roots"]) == 1


def test_a_missing_library_is_not_made(quaero, tmp_path):
    for dry in ((), ("--dry-run",)):
        ended = quaero("cleanup", "--older-than", "30d", *dry, "--library", tmp_path / "none", "--json")
        assert (ended.code, ended.out) == (1, "")
        assert "There is no library" in ended.err
    assert not (tmp_path / "none").exists()


def test_many_jobs_are_listed_in_part_for_a_person_and_whole_for_a_program(cleanup, old_library):
    with contextlib.closing(sqlite3.connect(old_library / "library.db")) as connection, connection:
        connection.executemany(
            "INSERT INTO jobs (type, status, name, config, created_at, completed_at, revision)"
            " VALUES ('crawl', 'cancelled', ?, '{}', ?, ?, 1)",
            [(f"crawl {n}", n, n) for n in range(1, 31)],
        )
    planned = cleanup("--older-than", "30d", "--dry-run")
    assert planned.out.startswith("Would delete 31 jobs that ended before ")
    assert "crawl 20" in planned.out
    assert "crawl 21" not in planned.out
    assert "oldest 20; --json lists all" in planned.out
    assert len(cleanup("--older-than", "30d", "--dry-run", "--json").json["roots"]) == 31
