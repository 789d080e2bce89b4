"""What the window remembers from one start to the next: sizes, columns, last choices. Never anything of the library."""

from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings


class WindowState:
    """Keeps small values in a file.

    Args:
        file: where; None keeps them in memory only.
    """

    def __init__(self, file: Path | None) -> None:
        self._settings = None if file is None else QSettings(str(file), QSettings.Format.IniFormat)
        self._memory: dict[str, object] = {}

    def set(self, key: str, value: str | int | bool | bytes | QByteArray) -> None:
        """Remember a value under a key like ``jobs/header``."""
        if isinstance(value, QByteArray):
            value = bytes(value.data())
        self._memory[key] = value
        if self._settings is not None:
            # As hex: an INI file of ours can be read, and a number stays one.
            self._settings.setValue(key, f"0x{value.hex()}" if isinstance(value, bytes) else str(value))

    def text(self, key: str, default: str = "") -> str:
        """Return a text."""
        value = self._value(key)
        return default if value is None else str(value)

    def number(self, key: str, default: int) -> int:
        """Return a whole number; *default* also for what is none."""
        try:
            return int(str(self._value(key)))
        except ValueError:
            return default

    def flag(self, key: str, default: bool) -> bool:
        """Return a yes or no."""
        value = self._value(key)
        return default if value is None else str(value) == "True"

    def bytes(self, key: str) -> QByteArray:
        """Return what Qt's ``saveState()`` gave; empty when there is nothing."""
        value = self._value(key)
        if isinstance(value, bytes):
            return QByteArray(value)
        try:
            return QByteArray(bytes.fromhex(str(value).removeprefix("0x"))) if value is not None else QByteArray()
        except ValueError:
            return QByteArray()

    def sync(self) -> None:
        """Write it now."""
        if self._settings is not None:
            self._settings.sync()

    def _value(self, key: str) -> object:
        if key in self._memory:
            return self._memory[key]
        return None if self._settings is None else self._settings.value(key)
