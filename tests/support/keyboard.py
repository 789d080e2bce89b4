"""A person at the keyboard: presses keys where the focus is."""

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

_PLAIN = Qt.KeyboardModifier.NoModifier


def focused() -> Any:
    """Return the widget that has the focus."""
    widget = QApplication.focusWidget()
    assert widget is not None, "nothing has the focus"
    return widget


def press(key: Qt.Key, modifier: Qt.KeyboardModifier = _PLAIN) -> None:
    """Press a key."""
    QTest.keyClick(focused(), key, modifier)


def type_text(text: str) -> None:
    """Type some text; a line end is Shift+Enter, which is one in every field."""
    for number, line in enumerate(text.split("\n")):
        if number:
            press(Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
        if line.isascii():
            QTest.keyClicks(focused(), line)
        else:  # QTest knows no other keys
            focused().insert(line)


def go_to(name: str, most: int = 40) -> Any:
    """Press Tab until a field has the focus, and return it.

    Args:
        name: its object name.
        most: so often.
    """
    for _ in range(most):
        if focused().objectName() == name:
            return focused()
        press(Qt.Key.Key_Tab)
    raise AssertionError(f"Tab does not lead to {name}")
