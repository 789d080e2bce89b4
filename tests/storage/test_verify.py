"""`verify`: every invariant holds in a library that was really used, and each check fails when its own is broken."""

import asyncio
import random
import sqlite3
from contextlib import closing
from typing import Any, cast

import pytest

from quaero_desktop.domain.jobs import MAX_TREE_DEPTH
from quaero_desktop.storage import verify as verify_module
from quaero_desktop.storage.database import rebuild_search_index
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.queue import Queue
from quaero_desktop.storage.verify import verify, verify_library
from tests.support.plain_library import PlainLibrary, at_once
from tests.support.used_library import assert_sound, populate

# A job below the first root that takes part in no other invariant.
ASIDE = (
    "INSERT INTO jobs (id, parent_id, root_id, type, status, created_at, completed_at, revision)"
    " VALUES ({id}, {parent}, {root}, 'validate', 'cancelled', 0, 0, 0);"
)


def chain(length):
    """Return the SQL for so many jobs below the first root, each the parent of the next."""
    return "".join(ASIDE.format(id=100 + n, parent=99 + n if n else 1, root=1) for n in range(length))


A_CIRCLE = ASIDE.format(id=101, parent=102, root=1) + ASIDE.format(id=102, parent=101, root=1)
A_PAGE = "(SELECT min(id) FROM jobs WHERE url LIKE '%/a')"
A_MESSAGE_OF_AN_ENDED_JOB = f"""
    INSERT INTO messages (queue, job_id, root_id, type, payload, state, created_at)
        SELECT 'jobs', id, root_id, type, '{{}}', 'ready', 0 FROM jobs WHERE id = {A_PAGE};
"""
AN_ATTEMPT = f"""
    INSERT INTO attempts (job_id, attempt, delivery, ended_at, outcome)
        SELECT id, {{attempt}}, 9, 0, '{{outcome}}' FROM jobs WHERE id = {A_PAGE};
"""
A_SECOND_JOB_OF_A_URL = f"""
    DROP INDEX jobs_page;
    INSERT INTO jobs (id, parent_id, root_id, type, status, url, created_at, completed_at, result, revision)
        SELECT 100, parent_id, root_id, type, status, url, 0, 0, '{{}}', 0 FROM jobs WHERE id = {A_PAGE};
    INSERT INTO attempts (job_id, attempt, delivery, ended_at, outcome) VALUES (100, 1, 1, 0, 'completed');
    UPDATE root_progress SET discovered = discovered + 1 WHERE root_id = 1;
"""
WITHOUT_THE_CHECKS_OF_LEASES = """
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = replace(replace(sql,
        'CHECK ((state = ''leased'') = (owner IS NOT NULL)),', ''),
        'CHECK ((state = ''leased'') = (lease_until IS NOT NULL)),', '') WHERE name = 'messages';
    -- reopened --
"""

