"""Credentials in the library: what may be known of them, and which crawls need one; never a secret.

Functions over a connection read; those over a :class:`Tx` join a running transaction.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.credentials import Credential, CredentialKind
from quaero_desktop.domain.errors import FieldError, NotFoundError
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.text import storable_integer
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.fragments import OPEN_ROOTS

COLUMNS = "c.id, c.name, c.origin, c.kind, c.keyring_id, c.tail, c.login_url, c.created_at, c.updated_at"
"""What :func:`of_row` reads, of ``credentials c``."""


def every(connection: sqlite3.Connection) -> tuple[Credential, ...]:
    """Return all credentials by name."""
    rows = connection.execute(f"SELECT {COLUMNS} FROM credentials c ORDER BY c.name COLLATE NOCASE, c.id")
    return tuple(of_row(row) for row in rows)


def get(connection: sqlite3.Connection, credential_id: int) -> Credential:
    """Return one.

    Raises:
        NotFoundError: there is none.
    """
    row = connection.execute(
        f"SELECT {COLUMNS} FROM credentials c WHERE c.id = ?", (storable_integer(credential_id),)
    ).fetchone()
    if row is None:
        raise NotFoundError(f"There is no credential {credential_id}.", "List them with: quaero credentials list")
    return of_row(row)


def of_source(connection: sqlite3.Connection, source_id: int | None, origin: str = "") -> Credential | None:
    """Return what the site of a source asks for, or None.

    Args:
        connection: the library.
        source_id: the source; None for the one that was made for *origin*.
        origin: where the crawl starts.
    """
    row = connection.execute(
        f"SELECT {COLUMNS} FROM sources s JOIN credentials c ON c.id = s.credential_id"
        " WHERE s.id = coalesce(:source, (SELECT id FROM sources WHERE base_url = :origin AND automatic = 1))",
        {"source": source_id, "origin": origin},
    ).fetchone()
    return None if row is None else of_row(row)


def add(
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

    Args:
        tx: the running transaction.
        name: what people call it; no other credential's.
        origin: of the site that asks for it.
        kind: what it is.
        tail: the end of its secret, for people to know it by.
        reference: what the keyring has the secret under; None where only the memory of this process has it.
        login_url: where one signs in; empty for unknown.

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


def change(tx: Tx, changed: Credential) -> None:
    """Store a credential in the place of the one with its id.

    Raises:
        NotFoundError: there is none.
        FieldError: the name is another one's.
    """
    get(tx.connection, changed.id)
    _check_free(tx, changed.name, changed.id)
    tx.execute(
        "UPDATE credentials SET name = ?, origin = ?, kind = ?, keyring_id = ?, tail = ?, login_url = ?, updated_at = ?"
        " WHERE id = ?",
        (
            changed.name, changed.origin, changed.kind, changed.reference, changed.tail, changed.login_url, tx.now,
            changed.id,
        ),
    )  # fmt: skip


def delete(tx: Tx, credential_id: int) -> None:
    """Delete one; the sources that had it have none then (X5). Deleting what is gone is a success."""
    tx.execute("DELETE FROM credentials WHERE id = ?", (storable_integer(credential_id),))


def _check_free(tx: Tx, name: str, own: int) -> None:
    if tx.one("SELECT 1 FROM credentials WHERE name = ? AND id <> ?", (name, own)) is not None:
        raise FieldError("name", f"There is a credential “{name}” already.", "Choose another name, or edit that one.")


def waiting_for(connection: sqlite3.Connection, which: Credential) -> tuple[int, ...]:
    """Return the roots that are paused until a credential has a new secret, oldest first."""
    rows = connection.execute(
        f"SELECT id FROM {OPEN_ROOTS} AND status = 'paused'"
        " AND trashed_at IS NULL AND cause = ? AND instr(error, ?) > 0 ORDER BY id",
        (Cause.SIGN_IN, f"“{which.name}”"),
    )
    return tuple(job_id for (job_id,) in rows)


def needed(connection: sqlite3.Connection) -> tuple[Credential, ...]:
    """Return the credentials of what the roots collect for that are pending or running, each once."""
    rows = connection.execute(f"SELECT id FROM {OPEN_ROOTS} AND status <> 'paused' AND trashed_at IS NULL").fetchall()
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
            each = of_source(connection, source_id, origin)
            if each is not None:
                found[each.id] = each
    return tuple(found.values())


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


def of_row(row: Sequence[Any]) -> Credential:
    """Return the credential that :data:`COLUMNS` tell of."""
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
