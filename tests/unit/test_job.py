"""What a job tells of itself."""

from typing import Any

import pytest

from quaero_desktop.domain.jobs import Job

CRAWL = {"seeds": ["https://a.test/", "https://b.test/"]}


def job(payload: dict[str, Any]) -> Job:
    fields: dict[str, Any] = dict.fromkeys(Job.__struct_fields__)
    return Job(**fields | {"payload": payload})


@pytest.mark.parametrize(
    ("payload", "seeds"),
    [
        (CRAWL, ("https://a.test/", "https://b.test/")),
        (
            {"steps": [{"crawl": CRAWL}, {"crawl": None}, {"crawl": {"seeds": ["https://c.test/"]}}]},
            ("https://a.test/", "https://b.test/", "https://c.test/"),
        ),
        ({}, ()),
        ({"seeds": "https://a.test/", "steps": ["nonsense", 1]}, ()),
        ({"steps": "nonsense"}, ()),
    ],
    ids=["a crawl", "a run", "a page", "nonsense in lists", "nonsense"],
)
def test_it_tells_where_it_began(payload: dict[str, Any], seeds: tuple[str, ...]):
    assert job(payload).seeds == seeds
