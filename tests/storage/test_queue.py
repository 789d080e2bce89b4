"""What the queue promises (Q1-Q9). The first half is what goqite's own tests ask of a queue, in its order."""

import collections
import random
import re
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from quaero_desktop.domain.errors import StaleReceiptError, UsageError
from quaero_desktop.domain.queue import NO_PACE, DeadLetter, Delivery, LaneTurn, NewMessage, Receipt, RootPace, Turns
from quaero_desktop.storage import queue as queue_module
from quaero_desktop.storage.queue import Queue, Received, backoff_ms, dead_letters
from tests.support.plain_library import PlainLibrary

LEASE_MS = 60_000


class Bench:
    """A queue with each of its operations in a transaction of its own."""

    def __init__(self, library: PlainLibrary, queue: Queue) -> None:
        self.library = library
        self.queue = queue

    @property
    def now(self) -> int:
        return self.library.clock.now_ms()

    def wait(self, ms: int) -> None:
        self.library.clock.advance(ms / 1000)

    def send(self, **message: Any) -> int:
        return self.library.run(lambda tx: self.queue.send(tx, NewMessage(**message)))

    def receive(self, n: int = 1, turns: Turns = NO_PACE) -> Received:
        return self.library.run(lambda tx: self.queue.receive(tx, n, turns))

    def take(self, n: int = 1, turns: Turns = NO_PACE) -> list[Delivery]:
        return list(self.receive(n, turns).deliveries)

    def take_one(self) -> Delivery:
        (delivery,) = self.take()
        return delivery

    def take_ids(self, n: int = 1, turns: Turns = NO_PACE) -> list[int]:
        return [delivery.receipt.message_id for delivery in self.take(n, turns)]

    def delete(self, delivery: Delivery) -> Delivery:
        return self.library.run(lambda tx: self.queue.delete(tx, delivery.receipt))

    def retry_later(self, delivery: Delivery, ms: int) -> None:
        self.library.run(lambda tx: self.queue.retry_later(tx, delivery.receipt, ms))

    def release(self, delivery: Delivery) -> Delivery:
        return self.library.run(lambda tx: self.queue.release(tx, delivery.receipt))

    def park(self, delivery: Delivery, until: int) -> Delivery:
        return self.library.run(lambda tx: self.queue.park(tx, delivery.receipt, until))

    def extend(self, *deliveries: Delivery) -> list[Receipt]:
        return self.library.run(lambda tx: self.queue.extend(tx, [delivery.receipt for delivery in deliveries]))

    def bury(self, message_id: int, reason: str = "for a test") -> DeadLetter:
        return self.library.run(lambda tx: self.queue.bury(tx, message_id, reason))

    def hold_lane(self, lane: str, ms: int) -> None:
        self.library.run(lambda tx: self.queue.hold_lane(tx, lane, tx.now + ms, "for a test"))

    def dead(self) -> list[DeadLetter]:
        return dead_letters(self.library.connection, self.queue.name)

    def is_idle(self, only: frozenset[int] | None = None) -> bool:
        return self.queue.is_idle(self.library.connection, only)

    def root(self, status: str = "running") -> int:
        """Add a root job and return its id."""
        return self.library.run(
            lambda tx: int(
                tx.value(
                    "INSERT INTO jobs (type, status, created_at, revision) VALUES ('crawl', ?, 0, 0) RETURNING id",
                    (status,),
                )
            )
        )

    def set_root(self, root_id: int, **values: Any) -> None:
        columns = ", ".join(f"{column} = :{column}" for column in values)
        self.library.run(lambda tx: tx.execute(f"UPDATE jobs SET {columns} WHERE id = :id", values | {"id": root_id}))

    def column(self, name: str, message_id: int) -> Any:
        return self.library.connection.execute(f"SELECT {name} FROM messages WHERE id = ?", (message_id,)).fetchone()[0]

    def die_and_recover(self) -> tuple[list[Delivery], list[DeadLetter]]:
        """Let this process die while it holds what it holds, and start the next one."""
        self.queue = Queue(self.queue.name, owner=self.queue.owner + "'", lease_ms=self.queue.lease_ms)
        return self.library.run(self.queue.recover)


@pytest.fixture
def memory() -> Iterator[PlainLibrary]:
    library = PlainLibrary()
    yield library
    library.close()


@pytest.fixture
def bench(memory: PlainLibrary) -> Bench:
    return Bench(memory, Queue(owner="this run", lease_ms=LEASE_MS))


# --- a queue: what goqite has --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": ""}, "A queue needs a name."),
        ({"lease_ms": 0}, "A lease of 0 ms is no lease."),
        ({"lease_ms": -1}, "A lease of -1 ms is no lease."),
        ({"max_tries": 0}, "A message must be received at least once, not 0 times."),
        ({"max_tries": -1}, "A message must be received at least once, not -1 times."),
    ],
)
def test_a_queue_needs_a_name_a_lease_and_at_least_one_try(wrong, told):
    with pytest.raises(UsageError) as mistake:
        Queue(**{"name": "q", "owner": "me"} | wrong)
    assert str(mistake.value) == told


def test_a_lease_lasts_a_minute_unless_somebody_says_otherwise(memory):
    bench = Bench(memory, Queue(owner="me"))
    bench.send()
    assert bench.take_one().lease_until == bench.now + 60_000
    shortest = Bench(memory, Queue("short", owner="me", lease_ms=1, max_tries=1))
    shortest.send()
    assert shortest.take_one().lease_until == bench.now + 1


def test_one_message_is_received_unless_somebody_asks_for_more(bench):
    ids = [bench.send(), bench.send()]

    received = bench.library.run(bench.queue.receive)

    assert [delivery.receipt.message_id for delivery in received.deliveries] == ids[:1]


def test_what_is_sent_is_received_as_it_was(bench):
    root = bench.root()
    message_id = bench.send(
        type="crawler_url", payload={"hops": 2, "text": "é漢"}, root_id=root, lane="https://a.test", priority=3
    )

    delivery = bench.take_one()

    assert delivery == Delivery(
        receipt=Receipt(message_id, 1, "this run"),
        type="crawler_url",
        payload={"hops": 2, "text": "é漢"},
        job_id=None,
        root_id=root,
        lane="https://a.test",
        priority=3,
        tries=1,
        crashes=0,
        lease_until=bench.now + LEASE_MS,
    )


def test_nothing_is_received_from_an_empty_queue(bench):
    assert bench.receive() == Received()


def test_a_message_cannot_be_sent_into_the_past(bench):
    with pytest.raises(UsageError) as mistake:
        bench.send(delay_ms=-1)
    assert str(mistake.value) == "A delay of -1 ms lies in the past."


@pytest.mark.parametrize("n", [0, -1])
def test_at_least_one_message_must_be_asked_for(bench, n):
    with pytest.raises(UsageError) as mistake:
        bench.receive(n)
    assert str(mistake.value) == f"Cannot receive {n} messages."


