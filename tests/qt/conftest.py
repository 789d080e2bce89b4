"""What tests of the window share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from tests.support.qtwindow import QtWorld, qt_world


@pytest.fixture
def world(tmp_path: Path, qapp: QApplication) -> Iterator[QtWorld]:
    """A library, its services and what the parts of the window are given; nothing runs jobs."""
    with qt_world(tmp_path / "library") as made:
        yield made
