"""Asking for a secret on the terminal, without showing it.

``getpass`` reads one line, of at most 4,095 characters: what a browser copies has several, and longer ones, and the
rest would land in the shell, and in its history.
"""

import getpass
import os
import signal
import sys
from collections.abc import Iterator

from quaero_desktop.cli.ending import InterruptedByUserError

_BURST_SECONDS = 0.1
"""The lines of what is pasted come right after each other."""
_END = (b"\x04",)
_ERASE = (b"\x08", b"\x7f")
_ERASE_ALL = b"\x15"
_CONTINUED = (b"\\", b"^")


def can_ask() -> bool:
    """Return whether there is a person at a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def ask(prompt: str) -> str:
    """Return what a person types or pastes, all lines of it, without showing it.

    Raises:
        InterruptedByUserError: they pressed Ctrl-C.
    """
    # Within an event loop the first Ctrl-C would only be noted.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if sys.platform == "win32":
            return getpass.getpass(prompt)
        return _ask_on_unix(prompt)
    except KeyboardInterrupt:
        raise InterruptedByUserError from None
    except EOFError:
        return ""
    finally:
        signal.signal(signal.SIGINT, before)


def _ask_on_unix(prompt: str) -> str:
    descriptor = sys.stdin.fileno()
    sys.stderr.write(prompt)
    sys.stderr.flush()
    try:
        return _read_silently(descriptor)
    finally:
        sys.stderr.write("\n")
        sys.stderr.flush()


def _read_silently(descriptor: int) -> str:
    """Return what is typed, while the terminal neither shows it nor cuts long lines."""
    import termios

    before = termios.tcgetattr(descriptor)
    silent = termios.tcgetattr(descriptor)
    silent[3] &= ~(termios.ECHO | termios.ICANON)
    try:
        # In here: Ctrl-C right after it must find the way back, too.
        termios.tcsetattr(descriptor, termios.TCSADRAIN, silent)
        return b"\n".join(_lines(descriptor)).decode("utf-8", "replace")
    finally:
        # Whatever was pasted too much must not become a command.
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


def _lines(descriptor: int) -> Iterator[bytes]:
    import select

    line = bytearray()
    while True:
        character = os.read(descriptor, 1)
        if not character or (character in _END and not line):
            yield bytes(line)
            return
        if character in _ERASE:
            del line[-1:]
        elif character == _ERASE_ALL:
            line.clear()
        elif character in (b"\n", b"\r"):
            done = bytes(line)
            line.clear()
            yield done
            more, _, _ = select.select([descriptor], [], [], _BURST_SECONDS)
            if not more and not done.rstrip().endswith(_CONTINUED):
                return
        elif character not in _END:
            line += character
