"""A few letters mean the name that a person would say they mean."""

import pytest

from quaero_desktop.ui.fuzzy import match

NAMES = ("New crawl…", "Run again", "Retry failed", "Pause", "Resume", "Copy address", "Export documents…", "Settings…")


def best(typed: str) -> str | None:
    fitting = [(found[0], name) for name in NAMES if (found := match(typed, name)) is not None]
    return max(fitting)[1] if fitting else None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("rf", "Retry failed"),
        ("ret", "Retry failed"),
        ("failed", "Retry failed"),
        ("nc", "New crawl…"),
        ("res", "Resume"),
        ("CA", "Copy address"),
        ("exdo", "Export documents…"),
        ("sett", "Settings…"),
        ("qqq", None),
        ("zu", None),
    ],
)
def test_letters_mean_a_name(typed: str, meant: str | None) -> None:
    assert best(typed) == meant


def test_what_was_typed_can_be_marked_in_the_name() -> None:
    assert match("rf", "Retry failed") == (16 - 0 - 6 // 4, (0, 6))


def test_nothing_typed_fits_everything() -> None:
    assert match("  ", "Pause") == (0, ())


def test_letters_strewn_over_a_name_mean_nothing() -> None:
    assert match("re", "Export documents…") is None
