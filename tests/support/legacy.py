"""Databases as the old Quaero left them behind, for the tests of the import."""

import contextlib
import json
import random
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

T0 = 1_700_000_000
"""When everything began, in seconds."""

SITE = "https://docs.site.test/"

TABLES: Mapping[str, str] = {
    "crawl_jobs": (
        "id TEXT PRIMARY KEY, parent_id TEXT, job_type TEXT DEFAULT 'parent', name TEXT, description TEXT,"
        " source_type TEXT, entity_type TEXT, config_json TEXT, source_config_snapshot TEXT, auth_snapshot TEXT,"
        " refresh_source INTEGER, seed_urls TEXT, status TEXT, progress_json TEXT, metadata TEXT, created_at INTEGER,"
        " started_at INTEGER, completed_at INTEGER, last_heartbeat INTEGER, error TEXT, result_count INTEGER,"
        " failed_count INTEGER"
    ),
    "job_seen_urls": "job_id TEXT, url TEXT, created_at INTEGER, PRIMARY KEY (job_id, url)",
    "job_logs": (
        "id INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT, timestamp TEXT, level TEXT, message TEXT,"
        " created_at INTEGER"
    ),
    "sources": (
        "id TEXT PRIMARY KEY, name TEXT, type TEXT, base_url TEXT, enabled INTEGER, auth_id TEXT, crawl_config TEXT,"
        " filters TEXT, created_at INTEGER, updated_at INTEGER"
    ),
    "auth_credentials": (
        "id TEXT PRIMARY KEY, name TEXT, site_domain TEXT, service_type TEXT, data TEXT, cookies TEXT, tokens TEXT,"
        " base_url TEXT, user_agent TEXT, created_at INTEGER, updated_at INTEGER"
    ),
    "job_definitions": (
        "id TEXT PRIMARY KEY, name TEXT, type TEXT, description TEXT, sources TEXT, steps TEXT, schedule TEXT,"
        " timeout TEXT, enabled INTEGER, auto_start INTEGER, config TEXT, pre_jobs TEXT, post_jobs TEXT,"
        " error_tolerance TEXT, created_at INTEGER, updated_at INTEGER"
    ),
    "documents": (
        "id TEXT PRIMARY KEY, source_type TEXT, source_id TEXT, title TEXT, content_markdown TEXT, detail_level TEXT,"
        " metadata TEXT, url TEXT, embedding BLOB, embedding_model TEXT, last_synced INTEGER, source_version TEXT,"
        " created_at INTEGER, updated_at INTEGER"
    ),
}
"""The tables of most files."""

LATER_TABLES: Mapping[str, str] = {
    **{name: TABLES[name] for name in ("sources", "auth_credentials", "job_definitions", "documents")},
    "jobs": (
        "id TEXT PRIMARY KEY, parent_id TEXT, job_type TEXT, phase TEXT, status TEXT, created_at TIMESTAMP,"
        " started_at TIMESTAMP, completed_at TIMESTAMP, payload TEXT, result TEXT, error TEXT,"
        " progress_current INTEGER, progress_total INTEGER"
    ),
    "job_logs": "id INTEGER PRIMARY KEY, job_id TEXT, timestamp TIMESTAMP, level TEXT, message TEXT",
    "goqite": (
        "id TEXT PRIMARY KEY, created TEXT, updated TEXT, queue TEXT, body BLOB, timeout TEXT, received INTEGER,"
        " priority INTEGER"
    ),
}
"""The tables of later files."""


