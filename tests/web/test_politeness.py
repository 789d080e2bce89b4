"""Who may start where, and when."""

import pytest

from quaero_desktop.domain.errors import BugError
from quaero_desktop.web.politeness import FORGET_AFTER_MS, MAX_ADAPTED_DELAY_MS, Politeness
from tests.support.clock import ManualClock

LANE = "https://name.test"
OTHER = "https://other.test"


@pytest.fixture
def politeness(clock: ManualClock) -> Politeness:
    return Politeness(clock, default_delay_ms=1_000, local_delay_ms=0)


def test_a_root_that_nobody_knows_may_start_one(politeness: Politeness) -> None:
    assert politeness.turns().slots(1, LANE) == 1


def test_starts_in_a_lane_keep_their_distance(politeness: Politeness, clock: ManualClock) -> None:
    politeness.admit(1, per_host=2, delay_ms=None)
    assert politeness.turns().slots(1, LANE) == 1
    politeness.started(1, LANE)
    assert politeness.turns().slots(1, LANE) == 0
    assert politeness.turns().slots(1, OTHER) == 1
    clock.advance(0.999)
    assert politeness.turns().slots(1, LANE) == 0
    clock.advance(0.001)
    assert politeness.turns().slots(1, LANE) == 1


def test_another_delay_counts_at_once_for_who_named_none(politeness: Politeness, clock: ManualClock) -> None:
    politeness.admit(1, per_host=2, delay_ms=None)
    politeness.admit(2, per_host=2, delay_ms=4_000)
    politeness.started(1, LANE)
    politeness.set_delays(3_000, 0)
    clock.advance(2.999)
    assert politeness.turns().slots(1, LANE) == 0
    clock.advance(0.001)
    assert politeness.turns().slots(1, LANE) == 1
    assert politeness.turns().slots(2, LANE) == 0


def test_the_same_delay_again_forgets_nothing_that_was_learnt(politeness: Politeness, clock: ManualClock) -> None:
    politeness.admit(1, per_host=2, delay_ms=None)
    politeness.started(1, LANE)
    politeness.answered(LANE, 4_000, well=True)
    politeness.set_delays(1_000, 0)
    clock.advance(3.999)
    assert politeness.turns().slots(1, LANE) == 0


def test_no_more_than_per_host_are_under_way(politeness: Politeness, clock: ManualClock) -> None:
    politeness.admit(1, per_host=2, delay_ms=None)
    for _ in range(2):
        politeness.started(1, LANE)
        clock.advance(10)
    assert politeness.turns().slots(1, LANE) == 0
    politeness.finished(1, LANE)
    assert politeness.turns().slots(1, LANE) == 1


def test_roots_share_the_pace_of_a_lane(politeness: Politeness) -> None:
    politeness.admit(1, per_host=2, delay_ms=None)
    politeness.admit(2, per_host=2, delay_ms=None)
    politeness.started(1, LANE)
    assert politeness.turns().slots(2, LANE) == 0


def test_a_root_may_choose_its_own_delay_but_not_below_what_the_host_asks_for(
    politeness: Politeness, clock: ManualClock
) -> None:
    politeness.admit(1, per_host=8, delay_ms=0)
    politeness.started(1, LANE)
    assert politeness.turns().slots(1, LANE) == 7
    politeness.ask_delay(LANE, 3_000)
    assert politeness.turns().slots(1, LANE) == 0
    clock.advance(3)
    assert politeness.turns().slots(1, LANE) == 1
    politeness.ask_delay(LANE, 0)
    assert politeness.turns().slots(1, LANE) == 7


@pytest.mark.parametrize(
    ("lane", "delay"),
    [
        ("http://127.0.0.1:8080", 0),
        ("http://127.8.8.8", 0),
        ("http://[::1]:8080", 0),
        ("https://localhost", 0),
        ("https://wiki.localhost:3000", 0),
        ("http://192.168.0.1", 1_000),
        ("http://[2001:db8::1]", 1_000),
        ("https://localhost.name.test", 1_000),
        ("https://notlocalhost", 1_000),
    ],
)
def test_this_machine_needs_no_pity(politeness: Politeness, lane: str, delay: int) -> None:
    politeness.started(1, lane)
    assert politeness.turns().lanes[lane].delay_ms == delay


