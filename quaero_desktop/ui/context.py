"""What every part of the window is given."""

from typing import TYPE_CHECKING

from quaero_desktop.services.compose import Services
from quaero_desktop.ui.actions import Actions
from quaero_desktop.ui.notices import Notices
from quaero_desktop.ui.state import WindowState
from quaero_desktop.ui.tasks import Tasks
from quaero_desktop.ui.theme import Theme

if TYPE_CHECKING:
    from quaero_desktop.services.configuration import Settings
    from quaero_desktop.ui.feed import JobFeed


class Context:
    """The open library and what the parts of the window share.

    Attributes:
        services: the only way to the library and the engine.
        feed: tells which jobs changed.
        tasks: runs coroutines.
        actions: everything that can be done, once each.
        theme: colours, fonts, icons.
        notices: where to say things to the person.
        state: what is remembered from one start to the next.
        settings: those in force.
    """

    def __init__(
        self,
        *,
        services: Services,
        feed: "JobFeed",
        tasks: Tasks,
        actions: Actions,
        theme: Theme,
        notices: Notices,
        state: WindowState,
        settings: "Settings",
    ) -> None:
        self.services = services
        self.feed = feed
        self.tasks = tasks
        self.actions = actions
        self.theme = theme
        self.notices = notices
        self.state = state
        self.settings = settings
