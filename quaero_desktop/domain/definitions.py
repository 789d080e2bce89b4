"""Job definitions: named recipes of ordered steps, and the snapshot of one that a run carries along (J3, J4)."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.errors import FieldError
from quaero_desktop.domain.fields import check_among, quoted
from quaero_desktop.domain.jobs import Phase

NO_STEP = 0
"""The step of the children of a crawl, which has no steps; those of a definition's run are counted from 1."""

MAX_STEPS = 100
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
_MOST_SECONDS = 366 * 86_400


class Action(StrEnum):
    """What a step can do."""

    CRAWL = "crawl"
    TRANSFORM = "transform"
    SUMMARISE = "summarise"
    CORPUS_SUMMARY = "corpus_summary"
    REINDEX = "reindex"
    CLEANUP = "cleanup"


PHASE_OF = {
    Action.CRAWL: Phase.CORE,
    Action.TRANSFORM: Phase.CORE,
    Action.SUMMARISE: Phase.CORE,
    Action.CORPUS_SUMMARY: Phase.POST,
    Action.REINDEX: Phase.POST,
    Action.CLEANUP: Phase.POST,
}
"""The phase in the life of a root that the jobs of each action belong to (J5)."""


class OnError(StrEnum):
    """What follows when a step fails."""

    CONTINUE = "continue"
    FAIL = "fail"
    RETRY = "retry"


class FailureAction(StrEnum):
    """What follows when more children failed than are tolerated."""

    STOP_ALL = "stop_all"
    CONTINUE = "continue"
    MARK_WARNING = "mark_warning"


class DefinitionType(StrEnum):
    """What a definition is for: a word for people, which changes nothing."""

    CRAWLER = "crawler"
    SUMMARISER = "summariser"
    CUSTOM = "custom"


class ErrorTolerance(msgspec.Struct, frozen=True, kw_only=True):
    """How many children may fail, and what follows when more do. It acts while the run is under way."""

    max_child_failures: int
    failure_action: str = FailureAction.STOP_ALL


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a definition.

    Attributes:
        action: text, since an unknown one in an old row must fail with a clear error, and not at reading it.
        config: the options of the action; which ones there are says :mod:`quaero_desktop.domain.stepoptions`.
    """

    name: str
    action: str
    on_error: str = OnError.FAIL
    config: dict[str, Any] = {}


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A named recipe: what is stored as the body of its row.

    Attributes:
        schedule: a cron expression of five fields; empty for manual only.
        timeout: how long a run may take, like ``10m`` or ``1h30m``; empty for any time.
        enabled: whether it may run at all.
        auto_start: whether it runs each time that Quaero starts.
        sources: ids of the sources that its crawls collect for.
        pre_jobs, post_jobs: ids of definitions that run before, and after it completed.
        error_tolerance: None for any number of failures.
    """

    name: str
    type: str = DefinitionType.CUSTOM
    description: str = ""
    schedule: str = ""
    timeout: str = ""
    enabled: bool = True
    auto_start: bool = False
    sources: tuple[int, ...] = ()
    pre_jobs: tuple[int, ...] = ()
    post_jobs: tuple[int, ...] = ()
    error_tolerance: ErrorTolerance | None = None
    steps: tuple[Step, ...] = ()


class StoredDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A definition in the library. Times are milliseconds UTC.

    Attributes:
        schedule_paused: whether the schedule rests; it can be run by hand meanwhile.
        last_run: when its last run began; None for never.
        last_job: the root of that run, if it is still there.
        problem: why the row cannot be used as it is (it comes from an import, or an older version), or empty.
    """

    id: int
    definition: Definition
    schedule_paused: bool
    last_run: int | None
    last_job: int | None
    created_at: int
    updated_at: int
    problem: str = ""


class RunStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a run, with everything resolved when the run began.

    Attributes:
        crawl: of a ``crawl``: its whole configuration.
        source_id: of a ``crawl``: the source it collects for; None makes one for each origin.
    """

    name: str
    action: str
    on_error: str = OnError.FAIL
    config: dict[str, Any] = {}
    crawl: CrawlConfig | None = None
    source_id: int | None = None


class RunConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshot of a definition that its run's root carries, and that a rerun repeats (J10).

    Attributes:
        definition: what it was called.
        steps: in order; a crawl of several sources is a step for each.
        timeout_ms: how long the run may take; None for any time.
        tolerance: of failed children.
        pre_jobs, post_jobs: ids of definitions.
        max_attempts: how often a job that is no page is tried.
        defaults: what crawl steps began with, for the definitions that this one triggers.
        sources: what its steps are about where none of them crawls; empty for all that there is.
    """

    definition: str
    steps: tuple[RunStep, ...]
    timeout_ms: int | None = None
    tolerance: ErrorTolerance | None = None
    pre_jobs: tuple[int, ...] = ()
    post_jobs: tuple[int, ...] = ()
    max_attempts: int = 4
    defaults: CrawlConfig = CrawlConfig(seeds=())
    sources: tuple[int, ...] = ()


class StepState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a step of a run is.

    Attributes:
        number: counted from 1.
        status: pending, running, completed, failed, skipped or cancelled.
        tries: how often it was begun; more than one after ``on_error = "retry"``.
        documents: how many documents it stored or changed.
        error: why it failed, or was skipped.
        retry_at: when it is tried again, in milliseconds UTC.
    """

    number: int
    name: str
    action: str
    status: str = "pending"
    tries: int = 0
    documents: int = 0
    started_at: int | None = None
    completed_at: int | None = None
    error: str | None = None
    retry_at: int | None = None


def parse_duration(text: str) -> int:
    """Return the milliseconds of a timeout like ``90s``, ``10m`` or ``1h30m``.

    Raises:
        FieldError: it is none, or longer than a year.
    """
    match = _DURATION.fullmatch(text.strip())
    if not match or not any(match.groups()):
        raise FieldError(
            "timeout", f"timeout is {quoted(text)}, which is no duration.", "Write it like 10m, 1h30m or 2d."
        )
    days, hours, minutes, seconds = (int(part[:9]) if part else 0 for part in match.groups())
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if not 0 < total <= _MOST_SECONDS:
        raise FieldError("timeout", f"timeout is {quoted(text)}; it must be between 1s and 366d.")
    return total * 1000


def check_step_shape(step: Step, number: int) -> None:
    """Refuse a step without a name, or with an unknown action or way to go on.

    Raises:
        FieldError: naming the field.
    """
    if not step.name.strip():
        raise FieldError(f"steps[{number}].name", f"steps[{number}].name is empty.")
    check_among(f"steps[{number}].action", step.action, tuple(Action))
    check_among(f"steps[{number}].on_error", step.on_error, tuple(OnError))


def find_circle(start: int, edges: Mapping[int, Sequence[int]]) -> tuple[int, ...]:
    """Return a way along *edges* from *start* back to it, with it at both ends; empty when there is none.

    Args:
        start: the id of a definition.
        edges: which definitions each one runs, before or after itself.
    """
    came_from: dict[int, int] = {}
    waiting = [start]
    while waiting:
        here = waiting.pop()
        for there in edges.get(here, ()):
            if there == start:
                way = [start, here]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way))
            if there not in came_from:
                came_from[there] = here
                waiting.append(there)
    return ()
