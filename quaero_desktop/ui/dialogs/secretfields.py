"""The fields for a secret, one set for each kind; what was pasted is shown no longer than it takes to recognise it."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QMimeData, QSignalBlocker, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.domain.credentials import CredentialKind
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.pasting import MAX_TEXT
from quaero_desktop.ui.dialogs.stepforms import LABELS
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import muted

_HIDDEN = QLineEdit.EchoMode.Password


class SecretFields(QWidget):
    """Takes a secret in the form of its kind.

    Args:
        theme: for colours.
        is_sound: whether a pasted text is a secret that is understood: then it is put out of sight.

    Signals:
        changed: it is another one now, sound or not.
        refused: a file cannot be read; the sentence.
    """

    changed = Signal()
    refused = Signal(str)

    def __init__(self, theme: Theme, is_sound: Callable[[str], bool], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_sound = is_sound
        self._pasted = ""
        self._kind: CredentialKind | None = None
        self.paste = _PasteEdit(self)
        self.paste.setObjectName("pastedSecret")
        self.paste.setAccessibleName(self.tr("What was copied from the browser"))
        self.paste.setPlaceholderText(
            self.tr(
                "Paste here: “Copy as cURL” of a request in the browser's developer tools, a Cookie header,\n"
                "or the content of a cookies.txt. It is put out of sight as soon as it is understood."
            )
        )
        self.paste.setFixedHeight(5 * self.paste.fontMetrics().lineSpacing() + 4 * SPACE)
        self.paste.pasted.connect(self._take)
        self.paste.textChanged.connect(self._typed)
        self.hidden = QLabel(self.tr("•••••••••••• pasted and out of sight"), self)
        self.again = QPushButton(self.tr("Paste &something else"), self)
        self.again.setObjectName("pasteAgain")
        self.again.setAutoDefault(False)
        self.again.clicked.connect(lambda _=False: self.clear())
        self.file = QPushButton(self.tr("Open cookies.t&xt…"), self)
        self.file.setObjectName("openCookies")
        self.file.setAutoDefault(False)
        self.file.clicked.connect(lambda _=False: self._ask())
        self.token = self._secret_line("token", self.tr("Token"))
        self.user = QLineEdit(self)
        self.user.setObjectName("user")
        self.user.setAccessibleName(self.tr("User name"))
        self.password = self._secret_line("password", self.tr("Password"))
        self.header = QLineEdit(self)
        self.header.setObjectName("header")
        self.header.setAccessibleName(self.tr("Name of the header"))
        self.header.setPlaceholderText("X-Api-Key")
        self.value = self._secret_line("headerValue", self.tr("Value of the header"))
        for line in (self.token, self.user, self.password, self.header, self.value):
            line.textChanged.connect(lambda _: self.changed.emit())
        self._stack = QStackedWidget(self)
        self._pages = {
            CredentialKind.COOKIES: self._paste_page(theme),
            CredentialKind.BEARER: _form((self.tr("&Token"), self.token)),
            CredentialKind.BASIC: _form((self.tr("&User name"), self.user), (self.tr("&Password"), self.password)),
            CredentialKind.HEADER: _form((self.tr("&Header"), self.header), (self.tr("&Value"), self.value)),
        }
        for page in self._pages.values():
            self._stack.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)
        self._show_hidden()

    @property
    def text(self) -> str:
        """The secret as it was given; it is shown nowhere."""
        match self._kind:
            case CredentialKind.BEARER:
                return self.token.text().strip()
            case CredentialKind.BASIC:
                user, password = self.user.text().strip(), self.password.text()
                return f"{user}:{password}" if user or password else ""
            case CredentialKind.HEADER:
                name, value = self.header.text().strip(), self.value.text().strip()
                return f"{name}: {value}" if name or value else ""
            case _:
                return self._pasted or self.paste.toPlainText()

    def set_kind(self, kind: CredentialKind | None) -> None:
        """Show the fields of a kind; None for whatever is pasted."""
        self._kind = kind
        self._stack.setCurrentWidget(self._pages[kind or CredentialKind.COOKIES])
        self.changed.emit()

    def clear(self) -> None:
        """Forget what was pasted, so that something else can be."""
        self._pasted = ""
        with QSignalBlocker(self.paste):
            self.paste.clear()
        self._show_hidden()
        self.paste.setFocus()
        self.changed.emit()

    def take_file(self, path: str) -> None:
        """Take the content of a file, or say why it cannot be had."""
        try:
            self._take(_read(Path(path)))
        except UsageError as error:
            self.refused.emit(error.message)

    def first_field(self) -> QWidget:
        """Return where a person begins."""
        firsts = {
            CredentialKind.BEARER: self.token,
            CredentialKind.BASIC: self.user,
            CredentialKind.HEADER: self.header,
        }
        return firsts.get(self._kind, self.paste) if self._kind is not None else self.paste

    def _take(self, text: str) -> None:
        """Take a pasted text; when it is understood nobody has to look at it any longer."""
        if self._is_sound(text):
            self._pasted = text
            with QSignalBlocker(self.paste):
                self.paste.clear()
        else:
            self._pasted = ""
            with QSignalBlocker(self.paste):
                self.paste.setPlainText(text[:10_000])
        self._show_hidden()
        self.changed.emit()

    def _typed(self) -> None:
        self._pasted = ""
        self.changed.emit()

    def _show_hidden(self) -> None:
        hidden = bool(self._pasted)
        self.paste.setVisible(not hidden)
        self.hidden.setVisible(hidden)
        self.again.setVisible(hidden)
        self.file.setVisible(not hidden)
        if hidden:
            self.again.setFocus()

    def _paste_page(self, theme: Theme) -> QWidget:
        page = QWidget(self)
        row = QHBoxLayout()
        row.setSpacing(2 * SPACE)
        row.addWidget(self.file)
        row.addWidget(muted(self.hidden, theme))
        row.addWidget(self.again)
        row.addStretch(1)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(self.paste)
        column.addLayout(row)
        column.addStretch(1)
        return page

    def _secret_line(self, name: str, words: str) -> QLineEdit:
        line = QLineEdit(self)
        line.setObjectName(name)
        line.setEchoMode(_HIDDEN)
        line.setAccessibleName(words)
        return line

    def _ask(self) -> None:
        chooser = QFileDialog(self.window(), self.tr("Open a file with cookies"))
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.setNameFilters([self.tr("Cookies (*.txt *.json)"), self.tr("All files (*)")])
        chooser.fileSelected.connect(self.take_file)
        chooser.finished.connect(chooser.deleteLater)
        chooser.open()


class _PasteEdit(QPlainTextEdit):
    """Tells what is pasted or dropped as a whole, and keeps none of it for "undo".

    Signals:
        pasted: the text.
    """

    pasted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTabChangesFocus(True)
        self.setUndoRedoEnabled(False)

    def insertFromMimeData(self, source: QMimeData) -> None:  # noqa: N802 (Qt's name)
        """Hand over what is pasted."""
        files = [url.toLocalFile() for url in source.urls() if url.isLocalFile()]
        if len(files) == 1:
            try:
                self.pasted.emit(_read(Path(files[0])))
            except UsageError:
                return
        elif source.hasText():
            self.pasted.emit(self.toPlainText() + source.text())


def _form(*rows: tuple[str, QLineEdit]) -> QWidget:
    page = QWidget()
    form = QFormLayout(page)
    form.setContentsMargins(0, 0, 0, 0)
    form.setHorizontalSpacing(3 * SPACE)
    form.setVerticalSpacing(SPACE)
    for text, field in rows:
        label = QLabel(text)
        label.setMinimumWidth(LABELS)
        label.setBuddy(field)
        form.addRow(label, field)
    return page


def _read(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_TEXT + 1)
    except OSError as error:
        raise UsageError(f"“{file.name}” cannot be read: {error.strerror}.") from error
    return content.decode("utf-8", "replace")
