"""Definitions: make, change, run and delete them, read and write them as files, say when they come next (J3, J4)."""

from collections.abc import Callable
from datetime import tzinfo
from itertools import islice
from typing import TYPE_CHECKING

from quaero_desktop.domain import definitionfile
from quaero_desktop.domain import schedule as schedules
from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitionfile import Names
from quaero_desktop.domain.definitions import Definition, StoredDefinition
from quaero_desktop.domain.errors import FieldError
from quaero_desktop.infra.clock import Clock, local_zone
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.infra.tasks import to_the_end
from quaero_desktop.storage.database import Database
from quaero_desktop.storage.definitions import Definitions
from quaero_desktop.storage.definitions import DeletedDefinition as DeletedDefinition  # part of what is said here
from quaero_desktop.storage.ledger import Ledger
from quaero_desktop.storage.schedules import Schedules

if TYPE_CHECKING:
    from quaero_desktop.services.engine import Engine
    from quaero_desktop.services.later import LaterEngine

Moments = list[int]
"""In milliseconds UTC, the first one first."""


def crawl_defaults(settings: Settings) -> CrawlConfig:
    """Return what a crawl starts with where neither a step nor its source says anything."""
    crawl = settings.crawl
    return CrawlConfig(
        seeds=(),
        scope=crawl.scope,
        max_depth=crawl.max_depth,
        per_host=crawl.per_host,
        obey_robots=crawl.obey_robots,
        max_attempts=settings.queue.max_attempts,
        tracking_parameters=crawl.tracking_parameters,
    )


