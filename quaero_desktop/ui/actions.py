"""Everything that can be done in the window, once each, for menus, tool bar, palette and shortcuts alike."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from quaero_desktop.domain.definitions import StoredDefinition
from quaero_desktop.domain.jobs import OPEN_STATUSES, Job, Status
from quaero_desktop.domain.pagelist import PageFilter, PageRow
from quaero_desktop.domain.sources import Source
from quaero_desktop.ui.format import count_of
from quaero_desktop.ui.theme import Theme


class ActionId(StrEnum):
    """The names of the actions."""

    NEW_CRAWL = "new_crawl"
    NEW_DEFINITION = "new_definition"
    NEW_SOURCE = "new_source"
    RUN_NOW = "run_now"
    EDIT = "edit"
    DUPLICATE = "duplicate"
    ENABLE = "enable"
    PAUSE_SCHEDULE = "pause_schedule"
    SHOW_LAST_RUN = "show_last_run"
    SIGN_IN = "sign_in"
    IMPORT_DEFINITION = "import_definition"
    EXPORT_DEFINITION = "export_definition"
    RERUN = "rerun"
    RETRY_FAILED = "retry_failed"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    DELETE = "delete"
    UNDO = "undo"
    COPY_URL = "copy_url"
    OPEN_IN_BROWSER = "open_in_browser"
    OPEN_DOCUMENT = "open_document"
    SHOW_IN_LOG = "show_in_log"
    EXPORT = "export"
    IMPORT = "import"
    FIND = "find"
    PALETTE = "palette"
    SHOW_JOBS = "show_jobs"
    SHOW_LIBRARY = "show_library"
    SHOW_DEFINITIONS = "show_definitions"
    SHOW_SOURCES = "show_sources"
    SHOW_LOG = "show_log"
    BACK_UP = "back_up"
    VERIFY = "verify"
    SETTINGS = "settings"
    GUIDE = "guide"
    SHORTCUTS = "shortcuts"
    ABOUT = "about"
    QUIT = "quit"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A job that an action is about.

    Attributes:
        url: of a page; of a root that of its first seed; None when it has none.
        document_id: of a page; None when it has none or that is not known here.
        failed: how many of a root's children failed.
        child_count: of a root its pages.
    """

    id: int
    root_id: int
    is_root: bool
    status: str
    name: str
    url: str | None = None
    document_id: int | None = None
    failed: int = 0
    child_count: int = 0

    @classmethod
    def of_job(cls, job: Job) -> "Target":
        """Return what an action needs to know of a job."""
        url = job.url
        if url is None and job.is_root:
            url = next(iter(job.seeds), None)
        return cls(
            id=job.id,
            root_id=job.root_id,
            is_root=job.is_root,
            status=job.status,
            name=job.name,
            url=url,
            failed=job.failed_children,
            # Checks and the like go with the pages, and are no pages.
            child_count=job.pages if job.is_root else job.child_count,
        )

    @classmethod
    def of_page(cls, row: PageRow) -> "Target":
        """Return what an action needs to know of a row of a table of pages."""
        return cls(
            id=row.id,
            root_id=row.root_id,
            is_root=False,
            status=row.status,
            name=row.title or row.url or row.type,
            url=row.url,
            document_id=row.document_id,
        )


class Selection(msgspec.Struct, frozen=True):
    """What is selected.

    Attributes:
        targets: the jobs; with *every* only some of them.
        every: all pages that match this, or None.
        count: how many jobs are meant.
        definitions, sources: those that are selected in their own views, where no jobs are.
    """

    targets: tuple[Target, ...] = ()
    every: PageFilter | None = None
    count: int = 0
    definitions: tuple[StoredDefinition, ...] = ()
    sources: tuple[Source, ...] = ()

    @classmethod
    def of(cls, targets: Sequence[Target]) -> "Selection":
        """Return the selection of just these."""
        return cls(tuple(targets), None, len(targets))


NOTHING_SELECTED = Selection()


class _Spec(NamedTuple):
    text: str
    icon: str
    shortcut: str
    why_not: Callable[[Selection], str]
    tip: str = ""


def _always(_: Selection) -> str:
    return ""


def _rerun(selection: Selection) -> str:
    if not selection.count:
        return "Select a crawl first."
    if selection.every is not None or not all(target.is_root for target in selection.targets):
        return "Only a whole crawl can be run again; a page can be retried."
    return ""


def _retry(selection: Selection) -> str:
    if not selection.count:
        return "Select a crawl or failed pages first."
    if selection.every is not None:
        return ""
    if any(target.failed if target.is_root else target.status == Status.FAILED for target in selection.targets):
        return ""
    return "Nothing of this failed."


