"""What filters a table of pages: a text, chips for statuses, and the reasons for which pages failed."""

from collections.abc import Iterable, Mapping

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from quaero_desktop.domain.pagelist import FailureGroup
from quaero_desktop.domain.words import CAUSES
from quaero_desktop.ui import format as written
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.statuschips import StatusChips

DEBOUNCE_MS = 150

Reason = tuple[str | None, int | None]
"""A cause and an HTTP code, either of which may not be known."""
EVERY_REASON: Reason = (None, None)


def reason_name(cause: str | None, code: int | None) -> str:
    """Return what a group of failures is called."""
    if code is not None:
        return f"HTTP {code}"
    words = CAUSES.get(cause or "") or written.clean((cause or "no reason recorded").replace("_", " "))
    return words[:1].upper() + words[1:]


class PageFilterBar(QWidget):
    """The bar above a table of pages.

    Args:
        theme: for icons and colours.

    Signals:
        changed: something else is wanted.
        left: the arrow down was pressed in the text: on to the table.
    """

    changed = Signal()
    left = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._groups: tuple[FailureGroup, ...] = ()
        self._choices: list[Reason] = [EVERY_REASON]
        self._text = QLineEdit(self)
        self._text.setObjectName("pageFilter")
        self._text.setPlaceholderText(self.tr("Filter by title or address"))
        self._text.setAccessibleName(self.tr("Filter pages by title, address or id"))
        self._text.setClearButtonEnabled(True)
        self._text.installEventFilter(self)
        self._text.textChanged.connect(self._typed)
        self._icon = self._text.addAction(theme.icon("funnel"), QLineEdit.ActionPosition.LeadingPosition)
        self._reasons = QComboBox(self)
        self._reasons.setObjectName("pageReasons")
        self._reasons.setAccessibleName(self.tr("Show only pages that failed for this reason"))
        self._reasons.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._reasons.setMinimumContentsLength(15)
        self._reasons.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._reasons.activated.connect(lambda _: self._changed_now())
        self.menu_button = QToolButton(self)
        self.menu_button.setObjectName("pageSort")
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu_button.setAutoRaise(True)
        self.menu_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.menu_button.setToolTip(self.tr("Sort by, and choose columns"))
        self.menu_button.setAccessibleName(self.tr("Sort and columns"))
        self._chips = StatusChips(theme, self)
        self._chips.changed.connect(lambda _: self._changed_now())
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(DEBOUNCE_MS)
        self._delay.timeout.connect(self.changed)
        first = QHBoxLayout()
        first.setSpacing(2 * SPACE)
        first.addWidget(self._text, 3)
        first.addWidget(self._reasons, 2)
        first.addWidget(self.menu_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
        layout.setSpacing(2 * SPACE)
        layout.addLayout(first)
        # Where there is no room for all of them, the pane does not grow for it.
        self._chips.setMinimumWidth(1)
        layout.addWidget(self._chips)
        self.setTabOrder(self._text, self._reasons)
        self.setTabOrder(self._reasons, self.menu_button)
        self.setTabOrder(self.menu_button, self._chips)
        theme.changed.connect(self._paint)
        self._fill(EVERY_REASON)
        self._paint()

    # --- What is wanted ---------------------------------------------------------------------------------------------

    @property
    def query(self) -> str:
        """The text."""
        return self._text.text().strip()

    @property
    def status(self) -> tuple[str, ...]:
        """The statuses; empty for all."""
        return self._chips.checked

    @property
    def reason(self) -> Reason:
        """The chosen cause and code; None and None for all."""
        return self._choices[max(0, self._reasons.currentIndex())]

    @property
    def filters(self) -> bool:
        """Whether anything is left out."""
        return bool(self.query or self.status or self.reason != EVERY_REASON)

    def set(self, *, query: str = "", status: Iterable[str] = (), reason: Reason = EVERY_REASON) -> None:
        """Want this from now on; says nothing."""
        self._delay.stop()
        with QSignalBlocker(self._text):
            self._text.setText(query)
        self._chips.set_checked(status)
        self._fill(reason)

    def type(self, text: str) -> None:
        """Go on with what was typed into the table."""
        self._text.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._text.insert(text)

    def focus(self) -> None:
        """Put the cursor into the text."""
        self._text.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._text.selectAll()

    # --- What there is ----------------------------------------------------------------------------------------------

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Say how many children are in which status."""
        self._chips.set_counts(counts)

    def set_reasons(self, groups: tuple[FailureGroup, ...]) -> None:
        """Say for which reasons pages failed."""
        # A list that somebody is just reading does not change under their eyes.
        if groups != self._groups and not self._reasons.view().isVisible():
            self._groups = groups
            self._fill(self.reason)

    def clear(self) -> None:
        """Want everything of nothing."""
        self._groups = ()
        self.set()
        self._chips.set_counts({})

    # --- Parts ------------------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Leave the text with the arrow down, and empty it with Escape."""
        if watched is self._text and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Down:
                self.left.emit()
                return True
            if event.key() == Qt.Key.Key_Escape and self._text.text():
                self._text.clear()
                self._changed_now()
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._delay.isActive():
                self._changed_now()
                return True
        return super().eventFilter(watched, event)

    def _typed(self) -> None:
        self._delay.start()

    def _changed_now(self) -> None:
        self._delay.stop()
        self.changed.emit()

    def _fill(self, chosen: Reason) -> None:
        """Fill the list of reasons; *chosen* stays chosen, also when nothing fails for it any more."""
        with QSignalBlocker(self._reasons):
            self._reasons.clear()
            self._choices.clear()
            self._add(EVERY_REASON, self.tr("All reasons"))
            for group in self._groups:
                reason = (group.cause, group.code)
                if reason != EVERY_REASON:
                    about = (CAUSES.get(group.cause or "", ""), written.clean(group.error or "", 300))
                    self._add(reason, _counted(reason, group.pages), "\n".join(filter(None, about)))
            if chosen not in self._choices:
                self._add(chosen, _counted(chosen, 0))
            self._reasons.setCurrentIndex(self._choices.index(chosen))
        self._reasons.setEnabled(self._reasons.count() > 1)
        self._reasons.setToolTip("" if self._reasons.isEnabled() else self.tr("No page failed."))

    def _add(self, reason: Reason, text: str, about: str = "") -> None:
        self._choices.append(reason)
        self._reasons.addItem(text)
        self._reasons.setItemData(self._reasons.count() - 1, written.tool_tip(about), Qt.ItemDataRole.ToolTipRole)

    def _paint(self) -> None:
        self._icon.setIcon(self._theme.icon("funnel"))
        self.menu_button.setIcon(self._theme.icon("sort-ascending"))


def _counted(reason: Reason, pages: int) -> str:
    return f"{reason_name(*reason)} ({written.count(pages)})"
