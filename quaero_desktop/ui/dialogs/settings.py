"""The settings, by subject, each checked while it is typed."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QIcon, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.services import configuration
from quaero_desktop.services.configuration import Preferences
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.fields import NumberEdit, Remark
from quaero_desktop.ui.dialogs.modelkey import ModelKey
from quaero_desktop.ui.format import clean
from quaero_desktop.ui.theme import SPACE, Mode, Theme
from quaero_desktop.ui.widgets.labels import ElidedLabel, muted

_PROBLEMS_SHOWN = 4
_TEXT_WIDTH = 320


class _Editor(Protocol):
    """What every kind of field can do."""

    def widget(self) -> QWidget: ...
    def value(self) -> object: ...
    def set_value(self, value: object) -> None: ...
    def on_change(self, slot: Callable[[], None]) -> None: ...


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
        self._rows: dict[str, _Row] = {}
        self._problems = _Problems(self._theme, self)
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

    def _general(self) -> "_Page":
        page = _Page()
        themes = {"system": self.tr("Like the system"), "light": self.tr("Light"), "dark": self.tr("Dark")}
        self._add(page, "window.theme", self.tr("&Theme"), _Choice(themes))
        self._library = _LibraryChooser(self._context, self)
        self._library.changed.connect(self._check)
        self._add(
            page, "storage.library", self.tr("Library &folder"), self._library,
            hint=self.tr("Another one is opened at the next start. Nothing is moved: what was collected stays here."),
        )  # fmt: skip
        return page.done()

    def _crawling(self) -> "_Page":
        page = _Page()
        scopes = {
            "host": self.tr("This site"),
            "prefix": self.tr("Below the folder"),
            "domain": self.tr("The whole domain"),
        }
        self._add(page, "queue.num_workers", self.tr("Pages at the same &time"), _Number(self.tr("in all crawls")))
        self._add(page, "crawl.per_host", self.tr("Requests at &once"), _Number(self.tr("at one site")))
        self._add(
            page, "crawl.delay_seconds", self.tr("&Pause between them"), _Number(self.tr("seconds; 0 for none"), 0.25)
        )
        self._add(page, "crawl.obey_robots", "", _Switch(self.tr("Follow the wishes of sites (&robots.txt)")))
        self._add(page, "crawl.scope", self.tr("&How far"), _Choice(scopes))
        self._add(
            page, "crawl.max_depth", self.tr("Links &deep"), _Number(self.tr("links from the first page")),
            hint=self.tr("Requests, robots.txt, how far and how deep are for new crawls; others keep theirs."),
        )  # fmt: skip
        return page.done()

    def _identity(self) -> "_Page":
        page = _Page()
        self._add(
            page, "fetch.user_agent", self.tr("&Name for servers"), _Text(self.tr("Quaero's own name and version")),
            hint=self.tr("Site owners read it in their logs. Leave it empty unless a site told you what to write."),
        )  # fmt: skip
        self._add(
            page, "fetch.contact", self.tr("Your &contact"), _Text(self.tr("an e-mail or web address; empty for none")),
            hint=self.tr("It is sent to every server along with the name, so that a site's owner can reach you."),
        )  # fmt: skip
        return page.done()

    def _summaries(self) -> "_Page":
        page = _Page()
        self._add(
            page, "summaries.sentences", self.tr("S&entences"), _Number(self.tr("at most, in a summary")),
            hint=self.tr(
                "Summaries are made of a page's own sentences, on this computer. If you run a language model, a"
                " definition can let it write them instead: the text of pages goes to this address, and nowhere else."
            ),
        )  # fmt: skip
        endpoint = _Text(self.tr("the address of a language model; empty for none"))
        model = _Text(self.tr("the first that it offers"))
        self._add(page, "summaries.endpoint", self.tr("Model's &address"), endpoint)
        self._add(page, "summaries.model", self.tr("Its na&me"), model)
        self._key = ModelKey(self._context, lambda: str(endpoint.value()), lambda: str(model.value()), self)
        self._key.changed.connect(self._check)
        endpoint.widget().editingFinished.connect(self._key.show_state)
        page.add_beside(self.tr("Its ke&y"), self._key, self._key.remark)
        self._add(page, "summaries.context_tokens", self.tr("It &reads"), _Number(self.tr("tokens at a time"), 1024))
        self._add(page, "summaries.timeout_seconds", self.tr("&Wait for it"), _Number(self.tr("seconds at most"), 10))
        self._add(page, "summaries.at_once", self.tr("As&k about"), _Number(self.tr("pages at the same time")))
        return page.done()

    def _retention(self) -> "_Page":
        page = _Page()
        days = self.tr("days; 0 keeps them")
        self._add(page, "storage.log_retention_days", self.tr("Keep &logs for"), _Number(days))
        self._add(
            page, "storage.job_retention_days", self.tr("Keep ended &jobs for"), _Number(days),
            hint=self.tr("Documents stay whatever becomes of the job that brought them."),
        )  # fmt: skip
        self._add(page, "storage.keep_backups", self.tr("Keep the last"), _Number(self.tr("&backups")))
        return page.done()

    def _add(self, page: "_Page", key: str, label: str, editor: _Editor, *, hint: str = "") -> None:
        row = _Row(key, label, editor, self._theme)
        self._rows[key] = row
        page.add(row, hint, self._theme)
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
        wrong: list[_Row] = []
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
            self._reason.say(" ".join(part for part in (error.message, error.hint) if part), "error")
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


class _Row:
    """One setting: its name, its field, and what is to be said about it."""

    def __init__(self, key: str, label: str, editor: _Editor, theme: Theme) -> None:
        self.key = key
        self.editor = editor
        self.overridden = ""
        self.label = QLabel(label)
        widget = editor.widget()
        self.name = label.replace("&", "") or (widget.text().replace("&", "") if isinstance(widget, QCheckBox) else key)
        self.label.setBuddy(widget.focusProxy() or widget)
        for each in (widget, widget.focusProxy()):
            if each is not None:
                each.setAccessibleName(self.name)
                each.setToolTip(configuration.info(key).description)
        widget.setObjectName(key)
        self.remark = Remark(theme)
        self.remark.setObjectName(f"{key}.remark")


class _Page(QWidget):
    """A page of settings, one below the other."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(4 * SPACE, 4 * SPACE, 4 * SPACE, 2 * SPACE)
        self._grid.setHorizontalSpacing(4 * SPACE)
        self._grid.setVerticalSpacing(SPACE)
        self._grid.setColumnStretch(1, 1)

    def add(self, row: _Row, hint: str, theme: Theme) -> None:
        """Add a setting with a hint below it."""
        line = self._grid.rowCount()
        # Beside the first line of what has several.
        several = isinstance(row.editor, _LibraryChooser)
        alignment = Qt.AlignmentFlag.AlignTop if several else Qt.AlignmentFlag.AlignVCenter
        self._grid.addWidget(row.label, line, 0, alignment)
        self._grid.addWidget(row.editor.widget(), line, 1)
        self._grid.setRowMinimumHeight(line, 7 * SPACE)
        self._grid.addWidget(row.remark, line + 1, 1)
        if hint:
            label = QLabel(hint)
            label.setWordWrap(True)
            self._grid.addWidget(muted(label, theme), line + 2, 1)
        self._grid.setRowMinimumHeight(line + 3, SPACE)

    def add_beside(self, name: str, widget: QWidget, remark: Remark) -> None:
        """Add something that is no setting, with its name before it and what is to be said about it below."""
        line = self._grid.rowCount()
        label = QLabel(name)
        label.setBuddy(widget.focusProxy() or widget)
        self._grid.addWidget(label, line, 0)
        self._grid.addWidget(widget, line, 1)
        self._grid.setRowMinimumHeight(line, 7 * SPACE)
        self._grid.addWidget(remark, line + 1, 1)
        self._grid.setRowMinimumHeight(line + 2, SPACE)

    def done(self) -> "_Page":
        """Leave the room that is left below, and return the page."""
        self._grid.setRowStretch(self._grid.rowCount(), 1)
        return self

    def height_for(self, width: int) -> int:
        """Return how high it must be to show everything in that width."""
        return self._grid.totalHeightForWidth(width)


