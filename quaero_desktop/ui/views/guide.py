"""The user guide, in a window of its own: its pages lie on the disk, with their pictures."""

from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import (
    QImage,
    QKeySequence,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextDocument,
    QTextLength,
)
from PySide6.QtWidgets import QDialog, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.rendering import Renderer
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.views.document import open_web_address
from quaero_desktop.ui.views.documentpage import Page

_SIZE = QSize(860, 760)
_WIDTH = 780
"""Of the text and of the largest pictures, in pixels."""
_PICTURE = "\ufffc"


class _Place(msgspec.Struct):
    """A page of the guide and where it was left, for the way back.

    Attributes:
        file: of the page.
        scroll: how far down, in pixels.
    """

    file: Path
    scroll: int = 0


class _GuideRenderer(Renderer):
    """Renders a page of ours: unlike those of other people it has pictures, and links to its neighbours.

    Args:
        theme: colours and fonts.
        url: of the page's file.
        folder: the documentation; nothing outside of it is shown.
    """

    def __init__(self, theme: Theme, url: str, folder: Path) -> None:
        super().__init__(theme, url)
        self._folder = folder

    def target_of(self, href: str) -> str | None:
        """Return the address that a link means: of the web, or of a file that came with the program; else None."""
        target = QUrl(self._url).resolved(QUrl(href))
        if target.scheme() in ("http", "https"):
            return target.toString()
        file = Path(target.toLocalFile())
        inside = target.isLocalFile() and file.is_relative_to(self._folder)
        return target.toString() if inside and file.is_file() else None

    def _instead_of_image(self, span: QTextCharFormat) -> tuple[QTextCharFormat, str | None]:
        image = span.toImageFormat()
        target = self.target_of(image.name())
        if target is None:
            return super()._instead_of_image(span)
        image.setName(target)
        image.setToolTip("")
        image.setMaximumWidth(QTextLength(QTextLength.Type.PercentageLength, 100))
        return image, None

    def _form(self, form: QTextBlockFormat, block: QTextBlock, *, in_table: bool) -> None:
        super()._form(form, block, in_table=in_table)
        if block.text() == _PICTURE:
            # A proportional height would leave a third of the picture empty above it.
            form.setLineHeight(100, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)


class _GuidePage(Page):
    """The text of a page of the guide.

    Args:
        theme: colours and fonts.
        folder: the documentation.
    """

    def __init__(self, theme: Theme, folder: Path, parent: QWidget) -> None:
        super().__init__(theme, parent)
        self.setObjectName("guidePage")
        self.setAccessibleName(self.tr("User guide"))
        self._folder = folder

    def loadResource(self, kind: int, name: QUrl | str) -> Any:  # noqa: N802 (Qt's name)
        """Load a picture of the documentation, and nothing else."""
        file = Path(QUrl(name).toLocalFile())
        if kind != QTextDocument.ResourceType.ImageResource.value or not file.is_relative_to(self._folder):
            return None
        picture = QImage(str(file))
        # Qt would scale it as it paints, and roughly: small letters in it could not be read.
        ratio = self.devicePixelRatioF()
        if picture.width() > _WIDTH * ratio:
            picture = picture.scaledToWidth(round(_WIDTH * ratio), Qt.TransformationMode.SmoothTransformation)
            picture.setDevicePixelRatio(ratio)
        return picture

    def _measure(self) -> float:
        return _WIDTH

    def _renderer_of(self, url: str) -> Renderer:
        return _GuideRenderer(self._theme, url, self._folder)


class GuideWindow(QDialog):
    """Shows the user guide, and what it leads to.

    Args:
        context: of the window.
        start: the guide's first page.
        parent: the window.
    """

    def __init__(self, context: Context, start: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("guide")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("User guide"))
        self.resize(_SIZE)
        self._context = context
        self._start = start
        self._folder = start.parent.parent
        self._places: list[_Place] = []
        self._at = -1
        self.page = _GuidePage(context.theme, self._folder, self)
        self.page.anchorClicked.connect(self._follow)
        self._back = self._button("arrow-left", self.tr("Back"), QKeySequence.StandardKey.Back)
        self._back.clicked.connect(lambda _=False: self._go(-1))
        self._forward = self._button("arrow-right", self.tr("Forward"), QKeySequence.StandardKey.Forward)
        self._forward.clicked.connect(lambda _=False: self._go(1))
        self._contents = self._button("list", self.tr("Contents"), None)
        self._contents.clicked.connect(lambda _=False: self.open_page(self._start))
        tools = QHBoxLayout()
        tools.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
        tools.setSpacing(SPACE)
        for button in (self._back, self._forward, self._contents):
            tools.addWidget(button)
        tools.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(tools)
        layout.addWidget(self.page, 1)
        context.theme.changed.connect(self._paint)
        self._paint()
        self.open_page(start)
        self.page.setFocus()

    @property
    def file(self) -> Path:
        """The page that is shown."""
        return self._places[self._at].file

    def open_page(self, file: Path, fragment: str = "") -> None:
        """Go to a page, and to one of its headings.

        Args:
            file: in the folder of the documentation.
            fragment: which names the heading; empty for the beginning.
        """
        self._leave()
        same = self._at >= 0 and self.file == file
        del self._places[self._at + 1 :]
        self._places.append(_Place(file))
        self._at += 1
        if not same:
            self._show()
        self.page.scroll_to_heading(fragment)
        self._enable()

    def _button(self, icon: str, text: str, key: QKeySequence.StandardKey | None) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(f"guide_{icon}")
        button.setProperty("glyph", icon)
        button.setText(text)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setAutoRaise(True)
        if key is not None:
            button.setShortcut(QKeySequence(key))
        return button

    def _follow(self, link: QUrl) -> None:
        target = QUrl(QUrl.fromLocalFile(str(self.file))).resolved(link)
        file = Path(target.toLocalFile())
        if not target.isLocalFile():
            open_web_address(target.toString())
        elif file.is_relative_to(self._folder):
            self.open_page(file, target.fragment())

    def _go(self, step: int) -> None:
        self._leave()
        self._at += step
        self._show()
        self._enable()

    def _leave(self) -> None:
        if self._at >= 0:
            self._places[self._at].scroll = self.page.verticalScrollBar().value()

    def _show(self) -> None:
        place = self._places[self._at]
        try:
            markdown = place.file.read_text(encoding="utf-8")
        except OSError as error:
            self._context.notices.error(
                KnownError(
                    f"The page “{place.file.name}” of the user guide cannot be read: {error}.",
                    "Install Quaero again to have it.",
                )
            )
            return
        self.page.show_markdown(markdown, QUrl.fromLocalFile(str(place.file)).toString(), scroll=place.scroll)

    def _enable(self) -> None:
        self._back.setEnabled(self._at > 0)
        self._forward.setEnabled(self._at < len(self._places) - 1)

    def _paint(self) -> None:
        for button in (self._back, self._forward, self._contents):
            button.setIcon(self._context.theme.icon(button.property("glyph")))
        if self._at >= 0:
            self._leave()
            self._show()
