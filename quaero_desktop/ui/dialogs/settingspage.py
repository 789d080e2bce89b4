"""A page of the settings: one below the other, each with its name, its field and what is to be said about it."""

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QHBoxLayout, QLabel, QLineEdit, QWidget

from quaero_desktop.services import configuration
from quaero_desktop.ui.dialogs.fields import NumberEdit, Remark
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import muted

TEXT_WIDTH = 320
"""Of a field for words, in pixels."""


class Editor(Protocol):
    """What every kind of field can do."""

    def widget(self) -> QWidget:
        """Return what the layout gets."""
        ...

    def value(self) -> object:
        """Return what stands in it, valid or not."""
        ...

    def set_value(self, value: object) -> None:
        """Show a value."""
        ...

    def on_change(self, slot: Callable[[], None]) -> None:
        """Call *slot* whenever it changes."""
        ...


class SettingRow:
    """One setting: its name, its field, and what is to be said about it."""

    def __init__(self, key: str, label: str, editor: Editor, theme: Theme) -> None:
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


class SettingsPage(QWidget):
    """A page of settings, one below the other."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(4 * SPACE, 4 * SPACE, 4 * SPACE, 2 * SPACE)
        self._grid.setHorizontalSpacing(4 * SPACE)
        self._grid.setVerticalSpacing(SPACE)
        self._grid.setColumnStretch(1, 1)

    def add(self, row: SettingRow, hint: str, theme: Theme, *, several_lines: bool = False) -> None:
        """Add a setting with a hint below it; the name of one that has several lines stands beside the first."""
        line = self._grid.rowCount()
        alignment = Qt.AlignmentFlag.AlignTop if several_lines else Qt.AlignmentFlag.AlignVCenter
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

    def done(self) -> "SettingsPage":
        """Leave the room that is left below, and return the page."""
        self._grid.setRowStretch(self._grid.rowCount(), 1)
        return self

    def height_for(self, width: int) -> int:
        """Return how high it must be to show everything in that width."""
        return self._grid.totalHeightForWidth(width)


class NumberField(QWidget):
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
        """Return what the layout gets."""
        return self

    def value(self) -> object:
        """Return what stands in it, valid or not."""
        return self._edit.value()

    def set_value(self, value: object) -> None:
        """Show a value."""
        if isinstance(value, int | float):
            self._edit.set_value(value)

    def on_change(self, slot: Callable[[], None]) -> None:
        """Call *slot* whenever it changes."""
        self._edit.textChanged.connect(lambda _: slot())


class TextField:
    """A field for a line of text."""

    def __init__(self, placeholder: str) -> None:
        self._edit = QLineEdit()
        self._edit.setPlaceholderText(placeholder)
        self._edit.setMinimumWidth(TEXT_WIDTH)

    def widget(self) -> QLineEdit:
        """Return what the layout gets."""
        return self._edit

    def value(self) -> object:
        """Return what stands in it, valid or not."""
        return self._edit.text().strip()

    def set_value(self, value: object) -> None:
        """Show a value."""
        self._edit.setText(str(value))

    def on_change(self, slot: Callable[[], None]) -> None:
        """Call *slot* whenever it changes."""
        self._edit.textChanged.connect(lambda _: slot())


class ChoiceField:
    """A choice of a few values, each with its words."""

    def __init__(self, words: dict[str, str]) -> None:
        self._box = QComboBox()
        for value, text in words.items():
            self._box.addItem(text, value)
        self._box.setMaximumWidth(TEXT_WIDTH)

    def widget(self) -> QWidget:
        """Return what the layout gets."""
        return self._box

    def value(self) -> object:
        """Return what stands in it, valid or not."""
        return self._box.currentData()

    def set_value(self, value: object) -> None:
        """Show a value."""
        self._box.setCurrentIndex(max(0, self._box.findData(value)))

    def on_change(self, slot: Callable[[], None]) -> None:
        """Call *slot* whenever it changes."""
        self._box.currentIndexChanged.connect(lambda _: slot())


class SwitchField:
    """Yes or no."""

    def __init__(self, text: str) -> None:
        self._box = QCheckBox(text)

    def widget(self) -> QWidget:
        """Return what the layout gets."""
        return self._box

    def value(self) -> object:
        """Return what stands in it, valid or not."""
        return self._box.isChecked()

    def set_value(self, value: object) -> None:
        """Show a value."""
        self._box.setChecked(bool(value))

    def on_change(self, slot: Callable[[], None]) -> None:
        """Call *slot* whenever it changes."""
        self._box.toggled.connect(lambda _: slot())
