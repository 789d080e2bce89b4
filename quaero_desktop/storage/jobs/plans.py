"""What each step of a root is to do: read from the snapshot that the root carries, and remembered while it runs."""

import logging
import sqlite3
from typing import Any

import msgspec

from quaero_desktop.domain.crawl import CrawlConfig, CrawlScope
from quaero_desktop.domain.definitions import NO_STEP, Action, RunConfig
from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.jobs import JobType
from quaero_desktop.domain.ports import RootPlan
from quaero_desktop.domain.urls import origin_of
from quaero_desktop.storage import credentials
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
        # Of the crawls whose rules changed in this run of the engine: pages under way then were told the old ones.
        self._scopes: dict[tuple[int, int], CrawlScope] = {}

    def of(self, tx: Tx, root_id: int, step: int) -> StepPlan:
        """Return what a step of a root is to do."""
        plan = self._steps.get((root_id, step))
        if plan is None:
            run = self.run(tx, root_id)
            if run is not None:
                plan = _step_plan(run, step)
            else:
                plan = StepPlan(config=_decode_crawl(tx.value("SELECT config FROM jobs WHERE id = ?", (root_id,))))
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

    def scope(self, root_id: int, step: int) -> CrawlScope | None:
        """Return what decides about links since the rules of a crawl changed; None when they did not."""
        return self._scopes.get((root_id, step))

    def note_scope(self, root_id: int, step: int, scope: CrawlScope) -> None:
        """Let *scope* decide about the links of a crawl from now on."""
        self._scopes[root_id, step] = scope

    def scopes(self, root_id: int) -> dict[tuple[int, int], CrawlScope]:
        """Return what is noted of a root's scopes, for :meth:`remember`."""
        return {key: scope for key, scope in self._scopes.items() if key[0] == root_id}

    def remember(self, scopes: dict[tuple[int, int], CrawlScope]) -> None:
        """Note scopes once more, after a transaction was rolled back."""
        self._scopes.update(scopes)

    def forget(self, root_id: int) -> None:
        """Forget a root that ended."""
        self._scopes = {key: scope for key, scope in self._scopes.items() if key[0] != root_id}
        if self._runs.pop(root_id, None) is None:
            self._steps.pop((root_id, NO_STEP), None)
        else:
            self._steps = {key: plan for key, plan in self._steps.items() if key[0] != root_id}


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
        # Before a step begins it has no pages yet.
        tuple(url for (url,) in pages) or plan.config.seeds,
        step=step,
        action=plan.action,
        options=plan.options,
        source_id=source_id,
        # It may be that of the source which was made for the origin of the start.
        credential=credentials.of_source(
            connection, source_id, origin_of(plan.config.seeds[0]) if plan.config.seeds else ""
        ),
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
