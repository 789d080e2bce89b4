"""The executor of ``crawler_url``: one page, from robots.txt to its links."""

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable
from typing import Protocol

import msgspec

from quaero_desktop.content.version import EXTRACTOR_VERSION
from quaero_desktop.domain.errors import KnownError
from quaero_desktop.domain.identity import is_other_spelling
from quaero_desktop.domain.jobs import Cause, JobRef, SkipReason
from quaero_desktop.domain.outcomes import (
    NOTHING_DISCOVERED,
    Discovered,
    Failed,
    Outcome,
    Recorded,
    Refusal,
    SignInNeeded,
    Snoozed,
    Stored,
    Unchanged,
    Withdrawn,
)
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
from quaero_desktop.domain.signin import ends_session
from quaero_desktop.domain.urls import origin_of
from quaero_desktop.engine.access import Access
from quaero_desktop.engine.roots import RootContext
from quaero_desktop.infra.clock import Clock
from quaero_desktop.web.conditional import conditions
from quaero_desktop.web.fetcher import Fetcher
from quaero_desktop.web.politeness import Politeness
from quaero_desktop.web.robots import Robots, RobotsRules
from quaero_desktop.web.robotstag import robots_tag

MAX_REDIRECTS = 10
_SHORT_WAIT_MS = 50
"""A wait that is not worth a transaction."""
_SIGNS_OUT = "it would sign us out"
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
        self,
        fetcher: Fetcher,
        robots: Robots,
        parser: Parser,
        politeness: Politeness,
        ledger: LedgerPort,
        clock: Clock,
        access: Access,
    ) -> None:
        self._fetcher = fetcher
        self._robots = robots
        self._parser = parser
        self._politeness = politeness
        self._ledger = ledger
        self._clock = clock
        self._access = access

    async def run(self, job: JobRef, root: RootContext) -> Outcome:
        """Perform *job*; see :class:`quaero_desktop.engine.executors.registry.Executor`."""
        if job.url is None:
            return Failed(cause=Cause.BAD_PAYLOAD, message="A page without a URL cannot be fetched.")
        if (refused := job.payload.get("refused")) is not None:
            # The rules of the crawl changed while it was under way, and then it came back.
            return Withdrawn(reason=SkipReason(refused[0]), rule=refused[1])
        if (needed := await self._access.missing(root)) is not None:
            return needed
        if would_sign_out(job.url, root):
            return Withdrawn(reason=SkipReason.EXCLUDED, rule=_SIGNS_OUT)
        await self._waits(job, True)
        if job.depth and (rule := root.traps.rule_against(job.url)) is not None:
            return Withdrawn(reason=SkipReason.TRAP, rule=rule)
        rules, waited = None, False
        origin = origin_of(job.url)
        private = await root.allows_private(job.url, self._fetcher.is_private)
        if root.config.obey_robots:
            waited = not self._robots.knows(origin, allow_private=private)
            rules = await self._robots.rules(origin, allow_private=private)
            if rules.unavailable is not None:
                # Sooner nobody asks for it again, and a try would be burnt for nothing.
                rest = max(_HOST_REST_MS, rules.unavailable - self._clock.now_ms())
                return Failed(
                    cause=Cause.ROBOTS,
                    message="The server's robots.txt could not be read, so nothing may be fetched there yet.",
                    retryable=True,
                    retry_after_ms=rest,
                    hold_ms=rest,
                )
            self._politeness.ask_delay(origin, rules.crawl_delay_ms or 0)
            allowed, rule = rules.allows(job.url)
            if not allowed:
                return Withdrawn(reason=SkipReason.ROBOTS, rule=f"robots.txt: {rule}")
        while (wait := self._politeness.go_on(root.id, origin, waited=waited)) is not None:
            if wait > _SHORT_WAIT_MS:
                return Snoozed(until=self._clock.now_ms() + wait, reason="Waits for its turn")
            await asyncio.sleep(wait / 1000)
        # A page that an older version of the extraction made is fetched whole, to be extracted anew.
        known = job.known if job.known is not None and job.known.extractor == EXTRACTOR_VERSION else None
        asked = conditions(known) if known is not None else {}
        shown = await self._access.headers(root, job.url)
        if isinstance(shown, SignInNeeded):
            return shown
        answer = await self._fetcher.fetch(
            job.url, asked | shown.headers, allow_private=private, on_answer=lambda: self._waits(job, False)
        )
        self._politeness.answered(origin, answer.elapsed_ms, well=not isinstance(answer, FetchFailed))
        if shown:
            answer = self._access.cleaned(shown, answer)
            await self._waits(job, True)
            if (instead := await self._access.judged(root, answer)) is not None:
                return instead
            await self._waits(job, False)
        match answer:
            case FetchFailed() as failure:
                return failure_of(failure)
            case Redirected() as redirect:
                return _redirected(redirect, job, root)
            case Fetched(status=304, elapsed_ms=elapsed_ms) if known is not None:
                links = known.links if root.config.follow_links else ()
                found = decided(links, root, rules, job.url)
                return Unchanged(document_id=known.document_id, discovered=found, elapsed_ms=elapsed_ms)
            case Fetched(body=b"") as fetched:
                return _not_text(fetched.content_type, fetched.status)
            case Fetched() as fetched:
                await self._waits(job, True)
                parsing = self._parser.parse(_input(fetched))
                # The parser has the body now, and nobody else needs it: it may be ten megabytes.
                answer = fetched = msgspec.structs.replace(fetched, body=b"")
                return await self._fetched(fetched, parsing, job, root, rules)

    async def _fetched(
        self,
        fetched: Fetched,
        parsing: Awaitable[ParseResult],
        job: JobRef,
        root: RootContext,
        rules: RobotsRules | None,
    ) -> Outcome:
        result = await parsing
        await self._waits(job, False)
        match result:
            case ParseFailed(cause=cause, message=message):
                return Failed(
                    cause=cause, message=message, status=fetched.status, retryable=True, elapsed_ms=fetched.elapsed_ms
                )
            case ParsedPage(kind="other", content_type=content_type):
                return _not_text(content_type, fetched.status)
            case ParsedPage() as parsed:
                if canonical := await self._other_spelling(parsed.canonical, job, root, rules):
                    return Recorded(
                        result={"canonical": canonical},
                        discovered=Discovered(follow=(canonical,), hops=1),
                        message=f"Stored as {canonical}, which it names as its address",
                        status=fetched.status,
                    )
                parsed = self._as_asked(parsed, fetched, root)
                discovered = _discovered(parsed, root, rules, fetched.url)
                if parsed.noindex:
                    return Recorded(
                        result={"reason": "noindex"},
                        discovered=discovered,
                        message="Not stored: the page asks not to be collected (noindex)",
                        status=fetched.status,
                    )
                if (line := root.traps.stored(fetched.url, parsed.search_text, parsed.thin)) is not None:
                    with contextlib.suppress(KnownError):
                        await self._ledger.note(root.id, "warn", line)
                return Stored(fetched=fetched, page=parsed, discovered=discovered)

    def _as_asked(self, parsed: ParsedPage, fetched: Fetched, root: RootContext) -> ParsedPage:
        """Return a page with its links as this crawl knows them, and with what its server asks of robots."""
        tag = robots_tag(fetched.headers.get("x-robots-tag", ""), self._robots.agent)
        obeys = root.config.obey_robots
        return msgspec.structs.replace(
            parsed,
            links=as_known(parsed.links, root),
            nofollow_links=as_known(parsed.nofollow_links, root),
            noindex=obeys and (parsed.noindex or tag.noindex),
            nofollow=obeys and (parsed.nofollow or tag.nofollow),
        )

    async def _other_spelling(
        self, named: str | None, job: JobRef, root: RootContext, rules: RobotsRules | None
    ) -> str | None:
        """Return the URL under which the page of *job* is stored instead, because it names that and may be believed.

        When in doubt, None: a page is rather stored twice than lost to a wrong ``rel=canonical``.
        """
        if named is None or job.url is None:
            return None
        canonical = root.scope.identity(named)
        if not is_other_spelling(job.url, canonical) or root.scope.decide(canonical).reason is not None:
            return None
        # Who sent us here relies on it that this page is the end of the way. And where only some pages are wanted, a
        # seed must not be spent on pointing to another one.
        if job.payload.get("hops") or (job.depth == 0 and root.config.max_pages is not None):
            return None
        origin = origin_of(canonical)
        if origin != origin_of(job.url):
            # Only if the site answers by that scheme or name at all; its robots.txt is read sooner or later anyway.
            if rules is None:
                return None
            private = await root.allows_private(canonical, self._fetcher.is_private)
            rules = await self._robots.rules(origin, allow_private=private)
            if rules.unavailable is not None:
                return None
        if rules is not None and not rules.allows(canonical)[0]:
            return None
        return canonical if root.fold(job.url, canonical) else None

    async def _waits(self, job: JobRef, waiting: bool) -> None:
        """Note whether all that *job* does for now is to wait for its server or a parser process.

        Only of a job that was running when the process died: of others the first time counts anyway (Q7), and they save
        the commits. A hint, so nothing fails for want of it.
        """
        if job.crashes:
            with contextlib.suppress(KnownError):
                await self._ledger.wait_elsewhere(job.id, waiting)


