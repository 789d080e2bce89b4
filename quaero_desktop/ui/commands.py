"""What the actions do: each hands one thing to a service and says what came of it.

Dialogs are imported when they are first wanted: together they take a tenth of a second of every start.
"""

import contextlib
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication

from quaero_desktop.domain.errors import KnownError, NotAllowedError, NotFoundError
from quaero_desktop.domain.jobs import OPEN_STATUSES, Status
from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.services.guide import guide
from quaero_desktop.ui.actions import ActionId, Selection, Target
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.format import clean, count_of
from quaero_desktop.ui.longwork import LongWork
from quaero_desktop.ui.notices import Notice
from quaero_desktop.ui.recipecommands import RecipeCommands
from quaero_desktop.ui.window import MainWindow

_MOST_BROWSER_TABS = 10
_AT_ONCE = 1_000
"""So many pages are read at a time."""


class Commands(QObject):
    """Connects the registry of actions to the services and to the window.

    Args:
        context: what the parts are given.
        window: the main window.

    Signals:
        settings_changed: after the person saved other settings.
    """

    settings_changed = Signal()

    def __init__(self, context: Context, window: MainWindow) -> None:
        super().__init__(window)
        self._context = context
        self._window = window
        self._long_work = LongWork(context, self)
        self.recipes = RecipeCommands(context, window)
        handlers: dict[ActionId, Callable[[Selection], None]] = {
            ActionId.NEW_CRAWL: lambda _: self.new_crawl(()),
            ActionId.RERUN: lambda selection: self._spawn(self._rerun(selection)),
            ActionId.RETRY_FAILED: lambda selection: self._spawn(self._retry(selection)),
            ActionId.PAUSE: lambda selection: self._spawn(self._pause(selection)),
            ActionId.RESUME: lambda selection: self._spawn(self._resume(selection)),
            ActionId.CANCEL: lambda selection: self._spawn(self._cancel(selection)),
            ActionId.DELETE: self._delete_selected,
            ActionId.UNDO: lambda _: window.undo_bar.undo(),
            ActionId.COPY_URL: self._copy_urls,
            ActionId.OPEN_IN_BROWSER: self._open_in_browser,
            ActionId.OPEN_DOCUMENT: lambda selection: self._spawn(self._open_document(selection)),
            ActionId.SHOW_IN_LOG: self._show_in_log,
            ActionId.EXPORT: lambda selection: self._spawn(self._export(selection)),
            ActionId.IMPORT: lambda _: self.import_legacy(),
            ActionId.FIND: lambda _: window.focus_search(),
            ActionId.PALETTE: lambda _: self._open_palette(),
            ActionId.SHOW_JOBS: lambda _: window.focus_jobs(),
            ActionId.SHOW_LIBRARY: lambda _: window.show_library(),
            ActionId.SHOW_LOG: lambda _: window.toggle_log(),
            ActionId.BACK_UP: lambda _: self._spawn(self._back_up()),
            ActionId.VERIFY: lambda _: self._spawn(self._verify()),
            ActionId.SETTINGS: lambda _: self._open_settings(),
            ActionId.GUIDE: lambda _: self.open_guide(),
            ActionId.SHORTCUTS: lambda _: self._open_shortcuts(),
            ActionId.ABOUT: lambda _: self._open_about(),
            ActionId.QUIT: lambda _: window.close_wanted.emit(),
        }
        for name, handler in handlers.items():
            context.actions.connect_handler(name, handler)
        window.urls_given.connect(self.new_crawl)
        window.import_wanted.connect(lambda file: self.import_legacy(Path(file)))
        window.crawl_wanted.connect(lambda url: self._spawn(self._crawl(url), on_error=self._refuse_in_welcome))

    # --- crawls -----------------------------------------------------------------------------------------------------

    def new_crawl(self, urls: Sequence[str]) -> None:
        """Open the dialog for a new crawl of these addresses."""
        from quaero_desktop.ui.dialogs.newcrawl import NewCrawlDialog

        dialog = NewCrawlDialog(self._context, self._window)
        dialog.started.connect(lambda job_id: self._window.show_job(job_id, expand=True))
        dialog.definition_wanted.connect(self.recipes.new_definition)
        dialog.open_with(tuple(urls))

    async def start(self, urls: Sequence[str]) -> None:
        """Crawl these addresses with the usual settings, and show the job."""
        job_id = await self._context.services.jobs.start_crawl(CrawlRequest(urls=tuple(urls)))
        self._window.show_job(job_id, expand=True)

    async def _crawl(self, url: str) -> None:
        await self.start([url])

    def _refuse_in_welcome(self, error: KnownError) -> None:
        self._window.welcome.show_problem(f"{error.message} {error.hint}".strip())

    async def _rerun(self, selection: Selection) -> None:
        for target in selection.targets:
            job_id = await self._context.services.jobs.rerun(target.id)
        self._window.show_job(job_id)

    async def _retry(self, selection: Selection) -> None:
        jobs = self._context.services.jobs
        again = 0
        if selection.every is not None:
            again = await jobs.retry(selection.every.root_id, which=selection.every)
        else:
            pages: dict[int, list[int]] = {}
            for target in selection.targets:
                if target.is_root:
                    again += await jobs.retry(target.id) if target.failed else 0
                elif target.status == Status.FAILED:
                    pages.setdefault(target.root_id, []).append(target.id)
            for root_id, ids in pages.items():
                again += await jobs.retry(root_id, ids=ids)
        said = (
            self.tr("%s queued again.") % count_of(again, "page") if again else self.tr("There was nothing to retry.")
        )
        self._context.notices.show(said, kind="info", key="retry")

    async def _pause(self, selection: Selection) -> None:
        for target in selection.targets:
            if target.is_root and target.status in (Status.PENDING, Status.RUNNING):
                await self._context.services.jobs.pause(target.id)

    async def _resume(self, selection: Selection) -> None:
        for target in selection.targets:
            if target.status == Status.PAUSED:
                await self._context.services.jobs.resume(target.id)

    async def _cancel(self, selection: Selection) -> None:
        which = selection.every
        if which is not None:
            status = tuple(each for each in OPEN_STATUSES if not which.status or each in which.status)
            if not status:
                return
            selection = Selection(every=msgspec.structs.replace(which, status=status))
        for job_id in await self._ids(selection, frozenset(OPEN_STATUSES)):
            # Of many some end while the others are cancelled, and are no reason to leave the rest.
            with contextlib.suppress(NotAllowedError, NotFoundError):
                await self._context.services.jobs.cancel(job_id)

    def _delete_selected(self, selection: Selection) -> None:
        if selection.definitions or selection.sources:
            self.recipes.delete(selection)
        else:
            self._spawn(self._delete(selection))

    async def _delete(self, selection: Selection) -> None:
        ids = await self._ids(selection)
        gone = await self._context.services.deletion.delete(ids)
        if gone.failed:
            self._context.notices.post(
                Notice(
                    message=self.tr("%s could not be deleted.") % count_of(len(gone.failed), "job"),
                    kind="error",
                    details="\n".join(f"{each.id}: {each.error}" for each in gone.failed),
                )
            )
        if not gone.deleted:
            return
        below = 0 if selection.every is not None else sum(t.child_count for t in _tops(selection.targets))
        what = clean(selection.targets[0].name, 60) if len(ids) == 1 else count_of(len(ids), "job")
        said = self.tr("Deleted %s with %s. Documents stay.") % (what, count_of(below, "page"))
        if not below:
            said = self.tr("Deleted %s. Documents stay.") % what
        self._context.notices.undo(said, lambda: self._spawn(self._restore(gone.deleted)))

    async def _restore(self, ids: Sequence[int]) -> None:
        restored = await self._context.services.deletion.restore(ids)
        if restored:
            self._window.show_job(restored[0])

    # --- addresses and documents ------------------------------------------------------------------------------------

    def _copy_urls(self, selection: Selection) -> None:
        if selection.every is not None:
            self._spawn(self._copy_all(selection.every))
        else:
            QApplication.clipboard().setText("\n".join(target.url for target in selection.targets if target.url))

    async def _copy_all(self, which: PageFilter) -> None:
        pages = self._context.services.pages
        ids = await pages.ids(which)
        urls: list[str] = []
        for start in range(0, len(ids), _AT_ONCE):
            urls += [row.url for row in await pages.rows(ids[start : start + _AT_ONCE]) if row.url]
        QApplication.clipboard().setText("\n".join(urls))
        self._context.notices.show(self.tr("Addresses of %s copied.") % count_of(len(urls), "page"), key="copied")

    def _open_in_browser(self, selection: Selection) -> None:
        urls = [target.url for target in selection.targets if target.url]
        number = len(urls) if selection.every is None else selection.count
        if number > _MOST_BROWSER_TABS:
            self._context.notices.show(
                self.tr("These are %s.") % count_of(number, "page"),
                self.tr("At most %s are opened in the browser at once.") % _MOST_BROWSER_TABS,
            )
            return
        for url in urls:
            address = QUrl(url, QUrl.ParsingMode.TolerantMode)
            if address.scheme() in ("http", "https"):
                QDesktopServices.openUrl(address)

    async def _open_document(self, selection: Selection) -> None:
        target = selection.targets[0]
        document_id = target.document_id
        if document_id is None:
            rows = await self._context.services.pages.rows([target.id])
            document_id = rows[0].document_id if rows else None
        if document_id is None:
            self._context.notices.show(self.tr("No document was stored of this page."))
            return
        self._window.show_document(document_id)

    def _show_in_log(self, selection: Selection) -> None:
        target = selection.targets[0]
        self._window.log.show_job(target.id, target.root_id)
        self._window.show_log()

    async def _export(self, selection: Selection) -> None:
        ids = None
        if self._window.pages.currentWidget() is self._window.library:
            ids = self._window.library.selected_documents() or None
        elif selection.count:
            ids = await self._documents_of(selection)
        from quaero_desktop.ui.dialogs.export import ExportDialog

        dialog = ExportDialog(self._context, self._window)
        dialog.open_with(ids, self._window.library.query())

    def import_legacy(self, file: Path | None = None) -> None:
        """Open the dialog that takes over what is in a database of the old Quaero; with a file, look into that."""
        from quaero_desktop.ui.dialogs.importing import ImportDialog

        dialog = ImportDialog(self._context, self._window)
        dialog.imported.connect(lambda: self._spawn(self._show_imported()))
        dialog.open_with(file)

    async def _show_imported(self) -> None:
        # The feed tells of jobs; where only documents came, nothing else would end the welcome.
        if (await self._context.services.library.statistics()).documents:
            self._window.set_new(False)

    async def _documents_of(self, selection: Selection) -> list[int]:
        library = self._context.services.library
        return await library.documents_of_jobs(await self._ids(selection))

    # --- the library and the window ---------------------------------------------------------------------------------

    async def _back_up(self) -> None:
        made = await self._long_work.run(
            "backup", self.tr("Making a backup…"), self._context.services.maintenance.back_up
        )
        if made is None:
            return
        self._context.notices.post(
            Notice(
                message=self.tr("The backup is made and checked."),
                hint=str(made.path),
                kind="success",
                key="backup",
                button=self.tr("Open folder"),
                on_click=lambda: open_folder(made.path.parent),
            )
        )

    async def _verify(self) -> None:
        report = await self._long_work.run(
            "verify", self.tr("Checking the library…"), self._context.services.maintenance.verify
        )
        if report is None:
            return
        broken = [check for check in report.checks if not check.ok]
        if not broken:
            self._context.notices.show(
                self.tr("The library is sound: %s passed.") % count_of(len(report.checks), "check"),
                kind="success",
                key="verify",
            )
            return
        self._context.notices.post(
            Notice(
                message=self.tr("%s of the library failed.") % count_of(len(broken), "check"),
                hint=self.tr("Restore a backup, and please report what the details say."),
                kind="error",
                details="\n".join(f"{check.name}: {check.detail}" for check in broken),
                key="verify",
            )
        )

    def _open_palette(self) -> None:
        from quaero_desktop.ui.palette import Palette

        palette = Palette(self._context, self._window)
        palette.job_chosen.connect(self._window.show_job)
        palette.document_chosen.connect(self._window.show_document)
        palette.open()

    def _open_settings(self) -> None:
        from quaero_desktop.ui.dialogs.settings import SettingsDialog

        dialog = SettingsDialog(self._context, self._window)
        dialog.applied.connect(self.settings_changed)
        dialog.open()

    def open_guide(self) -> None:
        """Show the user guide in its window: the one that is open already, if there is one."""
        from quaero_desktop.ui.views.guide import GuideWindow

        shown = self._window.findChild(GuideWindow)
        if shown is None:
            try:
                shown = GuideWindow(self._context, guide(), self._window)
            except KnownError as error:
                self._context.notices.error(error)
                return
        shown.show()
        shown.raise_()
        shown.activateWindow()

    def _open_shortcuts(self) -> None:
        from quaero_desktop.ui.dialogs.shortcuts import ShortcutsDialog

        ShortcutsDialog(self._context, self._window).open()

    def _open_about(self) -> None:
        from quaero_desktop.ui.dialogs.about import AboutDialog

        AboutDialog(self._context, self._window).open()

    # --- helpers ----------------------------------------------------------------------------------------------------

    async def _ids(self, selection: Selection, statuses: frozenset[str] | None = None) -> list[int]:
        if selection.every is not None:
            return list(await self._context.services.pages.ids(selection.every))
        return [t.id for t in _tops(selection.targets) if statuses is None or t.status in statuses]

    def _spawn(
        self, coroutine: Coroutine[Any, Any, None], on_error: Callable[[KnownError], None] | None = None
    ) -> None:
        self._context.tasks.spawn(coroutine, on_error=on_error)


def open_folder(folder: Path) -> None:
    """Show a folder in the system's file manager."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def _tops(targets: Sequence[Target]) -> list[Target]:
    """Return the targets but for those whose root is one, too: what happens to a root happens to its pages."""
    roots = {target.id for target in targets if target.is_root}
    return [target for target in targets if target.is_root or target.root_id not in roots]
