"""X-Robots-Tag: who is asked what."""

import pytest

from quaero_desktop.web.robotstag import robots_tag


@pytest.mark.parametrize(
    ("value", "noindex", "nofollow"),
    [
        ("", False, False),
        ("noindex", True, False),
        ("NoIndex, NoFollow", True, True),
        ("none", True, True),
        ("all", False, False),
        ("quaerodesktop: noindex", True, False),
        ("QuaeroDesktop: none", True, True),
        ("otherbot: noindex, nofollow", False, False),
        ("noindex, otherbot: nofollow", True, False),
        ("otherbot: noindex, quaerodesktop: nofollow", False, True),
        ("otherbot: noindex\nnofollow", False, True),
        ("unavailable_after: 25 Jun 2010 15:00:00 PST, noindex", True, False),
        ("max-snippet: 20, nofollow", False, True),
    ],
)
def test_what_is_asked_of_us(value: str, noindex: bool, nofollow: bool) -> None:
    assert robots_tag(value, "QuaeroDesktop") == (noindex, nofollow)
