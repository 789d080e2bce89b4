"""Where the steps of a run are: one line for each, in the overview."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from quaero_desktop.domain.definitions import Action, StepState
from quaero_desktop.ui.format import clean, count_of, duration, exact, status_words, tool_tip
from quaero_desktop.ui.recipewords import action_words
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import ElidedLabel, muted

_STORES = frozenset({Action.CRAWL, Action.TRANSFORM, Action.SUMMARISE})


class RunSteps(QWidget):
    """Number, name, status, figures, and below them what went wrong or when it is tried again.

    Args:
        theme: for the colours of statuses.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("runSteps")
        self.setAccessibleName(self.tr("Steps of the run"))
        self._theme = theme
        self._steps: tuple[StepState, ...] = ()
        self._lines: list[_Line] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(3 * SPACE)
        self._grid.setVerticalSpacing(SPACE)
        self._grid.setColumnStretch(1, 3)
        self._grid.setColumnStretch(3, 2)
        theme.changed.connect(self._paint)

    @property
    def shown(self) -> list[tuple[str, ...]]:
        """What the lines say: number, name, status, figures, and the sentence below."""
        return [line.texts for line in self._lines]

    def show_steps(self, steps: Sequence[StepState], now: int) -> None:
        """Show where the steps are.

        Args:
            steps: in order.
            now: milliseconds UTC.
        """
        steps = tuple(steps)
        while len(self._lines) < len(steps):
            self._lines.append(_Line(self, self._grid, len(self._lines), self._theme))
        while len(self._lines) > len(steps):
            self._lines.pop().go(self._grid)
        for line, step in zip(self._lines, steps, strict=True):
            line.show(step, now)
        self._steps = steps
        self._paint()

    def _paint(self) -> None:
        for line, step in zip(self._lines, self._steps, strict=True):
            line.paint(self._theme.status_colour("paused" if step.retry_at is not None else step.status))


class _Line:
    def __init__(self, parent: QWidget, grid: QGridLayout, row: int, theme: Theme) -> None:
        self._number = muted(QLabel(parent), theme)
        self._name = ElidedLabel("", Qt.TextElideMode.ElideRight, parent)
        self._status = QLabel(parent)
        self._figures = ElidedLabel("", Qt.TextElideMode.ElideRight, parent)
        self._below = QLabel(parent)
        for label in (self._number, self._status, self._below):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self._below.setWordWrap(True)
        self._below.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label in (self._number, self._figures):
            label.setFont(theme.tabular(label.font()))
        self._figures.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for column, label in enumerate((self._number, self._name, self._status, self._figures)):
            grid.addWidget(label, 2 * row, column)
        grid.addWidget(self._below, 2 * row + 1, 1, 1, 3)
        self._all = (self._number, self._name, self._status, self._figures, self._below)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(label.text() for label in self._all)

    def show(self, step: StepState, now: int) -> None:
        name = clean(step.name)
        if name.casefold() != action_words(step.action).casefold():
            name = f"{name}  ({action_words(step.action).lower()})"
        tries = f", {step.tries} tries" if step.tries > 1 else ""
        below = ""
        if step.retry_at is not None and step.status in ("pending", "running"):
            left = max(0, step.retry_at - now) / 1000
            wait = f"in {duration(round(left))}" if left >= 1 else "now"
            below = f"Trying again {wait}." + (f" {clean(step.error, 500)}" if step.error else "")
        elif step.error:
            below = clean(step.error, 500)
        for label, text in (
            (self._number, str(step.number)),
            (self._name, name),
            (self._status, status_words(step.status) + tries),
            (self._figures, _figures(step, now)),
            (self._below, below[:1].upper() + below[1:]),
        ):
            if label.text() != text:
                label.setText(text)
        self._below.setVisible(bool(below))
        times = [exact(moment) for moment in (step.started_at, step.completed_at) if moment is not None]
        self._figures.setToolTip(tool_tip(" to ".join(times)))

    def paint(self, colour: QColor) -> None:
        for label in (self._status, self._below):
            palette = label.palette()
            if palette.color(QPalette.ColorRole.WindowText) != colour:
                palette.setColor(QPalette.ColorRole.WindowText, colour)
                label.setPalette(palette)

    def go(self, grid: QGridLayout) -> None:
        for label in self._all:
            grid.removeWidget(label)
            label.hide()
            label.deleteLater()


def _figures(step: StepState, now: int) -> str:
    parts = []
    if step.action in _STORES and (step.documents or step.status == "completed"):
        parts.append(count_of(step.documents, "document"))
    if step.started_at is not None:
        ended = step.completed_at if step.completed_at is not None else now
        parts.append(duration(max(0, ended - step.started_at) / 1000))
    return " · ".join(parts)
