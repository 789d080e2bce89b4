-- The first schema. Times are integer milliseconds UTC; JSON columns are checked; every table is STRICT.

-- One row: what belongs to the library as a whole.
CREATE TABLE library (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    created_at INTEGER NOT NULL,
    revision   INTEGER NOT NULL             -- raised by each commit; rows remember the one that changed them last
) STRICT;

-- The secret itself lives in the keyring of the operating system; here is a reference and what may be shown.
CREATE TABLE credentials (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    origin     TEXT NOT NULL,               -- scheme://host[:port]; it is sent nowhere else
    kind       TEXT NOT NULL CHECK (kind IN ('cookies', 'bearer', 'basic', 'header')),
    keyring_id TEXT,                        -- NULL when there is no keyring: asked for at each start
    tail       TEXT NOT NULL DEFAULT '',    -- the last four characters
    login_url  TEXT NOT NULL DEFAULT '',    -- where signing in is done, as far as it is known
    legacy_id  TEXT UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sources (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL,
    base_url      TEXT NOT NULL,
    automatic     INTEGER NOT NULL DEFAULT 0 CHECK (automatic IN (0, 1)),  -- made for the origin of a crawl without one
    enabled       INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    rules         TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(rules)),
    credential_id INTEGER REFERENCES credentials (id) ON DELETE SET NULL,
    legacy_id     TEXT UNIQUE,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX sources_automatic ON sources (base_url) WHERE automatic = 1;
CREATE INDEX sources_credential ON sources (credential_id) WHERE credential_id IS NOT NULL;

CREATE TABLE definitions (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT NOT NULL UNIQUE,
    body            TEXT NOT NULL CHECK (json_valid(body)),
    enabled         INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    schedule_paused INTEGER NOT NULL DEFAULT 0 CHECK (schedule_paused IN (0, 1)),
    last_run        INTEGER,
    checked_until   INTEGER,                -- up to when the moments of its schedule are dealt with
    legacy_id       TEXT UNIQUE,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE documents (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    source_id     INTEGER NOT NULL REFERENCES sources (id),
    url           TEXT NOT NULL,
    title         TEXT NOT NULL,
    content_type  TEXT NOT NULL,
    content_hash  TEXT NOT NULL,            -- SHA-256 of the markdown's UTF-8, in hex
    version       INTEGER NOT NULL DEFAULT 1,
    duplicate_of  INTEGER REFERENCES documents (id) ON DELETE SET NULL,
    description   TEXT NOT NULL DEFAULT '',
    language      TEXT NOT NULL DEFAULT '',
    author        TEXT NOT NULL DEFAULT '',
    published_at  INTEGER,
    metadata      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metadata)),
    truncated     INTEGER NOT NULL DEFAULT 0 CHECK (truncated IN (0, 1)),
    thin          INTEGER NOT NULL DEFAULT 0 CHECK (thin IN (0, 1)),
    extractor     INTEGER NOT NULL DEFAULT 0,
    etag          TEXT,
    last_modified TEXT,
    fetched_at    INTEGER NOT NULL,         -- when its bytes were last received
    checked_at    INTEGER NOT NULL,         -- when the server last confirmed it
    changed_at    INTEGER NOT NULL,         -- when this version was stored
    gone_at       INTEGER,
    origin        TEXT NOT NULL DEFAULT 'crawl' CHECK (origin IN ('crawl', 'legacy')),
    legacy_id     TEXT UNIQUE,
    -- The long texts stand last, so that lists never read the overflow pages they fill.
    search_title  TEXT NOT NULL,            -- the title as it is indexed: CJK characters set apart
    markdown      TEXT NOT NULL,
    search_text   TEXT NOT NULL,            -- the markdown without markup, as it is indexed
    UNIQUE (source_id, url)
) STRICT;
CREATE INDEX documents_url ON documents (url);
CREATE INDEX documents_hash ON documents (content_hash);
-- Covering: filters by date and language never read the documents themselves.
CREATE INDEX documents_fetched ON documents (fetched_at, published_at, language);
CREATE INDEX documents_duplicate ON documents (duplicate_of) WHERE duplicate_of IS NOT NULL;

