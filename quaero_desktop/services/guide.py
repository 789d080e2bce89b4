"""Where the user guide lies, which comes with the program."""

from pathlib import Path

from quaero_desktop.infra.resources import documentation_folder


def guide() -> Path:
    """Return the first page of the user guide, in markdown; the others and their pictures lie as its links say.

    Raises:
        KnownError: this installation has no guide.
    """
    return documentation_folder() / "guide" / "README.md"
