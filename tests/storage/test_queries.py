"""J7 and its relatives: lists of jobs, what belongs to a job, documents, figures."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from quaero_desktop.domain.documents import DocumentFilter
from quaero_desktop.domain.errors import NotFoundError, UsageError
from quaero_desktop.domain.listing import ORDERS, JobFilter, Statistics
from quaero_desktop.storage import migrate
from quaero_desktop.storage.queries import catalogue, figures, hidden, joblist, jobrows, logs, skips
from quaero_desktop.storage.sqlite import connect_writer

NOW = 1_700_000_000_000


class Tree:
    """A library whose jobs a test puts there by hand; revisions count up with each."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.revision = 0

    def add(self, type: str, parent: int | None, **columns: Any) -> int:
        self.revision += 1
        row = {
            "type": type,
            "status": "completed",
            "parent_id": parent,
            "root_id": None if parent is None else self.root_of(parent),
            "created_at": NOW + self.revision,
            "revision": self.revision,
            **columns,
        }
        names = ", ".join(row)
        cursor = self.connection.execute(
            f"INSERT INTO jobs ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values())
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def root(self, name: str | None = None, **columns: Any) -> int:
        job_id = self.add("crawl", None, name=name, **columns)
        self.connection.execute("INSERT INTO root_progress (root_id) VALUES (?)", (job_id,))
        return job_id

    def page(self, parent: int, status: str = "completed", **columns: Any) -> int:
        url = columns.pop("url", f"https://docs.quaero.org/{self.revision}")
        return self.add("crawler_url", parent, status=status, url=url, **columns)

    def root_of(self, job_id: int) -> int:
        (root,) = self.connection.execute("SELECT coalesce(root_id, id) FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return int(root)

    def trash(self, job_id: int) -> None:
        self.connection.execute("UPDATE jobs SET trashed_at = ? WHERE id = ?", (NOW, job_id))

    def ids(self, **fields: Any) -> list[int]:
        return [job.id for job in self.list(**fields).jobs]

    def list(self, **fields: Any) -> Any:
        return joblist.jobs(self.connection, JobFilter(**fields))


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    migrate.create(tmp_path / "library.db", NOW)
    connection = connect_writer(tmp_path / "library.db")
    connection.execute("PRAGMA synchronous = OFF")
    yield Tree(connection)
    connection.close()


# --- One job --------------------------------------------------------------------------------------------------------


def test_a_root_knows_its_children_by_status_and_its_pages(tree):
    root = tree.root("docs", status="running", config='{"seeds": ["https://docs.quaero.org/"]}')
    for status in ("completed", "completed", "failed", "skipped", "pending", "running"):
        tree.page(root, status)
    tree.add("validate", root, phase="pre", name="check the seed")
    job = jobrows.job(tree.connection, root)
    assert (job.id, job.parent_id, job.root_id, job.name, job.type) == (root, None, root, "docs", "crawl")
    assert job.children == {"completed": 3, "failed": 1, "pending": 1, "running": 1, "skipped": 1}
    assert (job.child_count, job.completed_children, job.failed_children, job.pages) == (7, 3, 1, 6)
    assert (job.progress_current, job.progress_total) == (4, 6)
    assert job.payload == {"seeds": ["https://docs.quaero.org/"]}


def test_a_page_is_named_by_its_url_and_is_done_or_not(tree):
    root = tree.root("docs")
    done = jobrows.job(tree.connection, tree.page(root, url="https://docs.quaero.org/a", depth=2))
    waiting = jobrows.job(tree.connection, tree.page(root, "pending"))
    named = jobrows.job(tree.connection, tree.page(root, name="The page"))
    assert (done.name, done.url, done.root_id, done.depth) == ("https://docs.quaero.org/a",) * 2 + (root, 2)
    assert (done.progress_current, done.progress_total, done.child_count, done.pages) == (1, 1, 0, 0)
    assert (waiting.progress_current, waiting.progress_total) == (0, 1)
    assert (named.name, named.is_root) == ("The page", False)


def test_a_root_without_pages_counts_its_other_children(tree):
    root = tree.add("definition_run", None, name="Nightly", status="running")
    tree.add("transform", root)
    tree.add("transform", root, status="pending")
    job = jobrows.job(tree.connection, root)
    assert (job.progress_current, job.progress_total, job.pages) == (1, 2, 0)


@pytest.mark.parametrize("job_id", [0, -1, 99, 2**63, -(2**70)])
def test_a_job_that_does_not_exist_is_not_found(tree, job_id):
    for read in (jobrows.job, logs.of_job, jobrows.attempts, skips.page, figures.cause_counts):
        with pytest.raises(NotFoundError, match=rf"There is no job {job_id}\."):
            read(tree.connection, job_id)


def test_secrets_never_leave_with_a_job(tree):
    secret = "hunter2-and-more"
    values = {
        "password": secret,
        "headers": {"X-Auth-Token": secret, "Accept": "text/html"},
        "cookies": [{"value": secret}, 12345678],
        "max_tokens": 500,
        "steps": [{"config": {"api_key": secret, "depth": 3}}],
        "url": f"https://user:{secret}@docs.quaero.org/",
        "note": f"Authorization: Bearer {secret}",
    }
    root = tree.root(
        "docs",
        status="failed",
        payload=json.dumps(values),
        result=json.dumps(values),
        error=f"GET https://user:{secret}@docs.quaero.org/ failed",
    )
    job = jobrows.job(tree.connection, root)
    assert secret not in repr(job)
    assert job.payload["password"] == "••••more"
    assert job.payload["headers"] == {"X-Auth-Token": "••••more", "Accept": "text/html"}
    assert job.payload["cookies"] == [{"value": "••••more"}, "••••5678"]
    assert job.payload["max_tokens"] == 500
    assert job.payload["steps"] == [{"config": {"api_key": "••••more", "depth": 3}}]
    configured = jobrows.job(tree.connection, tree.root("other", config=json.dumps(values)))
    assert secret not in repr(configured)


def test_json_that_is_no_object_or_no_json_of_ours_is_shown_all_the_same(tree):
    root = tree.root("docs", payload='["a"]', result='"done"')
    job = jobrows.job(tree.connection, root)
    assert (job.payload, job.result) == ({"value": ["a"]}, {"value": "done"})
    deep = tree.root("deep", payload="[" * 900 + "]" * 900)
    assert jobrows.job(tree.connection, deep).name == "deep"


# --- Lists ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def forest(tree: Tree) -> Tree:
    """Roots 1 and 5; 1 has the pages 2 (done), 3 (failed), 4 (waiting), and 5 has 6."""
    tree.connection.execute(
        "INSERT INTO sources (id, name, base_url, created_at, updated_at) VALUES (7, 'docs', '', 0, 0)"
    )
    first = tree.root("Docs of Quaero", status="running", source_id=7, started_at=NOW)
    tree.page(first, "completed", url="https://docs.quaero.org/b", completed_at=NOW + 5)
    tree.page(first, "failed", url="https://docs.quaero.org/a", completed_at=NOW + 1, warnings=1)
    tree.page(first, "pending", url="https://docs.quaero.org/100%", depth=1)
    second = tree.root("Wiki", status="failed", started_at=NOW + 9)
    tree.page(second, "failed", url="https://wiki.quaero.org/")
    return tree


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        ({}, [5, 1]),
        ({"parent": "all"}, [6, 5, 4, 3, 2, 1]),
        ({"parent": 1}, [4, 3, 2]),
        ({"parent": 2}, []),
        ({"status": ("running",)}, [1]),
        ({"status": ("running", "failed")}, [5, 1]),
        ({"parent": "all", "status": ("failed",)}, [6, 5, 3]),
        ({"parent": 1, "status": ("failed", "pending")}, [4, 3]),
        ({"parent": "all", "type": ("crawler_url",)}, [6, 4, 3, 2]),
        ({"parent": 1, "type": ("validate",)}, []),
        ({"source": 7}, [1]),
        ({"parent": "all", "source": 7}, [4, 3, 2, 1]),
        ({"parent": 1, "source": 7}, [4, 3, 2]),
        ({"parent": 5, "source": 7}, []),
        ({"source": 10**30}, []),
        ({"query": "WIKI"}, [5]),
        ({"parent": "all", "query": "wiki"}, [6, 5]),
        ({"parent": "all", "query": "100%"}, [4]),
        ({"parent": "all", "query": "0_%"}, []),
        ({"parent": "all", "query": "3"}, [3]),
        ({"parent": "all", "query": "9" * 50}, []),
        ({"parent": 1, "query": "quaero", "status": ("failed",)}, [3]),
        ({"parent": "all", "query": "\0\ud800'\\"}, []),
    ],
)
def test_filters_and_their_total(forest, fields, ids):
    page = forest.list(**fields)
    assert [job.id for job in page.jobs] == ids
    assert page.total_count == len(ids)
    assert page.warning is None
    for offset in range(len(ids) + 1):
        part = forest.list(**fields, limit=1, offset=offset)
        assert [job.id for job in part.jobs] == ids[offset : offset + 1]
        assert part.total_count == len(ids)


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        ({"order": "created", "descending": False}, [2, 3, 4]),
        ({"order": "id"}, [4, 3, 2]),
        ({"order": "status"}, [3, 4, 2]),
        ({"order": "status", "descending": True}, [2, 4, 3]),
        ({"order": "url"}, [4, 3, 2]),
        ({"order": "name"}, [4, 3, 2]),
        ({"order": "name", "descending": True}, [2, 3, 4]),
        ({"order": "completed"}, [2, 3, 4]),
        ({"order": "warnings"}, [3, 4, 2]),
        ({"order": "depth"}, [2, 3, 4]),
    ],
)
def test_orders_of_children(forest, fields, ids):
    assert forest.ids(parent=1, **fields) == ids
    assert [forest.ids(parent=1, limit=1, offset=offset, **fields) for offset in range(4)] == [[i] for i in ids] + [[]]


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("pages", [1, 5]),
        ("failed", [5, 1]),
        ("name", [1, 5]),
        ("started", [5, 1]),
        ("status", [1, 5]),
        ("type", [1, 5]),
    ],
)
def test_orders_of_roots(forest, order, ids):
    assert forest.ids(order=order) == ids


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("parent", ["root", "all", 1])
def test_equals_are_in_the_order_of_their_ids(tree, order, descending, parent):
    columns = {"created_at": NOW, "started_at": NOW, "completed_at": NOW, "name": "same"}
    ids = [tree.root(**columns)]
    ids += [tree.page(1, **columns) if parent == 1 else tree.root(**columns) for _ in range(5)]
    if parent == 1:
        ids.remove(1)
    if order == "url":
        # Two pages of a root never have the same URL: only jobs without one are equal.
        tree.connection.execute("UPDATE jobs SET url = NULL")
    listed = tree.ids(parent=parent, order=order, descending=descending)
    assert listed == sorted(ids, reverse=descending)


