"""The dialog for a source: its address, and the rules by which it is crawled."""

from collections.abc import Sequence
from typing import Any

import msgspec
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFormLayout, QLabel, QLineEdit, QWidget
from shiboken6 import isValid

from quaero_desktop.domain.errors import FieldError
from quaero_desktop.domain.sources import NewSource, Source, SourceRules, namesakes
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.fields import Remark
from quaero_desktop.ui.dialogs.formdialog import ScrolledDialog
from quaero_desktop.ui.dialogs.stepforms import LABELS, Choose, Lines, Number, Option, OptionsForm
from quaero_desktop.ui.format import clean
from quaero_desktop.ui.recipewords import credential_words, site_of
from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.widgets.labels import Heading, muted

_RULES = (
    Option("scope", "&How far", lambda: Choose({
        None: "As the settings say", "host": "This site", "prefix": "Below its folder", "domain": "The whole domain",
    })),
    Option("depth", "&Links deep", lambda: Number("as set", "links from the start")),
    Option("max_pages", "Stop a&fter", lambda: Number("no limit", "pages", least=1, step=100)),
    Option("include", "&Only with", lambda: Lines("any address", 2)),
    Option(
        "exclude", "L&eave out", lambda: Lines("*.pdf", 2),
        hint="One rule a line. Words match anywhere in an address, * is any text, ? any one character.",
    ),
    Option("per_host", "Requests a&t once", lambda: Number("as set", "at this site", least=1), usual=False),
    Option(
        "delay", "&Pause between", lambda: Number("as set", "seconds; 0 for none", whole=False, step=0.25), usual=False
    ),
    Option("obey_robots", "&robots.txt", lambda: Choose({
        None: "As the settings say", True: "Follow the wishes of the site", False: "Do not follow them",
    }), usual=False),
)  # fmt: skip
_MS = 1000


