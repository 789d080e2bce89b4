"""The made-up site of tests/support: the same every time, complete, and honest about what was asked of it."""

import asyncio
import json
import re
from collections import deque

from tests.support.site import GeneratedSite, SiteOptions, page_html, page_links, page_number, page_path, site_process


async def get(site: GeneratedSite, *paths: str) -> list[tuple[int, str]]:
    """Request *paths* one after the other over one connection; return each status and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    answers = []
    for path in paths:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: site\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"Content-Length: (\d+)", head)
        assert length is not None
        answers.append((int(head.split()[1]), (await reader.readexactly(int(length[1]))).decode()))
    writer.close()
    await writer.wait_closed()
    return answers


def test_every_page_is_reached_in_four_steps():
    for pages in (1, 2, 17, 500, 3000):
        options = SiteOptions(pages=pages, links_per_page=0)
        steps = {"/": 0}
        waiting = deque(["/"])
        while waiting:
            path = waiting.popleft()
            for link in page_links(page_number(path) or 0, options):
                if link not in steps:
                    steps[link] = steps[path] + 1
                    waiting.append(link)
        assert set(steps) == {page_path(number) for number in range(pages)}
        assert max(steps.values()) <= 4


def test_the_same_options_give_the_same_pages_and_another_seed_others():
    options = SiteOptions(pages=50)
    assert page_html(7, options) == page_html(7, options)
    assert page_html(7, options) != page_html(7, SiteOptions(pages=50, seed=2))
    assert page_html(7, options) != page_html(8, options)


async def test_it_serves_its_pages_and_counts_requests():
    async with GeneratedSite(pages=20, missing=2, failing=3, private=1) as site:
        answers = await get(
            site,
            "/",
            "/page/3.html",
            "/page/3.html",
            "/page/99.html",
            "/page/03.html",
            "/missing/1.html",
            "/failing/2.html",
        )
        assert [status for status, _ in answers] == [200, 200, 200, 404, 404, 404, 500]
        assert "<h1>Page 3: " in answers[1][1]
        [(_, robots), (_, counts)] = await get(site, "/robots.txt", "/__counts")
    assert "Disallow: /private/" in robots
    assert json.loads(counts) == site.counts
    assert (site.counts["/"], site.counts["/page/3.html"], site.counts["/robots.txt"]) == (1, 2, 1)
    assert len(site.page_urls) == 20


async def test_faulty_links_are_found_on_its_pages():
    options = SiteOptions(pages=5, missing=7, failing=2, private=1)
    links = {link for number in range(5) for link in page_links(number, options)}
    assert sum(link.startswith("/missing/") for link in links) == 7
    assert sum(link.startswith("/failing/") for link in links) == 2
    assert sum(link.startswith("/private/") for link in links) == 1


async def test_latency_is_between_a_request_and_its_answer():
    async with GeneratedSite(pages=3, latency=0.1) as site:
        start = asyncio.get_running_loop().time()
        await asyncio.gather(*(get(site, "/") for _ in range(5)))
        elapsed = asyncio.get_running_loop().time() - start
    # Side by side, not one after the other.
    assert 0.1 <= elapsed < 0.45


async def test_requests_sent_at_once_are_answered_in_order():
    async with GeneratedSite(pages=3) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"".join(f"HEAD {path} HTTP/1.1\r\n\r\n".encode() for path in ("/", "/none", "/page/1.html")))
        heads = [(await reader.readuntil(b"\r\n\r\n")).decode() for _ in range(3)]
        writer.close()
        await writer.wait_closed()
    assert [int(head.split()[1]) for head in heads] == [200, 404, 200]


def test_it_runs_in_a_process_of_its_own():
    with site_process(pages=4, latency=0.01) as site:
        assert site.counts() == {}
        assert site.url.endswith("/")
        assert len(site.page_urls) == 4
