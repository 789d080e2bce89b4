"""Sources and credentials in the library: rows, never a secret.

Functions over a connection read; those over a :class:`Tx` join a running transaction.
"""

import logging
import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.credentials import Credential, CredentialKind
from quaero_desktop.domain.errors import FieldError, NotAllowedError, NotFoundError
from quaero_desktop.domain.jobs import Cause, JobType
from quaero_desktop.domain.listing import SourceName
from quaero_desktop.domain.sources import NewSource, Source, SourceDeletion, SourceRules
from quaero_desktop.domain.text import storable_integer
from quaero_desktop.storage.database import Tx

_diagnostics = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode

_CREDENTIAL = "c.id, c.name, c.origin, c.kind, c.keyring_id, c.tail, c.login_url, c.created_at, c.updated_at"
_SOURCE = (
    "s.id, s.name, s.base_url, s.automatic, s.enabled, s.rules,"
    " (SELECT count(*) FROM documents d WHERE d.source_id = s.id), s.created_at, s.updated_at"
)
_WITH_CREDENTIAL = f"SELECT {_SOURCE}, {_CREDENTIAL} FROM sources s LEFT JOIN credentials c ON c.id = s.credential_id"
_SOURCE_COLUMNS = 9
# As the index has it, which would not be used otherwise.
_OPEN_ROOTS = "jobs INDEXED BY jobs_open_roots WHERE parent_id IS NULL AND status IN ('pending', 'running', 'paused')"
PART = 500
"""How many documents are deleted in one transaction."""


# --- credentials ------------------------------------------------------------------------------------------------------


def credentials(connection: sqlite3.Connection) -> tuple[Credential, ...]:
    """Return all credentials by name."""
    rows = connection.execute(f"SELECT {_CREDENTIAL} FROM credentials c ORDER BY c.name COLLATE NOCASE, c.id")
    return tuple(_credential(row) for row in rows)


def credential(connection: sqlite3.Connection, credential_id: int) -> Credential:
    """Return one.

    Raises:
        NotFoundError: there is none.
    """
    row = connection.execute(
        f"SELECT {_CREDENTIAL} FROM credentials c WHERE c.id = ?", (storable_integer(credential_id),)
    ).fetchone()
    if row is None:
        raise NotFoundError(f"There is no credential {credential_id}.", "List them with: quaero credentials list")
    return _credential(row)


def credential_of(connection: sqlite3.Connection, source_id: int | None, origin: str = "") -> Credential | None:
    """Return what the site of a source asks for, or None.

    Args:
        connection: the library.
        source_id: the source; None for the one that was made for *origin*.
        origin: where the crawl starts.
    """
    row = connection.execute(
        f"SELECT {_CREDENTIAL} FROM sources s JOIN credentials c ON c.id = s.credential_id"
        " WHERE s.id = coalesce(:source, (SELECT id FROM sources WHERE base_url = :origin AND automatic = 1))",
        {"source": source_id, "origin": origin},
    ).fetchone()
    return None if row is None else _credential(row)


def add_credential(
    tx: Tx,
    *,
    name: str,
    origin: str,
    kind: CredentialKind,
    tail: str,
    reference: str | None,
    login_url: str = "",
) -> int:
    """Store what may be known of a credential; return its id.

    Raises:
        FieldError: the name is taken.
    """
    _check_free(tx, name, 0)
    return int(
        tx.value(
            "INSERT INTO credentials (name, origin, kind, keyring_id, tail, login_url, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (name, origin, kind, reference, tail, login_url, tx.now, tx.now),
        )
    )


def update_credential(tx: Tx, changed: Credential) -> None:
    """Store a credential in the place of the one with its id.

    Raises:
        NotFoundError: there is none.
        FieldError: the name is another one's.
    """
    credential(tx.connection, changed.id)
    _check_free(tx, changed.name, changed.id)
    tx.execute(
        "UPDATE credentials SET name = ?, origin = ?, kind = ?, keyring_id = ?, tail = ?, login_url = ?, updated_at = ?"
        " WHERE id = ?",
        (
            changed.name, changed.origin, changed.kind, changed.reference, changed.tail, changed.login_url, tx.now,
            changed.id,
        ),
    )  # fmt: skip


