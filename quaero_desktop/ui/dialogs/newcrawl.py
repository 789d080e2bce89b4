"""The dialog that starts a crawl: addresses, how far, and rules in plain words with a live checker."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import msgspec
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QKeyEvent,
    QKeySequence,
    QShortcut,
    QShowEvent,
    QTextCursor,
)
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from quaero_desktop.domain import rules, urls
from quaero_desktop.domain.crawl import CrawlScope
from quaero_desktop.domain.errors import KnownError, UsageError
from quaero_desktop.domain.identity import alias_origin
from quaero_desktop.domain.jobs import SkipReason
from quaero_desktop.domain.scope import Extent, ScopeKind
from quaero_desktop.domain.sources import Source, SourceRules
from quaero_desktop.services import configuration
from quaero_desktop.services import rules as rule_checker
from quaero_desktop.services.jobs import CrawlRequest
from quaero_desktop.ui.addresses import urls_in_file, urls_in_mime
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.fields import Disclosure, LinesEdit, NumberEdit, Remark
from quaero_desktop.ui.format import clean, tool_tip
from quaero_desktop.ui.recipewords import as_definition
from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.widgets.labels import ElidedLabel, Heading, muted

_WIDTH = 660
_LARGE = 10_000
"""A text of so many characters is no longer checked at each key, but when typing rests."""
_REST_MS = 250
_SCOPES: tuple[ScopeKind, ...] = ("host", "prefix", "domain")
_NO_LIMIT = 0


class _Fault(msgspec.Struct, frozen=True):
    """Something in a field that makes no sense."""

    field: QWidget
    sentence: str


class NewCrawlDialog(QDialog):
    """Asks what to crawl, and starts it.

    Args:
        context: of the window.

    Signals:
        started: the id of the crawl's root job.
        definition_wanted: the :class:`Definition` that does the same, to be looked at and saved.
    """

    started = Signal(int)
    definition_wanted = Signal(object)

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("newCrawl")
        self.setWindowTitle(self.tr("New crawl"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAcceptDrops(True)
        self._context = context
        self._theme = context.theme
        self._fault: _Fault | None = None
        self._scope: CrawlScope | None = None
        self._seeds: tuple[str, ...] = ()
        self._busy = False
        self._sources: dict[int, Source] = {}
        self._make_addresses()
        self._make_extent()
        self._make_rules()
        self._make_more()
        self._make_buttons()
        self._lay_out()
        self._resting = QTimer(self)
        self._resting.setSingleShot(True)
        self._resting.setInterval(_REST_MS)
        self._resting.timeout.connect(self._check)
        self._remembered()
        self._connect()
        self._check()

    # --- What others may ask ------------------------------------------------------------------------------------------

    def open_with(self, addresses: Sequence[str]) -> None:
        """Show the dialog with addresses in place, after those that it holds already."""
        self._add(addresses)
        self.open()
        self._addresses.setFocus()
        self._context.tasks.spawn(self._show_sources(), name="sources for a crawl")

    def request(self) -> CrawlRequest:
        """Return what is asked for as it stands; what was left alone is left to the settings.

        Raises:
            UsageError: a field holds what makes no sense.
        """
        crawl = self._context.settings.crawl
        depth = self._depth.value()
        robots = self._robots.isChecked()
        source = self._source.currentData()
        chosen = self._sources.get(source or 0)
        # What a source has a rule for is said in any case: left alone it would be the source's, whatever is shown here.
        rules = chosen.rules if chosen is not None else SourceRules()
        return CrawlRequest(
            urls=tuple(line for _, line in self._lines(self._addresses)),
            depth=None if depth == crawl.max_depth and rules.depth is None else depth,
            max_pages=self._pages.value() or None,
            source_id=source if isinstance(source, int) else None,
            scope=self._chosen_scope(),
            include=tuple(line for _, line in self._lines(self._include)),
            exclude=tuple(line for _, line in self._lines(self._exclude)),
            per_host=cast("int | None", self._number("crawl.per_host", self._per_host)),
            delay_seconds=cast("float | None", self._number("crawl.delay_seconds", self._delay)),
            obey_robots=None if robots == crawl.obey_robots and rules.obey_robots is None else robots,
            name=clean(self._name.text()).strip() or None,
            aliases=tuple(self._aliases.text().split()),
        )

    # --- Fields -------------------------------------------------------------------------------------------------------

    def _make_addresses(self) -> None:
        self._addresses = LinesEdit(self.tr("Web addresses"), 3, takes=urls_in_mime, parent=self)
        self._addresses.setObjectName("addresses")
        self._addresses.setPlaceholderText(self.tr("Paste or type one or more web addresses, one a line"))
        self._addresses.setToolTip(self.tr("Enter starts the crawl, Shift+Enter begins another line."))
        self._addresses.submitted.connect(self._start)
        self._open_file = QPushButton(self.tr("Open file…"), self)
        self._open_file.setToolTip(self.tr("Take the addresses from a text file"))
        self._open_file.setAutoDefault(False)
        self._open_file.clicked.connect(self._ask_for_file)
        self._about_addresses = Remark(self._theme, self, keep_room=True)

    def _make_extent(self) -> None:
        self._scopes = QButtonGroup(self)
        self._scope_examples: list[ElidedLabel] = []
        for number, text in enumerate(
            (self.tr("This &site"), self.tr("Below this &folder"), self.tr("The whole &domain"))
        ):
            radio = QRadioButton(text, self)
            radio.setObjectName(f"scope_{_SCOPES[number]}")
            self._scopes.addButton(radio, number)
            example = ElidedLabel("", Qt.TextElideMode.ElideMiddle, self)
            self._scope_examples.append(cast("ElidedLabel", muted(example, self._theme)))
        self._depth = QSpinBox(self)
        self._depth.setObjectName("depth")
        self._depth.setRange(0, 1000)
        self._depth.setAccessibleName(self.tr("How many links deep"))
        self._depth.setToolTip(self.tr("How many links it may take from a first page; 0 takes the first pages only"))
        self._pages = QSpinBox(self)
        self._pages.setObjectName("pageLimit")
        self._pages.setRange(_NO_LIMIT, 100_000_000)
        self._pages.setSingleStep(100)
        self._pages.setGroupSeparatorShown(True)
        self._pages.setSpecialValueText(self.tr("no limit"))
        self._pages.setAccessibleName(self.tr("Most pages"))
        self._pages.setToolTip(self.tr("What is found beyond that is listed as skipped"))

    def _make_rules(self) -> None:
        self._include = LinesEdit(self.tr("Only addresses with"), 3, parent=self)
        self._include.setObjectName("include")
        self._include.setPlaceholderText(self.tr("any"))
        self._exclude = LinesEdit(self.tr("Leave out addresses with"), 3, parent=self)
        self._exclude.setObjectName("exclude")
        self._exclude.setPlaceholderText("*.pdf\n*/old/*")
        self._about_rules = Remark(self._theme, self)
        self._try = _TryEdit(self)
        self._try.setObjectName("tryAddress")
        self._try.setAccessibleName(self.tr("Try an address"))
        self._try.setPlaceholderText(self.tr("An address, or the path of one, like /old/page.html"))
        self._verdict = Remark(self._theme, self, keep_room=True)
        self._verdict.setObjectName("verdict")

    def _make_more(self) -> None:
        crawl = self._context.settings.crawl
        self._more = QWidget(self)
        self._name = QLineEdit(self._more)
        self._name.setObjectName("jobName")
        self._per_host = NumberEdit(self._more, least=1)
        self._per_host.setObjectName("perHost")
        self._per_host.setPlaceholderText(str(crawl.per_host))
        self._delay = NumberEdit(self._more, whole=False, step=0.25)
        self._delay.setObjectName("delay")
        self._delay.setPlaceholderText(f"{crawl.delay_seconds:g}")
        self._robots = QCheckBox(self.tr("Follow the wishes of the site (robots.txt)"), self._more)
        self._robots.setObjectName("robots")
        self._robots.setChecked(crawl.obey_robots)
        self._aliases = QLineEdit(self._more)
        self._aliases.setObjectName("aliases")
        self._aliases.setPlaceholderText(self.tr("other addresses of the very same site, with blanks between"))
        self._source = QComboBox(self._more)
        self._source.setObjectName("source")
        self._source.addItem(self.tr("One for each site"), None)
        self._about_more = Remark(self._theme, self._more)
        form = QFormLayout(self._more)
        form.setContentsMargins(4 * SPACE, 0, 0, 0)
        form.setHorizontalSpacing(3 * SPACE)
        form.setVerticalSpacing(2 * SPACE)
        for text, field, unit in (
            (self.tr("&Name"), self._name, ""),
            (self.tr("Requests &at once"), self._per_host, self.tr("at one site")),
            (self.tr("&Pause between them"), self._delay, self.tr("seconds; 0 for none")),
            ("", self._robots, ""),
            (self.tr("Also &known as"), self._aliases, ""),
            (self.tr("So&urce"), self._source, ""),
        ):
            label = QLabel(text, self._more)
            label.setBuddy(field)
            form.addRow(label, self._with_unit(field, unit) if unit else field)
            if text:
                field.setAccessibleName(text.replace("&", ""))
        form.addRow(self._about_more)
        self._disclosure = Disclosure(self._theme, self.tr("More"), self._more, self)
        self._disclosure.setObjectName("more")
        self._disclosure.folded.connect(self._fit)

    async def _show_sources(self) -> None:
        sources = await self._context.services.sources.list()
        if isValid(self):  # it may be closed meanwhile
            self._sources = {source.id: source for source in sources}
            for source in sources:
                self._source.addItem(clean(source.name, 80), source.id)
                self._source.setItemData(
                    self._source.count() - 1, tool_tip(source.base_url), Qt.ItemDataRole.ToolTipRole
                )

    def _source_chosen(self) -> None:
        """Take over where a source begins and its rules: they are what a crawl for it usually means."""
        chosen = self._sources.get(self._source.currentData() or 0)
        if chosen is None:
            return
        if not self._lines(self._addresses):
            self._addresses.setPlainText(chosen.start_url)
        rules = chosen.rules
        if rules.scope is not None:
            self._scopes.button(_SCOPES.index(rules.scope)).setChecked(True)
        for spin, value in ((self._depth, rules.depth), (self._pages, rules.max_pages)):
            if value is not None:
                spin.setValue(value)
        for edit, patterns in ((self._include, rules.include), (self._exclude, rules.exclude)):
            if patterns:
                edit.setPlainText("\n".join(patterns))
        if rules.per_host is not None:
            self._per_host.set_value(rules.per_host)
        if rules.delay_ms is not None:
            self._delay.set_value(rules.delay_ms / 1000)
        if rules.obey_robots is not None:
            self._robots.setChecked(rules.obey_robots)

    def _want_definition(self) -> None:
        """Hand over what is asked for as a definition, and make room for its dialog."""
        self._check()
        if self._fault is not None:
            self._start()  # says what is missing, and goes there
            return
        self.definition_wanted.emit(as_definition(self.request(), self._name.placeholderText()))
        self.accept()

    def _make_buttons(self) -> None:
        self._complaint = Remark(self._theme, self)
        self._complaint.setObjectName("complaint")
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self._start_button = self._buttons.addButton(self.tr("Start crawl"), QDialogButtonBox.ButtonRole.AcceptRole)
        self._start_button.setObjectName("start")
        self._start_button.setDefault(True)
        self._buttons.button(QDialogButtonBox.StandardButton.Cancel).setAutoDefault(False)
        self._as_definition = QPushButton(self.tr("Save as &definition…"), self)
        self._as_definition.setObjectName("asDefinition")
        self._as_definition.setToolTip(self.tr("Crawl it again and again, by a schedule or at a click"))
        self._as_definition.setAutoDefault(False)
        self._as_definition.clicked.connect(lambda _=False: self._want_definition())
        self._buttons.addButton(self._as_definition, QDialogButtonBox.ButtonRole.ActionRole)
        self._buttons.accepted.connect(self._start)
        self._buttons.rejected.connect(self.reject)

    def _lay_out(self) -> None:
        content = QWidget()
        self._column = column = QVBoxLayout(content)
        column.setContentsMargins(4 * SPACE, 4 * SPACE, 4 * SPACE, 2 * SPACE)
        column.setSpacing(SPACE)
        head = QHBoxLayout()
        head.addWidget(_heading_for(self.tr("Web addresses"), self._addresses), 1)
        head.addWidget(self._open_file)
        column.addLayout(head)
        column.addWidget(self._addresses)
        column.addWidget(self._about_addresses)
        column.addSpacing(2 * SPACE)
        column.addWidget(Heading(self.tr("How far")))
        column.addLayout(self._extent_grid())
        column.addLayout(self._limits_row())
        column.addSpacing(3 * SPACE)
        column.addWidget(Heading(self.tr("Rules")))
        column.addLayout(self._rules_grid())
        column.addSpacing(2 * SPACE)
        column.addWidget(self._disclosure)
        column.addWidget(self._more)
        column.addStretch(1)
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(content)
        foot = QHBoxLayout()
        foot.setContentsMargins(4 * SPACE, SPACE, 4 * SPACE, 4 * SPACE)
        foot.setSpacing(3 * SPACE)
        foot.addWidget(self._complaint, 1)
        foot.addWidget(self._buttons)
        self._whole = whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(SPACE)
        whole.addWidget(self._scroll, 1)
        whole.addLayout(foot)
        QWidget.setTabOrder(self._addresses, self._open_file)
        self.setMinimumWidth(480)
        self._fit()

    def _extent_grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(3 * SPACE)
        grid.setVerticalSpacing(SPACE)
        grid.setColumnStretch(1, 1)
        for number, example in enumerate(self._scope_examples):
            grid.addWidget(self._scopes.button(number), number, 0)
            grid.addWidget(example, number, 1)
        return grid

    def _limits_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(0, 2 * SPACE, 0, 0)
        row.setSpacing(2 * SPACE)
        deep = QLabel(self.tr("Follow links &up to"), self)
        deep.setBuddy(self._depth)
        stop = QLabel(self.tr("Stop &after"), self)
        stop.setBuddy(self._pages)
        for widget in (deep, self._depth, QLabel(self.tr("links deep"), self)):
            row.addWidget(widget)
        row.addSpacing(6 * SPACE)
        for widget in (stop, self._pages, QLabel(self.tr("pages"), self)):
            row.addWidget(widget)
        row.addStretch(1)
        return row

    def _rules_grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(3 * SPACE)
        grid.setVerticalSpacing(SPACE)
        for column, edit in enumerate((self._include, self._exclude)):
            label = QLabel(edit.accessibleName(), self)
            label.setBuddy(edit)
            grid.addWidget(label, 0, column)
            grid.addWidget(edit, 1, column)
            grid.setColumnStretch(column, 1)
        explained = self.tr("One rule a line. Words match anywhere in an address, * is any text, ? any one character.")
        hint = QLabel(explained, self)
        hint.setWordWrap(True)
        grid.addWidget(muted(hint, self._theme), 2, 0, 1, 2)
        grid.addWidget(self._about_rules, 3, 0, 1, 2)
        row = QHBoxLayout()
        row.setSpacing(2 * SPACE)
        label = QLabel(self.tr("&Try an address"), self)
        label.setBuddy(self._try)
        row.addWidget(label)
        row.addWidget(self._try, 1)
        grid.addLayout(row, 4, 0, 1, 2)
        grid.addWidget(self._verdict, 5, 0, 1, 2)
        grid.setRowMinimumHeight(4, 8 * SPACE)
        return grid

    def _with_unit(self, edit: QWidget, unit: str) -> QWidget:
        box = QWidget(self._more)
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * SPACE)
        row.addWidget(edit)
        row.addWidget(muted(QLabel(unit, box), self._theme))
        row.addStretch(1)
        return box

    def _connect(self) -> None:
        for edit in (self._addresses, self._include, self._exclude):
            edit.textChanged.connect(self._changed)
        for line in (self._name, self._per_host, self._delay, self._aliases):
            line.textChanged.connect(self._changed)
        self._source.currentIndexChanged.connect(lambda _: self._source_chosen())
        self._scopes.idClicked.connect(self._changed)
        self._scopes.idToggled.connect(self._changed)
        self._try.textChanged.connect(self._judge)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self).activated.connect(self._start)

    # --- Checking -----------------------------------------------------------------------------------------------------

    def _changed(self, *_: object) -> None:
        size = self._addresses.document().characterCount()
        if size > _LARGE:
            self._resting.start()
        else:
            self._check()

    def _check(self) -> None:
        """Say what is wrong with each field, and what the rest means."""
        self._resting.stop()
        self._fault = None
        self._scope = None
        self._check_addresses()
        self._check_rules()
        self._check_more()
        if self._fault is None:
            try:
                self._scope = rule_checker.scope_of(self.request(), self._context.settings)
            except UsageError as refused:
                self._fault = _Fault(self._addresses, refused.message)
        self._show_extent()
        self._judge()
        self._show_state()

    def _check_addresses(self) -> None:
        good: dict[str, None] = {}
        faults: list[tuple[int, UsageError]] = []
        lines = self._lines(self._addresses)
        secret = False
        for number, line in lines:
            try:
                good[urls.seed(line)] = None
                secret = secret or "@" in line.partition("://")[2].partition("/")[0]
            except UsageError as error:
                faults.append((number, error))
        self._seeds = tuple(good)
        self._addresses.mark([number for number, _ in faults], self._theme)
        if faults:
            number, first = faults[0]
            where = self.tr("Line %d: ") % (number + 1) if len(lines) > 1 else ""
            others = self.tr(" %n more lines are none either.", "", len(faults) - 1) if len(faults) > 1 else ""
            self._about_addresses.say(f"{where}{first.message}{others}", "error")
            self._fault = _Fault(self._addresses, self.tr("Correct the web address."))
        elif not lines:
            self._about_addresses.say(self.tr("Enter starts the crawl; Shift+Enter begins another line."))
            self._fault = _Fault(self._addresses, "")
        elif secret:
            said = self.tr("The user name and password in the address are left out. A source can have a sign-in.")
            self._about_addresses.say(said)
        elif len(good) > 1:
            self._about_addresses.say(self.tr("%n addresses to start from", "", len(good)), "good")
        else:
            self._about_addresses.say(self.tr("Starts at %s") % next(iter(good)), "good")

    def _check_rules(self) -> None:
        said = ""
        for edit in (self._include, self._exclude):
            bad = []
            for number, line in self._lines(edit):
                try:
                    rules.compiled(line)
                except UsageError as error:
                    bad.append(number)
                    if not said:
                        said = error.message
                        self._fault = self._fault or _Fault(edit, self.tr("Correct the rule."))
            edit.mark(bad, self._theme)
        self._about_rules.say(said, "error")

    def _check_more(self) -> None:
        said = ""
        for edit, key in ((self._per_host, "crawl.per_host"), (self._delay, "crawl.delay_seconds")):
            value = edit.value()
            if value is not None and (refused := configuration.refusal(key, value)):
                said = said or f"{edit.accessibleName()}: {refused}"
                self._fault = self._fault or _Fault(edit, said)
        for alias in self._aliases.text().split():
            try:
                alias_origin(alias)
            except UsageError as error:
                said = said or error.message
                self._fault = self._fault or _Fault(self._aliases, error.message)
        self._about_more.say(said, "error")
        hosts = list(dict.fromkeys(urls.host_of(url) for url in self._seeds))
        self._name.setPlaceholderText(", ".join(hosts[:5]))

    def _number(self, key: str, edit: NumberEdit) -> int | float | None:
        value = edit.value()
        if value is None:
            return None
        if isinstance(value, str) or configuration.refusal(key, value):
            raise UsageError(f"{edit.accessibleName()}: {configuration.refusal(key, value)}")
        return value

    def _show_extent(self) -> None:
        if not self._seeds:
            said = (
                self.tr("every page of the same host"),
                self.tr("only what lies below the address"),
                self.tr("the site with all subdomains"),
            )
        else:
            host, folder, domain = (Extent(kind, self._seeds).name.removeprefix(f"{kind}: ") for kind in _SCOPES)
            said = (
                self.tr("every page of %s") % host,
                self.tr("only what lies below %s") % folder,
                self.tr("%s with all subdomains") % domain,
            )
        for number, text in enumerate(said):
            self._scope_examples[number].setText(text)
            self._scopes.button(number).setAccessibleDescription(text)

    def _judge(self) -> None:
        """Say what would become of the address that is tried."""
        text = self._try.text().strip()
        if not text:
            self._verdict.say("")
        elif self._scope is None:
            self._verdict.say(self.tr("Type the web address of the crawl first."))
        else:
            try:
                result = rule_checker.check(self._scope, text)
            except UsageError as error:
                self._verdict.say(error.message, "error")
                return
            if result.reason is None:
                self._verdict.say(self.tr("Would be followed."), "good")
            elif result.reason is SkipReason.SCOPE:
                extent = Extent(self._chosen_scope(), self._seeds).name.partition(": ")[2]
                self._verdict.say(self.tr("Not followed: it is outside of %s") % extent, "error")
            else:
                self._verdict.say(self.tr("Not followed: %s") % result.sentence, "error")

    def _show_state(self, complaint: str = "") -> None:
        fault = self._fault
        self._start_button.setEnabled(fault is None and not self._busy)
        said = complaint or (fault.sentence if fault is not None else "")
        self._start_button.setToolTip(said or (self.tr("Type a web address first.") if fault is not None else ""))
        self._complaint.say(said, "error" if said else "plain")
        # What is said may need another line.
        QTimer.singleShot(0, self, self._grow)

    # --- Starting -----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._busy:
            return
        self._check()
        if self._fault is not None:
            field = self._fault.field
            if self._more.isAncestorOf(field):
                self._disclosure.fold(out=True)
            field.setFocus()
            self._show_state(self._fault.sentence or self.tr("Type a web address first."))
            return
        self._busy = True
        self._show_state()
        self._context.tasks.spawn(self._start_crawl(self.request()), name="new crawl", on_error=self._failed)

    async def _start_crawl(self, request: CrawlRequest) -> None:
        try:
            job_id = await self._context.services.jobs.start_crawl(request)
        finally:
            self._busy = False
        # Who closed the dialog meanwhile sees the crawl in the tree all the same.
        if isValid(self):
            self._remember()
            self.started.emit(job_id)
            self.accept()

    def _failed(self, error: KnownError) -> None:
        if not isValid(self):
            self._context.notices.error(error)
            return
        self._show_state(" ".join(part for part in (error.message, error.hint) if part))

    # --- What is remembered -------------------------------------------------------------------------------------------

    def _remembered(self) -> None:
        """Show what was chosen last time, unless the setting was changed since: then that counts."""
        state, crawl = self._context.state, self._context.settings.crawl
        scope, depth = crawl.scope, crawl.max_depth
        if state.text("newCrawl/usualScope") == crawl.scope:
            scope = cast("ScopeKind", state.text("newCrawl/scope", crawl.scope))
        if state.number("newCrawl/usualDepth", -1) == crawl.max_depth:
            depth = state.number("newCrawl/depth", crawl.max_depth)
        self._scopes.button(_SCOPES.index(scope) if scope in _SCOPES else 0).setChecked(True)
        self._depth.setValue(depth)

    def _remember(self) -> None:
        state, crawl = self._context.state, self._context.settings.crawl
        state.set("newCrawl/scope", self._chosen_scope())
        state.set("newCrawl/usualScope", crawl.scope)
        state.set("newCrawl/depth", self._depth.value())
        state.set("newCrawl/usualDepth", crawl.max_depth)

    def _chosen_scope(self) -> ScopeKind:
        return _SCOPES[max(0, self._scopes.checkedId())]

    # --- Addresses from elsewhere -------------------------------------------------------------------------------------

    def _add(self, addresses: Sequence[str]) -> None:
        there = [line for _, line in self._lines(self._addresses)]
        lines = list(dict.fromkeys([*there, *(address.strip() for address in addresses)]))
        if lines != there:
            self._addresses.setPlainText("\n".join(lines))
            self._addresses.moveCursor(QTextCursor.MoveOperation.End)

    def _ask_for_file(self) -> None:
        chooser = QFileDialog(self, self.tr("Open a file with web addresses"))
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.setNameFilters([self.tr("Text files (*.txt *.md *.csv *.html *.url)"), self.tr("All files (*)")])
        chooser.fileSelected.connect(self.take_file)
        chooser.open()

    def take_file(self, path: str) -> None:
        """Add the addresses in a text file, or say why there are none."""
        try:
            self._add(urls_in_file(Path(path)))
        except KnownError as error:
            self._show_state(" ".join(part for part in (error.message, error.hint) if part))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 (Qt's name)
        """Take what may hold addresses."""
        if event.mimeData().hasUrls() or event.mimeData().hasText():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 (Qt's name)
        """Add the addresses in what is dropped anywhere on the dialog."""
        found = urls_in_mime(event.mimeData())
        if found:
            self._add(found)
            event.acceptProposedAction()
        else:
            self._show_state(self.tr("There is no web address in what was dropped."))

    # --- Room ---------------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        """Fit the dialog to what it shows."""
        super().showEvent(event)
        self._fit()
        # The list of public suffixes takes 0.1 s to read: while the dialog is looked at, not while one types.
        QTimer.singleShot(0, self, _read_public_suffixes)

    def _grow(self) -> None:
        """Make room for what is said now; what there is more stays, so that nothing jumps."""
        width = self._scroll.viewport().width()
        if self.isVisible() and self._column.totalHeightForWidth(width) > self._scroll.viewport().height():
            self._fit()

    def _fit(self) -> None:
        """Be as high as the content is, as far as the screen allows."""
        self._column.activate()
        foot = self._whole.sizeHint().height() - self._scroll.sizeHint().height()
        width = max(self.width(), _WIDTH) if self.isVisible() else _WIDTH
        height = self._column.totalHeightForWidth(width) + foot
        most = self.screen().availableSize() - QSize(40, 80)
        self.resize(min(width, most.width()), min(height, most.height()))

    @staticmethod
    def _lines(edit: QPlainTextEdit) -> list[tuple[int, str]]:
        """Return the lines that hold something, each with its number from 0."""
        lines = enumerate(edit.toPlainText().split("\n"))
        return [(number, line.strip()) for number, line in lines if line.strip()]


class _TryEdit(QLineEdit):
    """The field of the rule checker: Enter answers nothing more, and must not start the crawl."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Keep Enter from the dialog's button."""
        plain = not event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and plain:
            event.accept()
        else:
            super().keyPressEvent(event)


def _heading_for(text: str, field: QWidget) -> QLabel:
    heading = Heading(text)
    heading.setBuddy(field)
    return heading


def _read_public_suffixes() -> None:
    Extent("domain", ("https://docs.python.org/",))