def test_all_that_fit_are_named_in_the_order_of_the_list_whatever_its_window(forest):
    for fields in ({}, {"parent": 1}, {"parent": "all", "status": ("failed",)}):
        whole = [job.id for job in forest.list(**fields, limit=None).jobs]
        assert joblist.ids(forest.connection, JobFilter(**fields, limit=1, offset=1)) == tuple(whole)
    with pytest.raises(NotFoundError):
        joblist.ids(forest.connection, JobFilter(parent=99))


def test_a_list_without_a_limit_is_whole(tree):
    root = tree.root()
    for _ in range(120):
        tree.page(root)
    assert len(tree.ids(parent=root)) == 50
    assert len(tree.ids(parent=root, limit=None)) == 120
    assert len(tree.ids(parent=root, limit=None, order="status", offset=20)) == 100
    assert len(tree.ids(parent=root, limit=10**30, offset=100)) == 20
    assert tree.ids(parent=root, limit=0) == []
    assert tree.list(parent=root, limit=0).total_count == 120
    assert tree.ids(parent=root, offset=10**30) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"status": ("done",)}, "Unknown status “done”"),
        ({"type": ("crawll",)}, "Unknown type “crawll”"),
        ({"order": "id; DROP TABLE jobs"}, "Unknown order"),
        ({"parent": "roots"}, "Unknown parent “roots”"),
        ({"limit": -1}, "limit is -1"),
        ({"offset": -1}, "offset is -1"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_with_the_choices(forest, fields, message):
    with pytest.raises(UsageError, match=message) as caught:
        forest.list(**fields)
    if "status" in fields:
        assert "pending, running, paused" in caught.value.hint


def test_the_children_of_nobody_are_an_error_and_not_an_empty_list(forest):
    with pytest.raises(NotFoundError):
        forest.list(parent=99)


def test_groups_are_parents_with_their_children_on_the_page(forest):
    page = joblist.grouped(forest.connection, JobFilter())
    assert [(group.parent.id, [child.id for child in group.children]) for group in page.groups] == [
        (5, [6]),
        (1, [4, 3, 2]),
    ]
    assert (page.orphans, page.total_count) == ((), 6)
    part = joblist.grouped(forest.connection, JobFilter(limit=3, order="id"))
    assert [(group.parent.id, len(group.children)) for group in part.groups] == [(5, 1)]
    assert [job.id for job in part.orphans] == [4]
    assert (part.total_count, part.limit, part.offset) == (6, 3, 0)


# --- Counters -------------------------------------------------------------------------------------------------------


def test_without_the_counters_the_list_still_comes_with_a_warning(forest):
    forest.connection.execute("DROP TABLE child_counts")
    for parent, ids in (("root", [5, 1]), ("all", [6, 5, 4, 3, 2, 1]), (1, [4, 3, 2])):
        page = forest.list(parent=parent)
        assert [job.id for job in page.jobs] == ids
        assert page.total_count == len(ids)
        assert page.warning == jobrows.NO_COUNTS
    assert (page.jobs[0].child_count, forest.list().jobs[0].pages) == (0, 0)
    assert forest.ids(order="pages") == [5, 1]
    assert joblist.grouped(forest.connection, JobFilter()).warning == jobrows.NO_COUNTS


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"parent": 1, "order": "pages"}, "ORDER BY"),
        ({"parent": 1}, "sum(n)"),
        ({}, "GROUP BY 1, 2, 3"),
    ],
)
def test_a_question_that_was_interrupted_is_not_answered_without_the_counters(forest, fields, what):
    connection, is_stopped = forest.connection, False

    def begins(statement: str) -> None:
        nonlocal is_stopped
        is_stopped = what in statement and "child_counts" in statement

    connection.set_trace_callback(begins)
    connection.set_progress_handler(lambda: is_stopped, 1)
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        forest.list(**fields)
    connection.set_progress_handler(None, 0)
    connection.set_trace_callback(None)