class LegacyDatabase:
    """A file of the old Quaero that is being written.

    Args:
        connection: to the file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def add(self, table: str, **columns: Any) -> None:
        """Add a row; lists and objects become JSON."""
        self.add_many(table, [columns])

    def add_many(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows that have the same columns."""
        names: list[str] = []
        values = []
        for row in rows:
            names = list(row)
            values.append([_column(value) for value in row.values()])
        if values:
            marks = ", ".join("?" * len(names))
            self.connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", values)

    def crawl(self, job_id: str | None, **columns: Any) -> None:
        """Add a crawl without pages."""
        defaults = {
            "parent_id": None,
            "job_type": "parent",
            "name": f"Crawl {job_id}",
            "source_type": "crawler",
            "entity_type": "pages",
            "config_json": {"max_depth": 3, "concurrency": 4, "follow_links": True},
            "seed_urls": [SITE],
            "status": "completed",
            "progress_json": {"total_urls": 2, "completed_urls": 2},
            "metadata": {},
            "created_at": T0,
            "started_at": T0 + 1,
            "completed_at": T0 + 60,
            "result_count": 2,
            "failed_count": 0,
        }
        self.add("crawl_jobs", id=job_id, **(defaults | columns))

    def page(self, job_id: str, parent: str, url: str, **columns: Any) -> None:
        """Add a page of a crawl."""
        defaults = {
            "parent_id": parent,
            "job_type": "crawler_url",
            "name": f"URL: {url}",
            "seed_urls": [url],
            "status": "completed",
            "progress_json": {"total_urls": 1, "completed_urls": 1},
            "metadata": {"depth": 1},
            "created_at": T0 + 2,
            "started_at": T0 + 3,
            "completed_at": T0 + 4,
        }
        self.add("crawl_jobs", id=job_id, **(defaults | columns))

    def log(self, job_id: str, message: str, level: str = "info", at: int = T0 + 5) -> None:
        """Add a line to the log of a job."""
        self.add("job_logs", job_id=job_id, timestamp="12:00:05", level=level, message=message, created_at=at)

    def document(self, document_id: str, url: str, markdown: str = "# A page\n\nSome words.", **columns: Any) -> None:
        """Add a document."""
        defaults = {
            "source_type": "crawler",
            "source_id": document_id,
            "title": f"Title of {document_id}",
            "content_markdown": markdown,
            "detail_level": "full",
            "metadata": {"language": "en"},
            "url": url,
            "last_synced": T0 + 10,
            "created_at": T0,
            "updated_at": T0 + 10,
        }
        self.add("documents", id=document_id, **(defaults | columns))

    def source(self, source_id: str, base_url: str = SITE, **columns: Any) -> None:
        """Add a source."""
        defaults = {
            "name": f"Source {source_id}",
            "type": "crawler",
            "enabled": 1,
            "crawl_config": {"max_depth": 2, "rate_limit": 500_000_000, "exclude_patterns": [r"\.pdf$"]},
            "filters": {},
            "created_at": T0,
            "updated_at": T0 + 1,
        }
        self.add("sources", id=source_id, base_url=base_url, **(defaults | columns))

    def credential(self, credential_id: str, base_url: str = SITE, **columns: Any) -> None:
        """Add a credential with a cookie that has not expired."""
        defaults = {
            "name": f"Credential {credential_id}",
            "site_domain": "docs.site.test",
            "service_type": "generic",
            "data": {},
            "cookies": [{"name": "session", "value": "s3cr3t-of-the-session", "domain": "docs.site.test", "path": "/"}],
            "tokens": {},
            "created_at": T0,
            "updated_at": T0,
        }
        self.add("auth_credentials", id=credential_id, base_url=base_url, **(defaults | columns))

    def definition(self, definition_id: str, **columns: Any) -> None:
        """Add a definition with one step."""
        defaults = {
            "name": f"Definition {definition_id}",
            "type": "crawler",
            "description": "",
            "sources": [],
            "steps": [{"name": "crawl", "action": "crawl", "config": {"start_urls": [SITE]}, "on_error": "continue"}],
            "schedule": "",
            "timeout": "10m",
            "enabled": 1,
            "auto_start": 0,
            "pre_jobs": [],
            "post_jobs": [],
            "error_tolerance": {"max_child_failures": 5, "failure_action": "mark_warning"},
            "created_at": T0,
            "updated_at": T0,
        }
        self.add("job_definitions", id=definition_id, **(defaults | columns))


