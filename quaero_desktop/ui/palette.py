"""The palette: one field for everything that can be done, every crawl and every page, by a few letters of its name."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QAction, QCloseEvent, QColor, QFont, QFontMetrics, QKeyEvent, QKeySequence, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.domain.documents import SearchHit
from quaero_desktop.domain.jobs import Job
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.ui import fuzzy
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.format import STATUS_GLYPHS, clean, count_of, host_of, path_of, status_words
from quaero_desktop.ui.found import as_prefix
from quaero_desktop.ui.theme import SPACE, Theme

_DEBOUNCE_MS = 100
_WIDTH = 620
_FROM_TOP = 68
_ROWS = 14
_MOST_ACTIONS = 7
_MOST_JOBS = 5
_MOST_DOCUMENTS = 6
_NO_PARENT = QModelIndex()


class Kind(StrEnum):
    """What a row is."""

    HEADING = "heading"
    ACTION = "action"
    JOB = "job"
    DOCUMENT = "document"
    NOTHING = "nothing"


class Entry(NamedTuple):
    """A row.

    Attributes:
        text: its name.
        detail: what stands behind it in a lighter colour: keys, a status, an address, or why it cannot be done.
        marked: the characters of the name that were typed.
        can: whether it can be chosen.
        payload: the action, or the id of the job or document.
        glyph, status: of a job.
    """

    kind: Kind
    text: str
    detail: str = ""
    marked: tuple[int, ...] = ()
    can: bool = True
    payload: Any = None
    glyph: str = ""
    status: str = ""


class _Entries(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.entries: list[Entry] = []

    def show(self, entries: list[Entry]) -> None:
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _NO_PARENT) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry = self.entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.text
        if role == Qt.ItemDataRole.UserRole:
            return entry
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{entry.text}, {entry.detail}" if entry.detail else entry.text
        return None

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if self.entries[index.row()].kind in (Kind.HEADING, Kind.NOTHING):
            return Qt.ItemFlag.ItemIsEnabled
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


class Palette(QFrame):
    """A field at the top of the window, and below it what fits: actions, crawls and documents.

    Args:
        context: the open library and what the window shares.
        parent: the window.

    Signals:
        job_chosen: the id of a job.
        document_chosen: the id of a document.
    """

    job_chosen = Signal(int)
    document_chosen = Signal(int)

    def __init__(self, context: Context, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("palette")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._context = context
        self._window = parent
        self._jobs: list[Entry] = []
        self._documents: list[Entry] = []
        self.field = QLineEdit(self)
        self.field.setObjectName("paletteField")
        self.field.setFrame(False)
        self.field.setMaxLength(500)
        self.field.setPlaceholderText(self.tr("What to do, or the name of a crawl or a page"))
        self.field.setAccessibleName(self.tr("What to do, or the name of a crawl or a page"))
        # It is the whole head of the palette: a frame of its own would be one too many.
        self.field.setStyleSheet(f"QLineEdit {{ border: 0; background: transparent; padding: {2 * SPACE}px; }}")
        font = QFont(self.field.font())
        font.setPointSizeF(font.pointSizeF() * 1.15)
        self.field.setFont(font)
        self.field.addAction(context.theme.icon("magnifying-glass"), QLineEdit.ActionPosition.LeadingPosition)
        self.field.textChanged.connect(self._typed)
        self.field.installEventFilter(self)
        self._model = _Entries(self)
        self.list = QListView(self)
        self.list.setObjectName("paletteList")
        self.list.setAccessibleName(self.tr("What fits"))
        self.list.setModel(self._model)
        self._delegate = _EntryDelegate(context.theme, self)
        self.list.setItemDelegate(self._delegate)
        self.list.setUniformItemSizes(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.clicked.connect(self._choose)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        layout.setSpacing(SPACE)
        layout.addWidget(self.field)
        layout.addWidget(self.list)
        self.setFocusProxy(self.field)
        self._typing = QTimer(self, interval=_DEBOUNCE_MS, singleShot=True)
        self._typing.timeout.connect(self._look_up)

    def open(self) -> None:
        """Appear at the top of the window."""
        self._show_entries()
        self._place()
        self.show()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)
        self._typing.start(0)

    @property
    def entries(self) -> Sequence[Entry]:
        """What is shown."""
        return self._model.entries

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Let the keys of the field move in the list."""
        if watched is self.field and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            steps = {
                Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: _ROWS - 2, Qt.Key.Key_PageUp: 2 - _ROWS,
            }  # fmt: skip
            if event.key() in steps:
                self._move(steps[Qt.Key(event.key())])
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._choose(self.list.currentIndex())
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.close()
                return True
        return super().eventFilter(watched, event)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Ask nothing any more."""
        self._typing.stop()
        self._context.tasks.cancel((id(self), "palette"))
        super().closeEvent(event)

    # --- what fits --------------------------------------------------------------------------------------------------

    def _typed(self) -> None:
        self._show_entries()
        self._typing.start(_DEBOUNCE_MS)

    def _look_up(self) -> None:
        self._context.tasks.latest((id(self), "palette"), self._find(self.field.text().strip()))

    async def _find(self, text: str) -> None:
        services = self._context.services
        page = await services.jobs.page(JobFilter(query=text, limit=_MOST_JOBS))
        jobs = [self._of_job(job) for job in page.jobs]
        documents: list[Entry] = []
        if text:
            results = await services.library.search(text, limit=_MOST_DOCUMENTS)
            wider = as_prefix(text)
            if not results.total_count and wider is not None:
                results = await services.library.search(wider, limit=_MOST_DOCUMENTS)
            documents = [self._of_hit(hit) for hit in results.results]
        if text == self.field.text().strip():
            self._jobs, self._documents = jobs, documents
            self._show_entries(settled=True)

    def _show_entries(self, *, settled: bool = False) -> None:
        """Show what fits; jobs and documents of the letters before stay until those of the new ones are there."""
        before = self._current()
        entries: list[Entry] = []
        groups = (
            (self.tr("Actions"), self._actions(self.field.text())),
            (self.tr("Crawls"), self._jobs),
            (self.tr("Pages"), self._documents),
        )
        for heading, group in groups:
            if group:
                entries += [Entry(Kind.HEADING, heading), *group]
        if not entries and settled:
            entries = [Entry(Kind.NOTHING, self.tr("Nothing fits. Press Esc to go back."))]
        self._model.show(entries)
        rows = [row for row, entry in enumerate(entries) if self._can_stand_on(entry)]
        kept = next(
            (row for row in rows if before is not None and settled and _same(entries[row], before)),
            rows[0] if rows else -1,
        )
        if kept >= 0:
            self.list.setCurrentIndex(self._model.index(kept))
        self._fit()

    def _actions(self, typed: str) -> list[Entry]:
        actions = self._context.actions
        found: list[tuple[int, int, Entry]] = []
        for order, action in enumerate(actions.all()):
            name = str(action.data())
            if name == ActionId.PALETTE:
                continue
            text = action.text().replace("&", "")
            fits = fuzzy.match(typed, text)
            if fits is None:
                continue
            reason = actions.why_not(ActionId(name))
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            entry = Entry(
                kind=Kind.ACTION, text=text, detail=reason or keys, marked=fits[1], can=not reason, payload=action
            )
            # What can be done comes first, then what fits best.
            found.append((0 if not reason else 1, -fits[0] if typed.strip() else order, entry))
        found.sort(key=lambda each: each[:2])
        return [entry for _, _, entry in found[:_MOST_ACTIONS]]

    def _of_job(self, job: Job) -> Entry:
        # The glyph stands in front of the name.
        said = status_words(job.status, job.warnings).partition(" ")[2]
        return Entry(
            kind=Kind.JOB,
            text=clean(job.name, 200) or str(job.id),
            detail=f"{said} · {count_of(job.pages, 'page')}",
            payload=job.id,
            glyph=STATUS_GLYPHS.get(job.status, ""),
            status=job.status,
        )

    def _of_hit(self, hit: SearchHit) -> Entry:
        return Entry(
            kind=Kind.DOCUMENT,
            text=clean(hit.title, 200) or path_of(hit.url),
            detail=f"{host_of(hit.url)}{path_of(hit.url)}",
            payload=hit.document_id,
        )

    # --- choosing ---------------------------------------------------------------------------------------------------

    def _current(self) -> Entry | None:
        index = self.list.currentIndex()
        return self._model.entries[index.row()] if index.isValid() else None

    @staticmethod
    def _can_stand_on(entry: Entry) -> bool:
        return entry.kind not in (Kind.HEADING, Kind.NOTHING)

    def _move(self, step: int) -> None:
        rows = [row for row, entry in enumerate(self._model.entries) if self._can_stand_on(entry)]
        if not rows:
            return
        current = self.list.currentIndex().row()
        at = rows.index(current) if current in rows else 0
        wrapped = (at + step) % len(rows) if abs(step) == 1 else min(len(rows) - 1, max(0, at + step))
        self.list.setCurrentIndex(self._model.index(rows[wrapped]))
        if wrapped == 0:
            self.list.scrollToTop()

    def _choose(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        entry = self._model.entries[index.row()]
        if not self._can_stand_on(entry) or not entry.can:
            return
        self.close()
        match entry.kind:
            case Kind.ACTION:
                action: QAction = entry.payload
                action.trigger()
            case Kind.JOB:
                self.job_chosen.emit(entry.payload)
            case Kind.DOCUMENT:
                self.document_chosen.emit(entry.payload)

    # --- its place --------------------------------------------------------------------------------------------------

    def _place(self) -> None:
        window = self._window
        width = min(_WIDTH, max(320, window.width() - 8 * SPACE))
        self.setFixedWidth(width)
        self._fit()
        self.move(window.mapToGlobal(QPoint((window.width() - width) // 2, min(_FROM_TOP, window.height() // 8))))

    def _fit(self) -> None:
        rows = min(_ROWS, max(1, len(self._model.entries)))
        self.list.setFixedHeight(rows * self._delegate.height(self.list.font()))
        self.setFixedHeight(self.sizeHint().height())


def _same(one: Entry, other: Entry) -> bool:
    return one.kind is other.kind and one.payload == other.payload


class _EntryDelegate(QStyledItemDelegate):
    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme

    def height(self, font: QFont) -> int:
        """Return the height of a row."""
        option = QStyleOptionViewItem()
        option.font = font
        return self.sizeHint(option, QModelIndex()).height()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: N802
        return QSize(100, QFontMetrics(option.font).height() + 3 * SPACE)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        entry: Entry = index.data(Qt.ItemDataRole.UserRole)
        palette = option.palette
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        area = option.rect.adjusted(2 * SPACE, 0, -2 * SPACE, 0)
        if entry.kind in (Kind.HEADING, Kind.NOTHING):
            painter.setFont(self._theme.font_small())
            painter.setPen(self._theme.muted)
            painter.drawText(
                area.adjusted(0, 0, 0, -SPACE // 2), _BELOW if entry.kind is Kind.HEADING else _MIDDLE, entry.text
            )
            painter.restore()
            return
        if selected:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color(QPalette.ColorRole.Highlight))
            painter.drawRoundedRect(QRectF(option.rect), SPACE, SPACE)
        text = palette.color(QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text)
        quiet = text if selected else self._theme.muted
        icon_area = QRect(area.left(), area.center().y() - 7, 16, 16)
        self._paint_icon(painter, icon_area, entry, text, quiet, selected)
        area.setLeft(area.left() + 6 * SPACE)
        metrics = painter.fontMetrics()
        room = area.width()
        most = room * 3 // 5
        wide = metrics.horizontalAdvance(entry.text)
        detail_room = max(room - min(wide, most) - 4 * SPACE, 0) if entry.detail else 0
        detail = metrics.elidedText(entry.detail, Qt.TextElideMode.ElideMiddle, detail_room) if entry.detail else ""
        detail_width = metrics.horizontalAdvance(detail)
        painter.setPen(quiet)
        painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, detail)
        self._paint_name(
            painter, area.adjusted(0, 0, -detail_width - 4 * SPACE, 0), entry, text if entry.can else quiet
        )
        painter.restore()

    def _paint_icon(
        self, painter: QPainter, area: QRect, entry: Entry, text: QColor, quiet: QColor, selected: bool
    ) -> None:
        if entry.kind is Kind.JOB:
            painter.setPen(text if selected else self._theme.status_colour(entry.status))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, entry.glyph)
        elif entry.kind is Kind.DOCUMENT:
            self._theme.icon_in("file-text", quiet).paint(painter, area)
        else:
            icon = entry.payload.icon()
            icon.paint(
                painter,
                area,
                Qt.AlignmentFlag.AlignCenter,
                icon.Mode.Selected if selected else icon.Mode.Normal if entry.can else icon.Mode.Disabled,
            )

    def _paint_name(self, painter: QPainter, area: QRect, entry: Entry, colour: QColor) -> None:
        painter.setPen(colour)
        metrics = painter.fontMetrics()
        shown = metrics.elidedText(entry.text, Qt.TextElideMode.ElideRight, area.width())
        if not entry.marked:
            painter.drawText(area, _MIDDLE, shown)
            return
        bold = QFont(painter.font())
        bold.setBold(True)
        plain = QFont(painter.font())
        left = area.left()
        for run, is_marked in _runs(shown, entry.marked):
            painter.setFont(bold if is_marked else plain)
            painter.drawText(QRect(left, area.top(), area.right() - left, area.height()), _MIDDLE, run)
            left += painter.fontMetrics().horizontalAdvance(run)


_MIDDLE = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_BELOW = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom


def _runs(text: str, marked: Sequence[int]) -> list[tuple[str, bool]]:
    """Return *text* in runs of characters that are marked, and that are not."""
    runs: list[tuple[str, bool]] = []
    chosen = frozenset(marked)
    for place, character in enumerate(text):
        is_marked = place in chosen
        if runs and runs[-1][1] == is_marked:
            runs[-1] = (runs[-1][0] + character, is_marked)
        else:
            runs.append((character, is_marked))
    return runs
