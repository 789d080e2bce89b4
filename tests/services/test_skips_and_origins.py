"""Reading on in a long list of skips, and which page named another first."""

import pytest

from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.jobs import SkipReason
from quaero_desktop.domain.outcomes import Refusal
from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.services.compose import Services
from tests.support.handmade import SITE, begin, go_on
from tests.support.outcomes import stored

A, B = SITE + "a", SITE + "b"
OLD = [Refusal(f"{SITE}old/{number:02}", SkipReason.EXCLUDED, "exclude rule 1: */old/*") for number in range(10)]
ELSEWHERE = [Refusal(f"https://elsewhere.test/{number}", SkipReason.SCOPE, "host: docs.site.test") for number in "abc"]


async def crawl(services: Services) -> int:
    root_id = await begin(services, exclude=("*/old/*",))
    await go_on(
        services,
        {
            SITE: stored(SITE, "The start", [A]),
            A: stored(A, "A page", [SITE, B], refused=[*OLD, *ELSEWHERE]),
            B: stored(B, "Another page", [A]),
        },
    )
    return root_id


async def test_skips_are_read_on_after_the_last_one(services: Services) -> None:
    root_id = await crawl(services)

    first = await services.jobs.skips(root_id, limit=8)
    rest = await services.jobs.skips(root_id, limit=8, after=first.skips[-1].url)

    urls = [skip.url for skip in (*first.skips, *rest.skips)]
    assert urls == sorted([*(refusal.url for refusal in OLD), *(refusal.url for refusal in ELSEWHERE)])
    assert first.total_count == rest.total_count == 13


async def test_skips_are_filtered_by_a_part_of_the_address_or_the_rule(services: Services) -> None:
    root_id = await crawl(services)

    by_address = await services.jobs.skips(root_id, query="ELSEWHERE.test/b")
    by_rule = await services.jobs.skips(root_id, query="rule 1", limit=2)
    both = await services.jobs.skips(root_id, query="/0", reason="excluded", after=OLD[7].url)

    assert [skip.url for skip in by_address.skips] == ["https://elsewhere.test/b"]
    assert by_rule.total_count == 10
    assert [skip.url for skip in both.skips] == [OLD[8].url, OLD[9].url]
    assert both.total_count == 10


async def test_signs_that_a_database_gives_a_meaning_are_just_text(services: Services) -> None:
    root_id = await crawl(services)

    assert (await services.jobs.skips(root_id, query="%")).total_count == 0
    assert (await services.jobs.skips(root_id, query="old_0")).total_count == 0


async def test_skips_are_counted_by_reason(services: Services) -> None:
    root_id = await crawl(services)

    assert await services.jobs.skip_counts(root_id) == {"excluded": 10, "scope": 3}
    with pytest.raises(NotFoundError):
        await services.jobs.skip_counts(root_id + 1000)


async def test_a_page_knows_which_page_named_it_first(services: Services) -> None:
    root_id = await crawl(services)
    pages = {row.url: row.id for row in (await services.pages.screen(PageFilter(root_id=root_id))).rows}

    of_a = await services.jobs.details(pages[A])
    of_b = await services.jobs.details(pages[B])
    of_start = await services.jobs.details(pages[SITE])

    assert of_a.found_on is not None
    assert of_a.found_on.url == SITE
    assert of_b.found_on is not None
    assert of_b.found_on.url == A
    assert of_start.found_on is None
