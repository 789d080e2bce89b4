"""``quaero cleanup``: deletes jobs that ended long ago."""

import argparse
import asyncio
from collections.abc import Sequence

from quaero_desktop.cli import output
from quaero_desktop.cli.context import Options, run
from quaero_desktop.cli.deletion import purging
from quaero_desktop.cli.ending import EXIT_FAILED, EXIT_OK, complain
from quaero_desktop.domain.cleanup import Cleanup, CleanupError, CleanupPlan, check_cleanable
from quaero_desktop.domain.deletion import DeletionFailure

_LISTED = 20
"""Of how many jobs each has a line."""


def run_command(options: Options, given: argparse.Namespace) -> int:
    """Run ``cleanup``."""
    # Before the library is opened.
    statuses = check_cleanable(tuple(given.status))
    if given.dry_run:
        return run(options, _dry_run(options, given.older_than, statuses))
    return run(options, _clean_up(options, given.older_than, statuses))


async def _dry_run(options: Options, older_than_ms: int, statuses: Sequence[str]) -> int:
    async with options.reading() as services:
        plan = await services.cleanup.plan(older_than_ms, statuses)
    if options.json:
        _print_json(plan, dry_run=True)
    else:
        _tell("Would delete", plan)
    return EXIT_OK


async def _clean_up(options: Options, older_than_ms: int, statuses: Sequence[str]) -> int:
    async with options.writing() as services:
        error = None
        try:
            with purging(not options.json) as progress:
                cleanup = await services.cleanup.run(older_than_ms, statuses, progress=progress)
        except CleanupError as raised:
            error, cleanup = raised, raised.cleanup
        except asyncio.CancelledError:
            complain("Stopped half-way: what is gone is gone, the others stay. The same command goes on.")
            raise
    if options.json:
        _print_json(cleanup, dry_run=False)
    elif cleanup.roots or error is None:
        _tell("Deleted for good:", cleanup)
    if error is not None:
        complain(error.message, error.hint)
    return EXIT_FAILED if error is not None else EXIT_OK


def _print_json(what: CleanupPlan | Cleanup, *, dry_run: bool) -> None:
    failed: tuple[DeletionFailure, ...] = what.failed if isinstance(what, Cleanup) else ()
    output.print_json(
        {"roots": what.roots, "jobs": what.jobs, "failed": failed, "before": what.before, "dry_run": dry_run}
    )


def _tell(verb: str, what: CleanupPlan | Cleanup) -> None:
    """Say what goes, a line for each of the oldest jobs."""
    before = output.moment(what.before)
    if not what.roots:
        output.lines(f"No job like that ended before {before}.")
        return
    below = what.jobs - len(what.roots)
    output.lines(
        f"{verb} {output.count(len(what.roots), 'job')} that ended before {before}"
        + (f", with {output.count(below, 'job')} below {'it' if len(what.roots) == 1 else 'them'}." if below else ".")
    )
    output.table(
        ("id", "status", "ended", "jobs", "name"),
        [
            (str(root.id), output.status_text(root.status), output.moment(root.ended_at), f"{root.jobs:,}", root.name)
            for root in what.roots[:_LISTED]
        ],
        numbers=("id", "jobs"),
        flexible=("name",),
    )
    if len(what.roots) > _LISTED:
        output.lines(f"Those are the oldest {_LISTED}; --json lists all.")
    output.lines("The documents stay in the library.")
