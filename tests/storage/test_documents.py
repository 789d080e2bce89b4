"""What becomes of a page in the library: one document for each URL, versions of what changed, and an index in step."""

import zlib
from collections.abc import Iterator

import pytest

from quaero_desktop.domain.outcomes import Stored
from quaero_desktop.storage import documents
from tests.support.outcomes import stored
from tests.support.plain_library import PlainLibrary

URL = "https://site.test/page"


class Shelf:
    """A library's documents, each operation in a transaction of its own."""

    def __init__(self, library: PlainLibrary) -> None:
        self.library = library

    def store(self, page: Stored, source_id: int | None = None) -> int:
        self.library.clock.advance(1)
        return self.library.run(lambda tx: documents.store(tx, page, source_id))

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

    assert shelf.library.connection.total_changes - before == 3, "library, document, source; nothing of the index"
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
    for name in ("one", "two"):
        shelf.library.run(
            lambda tx, n=name: tx.execute(
                "INSERT INTO sources (name, base_url, created_at, updated_at) VALUES (?, 'https://site.test', 0, 0)",
                (n,),
            )
        )

    assert shelf.store(stored(URL), 1) != shelf.store(stored(URL), 2)


def test_a_page_without_a_source_gets_the_one_of_its_origin(shelf):
    ids = [shelf.store(stored(url)) for url in (URL, URL + "2", "https://other.test:8443/")]

    sources = [shelf.column("source_id", document_id) for document_id in ids]
    assert sources[0] == sources[1] != sources[2]
    assert shelf.library.connection.execute("SELECT name, base_url, automatic FROM sources ORDER BY id").fetchall() == [
        ("site.test", "https://site.test", 1),
        ("other.test:8443", "https://other.test:8443", 1),
    ]


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
