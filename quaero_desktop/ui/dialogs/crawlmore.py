"""What is seldom said of a crawl: its name, its pace, and for which source it collects."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from quaero_desktop.domain import urls
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.identity import alias_origin
from quaero_desktop.domain.sources import Source, SourceRules
from quaero_desktop.services import configuration
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.fields import Disclosure, Fault, NumberEdit, Remark
from quaero_desktop.ui.format import clean, tool_tip
from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.widgets.labels import muted


class CrawlMore(QWidget):
    """Asks for it, folded away at first.

    Args:
        context: of the window.

    Signals:
        changed: something different stands in a field.
        source_chosen: another source is chosen.
        folded: whether the fields are hidden now.
    """

    changed = Signal()
    source_chosen = Signal()
    folded = Signal(bool)

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._crawl = context.settings.crawl
        self._theme = context.theme
        self._sources: dict[int, Source] = {}
        self._fields = QWidget(self)
        self._disclosure = Disclosure(self._theme, self.tr("More"), self._fields, self)
        self._disclosure.setObjectName("more")
        self._disclosure.folded.connect(self.folded)
        self._name = QLineEdit(self._fields)
        self._name.setObjectName("jobName")
        self._per_host = NumberEdit(self._fields, least=1)
        self._per_host.setObjectName("perHost")
        self._per_host.setPlaceholderText(str(self._crawl.per_host))
        self._delay = NumberEdit(self._fields, whole=False, step=0.25)
        self._delay.setObjectName("delay")
        self._delay.setPlaceholderText(f"{self._crawl.delay_seconds:g}")
        self._robots = QCheckBox(self.tr("Follow the wishes of the site (robots.txt)"), self._fields)
        self._robots.setObjectName("robots")
        self._robots.setChecked(self._crawl.obey_robots)
        self._aliases = QLineEdit(self._fields)
        self._aliases.setObjectName("aliases")
        self._aliases.setPlaceholderText(self.tr("other addresses of the very same site, with blanks between"))
        self._source = QComboBox(self._fields)
        self._source.setObjectName("source")
        self._source.addItem(self.tr("One for each site"), None)
        self._about = Remark(self._theme, self._fields)
        self._lay_out()
        for line in (self._name, self._per_host, self._delay, self._aliases):
            line.textChanged.connect(lambda _: self.changed.emit())
        self._source.currentIndexChanged.connect(lambda _: self.source_chosen.emit())

    def _lay_out(self) -> None:
        form = QFormLayout(self._fields)
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
            label = QLabel(text, self._fields)
            label.setBuddy(field)
            form.addRow(label, self._with_unit(field, unit) if unit else field)
            if text:
                field.setAccessibleName(text.replace("&", ""))
        form.addRow(self._about)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(self._disclosure)
        column.addWidget(self._fields)

    def _with_unit(self, edit: QWidget, unit: str) -> QWidget:
        box = QWidget(self._fields)
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * SPACE)
        row.addWidget(edit)
        row.addWidget(muted(QLabel(unit, box), self._theme))
        row.addStretch(1)
        return box

    # --- what stands there --------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """What the crawl is called; empty for its hosts."""
        return clean(self._name.text()).strip()

    @property
    def usual_name(self) -> str:
        """What it is called where nothing is typed."""
        return self._name.placeholderText()

    @property
    def obey_robots(self) -> bool:
        """Whether robots.txt decides."""
        return self._robots.isChecked()

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other addresses of the same site, as typed."""
        return tuple(self._aliases.text().split())

    @property
    def source(self) -> Source | None:
        """The source to collect for; None makes one for each site."""
        return self._sources.get(self._source.currentData() or 0)

    @property
    def per_host(self) -> int | None:
        """The most requests under way at a site; None is as set.

        Raises:
            UsageError: what stands there makes no sense.
        """
        value = _number("crawl.per_host", self._per_host)
        return None if value is None else int(value)

    @property
    def delay_seconds(self) -> float | None:
        """The pause between two requests; None is as set.

        Raises:
            UsageError: what stands there makes no sense.
        """
        return _number("crawl.delay_seconds", self._delay)

    def show_sources(self, sources: Sequence[Source]) -> None:
        """Offer these sources to collect for."""
        self._sources = {source.id: source for source in sources}
        for source in sources:
            self._source.addItem(clean(source.name, 80), source.id)
            self._source.setItemData(self._source.count() - 1, tool_tip(source.base_url), Qt.ItemDataRole.ToolTipRole)

    def show_rules(self, rules: SourceRules) -> None:
        """Show the pace that a source has rules for; what it says nothing of stays."""
        if rules.per_host is not None:
            self._per_host.set_value(rules.per_host)
        if rules.delay_ms is not None:
            self._delay.set_value(rules.delay_ms / 1000)
        if rules.obey_robots is not None:
            self._robots.setChecked(rules.obey_robots)

    def show_seeds(self, seeds: Sequence[str]) -> None:
        """Show what a crawl that begins there is called where nothing is typed."""
        hosts = list(dict.fromkeys(urls.host_of(url) for url in seeds))
        self._name.setPlaceholderText(", ".join(hosts[:5]))

    def check(self) -> Fault | None:
        """Say below the fields what is wrong with them, and return it."""
        faults = []
        for edit, key in ((self._per_host, "crawl.per_host"), (self._delay, "crawl.delay_seconds")):
            value = edit.value()
            if value is not None and (refused := configuration.refusal(key, value)):
                faults.append(Fault(edit, f"{edit.accessibleName()}: {refused}"))
        for alias in self.aliases:
            try:
                alias_origin(alias)
            except UsageError as error:
                faults.append(Fault(self._aliases, error.message))
        self._about.say(faults[0].sentence if faults else "", "error")
        return faults[0] if faults else None

    def uncover(self, field: QWidget) -> None:
        """Show a field that is folded away; others are left as they are."""
        if self._fields.isAncestorOf(field):
            self._disclosure.fold(out=True)


def _number(key: str, edit: NumberEdit) -> int | float | None:
    value = edit.value()
    if value is None:
        return None
    if isinstance(value, str) or configuration.refusal(key, value):
        raise UsageError(f"{edit.accessibleName()}: {configuration.refusal(key, value)}")
    return value
