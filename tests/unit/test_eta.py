"""How long a crawl will still take, in numbers and in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.domain.eta import Eta, EtaEstimator


def run(
    seconds: int, *, pace: float, growth: float = 0.0, found: int = 1000, limit: int | None = None
) -> tuple[Eta | None, int]:
    """Let a crawl run at an even pace and return the last estimate and how many pages are queued then."""
    estimator = EtaEstimator()
    eta = None
    ended = 0
    total = found
    for second in range(seconds + 1):
        ended = round(second * pace)
        total = found + round(ended * growth)
        eta = estimator.update(second * 1000, ended, total, limit=limit)
    return eta, total - ended


# --- the estimate -----------------------------------------------------------------------------------------------------


def test_an_even_crawl_that_finds_nothing_new_takes_what_is_queued_by_its_pace() -> None:
    eta, queued = run(60, pace=10)

    assert eta is not None
    assert eta.most is not None
    assert eta.least == pytest.approx(queued / 10, rel=0.05)
    assert eta.most == pytest.approx(queued / 10, rel=0.05)


def test_while_the_frontier_grows_the_most_reckons_with_what_will_be_found() -> None:
    eta, queued = run(60, pace=10, growth=0.5)

    assert eta is not None
    assert eta.most is not None
    assert eta.least == pytest.approx(queued / 10, rel=0.05)
    assert eta.most == pytest.approx(queued / 5, rel=0.1)


def test_no_end_is_in_sight_while_each_page_brings_another() -> None:
    eta, queued = run(60, pace=10, growth=1.5)

    assert eta is not None
    assert eta.most is None
    assert eta.least == pytest.approx(queued / 10, rel=0.05)


def test_a_limit_of_pages_ends_what_has_no_end() -> None:
    eta, _ = run(60, pace=10, growth=1.5, limit=3000)

    assert eta is not None
    assert eta.most is not None
    assert eta.most == pytest.approx((3000 - 600) / 10, rel=0.05)


def test_a_limit_that_is_reached_does_not_hide_what_is_queued() -> None:
    eta, queued = run(60, pace=10, limit=10)

    assert eta is not None
    assert eta.most is not None
    assert eta.most == pytest.approx(queued / 10, rel=0.05)


def test_nothing_is_said_before_there_is_a_pace() -> None:
    estimator = EtaEstimator()

    assert estimator.update(0, 0, 100) is None
    assert estimator.update(1000, 10, 100) is None
    assert estimator.update(600_000, 10, 100) is None


def test_nobody_knows_how_long_a_crawl_that_hangs_will_take() -> None:
    estimator = EtaEstimator()
    for second in range(60):
        estimator.update(second * 1000, second * 10, 5000)

    eta = estimator.update(200_000, 590, 5000, limit=5000)

    assert eta is not None
    assert eta.most is None


def test_a_slow_crawl_is_not_taken_for_one_that_hangs() -> None:
    eta, queued = run(280, pace=0.1, found=100)

    assert eta is not None
    assert eta.most is not None
    assert eta.most == pytest.approx(queued / 0.1, rel=0.2)


def test_a_pace_that_changed_makes_an_interval() -> None:
    estimator = EtaEstimator()
    eta = None
    ended = 0
    for second in range(120):
        ended += 20 if second < 100 else 5
        eta = estimator.update(second * 1000, ended, 10_000)

    assert eta is not None
    assert eta.most is not None
    assert eta.most > eta.least * 2


def test_pages_that_were_queued_again_begin_a_new_estimate() -> None:
    estimator = EtaEstimator()
    for second in range(10):
        estimator.update(second * 1000, second * 10, 1000)

    assert estimator.update(10_000, 20, 1000) is None


def test_after_a_pause_the_pace_is_measured_anew() -> None:
    estimator = EtaEstimator()
    for second in range(10):
        estimator.update(second * 1000, second * 10, 1000)
    estimator.forget()

    assert estimator.update(900_000, 90, 1000) is None


def test_nothing_is_left_of_what_is_done() -> None:
    assert EtaEstimator().update(0, 10, 10) == Eta(0.0, 0.0)


@given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 500), st.integers(-20, 2_000)), max_size=40))
def test_whatever_happens_the_least_is_the_least(steps: list[tuple[int, int, int]]) -> None:
    estimator = EtaEstimator()
    now = ended = found = 0
    for later, more_ended, more_found in steps:
        now += later
        ended += more_ended
        found = max(ended, found + more_found)
        eta = estimator.update(now, ended, found)
        assert eta is None or eta.most is None or 0 <= eta.least <= eta.most
        assert eta is None or eta.words.endswith(" left")


# --- in words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("eta", "words"),
    [
        (Eta(0, 0), "a few seconds left"),
        (Eta(4, 9), "a few seconds left"),
        (Eta(18, 23), "about 20 s left"),
        (Eta(20, 45), "20 to 45 s left"),
        (Eta(2, 45), "at most 45 s left"),
        (Eta(40, 130), "40 s to 2 min left"),
        (Eta(170, 190), "about 3 min left"),
        (Eta(180, 480), "3 to 8 min left"),
        (Eta(59, 59), "about 1 min left"),
        (Eta(1500, 2450), "25 to 40 min left"),
        (Eta(3000, 7300), "50 min to 2 h left"),
        (Eta(3600 * 30, 3600 * 30), "about 30 h left"),
        (Eta(86400 * 3, 86400 * 9), "3 to 9 days left"),
        (Eta(700, None), "at least 12 min left"),
        (Eta(1, None), "at least 1 s left"),
        (Eta(86400 * 4000, None), "at least 4,000 days left"),
    ],
)
def test_an_estimate_reads_like_a_sentence(eta: Eta, words: str) -> None:
    assert eta.words == words
