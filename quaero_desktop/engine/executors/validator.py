"""The executor of ``validate``: looks at what a crawl starts from before anybody waits for it (J5).

It fetches nothing but robots.txt, which the pages need as well and which is kept: no URL is fetched twice for it (J2).
Where the site asks for a sign-in, it also asks for a page or two, to know whether the credential works.
So pages need not wait for it either; they and it find out the same. What it adds is a plain sentence, the end of a
crawl that has nowhere to go, and the way to the sitemaps.
"""

import asyncio

import msgspec

from quaero_desktop.domain.jobs import Cause, JobRef
from quaero_desktop.domain.outcomes import Discovered, Failed, Outcome, Recorded, SitemapFile
from quaero_desktop.domain.pages import FetchFailed
from quaero_desktop.domain.urls import host_of, origin_of
from quaero_desktop.engine.access import Access
from quaero_desktop.engine.executors.sitemaps import MAX_NAMED
from quaero_desktop.engine.roots import RootContext
from quaero_desktop.web.fetcher import Fetcher
from quaero_desktop.web.robots import Robots

_AT_ONCE = 8
_MOST_TOLD = 20
_NOBODY_THERE = frozenset({Cause.DNS, Cause.CONNECT, Cause.TLS})
"""What an address that is spelt wrong, or a server that does not run, leads to. Of others the pages find out."""


class _Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one origin.

    Attributes:
        problems: a sentence for each, about seeds that will bring nothing, or not now.
        dead: why nothing at all can be fetched there.
        sitemaps: where to look for more addresses.
    """

    problems: tuple[str, ...] = ()
    dead: FetchFailed | None = None
    sitemaps: tuple[SitemapFile, ...] = ()


class Validator:
    """Checks the seeds of a root: their hosts exist and answer, robots.txt allows them; and finds the sitemaps.

    Args:
        fetcher: looks names up.
        robots: the rules of each origin, shared with the pages.
        access: tries the site's credential out.
    """

    def __init__(self, fetcher: Fetcher, robots: Robots, access: Access) -> None:
        self._fetcher = fetcher
        self._robots = robots
        self._access = access

    async def run(self, job: JobRef, root: RootContext) -> Outcome:
        """Perform *job*; see :class:`quaero_desktop.engine.executors.registry.Executor`."""
        if (needed := await self._access.missing(root)) is not None:
            return needed
        seeds: dict[str, list[str]] = {}
        for seed in root.config.seeds:
            seeds.setdefault(origin_of(seed), []).append(seed)
        slots = asyncio.Semaphore(_AT_ONCE)

        async def check(origin: str) -> _Finding:
            async with slots:
                return await self._check(origin, seeds[origin], root)

        findings = await asyncio.gather(*map(check, seeds))
        dead = [finding.dead for finding in findings if finding.dead is not None]
        if dead and len(dead) == len(findings):
            others = f" The same goes for {len(dead) - 1} more." if len(dead) > 1 else ""
            return Failed(cause=dead[0].cause, message=dead[0].message + others, ends_root=True)
        problems = [problem for finding in findings for problem in finding.problems]
        beginning = await self._access.begin(root)
        if beginning.outcome is not None:
            return beginning.outcome
        if beginning.problem:
            problems.append(beginning.problem)
        sitemaps = [sitemap for finding in findings for sitemap in finding.sitemaps]
        return Recorded(
            result={"seeds": len(root.config.seeds), "problems": problems[:_MOST_TOLD], "sitemaps": len(sitemaps)},
            discovered=Discovered(sitemaps=tuple(sitemaps)),
            message=_summary(len(root.config.seeds), problems, sitemaps, beginning.note),
            level="warn" if problems else "info",
        )

    async def _check(self, origin: str, seeds: list[str], root: RootContext) -> _Finding:
        if (failed := await self._fetcher.look_up(seeds[0])) is not None:
            return _Finding(problems=(failed.message,), dead=failed)
        if not root.config.obey_robots:
            return _Finding(sitemaps=_guess(origin) if _wanted(root) else ())
        private = await root.allows_private(seeds[0], self._fetcher.is_private)
        rules = await self._robots.rules(origin, allow_private=private)
        if rules.unavailable is not None:
            trouble = rules.trouble
            if trouble is not None and trouble.cause in _NOBODY_THERE:
                message = f"Nothing can be fetched from {host_of(seeds[0])}: {trouble.message}"
                return _Finding(problems=(message,), dead=msgspec.structs.replace(trouble, message=message))
            # Whoever follows this guess later asks robots.txt again, and goes where that says.
            sitemaps = _guess(origin) if _wanted(root) else ()
            return _Finding(problems=(f"{host_of(seeds[0])}: {rules.note}",), sitemaps=sitemaps)
        problems = []
        for seed in seeds:
            allowed, rule = rules.allows(seed)
            if not allowed:
                problems.append(f"robots.txt of {host_of(seed)} does not allow us to fetch {seed} ({rule}).")
        sitemaps = tuple(SitemapFile(url) for url in rules.sitemaps[:MAX_NAMED]) or _guess(origin)
        return _Finding(problems=tuple(problems), sitemaps=sitemaps if _wanted(root) else ())


def _wanted(root: RootContext) -> bool:
    """Return whether the root follows links at all: sitemaps are nothing else."""
    return root.config.sitemaps and root.config.follow_links and root.config.max_depth > 0


def _guess(origin: str) -> tuple[SitemapFile, ...]:
    return (SitemapFile(f"{origin}/sitemap.xml", named=False),)


def _summary(seeds: int, problems: list[str], sitemaps: list[SitemapFile], note: str) -> str:
    if problems:
        more = f" And {len(problems) - 1} more." if len(problems) > 1 else ""
        return problems[0] + more
    named = sum(sitemap.named for sitemap in sitemaps)
    what = "The address to start from is" if seeds == 1 else f"The {seeds} addresses to start from are"
    said = [f"{named} sitemap{'s' if named > 1 else ''} named by robots.txt"] if named else []
    return "; ".join((f"{what} fine", *said, *([note] if note else [])))
