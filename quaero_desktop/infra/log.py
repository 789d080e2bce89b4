"""Diagnostics of the process through the standard library's logging, with secrets taken out of every line (J8).

These are for whoever helps with a problem. The log of a job is data and lives in the library.
"""

import logging
import logging.handlers
import os
import re
import sys
import time
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from quaero_desktop.infra.paths import private_folder
from quaero_desktop.infra.redact import Redactor
from quaero_desktop.infra.settings.sections import LogLevel

_LEVELS: dict[LogLevel, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
# Below warnings these tell of every statement with its values, every timer and every request.
_NOISY = (
    "aiohttp",
    "aiosqlite",
    "asyncio",
    "charset_normalizer",
    "hpack",
    "httpcore",
    "httpx",
    "keyring",
    "qasync",
)
_MAX_FILE_BYTES = 2_000_000
_OLD_FILES = 4
# Text from the web can hold line feeds that forge a line of ours, and escapes that command a terminal.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


class RedactingFilter(logging.Filter):
    """Takes secrets out of a record: its message with the arguments, its traceback and its stack.

    It belongs on handlers: a logger's filters do not see what its children log.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor
        self._formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact *record* in place, for all handlers that come after too, and keep it."""
        try:
            message = record.getMessage()
        except Exception:
            # Otherwise logging prints the arguments to stderr as they are.
            message = f"{record.msg!r} with arguments {record.args!r} that do not fit"
        record.msg, record.args = self._redactor.scrub(message), None
        if record.exc_info and record.exc_info[0] is not None and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        # Without the exception nobody can format it once more, unredacted.
        record.exc_info = None
        if record.exc_text:
            record.exc_text = self._redactor.scrub(record.exc_text)
        if record.stack_info:
            record.stack_info = self._redactor.scrub(record.stack_info)
        return True


class _Formatter(logging.Formatter):
    """One line a message, times in UTC."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = _CONTROL.sub(lambda match: repr(match[0])[1:-1], record.message)
        return super().formatMessage(record)


class _PrivateRotatingFile(logging.handlers.RotatingFileHandler):
    """A rotating file that only this user can read, from its first byte on."""

    def _open(self) -> TextIOWrapper:
        return open(
            self.baseFilename,
            "a",
            encoding=self.encoding,
            errors=self.errors,
            opener=lambda path, flags: os.open(path, flags, 0o600),
        )


class Diagnostics:
    """Logging as `configure` set it up; `close` takes it down again."""

    def __init__(self, handlers: list[logging.Handler], level_before: int) -> None:
        self._handlers = handlers
        self._level_before = level_before

    def close(self) -> None:
        """Flush and remove the handlers, close the file and give the root logger its level back. Can be repeated."""
        root = logging.getLogger()
        for handler in self._handlers:
            root.removeHandler(handler)
            handler.close()
        if self._handlers:
            root.setLevel(self._level_before)
        self._handlers = []

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def configure(
    level: LogLevel, *, redactor: Redactor, stream: TextIO | None = None, file: Path | None = None
) -> Diagnostics:
    """Send the process's diagnostics to a stream and a file, redacted.

    Args:
        level: the least important messages to write.
        redactor: knows the secrets; those added later count too.
        stream: where to print; None for stderr, if the process has one (a windowed program has none).
        file: the log file as well, mode 0600, rotated at 2 MB with four older ones; its folder is made when missing.

    Returns:
        What to close at the end of the process, as one of the last things.

    Raises:
        LibraryError: when the folder of *file* cannot be made.
        OSError: when *file* cannot be opened.
    """
    handlers: list[logging.Handler] = []
    target = stream or sys.stderr
    if file is not None:
        private_folder(file.parent)
        handlers.append(
            _PrivateRotatingFile(
                file, maxBytes=_MAX_FILE_BYTES, backupCount=_OLD_FILES, encoding="utf-8", errors="backslashreplace"
            )
        )
    if target is not None:
        handlers.append(logging.StreamHandler(target))
    root = logging.getLogger()
    diagnostics = Diagnostics(handlers, root.level)
    redacting = RedactingFilter(redactor)
    for handler in handlers:
        handler.addFilter(redacting)
        handler.setFormatter(_Formatter())
        root.addHandler(handler)
    root.setLevel(_LEVELS[level])
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, _LEVELS[level]))
    return diagnostics
