"""Children of a root that are run again, inside the ledger's transaction (J10).

A retry is an attempt of the same job: what the attempt before came to stands in ``attempts``, and the job's row begins
anew. Whatever its number, the pages of one retry take some ten statements.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from quaero_desktop.domain.crawl import CrawlScope
from quaero_desktop.domain.documents import Change
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.jobs import JobType, SkipReason, Status
from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.domain.text import storable_integer
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.filters import as_id, like
from quaero_desktop.storage.fragments import AMONG, OPEN, json_list
from quaero_desktop.storage.jobs import rules
from quaero_desktop.storage.jobs.discovery import SOON
from quaero_desktop.storage.jobs.plans import Plans
from quaero_desktop.storage.queue import ALONE_AFTER_CRASHES, Queue

_CAN_RUN_AGAIN = (Status.FAILED, Status.CANCELLED)


class Retried(msgspec.Struct, frozen=True):
    """What became of a retry.

    Attributes:
        queued: how many children are queued again.
        withdrawn: how many were withdrawn by the rules of now.
        steps: the steps that they belong to.
    """

    queued: int = 0
    withdrawn: int = 0
    steps: frozenset[int] = frozenset()


class Retry:
    """The children of one root that run again.

    Args:
        tx: the running transaction.
        queue: where their messages go.
        root_id: the root; it must exist and be no child.
        plans: its configuration of now. Pages that its rules leave out by now are withdrawn instead.
    """

    def __init__(self, tx: Tx, queue: Queue, root_id: int, plans: Plans) -> None:
        self._tx = tx
        self._queue = queue
        self._root_id = root_id
        self._plans = plans

    def run(self, which: PageFilter | None, ids: Sequence[int] | None) -> Retried:
        """Queue children again, and open the root if it has ended; whoever calls this settles it afterwards.

        Args:
            which: only those that match. Failed ones are meant, and cancelled ones where its status names them.
            ids: only these. What is named one by one may have failed or been cancelled.
        """
        found = self._wanted(which, ids)
        if not found:
            return Retried()
        # What nobody asked for, but whose failure would go on telling that there is nothing to fetch.
        every = [*found, *self._failed_checks(found)]
        self._queue_again(every)
        withdrawn = self._withdraw(every)
        self._open_root()
        return Retried(len(found) - withdrawn, withdrawn, self._steps(every))

    def again(self, ids: Sequence[int], ready_at: int | None = None) -> int:
        """Queue these children for one attempt more; return how many the rules of now let in.

        Args:
            ids: failed or cancelled ones.
            ready_at: not before, in milliseconds UTC.
        """
        if not ids:
            return 0
        self._queue_again(ids, ready_at)
        return len(ids) - self._withdraw(ids)

    def _steps(self, ids: Sequence[int]) -> frozenset[int]:
        sql = f"SELECT DISTINCT step FROM jobs WHERE id {AMONG}"
        return frozenset(step for (step,) in self._tx.execute(sql, (json_list(ids),)))

    def _wanted(self, which: PageFilter | None, ids: Sequence[int] | None) -> list[int]:
        parameters: dict[str, Any] = {"root": self._root_id}
        statuses: Sequence[str] = _CAN_RUN_AGAIN if ids is not None else (Status.FAILED,)
        where = "parent_id = :root AND trashed_at IS NULL"
        if which is not None:
            which.checked()
            if which.status:
                statuses = [status for status in _CAN_RUN_AGAIN if status in which.status]
            where += _matching(which, parameters)
        if ids is not None:
            where += " AND id IN (SELECT value FROM json_each(:ids))"
            parameters["ids"] = json_list(map(storable_integer, ids))
        parameters["statuses"] = json_list(statuses)
        sql = f"SELECT id FROM jobs WHERE {where} AND status IN (SELECT value FROM json_each(:statuses)) ORDER BY id"
        return [job_id for (job_id,) in self._tx.execute(sql, parameters)]

    def _failed_checks(self, found: Sequence[int]) -> list[int]:
        rows = self._tx.execute(
            "SELECT id FROM jobs WHERE parent_id = ? AND status = 'failed' AND type = ? AND trashed_at IS NULL"
            f" AND step IN (SELECT step FROM jobs WHERE id {AMONG})",
            (self._root_id, JobType.VALIDATE, json_list(found)),
        )
        known = frozenset(found)
        return [job_id for (job_id,) in rows if job_id not in known]

    def _queue_again(self, ids: Sequence[int], ready_at: int | None = None) -> None:
        parameters = {
            "ready": ready_at,
            "ids": json_list(ids),
            "root": self._root_id,
            "queue": self._queue.name,
            "page": JobType.CRAWLER_URL,
            "gone": Change.GONE,
            "soon": SOON,
            "alone": ALONE_AFTER_CRASHES,
            "now": self._tx.now,
            "revision": self._tx.revision,
        }
        for statement in (_NOTE_ATTEMPT, _SEND, _UNCOUNT, _BEGIN):
            self._tx.execute(statement, parameters)

    def _withdraw(self, ids: Sequence[int]) -> int:
        """Withdraw those of the pages just queued that the rules of now leave out; return how many."""
        rows = self._tx.execute(
            f"SELECT step, id, url, depth FROM jobs WHERE id {AMONG} AND type = ? AND url IS NOT NULL",
            (json_list(ids), JobType.CRAWLER_URL),
        ).fetchall()
        by_step: dict[int, list[tuple[int, str, int]]] = {}
        for step, *page in rows:
            by_step.setdefault(step, []).append((page[0], page[1], page[2]))
        return sum(self._withdraw_pages(step, pages) for step, pages in by_step.items())

    def _withdraw_pages(self, step: int, pages: list[tuple[int, str, int]]) -> int:
        config = self._plans.of(self._tx, self._root_id, step).config
        # What spans the scope is found by reading all pages of the crawl, and nearly never decides.
        scope = CrawlScope(config, config.seeds)
        doubtful = [page for page in pages if page[2] > config.max_depth or scope.decide(page[1]).reason is not None]
        if not doubtful:
            return 0
        revision = rules.Revision(self._tx, self._queue, self._root_id, config, step)
        refused: list[tuple[int, SkipReason | None, str]] = []
        for job_id, url, depth in doubtful:
            verdict = revision.verdict(url, depth)
            if verdict.reason is not None:
                refused.append((job_id, verdict.reason, verdict.rule))
        revision.end(refused)
        return len(refused)

    def _open_root(self) -> None:
        """Begin another attempt of a root that has ended. The times and the pace of an attempt are its own."""
        moment = {
            "root": self._root_id,
            "page": JobType.CRAWLER_URL,
            "now": self._tx.now,
            "revision": self._tx.revision,
        }
        opened = self._tx.execute(
            "INSERT INTO attempts (job_id, attempt, delivery, started_at, ended_at, outcome, cause, error)"
            " SELECT id, attempt, 0, started_at, coalesce(completed_at, :now), status, cause, error FROM jobs"
            f" WHERE id = :root AND status NOT IN {OPEN}",
            moment,
        ).rowcount
        if not opened:
            return
        self._tx.execute(
            "UPDATE jobs SET status = 'pending', attempt = attempt + 1, started_at = NULL, completed_at = NULL,"
            " warnings = 0, cause = NULL, error = NULL, revision = :revision WHERE id = :root",
            moment,
        )
        self._tx.execute(
            "UPDATE root_progress SET ended_before = (SELECT coalesce(sum(n), 0) FROM child_counts"
            " WHERE parent_id = :root AND type = :page AND status NOT IN ('pending', 'running')) WHERE root_id = :root",
            moment,
        )


_AMONG = "(SELECT value FROM json_each(:ids))"
# A message that never made sense is not sent once more.
_OBJECT = "iif(json_valid({0}), iif(json_type({0}) = 'object', {0}, NULL), NULL)"
_PAYLOAD = f"coalesce({_OBJECT.format('m.payload')}, {_OBJECT.format('j.payload')}, '{{}}')"
_WAS_GONE = "coalesce(j.result ->> '$.change' = :gone, FALSE)"
_ORIGIN = "substr(j.url, 1, 7 + instr(substr(j.url, 9), '/'))"  # as domain.urls.origin_of

# What was cancelled before its turn came has no attempt yet.
_NOTE_ATTEMPT = (
    "INSERT INTO attempts (job_id, attempt, delivery, started_at, ended_at, outcome, cause, error)"
    " SELECT j.id, j.attempt, 1 + (SELECT coalesce(max(delivery), 0) FROM attempts a WHERE a.job_id = j.id"
    " AND a.attempt = j.attempt), j.started_at, coalesce(j.completed_at, :now), 'cancelled', j.cause, j.error"
    f" FROM jobs j WHERE j.id IN {_AMONG} AND j.status = 'cancelled' AND NOT EXISTS (SELECT 1 FROM attempts a"
    " WHERE a.job_id = j.id AND a.attempt = j.attempt AND a.outcome = 'cancelled')"
)
# A dead letter is replaced: its successor has all its tries, and its place is at the end. What the process died of is
# kept apart from the start (Q7). That a page was found gone is remembered: the next time it is no news.
_SEND = (
    "INSERT OR REPLACE INTO messages (queue, job_id, root_id, lane, type, payload, priority, state, ready_at, crashes,"
    f" created_at) SELECT :queue, j.id, :root, coalesce(m.lane, {_ORIGIN}, ''), j.type,"
    f" iif({_WAS_GONE}, json_set(json_remove({_PAYLOAD}, '$.refused'), '$.gone', json('true')),"
    f" json_remove({_PAYLOAD}, '$.refused', '$.gone')),"
    " coalesce(m.priority, iif(j.type = :page, 0, :soon)),"
    " CASE WHEN :ready IS NOT NULL THEN 'delayed' WHEN m.crashes >= :alone THEN 'alone' ELSE 'ready' END, :ready,"
    " min(coalesce(m.crashes, 0), :alone), :now"
    f" FROM jobs j LEFT JOIN messages m ON m.job_id = j.id WHERE j.id IN {_AMONG} ORDER BY j.id"
)
_UNCOUNT = (
    "UPDATE root_progress SET gone_documents = gone_documents - (SELECT count(*) FROM jobs j"
    f" WHERE j.id IN {_AMONG} AND {_WAS_GONE}) WHERE root_id = :root"
)
# The payload of a page is in its message now, as after Frontier.queue_again; others are told by theirs.
_BEGIN = (
    "UPDATE jobs SET status = 'pending', attempt = attempt + 1, started_at = NULL, completed_at = NULL, cause = NULL,"
    " error = NULL, http_status = NULL, bytes = NULL, elapsed_ms = NULL, result = NULL,"
    f" payload = iif(type = :page, NULL, payload), revision = :revision WHERE id IN {_AMONG}"
)


def _matching(which: PageFilter, parameters: dict[str, Any]) -> str:
    """Return the conditions of a filter but for the status, each after its AND."""
    sql = ""
    for name, column, values in (
        ("causes", "cause", which.cause),
        ("codes", "http_status", [storable_integer(code) for code in which.code]),
        ("types", "type", which.type),
    ):
        if values:
            sql += f" AND {column} IN (SELECT value FROM json_each(:{name}))"
            parameters[name] = json_list(values)
    if which.query:
        # What failed has no document, and so no title.
        sql += " AND (name LIKE :part ESCAPE '\\' OR url LIKE :part ESCAPE '\\' OR id = :id)"
        parameters |= {"part": like(which.query), "id": as_id(which.query)}
    return sql


def check_filter(root_id: int, which: PageFilter | None) -> None:
    """Refuse a filter of another root's pages.

    Raises:
        UsageError: it is one.
    """
    if which is not None and which.root_id != root_id:
        raise UsageError(f"The filter is one of job {which.root_id} and not of job {root_id}.")
