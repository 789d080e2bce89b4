"""The children of a root as one list: every filter and order against a plain-Python model, the plans, the trash."""

import random
import re
import sqlite3
from array import array
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.domain.errors import NotFoundError, UsageError
from quaero_desktop.domain.jobs import Cause, SkipReason
from quaero_desktop.domain.listing import STATUS_ORDER
from quaero_desktop.domain.pagelist import PAGE_ORDERS, PREPARATIONS, FailureGroup, PageCounts, PageFilter
from quaero_desktop.domain.words import CAUSES, REASONS
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.queries import pagelist
from quaero_desktop.storage.verify import verify_library
from tests.support import million
from tests.support.plain_library import PlainLibrary
from tests.support.used_library import assert_sound, populate

ROOT = 1
NOW = 1_700_000_000_000

Child = dict[str, Any]


@pytest.fixture
def plain() -> Iterator[PlainLibrary]:
    """A library in memory with the root of a crawl and nothing below it."""
    library = PlainLibrary()
    add_root(library, ROOT)
    yield library
    library.close()


def add_root(library: PlainLibrary, root_id: int) -> None:
    library.connection.execute(
        "INSERT INTO jobs (id, type, status, name, config, created_at, revision)"
        " VALUES (?, 'crawl', 'running', 'site.test', '{}', ?, 1)",
        (root_id, NOW),
    )


def add(library: PlainLibrary, *children: Child, root: int = ROOT) -> list[Child]:
    """Store children and return them with all their columns and their ids, in the order they were found."""
    added = []
    for child in children:
        row: Child = {
            "parent_id": root, "root_id": root, "type": "crawler_url", "status": "completed", "url": None,
            "title": None, "name": None, "depth": 1, "http_status": None, "bytes": None, "elapsed_ms": None,
            "cause": None, "error": None, "created_at": NOW, "completed_at": None, "trashed_at": None, "step": 0,
            "revision": 1,
        } | child  # fmt: skip
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        row["id"] = library.connection.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", row).lastrowid
        added.append(row)
    return added


def ids(library: PlainLibrary, **fields: Any) -> list[int]:
    return list(pagelist.ids(library.connection, PageFilter(root_id=ROOT, **fields)))


# --- the model ------------------------------------------------------------------------------------------------------


def expected(children: list[Child], which: PageFilter) -> list[int]:
    """Return what the list is: said in Python, as plainly as possible."""
    found = [child for child in children if child["trashed_at"] is None and wanted(child, which)]
    found.sort(key=lambda child: child["id"])
    with_value = [child for child in found if value(child, which.order) is not None]
    without = [child for child in found if value(child, which.order) is None]
    # A sort that goes down keeps equals in their order, too.
    with_value.sort(key=lambda child: value(child, which.order), reverse=which.downwards)
    return [child["id"] for child in with_value + without]


def wanted(child: Child, which: PageFilter) -> bool:
    texts = (child["url"], child["title"], child["name"])
    return (
        (not which.status or child["status"] in which.status)
        and (not which.type or child["type"] in which.type)
        and (not which.work or child["type"] not in PREPARATIONS or child["status"] == "failed")
        and (not which.cause or child["cause"] in which.cause)
        and (not which.code or child["http_status"] in which.code)
        and (
            not which.query
            or any(text is not None and which.query.lower() in text.lower() for text in texts)
            or which.query.strip() == str(child["id"])
        )
    )


_WORDS = sorted((CAUSES | REASONS).items(), key=lambda item: item[1])
_RANKS = {cause: rank for rank, (cause, _) in enumerate(_WORDS)}


def value(child: Child, order: str) -> Any:
    match order:
        case "found":
            return child["id"]
        case "status":
            return STATUS_ORDER.index(child["status"])
        case "title":
            return (child["title"] or child["name"] or "").lower() or None
        case "reason":
            if child["cause"] is None:
                return None
            return _RANKS.get(child["cause"], len(_RANKS)), child["http_status"] or 0
        case _:
            columns = {"code": "http_status", "size": "bytes", "time": "elapsed_ms", "finished": "completed_at"}
            return child[columns.get(order, order)]


