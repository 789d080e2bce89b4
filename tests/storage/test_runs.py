"""Runs of definitions as the ledger keeps them (J3, J4, J5, J10): one root, whose steps follow each other.

Every test here ends with the invariants of the whole library verified (the fixture `library` does that).
"""

from typing import Any

import msgspec
import pytest

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import Definition, ErrorTolerance, Step, StepState
from quaero_desktop.domain.errors import NotAllowedError, NotFoundError, RootClosedError, StaleReceiptError, UsageError
from quaero_desktop.domain.jobs import Cause, Job, JobType, SkipReason
from quaero_desktop.domain.listing import JobFilter, Parent
from quaero_desktop.domain.outcomes import CorpusSummary, Failed, Part, Recorded, Refusal, Transformed, Withdrawn
from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.domain.ports import Assignment
from quaero_desktop.domain.queue import NO_PACE
from quaero_desktop.domain.rulechange import RuleChanges
from quaero_desktop.storage import sources
from quaero_desktop.storage.deletion import Deletions
from quaero_desktop.storage.jobs import stepdocuments
from quaero_desktop.storage.jobs.settling import Settling
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.queries import figures, joblist, jobrows, skips
from quaero_desktop.storage.queue import Queue
from quaero_desktop.storage.verify import verify_library
from tests.support.outcomes import parsed, stored

SITE = "https://site.test/"
DEFAULTS = CrawlConfig(seeds=(), max_attempts=1)
BROKEN = Failed(cause=Cause.NOT_FOUND, message="There is no such page (404).", status=404)
DONE = Recorded(result={}, message="Done")


def crawl(name: str = "Crawl docs", *starts: str, on_error: str = "fail", **config: Any) -> Step:
    """A step that crawls the pages *starts* of the site, else its first one."""
    urls = [SITE + start for start in starts or ("a",)]
    return Step(name=name, action="crawl", on_error=on_error, config={"start_urls": urls, **config})


def step(action: str, name: str = "", on_error: str = "fail", **config: Any) -> Step:
    return Step(name=name or action.capitalize(), action=action, on_error=on_error, config=config)


class Bench:
    """A ledger, the definitions made for a test, and what can be read of their runs."""

    def __init__(self, library: Any, ledger: Ledger, clock: Any) -> None:
        self.library = library
        self.ledger = ledger
        self.clock = clock

    async def define(self, *steps: Step, name: str = "Nightly docs", enabled: bool = True, **fields: Any) -> int:
        """Store a definition as its row, whatever a service would say about it, and return its id."""
        body = msgspec.json.encode(Definition(name=name, steps=steps, **fields)).decode()
        sql = (
            "INSERT INTO definitions (name, body, enabled, created_at, updated_at) VALUES (?, ?, ?, 0, 0) RETURNING id"
        )
        return int(await self.library.write(lambda tx: tx.value(sql, (name, body, int(enabled)))))

    async def run(self, *steps: Step, **fields: Any) -> int:
        """Start a run of a new definition with these steps."""
        return await self.ledger.start_run(await self.define(*steps, **fields), DEFAULTS)

    async def take(self, n: int = 100) -> list[Assignment]:
        return list((await self.ledger.receive(n, NO_PACE)).assignments)

    async def take_one(self, job_type: str | None = None) -> Assignment:
        (one,) = await self.take()
        assert job_type is None or one.job.type == job_type
        return one

    async def validated(self) -> Assignment:
        """Complete the check of a crawl's start and return the one page that it starts from."""
        check, page = sorted(await self.take(), key=lambda each: each.job.type, reverse=True)
        assert check.job.type == JobType.VALIDATE
        await self.ledger.complete(check.delivery.receipt, DONE)
        return page

    async def complete(self, assignment: Assignment, outcome: Any = DONE) -> Any:
        return await self.ledger.complete(assignment.delivery.receipt, outcome)

    async def store(self, assignment: Assignment, *links: str) -> Any:
        assert assignment.job.url is not None
        page = stored(assignment.job.url, links=[SITE + link for link in links])
        return await self.ledger.complete(assignment.delivery.receipt, page)

    async def fail(self, assignment: Assignment, failure: Failed = BROKEN) -> Any:
        return await self.ledger.fail(assignment.delivery.receipt, failure)

    async def crawl_through(self) -> None:
        """Do a crawl step whose one page links nowhere."""
        await self.store(await self.validated())

    async def job(self, job_id: int) -> Job:
        return await self.library.read(lambda connection: jobrows.job(connection, job_id))

    async def steps(self, root_id: int) -> tuple[StepState, ...]:
        now = self.clock.now_ms()
        details = await self.library.read(lambda connection: figures.root_details(connection, root_id, now=now))
        return details.steps

    async def statuses(self, root_id: int) -> list[str]:
        return [state.status for state in await self.steps(root_id)]

    async def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return await self.library.read(lambda connection: connection.execute(sql, parameters).fetchall())

    async def children(self, root_id: int) -> list[tuple[int, str, str, str]]:
        return await self.rows("SELECT step, type, phase, status FROM jobs WHERE parent_id = ? ORDER BY id", root_id)

    async def log(self, root_id: int) -> list[str]:
        return [
            text for (text,) in await self.rows("SELECT message FROM job_logs WHERE job_id = ? ORDER BY id", root_id)
        ]


@pytest.fixture
def bench(library, ledger, clock):
    return Bench(library, ledger, clock)


# --- J3: one root, no wrapper -----------------------------------------------------------------------------------------


async def test_j3_a_run_is_one_root_whose_steps_are_its_children(bench):
    definition = await bench.define(crawl(), step("reindex"))
    root = await bench.ledger.start_run(definition, DEFAULTS)
    assert await bench.children(root) == [(1, "validate", "pre", "pending"), (1, "crawler_url", "core", "pending")]
    await bench.crawl_through()
    assert (await bench.job(root)).status == "running"
    await bench.complete(await bench.take_one(JobType.REINDEX))
    job = await bench.job(root)
    assert (job.status, job.type, job.name, job.definition_id, job.warnings) == (
        "completed", "definition_run", "Nightly docs", definition, 0,
    )  # fmt: skip
    assert await bench.children(root) == [
        (1, "validate", "pre", "completed"),
        (1, "crawler_url", "core", "completed"),
        (2, "reindex", "post", "completed"),
    ]
    assert await bench.rows("SELECT count(*) FROM jobs WHERE parent_id IS NULL") == [(1,)]
    assert f"(definition {definition})" in (await bench.log(root))[0]


