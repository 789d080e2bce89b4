"""The tree of jobs as Qt sees it: roots, and the children of those that are open.

Rows are found by their parent's id, which every index carries, so an index costs no object and outlives every change.
Texts are written when a row is first painted and kept until it changes: applying a change costs next to nothing, and
painting only what is seen.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, Qt, QTimer, Signal

from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.domain.jobs import Job, Status
from quaero_desktop.ui import clock
from quaero_desktop.ui import format as written
from quaero_desktop.ui.actions import Target
from quaero_desktop.ui.models.cells import NOWHERE, NUMBERS, WORDS, Index
from quaero_desktop.ui.models.jobnode import MOST_FIRST, NUMERIC, Column, Node, runs
from quaero_desktop.ui.models.joborder import Filter, Order
from quaero_desktop.ui.models.jobtips import job_tip

MOST_CHILDREN = 2_000
"""How many children of a job the tree shows: a view lays out every row of what is open. All of them are in Pages."""
SLICE_SECONDS = 0.008
"""The longest that the model keeps the window waiting at a time."""

# A view asks twice for each row whenever it lays them out, and joining flags takes longer than all the rest.
_PARENT = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
_LEAF = _PARENT | Qt.ItemFlag.ItemNeverHasChildren
_REST = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemNeverHasChildren
_SLICE = 500
_NEAR = 100
"""So many children of a job come one by one, as they are found; those after them once a second."""
_GATHER_MS = 1_000
_MOST_GONE = 10_000
_LAST = int(Column.DURATION)

ID_ROLE = Qt.ItemDataRole.UserRole + 1
"""The job of a row, or None for the row that stands for the rest."""


class JobTreeModel(QAbstractItemModel):
    """The roots, newest first, and below an opened one its children, those that run and those that failed first.

    It is told of changes and asks nobody itself; for the children of what is opened it emits ``children_wanted``.

    Args:
        now: the time in milliseconds UTC.

    Signals:
        children_wanted: the id of a job that was opened and whose children are not here yet.
        census_changed: how many roots are in which status, or of which site, has changed.
        times_changed: what rows say may be different because time went by; nothing in the library is.
        about_to_change, changed: rows come, go or move in between; the second says whether they did.
    """

    children_wanted = Signal(int)
    census_changed = Signal()
    times_changed = Signal()
    about_to_change = Signal()
    changed = Signal(bool)

    def __init__(self, parent: QObject | None = None, *, now: Callable[[], int] = clock.now) -> None:
        super().__init__(parent)
        self._now = now
        self._top = Node.top()
        self._roots: dict[int, Node] = {}
        self._nodes: dict[int, Node] = {0: self._top}
        self._filter = Filter()
        self._pinned: frozenset[int] = frozenset()
        self._order = Order(self._now)
        self._census: Counter[str] = Counter()
        self._sites: Counter[str] = Counter()
        self._recount = False
        self._backlog: dict[int, Job] = {}
        self._gathered: dict[int, Job] = {}
        self._gone: dict[int, int] = {}
        self._headers = self._header_texts()
        self._continue = QTimer(self)
        self._continue.setSingleShot(True)
        self._continue.setInterval(0)
        self._continue.timeout.connect(self._work)
        # For each batch of new rows a view lays out all of them and paints what is seen, wherever they come.
        self._gather = QTimer(self)
        self._gather.setSingleShot(True)
        self._gather.setInterval(_GATHER_MS)
        self._gather.timeout.connect(self._take_gathered)

    # --- What is told ---------------------------------------------------------------------------------------------

    def add_roots(self, jobs: Iterable[Job]) -> None:
        """Show roots that are not here yet, each in its place, and newer snapshots of those that are."""
        self._change(lambda: self._take(roots=jobs))

    def open(self, job_id: int) -> None:
        """Ask for the children of a job, when they are not here or under way.

        Not Qt's ``fetchMore``: views ask for that on their own account, and what comes later makes them ask for more.
        """
        node = self._nodes.get(job_id)
        if node is not None and node.job.child_count and not (node.loaded or node.loading):
            node.loading = True
            self.children_wanted.emit(job_id)

    def set_children(self, job_id: int, jobs: Sequence[Job], total: int) -> None:
        """Show the children of a job in this order, or newer snapshots of those that are shown already.

        Args:
            job_id: their parent.
            jobs: all, or the first of them.
            total: how many there are.
        """
        node = self._nodes.get(job_id)
        if node is None or not (node.loading or node.loaded):
            return
        node.truncated = node.truncated or total > len(jobs)
        node.loading = False
        node.loaded = True
        late, node.late = node.late, []
        self._change(lambda: self._take(children=[*jobs, *late], touched=[node]))

    def add_child(self, job: Job) -> None:
        """Show a child of what is open although there are more than fit: somebody asked for it by name."""
        self._change(lambda: self._take(children=[job], most=MOST_CHILDREN * 2))

    def give_up(self, job_id: int) -> None:
        """The children of a job could not be had; it can be opened once more."""
        node = self._nodes.get(job_id)
        if node is not None:
            node.loading = False
            node.late.clear()

    def unload(self, job_id: int) -> None:
        """Forget the children of a job that was closed."""
        node = self._nodes.get(job_id)
        if node is None or node is self._top:
            return
        node.loading = False
        node.late.clear()
        if node.loaded:
            self._change(lambda: self._drop_children(node))

    def apply(self, update: FeedUpdate) -> None:
        """Take in what changed. Of very much, a part is left for the next turns of the event loop.

        The children of watched jobs are taken to be all that changed: those whose parent is not open are passed over.
        """
        for job in update.children:
            (self._gathered if self._comes_late(job) else self._backlog)[job.id] = job
        for job_id in update.removed:
            self._backlog.pop(job_id, None)
            self._gathered.pop(job_id, None)
            self._gone.pop(job_id, None)
            self._gone[job_id] = update.revision
        while len(self._gone) > _MOST_GONE:
            del self._gone[next(iter(self._gone))]
        self._change(lambda: self._take(roots=update.roots, removed=update.removed))
        self._work()
        if self._gathered and not self._gather.isActive():
            self._take_gathered()

    @property
    def is_busy(self) -> bool:
        """Whether a part of what changed is still to be taken in."""
        return bool(self._backlog or self._gathered)

    def tick(self) -> None:
        """Write times and paces anew: once a second where something runs."""
        now = self._now()
        for node in self._top.children:
            node.measure(now)
        for parent in self._open_nodes():
            for node in parent.children:
                node.texts = None
        self.times_changed.emit()

    # --- What is asked --------------------------------------------------------------------------------------------

    @property
    def root_count(self) -> int:
        """How many roots are known, shown or not."""
        return len(self._roots)

    @property
    def census(self) -> Counter[str]:
        """How many roots are in which status, of those that the text and the site of the filter let through."""
        return self._census

    @property
    def sites(self) -> Counter[str]:
        """How many roots are of which site."""
        return self._sites

    @property
    def is_newest_first(self) -> bool:
        """Whether the roots stand in the order in which they are read."""
        return self._order.is_newest_first

    @property
    def is_running(self) -> bool:
        """Whether a root that is shown runs."""
        return any(node.job.status == Status.RUNNING for node in self._top.children)

    def knows(self, job_id: int) -> bool:
        """Whether a job is here, shown or not."""
        return job_id in self._roots or job_id in self._nodes

    def open_ids(self) -> list[int]:
        """Return the jobs whose children are here or under way."""
        return [node.id for node in self._nodes.values() if (node.loaded or node.loading) and node is not self._top]

    def child_ids(self, job_id: int) -> list[int]:
        """Return the children of a job that are here."""
        node = self._nodes.get(job_id)
        return [child.id for child in node.children] if node is not None else []

    def is_truncated(self, job_id: int) -> bool:
        """Whether a job has more children than the tree shows."""
        node = self._nodes.get(job_id)
        return node is not None and node.truncated

    def job(self, index: Index) -> Job | None:
        """Return the job of an index; None for the row that stands for the rest."""
        node = self.node(index)
        return node.job if node is not None and node is not self._top else None

    def target(self, index: Index) -> Target | None:
        """Return what actions need to know of the job of an index."""
        job = self.job(index)
        return Target.of_job(job) if job is not None else None

    def index_of(self, job_id: int, column: int = 0) -> QModelIndex:
        """Return where a job is; invalid when it is not shown."""
        node = self._nodes.get(job_id)
        if node is None or node.parent is None or node.row < 0:
            return QModelIndex()
        return self.createIndex(node.row, column, node.parent.id)

    def rest_of(self, index: Index) -> int | None:
        """Return whose rest a row stands for; None for the row of a job."""
        if not index.isValid():
            return None
        parent = self.rest_owner(index)
        return parent.id if parent is not None and index.row() >= len(parent.children) else None

    def rest_owner(self, index: Index) -> Node | None:
        """Return below what an index is."""
        return self._nodes.get(index.internalId())

    def opens(self, node: Node) -> bool:
        """Whether a job can be opened."""
        return bool(node.children or node.more or (node.job.child_count and not node.loaded))

    def node(self, index: Index) -> Node | None:
        """Return what is at an index: the top for an invalid one, None for the row that stands for the rest."""
        if not index.isValid():
            return self._top
        siblings = self._nodes[index.internalId()].children
        row = index.row()
        return siblings[row] if row < len(siblings) else None

    def texts(self, node: Node) -> tuple[str, ...]:
        """Return what the columns of a row say."""
        if node.texts is None:
            node.texts = node.write(self._now())
        return node.texts

    def parts(self, node: Node) -> tuple[int, int, int] | None:
        """Return what is done, failed and left of a job that has parts."""
        job = node.job
        if not (job.child_count or job.is_root):
            return None
        return node.parts

    # --- Filter and order -----------------------------------------------------------------------------------------

    @property
    def filter(self) -> Filter:
        """Which roots are shown."""
        return self._filter

    def set_filter(self, wanted: Filter) -> None:
        """Show other roots. It resets the model when that changes anything."""
        if wanted == self._filter:
            return
        self._filter = wanted
        # Who asks for other rows gets those, and no others.
        self._pinned = frozenset()
        for node in self._roots.values():
            node.matches = wanted.finds(node)
        shown = [node for node in self._order.sorted(self._roots.values(), roots=True) if self._is_wanted(node)]
        self._count()
        if shown == self._top.children:
            return
        self.beginResetModel()
        kept = {node.id for node in shown}
        for node in self._top.children:
            if node.id not in kept:
                self._forget(node)
        self._top.children = shown
        self._nodes.update((node.id, node) for node in shown)
        self._top.renumber()
        self.endResetModel()

    def pin(self, job_ids: Iterable[int]) -> None:
        """Let these roots stay although the filter lets them through no longer: somebody looks at them."""
        pinned = frozenset(job_ids)
        if pinned == self._pinned:
            return
        released = self._pinned - pinned
        self._pinned = pinned
        unwanted = [self._roots[job_id] for job_id in released if job_id in self._roots]
        unwanted = [node for node in unwanted if node.row >= 0 and not self._is_wanted(node)]
        if unwanted:
            self._change(lambda: self._remove(unwanted, for_good=False))

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows. They stay like that while their values change, until they are sorted again.

        By the time of creation, children stand as they came: those that run and those that failed first.
        """
        self._order.set(column, order)
        self.layoutAboutToBeChanged.emit()
        held = self.persistentIndexList()
        nodes = [self.node(index) for index in held]
        for parent in self._open_nodes():
            parent.children = self._order.sorted(parent.children, roots=parent is self._top)
            parent.renumber()
        places = [
            index if node is None or node.parent is None
            else self.createIndex(node.row, index.column(), node.parent.id)
            for index, node in zip(held, nodes, strict=True)
        ]  # fmt: skip
        self.changePersistentIndexList(held, places)
        self.layoutChanged.emit()

    # --- Qt's questions -------------------------------------------------------------------------------------------

    def index(self, row: int, column: int, parent: Index = NOWHERE) -> QModelIndex:
        """Return the index of a row below *parent*."""
        node = self.node(parent)
        if node is None or parent.column() > 0 or not 0 <= column <= _LAST:
            return QModelIndex()
        if not 0 <= row < len(node.children) + (node.more > 0):
            return QModelIndex()
        return self.createIndex(row, column, node.id)

    def parent(self, index: Index = NOWHERE) -> QModelIndex:  # type: ignore[override]
        """Return the index of a row's parent."""
        if not index.isValid():
            return QModelIndex()
        node = self._nodes[index.internalId()]
        return QModelIndex() if node.parent is None else self.createIndex(node.row, 0, node.parent.id)

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """Return how many rows there are below *parent*."""
        if parent.column() > 0:
            return 0
        node = self.node(parent)
        return 0 if node is None else len(node.children) + (node.more > 0)

    def columnCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802
        """Return how many columns there are, everywhere."""
        return len(Column)

    def hasChildren(self, parent: Index = NOWHERE) -> bool:  # noqa: N802
        """Return whether *parent* can be opened."""
        if parent.column() > 0:
            return False
        node = self.node(parent)
        return node is not None and node.opens

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return what can be done with a row: the one that stands for the rest cannot be selected."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        node = self.node(index)
        if node is None:
            return _REST
        return _PARENT if node.job.child_count else _LEAF

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what a cell says, its alignment, its tool tip or its job."""
        if not index.isValid():
            return None
        node = self.node(index)
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            if node is None:
                return self._rest_text(self._nodes[index.internalId()]) if column == Column.NAME else ""
            return self.texts(node)[column]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return NUMBERS if column in NUMERIC else WORDS
        if node is None:
            return None
        if role == ID_ROLE:
            return node.id
        if role == Qt.ItemDataRole.ToolTipRole:
            return job_tip(node, Column(column))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{self._headers[column]}: {self.texts(node)[column]}" if column else self.texts(node)[0]
        return None

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Return the name of a column, its alignment, or how it is sorted first."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section <= _LAST:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._headers[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return NUMBERS if section in NUMERIC else WORDS
        if role == Qt.ItemDataRole.InitialSortOrderRole:
            return Qt.SortOrder.DescendingOrder if section in MOST_FIRST else Qt.SortOrder.AscendingOrder
        return None

    # --- Taking in what changed -----------------------------------------------------------------------------------

    def _change(self, work: Callable[[], bool]) -> None:
        """Do *work*, which returns whether rows came or went, and tell before and after."""
        self.about_to_change.emit()
        moved = work()
        if self._recount:
            self._count()
        self.changed.emit(moved)

    def _work(self) -> None:
        """Take in a slice of the backlog."""
        if not self._backlog:
            return
        until = time.perf_counter() + SLICE_SECONDS
        while self._backlog:
            ids = [job_id for job_id, _ in zip(self._backlog, range(_SLICE), strict=False)]
            jobs = [self._backlog.pop(job_id) for job_id in ids]
            self._change(lambda jobs=jobs: self._take(children=jobs))  # type: ignore[misc]
            if time.perf_counter() > until:
                break
        if self._backlog:
            self._continue.start()

    def _comes_late(self, job: Job) -> bool:
        """Return whether a job is one of so many that nobody waits for its row."""
        parent = self._nodes.get(job.parent_id or 0)
        return job.id not in self._nodes and parent is not None and len(parent.children) >= _NEAR

    def _take_gathered(self) -> None:
        """Show the rows that were found since the last time."""
        if self._gathered:
            gathered, self._gathered = self._gathered, {}
            self._backlog = gathered | self._backlog
            self._gather.start()
            self._work()

    def _take(
        self,
        *,
        roots: Iterable[Job] = (),
        children: Iterable[Job] = (),
        removed: Iterable[int] = (),
        touched: Iterable[Node] = (),
        most: int | None = None,
    ) -> bool:
        most = MOST_CHILDREN if most is None else most
        gone = [node for job_id in removed if (node := self._roots.get(job_id) or self._nodes.get(job_id)) is not None]
        moved = self._remove(gone, for_good=True)
        parents = {node.id: node for node in touched}
        parents.update((node.parent.id, node.parent) for node in gone if node.parent is not None)
        different: dict[int, list[Node]] = {}
        fresh: list[Node] = []
        unwanted: list[Node] = []
        opens = False
        now = self._now()
        for job in roots:
            node = self._roots.get(job.id)
            if node is None:
                if self._is_gone(job):
                    continue
                node = self._new_root(job, now)
                if self._is_wanted(node):
                    fresh.append(node)
                continue
            if job.revision < node.job.revision:
                continue
            self._recount = self._recount or job.status != node.job.status
            opens = opens or bool(job.child_count) != bool(node.job.child_count)
            node.job = job
            node.texts = None
            node.measure(now)
            if node.row < 0:
                if self._is_wanted(node):
                    fresh.append(node)
            elif not self._is_wanted(node):
                unwanted.append(node)
            else:
                different.setdefault(0, []).append(node)
                if node.loaded:
                    parents[node.id] = node
        if unwanted:
            moved = self._remove(unwanted, for_good=False) or moved
        if fresh:
            moved = True
            self._insert_roots(fresh)
        below: dict[int, list[Node]] = {}
        for job in children:
            known = self._nodes.get(job.id)
            if known is not None:
                if job.revision >= known.job.revision:
                    opens = opens or bool(job.child_count) != bool(known.job.child_count)
                    known.job = job
                    known.texts = None
                    if known.loaded:
                        parents[known.id] = known
                    different.setdefault(known.parent.id if known.parent is not None else 0, []).append(known)
                continue
            parent = self._nodes.get(job.parent_id or 0)
            if parent is None or parent is self._top or self._is_gone(job):
                continue
            if parent.loading:
                parent.late.append(job)
            elif parent.loaded:
                parents[parent.id] = parent
                new = below.setdefault(parent.id, [])
                if len(parent.children) + len(new) < most:
                    child = Node(job, parent)
                    new.append(child)
                    self._nodes[job.id] = child
                else:
                    parent.truncated = True
        for parent_id, new in below.items():
            if new:
                moved = True
                self._append(self._nodes[parent_id], new)
        for parent in parents.values():
            moved = self._settle_rest(parent) or moved
        for parent_id, nodes in different.items():
            parent = self._nodes.get(parent_id)
            if parent is not None:
                self._tell_runs(parent, sorted({node.row for node in nodes if node.row >= 0}))
        if opens:
            # A view asks only then again what can be opened.
            self.layoutAboutToBeChanged.emit()
            self.layoutChanged.emit()
        return moved

    def _is_gone(self, job: Job) -> bool:
        """Return whether a snapshot is from before the job was removed: of a list that took longer to read."""
        return job.revision <= self._gone.get(job.id, -1)

    def _new_root(self, job: Job, now: int) -> Node:
        node = Node.of_root(job, self._top, now)
        node.matches = self._filter.finds(node)
        self._roots[job.id] = node
        self._recount = True
        return node

    def _insert_roots(self, fresh: list[Node]) -> None:
        """Put roots where they belong among those that are shown: one insertion for each place."""
        places: dict[int, list[Node]] = {}
        rows = self._top.children
        place = 0
        for node in self._order.sorted(fresh, roots=True):
            # What is shown may be out of order by now: before the first that belongs behind it.
            while place < len(rows) and not self._order.goes_before(node, rows[place]):
                place += 1
            places.setdefault(place, []).append(node)
        for place in sorted(places, reverse=True):
            nodes = places[place]
            self.beginInsertRows(QModelIndex(), place, place + len(nodes) - 1)
            rows[place:place] = nodes
            self._nodes.update((node.id, node) for node in nodes)
            self._top.renumber(place)
            self.endInsertRows()

    def _append(self, parent: Node, nodes: list[Node]) -> None:
        first = len(parent.children)
        if not first:
            nodes = self._order.sorted(nodes, roots=False)
        self.beginInsertRows(self._index_of(parent), first, first + len(nodes) - 1)
        parent.children += nodes
        parent.renumber(first)
        self.endInsertRows()

    def _settle_rest(self, node: Node) -> bool:
        """Let the row that stands for the rest come, go or change its number; return whether it came or went."""
        more = max(0, node.job.child_count - len(node.children)) if node.loaded and node.truncated else 0
        before, row = node.more, len(node.children)
        if more and before:
            node.more = more
            if more != before:
                self._tell_changed(node, row, row)
            return False
        if more:
            self.beginInsertRows(self._index_of(node), row, row)
            node.more = more
            self.endInsertRows()
        elif before:
            self.beginRemoveRows(self._index_of(node), row, row)
            node.more = 0
            self.endRemoveRows()
        return more != before

    def _remove(self, nodes: Iterable[Node], *, for_good: bool) -> bool:
        """Take jobs, and what is shown below them, out of the rows; return whether rows went."""
        by_parent: dict[int, list[int]] = {}
        for node in nodes:
            if for_good and self._roots.pop(node.id, None) is not None:
                self._recount = True
            if node.row >= 0 and node.parent is not None:
                by_parent.setdefault(node.parent.id, []).append(node.row)
        for parent_id, rows in by_parent.items():
            parent = self._nodes.get(parent_id)
            if parent is None:
                continue  # it went itself meanwhile
            for first, last in reversed(runs(sorted(rows))):
                self.beginRemoveRows(self._index_of(parent), first, last)
                gone = parent.children[first : last + 1]
                del parent.children[first : last + 1]
                parent.renumber(first)
                self.endRemoveRows()
                for node in gone:
                    self._forget(node)
        return bool(by_parent)

    def _drop_children(self, node: Node) -> bool:
        rows = len(node.children) + (node.more > 0)
        if rows:
            self.beginRemoveRows(self._index_of(node), 0, rows - 1)
        gone, node.children = node.children, []
        node.more = 0
        node.loaded = node.truncated = False
        if rows:
            self.endRemoveRows()
        for each in gone:
            self._forget(each)
        return rows > 0

    def _forget(self, node: Node) -> None:
        """Forget a job that is not shown any more, and all below it; a root may come back."""
        waiting = [node]
        while waiting:
            each = waiting.pop()
            waiting += each.children
            self._nodes.pop(each.id, None)
            each.row = -1
            each.empty()

    # --- Telling ---------------------------------------------------------------------------------------------------

    def _tell_runs(self, parent: Node, rows: list[int]) -> None:
        """Tell which rows below *parent* are different: contiguous runs, or all when that is more than half."""
        if 2 * len(rows) > len(parent.children):
            self._tell_changed(parent, 0, len(parent.children) - 1)
            return
        for first, last in runs(rows):
            self._tell_changed(parent, first, last)

    def _tell_changed(self, parent: Node, first: int, last: int) -> None:
        if first <= last:
            self.dataChanged.emit(self.createIndex(first, 0, parent.id), self.createIndex(last, _LAST, parent.id), [])

    def _index_of(self, node: Node) -> QModelIndex:
        return QModelIndex() if node.parent is None else self.createIndex(node.row, 0, node.parent.id)

    def _open_nodes(self) -> list[Node]:
        """Return the top and all whose children are here."""
        return [node for node in self._nodes.values() if node.loaded]

    def _is_wanted(self, node: Node) -> bool:
        if node.id in self._pinned:
            return True
        return node.matches and (not self._filter.status or node.job.status in self._filter.status)

    def _count(self) -> None:
        """Count the roots anew."""
        self._recount = False
        census = Counter(node.job.status for node in self._roots.values() if node.matches)
        sites = Counter(node.site for node in self._roots.values() if node.site)
        if (census, sites) != (self._census, self._sites):
            self._census, self._sites = census, sites
            self.census_changed.emit()

    # --- Texts -----------------------------------------------------------------------------------------------------

    def _header_texts(self) -> tuple[str, ...]:
        return (
            self.tr("Name"),
            self.tr("Status"),
            self.tr("Type"),
            self.tr("Progress"),
            self.tr("Pages"),
            self.tr("Failed"),
            self.tr("Pages/s"),
            self.tr("Created"),
            self.tr("Started"),
            self.tr("Duration"),
        )

    def _rest_text(self, node: Node) -> str:
        return self.tr("%s more: show all pages") % written.count(node.more)
