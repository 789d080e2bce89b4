"""The field for a schedule: chosen from the usual ones or written as cron, in plain words, with the next runs."""

import re
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QSignalBlocker, Qt, QTime, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QSpinBox, QTimeEdit, QVBoxLayout, QWidget

from quaero_desktop.domain.errors import FieldError
from quaero_desktop.ui import clock
from quaero_desktop.ui.dialogs.fields import Remark
from quaero_desktop.ui.format import exact
from quaero_desktop.ui.recipewords import in_a_while
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import muted

NEXT_RUNS = 3
_TICK_MS = 10_000
_NEVER, _HOURLY, _DAILY, _WEEKDAYS, _WEEKLY, _MONTHLY, _OWN = range(7)
_TIMED = frozenset({_DAILY, _WEEKDAYS, _WEEKLY, _MONTHLY})
_CRON = re.compile(r"(\d{1,2}) (\d{1,2}|\*) (\d{1,2}|\*) \* ([0-6]|1-5|\*)", re.ASCII)
_USUAL = QTime(3, 0)


class Schedules(Protocol):
    """Who knows about schedules: the service of definitions."""

    def in_words(self, schedule: str) -> str:
        """Return a schedule in plain words."""
        ...

    def upcoming(self, schedule: str, n: int = 3) -> list[int]:
        """Return when it comes next, in milliseconds UTC."""
        ...


