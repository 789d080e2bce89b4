"""Small things that several views share: the chips to filter by status, and the bar in segments."""

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QWidget

from quaero_desktop.ui.widgets.progressbar import SegmentedBar, paint_progress
from quaero_desktop.ui.widgets.statuschips import StatusChips


def chip(chips: StatusChips, status: str) -> QWidget:
    found = chips.findChild(QWidget, f"chip_{status}")
    assert isinstance(found, QWidget)
    return found


def painted(theme, done: int, failed: int, rest: int, width: int = 100) -> list[str]:
    """Return the colours along the middle of a bar, each once."""
    image = QImage(width, 24, QImage.Format.Format_ARGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    paint_progress(painter, QRect(0, 0, width, 24), done, failed, rest, theme)
    painter.end()
    names = {theme.done.rgb(): "done", theme.failed.rgb(): "failed", theme.rest.rgb(): "rest"}
    along = [names.get(image.pixel(x, 12), "") for x in range(6, width - 6)]
    return [name for index, name in enumerate(along) if name and (index == 0 or along[index - 1] != name)]


def test_a_bar_shows_each_part_however_small(world):
    assert painted(world.theme, 60, 20, 20) == ["done", "failed", "rest"]
    assert painted(world.theme, 0, 0, 0) == ["rest"]
    assert painted(world.theme, 9, 0, 0) == ["done"]
    assert painted(world.theme, 0, 5, 0) == ["failed"]
    assert painted(world.theme, 1_000_000, 1, 1_000_000) == ["done", "failed", "rest"]


def test_a_bar_without_room_paints_nothing(world):
    image = QImage(4, 4, QImage.Format.Format_ARGB32)
    painter = QPainter(image)
    paint_progress(painter, QRect(0, 0, -3, 24), 1, 1, 1, world.theme)
    painter.end()


def test_the_bar_as_a_widget_says_what_it_shows(world, qtbot):
    bar = SegmentedBar(world.theme)
    qtbot.addWidget(bar)
    bar.set_parts(3, 1, 4)
    bar.resize(bar.sizeHint())
    assert bar.grab().width() == bar.width()
    assert bar.accessibleName() == "3 done, 1 failed, 4 of 8 left"


def test_only_chips_of_what_there_is_are_shown(world, qtbot):
    chips = StatusChips(world.theme, words={"pending": "queued"})
    qtbot.addWidget(chips)
    chips.set_counts({"pending": 1200, "failed": 3})
    chips.show()
    shown = [each.accessibleName() for each in chips._chips.values() if each.isVisible()]
    assert shown == ["queued: 1,200", "failed: 3"]

    chips.set_checked(["failed"])
    chips.set_counts({})
    assert [each.accessibleName() for each in chips._chips.values() if each.isVisible()] == ["failed: 0"]


def test_several_chips_can_be_on(world, qtbot):
    chips = StatusChips(world.theme)
    qtbot.addWidget(chips)
    chips.set_counts({"running": 1, "failed": 3})
    chips.show()
    changed = QSignalSpy(chips.changed)

    QTest.mouseClick(chip(chips, "failed"), Qt.MouseButton.LeftButton)
    chip(chips, "running").setFocus()
    QTest.keyClick(chip(chips, "running"), Qt.Key.Key_Space)
    QTest.mouseClick(chip(chips, "failed"), Qt.MouseButton.LeftButton)

    assert [changed.at(i)[0] for i in range(changed.count())] == [("failed",), ("running", "failed"), ("running",)]
    chips.set_checked([])
    assert changed.count() == 3
    assert chips.checked == ()


def test_where_there_is_no_room_chips_leave_their_words_out(world, qtbot):
    chips = StatusChips(world.theme)
    qtbot.addWidget(chips)
    chips.set_counts(dict.fromkeys(("running", "pending", "failed", "completed"), 12))
    chips.resize(chips.sizeHint())
    chips.show()
    whole = [each.width() for each in chips._shown()]

    chips.resize(chips.minimumSizeHint())
    qtbot.waitUntil(lambda: all(each.width() < before for each, before in zip(chips._shown(), whole, strict=True)))
    assert chips._shown()[-1].geometry().right() <= chips.width()
