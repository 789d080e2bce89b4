"""The rules of a crawl change while it runs: what they keep out is not fetched, and what they let in again is."""

import asyncio

from quaero_desktop.domain.rulechange import RuleChange, RuleChanges
from quaero_desktop.services.crawlrequest import CrawlRequest
from tests.support.crawling import NO_ROBOTS, engine_running, page, pages_of, rows
from tests.support.recording_server import Exchange
from tests.support.waiting import until

OLD = tuple(f"/old/{number}" for number in range(6))


class SlowSite:
    """Its first page links to two others, to a folder of old ones, and to a page that is answered when it is told."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __call__(self, exchange: Exchange) -> None:
        match exchange.target:
            case "/":
                await exchange.send(page("/wait", *OLD, "/new"))
            case "/wait":
                await self.go_on.wait()
                await exchange.send(page("/old/late", "/new/late"))
            case "/robots.txt" | "/sitemap.xml":
                await exchange.send(NO_ROBOTS)
            case _:
                await exchange.send(page(text=f"Words of {exchange.target}."))


def asked_for(server) -> set[str]:
    return {target for target in server.targets if target not in ("/robots.txt", "/sitemap.xml")}


async def test_what_is_excluded_half_way_is_not_fetched_and_what_is_included_again_is(services, server) -> None:
    server.behaviour = slow = SlowSite()
    async with engine_running(services, workers=1, until_idle=True) as running:
        job_id = await services.jobs.start_crawl(CrawlRequest(urls=(server.url("/"),), delay_seconds=0))
        await until(lambda: "/wait" in server.targets)

        assert await services.jobs.change_rules(job_id, RuleChanges(exclude=("/old/",))) == RuleChange(6, 0)
        slow.go_on.set()
        await asyncio.wait_for(running, 10)

    assert asked_for(server) == {"/", "/wait", "/new", "/new/late"}
    assert (await services.jobs.get(job_id)).status == "completed"
    statuses = {path: job.status for path, job in (await pages_of(services, job_id)).items()}
    assert statuses == dict.fromkeys(asked_for(server), "completed") | dict.fromkeys(OLD, "skipped")
    assert rows(services, "SELECT reason, rule FROM skips") == [("excluded", "exclude rule 1: /old/")]


async def test_what_is_included_again_is_fetched_by_the_engine_that_runs(services, server) -> None:
    server.behaviour = slow = SlowSite()
    request = CrawlRequest(urls=(server.url("/"),), delay_seconds=0, exclude=("/new",))
    async with engine_running(services, workers=1, until_idle=True) as running:
        job_id = await services.jobs.start_crawl(request)
        await until(lambda: "/wait" in server.targets)
        await services.jobs.change_rules(job_id, RuleChanges(exclude=("/old/", "/new")))
        change = await services.jobs.change_rules(job_id, RuleChanges(exclude=()))
        assert change == RuleChange(0, len(OLD) + 1)
        slow.go_on.set()
        await asyncio.wait_for(running, 10)

    everything = {"/", "/wait", *OLD, "/old/late", "/new", "/new/late"}
    assert asked_for(server) == everything
    pages = await pages_of(services, job_id)
    assert {path for path, job in pages.items() if job.status == "completed"} == everything
    assert (pages["/old/1"].attempt, pages["/new"].attempt) == (2, 1)


async def test_a_page_that_is_given_back_is_not_fetched_once_more(services, server) -> None:
    server.behaviour = slow = SlowSite()
    async with engine_running(services, workers=1):
        job_id = await services.jobs.start_crawl(CrawlRequest(urls=(server.url("/"),), delay_seconds=0))
        await until(lambda: "/wait" in server.targets)
        await services.jobs.change_rules(job_id, RuleChanges(exclude=("/wait", "/old/")))
    slow.go_on.set()
    async with engine_running(services, workers=1, until_idle=True) as running:
        await asyncio.wait_for(running, 10)

    assert asked_for(server) == {"/", "/wait", "/new"}
    page_waited_for = (await pages_of(services, job_id))["/wait"]
    assert (page_waited_for.status, page_waited_for.error) == ("skipped", "exclude rule 1: /wait")
    assert server.targets.count("/wait") == 1