async def test_j4_a_step_begins_in_the_transaction_that_ended_the_one_before(bench):
    root = await bench.run(crawl(), step("reindex"))
    page = await bench.validated()
    before = (await bench.rows("SELECT revision FROM library"))[0][0]
    await bench.store(page)
    assert await bench.rows("SELECT revision FROM jobs WHERE type = 'reindex'") == [(before + 1,)]
    assert await bench.statuses(root) == ["completed", "running"]


async def test_j3_a_run_of_what_is_not_there_or_switched_off_is_refused(bench):
    with pytest.raises(NotFoundError):
        await bench.ledger.start_run(99, DEFAULTS)
    with pytest.raises(NotAllowedError, match="switched off"):
        await bench.run(crawl(), enabled=False)
    assert await bench.rows("SELECT count(*) FROM jobs") == [(0,)]


async def test_j3_the_run_remembers_when_its_definition_ran_last(bench):
    definition = await bench.define(crawl())
    await bench.ledger.start_run(definition, DEFAULTS)
    assert await bench.rows("SELECT last_run FROM definitions") == [(bench.clock.now_ms(),)]


async def test_j2_each_crawl_of_a_run_fetches_a_url_once_for_itself(bench):
    """J2: the constraint is per step of the root."""
    root = await bench.run(crawl("First", "a"), crawl("Second", "a"))
    for _ in range(2):
        page = await bench.validated()
        await bench.store(page, "b")
        await bench.store(await bench.take_one("crawler_url"))
    assert await bench.rows(
        "SELECT step, count(*) FROM jobs WHERE root_id = ? AND type = 'crawler_url' GROUP BY 1", root
    ) == [(1, 2), (2, 2)]
    assert [state.documents for state in await bench.steps(root)] == [2, 2]
    assert await bench.rows("SELECT documents, discovered FROM root_progress") == [(4, 4)]


async def test_limits_and_skips_belong_to_their_step(bench):
    root = await bench.run(crawl("First", "a", max_pages=1), crawl("Second", "a", max_pages=2))
    for _ in range(2):
        page = await bench.validated()
        refused = [Refusal("https://elsewhere.test/", SkipReason.SCOPE, "host")]
        await bench.complete(page, stored(page.job.url, links=[SITE + "b", SITE + "c"], refused=refused))
        if page.job.step == 2:
            await bench.store(await bench.take_one())
    assert await bench.rows("SELECT url, step, reason FROM skips ORDER BY 2, 1") == [
        ("https://elsewhere.test/", 1, "scope"),
        (SITE + "b", 1, "max_pages"),
        (SITE + "c", 1, "max_pages"),
        ("https://elsewhere.test/", 2, "scope"),
        (SITE + "c", 2, "max_pages"),
    ]
    assert (await bench.job(root)).status == "completed"
    listed = await bench.library.read(lambda connection: skips.page(connection, root))
    assert [skip.url for skip in listed.skips] == ["https://elsewhere.test/", SITE + "b", SITE + "c"]
    assert listed.total_count == 3
    listed = await bench.library.read(lambda connection: skips.page(connection, root, "max_pages", query="test/c"))
    assert [skip.url for skip in listed.skips] == [SITE + "c"]


async def test_the_plan_of_each_step_is_its_own(bench):
    root = await bench.run(
        crawl("First", "a", max_depth=1), step("cleanup", older_than="30d"), crawl("Second", "b", concurrency=7)
    )
    first, second, third = [await bench.ledger.plan(root, number) for number in (1, 2, 3)]
    assert (first.action, first.config.seeds, first.config.max_depth, first.scope_roots) == (
        "crawl", (SITE + "a",), 1, (SITE + "a",),
    )  # fmt: skip
    assert (second.action, second.options, second.config.seeds) == ("cleanup", {"older_than": "30d"}, ())
    assert (third.config.seeds, third.config.per_host, third.scope_roots) == ((SITE + "b",), 7, (SITE + "b",))
    assert (await bench.ledger.plan(root)).action == ""


# --- J4: on_error -----------------------------------------------------------------------------------------------------


async def test_j4_fail_stops_and_marks_the_rest_skipped(bench):
    root = await bench.run(crawl(), step("summarise"), step("reindex", "Tidy up"))
    await bench.fail(await bench.validated())
    job = await bench.job(root)
    assert (job.status, job.cause) == ("failed", "not_found")
    assert job.error == "The step “Crawl docs” failed: No page could be stored. There is no such page (404)."
    assert await bench.statuses(root) == ["failed", "skipped", "skipped"]
    assert await bench.rows(
        "SELECT step, type, phase, name, status, cause, error FROM jobs WHERE parent_id = ? AND step > 1", root
    ) == [
        (2, "summarise", "core", "Summarise", "skipped", "step", "the step before, Crawl docs, failed"),
        (3, "reindex", "post", "Tidy up", "skipped", "step", "the step before, Crawl docs, failed"),
    ]
    assert [state["status"] for state in job.result["steps"]] == ["failed", "skipped", "skipped"]


async def test_j4_continue_goes_on_and_the_root_ends_completed_with_warnings(bench):
    root = await bench.run(crawl(on_error="continue"), step("reindex"))
    await bench.fail(await bench.validated())
    await bench.complete(await bench.take_one(JobType.REINDEX))
    job = await bench.job(root)
    assert (job.status, job.warnings, job.error) == ("completed", 1, None)
    assert await bench.statuses(root) == ["failed", "completed"]


async def test_j4_a_crawl_that_failed_without_a_failed_page_is_a_warning_too(bench):
    root = await bench.run(crawl(on_error="continue"), step("reindex"))
    await bench.complete(await bench.validated(), Recorded(result={"reason": "noindex"}))
    await bench.complete(await bench.take_one(JobType.REINDEX))
    job = await bench.job(root)
    assert (job.status, job.warnings) == ("completed", 1)


async def test_j4_a_run_none_of_whose_steps_succeeded_has_failed(bench):
    root = await bench.run(crawl(on_error="continue"), step("reindex", on_error="continue"))
    await bench.fail(await bench.validated())
    await bench.fail(await bench.take_one(), Failed(cause=Cause.EXECUTOR_ERROR, message="Oops."))
    job = await bench.job(root)
    assert (job.status, job.warnings) == ("failed", 2)
    assert job.error.startswith("No step succeeded.")