def as_known(links: Iterable[str], root: RootContext) -> tuple[str, ...]:
    """Return *links* as this crawl knows the pages behind them, each once."""
    return tuple(dict.fromkeys(map(root.scope.identity, links)))


def _discovered(page: ParsedPage, root: RootContext, rules: RobotsRules | None, url: str) -> Discovered:
    """Return what becomes of the links of a page, those that it asks not to follow among them."""
    if not root.config.follow_links:
        return NOTHING_DISCOVERED
    if page.nofollow:
        every = dict.fromkeys((*page.links, *page.nofollow_links))
        return Discovered(refused=tuple(Refusal(link, SkipReason.NOFOLLOW, "robots: nofollow") for link in every))
    discovered = decided(page.links, root, rules, url)
    if page.nofollow_links and root.config.obey_robots:
        wanted = set(page.links)
        refused = tuple(
            Refusal(link, SkipReason.NOFOLLOW, "rel=nofollow") for link in page.nofollow_links if link not in wanted
        )
        discovered = msgspec.structs.replace(discovered, refused=discovered.refused + refused)
    return discovered


def decided(links: tuple[str, ...], root: RootContext, rules: RobotsRules | None, url: str) -> Discovered:
    """Return what becomes of *links*, found on the page *url*: by the crawl's rules, then by robots.txt."""
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
        if (trap := root.traps.rule_against(link)) is not None:
            refused.append(Refusal(link, SkipReason.TRAP, trap))
            continue
        if would_sign_out(link, root):
            refused.append(Refusal(link, SkipReason.EXCLUDED, _SIGNS_OUT))
            continue
        follow.append(link)
    return Discovered(follow=tuple(follow), refused=tuple(refused))


