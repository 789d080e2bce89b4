"""What the product makes of the markdown of a document that comes: its title, outline, language and search text."""

import asyncio
from concurrent.futures import wait

from quaero_desktop.content import extract
from quaero_desktop.content.runner import ParseRunner
from quaero_desktop.domain.pages import PageInput, ParseResult
from quaero_desktop.storage.errand import Errand

_LARGE_BYTES = 100_000
"""A document of this size takes 15 ms."""
_SECONDS = 300.0
"""A document of 20 MB takes 4 s where nothing else runs. Nobody asks a server meanwhile, so there is no hurry."""
_LOOK_SECONDS = 0.1


class Extraction:
    """Extracts documents for the thread of an import: a large one in a process of its own.

    On that thread it would hold Python's lock, and so the window and a crawl: for 4 s when it has 20 MB. A process for
    the small ones too would cost more than they do.

    Args:
        loop: that of the library.
        memory_mb: how much memory the process may take. It is made for the first large document.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, memory_mb: int) -> None:
        self._loop = loop
        self._memory_bytes = memory_mb * 1024 * 1024
        self._runner: ParseRunner | None = None

    def page(self, work: Errand, url: str, markdown: str) -> ParseResult:
        """Return what is in *markdown*, or why that cannot be told; not on the event loop.

        Args:
            work: the errand that this is part of; when nobody waits for it any more, nothing is waited for here.
            url: the document's address.
            markdown: all of it.

        Raises:
            concurrent.futures.CancelledError: the errand was stopped.
        """
        page = PageInput(url=url, body=markdown.encode(), content_type="text/markdown", charset="utf-8")
        if len(page.body) < _LARGE_BYTES:
            return extract.parse(page)
        asked = asyncio.run_coroutine_threadsafe(self._in_a_process(page), self._loop)
        while not wait([asked], _LOOK_SECONDS).done:
            if work.stopped:
                asked.cancel()
        return asked.result()

    async def _in_a_process(self, page: PageInput) -> ParseResult:
        if self._runner is None:
            self._runner = ParseRunner(processes=1, timeout=_SECONDS, memory_bytes=self._memory_bytes)
        return await self._runner.parse(page)

    async def aclose(self) -> None:
        """End the process, if there is one."""
        if self._runner is not None:
            await self._runner.aclose()
