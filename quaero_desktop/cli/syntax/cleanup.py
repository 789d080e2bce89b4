"""The syntax of ``quaero cleanup``."""

from typing import Any

from quaero_desktop.cli.syntax.base import add_command, age
from quaero_desktop.domain.cleanup import CLEANABLE


def add_syntax(commands: Any) -> None:
    """Add the command to the parser's *commands*."""
    cleanup = add_command(
        commands,
        "cleanup",
        "Delete for good what ended long ago: whole jobs with all below them and their logs.",
        "quaero cleanup --older-than 30d --dry-run",
        "quaero cleanup --older-than 2w --status failed --status cancelled",
        usage="--older-than AGE",
        more="Documents stay, and so does every job that has not ended.",
    )
    add = cleanup.add_argument
    add(
        "--older-than",
        metavar="AGE",
        type=age,
        required=True,
        help="How long ago a job must have ended: a whole number with m, h, d or w for minutes, hours, days or weeks.",
    )
    add(
        "--status",
        metavar="S",
        action="append",
        default=[],
        help=f"Only jobs that ended like this: {', '.join(CLEANABLE)}. Can be repeated. [default: all of them]",
    )
    add("--dry-run", action="store_true", help="Only tell what would be deleted.")
