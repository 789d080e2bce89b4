"""What an executor hands back: one value that the ledger stores in one transaction."""

from typing import Any

import msgspec

from quaero_desktop.domain.jobs import Cause, SkipReason
from quaero_desktop.domain.pages import Fetched, ParsedPage


class Refusal(msgspec.Struct, frozen=True):
    """A link that will not be followed."""

    url: str
    reason: SkipReason
    rule: str


class SitemapFile(msgspec.Struct, frozen=True):
    """A sitemap to read, by a job of its own.

    Attributes:
        level: how many indexes led to it.
        named: whether somebody named it; else it is only a guess, and nothing is wrong when it is not there.
        hops: how many redirects led to it.
    """

    url: str
    level: int = 0
    named: bool = True
    hops: int = 0


class Discovered(msgspec.Struct, frozen=True, kw_only=True):
    """The links of one page after the rules spoke. Depth and page limits are applied when they are stored.

    Attributes:
        follow: canonical URLs to fetch.
        refused: the others, each with its reason.
        hops: for a redirect's target, how many redirects led there; such a target is as far from the seed as what led
            there. 0 for the links of a page.
        modified: when the pages of some of *follow* last changed, as a sitemap says, in milliseconds UTC.
        sitemaps: sitemaps to read.
    """

    follow: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    hops: int = 0
    modified: dict[str, int] = {}
    sitemaps: tuple[SitemapFile, ...] = ()


NOTHING_DISCOVERED = Discovered()


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A page to store as a document."""

    fetched: Fetched
    page: ParsedPage
    discovered: Discovered = NOTHING_DISCOVERED
    elapsed_ms: int = 0


class Unchanged(msgspec.Struct, frozen=True, kw_only=True):
    """A page that is what the library has, says its server (304): nothing is stored but that it was asked (D4).

    Attributes:
        document_id: what the library has; should it be gone by now, the page is fetched anew.
        elapsed_ms: what asking took.
    """

    document_id: int
    discovered: Discovered = NOTHING_DISCOVERED
    elapsed_ms: int = 0


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A job that is completed without a document, for a recorded reason (a redirect, a picture).

    Attributes:
        result: the reason, for programs.
        message: the same for the log.
        level: how important that line is, one of LOG_LEVELS.
    """

    result: dict[str, Any]
    discovered: Discovered = NOTHING_DISCOVERED
    message: str = ""
    status: int | None = None
    level: str = "info"


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True):
    """A queued page that must not be fetched after all; it becomes ``skipped``."""

    reason: SkipReason
    rule: str


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A try that failed.

    Attributes:
        retryable: whether the message goes back with a backoff while tries are left; else it ends here.
        retry_after_ms: never sooner than this.
        hold_ms: the whole lane rests for so long: the host, and not this page, is in trouble (Q4).
        ends_root: whether nothing else of the root can succeed either: all of it fails with this, unless it has stored
            a page already.
    """

    cause: Cause
    message: str
    status: int | None = None
    retryable: bool = False
    retry_after_ms: int | None = None
    hold_ms: int | None = None
    elapsed_ms: int = 0
    ends_root: bool = False


class Snoozed(msgspec.Struct, frozen=True, kw_only=True):
    """Not now: the message goes back without a failure, and its lane rests until *until* (Q3, Q4)."""

    until: int
    reason: str


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """Not before something else has ended, which makes the message ready again; that it is asked again is no failure.

    Attributes:
        until: when to look again in any case, in milliseconds UTC.
        reason: what it waits for, for a person.
    """

    until: int
    reason: str


class SignInNeeded(msgspec.Struct, frozen=True, kw_only=True):
    """The site wants a sign-in: the message goes back uncounted, and its root pauses with *reason* (J5)."""

    reason: str


class Transformed(msgspec.Struct, frozen=True, kw_only=True):
    """A stored page that was extracted again, from what its server had sent."""

    document_id: int
    page: ParsedPage


class Summarised(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says in short.

    Attributes:
        content_hash: of the markdown that it was made from.
        method: extractive, or the name of a language model.
    """

    document_id: int
    content_hash: str
    method: str
    summary: str
    keywords: tuple[str, ...]


class CorpusSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the documents of a run say in short; it becomes part of the result of the root.

    Attributes:
        documents: how many it was made from.
        method: extractive, or the name of a language model.
    """

    summary: str
    keywords: tuple[str, ...]
    documents: int
    method: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A job that a planner asks for: one part of its step.

    Attributes:
        type: the action of the step.
        name: what people see.
        document_id: the document that it is about.
        payload: of its message.
    """

    type: str
    name: str
    document_id: int | None = None
    payload: dict[str, Any] = {}


Completed = Stored | Unchanged | Recorded | Withdrawn | Transformed | Summarised | CorpusSummary
"""What ends a job well."""
Outcome = Completed | Failed | Snoozed | Parked | SignInNeeded
