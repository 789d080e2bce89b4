"""One page, one document: tracking parameters, aliases, redirects and rel=canonical through the whole product."""

import pytest

from quaero_desktop.domain.documents import DocumentFilter
from quaero_desktop.domain.jobs import Cause, Status
from quaero_desktop.services.compose import Services
from tests.support.crawling import crawl, page, pages_of, redirect, rows, site
from tests.support.recording_server import response


def naming(canonical: str, *links: str, text: str = "Words worth keeping.") -> bytes:
    """Return a page that names *canonical* as its address."""
    anchors = "".join(f'<a href="{link}">{link}</a> ' for link in links)
    head = f'<title>A page</title><link rel="canonical" href="{canonical}">'
    return response(f"{head}<main><h1>A page</h1><p>{text}</p>{anchors}</main>".encode())


async def documents(services: Services) -> set[str]:
    """The paths of the stored documents."""
    page = await services.library.documents(DocumentFilter(limit=None))
    return {"/" + document.url.split("/", 3)[3] for document in page.documents}


async def test_links_are_followed_without_their_tracking_parameters(services, server):
    server.behaviour = site(
        {
            "/": page("/a?utm_source=home", "/a?gclid=1&b=2", "/a", "/a?b=2&fbclid=x"),
            "/a": page("/?utm_medium=back"),
            "/a?b=2": page(),
        }
    )
    details = await crawl(services, f"{server.origin}/?utm_campaign=typed")
    assert await documents(services) == {"/", "/a", "/a?b=2"}
    assert sorted(server.targets) == ["/", "/a", "/a?b=2", "/robots.txt", "/sitemap.xml"]
    assert (details.job.status, details.job.pages) == (Status.COMPLETED, 3)


async def test_a_redirect_that_adds_a_tracking_parameter_leads_to_the_page(services, server):
    server.behaviour = site({"/": page("/a"), "/a": redirect("/a?utm_source=us"), "/a?utm_source=us": page("/b")})
    await crawl(services, f"{server.origin}/")
    assert "/a?utm_source=us" in await documents(services)


async def test_a_redirect_to_a_page_that_is_known_without_a_tracking_parameter_folds_into_it(services, server):
    server.behaviour = site({"/": page("/old", "/a"), "/old": redirect("/a?utm_source=old"), "/a": page()})
    await crawl(services, f"{server.origin}/")
    assert await documents(services) == {"/", "/a"}


async def test_an_alias_of_the_site_is_the_site(services, server):
    # The same server by another name, as http and https or www. would be.
    other = server.origin.replace("127.0.0.1", "localhost")
    server.behaviour = site({"/": page(f"{other}/a", "/b"), "/a": page(f"{other}/"), "/b": page()})
    await crawl(services, f"{server.origin}/", aliases=(other,))
    assert await documents(services) == {"/", "/a", "/b"}
    assert rows(services, "SELECT DISTINCT substr(url, 1, ?) FROM jobs WHERE url IS NOT NULL", len(server.origin)) == [
        (server.origin,)
    ]


