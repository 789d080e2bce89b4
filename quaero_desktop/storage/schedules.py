"""Definitions that run by themselves: which may, and the start of one whose turn has come (J3)."""

import sqlite3

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.errors import KnownError
from quaero_desktop.domain.ports import Scheduled, Turn
from quaero_desktop.storage import definitions
from quaero_desktop.storage.database import Database, Tx
from quaero_desktop.storage.jobs import joblog, runs
from quaero_desktop.storage.ledger import Ledger

_LATE_MS = 120_000
"""From so late on it is said that a run is late: Quaero did not run, or the machine slept."""


class Schedules:
    """Implements :class:`quaero_desktop.domain.ports.SchedulePort` on one library.

    Args:
        database: the open library.
        ledger: starts the runs.
    """

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    async def schedules(self) -> tuple[Scheduled, ...]:
        """Return the definitions that may run by themselves."""
        return await self._database.read(_schedules)

    async def deal_with(self, definition_id: int, until: int) -> None:
        """Note that the moments of a schedule up to *until*, in milliseconds UTC, are dealt with."""
        sql = "UPDATE definitions SET checked_until = ? WHERE id = ?"
        await self._database.write(lambda tx: tx.execute(sql, (until, definition_id)))

    async def start_due(self, scheduled: Scheduled, due: int | None, now: int, defaults: CrawlConfig) -> Turn | None:
        """Start a run whose turn has come, and note that all moments up to now are dealt with, in one transaction.

        Args:
            scheduled: as it was read.
            due: the moment of its schedule that has come; None when it starts because Quaero did.
            now: milliseconds UTC.
            defaults: what a crawl starts with by the settings.

        Returns:
            What came of it; None when it is no longer what was read.
        """
        return await self._database.write(lambda tx: self._start_due(tx, scheduled, due, now, defaults))

    def _start_due(self, tx: Tx, scheduled: Scheduled, due: int | None, now: int, defaults: CrawlConfig) -> Turn | None:
        if scheduled not in _schedules(tx.connection, scheduled.id):
            return None
        tx.execute("UPDATE definitions SET checked_until = ? WHERE id = ?", (now, scheduled.id))
        if (found := runs.open_run(tx, scheduled.id)) is not None:
            running, _ = found
            message = "The schedule came up again while this run had not ended: it is left out this time."
            last = tx.one("SELECT message FROM job_logs WHERE root_id = ? ORDER BY id DESC LIMIT 1", (running,))
            # One that waits for somebody for weeks need not be told each minute.
            if due is not None and (last is None or last[0] != message):
                joblog.write(tx, running, running, "warn", message)
            return Turn(running=running)
        try:
            # Before anything is written: what makes no sense today must not be asked for again each minute.
            definitions.plan(tx.connection, scheduled.id, defaults)
        except KnownError as error:
            return Turn(problem=error.message, hint=error.hint)
        job_id = self._ledger.begin_run(tx, scheduled.id, defaults)
        if due is None:
            why = "Started with Quaero (auto_start)"
        else:
            late = f", {_ago(now - due)} late" if now - due >= _LATE_MS else ""
            why = f"Started by its schedule, {scheduled.schedule}{late}"
        joblog.write(tx, job_id, job_id, "info", why)
        return Turn(job_id=job_id)


def _schedules(connection: sqlite3.Connection, definition_id: int | None = None) -> tuple[Scheduled, ...]:
    rows = connection.execute(
        "SELECT id, name, body, enabled, iif(schedule_paused, '', body ->> '$.schedule'), checked_until,"
        " body ->> '$.auto_start' FROM definitions WHERE enabled AND (?1 IS NULL OR id = ?1) ORDER BY id",
        (definition_id,),
    )
    return tuple(
        Scheduled(
            id=row[0],
            name=row[1],
            schedule=row[4] if isinstance(row[4], str) else "",
            checked_until=row[5],
            auto_start=row[6] == 1,
        )
        for row in rows
    )


def _ago(milliseconds: int) -> str:
    minutes = milliseconds // 60_000
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 48 * 60 else f"{minutes // 1440} days"
