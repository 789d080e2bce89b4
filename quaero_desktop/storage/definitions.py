"""Stored definitions: kept, looked up, and what a run of one does (J3, J4).

What is saved is checked in the very transaction that saves it: a source, or another definition, that it names cannot go
meanwhile, and no two can close a circle.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import Action, Definition, RunConfig, Step, StoredDefinition, find_circle
from quaero_desktop.domain.errors import FieldError, KnownError, NotAllowedError, NotFoundError, UsageError
from quaero_desktop.domain.runplan import check_definition, check_name_free, plan_run
from quaero_desktop.domain.text import single_line, storable, storable_integer
from quaero_desktop.storage import sources
from quaero_desktop.storage.database import Database, Tx
from quaero_desktop.storage.fragments import AMONG, json_list

_encode = msgspec.json.Encoder().encode
_NO_DEFAULTS = CrawlConfig(seeds=())
_COLUMNS = (
    "d.id, d.name, d.body, d.enabled, d.schedule_paused, d.last_run, d.created_at, d.updated_at,"
    " (SELECT max(j.id) FROM jobs j WHERE j.definition_id = d.id AND j.parent_id IS NULL AND j.trashed_at IS NULL)"
)


class DeletedDefinition(msgspec.Struct, frozen=True):
    """A definition that was deleted and can be brought back: its row, and the jobs that were its runs."""

    row: tuple[Any, ...]
    jobs: tuple[int, ...]


class Definitions:
    """The definitions of a library.

    Args:
        database: the open library.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> tuple[StoredDefinition, ...]:
        """Return all definitions by name."""
        return await self._database.read(_all)

    async def get(self, definition_id: int) -> StoredDefinition:
        """Return one.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.read(lambda connection: stored(connection, definition_id))

    async def runs(self, definition_id: int, limit: int) -> tuple[int, ...]:
        """Return the roots of its runs that are not in the trash, the newest first, at most *limit*."""
        return await self._database.read(lambda connection: _runs(connection, definition_id, limit))

    async def save(self, definition: Definition, definition_id: int | None, defaults: CrawlConfig) -> int:
        """Store a new definition, or put it in the place of another one; return its id.

        Args:
            definition: what is to be stored.
            definition_id: which one it replaces; None for a new one.
            defaults: what its crawls begin with where neither it nor their source says anything.

        Raises:
            NotFoundError: there is none of that id.
            FieldError: something in it makes no sense, does not exist, or closes a circle.
        """
        return await self._database.write(lambda tx: _save(tx, definition, definition_id, defaults))

    async def check(self, definition: Definition, definition_id: int | None, defaults: CrawlConfig) -> None:
        """Raise what :meth:`save` would raise, but for what a later change of the library brings."""
        await self._database.read(lambda connection: _check(connection, definition, definition_id, defaults))

    async def delete(self, definition_id: int) -> DeletedDefinition | None:
        """Delete one; its jobs stay. Deleting what is gone is a success, and there is nothing to bring back then.

        Raises:
            NotAllowedError: others name it.
        """
        return await self._database.write(lambda tx: _delete(tx, definition_id))

    async def restore(self, deleted: DeletedDefinition) -> None:
        """Bring back what :meth:`delete` took, under its number and with its jobs.

        Raises:
            FieldError: its name was taken since, or what it names is gone.
        """
        await self._database.write(lambda tx: _restore(tx, deleted))

    async def enable(self, definition_id: int, on: bool) -> None:
        """Say whether one may run. What its schedule missed meanwhile is not made up for.

        Raises:
            NotFoundError: there is none.
        """
        await self._database.write(lambda tx: _set(tx, definition_id, "enabled", on))

    async def pause_schedule(self, definition_id: int, paused: bool) -> None:
        """Say whether its schedule rests. What it missed meanwhile is not made up for.

        Raises:
            NotFoundError: there is none.
        """
        await self._database.write(lambda tx: _set(tx, definition_id, "schedule_paused", paused))

    async def named(self) -> tuple[dict[int, str], dict[int, str]]:
        """Return the names of all sources that people know, and of all definitions, by their ids."""
        return await self._database.read(_named)


def stored(connection: sqlite3.Connection, definition_id: int) -> StoredDefinition:
    """Return a definition as it is stored.

    Raises:
        NotFoundError: there is none.
    """
    sql = f"SELECT {_COLUMNS} FROM definitions d WHERE d.id = ?"
    row = connection.execute(sql, (storable_integer(definition_id),)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no definition {definition_id}.", "All of them: quaero definitions list")
    return _read(connection, [row])[0]


def plan(connection: sqlite3.Connection, definition_id: int, defaults: CrawlConfig) -> RunConfig:
    """Return what a run of a definition does if it begins now: also inside a transaction.

    Args:
        connection: of the transaction, or a reader's.
        definition_id: which one.
        defaults: what a crawl starts with by the settings.

    Raises:
        NotFoundError: there is no such definition.
        NotAllowedError: it is switched off, or cannot be read.
        FieldError: something in it makes no sense any more.
    """
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM definitions d WHERE d.id = ?", (storable_integer(definition_id),)
    ).fetchone()
    if row is None:
        raise NotFoundError(f"There is no definition {definition_id}.", "All of them: quaero definitions list")
    definition = _decoded(row)
    if isinstance(definition, str):
        raise NotAllowedError(f"The definition “{row[1]}” cannot be run: {definition}", "Make it anew.")
    if not definition.enabled:
        raise NotAllowedError(
            f"The definition “{definition.name}” is switched off.",
            f"Switch it on first: quaero definitions enable {definition_id}",
        )
    if definition.pre_jobs or definition.post_jobs:
        _Others(connection).check_circle(definition, definition_id)
    return plan_run(definition, sources.by_id(connection, definition.sources), defaults)


# --- reading ----------------------------------------------------------------------------------------------------------


def _all(connection: sqlite3.Connection) -> tuple[StoredDefinition, ...]:
    sql = f"SELECT {_COLUMNS} FROM definitions d ORDER BY d.name COLLATE NOCASE, d.id"
    return _read(connection, connection.execute(sql).fetchall())


def _read(connection: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> tuple[StoredDefinition, ...]:
    found = []
    others: _Others | None = None
    for row in rows:
        definition = _decoded(row)
        if isinstance(definition, str):
            problem, definition = definition, Definition(name=row[1], enabled=bool(row[3]))
        else:
            if others is None and (definition.pre_jobs or definition.post_jobs):
                others = _Others(connection)
            problem = _problem(connection, definition, row[0], others)
        found.append(
            StoredDefinition(
                id=row[0],
                definition=definition,
                schedule_paused=bool(row[4]),
                last_run=row[5],
                last_job=row[8],
                created_at=row[6],
                updated_at=row[7],
                problem=problem,
            )
        )
    return tuple(found)


def _decoded(row: Sequence[Any]) -> Definition | str:
    """Return the definition of a row; or why it cannot be read."""
    try:
        definition = msgspec.json.decode(row[2], type=Definition)
    except msgspec.MsgspecError as error:
        return f"what is stored of it cannot be read ({single_line(str(error), 120)})."
    # The columns are what is asked by and switched; the body came with its last change.
    return msgspec.structs.replace(definition, name=row[1], enabled=bool(row[3]))


def _problem(
    connection: sqlite3.Connection, definition: Definition, definition_id: int, others: "_Others | None"
) -> str:
    try:
        check_definition(definition, sources.by_id(connection, definition.sources), _NO_DEFAULTS)
        if others is not None:
            others.check_circle(definition, definition_id)
    except KnownError as error:
        return error.message
    return ""


def _runs(connection: sqlite3.Connection, definition_id: int, limit: int) -> tuple[int, ...]:
    rows = connection.execute(
        "SELECT id FROM jobs WHERE definition_id = ? AND parent_id IS NULL AND trashed_at IS NULL ORDER BY id DESC"
        " LIMIT ?",
        (storable_integer(definition_id), max(limit, 0)),
    )
    return tuple(job_id for (job_id,) in rows)


def _named(connection: sqlite3.Connection) -> tuple[dict[int, str], dict[int, str]]:
    of_sources = connection.execute("SELECT id, name FROM sources ORDER BY id").fetchall()
    definitions = connection.execute("SELECT id, name FROM definitions ORDER BY id").fetchall()
    return {row[0]: row[1] for row in of_sources}, {row[0]: row[1] for row in definitions}


# --- changing ---------------------------------------------------------------------------------------------------------


def _save(tx: Tx, definition: Definition, definition_id: int | None, defaults: CrawlConfig) -> int:
    before = None if definition_id is None else stored(tx.connection, definition_id)
    definition = _tidied(definition)
    _check(tx.connection, definition, definition_id, defaults)
    body = _encode(definition).decode()
    if before is None:
        return int(
            tx.value(
                "INSERT INTO definitions (name, body, enabled, checked_until, created_at, updated_at)"
                " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
                (definition.name, body, definition.enabled, tx.now, tx.now, tx.now),
            )
        )
    # A schedule counts from when it was made, and a definition that was off makes up for nothing.
    anew = before.definition.schedule != definition.schedule or before.definition.enabled != definition.enabled
    tx.execute(
        "UPDATE definitions SET name = ?, body = ?, enabled = ?, updated_at = ?,"
        " checked_until = iif(?, ?, checked_until) WHERE id = ?",
        (definition.name, body, definition.enabled, tx.now, anew, tx.now, before.id),
    )
    return before.id


def _tidied(definition: Definition) -> Definition:
    """Return what is kept of a definition: names on one line, and web addresses without passwords (J8)."""
    return msgspec.structs.replace(
        definition,
        name=single_line(definition.name, 10_000),
        description=storable(definition.description.strip()),
        schedule=" ".join(definition.schedule.split()),
        timeout=definition.timeout.strip(),
        steps=tuple(
            msgspec.structs.replace(step, name=single_line(step.name), config=_tidied_config(step))
            for step in definition.steps
        ),
    )


def _tidied_config(step: Step) -> dict[str, object]:
    config = {name: value for name, value in step.config.items() if value is not None}
    starts = config.get("start_urls")
    if step.action == Action.CRAWL and isinstance(starts, (list, tuple)):
        try:
            config["start_urls"] = [urls.seed(each) for each in starts]
        except (UsageError, TypeError, AttributeError):
            # It is refused in a moment, by its place.
            return config
    return config


def _check(
    connection: sqlite3.Connection, definition: Definition, definition_id: int | None, defaults: CrawlConfig
) -> None:
    check_definition(definition, sources.by_id(connection, definition.sources), defaults)
    names = dict(connection.execute("SELECT id, name FROM definitions ORDER BY id").fetchall())
    check_name_free(definition.name, {other: name for other, name in names.items() if other != definition_id})
    _Others(connection).check_circle(definition, definition_id)


class _Others:
    """All definitions, as far as one that runs others before or after it must know them.

    Attributes:
        edges: which definitions each one runs, before or after itself.
        names: what they are called.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.edges: dict[int, tuple[int, ...]] = {}
        self.names: dict[int, str] = {}
        for row in connection.execute("SELECT id, name, body, enabled FROM definitions").fetchall():
            definition = _decoded(row)
            self.edges[row[0]] = () if isinstance(definition, str) else (*definition.pre_jobs, *definition.post_jobs)
            self.names[row[0]] = row[1]

    def check_circle(self, definition: Definition, definition_id: int | None) -> None:
        """Refuse what names a definition that is not there, or leads back to itself.

        Args:
            definition: what is, or will be, stored.
            definition_id: its id; None for a new one.

        Raises:
            FieldError: it does.
        """
        for field in ("pre_jobs", "post_jobs"):
            for number, each in enumerate(getattr(definition, field), 1):
                place = f"{field}[{number}]"
                if each not in self.edges:
                    raise FieldError(place, f"{place}: there is no definition {each}.")
                # Nobody can name a new one yet.
                circle = (
                    () if definition_id is None else find_circle(definition_id, {**self.edges, definition_id: (each,)})
                )
                if circle:
                    names = {**self.names, circle[0]: definition.name}
                    raise FieldError(
                        place,
                        f"{place}: that is a circle: {' → '.join(names[one] for one in circle)}.",
                        "What runs before or after must not run this one again.",
                    )


