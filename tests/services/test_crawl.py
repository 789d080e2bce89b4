"""A crawl through the whole product: from a request to documents that can be searched."""

import asyncio
import gc
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from quaero_desktop.domain.documents import DocumentFilter
from quaero_desktop.domain.jobs import Status
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.domain.pages import PageInput, ParseResult
from quaero_desktop.services import engine
from quaero_desktop.services.crawlrequest import CrawlRequest
from tests.support.clock import ManualClock
from tests.support.crawling import (
    IMPATIENT_QUEUE,
    NO_ROBOTS,
    ParserHere,
    assert_sound,
    crawl,
    engine_of,
    engine_running,
    library,
    page,
    pages_of,
    redirect,
    rows,
    settings_with,
    site,
)
from tests.support.recording_server import Exchange, RecordingServer, response
from tests.support.site import GeneratedSite
from tests.support.waiting import until

ROBOTS = "/robots.txt"
BESIDE_THE_PAGES = (ROBOTS, "/sitemap.xml")
ROOT = Path(__file__).resolve().parents[2]

PAGE_MESSAGES = "(SELECT m.* FROM messages m JOIN jobs ON jobs.id = job_id AND jobs.type = 'crawler_url')"


def robots(*lines: str) -> bytes:
    return response("\n".join(("User-agent: *", *lines)).encode(), Content_Type="text/plain")


def requests(server) -> list[str]:
    """The pages that were asked for, in order."""
    return [target for target in server.targets if target not in BESIDE_THE_PAGES]


# --- the whole way --------------------------------------------------------------------------------------------------


async def test_a_crawl_stores_every_page_of_a_site_as_a_document(tmp_path):
    """J1, J2, J2a, J9: with real parse processes."""
    async with (
        GeneratedSite(pages=40, missing=2, failing=1, private=3) as site,
        library(tmp_path / "library", settings_with(parse={"processes": 1}, queue=IMPATIENT_QUEUE)) as services,
    ):
        details = await crawl(services, site.url, per_host=4)
        job, root = details.job, details.root
        documents = await services.library.documents(DocumentFilter(limit=None))

        assert {document.url for document in documents.documents} == site.page_urls
        assert (job.status, job.warnings, job.error) == (Status.COMPLETED, 3, None)
        assert (job.pages, job.failed_children) == (43, 3)
        assert (job.progress_current, job.progress_total) == (43, 43)
        assert (root.documents, root.discovered, root.current_url) == (40, 46, None)
        assert root.skipped == {"robots": 3}
        assert root.failures == {"not_found": 2, "http_5xx": 1}
        assert {site.counts[path] for path in site.page_paths} == {1}
        assert site.counts["/failing/0.html"] == 4
        assert not any(path.startswith("/private/") for path in site.counts)
        children = await services.jobs.page(JobFilter(parent=job.id, type=("crawler_url",), limit=None))
        assert {child.parent_id for child in children.jobs} == {job.id}
        assert all((child.progress_current, child.progress_total) == (1, 1) for child in children.jobs)
        assert all(child.name == child.url for child in children.jobs)
        found = await services.library.search("garden")
        assert found.total_count > 0


async def test_a_page_is_a_child_as_soon_as_it_is_discovered(services, server):
    """J1: before it is fetched."""
    go_on = asyncio.Event()

    async def behaviour(exchange: Exchange) -> None:
        if exchange.target == "/":
            await exchange.send(page("/b", "/c"))
        elif exchange.target in BESIDE_THE_PAGES:
            await exchange.send(NO_ROBOTS)
        else:
            await go_on.wait()
            await exchange.send(page())

    server.behaviour = behaviour
    async with engine_running(services):
        root = await services.jobs.start_crawl(CrawlRequest(urls=(server.url(),)))
        await until(lambda: "/b" in server.targets and "/c" in server.targets)
        children = await pages_of(services, root)
        assert {path: child.status for path, child in children.items()} == {
            "/": "completed", "/b": "running", "/c": "running"
        }  # fmt: skip
        job = await services.jobs.get(root)
        assert (job.status, job.progress_current, job.progress_total) == ("running", 1, 3)
        assert (await services.jobs.details(root)).root.heartbeat_at is not None
        await assert_sound(services)
        go_on.set()
        await until(lambda: rows(services, "SELECT 1 FROM jobs WHERE id = ? AND status = 'completed'", root))