def _pause(selection: Selection) -> str:
    if not any(t.is_root and t.status in (Status.PENDING, Status.RUNNING) for t in selection.targets):
        return "Only a crawl that runs or waits can be paused."
    return ""


def _resume(selection: Selection) -> str:
    return "" if any(t.status == Status.PAUSED for t in selection.targets) else "Only a paused crawl can go on."


def _cancel(selection: Selection) -> str:
    every = selection.every
    if every is not None and (not every.status or not OPEN_STATUSES.isdisjoint(every.status)):
        # Only some of them are known here.
        return ""
    if any(target.status in OPEN_STATUSES for target in selection.targets):
        return ""
    return "It has ended already." if selection.count else "Select a job first."


def _some(selection: Selection) -> str:
    return "" if selection.count or selection.definitions or selection.sources else "Select something first."


def _one_recipe(selection: Selection) -> str:
    return "" if len(selection.definitions) + len(selection.sources) == 1 else "Select one definition or source."


def _runnable(selection: Selection) -> str:
    if not (selection.definitions or selection.sources):
        return "Select a definition or a source first."
    if any(stored.problem for stored in selection.definitions):
        return "It has a problem: edit it first."
    enabled = [stored.definition.enabled for stored in selection.definitions]
    enabled += [source.enabled for source in selection.sources]
    return "" if all(enabled) else "It is switched off: enable it first."


def _definition(selection: Selection) -> str:
    return "" if len(selection.definitions) == 1 else "Select one definition."


def _definition_or_source(selection: Selection) -> str:
    return "" if selection.definitions or selection.sources else "Select a definition or a source first."


def _scheduled(selection: Selection) -> str:
    return "" if any(stored.definition.schedule for stored in selection.definitions) else "It has no schedule."


def _last_run(selection: Selection) -> str:
    if len(selection.definitions) != 1:
        return "Select one definition."
    return "" if selection.definitions[0].last_job is not None else "It has not run yet."


def _source(selection: Selection) -> str:
    return "" if len(selection.sources) == 1 else "Select one source."


def _url(selection: Selection) -> str:
    return "" if any(target.url for target in selection.targets) else "This has no web address."


def _document(selection: Selection) -> str:
    if len(selection.targets) != 1 or selection.targets[0].is_root:
        return "Select one page."
    target = selection.targets[0]
    if target.document_id is None and target.status != Status.COMPLETED:
        return "No document was stored of this page."
    return ""


def _one(selection: Selection) -> str:
    return "" if len(selection.targets) == 1 else "Select one job."


