"""The settings, by subject, each checked while it is typed."""

from PySide6.QtCore import QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QIcon, QShowEvent
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTabWidget, QVBoxLayout, QWidget

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.services import configuration
from quaero_desktop.services.configuration import Preferences
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.fields import Remark
from quaero_desktop.ui.dialogs.librarychooser import LibraryChooser
from quaero_desktop.ui.dialogs.modelkey import ModelKey
from quaero_desktop.ui.dialogs.problembanner import ProblemBanner
from quaero_desktop.ui.dialogs.settingspage import (
    ChoiceField,
    Editor,
    NumberField,
    SettingRow,
    SettingsPage,
    SwitchField,
    TextField,
)
from quaero_desktop.ui.theme import SPACE, Mode


class SettingsDialog(QDialog):
    """Shows and changes the settings. What was saved takes effect at once where it can.

    Args:
        context: of the window.
        parent: the window.
        preferences: the settings to show; None reads them.

    Signals:
        applied: the :class:`Settings` in force, after they were saved.
    """

    applied = Signal(object)

    def __init__(
        self, context: Context, parent: QWidget | None = None, *, preferences: Preferences | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("settings")
        self.setWindowTitle(self.tr("Settings"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._context = context
        self._theme = context.theme
        self._preferences = preferences or configuration.read()
        self._rows: dict[str, SettingRow] = {}
        self._problems = ProblemBanner(self._theme, self)
        self._problems.file_wanted.connect(self._open_file)
        self._tabs = QTabWidget(self)
        self._tabs.setObjectName("settingsTabs")
        self._tabs.setDocumentMode(True)
        self._pages = (
            self._general(), self._crawling(), self._identity(), self._summaries(), self._retention()
        )  # fmt: skip
        tr = self.tr
        names = (tr("General"), tr("Crawling"), tr("Identity"), tr("Summaries"), tr("Retention"))
        for page, name in zip(self._pages, names, strict=True):
            self._tabs.addTab(page, name)
        self._reason = Remark(self._theme, self)
        self._reason.setObjectName("reason")
        self._buttons = self._make_buttons()
        self._lay_out()
        self._show_preferences()

    # --- Pages --------------------------------------------------------------------------------------------------------

    def _general(self) -> SettingsPage:
        page = SettingsPage()
        themes = {"system": self.tr("Like the system"), "light": self.tr("Light"), "dark": self.tr("Dark")}
        self._add(page, "window.theme", self.tr("&Theme"), ChoiceField(themes))
        self._library = LibraryChooser(self._context, self.saved_library)
        self._library.changed.connect(self._check)
        self._add(
            page, "storage.library", self.tr("Library &folder"), self._library,
            hint=self.tr("Another one is opened at the next start. Nothing is moved: what was collected stays here."),
            several_lines=True,
        )  # fmt: skip
        return page.done()

    def _crawling(self) -> SettingsPage:
        page = SettingsPage()
        scopes = {
            "host": self.tr("This site"),
            "prefix": self.tr("Below the folder"),
            "domain": self.tr("The whole domain"),
        }
        self._add(page, "queue.num_workers", self.tr("Pages at the same &time"), NumberField(self.tr("in all crawls")))
        self._add(page, "crawl.per_host", self.tr("Requests at &once"), NumberField(self.tr("at one site")))
        self._add(
            page,
            "crawl.delay_seconds",
            self.tr("&Pause between them"),
            NumberField(self.tr("seconds; 0 for none"), 0.25),
        )
        self._add(page, "crawl.obey_robots", "", SwitchField(self.tr("Follow the wishes of sites (&robots.txt)")))
        self._add(page, "crawl.scope", self.tr("&How far"), ChoiceField(scopes))
        self._add(
            page, "crawl.max_depth", self.tr("Links &deep"), NumberField(self.tr("links from the first page")),
            hint=self.tr("Requests, robots.txt, how far and how deep are for new crawls; others keep theirs."),
        )  # fmt: skip
        return page.done()

    def _identity(self) -> SettingsPage:
        page = SettingsPage()
        self._add(
            page, "fetch.user_agent", self.tr("&Name for servers"), TextField(self.tr("Quaero's own name and version")),
            hint=self.tr("Site owners read it in their logs. Leave it empty unless a site told you what to write."),
        )  # fmt: skip
        self._add(
            page, "fetch.contact", self.tr("Your &contact"),
            TextField(self.tr("an e-mail or web address; empty for none")),
            hint=self.tr("It is sent to every server along with the name, so that a site's owner can reach you."),
        )  # fmt: skip
        return page.done()

    def _summaries(self) -> SettingsPage:
        page = SettingsPage()
        self._add(
            page, "summaries.sentences", self.tr("S&entences"), NumberField(self.tr("at most, in a summary")),
            hint=self.tr(
                "Summaries are made of a page's own sentences, on this computer. If you run a language model, a"
                " definition can let it write them instead: the text of pages goes to this address, and nowhere else."
            ),
        )  # fmt: skip
        endpoint = TextField(self.tr("the address of a language model; empty for none"))
        model = TextField(self.tr("the first that it offers"))
        self._add(page, "summaries.endpoint", self.tr("Model's &address"), endpoint)
        self._add(page, "summaries.model", self.tr("Its na&me"), model)
        self._key = ModelKey(self._context, lambda: str(endpoint.value()), lambda: str(model.value()), self)
        self._key.changed.connect(self._check)
        endpoint.widget().editingFinished.connect(self._key.show_state)
        page.add_beside(self.tr("Its ke&y"), self._key, self._key.remark)
        self._add(
            page, "summaries.context_tokens", self.tr("It &reads"), NumberField(self.tr("tokens at a time"), 1024)
        )
        self._add(
            page, "summaries.timeout_seconds", self.tr("&Wait for it"), NumberField(self.tr("seconds at most"), 10)
        )
        self._add(page, "summaries.at_once", self.tr("As&k about"), NumberField(self.tr("pages at the same time")))
        return page.done()

    def _retention(self) -> SettingsPage:
        page = SettingsPage()
        days = self.tr("days; 0 keeps them")
        self._add(page, "storage.log_retention_days", self.tr("Keep &logs for"), NumberField(days))
        self._add(
            page, "storage.job_retention_days", self.tr("Keep ended &jobs for"), NumberField(days),
            hint=self.tr("Documents stay whatever becomes of the job that brought them."),
        )  # fmt: skip
        self._add(page, "storage.keep_backups", self.tr("Keep the last"), NumberField(self.tr("&backups")))
        return page.done()

    def _add(
        self, page: SettingsPage, key: str, label: str, editor: Editor, *, hint: str = "", several_lines: bool = False
    ) -> None:
        row = SettingRow(key, label, editor, self._theme)
        self._rows[key] = row
        page.add(row, hint, self._theme, several_lines=several_lines)
        editor.on_change(self._check)

    # --- Frame --------------------------------------------------------------------------------------------------------

    def _make_buttons(self) -> QDialogButtonBox:
        button = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(button.Ok | button.Apply | button.Cancel | button.RestoreDefaults, self)
        self._ok = buttons.button(button.Ok)
        self._apply = buttons.button(button.Apply)
        defaults = buttons.button(button.RestoreDefaults)
        defaults.setText(self.tr("Defaults"))
        defaults.setToolTip(self.tr("Show the defaults of this page; nothing is saved before you say so"))
        defaults.setObjectName("defaults")
        self._ok.setObjectName("ok")
        self._ok.setDefault(True)
        self._apply.setObjectName("apply")
        for other in (self._apply, defaults, buttons.button(button.Cancel)):
            other.setAutoDefault(False)
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        self._apply.clicked.connect(lambda _=False: self._save())
        defaults.clicked.connect(lambda _=False: self._show_defaults())
        return buttons

    def _lay_out(self) -> None:
        self._whole = layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._problems)
        layout.addWidget(self._tabs, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(4 * SPACE, 2 * SPACE, 4 * SPACE, 4 * SPACE)
        foot.setSpacing(2 * SPACE)
        foot.addWidget(self._reason)
        foot.addWidget(self._buttons)
        layout.addLayout(foot)
        self.resize(QSize(600, 430))

    def saved_library(self) -> object:
        """Return the folder of the library that the settings name now; empty for the usual one."""
        return self._preferences.value("storage.library")

    # --- Values -------------------------------------------------------------------------------------------------------

    def changes(self) -> dict[str, object]:
        """Return what differs from the settings in force, whether it is valid or not."""
        return {
            key: row.editor.value()
            for key, row in self._rows.items()
            if key not in self._preferences.overridden and row.editor.value() != self._preferences.value(key)
        }

    def _show_preferences(self) -> None:
        self._problems.show_problems([problem.message for problem in self._preferences.problems])
        for key, row in self._rows.items():
            row.editor.set_value(self._preferences.value(key))
            variable = self._preferences.overridden.get(key, "")
            row.editor.widget().setEnabled(not variable)
            row.overridden = self.tr("Set by the environment variable %s.") % variable if variable else ""
        self._library.show_current()
        self._key.show_state()
        self._check()

    def _show_defaults(self) -> None:
        page = self._pages[self._tabs.currentIndex()]
        for key, row in self._rows.items():
            if page.isAncestorOf(row.editor.widget()) and key not in self._preferences.overridden:
                row.editor.set_value(configuration.info(key).default)
        self._check()

    def _check(self) -> None:
        wrong: list[SettingRow] = []
        for key, row in self._rows.items():
            if row.overridden:
                row.remark.say(row.overridden)
                continue
            refused = configuration.refusal(key, row.editor.value())
            row.remark.say(refused, "error")
            if refused:
                wrong.append(row)
        self._reason.say(f"{wrong[0].name}: {wrong[0].remark.text().removeprefix('✕ ')}" if wrong else "", "error")
        for number in range(self._tabs.count()):
            faulty = any(self._pages[number].isAncestorOf(row.editor.widget()) for row in wrong)
            icon = self._theme.icon_in("warning-circle", self._theme.status_colour("failed"))
            self._tabs.setTabIcon(number, icon if faulty else QIcon())
        changed = bool(self.changes()) or self._key.is_changed
        self._ok.setEnabled(not wrong)
        self._apply.setEnabled(changed and not wrong)
        self._ok.setToolTip(self._reason.text())
        # What is said may need another line.
        QTimer.singleShot(0, self, self._grow)

    def _grow(self) -> None:
        """Make room for the highest page; what there is more stays, so that nothing jumps."""
        width = self._tabs.width()
        needed = max(page.height_for(width) for page in self._pages) + self._tabs.tabBar().height() + SPACE
        self._tabs.setMinimumHeight(min(needed, self.screen().availableSize().height() - 200))
        self._whole.activate()
        height = self._whole.totalHeightForWidth(self.width())
        if self.isVisible() and height > self.height():
            self.resize(self.width(), height)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        """Make room for what is shown."""
        super().showEvent(event)
        self._grow()

    def _accept(self) -> None:
        if self._save():
            self.accept()

    def _save(self) -> bool:
        """Save what was changed and let it take effect; return whether that went well."""
        changes = self.changes()
        if not changes:
            self._key.save()
            return True
        try:
            preferences = configuration.save(changes)
        except KnownError as error:
            self._reason.complain(error)
            return False
        self._key.save()
        self._preferences = preferences
        settings = preferences.settings
        self._context.settings = settings
        self._context.services.apply(settings)
        mode = Mode(settings.window.theme)
        if mode is not self._theme.mode:
            self._theme.set_mode(mode)
        self._show_preferences()
        self.applied.emit(settings)
        return True

    def _open_file(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._preferences.file)))