BREAKS = {
    "database_is_sound": ["PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'jobs_roots'"],
    "library_is_marked": ["PRAGMA application_id = 7", "PRAGMA user_version = 99", "DELETE FROM library"],
    "references_exist": ["INSERT INTO job_logs (job_id, root_id, at, level, message) VALUES (999, 1, 0, 1, '')"],
    "open_jobs_have_a_message": [
        "DELETE FROM messages WHERE state = 'ready'",
        "UPDATE messages SET state = 'dead', reason = 'x' WHERE state = 'ready'",
    ],
    "messages_have_an_open_job": [A_MESSAGE_OF_AN_ENDED_JOB],
    "only_deleted_jobs_are_set_aside": ["UPDATE messages SET queue = 'jobs.trash' WHERE state = 'ready'"],
    "messages_fit_their_job": [
        "UPDATE messages SET type = 'validate' WHERE state = 'ready'",
        "UPDATE messages SET root_id = 1 WHERE state = 'ready'",
    ],
    "running_jobs_are_leased": [
        "UPDATE messages SET state = 'ready', owner = NULL, lease_until = NULL WHERE state = 'leased'",
        "UPDATE jobs SET status = 'pending' WHERE status = 'running' AND parent_id > 0",
    ],
    "leased_messages_have_an_owner": [
        WITHOUT_THE_CHECKS_OF_LEASES + "UPDATE messages SET owner = NULL WHERE state = 'leased'",
        WITHOUT_THE_CHECKS_OF_LEASES + "UPDATE messages SET owner = 'x' WHERE state = 'ready'",
        WITHOUT_THE_CHECKS_OF_LEASES + "UPDATE messages SET lease_until = NULL WHERE state = 'leased'",
    ],
    "urls_are_unique_in_a_root": [A_SECOND_JOB_OF_A_URL],
    "child_counts_are_right": [
        "UPDATE child_counts SET n = n + 1 WHERE parent_id = 1 AND status = 'completed'",
        "DELETE FROM child_counts WHERE parent_id = 1 AND status = 'failed'",
        "INSERT INTO child_counts VALUES (1, 'validate', 'failed', 0, 1)",
    ],
    "skip_counts_are_right": ["UPDATE skip_counts SET n = 0", "INSERT INTO skip_counts VALUES (1, 'depth', 1)"],
    "discovered_urls_add_up": [
        "UPDATE root_progress SET discovered = discovered + 1 WHERE root_id = 1",
        "DELETE FROM root_progress WHERE root_id = 1",
    ],
    "stored_pages_add_up": ["UPDATE root_progress SET documents = documents - 1 WHERE root_id = 1"],
    "changes_add_up": [
        "UPDATE root_progress SET new_documents = new_documents - 1 WHERE root_id = 1",
        "UPDATE root_progress SET changed_documents = 1 WHERE root_id = 1",
        "UPDATE root_progress SET unchanged_documents = 1 WHERE root_id = 1",
        "UPDATE root_progress SET gone_documents = 1 WHERE root_id = 1",
        f"UPDATE jobs SET result = json_object('change', 'changed') WHERE id = {A_PAGE}",
    ],
    "ended_roots_have_nothing_open": [
        "UPDATE jobs SET status = 'completed', completed_at = 0 WHERE parent_id IS NULL AND status = 'running'"
    ],
    "open_roots_have_something_open": ["UPDATE jobs SET status = 'paused', completed_at = NULL WHERE id = 1"],
    "completed_pages_have_an_outcome": [f"UPDATE jobs SET document_id = NULL WHERE id = {A_PAGE}"],
    "ended_jobs_have_an_end": [
        f"UPDATE jobs SET completed_at = NULL WHERE id = {A_PAGE}",
        "UPDATE jobs SET completed_at = 0 WHERE status = 'pending'",
    ],
    "attempts_tell_the_end": [
        f"DELETE FROM attempts WHERE job_id = {A_PAGE}",
        f"UPDATE attempts SET outcome = 'failed' WHERE job_id = {A_PAGE}",
        AN_ATTEMPT.format(attempt=2, outcome="retried"),
        AN_ATTEMPT.format(attempt=1, outcome="completed"),
    ],
    "roots_are_the_top": [ASIDE.format(id=100, parent=1, root=A_PAGE)],
    "trees_are_shallow": [chain(MAX_TREE_DEPTH + 1), A_CIRCLE],
    "duplicates_have_an_original": [
        "UPDATE documents SET duplicate_of = 1 WHERE duplicate_of IS NOT NULL",
        "UPDATE documents SET duplicate_of = id WHERE id = 1",
    ],
    "documents_have_a_source_page": ["DELETE FROM page_sources WHERE document_id = 1"],
    "revisions_are_in_the_past": ["UPDATE library SET revision = 1"],
    "content_hashes_are_right": [
        "UPDATE documents SET content_hash = lower(hex(zeroblob(32))) WHERE id = 1",
        "UPDATE documents SET markdown = markdown || '.' WHERE id = 1",
        "INSERT INTO document_versions VALUES (1, 1, 'Title', 'no hash', 0, 'Text')",
    ],
    "search_index_is_sound": [
        "DELETE FROM documents_fts_docsize WHERE id = 1",
        "DROP TRIGGER documents_fts_update; UPDATE documents SET search_text = 'other words' WHERE id = 1",
        "UPDATE documents_fts_data SET block = zeroblob(9) WHERE id > 10",
    ],
}
"""SQL that breaks exactly the invariant it stands under."""


@pytest.fixture(scope="module")
def image():
    """A sound library with something of everything, as bytes."""
    library = PlainLibrary()
    at_once(populate(Ledger(cast(Any, library), Queue(owner="engine-1"), rng=random.Random(0))))
    try:
        yield library.connection.serialize()
    finally:
        library.close()


def opened(image):
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.deserialize(image)
    return connection


def broken(image, sql):
    """Return a connection to the library after *sql*, which no constraint but those of the schema holds back."""
    for part in sql.split("-- reopened --"):
        connection = opened(image)
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.executescript(part)
        image = connection.serialize()
        connection.close()
    return opened(image)


def failing(report):
    return [check.name for check in report.checks if not check.ok]


def test_a_library_that_was_used_is_sound(image):
    connection = opened(image)
    report = verify(connection)
    connection.close()
    assert_sound(report)
    assert len(report.checks) == len({check.name for check in report.checks})


@pytest.mark.parametrize(
    ("name", "sql"),
    [pytest.param(name, sql, id=f"{name}-{n}") for name, breaks in BREAKS.items() for n, sql in enumerate(breaks, 1)],
)
def test_a_broken_invariant_fails_its_own_check_and_no_other(image, name, sql):
    connection = broken(image, sql)
    report = verify(connection)
    connection.close()
    assert failing(report) == [name], report
    assert not report.ok


