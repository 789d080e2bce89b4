"""How a panel hands the keyboard to its main part."""

from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QWidget


def pass_on(part: QWidget, event: QFocusEvent) -> None:
    """Give the keyboard that a panel was given to a part of it; call it from ``focusInEvent``.

    ``setFocusProxy`` is for the same, but with it the Tab key leaves out everything in the panel that comes before
    the part: Qt 6.11 takes the panel and its proxy for one widget.
    """
    part.setFocus(event.reason())