def test_the_shortest_delay_is_a_millisecond(bench):
    message_id = bench.send(delay_ms=1)

    assert bench.take() == []
    bench.wait(1)
    assert bench.take_ids() == [message_id]


def test_a_delayed_message_is_received_from_its_time_on_and_not_before(bench):
    message_id = bench.send(delay_ms=100)

    assert bench.take() == []
    bench.wait(99)
    assert bench.take() == []
    bench.wait(1)
    assert bench.take_ids() == [message_id]


def test_a_received_message_is_invisible_until_its_lease_ends(bench):
    message_id = bench.send()
    assert bench.take_ids() == [message_id]

    bench.wait(LEASE_MS - 1)
    assert bench.take() == []
    bench.wait(1)
    assert bench.take_ids() == [message_id]


def test_a_message_that_was_received_as_often_as_allowed_becomes_a_dead_letter(memory):
    bench = Bench(memory, Queue(owner="me", lease_ms=LEASE_MS, max_tries=2))
    message_id = bench.send()
    for _ in range(2):
        assert bench.take_ids() == [message_id]
        bench.wait(LEASE_MS)

    received = bench.receive()

    assert received.deliveries == ()
    assert [letter.message_id for letter in received.dead] == [message_id]
    assert [letter.reason for letter in bench.dead()] == ["it was received 2 times and never finished"]


def test_without_a_limit_a_message_comes_again_and_again(bench):
    message_id = bench.send()
    for tries in range(1, 20):
        delivery = bench.take_one()
        assert (delivery.receipt.message_id, delivery.tries, delivery.receipt.delivery) == (message_id, tries, tries)
        bench.wait(LEASE_MS)


def test_the_jobs_whose_leases_ended_are_named(bench):
    job_id = bench.root()
    bench.send(job_id=job_id)
    bench.send()
    bench.take(2)
    bench.wait(LEASE_MS)

    assert bench.receive(2).expired == (job_id,)


def test_queues_of_other_names_do_not_see_a_message(memory):
    mails = Bench(memory, Queue("mails", owner="me"))
    jobs = Bench(memory, Queue("jobs", owner="me"))
    message_id = mails.send()

    assert jobs.take() == []
    assert mails.take_ids() == [message_id]
    memory.clock.advance(3600)
    assert jobs.receive() == Received()
    assert not mails.is_idle()


def test_what_is_in_another_queue_stays_as_it_is_and_in_nobodys_way(bench):
    other = Bench(bench.library, Queue("other", owner="me", lease_ms=1_000))
    for _ in range(4):
        other.send()
    (suspect, *_) = other.take_ids(2)
    other.send(delay_ms=1_000)
    other.bury(other.send())
    bench.library.run(lambda tx: tx.execute("UPDATE messages SET crashes = 2 WHERE id = ?", (suspect,)))
    bench.library.run(lambda tx: tx.execute("UPDATE messages SET state = 'alone', crashes = 2 WHERE id = 4"))
    bench.wait(1_000)
    before = bench.library.dump()

    assert bench.receive(9) == Received()
    assert bench.library.dump() == before
    assert bench.dead() == []

    alone = bench.send()
    bench.library.run(lambda tx: tx.execute("UPDATE messages SET state = 'alone', crashes = 2 WHERE id = ?", (alone,)))
    assert bench.take_ids(9) == [alone]


def test_when_a_lease_ends_nothing_else_changes(memory):
    bench = Bench(memory, Queue(owner="me", lease_ms=LEASE_MS, max_tries=1))
    rows = "SELECT * FROM messages WHERE id NOT IN (1, 2) ORDER BY id"
    for _ in range(3):
        bench.send()
    worn_out, ended = bench.take_ids(2)
    bench.library.run(lambda tx: tx.execute("UPDATE messages SET tries = 0 WHERE id = ?", (ended,)))
    bench.wait(LEASE_MS - 1)
    (running,) = bench.take_ids()
    paused = bench.root("paused")
    bench.send(root_id=paused, delay_ms=9_000)
    bench.send(root_id=paused)
    bench.bury(bench.send())
    before = memory.connection.execute(rows).fetchall()
    bench.wait(1)

    received = bench.receive(1)

    assert [letter.message_id for letter in received.dead] == [worn_out]
    assert [delivery.receipt.message_id for delivery in received.deliveries] == [ended], "the dead one hides it not"
    assert memory.connection.execute(rows).fetchall() == before
    assert bench.column("state", running) == "leased"


def test_an_extended_lease_lasts_that_much_longer(bench):
    bench.send()
    delivery = bench.take_one()
    bench.wait(LEASE_MS - 1)

    assert bench.extend(delivery) == []

    bench.wait(LEASE_MS - 1)
    assert bench.take() == []
    bench.wait(1)
    assert len(bench.take()) == 1


def test_a_deleted_message_never_comes_again(bench):
    bench.send()
    delivery = bench.take_one()

    assert bench.delete(delivery).receipt == delivery.receipt

    bench.wait(LEASE_MS * 10)
    assert bench.receive() == Received()


def test_higher_priority_goes_first_and_among_equals_who_came_first(bench):
    sent = [bench.send(priority=priority) for priority in (0, 5, 0, -1, 5)]

    assert bench.take_ids(5) == [sent[1], sent[4], sent[0], sent[2], sent[3]]


def test_a_message_that_comes_back_keeps_its_place(bench):
    first, second = bench.send(), bench.send()
    bench.release(bench.take_one())

    assert bench.take_ids(2) == [first, second]


def test_a_rollback_takes_the_sent_message_with_it(bench):
    def send_and_fail(tx):
        bench.queue.send(tx, NewMessage())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bench.library.run(send_and_fail)

    assert bench.take() == []


def test_a_rollback_gives_back_what_was_received_and_deleted(bench):
    message_id = bench.send()

    def receive_delete_and_fail(tx):
        (delivery,) = bench.queue.receive(tx).deliveries
        bench.queue.delete(tx, delivery.receipt)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bench.library.run(receive_delete_and_fail)

    assert bench.take_ids() == [message_id]


def test_many_are_sent_and_received_in_one_go(bench):
    ids = bench.library.run(lambda tx: bench.queue.send_many(tx, [NewMessage(priority=i % 2) for i in range(10)]))

    assert bench.take_ids(100) == ids[1::2] + ids[::2]


# --- fencing (Q2) --------------------------------------------------------------------------------------------------


@pytest.fixture
def overtaken(bench) -> Delivery:
    """A delivery whose lease ended, so that its message is now held under a later one, by the very same owner."""
    bench.send()
    delivery = bench.take_one()
    bench.wait(LEASE_MS)
    assert bench.take_one().receipt.message_id == delivery.receipt.message_id
    return delivery