async def test_j4_retry_backs_off_and_shows_it_in_the_log(bench):
    root = await bench.run(crawl(on_error="retry"), step("reindex"))
    await bench.fail(await bench.validated())
    for wait, number in ((30, 2), (60, 3)):
        assert await bench.take() == []
        (state, _) = await bench.steps(root)
        assert (state.status, state.tries, state.retry_at) == (
            "running", number, bench.clock.now_ms() + wait * 1000,
        )  # fmt: skip
        assert f"Trying again in {wait} s (try {number} of 3)." in (await bench.log(root))[-1]
        bench.clock.advance(wait - 1)
        assert await bench.take() == []
        bench.clock.advance(1)
        (page,) = await bench.take()
        assert (page.job.type, page.job.attempt) == ("crawler_url", number)
        await bench.fail(page)
    job = await bench.job(root)
    assert (job.status, job.warnings) == ("failed", 1)
    assert await bench.statuses(root) == ["failed", "skipped"]


async def test_j4_a_step_that_succeeds_when_it_is_tried_again_leaves_no_trace(bench):
    root = await bench.run(crawl(on_error="retry"), step("reindex"))
    await bench.fail(await bench.validated())
    bench.clock.advance(30)
    await bench.store(await bench.take_one("crawler_url"))
    await bench.complete(await bench.take_one(JobType.REINDEX))
    job = await bench.job(root)
    assert (job.status, job.warnings) == ("completed", 0)
    (state, _) = await bench.steps(root)
    assert (state.status, state.tries, state.retry_at, state.error, state.documents) == ("completed", 2, None, None, 1)


async def test_j4_a_step_that_failed_without_a_failed_job_has_nothing_to_try_again(bench):
    root = await bench.run(crawl(on_error="retry"))
    settled = await bench.complete(await bench.validated(), Withdrawn(reason=SkipReason.EXCLUDED, rule="exclude: *"))
    assert settled.root_status == "failed"
    assert [state.tries for state in await bench.steps(root)] == [1]


async def test_j6_an_unknown_action_of_an_old_row_fails_its_step_with_a_clear_error(bench):
    root = await bench.run(step("translate", "Translate"), step("reindex"))
    job = await bench.take_one("translate")
    message = "no executor registered for job type translate"
    await bench.fail(job, Failed(cause=Cause.NO_EXECUTOR, message=message))
    ended = await bench.job(root)
    assert (ended.status, ended.error) == ("failed", f"The step “Translate” failed: {message}")
    assert await bench.statuses(root) == ["failed", "skipped"]


async def test_j6_an_unknown_action_is_never_taken_for_a_page(bench):
    await bench.run(step("crawler_url", "Fetch"))
    assert (await bench.take_one()).job.type == "step crawler_url"


async def test_j8_what_a_step_failed_with_is_shown_without_secrets(bench):
    root = await bench.run(step("reindex"))
    await bench.fail(await bench.take_one(), Failed(cause=Cause.EXECUTOR_ERROR, message="password=hunter2secret"))
    (state,) = await bench.steps(root)
    assert state.error is not None
    assert "hunter2" not in state.error
    assert "hunter2" not in str((await bench.job(root)).result)


async def test_a_crawl_that_cannot_begin_fails_its_own_step_only(bench):
    """`ends_root` fails what is left of the step: what earlier ones stored does not count."""
    root = await bench.run(crawl("First", "a"), crawl("Second", "b", "c", on_error="continue"), step("reindex"))
    await bench.crawl_through()
    check, *_ = [each for each in await bench.take() if each.job.type == JobType.VALIDATE]
    await bench.fail(check, Failed(cause=Cause.DNS, message="There is no such host.", ends_root=True))
    assert await bench.statuses(root) == ["completed", "failed", "running"]
    assert (await bench.steps(root))[1].error == "There is no such host."


# --- J4: error_tolerance and timeout ----------------------------------------------------------------------------------


def many() -> Step:
    return crawl("Crawl docs", "a", "b", "c", "d")


async def pages(bench: Bench) -> list[Assignment]:
    check, *rest = sorted(await bench.take(), key=lambda each: each.job.type == "crawler_url")
    await bench.complete(check)
    return rest


async def test_j4_stop_all_acts_while_the_run_is_under_way(bench):
    tolerance = ErrorTolerance(max_child_failures=1, failure_action="stop_all")
    root = await bench.run(many(), step("reindex"), error_tolerance=tolerance)
    a, b, c, _ = await pages(bench)
    await bench.fail(a)
    assert (await bench.job(root)).status == "running"
    settled = await bench.fail(b)
    assert settled.root_status == "failed"
    job = await bench.job(root)
    assert (job.status, job.cause) == ("failed", "limit")
    assert job.error == "2 jobs failed, and no more than 1 may"
    assert job.children == {"cancelled": 2, "completed": 1, "failed": 2, "skipped": 1}
    assert await bench.statuses(root) == ["failed", "skipped"]
    with pytest.raises((StaleReceiptError, RootClosedError)):
        await bench.store(c)


async def test_j4_stop_all_stops_once_however_many_are_given_up_at_a_time(bench):
    tolerance = ErrorTolerance(max_child_failures=0, failure_action="stop_all")
    root = await bench.run(many(), error_tolerance=tolerance)
    await bench.library.write(lambda tx: tx.execute("UPDATE messages SET payload = '{'"))
    assert await bench.take() == []
    job = await bench.job(root)
    assert (job.status, job.cause) == ("failed", "limit")
    assert len([line for line in await bench.log(root) if line.startswith("Failed:")]) == 1


async def test_j4_mark_warning_says_so_once_and_goes_on(bench):
    tolerance = ErrorTolerance(max_child_failures=0, failure_action="mark_warning")
    root = await bench.run(many(), error_tolerance=tolerance)
    a, b, c, d = await pages(bench)
    await bench.fail(a)
    assert (await bench.job(root)).warnings == 1
    await bench.fail(b)
    await bench.store(c)
    await bench.store(d)
    job = await bench.job(root)
    assert (job.status, job.warnings) == ("completed", 2)
    assert sum("no more than 0 may" in line for line in await bench.log(root)) == 1


async def test_j4_continue_tolerates_any_number(bench):
    tolerance = ErrorTolerance(max_child_failures=0, failure_action="continue")
    root = await bench.run(many(), error_tolerance=tolerance)
    a, *rest = await pages(bench)
    await bench.store(a)
    for page in rest:
        await bench.fail(page)
    assert (await bench.job(root)).status == "completed"


async def test_j4_a_timeout_cancels(bench):
    root = await bench.run(crawl(), step("reindex"), timeout="10m")
    assert await bench.ledger.next_deadline() is None, "the time begins with the first job"
    bench.clock.advance(3_600)
    received = await bench.ledger.receive(1, NO_PACE)
    assert received.deadline == await bench.ledger.next_deadline() == bench.clock.now_ms() + 600_000
    bench.clock.advance(599)
    assert await bench.ledger.expire() == ()
    bench.clock.advance(1)
    assert await bench.ledger.expire() == (root,)
    job = await bench.job(root)
    assert (job.status, job.cause, job.error) == ("cancelled", "timeout", "took longer than 10m")
    assert await bench.statuses(root) == ["cancelled", "cancelled"]
    assert job.children == {"cancelled": 2}
    assert await bench.ledger.next_deadline() is None
    assert await bench.take() == []


