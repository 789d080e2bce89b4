"""robots.txt as RFC 9309 wants it."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.web.fetcher import Fetcher
from quaero_desktop.web.robots import MAX_BYTES, Robots, RobotsRules, parse_rules
from tests.support.clock import ManualClock
from tests.support.recording_server import Exchange, RecordingServer, answering, response

ORIGIN = "https://name.test"


def rules(text: str | bytes) -> RobotsRules:
    return parse_rules(text.encode() if isinstance(text, str) else text, ORIGIN, "quaero")


def allowed(parsed: RobotsRules, path: str) -> bool:
    return parsed.allows(ORIGIN + path)[0]


@pytest.fixture
def robots(fetcher: Fetcher, clock: ManualClock) -> Robots:
    return Robots(fetcher, "quaero", clock)


# --- what the rules mean ----------------------------------------------------------------------------------------------


def test_a_refusal_names_its_rule() -> None:
    parsed = rules("User-agent: *\nDisallow: /private/\nAllow: /private/open/\nDisallow: /*.php$\n")
    assert parsed.allows(ORIGIN + "/") == (True, "")
    assert parsed.allows(ORIGIN + "/private/a?b") == (False, "Disallow: /private/")
    assert parsed.allows(ORIGIN + "/private/open/a") == (True, "")
    assert parsed.allows(ORIGIN + "/x/y.php") == (False, "Disallow: /*.php$")
    assert parsed.allows(ORIGIN + "/x/y.php?a") == (True, "")


def test_the_group_for_us_counts_alone_and_else_the_one_for_all() -> None:
    text = (
        "User-agent: other\nDisallow: /\n\n"
        "User-agent: Quaero\nUser-agent: third\nDisallow: /ours\n\n"
        "User-agent: *\nDisallow: /all\n"
    )
    parsed = rules(text)
    assert (allowed(parsed, "/ours"), allowed(parsed, "/all"), allowed(parsed, "/")) == (False, True, True)
    parsed = rules(text.replace("Quaero", "fourth"))
    assert (allowed(parsed, "/ours"), allowed(parsed, "/all")) == (True, False)


def test_groups_for_us_are_joined() -> None:
    parsed = rules("User-agent: quaero\nDisallow: /a\nUser-agent: x\nDisallow: /b\nUser-agent: QUAERO\nDisallow: /c\n")
    assert [allowed(parsed, path) for path in ("/a", "/b", "/c")] == [False, True, False]


def test_a_longer_name_is_not_ours() -> None:
    assert allowed(rules("User-agent: quaerobot\nDisallow: /\n"), "/")


def test_escapes_are_compared_and_not_spellings() -> None:
    parsed = rules("User-agent: *\nDisallow: /%7Euser/ä\nDisallow: /q?a=1")
    assert not allowed(parsed, "/~user/%C3%A4")
    assert not allowed(parsed, "/q?a=1&b")
    assert allowed(parsed, "/q?b")


def test_delay_and_sitemaps() -> None:
    parsed = rules(
        "Sitemap: /map.xml\nUser-agent: *\nCrawl-delay: 2.5\nSitemap: https://cdn.test/b.xml\nSitemap: ftp://x/\n"
    )
    assert parsed.crawl_delay_ms == 2_500
    assert parsed.sitemaps == ("https://name.test/map.xml", "https://cdn.test/b.xml")
    assert allowed(parsed, "/")
    assert rules("User-agent: *\nCrawl-delay: 1e30\n").crawl_delay_ms == 24 * 3600 * 1000
    assert rules("User-agent: *\nCrawl-delay: soon\n").crawl_delay_ms is None


def test_a_byte_order_mark_does_not_hide_the_first_line() -> None:
    assert not allowed(rules(b"\xef\xbb\xbfUser-agent: *\r\nDisallow: /\r\n"), "/")


@pytest.mark.parametrize(
    "body", [b"", b"\x00\xff\xfe" * 1_000, b"<html><body>404</body></html>", b"\r\r\r", b":" * 9_999]
)
def test_garbage_forbids_nothing(body: bytes) -> None:
    assert rules(body).allows(ORIGIN + "/anything") == (True, "")


@given(st.binary(max_size=300), st.text(max_size=40))
def test_no_file_and_no_path_is_too_odd(body: bytes, path: str) -> None:
    prefix = b"User-agent: *\nDisallow: /"
    parsed = rules(prefix + body)
    verdict, rule = parsed.allows(f"{ORIGIN}/{path.encode('utf-8', 'replace').hex()}")
    assert verdict == (rule == "")


def test_a_parser_that_breaks_forbids_nothing_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quaero_desktop.web.robots.Protego.parse", lambda text: 1 / 0)
    parsed = rules("User-agent: *\nDisallow: /\n")
    assert allowed(parsed, "/")
    assert parsed.note == "robots.txt cannot be understood (ZeroDivisionError)."


def test_what_lies_beyond_500_kib_is_ignored() -> None:
    filler = "# x\n" * (MAX_BYTES // 4)
    assert allowed(rules("User-agent: *\n" + filler + "Disallow: /\n"), "/")
    assert not allowed(rules("User-agent: *\nDisallow: /\n" + filler), "/")


def test_hostile_files_take_no_time() -> None:
    agents = "".join(f"User-agent: a{number}\n" for number in range(16_000))
    many_of_both = agents + "User-agent: *\n" + "Disallow: /a\n" * 15_000
    wildcards = "User-agent: *\n" + "".join(f"Disallow: /*{number}*b*c\n" for number in range(30_000))
    started = time.process_time()
    for text in (many_of_both, wildcards, "User-agent: *\nDisallow: /" + "*a" * 200_000):
        parsed = rules(text)
        for number in range(10):
            parsed.allows(f"{ORIGIN}/{'a' * 2_000}{number}")
    assert time.process_time() - started < 5
    assert "ignored" in rules(wildcards).note


# --- how the file is fetched ------------------------------------------------------------------------------------------


async def test_it_is_asked_for_once_a_day(robots: Robots, server: RecordingServer, clock: ManualClock) -> None:
    server.behaviour = answering(
        response(b"User-agent: *\nDisallow: /private", Content_Type="application/octet-stream")
    )
    found = await asyncio.gather(*(robots.rules(server.origin) for _ in range(10)))
    assert len({id(one) for one in found}) == 1
    assert found[0].allows(server.url("/private")) == (False, "Disallow: /private")
    assert server.targets == ["/robots.txt"]
    clock.advance(86_399)
    await robots.rules(server.origin)
    assert len(server.exchanges) == 1
    clock.advance(2)
    await robots.rules(server.origin)
    assert len(server.exchanges) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
async def test_a_site_without_rules_allows_everything(robots: Robots, server: RecordingServer, status: int) -> None:
    server.behaviour = answering(response(b"User-agent: *\nDisallow: /", status=f"{status} No"))
    found = await robots.rules(server.origin)
    assert found.allows(server.url("/x")) == (True, "")
    assert found.unavailable is None
    assert str(status) in found.note


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_site_in_trouble_is_left_alone_for_now(
    robots: Robots, server: RecordingServer, clock: ManualClock, status: int
) -> None:
    server.behaviour = answering(response(status=f"{status} No"))
    waits = []
    for _ in range(9):
        found = await robots.rules(server.origin)
        assert not found.allows(server.url("/x"))[0]
        assert found.unavailable is not None
        waits.append(found.unavailable - clock.now_ms())
        assert (await robots.rules(server.origin)) is found  # not asked again before its time
        clock.advance(waits[-1] / 1000)
    assert waits == [30_000, 60_000, 120_000, 240_000, 480_000, 960_000, 1_920_000, 3_600_000, 3_600_000]
    assert len(server.exchanges) == 9
    server.behaviour = answering(response(b"User-agent: *\nDisallow: /x"))
    found = await robots.rules(server.origin)
    assert found.unavailable is None
    assert found.allows(server.url("/y")) == (True, "")


async def test_retry_after_is_respected(robots: Robots, server: RecordingServer, clock: ManualClock) -> None:
    server.behaviour = answering(response(status="503 Later", Retry_After="7200"))
    assert (await robots.rules(server.origin)).unavailable == clock.now_ms() + 7_200_000


async def test_no_answer_is_trouble_too(robots: Robots, server: RecordingServer) -> None:
    server.behaviour = answering(b"", close=True)
    found = await robots.rules(server.origin)
    assert found.unavailable is not None
    assert found.note.startswith("robots.txt cannot be read for now: ")


async def test_redirects_are_followed_to_other_hosts_too(robots: Robots, server: RecordingServer) -> None:
    async with RecordingServer().running() as other:
        server.behaviour = answering(response(status="301 Moved", Location=other.url("/elsewhere.txt")))
        other.behaviour = answering(response(b"User-agent: *\nDisallow: /x\nSitemap: /map.xml"))
        found = await robots.rules(server.origin)
        assert found.allows(server.url("/x")) == (False, "Disallow: /x")
        assert found.sitemaps == (server.url("/map.xml"),)
        assert other.targets == ["/elsewhere.txt"]


@pytest.mark.parametrize(("hops", "is_found"), [(5, True), (6, False)])
async def test_five_redirects_and_no_more(robots: Robots, server: RecordingServer, hops: int, is_found: bool) -> None:
    async def hop(exchange: Exchange) -> object:
        if exchange.number < hops:
            await exchange.send(response(status="302 Found", Location=f"/hop{exchange.number}"))
        else:
            await exchange.send(response(b"User-agent: *\nDisallow: /x"))
        return None

    server.behaviour = hop
    found = await robots.rules(server.origin)
    assert found.allows(server.url("/x"))[0] is not is_found
    assert len(server.exchanges) == 6


async def test_when_the_one_who_asks_is_cancelled_the_next_asks(robots: Robots, server: RecordingServer) -> None:
    server.behaviour = Exchange.until_hung_up
    first = asyncio.create_task(robots.rules(server.origin))
    await server.until(lambda: len(server.exchanges) == 1)
    second = asyncio.create_task(robots.rules(server.origin))
    await asyncio.sleep(0)
    server.behaviour = answering(response(b"User-agent: *\nDisallow: /x"))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await second).allows(server.url("/x"))[0] is False
    assert len(server.exchanges) == 2


async def test_a_huge_file_is_not_downloaded_whole(robots: Robots, server: RecordingServer) -> None:
    async def endless(exchange: Exchange) -> object:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nUser-agent: *\nDisallow: /x\n")
        while not exchange.writer.transport.is_closing():
            await exchange.send(b"# filler\n" * 5_000)
            await asyncio.sleep(0)
        return True

    server.behaviour = endless
    assert not (await robots.rules(server.origin)).allows(server.url("/x"))[0]
    await server.until(lambda: server.open == 0)


async def test_memory_is_bounded(robots: Robots, server: RecordingServer) -> None:
    for number in range(300):
        robots._keep((f"http://name{number}.test", True), rules(""))
    assert len(robots._kept) == 256
    assert robots._locks == {}
