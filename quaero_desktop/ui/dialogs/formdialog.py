"""What the dialogs share in which something is filled in: the foot, the room, what is said when it is refused."""

from typing import ClassVar

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from quaero_desktop.domain.errors import FieldError, KnownError
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.fields import Remark
from quaero_desktop.ui.theme import SPACE

_MARGIN = QSize(40, 80)
"""So much of the screen stays free beside a dialog."""


class Buttons(QDialogButtonBox):
    """What a dialog is there for, what else it can do, and Cancel. Enter does the first, wherever the keyboard is.

    Args:
        text: of the button for what the dialog is there for.
        name: of that button, for who looks for it.
        dialog: its Cancel closes it.

    Attributes:
        main: what the dialog is there for; ``accepted`` tells of it.
        cancel: the button that closes the dialog.
    """

    def __init__(self, text: str, name: str, dialog: QDialog) -> None:
        super().__init__(QDialogButtonBox.StandardButton.Cancel, dialog)
        self.main = self.addButton(text, QDialogButtonBox.ButtonRole.AcceptRole)
        self.main.setObjectName(name)
        self.main.setDefault(True)
        self.cancel = self.button(QDialogButtonBox.StandardButton.Cancel)
        self.cancel.setAutoDefault(False)
        self.rejected.connect(dialog.reject)

    def add(
        self,
        text: str,
        name: str,
        tip: str = "",
        role: QDialogButtonBox.ButtonRole = QDialogButtonBox.ButtonRole.ActionRole,
    ) -> QPushButton:
        """Add a button for something else and return it."""
        button = self.addButton(text, role)
        button.setObjectName(name)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        return button


class FormDialog(QDialog):
    """A dialog in which something is filled in, and stored or begun; what is refused stays as it was typed.

    Args:
        context: of the window.
        parent: the window.
        name: of the dialog, for who looks for it.
    """

    SHORTCUTS: ClassVar[tuple[str, ...]] = ("Ctrl+Return", "Ctrl+Enter", "Ctrl+S")
    """What does the same as the first button, wherever the keyboard is."""

    def __init__(self, context: Context, parent: QWidget | None, *, name: str) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._context = context
        self._theme = context.theme
        self._is_busy = False
        for keys in self.SHORTCUTS:
            QShortcut(QKeySequence(keys), self).activated.connect(self.submit)

    def submit(self) -> None:
        """Do what the dialog is there for, or say why not."""
        raise NotImplementedError

    def _make_buttons(self, text: str, name: str) -> Buttons:
        """Make the foot: after the fields, since Tab goes through all in the order in which they were made.

        Args:
            text: of the button for what the dialog is there for.
            name: of that button, for who looks for it.
        """
        self._complaint = Remark(self._theme, self)
        self._complaint.setObjectName("complaint")
        self._buttons = Buttons(text, name, self)
        self._buttons.accepted.connect(self.submit)
        return self._buttons

    def _foot(self) -> QHBoxLayout:
        """Return the foot of the dialog: what is wrong, beside the buttons."""
        foot = QHBoxLayout()
        foot.setContentsMargins(4 * SPACE, SPACE, 4 * SPACE, 4 * SPACE)
        foot.setSpacing(3 * SPACE)
        foot.addWidget(self._complaint, 1)
        foot.addWidget(self._buttons, 0, Qt.AlignmentFlag.AlignBottom)
        return foot

    def _most(self) -> QSize:
        """Return how large the dialog may be on its screen."""
        return self.screen().availableSize() - _MARGIN

    def _failed(self, error: KnownError) -> None:
        """Say why something could not be stored; a dialog that is closed by then leaves that to the window."""
        if not isValid(self):
            self._context.notices.error(error)
            return
        if isinstance(error, FieldError) and self._refuse(error):
            return
        self._show_state()
        self._complaint.complain(error)

    def _refuse(self, error: FieldError) -> bool:
        """Show at its field what was refused, and go there; return whether there is such a field."""
        return False

    def _show_state(self) -> None:
        """Show what is wrong with what is filled in, if anything, and which buttons do something now."""
        raise NotImplementedError


class ScrolledDialog(FormDialog):
    """A form that is as high as what it holds, and scrolls where the screen is lower."""

    WIDTH: ClassVar[int]
    """The least width, in pixels."""

    def _lay_out_column(self) -> QVBoxLayout:
        """Make a column to fill, with the foot below, and return it."""
        content = QWidget()
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(4 * SPACE, 4 * SPACE, 4 * SPACE, 2 * SPACE)
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(content)
        self._whole = QVBoxLayout(self)
        self._whole.setContentsMargins(0, 0, 0, 0)
        self._whole.setSpacing(SPACE)
        self._whole.addWidget(self._scroll, 1)
        self._whole.addLayout(self._foot())
        return self._column

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        """Fit the dialog to what it shows."""
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Be as high as the content is, as far as the screen allows."""
        self._column.activate()
        foot = self._whole.sizeHint().height() - self._scroll.sizeHint().height()
        width = max(self.width(), self.WIDTH) if self.isVisible() else self.WIDTH
        height = self._column.totalHeightForWidth(width) + foot
        self.resize(QSize(width, height).boundedTo(self._most()))

    def _grow(self) -> None:
        """Make room for what is said now; what there is more stays, so that nothing jumps."""
        width = self._scroll.viewport().width()
        if self.isVisible() and self._column.totalHeightForWidth(width) > self._scroll.viewport().height():
            self._fit()
