"""The queue: messages in the library's own file, with leases, receipts, lanes and dead letters (Q1-Q9).

Every operation takes a running transaction, so that it joins whatever else must happen with it. It has what goqite has
(https://github.com/maragudk/goqite: send, receive, extend, delete, a limit of receptions, named queues) and what a
crawler needs beyond: fencing, fair turns, lanes, delays that cost nothing while they last, quarantine.
"""

import random
import sqlite3
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from quaero_desktop.domain.errors import StaleReceiptError, UsageError
from quaero_desktop.domain.queue import NO_PACE, DeadLetter, Delivery, MessageState, NewMessage, Receipt, Turns
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.sqlite import Row

ALONE_AFTER_CRASHES = 2
"""A message that was running when the process died so often runs when nothing else does (Q7)."""
DEAD_AFTER_CRASHES = 4
_MOST_CANDIDATES_ALONE = 256

_COLUMNS = "id, delivery, owner, type, payload, job_id, root_id, lane, priority, tries, crashes, lease_until"
_ASIDE = ".trash"
"""Ends the name of the queue where the messages of deleted jobs lie until they are brought back or deleted."""
_MAY_RUN = "(jobs.id IS NULL OR (jobs.status IN ('pending', 'running') AND jobs.trashed_at IS NULL))"
"""What must hold for a message's root: none of it is started while it is paused, closed or in the trash."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Received(msgspec.Struct, frozen=True):
    """What one receive brought.

    Attributes:
        deliveries: messages that are now leased to the caller.
        dead: messages that became dead letters on the way: they did not decode, or their leases ran out too often.
        next_due: when something that waits for its time becomes ready, in milliseconds UTC; None for never.
    """

    deliveries: tuple[Delivery, ...] = ()
    dead: tuple[DeadLetter, ...] = ()
    expired: tuple[int, ...] = ()
    next_due: int | None = None


class Queue:
    """One named queue.

    Args:
        name: queues of other names do not see its messages.
        owner: who receives: a token of this run of the engine, so that the leases of a dead one are known by identity.
        lease_ms: how long a received message stays invisible.
        max_tries: after so many receives without success a message becomes a dead letter; None for no limit.

    Raises:
        UsageError: for an empty name, a lease or a limit below one.
    """

    def __init__(self, name: str = "jobs", *, owner: str, lease_ms: int = 60_000, max_tries: int | None = None) -> None:
        if not name:
            raise UsageError("A queue needs a name.")
        if lease_ms < 1:
            raise UsageError(f"A lease of {lease_ms} ms is no lease.")
        if max_tries is not None and max_tries < 1:
            raise UsageError(f"A message must be received at least once, not {max_tries} times.")
        self.name = name
        self.owner = owner
        self.lease_ms = lease_ms
        self.max_tries = max_tries
        # Where the turns stand: only ever touched on the writer's thread.
        self._last_root = -1
        self._last_lane: dict[int, str] = {}

    def send(self, tx: Tx, message: NewMessage) -> int:
        """Add a message and return its id.

        Raises:
            UsageError: for a negative delay.
        """
        if message.delay_ms < 0:
            raise UsageError(f"A delay of {message.delay_ms} ms lies in the past.")
        delayed = message.delay_ms > 0
        cursor = tx.execute(
            "INSERT INTO messages (queue, job_id, root_id, lane, type, payload, priority, state, ready_at, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self.name,
                message.job_id,
                message.root_id,
                message.lane,
                message.type,
                _encode(message.payload).decode(),
                message.priority,
                "delayed" if delayed else "ready",
                tx.now + message.delay_ms if delayed else None,
                tx.now,
            ),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def send_many(self, tx: Tx, messages: Iterable[NewMessage]) -> list[int]:
        """Add messages, in order, and return their ids."""
        return [self.send(tx, message) for message in messages]

    def receive(self, tx: Tx, n: int = 1, turns: Turns = NO_PACE) -> Received:
        """Lease up to *n* messages whose turn has come.

        Within a lane the order is priority, then first in first out. Roots take turns, and within a root its lanes do.
        Roots that are paused or closed, and lanes that rest, are passed over.

        Args:
            tx: the running transaction.
            n: the most messages: normally how many workers are idle.
            turns: what politeness allows now.

        Raises:
            UsageError: when *n* is below one.
        """
        if n < 1:
            raise UsageError(f"Cannot receive {n} messages.")
        self._promote_due(tx)
        expired, dead = self._expire(tx)
        rows: list[Row] = []
        if not self._runs_alone(tx):
            rows = self._claim(tx, n, turns)
            if not rows and not self._leased_count(tx):
                rows = self._claim_alone(tx, turns)
        deliveries = []
        for row in rows:
            delivery = _delivery(row)
            if delivery is None:
                letter = self.bury(tx, row[0], "its payload is not a JSON object")
                dead.append(letter)
            else:
                deliveries.append(delivery)
        next_due = self._next_due(tx) if len(rows) < n else None
        return Received(tuple(deliveries), tuple(dead), tuple(expired), next_due)

    def extend(self, tx: Tx, receipts: Sequence[Receipt]) -> list[Receipt]:
        """Start the leases of *receipts* anew and return those that are no longer held."""
        lost = []
        for receipt in receipts:
            cursor = tx.execute(
                "UPDATE messages SET lease_until = ? WHERE id = ? AND delivery = ? AND owner = ?",
                (tx.now + self.lease_ms, receipt.message_id, receipt.delivery, receipt.owner),
            )
            if cursor.rowcount == 0:
                lost.append(receipt)
        return lost

    def delete(self, tx: Tx, receipt: Receipt) -> Delivery:
        """Take the message out for good (its work is stored in this very transaction) and return it.

        Raises:
            StaleReceiptError: the message is not leased under this receipt any more.
        """
        row = tx.one(
            f"DELETE FROM messages WHERE id = ? AND delivery = ? AND owner = ? RETURNING {_COLUMNS}",
            (receipt.message_id, receipt.delivery, receipt.owner),
        )
        return _held(row, _named(receipt))

    def held(self, tx: Tx, receipt: Receipt) -> Delivery:
        """Return the message of *receipt* and leave it leased.

        Raises:
            StaleReceiptError: the message is not leased under this receipt any more.
        """
        row = tx.one(
            f"SELECT {_COLUMNS} FROM messages WHERE id = ? AND delivery = ? AND owner = ?",
            (receipt.message_id, receipt.delivery, receipt.owner),
        )
        return _held(row, _named(receipt))

    def held_for(self, tx: Tx, job_id: int) -> Delivery:
        """Return the message of a job that this owner runs.

        Raises:
            StaleReceiptError: it does not, or not any more.
        """
        sql = f"SELECT {_COLUMNS} FROM messages WHERE job_id = ? AND owner = ?"
        return _held(tx.one(sql, (job_id, self.owner)), f"the message of job {job_id}")

    def retry_later(self, tx: Tx, receipt: Receipt, delay_ms: int) -> None:
        """Give a message back after a failure; it becomes ready in *delay_ms*.

        Raises:
            StaleReceiptError: the message is not leased under this receipt any more.
        """
        self.held(tx, receipt)
        tx.execute(
            "UPDATE messages SET state = 'delayed', ready_at = ?, owner = NULL, lease_until = NULL WHERE id = ?",
            (tx.now + max(1, delay_ms), receipt.message_id),
        )

    def release(self, tx: Tx, receipt: Receipt) -> Delivery:
        """Give a message back at once and uncounted, as a clean stop and a snooze do.

        Raises:
            StaleReceiptError: the message is not leased under this receipt any more.
        """
        delivery = self.held(tx, receipt)
        self._put_back(tx, receipt.message_id, delivery.crashes)
        return delivery

    def park(self, tx: Tx, receipt: Receipt, until: int) -> Delivery:
        """Give a message back uncounted; nobody receives it before *until*, or before :meth:`wake`.

        Args:
            tx: the running transaction.
            receipt: proof of holding it.
            until: in milliseconds UTC.

        Raises:
            StaleReceiptError: the message is not leased under this receipt any more.
        """
        delivery = self.release(tx, receipt)
        sql = "UPDATE messages SET state = 'delayed', ready_at = ? WHERE id = ?"
        tx.execute(sql, (max(until, tx.now + 1), receipt.message_id))
        return delivery

    def wake(self, tx: Tx, root_id: int, message_type: str) -> None:
        """Make the messages of a root that were parked ready again, as if their time had come."""
        tx.execute(
            "UPDATE messages SET ready_at = ? WHERE root_id = ? AND queue = ? AND type = ? AND state = 'delayed'",
            (tx.now, root_id, self.name, message_type),
        )

    def interrupt(self, tx: Tx, roots: Sequence[int], jobs: Sequence[int]) -> list[Delivery]:
        """Give back, uncounted, what is leased of these roots and of these jobs; whoever runs it has no receipt now."""
        rows = tx.execute(
            # Without the plus SQLite would read all messages of the roots.
            f"SELECT {_COLUMNS} FROM messages WHERE queue = ? AND state = 'leased'"
            " AND (+root_id IN (SELECT value FROM json_each(?)) OR +job_id IN (SELECT value FROM json_each(?)))",
            (self.name, _encode(roots).decode(), _encode(jobs).decode()),
        ).fetchall()
        for row in rows:
            self._put_back(tx, row[0], row[10])
        return [delivery for delivery in map(_delivery, rows) if delivery is not None]

    def set_aside(self, tx: Tx, jobs: Sequence[int]) -> None:
        """Let nobody receive, count or wait for the messages of these jobs until :meth:`bring_back`.

        They go to a queue of their own rather than to a state: what they wait for, and for how long, stays with them.
        """
        tx.execute(
            "UPDATE messages SET queue = ? WHERE job_id IN (SELECT value FROM json_each(?)) AND queue = ?",
            (self.name + _ASIDE, _encode(jobs).decode(), self.name),
        )

    def bring_back(self, tx: Tx, jobs: Sequence[int]) -> None:
        """Undo :meth:`set_aside`."""
        tx.execute(
            "UPDATE messages SET queue = ? WHERE job_id IN (SELECT value FROM json_each(?)) AND queue = ?",
            (self.name, _encode(jobs).decode(), self.name + _ASIDE),
        )

    def bury(self, tx: Tx, message_id: int, reason: str) -> DeadLetter:
        """Make a message a dead letter: it stays, with its reason, until it is revived or discarded."""
        row = tx.one(
            "UPDATE messages SET state = 'dead', reason = ?, died_at = ?, owner = NULL, lease_until = NULL,"
            " ready_at = NULL WHERE id = ? RETURNING id, job_id, root_id, type, payload, reason, tries, died_at",
            (reason, tx.now, message_id),
        )
        assert row is not None
        return DeadLetter(
            message_id=row[0],
            job_id=row[1],
            root_id=row[2],
            type=row[3],
            payload=row[4],
            reason=row[5],
            failures=row[6],
            died_at=row[7],
        )

    def revive(self, tx: Tx, message_id: int) -> bool:
        """Make a dead letter ready again with all its tries; return whether there was one."""
        cursor = tx.execute(
            "UPDATE messages SET state = 'ready', reason = NULL, died_at = NULL, tries = 0, crashes = 0"
            " WHERE id = ? AND queue = ? AND state = 'dead'",
            (message_id, self.name),
        )
        return cursor.rowcount == 1

    def discard(self, tx: Tx, message_id: int) -> bool:
        """Delete a dead letter; return whether there was one."""
        cursor = tx.execute(
            "DELETE FROM messages WHERE id = ? AND queue = ? AND state = 'dead'", (message_id, self.name)
        )
        return cursor.rowcount == 1

    def hold_lane(self, tx: Tx, lane: str, until: int, reason: str) -> None:
        """Let a lane rest until *until* (milliseconds UTC); a longer rest that it already has stays."""
        tx.execute(
            "INSERT INTO lanes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET held_until = excluded.held_until,"
            " reason = excluded.reason WHERE excluded.held_until > held_until",
            (lane, until, reason),
        )

    def wait_elsewhere(self, tx: Tx, job_id: int, waiting: bool) -> None:
        """Note whether all that a running job does now is to wait for somebody else, a server or another process."""
        tx.execute("UPDATE messages SET waiting = ? WHERE job_id = ? AND owner = ?", (int(waiting), job_id, self.owner))

    def recover(self, tx: Tx) -> tuple[list[Delivery], list[DeadLetter]]:
        """Take back every lease of another owner: this process holds the library alone, so they are all dead.

        It counts as a crash of what ran, but not of what only waited for somebody else (:meth:`wait_elsewhere`): a page
        spends nearly all its time waiting for its server, and whoever kills the process four times, or loses power,
        meets the same first pages of the queue each time, without their doing.

        Returns:
            The messages that are ready again, and those that died with their process once too often.
        """
        rows = tx.execute(
            f"SELECT {_COLUMNS}, waiting FROM messages WHERE queue = ? AND state = 'leased' AND owner <> ?",
            (self.name, self.owner),
        ).fetchall()
        back, dead = [], []
        for row in rows:
            message_id, crashes = row[0], row[10] + (not row[12])
            tx.execute("UPDATE messages SET crashes = ? WHERE id = ?", (crashes, message_id))
            if crashes >= DEAD_AFTER_CRASHES:
                dead.append(self.bury(tx, message_id, f"the process died {crashes} times while this ran"))
                continue
            self._put_back(tx, message_id, crashes)
            delivery = _delivery(row)
            if delivery is not None:
                back.append(delivery)
        return back, dead

    def is_idle(self, connection: Any, only: frozenset[int] | None = None) -> bool:
        """Return whether nothing is ready, leased or delayed (of the roots *only*); paused roots do not count."""
        # Root by root, so that a paused one costs one seek and not one for each of its messages.
        roots = connection.execute(
            "WITH RECURSIVE found (root) AS ("
            " SELECT min(root_id) FROM messages"
            " UNION ALL SELECT (SELECT min(root_id) FROM messages WHERE root_id > found.root)"
            " FROM found WHERE found.root IS NOT NULL)"
            f" SELECT root FROM found LEFT JOIN jobs ON jobs.id = root WHERE root IS NOT NULL AND {_MAY_RUN}"
            " AND EXISTS (SELECT 1 FROM messages WHERE root_id = root AND queue = ? AND state <> 'dead')",
            (self.name,),
        )
        return not any(only is None or root in only for (root,) in roots)

    def _put_back(self, tx: Tx, message_id: int, crashes: int) -> None:
        state = MessageState.ALONE if crashes >= ALONE_AFTER_CRASHES else MessageState.READY
        tx.execute(
            "UPDATE messages SET state = ?, owner = NULL, lease_until = NULL, tries = tries - 1 WHERE id = ?",
            (state, message_id),
        )

    def _promote_due(self, tx: Tx) -> None:
        tx.execute(
            "UPDATE messages SET state = iif(crashes >= ?, 'alone', 'ready'), ready_at = NULL"
            " WHERE queue = ? AND state = 'delayed' AND ready_at <= ?",
            (ALONE_AFTER_CRASHES, self.name, tx.now),
        )

    def _expire(self, tx: Tx) -> tuple[list[int], list[DeadLetter]]:
        rows = tx.execute(
            "SELECT id, tries, crashes, job_id FROM messages WHERE queue = ? AND state = 'leased' AND lease_until <= ?",
            (self.name, tx.now),
        ).fetchall()
        expired, dead = [], []
        for message_id, tries, crashes, job_id in rows:
            if self.max_tries is not None and tries >= self.max_tries:
                dead.append(self.bury(tx, message_id, f"it was received {tries} times and never finished"))
                continue
            tx.execute(
                "UPDATE messages SET state = ?, owner = NULL, lease_until = NULL WHERE id = ?",
                ("alone" if crashes >= ALONE_AFTER_CRASHES else "ready", message_id),
            )
            if job_id is not None:
                expired.append(job_id)
        return expired, dead

    def _leased_count(self, tx: Tx) -> int:
        return int(tx.value("SELECT count(*) FROM messages WHERE queue = ? AND state = 'leased'", (self.name,)))

    def _runs_alone(self, tx: Tx) -> bool:
        sql = "SELECT 1 FROM messages WHERE queue = ? AND state = 'leased' AND crashes >= ?"
        return tx.one(sql, (self.name, ALONE_AFTER_CRASHES)) is not None

    def _claim(self, tx: Tx, n: int, turns: Turns) -> list[Row]:
        waiting = deque(self._roots_in_turn(tx, turns))
        lanes: dict[int, deque[str]] = {}
        started: dict[str, int] = {}
        rows: list[Row] = []
        while waiting and len(rows) < n:
            root = waiting.popleft()
            if root not in lanes:
                lanes[root] = deque(self._lanes_in_turn(tx, root, turns, n))
            row = self._claim_one(tx, root, lanes[root], turns, started)
            if row is not None:
                rows.append(row)
                waiting.append(root)
                self._last_root = root
        return rows

    def _claim_one(self, tx: Tx, root: int, lanes: deque[str], turns: Turns, started: dict[str, int]) -> Row | None:
        while lanes:
            lane = lanes.popleft()
            if turns.slots(root, lane, started.get(lane, 0)) == 0:
                continue
            rows = self._lease(
                tx,
                "SELECT id FROM messages WHERE queue = ? AND state = 'ready' AND root_id = ? AND lane = ?"
                " ORDER BY priority DESC, id LIMIT 1",
                (self.name, root, lane),
            )
            if rows:
                started[lane] = started.get(lane, 0) + 1
                self._last_lane[root] = lane
                lanes.append(lane)
                return rows[0]
        return None

    def _claim_alone(self, tx: Tx, turns: Turns) -> list[Row]:
        held = self._held_lanes(tx)
        candidates = tx.execute(
            "SELECT m.id, m.root_id, m.lane FROM messages m LEFT JOIN jobs ON jobs.id = m.root_id"
            f" WHERE m.queue = ? AND m.state = 'alone' AND {_MAY_RUN} ORDER BY m.crashes, m.id LIMIT ?",
            (self.name, _MOST_CANDIDATES_ALONE),
        ).fetchall()
        for message_id, root, lane in candidates:
            if turns.only is not None and root not in turns.only:
                continue
            if lane not in held and turns.slots(root, lane) > 0:
                return self._lease(tx, "SELECT ?", (message_id,))
        return []

    def _lease(self, tx: Tx, which: str, parameters: tuple[Any, ...]) -> list[Row]:
        return tx.execute(
            "UPDATE messages SET state = 'leased', owner = ?, lease_until = ?, delivery = delivery + 1, waiting = 0,"
            f" tries = tries + 1 WHERE id = ({which}) RETURNING {_COLUMNS}",
            (self.owner, tx.now + self.lease_ms, *parameters),
        ).fetchall()

    def _roots_in_turn(self, tx: Tx, turns: Turns) -> list[int]:
        """Return the roots that have ready messages and may run, the one after the last served first."""
        # A loose index scan: one seek for each root, however many messages it has (SQLite has no skip-scan for this).
        rows = tx.execute(
            "WITH RECURSIVE found (root) AS ("
            " SELECT min(root_id) FROM messages WHERE queue = :queue AND state = 'ready'"
            " UNION ALL SELECT (SELECT min(root_id) FROM messages"
            " WHERE queue = :queue AND state = 'ready' AND root_id > found.root)"
            " FROM found WHERE found.root IS NOT NULL)"
            f" SELECT root FROM found LEFT JOIN jobs ON jobs.id = root WHERE root IS NOT NULL AND {_MAY_RUN}",
            {"queue": self.name},
        ).fetchall()
        roots = sorted(root for (root,) in rows if turns.only is None or root in turns.only)
        after = [root for root in roots if root > self._last_root]
        return after + roots[: len(roots) - len(after)]

    def _lanes_in_turn(self, tx: Tx, root: int, turns: Turns, enough: int) -> list[str]:
        """Return up to *enough* lanes of *root* that may start something now, the one after the last served first.

        Each of them is good for one message, so *enough* is what is asked for in all. Lanes that must wait are passed
        over, however many there are: a lane behind them is not kept waiting by them.
        """
        held = self._held_lanes(tx)
        start = self._last_lane.get(root)
        lanes: list[str] = []
        lane, wrapped = start, start is None
        while len(lanes) < enough:
            row = tx.one(
                "SELECT lane FROM messages WHERE queue = ? AND state = 'ready' AND root_id = ?"
                + (" AND lane > ?" if lane is not None else "")
                + " ORDER BY lane LIMIT 1",
                (self.name, root) if lane is None else (self.name, root, lane),
            )
            if row is None:
                if wrapped:
                    break
                lane, wrapped = None, True
                continue
            lane = row[0]
            assert lane is not None
            if wrapped and start is not None and lane > start:
                break
            if lane not in held and turns.slots(root, lane) > 0:
                lanes.append(lane)
        return lanes

    def _held_lanes(self, tx: Tx) -> frozenset[str]:
        return frozenset(lane for (lane,) in tx.execute("SELECT lane FROM lanes WHERE held_until > ?", (tx.now,)))

    def _next_due(self, tx: Tx) -> int | None:
        dues = (
            tx.value("SELECT min(ready_at) FROM messages WHERE queue = ? AND state = 'delayed'", (self.name,)),
            tx.value("SELECT min(lease_until) FROM messages WHERE queue = ? AND state = 'leased'", (self.name,)),
            tx.value("SELECT min(held_until) FROM lanes WHERE held_until > ?", (tx.now,)),
        )
        return min((due for due in dues if due is not None), default=None)


def backoff_ms(tries: int, base_ms: int, most_ms: int, rng: random.Random) -> int:
    """Return how long to wait before try number *tries* + 1: exponential, with full jitter in its upper half.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ ("equal jitter").
    """
    whole = min(most_ms, base_ms * 2 ** min(tries - 1, 30))
    return int(whole / 2 + rng.random() * whole / 2)


def dead_letters(connection: Any, queue: str, limit: int = 100, offset: int = 0) -> list[DeadLetter]:
    """Return the dead letters of a queue, oldest first."""
    rows = connection.execute(
        "SELECT id, job_id, root_id, type, payload, reason, tries, died_at FROM messages"
        " WHERE queue = ? AND state = 'dead' ORDER BY id LIMIT ? OFFSET ?",
        (queue, limit, offset),
    )
    return [
        DeadLetter(
            message_id=row[0],
            job_id=row[1],
            root_id=row[2],
            type=row[3],
            payload=row[4],
            reason=row[5],
            failures=row[6],
            died_at=row[7],
        )
        for row in rows
    ]


def _delivery(row: Row | sqlite3.Row) -> Delivery | None:
    try:
        payload = _decode(row[4])
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError, RecursionError):
        return None
    return Delivery(
        receipt=Receipt(row[0], row[1], row[2]),
        type=row[3],
        payload=payload,
        job_id=row[5],
        root_id=row[6],
        lane=row[7],
        priority=row[8],
        tries=row[9],
        crashes=row[10],
        lease_until=row[11],
    )


def _named(receipt: Receipt) -> str:
    return f"message {receipt.message_id}, delivery {receipt.delivery}"


def _held(row: sqlite3.Row | None, name: str) -> Delivery:
    if row is None:
        raise StaleReceiptError(f"{name} is held by nobody here")
    delivery = _delivery(row)
    if delivery is None:
        raise StaleReceiptError(f"the payload of {name} changed while it was leased")
    return delivery
