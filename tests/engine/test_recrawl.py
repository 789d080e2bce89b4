"""D4: a crawl of what the library has already asks for what changed, and stores that."""

import contextlib
import hashlib
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from quaero_desktop.content.version import EXTRACTOR_VERSION
from quaero_desktop.domain.documents import Document
from quaero_desktop.domain.jobs import Status
from quaero_desktop.domain.pages import PageInput, ParseResult
from quaero_desktop.services import engine
from quaero_desktop.services.compose import Services
from quaero_desktop.services.jobs import JobDetails
from tests.support.clock import ManualClock
from tests.support.crawling import ParserHere, crawl, library, page, pages_of, redirect, rows
from tests.support.recording_server import Exchange, RecordingServer, response

LONG_AGO = "Sun, 06 Nov 1994 08:49:37 GMT"
NOTHING = {"new": 0, "changed": 0, "unchanged": 0, "gone": 0}
NOT_FOUND = response(b"", status="404 Not Found")


class Wiki:
    """A site that answers as nginx does: ``ETag`` and ``Last-Modified``, and 304 where they say that nothing changed.

    Attributes:
        pages: what is at each path: whole responses without validators.
        etag, modified: whether, and with what, they are sent; an ETag is made of the page.
        log: path, condition and status of each request for a page, in order.
        before_answer: awaited before each of these.
    """

    def __init__(self, server: RecordingServer, pages: dict[str, bytes]) -> None:
        self.pages = pages
        self.etag = True
        self.modified: str | None = None
        self.log: list[tuple[str, str | None, int]] = []
        self.before_answer: Callable[[Exchange], Awaitable[None]] | None = None
        self.url = server.url("/")
        server.behaviour = self._answer

    def etag_of(self, path: str) -> str:
        """Return the ETag of a page as it is now."""
        return f'W/"{hashlib.sha256(self.pages[path]).hexdigest()[:16]}"'

    def requests(self) -> dict[str, tuple[str | None, int]]:
        """Return condition and status of each path asked for since the last call; each must have been once."""
        found = {path: (condition, status) for path, condition, status in self.log}
        assert len(found) == len(self.log), self.log
        self.log.clear()
        return found

    async def _answer(self, exchange: Exchange) -> None:
        path = exchange.target
        conditions = exchange.header("If-None-Match"), exchange.header("If-Modified-Since")
        if path in ("/robots.txt", "/sitemap.xml"):
            assert conditions == (None, None)
            await exchange.send(NOT_FOUND)
            return
        if self.before_answer is not None:
            await self.before_answer(exchange)
        answer = self.pages.get(path, NOT_FOUND)
        if answer.startswith(b"HTTP/1.1 200"):
            lines = f"ETag: {self.etag_of(path)}\r\n" if self.etag else ""
            lines += f"Last-Modified: {self.modified}\r\n" if self.modified else ""
            same = (self.etag and conditions[0] == self.etag_of(path)) or (
                conditions[0] is None and self.modified is not None and conditions[1] == self.modified
            )
            answer = (
                f"HTTP/1.1 304 Not Modified\r\n{lines}\r\n".encode()
                if same
                else answer.replace(b"\r\n", b"\r\n" + lines.encode(), 1)
            )
        status = int(answer.split(b" ", 2)[1])
        self.log.append((path, conditions[0] or conditions[1], status))
        await exchange.send(answer)


class CountingParser(ParserHere):
    """Parses here, and counts."""

    parsed: list[str]

    async def parse(self, page: PageInput) -> ParseResult:
        self.parsed.append(page.url)
        return await super().parse(page)


@pytest.fixture
def parsed(monkeypatch) -> list[str]:
    """The URLs of the pages that were parsed."""
    found: list[str] = []
    monkeypatch.setattr(CountingParser, "parsed", found, raising=False)
    monkeypatch.setattr(engine, "ParseRunner", CountingParser)
    return found


@pytest.fixture
async def services(tmp_path, parsed) -> AsyncIterator[Services]:
    async with library(tmp_path / "library") as services:
        yield services


@pytest.fixture
async def wiki() -> AsyncIterator[Wiki]:
    """Three pages, of which the last is two links away from the first."""
    async with RecordingServer().running() as server:
        yield Wiki(server, {"/": page("/a"), "/a": page("/b", text="About apples."), "/b": page(text="About bees.")})


def changes(details: JobDetails) -> dict[str, int]:
    """Return what changed, without the zeros."""
    assert details.root is not None
    return {change: number for change, number in details.root.changes.items() if number}


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


async def document(services: Services, url: str) -> Document:
    ((document_id,),) = rows(services, "SELECT id FROM documents WHERE url = ?", url)
    return await services.library.document(document_id)