def test_turns_are_a_snapshot(politeness: Politeness, clock: ManualClock) -> None:
    politeness.admit(1, per_host=1, delay_ms=None)
    before = politeness.turns(only=frozenset({1}))
    politeness.started(1, LANE)
    politeness.forget(1)
    assert (before.now, before.lanes, set(before.paces), before.only) == (clock.now_ms(), {}, {1}, frozenset({1}))
    assert politeness.turns().paces == {}


def test_the_next_turn_is_that_of_the_first_lane_that_only_waits(politeness: Politeness, clock: ManualClock) -> None:
    politeness.admit(1, per_host=1, delay_ms=None)
    politeness.admit(2, per_host=1, delay_ms=5_000)
    assert politeness.next_turn(clock.now_ms()) is None
    politeness.started(1, LANE)
    assert politeness.next_turn(clock.now_ms()) is None  # it waits for the request under way
    politeness.finished(1, LANE)
    assert politeness.next_turn(clock.now_ms()) == clock.now_ms() + 1_000
    assert politeness.next_turn(clock.now_ms(), frozenset({2})) == clock.now_ms() + 5_000
    assert politeness.next_turn(clock.now_ms(), frozenset()) is None
    clock.advance(0.4)
    politeness.started(1, OTHER)
    politeness.finished(1, OTHER)
    assert politeness.next_turn(clock.now_ms()) == clock.now_ms() + 600
    clock.advance(0.6)
    assert politeness.next_turn(clock.now_ms()) == clock.now_ms() + 400
    assert politeness.turns().slots(1, LANE) == 1


def test_at_the_next_turn_there_is_one(politeness: Politeness, clock: ManualClock) -> None:
    politeness.admit(1, per_host=1, delay_ms=1_700)
    politeness.started(1, LANE)
    politeness.finished(1, LANE)
    at = politeness.next_turn(clock.now_ms())
    assert at is not None
    clock.advance((at - clock.now_ms()) / 1000)
    assert politeness.turns().slots(1, LANE) == 1


def test_a_turn_that_comes_while_nobody_looks_is_not_forgotten(politeness: Politeness, clock: ManualClock) -> None:
    """The pool offers turns, waits for the ledger, and only then asks how long it may sleep."""
    politeness.admit(1, per_host=1, delay_ms=30)
    politeness.started(1, LANE)
    politeness.finished(1, LANE)
    offered = politeness.turns()
    assert offered.slots(1, LANE) == 0
    clock.advance(0.031)
    at = politeness.next_turn(offered.now)
    assert at is not None
    assert at <= clock.now_ms()


def test_a_clock_that_is_set_back_holds_nobody_up(politeness: Politeness, clock: ManualClock) -> None:
    politeness.admit(1, per_host=1, delay_ms=None)
    politeness.started(1, LANE)
    politeness.finished(1, LANE)
    clock.jump(-3_600)
    assert politeness.next_turn(clock.now_ms()) == clock.now_ms() + 1_000
    clock.advance(1)
    assert politeness.turns().slots(1, LANE) == 1


def test_lanes_that_nobody_uses_are_forgotten(politeness: Politeness, clock: ManualClock) -> None:
    politeness.started(1, "https://busy.test")
    politeness.ask_delay("https://slow.test", 3_600_000)
    politeness.started(1, "https://slow.test")
    politeness.finished(1, "https://slow.test")
    for number in range(1_000):
        lane = f"https://name{number}.test"
        politeness.started(1, lane)
        politeness.finished(1, lane)
    clock.advance(FORGET_AFTER_MS / 1000 + 1)
    politeness.started(1, LANE)
    assert set(politeness.turns().lanes) == {"https://busy.test", "https://slow.test", LANE}


