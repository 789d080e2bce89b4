"""What becomes of a page: every answer, and everything that is none, is a value with a cause."""

import asyncio
import email.utils
import gzip
import socket
import threading
import zlib
from collections.abc import Callable, Sequence

import httpx
import pytest

from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.pages import Fetched, FetchFailed, FetchResult, Redirected
from quaero_desktop.web.failures import retry_after_ms
from quaero_desktop.web.fetcher import Fetcher
from quaero_desktop.web.transport import AiohttpTransport
from tests.support.clock import ManualClock
from tests.support.recording_server import OK, Behaviour, Exchange, RecordingServer, answering, response
from tests.web.helpers import fetcher_with

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


def failed(result: FetchResult) -> FetchFailed:
    assert isinstance(result, FetchFailed), result
    return result


def fetched(result: FetchResult) -> Fetched:
    assert isinstance(result, Fetched), result
    return result


# --- pages ------------------------------------------------------------------------------------------------------------


async def test_a_page(fetcher: Fetcher, server: RecordingServer) -> None:
    server.behaviour = answering(
        response(
            b"<p>caf\xe9",
            Content_Type='Text/HTML; Charset="ISO-8859-1"',
            ETag='W/"1"',
            Last_Modified="Mon, 01 Jan 2024 00:00:00 GMT",
            X_Robots_Tag="noindex",
            Content_Language="fr",
            Server="secret-version",
        )
    )
    page = fetched(await fetcher.fetch(server.url("/")))
    assert page.body == b"<p>caf\xe9"
    assert (page.status, page.content_type, page.charset, page.wire_bytes) == (200, "text/html", "iso-8859-1", 7)
    assert page.headers == {
        "etag": 'W/"1"',
        "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT",
        "x-robots-tag": "noindex",
        "content-language": "fr",
    }


async def test_a_page_without_a_type_or_length(fetcher: Fetcher, server: RecordingServer) -> None:
    server.behaviour = answering(b"HTTP/1.0 200 OK\r\n\r\nall until the end", close=True)
    page = fetched(await fetcher.fetch(server.url("/")))
    assert (page.body, page.content_type, page.charset) == (b"all until the end", "", "")


