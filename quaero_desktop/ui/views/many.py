"""What several selected jobs have in common: how many are in which status, and what can be done with all of them."""

from collections import Counter

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from quaero_desktop.domain.jobs import OPEN_STATUSES, Job
from quaero_desktop.domain.listing import STATUS_ORDER
from quaero_desktop.domain.words import STATUS_GLYPHS
from quaero_desktop.ui.actions import ActionId, Actions, Selection
from quaero_desktop.ui.format import count, count_of
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import muted

_OFFERED = (
    ActionId.RETRY_FAILED,
    ActionId.RERUN,
    ActionId.PAUSE,
    ActionId.RESUME,
    ActionId.CANCEL,
    ActionId.EXPORT,
    ActionId.DELETE,
)


class ManyView(QWidget):
    """A summary of a selection of more than one job.

    Args:
        theme: for the fonts and colours.
        actions: the registry, whose actions are offered as buttons.
    """

    def __init__(self, theme: Theme, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection = Selection()
        self._statuses: dict[int, str] = {}
        self._title = QLabel(self)
        self._title.setObjectName("manyTitle")
        self._title.setFont(theme.font_large())
        self._counts = muted(QLabel(self), theme)
        self._counts.setObjectName("manyCounts")
        self._counts.setWordWrap(True)
        for label in (self._title, self._counts):
            label.setTextFormat(Qt.TextFormat.PlainText)
        buttons = QGridLayout()
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(2 * SPACE)
        for index, name in enumerate(_OFFERED):
            button = QToolButton(self)
            button.setDefaultAction(actions.action(name))
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.setMinimumHeight(8 * SPACE)
            buttons.addWidget(button, index // 2, index % 2)
        buttons.setColumnStretch(0, 1)
        buttons.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(3 * SPACE, 3 * SPACE, 3 * SPACE, 3 * SPACE)
        layout.setSpacing(2 * SPACE)
        layout.addWidget(self._title)
        layout.addWidget(self._counts)
        layout.addSpacing(2 * SPACE)
        held = QWidget(self)
        held.setMaximumWidth(110 * SPACE)
        held.setLayout(buttons)
        layout.addWidget(held)
        layout.addStretch(1)

    @property
    def sentences(self) -> tuple[str, str]:
        """What it says."""
        return self._title.text(), self._counts.text()

    def show_selection(self, selection: Selection) -> None:
        """Sum up a selection."""
        self._selection = selection
        self._statuses = {target.id: target.status for target in selection.targets}
        self._show()

    def update_jobs(self, jobs: tuple[Job, ...]) -> None:
        """Bring the statuses up to date."""
        changed = {job.id: job.status for job in jobs if job.id in self._statuses}
        if changed:
            self._statuses |= changed
            self._show()

    def _show(self) -> None:
        selection = self._selection
        if selection.every is not None:
            self._title.setText(self.tr("All %s that match are selected") % count_of(selection.count, "page"))
            self._counts.setText(self.tr("What you do is done to every one of them, also to those you do not see."))
            return
        pages = sum(not target.is_root for target in selection.targets)
        noun = "page" if pages == len(selection.targets) else "crawl" if not pages else "job"
        self._title.setText(self.tr("%s selected") % count_of(selection.count, noun))
        statuses = Counter(self._statuses.values())
        order = [str(status) for status in STATUS_ORDER]
        parts = [
            f"{STATUS_GLYPHS.get(status, '?')} {count(statuses[status])} {'done' if status == 'completed' else status}"
            for status in order
            if statuses[status]
        ]
        below = sum(target.child_count for target in selection.targets if target.is_root)
        if below:
            parts.append(self.tr("with %s below them") % count_of(below, "page"))
        failed = sum(target.failed for target in selection.targets if target.is_root)
        if failed:
            parts.append(self.tr("%s failed") % count(failed))
        self._counts.setText("  ·  ".join(parts))

    @property
    def is_open(self) -> bool:
        """Whether one of them has not ended."""
        return any(status in OPEN_STATUSES for status in self._statuses.values())
