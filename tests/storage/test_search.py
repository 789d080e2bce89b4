"""D2 and D3: what a search finds, in which order, and how it shows it."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quaero_desktop.content import extract
from quaero_desktop.domain.cjk import split_cjk
from quaero_desktop.domain.documents import HIGHLIGHT_END, HIGHLIGHT_START, SearchResults, marked, pieces
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.pages import PageInput
from quaero_desktop.domain.searchquery import And, Node, Not, Or, Site, Term, parse
from quaero_desktop.storage import migrate
from quaero_desktop.storage.queries import search as search_module
from quaero_desktop.storage.queries import searchsql
from quaero_desktop.storage.queries.search import search
from quaero_desktop.storage.sqlite import connect_writer
from tests.support import nginx

NOW = 1_700_000_000_000


def ms(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp() * 1000)


def highlights(snippet: str) -> list[str]:
    """Return what of a snippet was found."""
    return [text for text, found in pieces(snippet) if found]


def new_library(path: Path) -> sqlite3.Connection:
    migrate.create(path, NOW)
    connection = connect_writer(path)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("INSERT INTO sources (name, base_url, created_at, updated_at) VALUES ('all', '', 0, 0)")
    return connection


class Shelf:
    """A library whose documents a test puts there by hand."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def add(
        self,
        title: str,
        text: str = "",
        *,
        url: str | None = None,
        language: str = "",
        published: int | None = None,
        fetched: int = NOW,
        duplicate_of: int | None = None,
    ) -> int:
        cursor = self.connection.execute(
            "INSERT INTO documents (source_id, url, title, content_type, content_hash, duplicate_of, language,"
            " published_at, fetched_at, checked_at, changed_at, search_title, markdown, search_text)"
            " VALUES (1, ?, ?, 'text/html', '', ?, ?, ?, ?, 0, 0, ?, '', ?)",
            (
                url or f"https://docs.quaero.org/{title.replace(' ', '-')}-{len(text)}",
                title,
                duplicate_of,
                language,
                published,
                fetched,
                split_cjk(title),
                split_cjk(text),
            ),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def search(self, query: str, limit: int = 20, offset: int = 0) -> SearchResults:
        return search(self.connection, query, limit, offset)

    def titles(self, query: str, limit: int = 20, offset: int = 0) -> list[str]:
        return [hit.title for hit in self.search(query, limit, offset).results]


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    connection = new_library(tmp_path / "library.db")
    yield Shelf(connection)
    connection.close()


# --- What is found --------------------------------------------------------------------------------------------------


@pytest.fixture
def fruit(shelf: Shelf) -> Shelf:
    shelf.add("One", "apples and pears grow on trees")
    shelf.add("Two", "an apple a day")
    shelf.add("Three", "pears, then apples; no plums")
    shelf.add("Apple pie", "flour and sugar")
    shelf.add("Five", "Äpfel und Birnen")
    return shelf


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("plums", {"Three"}),
        ("apple", {"One", "Two", "Three", "Apple pie"}),
        ("APPLES", {"One", "Two", "Three", "Apple pie"}),
        ('"apples"', {"One", "Three"}),
        ("apple pears", {"One", "Three"}),
        ('"apples and pears"', {"One"}),
        ('"pears and apples"', set()),
        ("plums OR sugar", {"Three", "Apple pie"}),
        ("apple -pears", {"Two", "Apple pie"}),
        ('apple -"apples and pears"', {"Two", "Three", "Apple pie"}),
        ("apple -title:apple", {"One", "Two", "Three"}),
        ("suga*", {"Apple pie"}),
        ('"sugar"', {"Apple pie"}),
        ("title:apple", {"Apple pie"}),
        ("title:two apple", {"Two"}),
        ("apfel", {"Five"}),
        ("äpfel", {"Five"}),
        ("(day OR flour) apple", {"Two", "Apple pie"}),
        ("-apple", {"Five"}),
        ("-apple -äpfel", set()),
        ("plums OR -apple", {"Three", "Five"}),
        ("-(apple pears)", {"Two", "Apple pie", "Five"}),
        ("-(-plums)", {"Three"}),
        ("cherries", set()),
    ],
)
def test_words_phrases_and_operators(fruit, query, found):
    results = fruit.search(query)
    assert {hit.title for hit in results.results} == found
    assert results.total_count == len(found)


def test_nothing_asked_finds_nothing(fruit):
    assert fruit.search("  ") == SearchResults(results=(), total_count=0, took_ms=0)
    assert "no word to look for" in fruit.search("🎉").hint