class _Number(QWidget):
    """A field for a number, with its unit."""

    def __init__(self, unit: str, step: float = 1) -> None:
        super().__init__()
        self._edit = NumberEdit(self, whole=step == int(step), step=step)
        self.setFocusProxy(self._edit)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * SPACE)
        layout.addWidget(self._edit)
        label = QLabel(unit, self)
        label.setBuddy(self._edit)
        layout.addWidget(label)
        layout.addStretch(1)

    def widget(self) -> QWidget:
        return self

    def value(self) -> object:
        return self._edit.value()

    def set_value(self, value: object) -> None:
        if isinstance(value, int | float):
            self._edit.set_value(value)

    def on_change(self, slot: Callable[[], None]) -> None:
        self._edit.textChanged.connect(lambda _: slot())


class _Text:
    """A field for a line of text."""

    def __init__(self, placeholder: str) -> None:
        self._edit = QLineEdit()
        self._edit.setPlaceholderText(placeholder)
        self._edit.setMinimumWidth(_TEXT_WIDTH)

    def widget(self) -> QLineEdit:
        return self._edit

    def value(self) -> object:
        return self._edit.text().strip()

    def set_value(self, value: object) -> None:
        self._edit.setText(str(value))

    def on_change(self, slot: Callable[[], None]) -> None:
        self._edit.textChanged.connect(lambda _: slot())


