"""Python's cycle collector, run by the main thread alone.

Python collects on whatever thread happens to allocate. When that is a thread of the database and what it frees is an
object of Qt's with a timer, Qt aborts at the next event: objects belong to their thread (https://doc.qt.io/qt-6/threads-qobject.html).
"""

import gc

from PySide6.QtCore import QObject, QTimer

_INTERVAL_MS = 500
_SETTLED_MS = 2_000


class GarbageCollector(QObject):
    """Turns automatic collection off and collects from a timer, as many generations as are due."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thresholds = gc.get_threshold()
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(_SETTLED_MS)
        self._settling.timeout.connect(gc.freeze)

    def settle(self) -> None:
        """Leave what lives soon after this, when the start is over, out of every later collection.

        Modules and the window stay as long as the process. Nothing is collected before: that takes 60 to 80 ms in the
        midst of whatever the person began with, and what the start leaves behind is small.
        """
        self._settling.start()

    def collect(self) -> None:
        """Collect the generations whose thresholds are passed."""
        if self._settling.isActive():
            return
        for generation in (2, 1, 0):
            if gc.get_count()[generation] > self._thresholds[generation]:
                gc.collect(generation)
                return

    def stop(self) -> None:
        """Give collection back to Python."""
        self._timer.stop()
        self._settling.stop()
        gc.unfreeze()
        gc.enable()
