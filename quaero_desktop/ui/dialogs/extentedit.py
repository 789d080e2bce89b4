"""How far a crawl goes: which part of a site, how many links deep, and to how many pages."""

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from quaero_desktop.domain.scope import Extent, ScopeKind
from quaero_desktop.ui.state import WindowState
from quaero_desktop.ui.theme import SPACE, Theme
from quaero_desktop.ui.widgets.labels import ElidedLabel, Heading, muted

_SCOPES: tuple[ScopeKind, ...] = ("host", "prefix", "domain")
_NO_LIMIT = 0


class ExtentEdit(QWidget):
    """Asks how far a crawl goes, and says what that means for its addresses.

    Args:
        theme: for colours.

    Signals:
        scope_changed: another part of the site is chosen.
    """

    scope_changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scopes = QButtonGroup(self)
        self._examples: list[ElidedLabel] = []
        for number, text in enumerate(
            (self.tr("This &site"), self.tr("Below this &folder"), self.tr("The whole &domain"))
        ):
            radio = QRadioButton(text, self)
            radio.setObjectName(f"scope_{_SCOPES[number]}")
            self._scopes.addButton(radio, number)
            example = ElidedLabel("", Qt.TextElideMode.ElideMiddle, self)
            self._examples.append(cast("ElidedLabel", muted(example, theme)))
        self._scopes.idToggled.connect(lambda _, on: self.scope_changed.emit() if on else None)
        self._depth = QSpinBox(self)
        self._depth.setObjectName("depth")
        self._depth.setRange(0, 1000)
        self._depth.setAccessibleName(self.tr("How many links deep"))
        self._depth.setToolTip(self.tr("How many links it may take from a first page; 0 takes the first pages only"))
        self._pages = QSpinBox(self)
        self._pages.setObjectName("pageLimit")
        self._pages.setRange(_NO_LIMIT, 100_000_000)
        self._pages.setSingleStep(100)
        self._pages.setGroupSeparatorShown(True)
        self._pages.setSpecialValueText(self.tr("no limit"))
        self._pages.setAccessibleName(self.tr("Most pages"))
        self._pages.setToolTip(self.tr("What is found beyond that is listed as skipped"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        column.addWidget(Heading(self.tr("How far")))
        column.addLayout(self._scopes_grid())
        column.addLayout(self._limits_row())

    def _scopes_grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(3 * SPACE)
        grid.setVerticalSpacing(SPACE)
        grid.setColumnStretch(1, 1)
        for number, example in enumerate(self._examples):
            grid.addWidget(self._scopes.button(number), number, 0)
            grid.addWidget(example, number, 1)
        return grid

    def _limits_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(0, 2 * SPACE, 0, 0)
        row.setSpacing(2 * SPACE)
        deep = QLabel(self.tr("Follow links &up to"), self)
        deep.setBuddy(self._depth)
        stop = QLabel(self.tr("Stop &after"), self)
        stop.setBuddy(self._pages)
        for widget in (deep, self._depth, QLabel(self.tr("links deep"), self)):
            row.addWidget(widget)
        row.addSpacing(6 * SPACE)
        for widget in (stop, self._pages, QLabel(self.tr("pages"), self)):
            row.addWidget(widget)
        row.addStretch(1)
        return row

    @property
    def scope(self) -> ScopeKind:
        """Which part of a site is chosen."""
        return _SCOPES[max(0, self._scopes.checkedId())]

    @property
    def max_depth(self) -> int:
        """How many links deep it goes."""
        return self._depth.value()

    @property
    def max_pages(self) -> int | None:
        """The most pages; None for no limit."""
        return self._pages.value() or None

    def set_scope(self, scope: str) -> None:
        """Choose a part of the site; the first of them where there is none of that name."""
        self._scopes.button(_SCOPES.index(scope) if scope in _SCOPES else 0).setChecked(True)

    def set_depth(self, depth: int) -> None:
        """Show how many links deep it goes."""
        self._depth.setValue(depth)

    def set_max_pages(self, pages: int | None) -> None:
        """Show the most pages; None for no limit."""
        self._pages.setValue(pages or _NO_LIMIT)

    def show_examples(self, seeds: Sequence[str]) -> None:
        """Say what each choice means for a crawl that begins at *seeds*."""
        if not seeds:
            said = (
                self.tr("every page of the same host"),
                self.tr("only what lies below the address"),
                self.tr("the site with all subdomains"),
            )
        else:
            host, folder, domain = (Extent(kind, tuple(seeds)).name.removeprefix(f"{kind}: ") for kind in _SCOPES)
            said = (
                self.tr("every page of %s") % host,
                self.tr("only what lies below %s") % folder,
                self.tr("%s with all subdomains") % domain,
            )
        for number, text in enumerate(said):
            self._examples[number].setText(text)
            self._scopes.button(number).setAccessibleDescription(text)

    # --- what is remembered -------------------------------------------------------------------------------------------

    def restore(self, state: WindowState, scope: str, depth: int) -> None:
        """Show what was chosen last time, unless the setting was changed since: then that counts.

        Args:
            state: where it is remembered.
            scope: of the settings.
            depth: of the settings.
        """
        self.set_scope(state.text("newCrawl/scope", scope) if state.text("newCrawl/usualScope") == scope else scope)
        same = state.number("newCrawl/usualDepth", -1) == depth
        self.set_depth(state.number("newCrawl/depth", depth) if same else depth)

    def remember(self, state: WindowState, scope: str, depth: int) -> None:
        """Remember what is chosen, and the settings that it was chosen under; see :meth:`restore`."""
        state.set("newCrawl/scope", self.scope)
        state.set("newCrawl/usualScope", scope)
        state.set("newCrawl/depth", self.max_depth)
        state.set("newCrawl/usualDepth", depth)
