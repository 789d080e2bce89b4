"""Sitemaps through the whole engine: what a site names itself becomes pages, by the same rules as links."""

import asyncio
import gzip

import pytest

from quaero_desktop.domain.jobs import Job
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.engine.executors import crawler as page_crawler
from quaero_desktop.engine.executors import sitemaps as executor
from quaero_desktop.services.compose import Services
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.storage.jobs import discovery
from quaero_desktop.web import robots as web_robots
from tests.support.crawling import (
    NO_ROBOTS,
    crawl,
    engine_of,
    page,
    pages_of,
    redirect,
    rows,
    site,
)
from tests.support.recording_server import response


def xml(text: str) -> bytes:
    return response(text.encode(), Content_Type="application/xml")


def urlset(*locs: str, lastmod: str = "") -> bytes:
    last = f"<lastmod>{lastmod}</lastmod>" if lastmod else ""
    return xml("<urlset>" + "".join(f"<url><loc>{loc}</loc>{last}</url>" for loc in locs) + "</urlset>")


def index(*locs: str) -> bytes:
    return xml("<sitemapindex>" + "".join(f"<sitemap><loc>{loc}</loc></sitemap>" for loc in locs) + "</sitemapindex>")


def robots(*lines: str) -> bytes:
    return response("\n".join(("User-agent: *", *lines)).encode(), Content_Type="text/plain")


async def sitemaps_of(services: Services, root_id: int) -> dict[str, Job]:
    """Return the sitemaps of a root by the path of their URL."""
    found = await services.jobs.page(JobFilter(parent=root_id, type=("sitemap",), limit=None))
    return {"/" + (job.url or "").split("/", 3)[3]: job for job in found.jobs}


# --- finding them -----------------------------------------------------------------------------------------------------


async def test_a_sitemap_at_the_usual_place_leads_to_pages_that_nothing_links_to(services, server):
    server.behaviour = site({"/": page(), "/sitemap.xml": urlset("/", "/orphan", "/other"), "/orphan": page(),
                             "/other": page()})  # fmt: skip
    details = await crawl(services, server.url())
    pages = await pages_of(services, details.job.id)
    assert {path: (job.status, job.depth) for path, job in pages.items()} == {
        "/": ("completed", 0),
        "/orphan": ("completed", 1),
        "/other": ("completed", 1),
    }
    [sitemap] = (await sitemaps_of(services, details.job.id)).values()
    assert (sitemap.phase, sitemap.status, sitemap.parent_id) == ("pre", "completed", details.job.id)
    assert sitemap.result == {"kind": "urlset", "urls": 3, "new": 2, "unusable": 0}
    assert sorted(server.targets) == ["/", "/orphan", "/other", "/robots.txt", "/sitemap.xml"]
    assert (details.job.pages, details.job.progress_total, details.job.child_count) == (3, 3, 5)


async def test_no_sitemap_is_no_failure_and_no_warning(services, server):
    server.behaviour = site({"/": page()})
    details = await crawl(services, server.url())
    assert (details.job.status, details.job.warnings) == ("completed", 0)
    sitemap = (await sitemaps_of(services, details.job.id))["/sitemap.xml"]
    assert (sitemap.status, sitemap.result) == (
        "completed", {"kind": "none", "reason": "The page does not exist (404)"},
    )  # fmt: skip
    assert await services.jobs.logs(details.job.id, level="warn", limit=None, children=True) == []


@pytest.mark.parametrize("answer", [page(), response(b"", status="500 Internal Server Error"), redirect("/login"),
                                    response(b""), response(b"\0\1\2")])  # fmt: skip
async def test_neither_is_a_server_that_answers_nonsense_to_the_guess(services, server, answer):
    server.behaviour = site({"/": page(), "/sitemap.xml": answer})
    details = await crawl(services, server.url())
    assert (details.job.status, details.job.warnings) == ("completed", 0)
    assert server.targets.count("/sitemap.xml") == 1
    assert "/login" not in server.targets


