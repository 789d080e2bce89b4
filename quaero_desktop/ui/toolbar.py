"""The tool bar of the main window: what is done most, and the field to search the library."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QLineEdit, QSizePolicy, QToolBar, QWidget

from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.context import Context

_TOOLS: tuple[ActionId | None, ...] = (
    ActionId.NEW_CRAWL, None, ActionId.RERUN, ActionId.RETRY_FAILED, None,
    ActionId.PAUSE, ActionId.RESUME, ActionId.CANCEL, None, ActionId.DELETE,
)  # fmt: skip
_SEARCH_WIDTH = 320


class ToolBar(QToolBar):
    """Holds the tools and the field; where the window is narrow the tools go without their words.

    Args:
        context: what the parts are given.
        parent: the window.

    Attributes:
        search: the field to search in.
    """

    def __init__(self, context: Context, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = context.theme
        self._words_need = 0
        self.setWindowTitle(self.tr("Tools"))
        self.setObjectName("tools")
        self.setMovable(False)
        self.setIconSize(QSize(16, 16))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        for name in _TOOLS:
            if name is None:
                self.addSeparator()
            else:
                self.addAction(context.actions.action(name))
        space = QWidget(self)
        space.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(space)
        self.search = QLineEdit(self)
        self.search.setObjectName("librarySearch")
        self.search.setPlaceholderText(self.tr("Search library"))
        self.search.setAccessibleName(self.tr("Search the library"))
        self.search.setToolTip(self.tr('Words, "a phrase", -not, prefix*, title: site: lang: … (Ctrl+F)'))
        self.search.setClearButtonEnabled(True)
        self.search.setMaximumWidth(_SEARCH_WIDTH)
        self.search.setMinimumWidth(_SEARCH_WIDTH // 2)
        self._icon = self.search.addAction(
            context.theme.icon("magnifying-glass"), QLineEdit.ActionPosition.LeadingPosition
        )
        self.addWidget(self.search)
        context.theme.changed.connect(self._paint)

    def fit(self, width: int) -> None:
        """Leave the tools their icons only in a window of so many pixels, where it has no room for words."""
        # Without it the field to search in would be the first to go.
        beside, only = Qt.ToolButtonStyle.ToolButtonTextBesideIcon, Qt.ToolButtonStyle.ToolButtonIconOnly
        if self.toolButtonStyle() == beside:
            self._words_need = self.sizeHint().width()
        style = only if width < self._words_need else beside
        if self.toolButtonStyle() != style:
            self.setToolButtonStyle(style)

    def _paint(self) -> None:
        self._icon.setIcon(self._theme.icon("magnifying-glass"))