def delete_credential(tx: Tx, credential_id: int) -> None:
    """Delete one; the sources that had it have none then (X5). Deleting what is gone is a success."""
    tx.execute("DELETE FROM credentials WHERE id = ?", (storable_integer(credential_id),))


def _check_free(tx: Tx, name: str, own: int) -> None:
    if tx.one("SELECT 1 FROM credentials WHERE name = ? AND id <> ?", (name, own)) is not None:
        raise FieldError("name", f"There is a credential “{name}” already.", "Choose another name, or edit that one.")


def waiting_for(connection: sqlite3.Connection, which: Credential) -> tuple[int, ...]:
    """Return the roots that are paused until a credential has a new secret, oldest first."""
    rows = connection.execute(
        f"SELECT id FROM {_OPEN_ROOTS} AND status = 'paused'"
        " AND trashed_at IS NULL AND cause = ? AND instr(error, ?) > 0 ORDER BY id",
        (Cause.SIGN_IN, f"“{which.name}”"),
    )
    return tuple(job_id for (job_id,) in rows)


def needed(connection: sqlite3.Connection) -> tuple[Credential, ...]:
    """Return the credentials of what the roots collect for that are pending or running, each once."""
    rows = connection.execute(f"SELECT id FROM {_OPEN_ROOTS} AND status <> 'paused' AND trashed_at IS NULL").fetchall()
    return needed_by(connection, [job_id for (job_id,) in rows])


def needed_by(connection: sqlite3.Connection, root_ids: Sequence[int]) -> tuple[Credential, ...]:
    """Return the credentials of what these roots collect for, each once."""
    found: dict[int, Credential] = {}
    for root_id in root_ids:
        row = connection.execute(
            "SELECT source_id, config FROM jobs WHERE id = ? AND parent_id IS NULL", (storable_integer(root_id),)
        ).fetchone()
        if row is None:
            continue
        for source_id, origin in _collected_for(row[0], row[1]):
            each = credential_of(connection, source_id, origin)
            if each is not None:
                found[each.id] = each
    return tuple(found.values())


_LOOKED_THROUGH = 200


def pages_stored(connection: sqlite3.Connection, root_id: int, origin: str, most: int) -> tuple[str, ...]:
    """Return pages of an origin that a root stored, the latest first: among its last ones, and at most *most*."""
    rows = connection.execute(
        "SELECT url FROM (SELECT id, url, document_id FROM jobs INDEXED BY jobs_children WHERE parent_id = ?"
        " AND status = 'completed' ORDER BY id DESC LIMIT ?)"
        " WHERE document_id IS NOT NULL AND url >= ? AND url < ? ORDER BY id DESC LIMIT ?",
        # A slash is followed by a zero: all that begins with the origin and a slash.
        (root_id, _LOOKED_THROUGH, f"{origin}/", f"{origin}0", most),
    )
    return tuple(url for (url,) in rows)


class _Seeds(msgspec.Struct):
    """As much of a crawl's configuration as says where it starts."""

    seeds: tuple[str, ...] = ()


class _Step(msgspec.Struct):
    source_id: int | None = None
    crawl: _Seeds | None = None


class _Snapshot(msgspec.Struct):
    """As much of a root's configuration as says what it collects for: a crawl has seeds, a definition's run steps."""

    seeds: tuple[str, ...] = ()
    steps: tuple[_Step, ...] = ()


