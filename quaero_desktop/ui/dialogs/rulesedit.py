"""Rules in plain words, and a live checker of what they do to an address."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from quaero_desktop.domain import rules
from quaero_desktop.domain.crawl import CrawlScope
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.jobs import SkipReason
from quaero_desktop.services import rules as rule_checker
from quaero_desktop.ui.dialogs.fields import Fault, LinesEdit, Remark
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import Heading, muted


class RulesEdit(QWidget):
    """Asks which addresses are followed, and says of one that is tried what would become of it.

    Args:
        theme: for colours.

    Signals:
        changed: other rules stand there.
    """

    changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._scope: CrawlScope | None = None
        self._extent = ""
        self._include = LinesEdit(self.tr("Only addresses with"), 3, parent=self)
        self._include.setObjectName("include")
        self._include.setPlaceholderText(self.tr("any"))
        self._exclude = LinesEdit(self.tr("Leave out addresses with"), 3, parent=self)
        self._exclude.setObjectName("exclude")
        self._exclude.setPlaceholderText("*.pdf\n*/old/*")
        for edit in (self._include, self._exclude):
            edit.textChanged.connect(self.changed)
        self._about = Remark(theme, self)
        self._try = _TryEdit(self)
        self._try.setObjectName("tryAddress")
        self._try.setAccessibleName(self.tr("Try an address"))
        self._try.setPlaceholderText(self.tr("An address, or the path of one, like /old/page.html"))
        self._try.textChanged.connect(lambda _: self._judge())
        self._verdict = Remark(theme, self, keep_room=True)
        self._verdict.setObjectName("verdict")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(Heading(self.tr("Rules")))
        column.addLayout(self._grid())

    def _grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(3 * SPACE)
        grid.setVerticalSpacing(SPACE)
        for column, edit in enumerate((self._include, self._exclude)):
            label = QLabel(edit.accessibleName(), self)
            label.setBuddy(edit)
            grid.addWidget(label, 0, column)
            grid.addWidget(edit, 1, column)
            grid.setColumnStretch(column, 1)
        explained = self.tr("One rule a line. Words match anywhere in an address, * is any text, ? any one character.")
        hint = QLabel(explained, self)
        hint.setWordWrap(True)
        grid.addWidget(muted(hint, self._theme), 2, 0, 1, 2)
        grid.addWidget(self._about, 3, 0, 1, 2)
        row = QHBoxLayout()
        row.setSpacing(2 * SPACE)
        label = QLabel(self.tr("&Try an address"), self)
        label.setBuddy(self._try)
        row.addWidget(label)
        row.addWidget(self._try, 1)
        grid.addLayout(row, 4, 0, 1, 2)
        grid.addWidget(self._verdict, 5, 0, 1, 2)
        grid.setRowMinimumHeight(4, 8 * SPACE)
        return grid

    @property
    def include(self) -> tuple[str, ...]:
        """Only what one of these matches is followed; empty for anything."""
        return self._include.texts

    @property
    def exclude(self) -> tuple[str, ...]:
        """What one of these matches is left out."""
        return self._exclude.texts

    def set_include(self, patterns: Sequence[str]) -> None:
        """Show other rules for what is followed."""
        self._include.setPlainText("\n".join(patterns))

    def set_exclude(self, patterns: Sequence[str]) -> None:
        """Show other rules for what is left out."""
        self._exclude.setPlainText("\n".join(patterns))

    def check(self) -> Fault | None:
        """Say below the rules what is wrong with them, and return it."""
        fault: Fault | None = None
        said = ""
        for edit in (self._include, self._exclude):
            bad = []
            for number, line in edit.lines:
                try:
                    rules.compiled(line)
                except UsageError as error:
                    bad.append(number)
                    said = said or error.message
                    fault = fault or Fault(edit, self.tr("Correct the rule."))
            edit.mark(bad, self._theme)
        self._about.say(said, "error")
        return fault

    def judge_by(self, scope: CrawlScope | None, extent: str) -> None:
        """Judge the address that is tried by another crawl.

        Args:
            scope: what decides about its links; None while that is not known.
            extent: how far it goes, in words.
        """
        self._scope, self._extent = scope, extent
        self._judge()

    def _judge(self) -> None:
        """Say what would become of the address that is tried."""
        text = self._try.text().strip()
        if not text:
            self._verdict.say("")
        elif self._scope is None:
            self._verdict.say(self.tr("Type the web address of the crawl first."))
        else:
            try:
                result = rule_checker.check(self._scope, text)
            except UsageError as error:
                self._verdict.say(error.message, "error")
                return
            if result.reason is None:
                self._verdict.say(self.tr("Would be followed."), "good")
            elif result.reason is SkipReason.SCOPE:
                self._verdict.say(self.tr("Not followed: it is outside of %s") % self._extent, "error")
            else:
                self._verdict.say(self.tr("Not followed: %s") % result.sentence, "error")


class _TryEdit(QLineEdit):
    """The field of the checker: Enter answers nothing more, and must not start the crawl."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Keep Enter from the dialog's button."""
        plain = not event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and plain:
            event.accept()
        else:
            super().keyPressEvent(event)
