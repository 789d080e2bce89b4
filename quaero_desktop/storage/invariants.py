"""The invariants of a library that one query can tell of; :mod:`quaero_desktop.storage.verify` checks them.

Trashed jobs and all below them count as gone (X6), in the counters too: they stand in ``gone``, a table of the
connection that checks.
"""

import msgspec

from quaero_desktop.storage.fragments import OPEN

_CONTAINERS = "('crawl', 'definition_run')"
_FINAL = "('completed', 'failed', 'skipped', 'cancelled')"


class Invariant(msgspec.Struct, frozen=True):
    """A check whose query returns one row, with a label to find it by, for each place where it does not hold."""

    name: str
    holds: str
    broken: str
    sql: str


INVARIANTS = (
    Invariant(
        "open_jobs_have_a_message",
        "each open job without children has exactly one live message",
        "open jobs that nothing will ever run",
        f"""
        SELECT 'job ' || j.id FROM jobs j
        WHERE j.status IN {OPEN} AND NOT (j.parent_id IS NULL AND j.type IN {_CONTAINERS})
            AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.job_id = j.id AND m.state <> 'dead')
            AND NOT EXISTS (SELECT 1 FROM jobs c WHERE c.parent_id = j.id)
            AND j.id NOT IN (SELECT id FROM gone)
        """,
    ),
    Invariant(
        "messages_have_an_open_job",
        "each live message of a job has an open one",
        "live messages of jobs that have ended",
        f"""
        SELECT 'message ' || m.id FROM messages m JOIN jobs j ON j.id = m.job_id
        WHERE m.state <> 'dead' AND j.status NOT IN {OPEN} AND j.id NOT IN (SELECT id FROM gone)
        """,
    ),
    Invariant(
        "messages_fit_their_job",
        "each message names its job's type and root",
        "messages that name another type or root than their job's",
        """
        SELECT 'message ' || m.id FROM messages m JOIN jobs j ON j.id = m.job_id
        WHERE m.root_id <> coalesce(j.root_id, j.id) OR m.type <> j.type
        """,
    ),
    Invariant(
        "running_jobs_are_leased",
        "a child runs exactly while its message is leased",
        "children that run without a lease, or do not run with one",
        """
        SELECT 'job ' || j.id FROM messages m JOIN jobs j ON j.id = m.job_id
        WHERE j.parent_id IS NOT NULL AND m.state <> 'dead' AND j.status IN ('pending', 'running')
            AND (j.status = 'running') <> (m.state = 'leased') AND j.id NOT IN (SELECT id FROM gone)
        """,
    ),
    Invariant(
        "leased_messages_have_an_owner",
        "a message has an owner and a time to end exactly while it is leased",
        "messages with a lease but no owner, or the reverse",
        """
        SELECT 'message ' || id FROM messages
        WHERE (state = 'leased') <> (owner IS NOT NULL) OR (state = 'leased') <> (lease_until IS NOT NULL)
        """,
    ),
    Invariant(
        "only_deleted_jobs_are_set_aside",
        "only messages of deleted jobs are kept from being received",
        "messages that nobody will ever receive",
        """
        SELECT 'message ' || m.id FROM messages m
        WHERE m.queue GLOB '*.trash' AND (m.job_id IS NULL OR m.job_id NOT IN (SELECT id FROM gone))
        """,
    ),
    Invariant(
        "urls_are_unique_in_a_root",
        "within a step of a root a URL is one job",
        "URLs with several jobs in one root",
        """
        SELECT 'root ' || root_id || ' ' || url FROM jobs WHERE url IS NOT NULL
        GROUP BY root_id, step, url HAVING count(*) > 1
        """,
    ),
    Invariant(
        "urls_are_unique_in_a_source",
        "within a source a URL is one document",
        "URLs with several documents in one source",
        "SELECT 'source ' || source_id || ' ' || url FROM documents GROUP BY source_id, url HAVING count(*) > 1",
    ),
    Invariant(
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
    Invariant(
        "skip_counts_are_right",
        "the counts of refused URLs equal a recount",
        "wrong counts of refused URLs",
        """
        SELECT 'root ' || root_id || ' ' || reason FROM (
            SELECT root_id, reason, 1 AS n FROM skips UNION ALL SELECT root_id, reason, -n FROM skip_counts
        ) GROUP BY root_id, reason HAVING sum(n) <> 0
        """,
    ),
    Invariant(
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
    Invariant(
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
    Invariant(
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
    Invariant(
        "ended_roots_have_nothing_open",
        "nothing is open below a job that has ended",
        "open jobs below one that has ended",
        f"""
        SELECT 'job ' || j.id FROM jobs j JOIN jobs p ON p.id = j.parent_id JOIN jobs r ON r.id = j.root_id
        WHERE j.status IN {OPEN} AND (p.status NOT IN {OPEN} OR r.status NOT IN {OPEN})
            AND j.id NOT IN (SELECT id FROM gone)
        """,
    ),
    Invariant(
        "open_roots_have_something_open",
        "something is open below each root that is",
        "roots that will never end",
        f"""
        SELECT 'root ' || r.id FROM jobs r
        WHERE r.parent_id IS NULL AND r.status IN {OPEN} AND r.type IN {_CONTAINERS}
            AND NOT EXISTS (SELECT 1 FROM jobs c WHERE c.root_id = r.id AND c.status IN {OPEN}
                AND c.id NOT IN (SELECT id FROM gone))
            AND r.id NOT IN (SELECT id FROM gone)
        """,
    ),
    Invariant(
        "steps_agree_with_their_jobs",
        "a step of a run goes on while a job of it is open, and none does in a run that has ended",
        "steps of runs whose state and jobs disagree",
        f"""
        WITH runs AS (SELECT r.id, r.status IN {OPEN} AS is_open, p.step, p.steps,
                json_array_length(r.config, '$.steps') AS many
            FROM jobs r LEFT JOIN root_progress p ON p.root_id = r.id
            WHERE r.parent_id IS NULL AND r.type = 'definition_run' AND r.origin <> 'legacy'
                AND r.id NOT IN (SELECT id FROM gone)),
        states AS (SELECT runs.id, is_open, step, s.key + 1 AS number, s.value ->> '$.status' AS status,
                EXISTS (SELECT 1 FROM child_counts c WHERE c.parent_id = runs.id AND c.step = s.key + 1
                    AND c.status IN {OPEN} AND c.n > 0) AS has_open
            FROM runs, json_each(runs.steps) s)
        SELECT 'root ' || id || ' step ' || number FROM states
        WHERE (status <> 'running' AND has_open) OR (NOT is_open AND status IN ('running', 'pending'))
            OR (status = 'running' AND number < step)
            -- Steps that were retried together end together.
            OR (status = 'running' AND NOT EXISTS (SELECT 1 FROM child_counts c
                WHERE c.parent_id = states.id AND c.status IN {OPEN} AND c.n > 0))
        UNION ALL
        SELECT 'root ' || id FROM runs WHERE steps IS NULL OR json_array_length(steps) <> many
        UNION ALL
        SELECT 'job ' || j.id FROM runs JOIN jobs j ON j.parent_id = runs.id WHERE j.step NOT BETWEEN 0 AND runs.many
        """,
    ),
    Invariant(
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
    Invariant(
        "ended_jobs_have_an_end",
        "a job has a time of its end exactly when it has ended",
        "jobs whose status and time of end disagree",
        f"""
        SELECT 'job ' || id FROM jobs
        WHERE (status IN {OPEN}) <> (completed_at IS NULL) AND origin <> 'legacy' AND id NOT IN (SELECT id FROM gone)
        """,
    ),
    Invariant(
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
    Invariant(
        "roots_are_the_top",
        "each job names the top of its tree as its root",
        "jobs that name another root than their parent does",
        """
        SELECT 'job ' || j.id FROM jobs j JOIN jobs p ON p.id = j.parent_id WHERE j.root_id <> coalesce(p.root_id, p.id)
        """,
    ),
    Invariant(
        "duplicates_have_an_original",
        "each duplicate names a document of the same content and source that is none itself",
        "duplicates of something else",
        """
        SELECT 'document ' || d.id FROM documents d JOIN documents o ON o.id = d.duplicate_of
        WHERE o.content_hash <> d.content_hash OR o.source_id <> d.source_id OR o.duplicate_of IS NOT NULL
            OR o.id = d.id
        """,
    ),
    Invariant(
        "documents_have_a_source_page",
        "what the server sent is kept for each crawled document",
        "crawled documents whose source page is missing",
        """
        SELECT 'document ' || d.id FROM documents d
        WHERE d.origin = 'crawl' AND NOT EXISTS (SELECT 1 FROM page_sources s WHERE s.document_id = d.id)
        """,
    ),
    Invariant(
        "revisions_are_in_the_past",
        "no job is newer than the library's revision",
        "jobs newer than the library's revision",
        "SELECT 'job ' || id FROM jobs WHERE revision > (SELECT revision FROM library)",
    ),
)