_TEXTS = st.sampled_from(["Alpha", "alpha two", "Beta 100%", "beta_x", "Gamma", "Ünï", None])
_NUMBERS = st.sampled_from([None, 0, 1, 2, 1500, 2**40])
_CHILDREN = st.lists(
    st.fixed_dictionaries(
        {
            "status": st.sampled_from(["pending", "running", "completed", "failed", "cancelled", "skipped"]),
            "type": st.sampled_from(["crawler_url", "crawler_url", "validate", "sitemap"]),
            "url": st.integers(0, 10**6).map(lambda n: f"https://site.test/{random.Random(n).choice('aBc')}/{n}"),
            "title": _TEXTS,
            "name": st.sampled_from([None, None, "Check of the start"]),
            "depth": st.integers(0, 3),
            "http_status": st.sampled_from([None, 200, 301, 404, 503]),
            "bytes": _NUMBERS,
            "elapsed_ms": _NUMBERS,
            "completed_at": _NUMBERS,
            "cause": st.sampled_from([None, Cause.NOT_FOUND, Cause.TIMEOUT, SkipReason.DEPTH, "of an import"]),
            "trashed_at": st.sampled_from([None] * 8 + [NOW]),
            "step": st.sampled_from([0] * 6 + [1]),
        }
    ),
    max_size=12,
    unique_by=lambda child: child["url"],
)
_FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "query": st.sampled_from(["alpha", "00", "%", "_", "check", "site.test", "3", " 4 ", "nowhere", "\x00"]),
        "status": st.sampled_from([("failed",), ("completed", "running"), ("pending", "pending")]),
        "type": st.sampled_from([("crawler_url",), ("validate", "sitemap")]),
        "cause": st.sampled_from([(Cause.NOT_FOUND,), (Cause.TIMEOUT, "of an import")]),
        "code": st.sampled_from([(404,), (200, 503)]),
        "work": st.booleans(),
    },
)


@given(
    _CHILDREN,
    st.lists(st.tuples(_FILTERS, st.sampled_from(PAGE_ORDERS), st.sampled_from([None, True, False])), min_size=6),
    st.booleans(),
)
def test_every_filter_in_every_order_gives_what_plain_python_gives(children, asked, without_url) -> None:
    library = PlainLibrary()
    try:
        add_root(library, ROOT)
        add_root(library, 2)
        mixed = []
        for n, child in enumerate(children):
            add(library, {"url": f"https://other.test/{n}", "status": "failed"}, root=2)
            mixed += add(library, child | ({"url": None} if without_url and n % 3 == 0 else {}))
        for fields, order, descending in asked:
            which = PageFilter(root_id=ROOT, order=order, descending=descending, **fields)
            model = expected(mixed, which)
            assert list(pagelist.ids(library.connection, which)) == model
            screen = pagelist.screen(library.connection, which, 5)
            assert [row.id for row in screen.rows] == model[:5]
            assert screen.total in (None, len(model))
            assert list(pagelist.ids(library.connection, which, after=6)) == [each for each in model if each > 6]
    finally:
        library.close()


# --- in particular --------------------------------------------------------------------------------------------------


def test_the_usual_direction_is_most_first_for_numbers_and_attention_first_for_statuses(plain) -> None:
    small, large = add(plain, {"bytes": 1, "status": "completed"}, {"bytes": 2, "status": "failed"})

    assert ids(plain, order="size") == [large["id"], small["id"]]
    assert ids(plain, order="status") == [large["id"], small["id"]]
    assert ids(plain, order="status", descending=True) == [small["id"], large["id"]]


def test_what_has_no_value_stands_last_in_either_direction(plain) -> None:
    unknown, known = add(plain, {"http_status": None}, {"http_status": 404})

    assert ids(plain, order="code") == ids(plain, order="code", descending=False) == [known["id"], unknown["id"]]


def test_reasons_are_sorted_by_the_words_people_read_and_not_by_our_names(plain) -> None:
    # “the page does not exist” comes before “the server took too long”; not_found and dns would stand the other way.
    timeout, not_found = add(
        plain, {"cause": "timeout", "status": "failed"}, {"cause": "not_found", "status": "failed"}
    )

    assert ids(plain, order="reason", descending=False) == [not_found["id"], timeout["id"]]


def test_titles_are_sorted_whatever_their_capitals_and_what_has_none_by_its_name(plain) -> None:
    children = add(
        plain, {"title": "beta"}, {"title": "Alpha"}, {"title": None, "name": "check"}, {"title": None}, {"title": ""}
    )

    assert ids(plain, order="title") == [children[index]["id"] for index in (1, 0, 2, 3, 4)]
    assert ids(plain, order="title", descending=True) == [children[index]["id"] for index in (2, 0, 1, 3, 4)]


def test_what_has_come_since_can_be_asked_for_by_itself(plain) -> None:
    first, second, third = add(plain, {"title": "c"}, {"title": "b"}, {"title": "a", "status": "failed"})

    def since(**fields: Any) -> list[int]:
        return list(pagelist.ids(plain.connection, PageFilter(root_id=ROOT, **fields), after=first["id"]))

    assert since() == [second["id"], third["id"]]
    assert since(order="title") == [third["id"], second["id"]]
    assert since(status=("failed",)) == [third["id"]]


