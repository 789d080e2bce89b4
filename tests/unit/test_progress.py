"""The progress of a crawl from snapshots of its root (J9)."""

import msgspec
import pytest

from quaero_desktop.domain.jobs import Job
from quaero_desktop.domain.progress import WINDOW_MS, ProgressMeter

ROOT = Job(
    id=1, parent_id=None, root_id=1, type="crawl", phase="core", status="running", name="a crawl", url=None,
    progress_current=0, progress_total=0, child_count=0, completed_children=0, failed_children=0, children={}, pages=0,
    warnings=0, created_at=0, started_at=0, completed_at=None, error=None, cause=None, payload={}, result=None,
    definition_id=None, source_id=None, rerun_of=None, triggered_by=None, attempt=1, depth=0, revision=1,
)  # fmt: skip


def snapshot(ended: int, total: int = 100, failed: int = 0) -> Job:
    children = {"completed": ended - failed, "failed": failed, "pending": total - ended}
    return msgspec.structs.replace(ROOT, progress_current=ended, progress_total=total, children=children)


def test_the_first_snapshot_has_no_rate_and_no_end_in_sight():
    progress = ProgressMeter().update(snapshot(10, failed=2), 5_000)
    assert (progress.done, progress.failed, progress.queued) == (8, 2, 90)
    assert (progress.rate, progress.eta_seconds) == (0.0, None)


def test_the_rate_is_that_of_the_pages_that_ended_and_tells_when_the_rest_will_have():
    meter = ProgressMeter()
    meter.update(snapshot(0), 0)
    progress = meter.update(snapshot(20), 2_000)
    assert progress.rate == 10
    assert progress.eta_seconds == 8


def test_only_the_last_ten_seconds_count():
    meter = ProgressMeter()
    meter.update(snapshot(0), 0)
    for second in range(1, 11):
        meter.update(snapshot(second * 5), second * 1_000)
    for second in range(11, 31):
        progress = meter.update(snapshot(50), second * 1_000)
    assert (progress.rate, progress.eta_seconds) == (0.0, None)
    assert WINDOW_MS == 10_000


def test_after_a_gap_the_rate_starts_anew():
    meter = ProgressMeter()
    meter.update(snapshot(0), 0)
    assert meter.update(snapshot(90), 3_600_000).rate == 0.0
    assert meter.update(snapshot(95), 3_601_000).rate == 5


@pytest.mark.parametrize("now", [5_000, 4_000])
def test_a_clock_that_stands_still_or_goes_back_does_no_harm(now):
    meter = ProgressMeter()
    meter.update(snapshot(0), 5_000)
    progress = meter.update(snapshot(10), now)
    assert (progress.rate, progress.eta_seconds) == (0.0, None)


def test_at_the_end_nothing_is_left_to_wait_for():
    meter = ProgressMeter()
    meter.update(snapshot(50), 0)
    progress = meter.update(snapshot(100), 1_000)
    assert (progress.queued, progress.eta_seconds) == (0, 0.0)