async def test_sitemaps_that_robots_txt_names_are_read_and_the_usual_place_is_left_alone(services, server):
    server.behaviour = site({
        "/robots.txt": robots("Disallow: /no", "Sitemap: /a.txt", f"Sitemap: {server.url('/b.xml.gz')}"),
        "/": page(),
        "/a.txt": response(server.url("/1").encode()),
        "/b.xml.gz": response(gzip.compress(b"<urlset><url><loc>/2</loc></url></urlset>"), Content_Type="x/gzip"),
        "/1": page(), "/2": page(),
    })  # fmt: skip
    details = await crawl(services, server.url())
    assert set(await pages_of(services, details.job.id)) == {"/", "/1", "/2"}
    assert "/sitemap.xml" not in server.targets


async def test_a_named_sitemap_that_is_missing_is_told_but_fails_nothing(services, server):
    server.behaviour = site({"/robots.txt": robots("Sitemap: /a.xml"), "/": page()})
    details = await crawl(services, server.url())
    assert (details.job.status, details.job.warnings) == ("completed", 0)
    lines = await services.jobs.logs(details.job.id, level="warn", limit=None, children=True)
    assert [line.message for line in lines] == ["No sitemap: The page does not exist (404)"]


async def test_a_named_sitemap_that_cannot_be_read_is_a_warning(services, server):
    failing = response(b"", status="500 Internal Server Error")
    server.behaviour = site({"/robots.txt": robots("Sitemap: /a.xml"), "/": page(), "/a.xml": failing})
    details = await crawl(services, server.url())
    assert (details.job.status, details.job.warnings) == ("completed", 1)
    assert server.targets.count("/a.xml") == 4


async def test_an_index_leads_to_its_sitemaps_each_a_job(services, server):
    server.behaviour = site({
        "/": page(), "/sitemap.xml": index("/1.xml", "/2.xml", "https://elsewhere.test/3.xml"),
        "/1.xml": urlset("/a"), "/2.xml": urlset("/b"), "/a": page(), "/b": page(),
    })  # fmt: skip
    details = await crawl(services, server.url())
    found = await sitemaps_of(services, details.job.id)
    assert {path: job.status for path, job in found.items()} == dict.fromkeys(
        ("/sitemap.xml", "/1.xml", "/2.xml"), "completed"
    )
    assert found["/sitemap.xml"].result == {"kind": "index", "sitemaps": 2, "elsewhere": 1}
    assert set(await pages_of(services, details.job.id)) == {"/", "/a", "/b"}


async def test_a_redirect_to_a_sitemap_is_followed(services, server):
    server.behaviour = site({"/": page(), "/sitemap.xml": redirect("/sitemap_index.xml"),
                             "/sitemap_index.xml": urlset("/a"), "/a": page()})  # fmt: skip
    details = await crawl(services, server.url())
    assert set(await pages_of(services, details.job.id)) == {"/", "/a"}


async def test_what_robots_txt_names_is_read_also_when_it_could_not_be_read_at_first(services, server, monkeypatch):
    tries = iter([response(b"", status="503 Service Unavailable", Retry_After="0")])
    fine = {"/robots.txt": robots("Sitemap: /a.xml"), "/": page(), "/a.xml": urlset("/1"), "/1": page()}

    async def behaviour(exchange):
        answer = next(tries, None) if exchange.target == "/robots.txt" else None
        await exchange.send(answer or fine.get(exchange.target, NO_ROBOTS))

    server.behaviour = behaviour
    monkeypatch.setattr(web_robots, "_FIRST_RETRY_MS", 20)
    monkeypatch.setattr(page_crawler, "_HOST_REST_MS", 20)
    root = await services.jobs.start_crawl(CrawlRequest(urls=(server.url(),)))
    await engine_of(services).run(until_idle=True, only=frozenset({root}))
    assert set(await pages_of(services, root)) == {"/", "/1"}


# --- the rules of a crawl ---------------------------------------------------------------------------------------------


async def test_addresses_are_judged_like_links(services, server):
    """Scope, rules and robots.txt: every address has a fate."""
    server.behaviour = site({
        "/robots.txt": robots("Disallow: /private"), "/": page(),
        "/sitemap.xml": urlset("/ok", "/private/x", "/old/y", "https://elsewhere.test/z", "/ok?utm_source=map"),
        "/ok": page(),
    })  # fmt: skip
    details = await crawl(services, server.url(), exclude=("/old/",))
    assert set(await pages_of(services, details.job.id)) == {"/", "/ok"}
    assert details.root.skipped == {"robots": 1, "excluded": 1, "scope": 1}
    assert details.root.discovered == 5