def test_what_is_typed_is_looked_for_in_texts_and_a_number_also_as_an_id(plain) -> None:
    first, second, other = add(plain, {"url": "https://site.test/2"}, {"url": "https://site.test/x"}, {"url": None})

    assert ids(plain, query=f" {second['id']} ") == [second["id"]]
    assert ids(plain, query=str(other["id"])) == [other["id"]]
    assert ids(plain, query="SITE.test/") == [first["id"], second["id"]]
    assert ids(plain, query="site.test/", status=("completed",)) == [first["id"], second["id"]]
    assert ids(plain, query="site.test/", status=("failed",)) == []
    assert ids(plain, query="site.test/", order="title") == [first["id"], second["id"]]
    assert ids(plain, code=(404,)) == []


def test_an_order_or_status_that_does_not_exist_is_said_so(plain) -> None:
    with pytest.raises(UsageError, match="Unknown order"):
        ids(plain, order="colour")
    with pytest.raises(UsageError, match="Unknown status"):
        ids(plain, status=("done",))


def test_a_screen_counts_by_the_counters_and_does_not_guess_where_they_cannot_know(plain) -> None:
    add(plain, {"status": "failed", "url": "https://site.test/1"}, {"status": "completed"})

    assert pagelist.screen(plain.connection, PageFilter(root_id=ROOT, status=("failed",)), 0).total == 1
    assert pagelist.screen(plain.connection, PageFilter(root_id=ROOT, query="site"), 10).total is None


def test_rows_come_in_the_order_of_their_ids_without_those_that_are_gone(plain) -> None:
    one, two = add(plain, {"title": "One", "http_status": 200, "bytes": 7}, {"name": "Check of the start"})

    first, second = pagelist.rows(plain.connection, [two["id"], 999, one["id"]])

    assert (first.id, first.title) == (two["id"], "Check of the start")
    assert (second.id, second.title, second.code, second.bytes) == (one["id"], "One", 200, 7)


def test_checks_and_sitemaps_are_work_only_where_they_failed(plain) -> None:
    """What says “12 pages” counts no check of the start among them, and hides none that went wrong."""
    add(plain, {"type": "validate", "name": "Check"}, {"type": "sitemap", "url": "https://site.test/sitemap.xml"})
    broken, page, part = add(
        plain,
        {"type": "sitemap", "status": "failed", "url": "https://site.test/broken.xml"},
        {"url": "https://site.test/"},
        {"type": "transform", "name": "A page"},
    )

    for order in PAGE_ORDERS:
        assert sorted(ids(plain, order=order, work=True)) == [broken["id"], page["id"], part["id"]]
    assert len(ids(plain)) == 5
    assert pagelist.screen(plain.connection, PageFilter(root_id=ROOT, work=True)).total == 3
    assert pagelist.counts(plain.connection, ROOT) == PageCounts(
        pages={"completed": 1}, others={"completed": 1, "failed": 1}
    )


def test_secrets_in_errors_are_masked(plain) -> None:
    (child,) = add(
        plain, {"status": "failed", "cause": "http_5xx", "error": "GET https://me:geheimnis12@site.test/ failed"}
    )

    (row,) = pagelist.rows(plain.connection, [child["id"]])
    (group,) = pagelist.failure_groups(plain.connection, ROOT)

    assert row.error is not None
    assert group.error is not None
    assert "geheimnis12" not in row.error + group.error


def test_failures_come_in_groups_of_one_cause_and_code_with_the_first_error(plain) -> None:
    def failed(cause: str, code: int | None, error: str) -> Child:
        return {"status": "failed", "cause": cause, "http_status": code, "error": error}

    add(
        plain,
        failed("http_5xx", 503, "first"),
        failed("http_5xx", 503, "second"),
        failed("http_5xx", 500, "third"),
        failed("timeout", None, "fourth"),
        {"status": "skipped", "cause": "depth"},
        failed("timeout", None, "in the trash") | {"trashed_at": NOW},
    )

    assert pagelist.failure_groups(plain.connection, ROOT) == (
        FailureGroup(cause="http_5xx", code=503, pages=2, error="first"),
        FailureGroup(cause="http_5xx", code=500, pages=1, error="third"),
        FailureGroup(cause="timeout", code=None, pages=1, error="fourth"),
    )


def test_what_is_in_the_trash_is_nowhere(plain) -> None:
    kept, gone = add(plain, {"status": "failed"}, {"status": "failed", "trashed_at": NOW})

    for order in PAGE_ORDERS:
        assert ids(plain, order=order) == [kept["id"]]
    assert pagelist.screen(plain.connection, PageFilter(root_id=ROOT)).total == 1
    assert [row.id for row in pagelist.rows(plain.connection, [kept["id"], gone["id"]])] == [kept["id"]]
    assert pagelist.counts(plain.connection, ROOT) == PageCounts(pages={"failed": 1}, others={})


