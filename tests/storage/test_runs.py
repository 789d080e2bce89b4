"""Runs of definitions as the ledger keeps them (J3, J4, J5, J10): one root, whose steps follow each other.

Every test here ends with the invariants of the whole library verified (the fixture `library` does that).
"""

from typing import Any

import msgspec
import pytest

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import Definition, ErrorTolerance, Step, StepState
from quaero_desktop.domain.errors import NotAllowedError, NotFoundError, RootClosedError, StaleReceiptError
from quaero_desktop.domain.jobs import Cause, Job, JobType, SkipReason
from quaero_desktop.domain.outcomes import CorpusSummary, Failed, Part, Recorded, Refusal, Transformed
from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.domain.ports import Assignment
from quaero_desktop.domain.queue import NO_PACE
from quaero_desktop.domain.rulechange import RuleChanges
from quaero_desktop.storage import queries
from quaero_desktop.storage.deletion import Deletions
from quaero_desktop.storage.ledger import Ledger
from tests.support.outcomes import parsed, stored

SITE = "https://site.test/"
DEFAULTS = CrawlConfig(seeds=(), max_attempts=1)
BROKEN = Failed(cause=Cause.NOT_FOUND, message="There is no such page (404).", status=404)
DONE = Recorded(result={}, message="Done")


def crawl(name: str = "Crawl docs", *starts: str, on_error: str = "fail", **config: Any) -> Step:
    """A step that crawls the pages *starts* of the site, else its first one."""
    urls = [SITE + start for start in starts or ("a",)]
    return Step(name=name, action="crawl", on_error=on_error, config={"start_urls": urls, **config})


def step(action: str, name: str = "", on_error: str = "fail", **config: Any) -> Step:
    return Step(name=name or action.capitalize(), action=action, on_error=on_error, config=config)


class Bench:
    """A ledger, the definitions made for a test, and what can be read of their runs."""

    def __init__(self, library: Any, ledger: Ledger, clock: Any) -> None:
        self.library = library
        self.ledger = ledger
        self.clock = clock

    async def define(self, *steps: Step, name: str = "Nightly docs", enabled: bool = True, **fields: Any) -> int:
        """Store a definition as its row, whatever a service would say about it, and return its id."""
        body = msgspec.json.encode(Definition(name=name, steps=steps, **fields)).decode()
        sql = (
            "INSERT INTO definitions (name, body, enabled, created_at, updated_at) VALUES (?, ?, ?, 0, 0) RETURNING id"
        )
        return int(await self.library.write(lambda tx: tx.value(sql, (name, body, int(enabled)))))

    async def run(self, *steps: Step, **fields: Any) -> int:
        """Start a run of a new definition with these steps."""
        return await self.ledger.start_run(await self.define(*steps, **fields), DEFAULTS)

    async def take(self, n: int = 100) -> list[Assignment]:
        return list((await self.ledger.receive(n, NO_PACE)).assignments)

    async def take_one(self, job_type: str | None = None) -> Assignment:
        (one,) = await self.take()
        assert job_type is None or one.job.type == job_type
        return one

    async def validated(self) -> Assignment:
        """Complete the check of a crawl's start and return the one page that it starts from."""
        check, page = sorted(await self.take(), key=lambda each: each.job.type, reverse=True)
        assert check.job.type == JobType.VALIDATE
        await self.ledger.complete(check.delivery.receipt, DONE)
        return page

    async def complete(self, assignment: Assignment, outcome: Any = DONE) -> Any:
        return await self.ledger.complete(assignment.delivery.receipt, outcome)

    async def store(self, assignment: Assignment, *links: str) -> Any:
        assert assignment.job.url is not None
        page = stored(assignment.job.url, links=[SITE + link for link in links])
        return await self.ledger.complete(assignment.delivery.receipt, page)

    async def fail(self, assignment: Assignment, failure: Failed = BROKEN) -> Any:
        return await self.ledger.fail(assignment.delivery.receipt, failure)

    async def crawl_through(self) -> None:
        """Do a crawl step whose one page links nowhere."""
        await self.store(await self.validated())

    async def job(self, job_id: int) -> Job:
        return await self.library.read(lambda connection: queries.job(connection, job_id))

    async def steps(self, root_id: int) -> tuple[StepState, ...]:
        now = self.clock.now_ms()
        details = await self.library.read(lambda connection: queries.root_details(connection, root_id, now=now))
        return details.steps

    async def statuses(self, root_id: int) -> list[str]:
        return [state.status for state in await self.steps(root_id)]

    async def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return await self.library.read(lambda connection: connection.execute(sql, parameters).fetchall())

    async def children(self, root_id: int) -> list[tuple[int, str, str, str]]:
        return await self.rows("SELECT step, type, phase, status FROM jobs WHERE parent_id = ? ORDER BY id", root_id)

    async def log(self, root_id: int) -> list[str]:
        return [
            text for (text,) in await self.rows("SELECT message FROM job_logs WHERE job_id = ? ORDER BY id", root_id)
        ]


@pytest.fixture
def bench(library, ledger, clock):
    return Bench(library, ledger, clock)


# --- J3: one root, no wrapper -----------------------------------------------------------------------------------------


async def test_J3_a_run_is_one_root_whose_steps_are_its_children(bench):
    definition = await bench.define(crawl(), step("reindex"))
    root = await bench.ledger.start_run(definition, DEFAULTS)
    assert await bench.children(root) == [(1, "validate", "pre", "pending"), (1, "crawler_url", "core", "pending")]
    await bench.crawl_through()
    assert (await bench.job(root)).status == "running"
    await bench.complete(await bench.take_one(JobType.REINDEX))
    job = await bench.job(root)
    assert (job.status, job.type, job.name, job.definition_id, job.warnings) == (
        "completed", "definition_run", "Nightly docs", definition, 0,
    )  # fmt: skip
    assert await bench.children(root) == [
        (1, "validate", "pre", "completed"),
        (1, "crawler_url", "core", "completed"),
        (2, "reindex", "post", "completed"),
    ]
    assert await bench.rows("SELECT count(*) FROM jobs WHERE parent_id IS NULL") == [(1,)]
    assert f"(definition {definition})" in (await bench.log(root))[0]


async def test_J4_a_step_begins_in_the_transaction_that_ended_the_one_before(bench):
    root = await bench.run(crawl(), step("reindex"))
    page = await bench.validated()
    before = (await bench.rows("SELECT revision FROM library"))[0][0]
    await bench.store(page)
    assert await bench.rows("SELECT revision FROM jobs WHERE type = 'reindex'") == [(before + 1,)]
    assert await bench.statuses(root) == ["completed", "running"]
