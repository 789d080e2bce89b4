"""The roots that are running: the configuration and scope of each step, kept while its pages pass through."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from quaero_desktop.domain.crawl import CrawlConfig, CrawlScope
from quaero_desktop.domain.credentials import Credential
from quaero_desktop.domain.definitions import NO_STEP, Action
from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.ports import LedgerPort
from quaero_desktop.domain.urls import host_of
from quaero_desktop.engine.traps import Traps


class RootContext:
    """What the executors of the jobs of one step of a root share; a plain crawl has one.

    Attributes:
        id: the root job.
        config: the step's stored configuration.
        scope: decides what becomes of links.
        traps: watches for pages without an end.
        step: which step of the root's run this is; 0 for a plain crawl, and before the steps.
        action: what the step does.
        options: of the action.
        source_id: the source that the step collects for; None makes one for each origin.
        credential: what the site of that source asks for.
    """

    def __init__(
        self,
        root_id: int,
        config: CrawlConfig,
        scope_roots: tuple[str, ...],
        *,
        step: int = NO_STEP,
        action: str = Action.CRAWL,
        options: dict[str, Any] | None = None,
        source_id: int | None = None,
        credential: Credential | None = None,
    ) -> None:
        self.id = root_id
        self.step = step
        self.action = action
        self.options = options or {}
        self.source_id = source_id
        self.credential = credential
        self.config = config
        self.scope = CrawlScope(config, scope_roots)
        self.traps = Traps()
        # The person's own seeds only: what they redirect to belongs to the scope as well.
        self._seeds = {host_of(url): url for url in config.seeds}
        self._private: dict[str, bool] = {}
        self._aliases: dict[str, str] = {}
        self._redirects: set[str] = set()

    def note_redirect(self, url: str) -> None:
        """Note that nothing is stored at *url*: it redirects."""
        self._redirects.add(url)

    def fold(self, url: str, canonical: str) -> bool:
        """Note that the page at *url* is stored as *canonical*, which it names as its address.

        Returns:
            False when nothing will be stored there either, because that page redirects or named yet another one. Then
            this one must be stored as itself: of pages that name each other in a circle, one remains.
        """
        if canonical in self._aliases or canonical in self._redirects:
            return False
        self._aliases[url] = canonical
        return True

    def is_folded(self, url: str, canonical: str) -> bool:
        """Return whether the page at *url* is stored as *canonical*."""
        return self._aliases.get(url) == canonical

    async def allows_private(self, url: str, is_private: Callable[[str], Awaitable[bool | None]]) -> bool:
        """Return whether *url* may be at a private address: only what a seed at such an address stands for.

        A public site must not lead the crawl into the person's own network, by a link, by a redirect, or by a name that
        means something else later. So the kind of a seed is decided once, when it is first known.

        Args:
            url: a page of this root.
            is_private: whether a URL's host has an address that is not public; None when nobody knows now.
        """
        host = host_of(url)
        if host in self._seeds:
            return await self._is_private(host, is_private)
        for seed in self._seeds:
            if not await self._is_private(seed, is_private):
                return False
        return True

    async def _is_private(self, host: str, is_private: Callable[[str], Awaitable[bool | None]]) -> bool:
        if host not in self._private:
            private = await is_private(self._seeds[host])
            if private is None:
                return False
            self._private.setdefault(host, private)
        return self._private[host]

    def change(self, config: CrawlConfig) -> None:
        """Go on under another configuration of the same crawl; what was learnt of its pages stays."""
        self.config = config
        self.scope = CrawlScope(config, self.scope.roots)

    def widen(self, url: str) -> None:
        """Let the scope span *url* too: where a seed redirects to is what the person meant."""
        if url not in self.scope.roots:
            self.scope = CrawlScope(self.config, (*self.scope.roots, url))


class Roots:
    """Reads the context of each step of a root once, when its first job comes up."""

    def __init__(self, ledger: LedgerPort) -> None:
        self._ledger = ledger
        self._contexts: dict[int, dict[int, RootContext]] = {}

    async def get(self, root_id: int, step: int = NO_STEP) -> RootContext:
        """Return the context of a step of a root.

        Raises:
            NotFoundError: the root is gone.
        """
        context = self._contexts.get(root_id, {}).get(step)
        if context is None:
            plan = await self._ledger.plan(root_id, step)
            made = RootContext(
                plan.id,
                plan.config,
                plan.scope_roots,
                step=plan.step,
                action=plan.action,
                options=plan.options,
                source_id=plan.source_id,
                credential=plan.credential,
            )
            context = self._contexts.setdefault(root_id, {}).setdefault(step, made)
        return context

    async def reload(self, root_id: int) -> None:
        """Read the configuration of a root anew, after it changed."""
        for step, context in list(self._contexts.get(root_id, {}).items()):
            plan = await self._ledger.plan(root_id, step)
            context.change(plan.config)

    async def renew_credentials(self) -> None:
        """Read anew what the sites of the roots ask for, after a source or a credential changed."""
        for steps in list(self._contexts.values()):
            for context in list(steps.values()):
                with contextlib.suppress(NotFoundError):
                    context.credential = (await self._ledger.plan(context.id, context.step)).credential

    def forget(self, root_id: int) -> None:
        """Drop a root that ended."""
        self._contexts.pop(root_id, None)