def _delete(tx: Tx, definition_id: int) -> DeletedDefinition | None:
    definition_id = storable_integer(definition_id)
    others = _Others(tx.connection)
    users = [key for key, targets in others.edges.items() if definition_id in targets and key != definition_id]
    if users:
        who = ", ".join(f"“{others.names[key]}” ({key})" for key in users[:5])
        more = f" and {len(users) - 5} more" if len(users) > 5 else ""
        raise NotAllowedError(
            f"The definition “{others.names.get(definition_id, definition_id)}” runs before or after {who}{more}.",
            "Take it out of there first.",
        )
    row = tx.one(
        "SELECT id, name, body, enabled, schedule_paused, last_run, legacy_id, created_at FROM definitions"
        " WHERE id = ?",
        (definition_id,),
    )
    if row is None:
        return None
    # Those who watch the jobs see that they belong to none any more.
    jobs = tx.execute(
        "UPDATE jobs SET definition_id = NULL, revision = ? WHERE definition_id = ? RETURNING id",
        (tx.revision, definition_id),
    ).fetchall()
    tx.execute("DELETE FROM definitions WHERE id = ?", (definition_id,))
    return DeletedDefinition(tuple(row), tuple(job_id for (job_id,) in jobs))


def _restore(tx: Tx, deleted: DeletedDefinition) -> None:
    definition = _decoded(deleted.row)
    if not isinstance(definition, str):
        _check(tx.connection, definition, deleted.row[0], _NO_DEFAULTS)
    tx.execute(
        "INSERT INTO definitions (id, name, body, enabled, schedule_paused, last_run, legacy_id, created_at,"
        " checked_until, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*deleted.row, tx.now, tx.now),
    )
    tx.execute(
        f"UPDATE jobs SET definition_id = ?, revision = ? WHERE definition_id IS NULL AND id {AMONG}",
        (deleted.row[0], tx.revision, json_list(deleted.jobs)),
    )


def _set(tx: Tx, definition_id: int, column: str, value: bool) -> None:
    before = tx.one(f"SELECT {column} FROM definitions WHERE id = ?", (storable_integer(definition_id),))
    if before is None:
        raise NotFoundError(f"There is no definition {definition_id}.", "All of them: quaero definitions list")
    if bool(before[0]) != value:
        tx.execute(
            f"UPDATE definitions SET {column} = ?, checked_until = ?, updated_at = ? WHERE id = ?",
            (value, tx.now, tx.now, definition_id),
        )
