"""The text of the index: no markup, no link targets, code as it is."""

import pytest

from quaero_desktop.content.searchtext import from_markdown, plain_line
from tests.content.pages import PROSE, parsed


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("# A *title*\n\n**bold** and `code_name`", "A title bold and code_name"),
        ("[text](https://a.test/x) ![alt](<https://a.test/(y)>)", "text alt"),
        ("[`json`](https://a.test/x)", "json"),
        ("- one\n  - two\n1. three\n> quoted", "one two 1. three quoted"),
        ("```python\ndef f(*args):\n    return a[0](x)\n```\nafter", "def f(*args): return a[0](x) after"),
        ("| a | b |\n| --- | :-: |\n| 1<br>2 | 3 |", "a b 1 2 3"),
        (r"\*not bold\* and snake_case and 2 * 3", "*not bold* and snake_case and 2 * 3"),
        ("図書館", " 図 書 館 "),
        ("```\nnever closed **x**", "never closed **x**"),
        ("", ""),
    ],
)
def test_markdown_to_text(markdown: str, text: str) -> None:
    assert from_markdown(markdown) == text


def test_a_line() -> None:
    assert plain_line("`json` — *encoder* [x](https://a.test/)") == "json — encoder x"


def test_a_page_has_its_words_and_no_markup() -> None:
    page = parsed(
        f"<main><h1>Title</h1><p>{PROSE}<b>bold</b>ly <a href=x.html>linked</a> <code>a*b</code></p>"
        "<table><tr><th>k<th>v<tr><td>1<td>2</table><pre>x = [\n  1]</pre><ul><li>one<li>two</ul></main>"
    )
    assert page.search_text == f"Title {PROSE}boldly linked a*b k v 1 2 x = [ 1] one two"


def test_a_page_in_japanese_is_split() -> None:
    assert " 図 書 館 " in parsed("<p>図書館").search_text
