"""The configuration of a crawl in plain words, for people who never saw the settings."""

from collections.abc import Sequence

import msgspec

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.identity import TRACKING_PARAMETERS

_SCOPES = {
    "host": "the same host as the start",
    "prefix": "the folders of the start and what lies below them",
    "domain": "every host of the start's domain",
}
_NAMED = 4


class SetupLine(msgspec.Struct, frozen=True):
    """A line: *name* is what it is about, *value* how it is."""

    name: str
    value: str


class SetupPart(msgspec.Struct, frozen=True):
    """Lines that belong together, under a title."""

    title: str
    lines: tuple[SetupLine, ...]


def in_words(config: CrawlConfig) -> tuple[SetupPart, ...]:
    """Return what a crawl was asked to do; its rules have the numbers that skips name them by."""
    start = tuple(SetupLine("Start" if number == 0 else "", seed) for number, seed in enumerate(config.seeds))
    if config.aliases:
        start += (SetupLine("Same site as", ", ".join(config.aliases)),)
    rules = [SetupLine(f"Exclude {number}", pattern) for number, pattern in enumerate(config.exclude, 1)]
    rules += [SetupLine(f"Include {number}", pattern) for number, pattern in enumerate(config.include, 1)]
    if not rules:
        rules = [SetupLine("Rules", "none: everything in reach is collected")]
    elif not config.include:
        rules.append(SetupLine("Include", "everything else in reach"))
    return (
        SetupPart("From where", start),
        SetupPart(
            "How far",
            (
                SetupLine("Reach", _SCOPES.get(config.scope, config.scope)),
                SetupLine("Depth", _depth(config)),
                SetupLine("Pages", "no limit" if config.max_pages is None else f"at most {config.max_pages:,}"),
                SetupLine("Sitemaps", "read where the site has them" if config.sitemaps else "not read"),
            ),
        ),
        SetupPart("Rules", tuple(rules)),
        SetupPart(
            "Manners",
            (
                SetupLine("robots.txt", "obeyed" if config.obey_robots else "not asked"),
                SetupLine("Pace", _pace(config.delay_ms)),
                SetupLine(
                    "At once", f"{config.per_host} request{'' if config.per_host == 1 else 's'} to one host at most"
                ),
                SetupLine("Tries", "one" if config.max_attempts == 1 else f"up to {config.max_attempts} of each page"),
                SetupLine("Tracking", _tracking(config.tracking_parameters)),
            ),
        ),
    )


def _depth(config: CrawlConfig) -> str:
    if not config.follow_links or config.max_depth == 0:
        return "only the start itself"
    return f"up to {config.max_depth} link{'' if config.max_depth == 1 else 's'} from the start"


def _pace(delay_ms: int | None) -> str:
    if delay_ms is None:
        return "as the settings say, slower where the site asks for it"
    if delay_ms == 0:
        return "as fast as the site answers"
    return f"one request every {delay_ms / 1000:g} s at one host"


def _tracking(parameters: Sequence[str]) -> str:
    if not parameters:
        return "addresses are taken as they are"
    named = ", ".join(parameters[:_NAMED])
    more = len(parameters) - _NAMED
    usual = " (the usual ones)" if tuple(parameters) == tuple(TRACKING_PARAMETERS) else ""
    return f"{named}{f' and {more} more' if more > 0 else ''} dropped from addresses{usual}"
