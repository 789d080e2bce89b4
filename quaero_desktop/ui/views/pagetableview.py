"""The table of pages as a widget: what Qt's own does, but for what would look at a million rows one by one."""

from collections.abc import Iterable
from typing import cast

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from quaero_desktop.ui.models.pagetable import HIDDEN_AT_FIRST, PageColumn, PageTable
from quaero_desktop.ui.theme import ROW, Theme

Span = tuple[int, int]
"""Rows from the first to the last, both included."""

_WIDTHS = {
    PageColumn.STATUS: 92,
    PageColumn.CODE: 48,
    PageColumn.TITLE: 140,
    PageColumn.URL: 160,
    PageColumn.REASON: 160,
    PageColumn.SIZE: 76,
    PageColumn.TIME: 72,
    PageColumn.DEPTH: 56,
    PageColumn.TYPE: 72,
    PageColumn.FOUND: 140,
    PageColumn.FINISHED: 140,
}
"""The least widths of the columns, in the order in which they are shown at first."""
_SHARES = {PageColumn.TITLE: 0.38, PageColumn.URL: 0.38, PageColumn.REASON: 0.24}
"""Who gets how much of the room that is left."""


class PageTableView(QTableView):
    """Shows a :class:`PageTable`.

    Attributes:
        all_wanted: True while the selection changes because everything was selected, and not these rows.
        fits: whether the columns are fitted into the pane: until somebody lays them out.
        fitting: True while columns change their widths because the pane did.

    Signals:
        opened: the row that was double-clicked, or on which Enter was pressed.
        typed: text that was typed while the table had the focus.
        focused: the table got the focus.
        copy_wanted: the standard keys for Copy were pressed.
    """

    opened = Signal(int)
    typed = Signal(str)
    focused = Signal()
    copy_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.all_wanted = False
        self.fitting = False
        self.fits = False
        self.setObjectName("pageTable")
        self.setAccessibleName(self.tr("Pages"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setFont(Theme.tabular(self.font()))
        self.setItemDelegate(_RowDelegate(self))
        rows = self.verticalHeader()
        rows.hide()
        # With rows of one height nothing has to be laid out, however many there are.
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setMinimumSectionSize(ROW)
        rows.setDefaultSectionSize(ROW)
        columns = self.horizontalHeader()
        columns.setSectionsMovable(True)
        columns.setFirstSectionMovable(True)
        columns.setSectionsClickable(True)
        columns.setHighlightSections(False)
        columns.setMinimumSectionSize(36)
        columns.setMinimumHeight(ROW)
        columns.setSortIndicatorShown(True)
        columns.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row()))

    def lay_out_columns(self) -> None:
        """Put the columns in their first order, with the rarer ones hidden, and fit them into the width of the pane."""
        columns = self.horizontalHeader()
        for place, column in enumerate(_WIDTHS):
            columns.moveSection(columns.visualIndex(column), place)
            columns.setSectionHidden(column, column in HIDDEN_AT_FIRST)
        self.fits = True
        self._fit()

    def keep_columns(self) -> None:
        """Leave the columns as they are from now on: somebody has laid them out."""
        self.fits = False

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Fit the columns, until somebody lays them out."""
        super().resizeEvent(event)
        if self.fits:
            self._fit()

    def _fit(self) -> None:
        columns = self.horizontalHeader()
        shown = {column: width for column, width in _WIDTHS.items() if not columns.isSectionHidden(column)}
        left = max(0, self.viewport().width() - sum(shown.values()))
        self.fitting = True
        for column, width in shown.items():
            columns.resizeSection(column, width + int(left * _SHARES.get(column, 0)))
        self.fitting = False

    # --- What is seen, and where ------------------------------------------------------------------------------------

    def seen(self) -> Span:
        """Return which rows are seen."""
        rows = self.table().rowCount()
        top = self.verticalScrollBar().value() // ROW
        return top, min(rows - 1, top + self.viewport().height() // ROW + 1)

    def top(self) -> Span:
        """Return which row is at the top, and how many pixels of it are scrolled past."""
        return divmod(self.verticalScrollBar().value(), ROW)

    def scroll_to(self, row: int, pixels: int = 0) -> None:
        """Bring a row to the top, scrolled past by so many pixels."""
        self.verticalScrollBar().setValue(row * ROW + pixels)

    def table(self) -> PageTable:
        """Return the model."""
        model = self.model()
        assert isinstance(model, PageTable)
        return model

    # --- What is selected -------------------------------------------------------------------------------------------

    def spans(self) -> list[Span]:
        """Return the selected rows as ranges from top to bottom: a range costs the same for one row or a million."""
        selection = cast("Iterable[QItemSelectionRange]", self.selectionModel().selection())
        ranges = sorted((part.top(), part.bottom()) for part in selection)
        merged: list[Span] = []
        for top, bottom in ranges:
            if merged and top <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(bottom, merged[-1][1]))
            else:
                merged.append((top, bottom))
        return merged

    def select_spans(self, spans: Iterable[Span]) -> None:
        """Select these rows and no others; the scroll position and the current row stay."""
        model = self.table()
        last = model.columnCount() - 1
        selection = QItemSelection()
        for top, bottom in spans:
            selection.select(model.index(top, 0), model.index(bottom, last))
        self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def make_current(self, row: int) -> None:
        """Put the keyboard on a row; nothing is selected or scrolled by it."""
        index = self.table().index(row, max(0, self.currentIndex().column()))
        scrolls = self.hasAutoScroll()
        self.setAutoScroll(False)
        self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
        self.setAutoScroll(scrolls)

    def selectAll(self) -> None:  # noqa: N802 (Qt's name)
        """Select every row, as one range."""
        rows = self.table().rowCount()
        if rows:
            self.all_wanted = True
            self.select_spans([(0, rows - 1)])
            self.all_wanted = False

    # --- The keyboard -----------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Open with Enter, copy with the standard keys, go to the ends with Home and End; the rest is Qt's."""
        rows = self.table().rowCount()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
        elif event.matches(QKeySequence.StandardKey.Copy):
            self.copy_wanted.emit()
        elif event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End) and rows and not event.modifiers():
            # Qt's own go to the first and the last column.
            self.selectRow(0 if event.key() == Qt.Key.Key_Home else rows - 1)
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:  # noqa: N802
        """Filter by what is typed: Qt's own search would read a million rows one by one."""
        if search.strip():
            self.typed.emit(search)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Tell that actions are about this table's selection from now on."""
        super().focusInEvent(event)
        self.focused.emit()


class _RowDelegate(QStyledItemDelegate):
    """Cuts addresses in the middle: their ends tell them apart."""

    def initStyleOption(  # noqa: N802
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().initStyleOption(option, index)
        if index.column() == PageColumn.URL:
            option.textElideMode = Qt.TextElideMode.ElideMiddle