class _Choice:
    """A choice of a few values, each with its words."""

    def __init__(self, words: dict[str, str]) -> None:
        self._box = QComboBox()
        for value, text in words.items():
            self._box.addItem(text, value)
        self._box.setMaximumWidth(_TEXT_WIDTH)

    def widget(self) -> QWidget:
        return self._box

    def value(self) -> object:
        return self._box.currentData()

    def set_value(self, value: object) -> None:
        self._box.setCurrentIndex(max(0, self._box.findData(value)))

    def on_change(self, slot: Callable[[], None]) -> None:
        self._box.currentIndexChanged.connect(lambda _: slot())


class _Switch:
    """Yes or no."""

    def __init__(self, text: str) -> None:
        self._box = QCheckBox(text)

    def widget(self) -> QWidget:
        return self._box

    def value(self) -> object:
        return self._box.isChecked()

    def set_value(self, value: object) -> None:
        self._box.setChecked(bool(value))

    def on_change(self, slot: Callable[[], None]) -> None:
        self._box.toggled.connect(lambda _: slot())


class _LibraryChooser(QWidget):
    """Shows the folder of the open library, and lets another one be chosen for the next start.

    Signals:
        changed: another one was chosen, or the choice was taken back.
    """

    changed = Signal()

    def __init__(self, context: Context, dialog: SettingsDialog) -> None:
        super().__init__()
        self._context = context
        self._dialog = dialog
        self._chosen = ""
        self._path = ElidedLabel("", Qt.TextElideMode.ElideMiddle, self)
        self._open = QPushButton(self.tr("Open folder"), self)
        self._open.setObjectName("openLibrary")
        self._other = QPushButton(self.tr("Use another folder…"), self)
        self._other.setObjectName("otherLibrary")
        self._usual = QPushButton(self.tr("Use the usual folder"), self)
        self._usual.setObjectName("usualLibrary")
        for button in (self._open, self._other, self._usual):
            button.setAutoDefault(False)
        self._remark = Remark(context.theme, self)
        self._remark.setObjectName("libraryRemark")
        self.setFocusProxy(self._open)
        buttons = QHBoxLayout()
        buttons.setSpacing(2 * SPACE)
        for button in (self._open, self._other, self._usual):
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        layout.addWidget(self._path)
        layout.addLayout(buttons)
        layout.addWidget(self._remark)
        self._open.clicked.connect(self._show_folder)
        self._other.clicked.connect(self._ask)
        self._usual.clicked.connect(lambda _=False: self._choose(""))

    def widget(self) -> QWidget:
        return self

    def value(self) -> object:
        return self._chosen

    def set_value(self, value: object) -> None:
        self._chosen = str(value or "")
        self.show_current()

    def on_change(self, slot: Callable[[], None]) -> None:
        self.changed.connect(slot)

    def show_current(self) -> None:
        """Show which library is open, and which one will be."""
        current = self._context.services.files.folder
        self._path.setText(str(current))
        self._usual.setVisible(bool(self._chosen))
        place = configuration.place_of(self._chosen)
        if place.folder == current:
            self._remark.say("")
        elif self._chosen == self._dialog.saved_library():
            said = self.tr("This window was started with a folder of its own. Without one, Quaero opens\n%s")
            self._remark.say(said % place.folder)
        else:
            said = (
                self.tr("From the next start on:\n%s")
                if place.exists
                else self.tr("A new one from the next start on:\n%s")
            )
            self._remark.say(said % place.folder)

    def use(self, folder: str) -> None:
        """Choose a folder, or say why it is no place for a library."""
        try:
            place = configuration.library_place(folder, self._context.settings)
        except KnownError as error:
            self._remark.say(" ".join(part for part in (error.message, error.hint) if part), "error")
            return
        self._choose(str(place.folder))

    def _choose(self, folder: str) -> None:
        self._chosen = folder
        self.show_current()
        self.changed.emit()

    def _ask(self) -> None:
        chooser = QFileDialog(self._dialog, self.tr("Folder for the library"))
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(QFileDialog.FileMode.Directory)
        chooser.setOption(QFileDialog.Option.ShowDirsOnly)
        chooser.setDirectory(str(Path(self._context.services.files.folder).parent))
        chooser.fileSelected.connect(self.use)
        chooser.open()

    def _show_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._context.services.files.folder)))


