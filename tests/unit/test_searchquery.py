"""D3: the query language of the library, as its parser reads it."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quaero_desktop.domain.searchquery import (
    MAX_LENGTH,
    MAX_TERMS,
    After,
    And,
    Before,
    Language,
    Node,
    Not,
    Or,
    SearchQuery,
    Site,
    Term,
    UrlPart,
    forms,
    parse,
    wanted_terms,
)


def ms(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp() * 1000)


def phrase(text: str, **fields: bool) -> Term:
    return Term(text, quoted=True, **fields)


a, b, c = Term("a"), Term("b"), Term("c")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a", a),
        ("a b c", And((a, b, c))),
        ('"a b" c', And((phrase("a b"), c))),
        ("“a b” c", And((phrase("a b"), c))),
        ("a OR b", Or((a, b))),
        ("a b OR c", And((a, Or((b, c))))),
        ("(a b) OR c", Or((And((a, b)), c))),
        ("a AND b", And((a, b))),
        ("a or b and c", And((a, Term("or"), b, Term("and"), c))),
        ("a -b", And((a, Not(b)))),
        ('a -"b c"', And((a, Not(phrase("b c"))))),
        ("a -(b c)", And((a, Not(And((b, c)))))),
        ("a -title:b", And((a, Not(Term("b", in_title=True))))),
        ("vac*", Term("vac", prefix=True)),
        ('"a vac"*', phrase("a vac", prefix=True)),
        ("title:a b", And((Term("a", in_title=True), b))),
        ('TITLE:"a b"', phrase("a b", in_title=True)),
        ("title: a", Term("a", in_title=True)),
        ("title:(a OR b) c", And((Or((Term("a", in_title=True), Term("b", in_title=True))), c))),
        ("title:vac*", Term("vac", prefix=True, in_title=True)),
    ],
)
def test_words_phrases_and_their_operators(text, words):
    assert parse(text) == SearchQuery(words)


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("site:Docs.Python.org", Site("docs.python.org")),
        ("site:https://docs.python.org/", Site("docs.python.org")),
        ("site:*.python.org", Site("python.org")),
        ("site:bücher.de", Site("xn--bcher-kva.de")),
        ("site:10.0.0.7:8080", Site("10.0.0.7:8080")),
        ("site:docs.python.org/3/library", And((Site("docs.python.org"), UrlPart("docs.python.org/3/library")))),
        ("-site:python.org", Not(Site("python.org"))),
        ("site:a.org OR site:b.org", Or((Site("a.org"), Site("b.org")))),
        ("site:(a.org OR b.org)", Or((Site("a.org"), Site("b.org")))),
        ("url:docs/*.html", UrlPart("docs/*.html")),
        ("url:docs/*", UrlPart("docs/*")),
        ('url:"a b(c)"', UrlPart("a b(c)")),
        ("after:2024", After(ms(2024, 1, 1))),
        ("after:2024-05", After(ms(2024, 5, 1))),
        ("before:2024-2-29", Before(ms(2024, 2, 29))),
        ("after:1969", After(ms(1969, 1, 1))),
        ("lang:EN_gb", Language("en-gb")),
    ],
)
def test_filters(text, conditions):
    assert parse(text) == SearchQuery(None, conditions)


def test_filters_stand_beside_the_words():
    assert parse("a site:x.org b -lang:de") == SearchQuery(And((a, b)), And((Site("x.org"), Not(Language("de")))))


def test_a_pasted_web_address_is_looked_for_in_the_urls():
    assert parse("https://docs.python.org/3/library/json.html").conditions == UrlPart(
        "https://docs.python.org/3/library/json.html"
    )


@pytest.mark.parametrize(
    "text",
    ["count(*)", "json.dumps()", "std::vector", "10:30", "--no-robots", "C++", "a/b", "don’t", "x@y.z", "NOT", "{a:1}"],
)
def test_what_looks_like_an_operator_inside_a_word_is_part_of_it(text):
    assert parse(text) == SearchQuery(Term(text))


def test_a_parenthesis_ends_a_group_even_after_a_call():
    assert parse("(json.dumps() OR b) c") == SearchQuery(And((Or((Term("json.dumps()"), b)), c)))


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ('a "b c', And((a, phrase("b c"))), "quotation mark is not closed"),
        ("OR", None, "OR stands between"),
        ("a OR", a, "OR stands between"),
        ("OR a", a, "OR stands between"),
        ("a OR OR b", Or((a, b)), "OR stands between"),
        ("(a OR) b", And((a, b)), "OR stands between"),
        ("(a b", And((a, b)), "parenthesis is not closed"),
        ("author:smith", And((Term("author"), Term("smith"))), "“author:” is no field; the fields are title:, site:"),
        ('author:"john smith"', And((Term("author"), phrase("john smith"))), "“author:” is no field"),
        ("a after:yesterday", a, "“yesterday” is no date"),
        ("a before:2024-13", a, "“2024-13” is no date"),
        ("a after:2023-02-29", a, "“2023-02-29” is no date"),
        ("a after:0000", a, "“0000” is no date"),
        ("a lang:english", a, "“english” is no language"),
        ("a site:%%", a, "“%%” is no name of a site"),
        ("a title:", a, "“title:” needs a value"),
        ("fo*o", Term("fo*o"), "star works at the end"),
        ("-a", Not(a), "Nothing but words to leave out"),
        ("-a -b", And((Not(a), Not(b))), ""),
        ("🎉", None, "no word to look for"),
        ('""', None, "no word to look for"),
        ("()", None, "no word to look for"),
        ("- * ! ?", None, "no word to look for"),
    ],
)
def test_what_makes_little_sense_gets_the_best_reading_and_a_hint(text, words, hint):
    query = parse(text)
    assert query.words == words
    assert hint in query.hint


def test_a_filter_in_an_or_with_words_holds_for_the_whole_query():
    query = parse("a OR site:x.org")
    assert (query.words, query.conditions) == (a, Site("x.org"))
    assert "hold for the whole query" in query.hint


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_nothing_asked_needs_no_hint(text):
    assert parse(text) == SearchQuery()


def test_unbindable_characters_do_not_survive():
    assert parse("a\0b \ud800 c") == SearchQuery(And((a, b, c)))


def test_right_to_left_and_east_asian_words_are_words():
    assert parse("שלום 東京 -مرحبا") == SearchQuery(And((Term("שלום"), Term("東京"), Not(Term("مرحبا")))))


def test_long_queries_are_cut_with_a_hint():
    query = parse("word " * 10_000)
    assert f"first {MAX_LENGTH:,} characters" in query.hint
    many = parse(" ".join(f"w{number}" for number in range(100)))
    assert len(wanted_terms(many.words)) == MAX_TERMS
    assert f"first {MAX_TERMS} words" in many.hint


def test_deep_nesting_is_bounded():
    assert "nested too deeply" in parse("(" * 500 + "a" + ")" * 500).hint
    assert parse("-" + "title:-" * 140 + "a").words is not None


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("index", {"index", "indexes"}),
        ("indexes", {"indexes", "index", "indexe"}),
        ("table", {"table", "tables"}),
        ("Tables", {"tables", "table"}),
        ("query", {"query", "queries"}),
        ("queries", {"queries", "query"}),
        ("key", {"key"}),
        ("keys", {"keys", "key"}),
        ("class", {"class", "classes"}),
        ("classes", {"classes", "class", "classe"}),
        ("status", {"status", "statuses"}),
        ("branch", {"branch", "branches"}),
        ("monkey", {"monkey", "monkeys"}),
        ("été", {"été"}),
        ("utf8", {"utf8"}),
        ("pg_class", {"pg_class"}),
    ],
)
def test_a_plain_word_stands_for_its_plural_and_singular(word, expected):
    assert set(forms(Term(word))) == expected


def test_what_is_quoted_or_open_stands_for_itself():
    assert forms(phrase("tables")) == ("tables",)
    assert forms(Term("tables", prefix=True)) == ("tables",)


def test_wanted_terms_leave_out_what_is_left_out():
    assert wanted_terms(parse("a (b OR c) -d title:a").words) == (a, b, c, Term("a", in_title=True))


# --- For any text ---------------------------------------------------------------------------------------------------

PIECES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "OR",
            "AND",
            "NOT",
            "NEAR(",
            "-",
            "(",
            ")",
            '"',
            "“",
            "*",
            ":",
            "title:",
            "site:",
            "url:",
            "after:",
            "before:",
            "lang:",
            "2024-05",
            "https://",
            "a",
            "東京",
            "^",
            "+",
            "{",
            "}",
            "\0",
            "\ud83d",
            "\u202e",
            "🎉",
        ]
    ),
)
QUERIES = st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=40).map(" ".join), st.lists(PIECES).map("".join))


def is_tree_of(node: Node | None, leaves: tuple[type, ...]) -> bool:
    match node:
        case And(parts) | Or(parts):
            return len(parts) > 1 and all(is_tree_of(part, leaves) for part in parts)
        case Not(part):
            return is_tree_of(part, leaves)
        case _:
            return node is None or isinstance(node, leaves)


@given(QUERIES)
@example("-(a site:b) OR -(-c)")
def test_any_text_is_a_query(text):
    query = parse(text)
    assert is_tree_of(query.words, (Term,))
    assert is_tree_of(query.conditions, (Site, UrlPart, After, Before, Language))
    nothing_typed = not text.replace("\0", " ").strip()
    assert nothing_typed == (query == SearchQuery())


@given(st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=8, unique=True))
def test_plain_words_are_all_wanted_in_their_order(words):
    assert [term.text for term in wanted_terms(parse(" ".join(words)).words)] == words
