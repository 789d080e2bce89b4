"""The scheduler: starts runs of definitions when their schedules say so, and those that start with Quaero (J4).

It goes by the time of day and remembers in the library up to when the moments of each schedule are dealt with. So
whatever was missed while Quaero did not run, the machine slept or its clock was put forward is made up for by one run,
and a clock that is put back repeats nothing.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import tzinfo

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.errors import FieldError, LibraryError
from quaero_desktop.domain.events import EngineNotice
from quaero_desktop.domain.ports import Scheduled, SchedulePort, Turn
from quaero_desktop.domain.schedule import following
from quaero_desktop.infra.clock import Clock

_log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
"""How long it waits at most: timers stand still while a machine sleeps, and know nothing of a clock that was put."""
_CORRECTION_MS = 3 * 3_600_000
"""A clock that is put back by more was wrong before, and what was dealt with under it counts no more (as cron does)."""


class Scheduler:
    """Starts what is due.

    Args:
        port: the definitions.
        clock: time.
        zone: whose times of day the schedules mean, of now.
        defaults: what a crawl starts with by the settings of now.
        started: called after a run was started.
        notify: told of what a person should know.
    """

    def __init__(
        self,
        port: SchedulePort,
        clock: Clock,
        zone: Callable[[], tzinfo],
        defaults: Callable[[], CrawlConfig],
        *,
        started: Callable[[], None] = lambda: None,
        notify: Callable[[EngineNotice], None] = lambda _: None,
    ) -> None:
        self._port = port
        self._clock = clock
        self._zone = zone
        self._defaults = defaults
        self._started = started
        self._notify = notify
        self._wake = asyncio.Event()
        self._first: list[Scheduled] | None = None

    def changed(self) -> None:
        """Look at the definitions now: one is new or different."""
        self._wake.set()

    async def run(self) -> None:
        """Start what is due, until cancelled."""
        while True:
            self._wake.clear()
            try:
                seconds = await self.look()
            except LibraryError as error:
                # A full disk, for one; there is another minute.
                _log.warning("the schedules could not be looked at: %s", error)
                seconds = LOOK_SECONDS
            except Exception:
                _log.exception("the schedules could not be looked at by a mistake of ours")
                seconds = LOOK_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake.wait()

    async def look(self) -> float:
        """Start what is due now; return for how many seconds nothing needs to be looked at."""
        await self._start_first()
        wait_ms = LOOK_SECONDS * 1000
        for scheduled in await self._port.schedules():
            try:
                next_ms = await self._look_at(scheduled)
            except FieldError as error:
                # Only an old row can hold one; its definition tells of it where it is listed.
                _log.debug("definition %d is left out: %s", scheduled.id, error)
                continue
            if next_ms is not None:
                wait_ms = min(wait_ms, max(next_ms - self._clock.now_ms(), 0))
        return wait_ms / 1000

    async def _start_first(self) -> None:
        """Start what starts with Quaero, once, and before all schedules: it makes up for what these missed."""
        if self._first is None:
            self._first = [scheduled for scheduled in await self._port.schedules() if scheduled.auto_start]
        while self._first:
            await self._start(self._first[0], None)
            del self._first[0]

    async def _look_at(self, scheduled: Scheduled) -> int | None:
        """Start a definition if it is due; return when it is due next, in milliseconds UTC."""
        if not scheduled.schedule:
            return None
        now = self._clock.now_ms()
        since = scheduled.checked_until
        if since is None or since > now + _CORRECTION_MS:
            await self._port.deal_with(scheduled.id, now)
            since = now
        zone = self._zone()
        due = following(scheduled.schedule, since, zone)
        if due is None or due > now:
            return due
        await self._start(scheduled, due)
        return following(scheduled.schedule, now, zone)

    async def _start(self, scheduled: Scheduled, due: int | None) -> None:
        turn = await self._port.start_due(scheduled, due, self._clock.now_ms(), self._defaults())
        if turn is None:
            self._wake.set()
            return
        self._tell(scheduled, turn, by_schedule=due is not None)
        if turn.job_id is not None:
            self._started()

    def _tell(self, scheduled: Scheduled, turn: Turn, *, by_schedule: bool) -> None:
        if turn.job_id is not None:
            _log.info("definition %d was started as job %d", scheduled.id, turn.job_id)
        elif turn.running is not None:
            _log.info("definition %d is left out: job %d of it has not ended", scheduled.id, turn.running)
            if by_schedule:
                self._notify(
                    EngineNotice(
                        f"“{scheduled.name}” was due again, but its last run, job {turn.running}, has not ended:"
                        " it is left out this time.",
                        passing=True,
                    )
                )
        else:
            _log.warning("definition %d could not be started: %s", scheduled.id, turn.problem)
            self._notify(
                EngineNotice(
                    f"“{scheduled.name}” was due and could not be started. {turn.problem}", turn.hint, passing=True
                )
            )
