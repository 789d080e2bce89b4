"""The syntax of ``quaero backup`` and ``quaero verify``."""

from typing import Any

from quaero_desktop.cli.syntax.base import add_command, add_group


def add_syntax(commands: Any) -> None:
    """Add the commands to the parser's *commands*."""
    _add_backup(commands)
    add_command(commands, "verify", "Check every promise that the library makes.", "quaero verify")


def _add_backup(commands: Any) -> None:
    backup = add_command(
        commands,
        "backup",
        "Make, list and restore backups of the library; alone, make one.",
        "quaero backup",
        "quaero backup list",
        usage="[ACTION]",
    )
    actions = add_group(backup, "action")
    backup.set_defaults(action="create")
    add_command(actions, "create", "Make a backup and check it.", "quaero backup create")
    add_command(actions, "list", "List the backups, newest first.", "quaero backup list")
    restore = add_command(
        actions,
        "restore",
        "Put a backup in the place of the library; what was there is kept beside it.",
        "quaero backup restore library-20260131T120000Z.db",
        usage="NAME",
    )
    restore.add_argument("name", metavar="NAME", help="A backup, as quaero backup list names it.")
