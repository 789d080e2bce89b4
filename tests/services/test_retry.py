"""J10 through the whole product: pages fail, their site is mended, they are retried in place; a crawl is run again."""

import asyncio
import contextlib

import pytest

from quaero_desktop.domain.errors import NotAllowedError, NotFoundError
from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.services.crawlrequest import CrawlRequest
from tests.support.crawling import crawl, engine_of, engine_running, page, pages_of, rows, site
from tests.support.recording_server import Exchange, response
from tests.support.waiting import until

IN_TROUBLE = response(b"", status="503 Service Unavailable")
MISSING = response(b"", status="404 Not Found")
BROKEN = ("/b", "/c")
START = {"/": page("/a", *BROKEN, "/none"), "/a": page(text="Words of a.")}


async def until_idle(services):
    return await engine_of(services).run(until_idle=True)


async def test_pages_that_failed_are_retried_once_their_site_is_mended(services, server) -> None:
    server.behaviour = site(START | dict.fromkeys(BROKEN, IN_TROUBLE))
    before = await crawl(services, server.url("/"), delay_seconds=0)
    assert (before.job.status, before.job.warnings, before.root.documents) == ("completed", 3, 2)
    server.behaviour = site(START | {"/b": page("/new", text="Words of b."), "/c": page(text="Words of c.")})
    asked = len(server.exchanges)

    assert await services.jobs.retry(before.job.id, PageFilter(root_id=before.job.id, cause=("http_5xx",))) == 2
    assert (await services.jobs.get(before.job.id)).status == "pending"
    await until_idle(services)

    after = await services.jobs.details(before.job.id)
    assert (after.job.status, after.job.warnings, after.job.attempt, after.job.error) == ("completed", 2, 2, None)
    assert after.root is not None
    assert after.root.documents == 4
    assert after.root.failures == {"not_found": 2}  # that which it links to is one
    fetched = {target for target in server.targets[asked:] if target != "/robots.txt"}
    assert fetched == {"/b", "/c", "/new"}
    pages = await pages_of(services, before.job.id)
    assert {path: job.attempt for path, job in pages.items()} == {
        "/": 1, "/a": 1, "/none": 1, "/b": 2, "/c": 2, "/new": 1,
    }  # fmt: skip
    attempts = (await services.jobs.details(pages["/b"].id)).attempts
    assert [(each.attempt, each.outcome) for each in attempts] == [(1, "retried")] * 3 + [
        (1, "failed"),
        (2, "completed"),
    ]
    assert (await services.library.search("words of b")).total_count


async def test_the_engine_that_runs_takes_up_what_is_retried_at_once(services, server) -> None:
    server.behaviour = site({"/": IN_TROUBLE})
    ended = await crawl(services, server.url("/"), delay_seconds=0)
    assert (ended.job.status, ended.job.cause) == ("failed", "http_5xx")
    server.behaviour = site({"/": page()})

    async with engine_running(services):
        await asyncio.sleep(0)
        assert await services.jobs.retry(ended.job.id) == 1
        await until(lambda: rows(services, "SELECT status FROM jobs WHERE parent_id IS NULL") == [("completed",)], 3)
    job = await services.jobs.get(ended.job.id)
    assert (job.cause, job.error, job.warnings) == (None, None, 0)


async def test_a_crawl_whose_start_could_not_be_reached_is_checked_again(services) -> None:
    ended = await crawl(services, await nobody_there(), delay_seconds=0)
    assert (ended.job.status, ended.job.cause) == ("failed", "connect")
    statuses = dict(rows(services, "SELECT type, status FROM jobs WHERE parent_id IS NOT NULL"))
    assert statuses == {"validate": "failed", "crawler_url": "failed"}

    assert await services.jobs.retry(ended.job.id) == 2
    statuses = dict(rows(services, "SELECT type, status FROM jobs WHERE parent_id IS NOT NULL"))
    assert statuses == {"validate": "pending", "crawler_url": "pending"}
    await until_idle(services)
    assert (await services.jobs.get(ended.job.id)).status == "failed"  # it is still down, and that is what is told
    assert rows(services, "SELECT DISTINCT attempt FROM jobs") == [(2,)]


async def nobody_there() -> str:
    """Return an address at which nobody listens."""
    listening = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()
    return f"http://127.0.0.1:{port}/"


async def test_a_host_that_did_not_answer_is_asked_again_at_once(services) -> None:
    address = await nobody_there()
    ended = await crawl(services, address, delay_seconds=0)
    assert ended.job.cause == "connect"
    answer = site({"/": page()})

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            asked = await reader.readuntil(b"\r\n\r\n")
            await answer(Exchange(asked, 0, 0, reader, writer))
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", int(address.split(":")[2].strip("/")))
    async with server:
        await services.jobs.retry(ended.job.id)
        async with engine_running(services):
            checked = "SELECT status, error FROM jobs WHERE type = 'validate'"
            await until(lambda: rows(services, checked)[0][0] != "pending")
            await until(lambda: rows(services, checked)[0][0] != "running")
            assert rows(services, checked) == [("completed", None)]
        # Its page rests as long as the host was given; nobody need wait for that here.
        with contextlib.suppress(NotAllowedError):
            await services.jobs.cancel(ended.job.id)


async def test_one_page_is_retried_by_its_own_id(services, server) -> None:
    server.behaviour = site(START | dict.fromkeys(BROKEN, MISSING))
    ended = await crawl(services, server.url("/"), delay_seconds=0)
    pages = await pages_of(services, ended.job.id)
    assert await services.jobs.retry(pages["/a"].id) == 0
    assert (await services.jobs.get(ended.job.id)).status == "completed"
    assert await services.jobs.retry(pages["/b"].id, ids=[pages["/c"].id]) == 0
    assert await services.jobs.retry(pages["/b"].id) == 1
    pages = await pages_of(services, ended.job.id)
    assert {path for path, job in pages.items() if job.status == "pending"} == {"/b"}
    await until_idle(services)


async def test_a_rerun_crawls_the_same_site_by_the_same_configuration(services, server) -> None:
    server.behaviour = site(START | dict.fromkeys(BROKEN, MISSING))
    first = await crawl(services, server.url("/"), delay_seconds=0, exclude=("*/none",), name="Mine")
    second_id = await services.jobs.rerun(first.job.id)
    await until_idle(services)

    second = await services.jobs.details(second_id)
    assert (second.job.rerun_of, second.job.name, second.job.status) == (first.job.id, "Mine", "completed")
    assert second.job.payload == first.job.payload
    assert second.root is not None
    assert second.root.changes == {"new": 0, "changed": 0, "unchanged": 2, "gone": 0}
    assert set(await pages_of(services, second_id)) == {"/", "/a", "/b", "/c"}
    assert await services.jobs.get(first.job.id) == first.job


async def test_a_crawl_under_way_can_be_run_again_and_a_page_cannot(services, server) -> None:
    server.behaviour = site({"/": page()})
    first = await services.jobs.start_crawl(CrawlRequest(urls=(server.url("/"),), delay_seconds=0))
    second = await services.jobs.rerun(first)
    with pytest.raises(NotAllowedError, match="only a whole crawl"):
        await services.jobs.rerun((await pages_of(services, first))["/"].id)
    for unknown in (99, 2**80, -1):
        with pytest.raises(NotFoundError):
            await services.jobs.rerun(unknown)
        with pytest.raises(NotFoundError):
            await services.jobs.retry(unknown)
    await until_idle(services)
    assert {(await services.jobs.get(job_id)).status for job_id in (first, second)} == {"completed"}
