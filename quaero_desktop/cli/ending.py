"""How a command ends: its exit code, and what a person is told on stderr."""

import sys

from quaero_desktop.domain.errors import KnownError, LibraryInUseError, UsageError

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_IN_USE = 3
EXIT_INTERRUPTED = 130


class InterruptedByUserError(Exception):
    """The person, or the system, asked the command to stop, and it did so cleanly."""


def exit_code_of(error: KnownError) -> int:
    """Return the exit code that says what *error* is."""
    if isinstance(error, UsageError):
        return EXIT_USAGE
    if isinstance(error, LibraryInUseError):
        return EXIT_IN_USE
    return EXIT_FAILED


def complain(message: str, hint: str = "") -> None:
    """Tell the person something on stderr, without the secrets that they may have typed (J8)."""
    from quaero_desktop.services.compose import without_secrets

    text = f"{message}\n{hint}\n" if hint else f"{message}\n"
    sys.stderr.write(without_secrets(text))
    sys.stderr.flush()
