"""Hosts in trouble, in whole crawls: nothing of the queue is burnt, and everybody sees why it waits."""

import pytest

from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.services.engine import user_agent
from tests.support.crawling import (
    IMPATIENT_QUEUE,
    NO_ROBOTS,
    assert_sound,
    crawl,
    engine_of,
    engine_running,
    library,
    page,
    rows,
    settings_with,
    site,
)
from tests.support.recording_server import Exchange, response
from tests.support.waiting import until

ERROR = response(b"", status="500 Internal Server Error")


def breaking_down(after: int, pages: int = 60):
    """Return a behaviour that answers *after* pages well, and then no more; and a way to mend it."""
    state = {"left": after}

    async def answer(exchange: Exchange) -> None:
        if exchange.target in ("/robots.txt", "/sitemap.xml"):
            await exchange.send(NO_ROBOTS)
        elif state["left"] > 0:
            state["left"] -= 1
            await exchange.send(page(*(f"/page{'x' * number}" for number in range(1, pages))))
        else:
            await exchange.send(ERROR)

    return answer, state


async def test_a_host_that_breaks_down_pauses_the_crawl_and_it_goes_on_when_told(tmp_path, parser_here, server) -> None:
    server.behaviour, state = breaking_down(5)
    settings = settings_with(queue={"backoff_base_seconds": 0.5, "backoff_max_seconds": 0.5})
    async with library(tmp_path / "library", settings) as services:
        job = (await crawl(services, server.url("/"))).job
        assert job.status == "paused"
        assert job.error == f"{server.origin} failed 10 times in a row: The server had a problem (500)."
        assert job.failed_children == 0
        lines = await services.jobs.logs(job.id, level="warn", limit=None, children=False)
        assert [line.message for line in lines] == [f"Paused: {job.error}"]
        state["left"] = 1_000
        await services.jobs.resume(job.id)
        assert (await services.jobs.get(job.id)).error is None
        await engine_of(services).run(until_idle=True)
        job = await services.jobs.get(job.id)
        assert (job.status, job.pages, job.failed_children, job.error) == ("completed", 60, 0, None)


async def test_missing_pages_never_pause_a_crawl(services, server) -> None:
    server.behaviour = site({"/": page(*(f"/page{number}" for number in range(30)))})
    crawled = await crawl(services, server.url("/"))
    assert (crawled.job.status, crawled.job.failed_children) == ("completed", 30)


async def test_the_setting_says_how_many(tmp_path, parser_here, server) -> None:
    server.behaviour, _ = breaking_down(1)
    settings = settings_with(queue=IMPATIENT_QUEUE, crawl={"host_failures": 3})
    async with library(tmp_path / "library", settings) as services:
        crawled = await crawl(services, server.url("/"), workers=1)
        assert crawled.job.status == "paused"
        # One more may have started while the pause was stored.
        assert len({target for target in server.targets if "x" in target and "." not in target}) in (3, 4)
        assert "failed 3 times in a row" in (crawled.job.error or "")


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_a_host_that_asks_for_time_for_ever_pauses_the_crawl_and_costs_no_page(services, server, status) -> None:
    async def answer(exchange: Exchange) -> None:
        if exchange.target in ("/robots.txt", "/sitemap.xml"):
            await exchange.send(NO_ROBOTS)
        elif exchange.target == "/":
            await exchange.send(page(*(f"/page{'x' * number}" for number in range(1, 20))))
        else:
            await exchange.send(response(b"", status=status, Retry_After="0.02"))

    server.behaviour = answer
    crawled = await crawl(services, server.url("/"), workers=1)
    assert crawled.job.status == "paused"
    assert "The server asked us to slow down" in (crawled.job.error or "")
    assert crawled.job.failed_children <= 1


async def test_jobs_show_says_which_site_is_left_alone_until_when_and_why(services, server) -> None:
    answers = {"/": page("/slow"), "/slow": response(b"", status="429 Too Many Requests", Retry_After="3600")}
    server.behaviour = site(answers)
    async with engine_running(services):
        job_id = await services.jobs.start_crawl(CrawlRequest(urls=(server.url("/"),)))
        await until(lambda: rows(services, "SELECT 1 FROM lanes"))
        details = await services.jobs.details(job_id)
    assert details.root is not None
    (rest,) = details.root.waiting
    assert (rest.lane, rest.reason) == (server.origin, "The server asked us to slow down (429).")
    assert rest.until > details.job.created_at + 3_500_000
    await services.jobs.cancel(job_id)
    details = await services.jobs.details(job_id)
    assert details.root is not None
    assert details.root.waiting == ()
    await assert_sound(services)


async def test_servers_are_told_who_asks_and_whom_to_write_to(tmp_path, parser_here, server) -> None:
    settings = settings_with(fetch={"contact": "me@name.test"})
    server.behaviour = site({"/": page()})
    async with library(tmp_path / "library", settings) as services:
        await crawl(services, server.url("/"))
    agents = {exchange.header("User-Agent") for exchange in server.exchanges}
    assert agents == {user_agent(settings.fetch)}
    (agent,) = agents
    assert agent is not None
    assert agent.startswith("QuaeroDesktop/")
    assert agent.endswith(" (+me@name.test)")
    assert user_agent(Settings().fetch).startswith("QuaeroDesktop/")
