# ruff: noqa: RUF001, E501 - the signs of Chinese and Japanese are meant, and twice as wide
"""What a document says in short: whole sentences of its own, in its order, and keywords without repetition."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quaero_desktop.content import corpus
from quaero_desktop.content.language import language_of, lexicon
from quaero_desktop.content.prose import read, split
from quaero_desktop.content.searchtext import plain
from quaero_desktop.content.summary import summarise
from quaero_desktop.domain.summaries import CorpusInput, Digest, Summary, SummaryInput

BISECT = """\
# `bisect` — Array bisection algorithm

**Source code:** [Lib/bisect.py](https://example.org/bisect.py)

---

This module provides support for maintaining a list in sorted order without having to sort the list after each
insertion. For long lists of items with expensive comparison operations, this can be an improvement. The module is
called `bisect` because it uses a basic bisection algorithm to do its work.

> **See also**
>
> [Sorted Collections](https://example.org/sc) is a high performance module that uses bisect to manage sorted lists.

```python
>>> bisect.insort(data, 5)  # This line of code inserts the number five into data.
```

| function | meaning |
| --- | --- |
| `bisect_left` | This cell locates the insertion point for an item in the sorted list. |

## Performance

Inserting into a sorted list costs linear time, since the insertion step dominates the logarithmic search step. New in
version 3.10.

## See also

[Heap queues](https://example.org/heapq) are another way to keep a list in a useful order.
"""


def made(text: str, **options: object) -> Summary:
    return summarise(SummaryInput(text=text, **options))  # type: ignore[arg-type]


def test_a_manual_page_is_summarised_by_its_first_sentences() -> None:
    summary = made(BISECT, title="bisect — Array bisection algorithm — Python documentation")
    assert summary.text.startswith("This module provides support for maintaining a list in sorted order")
    assert 2 <= len(split(summary.text)) <= 3
    assert summary.language == "en"
    assert {"bisect", "insertion"} <= set(summary.keywords)


@pytest.mark.parametrize(
    "left_out", ["See also", "Sorted Collections", ">>>", "This cell", "Source code", "Heap", "New in"]
)
def test_code_tables_menus_and_asides_are_no_part_of_it(left_out: str) -> None:
    assert left_out not in made(BISECT, sentences=10).text


def test_sentences_keep_the_order_of_the_document() -> None:
    text = plain(BISECT)
    positions = [text.find(sentence) for sentence in split(made(BISECT, sentences=10).text)]
    assert -1 not in positions
    assert positions == sorted(positions)


def test_a_sentence_that_refers_to_the_one_before_never_comes_alone() -> None:
    text = (
        "# Locks\n\nA lock keeps two writers apart. They would damage each other's pages otherwise."
        "\n\nReaders take no lock at all in this mode of the database."
    )
    summary = made(text, sentences=2).text
    assert "They would" not in summary or "A lock keeps" in summary


def test_as_many_sentences_as_were_asked_for_are_the_most() -> None:
    assert len(split(made(BISECT, sentences=1).text)) == 1
    assert made(BISECT, keywords=2).keywords == made(BISECT).keywords[:2]


@pytest.mark.parametrize(
    ("language", "text", "begins", "keyword"),
    [
        (
            "zh",
            (
                "# SQLite 简介\n\nSQLite 是一个用 C 语言编写的嵌入式关系数据库引擎。它不需要单独的服务器进程，数据库引擎直接读写"
                "普通的磁盘文件。\n\n与其他数据库引擎不同，SQLite 没有客户端和服务器的区分。应用程序通过函数调用访问数据库引擎。"
            ),
            "SQLite 是一个用 C 语言编写的嵌入式关系数据库引擎。",
            "数据库引擎",
        ),
        (
            "ja",
            (
                "# Python の概要\n\nPythonは、汎用のプログラミング言語である。標準ライブラリが充実していることから、さまざまな分野で"
                "利用されている。\n\nPythonのインタプリタは、多くのオペレーティングシステムで動作する。インタプリタは対話的に利用できる。"
            ),
            "Pythonは、汎用のプログラミング言語である。",
            "インタプリタ",
        ),
        (
            "ko",
            (
                "# 파이썬\n\n파이썬은 1991년에 발표된 고급 프로그래밍 언어이다. 파이썬은 문법이 간결하고 배우기 쉬워 교육용으로 널리 "
                "사용된다.\n\n표준 라이브러리는 매우 방대하며 다양한 작업을 지원한다."
            ),
            "파이썬은 1991년에 발표된 고급 프로그래밍 언어이다.",
            "파이썬",
        ),
        (
            "de",
            (
                "# PostgreSQL\n\nPostgreSQL ist ein freies Datenbankmanagementsystem. Es begann z. B. 1986 an der Universität.\n\n"
                "Transaktionen sind in PostgreSQL isoliert, so dass Leser und Schreiber einander nicht blockieren."
            ),
            "PostgreSQL ist ein freies Datenbankmanagementsystem.",
            "PostgreSQL",
        ),
        (
            "ru",
            (
                "# Вода\n\nВода — неорганическое соединение водорода и кислорода. При нормальных условиях вода представляет собой "
                "прозрачную жидкость."
            ),
            "Вода — неорганическое соединение водорода и кислорода.",
            "вода",
        ),
        (
            "fr",
            (
                "# Le cycle de l'eau\n\nLe cycle de l'eau est un phénomène naturel qui relie les grands réservoirs d'eau. "
                "Cependant, une partie de l'eau s'infiltre dans le sol."
            ),
            "Le cycle de l'eau est un phénomène naturel",
            "eau",
        ),
    ],
)
def test_other_languages(language: str, text: str, begins: str, keyword: str) -> None:
    summary = made(text)
    assert summary.language == language
    assert summary.text.startswith(begins)
    assert keyword in summary.keywords


def test_what_a_page_says_of_its_language_counts_where_it_can_be_true() -> None:
    assert language_of("数据库引擎直接读写普通的磁盘文件。", "en-US") == "zh"
    german = "Die Datenbank ist auf der Platte und wird von dem Programm gelesen, wenn es das will."
    assert language_of(german, "en") == "de"
    assert language_of(german, "de-AT") == "de"
    assert language_of("The database is on the disk and it is read by the program.", "de") == "en"
    assert language_of("SELECT name FROM pages", "nl") == "nl"


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# Title", "```\ncode\n```", "| a |\n| - |\n| b |", "- [a](http://x/)\n- [b](http://y/)"]
)
def test_a_page_without_running_text_has_no_summary(text: str) -> None:
    assert made(text).text == ""


def test_one_sentence_is_its_own_summary() -> None:
    assert made("PostgreSQL is a database system.").text == "PostgreSQL is a database system."


def test_a_run_of_marks_ends_a_sentence_only_before_a_blank() -> None:
    assert split("It goes on and so on... Chapter two.......6 ends. Really?! “Yes.” It did.") == [
        "It goes on and so on...",
        "Chapter two.......6 ends.",
        "Really?!",
        "“Yes.”",
        "It did.",
    ]


def test_an_abbreviation_a_version_and_an_initial_end_no_sentence() -> None:
    text = "It supports formats, e.g. XML, since version 3.11 of J. Smith's tool. The second sentence (see Fig. 3) ends here."
    assert split(text) == [
        "It supports formats, e.g. XML, since version 3.11 of J. Smith's tool.",
        "The second sentence (see Fig. 3) ends here.",
    ]


def test_a_letter_may_end_a_sentence() -> None:
    assert split("It names database N of connection D. If there is none, it is empty.") == [
        "It names database N of connection D.",
        "If there is none, it is empty.",
    ]


def test_spellings_of_one_thing_are_one_keyword() -> None:
    text = (
        "Floating-point numbers are stored. A floating point number is inexact. The index and its indices differ. " * 4
    )
    keywords = made(text).keywords
    assert len({"floating point", "floating-point", "floating point number"} & {each.lower() for each in keywords}) <= 1
    assert len({"index", "indices"} & set(keywords)) == 1


def test_keywords_are_no_stop_words_and_no_forms_of_each_other() -> None:
    text = "# Indexes\n\n" + "An index speeds up queries. Indexes are built by the planner; indexing takes time. " * 5
    words = lexicon("en")
    keywords = made(text).keywords
    assert not [keyword for keyword in keywords if words.is_stop(keyword.lower())]
    stems = [frozenset(words.stem(word) for word in keyword.lower().split()) for keyword in keywords]
    assert len(set(stems)) == len(stems)
    assert not [each for each in stems for other in stems if each < other]


def test_footnotes_and_link_targets_do_not_show() -> None:
    text = (
        "JSON is a format [[1]](https://example.org/#fn1) that is defined by [RFC 7159](https://example.org/rfc) [2] ."
    )
    assert made(text).text == "JSON is a format that is defined by RFC 7159."


@pytest.mark.parametrize(
    "text",
    [
        "x" * 5_000_000,
        "a. " * 1_600_000,
        "[" * 200_000,
        "](" * 200_000,
        "[a](" * 100_000,
        "`" * 200_001,
        "**" * 200_000,
        "> " * 200_000,
        "# " * 200_000,
        "中" * 300_000,
        "(" * 100_000 + ")" * 100_000,
        "A " + "very " * 200_000 + "long sentence.",
        "\x02\x03\x04\x05 Some text with the signs of ours. " * 1000,
        "<script>alert(1)</script> " * 20_000,
        ("." * 19_990 + "x\n\n") * 25,
        ("!" * 10_000 + '"' * 9_900 + "x\n\n") * 25,
        ("\\[" * 9_990 + "](x\n\n") * 25,
        ("[[" * 9_990 + "](x\n\n") * 25,
    ],
)
def test_hostile_text_costs_little_and_raises_nothing(text: str) -> None:
    began = time.process_time()
    summary = made(text)
    assert time.process_time() - began < 4
    assert len(summary.text) < 5_000
    assert len(summary.keywords) <= 8


_MARKDOWN = st.lists(
    st.one_of(
        st.text(max_size=80),
        st.sampled_from(
            ["# Heading\n\n", "\n\n", "- ", "> ", "```\n", "`code`", "[link](http://x.y/z)", "| a | b |\n", ". ", "。"]
        ),
        st.sampled_from(
            ["The engine reads pages.", "SQLite is a library.", "数据库引擎读写文件。", "Das ist ein Satz."]
        ),
    ),
    max_size=40,
).map("".join)


@settings(max_examples=200, deadline=None)
@given(text=_MARKDOWN, title=st.text(max_size=40), language=st.sampled_from(["", "en", "de", "zh", "xx", "e" * 50]))
def test_any_text_gives_a_bounded_summary_of_its_own_sentences(text: str, title: str, language: str) -> None:
    summary = made(text, title=title, language=language)
    whole = {sentence.text for sentence in read(text, title).sentences}
    rest = summary.text
    for sentence in sorted(whole, key=len, reverse=True):
        rest = rest.replace(sentence, " ")
    assert not rest.strip()
    assert len(summary.keywords) <= 8
    assert len({keyword.casefold() for keyword in summary.keywords}) == len(summary.keywords)
    summary.text.encode()


def test_an_excerpt_for_a_model_has_the_beginning_and_of_the_rest_what_its_parts_begin_with() -> None:
    parts = "".join(
        f"## Part {n}\n\nPart {n} is about its subject. {'More is said about it here. ' * 30}\n\n" for n in range(9)
    )
    summary = made(f"# Guide\n\nThe guide has many parts.\n\n{parts}", excerpt=600)
    assert summary.is_cut
    assert summary.excerpt.startswith("The guide has many parts.")
    assert "Part 8 is about its subject." in summary.excerpt
    assert len(summary.excerpt) < 600 * 4
    short = made("# Note\n\nThis is all that it says.", excerpt=600)
    assert (short.excerpt, short.is_cut) == ("This is all that it says.", False)


def digest(number: int, summary: str, *keywords: str, level: int = 2) -> Digest:
    return Digest(title=f"Page {number}", summary=summary, keywords=keywords, language="en", level=level)


def test_a_collection_is_about_what_its_documents_share() -> None:
    documents = (
        digest(1, "The sailor likes the sea and the wind.", "sailor", "sea"),
        digest(2, "SQLite is a library that implements a database engine.", "SQLite", "database", level=0),
        digest(3, "The write-ahead log of SQLite keeps changes beside the database.", "log", "database", "SQLite"),
        digest(4, "The pager of SQLite reads pages of the database file.", "pages", "databases", "SQLite"),
        digest(5, "It is used everywhere in SQLite and its tools.", "SQLite"),
    )
    summary = corpus.summarise(CorpusInput(documents=documents, sentences=2))
    assert summary.text.startswith("SQLite is a library that implements a database engine.")
    assert "sailor" not in summary.text
    assert "It is used" not in summary.text
    assert summary.keywords[:2] == ("SQLite", "database")
    assert "databases" not in summary.keywords
    assert corpus.summarise(CorpusInput(documents=documents, sentences=2)) == summary


def test_a_collection_of_nothing_says_nothing() -> None:
    assert corpus.summarise(CorpusInput(documents=())) == Summary()


def test_no_summary_leaves_markup_behind() -> None:
    text = "The **engine** reads [pages](https://example.org/a_(b)) with `read_page()` and *writes* them ![x](y.png) again."
    assert not re.search(r"[*`\[\]]|https?:", made(text).text)
