"""What the dialogs share that do something long: how far it is, how long it takes, and a way to stop it."""

import time
from asyncio import Task

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QProgressBar, QVBoxLayout, QWidget

from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.fields import Remark
from quaero_desktop.ui.dialogs.formdialog import Buttons
from quaero_desktop.ui.format import duration
from quaero_desktop.ui.theme import SPACE

_WIDTH = 540
_EARLY = 3
"""Seconds: nobody knows yet how long it will take."""


class WorkDialog(QDialog):
    """A dialog that begins something long, and shows how far it is.

    Args:
        context: of the window.
        parent: the window.
        name: of the dialog, for who looks for it.
    """

    def __init__(self, context: Context, parent: QWidget | None, *, name: str) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(_WIDTH)
        self._context = context
        self._theme = context.theme
        self._task: Task[None] | None = None
        self._started = 0.0

    def reject(self) -> None:
        """Stop what goes on; else close."""
        if self._task is not None:
            self._task.cancel()
        else:
            super().reject()

    def _make_foot(self, text: str, name: str, remark: str) -> None:
        """Make the bar, the line below it and the buttons.

        Args:
            text: of the button that begins the work.
            name: of that button, for who looks for it.
            remark: the name of the line.
        """
        self._progress = QProgressBar(self)
        self._progress.setTextVisible(False)
        self._progress.setFixedHeight(6)
        self._keep_room(self._progress)
        self._progress.hide()
        self._remark = Remark(self._theme, self, keep_room=True)
        self._remark.setObjectName(remark)
        self._buttons = Buttons(text, name, self)

    def _lay_out(self, *parts: QWidget) -> QVBoxLayout:
        """Put parts below each other, the buttons last, and return the column."""
        column = QVBoxLayout(self)
        column.setContentsMargins(5 * SPACE, 5 * SPACE, 5 * SPACE, 4 * SPACE)
        column.setSpacing(3 * SPACE)
        for part in (*parts, self._remark, self._buttons):
            column.addWidget(part)
        return column

    @staticmethod
    def _keep_room(widget: QWidget) -> None:
        """Let a widget keep its room while it is hidden, so that the dialog does not jump."""
        policy = widget.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        widget.setSizePolicy(policy)

    def _show_work(self) -> None:
        """Show that something goes on; how much of it is done is not known yet."""
        self._started = time.monotonic()
        self._progress.setRange(0, 0)
        self._progress.show()

    def _show_done(self, done: int, total: int) -> str:
        """Show how much is done, and return how long the rest takes in words, to be added to them."""
        self._progress.setRange(0, total)
        self._progress.setValue(done)
        seconds = time.monotonic() - self._started
        if not 0 < done < total or seconds <= _EARLY:
            return ""
        return f" · {self.tr('about %s left') % duration(seconds * (total - done) / done)}"