def test_what_never_started_cannot_finish(politeness: Politeness) -> None:
    with pytest.raises(BugError):
        politeness.finished(1, LANE)
    politeness.started(1, LANE)
    politeness.finished(1, LANE)
    with pytest.raises(BugError):
        politeness.finished(1, LANE)


def test_who_waited_together_for_robots_txt_goes_on_one_by_one(politeness: Politeness, clock: ManualClock) -> None:
    politeness.admit(1, per_host=4, delay_ms=None)
    for _ in range(3):
        politeness.started(1, LANE)
        clock.advance(2)
    assert politeness.go_on(1, LANE, waited=True) is None
    assert politeness.go_on(1, LANE, waited=True) == 1_000
    clock.advance(0.4)
    assert politeness.go_on(1, LANE, waited=False) == 600, "received before, begun after the first went on"
    assert politeness.turns().slots(1, LANE) == 0
    clock.advance(0.6)
    assert politeness.turns().slots(1, LANE) == 1
    assert politeness.go_on(1, LANE, waited=False) is None


def test_without_a_delay_all_who_waited_go_on(clock: ManualClock) -> None:
    politeness = Politeness(clock, default_delay_ms=0, local_delay_ms=0)
    politeness.admit(1, per_host=4, delay_ms=None)
    for _ in range(3):
        politeness.started(1, LANE)
    assert [politeness.go_on(1, LANE, waited=True) for _ in range(3)] == [None] * 3


def delay_at(politeness: Politeness, lane: str = LANE) -> int:
    return politeness.turns().lanes[lane].delay_ms


def test_a_slow_server_is_asked_less_often_and_a_fast_one_no_more_than_configured(politeness: Politeness) -> None:
    politeness.started(1, LANE)
    politeness.answered(LANE, 3_000, well=True)
    assert delay_at(politeness) == 3_000, "at once"
    politeness.answered(LANE, 200, well=True)
    assert delay_at(politeness) == 1_600, "half the way back"
    for _ in range(10):
        politeness.answered(LANE, 200, well=True)
    assert delay_at(politeness) == 1_000
    politeness.answered(LANE, 60_000, well=True)
    assert delay_at(politeness) == MAX_ADAPTED_DELAY_MS


def test_an_error_never_makes_us_faster(politeness: Politeness) -> None:
    politeness.started(1, LANE)
    politeness.answered(LANE, 4_000, well=False)
    politeness.answered(LANE, 1, well=False)
    assert delay_at(politeness) == 4_000


def test_who_chose_a_delay_and_who_is_on_this_machine_keeps_it(politeness: Politeness) -> None:
    politeness.admit(1, per_host=4, delay_ms=0)
    for lane in (LANE, "http://127.0.0.1:8080"):
        politeness.started(1, lane)
        politeness.answered(lane, 3_000, well=True)
        assert politeness.turns().slots(1, lane) == 3
    assert delay_at(politeness, "http://127.0.0.1:8080") == 0


def test_a_lane_that_rests_starts_nothing_until_then(politeness: Politeness, clock: ManualClock) -> None:
    politeness.admit(1, per_host=4, delay_ms=0)
    politeness.started(1, LANE)
    politeness.rest(LANE, clock.now_ms() + 2_000)
    politeness.rest(LANE, clock.now_ms() + 500)
    assert politeness.turns().slots(1, LANE) == 0
    assert politeness.go_on(1, LANE, waited=False) == 2_000, "received before the answer that asked for it"
    assert politeness.next_turn(clock.now_ms()) == clock.now_ms() + 2_000
    assert politeness.turns().slots(1, OTHER) == 1
    clock.advance(2)
    assert politeness.turns().slots(1, LANE) == 3
    politeness.rest(LANE, clock.now_ms() + 2_000)
    clock.jump(-3_600)
    assert politeness.next_turn(clock.now_ms()) == clock.now_ms() + 2_000
