"""How everything looks: light and dark, the colours that a palette cannot say, fonts and icons.

The palettes are ours, so that contrast is known (at least 4.5:1 for text, also on alternate rows); the accent is the
system's highlight where that can carry white text, and the font is the system's.
"""

from collections.abc import Mapping
from enum import StrEnum

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from quaero_desktop.ui import icons

SPACE = 4
"""Spacing goes in steps of so many pixels."""
ROW = 24
"""The height of a row of a tree or a table, in pixels."""


class Mode(StrEnum):
    """What the person chose."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


_STATUS = {
    "pending": ("#596170", "#9ca3af"),
    "running": ("#2563eb", "#60a5fa"),
    "paused": ("#b45309", "#fbbf24"),
    "completed": ("#15803d", "#4ade80"),
    "warnings": ("#a16207", "#facc15"),
    "failed": ("#b91c1c", "#f87171"),
    "cancelled": ("#67615c", "#a8a29e"),
    "skipped": ("#6d28d9", "#a78bfa"),
}
_LEVELS = {
    "debug": ("#596170", "#9ca3af"),
    "info": ("#1d4ed8", "#7db4fb"),
    "warn": ("#975a05", "#fbbf24"),
    "error": ("#b91c1c", "#f87171"),
}
_NAMED = {
    "muted": ("#5b6270", "#a3a9b4"),
    "border": ("#d5d8dd", "#3a3d43"),
    "outline": ("#b4b9c2", "#565b64"),
    "done": ("#2f9e57", "#3fb268"),
    "failed": ("#d64545", "#e26a6a"),
    "rest": ("#dfe3e8", "#3b3f46"),
    "found": ("#fff0a6", "#5c4d10"),
    "found_text": ("#1b1d21", "#fff3b8"),
    "panel": ("#ffffff", "#1b1c1f"),
    "code": ("#f3f4f6", "#26282d"),
    "info_background": ("#e8f0fe", "#1e2c47"),
    "error_background": ("#fdecec", "#43201f"),
    "success_background": ("#e6f5ec", "#17351f"),
}
_ROLES: Mapping[QPalette.ColorRole, tuple[str, str]] = {
    QPalette.ColorRole.Window: ("#f4f5f7", "#232428"),
    QPalette.ColorRole.WindowText: ("#1b1d21", "#e6e7ea"),
    QPalette.ColorRole.Base: ("#ffffff", "#1b1c1f"),
    QPalette.ColorRole.AlternateBase: ("#f7f8fa", "#1f2024"),
    QPalette.ColorRole.Text: ("#1b1d21", "#e6e7ea"),
    QPalette.ColorRole.Button: ("#f4f5f7", "#2c2e33"),
    QPalette.ColorRole.ButtonText: ("#1b1d21", "#e6e7ea"),
    QPalette.ColorRole.BrightText: ("#ffffff", "#ffffff"),
    QPalette.ColorRole.PlaceholderText: ("#69707d", "#9299a5"),
    QPalette.ColorRole.ToolTipBase: ("#ffffff", "#2c2e33"),
    QPalette.ColorRole.ToolTipText: ("#1b1d21", "#e6e7ea"),
    QPalette.ColorRole.Link: ("#1d4ed8", "#7db4fb"),
    QPalette.ColorRole.LinkVisited: ("#6d28d9", "#b79bfb"),
    QPalette.ColorRole.Light: ("#ffffff", "#3a3d43"),
    QPalette.ColorRole.Midlight: ("#e9ebee", "#33363b"),
    QPalette.ColorRole.Mid: ("#c5c9d0", "#17181b"),
    QPalette.ColorRole.Dark: ("#9aa0aa", "#121316"),
    QPalette.ColorRole.Shadow: ("#6b7280", "#000000"),
    QPalette.ColorRole.HighlightedText: ("#ffffff", "#ffffff"),
}
_DISABLED = ("#8b919b", "#6f757f")
_ACCENTS = ("#2563eb", "#2f62c9")
_TICKS = ("#3a3d44", "#8a909c")
"""The ground of a check box or radio button in the dark, and what its outline is made of."""
_LEAST_CONTRAST = 4.5


class Theme(QObject):
    """The look of the window, light or dark.

    Args:
        application: whose palette and style it sets.
        mode: what the person chose.
    """

    changed = Signal()

    def __init__(self, application: QApplication, mode: Mode = Mode.SYSTEM) -> None:
        super().__init__(application)
        self._application = application
        self._mode = mode
        self._system_palette = QPalette(application.palette())
        style = QStyleFactory.create("Fusion")
        if style is not None:
            application.setStyle(style)
        self._icons: dict[str, QIcon] = {}
        application.styleHints().colorSchemeChanged.connect(self._system_changed)
        self.dark = self._is_dark()
        self._apply()

    @property
    def mode(self) -> Mode:
        """What the person chose."""
        return self._mode

    def set_mode(self, mode: Mode) -> None:
        """Go light, dark, or along with the system."""
        self._mode = mode
        self.dark = self._is_dark()
        self._apply()
        self.changed.emit()

    def colour(self, name: str) -> QColor:
        """Return a colour by its name: muted, border, done, failed, rest, found, found_text, panel, code, ..."""
        return QColor(_NAMED[name][self.dark])

    @property
    def muted(self) -> QColor:
        """For text that matters less."""
        return self.colour("muted")

    @property
    def border(self) -> QColor:
        """Between panels."""
        return self.colour("border")

    @property
    def done(self) -> QColor:
        """Of a progress bar: what went well."""
        return self.colour("done")

    @property
    def failed(self) -> QColor:
        """Of a progress bar: what did not."""
        return self.colour("failed")

    @property
    def rest(self) -> QColor:
        """Of a progress bar: what is still to do."""
        return self.colour("rest")

    @property
    def highlight_background(self) -> QColor:
        """Behind words that a search found."""
        return self.colour("found")

    @property
    def highlight_text(self) -> QColor:
        """Words that a search found."""
        return self.colour("found_text")

    @property
    def accent(self) -> QColor:
        """The one accent: the palette's highlight."""
        return self._application.palette().color(QPalette.ColorRole.Highlight)

    def status_colour(self, status: str, warnings: int = 0) -> QColor:
        """Return the colour of a status; that of a completed job with *warnings* has one of its own."""
        key = "warnings" if status == "completed" and warnings else status
        return QColor(_STATUS.get(key, _STATUS["pending"])[self.dark])

    def level_colour(self, level: str) -> QColor:
        """Return the colour of a log level: debug, info, warn or error."""
        return QColor(_LEVELS.get(level, _LEVELS["info"])[self.dark])

    def icon(self, name: str) -> QIcon:
        """Return an icon in the colour of the text; see :func:`quaero_desktop.ui.icons.icon`."""
        if name not in self._icons:
            palette = self._application.palette()
            self._icons[name] = icons.icon(
                name,
                palette.color(QPalette.ColorRole.ButtonText),
                QColor(_DISABLED[self.dark]),
                palette.color(QPalette.ColorRole.HighlightedText),
            )
        return self._icons[name]

    def icon_in(self, name: str, colour: QColor) -> QIcon:
        """Return an icon in a colour of its own."""
        return icons.icon(name, colour, QColor(_DISABLED[self.dark]))

    def for_ticks(self, palette: QPalette) -> QPalette:
        """Return *palette* for what paints a check box or radio button."""
        ticks = QPalette(palette)
        if self.dark:
            ticks.setColor(QPalette.ColorRole.Base, QColor(_TICKS[0]))
            ticks.setColor(QPalette.ColorRole.Window, QColor(_TICKS[1]))
        return ticks

    @staticmethod
    def font_small() -> QFont:
        """Return the system's font, a step smaller."""
        font = QFont(QApplication.font())
        font.setPointSizeF(max(7.0, font.pointSizeF() * 0.9))
        return font

    @staticmethod
    def font_large() -> QFont:
        """Return the system's font for the title of a pane."""
        font = QFont(QApplication.font())
        font.setPointSizeF(font.pointSizeF() * 1.3)
        font.setWeight(QFont.Weight.DemiBold)
        return font

    @staticmethod
    def font_fixed() -> QFont:
        """Return the system's font whose characters are all of one width."""
        return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)

    @staticmethod
    def tabular(font: QFont) -> QFont:
        """Return *font* with digits of one width, where it has such."""
        font = QFont(font)
        font.setFeature(QFont.Tag.fromString("tnum"), 1)
        return font

    def _is_dark(self) -> bool:
        if self._mode is not Mode.SYSTEM:
            return self._mode is Mode.DARK
        scheme = self._application.styleHints().colorScheme()
        if scheme is Qt.ColorScheme.Unknown:
            # No word from the system: what its palette looks like then decides.
            return self._system_palette.color(QPalette.ColorRole.Window).lightness() < 128
        return scheme is Qt.ColorScheme.Dark

    def _system_changed(self) -> None:
        if self._mode is Mode.SYSTEM and self.dark != self._is_dark():
            self.set_mode(Mode.SYSTEM)

    def _apply(self) -> None:
        self._icons.clear()
        palette = QPalette()
        for role, pair in _ROLES.items():
            palette.setColor(role, QColor(pair[self.dark]))
        accent = self._system_palette.color(QPalette.ColorRole.Highlight)
        if contrast(accent, QColor("white")) < _LEAST_CONTRAST:
            accent = QColor(_ACCENTS[self.dark])
        palette.setColor(QPalette.ColorRole.Highlight, accent)
        palette.setColor(QPalette.ColorRole.Accent, accent)
        for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(_DISABLED[self.dark]))
        # A window behind another keeps its selection readable.
        self._application.setPalette(palette)
        # Fusion draws the outline of these darker than the window: in the dark that is not to be seen.
        ticks = self.for_ticks(palette)
        for name in ("QRadioButton", "QCheckBox"):
            # PySide's own stubs say bytes, and its code takes text alone.
            self._application.setPalette(ticks, name)  # type: ignore[arg-type]
        border = self.border.name()
        # Fusion draws the frame of a field darker than the window: in the dark that is not to be seen.
        outline = self.colour("outline").name()
        self._application.setStyleSheet(
            f"""
            QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
            QToolTip {{ padding: 4px; }}
            QToolBar#tools {{ border: 0; border-bottom: 1px solid {border}; padding: 4px 8px 4px 4px; spacing: 4px; }}
            QToolBar#rail {{ border: 0; border-right: 1px solid {border}; padding: 4px; spacing: 4px; }}
            QStatusBar {{ border-top: 1px solid {border}; }}
            QStatusBar::item {{ border: 0; }}
            QLineEdit {{
                border: 1px solid {outline}; border-radius: 3px; padding: 2px 4px; background: palette(base);
            }}
            QLineEdit:focus {{ border-color: palette(highlight); }}
            QLineEdit:disabled {{ background: palette(window); }}
            QAbstractSpinBox QLineEdit, QComboBox QLineEdit {{ border: 0; padding: 0; background: transparent; }}
            QSplitter::handle {{ background: {border}; }}
            QSplitter::handle:horizontal {{ width: 1px; }}
            QSplitter::handle:vertical {{ height: 1px; }}
            QTreeView, QTableView, QListView {{ border: 0; }}
            LinesEdit, CheckList, QListWidget#steps, QPlainTextEdit#pastedSecret {{
                border: 1px solid {outline}; border-radius: 3px; background: palette(base);
            }}
            LinesEdit:focus, CheckList:focus, QListWidget#steps:focus, QPlainTextEdit#pastedSecret:focus {{
                border-color: palette(highlight);
            }}
            """
        )


def contrast(one: QColor, other: QColor) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: QColor) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (colour.redF(), colour.greenF(), colour.blueF())
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
