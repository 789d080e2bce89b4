"""The encoding of a page: what is declared is believed until the bytes prove it wrong, and never a Python codec."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.content import charset

JAPANESE = "図書館は、資料を集めて保存し、だれでも利用できるようにする場所です。"
CHINESE = "图书馆是收集、整理和保存书籍的地方，人们可以在这里借阅图书。"  # noqa: RUF001
TAIWANESE = "圖書館是收集、整理和保存書籍的地方，人們可以在這裡借閱圖書。"  # noqa: RUF001
KOREAN = "도서관은 책을 모아서 보관하고 누구나 이용할 수 있게 하는 곳입니다."
RUSSIAN = "Библиотека собирает и хранит книги, и каждый может их читать."


def test_a_byte_order_mark_wins_over_everything() -> None:
    for mark, codec, name in (
        (codecs.BOM_UTF8, "utf-8", "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16le"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16be"),
    ):
        decoded = charset.decode(mark + "<p>née".encode(codec), "koi8-r")
        assert (decoded.text, decoded.encoding) == ("<p>née", name)


def test_utf_16_without_a_mark_is_seen_by_its_zeros() -> None:
    page = "<html><title>née</title><p>Some text of a page</p></html>"
    assert charset.decode(page.encode("utf-16-le")).encoding == "utf-16le"
    assert charset.decode(page.encode("utf-16-be")).text == page


@pytest.mark.parametrize(
    ("text", "codec", "label", "name"),
    [
        (JAPANESE, "cp932", "Shift_JIS", "shift_jis"),
        (JAPANESE, "euc_jp", "x-euc-jp", "euc-jp"),
        (JAPANESE, "iso2022_jp", "ISO-2022-JP", "iso-2022-jp"),
        (CHINESE, "gb18030", "gb2312", "gbk"),
        (TAIWANESE, "big5", "big5", "big5"),
        (KOREAN, "euc-kr", "ks_c_5601-1987", "euc-kr"),
        (RUSSIAN, "koi8-r", "koi8-r", "koi8-r"),
        ("“née” – €", "cp1252", "iso-8859-1", "windows-1252"),
    ],
)
def test_a_declared_encoding_is_used(text: str, codec: str, label: str, name: str) -> None:
    by_header = charset.decode(text.encode(codec), label)
    assert (by_header.text, by_header.encoding) == (text, name)
    page = f'<html><head><meta charset="{label}"></head><body>{text}'
    assert charset.decode(page.encode(codec)).text == page
    page = f'<?xml version="1.0" encoding="{label}"?><html><body>{text}'
    assert charset.decode(page.encode(codec)).text == page


@pytest.mark.parametrize(
    ("text", "codec", "name"),
    [
        (JAPANESE, "cp932", "shift_jis"),
        (JAPANESE, "euc_jp", "euc-jp"),
        (CHINESE, "gb18030", "gb18030"),
        (TAIWANESE, "big5", "big5"),
        (KOREAN, "euc-kr", "euc-kr"),
        (RUSSIAN, "cp1251", "windows-1251"),
        (RUSSIAN, "koi8-r", "koi8-r"),
        ("Déjà vu à la carte", "cp1252", "windows-1252"),
    ],
)
def test_an_undeclared_encoding_is_guessed(text: str, codec: str, name: str) -> None:
    decoded = charset.decode(text.encode(codec))
    assert (decoded.text, decoded.encoding) == (text, name)


def test_the_language_of_the_page_hints_at_its_encoding() -> None:
    page = '<html lang="pl"><p>Zażółć gęślą jaźń'
    assert charset.decode(page.encode("iso8859-2")).text == page


@pytest.mark.parametrize("label", ["iso-8859-1", "shift_jis", "nonsense", "utf-7", "hex", "unicode_escape", "\0"])
def test_valid_utf_8_is_utf_8_whatever_the_server_says(label: str) -> None:
    assert charset.decode("naïve 図書館".encode(), label) == ("naïve 図書館", "naïve 図書館".encode(), "utf-8")


def test_a_page_that_only_claims_to_be_utf_8_is_read_as_what_it_is() -> None:
    assert charset.decode("Déjà vu, naïve façade".encode("cp1252"), "utf-8").text == "Déjà vu, naïve façade"


def test_one_bad_byte_does_not_turn_utf_8_into_something_else() -> None:
    decoded = charset.decode("naïve façade déjà vu".encode() + b" \xff", "utf-8")
    assert (decoded.text, decoded.encoding) == ("naïve façade déjà vu \ufffd", "utf-8")


@pytest.mark.parametrize("label", ["utf-7", "unicode_escape", "hex", "rot13", "idna", "punycode", "raw_unicode_escape"])
def test_codecs_that_the_web_does_not_know_do_not_exist(label: str) -> None:
    assert charset.known(label) is None
    assert charset.decode(b"+ADw-script+AD4- \\u0041", label).text == "+ADw-script+AD4- \\u0041"


def test_a_declaration_in_a_comment_is_none() -> None:
    page = '<!-- <meta charset="koi8-r"> --><p>née'
    assert charset.decode(page.encode("cp1252")).encoding == "windows-1252"


@given(st.binary(max_size=400), st.sampled_from(["", *charset._LABELS]))
def test_no_bytes_fail_and_the_result_is_clean_utf_8(body: bytes, label: str) -> None:
    decoded = charset.decode(body, label)
    assert decoded.utf8.decode("utf-8") == decoded.text
    assert charset.known(decoded.encoding) == decoded.encoding
