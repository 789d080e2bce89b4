"""All figures as one table, in Markdown that can be read on a terminal as well."""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.figures import Figure

HEAD = ("Figure", "Measured", "Wanted", "Met", "Alone: dev.py …")
BEGIN, END = "<!-- made by dev.py bench: begin -->", "<!-- made by dev.py bench: end -->"
"""Between these lines of a file stands a table; the rest of the file is somebody's."""
REASON_CHARACTERS = 160


@dataclass(frozen=True)
class Part:
    """What one benchmark came to.

    Attributes:
        section: under which heading it stands.
        command: makes it alone.
        figures: what it told.
    """

    section: str
    command: str
    figures: Sequence[Figure]


def unmeasured(what: str, reason: str, *, failed: bool) -> Figure:
    """Return the row that stands for what could not be measured, with the first line of the reason."""
    line = " ".join(reason.split("\n", 1)[0].split()) or "it said nothing"
    return Figure(what=what, detail=textwrap.shorten(line, REASON_CHARACTERS, placeholder=" …"), failed=failed)


def mark(figure: Figure) -> str:
    """Return whether a figure is as wanted, in a word that stands out when it is not."""
    if figure.value is None:
        return "**FAILED**" if figure.failed else "not here"
    return {True: "yes", False: "**NO**", None: ""}[figure.met]


def summary(figures: Iterable[Figure]) -> str:
    """Return how many figures there are and how many are as wanted."""
    marks = [mark(figure) for figure in figures]
    words = {"yes": "as wanted", "**NO**": "short of it", "**FAILED**": "failed", "not here": "not possible here"}
    counts = ", ".join(f"{marks.count(key)} {said}" for key, said in words.items() if key in marks)
    return f"{len(marks)} figures" + (f": {counts}" if counts else "")


def render(title: str, facts: Mapping[str, str], parts: Sequence[Part]) -> str:
    """Return everything: when and where it was measured, the table, and the notes.

    Args:
        title: says what was run.
        facts: of the machine and the programs, by name.
        parts: in the order of the table.
    """
    rows = [HEAD]
    section = None
    for part in parts:
        if part.section != section:
            section = part.section
            rows.append((f"**{section}**", "", "", "", ""))
        rows += [(each.what, each.measured, each.wanted, mark(each), part.command) for each in part.figures]
    figures = [figure for part in parts for figure in part.figures]
    notes = [f"- {figure.note}" for figure in figures if figure.note]
    lines = [title, "", *(f"- {name}: {value}" for name, value in facts.items()), "", *_table(rows), ""]
    lines += [f"{summary(figures)}.", *(["", *notes] if notes else [])]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    cells = [[re.sub(r"\s+", " ", cell).replace("|", "\\|") for cell in row] for row in rows]
    wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in wide) + " |")
    return lines


def inserted(text: str, table: str) -> str:
    """Return a file's *text* with *table* between its marks; all of it, when it has no marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}" if begin and end else table