def test_words_that_are_nowhere_together_get_a_hint(fruit):
    assert "OR" in fruit.search("sugar plums").hint
    assert fruit.search("sugar flour").hint == ""


def test_chinese_japanese_and_korean_are_found_inside_a_run(shelf):
    shelf.add("首都", "東京都は日本の首都です。Python入門も読めます。")
    shelf.add("京都", "京都東山")
    assert shelf.titles("東京") == ["首都"]
    assert shelf.titles("日本の首都") == ["首都"]
    assert shelf.titles("Python入門") == ["首都"]
    assert shelf.titles("title:京都") == ["京都"]
    assert shelf.titles("京都") == ["京都", "首都"]
    assert shelf.titles("都日") == []


# --- Filters --------------------------------------------------------------------------------------------------------


@pytest.fixture
def web(shelf: Shelf) -> Shelf:
    shelf.add("Python", "snake", url="https://docs.python.org/3/snake.html", language="en", published=ms(2024, 5, 31))
    shelf.add("Wiki", "snake", url="https://wiki.python.org:8443/Snake_100%", language="en-gb", fetched=ms(2024, 6, 1))
    shelf.add(
        "Not Python", "snake", url="https://notpython.org/docs.python.org/", language="de", fetched=ms(2020, 1, 1)
    )
    shelf.add("Plain", "snake", url="http://docs.python.org/3/other.html", fetched=ms(2021, 1, 1))
    return shelf


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("site:docs.python.org", {"Python", "Plain"}),
        ("site:python.org", {"Python", "Wiki", "Plain"}),
        ("site:org", {"Python", "Wiki", "Not Python", "Plain"}),
        ("site:wiki.python.org:8443", {"Wiki"}),
        ("site:wiki.python.org:80", set()),
        ("site:ython.org", set()),
        ("-site:python.org", {"Not Python"}),
        ("site:docs.python.org/3/snake", {"Python"}),
        ("site:wiki.python.org OR site:notpython.org", {"Wiki", "Not Python"}),
        ("url:snake", {"Python", "Wiki"}),
        ("url:/3/*.html", {"Python", "Plain"}),
        ("url:_100%", {"Wiki"}),
        ("url:100_", set()),
        ("https://docs.python.org/3/snake.html", {"Python"}),
        ("after:2024", {"Python", "Wiki"}),
        ("after:2024-06", {"Wiki"}),
        ("before:2024-05-31", {"Not Python", "Plain"}),
        ("after:2020-01-01 before:2020-01-02", {"Not Python"}),
        ("lang:en", {"Python", "Wiki"}),
        ("lang:en-gb", {"Wiki"}),
        ("-lang:en", {"Not Python", "Plain"}),
    ],
)
@pytest.mark.parametrize("word", ["", "snake ", "-bird "])
def test_filters_alone_and_beside_words(web, query, found, word):
    results = web.search(word + query)
    assert {hit.title for hit in results.results} == found
    assert results.total_count == len(found)


def test_a_filter_holds_for_the_whole_query_even_in_an_or(web):
    results = web.search("bird OR snake OR site:notpython.org")
    assert [hit.title for hit in results.results] == ["Not Python"]
    assert "hold for the whole query" in results.hint


def test_what_is_not_ranked_comes_newest_first(web):
    assert web.titles("site:org") == ["Wiki", "Python", "Plain", "Not Python"]
    assert web.titles("site:org", limit=2, offset=1) == ["Python", "Plain"]
    assert web.titles("-bird", limit=1) == ["Wiki"]


def test_urls_without_a_slash_after_the_host_do_no_harm(web):
    # Only an imported library can hold one.
    web.add("Odd", "snake", url="https://odd.org")
    assert web.titles("site:notpython.org snake") == ["Not Python"]


def test_a_filter_is_no_word_and_a_word_is_no_filter(web):
    with pytest.raises(TypeError, match="is no word"):
        searchsql.compiled(Site("quaero.org"), as_typed=True)
    with pytest.raises(TypeError, match="is no filter"):
        searchsql.Where(web.connection, Term("word"))


# --- Ranking --------------------------------------------------------------------------------------------------------


