"""The queue against a model of it in plain Python: whatever is asked of both, in whatever order, they agree."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, multiple, precondition, rule

from quaero_desktop.domain.errors import StaleReceiptError
from quaero_desktop.domain.queue import NO_PACE, LaneTurn, NewMessage, Receipt, RootPace, Turns
from quaero_desktop.storage.queue import Queue
from tests.support.plain_library import PlainLibrary

LEASE_MS = 1_000
MAX_TRIES = 3
LANES = ("a", "b", "c")
COLUMNS = (
    "id", "root_id", "lane", "priority", "state", "ready_at", "owner", "lease_until", "delivery", "tries", "crashes",
)  # fmt: skip


class Model:
    """The queue as its documentation has it, with no thought of speed."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.owner = "run 1"
        self.messages: dict[int, dict[str, Any]] = {}
        self.rests: dict[str, int] = {}
        self.paused: set[int] = set()
        self.last_root = -1
        self.last_lane: dict[int, str] = {}

    def send(self, message_id: int, root: int, lane: str, priority: int, delay_ms: int) -> None:
        self.messages[message_id] = {
            "id": message_id,
            "root_id": root,
            "lane": lane,
            "priority": priority,
            "state": "delayed" if delay_ms else "ready",
            "ready_at": self.now + delay_ms if delay_ms else None,
            "owner": None,
            "lease_until": None,
            "delivery": 0,
            "tries": 0,
            "crashes": 0,
        }

    def holder(self, receipt: Receipt) -> dict[str, Any] | None:
        message = self.messages.get(receipt.message_id)
        if message and (message["delivery"], message["owner"]) == (receipt.delivery, receipt.owner):
            return message
        return None

    @staticmethod
    def put(message: dict[str, Any], state: str, **values: Any) -> None:
        message.update({"state": state, "owner": None, "lease_until": None, "ready_at": None} | values)

    def put_back(self, message: dict[str, Any], **values: Any) -> None:
        self.put(message, "alone" if message["crashes"] >= 2 else "ready", **values)

    def in_state(self, state: str) -> list[dict[str, Any]]:
        return [message for _, message in sorted(self.messages.items()) if message["state"] == state]

    def receive(self, n: int, turns: Turns) -> list[Receipt]:
        for message in self.in_state("delayed"):
            if message["ready_at"] <= self.now:
                self.put_back(message)
        for message in self.in_state("leased"):
            if message["lease_until"] <= self.now:
                self.put(message, "dead") if message["tries"] >= MAX_TRIES else self.put_back(message)
        if any(message["crashes"] >= 2 for message in self.in_state("leased")):
            return []
        chosen = self.choose(n, turns)
        if not chosen and not self.in_state("leased"):
            waiting = sorted(self.in_state("alone"), key=lambda message: (message["crashes"], message["id"]))
            chosen = [message for message in waiting if self.may_start(message, turns, {})][:1]
            for message in chosen:
                self.lease(message)
        return [Receipt(message["id"], message["delivery"], message["owner"]) for message in chosen]

    def choose(self, n: int, turns: Turns) -> list[dict[str, Any]]:
        """Roots take turns; within a root its lanes do; within a lane priority decides, then age."""
        chosen: list[dict[str, Any]] = []
        started: dict[str, int] = {}
        roots = after(sorted({message["root_id"] for message in self.in_state("ready")}), self.last_root)
        lanes = {
            root: after(
                sorted({m["lane"] for m in self.in_state("ready") if m["root_id"] == root}), self.last_lane.get(root)
            )
            for root in roots
        }
        while roots and len(chosen) < n:
            root = roots.pop(0)
            while lanes[root]:
                lane = lanes[root].pop(0)
                candidates = [m for m in self.in_state("ready") if (m["root_id"], m["lane"]) == (root, lane)]
                candidates = [m for m in candidates if self.may_start(m, turns, started)]
                if candidates:
                    message = min(candidates, key=lambda m: (-m["priority"], m["id"]))
                    self.lease(message)
                    chosen.append(message)
                    started[lane] = started.get(lane, 0) + 1
                    self.last_root, self.last_lane[root] = root, lane
                    lanes[root].append(lane)
                    roots.append(root)
                    break
        return chosen

    def may_start(self, message: dict[str, Any], turns: Turns, started: dict[str, int]) -> bool:
        root, lane = message["root_id"], message["lane"]
        if root in self.paused or self.rests.get(lane, 0) > self.now:
            return False
        if turns.only is not None and root not in turns.only:
            return False
        return turns.slots(root, lane, started.get(lane, 0)) > 0

    def lease(self, message: dict[str, Any]) -> None:
        delivery, tries = message["delivery"] + 1, message["tries"] + 1
        until = self.now + LEASE_MS
        self.put(message, "leased", owner=self.owner, lease_until=until, delivery=delivery, tries=tries)

    def next_due(self) -> int | None:
        dues = [message["ready_at"] for message in self.in_state("delayed")]
        dues += [message["lease_until"] for message in self.in_state("leased")]
        dues += [until for until in self.rests.values() if until > self.now]
        return min(dues, default=None)

    def recover(self, owner: str) -> None:
        self.owner, self.last_root, self.last_lane = owner, -1, {}
        for message in self.in_state("leased"):
            message["crashes"] += 1
            if message["crashes"] >= 4:
                self.put(message, "dead")
            else:
                self.put_back(message, tries=message["tries"] - 1)


