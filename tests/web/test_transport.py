"""What goes over the wire, byte for byte, and what must never go there."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx
import pytest

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.pages import Fetched, FetchFailed, Redirected
from quaero_desktop.web.fetcher import Fetcher
from quaero_desktop.web.names import Address
from quaero_desktop.web.transport import (
    AddressRefusedError,
    AiohttpTransport,
    NameLookupError,
    StaleConnectionError,
    TlsError,
)
from tests.support.recording_server import OK, Exchange, RecordingServer, answering, response
from tests.web.helpers import fetcher_with

SELF_SIGNED = Path(__file__).with_name("self_signed.pem")


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    async with AiohttpTransport() as transport:
        yield transport


def to_loopback(host: str) -> list[str]:
    return ["127.0.0.1"]


async def read(transport: httpx.AsyncBaseTransport, url: str, **extensions: object) -> bytes:
    response = await transport.handle_async_request(httpx.Request("GET", url, extensions=extensions))
    try:
        return await response.aread()
    finally:
        await response.aclose()


# --- the request ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "/%7Euser",
        "/a%2Fb",
        "/a%2fb",
        "/?a=&&",
        "/?",
        "/a?b?c=/d",
        "/%E4%BD%A0%E5%A5%BD?q=%C3%A4",
        "/%FF%00",
        "/a//b/./c",
        "/?a=1+2%2B3;c",
        "/'()*!$@:,;=&",
        "/a|b^c[d]{e}",
        "/%",
        "/%zz",
    ],
)
async def test_the_target_is_sent_as_it_stands(fetcher: Fetcher, server: RecordingServer, target: str) -> None:
    result = await fetcher.fetch(server.url(target))
    assert isinstance(result, Fetched)
    assert server.targets == [target]
    assert result.url == server.url(target)


async def test_no_header_is_sent_that_nobody_asked_for(fetcher: Fetcher, server: RecordingServer) -> None:
    await fetcher.fetch(server.url("/"), {"If-None-Match": '"x"'})
    assert [line.partition(":")[0] for line in server.exchanges[0].header_lines] == [
        "Host",
        "User-Agent",
        "Accept",
        "Accept-Encoding",
        "If-None-Match",
    ]
    assert server.exchanges[0].header("Accept-Encoding") == "gzip, deflate"
    assert server.exchanges[0].header("User-Agent") == "Quaero/1.0"


async def test_the_transport_adds_nothing_to_a_request_of_httpx(
    transport: AiohttpTransport, server: RecordingServer
) -> None:
    request = httpx.Request("POST", server.url("/form"), content=b"a=1")
    response = await transport.handle_async_request(request)
    await response.aread()
    await response.aclose()
    assert server.exchanges[0].header_lines == [f"Host: {server.origin[7:]}", "Content-Length: 3"]


async def test_the_host_header_names_the_host_of_the_url(server: RecordingServer) -> None:
    port = server.origin.rpartition(":")[2]
    fetcher = fetcher_with(transport=AiohttpTransport(lookup=to_loopback))
    await fetcher.fetch(f"http://xn--bcher-kva.test:{port}/")
    await fetcher.fetch(f"http://name.test.:{port}/")
    await fetcher.aclose()
    hosts = [exchange.header("Host") for exchange in server.exchanges]
    assert hosts == [f"xn--bcher-kva.test:{port}", f"name.test.:{port}"]


async def test_no_cookie_is_ever_sent(fetcher: Fetcher, server: RecordingServer) -> None:
    server.behaviour = answering(response(Set_Cookie="session=secret; Path=/"))
    for _ in range(3):
        await fetcher.fetch(server.url("/"))
    assert [exchange.header("Cookie") for exchange in server.exchanges] == [None, None, None]


async def test_no_redirect_is_followed(fetcher: Fetcher, server: RecordingServer) -> None:
    server.behaviour = answering(response(status="302 Found", Location="/there#part"))
    result = await fetcher.fetch(server.url("/here"))
    assert isinstance(result, Redirected)
    assert result.target == server.url("/there")
    assert server.targets == ["/here"]


async def test_nothing_is_decompressed(transport: AiohttpTransport, server: RecordingServer) -> None:
    server.behaviour = answering(response(b"\x1f\x8b not gzip", Content_Encoding="gzip"))
    raw = await transport.handle_async_request(httpx.Request("GET", server.url()))
    assert isinstance(raw.stream, httpx.AsyncByteStream)
    assert b"".join([chunk async for chunk in raw.stream]) == b"\x1f\x8b not gzip"
    await raw.aclose()


async def test_a_dropped_request_is_not_sent_again(fetcher: Fetcher, server: RecordingServer) -> None:
    server.behaviour = answering(b"", close=True)
    result = await fetcher.fetch(server.url("/"))
    assert isinstance(result, FetchFailed)
    assert result.cause == Cause.DISCONNECTED
    assert len(server.exchanges) == 1


# --- kept connections -------------------------------------------------------------------------------------------------


async def test_a_connection_is_used_again(fetcher: Fetcher, server: RecordingServer) -> None:
    for _ in range(5):
        await fetcher.fetch(server.url("/"))
    assert server.connections == 1


async def test_pages_that_do_not_exist_cost_no_connection(fetcher: Fetcher, server: RecordingServer) -> None:
    server.behaviour = answering(response(b"x" * 10_000, status="404 Not Found"))
    for _ in range(3):
        await fetcher.fetch(server.url("/"))
    assert server.connections == 1


async def test_connection_close_is_respected(fetcher: Fetcher, server: RecordingServer) -> None:
    server.behaviour = answering(response(Connection="close"))
    for _ in range(3):
        assert isinstance(await fetcher.fetch(server.url("/")), Fetched)
    assert server.connections == 3


async def test_a_kept_connection_that_was_closed_meanwhile_is_no_fault(
    fetcher: Fetcher, server: RecordingServer
) -> None:
    async def hang_up_instead_of_a_second_answer(exchange: Exchange) -> object:
        served_before = any(other.connection == exchange.connection for other in server.exchanges[: exchange.number])
        if served_before:
            return True
        await exchange.send(OK)
        return None

    server.behaviour = hang_up_instead_of_a_second_answer
    results = [await fetcher.fetch(server.url(f"/{number}")) for number in range(3)]
    assert [type(result) for result in results] == [Fetched] * 3
    # Each was sent once on the kept connection, and once more on a new one.
    assert server.targets == ["/0", "/1", "/1", "/2", "/2"]


async def test_a_new_connection_is_never_tried_twice(fetcher: Fetcher, server: RecordingServer) -> None:
    await fetcher.fetch(server.url("/good"))
    server.behaviour = answering(b"", close=True)
    result = await fetcher.fetch(server.url("/bad"))
    assert isinstance(result, FetchFailed)
    assert server.targets == ["/good", "/bad", "/bad"]
    assert [exchange.connection for exchange in server.exchanges] == [0, 0, 1]


async def test_the_transport_itself_never_sends_twice(transport: AiohttpTransport, server: RecordingServer) -> None:
    await read(transport, server.url("/good"))
    server.behaviour = answering(b"", close=True)
    with pytest.raises(StaleConnectionError):
        await read(transport, server.url("/bad"))
    assert server.targets == ["/good", "/bad"]


async def test_an_answer_nobody_asked_for_is_not_taken_for_the_next_page(
    fetcher: Fetcher, server: RecordingServer
) -> None:
    async def with_an_uninvited_guest(exchange: Exchange) -> object:
        await exchange.send(response(exchange.target.encode()))
        await exchange.send(response(b"uninvited"))
        return None

    server.behaviour = with_an_uninvited_guest
    bodies = []
    for number in range(3):
        result = await fetcher.fetch(server.url(f"/{number}"))
        if isinstance(result, Fetched):
            bodies.append(result.body)
        else:
            assert isinstance(result, FetchFailed)
            assert result.cause in (Cause.PROTOCOL, Cause.DISCONNECTED)
    assert b"uninvited" not in bodies


async def test_at_most_so_many_requests_are_under_way(server: RecordingServer) -> None:
    release = asyncio.Event()

    async def wait(exchange: Exchange) -> object:
        await release.wait()
        await exchange.send(OK)
        return None

    server.behaviour = wait
    transport = AiohttpTransport(connections=2)
    fetches = [asyncio.create_task(read(transport, server.url(f"/{number}"))) for number in range(4)]
    await server.until(lambda: len(server.exchanges) == 2)
    with pytest.raises(httpx.PoolTimeout):
        await read(transport, server.url("/fifth"), timeout={"pool": 0.01})
    release.set()
    assert await asyncio.gather(*fetches) == [b"ok"] * 4
    assert server.connections == 2
    await transport.aclose()


async def test_cancelling_closes_the_connection_and_frees_its_place(server: RecordingServer) -> None:
    server.behaviour = Exchange.until_hung_up
    fetcher = fetcher_with(transport=AiohttpTransport(connections=1))
    before_the_answer = asyncio.create_task(fetcher.fetch(server.url("/a")))
    await server.until(lambda: server.open == 1 and len(server.exchanges) == 1)
    before_the_answer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await before_the_answer
    await server.until(lambda: server.open == 0)

    async def half(exchange: Exchange) -> object:
        await exchange.send(response(b"half of it")[:-4])
        await exchange.until_hung_up()
        return True

    server.behaviour = half
    in_the_body = asyncio.create_task(fetcher.fetch(server.url("/b")))
    await server.until(lambda: server.open == 1 and len(server.exchanges) == 2)
    in_the_body.cancel()
    with pytest.raises(asyncio.CancelledError):
        await in_the_body
    await server.until(lambda: server.open == 0)

    server.behaviour = answering(OK)
    assert isinstance(await fetcher.fetch(server.url("/c")), Fetched)
    await fetcher.aclose()


async def test_closing_leaves_no_connection_no_task_and_no_thread(server: RecordingServer) -> None:
    port = server.origin.rpartition(":")[2]
    threads = set(threading.enumerate())
    tasks = asyncio.all_tasks()
    transport = AiohttpTransport(lookup=to_loopback)
    await asyncio.gather(*(read(transport, f"http://name{n % 3}.test:{port}/") for n in range(12)))
    await transport.aclose()
    await transport.aclose()
    await server.until(lambda: server.open == 0)
    assert set(threading.enumerate()) <= threads
    assert {task for task in asyncio.all_tasks() if not task.done()} <= tasks
    with pytest.raises(httpx.TransportError):
        await read(transport, server.url())


# --- names and addresses ----------------------------------------------------------------------------------------------


async def test_a_name_is_looked_up_once_for_all_who_wait(server: RecordingServer) -> None:
    port = server.origin.rpartition(":")[2]
    asked: list[str] = []

    def lookup(host: str) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async with AiohttpTransport(lookup=lookup) as transport:
        await asyncio.gather(*(read(transport, f"http://name.test:{port}/") for _ in range(5)))
    assert asked == ["name.test"]
    assert server.connections > 1


async def test_only_checked_addresses_are_connected_to(server: RecordingServer) -> None:
    port = server.origin.rpartition(":")[2]
    checked: list[tuple[str, list[str]]] = []

    def policy(host: str, addresses: Sequence[Address]) -> None:
        checked.append((host, [str(address) for address in addresses]))

    async with AiohttpTransport(lookup=to_loopback, policy=policy) as transport:
        await read(transport, f"http://name.test:{port}/")
        await read(transport, server.url("/"))
    assert checked == [("name.test", ["127.0.0.1"]), ("127.0.0.1", ["127.0.0.1"])]


@pytest.mark.parametrize("host", ["name.test", "127.0.0.1"])
async def test_a_policy_refuses_before_anything_is_sent(server: RecordingServer, host: str) -> None:
    def policy(host: str, addresses: Sequence[Address]) -> None:
        raise KnownError("That address is private.")

    port = server.origin.rpartition(":")[2]
    fetcher = fetcher_with(transport=AiohttpTransport(lookup=to_loopback, policy=policy))
    result = await fetcher.fetch(f"http://{host}:{port}/")
    await fetcher.aclose()
    assert isinstance(result, FetchFailed)
    assert (result.cause, result.message) == (Cause.ADDRESS_REFUSED, "That address is private.")
    assert not result.retryable
    assert server.connections == 0


async def test_a_policy_sees_literal_addresses_of_both_families() -> None:
    def policy(host: str, addresses: Sequence[Address]) -> None:
        raise KnownError(f"no {addresses[0].version}")

    async with AiohttpTransport(policy=policy) as transport:
        with pytest.raises(AddressRefusedError, match="no 4"):
            await read(transport, "http://10.0.0.1/")
        with pytest.raises(AddressRefusedError, match="no 6"):
            await read(transport, "http://[::1]:8080/")


async def test_a_hanging_look_up_ends_with_the_deadline_and_holds_nothing_up() -> None:
    hang = threading.Event()

    def lookup(host: str) -> Sequence[str]:
        hang.wait(10)
        raise OSError("late")

    fetcher = fetcher_with(transport=AiohttpTransport(lookup=lookup), total_seconds=0.1)
    result = await fetcher.fetch("http://name.test/")
    assert isinstance(result, FetchFailed)
    assert result.cause == Cause.TIMEOUT
    await fetcher.aclose()
    hang.set()


async def test_an_unknown_name(server: RecordingServer) -> None:
    def lookup(host: str) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with AiohttpTransport(lookup=lookup) as transport:
        with pytest.raises(NameLookupError):
            await read(transport, "http://name.test/")


# --- TLS --------------------------------------------------------------------------------------------------------------


async def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    fetcher = fetcher_with()
    async with RecordingServer(tls=context).running() as server:
        result = await fetcher.fetch(server.url("/"))
        assert server.exchanges == []
    await fetcher.aclose()
    assert isinstance(result, FetchFailed)
    assert (result.cause, result.retryable) == (Cause.TLS, False)
    assert result.message == "The server's certificate is not trusted: self-signed certificate."


async def test_pages_come_over_tls() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    trusting = ssl.create_default_context(cafile=str(SELF_SIGNED))
    fetcher = fetcher_with(transport=AiohttpTransport(tls=trusting))
    async with RecordingServer(tls=context).running() as server:
        result = await fetcher.fetch(server.url("/"))
        await fetcher.aclose()
    assert isinstance(result, Fetched)
    assert result.body == b"ok"


async def test_a_server_that_speaks_no_tls(transport: AiohttpTransport, server: RecordingServer) -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 This is plain HTTP\r\n\r\n")
        await reader.read(1)
        writer.close()

    plain = await asyncio.start_server(shout, "127.0.0.1", 0)
    port = plain.sockets[0].getsockname()[1]
    with pytest.raises(TlsError) as caught:
        await read(transport, f"https://127.0.0.1:{port}/")
    assert not caught.value.certificate
    plain.close()
    await plain.wait_closed()
