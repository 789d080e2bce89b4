"""Pages put into a library without a server: as the crawler would have stored them."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject, QUrl

from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.ports import NewRoot
from quaero_desktop.domain.queue import NO_PACE
from quaero_desktop.services.compose import Services
from tests.support.outcomes import stored

if TYPE_CHECKING:
    from tests.support.qtwindow import QtWorld

T = TypeVar("T")
Q = TypeVar("Q", bound=QObject)

SITE = "https://docs.site.test/"


async def store(services: Services, pages: Mapping[str, str | dict[str, Any]]) -> dict[str, int]:
    """Store pages as one crawl, in their order.

    Args:
        services: of a library that is open for writing.
        pages: by URL, or by what follows :data:`SITE`; the markdown, or fields of a parsed page.

    Returns:
        The ids of the documents under the same names.
    """
    full = {name: name if "://" in name else SITE + name for name in pages}
    ledger = services.jobs._ledger
    await ledger.start(NewRoot(name="docs.site.test", config=CrawlConfig(seeds=tuple(full.values()))))
    by_url = {url: pages[name] for name, url in full.items()}
    while assignments := (await ledger.receive(1, NO_PACE)).assignments:
        (assignment,) = assignments
        url = assignment.job.url or ""
        fields = by_url[url]
        await ledger.complete(
            assignment.delivery.receipt, stored(url, **({"markdown": fields} if isinstance(fields, str) else fields))
        )
    return {name: (await services.library.document(url)).id for name, url in full.items()}


def inside(world: "QtWorld", act: Callable[[], T]) -> T:
    """Do what a person does, from within the event loop, as Qt would: it may start tasks."""

    async def do() -> T:
        return act()

    return world.run(do())


def child(parent: QObject, kind: type[Q], name: str = "") -> Q:
    """Return the part of a widget with that name, or else the first of its kind; it is there."""
    found = parent.findChild(kind, name) if name else parent.findChild(kind)
    assert isinstance(found, kind)
    return found


class Browser:
    """Stands in for what the system opens addresses and files with.

    Attributes:
        opened: what was opened, in order.
    """

    def __init__(self) -> None:
        self.opened: list[QUrl] = []

    def open(self, url: QUrl) -> bool:
        """Take note of it."""
        self.opened.append(url)
        return True
