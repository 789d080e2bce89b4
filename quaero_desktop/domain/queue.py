"""The values of the queue: messages, deliveries and the receipts that fence them (Q1-Q9)."""

from enum import StrEnum
from typing import Any

import msgspec


class MessageState(StrEnum):
    """Separate states with partial indexes keep claiming flat at a million rows (Q9)."""

    READY = "ready"
    DELAYED = "delayed"
    LEASED = "leased"
    ALONE = "alone"  # it was running when the process died, twice: it runs when nothing else does (Q7)
    DEAD = "dead"


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message to send.

    Attributes:
        type: the type of job that it asks for.
        payload: any JSON object.
        job_id: the job it belongs to; None for a message of no job. A job has at most one message.
        root_id: messages of one root share turns with those of other roots (fairness); 0 for no root.
        lane: messages of one lane share a pace; normally the origin of the page.
        priority: higher first.
        delay_ms: invisible for so long.
    """

    type: str = ""
    payload: dict[str, Any] = {}
    job_id: int | None = None
    root_id: int = 0
    lane: str = ""
    priority: int = 0
    delay_ms: int = 0


class Receipt(msgspec.Struct, frozen=True):
    """Proof of holding a message: valid only while this delivery of it is leased to this owner (Q2)."""

    message_id: int
    delivery: int
    owner: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message handed to a worker.

    Attributes:
        receipt: what extend, delete, fail, release and snooze ask for.
        tries: how many deliveries were used up, this one included; released and snoozed ones do not count.
        crashes: how many times the process died while this ran.
        lease_until: when others may have it, in milliseconds UTC.
    """

    receipt: Receipt
    type: str
    payload: dict[str, Any]
    job_id: int | None
    root_id: int
    lane: str
    priority: int
    tries: int
    crashes: int
    lease_until: int


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was given up, with the reason. It stays until it is retried or discarded (Q3)."""

    message_id: int
    job_id: int | None
    root_id: int
    type: str
    payload: str
    reason: str
    failures: int
    died_at: int


class LaneTurn(msgspec.Struct, frozen=True):
    """What politeness knows of one lane.

    Attributes:
        in_flight: requests under way there, of all roots.
        last_start: when the last one started, in milliseconds UTC; 0 for never.
        delay_ms: the least time between two starts there for a root that names none (0 on this very machine).
        least_delay_ms: what the host itself asks for (Crawl-delay); no root may go below it.
        held_until: until when nothing starts there, in milliseconds UTC: the host asked for it, or is in trouble.
    """

    in_flight: int = 0
    last_start: int = 0
    delay_ms: int = 0
    least_delay_ms: int = 0
    held_until: int = 0


class RootPace(msgspec.Struct, frozen=True):
    """How fast one root may go at each lane: its requests under way, and its own delay (None for the lane's)."""

    per_host: int
    delay_ms: int | None


class Turns(msgspec.Struct, frozen=True, kw_only=True):
    """Which lanes may start how many requests now: a snapshot that politeness takes for one receive.

    Attributes:
        now: when it was taken, in milliseconds UTC.
        lanes: the lanes that politeness has met.
        paces: the roots that it has met.
        unmet: what a root that it has not met may start in a lane: one, so that it gets known.
        only: messages of these roots alone, or None for all.
    """

    now: int = 0
    lanes: dict[str, LaneTurn] = {}
    paces: dict[int, RootPace] = {}
    unmet: int = 1
    only: frozenset[int] | None = None

    def slots(self, root_id: int, lane: str, started: int = 0) -> int:
        """Return how many messages of *lane* the root may start now, when *started* have started since the snapshot."""
        if not lane:
            return NO_PACE.unmet  # it goes to no host
        pace = self.paces.get(root_id)
        turn = self.lanes.get(lane)
        if pace is None:
            if turn is None:
                return max(0, self.unmet - started)
            # At the lane's own pace, but not only once it is free of others: that might never be.
            pace = RootPace(turn.in_flight + 1, None)
        if turn is None:
            return max(0, 1 - started)
        if turn.held_until > self.now:
            return 0
        free = max(0, pace.per_host - turn.in_flight - started)
        delay = self.delay_of(pace, turn)
        if delay == 0:
            return free
        return 1 if free and not started and self.now >= turn.last_start + delay else 0

    @staticmethod
    def delay_of(pace: RootPace, turn: LaneTurn) -> int:
        """Return the milliseconds that must lie between two starts of this root in this lane."""
        return max(turn.delay_ms if pace.delay_ms is None else pace.delay_ms, turn.least_delay_ms)


NO_PACE = Turns(unmet=2**31)
"""For queues that fetch nothing: as many as there are."""
