"""Icons: glyphs of the Phosphor font that QtAwesome brings, in whatever colour the text beside them has.

QtAwesome itself is not imported: with QtPy it takes 0.2 s, and a cold start has 1.5 s for everything.
"""

import importlib.util
import json
from functools import cache
from pathlib import Path

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QIconEngine, QPainter, QPixmap

from quaero_desktop.domain.errors import BugError


def icon(name: str, colour: QColor, disabled: QColor | None = None, selected: QColor | None = None) -> QIcon:
    """Return an icon.

    Args:
        name: of a glyph of Phosphor, for example ``trash``.
        colour: of its strokes.
        disabled: its colour when it is disabled; *colour* when None.
        selected: its colour on a selected row; *colour* when None.

    Raises:
        BugError: there is no such glyph.
    """
    family, glyphs = _font()
    if name not in glyphs:
        raise BugError(f"There is no icon “{name}”.")
    return QIcon(_GlyphEngine(family, chr(glyphs[name]), colour, disabled or colour, selected or colour))


@cache
def _font() -> tuple[str, dict[str, int]]:
    spec = importlib.util.find_spec("qtawesome")
    if spec is None or not spec.submodule_search_locations:
        raise BugError("QtAwesome, which brings the icons, is not installed.")
    folder = Path(spec.submodule_search_locations[0]) / "fonts"
    (font_file,) = folder.glob("phosphor-[0-9]*.ttf")
    (charmap,) = folder.glob("phosphor-charmap-*.json")
    font_id = QFontDatabase.addApplicationFont(str(font_file))
    families = QFontDatabase.applicationFontFamilies(font_id)
    if not families:
        raise BugError(f"The font of the icons cannot be read ({font_file}).")
    codes = json.loads(charmap.read_text(encoding="utf-8"))
    return families[0], {name: int(code, 16) for name, code in codes.items()}


class _GlyphEngine(QIconEngine):
    """Paints one glyph, sharp at every size and resolution."""

    def __init__(self, family: str, glyph: str, normal: QColor, disabled: QColor, selected: QColor) -> None:
        super().__init__()
        self._family = family
        self._glyph = glyph
        self._colours = (normal, disabled, selected)

    def clone(self) -> QIconEngine:
        """Return a copy, which Qt owns."""
        return _GlyphEngine(self._family, self._glyph, *self._colours)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        """Paint it into *rect*."""
        normal, disabled, selected = self._colours
        font = QFont(self._family)
        font.setPixelSize(max(1, rect.height()))
        font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        painter.setFont(font)
        painter.setPen({QIcon.Mode.Disabled: disabled, QIcon.Mode.Selected: selected}.get(mode, normal))
        painter.drawText(QRectF(rect), Qt.AlignmentFlag.AlignCenter, self._glyph)
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """Return it as a picture of *size* device pixels."""
        return self.scaledPixmap(size, mode, state, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:  # noqa: N802
        """Return it as a picture; Qt's own engine paints nothing here."""
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPointF(0, 0).toPoint(), size), mode, state)
        painter.end()
        return pixmap
