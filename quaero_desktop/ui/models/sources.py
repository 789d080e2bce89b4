"""The sources as Qt sees them: one row each, by name."""

from enum import IntEnum

from PySide6.QtCore import QCoreApplication, QObject

from quaero_desktop.domain.sources import Source
from quaero_desktop.ui.format import clean, count
from quaero_desktop.ui.models.switchtable import SwitchTable
from quaero_desktop.ui.recipewords import credential_words, site_of
from quaero_desktop.ui.theme import Theme


class Column(IntEnum):
    """The columns, from left to right."""

    ENABLED = 0
    NAME = 1
    ADDRESS = 2
    SIGN_IN = 3
    DOCUMENTS = 4


class SourceModel(SwitchTable[Source]):
    """Holds the sources.

    Args:
        theme: for the colour of what is switched off.
    """

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        tr = QCoreApplication.translate
        titles = (
            tr("SourceModel", "On"),
            tr("SourceModel", "Name"),
            tr("SourceModel", "Address"),
            tr("SourceModel", "Sign-in"),
            tr("SourceModel", "Documents"),
        )
        super().__init__(theme, titles, parent, numeric=(Column.DOCUMENTS,))

    def id_of(self, row: Source) -> int:
        """Return its id."""
        return row.id

    def name_of(self, row: Source) -> str:
        """Return its name."""
        return row.name

    def is_on(self, row: Source) -> bool:
        """Whether it is switched on."""
        return row.enabled

    def _line(self, row: Source) -> tuple[str, ...]:
        return "", clean(row.name), site_of(row), clean(credential_words(row.credential)), count(row.documents)

    def _tip(self, row: Source, column: int) -> str:
        return row.base_url if column in (Column.NAME, Column.ADDRESS) else self._line(row)[column]
