"""``quaero crawl`` and ``quaero work``: what runs jobs in this process."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from quaero_desktop.cli import output
from quaero_desktop.cli.context import (
    EXIT_FAILED,
    EXIT_OK,
    InterruptedByUserError,
    Options,
    complain,
    run,
    stopping_by_signal,
)
from quaero_desktop.domain.jobs import Job, Status
from quaero_desktop.domain.progress import ProgressMeter
from quaero_desktop.domain.urls import path_of
from quaero_desktop.services.compose import Services
from quaero_desktop.services.jobs import CrawlRequest

_REFRESH_SECONDS = 0.25


class Scope(StrEnum):
    """How far a crawl goes."""

    HOST = "host"
    PREFIX = "prefix"
    DOMAIN = "domain"


class CrawlResult(msgspec.Struct, frozen=True, kw_only=True):
    """What ``crawl --json`` prints; *seconds* runs from the start of the engine to the last commit."""

    job_id: int
    status: str
    pages: int
    documents: int
    failed: int
    skipped: int
    seconds: float
    pages_per_second: float


class WorkResult(msgspec.Struct, frozen=True, kw_only=True):
    """What ``work --json`` prints."""

    processed: int
    completed: int
    failed: int
    seconds: float


def crawl(
    context: typer.Context,
    urls: Annotated[list[str], typer.Argument(metavar="URL...", help="Where to start.")],
    depth: Annotated[
        int | None, typer.Option(metavar="N", help="The most links to follow from there. [default: 5]")
    ] = None,
    max_pages: Annotated[int | None, typer.Option(metavar="N", help="The most pages. [default: no limit]")] = None,
    source: Annotated[int | None, typer.Option(metavar="ID", help="The source to collect for.")] = None,
    scope: Annotated[
        Scope | None, typer.Option(help="The same host, below the folder of URL, or sub-domains too.")
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="P",
            help="Only URLs with P in them; * is any text, ? any character, re:... a regular expression.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="P", help="No URLs with P in them; wins over --include.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="How many pages at a time, in all and at one host.")
    ] = None,
    delay: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds between two requests to one host; 0 for none.")
    ] = None,
    no_robots: Annotated[bool, typer.Option("--no-robots", help="Do not let robots.txt decide.")] = False,
    name: Annotated[str | None, typer.Option(metavar="T", help="What the job is called.")] = None,
) -> int:
    """Crawl a site into the library, to the end."""
    options: Options = context.obj
    request = CrawlRequest(
        urls=tuple(urls),
        depth=depth,
        max_pages=max_pages,
        source_id=source,
        scope=None if scope is None else scope.value,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        per_host=workers,
        delay_seconds=delay,
        obey_robots=False if no_robots else None,
        name=name,
    )
    return run(options, _crawl(options, request, workers))


async def _crawl(options: Options, request: CrawlRequest, workers: int | None) -> int:
    async with options.writing(create=True, engine=True) as services:
        engine = services.engine
        assert engine is not None
        job_id = await services.jobs.start_crawl(request)
        with stopping_by_signal(engine.stop) as interrupted:
            async with _live_progress(options, services, [job_id]):
                report = await engine.run(workers=workers, until_idle=True, only=frozenset({job_id}))
        details = await services.jobs.details(job_id)
        job, root = details.job, details.root
        assert root is not None
        ended = job.progress_current
        result = CrawlResult(
            job_id=job_id,
            status=job.status,
            pages=job.pages,
            documents=root.documents,
            failed=job.failed_children,
            skipped=sum(root.skipped.values()) + job.children.get(Status.SKIPPED, 0),
            seconds=round(report.seconds, 3),
            pages_per_second=round(ended / report.seconds, 1) if report.seconds else 0.0,
        )
    stopped = interrupted() and job.status not in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
    if options.json and not stopped:
        output.print_json(result)
    elif stopped:
        complain(f"Stopped. Job {job_id} goes on where it was with: quaero work --until-idle")
    else:
        _print_result(job, result)
    if stopped:
        raise InterruptedByUserError
    return EXIT_OK if job.status == Status.COMPLETED else EXIT_FAILED


def work(
    context: typer.Context,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when nothing is left to do.")] = False,
) -> int:
    """Run whatever is queued: after a crash, after a quit, or to serve."""
    options: Options = context.obj
    return run(options, _work(options, until_idle))


async def _work(options: Options, until_idle: bool) -> int:
    async with options.writing(engine=True) as services:
        engine = services.engine
        assert engine is not None
        roots = await services.jobs.open_roots()
        with stopping_by_signal(engine.stop) as interrupted:
            async with _live_progress(options, services, roots):
                report = await engine.run(until_idle=until_idle)
    result = WorkResult(
        processed=report.processed,
        completed=report.completed,
        failed=report.failed,
        seconds=round(report.seconds, 3),
    )
    if options.json:
        output.print_json(result)
    else:
        output.console().print(
            f"{output.count(result.processed, 'page')} in {output.duration(result.seconds)}:"
            f" {result.completed:,} done, {result.failed:,} failed."
        )
    if interrupted():
        raise InterruptedByUserError
    return EXIT_OK


@asynccontextmanager
async def _live_progress(options: Options, services: Services, roots: list[int]) -> AsyncIterator[None]:
    """Show how the roots get on, on a terminal only and on stderr, so that stdout stays clean."""
    if options.json or not sys.stderr.isatty() or not roots:
        yield
        return
    console = Console(stderr=True, markup=False, highlight=False)
    with Live(Text(""), console=console, transient=True, auto_refresh=False) as live:
        task = asyncio.create_task(_refresh(live, services, roots), name="progress")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


async def _refresh(live: Live, services: Services, roots: list[int]) -> None:
    meters = {root_id: ProgressMeter() for root_id in roots}
    while True:
        lines = Text()
        for root_id in roots:
            details = await services.jobs.details(root_id)
            progress = meters[root_id].update(details.job, round(time.time() * 1000))
            current = details.root.current_url if details.root else None
            lines.append_text(output.status_text(details.job.status, details.job.warnings))
            eta = "" if progress.eta_seconds is None else f" · about {output.duration(progress.eta_seconds)} left"
            lines.append(
                f"  {details.job.name}: {progress.done:,} done · {progress.failed:,} failed"
                f" · {progress.queued:,} queued · {progress.rate:.1f} pages/s{eta}\n"
            )
            if current:
                lines.append(f"   {path_of(current)[: max(20, live.console.width - 4)]}\n", style="dim")
        live.update(lines, refresh=True)
        await asyncio.sleep(_REFRESH_SECONDS)


def _print_result(job: Job, result: CrawlResult) -> None:
    console = output.console()
    line = output.status_text(job.status, job.warnings)
    line.append(
        f"  {job.name}: {output.count(result.documents, 'document')} from {output.count(result.pages, 'page')}", ""
    )
    line.append(f" in {output.duration(result.seconds)} ({result.pages_per_second:,.1f} pages/s)")
    if result.failed:
        line.append(f", {result.failed:,} failed")
    if result.skipped:
        line.append(f", {result.skipped:,} links skipped")
    console.print(line)
    if job.error:
        console.print(job.error)
    if result.failed or result.skipped:
        console.print(f"Why: quaero jobs show {job.id}")
    if result.documents:
        console.print("Search: quaero search WORDS")
