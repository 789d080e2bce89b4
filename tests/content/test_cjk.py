"""Chinese, Japanese and Korean text is found by SQLite's unicode61 tokenizer, a character a token."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.domain.cjk import join_cjk, split_cjk

TEXTS = st.text(
    st.one_of(
        st.sampled_from("日本語한국어かなカナｶﾅ𠀀𪛖々ー"), st.sampled_from(" \n。,aé1"), st.characters(codec="utf-8")
    ).filter(lambda character: character > "\x08")
)


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("plain words", "plain words"),
        ("naïve – “quoted”", "naïve – “quoted”"),
        ("日本語", " 日 本 語 "),
        ("Python入門", "Python 入 門 "),
        ("한국어 문서", " 한 국 어   문 서 "),
        ("かなカナｶﾅ", " か な カ ナ ｶ ﾅ "),
        ("𠀀𪛖", " 𠀀 𪛖 "),
        ("", ""),
    ],
)
def test_each_character_is_set_apart(text: str, split: str) -> None:
    assert split_cjk(text) == split
    assert join_cjk(split) == text


@given(TEXTS)
def test_joining_undoes_splitting(text: str) -> None:
    assert join_cjk(split_cjk(text)) == text


def test_an_excerpt_with_marked_hits_is_joined() -> None:
    assert join_cjk("…館 は \x02資\x03 \x02料\x03 を 集") == "…館は\x02資\x03\x02料\x03を集"


@pytest.mark.parametrize("query", ["資料", "図書館", "𠀀", "도서관", "ト", "图书"])
def test_a_full_text_index_finds_any_run_of_characters(query: str) -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE pages USING fts5(text, tokenize='unicode61')")
    text = "図書館は資料を集める。𠀀字。도서관은 책을 모은다. ノート。图书馆"
    database.execute("INSERT INTO pages VALUES (?)", (split_cjk(text),))
    found = database.execute("SELECT count(*) FROM pages WHERE pages MATCH ?", (f'"{split_cjk(query)}"',)).fetchone()
    absent = database.execute("SELECT count(*) FROM pages WHERE pages MATCH ?", (f'"{split_cjk("館図")}"',)).fetchone()
    database.close()
    assert found == (1,)
    assert absent == (0,)