_SPECS: dict[ActionId, _Spec] = {
    ActionId.NEW_CRAWL: _Spec("New crawl…", "plus", "Ctrl+N", _always, "Collect a site into the library"),
    ActionId.NEW_DEFINITION: _Spec(
        "New definition…", "calendar-plus", "Ctrl+Shift+N", _always, "Steps that run by a schedule or by hand"
    ),
    ActionId.NEW_SOURCE: _Spec("New source…", "globe-simple", "", _always, "A site with its rules and its sign-in"),
    ActionId.RUN_NOW: _Spec("Run now", "lightning", "Ctrl+Return", _runnable),
    ActionId.EDIT: _Spec("Edit…", "pencil-simple", "F2", _one_recipe),
    ActionId.DUPLICATE: _Spec("Duplicate…", "copy-simple", "Ctrl+D", _definition, "Begin a new one like it"),
    ActionId.ENABLE: _Spec("Disable", "power", "", _definition_or_source),
    ActionId.PAUSE_SCHEDULE: _Spec("Pause schedule", "pause-circle", "", _scheduled, "It can still be run by hand"),
    ActionId.SHOW_LAST_RUN: _Spec("Show last run", "tree-structure", "", _last_run),
    ActionId.SIGN_IN: _Spec("Sign-in…", "key", "", _source, "Cookies, a token or a password for its site"),
    ActionId.IMPORT_DEFINITION: _Spec("Import definition…", "upload-simple", "", _always, "From a TOML file"),
    ActionId.EXPORT_DEFINITION: _Spec("Export definition…", "export", "", _definition, "To a TOML file"),
    ActionId.RERUN: _Spec("Run again", "arrow-clockwise", "Ctrl+R", _rerun, "Crawl it again with the same set-up"),
    ActionId.RETRY_FAILED: _Spec("Retry failed", "arrow-counter-clockwise", "Ctrl+Shift+R", _retry),
    ActionId.PAUSE: _Spec("Pause", "pause", "Ctrl+P", _pause, "Pages in flight finish"),
    ActionId.RESUME: _Spec("Resume", "play", "Ctrl+Shift+P", _resume),
    ActionId.CANCEL: _Spec("Cancel", "stop", "Ctrl+.", _cancel, "Stop it for good"),
    ActionId.DELETE: _Spec("Delete", "trash", "Del", _some, "Documents stay; can be undone for 30 seconds"),
    ActionId.UNDO: _Spec("Undo delete", "arrow-u-up-left", "Ctrl+Z", _always),
    ActionId.COPY_URL: _Spec("Copy address", "copy", "Ctrl+Shift+C", _url),
    ActionId.OPEN_IN_BROWSER: _Spec("Open in browser", "globe", "Ctrl+B", _url),
    ActionId.OPEN_DOCUMENT: _Spec("Open document", "file-text", "Ctrl+O", _document),
    ActionId.SHOW_IN_LOG: _Spec("Show in log", "list", "Ctrl+Shift+L", _one),
    ActionId.EXPORT: _Spec("Export documents…", "download-simple", "Ctrl+E", _always),
    ActionId.IMPORT: _Spec(
        "Import from the old Quaero…", "upload-simple", "", _always, "Take over what is in a database of the old Quaero"
    ),
    ActionId.FIND: _Spec("Search library", "magnifying-glass", "Ctrl+F", _always),
    ActionId.PALETTE: _Spec("Go to or do…", "command", "Ctrl+K", _always, "Actions, jobs and documents by name"),
    ActionId.SHOW_JOBS: _Spec("Jobs", "tree-structure", "Ctrl+1", _always),
    ActionId.SHOW_LIBRARY: _Spec("Library", "books", "Ctrl+2", _always),
    ActionId.SHOW_DEFINITIONS: _Spec("Definitions", "calendar-check", "Ctrl+3", _always),
    ActionId.SHOW_SOURCES: _Spec("Sources", "globe-simple", "Ctrl+4", _always),
    ActionId.SHOW_LOG: _Spec("Log", "terminal-window", "Ctrl+L", _always),
    ActionId.BACK_UP: _Spec("Back up now", "floppy-disk", "", _always, "Make a checked copy of the library"),
    ActionId.VERIFY: _Spec("Check the library", "shield-check", "", _always, "Check every promise the library keeps"),
    ActionId.SETTINGS: _Spec("Settings…", "gear", "Ctrl+,", _always),
    ActionId.GUIDE: _Spec("User guide", "book-open", "Shift+F1", _always, "How everything is done, step by step"),
    ActionId.SHORTCUTS: _Spec("Keyboard shortcuts", "keyboard", "F1", _always),
    ActionId.ABOUT: _Spec("About Quaero Desktop", "info", "", _always),
    ActionId.QUIT: _Spec("Quit", "sign-out", "Ctrl+Q", _always),
}

CONTEXT_MENU: tuple[ActionId | None, ...] = (
    ActionId.OPEN_DOCUMENT, ActionId.OPEN_IN_BROWSER, ActionId.COPY_URL, ActionId.SHOW_IN_LOG, None,
    ActionId.RERUN, ActionId.RETRY_FAILED, ActionId.PAUSE, ActionId.RESUME, ActionId.CANCEL, None,
    ActionId.EXPORT, None,
    ActionId.DELETE,
)  # fmt: skip
"""What a job's context menu shows, in this order; None is a line."""

DEFINITION_MENU: tuple[ActionId | None, ...] = (
    ActionId.RUN_NOW, ActionId.SHOW_LAST_RUN, None,
    ActionId.EDIT, ActionId.DUPLICATE, ActionId.ENABLE, ActionId.PAUSE_SCHEDULE, None,
    ActionId.EXPORT_DEFINITION, None,
    ActionId.DELETE,
)  # fmt: skip
"""The same for a definition."""

SOURCE_MENU: tuple[ActionId | None, ...] = (
    ActionId.RUN_NOW, None, ActionId.EDIT, ActionId.SIGN_IN, ActionId.ENABLE, None, ActionId.DELETE,
)  # fmt: skip
"""The same for a source."""


