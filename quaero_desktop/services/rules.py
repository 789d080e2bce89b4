"""The rule checker: what would become of a URL, and why, said by the very function that crawling asks."""

import re
from typing import Literal

import msgspec

from quaero_desktop.domain import urls
from quaero_desktop.domain.crawl import CrawlScope, Verdict
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.jobs import SkipReason
from quaero_desktop.infra.redact import redact
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.services.crawlrequest import CrawlRequest, crawl_config

_OTHER_SCHEME = re.compile(r"\s*(?!https?:)[A-Za-z][A-Za-z0-9+.-]*:", re.IGNORECASE)
_NOT_COLLECTED = Verdict(SkipReason.SCHEME, "only http and https are collected")


class RuleCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of a URL as far as scope and rules decide: robots.txt, depth and page limits come on top.

    Attributes:
        url: what was asked about, without a secret.
        canonical: the URL under which the crawl knows that page; None when it is no http(s) URL.
        verdict: whether the crawl would follow a link to it.
        reason: why not; None when it would.
        rule: the rule that said so; empty when it would.
    """

    url: str
    canonical: str | None
    verdict: Literal["followed", "skipped"]
    reason: SkipReason | None
    rule: str

    @property
    def sentence(self) -> str:
        """The verdict for a person, like ``excluded by rule 2: */old/*``."""
        return Verdict(self.reason, self.rule).sentence


def scope_of(request: CrawlRequest, settings: Settings) -> CrawlScope:
    """Return what would decide about the links of a crawl that *request* asks for.

    Raises:
        UsageError: naming what makes no sense.
    """
    config = crawl_config(request, settings)
    return CrawlScope(config, config.seeds)


def check(scope: CrawlScope, text: str) -> RuleCheck:
    """Return what would become of a link.

    Args:
        scope: of the crawl.
        text: a web address as typed, or the path of one at the crawl's first seed.

    Raises:
        UsageError: *text* is no address of any kind.
    """
    canonical = _canonical(scope, text)
    if canonical is None:
        verdict = _NOT_COLLECTED
    else:
        canonical = scope.identity(canonical)
        verdict = scope.decide(canonical)
    return RuleCheck(
        url=redact(text.strip()),
        canonical=canonical,
        verdict="followed" if verdict.reason is None else "skipped",
        reason=verdict.reason,
        rule=verdict.rule,
    )


def _canonical(scope: CrawlScope, text: str) -> str | None:
    if text.startswith("/") and not text.startswith("//") and scope.roots:
        return urls.join(scope.roots[0], text)
    try:
        # A longer address than can be a seed may well be a link.
        return urls.identity(text) or urls.seed(text)
    except UsageError:
        if _OTHER_SCHEME.match(text):
            return None
        raise
