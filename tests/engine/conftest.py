"""A worker pool over a real library, with executors that do as the test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.events import EngineNotice
from quaero_desktop.domain.jobs import JobRef
from quaero_desktop.domain.outcomes import Outcome
from quaero_desktop.domain.ports import LedgerPort, NewRoot
from quaero_desktop.engine.executors.registry import Registry
from quaero_desktop.engine.pool import PoolReport, WorkerPool
from quaero_desktop.engine.roots import RootContext
from quaero_desktop.infra.clock import SystemClock
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.storage import migrate
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.jobs.backoff import Backoff
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.queries import jobrows
from quaero_desktop.storage.queue import Queue
from quaero_desktop.storage.verify import verify_library
from quaero_desktop.web.politeness import Politeness
from tests.support.outcomes import stored
from tests.support.product import parser_here as parser_here
from tests.support.product import services as services
from tests.support.recording_server import server as server

SITE = "https://site.test"


class Scripted:
    """An executor that counts, and performs what the test says.

    Attributes:
        started: the paths of the jobs that it began, in order.
        cancelled: the paths of those that were cancelled.
        at_once, most_at_once: how many run, and the most that ever did.
    """

    def __init__(self, behaviour: Callable[[JobRef], Awaitable[Outcome]]) -> None:
        self.behaviour = behaviour
        self.started: list[str] = []
        self.cancelled: list[str] = []
        self.at_once = 0
        self.most_at_once = 0

    async def run(self, job: JobRef, root: RootContext) -> Outcome:
        path = (job.url or "").removeprefix(SITE)
        self.started.append(path)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self.behaviour(job)
        except asyncio.CancelledError:
            self.cancelled.append(path)
            raise
        finally:
            self.at_once -= 1


async def store(job: JobRef) -> Outcome:
    """Store the page, after a turn of the loop."""
    await asyncio.sleep(0)
    assert job.url is not None
    return stored(job.url)


async def never(job: JobRef) -> Outcome:
    """Work on it until cancelled."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("unreachable")


class Bench:
    """A library, its ledger and a pool.

    Attributes:
        database, ledger, pool, executor: what is tested.
        notices: what the pool said.
        is_sound: whether the library is to be verified at the end.
    """

    def __init__(self, database: Database, *, lease_ms: int) -> None:
        self.database = database
        self.lease_ms = lease_ms
        self.is_sound = True
        self.ledger = Ledger(database, Queue(owner="this run", lease_ms=lease_ms), backoff=Backoff(1, 5))
        self.notices: list[EngineNotice] = []
        self.executor: Scripted
        self.pool: WorkerPool

    def build(
        self,
        behaviour: Callable[[JobRef], Awaitable[Outcome]] = store,
        *,
        ledger: LedgerPort | None = None,
        **options: Any,
    ) -> WorkerPool:
        """Put a pool together whose pages are performed by *behaviour*."""
        clock = SystemClock()
        self.executor = Scripted(behaviour)
        registry = Registry()
        registry.register("crawler_url", self.executor)
        self.pool = WorkerPool(
            ledger or self.ledger,
            registry,
            Politeness(clock, 0, 0),
            clock,
            lease_ms=self.lease_ms,
            notify=self.notices.append,
            **options,
        )
        return self.pool

    async def start(self, *paths: str, **config: Any) -> int:
        """Start a root with a seed for each path, and return its id."""
        seeds = tuple(SITE + path for path in paths)
        settings: dict[str, Any] = {"per_host": 64, "delay_ms": 0, "max_attempts": 2} | config
        return await self.ledger.start(NewRoot(name="a root", config=CrawlConfig(seeds=seeds, **settings)))

    async def run(self, **options: Any) -> PoolReport:
        """Run the pool until nothing is left to do."""
        return await self.pool.run(until_idle=True, **options)

    async def do(self, sql: str, *parameters: object) -> None:
        """Change the library behind the pool's back."""
        await self.database.write(lambda tx: tx.execute(sql, parameters))

    async def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Look into the library."""
        return await self.database.read(lambda connection: connection.execute(sql, parameters).fetchall())

    async def status(self, root_id: int) -> str:
        """Return the status of a job."""
        job = await self.database.read(lambda connection: jobrows.job(connection, root_id))
        return job.status


@pytest.fixture
def lease_ms() -> int:
    """How long a lease lasts; parametrise it to change it."""
    return 60_000


@pytest.fixture
async def bench(tmp_path, lease_ms) -> AsyncIterator[Bench]:
    """A new library with its ledger; it is sound when the test is over."""
    clock = SystemClock()
    files = LibraryFiles(tmp_path)
    migrate.create(files.database, clock.now_ms())
    database = Database(files.database, clock=clock)
    await database.open()
    try:
        bench = Bench(database, lease_ms=lease_ms)
        yield bench
        if not bench.is_sound:
            return
        report = await verify_library(database)
        assert report.ok, "\n".join(f"{check.name}: {check.detail}" for check in report.checks if not check.ok)
    finally:
        await database.close()
