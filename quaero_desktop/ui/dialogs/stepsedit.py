"""The steps of a definition: a list to put in order, and the form of the one that is selected."""

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QScrollArea,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.domain.definitions import Action, OnError, Step
from quaero_desktop.ui.dialogs.fields import Remark
from quaero_desktop.ui.dialogs.stepforms import LABELS, OPTIONS, OptionsForm
from quaero_desktop.ui.format import clean, tool_tip
from quaero_desktop.ui.recipewords import ABOUT_ACTIONS, ACTIONS, ON_ERROR, action_words, step_details
from quaero_desktop.ui.theme import ROW, SPACE, Theme
from quaero_desktop.ui.widgets.labels import Heading, muted
from quaero_desktop.ui.widgets.rowdelegate import RowDelegate

_LIST_WIDTH = 56 * SPACE
_USUAL_CONFIG: Mapping[str, dict[str, Any]] = {
    Action.CLEANUP: {"older_than": "30d"},
}
"""What a step that was just added begins with, where its action needs something."""


class StepForm(QScrollArea):
    """Everything about one step.

    Args:
        theme: for colours.
        step: what it shows at first.

    Signals:
        changed: something in it is different.
    """

    changed = Signal()

    def __init__(self, theme: Theme, step: Step, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._action = step.action
        self.name = QLineEdit(self)
        self.name.setObjectName("stepName")
        self.name.setText(clean(step.name))
        self.name.setAccessibleName(self.tr("Name of the step"))
        self.about_name = Remark(theme, self)
        self.on_error = QComboBox(self)
        self.on_error.setObjectName("onError")
        self.on_error.setAccessibleName(self.tr("If the step fails"))
        for value, words in ON_ERROR.items():
            self.on_error.addItem(words, str(value))
        if self.on_error.findData(step.on_error) < 0:
            self.on_error.addItem(clean(step.on_error, 40), step.on_error)
        self.on_error.setCurrentIndex(self.on_error.findData(step.on_error))
        self.options = OptionsForm(theme, OPTIONS.get(step.action, ()), self)
        self.options.set_options(step.config)
        nobody = self.tr("Nobody knows how to do this: take the step out.")
        about = QLabel(ABOUT_ACTIONS.get(step.action, nobody), self)
        about.setWordWrap(True)
        form = QFormLayout()
        form.setHorizontalSpacing(3 * SPACE)
        form.setVerticalSpacing(SPACE)
        for text, field in ((self.tr("Na&me"), self.name), (self.tr("If it fa&ils"), self.on_error)):
            label = QLabel(text, self)
            label.setMinimumWidth(LABELS)
            label.setBuddy(field)
            form.addRow(label, field)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(3 * SPACE, 0, 2 * SPACE, 0)
        column.setSpacing(2 * SPACE)
        column.addWidget(Heading(action_words(step.action), self))
        column.addWidget(muted(about, theme))
        column.addWidget(self.options)
        column.addLayout(form)
        column.addWidget(self.about_name)
        column.addStretch(1)
        self.setWidget(content)
        self.name.textChanged.connect(lambda _: self.changed.emit())
        self.on_error.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.options.changed.connect(self.changed)

    @property
    def step(self) -> Step:
        """The step as it stands."""
        return Step(
            name=clean(self.name.text()).strip(),
            action=self._action,
            on_error=str(self.on_error.currentData()),
            config=self.options.options,
        )

    def show_problem(self, field: str, sentence: str) -> None:
        """Say beside its field what is wrong; with an empty field nothing is."""
        is_option = field.startswith("config")
        self.options.show_problem(_option_of(field) if is_option else "", sentence)
        self.about_name.say(sentence if field and not is_option else "", "error")

    def go_to(self, field: str) -> None:
        """Give the keyboard to a field, like ``config.max_depth``."""
        if field.startswith("config"):
            self.options.go_to(_option_of(field))
        else:
            (self.on_error if field == "on_error" else self.name).setFocus()


class StepsEdit(QWidget):
    """Lets steps be added, taken out, put in order (buttons, mouse, Alt with the arrow keys) and filled in.

    Args:
        theme: for colours and icons.

    Signals:
        changed: something is different.
    """

    changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._forms: dict[int, StepForm] = {}
        self._next = 0
        self._faulty: int | None = None
        self.list = QListWidget(self)
        self.list.setObjectName("steps")
        self.list.setAccessibleName(self.tr("Steps, in the order in which they run"))
        self.list.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.list.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setMinimumHeight(4 * ROW)
        self.list.setItemDelegate(RowDelegate(theme, self.list))
        self.list.setToolTip(self.tr("Drag a step, or press Alt+Up and Alt+Down, to move it"))
        self.forms = QStackedWidget(self)
        self._nothing = QLabel(self.tr("Steps run one after the other.\nAdd the first one."), self)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.forms.addWidget(muted(self._nothing, theme))
        self.add_button = self._tool("addStep", self.tr("&Add step"), "plus", self.tr("Add a step below this one"))
        self.add_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.add_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.add_button.setMenu(self._make_menu())
        self.up = self._tool("stepUp", "", "arrow-up", self.tr("Move up (Alt+Up)"))
        self.down = self._tool("stepDown", "", "arrow-down", self.tr("Move down (Alt+Down)"))
        self.out = self._tool("removeStep", "", "trash", self.tr("Take out"))
        self.up.clicked.connect(lambda _=False: self.move_current(-1))
        self.down.clicked.connect(lambda _=False: self.move_current(1))
        self.out.clicked.connect(lambda _=False: self.take_out())
        for keys, by in ((Qt.Key.Key_Up, -1), (Qt.Key.Key_Down, 1)):
            shortcut = QShortcut(QKeySequence(Qt.Modifier.ALT | keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda by=by: self.move_current(by))
        delete = QShortcut(QKeySequence(Qt.Key.Key_Delete), self.list)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self.take_out)
        self._lay_out()
        self.list.currentItemChanged.connect(lambda *_: self._show_current())
        self.list.model().rowsMoved.connect(lambda *_: self._moved())
        theme.changed.connect(self._paint)
        self._paint()
        self._show_current()

    # --- what it holds ------------------------------------------------------------------------------------------------

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps as they stand, in order."""
        return tuple(self._form(row).step for row in range(self.list.count()))

    def set_steps(self, steps: Sequence[Step]) -> None:
        """Show these steps."""
        with QSignalBlocker(self.list):
            self.list.clear()
            for form in self._forms.values():
                self.forms.removeWidget(form)
                form.deleteLater()
            self._forms.clear()
            for step in steps:
                self._insert(step, self.list.count())
            if steps:
                self.list.setCurrentRow(0)
        self._write()
        self._show_current()
        self.changed.emit()

    def add(self, action: str) -> None:
        """Add a step below the one that is selected, and go to it."""
        taken = {step.name.casefold() for step in self.steps}
        name, number = action_words(action), 1
        while name.casefold() in taken:
            number += 1
            name = f"{action_words(action)} {number}"
        row = self.list.currentRow() + 1 if self.list.count() else 0
        self._insert(Step(name=name, action=action, on_error=OnError.FAIL, config=_USUAL_CONFIG.get(action, {})), row)
        self.list.setCurrentRow(row)
        self._write()
        self.changed.emit()

    def take_out(self) -> None:
        """Take the selected step out."""
        row = self.list.currentRow()
        if row < 0:
            return
        key = self._key(row)
        self.list.takeItem(row)
        form = self._forms.pop(key)
        self.forms.removeWidget(form)
        form.deleteLater()
        self._write()
        self._show_current()
        self.changed.emit()

    def move_current(self, by: int) -> None:
        """Move the selected step up (-1) or down (1)."""
        row = self.list.currentRow()
        if row < 0 or not 0 <= row + by < self.list.count():
            return
        with QSignalBlocker(self.list):
            item = self.list.takeItem(row)
            self.list.insertItem(row + by, item)
            self.list.setCurrentRow(row + by)
        self._moved()

    # --- problems -----------------------------------------------------------------------------------------------------

    def name_of(self, row: int, field: str) -> str:
        """Return what a field of a step is called, like ``Links deep``."""
        if field.startswith("config") and 0 <= row < self.list.count():
            return self._form(row).options.name_of(_option_of(field))
        return {"name": self.tr("The name"), "on_error": self.tr("If it fails")}.get(field, field)

    def show_problem(self, row: int | None, field: str = "", sentence: str = "") -> None:
        """Say in the form of a step what is wrong with it; None says it of no step."""
        self._faulty = row
        for each in range(self.list.count()):
            self._form(each).show_problem(field if each == row else "", sentence)
        self._write()

    def go_to(self, row: int, field: str) -> None:
        """Select a step and give the keyboard to a field of it."""
        if 0 <= row < self.list.count():
            self.list.setCurrentRow(row)
            self._form(row).go_to(field)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(SPACE)
        buttons.addWidget(self.add_button)
        buttons.addStretch(1)
        for button in (self.up, self.down, self.out):
            buttons.addWidget(button)
        side = QWidget(self)
        side.setFixedWidth(_LIST_WIDTH)
        left = QVBoxLayout(side)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(SPACE)
        left.addWidget(self.list, 1)
        left.addLayout(buttons)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(side)
        layout.addWidget(self.forms, 1)

    def _make_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for action, words in ACTIONS.items():
            entry = menu.addAction(words)
            entry.setToolTip(ABOUT_ACTIONS[action])
            entry.setData(str(action))
            entry.triggered.connect(lambda _=False, action=action: self._add_and_go(str(action)))
        return menu

    def _add_and_go(self, action: str) -> None:
        self.add(action)
        fields = OPTIONS.get(action)
        self.go_to(self.list.currentRow(), f"config.{fields[0].key}" if fields else "name")

    def _tool(self, name: str, text: str, icon: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(name)
        button.setText(text)
        button.setProperty("glyph", icon)
        button.setToolTip(tip)
        button.setAccessibleName(tip.partition(" (")[0])
        button.setIconSize(QSize(4 * SPACE, 4 * SPACE))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def _insert(self, step: Step, row: int) -> None:
        key, self._next = self._next, self._next + 1
        item = QListWidgetItem()
        item.setData(Qt.ItemDataRole.UserRole, key)
        item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsDropEnabled)
        item.setSizeHint(QSize(0, ROW + SPACE))
        form = StepForm(self._theme, step, self)
        form.changed.connect(self._form_changed)
        self._forms[key] = form
        self.forms.addWidget(form)
        self.list.insertItem(row, item)

    def _key(self, row: int) -> int:
        return int(self.list.item(row).data(Qt.ItemDataRole.UserRole))

    def _form(self, row: int) -> StepForm:
        return self._forms[self._key(row)]

    def _form_changed(self) -> None:
        self._write()
        self.changed.emit()

    def _moved(self) -> None:
        self._write()
        self._show_current()
        self.changed.emit()

    def _show_current(self) -> None:
        row, number = self.list.currentRow(), self.list.count()
        self.forms.setCurrentWidget(self._form(row) if row >= 0 else self._nothing)
        self.up.setEnabled(row > 0)
        self.down.setEnabled(0 <= row < number - 1)
        self.out.setEnabled(row >= 0)

    def _write(self) -> None:
        """Write the lines of the list anew."""
        failed = self._theme.status_colour("failed")
        with QSignalBlocker(self.list):
            for row in range(self.list.count()):
                step, item = self._form(row).step, self.list.item(row)
                name = step.name or self.tr("without a name")
                item.setText(f"{row + 1}   {name}" + ("   ✕" if row == self._faulty else ""))
                details = step_details(step)
                item.setToolTip(tool_tip("\n".join(part for part in (action_words(step.action), details) if part)))
                item.setData(Qt.ItemDataRole.ForegroundRole, failed if row == self._faulty else None)

    def _paint(self) -> None:
        for button in (self.add_button, self.up, self.down, self.out):
            button.setIcon(self._theme.icon(str(button.property("glyph"))))
        self._write()


def _option_of(field: str) -> str:
    """Return the option that a field is about: ``config.start_urls[2]`` is about ``start_urls``."""
    return field.removeprefix("config").lstrip(".").partition("[")[0].partition(".")[0]
