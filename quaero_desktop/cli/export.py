"""``quaero documents export``: documents for other programs."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from quaero_desktop.cli import output
from quaero_desktop.cli.context import Options, run
from quaero_desktop.cli.ending import EXIT_FAILED, EXIT_OK, complain
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.exporting import ExportFormat

_ENDINGS = {".jsonl": ExportFormat.JSONL, ".ndjson": ExportFormat.JSONL, ".csv": ExportFormat.CSV}


def run_command(options: Options, given: argparse.Namespace) -> int:
    """Run ``documents export``."""
    if not given.to:
        raise UsageError("--to needs the name of a file or folder.")
    return run(options, _export(options, given, Path(given.to).expanduser()))


async def _export(options: Options, given: argparse.Namespace, target: Path) -> int:
    async with options.reading() as services:
        with _progress(options) as progress:
            report = await services.export.export(
                given.format or _ENDINGS.get(target.suffix.lower(), ExportFormat.MARKDOWN),
                target,
                ids=given.ids or None,
                query=given.search,
                part=given.query,
                source=given.source,
                overwrite=given.force,
                progress=progress,
            )
    for document_id in report.skipped:
        complain(f"There is no document {document_id}.")
    if options.json:
        output.print_json(report)
    else:
        files = f" in {output.count(report.files, 'file')}" if report.files > 1 else ""
        output.plain_lines(
            f"{output.count(report.documents, 'document')}{files} ({output.size(report.bytes)}) written to"
            f" {report.target}"
        )
    return EXIT_FAILED if report.skipped else EXIT_OK


@contextmanager
def _progress(options: Options) -> Iterator[Callable[[int, int], None] | None]:
    """Show on the terminal, if there is one, how far it is."""
    if options.json or not sys.stderr.isatty():
        yield None
        return
    from rich.live import Live
    from rich.text import Text

    with Live(Text(""), console=output.console(stderr=True), transient=True, auto_refresh=False) as live:
        yield lambda done, total: live.update(
            Text(f"{done:,} of {output.count(total, 'document')} written"), refresh=True
        )
