"""Schedules: cron expressions of five fields, when they come next, and what they are in plain words (J4).

Times of day are those of a time zone that the caller names. When the clocks change, what comes at a certain time of day
comes once: where that time is left out, with the first moment after the gap, and where there are two, with the first.
What comes every so often goes on doing so.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from itertools import pairwise

from cronsim import CronSim, CronSimError

from quaero_desktop.domain.errors import FieldError
from quaero_desktop.domain.fields import quoted, shown

FIELD = "schedule"
_MAX_LENGTH = 250
_LAST_YEAR = 9_000
"""Beyond it dates cannot be computed with; no clock is right there."""

_PARTS = ("minute", "hour", "day of the month", "month", "day of the week")
_RANGES = ("0 to 59", "0 to 23", "1 to 31", "1 to 12 or JAN to DEC", "0 (Sunday) to 6 or SUN to SAT")
_BAD = {"Bad minute": 0, "Bad hour": 1, "Bad day-of-month": 2, "Bad month": 3, "Bad day-of-week": 4}
_HINT = "0 3 * * * is every day at 03:00, 30 18 * * 1,4 Mondays and Thursdays at 18:30."
_SHORTHANDS = {
    "hourly": "0 * * * *",
    "daily": "0 0 * * *",
    "midnight": "0 0 * * *",
    "weekly": "0 0 * * 0",
    "monthly": "0 0 1 * *",
    "yearly": "0 0 1 1 *",
    "annually": "0 0 1 1 *",
}
_DAYS = ("Sundays", "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays")
_MOST_TIMES = 6
"""So many times of a day are listed."""
_EVERY = re.compile(r"\*/(\d+)", re.ASCII)
_ANY_MOMENT = datetime(2024, 1, 1, tzinfo=UTC)


def check_schedule(text: str) -> None:
    """Refuse what is no schedule.

    Raises:
        FieldError: of the field ``schedule``: it is none, or one whose moment never comes.
    """
    if next(_moments(_parsed(text, _ANY_MOMENT)), None) is None:
        raise _never(text)


def upcoming(text: str, after_ms: int, zone: tzinfo) -> Iterator[int]:
    """Yield the moments of a schedule after another moment, without end unless there is one.

    Args:
        text: five fields; or nothing, for no moment at all.
        after_ms: milliseconds UTC.
        zone: whose times of day are meant.

    Raises:
        FieldError: of the field ``schedule``: it is none.
    """
    if not text.strip():
        return
    last = after_ms
    try:
        start = datetime.fromtimestamp(after_ms / 1000, zone)
    except (ValueError, OverflowError, OSError):
        return
    if not 1971 <= start.year <= _LAST_YEAR:
        return
    for moment in _moments(_parsed(text, start)):
        # In the hour that comes twice the times of day begin anew, and so does what counts by them.
        milliseconds = round(moment.timestamp() * 1000)
        if milliseconds > last:
            last = milliseconds
            yield milliseconds


def following(text: str, after_ms: int, zone: tzinfo) -> int | None:
    """Return the first moment of a schedule after another one, in milliseconds UTC; None when it never comes.

    Raises:
        FieldError: of the field ``schedule``: it is none.
    """
    return next(upcoming(text, after_ms, zone), None)


def in_words(text: str) -> str:
    """Return a schedule as a person would say it, like ``every day at 03:00``; without one: ``by hand only``.

    Raises:
        FieldError: of the field ``schedule``: it is none.
    """
    if not text.strip():
        return "by hand only"
    cron = _parsed(text, _ANY_MOMENT)
    minute, hour, day, month, weekday = cron.parts[1:]
    days = _days(cron, day, weekday) if month == "*" else None
    if days is not None:
        if (every := _every(cron, minute, hour)) is not None:
            return every if days == "every day" else f"{every} on {days.removeprefix('on ')}"
        if len(cron.minutes) * len(cron.hours) <= _MOST_TIMES:
            times = [f"{hours:02}:{minutes:02}" for hours in sorted(cron.hours) for minutes in sorted(cron.minutes)]
            return f"{days} at {_list(times)}"
    explained = cron.explain()
    return explained[0].lower() + explained[1:]


def _every(cron: CronSim, minute: str, hour: str) -> str | None:
    """Return the words for what happens again and again all day, if this is of that kind."""
    past = "" if cron.minutes == {0} else f", {min(cron.minutes)} minutes past"
    if hour == "*":
        if len(cron.minutes) == 60:
            return "every minute"
        if (step := _EVERY.fullmatch(minute)) and 60 % int(step[1]) == 0 and int(step[1]) < 60:
            return f"every {int(step[1])} minutes"
        return f"every hour{past}" if len(cron.minutes) == 1 else None
    step = _EVERY.fullmatch(hour)
    if step and 24 % int(step[1]) == 0 and 1 < int(step[1]) < 24 and len(cron.minutes) == 1:
        return f"every {int(step[1])} hours{past and past + ' the hour'}"
    return None


def _days(cron: CronSim, day: str, weekday: str) -> str | None:
    """Return the words for which days it is, where there are some that are not too long."""
    if day == "*":
        return _weekdays(cron)
    # Of two restrictions one is enough, but for those that begin with a star.
    if weekday != "*" and (cron.day_and or len(cron.days) < 31):
        return None
    if len(cron.days) == 31:
        return "every day"
    if any(number < 1 for number in cron.days) or len(cron.days) > _MOST_TIMES:
        return None
    return f"on the {_list([_ordinal(number) for number in sorted(cron.days)])} of every month"


def _weekdays(cron: CronSim) -> str | None:
    numbers = {number % 7 for number in cron.weekdays if isinstance(number, int)}
    if len(numbers) == 7:
        return "every day"
    if any(not isinstance(number, int) for number in cron.weekdays):
        return None
    # The week begins on Monday, so that a weekend is one.
    ordered = sorted(numbers, key=lambda number: (number - 1) % 7)
    names = [_DAYS[number] for number in ordered]
    consecutive = all((after - before) % 7 == 1 for before, after in pairwise(ordered))
    return f"{names[0]} to {names[-1]}" if consecutive and len(names) > 2 else _list(names)


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _moments(cron: CronSim) -> Iterator[datetime]:
    try:
        yield from cron
    except (OverflowError, ValueError):
        # The end of what dates can be.
        return


def _parsed(text: str, start: datetime) -> CronSim:
    fields = text.split()
    if len(fields) != 5:
        raise _wrong_number(text, fields)
    if len(text) > _MAX_LENGTH:
        raise FieldError(FIELD, f"{FIELD} has {len(text)} characters; {_MAX_LENGTH} is the most.", _HINT)
    try:
        return CronSim(text, start)
    except CronSimError as error:
        raise _bad_field(text, fields, str(error)) from error


def _wrong_number(text: str, fields: list[str]) -> FieldError:
    word = text.strip().lower().removeprefix("@")
    if word in _SHORTHANDS:
        return FieldError(FIELD, f"{FIELD} is {quoted(text.strip())}.", f"Write it as {_SHORTHANDS[word]}")
    seconds = " There are no seconds." if len(fields) == 6 else ""
    count = "1 part" if len(fields) == 1 else f"{len(fields)} parts"
    return FieldError(
        FIELD, f"{FIELD} is {quoted(text)}: that has {count} and not five: {', '.join(_PARTS)}.{seconds}", _HINT
    )


def _bad_field(text: str, fields: list[str], message: str) -> FieldError:
    place = _BAD.get(message)
    if place is None:
        return FieldError(FIELD, f"{FIELD} is {quoted(text)}, which nobody understands.", _HINT)
    if place == 2 and _is_valid(f"0 0 {fields[2]} * *"):
        return _never(text)
    return FieldError(
        FIELD,
        f"{FIELD}: {quoted(fields[place])} is no {_PARTS[place]}. It is {_RANGES[place]}; * for any, 1-5 for a range,"
        " */2 for each second, 1,3 for some.",
        _HINT,
    )


def _never(text: str) -> FieldError:
    return FieldError(FIELD, f"{FIELD} is “{shown(text)}”: that day never comes.", "No month has it.")


def _is_valid(text: str) -> bool:
    try:
        CronSim(text, _ANY_MOMENT)
    except CronSimError:
        return False
    return True
