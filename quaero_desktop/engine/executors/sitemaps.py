"""The executor of ``sitemap``: reads one sitemap, feed or list of addresses, whose URLs become pages of the crawl."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Protocol

from quaero_desktop.domain.jobs import Cause, JobRef, SkipReason
from quaero_desktop.domain.outcomes import (
    Discovered,
    Failed,
    Outcome,
    Recorded,
    SignInNeeded,
    SitemapFile,
    Snoozed,
    Withdrawn,
)
from quaero_desktop.domain.pages import (
    Fetched,
    FetchFailed,
    Listed,
    PageInput,
    ParsedSitemap,
    ParseFailed,
    Redirected,
    SitemapResult,
)
from quaero_desktop.domain.ports import LedgerPort
from quaero_desktop.domain.urls import host_of, origin_of, path_of
from quaero_desktop.engine.access import Access
from quaero_desktop.engine.executors import crawler
from quaero_desktop.engine.roots import RootContext
from quaero_desktop.infra.clock import Clock
from quaero_desktop.web.fetcher import Fetcher
from quaero_desktop.web.politeness import Politeness
from quaero_desktop.web.robots import Robots, RobotsRules

MAX_LEVEL = 2
"""How many indexes may lead to a sitemap."""

MAX_NAMED = 100
"""How many sitemaps of one robots.txt are read."""

MAX_REDIRECTS = 5

_PART = 500
"""How many URLs are decided about and stored in one go: with 1,000 the loop was held up for 67 ms (measured)."""

_LOOKS_LIKE_ONE = (".xml", ".gz", ".txt", ".rss", ".atom", ".rdf")


class SitemapParser(Protocol):
    """Reads sitemaps outside this process."""

    async def read_sitemap(self, file: PageInput) -> SitemapResult:
        """Return what the file names, or why that is unknown."""


class SitemapReader:
    """Fetches one sitemap and stores what it names, in parts: as links of depth 1, or as more sitemaps to read.

    A sitemap is fetched by the same manners as a page: its host's robots.txt and pace. It has a URL of its own in the
    crawl, so that none is read twice, not even one that lists itself.

    Args:
        fetcher, robots, parser, politeness, ledger, clock: as for pages.
        access: shows the secret of a site's credential to that site.
        max_bytes: how much of a file is fetched.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        robots: Robots,
        parser: SitemapParser,
        politeness: Politeness,
        ledger: LedgerPort,
        clock: Clock,
        access: Access,
        max_bytes: int,
    ) -> None:
        self._fetcher = fetcher
        self._robots = robots
        self._parser = parser
        self._politeness = politeness
        self._ledger = ledger
        self._clock = clock
        self._access = access
        self._max_bytes = max_bytes

    async def run(self, job: JobRef, root: RootContext) -> Outcome:
        """Perform *job*; see :class:`quaero_desktop.engine.executors.registry.Executor`."""
        if job.url is None:
            return Failed(cause=Cause.BAD_PAYLOAD, message="A sitemap without a URL cannot be fetched.")
        file = SitemapFile(
            job.url,
            level=int(job.payload.get("level", 0)),
            named=bool(job.payload.get("named", True)),
            hops=int(job.payload.get("hops", 0)),
        )
        if (needed := await self._access.missing(root)) is not None:
            return needed
        private = await root.allows_private(file.url, self._fetcher.is_private)
        rules: RobotsRules | None = None
        if root.config.obey_robots:
            origin = origin_of(file.url)
            waited = not self._robots.knows(origin, allow_private=private)
            rules = await self._robots.rules(origin, allow_private=private)
            if rules.unavailable is not None:
                wait = rules.unavailable - self._clock.now_ms()
                return Failed(cause=Cause.ROBOTS, message=rules.note, retryable=True, retry_after_ms=wait, hold_ms=wait)
            self._politeness.ask_delay(origin, rules.crawl_delay_ms or 0)
            allowed, rule = rules.allows(file.url)
            if not allowed:
                return Withdrawn(reason=SkipReason.ROBOTS, rule=f"robots.txt: {rule}")
            if (turn := self._politeness.go_on(root.id, origin, waited=waited)) is not None:
                return Snoozed(until=self._clock.now_ms() + turn, reason="Its turn comes after the others'.")
            if not file.named and rules.sitemaps:
                # The guess was made while robots.txt could not be read, or before a redirect led to this host.
                return _named(rules.sitemaps)
        shown = await self._access.headers(root, file.url)
        if isinstance(shown, SignInNeeded):
            return shown
        answer = await self._fetcher.fetch(
            file.url, shown.headers, any_type=True, cut_at=self._max_bytes, allow_private=private
        )
        if shown:
            answer = self._access.cleaned(shown, answer)
            # What is only a guess proves nothing.
            instead = await self._access.judged(root, answer) if file.named else None
            if isinstance(instead, SignInNeeded):
                return instead
        match answer:
            case FetchFailed() as failed:
                return _failed(failed, file)
            case Redirected() as redirect:
                return _redirected(redirect, file, root)
            case Fetched() as fetched:
                return await self._read(fetched, file, job, root, rules)

    async def _read(
        self, fetched: Fetched, file: SitemapFile, job: JobRef, root: RootContext, rules: RobotsRules | None
    ) -> Outcome:
        page = PageInput(url=file.url, body=fetched.body, content_type=fetched.content_type, charset=fetched.charset)
        match await self._parser.read_sitemap(page):
            case ParseFailed(cause=cause, message=message):
                return Failed(cause=cause, message=message, status=fetched.status, retryable=True)
            case ParsedSitemap(kind="none", note=note):
                return _nothing(file, note or "it is no sitemap", fetched.status)
            case ParsedSitemap(kind="index") as index:
                return _index(index, file, fetched.status, root)
            case ParsedSitemap() as sitemap:
                new = await self._store(sitemap.entries, job, root, rules)
                return _read(sitemap, new, fetched.status)

    async def _store(self, entries: Sequence[Listed], job: JobRef, root: RootContext, rules: RobotsRules | None) -> int:
        """Store what a sitemap names part by part: a crash in between costs nothing but reading it again."""
        new = 0
        remaining = iter(entries)
        while part := list(islice(remaining, _PART)):
            links = crawler.as_known((entry.url for entry in part), root)
            decided = crawler.decided(links, root, rules, job.url or "")
            follow = frozenset(decided.follow)
            modified = {
                url: entry.modified
                for entry in part
                if entry.modified is not None and (url := root.scope.identity(entry.url)) in follow
            }
            new += await self._ledger.discover(
                job.id, Discovered(follow=decided.follow, refused=decided.refused, modified=modified)
            )
            await asyncio.sleep(0)
        return new