async def test_the_limits_on_depth_and_pages_hold_through_the_whole_engine(services, server):
    """J1: what they leave out is a skip with its reason and rule."""
    server.behaviour = site(
        {"/": page("/1", "/2", "/3"), "/1": page("/1/1"), "/2": page(), "/3": page(), "/1/1": page("/1/1/1")}
    )
    shallow = await crawl(services, server.url(), depth=1)
    assert sorted(await pages_of(services, shallow.job.id)) == ["/", "/1", "/2", "/3"]
    assert shallow.root.skipped == {"depth": 1}

    small = await crawl(services, server.url(), max_pages=2, depth=0)
    assert (small.job.pages, small.root.skipped) == (1, {"depth": 3})

    few = await crawl(services, server.url(), max_pages=3)
    assert (few.job.pages, few.root.documents) == (3, 3)
    assert few.root.skipped == {"max_pages": 2}
    skips = (await services.jobs.skips(few.job.id, reason="max_pages")).skips
    assert {skip.rule for skip in skips} == {"no more than 3 pages"}


async def test_what_holds_no_text_is_recorded_with_its_type(services, server):
    server.behaviour = site(
        {
            "/": page("/picture", "/empty", "/nothing"),
            "/picture": response(b"\x89PNG", Content_Type="image/png"),
            "/empty": response(b""),
            "/nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
        }
    )
    details = await crawl(services, server.url())
    children = await pages_of(services, details.job.id)
    assert details.job.status == "completed"
    assert details.root.documents == 1
    assert children["/picture"].status == "completed"
    assert (children["/picture"].result or {})["content_type"] == "image/png"
    assert {children[path].status for path in ("/empty", "/nothing")} == {"completed"}


async def test_a_crawl_of_nothing_but_dead_links_fails_with_the_reason(services, server):
    """J2a: it failed when nothing could be stored."""
    server.behaviour = site({})
    details = await crawl(services, server.url("/a"), server.url("/b"))
    assert details.job.status == "failed"
    assert details.job.error == "No page could be stored. The page does not exist (404)."
    assert details.job.cause == "not_found"


@pytest.mark.usefixtures("parser_here")
async def test_a_server_that_is_not_there_fails_the_crawl_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr("quaero_desktop.engine.executors.crawler._HOST_REST_MS", 20)
    nobody = RecordingServer()
    async with nobody.running():
        address = nobody.url()
    async with library(tmp_path / "library", settings_with(queue={"max_attempts": 1})) as services:
        details = await crawl(services, address, obey_robots=False)
        assert (details.job.status, details.job.cause) == ("failed", "connect")
        assert details.job.error == "No page could be stored. The server refused the connection."
        assert rows(services, f"SELECT state FROM {PAGE_MESSAGES}") == [("dead",)]


# --- redirects ------------------------------------------------------------------------------------------------------


async def test_the_target_of_a_redirect_is_a_page_of_its_own_at_the_same_depth(services, server):
    """J2: it is scoped, paced and fetched once like any other."""
    server.behaviour = site({"/": page("/old", "/new"), "/old": redirect("/new"), "/new": page("/deeper")})
    details = await crawl(services, server.url(), depth=1)
    children = await pages_of(services, details.job.id)
    assert children["/old"].result == {"redirect": server.url("/new"), "status": 301}
    assert {path: child.depth for path, child in children.items()} == {"/": 0, "/old": 1, "/new": 1}
    assert requests(server).count("/new") == 1
    assert details.root.skipped == {"depth": 1}


@pytest.mark.parametrize("length", [1, 2, 3])
async def test_a_loop_of_redirects_ends(services, server, length):
    server.behaviour = site({f"/{step}": redirect(f"/{(step + 1) % length}") for step in range(length)})
    details = await crawl(services, server.url("/0"))
    assert details.job.status == "failed"
    assert len(requests(server)) == length
    assert details.job.pages == length


