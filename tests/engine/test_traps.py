"""What is a trap and what only looks like one."""

import pytest

from quaero_desktop.engine.traps import BUDGET, WARN_AT, Traps, pattern_of, repetition_in

SITE = "https://site.test"


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/a/a/a/", "a"),
        ("/x/a/a/a", "a"),
        ("/a/b/a/b/a/b/", "a/b"),
        ("/en/docs/en/docs/en/docs/page.html", "en/docs"),
        ("/a/a/b/a/", None),
        ("/a/b/a/c/a/d", None),
        ("/1/1/1/", None),
        ("/2/x/2/x/2/x", "2/x"),
        ("/a/a?next=/a/a/a/a", None),
        ("/", None),
    ],
)
def test_a_path_that_repeats_itself(path: str, part: str | None) -> None:
    assert repetition_in(SITE + path) == part


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/docs/sql-select.html", None),
        ("/docs/release-16-2.html", "/docs/release-#-#.html"),
        ("/2024/05/31/", "/#/#/#/"),
        ("/list?sort=price&page=3", "/list?page=*&sort=*"),
        ("/list?page=9&page=3&sort=name", "/list?page=*&sort=*"),
        ("/s/0123456789abcdef0123/x", "/s/#/x"),
        ("/x/123e4567-e89b-12d3-a456-426614174000", "/x/#"),
        ("/shop;jsessionid=A1B2C3.node4", "/shop;#"),
    ],
)
def test_what_of_an_address_varies(path: str, pattern: str | None) -> None:
    assert pattern_of(SITE + path) == (None if pattern is None else SITE + pattern)


def test_a_pattern_whose_pages_repeat_each_other_is_closed_once() -> None:
    traps = Traps()
    lines = [traps.stored(f"{SITE}/cal?month={month}", f"Events of month {month}", False) for month in range(BUDGET)]
    assert lines[:-1] == [None] * (BUDGET - 1)
    assert lines[-1] is not None
    assert f"{BUDGET - 1} of {BUDGET} pages like {SITE}/cal?month=* repeat" in lines[-1]
    rule = traps.rule_against(f"{SITE}/cal?month=999")
    assert rule is not None
    assert rule in lines[-1]
    assert traps.stored(f"{SITE}/cal?month=1000", "Events of month 1000", False) is None
    assert traps.rule_against(f"{SITE}/cal") is None
    assert traps.rule_against(f"{SITE}/cal?year=1") is None


def test_a_pattern_of_thin_pages_is_closed_too() -> None:
    traps = Traps()
    for day in range(BUDGET):
        traps.stored(f"{SITE}/day/{day}", f"text {'abcdefghij'[day % 10]}{day}", True)
    assert traps.rule_against(f"{SITE}/day/99")


def test_pages_that_bring_something_new_all_come_in_with_one_warning() -> None:
    traps = Traps()
    words = ["".join(chr(97 + int(digit)) for digit in f"{number:04}") for number in range(WARN_AT + 200)]
    lines = [traps.stored(f"{SITE}/release-{number}.html", word, False) for number, word in enumerate(words)]
    assert sum(line is not None for line in lines) == 1
    assert lines[WARN_AT - 1] is not None
    assert traps.rule_against(f"{SITE}/release-9999.html") is None


def test_pages_whose_addresses_do_not_vary_are_never_judged() -> None:
    traps = Traps()
    for _ in range(BUDGET * 2):
        assert traps.stored(f"{SITE}/docs/sql.html", "the same", True) is None
    assert traps.rule_against(f"{SITE}/docs/sql.html") is None