def statements_of(connection: sqlite3.Connection, read: Callable[[], object]) -> list[str]:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    try:
        read()
    finally:
        connection.set_trace_callback(None)
    return [statement for statement in statements if statement.lstrip().upper().startswith(("SELECT", "WITH"))]


def plans_of(connection: sqlite3.Connection, read: Callable[[], object]) -> list[str]:
    return [
        step[3]
        for statement in statements_of(connection, read)
        for step in connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"status": ("running",)},
        {"order": "id"},
        {"parent": 1},
        {"parent": 1, "descending": False},
        {"parent": 1, "order": "status"},
        {"parent": 1, "status": ("failed",)},
        {"parent": 1, "offset": 2},
    ],
)
def test_no_list_reads_all_jobs_or_sorts_the_children_of_a_root(forest, fields):
    plans = plans_of(forest.connection, lambda: forest.list(**fields))
    assert len(plans) > 3
    # A partial index over the roots is small, so scanning that is what a list of roots does.
    scans = [plan for plan in plans if plan.startswith("SCAN") and "json_each" not in plan]
    assert all("INDEX jobs_roots" in plan or "INDEX jobs_open_roots" in plan for plan in scans), plans
    if "parent" in fields:
        assert not [plan for plan in plans if "TEMP B-TREE" in plan], plans