@pytest.fixture
def manual(shelf: Shelf) -> Shelf:
    """A little of the PostgreSQL manual, with its habits: numbered titles, and words that are everywhere."""
    filler = "tables rows pages indexes transactions storage server database " * 10
    shelf.add("20.9. Run-time Statistics", f"vacuums analyze {filler}")
    shelf.add("53.11. pg_class", f"updated by VACUUM, ANALYZE and others {filler}")
    shelf.add("25.1. Routine Vacuuming", f"vacuum vacuum vacuum analyze analyze {filler}")
    shelf.add("VACUUM", f"VACUUM — garbage-collect and optionally analyze a database {filler}")
    shelf.add("ANALYZE", f"ANALYZE — collect statistics. See also VACUUM. vacuum {filler}")
    shelf.add("Chapter 11. Indexes", f"An index is a common way {filler}")
    shelf.add("CREATE INDEX", f"CREATE INDEX constructs an index index index {filler}")
    shelf.add("json — JSON encoder and decoder — Python documentation", "json module")
    shelf.add("8.14. JSON Types", "json json json json")
    for number in range(40):
        shelf.add(f"Page {number}", filler)
    return shelf


def test_the_pages_that_are_called_like_the_query_come_first(manual):
    assert set(manual.titles("vacuum analyze")[:2]) == {"VACUUM", "ANALYZE"}
    assert manual.titles("vacuum")[:2] == ["VACUUM", "25.1. Routine Vacuuming"]
    assert manual.titles("indexes")[0] == "Chapter 11. Indexes"
    assert manual.titles("create index")[0] == "CREATE INDEX"
    assert manual.titles("json")[0] == "json — JSON encoder and decoder — Python documentation"


def test_a_rare_plural_does_not_outrank_the_word_itself(manual):
    titles = manual.titles("vacuum analyze")
    assert titles[-1] == "20.9. Run-time Statistics"


def test_scores_fall_and_are_the_same_on_each_page(manual):
    whole = manual.search("index", limit=100)
    assert [hit.score for hit in whole.results] == sorted((hit.score for hit in whole.results), reverse=True)
    pages = [hit for offset in range(0, whole.total_count, 7) for hit in manual.search("index", 7, offset).results]
    assert pages == list(whole.results)


@pytest.mark.parametrize(
    "query",
    ["common", "common OR rare", "commons", "common -nothing", "site:quaero.org", "comm*", "common (common OR -rare)"],
)
def test_pages_of_results_hold_each_document_once_beyond_the_ranked_window(shelf, monkeypatch, query):
    monkeypatch.setattr(search_module, "WINDOW", 10)
    for number in range(60):
        shelf.add(f"{'Common' if number % 7 == 3 else 'Page'} {number}", "common " + "other " * (number % 13))
    found = [
        hit.document_id for offset in range(0, 70, 8) for hit in shelf.search(query, limit=8, offset=offset).results
    ]
    assert sorted(found) == list(range(1, 61))
    assert shelf.search(query, 8).total_count == 60


def test_words_that_are_everywhere_are_not_ranked_but_titles_still_count(shelf, monkeypatch):
    monkeypatch.setattr(search_module, "_FEW", 5)
    for number in range(30):
        shelf.add("The name" if number == 4 else f"Page {number}", "the the")
    titles = shelf.titles("the", limit=30)
    assert titles[0] == "The name"
    assert len(set(titles)) == 30


def test_where_one_word_of_several_would_do_the_rare_one_still_counts(shelf, monkeypatch):
    monkeypatch.setattr(search_module, "_FEW", 5)
    for number in range(30):
        shelf.add(f"Page {number}", "the the rare" if number == 4 else "the the")
    assert shelf.titles("the OR rare", limit=1) == ["Page 4"]


@pytest.mark.parametrize("query", ["vacuum", "vacuum analyze", "-vacuum", "site:quaero.org", "vacuum OR json", "vac*"])
def test_all_that_match_come_in_the_order_of_the_search(manual, query):
    results = manual.search(query, limit=1000).results
    assert results
    assert search_module.every(manual.connection, query) == [hit.document_id for hit in results]


@pytest.mark.parametrize("query", ["", "  ", "-", "()"])
def test_all_that_match_nothing_are_none(manual, query):
    assert search_module.every(manual.connection, query) == []


def test_a_title_without_a_word_names_nothing(shelf):
    shelf.add("!!!", "words here")
    shelf.add("Words", "words here")
    assert shelf.titles("words") == ["Words", "!!!"]


