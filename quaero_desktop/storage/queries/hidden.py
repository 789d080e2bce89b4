"""What the trash hides from those who ask: jobs that were deleted a moment ago, and all below them."""

import sqlite3
from typing import Any, NamedTuple

from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.text import storable_integer
from quaero_desktop.storage.fragments import json_list

_FEW = 500
"""Up to so many jobs in the trash are told apart by their ids."""


class Hidden(NamedTuple):
    """What is hidden at a moment: nothing but for the seconds between a deletion and its purge.

    Attributes:
        tops: the jobs that were deleted themselves.
        inner: those of them and of all below them that have children.
    """

    tops: frozenset[int]
    inner: frozenset[int]

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> "Hidden":
        """Read it from the library."""
        tops = frozenset(row[0] for row in connection.execute("SELECT id FROM jobs WHERE trashed_at IS NOT NULL"))
        if not tops:
            return cls(tops, tops)
        # Few jobs have children, so the tree is walked over those alone.
        parents = connection.execute(
            "SELECT id, parent_id FROM jobs WHERE id IN (SELECT DISTINCT parent_id FROM child_counts)"
        ).fetchall()
        inner = tops.intersection(job_id for job_id, _ in parents)
        while more := {job_id for job_id, parent_id in parents if parent_id in inner} - inner:
            inner |= more
        return cls(tops, frozenset(inner))

    def hides(self, job_id: int, parent_id: int | None) -> bool:
        """Return whether a job is hidden, or one above it."""
        return job_id in self.tops or parent_id in self.inner

    def sql(self, parameters: dict[str, Any]) -> str:
        """Return the condition, after its AND, that leaves out what is hidden from ``jobs j``; nothing for nothing.

        Args:
            parameters: of the statement; what the condition needs is added.
        """
        if not self.tops:
            return ""
        if len(self.tops) <= _FEW:
            # An index has the ids; the mark stands in the rows alone.
            parameters["tops"] = json_list(self.tops)
            sql = " AND j.id NOT IN (SELECT value FROM json_each(:tops))"
        else:
            sql = " AND j.trashed_at IS NULL"
        parameters["inner"] = json_list(self.inner)
        return f"{sql} AND (j.parent_id IS NULL OR j.parent_id NOT IN (SELECT value FROM json_each(:inner)))"

    def check(self, connection: sqlite3.Connection, job_id: int) -> None:
        """Refuse a job that is hidden, or that there is not.

        Raises:
            NotFoundError: it is.
        """
        row = None
        # A number of any size may be asked for.
        if storable_integer(job_id) == job_id:
            row = connection.execute("SELECT parent_id FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None or self.hides(job_id, row[0]):
            raise NotFoundError(f"There is no job {job_id}.")
