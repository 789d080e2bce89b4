"""Crawls of the public web that somebody tries to lead into the person's own network."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.jobs import Cause, Status
from quaero_desktop.engine.roots import RootContext
from quaero_desktop.web import fetcher, names, transport
from quaero_desktop.web.names import Address
from quaero_desktop.web.transport import AiohttpTransport
from tests.support.crawling import IMPATIENT, crawl, library, page, pages_of, redirect, site
from tests.support.recording_server import RecordingServer, response

Resolve = Callable[[Callable[[str], Sequence[str]]], None]


@pytest.fixture
def resolve_with(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Let names be looked up by a function; 127.0.0.1, where the test's own server is, stands for the public web."""

    def is_public(address: Address) -> bool:
        return str(address) == "127.0.0.1"

    def install(lookup: Callable[[str], Sequence[str]]) -> None:
        class Injected(AiohttpTransport):
            def __init__(self, *, connections: int, max_header_bytes: int) -> None:
                super().__init__(connections=connections, max_header_bytes=max_header_bytes, lookup=lookup)

        monkeypatch.setattr(fetcher, "AiohttpTransport", Injected)
        monkeypatch.setattr(names, "is_public", is_public)
        monkeypatch.setattr(transport, "is_public", is_public)

    return install


def by_name(host: str) -> list[str]:
    return ["10.0.0.1"] if host.startswith(("inner.", "intranet.")) else ["127.0.0.1"]


SPELLINGS = (
    "http://10.1/",
    "http://0xa000001/",
    "http://167772161/",
    "http://012.0.0.1/",
    "http://[::ffff:10.0.0.1]/",
    "http://[64:ff9b::a00:1]/",
    "http://[fd00::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://0.0.0.0/",
    "http://inner.test/",
)


@pytest.mark.parametrize("target", SPELLINGS)
async def test_a_public_seed_that_redirects_to_a_private_address(
    tmp_path: Path, resolve_with: Resolve, target: str
) -> None:
    resolve_with(by_name)
    async with RecordingServer().running() as server, library(tmp_path, IMPATIENT) as services:
        server.behaviour = site({"/": redirect(target)})
        port = server.origin.rpartition(":")[2]
        details = await crawl(services, f"http://public.test:{port}/")
        assert details.job.status == Status.FAILED
        assert details.root is not None
        assert details.root.failures == {Cause.ADDRESS_REFUSED: 1}
        assert "private address" in (details.job.error or "")


async def test_a_public_seed_that_links_to_a_private_address(tmp_path: Path, resolve_with: Resolve) -> None:
    resolve_with(by_name)
    async with RecordingServer().running() as server, library(tmp_path, IMPATIENT) as services:
        port = server.origin.rpartition(":")[2]
        inner = f"http://inner.public.test:{port}/"
        server.behaviour = site({"/": page(inner, "/more"), "/more": page()})
        details = await crawl(services, f"http://public.test:{port}/", scope="domain")
        assert details.root is not None
        assert (details.root.documents, details.root.failures) == (2, {Cause.ADDRESS_REFUSED: 1})


async def test_a_public_seed_whose_name_means_something_else_later(
    tmp_path: Path, resolve_with: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "_KEEP_SECONDS", 0.0)
    private = False

    def lookup(host: str) -> Sequence[str]:
        return ["10.0.0.1"] if private else ["127.0.0.1"]

    resolve_with(lookup)
    async with RecordingServer().running() as server, library(tmp_path, IMPATIENT) as services:
        answers = site({"/": page("/router")})

        async def answer(exchange: object) -> object:
            nonlocal private
            private = True
            await answers(exchange)  # type: ignore[arg-type]
            return True

        server.behaviour = answer
        port = server.origin.rpartition(":")[2]
        details = await crawl(services, f"http://rebind.test:{port}/", obey_robots=False)
        pages = await pages_of(services, details.job.id)
        assert pages["/"].status == Status.COMPLETED
        assert pages["/router"].cause == Cause.ADDRESS_REFUSED
        assert server.targets == ["/"]


async def test_a_private_seed_is_crawled(tmp_path: Path) -> None:
    async with RecordingServer().running() as server, library(tmp_path, IMPATIENT) as services:
        server.behaviour = site({"/": page("/a"), "/a": response(b"<p>The intranet</p>")})
        details = await crawl(services, server.url("/"))
        assert details.root is not None
        assert details.root.documents == 2


def context(*seeds: str) -> RootContext:
    return RootContext(1, CrawlConfig(seeds=seeds), seeds)


async def allowed(root: RootContext, url: str, private: dict[str, bool | None]) -> bool:
    async def is_private(url: str) -> bool | None:
        return private[url]

    return await root.allows_private(url, is_private)


PUBLIC, INTRANET = "http://public.test/", "http://intranet.test/"


async def test_private_addresses_are_for_what_a_private_seed_stands_for() -> None:
    kinds: dict[str, bool | None] = {PUBLIC: False, INTRANET: True}
    assert not await allowed(context(PUBLIC), PUBLIC + "a", kinds)
    assert not await allowed(context(PUBLIC), "http://elsewhere.test/", kinds)
    assert await allowed(context(INTRANET), INTRANET + "a", kinds)
    # Where a private seed leads to is the person's own network again.
    assert await allowed(context(INTRANET), "http://elsewhere.test/", kinds)
    # With both, a private address is for the private seed's own pages only.
    assert not await allowed(context(INTRANET, PUBLIC), PUBLIC, kinds)
    assert await allowed(context(INTRANET, PUBLIC), INTRANET, kinds)
    assert not await allowed(context(INTRANET, PUBLIC), "http://elsewhere.test/", kinds)


async def test_what_a_seed_redirects_to_does_not_count_as_a_seed() -> None:
    root = context(PUBLIC)
    root.widen(INTRANET)
    assert not await allowed(root, INTRANET, {PUBLIC: False, INTRANET: True})


async def test_the_kind_of_a_seed_is_decided_once_when_it_is_first_known() -> None:
    root = context(PUBLIC)
    assert not await allowed(root, PUBLIC, {PUBLIC: None})
    assert not await allowed(root, PUBLIC, {PUBLIC: False})
    assert not await allowed(root, PUBLIC, {PUBLIC: True})
    root = context(INTRANET)
    assert not await allowed(root, INTRANET, {INTRANET: None})
    assert await allowed(root, INTRANET, {INTRANET: True})
    assert await allowed(root, INTRANET, {INTRANET: False})
