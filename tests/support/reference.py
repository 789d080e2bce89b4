"""The parts of the documentation that are made from the program: ``python -m tests.support.reference`` writes them.

A test compares them with the program. What people wrote around them stays as it is.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from quaero_desktop.cli.syntax import commandline
from quaero_desktop.cli.syntax.base import Parser
from quaero_desktop.domain.advice import ADVICE
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.words import CAUSES
from quaero_desktop.infra.settings.info import info, variables

ROOT = Path(__file__).resolve().parents[2]
_BEGIN, _END = "<!-- made by tests/support/reference.py -->", "<!-- end -->"
_MADE = re.compile(f"{re.escape(_BEGIN)}\n.*?{re.escape(_END)}", re.DOTALL)


_NOT_ADVISED = {
    Cause.CANCELLED: "Nothing: somebody cancelled it. A retry with --cancelled lets it go on after all.",
    Cause.LIMIT: "See why the others failed; or let the definition tolerate more failures.",
}
"""What the program leaves unsaid, since whoever sees it knows."""


def commands() -> str:
    """Return the reference of the command line: a part for each command."""
    return "\n".join(_command(parser) for parser in _with_commands(commandline.build()))


def settings_table() -> str:
    """Return the reference of the settings: a table for each section of the file."""
    lines: list[str] = []
    section = ""
    for key, variable in variables().items():
        about = info(key)
        if section != key.partition(".")[0]:
            section = key.partition(".")[0]
            lines += ["", f"## {section}", "", "| key | what it does | value | default |", "| --- | --- | --- | --- |"]
        name = key.partition(".")[2]
        default = f"{len(about.default)} names" if isinstance(about.default, tuple) else _toml(about.default)
        lines.append(f"| `{name}`<br>`{variable}` | {_cell(about.description)} | {_cell(about.expected)} | {default} |")
    return "\n".join(lines[1:])


def causes() -> str:
    """Return the table of the causes that a page, or another job, can fail for."""
    lines = ["| `--cause` | what is said | what to do |", "| --- | --- | --- |"]
    for cause in Cause:
        words = CAUSES[cause]
        lines.append(
            f"| `{cause}` | {_cell(words[0].upper() + words[1:])} | {_cell(ADVICE.get(cause) or _NOT_ADVISED[cause])} |"
        )
    return "\n".join(lines)


PAGES: Mapping[str, Callable[[], str]] = {
    "docs/guide/command-line.md": commands,
    "docs/settings.md": settings_table,
    "docs/errors.md": causes,
}
"""Which page holds which part."""


def renewed(page: str) -> str:
    """Return the text of one of :data:`PAGES` with its part as the program is now.

    Raises:
        ValueError: the page has no place for it, or more than one.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    if len(_MADE.findall(text)) != 1:
        raise ValueError(f"{page} needs one “{_BEGIN}” and, below it, one “{_END}”.")
    return _MADE.sub(lambda _: f"{_BEGIN}\n\n{PAGES[page]().strip()}\n\n{_END}", text)


def _with_commands(parser: Parser) -> Iterator[Parser]:
    for command in parser.commands().values():
        if not command.commands() or command.get_default("action") is not None:
            yield command
        yield from _with_commands(command)


def _command(parser: Parser) -> str:
    summary = " ".join((parser.description or "").split("\n"))
    examples = [line.strip() for line in (parser.epilog or "").splitlines()[1:]]
    lines = [f"### {parser.prog}", "", _cell(summary), "", "```text", parser.usage or parser.prog, "```", ""]
    rows = [
        f"| `{_named(action)}` | {_cell(action.help or '')} |"
        for group in parser._action_groups
        if group.title != "options of every command"
        for action in group._group_actions
        if action.dest not in ("help", "action")
    ]
    if rows:
        lines += ["| | |", "| --- | --- |", *rows, ""]
    return "\n".join([*lines, "```sh", *examples, "```", ""])


def _named(action: object) -> str:
    options: list[str] = getattr(action, "option_strings", [])
    value = getattr(action, "metavar", None) or ""
    return " ".join(filter(None, (", ".join(options), str(value)))).replace("|", "\\|")


def _cell(text: str) -> str:
    """Return plain text as markdown that shows just that in a cell of a table."""
    return re.sub(r"([\\|*_<\[\]`])", r"\\\1", " ".join(text.split()))


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value != "" else "empty"


def main() -> int:
    """Write the parts anew and tell which pages changed."""
    for page in PAGES:
        text = renewed(page)
        if text != (ROOT / page).read_text(encoding="utf-8"):
            (ROOT / page).write_text(text, encoding="utf-8")
            sys.stdout.write(f"{page}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
