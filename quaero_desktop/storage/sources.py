"""Sources in the library, and what their deletion means.

Functions over a connection read; those over a :class:`Tx` join a running transaction.
"""

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.errors import FieldError, NotAllowedError, NotFoundError
from quaero_desktop.domain.jobs import JobType
from quaero_desktop.domain.sources import NewSource, Source, SourceDeletion, SourceRules
from quaero_desktop.domain.text import storable_integer
from quaero_desktop.domain.words import counted
from quaero_desktop.storage import credentials
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.fragments import AMONG, OPEN, OPEN_ROOTS, json_list

_diagnostics = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode

_SOURCE = (
    "s.id, s.name, s.base_url, s.automatic, s.enabled, s.rules,"
    " (SELECT count(*) FROM documents d WHERE d.source_id = s.id), s.created_at, s.updated_at"
)
_WITH_CREDENTIAL = (
    f"SELECT {_SOURCE}, {credentials.COLUMNS} FROM sources s LEFT JOIN credentials c ON c.id = s.credential_id"
)
_SOURCE_COLUMNS = 9
PART = 500
"""How many documents are deleted in one transaction."""


def every(connection: sqlite3.Connection) -> tuple[Source, ...]:
    """Return all sources by name, those that people made before those that crawls made."""
    rows = connection.execute(f"{_WITH_CREDENTIAL} ORDER BY s.automatic, s.name COLLATE NOCASE, s.id")
    return tuple(_source(row) for row in rows)