class DefinitionService:
    """Everything that can be done with definitions.

    Args:
        database: the open library.
        ledger: starts their runs.
        settings: what their crawls start with.
        clock: time.
        engine: what runs the jobs in this process, if anything does.
        zone: whose times of day schedules mean, of now.

    Attributes:
        stored: the definitions of the library.
        schedules: those that run by themselves, as the scheduler sees them.
    """

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        settings: Settings,
        clock: Clock,
        engine: "Engine | LaterEngine | None",
        zone: Callable[[], tzinfo] = local_zone,
    ) -> None:
        self.stored = Definitions(database)
        self.schedules = Schedules(database, ledger)
        self._ledger = ledger
        self._defaults = crawl_defaults(settings)
        self._clock = clock
        self._engine = engine
        self._zone = zone

    def apply(self, settings: Settings) -> None:
        """Let runs that are started from now on begin with other settings."""
        self._defaults = crawl_defaults(settings)

    async def list(self) -> tuple[StoredDefinition, ...]:
        """Return all definitions by name."""
        return await self.stored.all()

    async def get(self, definition_id: int) -> StoredDefinition:
        """Return one definition.

        Raises:
            NotFoundError: there is none.
        """
        return await self.stored.get(definition_id)

    async def runs(self, definition_id: int, limit: int = 5) -> tuple[int, ...]:
        """Return the root jobs of a definition's runs, the newest first, at most *limit*."""
        return await self.stored.runs(definition_id, limit)

    async def names(self) -> Names:
        """Return what the sources and the definitions of the library are called."""
        sources, definitions = await self.stored.named()
        return Names(sources=sources, definitions=definitions)

    async def check(self, definition: Definition, definition_id: int | None = None) -> None:
        """Raise what :meth:`save` would raise."""
        await self.stored.check(definition, definition_id, self._defaults)

    async def save(self, definition: Definition, definition_id: int | None = None) -> int:
        """Store a new definition, or put it in the place of another one; return its id.

        Runs that are under way go on with what they were started with.

        Args:
            definition: what is to be stored.
            definition_id: which one it replaces; None for a new one.

        Raises:
            NotFoundError: there is none of that id.
            FieldError: something in it makes no sense, does not exist, or closes a circle; it names the field.
        """
        return await to_the_end(self._save(definition, definition_id))

    async def delete(self, definition_id: int) -> DeletedDefinition | None:
        """Delete a definition; its jobs stay. Deleting what is gone is a success.

        Returns:
            What :meth:`restore` brings back; None when there was nothing.

        Raises:
            NotAllowedError: others run it before or after; it says which.
        """
        return await to_the_end(self._delete(definition_id))

    async def restore(self, deleted: DeletedDefinition) -> None:
        """Bring back what was deleted, with its number and its jobs.

        Raises:
            FieldError: its name was taken since, or what it names is gone.
        """
        await to_the_end(self._restore(deleted))

    async def enable(self, definition_id: int, on: bool) -> None:
        """Say whether a definition may run at all. What its schedule missed while it was off is not made up for.

        Raises:
            NotFoundError: there is none.
        """
        await to_the_end(self._enable(definition_id, on))

    async def pause_schedule(self, definition_id: int, paused: bool) -> None:
        """Say whether a schedule rests; the definition can be run by hand meanwhile.

        Raises:
            NotFoundError: there is no such definition.
        """
        await to_the_end(self._pause(definition_id, paused))

    async def run(self, definition_id: int) -> int:
        """Start a run of a definition and return the id of its root job (J3). It runs when an engine runs.

        Raises:
            NotFoundError: there is no such definition.
            NotAllowedError: a run of it has not ended, or it is switched off.
            FieldError: something in it makes no sense any more.
        """
        return await to_the_end(self._run(definition_id))

    # Files.

    async def from_toml(self, text: str) -> Definition:
        """Return the definition that a file describes, checked but for whether its name is free.

        Sources and other definitions may stand there by name or by number.

        Raises:
            FieldError: something in it makes no sense; it tells the line.
        """
        definition = definitionfile.parse(text, await self.names())
        try:
            await self.check(definition, await self._of_name(definition.name))
        except FieldError as error:
            raise definitionfile.located(error, text) from error
        return definition

    async def add_toml(self, text: str, *, replace: bool = False) -> int:
        """Store the definition that a file describes; return its id.

        Args:
            text: the file.
            replace: whether it may take the place of the one of that name.

        Raises:
            FieldError: something in it makes no sense; it tells the line.
        """
        definition = definitionfile.parse(text, await self.names())
        try:
            return await self.save(definition, await self._of_name(definition.name) if replace else None)
        except FieldError as error:
            raise definitionfile.located(error, text) from error

    async def to_toml(self, definition_id: int) -> str:
        """Return a definition as a file.

        Raises:
            NotFoundError: there is none.
        """
        definition = (await self.get(definition_id)).definition
        return definitionfile.render(definition, await self.names())

    async def _of_name(self, name: str) -> int | None:
        known = (await self.names()).definitions
        return next((key for key, each in known.items() if each.casefold() == name.casefold()), None)

    # Schedules.

    def upcoming(self, schedule: str, n: int = 3) -> Moments:
        """Return the next *n* moments of a schedule, in milliseconds UTC; fewer when there are no more.

        Raises:
            FieldError: it is no schedule.
        """
        return [*islice(schedules.upcoming(schedule, self._clock.now_ms(), self._zone()), n)]

    def in_words(self, schedule: str) -> str:
        """Return a schedule as a person would say it, like ``every day at 03:00``.

        Raises:
            FieldError: it is no schedule.
        """
        return schedules.in_words(schedule)

    def next_runs(self, stored: StoredDefinition, n: int = 3) -> Moments:
        """Return when a definition will run next by its schedule: never while that rests, or is none."""
        if not stored.definition.enabled or stored.schedule_paused:
            return []
        try:
            return self.upcoming(stored.definition.schedule, n)
        except FieldError:
            return []

    # What is committed must reach the engine, also when the caller is cancelled in between.

    async def _save(self, definition: Definition, definition_id: int | None) -> int:
        saved = await self.stored.save(definition, definition_id, self._defaults)
        self._changed()
        return saved

    async def _delete(self, definition_id: int) -> DeletedDefinition | None:
        deleted = await self.stored.delete(definition_id)
        self._changed()
        return deleted

    async def _restore(self, deleted: DeletedDefinition) -> None:
        await self.stored.restore(deleted)
        self._changed()

    async def _enable(self, definition_id: int, on: bool) -> None:
        await self.stored.enable(definition_id, on)
        self._changed()

    async def _pause(self, definition_id: int, paused: bool) -> None:
        await self.stored.pause_schedule(definition_id, paused)
        self._changed()

    async def _run(self, definition_id: int) -> int:
        job_id = await self._ledger.start_run(definition_id, self._defaults)
        if self._engine is not None:
            self._engine.queued()
        return job_id

    def _changed(self) -> None:
        if self._engine is not None:
            self._engine.definitions_changed()
