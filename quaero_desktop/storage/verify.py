"""The invariants of a library, each a named check that only reads (``quaero verify``, and after every test of a fault).

Trashed jobs and all below them count as gone (X6), in the counters too.
"""

import functools
import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import msgspec

from quaero_desktop.domain.jobs import MAX_TREE_DEPTH
from quaero_desktop.storage import errand, migrate, sqlite
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.errand import Errand

_EXAMPLES = 5
_OPEN = "('pending', 'running', 'paused')"
_CONTAINERS = "('crawl', 'definition_run')"
_FINAL = "('completed', 'failed', 'skipped', 'cancelled')"


class Check(msgspec.Struct, frozen=True):
    """One invariant and whether it holds.

    Attributes:
        name: stable, for programs.
        ok: whether it holds.
        detail: one line for a person: what holds, or how often and where it does not.
    """

    name: str
    ok: bool
    detail: str


class VerifyReport(msgspec.Struct, frozen=True):
    """All checks of a library.

    Attributes:
        ok: whether each of them holds.
        checks: in the order in which they were made.
    """

    ok: bool
    checks: tuple[Check, ...]


class _Invariant(msgspec.Struct, frozen=True):
    """A check whose query returns one row, with a label to find it by, for each place where it does not hold."""

    name: str
    holds: str
    broken: str
    sql: str


