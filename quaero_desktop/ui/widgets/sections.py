"""Sections of a pane that scrolls: under each other, or in two columns where there is room."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.widgets.labels import Heading

_TWO_COLUMNS = 600
"""The width from which on two columns stand beside each other, in pixels."""


class Section(QWidget):
    """A heading with something under it.

    Args:
        title: of the section.
        content: what it is about.
    """

    def __init__(self, title: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content = content
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE + 2)
        layout.addWidget(Heading(title, self))
        layout.addWidget(content)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)


class Columns(QWidget):
    """Widgets in two columns, or in one where it is narrow; hidden ones leave no hole."""

    def __init__(self, left: list[QWidget], right: list[QWidget], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._left, self._right = QWidget(self), QWidget(self)
        for column, widgets in ((self._left, left), (self._right, right)):
            layout = QVBoxLayout(column)
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(5 * SPACE)
            for widget in widgets:
                layout.addWidget(widget)
            layout.addStretch(1)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8 * SPACE)
        self._grid.setVerticalSpacing(5 * SPACE)
        self._is_wide: bool | None = None
        self._place(False)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Take one column or two."""
        super().resizeEvent(event)
        self._place(event.size().width() >= _TWO_COLUMNS)

    def _place(self, wide: bool) -> None:
        if wide == self._is_wide:
            return
        self._is_wide = wide
        self._grid.removeWidget(self._right)
        self._grid.addWidget(self._left, 0, 0)
        if wide:
            self._grid.addWidget(self._right, 0, 1)
        else:
            self._grid.addWidget(self._right, 1, 0)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1 if wide else 0)


class _Ground(QWidget):
    """Has the ground of lists and texts.

    Not by a background role (labels on one ignore the colour of text that they were given), and not by a palette (Qt
    forgets that of a page of tabs where the application has a style sheet).
    """

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Paint nothing but the ground."""
        QPainter(self).fillRect(event.rect(), self.palette().color(QPalette.ColorRole.Base))


class Scrolled(QScrollArea):
    """A pane of sections that scrolls up and down, never sideways."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = _Ground(self)
        self.sections = QVBoxLayout(inside)
        self.sections.setContentsMargins(3 * SPACE, 3 * SPACE, 3 * SPACE, 4 * SPACE)
        self.sections.setSpacing(5 * SPACE)
        self.setWidget(inside)
