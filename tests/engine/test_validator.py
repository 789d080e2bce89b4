"""The validator: what a crawl starts from is checked at once, by a child of its own (J5)."""

import socket

import pytest

from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.services.compose import Services
from quaero_desktop.services.crawlrequest import CrawlRequest
from tests.support.crawling import (
    NO_ROBOTS,
    crawl,
    engine_of,
    engine_running,
    page,
    pages_of,
    rows,
    site,
)
from tests.support.recording_server import response
from tests.support.waiting import until


@pytest.fixture
def unknown_names(monkeypatch) -> None:
    """No name is known, as the machine's resolver says it."""

    def refuse(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def offline(monkeypatch) -> None:
    """Nobody can be asked for a name."""

    def refuse(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def validation(services: Services, root_id: int):
    """Return the only child of its type."""
    [job] = (await services.jobs.page(JobFilter(parent=root_id, type=("validate",)))).jobs
    return job


async def test_a_crawl_has_one_child_that_checks_its_start(services, server):
    server.behaviour = site({"/": page(), "/a": page()})
    root = await services.jobs.start_crawl(CrawlRequest(urls=(server.url(), server.url("/a"))))
    before = await validation(services, root)
    assert (before.phase, before.status, before.url, before.name) == ("pre", "pending", None, "Check of the start")
    assert set(await pages_of(services, root)) == {"/", "/a"}, "its pages are there from the start as well (J1)"

    await engine_of(services).run(until_idle=True)

    after = await validation(services, root)
    assert (after.status, after.result) == ("completed", {"seeds": 2, "problems": [], "sitemaps": 1})
    lines = await services.jobs.logs(after.id, level="info", limit=None, children=False)
    assert [line.message for line in lines] == ["The 2 addresses to start from are fine"]


async def test_it_fetches_no_page(services, server):
    """J2: a seed is fetched once, and so is robots.txt."""
    server.behaviour = site({"/": page()})
    await crawl(services, server.url())
    assert sorted(server.targets) == ["/", "/robots.txt", "/sitemap.xml"]


async def test_no_page_waits_for_it(services, server):
    """Of two hosts the one that answers is crawled, while the other has not even said what its robots.txt holds."""
    stored = []

    async def behaviour(exchange):
        if exchange.target == "/robots.txt" and (exchange.header("Host") or "").startswith("localhost"):
            await until(lambda: rows(services, "SELECT 1 FROM documents"))
            stored.append(True)
        await exchange.send({"/": page()}.get(exchange.target, NO_ROBOTS))

    server.behaviour = behaviour
    other = server.url().replace("127.0.0.1", "localhost")
    details = await crawl(services, server.url(), other)
    assert stored == [True]
    assert (details.job.status, details.root.documents) == ("completed", 2)


async def test_a_host_that_does_not_exist_ends_the_crawl_at_once_in_plain_words(services, unknown_names):
    details = await crawl(services, "http://docs.exmaple.org/")
    assert (details.job.status, details.job.cause) == ("failed", "dns")
    assert details.job.error == "The host docs.exmaple.org is not known. Check the spelling."
    [seed] = (await pages_of(services, details.job.id)).values()
    assert (seed.status, seed.cause, seed.error) == ("failed", "dns", details.job.error)
    assert rows(services, "SELECT count(*) FROM messages") == [(0,)]


async def test_a_computer_that_is_offline_is_told_so(services, offline):
    details = await crawl(services, "http://docs.example.org/a", "http://docs.example.net/b")
    assert details.job.error == (
        "The host docs.example.org cannot be looked up now. Is this computer online? The same goes for 1 more."
    )
    assert {job.status for job in (await pages_of(services, details.job.id)).values()} == {"failed"}


async def test_a_server_that_does_not_run_ends_the_crawl_at_once(services):
    port = free_port()
    details = await crawl(services, f"http://127.0.0.1:{port}/")
    assert (details.job.status, details.job.cause) == ("failed", "connect")
    assert details.job.error == f"Nothing can be fetched from 127.0.0.1:{port}: The server refused the connection."


async def test_one_dead_host_of_two_is_a_warning(services, server):
    server.behaviour = site({"/": page()})
    port = free_port()
    root = await services.jobs.start_crawl(CrawlRequest(urls=(server.url(), f"http://127.0.0.1:{port}/")))
    async with engine_running(services):
        await until(lambda: rows(services, "SELECT 1 FROM jobs WHERE type = 'validate' AND status = 'completed'"))
        await until(lambda: rows(services, "SELECT 1 FROM documents"))
    result = (await validation(services, root)).result
    assert result is not None
    assert result["problems"] == [f"Nothing can be fetched from 127.0.0.1:{port}: The server refused the connection."]
    lines = await services.jobs.logs(root, level="warn", limit=None, children=True)
    assert result["problems"][0] in {line.message for line in lines}


async def test_a_seed_that_robots_txt_forbids_is_left_out_by_its_page(services, server):
    server.behaviour = site({"/robots.txt": response(b"User-agent: *\nDisallow: /"), "/": page()})
    details = await crawl(services, server.url())
    check = await validation(services, details.job.id)
    assert (details.job.status, check.status) == ("failed", "completed")
    assert check.result is not None
    [problem] = check.result["problems"]
    assert problem == (f"robots.txt of {server.url()[7:-1]} does not allow us to fetch {server.url()} (Disallow: /).")
    [seed] = (await pages_of(services, details.job.id)).values()
    assert (seed.status, seed.cause) == ("skipped", "robots")


async def test_its_own_failure_does_not_fail_a_crawl_that_stored_pages(services, server, monkeypatch):
    """J2a: it counts as a warning."""

    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(engine_of(services)._fetcher, "look_up", broken)
    server.behaviour = site({"/": page()})
    details = await crawl(services, server.url())
    assert (details.job.status, details.job.warnings, details.root.documents) == ("completed", 1, 1)
    assert (await validation(services, details.job.id)).cause == "executor_error"


async def test_a_crawl_goes_on_where_it_was_killed_before_its_check(services, server):
    """The check is a job like any other: it is stored before it runs, and runs once."""
    server.behaviour = site({"/": page()})
    root = await services.jobs.start_crawl(CrawlRequest(urls=(server.url(),)))
    engine = engine_of(services)
    engine.stop()
    await engine.run(until_idle=True)
    assert (await validation(services, root)).status == "pending"
    await engine.run(until_idle=True)
    assert (await services.jobs.get(root)).status == "completed"
    assert (await validation(services, root)).status == "completed"
