"""Jobs: their vocabulary, their values and the moves between their states."""

from enum import StrEnum
from typing import Any

import msgspec

from quaero_desktop.domain.documents import KnownPage

MAX_TREE_DEPTH = 10
"""How deep a tree of jobs can be (J1)."""


class Status(StrEnum):
    """Where a job is in its life."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"  # roots only
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"  # a child that was queued and then withdrawn


OPEN_STATUSES = frozenset({Status.PENDING, Status.RUNNING, Status.PAUSED})
TERMINAL_STATUSES = frozenset(Status) - OPEN_STATUSES


class Phase(StrEnum):
    """Where in the life of its root a child runs."""

    PRE = "pre"
    CORE = "core"
    POST = "post"


class JobType(StrEnum):
    """The types that this version knows; storage keeps any text, since an unknown type must fail politely (J6)."""

    CRAWL = "crawl"
    CRAWLER_URL = "crawler_url"
    VALIDATE = "validate"
    SITEMAP = "sitemap"
    TRANSFORM = "transform"
    SUMMARISE = "summarise"
    CORPUS_SUMMARY = "corpus_summary"
    REINDEX = "reindex"
    CLEANUP = "cleanup"
    DEFINITION_RUN = "definition_run"
    PREREQUISITE = "prerequisite"  # waits for the run of another definition (J4)


class Cause(StrEnum):
    """Why a job failed or was withdrawn, as an enumeration so that failures can be grouped (J10)."""

    NOT_FOUND = "not_found"  # 404
    GONE = "gone"  # 410
    HTTP_CLIENT_ERROR = "http_4xx"
    HTTP_SERVER_ERROR = "http_5xx"
    RATE_LIMITED = "rate_limited"  # 429
    FORBIDDEN = "forbidden"  # 401, 403
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    ADDRESS_REFUSED = "address_refused"  # a private address, where a crawl of the public web must not go
    TIMEOUT = "timeout"
    DISCONNECTED = "disconnected"  # the server hung up, or broke the protocol, half-way
    PROTOCOL = "protocol"  # not HTTP, or a header that cannot be right
    BAD_REDIRECT = "bad_redirect"  # no target, a target that is no web address, or too many hops
    BAD_URL = "bad_url"
    TOO_LARGE = "too_large"
    DECODE = "decode"  # a body whose compression is broken, unknown or a bomb
    ROBOTS = "robots"
    PARSE = "parse"
    PARSE_TIMEOUT = "parse_timeout"
    PARSE_CRASH = "parse_crash"
    CRASHED = "crashed"  # the process died while this ran, again and again
    EXECUTOR_ERROR = "executor_error"
    NO_EXECUTOR = "no_executor"
    BAD_PAYLOAD = "bad_payload"
    CANCELLED = "cancelled"
    MODEL = "model"  # a language model is away, refuses, or answers with nonsense
    LIMIT = "limit"  # more children failed than were tolerated
    STEP = "step"  # the step before failed, or no step of a run brought anything
    PREREQUISITE = "prerequisite"  # the run of another definition, which had to come first, failed
    SIGN_IN = "sign_in"  # of a paused root: its site wants a sign-in


HOST_FAULTS = frozenset(
    {
        Cause.HTTP_SERVER_ERROR,
        Cause.RATE_LIMITED,
        Cause.DNS,
        Cause.CONNECT,
        Cause.TLS,
        Cause.TIMEOUT,
        Cause.DISCONNECTED,
    }
)
"""Causes that say something about the host; 404 and 410 are facts about a page (J2a)."""


class SkipReason(StrEnum):
    """Why a URL was refused when it was found."""

    SCOPE = "scope"
    SCHEME = "scheme"
    EXCLUDED = "excluded"
    NOT_INCLUDED = "not_included"
    ROBOTS = "robots"
    DEPTH = "depth"
    MAX_PAGES = "max_pages"
    TOO_LONG = "too_long"
    NOFOLLOW = "nofollow"  # the page asks not to follow it
    TRAP = "trap"  # one more of too many pages that hold nothing new


class JobRef(msgspec.Struct, frozen=True):
    """What a running job needs to know about itself, read once when its message is received.

    Attributes:
        id: the job.
        root_id: the root of its tree (its own id for a root).
        type: text, since an unknown type must be reported and not crash (J6).
        url: the canonical URL of a page, else None.
        depth: the shortest known distance from a seed when it was received; the ledger re-reads it when storing.
        attempt: 1 for the first try; the retries of one attempt are deliveries of its message.
        payload: the message's payload.
        crashes: how many times the process died while this ran.
        known: what the library has of the page already, when its server can be asked whether that is what it still is.
        step: which step of its root's run it belongs to, counted from 1; 0 in a plain crawl, and before the steps.
        document_id: the document that it is about, else None.
    """

    id: int
    root_id: int
    type: str
    url: str | None
    depth: int
    attempt: int
    payload: dict[str, Any]
    crashes: int = 0
    known: KnownPage | None = None
    step: int = 0
    document_id: int | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A whole row for people and programs: the contract of ``--json``. Times are integer milliseconds UTC.

    *step* is the step of its root's run that it belongs to, counted from 1; 0 in a plain crawl.
    """

    id: int
    parent_id: int | None
    root_id: int
    type: str
    phase: str
    status: str
    name: str
    url: str | None
    progress_current: int
    progress_total: int
    child_count: int
    completed_children: int
    failed_children: int
    children: dict[str, int]
    pages: int
    warnings: int
    created_at: int
    started_at: int | None
    completed_at: int | None
    error: str | None
    cause: str | None
    payload: dict[str, Any]
    result: dict[str, Any] | None
    definition_id: int | None
    source_id: int | None
    rerun_of: int | None
    triggered_by: int | None
    attempt: int
    depth: int
    revision: int
    step: int = 0

    @property
    def is_root(self) -> bool:
        """Whether this job has no parent."""
        return self.parent_id is None

    @property
    def seeds(self) -> tuple[str, ...]:
        """Where a crawl, or the crawls of a definition's run, began; empty for other jobs."""
        steps = self.payload.get("steps")
        crawls: list[Any] = [self.payload]
        if isinstance(steps, list):
            crawls += [step.get("crawl") for step in steps if isinstance(step, dict)]
        seeds = [crawl.get("seeds") for crawl in crawls if isinstance(crawl, dict)]
        return tuple(str(seed) for each in seeds if isinstance(each, list) for seed in each)


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a job's log. Levels are debug, info, warn and error (J9a)."""

    id: int
    job_id: int
    root_id: int
    at: int
    level: str
    message: str


class TailLine(LogLine, frozen=True, kw_only=True):
    """A line among those of other jobs: it says whose it is, by the job's *name* (a page's is its URL)."""

    name: str


LOG_LEVELS = ("debug", "info", "warn", "error")
