"""What the window shows when the library cannot be opened: why, and what can be done."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from quaero_desktop.domain.errors import KnownError, LibraryDamagedError
from quaero_desktop.services.maintenance import BackupInfo
from quaero_desktop.ui.format import exact, size
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import muted


class Trouble(QWidget):
    """The error as a sentence with its hint, and buttons for what helps.

    Signals:
        retry_wanted: try to open the library again.
        restore_wanted: the name of the backup to put in the library's place.
        folder_wanted: another folder that the person chose for the library.
        quit_wanted: close the window.
        closed: the person closed it.
    """

    retry_wanted = Signal()
    restore_wanted = Signal(str)
    folder_wanted = Signal(str)
    quit_wanted = Signal()
    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("trouble")
        self._theme = theme
        self._picture = QLabel(self)
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message = QLabel(self)
        self._message.setFont(theme.font_large())
        self._hint = muted(QLabel(self), theme)
        for label in (self._message, self._hint):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._backups = QComboBox(self)
        self._backups.setAccessibleName(self.tr("Backup to restore"))
        self._restore = QPushButton(self.tr("Restore this backup"), self)
        self._restore.clicked.connect(lambda _=False: self.restore_wanted.emit(str(self._backups.currentData())))
        again = QPushButton(self.tr("Try again"), self)
        again.setDefault(True)
        again.clicked.connect(lambda _=False: self.retry_wanted.emit())
        other = QPushButton(self.tr("Use another folder…"), self)
        other.setObjectName("otherLibrary")
        other.clicked.connect(lambda _=False: self._ask())
        leave = QPushButton(self.tr("Quit"), self)
        leave.clicked.connect(lambda _=False: self.quit_wanted.emit())
        restoring = QHBoxLayout()
        restoring.addStretch(1)
        restoring.addWidget(self._backups)
        restoring.addWidget(self._restore)
        restoring.addStretch(1)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for button in (again, other, leave):
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12 * SPACE, 6 * SPACE, 12 * SPACE, 6 * SPACE)
        layout.setSpacing(4 * SPACE)
        layout.addStretch(2)
        layout.addWidget(self._picture)
        layout.addWidget(self._message)
        layout.addWidget(self._hint)
        layout.addLayout(restoring)
        layout.addLayout(buttons)
        layout.addStretch(3)
        theme.changed.connect(self._paint)
        self._paint()

    def show_error(self, error: KnownError, backups: list[BackupInfo]) -> None:
        """Show an error; *backups*, newest first, are offered where the library itself is damaged."""
        offered = backups if isinstance(error, LibraryDamagedError) else []
        self._message.setText(error.message)
        # The command line is no help here: what the hint says of it is a button below.
        hint = error.hint.replace(" with --library", "")
        if offered:
            hint = self.tr("Nothing was written. Restore a backup, or keep a copy of the folder and ask for help.")
        elif isinstance(error, LibraryDamagedError):
            hint = self.tr(
                "Nothing was written, and there is no backup of it here. Keep a copy of the folder and ask for help;"
                " meanwhile another folder can be used."
            )
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))
        self._backups.clear()
        for backup in offered:
            self._backups.addItem(
                self.tr("Backup of %s, %s") % (exact(backup.created_at), size(backup.bytes)), backup.name
            )
        self._backups.setVisible(bool(offered))
        self._restore.setVisible(bool(offered))

    def _ask(self) -> None:
        chooser = QFileDialog(self, self.tr("Folder for the library"))
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(QFileDialog.FileMode.Directory)
        chooser.setOption(QFileDialog.Option.ShowDirsOnly)
        chooser.fileSelected.connect(self.folder_wanted)
        chooser.open()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's name)
        """Say that it was closed."""
        super().closeEvent(event)
        self.closed.emit()

    def _paint(self) -> None:
        colour = self._theme.status_colour("paused")
        self._picture.setPixmap(self._theme.icon_in("warning", colour).pixmap(48, 48))
