"""What a person asks for when they start a crawl, and the configuration that it means."""

import msgspec
from msgspec import UNSET, UnsetType

from quaero_desktop.domain import urls
from quaero_desktop.domain.crawl import CrawlConfig, ScopeKind
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.identity import Identity, alias_origin
from quaero_desktop.domain.sources import Source
from quaero_desktop.domain.text import storable
from quaero_desktop.infra.settings.sections import Settings


class CrawlRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asks for when they start a crawl; None takes the setting.

    Attributes:
        urls: web addresses as typed; https:// is added where the scheme is missing. Empty for where the source begins.
        depth: the most links to follow from them.
        max_pages: the most pages; None for no limit. What is not set is left to the source.
        source_id: the source to collect for, whose rules hold where nothing else is said; None makes one for each
            origin.
        scope: how far it goes: host, prefix or domain.
        include, exclude: rules in plain words; see :mod:`quaero_desktop.domain.rules`. Empty: no rules, whatever the
            source says.
        per_host: the most requests under way at one host.
        delay_seconds: between two requests' starts at one host; 0 for none.
        obey_robots: whether robots.txt decides.
        name: what the job is called; None for the hosts.
        aliases: web addresses of sites that are the same as the first URL's, by another name or scheme.
    """

    urls: tuple[str, ...]
    depth: int | None = None
    max_pages: int | UnsetType | None = UNSET
    source_id: int | None = None
    scope: ScopeKind | None = None
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] | None = None
    per_host: int | None = None
    delay_seconds: float | None = None
    obey_robots: bool | None = None
    name: str | None = None
    aliases: tuple[str, ...] = ()


def crawl_config(request: CrawlRequest, settings: Settings) -> CrawlConfig:
    """Return the configuration that *request* means under *settings*.

    Raises:
        UsageError: naming what makes no sense.
    """
    crawl = settings.crawl
    delay = request.delay_seconds
    if delay is not None and not 0 <= delay <= 86_400:
        raise UsageError(f"delay is {delay:g} seconds; it must be between 0 and 86400.")
    max_pages = None if request.max_pages is UNSET else request.max_pages
    if max_pages is not None and max_pages < 1:
        raise UsageError(f"max-pages is {max_pages}; 1 is the least.")
    include, exclude = request.include or (), request.exclude or ()
    check_rules(*include, *exclude)
    seeds = tuple(urls.seed(text) for text in request.urls)
    aliases = tuple(dict.fromkeys(alias_origin(text) for text in request.aliases))
    if seeds:
        identity = Identity(urls.origin_of(seeds[0]), aliases, crawl.tracking_parameters)
        seeds = tuple(dict.fromkeys(identity.of(url) for url in seeds))
    return CrawlConfig(
        seeds=seeds,
        scope=request.scope or crawl.scope,
        include=include,
        exclude=exclude,
        max_depth=crawl.max_depth if request.depth is None else request.depth,
        max_pages=max_pages,
        per_host=crawl.per_host if request.per_host is None else request.per_host,
        delay_ms=None if delay is None else round(delay * 1000),
        obey_robots=crawl.obey_robots if request.obey_robots is None else request.obey_robots,
        max_attempts=settings.queue.max_attempts,
        aliases=aliases,
        tracking_parameters=crawl.tracking_parameters,
    ).checked()


def with_rules_of(source: Source, request: CrawlRequest) -> CrawlRequest:
    """Return *request* with the rules of the source that it collects for, where it says nothing itself."""
    rules = source.rules
    delay = None if rules.delay_ms is None else rules.delay_ms / 1000
    return msgspec.structs.replace(
        request,
        urls=request.urls or (source.start_url,),
        depth=rules.depth if request.depth is None else request.depth,
        max_pages=rules.max_pages if request.max_pages is UNSET else request.max_pages,
        scope=request.scope or rules.scope,
        include=rules.include if request.include is None else request.include,
        exclude=rules.exclude if request.exclude is None else request.exclude,
        per_host=rules.per_host if request.per_host is None else request.per_host,
        delay_seconds=delay if request.delay_seconds is None else request.delay_seconds,
        obey_robots=rules.obey_robots if request.obey_robots is None else request.obey_robots,
        name=request.name or (None if request.urls else source.name),
    )


def check_rules(*patterns: str) -> None:
    """Refuse include and exclude rules that hold what is no text.

    Raises:
        UsageError: one does.
    """
    for pattern in patterns:
        if storable(pattern) != pattern:
            raise UsageError("An include or exclude rule holds what is no text.")