def test_a_root_in_the_trash_has_no_pages_any_more(plain) -> None:
    (child,) = add(plain, {"status": "failed"})
    plain.connection.execute("UPDATE jobs SET trashed_at = ? WHERE id = ?", (NOW, ROOT))

    assert pagelist.rows(plain.connection, [child["id"]]) == ()
    for question in (pagelist.failure_groups, pagelist.counts):
        with pytest.raises(NotFoundError):
            question(plain.connection, ROOT)
    with pytest.raises(NotFoundError):
        ids(plain)


def test_jobs_below_the_children_are_not_mixed_in(plain) -> None:
    child, other = add(plain, {"url": "https://site.test/b"}, {"url": "https://site.test/a"})
    add(plain, {"parent_id": child["id"], "url": "https://site.test/0"})

    for order in PAGE_ORDERS:
        assert sorted(ids(plain, order=order)) == [child["id"], other["id"]]
    assert ids(plain, order="url") == [other["id"], child["id"]]


def test_a_list_of_many_is_decoded_whole(plain) -> None:
    found = add(plain, *({"url": f"https://site.test/{n}"} for n in range(20_000)))

    assert ids(plain) == [child["id"] for child in found]


async def test_the_title_of_a_stored_page_stands_beside_its_job(library, ledger) -> None:
    """A million rows are sorted by title: reading their documents for it would take minutes."""
    await populate(ledger)

    found = await library.read(lambda connection: pagelist.ids(connection, PageFilter(root_id=ROOT, order="title")))
    rows = await library.read(lambda connection: pagelist.rows(connection, found))

    titles = {row.title for row in rows if row.document_id is not None}
    assert titles == {"Title"}
    assert {row.title for row in rows if row.document_id is None} == {""}


async def test_the_library_that_measurements_use_is_sound(tmp_path, clock) -> None:
    database = Database(million.build(tmp_path / "library", 200).database, clock=clock)
    await database.open()
    try:
        assert_sound(await verify_library(database))
        assert len(await database.read(lambda connection: pagelist.ids(connection, PageFilter(root_id=ROOT)))) == 200
    finally:
        await database.close()


# --- how it is found ------------------------------------------------------------------------------------------------


def plan_of(connection: sqlite3.Connection, which: PageFilter) -> str:
    steps = []
    for sql, parameters in pagelist._plan(connection, which):
        steps += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    return "\n".join(steps)


@pytest.mark.parametrize(
    ("fields", "index"),
    [
        ({}, "COVERING INDEX jobs_children"),
        ({"descending": True}, "COVERING INDEX jobs_children"),
        ({"status": ("failed",)}, "COVERING INDEX jobs_children"),
        ({"order": "status"}, "COVERING INDEX jobs_children"),
        ({"order": "url"}, "COVERING INDEX jobs_page"),
        ({"order": "title"}, "INDEX jobs_by_title"),
        ({"order": "size", "descending": False}, "COVERING INDEX jobs_by_size"),
        ({"order": "time", "descending": False}, "COVERING INDEX jobs_by_time"),
    ],
)
def test_the_first_screen_of_the_quick_orders_reads_an_index_and_sorts_nothing(plain, fields, index) -> None:
    add(plain, *({"url": f"https://site.test/{n}", "status": "failed"} for n in range(3)))

    plan = plan_of(plain.connection, PageFilter(root_id=ROOT, **fields))

    assert index in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("order", ["title", "size", "time"])
def test_downwards_only_what_is_equal_is_sorted(plain, order) -> None:
    plan = plan_of(plain.connection, PageFilter(root_id=ROOT, order=order, descending=True))

    assert f"INDEX jobs_by_{order}" in plan
    assert set(re.findall("USE TEMP B-TREE.*", plan)) == {"USE TEMP B-TREE FOR RIGHT PART OF ORDER BY"}


def test_few_of_many_are_found_by_the_index_and_many_by_reading_on(plain) -> None:
    add(plain, *({"status": "completed"} for _ in range(50)), {"status": "failed"})
    add(plain, *({"status": "completed"} for _ in range(50)), {"status": "failed"})

    few = plan_of(plain.connection, PageFilter(root_id=ROOT, status=("failed",), order="code"))
    many = plan_of(plain.connection, PageFilter(root_id=ROOT, order="code"))

    assert "INDEX jobs_children (parent_id=?" in few
    assert "INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in many


def test_ids_take_eight_bytes_each(plain) -> None:
    add(plain, {})

    assert isinstance(pagelist.ids(plain.connection, PageFilter(root_id=ROOT)), array)
