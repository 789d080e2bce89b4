"""A small library with something of everything: an ended crawl, and one that is under way."""

from pathlib import Path

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.jobs import Cause, SkipReason
from quaero_desktop.domain.outcomes import Failed, Recorded, Refusal, Stored
from quaero_desktop.domain.ports import NewRoot
from quaero_desktop.domain.queue import NO_PACE
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.verify import VerifyReport
from tests.support.outcomes import redirected, stored

SITE = "https://site.test/"
OPEN_ROOT_URLS = ("https://other.test/one", "https://other.test/two")


async def populate(ledger: Ledger) -> None:
    """Crawl a site to its end (stored, duplicated, failed, redirected and refused pages) and begin another."""
    pages: dict[str, Stored | Recorded | Failed] = {
        SITE: stored(
            SITE,
            "The start",
            [SITE + name for name in ("a", "b", "gone", "moved")],
            refused=[Refusal("https://elsewhere.test/", SkipReason.SCOPE, "host")],
        ),
        SITE + "a": stored(SITE + "a", "The same text"),
        SITE + "b": stored(SITE + "b", "The same text"),
        SITE + "gone": Failed(cause=Cause.NOT_FOUND, message="There is no such page (404).", status=404),
        SITE + "moved": redirected(SITE + "new"),
        SITE + "new": stored(SITE + "new", "Where it moved to"),
    }
    await ledger.start(NewRoot(name="site.test", config=CrawlConfig(seeds=(SITE,))))
    while assignments := (await ledger.receive(1, NO_PACE)).assignments:
        (assignment,) = assignments
        outcome = pages[assignment.job.url or ""]
        if isinstance(outcome, Failed):
            await ledger.fail(assignment.delivery.receipt, outcome)
        else:
            await ledger.complete(assignment.delivery.receipt, outcome)
    await ledger.start(NewRoot(name="other.test", config=CrawlConfig(seeds=OPEN_ROOT_URLS)))
    await ledger.receive(1, NO_PACE)


def assert_sound(report: VerifyReport) -> None:
    """Fail with a line for each invariant of the library that does not hold."""
    assert report.ok, "\n".join(f"{check.name}: {check.detail}" for check in report.checks if not check.ok)


def listing(folder: Path) -> dict[str, bytes]:
    """Return the files below *folder* by name, with their bytes; only for libraries that this process has not open."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
