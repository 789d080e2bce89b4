"""What becomes of a page in the library: one document for each URL, versions of what changed, and an index in step."""

import zlib
from collections.abc import Iterator

import pytest

from quaero_desktop.domain.documents import Change, KnownPage
from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.outcomes import Stored
from quaero_desktop.storage import documents
from quaero_desktop.storage.queries import catalogue
from tests.support.outcomes import stored
from tests.support.plain_library import PlainLibrary

URL = "https://site.test/page"
ETAG = {"etag": '"1"'}


class Shelf:
    """A library's documents, each operation in a transaction of its own."""

    def __init__(self, library: PlainLibrary) -> None:
        self.library = library

    def store(self, page: Stored, source_id: int | None = None) -> int:
        return self.stored(page, source_id)[0]

    def change(self, page: Stored) -> Change:
        """Store *page* and return what was different."""
        return self.stored(page)[1]

    def stored(self, page: Stored, source_id: int | None = None) -> tuple[int, Change]:
        self.library.clock.advance(1)
        return self.library.run(lambda tx: documents.store(tx, page, source_id))

    def known(self, url: str, source_id: int | None = None) -> KnownPage | None:
        """Return what a root of that source knows of a page."""
        sql = "INSERT INTO jobs (type, status, source_id, created_at, revision) VALUES ('crawl', 'running', ?, 0, 0)"

        def ask(tx):
            return documents.known(tx, tx.execute(sql, (source_id,)).lastrowid, url)

        return self.library.run(ask)

    def mark_gone(self, url: str, source_id: int | None = None) -> bool:
        self.library.clock.advance(1)
        return self.library.run(lambda tx: documents.mark_gone(tx, source_id, url))

    def confirm(self, document_id: int) -> bool:
        self.library.clock.advance(1)
        return self.library.run(lambda tx: documents.confirm(tx, document_id))

    def make_source(self) -> int:
        sql = "INSERT INTO sources (name, base_url, created_at, updated_at) VALUES ('', 'https://site.test', 0, 0)"
        return self.library.run(lambda tx: int(tx.value(f"{sql} RETURNING id")))

    def column(self, name: str, document_id: int) -> object:
        return self.library.connection.execute(f"SELECT {name} FROM documents WHERE id = ?", (document_id,)).fetchone()[
            0
        ]

    def versions(self, document_id: int) -> list[tuple[object, ...]]:
        return self.library.connection.execute(
            "SELECT version, title, markdown FROM document_versions WHERE document_id = ? ORDER BY 1", (document_id,)
        ).fetchall()

    def found(self, words: str) -> list[int]:
        rows = self.library.connection.execute(
            "SELECT rowid FROM documents_fts WHERE documents_fts MATCH ? ORDER BY rowid", (words,)
        )
        return [row for (row,) in rows]

    def assert_index_in_step(self) -> None:
        self.library.connection.execute("INSERT INTO documents_fts (documents_fts, rank) VALUES ('integrity-check', 1)")


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    library = PlainLibrary()
    shelf = Shelf(library)
    yield shelf
    shelf.assert_index_in_step()
    library.close()


def test_a_page_becomes_a_document_with_all_that_is_known_of_it(shelf):
    page = stored(
        URL,
        "The **text**",
        ["https://site.test/a", "https://site.test/b"],
        headers={"etag": '"1"', "last-modified": "Mon"},
        title="Ünïcode 漢字",
        description="About",
        language="de",
        author="Ann",
        published=123,
        headings=((1, "One"),),
        truncated=True,
        thin=True,
        search_text="The text",
        charset="windows-1252",
        source=zlib.compress(b"<p>raw"),
    )

    document_id = shelf.store(page)

    now = shelf.library.clock.now_ms()
    connection = shelf.library.connection
    assert connection.execute(
        "SELECT url, title, markdown, search_text, version, description, language, author, published_at, truncated,"
        " thin, etag, last_modified, fetched_at, checked_at, changed_at, metadata ->> '$.headings', duplicate_of,"
        " origin FROM documents WHERE id = ?",
        (document_id,),
    ).fetchone() == (
        URL, "Ünïcode 漢字", "The **text**", "The text", 1, "About", "de", "Ann", 123, 1, 1,
        '"1"', "Mon", now, now, now, '[[1,"One"]]', None, "crawl",
    )  # fmt: skip
    charset, body = connection.execute("SELECT charset, body FROM page_sources").fetchone()
    assert (charset, zlib.decompress(body)) == ("windows-1252", b"<p>raw")
    assert shelf.library.run(lambda tx: documents.links_of(tx, document_id)) == list(page.page.links)


