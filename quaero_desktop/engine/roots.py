"""The roots that are running: their configuration and scope, kept while their pages pass through."""

from quaero_desktop.domain.crawl import CrawlConfig, CrawlScope
from quaero_desktop.domain.ports import LedgerPort


class RootContext:
    """What the executors of one root's jobs share.

    Attributes:
        id: the root job.
        config: its stored configuration.
        scope: decides what becomes of links.
    """

    def __init__(self, root_id: int, config: CrawlConfig, scope_roots: tuple[str, ...]) -> None:
        self.id = root_id
        self.config = config
        self.scope = CrawlScope(config, scope_roots)

    def widen(self, url: str) -> None:
        """Let the scope span *url* too: where a seed redirects to is what the person meant."""
        if url not in self.scope.roots:
            self.scope = CrawlScope(self.config, (*self.scope.roots, url))


class Roots:
    """Reads the context of a root once, when its first job comes up."""

    def __init__(self, ledger: LedgerPort) -> None:
        self._ledger = ledger
        self._contexts: dict[int, RootContext] = {}

    async def get(self, root_id: int) -> RootContext:
        """Return the context of a root.

        Raises:
            NotFoundError: the root is gone.
        """
        context = self._contexts.get(root_id)
        if context is None:
            plan = await self._ledger.plan(root_id)
            context = self._contexts.setdefault(root_id, RootContext(plan.id, plan.config, plan.scope_roots))
        return context

    def forget(self, root_id: int) -> None:
        """Drop a root that ended or whose configuration changed."""
        self._contexts.pop(root_id, None)