Operation = Callable[[Queue, Any, Receipt], Any]
FENCED: dict[str, Operation] = {
    "delete": lambda queue, tx, receipt: queue.delete(tx, receipt),
    "held": lambda queue, tx, receipt: queue.held(tx, receipt),
    "retry_later": lambda queue, tx, receipt: queue.retry_later(tx, receipt, 1),
    "release": lambda queue, tx, receipt: queue.release(tx, receipt),
}


@pytest.mark.parametrize("operation", FENCED.values(), ids=FENCED.keys())
def test_a_receipt_that_was_overtaken_is_refused_and_takes_the_whole_transaction_with_it(bench, overtaken, operation):
    before = bench.library.dump()

    def store_result(tx):
        bench.queue.send(tx, NewMessage(type="a result"))
        operation(bench.queue, tx, overtaken.receipt)

    with pytest.raises(StaleReceiptError):
        bench.library.run(store_result)

    assert bench.library.dump() == before


@pytest.mark.parametrize("operation", FENCED.values(), ids=FENCED.keys())
@pytest.mark.parametrize("end", ["delete", "release", "retry_later", "bury"])
def test_a_receipt_is_good_for_one_end_only(bench, end, operation):
    bench.send()
    delivery = bench.take_one()
    ends = {
        "delete": bench.delete,
        "release": bench.release,
        "retry_later": lambda d: bench.retry_later(d, 5),
        "bury": lambda d: bench.bury(d.receipt.message_id),
    }
    ends[end](delivery)

    with pytest.raises(StaleReceiptError):
        bench.library.run(lambda tx: operation(bench.queue, tx, delivery.receipt))


def test_extending_names_the_leases_that_were_lost_and_extends_the_others(bench, overtaken):
    bench.send()
    held = bench.take_one()
    bench.wait(10)

    assert bench.extend(overtaken, held) == [overtaken.receipt]
    assert bench.column("lease_until", held.receipt.message_id) == bench.now + LEASE_MS
    assert bench.column("lease_until", overtaken.receipt.message_id) == bench.now - 10 + LEASE_MS


def test_a_receipt_of_another_owner_is_refused(bench):
    bench.send()
    receipt = bench.take_one().receipt

    with pytest.raises(StaleReceiptError):
        bench.library.run(lambda tx: bench.queue.delete(tx, Receipt(receipt.message_id, receipt.delivery, "another")))


def test_nobody_extends_the_lease_of_another_owner(bench):
    bench.send()
    delivery = bench.take_one()
    foreign = Receipt(delivery.receipt.message_id, delivery.receipt.delivery, "another")
    bench.wait(10)

    assert bench.library.run(lambda tx: bench.queue.extend(tx, [foreign])) == [foreign]
    assert bench.column("lease_until", foreign.message_id) == delivery.lease_until


def test_a_lease_that_ended_is_still_good_while_nobody_else_received_it(bench):
    bench.send()
    delivery = bench.take_one()
    bench.wait(LEASE_MS * 2)

    assert bench.delete(delivery).receipt == delivery.receipt


# --- failing, giving back, giving up (Q3) --------------------------------------------------------------------------


def test_a_retry_comes_after_its_delay_and_not_before(bench):
    message_id = bench.send()
    bench.retry_later(bench.take_one(), 5_000)

    bench.wait(4_999)
    assert bench.take() == []
    bench.wait(1)
    assert bench.take_ids() == [message_id]


def test_what_is_retried_runs_beside_others_like_any_other(bench):
    message_id = bench.send()
    bench.retry_later(bench.take_one(), 10)
    other = bench.send()
    bench.wait(10)

    assert bench.take_ids(2) == [message_id, other]


def test_a_retry_without_delay_does_not_come_back_in_the_same_moment(bench):
    bench.send()
    bench.retry_later(bench.take_one(), 0)

    assert bench.take() == []
    bench.wait(1)
    assert bench.take_one().tries == 2


def test_giving_back_does_not_count_as_a_try(bench):
    bench.send()
    for _ in range(5):
        delivery = bench.take_one()
        assert delivery.tries == 1
        bench.release(delivery)


def test_backoff_doubles_up_to_its_most_and_never_falls_under_half_of_it(bench):
    class Dice:
        value = 0.0

        def random(self) -> float:
            return self.value

    dice: Any = Dice()
    assert [backoff_ms(tries, 2_000, 10_000, dice) for tries in (1, 2, 3, 4, 400)] == [
        1_000,
        2_000,
        4_000,
        5_000,
        5_000,
    ]
    dice.value = 0.999
    assert [backoff_ms(tries, 2_000, 10_000, dice) for tries in (1, 2, 3, 4)] == [1_999, 3_998, 7_996, 9_995]


def test_backoff_doubles_thirty_times_at_most():
    rng = random.Random(0)
    half = [backoff_ms(tries, 1, 2**40, rng) >> 29 for tries in (31, 32, 10**9)]

    assert half == [1, 1, 1]


@pytest.mark.parametrize("payload", ["", "not JSON", "[1]", "null", '{"a":', '{"a":' + "[" * 5_000 + "]" * 5_000 + "}"])
def test_a_payload_that_does_not_decode_becomes_a_dead_letter_and_holds_up_nobody(bench, payload):
    sound, broken = bench.send(), bench.send()
    bench.library.run(lambda tx: tx.execute("UPDATE messages SET payload = ? WHERE id = ?", (payload, broken)))

    received = bench.receive(2)

    assert [delivery.receipt.message_id for delivery in received.deliveries] == [sound]
    assert [(letter.message_id, letter.payload) for letter in received.dead] == [(broken, payload)]
    assert [letter.reason for letter in bench.dead()] == ["its payload is not a JSON object"]


def test_a_dead_letter_stays_with_its_reason_until_somebody_decides(bench):
    root, job_id = bench.root(), bench.root()
    message_id = bench.send(type="summarise", payload={"n": 1}, root_id=root, job_id=job_id)
    bench.take_one()

    letter = bench.bury(message_id, "no executor registered for job type summarise")

    assert letter == DeadLetter(
        message_id=message_id,
        job_id=job_id,
        root_id=root,
        type="summarise",
        payload='{"n":1}',
        reason="no executor registered for job type summarise",
        failures=1,
        died_at=bench.now,
    )
    bench.wait(LEASE_MS * 100)
    assert bench.receive() == Received()
    assert bench.dead() == [letter]


def test_what_waits_for_its_time_can_be_given_up_and_does_not_come_when_it_is_due(bench):
    bench.bury(bench.send(delay_ms=9))
    bench.wait(9)

    assert bench.receive() == Received()


def test_a_revived_dead_letter_has_all_its_tries_again(bench):
    message_id = bench.send()
    bench.take_one()
    bench.bury(message_id)

    assert bench.library.run(lambda tx: bench.queue.revive(tx, message_id)) is True

    delivery = bench.take_one()
    assert (delivery.receipt.message_id, delivery.receipt.delivery, delivery.tries) == (message_id, 2, 1)
    assert bench.dead() == []


