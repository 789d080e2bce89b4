"""``quaero jobs``: list and look into jobs, and say what is to become of them."""

import argparse
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from quaero_desktop.cli import deletion, output, runs
from quaero_desktop.cli.context import Options, run
from quaero_desktop.cli.crawling import run_crawl
from quaero_desktop.cli.ending import EXIT_OK, complain
from quaero_desktop.domain import words
from quaero_desktop.domain.documents import changes_in_words, is_recrawl
from quaero_desktop.domain.jobs import TERMINAL_STATUSES, Cause, Job, Status
from quaero_desktop.domain.listing import JobFilter, RootDetails, SkipPage, check_choice
from quaero_desktop.domain.pagelist import PageFilter
from quaero_desktop.services.compose import Services
from quaero_desktop.services.jobs import JobDetails

if TYPE_CHECKING:
    from rich.text import Text

_MOST_SEEDS = 10


def run_command(options: Options, given: argparse.Namespace) -> int:
    """Run one of the actions of ``jobs``."""
    match given.action:
        case "list":
            return run(options, _list(options, _filter(given), given.grouped))
        case "show":
            return run(options, _show(options, given))
        case "logs":
            return run(options, _logs(options, given))
        case "cancel":
            return _change(options, given.id, lambda services: services.jobs.cancel(given.id))
        case "pause":
            return _change(options, given.id, lambda services: services.jobs.pause(given.id))
        case "delete" | "restore":
            return deletion.run_command(options, given)
        case "rerun":
            return run(options, _rerun(options, given.id, given.wait))
        case "retry":
            return run(options, _retry(options, given))
        case _:
            return _change(options, given.id, lambda services: services.jobs.resume(given.id))


# --- list -------------------------------------------------------------------------------------------------------------


def _filter(given: argparse.Namespace) -> JobFilter:
    which = JobFilter(
        parent=given.parent,
        status=tuple(given.status),
        type=tuple(given.type),
        source=given.source,
        query=given.query,
        limit=given.limit,
        offset=given.offset,
    )
    if given.order is not None:
        order = given.order
        which = msgspec.structs.replace(which, order=order.removeprefix("-"), descending=order.startswith("-"))
    return which.checked()


async def _list(options: Options, which: JobFilter, grouped: bool) -> int:
    async with options.reading() as services:
        if isinstance(which.parent, int):
            # An empty list would not say that there is no such parent.
            await services.jobs.get(which.parent)
        if grouped:
            groups = await services.jobs.grouped(which)
            value: msgspec.Struct = groups
            rows = [job for group in groups.groups for job in (group.parent, *group.children)] + list(groups.orphans)
            total, warning = groups.total_count, groups.warning
        else:
            page = await services.jobs.page(which)
            value, rows, total, warning = page, list(page.jobs), page.total_count, page.warning
    if warning:
        complain(warning)
    if options.json:
        output.print_json(value)
    else:
        _print_list(options, rows, which, total)
        _tell_who_waits(options, rows)
    return EXIT_OK


def _tell_who_waits(options: Options, jobs: Sequence[Job]) -> None:
    """Say how to go on with what was interrupted: its status is that of the work, not of a process."""
    if any(job.status in (Status.PENDING, Status.RUNNING) for job in jobs) and not options.is_at_work():
        options.advise("No Quaero is at work on this library now. Go on with: quaero work --until-idle")


def _print_list(options: Options, jobs: Sequence[Job], which: JobFilter, total: int) -> None:
    if not jobs and total:
        output.lines(f"{output.count(total, 'job')} in all; none of them in this part of the list.")
        return
    if not jobs:
        everything = msgspec.structs.replace(which, limit=50, offset=0, order="created", descending=None)
        options.advise("No job is like that." if everything != JobFilter() else "No jobs. Start one: quaero crawl URL")
        return
    roots = any(job.is_root for job in jobs)
    children = any(not job.is_root for job in jobs)
    header = [
        "id",
        "status",
        "name",
        *(["pages", "failed", "started"] if roots else []),
        *(["why"] if children else []),
    ]
    rows: list[list[str | Text]] = []
    for job in jobs:
        name = job.name if job.is_root or not roots else f"  {job.name}"
        row: list[str | Text] = [str(job.id), output.status_text(job.status, job.warnings), name]
        if roots:
            counts = [f"{job.pages:,}", f"{job.failed_children:,}"] if job.is_root else ["", ""]
            row += [*counts, output.moment(job.started_at)]
        if children:
            row.append(words.CAUSES.get(job.cause or "", job.cause or ""))
        rows.append(row)
    output.table(header, rows, numbers=("id", "pages", "failed"), flexible=("name",))
    output.rest(which.offset, len(jobs), total)


