"""Whatever happens to crawls while jobs of theirs are deleted, brought back and purged, each invariant holds.

And in the end everything that is left comes to its end.
"""

import contextlib
import random
from collections.abc import Callable
from typing import Any, cast

import pytest

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.errors import KnownError, StaleReceiptError
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.outcomes import Failed
from quaero_desktop.domain.ports import Assignment, NewRoot
from quaero_desktop.domain.queue import NO_PACE
from quaero_desktop.domain.rulechange import RuleChanges
from quaero_desktop.storage import trash
from quaero_desktop.storage.deletion import Deletions
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.queue import Queue
from quaero_desktop.storage.verify import verify
from tests.support.outcomes import redirected, stored
from tests.support.plain_library import PlainLibrary, at_once
from tests.support.used_library import assert_sound

SITE = "https://site.test/"
NAMES = tuple(f"page-{number}" for number in range(12))
STEPS = 45


class World:
    """Two crawls, and a hand that does something to them."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.library = PlainLibrary()
        self.library.connection.execute("PRAGMA foreign_keys = ON")
        self.ledger = Ledger(cast(Any, self.library), Queue(owner="engine-1"), rng=random.Random(seed))
        self.deletions = Deletions(cast(Any, self.library), self.ledger)
        self.running: list[Assignment] = []
        for number in (1, 2):
            seeds = tuple(SITE + name for name in self.draw.sample(NAMES, 3))
            at_once(self.ledger.start(NewRoot(name=f"crawl {number}", config=CrawlConfig(seeds=seeds))))

    def ids(self, where: str = "TRUE") -> list[int]:
        rows = self.library.connection.execute(f"SELECT id FROM jobs WHERE {where} ORDER BY id").fetchall()
        return [job_id for (job_id,) in rows]

    def some(self, where: str) -> list[int]:
        ids = self.ids(where)
        return self.draw.sample(ids, min(len(ids), self.draw.randint(1, 4)))

    # What can happen.

    def receive(self) -> None:
        received = at_once(self.ledger.receive(self.draw.randint(1, 3), NO_PACE)).assignments
        for assignment in received:
            row = self.library.connection.execute(
                "SELECT j.trashed_at, r.trashed_at FROM jobs j JOIN jobs r ON r.id = j.root_id WHERE j.id = ?",
                (assignment.job.id,),
            ).fetchone()
            assert row == (None, None), "what was deleted is not received"
        self.running += received

    def finish(self) -> None:
        if not self.running:
            return
        assignment = self.running.pop(self.draw.randrange(len(self.running)))
        url, receipt = str(assignment.job.url), assignment.delivery.receipt
        links = [SITE + name for name in self.draw.sample(NAMES, 4)]
        with contextlib.suppress(StaleReceiptError):
            match self.draw.randrange(5):
                case 0:
                    failed = Failed(cause=Cause.NOT_FOUND, message="There is no such page (404).", status=404)
                    at_once(self.ledger.fail(receipt, failed))
                case 1:
                    trouble = Failed(cause=Cause.TIMEOUT, message="No answer.", retryable=True)
                    at_once(self.ledger.fail(receipt, trouble))
                case 2:
                    at_once(self.ledger.complete(receipt, redirected(links[0])))
                case _:
                    at_once(self.ledger.complete(receipt, stored(url, links=links)))

    def release(self) -> None:
        at_once(self.ledger.release([assignment.delivery.receipt for assignment in self.running]))
        self.running.clear()

    def wait(self) -> None:
        self.library.clock.advance(self.draw.choice([1, 10, 40]))

    def delete(self) -> None:
        hidden = at_once(self.deletions.hide(self.some(self.draw.choice(["TRUE", "parent_id IS NOT NULL"]))))
        assert hidden.failed == ()

    def restore(self) -> None:
        at_once(self.deletions.restore(self.some("trashed_at IS NOT NULL")))

    def purge(self) -> None:
        self.deletions_purged(self.some("trashed_at IS NOT NULL"))

    def purge_expired(self) -> None:
        self.deletions_purged(at_once(self.deletions.condemn_expired()))

    def deletions_purged(self, ids: Any) -> None:
        assert at_once(self.deletions.purge(ids)).failed == ()
        assert not set(ids) & set(self.ids())

    def retry(self) -> None:
        at_once(self.ledger.retry(self.draw.choice(self.ids("parent_id IS NULL"))))

    def change_rules(self) -> None:
        changes = RuleChanges(exclude=(f"*-{self.draw.randrange(10)}",), max_pages=self.draw.choice([3, 6, 20]))
        at_once(self.ledger.change_rules(self.draw.choice(self.ids("parent_id IS NULL")), changes))

    def pause(self) -> None:
        at_once(self.ledger.pause(self.draw.choice(self.ids("parent_id IS NULL"))))

    def resume(self) -> None:
        at_once(self.ledger.resume(self.draw.choice(self.ids("parent_id IS NULL"))))

    def cancel(self) -> None:
        at_once(self.ledger.cancel(self.draw.choice(self.ids())))

    def recover(self) -> None:
        self.running.clear()
        self.ledger = Ledger(cast(Any, self.library), Queue(owner=f"engine-{self.draw.random()}"))
        self.deletions = Deletions(cast(Any, self.library), self.ledger)
        at_once(self.ledger.recover())

    def step(self) -> str:
        often: list[Callable[[], None]] = [self.receive, self.finish, self.finish, self.delete, self.restore]
        rarely = [
            self.wait, self.purge, self.purge_expired, self.release, self.retry, self.change_rules, self.pause,
            self.resume, self.cancel, self.recover,
        ]  # fmt: skip
        action = self.draw.choice(often * 2 + rarely)
        with contextlib.suppress(KnownError, IndexError):
            action()
        return action.__name__


@pytest.mark.parametrize("seed", range(8))
def test_every_invariant_holds_whatever_happens_beside_deletions(seed, monkeypatch):
    monkeypatch.setattr(trash, "BATCH", 3)
    world = World(seed)
    done = []
    for _ in range(STEPS):
        done.append(world.step())
        report = verify(world.library.connection)
        assert report.ok, (done, [check for check in report.checks if not check.ok])
    # Everything that is left comes to its end.
    with contextlib.suppress(KnownError):
        at_once(world.deletions.restore(world.ids("trashed_at IS NOT NULL")))
    world.deletions_purged(world.ids("trashed_at IS NOT NULL"))
    for root in world.ids("status = 'paused'"):
        at_once(world.ledger.resume(root))
    world.release()
    while not at_once(world.ledger.is_idle()):
        world.library.clock.advance(600)
        for assignment in at_once(world.ledger.receive(10, NO_PACE)).assignments:
            at_once(world.ledger.complete(assignment.delivery.receipt, stored(str(assignment.job.url))))
    assert world.ids("status IN ('pending', 'running')") == []
    assert_sound(verify(world.library.connection))
    world.library.close()