async def test_a_chunked_page(fetcher: Fetcher, server: RecordingServer) -> None:
    server.behaviour = answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
    assert fetched(await fetcher.fetch(server.url("/"))).body == b"abcde"


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("X-GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, wbits=-15)),
        ("identity", bytes),
        ("", bytes),
    ],
)
async def test_a_compressed_page(
    fetcher: Fetcher, server: RecordingServer, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    body = b"".join(b"<p>%x</p>" % (number * number) for number in range(50_000))
    wire = compress(body)
    server.behaviour = answering(response(wire, Content_Encoding=encoding))
    page = fetched(await fetcher.fetch(server.url("/")))
    assert page.body == body
    assert page.wire_bytes == len(wire)


@pytest.mark.parametrize("status", ["204 No Content", "205 Reset Content"])
async def test_a_success_without_content(fetcher: Fetcher, server: RecordingServer, status: str) -> None:
    server.behaviour = answering(f"HTTP/1.1 {status}\r\n\r\n".encode())
    page = fetched(await fetcher.fetch(server.url("/")))
    assert (page.status, page.body) == (int(status[:3]), b"")


async def test_nothing_changed_is_an_answer_only_to_who_asked(fetcher: Fetcher, server: RecordingServer) -> None:
    server.behaviour = answering(b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n')
    page = fetched(await fetcher.fetch(server.url("/"), {"If-None-Match": '"1"'}))
    assert (page.status, page.body, page.headers) == (304, b"", {"etag": '"1"'})
    assert server.exchanges[0].header("If-None-Match") == '"1"'
    assert failed(await fetcher.fetch(server.url("/"))).cause == Cause.PROTOCOL


@pytest.mark.parametrize(
    "media_type",
    [
        "image/png",
        "video/mp4",
        "audio/ogg",
        "font/woff2",
        "application/pdf",
        "application/zip",
        "application/gzip",
        "application/octet-stream",
        "application/epub+zip",
        "multipart/x-mixed-replace;boundary=x",
        "text/event-stream",
    ],
)
async def test_bodies_that_hold_no_text_are_not_read(
    fetcher: Fetcher, server: RecordingServer, media_type: str
) -> None:
    async def endless(exchange: Exchange) -> object:
        await exchange.send(f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\n\r\nxxxx".encode())
        await exchange.until_hung_up()
        return True

    server.behaviour = endless
    page = fetched(await fetcher.fetch(server.url("/")))
    assert (page.body, page.wire_bytes) == (b"", 0)
    assert page.content_type == media_type.partition(";")[0]
    await server.until(lambda: server.open == 0)


async def test_a_small_picture_costs_no_connection_and_can_be_asked_for(
    fetcher: Fetcher, server: RecordingServer
) -> None:
    server.behaviour = answering(response(b"GIF89a", Content_Type="image/gif"))
    assert fetched(await fetcher.fetch(server.url("/"))).body == b""
    assert fetched(await fetcher.fetch(server.url("/"), any_type=True)).body == b"GIF89a"
    assert server.connections == 1


@pytest.mark.parametrize("media_type", ["text/plain", "application/json", "application/xml", "application/vnd.x", ""])
async def test_all_other_bodies_are_read(fetcher: Fetcher, server: RecordingServer, media_type: str) -> None:
    server.behaviour = answering(response(b"text", Content_Type=media_type))
    assert fetched(await fetcher.fetch(server.url("/"))).body == b"text"


async def test_a_body_can_be_cut(server: RecordingServer) -> None:
    fetcher = fetcher_with(max_bytes=1_000)
    server.behaviour = answering(response(gzip.compress(bytes(range(256)) * 4_000), Content_Encoding="gzip"))
    page = fetched(await fetcher.fetch(server.url("/"), cut_at=500))
    await fetcher.aclose()
    assert page.body == (bytes(range(256)) * 2)[:500]


async def test_any_transport_of_httpx_will_do() -> None:
    fetcher = fetcher_with(transport=httpx.MockTransport(lambda request: httpx.Response(200, text=request.url.path)))
    assert fetched(await fetcher.fetch("http://name.test/path")).body == b"/path"
    await fetcher.aclose()


# --- redirects --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_told_and_not_followed(fetcher: Fetcher, server: RecordingServer, status: int) -> None:
    server.behaviour = answering(response(status=f"{status} There", Location="https://Other.test/%c3%a4?x#y"))
    result = await fetcher.fetch(server.url("/"))
    assert isinstance(result, Redirected)
    assert (result.status, result.target) == (status, "https://other.test/%C3%A4?x")
    assert len(server.exchanges) == 1


@pytest.mark.parametrize(
    "location", ["", "ftp://other.test/", "javascript:alert(1)", "http://", "mailto:x@name.test", "#part"]
)
async def test_a_redirect_to_nowhere(fetcher: Fetcher, server: RecordingServer, location: str) -> None:
    server.behaviour = answering(response(status="302 Found", Location=location))
    result = failed(await fetcher.fetch(server.url("/")))
    assert (result.cause, result.status, result.retryable) == (Cause.BAD_REDIRECT, 302, False)


async def test_a_redirect_in_utf_8(fetcher: Fetcher, server: RecordingServer) -> None:
    server.behaviour = answering("HTTP/1.1 302 Found\r\nLocation: /ä\r\nContent-Length: 0\r\n\r\n".encode())
    result = await fetcher.fetch(server.url("/"))
    assert isinstance(result, Redirected)
    assert result.target == server.url("/%C3%A4")


# --- statuses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "cause", "retryable", "host_wide"),
    [
        (300, Cause.BAD_REDIRECT, False, False),
        (305, Cause.BAD_REDIRECT, False, False),
        (400, Cause.HTTP_CLIENT_ERROR, False, False),
        (401, Cause.FORBIDDEN, False, False),
        (403, Cause.FORBIDDEN, False, False),
        (404, Cause.NOT_FOUND, False, False),
        (408, Cause.HTTP_CLIENT_ERROR, True, False),
        (410, Cause.GONE, False, False),
        (418, Cause.HTTP_CLIENT_ERROR, False, False),
        (425, Cause.HTTP_CLIENT_ERROR, True, False),
        (429, Cause.RATE_LIMITED, True, True),
        (451, Cause.HTTP_CLIENT_ERROR, False, False),
        (500, Cause.HTTP_SERVER_ERROR, True, False),
        (503, Cause.HTTP_SERVER_ERROR, True, False),
        (599, Cause.HTTP_SERVER_ERROR, True, False),
        (206, Cause.PROTOCOL, False, False),
        (999, Cause.PROTOCOL, False, False),
    ],
)
async def test_a_status_that_brings_no_page(
    fetcher: Fetcher, server: RecordingServer, status: int, cause: Cause, retryable: bool, host_wide: bool
) -> None:
    server.behaviour = answering(response(status=f"{status} Whatever"))
    result = failed(await fetcher.fetch(server.url("/")))
    assert (result.cause, result.retryable, result.host_wide) == (cause, retryable, host_wide)
    assert result.retry_after_ms is None


@pytest.mark.parametrize("status", [429, 503])
async def test_a_host_that_says_when_to_come_back(fetcher: Fetcher, server: RecordingServer, status: int) -> None:
    server.behaviour = answering(response(status=f"{status} Later", Retry_After="120"))
    result = failed(await fetcher.fetch(server.url("/")))
    assert (result.retry_after_ms, result.host_wide, result.retryable) == (120_000, True, True)
    assert result.message == f"The server asked us to slow down ({status})."


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        ("0", 0),
        ("7", 7_000),
        ("0.5", 500),
        ("9999999999", 86_400_000),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        (email.utils.formatdate(1_700_000_060, usegmt=True), 60_000),
        (email.utils.formatdate(1_600_000_000, usegmt=True), 0),
        (email.utils.formatdate(2_700_000_000, usegmt=True), 86_400_000),
        ("Mon, 99 Foo 2024 00:00:00 GMT", None),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(value: str, milliseconds: int | None) -> None:
    assert retry_after_ms(value.encode(), 1_700_000_000_000) == milliseconds


# --- misbehaviour -----------------------------------------------------------------------------------------------------


async def reset_at_once(exchange: Exchange) -> object:
    exchange.reset()
    return True


async def reset_in_the_body(exchange: Exchange) -> object:
    await exchange.send(response(b"x" * 100)[:-50])
    exchange.reset()
    return True


async def reset_in_the_header(exchange: Exchange) -> object:
    await exchange.send(HEAD)
    exchange.reset()
    return True


async def endless_headers(exchange: Exchange) -> object:
    await exchange.send(HEAD)
    for number in range(10_000):
        await exchange.send(f"X-{number}: {number}\r\n".encode())
        if exchange.writer.transport.is_closing():
            break
    await exchange.until_hung_up()
    return True


async def endless_body(exchange: Exchange) -> object:
    await exchange.send(HEAD + b"\r\n")
    while not exchange.writer.transport.is_closing():
        await exchange.send(b"x" * 65_536)
        await asyncio.sleep(0)
    return True


def zipped(data: bytes, *, cut: int | None = None, encoding: str = "gzip") -> Behaviour:
    return answering(response(data[:cut], Content_Encoding=encoding))


@pytest.mark.parametrize(
    ("behaviour", "cause", "retryable"),
    [
        pytest.param(answering(b"", close=True), Cause.DISCONNECTED, True, id="no answer"),
        pytest.param(answering(b"HTTP/1.1 200 O", close=True), Cause.DISCONNECTED, True, id="half a status line"),
        pytest.param(answering(HEAD, close=True), Cause.DISCONNECTED, True, id="half a header"),
        pytest.param(reset_at_once, Cause.DISCONNECTED, True, id="reset at once"),
        pytest.param(reset_in_the_header, Cause.DISCONNECTED, True, id="reset in the header"),
        pytest.param(reset_in_the_body, Cause.DISCONNECTED, True, id="reset in the body"),
        pytest.param(
            answering(response(b"short", Content_Length="500"), close=True),
            Cause.DISCONNECTED,
            True,
            id="less than Content-Length",
        ),
        pytest.param(
            answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc", close=True),
            Cause.DISCONNECTED,
            True,
            id="a chunk cut short",
        ),
        pytest.param(
            answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", close=True),
            Cause.PROTOCOL,
            False,
            id="no chunk size",
        ),
        pytest.param(
            answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcdefgh\r\n0\r\n\r\n"),
            Cause.PROTOCOL,
            False,
            id="more than the chunk size",
        ),
        pytest.param(
            answering(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
            Cause.PROTOCOL,
            False,
            id="two lengths",
        ),
        pytest.param(answering(HEAD + b"Content-Length: -1\r\n\r\n"), Cause.PROTOCOL, False, id="a negative length"),
        pytest.param(answering(b"SSH-2.0-OpenSSH_9.2\r\n"), Cause.PROTOCOL, False, id="not HTTP"),
        pytest.param(answering(b"<html>no header</html>", close=True), Cause.PROTOCOL, False, id="HTTP/0.9"),
        pytest.param(answering(b"HTTP/1.1 abc OK\r\n\r\n"), Cause.PROTOCOL, False, id="no status"),
        pytest.param(answering(b"\x00" * 100), Cause.PROTOCOL, False, id="zeros"),
        pytest.param(answering(HEAD + b"X-A: a\x00b\r\n\r\n"), Cause.PROTOCOL, False, id="NUL in a header"),
        pytest.param(answering(HEAD + b"no colon\r\n\r\n"), Cause.PROTOCOL, False, id="a header without colon"),
        pytest.param(
            answering(HEAD + b"X-Long: " + b"x" * 150_000 + b"\r\n\r\n"), Cause.PROTOCOL, False, id="a 150 KB header"
        ),
        pytest.param(endless_headers, Cause.PROTOCOL, False, id="endless headers"),
        pytest.param(
            answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), Cause.PROTOCOL, False, id="another protocol"
        ),
        pytest.param(endless_body, Cause.TOO_LARGE, False, id="an endless body"),
        pytest.param(
            answering(response(b"", Content_Length="999999999")), Cause.TOO_LARGE, False, id="too large by its own word"
        ),
        pytest.param(zipped(gzip.compress(bytes(50_000_000))), Cause.DECODE, False, id="a gzip bomb"),
        pytest.param(
            zipped(zlib.compress(bytes(50_000_000)), encoding="deflate"), Cause.DECODE, False, id="a deflate bomb"
        ),
        pytest.param(zipped(gzip.compress(b"text" * 99), cut=-9), Cause.DECODE, False, id="gzip cut short"),
        pytest.param(zipped(gzip.compress(b"text" * 99), cut=1), Cause.DECODE, False, id="one byte of gzip"),
        pytest.param(zipped(b"plain text"), Cause.DECODE, False, id="gzip that is none"),
        pytest.param(zipped(b"\x0b\x02\x80text\x03", encoding="br"), Cause.DECODE, False, id="brotli"),
        pytest.param(zipped(b"\x28\xb5\x2f\xfd", encoding="zstd"), Cause.DECODE, False, id="zstd"),
        pytest.param(
            zipped(gzip.compress(gzip.compress(b"x")), encoding="gzip, gzip"), Cause.DECODE, False, id="gzip in gzip"
        ),
        pytest.param(zipped(gzip.compress(b"") * 5_000), Cause.DECODE, False, id="thousands of gzip members"),
    ],
)
async def test_misbehaviour(server: RecordingServer, behaviour: Behaviour, cause: Cause, retryable: bool) -> None:
    fetcher = fetcher_with(max_bytes=1_000_000, max_ratio=10)
    server.behaviour = behaviour
    result = failed(await fetcher.fetch(server.url("/?key=secret")))
    assert (result.cause, result.retryable, result.host_wide) == (cause, retryable, False)
    assert "secret" not in result.message
    assert result.message.endswith(".")
    assert len(server.exchanges) == 1
    # The next page is not touched by it.
    server.behaviour = answering(OK)
    assert fetched(await fetcher.fetch(server.url("/"))).body == b"ok"
    await fetcher.aclose()


async def test_more_than_content_length_never_becomes_part_of_a_page(fetcher: Fetcher, server: RecordingServer) -> None:
    server.behaviour = answering(response(b"abcdefgh", Content_Length="2"))
    result = await fetcher.fetch(server.url("/"))
    assert (isinstance(result, Fetched) and result.body == b"ab") or failed(result).cause == Cause.PROTOCOL
    server.behaviour = answering(OK)
    assert fetched(await fetcher.fetch(server.url("/"))).body == b"ok"


async def drip_a_body(exchange: Exchange) -> object:
    await exchange.send(response(b"", Content_Length="100000"))
    return await drip(exchange, b"x")


async def drip_headers(exchange: Exchange) -> object:
    await exchange.send(HEAD)
    return await drip(exchange, b"X: y\r\n")


async def drip_early_hints(exchange: Exchange) -> object:
    return await drip(exchange, b"HTTP/1.1 103 Early Hints\r\n\r\n")


async def drip(exchange: Exchange, drop: bytes) -> object:
    hung_up = asyncio.create_task(exchange.until_hung_up())
    while not hung_up.done():
        await exchange.send(drop)
        await asyncio.wait([hung_up], timeout=0.05)
    return True


@pytest.mark.parametrize("behaviour", [drip_a_body, drip_headers, drip_early_hints, Exchange.until_hung_up])
async def test_one_deadline_covers_everything(server: RecordingServer, behaviour: Behaviour) -> None:
    fetcher = fetcher_with(total_seconds=1.0)
    server.behaviour = behaviour
    async with asyncio.timeout(5):
        result = failed(await fetcher.fetch(server.url("/")))
    assert (result.cause, result.retryable) == (Cause.TIMEOUT, True)
    assert result.message == "The page was not complete after 1 seconds."
    assert result.elapsed_ms >= 950
    await server.until(lambda: server.open == 0)
    await fetcher.aclose()


async def test_a_dead_end_is_known_before_its_body_has_dripped_in(server: RecordingServer, fetcher: Fetcher) -> None:
    async def drip_a_404(exchange: Exchange) -> object:
        await exchange.send(response(b"", status="404 Not Found", Content_Length="1000"))
        return await drip(exchange, b"x")

    server.behaviour = drip_a_404
    async with asyncio.timeout(8):
        assert failed(await fetcher.fetch(server.url("/"))).cause == Cause.NOT_FOUND


# --- no connection ----------------------------------------------------------------------------------------------------


async def test_a_port_where_nobody_listens(fetcher: Fetcher) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        result = failed(await fetcher.fetch(f"http://127.0.0.1:{port}/"))
    assert (result.cause, result.retryable, result.host_wide) == (Cause.CONNECT, True, True)
    assert result.message == "The server refused the connection."


async def test_a_server_that_does_not_accept(server: RecordingServer) -> None:
    def slow(host: str) -> Sequence[str]:
        waiting.wait(5)
        return ["127.0.0.1"]

    waiting = threading.Event()
    fetcher = fetcher_with(transport=AiohttpTransport(lookup=slow), connect_seconds=0.1)
    result = failed(await fetcher.fetch("http://name.test/"))
    waiting.set()
    await fetcher.aclose()
    assert (result.cause, result.retryable, result.host_wide) == (Cause.TIMEOUT, True, True)


async def test_an_unknown_name() -> None:
    def lookup(host: str) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    fetcher = fetcher_with(transport=AiohttpTransport(lookup=lookup))
    result = failed(await fetcher.fetch("http://name.test:8080/"))
    await fetcher.aclose()
    assert (result.cause, result.retryable, result.host_wide) == (Cause.DNS, True, True)
    assert result.message == "The name “name.test:8080” could not be found."


@pytest.mark.parametrize(
    "url",
    [
        "http://xn--/",
        "http://" + "a" * 70 + ".test/",
        "http://a..b/",
        "http://%zz/",
        "http:///",
        "http://h:99999/",
        "x",
        "http://127.0.0.1/ä",
        "ftp://name.test/",
        "http://na me.test/",
        "http://name.test/\r\nX: y",
    ],
)
async def test_what_is_no_address_is_a_failure_too(url: str) -> None:
    fetcher = fetcher_with()
    result = failed(await fetcher.fetch(url))
    await fetcher.aclose()
    assert result.cause in (Cause.BAD_URL, Cause.DNS)


async def test_a_header_that_cannot_be_sent(fetcher: Fetcher, server: RecordingServer) -> None:
    result = failed(await fetcher.fetch(server.url("/"), {"If-None-Match": "a\r\nX-Injected: 1"}))
    assert result.cause == Cause.BAD_URL
    assert server.exchanges == []


async def test_our_own_mistakes_are_values_too(clock: ManualClock) -> None:
    class Broken(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise ZeroDivisionError("a secret")

    result = failed(await fetcher_with(transport=Broken(), clock=clock).fetch("http://name.test/"))
    assert result.cause == Cause.EXECUTOR_ERROR
    assert "secret" not in result.message


async def test_closed_means_closed(server: RecordingServer) -> None:
    fetcher = fetcher_with()
    await fetcher.aclose()
    assert failed(await fetcher.fetch(server.url("/"))).cause == Cause.DISCONNECTED
