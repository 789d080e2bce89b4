"""What the product makes of the markdown of a document that comes: its title, outline, language and search text."""

import asyncio

from quaero_desktop.content import extract
from quaero_desktop.content.runner import ParseRunner
from quaero_desktop.domain.pages import PageInput, ParseResult
from quaero_desktop.infra.settings.sections import ParseSettings

_LARGE_BYTES = 100_000
"""A document of this size takes 15 ms."""


class Extraction:
    """Extracts documents for the thread of an import: a large one in a process of its own.

    On that thread it would hold Python's lock, and so the window and a crawl: for 4 s when it has 20 MB. A process for
    the small ones too would cost more than they do.

    Args:
        loop: that of the library.
        limits: of the process, which is made for the first large document.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: ParseSettings) -> None:
        self._loop = loop
        self._limits = limits
        self._runner: ParseRunner | None = None

    def page(self, url: str, markdown: str) -> ParseResult:
        """Return what is in *markdown*, or why that cannot be told; not on the event loop."""
        page = PageInput(url=url, body=markdown.encode(), content_type="text/markdown", charset="utf-8")
        if len(page.body) < _LARGE_BYTES:
            return extract.parse(page)
        return asyncio.run_coroutine_threadsafe(self._in_a_process(page), self._loop).result()

    async def _in_a_process(self, page: PageInput) -> ParseResult:
        if self._runner is None:
            self._runner = ParseRunner(
                processes=1,
                timeout=self._limits.timeout_seconds,
                memory_bytes=self._limits.memory_mb * 1024 * 1024,
            )
        return await self._runner.parse(page)

    async def aclose(self) -> None:
        """End the process, if there is one."""
        if self._runner is not None:
            await self._runner.aclose()
