"""The executor of ``reindex``: the full-text index is checked, mended where it is damaged, and tidied up."""

import asyncio

from quaero_desktop.domain.jobs import JobRef
from quaero_desktop.domain.outcomes import Outcome, Recorded
from quaero_desktop.domain.ports import MaterialPort
from quaero_desktop.engine.roots import RootContext

_MOST_MERGES = 100_000
"""Others add to the index meanwhile: an end must come even so."""


class Reindexer:
    """Keeps the full-text index sound and small, a little at a time, so that pages are stored meanwhile.

    Args:
        material: the index.
    """

    def __init__(self, material: MaterialPort) -> None:
        self._material = material

    async def run(self, job: JobRef, root: RootContext) -> Outcome:
        """Perform *job*; see :class:`quaero_desktop.engine.executors.registry.Executor`."""
        if not await self._material.search_index_is_sound():
            await self._material.rebuild_search_index()
            return Recorded(
                result={"rebuilt": True},
                message="The full-text index was damaged; it was built anew from the documents",
                level="warn",
            )
        merges = 0
        while await self._material.merge_search_index(begin=merges == 0) and merges < _MOST_MERGES:
            merges += 1
            await asyncio.sleep(0)
        return Recorded(result={"rebuilt": False}, message="The full-text index is sound and tidied up")
