"""A crawl: its configuration, and the rules that decide what becomes of each link.

The decision is one pure function, :meth:`CrawlScope.decide`: the crawler uses it, and so does who wants to know why.
"""

import functools
import re
from typing import Literal

import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.jobs import SkipReason

ScopeKind = Literal["host", "prefix", "domain"]


class CrawlConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a root job was asked to do: the snapshot that is stored with it and that a rerun repeats.

    Attributes:
        seeds: canonical URLs to start from.
        scope: ``host`` (the seeds' hosts), ``prefix`` (below the seeds' folders) or ``domain`` (their sub-domains too).
        include, exclude: patterns over the whole URL, ``*`` and ``?``, or ``re:`` and a regular expression.
        max_depth: the most links to follow from a seed; 0 fetches the seeds only.
        max_pages: the most pages of this crawl; None for no limit.
        per_host: the most requests under way at one origin.
        delay_ms: the least time between two requests' starts at one origin; None for the polite default.
        obey_robots: whether robots.txt decides.
        follow_links: whether links are followed at all.
        max_attempts: how often a page is tried before its message becomes a dead letter.
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
    max_attempts: int = 4

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
            _compiled(pattern)
        return self


class Verdict(msgspec.Struct, frozen=True):
    """The fate of a link: ``reason`` is None when it is to be followed, else why not and by which rule."""

    reason: SkipReason | None
    rule: str = ""


FOLLOW = Verdict(None)


class CrawlScope:
    """Decides what becomes of links under one configuration.

    Args:
        config: the crawl's configuration.
        roots: the canonical URLs that span the scope: the seeds, and where they redirected to.
    """

    def __init__(self, config: CrawlConfig, roots: tuple[str, ...]) -> None:
        self.config = config
        self.roots = roots
        self._hosts = frozenset(urls.host_of(url) for url in roots)
        self._prefixes = tuple(_folder(url) for url in roots)
        self._domains = tuple({_bare_host(url) for url in roots})
        self._exclude = tuple((pattern, _compiled(pattern)) for pattern in config.exclude)
        self._include = tuple((pattern, _compiled(pattern)) for pattern in config.include)

    def decide(self, url: str) -> Verdict:
        """Return the verdict on a canonical *url*: scope, then exclude, then include.

        Depth and page limits are not here: they depend on the state of the crawl, so the storing transaction enforces
        them.
        """
        if len(url) > urls.MAX_URL_LENGTH:
            return Verdict(SkipReason.TOO_LONG, f"longer than {urls.MAX_URL_LENGTH} characters")
        if not self._in_scope(url):
            return Verdict(SkipReason.SCOPE, self.config.scope)
        for pattern, compiled in self._exclude:
            if compiled.search(url):
                return Verdict(SkipReason.EXCLUDED, pattern)
        if self._include and not any(compiled.search(url) for _, compiled in self._include):
            return Verdict(SkipReason.NOT_INCLUDED, ", ".join(pattern for pattern, _ in self._include))
        return FOLLOW

    def _in_scope(self, url: str) -> bool:
        match self.config.scope:
            case "host":
                return urls.host_of(url) in self._hosts
            case "prefix":
                return _without_scheme(url).startswith(self._prefixes)
            case _:
                host = _bare_host(url)
                return any(host == domain or host.endswith("." + domain) for domain in self._domains)


def _without_scheme(url: str) -> str:
    return url[url.index("//") + 2 :]


def _folder(url: str) -> str:
    path = _without_scheme(url).partition("?")[0]
    return path[: path.rindex("/") + 1]


def _bare_host(url: str) -> str:
    return urls.host_of(url).removeprefix("www.")


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a rule. Plain words match anywhere in the URL; ``*`` is any text and ``?`` any one character."""
    if not pattern or pattern == "re:":
        raise UsageError("An include or exclude rule is empty.")
    if pattern.startswith("re:"):
        try:
            return re.compile(pattern[3:])
        except re.error as error:
            raise UsageError(f"The rule “{pattern}” is not a valid regular expression: {error}.") from error
    translated = "".join({"*": ".*", "?": "."}.get(character) or re.escape(character) for character in pattern)
    return re.compile(translated)
