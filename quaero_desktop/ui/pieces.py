"""Cuts the markdown of a page into pieces that Qt can lay out one at a time, so that no page, however long, blocks.

Qt lays out a table cell by cell (0.2 ms each), and a whole table at once: 2,000 cells take half a second. So a long
table is cut into tables of some rows, all with the same columns.
"""

import re
from collections import deque
from collections.abc import Iterator
from itertools import islice

import msgspec

PIECE = 5_000
"""Characters after which a piece ends at the next good place."""
_MOST = 3 * PIECE
"""Characters after which it ends wherever it is."""
_CELLS = 60
"""Cells of a table in one piece."""
_LONGEST_ROW = 8_000
_MOST_COLUMNS = 40
_SAMPLE = 200
_LINE_COST = 25
"""A line, which may be a block of its own, takes as much time as so many characters more."""
_CELL_COST = PIECE // _CELLS
"""A cell takes as much time as so many characters."""

_FENCE = re.compile(r"( {0,3}|\s*)(`{3,}|~{3,})([^`]*)$")
_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_CELL = re.compile(r"(?<!\\)\|")
_BACKSLASH = "\\"
_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])\s")


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a page.

    Attributes:
        markdown: complete in itself: a code block that goes on in the next piece is closed and opened again.
        columns: the widths of a long table's columns in percent; empty for anything else.
        goes_on: whether the rows belong to the table of the piece before; the first row is then an empty heading.
    """

    markdown: str
    columns: tuple[float, ...] = ()
    goes_on: bool = False


def pieces(markdown: str) -> Iterator[Piece]:
    """Cut *markdown* into pieces, lazily: the first comes at once, also of a text of many megabytes."""
    lines = _Lines(markdown)
    gathered: list[str] = []
    size = 0
    fence = ""  # the line that opened the code block we are in
    before = ""  # the line before, to tell the heading of a table
    for line in lines:
        opened = _FENCE.match(line) if "`" in line or "~" in line else None
        if fence:
            if opened and _closes(fence, line):
                fence = ""
            elif size > PIECE and (not line.strip() or size > 2 * PIECE):
                mark = _FENCE.match(fence)
                assert mark is not None
                gathered.append(mark[1] + mark[2])
                yield Piece(markdown="\n".join(gathered))
                gathered, size = [fence], len(fence)
        elif opened:
            if size > PIECE:
                yield Piece(markdown="\n".join(gathered))
                gathered, size = [], 0
            fence = line
        elif "|" in before and "-" in line and "|" in line and _RULE.match(line):
            heading = gathered.pop()
            columns = min(_MOST_COLUMNS, max(1, len(_cells(line))))
            rows = list(islice(_rows(lines), _SAMPLE))
            if len(rows) * columns <= _CELLS:
                gathered += [_shortened(row, columns) for row in (heading, line, *rows)]
                size += (len(rows) + 1) * columns * _CELL_COST
            else:
                if gathered:
                    yield Piece(markdown="\n".join(gathered))
                yield from _long_table(heading, line, rows, lines, columns)
                gathered, size = [], 0
            before = ""
            continue
        elif size > PIECE and (_is_good_place(before, line) or size > _MOST):
            yield Piece(markdown="\n".join(gathered))
            gathered, size = [], 0
        gathered.append(line)
        size += len(line) + _LINE_COST
        before = line
    if any(line.strip() for line in gathered):
        yield Piece(markdown="\n".join(gathered))


class _Lines:
    """The lines of a text, without a list of all; one of megabytes is cut where it can be."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._start = 0
        self._next: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._next:
            return self._next.pop()
        start, text = self._start, self._text
        if start >= len(text):
            raise StopIteration
        end = text.find("\n", start, start + _MOST)
        if end < 0 and len(text) - start > _MOST:
            cut = text.rfind(" ", start + _MOST // 2, start + _MOST)
            self._start = start + _MOST if cut < 0 else cut + 1
            # A blank line, so that what follows is another paragraph.
            self._next.append("")
            return text[start : self._start]
        end = len(text) if end < 0 else end
        self._start = end + 1
        return text[start:end]

    def put_back(self, line: str) -> None:
        """Let *line* come next."""
        self._next.append(line)


def _closes(fence: str, line: str) -> bool:
    """Return whether *line* ends the code block that *fence* began."""
    opening = _FENCE.match(fence)
    assert opening is not None
    mark = line.strip()
    return mark.startswith(opening[2]) and not mark.strip(opening[2][0])


def _is_good_place(before: str, line: str) -> bool:
    """Return whether a page can be cut between two lines without a trace."""
    if not before.strip():
        return bool(line) and not line[0].isspace() and line[0] != ">"
    return bool(_ITEM.match(line))


def _rows(lines: _Lines) -> Iterator[str]:
    """Return the rows of a table. What ended it may begin anything, and comes next."""
    for line in lines:
        if "|" not in line:
            lines.put_back(line)
            return
        yield line


def _long_table(heading: str, rule: str, rows: list[str], lines: _Lines, columns: int) -> Iterator[Piece]:
    """Cut a long table, of which some rows have been read, into pieces."""
    rows_each = max(1, _CELLS // columns)
    widths = _widths([heading, *rows], columns)
    rule = _shortened(rule, columns)
    head, goes_on = _shortened(heading, columns), False
    waiting = deque(rows)
    while waiting or (waiting := deque(islice(_rows(lines), rows_each))):
        part = [_shortened(waiting.popleft(), columns) for _ in range(min(rows_each, len(waiting)))]
        yield Piece(markdown="\n".join([head, rule, *part]), columns=widths, goes_on=goes_on)
        head, goes_on = "|" + " |" * columns, True


def _cells(row: str) -> list[str]:
    return _CELL.split(row.strip().removeprefix("|").removesuffix("|"))


def _shortened(row: str, columns: int) -> str:
    """Return a row that can be laid out: no more than so many columns, and no cell like a book."""
    if len(row) <= _LONGEST_ROW and row.count("|") <= columns + 1:
        return row
    cells = _cells(row)
    most = _LONGEST_ROW // columns
    shown = [cell if len(cell) <= most else f"{cell[:most].rstrip(_BACKSLASH)}…" for cell in cells[:columns]]
    if len(cells) > columns and not _RULE.match(row):
        shown[-1] += " …"
    return "|" + "|".join(shown) + "|"


def _widths(rows: list[str], columns: int) -> tuple[float, ...]:
    """Return the widths in percent of columns that hold such rows: room for nine of ten cells in one line."""
    lengths: list[list[int]] = [[] for _ in range(columns)]
    for row in rows:
        for index, cell in enumerate(_cells(row[:_LONGEST_ROW])[:columns]):
            lengths[index].append(min(80, len(cell.strip())))
    wanted = [max(4, sorted(column)[len(column) * 9 // 10]) if column else 4 for column in lengths]
    return tuple(100 * width / sum(wanted) for width in wanted)