def test_the_number_of_statements_does_not_grow_with_the_page(tree):
    def count(limit: int) -> int:
        return len(statements_of(tree.connection, lambda: tree.list(limit=limit)))

    for _ in range(30):
        tree.page(tree.root())
    assert count(30) == count(1)


# --- The trash ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("few", [500, 0])
def test_what_is_in_the_trash_is_gone_with_all_below_it(forest, monkeypatch, few):
    monkeypatch.setattr(hidden, "_FEW", few)
    deep = forest.add("transform", forest.page(1, status="completed", url="https://docs.quaero.org/deep"))
    forest.trash(1)
    assert forest.ids() == [5]
    assert forest.ids(parent="all") == [6, 5]
    assert forest.list(parent="all").total_count == 2
    assert forest.list(parent="all", status=("failed",)).total_count == 2
    assert forest.ids(parent="all", query="quaero") == [6]
    for job_id in (1, 2, deep):
        with pytest.raises(NotFoundError):
            jobrows.job(forest.connection, job_id)
        with pytest.raises(NotFoundError):
            logs.of_job(forest.connection, job_id)
    with pytest.raises(NotFoundError):
        forest.list(parent=1)
    assert [job.id for job in jobrows.visible(forest.connection, [1, 2, 6, deep, 5, 99])] == [6, 5]
    assert figures.statistics(forest.connection).pages == 1