class _Problems(QFrame):
    """What of the settings could not be used, on top of everything.

    Signals:
        file_wanted: the person wants to see the file.
    """

    file_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("settingsProblems")
        self._theme = theme
        self._icon = QLabel(self)
        self._text = QLabel(self)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._open = QPushButton(self.tr("Open the file"), self)
        self._open.setAutoDefault(False)
        self._open.clicked.connect(lambda _=False: self.file_wanted.emit())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4 * SPACE, 2 * SPACE, 4 * SPACE, 2 * SPACE)
        layout.setSpacing(2 * SPACE)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._open, 0, Qt.AlignmentFlag.AlignTop)
        theme.changed.connect(self._paint)
        self._paint()

    def show_problems(self, sentences: Sequence[str]) -> None:
        """Show them; nothing when there are none."""
        lines = [clean(sentence, 500) for sentence in sentences[:_PROBLEMS_SHOWN]]
        if len(sentences) > _PROBLEMS_SHOWN:
            lines.append(self.tr("and %n more", "", len(sentences) - _PROBLEMS_SHOWN))
        self._text.setText("\n".join(lines))
        self.setVisible(bool(lines))

    def _paint(self) -> None:
        icon = self._theme.icon_in("warning-circle", self._theme.level_colour("warn"))
        self._icon.setPixmap(icon.pixmap(QSize(20, 20), QGuiApplication.primaryScreen().devicePixelRatio()))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Paint the background of an error."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._theme.colour("error_background"))
        painter.fillRect(0, self.height() - 1, self.width(), 1, self._theme.border)
