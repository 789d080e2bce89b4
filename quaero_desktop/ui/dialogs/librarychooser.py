"""Where the library is: the folder of the open one, and another for the next start."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.services import configuration
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.fields import Remark
from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.widgets.labels import ElidedLabel


class LibraryChooser(QWidget):
    """Shows the folder of the open library, and lets another one be chosen for the next start.

    Args:
        context: of the window.
        saved: returns the folder that the settings name now; empty for the usual one.

    Signals:
        changed: another one was chosen, or the choice was taken back.
    """

    changed = Signal()

    def __init__(self, context: Context, saved: Callable[[], object]) -> None:
        super().__init__()
        self._context = context
        self._saved = saved
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
        """Return what the layout gets."""
        return self

    def value(self) -> object:
        """Return the folder that is chosen; empty for the usual one."""
        return self._chosen

    def set_value(self, value: object) -> None:
        """Show a folder as chosen."""
        self._chosen = str(value or "")
        self.show_current()

    def on_change(self, slot: Callable[[], None]) -> None:
        """Call *slot* whenever another one is chosen."""
        self.changed.connect(slot)

    def show_current(self) -> None:
        """Show which library is open, and which one will be."""
        current = self._context.services.files.folder
        self._path.setText(str(current))
        self._usual.setVisible(bool(self._chosen))
        place = configuration.place_of(self._chosen)
        if place.folder == current:
            self._remark.say("")
        elif self._chosen == self._saved():
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
            self._remark.complain(error)
            return
        self._choose(str(place.folder))

    def _choose(self, folder: str) -> None:
        self._chosen = folder
        self.show_current()
        self.changed.emit()

    def _ask(self) -> None:
        chooser = QFileDialog(self, self.tr("Folder for the library"))
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(QFileDialog.FileMode.Directory)
        chooser.setOption(QFileDialog.Option.ShowDirsOnly)
        chooser.setDirectory(str(Path(self._context.services.files.folder).parent))
        chooser.fileSelected.connect(self.use)
        chooser.open()

    def _show_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._context.services.files.folder)))
