"""The tree of jobs on the screen: how a row is painted, and what keeps its place."""

from typing import NamedTuple

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFocusEvent, QFontMetrics, QMouseEvent, QPainter, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from quaero_desktop.domain.jobs import Status
from quaero_desktop.ui.models.jobtree import NUMERIC, Column, JobTreeModel
from quaero_desktop.ui.theme import ROW, SPACE, Theme
from quaero_desktop.ui.widgets.progressbar import paint_progress

_WIDTHS = {
    Column.STATUS: 92,
    Column.TYPE: 72,
    Column.PROGRESS: 116,
    Column.PAGES: 64,
    Column.FAILED: 56,
    Column.RATE: 60,
    Column.CREATED: 104,
    Column.STARTED: 104,
    Column.DURATION: 84,
}
"""The first widths, in pixels; the name has what is left."""
LEAST_NAME = 176
"""The name is never narrower, in pixels: then the tree scrolls."""
HIDDEN_AT_FIRST = (Column.TYPE, Column.CREATED, Column.STARTED, Column.DURATION)
_VERTICAL = Qt.AlignmentFlag.AlignVCenter
_LEFT = int(_VERTICAL | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine)
_RIGHT = int(_VERTICAL | Qt.AlignmentFlag.AlignRight | Qt.TextFlag.TextSingleLine)


class JobDelegate(QStyledItemDelegate):
    """Paints a cell straight from the model's texts: asking for them role by role costs more than painting them."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802
        """Return the height of every row."""
        return QSize(4 * SPACE, ROW)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint one cell."""
        model = index.model()
        widget = option.widget
        assert isinstance(model, JobTreeModel)
        widget.style().drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, widget)
        palette: QPalette = option.palette
        state: QStyle.StateFlag = option.state
        selected = bool(state & QStyle.StateFlag.State_Selected)
        rect = option.rect.adjusted(SPACE, 0, -SPACE, 0)
        metrics: QFontMetrics = option.fontMetrics
        text_colour = palette.color(QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text)
        node = model.node(index)
        column = index.column()
        if node is None:
            if column == Column.NAME:
                text = str(model.data(index))
                _write(painter, rect, text, text_colour if selected else palette.color(QPalette.ColorRole.Link))
            return
        text = model.texts(node)[column]
        if column == Column.PROGRESS:
            parts = model.parts(node)
            if parts is not None and text:
                room = metrics.horizontalAdvance("100 %") + SPACE
                paint_progress(painter, rect.adjusted(0, 0, -room, 0), *parts, self._theme)
                _write(painter, rect, text, text_colour, _RIGHT)
            return
        if not text:
            return
        if column == Column.NAME:
            how = Qt.TextElideMode.ElideRight if node.job.is_root else Qt.TextElideMode.ElideMiddle
            _write(painter, rect, metrics.elidedText(text, how, rect.width()), text_colour)
        elif column == Column.STATUS:
            if not selected:
                text_colour = self._theme.status_colour(node.job.status, node.job.warnings)
            _write(painter, rect, metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width()), text_colour)
        elif column in NUMERIC:
            if not selected and column == Column.FAILED:
                failed = node.job.failed_children > 0
                text_colour = self._theme.status_colour(Status.FAILED) if failed else self._theme.muted
            _write(painter, rect, text, text_colour, _RIGHT)
        else:
            _write(painter, rect, metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width()), text_colour)


def _write(painter: QPainter, rect: QRect, text: str, colour: QColor, alignment: int = _LEFT) -> None:
    painter.setPen(colour)
    painter.drawText(rect, alignment, text)


class Anchor(NamedTuple):
    """The row at the top of what is seen, and how far it is cut off."""

    job_id: int
    top: int