async def test_j4_time_paused_does_not_count_for_the_timeout(bench):
    root = await bench.run(crawl(), timeout="10m")
    await bench.take()
    bench.clock.advance(300)
    await bench.ledger.pause(root)
    bench.clock.advance(3_600)
    assert await bench.ledger.next_deadline() is None
    assert await bench.ledger.expire() == ()
    await bench.ledger.resume(root)
    assert await bench.ledger.next_deadline() == bench.clock.now_ms() + 300_000


async def test_j4_time_in_which_nobody_was_there_to_run_it_does_not_count(bench, library):
    root = await bench.run(crawl(), timeout="10m")
    await bench.take()
    bench.clock.advance(3_600)
    after_restart = Ledger(library, Queue(owner="engine-2"))
    await after_restart.recover()
    assert await after_restart.expire() == ()
    assert await after_restart.next_deadline() == bench.clock.now_ms() + 600_000
    await after_restart.cancel(root)


# --- J4: pre_jobs and post_jobs ---------------------------------------------------------------------------------------


async def test_j4_pre_jobs_are_runs_of_their_own_that_come_first(bench):
    first = await bench.define(step("reindex", "Tidy up"), name="First")
    root = await bench.run(crawl(), pre_jobs=(first,))
    waiting = await bench.take_one(JobType.PREREQUISITE)
    required = await bench.ledger.require(waiting.job.id)
    assert (required.is_open, required.name) == (True, "First")
    assert (await bench.ledger.require(waiting.job.id)).id == required.id, "asked again, it is started once"
    await bench.ledger.park(waiting.delivery.receipt, bench.clock.now_ms() + 60_000, "Waits for it")
    other = await bench.take_one(JobType.REINDEX)
    assert (await bench.job(other.job.root_id)).triggered_by == root
    assert await bench.statuses(root) == ["pending"]
    await bench.complete(other)
    # The end of that run wakes this one.
    waiting = await bench.take_one(JobType.PREREQUISITE)
    required = await bench.ledger.require(waiting.job.id)
    assert required.status == "completed"
    await bench.complete(waiting)
    await bench.crawl_through()
    job = await bench.job(root)
    assert (job.status, job.progress_current, job.progress_total) == ("completed", 1, 1)


async def test_j4_pre_jobs_run_one_after_the_other(bench):
    first, second = [await bench.define(step("reindex"), name=name) for name in ("First", "Second")]
    root = await bench.run(crawl(), pre_jobs=(first, second))
    for name in ("First", "Second"):
        waiting = await bench.take_one(JobType.PREREQUISITE)
        assert (await bench.job(waiting.job.id)).name == name
        await bench.complete(waiting)
    assert await bench.statuses(root) == ["running"]


async def test_j4_a_run_whose_pre_job_failed_fails(bench):
    first = await bench.define(step("reindex"), name="First")
    root = await bench.run(crawl(), step("reindex"), pre_jobs=(first,))
    why = "the definition First, which has to run before, failed"
    waiting = await bench.take_one(JobType.PREREQUISITE)
    await bench.fail(waiting, Failed(cause=Cause.PREREQUISITE, message=why))
    job = await bench.job(root)
    assert (job.status, job.error, job.cause) == ("failed", why, "prerequisite")
    assert await bench.statuses(root) == ["skipped", "skipped"]


async def test_a_run_that_ends_before_the_one_that_waits_is_parked_wakes_it_even_so(bench):
    first = await bench.define(step("reindex"), name="First")
    await bench.run(crawl(), pre_jobs=(first,))
    waiting = await bench.take_one(JobType.PREREQUISITE)
    await bench.ledger.require(waiting.job.id)
    await bench.complete(await bench.take_one(JobType.REINDEX))
    await bench.ledger.park(waiting.delivery.receipt, bench.clock.now_ms() + 60_000, "Waits for it")
    bench.clock.advance(0.001)
    assert (await bench.take_one(JobType.PREREQUISITE)).job.id == waiting.job.id


async def test_j4_a_pre_job_that_was_deleted_is_not_begun_once_more(bench, library, ledger):
    first = await bench.define(step("reindex"), name="First")
    root = await bench.run(crawl(), pre_jobs=(first,))
    waiting = await bench.take_one(JobType.PREREQUISITE)
    required = await bench.ledger.require(waiting.job.id)
    await Deletions(library, ledger).hide([required.id])
    assert (await bench.ledger.require(waiting.job.id)).status == "deleted"
    await bench.fail(waiting, Failed(cause=Cause.PREREQUISITE, message="It was deleted."))
    assert await bench.ledger.retry(root) == 1
    waiting = await bench.take_one(JobType.PREREQUISITE)
    again = await bench.ledger.require(waiting.job.id)
    assert (again.is_open, again.id > required.id) == (True, True), "another attempt has a run of its own"
    await bench.ledger.cancel(root)
    await bench.ledger.cancel(again.id)


async def test_what_waits_for_a_definition_that_nobody_can_name_is_not_kept_waiting(bench):
    first = await bench.define(step("reindex"), name="First")
    await bench.run(step("cleanup", older_than="1d"), pre_jobs=(first,))
    waiting = await bench.take_one(JobType.PREREQUISITE)
    await bench.ledger.require(waiting.job.id)
    await bench.library.write(
        lambda tx: tx.execute("UPDATE jobs SET payload = NULL WHERE type = ?", (JobType.PREREQUISITE,))
    )
    with pytest.raises(NotFoundError):
        await bench.ledger.require(waiting.job.id)
    await bench.ledger.park(waiting.delivery.receipt, bench.clock.now_ms() + 3_600_000, "waits")
    bench.clock.advance(0.01)
    assert waiting.job.id in [each.job.id for each in await bench.take()], "its executor says what is wrong"


async def test_j4_post_jobs_begin_in_the_transaction_in_which_the_run_completed(bench):
    after = await bench.define(step("reindex"), name="After")
    root = await bench.run(step("reindex"), post_jobs=(after,))
    last = await bench.take_one()
    before = (await bench.rows("SELECT revision FROM library"))[0][0]
    await bench.complete(last)
    ((follower, revision),) = await bench.rows("SELECT id, revision FROM jobs WHERE triggered_by = ?", root)
    assert revision == before + 1
    await bench.fail(await bench.take_one())
    assert [(await bench.job(job_id)).status for job_id in (root, follower)] == ["completed", "failed"]