def test_what_died_with_its_process_starts_all_over_when_it_is_revived(bench):
    revived = bench.send()
    crash_with(bench, revived, 4)
    fresh, another = bench.send(), bench.send()
    bench.bury(another)
    assert bench.column("state", revived) == "dead"

    assert bench.library.run(lambda tx: bench.queue.revive(tx, revived)) is True

    columns = "state, reason, died_at, ready_at, owner, lease_until, tries, crashes, waiting"
    rows = bench.library.connection.execute(f"SELECT {columns} FROM messages WHERE id <> ?", (another,)).fetchall()
    assert rows[0] == rows[1], "but for its number of deliveries it is like one that was just sent"
    assert bench.take_ids(9) == [revived, fresh]
    assert [letter.message_id for letter in bench.dead()] == [another]


def test_a_discarded_dead_letter_is_gone(bench):
    message_id, another = bench.send(), bench.send()
    bench.bury(message_id)
    bench.bury(another)

    assert bench.library.run(lambda tx: bench.queue.discard(tx, message_id)) is True

    assert [letter.message_id for letter in bench.dead()] == [another]
    assert bench.library.run(lambda tx: bench.queue.revive(tx, message_id)) is False


def test_only_dead_letters_of_this_queue_are_revived_or_discarded(bench):
    living = bench.send()
    other = Bench(bench.library, Queue("other", owner="me"))
    foreign = other.send()
    other.bury(foreign)

    for message_id in (living, foreign, 99):
        assert bench.library.run(lambda tx, i=message_id: bench.queue.revive(tx, i)) is False
        assert bench.library.run(lambda tx, i=message_id: bench.queue.discard(tx, i)) is False


def test_dead_letters_are_listed_oldest_first_and_in_pages(bench):
    ids = [bench.send() for _ in range(5)]
    for message_id in reversed(ids):
        bench.bury(message_id)

    listed = dead_letters(bench.library.connection, "jobs", limit=2, offset=1)

    assert [letter.message_id for letter in listed] == ids[1:3]


def test_a_page_of_dead_letters_has_a_hundred_and_the_first_is_the_oldest(bench):
    ids = [bench.send() for _ in range(101)]
    for message_id in ids:
        bench.bury(message_id)

    assert [letter.message_id for letter in bench.dead()] == ids[:100]


# --- held, parked, interrupted, set aside --------------------------------------------------------------------------


def test_what_is_held_is_shown_whole_and_given_back_whole(bench):
    bench.send(type="crawler_url", payload={"hops": 1}, lane="lane", priority=2)
    delivery = bench.take_one()

    assert bench.library.run(lambda tx: bench.queue.held(tx, delivery.receipt)) == delivery
    assert bench.release(delivery) == delivery
    again = bench.take_one()
    assert bench.delete(again) == again


def test_the_message_of_a_job_is_found_while_this_owner_runs_it_and_not_longer(bench):
    job_id, another = bench.root(), bench.root()
    bench.send(job_id=another)
    bench.send(job_id=job_id)
    deliveries = bench.take(2)

    assert bench.library.run(lambda tx: bench.queue.held_for(tx, job_id)) == deliveries[1]

    bench.release(deliveries[1])
    with pytest.raises(StaleReceiptError) as stale:
        bench.library.run(lambda tx: bench.queue.held_for(tx, job_id))
    assert str(stale.value) == f"the message of job {job_id} is held by nobody here"


def test_the_message_of_a_job_that_somebody_else_runs_is_not_found(bench):
    job_id = bench.root()
    bench.send(job_id=job_id)
    Bench(bench.library, Queue(owner="somebody else")).take_one()

    with pytest.raises(StaleReceiptError):
        bench.library.run(lambda tx: bench.queue.held_for(tx, job_id))


@pytest.mark.parametrize("operation", FENCED.values(), ids=FENCED.keys())
def test_a_stale_receipt_is_told_by_its_numbers(bench, operation):
    with pytest.raises(StaleReceiptError) as stale:
        bench.library.run(lambda tx: operation(bench.queue, tx, Receipt(7, 3, "this run")))
    assert str(stale.value) == "message 7, delivery 3 is held by nobody here"


def test_a_payload_that_was_spoiled_while_it_was_leased_is_told(bench):
    message_id = bench.send()
    delivery = bench.take_one()
    bench.library.run(lambda tx: tx.execute("UPDATE messages SET payload = '[]'"))

    with pytest.raises(StaleReceiptError) as stale:
        bench.release(delivery)
    assert str(stale.value) == f"the payload of message {message_id}, delivery 1 changed while it was leased"


def test_a_parked_message_waits_for_its_time_and_that_is_no_try(bench):
    message_id, other = bench.send(), bench.send()
    delivery = bench.take_one()

    assert bench.park(delivery, bench.now + 5_000) == delivery

    assert bench.take_ids(2) == [other]
    bench.wait(4_999)
    assert bench.take() == []
    bench.wait(1)
    again = bench.take_one()
    assert (again.receipt.message_id, again.tries, again.receipt.delivery) == (message_id, 1, 2)


@pytest.mark.parametrize("until", [-1_000, 0, 1])
def test_a_message_parked_until_a_time_that_is_over_comes_back_in_the_next_moment(bench, until):
    message_id = bench.send()
    bench.park(bench.take_one(), bench.now + until)

    assert bench.take() == []
    bench.wait(1)
    assert bench.take_ids() == [message_id]


def test_waking_makes_ready_what_is_parked_of_that_root_and_type_and_nothing_else(bench):
    root, another = bench.root(), bench.root()
    meant = bench.send(root_id=root, type="gate", delay_ms=9_000)
    bench.send(root_id=another, type="gate", delay_ms=9_000)
    bench.send(root_id=root, type="page", delay_ms=9_000)
    running = bench.send(root_id=root, type="gate")
    foreign = Bench(bench.library, Queue("other", owner="me"))
    foreign.send(root_id=root, type="gate", delay_ms=9_000)
    assert bench.take_ids() == [running]

    bench.library.run(lambda tx: bench.queue.wake(tx, root, "gate"))

    assert bench.take_ids(9) == [meant]
    assert foreign.take(9) == []
    assert bench.column("state", running) == "leased"


