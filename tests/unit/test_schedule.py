"""J4: schedules are cron expressions of five fields, in the times of day of a place, and in plain words."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.domain.errors import FieldError
from quaero_desktop.domain.schedule import check_schedule, following, in_words, upcoming
from quaero_desktop.infra.clock import LocalZone

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: tzinfo = BERLIN, *, fold: int = 0) -> int:
    """Return a local time in milliseconds UTC."""
    return round(datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp() * 1000)


def local(milliseconds: int, zone: tzinfo = BERLIN) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, zone).strftime("%m-%d %H:%M %z")


def next_ones(schedule: str, after: str, n: int = 3, zone: tzinfo = BERLIN, *, fold: int = 0) -> list[str]:
    return [local(moment, zone) for moment in islice(upcoming(schedule, at(after, zone, fold=fold), zone), n)]


# --- in words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("", "by hand only"),
        ("0 3 * * *", "every day at 03:00"),
        ("  0   3 * *  * ", "every day at 03:00"),
        ("30 18 * * 1,4", "Mondays and Thursdays at 18:30"),
        ("30 18 * * mon,THU", "Mondays and Thursdays at 18:30"),
        ("0 9 * * 1-5", "Mondays to Fridays at 09:00"),
        ("0 9 * * 6,0", "Saturdays and Sundays at 09:00"),
        ("0 9 * * 7", "Sundays at 09:00"),
        ("0 0,12 * * *", "every day at 00:00 and 12:00"),
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("*/30 * * * 1-5", "every 30 minutes on Mondays to Fridays"),
        ("0 * * * *", "every hour"),
        ("7 * * * *", "every hour, 7 minutes past"),
        ("0 */2 * * *", "every 2 hours"),
        ("5 */6 * * *", "every 6 hours, 5 minutes past the hour"),
        ("0 0 1 * *", "on the 1st of every month at 00:00"),
        ("30 2 2,15,23 * *", "on the 2nd, 15th and 23rd of every month at 02:30"),
        ("*/7 * * * *", "every seventh minute of every hour"),  # not every 7 minutes: an hour has no 60 / 7
        ("0 0 1 1 *", "at 00:00 on January 1"),
        ("0 3 1-31 * 1", "every day at 03:00"),  # of two restrictions one is enough
        ("0 0 * * 5L", "at 00:00 on the last Friday of the month"),
    ],
)
def test_a_schedule_in_plain_words(schedule, words):
    assert in_words(schedule) == words


@pytest.mark.parametrize(
    ("schedule", "said", "hint"),
    [
        ("daily", "schedule is “daily”", "0 0 * * *"),
        ("@weekly", "schedule is “@weekly”", "0 0 * * 0"),
        ("every day", "2 parts and not five: minute, hour, day of the month, month, day of the week", "0 3 * * *"),
        ("0 0 3 * * *", "There are no seconds", "0 3 * * *"),
        ("0 25 * * *", "“25” is no hour. It is 0 to 23", "0 3 * * *"),
        ("99 * * * *", "“99” is no minute. It is 0 to 59", "0 3 * * *"),
        ("0 0 0 * *", "“0” is no day of the month. It is 1 to 31", "0 3 * * *"),
        ("0 0 * 13 *", "“13” is no month. It is 1 to 12", "0 3 * * *"),
        ("0 0 * * MONDAY", "“MONDAY” is no day of the week", "0 3 * * *"),
        ("0 0 * * 5-1", "“5-1” is no day of the week", "0 3 * * *"),
        ("0 0 30 2 *", "that day never comes", ""),
        ("0 0 31 4,6 *", "that day never comes", ""),
        (f"{'1,' * 200}1 * * * *", "250 is the most", "0 3 * * *"),
    ],
)
def test_what_is_no_schedule_is_refused_with_a_hint(schedule, said, hint):
    with pytest.raises(FieldError) as refused:
        check_schedule(schedule)
    assert refused.value.field == "schedule"
    assert said in refused.value.message
    assert hint in refused.value.hint


@given(st.text(alphabet="0123456789*/,-L#W @JANMODY²", max_size=40) | st.text(max_size=40))
def test_whatever_is_written_is_a_schedule_or_refused(text):
    try:
        check_schedule(text)
    except FieldError:
        return
    assert in_words(text)


# --- when it comes ----------------------------------------------------------------------------------------------------


def test_moments_come_after_the_one_that_is_asked_about():
    assert next_ones("0 3 * * *", "2026-01-01T03:00") == ["01-02 03:00 +0100", "01-03 03:00 +0100", "01-04 03:00 +0100"]
    assert next_ones("0 3 * * *", "2026-01-01T02:59:59.999", 1) == ["01-01 03:00 +0100"]


def test_no_schedule_has_no_moments():
    assert following("", at("2026-01-01"), BERLIN) is None
    assert next_ones("0 0 29 2 1#5", "2026-01-01", 1) == [] or next_ones("0 0 29 2 *", "2026-01-01", 1)


@pytest.mark.parametrize("zone", [BERLIN, "local"])
def test_a_time_of_day_that_is_left_out_comes_right_after_the_gap_once(zone, berlin_here):
    """On 29 March 2026 the clocks in Berlin go from 02:00 to 03:00."""
    zone = berlin_here if zone == "local" else zone
    assert next_ones("30 2 * * *", "2026-03-28T03:00", zone=zone) == [
        "03-29 03:00 +0200", "03-30 02:30 +0200", "03-31 02:30 +0200",
    ]  # fmt: skip


@pytest.mark.parametrize("zone", [BERLIN, "local"])
def test_a_time_of_day_that_comes_twice_counts_the_first_time(zone, berlin_here):
    """On 25 October 2026 the clocks in Berlin go from 03:00 back to 02:00."""
    zone = berlin_here if zone == "local" else zone
    assert next_ones("30 2 * * *", "2026-10-24T12:00", zone=zone) == [
        "10-25 02:30 +0200", "10-26 02:30 +0100", "10-27 02:30 +0100",
    ]  # fmt: skip
    # Asked in the second of the two hours: it has been.
    assert next_ones("30 2 * * *", "2026-10-25T02:10", 1, zone, fold=1) == ["10-26 02:30 +0100"]


@pytest.mark.parametrize("zone", [BERLIN, "local"])
def test_what_comes_every_so_often_goes_on_when_the_clocks_change(zone, berlin_here):
    zone = berlin_here if zone == "local" else zone
    for day in ("2026-03-29T01:10", "2026-10-25T01:10"):
        moments = list(islice(upcoming("*/20 * * * *", at(day, zone), zone), 12))
        assert {after - before for before, after in pairwise(moments)} == {20 * 60_000}


@pytest.fixture
def berlin_here(monkeypatch) -> Iterator[tzinfo]:
    """The zone of this machine, which is in Berlin."""
    if not hasattr(time, "tzset"):
        pytest.skip("The time zone of a process cannot be set here.")
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield LocalZone()
    if before is None:
        monkeypatch.delenv("TZ")
    else:
        monkeypatch.setenv("TZ", before)
    time.tzset()


@given(
    st.sampled_from(["30 2 * * *", "*/7 * * * *", "0 */5 * * 1,3", "59 23 L * *", "15 1-4 * * *", "0 0 29 2 *"]),
    st.integers(631_152_000_000, 3_786_912_000_000),  # 1990 to 2090
)
def test_moments_only_ever_go_forward(schedule, start):
    moments = [start, *islice(upcoming(schedule, start, BERLIN), 5)]
    assert len(moments) == 6
    assert all(before < later for before, later in pairwise(moments))


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_clock_that_is_out_of_its_mind_brings_no_error(now):
    assert following("0 3 * * *", now, BERLIN) is None or now < at("9001-01-01", UTC)


def test_local_time_is_that_of_the_machine(berlin_here):
    summer = datetime(2026, 7, 1, 12, tzinfo=UTC).astimezone(berlin_here)
    assert (summer.hour, summer.utcoffset(), summer.tzname()) == (14, timedelta(hours=2), "CEST")
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC).astimezone(berlin_here)
    assert (second.hour, second.minute, second.fold, second.astimezone(UTC).hour) == (2, 30, 1, 1)
