"""How promptly a window answers: the gaps between the ticks of a timer on its loop."""

import time

from PySide6.QtCore import Qt, QTimer

TICK_MS = 5


class Ticks:
    """Counts from now on until :meth:`stop`. A gap of 5 ms means that nothing stood in the way."""

    def __init__(self) -> None:
        self._gaps: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK_MS)

    def stop(self) -> list[float]:
        """Return the gaps in milliseconds."""
        self._timer.stop()
        self._tick()
        return self._gaps

    def _tick(self) -> None:
        now = time.perf_counter()
        self._gaps.append((now - self._last) * 1000)
        self._last = now