def test_a_document_is_found_by_its_words_at_once(shelf):
    first = shelf.store(stored(URL, "vacuum analyze"))
    second = shelf.store(stored(URL + "2", "vacuum cleaner"))

    assert shelf.found("vacuum") == [first, second]
    assert shelf.found("analyze") == [first]


def test_an_unchanged_page_keeps_its_version_and_its_place_in_the_index(shelf):
    document_id = shelf.store(stored(URL, "same", headers={"etag": "1"}))
    changed_at = shelf.column("changed_at", document_id)
    before = shelf.library.connection.total_changes

    assert shelf.store(stored(URL, "same", headers={"etag": "2"})) == document_id

    assert shelf.library.connection.total_changes - before == 2, "library, document; nothing of the index or the source"
    assert shelf.column("version", document_id) == 1
    assert shelf.column("changed_at", document_id) == changed_at
    assert shelf.column("checked_at", document_id) == shelf.library.clock.now_ms()
    assert shelf.column("etag", document_id) == "2"
    assert shelf.versions(document_id) == []


def test_a_changed_page_moves_its_last_version_to_the_history_and_changes_the_index(shelf):
    document_id = shelf.store(stored(URL, "old words", title="Old"))
    shelf.store(stored(URL, "new words", title="New"))
    shelf.store(stored(URL, "newest words", title="Newest"))

    assert shelf.column("version", document_id) == 3
    assert shelf.versions(document_id) == [(1, "Old", "old words"), (2, "New", "new words")]
    assert shelf.found("newest") == [document_id]
    assert shelf.found("old") == shelf.found("new") == []


def test_a_page_that_comes_back_is_not_gone_any_more(shelf):
    for text in ("same", "same", "other"):
        document_id = shelf.store(stored(URL, text))
        assert shelf.column("gone_at", document_id) is None
        shelf.library.run(lambda tx: tx.execute("UPDATE documents SET gone_at = 5"))


def test_the_same_url_in_two_sources_is_two_documents(shelf):
    one, other = shelf.make_source(), shelf.make_source()

    assert shelf.store(stored(URL), one) != shelf.store(stored(URL), other)


def test_a_page_without_a_source_gets_the_one_of_its_origin(shelf):
    ids = [shelf.store(stored(url)) for url in (URL, URL + "2", "https://other.test:8443/")]

    sources = [shelf.column("source_id", document_id) for document_id in ids]
    assert sources[0] == sources[1] != sources[2]
    assert shelf.library.connection.execute("SELECT name, base_url, automatic FROM sources ORDER BY id").fetchall() == [
        ("site.test", "https://site.test", 1),
        ("other.test:8443", "https://other.test:8443", 1),
    ]


# --- recrawl (D4) ---------------------------------------------------------------------------------------------------


def test_storing_says_what_is_different(shelf):
    assert shelf.change(stored(URL, "text")) == Change.NEW
    assert shelf.change(stored(URL, "text")) == Change.UNCHANGED
    assert shelf.change(stored(URL, "other text")) == Change.CHANGED
    assert shelf.change(stored(URL + "2", "text")) == Change.NEW


def test_other_bytes_with_the_same_text_are_no_change_but_are_kept(shelf):
    """A change is judged on the markdown, not on the bytes."""
    document_id = shelf.store(stored(URL, "same", source=zlib.compress(b"visitor 1")))

    assert shelf.change(stored(URL, "same", source=zlib.compress(b"visitor 2"))) == Change.UNCHANGED

    (body,) = shelf.library.connection.execute("SELECT body FROM page_sources").fetchone()
    assert zlib.decompress(body) == b"visitor 2"
    assert shelf.column("version", document_id) == 1


