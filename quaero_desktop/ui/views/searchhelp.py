"""What can be typed into the search field."""

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QToolButton, QWidget

from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import muted

_HELP = (
    ("backup restore", "both words, in any order"),
    ('"point in time"', "these words, in this order"),
    ("vacuum OR analyze", "either of the two"),
    ("index -btree", "without that word"),
    ("config*", "words that begin so"),
    ("title:install", "in the title"),
    ("site:docs.python.org", "of that site"),
    ("url:tutorial", "with that in the address"),
    ("after:2024-05  before:2025", "from then on, until then"),
    ("lang:de", "in that language"),
)


class SearchHelp(QFrame):
    """Shows it beside the field, until anything else is clicked.

    Args:
        theme: for fonts and colours.
        parent: who shows it.
    """

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("searchHelp")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        grid = QGridLayout(self)
        grid.setContentsMargins(4 * SPACE, 4 * SPACE, 4 * SPACE, 4 * SPACE)
        grid.setHorizontalSpacing(6 * SPACE)
        grid.setVerticalSpacing(2 * SPACE)
        for row, (example, meaning) in enumerate(_HELP):
            typed = QLabel(example)
            typed.setTextFormat(Qt.TextFormat.PlainText)
            typed.setFont(theme.font_fixed())
            grid.addWidget(typed, row, 0)
            grid.addWidget(muted(QLabel(meaning), theme), row, 1)


class HelpButton(QToolButton):
    """Shows it below itself.

    Args:
        theme: for fonts, colours and the icon.
        parent: where it stands.
    """

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setAutoRaise(True)
        self.setToolTip(self.tr("How to search"))
        self.setAccessibleName(self.tr("How to search"))
        self.clicked.connect(self.show_help)
        theme.changed.connect(self._paint)
        self._paint()

    def show_help(self) -> None:
        """Show what can be typed."""
        shown = SearchHelp(self._theme, self.parentWidget() or self)
        place = self.mapToGlobal(QPoint(0, self.height() + SPACE))
        shown.adjustSize()
        shown.move(place - QPoint(max(0, shown.width() - self.width()) // 2, 0))
        shown.show()

    def _paint(self) -> None:
        self.setIcon(self._theme.icon("question"))
