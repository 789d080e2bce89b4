"""``quaero jobs delete`` and ``quaero jobs restore``."""

import argparse
import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from quaero_desktop.cli import output
from quaero_desktop.cli.context import Options, run
from quaero_desktop.cli.ending import EXIT_FAILED, EXIT_OK, complain
from quaero_desktop.domain.deletion import TRASH_SECONDS, Deletion, DeletionError, DeletionPlan
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.jobs import OPEN_STATUSES, Job
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.services.compose import Services

_NAMED = 10
"""Of how many jobs each is named; of more, the number."""
_FILTER_KEYS = ("parent", "status", "type", "source", "query")


def run_command(options: Options, given: argparse.Namespace) -> int:
    """Run ``jobs delete`` or ``jobs restore``."""
    if given.action == "restore":
        return run(options, _restore(options, given.ids))
    if bool(given.ids) == bool(given.filter):
        raise UsageError(
            "Which jobs? Name them, or say with --filter what they are like; one of both.",
            "Help: quaero jobs delete --help",
        )
    which = _filter(given.filter) if given.filter else None
    if given.dry_run:
        return run(options, _dry_run(options, given.ids, which))
    return run(options, _delete(options, given.ids, which, cascade=not given.no_cascade, purge=given.purge))


def _filter(texts: Sequence[str]) -> JobFilter:
    """Return what ``--filter KEY=VALUE`` means, each as the option of ``jobs list`` does."""
    fields: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or key not in _FILTER_KEYS:
            raise UsageError(
                f"--filter needs KEY=VALUE, not “{text[:60]}”.",
                f"The keys are {', '.join(_FILTER_KEYS)}; for example: --filter status=failed",
            )
        # Only a query may hold a comma of its own.
        values = [value] if key == "query" else [part.strip() for part in value.split(",")]
        if "" in values:
            raise UsageError(f"--filter {key}= needs a value.")
        fields.setdefault(key, []).extend(values)
    for key in ("parent", "source", "query"):
        if len(fields.get(key, ())) > 1:
            raise UsageError(f"--filter {key}= can be given once only.")
    parent = fields.get("parent", ["root"])[0]
    return JobFilter(
        parent="root" if parent == "root" else "all" if parent == "all" else _number("parent", parent),
        status=tuple(fields.get("status", ())),
        type=tuple(fields.get("type", ())),
        source=_number("source", fields["source"][0]) if "source" in fields else None,
        query=fields.get("query", [""])[0],
    ).checked()