-- Earlier versions of changed documents (D4).
CREATE TABLE document_versions (
    document_id  INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    version      INTEGER NOT NULL,
    title        TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    changed_at   INTEGER NOT NULL,
    markdown     TEXT NOT NULL,
    PRIMARY KEY (document_id, version)
) STRICT;

-- What the server sent, compressed with zlib, so that a page can be extracted again without a fetch.
CREATE TABLE page_sources (
    document_id INTEGER PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    charset     TEXT NOT NULL,
    links       BLOB NOT NULL,              -- canonical URLs, one a line, zlib
    body        BLOB NOT NULL
) STRICT;

-- What a document says in short. It belongs to the content that it was made from.
CREATE TABLE document_summaries (
    document_id  INTEGER PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    content_hash TEXT NOT NULL,
    method       TEXT NOT NULL,             -- extractive, or the name of a language model
    summary      TEXT NOT NULL,
    keywords     TEXT NOT NULL CHECK (json_valid(keywords)),
    made_at      INTEGER NOT NULL
) STRICT;

CREATE VIRTUAL TABLE documents_fts USING fts5 (
    search_title, search_text,
    content = 'documents', content_rowid = 'id',
    tokenize = "unicode61 remove_diacritics 2"
);
-- External content needs the OLD values to forget a row, or the index goes quietly out of step.
CREATE TRIGGER documents_fts_insert AFTER INSERT ON documents BEGIN
    INSERT INTO documents_fts (rowid, search_title, search_text) VALUES (new.id, new.search_title, new.search_text);
END;
CREATE TRIGGER documents_fts_delete AFTER DELETE ON documents BEGIN
    INSERT INTO documents_fts (documents_fts, rowid, search_title, search_text)
    VALUES ('delete', old.id, old.search_title, old.search_text);
END;
CREATE TRIGGER documents_fts_update AFTER UPDATE OF search_title, search_text ON documents BEGIN
    INSERT INTO documents_fts (documents_fts, rowid, search_title, search_text)
    VALUES ('delete', old.id, old.search_title, old.search_text);
    INSERT INTO documents_fts (rowid, search_title, search_text) VALUES (new.id, new.search_title, new.search_text);
END;

