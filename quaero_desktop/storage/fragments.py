"""SQL that many statements share, and lists as SQLite takes them."""

from collections.abc import Iterable

import msgspec

OPEN = "('pending', 'running', 'paused')"
"""The statuses of a job that has not ended, in the words of the index of open roots."""

OPEN_ROOTS = f"jobs INDEXED BY jobs_open_roots WHERE parent_id IS NULL AND status IN {OPEN}"
"""The jobs without a parent that have not ended, by the index that knows only those."""

AMONG = "IN (SELECT value FROM json_each(?))"
"""Follows a column that must have one of the values of a :func:`json_list`."""

TREE = (
    "(WITH RECURSIVE below (id) AS (SELECT :job UNION SELECT j.id FROM below JOIN jobs j ON j.parent_id = below.id)"
    " SELECT id FROM below)"
)
"""The job ``:job`` and all below it, in the trash too."""

_encode = msgspec.json.Encoder().encode


def json_list(values: Iterable[object]) -> str:
    """Return values as ``json_each`` takes them. An id that a person typed must be storable first."""
    return _encode(list(values)).decode()
