"""The syntax of ``quaero definitions``: recipes of crawls and what follows them, by hand or by schedule."""

from typing import Any

from quaero_desktop.cli.syntax.base import Parser, add_command, add_group, identifier


def add_syntax(commands: Any) -> None:
    """Add the commands to the parser's *commands*."""
    definitions = add_group(
        add_command(
            commands,
            "definitions",
            "Keep recipes of crawls and what follows them; run them by hand or by schedule.",
            "quaero definitions add nightly.toml",
            "quaero definitions run 1 --wait",
            usage="ACTION",
            more="They run by their schedules while quaero work or the window runs.",
        ),
        "action",
    )
    add_command(definitions, "list", "List all definitions, with when they run next.", "quaero definitions list")
    _with_id(definitions, "show", "Tell everything about a definition: its steps, its schedule, its last runs.")
    add = add_command(
        definitions,
        "add",
        "Store the definition that a TOML file describes.",
        "quaero definitions add nightly.toml",
        "quaero definitions add nightly.toml --replace",
        usage="FILE",
        more="quaero definitions export ID writes such a file. - is the standard input.",
    )
    add.add_argument("file", metavar="FILE", help="The file.")
    add.add_argument("--replace", action="store_true", help="Put it in the place of the definition of that name.")
    export = _with_id(definitions, "export", "Write a definition as a TOML file, to edit it or to take it elsewhere.")
    export.add_argument("--to", metavar="FILE", help="The file; it must not exist yet. [default: standard output]")
    running = _with_id(definitions, "run", "Run a definition once, now; quaero work runs what is queued.")
    running.add_argument("--wait", action="store_true", help="Run it to the end before this returns.")
    _with_id(definitions, "enable", "Let a definition run again: by hand, by schedule and before or after others.")
    _with_id(definitions, "disable", "Let a definition not run at all any more.")
    _with_id(definitions, "pause", "Let the schedule of a definition rest; it can be run by hand.")
    _with_id(definitions, "resume", "Let the schedule of a definition go on; what it missed is not made up for.")
    _with_id(definitions, "delete", "Delete a definition; the jobs of its runs stay.")


def _with_id(definitions: Any, name: str, summary: str) -> Parser:
    parser = add_command(definitions, name, summary, f"quaero definitions {name} 1", usage="ID")
    parser.add_argument("id", metavar="ID", type=identifier, help="The definition's number.")
    return parser