CREATE TABLE jobs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    parent_id     INTEGER REFERENCES jobs (id) ON DELETE CASCADE,
    root_id       INTEGER REFERENCES jobs (id) ON DELETE CASCADE,   -- NULL for a root
    type          TEXT NOT NULL,
    phase         TEXT NOT NULL DEFAULT 'core' CHECK (phase IN ('pre', 'core', 'post')),
    status        TEXT NOT NULL CHECK (
        status IN ('pending', 'running', 'paused', 'completed', 'failed', 'cancelled', 'skipped')
    ),
    step          INTEGER NOT NULL DEFAULT 0,   -- which step of its root it belongs to
    url           TEXT,
    name          TEXT,                         -- NULL for pages: their URL is their name
    title         TEXT,                         -- of the document it stored, shortened: a million are sorted by it
    depth         INTEGER NOT NULL DEFAULT 0,   -- links from a seed by the shortest known path
    found_on      INTEGER,                      -- the job whose page named it first; NULL for a seed. See skips
    attempt       INTEGER NOT NULL DEFAULT 1,
    created_at    INTEGER NOT NULL,
    started_at    INTEGER,
    completed_at  INTEGER,
    cause         TEXT,
    error         TEXT,
    http_status   INTEGER,
    bytes         INTEGER,                      -- of the body, as it came over the wire
    elapsed_ms    INTEGER,                      -- from the request to its last byte
    document_id   INTEGER REFERENCES documents (id) ON DELETE SET NULL,
    warnings      INTEGER NOT NULL DEFAULT 0,
    config        TEXT CHECK (config IS NULL OR json_valid(config)),     -- roots: the snapshot that a rerun repeats
    payload       TEXT CHECK (payload IS NULL OR json_valid(payload)),
    result        TEXT CHECK (result IS NULL OR json_valid(result)),
    source_id     INTEGER REFERENCES sources (id) ON DELETE SET NULL,
    definition_id INTEGER REFERENCES definitions (id) ON DELETE SET NULL,
    rerun_of      INTEGER REFERENCES jobs (id) ON DELETE SET NULL,
    triggered_by  INTEGER REFERENCES jobs (id) ON DELETE SET NULL,
    origin        TEXT NOT NULL DEFAULT 'quaero' CHECK (origin IN ('quaero', 'legacy')),
    legacy_id     TEXT UNIQUE,
    trashed_at    INTEGER,
    revision      INTEGER NOT NULL,
    CHECK ((parent_id IS NULL) = (root_id IS NULL)),
    CHECK (status <> 'paused' OR parent_id IS NULL)
) STRICT;
-- J2: within one step of a root a URL is one job. NULLs never collide, so jobs that are not pages are free.
CREATE UNIQUE INDEX jobs_page ON jobs (root_id, step, url);
CREATE INDEX jobs_children ON jobs (parent_id, status);
-- The orders that people want most of a million pages begin at once, and need no sorting. A crawled page costs 20 ms of
-- processor time, all three of them together a four-hundredth of that.
CREATE INDEX jobs_by_title ON jobs (parent_id, nullif(lower(coalesce(title, name)), '')) WHERE parent_id IS NOT NULL;
CREATE INDEX jobs_by_size ON jobs (parent_id, bytes) WHERE parent_id IS NOT NULL;
CREATE INDEX jobs_by_time ON jobs (parent_id, elapsed_ms) WHERE parent_id IS NOT NULL;
-- Few of many: they are left out of lists of pages.
CREATE INDEX jobs_preparations ON jobs (parent_id) WHERE type IN ('validate', 'sitemap', 'prerequisite');
CREATE INDEX jobs_open_roots ON jobs (id) WHERE parent_id IS NULL AND status IN ('pending', 'running', 'paused');
CREATE INDEX jobs_roots ON jobs (created_at) WHERE parent_id IS NULL;
CREATE INDEX jobs_revision ON jobs (revision);
CREATE INDEX jobs_document ON jobs (document_id) WHERE document_id IS NOT NULL;
CREATE INDEX jobs_source ON jobs (source_id) WHERE source_id IS NOT NULL;
CREATE INDEX jobs_definition ON jobs (definition_id) WHERE definition_id IS NOT NULL;
CREATE INDEX jobs_rerun_of ON jobs (rerun_of) WHERE rerun_of IS NOT NULL;
CREATE INDEX jobs_triggered_by ON jobs (triggered_by) WHERE triggered_by IS NOT NULL;
CREATE INDEX jobs_trashed ON jobs (trashed_at) WHERE trashed_at IS NOT NULL;

