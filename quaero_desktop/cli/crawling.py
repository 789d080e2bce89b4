"""``quaero crawl`` and ``quaero work``: what runs jobs in this process."""

import argparse
import re
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext

import msgspec
from msgspec import UNSET

from quaero_desktop.cli import output, runs
from quaero_desktop.cli.context import Options, run, stopping_by_signal
from quaero_desktop.cli.credentials import ask_for_secrets
from quaero_desktop.cli.ending import EXIT_FAILED, EXIT_OK, InterruptedByUserError, complain
from quaero_desktop.domain.documents import changes_in_words, is_recrawl
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.jobs import TERMINAL_STATUSES, Cause, Job, JobType, Status
from quaero_desktop.services.compose import Services
from quaero_desktop.services.crawlrequest import CrawlRequest

_USER_PART = re.compile(r"\s*https?://[^/?#]*@", re.IGNORECASE)


class CrawlResult(msgspec.Struct, frozen=True, kw_only=True):
    """What ``crawl --json`` prints.

    Attributes:
        changes: how many of the documents are new, changed and unchanged, and how many are gone since (D4).
        seconds: from the start of the engine to the last commit.
    """

    job_id: int
    status: str
    pages: int
    documents: int
    changes: dict[str, int]
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


def run_command(options: Options, given: argparse.Namespace) -> int:
    """Run ``crawl`` or ``work``."""
    if given.command == "work":
        return run(options, _work(options, given.until_idle))
    if not given.urls and given.source is None:
        raise UsageError("URL is missing.", "Help: quaero crawl --help")
    if any(_USER_PART.match(url) for url in given.urls):
        complain(
            "The user name and password in the address are left out.",
            "To sign in there: quaero credentials add NAME --site URL --kind basic",
        )
    request = CrawlRequest(
        urls=tuple(given.urls),
        depth=given.depth,
        max_pages=UNSET if given.max_pages is None else given.max_pages,
        source_id=given.source,
        scope=given.scope,
        include=tuple(given.include) or None,
        exclude=tuple(given.exclude) or None,
        per_host=given.workers,
        delay_seconds=given.delay,
        obey_robots=False if given.no_robots else None,
        name=given.name,
    )
    return run(
        options, run_crawl(options, lambda services: services.jobs.start_crawl(request), given.workers, create=True)
    )


async def run_crawl(
    options: Options,
    queue: Callable[[Services], Awaitable[int]],
    workers: int | None = None,
    *,
    create: bool = False,
) -> int:
    """Run a crawl, or the run of a definition, to its end, with live progress, and tell what came of it.

    Args:
        options: the global options.
        queue: queues it and returns its root.
        workers: how many pages at a time; None for the setting.
        create: make the library when there is none.
    """
    async with options.writing(create=create, engine=True) as services:
        engine = services.engine
        assert engine is not None
        job_id = await queue(services)
        await ask_for_secrets(options, services, [job_id])
        ended_before = (await services.jobs.get(job_id)).progress_current
        with stopping_by_signal(engine.stop) as interrupted:
            async with _live_progress(options, services, [job_id]):
                report = await engine.run(workers=workers, until_idle=True, only=frozenset({job_id}))
        details = await services.jobs.details(job_id)
        job, root = details.job, details.root
        assert root is not None
        go_on = await _how_to_go_on(services, job)
        ended = job.progress_current - ended_before
        of_run = job.type == JobType.DEFINITION_RUN
        part = "part" if of_run else "page"
        run_result = runs.result(job, root, report.seconds)
        result = CrawlResult(
            job_id=job_id,
            status=job.status,
            pages=job.pages,
            documents=root.documents,
            changes=root.changes,
            failed=root.pages.get(Status.FAILED, 0),
            skipped=sum(root.skipped.values()) + root.pages.get(Status.SKIPPED, 0),
            seconds=round(report.seconds, 3),
            pages_per_second=round(ended / report.seconds, 1) if report.seconds else 0.0,
        )
    if interrupted() and job.status not in TERMINAL_STATUSES:
        complain(
            f"Stopped after {output.count(ended, part)}; {job.progress_total - job.progress_current:,} are queued.",
            options.typed(f"Job {job_id} goes on where it was with: quaero work --until-idle"),
        )
        raise InterruptedByUserError
    if options.json:
        output.print_json(run_result if of_run else result)
    elif of_run:
        runs.print_result(options, job, run_result)
    else:
        _print_result(options, job, result)
    if job.status == Status.PAUSED:
        _tell_paused(options, job, go_on)
    return EXIT_OK if job.status == Status.COMPLETED else EXIT_FAILED


