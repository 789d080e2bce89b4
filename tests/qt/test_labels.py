"""Labels whose texts change all the time: they show them, and lay out nothing anew that need not be."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QHBoxLayout, QWidget

from quaero_desktop.ui.widgets.labels import ElidedLabel, Figures, WrappedFigures


class Layouts(QObject):
    """Counts how often a widget is asked to lay out what is in it."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.number = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        self.number += event.type() == QEvent.Type.LayoutRequest
        return False


@pytest.fixture
def show(qtbot) -> Iterator[Callable[[ElidedLabel, int], Layouts]]:
    """Show a label alone in a window that is so wide."""
    windows: list[QWidget] = []

    def shown(label: ElidedLabel, width: int) -> Layouts:
        window = QWidget()
        qtbot.addWidget(window)
        layout = QHBoxLayout(window)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(label)
        if isinstance(label, Figures):
            layout.addStretch(1)
        window.setFixedWidth(width)
        window.show()
        qtbot.waitExposed(window)
        settle(qtbot)
        windows.append(window)
        return Layouts(window)

    yield shown
    windows.clear()


def settle(qtbot) -> None:
    qtbot.wait(1)


def test_what_is_cut_is_in_the_tool_tip(show, qtbot):
    label = ElidedLabel("short")
    show(label, 80)
    assert (label.text(), label.toolTip()) == ("short", "")

    label.setText("<b>a text that is far too long for so little room</b>\u202e")
    assert label.text() == "<b>a text that is far too long for so little room</b> "
    assert label.toolTip() == "<qt/>&lt;b&gt;a text that is far too long for so little room&lt;/b&gt; "


def test_a_text_that_is_cut_lays_out_nothing(show, qtbot):
    label = ElidedLabel("short")
    layouts = show(label, 80)

    label.setText("a text that is far too long for so little room")
    settle(qtbot)
    assert layouts.number == 0


def test_numbers_move_nothing_until_they_need_more_room(show, qtbot):
    label = Figures("1,234 pages")
    layouts = show(label, 400)
    width = label.width()

    for text in ("9 pages", "1,235 pages", "42 pages"):
        label.setText(text)
        settle(qtbot)
        assert (layouts.number, label.width()) == (0, width)

    label.setText("1,234,567 pages")
    qtbot.waitUntil(lambda: label.width() >= label.fontMetrics().horizontalAdvance("1,234,567 pages"))
    assert layouts.number
    assert label.width() > width


def test_numbers_on_several_lines_move_nothing_until_they_need_another_line(show, qtbot):
    label = WrappedFigures("12 done · 3 failed")
    layouts = show(label, 200)
    height = label.heightForWidth(200)

    label.setText("13 done · 3 failed")
    settle(qtbot)
    assert (layouts.number, label.heightForWidth(200)) == (0, height)

    label.setText("1,234 done · 345 failed · 1,234 queued · 12 cancelled · 45 skipped")
    settle(qtbot)
    assert layouts.number
    assert label.heightForWidth(200) >= 2 * height


@pytest.mark.parametrize("kind", [ElidedLabel, Figures, WrappedFigures])
def test_the_text_is_the_name_for_who_cannot_see_it_unless_there_is_another(qtbot, kind):
    label = kind("12 pages")
    qtbot.addWidget(label)
    assert label.accessibleName() == "12 pages"

    label.setText("13 pages")
    assert label.accessibleName() == "13 pages"

    label.setAccessibleName("Pages of the crawl")
    label.setText("14 pages")
    assert label.accessibleName() == "Pages of the crawl"


def test_it_keeps_its_margins_however_little_it_says(show, qtbot):
    label = Figures()
    label.setContentsMargins(6, 0, 6, 0)
    show(label, 400)

    label.setText("12 pages")
    settle(qtbot)
    assert label.contentsMargins().left() == 6
    assert label.width() >= label.fontMetrics().horizontalAdvance("12 pages") + 12