-- How many children of which type, in which step, are in which status, but for those in the trash: kept by the database
-- in the transaction of the work itself, so a list never groups a million rows (J7).
CREATE TABLE child_counts (
    parent_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    type      TEXT NOT NULL,
    status    TEXT NOT NULL,
    step      INTEGER NOT NULL,
    n         INTEGER NOT NULL,
    PRIMARY KEY (parent_id, type, status, step)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER jobs_count_insert AFTER INSERT ON jobs
WHEN new.parent_id IS NOT NULL AND new.trashed_at IS NULL BEGIN
    INSERT INTO child_counts VALUES (new.parent_id, new.type, new.status, new.step, 1)
    ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER jobs_count_delete AFTER DELETE ON jobs
WHEN old.parent_id IS NOT NULL AND old.trashed_at IS NULL BEGIN
    UPDATE child_counts SET n = n - 1
    WHERE parent_id = old.parent_id AND type = old.type AND status = old.status AND step = old.step;
END;
CREATE TRIGGER jobs_count_update AFTER UPDATE OF status ON jobs
WHEN new.parent_id IS NOT NULL AND new.status <> old.status AND new.trashed_at IS NULL AND old.trashed_at IS NULL BEGIN
    UPDATE child_counts SET n = n - 1
    WHERE parent_id = old.parent_id AND type = old.type AND status = old.status AND step = old.step;
    INSERT INTO child_counts VALUES (new.parent_id, new.type, new.status, new.step, 1)
    ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER jobs_count_trash AFTER UPDATE OF trashed_at ON jobs
WHEN new.parent_id IS NOT NULL AND new.trashed_at IS NOT NULL AND old.trashed_at IS NULL BEGIN
    UPDATE child_counts SET n = n - 1
    WHERE parent_id = old.parent_id AND type = old.type AND status = old.status AND step = old.step;
END;
CREATE TRIGGER jobs_count_restore AFTER UPDATE OF trashed_at ON jobs
WHEN new.parent_id IS NOT NULL AND new.trashed_at IS NULL AND old.trashed_at IS NOT NULL BEGIN
    INSERT INTO child_counts VALUES (new.parent_id, new.type, new.status, new.step, 1)
    ON CONFLICT DO UPDATE SET n = n + 1;
END;

-- What a root has done so far, beside the counts of its children.
CREATE TABLE root_progress (
    root_id             INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    discovered          INTEGER NOT NULL DEFAULT 0,     -- URLs ever met: pages and skips
    documents           INTEGER NOT NULL DEFAULT 0,     -- pages that ended with a document; the sum of the next three
    new_documents       INTEGER NOT NULL DEFAULT 0,
    changed_documents   INTEGER NOT NULL DEFAULT 0,
    unchanged_documents INTEGER NOT NULL DEFAULT 0,
    gone_documents      INTEGER NOT NULL DEFAULT 0,     -- of pages that ended without: what they had is gone since
    ended_before        INTEGER NOT NULL DEFAULT 0,     -- pages that had ended when its attempt of now began
    bytes               INTEGER NOT NULL DEFAULT 0,
    current_url         TEXT,
    heartbeat_at        INTEGER,
    step                INTEGER NOT NULL DEFAULT 0,     -- of a definition's run: the one that is under way
    steps               TEXT CHECK (steps IS NULL OR json_valid(steps)),    -- of a definition's run: where each is
    deadline_at         INTEGER,                        -- of a run: when it has taken too long; see storage/deadlines.py
    paused_at           INTEGER                         -- while it is paused the deadline waits
) STRICT;
CREATE INDEX root_progress_deadline ON root_progress (deadline_at) WHERE deadline_at IS NOT NULL;

-- URLs that were refused when they were found. found_on is the job whose page named it first; no foreign key, since it
-- outlives the page.
CREATE TABLE skips (
    root_id  INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    step     INTEGER NOT NULL DEFAULT 0,
    url      TEXT NOT NULL,
    depth    INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    rule     TEXT NOT NULL,
    found_on INTEGER,
    found_at INTEGER NOT NULL,
    PRIMARY KEY (root_id, url, step)            -- in this order, so that a root's are read by URL without sorting them
) STRICT, WITHOUT ROWID;
CREATE INDEX skips_reason ON skips (root_id, reason);

CREATE TABLE skip_counts (
    root_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    reason  TEXT NOT NULL,
    n       INTEGER NOT NULL,
    PRIMARY KEY (root_id, reason)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER skips_count_insert AFTER INSERT ON skips BEGIN
    INSERT INTO skip_counts VALUES (new.root_id, new.reason, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER skips_count_delete AFTER DELETE ON skips BEGIN
    UPDATE skip_counts SET n = n - 1 WHERE root_id = old.root_id AND reason = old.reason;
END;
CREATE TRIGGER skips_count_update AFTER UPDATE OF reason ON skips WHEN new.reason <> old.reason BEGIN
    UPDATE skip_counts SET n = n - 1 WHERE root_id = old.root_id AND reason = old.reason;
    INSERT INTO skip_counts VALUES (new.root_id, new.reason, 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;

-- One row for each delivery of a job's message that ended (J10).
CREATE TABLE attempts (
    job_id      INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    attempt     INTEGER NOT NULL,
    delivery    INTEGER NOT NULL,
    started_at  INTEGER,
    ended_at    INTEGER NOT NULL,
    outcome     TEXT NOT NULL CHECK (
        outcome IN ('completed', 'failed', 'retried', 'skipped', 'cancelled', 'released', 'interrupted')
    ),
    cause       TEXT,
    error       TEXT,
    http_status INTEGER,
    PRIMARY KEY (job_id, attempt, delivery)
) STRICT, WITHOUT ROWID;

CREATE TABLE job_logs (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id  INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    root_id INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    level   INTEGER NOT NULL CHECK (level BETWEEN 0 AND 3),    -- debug, info, warn, error
    message TEXT NOT NULL
) STRICT;
CREATE INDEX job_logs_job ON job_logs (job_id);
CREATE INDEX job_logs_root ON job_logs (root_id);
-- Warnings and errors are few among the lines of what went well: the newest of them are found without reading those.
CREATE INDEX job_logs_trouble ON job_logs (id) WHERE level >= 2;
CREATE INDEX job_logs_root_trouble ON job_logs (root_id) WHERE level >= 2;

-- The queue. Separate states with partial indexes keep a claim flat at a million rows (Q9).
CREATE TABLE messages (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,     -- also the sequence: first in, first out
    queue       TEXT NOT NULL CHECK (queue <> ''),
    job_id      INTEGER UNIQUE REFERENCES jobs (id) ON DELETE CASCADE,
    root_id     INTEGER NOT NULL DEFAULT 0,            -- whose turn it takes; 0 for none
    lane        TEXT NOT NULL DEFAULT '',
    type        TEXT NOT NULL DEFAULT '',
    payload     TEXT NOT NULL,                         -- JSON; what does not decode becomes a dead letter, not an error
    priority    INTEGER NOT NULL DEFAULT 0,
    state       TEXT NOT NULL CHECK (state IN ('ready', 'delayed', 'leased', 'alone', 'dead')),
    ready_at    INTEGER,                               -- delayed: when it becomes ready
    owner       TEXT,                                  -- leased: by which run of the engine
    lease_until INTEGER,                               -- leased: until when
    delivery    INTEGER NOT NULL DEFAULT 0,            -- raised by each receive: the fence (Q2)
    tries       INTEGER NOT NULL DEFAULT 0,            -- receives but for those released, snoozed or interrupted
    crashes     INTEGER NOT NULL DEFAULT 0,            -- how often the process died while it ran
    waiting     INTEGER NOT NULL DEFAULT 0 CHECK (waiting IN (0, 1)),  -- leased: for somebody else; see Queue.recover
    reason      TEXT,                                  -- dead: why
    died_at     INTEGER,
    created_at  INTEGER NOT NULL,
    CHECK ((state = 'leased') = (owner IS NOT NULL)),
    CHECK ((state = 'leased') = (lease_until IS NOT NULL)),
    CHECK ((state = 'delayed') = (ready_at IS NOT NULL)),
    CHECK ((state = 'dead') = (reason IS NOT NULL))
) STRICT;
CREATE INDEX messages_ready ON messages (queue, root_id, lane, priority DESC, id) WHERE state = 'ready';
CREATE INDEX messages_delayed ON messages (queue, ready_at) WHERE state = 'delayed';
CREATE INDEX messages_leased ON messages (queue, lease_until) WHERE state = 'leased';
CREATE INDEX messages_alone ON messages (queue, crashes, id) WHERE state = 'alone';
CREATE INDEX messages_dead ON messages (queue, id) WHERE state = 'dead';
CREATE INDEX messages_root ON messages (root_id);

-- Lanes that have to rest: the host asked for it, or is in trouble (Q4).
CREATE TABLE lanes (
    lane       TEXT PRIMARY KEY,
    held_until INTEGER NOT NULL,
    reason     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What was deleted and why: no cascade reaches it (X2).
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    level  INTEGER NOT NULL CHECK (level BETWEEN 0 AND 3),
    action TEXT NOT NULL,
    job_id INTEGER,
    detail TEXT NOT NULL CHECK (json_valid(detail))
) STRICT;
