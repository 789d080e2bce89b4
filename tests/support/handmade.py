"""Crawls made by hand: every page ends as the test says, without a server, a request or a worker."""

from collections.abc import Mapping, Sequence

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.outcomes import Failed, Recorded, Stored
from quaero_desktop.domain.ports import NewRoot
from quaero_desktop.domain.queue import NO_PACE
from quaero_desktop.services.compose import Services
from quaero_desktop.storage.ledger import Ledger

SITE = "https://docs.site.test/"

Outcomes = Mapping[str, Stored | Recorded | Failed]


def ledger_of(services: Services) -> Ledger:
    """Return the ledger behind the services of a library that is open for writing."""
    return services.jobs._ledger


async def begin(
    services: Services, seeds: Sequence[str] = (SITE,), name: str = "docs.site.test", **config: object
) -> int:
    """Start a crawl and return its root; nothing runs it."""
    return await ledger_of(services).start(NewRoot(name=name, config=CrawlConfig(seeds=tuple(seeds), **config)))  # type: ignore[arg-type]


async def go_on(services: Services, outcomes: Outcomes, most: int | None = None) -> int:
    """Let pages end as *outcomes* says, by URL, at most so many; return how many did."""
    ledger = ledger_of(services)
    ended = 0
    while (most is None or ended < most) and (given := (await ledger.receive(1, NO_PACE)).assignments):
        (assignment,) = given
        outcome = outcomes[assignment.job.url or ""]
        if isinstance(outcome, Failed):
            await ledger.fail(assignment.delivery.receipt, outcome)
        else:
            await ledger.complete(assignment.delivery.receipt, outcome)
        ended += 1
    return ended


def failed(cause: Cause, message: str, status: int | None = None) -> Failed:
    """Return the failure of a page that is not tried again."""
    return Failed(cause=cause, message=message, status=status)
