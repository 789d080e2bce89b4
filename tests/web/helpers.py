"""What the tests of the web share."""

from typing import Any

import httpx

from quaero_desktop.domain.pages import FetchLimits
from quaero_desktop.infra.clock import Clock, SystemClock
from quaero_desktop.web.fetcher import Fetcher


def fetcher_with(
    *, clock: Clock | None = None, transport: httpx.AsyncBaseTransport | None = None, **limits: Any
) -> Fetcher:
    """Return a fetcher with ordinary limits but for those given."""
    return Fetcher(
        user_agent="Quaero/1.0",
        limits=FetchLimits(**{"total_seconds": 10.0, **limits}),
        transport=transport,
        clock=clock or SystemClock(),
    )
