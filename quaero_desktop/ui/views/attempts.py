"""Every try of a page: when, for how long, with which outcome."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QMenu, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from quaero_desktop.domain.advice import cause_sentence
from quaero_desktop.domain.listing import Attempt
from quaero_desktop.domain.words import REASONS
from quaero_desktop.ui.format import NOTHING, clean, duration, exact, tool_tip
from quaero_desktop.ui.theme import ROW, Theme

_OUTCOMES = {
    "completed": ("completed", "✓ done"),
    "failed": ("failed", "✕ failed"),
    "retried": ("paused", "↻ failed, tried again"),
    "skipped": ("skipped", "↷ withdrawn"),
    "cancelled": ("cancelled", "⊘ cancelled"),
    "released": ("pending", "○ put back"),
    "interrupted": ("pending", "○ interrupted"),
}
"""Whose colour, and what is said."""
_WIDTHS = (36, 150, 70, 170, 240)


class AttemptsView(QWidget):
    """A table of tries, the first one on top."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._attempts: tuple[Attempt, ...] = ()
        self.table = QTreeWidget(self)
        self.table.setObjectName("attemptTable")
        self.table.setAccessibleName(self.tr("Tries of this page"))
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setAlternatingRowColors(True)
        titles = (
            self.tr("Try"),
            self.tr("Began"),
            self.tr("Took"),
            self.tr("Outcome"),
            self.tr("Why"),
            self.tr("Exact error"),
        )
        self.table.setHeaderLabels(titles)
        for column, width in enumerate(_WIDTHS):
            self.table.setColumnWidth(column, width)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._menu)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        theme.changed.connect(self._paint)

    def show_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Show these tries; rows that are there already stay."""
        attempts = tuple(attempts)
        if attempts == self._attempts:
            return
        if attempts[: len(self._attempts)] != self._attempts:
            self.table.clear()
            self._attempts = ()
        for number, attempt in enumerate(attempts[len(self._attempts) :], len(self._attempts) + 1):
            self.table.addTopLevelItem(_item(number, attempt))
        self._attempts = attempts
        self._paint()

    def _paint(self) -> None:
        for row, attempt in enumerate(self._attempts):
            item = self.table.topLevelItem(row)
            status, _ = _OUTCOMES.get(attempt.outcome, ("pending", ""))
            if item is not None:
                item.setForeground(3, self._theme.status_colour(status))

    def _menu(self, position: QPoint) -> None:
        item = self.table.itemAt(position)
        if item is None:
            return
        attempt = self._attempts[self.table.indexOfTopLevelItem(item)]
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        copy = QAction(self._theme.icon("copy"), self.tr("Copy the exact error"), menu)
        copy.setEnabled(bool(attempt.error))
        copy.triggered.connect(lambda _=False: QGuiApplication.clipboard().setText(attempt.error or ""))
        menu.addAction(copy)
        menu.popup(self.table.viewport().mapToGlobal(position))


def _item(number: int, attempt: Attempt) -> QTreeWidgetItem:
    _, outcome = _OUTCOMES.get(attempt.outcome, ("", clean(attempt.outcome)))
    took = NOTHING
    if attempt.started_at is not None:
        took = duration((attempt.ended_at - attempt.started_at) / 1000)
    why = REASONS.get(attempt.cause or "")
    if why is None:
        why = cause_sentence(attempt.cause, attempt.http_status) if attempt.cause else ""
    error = clean(attempt.error or "")
    item = QTreeWidgetItem([str(number), exact(attempt.started_at or attempt.ended_at), took, outcome, why, error])
    item.setTextAlignment(2, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    item.setSizeHint(0, QSize(0, ROW))
    for column in range(6):
        item.setToolTip(column, tool_tip(item.text(column)))
    return item
