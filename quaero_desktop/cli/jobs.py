"""``quaero jobs``: list, look into, cancel, pause and resume jobs."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
import typer

from quaero_desktop.cli import output
from quaero_desktop.cli.context import EXIT_OK, Options, run
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.jobs import Job
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.services.compose import Services
from quaero_desktop.services.jobs import JobDetails

app = typer.Typer(no_args_is_help=True, help="List, look into, cancel, pause and resume jobs.")

JobId = Annotated[int, typer.Argument(metavar="ID", help="The job's number.")]


@app.command("list")
def list_jobs(
    context: typer.Context,
    parent: Annotated[
        str, typer.Option(metavar="all|root|ID", help="Whose children; root: jobs without a parent.")
    ] = "root",
    status: Annotated[list[str] | None, typer.Option(metavar="S", help="Only these statuses.")] = None,
    job_type: Annotated[list[str] | None, typer.Option("--type", metavar="T", help="Only these types.")] = None,
    source: Annotated[int | None, typer.Option(metavar="ID", help="Only jobs of this source.")] = None,
    query: Annotated[str, typer.Option(metavar="Q", help="Only names, URLs or ids with this text.")] = "",
    limit: Annotated[int, typer.Option(metavar="N", help="The most jobs.")] = 50,
    offset: Annotated[int, typer.Option(metavar="N", help="Leave out so many first.")] = 0,
    order: Annotated[str | None, typer.Option(metavar="F", help="The field to sort by; -F turns it round.")] = None,
    grouped: Annotated[bool, typer.Option("--grouped", help="Parents with their children.")] = False,
) -> int:
    """List jobs: those without a parent, newest first, unless asked otherwise."""
    options: Options = context.obj
    which = _filter(parent, status, job_type, source, query, limit, offset, order)
    return run(options, _list(options, which, grouped))


def _filter(
    parent: str,
    status: list[str] | None,
    job_type: list[str] | None,
    source: int | None,
    query: str,
    limit: int,
    offset: int,
    order: str | None,
) -> JobFilter:
    if parent not in ("all", "root") and not parent.isdigit():
        raise UsageError(f"--parent is “{parent}”; it must be all, root or the number of a job.")
    which = JobFilter(
        parent=int(parent) if parent.isdigit() else "all" if parent == "all" else "root",
        status=tuple(status or ()),
        type=tuple(job_type or ()),
        source=source,
        query=query,
        limit=limit,
        offset=offset,
    )
    if order is not None:
        which = msgspec.structs.replace(which, order=order.removeprefix("-"), descending=order.startswith("-"))
    return which


async def _list(options: Options, which: JobFilter, grouped: bool) -> int:
    async with options.reading() as services:
        if grouped:
            groups = await services.jobs.grouped(which)
            if options.json:
                output.print_json(groups)
                return EXIT_OK
            rows = [job for group in groups.groups for job in (group.parent, *group.children)] + list(groups.orphans)
            _print_list(rows, groups.total_count)
        else:
            page = await services.jobs.page(which)
            if options.json:
                output.print_json(page)
                return EXIT_OK
            _print_list(page.jobs, page.total_count)
    return EXIT_OK


def _print_list(jobs: "list[Job] | tuple[Job, ...]", total: int) -> None:
    console = output.console()
    if not jobs:
        console.print("No jobs. Start one with: quaero crawl URL" if total == 0 else "No jobs on this page.")
        return
    table = output.table("id", "status", "name", "pages", "failed", "started", numbers=("id", "pages", "failed"))
    for job in jobs:
        name = job.name if job.is_root else f"  {job.name}"
        pages = f"{job.pages:,}" if job.is_root else ""
        failed = f"{job.failed_children:,}" if job.is_root else ""
        table.add_row(
            str(job.id),
            output.status_text(job.status, job.warnings),
            name,
            pages,
            failed,
            output.moment(job.started_at),
        )
    console.print(table)
    if total > len(jobs):
        console.print(f"{len(jobs):,} of {total:,}")


@app.command("show")
def show(context: typer.Context, job_id: JobId) -> int:
    """Tell everything about one job: counts, failures by cause, skipped links by reason."""
    options: Options = context.obj
    return run(options, _show(options, job_id))


async def _show(options: Options, job_id: int) -> int:
    async with options.reading() as services:
        details = await services.jobs.details(job_id)
        if options.json:
            output.print_json(_flat(details))
        else:
            _print_details(details)
    return EXIT_OK


def _flat(details: JobDetails) -> dict[str, object]:
    """Return the job's own fields (the contract of ``--json``) with what else is known beside them."""
    flat: dict[str, object] = msgspec.to_builtins(details.job)
    flat["attempts"] = msgspec.to_builtins(details.attempts)
    if details.root is not None:
        known = msgspec.to_builtins(details.root)
        del known["job"]
        flat["details"] = known
    return flat


