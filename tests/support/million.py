"""A library with one huge crawl, sound in every invariant, made in a minute: what measurements of lists need."""

import hashlib
import random
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.storage import migrate, sqlite

NOW = 1_700_000_000_000
ORIGIN = "https://docs.huge.test"
ROOT = 1
"""The id of the root; its children follow from 2."""
QUEUE = "jobs"
_SOURCE = 1
_BATCH = 50_000

FAILURES = (
    ("not_found", 404, "There is no such page (404)."),
    ("http_5xx", 503, "The server had a problem (503)."),
    ("http_5xx", 500, "The server had a problem (500)."),
    ("rate_limited", 429, "The server asked us to slow down (429)."),
    ("forbidden", 403, "The server does not let us in (403)."),
    ("timeout", None, "The server did not answer within 60 seconds."),
    ("connect", None, "The server could not be reached: connection refused."),
)
_SHARES = (0.86, 0.9, 0.96)
"""Up to which share of the children they completed with a document, as redirects, and failed; the rest waits."""
_WORDS = (
    "array binding cache driver event filter graph handler index journal kernel lock module network object parser"
    " query record schema thread update vector window"
).split()


def build(folder: Path, children: int = 1_000_000, *, seed: int = 1, markdown_bytes: int = 400) -> LibraryFiles:
    """Make a library in *folder* whose only root, a crawl under way, has that many pages, and return its files.

    Args:
        folder: where; made when it is missing.
        children: how many pages.
        seed: for everything that is drawn.
        markdown_bytes: how long a document is.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    files = LibraryFiles(folder)
    migrate.create(files.database, NOW)
    with closing(sqlite.connect_writer(files.database)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        _start(connection)
        pages = _pages(random.Random(seed), children, markdown_bytes)
        while batch := list(islice(pages, _BATCH)):
            _add(connection, batch)
        _count(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return files


def _start(connection: sqlite3.Connection) -> None:
    config = msgspec.json.encode(CrawlConfig(seeds=(f"{ORIGIN}/",))).decode()
    connection.execute("UPDATE library SET revision = 2")
    connection.execute(
        "INSERT INTO sources (id, name, base_url, automatic, created_at, updated_at) VALUES (?, ?, ?, 1, ?, ?)",
        (_SOURCE, "docs.huge.test", ORIGIN, NOW, NOW),
    )
    connection.execute(
        "INSERT INTO jobs (id, type, status, name, config, created_at, started_at, revision)"
        " VALUES (?, 'crawl', 'running', 'docs.huge.test', ?, ?, ?, 2)",
        (ROOT, config, NOW, NOW),
    )


def _pages(draw: random.Random, children: int, markdown_bytes: int) -> Iterator[dict[str, Any]]:
    """Yield all that is stored of each page."""
    for n in range(children):
        at = NOW + n * 25
        words = draw.choices(_WORDS, k=4)
        page: dict[str, Any] = {
            "id": ROOT + 1 + n, "url": f"{ORIGIN}/{words[0]}/{words[1]}/{words[2]}-{n}.html", "status": "pending",
            "depth": min(9, len(str(n))), "created_at": at, "started_at": None, "completed_at": None, "cause": None,
            "error": None, "code": None, "bytes": None, "elapsed_ms": None, "document": None, "title": None,
            "result": None,
        }  # fmt: skip
        share = draw.random()
        if share < _SHARES[2]:
            elapsed = int(draw.lognormvariate(4, 0.8))
            page |= {"started_at": at + 5_000, "completed_at": at + 5_000 + elapsed, "elapsed_ms": elapsed}
        if share < _SHARES[0]:
            title = f"{words[3].capitalize()} {words[2]} {draw.randrange(children)}: {words[1]} manual"
            text = f"{title}. What {words[0]} and {words[1]} have to do with each other."
            filling = "Each sentence of this page says the same. " * (markdown_bytes // 42)
            page |= {
                "status": "completed", "code": 200, "bytes": int(draw.lognormvariate(9.5, 1)), "document": page["id"],
                "result": '{"change":"new"}', "title": title, "text": text, "markdown": f"# {text}\n\n{filling}",
            }  # fmt: skip
        elif share < _SHARES[1]:
            page |= {"status": "completed", "code": 301, "result": '{"redirect":"elsewhere"}'}
        elif share < _SHARES[2]:
            cause, code, error = draw.choice(FAILURES)
            page |= {"status": "failed", "cause": cause, "code": code, "error": error}
        yield page


def _add(connection: sqlite3.Connection, pages: list[dict[str, Any]]) -> None:
    stored = [page for page in pages if page["document"] is not None]
    for page in stored:
        page["hash"] = hashlib.sha256(page["markdown"].encode()).hexdigest()
    connection.executemany(
        "INSERT INTO documents (id, source_id, url, title, content_type, content_hash, fetched_at, checked_at,"
        f" changed_at, search_title, markdown, search_text) VALUES (:id, {_SOURCE}, :url, :title, 'text/html', :hash,"
        " :completed_at, :completed_at, :completed_at, :title, :markdown, :text)",
        stored,
    )
    nothing = zlib.compress(b"")
    connection.executemany(
        "INSERT INTO page_sources (document_id, charset, links, body) VALUES (?, 'utf-8', ?, ?)",
        ((page["id"], nothing, nothing) for page in stored),
    )
    connection.executemany(
        "INSERT INTO jobs (id, parent_id, root_id, type, status, url, depth, created_at, started_at, completed_at,"
        " cause, error, http_status, bytes, elapsed_ms, document_id, title, result, revision)"
        f" VALUES (:id, {ROOT}, {ROOT}, 'crawler_url', :status, :url, :depth, :created_at, :started_at, :completed_at,"
        " :cause, :error, :code, :bytes, :elapsed_ms, :document, :title, :result, 1)",
        pages,
    )
    connection.executemany(
        "INSERT INTO attempts (job_id, attempt, delivery, started_at, ended_at, outcome, cause, error, http_status)"
        " VALUES (:id, 1, 1, :started_at, :completed_at, :status, :cause, :error, :code)",
        (page for page in pages if page["completed_at"] is not None),
    )
    connection.executemany(
        "INSERT INTO messages (queue, job_id, root_id, lane, type, payload, state, created_at)"
        f" VALUES ('{QUEUE}', :id, {ROOT}, '{ORIGIN}', 'crawler_url', '{{}}', 'ready', :created_at)",
        (page for page in pages if page["status"] == "pending"),
    )


def _count(connection: sqlite3.Connection) -> None:
    connection.execute(
        "INSERT INTO root_progress (root_id, discovered, documents, new_documents, bytes)"
        " SELECT root_id, count(*), count(document_id), count(document_id), coalesce(sum(bytes), 0) FROM jobs"
        " WHERE root_id = ?",
        (ROOT,),
    )
