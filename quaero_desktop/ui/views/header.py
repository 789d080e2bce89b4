"""The head of the detail pane: what is selected, how it stands, and for a crawl how fast it goes."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget

from quaero_desktop.domain.definitions import Action, StepState
from quaero_desktop.domain.jobs import OPEN_STATUSES, Job, JobType, Status
from quaero_desktop.domain.listing import RootDetails
from quaero_desktop.domain.throughput import Pace
from quaero_desktop.ui.format import (
    button_text,
    clean,
    clock,
    count,
    count_of,
    duration,
    exact,
    host_of,
    path_of,
    rate,
    relative,
    tool_tip,
)
from quaero_desktop.ui.format import status_words as in_words
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.views.pace import RootPace
from quaero_desktop.ui.widgets.chart import ThroughputChart
from quaero_desktop.ui.widgets.facts import copy_button
from quaero_desktop.ui.widgets.labels import ElidedLabel, Figures, WrappedFigures, muted
from quaero_desktop.ui.widgets.progressbar import SegmentedBar

_SPARK_POINTS = 48


class Header(QWidget):
    """Shows one job in a few lines.

    Signals:
        back_wanted: from a page to the crawl that it belongs to.
    """

    back_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._job: Job | None = None
        self._back = QToolButton(self)
        self._back.setObjectName("backToCrawl")
        self._back.setAutoRaise(True)
        self._back.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._back.clicked.connect(lambda _=False: self.back_wanted.emit())
        self._title = ElidedLabel("", Qt.TextElideMode.ElideRight, self)
        self._title.setFont(theme.font_large())
        self._title.setObjectName("detailTitle")
        self._status = QLabel(self)
        self._status.setObjectName("detailStatus")
        self._status.setTextFormat(Qt.TextFormat.PlainText)
        self._counts = WrappedFigures(parent=self)
        self._counts.setObjectName("detailCounts")
        self._counts.setFont(theme.tabular(self._counts.font()))
        self._number = muted(QLabel(self), theme)
        self._number.setTextFormat(Qt.TextFormat.PlainText)
        self._number_box = QWidget(self)
        number = QHBoxLayout(self._number_box)
        number.setContentsMargins(0, 0, 0, 0)
        number.setSpacing(SPACE)
        number.addWidget(self._number)
        number.addWidget(copy_button(theme, self.tr("Copy the number of the job"), self._job_id, self))
        self._bar = SegmentedBar(theme, self)
        self._rate = Figures(parent=self)
        self._rate.setFont(theme.tabular(self._rate.font()))
        self._spark = ThroughputChart(theme, self, compact=True)
        self._left = ElidedLabel("", Qt.TextElideMode.ElideRight, self)
        self._left.setObjectName("detailLeft")
        self._url = QLineEdit(self)
        self._url.setObjectName("detailUrl")
        self._url.setReadOnly(True)
        self._url.setFrame(False)
        self._url.setStyleSheet("border: 0; padding: 0; background: transparent")
        self._url.setTextMargins(-2, 0, 0, 0)  # in line with the title
        self._url.setAccessibleName(self.tr("Address of the page"))
        self._copy_url = copy_button(theme, self.tr("Copy the address"), self._address, self)

        first = QHBoxLayout()
        first.setSpacing(2 * SPACE)
        first.addWidget(self._title, 1)
        first.addWidget(self._status)
        second = QHBoxLayout()
        second.setSpacing(SPACE)
        second.addWidget(self._counts, 1)
        second.addWidget(self._number_box)
        self._address_row = QWidget(self)
        address = QHBoxLayout(self._address_row)
        address.setContentsMargins(0, 0, 0, 0)
        address.setSpacing(SPACE)
        address.addWidget(self._url, 1)
        address.addWidget(self._copy_url)
        self._pace_row = QWidget(self)
        pace = QHBoxLayout(self._pace_row)
        pace.setContentsMargins(0, 0, 0, 0)
        pace.setSpacing(2 * SPACE)
        pace.addWidget(self._rate)
        pace.addWidget(self._spark)
        pace.addWidget(self._left, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(3 * SPACE, 2 * SPACE, 3 * SPACE, 2 * SPACE)
        layout.setSpacing(SPACE)
        layout.addWidget(self._back, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addLayout(first)
        layout.addWidget(self._address_row)
        layout.addLayout(second)
        layout.addWidget(self._bar)
        layout.addWidget(self._pace_row)
        theme.changed.connect(self._paint)
        self._paint()

    def show_root(self, root: Job, details: RootDetails | None, pace: RootPace | None, now: int) -> None:
        """Show a root.

        Args:
            root: its newest snapshot.
            details: what else is known, not necessarily as new; None when nothing is.
            pace: how fast it goes, if the window heard of it.
            now: milliseconds UTC.
        """
        self._show(root)
        self._back.hide()
        self._address_row.hide()
        failed, ended = root.failed_children, root.progress_current
        withdrawn = root.children.get(Status.SKIPPED, 0)
        cancelled = root.children.get(Status.CANCELLED, 0)
        done = max(0, ended - failed - withdrawn - cancelled)
        is_run = root.type == JobType.DEFINITION_RUN
        counted = root.progress_total > 0 if is_run else root.pages > 0
        queued = root.progress_total - ended if counted else 0
        skipped = withdrawn + (sum(details.skipped.values()) if details is not None else 0)
        parts = [self.tr("%s done") % count(done)]
        for number, words in (
            (failed, self.tr("%s failed")),
            (queued, self.tr("%s queued")),
            (cancelled, self.tr("%s cancelled")),
            (skipped, self.tr("%s skipped")),
        ):
            if number:
                parts.append(words % count(number))
        self._counts.setText(" · ".join(parts))
        is_open = root.status in OPEN_STATUSES
        self._bar.setVisible(is_open and counted)
        self._bar.set_parts(done, failed, queued)
        self._pace_row.show()
        # A pace is that of pages: other steps of a run have none that says anything.
        step = current_step(details.steps) if details is not None else None
        has_pace = root.status == Status.RUNNING and (not is_run or (step is not None and step.action == Action.CRAWL))
        self._rate.setVisible(has_pace)
        self._spark.setVisible(has_pace)
        if root.status == Status.RUNNING and pace is not None and pace.progress is not None:
            self._rate.setText(rate(pace.progress.rate))
        elif root.status == Status.RUNNING:
            self._rate.setText(rate(0))
        self._left.setText(self._what_is_left(root, details, pace, now))

    def show_history(self, points: Sequence[Pace]) -> None:
        """Show how fast it went of late; see :meth:`show_root`."""
        self._spark.set_points(points[-_SPARK_POINTS:], live=True)

    def show_page(self, page: Job, title: str, line: str, root_name: str) -> None:
        """Show a page or another job below a root.

        Args:
            page: its newest snapshot.
            title: of its document; empty when it has none.
            line: its figures in a few words.
            root_name: of the root, for the way back.
        """
        self._show(page)
        name = title or (path_of(page.url) if page.url else page.name)
        self._title.setText(name)
        elided = self.fontMetrics().elidedText(clean(root_name), Qt.TextElideMode.ElideMiddle, 70 * SPACE)
        self._back.setText(button_text(elided))
        self._back.setToolTip(self.tr("Back to the crawl"))
        self._back.show()
        self._bar.hide()
        self._pace_row.hide()
        self._address_row.setVisible(page.url is not None)
        url = clean(page.url or "")
        if self._url.text() != url:
            self._url.setText(url)
            self._url.setCursorPosition(0)
        self._url.setToolTip(tool_tip(url))
        self._counts.setText(line)

    def _show(self, job: Job) -> None:
        self._job = job
        self._title.setText(job.name)
        self._status.setText(in_words(job.status, job.warnings if job.is_root else 0))
        self._number.setText(self.tr("job %s") % job.id)
        self._paint()

    def _what_is_left(self, root: Job, details: RootDetails | None, pace: RootPace | None, now: int) -> str:
        waiting = details.waiting if details is not None else ()
        match root.status:
            case Status.PENDING:
                return self.tr("Begins as soon as a worker is free")
            case Status.PAUSED:
                left = root.progress_total - root.progress_current
                return self.tr("%s wait until you resume it") % count_of(left, "page") if root.pages and left else ""
            case Status.RUNNING if root.type == JobType.DEFINITION_RUN:
                step = current_step(details.steps) if details is not None else None
                if details is None or step is None:
                    return ""
                return self.tr("Step %s of %s: %s") % (step.number, len(details.steps), clean(step.name, 100))
            case Status.RUNNING:
                if waiting and pace is not None and pace.progress is not None and not pace.progress.rate:
                    rest = waiting[0]
                    return self.tr("%s rests until %s") % (host_of(rest.lane), clock(rest.until))
                return pace.eta.words if pace is not None and pace.eta is not None else self.tr("measuring the pace")
        if root.started_at is None or root.completed_at is None:
            return ""
        seconds = (root.completed_at - root.started_at) / 1000
        parts = [self.tr("ended %s") % relative(root.completed_at, now), self.tr("took %s") % duration(seconds)]
        # The times are those of the last attempt, the pages are of all.
        if root.pages and seconds > 0 and root.attempt == 1 and root.type != JobType.DEFINITION_RUN:
            withdrawn = root.children.get(Status.CANCELLED, 0) + root.children.get(Status.SKIPPED, 0)
            parts.append(self.tr("%s on average") % rate(max(0, root.progress_current - withdrawn) / seconds))
        self._left.setToolTip(exact(root.completed_at))
        return " · ".join(parts)

    def _job_id(self) -> str:
        return "" if self._job is None else str(self._job.id)

    def _address(self) -> str:
        return "" if self._job is None or self._job.url is None else self._job.url

    def _paint(self) -> None:
        self._back.setIcon(self._theme.icon("caret-left"))
        palette = self._url.palette()
        palette.setColor(QPalette.ColorRole.Text, self._theme.muted)
        self._url.setPalette(palette)
        if self._job is None:
            return
        job = self._job
        colour = self._theme.status_colour(job.status, job.warnings if job.is_root else 0)
        palette = self._status.palette()
        if palette.color(QPalette.ColorRole.WindowText) != colour:
            palette.setColor(QPalette.ColorRole.WindowText, colour)
            self._status.setPalette(palette)


def current_step(steps: Sequence[StepState]) -> StepState | None:
    """Return the step that is under way, or else the first that has not ended."""
    under_way = next((step for step in steps if step.status == Status.RUNNING), None)
    return under_way or next((step for step in steps if step.status == Status.PENDING), None)