def would_sign_out(url: str, root: RootContext) -> bool:
    """Return whether asking for *url* would end the session that the crawl of *root* needs."""
    credential = root.credential
    return credential is not None and origin_of(url) == credential.origin and ends_session(url)


def _redirected(redirect: Redirected, job: JobRef, root: RootContext) -> Outcome:
    hops = int(job.payload.get("hops", 0)) + 1
    target = root.scope.identity(redirect.target)
    if target == redirect.url:
        # The server wants the very parameter, or the very name, that we drop: then so be it, for this page.
        target = redirect.target
    if target == redirect.url:
        return Failed(cause=Cause.BAD_REDIRECT, message="The page redirects to itself.", status=redirect.status)
    if hops > MAX_REDIRECTS:
        return Failed(
            cause=Cause.BAD_REDIRECT, message=f"More than {MAX_REDIRECTS} redirects in a row.", status=redirect.status
        )
    if root.is_folded(target, redirect.url):
        return Failed(
            cause=Cause.BAD_REDIRECT,
            message="The page redirects to one that names it as its own address.",
            status=redirect.status,
        )
    root.note_redirect(redirect.url)
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


def _input(fetched: Fetched) -> PageInput:
    return PageInput(url=fetched.url, body=fetched.body, content_type=fetched.content_type, charset=fetched.charset)


def _not_text(content_type: str, status: int) -> Recorded:
    kind = content_type or "an empty page"
    return Recorded(
        result={"content_type": content_type, "reason": "not text"}, message=f"Not stored: {kind}", status=status
    )


def failure_of(failure: FetchFailed) -> Failed:
    """Return the failed try that a fetch in vain makes of a job."""
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