def test_another_title_over_the_same_text_is_found_though_it_makes_no_version(shelf):
    document_id = shelf.store(stored(URL, "same", title="Old name"))

    assert shelf.change(stored(URL, "same", title="New name", description="About")) == Change.UNCHANGED

    assert (shelf.column("title", document_id), shelf.column("description", document_id)) == ("New name", "About")
    assert shelf.column("version", document_id) == 1
    assert (shelf.found("new"), shelf.found("old")) == ([document_id], [])


def test_what_is_extracted_again_alike_takes_its_new_title_and_keeps_its_version(shelf):
    document_id = shelf.store(stored(URL, "same", title="Old name"))

    def again(title):
        page = stored(URL, "same", title=title).page
        return shelf.library.run(lambda tx: documents.transform(tx, document_id, page))

    assert [again("New name"), again("New name")] == [Change.UNCHANGED] * 2
    assert (shelf.column("title", document_id), shelf.column("version", document_id)) == ("New name", 1)
    assert (shelf.found("new"), shelf.found("old")) == ([document_id], [])


def test_a_page_that_a_newer_extraction_reads_alike_counts_as_made_by_that(shelf):
    document_id = shelf.store(stored(URL, "same", search_text="old index", extractor=1))

    assert shelf.change(stored(URL, "same", search_text="new index", extractor=2)) == Change.UNCHANGED

    assert shelf.column("extractor", document_id) == 2
    assert shelf.found("new") == [document_id]


def test_what_is_known_of_a_page_is_enough_to_ask_its_server(shelf):
    headers = {"etag": 'W/"1"', "last-modified": "Sun, 06 Nov 1994 08:49:37 GMT"}
    document_id = shelf.store(stored(URL, links=[URL + "2"], headers=headers, extractor=7))

    assert shelf.known(URL) == KnownPage(
        document_id=document_id,
        etag='W/"1"',
        last_modified="Sun, 06 Nov 1994 08:49:37 GMT",
        fetched_at=shelf.library.clock.now_ms(),
        extractor=7,
        links=(URL + "2",),
    )
    assert shelf.known(URL + "2") is None
    assert shelf.known("https://other.test/page") is None


@pytest.mark.parametrize("headers", [{"etag": '"1"'}, {"last-modified": "Mon"}, {}])
def test_only_a_page_with_something_to_ask_by_is_known(shelf, headers):
    shelf.store(stored(URL, headers=headers))

    assert (shelf.known(URL) is not None) == bool(headers)


def test_what_another_source_has_of_a_page_is_not_known(shelf):
    """Two sources may see two pages under one URL: one of them logs in."""
    source = shelf.make_source()
    document_id = shelf.store(stored(URL, headers=ETAG), source)

    assert shelf.known(URL) is None
    assert shelf.known(URL, shelf.make_source()) is None
    known = shelf.known(URL, source)
    assert known is not None
    assert known.document_id == document_id


def test_a_document_without_its_source_page_is_not_known(shelf):
    """An imported one: its links are not there, so it has to be fetched."""
    shelf.store(stored(URL, headers=ETAG))
    shelf.library.run(lambda tx: tx.execute("DELETE FROM page_sources"))

    assert shelf.known(URL) is None


def test_a_confirmed_page_changes_its_check_time_and_nothing_else(shelf):
    document_id = shelf.store(stored(URL, headers={"etag": '"1"'}))
    columns = "etag, fetched_at, changed_at, version, title, markdown, gone_at"
    before = shelf.library.connection.execute(f"SELECT {columns} FROM documents").fetchall()
    changes = shelf.library.connection.total_changes

    assert shelf.confirm(document_id)

    assert shelf.library.connection.total_changes - changes == 2, "library, document"
    assert shelf.library.connection.execute(f"SELECT {columns} FROM documents").fetchall() == before
    assert shelf.column("checked_at", document_id) == shelf.library.clock.now_ms()


def test_what_does_not_exist_cannot_be_confirmed(shelf):
    assert not shelf.confirm(99)