# --- show -------------------------------------------------------------------------------------------------------------


async def _show(options: Options, given: argparse.Namespace) -> int:
    skips = None
    async with options.reading() as services:
        details = await services.jobs.details(given.id)
        if given.skipped:
            skips = await services.jobs.skips(details.job.root_id, limit=given.limit, offset=given.offset)
    if options.json:
        output.print_json(_flat(details, skips))
    else:
        _print_details(options, details)
        _tell_who_waits(options, [details.job])
        if skips is not None:
            _print_skips(skips)
    return EXIT_OK


def _flat(details: JobDetails, skips: SkipPage | None) -> dict[str, object]:
    """Return the job's own fields (the contract of ``--json``) with what else is known beside them."""
    flat: dict[str, object] = msgspec.to_builtins(details.job)
    flat["attempts"] = msgspec.to_builtins(details.attempts)
    found_on = details.found_on
    flat["found_on"] = None if found_on is None else {"id": found_on.id, "url": found_on.url}
    if details.root is not None:
        known = msgspec.to_builtins(details.root)
        del known["job"]
        flat["details"] = known
    if skips is not None:
        flat["skips"] = msgspec.to_builtins(skips)
    return flat


def _print_details(options: Options, details: JobDetails) -> None:
    job = details.job
    heading = output.status_text(job.status, job.warnings)
    heading.append(f"  {job.type}, job {job.id}", "dim")
    output.lines(output.one_line(job.name), heading, *([job.error] if job.error else []), "")
    rows = [("created", output.moment(job.created_at)), ("started", output.moment(job.started_at))]
    if job.completed_at is not None:
        took = (
            "" if job.started_at is None else f", after {output.duration((job.completed_at - job.started_at) / 1000)}"
        )
        rows.append(("ended", output.moment(job.completed_at) + took))
    if details.root is not None:
        if job.definition_id is not None:
            rows.append(("definition", str(job.definition_id)))
        if job.triggered_by is not None:
            rows.append(("started by", f"job {job.triggered_by}"))
        rows += _root_rows(job, details.root)
        rows += [
            (f"run {attempt.attempt}", f"{attempt.outcome} {output.moment(attempt.ended_at)}")
            for attempt in details.attempts
        ]
    else:
        rows.append(("depth", output.count(job.depth, "link") + " from the start"))
        if (found_on := details.found_on) is not None:
            rows.append(("found on", f"{found_on.url or found_on.name} (job {found_on.id})"))
        for attempt in details.attempts:
            why = f": {attempt.error}" if attempt.error else ""
            again = f"run {attempt.attempt}, " if job.attempt > 1 else ""
            rows.append((f"{again}try {attempt.delivery}", f"{attempt.outcome} {output.moment(attempt.ended_at)}{why}"))
    output.table(("", ""), rows)
    if details.root is not None:
        if details.root.steps:
            output.lines("")
            runs.print_steps(details.root.steps)
            runs.print_summary(job)
        if job.failed_children:
            options.advise("", f"Which failed: quaero jobs list --parent {job.id} --status failed")
            if job.status in TERMINAL_STATUSES:
                options.advise(f"Try them again: quaero jobs retry {job.id}")
        if details.root.skipped:
            options.advise(
                *([] if job.failed_children else [""]), f"Which were skipped: quaero jobs show {job.id} --skipped"
            )


def _root_rows(job: Job, root: RootDetails) -> list[tuple[str, str]]:
    rows = []
    if job.seeds:
        rows.append(("from", ", ".join(job.seeds[:_MOST_SEEDS]) + (" …" if len(job.seeds) > _MOST_SEEDS else "")))
    rows.append(("documents", f"{root.documents:,} ({output.size(root.bytes)} received)"))
    if is_recrawl(root.changes):
        rows.append(("  of them", changes_in_words(root.changes)))
    parts = [f"{number:,} {status}" for status, number in root.pages.items()]
    rows.append(("pages", f"{job.pages:,}" + (f": {', '.join(parts)}" if parts else "")))
    for cause, number in root.failures.items():
        rows.append(("  failed", f"{number:,}: {words.CAUSES.get(cause, cause)}"))
    if skipped := sum(root.skipped.values()):
        rows.append(("skipped", output.count(skipped, "link")))
    for reason, number in root.skipped.items():
        rows.append(("  skipped", f"{number:,}: {words.REASONS.get(reason, reason)}"))
    rows += [("waits", f"{rest.lane} until {output.moment(rest.until)}: {rest.reason}") for rest in root.waiting]
    if job.status == Status.RUNNING:
        left = "" if root.seconds_left is None else f", about {output.duration(root.seconds_left)} left"
        rows.append(("pace", f"{root.pages_per_second:,.1f} pages/s{left}"))
    return rows


