"""What a search found is found again in the text that is shown."""

import pytest

from quaero_desktop.ui.found import as_prefix, places, terms_of


def found(text: str, query: str) -> list[str]:
    units = text.encode("utf-16-le")
    return [units[2 * start : 2 * end].decode("utf-16-le") for start, end in places(text, terms_of(query))]


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("A table of tables, and a tablet.", "table", ["table", "tables"]),
        ("A TABLE here", "table", ["TABLE"]),
        ("Crème brûlée", "creme", ["Crème"]),
        ("creme", "crème", ["creme"]),
        ("Configure the configuration", "config*", ["Configure", "configuration"]),
        ("point in time; point. In -- time", '"point in time"', ["point in time", "point. In -- time"]),
        ("point of time", '"point in time"', []),
        ("max_pages and pages", "pages", ["pages", "pages"]),
        ("一个全文检索的例子", "全文检索", ["全文检索"]),
        ("Python全文", "python", ["Python"]),
        ("\U0001f600 word \U0001f600 word", "word", ["word", "word"]),
        ("one two", "one -two", ["one"]),
        ("one two", "site:two one", ["one"]),
        ("anything", "", []),
        ("anything", '"', []),
        ("a+b (c) [d", '"a+b (c) [d"', ["a+b (c) [d"]),
    ],
)
def test_words_are_found_as_the_index_finds_them(text: str, query: str, expected: list[str]) -> None:
    assert found(text, query) == expected


def test_what_is_typed_into_the_find_bar_is_found_within_words() -> None:
    assert places("abcabc a+", ("bc",), within_words=True) == [(1, 3), (4, 6)]
    assert places("abcabc a+", ("a+",), within_words=True) == [(7, 9)]
    assert places("two  words", ("two words",), within_words=True) == [(0, 10)]


@pytest.mark.parametrize(
    ("query", "wider"),
    [
        ("vacuu", "vacuu*"),
        ("backup resto", "backup resto*"),
        ("x", None),
        ("", None),
        ("vacuu ", None),
        ("site:docs", None),
        ('"point in', None),
        ("a OR", None),
        ("vacuu*", None),
    ],
)
def test_the_word_that_is_being_typed_may_go_on(query: str, wider: str | None) -> None:
    assert as_prefix(query) == wider
