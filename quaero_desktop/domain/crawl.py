"""A crawl: its configuration, and the rules that decide what becomes of each link.

The decision is one pure function, :meth:`CrawlScope.decide`: the crawler uses it, and so does who wants to know why.
"""

import msgspec

from quaero_desktop.domain import rules, urls
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.identity import TRACKING_PARAMETERS, Identity, check_parameter_name
from quaero_desktop.domain.jobs import SkipReason
from quaero_desktop.domain.scope import Extent
from quaero_desktop.domain.scope import ScopeKind as ScopeKind  # every crawl has one


class CrawlConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a root job was asked to do: the snapshot that is stored with it and that a rerun repeats.

    Attributes:
        seeds: canonical URLs to start from.
        scope: ``host`` (the seeds' hosts), ``prefix`` (below the seeds' folders) or ``domain`` (all hosts of their
            registered domains); see :mod:`quaero_desktop.domain.scope`.
        include, exclude: patterns over the whole URL; see :mod:`quaero_desktop.domain.rules`.
        max_depth: the most links to follow from a seed; 0 fetches the seeds only.
        max_pages: the most pages of this crawl; None for no limit.
        per_host: the most requests under way at one origin.
        delay_ms: the least time between two requests' starts at one origin; None for the polite default.
        obey_robots: whether robots.txt decides.
        follow_links: whether links are followed at all.
        sitemaps: whether the sites' sitemaps are read, as links found at the start.
        max_attempts: how often a page is tried before its message becomes a dead letter.
        aliases: origins that mean the same site as the first seed's: their URLs are rewritten to that one.
        tracking_parameters: query parameters that are dropped from every URL; ``utm_*`` for all that begin so.
    """

    seeds: tuple[str, ...]
    scope: ScopeKind = "host"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_depth: int = 5
    max_pages: int | None = None
    per_host: int = 2
    delay_ms: int | None = None
    obey_robots: bool = True
    follow_links: bool = True
    sitemaps: bool = True
    max_attempts: int = 4
    aliases: tuple[str, ...] = ()
    tracking_parameters: tuple[str, ...] = TRACKING_PARAMETERS

    def checked(self) -> "CrawlConfig":
        """Return self.

        Raises:
            UsageError: naming the field that makes no sense.
        """
        if not self.seeds:
            raise UsageError("A crawl needs at least one web address to start from.")
        if self.scope not in ("host", "prefix", "domain"):
            raise UsageError(f"Unknown scope “{self.scope}”.", "Use host, prefix or domain.")
        for name, value, least in (
            ("depth", self.max_depth, 0),
            ("max-pages", self.max_pages, 1),
            ("workers", self.per_host, 1),
            ("delay", self.delay_ms, 0),
            ("max-attempts", self.max_attempts, 1),
        ):
            if value is not None and value < least:
                raise UsageError(f"{name} is {value}; {least} is the least.")
        for pattern in (*self.include, *self.exclude):
            rules.compiled(pattern)
        for alias in self.aliases:
            if urls.identity(f"{alias}/") != f"{alias}/" or "/" in alias.partition("://")[2]:
                raise UsageError(
                    f"The alias “{alias[:200]}” is not the address of a site.", "Give one like http://docs.python.org."
                )
        for name in self.tracking_parameters:
            check_parameter_name(name)
        return self


class Verdict(msgspec.Struct, frozen=True):
    """The fate of a link: ``reason`` is None when it is to be followed, else why not and by which rule."""

    reason: SkipReason | None
    rule: str = ""

    @property
    def sentence(self) -> str:
        """This verdict for a person, like ``excluded by rule 2: */old/*``."""
        match self.reason:
            case None:
                return "followed"
            case SkipReason.EXCLUDED:
                return f"excluded by {self.rule.removeprefix('exclude ')}"
            case SkipReason.NOT_INCLUDED:
                return f"not included: {self.rule}"
            case SkipReason.SCOPE:
                return f"outside the scope of the crawl, {self.rule}"
            case _:
                return f"skipped: {self.rule}"


FOLLOW = Verdict(None)
_TOO_LONG = Verdict(SkipReason.TOO_LONG, f"longer than {urls.MAX_URL_LENGTH} characters")


class CrawlScope:
    """Decides under which URL a link is known, and what becomes of it, under one configuration.

    Args:
        config: the crawl's configuration.
        roots: the canonical URLs that span the scope: the seeds, and where they redirected to.
    """

    def __init__(self, config: CrawlConfig, roots: tuple[str, ...]) -> None:
        self.config = config
        self.roots = roots
        home = urls.origin_of(config.seeds[0]) if config.seeds else ""
        self._identity = Identity(home, config.aliases, config.tracking_parameters)
        self._extent = Extent(config.scope, roots)
        # The verdicts are made once: there are as many decisions as links.
        self._outside = Verdict(SkipReason.SCOPE, self._extent.name)
        self._exclude = tuple(
            (rules.compiled(pattern), Verdict(SkipReason.EXCLUDED, f"exclude rule {number}: {pattern}"))
            for number, pattern in enumerate(config.exclude, 1)
        )
        self._include = tuple(rules.compiled(pattern) for pattern in config.include)
        self._not_included = Verdict(SkipReason.NOT_INCLUDED, f"no include rule matches: {', '.join(config.include)}")

    def identity(self, url: str) -> str:
        """Return the URL under which the page at the canonical *url* is known to this crawl; idempotent.

        Tracking parameters are dropped and aliases of the site rewritten. To be asked before :meth:`decide`.
        """
        return self._identity.of(url)

    def decide(self, url: str) -> Verdict:
        """Return the verdict on a canonical *url*: scope, then exclude, then include.

        Depth and page limits are not here: they depend on the state of the crawl, so the storing transaction enforces
        them.
        """
        if len(url) > urls.MAX_URL_LENGTH:
            return _TOO_LONG
        if not self._extent.holds(url):
            return self._outside
        if self._exclude or self._include:
            lowered = url.lower()
            for matches, verdict in self._exclude:
                if matches(url, lowered):
                    return verdict
            if self._include and not any(matches(url, lowered) for matches in self._include):
                return self._not_included
        return FOLLOW
