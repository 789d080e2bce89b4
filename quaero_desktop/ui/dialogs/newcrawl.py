"""The dialog that starts a crawl: addresses, how far, and rules in plain words with a live checker."""

from collections.abc import Sequence

from msgspec import UNSET
from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.scope import Extent
from quaero_desktop.domain.sources import SourceRules
from quaero_desktop.services import rules as rule_checker
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.ui.addresses import urls_in_mime
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.addressesedit import AddressesEdit
from quaero_desktop.ui.dialogs.crawlmore import CrawlMore
from quaero_desktop.ui.dialogs.extentedit import ExtentEdit
from quaero_desktop.ui.dialogs.fields import Fault
from quaero_desktop.ui.dialogs.formdialog import ScrolledDialog
from quaero_desktop.ui.dialogs.rulesedit import RulesEdit
from quaero_desktop.ui.recipewords import as_definition
from quaero_desktop.ui.theme import SPACE

_LARGE = 10_000
"""A text of so many characters is no longer checked at each key, but when typing rests."""
_REST_MS = 250


class NewCrawlDialog(ScrolledDialog):
    """Asks what to crawl, and starts it.

    Args:
        context: of the window.

    Signals:
        started: the id of the crawl's root job.
        definition_wanted: the :class:`Definition` that does the same, to be looked at and saved.
    """

    WIDTH = 660
    SHORTCUTS = ("Ctrl+Return", "Ctrl+Enter")

    started = Signal(int)
    definition_wanted = Signal(object)

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(context, parent, name="newCrawl")
        self.setWindowTitle(self.tr("New crawl"))
        self.setAcceptDrops(True)
        self._fault: Fault | None = None
        self._addresses = AddressesEdit(self._theme, self)
        self._extent = ExtentEdit(self._theme, self)
        self._rules = RulesEdit(self._theme, self)
        self._more = CrawlMore(context, self)
        self._as_definition = self._make_buttons(self.tr("Start crawl"), "start").add(
            self.tr("Save as &definition…"),
            "asDefinition",
            self.tr("Crawl it again and again, by a schedule or at a click"),
        )
        self._as_definition.clicked.connect(lambda _=False: self._want_definition())
        self._resting = QTimer(self, interval=_REST_MS, singleShot=True)
        self._resting.timeout.connect(self._check)
        self._lay_out()
        crawl = context.settings.crawl
        self._extent.restore(context.state, crawl.scope, crawl.max_depth)
        self._connect()
        self._check()

    # --- what others may ask ------------------------------------------------------------------------------------------

    def open_with(self, addresses: Sequence[str]) -> None:
        """Show the dialog with addresses in place, after those that it holds already."""
        self._addresses.add(addresses)
        self.open()
        self._addresses.setFocus()
        self._context.tasks.spawn(self._show_sources(), name="sources for a crawl")

    def take_file(self, path: str) -> None:
        """Add the addresses in a text file, or say why there are none."""
        self._addresses.take_file(path)

    def request(self) -> CrawlRequest:
        """Return what is asked for as it stands; what was left alone is left to the settings.

        Raises:
            UsageError: a field holds what makes no sense.
        """
        crawl = self._context.settings.crawl
        source, extent, more = self._more.source, self._extent, self._more
        # What a source has a rule for is said in any case: left alone it would be the source's, whatever is shown here.
        ruled = source.rules if source is not None else SourceRules()
        per_host, delay = more.per_host, more.delay_seconds
        if per_host is None and ruled.per_host is not None:
            per_host = crawl.per_host
        if delay is None and ruled.delay_ms is not None:
            delay = crawl.delay_seconds
        usual_depth = extent.max_depth == crawl.max_depth and ruled.depth is None
        usual_robots = more.obey_robots == crawl.obey_robots and ruled.obey_robots is None
        return CrawlRequest(
            urls=self._addresses.addresses,
            depth=None if usual_depth else extent.max_depth,
            max_pages=UNSET if extent.max_pages is None and ruled.max_pages is None else extent.max_pages,
            source_id=None if source is None else source.id,
            scope=extent.scope,
            include=self._rules.include or (() if ruled.include else None),
            exclude=self._rules.exclude or (() if ruled.exclude else None),
            per_host=per_host,
            delay_seconds=delay,
            obey_robots=None if usual_robots else more.obey_robots,
            name=more.name or None,
            aliases=more.aliases,
        )

    # --- parts --------------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        column = self._lay_out_column()
        column.setSpacing(SPACE)
        for part, room in ((self._addresses, 2), (self._extent, 3), (self._rules, 2), (self._more, 0)):
            column.addWidget(part)
            column.addSpacing(room * SPACE)
        column.addStretch(1)
        self.setMinimumWidth(480)
        self._fit()

    def _connect(self) -> None:
        self._addresses.changed.connect(self._changed)
        self._addresses.submitted.connect(self.submit)
        self._addresses.refused.connect(self._show_state)
        self._extent.scope_changed.connect(self._changed)
        self._rules.changed.connect(self._changed)
        self._more.changed.connect(self._changed)
        self._more.source_chosen.connect(self._source_chosen)
        self._more.folded.connect(self._fit)

    async def _show_sources(self) -> None:
        sources = await self._context.services.sources.list()
        if isValid(self):  # it may be closed meanwhile
            self._more.show_sources(sources)

    def _source_chosen(self) -> None:
        """Take over where a source begins and its rules: they are what a crawl for it usually means."""
        chosen = self._more.source
        if chosen is None:
            return
        if not self._addresses.addresses:
            self._addresses.set_addresses([chosen.start_url])
        rules = chosen.rules
        if rules.scope is not None:
            self._extent.set_scope(rules.scope)
        if rules.depth is not None:
            self._extent.set_depth(rules.depth)
        if rules.max_pages is not None:
            self._extent.set_max_pages(rules.max_pages)
        if rules.include:
            self._rules.set_include(rules.include)
        if rules.exclude:
            self._rules.set_exclude(rules.exclude)
        self._more.show_rules(rules)

    # --- checking -----------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        if self._addresses.length > _LARGE:
            self._resting.start()
        else:
            self._check()

    def _check(self) -> None:
        """Say what is wrong with each field, and what the rest means."""
        self._resting.stop()
        faults = [self._addresses.check(), self._rules.check(), self._more.check()]
        self._fault = next((fault for fault in faults if fault is not None), None)
        seeds = self._addresses.seeds
        scope = None
        if self._fault is None:
            try:
                scope = rule_checker.scope_of(self.request(), self._context.settings)
            except UsageError as refused:
                self._fault = Fault(self._addresses, refused.message)
        self._extent.show_examples(seeds)
        self._more.show_seeds(seeds)
        extent = Extent(self._extent.scope, seeds).name.partition(": ")[2] if seeds else ""
        self._rules.judge_by(scope, extent)
        self._show_state()

    def _show_state(self, complaint: str = "") -> None:
        fault, start = self._fault, self._buttons.main
        start.setEnabled(fault is None and not self._is_busy)
        said = complaint or (fault.sentence if fault is not None else "")
        start.setToolTip(said or (self.tr("Type a web address first.") if fault is not None else ""))
        self._complaint.say(said, "error" if said else "plain")
        # What is said may need another line.
        QTimer.singleShot(0, self, self._grow)

    # --- starting -----------------------------------------------------------------------------------------------------

    def submit(self) -> None:
        """Start the crawl, or say why not."""
        if self._is_busy:
            return
        self._check()
        if self._fault is not None:
            self._more.uncover(self._fault.field)
            self._fault.field.setFocus()
            self._show_state(self._fault.sentence or self.tr("Type a web address first."))
            return
        self._is_busy = True
        self._show_state()
        self._context.tasks.spawn(self._start(self.request()), name="new crawl", on_error=self._failed)

    async def _start(self, request: CrawlRequest) -> None:
        try:
            job_id = await self._context.services.jobs.start_crawl(request)
        finally:
            self._is_busy = False
        # Who closed the dialog meanwhile sees the crawl in the tree all the same.
        if isValid(self):
            crawl = self._context.settings.crawl
            self._extent.remember(self._context.state, crawl.scope, crawl.max_depth)
            self.started.emit(job_id)
            self.accept()

    def _want_definition(self) -> None:
        """Hand over what is asked for as a definition, and make room for its dialog."""
        self._check()
        if self._fault is not None:
            self.submit()  # says what is missing, and goes there
            return
        self.definition_wanted.emit(as_definition(self.request(), self._more.usual_name))
        self.accept()

    # --- addresses from elsewhere -------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 (Qt's name)
        """Take what may hold addresses."""
        if event.mimeData().hasUrls() or event.mimeData().hasText():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 (Qt's name)
        """Add the addresses in what is dropped anywhere on the dialog."""
        found = urls_in_mime(event.mimeData())
        if found:
            self._addresses.add(found)
            event.acceptProposedAction()
        else:
            self._show_state(self.tr("There is no web address in what was dropped."))

    # --- room ---------------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        """Fit the dialog to what it shows."""
        super().showEvent(event)
        # The list of public suffixes takes 0.1 s to read: while the dialog is looked at, not while one types.
        QTimer.singleShot(0, self, _read_public_suffixes)


def _read_public_suffixes() -> None:
    Extent("domain", ("https://docs.python.org/",))