# "Gone" is a table of this connection alone: the trashed jobs and all below them.
_INVARIANTS = (
    _Invariant(
        "open_jobs_have_a_message",
        "each open job without children has exactly one live message",
        "open jobs that nothing will ever run",
        f"""
        SELECT 'job ' || j.id FROM jobs j
        WHERE j.status IN {_OPEN} AND NOT (j.parent_id IS NULL AND j.type IN {_CONTAINERS})
            AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.job_id = j.id AND m.state <> 'dead')
            AND NOT EXISTS (SELECT 1 FROM jobs c WHERE c.parent_id = j.id)
            AND j.id NOT IN (SELECT id FROM gone)
        """,
    ),
    _Invariant(
        "messages_have_an_open_job",
        "each live message of a job has an open one",
        "live messages of jobs that have ended",
        f"""
        SELECT 'message ' || m.id FROM messages m JOIN jobs j ON j.id = m.job_id
        WHERE m.state <> 'dead' AND j.status NOT IN {_OPEN} AND j.id NOT IN (SELECT id FROM gone)
        """,
    ),
    _Invariant(
        "messages_fit_their_job",
        "each message names its job's type and root",
        "messages that name another type or root than their job's",
        """
        SELECT 'message ' || m.id FROM messages m JOIN jobs j ON j.id = m.job_id
        WHERE m.root_id <> coalesce(j.root_id, j.id) OR m.type <> j.type
        """,
    ),
    _Invariant(
        "running_jobs_are_leased",
        "a child runs exactly while its message is leased",
        "children that run without a lease, or do not run with one",
        """
        SELECT 'job ' || j.id FROM messages m JOIN jobs j ON j.id = m.job_id
        WHERE j.parent_id IS NOT NULL AND m.state <> 'dead' AND j.status IN ('pending', 'running')
            AND (j.status = 'running') <> (m.state = 'leased') AND j.id NOT IN (SELECT id FROM gone)
        """,
    ),
    _Invariant(
        "leased_messages_have_an_owner",
        "a message has an owner and a time to end exactly while it is leased",
        "messages with a lease but no owner, or the reverse",
        """
        SELECT 'message ' || id FROM messages
        WHERE (state = 'leased') <> (owner IS NOT NULL) OR (state = 'leased') <> (lease_until IS NOT NULL)
        """,
    ),
    _Invariant(
        "only_deleted_jobs_are_set_aside",
        "only messages of deleted jobs are kept from being received",
        "messages that nobody will ever receive",
        """
        SELECT 'message ' || m.id FROM messages m
        WHERE m.queue GLOB '*.trash' AND (m.job_id IS NULL OR m.job_id NOT IN (SELECT id FROM gone))
        """,
    ),
    _Invariant(
        "urls_are_unique_in_a_root",
        "within a step of a root a URL is one job",
        "URLs with several jobs in one root",
        """
        SELECT 'root ' || root_id || ' ' || url FROM jobs WHERE url IS NOT NULL
        GROUP BY root_id, step, url HAVING count(*) > 1
        """,
    ),
    _Invariant(
        "urls_are_unique_in_a_source",
        "within a source a URL is one document",
        "URLs with several documents in one source",
        "SELECT 'source ' || source_id || ' ' || url FROM documents GROUP BY source_id, url HAVING count(*) > 1",
    ),
    _Invariant(
        "child_counts_are_right",
        "the counts of children equal a recount",
        "wrong counts of children",
        """
        SELECT 'job ' || parent_id || ' ' || type || ' ' || status FROM (
            SELECT parent_id, type, status, step, 1 AS n FROM jobs WHERE parent_id IS NOT NULL AND trashed_at IS NULL
            UNION ALL SELECT parent_id, type, status, step, -n FROM child_counts
        ) GROUP BY parent_id, type, status, step HAVING sum(n) <> 0
        """,
    ),
    _Invariant(
        "skip_counts_are_right",
        "the counts of refused URLs equal a recount",
        "wrong counts of refused URLs",
        """
        SELECT 'root ' || root_id || ' ' || reason FROM (
            SELECT root_id, reason, 1 AS n FROM skips UNION ALL SELECT root_id, reason, -n FROM skip_counts
        ) GROUP BY root_id, reason HAVING sum(n) <> 0
        """,
    ),
    _Invariant(
        "discovered_urls_add_up",
        "the URLs met by each crawl are its pages (done, failed, skipped, cancelled, queued) and its refused ones",
        "crawls that lost or invented a URL",
        """
        SELECT 'root ' || r.id || ': ' || coalesce(p.discovered, 'nothing') || ' met, '
            || (coalesce(pages.n, 0) + coalesce(refused.n, 0)) || ' accounted for'
        FROM jobs r LEFT JOIN root_progress p ON p.root_id = r.id
        LEFT JOIN (SELECT root_id, count(*) AS n FROM jobs
            WHERE type = 'crawler_url' AND id NOT IN (SELECT id FROM gone) GROUP BY root_id) pages
            ON pages.root_id = r.id
        LEFT JOIN (SELECT root_id, count(*) AS n FROM skips GROUP BY root_id) refused ON refused.root_id = r.id
        WHERE r.parent_id IS NULL AND r.origin <> 'legacy' AND (p.root_id IS NOT NULL OR r.type = 'crawl')
            AND p.discovered IS NOT coalesce(pages.n, 0) + coalesce(refused.n, 0)
            AND r.id NOT IN (SELECT id FROM gone)
        """,
    ),
    _Invariant(
        "stored_pages_add_up",
        "the number of pages stored by each crawl equals a recount",
        "crawls with a wrong number of stored pages",
        """
        SELECT 'root ' || r.id FROM jobs r JOIN root_progress p ON p.root_id = r.id
        LEFT JOIN (SELECT root_id, count(*) AS n FROM jobs
            WHERE type = 'crawler_url' AND status = 'completed'
                AND result ->> '$.change' IN ('new', 'changed', 'unchanged') AND id NOT IN (SELECT id FROM gone)
            GROUP BY root_id) stored ON stored.root_id = r.id
        WHERE r.origin <> 'legacy' AND p.documents <> coalesce(stored.n, 0) AND r.id NOT IN (SELECT id FROM gone)
        """,
    ),
    _Invariant(
        "changes_add_up",
        "the pages that each crawl found new, changed, unchanged and gone equal a recount",
        "crawls with wrong numbers of new, changed, unchanged or gone pages",
        """
        SELECT 'root ' || r.id FROM jobs r JOIN root_progress p ON p.root_id = r.id
        LEFT JOIN (SELECT root_id, count(*) FILTER (WHERE change = 'new') AS new_n,
                count(*) FILTER (WHERE change = 'changed') AS changed_n,
                count(*) FILTER (WHERE change = 'unchanged') AS unchanged_n,
                count(*) FILTER (WHERE change = 'gone') AS gone_n
            FROM (SELECT root_id, result ->> '$.change' AS change FROM jobs
                WHERE type = 'crawler_url' AND status IN ('completed', 'failed') AND result IS NOT NULL
                    AND id NOT IN (SELECT id FROM gone))
            GROUP BY root_id) found ON found.root_id = r.id
        WHERE r.origin <> 'legacy' AND r.id NOT IN (SELECT id FROM gone)
            AND (p.new_documents, p.changed_documents, p.unchanged_documents, p.gone_documents)
                <> (coalesce(new_n, 0), coalesce(changed_n, 0), coalesce(unchanged_n, 0), coalesce(gone_n, 0))
        """,
    ),
    _Invariant(
        "ended_roots_have_nothing_open",
        "nothing is open below a job that has ended",
        "open jobs below one that has ended",
        f"""
        SELECT 'job ' || j.id FROM jobs j JOIN jobs p ON p.id = j.parent_id JOIN jobs r ON r.id = j.root_id
        WHERE j.status IN {_OPEN} AND (p.status NOT IN {_OPEN} OR r.status NOT IN {_OPEN})
            AND j.id NOT IN (SELECT id FROM gone)
        """,
    ),
    _Invariant(
        "open_roots_have_something_open",
        "something is open below each root that is",
        "roots that will never end",
        f"""
        SELECT 'root ' || r.id FROM jobs r
        WHERE r.parent_id IS NULL AND r.status IN {_OPEN} AND r.type IN {_CONTAINERS}
            AND NOT EXISTS (SELECT 1 FROM jobs c WHERE c.root_id = r.id AND c.status IN {_OPEN}
                AND c.id NOT IN (SELECT id FROM gone))
            AND r.id NOT IN (SELECT id FROM gone)
        """,
    ),
    _Invariant(
        "steps_agree_with_their_jobs",
        "a step of a run goes on while a job of it is open, and none does in a run that has ended",
        "steps of runs whose state and jobs disagree",
        f"""
        WITH runs AS (SELECT r.id, r.status IN {_OPEN} AS is_open, p.step, p.steps,
                json_array_length(r.config, '$.steps') AS many
            FROM jobs r LEFT JOIN root_progress p ON p.root_id = r.id
            WHERE r.parent_id IS NULL AND r.type = 'definition_run' AND r.origin <> 'legacy'
                AND r.id NOT IN (SELECT id FROM gone)),
        states AS (SELECT runs.id, is_open, step, s.key + 1 AS number, s.value ->> '$.status' AS status,
                EXISTS (SELECT 1 FROM child_counts c WHERE c.parent_id = runs.id AND c.step = s.key + 1
                    AND c.status IN {_OPEN} AND c.n > 0) AS has_open
            FROM runs, json_each(runs.steps) s)
        SELECT 'root ' || id || ' step ' || number FROM states
        WHERE (status <> 'running' AND has_open) OR (NOT is_open AND status IN ('running', 'pending'))
            OR (status = 'running' AND number < step)
            -- Steps that were retried together end together.
            OR (status = 'running' AND NOT EXISTS (SELECT 1 FROM child_counts c
                WHERE c.parent_id = states.id AND c.status IN {_OPEN} AND c.n > 0))
        UNION ALL
        SELECT 'root ' || id FROM runs WHERE steps IS NULL OR json_array_length(steps) <> many
        UNION ALL
        SELECT 'job ' || j.id FROM runs JOIN jobs j ON j.parent_id = runs.id WHERE j.step NOT BETWEEN 0 AND runs.many
        """,
    ),
    _Invariant(
        "completed_pages_have_an_outcome",
        "each completed page has a document, a recorded reason, or one that was deleted as such",
        "completed pages without either",
        """
        SELECT 'job ' || id FROM jobs
        WHERE type = 'crawler_url' AND status = 'completed' AND document_id IS NULL
            AND (result IS NULL OR (result ->> '$.change' IS NOT NULL AND result ->> '$.deleted' IS NULL))
            AND origin <> 'legacy' AND id NOT IN (SELECT id FROM gone)
        """,
    ),
    _Invariant(
        "ended_jobs_have_an_end",
        "a job has a time of its end exactly when it has ended",
        "jobs whose status and time of end disagree",
        f"""
        SELECT 'job ' || id FROM jobs
        WHERE (status IN {_OPEN}) <> (completed_at IS NULL) AND origin <> 'legacy' AND id NOT IN (SELECT id FROM gone)
        """,
    ),
    _Invariant(
        "attempts_tell_the_end",
        "how each job ended stands among its attempts, once",
        "jobs whose attempts tell another story than their status",
        # What ended before it was ever handed out has no attempt.
        f"""
        SELECT 'job ' || id FROM jobs j
        WHERE parent_id IS NOT NULL AND origin <> 'legacy' AND status IN ('completed', 'failed', 'skipped')
            AND NOT EXISTS (SELECT 1 FROM attempts a
                WHERE a.job_id = j.id AND a.attempt = j.attempt AND a.outcome = j.status)
            AND id NOT IN (SELECT id FROM gone)
        UNION ALL
        SELECT 'job ' || a.job_id FROM attempts a JOIN jobs j ON j.id = a.job_id
        WHERE a.attempt > j.attempt OR (a.attempt = j.attempt AND a.outcome IN {_FINAL} AND a.outcome <> j.status)
        UNION ALL
        SELECT 'job ' || job_id FROM attempts WHERE outcome IN {_FINAL} GROUP BY job_id, attempt HAVING count(*) > 1
        """,
    ),
    _Invariant(
        "roots_are_the_top",
        "each job names the top of its tree as its root",
        "jobs that name another root than their parent does",
        """
        SELECT 'job ' || j.id FROM jobs j JOIN jobs p ON p.id = j.parent_id WHERE j.root_id <> coalesce(p.root_id, p.id)
        """,
    ),
    _Invariant(
        "duplicates_have_an_original",
        "each duplicate names a document of the same content and source that is none itself",
        "duplicates of something else",
        """
        SELECT 'document ' || d.id FROM documents d JOIN documents o ON o.id = d.duplicate_of
        WHERE o.content_hash <> d.content_hash OR o.source_id <> d.source_id OR o.duplicate_of IS NOT NULL
            OR o.id = d.id
        """,
    ),
    _Invariant(
        "documents_have_a_source_page",
        "what the server sent is kept for each crawled document",
        "crawled documents whose source page is missing",
        """
        SELECT 'document ' || d.id FROM documents d
        WHERE d.origin = 'crawl' AND NOT EXISTS (SELECT 1 FROM page_sources s WHERE s.document_id = d.id)
        """,
    ),
    _Invariant(
        "revisions_are_in_the_past",
        "no job is newer than the library's revision",
        "jobs newer than the library's revision",
        "SELECT 'job ' || id FROM jobs WHERE revision > (SELECT revision FROM library)",
    ),
)


