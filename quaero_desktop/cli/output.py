"""How answers are printed: one JSON value, or text for people."""

import sys
from datetime import datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

STATUS_GLYPHS = {
    "pending": "○",
    "running": "▶",
    "paused": "‖",
    "completed": "✓",
    "failed": "✕",
    "cancelled": "⊘",
    "skipped": "↷",
}
_STATUS_STYLES = {
    "running": "blue",
    "paused": "yellow",
    "completed": "green",
    "failed": "red",
    "skipped": "magenta",
}


def print_json(value: Any) -> None:
    """Print *value* as the one JSON value of this command."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def console() -> Console:
    """Return a console on stdout. Text from the web never counts as markup there."""
    return Console(markup=False, highlight=False, soft_wrap=not sys.stdout.isatty())


def table(*columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """Return a plain table; the columns named in *numbers* are right-aligned."""
    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return made


def status_text(status: str, warnings: int = 0) -> Text:
    """Return a status as glyph, word and colour: never by colour alone."""
    glyph = STATUS_GLYPHS.get(status, "?")
    if status == "completed" and warnings:
        return Text(f"{glyph}! completed, {count(warnings, 'warning')}", style="yellow")
    return Text(f"{glyph} {status}", style=_STATUS_STYLES.get(status, ""))


def count(number: int, noun: str) -> str:
    """Return ``1 page`` or ``1,204 pages``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def moment(milliseconds: int | None) -> str:
    """Return a time for people, in their own time zone."""
    if milliseconds is None:
        return "—"
    return datetime.fromtimestamp(milliseconds / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """Return ``34 s``, ``1 m 12 s`` or ``2 h 5 m``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} m"


def size(number: int) -> str:
    """Return a size in megabytes."""
    return f"{number / 1_000_000:.1f} MB"
