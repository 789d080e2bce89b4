"""All about one source: its address, its rules, and how its site is signed in to."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from quaero_desktop.domain.credentials import Credential
from quaero_desktop.domain.sources import Source
from quaero_desktop.ui.format import clean, count, exact, relative
from quaero_desktop.ui.recipewords import KINDS, SCOPES
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.facts import Fact, Facts
from quaero_desktop.ui.widgets.labels import ElidedLabel, muted
from quaero_desktop.ui.widgets.sections import Scrolled, Section


class SourceDetail(Scrolled):
    """Shows one source.

    Signals:
        sign_in_wanted: what its site asks for is to be set or changed.
    """

    sign_in_wanted = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sourceDetail")
        self.setAccessibleName(self.tr("About the source"))
        self.title = ElidedLabel("", Qt.TextElideMode.ElideRight, self)
        self.title.setFont(theme.font_large())
        self.about = muted(QLabel(self), theme)
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        self.about.setWordWrap(True)
        self.facts = Facts(theme, self)
        self.rules = Facts(theme, self)
        self.credential = Facts(theme, self)
        self.change = QPushButton(self)
        self.change.setObjectName("changeSignIn")
        self.change.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.change.clicked.connect(lambda _=False: self.sign_in_wanted.emit())
        signing = QWidget(self)
        column = QVBoxLayout(signing)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * SPACE)
        column.addWidget(self.credential)
        column.addWidget(self.change)
        head = QWidget(self)
        column = QVBoxLayout(head)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(self.title)
        column.addWidget(self.about)
        self._rules = Section(self.tr("Rules"), self.rules, self)
        self._signing = Section(self.tr("Sign-in"), signing, self)
        for widget in (head, self.facts, self._signing, self._rules):
            self.sections.addWidget(widget)
        self.sections.addStretch(1)
        self.show_none(0)

    def show_none(self, selected: int) -> None:
        """Show that none, or several, are selected."""
        self.title.setText(self.tr("%s sources selected") % selected if selected else "")
        self.about.setText("" if selected else self.tr("Select a source to see its rules."))
        self.about.setVisible(not selected)
        for part in (self.facts, self._rules, self._signing):
            part.hide()

    def show_source(self, source: Source, now: int) -> None:
        """Show a source.

        Args:
            source: it.
            now: milliseconds UTC.
        """
        self.title.setText(source.name)
        about = [self.tr("Made by itself for a crawl of this site.")] if source.automatic else []
        if not source.enabled:
            about.append(self.tr("Switched off: nothing crawls it, and definitions leave it out."))
        self.about.setText(" ".join(about))
        self.about.setVisible(bool(about))
        self.facts.set_facts(
            [
                Fact(name=self.tr("Address"), value=clean(source.base_url), address=True),
                Fact(name=self.tr("Documents"), value=count(source.documents)),
                Fact(name=self.tr("Changed"), value=relative(source.updated_at, now), tip=exact(source.updated_at)),
            ]
        )
        self.rules.set_facts(self._rules_of(source))
        self.credential.set_facts(self._credential_of(source.credential, now))
        self.change.setText(self.tr("Change the sign-in…") if source.credential else self.tr("Set up a sign-in…"))
        for part in (self.facts, self._rules, self._signing):
            part.show()

    def _rules_of(self, source: Source) -> list[Fact]:
        rules = source.rules
        as_set = self.tr("as in the settings")
        facts = [
            Fact(name=self.tr("How far"), value=SCOPES[rules.scope] if rules.scope else as_set),
            Fact(name=self.tr("Links deep"), value=as_set if rules.depth is None else count(rules.depth)),
            Fact(name=self.tr("Most pages"), value=count(rules.max_pages) if rules.max_pages else self.tr("no limit")),
        ]
        for name, patterns in ((self.tr("Only with"), rules.include), (self.tr("Leave out"), rules.exclude)):
            for number, pattern in enumerate(patterns):
                facts.append(Fact(name="" if number else name, value=clean(pattern)))
        if rules.per_host is not None:
            facts.append(Fact(name=self.tr("Requests at once"), value=count(rules.per_host)))
        if rules.delay_ms is not None:
            facts.append(Fact(name=self.tr("Pause between"), value=f"{rules.delay_ms / 1000:g} s"))
        if rules.obey_robots is not None:
            value = self.tr("is followed") if rules.obey_robots else self.tr("is not followed")
            facts.append(Fact(name=self.tr("robots.txt"), value=value))
        return facts

    def _credential_of(self, credential: Credential | None, now: int) -> list[Fact]:
        if credential is None:
            return [Fact(name=self.tr("Sign-in"), value=self.tr("none: the site is read as anybody sees it"))]
        kind = KINDS.get(credential.kind, str(credential.kind))
        place = self.tr("in the keyring of this computer")
        if not credential.kept:
            place = self.tr("in memory: it is asked for at each start")
        return [
            Fact(name=self.tr("Kind"), value=kind[:1].upper() + kind[1:]),
            Fact(name=self.tr("Ends in"), value=f"…{clean(credential.tail, 8)}"),
            Fact(name=self.tr("Sent to"), value=self.tr("%s, and nowhere else") % clean(credential.origin)),
            Fact(name=self.tr("Kept"), value=place, tip=place),
            Fact(name=self.tr("Changed"), value=relative(credential.updated_at, now), tip=exact(credential.updated_at)),
        ]
