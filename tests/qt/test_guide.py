"""Help > User guide: the guide that comes with the program, in a window of its own."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QToolButton

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.services.guide import guide
from quaero_desktop.ui import commands
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.commands import Commands
from quaero_desktop.ui.views.guide import GuideWindow
from quaero_desktop.ui.window import MainWindow
from tests.support.qtwindow import QtWorld

ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"\]\(([^)\s#]+)")


@pytest.fixture
def shown(world: QtWorld) -> Iterator[GuideWindow]:
    window = GuideWindow(world.context, guide())
    window.show()
    yield window
    window.close()


def heading(window: GuideWindow) -> str:
    return window.page.document().begin().text()


def press(window: GuideWindow, name: str) -> None:
    button = window.findChild(QToolButton, f"guide_{name}")
    assert button is not None
    button.click()


@pytest.fixture
def main(world: QtWorld) -> Iterator[MainWindow]:
    window = MainWindow(world.context, QIcon())
    Commands(world.context, window)
    yield window
    window.allow_closing()
    window.close()
    window.deleteLater()


def test_the_action_opens_the_guide_once(world: QtWorld, main: MainWindow) -> None:
    world.context.actions.trigger(ActionId.GUIDE)
    world.context.actions.trigger(ActionId.GUIDE)

    (window,) = main.findChildren(GuideWindow)
    assert window.isVisible()
    assert not window.isModal()
    assert heading(window) == "User guide"


def test_without_a_guide_the_window_says_so(world: QtWorld, main: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise KnownError("There is none.")

    monkeypatch.setattr(commands, "guide", missing)
    world.context.actions.trigger(ActionId.GUIDE)

    assert [notice.message for notice in world.notices] == ["There is none."]
    assert main.findChildren(GuideWindow) == []


def test_links_lead_from_page_to_page_and_back(shown: GuideWindow) -> None:
    shown.page.anchorClicked.emit(QUrl("first-crawl.md"))
    assert heading(shown) == "First crawl"
    shown.page.anchorClicked.emit(QUrl("../operating.md#as-a-service"))
    assert shown.file == ROOT / "docs" / "operating.md"
    press(shown, "arrow-left")
    assert heading(shown) == "First crawl"
    press(shown, "arrow-right")
    assert shown.file.name == "operating.md"
    press(shown, "list")
    assert heading(shown) == "User guide"


def test_nothing_outside_of_the_documentation_is_opened(shown: GuideWindow) -> None:
    shown.page.anchorClicked.emit(QUrl("../../README.md"))

    assert heading(shown) == "User guide"


def test_pictures_are_loaded(shown: GuideWindow) -> None:
    shown.page.anchorClicked.emit(QUrl("first-crawl.md"))
    names = [
        fragment.charFormat().toImageFormat().name()
        for block in blocks(shown)
        for fragment in fragments(block)
        if fragment.charFormat().isImageFormat()
    ]

    assert len(names) == 2
    assert not any(shown.page.loadResource(2, QUrl(name)).isNull() for name in names)
    assert shown.page.loadResource(2, QUrl.fromLocalFile(str(ROOT / "resources" / "icons" / "quaero.svg"))) is None


def blocks(window: GuideWindow) -> Iterator:
    block = window.page.document().begin()
    while block.isValid():
        yield block
        block = block.next()


def fragments(block) -> Iterator:
    iterator = block.begin()
    while not iterator.atEnd():
        yield iterator.fragment()
        iterator += 1


def test_whatever_the_guide_links_to_is_shipped() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    shipped = [ROOT / name for name in wheel["wheel"]["only-include"] if name.startswith("docs/")]
    pages = [*(ROOT / "docs" / "guide").glob("*.md"), *(path for path in shipped if path.suffix == ".md")]
    linked = {
        (page.parent / link).resolve()
        for page in pages
        for link in _LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in link
    }

    left_out = {path for path in linked if not any(path.is_relative_to(place) for place in shipped)}
    # The changelog is no part of the guide; the window shows that link as plain text.
    assert left_out == {ROOT / "CHANGELOG.md"}
