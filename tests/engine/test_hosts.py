"""Hosts in trouble: which failures are theirs, how long they rest, and when a root is paused."""

import pytest

from quaero_desktop.domain.jobs import Cause, JobRef, SkipReason
from quaero_desktop.domain.outcomes import Failed, Outcome, Recorded, Snoozed, Withdrawn
from quaero_desktop.domain.ports import Assignment
from quaero_desktop.domain.queue import Delivery, Receipt
from quaero_desktop.engine.hosts import MAX_REST_MS, MAX_UNCOUNTED, Hosts
from tests.support.clock import ManualClock

LANE = "https://name.test"
UNREACHABLE = Failed(cause=Cause.CONNECT, message="The server refused the connection.", retryable=True, hold_ms=5_000)
BROKEN = Failed(cause=Cause.HTTP_SERVER_ERROR, message="The server had a problem (500).", status=500, retryable=True)


def at(job: int, *, lane: str = LANE, root: int = 1, tries: int = 1) -> Assignment:
    delivery = Delivery(
        receipt=Receipt(job, 1, "me"), type="crawler_url", payload={}, job_id=job, root_id=root, lane=lane, priority=0,
        tries=tries, crashes=0, lease_until=0,
    )  # fmt: skip
    return Assignment(delivery, JobRef(job, root, "crawler_url", f"{lane}/{job}", 0, 1, {}))


TRIES = 4


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def hosts(clock: ManualClock) -> Hosts:
    return Hosts(clock, 4)


def test_the_row_ends_in_a_pause_with_a_reason_and_begins_anew(hosts: Hosts, clock: ManualClock) -> None:
    for _ in range(2):
        pauses = [hosts.judge(at(job), UNREACHABLE, TRIES).pause for job in range(4)]
        assert pauses == [None, None, None, "name.test failed 4 times in a row: The server refused the connection."]


@pytest.mark.parametrize(
    "answer",
    [
        Recorded(result={}, status=301),
        Failed(cause=Cause.NOT_FOUND, message="", status=404),
        Failed(cause=Cause.PARSE, message="", status=200),
    ],
)
def test_any_answer_ends_the_row(hosts: Hosts, answer: Outcome) -> None:
    for job in range(20):
        assert hosts.judge(at(job), UNREACHABLE if job % 4 else answer, TRIES).pause is None


def test_what_asked_nobody_does_not_end_it(hosts: Hosts) -> None:
    for job in range(3):
        hosts.judge(at(job), UNREACHABLE, TRIES)
        hosts.judge(at(job + 10), Withdrawn(reason=SkipReason.ROBOTS, rule=""), TRIES)
        hosts.judge(at(job + 20), Snoozed(until=0, reason=""), TRIES)
    assert hosts.judge(at(3), UNREACHABLE, TRIES).pause is not None


def test_hosts_and_roots_have_rows_of_their_own(hosts: Hosts) -> None:
    for job in range(3):
        for lane in (LANE, "https://other.test"):
            for root in (1, 2):
                assert hosts.judge(at(job, lane=lane, root=root), UNREACHABLE, TRIES).pause is None


def test_a_page_that_breaks_its_server_counts_once_and_keeps_its_tries(hosts: Hosts) -> None:
    for tries in range(1, 20):
        judgement = hosts.judge(at(1, tries=tries), BROKEN, TRIES)
        assert (judgement.outcome, judgement.pause, judgement.rest_until) == (BROKEN, None, None)
    assert [hosts.judge(at(job), BROKEN, TRIES).pause is None for job in (2, 3, 4)] == [True, True, False]


def test_rests_double_and_what_failed_together_is_one(clock: ManualClock) -> None:
    hosts = Hosts(clock, 0)
    rests = []
    for job in range(6):
        judged = [hosts.judge(at(10 * job + each), UNREACHABLE, TRIES) for each in range(2)]
        assert judged[0] == judged[1]
        assert judged[0].rest_until is not None
        rests.append(judged[0].rest_until - clock.now_ms())
        assert judged[0].outcome == Snoozed(until=judged[0].rest_until, reason=UNREACHABLE.message)
        clock.advance(rests[-1] / 1000)
    assert rests == [5_000, 10_000, 20_000, 40_000, MAX_REST_MS, MAX_REST_MS]


def test_a_host_that_names_a_time_gets_just_that(clock: ManualClock) -> None:
    hosts = Hosts(clock, 0)
    asked = Failed(
        cause=Cause.RATE_LIMITED, message="", status=429, retryable=True, retry_after_ms=90_000, hold_ms=90_000
    )
    for job in range(5):
        assert hosts.judge(at(job), asked, TRIES).rest_until == clock.now_ms() + 90_000
        clock.advance(90)


def test_one_page_that_is_always_refused_loses_its_tries_in_the_end(hosts: Hosts, clock: ManualClock) -> None:
    outcomes = []
    for _ in range(MAX_UNCOUNTED + 2):
        outcomes.append(hosts.judge(at(1), UNREACHABLE, TRIES).outcome)
        hosts.judge(at(2), Recorded(result={}, status=200), TRIES)
        clock.advance(60)
    assert [type(outcome) for outcome in outcomes] == [*[Snoozed] * MAX_UNCOUNTED, Failed, Failed]


def test_what_goes_to_no_host_is_left_as_it_is(hosts: Hosts) -> None:
    for _ in range(9):
        assert hosts.judge(at(1, lane=""), UNREACHABLE, TRIES).outcome is UNREACHABLE


def test_where_a_page_is_tried_once_it_is_tried_once(hosts: Hosts) -> None:
    judgement = hosts.judge(at(1), UNREACHABLE, 1)
    assert judgement.outcome == UNREACHABLE
    assert judgement.rest_until is not None