def test_interrupting_takes_back_what_runs_of_these_roots_and_jobs_uncounted(bench):
    root, another, job = bench.root(), bench.root(), bench.root()
    of_root = [bench.send(root_id=root) for _ in range(2)]
    ready = bench.send(root_id=root, priority=-1)
    of_job = bench.send(job_id=job, root_id=another)
    running = bench.send(root_id=another)
    foreign = Bench(bench.library, Queue("other", owner="me"))
    foreign.send(root_id=root)
    theirs = foreign.take_one()
    held = {delivery.receipt.message_id: delivery for delivery in bench.take(4)}
    assert held.keys() == {*of_root, of_job, running}

    interrupted = bench.library.run(lambda tx: bench.queue.interrupt(tx, [root], [job]))

    assert sorted(interrupted, key=lambda delivery: delivery.receipt.message_id) == [
        held[message_id] for message_id in (*of_root, of_job)
    ]
    for message_id in (*of_root, of_job):
        assert (bench.column("state", message_id), bench.column("tries", message_id)) == ("ready", 0)
        with pytest.raises(StaleReceiptError):
            bench.delete(held[message_id])
    assert bench.column("tries", ready) == 0, "it was not leased"
    assert bench.delete(held[running]) == held[running]
    assert foreign.delete(theirs) == theirs


def test_a_suspect_that_is_interrupted_still_runs_alone(bench):
    suspect = bench.send()
    crash_with(bench, suspect, 2)
    bench.take_one()

    bench.library.run(lambda tx: bench.queue.interrupt(tx, [0], []))

    assert bench.column("state", suspect) == "alone"


def test_an_interrupted_message_that_does_not_decode_any_more_is_given_back_all_the_same(bench):
    message_id = bench.send()
    bench.take_one()
    bench.library.run(lambda tx: tx.execute("UPDATE messages SET payload = '[]'"))

    assert bench.library.run(lambda tx: bench.queue.interrupt(tx, [0], [])) == []
    assert bench.column("state", message_id) == "ready"


def test_what_is_set_aside_is_neither_received_nor_waited_for_and_comes_back_as_it_was(bench):
    jobs = [bench.root() for _ in range(3)]
    ready, delayed = bench.send(job_id=jobs[0]), bench.send(job_id=jobs[1], delay_ms=5_000)
    other = bench.send(job_id=jobs[2])
    before = bench.library.dump()

    bench.library.run(lambda tx: bench.queue.set_aside(tx, jobs[:2]))

    assert bench.receive(9).next_due == bench.now + LEASE_MS, "nobody waits for the delayed one"
    assert bench.column("state", other) == "leased"
    bench.library.run(lambda tx: bench.queue.interrupt(tx, [0], []))
    bench.library.run(lambda tx: tx.execute("UPDATE messages SET delivery = 0 WHERE id = ?", (other,)))
    bench.library.run(lambda tx: bench.queue.bring_back(tx, jobs))
    assert bench.library.dump() == before
    bench.wait(5_000)
    assert sorted(bench.take_ids(9)) == [ready, delayed, other]


def test_a_queue_sets_aside_and_brings_back_none_but_its_own(bench):
    job_id = bench.root()
    other = Bench(bench.library, Queue("other", owner="me"))
    message_id = other.send(job_id=job_id)

    bench.library.run(lambda tx: bench.queue.set_aside(tx, [job_id]))
    assert other.column("queue", message_id) == "other"
    bench.library.run(lambda tx: bench.queue.bring_back(tx, [job_id]))
    assert other.column("queue", message_id) == "other"

    other.library.run(lambda tx: other.queue.set_aside(tx, [job_id]))
    assert bench.is_idle()
    assert other.is_idle()
    bench.library.run(lambda tx: bench.queue.bring_back(tx, [job_id]))
    assert other.take() == []
    other.library.run(lambda tx: other.queue.bring_back(tx, [job_id]))
    assert other.take_ids() == [message_id]


def test_of_jobs_that_are_set_aside_only_those_named_are_brought_back(bench):
    jobs = [bench.root() for _ in range(2)]
    ids = [bench.send(job_id=job_id) for job_id in jobs]
    bench.library.run(lambda tx: bench.queue.set_aside(tx, jobs))

    bench.library.run(lambda tx: bench.queue.bring_back(tx, jobs[:1]))

    assert bench.take_ids(9) == ids[:1]


# --- fair turns (Q4) -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 7, 20])
def test_a_root_of_fifty_lanes_and_a_root_of_one_get_equal_shares(bench, n):
    many, one = bench.root(), bench.root()
    for i in range(200):
        bench.send(root_id=many, lane=f"lane {i % 50:02}")
    for _ in range(200):
        bench.send(root_id=one, lane="the only lane")

    served: collections.Counter[int] = collections.Counter()
    for _ in range(40):
        served.update(delivery.root_id for delivery in bench.take(n))
        if served.total() % 2 == 0:
            assert served[many] == served[one]

    assert served.total() == min(400, 40 * n)


@pytest.mark.parametrize("n", [1, 2, 4, 5])
def test_a_lane_of_ten_thousand_does_not_keep_short_ones_waiting(bench, n):
    root = bench.root()
    for _ in range(100):
        bench.send(root_id=root, lane="long")
    for _ in range(5):
        for lane in ("a short one", "short", "z short"):
            bench.send(root_id=root, lane=lane)

    served: collections.Counter[str] = collections.Counter()
    while served.total() < 20:
        served.update(delivery.lane for delivery in bench.take(min(n, 20 - served.total())))

    assert served == {"long": 5, "a short one": 5, "short": 5, "z short": 5}


def test_roots_take_turns_one_by_one_in_the_order_of_their_ids(bench):
    roots = [bench.root() for _ in range(3)]
    for root in roots:
        for _ in range(4):
            bench.send(root_id=root)

    assert [bench.take_one().root_id for _ in range(7)] == [*roots, *roots, roots[0]]


def test_messages_of_no_root_have_their_turn_like_those_of_a_root(bench):
    root = bench.root()
    for _ in range(3):
        bench.send()
        bench.send(root_id=root)

    assert [delivery.root_id for delivery in bench.take(6)] == [0, root] * 3


@pytest.mark.parametrize("status", ["paused", "completed", "failed", "cancelled"])
def test_a_root_that_is_paused_or_closed_is_passed_over(bench, status):
    stopped, running = bench.root(status), bench.root()
    bench.send(root_id=stopped)
    message_id = bench.send(root_id=running)

    assert bench.take_ids(5) == [message_id]

    bench.set_root(stopped, status="running")
    assert len(bench.take(5)) == 1


def test_a_root_in_the_trash_is_passed_over(bench):
    root = bench.root()
    bench.send(root_id=root)
    bench.set_root(root, trashed_at=1)

    assert bench.take() == []


def test_a_held_lane_rests_in_all_roots_while_others_go_on(bench):
    here, there = bench.root(), bench.root()
    for root in (here, there):
        bench.send(root_id=root, lane="slow")
        bench.send(root_id=root, lane="fast")
    bench.hold_lane("slow", 5_000)

    assert [delivery.lane for delivery in bench.take(9)] == ["fast", "fast"]
    bench.wait(4_999)
    assert bench.take(9) == []
    bench.wait(1)
    assert [delivery.lane for delivery in bench.take(9)] == ["slow", "slow"]


