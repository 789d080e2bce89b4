"""The pace of a crawl over time, for a chart."""

from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.domain.throughput import MAX_POINTS, Throughput

START = 1_700_000_000_000


def paces(throughput: Throughput, now: int) -> list[float]:
    return [point.pages_per_second for point in throughput.points(now)]


def test_pages_count_in_the_second_in_which_they_ended() -> None:
    throughput = Throughput()
    throughput.record(START, 100)
    throughput.record(START + 500, 110)
    throughput.record(START + 1_200, 130)
    throughput.record(START + 3_100, 131)

    assert paces(throughput, START + 4_000) == [10, 20, 0, 1]


def test_the_second_that_is_not_over_is_not_shown() -> None:
    throughput = Throughput()
    throughput.record(START, 0)
    throughput.record(START + 900, 50)

    assert paces(throughput, START + 999) == []
    assert paces(throughput, START + 1_000) == [50]


def test_what_had_ended_before_the_first_look_is_no_pace() -> None:
    throughput = Throughput()
    throughput.record(START, 1_000_000)

    assert paces(throughput, START + 1_000) == [0]


def test_pages_that_are_queued_again_are_no_negative_pace() -> None:
    throughput = Throughput()
    throughput.record(START, 50)
    throughput.record(START + 100, 40)
    throughput.record(START + 200, 45)

    assert paces(throughput, START + 1_000) == [5]


def test_a_long_crawl_takes_no_more_room() -> None:
    throughput = Throughput()
    for second in range(3_000):
        throughput.record(START + second * 1000, second * 7)

    points = throughput.points(START + 3_000_000)

    assert MAX_POINTS / 2 - 1 <= len(points) <= MAX_POINTS
    assert points[0].at == START
    assert {point.pages_per_second for point in points[1:-1]} == {7.0}


def test_a_night_without_news_costs_nothing() -> None:
    throughput = Throughput()
    throughput.record(START, 0)
    throughput.record(START + 12 * 3_600_000, 10)

    assert len(throughput.points(START + 12 * 3_600_000)) <= MAX_POINTS


@given(st.lists(st.tuples(st.integers(-5_000, 2_000_000), st.integers(0, 100)), min_size=1, max_size=60))
def test_no_page_is_lost_or_counted_twice(steps: list[tuple[int, int]]) -> None:
    throughput = Throughput()
    throughput.record(START, 0)
    now, ended = START, 0
    for later, pages in steps:
        now += later
        ended += pages
        throughput.record(now, ended)

    points = throughput.points(max(now, START) + 10**12)

    assert abs(sum(point.pages_per_second * point.width / 1000 for point in points) - ended) < 1e-6 * max(1, ended)
