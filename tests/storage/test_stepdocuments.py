"""Which documents a step of a run is about: the same whether they are asked for together or one after the other."""

import json
import sqlite3
from collections.abc import Iterator

import pytest

from quaero_desktop.storage.jobs import stepdocuments
from tests.support.plain_library import PlainLibrary

CRAWL = {"action": "crawl"}
OTHER = {"action": "transform"}


class Shelf:
    """Documents of two sources, and runs whose crawls met some of them."""

    def __init__(self) -> None:
        self.library = PlainLibrary()
        self.do("INSERT INTO sources (id, name, base_url, created_at, updated_at) VALUES (1, 'a', '', 0, 0)")
        self.do("INSERT INTO sources (id, name, base_url, created_at, updated_at) VALUES (2, 'b', '', 0, 0)")

    @property
    def connection(self) -> sqlite3.Connection:
        return self.library.connection

    def do(self, sql: str, *parameters: object) -> int:
        return self.connection.execute(sql, parameters).lastrowid or 0

    def document(self, number: int, source: int = 1, *, source_page: bool = True) -> int:
        added = self.do(
            "INSERT INTO documents (id, source_id, url, title, content_type, content_hash, markdown, search_title,"
            " search_text, fetched_at, checked_at, changed_at)"
            " VALUES (?, ?, ?, '', 'text/html', '', '', '', '', 0, 0, 0)",
            number, source, f"https://site.test/{number}",
        )  # fmt: skip
        if source_page:
            self.do("INSERT INTO page_sources (document_id, charset, links, body) VALUES (?, '', x'00', x'00')", added)
        return added

    def run(self, *steps: object, sources: tuple[int, ...] = (), kind: str = "definition_run") -> int:
        return self.do(
            "INSERT INTO jobs (type, status, name, config, created_at, revision) VALUES (?, 'running', 'r', ?, 0, 0)",
            kind, json.dumps({"steps": steps, "sources": sources}),
        )  # fmt: skip

    def page(self, root: int, document: int | None, step: int = 1, kind: str = "crawler_url", trash: int | None = None):
        self.do(
            "INSERT INTO jobs (parent_id, root_id, type, status, step, url, document_id, trashed_at, created_at,"
            " revision) VALUES (?, ?, ?, 'completed', ?, ?, ?, ?, 0, 0)",
            root, root, kind, step, f"https://site.test/{document}/{kind}", document, trash,
        )  # fmt: skip

    def together(self, root: int, step: int) -> list[int]:
        which, parameters = stepdocuments.condition(self.connection, root, step)
        sql = f"SELECT d.id FROM documents d WHERE {which} ORDER BY d.id"
        return [number for (number,) in self.connection.execute(sql, parameters)]

    def one_after_the_other(self, root: int, step: int, *, with_source: bool = False) -> list[int]:
        found: list[int] = []
        while more := stepdocuments.following(
            self.connection, root, step, found[-1] if found else 0, 1, with_source=with_source
        ):
            found += [document.id for document in more]
        return found

    def about(self, root: int, step: int) -> list[int]:
        """Return what both ways agree on."""
        together = self.together(root, step)
        assert self.one_after_the_other(root, step) == together
        return together


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    made = Shelf()
    for number, source in ((1, 1), (2, 2), (3, 1), (4, 2)):
        made.document(number, source, source_page=number != 3)
    yield made
    made.library.close()


def test_it_is_about_what_the_crawls_before_it_collected_each_once(shelf):
    root = shelf.run(CRAWL, CRAWL, OTHER, CRAWL)
    other = shelf.run(CRAWL)
    shelf.page(root, 3)
    shelf.page(root, 1)
    shelf.page(root, 1, step=2)
    shelf.page(root, 4, step=4)
    shelf.page(other, 2)
    assert shelf.about(root, 3) == [1, 3]
    assert shelf.about(root, 2) == [1, 3]
    assert shelf.about(root, 5) == [1, 3, 4]


def test_no_other_jobs_and_nothing_in_the_trash_counts_as_collected(shelf):
    root = shelf.run(CRAWL, OTHER)
    shelf.page(root, None)
    shelf.page(root, 1, kind="transform")
    shelf.page(root, 2, trash=5)
    shelf.page(root, 4)
    assert shelf.about(root, 2) == [4]


def test_without_a_crawl_before_it_it_is_about_what_the_sources_have_or_all(shelf):
    assert shelf.about(shelf.run(OTHER, CRAWL, sources=(2,)), 1) == [2, 4]
    assert shelf.about(shelf.run(OTHER, CRAWL, sources=(2,)), 2) == [2, 4]
    assert shelf.about(shelf.run(OTHER), 1) == [1, 2, 3, 4]
    assert shelf.about(shelf.run(CRAWL), 1) == [1, 2, 3, 4], "the crawl itself is not before itself"


def test_what_is_no_run_is_about_nothing(shelf):
    assert shelf.about(shelf.run(kind="crawl"), 0) == []
    assert shelf.about(99, 1) == []


def test_those_without_their_source_page_are_passed_over_if_that_is_wanted(shelf):
    root = shelf.run(CRAWL, OTHER)
    for number in (1, 3, 4):
        shelf.page(root, number)
    assert shelf.one_after_the_other(root, 2, with_source=True) == [1, 4]
    assert shelf.one_after_the_other(shelf.run(OTHER), 1, with_source=True) == [1, 2, 4]


@pytest.mark.parametrize("with_source", [False, True])
def test_the_next_ones_are_found_without_reading_all_that_was_collected(shelf, with_source):
    """Once for each 500 of 100,000 pages it must not look at all of them."""
    root = shelf.run(CRAWL, OTHER)
    plans: list[str] = []
    shelf.connection.set_trace_callback(plans.append)
    stepdocuments.following(shelf.connection, root, 2, 0, 500, with_source=with_source)
    shelf.connection.set_trace_callback(None)
    steps = [row[3] for row in shelf.connection.execute(f"EXPLAIN QUERY PLAN {plans[-1]}")]
    assert steps[0] == "SEARCH j USING INDEX jobs_document (document_id>?)"
    assert not any("TEMP B-TREE" in step or "USING INDEX jobs_page" in step for step in steps), steps
