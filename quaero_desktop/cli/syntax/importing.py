"""The syntax of ``quaero import``."""

from typing import Any

from quaero_desktop.cli.syntax.base import add_command


def add_syntax(commands: Any) -> None:
    """Add the command to the parser's *commands*."""
    importing = add_command(
        commands,
        "import",
        "Take over what is in a database of the old Quaero: sources, definitions, documents, jobs and their logs.",
        "quaero import old/quaero.db --dry-run",
        "quaero import old/quaero.db",
        usage="FILE",
        more="The file is only read. What came before does not come again, so an import that was stopped goes on.",
    )
    importing.add_argument("file", metavar="FILE", help="The SQLite file of the old Quaero.")
    importing.add_argument(
        "--dry-run", action="store_true", help="Tell what would come, and what would be left out and why; do nothing."
    )
