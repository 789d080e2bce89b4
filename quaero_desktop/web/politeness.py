"""The pace at each host: who may start how many requests there, and when."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from quaero_desktop.domain.errors import BugError
from quaero_desktop.domain.queue import LaneTurn, RootPace, Turns
from quaero_desktop.infra.clock import Clock

FORGET_AFTER_MS = 600_000
"""How long a lane is remembered after its last request."""

MAX_ADAPTED_DELAY_MS = 5_000
"""The longest delay that a slow answer leads to."""

_SWEEP_EVERY_MS = 60_000
_MAX_DELAY_MS = 24 * 3600 * 1000


class Politeness:
    """Keeps the pace of every lane and of every root. Belongs to one event loop; nothing here waits.

    Args:
        clock: the time of day, which is what turns are written in.
        default_delay_ms: the least time between two requests' starts in a lane, for roots that name none.
        local_delay_ms: the same for lanes on this very machine, which needs no pity.
    """

    def __init__(self, clock: Clock, default_delay_ms: int, local_delay_ms: int) -> None:
        self._clock = clock
        self._default_delay_ms = default_delay_ms
        self._local_delay_ms = local_delay_ms
        self._lanes: dict[str, LaneTurn] = {}
        self._paces: dict[int, RootPace] = {}
        self._went_on: dict[str, int] = {}
        self._now = 0
        self._swept = 0

    def set_delays(self, default_delay_ms: int, local_delay_ms: int) -> None:
        """Change the least time between two requests' starts in a lane, for roots that name none.

        What a lane learnt from slow answers is forgotten when its own least time changes; it learns that anew.
        """
        if (default_delay_ms, local_delay_ms) == (self._default_delay_ms, self._local_delay_ms):
            return
        self._default_delay_ms, self._local_delay_ms = default_delay_ms, local_delay_ms
        for lane, turn in self._lanes.items():
            self._lanes[lane] = msgspec.structs.replace(turn, delay_ms=self._delay_of(lane))

    def admit(self, root_id: int, per_host: int, delay_ms: int | None) -> bool:
        """Make a root known, or change its pace; return whether that changed anything.

        Args:
            root_id: the root job.
            per_host: the most requests under way in a lane, this root's and all others' counted together.
            delay_ms: its own delay between starts; None for the lane's.
        """
        pace = RootPace(per_host, delay_ms)
        changed = self._paces.get(root_id) != pace
        self._paces[root_id] = pace
        return changed

    def forget(self, root_id: int) -> None:
        """Drop a root that ended; requests of it that are still under way are counted until they finish."""
        self._paces.pop(root_id, None)

    def started(self, root_id: int, lane: str) -> None:
        """Count a request that starts now."""
        now = self._time()
        turn = self._lanes.get(lane)
        if turn is None:
            self._sweep(now)
            turn = LaneTurn(delay_ms=self._delay_of(lane))
        self._lanes[lane] = msgspec.structs.replace(turn, in_flight=turn.in_flight + 1, last_start=now)

    def finished(self, root_id: int, lane: str) -> None:
        """Count a request that ended, however it did.

        Raises:
            BugError: when none is under way there.
        """
        turn = self._lanes.get(lane)
        if turn is None or turn.in_flight == 0:
            raise BugError("a request finished that was never started")
        self._lanes[lane] = msgspec.structs.replace(turn, in_flight=turn.in_flight - 1)

    def go_on(self, root_id: int, lane: str, *, waited: bool) -> int | None:
        """Decide about a request that has started, now that the host's robots.txt is known.

        Who waits for that together must not go on together: one may, which counts as starting only now. Nor may those
        whose turns came one by one catch up with each other while this process is busy.

        Args:
            root_id: the root job.
            lane: where the request goes.
            waited: whether it had to wait for robots.txt.

        Returns:
            None when it may go on, or in how many milliseconds its turn comes.
        """
        now = self._time()
        turn, pace = self._lanes.get(lane), self._paces.get(root_id)
        if turn is None or pace is None:
            return None
        if turn.held_until > now:
            return turn.held_until - now
        delay = Turns.delay_of(pace, turn)
        wait = self._went_on.get(lane, 0) + delay - now
        if 0 < wait <= delay:
            return wait
        if delay or waited:
            self._went_on[lane] = now
            self._lanes[lane] = msgspec.structs.replace(turn, last_start=now)
        return None

    def ask_delay(self, lane: str, ms: int) -> None:
        """Note the delay that the host itself asks for (Crawl-delay); 0 when it asks for none any more."""
        turn = self._lanes.get(lane) or LaneTurn(delay_ms=self._delay_of(lane))
        least = max(0, min(ms, _MAX_DELAY_MS))
        if turn.least_delay_ms != least:
            self._lanes[lane] = msgspec.structs.replace(turn, least_delay_ms=least)

    def rest(self, lane: str, until: int) -> None:
        """Let nothing start in a lane until *until*, in milliseconds UTC; a longer rest that it already has stays.

        The queue holds the lane as well, and remembers it; this holds from the moment of the answer, before the commit.
        """
        turn = self._lanes.get(lane) or LaneTurn(delay_ms=self._delay_of(lane))
        if lane and until > turn.held_until:
            self._lanes[lane] = msgspec.structs.replace(turn, held_until=until)

    def answered(self, lane: str, elapsed_ms: int, *, well: bool) -> None:
        """Adapt the delay of a lane to how long its server takes, so that it is asked about as often as it can answer.

        Scrapy's AutoThrottle with a target of one request under way
        (https://docs.scrapy.org/en/latest/topics/autothrottle.html): the delay goes half the way to the time that the
        last answer took, at once when that is longer, within the configured delay and 5 s; an error, which often comes
        fast, never shortens it. Servers on this very machine keep theirs, and so does whoever chose a delay.

        Args:
            lane: where the answer came from.
            elapsed_ms: how long it took.
            well: whether it brought what was asked for.
        """
        turn = self._lanes.get(lane)
        if turn is None or not lane or _is_local(lane):
            return
        delay = max(elapsed_ms, (turn.delay_ms + elapsed_ms) // 2)
        delay = max(self._default_delay_ms, min(delay, max(MAX_ADAPTED_DELAY_MS, self._default_delay_ms)))
        if delay > turn.delay_ms or (well and delay != turn.delay_ms):
            self._lanes[lane] = msgspec.structs.replace(turn, delay_ms=delay)

    def turns(self, only: frozenset[int] | None = None) -> Turns:
        """Return who may start what now: a snapshot for one receive.

        Args:
            only: the roots to serve, or None for all.
        """
        # The values are frozen, so that copies of the two dictionaries are enough.
        return Turns(now=self._time(), lanes=self._lanes.copy(), paces=self._paces.copy(), only=only)

    def next_turn(self, since: int, only: frozenset[int] | None = None) -> int | None:
        """Return when the first of the lanes that only their delay held back may start again, in milliseconds UTC.

        A lane counts whether messages wait there or not: politeness does not know. None when no lane was held back, or
        when those that were wait for requests under way.

        Args:
            since: when that was: the time of the turns that were asked for last. A lane whose turn has come meanwhile
                counts, or nobody would ever look at it again.
            only: the roots that are served, or None for all.
        """
        since = min(since, self._time())  # the clock may have been set back
        paces = self._distinct_paces(only)
        earliest: int | None = None
        for turn in self._lanes.values():
            for pace in paces:
                at = max(turn.last_start + Turns.delay_of(pace, turn), turn.held_until)
                if turn.in_flight < pace.per_host and at > since and (earliest is None or at < earliest):
                    earliest = at
        return earliest

    def _distinct_paces(self, only: frozenset[int] | None) -> Iterable[RootPace]:
        return {
            (pace.per_host, pace.delay_ms): pace for root, pace in self._paces.items() if only is None or root in only
        }.values()

    def _time(self) -> int:
        """Return the time of day; when it was set back, no lane waits for the time that it had reached before."""
        now = self._clock.now_ms()
        if now < self._now:
            for lane, turn in self._lanes.items():
                if turn.last_start > now or turn.held_until > now:
                    rest = max(0, turn.held_until - self._now)
                    start = min(turn.last_start, now)
                    self._lanes[lane] = msgspec.structs.replace(turn, last_start=start, held_until=now + rest)
            self._swept = min(self._swept, now)
        self._now = now
        return now

    def _delay_of(self, lane: str) -> int:
        # What has no lane goes to no host.
        return self._local_delay_ms if not lane or _is_local(lane) else self._default_delay_ms

    def _sweep(self, now: int) -> None:
        """Drop the lanes that nobody used for a while. A lane that asked for a long delay is kept for that long."""
        if now - self._swept < _SWEEP_EVERY_MS:
            return
        self._swept = now
        for lane, turn in list(self._lanes.items()):
            if (
                turn.in_flight == 0
                and now - max(turn.last_start, turn.held_until) > FORGET_AFTER_MS + turn.least_delay_ms
            ):
                del self._lanes[lane]
                self._went_on.pop(lane, None)


@lru_cache(maxsize=256)  # asked with each answer, and a name is no address only after a look at all of it
def _is_local(lane: str) -> bool:
    """Return whether the origin *lane* is on this machine by its name: a loopback address, or localhost (RFC 6761)."""
    host = lane.partition("://")[2]
    host = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    name = host.removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
