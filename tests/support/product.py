"""The fixtures of whoever tests the whole headless product."""

from collections.abc import AsyncIterator

import pytest

from quaero_desktop.services import engine
from quaero_desktop.services.compose import Services
from tests.support.crawling import ParserHere, library


@pytest.fixture
def parser_here(monkeypatch) -> None:
    """Pages are parsed in this process."""
    monkeypatch.setattr(engine, "ParseRunner", ParserHere)


@pytest.fixture
async def services(tmp_path, parser_here) -> AsyncIterator[Services]:
    """A new library with an engine whose retries come at once; it is sound when the test is over."""
    async with library(tmp_path / "library") as services:
        yield services
