"""The syntax of ``quaero jobs``."""

from typing import Any

from quaero_desktop.cli.syntax.base import (
    add_command,
    add_group,
    add_job_id,
    add_window,
    identifier,
    parent,
    whole_number,
)
from quaero_desktop.domain.deletion import TRASH_SECONDS
from quaero_desktop.domain.jobs import LOG_LEVELS, Cause, JobType, Status
from quaero_desktop.domain.listing import ORDERS


def add_syntax(commands: Any) -> None:
    """Add the commands to the parser's *commands*."""
    jobs = add_group(
        add_command(
            commands, "jobs", "List, look into, stop, repeat and delete jobs.", "quaero jobs list", usage="ACTION"
        ),
        "action",
    )
    listing = add_command(
        jobs,
        "list",
        "List jobs: those without a parent, newest first, unless asked otherwise.",
        "quaero jobs list --status running",
        "quaero jobs list --parent 1 --status failed",
        "quaero jobs list --parent all --order -started --limit 10",
    )
    add = listing.add_argument
    add(
        "--parent",
        metavar="root|all|ID",
        type=parent,
        default="root",
        help="Jobs without a parent, all jobs, or the pages of that job. [default: root]",
    )
    add(
        "--status",
        metavar="S",
        action="append",
        default=[],
        help=f"Only this status: {', '.join(Status)}. Can be repeated.",
    )
    add(
        "--type",
        metavar="T",
        action="append",
        default=[],
        help=f"Only this type: {', '.join(JobType)}. Can be repeated.",
    )
    add("--source", metavar="ID", type=identifier, help="Only jobs of this source.")
    add("--query", metavar="Q", default="", help="Only jobs with this text in their name or URL, or with this id.")
    add_window(listing, "jobs", 50)
    add(
        "--order",
        metavar="F",
        help=f"What to sort by: {', '.join(ORDERS)}; F upwards, -F downwards. [default: -created]",
    )
    add("--grouped", action="store_true", help="Put the jobs of the list below their parents.")
    show = add_command(
        jobs,
        "show",
        "Tell everything about a job: its counts, its failures by cause, its refused links by reason.",
        "quaero jobs show 1",
        "quaero jobs show 1 --skipped",
        usage="ID",
    )
    add_job_id(show)
    show.add_argument("--skipped", action="store_true", help="List the refused links, each with the rule that said so.")
    add_window(show, "links of --skipped", 100)
    logs = add_command(
        jobs, "logs", "Print the log of a job.", "quaero jobs logs 1 --children --level warn", usage="ID"
    )
    add_job_id(logs)
    logs.add_argument(
        "--level",
        metavar="L",
        default="info",
        help=f"The least important level: {', '.join(LOG_LEVELS)}. [default: info]",
    )
    logs.add_argument(
        "--limit", metavar="N", type=whole_number, default=200, help="The most lines, the newest. [default: 200]"
    )
    logs.add_argument("--children", action="store_true", help="Also the lines of the jobs below it.")
    for name, summary in (
        ("cancel", "Cancel a job and everything open below it."),
        ("pause", "Let no more of a crawl start until it is resumed."),
        ("resume", "Let a paused crawl go on; quaero work runs it."),
    ):
        add_job_id(add_command(jobs, name, summary, f"quaero jobs {name} 1", usage="ID"))
    _add_again(jobs)
    _add_deletion(jobs)


def _add_again(jobs: Any) -> None:
    rerun = add_command(
        jobs,
        "rerun",
        "Crawl once more what a crawl was told to, as a new job; quaero work runs it.",
        "quaero jobs rerun 1",
        "quaero jobs rerun 1 --wait",
        usage="ID",
    )
    add_job_id(rerun)
    rerun.add_argument("--wait", action="store_true", help="Run it now, to the end.")
    retry = add_command(
        jobs,
        "retry",
        "Try the failed pages of a crawl again, in place; quaero work runs them.",
        "quaero jobs retry 1",
        "quaero jobs retry 1 --cause http_5xx --code 503",
        "quaero jobs retry 57",
        usage="ID",
    )
    retry.add_argument("id", metavar="ID", type=identifier, help="The number of a crawl, or of one of its pages.")
    add = retry.add_argument
    add(
        "--cause",
        metavar="C",
        action="append",
        default=[],
        help=f"Only pages that failed for this cause: {', '.join(Cause)}. Can be repeated.",
    )
    add(
        "--code",
        metavar="N",
        type=whole_number,
        action="append",
        default=[],
        help="Only pages that failed with this HTTP code. Can be repeated.",
    )
    add("--cancelled", action="store_true", help="Also pages that were cancelled: a cancelled crawl goes on.")
    add("--wait", action="store_true", help="Run them now, to the end.")


def _add_deletion(jobs: Any) -> None:
    delete = add_command(
        jobs,
        "delete",
        "Delete jobs with all below them; what runs of them is stopped first.",
        "quaero jobs delete 1",
        "quaero jobs delete 1 2 3 --dry-run",
        "quaero jobs delete --filter status=failed --filter query=docs.python.org",
        "quaero jobs delete --filter parent=1 --filter status=failed,cancelled --purge",
        usage="ID...",
        more=f"They can be brought back for {TRASH_SECONDS} seconds: quaero jobs restore ID. Documents stay.",
    )
    add = delete.add_argument
    add("ids", metavar="ID", nargs="*", type=identifier, help="The jobs' numbers.")
    add("--dry-run", action="store_true", help="Only tell what would be deleted.")
    add("--no-cascade", action="store_true", help="Refuse to delete a job that has others below it.")
    add("--purge", action="store_true", help="Delete for good at once, also what was deleted before.")
    add(
        "--filter",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="Instead of ID: all jobs like that. The keys are parent, status, type, source and query, with the values"
        " that jobs list takes; several must all fit. [default: parent=root]",
    )
    restore = add_command(
        jobs,
        "restore",
        f"Bring back jobs that were deleted in the last {TRASH_SECONDS} seconds, with all below them.",
        "quaero jobs restore 1",
        usage="ID...",
    )
    restore.add_argument("ids", metavar="ID", nargs="+", type=identifier, help="The jobs' numbers.")