class TestCanonical:
    async def test_of_another_spelling_makes_one_document(self, services, server):
        spellings = ["/a?sid=1", "/A", "/a/index.html", "/a/"]
        server.behaviour = site(
            {"/": page(*spellings), "/a": naming("/a", "/b"), "/b": page()}
            | {spelling: naming("/a", "/b") for spelling in spellings}
        )
        details = await crawl(services, f"{server.origin}/")
        assert await documents(services) == {"/", "/a", "/b"}
        assert details.job.status == Status.COMPLETED
        pages = await pages_of(services, details.job.id)
        assert pages["/A"].result == {"canonical": f"{server.origin}/a"}
        assert {pages[spelling].depth for spelling in spellings} == {pages["/a"].depth} == {1}
        assert server.targets.count("/a") == 1

    async def test_of_another_page_is_noted_and_believed_by_nobody(self, services, server):
        """Every page of this site names its start page, and a page 2 names page 1."""
        server.behaviour = site(
            {"/": naming("/", "/a", "/list?page=2", "/item?id=1"), "/a": naming("/", text="Contents of a.")}
            | {"/list?page=2": naming("/list", text="Page two."), "/item?id=1": naming("/item", text="Item one.")}
        )
        await crawl(services, f"{server.origin}/")
        assert await documents(services) == {"/", "/a", "/list?page=2", "/item?id=1"}
        [(metadata,)] = rows(services, "SELECT metadata ->> '$.canonical' FROM documents WHERE url LIKE '%/a'")
        assert metadata == f"{server.origin}/"

    @pytest.mark.parametrize("links", [("/a", "/A"), ("/A", "/a"), ("/a",)])
    async def test_pages_that_name_each_other_do_not_vanish(self, services, server, links):
        server.behaviour = site({"/": page(*links), "/a": naming("/A"), "/A": naming("/a")})
        details = await crawl(services, f"{server.origin}/")
        assert len(await documents(services)) == 2
        assert (details.job.status, details.job.pages) == (Status.COMPLETED, 3)

    async def test_that_goes_round_in_a_circle_leaves_one_of_the_pages(self, services, server):
        circle = {"/a": naming("/A"), "/A": naming("/a/"), "/a/": naming("/a")}
        server.behaviour = site({"/": page(*circle), **circle})
        await crawl(services, f"{server.origin}/")
        assert await documents(services) & circle.keys()

    async def test_that_redirects_back_loses_nothing(self, services, server):
        """/ sends everyone without a cookie to /?sid=1, which names / as its address."""
        server.behaviour = site({"/": redirect("/?sid=1"), "/?sid=1": naming("/", "/a"), "/a": page("/?sid=1")})
        await crawl(services, f"{server.origin}/")
        assert await documents(services) == {"/?sid=1", "/a"}

    async def test_that_redirects_back_later_is_a_failure_with_a_reason(self, services, server):
        server.behaviour = site({"/": page("/a?sid=1"), "/a?sid=1": naming("/a"), "/a": redirect("/a?sid=1")})
        details = await crawl(services, f"{server.origin}/")
        failed = (await pages_of(services, details.job.id))["/a"]
        assert (failed.status, failed.cause) == (Status.FAILED, Cause.BAD_REDIRECT)

    async def test_outside_the_scope_or_excluded_is_not_believed(self, services, server):
        other = server.origin.replace("127.0.0.1", "www.127.0.0.1")
        server.behaviour = site({"/": page("/a", "/b/"), "/a": naming(f"{other}/a"), "/b/": naming("/b/index.html")})
        await crawl(services, f"{server.origin}/", exclude=("/index.html",))
        assert await documents(services) == {"/", "/a", "/b/"}

    async def test_that_robots_txt_forbids_is_not_believed(self, services, server):
        robots = response(b"User-agent: *\nDisallow: /A", Content_Type="text/plain")
        server.behaviour = site({"/robots.txt": robots, "/": page("/a"), "/a": naming("/A")})
        await crawl(services, f"{server.origin}/")
        assert await documents(services) == {"/", "/a"}

    async def test_does_not_use_up_the_only_page_that_is_wanted(self, services, server):
        server.behaviour = site({"/index.html": naming("/"), "/": page()})
        details = await crawl(services, f"{server.origin}/index.html", max_pages=1)
        assert await documents(services) == {"/index.html"}
        assert details.job.status == Status.COMPLETED

    async def test_moves_closer_with_the_page_that_names_it(self, services, server):
        """/c is one link away in the end, by /C; so /d, too deep at first, comes in."""
        server.behaviour = site(
            {
                "/": page("/1", "/late"),
                "/1": page("/2"),
                "/2": page("/C"),
                "/C": naming("/c"),
                "/c": page("/d"),
                "/d": page(),
                "/late": page("/C"),
            }
        )
        await crawl(services, f"{server.origin}/", workers=1, depth=3)
        assert "/d" in await documents(services)
