"""The table of the log console."""

from PySide6.QtCore import QEvent, QItemSelectionModel, Qt, Signal
from PySide6.QtGui import (
    QFontMetrics,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
)
from PySide6.QtWidgets import QTableView, QWidget

from quaero_desktop.ui import format
from quaero_desktop.ui.models.log import LEVEL_WORDS, Column, LogModel, LogRow
from quaero_desktop.ui.theme import ROW, SPACE, Theme
from quaero_desktop.ui.widgets.rows import have_rows

_HEIGHT = ROW - SPACE // 2
_MOST_CUT = 2_000
_EDGE_ROWS = 30
"""So close to the top older lines are fetched."""


class LogTable(QTableView):
    """The lines of the console. It paints them itself, so that a repaint does not ask the model a thousand questions.

    Signals:
        at_end_changed: the person scrolled: whether to the last line.
        top_reached: the first lines that are held came into view, and the person does not follow the end.
        activated_row: a :class:`LogRow` was chosen.
        copy_wanted: Ctrl+C.
        resized: there is another width.
    """

    at_end_changed = Signal(bool)
    top_reached = Signal()
    activated_row = Signal(object)
    copy_wanted = Signal()
    resized = Signal()

    def __init__(self, theme: Theme, model: LogModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows = model
        self._moving = False
        self._keep_end = True
        self._theme = theme
        self._baseline = 0
        self._cut: dict[tuple[str, int], str] = {}
        self.setObjectName("logTable")
        self.setAccessibleName(self.tr("Log lines"))
        self.setModel(model)
        for moved in (model.modelReset, model.rowsInserted, model.rowsRemoved):
            moved.connect(lambda *_: self._fit_time())
        have_rows(self, _HEIGHT)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        top = self.horizontalHeader()
        top.hide()
        top.setMinimumSectionSize(4 * SPACE)
        top.setStretchLastSection(True)
        self._size_columns()
        bar = self.verticalScrollBar()
        bar.valueChanged.connect(self._value_changed)
        bar.rangeChanged.connect(self._range_changed)
        self.activated.connect(lambda index: self.activated_row.emit(model.row(index.row())))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Paint the lines in view, all in one go."""
        rows, lines = self._rows, self.verticalHeader()
        offset = lines.offset()
        first = (offset + event.rect().top()) // _HEIGHT
        last = min(rows.shown - 1, (offset + event.rect().bottom()) // _HEIGHT)
        palette = self.palette()
        text = palette.color(QPalette.ColorRole.Text)
        muted = self._theme.muted
        levels = {level: self._theme.level_colour(level) for level in LEVEL_WORDS}
        chosen = self.selectionModel() if self.selectionModel().hasSelection() else None
        focused = self.currentIndex().row() if self.hasFocus() else -1
        columns = [
            (column, self.columnViewportPosition(column) + 2 * SPACE, self.columnWidth(column) - 4 * SPACE)
            for column in Column
            if not self.isColumnHidden(column)
        ]
        width = self.viewport().width()
        today = format.today()
        painter = QPainter(self.viewport())
        for number in range(first, last + 1):
            row = rows.row(number)
            top = number * _HEIGHT - offset
            baseline = top + self._baseline
            selected = chosen is not None and chosen.isRowSelected(number)
            if selected:
                painter.fillRect(0, top, width, _HEIGHT, palette.color(QPalette.ColorRole.Highlight))
                painter.setPen(palette.color(QPalette.ColorRole.HighlightedText))
            elif number == focused:
                painter.setPen(palette.color(QPalette.ColorRole.Highlight))
                painter.drawRect(0, top, width - 1, _HEIGHT - 1)
            for column, left, room in columns:
                if column == Column.TIME:
                    shown, colour = row.when(today), muted
                elif column == Column.LEVEL:
                    shown, colour = LEVEL_WORDS[row.level], levels[row.level]
                elif column == Column.JOB:
                    shown, colour = self._elided(row.place, Qt.TextElideMode.ElideMiddle, room), muted
                else:
                    shown = self._elided(row.message, Qt.TextElideMode.ElideRight, room)
                    colour = muted if row.level == "debug" else text
                if not selected:
                    painter.setPen(colour)
                # At a point and not in a rectangle: half the price.
                painter.drawText(left, baseline, shown)
        painter.end()

    def _elided(self, text: str, mode: Qt.TextElideMode, width: int) -> str:
        # While one follows the end each line is painted some ten times before it is out of view.
        key = (text, width)
        found = self._cut.get(key)
        if found is None:
            if len(self._cut) > _MOST_CUT:
                self._cut.clear()
            found = self._cut[key] = self.fontMetrics().elidedText(text, mode, width)
        return found

    def chosen(self) -> list[LogRow]:
        """Return the selected lines, oldest first."""
        numbers = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self._rows.row(number) for number in numbers]

    def later(self, function: object) -> None:
        """Call *function* once Qt is back in its loop, unless the table is gone by then."""
        QGuiApplication.postEvent(self, _Call(function))

    def is_cut(self, message: str) -> bool:
        """Return whether the table has no room for the whole of a message."""
        return self.fontMetrics().horizontalAdvance(message) > self.columnWidth(Column.MESSAGE) - 4 * SPACE

    def scroll_to_end(self) -> None:
        """Show the newest line, and keep it in view when lines come or the room changes."""
        self._keep_end = True
        self._move(None)

    def moved_up(self, rows: int) -> None:
        """Keep the lines in view where they are after so many rows above them went (or came, if negative)."""
        self._move(self.verticalScrollBar().value() - rows * self.verticalHeader().defaultSectionSize())

    def _move(self, value: int | None) -> None:
        self._moving = True
        try:
            # The bar knows of new rows only after the layout; done now, both are painted at once.
            self.executeDelayedItemsLayout()
            self.updateGeometries()
            bar = self.verticalScrollBar()
            bar.setValue(bar.maximum() if value is None else max(0, value))
        finally:
            self._moving = False

    def _range_changed(self, _: int, maximum: int) -> None:
        if self._keep_end and not self._moving:
            self._moving = True
            self.verticalScrollBar().setValue(maximum)
            self._moving = False

    def _value_changed(self, value: int) -> None:
        if self._moving:
            return
        at_end = value >= self.verticalScrollBar().maximum() - ROW // 2
        self._keep_end = at_end
        self.at_end_changed.emit(at_end)
        if not at_end and value < _EDGE_ROWS * ROW:
            self.top_reached.emit()

    def _size_columns(self) -> None:
        metrics = QFontMetrics(self.font())
        self._baseline = (_HEIGHT + metrics.ascent() - metrics.descent()) // 2
        self._fit_time()
        widest = max(metrics.horizontalAdvance(word) for word in LEVEL_WORDS.values())
        self.setColumnWidth(Column.LEVEL, widest + 4 * SPACE)
        self.setColumnWidth(Column.JOB, 60 * SPACE)

    def _fit_time(self) -> None:
        """Give the times as much room as they take: lines of other days say the day as well."""
        rows = self._rows
        dated = rows.shown > 0 and rows.row(0).at < format.today()
        widest = "0000-00-00 00:00:00" if dated else "00:00:00"
        width = self.fontMetrics().horizontalAdvance(widest) + 4 * SPACE
        if width != self.columnWidth(Column.TIME):
            self.setColumnWidth(Column.TIME, width)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 (Qt's name)
        """Make room for another font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._size_columns()
            self._cut.clear()

    def customEvent(self, event: QEvent) -> None:  # noqa: N802
        """Do what was to be done later."""
        if isinstance(event, _Call):
            event.function()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Give the job a third of the room at most."""
        self._moving = True
        super().resizeEvent(event)
        self._moving = False
        self.setColumnWidth(Column.JOB, min(90 * SPACE, max(30 * SPACE, self.viewport().width() // 4)))
        if self._keep_end:
            self._move(None)
        self.resized.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Copy, go to the ends, open the job of a line."""
        key = event.key()
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_wanted.emit()
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End) and not (event.modifiers() & Qt.KeyboardModifier.ShiftModifier):
            self._go_to_end_of(key == Qt.Key.Key_End)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.activated_row.emit(self._rows.row(self.currentIndex().row()))
        else:
            super().keyPressEvent(event)
            return
        event.accept()

    def _go_to_end_of(self, last: bool) -> None:
        rows = self._rows.shown
        if not rows:
            return
        index = self._rows.index(rows - 1 if last else 0, Column.MESSAGE)
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        bar = self.verticalScrollBar()
        if last:
            bar.setValue(bar.maximum())
            # Nothing moves where the end is in view already, and End is still meant.
            self._value_changed(bar.value())
        else:
            bar.setValue(0)


class _Call(QEvent):
    """Something to do later."""

    KIND = QEvent.Type(QEvent.registerEventType())

    def __init__(self, function: object) -> None:
        super().__init__(self.KIND)
        assert callable(function)
        self.function = function