def test_a_duplicate_comes_after_its_original(shelf):
    copy = shelf.add("Same", "words here", url="https://b.quaero.org/1")
    original = shelf.add("Same", "words here", url="https://b.quaero.org/2")
    shelf.connection.execute("UPDATE documents SET duplicate_of = ? WHERE id = ?", (original, copy))
    results = shelf.search("words").results
    assert [hit.document_id for hit in results] == [original, copy]
    assert results[0].score == results[1].score


@pytest.mark.sites
@pytest.mark.skipif(not nginx.DOCS["postgresql"].is_dir(), reason="postgresql-doc-15 is not installed")
def test_the_postgresql_manual_answers_as_its_readers_expect(shelf):
    for path in sorted(nginx.DOCS["postgresql"].glob("*.html")):
        page = extract.parse(PageInput(url=f"https://www.postgresql.org/{path.name}", body=path.read_bytes()))
        shelf.add(page.title, page.search_text, url=page.url)
    assert shelf.titles("vacuum analyze")[:2] == ["VACUUM", "ANALYZE"]
    assert "25.1. Routine Vacuuming" in shelf.titles("vacuum analyze", limit=6)
    assert shelf.titles("create table")[0] == "CREATE TABLE"
    assert shelf.titles("indexes")[0] == "Chapter 11. Indexes"
    assert set(shelf.titles("window function")[:2]) == {"3.5. Window Functions", "9.22. Window Functions"}
    assert shelf.titles("transaction isolation")[0] == "13.2. Transaction Isolation"
    assert shelf.titles("foreign key")[0] == "3.3. Foreign Keys"
    assert {"VACUUM", "analyze"} <= set(highlights(shelf.search("vacuum analyze").results[0].snippet))


# --- Snippets -------------------------------------------------------------------------------------------------------


def test_a_snippet_shows_the_words_around_the_best_place(shelf):
    shelf.add("Long", f"{'alpha ' * 300} vacuum {'beta ' * 300} then VACUUM and analyze meet {'gamma ' * 300}")
    (hit,) = shelf.search("vacuum analyze").results
    assert highlights(hit.snippet) == ["VACUUM", "analyze"]
    assert "then **VACUUM** and **analyze** meet" in marked(hit.snippet, "**", "**")
    assert hit.snippet.startswith("… ")
    assert hit.snippet.endswith(" …")
    assert 25 <= len(marked(hit.snippet, "", "").split()) <= 50


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("index", "An index, many indexes, indexing", ["index", "indexes"]),
        ('"index"', "An index, many indexes", ["index"]),
        ("ind*", "An index, many indexes, in", ["index", "indexes"]),
        ("pg_class", "see pg_class. And class pg", ["pg_class"]),
        ('"a b"', "a c. A, b!", ["A, b"]),
        ("apfel", "Äpfel İstanbul äpfel", ["Äpfel", "äpfel"]),
        ("istanbul", "Äpfel İstanbul", ["İstanbul"]),
        ("東京", "新東京駅", ["東京"]),
        ("title:index word", "a word, an index", ["word"]),
        ("word -other", "a word", ["word"]),
        ("c++", "C and c++", ["C", "c"]),
        ("ind* index", "An index", ["index"]),
    ],
)
def test_found_words_are_marked_as_the_index_knows_them(shelf, query, text, found):
    shelf.add("index", text)
    (hit,) = shelf.search(query).results
    assert highlights(hit.snippet) == found
    assert marked(hit.snippet, "", "") == text


def test_words_that_stand_too_far_apart_for_a_snippet_are_not_marked(shelf):
    shelf.add("Long", f"begin {'- ' * 200} end of it")
    (hit,) = shelf.search('"begin end"').results
    assert highlights(hit.snippet) == []
    assert marked(hit.snippet, "", "").startswith("begin - -")


def test_a_snippet_is_one_harmless_line(shelf):
    shelf.add("Page", "one\n\n two\t\x1b[31mred\x1b[0m \x01three\x02 \u202egnp.exe\u202c four")
    (hit,) = shelf.search("two").results
    assert hit.snippet == f"one {HIGHLIGHT_START}two{HIGHLIGHT_END} [31mred [0m three gnp.exe four"


def test_without_a_word_to_mark_a_snippet_is_the_beginning(shelf):
    shelf.add("Title only", "first words of the page " * 30)
    (hit,) = shelf.search("title:only").results
    assert hit.snippet.startswith("first words of the page first")
    assert highlights(hit.snippet) == []
    shelf.add("Empty", "")
    assert [hit.snippet for hit in shelf.search("title:empty").results] == [""]