async def test_j4_a_failed_run_starts_no_post_jobs(bench):
    after = await bench.define(step("reindex"), name="After")
    await bench.run(step("reindex"), post_jobs=(after,))
    await bench.fail(await bench.take_one())
    assert await bench.take() == []


async def test_j4_a_post_job_that_cannot_start_is_a_line_in_the_log(bench):
    after, gone = [await bench.define(step("reindex"), name=name) for name in ("After", "Gone")]
    root = await bench.run(step("reindex"), post_jobs=(after, gone))
    await bench.library.write(lambda tx: tx.execute("UPDATE definitions SET enabled = 0 WHERE id = ?", (after,)))
    await bench.library.write(lambda tx: tx.execute("DELETE FROM definitions WHERE id = ?", (gone,)))
    await bench.complete(await bench.take_one())
    assert (await bench.job(root)).status == "completed"
    assert sum("could not be started" in line for line in await bench.log(root)) == 2


@pytest.mark.parametrize("field", ["pre_jobs", "post_jobs"])
async def test_j4_old_rows_that_go_round_in_a_circle_do_not_run_at_all(bench, field):
    one = await bench.define(step("reindex"), name="One", **{field: (2,)})
    two = await bench.define(step("reindex"), name="Two", **{field: (one,)})
    assert (one, two) == (1, 2)
    for definition in (one, two):
        with pytest.raises(UsageError, match="circle"):
            await bench.ledger.start_run(definition, DEFAULTS)
    assert await bench.rows("SELECT count(*) FROM jobs") == [(0,)]


async def test_only_some_roots_are_served_together_with_those_that_they_started(bench):
    """So that `definitions run --wait` does not wait for ever for a run that nobody may start."""
    first = await bench.define(step("reindex"), name="First")
    root = await bench.run(crawl(), pre_jobs=(first,))
    other = await bench.run(step("reindex"), name="Another")
    only = frozenset({root})
    turns = msgspec.structs.replace(NO_PACE, only=only)
    (waiting,) = (await bench.ledger.receive(10, turns)).assignments
    required = await bench.ledger.require(waiting.job.id)
    (theirs,) = (await bench.ledger.receive(10, turns)).assignments
    assert theirs.job.root_id == required.id
    await bench.ledger.cancel(root)
    assert not await bench.ledger.is_idle(only), "what it started goes on"
    await bench.complete(theirs)
    assert await bench.ledger.is_idle(only)
    await bench.ledger.cancel(other)


# --- J5, J6: planners and what they ask for ---------------------------------------------------------------------------


async def documents_of(bench: Bench, root: int, number: int) -> list[int]:
    return [document.id for document in await bench.ledger.material.documents(root, number)]


async def test_j6_a_planner_asks_for_a_job_for_each_document_and_a_crash_asks_for_none_twice(bench):
    root = await bench.run(crawl("Crawl docs", "a", "b"), step("transform"))
    for page in await pages(bench):
        await bench.store(page)
    planner = await bench.take_one(JobType.TRANSFORM)
    assert planner.job.payload == {"plan": True, "after": 0}
    first, second = await documents_of(bench, root, 2)
    part = Part(type="transform", name="A page", document_id=first, payload={"document": first})
    await bench.ledger.spawn(planner.job.id, [part], {"plan": True, "after": first})
    # It dies here, and whoever receives it goes on where it was.
    await bench.ledger.release([planner.delivery.receipt])
    found = {each.job.payload.get("plan", False): each for each in await bench.take()}
    assert found[True].job.payload == {"plan": True, "after": first}
    assert (found[False].job.document_id, found[False].job.step) == (first, 2)
    assert await bench.ledger.material.documents(root, 2, first) != ()
    part = Part(type="transform", name="Another", document_id=second)
    await bench.ledger.spawn(planner.job.id, [part], {"plan": True, "after": second})
    await bench.complete(found[True], Recorded(result={"documents": 2}))
    await bench.complete(found[False], Transformed(document_id=first, page=parsed(SITE + "a", "Other words")))
    last = await bench.take_one()
    await bench.complete(last, Transformed(document_id=second, page=parsed(SITE + "b")))
    job = await bench.job(root)
    assert (job.status, job.progress_current, job.progress_total) == ("completed", 5, 5)
    assert [state.documents for state in await bench.steps(root)] == [2, 1]
    versions = "SELECT id, version FROM documents ORDER BY id"
    assert await bench.rows(versions) == [(first, 2), (second, 1)]
    assert await bench.rows("SELECT document_id FROM jobs WHERE name = 'A page'") == [(first,)]


async def test_a_planner_that_lost_its_lease_or_its_root_asks_for_nothing(bench):
    root = await bench.run(step("transform"))
    planner = await bench.take_one()
    await bench.ledger.release([planner.delivery.receipt])
    with pytest.raises(StaleReceiptError):
        await bench.ledger.spawn(planner.job.id, [Part(type="transform", name="x")], {})
    await bench.take()
    await bench.ledger.cancel(root)
    with pytest.raises((StaleReceiptError, RootClosedError)):
        await bench.ledger.spawn(planner.job.id, [Part(type="transform", name="x")], {})
    assert (await bench.job(root)).child_count == 1


async def test_a_step_is_about_what_the_run_collected_or_its_sources_have_or_all(bench):
    early = await bench.run(crawl("Crawl", "old"), name="Early")
    await bench.crawl_through()
    ((source,),) = await bench.rows("SELECT id FROM sources")
    root = await bench.run(step("transform"), crawl("Crawl", "new"), step("transform", "Again"), name="Later")
    assert len(await documents_of(bench, root, 1)) == 1, "nothing is crawled before it: all there is"
    await bench.complete(await bench.take_one())
    await bench.crawl_through()
    ((new,),) = await bench.rows("SELECT id FROM documents WHERE url = ?", SITE + "new")
    assert await documents_of(bench, root, 3) == [new]
    of_source = await bench.run(step("transform"), name="Of a source", sources=(source,))
    assert len(await documents_of(bench, of_source, 1)) == 2
    await bench.library.write(
        lambda tx: tx.execute(
            "INSERT INTO sources (id, name, base_url, created_at, updated_at) VALUES (9, 'x', ?, 0, 0)", (SITE,)
        )
    )
    of_other = await bench.run(step("transform"), name="Of another", sources=(9,))
    assert await documents_of(bench, of_other, 1) == []
    assert await bench.ledger.material.documents(early, 1, with_source=True) == await bench.ledger.material.documents(
        early, 1
    )
    for open_root in (root, of_source, of_other):
        await bench.ledger.cancel(open_root)


