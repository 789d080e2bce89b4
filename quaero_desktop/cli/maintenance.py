"""``quaero backup`` and ``quaero verify``: looking after a library."""

import argparse

from quaero_desktop.cli import output
from quaero_desktop.cli.context import Options, run
from quaero_desktop.cli.ending import EXIT_FAILED, EXIT_OK


def run_command(options: Options, given: argparse.Namespace) -> int:
    """Run ``verify`` or one of the actions of ``backup``."""
    if given.command == "verify":
        return run(options, _verify(options))
    match given.action:
        case "list":
            return _list_backups(options)
        case "restore":
            return _restore(options, given.name)
        case _:
            return run(options, _back_up(options))


async def _back_up(options: Options) -> int:
    async with options.writing() as services:
        made = await services.maintenance.back_up()
    if options.json:
        output.print_json(made)
    else:
        output.lines(f"Backup {made.name} ({output.size(made.bytes)})")
    return EXIT_OK


def _list_backups(options: Options) -> int:
    backups = options.backups().newest_first()
    if options.json:
        output.print_json({"backups": backups})
    elif backups:
        output.table(
            ("name", "made", "size", ""),
            [
                (each.name, output.moment(each.created_at), output.size(each.bytes), "" if each.ok else "damaged")
                for each in backups
            ],
            numbers=("size",),
        )
    else:
        options.advise("No backups. Make one: quaero backup")
    return EXIT_OK


def _restore(options: Options, name: str) -> int:
    kept = run(options, options.backups().restore(name))
    if options.json:
        output.print_json({"restored": name, "kept_in": kept})
    else:
        output.lines(f"Restored {name}.")
        if kept:
            output.plain_lines(f"What was there before is in {kept}")
    return EXIT_OK


async def _verify(options: Options) -> int:
    async with options.reading() as services:
        report = await services.maintenance.verify()
    if options.json:
        output.print_json(report)
    else:
        for check in report.checks:
            mark = output.status_text("completed" if check.ok else "failed").split(" ")[0]
            mark.append(f" {check.name}" + (f": {check.detail}" if check.detail else ""), "default")
            output.lines(mark)
        broken = sum(not check.ok for check in report.checks)
        output.lines(
            "Nothing wrong." if report.ok else f"{output.count(broken, 'promise')} of the library broken: see ✕ above."
        )
    return EXIT_OK if report.ok else EXIT_FAILED
