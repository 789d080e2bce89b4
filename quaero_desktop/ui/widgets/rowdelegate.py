"""How a row of a small table or list is painted: boxes to tick that can be seen in the dark, and no frame of focus."""

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from quaero_desktop.ui.theme import Theme


class RowDelegate(QStyledItemDelegate):
    """Paints cells as the style does, but for that.

    Args:
        theme: for the colours of boxes.
    """

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def initStyleOption(  # noqa: N802 (Qt's name)
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Prepare how a cell looks."""
        super().initStyleOption(option, index)
        # The whole row is current, and shows it by its colour.
        option.state &= ~QStyle.StateFlag.State_HasFocus
        if option.features & QStyleOptionViewItem.ViewItemFeature.HasCheckIndicator:
            option.palette = self._theme.for_ticks(option.palette)