def _named(sitemaps: tuple[str, ...]) -> Recorded:
    return Recorded(
        result={"kind": "none", "reason": "robots.txt names others"},
        discovered=Discovered(sitemaps=tuple(SitemapFile(url) for url in sitemaps[:MAX_NAMED])),
        message=f"Not asked for: robots.txt names {len(sitemaps):,} others",
    )


def _index(index: ParsedSitemap, file: SitemapFile, status: int, root: RootContext) -> Recorded:
    """Return the sitemaps of an index: those on its own host, or on one that the crawl starts from."""
    hosts = {host_of(file.url), *map(host_of, root.scope.roots)}
    near = [entry.url for entry in index.entries if host_of(entry.url) in hosts]
    if file.level >= MAX_LEVEL:
        return _nothing(file, "it is an index of an index of indexes", status)
    return Recorded(
        result={"kind": "index", "sitemaps": len(near), "elsewhere": len(index.entries) - len(near)}
        | ({"cut": index.note} if index.truncated else {}),
        discovered=Discovered(sitemaps=tuple(SitemapFile(url, level=file.level + 1) for url in near)),
        message=f"Read: an index of {len(near):,} sitemaps{_cut(index)}",
        status=status,
        level="warn" if index.truncated else "info",
    )


def _read(sitemap: ParsedSitemap, new: int, status: int) -> Recorded:
    count = len(sitemap.entries)
    return Recorded(
        result={"kind": sitemap.kind, "urls": count, "new": new, "unusable": sitemap.others}
        | ({"cut": sitemap.note} if sitemap.truncated else {}),
        message=f"Read: {count:,} address{'es' if count != 1 else ''}, {new:,} of them new pages{_cut(sitemap)}",
        status=status,
        level="warn" if sitemap.truncated else "info",
    )


def _cut(sitemap: ParsedSitemap) -> str:
    return f"; the rest was left out, {sitemap.note}" if sitemap.truncated else ""


def _nothing(file: SitemapFile, reason: str, status: int | None) -> Recorded:
    """Return that nothing was found, which is worth a warning only where a sitemap was promised."""
    return Recorded(
        result={"kind": "none", "reason": reason},
        message=f"No sitemap: {reason}",
        status=status,
        level="warn" if file.named else "info",
    )


def _redirected(redirect: Redirected, file: SitemapFile, root: RootContext) -> Outcome:
    target = redirect.target
    path = path_of(target).partition("?")[0].lower()
    # Sites send what they do not have to their first page, or to a login. Such a URL must stay free for the page.
    if not ("sitemap" in path or path.endswith(_LOOKS_LIKE_ONE)):
        return _nothing(file, f"it redirects to {target}", redirect.status)
    if file.hops >= MAX_REDIRECTS:
        return _nothing(file, "it redirects too often", redirect.status)
    return Recorded(
        result={"redirect": target, "status": redirect.status},
        discovered=Discovered(sitemaps=(SitemapFile(target, level=file.level, named=file.named, hops=file.hops + 1),)),
        message=f"Redirects ({redirect.status})",
        status=redirect.status,
    )


def _failed(failed: FetchFailed, file: SitemapFile) -> Outcome:
    if failed.cause in (Cause.NOT_FOUND, Cause.GONE) or not (file.named or failed.host_wide or failed.status is None):
        return _nothing(file, failed.message.rstrip("."), failed.status)
    return crawler.failure_of(failed)