def test_a_child_in_the_trash_is_gone_and_no_longer_counted(forest):
    forest.trash(3)
    assert forest.ids(parent=1) == [4, 2]
    assert forest.list(parent=1).total_count == 2
    assert forest.list(parent=1, status=("failed",)).total_count == 0
    assert forest.ids(parent=1, order="status") == [4, 2]
    assert forest.list(parent="all").total_count == 5
    root = jobrows.job(forest.connection, 1)
    assert (root.child_count, root.failed_children, root.pages) == (2, 0, 2)
    assert "failed" not in root.children
    assert figures.cause_counts(forest.connection, 1) == {}


# --- Logs, attempts, skips, causes ----------------------------------------------------------------------------------


@pytest.fixture
def logged(forest: Tree) -> Tree:
    lines = [(1, 1, 1), (2, 1, 0), (3, 1, 3), (1, 1, 2), (5, 5, 1)]
    for number, (job_id, root_id, level) in enumerate(lines, 1):
        forest.connection.execute(
            "INSERT INTO job_logs VALUES (?, ?, ?, ?, ?, ?)",
            (number, job_id, root_id, NOW + number, level, f"line {number}"),
        )
    return forest


@pytest.mark.parametrize(
    ("job_id", "fields", "ids"),
    [
        (1, {}, [1, 4]),
        (1, {"children": True}, [1, 2, 3, 4]),
        (1, {"children": True, "minimum": "info"}, [1, 3, 4]),
        (1, {"children": True, "minimum": "error"}, [3]),
        (1, {"children": True, "limit": 2}, [3, 4]),
        (1, {"children": True, "limit": 2, "after_id": 1}, [2, 3]),
        (1, {"children": True, "after_id": 4}, []),
        (1, {"limit": None}, [1, 4]),
        (1, {"limit": 0}, []),
        (2, {}, [2]),
        (3, {"children": True}, [3]),
    ],
)
def test_logs_come_newest_last(logged, job_id, fields, ids):
    lines = logs.of_job(logged.connection, job_id, **fields)
    assert [line.id for line in lines] == ids
    assert all(line.message == f"line {line.id}" and line.at == NOW + line.id for line in lines)


def test_log_levels_have_names_and_unknown_ones_are_refused(logged):
    lines = logs.of_job(logged.connection, 1, children=True)
    assert [line.level for line in lines] == ["info", "debug", "error", "warn"]
    with pytest.raises(UsageError, match="Unknown level “fatal”"):
        logs.of_job(logged.connection, 1, minimum="fatal")


def test_a_secret_in_a_log_line_stays_hidden(logged):
    logged.connection.execute("UPDATE job_logs SET message = 'Authorization: Bearer abcdef123456'")
    assert "abcdef" not in repr(logs.of_job(logged.connection, 1))