async def documents(services: Services, wiki: Wiki) -> dict[str, Document]:
    """Return the documents of the site by path."""
    urls = [url for (url,) in rows(services, "SELECT url FROM documents")]
    return {"/" + url.removeprefix(wiki.url): await document(services, url) for url in urls}


def change_library(services: Services, sql: str) -> None:
    """Change a library behind the back of its engine."""
    with contextlib.closing(sqlite3.connect(services.files.database, timeout=5)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(sql)


# --- nothing changed ------------------------------------------------------------------------------------------------


async def test_a_first_crawl_asks_without_conditions_and_finds_everything_new(services, wiki):
    details = await crawl(services, wiki.url)

    assert wiki.requests() == dict.fromkeys(wiki.pages, (None, 200))
    assert changes(details) == {"new": 3}
    assert {path: job.result for path, job in (await pages_of(services, details.job.id)).items()} == {
        path: {"change": "new"} for path in wiki.pages
    }


async def test_of_an_unchanged_site_nothing_is_sent_parsed_or_stored_and_yet_every_page_is_found(
    services, wiki, parsed
):
    await crawl(services, wiki.url)
    before = await documents(services, wiki)
    kept = "SELECT * FROM page_sources", "SELECT * FROM documents_fts_data", "SELECT * FROM document_versions"
    stored = [rows(services, sql) for sql in kept]
    wiki.requests()
    parsed.clear()

    again = await crawl(services, wiki.url)

    assert wiki.requests() == {path: (wiki.etag_of(path), 304) for path in wiki.pages}, "ETags verbatim, W/ and all"
    assert parsed == []
    assert [rows(services, sql) for sql in kept] == stored
    after = await documents(services, wiki)
    assert all(after[path].checked_at > before[path].checked_at for path in wiki.pages)
    assert all(after[path].fetched_at == before[path].fetched_at for path in wiki.pages)
    assert all(after[path].version == 1 for path in wiki.pages)
    assert (again.job.status, again.job.pages, again.root.documents, again.root.bytes) == (Status.COMPLETED, 3, 3, 0)
    assert changes(again) == {"unchanged": 3}
    pages = await pages_of(services, again.job.id)
    assert {path: (job.status, job.result, job.depth) for path, job in pages.items()} == {
        path: ("completed", {"change": "unchanged"}, depth) for depth, path in enumerate(("/", "/a", "/b"))
    }
    assert rows(services, "SELECT count(DISTINCT document_id) FROM jobs WHERE root_id = ?", again.job.id) == [(3,)]


async def test_a_recrawl_says_in_its_log_what_it_found(services, wiki):
    first = await crawl(services, wiki.url)
    wiki.pages |= {"/": page("/a", "/c"), "/c": page(text="About cherries.")}
    del wiki.pages["/b"]
    second = await crawl(services, wiki.url)

    async def last_line(details: JobDetails) -> str:
        return (await services.jobs.logs(details.job.id, level="info", limit=1, children=False))[0].message

    assert await last_line(first) == "Completed: 3 pages stored"
    assert await last_line(second) == "Completed with 1 warning: 1 new, 1 changed, 1 unchanged, 1 gone"
    lines = {
        path: (await services.jobs.logs(job.id, level="debug", limit=None, children=False))[-1].message
        for path, job in (await pages_of(services, second.job.id)).items()
    }
    assert re.fullmatch(r"Changed: stored “A page” \(200, .* kB, \d+ ms, 2 new links\)", lines["/"])
    assert re.fullmatch(r"Unchanged \(304, \d+ ms, 1 new links\)", lines["/a"])
    assert lines["/b"] == "The page does not exist (404). The library keeps what it has of it."


async def test_the_links_of_unchanged_pages_are_decided_by_the_rules_of_the_new_crawl(services, wiki):
    await crawl(services, wiki.url)
    wiki.requests()

    shallow = await crawl(services, wiki.url, depth=1)
    assert sorted(wiki.requests()) == ["/", "/a"]
    assert shallow.root.skipped == {"depth": 1}

    without = await crawl(services, wiki.url, exclude=("/b",))
    assert sorted(wiki.requests()) == ["/", "/a"]
    assert without.root.skipped == {"excluded": 1}


async def test_an_unchanged_page_that_asks_not_to_be_followed_still_leads_nowhere(services, wiki):
    wiki.pages["/a"] = response(
        body_of(wiki.pages["/a"]).replace(b"<title>", b"<meta name=robots content=nofollow><title>")
    )
    for _ in range(2):
        await crawl(services, wiki.url)
        assert sorted(wiki.requests()) == ["/", "/a"]


# --- something changed ----------------------------------------------------------------------------------------------


async def test_a_changed_page_makes_a_version_and_leads_to_new_ones(services, wiki):
    await crawl(services, wiki.url)
    first = await document(services, wiki.url + "a")
    wiki.requests()
    wiki.pages |= {"/a": page("/b", "/c", text="About apricots."), "/c": page(text="About cherries.")}

    again = await crawl(services, wiki.url)

    assert {path: status for path, (_, status) in wiki.requests().items()} == {
        "/": 304, "/a": 200, "/b": 304, "/c": 200
    }  # fmt: skip
    assert changes(again) == {"new": 1, "changed": 1, "unchanged": 2}
    changed = await document(services, wiki.url + "a")
    assert (changed.id, changed.version) == (first.id, 2)
    versions = await services.library.versions(changed.id)
    assert [(version.version, version.content_hash, version.changed_at) for version in versions] == [
        (2, changed.content_hash, changed.changed_at),
        (1, first.content_hash, first.changed_at),
    ]
    assert (await services.library.search("apricots")).total_count == 1
    assert (await services.library.search("apples")).total_count == 0
    pages = await pages_of(services, again.job.id)
    assert (pages["/a"].result, pages["/c"].result) == ({"change": "changed"}, {"change": "new"})


async def test_a_change_is_judged_on_the_markdown_and_not_on_the_bytes(services, wiki):
    await crawl(services, wiki.url)
    wiki.requests()
    wiki.pages["/b"] = response(body_of(wiki.pages["/b"]) + b"<!-- visitor 1,204 -->")

    again = await crawl(services, wiki.url)

    assert wiki.requests()["/b"][1] == 200
    assert changes(again) == {"unchanged": 3}
    assert (await document(services, wiki.url + "b")).version == 1
    # What is known of it is what it sent last: the next time it says 304.
    await crawl(services, wiki.url)
    assert wiki.requests()["/b"] == (wiki.etag_of("/b"), 304)


async def test_a_site_without_validators_is_fetched_whole_and_still_found_unchanged(services, wiki):
    wiki.etag = False
    for expected in ({"new": 3}, {"unchanged": 3}):
        details = await crawl(services, wiki.url)
        assert wiki.requests() == dict.fromkeys(wiki.pages, (None, 200))
        assert changes(details) == expected


async def test_a_site_with_dates_only_is_asked_by_date(services, wiki):
    wiki.etag, wiki.modified = False, LONG_AGO
    await crawl(services, wiki.url)
    wiki.requests()

    again = await crawl(services, wiki.url)

    assert wiki.requests() == dict.fromkeys(wiki.pages, (LONG_AGO, 304))
    assert changes(again) == {"unchanged": 3}


async def test_the_date_of_a_page_that_had_just_changed_is_not_trusted(tmp_path, wiki, parsed):
    """RFC 9110, 8.8.2.2: it may change once more in the same second."""
    wiki.etag, wiki.modified = False, LONG_AGO
    clock = ManualClock(784_111_777_000 + 59_000)
    async with library(tmp_path / "library", clock=clock) as services:
        await crawl(services, wiki.url, delay_seconds=0)
        clock.advance(10_000)
        wiki.requests()
        wiki.pages["/b"] = page(text="About beetles.")
        again = await crawl(services, wiki.url, delay_seconds=0)
        assert wiki.requests() == dict.fromkeys(wiki.pages, (None, 200))
        assert changes(again) == {"unchanged": 2, "changed": 1}


async def test_an_etag_that_means_any_version_is_not_sent_back(services, wiki):
    wiki.etag_of = lambda path: "*"
    await crawl(services, wiki.url)
    wiki.requests()
    wiki.pages["/b"] = page(text="About beetles.")

    again = await crawl(services, wiki.url)

    assert wiki.requests() == dict.fromkeys(wiki.pages, (None, 200))
    assert changes(again) == {"changed": 1, "unchanged": 2}


async def test_a_page_of_an_older_extraction_is_fetched_whole_once(services, wiki):
    await crawl(services, wiki.url)
    wiki.requests()
    change_library(services, f"UPDATE documents SET extractor = {EXTRACTOR_VERSION - 1} WHERE url LIKE '%/b'")

    for status in (200, 304):
        again = await crawl(services, wiki.url)
        assert {path: status for path, (_, status) in wiki.requests().items()} == {"/": 304, "/a": 304, "/b": status}
        assert changes(again) == {"unchanged": 3}


async def test_where_a_page_redirects_to_is_not_asked_about_with_the_pages_condition(services, wiki):
    await crawl(services, wiki.url)
    wiki.requests()
    wiki.pages |= {"/a": redirect("/new-a"), "/new-a": page("/b", text="About apples.")}

    again = await crawl(services, wiki.url)

    requests = wiki.requests()
    assert requests["/a"][1] == 301
    assert requests["/new-a"] == (None, 200)
    assert changes(again) == {"new": 1, "unchanged": 2}
    assert (await document(services, wiki.url + "a")).gone_at is None


async def test_two_crawls_of_other_origins_know_nothing_of_each_other(services, wiki):
    await crawl(services, wiki.url)
    wiki.requests()
    async with RecordingServer().running() as server:
        other = Wiki(server, wiki.pages)
        await crawl(services, other.url)
        assert other.requests() == dict.fromkeys(wiki.pages, (None, 200))
    assert wiki.requests() == {}


# --- gone -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
async def test_a_page_that_is_gone_is_marked_and_kept_until_it_comes_back(services, wiki, status):
    await crawl(services, wiki.url)
    bees = wiki.pages["/b"]
    wiki.pages["/b"] = response(b"", status=status)

    gone = await crawl(services, wiki.url)

    assert (gone.job.status, gone.job.warnings, gone.root.documents) == (Status.COMPLETED, 1, 2)
    assert changes(gone) == {"unchanged": 2, "gone": 1}
    kept = await document(services, wiki.url + "b")
    assert kept.gone_at is not None
    assert (await services.library.search("bees")).total_count == 1
    job = (await pages_of(services, gone.job.id))["/b"]
    assert (job.status, job.result) == ("failed", {"change": "gone"})

    assert changes(await crawl(services, wiki.url)) == {"unchanged": 2}, "that it is gone is no news any more"
    assert (await document(services, wiki.url + "b")).gone_at == kept.gone_at

    wiki.pages["/b"] = bees
    wiki.log.clear()
    assert changes(await crawl(services, wiki.url)) == {"unchanged": 3}
    assert wiki.requests()["/b"][1] == 304
    assert (await document(services, wiki.url + "b")).gone_at is None


async def test_a_page_in_trouble_or_out_of_reach_is_not_gone(services, wiki):
    await crawl(services, wiki.url)
    wiki.pages["/b"] = response(b"", status="500 Internal Server Error")
    assert changes(await crawl(services, wiki.url)) == {"unchanged": 2}

    wiki.pages["/a"] = page(text="No links any more.")
    wiki.log.clear()
    assert changes(await crawl(services, wiki.url)) == {"unchanged": 1, "changed": 1}
    assert sorted(wiki.requests()) == ["/", "/a"]
    assert (await document(services, wiki.url + "b")).gone_at is None


async def test_a_page_that_was_never_had_is_not_gone(services, wiki):
    wiki.pages["/"] = page("/a", "/dead")
    details = await crawl(services, wiki.url)
    assert (details.job.failed_children, changes(details)) == (1, {"new": 3})


# --- races ----------------------------------------------------------------------------------------------------------


async def test_a_document_that_is_deleted_while_its_server_is_asked_is_fetched_again(services, wiki):
    """A 304 for what the library has no more is worth nothing: the page is asked for once more, without a condition."""
    await crawl(services, wiki.url)
    wiki.requests()

    async def delete_it(exchange: Exchange) -> None:
        if exchange.target == "/b" and exchange.header("If-None-Match"):
            # With the jobs of the first crawl, which would miss it.
            change_library(services, "DELETE FROM jobs WHERE status = 'completed' AND parent_id IS NULL")
            change_library(services, "DELETE FROM documents WHERE url LIKE '%/b'")

    wiki.before_answer = delete_it
    etag = wiki.etag_of("/b")

    again = await crawl(services, wiki.url)

    assert [entry for entry in wiki.log if entry[0] == "/b"] == [("/b", etag, 304), ("/b", None, 200)]
    assert changes(again) == {"new": 1, "unchanged": 2}
    assert (await document(services, wiki.url + "b")).version == 1
    job = (await pages_of(services, again.job.id))["/b"]
    attempts = (await services.jobs.details(job.id)).attempts
    assert [attempt.outcome for attempt in attempts] == ["released", "completed"], "and no try was burnt"


async def test_a_recrawl_that_is_cancelled_keeps_what_it_confirmed(services, wiki):
    await crawl(services, wiki.url)
    before = await documents(services, wiki)

    async def cancel(exchange: Exchange) -> None:
        if exchange.target == "/b":
            ((root_id,),) = rows(services, "SELECT max(id) FROM jobs WHERE parent_id IS NULL")
            await services.jobs.cancel(root_id)

    wiki.before_answer = cancel
    again = await crawl(services, wiki.url)

    assert again.job.status == Status.CANCELLED
    assert changes(again) == {"unchanged": 2}
    after = await documents(services, wiki)
    assert after["/a"].checked_at > before["/a"].checked_at
    assert after["/b"] == before["/b"]
