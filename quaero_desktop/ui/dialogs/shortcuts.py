"""The keyboard shortcuts, as a list to look at."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from quaero_desktop.ui.context import Context
from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.widgets.labels import muted

_ROWS_IN_A_COLUMN = 12


class ShortcutsDialog(QDialog):
    """Shows the keys of every action that has some.

    Args:
        context: what the parts are given.
        parent: the window.
    """

    def __init__(self, context: Context, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        keys = [
            (action.text().rstrip("…"), action.shortcut().toString(action.shortcut().SequenceFormat.NativeText))
            for action in context.actions.all()
            if not action.shortcut().isEmpty()
        ]
        keys += [
            (self.tr("Crawl what was copied"), "Ctrl+V"),
            (self.tr("Select all, also of a million pages"), "Ctrl+A"),
        ]
        grid = QGridLayout()
        grid.setHorizontalSpacing(4 * SPACE)
        grid.setVerticalSpacing(2 * SPACE)
        for index, (text, key) in enumerate(keys):
            column, row = divmod(index, _ROWS_IN_A_COLUMN)
            grid.addWidget(QLabel(text), row, 3 * column)
            grid.addWidget(muted(QLabel(key), context.theme), row, 3 * column + 1)
            grid.setColumnMinimumWidth(3 * column + 2, 6 * SPACE)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(5 * SPACE, 5 * SPACE, 5 * SPACE, 4 * SPACE)
        layout.setSpacing(4 * SPACE)
        layout.addLayout(grid)
        layout.addWidget(buttons)