def _number(key: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise UsageError(f"--filter {key}= needs a number, as the lists show it, not “{text[:60]}”.")
    return int(text)


# --- delete -----------------------------------------------------------------------------------------------------------


async def _dry_run(options: Options, ids: Sequence[int], which: JobFilter | None) -> int:
    async with options.reading() as services:
        asked = ids if which is None else await services.jobs.matching(which)
        plan = await services.deletion.plan(asked, None)
        named = await _named(services, plan.tops)
    if options.json:
        output.print_json({"deleted": plan.ids, "failed": plan.failed, "running": plan.running, "dry_run": True})
    else:
        stopped = f" {plan.running:,} of them run just now and would be stopped." if plan.running else ""
        _tell("Would delete", plan, named, stopped)
        _tell_gone(asked, plan)
    for failure in plan.failed:
        complain(f"Job {failure.id}: {failure.error}")
    return EXIT_FAILED if plan.failed else EXIT_OK


async def _delete(options: Options, ids: Sequence[int], which: JobFilter | None, *, cascade: bool, purge: bool) -> int:
    async with options.writing() as services:
        asked = ids if which is None else await services.jobs.matching(which)
        plan = await services.deletion.plan(asked, None)
        named = await _named(services, plan.tops)
        error = None
        try:
            with purging(purge and not options.json) as progress:
                deletion = await services.deletion.delete(asked, cascade=cascade, purge=purge, progress=progress)
        except DeletionError as raised:
            error, deletion = raised, raised.deletion
        except asyncio.CancelledError:
            if purge:
                complain("Stopped half-way. What is left is out of sight, and goes at the next start.")
            raise
    if options.json:
        # What went to the trash is told job by job as well.
        deleted = deletion.deleted if purge else plan.ids
        output.print_json(Deletion(deleted=deleted, failed=deletion.failed))
    else:
        _tell("Deleted for good:" if purge else "Deleted", plan, named)
        if purge and (others := len(set(deletion.deleted).difference(plan.ids))):
            output.lines(f"Deleted for good: {output.count(others, 'job')} of the trash.")
        _tell_gone(asked, plan, deletion.deleted)
        if plan.tops and not purge:
            back = " ".join(map(str, plan.tops)) if len(plan.tops) <= _NAMED else "ID..."
            options.advise(f"Bring back within {TRASH_SECONDS} seconds: quaero jobs restore {back}")
    if error is not None:
        complain(error.message, error.hint)
    else:
        for failure in deletion.failed:
            complain(f"Job {failure.id}: {failure.error}")
    return EXIT_FAILED if deletion.failed else EXIT_OK


async def _named(services: Services, ids: Sequence[int]) -> list[Job]:
    return [await services.jobs.get(job_id) for job_id in ids] if len(ids) <= _NAMED else []


def _tell(verb: str, plan: DeletionPlan, named: Sequence[Job], more: str = "") -> None:
    """Say what goes: by name while these are few, else by number."""
    if not plan.tops:
        return
    if named:
        for job in named:
            below = f", with {output.count(job.child_count, 'job')} below it" if job.child_count else ""
            output.lines(f"{verb} {output.one_line(job.name)} (job {job.id}){below}.")
    else:
        output.lines(f"{verb} {output.count(len(plan.tops), 'job')}, {plan.jobs:,} with all below them.")
    if more:
        output.lines(more.strip())
    output.lines("The documents stay in the library.")


def _tell_gone(asked: Sequence[int], plan: DeletionPlan, deleted: Sequence[int] = ()) -> None:
    """Say of what was asked for that there is no such job, which is no failure."""
    gone = sorted(set(asked).difference(plan.ids, deleted, (failure.id for failure in plan.failed)))
    for job_id in gone[:_NAMED]:
        output.lines(f"There is no job {job_id}.")
    if len(gone) > _NAMED:
        output.lines(f"Nor are there {len(gone) - _NAMED:,} more of those named.")
    if not asked:
        output.lines("No job is like that.")


@contextmanager
def purging(wanted: bool) -> Iterator[Callable[[int, int], None]]:
    """Show on stderr how far a purge is, on a terminal."""
    console = output.console(stderr=True)
    if not wanted or not console.is_terminal:
        yield lambda done, total: None
        return
    with console.status("Deleting") as status:
        yield lambda done, total: status.update(f"Deleting: {done:,} of {output.count(total, 'job')}")


# --- restore ----------------------------------------------------------------------------------------------------------


async def _restore(options: Options, ids: Sequence[int]) -> int:
    async with options.writing() as services:
        restored = await services.deletion.restore(ids)
        named = await _named(services, restored)
    if options.json:
        output.print_json({"restored": restored})
        return EXIT_OK
    for job in named:
        below = f", with {output.count(job.child_count, 'job')} below it" if job.child_count else ""
        output.lines(f"{output.one_line(job.name)} (job {job.id}) is back{below}.")
    if restored and not named:
        output.lines(f"{output.count(len(restored), 'job')} are back.")
    for job_id in sorted(set(ids).difference(restored))[:_NAMED]:
        output.lines(f"Job {job_id} is not deleted.")
    if any(job.status in OPEN_STATUSES for job in named):
        options.advise("What is queued goes on with: quaero work --until-idle")
    return EXIT_OK
