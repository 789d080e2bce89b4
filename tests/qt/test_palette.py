"""The palette: actions, crawls and pages by a few letters, with the keyboard alone."""

from collections.abc import Iterator
from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from quaero_desktop.ui.actions import ActionId, Selection
from quaero_desktop.ui.palette import Entry, Kind, Palette
from tests.support.documents import inside, store
from tests.support.qtwindow import QtWorld


class Opened:
    """A palette over a window, and what it was used for."""

    def __init__(self, world: QtWorld, window: QWidget) -> None:
        self.world = world
        self.jobs: list[int] = []
        self.documents: list[int] = []
        self.done: list[str] = []
        for name in ActionId:
            world.context.actions.connect_handler(name, partial(self._did, name))
        self.palette = Palette(world.context, window)
        self.palette.job_chosen.connect(self.jobs.append)
        self.palette.document_chosen.connect(self.documents.append)
        QAbstractItemModelTester(
            self.palette.list.model(), QAbstractItemModelTester.FailureReportingMode.Fatal, self.palette
        )
        inside(world, self.palette.open)

    def _did(self, name: ActionId, selection: Selection) -> None:
        self.done.append(str(name))

    def type(self, text: str) -> None:
        """Type, and wait for what was asked of the library."""
        asked = []
        real = self.palette._find

        async def find(text: str) -> None:
            await real(text)
            asked.append(text)

        self.palette._find = find  # type: ignore[method-assign]
        inside(self.world, lambda: QTest.keyClicks(self.palette.field, text))
        self.world.wait_until(lambda: self.palette.field.text().strip() in asked)

    def press(self, key: Qt.Key) -> None:
        """Press a key in the field."""
        inside(self.world, lambda: QTest.keyClick(self.palette.field, key))

    def entries(self, kind: Kind) -> list[Entry]:
        """What is shown of one kind."""
        return [entry for entry in self.palette.entries if entry.kind is kind]

    def current(self) -> str:
        """The text of the row that Enter would choose."""
        return str(self.palette.list.currentIndex().data())


@pytest.fixture
def window(world: QtWorld) -> Iterator[QWidget]:
    made = QWidget()
    world.show(made, 900, 600)
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def opened(world: QtWorld, window: QWidget) -> Opened:
    world.run(store(world.services, {"vacuum": {"markdown": "About a vacuum.", "title": "Vacuum <b>"}}))
    return Opened(world, window)


def test_it_opens_with_the_actions_and_the_last_crawls(world: QtWorld, window: QWidget, opened: Opened) -> None:
    world.wait_until(lambda: bool(opened.entries(Kind.JOB)))

    assert opened.palette.field.hasFocus()
    assert opened.current() == "New crawl…"
    assert opened.entries(Kind.JOB)[0].text == "docs.site.test"
    top = opened.palette.geometry()
    assert abs(top.center().x() - window.mapToGlobal(window.rect().center()).x()) <= 1
    opened.press(Qt.Key.Key_Escape)


def test_an_action_is_found_by_a_few_letters_and_done_with_enter(opened: Opened) -> None:
    opened.type("sett")
    assert opened.current() == "Settings…"

    opened.press(Qt.Key.Key_Return)

    assert opened.done == ["settings"]
    assert not isValid(opened.palette)


def test_an_action_shows_its_keys_or_why_it_cannot_be_done(world: QtWorld, opened: Opened) -> None:
    world.context.actions.select(Selection())
    opened.type("paus")

    (pause,) = (entry for entry in opened.entries(Kind.ACTION) if entry.text == "Pause")
    assert not pause.can
    assert pause.detail == "Only a crawl that runs or waits can be paused."
    opened.press(Qt.Key.Key_Return)
    assert opened.done == []
    assert opened.palette.isVisible()
    opened.press(Qt.Key.Key_Escape)


def test_a_page_is_found_by_the_beginning_of_a_word(world: QtWorld, opened: Opened) -> None:
    opened.type("vacu")
    (page,) = opened.entries(Kind.DOCUMENT)
    assert page.text == "Vacuum <b>"

    opened.press(Qt.Key.Key_Return)

    assert opened.documents == [page.payload]


def test_a_crawl_is_found_by_its_name(world: QtWorld, opened: Opened) -> None:
    opened.type("docs.site")
    (job,) = opened.entries(Kind.JOB)
    assert opened.current() == "docs.site.test"

    opened.press(Qt.Key.Key_Return)

    assert opened.jobs == [job.payload]


def test_the_arrows_pass_over_headings_and_go_round(opened: Opened) -> None:
    opened.type("o")
    count = len([entry for entry in opened.palette.entries if entry.kind not in (Kind.HEADING, Kind.NOTHING)])
    first = opened.current()
    seen = [first]
    for _ in range(count - 1):
        opened.press(Qt.Key.Key_Down)
        seen.append(opened.current())
    opened.press(Qt.Key.Key_Down)

    assert opened.current() == first
    assert "Actions" not in seen
    opened.press(Qt.Key.Key_Up)
    assert opened.current() == seen[-1]
    opened.press(Qt.Key.Key_Escape)


def test_nothing_that_fits_is_said(opened: Opened) -> None:
    opened.type("qqqqzz")

    (entry,) = opened.palette.entries
    assert entry.kind is Kind.NOTHING
    opened.press(Qt.Key.Key_Return)
    assert opened.palette.isVisible()
    opened.press(Qt.Key.Key_Escape)
    assert not isValid(opened.palette)


def test_a_click_chooses(world: QtWorld, opened: Opened) -> None:
    opened.type("vacu")
    place = opened.palette.list.visualRect(opened.palette.list.currentIndex()).center()

    inside(
        world,
        lambda: QTest.mouseClick(
            opened.palette.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place
        ),
    )

    assert len(opened.documents) == 1
