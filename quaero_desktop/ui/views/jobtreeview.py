"""The tree of jobs on the screen: how a row is painted, and what keeps its place."""

from typing import NamedTuple

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFocusEvent, QMouseEvent, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from quaero_desktop.domain.jobs import Status
from quaero_desktop.ui.models.jobtree import NUMERIC, Column, JobTreeModel, Node
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


class _Rows(QStyledItemDelegate):
    """Says how high a row is; the view paints whole rows itself."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802
        return QSize(4 * SPACE, ROW)


def _level(parent: Node | None) -> int:
    """Return how many steps a row below *parent* is set in; a root is one, for its sign."""
    level = 0
    while parent is not None:
        level += 1
        parent = parent.parent
    return level


def _write(painter: QPainter, rect: QRect, text: str, colour: QColor, alignment: int) -> None:
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
        self._theme = theme
        self._columns: list[tuple[int, int, int]] = []
        # Where rows are on the screen, by their parent and number; None when that is not known.
        self._seen: dict[tuple[int, int], int] | None = None
        self._percent = 0
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
        self.setItemDelegate(_Rows(self))
        self.setFont(Theme.tabular(self.font()))
        self.setModel(model)
        header = self.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(44)
        header.setHighlightSections(False)
        header.setStyleSheet(f"QHeaderView::section {{ padding: 0 {SPACE}px; }}")
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
        model.times_changed.connect(self.viewport().update)
        model.layoutChanged.connect(self._forget_places)
        model.modelReset.connect(self._forget_places)
        model.changed.connect(lambda moved: self._forget_places() if moved else None)
        self.clicked.connect(self._on_click)
        self.activated.connect(self._on_click)
        self.verticalScrollBar().valueChanged.connect(self._look_for_end)
        theme.changed.connect(self.viewport().update)

    def select_alone(self, index: QModelIndex) -> None:
        """Make a row the current one and the only one that is selected.

        ``setCurrentIndex`` heeds the keys that are held: after Ctrl+Z it would add the row, or take it away.
        """
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)

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

    # --- Painting ---------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint the rows that are seen."""
        header = self.header()
        self._columns = [
            (column, header.sectionViewportPosition(column), header.sectionSize(column))
            for column in range(len(Column))
            if not header.isSectionHidden(column)
        ]
        self._percent = self.fontMetrics().horizontalAdvance("100 %") + SPACE
        if event.rect().contains(self.viewport().rect()):
            self._seen = {}
        super().paintEvent(event)

    def drawRow(  # noqa: N802
        self, painter: QPainter, options: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint a whole row straight from the model's texts; cell by cell and role by role takes five times as long."""
        model, palette = self._jobs, options.palette
        node = model.node(index)
        row = options.rect
        selected = self.selectionModel().isRowSelected(index.row(), index.parent())
        if selected:
            painter.fillRect(row, palette.color(QPalette.ColorRole.Highlight))
        elif (row.y() + self.verticalOffset()) // ROW % 2:
            painter.fillRect(row, palette.color(QPalette.ColorRole.AlternateBase))
        text_colour = palette.color(QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text)
        indentation = self.indentation()
        top, height = row.y(), row.height()
        if self._seen is not None:
            self._seen[index.internalId(), index.row()] = top
        level = _level(node.parent if node is not None else model.rest_owner(index))
        inset = indentation * level
        if node is None:
            left = self._columns[0][1] + inset + SPACE
            room = QRect(left, top, row.right() - left, height)
            _write(painter, room, str(model.data(index)), palette.color(QPalette.ColorRole.Link), _LEFT)
        else:
            if model.opens(node):
                # Only the innermost place has a sign in it.
                self.drawBranches(painter, QRect(self._columns[0][1], top, inset, height), index)
            self._draw_cells(painter, node, top, height, inset, text_colour, selected)
        if not selected and self.hasFocus() and self._is_current(index):
            painter.setPen(self._theme.accent)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(row.adjusted(0, 0, -1, -1))

    def _draw_cells(
        self, painter: QPainter, node: Node, top: int, height: int, inset: int, text_colour: QColor, selected: bool
    ) -> None:
        texts = self._jobs.texts(node)
        metrics = self.fontMetrics()
        for column, left, width in self._columns:
            text = texts[column]
            if not text:
                continue
            rect = QRect(left + SPACE, top, width - 2 * SPACE, height)
            colour, how = text_colour, _LEFT
            if column == Column.NAME:
                rect.setLeft(left + inset + SPACE)
                mode = Qt.TextElideMode.ElideRight if node.job.is_root else Qt.TextElideMode.ElideMiddle
                text = metrics.elidedText(text, mode, rect.width())
            elif column == Column.PROGRESS:
                parts = self._jobs.parts(node)
                if parts is not None:
                    paint_progress(painter, rect.adjusted(0, 0, -self._percent, 0), *parts, self._theme)
                how = _RIGHT
            elif column == Column.STATUS:
                if not selected:
                    colour = self._theme.status_colour(node.job.status, node.job.warnings)
            elif column in NUMERIC:
                how = _RIGHT
                if not selected and column == Column.FAILED:
                    failed = node.job.failed_children > 0
                    colour = self._theme.status_colour(Status.FAILED) if failed else self._theme.muted
            else:
                text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
            _write(painter, rect, text, colour, how)

    def _is_current(self, index: QModelIndex | QPersistentModelIndex) -> bool:
        current = self.currentIndex()
        return current.isValid() and (current.row(), current.internalId()) == (index.row(), index.internalId())

    def dataChanged(  # noqa: N802
        self, first: QModelIndex | QPersistentModelIndex, last: QModelIndex | QPersistentModelIndex, roles: object = ()
    ) -> None:
        """Paint those of the rows anew that are seen. To find out which, Qt would ask the model for each of them."""
        viewport = self.viewport()
        if self._seen is None:
            viewport.update()
            return
        parent, top, bottom = first.internalId(), first.row(), last.row()
        if bottom - top < len(self._seen):
            places = [y for row in range(top, bottom + 1) if (y := self._seen.get((parent, row))) is not None]
        else:
            places = [y for (other, row), y in self._seen.items() if other == parent and top <= row <= bottom]
        for y in places:
            viewport.update(0, y, viewport.width(), ROW)

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802
        """Move what is painted already."""
        self._seen = None
        super().scrollContentsBy(dx, dy)

    def _forget_places(self) -> None:
        self._seen = None

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

    def _look_for_end(self, value: int) -> None:
        # At the top nobody has scrolled: the rows may only not be laid out yet.
        bar = self.verticalScrollBar()
        if value > 0 and value >= bar.maximum() - 2 * bar.pageStep():
            self.near_end.emit()

    # --- The row for the rest ---------------------------------------------------------------------------------------

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
