"""Sources: the sites that are collected."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from quaero_desktop.domain.sources import NewSource, Source, SourceDeletion
from quaero_desktop.infra.tasks import to_the_end
from quaero_desktop.storage import sources
from quaero_desktop.storage.database import Database

if TYPE_CHECKING:
    from quaero_desktop.services.engine import Engine
    from quaero_desktop.services.later import LaterEngine


class SourceService:
    """Everything that can be done with sources.

    Args:
        database: the open library.
        engine: what runs jobs in this process, if anything does.
    """

    def __init__(self, database: Database, engine: "Engine | LaterEngine | None") -> None:
        self._database = database
        self._engine = engine

    async def list(self) -> tuple[Source, ...]:
        """Return all sources by name, those that people made before those that crawls made."""
        return await self._database.read(sources.every)

    async def get(self, source_id: int) -> Source:
        """Return one.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.read(lambda connection: sources.get(connection, source_id))

    async def add(self, new: NewSource) -> int:
        """Add a source and return its id.

        Raises:
            FieldError: naming the field that makes no sense.
        """
        checked = new.checked()
        return await self._database.write(lambda tx: sources.add(tx, checked))

    async def update(self, source_id: int, new: NewSource) -> None:
        """Put *new* in the place of a source. Crawls that exist keep the rules they were started with.

        Raises:
            NotFoundError: there is none of that id.
            NotAllowedError: another address for one that a crawl made.
            FieldError: naming the field that makes no sense.
        """
        checked = new.checked()
        await to_the_end(self._update(source_id, checked))

    async def plan_deletion(self, source_id: int) -> SourceDeletion:
        """Return what the deletion of a source means.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.read(lambda connection: sources.plan_deletion(connection, source_id))

    async def delete(
        self, source_id: int, *, documents: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> SourceDeletion:
        """Delete a source; its jobs stay, without a source. Deleting what is gone is no success here: it has no name.

        Args:
            source_id: which.
            documents: delete what it has collected as well, part by part; else a source with documents stays.
            progress: told how many documents are deleted, and of how many.

        Returns:
            What went.

        Raises:
            NotFoundError: there is none.
            NotAllowedError: it has documents, jobs that have not ended, or definitions that collect for it.
        """
        plan = await self._database.read(
            lambda connection: sources.check_deletable(connection, source_id, documents=documents)
        )
        left = plan.documents
        while left:
            left = await self._database.write(lambda tx: sources.delete_documents(tx, source_id))
            if progress is not None:
                progress(max(plan.documents - left, 0), plan.documents)
        await to_the_end(self._delete(source_id))
        return plan

    async def _update(self, source_id: int, new: NewSource) -> None:
        await self._database.write(lambda tx: sources.change(tx, source_id, new))
        if self._engine is not None:
            await self._engine.credentials_changed()

    async def _delete(self, source_id: int) -> None:
        await self._database.write(lambda tx: sources.delete(tx, source_id))
        if self._engine is not None:
            await self._engine.credentials_changed()