def test_a_page_that_is_gone_is_kept_and_found_and_the_news_is_told_once(shelf):
    document_id = shelf.store(stored(URL, "vacuum"))

    assert shelf.mark_gone(URL)
    since = shelf.library.clock.now_ms()
    assert not shelf.mark_gone(URL), "that is no news"

    assert shelf.column("gone_at", document_id) == since
    assert shelf.found("vacuum") == [document_id]
    assert catalogue.document(shelf.library.connection, document_id).gone_at == since


def test_only_the_page_of_that_source_is_gone(shelf):
    source = shelf.make_source()
    ours, theirs = shelf.store(stored(URL), source), shelf.store(stored(URL))

    assert shelf.mark_gone(URL, source)

    assert shelf.column("gone_at", ours) is not None
    assert shelf.column("gone_at", theirs) is None
    assert not shelf.mark_gone(URL + "2")
    assert not shelf.mark_gone("https://other.test/")


def test_a_page_that_is_confirmed_is_not_gone_any_more(shelf):
    document_id = shelf.store(stored(URL))
    shelf.mark_gone(URL)

    assert shelf.confirm(document_id)

    assert shelf.column("gone_at", document_id) is None


def test_the_versions_of_a_document_with_their_times(shelf):
    times = []
    for text in ("first", "second", "third"):
        document_id = shelf.store(stored(URL, text, title=text.title()))
        times.append(shelf.library.clock.now_ms())

    versions = catalogue.versions(shelf.library.connection, document_id)

    assert [(version.version, version.title, version.changed_at) for version in versions] == [
        (3, "Third", times[2]),
        (2, "Second", times[1]),
        (1, "First", times[0]),
    ]
    with pytest.raises(NotFoundError):
        catalogue.versions(shelf.library.connection, 99)


# --- duplicates (J2) ------------------------------------------------------------------------------------------------


def test_the_same_content_under_another_url_is_a_document_of_its_own_marked_as_a_duplicate(shelf):
    ids = [shelf.store(stored(f"https://site.test/{i}", "same")) for i in range(3)]

    assert [shelf.column("duplicate_of", document_id) for document_id in ids] == [None, ids[0], ids[0]]
    assert shelf.found("same") == ids


def test_pages_without_text_are_no_duplicates_of_each_other(shelf):
    ids = [shelf.store(stored(f"https://site.test/{i}", "")) for i in range(2)]

    assert [shelf.column("duplicate_of", document_id) for document_id in ids] == [None, None]


def test_the_same_content_in_another_source_is_no_duplicate(shelf):
    ids = [shelf.store(stored(url, "same")) for url in (URL, "https://other.test/page")]

    assert [shelf.column("duplicate_of", document_id) for document_id in ids] == [None, None]


def test_a_duplicate_that_changes_is_none_any_more(shelf):
    shelf.store(stored(URL, "same"))
    copy = shelf.store(stored(URL + "2", "same"))

    shelf.store(stored(URL + "2", "different"))

    assert shelf.column("duplicate_of", copy) is None


def test_when_the_original_changes_its_oldest_duplicate_takes_its_place(shelf):
    original, oldest, newest = (shelf.store(stored(f"https://site.test/{i}", "same")) for i in range(3))

    shelf.store(stored("https://site.test/0", "different"))

    assert [shelf.column("duplicate_of", i) for i in (original, oldest, newest)] == [None, None, oldest]


# --- links ----------------------------------------------------------------------------------------------------------


def test_a_page_without_links_has_none(shelf):
    document_id = shelf.store(stored(URL))

    assert shelf.library.run(lambda tx: documents.links_of(tx, document_id)) == []
    assert shelf.library.run(lambda tx: documents.links_of(tx, 99)) == []


def test_a_page_that_asks_not_to_be_followed_leads_nowhere(shelf):
    document_id = shelf.store(stored(URL, links=["https://site.test/a"], nofollow=True))

    assert shelf.library.run(lambda tx: documents.links_of(tx, document_id)) == []


def test_the_links_of_a_page_are_those_of_its_last_fetch(shelf):
    document_id = shelf.store(stored(URL, "same", ["https://site.test/a"]))
    shelf.store(stored(URL, "same", ["https://site.test/b"]))

    assert shelf.library.run(lambda tx: documents.links_of(tx, document_id)) == ["https://site.test/b"]