def _print_details(details: JobDetails) -> None:
    console = output.console()
    job = details.job
    console.print(job.name)
    heading = output.status_text(job.status, job.warnings)
    heading.append(f"  ({job.type}, job {job.id})", "")
    console.print(heading)
    if job.error:
        console.print(job.error)
    table = output.table("", "")
    table.show_header = False
    table.add_row("created", output.moment(job.created_at))
    table.add_row("started", output.moment(job.started_at))
    table.add_row("ended", output.moment(job.completed_at))
    if details.root is not None:
        root = details.root
        table.add_row("documents", f"{root.documents:,} ({output.size(root.bytes)} received)")
        table.add_row(
            "URLs met", f"{root.discovered:,} = {job.pages:,} pages + {root.discovered - job.pages:,} skipped"
        )
        for status, number in sorted(job.children.items()):
            if number:
                table.add_row(f"pages {status}", f"{number:,}")
        for cause, number in root.failures.items():
            table.add_row(f"failed: {cause}", f"{number:,}")
        for reason, number in root.skipped.items():
            table.add_row(f"skipped: {reason}", f"{number:,}")
    else:
        table.add_row("depth", str(job.depth))
        for attempt in details.attempts:
            why = f": {attempt.error}" if attempt.error else ""
            table.add_row(f"attempt {attempt.attempt}", f"{attempt.outcome} {output.moment(attempt.ended_at)}{why}")
    console.print(table)


@app.command("logs")
def logs(
    context: typer.Context,
    job_id: JobId,
    level: Annotated[
        str, typer.Option(metavar="L", help="The least important level: debug, info, warn or error.")
    ] = "info",
    limit: Annotated[int, typer.Option(metavar="N", help="The most lines, the newest.")] = 200,
    children: Annotated[bool, typer.Option("--children", help="Also those of the jobs below it.")] = False,
) -> int:
    """Print the log of a job."""
    options: Options = context.obj
    return run(options, _logs(options, job_id, level, limit, children))


async def _logs(options: Options, job_id: int, level: str, limit: int, children: bool) -> int:
    async with options.reading() as services:
        lines = await services.jobs.logs(job_id, level=level, limit=limit, children=children)
    if options.json:
        output.print_json({"logs": lines})
        return EXIT_OK
    console = output.console()
    for line in lines:
        console.print(f"{output.moment(line.at)}  {line.level:<5}  {line.message}", soft_wrap=True)
    return EXIT_OK


@app.command("cancel")
def cancel(context: typer.Context, job_id: JobId) -> int:
    """Cancel a job and everything open below it."""
    return _change(context, job_id, lambda services: services.jobs.cancel(job_id))


@app.command("pause")
def pause(context: typer.Context, job_id: JobId) -> int:
    """Let no more of a crawl start until it is resumed."""
    return _change(context, job_id, lambda services: services.jobs.pause(job_id))


@app.command("resume")
def resume(context: typer.Context, job_id: JobId) -> int:
    """Let a paused crawl go on; quaero work runs it."""
    return _change(context, job_id, lambda services: services.jobs.resume(job_id))


def _change(context: typer.Context, job_id: int, change: Callable[[Services], Awaitable[None]]) -> int:
    options: Options = context.obj

    async def perform() -> int:
        async with options.writing() as services:
            await change(services)
            job = await services.jobs.get(job_id)
        if options.json:
            output.print_json(job)
        else:
            line = output.status_text(job.status, job.warnings)
            line.append(f"  {job.name}", "")
            output.console().print(line)
        return EXIT_OK

    return run(options, perform())
