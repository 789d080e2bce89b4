"""What the window shows when the library cannot be opened: only what can be done there."""

from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel

from quaero_desktop.domain.errors import KnownError, LibraryDamagedError, LibraryError
from quaero_desktop.services.maintenance import BackupInfo
from quaero_desktop.ui.theme import Mode, Theme
from quaero_desktop.ui.views.trouble import Trouble

DAMAGED = LibraryDamagedError("The library is damaged.", "Restore a backup (“quaero backup list”).")
BACKUP = BackupInfo(
    name="library-20260131T120000Z.db",
    path=Path("library-20260131T120000Z.db"),
    created_at=0,
    bytes=1,
    version=1,
    ok=True,
)


@pytest.fixture
def trouble(qapp: QApplication):
    theme = Theme(qapp, Mode.LIGHT)
    made = Trouble(theme)
    yield made
    made.deleteLater()
    theme.deleteLater()


def said(trouble: Trouble) -> str:
    return " ".join(label.text() for label in trouble.findChildren(QLabel) if not label.isHidden())


@pytest.mark.parametrize("backups", [[], [BACKUP]], ids=["without backups", "with a backup"])
def test_of_a_damaged_library_it_names_no_command(trouble: Trouble, backups: list[BackupInfo]) -> None:
    trouble.show_error(DAMAGED, backups)
    (choice,) = trouble.findChildren(QComboBox)
    assert choice.isHidden() is not bool(backups)
    assert "The library is damaged." in said(trouble)
    assert "Nothing was written" in said(trouble)
    assert ("no backup" in said(trouble)) is not bool(backups)
    assert "quaero " not in said(trouble)


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (LibraryError("It is a file.", "Name the folder that holds it with --library."), "Name the folder that holds"),
        (LibraryError("It is locked."), ""),
    ],
)
def test_of_other_trouble_it_says_the_hint_and_offers_no_backup(trouble: Trouble, error: KnownError, hint: str) -> None:
    trouble.show_error(error, [BACKUP])
    (choice,) = trouble.findChildren(QComboBox)
    assert choice.isHidden()
    assert hint in said(trouble)
    assert "--library" not in said(trouble)
