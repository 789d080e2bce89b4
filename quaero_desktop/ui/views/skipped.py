"""The addresses that a crawl met and did not follow, with the rule that decided."""

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QSignalBlocker,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QAction, QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QStackedLayout,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.domain.listing import Skip, SkipPage
from quaero_desktop.domain.words import REASONS
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.format import count, path_of
from quaero_desktop.ui.models.skips import Column, SkipModel
from quaero_desktop.ui.theme import ROW, SPACE
from quaero_desktop.ui.widgets.labels import EmptyState, muted

BATCH = 500
"""Rows that are read at a time."""
_MOST_REFRESHED = 4 * BATCH
"""A list of which more was read than this stays as it is until it is opened anew: nothing is gained by reading on."""
_TYPING_MS = 200
_KEY = "detail/skips"
_SHARES = ((Column.URL, 0.4), (Column.RULE, 0.32), (Column.DEPTH, 0.07), (Column.FOUND_ON, 0.1))
"""Of the width; what is left is the last column's, too."""


class SkippedView(QWidget):
    """The skips of one root, by reason and with a filter.

    Signals:
        page_wanted: the id of the page on which an address was found.
    """

    page_wanted = Signal(int)

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._root_id: int | None = None
        self._reason: str | None = None
        self._counts: dict[str, int] = {}
        self._reads = 0
        self.reasons = QComboBox(self)
        self.reasons.setObjectName("skipReason")
        self.reasons.setAccessibleName(self.tr("Show which"))
        self.reasons.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.reasons.setMinimumContentsLength(18)
        self.reasons.currentIndexChanged.connect(lambda _: self._choose())
        self.filter = QLineEdit(self)
        self.filter.setObjectName("skipFilter")
        self.filter.setPlaceholderText(self.tr("Part of the address or rule"))
        self.filter.setAccessibleName(self.tr("Filter by a part of the address or the rule"))
        self.filter.setClearButtonEnabled(True)
        self._typing = QTimer(self, interval=_TYPING_MS, singleShot=True)
        self.filter.textChanged.connect(lambda _: self._typing.start())
        self._typing.timeout.connect(self._load)
        self._shown = muted(QLabel(self), context.theme)
        self.model = SkipModel(self)
        self.model.more_wanted.connect(self._load_more)
        self.table = QTableView(self)
        self.table.setObjectName("skipTable")
        self.table.setModel(self.model)
        self.table.setAccessibleName(self.tr("Addresses that were not followed"))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.setAlternatingRowColors(True)
        self.table.setWordWrap(False)
        self.table.setItemDelegate(_Delegate(self.table))
        self.table.setTabKeyNavigation(False)
        self.table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.table.verticalHeader().setDefaultSectionSize(ROW)
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setMinimumSectionSize(9 * SPACE)
        self._has_widths = header.restoreState(context.state.bytes(_KEY))
        header.sectionResized.connect(lambda *_: self._note_widths())
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._menu)
        self.table.activated.connect(self._activated)
        self.table.installEventFilter(self)
        self._nothing = EmptyState(context.theme, "funnel", "")
        bar = QHBoxLayout()
        bar.setContentsMargins(3 * SPACE, 2 * SPACE, 3 * SPACE, 2 * SPACE)
        bar.setSpacing(2 * SPACE)
        bar.addWidget(self.reasons, 1)
        bar.addWidget(self.filter, 1)
        self._bar = QWidget(self)
        self._bar.setLayout(bar)
        foot = QHBoxLayout()
        foot.setContentsMargins(3 * SPACE, SPACE, 3 * SPACE, SPACE)
        foot.addWidget(self._shown)
        self._stack = QStackedLayout()
        self._stack.addWidget(self._nothing)
        self._stack.addWidget(self.table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._bar)
        layout.addLayout(self._stack, 1)
        layout.addLayout(foot)
        self._show_counts()

    def show_root(self, root_id: int, reason: str | None = None) -> None:
        """Show the skips of a root.

        Args:
            root_id: the root.
            reason: only those refused for it; None leaves what was chosen, for another root all.
        """
        if root_id != self._root_id:
            self._root_id = root_id
            self._reason = reason
            self._counts = {}
            with QSignalBlocker(self.filter):
                self.filter.clear()
            self.model.reset((), 0, {})
        elif reason is not None:
            self._reason = reason
        self._load()

    def clear(self) -> None:
        """Show nothing."""
        self._root_id = None
        self._context.tasks.cancel(self._key)
        self.model.reset((), 0, {})

    def refresh(self) -> None:
        """Read again: the crawl went on. What is shown keeps its place."""
        if self._root_id is not None and not self._is_busy():
            self._context.tasks.latest(self._key, self._refresh(self._root_id))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Divide the width among the columns, until the person has done it."""
        super().resizeEvent(event)
        if not self._has_widths:
            header = self.table.horizontalHeader()
            # Not the table's own width: while it is hidden behind the other page of the stack it has none.
            room = self.width()
            for column, share in _SHARES:
                least = header.sectionSizeHint(column) if column == Column.DEPTH else header.minimumSectionSize()
                header.resizeSection(column, max(least, int(room * share)))

    def _note_widths(self) -> None:
        if not QGuiApplication.mouseButtons():
            return  # the layout did it, not the person
        self._has_widths = True
        self._context.state.set(_KEY, self.table.horizontalHeader().saveState())

    @property
    def sentence(self) -> str:
        """What stands below the table."""
        return self._shown.text()

    @property
    def _key(self) -> tuple[str, int]:
        return ("skips", id(self))

    def _is_busy(self) -> bool:
        return self._typing.isActive() or self._reads > 0

    # --- reading ------------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        self._typing.stop()
        if self._root_id is not None:
            self._context.tasks.latest(self._key, self._read_first(self._root_id))

    def _load_more(self) -> None:
        if self._root_id is not None and (last := self.model.last_url) is not None:
            self._context.tasks.latest(self._key, self._read_more(self._root_id, last))

    async def _read_first(self, root_id: int) -> None:
        self._reads += 1
        try:
            counts = await self._context.services.jobs.skip_counts(root_id)
            if self._reason is not None and self._reason not in counts:
                self._reason = None
            self._counts = counts
            page = await self._page(root_id, BATCH)
            names = await self._names(page.skips)
        finally:
            self._reads -= 1
        self._show_counts()
        self.model.reset(page.skips, page.total_count, names)
        self._say()

    async def _read_more(self, root_id: int, after: str) -> None:
        self._reads += 1
        try:
            page = await self._page(root_id, BATCH, after, self.model.total)
            names = await self._names(page.skips)
        finally:
            self._reads -= 1
        self.model.append(page.skips, page.total_count, names)
        self._say()

    async def _refresh(self, root_id: int) -> None:
        counts = await self._context.services.jobs.skip_counts(root_id)
        if counts == self._counts:
            return
        self._counts = counts
        self._show_counts()
        here = self.model.rowCount()
        if here > _MOST_REFRESHED:
            return
        page = await self._page(root_id, max(here, BATCH))
        skips = page.skips
        if here >= BATCH:
            last = self.model.last_url
            skips = tuple(skip for skip in skips if last is None or skip.url <= last)
        names = await self._names(skips)
        above = self.table.rowAt(0)
        anchor = self.model.skip(above).url if above >= 0 else None
        offset = self.table.rowViewportPosition(above) if above >= 0 else 0
        at_top = self.table.verticalScrollBar().value() == 0
        self.model.refresh(skips, page.total_count, names)
        if anchor is not None and not at_top:
            self._keep(anchor, offset)
        self._say()

    async def _page(self, root_id: int, limit: int, after: str | None = None, total: int | None = None) -> SkipPage:
        query = self.filter.text().strip()
        return await self._context.services.jobs.skips(
            root_id, reason=self._reason, limit=limit, query=query, after=after, total=total
        )

    async def _names(self, skips: tuple[Skip, ...]) -> dict[int, str]:
        """Return what the pages are called on which these were found."""
        ids = sorted({skip.found_on for skip in skips if skip.found_on is not None})
        rows = await self._context.services.pages.rows(ids)
        return {row.id: path_of(row.url) if row.url else row.title for row in rows}

    def _keep(self, anchor: str, offset: int) -> None:
        """Let the row of *anchor* be where it was, whatever came above it."""
        for row in range(self.model.rowCount()):
            if self.model.skip(row).url == anchor:
                bar = self.table.verticalScrollBar()
                bar.setValue(bar.value() + self.table.rowViewportPosition(row) - offset)
                return

    # --- showing ------------------------------------------------------------------------------------------------------

    def _show_counts(self) -> None:
        entries: list[tuple[str, str | None]] = []
        if self._counts:
            entries.append((self.tr("All reasons (%s)") % count(sum(self._counts.values())), None))
        for reason, number in self._counts.items():
            words = REASONS.get(reason, reason)
            entries.append((f"{words[:1].upper()}{words[1:]} ({count(number)})", reason))
        with QSignalBlocker(self.reasons):
            same = [self.reasons.itemData(row) for row in range(self.reasons.count())] == [
                reason for _, reason in entries
            ]
            if not same:
                self.reasons.clear()
            for row, (text, value) in enumerate(entries):
                if same:
                    self.reasons.setItemText(row, text)
                else:
                    self.reasons.addItem(text, value)
                if value == self._reason:
                    self.reasons.setCurrentIndex(row)
        self._bar.setVisible(bool(self._counts))
        self._say()

    def _say(self) -> None:
        here, total = self.model.rowCount(), self.model.total
        if not here:
            sentence = (
                self.tr("No address is like that.")
                if self._counts
                else self.tr("Nothing was left out: every address that this crawl met was followed.")
            )
            self._nothing.set_sentence(sentence)
        self._stack.setCurrentIndex(1 if here else 0)
        self._shown.setVisible(here > 0)
        if here < total:
            self._shown.setText(self.tr("%s of %s; more as you scroll") % (count(here), count(total)))
        else:
            self._shown.setText(self.tr("%s addresses") % count(here) if here != 1 else self.tr("1 address"))

    def _choose(self) -> None:
        reason = self.reasons.currentData()
        self._reason = None if reason is None else str(reason)
        self._load()

    def _activated(self, index: QModelIndex) -> None:
        found_on = self.model.skip(index.row()).found_on
        if found_on is not None:
            self.page_wanted.emit(found_on)

    def _menu(self, position: QPoint) -> None:
        index = self.table.indexAt(position)
        if not index.isValid():
            return
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        copy = QAction(self._context.theme.icon("copy"), self.tr("Copy address"), menu)
        copy.setShortcut(QKeySequence.StandardKey.Copy)
        copy.triggered.connect(lambda _=False: self.copy())
        menu.addAction(copy)
        if self.model.skip(index.row()).found_on is not None:
            go = QAction(self.tr("Go to the page it was found on"), menu)
            go.triggered.connect(lambda _=False: self._activated(index))
            menu.addAction(go)
        menu.popup(self.table.viewport().mapToGlobal(position))

    def copy(self) -> None:
        """Copy the addresses of the selected rows, one a line."""
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        if rows:
            QGuiApplication.clipboard().setText("\n".join(self.model.skip(row).url for row in rows))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Copy addresses where Qt would copy a cell."""
        if isinstance(event, QKeyEvent) and event.matches(QKeySequence.StandardKey.Copy):
            if event.type() == QEvent.Type.KeyPress:
                self.copy()
            return True
        return super().eventFilter(watched, event)


class _Delegate(QStyledItemDelegate):
    """Cuts addresses in the middle: their ends tell them apart."""

    def initStyleOption(  # noqa: N802 (Qt's name)
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().initStyleOption(option, index)
        if index.column() != Column.RULE:
            option.textElideMode = Qt.TextElideMode.ElideMiddle
