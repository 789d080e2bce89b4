"""How a command ends: its exit code, and what a person is told on stderr."""

import re
import shlex
import sys

from quaero_desktop.domain.errors import KnownError, LibraryInUseError, UsageError

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_IN_USE = 3
EXIT_INTERRUPTED = 130

# Help is the same for each library.
_COMMAND = re.compile(r"\bquaero (?=[a-z])(?!\S+(?: [a-z]+)? --help)")


class InterruptedByUserError(Exception):
    """The person, or the system, asked the command to stop, and it did so cleanly."""


def exit_code_of(error: KnownError) -> int:
    """Return the exit code that says what *error* is."""
    if isinstance(error, UsageError):
        return EXIT_USAGE
    if isinstance(error, LibraryInUseError):
        return EXIT_IN_USE
    return EXIT_FAILED


def for_library(text: str, library: str | None) -> str:
    """Return *text* with the commands in it as they have to be typed for a library.

    Args:
        text: our own words, like ``Why: quaero jobs show 1``.
        library: the folder as it was given with ``--library``; None when it was not.
    """
    if library is None:
        return text
    # The shells of Windows know no single quotes, and its names have no double ones.
    folder = f'"{library}"' if sys.platform == "win32" else shlex.quote(library)
    return _COMMAND.sub(lambda _: f"quaero --library {folder} ", text)


def complain(message: str, hint: str = "") -> None:
    """Tell the person something on stderr, without the secrets that they may have typed (J8)."""
    from quaero_desktop.services.compose import without_secrets

    text = f"{message}\n{hint}\n" if hint else f"{message}\n"
    sys.stderr.write(without_secrets(text))
    sys.stderr.flush()
