"""The status bar: how fast, how much is left, how large the library is."""

from PySide6.QtCore import QObject
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QStatusBar

from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.domain.jobs import OPEN_STATUSES, Job, Status
from quaero_desktop.domain.listing import JobFilter, Statistics
from quaero_desktop.domain.progress import Progress, ProgressMeter
from quaero_desktop.ui import clock
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.format import count, count_of, rate, size
from quaero_desktop.ui.widgets.labels import ElidedLabel, Figures


class StatusLine(QObject):
    """Fills a status bar and keeps it true.

    Args:
        context: what the parts are given.
        bar: the window's.
    """

    def __init__(self, context: Context, bar: QStatusBar) -> None:
        super().__init__(bar)
        self._context = context
        self._open: dict[int, Job] = {}
        self._meters: dict[int, ProgressMeter] = {}
        self._progress: dict[int, Progress] = {}
        self._said = ""
        self._work = ElidedLabel()
        self._library = Figures()
        self._workers = Figures()
        for label in (self._work, self._library, self._workers):
            label.setContentsMargins(6, 0, 6, 0)
            label.setFont(context.theme.tabular(label.font()))
        self._work.setAccessibleName(self.tr("Work under way"))
        self._library.setAccessibleName(self.tr("Size of the library"))
        bar.setSizeGripEnabled(False)
        bar.addWidget(self._work, 1)
        bar.addPermanentWidget(self._library)
        bar.addPermanentWidget(self._workers)
        context.feed.updated.connect(self._update)
        context.feed.statistics.connect(self._show_statistics)
        context.theme.changed.connect(self._show_work)
        self._show_workers()
        self._show_work()
        context.tasks.spawn(self._load(), name="status line")

    @property
    def open_jobs(self) -> int:
        """How many roots have not ended."""
        return len(self._open)

    @property
    def sentence(self) -> str:
        """What the bar says about the work under way."""
        return self._work.text()

    def say(self, sentence: str) -> None:
        """Say this instead, until the end."""
        self._said = sentence
        self._show_work()

    def show_workers(self) -> None:
        """Say anew how many workers there are."""
        self._show_workers()

    async def _load(self) -> None:
        services = self._context.services
        page = await services.jobs.page(JobFilter(status=tuple(OPEN_STATUSES), limit=None))
        self._take(page.jobs)
        self._show_statistics(await services.library.statistics())

    def _update(self, update: FeedUpdate) -> None:
        for job_id in update.removed:
            self._forget(job_id)
        self._take(update.roots)

    def _take(self, roots: tuple[Job, ...]) -> None:
        now = clock.now()
        for job in roots:
            if job.status not in OPEN_STATUSES:
                self._forget(job.id)
                continue
            self._open[job.id] = job
            self._progress[job.id] = self._meters.setdefault(job.id, ProgressMeter()).update(job, now)
        self._show_work()

    def _forget(self, job_id: int) -> None:
        self._open.pop(job_id, None)
        self._meters.pop(job_id, None)
        self._progress.pop(job_id, None)
        self._show_work()

    def _show_work(self) -> None:
        theme = self._context.theme
        running = [job for job in self._open.values() if job.status != Status.PAUSED]
        if self._said:
            text, colour = self._said, theme.status_colour("running")
        elif running:
            speed = sum(self._progress[job.id].rate for job in running)
            queued = sum(job.progress_total - job.progress_current for job in running)
            failed = sum(job.failed_children for job in running)
            text = f"● {rate(speed)} · {count(queued)} queued · {count(failed)} failed"
            colour = theme.status_colour("running")
        elif self._open:
            text, colour = f"‖ {count_of(len(self._open), 'crawl')} paused", theme.status_colour("paused")
        else:
            text, colour = self.tr("Nothing is running"), theme.muted
        self._work.setText(text)
        palette = self._work.palette()
        if palette.color(QPalette.ColorRole.WindowText) != colour:
            palette.setColor(QPalette.ColorRole.WindowText, colour)
            self._work.setPalette(palette)

    def _show_statistics(self, statistics: Statistics) -> None:
        self._library.setText(
            self.tr("library %s · %s") % (size(statistics.database_bytes), count_of(statistics.documents, "document"))
        )

    def _show_workers(self) -> None:
        self._workers.setText(count_of(self._context.settings.queue.num_workers, "worker"))
