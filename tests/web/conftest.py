from collections.abc import AsyncIterator

import pytest

from quaero_desktop.web.fetcher import Fetcher
from tests.support.clock import ManualClock
from tests.support.recording_server import server as server
from tests.web.helpers import fetcher_with


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def fetcher(clock: ManualClock) -> AsyncIterator[Fetcher]:
    fetcher = fetcher_with(clock=clock)
    yield fetcher
    await fetcher.aclose()