def test_holding_a_lane_costs_no_message_anything(bench):
    message_id = bench.send(lane="slow")
    before = bench.library.connection.execute("SELECT * FROM messages").fetchall()

    bench.hold_lane("slow", 1_000)

    assert bench.library.connection.execute("SELECT * FROM messages").fetchall() == before
    assert message_id


def test_a_shorter_rest_does_not_cut_a_longer_one_short(bench):
    bench.send(lane="slow")
    bench.hold_lane("slow", 5_000)
    bench.hold_lane("slow", 100)

    bench.wait(4_999)
    assert bench.take() == []


def test_the_longest_rest_stays_with_the_reason_that_was_given_first(bench):
    def hold(ms: int, reason: str) -> list[Any]:
        until = bench.now + ms
        bench.library.run(lambda tx: bench.queue.hold_lane(tx, "slow", until, reason))
        return bench.library.connection.execute("SELECT * FROM lanes").fetchall()

    assert hold(100, "a short rest") == [("slow", bench.now + 100, "a short rest")]
    assert hold(5_000, "a long one") == [("slow", bench.now + 5_000, "a long one")]
    assert hold(5_000, "as long") == [("slow", bench.now + 5_000, "a long one")]
    assert hold(4_999, "a shorter one") == [("slow", bench.now + 5_000, "a long one")]


def test_three_hundred_resting_lanes_do_not_hide_the_one_behind_them(bench):
    root = bench.root()
    for i in range(300):
        bench.send(root_id=root, lane=f"lane {i:03}")
        bench.hold_lane(f"lane {i:03}", 60_000)
    message_id = bench.send(root_id=root, lane="last")

    assert bench.take_ids(2) == [message_id]


def test_lanes_that_have_no_slot_left_do_not_hide_the_one_behind_them(bench):
    root = bench.root()
    busy = [f"lane {i}" for i in range(3)]
    for lane in busy:
        bench.send(root_id=root, lane=lane)
    message_id = bench.send(root_id=root, lane="last")
    turns = Turns(lanes={lane: LaneTurn(in_flight=4) for lane in busy}, paces={root: RootPace(4, 0)})

    assert bench.take_ids(2, turns) == [message_id]


def pace(root_id: int, lane: LaneTurn, *, per_host: int = 4, delay_ms: int | None = 0, now: int = 0) -> Turns:
    return Turns(now=now, lanes={"lane": lane}, paces={root_id: RootPace(per_host, delay_ms)})


@pytest.mark.parametrize(
    ("turn", "per_host", "expected"),
    [
        (LaneTurn(in_flight=0), 4, 4),
        (LaneTurn(in_flight=3), 4, 1),
        (LaneTurn(in_flight=4), 4, 0),
        (LaneTurn(in_flight=9), 4, 0),
        (LaneTurn(in_flight=0), 1, 1),
    ],
)
def test_no_more_start_in_a_lane_than_it_has_free_slots(bench, turn, per_host, expected):
    root = bench.root()
    for _ in range(10):
        bench.send(root_id=root, lane="lane")

    assert len(bench.take(10, pace(root, turn, per_host=per_host))) == expected


def test_two_roots_share_the_slots_of_one_lane(bench):
    first, second = bench.root(), bench.root()
    for root in (first, second):
        for _ in range(10):
            bench.send(root_id=root, lane="lane")
    turns = Turns(lanes={"lane": LaneTurn(in_flight=1)}, paces={r: RootPace(4, 0) for r in (first, second)})

    assert sorted(delivery.root_id for delivery in bench.take(10, turns)) == [first, first, second]


def test_a_root_that_politeness_has_not_met_starts_one_in_each_lane(bench):
    root = bench.root()
    for lane in ("a", "b", "a", "b"):
        bench.send(root_id=root, lane=lane)

    assert [delivery.lane for delivery in bench.take(9, Turns())] == ["a", "b"]


def test_a_lane_that_has_no_slot_left_does_not_end_the_turn_of_its_root(bench):
    root = bench.root()
    for lane in ("narrow", "narrow", "wide", "wide", "wide"):
        bench.send(root_id=root, lane=lane)
    turns = Turns(lanes={"narrow": LaneTurn(in_flight=3), "wide": LaneTurn()}, paces={root: RootPace(4, 0)})

    assert [delivery.lane for delivery in bench.take(9, turns)] == ["narrow", "wide", "wide", "wide"]


def test_a_lane_that_politeness_has_not_met_starts_one(bench):
    root = bench.root()
    for _ in range(3):
        bench.send(root_id=root, lane="lane")

    assert len(bench.take(9, Turns(paces={root: RootPace(4, 0)}))) == 1


@pytest.mark.parametrize(
    ("turn", "delay_ms", "since", "starts"),
    [
        (LaneTurn(last_start=1_000, delay_ms=500), None, 499, 0),
        (LaneTurn(last_start=1_000, delay_ms=500), None, 500, 1),
        (LaneTurn(last_start=1_000, delay_ms=500), 200, 200, 1),
        (LaneTurn(last_start=1_000, delay_ms=500), 0, 0, 4),
        (LaneTurn(last_start=1_000, least_delay_ms=900), 0, 899, 0),
        (LaneTurn(last_start=1_000, least_delay_ms=900), 0, 900, 1),
        (LaneTurn(last_start=1_000, delay_ms=500, in_flight=4), None, 9_000, 0),
    ],
)
def test_a_lane_with_a_delay_starts_one_when_it_is_over(bench, turn, delay_ms, since, starts):
    root = bench.root()
    for _ in range(9):
        bench.send(root_id=root, lane="lane")

    assert len(bench.take(9, pace(root, turn, delay_ms=delay_ms, now=1_000 + since))) == starts


def test_only_the_named_roots_are_served_when_some_are_named(bench):
    wanted, other = bench.root(), bench.root()
    bench.send(root_id=other)
    bench.send()
    message_id = bench.send(root_id=wanted)

    assert bench.take_ids(9, Turns(unmet=9, only=frozenset({wanted}))) == [message_id]


# --- what comes next -----------------------------------------------------------------------------------------------


def test_the_next_due_moment_is_that_of_whatever_waits_least(bench):
    start = bench.now
    assert bench.receive().next_due is None

    bench.send(delay_ms=90_000)
    assert bench.receive().next_due == start + 90_000

    bench.send(lane="lane")
    bench.take_one()
    assert bench.receive().next_due == start + LEASE_MS

    bench.hold_lane("lane", 10_000)
    assert bench.receive().next_due == start + 10_000

    bench.wait(10_000)
    assert bench.receive().next_due == start + LEASE_MS


@pytest.mark.parametrize("kind", ["delayed", "leased", "resting"])
def test_of_those_that_wait_for_the_same_the_first_counts(bench, kind):
    for ms in (2_000, 1_000, 3_000):
        if kind == "delayed":
            bench.send(delay_ms=ms)
        elif kind == "leased":
            bench.send()
            bench.queue.lease_ms = ms
            bench.take_one()
        else:
            bench.hold_lane(f"lane {ms}", ms)

    assert bench.receive().next_due == bench.now + 1_000


