"""What a person sees when Quaero itself made a mistake: plain words, and the details for whoever can mend it."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QTextOption
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.services.compose import without_secrets
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.about import versions
from quaero_desktop.ui.dialogs.fields import Disclosure
from quaero_desktop.ui.theme import SPACE

MOST_CHARACTERS = 60_000
"""So much of the details is kept, from the beginning and from the end: the whole of a deep recursion helps nobody."""
_MOST_IN_A_LINE = 500
"""A message of an error may quote the page it stumbled over; nobody wants to send that along."""


def report(details: str) -> str:
    """Return what is copied: the versions and the stacks, without secrets and without whole pages.

    Args:
        details: a traceback, or what the fault handler wrote.
    """
    lines = [f"{name}: {value}" for name, value in versions().items()]
    # A line of a traceback is short; a long one is a message that quotes what was being worked on.
    cut = [line if len(line) <= _MOST_IN_A_LINE else f"{line[:_MOST_IN_A_LINE]}…" for line in details.splitlines()]
    text = without_secrets("\n".join(cut))
    if len(text) > MOST_CHARACTERS:
        half = MOST_CHARACTERS // 2
        text = f"{text[:half]}\n…\n{text[-half:]}"
    return "\n".join([*lines, "", text.strip(), ""])


class CrashDialog(QDialog):
    """Says that something went wrong which should not have, and lets the person go on or quit.

    Args:
        context: of the window.
        parent: the window.
        details: the traceback.
        previous: whether it is about the run before this one, which ended by it.

    Signals:
        quit_wanted: the person would rather stop.
    """

    quit_wanted = Signal()

    def __init__(self, context: Context, parent: QWidget | None, details: str, *, previous: bool = False) -> None:
        super().__init__(parent)
        self.setObjectName("previousCrash" if previous else "crash")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._theme = context.theme
        self._reports = [details]
        if previous:
            self.setWindowTitle(self.tr("Quaero ended unexpectedly"))
            title = self.tr("Quaero ended unexpectedly the last time")
            words = self.tr(
                "That was a mistake in Quaero, not yours. Your library is sound: everything that had been stored is"
                " there, and crawls go on where they were."
            )
        else:
            self.setWindowTitle(self.tr("Something went wrong"))
            title = self.tr("Something went wrong in Quaero")
            words = self.tr(
                "That is a mistake in Quaero, not yours. What was stored is safe, and mostly you can simply go on. If"
                " it comes back, close Quaero and start it again: crawls go on where they were."
            )
        self._title = QLabel(title, self)
        self._title.setFont(self._theme.font_large())
        self._words = QLabel(words, self)
        self._words.setWordWrap(True)
        self._privacy = QLabel(self, wordWrap=True)
        self._privacy.setText(
            self.tr(
                "Nothing is sent anywhere. Whoever mends it needs the details: they name versions and places in the"
                " program, no passwords and no text of your pages."
            )
        )
        self._picture = QLabel(self)
        self._details = QPlainTextEdit(self)
        self._details.setObjectName("crashDetails")
        self._details.setAccessibleName(self.tr("Details"))
        self._details.setReadOnly(True)
        self._details.setTabChangesFocus(True)
        self._details.setFont(self._theme.font_fixed())
        self._details.setWordWrapMode(QTextOption.WrapMode.NoWrap)
        self._details.setMinimumHeight(50 * SPACE)
        self._disclosure = Disclosure(self._theme, self.tr("Details"), self._details, self)
        self._disclosure.setObjectName("showDetails")
        self._disclosure.folded.connect(lambda _: self._fit())
        self._buttons = self._make_buttons(previous=previous)
        self._lay_out()
        self._theme.changed.connect(self._paint)
        self._paint()
        self._show_details()

    @classmethod
    def previous_crash(cls, context: Context, parent: QWidget | None, details: str) -> "CrashDialog":
        """Open the dialog that says that the run before this one crashed, and return it."""
        dialog = cls(context, parent, details, previous=True)
        dialog.open()
        return dialog

    @classmethod
    def tell(cls, context: Context, parent: QWidget, details: str) -> "CrashDialog | None":
        """Open a dialog over *parent* and return it, or let the one that is open say this too and return None."""
        for dialog in parent.findChildren(CrashDialog):
            if dialog.isVisible() and dialog.objectName() == "crash":
                dialog.add(details)
                return None
        dialog = cls(context, parent, details)
        dialog.open()
        return dialog

    def add(self, details: str) -> None:
        """Take in one more mistake while the dialog is open, instead of opening another one."""
        if details not in self._reports:
            self._reports.append(details)
            self._show_details()

    def text(self) -> str:
        """Return what "Copy details" copies."""
        return report("\n\n".join(self._reports))

    def _make_buttons(self, *, previous: bool) -> QDialogButtonBox:
        buttons = QDialogButtonBox(self)
        go_on = buttons.addButton(
            self.tr("Close") if previous else self.tr("Go on"), QDialogButtonBox.ButtonRole.AcceptRole
        )
        go_on.setObjectName("goOn")
        go_on.setDefault(True)
        go_on.setFocus()
        if not previous:
            leave = buttons.addButton(self.tr("Quit"), QDialogButtonBox.ButtonRole.DestructiveRole)
            leave.setObjectName("quit")
            leave.setAutoDefault(False)
            leave.clicked.connect(self._quit)
        self._copy = buttons.addButton(self.tr("Copy details"), QDialogButtonBox.ButtonRole.ActionRole)
        self._copy.setObjectName("copyDetails")
        self._copy.setAutoDefault(False)
        self._copy.clicked.connect(self._copy_details)
        buttons.accepted.connect(self.accept)
        return buttons

    def _lay_out(self) -> None:
        texts = QVBoxLayout()
        texts.setSpacing(2 * SPACE)
        for label in (self._title, self._words, self._privacy):
            texts.addWidget(label)
        head = QHBoxLayout()
        head.setSpacing(4 * SPACE)
        head.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignTop)
        head.addLayout(texts, 1)
        self._column = layout = QVBoxLayout(self)
        layout.setContentsMargins(5 * SPACE, 5 * SPACE, 5 * SPACE, 4 * SPACE)
        layout.setSpacing(3 * SPACE)
        layout.addLayout(head)
        layout.addWidget(self._disclosure, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._details, 1)
        layout.addStretch(0)
        layout.addWidget(self._buttons)
        self.setMinimumWidth(560)

    def _show_details(self) -> None:
        self._details.setPlainText(self.text())
        self._copy.setText(self.tr("Copy details"))

    def _copy_details(self) -> None:
        QGuiApplication.clipboard().setText(self.text())
        self._copy.setText(self.tr("Copied"))

    def _quit(self) -> None:
        self.quit_wanted.emit()
        self.accept()

    def _fit(self) -> None:
        self._column.activate()
        self.resize(self.width(), max(self.minimumSizeHint().height(), self.heightForWidth(self.width())))

    def _paint(self) -> None:
        icon = self._theme.icon_in("warning-circle", self._theme.level_colour("warn"))
        self._picture.setPixmap(icon.pixmap(QSize(40, 40), self.devicePixelRatioF()))
        palette = self._privacy.palette()
        palette.setColor(self._privacy.foregroundRole(), self._theme.muted)
        self._privacy.setPalette(palette)
