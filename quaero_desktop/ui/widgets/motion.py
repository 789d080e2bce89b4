"""Motion only to explain something, short, and none at all where the system wants none."""

from PySide6.QtCore import QAbstractAnimation, QEasingCurve, QPropertyAnimation, Qt
from PySide6.QtWidgets import QApplication, QStyle, QWidget

SLIDE_MS = 120
"""How long something takes to slide in, in milliseconds."""
_NO_LIMIT = 16_777_215  # QWIDGETSIZE_MAX


def wanted() -> bool:
    """Return whether the system lets things move."""
    duration = QApplication.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration)
    return duration > 0 and QApplication.isEffectEnabled(Qt.UIEffect.UI_General)


def slide_in(widget: QWidget) -> None:
    """Show *widget*, which grows to its height from the top."""
    if widget.isVisible():
        return
    widget.setMaximumHeight(_NO_LIMIT)
    widget.show()
    window = widget.window()
    if not wanted() or not window.isVisible():
        return
    height = widget.heightForWidth(widget.width()) if widget.hasHeightForWidth() else widget.sizeHint().height()
    animation = QPropertyAnimation(widget, b"maximumHeight", widget)
    animation.setDuration(SLIDE_MS)
    animation.setEasingCurve(QEasingCurve.Type.OutCubic)
    animation.setStartValue(0)
    animation.setEndValue(max(1, height))
    # What comes later may need more room than what slid in.
    animation.finished.connect(lambda: widget.setMaximumHeight(_NO_LIMIT))
    animation.start(QAbstractAnimation.DeletionPolicy.DeleteWhenStopped)
