"""What became too old, while it is looked for and deleted: somebody may use it again at any moment."""

from collections.abc import Callable
from typing import Any

import pytest

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.outcomes import Failed
from quaero_desktop.domain.ports import NewRoot
from quaero_desktop.domain.queue import NO_PACE
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.retention import OldThings

DAY = 86_400


@pytest.fixture
async def ended(library: Database, ledger: Ledger, clock: Any) -> int:
    """A crawl that failed a day ago; the lines of its log are all too old."""
    root_id = await ledger.start(NewRoot(name="site", config=CrawlConfig(seeds=("https://site.test/",))))
    [page] = (await ledger.receive(1, NO_PACE)).assignments
    await ledger.fail(page.delivery.receipt, Failed(cause=Cause.NOT_FOUND, message="There is no such page (404)."))
    clock.advance(DAY)
    return root_id


async def lines(library: Database) -> int:
    return (await library.read(lambda connection: connection.execute("SELECT count(*) FROM job_logs").fetchone()))[0]


async def audited(library: Database) -> list[tuple[Any, ...]]:
    sql = "SELECT job_id, detail ->> '$.lines' FROM audit WHERE action = 'logs.expired'"
    return await library.read(lambda connection: connection.execute(sql).fetchall())


def between(library: Database, monkeypatch: pytest.MonkeyPatch, happen: Callable[[], Any]) -> None:
    """Let something happen when the lines have been found, and before they are deleted."""
    real = library.read_interruptibly

    async def read(function: Any) -> Any:
        found = await real(function)
        if read.asked:  # type: ignore[attr-defined]
            await happen()
        read.asked = True  # type: ignore[attr-defined]
        return found

    read.asked = False  # type: ignore[attr-defined]
    monkeypatch.setattr(library, "read_interruptibly", read)


async def test_old_lines_of_what_has_ended_go_and_the_audit_tells_how_many(library, clock, ended) -> None:
    many = await lines(library)
    assert await OldThings(library).delete_lines(clock.now_ms()) == many > 0
    assert await lines(library) == 0
    assert await audited(library) == [(ended, many)]


async def test_the_log_of_what_is_tried_again_this_very_moment_stays(
    library, ledger, clock, ended, monkeypatch
) -> None:
    before = await lines(library)

    async def try_again() -> None:
        await ledger.retry(ended)

    between(library, monkeypatch, try_again)
    assert await OldThings(library).delete_lines(clock.now_ms()) == 0
    assert await lines(library) >= before
    assert await audited(library) == []


async def test_lines_that_went_by_themselves_meanwhile_are_not_counted(library, clock, ended, monkeypatch) -> None:
    async def go() -> None:
        await library.write(lambda tx: tx.execute("DELETE FROM job_logs"))

    between(library, monkeypatch, go)
    assert await OldThings(library).delete_lines(clock.now_ms()) == 0
    assert await audited(library) == []
