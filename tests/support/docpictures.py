"""The pictures of the documentation: which ones it shows, and how they are made small."""

import re
from collections import Counter
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage, QPainter

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "images"

_SHOWN = re.compile(r"!\[[^\]]*\]\((?:[^)\s]*/)?images/([\w-]+)\.png\)")
_COLOURS = 256
_EDGE = QColor("#9aa0a8")
_BEST_COMPRESSION = 0
"""What Qt calls the quality of a PNG: 0 for the smallest file, of the very same pixels."""

_Box = list[tuple[int, int]]
"""Colours, as 0xffRRGGBB, and how often each is there."""


def documents() -> list[Path]:
    """Return every page of the documentation."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def shown() -> set[str]:
    """Return the names of the pictures that the documentation shows, like ``jobs-light``."""
    return {name for page in documents() for name in _SHOWN.findall(page.read_text(encoding="utf-8"))}


def save(picture: QImage, file: Path) -> None:
    """Write a picture with a thin edge, since pages are as light as our light windows, and in 256 colours.

    Raises:
        OSError: it cannot be written.
    """
    edged = picture.convertToFormat(QImage.Format.Format_RGB32)
    painter = QPainter(edged)
    painter.setPen(_EDGE)
    painter.drawRect(0, 0, edged.width() - 1, edged.height() - 1)
    painter.end()
    if not reduced(edged).save(str(file), quality=_BEST_COMPRESSION):
        raise OSError(f"{file} could not be written")


def reduced(picture: QImage) -> QImage:
    """Return a picture in no more than 256 colours, by median cut; those of its plain areas stay as they are."""
    pixels = picture.convertToFormat(QImage.Format.Format_RGB32)
    # A line of this format has no padding.
    colours = Counter(memoryview(pixels.constBits()).cast("I"))
    boxes: list[_Box] = [list(colours.items())]
    while len(boxes) < _COLOURS:
        widest = max(boxes, key=_extent)
        if len(widest) == 1:
            break
        boxes.remove(widest)
        boxes += _halves(widest)
    # Not the mean: the colour of a plain area outnumbers all that text and curves blend out of it.
    palette = [max(box, key=lambda entry: entry[1])[0] for box in boxes]
    return pixels.convertToFormat(QImage.Format.Format_Indexed8, palette, Qt.ImageConversionFlag.ThresholdDither)


def _channels(box: _Box) -> list[int]:
    """Return how far a box extends in red, green and blue."""
    return [max(span) - min(span) for span in ([colour >> shift & 0xFF for colour, _ in box] for shift in (16, 8, 0))]


def _extent(box: _Box) -> float:
    # By how many pixels would look wrong, and by how much; few pixels of a far colour are seen, hence the root.
    return float(max(_channels(box)) * sum(number for _, number in box) ** 0.25)


def _halves(box: _Box) -> tuple[_Box, _Box]:
    spans = _channels(box)
    shift = (16, 8, 0)[spans.index(max(spans))]
    box.sort(key=lambda entry: entry[0] >> shift & 0xFF)
    middle = len(box) // 2
    return box[:middle], box[middle:]