def test_attempts_come_oldest_first(forest):
    for attempt, delivery, outcome in ((2, 1, "failed"), (1, 1, "retried"), (1, 2, "failed")):
        forest.connection.execute(
            "INSERT INTO attempts VALUES (3, ?, ?, ?, ?, ?, 'http_5xx', 'busy', 503)",
            (attempt, delivery, NOW, NOW + 1, outcome),
        )
    rows = jobrows.attempts(forest.connection, 3)
    assert [(row.attempt, row.delivery, row.outcome) for row in rows] == [
        (1, 1, "retried"),
        (1, 2, "failed"),
        (2, 1, "failed"),
    ]
    assert (rows[0].cause, rows[0].error, rows[0].http_status, rows[0].ended_at) == ("http_5xx", "busy", 503, NOW + 1)


def test_skips_by_reason(forest):
    for url, reason in (("https://c/", "scope"), ("https://a/", "depth"), ("https://b/", "scope")):
        forest.connection.execute("INSERT INTO skips VALUES (1, 0, ?, 2, ?, 'rule', 2, ?)", (url, reason, NOW))
    page = skips.page(forest.connection, 1)
    assert [skip.url for skip in page.skips] == ["https://a/", "https://b/", "https://c/"]
    assert (page.skips[0].reason, page.skips[0].rule, page.skips[0].depth) == ("depth", "rule", 2)
    scope = skips.page(forest.connection, 1, "scope", limit=1, offset=1)
    assert ([skip.url for skip in scope.skips], scope.total_count) == (["https://c/"], 2)
    assert skips.counts(forest.connection, 1) == {"scope": 2, "depth": 1}
    assert skips.page(forest.connection, 5).total_count == 0
    with pytest.raises(UsageError, match="Unknown reason"):
        skips.page(forest.connection, 1, "mood")


def test_failures_are_grouped_by_cause(tree):
    root = tree.root()
    for cause in ("http_5xx", "not_found", "not_found", None):
        tree.page(root, "failed", cause=cause)
    tree.page(root, "cancelled", cause="cancelled")
    assert figures.cause_counts(tree.connection, root) == {"not_found": 2, "http_5xx": 1, "unknown": 1}


def test_the_details_of_a_root(tree):
    root = tree.root("docs", status="running", started_at=NOW)
    for status in ("completed",) * 8 + ("failed",) * 2 + ("pending",) * 5:
        tree.page(root, status, cause="dns" if status == "failed" else None)
    tree.connection.execute("INSERT INTO skips VALUES (?, 0, 'https://c/', 1, 'scope', '', NULL, 0)", (root,))
    tree.connection.execute(
        "UPDATE root_progress SET discovered = 16, documents = 7, bytes = 900, current_url = 'https://c/',"
        " heartbeat_at = ?, new_documents = 1, changed_documents = 2, unchanged_documents = 4, gone_documents = 1",
        (NOW + 4_000,),
    )
    details = figures.root_details(tree.connection, root, now=NOW + 5_000)
    assert (details.documents, details.bytes, details.discovered, details.current_url) == (7, 900, 16, "https://c/")
    assert (details.heartbeat_at, details.skipped, details.failures) == (NOW + 4_000, {"scope": 1}, {"dns": 2})
    assert details.changes == {"new": 1, "changed": 2, "unchanged": 4, "gone": 1}
    assert details.pages_per_second == pytest.approx(2.0)
    assert details.seconds_left == pytest.approx(2.5)
    assert details.job.children == {"completed": 8, "failed": 2, "pending": 5}


def test_the_details_of_a_root_that_has_not_begun_or_has_ended(tree):
    waiting = figures.root_details(tree.connection, tree.root(status="pending"), now=NOW)
    assert (waiting.pages_per_second, waiting.seconds_left) == (0.0, None)
    root = tree.root(started_at=NOW, completed_at=NOW + 1_000)
    page = tree.page(root)
    ended = figures.root_details(tree.connection, root, now=NOW + 10**9)
    assert (ended.pages_per_second, ended.seconds_left) == (1.0, None)
    with pytest.raises(NotFoundError, match="is no root job"):
        figures.root_details(tree.connection, page, now=NOW)


