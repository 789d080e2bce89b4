"""A second start raises the first window and hands over its addresses, through a local socket of this user alone."""

import hashlib
import json
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

_PATIENCE_MS = 2_000
_MOST_BYTES = 256 * 1024
_ANSWER = b"shown\n"


def hand_over(library: Path, urls: list[str]) -> bool:
    """Ask the window that has *library* open to come forward and to crawl *urls*; return whether one did."""
    socket = QLocalSocket()
    socket.connectToServer(_name(library))
    if not socket.waitForConnected(_PATIENCE_MS):
        return False
    try:
        socket.write(json.dumps({"urls": urls}).encode() + b"\n")
        socket.flush()
        return socket.waitForReadyRead(_PATIENCE_MS) and bytes(socket.readAll().data()) == _ANSWER
    finally:
        socket.disconnectFromServer()


class FirstWindow(QObject):
    """Listens for later starts. Whoever holds the library's lock is the first one.

    Args:
        library: the folder of the open library.

    Signals:
        started_again: the addresses that the later start was given.
    """

    started_again = Signal(list)

    def __init__(self, library: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._greet)
        name = _name(library)
        if not self._server.listen(name):
            # A crash leaves its socket behind, and nobody else can be the first: we hold the lock.
            QLocalServer.removeServer(name)
            self._server.listen(name)

    def close(self) -> None:
        """Listen no more."""
        self._server.close()

    def _greet(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.readyRead.connect(lambda socket=socket: self._read(socket))
            socket.disconnected.connect(socket.deleteLater)
            self._read(socket)

    def _read(self, socket: QLocalSocket) -> None:
        if socket.bytesAvailable() > _MOST_BYTES:
            socket.abort()
            return
        if not socket.canReadLine():
            return
        try:
            urls = json.loads(bytes(socket.readLine().data()))["urls"]
        except (ValueError, KeyError, TypeError):
            socket.abort()
            return
        socket.write(_ANSWER)
        socket.flush()
        socket.disconnectFromServer()
        self.started_again.emit([url for url in urls if isinstance(url, str)] if isinstance(urls, list) else [])


def _name(library: Path) -> str:
    return f"quaero-{hashlib.sha256(str(library).encode()).hexdigest()[:24]}"
