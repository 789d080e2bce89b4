"""All about one definition: when it runs, what it does step by step, and what it depends on."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from quaero_desktop.domain.definitions import OnError, StoredDefinition
from quaero_desktop.domain.jobs import Job
from quaero_desktop.ui.format import clean, clean_lines, exact, relative, status_words
from quaero_desktop.ui.models.definitions import DefinitionRow
from quaero_desktop.ui.recipewords import ON_ERROR, action_words, in_a_while, next_run, step_details, tolerance_words
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.callout import Callout
from quaero_desktop.ui.widgets.facts import Fact, Facts
from quaero_desktop.ui.widgets.labels import ElidedLabel, muted
from quaero_desktop.ui.widgets.sections import Scrolled, Section


class DefinitionDetail(Scrolled):
    """Shows one definition.

    Signals:
        job_wanted: the id of a run that is to be shown.
    """

    job_wanted = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("definitionDetail")
        self.setAccessibleName(self.tr("About the definition"))
        self._theme = theme
        self.title = ElidedLabel("", Qt.TextElideMode.ElideRight, self)
        self.title.setFont(theme.font_large())
        self.description = muted(QLabel(self), theme)
        self.description.setTextFormat(Qt.TextFormat.PlainText)
        self.description.setWordWrap(True)
        self.trouble = Callout(theme, self)
        self.schedule = Facts(theme, self)
        self.steps = StepLines(theme, self)
        self.more = Facts(theme, self)
        self._schedule = Section(self.tr("When"), self.schedule, self)
        self._steps = Section(self.tr("Steps"), self.steps, self)
        self._more = Section(self.tr("More"), self.more, self)
        head = QWidget(self)
        column = QVBoxLayout(head)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(self.title)
        column.addWidget(self.description)
        for widget in (head, self.trouble, self._schedule, self._steps, self._more):
            self.sections.addWidget(widget)
        self.sections.addStretch(1)
        self.show_none(0)

    def show_none(self, selected: int) -> None:
        """Show that none, or several, are selected."""
        self.title.setText(self.tr("%s definitions selected") % selected if selected else "")
        self.description.setText("" if selected else self.tr("Select a definition to see what it does."))
        self.description.setVisible(not selected)
        for part in (self.trouble, self._schedule, self._steps, self._more):
            part.hide()

    def show_row(
        self, row: DefinitionRow, last: Job | None, sources: Mapping[int, str], names: Mapping[int, str], now: int
    ) -> None:
        """Show a definition.

        Args:
            row: it, with its schedule in words.
            last: its last run.
            sources: what sources are called, by id.
            names: what definitions are called, by id.
            now: milliseconds UTC.
        """
        stored, definition = row.stored, row.stored.definition
        self.title.setText(definition.name or self.tr("Without a name"))
        self.description.setText(clean_lines(definition.description))
        self.description.setVisible(bool(definition.description))
        self.trouble.setVisible(bool(stored.problem))
        self.trouble.say(clean(stored.problem), self.tr("Edit it, or delete it."))
        self._schedule.show()
        self.schedule.set_facts(self._when(row, last, now))
        self._steps.setVisible(bool(definition.steps))
        lines = []
        for number, step in enumerate(definition.steps, 1):
            name = "" if step.name.casefold() == action_words(step.action).casefold() else f": {clean(step.name)}"
            error = "" if step.on_error == OnError.FAIL else ON_ERROR.get(step.on_error, clean(step.on_error))
            details = " · ".join(
                part
                for part in (step_details(step), error and self.tr("if it fails: ") + error[:1].lower() + error[1:])
                if part
            )
            lines.append((f"{number}  {action_words(step.action)}{name}", details))
        self.steps.set_lines(lines)
        more = self._facts_of(stored, sources, names)
        self._more.setVisible(bool(more))
        self.more.set_facts(more)

    def _when(self, row: DefinitionRow, last: Job | None, now: int) -> list[Fact]:
        stored, definition = row.stored, row.stored.definition
        schedule = row.schedule[:1].upper() + row.schedule[1:]
        facts = [Fact(name=self.tr("Schedule"), value=schedule, tip=definition.schedule)]
        running = definition.enabled and definition.schedule and not stored.schedule_paused
        if running and row.upcoming:
            for number, moment in enumerate(row.upcoming):
                value = f"{exact(moment)[:16]}  ·  {in_a_while(moment, now)}"
                facts.append(Fact(name=self.tr("Next runs") if not number else "", value=value, tip=exact(moment)))
        else:
            facts.append(Fact(name=self.tr("Next run"), value=next_run(stored, None, now)))
        if definition.auto_start:
            facts.append(Fact(name=self.tr("Also"), value=self.tr("each time Quaero starts")))
        if last is not None:
            value = f"{status_words(last.status, last.warnings)} · {relative(last.started_at or last.created_at, now)}"
            job_id = last.id
            facts.append(
                Fact(
                    name=self.tr("Last run"),
                    value=value,
                    tip=exact(last.started_at or last.created_at),
                    on_click=lambda: self.job_wanted.emit(job_id),
                )
            )
        else:
            began = stored.last_run
            value = self.tr("never") if began is None else relative(began, now)
            facts.append(Fact(name=self.tr("Last run"), value=value, tip="" if began is None else exact(began)))
        return facts

    def _facts_of(self, stored: StoredDefinition, sources: Mapping[int, str], names: Mapping[int, str]) -> list[Fact]:
        definition = stored.definition
        facts: list[Fact] = []
        for name, ids, known in (
            (self.tr("Sources"), definition.sources, sources),
            (self.tr("Runs before it"), definition.pre_jobs, names),
            (self.tr("Runs after it"), definition.post_jobs, names),
        ):
            if ids:
                value = ", ".join(clean(known.get(each, f"#{each}")) for each in ids)
                facts.append(Fact(name=name, value=value, tip=value))
        if definition.timeout:
            facts.append(Fact(name=self.tr("Takes at most"), value=clean(definition.timeout)))
        if definition.error_tolerance is not None:
            words = tolerance_words(definition)
            facts.append(Fact(name=self.tr("Errors"), value=words[:1].upper() + words[1:], tip=words))
        facts.append(Fact(name=self.tr("Changed"), value=exact(stored.updated_at)[:16], tip=exact(stored.updated_at)))
        return facts


class StepLines(QWidget):
    """The steps, one below the other, each with what is special about it."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._lines: tuple[tuple[str, str], ...] = ()
        self._labels: list[QLabel] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(SPACE // 2)

    @property
    def shown(self) -> tuple[tuple[str, str], ...]:
        """What is shown: each step, and what is special about it."""
        return self._lines

    def set_lines(self, lines: Sequence[tuple[str, str]]) -> None:
        """Show these."""
        if tuple(lines) == self._lines:
            return
        self._lines = tuple(lines)
        for old in self._labels:
            self._layout.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._labels = []
        for text, details in self._lines:
            label: QLabel = ElidedLabel(text, Qt.TextElideMode.ElideRight, self)
            label.setFont(self._theme.tabular(label.font()))
            self._add(label)
            if details:
                label = muted(ElidedLabel(details, Qt.TextElideMode.ElideRight, self), self._theme)
                label.setContentsMargins(4 * SPACE, 0, 0, SPACE)
                self._add(label)

    def _add(self, label: QLabel) -> None:
        self._layout.addWidget(label)
        self._labels.append(label)
