"""Keyrings as the operating system has them, but made up."""

import json
import os
from pathlib import Path

from keyring import core
from keyring.backend import KeyringBackend
from keyring.compat import properties

FILE_VARIABLE = "FAKE_KEYRING_FILE"
"""Names the file of :class:`FileKeyring`."""


class FakeKeyring(KeyringBackend):
    """Keeps secrets in the memory of a test.

    Attributes:
        entries: what was kept, by service and name.
        trouble: raised instead of doing anything, when it is set.
        most: the most characters of an entry that it takes.
        asked: how often it was asked for an entry.
    """

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}
        self.trouble: Exception | None = None
        self.most: int | None = None
        self.asked = 0

    @properties.classproperty
    def priority(self) -> float:
        """As good as the real ones."""
        return 5

    def get_password(self, service: str, username: str) -> str | None:
        """Return an entry."""
        self.asked += 1
        self._complain()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep an entry."""
        self._complain()
        if self.most is not None and len(password) > self.most:
            raise ValueError("The stub received bad data")
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Delete an entry."""
        self._complain()
        del self.entries[service, username]

    def _complain(self) -> None:
        if self.trouble is not None:
            raise self.trouble


class FileKeyring(KeyringBackend):
    """The same for processes of their own: all of them share the file that the environment names."""

    @properties.classproperty
    def priority(self) -> float:
        """As good as the real ones."""
        return 5

    def get_password(self, service: str, username: str) -> str | None:
        """Return an entry."""
        found: str | None = self._entries().get(f"{service}/{username}")
        return found

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep an entry."""
        _file().write_text(json.dumps({**self._entries(), f"{service}/{username}": password}), encoding="utf-8")

    def delete_password(self, service: str, username: str) -> None:
        """Delete an entry."""
        left = self._entries()
        del left[f"{service}/{username}"]
        _file().write_text(json.dumps(left), encoding="utf-8")

    def _entries(self) -> dict[str, str]:
        return json.loads(_file().read_text(encoding="utf-8")) if _file().exists() else {}


def _file() -> Path:
    return Path(os.environ[FILE_VARIABLE])


def use(monkeypatch, backend: KeyringBackend | None = None) -> FakeKeyring:
    """Let this process have a keyring for the length of a test, and return it; without *backend* a made-up one."""
    made = FakeKeyring()
    monkeypatch.setattr(core, "_keyring_backend", backend or made)
    return made