class JobTreeView(QTreeView):
    """The view of a :class:`JobTreeModel`.

    Args:
        model: what it shows.
        theme: for colours and fonts.

    Signals:
        rest_wanted: the id of the job whose row for the rest was clicked or activated.
        near_end: the last rows that there are come into sight.
        focused: it has the keyboard now.
    """

    rest_wanted = Signal(int)
    near_end = Signal()
    focused = Signal()

    def __init__(self, model: JobTreeModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs = model
        self.setObjectName("jobTree")
        self.setAccessibleName(self.tr("Jobs"))
        self.setUniformRowHeights(True)
        self.setAlternatingRowColors(True)
        self.setAllColumnsShowFocus(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setIndentation(4 * SPACE)
        self.setAutoScroll(False)
        self.setMouseTracking(True)
        self.setItemDelegate(JobDelegate(theme, self))
        self.setFont(Theme.tabular(self.font()))
        self.setModel(model)
        header = self.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(44)
        header.setHighlightSections(False)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        # The name has whatever room the others leave.
        header.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.Fixed)
        header.setFirstSectionMovable(False)
        self.reset_columns()
        self.setSortingEnabled(True)
        self.sortByColumn(Column.CREATED, Qt.SortOrder.DescendingOrder)
        header.sectionResized.connect(self._section_resized)
        header.geometriesChanged.connect(self.fit_name)
        model.rowsInserted.connect(lambda parent, *_: self.span_rest(parent))
        self.clicked.connect(self._on_click)
        self.activated.connect(self._on_click)
        self.verticalScrollBar().valueChanged.connect(self._look_for_end)
        self.verticalScrollBar().rangeChanged.connect(lambda *_: self._look_for_end())
        theme.changed.connect(self.viewport().update)

    # --- Columns ----------------------------------------------------------------------------------------------------

    def reset_columns(self) -> None:
        """Show the columns as they were at first."""
        header = self.header()
        for column in Column:
            header.moveSection(header.visualIndex(column), column)
            header.setSectionHidden(column, column in HIDDEN_AT_FIRST)
            if column != Column.NAME:
                header.resizeSection(column, _WIDTHS[column])
        self.fit_name()

    def fit_name(self) -> None:
        """Give the name the room that the other columns leave."""
        header = self.header()
        others = header.length() - header.sectionSize(Column.NAME)
        width = max(LEAST_NAME, self.viewport().width() - others)
        if width != header.sectionSize(Column.NAME):
            header.resizeSection(Column.NAME, width)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Fit the name."""
        super().resizeEvent(event)
        self.fit_name()

    def _section_resized(self, column: int, _before: int, _after: int) -> None:
        if column != Column.NAME:
            self.fit_name()

    # --- Keeping the place ------------------------------------------------------------------------------------------

    def anchor(self) -> Anchor | None:
        """Return what holds the rows that are seen in place; None at the top, where new rows are welcome."""
        if self.verticalScrollBar().value() == 0:
            return None
        index = self.indexAt(QPoint(0, 0))
        job = self._jobs.job(index) if index.isValid() else None
        return None if job is None else Anchor(job.id, self.visualRect(index).top())

    def hold(self, anchor: Anchor | None) -> None:
        """Scroll so that the row of *anchor* is where it was."""
        index = self._jobs.index_of(anchor.job_id) if anchor is not None else QModelIndex()
        if anchor is None or not index.isValid():
            return
        # This lays the rows out; otherwise that comes later, and they are painted in the wrong place before.
        moved = self.visualRect(index).top() - anchor.top
        if moved:
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + moved)

    def _look_for_end(self, _value: int = 0) -> None:
        bar = self.verticalScrollBar()
        if bar.value() >= bar.maximum() - 2 * bar.pageStep():
            self.near_end.emit()

    # --- The row for the rest ---------------------------------------------------------------------------------------

    def span_rest(self, parent: QModelIndex) -> None:
        """Let the row for the rest below *parent*, if there is one, have the whole width."""
        row = self._jobs.rowCount(parent) - 1
        if parent.isValid() and self._jobs.node(self._jobs.index(row, 0, parent)) is None:
            self.setFirstColumnSpanned(row, parent, True)

    def _on_click(self, index: QModelIndex) -> None:
        job_id = self._jobs.rest_of(index)
        if job_id is not None:
            self.rest_wanted.emit(job_id)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Show by the cursor that the row for the rest is a link."""
        super().mouseMoveEvent(event)
        index = self.indexAt(event.position().toPoint())
        link = index.isValid() and self._jobs.rest_of(index) is not None
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if link else Qt.CursorShape.ArrowCursor)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Forget the cursor of a link."""
        super().leaveEvent(event)
        self.viewport().unsetCursor()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Say that what is selected here is what counts now."""
        super().focusInEvent(event)
        self.focused.emit()
