"""How a page stands: what came of it, why it failed, and what failed like it."""

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from quaero_desktop.domain.advice import ADVICE, cause_sentence, cause_words
from quaero_desktop.domain.jobs import Job, JobType, Status
from quaero_desktop.domain.listing import Attempt
from quaero_desktop.domain.pagelist import FailureGroup, PageRow
from quaero_desktop.domain.words import CAUSES, REASONS
from quaero_desktop.ui.format import clean, count, count_of, exact, host_of, path_of, relative, size
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.callout import Callout
from quaero_desktop.ui.widgets.facts import Fact, Facts
from quaero_desktop.ui.widgets.sections import Scrolled

_KINDS: dict[str, str] = {
    JobType.VALIDATE: "check of what the crawl starts from",
    JobType.SITEMAP: "sitemap: a list of addresses that the site offers",
    JobType.TRANSFORM: "the text of stored pages, extracted anew",
    JobType.SUMMARISE: "summaries of documents",
    JobType.CORPUS_SUMMARY: "one summary of all that was collected",
    JobType.REINDEX: "the full-text index, built anew",
    JobType.CLEANUP: "old jobs and their logs, deleted",
    JobType.PREREQUISITE: "waits for the run of another definition",
}


class PageDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a page.

    Attributes:
        job: its newest snapshot.
        row: its figures; None when they are not known.
        attempts: the tries that ended.
        found_on: the page that named it first, or None.
        group: the pages of its root that failed alike; None unless it failed.
        root_name: of the root.
        seeds: what the root started from.
    """

    job: Job
    row: PageRow | None
    attempts: tuple[Attempt, ...]
    found_on: Job | None
    group: FailureGroup | None
    root_name: str
    seeds: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """Its figures in a few words, like ``HTTP 200 · 20.3 kB · 12 ms``."""
        row = self.row
        if row is None:
            return ""
        parts = [f"HTTP {row.code}"] if row.code is not None else []
        if row.bytes is not None:
            parts.append(size(row.bytes))
        if row.elapsed_ms:
            parts.append(load_time(row.elapsed_ms))
        return " · ".join(parts)


def load_time(elapsed_ms: int) -> str:
    """Return how long a page took to load, like ``12 ms`` or ``1.3 s``."""
    return f"{elapsed_ms:,} ms" if elapsed_ms < 1_000 else f"{elapsed_ms / 1000:,.1f} s"


class PageOverview(Scrolled):
    """The overview of a page, or of another job below a root.

    Signals:
        retry_wanted: the :class:`FailureGroup` to queue again.
        group_wanted: the :class:`FailureGroup` to show in the table of pages.
        retry_page_wanted: queue this page again, no other.
        job_wanted: the id of a job to go to.
        document_wanted: show what was stored.
    """

    retry_wanted = Signal(object)
    group_wanted = Signal(object)
    retry_page_wanted = Signal()
    job_wanted = Signal(int)
    document_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Overview of the page"))
        self._theme = theme
        self._group: FailureGroup | None = None
        self.trouble = Callout(theme, self)
        self.siblings = QLabel(self)
        self.siblings.setObjectName("siblings")
        self.siblings.setTextFormat(Qt.TextFormat.PlainText)
        self.siblings.setWordWrap(True)
        self.retry_page = QPushButton(self.tr("Retry this page"), self)
        self.retry_page.clicked.connect(lambda _=False: self.retry_page_wanted.emit())
        self.retry_all = QPushButton(self)
        self.retry_all.setObjectName("retryAlike")
        self.retry_all.clicked.connect(lambda _=False: self.retry_wanted.emit(self._group))
        self.show_all = QPushButton(self.tr("Show them"), self)
        self.show_all.clicked.connect(lambda _=False: self.group_wanted.emit(self._group))
        self.buttons = QWidget(self)
        row = QHBoxLayout(self.buttons)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * SPACE)
        for button in (self.retry_page, self.retry_all, self.show_all):
            button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
            row.addWidget(button)
        row.addStretch(1)
        self.facts = Facts(theme, self)
        for widget in (self.trouble, self.siblings, self.buttons, self.facts):
            self.sections.addWidget(widget)
        self.sections.setSpacing(3 * SPACE)
        self.sections.addStretch(1)

    def begin(self) -> None:
        """Show another page from now on."""
        self.verticalScrollBar().setValue(0)

    def show_details(self, details: PageDetails, now: int, *, busy: bool) -> None:
        """Show a page.

        Args:
            details: what is known of it.
            now: milliseconds UTC.
            busy: whether pages like it are being queued again just now.
        """
        job, row = details.job, details.row
        self._show_trouble(job, row)
        self._group = group = details.group if job.status == Status.FAILED else None
        others = group.pages - 1 if group is not None else 0
        self.siblings.setVisible(others > 0)
        self.retry_all.setVisible(others > 0)
        self.show_all.setVisible(others > 0)
        self.retry_page.setVisible(job.status == Status.FAILED)
        self.buttons.setVisible(job.status == Status.FAILED)
        self.retry_page.setEnabled(not busy)
        self.retry_all.setEnabled(not busy)
        if group is not None and others > 0:
            alike = count_of(group.pages, "page"), cause_words(group.cause, group.code)
            self.siblings.setText(self.tr("%s of this crawl failed like this: %s.") % alike)
            self.retry_all.setText(self.tr("Retry these %s") % count_of(group.pages, "page"))
        self.facts.set_facts(self._facts_of(details, now))

    def _show_trouble(self, job: Job, row: PageRow | None) -> None:
        code = row.code if row is not None else None
        error = job.error or ""
        match job.status:
            case Status.FAILED:
                self.trouble.say(cause_sentence(job.cause, code), ADVICE.get(job.cause or "", ""), error)
            case Status.SKIPPED | Status.CANCELLED:
                why = REASONS.get(job.cause or "") or CAUSES.get(job.cause or "") or job.status
                sentence = self.tr("Not fetched: %s") % why
                self.trouble.say(sentence, clean(error) if error else "", status=job.status)
            case _:
                self.trouble.hide()
                return
        self.trouble.show()

    def _facts_of(self, details: PageDetails, now: int) -> list[Fact]:
        job, row = details.job, details.row
        facts = []
        if job.type != JobType.CRAWLER_URL:
            facts.append(Fact(name=self.tr("What it is"), value=_KINDS.get(job.type, clean(job.type))))
        if row is not None and row.document_id is not None:
            title = row.title or self.tr("Read it")
            facts.append(Fact(name=self.tr("Document"), value=title, on_click=self.document_wanted.emit))
        if outcome := self._outcome(job):
            facts.append(Fact(name=self.tr("Result"), value=outcome, tip=outcome, address=True))
        if row is not None and row.code is not None:
            facts.append(Fact(name=self.tr("HTTP status"), value=str(row.code)))
        facts.append(self._found_on(details))
        if job.type == JobType.CRAWLER_URL:
            depth = self.tr("the start of the crawl") if not job.depth else count_of(job.depth, "link")
            value = depth if not job.depth else self.tr("%s from the start") % depth
            facts.append(Fact(name=self.tr("Depth"), value=value))
        if row is not None and row.bytes is not None:
            facts.append(Fact(name=self.tr("Size"), value=size(row.bytes), tip=f"{row.bytes:,} bytes"))
        if row is not None and row.elapsed_ms:
            facts.append(Fact(name=self.tr("Load time"), value=load_time(row.elapsed_ms)))
        tries = len(details.attempts) + (job.status == Status.RUNNING)
        if tries:
            facts.append(Fact(name=self.tr("Tries"), value=count(tries)))
        for name, moment in (
            (self.tr("Found"), job.created_at),
            (self.tr("Started"), job.started_at),
            (self.tr("Ended"), job.completed_at),
        ):
            if moment is not None:
                facts.append(Fact(name=name, value=f"{relative(moment, now)}", tip=exact(moment)))
        return facts

    def _found_on(self, details: PageDetails) -> Fact:
        source = details.found_on
        name = self.tr("Found on")
        if source is not None:
            where = path_of(source.url) if source.url else source.name
            if source.url and where == "/":
                where = host_of(source.url)
            tip = source.url or source.name
            return Fact(name=name, value=where, tip=tip, address=True, on_click=lambda: self.job_wanted.emit(source.id))
        if details.job.url in details.seeds:
            return Fact(name=name, value=self.tr("nowhere: the crawl starts here"))
        return Fact(name=name, value=self.tr("not recorded"))

    def _outcome(self, job: Job) -> str:
        """Return what came of a page that was fetched and not stored."""
        result = job.result or {}
        if (urls := result.get("urls")) is not None and job.type == JobType.SITEMAP:
            return self.tr("Names %s, %s of them new") % (f"{urls:,} addresses", f"{result.get('new', 0):,}")
        if target := result.get("redirect"):
            return self.tr("Redirects to %s") % clean(str(target))
        if target := result.get("canonical"):
            return self.tr("Stored as %s") % clean(str(target))
        if reason := result.get("reason"):
            kind = result.get("content_type")
            why = f"{reason} ({kind})" if kind else str(reason)
            return (self.tr("Not stored: %s") if job.type == JobType.CRAWLER_URL else "%s") % clean(why)
        return ""