async def verify_library(database: Database, progress: errand.Progress | None = None) -> VerifyReport:
    """Check every invariant of an open library on a connection of its own; work on the library goes on meanwhile.

    Args:
        database: the open library.
        progress: told how many of the checks are done.

    Raises:
        LibraryDamagedError: so damaged that it cannot be read at all.
        LibraryError: the world's fault.
    """
    return await errand.run(lambda work: _verify_file(work, database.path), progress)


def _verify_file(work: Errand, path: Path) -> VerifyReport:
    # Not one of the readers: its scratch tables would stay in their memory.
    with work.connected(path) as connection:
        return verify(connection, work.tell)


def verify(connection: sqlite3.Connection, progress: errand.Progress = lambda done, total: None) -> VerifyReport:
    """Check every invariant in one snapshot of the library. Memory stays bounded; the library is not written to.

    Args:
        connection: with no transaction open. A read-only one will do: the scratch tables are of its own temporary
            database, in memory or in a file as its ``temp_store`` says.
        progress: told how many of the checks are done.

    Raises:
        sqlite3.Error: as far as it is no damage that a check can tell of.
    """
    with _scratch(connection):
        checks = [_guarded("database_is_sound", _database_is_sound, connection)]
        # The others would only say in other words that the file cannot be read.
        if checks[0].ok:
            _note_gone(connection)
            for name, check in _CHECKS.items():
                progress(len(checks), len(_CHECKS) + 1)
                checks.append(_guarded(name, check, connection))
    return VerifyReport(all(check.ok for check in checks), tuple(checks))