def _column(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


@contextlib.contextmanager
def legacy_database(path: Path, tables: Mapping[str, str] = TABLES) -> Iterator[LegacyDatabase]:
    """Write a file of the old Quaero with these tables."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for name, columns in tables.items():
            connection.execute(f"CREATE TABLE {name} ({columns})")
        yield LegacyDatabase(connection)
        connection.commit()


def sound(path: Path) -> Path:
    """Write a file with something of everything, all of it sound."""
    with legacy_database(path) as old:
        old.credential("auth-1")
        old.source("source-1", auth_id="auth-1")
        old.definition("nightly", sources=["source-1"], schedule="0 2 * * *", post_jobs=["tidy"])
        old.definition("tidy", steps=[{"name": "tidy", "action": "cleanup", "config": {"older_than_days": 30}}])
        old.crawl("crawl-1", metadata={"job_definition_id": "nightly"})
        for name in ("", "a", "b"):
            old.page(f"page-{name or 'home'}", "crawl-1", SITE + name)
            old.document(f"doc-{name or 'home'}", SITE + name, f"# Page {name}\n\nWords of {name or 'home'}.\n")
            old.add("job_seen_urls", job_id="crawl-1", url=SITE + name, created_at=T0 + 2)
        old.add("job_seen_urls", job_id="crawl-1", url=f"{SITE}never-fetched", created_at=T0 + 2)
        old.page("page-gone", "crawl-1", f"{SITE}gone", status="failed", error="HTTP 404: Not Found")
        old.log("crawl-1", "started")
        old.log("page-gone", "HTTP 404", "error")
    return path


def large(path: Path, jobs: int, *, roots: int = 10, documents: int = 0, lines_per_job: int = 1) -> Path:
    """Write a file with many jobs: *roots* crawls that share *jobs* pages, as the old Quaero's grew over a year."""
    with legacy_database(path) as old:
        old.connection.execute("CREATE INDEX idx_jobs_parent ON crawl_jobs (parent_id)")
        for root in range(roots):
            old.crawl(f"crawl-{root}", seed_urls=[f"https://site{root}.test/"], created_at=T0 + root)
        old.add_many(
            "crawl_jobs",
            (
                {
                    "id": f"{number:08x}-page",
                    "parent_id": f"crawl-{number % roots}",
                    "job_type": "crawler_url",
                    "name": f"URL: https://site{number % roots}.test/page/{number}.html",
                    "seed_urls": f'["https://site{number % roots}.test/page/{number}.html"]',
                    "config_json": '{"max_depth":3,"max_pages":0,"concurrency":4,"rate_limit":1000000000}',
                    "status": "failed" if number % 25 == 0 else "completed",
                    "error": "HTTP 404: Not Found" if number % 25 == 0 else None,
                    "progress_json": '{"total_urls":1,"completed_urls":1,"failed_urls":0,"pending_urls":0}',
                    "metadata": '{"depth":2}',
                    "created_at": T0 + number // 10,
                    "started_at": T0 + number // 10,
                    "completed_at": T0 + number // 10 + 1,
                }
                for number in range(jobs)
            ),
        )
        old.add_many(
            "job_logs",
            (
                {
                    "job_id": f"{number % jobs:08x}-page",
                    "timestamp": "12:00:00",
                    "level": "info",
                    "message": f"Fetched https://site{number % jobs % roots}.test/page/{number % jobs}.html in 120 ms",
                    "created_at": T0 + number // 10,
                }
                for number in range(jobs * lines_per_job)
            ),
        )
        text = "\n\n".join(f"Paragraph {n} of a page about crawling and searching libraries." for n in range(40))
        for number in range(documents):
            url = f"https://site{number % roots}.test/page/{number}.html"
            old.document(f"doc-{number}", url, f"# Page {number}\n\n{text}")
    return path


NASTY: tuple[Any, ...] = (
    None, "", 0, -1, 1, 2**62, 2**63 - 1, -(2**63), 1e308, float("inf"), float("-inf"), 0.5, "x", "\x00", "a\x00b",
    "é" * 50, b"\xff\xfe", b"abc", b"\x00", "[]", "{}", "null", "[", '{"a":', "[1,2,3]", "[" * 5_000, '{"a":' * 3_000,
    # More digits than any number of a machine has.
    f'{{"rate_limit":{"9" * 400},"max_depth":{"9" * 400},"retry_attempts":{"9" * 400}}}',
    '{"max_depth":-5,"max_pages":1e30,"concurrency":"many","rate_limit":-1,"include_patterns":[1,null,"(","a*"]}',
    '{"max_depth":99999999999999999999999,"depth":1e400}', '["\\ud800"]', '{"url":"http://a.test/\\ud800","title":"\\u0000"}',
    "http://a.test/", "https://a.test/%zz?x#y", "http://[::1", "http://a b/", "javascript:1", "HTTP://U:P@A.TEST:80/../x",
    "/rel", "running", "completed", "failed", "parent", "crawler_url", "job_definition", "pre", "2024-01-01T00:00:00Z",
    "1e9", "true", "x" * 100_000, '[[],{},[null],["a"],{"name":5,"action":null,"config":[],"on_error":7}]',
    '[{"name":"n","value":"v;x","domain":"a.test"},{"Name":1}]', '{"access_token":"tök\\n"}',
    '{"username":"u","password":"\\u0001"}', "10m", "0s", "1e99h", "999999999h", "* * * * *", "61 * * * *",
    "30 2 30 2 *", "j1", "j2", "j3",
)  # fmt: skip
"""What can stand in any column of a file that programs, people and bad disks wrote."""


def anything(path: Path, seed: int) -> Path:
    """Write a file in whose columns anything stands; the same for the same *seed*."""
    chance = random.Random(seed)
    tables = {**LATER_TABLES, **TABLES} if seed % 2 else TABLES
    with legacy_database(path, tables) as old:
        for table, columns in tables.items():
            names = [each.split()[0] for each in columns.partition(", PRIMARY KEY")[0].split(", ")]
            for number in range(25):
                row = {name: chance.choice(NASTY) for name in names}
                for name, usual in (
                    ("id", number + 1 if table == "job_logs" else f"j{number % 12}"),
                    ("job_id", f"j{number % 12}"),
                    ("parent_id", chance.choice([None, "", "j1", "j2", "j3", "j4"])),
                    ("url", f"http://a.test/{number}"),
                    ("base_url", f"http://a.test/{number}"),
                    ("steps", [{"name": "a", "action": "crawl", "config": {"start_urls": [5, {}], "rate_limit": "x"}}]),
                ):
                    if name in row and chance.random() < 0.7:
                        row[name] = usual
                # Not every value fits a key.
                with contextlib.suppress(sqlite3.IntegrityError):
                    old.add(table, **row)
    return path