class SourceDialog(ScrolledDialog):
    """Shows and changes one source, or makes a new one.

    Args:
        context: of the window.
        parent: the window.
        source: which one is changed; None makes a new one.
        can_sign_in: whether one can go on to its sign-in.

    Signals:
        saved: the id of the source.
        sign_in_wanted: the id of the source whose sign-in is to be set up now.
    """

    WIDTH = 620

    saved = Signal(int)
    sign_in_wanted = Signal(int)

    def __init__(
        self,
        context: Context,
        parent: QWidget | None = None,
        *,
        source: Source | None = None,
        can_sign_in: bool = True,
    ) -> None:
        super().__init__(context, parent, name="source")
        self.setWindowTitle(self.tr("New source") if source is None else self.tr("Source"))
        self._source = source
        self._others: Sequence[Source] = ()
        self._called = ""
        """What it is going to be called; empty while something is wrong with it."""
        self._was_tried = False
        self._refused: FieldError | None = None
        self._asked: NewSource | None = None
        self._make_fields()
        self._sign_in = self._make_buttons(self.tr("Save"), "save").add(
            self.tr("Save and s&ign in…"), "saveAndSignIn", self.tr("Save it, and set up what its site asks for")
        )
        self._sign_in.clicked.connect(lambda _=False: self.save(sign_in=True))
        self._sign_in.setVisible(can_sign_in)
        self._lay_out()
        if source is not None:
            self._show(source)
        self._connect()
        self._check()

    # --- what others may ask ------------------------------------------------------------------------------------------

    def asked(self) -> NewSource:
        """Return what is asked for as it stands.

        Raises:
            FieldError: a field holds what is no number.
        """
        values = self.rules.options
        for key in ("depth", "max_pages", "per_host", "delay"):
            if isinstance(values.get(key), str):
                raise FieldError(f"rules.{key}", f"rules.{key} is “{clean(values[key], 30)}”, which is no number.")
        rules: dict[str, Any] = {key: value for key, value in values.items() if key != "delay"}
        if values.get("delay") is not None:
            rules["delay_ms"] = round(values["delay"] * _MS)
        for key in ("include", "exclude"):
            rules[key] = tuple(rules.get(key, ()))
        before = self._source
        return NewSource(
            base_url=self.address.text().strip(),
            name=clean(self.name.text()).strip(),
            enabled=True if before is None else before.enabled,
            rules=SourceRules(**rules),
            credential_id=before.credential.id if before is not None and before.credential is not None else None,
        )

    def open(self) -> None:
        """Show the dialog."""
        super().open()
        (self.address if self._source is None else self.name).setFocus()
        self._context.tasks.spawn(self._learn_names(), name="names of sources")

    # --- fields -------------------------------------------------------------------------------------------------------

    def _make_fields(self) -> None:
        self.address = QLineEdit(self)
        self.address.setObjectName("sourceAddress")
        self.address.setPlaceholderText(self.tr("The web address where it begins"))
        self.address.setAccessibleName(self.tr("Web address"))
        self.about_address = Remark(self._theme, self, keep_room=True)
        self.name = QLineEdit(self)
        self.name.setObjectName("sourceName")
        self.name.setPlaceholderText(self.tr("The name of its host"))
        self.name.setAccessibleName(self.tr("Name"))
        self.about_name = Remark(self._theme, self, keep_room=True)
        self.about_name.setObjectName("aboutName")
        self.rules = OptionsForm(self._theme, _RULES, self)
        self.credential = QLabel(self)
        self.credential.setTextFormat(Qt.TextFormat.PlainText)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setHorizontalSpacing(3 * SPACE)
        form.setVerticalSpacing(SPACE)
        rows = (
            (self.tr("&Address"), self.address, self.about_address),
            (self.tr("&Name"), self.name, self.about_name),
            (self.tr("Sign-in"), self.credential, None),
        )
        for text, field, remark in rows:
            label = QLabel(text, self)
            label.setMinimumWidth(LABELS)
            label.setBuddy(field)
            form.addRow(label, field)
            if remark is not None:
                form.addRow("", remark)
        hint = QLabel(self.tr("What is left empty is as the settings say when a crawl begins."), self)
        hint.setWordWrap(True)
        column = self._lay_out_column()
        column.setSpacing(2 * SPACE)
        column.addLayout(form)
        column.addSpacing(SPACE)
        column.addWidget(Heading(self.tr("Rules"), self))
        column.addWidget(muted(hint, self._theme))
        column.addWidget(self.rules)
        column.addStretch(1)

    def _show(self, source: Source) -> None:
        self.address.setText(source.base_url)
        self.name.setText(source.name)
        if source.automatic:
            self.address.setReadOnly(True)
            self.address.setToolTip(self.tr("Crawls of this site made the source, and find it by this address"))
        values = msgspec.structs.asdict(source.rules)
        delay = values.pop("delay_ms")
        values = {key: value for key, value in values.items() if value is not None and value != ()}
        self.rules.set_options(values | ({} if delay is None else {"delay": delay / _MS}))

    def _connect(self) -> None:
        for line in (self.address, self.name):
            line.textChanged.connect(lambda _: self._check())
        self.rules.changed.connect(self._check)
        if self.rules.disclosure is not None:
            self.rules.disclosure.folded.connect(lambda _: QTimer.singleShot(0, self, self._fit))
        said = self._source.credential if self._source is not None else None
        self.credential.setText(credential_words(said) if said is not None else self.tr("none"))
        if said is not None:
            self._sign_in.setText(self.tr("Save and change the s&ign-in…"))

    async def _learn_names(self) -> None:
        sources = await self._context.services.sources.list()
        if isValid(self):
            self._others = sources
            self._check()

    # --- checking and saving ------------------------------------------------------------------------------------------

    def _fault(self) -> FieldError | None:
        self._called = ""
        try:
            asked = self.asked()
            if self._refused is not None and asked == self._asked:
                return self._refused
            checked = asked.checked()
        except FieldError as error:
            return error
        self._called = checked.name
        self.about_address.say(self.tr("Begins at %s") % checked.base_url, "good")
        return None

    def _check(self) -> None:
        fault = self._fault()
        quiet = fault is not None and not self._was_tried and not self.address.text().strip()
        sentence = self._sentence(fault) if fault is not None and not quiet else ""
        key = "" if fault is None else fault.field.removeprefix("rules.").replace("delay_ms", "delay")
        in_rules = fault is not None and fault.field.startswith("rules.")
        self.rules.show_problem(key if in_rules else "", sentence)
        if quiet:
            self.about_address.say(self.tr("Type the address of a site."))
        elif fault is not None and fault.field == "base_url":
            # Without its hint: a second line would push the form away below the one who types.
            self.about_address.say(clean(fault.message.removeprefix("base_url: "), 200), "error")
        shown = "" if quiet or fault is None or fault.field == "base_url" else sentence
        self._complaint.say(shown, "error")
        self.about_name.say(self._namesake())
        if not self.name.text().strip():
            host = self.address.text().strip().partition("://")[2].partition("/")[0]
            self.name.setPlaceholderText(clean(host, 80) or self.tr("The name of its host"))
        for button in (self._buttons.main, self._sign_in):
            button.setEnabled(not self._is_busy)
        # What is said may need another line.
        QTimer.singleShot(0, self, self._grow)

    def _namesake(self) -> str:
        """Say that other sources have the name, which is allowed: they may be told apart by their addresses."""
        others = namesakes(self._others, self._called, None if self._source is None else self._source.id)
        if not others:
            return ""
        name, other = clean(self._called, 60), site_of(others[0])
        return self.tr("Another source is called “%s”, too: %s") % (name, other)

    def _sentence(self, fault: FieldError) -> str:
        key = fault.field.removeprefix("rules.").replace("delay_ms", "delay")
        name = {"base_url": self.tr("The address"), "name": self.tr("The name")}.get(fault.field)
        name = name or self.rules.name_of(key)
        message = fault.message
        if message.startswith(fault.field):
            message = message.removeprefix(fault.field).lstrip()
            message = message.removeprefix(": ") if message.startswith(": ") else f"{name} {message}"
        return clean(" ".join(each for each in (message, fault.hint) if each), 600)

    def submit(self) -> None:
        """Save it."""
        self.save()

    def save(self, *, sign_in: bool = False) -> None:
        """Save it, and go on to its sign-in when *sign_in* is set; what is refused says why, and stays."""
        if self._is_busy:
            return
        self._was_tried = True
        fault = self._fault()
        if fault is not None:
            self._check()
            self._go_to(fault.field)
            return
        self._is_busy = True
        self._check()
        self._asked, self._refused = self.asked(), None
        self._context.tasks.spawn(self._store(self._asked, sign_in), name="save a source", on_error=self._failed)

    async def _store(self, asked: NewSource, sign_in: bool) -> None:
        sources = self._context.services.sources
        try:
            if self._source is None:
                source_id = await sources.add(asked)
            else:
                source_id = self._source.id
                await sources.update(source_id, asked)
        finally:
            self._is_busy = False
        if isValid(self):
            self.saved.emit(source_id)
            self.accept()
            if sign_in:
                self.sign_in_wanted.emit(source_id)

    def _refuse(self, error: FieldError) -> bool:
        self._refused = error
        self._check()
        self._go_to(error.field)
        return True

    def _show_state(self) -> None:
        self._check()

    def _go_to(self, field: str) -> None:
        if field.startswith("rules."):
            self.rules.go_to(field.removeprefix("rules.").replace("delay_ms", "delay"))
        else:
            (self.name if field == "name" else self.address).setFocus()
