"""Light and dark: every colour can be read where it is used."""

from collections.abc import Iterator

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from quaero_desktop.domain.errors import BugError
from quaero_desktop.domain.jobs import LOG_LEVELS, Status
from quaero_desktop.ui.theme import Mode, Theme, contrast

ENOUGH = 4.5


@pytest.fixture(params=[Mode.LIGHT, Mode.DARK])
def theme(qapp: QApplication, request: pytest.FixtureRequest) -> Iterator[Theme]:
    made = Theme(qapp, request.param)
    yield made
    made.deleteLater()


def grounds(theme: Theme) -> list[QColor]:
    palette = QApplication.palette()
    roles = (QPalette.ColorRole.Base, QPalette.ColorRole.AlternateBase, QPalette.ColorRole.Window)
    return [palette.color(role) for role in roles] + [theme.colour("panel")]


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast(QColor("black"), QColor("white")) == pytest.approx(21)
    assert contrast(QColor("#777777"), QColor("white")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("status", Status)
def test_each_status_can_be_read_also_on_alternate_rows(theme: Theme, status: Status) -> None:
    for warnings in (0, 3):
        assert min(contrast(theme.status_colour(status, warnings), ground) for ground in grounds(theme)) >= ENOUGH


@pytest.mark.parametrize("level", LOG_LEVELS)
def test_each_log_level_can_be_read(theme: Theme, level: str) -> None:
    assert min(contrast(theme.level_colour(level), ground) for ground in grounds(theme)) >= ENOUGH


def test_text_can_be_read(theme: Theme) -> None:
    palette = QApplication.palette()
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.PlaceholderText, QPalette.ColorRole.Link):
        assert contrast(palette.color(role), palette.color(QPalette.ColorRole.Base)) >= ENOUGH
    assert min(contrast(theme.muted, ground) for ground in grounds(theme)) >= ENOUGH
    assert contrast(theme.highlight_text, theme.highlight_background) >= ENOUGH
    selected = palette.color(QPalette.ColorRole.HighlightedText)
    assert contrast(selected, palette.color(QPalette.ColorRole.Highlight)) >= ENOUGH
    for name in ("info", "error", "success"):
        assert contrast(palette.color(QPalette.ColorRole.WindowText), theme.colour(f"{name}_background")) >= ENOUGH


def test_switching_tells_everyone_and_changes_the_palette(qapp: QApplication) -> None:
    theme = Theme(qapp, Mode.LIGHT)
    told: list[bool] = []
    theme.changed.connect(lambda: told.append(theme.dark))
    theme.set_mode(Mode.DARK)
    assert told == [True]
    assert qapp.palette().color(QPalette.ColorRole.Base).lightness() < 60
    theme.set_mode(Mode.LIGHT)
    assert qapp.palette().color(QPalette.ColorRole.Base).lightness() > 200
    theme.deleteLater()


def test_an_icon_is_drawn_in_the_colour_of_the_text(theme: Theme) -> None:
    picture = theme.icon("trash").pixmap(20, 20).toImage()
    inked = [picture.pixelColor(x, y) for x in range(20) for y in range(20) if picture.pixelColor(x, y).alpha() > 200]
    assert inked
    text = QApplication.palette().color(QPalette.ColorRole.ButtonText)
    assert all(abs(pixel.lightness() - text.lightness()) < 40 for pixel in inked)


def test_an_unknown_icon_is_our_mistake(theme: Theme) -> None:
    with pytest.raises(BugError, match="no icon"):
        theme.icon("no such icon")
