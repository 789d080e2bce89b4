"""What a document is: title, address, when it was fetched, and what is the matter with it."""

import time

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from quaero_desktop.domain.documents import Document
from quaero_desktop.ui.format import clean, day, exact, relative, size, tool_tip
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.views.documentpage import MARGIN
from quaero_desktop.ui.widgets.labels import ElidedLabel, muted

_MOST_TITLE = 140
_MOST_TITLE_TIP = 1_000


class DocumentHeader(QWidget):
    """Says it above the text.

    Signals:
        other_wanted: the id of the document with the same text, which is to be shown.
    """

    other_wanted = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._document: Document | None = None
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self._title = QLabel(self)
        self._title.setObjectName("documentTitle")
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._title.setWordWrap(True)
        self._title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._title.setFont(theme.font_large())
        self._title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._address = ElidedLabel("", Qt.TextElideMode.ElideMiddle, self)
        self._address.setObjectName("documentAddress")
        muted(self._address, theme)
        self._facts = muted(QLabel(self), theme)
        self._facts.setObjectName("documentFacts")
        self._facts.setForegroundRole(QPalette.ColorRole.WindowText)
        self._facts.setTextFormat(Qt.TextFormat.PlainText)
        self._facts.setWordWrap(True)
        for label in (self._address, self._facts):
            label.setFont(theme.font_small())
        self.back = self._button("caret-left", self.tr("Back"), self.tr("Alt+Left"))
        self.forward = self._button("caret-right", self.tr("Forward"), self.tr("Alt+Right"))
        self.copy = self._button("copy", self.tr("Copy address"))
        self.browser = self._button("globe", self.tr("Open in browser"))
        self._other = QPushButton(self.tr("Show the other"), self)
        self._other.setFlat(True)
        self._other.setCursor(Qt.CursorShape.PointingHandCursor)
        self._other.clicked.connect(self._want_other)
        self._notes = QVBoxLayout()
        self._notes.setSpacing(SPACE)

        top = QHBoxLayout()
        top.setSpacing(0)
        top.addWidget(self._title, 1)
        top.addSpacing(3 * SPACE)
        for button in (self.back, self.forward, self.copy, self.browser):
            top.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, 3 * SPACE, 3 * SPACE, 3 * SPACE)
        layout.setSpacing(SPACE)
        layout.addLayout(top)
        layout.addWidget(self._address)
        layout.addWidget(self._facts)
        layout.addLayout(self._notes)
        theme.changed.connect(self._paint)

    def show_document(self, document: Document) -> None:
        """Say what a document is."""
        self._document = document
        title = document.title or document.url
        # In large letters more of it takes the room of the text.
        self._title.setText(clean(title, _MOST_TITLE))
        self._title.setToolTip(tool_tip(clean(title, _MOST_TITLE_TIP)) if len(title) > _MOST_TITLE else "")
        self._address.setText(document.url)
        self.tell_time()
        self._paint()

    def show_history(self, back: bool, forward: bool) -> None:
        """Offer the ways back and forward, where there is either."""
        self.back.setEnabled(back)
        self.forward.setEnabled(forward)
        for button in (self.back, self.forward):
            button.setVisible(back or forward)

    def say_copied(self) -> None:
        """Say for a moment that the address was copied."""
        self.copy.setIcon(self._theme.icon("check"))
        QTimer.singleShot(1_200, self.copy, lambda: self.copy.setIcon(self._theme.icon("copy")))

    def tell_time(self) -> None:
        """Say how long ago it was fetched, and what else there is to know."""
        document = self._document
        if document is None:
            return
        now = time.time_ns() // 1_000_000
        facts = [self.tr("Fetched %s") % relative(document.fetched_at, now)]
        if document.checked_at > document.fetched_at:
            facts.append(self.tr("confirmed %s") % relative(document.checked_at, now))
        if document.published_at is not None:
            facts.append(self.tr("published %s") % day(document.published_at))
        if document.author:
            facts.append(clean(document.author, 80))
        if document.version > 1:
            facts.append(self.tr("version %d, changed %s") % (document.version, relative(document.changed_at, now)))
        if document.language:
            facts.append(document.language)
        facts.append(size(len(document.markdown.encode())))
        self._facts.setText(" · ".join(facts))
        self._facts.setToolTip(self.tr("Fetched %s") % exact(document.fetched_at))

    def _button(self, icon: str, text: str, keys: str = "") -> QToolButton:
        button = QToolButton(self)
        button.setAutoRaise(True)
        button.setIcon(self._theme.icon(icon))
        button.setAccessibleName(text)
        button.setToolTip(f"{text} ({keys})" if keys else text)
        button.setProperty("icon_name", icon)
        return button

    def _paint(self) -> None:
        for button in (self.back, self.forward, self.copy, self.browser):
            button.setIcon(self._theme.icon(button.property("icon_name")))
        while (item := self._notes.takeAt(0)) is not None:
            row = item.widget()
            if row is not None:
                self._other.setParent(self)
                row.deleteLater()
        self._other.hide()
        document = self._document
        if document is None:
            return
        if document.gone_at is not None:
            self._note(
                "warning",
                self.tr("The site says that this page is gone (since %s). This is its last copy.")
                % day(document.gone_at),
            )
        if document.duplicate_of is not None:
            self._note("copy-simple", self.tr("The same text as another page of the library."), other=True)
        if document.truncated:
            self._note("scissors", self.tr("Part of this page was lost: it is too large or nested too deeply."))
        if document.thin:
            self._note("article", self.tr("Hardly any text was found on this page."))

    def _note(self, icon: str, sentence: str, *, other: bool = False) -> None:
        row = QWidget(self)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE)
        picture = QLabel(row)
        picture.setPixmap(self._theme.icon_in(icon, self._theme.status_colour("paused")).pixmap(14, 14))
        text = QLabel(sentence, row)
        text.setTextFormat(Qt.TextFormat.PlainText)
        text.setFont(self._theme.font_small())
        text.setWordWrap(not other)
        layout.addWidget(picture, 0)
        layout.addWidget(text, 0 if other else 1)
        if other:
            self._other.setFont(self._theme.font_small())
            palette = self._other.palette()
            palette.setColor(QPalette.ColorRole.ButtonText, self.palette().color(QPalette.ColorRole.Link))
            self._other.setPalette(palette)
            layout.addWidget(self._other)
            layout.addStretch(1)
            self._other.show()
        self._notes.addWidget(row)

    def _want_other(self) -> None:
        if self._document is not None and self._document.duplicate_of is not None:
            self.other_wanted.emit(self._document.duplicate_of)