class Actions(QObject):
    """The registry: one QAction for each thing that can be done, enabled as the selection allows.

    Args:
        theme: for the icons.

    Signals:
        selection_changed: the new :class:`Selection`.
    """

    selection_changed = Signal(object)

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._selection = NOTHING_SELECTED
        self._handlers: dict[ActionId, Callable[[Selection], None]] = {}
        self._reasons: dict[ActionId, str] = {}
        self._actions: dict[ActionId, QAction] = {}
        for name, spec in _SPECS.items():
            action = QAction(spec.text, self)
            action.setObjectName(f"action_{name}")
            # Tool buttons show this one: they keep their width while menus say how many pages are meant.
            action.setIconText(spec.text.rstrip("…"))
            action.setData(str(name))
            if spec.shortcut:
                action.setShortcut(QKeySequence(spec.shortcut))
            action.triggered.connect(lambda _=False, name=name: self.trigger(name))
            self._actions[name] = action
        theme.changed.connect(self._paint)
        self._paint()
        self.refresh()

    @property
    def selection(self) -> Selection:
        """What is selected now."""
        return self._selection

    def action(self, name: ActionId) -> QAction:
        """Return the one QAction of that name."""
        return self._actions[name]

    def all(self) -> list[QAction]:
        """Return every action, for the palette and the list of shortcuts."""
        return list(self._actions.values())

    def connect_handler(self, name: ActionId, handler: Callable[[Selection], None]) -> None:
        """Say what *name* does: it is called with what is selected then."""
        self._handlers[name] = handler

    def select(self, selection: Selection) -> None:
        """Tell what is selected now."""
        self._selection = selection
        self.refresh()
        self.selection_changed.emit(selection)

    def refresh(self) -> None:
        """Enable and word the actions anew."""
        for name, spec in _SPECS.items():
            action = self._actions[name]
            reason = spec.why_not(self._selection) if name is not ActionId.UNDO else self._reasons.get(name, "")
            if not reason:
                reason = self._reasons.get(name, "")
            action.setEnabled(not reason)
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            what = reason or spec.tip or spec.text.rstrip("…")
            action.setToolTip(f"{what} ({keys})" if keys else what)
            action.setStatusTip(what)
        self._actions[ActionId.RETRY_FAILED].setText(self._retry_text())
        self._actions[ActionId.DELETE].setText(self._delete_text())
        self._word_recipes()

    def forbid(self, name: ActionId, reason: str) -> None:
        """Disable an action whatever is selected, with the reason; an empty one lets it go again."""
        self._reasons[name] = reason
        self.refresh()

    def why_not(self, name: ActionId) -> str:
        """Return why an action cannot be done now; empty when it can."""
        return "" if self._actions[name].isEnabled() else self._actions[name].statusTip()

    def trigger(self, name: ActionId) -> None:
        """Do it, if it can be done now."""
        handler = self._handlers.get(name)
        if handler is not None and self._actions[name].isEnabled():
            handler(self._selection)

    def context_menu(self, parent: QWidget, names: Sequence[ActionId | None] = CONTEXT_MENU) -> QMenu:
        """Return the menu of what is selected; the caller shows it with ``popup``, and it deletes itself.

        Args:
            parent: of the menu.
            names: what it shows; None is a line.
        """
        menu = QMenu(parent)
        menu.setToolTipsVisible(True)
        menu.aboutToHide.connect(menu.deleteLater)
        for name in names:
            if name is None:
                menu.addSeparator()
            else:
                menu.addAction(self._actions[name])
        return menu

    def _paint(self) -> None:
        for name, spec in _SPECS.items():
            self._actions[name].setIcon(self._theme.icon(spec.icon))

    def _retry_text(self) -> str:
        selection = self._selection
        if selection.every is not None:
            return self.tr("Retry failed of these")
        failed = sum(t.failed if t.is_root else t.status == Status.FAILED for t in selection.targets)
        return self.tr("Retry %s") % count_of(failed, "failed page") if failed else self.tr("Retry failed")

    def _word_recipes(self) -> None:
        """Word what switches definitions and sources on and off by what they are now."""
        selection = self._selection
        enabled = [stored.definition.enabled for stored in selection.definitions]
        enabled += [source.enabled for source in selection.sources]
        self._reword(ActionId.ENABLE, self.tr("Disable") if any(enabled) or not enabled else self.tr("Enable"))
        paused = [stored.schedule_paused for stored in selection.definitions if stored.definition.schedule]
        resting = bool(paused) and all(paused)
        self._reword(ActionId.PAUSE_SCHEDULE, self.tr("Resume schedule") if resting else self.tr("Pause schedule"))
        self._reword(ActionId.RUN_NOW, self.tr("Crawl now") if selection.sources else self.tr("Run now"))

    def _reword(self, name: ActionId, text: str) -> None:
        action = self._actions[name]
        if action.text() != text:
            action.setText(text)
            action.setIconText(text.rstrip("…"))

    def _delete_text(self) -> str:
        selection = self._selection
        for number, noun in ((len(selection.definitions), "definition"), (len(selection.sources), "source")):
            if number:
                return self.tr("Delete %s") % (noun if number == 1 else count_of(number, noun))
        children = sum(target.child_count for target in selection.targets)
        if selection.count <= 1:
            return self.tr("Delete with %s") % count_of(children, "page") if children else self.tr("Delete")
        return self.tr("Delete %s") % count_of(selection.count, "job")
