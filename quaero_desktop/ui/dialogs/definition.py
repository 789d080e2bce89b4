"""The dialog for a definition: its steps, where they collect, when it runs, and what happens when something fails."""

import re

import msgspec
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent
from PySide6.QtWidgets import (
    QFormLayout,
    QGridLayout,
    QLabel,
    QLineEdit,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.definitions import Action, Definition, DefinitionType, OnError, Step, StoredDefinition
from quaero_desktop.domain.errors import FieldError
from quaero_desktop.domain.runplan import check_definition, check_name_free
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.checklist import CheckList, Choice
from quaero_desktop.ui.dialogs.fields import LinesEdit, Remark
from quaero_desktop.ui.dialogs.formdialog import FormDialog
from quaero_desktop.ui.dialogs.limitsedit import LimitsEdit
from quaero_desktop.ui.dialogs.scheduleedit import ScheduleEdit
from quaero_desktop.ui.dialogs.sourcespick import SourcesPick
from quaero_desktop.ui.dialogs.stepsedit import StepsEdit
from quaero_desktop.ui.format import clean
from quaero_desktop.ui.recipewords import ACTIONS
from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.widgets.labels import Heading, muted

_SIZE = QSize(800, 620)
_STEPS, _SOURCES, _SCHEDULE, _LIMITS = range(4)
_STEP_FIELD = re.compile(r"steps\[(\d+)\](?:\.(.+))?", re.ASCII)
_PLACE_IN_LIST = re.compile(r"\[(\d+)\]\Z", re.ASCII)


def nightly() -> Definition:
    """Return what most begin with: a site is collected each night, summarised, and old jobs are cleaned up."""
    return Definition(
        name="Nightly crawl",
        type=DefinitionType.CRAWLER,
        schedule="0 3 * * *",
        steps=(
            Step(name=ACTIONS[Action.CRAWL], action=Action.CRAWL),
            Step(name=ACTIONS[Action.SUMMARISE], action=Action.SUMMARISE, on_error=OnError.CONTINUE),
            Step(
                name=ACTIONS[Action.CLEANUP],
                action=Action.CLEANUP,
                on_error=OnError.CONTINUE,
                config={"older_than": "30d"},
            ),
        ),
    )


class DefinitionDialog(FormDialog):
    """Shows and changes one definition, or makes a new one. What is refused stays as it was typed.

    Args:
        context: of the window.
        parent: the window.
        definition: what is shown at first.
        definition_id: which one is changed; None makes a new one.

    Signals:
        saved: the id of the definition, and whether it is to run now.
    """

    saved = Signal(int, bool)

    def __init__(
        self,
        context: Context,
        parent: QWidget | None = None,
        *,
        definition: Definition | None = None,
        definition_id: int | None = None,
    ) -> None:
        super().__init__(context, parent, name="definition")
        self.setWindowTitle(self.tr("New definition") if definition_id is None else self.tr("Definition"))
        self._given = definition or Definition(name="")
        self._is_blank = definition is None
        self._id = definition_id
        self._others: dict[int, str] = {}
        self._is_ready = False
        self._was_tried = False
        self._may_leave = False
        self._refused: FieldError | None = None
        self._asked: Definition | None = None
        self._make_fields()
        self._run = self._make_buttons(self.tr("Save"), "save").add(
            self.tr("Save and &run"), "saveAndRun", self.tr("Save it and run it now, whatever its schedule says")
        )
        self._run.clicked.connect(lambda _=False: self.save(run=True))
        self._lay_out()
        self._show(self._given)
        self._clean = self.definition()
        self._connect()
        self._check()

    # --- what others may ask ------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Show the dialog, and what there is to choose from as soon as it is read."""
        super().open()
        (self.steps.list if self._id is not None else self.name).setFocus()
        if self._id is None:
            self.name.selectAll()
        self._context.tasks.spawn(self._load(), name="sources and definitions to choose from")

    def definition(self) -> Definition:
        """Return what is asked for as it stands, sound or not."""
        steps = self.steps.steps
        kind = self._given.type
        if self._is_blank:
            actions = {step.action for step in steps}
            kind = DefinitionType.CUSTOM
            if Action.CRAWL in actions:
                kind = DefinitionType.CRAWLER
            elif actions & {Action.SUMMARISE, Action.CORPUS_SUMMARY}:
                kind = DefinitionType.SUMMARISER
        ready = self._is_ready
        return msgspec.structs.replace(
            self._given,
            name=clean(self.name.text()).strip(),
            type=kind,
            description="\n".join(clean(line) for line in self.description.toPlainText().splitlines()).strip(),
            schedule=self.schedule.schedule,
            timeout=self.limits.timeout,
            auto_start=self.limits.auto_start,
            error_tolerance=self.limits.tolerance,
            sources=self.sources.chosen if ready else self._given.sources,
            pre_jobs=self.before.chosen if ready else self._given.pre_jobs,
            post_jobs=self.after.chosen if ready else self._given.post_jobs,
            steps=steps,
        )

    @property
    def is_changed(self) -> bool:
        """Whether closing it would lose something."""
        return self.definition() != self._clean

    @property
    def is_ready(self) -> bool:
        """Whether what there is to choose from is here."""
        return self._is_ready

    # --- fields -------------------------------------------------------------------------------------------------------

    def _make_fields(self) -> None:
        theme = self._theme
        self.name = QLineEdit(self)
        self.name.setObjectName("definitionName")
        self.name.setPlaceholderText(self.tr("What it is called, like Nightly docs"))
        self.name.setAccessibleName(self.tr("Name"))
        self.about_name = Remark(theme, self)
        self.description = LinesEdit(self.tr("Description"), 2, parent=self)
        self.description.setObjectName("definitionDescription")
        self.description.setPlaceholderText(self.tr("What it is for; may stay empty"))
        self.tabs = QTabWidget(self)
        self.tabs.setObjectName("definitionTabs")
        self.tabs.setAccessibleName(self.tr("Parts of the definition"))
        self.tabs.setDocumentMode(True)
        self.steps = StepsEdit(theme, self)
        self.schedule = ScheduleEdit(theme, self._context.services.definitions, self)
        self.limits = LimitsEdit(theme, self)
        self.sources = SourcesPick(self._context, self)
        self.before = CheckList(theme, self.tr("Definitions that run before it"), 4, self)
        self.before.setObjectName("preJobs")
        self.after = CheckList(theme, self.tr("Definitions that run after it"), 4, self)
        self.after.setObjectName("postJobs")
        self.about_others = Remark(theme, self)
        for page, title in (
            (self._page(self.steps, stretch=True), self.tr("&1 Steps")),
            (self._page(self.sources), self.tr("&2 Sources")),
            (self._schedule_page(), self.tr("&3 Schedule")),
            (self._limits_page(), self.tr("&4 Limits and order")),
        ):
            self.tabs.addTab(page, title)

    def _page(self, *widgets: QWidget, stretch: bool = False) -> QWidget:
        page = QWidget(self)
        column = QVBoxLayout(page)
        column.setContentsMargins(4 * SPACE, 3 * SPACE, 4 * SPACE, 2 * SPACE)
        column.setSpacing(2 * SPACE)
        for widget in widgets:
            column.addWidget(widget)
        if not stretch:
            column.addStretch(1)
        return page

    def _schedule_page(self) -> QWidget:
        hint = QLabel(
            self.tr(
                "What was missed while Quaero was closed or the computer slept runs once. Never two at the same time."
            ),
            self,
        )
        hint.setWordWrap(True)
        return self._page(self.schedule, self.limits.auto_start_box, muted(hint, self._theme))

    def _limits_page(self) -> QWidget:
        grid = QGridLayout()
        grid.setHorizontalSpacing(4 * SPACE)
        grid.setVerticalSpacing(SPACE)
        for column, (title, widget) in enumerate(
            ((self.tr("Run &before it"), self.before), (self.tr("Run a&fter it completed"), self.after))
        ):
            heading = Heading(title, self)
            heading.setBuddy(widget)
            grid.addWidget(heading, 0, column)
            grid.addWidget(widget, 1, column)
        box = QWidget(self)
        box.setLayout(grid)
        grid.setContentsMargins(0, 0, 0, 0)
        self._order_box = box
        self._order_hint = muted(
            QLabel(self.tr("Several run in the order in which they were ticked."), self), self._theme
        )
        return self._page(self.limits, box, self._order_hint, self.about_others)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setContentsMargins(4 * SPACE, 4 * SPACE, 4 * SPACE, 0)
        form.setHorizontalSpacing(3 * SPACE)
        form.setVerticalSpacing(SPACE)
        for text, field in ((self.tr("&Name"), self.name), (self.tr("&Description"), self.description)):
            label = QLabel(text, self)
            label.setBuddy(field)
            form.addRow(label, field)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * SPACE)
        layout.addLayout(form)
        layout.addWidget(self.tabs, 1)
        layout.addLayout(self._foot())
        self.resize(_SIZE.boundedTo(self._most()))

    def _connect(self) -> None:
        self.name.textChanged.connect(lambda _: self._check())
        self.description.textChanged.connect(self._check)
        for part in (self.steps.changed, self.schedule.changed, self.limits.changed):
            part.connect(self._check)
        self.sources.changed.connect(self._check)
        for choice in (self.before, self.after):
            choice.chosen_changed.connect(self._check)

    def _show(self, definition: Definition) -> None:
        self.name.setText(definition.name)
        self.description.setPlainText(definition.description)
        self.steps.set_steps(definition.steps)
        self.schedule.set_schedule(definition.schedule)
        self.limits.show_definition(definition)

    async def _load(self) -> None:
        services = self._context.services
        sources = await services.sources.list()
        others = await services.definitions.list()
        if not isValid(self):
            return
        unchanged = not self.is_changed
        self._others = {other.id: other.definition.name for other in others if other.id != self._id}
        self.sources.show_sources(sources, self._given.sources)
        others_named = [_other_choice(other) for other in others if other.id != self._id]
        self.before.set_choices(others_named, self._given.pre_jobs)
        self.after.set_choices(others_named, self._given.post_jobs)
        if not (self.before.count() or self.after.count()):
            self._order_box.hide()
            self._order_hint.setText(
                self.tr("There is no other definition yet that could run before or after this one.")
            )
        self._is_ready = True
        if unchanged:
            self._clean = self.definition()
        self._check()

    # --- checking -----------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        self._may_leave = False
        self._show_fault(self._fault())

    def _fault(self) -> FieldError | None:
        """Return what is wrong first."""
        asked = self.definition()
        if self._refused is not None and asked == self._asked:
            return self._refused
        if not self._is_ready:
            asked = msgspec.structs.replace(asked, sources=(), pre_jobs=(), post_jobs=())
            if self._given.sources:
                return None
        try:
            check_definition(asked, self.sources.known, CrawlConfig(seeds=()))
            check_name_free(asked.name, self._others)
        except FieldError as error:
            return error
        return None

    def _show_fault(self, fault: FieldError | None) -> None:
        # Who has typed nothing yet has made no mistake.
        quiet = fault is not None and not self._was_tried and self._is_missing(fault)
        shown = None if quiet else fault
        self.about_name.say("")
        for remark in (self.sources.about, self.about_others):
            remark.say("")
        self.limits.show_problem("", "")
        row, field = _step_of(shown.field) if shown is not None else (None, "")
        sentence = self._sentence(shown) if shown is not None else ""
        self.steps.show_problem(row, field, sentence)
        tab = None if shown is None else self._tab_of(shown.field)
        if shown is not None:
            match tab:
                case 1:
                    self.sources.about.say(sentence, "error")
                case 3 if shown.field.startswith(("pre_jobs", "post_jobs")):
                    self.about_others.say(sentence, "error")
                case 3:
                    self.limits.show_problem(shown.field, sentence)
        icon = self._theme.icon_in("warning-circle", self._theme.status_colour("failed"))
        for number in range(self.tabs.count()):
            self.tabs.setTabIcon(number, icon if number == tab else QIcon())
        where = self.tr("Step %d: ") % (row + 1) if row is not None else ""
        if quiet and fault is not None:
            self._complaint.say(self._hint_for(fault))
        else:
            self._complaint.say(f"{where}{sentence}" if shown is not None else "", "error")
        self._buttons.main.setEnabled(not self._is_busy)
        self._run.setEnabled(not self._is_busy)

    def _is_missing(self, fault: FieldError) -> bool:
        """Whether something is only not there yet."""
        return (
            (fault.field == "name" and not self.name.text().strip())
            or fault.field == "steps"
            or fault.field.endswith(".start_urls")
        )

    def _hint_for(self, fault: FieldError) -> str:
        if fault.field == "name":
            return self.tr("Give it a name.")
        if fault.field == "steps":
            return self.tr("Add a step, like a crawl.")
        return self.tr("Say where the crawl begins: a web address, or a source.")

    def _sentence(self, fault: FieldError) -> str:
        """Return what is wrong in a sentence that calls the field what the dialog calls it."""
        row, part = _step_of(fault.field)
        place = _PLACE_IN_LIST.search(fault.field)
        if row is not None and part:
            name = self.steps.name_of(row, part)
            if place:
                name = self.tr("%s, line %s") % (name, place[1])
        else:
            name = {
                "name": self.tr("The name"),
                "schedule": self.tr("The schedule"),
                "timeout": self.tr("The time limit"),
            }.get(fault.field, "")
            if fault.field.startswith("error_tolerance"):
                name = self.tr("How many may fail")
            if fault.field.startswith("sources") and row is None and place and "“" not in fault.message:
                name = self.tr("Source %s") % place[1]
        message = fault.message
        if name and message.startswith(fault.field):
            message = name + message.removeprefix(fault.field)
        return clean(" ".join(each for each in (message, fault.hint) if each), 600)

    def _tab_of(self, field: str) -> int | None:
        if field.startswith("steps"):
            return _STEPS
        if field.startswith("sources"):
            return _SOURCES
        if field in ("schedule", "auto_start"):
            return _SCHEDULE
        return _LIMITS if field.startswith(("timeout", "error_tolerance", "pre_jobs", "post_jobs")) else None

    def _go_to(self, field: str) -> None:
        tab = self._tab_of(field)
        if tab is None:
            self.name.setFocus()
            return
        self.tabs.setCurrentIndex(tab)
        row, part = _step_of(field)
        if row is not None:
            self.steps.go_to(row, part)
        elif tab == _STEPS:
            self.steps.add_button.setFocus()
        elif tab == _SOURCES:
            self.sources.setFocus()
        elif tab == _SCHEDULE:
            self.schedule.cron.setFocus()
        elif field.startswith("pre_jobs"):
            self.before.setFocus()
        elif field.startswith("post_jobs"):
            self.after.setFocus()
        else:
            self.limits.go_to(field)

    # --- saving and leaving -------------------------------------------------------------------------------------------

    def submit(self) -> None:
        """Save it."""
        self.save()

    def save(self, *, run: bool = False) -> None:
        """Save it, and run it when *run* is set; what is refused says why, and stays."""
        if self._is_busy:
            return
        self._was_tried = True
        fault = self._fault()
        self._show_fault(fault)
        if fault is not None:
            self._go_to(fault.field)
            return
        self._is_busy = True
        self._show_fault(None)
        self._asked, self._refused = self.definition(), None
        self._context.tasks.spawn(self._store(self._asked, run), name="save a definition", on_error=self._failed)

    async def _store(self, asked: Definition, run: bool) -> None:
        try:
            definition_id = await self._context.services.definitions.save(asked, self._id)
        finally:
            self._is_busy = False
        if isValid(self):
            self._clean = asked
            self.saved.emit(definition_id, run)
            self.accept()

    def _refuse(self, error: FieldError) -> bool:
        self._refused = error
        self._show_fault(error)
        self._go_to(error.field)
        return True

    def _show_state(self) -> None:
        self._show_fault(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Leave with Escape; what would be lost is said first."""
        if event.key() == Qt.Key.Key_Escape and self.is_changed and not self._may_leave:
            self._may_leave = True
            self._complaint.say(self.tr("Nothing is saved yet. Press Escape once more to leave it so."))
            return
        super().keyPressEvent(event)


def _step_of(field: str) -> tuple[int | None, str]:
    """Return the row of the step that a field is of, from 0, and the field inside it."""
    match = _STEP_FIELD.fullmatch(field)
    return (int(match[1]) - 1, match[2] or "") if match else (None, "")


def _other_choice(other: StoredDefinition) -> Choice:
    return Choice(other.id, other.definition.name, other.definition.description)
