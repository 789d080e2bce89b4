"""An engine that is put together when it first runs: what fetches and parses takes a third of a second to import."""

import asyncio
import importlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from quaero_desktop.domain.events import EngineNotice
from quaero_desktop.domain.ports import SchedulePort
from quaero_desktop.infra.clock import Clock
from quaero_desktop.infra.secrets import SecretStore
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.infra.tasks import to_the_end
from quaero_desktop.storage.ledger import Ledger

if TYPE_CHECKING:
    from quaero_desktop.engine.executors.cleanup import CleansUp
    from quaero_desktop.engine.pool import PoolReport
    from quaero_desktop.services.engine import Engine

_ENGINE = "quaero_desktop.services.engine"


class LaterEngine:
    """Does what :class:`quaero_desktop.services.engine.Engine` does, for a window that wants to be seen first.

    Before :meth:`run` nothing can run, so nothing has to be told.

    Args:
        ledger: the library's ledger, recovered.
        settings: those in force.
        clock: time.
        notify: told of things that a person should know.
        secrets: what sites that ask for a sign-in are shown.
    """

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        clock: Clock,
        notify: Callable[[EngineNotice], None],
        secrets: SecretStore,
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._notify = notify
        self._secrets = secrets
        self._engine: Engine | None = None
        self._attached: tuple[CleansUp, SchedulePort] | None = None
        self._stops = 0

    def attach(self, clean_up: "CleansUp", schedules: SchedulePort) -> None:
        """Use what was put together after this; see the engine's own ``attach``."""
        self._attached = clean_up, schedules

    def definitions_changed(self) -> None:
        """Look at the schedules now: a definition is new or different."""
        if self._engine is not None:
            self._engine.definitions_changed()

    async def run(
        self, *, workers: int | None = None, until_idle: bool = False, only: frozenset[int] | None = None
    ) -> "PoolReport":
        """Put the engine together and run jobs; see the engine's own ``run``."""
        if self._engine is None:
            make = await to_the_end(_imported())
            self._engine = make(self._ledger, self._settings, self._clock, self._notify, self._secrets)
            if self._attached is not None:
                self._engine.attach(*self._attached)
            for _ in range(self._stops):
                self._engine.stop()
        return await self._engine.run(workers=workers, until_idle=until_idle, only=only)

    def stop(self) -> None:
        """Take no more jobs and end; a second call skips the grace of those that run."""
        self._stops += 1
        if self._engine is not None:
            self._engine.stop()

    def apply(self, settings: Settings) -> None:
        """Go on with other settings where that is possible."""
        self._settings = settings
        if self._engine is not None:
            self._engine.apply(settings)

    def poke(self) -> None:
        """Look at the queue now: something new may be ready."""
        if self._engine is not None:
            self._engine.poke()

    def queued(self) -> None:
        """Look at the queue now, since a person wants something."""
        if self._engine is not None:
            self._engine.queued()

    async def credentials_changed(self) -> None:
        """Show sites the credentials that their sources have now."""
        if self._engine is not None:
            await self._engine.credentials_changed()

    def cancel(self, job_id: int) -> None:
        """Stop at once what runs of a job that was cancelled."""
        if self._engine is not None:
            self._engine.cancel(job_id)

    async def rules_changed(self, root_id: int) -> None:
        """Go on with a crawl under its rules of now."""
        if self._engine is not None:
            await self._engine.rules_changed(root_id)

    async def close(self) -> None:
        """Close what was opened. The run must have ended."""
        if self._engine is not None:
            await self._engine.close()


async def _imported() -> "type[Engine]":
    """Import the engine on a thread, so that the window can be used meanwhile."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    problem: list[BaseException] = []

    def work() -> None:
        try:
            importlib.import_module(_ENGINE)
        except BaseException as error:
            problem.append(error)
        loop.call_soon_threadsafe(done.set_result, None)

    thread = threading.Thread(target=work, name="import of the engine")
    thread.start()
    await done
    thread.join()
    if problem:
        raise problem[0]
    from quaero_desktop.services.engine import Engine

    return Engine
