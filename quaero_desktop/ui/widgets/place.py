"""Where a widget will be that is not made before somebody looks."""

from PySide6.QtWidgets import QVBoxLayout, QWidget


class Place(QWidget):
    """Holds one widget without a margin, as soon as there is one."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    def fill(self, widget: QWidget) -> None:
        """Put it there."""
        self._layout.addWidget(widget)
