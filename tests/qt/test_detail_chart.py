"""The chart of a crawl's pace."""

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from quaero_desktop.domain.throughput import Pace
from quaero_desktop.ui.format import clock
from quaero_desktop.ui.theme import Mode, Theme
from quaero_desktop.ui.widgets.chart import ThroughputChart, _above

START = 1_700_000_000_000


def points(*paces: float) -> list[Pace]:
    return [Pace(START + index * 1000, 1000, pace) for index, pace in enumerate(paces)]


@pytest.fixture
def chart(qapp: QApplication, qtbot) -> ThroughputChart:
    theme = Theme(qapp, Mode.LIGHT)
    made = ThroughputChart(theme)
    qtbot.addWidget(made)
    made.resize(400, 110)
    made.show()
    return made


def test_the_value_under_the_mouse_is_said(chart: ThroughputChart) -> None:
    chart.set_points(points(*[10] * 30, *[38] * 30), live=True)
    chart.grab()

    QTest.mouseMove(chart, QPoint(390, 50))
    assert chart.hovered_text() == f"38 pages/s · {clock(chart.points[chart._index_at(390) or 0].at)}"

    QTest.mouseMove(chart, QPoint(80, 50))
    assert chart.hovered_text().startswith("10 pages/s")


def test_beside_the_chart_nothing_is_said(chart: ThroughputChart) -> None:
    chart.set_points(points(1, 2, 3), live=True)

    QTest.mouseMove(chart, QPoint(2, 50))

    assert chart.hovered_text() == ""


def test_a_point_that_is_gone_is_no_longer_said(chart: ThroughputChart) -> None:
    chart.set_points(points(*range(60)), live=True)
    QTest.mouseMove(chart, QPoint(380, 50))
    assert chart.hovered_text()

    chart.set_points(points(5, 6), live=True)

    assert chart.hovered_text() == ""


def test_it_says_what_it_shows_to_who_cannot_see_it(chart: ThroughputChart) -> None:
    assert chart.accessibleDescription() == "Nothing measured yet"

    chart.set_points(points(3, 40, 12), live=True)

    assert chart.accessibleDescription() == "Last 12 pages/s, at most 40 pages/s"


def test_it_is_painted_whatever_it_shows(chart: ThroughputChart) -> None:
    for paces in ((), (0,), (0, 0), (1,), tuple(range(240)), (0.2, 12345.6)):
        chart.set_points(points(*paces), live=False)
        assert not chart.grab().isNull()


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (0.4, 1), (1.1, 2), (3, 4), (9, 10), (10, 10), (11, 20), (77, 80), (1234, 2000)]
)
def test_the_axis_ends_at_a_round_number(value: float, top: float) -> None:
    assert _above(value) == top
