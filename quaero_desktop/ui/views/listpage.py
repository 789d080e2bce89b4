"""A page with a table of few things, the tools for them above, and all about the selected one beside it."""

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QObject, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QGuiApplication, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QPushButton,
    QSplitter,
    QStackedLayout,
    QTableView,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.ui.actions import ActionId, Selection
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.models.switchtable import SwitchTable
from quaero_desktop.ui.theme import ROW, SPACE
from quaero_desktop.ui.widgets.focus import pass_on
from quaero_desktop.ui.widgets.labels import Line
from quaero_desktop.ui.widgets.rowdelegate import RowDelegate

_NARROW = 860
"""Up to this width, in pixels, the details stand below the table."""


Row = TypeVar("Row")


class ListPage(QWidget, Generic[Row]):
    """Lays out such a page, keeps it up to date and remembers its columns. What it is about says who makes one.

    Args:
        context: what the parts of the window are given.
        name: under which its columns are remembered, like ``definitions``.

    Signals:
        selected: the :class:`Selection`, when other rows are selected or what they say matters to actions.
    """

    CLICKED: ClassVar[frozenset[int]] = frozenset((0,))
    """The columns in which a click does something itself: a double click there does not edit."""

    selected = Signal(object)

    def __init__(self, context: Context, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"{name}View")
        self._context = context
        self._name = name
        self._key = f"{name}/columns"
        self._splitter_key = f"{name}/splitter"
        self._selection = Selection()
        self._ids: tuple[int, ...] = ()
        self._wanted: int | None = None
        self._is_stale = True

    def _lay_out(
        self,
        model: SwitchTable[Row],
        *,
        title: str,
        tools: Sequence[ActionId | None],
        menu: Sequence[ActionId | None],
        detail: QWidget,
        empty: QWidget,
        shares: Sequence[float],
    ) -> None:
        """Put the parts into their places.

        Args:
            model: of the table.
            title: of the table, for a screen reader.
            tools: what stands above the table; None is a line.
            menu: what the context menu shows.
            detail: what stands beside the table.
            empty: what stands instead of both while there is nothing.
            shares: which part of the width each column gets at first.
        """
        context, name = self._context, self._name
        self._table_model = model
        self._menu_names = menu
        self._shares = tuple(shares)
        self.bar = QToolBar(self)
        self.bar.setObjectName(f"{name}Tools")
        self.bar.setIconSize(QSize(4 * SPACE, 4 * SPACE))
        self.bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.bar.setStyleSheet("QToolBar { border: 0; padding: 4px; spacing: 4px; }")
        for each in tools:
            if each is None:
                self.bar.addSeparator()
            else:
                self.bar.addAction(context.actions.action(each))
        self.table = self._make_table(title)
        detail.setMinimumWidth(60 * SPACE)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.setObjectName(f"{name}Splitter")
        self.splitter.addWidget(self.table)
        self.splitter.addWidget(detail)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 2)
        self._has_sizes = self.splitter.restoreState(context.state.bytes(self._splitter_key))
        self.splitter.splitterMoved.connect(lambda *_: self._note_sizes())
        place = QWidget(self)
        self._stack = QStackedLayout(place)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._empty = empty
        self._stack.addWidget(empty)
        self._stack.addWidget(self.splitter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.bar)
        layout.addWidget(Line(context.theme, self))
        layout.addWidget(place, 1)
        model.enable_wanted.connect(self._enable)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._tell())
        self.table.doubleClicked.connect(self._double_clicked)

    # --- what a page is about -----------------------------------------------------------------------------------------

    async def _read(self) -> Any:
        """Return what the library has, for :meth:`_show`."""
        raise NotImplementedError

    def _show(self, read: Any) -> bool:
        """Give the model what was read; return whether rows came, went or moved."""
        raise NotImplementedError

    def _select(self, rows: Sequence[Row]) -> Selection:
        """Return what these rows are to actions."""
        raise NotImplementedError

    def _show_detail(self) -> None:
        """Show all about what is selected."""
        raise NotImplementedError

    async def _switch(self, row_id: int, on: bool) -> None:
        """Store that something is switched on or off."""
        raise NotImplementedError

    # --- what is shown ------------------------------------------------------------------------------------------------

    @property
    def selection(self) -> Selection:
        """What is selected."""
        return self._selection

    @property
    def is_loaded(self) -> bool:
        """Whether what is shown is what the library had when it was last asked."""
        return not self._is_stale

    def select(self, row_id: int) -> None:
        """Select what has this id, as soon as it is here."""
        self._wanted = row_id
        self.reload()

    def reload(self) -> None:
        """Read everything anew; what is selected stays so."""
        self._is_stale = True
        if self.isVisible():
            self._context.tasks.latest((self._name, id(self)), self._load())

    async def _load(self) -> None:
        read = await self._read()
        model = self._table_model
        ids = self._ids if self._wanted is None else (self._wanted,)
        self._wanted = None
        moved = self._show(read)
        self.show_empty(not model.rows)
        places = sorted(place for each in ids if (place := model.row_of(each)) >= 0)
        if moved or places != self.selected_rows():
            self.select_rows(places or ([0] if model.rows else []))
        self._is_stale = False
        self._tell()

    def _tell(self) -> None:
        """Show what is selected, and say so."""
        model = self._table_model
        rows = [model.row(number) for number in self.selected_rows()]
        self._ids = tuple(model.id_of(row) for row in rows)
        self._selection = self._select(rows)
        self._show_detail()
        self.selected.emit(self._selection)

    def _double_clicked(self, index: QModelIndex) -> None:
        if index.column() not in self.CLICKED:
            self._context.actions.trigger(ActionId.EDIT)

    def _enable(self, row_id: int, on: bool) -> None:
        async def store() -> None:
            await self._switch(row_id, on)
            self.reload()

        self._context.tasks.spawn(store(), name=f"switch one of the {self._name} on or off")

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        """Catch up with what happened while nobody looked."""
        super().showEvent(event)
        self.reload()

    def show_empty(self, is_empty: bool) -> None:
        """Show the table, or what stands there while it is empty."""
        self._stack.setCurrentIndex(0 if is_empty else 1)

    @property
    def is_empty(self) -> bool:
        """Whether the table is not shown, since it is empty."""
        return self._stack.currentIndex() == 0

    def selected_rows(self) -> list[int]:
        """Return the rows that are selected, from top to bottom."""
        return sorted(index.row() for index in self.table.selectionModel().selectedRows())

    def select_rows(self, rows: Sequence[int]) -> None:
        """Select these rows and no others; the first of them is the current one."""
        model, chosen = self.table.model(), self.table.selectionModel()
        rows = [row for row in rows if 0 <= row < model.rowCount()]
        flags = QItemSelectionModel.SelectionFlag
        if not rows:
            chosen.clear()
            return
        chosen.setCurrentIndex(model.index(rows[0], 1), flags.ClearAndSelect | flags.Rows)
        for row in rows[1:]:
            chosen.select(model.index(row, 1), flags.Select | flags.Rows)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Pass the keyboard on to the table, or to what there is to do while it is empty."""
        if self.is_empty:
            button = self._empty.findChild(QPushButton)
            if button is not None:
                button.setFocus(event.reason())
        else:
            pass_on(self.table, event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Put the details below where it is narrow, and divide the width among the columns until a person did."""
        super().resizeEvent(event)
        wanted = Qt.Orientation.Vertical if self.width() <= _NARROW else Qt.Orientation.Horizontal
        if self.splitter.orientation() != wanted:
            self.splitter.setOrientation(wanted)
            self._has_sizes = False
        if not self._has_sizes:
            room = self.width() if wanted is Qt.Orientation.Horizontal else self.height()
            self.splitter.setSizes([room * 62 // 100, room * 38 // 100])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Edit with Enter, switch on and off with Space; divide the columns when the table changes its width."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and plain:
                self._context.actions.trigger(ActionId.EDIT)
                return True
            if event.key() == Qt.Key.Key_Space and plain:
                self._context.actions.trigger(ActionId.ENABLE)
                return True
        if isinstance(event, QResizeEvent) and watched is not self.table:
            self._divide(event.size().width())
        return super().eventFilter(watched, event)

    def _make_table(self, title: str) -> QTableView:
        table = QTableView(self)
        table.setObjectName(f"{self._name}Table")
        table.setAccessibleName(title)
        table.setModel(self._table_model)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setShowGrid(False)
        table.setAlternatingRowColors(True)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.verticalHeader().hide()
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.verticalHeader().setDefaultSectionSize(ROW + SPACE)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setMinimumSectionSize(8 * SPACE)
        self._has_widths = header.restoreState(self._context.state.bytes(self._key))
        header.sectionResized.connect(lambda *_: self._note_widths())
        table.setItemDelegate(RowDelegate(self._context.theme, table))
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._show_menu)
        table.installEventFilter(self)
        table.viewport().installEventFilter(self)
        return table

    def _show_menu(self, position: QPoint) -> None:
        if self.table.indexAt(position).isValid():
            menu = self._context.actions.context_menu(self, self._menu_names)
            menu.popup(self.table.viewport().mapToGlobal(position))

    def _divide(self, room: int) -> None:
        if self._has_widths:
            return
        header = self.table.horizontalHeader()
        rest = room
        for column, share in enumerate(self._shares[:-1]):
            width = int(room * share) if share else header.sectionSizeHint(column)
            header.resizeSection(column, max(header.minimumSectionSize(), width))
            rest -= header.sectionSize(column)
        # Named as well: a stretched last section that was wider before the table shrank keeps its old size in Qt.
        header.resizeSection(len(self._shares) - 1, max(header.minimumSectionSize(), rest))

    def _note_widths(self) -> None:
        # A person did it, and not the layout.
        if QGuiApplication.mouseButtons() and self.table.horizontalHeader().viewport().underMouse():
            self._has_widths = True
            self._context.state.set(self._key, self.table.horizontalHeader().saveState())

    def _note_sizes(self) -> None:
        self._has_sizes = True
        self._context.state.set(self._splitter_key, self.splitter.saveState())