def test_two_documents_of_one_url_fail_their_check_and_no_other(image):
    connection = opened(image)
    connection.execute("PRAGMA foreign_keys = OFF")
    (schema,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'documents'").fetchone()
    unconstrained = schema.replace("TABLE documents", "TABLE again").replace("UNIQUE (source_id, url)", "CHECK (TRUE)")
    assert "UNIQUE (source_id" not in unconstrained
    connection.executescript(f"""
        PRAGMA legacy_alter_table = ON;
        {unconstrained};
        INSERT INTO again SELECT * FROM documents;
        DROP TABLE documents;
        ALTER TABLE again RENAME TO documents;
        UPDATE documents SET url = (SELECT url FROM documents WHERE id = 1) WHERE id = 2;
    """)
    report = verify(connection)
    connection.close()
    assert failing(report) == ["urls_are_unique_in_a_source"], report


def test_every_check_was_seen_to_fail(image):
    connection = opened(image)
    names = {check.name for check in verify(connection).checks}
    connection.close()
    # That one is broken in test_runs.
    assert names == set(BREAKS) | {"urls_are_unique_in_a_source", "steps_agree_with_their_jobs"}


def test_the_detail_says_how_often_and_where(image):
    connection = broken(image, "UPDATE documents SET content_hash = 'x' WHERE duplicate_of IS NULL AND id <> 2")
    (check,) = [check for check in verify(connection).checks if not check.ok]
    connection.close()
    assert check.detail == "2 documents whose hash is not that of their markdown: document 1, document 4"


def test_a_file_that_cannot_be_read_at_all_fails_the_first_check_and_the_others_are_not_made(image):
    connection = opened(image[:100] + bytes(4096) + image[4196:])
    report = verify(connection)
    connection.close()
    assert [(check.name, check.ok) for check in report.checks] == [("database_is_sound", False)]
    assert report.checks[0].detail.startswith("the database is damaged")


@pytest.mark.parametrize("what", ["integrity-check", "application_id"])
def test_what_is_no_damage_is_no_result_of_a_check(image, what):
    """A query that was interrupted, say, or scratch tables for which the disk has no room."""

    class Interrupted(sqlite3.Connection):
        def execute(self, sql, *parameters):
            if what in sql:
                raise sqlite3.OperationalError("interrupted")
            return super().execute(sql, *parameters)

    connection = sqlite3.connect(":memory:", isolation_level=None, factory=Interrupted)
    connection.deserialize(image)
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        verify(connection)
    connection.close()


def test_a_tree_may_be_as_deep_as_promised(image):
    connection = broken(image, chain(MAX_TREE_DEPTH))
    report = verify(connection)
    connection.close()
    assert_sound(report)


def test_what_is_in_the_trash_counts_as_gone(image):
    connection = broken(
        image,
        "UPDATE jobs SET trashed_at = 1 WHERE id = 1 OR status = 'running' AND parent_id IS NULL;"
        "DELETE FROM messages;"
        f"UPDATE jobs SET document_id = NULL, completed_at = NULL WHERE id = {A_PAGE};"
        "UPDATE root_progress SET discovered = 0, documents = 0",
    )
    report = verify(connection)
    connection.close()
    assert_sound(report)


def test_imported_jobs_need_no_documents_attempts_or_progress(image):
    connection = broken(
        image,
        "UPDATE jobs SET origin = 'legacy', document_id = NULL WHERE coalesce(root_id, id) = 1;"
        "DELETE FROM attempts; DELETE FROM root_progress WHERE root_id = 1",
    )
    report = verify(connection)
    connection.close()
    assert_sound(report)


def test_verifying_writes_nothing_and_leaves_nothing_in_the_connection(image):
    connection = opened(image)
    connection.execute("PRAGMA query_only = 1")
    verify(connection)
    assert connection.serialize() == image
    assert connection.execute("SELECT count(*) FROM sqlite_temp_schema").fetchone() == (0,)
    assert connection.execute("PRAGMA query_only").fetchone() == (1,)
    connection.close()


@pytest.mark.unverified
async def test_all_checks_see_one_moment_while_others_write(library, ledger, monkeypatch):
    await populate(ledger)
    first = verify_module._database_is_sound

    def spoilt_after(connection):
        check = first(connection)
        with closing(sqlite3.connect(library.path, isolation_level=None)) as other:
            other.execute("DELETE FROM messages")
        return check

    with monkeypatch.context() as patched:
        patched.setattr(verify_module, "_database_is_sound", spoilt_after)
        assert_sound(await verify_library(library))
    assert failing(await verify_library(library)) == ["open_jobs_have_a_message"]


@pytest.mark.unverified
async def test_a_search_index_in_disorder_is_seen_and_can_be_built_anew(library, ledger):
    await populate(ledger)
    await library.write(lambda tx: tx.execute("DELETE FROM documents_fts_docsize WHERE id = 1"))
    assert failing(await verify_library(library)) == ["search_index_is_sound"]
    await library.write(rebuild_search_index)
    assert_sound(await verify_library(library))


async def test_cancelling_it_leaves_nothing_running(library, ledger, monkeypatch):
    await populate(ledger)
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def endless(connection):
        loop.call_soon_threadsafe(begun.set)
        connection.execute("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
        raise AssertionError("an endless query ended")

    with monkeypatch.context() as patched:
        patched.setattr(verify_module, "_database_is_sound", endless)
        task = asyncio.create_task(verify_library(library))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