# --- Documents and figures ------------------------------------------------------------------------------------------


@pytest.fixture
def shelf(tree: Tree) -> Tree:
    tree.connection.execute(
        "INSERT INTO sources (id, name, base_url, created_at, updated_at)"
        " VALUES (1, 'docs', '', 0, 0), (2, 'wiki', '', 0, 0)"
    )
    for source, url, title, fetched in (
        (1, "https://docs.quaero.org/a%20b", "First", 3),
        (1, "https://docs.quaero.org/", "100% second", 1),
        (2, "https://docs.quaero.org/", "Third", 2),
    ):
        tree.connection.execute(
            "INSERT INTO documents (source_id, url, title, content_type, content_hash, metadata, truncated, fetched_at,"
            " checked_at, changed_at, search_title, markdown, search_text)"
            " VALUES (?, ?, ?, 'text/html', 'hash', ?, 1, ?, 0, 0, '', '# text', '')",
            (source, url, title, '{"headings": [[1, "text"]]}', fetched),
        )
    return tree


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        ({}, [1, 3, 2]),
        ({"source": 1}, [1, 2]),
        ({"query": "first"}, [1]),
        ({"query": "100%"}, [2]),
        ({"query": "0_%"}, []),
        ({"query": "docs.quaero"}, [1, 3, 2]),
        ({"query": "3"}, [3]),
        ({"source": 2, "query": "d"}, [3]),
    ],
)
def test_documents_are_listed_newest_first(shelf, fields, ids):
    page = catalogue.documents(shelf.connection, DocumentFilter(**fields))
    assert ([document.id for document in page.documents], page.total_count) == (ids, len(ids))
    second = catalogue.documents(shelf.connection, DocumentFilter(**fields, limit=1, offset=1))
    assert ([document.id for document in second.documents], second.total_count) == (ids[1:2], len(ids))


def test_a_window_of_documents_must_make_sense(shelf):
    with pytest.raises(UsageError):
        catalogue.documents(shelf.connection, DocumentFilter(limit=-1))
    assert len(catalogue.documents(shelf.connection, DocumentFilter(limit=None)).documents) == 3


@pytest.mark.parametrize(
    ("which", "document_id"),
    [
        (2, 2),
        ("2", 2),
        ("https://docs.quaero.org/a%20b", 1),
        ("HTTPS://docs.quaero.org:443/a b#part", 1),
        ("https://docs.quaero.org/", 3),
    ],
)
def test_a_document_is_found_by_id_and_by_url_in_any_spelling(shelf, which, document_id):
    document = catalogue.document(shelf.connection, which)
    assert document.id == document_id
    assert (document.markdown, document.truncated, document.metadata) == ("# text", True, {"headings": [[1, "text"]]})


@pytest.mark.parametrize(
    "which", [0, 99, -1, 2**70, "99", "9" * 40, "https://docs.quaero.org/c", "no url", "", "\ud800\0"]
)
def test_a_document_that_is_not_there_is_not_found(shelf, which):
    with pytest.raises(NotFoundError, match="There is no document"):
        catalogue.document(shelf.connection, which)


def test_hosts_are_those_of_urls_and_what_is_none_harms_no_list(shelf):
    # Only an imported library can hold such ones.
    for odd in ("https://odd.org", "nonsense"):
        shelf.connection.execute(
            "INSERT INTO documents (source_id, url, title, content_type, content_hash, fetched_at, checked_at,"
            " changed_at, search_title, markdown, search_text)"
            " SELECT source_id, ?, title, content_type, content_hash, fetched_at, checked_at, changed_at, '', '', ''"
            " FROM documents WHERE id = 1",
            (odd,),
        )
    assert catalogue.hosts(shelf.connection) == ["docs.quaero.org"]


def test_the_library_in_figures(shelf):
    root = shelf.root(status="running")
    for status in ("completed", "pending", "pending", "running"):
        shelf.page(root, status)
    library = figures.statistics(shelf.connection)
    (page_count,) = shelf.connection.execute("PRAGMA page_count").fetchone()
    assert library == Statistics(documents=3, pages=4, queued=2, running=1, database_bytes=page_count * 4096)
