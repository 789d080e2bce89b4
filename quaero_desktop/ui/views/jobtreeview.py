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
from quaero_desktop.ui.models.jobnode import NUMERIC, Column, Node
from quaero_desktop.ui.models.jobtree import JobTreeModel
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
_MOST_CUT = 2_000


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


class _Frame(NamedTuple):
    """What is the same for all rows of a paint.

    Attributes:
        columns: those that are shown: number, left side and width.
        width: of a row.
        offset: how far is scrolled.
        baseline: of texts below the top of their row.
        percent: the room for the number behind a progress bar.
        step: how far each level is set in.
        text, chosen_text, link, chosen_ground, other_ground: colours.
        chosen: what is selected, by parent: first and last row.
        focused: parent and row of what has the keyboard.
    """

    columns: list[tuple[int, int, int]]
    width: int
    offset: int
    baseline: int
    percent: int
    step: int
    text: QColor
    chosen_text: QColor
    link: QColor
    chosen_ground: QColor
    other_ground: QColor
    chosen: list[tuple[int, int, int]]
    focused: tuple[int, int] | None


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
        self._is_restyled = False
        self._frame: _Frame | None = None
        # Where rows are on the screen, by their parent and number; None when that is not known.
        self._seen: dict[tuple[int, int], int] | None = None
        self._inks: dict[tuple[str, bool], QColor] = {}
        self._cut: dict[tuple[str, int], tuple[str, int]] = {}
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
        theme.changed.connect(self._inks.clear)
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
        """Paint the rows that are seen; what is the same for all of them is asked for once."""
        header, metrics, colours = self.header(), self.fontMetrics(), self.palette()
        roles = QPalette.ColorRole
        current = self.currentIndex() if self.hasFocus() else QModelIndex()
        self._frame = _Frame(
            columns=[
                (column, header.sectionViewportPosition(column), header.sectionSize(column))
                for column in Column
                if not header.isSectionHidden(column)
            ],
            width=self.viewport().width(),
            offset=self.verticalOffset(),
            baseline=(ROW + metrics.ascent() - metrics.descent()) // 2,
            percent=metrics.horizontalAdvance("100 %") + SPACE,
            step=self.indentation(),
            text=colours.color(roles.Text),
            chosen_text=colours.color(roles.HighlightedText),
            link=colours.color(roles.Link),
            chosen_ground=colours.color(roles.Highlight),
            other_ground=colours.color(roles.AlternateBase),
            chosen=[
                (rows.topLeft().internalId(), rows.top(), rows.bottom())
                for rows in self.selectionModel().selection().toList()
            ],
            focused=(current.internalId(), current.row()) if current.isValid() else None,
        )
        if event.rect().contains(self.viewport().rect()):
            self._seen = {}
        super().paintEvent(event)

    def drawRow(  # noqa: N802
        self, painter: QPainter, options: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Paint a whole row straight from the model's texts; cell by cell and role by role takes ten times as long.

        Each call of Qt lets the threads of the library take their turn, so there are few of them: texts are drawn at
        points and not in rectangles, and what was cut once stays so.
        """
        frame = self._frame
        assert frame is not None
        parent_id, number, top = index.internalId(), index.row(), options.rect.y()
        chosen = any(parent == parent_id and first <= number <= last for parent, first, last in frame.chosen)
        if chosen:
            painter.fillRect(0, top, frame.width, ROW, frame.chosen_ground)
        elif (top + frame.offset) // ROW % 2:
            painter.fillRect(0, top, frame.width, ROW, frame.other_ground)
        if self._seen is not None:
            self._seen[parent_id, number] = top
        node = self._jobs.node(index)
        inset = frame.step * _level(node.parent if node is not None else self._jobs.rest_owner(index))
        if node is None:
            painter.setPen(frame.link)
            left = frame.columns[0][1] + inset + SPACE
            painter.drawText(left, top + frame.baseline, str(self._jobs.data(index)))
        else:
            if node.opens:
                # Only the innermost place has a sign in it.
                self.drawBranches(painter, QRect(frame.columns[0][1], top, inset, ROW), index)
            self._draw_cells(painter, frame, node, top, inset, chosen)
        if not chosen and frame.focused == (parent_id, number):
            painter.setPen(self._theme.accent)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(0, top, frame.width - 1, ROW - 1)

    def _draw_cells(self, painter: QPainter, frame: _Frame, node: Node, top: int, inset: int, chosen: bool) -> None:
        texts, job = self._jobs.texts(node), node.job
        usual = frame.chosen_text if chosen else frame.text
        pen: QColor | None = None
        for column, side, width in frame.columns:
            text = texts[column]
            if not text:
                continue
            left, room = side + SPACE, width - 2 * SPACE
            mode, ink = Qt.TextElideMode.ElideRight, usual
            if column == Column.NAME:
                left += inset
                room -= inset
                if not job.is_root:
                    mode = Qt.TextElideMode.ElideMiddle
            elif column == Column.PROGRESS:
                parts = self._jobs.parts(node)
                if parts is not None:
                    paint_progress(painter, QRect(left, top, room - frame.percent, ROW), *parts, self._theme)
            elif column == Column.STATUS and not chosen:
                ink = self._ink(job.status, job.warnings)
            elif column == Column.FAILED and not chosen:
                ink = self._ink(Status.FAILED) if job.failed_children else self._ink("muted")
            shown, taken = self._fitted(text, room, mode)
            if column == Column.PROGRESS or column in NUMERIC:
                left += room - taken
            if ink is not pen:
                painter.setPen(ink)
                pen = ink
            painter.drawText(left, top + frame.baseline, shown)

    def _ink(self, status: str, warnings: int = 0) -> QColor:
        key = (status, warnings > 0)
        found = self._inks.get(key)
        if found is None:
            theme = self._theme
            found = theme.muted if status == "muted" else theme.status_colour(status, warnings)
            self._inks[key] = found
        return found

    def _fitted(self, text: str, room: int, mode: Qt.TextElideMode) -> tuple[str, int]:
        """Return as much of a text as there is room for, and its width."""
        found = self._cut.get((text, room))
        if found is None:
            if len(self._cut) > _MOST_CUT:
                self._cut.clear()
            metrics = self.fontMetrics()
            shown, taken = text, metrics.horizontalAdvance(text)
            if taken > room:
                shown = metrics.elidedText(text, mode, room)
                taken = metrics.horizontalAdvance(shown)
            found = self._cut[text, room] = shown, taken
        return found

    def event(self, event: QEvent) -> bool:
        """Take another look for what it is: with other colours the rows are where they were."""
        self._is_restyled = event.type() == QEvent.Type.StyleChange
        try:
            return super().event(event)
        finally:
            self._is_restyled = False

    def doItemsLayout(self) -> None:  # noqa: N802
        """Lay out the rows, of which there may be thousands; not for each of the many events of a new look."""
        if not self._is_restyled:
            super().doItemsLayout()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Cut texts anew for another font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._cut.clear()

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