async def test_a_chain_of_more_than_ten_redirects_fails(services, server):
    server.behaviour = site({f"/{step}": redirect(f"/{step + 1}") for step in range(20)} | {"/20": page()})
    details = await crawl(services, server.url("/0"))
    children = await pages_of(services, details.job.id)
    assert requests(server) == [f"/{step}" for step in range(11)]
    assert (children["/10"].status, children["/10"].cause) == ("failed", "bad_redirect")
    assert children["/10"].error == "More than 10 redirects in a row."
    assert details.job.status == "failed"


async def test_a_chain_of_ten_redirects_is_followed(services, server):
    server.behaviour = site({f"/{step}": redirect(f"/{step + 1}") for step in range(10)} | {"/10": page()})
    details = await crawl(services, server.url("/0"))
    assert (details.job.status, details.root.documents) == ("completed", 1)


async def test_where_a_seed_redirects_to_is_what_the_person_meant(services, server):
    """The scope widens to its host; after a restart it still does."""
    async with GeneratedSite(pages=5) as other:
        server.behaviour = site({"/": redirect(other.url)})
        details = await crawl(services, server.url())
        assert details.job.status == "completed"
        assert details.root.documents == 5
        assert set(other.page_paths) <= set(other.counts)


async def test_a_redirect_out_of_scope_is_recorded_and_its_target_is_a_skip(services, server):
    async with GeneratedSite(pages=1) as other:
        server.behaviour = site({"/": page("/away"), "/away": redirect(other.url)})
        details = await crawl(services, server.url())
        children = await pages_of(services, details.job.id)
        assert children["/away"].status == "completed"
        assert (children["/away"].result or {})["redirect"] == other.url
        (skip,) = (await services.jobs.skips(details.job.id)).skips
        assert (skip.url, skip.reason) == (other.url, "scope")
        assert skip.rule.startswith("host")
        assert not other.counts


# --- robots.txt -----------------------------------------------------------------------------------------------------


async def test_links_that_robots_txt_forbids_are_skips_with_the_rule(services, server):
    server.behaviour = site(
        {ROBOTS: robots("Disallow: /private"), "/": page("/private/a", "/public"), "/public": page()}
    )
    details = await crawl(services, server.url())
    (skip,) = (await services.jobs.skips(details.job.id)).skips
    assert (skip.url, skip.reason) == (server.url("/private/a"), "robots")
    assert skip.rule == "robots.txt: Disallow: /private"
    assert sorted(requests(server)) == ["/", "/public"]
    assert server.targets.count(ROBOTS) == 1


async def test_a_seed_that_robots_txt_forbids_fails_the_crawl_and_says_why(services, server):
    server.behaviour = site({ROBOTS: robots("Disallow: /"), "/": page()})
    details = await crawl(services, server.url())
    assert details.job.status == "failed"
    assert details.job.error == "No page could be stored. Left out by robots.txt: Disallow: /"
    assert requests(server) == []


async def test_no_robots_asks_nobody(services, server):
    server.behaviour = site({ROBOTS: robots("Disallow: /"), "/": page()})
    details = await crawl(services, server.url(), obey_robots=False)
    assert details.job.status == "completed"
    assert requests(server) == ["/"]
    assert ROBOTS not in server.targets


async def test_while_robots_txt_cannot_be_read_nothing_is_fetched_and_the_host_rests(services, server):
    server.behaviour = site({ROBOTS: response(b"", status="503 Service Unavailable"), "/": page()})
    async with engine_running(services):
        root = await services.jobs.start_crawl(CrawlRequest(urls=(server.url(),)))
        await until(lambda: rows(services, "SELECT 1 FROM lanes"))
        job = await services.jobs.get(root)
        children = await pages_of(services, root)
    assert job.status in ("pending", "running")
    assert children["/"].status in ("pending", "running")
    assert requests(server) == []
    ((lane, reason),) = rows(services, "SELECT lane, reason FROM lanes")
    assert lane == server.origin
    assert "robots.txt" in reason


