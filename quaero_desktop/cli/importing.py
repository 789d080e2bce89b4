"""``quaero import``: takes over what is in a database of the old Quaero."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from quaero_desktop.cli import output
from quaero_desktop.cli.context import Options, run
from quaero_desktop.cli.ending import EXIT_FAILED, EXIT_OK, complain
from quaero_desktop.domain.errors import LibraryMissingError, UsageError
from quaero_desktop.domain.importing import ImportPreview, ImportProgress, ImportReport, LeftOut, reasons
from quaero_desktop.services.importing.service import check, look_into, unkept_secrets

_NOUNS = {
    "credentials": "credential",
    "sources": "source",
    "definitions": "definition",
    "documents": "document",
    "jobs": "job",
    "logs": "log line",
    "seen_urls": "page that was only met",
}
_REASONS = 20
"""Of how many reasons each has a line."""


def run_command(options: Options, given: argparse.Namespace) -> int:
    """Run ``import``."""
    if not given.file:
        raise UsageError("import needs the name of a file.")
    path = Path(given.file).expanduser().absolute()
    if given.dry_run:
        return run(options, _dry_run(options, path))
    # Before a library is made for it; and asked outside of any loop, so that Ctrl-C answers, too.
    run(options, check(path))
    if not options.json and sys.stdin.isatty() and sys.stderr.isatty():
        unkept = run(options, unkept_secrets(path))
        if unkept and not _agrees(unkept):
            complain("Nothing was imported.")
            return EXIT_FAILED
    return run(options, _import(options, path))


async def _dry_run(options: Options, path: Path) -> int:
    preview = await _look(options, path)
    if options.json:
        output.print_json(
            {
                "dry_run": True,
                "imported": preview.coming,
                "present": preview.present,
                "left_out": preview.left_out,
                "secrets": preview.secrets if preview.secrets_kept else 0,
            }
        )
        return EXIT_OK
    _tell("Would import", preview.coming, preview.present)
    if preview.scheduled:
        output.lines(f"By schedule would run: {', '.join(preview.scheduled)}.")
    _tell_left_out(preview.left_out)
    return EXIT_OK


async def _look(options: Options, path: Path) -> ImportPreview:
    """Look into the file, beside the library or before there is one; it creates nothing."""
    with _progress(options) as progress:
        try:
            async with options.reading() as services:
                return await services.importing.preview(path, progress)
        except LibraryMissingError:
            return await look_into(path, progress)


async def _import(options: Options, path: Path) -> int:
    async with options.writing(create=True) as services:
        try:
            with _progress(options) as progress:
                report = await services.importing.run(path, progress=progress)
        except asyncio.CancelledError:
            complain("Stopped half-way: what has come stays. The same command goes on.")
            raise
    if options.json:
        output.print_json(
            {
                "imported": report.imported,
                "present": report.present,
                "left_out": report.left_out,
                "secrets": report.secrets,
            }
        )
    else:
        _tell_report(report)
    return EXIT_OK


def _agrees(number: int) -> bool:
    """Ask whether so many credentials may come without the secrets that nothing can keep."""
    sys.stderr.write(
        "This computer has no keyring, and Quaero keeps secrets nowhere else:"
        f" {output.count(number, 'credential')} would come\nwithout the secret. Import now? [Y/n] "
    )
    sys.stderr.flush()
    answer = sys.stdin.readline()
    return answer.strip().lower() in ("", "y", "yes") and answer != ""


def _tell_report(report: ImportReport) -> None:
    _tell("Imported", report.imported, report.present)
    if report.secrets:
        output.lines(f"{output.count(report.secrets, 'secret')} went to the keyring.")
    _tell_left_out(report.left_out)


def _tell(verb: str, came: Mapping[str, int], present: Mapping[str, int]) -> None:
    some = _counted(came)
    before = _counted(present)
    if some:
        output.lines(f"{verb} {', '.join(some)}.")
    elif before:
        output.lines("There is nothing new in it.")
    else:
        output.lines("There is nothing in it to import.")
    if before:
        output.lines(f"Here already: {', '.join(before)}.")


def _counted(numbers: Mapping[str, int]) -> list[str]:
    said = []
    for kind, noun in _NOUNS.items():
        if number := numbers.get(kind, 0):
            plural = "pages that were only met" if kind == "seen_urls" else f"{noun}s"
            said.append(f"{number:,} {noun if number == 1 else plural}")
    return said


def _tell_left_out(left_out: Sequence[LeftOut]) -> None:
    """Say what is left out and why, a line for each reason."""
    if not left_out:
        return
    found = reasons(left_out)
    output.lines(f"Left out, in whole or in part: {output.count(len(left_out), 'row')}.")
    output.table(
        ("table", "rows", "why", "for example"),
        [
            (each.table, f"{each.count:,}", each.why, ", ".join(filter(None, each.examples[:2])))
            for each in found[:_REASONS]
        ],
        numbers=("rows",),
        flexible=("for example", "why"),
    )
    if len(found) > _REASONS:
        output.lines(f"Those are the {_REASONS} most frequent reasons; --json lists all rows.")


@contextmanager
def _progress(options: Options) -> Iterator[Callable[[ImportProgress], None] | None]:
    """Show on the terminal, if there is one, how far it is."""
    if options.json or not sys.stderr.isatty():
        yield None
        return
    from rich.live import Live
    from rich.text import Text

    with Live(Text(""), console=output.console(stderr=True), transient=True, auto_refresh=False) as live:
        yield lambda said: live.update(Text(f"{said.done:,} of {output.count(said.total, 'row')} read"), refresh=True)
