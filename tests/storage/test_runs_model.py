"""Whatever happens to runs of definitions (outcomes, crashes, pauses, deletions, retries), each invariant holds.

And in the end every run that is left comes to its end.
"""

import contextlib
import random
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import Definition, ErrorTolerance, FailureAction, OnError, Step
from quaero_desktop.domain.errors import KnownError, NotAllowedError, RootClosedError, StaleReceiptError
from quaero_desktop.domain.jobs import Cause, JobType
from quaero_desktop.domain.outcomes import CorpusSummary, Failed, Part, Recorded, Summarised, Transformed
from quaero_desktop.domain.ports import Assignment
from quaero_desktop.domain.queue import NO_PACE
from quaero_desktop.domain.rulechange import RuleChanges
from quaero_desktop.storage import trash
from quaero_desktop.storage.deletion import Deletions
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.queue import Queue
from quaero_desktop.storage.verify import verify
from tests.support.outcomes import parsed, stored
from tests.support.plain_library import PlainLibrary, at_once
from tests.support.used_library import assert_sound

SITE = "https://site.test/"
NAMES = tuple(f"page-{number}" for number in range(6))
EVENTS = 50
DEFAULTS = CrawlConfig(seeds=(), max_attempts=2)
OPEN = "('pending', 'running', 'paused')"