def test_nobody_asks_what_is_next_who_got_all_that_was_asked_for(bench):
    bench.send()
    bench.send(delay_ms=5)

    assert bench.receive(1).next_due is None


@pytest.mark.parametrize("state", ["ready", "delayed", "leased", "alone"])
def test_a_queue_with_something_to_do_is_not_idle(bench, state):
    bench.send(delay_ms=5 if state == "delayed" else 0)
    if state == "leased":
        bench.take_one()
    if state == "alone":
        bench.library.run(lambda tx: tx.execute("UPDATE messages SET state = 'alone', crashes = 2"))

    assert not bench.is_idle()


def test_dead_letters_and_roots_that_may_not_run_leave_a_queue_idle(bench):
    bench.bury(bench.send())
    bench.send(root_id=bench.root("paused"))
    bench.send(root_id=bench.root("cancelled"))
    trashed = bench.root()
    bench.set_root(trashed, trashed_at=1)
    bench.send(root_id=trashed)

    assert bench.is_idle()


@pytest.mark.parametrize("busy", [0, 1, 2])
def test_one_root_with_something_to_do_is_enough(bench, busy):
    roots = [0, bench.root(), bench.root()]
    for root in roots:
        bench.bury(bench.send(root_id=root))
    bench.send(root_id=roots[busy])

    assert not bench.is_idle()


def test_a_root_that_may_not_run_is_idle_also_while_another_runs(bench):
    bench.send(root_id=bench.root("paused"))
    bench.root()

    assert bench.is_idle()


def test_idle_is_asked_of_the_named_roots_alone(bench):
    busy, quiet = bench.root(), bench.root()
    bench.send(root_id=busy)

    assert bench.is_idle(frozenset({quiet}))
    assert not bench.is_idle(frozenset({busy, quiet}))


# --- after a crash (Q7) --------------------------------------------------------------------------------------------


def test_leases_of_a_dead_owner_are_taken_back_at_once_and_uncounted(bench):
    message_id = bench.send()
    bench.take_one()

    back, dead = bench.die_and_recover()

    assert ([delivery.receipt.message_id for delivery in back], dead) == ([message_id], [])
    delivery = bench.take_one()
    assert (delivery.receipt.delivery, delivery.tries, delivery.crashes) == (2, 1, 1)


def test_recovery_leaves_ones_own_leases_and_other_queues_alone(bench):
    other = Bench(bench.library, Queue("other", owner="somebody"))
    other.send()
    theirs = other.take_one()
    bench.send()
    mine = bench.take_one()

    assert bench.library.run(bench.queue.recover) == ([], [])

    assert bench.delete(mine).receipt == mine.receipt
    assert other.delete(theirs).receipt == theirs.receipt


def test_recovery_gives_back_what_does_not_decode_without_naming_it(bench):
    broken, sound = bench.send(), bench.send()
    bench.take(2)
    bench.library.run(lambda tx: tx.execute("UPDATE messages SET payload = '[]' WHERE id = ?", (broken,)))

    back, dead = bench.die_and_recover()

    assert ([delivery.receipt.message_id for delivery in back], dead) == ([sound], [])
    assert bench.column("state", broken) == "ready"


def test_recovery_goes_by_identity_and_not_by_time(bench):
    bench.send()
    delivery = bench.take_one()
    bench.library.clock.jump(-3600)

    back, _ = bench.die_and_recover()

    assert len(back) == 1
    with pytest.raises(StaleReceiptError):
        bench.delete(delivery)


def crash_with(bench: Bench, message_id: int, times: int) -> None:
    """Let the process die *times* times while it runs this very message."""
    for _ in range(times):
        assert message_id in bench.take_ids()
        bench.die_and_recover()


def test_a_message_that_was_running_at_two_crashes_runs_alone(bench):
    suspect = bench.send()
    crash_with(bench, suspect, 2)
    others = [bench.send() for _ in range(3)]

    assert bench.take_ids(2) == others[:2], "it waits until nothing else is there"
    assert bench.take_ids(2) == others[2:], "and starts with nothing else"
    assert bench.take(2) == [], "nor while anything is leased"
    for message_id in others:
        bench.library.run(lambda tx, i=message_id: tx.execute("DELETE FROM messages WHERE id = ?", (i,)))
    assert bench.take_ids(2) == [suspect]
    bench.send()
    assert bench.take(2) == [], "and while it runs nothing else starts"


def test_when_the_one_that_ran_alone_is_done_the_others_go_on(bench):
    suspect = bench.send()
    crash_with(bench, suspect, 2)
    delivery = bench.take_one()
    other = bench.send()

    bench.delete(delivery)

    assert bench.take_ids() == [other]


@pytest.mark.parametrize("end", ["release", "retry_later", "expire"])
def test_however_it_comes_back_it_still_runs_alone(bench, end):
    suspect = bench.send()
    crash_with(bench, suspect, 2)
    delivery = bench.take_one()
    if end == "release":
        bench.release(delivery)
    elif end == "retry_later":
        bench.retry_later(delivery, 1)
        bench.wait(1)
    else:
        bench.wait(LEASE_MS)
    other = bench.send()

    assert bench.take_ids(5) == [other]
    assert bench.column("state", suspect) == "alone"


def test_those_that_run_alone_go_by_their_crashes_and_then_their_age(bench):
    worst, older, newer = bench.send(), bench.send(), bench.send()
    bench.library.run(lambda tx: tx.execute("UPDATE messages SET state = 'alone', crashes = 2 + (id = ?)", (worst,)))

    order = []
    for _ in range(3):
        delivery = bench.take_one()
        order.append(delivery.receipt.message_id)
        bench.delete(delivery)

    assert order == [older, newer, worst]


def test_one_that_must_wait_does_not_hide_another_that_may_run_alone(bench):
    bench.send(lane="resting")
    message_id = bench.send()
    bench.library.run(lambda tx: tx.execute("UPDATE messages SET state = 'alone', crashes = 2"))
    bench.hold_lane("resting", 100)

    assert bench.take_ids() == [message_id]


def test_no_more_than_a_fixed_number_of_those_that_run_alone_are_looked_at(bench, monkeypatch):
    """A receive stays short however many of them must wait."""
    monkeypatch.setattr(queue_module, "_MOST_CANDIDATES_ALONE", 2)
    waiting = bench.root()
    for root in (waiting, waiting, 0):
        bench.send(root_id=root)
    bench.library.run(lambda tx: tx.execute("UPDATE messages SET state = 'alone', crashes = 2"))

    assert bench.take(1, Turns(only=frozenset({0}))) == []
    monkeypatch.setattr(queue_module, "_MOST_CANDIDATES_ALONE", 3)
    assert bench.take_ids(1, Turns(only=frozenset({0}))) == [3]


