"""``quaero backup`` and ``quaero verify``: looking after a library."""

from typing import Annotated

import typer

from quaero_desktop.cli import output
from quaero_desktop.cli.context import EXIT_FAILED, EXIT_OK, Options, run

backup_app = typer.Typer(invoke_without_command=True, help="Make, list and restore backups of the library.")


@backup_app.callback()
def backup(context: typer.Context) -> int:
    """Make, list and restore backups of the library; alone, make one."""
    if context.invoked_subcommand is None:
        return create(context)
    return EXIT_OK


@backup_app.command("create")
def create(context: typer.Context) -> int:
    """Make a backup and check it."""
    options: Options = context.obj

    async def perform() -> int:
        async with options.writing() as services:
            made = await services.maintenance.back_up()
        if options.json:
            output.print_json(made)
        else:
            output.console().print(f"Backup {made.name} ({output.size(made.bytes)})")
        return EXIT_OK

    return run(options, perform())


@backup_app.command("list")
def list_backups(context: typer.Context) -> int:
    """List the backups, newest first."""
    options: Options = context.obj
    backups = options.backups().newest_first()
    if options.json:
        output.print_json({"backups": backups})
        return EXIT_OK
    console = output.console()
    if not backups:
        console.print("No backups. Make one with: quaero backup")
        return EXIT_OK
    table = output.table("name", "made", "size", numbers=("size",))
    for each in backups:
        table.add_row(each.name, output.moment(each.created_at), output.size(each.bytes))
    console.print(table)
    return EXIT_OK


@backup_app.command("restore")
def restore(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME", help="As quaero backup list names it.")]
) -> int:
    """Put a backup in the place of the library; what was there is kept beside it."""
    options: Options = context.obj
    kept = run(options, options.backups().restore(name))
    if options.json:
        output.print_json({"restored": name, "kept_in": kept})
    else:
        output.console().print(f"Restored {name}." + (f" What was there before is in {kept}" if kept else ""))
    return EXIT_OK


def verify(context: typer.Context) -> int:
    """Check every promise that the library makes."""
    options: Options = context.obj

    async def perform() -> int:
        async with options.reading() as services:
            report = await services.maintenance.verify()
        if options.json:
            output.print_json(report)
        else:
            console = output.console()
            for check in report.checks:
                console.print(
                    f"{'✓' if check.ok else '✕'} {check.name}" + (f": {check.detail}" if check.detail else "")
                )
            console.print("Nothing wrong." if report.ok else "The library does not keep its promises; see above.")
        return EXIT_OK if report.ok else EXIT_FAILED

    return run(options, perform())
