"""Roots that are started again as they were, by their stored set-ups; and whether those can be read at all (J10)."""

from typing import TypeVar

import msgspec

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import RunConfig
from quaero_desktop.domain.errors import NotAllowedError, NotFoundError
from quaero_desktop.domain.jobs import JobType
from quaero_desktop.domain.ports import NewRoot
from quaero_desktop.domain.text import storable_integer
from quaero_desktop.storage.database import Tx

T = TypeVar("T", CrawlConfig, RunConfig)


def _snapshot(tx: Tx, root_id: int, what: str) -> str:
    """Return the stored configuration of a root that is to be *what*: retried, say.

    Raises:
        NotFoundError: there is no such job.
        NotAllowedError: it is no root, has none, or lies in the trash.
    """
    row = tx.one("SELECT parent_id, config, trashed_at, origin FROM jobs WHERE id = ?", (storable_integer(root_id),))
    if row is None:
        raise NotFoundError(f"There is no job {root_id}.")
    parent_id, trashed_at, origin = row[0], row[2], row[3]
    stored: str | None = row[1]
    if parent_id is not None:
        raise NotAllowedError(
            f"Job {root_id} is a page of job {parent_id}; only a whole crawl can be {what}.",
            f"Retry the page, or run its crawl, job {parent_id}, again.",
        )
    if trashed_at is not None:
        raise NotAllowedError(f"Job {root_id} is in the trash, so it cannot be {what}.", "Restore it first.")
    if stored is None:
        why = "was imported without its set-up" if origin == "legacy" else "is no crawl"
        raise NotAllowedError(f"Job {root_id} {why}, so it cannot be {what}.", "Start a new crawl of its address.")
    return stored


def _crawl_configuration(tx: Tx, root_id: int, what: str) -> CrawlConfig:
    """Return the configuration of a crawl that is to be *what*: run again, say.

    Raises:
        NotFoundError: there is no such job.
        NotAllowedError: it is no crawl, or none that can be read, or lies in the trash.
    """
    return _read(_snapshot(tx, root_id, what), CrawlConfig, root_id, what, "Start a new crawl of its address.")


def run_configuration(tx: Tx, root_id: int, what: str) -> RunConfig:
    """Return the snapshot of a run that is to be *what*: run again, say.

    Raises:
        NotFoundError: there is no such job.
        NotAllowedError: its snapshot cannot be read, or it lies in the trash.
    """
    return _read(_snapshot(tx, root_id, what), RunConfig, root_id, what, "Run its definition.")


def check_root(tx: Tx, root_id: int, what: str) -> None:
    """Refuse to do something to a root whose configuration is missing or cannot be read.

    Raises:
        NotFoundError: there is no such job.
        NotAllowedError: it is no root, or none that can be read, or lies in the trash.
    """
    read = run_configuration if is_run(tx, root_id) else _crawl_configuration
    read(tx, root_id, what)


def is_run(tx: Tx, root_id: int) -> bool:
    """Return whether a job is the run of a definition."""
    row = tx.one("SELECT type, parent_id FROM jobs WHERE id = ?", (storable_integer(root_id),))
    return row is not None and row[0] == JobType.DEFINITION_RUN and row[1] is None


def _read(stored: str, kind: type[T], root_id: int, what: str, hint: str) -> T:
    try:
        return msgspec.json.decode(stored, type=kind)
    except msgspec.MsgspecError as error:
        raise NotAllowedError(f"The set-up of job {root_id} cannot be read, so it cannot be {what}.", hint) from error


def repeated(tx: Tx, root_id: int) -> NewRoot:
    """Return the root that does what another one was asked to do: its configuration as it is stored, and its links.

    Raises:
        NotFoundError: there is no such job.
        NotAllowedError: it is no crawl, or none that can be read, or lies in the trash.
    """
    config = _crawl_configuration(tx, root_id, "run again")
    row = tx.one("SELECT type, name, source_id, definition_id FROM jobs WHERE id = ?", (root_id,))
    assert row is not None
    checked = tx.one("SELECT 1 FROM child_counts WHERE parent_id = ? AND type = ?", (root_id, JobType.VALIDATE))
    return NewRoot(
        type=row[0],
        name=row[1] or "",
        config=config,
        source_id=row[2],
        definition_id=row[3],
        rerun_of=root_id,
        validated=checked is not None,
    )