class ScheduleEdit(QWidget):
    """Lets a schedule be chosen or written.

    Args:
        theme: for colours.
        schedules: who knows about schedules.
        now: the time in milliseconds UTC.

    Signals:
        changed: it is another one now, sound or not.
    """

    changed = Signal()

    def __init__(
        self,
        theme: Theme,
        schedules: Schedules,
        parent: QWidget | None = None,
        *,
        now: Callable[[], int] = clock.now,
    ) -> None:
        super().__init__(parent)
        self._schedules = schedules
        self._now = now
        self._error: FieldError | None = None
        self.presets = QComboBox(self)
        self.presets.setObjectName("schedulePreset")
        self.presets.setAccessibleName(self.tr("How often"))
        for text in (
            self.tr("By hand only"),
            self.tr("Every hour"),
            self.tr("Every day"),
            self.tr("Monday to Friday"),
            self.tr("Every week"),
            self.tr("Every month"),
            self.tr("As written below"),
        ):
            self.presets.addItem(text)
        self.days = QComboBox(self)
        self.days.setObjectName("scheduleDay")
        self.days.setAccessibleName(self.tr("On which day of the week"))
        names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
        for number, name in enumerate(names, 1):
            self.days.addItem(name, number % 7)
        self.day = QSpinBox(self)
        self.day.setObjectName("scheduleDate")
        self.day.setRange(1, 28)
        self.day.setAccessibleName(self.tr("On which day of the month"))
        self.day.setPrefix(self.tr("day "))
        self.at = QLabel(self.tr("at"), self)
        self.time = QTimeEdit(_USUAL, self)
        self.time.setObjectName("scheduleTime")
        self.time.setDisplayFormat("HH:mm")
        self.time.setAccessibleName(self.tr("At what time"))
        self.cron = QLineEdit(self)
        self.cron.setObjectName("cron")
        self.cron.setFont(theme.font_fixed())
        self.cron.setMaximumWidth(60 * SPACE)
        self.cron.setPlaceholderText(self.tr("none"))
        self.cron.setAccessibleName(self.tr("Schedule as cron"))
        self.cron.setToolTip(self.tr("Minute, hour, day of the month, month, day of the week; * for any"))
        self.words = Remark(theme, self, keep_room=True)
        self.words.setObjectName("scheduleWords")
        self.runs = QLabel(self)
        self.runs.setObjectName("nextRuns")
        self.runs.setTextFormat(Qt.TextFormat.PlainText)
        self.runs.setFont(theme.tabular(self.runs.font()))
        self.runs.setMinimumHeight(NEXT_RUNS * self.runs.fontMetrics().lineSpacing() + SPACE)
        self.runs.setAlignment(Qt.AlignmentFlag.AlignTop)
        muted(self.runs, theme)
        self._lay_out(theme)
        self.presets.currentIndexChanged.connect(lambda _: self._chosen())
        self.days.currentIndexChanged.connect(lambda _: self._chosen())
        self.day.valueChanged.connect(lambda _: self._chosen())
        self.time.timeChanged.connect(lambda _: self._chosen())
        self.cron.textChanged.connect(lambda _: self._written())
        self._tick = QTimer(self, interval=_TICK_MS)
        self._tick.timeout.connect(self._say)
        self._tick.start()
        self.setFocusProxy(self.presets)
        self.set_schedule("")

    @property
    def schedule(self) -> str:
        """What is asked for: five fields, or nothing."""
        return " ".join(self.cron.text().split())

    @property
    def error(self) -> FieldError | None:
        """What is wrong with it; None when it is sound."""
        return self._error

    def set_schedule(self, text: str) -> None:
        """Show a schedule."""
        with QSignalBlocker(self.cron):
            self.cron.setText(text)
        self._written()

    def _lay_out(self, theme: Theme) -> None:
        first = QHBoxLayout()
        first.setSpacing(2 * SPACE)
        for widget in (self.presets, self.days, self.day, self.at, self.time):
            first.addWidget(widget)
        first.addStretch(1)
        second = QHBoxLayout()
        second.setSpacing(2 * SPACE)
        label = QLabel(self.tr("As cro&n"), self)
        label.setBuddy(self.cron)
        second.addWidget(label)
        second.addWidget(self.cron, 1)
        second.addWidget(muted(QLabel(self.tr("minute  hour  day  month  weekday"), self), theme))
        second.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * SPACE)
        layout.addLayout(first)
        layout.addLayout(second)
        layout.addWidget(self.words)
        layout.addWidget(self.runs)

    def _chosen(self) -> None:
        """A usual one was chosen: write it as cron."""
        kind, at = self.presets.currentIndex(), self.time.time()
        self._show_parts()
        if kind == _OWN:
            self.cron.setFocus()
            return
        clock = f"{at.minute()} {at.hour()}"
        text = {
            _NEVER: "",
            _HOURLY: "0 * * * *",
            _DAILY: f"{clock} * * *",
            _WEEKDAYS: f"{clock} * * 1-5",
            _WEEKLY: f"{clock} * * {self.days.currentData()}",
            _MONTHLY: f"{clock} {self.day.value()} * *",
        }[kind]
        with QSignalBlocker(self.cron):
            self.cron.setText(text)
        self._say()
        self.changed.emit()

    def _written(self) -> None:
        """It was written as cron: choose the usual one that is the same."""
        kind = self._kind_of(self.schedule)
        with QSignalBlocker(self.presets):
            self.presets.setCurrentIndex(kind)
        self._show_parts()
        self._say()
        self.changed.emit()

    def _kind_of(self, text: str) -> int:
        if not text:
            return _NEVER
        match = _CRON.fullmatch(text)
        if match is None:
            return _OWN
        minute, hour, day, weekday = match.groups()
        if hour == "*":
            return _HOURLY if text == "0 * * * *" else _OWN
        at = QTime(int(hour), int(minute))
        if not at.isValid() or (day != "*" and weekday != "*") or (day != "*" and not 1 <= int(day) <= 28):
            return _OWN
        with QSignalBlocker(self.time), QSignalBlocker(self.day), QSignalBlocker(self.days):
            self.time.setTime(at)
            if day != "*":
                self.day.setValue(int(day))
                return _MONTHLY
            if weekday == "*":
                return _DAILY
            if weekday == "1-5":
                return _WEEKDAYS
            self.days.setCurrentIndex(self.days.findData(int(weekday)))
        return _WEEKLY

    def _show_parts(self) -> None:
        kind = self.presets.currentIndex()
        self.at.setVisible(kind in _TIMED)
        self.time.setVisible(kind in _TIMED)
        self.days.setVisible(kind == _WEEKLY)
        self.day.setVisible(kind == _MONTHLY)

    def _say(self) -> None:
        self._error = None
        text = self.schedule
        try:
            words = self._schedules.in_words(text)
            moments = self._schedules.upcoming(text, NEXT_RUNS) if text else []
        except FieldError as error:
            self._error = error
            said = error.message.removeprefix("schedule").lstrip(": ")
            said = f"The schedule {said}" if said.startswith(("is ", "has ")) else said
            self.words.say(f"{said} {error.hint}".strip(), "error")
            self.runs.setText("")
            return
        self.words.say(words[:1].upper() + words[1:], "good" if text else "plain")
        now = self._now()
        lines = [f"{exact(moment)[:16]}   {in_a_while(moment, now)}" for moment in moments]
        self.runs.setText("\n".join(lines))
        self.runs.setAccessibleName(self.tr("Next runs: %s") % "; ".join(lines) if lines else "")
