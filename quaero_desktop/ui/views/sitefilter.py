"""Only what is of one site."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QWidget


class SiteFilter(QComboBox):
    """A choice of the sites there are; hidden while there is only one.

    Attributes:
        site: what is chosen; empty for all.

    Signals:
        chosen: another one is wanted.
    """

    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.site = ""
        self.setObjectName("siteFilter")
        self.setAccessibleName(self.tr("Site"))
        self.setToolTip(self.tr("Only pages of this site"))
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.activated.connect(self._choose)
        self.hide()

    def show_sites(self, hosts: Sequence[str]) -> None:
        """Offer these; one that is gone is not chosen any more."""
        if self.site and self.site not in hosts:
            self.site = ""
        shown = [self.itemData(index) for index in range(1, self.count())]
        if shown != list(hosts):
            self.clear()
            self.addItem(self.tr("All sites"), "")
            for host in hosts:
                self.addItem(host, host)
        self.setCurrentIndex(max(0, self.findData(self.site)))
        self.setVisible(len(hosts) > 1)

    def _choose(self, index: int) -> None:
        self.site = str(self.itemData(index) or "")
        self.chosen.emit()
