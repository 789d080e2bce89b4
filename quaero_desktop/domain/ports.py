"""The seam between the engine and storage: the values that cross it and the ledger as the engine sees it.

Another database could stand behind these; nothing above storage knows which one does.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.credentials import Credential
from quaero_desktop.domain.definitions import NO_STEP, Action
from quaero_desktop.domain.jobs import OPEN_STATUSES, JobRef, Status
from quaero_desktop.domain.outcomes import Completed, Discovered, Failed, Part
from quaero_desktop.domain.queue import Delivery, Receipt, Turns
from quaero_desktop.domain.rulechange import RuleChange, RuleChanges
from quaero_desktop.domain.summaries import SummariesPort


class NewRoot(msgspec.Struct, frozen=True, kw_only=True):
    """A root job to start.

    Attributes:
        name: what people see.
        config: what is crawled and how; stored with the job as the snapshot that a rerun repeats.
        source_id: the source it collects for; None makes one for each origin it meets.
        definition_id, rerun_of, triggered_by: where it comes from.
        validated: whether a ``pre`` job checks the seeds, and looks for sitemaps (J5).
    """

    name: str
    config: CrawlConfig
    type: str = "crawl"
    source_id: int | None = None
    definition_id: int | None = None
    rerun_of: int | None = None
    triggered_by: int | None = None
    validated: bool = False


class Assignment(msgspec.Struct, frozen=True):
    """A job to run now, with the delivery that proves it."""

    delivery: Delivery
    job: JobRef


class RootPlan(msgspec.Struct, frozen=True):
    """What the engine must know of a root to run its pages.

    Attributes:
        config: of the step, where that is a crawl; else what crawls begin with.
        scope_roots: canonical URLs that span the scope: the pages at depth 0.
        step: which step of the root's run this is; 0 for a plain crawl, and before the steps.
        action: what the step does; empty before the steps.
        options: of the action.
        source_id: the source that the step collects for; None makes one for each origin.
        credential: what the site of that source asks for.
    """

    id: int
    config: CrawlConfig
    scope_roots: tuple[str, ...]
    step: int = NO_STEP
    action: str = Action.CRAWL
    options: dict[str, Any] = {}
    source_id: int | None = None
    credential: Credential | None = None


DELETED = "deleted"
"""The status of a run that is not there any more."""


class Required(msgspec.Struct, frozen=True):
    """The run of a definition that another run waits for; its status may be :data:`DELETED`, too."""

    id: int
    status: str
    name: str

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.status in OPEN_STATUSES


class StepDocument(msgspec.Struct, frozen=True):
    """A document that a step of a run is about."""

    id: int
    title: str


class PageSource(msgspec.Struct, frozen=True):
    """What a server had sent of a page that is stored, so that it can be extracted again without asking for it."""

    url: str
    content_type: str
    charset: str
    body: bytes


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """What a receive brought.

    Attributes:
        assignments: at most as many as were asked for.
        ended: roots that ended, because their last open child turned out to be dead.
        next_due: when something that waits becomes ready, in milliseconds UTC; None when nothing waits.
        deadline: when the next run will have taken too long, in milliseconds UTC; None when none has a limit.
    """

    assignments: tuple[Assignment, ...]
    ended: tuple[int, ...] = ()
    next_due: int | None = None
    deadline: int | None = None


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What storing an outcome led to.

    Attributes:
        new_pages: how many pages were added to the frontier.
        root_status: the status of the root if this ended it, else None.
        dead: whether the message became a dead letter.
        retry_at: when the message becomes ready again, in milliseconds UTC, if it does.
    """

    root_id: int
    new_pages: int = 0
    root_status: Status | None = None
    dead: bool = False
    retry_at: int | None = None


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """What a start found and put right."""

    returned: int = 0
    dead: int = 0
    recounted: int = 0
    ended: tuple[int, ...] = ()


