"""What can be done with the results that are selected in the library."""

from collections.abc import Sequence

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from quaero_desktop.domain.documents import Document
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.format import count_of
from quaero_desktop.ui.views.document import open_web_address
from quaero_desktop.ui.views.resultlist import ResultList

_MOST_TABS = 10
_MOST_COPIED = 50


class ResultActions(QObject):
    """The actions of a list of results: by its context menu, and by keys anywhere beside it.

    Args:
        context: the open library and what the window shares.
        results: the list.
        parent: where the keys work.
    """

    def __init__(self, context: Context, results: ResultList, parent: QWidget) -> None:
        super().__init__(parent)
        self._context = context
        self._theme = context.theme
        self._results = results
        self._place = parent
        self._actions = self._make()
        results.customContextMenuRequested.connect(self._show_menu)
        self._theme.changed.connect(self._paint)
        self._paint()

    def menu(self) -> QMenu:
        """Return the menu of the selected results; it deletes itself."""
        menu = QMenu(self._place)
        menu.aboutToHide.connect(menu.deleteLater)
        several = len(self._results.selected()) > 1
        for name, action in self._actions.items():
            if name == "export":
                menu.addSeparator()
            menu.addAction(action)
        self._actions["read"].setEnabled(not several)
        return menu

    def _make(self) -> dict[str, QAction]:
        made: dict[str, QAction] = {}
        for name, text, icon, keys, slot in (
            ("read", self.tr("Open"), "file-text", "", self._results.read_wanted.emit),
            ("browser", self.tr("Open in browser"), "globe", "Ctrl+B", self._open_in_browser),
            ("address", self.tr("Copy address"), "copy", "Ctrl+Shift+C", self._copy_addresses),
            ("markdown", self.tr("Copy as markdown"), "clipboard-text", "Ctrl+Shift+M", self._copy_markdown),
            ("export", self.tr("Export selection…"), "download-simple", "", self._export),
        ):
            action = QAction(text, self._place)
            action.setProperty("icon_name", icon)
            if keys:
                action.setShortcut(QKeySequence(keys))
                # The registry's action of these keys is for jobs, and disabled while documents are shown.
                action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(lambda _=False, slot=slot: slot())
            self._place.addAction(action)
            made[name] = action
        return made

    def _paint(self) -> None:
        for action in self._actions.values():
            action.setIcon(self._theme.icon(action.property("icon_name")))

    def _show_menu(self, at: QPoint) -> None:
        if self._results.selected():
            self._results.chosen_by_hand = True
            self.menu().popup(self._results.viewport().mapToGlobal(at))

    def _open_in_browser(self) -> None:
        for result in self._results.selected()[:_MOST_TABS]:
            open_web_address(result.url)

    def _copy_addresses(self) -> None:
        addresses = [result.url for result in self._results.selected()]
        if addresses:
            QGuiApplication.clipboard().setText("\n".join(addresses))
            self._context.notices.show(
                self.tr("%s copied.") % (self.tr("Address") if len(addresses) == 1 else f"{len(addresses)} addresses"),
                key="copied",
            )

    def _copy_markdown(self) -> None:
        ids = [result.document_id for result in self._results.selected()]
        if ids:
            self._context.tasks.latest((id(self), "copy"), self._copy(ids))

    async def _copy(self, ids: Sequence[int]) -> None:
        documents = [await self._context.services.library.document(document_id) for document_id in ids[:_MOST_COPIED]]
        QGuiApplication.clipboard().setText("\n\n".join(map(as_markdown, documents)))
        self._context.notices.show(self.tr("%s copied as markdown.") % count_of(len(documents), "page"), key="copied")

    def _export(self) -> None:
        self._results.chosen_by_hand = True
        self._context.actions.trigger(ActionId.EXPORT)


def as_markdown(document: Document) -> str:
    """Return a page as markdown for somewhere else: under its title, with where it is from."""
    title = " ".join(document.title.split()) or document.url
    starts_with_it = document.markdown.lstrip().startswith(f"# {title}")
    head = "" if starts_with_it else f"# {title}\n\n"
    return f"{head}<{document.url}>\n\n{document.markdown}\n"
