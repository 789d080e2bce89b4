"""The views that nobody sees at a start: imported and made when they are first wanted.

With all that only they need they would take a tenth of a start.
"""

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from quaero_desktop.ui.context import Context

if TYPE_CHECKING:
    from quaero_desktop.ui.views.definitions import DefinitionsView
    from quaero_desktop.ui.views.library import LibraryView
    from quaero_desktop.ui.views.sources import SourcesView


def library_view(context: Context, parent: QWidget) -> "LibraryView":
    """Return a view of the library."""
    from quaero_desktop.ui.views.library import LibraryView

    return LibraryView(context, parent)


def definitions_view(context: Context, parent: QWidget) -> "DefinitionsView":
    """Return a view of the definitions."""
    from quaero_desktop.ui.views.definitions import DefinitionsView

    return DefinitionsView(context, parent)


def sources_view(context: Context, parent: QWidget) -> "SourcesView":
    """Return a view of the sources."""
    from quaero_desktop.ui.views.sources import SourcesView

    return SourcesView(context, parent)
