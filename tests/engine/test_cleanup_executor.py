"""O3 as a step of a definition: the executor of ``cleanup`` goes by the service, and tells what came of it."""

from datetime import UTC
from typing import Any

import pytest

from quaero_desktop.domain.cleanup import Cleanup, CleanupError, CleanupRoot
from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.deletion import DeletionFailure
from quaero_desktop.domain.jobs import Cause, JobRef
from quaero_desktop.domain.outcomes import Failed, Recorded
from quaero_desktop.engine.executors.cleanup import CleanupExecutor
from quaero_desktop.engine.roots import RootContext

JOB = JobRef(2, 1, "cleanup", None, 0, 1, {})


def root_with(options: dict[str, Any]) -> RootContext:
    return RootContext(1, CrawlConfig(seeds=()), (), step=1, action="cleanup", options=options)


def executor(asked: list[Any], came: Cleanup) -> CleanupExecutor:
    async def clean_up(older_than_ms: int, statuses: tuple[str, ...], *, gently: bool) -> Cleanup:
        asked.append((older_than_ms, statuses, gently))
        if came.failed:
            raise CleanupError(came)
        return came

    return CleanupExecutor(clean_up, lambda: UTC)


def old(number: int) -> CleanupRoot:
    return CleanupRoot(id=number, name="old", status="failed", ended_at=5, jobs=10)


@pytest.mark.parametrize(
    ("cleanup", "said"),
    [
        (Cleanup(before=7), "Nothing ended before 1970-01-01 00:00."),
        (Cleanup(before=7, roots=(old(1),), jobs=1), "Deleted 1 job that ended before 1970-01-01 00:00."),
        (
            Cleanup(before=7, roots=(old(1), old(2)), jobs=1200),
            "Deleted 2 jobs that ended before 1970-01-01 00:00, with 1,198 below.",
        ),
    ],
)
async def test_it_asks_the_service_gently_and_says_what_went(cleanup, said):
    asked: list[Any] = []
    outcome = await executor(asked, cleanup).run(JOB, root_with({"older_than": "30d", "status": ["failed"]}))
    assert asked == [(30 * 86_400_000, ("failed",), True)]
    assert isinstance(outcome, Recorded)
    assert outcome.message == said
    assert outcome.result == {"roots": len(cleanup.roots), "jobs": cleanup.jobs, "before": 7}


async def test_what_cannot_be_deleted_fails_the_step_and_is_named():
    stuck = Cleanup(before=7, roots=(old(1),), jobs=1, failed=(DeletionFailure(id=9, error="locked"),))
    outcome = await executor([], stuck).run(JOB, root_with({"older_than": "30d"}))
    assert isinstance(outcome, Failed)
    assert "9" in outcome.message
    assert not outcome.retryable


async def test_options_of_an_old_row_that_make_no_sense_fail_the_step():
    asked: list[Any] = []
    outcome = await executor(asked, Cleanup(before=7)).run(JOB, root_with({"older_than": "a while"}))
    assert isinstance(outcome, Failed)
    assert (outcome.cause, asked) == (Cause.BAD_PAYLOAD, [])
    assert "config.older_than" in outcome.message
