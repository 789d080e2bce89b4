"""What this program is, which versions of what it runs on, and where the library lies."""

import platform
import sys

from PySide6 import __version__ as pyside_version
from PySide6.QtCore import QSize, Qt, QUrl, qVersion
from PySide6.QtGui import QDesktopServices, QGuiApplication, QIcon
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop import __version__
from quaero_desktop.services.compose import sqlite_version
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.widgets.labels import ElidedLabel, muted

_LICENCE = "MIT"
_PICTURE = 64


def versions() -> dict[str, str]:
    """Return what a report of a fault has to name: the versions of Quaero and of what it runs on, and the system."""
    return {
        "Quaero Desktop": __version__,
        "Python": platform.python_version(),
        "Qt": f"{qVersion()} (PySide6 {pyside_version})",
        "SQLite": sqlite_version(),
        "System": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "Platform": f"{QGuiApplication.platformName()}, {'bundle' if hasattr(sys, '_MEIPASS') else 'Python package'}",
    }


class AboutDialog(QDialog):
    """Says what this program is.

    Args:
        context: of the window.
        parent: the window.
    """

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("about")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("About Quaero Desktop"))
        self._folder = context.services.files.folder
        picture = QLabel(self)
        icon = QApplication.windowIcon() if parent is None else parent.windowIcon()
        self._show_picture(picture, icon)
        name = QLabel("Quaero Desktop", self)
        name.setFont(context.theme.font_large())
        what = QLabel(self.tr("Collect web knowledge into a private, searchable library on your own machine."), self)
        what.setWordWrap(True)
        licence = muted(QLabel(self.tr("Free software under the %s licence.") % _LICENCE, self), context.theme)
        titles = QVBoxLayout()
        titles.setSpacing(SPACE)
        for label in (name, what, licence):
            titles.addWidget(label)
        titles.addStretch(1)
        head = QHBoxLayout()
        head.setSpacing(4 * SPACE)
        head.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        head.addLayout(titles, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(5 * SPACE, 5 * SPACE, 5 * SPACE, 4 * SPACE)
        layout.setSpacing(4 * SPACE)
        layout.addLayout(head)
        layout.addLayout(self._facts(context))
        layout.addStretch(1)
        layout.addWidget(self._make_buttons())
        self.setMinimumWidth(480)

    def text(self) -> str:
        """Return the versions, as they are copied."""
        return "\n".join(f"{name}: {value}" for name, value in versions().items())

    @staticmethod
    def _show_picture(label: QLabel, icon: QIcon) -> None:
        label.setVisible(not icon.isNull())
        if not icon.isNull():
            label.setPixmap(icon.pixmap(QSize(_PICTURE, _PICTURE), label.devicePixelRatioF()))

    def _facts(self, context: Context) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(4 * SPACE)
        grid.setVerticalSpacing(SPACE)
        grid.setColumnStretch(1, 1)
        for row, (name, value) in enumerate(versions().items()):
            text = QLabel(value, self)
            text.setTextFormat(Qt.TextFormat.PlainText)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(muted(QLabel(name, self), context.theme), row, 0)
            grid.addWidget(text, row, 1)
        row = grid.rowCount()
        folder = ElidedLabel(str(self._folder), Qt.TextElideMode.ElideMiddle, self)
        folder.setAccessibleName(self.tr("Library folder: %s") % self._folder)
        self._open = QPushButton(self.tr("Open folder"), self)
        self._open.setObjectName("openFolder")
        self._open.setAutoDefault(False)
        self._open.clicked.connect(lambda _=False: QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder))))
        line = QHBoxLayout()
        line.addWidget(folder, 1)
        line.addWidget(self._open)
        grid.setRowMinimumHeight(row, 8 * SPACE)
        grid.addWidget(muted(QLabel(self.tr("Library"), self), context.theme), row, 0)
        grid.addLayout(line, row, 1)
        return grid

    def _make_buttons(self) -> QDialogButtonBox:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        close = buttons.button(QDialogButtonBox.StandardButton.Close)
        close.setDefault(True)
        copy = buttons.addButton(self.tr("Copy versions"), QDialogButtonBox.ButtonRole.ActionRole)
        copy.setObjectName("copyVersions")
        copy.setAutoDefault(False)
        copy.clicked.connect(lambda _=False: QGuiApplication.clipboard().setText(self.text()))
        buttons.rejected.connect(self.reject)
        close.setFocus()
        return buttons