class World:
    """Definitions that run each other, their runs, and a hand that does something to them."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.library = PlainLibrary()
        self.library.connection.execute("PRAGMA foreign_keys = ON")
        self.engines = 0
        self.running: list[Assignment] = []
        self.crash()
        for number in (1, 2, 3):
            self.define(number)

    def define(self, number: int) -> None:
        """Store a definition whose steps, tolerance and relations are drawn; only earlier ones run around it."""
        draw = self.draw
        steps = tuple(
            Step(
                name=f"Step {each}",
                action=action,
                on_error=draw.choice(tuple(OnError)),
                config={"start_urls": [SITE + name for name in draw.sample(NAMES, 2)], "max_depth": draw.choice((0, 5))}
                if action == "crawl"
                else {},
            )
            for each, action in enumerate(
                draw.choices(("crawl", "transform", "summarise", "corpus_summary", "reindex", "unheard-of"), k=3)
            )
        )
        tolerance = ErrorTolerance(
            max_child_failures=draw.randint(0, 2), failure_action=draw.choice(tuple(FailureAction))
        )
        others = list(range(1, number))
        definition = Definition(
            name=f"Definition {number}",
            steps=steps,
            error_tolerance=draw.choice((None, tolerance)),
            timeout=draw.choice(("", "10m")),
            pre_jobs=tuple(draw.sample(others, draw.randint(0, len(others)))),
            post_jobs=tuple(draw.sample(others, draw.randint(0, len(others)))),
        )
        body = msgspec.json.encode(definition).decode()
        sql = "INSERT INTO definitions (id, name, body, created_at, updated_at) VALUES (?, ?, ?, 0, 0)"
        self.library.run(lambda tx: tx.execute(sql, (number, definition.name, body)))

    def ids(self, where: str = "TRUE") -> list[int]:
        rows = self.library.connection.execute(f"SELECT id FROM jobs WHERE {where} ORDER BY id").fetchall()
        return [job_id for (job_id,) in rows]

    def some(self, where: str) -> list[int]:
        ids = self.ids(where)
        return self.draw.sample(ids, min(len(ids), self.draw.randint(1, 3)))

    def root(self) -> int:
        return self.draw.choice(self.ids("parent_id IS NULL") or [0])

    # What can happen.

    def start(self) -> None:
        if len(self.ids(f"parent_id IS NULL AND status IN {OPEN}")) < 4:
            with contextlib.suppress(NotAllowedError):  # a run of it has not ended
                at_once(self.ledger.start_run(self.draw.randint(1, 3), DEFAULTS))

    def receive(self) -> None:
        self.running += at_once(self.ledger.receive(self.draw.randint(1, 4), NO_PACE)).assignments

    def finish(self) -> None:
        if self.running:
            assignment = self.running.pop(self.draw.randrange(len(self.running)))
            with contextlib.suppress(StaleReceiptError, RootClosedError):
                self.end(assignment, self.draw.random())

    def end(self, assignment: Assignment, luck: float) -> None:
        """Store an outcome of a job, the better the greater *luck* is."""
        job, receipt = assignment.job, assignment.delivery.receipt
        if luck < 0.05:
            at_once(self.ledger.release([receipt]))
        elif luck < 0.1:
            at_once(self.ledger.sign_in_needed(receipt, "Sign in again."))
        elif luck < 0.35:
            failures = (
                Failed(cause=Cause.NOT_FOUND, message="There is no such page (404).", status=404),
                Failed(cause=Cause.TIMEOUT, message="No answer.", retryable=True),
                Failed(cause=Cause.DNS, message="There is no such host.", ends_root=job.type == JobType.VALIDATE),
            )
            at_once(self.ledger.fail(receipt, self.draw.choice(failures)))
        else:
            self.succeed(assignment)

    def succeed(self, assignment: Assignment) -> None:
        job, receipt = assignment.job, assignment.delivery.receipt
        outcome: Any = Recorded(result={})
        match job.type:
            case JobType.CRAWLER_URL:
                assert job.url is not None
                outcome = stored(job.url, links=[SITE + name for name in self.draw.sample(NAMES, 3)])
            case JobType.PREREQUISITE:
                required = at_once(self.ledger.require(job.id))
                if required.is_open:
                    at_once(self.ledger.park(receipt, self.library.clock.now_ms() + 60_000, "Waits"))
                    return
                if required.status != "completed":
                    at_once(self.ledger.fail(receipt, Failed(cause=Cause.PREREQUISITE, message="It failed.")))
                    return
            case JobType.TRANSFORM | JobType.SUMMARISE if job.payload.get("plan"):
                after = job.payload["after"]
                found = at_once(self.ledger.material.documents(job.root_id, job.step, after, 2))
                if found:
                    parts = [Part(type=job.type, name=each.title, document_id=each.id) for each in found]
                    at_once(self.ledger.spawn(job.id, parts, job.payload | {"after": found[-1].id}))
                    at_once(self.ledger.release([receipt]))
                    return
            case JobType.TRANSFORM if job.document_id is not None:
                text = self.draw.choice(("One text", "Another text"))
                outcome = Transformed(document_id=job.document_id, page=parsed(SITE, text))
            case JobType.SUMMARISE if job.document_id is not None:
                outcome = Summarised(
                    document_id=job.document_id, content_hash="", method="extractive", summary="s", keywords=()
                )
            case JobType.CORPUS_SUMMARY:
                outcome = CorpusSummary(summary="All", keywords=(), documents=1, method="extractive")
        at_once(self.ledger.complete(receipt, outcome))

    def crash(self) -> None:
        """Let the process die: what runs is lost, and another engine takes over."""
        self.engines += 1
        self.running.clear()
        queue = Queue(owner=f"engine-{self.engines}")
        self.ledger = Ledger(cast(Any, self.library), queue, rng=self.draw)
        self.deletions = Deletions(cast(Any, self.library), self.ledger)
        at_once(self.ledger.recover())

    def wait(self) -> None:
        self.library.clock.advance(self.draw.choice((1, 30, 90, 400)))
        at_once(self.ledger.expire())

    def cancel(self) -> None:
        at_once(self.ledger.cancel(self.draw.choice(self.ids() or [0])))

    def pause(self) -> None:
        at_once(self.ledger.pause(self.root()))

    def resume(self) -> None:
        at_once(self.ledger.resume(self.root()))

    def retry(self) -> None:
        root = self.root()
        ids = self.some(f"parent_id = {root} AND status IN ('failed', 'cancelled')")
        at_once(self.ledger.retry(root, ids=self.draw.choice((None, ids))))

    def rerun(self) -> None:
        if len(self.ids(f"parent_id IS NULL AND status IN {OPEN}")) < 4:
            at_once(self.ledger.rerun(self.root()))

    def change_rules(self) -> None:
        changes = RuleChanges(exclude=(f"*{self.draw.choice(NAMES)}",), max_depth=self.draw.choice((1, 5)))
        at_once(self.ledger.change_rules(self.root(), changes))

    def delete(self) -> None:
        at_once(self.deletions.hide(self.some(self.draw.choice(("parent_id IS NULL", "parent_id > 0")))))

    def restore(self) -> None:
        at_once(self.deletions.restore(self.some("trashed_at IS NOT NULL")))

    def purge(self) -> None:
        at_once(self.deletions.purge(self.some("trashed_at IS NOT NULL")))

    @property
    def events(self) -> tuple[list[Callable[[], None]], list[int]]:
        """What can happen, and how often it does."""
        chances = {
            self.start: 4, self.receive: 16, self.finish: 20, self.wait: 5, self.crash: 1, self.cancel: 2,
            self.pause: 1, self.resume: 3, self.retry: 4, self.rerun: 1, self.change_rules: 2, self.delete: 2,
            self.restore: 2, self.purge: 1,
        }  # fmt: skip
        return list(chances), list(chances.values())

    def finish_all(self) -> None:
        """Let everything that is left come to its end, well."""
        for root in self.ids("status = 'paused'"):
            with contextlib.suppress(KnownError):
                at_once(self.ledger.resume(root))
        for _ in range(2_000):
            if not self.running:
                self.running += at_once(self.ledger.receive(10, NO_PACE)).assignments
            if not self.running:
                if at_once(self.ledger.is_idle()):
                    return
                self.library.clock.advance(61)
                continue
            # What was purged while it ran has no outcome.
            with contextlib.suppress(KnownError, StaleReceiptError, RootClosedError):
                self.end(self.running.pop(), 1.0)
        raise AssertionError("it never ends")


@pytest.mark.parametrize("seed", range(5))
def test_j3_j4_runs_keep_their_promises_whatever_happens(seed, monkeypatch):
    monkeypatch.setattr(trash, "BATCH", 3)
    world = World(seed)
    try:
        for _ in range(EVENTS):
            (event,) = world.draw.choices(*world.events)
            with contextlib.suppress(KnownError):
                event()
            report = verify(world.library.connection)
            assert report.ok, f"after {event.__name__}: {[each for each in report.checks if not each.ok]}"
        world.finish_all()
        assert_sound(verify(world.library.connection))
        gone = "SELECT id FROM jobs WHERE trashed_at IS NOT NULL"
        left = f"status IN {OPEN} AND id NOT IN ({gone}) AND coalesce(root_id, id) NOT IN ({gone})"
        assert world.ids(left) == []
    finally:
        world.library.close()
