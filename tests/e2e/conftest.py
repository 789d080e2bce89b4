"""What the tests of whole processes share."""

from pathlib import Path

import pytest

from tests.e2e.quaero import QuaeroLibrary


@pytest.fixture
def library(tmp_path: Path) -> QuaeroLibrary:
    """A library that does not exist yet."""
    return QuaeroLibrary(tmp_path / "library")
