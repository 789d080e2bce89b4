"""What is too old: jobs that ended long ago, and the lines that they wrote into their logs (O3).

The jobs are only found here; deleting them is the deletions' business. The lines go in transactions that keep nobody
waiting. Only whole trees that have ended lose any: who goes on with a crawl that was paused for a month finds all of
its log.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

from quaero_desktop.domain.cleanup import CLEANABLE, CleanupRoot
from quaero_desktop.infra.redact import redact
from quaero_desktop.storage import audit
from quaero_desktop.storage.database import Database, Tx
from quaero_desktop.storage.fragments import AMONG, json_list
from quaero_desktop.storage.pace import Pace

LOG_BATCH = 5_000
"""The most lines that one transaction deletes."""

_ENDED = f"({', '.join(repr(str(status)) for status in CLEANABLE)})"
_ENDED_AT = "coalesce(j.completed_at, j.started_at, j.created_at)"  # what was imported may lack the first

# A job is as old as it looks by both of its times: one that a wrong clock put into the future is kept.
_OLD_ROOT = (
    f"j.parent_id IS NULL AND j.created_at <= :before AND {_ENDED_AT} <= :before AND j.trashed_at IS NULL"
    " AND j.status IN (SELECT value FROM json_each(:statuses))"
)
# What an import brought is old from the first day, and nobody would have it come for a day.
_OURS = "j.origin <> 'legacy'"
# One look at the first line of most roots; all of its lines only where none is too old yet.
_ROOTS_WITH_OLD_LINES = (
    f"SELECT j.id FROM jobs j INDEXED BY jobs_roots WHERE j.parent_id IS NULL AND j.created_at < :before"
    f" AND j.status IN {_ENDED} AND {_OURS} AND EXISTS ("
    "SELECT 1 FROM job_logs l INDEXED BY job_logs_root WHERE l.root_id = j.id AND l.at < :before)"
)
_OLD_LINES = (
    "SELECT id FROM job_logs INDEXED BY job_logs_root WHERE root_id = :root AND id > :after AND at < :before"
    " ORDER BY id LIMIT :most"
)


class OldThings:
    """Finds what is too old in one library, and deletes the lines of logs among it.

    Args:
        database: the open library.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def roots(self, before: int, statuses: Sequence[str], *, imported: bool = True) -> tuple[CleanupRoot, ...]:
        """Return the jobs without a parent that ended then or earlier, the oldest first.

        Args:
            before: milliseconds UTC.
            statuses: how they ended.
            imported: also those that an import brought, which are old from the first day.
        """
        found = partial(_roots, before=before, statuses=statuses, imported=imported)
        return await self._database.read_interruptibly(found)

    async def is_old(self, root_id: int, before: int, statuses: Sequence[str]) -> bool:
        """Return whether :meth:`roots` would still return that job; see there for *before* and *statuses*."""
        sql = f"SELECT 1 FROM jobs j WHERE j.id = :id AND {_OLD_ROOT}"
        parameters = {"before": before, "statuses": json_list(statuses), "id": root_id}
        return await self._database.read(lambda connection: connection.execute(sql, parameters).fetchone() is not None)

    async def delete_lines(self, before: int, wanted: Callable[[], bool] = lambda: True) -> int:
        """Delete the lines that ended jobs wrote before a moment; return how many.

        Cancelling stops between two transactions; what is left is found the next time.

        Args:
            before: milliseconds UTC.
            wanted: asked before each transaction; False stops.
        """
        pace = Pace(LOG_BATCH, gently=True)
        deleted = 0
        for root_id in await self._database.read_interruptibly(
            lambda connection: _column(connection, _ROOTS_WITH_OLD_LINES, {"before": before})
        ):
            after = 0
            while wanted():
                parameters = {"root": root_id, "after": after, "before": before, "most": pace.batch}
                # Found by a reader, so that the writer is kept from its other work only by the deletion itself.
                ids = await self._database.read_interruptibly(partial(_column, sql=_OLD_LINES, parameters=parameters))
                if not ids:
                    break
                deleted += await pace.timed(self._database.write(partial(_delete_lines, root_id=root_id, ids=ids)))
                after = ids[-1]
        return deleted


def _roots(
    connection: sqlite3.Connection, before: int, statuses: Sequence[str], imported: bool
) -> tuple[CleanupRoot, ...]:
    rows = connection.execute(
        f"SELECT j.id, coalesce(j.name, j.url, j.type), j.status, {_ENDED_AT} FROM jobs j INDEXED BY jobs_roots"
        f" WHERE {_OLD_ROOT}{'' if imported else f' AND {_OURS}'} ORDER BY 4, 1",
        {"before": before, "statuses": json_list(statuses)},
    ).fetchall()
    # A handful of rows for each job with children, however many these are.
    below = dict(
        connection.execute(
            "SELECT coalesce(p.root_id, p.id), sum(c.n) FROM child_counts c CROSS JOIN jobs p ON p.id = c.parent_id"
            " GROUP BY 1"
        )
        if rows
        else ()
    )
    return tuple(
        CleanupRoot(id=row[0], name=redact(row[1]), status=row[2], ended_at=row[3], jobs=1 + below.get(row[0], 0))
        for row in rows
    )


def _delete_lines(tx: Tx, root_id: int, ids: Sequence[int]) -> int:
    # Somebody may have opened it again a moment ago.
    if tx.one(f"SELECT 1 FROM jobs WHERE id = ? AND status IN {_ENDED}", (root_id,)) is None:
        return 0
    deleted = tx.execute(f"DELETE FROM job_logs WHERE id {AMONG}", (json_list(ids),)).rowcount
    if deleted:
        audit.note(tx, "logs.expired", "info", [(root_id, {"lines": deleted})])
    return deleted


def _column(connection: sqlite3.Connection, sql: str, parameters: dict[str, int]) -> list[int]:
    return [row[0] for row in connection.execute(sql, parameters)]
