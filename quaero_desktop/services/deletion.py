"""Deleting jobs: out of sight at once, back for half a minute, then for good (X1-X6)."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from quaero_desktop.domain.deletion import Deletion, DeletionError, DeletionPlan
from quaero_desktop.domain.errors import LibraryError
from quaero_desktop.infra.clock import Clock
from quaero_desktop.infra.tasks import to_the_end
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.deletion import Deletions, Trashed
from quaero_desktop.storage.ledger import Ledger

if TYPE_CHECKING:
    from quaero_desktop.services.engine import Engine
    from quaero_desktop.services.later import LaterEngine

_log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]

_LISTED = 1_000
_LENIENCE_SECONDS = 1.0
"""How much later than promised the trash is emptied, so that nobody who still can bring something back is too late."""
_LONGEST_WAIT_SECONDS = 60.0
_CLOSING_SECONDS = 0.5
"""How long closing waits for a purge under way: most are over by then, and a command need not stay longer for it."""


class DeletionService:
    """Deletes jobs and brings them back, and empties the trash while the library is open.

    Args:
        database: the open library.
        ledger: its ledger.
        clock: time.
        engine: what runs the jobs in this process, if anything does.
    """

    def __init__(self, database: Database, ledger: Ledger, clock: Clock, engine: "Engine | LaterEngine | None") -> None:
        self._deletions = Deletions(database, ledger)
        self._database = database
        self._clock = clock
        self._engine = engine
        self._under_way: set[int] = set()
        self._collector: asyncio.Task[None] | None = None
        self._asked = False
        self._wake = asyncio.Event()
        self._closed = False

    async def plan(self, ids: Sequence[int], most_ids: int | None = _LISTED) -> DeletionPlan:
        """Return what a deletion would take along; it changes nothing. What is gone is no part of it.

        Args:
            ids: the jobs.
            most_ids: how many ids are wanted at most; None for all. The numbers are right in any case.
        """
        return await self._deletions.plan(ids, most_ids)

    async def delete(
        self,
        ids: Sequence[int],
        *,
        cascade: bool = True,
        purge: bool = False,
        progress: Progress = lambda done, total: None,
    ) -> Deletion:
        """Delete jobs with all below them. What runs of them is stopped first; their documents stay.

        They are out of sight at once and can be brought back for :data:`~quaero_desktop.domain.deletion.TRASH_SECONDS`.
        Deleting what is gone is a success.

        Args:
            ids: the jobs.
            cascade: False refuses to delete what has children.
            purge: delete them for good now, also what lies in the trash already. Cancelling this leaves what is left
                out of sight, to be purged later.
            progress: of a purge: called with how many jobs are done, and of how many.

        Raises:
            NotAllowedError: one of them has children and *cascade* is False; nothing was deleted.
            DeletionError: some could not be purged; it names each of them. The others are gone.
        """
        hidden = await to_the_end(self._hide(ids, cascade))
        if not purge:
            return Deletion(deleted=hidden.tops, failed=hidden.failed)
        try:
            purged = await self._purge(await self._deletions.in_trash(ids), progress)
        finally:
            self._collect()
        deletion = Deletion(deleted=purged.deleted, failed=(*hidden.failed, *purged.failed))
        if deletion.failed:
            raise DeletionError(deletion)
        return deletion

    async def purge_ended(
        self,
        ids: Sequence[int],
        *,
        gently: bool = False,
        progress: Progress = lambda done, total: None,
    ) -> Deletion:
        """Delete for good those of these jobs that have ended, with all below them; their documents stay.

        Nothing is stopped for it: a job that is open, perhaps again since a moment ago, stays as it is, and so does
        what lies in the trash and may still be brought back. Cancelling this leaves what is left out of sight, to be
        purged later.

        Args:
            ids: the jobs.
            gently: rest between the transactions, so that a crawl that runs gets most of the writer's time.
            progress: called with how many jobs are done, and of how many.

        Returns:
            Each job that went, and each that could not be deleted.
        """
        hidden = await to_the_end(self._hide(ids, cascade=True, ended_only=True))
        try:
            purged = await self._purge(hidden.tops, progress, gently=gently)
        finally:
            if hidden.tops:
                self._collect()
        return Deletion(deleted=purged.deleted, failed=(*hidden.failed, *purged.failed))

    async def restore(self, ids: Sequence[int]) -> tuple[int, ...]:
        """Bring deleted jobs back, with all below them, as they were; what was running then is queued.

        Returns:
            The jobs that came back; nothing for those that were not deleted.

        Raises:
            NotFoundError: one of them is gone for good; the others are back.
            NotAllowedError: one of them was deleted with a job above it; the others are back.
        """
        return await to_the_end(self._restore(ids))

    async def purge_expired(self, progress: Progress | None = None) -> Deletion:
        """Delete for good what has lain in the trash long enough, some hundred jobs a transaction.

        It needs not be called: while a library is open to be changed, its trash is emptied when it is time. Cancelling
        it leaves what is left out of sight, to be purged later.

        Args:
            progress: called with how many jobs are done, and of how many.
        """
        condemned = await self._deletions.condemn_expired()
        tops = [top for top in condemned if top not in self._under_way]
        # Nobody waits for it, and the pages of a crawl are not to wait for it either.
        return await self._purge(tops, progress or (lambda done, total: None), gently=self._engine is not None)

    async def start(self) -> None:
        """Empty the trash from now on, when it is time; first what was left there before."""
        # Before anybody can ask for it: what is too old cannot be brought back.
        condemned = await self._deletions.condemn_expired()
        if condemned or await self._deletions.next_expiry() is not None:
            self._collect()

    async def close(self) -> None:
        """Stop; what is being purged gets a moment to end, and goes on at the next start otherwise."""
        self._closed = True
        if self._collector is None:
            return
        self._wake.set()
        await asyncio.wait([self._collector], timeout=_CLOSING_SECONDS)
        self._collector.cancel()
        await asyncio.wait([self._collector])

    # What is committed must reach the engine, also when the caller is cancelled in between.

    async def _hide(self, ids: Sequence[int], cascade: bool, ended_only: bool = False) -> Trashed:
        hidden = await self._deletions.hide(ids, cascade=cascade, ended_only=ended_only)
        if hidden.tops and self._engine is not None:
            for job_id in {*hidden.tops, *hidden.running}:
                self._engine.cancel(job_id)
            # Perhaps nothing is left to do.
            self._engine.poke()
        if hidden.tops:
            self._collect()
        return hidden

    async def _restore(self, ids: Sequence[int]) -> tuple[int, ...]:
        try:
            return await self._deletions.restore(ids)
        finally:
            if self._engine is not None:
                self._engine.poke()

    async def _purge(self, tops: Sequence[int], progress: Progress, *, gently: bool = False) -> Deletion:
        self._under_way.update(tops)
        try:
            return await self._deletions.purge(tops, progress, gently=gently)
        finally:
            self._under_way.difference_update(tops)

    # Emptying the trash.

    def _collect(self) -> None:
        self._asked = True
        self._wake.set()
        if self._closed or (self._collector is not None and not self._collector.done()):
            return
        self._collector = asyncio.get_running_loop().create_task(self._empty_when_due(), name="emptying the trash")

    async def _empty_when_due(self) -> None:
        try:
            while True:
                self._asked = False
                self._wake.clear()
                purged = await self.purge_expired()
                for failure in purged.failed:
                    _log.warning("job %d could not be deleted: %s", failure.id, failure.error)
                due = None if self._closed else await self._deletions.next_expiry()
                if due is not None:
                    seconds = (due - self._clock.now_ms()) / 1000 + _LENIENCE_SECONDS
                    await self._sleep(max(_LENIENCE_SECONDS, min(seconds, _LONGEST_WAIT_SECONDS)))
                if self._closed or (due is None and not self._asked):
                    return
        except LibraryError as error:
            # The next deletion or start takes it up again.
            _log.warning("the trash could not be emptied: %s", error)
        except Exception:
            _log.exception("the trash could not be emptied by a mistake of ours")

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
