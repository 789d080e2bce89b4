"""What a site asks of its visitors beside robots.txt, and what has no end: in whole crawls."""

from quaero_desktop.domain.jobs import SkipReason
from quaero_desktop.engine.traps import BUDGET
from tests.support.crawling import NO_ROBOTS, crawl, page, pages_of, rows, site
from tests.support.recording_server import Exchange, response


def asking(tag: str, *links: str) -> bytes:
    """Return a page with an X-Robots-Tag."""
    anchors = "".join(f'<a href="{link}">{link}</a>' for link in links)
    return response(f"<title>A page</title><p>Some words.</p>{anchors}".encode(), X_Robots_Tag=tag)


async def test_noindex_is_not_stored_and_its_links_are_followed(services, server) -> None:
    server.behaviour = site(
        {
            "/": page("/header", "/ours", "/others", "/meta"),
            "/header": asking("noindex", "/a"),
            "/ours": asking("quaerodesktop: noindex", "/b"),
            "/others": asking("otherbot: noindex, nofollow", "/c"),
            "/meta": response(b"<title>M</title><meta name=robots content=noindex><p>Words<a href=/d>d</a>"),
            **{f"/{name}": page() for name in "abcd"},
        }
    )
    crawled = await crawl(services, server.url("/"))
    assert rows(services, "SELECT replace(url, ?, '') FROM documents ORDER BY url", server.origin) == [
        ("/",), ("/a",), ("/b",), ("/c",), ("/d",), ("/others",)
    ]  # fmt: skip
    pages = await pages_of(services, crawled.job.id)
    assert (pages["/header"].status, pages["/header"].result) == ("completed", {"reason": "noindex"})


async def test_nofollow_links_are_skipped_with_that_reason(services, server) -> None:
    one = b"<title>T</title><p>Words</p><a rel=nofollow href=/ad>ad</a><a href=/b>b</a><a rel=nofollow href=/b>b</a>"
    server.behaviour = site(
        {"/": page("/one", "/none"), "/one": response(one), "/none": asking("none", "/c"), "/b": page()}
    )
    crawled = await crawl(services, server.url("/"))
    skips = (await services.jobs.skips(crawled.job.id)).skips
    assert {(skip.url, skip.reason, skip.rule) for skip in skips} == {
        (server.url("/ad"), SkipReason.NOFOLLOW, "rel=nofollow"),
        (server.url("/c"), SkipReason.NOFOLLOW, "robots: nofollow"),
    }
    assert "/none" in (pages := await pages_of(services, crawled.job.id))
    assert pages["/none"].result == {"reason": "noindex"}
    assert "/b" in pages


async def test_who_does_not_obey_robots_reads_no_wishes_and_the_log_says_so(services, server) -> None:
    server.behaviour = site({"/": asking("none", "/a"), "/a": page()})
    crawled = await crawl(services, server.url("/"), obey_robots=False)
    assert crawled.root.documents == 2
    lines = await services.jobs.logs(crawled.job.id, level="warn", limit=None, children=False)
    assert [line.message for line in lines] == [
        "The rules of the sites for robots are not obeyed, as this crawl was told."
    ]


async def test_an_endless_calendar_ends_by_itself_and_says_why(services, server) -> None:
    async def calendar(exchange: Exchange) -> None:
        if exchange.target == "/about":
            await exchange.send(page(text="A page of its own."))
        elif exchange.target.startswith("/month"):
            month = int(exchange.target.rpartition("/")[2])
            links = [f"/month/{month + step}" for step in (1, 2, 3)]
            await exchange.send(page(*links, title=f"Month {month}", text="No events. " * 30))
        else:
            await exchange.send(NO_ROBOTS if exchange.target != "/" else page("/month/1", "/about"))

    server.behaviour = calendar
    crawled = await crawl(services, server.url("/"), depth=1000)
    assert crawled.job.status == "completed"
    assert BUDGET < crawled.job.pages < 3 * BUDGET
    # Those that were queued when the pattern was closed.
    left_out = [job for job in (await pages_of(services, crawled.job.id)).values() if job.status == "skipped"]
    assert {(job.cause, job.error) for job in left_out} == {
        (SkipReason.TRAP, f"49 of 50 pages like {server.url('/month/#')} repeat each other or hold hardly any text")
    }
    lines = await services.jobs.logs(crawled.job.id, level="warn", limit=None, children=False)
    assert [line.message.partition(":")[0] for line in lines] == ["A trap"]


async def test_a_path_without_an_end_ends_by_itself(services, server) -> None:
    async def deeper(exchange: Exchange) -> None:
        await exchange.send(NO_ROBOTS if "." in exchange.target else page("a/", title="And so on"))

    server.behaviour = deeper
    crawled = await crawl(services, server.url("/"), depth=1000)
    assert (crawled.job.status, crawled.job.pages) == ("completed", 3)
    (skip,) = (await services.jobs.skips(crawled.job.id)).skips
    assert (skip.url, skip.rule) == (server.url("/a/a/a/"), "“a” stands 3 times in a row in its path")
