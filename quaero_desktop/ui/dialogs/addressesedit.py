"""The addresses where a crawl begins: typed, pasted, or taken from a file."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from quaero_desktop.domain import urls
from quaero_desktop.domain.errors import KnownError, UsageError
from quaero_desktop.ui.addresses import urls_in_file, urls_in_mime
from quaero_desktop.ui.dialogs.fields import Fault, LinesEdit, Remark
from quaero_desktop.ui.format import error_text
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import Heading


class AddressesEdit(QWidget):
    """Asks for web addresses, one a line, and says what each line is worth.

    Args:
        theme: for colours.

    Signals:
        changed: another text stands there.
        submitted: Enter was pressed.
        refused: a sentence that says why nothing could be taken from a file.
    """

    changed = Signal()
    submitted = Signal()
    refused = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._seeds: tuple[str, ...] = ()
        self._edit = LinesEdit(self.tr("Web addresses"), 3, takes=urls_in_mime, parent=self)
        self._edit.setObjectName("addresses")
        self._edit.setPlaceholderText(self.tr("Paste or type one or more web addresses, one a line"))
        self._edit.setToolTip(self.tr("Enter starts the crawl, Shift+Enter begins another line."))
        self._edit.submitted.connect(self.submitted)
        self._edit.textChanged.connect(self.changed)
        self._open_file = QPushButton(self.tr("Open file…"), self)
        self._open_file.setToolTip(self.tr("Take the addresses from a text file"))
        self._open_file.setAutoDefault(False)
        self._open_file.clicked.connect(self._ask_for_file)
        self._about = Remark(theme, self, keep_room=True)
        heading = Heading(self.tr("Web addresses"))
        heading.setBuddy(self._edit)
        head = QHBoxLayout()
        head.addWidget(heading, 1)
        head.addWidget(self._open_file)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addLayout(head)
        column.addWidget(self._edit)
        column.addWidget(self._about)
        self.setFocusProxy(self._edit)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses as typed, sound or not."""
        return self._edit.texts

    @property
    def seeds(self) -> tuple[str, ...]:
        """The sound ones among them, canonical, as of the last check."""
        return self._seeds

    @property
    def length(self) -> int:
        """How many characters stand there."""
        return self._edit.document().characterCount()

    def set_addresses(self, addresses: Sequence[str]) -> None:
        """Show these and no others."""
        self._edit.setPlainText("\n".join(addresses))
        self._edit.moveCursor(QTextCursor.MoveOperation.End)

    def add(self, addresses: Sequence[str]) -> None:
        """Show these after what stands there, each only once."""
        there = self.addresses
        lines = tuple(dict.fromkeys([*there, *(address.strip() for address in addresses)]))
        if lines != there:
            self.set_addresses(lines)

    def take_file(self, path: str) -> None:
        """Add the addresses in a text file, or say why there are none."""
        try:
            self.add(urls_in_file(Path(path)))
        except KnownError as error:
            self.refused.emit(error_text(error))

    def check(self) -> Fault | None:
        """Say below the field what the lines are worth, and return what is wrong with them."""
        good: dict[str, None] = {}
        faults: list[tuple[int, UsageError]] = []
        lines = self._edit.lines
        secret = False
        for number, line in lines:
            try:
                good[urls.seed(line)] = None
                secret = secret or "@" in line.partition("://")[2].partition("/")[0]
            except UsageError as error:
                faults.append((number, error))
        self._seeds = tuple(good)
        self._edit.mark([number for number, _ in faults], self._theme)
        if faults:
            number, first = faults[0]
            where = self.tr("Line %d: ") % (number + 1) if len(lines) > 1 else ""
            others = self.tr(" %n more lines are none either.", "", len(faults) - 1) if len(faults) > 1 else ""
            self._about.say(f"{where}{first.message}{others}", "error")
            return Fault(self._edit, self.tr("Correct the web address."))
        if not lines:
            self._about.say(self.tr("Enter starts the crawl; Shift+Enter begins another line."))
            return Fault(self._edit, "")
        if secret:
            said = self.tr("The user name and password in the address are left out. A source can have a sign-in.")
            self._about.say(said)
        elif len(good) > 1:
            self._about.say(self.tr("%n addresses to start from", "", len(good)), "good")
        else:
            self._about.say(self.tr("Starts at %s") % next(iter(good)), "good")
        return None

    def _ask_for_file(self) -> None:
        chooser = QFileDialog(self, self.tr("Open a file with web addresses"))
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.setNameFilters([self.tr("Text files (*.txt *.md *.csv *.html *.url)"), self.tr("All files (*)")])
        chooser.fileSelected.connect(self.take_file)
        chooser.open()
