"""How numbers, times and untrusted texts are written in the window."""

import pytest

from quaero_desktop.ui import format

NOW = 1_760_000_000_000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (0.44, "0.4 s"), (12, "12 s"), (59.6, "1 m 0 s"), (72, "1 m 12 s"), (11_100, "3 h 5 m"),
     (187_200, "2 d 4 h"), (-3, "0.0 s"), (None, "—")],
)  # fmt: skip
def test_durations(seconds: float | None, text: str) -> None:
    assert format.duration(seconds) == text


@pytest.mark.parametrize(
    ("bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_500, "1.5 kB"),
        (214_300_000, "214.3 MB"),
        (12_400_000_000, "12.4 GB"),
        (None, "—"),
    ],
)
def test_sizes(bytes: int | None, text: str) -> None:
    assert format.size(bytes) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [(0, "just now"), (9_000, "just now"), (45_000, "45 s ago"), (200_000, "3 min ago"), (7_300_000, "2 h ago"),
     (90_000_000, "yesterday"), (5 * 86_400_000, "5 days ago"), (-60_000, "in 1 m 0 s")],
)  # fmt: skip
def test_relative_times(ago: int, text: str) -> None:
    assert format.relative(NOW - ago, NOW) == text


def test_a_long_time_ago_is_a_day() -> None:
    assert format.relative(NOW - 90 * 86_400_000, NOW) == format.day(NOW - 90 * 86_400_000)
    assert format.relative(None, NOW) == "—"


def test_counts_and_rates() -> None:
    assert format.count_of(1, "page") == "1 page"
    assert format.count_of(1204, "page") == "1,204 pages"
    assert format.rate(38.4) == "38 pages/s"
    assert format.rate(0.42) == "0.4 pages/s"


@pytest.mark.parametrize(
    "text", ["a\nb", "a\x1bb", "a\u202eb", "a\u2066b", "a\x00b", "a\u200bb", "a\ud800b", "a\r\n\tb"]
)
def test_untrusted_text_is_one_inert_line(text: str) -> None:
    assert format.clean(text) == "a b"


def test_untrusted_text_is_bounded() -> None:
    assert format.clean("x" * 1_000_000) == "x" * 1_999 + "…"
    assert format.clean("<b>&amp;</b>") == "<b>&amp;</b>"


@pytest.mark.parametrize(
    ("url", "path", "host"),
    [("https://a.b/library/json.html?x=1", "/library/json.html?x=1", "a.b"), ("https://a.b:8000", "/", "a.b:8000"),
     ("https://a.b/gr%C3%B6%C3%9Fe", "/größe", "a.b"), ("https://a.b/%E2%80%AEx", "/ x", "a.b")],
)  # fmt: skip
def test_parts_of_addresses_for_people(url: str, path: str, host: str) -> None:
    assert format.path_of(url) == path
    assert format.host_of(url) == host


def test_a_tool_tip_shows_what_looks_like_html_and_a_button_every_ampersand() -> None:
    assert format.tool_tip("<img src=x>\nR&D") == "<qt/>&lt;img src=x&gt;<br>R&amp;D"
    assert format.tool_tip("") == ""
    assert format.button_text("R&D\n<b>") == "R&&D <b>"


def test_lines_of_others_are_few_and_inert():
    assert format.clean_lines("one\u202e\ntwo\x1b\r\nthree") == "one \ntwo \nthree"
    assert format.clean_lines("line\n" * 50, 3) == "line\nline\nline…"
    assert len(format.clean_lines("x" * 1_000_000)) == format.MAX_LINE
    assert format.tool_tip("a <b>\n" * 5_000).count("<br>") < 30
    assert "<b>" not in format.tool_tip("a <b>\n" * 5_000)
