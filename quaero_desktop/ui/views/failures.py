"""Pages that failed alike: how many, why, and what can be done about them at once."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from quaero_desktop.domain.advice import ADVICE, cause_sentence
from quaero_desktop.domain.pagelist import FailureGroup
from quaero_desktop.ui.format import clean, count, count_of
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import ElidedLabel, Line, muted

_WIDE = 480
"""The width from which on the buttons stand beside the texts, in pixels."""
MOST_GROUPS = 12
"""More causes than these are left to the table of pages."""

GroupKey = tuple[str | None, int | None]


def key_of(group: FailureGroup) -> GroupKey:
    """Return what tells a group from the others of its root."""
    return group.cause, group.code


class FailureRow(QWidget):
    """One group.

    Signals:
        retry_wanted: its :class:`FailureGroup`, to be queued again.
        show_wanted: the same, to be shown in the table of pages.
    """

    retry_wanted = Signal(object)
    show_wanted = Signal(object)

    def __init__(self, theme: Theme, group: FailureGroup, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._group = group
        self._number = QLabel(self)
        self._number.setFont(theme.tabular(self._number.font()))
        self._number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        self._number.setMinimumWidth(7 * SPACE)
        self._cause = ElidedLabel("", Qt.TextElideMode.ElideRight, self)
        self._example = muted(ElidedLabel("", Qt.TextElideMode.ElideRight, self), theme)
        self._example.setFont(theme.font_small())
        self._retry = QPushButton(self.tr("Retry these"), self)
        self._retry.clicked.connect(lambda _=False: self.retry_wanted.emit(self._group))
        self._show = QPushButton(self.tr("Show"), self)
        self._show.clicked.connect(lambda _=False: self.show_wanted.emit(self._group))
        for button in (self._retry, self._show):
            button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._buttons = QWidget(self)
        self._button_row = buttons = QHBoxLayout(self._buttons)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(2 * SPACE)
        buttons.addWidget(self._retry)
        buttons.addWidget(self._show)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, SPACE, 0, SPACE)
        self._grid.setHorizontalSpacing(2 * SPACE)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self._number, 0, 0)
        self._grid.addWidget(self._cause, 0, 1)
        self._grid.addWidget(self._example, 1, 1)
        self._is_wide: bool | None = None
        self._place(False)
        theme.changed.connect(self._paint)
        self._paint()
        self.set_group(group)

    @property
    def group(self) -> FailureGroup:
        """What it shows."""
        return self._group

    @property
    def buttons(self) -> tuple[QPushButton, QPushButton]:
        """To retry the pages of the group, and to show them."""
        return self._retry, self._show

    def set_group(self, group: FailureGroup) -> None:
        """Show the same group with other figures."""
        self._group = group
        cause = cause_sentence(group.cause, group.code)
        self._number.setText(count(group.pages))
        self._cause.setText(cause)
        self._example.setText(ADVICE.get(group.cause or "", clean(group.error or "")))
        pages = count_of(group.pages, "page")
        self._retry.setToolTip(self.tr("Fetch %s again") % pages)
        self._retry.setAccessibleName(self.tr("Retry %s: %s") % (pages, cause))
        self._show.setToolTip(self.tr("Show %s in the table") % pages)
        self._show.setAccessibleName(self.tr("Show %s: %s") % (pages, cause))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Put the buttons beside the texts, or below them where it is narrow."""
        super().resizeEvent(event)
        self._place(event.size().width() >= _WIDE)

    def set_busy(self, busy: bool) -> None:
        """Let nobody ask twice while the pages are being queued."""
        self._retry.setEnabled(not busy)

    def _place(self, wide: bool) -> None:
        if wide == self._is_wide:
            return
        self._is_wide = wide
        self._grid.removeWidget(self._buttons)
        if wide:
            self._grid.addWidget(self._buttons, 0, 2, 2, 1)
        else:
            self._grid.addWidget(self._buttons, 2, 1, Qt.AlignmentFlag.AlignLeft)
        self._button_row.setContentsMargins(0, 0 if wide else SPACE, 0, 0)

    def _paint(self) -> None:
        palette = self._number.palette()
        palette.setColor(QPalette.ColorRole.WindowText, self._theme.status_colour("failed"))
        self._number.setPalette(palette)


class Failures(QWidget):
    """All groups of a root, the largest first. A group keeps its row while its figures change.

    Signals:
        retry_wanted, show_wanted: a :class:`FailureGroup`.
        all_wanted: show every failed page in the table.
    """

    retry_wanted = Signal(object)
    show_wanted = Signal(object)
    all_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._rows: dict[GroupKey, FailureRow] = {}
        self._busy: set[GroupKey] = set()
        self._all = QPushButton(self.tr("Show all failed pages"), self)
        self._all.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._all.clicked.connect(lambda _=False: self.all_wanted.emit())
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._layout.addWidget(Line(theme, self))
        self._layout.addSpacing(SPACE)
        self._layout.addWidget(self._all)

    @property
    def rows(self) -> list[FailureRow]:
        """The rows, from top to bottom."""
        return sorted(self._rows.values(), key=self._layout.indexOf)

    @property
    def stops(self) -> list[QWidget]:
        """Where the Tab key stops, from top to bottom."""
        return [*(button for row in self.rows for button in row.buttons), self._all]

    def set_groups(self, groups: Sequence[FailureGroup]) -> None:
        """Show these groups; the order of those that are shown already stays."""
        shown = groups[:MOST_GROUPS]
        wanted = {key_of(group) for group in shown}
        for key in [key for key in self._rows if key not in wanted]:
            row = self._rows.pop(key)
            self._layout.removeWidget(row)
            row.hide()
            row.deleteLater()
        for group in shown:
            key = key_of(group)
            if key in self._rows:
                self._rows[key].set_group(group)
                continue
            row = FailureRow(self._theme, group, self)
            row.retry_wanted.connect(self.retry_wanted)
            row.show_wanted.connect(self.show_wanted)
            row.set_busy(key in self._busy)
            self._rows[key] = row
            self._layout.insertWidget(self._layout.count() - 2, row)
        self._all.setVisible(len(groups) > 1)

    def clear(self) -> None:
        """Show no group, so that the next ones come in their own order."""
        self.set_groups(())

    def set_busy(self, group: FailureGroup, busy: bool) -> None:
        """Let nobody ask twice while the pages of a group are being queued."""
        key = key_of(group)
        change: Callable[[GroupKey], None] = self._busy.add if busy else self._busy.discard
        change(key)
        if key in self._rows:
            self._rows[key].set_busy(busy)
