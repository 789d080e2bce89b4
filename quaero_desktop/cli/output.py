"""How answers are printed: one JSON value, or text for people."""

import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from quaero_desktop.domain.words import STATUS_GLYPHS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_STATUS_STYLES = {
    "pending": "dim",
    "running": "cyan",
    "paused": "yellow",
    "completed": "green",
    "failed": "red",
    "cancelled": "dim",
    "skipped": "magenta",
}
_GAP = 2
_LEAST_FLEXIBLE = 12
# C0 and C1 controls but for tab and line feed, which command a terminal, and what lets text lie about its order.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ADDRESS_IN_JSON = re.compile(rb'(?<=")https?://[^"\\]*(?=")')


def print_json(value: Any) -> None:
    """Print *value* as the one JSON value of this command; secrets in its web addresses are masked (J8)."""
    sys.stdout.flush()
    # The one type in our answers that msgspec does not know is Path.
    encoded = msgspec.json.encode(value, enc_hook=str)
    sys.stdout.buffer.write(_ADDRESS_IN_JSON.sub(lambda found: address(found[0].decode()).encode(), encoded) + b"\n")
    sys.stdout.buffer.flush()


def address(url: str) -> str:
    """Return a web address, or a name that may be one, without the secrets in it (J8)."""
    # Imported by need: help and mistakes in the arguments are told without what opens a library.
    from quaero_desktop.services.compose import without_secrets_in_address

    return without_secrets_in_address(url)


def safe(text: str) -> str:
    """Return *text*, which may come from the web, without what commands a terminal."""
    return _UNSAFE.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Return *text* as :func:`safe` does, on one line; should it be a web address, without the secrets in it."""
    line = safe(text).replace("\n", " ").replace("\t", " ")
    return address(line) if "://" in line else line


def console(*, stderr: bool = False) -> "Console":
    """Return a console. Text from the web never counts as markup there, and lines are as long as they are."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


def lines(*texts: "str | Text") -> None:
    """Print each of *texts* as a line."""
    out = console()
    for text in texts:
        out.print(safe(text) if isinstance(text, str) else text)


def plain_lines(*texts: str) -> None:
    """Print each of *texts* as it is, without colours and without rich."""
    # A text that is piped into a file or a program is data; on a terminal it must not command it.
    show = safe if sys.stdout.isatty() else str
    for text in texts:
        sys.stdout.write(f"{show(text)}\n")


def wrapped(text: "Text") -> None:
    """Print *text* wrapped at the words, on a terminal."""
    out = console()
    out.print(text, soft_wrap=not out.is_terminal)


def rest(offset: int, shown: int, total: int) -> None:
    """Say where in the list the lines shown stand, unless they are all of it."""
    if shown < total:
        lines(
            f"{offset + 1:,}–{offset + shown:,} of {total:,}. More: --offset {offset + shown}"
            if offset + shown < total
            else f"{offset + 1:,}–{offset + shown:,} of {total:,}"
        )


def table(
    header: Sequence[str],
    rows: Iterable[Sequence["str | Text"]],
    *,
    numbers: Sequence[str] = (),
    flexible: Sequence[str] = (),
) -> None:
    """Print a table without frames.

    Args:
        header: the names of the columns; all empty for no header.
        rows: a cell for each column.
        numbers: the columns that are right-aligned.
        flexible: the columns whose cells are elided in the middle where the terminal is too narrow; they share what
            the others leave, and what one of them does not need goes to the next.
    """
    from rich.text import Text

    out = console()
    cells = [[cell if isinstance(cell, Text) else Text(one_line(cell)) for cell in row] for row in rows]
    titles = [Text(name, style="bold") for name in header]
    every = [titles, *cells] if any(header) else cells
    if not every:
        return
    widths = [max(row[column].cell_len for row in every) for column in range(len(header))]
    if out.is_terminal:
        room = out.width - sum(widths) - _GAP * (len(widths) - 1)
        shrinking = sorted((header.index(name) for name in flexible), key=widths.__getitem__)
        room += sum(widths[column] for column in shrinking)
        for left, column in zip(range(len(shrinking), 0, -1), shrinking, strict=True):
            widths[column] = min(widths[column], max(room // left, _LEAST_FLEXIBLE))
            room -= widths[column]
    for row in every:
        line = Text()
        for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
            if cell.cell_len > width:
                cell = Text(elided(cell.plain, width), style=cell.style)
            fill = " " * (width - cell.cell_len)
            line.append(" " * _GAP if column else "")
            if header[column] in numbers:
                line.append(fill)
                line.append_text(cell)
            else:
                line.append_text(cell)
                line.append(fill)
        line.rstrip()
        out.print(line)


def elided(text: str, width: int) -> str:
    """Return *text* cut in the middle to at most *width* columns of a terminal."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    if width < 3:
        return set_cell_size(text, max(width, 0))
    end_width = (width - 1) // 2
    end = text[-end_width:]
    while cell_len(end) > end_width:
        end = end[1:]
    return f"{set_cell_size(text, width - 1 - cell_len(end)).rstrip()}…{end}"


def status_text(status: str, warnings: int = 0) -> "Text":
    """Return a status as glyph, word and colour: never by colour alone."""
    from rich.text import Text

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
    """Return ``3.2 s``, ``34 s``, ``1 m 12 s`` or ``2 h 5 m``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} m"


def size(number: int) -> str:
    """Return ``312 B``, ``4.2 kB``, ``94 kB`` or ``8.2 MB``."""
    if number < 1000:
        return f"{number} B"
    if number < 999_500:
        return f"{number / 1000:.1f} kB" if number < 9_950 else f"{number / 1000:.0f} kB"
    return f"{number / 1_000_000:,.1f} MB"
