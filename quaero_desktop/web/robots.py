"""robots.txt, by RFC 9309."""

import asyncio
import contextlib
import functools
import re
from collections import OrderedDict

from protego import Protego

from quaero_desktop.domain import urls
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.pages import Fetched, FetchFailed, Redirected
from quaero_desktop.infra.clock import Clock
from quaero_desktop.web.fetcher import Fetcher

MAX_BYTES = 500 * 1024
"""What is read of a robots.txt (RFC 9309, 2.5); the rest is ignored."""
MAX_REDIRECTS = 5
"""How many redirects are followed, to whatever host (RFC 9309, 2.3.1.2)."""
KEEP_MS = 24 * 3600 * 1000
"""How long rules are believed (RFC 9309, 2.4)."""

_MAX_KEPT = 256
_MAX_WILDCARD_RULES = 5_000
_MAX_NAMED_RULES = 1_000
_MAX_DENIED_KEPT = 2_000
_FIRST_RETRY_MS = 30_000
_LAST_RETRY_MS = 3_600_000
_MAX_CRAWL_DELAY_MS = KEEP_MS
_USER_AGENT_LINE = re.compile(r"user[ -]?agent\s*[:\s]\s*(.*)", re.IGNORECASE)
_Key = tuple[str, bool]
_SITEMAP_LINE = re.compile(r"site-?maps?\s*[:\s]", re.IGNORECASE)


class RobotsRules:
    """What one origin asks of us.

    Args:
        parsed: the rules; None to allow everything.
        agent: the product token that groups are chosen by.
        note: what a person should know about these rules: why there are none, or that some were ignored.
        trouble: what went wrong when they were asked for.
        unavailable: when to ask again, in milliseconds UTC, if the rules could not be read and everything is disallowed
            for now; else None.

    Attributes:
        note, trouble, unavailable: as given.
        crawl_delay_ms: the least time between two requests that the origin asks for, or None.
        sitemaps: canonical URLs of the sitemaps that it names.
    """

    def __init__(
        self,
        parsed: Protego | None,
        agent: str,
        *,
        origin: str = "",
        note: str = "",
        trouble: FetchFailed | None = None,
        unavailable: int | None = None,
    ) -> None:
        self.note = note
        self.trouble = trouble
        self.unavailable = unavailable
        self.crawl_delay_ms: int | None = None
        self.sitemaps: tuple[str, ...] = ()
        self._agent = agent
        self._denied: dict[str, str] = {}
        self._parsed: Protego | None = None
        if parsed is not None:
            delay = parsed.crawl_delay(agent)
            self.crawl_delay_ms = None if delay is None else round(min(delay * 1000, _MAX_CRAWL_DELAY_MS))
            joined = (urls.join(origin + "/", text) for text in parsed.sitemaps)
            self.sitemaps = tuple(dict.fromkeys(url for url in joined if url is not None))
            # Only rules can disallow: without one for us every link takes the short cut.
            if _rules_of(parsed, agent) != ():
                self._parsed = parsed

    def allows(self, url: str) -> tuple[bool, str]:
        """Return whether the canonical *url* of this origin may be fetched, and if not, by which rule."""
        if self.unavailable is not None:
            return False, self.note
        if self._parsed is None:
            return True, ""
        # The same few forbidden links stand on every page of a site.
        rule = self._denied.get(url)
        if rule is None:
            if self._parsed.can_fetch(url, self._agent):
                return True, ""
            rule = next((text for text, alone in self._disallowed if not alone.can_fetch(url, "*")), "robots.txt")
            if len(self._denied) >= _MAX_DENIED_KEPT:
                self._denied.clear()
            self._denied[url] = rule
        return False, rule

    @functools.cached_property
    def _disallowed(self) -> list[tuple[str, Protego]]:
        """Each of the first rules that disallow on its own, the strongest first: the first that matches is the one."""
        assert self._parsed is not None
        patterns = [pattern for field, pattern in _rules_of(self._parsed, self._agent) or () if field == "disallow"]
        return [
            (f"Disallow: {pattern}", Protego.parse(f"User-agent: *\nDisallow: {pattern}"))
            for pattern in patterns[:_MAX_NAMED_RULES]
        ]


def _rules_of(parsed: Protego, agent: str) -> tuple[tuple[str, str], ...] | None:
    """Return the (field, pattern) rules for *agent*, the strongest first; None when this Protego keeps them elsewhere.

    Protego has no public way to tell which rule decided.
    """
    with contextlib.suppress(AttributeError):
        group = parsed._get_matching_rule_set(agent)
        return () if group is None else tuple((rule.field, rule.value._pattern) for rule in group._rules)
    return None


def parse_rules(body: bytes, origin: str, agent: str) -> RobotsRules:
    """Return the rules of a robots.txt; of garbage, rules that allow everything and say so.

    Args:
        body: the file.
        origin: where it was asked for: ``scheme://host[:port]``.
        agent: our product token.
    """
    text, dropped = _for_agent(body[:MAX_BYTES].decode("utf-8-sig", "replace"), agent)
    note = f"robots.txt: {dropped} rules with wildcards were ignored, there are too many." if dropped else ""
    try:
        return RobotsRules(Protego.parse(text), agent, origin=origin, note=note)
    except Exception as error:  # garbage must not stop a crawl, whatever it does to the parser
        return RobotsRules(None, agent, note=f"robots.txt cannot be understood ({type(error).__name__}).")