@contextmanager
def _scratch(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold one snapshot, in which tables of the connection's own can be made; they vanish with it."""
    (query_only,) = connection.execute("PRAGMA query_only").fetchone()
    # query_only refuses temporary tables too. What keeps us from writing to the library is what we do not say.
    connection.execute("PRAGMA query_only = 0")
    try:
        connection.execute("BEGIN")
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute(f"PRAGMA query_only = {query_only}")


def _guarded(name: str, check: Callable[[sqlite3.Connection], Check], connection: sqlite3.Connection) -> Check:
    try:
        return check(connection)
    except sqlite3.DatabaseError as error:
        primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if primary not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        return Check(name, False, f"the database is damaged: {error}")


def _result(name: str, holds: str, broken: str, labels: Iterable[str]) -> Check:
    """Return a check that fails when there is a label; a million of them take no memory."""
    remaining = iter(labels)
    examples = list(islice(remaining, _EXAMPLES))
    if not examples:
        return Check(name, True, holds)
    count = len(examples) + sum(1 for _ in remaining)
    more = ", ..." if count > len(examples) else ""
    return Check(name, False, f"{count} {broken}: {', '.join(examples)}{more}")


def _hold(invariant: _Invariant, connection: sqlite3.Connection) -> Check:
    labels = (str(label) for (label,) in connection.execute(invariant.sql))
    return _result(invariant.name, invariant.holds, invariant.broken, labels)


def _note_gone(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TEMP TABLE gone (id INTEGER PRIMARY KEY)")
    connection.execute(
        "INSERT INTO gone WITH RECURSIVE below (id) AS ("
        " SELECT id FROM jobs WHERE trashed_at IS NOT NULL"
        " UNION SELECT j.id FROM jobs j JOIN below ON j.parent_id = below.id) SELECT id FROM below"
    )


def _database_is_sound(connection: sqlite3.Connection) -> Check:
    faults = [fault for (fault,) in connection.execute(f"PRAGMA integrity_check({_EXAMPLES})")]
    if faults == ["ok"]:
        return Check("database_is_sound", True, "SQLite finds no fault in the file")
    return Check("database_is_sound", False, "; ".join(faults))


def _library_is_marked(connection: sqlite3.Connection) -> Check:
    (identity,) = connection.execute("PRAGMA application_id").fetchone()
    version, newest = migrate.version_of(connection), migrate.shipped()[-1].version
    rows = connection.execute("SELECT id FROM library").fetchall()
    ok = identity == sqlite.APPLICATION_ID and version == newest and rows == [(1,)]
    detail = f"a library of version {version}"
    if not ok:
        detail += f", marked {identity:#x}, with {len(rows)} rows about itself; this Quaero's have version {newest}"
    return Check("library_is_marked", ok, detail)


def _references_exist(connection: sqlite3.Connection) -> Check:
    labels = (f"{row[0]} -> {row[2]}" for row in connection.execute("PRAGMA foreign_key_check"))
    return _result("references_exist", "every reference has its target", "references to what does not exist", labels)


def _trees_are_shallow(connection: sqlite3.Connection) -> Check:
    # Children of roots are fine, and normally there are no others.
    deep = connection.execute(
        "SELECT j.id, j.parent_id FROM jobs j JOIN jobs p ON p.id = j.parent_id WHERE p.parent_id IS NOT NULL"
    )
    labels = (f"job {job_id}" for job_id, parent_id in deep if not _reaches_the_top(connection, parent_id))
    return _result(
        "trees_are_shallow",
        f"no tree of jobs is deeper than {MAX_TREE_DEPTH} or runs in a circle",
        f"jobs deeper than {MAX_TREE_DEPTH} or in a circle",
        labels,
    )


def _reaches_the_top(connection: sqlite3.Connection, job_id: int) -> bool:
    above: int | None = job_id
    for _ in range(MAX_TREE_DEPTH):
        row = connection.execute("SELECT parent_id FROM jobs WHERE id = ?", (above,)).fetchone()
        above = row[0] if row is not None else None
        if above is None:
            return True
    return False


def _content_hashes_are_right(connection: sqlite3.Connection) -> Check:
    return _result(
        "content_hashes_are_right",
        "the hash of every document and version is that of its markdown",
        "documents whose hash is not that of their markdown",
        _wrong_hashes(connection),
    )


def _wrong_hashes(connection: sqlite3.Connection) -> Iterator[str]:
    for label, sql in (
        ("document", "SELECT id, content_hash, markdown FROM documents"),
        ("version of document", "SELECT document_id, content_hash, markdown FROM document_versions"),
    ):
        for row_id, content_hash, markdown in connection.execute(sql):
            if hashlib.sha256(markdown.encode()).hexdigest() != content_hash:
                yield f"{label} {row_id}"


def _search_index_is_sound(connection: sqlite3.Connection) -> Check:
    name = "search_index_is_sound"
    (documents,) = connection.execute("SELECT count(*) FROM documents").fetchone()
    (indexed,) = connection.execute("SELECT count(*) FROM documents_fts_docsize").fetchone()
    if documents != indexed:
        return Check(name, False, f"{documents} documents, {indexed} of them in the full-text index")
    if not search_index_agrees(connection):
        return Check(name, False, "the full-text index does not agree with the documents")
    return Check(name, True, f"the full-text index agrees with all {documents} documents")


async def search_index_is_sound(database: Database) -> bool:
    """Return whether the full-text index agrees with the documents, on a connection of its own."""
    return await errand.run(lambda work: _file_is_sound(work, database.path))


def _file_is_sound(work: Errand, path: Path) -> bool:
    with work.connected(path) as connection, _scratch(connection):
        return _guarded("search_index_is_sound", _search_index_is_sound, connection).ok


def search_index_agrees(connection: sqlite3.Connection) -> bool:
    """Return whether the full-text index says of each document exactly what stands in it.

    Only FTS5's own integrity-check with rank 1 can tell, and that is an INSERT, which a read-only connection refuses.
    So it runs over a temporary index with a copy of this one's pages, whose content is a view of the documents.
    (https://www.sqlite.org/fts5.html#the_integrity_check_command)

    Args:
        connection: in a transaction, and not ``query_only``; the copy goes when the transaction is rolled back.
    """
    (definition,) = connection.execute("SELECT sql FROM main.sqlite_schema WHERE name = 'documents_fts'").fetchone()
    copied = definition.replace("TABLE documents_fts", "TABLE temp.index_copy").replace("'documents'", "'indexed'")
    connection.execute("CREATE TEMP VIEW indexed AS SELECT id, search_title, search_text FROM main.documents")
    connection.execute(copied)
    for part in ("data", "idx", "docsize", "config"):
        connection.execute(f"DELETE FROM temp.index_copy_{part}")
        connection.execute(f"INSERT INTO temp.index_copy_{part} SELECT * FROM main.documents_fts_{part}")
    try:
        connection.execute("INSERT INTO temp.index_copy (index_copy, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CORRUPT_VTAB:
            return False
        raise
    return True


_CHECKS: dict[str, Callable[[sqlite3.Connection], Check]] = {
    "library_is_marked": _library_is_marked,
    "references_exist": _references_exist,
    **{invariant.name: functools.partial(_hold, invariant) for invariant in _INVARIANTS},
    "trees_are_shallow": _trees_are_shallow,
    "content_hashes_are_right": _content_hashes_are_right,
    "search_index_is_sound": _search_index_is_sound,
}
