"""The executor of ``crawler_url``: one page, from robots.txt to its links."""

import contextlib
from typing import Protocol

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.domain.jobs import Cause, JobRef, SkipReason
from quaero_desktop.domain.outcomes import Discovered, Failed, Outcome, Recorded, Refusal, Stored, Withdrawn
from quaero_desktop.domain.pages import (
    Fetched,
    FetchFailed,
    PageInput,
    ParsedPage,
    ParseFailed,
    ParseResult,
    Redirected,
)
from quaero_desktop.domain.ports import LedgerPort
from quaero_desktop.domain.urls import origin_of
from quaero_desktop.engine.roots import RootContext
from quaero_desktop.web.fetcher import Fetcher
from quaero_desktop.web.politeness import Politeness
from quaero_desktop.web.robots import Robots, RobotsRules

MAX_REDIRECTS = 10
_HOST_REST_MS = 5_000
"""How long a host in trouble is left alone when it does not say itself."""


class Parser(Protocol):
    """Parses pages outside this process."""

    async def parse(self, page: PageInput) -> ParseResult:
        """Return the parsed page, or why there is none."""


class PageCrawler:
    """Fetches one page, has it parsed, and decides about its links.

    Redirects are not followed here: the target becomes a page of its own, as deep as what led there, so that it is
    scoped, paced and fetched once like any other (J2).
    """

    def __init__(
        self, fetcher: Fetcher, robots: Robots, parser: Parser, politeness: Politeness, ledger: LedgerPort
    ) -> None:
        self._fetcher = fetcher
        self._robots = robots
        self._parser = parser
        self._politeness = politeness
        self._ledger = ledger

    async def run(self, job: JobRef, root: RootContext) -> Outcome:
        """Perform *job*; see :class:`quaero_desktop.engine.executors.registry.Executor`."""
        if job.url is None:
            return Failed(cause=Cause.BAD_PAYLOAD, message="A page without a URL cannot be fetched.")
        await self._waits(job, True)
        rules = None
        private = await root.allows_private(job.url, self._fetcher.is_private)
        if root.config.obey_robots:
            rules = await self._robots.rules(origin_of(job.url), allow_private=private)
            if rules.unavailable:
                return Failed(
                    cause=Cause.ROBOTS,
                    message="The server's robots.txt could not be read, so nothing may be fetched there yet.",
                    retryable=True,
                    hold_ms=_HOST_REST_MS,
                )
            if rules.crawl_delay_ms:
                self._politeness.ask_delay(origin_of(job.url), rules.crawl_delay_ms)
            allowed, rule = rules.allows(job.url)
            if not allowed:
                return Withdrawn(reason=SkipReason.ROBOTS, rule=f"robots.txt: {rule}")
        match await self._fetcher.fetch(job.url, allow_private=private, on_answer=lambda: self._waits(job, False)):
            case FetchFailed() as failure:
                return _failed(failure)
            case Redirected() as redirect:
                return _redirected(redirect, job, root)
            case Fetched() as fetched:
                return await self._fetched(fetched, job, root, rules)

    async def _fetched(self, fetched: Fetched, job: JobRef, root: RootContext, rules: RobotsRules | None) -> Outcome:
        if not fetched.body:
            return _not_text(fetched.content_type, fetched.status)
        page = PageInput(url=fetched.url, body=fetched.body, content_type=fetched.content_type, charset=fetched.charset)
        await self._waits(job, True)
        result = await self._parser.parse(page)
        await self._waits(job, False)
        match result:
            case ParseFailed(cause=cause, message=message):
                return Failed(
                    cause=cause, message=message, status=fetched.status, retryable=True, elapsed_ms=fetched.elapsed_ms
                )
            case ParsedPage(kind="other", content_type=content_type):
                return _not_text(content_type, fetched.status)
            case ParsedPage() as parsed:
                links = () if parsed.nofollow or not root.config.follow_links else parsed.links
                return Stored(fetched=fetched, page=parsed, discovered=_decided(links, root, rules, fetched.url))

    async def _waits(self, job: JobRef, waiting: bool) -> None:
        """Note whether all that *job* does for now is to wait for its server or a parser process.

        Only of a job that was running when the process died: of others the first time counts anyway (Q7), and they save
        the commits. A hint, so nothing fails for want of it.
        """
        if job.crashes:
            with contextlib.suppress(KnownError):
                await self._ledger.wait_elsewhere(job.id, waiting)


def _decided(links: tuple[str, ...], root: RootContext, rules: RobotsRules | None, url: str) -> Discovered:
    here = origin_of(url)
    follow: list[str] = []
    refused: list[Refusal] = []
    decide = root.scope.decide
    for link in links:
        verdict = decide(link)
        if verdict.reason is not None:
            refused.append(Refusal(link, verdict.reason, verdict.rule))
            continue
        # The rules of other origins are read when a page there has its turn.
        if rules is not None and origin_of(link) == here:
            allowed, rule = rules.allows(link)
            if not allowed:
                refused.append(Refusal(link, SkipReason.ROBOTS, f"robots.txt: {rule}"))
                continue
        follow.append(link)
    return Discovered(follow=tuple(follow), refused=tuple(refused))


def _redirected(redirect: Redirected, job: JobRef, root: RootContext) -> Outcome:
    hops = int(job.payload.get("hops", 0)) + 1
    target = redirect.target
    if target == redirect.url:
        return Failed(cause=Cause.BAD_REDIRECT, message="The page redirects to itself.", status=redirect.status)
    if hops > MAX_REDIRECTS:
        return Failed(
            cause=Cause.BAD_REDIRECT, message=f"More than {MAX_REDIRECTS} redirects in a row.", status=redirect.status
        )
    if job.depth == 0:
        root.widen(target)
    verdict = root.scope.decide(target)
    result = {"redirect": target, "status": redirect.status}
    if verdict.reason is not None:
        refusal = Refusal(target, verdict.reason, verdict.rule)
        return Recorded(
            result=result,
            discovered=Discovered(refused=(refusal,), hops=hops),
            message="Redirects to a page that is not collected",
            status=redirect.status,
        )
    return Recorded(
        result=result,
        discovered=Discovered(follow=(target,), hops=hops),
        message=f"Redirects ({redirect.status})",
        status=redirect.status,
    )


def _not_text(content_type: str, status: int) -> Recorded:
    kind = content_type or "an empty page"
    return Recorded(
        result={"content_type": content_type, "reason": "not text"}, message=f"Not stored: {kind}", status=status
    )


def _failed(failure: FetchFailed) -> Failed:
    hold = (failure.retry_after_ms or _HOST_REST_MS) if failure.host_wide else None
    return Failed(
        cause=failure.cause,
        message=failure.message,
        status=failure.status,
        retryable=failure.retryable,
        retry_after_ms=failure.retry_after_ms,
        hold_ms=hold,
        elapsed_ms=failure.elapsed_ms,
    )