@pytest.mark.parametrize("config", [{"depth": 0}, {"max_pages": 1}])
async def test_limits_hold(services, server, config):
    server.behaviour = site({"/": page("/a"), "/sitemap.xml": urlset("/a", "/b"), "/a": page(), "/b": page()})
    details = await crawl(services, server.url(), **config)
    assert set(await pages_of(services, details.job.id)) == {"/"}
    assert ("/sitemap.xml" in server.targets) == ("max_pages" in config)


async def test_a_page_that_links_to_the_sitemap_does_not_fetch_it_again(services, server):
    """J2."""
    server.behaviour = site({"/": page("/sitemap.xml", "/a"), "/sitemap.xml": urlset("/a"), "/a": page()})
    await crawl(services, server.url())
    assert sorted(server.targets) == ["/", "/a", "/robots.txt", "/sitemap.xml"]


async def test_a_sitemap_in_another_folder_counts_for_a_crawl_below_a_prefix(services, server):
    server.behaviour = site({"/docs/": page(), "/sitemap.xml": urlset("/docs/a", "/blog/b"), "/docs/a": page()})
    details = await crawl(services, server.url("/docs/"), scope="prefix")
    assert set(await pages_of(services, details.job.id)) == {"/docs/", "/docs/a"}
    assert details.root.skipped == {"scope": 1}


async def test_robots_txt_may_forbid_the_sitemap_itself(services, server):
    server.behaviour = site({"/robots.txt": robots("Disallow: /*.xml"), "/": page(), "/sitemap.xml": urlset("/a")})
    details = await crawl(services, server.url())
    assert (await sitemaps_of(services, details.job.id))["/sitemap.xml"].status == "skipped"
    assert (details.job.status, details.job.warnings) == ("completed", 0)
    assert "/sitemap.xml" not in server.targets


async def test_the_time_of_the_last_change_travels_with_the_page(services, server):
    """So that a recrawl may know what is worth asking for; also of a page that a link had found before."""
    server.behaviour = site({"/": page("/linked"), "/sitemap.xml": urlset("/a", "/b", lastmod="2024-05-01")})
    root = await services.jobs.start_crawl(CrawlRequest(urls=(server.url(),), delay_seconds=0, per_host=1))

    async def behaviour(exchange):
        if exchange.target in ("/a", "/b"):
            payloads.extend(rows(services, "SELECT messages.payload FROM messages JOIN jobs ON jobs.id = job_id"
                                           " WHERE url LIKE '%/a' OR url LIKE '%/b'"))  # fmt: skip
        await answers(exchange)

    payloads: list[tuple[str]] = []
    answers, server.behaviour = server.behaviour, behaviour
    await engine_of(services).run(until_idle=True, only=frozenset({root}))
    assert set(payloads) == {('{"modified":1714521600000}',)}


# --- hostile sitemaps -------------------------------------------------------------------------------------------------


async def test_a_sitemap_that_lists_itself_is_read_once(services, server):
    server.behaviour = site({"/": page(), "/sitemap.xml": index("/sitemap.xml", "/b.xml"),
                             "/b.xml": index("/sitemap.xml", "/b.xml")})  # fmt: skip
    details = await crawl(services, server.url())
    assert details.job.status == "completed"
    assert sorted(server.targets) == ["/", "/b.xml", "/robots.txt", "/sitemap.xml"]


async def test_indexes_of_indexes_end_somewhere(services, server):
    async def endless(exchange):
        if not exchange.target.endswith(".xml"):
            await exchange.send({"/": page()}.get(exchange.target, NO_ROBOTS))
        else:
            await exchange.send(index(exchange.target.replace(".xml", "x.xml")))

    server.behaviour = endless
    details = await crawl(services, server.url())
    assert set(await sitemaps_of(services, details.job.id)) == {"/sitemap.xml", "/sitemapx.xml", "/sitemapxx.xml"}
    assert details.job.status == "completed"