def test_what_may_not_run_does_not_keep_one_waiting_that_runs_alone(bench):
    bench.send(root_id=bench.root("paused"))
    root = bench.root()
    alone = bench.send(root_id=root, lane="lane")
    bench.library.run(lambda tx: tx.execute("UPDATE messages SET state = 'alone', crashes = 2 WHERE id = ?", (alone,)))

    assert bench.take_ids(1, Turns()) == [alone], "one slot is enough for it"


def test_those_that_run_alone_obey_pauses_rests_and_turns_too(bench):
    paused, running = bench.root("paused"), bench.root()
    bench.send(root_id=paused, lane="lane")
    resting = bench.send(root_id=running, lane="resting")
    bench.library.run(lambda tx: tx.execute("UPDATE messages SET state = 'alone', crashes = 2"))
    bench.hold_lane("resting", 100)

    assert bench.take() == []
    bench.wait(100)
    assert bench.take(1, Turns(only=frozenset({paused}))) == []
    assert bench.take(1, Turns(paces={running: RootPace(1, 0)}, lanes={"resting": LaneTurn(in_flight=1)})) == []
    assert bench.take_ids() == [resting]


def test_a_message_that_was_running_at_four_crashes_is_dead(bench):
    suspect = bench.send()
    crash_with(bench, suspect, 3)
    assert bench.take_ids() == [suspect]

    back, dead = bench.die_and_recover()

    assert (back, [letter.message_id for letter in dead]) == ([], [suspect])
    assert [letter.reason for letter in bench.dead()] == ["the process died 4 times while this ran"]


def test_one_that_is_dead_does_not_keep_the_others_from_being_taken_back(bench):
    suspect, other = bench.send(), bench.send()
    bench.take(2)
    bench.library.run(lambda tx: tx.execute("UPDATE messages SET crashes = 3 WHERE id = ?", (suspect,)))

    back, dead = bench.die_and_recover()

    assert [letter.message_id for letter in dead] == [suspect]
    assert [delivery.receipt.message_id for delivery in back] == [other]


def test_a_crash_counts_for_what_was_running_and_not_for_what_waited(bench):
    running, waiting = bench.send(), bench.send()
    crash_with(bench, running, 1)

    assert (bench.column("crashes", running), bench.column("crashes", waiting)) == (1, 0)


def test_a_crash_does_not_count_for_what_only_waited_for_somebody_else(bench):
    working, waiting = bench.root(), bench.root()
    ids = [bench.send(job_id=working), bench.send(job_id=waiting)]
    bench.take(2)
    bench.library.run(lambda tx: bench.queue.wait_elsewhere(tx, waiting, True))

    bench.die_and_recover()

    assert [bench.column("crashes", message_id) for message_id in ids] == [1, 0]
    bench.take(2)
    bench.die_and_recover()
    assert [bench.column("crashes", message_id) for message_id in ids] == [2, 1], "each delivery starts at work"


def test_nobody_notes_that_what_another_owner_runs_is_waiting(bench):
    job_id = bench.root()
    message_id = bench.send(job_id=job_id)
    bench.take_one()
    other = Queue(owner="somebody else")

    bench.library.run(lambda tx: other.wait_elsewhere(tx, job_id, True))

    assert bench.column("waiting", message_id) == 0


def test_what_has_waited_and_works_again_is_counted(bench):
    job_id = bench.root()
    message_id = bench.send(job_id=job_id)
    bench.take_one()
    for waiting in (True, False):
        bench.library.run(lambda tx, w=waiting: bench.queue.wait_elsewhere(tx, job_id, w))

    bench.die_and_recover()

    assert bench.column("crashes", message_id) == 1


# --- the table itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "assignments",
    [
        "queue = ''",
        "state = 'lost'",
        "payload = NULL",
        "state = 'leased'",
        "state = 'leased', owner = 'me'",
        "state = 'leased', lease_until = 1",
        "owner = 'me'",
        "lease_until = 1",
        "state = 'delayed'",
        "ready_at = 1",
        "state = 'dead'",
        "reason = 'because'",
        "priority = 'high'",
    ],
)
def test_the_database_itself_refuses_a_message_that_makes_no_sense(bench, assignments):
    bench.send()

    with pytest.raises(sqlite3.IntegrityError):
        bench.library.run(lambda tx: tx.execute(f"UPDATE messages SET {assignments}"))


def test_a_job_has_at_most_one_message_and_takes_it_along(bench):
    job_id = bench.root()
    bench.send(job_id=job_id)

    with pytest.raises(sqlite3.IntegrityError):
        bench.send(job_id=job_id)
    with pytest.raises(sqlite3.IntegrityError):
        bench.send(job_id=12345)
    bench.library.run(lambda tx: tx.execute("DELETE FROM jobs"))
    assert bench.is_idle()


def test_the_id_of_a_deleted_message_is_never_used_again(bench):
    first = bench.send()
    bench.delete(bench.take_one())

    assert bench.send() > first


PARTIAL_INDEXES = {"messages_ready", "messages_delayed", "messages_leased", "messages_alone", "messages_dead"}


def test_every_statement_of_the_queue_finds_its_rows_by_an_index(bench):
    """What keeps a claim flat at a million rows (Q9): no statement walks over messages that it does not want."""
    statements: set[str] = set()
    root = bench.root()
    connection = bench.library.connection
    connection.set_trace_callback(statements.add)
    for i in range(9):
        bench.send(root_id=root, lane=f"lane {i % 3}", delay_ms=5 if i == 0 else 0)
    for _ in range(2):
        bench.take_one()
        bench.die_and_recover()
    bench.wait(5)
    bench.hold_lane("lane 2", 1)
    deliveries = bench.take(4, Turns(unmet=2))
    bench.extend(*deliveries)
    bench.release(deliveries[0])
    bench.retry_later(deliveries[1], 1)
    bench.bury(deliveries[2].receipt.message_id)
    bench.library.run(lambda tx: bench.queue.revive(tx, deliveries[2].receipt.message_id))
    bench.library.run(lambda tx: bench.queue.discard(tx, deliveries[2].receipt.message_id))
    bench.wait(LEASE_MS)
    while delivered := bench.take():
        bench.delete(delivered[0])
    bench.receive()
    bench.dead()
    bench.is_idle()
    connection.set_trace_callback(None)

    plans = {
        statement: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        for statement in statements
        if re.match(r"(WITH|SELECT|UPDATE|DELETE)\b", statement) and "messages" in statement
    }
    assert len(plans) >= 15
    for statement, plan in plans.items():
        for line in plan:
            assert not re.match(r"SCAN (messages|m)\b", line), f"{statement}\n{line}"
            assert "TEMP B-TREE" not in line, f"{statement}\n{line}"
    used = {name for plan in plans.values() for line in plan for name in re.findall(r"INDEX (messages_\w+)", line)}
    assert used >= PARTIAL_INDEXES
