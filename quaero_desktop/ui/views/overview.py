"""How a crawl stands: its pace, what failed and why, and the figures."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from quaero_desktop.domain.definitions import Action
from quaero_desktop.domain.documents import Change, changes_in_words, is_recrawl
from quaero_desktop.domain.jobs import OPEN_STATUSES, Job, JobType, Status
from quaero_desktop.domain.listing import STATUS_ORDER, RootDetails
from quaero_desktop.domain.pagelist import FailureGroup
from quaero_desktop.domain.throughput import Pace
from quaero_desktop.domain.words import REASONS, STATUS_GLYPHS
from quaero_desktop.ui.format import clean, clock, count, count_of, duration, exact, host_of, relative, size
from quaero_desktop.ui.recipewords import waits_for_sign_in
from quaero_desktop.ui.theme import Theme
from quaero_desktop.ui.views.failures import Failures
from quaero_desktop.ui.views.runsteps import RunSteps
from quaero_desktop.ui.widgets.callout import Callout
from quaero_desktop.ui.widgets.chart import ThroughputChart
from quaero_desktop.ui.widgets.facts import CountRow, Fact, Facts
from quaero_desktop.ui.widgets.inshort import InShort
from quaero_desktop.ui.widgets.sections import Columns, Scrolled, Section

_MOST_WAITING = 5
_MOST_KEYWORDS = 30


class Counts(QWidget):
    """Counts by name, each a row that leads to what it counts; a row keeps its place while it is there.

    Signals:
        wanted: the key of the row that was clicked.
    """

    wanted = Signal(str)

    def __init__(self, theme: Theme, words: dict[str, str], *, statuses: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._words = words
        self._statuses = statuses
        self._rows: dict[str, CountRow] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        theme.changed.connect(self._paint)

    @property
    def shown(self) -> dict[str, int]:
        """The counts that are shown, from top to bottom."""
        return {key: row.number for key, row in self._rows.items()}

    @property
    def stops(self) -> list[QWidget]:
        """Where the Tab key stops, from top to bottom."""
        return sorted(self._rows.values(), key=self._layout.indexOf)

    def row(self, key: str) -> CountRow:
        """Return the row of a key that is shown."""
        return self._rows[key]

    def set_counts(self, counts: dict[str, int]) -> None:
        """Show these; *counts* decides about the order of those that were not there before."""
        if not set(self._rows) <= set(counts):
            for key in [key for key in self._rows if key not in counts]:
                row = self._rows.pop(key)
                self._layout.removeWidget(row)
                row.hide()
                row.deleteLater()
        order = list(counts)
        for key, number in counts.items():
            if key not in self._rows:
                row = CountRow(self._theme, self._words.get(key, clean(key)), self)
                row.clicked.connect(lambda _=False, key=key: self.wanted.emit(key))
                place = sum(1 for other in self._rows if order.index(other) < order.index(key))
                self._layout.insertWidget(place, row)
                self._rows[key] = row
                self._paint_row(key, row)
            self._rows[key].set_number(number)

    def _paint(self) -> None:
        for key, row in self._rows.items():
            self._paint_row(key, row)

    def _paint_row(self, key: str, row: CountRow) -> None:
        if self._statuses:
            row.set_colour(self._theme.status_colour(key))


class RootOverview(Scrolled):
    """The overview of a root.

    Signals:
        retry_wanted: a :class:`FailureGroup` to queue again.
        group_wanted: a :class:`FailureGroup` to show in the table of pages.
        pages_wanted: a status whose pages are to be shown; empty for all.
        skips_wanted: a reason whose skips are to be shown.
        definition_wanted: the id of the definition whose run this is.
        sign_in_wanted: the crawl waits for its person to sign in again.
    """

    retry_wanted = Signal(object)
    group_wanted = Signal(object)
    pages_wanted = Signal(str)
    skips_wanted = Signal(str)
    definition_wanted = Signal(int)
    sign_in_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Overview of the job"))
        self._stops: tuple[QWidget, ...] = ()
        self.trouble = Callout(theme, self)
        self.trouble.action_wanted.connect(self.sign_in_wanted)
        self.steps = RunSteps(theme, self)
        self.summary = InShort(theme, self)
        self.now = Facts(theme, self)
        self.chart = ThroughputChart(theme, self)
        self.failures = Failures(theme, self)
        self.failures.setObjectName("failuresByCause")
        self.failures.retry_wanted.connect(self.retry_wanted)
        self.failures.show_wanted.connect(self.group_wanted)
        self.failures.all_wanted.connect(lambda: self.pages_wanted.emit(str(Status.FAILED)))
        names = {str(status): f"{glyph}  {_name(status)}" for status, glyph in STATUS_GLYPHS.items()}
        self.pages = Counts(theme, names, statuses=True, parent=self)
        self.pages.wanted.connect(self.pages_wanted)
        reasons = {reason: words[:1].upper() + words[1:] for reason, words in REASONS.items()}
        self.skipped = Counts(theme, reasons, statuses=False, parent=self)
        self.skipped.wanted.connect(self.skips_wanted)
        self.documents = Facts(theme, self)
        self.times = Facts(theme, self)
        self._steps = Section(self.tr("Steps"), self.steps, self)
        self._summary = Section(self.tr("In short"), self.summary, self)
        self._chart = Section(self.tr("Pages a second"), self.chart, self)
        self._failures = Section(self.tr("Failures by cause"), self.failures, self)
        self._pages = Section(self.tr("Pages"), self.pages, self)
        self._skipped = Section(self.tr("Addresses not followed"), self.skipped, self)
        self._documents = Section(self.tr("Documents"), self.documents, self)
        self._times = Section(self.tr("Time"), self.times, self)
        for widget in (self.trouble, self._steps, self.now, self._chart, self._failures, self._summary):
            self.sections.addWidget(widget)
        self.sections.addWidget(Columns([self._pages, self._documents], [self._skipped, self._times], self))
        self.sections.addStretch(1)

    def begin(self) -> None:
        """Show another root from now on: what belongs to the last one goes, until this one's details are read."""
        self.failures.clear()
        self.pages.set_counts({})
        self.skipped.set_counts({})
        parts = (
            self.trouble, self._steps, self.now, self._failures, self._summary, self._pages, self._skipped,
            self._documents, self._times,
        )  # fmt: skip
        for part in parts:
            part.hide()
        self.verticalScrollBar().setValue(0)

    def show_pace(self, root: Job, points: Sequence[Pace], now: int) -> None:
        """Show what changes all the time.

        Args:
            root: its newest snapshot.
            points: its history, oldest first.
            now: milliseconds UTC.
        """
        is_running = root.status == Status.RUNNING
        if not is_running:
            # What it did, without the silence since.
            while points and not points[-1].pages_per_second:
                points = points[:-1]
        # A run without pages has no pace: its steps say how far it is.
        has_pages = root.type != JobType.DEFINITION_RUN or root.pages > 0
        self._chart.setVisible(has_pages and (is_running or len(points) > 1))
        self.chart.set_points(points, live=is_running)
        self._show_times(root, now)

    def show_pages(self, pages: Mapping[str, int]) -> None:
        """Show how many pages are in which status."""
        self.pages.set_counts({str(status): pages[status] for status in STATUS_ORDER if pages.get(status)})
        self._pages.setVisible(any(pages.values()))

    def show_details(self, details: RootDetails, groups: Sequence[FailureGroup], now: int) -> None:
        """Show what is read now and then.

        Args:
            details: of the root.
            groups: its failures, the largest group first.
            now: milliseconds UTC.
        """
        root = details.job
        self._show_trouble(root, details.warning)
        self._show_now(details, now)
        self._steps.setVisible(bool(details.steps))
        self.steps.show_steps(details.steps, now)
        self._show_summary(root)
        self._documents.show()
        self._times.show()
        self._failures.setVisible(bool(groups))
        self.failures.set_groups(groups)
        self.show_pages(details.pages)
        self.skipped.set_counts(details.skipped)
        self._skipped.setVisible(bool(details.skipped))
        facts = [Fact(name=self.tr("Stored"), value=count_of(details.documents, "document"))]
        if is_recrawl(details.changes):
            pages = {change: number for change, number in details.changes.items() if change != Change.GONE}
            facts.append(Fact(name=self.tr("Of them"), value=changes_in_words(pages)))
        if gone := details.changes.get(Change.GONE, 0):
            value = self.tr("%s no longer on the site") % count_of(gone, "document")
            facts.append(Fact(name=self.tr("Gone"), value=value))
        facts.append(Fact(name=self.tr("Received"), value=size(details.bytes)))
        facts.append(Fact(name=self.tr("Addresses met"), value=count(details.discovered)))
        self.documents.set_facts(facts)
        self._show_times(root, now)
        self._order_stops()

    def _order_stops(self) -> None:
        """Let the Tab key go from top to bottom: a row that came later is last of the whole window otherwise."""
        trouble = [part for part in self.trouble.findChildren(QWidget) if part.focusPolicy() & Qt.FocusPolicy.TabFocus]
        stops = (*trouble, *self.failures.stops, *self.pages.stops, *self.skipped.stops)
        if stops != self._stops:
            self._stops = stops
            for before, after in pairwise((self, *stops)):
                QWidget.setTabOrder(before, after)

    def _show_trouble(self, root: Job, warning: str | None) -> None:
        self.trouble.setVisible(bool(root.error or warning))
        self.trouble.offer(self.tr("Sign in again…") if waits_for_sign_in(root) else "")
        if not root.error:
            self.trouble.say(warning or "", status="paused")
        elif root.status == Status.PAUSED and waits_for_sign_in(root):
            self.trouble.say(clean(root.error), self.tr("Then it goes on where it is."), status="paused")
        elif root.status == Status.PAUSED:
            self.trouble.say(clean(root.error), self.tr("Resume it when the trouble is over."), status="paused")
        else:
            self.trouble.say(clean(root.error), status=root.status)

    def _show_summary(self, root: Job) -> None:
        result = root.result or {}
        text = result.get("summary") if isinstance(result.get("summary"), str) else ""
        keywords = [str(word) for word in result.get("keywords") or () if word][:_MOST_KEYWORDS]
        method = result.get("method")
        notes = self.summary.written_by(method) if isinstance(method, str) else ()
        self.summary.say(str(text), keywords, notes)
        self._summary.setVisible(bool(text or keywords))

    def _show_now(self, details: RootDetails, now: int) -> None:
        facts = []
        # The steps after a crawl fetch nothing: its last page is not what is done now.
        fetches = not details.steps or any(
            step.action == Action.CRAWL and step.status == Status.RUNNING for step in details.steps
        )
        if details.current_url and details.job.status == Status.RUNNING and fetches:
            facts.append(Fact(name=self.tr("Now"), value=details.current_url, address=True))
        for rest in details.waiting[:_MOST_WAITING]:
            left = max(0, rest.until - now) / 1000
            text = self.tr("%s rests until %s (%s): %s") % (
                host_of(rest.lane), clock(rest.until), duration(round(left)) if left >= 1 else self.tr("now"),
                clean(rest.reason),
            )  # fmt: skip
            facts.append(Fact(name=self.tr("Waits"), value=text, tip=text))
        if (more := len(details.waiting) - _MOST_WAITING) > 0:
            facts.append(Fact(name="", value=self.tr("and %s") % count_of(more, "more site")))
        self.now.set_facts(facts)
        self.now.setVisible(bool(facts))

    def _show_times(self, root: Job, now: int) -> None:
        facts = []
        if root.definition_id is not None:
            definition_id = root.definition_id
            facts.append(
                Fact(
                    name=self.tr("Definition"),
                    value=root.name,
                    tip=self.tr("Show the definition whose run this is"),
                    on_click=lambda: self.definition_wanted.emit(definition_id),
                )
            )
        facts.append(Fact(name=self.tr("Created"), value=relative(root.created_at, now), tip=exact(root.created_at)))
        if root.started_at is not None:
            value = relative(root.started_at, now)
            facts.append(Fact(name=self.tr("Started"), value=value, tip=exact(root.started_at)))
        if root.completed_at is not None:
            value = relative(root.completed_at, now)
            facts.append(Fact(name=self.tr("Ended"), value=value, tip=exact(root.completed_at)))
        if root.started_at is not None and (root.completed_at is not None or root.status in OPEN_STATUSES):
            took = ((root.completed_at or now) - root.started_at) / 1000
            name = self.tr("Took") if root.completed_at is not None else self.tr("So far")
            facts.append(Fact(name=name, value=duration(took)))
        self.times.set_facts(facts)


def _name(status: Status | str) -> str:
    return "done" if status == Status.COMPLETED else str(status)
