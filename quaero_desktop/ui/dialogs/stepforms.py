"""The form of a step: its options, the usual ones first and the others folded away."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from quaero_desktop.domain.cleanup import CLEANABLE
from quaero_desktop.domain.definitions import Action
from quaero_desktop.ui.addresses import urls_in_mime
from quaero_desktop.ui.dialogs.fields import Disclosure, LinesEdit, NumberEdit, Remark
from quaero_desktop.ui.format import clean
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import muted

LABELS = 26 * SPACE
"""The width of the labels, so that the fields of several forms stand below each other."""
_AGE = re.compile(r"(\d{1,9})\s*([mhdw])", re.IGNORECASE | re.ASCII)


class Editor(Protocol):
    """A field for one option; its value is None where it is left to what counts otherwise."""

    def widget(self) -> QWidget:
        """Return what the layout gets."""
        ...

    def focus_part(self) -> QWidget:
        """Return what takes the keyboard."""
        ...

    def value(self) -> Any:
        """Return what stands in it."""
        ...

    def set_value(self, value: Any) -> None:
        """Show a value; None for nothing."""
        ...

    def on_change(self, slot: Callable[[], None]) -> None:
        """Call *slot* whenever it changes."""
        ...


class Option(NamedTuple):
    """One option of an action.

    Attributes:
        key: its name in the step's config.
        label: what it is called in the form.
        make: returns its field.
        usual: whether it stands above the fold.
        hint: a sentence below the field.
    """

    key: str
    label: str
    make: Callable[[], Editor]
    usual: bool = True
    hint: str = ""


class Lines:
    """Several short texts, one a line."""

    def __init__(self, placeholder: str, rows: int = 3, *, addresses: bool = False) -> None:
        self._edit = LinesEdit("", rows, takes=urls_in_mime if addresses else None)
        self._edit.setPlaceholderText(placeholder)
        if addresses:
            # Enter begins another line here: there is nothing to submit.
            self._edit.submitted.connect(lambda: self._edit.insertPlainText("\n"))

    def widget(self) -> QWidget:
        """Return what the layout gets."""
        return self._edit

    def focus_part(self) -> QWidget:
        """Return what takes the keyboard."""
        return self._edit

    def value(self) -> Any:
        """Return the lines that hold something."""
        return list(self._edit.texts) or None

    def set_value(self, value: Any) -> None:
        """Show lines."""
        lines = value if isinstance(value, list | tuple) else [] if value is None else [value]
        self._edit.setPlainText("\n".join(str(line) for line in lines))

    def on_change(self, slot: Callable[[], None]) -> None:
        """Call *slot* whenever it changes."""
        self._edit.textChanged.connect(slot)


class Number:
    """A number with its unit."""

    def __init__(self, placeholder: str, unit: str, *, whole: bool = True, least: float = 0, step: float = 1) -> None:
        self._edit = NumberEdit(whole=whole, least=least, step=step)
        self._edit.setPlaceholderText(placeholder)
        self._box = _row(self._edit, QLabel(unit))

    def widget(self) -> QWidget:
        """Return what the layout gets."""
        return self._box

    def focus_part(self) -> QWidget:
        """Return what takes the keyboard."""
        return self._edit

    def value(self) -> Any:
        """Return the number; the text where it is none."""
        return self._edit.value()

    def set_value(self, value: Any) -> None:
        """Show a number."""
        if value is None:
            self._edit.clear()
        elif isinstance(value, int | float) and not isinstance(value, bool):
            self._edit.set_value(value)
        else:
            self._edit.setText(clean(str(value), 30))

    def on_change(self, slot: Callable[[], None]) -> None:
        """Call *slot* whenever it changes."""
        self._edit.textChanged.connect(lambda _: slot())


class Choose:
    """One of a few, each with its words; None stands for what counts otherwise.

    Args:
        words: each value with its words.
        usual: the value that None means, and that need not be written down.
    """

    def __init__(self, words: Mapping[Any, str], usual: Any = None) -> None:
        self._usual = usual
        self._box = QComboBox()
        for value, text in words.items():
            self._box.addItem(text, value)

    def widget(self) -> QWidget:
        """Return what the layout gets."""
        return self._box

    def focus_part(self) -> QWidget:
        """Return what takes the keyboard."""
        return self._box

    def value(self) -> Any:
        """Return what is chosen."""
        return self._box.currentData()

    def set_value(self, value: Any) -> None:
        """Choose a value; what is none of them is added as it is, so that it is not lost."""
        value = None if value == self._usual else value
        place = next((row for row in range(self._box.count()) if self._box.itemData(row) == value), -1)
        if place < 0:
            self._box.addItem(clean(str(value), 40), value)
            place = self._box.count() - 1
        self._box.setCurrentIndex(place)

    def on_change(self, slot: Callable[[], None]) -> None:
        """Call *slot* whenever it changes."""
        self._box.currentIndexChanged.connect(lambda _: slot())


class Age:
    """How old something must be: a number of days, or of another unit."""

    def __init__(self) -> None:
        self._edit = NumberEdit(least=1)
        self._unit = QComboBox()
        for unit, text in (("h", "hours"), ("d", "days"), ("w", "weeks"), ("m", "minutes")):
            self._unit.addItem(text, unit)
        self._unit.setCurrentIndex(1)
        self._unit.setAccessibleName("Unit of the age")
        self._box = _row(self._edit, self._unit)

    def widget(self) -> QWidget:
        """Return what the layout gets."""
        return self._box

    def focus_part(self) -> QWidget:
        """Return what takes the keyboard."""
        return self._edit

    def value(self) -> Any:
        """Return it as it is written, like ``30d``."""
        text = self._edit.text().strip()
        return f"{text}{self._unit.currentData()}" if text else None

    def set_value(self, value: Any) -> None:
        """Show an age."""
        match = _AGE.fullmatch(str(value).strip()) if value is not None else None
        self._edit.setText(match[1] if match else "" if value is None else clean(str(value), 30))
        if match:
            self._unit.setCurrentIndex(max(0, self._unit.findData(match[2].lower())))

    def on_change(self, slot: Callable[[], None]) -> None:
        """Call *slot* whenever it changes."""
        self._edit.textChanged.connect(lambda _: slot())
        self._unit.currentIndexChanged.connect(lambda _: slot())


class Some:
    """Some of a few, each with a box; none of them ticked means all."""

    def __init__(self, values: Sequence[str]) -> None:
        self._boxes = {value: QCheckBox(value) for value in values}
        self._box = _row(*self._boxes.values())
        self._first = next(iter(self._boxes.values()))

    def widget(self) -> QWidget:
        """Return what the layout gets."""
        return self._box

    def focus_part(self) -> QWidget:
        """Return what takes the keyboard."""
        return self._first

    def value(self) -> Any:
        """Return those that are ticked."""
        return [value for value, box in self._boxes.items() if box.isChecked()] or None

    def set_value(self, value: Any) -> None:
        """Tick these."""
        chosen = value if isinstance(value, list | tuple) else [value]
        for each, box in self._boxes.items():
            box.setChecked(each in chosen)

    def on_change(self, slot: Callable[[], None]) -> None:
        """Call *slot* whenever it changes."""
        for box in self._boxes.values():
            box.toggled.connect(lambda _: slot())


_AS_SET = "As its source or the settings say"
_METHODS: dict[Any, str] = {
    None: "On this computer, offline",
    "auto": "By the language model, where one is set up",
    "model": "By the language model of the settings",
}

OPTIONS: Mapping[str, tuple[Option, ...]] = {
    Action.CRAWL: (
        Option(
            "start_urls", "&Begin at", lambda: Lines("The addresses of the chosen sources", 3, addresses=True),
            hint="One web address a line. Empty: each chosen source from its own address, by its own rules.",
        ),
        Option("scope", "&How far", lambda: Choose({
            None: _AS_SET, "host": "This site", "prefix": "Below its folder", "domain": "The whole domain",
        })),
        Option("max_depth", "&Links deep", lambda: Number("as set", "links from the start")),
        Option("max_pages", "Stop a&fter", lambda: Number("no limit", "pages", least=1, step=100)),
        Option("include_patterns", "&Only with", lambda: Lines("any address", 2), usual=False),
        Option("exclude_patterns", "L&eave out", lambda: Lines("*.pdf", 2), usual=False),
        Option("concurrency", "Requests a&t once", lambda: Number("as set", "at one site", least=1), usual=False),
        Option(
            "delay", "&Pause between", lambda: Number("as set", "seconds; 0 for none", whole=False, step=0.25),
            usual=False,
        ),
        Option("follow_links", "Lin&ks", lambda: Choose({
            None: "Follow them", False: "Only the addresses above",
        }, True), usual=False),
    ),
    Action.TRANSFORM: (),
    Action.SUMMARISE: (
        Option("method", "&How", lambda: Choose(_METHODS, "extractive")),
        Option("sentences", "&Length", lambda: Number("as set", "sentences at most", least=1)),
    ),
    Action.CORPUS_SUMMARY: (
        Option("method", "&How", lambda: Choose(_METHODS, "extractive")),
        Option("sentences", "&Length", lambda: Number("as set", "sentences at most", least=1)),
        Option("keywords", "&Keywords", lambda: Number("20", "at most", least=1)),
    ),
    Action.REINDEX: (),
    Action.CLEANUP: (
        Option("older_than", "&Older than", Age),
        Option("status", "W&hich ended", lambda: Some(tuple(str(status) for status in CLEANABLE)),
               hint="None ticked: all of them. Documents stay in any case."),
    ),
}  # fmt: skip
"""The options of each action, in the order of the form."""


class OptionsForm(QWidget):
    """A form of options, for example of one action.

    Args:
        theme: for colours.
        options: in the order of the form.

    Signals:
        changed: something in it is different.
    """

    changed = Signal()

    def __init__(self, theme: Theme, options: Sequence[Option], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editors: dict[str, Editor] = {}
        self._remarks: dict[str, Remark] = {}
        self._names: dict[str, str] = {}
        self._unknown: dict[str, Any] = {}
        self._emptied: frozenset[str] = frozenset()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        self._folded: frozenset[str] = frozenset(option.key for option in options if not option.usual)
        self.disclosure: Disclosure | None = None
        for usual in (True, False):
            part = [option for option in options if option.usual is usual]
            if not part:
                continue
            box = QWidget(self)
            form = QFormLayout(box)
            form.setContentsMargins(0, 0, 0, 0)
            form.setHorizontalSpacing(3 * SPACE)
            form.setVerticalSpacing(SPACE)
            for option in part:
                self._add(form, option, theme)
            if not usual:
                self.disclosure = Disclosure(theme, self.tr("More options"), box, self)
                self.disclosure.setObjectName("moreOptions")
                layout.addWidget(self.disclosure)
            layout.addWidget(box)

    def _add(self, form: QFormLayout, option: Option, theme: Theme) -> None:
        editor = option.make()
        part = editor.focus_part()
        part.setObjectName(f"option_{option.key}")
        name = option.label.replace("&", "")
        part.setAccessibleName(name)
        label = QLabel(option.label)
        label.setMinimumWidth(LABELS)
        label.setBuddy(part)
        remark = Remark(theme)
        form.addRow(label, editor.widget())
        form.addRow("", remark)
        form.setRowVisible(remark, False)
        if option.hint:
            hint = QLabel(option.hint)
            hint.setWordWrap(True)
            form.addRow("", muted(hint, theme))
        editor.on_change(self.changed.emit)
        self._editors[option.key] = editor
        self._remarks[option.key] = remark
        self._names[option.key] = name

    @property
    def options(self) -> dict[str, Any]:
        """What is set, by key; what is left to what counts otherwise is not there. What no field is for stays."""
        values = {key: editor.value() for key, editor in self._editors.items()}
        # A list that is there and empty says "none", where one that is not there says "as the source".
        values |= {key: [] for key in self._emptied if values[key] is None}
        return self._unknown | {key: value for key, value in values.items() if value is not None}

    def set_options(self, config: Mapping[str, Any]) -> None:
        """Show options."""
        self._unknown = {key: value for key, value in config.items() if key not in self._editors}
        self._emptied = frozenset(key for key, value in config.items() if key in self._editors and value in ([], ()))
        for key, editor in self._editors.items():
            editor.set_value(config.get(key))
        if self.disclosure is not None and any(key in self._folded for key in config):
            self.disclosure.fold(out=True)

    def name_of(self, key: str) -> str:
        """Return what the field of an option is called, or the option itself where there is none."""
        return self._names.get(key, key)

    def show_problem(self, key: str, sentence: str) -> None:
        """Say below its field what is wrong with an option, and nothing below the others."""
        for each, remark in self._remarks.items():
            said = sentence if each == key else ""
            if remark.text() == said:
                continue
            remark.say(said, "error")
            box = remark.parentWidget()
            form = box.layout() if box is not None else None
            if isinstance(form, QFormLayout):
                form.setRowVisible(remark, bool(said))

    def go_to(self, key: str) -> None:
        """Give the keyboard to the field of an option."""
        editor = self._editors.get(key)
        if editor is None:
            return
        if key in self._folded and self.disclosure is not None:
            self.disclosure.fold(out=True)
        editor.focus_part().setFocus()


def _row(*widgets: QWidget) -> QWidget:
    box = QWidget()
    row = QHBoxLayout(box)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(2 * SPACE)
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    return box