def _print_skips(page: SkipPage) -> None:
    output.lines("")
    if not page.skips:
        output.lines("No link was skipped.")
        return
    rows = [(skip.url, words.REASONS.get(skip.reason, skip.reason), skip.rule) for skip in page.skips]
    output.table(("url", "why", "rule"), rows, flexible=("url",))
    output.rest(page.offset, len(page.skips), page.total_count)


# --- logs and changes -------------------------------------------------------------------------------------------------


async def _logs(options: Options, given: argparse.Namespace) -> int:
    async with options.reading() as services:
        found = await services.jobs.logs(given.id, level=given.level, limit=given.limit, children=given.children)
    if options.json:
        output.print_json({"logs": found})
        return EXIT_OK
    for line in found:
        whose = f"  job {line.job_id}" if given.children else ""
        output.plain_lines(f"{output.moment(line.at)}  {line.level:<5}{whose}  {line.message}")
    return EXIT_OK


async def _rerun(options: Options, job_id: int, wait: bool) -> int:
    if wait:
        return await run_crawl(options, lambda services: services.jobs.rerun(job_id))
    async with options.writing() as services:
        job = await services.jobs.get(await services.jobs.rerun(job_id))
    if options.json:
        output.print_json(job)
    else:
        output.lines(f"Job {job.id} runs job {job_id} again: {output.one_line(job.name)}")
        _tell_how_to_run(options)
    return EXIT_OK


async def _retry(options: Options, given: argparse.Namespace) -> int:
    for cause in given.cause:
        check_choice("cause", cause, tuple(Cause))
    filtered = bool(given.cause or given.code)
    retried = 0

    async def retry(services: Services) -> int:
        nonlocal retried
        job = await services.jobs.get(given.id)
        which = PageFilter(
            root_id=job.root_id,
            cause=tuple(given.cause),
            code=tuple(given.code),
            status=(Status.FAILED, Status.CANCELLED) if given.cancelled else (),
        )
        retried = await services.jobs.retry(job.id, which if filtered or given.cancelled else None)
        if given.wait and not options.json:
            _tell_retried(options, await services.jobs.get(job.root_id), retried, filtered)
        return job.root_id

    if given.wait:
        return await run_crawl(options, retry)
    async with options.writing() as services:
        job = await services.jobs.get(await retry(services))
    if options.json:
        output.print_json(msgspec.to_builtins(job) | {"retried": retried})
    else:
        _tell_retried(options, job, retried, filtered)
        if retried:
            _tell_how_to_run(options, job)
    return EXIT_OK


def _tell_retried(options: Options, root: Job, retried: int, filtered: bool) -> None:
    if retried:
        output.lines(f"{output.count(retried, 'page')} of job {root.id} queued again: {output.one_line(root.name)}")
    else:
        output.lines(
            "Nothing to try again: no page failed like that."
            if filtered or root.failed_children
            else "Nothing to try again: no page of it failed."
        )
        if root.failed_children:
            options.advise(f"Which failed: quaero jobs list --parent {root.id} --status failed")


def _tell_how_to_run(options: Options, job: Job | None = None) -> None:
    if job is not None and job.status == Status.PAUSED:
        options.advise(f"It is paused. Let it go on with: quaero jobs resume {job.id}, then quaero work --until-idle")
    else:
        options.advise("Run it with: quaero work --until-idle")


def _change(options: Options, job_id: int, change: Callable[[Services], Awaitable[None]]) -> int:
    async def perform() -> int:
        async with options.writing() as services:
            await change(services)
            job = await services.jobs.get(job_id)
        if options.json:
            output.print_json(job)
        else:
            line = output.status_text(job.status, job.warnings)
            line.append(f"  {output.one_line(job.name)}", "default")
            output.lines(line)
        return EXIT_OK

    return run(options, perform())
