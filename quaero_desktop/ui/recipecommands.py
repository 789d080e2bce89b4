"""What the actions about definitions and sources do: each hands one thing to a service and says what came of it."""

import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog

from quaero_desktop.domain.definitions import Definition
from quaero_desktop.domain.errors import ExportError, KnownError, NotAllowedError, NotFoundError, UsageError
from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.domain.filenames import safe_name
from quaero_desktop.domain.sources import Source
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.ui.actions import ActionId, Selection
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.format import clean, count_of
from quaero_desktop.ui.notices import Notice
from quaero_desktop.ui.recipewords import as_new, waits_for_sign_in
from quaero_desktop.ui.window import MainWindow

if TYPE_CHECKING:
    from quaero_desktop.services.definitions import DeletedDefinition

_DELETE_SOURCES = "delete sources"
_SIGN_IN = "sign in"
_MOST_BYTES = 1_000_000
"""A definition that is larger is none."""


class RecipeCommands(QObject):
    """Connects the actions about definitions and sources to the services and to the window.

    Args:
        context: what the parts are given.
        window: the main window.
    """

    def __init__(self, context: Context, window: MainWindow) -> None:
        super().__init__(window)
        self._context = context
        self._window = window
        handlers: dict[ActionId, Callable[[Selection], None]] = {
            ActionId.NEW_DEFINITION: lambda _: self.new_definition(),
            ActionId.NEW_SOURCE: lambda _: self.edit_source(None),
            ActionId.RUN_NOW: lambda selection: self._spawn(self._run(selection)),
            ActionId.EDIT: self._edit,
            ActionId.DUPLICATE: self._duplicate,
            ActionId.ENABLE: lambda selection: self._spawn(self._enable(selection)),
            ActionId.PAUSE_SCHEDULE: lambda selection: self._spawn(self._pause(selection)),
            ActionId.SHOW_LAST_RUN: self._show_last_run,
            ActionId.SIGN_IN: lambda selection: self.sign_in(selection.sources[0]),
            ActionId.IMPORT_DEFINITION: lambda _: self._ask_for_file(),
            ActionId.EXPORT_DEFINITION: self._ask_where,
            ActionId.SHOW_DEFINITIONS: lambda _: window.show_definitions(),
            ActionId.SHOW_SOURCES: lambda _: window.show_sources(),
        }
        for name, handler in handlers.items():
            context.actions.connect_handler(name, handler)
        # A question about what was shown before is no longer in place: its answer would delete for good.
        window.pages.currentChanged.connect(lambda _: context.notices.withdraw(_DELETE_SOURCES))
        window.nightly_wanted.connect(self.new_nightly)
        window.sign_in_wanted.connect(lambda root_id: self._spawn(self.sign_in_again(root_id)))
        self._told: dict[int, str] = {}
        context.feed.updated.connect(self._on_update)

    # --- definitions --------------------------------------------------------------------------------------------------

    def new_definition(self, definition: Definition | None = None) -> None:
        """Open the dialog for a new definition, filled in with *definition* if there is one."""
        self._open_definition(definition, None)

    def new_nightly(self) -> None:
        """Open the dialog for a new definition, filled in with what most begin with."""
        from quaero_desktop.ui.dialogs.definition import nightly

        self.new_definition(nightly())

    def edit_definition(self, definition: Definition, definition_id: int) -> None:
        """Open the dialog for a definition."""
        self._open_definition(definition, definition_id)

    def _open_definition(self, definition: Definition | None, definition_id: int | None) -> None:
        from quaero_desktop.ui.dialogs.definition import DefinitionDialog

        dialog = DefinitionDialog(self._context, self._window, definition=definition, definition_id=definition_id)
        dialog.saved.connect(self._definition_saved)
        dialog.open()

    def _definition_saved(self, definition_id: int, run: bool) -> None:
        self._window.show_definitions()
        self._window.definitions.select(definition_id)
        if run:
            self._spawn(self._run_definitions([definition_id]))

    async def _run(self, selection: Selection) -> None:
        if selection.definitions:
            await self._run_definitions([stored.id for stored in selection.definitions])
        elif selection.sources:
            await self._crawl_sources(selection.sources)

    async def _run_definitions(self, ids: list[int]) -> None:
        job_id = refused = None
        for definition_id in ids:
            try:
                job_id = await self._context.services.definitions.run(definition_id)
            except KnownError as error:
                refused = error  # one that runs already keeps no other from running
        if job_id is not None:
            self._window.show_job(job_id)
        if refused is not None:
            raise refused

    def _edit(self, selection: Selection) -> None:
        if selection.definitions:
            stored = selection.definitions[0]
            self.edit_definition(stored.definition, stored.id)
        else:
            self.edit_source(selection.sources[0])

    def _duplicate(self, selection: Selection) -> None:
        definition = selection.definitions[0].definition
        self.new_definition(msgspec.structs.replace(definition, name=self.tr("%s (copy)") % definition.name))

    async def _enable(self, selection: Selection) -> None:
        services = self._context.services
        on = not any(stored.definition.enabled for stored in selection.definitions)
        for stored in selection.definitions:
            await services.definitions.enable(stored.id, on)
        on = not any(source.enabled for source in selection.sources)
        for source in selection.sources:
            await services.sources.update(source.id, as_new(source, enabled=on))
        self._reload()

    async def _pause(self, selection: Selection) -> None:
        scheduled = [stored for stored in selection.definitions if stored.definition.schedule]
        paused = not all(stored.schedule_paused for stored in scheduled)
        for stored in scheduled:
            await self._context.services.definitions.pause_schedule(stored.id, paused)
        self._reload()

    def _show_last_run(self, selection: Selection) -> None:
        job_id = selection.definitions[0].last_job
        if job_id is not None:
            self._window.show_job(job_id, expand=True)

    def delete(self, selection: Selection) -> None:
        """Delete definitions or sources."""
        self._spawn(self._delete_definitions(selection) if selection.definitions else self._delete_sources(selection))

    async def _delete_definitions(self, selection: Selection) -> None:
        gone: list[DeletedDefinition] = []
        try:
            for stored in selection.definitions:
                deleted = await self._context.services.definitions.delete(stored.id)
                if deleted is not None:
                    gone.append(deleted)
        finally:
            self._reload()
            if gone:
                names = [stored.definition.name for stored in selection.definitions]
                what = clean(names[0], 60) if len(names) == 1 else count_of(len(gone), "definition")
                self._context.notices.undo(
                    self.tr("Deleted %s. Its jobs and documents stay.") % what,
                    lambda: self._spawn(self._restore_definitions(gone)),
                )

    async def _restore_definitions(self, gone: "list[DeletedDefinition]") -> None:
        for deleted in gone:
            await self._context.services.definitions.restore(deleted)
        self._window.show_definitions()
        self._window.definitions.reload()

    # --- files --------------------------------------------------------------------------------------------------------

    def _ask_for_file(self) -> None:
        chooser = QFileDialog(self._window, self.tr("Import a definition"))
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.setNameFilters([self.tr("Definitions (*.toml)"), self.tr("All files (*)")])
        chooser.fileSelected.connect(lambda path: self._spawn(self.import_file(Path(path))))
        chooser.open()

    async def import_file(self, file: Path) -> None:
        """Read a definition from a file, and open the dialog with it: nothing is stored before it is looked at."""
        text = _read(file)
        try:
            definition = await self._context.services.definitions.from_toml(text)
        except KnownError as error:
            raise UsageError(f"“{file.name}”: {error.message}", error.hint) from error
        same = definition.name.casefold()
        stored = await self._context.services.definitions.list()
        there = next((each for each in stored if each.definition.name.casefold() == same), None)
        if there is None:
            self.new_definition(definition)
            return
        self.edit_definition(definition, there.id)
        said = self.tr("There is a definition of that name already: saving puts this one in its place.")
        self._context.notices.show(said, key="import definition")

    def _ask_where(self, selection: Selection) -> None:
        stored = selection.definitions[0]
        chooser = QFileDialog(self._window, self.tr("Export the definition"))
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.setNameFilters([self.tr("Definitions (*.toml)"), self.tr("All files (*)")])
        chooser.setDefaultSuffix("toml")
        chooser.selectFile(f"{safe_name(stored.definition.name)}.toml")
        chooser.fileSelected.connect(lambda path: self._spawn(self.export_file(stored.id, Path(path))))
        chooser.open()

    async def export_file(self, definition_id: int, file: Path) -> None:
        """Write a definition to a file."""
        _write(file, await self._context.services.definitions.to_toml(definition_id))
        self._context.notices.post(Notice(message=self.tr("Exported to %s.") % file.name, kind="success"))

    # --- sources ------------------------------------------------------------------------------------------------------

    def edit_source(self, source: Source | None) -> None:
        """Open the dialog for a source, or for a new one."""
        from quaero_desktop.ui.dialogs.source import SourceDialog

        dialog = SourceDialog(self._context, self._window, source=source)
        dialog.saved.connect(self._source_saved)
        dialog.sign_in_wanted.connect(self._sign_in_of)
        dialog.open()

    def _source_saved(self, source_id: int) -> None:
        self._window.show_sources()
        self._window.sources.select(source_id)

    def _sign_in_of(self, source_id: int) -> None:
        async def find() -> None:
            self.sign_in(await self._context.services.sources.get(source_id))

        self._spawn(find())

    async def sign_in_again(self, root_id: int) -> None:
        """Open the dialog for what a paused root waits for; what waits for the same goes on when it is given."""
        services = self._context.services
        root = await services.jobs.get(root_id)
        wanted = [each for each in await services.credentials.list() if f"“{each.name}”" in (root.error or "")]
        sources = [source for source in await services.sources.list() if source.credential is not None]
        ids = {credential.id for credential in wanted}
        found = next((each for each in sources if each.credential is not None and each.credential.id in ids), None)
        if found is None:
            self._context.notices.show(
                self.tr("What it asks for is no longer in the library."),
                self.tr("Set up a sign-in for its source, and resume the crawl."),
            )
            return
        self.sign_in(found, why=root.error or "")

    async def _go_on(self, credential_id: int) -> None:
        """Resume what waited for a credential."""
        services = self._context.services
        waiting = await services.credentials.waiting(credential_id)
        for root_id in waiting:
            with contextlib.suppress(NotAllowedError, NotFoundError):
                await services.jobs.resume(root_id)
        self._context.notices.withdraw(_SIGN_IN)
        if waiting:
            said = self.tr("%s went on.") % count_of(len(waiting), "crawl")
            self._context.notices.show(said, kind="success", key=_SIGN_IN)

    async def ask_for_missing(self) -> None:
        """Say once, after the start, that crawls wait for secrets that no keyring keeps."""
        services = self._context.services
        missing = await services.credentials.missing()
        if not missing:
            return
        ids = {credential.id for credential in missing}
        names = ", ".join(clean(credential.name, 60) for credential in missing[:3])
        if len(missing) > 3:
            names = self.tr("%s and %s more") % (names, len(missing) - 3)
        source = next(
            (
                each
                for each in await services.sources.list()
                if each.credential is not None and each.credential.id in ids
            ),
            None,
        )
        if source is None:
            return
        first = source
        self._context.notices.post(
            Notice(
                message=self.tr("Queued crawls need a sign-in that is not kept from one start to the next: %s.")
                % names,
                button=self.tr("Sign in…"),
                on_click=lambda: self.sign_in(first, then=lambda: self._spawn(self.ask_for_missing())),
                key=_SIGN_IN,
            )
        )

    def _on_update(self, update: FeedUpdate) -> None:
        """Say it where it cannot be missed when a crawl pauses until its person signs in again."""
        for job_id in update.removed:
            self._told.pop(job_id, None)
        for root in update.roots:
            error = root.error or ""
            if not waits_for_sign_in(root):
                if self._told.pop(root.id, None) is not None and not self._told:
                    self._context.notices.withdraw(_SIGN_IN)
            elif self._told.get(root.id) != error:
                self._told[root.id] = error
                root_id = root.id
                self._context.notices.post(
                    Notice(
                        message=self.tr("%s is paused. %s") % (clean(root.name, 60), clean(error, 300)),
                        button=self.tr("Sign in again…"),
                        on_click=lambda root_id=root_id: self._spawn(self.sign_in_again(root_id)),  # type: ignore[misc]
                        key=_SIGN_IN,
                    )
                )

    def sign_in(self, source: Source, *, why: str = "", then: Callable[[], None] | None = None) -> None:
        """Open the dialog for what a source's site asks for.

        Args:
            source: whose.
            why: why it is asked for now; empty when the person wanted it.
            then: called when it is kept.
        """
        from quaero_desktop.ui.dialogs.credential import CredentialDialog

        dialog = CredentialDialog(self._context, self._window, source=source, why=why)
        dialog.saved.connect(lambda credential_id: self._spawn(self._signed_in(credential_id, then)))
        dialog.open()

    async def _signed_in(self, credential_id: int, then: Callable[[], None] | None) -> None:
        self._reload()
        if credential_id:
            await self._go_on(credential_id)
        if then is not None:
            then()

    async def _crawl_sources(self, sources: tuple[Source, ...]) -> None:
        for source in sources:
            request = CrawlRequest(urls=(), source_id=source.id)
            job_id = await self._context.services.jobs.start_crawl(request)
        self._window.show_job(job_id, expand=True)

    async def _delete_sources(self, selection: Selection) -> None:
        """Delete sources; those with documents after the number of these was said, since that is for good."""
        documents = 0
        for source in selection.sources:
            documents += (await self._context.services.sources.plan_deletion(source.id)).documents
        if not documents:
            await self._delete_for_good(selection)
            return
        names = [source.name for source in selection.sources]
        what = clean(names[0], 60) if len(names) == 1 else count_of(len(names), "source")
        self._context.notices.post(
            Notice(
                message=self.tr("%s has %s, which would go with it for good.")
                % (what, count_of(documents, "document")),
                hint=self.tr("To keep them, switch the source off instead."),
                button=self.tr("Delete with %s") % count_of(documents, "document"),
                on_click=lambda: self._spawn(self._delete_for_good(selection)),
                key=_DELETE_SOURCES,
            )
        )

    async def _delete_for_good(self, selection: Selection) -> None:
        gone: list[str] = []
        try:
            for source in selection.sources:
                await self._context.services.sources.delete(source.id, documents=True)
                gone.append(source.name)
        finally:
            self._reload()
        what = clean(gone[0], 60) if len(gone) == 1 else count_of(len(gone), "source")
        self._context.notices.show(self.tr("Deleted %s.") % what, kind="success", key=_DELETE_SOURCES)

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _reload(self) -> None:
        self._window.reload_recipes()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._context.tasks.spawn(coroutine)


def _read(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"“{file.name}” cannot be read: {error.strerror}.") from error
    if len(content) > _MOST_BYTES:
        raise UsageError(f"“{file.name}” is larger than a definition can be.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"“{file.name}” is no text, and so no definition.", "It must be UTF-8.") from error


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ExportError(f"“{file}” cannot be written: {error.strerror}.", "Choose another place.") from error
