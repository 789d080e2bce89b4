"""What each step of a root is to do: read from the snapshot that the root carries, and remembered while it runs."""

import logging
import sqlite3
from typing import Any

import msgspec

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import NO_STEP, Action, RunConfig
from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.jobs import JobType
from quaero_desktop.domain.ports import RootPlan
from quaero_desktop.domain.sources import Credential, CredentialKind
from quaero_desktop.domain.urls import origin_of
from quaero_desktop.storage.database import Tx

_diagnostics = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class StepPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What one step of a root is to do.

    Attributes:
        config: of a crawl; of other actions, what crawls begin with.
        action: what is done; empty for what precedes the steps.
        options: of the action.
        source_id: what a step of a run collects for. None makes a source for each origin, and in a plain crawl takes
            that of its root.
    """

    config: CrawlConfig
    action: str = Action.CRAWL
    options: dict[str, Any] = {}
    source_id: int | None = None


class Plans:
    """Remembers what the steps of running roots are to do; touched on the writer's thread alone, but to undo.

    The snapshot of a root never changes but by a change of its rules.
    """

    def __init__(self) -> None:
        self._steps: dict[tuple[int, int], StepPlan] = {}
        self._runs: dict[int, RunConfig | None] = {}

    def of(self, tx: Tx, root_id: int, step: int) -> StepPlan:
        """Return what a step of a root is to do."""
        plan = self._steps.get((root_id, step))
        if plan is None:
            run = self.run(tx, root_id)
            if run is not None:
                plan = _step_plan(run, step)
            else:
                plan = StepPlan(
                    config=_decode_crawl(tx.value("SELECT config FROM jobs WHERE id = ?", (root_id,))),
                )
            self._steps[root_id, step] = plan
        return plan

    def run(self, tx: Tx, root_id: int) -> RunConfig | None:
        """Return the snapshot that the run of a definition carries; None for any other root."""
        if root_id not in self._runs:
            job_type, config = tx.execute("SELECT type, config FROM jobs WHERE id = ?", (root_id,)).fetchone()
            self._runs[root_id] = _decode_run(config) if job_type == JobType.DEFINITION_RUN else None
        return self._runs[root_id]

    def change_crawl(self, tx: Tx, root_id: int, step: int, config: CrawlConfig) -> None:
        """Store and remember another configuration of one crawl."""
        run = self.run(tx, root_id)
        stored: CrawlConfig | RunConfig = config
        if run is not None:
            steps = list(run.steps)
            steps[step - 1] = msgspec.structs.replace(steps[step - 1], crawl=config)
            stored = self._runs[root_id] = msgspec.structs.replace(run, steps=tuple(steps))
        tx.execute("UPDATE jobs SET config = ? WHERE id = ?", (_encode(stored).decode(), root_id))
        self._steps[root_id, step] = msgspec.structs.replace(self.of(tx, root_id, step), config=config)

    def forget(self, root_id: int) -> None:
        """Forget a root that ended."""
        if self._runs.pop(root_id, None) is None:
            self._steps.pop((root_id, NO_STEP), None)
        else:
            for key in [key for key in self._steps if key[0] == root_id]:
                del self._steps[key]


def read(connection: sqlite3.Connection, root_id: int, step: int) -> RootPlan:
    """Read what the engine needs to run jobs of a step of a root.

    Raises:
        NotFoundError: there is no such root.
    """
    row = connection.execute(
        "SELECT config, type, source_id FROM jobs WHERE id = ? AND parent_id IS NULL", (root_id,)
    ).fetchone()
    if row is None or row[0] is None:
        raise NotFoundError(f"There is no root job {root_id}.")
    config, job_type, root_source = row
    if job_type == JobType.DEFINITION_RUN:
        plan = _step_plan(_decode_run(config), step)
    else:
        plan = StepPlan(config=_decode_crawl(config))
    source_id = root_source if plan.source_id is None else plan.source_id
    pages = connection.execute(
        "SELECT url FROM jobs WHERE parent_id = ? AND type = ? AND depth = 0 AND step = ?",
        (root_id, JobType.CRAWLER_URL, step),
    )
    return RootPlan(
        root_id,
        plan.config,
        tuple(url for (url,) in pages),
        step=step,
        action=plan.action,
        options=plan.options,
        source_id=source_id,
        credential=_credential(connection, source_id, plan.config),
    )


def _step_plan(run: RunConfig, step: int) -> StepPlan:
    config = msgspec.structs.replace(run.defaults, max_attempts=run.max_attempts)
    if not 0 < step <= len(run.steps):
        return StepPlan(config=config, action="")
    what = run.steps[step - 1]
    return StepPlan(
        config=config if what.crawl is None else what.crawl,
        action=what.action,
        options=what.config,
        source_id=what.source_id,
    )


def _decode_crawl(text: str) -> CrawlConfig:
    try:
        return msgspec.json.decode(text, type=CrawlConfig)
    except msgspec.MsgspecError:
        # One root whose snapshot makes no sense must not stop all others; its pages go on under the defaults.
        _diagnostics.exception("the configuration of a root cannot be read; the defaults are used")
        return CrawlConfig(seeds=())


def _decode_run(text: str | None) -> RunConfig:
    try:
        return msgspec.json.decode(text or "", type=RunConfig)
    except msgspec.MsgspecError:
        # It ends, since it has nothing to do.
        _diagnostics.exception("the configuration of a run cannot be read")
        return RunConfig(definition="", steps=())


def _credential(connection: sqlite3.Connection, source_id: int | None, config: CrawlConfig) -> Credential | None:
    """Return what the site asks for: that of the source, which may be the one made for the origin of the start."""
    origin = origin_of(config.seeds[0]) if config.seeds else ""
    row = connection.execute(
        "SELECT c.id, c.name, c.origin, c.kind, c.keyring_id IS NOT NULL, c.tail, c.login_url, c.created_at,"
        " c.updated_at FROM sources s JOIN credentials c ON c.id = s.credential_id"
        " WHERE s.id = coalesce(:source, (SELECT id FROM sources WHERE base_url = :origin AND automatic = 1))",
        {"source": source_id, "origin": origin},
    ).fetchone()
    if row is None:
        return None
    return Credential(
        id=row[0],
        name=row[1],
        origin=row[2],
        kind=CredentialKind(row[3]),
        kept=bool(row[4]),
        tail=row[5],
        login_url=row[6],
        created_at=row[7],
        updated_at=row[8],
    )