async def test_only_the_steps_of_a_run_are_about_documents(bench, ledger):
    await bench.run(crawl())
    await bench.crawl_through()
    page = (await bench.rows("SELECT id FROM jobs WHERE url IS NOT NULL"))[0][0]
    for job in (page, 99):
        assert await documents_of(bench, job, 1) == []
        assert await bench.library.read(lambda connection, job=job: stepdocuments.condition(connection, job, 1)) == (
            "FALSE",
            {},
        )


async def test_j4_a_step_all_of_whose_parts_failed_has_failed(bench):
    root = await bench.run(crawl(), step("transform", "Extract again"))
    await bench.crawl_through()
    planner = await bench.take_one()
    ((document,),) = await bench.rows("SELECT id FROM documents")
    await bench.ledger.spawn(planner.job.id, [Part(type="transform", name="x", document_id=document)], {"plan": True})
    await bench.complete(planner)
    await bench.fail(await bench.take_one(), Failed(cause=Cause.PARSE, message="It cannot be read."))
    job = await bench.job(root)
    assert (job.status, job.error) == ("failed", "The step “Extract again” failed: It cannot be read.")


async def test_j4_a_step_some_of_whose_parts_failed_completes_with_warnings(bench):
    root = await bench.run(crawl("Crawl docs", "a", "b"), step("transform"))
    for page in await pages(bench):
        await bench.store(page)
    planner = await bench.take_one()
    ids = await documents_of(bench, root, 2)
    await bench.ledger.spawn(planner.job.id, [Part(type="transform", name="x", document_id=each) for each in ids], {})
    await bench.complete(planner)
    one, other = await bench.take()
    await bench.fail(one, Failed(cause=Cause.PARSE, message="It cannot be read."))
    await bench.complete(other, Transformed(document_id=ids[1], page=parsed(SITE + "b")))
    job = await bench.job(root)
    assert (job.status, job.warnings) == ("completed", 1)


async def test_a_part_whose_document_was_deleted_meanwhile_ends_and_says_so(bench):
    await bench.run(crawl())
    await bench.crawl_through()
    root = await bench.run(step("transform"), name="Extract again")
    planner = await bench.take_one()
    ((document, source),) = await bench.rows("SELECT id, source_id FROM documents")
    await bench.ledger.spawn(planner.job.id, [Part(type="transform", name="x", document_id=document)], {})
    await bench.complete(planner)
    part = await bench.take_one()
    await bench.library.write(lambda tx: sources.delete_documents(tx, source))
    await bench.complete(part, Transformed(document_id=document, page=parsed(SITE + "a", "Other words")))
    job = await bench.job(part.job.id)
    assert (job.status, job.result) == ("completed", {"reason": "deleted"})
    assert (await bench.log(part.job.id))[-1] == "Its document was deleted meanwhile"
    assert await bench.rows("SELECT * FROM documents") == []
    assert [(state.status, state.documents) for state in await bench.steps(root)] == [("completed", 0)]


async def test_j5_the_summary_of_the_corpus_stands_in_the_result_of_the_root(bench):
    root = await bench.run(crawl(), step("corpus_summary"))
    await bench.crawl_through()
    await bench.complete(
        await bench.take_one(),
        CorpusSummary(summary="All about it.", keywords=("it",), documents=1, method="extractive"),
    )
    result = (await bench.job(root)).result
    assert (result["summary"], result["keywords"]) == ("All about it.", ["it"])
    assert [state["status"] for state in result["steps"]] == ["completed", "completed"]


async def test_j7_a_run_is_found_by_each_of_its_sources(bench):
    for number in (1, 2, 3):
        sql = "INSERT INTO sources (id, name, base_url, created_at, updated_at) VALUES (?, ?, ?, 0, 0)"
        row = (number, f"s{number}", f"https://s{number}.test/")
        await bench.library.write(lambda tx, sql=sql, row=row: tx.execute(sql, row))
    root = await bench.run(step("crawl", "Crawl"), sources=(1, 2))
    assert [state.name for state in await bench.steps(root)] == ["Crawl: s1", "Crawl: s2"]
    for source, found in ((1, 1), (2, 1), (3, 0)):
        parents: list[tuple[Parent, int]] = [("root", found), ("all", 3 * found), (root, 2 * found)]
        for parent, many in parents:
            which = JobFilter(source=source, parent=parent)
            listed = await bench.library.read(lambda connection, which=which: joblist.jobs(connection, which))
            assert (listed.total_count, len(listed.jobs)) == (many, many), (source, parent)
    page = await bench.validated()
    await bench.store(page)
    assert await bench.rows("SELECT source_id FROM documents") == [(1,)]
    await bench.crawl_through()
    assert await bench.rows("SELECT source_id FROM documents") == [(1,), (2,)]


async def test_j9_the_pace_of_a_run_is_that_of_its_step(bench):
    root = await bench.run(crawl("Crawl docs", "a", "b", "c", "d"), step("reindex"))
    bench.clock.advance(10)
    for page in (await pages(bench))[:2]:
        await bench.store(page)
    now = bench.clock.now_ms()
    details = await bench.library.read(lambda connection: figures.root_details(connection, root, now=now))
    assert (details.pages_per_second, details.seconds_left) == (0.2, 10.0)
    assert details.steps[0].documents == 2, "so far"


# --- J10, J11, X6: what is done with runs -----------------------------------------------------------------------------


async def test_j10_rerun_repeats_the_snapshot_and_keeps_the_link(bench):
    definition = await bench.define(crawl())
    root = await bench.ledger.start_run(definition, DEFAULTS)
    await bench.crawl_through()
    await bench.library.write(lambda tx: tx.execute("UPDATE definitions SET body = '{}', enabled = 0"))
    again = await bench.ledger.rerun(root)
    job = await bench.job(again)
    assert (job.type, job.definition_id, job.rerun_of, job.name) == ("definition_run", definition, root, "Nightly docs")
    await bench.crawl_through()
    assert (await bench.job(again)).status == "completed"


async def test_j10_a_run_can_be_repeated_when_its_definition_is_gone(bench):
    root = await bench.run(crawl())
    await bench.crawl_through()
    await bench.library.write(lambda tx: tx.execute("DELETE FROM definitions"))
    again = await bench.ledger.rerun(root)
    await bench.crawl_through()
    job = await bench.job(again)
    assert (job.status, job.definition_id, job.rerun_of) == ("completed", None, root)
    assert (await bench.log(again))[0] == f"Started again, as job {root} was: “Nightly docs”, 1 step"