async def test_robots_txt_is_asked_for_again_before_the_page_is_tried_again(tmp_path, server, parser_here):
    clock = ManualClock()
    server.behaviour = site({ROBOTS: response(b"", status="503 Service Unavailable"), "/": page()})
    async with library(tmp_path / "library", clock=clock) as services, engine_running(services):
        root = await services.jobs.start_crawl(CrawlRequest(urls=(server.url(),)))
        idle = "SELECT 1 FROM lanes WHERE NOT EXISTS (SELECT 1 FROM messages WHERE state = 'leased')"
        await until(lambda: rows(services, idle))
        ((until_then,),) = rows(
            services, "SELECT max(max(held_until), coalesce(max(ready_at), 0)) FROM lanes, messages"
        )
        server.behaviour = site({"/": page()})
        clock.advance((until_then - clock.now_ms()) / 1000 + 1)
        engine_of(services).poke()
        await until(lambda: rows(services, "SELECT 1 FROM jobs WHERE id = ? AND status = 'completed'", root))
    assert server.targets.count(ROBOTS) == 2
    assert requests(server) == ["/"]


# --- hosts in trouble -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "cause", "tries"),
    [("404 Not Found", "not_found", 1), ("410 Gone", "gone", 1), ("500 Internal Server Error", "http_5xx", 4)],
)
async def test_pages_that_fail_fail_alone(services, server, status, cause, tries):
    """404 and 410 are facts about a page; a 500 is tried again."""
    server.behaviour = site({"/": page("/bad", "/good"), "/good": page(), "/bad": response(b"", status=status)})
    details = await crawl(services, server.url())
    children = await pages_of(services, details.job.id)
    assert (children["/bad"].status, children["/bad"].cause) == ("failed", cause)
    assert requests(server).count("/bad") == tries
    assert (details.job.status, details.job.warnings) == ("completed", 1)


async def test_a_host_that_asks_for_time_gets_it_and_others_go_on(services, server):
    """Q4: a 429 holds the lane, not its messages one by one."""
    times: list[float] = []
    loop = asyncio.get_running_loop()

    async def behaviour(exchange: Exchange) -> None:
        if exchange.target in BESIDE_THE_PAGES:
            await exchange.send(NO_ROBOTS)
            return
        times.append(loop.time())
        if len(times) == 1:
            await exchange.send(response(b"", status="429 Too Many Requests", Retry_After="1"))
        else:
            await exchange.send(page())

    server.behaviour = behaviour
    async with GeneratedSite(pages=10) as other:
        seeds = tuple(server.url(f"/{number}") for number in range(3))
        root = await services.jobs.start_crawl(CrawlRequest(urls=seeds, per_host=1))
        second = await services.jobs.start_crawl(CrawlRequest(urls=(other.url,)))
        began = loop.time()
        await engine_of(services).run(until_idle=True, only=frozenset({second}))
        async with engine_running(services, until_idle=True) as engine:
            await engine
        assert (await services.jobs.get(second)).status == "completed"
        assert (await services.jobs.get(root)).status == "completed"
    assert times[1] - times[0] >= 1
    assert loop.time() - began < 3
    assert sorted(requests(server)) == ["/0", "/0", "/1", "/2"]


# --- pace -----------------------------------------------------------------------------------------------------------


class Paced:
    """A site whose every page links to all others, and that notes when requests start and how many overlap."""

    def __init__(self, pages: int, *, work: float = 0.0, robots: bytes = NO_ROBOTS, robots_after: float = 0.0) -> None:
        self.starts: list[float] = []
        self.most = 0
        self._now = 0
        self._page = page(*(f"/{number}" for number in range(pages)))
        self._work = work
        self._robots = robots
        self._robots_after = robots_after

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.target == ROBOTS:
            await asyncio.sleep(self._robots_after)
            await exchange.send(self._robots)
            return
        if exchange.target in BESIDE_THE_PAGES:
            await exchange.send(NO_ROBOTS)
            return
        self.starts.append(asyncio.get_running_loop().time())
        self._now += 1
        self.most = max(self.most, self._now)
        await asyncio.sleep(self._work)
        self._now -= 1
        await exchange.send(self._page)

    @property
    def gaps(self) -> list[float]:
        return [after - before for before, after in zip(self.starts, self.starts[1:], strict=False)]