async def test_a_crawl_reads_only_so_many_sitemaps(services, server, monkeypatch):
    monkeypatch.setattr(discovery, "MAX_SITEMAPS", 5)
    server.behaviour = site({"/": page(), "/sitemap.xml": index(*(f"/{number}.xml" for number in range(50)))})
    details = await crawl(services, server.url())
    assert len(await sitemaps_of(services, details.job.id)) == 5


async def test_a_large_sitemap_is_stored_in_parts(services, server, monkeypatch):
    monkeypatch.setattr(executor, "_PART", 100)
    locs = [f"/{number}" for number in range(1_050)]
    server.behaviour = site({"/": page(), "/sitemap.xml": urlset(*locs)})
    details = await crawl(services, server.url(), max_pages=20)
    assert (details.job.pages, details.root.discovered) == (20, 1_051)
    assert details.root.skipped == {"max_pages": 1_031}
    sitemap = (await sitemaps_of(services, details.job.id))["/sitemap.xml"]
    assert sitemap.result == {"kind": "urlset", "urls": 1_050, "new": 19, "unusable": 0}


async def test_a_sitemap_interrupted_between_two_parts_loses_nothing(services, server, monkeypatch):
    """What was stored stays, and reading the sitemap again adds the rest, each once."""
    monkeypatch.setattr(executor, "_PART", 10)
    server.behaviour = site({"/": page(), "/sitemap.xml": urlset(*(f"/{number}" for number in range(100)))})
    ledger = engine_of(services)._pool._ledger
    discover, calls = ledger.discover, []

    async def stopping(job_id, discovered):
        calls.append(job_id)
        new = await discover(job_id, discovered)
        if len(calls) == 5:
            engine_of(services).stop()
            engine_of(services).stop()
            await asyncio.get_running_loop().create_future()
        return new

    monkeypatch.setattr(ledger, "discover", stopping)
    root = await services.jobs.start_crawl(CrawlRequest(urls=(server.url(),)))
    await engine_of(services).run()
    assert (await sitemaps_of(services, root))["/sitemap.xml"].status == "pending"
    assert (await services.jobs.get(root)).pages == 51

    await engine_of(services).run(until_idle=True)

    job = await services.jobs.get(root)
    assert (job.pages, job.status) == (101, "completed")
    assert (await sitemaps_of(services, root))["/sitemap.xml"].result == {
        "kind": "urlset", "urls": 100, "new": 50, "unusable": 0,
    }  # fmt: skip


async def test_a_sitemap_larger_than_the_limit_is_read_as_far_as_it_goes(services, server, monkeypatch):
    reader = engine_of(services)._pool._registry._executors["sitemap"]
    monkeypatch.setattr(reader, "_max_bytes", 2_000)
    server.behaviour = site({"/": page(), "/sitemap.xml": urlset(*(f"/{number}" for number in range(1_000)))})
    details = await crawl(services, server.url(), max_pages=5)
    sitemap = (await sitemaps_of(services, details.job.id))["/sitemap.xml"]
    assert sitemap.result is not None
    assert 40 < sitemap.result["urls"] < 100
    assert sitemap.result["cut"].startswith("it is broken")


# --- feeds ------------------------------------------------------------------------------------------------------------


async def test_the_entries_of_a_linked_feed_are_followed(services, server):
    feed = "<rss><channel><title>News</title><item><title>One</title><link>/one</link></item></channel></rss>"
    server.behaviour = site({"/": page("/feed"), "/one": page(),
                             "/feed": response(feed.encode(), Content_Type="application/rss+xml")})  # fmt: skip
    details = await crawl(services, server.url())
    pages = await pages_of(services, details.job.id)
    assert {path: (job.status, job.depth) for path, job in pages.items()} == {
        "/": ("completed", 0), "/feed": ("completed", 1), "/one": ("completed", 2),
    }  # fmt: skip
    [(title, markdown)] = rows(services, "SELECT title, markdown FROM documents WHERE url LIKE '%/feed'")
    assert title == "News"
    assert f"[One]({server.url('/one')})" in markdown


async def test_a_sitemap_may_be_what_a_crawl_starts_from(services, server):
    server.behaviour = site({"/map.xml": urlset("/a", "/b"), "/a": page(), "/b": page()})
    details = await crawl(services, server.url("/map.xml"))
    assert set(await pages_of(services, details.job.id)) == {"/map.xml", "/a", "/b"}
