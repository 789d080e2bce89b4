"""What a crawl was asked to do: the configuration that was stored with it, in plain words."""

import functools
from typing import Any

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QWidget

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import RunConfig
from quaero_desktop.domain.jobs import Job
from quaero_desktop.domain.setupwords import SetupLine, SetupPart, in_words
from quaero_desktop.ui.format import clean, exact
from quaero_desktop.ui.recipewords import run_in_words
from quaero_desktop.ui.theme import Theme
from quaero_desktop.ui.widgets.facts import Fact, Facts
from quaero_desktop.ui.widgets.labels import muted
from quaero_desktop.ui.widgets.sections import Scrolled, Section

_MOST_LINES = 200


class SetupView(Scrolled):
    """The setup of one root.

    Signals:
        job_wanted: the id of a job to go to.
    """

    job_wanted = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Setup of the job"))
        self._theme = theme
        self._shown: tuple[int, dict[str, Any], int | None, int | None] | None = None
        self._job: Job | None = None
        self._parts: list[Section] = []
        self._copy = QPushButton(self.tr("Copy as JSON"), self)
        self._copy.setObjectName("copySetup")
        self._copy.setIcon(theme.icon("copy"))
        self._copy.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._copy.clicked.connect(lambda _=False: self.copy())
        theme.changed.connect(lambda: self._copy.setIcon(theme.icon("copy")))
        stored = self.tr("As it was stored when the crawl began, or when its rules were changed.")
        self._note = muted(QLabel(stored, self), theme)
        self._note.setTextFormat(Qt.TextFormat.PlainText)
        self._note.setWordWrap(True)
        self.sections.addWidget(self._note)
        self.sections.addWidget(self._copy)
        self.sections.addStretch(1)

    @property
    def shown(self) -> dict[str, dict[str, str]]:
        """What is shown: the values by their names, by the title of their part."""
        parts = {}
        for part in self._parts:
            facts = part.content
            assert isinstance(facts, Facts)
            parts[part.objectName()] = facts.shown
        return parts

    def show_root(self, root: Job) -> None:
        """Show the setup of a root."""
        self._job = root
        shown = (root.id, root.payload, root.source_id, root.rerun_of)
        if shown == self._shown:
            return
        same_root = self._shown is not None and self._shown[0] == root.id
        self._shown = shown
        for part in self._parts:
            self.sections.removeWidget(part)
            part.hide()
            part.deleteLater()
        self._parts = [self._section(part) for part in (*_parts_of(root.payload),)] + [self._origin(root)]
        for index, section in enumerate(self._parts):
            self.sections.insertWidget(index, section)
        if not same_root:
            self.verticalScrollBar().setValue(0)

    def copy(self) -> None:
        """Copy the setup as JSON, as the library has it but for secrets."""
        if self._job is not None:
            text = msgspec.json.format(msgspec.json.encode(self._job.payload), indent=2).decode()
            QGuiApplication.clipboard().setText(text)

    def _section(self, part: SetupPart) -> Section:
        facts = Facts(self._theme)
        lines = part.lines[:_MOST_LINES]
        if len(part.lines) > _MOST_LINES:
            lines += (SetupLine("", f"and {len(part.lines) - _MOST_LINES:,} more"),)
        facts.set_facts([Fact(name=line.name, value=line.value, address="://" in line.value) for line in lines])
        section = Section(part.title, facts, self.widget())
        section.setObjectName(part.title)
        return section

    def _origin(self, root: Job) -> Section:
        facts = Facts(self._theme)
        lines = [Fact(name=self.tr("Created"), value=exact(root.created_at))]
        if root.source_id is not None:
            lines.append(Fact(name=self.tr("Collects for"), value=self.tr("source %s") % root.source_id))
        else:
            lines.append(Fact(name=self.tr("Collects for"), value=self.tr("a source of its own for each site")))
        for name, job_id in ((self.tr("Rerun of"), root.rerun_of), (self.tr("Started by"), root.triggered_by)):
            if job_id is not None:
                lines.append(
                    Fact(
                        name=name,
                        value=self.tr("job %s") % job_id,
                        on_click=functools.partial(self.job_wanted.emit, job_id),
                    )
                )
        if root.definition_id is not None:
            lines.append(Fact(name=self.tr("Definition"), value=str(root.definition_id)))
        facts.set_facts(lines)
        section = Section(self.tr("Origin"), facts, self.widget())
        section.setObjectName("Origin")
        return section


def _parts_of(payload: dict[str, Any]) -> tuple[SetupPart, ...]:
    """Return a configuration in words; what this version does not know of is shown as it is."""
    if "steps" in payload:
        try:
            return run_in_words(msgspec.convert(payload, RunConfig))
        except msgspec.ValidationError:
            pass
    try:
        return in_words(msgspec.convert(payload, CrawlConfig))
    except msgspec.ValidationError:
        lines = tuple(SetupLine(clean(key), clean(_text(value))) for key, value in payload.items())
        return (SetupPart("Setup", lines or (SetupLine("Nothing", "was stored with this job"),)),)


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