async def test_the_delay_lies_between_the_starts_of_any_two_requests_at_the_server(services, server):
    server.behaviour = paced = Paced(6)
    await crawl(services, server.url("/0"), delay_seconds=0.1, per_host=4)
    assert len(paced.starts) == 6
    # A request's way to the server takes a moment, not always the same.
    assert min(paced.gaps) >= 0.09


async def test_a_crawl_delay_of_the_site_counts_even_when_the_person_asked_for_none(services, server):
    server.behaviour = paced = Paced(4, robots=robots("Crawl-delay: 0.2"))
    await crawl(services, server.url("/0"), delay_seconds=0, per_host=4)
    assert len(paced.starts) == 4
    assert min(paced.gaps) >= 0.19


@pytest.mark.parametrize(
    ("crawl_delay", "delay_seconds"), [([], 0.1), (["Crawl-delay: 0.1"], 0), (["Crawl-delay: 0.1"], 0.02)]
)
async def test_pages_that_waited_for_robots_txt_keep_the_delay_too(services, server, crawl_delay, delay_seconds):
    """They would all be sent the moment it is there."""
    server.behaviour = paced = Paced(0, robots=robots(*crawl_delay), robots_after=0.3)
    seeds = [server.url(f"/{number}") for number in range(4)]
    await crawl(services, *seeds, delay_seconds=delay_seconds, per_host=4)
    assert len(paced.starts) == 4
    assert min(paced.gaps) >= 0.09


@pytest.mark.parametrize("per_host", [1, 3])
async def test_never_more_requests_are_under_way_at_a_host_than_allowed(services, server, per_host):
    server.behaviour = paced = Paced(20, work=0.01)
    await crawl(services, server.url("/0"), delay_seconds=0, per_host=per_host, workers=8)
    assert len(paced.starts) == 20
    assert paced.most == per_host


# --- cancel, pause, resume, stop (J11, Q8) --------------------------------------------------------------------------


async def hang(exchange: Exchange) -> object:
    if exchange.target in BESIDE_THE_PAGES:
        await exchange.send(NO_ROBOTS)
        return None
    await exchange.until_hung_up()
    return True


async def test_a_cancel_aborts_running_fetches_at_once(services, server):
    server.behaviour = hang
    async with engine_running(services):
        root = await services.jobs.start_crawl(
            CrawlRequest(urls=tuple(server.url(f"/{number}") for number in range(4)), per_host=4)
        )
        await until(lambda: len(requests(server)) == 4)
        await services.jobs.cancel(root)
        await server.until(lambda: server.open == 0)
        job = await services.jobs.get(root)
        assert job.status == "cancelled"
        pages = await pages_of(services, root)
        assert {child.status for child in pages.values()} == {"cancelled"}
    assert rows(services, "SELECT count(*) FROM documents") == [(0,)]


async def test_a_pause_lets_pages_in_flight_finish_and_a_resume_goes_on(services, server):
    go_on = asyncio.Event()

    async def behaviour(exchange: Exchange) -> None:
        if exchange.target in BESIDE_THE_PAGES:
            await exchange.send(NO_ROBOTS)
            return
        if exchange.target != "/":
            await go_on.wait()
        await exchange.send(page("/1", "/2", "/3", "/4") if exchange.target == "/" else page())

    server.behaviour = behaviour
    async with engine_running(services):
        root = await services.jobs.start_crawl(CrawlRequest(urls=(server.url(),), per_host=2))
        await until(lambda: len(requests(server)) == 3)
        await services.jobs.pause(root)
        go_on.set()
        await until(lambda: rows(services, "SELECT 1 FROM root_progress WHERE documents = 3"))
        assert (await services.jobs.get(root)).status == "paused"
        assert len(requests(server)) == 3
        await services.jobs.resume(root)
        await until(lambda: rows(services, "SELECT 1 FROM jobs WHERE id = ? AND status = 'completed'", root))
    assert len(requests(server)) == 5