async def test_j10_retry_runs_the_failed_jobs_and_then_the_rest_of_the_steps(bench):
    root = await bench.run(crawl(), step("reindex", "Tidy up"), step("cleanup", older_than="30d"))
    await bench.fail(await bench.validated())
    assert await bench.statuses(root) == ["failed", "skipped", "skipped"]
    assert await bench.ledger.retry(root) == 1
    assert await bench.statuses(root) == ["running", "skipped", "skipped"]
    await bench.store(await bench.take_one("crawler_url"))
    tidy = await bench.take_one(JobType.REINDEX)
    assert tidy.job.attempt == 2, "the job that said that it was skipped is now the one that runs"
    await bench.complete(tidy)
    await bench.complete(await bench.take_one(JobType.CLEANUP))
    job = await bench.job(root)
    assert (job.status, job.warnings, job.attempt, job.child_count) == ("completed", 0, 2, 4)


async def test_j10_retry_of_a_crawl_that_was_skipped_begins_it(bench):
    root = await bench.run(step("reindex"), crawl())
    await bench.fail(await bench.take_one())
    ((marker,),) = await bench.rows("SELECT id FROM jobs WHERE status = 'skipped'")
    await bench.ledger.retry(root)
    await bench.complete(await bench.take_one())
    await bench.crawl_through()
    assert (await bench.job(root)).status == "completed"
    assert await bench.rows("SELECT 1 FROM jobs WHERE id = ?", marker) == []
    assert await bench.rows("SELECT action FROM audit WHERE job_id = ?", marker) == [("delete.child",)]


async def test_j10_retry_of_one_page_of_an_early_step_goes_on_with_what_had_failed_later(bench):
    root = await bench.run(many(), step("transform"), step("reindex"))
    a, b, *rest = await pages(bench)
    await bench.fail(a)
    for page in (b, *rest):
        await bench.store(page)
    await bench.fail(await bench.take_one(JobType.TRANSFORM))
    assert await bench.statuses(root) == ["completed", "failed", "skipped"]
    assert await bench.ledger.retry(root, ids=[a.job.id]) == 1
    assert await bench.statuses(root) == ["running", "pending", "skipped"]
    await bench.store(await bench.take_one("crawler_url"))
    assert (await bench.steps(root))[0].documents == 4
    await bench.complete(await bench.take_one(JobType.TRANSFORM))
    await bench.complete(await bench.take_one(JobType.REINDEX))
    assert await bench.statuses(root) == ["completed"] * 3


async def test_j10_a_step_that_is_skipped_again_is_told_by_the_job_that_told_it_before(bench):
    root = await bench.run(crawl(), step("reindex"))
    await bench.fail(await bench.validated())
    before = await bench.rows("SELECT id FROM jobs WHERE status = 'skipped'")
    await bench.ledger.retry(root)
    await bench.fail(await bench.take_one())
    assert await bench.statuses(root) == ["failed", "skipped"]
    assert await bench.rows("SELECT id FROM jobs WHERE status = 'skipped'") == before


async def test_j10_a_step_that_fails_again_is_the_end_of_what_was_retried_along_with_it(bench, library, ledger):
    root = await bench.run(crawl("First", "a", "b"), crawl("Second", "c", "d"), step("reindex"))
    for _ in range(2):
        good, bad = await pages(bench)
        await bench.store(good)
        await bench.fail(bad)
    await bench.complete(await bench.take_one(JobType.REINDEX))
    ((only,),) = await bench.rows("SELECT id FROM jobs WHERE url = ?", SITE + "a")
    await Deletions(library, ledger).hide([only])
    assert await bench.ledger.retry(root) == 2
    first, second = await bench.take()
    await bench.fail(first)
    settled = await bench.store(second)
    assert settled.root_status == "failed"
    assert await bench.statuses(root) == ["failed", "completed", "completed"]
    assert [state.documents for state in await bench.steps(root)] == [0, 2, 0]


async def test_j10_a_step_whose_failed_job_was_deleted_has_nothing_to_go_on_with(bench, library, ledger):
    root = await bench.run(crawl("Crawl docs", "a", "b"), step("reindex"))
    good, bad = await pages(bench)
    await bench.store(good)
    await bench.fail(bad)
    tidy = await bench.take_one(JobType.REINDEX)
    await bench.fail(tidy)
    await Deletions(library, ledger).hide([tidy.job.id])
    await bench.ledger.retry(root, ids=[bad.job.id])
    settled = await bench.store(await bench.take_one("crawler_url"))
    assert settled.root_status == "failed"
    assert (await bench.steps(root))[1].error == "Its job was deleted."


async def test_j10_a_start_that_is_dead_again_ends_its_own_step_and_no_other(bench):
    root = await bench.run(crawl(on_error="continue"), step("reindex", on_error="continue"))
    dead = Failed(cause=Cause.DNS, message="The host is not known.", ends_root=True)
    check = next(each for each in await bench.take() if each.job.type == JobType.VALIDATE)
    await bench.fail(check, dead)
    await bench.fail(await bench.take_one("reindex"), BROKEN)
    await bench.ledger.retry(root)
    again = {each.job.type: each for each in await bench.take()}
    assert set(again) == {JobType.VALIDATE, JobType.CRAWLER_URL, JobType.REINDEX}
    await bench.fail(again[JobType.VALIDATE], dead)
    with pytest.raises(StaleReceiptError):
        await bench.store(again[JobType.CRAWLER_URL])
    settled = await bench.complete(again[JobType.REINDEX])
    assert settled.root_status == "completed"


async def test_j10_retry_by_cause_takes_any_step(bench):
    root = await bench.run(crawl(on_error="continue"), step("reindex"))
    await bench.fail(await bench.validated())
    await bench.fail(await bench.take_one(), Failed(cause=Cause.EXECUTOR_ERROR, message="Oops."))
    assert await bench.ledger.retry(root, PageFilter(root_id=root, cause=("executor_error",))) == 1
    await bench.complete(await bench.take_one(JobType.REINDEX))
    assert await bench.statuses(root) == ["failed", "completed"]


async def test_j11_cancel_reaches_the_step_under_way_and_what_would_come(bench):
    root = await bench.run(crawl(), step("reindex"))
    page = await bench.validated()
    await bench.ledger.cancel(root)
    job = await bench.job(root)
    assert (job.status, job.cause) == ("cancelled", "cancelled")
    assert await bench.statuses(root) == ["cancelled", "cancelled"]
    with pytest.raises((StaleReceiptError, RootClosedError)):
        await bench.store(page)
    assert await bench.ledger.retry(root, ids=[page.job.id]) == 1
    await bench.store(await bench.take_one())
    await bench.complete(await bench.take_one(JobType.REINDEX))
    assert (await bench.job(root)).status == "completed"


