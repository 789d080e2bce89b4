"""A real server: keep-alive connections that it closes when it likes never show as failed pages."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from quaero_desktop.domain.pages import Fetched
from tests.support import nginx
from tests.web.helpers import fetcher_with

pytestmark = pytest.mark.sites


async def test_three_thousand_pages_over_connections_that_nginx_closes_after_a_thousand(
    serve_folder: Callable[[Path], nginx.Site], tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text("<p>quaero</p>" * 100)
    site = serve_folder(tmp_path)
    fetcher = fetcher_with()
    numbers = iter(range(3_000))

    async def work() -> None:
        for number in numbers:
            result = await fetcher.fetch(f"{site.url}page.html?{number}")
            assert isinstance(result, Fetched), result
            assert len(result.body) == 1_300

    await asyncio.gather(work(), work())
    await fetcher.aclose()
    assert sorted(int(request.path.partition("?")[2]) for request in site.requests()) == list(range(3_000))
