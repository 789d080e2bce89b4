"""``quaero jobs delete`` and ``restore``: what they answer to a program and to a person, over a crawled library."""

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from quaero_desktop.domain.deletion import TRASH_SECONDS
from tests.cli.conftest import Quaero


def rows(library: Path, sql: str, *parameters: object) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(f"file:{library / 'library.db'}?mode=ro", uri=True)) as connection:
        return connection.execute(sql, parameters).fetchall()


def let_time_pass(library: Path, seconds: float) -> None:
    """Let it be so long ago that everything in the trash was deleted."""
    with contextlib.closing(sqlite3.connect(library / "library.db")) as connection, connection:
        connection.execute("UPDATE jobs SET trashed_at = trashed_at - ?", (round(seconds * 1000),))


@pytest.fixture
def jobs(quaero: Quaero, own_library: Path) -> Quaero:
    """Run an action of `quaero jobs` on a library that may be changed."""

    def run(*arguments: object):
        return quaero("jobs", *arguments, "--library", own_library)

    return run


def ids(library: Path) -> list[int]:
    return sorted(row[0] for row in rows(library, "SELECT id FROM jobs"))


def sound(quaero: Quaero, library: Path) -> bool:
    return quaero("verify", "--library", library).code == 0


def test_a_dry_run_says_what_would_go_and_changes_nothing(jobs, own_library):
    before = ids(own_library)
    ended = jobs("delete", 1, "--dry-run", "--json")
    assert (ended.code, ended.err) == (0, "")
    assert sorted(ended.json["deleted"]) == before
    assert (ended.json["failed"], ended.json["deleted"][-1]) == ([], 1)
    text = jobs("delete", 1, "--dry-run")
    assert "Would delete" in text.out
    assert f"(job 1), with {len(before) - 1} jobs below it" in text.out
    assert [job["id"] for job in jobs("list", "--json").json["jobs"]] == [1]


def test_a_deleted_job_is_gone_from_every_answer_and_comes_back_with_restore(quaero, jobs, own_library):
    before = ids(own_library)
    shown = jobs("show", 1, "--json").json
    ended = jobs("delete", 1, "--json")
    assert (ended.code, sorted(ended.json["deleted"]), ended.json["failed"]) == (0, before, [])
    assert jobs("list", "--parent", "all", "--json").json["total_count"] == 0
    assert jobs("show", 1).code == jobs("logs", 2).code == jobs("pause", 1).code == 1
    assert sound(quaero, own_library)
    restored = jobs("restore", 1, "--json")
    assert (restored.code, restored.json) == (0, {"restored": [1]})
    again = jobs("show", 1, "--json").json
    for changed in ("revision",):
        shown.pop(changed), again.pop(changed)
    assert again == shown
    assert sound(quaero, own_library)


def test_what_was_deleted_for_half_a_minute_goes_for_good_with_the_next_command_that_changes_something(
    quaero, jobs, own_library
):
    documents = rows(own_library, "SELECT count(*) FROM documents")
    jobs("delete", 1)
    assert jobs("restore", 1).code == 0
    jobs("delete", 1)
    let_time_pass(own_library, TRASH_SECONDS + 1)
    assert jobs("list").code == 0
    assert ids(own_library) != [], "who only reads deletes nothing"
    ended = jobs("restore", 1)
    assert ended.code == 1
    assert "deleted for good" in ended.err or "no job 1 in the trash" in ended.err
    assert f"{TRASH_SECONDS} seconds" in ended.err
    assert ids(own_library) == []
    assert rows(own_library, "SELECT count(*) FROM documents") == documents
    assert sound(quaero, own_library)


def test_purging_names_each_job_that_went(quaero, jobs, own_library):
    before = ids(own_library)
    ended = jobs("delete", 1, "--purge", "--json")
    assert (ended.code, sorted(ended.json["deleted"]), ended.json["deleted"][-1]) == (0, before, 1)
    assert ids(own_library) == []
    assert sound(quaero, own_library)
    levels = rows(own_library, "SELECT action, count(*) FROM audit GROUP BY 1 ORDER BY 1")
    assert levels == [("delete.child", len(before) - 1), ("delete.end", 1), ("delete.start", 1), ("trash", 1)]


def test_what_lies_in_the_trash_can_be_purged_by_its_number(jobs, own_library):
    before = ids(own_library)
    jobs("delete", 1)
    assert sorted(jobs("delete", 1, "--purge", "--json").json["deleted"]) == before
    assert ids(own_library) == []


def test_a_person_is_told_what_of_the_trash_went(jobs, own_library):
    before = ids(own_library)
    jobs("delete", 1)
    assert jobs("delete", 1, "--purge").out == f"Deleted for good: {len(before)} jobs of the trash.\n"