def _collected_for(root_source: int | None, config: str | None) -> list[tuple[int | None, str]]:
    try:
        snapshot = msgspec.json.decode(config or "{}", type=_Snapshot)
    except msgspec.MsgspecError:
        return [(root_source, "")]
    crawls = [(step.source_id, step.crawl.seeds) for step in snapshot.steps if step.crawl is not None]
    if not snapshot.steps:
        crawls = [(None, snapshot.seeds)]
    return [
        (root_source if source_id is None else source_id, urls.origin_of(seeds[0]) if seeds else "")
        for source_id, seeds in crawls
    ]


# --- sources ----------------------------------------------------------------------------------------------------------


def sources(connection: sqlite3.Connection) -> tuple[Source, ...]:
    """Return all sources by name, those that people made before those that crawls made."""
    rows = connection.execute(f"{_WITH_CREDENTIAL} ORDER BY s.automatic, s.name COLLATE NOCASE, s.id")
    return tuple(_source(row) for row in rows)


def names(connection: sqlite3.Connection, limit: int) -> list[SourceName]:
    """Return the sources that are switched on by name, at most *limit*."""
    rows = connection.execute(
        "SELECT id, name, base_url FROM sources WHERE enabled = 1 ORDER BY name COLLATE NOCASE, id LIMIT ?", (limit,)
    )
    return [SourceName(id=source_id, name=name, base_url=base_url) for source_id, name, base_url in rows]


def source(connection: sqlite3.Connection, source_id: int) -> Source:
    """Return one.

    Raises:
        NotFoundError: there is none.
    """
    row = connection.execute(f"{_WITH_CREDENTIAL} WHERE s.id = ?", (storable_integer(source_id),)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no source {source_id}.", "List them with: quaero sources list")
    return _source(row)


def add_source(tx: Tx, new: NewSource) -> int:
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


def update_source(tx: Tx, source_id: int, new: NewSource) -> None:
    """Store a source, checked before, in the place of another one.

    One that a crawl made keeps its address, by which the next crawls find it.

    Raises:
        NotFoundError: there is none of that id.
        NotAllowedError: another address for one that a crawl made.
        FieldError: there is no such credential.
    """
    before = source(tx.connection, source_id)
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
    found = source(connection, source_id)
    jobs, open_jobs = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE status IN ('pending', 'running', 'paused')) FROM jobs"
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
            f"SELECT count(*) FROM {_OPEN_ROOTS} AND source_id IS NULL AND trashed_at IS NULL AND EXISTS"
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
            f"The source “{plan.name}” cannot be deleted while {_count(plan.open_jobs, 'job')} of it"
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
            f"The source “{plan.name}” has {_count(plan.documents, 'document')}, which would go with it.",
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
    some = _encode(ids).decode()
    # Its pages completed, and why they have no document must still be said.
    tx.execute(
        "UPDATE jobs SET result = json_set(coalesce(result, '{}'), '$.deleted', json('true')), revision = ?"
        " WHERE document_id IN (SELECT value FROM json_each(?)) AND type = ?",
        (tx.revision, some, JobType.CRAWLER_URL),
    )
    tx.execute("DELETE FROM documents WHERE id IN (SELECT value FROM json_each(?))", (some,))
    return int(tx.value("SELECT count(*) FROM documents WHERE source_id = ?", (source_id,)))


def delete_source(tx: Tx, source_id: int) -> None:
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


def _credential(row: Sequence[Any]) -> Credential:
    return Credential(
        id=row[0],
        name=row[1],
        origin=row[2],
        kind=CredentialKind(row[3]),
        kept=row[4] is not None,
        tail=row[5],
        login_url=row[6],
        created_at=row[7],
        updated_at=row[8],
        reference=row[4],
    )


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
        credential=None if row[_SOURCE_COLUMNS] is None else _credential(row[_SOURCE_COLUMNS:]),
    )


def _rules(source_id: int, text: str) -> SourceRules:
    try:
        return msgspec.json.decode(text, type=SourceRules)
    except msgspec.MsgspecError:
        # A source that an import, or another version, wrote must not hide all others.
        _diagnostics.warning("the rules of source %d cannot be read; it has none now", source_id)
        return SourceRules()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' if number != 1 else ''}"