def get(connection: sqlite3.Connection, source_id: int) -> Source:
    """Return one.

    Raises:
        NotFoundError: there is none.
    """
    row = connection.execute(f"{_WITH_CREDENTIAL} WHERE s.id = ?", (storable_integer(source_id),)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no source {source_id}.", "List them with: quaero sources list")
    return _source(row)


def by_id(connection: sqlite3.Connection, ids: Iterable[int]) -> dict[int, Source]:
    """Return those of these sources that there are, without how much they hold and their credentials."""
    rows = connection.execute(
        f"SELECT id, name, base_url, enabled, rules FROM sources WHERE id {AMONG}",
        (json_list(map(storable_integer, ids)),),
    ).fetchall()
    return {
        row[0]: Source(id=row[0], name=row[1], base_url=row[2], enabled=bool(row[3]), rules=_rules(row[0], row[4]))
        for row in rows
    }


def add(tx: Tx, new: NewSource) -> int:
    """Store a source, checked before; return its id.

    Raises:
        FieldError: there is no such credential.
    """
    _check_credential(tx, new.credential_id)
    return int(
        tx.value(
            "INSERT INTO sources (name, base_url, enabled, rules, credential_id, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (new.name, new.base_url, new.enabled, _encode(new.rules).decode(), new.credential_id, tx.now, tx.now),
        )
    )


def change(tx: Tx, source_id: int, new: NewSource) -> None:
    """Store a source, checked before, in the place of another one.

    One that a crawl made keeps its address, by which the next crawls find it.

    Raises:
        NotFoundError: there is none of that id.
        NotAllowedError: another address for one that a crawl made.
        FieldError: there is no such credential.
    """
    before = get(tx.connection, source_id)
    base_url = new.base_url
    if before.automatic:
        if urls.origin_of(base_url) != before.base_url:
            raise NotAllowedError(
                f"The source “{before.name}” belongs to {before.base_url}: crawls made it for that site.",
                "Add a source of your own for another address.",
            )
        base_url = before.base_url
    _check_credential(tx, new.credential_id)
    tx.execute(
        "UPDATE sources SET name = ?, base_url = ?, enabled = ?, rules = ?, credential_id = ?, updated_at = ?"
        " WHERE id = ?",
        (new.name, base_url, new.enabled, _encode(new.rules).decode(), new.credential_id, tx.now, source_id),
    )


def _check_credential(tx: Tx, credential_id: int | None) -> None:
    if credential_id is None:
        return
    sql = "SELECT 1 FROM credentials WHERE id = ?"
    if tx.one(sql, (storable_integer(credential_id),)) is None:
        raise FieldError("credential_id", f"There is no credential {credential_id}.")


def plan_deletion(connection: sqlite3.Connection, source_id: int) -> SourceDeletion:
    """Return what the deletion of a source means.

    Raises:
        NotFoundError: there is none.
    """
    found = get(connection, source_id)
    jobs, open_jobs = connection.execute(
        f"SELECT count(*), count(*) FILTER (WHERE status IN {OPEN}) FROM jobs"
        " INDEXED BY jobs_source WHERE source_id = ? AND trashed_at IS NULL",
        (found.id,),
    ).fetchone()
    open_jobs += _open_runs(connection, found.id)
    definitions = connection.execute(
        "SELECT name FROM definitions WHERE EXISTS (SELECT 1 FROM json_each(body, '$.sources') WHERE value = ?)"
        " ORDER BY name",
        (found.id,),
    )
    return SourceDeletion(
        source_id=found.id,
        name=found.name,
        documents=found.documents,
        jobs=jobs,
        open_jobs=open_jobs,
        definitions=tuple(name for (name,) in definitions),
    )


def _open_runs(connection: sqlite3.Connection, source_id: int) -> int:
    """Return how many runs of several sources are open, one of whose steps collects for this one."""
    return int(
        connection.execute(
            f"SELECT count(*) FROM {OPEN_ROOTS} AND source_id IS NULL AND trashed_at IS NULL AND EXISTS"
            " (SELECT 1 FROM json_each(config, '$.steps') WHERE json_extract(value, '$.source_id') = ?)",
            (source_id,),
        ).fetchone()[0]
    )


def check_deletable(connection: sqlite3.Connection, source_id: int, *, documents: bool) -> SourceDeletion:
    """Return the plan of a deletion that may begin.

    Raises:
        NotFoundError: there is no such source.
        NotAllowedError: something needs it.
    """
    plan = plan_deletion(connection, source_id)
    if plan.open_jobs:
        raise NotAllowedError(
            f"The source “{plan.name}” cannot be deleted while {counted(plan.open_jobs, 'job')} of it"
            f" {'has' if plan.open_jobs == 1 else 'have'} not ended.",
            "Cancel them first, or let them end.",
        )
    if plan.definitions:
        named = ", ".join(f"“{name}”" for name in plan.definitions[:5])
        raise NotAllowedError(
            f"The source “{plan.name}” cannot be deleted: {named} collect{'s' if len(plan.definitions) == 1 else ''}"
            " for it.",
            "Take it out of there first.",
        )
    if plan.documents and not documents:
        raise NotAllowedError(
            f"The source “{plan.name}” has {counted(plan.documents, 'document')}, which would go with it.",
            "Delete it with its documents, or switch it off.",
        )
    return plan


def delete_documents(tx: Tx, source_id: int) -> int:
    """Delete some documents of a source that may be deleted; return how many are left.

    Raises:
        NotAllowedError: something needs the source since.
    """
    check_deletable(tx.connection, source_id, documents=True)
    ids = [row[0] for row in tx.execute("SELECT id FROM documents WHERE source_id = ? LIMIT ?", (source_id, PART))]
    some = json_list(ids)
    # Its pages completed, and why they have no document must still be said.
    tx.execute(
        "UPDATE jobs SET result = json_set(coalesce(result, '{}'), '$.deleted', json('true')), revision = ?"
        f" WHERE document_id {AMONG} AND type = ?",
        (tx.revision, some, JobType.CRAWLER_URL),
    )
    tx.execute(f"DELETE FROM documents WHERE id {AMONG}", (some,))
    return int(tx.value("SELECT count(*) FROM documents WHERE source_id = ?", (source_id,)))


def delete(tx: Tx, source_id: int) -> None:
    """Delete a source without documents; its jobs stay, without a source. Deleting what is gone is a success.

    Raises:
        NotAllowedError: something needs it.
    """
    if tx.one("SELECT 1 FROM sources WHERE id = ?", (storable_integer(source_id),)) is None:
        return
    check_deletable(tx.connection, source_id, documents=False)
    tx.execute("UPDATE jobs SET revision = ? WHERE source_id = ?", (tx.revision, source_id))
    tx.execute("DELETE FROM sources WHERE id = ?", (source_id,))


# --- rows -------------------------------------------------------------------------------------------------------------


def _source(row: Sequence[Any]) -> Source:
    return Source(
        id=row[0],
        name=row[1],
        base_url=row[2],
        automatic=bool(row[3]),
        enabled=bool(row[4]),
        rules=_rules(row[0], row[5]),
        documents=row[6],
        created_at=row[7],
        updated_at=row[8],
        credential=None if row[_SOURCE_COLUMNS] is None else credentials.of_row(row[_SOURCE_COLUMNS:]),
    )


def _rules(source_id: int, text: str) -> SourceRules:
    try:
        return msgspec.json.decode(text, type=SourceRules)
    except msgspec.MsgspecError:
        # A source that an import, or another version, wrote must not hide all others.
        _diagnostics.warning("the rules of source %d cannot be read; it goes by the settings", source_id)
        return SourceRules()