def test_deleting_what_is_gone_is_a_success(jobs):
    ended = jobs("delete", 999, "--json")
    assert (ended.code, ended.json, ended.err) == (0, {"deleted": [], "failed": []}, "")
    assert "no job 999" in jobs("delete", 999, "--purge").out


def test_without_cascade_a_job_with_children_is_refused(jobs, own_library):
    before = ids(own_library)
    ended = jobs("delete", 1, "--no-cascade", "--json")
    assert (ended.code, ended.out) == (1, "")
    assert f"{len(before) - 1} jobs below job 1" in ended.err
    page = before[-1]
    assert jobs("delete", page, "--no-cascade", "--json").json["deleted"] == [page]


def test_what_cannot_be_deleted_is_named_and_the_others_go(quaero, jobs, own_library):
    before = ids(own_library)
    with contextlib.closing(sqlite3.connect(own_library / "library.db")) as connection, connection:
        connection.execute(
            f"CREATE TRIGGER stubborn BEFORE DELETE ON jobs WHEN old.id = {before[3]}"
            " BEGIN SELECT RAISE(ABORT, 'it is wanted'); END"
        )
    ended = jobs("delete", 1, "--purge", "--json")
    assert ended.code == 1
    assert ended.json["failed"] == [{"id": before[3], "error": "it is wanted"}]
    assert sorted([*ended.json["deleted"], before[3]]) == before
    assert f"job {before[3]}: it is wanted" in ended.err
    assert ids(own_library) == [before[3]]
    assert jobs("list", "--parent", "all", "--json").json["jobs"] == []
    assert sound(quaero, own_library)


@pytest.mark.parametrize(
    ("filters", "where"),
    [
        (["status=completed"], "parent_id IS NULL AND status = 'completed'"),
        (["status=failed"], "FALSE"),
        (["parent=1", "status=failed,skipped"], "status IN ('failed', 'skipped')"),
        (["parent=all", "query=page"], "url LIKE '%page%' OR name LIKE '%page%'"),
        (["parent=1", "type=crawler_url", "status=completed"], "type = 'crawler_url' AND status = 'completed'"),
    ],
)
def test_a_filter_deletes_all_that_fit(quaero, jobs, own_library, filters, where):
    wanted = sorted(row[0] for row in rows(own_library, f"SELECT id FROM jobs WHERE {where}"))
    arguments = [part for text in filters for part in ("--filter", text)]
    planned = jobs("delete", *arguments, "--dry-run", "--json")
    ended = jobs("delete", *arguments, "--json")
    assert (ended.code, planned.code) == (0, 0)
    assert sorted(ended.json["deleted"]) == sorted(planned.json["deleted"])
    if wanted == [1]:
        wanted = ids(own_library)
    assert sorted(ended.json["deleted"]) == wanted
    assert sound(quaero, own_library)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        (1, "--filter", "status=failed"),
        ("--filter", "failed"),
        ("--filter", "colour=red"),
        ("--filter", "status=bad"),
        ("--filter", "status="),
        ("--filter", "parent=x"),
        ("--filter", "source=1.5"),
        ("--filter", "parent=1", "--filter", "parent=2"),
        ("x",),
    ],
)
def test_a_deletion_that_makes_no_sense_is_refused_with_a_sentence(jobs, own_library, arguments):
    before = ids(own_library)
    ended = jobs("delete", *arguments, "--json")
    assert (ended.code, ended.out) == (2, "")
    assert "Traceback" not in ended.err
    assert ended.err.strip()
    assert ids(own_library) == before


def test_a_person_is_told_what_went_and_how_it_comes_back(jobs, own_library):
    ended = jobs("delete", 1)
    assert ended.code == 0
    assert "(job 1)" in ended.out
    assert ended.out.endswith(f"quaero --library {own_library} jobs restore 1\n")
    assert "documents stay" in ended.out
    back = jobs("restore", 1, 2)
    assert back.code == 0
    assert "is back" in back.out
    assert jobs("restore", 1).out == "Job 1 is not deleted.\n"
    many = jobs("delete", *range(2, 16))
    assert "Deleted 14 jobs" in many.out


def test_a_restore_of_what_never_was_is_an_error(jobs):
    ended = jobs("restore", 999, "--json")
    assert (ended.code, ended.out) == (1, "")
    assert "no job 999 in the trash" in ended.err


def test_a_library_that_is_in_use_is_left_alone(quaero, jobs, own_library):
    from quaero_desktop.infra.lock import InstanceLock
    from quaero_desktop.infra.paths import LibraryFiles

    with InstanceLock(LibraryFiles(own_library).lock):
        assert jobs("delete", 1).code == jobs("restore", 1).code == 3
        assert json.loads(jobs("delete", 1, "--dry-run", "--json").out)["deleted"]
