"""The sources that a definition collects: chosen from those that there are, or made on the way."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget
from shiboken6 import isValid

from quaero_desktop.domain.sources import Source
from quaero_desktop.ui.context import Context
from quaero_desktop.ui.dialogs.checklist import CheckList, Choice
from quaero_desktop.ui.dialogs.fields import Remark
from quaero_desktop.ui.recipewords import credential_words, site_of
from quaero_desktop.ui.theme import SPACE
from quaero_desktop.ui.widgets.labels import muted


class SourcesPick(QWidget):
    """Lets sources be chosen.

    Args:
        context: of the window.

    Signals:
        changed: others are chosen now.
    """

    changed = Signal()

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.known: dict[int, Source] = {}
        self.list = CheckList(context.theme, self.tr("Sources to collect"), 5, self)
        self.list.setObjectName("definitionSources")
        self.list.chosen_changed.connect(self.changed)
        self.about = Remark(context.theme, self)
        said = self.tr(
            "A crawl without addresses of its own collects each of these, from its address and by its rules."
            " The other steps work on what they collected."
        )
        nothing = self.tr("There are no sources yet. Name the web addresses in the crawl step, or make a source.")
        self._hint, self._nothing = QLabel(said, self), QLabel(nothing, self)
        for label in (self._hint, self._nothing):
            label.setWordWrap(True)
            muted(label, context.theme)
        self._new = QPushButton(self.tr("New s&ource…"), self)
        self._new.setObjectName("newSource")
        self._new.setAutoDefault(False)
        self._new.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._new.clicked.connect(lambda _=False: self._make())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * SPACE)
        for widget in (self._hint, self.list, self._nothing, self._new, self.about):
            layout.addWidget(widget)
        self.setFocusProxy(self.list)
        self.show_sources((), ())

    @property
    def chosen(self) -> tuple[int, ...]:
        """The ids of the sources that are chosen."""
        return self.list.chosen

    def show_sources(self, sources: Sequence[Source], chosen: Sequence[int]) -> None:
        """Show these, with *chosen* ticked."""
        self.known = {source.id: source for source in sources}
        self.list.set_choices([_choice(source) for source in sources], chosen)
        self.list.setVisible(self.list.count() > 0)
        self._nothing.setVisible(not self.list.count())

    def _make(self) -> None:
        """Make a source without leaving the dialog; it is chosen then."""
        from quaero_desktop.ui.dialogs.source import SourceDialog

        dialog = SourceDialog(self._context, self.window(), can_sign_in=False)
        dialog.saved.connect(lambda source_id: self._context.tasks.spawn(self._choose(source_id)))
        dialog.open()

    async def _choose(self, source_id: int) -> None:
        sources = await self._context.services.sources.list()
        if isValid(self):
            self.show_sources(sources, (*self.chosen, source_id))
            self.changed.emit()


def _choice(source: Source) -> Choice:
    site = site_of(source)
    text = source.name if source.name == site else f"{source.name}   {site}"
    signed = f"\n{credential_words(source.credential)}" if source.credential is not None else ""
    off = "" if source.enabled else "   (switched off)"
    return Choice(source.id, f"{text}{off}", f"{source.base_url}{signed}")
