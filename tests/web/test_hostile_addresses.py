"""Where a crawl of the public web must never be led: the person's own network, and this very machine."""

import ipaddress
import socket
from collections.abc import Sequence

import pytest

from quaero_desktop.domain import urls
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.pages import Fetched, FetchFailed
from quaero_desktop.web import names
from quaero_desktop.web.names import is_public, literal_address
from quaero_desktop.web.robots import Robots
from quaero_desktop.web.transport import AiohttpTransport
from tests.support.clock import ManualClock
from tests.support.recording_server import OK, Exchange, RecordingServer, answering, response
from tests.web.helpers import fetcher_with


def to_loopback(host: str) -> list[str]:
    return ["127.0.0.1"]


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.1",
        "224.0.0.251",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:10.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::192.168.1.1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
        "3fff::1",
        "4000::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "93.184.216.34",
        "100.128.0.1",
        "172.32.0.1",
        "223.255.255.254",
        "2606:4700:4700::1111",
        "2a00:1450:4001:830::200e",
        "64:ff9b::1.1.1.1",
        "::ffff:1.1.1.1",
        "2002:101:101::1",
    ],
)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


ODD_SPELLINGS = [
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "127.00.00.001",
    "%31%32%37.0.0.1",
    "１２７.０.０.１",  # noqa: RUF001 - full-width on purpose
    "①②⑦.0.0.1",
    "127。0。0。1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "0",
    "0.0.0.0",
    "[::]",
]


@pytest.mark.parametrize("spelling", ODD_SPELLINGS)
async def test_every_spelling_of_a_private_address_is_refused(spelling: str) -> None:
    url = urls.identity(f"http://{spelling}:1/")
    assert url is not None
    fetcher = fetcher_with(transport=AiohttpTransport(lookup=socket_would_understand))
    assert await fetcher.is_private(url)
    result = await fetcher.fetch(url, allow_private=False)
    await fetcher.aclose()
    assert isinstance(result, FetchFailed)
    assert (result.cause, result.retryable, result.host_wide) == (Cause.ADDRESS_REFUSED, False, False)


@pytest.mark.parametrize("spelling", ["127.1", "2130706433", "0177.0.0.1", "0x7f.1", "0x7f000001", "127.0.0.1."])
async def test_a_spelling_that_is_not_canonical_gets_past_nothing(spelling: str, server: RecordingServer) -> None:
    # No canonical URL looks like that; the operating system would understand it all the same.
    port = server.origin.rpartition(":")[2]
    fetcher = fetcher_with(transport=AiohttpTransport(lookup=socket_would_understand))
    result = await fetcher.fetch(f"http://{spelling}:{port}/", allow_private=False)
    await fetcher.aclose()
    assert isinstance(result, FetchFailed)
    assert result.cause in (Cause.ADDRESS_REFUSED, Cause.BAD_URL)
    assert server.connections == 0


def socket_would_understand(host: str) -> list[str]:
    return [socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))]


def test_a_number_that_is_no_address_is_no_name_either() -> None:
    assert literal_address("name.test") is None
    assert literal_address("127.0.0.1") == ipaddress.ip_address("127.0.0.1")
    assert literal_address("[::1]") == ipaddress.ip_address("::1")
    for host in ("127.1", "1", "name.1", "1.2.3.4.5"):
        with pytest.raises(ValueError, match="address"):
            literal_address(host)


async def test_a_name_with_one_private_address_among_public_ones_is_refused(server: RecordingServer) -> None:
    port = server.origin.rpartition(":")[2]
    fetcher = fetcher_with(transport=AiohttpTransport(lookup=lambda host: ["1.1.1.1", "127.0.0.1"]))
    assert await fetcher.is_private(f"http://mixed.test:{port}/")
    result = await fetcher.fetch(f"http://mixed.test:{port}/", allow_private=False)
    await fetcher.aclose()
    assert isinstance(result, FetchFailed)
    assert result.cause == Cause.ADDRESS_REFUSED
    assert "mixed.test" in result.message
    assert server.connections == 0


async def test_a_name_that_changes_its_mind_after_the_check_changes_nothing(
    server: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "_KEEP_SECONDS", 0.0)
    monkeypatch.setattr(names, "is_public", lambda address: str(address) == "127.0.0.1")
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    asked: list[Sequence[str]] = []

    def lookup(host: str) -> Sequence[str]:
        asked.append(answers[min(len(asked), 1)])
        return asked[-1]

    server.behaviour = answering(response(Connection="close"))
    port = server.origin.rpartition(":")[2]
    fetcher = fetcher_with(transport=AiohttpTransport(lookup=lookup))
    # One look-up for check and connection: there is nothing in between that could change.
    assert isinstance(await fetcher.fetch(f"http://rebind.test:{port}/1", allow_private=False), Fetched)
    assert len(asked) == 1
    result = await fetcher.fetch(f"http://rebind.test:{port}/2", allow_private=False)
    await fetcher.aclose()
    assert isinstance(result, FetchFailed)
    assert result.cause == Cause.ADDRESS_REFUSED
    assert server.targets == ["/1"]


async def test_a_kept_connection_of_another_crawl_is_not_lent_to_one_of_the_public_web(server: RecordingServer) -> None:
    port = server.origin.rpartition(":")[2]
    fetcher = fetcher_with(transport=AiohttpTransport(lookup=to_loopback))
    for host in ("intranet.test", "127.0.0.1"):
        url = f"http://{host}:{port}/"
        assert isinstance(await fetcher.fetch(url, allow_private=True), Fetched)
        result = await fetcher.fetch(url, allow_private=False)
        assert isinstance(result, FetchFailed)
        assert result.cause == Cause.ADDRESS_REFUSED
        assert isinstance(await fetcher.fetch(url, allow_private=True), Fetched)
    assert len(server.exchanges) == 4
    assert server.connections == 2
    await fetcher.aclose()
    await server.until(lambda: server.open == 0)


async def test_a_public_page_is_fetched_as_before(server: RecordingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "is_public", lambda address: True)
    port = server.origin.rpartition(":")[2]
    fetcher = fetcher_with(transport=AiohttpTransport(lookup=to_loopback))
    for _ in range(3):
        assert isinstance(await fetcher.fetch(f"http://public.test:{port}/", allow_private=False), Fetched)
    assert server.connections == 1
    await fetcher.aclose()


async def test_nobody_knows_where_a_name_is_that_cannot_be_looked_up() -> None:
    def lookup(host: str) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    fetcher = fetcher_with(transport=AiohttpTransport(lookup=lookup))
    assert await fetcher.is_private("http://name.test/") is None
    await fetcher.aclose()


async def test_robots_txt_follows_the_same_policy(server: RecordingServer, clock: ManualClock) -> None:
    async def answer(exchange: Exchange) -> object:
        await exchange.send(response(b"User-agent: *\nDisallow: /secret\n") if "robots" in exchange.target else OK)
        return None

    server.behaviour = answer
    fetcher = fetcher_with(clock=clock)
    robots = Robots(fetcher, "Quaero", clock)
    # Whoever may not go there learns nothing of what another crawl read there, and takes nothing from it.
    refused = await robots.rules(server.origin, allow_private=False)
    assert refused.allows(server.url("/secret")) == (True, "")
    assert "private address" in refused.note
    assert server.exchanges == []
    allowed = await robots.rules(server.origin, allow_private=True)
    assert not allowed.allows(server.url("/secret"))[0]
    assert (await robots.rules(server.origin, allow_private=False)) is refused
    await fetcher.aclose()
