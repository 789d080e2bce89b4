"""What filters the jobs: a text, the site they collect, and chips for statuses."""

from collections.abc import Iterable, Mapping

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from quaero_desktop.ui.models.joborder import Filter
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.statuschips import StatusChips

_DEBOUNCE_MS = 80


class JobFilterBar(QWidget):
    """The bar above the tree of jobs.

    Args:
        theme: for the colours of the chips.

    Signals:
        changed: something else is wanted.
        left: Down or Enter was pressed in the text: on to the rows.
    """

    changed = Signal()
    left = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLineEdit(self)
        self.text.setObjectName("jobFilter")
        self.text.setPlaceholderText(self.tr("Filter jobs"))
        self.text.setAccessibleName(self.tr("Filter jobs"))
        self.text.setClearButtonEnabled(True)
        self.text.installEventFilter(self)
        self.sources = QComboBox(self)
        self.sources.setObjectName("jobSource")
        self.sources.setAccessibleName(self.tr("Source"))
        self.sources.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.sources.setMinimumContentsLength(12)
        self.sources.addItem(self.tr("All sources"), "")
        self.chips = StatusChips(theme, self)
        first = QHBoxLayout()
        first.setSpacing(2 * SPACE)
        first.addWidget(self.text, 3)
        first.addWidget(self.sources, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
        column.setSpacing(2 * SPACE)
        column.addLayout(first)
        column.addWidget(self.chips)
        self._later = QTimer(self, interval=_DEBOUNCE_MS, singleShot=True)
        self._later.timeout.connect(self.changed)
        self.text.textChanged.connect(lambda _: self._later.start())
        self.chips.changed.connect(lambda _: self._tell())
        self.sources.activated.connect(lambda _: self._tell())

    @property
    def wanted(self) -> Filter:
        """Which jobs are wanted."""
        return Filter(
            text=self.text.text().strip(),
            status=frozenset(self.chips.checked),
            site=self.sources.currentData() or "",
        )

    def clear(self) -> None:
        """Want every job."""
        self.text.clear()
        self.chips.set_checked(())
        self.sources.setCurrentIndex(0)
        self._tell()

    def focus_text(self) -> None:
        """Let the person type what to filter by."""
        self.text.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.text.selectAll()

    def show_census(self, census: Mapping[str, int], sites: Iterable[str]) -> None:
        """Show how many jobs are in which status, and offer the sites they collect.

        Args:
            census: how many, by status.
            sites: of all jobs.
        """
        self.chips.set_counts(census)
        offered = sorted(sites)
        shown = [self.sources.itemData(row) for row in range(1, self.sources.count())]
        if offered == shown or self.sources.view().isVisible():
            return
        chosen = self.sources.currentData()
        self.sources.clear()
        self.sources.addItem(self.tr("All sources"), "")
        for site in offered:
            self.sources.addItem(site, site)
        self.sources.setCurrentIndex(max(0, self.sources.findData(chosen)))
        if self.sources.currentData() != chosen:
            self._tell()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Go from the text to the rows with Down or Enter, and clear it with Esc."""
        if watched is self.text and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._tell()
                self.left.emit()
                return True
            if event.key() == Qt.Key.Key_Escape and self.text.text():
                self.text.clear()
                return True
        return super().eventFilter(watched, event)

    def _tell(self) -> None:
        self._later.stop()
        self.changed.emit()