class Scheduled(msgspec.Struct, frozen=True, kw_only=True):
    """A definition that may run by itself, as far as the scheduler must know it.

    Attributes:
        schedule: five fields; empty when it has none, or rests.
        checked_until: up to when its moments are dealt with, in milliseconds UTC; None for never yet.
        auto_start: whether it runs when Quaero starts.
    """

    id: int
    name: str
    schedule: str
    checked_until: int | None
    auto_start: bool


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run that was due.

    Attributes:
        job_id: the root that was started.
        running: the root of a run that has not ended, so that no other was started.
        problem, hint: why none could be started.
    """

    job_id: int | None = None
    running: int | None = None
    problem: str = ""
    hint: str = ""


class SchedulePort(Protocol):
    """Where the scheduler finds what may run, and starts it."""

    async def schedules(self) -> tuple[Scheduled, ...]:
        """Return the definitions that may run by themselves."""

    async def deal_with(self, definition_id: int, until: int) -> None:
        """Note that the moments of a schedule up to *until*, in milliseconds UTC, are dealt with."""

    async def start_due(self, scheduled: Scheduled, due: int | None, now: int, defaults: CrawlConfig) -> Turn | None:
        """Start a run unless one is under way, and note that it is dealt with; None when all has changed meanwhile."""


class MaterialPort(Protocol):
    """What the steps of a run work on."""

    async def documents(
        self, root_id: int, step: int, after: int = 0, limit: int = 500, *, with_source: bool = False
    ) -> tuple[StepDocument, ...]:
        """Return the next documents that a step of a run is about, by id."""

    async def page_source(self, document_id: int) -> PageSource | None:
        """Return what the server of a document had sent, if that is kept."""

    async def search_index_is_sound(self) -> bool:
        """Return whether the full-text index says of each document exactly what stands in it."""

    async def rebuild_search_index(self) -> None:
        """Make the full-text index anew from the documents."""

    async def merge_search_index(self, *, begin: bool) -> bool:
        """Merge a little of the full-text index; return whether more is left."""


class LedgerPort(Protocol):
    """The only code that changes queue, jobs, documents and counters; each call is one whole transaction."""

    @property
    def material(self) -> MaterialPort:
        """What the steps of a run work on, of the same library."""

    @property
    def summaries(self) -> SummariesPort:
        """What documents say in short, and what that is made from."""

    async def start(self, root: NewRoot) -> int:
        """Store a root, its seeds and their messages; return its id."""

    async def receive(self, n: int, turns: Turns) -> Received:
        """Lease up to *n* jobs whose turn has come and mark them running."""

    async def require(self, job_id: int) -> Required:
        """Return the run of the definition that a running job waits for; it is started where there is none yet."""

    async def complete(self, receipt: Receipt, outcome: Completed) -> Settled:
        """Store the whole outcome of a job."""

    async def fail(self, receipt: Receipt, failure: Failed) -> Settled:
        """Store a failed try: back with a backoff, or the end of the job."""

    async def snooze(self, receipt: Receipt, until: int, reason: str) -> None:
        """Give a job back uncounted and let its lane rest until *until* (milliseconds UTC)."""

    async def park(self, receipt: Receipt, until: int, reason: str) -> None:
        """Give a job back uncounted until something else has ended, or *until* (milliseconds UTC)."""

    async def sign_in_needed(self, receipt: Receipt, reason: str) -> None:
        """Give a job back uncounted and pause its root: its site wants a sign-in."""

    async def spawn(self, job_id: int, wanted: Sequence[Part], mark: dict[str, Any]) -> int:
        """Store jobs that a running one asks for, and how far it is; return how many."""

    async def next_deadline(self) -> int | None:
        """Return when the next run has taken too long, in milliseconds UTC; None when none has a limit."""

    async def expire(self) -> tuple[int, ...]:
        """Cancel the runs that have taken too long; return their roots."""

    async def release(self, receipts: Sequence[Receipt]) -> int:
        """Give jobs back uncounted, as a clean stop does; return how many were still held."""

    async def wait_elsewhere(self, job_id: int, waiting: bool) -> None:
        """Note whether all that a running job does for now is to wait for somebody else (Q7)."""

    async def extend(self, receipts: Sequence[Receipt]) -> list[Receipt]:
        """Start the leases anew; return those that were lost."""

    async def cancel(self, job_id: int) -> int:
        """Cancel a job and all below it; return its root."""

    async def pause(self, root_id: int, reason: str = "") -> None:
        """Let no more of the root start; *reason* is for a person, when it was none who wanted it."""

    async def note(self, root_id: int, level: str, message: str) -> None:
        """Add a line to the log of a root."""

    async def resume(self, root_id: int) -> None:
        """Undo :meth:`pause`."""

    async def change_rules(self, root_id: int, changes: RuleChanges) -> RuleChange:
        """Go on with a crawl under other rules."""

    async def recover(self) -> Recovery:
        """Take back what a dead process left running."""

    async def plan(self, root_id: int, step: int = NO_STEP) -> RootPlan:
        """Read what the engine needs to run jobs of a step of a root."""

    async def discover(self, job_id: int, discovered: Discovered) -> int:
        """Store a part of what a running job finds, which is too much for one transaction; return how many are new."""

    async def pages_stored(self, root_id: int, origin: str, most: int) -> tuple[str, ...]:
        """Return pages of an origin that a root stored, the latest first: among its last ones, and at most so many."""

    async def is_idle(self, only: frozenset[int] | None = None) -> bool:
        """Return whether nothing is ready, leased or delayed (of the roots *only*)."""
