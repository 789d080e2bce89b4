"""All figures as one table: in Markdown, or as wide as a terminal is."""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

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


def _capital(what: str) -> str:
    return what[:1].upper() + what[1:]


def summary(figures: Iterable[Figure]) -> str:
    """Return how many figures there are and how many are as wanted."""
    marks = [mark(figure) for figure in figures]
    words = {"yes": "as wanted", "**NO**": "short of it", "**FAILED**": "failed", "not here": "not possible here"}
    counts = ", ".join(f"{marks.count(key)} {said}" for key, said in words.items() if key in marks)
    return f"{len(marks)} figures" + (f": {counts}" if counts else "")


@dataclass(frozen=True)
class Report:
    """All that is to be told.

    Attributes:
        title: says what was run, and when.
        facts: about the machine and the programs, by name.
        parts: in the order of the table.
    """

    title: str
    facts: Mapping[str, str]
    parts: Sequence[Part]

    @property
    def figures(self) -> list[Figure]:
        """The figures of all parts."""
        return [figure for part in self.parts for figure in part.figures]

    @property
    def good(self) -> bool:
        """Whether no figure falls short, and no benchmark failed."""
        return all(figure.met is not False for figure in self.figures)

    def rows(self) -> list[tuple[str, ...]]:
        """Return the cells of the table without its head; a section is a row with one cell."""
        rows: list[tuple[str, ...]] = []
        section = None
        for part in self.parts:
            if part.section != section:
                section = part.section
                rows.append((section,))
            rows += [
                (_capital(each.what), each.measured, each.wanted, mark(each), part.command) for each in part.figures
            ]
        return [tuple(re.sub(r"\s+", " ", cell) for cell in row) for row in rows]

    def above(self) -> list[str]:
        """Return the lines above the table."""
        return [self.title, "", *(f"- {name}: {value}" for name, value in self.facts.items())]

    def below(self) -> list[str]:
        """Return the lines below the table."""
        notes = [f"- {figure.note}" for figure in self.figures if figure.note]
        return [f"{summary(self.figures)}.", *(["", *notes] if notes else [])]

    def markdown(self) -> str:
        """Return all of it in Markdown."""
        rows = [HEAD, *((f"**{row[0]}**", "", "", "", "") if len(row) == 1 else row for row in self.rows())]
        cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
        wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
        cells.insert(1, ["-" * width for width in wide])
        table = ("| " + " | ".join(map(str.ljust, row, wide)) + " |" for row in cells)
        return "\n".join([*self.above(), "", *table, "", *self.below()]) + "\n"

    def print(self, console: Console) -> None:
        """Print all of it on a terminal."""
        table = Table(*HEAD, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.columns[-1].no_wrap = table.columns[2].no_wrap = True
        for row in self.rows():
            if len(row) == 1:
                table.add_section()
            falls_short = len(row) > 1 and row[3].startswith("*")
            style = "bold" if len(row) == 1 else "bold red" if falls_short else ""
            table.add_row(*(Text(cell.strip("*")) for cell in row), style=style)
        console.print("\n".join(self.above()).replace("**", ""), markup=False, highlight=False)
        console.print(table)
        console.print("\n".join(self.below()).replace("**", ""), markup=False, highlight=False)


def inserted(text: str, table: str) -> str:
    """Return a file's *text* with *table* between its marks; all of it, when it has no marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}" if begin and end else table