async def test_a_stop_ends_within_three_seconds_whatever_a_server_does(tmp_path, server):
    """Also with real parse processes, started or not."""
    server.behaviour = hang
    loop = asyncio.get_running_loop()
    async with library(tmp_path / "library", settings_with(parse={"processes": 1})) as services:
        await services.jobs.start_crawl(CrawlRequest(urls=(server.url("/a"), server.url("/b"))))
        engine = asyncio.create_task(engine_of(services).run())
        await until(lambda: len(requests(server)) == 2)
        began = loop.time()
        engine_of(services).stop()
        await engine
        assert rows(services, f"SELECT state, tries FROM {PAGE_MESSAGES}") == [("ready", 0)] * 2
    assert loop.time() - began < 2.5


async def test_a_page_slower_than_its_lease_is_fetched_once(tmp_path, server, parser_here):
    """Q6: a lease of one second is the shortest setting."""

    async def behaviour(exchange: Exchange) -> None:
        if exchange.target != ROBOTS:
            await asyncio.sleep(1.6)
        await exchange.send(page())

    server.behaviour = behaviour
    async with library(tmp_path / "library", settings_with(queue={"lease_seconds": 1.0})) as services:
        details = await crawl(services, server.url())
    assert details.job.status == "completed"
    assert requests(server) == ["/"]


# --- other loops ----------------------------------------------------------------------------------------------------


def test_the_same_crawl_runs_on_the_loop_of_qt(tmp_path, qapp):
    import qasync

    async def crawl_a_site() -> None:
        async with (
            GeneratedSite(pages=20) as site,
            library(tmp_path / "library", settings_with(parse={"processes": 1})) as services,
        ):
            details = await crawl(services, site.url, per_host=4)
            assert details.job.status == "completed"
            documents = await services.library.documents(DocumentFilter(limit=None))
            assert {document.url for document in documents.documents} == site.page_urls

    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(qapp)) as runner:
        runner.run(crawl_a_site())
    # Now and in Qt's thread: the collector runs in whatever thread fills it up, and a QObject that dies in the thread
    # of a database connection takes the process with it at the next event.
    del runner
    gc.collect()


WITHOUT_QT = """
    import asyncio, importlib.abc, sys
    from pathlib import Path

    class NoQt(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in {"PySide6", "shiboken6", "qasync"}:
                raise ImportError(f"{name} was imported")

    sys.meta_path.insert(0, NoQt())

    from tests.support.crawling import crawl, library, settings_with
    from tests.support.site import GeneratedSite

    async def main():
        async with (
            GeneratedSite(pages=20) as site,
            library(Path(sys.argv[1]), settings_with(parse={"processes": 1})) as services,
        ):
            details = await crawl(services, site.url, per_host=4)
            assert details.job.status == "completed", details.job
            assert details.root.documents == 20, details.root

    if __name__ == "__main__":
        asyncio.run(main())
"""


def test_the_same_crawl_runs_without_qt(tmp_path):
    script = tmp_path / "crawl_without_qt.py"
    script.write_text(textwrap.dedent(WITHOUT_QT), encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-W", "error", str(script), str(tmp_path / "library")],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


async def test_nobody_but_its_parser_keeps_the_body_of_a_page(tmp_path, server, monkeypatch) -> None:
    """A dozen pages of ten megabytes may be under way at once."""
    references: list[int] = []

    class Counting(ParserHere):
        async def parse(self, page: PageInput) -> ParseResult:
            result = await super().parse(page)
            body = page.body
            del page
            references.append(sys.getrefcount(body))
            return result

    monkeypatch.setattr(engine, "ParseRunner", Counting)
    server.behaviour = site({"/": page("/more"), "/more": page()})
    async with library(tmp_path / "library") as services:
        assert (await crawl(services, server.url("/"))).job.pages == 2
    assert references == [2, 2], "the parser's, and that of the call"