def test_a_page_full_of_one_word_costs_no_more_than_another(shelf):
    shelf.add("Spam", "spam " * 200_000)
    results = shelf.search("spam")
    assert len(highlights(results.results[0].snippet)) > 10
    assert results.took_ms < 2_000


# --- For any text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "offset"), [(-1, 0), (1, -1)])
def test_a_window_that_makes_no_sense_is_refused(shelf, limit, offset):
    with pytest.raises(UsageError):
        shelf.search("a", limit, offset)


def test_windows_beyond_the_end_are_empty(fruit):
    assert fruit.search("apple", 10, 10**30).results == ()
    assert len(fruit.search("apple", 10**30, 1).results) == 3
    assert fruit.search("apple", 0).results == ()
    assert fruit.search("apple", 0).total_count == 4


@pytest.fixture(scope="module")
def any_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    connection = new_library(tmp_path_factory.mktemp("library") / "library.db")
    shelf = Shelf(connection)
    shelf.add("A b c", "apple NEAR OR and not search_title 東京 search_text", url="https://a.org/x", language="en")
    shelf.add("Other", "a b c d e f g", url="https://b.org/y", published=NOW)
    yield connection
    connection.close()


WORDS = "klmno"
EXPRESSIONS = st.recursive(
    st.sampled_from([*WORDS, *(f'"{a} {b}"' for a in WORDS for b in WORDS if a < b)]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(" ".join),
        st.lists(inner, min_size=2, max_size=3).map(" OR ".join),
        inner.map(lambda text: f"-({text})"),
        inner.map(lambda text: f"({text})"),
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def power_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A library with a document for each set of WORDS, each in the order of the alphabet."""
    connection = new_library(tmp_path_factory.mktemp("library") / "library.db")
    shelf = Shelf(connection)
    for number in range(2 ** len(WORDS)):
        shelf.add(f"{number}", " ".join(word for bit, word in enumerate(WORDS) if number >> bit & 1))
    yield connection
    connection.close()


def holds(node: Node | None, text: str) -> bool:
    match node:
        case And(parts):
            return all(holds(part, text) for part in parts)
        case Or(parts):
            return any(holds(part, text) for part in parts)
        case Not(part):
            return not holds(part, text)
        case Term():
            return node.text in text
        case _:
            raise AssertionError(node)


@settings(max_examples=300)
@given(EXPRESSIONS)
@example("-(-k OR -l) OR -m")
@example("-(k -l) -(m OR -n)")
def test_any_nesting_of_operators_finds_just_what_it_says(power_set, query):
    words = parse(query).words
    texts = dict(power_set.execute("SELECT id, search_text FROM documents").fetchall())
    results = search(power_set, query, limit=100)
    assert {hit.document_id for hit in results.results} == {id for id, text in texts.items() if holds(words, text)}
    assert results.total_count == len(results.results)


PIECES = st.one_of(
    st.text(max_size=10),
    st.sampled_from(
        ["OR", "AND", "NOT", "NEAR(a b, 3)", "NEAR", "-", "(", ")", '"', '""', "*", "^", "+", "{", "}", ":", "--", ";",
         "'", "\\", "%", "search_title :", "search_text:", "{search_title search_text}", "- search_title", "rowid",
         "title:", "site:", "url:", "after:", "before:", "lang:", "2024", "a", "apple", "東京", "\0", "\ud800",
         "\u0301", "\ue000", "🎉", "\u05e9", "\u202e"]
    ),
)  # fmt: skip


@settings(max_examples=400)
@given(
    query=st.one_of(
        st.text(max_size=300), st.lists(PIECES, max_size=30).map(" ".join), st.lists(PIECES, max_size=30).map("".join)
    )
)
@example(query='" " OR "')
@example(query="a OR -b OR (c -d)")
@example(query="-" * 300)
@example(query="(" * 150 + ")" * 150)
@example(query='"' * 299)
@example(query="a" * 300)
@example(query=" ".join("abcdefghijklmnopqrstuvwxyz" * 6))
@example(query=" OR ".join("abcdefghijklmnopqrstuvwxyz" * 3))
@example(query="東" * 300)
@example(query="\u0301 a")
@example(query="url:" + "%*" * 140)
def test_no_text_is_an_error(any_library, query):
    results = search(any_library, query)
    assert results.total_count >= len(results.results)
    for hit in results.results:
        assert hit.snippet.count(HIGHLIGHT_START) == hit.snippet.count(HIGHLIGHT_END)
