"""The table of pages as a widget: what Qt's own does, but for what would look at a million rows one by one."""

from collections.abc import Iterable
from itertools import islice
from typing import cast

from PySide6.QtCore import (
    QAbstractItemModel,
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QFocusEvent,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QStaticText,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from quaero_desktop.ui.models.pagetable import HIDDEN_AT_FIRST, NUMERIC, PageColumn, PageTable
from quaero_desktop.ui.theme import ROW
from quaero_desktop.ui.widgets.rows import have_rows

_MARGIN = 4
_MOST_LAID_OUT = 4_096
_LET_GO = 128

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
        have_rows(self, ROW)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAlternatingRowColors(True)
        # The sorting itself is the database's; without this, Qt selects all rows when a column is clicked.
        self.setSortingEnabled(True)
        self._texts = _Texts()
        self.setItemDelegate(_Rows(self))
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

    def setModel(self, model: QAbstractItemModel | None) -> None:  # noqa: N802 (Qt's name)
        """Show a model; the header is told nothing of the selection.

        At each painting it would ask for every column whether all its rows are selected, row by row: 27 s a million.
        """
        super().setModel(model)
        if model is not None:
            header = self.horizontalHeader()
            header.setSelectionModel(QItemSelectionModel(model, header))

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

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
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

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint the rows in view, all in one go, from the finished texts of the model.

        Qt's own asks the model seven questions for each of 200 cells: 17 ms, where a frame has 16; with a delegate in
        Python it took 8.
        """
        table, columns, offset = self.table(), self._columns_within(event.rect()), self.verticalScrollBar().value()
        first = (offset + event.rect().top()) // ROW
        last = min(table.rowCount() - 1, (offset + event.rect().bottom()) // ROW)
        palette = self.palette()
        ground = palette.color(QPalette.ColorRole.AlternateBase)
        chosen_ground = palette.color(QPalette.ColorRole.Highlight)
        ink, chosen_ink = palette.color(QPalette.ColorRole.Text), palette.color(QPalette.ColorRole.HighlightedText)
        muted = table.muted
        selected = self.selectionModel()
        focused = self.currentIndex().row() if self.hasFocus() else -1
        left = min((left for _, left, _ in columns), default=0)
        width = max((left + width for _, left, width in columns), default=0) - left
        painter = QPainter(self.viewport())
        painter.setFont(self.font())
        down = (ROW - self._texts.take_font(self.font())) // 2
        for row in range(max(0, first), last + 1):
            top = row * ROW - offset
            is_selected = selected.isSelected(table.index(row, 0))
            if is_selected or row % 2:
                painter.fillRect(left, top, width, ROW, chosen_ground if is_selected else ground)
            shown = table.shown(row)
            for column, x, room in columns:
                text = table.unknown_text(row, column) if shown is None else shown.text(column)
                if not text:
                    continue
                laid_out, wide = self._texts.laid_out(text, room - 2 * _MARGIN, column == PageColumn.URL)
                if is_selected:
                    painter.setPen(chosen_ink)
                elif shown is None:
                    painter.setPen(muted)
                elif column == PageColumn.STATUS:
                    painter.setPen(table.status_colour(shown.row.status))
                else:
                    painter.setPen(ink)
                at = x + room - 1 - _MARGIN - wide if column in NUMERIC else x + _MARGIN
                painter.drawStaticText(at, top + down, laid_out)
            if row == focused:
                painter.setPen(chosen_ink if is_selected else ink)
                painter.setOpacity(0.5)
                painter.drawLine(left, top, left + width - 1, top)
                painter.drawLine(left, top + ROW - 1, left + width - 1, top + ROW - 1)
                painter.setOpacity(1.0)
        painter.end()

    def _columns_within(self, area: QRect) -> list[tuple[int, int, int]]:
        """Return the columns that lie in *area*: which, where it begins, and how wide it is."""
        header = self.horizontalHeader()
        found = []
        for place in range(header.count()):
            column = header.logicalIndex(place)
            if not header.isSectionHidden(column):
                left, width = self.columnViewportPosition(column), self.columnWidth(column)
                if left <= area.right() and left + width > area.left():
                    found.append((column, left, width))
        return found

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


class _Texts:
    """Texts that were cut to their columns and laid out, which takes longer than to paint them.

    Addresses are cut in the middle: their ends tell them apart.
    """

    def __init__(self) -> None:
        self._laid_out: dict[tuple[str, int, bool], tuple[QStaticText, int]] = {}
        self._font = QFont()
        self._metrics = QFontMetrics(self._font)

    def take_font(self, font: QFont) -> int:
        """Lay out in this font from now on; return how high its lines are."""
        if font != self._font:
            self._font = QFont(font)
            self._metrics = QFontMetrics(self._font)
            self._laid_out.clear()
        return self._metrics.height()

    def laid_out(self, text: str, width: int, in_the_middle: bool) -> tuple[QStaticText, int]:
        """Return a text, cut to so many pixels, and how wide it is."""
        key = (text, width, in_the_middle)
        found = self._laid_out.get(key)
        if found is None:
            if len(self._laid_out) >= _MOST_LAID_OUT:
                # A few at a time: to let go of all takes longer than a frame.
                for oldest in list(islice(self._laid_out, _LET_GO)):
                    del self._laid_out[oldest]
            mode = Qt.TextElideMode.ElideMiddle if in_the_middle else Qt.TextElideMode.ElideRight
            static = QStaticText(self._metrics.elidedText(text, mode, max(0, width)))
            static.setTextFormat(Qt.TextFormat.PlainText)
            static.prepare(font=self._font)
            found = self._laid_out[key] = (static, round(static.size().width()))
        return found


class _Rows(QStyledItemDelegate):
    """Says how high a row is; the view paints whole rows itself."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802
        """Return the least room."""
        return QSize(2 * ROW, ROW)