async def _work(options: Options, until_idle: bool) -> int:
    async with options.writing(engine=True) as services:
        engine = services.engine
        assert engine is not None
        roots = await services.jobs.open_roots()
        await ask_for_secrets(options, services)
        if not roots and not until_idle:
            complain("Nothing is queued. Waiting for jobs; Ctrl-C ends that.", await _next_by_schedule(services))
        with stopping_by_signal(engine.stop) as interrupted:
            async with _live_progress(options, services, roots):
                report = await engine.run(until_idle=until_idle)
        jobs = [await services.jobs.get(root_id) for root_id in roots] if until_idle else []
        paused = [(job, await _how_to_go_on(services, job)) for job in jobs if job.status == Status.PAUSED]
    result = WorkResult(
        processed=report.processed,
        completed=report.completed,
        failed=report.failed,
        seconds=round(report.seconds, 3),
    )
    if options.json:
        output.print_json(result)
    elif result.processed or not paused:
        output.lines(
            f"{output.count(result.processed, 'page')} in {output.duration(result.seconds)}:"
            f" {result.completed:,} done, {result.failed:,} failed."
        )
    for job, go_on in paused:
        _tell_paused(options, job, go_on)
    if interrupted():
        raise InterruptedByUserError
    return EXIT_OK


async def _next_by_schedule(services: Services) -> str:
    """Return a sentence about which definition comes next by itself; empty when none does."""
    coming = [
        (moment, stored.definition.name)
        for stored in await services.definitions.list()
        for moment in services.definitions.next_runs(stored, 1)
    ]
    if not coming:
        return ""
    moment, name = min(coming)
    return f"Next by its schedule: “{output.one_line(name)}” at {output.moment(moment)}"


async def _how_to_go_on(services: Services, job: Job) -> str:
    """Return what to type when a root is paused."""
    go_on = f"quaero jobs resume {job.id}, then quaero work --until-idle"
    if job.status != Status.PAUSED or job.cause != Cause.SIGN_IN:
        return go_on
    if await services.credentials.kept():
        return f"quaero credentials edit ID (quaero credentials list tells which), {go_on}"
    return (
        f"{go_on}.\nOn a terminal that asks for the secret. Elsewhere let QUAERO_SECRETS name a folder that holds it as"
        " a file."
    )


def _tell_paused(options: Options, job: Job, go_on: str) -> None:
    why = f": {job.error}" if job.error else "."
    complain(f"Job {job.id} is paused{why}", options.typed(f"Let it go on with: {go_on}"))


def _live_progress(options: Options, services: Services, roots: list[int]) -> AbstractAsyncContextManager[None]:
    if options.json or not roots or not sys.stderr.isatty():
        return nullcontext()
    from quaero_desktop.cli.progress import live_progress

    return live_progress(services.jobs.details, roots)


def _print_result(options: Options, job: Job, result: CrawlResult) -> None:
    line = output.status_text(job.status, job.warnings)
    line.append(
        f"  {output.one_line(job.name)}: {output.count(result.documents, 'document')}"
        f" from {output.count(result.pages, 'page')} in {output.duration(result.seconds)}"
        f" ({result.pages_per_second:,.1f} pages/s)",
        "default",
    )
    if is_recrawl(result.changes):
        line.append(f": {changes_in_words(result.changes)}", "default")
    if result.failed:
        line.append(f", {result.failed:,} failed", "default")
    if result.skipped:
        line.append(f", {output.count(result.skipped, 'link')} skipped", "default")
    output.lines(line, *([job.error] if job.error else []))
    if result.failed or result.skipped:
        options.advise(f"Why: quaero jobs show {job.id}")
    if result.documents:
        options.advise("Search: quaero search WORDS")
