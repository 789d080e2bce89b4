"""The machine's clock, and the one of the tests."""

import time

from quaero_desktop.infra.clock import Clock, SystemClock
from tests.support.clock import ManualClock


def test_the_system_clock_tells_milliseconds_utc():
    before = int(time.time() * 1000)
    now = SystemClock().now_ms()
    assert before <= now <= int(time.time() * 1000) + 1


def test_the_system_clock_measures_durations_in_seconds():
    clock = SystemClock()
    assert clock.monotonic() <= time.monotonic() <= clock.monotonic()


def test_a_manual_clock_moves_only_when_told():
    manual = ManualClock(now_ms=1000)
    clock: Clock = manual
    assert (clock.now_ms(), clock.monotonic()) == (1000, 0.0)
    manual.advance(1.5)
    assert (clock.now_ms(), clock.monotonic()) == (2500, 1.5)


def test_correcting_the_time_of_day_leaves_durations_alone():
    clock = ManualClock(now_ms=10_000)
    clock.jump(-4)
    assert (clock.now_ms(), clock.monotonic()) == (6000, 0.0)
