"""Fields for how long a run may take and how much of it may fail."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QSpinBox, QWidget

from quaero_desktop.domain.definitions import Definition, ErrorTolerance
from quaero_desktop.ui.dialogs.fields import Remark
from quaero_desktop.ui.format import clean
from quaero_desktop.ui.recipewords import FAILURE_ACTIONS
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import muted

_USUAL_FAILURES = 100


class LimitsEdit(QWidget):
    """Shows and changes the limits of a definition; the box for its automatic start belongs beside the schedule.

    Args:
        theme: for colours.

    Signals:
        changed: something is different.
    """

    changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._timeout = QLineEdit(self)
        self._timeout.setObjectName("timeout")
        self._timeout.setPlaceholderText(self.tr("any time"))
        self._timeout.setMaximumWidth(28 * SPACE)
        self._timeout.setAccessibleName(self.tr("Takes at most"))
        self._about_timeout = Remark(theme, self)
        self._tolerates = QCheckBox(self.tr("When &more than"), self)
        self._tolerates.setObjectName("tolerates")
        self._most = QSpinBox(self)
        self._most.setObjectName("mostFailures")
        self._most.setRange(0, 100_000_000)
        self._most.setGroupSeparatorShown(True)
        self._most.setValue(_USUAL_FAILURES)
        self._most.setAccessibleName(self.tr("So many may fail"))
        self._action = QComboBox(self)
        self._action.setObjectName("failureAction")
        self._action.setAccessibleName(self.tr("What follows when more fail"))
        for value, words in FAILURE_ACTIONS.items():
            self._action.addItem(words, str(value))
        self._about_tolerance = Remark(theme, self)
        self.auto_start_box = QCheckBox(self.tr("Also run it each time &Quaero starts"), self)
        self.auto_start_box.setObjectName("autoStart")
        self._lay_out(theme)
        self._timeout.textChanged.connect(lambda _: self.changed.emit())
        self._tolerates.toggled.connect(lambda _: self._toggled())
        self._most.valueChanged.connect(lambda _: self.changed.emit())
        self._action.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.auto_start_box.toggled.connect(lambda _: self.changed.emit())
        self._toggled()

    @property
    def timeout(self) -> str:
        """How long a run may take, as it was written."""
        return self._timeout.text().strip()

    @property
    def auto_start(self) -> bool:
        """Whether it runs at each start."""
        return self.auto_start_box.isChecked()

    @property
    def tolerance(self) -> ErrorTolerance | None:
        """How much may fail; None for any number."""
        if not self._tolerates.isChecked():
            return None
        return ErrorTolerance(max_child_failures=self._most.value(), failure_action=str(self._action.currentData()))

    def show_definition(self, definition: Definition) -> None:
        """Show the limits of a definition."""
        self._timeout.setText(clean(definition.timeout))
        self.auto_start_box.setChecked(definition.auto_start)
        tolerance = definition.error_tolerance
        self._tolerates.setChecked(tolerance is not None)
        if tolerance is not None:
            self._most.setValue(tolerance.max_child_failures)
            if self._action.findData(tolerance.failure_action) < 0:
                self._action.addItem(clean(tolerance.failure_action, 40), tolerance.failure_action)
            self._action.setCurrentIndex(self._action.findData(tolerance.failure_action))
        self._toggled()

    def show_problem(self, field: str, sentence: str) -> None:
        """Say below its field what is wrong; with an empty field nothing is."""
        self._about_timeout.say(sentence if field == "timeout" else "", "error")
        self._about_tolerance.say(sentence if field.startswith("error_tolerance") else "", "error")

    def go_to(self, field: str) -> None:
        """Give the keyboard to a field."""
        (self._timeout if field == "timeout" else self._most).setFocus()

    def _toggled(self) -> None:
        for widget in (self._most, self._action):
            widget.setEnabled(self._tolerates.isChecked())
        self.changed.emit()

    def _lay_out(self, theme: Theme) -> None:
        first = QHBoxLayout()
        first.setSpacing(2 * SPACE)
        first.addWidget(self._timeout)
        first.addWidget(muted(QLabel(self.tr("like 90s, 10m or 1h30m; then it is cancelled"), self), theme))
        first.addStretch(1)
        second = QHBoxLayout()
        second.setSpacing(2 * SPACE)
        for widget in (self._tolerates, self._most, QLabel(self.tr("pages or parts failed:"), self), self._action):
            second.addWidget(widget)
        second.addStretch(1)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 2 * SPACE)
        form.setHorizontalSpacing(3 * SPACE)
        form.setVerticalSpacing(SPACE)
        label = QLabel(self.tr("&Takes at most"), self)
        label.setBuddy(self._timeout)
        form.addRow(label, first)
        form.addRow("", self._about_timeout)
        form.addRow(QLabel(self.tr("Errors"), self), second)
        form.addRow("", self._about_tolerance)
