"""The list of results, and what the keyboard and the mouse do in it."""

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from quaero_desktop.ui.models.results import RESULT_ROLE, Result, ResultModel
from quaero_desktop.ui.theme import Theme
from quaero_desktop.ui.views.resultrow import ResultDelegate

_CHOOSING_KEYS = (
    Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End,
    Qt.Key.Key_Space, Qt.Key.Key_A,
)  # fmt: skip


class ResultList(QListView):
    """Shows what a search found.

    Args:
        theme: colours and fonts.
        model: the results.

    Attributes:
        chosen_by_hand: whether the person has chosen what is selected, and not the search.
        is_below_field: whether Up leads from the first row to a field to search in.

    Signals:
        read_wanted: the text of the current result is to be read.
        preview_wanted: it is to be shown beside the list.
        scrolled: other rows are seen.
        left: the person is done with the list.
    """

    read_wanted = Signal()
    preview_wanted = Signal()
    scrolled = Signal()
    left = Signal()

    def __init__(self, theme: Theme, model: ResultModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.chosen_by_hand = False
        self.is_below_field = False
        self._results = model
        self._delegate = ResultDelegate(theme, self)
        self.setObjectName("resultList")
        self.setAccessibleName(self.tr("Documents"))
        self.setModel(model)
        self.setItemDelegate(self._delegate)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        # Also on the row that is current already: a link may have led away from its text.
        self.clicked.connect(lambda _: self.preview_wanted.emit())
        self.doubleClicked.connect(lambda _: self.read_wanted.emit())
        self.verticalScrollBar().valueChanged.connect(lambda _: self.scrolled.emit())

    def current(self) -> Result | None:
        """Return the result that the keyboard is on."""
        index = self.currentIndex()
        return index.data(RESULT_ROLE) if index.isValid() else None

    def selected(self) -> list[Result]:
        """Return the selected results, from top to bottom."""
        rows = sorted(index.row() for index in self.selectionModel().selectedIndexes())
        return [self._results.rows[row] for row in rows]

    def show_snippets(self, shown: bool) -> None:
        """Make the rows high enough for excerpts, or not."""
        if shown != self._delegate.with_snippets:
            self._delegate.with_snippets = shown
            self.scheduleDelayedItemsLayout()

    def last_seen(self) -> int | None:
        """Return the last row that is in view, or None where the list ends before that.

        It is told by the rows, since a layout may be due.
        """
        last = self.indexAt(QPoint(2, self.viewport().height() - 2))
        return last.row() if last.isValid() else None

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Read with Enter, and leave with Esc, or with Up from the first row."""
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.read_wanted.emit()
        elif key == Qt.Key.Key_Escape or (
            key == Qt.Key.Key_Up and self.currentIndex().row() <= 0 and self.is_below_field
        ):
            self.left.emit()
        else:
            self.chosen_by_hand = self.chosen_by_hand or key in _CHOOSING_KEYS
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take note that somebody chooses."""
        self.chosen_by_hand = True
        super().mousePressEvent(event)