def _for_agent(text: str, agent: str) -> tuple[str, int]:
    """Return the groups for *agent* and for everybody, and how many rules were dropped.

    Protego stores each rule once for each agent of its group: 16,000 agents with 15,000 rules, which fit into 500 KiB,
    would take gigabytes.
    """
    token = agent.lower()
    kept: list[str] = []
    wildcards = dropped = 0
    in_heading, ours = False, False
    for whole_line in text.splitlines():
        line = whole_line.partition("#")[0].strip()
        if heading := _USER_AGENT_LINE.fullmatch(line):
            ours = ours and in_heading
            in_heading = True
            name = heading[1].strip().lower()
            if name == "*" or token.startswith(name.replace("*", "") or "*"):
                ours = True
                kept.append(line)
        elif _SITEMAP_LINE.match(line):
            kept.append(line)
        elif line:
            in_heading = False
            if ours:
                wildcards += "*" in line
                if wildcards > _MAX_WILDCARD_RULES and "*" in line:
                    dropped += 1
                else:
                    kept.append(line)
    return "\n".join(kept), dropped


class Robots:
    """Asks each origin for its robots.txt once a day.

    Args:
        fetcher: fetches it.
        user_agent_token: our product token, as site owners write it after ``User-agent:``.
        clock: tells when rules are out of date.
    """

    def __init__(self, fetcher: Fetcher, user_agent_token: str, clock: Clock) -> None:
        self._fetcher = fetcher
        self._agent = user_agent_token
        self._clock = clock
        # By origin, and by whether it may have a private address: who may not must not learn what another read there.
        self._kept: OrderedDict[_Key, tuple[int, RobotsRules]] = OrderedDict()
        self._failures: dict[_Key, int] = {}
        self._locks: dict[_Key, asyncio.Lock] = {}

    @property
    def agent(self) -> str:
        """Our product token."""
        return self._agent

    async def rules(self, origin: str, *, allow_private: bool = True) -> RobotsRules:
        """Return the rules of an origin. Callers at the same time share one fetch.

        Whatever goes wrong is in the result: rules whose ``unavailable`` says when to ask again.

        Args:
            origin: ``scheme://host[:port]``.
            allow_private: see :meth:`quaero_desktop.web.fetcher.Fetcher.fetch`. Where that refuses there are no rules:
                it will refuse the page as well, and say why.
        """
        key = (origin, allow_private)
        if (rules := self._still_kept(key)) is not None:
            return rules
        # A lock and no task: when the one who fetches is cancelled, the next in line fetches.
        lock = self._locks.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                if (rules := self._still_kept(key)) is not None:
                    return rules
                rules = await self._fetched(key)
                self._keep(key, rules)
                return rules
        finally:
            if not lock.locked() and self._locks.get(key) is lock:
                del self._locks[key]

    def knows(self, origin: str, *, allow_private: bool = True) -> bool:
        """Return whether the rules of an origin are at hand, so that :meth:`rules` waits for nobody."""
        return self._still_kept((origin, allow_private)) is not None

    def ask_again(self) -> None:
        """Forget which origins did not answer: somebody who starts a crawl there may know that they do by now.

        Those that asked for time, by Retry-After, are given it.
        """
        for key, (_, rules) in tuple(self._kept.items()):
            if rules.trouble is not None and not rules.trouble.retry_after_ms:
                del self._kept[key]
                self._failures.pop(key, None)

    def _still_kept(self, key: _Key) -> RobotsRules | None:
        kept = self._kept.get(key)
        if kept is None or not kept[0] - KEEP_MS <= self._clock.now_ms() < kept[0]:
            return None
        self._kept.move_to_end(key)
        return kept[1]

    def _keep(self, key: _Key, rules: RobotsRules) -> None:
        until = rules.unavailable if rules.unavailable is not None else self._clock.now_ms() + KEEP_MS
        self._kept[key] = (until, rules)
        self._kept.move_to_end(key)
        if len(self._kept) > _MAX_KEPT:
            oldest, _ = self._kept.popitem(last=False)
            self._failures.pop(oldest, None)

    async def _fetched(self, key: _Key) -> RobotsRules:
        origin, allow_private = key
        url = f"{origin}/robots.txt"
        for _ in range(MAX_REDIRECTS + 1):
            match await self._fetcher.fetch(url, any_type=True, cut_at=MAX_BYTES, allow_private=allow_private):
                case Redirected(target=target):
                    url = target
                case Fetched(body=body):
                    self._failures.pop(key, None)
                    return parse_rules(body, origin, self._agent)
                case FetchFailed() as failed:
                    return self._without_rules(key, failed)
        return RobotsRules(None, self._agent, note="robots.txt redirects too often: there are no rules.")

    def _without_rules(self, key: _Key, failed: FetchFailed) -> RobotsRules:
        """Return what a failure means: no rules (the 4xx), or nothing for now (5xx, 429 and no answer)."""
        is_refusal = failed.status is not None and 400 <= failed.status <= 499 and failed.cause != Cause.RATE_LIMITED
        if is_refusal or failed.cause in (Cause.BAD_REDIRECT, Cause.ADDRESS_REFUSED):
            self._failures.pop(key, None)
            return RobotsRules(None, self._agent, note=f"There is no robots.txt: {failed.message}")
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        wait = max(min(_FIRST_RETRY_MS << min(failures, 20), _LAST_RETRY_MS), failed.retry_after_ms or 0)
        return RobotsRules(
            None,
            self._agent,
            note=f"robots.txt cannot be read for now: {failed.message}",
            trouble=failed,
            unavailable=self._clock.now_ms() + wait,
        )
