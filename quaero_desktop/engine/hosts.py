"""Hosts in trouble: left alone for longer and longer, and given up for now when it does not end."""

import msgspec

from quaero_desktop.domain.jobs import HOST_FAULTS, Cause
from quaero_desktop.domain.outcomes import Failed, Outcome, Recorded, Snoozed, Stored, Unchanged
from quaero_desktop.domain.ports import Assignment
from quaero_desktop.infra.clock import Clock

MAX_REST_MS = 60_000
"""The longest rest that we give a host which names none itself."""
MAX_UNCOUNTED = 3
"""How often one page goes back without losing a try, because its host and not the page was in trouble."""

_FAULTS = HOST_FAULTS | {Cause.ROBOTS}


class Judgement(msgspec.Struct, frozen=True):
    """What becomes of an outcome.

    Attributes:
        outcome: what to store.
        pause: why its root is to be paused; None to go on.
        rest_until: until when its lane is left alone, in milliseconds UTC; None when it is not.
    """

    outcome: Outcome
    pause: str | None = None
    rest_until: int | None = None


class _Row(msgspec.Struct):
    """The failures of one host in a row, for one root.

    Attributes:
        failures: how many.
        rests: how many rests it was given; requests that were under way together fail together, and are one of them.
        until: when the last rest ends, in milliseconds UTC.
    """

    failures: int = 0
    rests: int = 0
    until: int = 0


class Hosts:
    """Counts the failures of each host in a row, root by root, in memory: after a restart the count begins anew.

    A failure counts when it is the host's: it could not be reached, it asked us to slow down, its robots.txt cannot be
    read. A 5xx or a timeout may be the fault of one page, so the second try of that page says nothing new. 404 and 410
    never count, and any answer that brings something ends the row (J2a).

    Args:
        clock: time.
        most: how many failures in a row pause the root; 0 for any number. May be changed at any time.
    """

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self.most = most
        self._rows: dict[int, dict[str, _Row]] = {}
        self._uncounted: dict[int, dict[int, int]] = {}

    def judge(self, assignment: Assignment, outcome: Outcome, max_attempts: int) -> Judgement:
        """Return what to make of the *outcome* of a job.

        When the host and not the page is in trouble, the page goes back uncounted (at most :data:`MAX_UNCOUNTED` times)
        and its lane rests: for as long as the host asks, else twice as long each time.

        Args:
            assignment: the job.
            outcome: what came of it.
            max_attempts: how often a page is tried; where that is once, nothing is tried again here either.
        """
        root_id, lane = assignment.job.root_id, assignment.delivery.lane
        if not lane:
            return Judgement(outcome)
        if not isinstance(outcome, Failed) or outcome.cause not in _FAULTS:
            if _is_answer(outcome):
                self._rows.get(root_id, {}).pop(lane, None)
            if not isinstance(outcome, Snoozed):
                self._uncounted.get(root_id, {}).pop(assignment.job.id, None)
            return Judgement(outcome)
        if outcome.hold_ms is None and assignment.delivery.tries > 1:
            return Judgement(outcome)
        row = self._rows.setdefault(root_id, {}).setdefault(lane, _Row())
        row.failures += 1
        rested = self._rested(row, outcome, assignment, min(MAX_UNCOUNTED, max_attempts - 1))
        until = None if outcome.hold_ms is None else row.until
        if not self.most or row.failures < self.most:
            return Judgement(rested, rest_until=until)
        # The count begins anew when somebody lets the root go on.
        self.forget(root_id)
        times = "once" if row.failures == 1 else f"{row.failures} times in a row"
        # Nobody reads https, but of a site where http alone fails it tells why.
        return Judgement(rested, f"{lane.removeprefix('https://')} failed {times}: {outcome.message}", until)

    def forget(self, root_id: int) -> None:
        """Drop what is known of a root that ended."""
        self._rows.pop(root_id, None)
        self._uncounted.pop(root_id, None)

    def _rested(self, row: _Row, failure: Failed, assignment: Assignment, most: int) -> Outcome:
        if failure.hold_ms is None:
            return failure
        now = self._clock.now_ms()
        hold = failure.hold_ms
        if not failure.retry_after_ms:
            if now >= row.until:
                row.rests += 1
            hold = min(failure.hold_ms << min(row.rests - 1, 16), max(MAX_REST_MS, failure.hold_ms))
        row.until = max(row.until, now + hold)
        pages = self._uncounted.setdefault(assignment.job.root_id, {})
        used = pages.get(assignment.job.id, 0)
        if failure.retryable and used < most:
            pages[assignment.job.id] = used + 1
            return Snoozed(until=now + hold, reason=failure.message)
        if not failure.retryable:
            pages.pop(assignment.job.id, None)
        return msgspec.structs.replace(failure, hold_ms=hold)


def _is_answer(outcome: Outcome) -> bool:
    """Return whether the host answered as a host in order does."""
    match outcome:
        case Stored() | Unchanged():
            return True
        case Recorded(status=status) | Failed(status=status):
            return status is not None and status < 500
        case _:
            return False