def after(items: list[Any], last: Any) -> list[Any]:
    """Rotate sorted *items* so that what comes after *last* comes first."""
    if last is None:
        return items
    return [item for item in items if item > last] + [item for item in items if item <= last]


turns_of_all_kinds = st.one_of(
    st.just(NO_PACE),
    st.builds(Turns, unmet=st.integers(1, 2)),
    st.builds(
        Turns,
        unmet=st.integers(0, 2),
        lanes=st.dictionaries(st.sampled_from(LANES), st.builds(LaneTurn, in_flight=st.integers(0, 2))),
        paces=st.dictionaries(st.integers(1, 2), st.builds(RootPace, st.integers(1, 3), st.just(0))),
        only=st.none() | st.frozensets(st.integers(0, 2)),
    ),
)


class QueueAndModel(RuleBasedStateMachine):
    """Does everything to both, and compares the table and the model after each step."""

    receipts: Bundle[Receipt] = Bundle("receipts")

    def __init__(self) -> None:
        super().__init__()
        self.library = PlainLibrary()
        self.queue = Queue(owner="run 1", lease_ms=LEASE_MS, max_tries=MAX_TRIES)
        self.model = Model(self.library.clock.now_ms())
        self.runs = 1

    def teardown(self) -> None:
        self.library.close()

    @initialize()
    def two_roots(self) -> None:
        for _ in range(2):
            self.library.run(
                lambda tx: tx.execute(
                    "INSERT INTO jobs (type, status, created_at, revision) VALUES ('crawl', 'running', 0, 0)"
                )
            )
        for root in range(3):
            self.send_many(root, [*LANES, *LANES])

    def agree(self) -> None:
        rows = self.library.connection.execute(f"SELECT {', '.join(COLUMNS)} FROM messages ORDER BY id").fetchall()
        assert [dict(zip(COLUMNS, row, strict=True)) for row in rows] == [
            message for _, message in sorted(self.model.messages.items())
        ]

    @rule(
        root=st.integers(0, 2),
        lane=st.sampled_from(LANES),
        priority=st.integers(-1, 1),
        delay_ms=st.sampled_from((0, 0, 0, 300, LEASE_MS)),
    )
    def send(self, root: int, lane: str, priority: int, delay_ms: int) -> None:
        message = NewMessage(root_id=root, lane=lane, priority=priority, delay_ms=delay_ms)
        message_id = self.library.run(lambda tx: self.queue.send(tx, message))
        self.model.send(message_id, root, lane, priority, delay_ms)
        self.agree()

    @rule(root=st.integers(0, 2), lanes=st.lists(st.sampled_from(LANES), min_size=2, max_size=8))
    def send_many(self, root: int, lanes: list[str]) -> None:
        messages = [NewMessage(root_id=root, lane=lane) for lane in lanes]
        ids = self.library.run(lambda tx: self.queue.send_many(tx, messages))
        for message_id, lane in zip(ids, lanes, strict=True):
            self.model.send(message_id, root, lane, 0, 0)
        self.agree()

    @rule(target=receipts, n=st.integers(1, 5), turns=turns_of_all_kinds)
    def receive(self, n: int, turns: Turns) -> Any:
        received = self.library.run(lambda tx: self.queue.receive(tx, n, turns))
        got = [delivery.receipt for delivery in received.deliveries]
        assert got == self.model.receive(n, turns)
        assert received.next_due == (self.model.next_due() if len(got) < n else None)
        self.agree()
        return multiple(*got)

    def do(self, receipt: Receipt, operation: Any) -> dict[str, Any] | None:
        """Do *operation* in a transaction; return the model's message, or None when the receipt was stale."""
        held = self.model.holder(receipt)
        if held is None:
            with pytest.raises(StaleReceiptError):
                self.library.run(operation)
        else:
            self.library.run(operation)
        return held

    @rule(receipt=receipts)
    def delete(self, receipt: Receipt) -> None:
        if self.do(receipt, lambda tx: self.queue.delete(tx, receipt)):
            del self.model.messages[receipt.message_id]
        self.agree()

    @rule(receipt=receipts, delay_ms=st.sampled_from((0, 1, 300, LEASE_MS)))
    def retry_later(self, receipt: Receipt, delay_ms: int) -> None:
        if message := self.do(receipt, lambda tx: self.queue.retry_later(tx, receipt, delay_ms)):
            self.model.put(message, "delayed", ready_at=self.model.now + max(1, delay_ms))
        self.agree()

    @rule(receipt=receipts)
    def release(self, receipt: Receipt) -> None:
        if message := self.do(receipt, lambda tx: self.queue.release(tx, receipt)):
            self.model.put_back(message, tries=message["tries"] - 1)
        self.agree()

    @rule(receipt=receipts)
    def extend(self, receipt: Receipt) -> None:
        lost = self.library.run(lambda tx: self.queue.extend(tx, [receipt]))
        message = self.model.holder(receipt)
        assert lost == ([] if message else [receipt])
        if message:
            message["lease_until"] = self.model.now + LEASE_MS
        self.agree()

    @rule(receipt=consumes(receipts))
    def bury(self, receipt: Receipt) -> None:
        if message := self.do(receipt, lambda tx: self.queue.held(tx, receipt)):
            letter = self.library.run(lambda tx: self.queue.bury(tx, receipt.message_id, "given up"))
            assert letter.failures == message["tries"]
            self.model.put(message, "dead")
        self.agree()

    @rule(target=receipts)
    def receive_one(self) -> Any:
        return self.receive(1, NO_PACE)

    @rule(ms=st.sampled_from((1, 299, 300, LEASE_MS - 1, LEASE_MS)))
    def time_passes(self, ms: int) -> None:
        self.library.clock.advance(ms / 1000)
        self.model.now = self.library.clock.now_ms()

    @rule(lane=st.sampled_from(LANES), ms=st.sampled_from((1, 300, LEASE_MS)))
    def hold_lane(self, lane: str, ms: int) -> None:
        self.library.run(lambda tx: self.queue.hold_lane(tx, lane, tx.now + ms, "it asked for it"))
        self.model.rests[lane] = max(self.model.rests.get(lane, 0), self.model.now + ms)
        self.agree()

    @rule(root=st.integers(1, 2))
    def pause_or_resume(self, root: int) -> None:
        self.model.paused ^= {root}
        status = "paused" if root in self.model.paused else "running"
        self.library.run(lambda tx: tx.execute("UPDATE jobs SET status = ? WHERE id = ?", (status, root)))

    @rule(times=st.integers(2, 4), n=st.integers(1, 3))
    def the_process_dies_at_each_start(self, times: int, n: int) -> None:
        for _ in range(times):
            self.receive(n, NO_PACE)
            self.the_process_dies()

    @rule()
    def the_process_dies(self) -> None:
        self.runs += 1
        self.queue = Queue(owner=f"run {self.runs}", lease_ms=LEASE_MS, max_tries=MAX_TRIES)
        self.library.run(self.queue.recover)
        self.model.recover(f"run {self.runs}")
        self.agree()

    @precondition(lambda self: self.model.in_state("dead"))
    @rule(data=st.data(), revive=st.booleans())
    def decide_about_a_dead_letter(self, data: st.DataObject, revive: bool) -> None:
        message = data.draw(st.sampled_from(self.model.in_state("dead")))
        if revive:
            assert self.library.run(lambda tx: self.queue.revive(tx, message["id"]))
            self.model.put(message, "ready", tries=0, crashes=0)
        else:
            assert self.library.run(lambda tx: self.queue.discard(tx, message["id"]))
            del self.model.messages[message["id"]]
        self.agree()

    @rule()
    def is_idle(self) -> None:
        live = [
            m for m in self.model.messages.values() if m["state"] != "dead" and m["root_id"] not in self.model.paused
        ]
        assert self.queue.is_idle(self.library.connection) == (not live)


TestQueueAndModel = QueueAndModel.TestCase
TestQueueAndModel.settings = settings(
    settings.get_profile("quaero"), max_examples=100, stateful_step_count=40, derandomize=True
)