async def test_j11_a_paused_run_begins_its_next_step_when_it_is_resumed(bench):
    root = await bench.run(crawl(), step("reindex"))
    page = await bench.validated()
    await bench.ledger.pause(root)
    await bench.store(page)
    assert (await bench.job(root)).status == "paused"
    assert await bench.take() == []
    await bench.ledger.resume(root)
    await bench.complete(await bench.take_one(JobType.REINDEX))
    assert (await bench.job(root)).status == "completed"


async def test_a_site_that_wants_a_sign_in_pauses_its_root_with_the_reason(bench):
    root = await bench.run(crawl())
    page = await bench.validated()
    await bench.ledger.sign_in_needed(page.delivery.receipt, "Sign in to site.test again.")
    job = await bench.job(root)
    assert (job.status, job.cause, job.error) == ("paused", "sign_in", "Sign in to site.test again.")
    assert await bench.take() == []
    await bench.ledger.resume(root)
    job = await bench.job(root)
    assert (job.cause, job.error) == (None, None)
    (again,) = await bench.take()
    assert (again.job.id, again.delivery.tries) == (page.job.id, 1), "it cost no try"
    await bench.store(again)


async def test_the_rules_of_the_crawl_under_way_can_be_changed(bench):
    root = await bench.run(crawl("First", "a"), crawl("Second", "a"), step("reindex"))
    page = await bench.validated()
    await bench.store(page, "old/1", "new")
    change = await bench.ledger.change_rules(root, RuleChanges(exclude=("*/old/*",)))
    assert change.withdrawn == 1
    assert (await bench.ledger.plan(root, 1)).config.exclude == ("*/old/*",)
    assert (await bench.ledger.plan(root, 2)).config.exclude == ()
    await bench.store(await bench.take_one())
    await bench.crawl_through()
    with pytest.raises(NotAllowedError, match="No crawl"):
        await bench.ledger.change_rules(root, RuleChanges(max_depth=1))


async def test_x6_a_deleted_run_comes_back_as_it_was(bench, library, ledger):
    root = await bench.run(crawl(), step("reindex"))
    await bench.crawl_through()
    deletions = Deletions(library, ledger)
    await deletions.hide([root])
    assert await bench.take() == []
    await deletions.restore([root])
    await bench.complete(await bench.take_one(JobType.REINDEX))
    assert (await bench.job(root)).status == "completed"


async def test_x6_a_page_that_comes_back_opens_its_step_again(bench, library, ledger):
    root = await bench.run(crawl("Crawl docs", "a", "b"), step("reindex"))
    a, b = await pages(bench)
    await bench.store(a)
    deletions = Deletions(library, ledger)
    await deletions.hide([b.job.id])
    assert await bench.statuses(root) == ["completed", "running"]
    await deletions.restore([b.job.id])
    assert await bench.statuses(root) == ["running", "running"]
    for each in await bench.take():
        await (bench.store(each) if each.job.url else bench.complete(each))
    assert await bench.statuses(root) == ["completed", "completed"]
    assert [state.documents for state in await bench.steps(root)] == [2, 0]


async def test_x6_a_page_that_had_ended_comes_back_and_opens_nothing(bench, library, ledger):
    root = await bench.run(crawl("Crawl docs", "a", "b"))
    a, b = await pages(bench)
    await bench.store(a)
    await bench.store(b)
    deletions = Deletions(library, ledger)
    await deletions.hide([b.job.id])
    await deletions.restore([b.job.id])
    assert (await bench.job(root)).status == "completed"
    assert await bench.statuses(root) == ["completed"]


async def test_x6_deleting_the_only_job_of_a_step_is_its_failure(bench, library, ledger):
    root = await bench.run(step("reindex"))
    job = await bench.take_one()
    await Deletions(library, ledger).hide([job.job.id])
    ended = await bench.job(root)
    assert (ended.status, ended.error) == ("failed", "The step “Reindex” failed: Its job was deleted.")


async def test_a_run_whose_set_up_cannot_be_read_ends(bench):
    root = await bench.run(step("reindex"))
    await bench.library.write(lambda tx: tx.execute("UPDATE jobs SET config = '{}' WHERE id = ?", (root,)))
    bench.ledger.forget(root)
    await bench.complete(await bench.take_one())
    assert (await bench.job(root)).status == "failed"
    with pytest.raises(NotAllowedError, match="cannot be read"):
        await bench.ledger.rerun(root)


@pytest.mark.unverified
async def test_a_run_whose_progress_cannot_be_read_shows_no_steps(bench):
    root = await bench.run(step("reindex"))
    await bench.library.write(lambda tx: tx.execute("UPDATE root_progress SET steps = '[{}]'"))
    assert await bench.steps(root) == ()


# --- What a start that was rolled back leaves, and verify -------------------------------------------------------------


async def test_a_start_that_was_rolled_back_leaves_nothing_behind(bench, monkeypatch):
    one = await bench.define(step("reindex", "One"), name="One")
    other = await bench.define(step("cleanup", "Other", older_than="1d"), name="Other")
    whole = Settling.settle

    def then_fail(self, tx, root_id):
        whole(self, tx, root_id)
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(Settling, "settle", then_fail)
        with pytest.raises(ZeroDivisionError):
            await bench.ledger.start_run(one, DEFAULTS)
    root = await bench.ledger.start_run(other, DEFAULTS)
    await bench.complete(await bench.take_one(JobType.CLEANUP))
    assert (await bench.job(root)).status == "completed"


@pytest.mark.unverified
@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE root_progress SET steps = json_set(steps, '$[0].status', 'completed')",
        "UPDATE root_progress SET steps = json_set(steps, '$[0].status', 'skipped')",
        "UPDATE jobs SET step = 3 WHERE type = 'validate'; UPDATE child_counts SET step = 3 WHERE type = 'validate'",
        "UPDATE root_progress SET steps = NULL",
        "UPDATE root_progress SET step = 2",
    ],
)
async def test_verify_sees_steps_that_disagree_with_their_jobs(bench, spoil):
    await bench.run(crawl(), step("reindex"))
    await bench.take()
    assert (await verify_library(bench.library)).ok
    for statement in spoil.split(";"):
        await bench.library.write(lambda tx, statement=statement: tx.execute(statement))
    failing = [check.name for check in (await verify_library(bench.library)).checks if not check.ok]
    assert failing == ["steps_agree_with_their_jobs"]
