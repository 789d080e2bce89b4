"""The icon in the notification area: how far the work is, and a word when a long crawl ends."""

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.domain.jobs import TERMINAL_STATUSES, Job
from quaero_desktop.domain.words import status_words
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.format import clean, count_of, duration
from quaero_desktop.ui.window import MainWindow

LONG_MS = 60_000
"""A crawl of at least so long is worth a notification when it ends."""
_TIP_MS = 1_000


class Tray(QObject):
    """Shows progress as a tool tip, and a notification when a crawl of over a minute ends unseen.

    Where the system has no such area it does nothing.

    Args:
        context: what the parts are given.
        window: comes forward on a click.
        icon: the application's.
    """

    def __init__(self, context: Context, window: MainWindow, icon: QIcon) -> None:
        super().__init__(window)
        self._context = context
        self._window = window
        self._open: set[int] = set()
        self._icon = QSystemTrayIcon(icon, self)
        menu = QMenu(window)
        menu.addAction(self.tr("Show window"), window.come_forward)
        menu.addAction(context.actions.action(ActionId.NEW_CRAWL))
        menu.addSeparator()
        menu.addAction(context.actions.action(ActionId.QUIT))
        self._icon.setContextMenu(menu)
        self._icon.activated.connect(self._activated)
        self._icon.messageClicked.connect(window.come_forward)
        context.feed.updated.connect(self._update)
        self._timer = QTimer(self)
        self._timer.setInterval(_TIP_MS)
        self._timer.timeout.connect(self._tip)
        if QSystemTrayIcon.isSystemTrayAvailable():
            self._icon.show()
            self._timer.start()

    def hide(self) -> None:
        """Go away, at the end."""
        self._timer.stop()
        self._icon.hide()

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason is QSystemTrayIcon.ActivationReason.Trigger:
            self._window.come_forward()

    def _tip(self) -> None:
        self._icon.setToolTip(f"Quaero Desktop: {self._window.status.sentence}")

    def _update(self, update: FeedUpdate) -> None:
        for job in update.roots:
            if job.status not in TERMINAL_STATUSES:
                self._open.add(job.id)
            elif job.id in self._open:
                self._open.discard(job.id)
                if is_worth_telling(job) and not self._window.isActiveWindow():
                    self._icon.showMessage(clean(job.name, 80), ended_in_words(job), self._icon.icon())


def is_worth_telling(job: Job) -> bool:
    """Return whether somebody may have waited for the end of a job, and gone elsewhere meanwhile."""
    return job.started_at is not None and job.completed_at is not None and job.completed_at - job.started_at > LONG_MS


def ended_in_words(job: Job) -> str:
    """Return how a job ended, like ``✓ done: 1,204 pages in 3 m 2 s, 14 failed``."""
    took = (job.completed_at or 0) - (job.started_at or 0)
    failed = f", {job.failed_children:,} failed" if job.failed_children else ""
    return f"{status_words(job.status)}: {count_of(job.pages, 'page')} in {duration(took / 1000)}{failed}"
