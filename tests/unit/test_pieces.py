"""A page is cut into pieces that can be laid out one at a time, and nothing of it is lost."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.ui.pieces import PIECE, pieces

LINES = st.sampled_from(
    ["", "text", "# head", "- item", "  more", "> quote", "```", "~~~", "```python", "| a | b |", "| - | - |", "1. one"]
)


def test_a_short_page_is_one_piece() -> None:
    markdown = "# Title\n\nSome text.\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\nAnd more.\n\n```\ncode\n```"

    (piece,) = pieces(markdown)

    assert piece.markdown == markdown
    assert not piece.columns


def test_a_long_page_is_cut_between_its_paragraphs() -> None:
    paragraphs = [f"Paragraph {number} " + "word " * 100 for number in range(100)]

    cut = list(pieces("\n\n".join(paragraphs)))

    assert len(cut) > 5
    assert all(len(piece.markdown) < 2 * PIECE for piece in cut)
    assert [line for piece in cut for line in piece.markdown.split("\n") if line] == paragraphs


def test_code_that_is_cut_is_code_on_both_sides() -> None:
    code = [f"line {number} = {{}}" for number in range(3_000)]

    cut = list(pieces("\n".join(["````python", *code, "````", "", "after"])))

    assert len(cut) > 3
    assert all(piece.markdown.startswith("````python\n") for piece in cut if "line" in piece.markdown)
    shown = [line for piece in cut for line in piece.markdown.split("\n") if line.startswith("line")]
    assert shown == code
    assert cut[-1].markdown.endswith("after")


def test_a_long_table_becomes_tables_with_the_same_columns() -> None:
    rows = [f"| {number} | a longer text in here |" for number in range(500)]

    before, first, *rest, after = pieces("\n".join(["before", "", "| n | text |", "|---|:-:|", *rows, "# After"]))

    assert before.markdown == "before\n"
    assert after.markdown == "# After"
    assert not first.goes_on
    assert all(piece.goes_on for piece in rest)
    assert {piece.columns for piece in (first, *rest)} == {first.columns}
    assert sum(first.columns) == pytest.approx(100)
    assert first.columns[0] < first.columns[1]
    shown = [line for piece in (first, *rest) for line in piece.markdown.split("\n")[2:]]
    assert shown == rows


def test_a_table_as_wide_as_a_sheet_loses_its_last_columns_and_says_so() -> None:
    wide = "|" + "cell|" * 500
    (piece,) = pieces(f"{wide}\n|{'-|' * 500}\n{wide}")

    assert piece.markdown.split("\n")[2].endswith("…|")
    assert max(line.count("|") for line in piece.markdown.split("\n")) < 60


@pytest.mark.parametrize(
    "line", ["word " * 400_000, "x" * 2_000_000, "|" * 2_000_000, "`" * 2_000_000, "- " * 1_000_000, "|a" * 1_000_000]
)
def test_the_first_piece_of_a_line_of_megabytes_comes_at_once(line: str) -> None:
    started = time.process_time()
    first = next(iter(pieces(line)))

    assert time.process_time() - started < 1
    assert len(first.markdown) < 10 * PIECE


@given(st.lists(LINES, max_size=60))
def test_no_line_of_a_page_is_lost_whatever_its_structure(lines: list[str]) -> None:
    whole = "\n".join(piece.markdown for piece in pieces("\n".join(lines)))

    for wanted in ("text", "# head", "- item", "> quote"):
        assert whole.count(wanted) == "\n".join(lines).count(wanted)
