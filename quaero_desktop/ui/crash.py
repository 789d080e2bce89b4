"""One reporter for what is our own fault: wherever it surfaces, the person is told once and can copy the details."""

import asyncio
import contextlib
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from PySide6.QtCore import QMessageLogContext, QObject, Qt, QtMsgType, Signal, qInstallMessageHandler

from quaero_desktop.services.compose import without_secrets

_log = logging.getLogger(__name__)
_qt_log = logging.getLogger("qt")

_QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}
_MOST_TOLD = 3
"""After so many a person has understood; the rest goes to the log alone."""


class CrashReporter(QObject):
    """Takes errors from every place where they can surface, logs them and tells the window.

    Signals:
        crashed: the details, without secrets, for the crash dialog; always in the main thread.
    """

    crashed = Signal(str)
    _reported = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._told = 0
        # A thread may report; widgets may only be touched by the main one.
        self._reported.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    def report(self, error: BaseException) -> None:
        """Report an error of ours, from any thread."""
        details = without_secrets("".join(traceback.format_exception(error)))
        _log.error("a mistake of ours:\n%s", details)
        self._reported.emit(details)

    @contextlib.contextmanager
    def installed(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Listen wherever errors surface: the interpreter, threads, the event loop, Qt's messages."""
        before = sys.excepthook, threading.excepthook
        sys.excepthook = self._from_interpreter
        threading.excepthook = self._from_thread
        loop.set_exception_handler(self._from_loop)
        handler_before = qInstallMessageHandler(_from_qt)
        try:
            yield
        finally:
            sys.excepthook, threading.excepthook = before
            loop.set_exception_handler(None)
            qInstallMessageHandler(handler_before)

    def _tell(self, details: str) -> None:
        self._told += 1
        if self._told <= _MOST_TOLD:
            self.crashed.emit(details)

    def _from_interpreter(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt | SystemExit):
            sys.__excepthook__(kind, error, trace)
            return
        self.report(error.with_traceback(trace))

    def _from_thread(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
            self.report(arguments.exc_value)

    def _from_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            self.report(error)
        else:
            _log.error("the event loop says: %s", context.get("message"))


def _from_qt(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    _qt_log.log(_QT_LEVELS.get(kind, logging.WARNING), "%s", message)
