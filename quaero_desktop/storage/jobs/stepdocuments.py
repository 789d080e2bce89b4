"""Which documents a step of a run is about: all of them as a condition, or the next ones, by id.

They are what the crawls before it in the run collected; where none of those steps crawls, what the run's sources have;
and where it names none, all that the library has.
"""

import sqlite3
from typing import Any

import msgspec

from quaero_desktop.domain.definitions import Action
from quaero_desktop.domain.jobs import JobType
from quaero_desktop.domain.ports import StepDocument
from quaero_desktop.storage.fragments import json_list

_COLLECTED = f"j.root_id = :root AND j.step < :step AND j.type = '{JobType.CRAWLER_URL}' AND j.trashed_at IS NULL"
_OF_SOURCES = "d.source_id IN (SELECT value FROM json_each(:sources))"
_HAS_SOURCE_PAGE = " AND EXISTS (SELECT 1 FROM page_sources s WHERE s.document_id = d.id)"
_NAMED = "SELECT d.id, coalesce(nullif(d.title, ''), d.url)"


def condition(connection: sqlite3.Connection, root_id: int, step: int) -> tuple[str, dict[str, Any]]:
    """Return which documents a step is about, as a condition on ``documents d``, and the parameters of that.

    Args:
        connection: a reader's.
        root_id: the root of the run; for any other job there are none.
        step: the number of the step.
    """
    run = _snapshot(connection, root_id)
    if run is None:
        return "FALSE", {}
    if run.crawls_before(step):
        which = f"d.id IN (SELECT j.document_id FROM jobs j WHERE {_COLLECTED} AND j.document_id IS NOT NULL)"
        return which, {"root": root_id, "step": step}
    if run.sources:
        return _OF_SOURCES, {"sources": json_list(run.sources)}
    return "TRUE", {}


def following(
    connection: sqlite3.Connection, root_id: int, step: int, after: int, limit: int, *, with_source: bool
) -> tuple[StepDocument, ...]:
    """Return the next documents that a step is about, by id: each costs the same, however many there are.

    Args:
        connection: a reader's.
        root_id: the root of the run; for any other job there are none.
        step: the number of the step.
        after: only those with a greater id.
        limit: the most.
        with_source: only those of which is kept what their server had sent.
    """
    run = _snapshot(connection, root_id)
    if run is None:
        return ()
    parameters: dict[str, Any] = {"root": root_id, "step": step, "after": after, "limit": limit}
    kept = _HAS_SOURCE_PAGE if with_source else ""
    if run.crawls_before(step):
        # The index has them in this order, so that nothing is sorted, and nothing read beyond the last one.
        sql = (
            f"{_NAMED} FROM jobs j INDEXED BY jobs_document CROSS JOIN documents d ON d.id = j.document_id"
            f" WHERE j.document_id > :after AND {_COLLECTED}{kept}"
            " GROUP BY j.document_id ORDER BY j.document_id LIMIT :limit"
        )
    else:
        of_sources = f" AND {_OF_SOURCES}" if run.sources else ""
        parameters["sources"] = json_list(run.sources)
        sql = f"{_NAMED} FROM documents d WHERE d.id > :after{of_sources}{kept} ORDER BY d.id LIMIT :limit"
    return tuple(StepDocument(*found) for found in connection.execute(sql, parameters))


class _Step(msgspec.Struct):
    action: str


class _Snapshot(msgspec.Struct):
    """What of the snapshot of a run says which documents its steps are about."""

    steps: tuple[_Step, ...] = ()
    sources: tuple[int, ...] = ()

    def crawls_before(self, step: int) -> bool:
        """Return whether a step before that one crawls."""
        return any(each.action == Action.CRAWL for each in self.steps[: max(0, step - 1)])


def _snapshot(connection: sqlite3.Connection, root_id: int) -> _Snapshot | None:
    sql = "SELECT config FROM jobs WHERE id = ? AND type = ?"
    row = connection.execute(sql, (root_id, JobType.DEFINITION_RUN)).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=_Snapshot)
