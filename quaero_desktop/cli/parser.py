"""The syntax of the command line: every command with its options, its help and an example."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from quaero_desktop import __version__
from quaero_desktop.cli import definitions, importing, sources, syntax
from quaero_desktop.cli.ending import EXIT_USAGE
from quaero_desktop.cli.syntax import Parser
from quaero_desktop.domain.cleanup import CLEANABLE
from quaero_desktop.domain.crawl import CrawlConfig
from quaero_desktop.domain.deletion import TRASH_SECONDS
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.exporting import ExportFormat
from quaero_desktop.domain.jobs import LOG_LEVELS, Cause, JobType, Status
from quaero_desktop.domain.listing import ORDERS

SEARCH = "search"
_DEFAULTS = CrawlConfig(seeds=())


class _Version(argparse.Action):
    def __call__(self, *_: object, **__: object) -> NoReturn:
        sys.stdout.write(f"quaero {__version__}\n")
        sys.exit(0)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what *arguments* ask for: ``command``, ``action`` where the command has some, and their options.

    Raises:
        UsageError: they make no sense.
        SystemExit: help or the version was asked for, and printed.
    """
    parser = build()
    given, unknown = parser.parse_known_args(_readied(parser, arguments))
    command = parser.commands().get(given.command)
    action = command.commands().get(getattr(given, "action", None) or "") if command is not None else None
    if unknown:
        (action or command or parser).error(f"unrecognized arguments: {' '.join(unknown)}")
    if given.library == "":
        raise UsageError("--library needs the name of a folder.")
    incomplete = command or parser
    if incomplete.commands() and action is None:
        sys.stderr.write(incomplete.format_help())
        sys.exit(EXIT_USAGE)
    return given


def _readied(parser: Parser, arguments: Sequence[str]) -> list[str]:
    """Return *arguments* with dashes made safe for argparse.

    The value of an option may begin with a dash (``--order -started``), and so may the words of a search
    (``search vacuum -full``): what looks like a short option there and is none is a word.
    """
    done: list[str] = []
    words: list[str] = []
    current = parser
    remaining = list(arguments)
    while remaining:
        argument = remaining.pop(0)
        searching = current.prog.endswith(" " + SEARCH)
        if argument == "--":
            words += remaining
            break
        if current.takes_value(argument):
            if remaining and remaining[0] != "--" and remaining[0] not in current.option_strings():
                argument = f"{argument}={remaining.pop(0)}"
            done.append(argument)
        elif searching and not argument.startswith("--") and argument not in current.option_strings():
            words.append(argument)
        else:
            done.append(argument)
            current = current.commands().get(argument, current)
    return [*done, "--", *words] if words else done


def build() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(
        prog="quaero",
        usage="quaero COMMAND ... [options]",
        description="Collect web knowledge into a private, searchable library.",
        epilog=syntax.examples_text(
            "quaero crawl https://docs.python.org/3/tutorial/ --scope prefix",
            "quaero search 'list comprehension'",
            "quaero COMMAND --help",
        ),
    )
    syntax.add_globals(parser, default=None)
    parser.add_argument("--version", action=_Version, nargs=0, help="Print the version and exit.")
    commands = syntax.add_group(parser, "command")
    _add_crawl(commands)
    _add_work(commands)
    _add_jobs(commands)
    _add_rules_commands(commands)
    _add_documents(commands)
    _add_search(commands)
    sources.add_syntax(commands)
    definitions.add_syntax(commands)
    _add_cleanup(commands)
    _add_backup(commands)
    importing.add_syntax(commands)
    syntax.add_command(commands, "verify", "Check every promise that the library makes.", "quaero verify")
    return parser


def _add_crawl(commands: Any) -> None:
    crawl = syntax.add_command(
        commands,
        "crawl",
        "Crawl a site into the library, to the end.",
        "quaero crawl https://www.sqlite.org/docs.html --max-pages 200",
        "quaero crawl https://docs.python.org/3/library/ --scope prefix --exclude '*/whatsnew/*'",
        "quaero crawl wiki.intern:8080 --delay 0 --workers 8",
        usage="URL...",
        more="A crawl that was stopped goes on with: quaero work --until-idle",
    )
    crawl.add_argument(
        "urls",
        metavar="URL",
        nargs="*",
        help="Where to start; https:// is added where it is missing. [default: where the source of --source begins]",
    )
    add = crawl.add_argument
    add(
        "--depth",
        metavar="N",
        type=syntax.whole_number,
        help=f"The most links to follow from there; 0 for these pages only. [default: {_DEFAULTS.max_depth}]",
    )
    add("--max-pages", metavar="N", type=syntax.whole_number, help="The most pages to fetch. [default: no limit]")
    syntax.add_rules(crawl)
    add(
        "--workers",
        metavar="N",
        type=syntax.whole_number,
        help=f"How many pages at a time, in all and at one host. [default: 5 in all, {_DEFAULTS.per_host} at one host]",
    )
    add(
        "--delay",
        metavar="S",
        type=syntax.seconds,
        help="Seconds between two requests to one host; 0 turns the pace off."
        " [default: 0.25; none for this very computer]",
    )
    add("--no-robots", action="store_true", help="Fetch also what the site's robots.txt forbids.")
    add("--name", metavar="T", help="What to call the job. [default: the host]")
    add(
        "--source",
        metavar="ID",
        type=syntax.identifier,
        help="The source to collect for: its rules and its sign-in. [default: one for the origin of URL]",
    )


def _add_work(commands: Any) -> None:
    work = syntax.add_command(
        commands,
        "work",
        "Run whatever is queued, after a crash or a quit, each crawl with its own settings.",
        "quaero work --until-idle",
    )
    work.add_argument(
        "--until-idle", action="store_true", help="End when nothing is left to do. [default: wait until Ctrl-C]"
    )


def _add_jobs(commands: Any) -> None:
    jobs = syntax.add_group(
        syntax.add_command(
            commands, "jobs", "List, look into, stop, repeat and delete jobs.", "quaero jobs list", usage="ACTION"
        ),
        "action",
    )
    listing = syntax.add_command(
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
        type=syntax.parent,
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
    add("--source", metavar="ID", type=syntax.identifier, help="Only jobs of this source.")
    add("--query", metavar="Q", default="", help="Only jobs with this text in their name or URL, or with this id.")
    syntax.add_window(listing, "jobs", 50)
    add(
        "--order",
        metavar="F",
        help=f"What to sort by: {', '.join(ORDERS)}; F upwards, -F downwards. [default: -created]",
    )
    add("--grouped", action="store_true", help="Put the jobs of the list below their parents.")
    show = syntax.add_command(
        jobs,
        "show",
        "Tell everything about a job: its counts, its failures by cause, its refused links by reason.",
        "quaero jobs show 1",
        "quaero jobs show 1 --skipped",
        usage="ID",
    )
    syntax.add_job_id(show)
    show.add_argument("--skipped", action="store_true", help="List the refused links, each with the rule that said so.")
    syntax.add_window(show, "links of --skipped", 100)
    logs = syntax.add_command(
        jobs, "logs", "Print the log of a job.", "quaero jobs logs 1 --children --level warn", usage="ID"
    )
    syntax.add_job_id(logs)
    logs.add_argument(
        "--level",
        metavar="L",
        default="info",
        help=f"The least important level: {', '.join(LOG_LEVELS)}. [default: info]",
    )
    logs.add_argument(
        "--limit", metavar="N", type=syntax.whole_number, default=200, help="The most lines, the newest. [default: 200]"
    )
    logs.add_argument("--children", action="store_true", help="Also the lines of the jobs below it.")
    for name, summary in (
        ("cancel", "Cancel a job and everything open below it."),
        ("pause", "Let no more of a crawl start until it is resumed."),
        ("resume", "Let a paused crawl go on; quaero work runs it."),
    ):
        syntax.add_job_id(syntax.add_command(jobs, name, summary, f"quaero jobs {name} 1", usage="ID"))
    _add_again(jobs)
    _add_deletion(jobs)


def _add_deletion(jobs: Any) -> None:
    delete = syntax.add_command(
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
    add("ids", metavar="ID", nargs="*", type=syntax.identifier, help="The jobs' numbers.")
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
    restore = syntax.add_command(
        jobs,
        "restore",
        f"Bring back jobs that were deleted in the last {TRASH_SECONDS} seconds, with all below them.",
        "quaero jobs restore 1",
        usage="ID...",
    )
    restore.add_argument("ids", metavar="ID", nargs="+", type=syntax.identifier, help="The jobs' numbers.")


def _add_again(jobs: Any) -> None:
    rerun = syntax.add_command(
        jobs,
        "rerun",
        "Crawl once more what a crawl was told to, as a new job; quaero work runs it.",
        "quaero jobs rerun 1",
        "quaero jobs rerun 1 --wait",
        usage="ID",
    )
    syntax.add_job_id(rerun)
    rerun.add_argument("--wait", action="store_true", help="Run it now, to the end.")
    retry = syntax.add_command(
        jobs,
        "retry",
        "Try the failed pages of a crawl again, in place; quaero work runs them.",
        "quaero jobs retry 1",
        "quaero jobs retry 1 --cause http_5xx --code 503",
        "quaero jobs retry 57",
        usage="ID",
    )
    retry.add_argument(
        "id", metavar="ID", type=syntax.identifier, help="The number of a crawl, or of one of its pages."
    )
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
        type=syntax.whole_number,
        action="append",
        default=[],
        help="Only pages that failed with this HTTP code. Can be repeated.",
    )
    add("--cancelled", action="store_true", help="Also pages that were cancelled: a cancelled crawl goes on.")
    add("--wait", action="store_true", help="Run them now, to the end.")


def _add_rules_commands(commands: Any) -> None:
    rules = syntax.add_group(
        syntax.add_command(
            commands,
            "rules",
            "Try out the rules of a crawl, and change them while it is under way.",
            "quaero rules check https://docs.python.org/3/ --exclude /3/",
            usage="ACTION",
        ),
        "action",
    )
    check = syntax.add_command(
        rules,
        "check",
        "Tell whether a crawl would follow a link, and which rule says so.",
        "quaero rules check https://docs.python.org/3/whatsnew/3.11.html --exclude '*/whatsnew/*'",
        "quaero rules check /3/c-api/ --seed https://docs.python.org/3/library/ --scope prefix",
        "quaero rules check https://docs.python.org/3/c-api/ --job 1",
        usage="URL",
        more="Scope and rules only: robots.txt, depth and the most pages come on top.",
    )
    check.add_argument("url", metavar="URL", help="The link; or a path at the first seed.")
    check.add_argument(
        "--seed",
        metavar="S",
        action="append",
        default=[],
        help="Where the crawl starts. Can be repeated. [default: URL itself, so that only the rules decide]",
    )
    check.add_argument("--job", metavar="ID", type=syntax.identifier, help="Take seeds, scope and rules of that crawl.")
    syntax.add_rules(check)
    change = syntax.add_command(
        rules,
        "change",
        "Go on with a crawl under other rules; quaero work runs it.",
        "quaero rules change 1 --exclude '*/whatsnew/*' --exclude '*.pdf'",
        "quaero rules change 1 --no-exclude --depth 8 --no-max-pages",
        usage="ID",
        more="What is given replaces what the crawl had. Queued pages that no longer fit are withdrawn, skipped links"
        "\nthat now fit are queued.",
    )
    syntax.add_job_id(change)
    syntax.add_rules(change, default=False)
    add = change.add_argument
    add("--depth", metavar="N", type=syntax.whole_number, help="The most links to follow from the start.")
    add(
        "--max-pages",
        metavar="N",
        type=syntax.whole_number,
        help="The most pages to fetch, those already fetched among them.",
    )
    add("--no-include", action="store_true", help="Drop all include rules.")
    add("--no-exclude", action="store_true", help="Drop all exclude rules.")
    add("--no-max-pages", action="store_true", help="Drop the limit of pages.")


def _add_documents(commands: Any) -> None:
    documents = syntax.add_group(
        syntax.add_command(
            commands, "documents", "List and read collected documents.", "quaero documents list", usage="ACTION"
        ),
        "action",
    )
    listing = syntax.add_command(
        documents, "list", "List documents, newest first.", "quaero documents list --query tutorial --limit 10"
    )
    listing.add_argument("--source", metavar="ID", type=syntax.identifier, help="Only documents of this source.")
    listing.add_argument("--query", metavar="Q", default="", help="Only documents with this text in title or URL.")
    syntax.add_window(listing, "documents", 50)
    show = syntax.add_command(
        documents, "show", "Print a document's markdown.", "quaero documents show 12 | less", usage="ID"
    )
    show.add_argument("id", metavar="ID", type=syntax.identifier, help="The document's number.")
    show.add_argument("--versions", action="store_true", help="List its versions instead, with their times.")
    export = syntax.add_command(
        documents,
        "export",
        "Write documents to a folder of markdown, to JSON lines, or to a table for spreadsheets.",
        "quaero documents export --to ~/export",
        "quaero documents export --to python.jsonl --search 'site:docs.python.org asyncio'",
        "quaero documents export --format csv --to documents.csv --force",
        usage="[ID...] --to PATH",
        more="Nothing is at PATH before all of it is. Times are UTC in tables, milliseconds UTC in JSON lines.",
    )
    add = export.add_argument
    add("ids", metavar="ID", type=syntax.identifier, nargs="*", help="Only these documents. [default: all]")
    add("--to", metavar="PATH", required=True, help="The file or, for markdown, the folder; it must not exist yet.")
    add(
        "--format",
        metavar="F",
        help=f"{', '.join(ExportFormat)}. [default: as the end of PATH says, else markdown]",
    )
    add("--query", metavar="Q", default="", help="Only documents with this text in title or URL.")
    add("--search", metavar="WORDS", default="", help="Only what quaero search finds for these words, best first.")
    add("--source", metavar="ID", type=syntax.identifier, help="Only documents of this source.")
    add("--force", action="store_true", help="Replace the file that is at PATH; a folder is never replaced.")


def _add_search(commands: Any) -> None:
    search = syntax.add_command(
        commands,
        SEARCH,
        "Search the library, best first.",
        "quaero search vacuum analyze",
        "quaero search '\"exact phrase\" OR prefix* -without'",
        "quaero search title:index site:sqlite.org after:2024-01-01 lang:en",
        usage="WORDS...",
        more='All words must be there; "a phrase", OR, -not, prefix*, title:, site:, url:, after:, before:, lang:.',
    )
    search.add_argument("query", metavar="WORDS", nargs="+", help="What to look for.")
    syntax.add_window(search, "results", 20)


def _add_cleanup(commands: Any) -> None:
    cleanup = syntax.add_command(
        commands,
        "cleanup",
        "Delete for good what ended long ago: whole jobs with all below them and their logs.",
        "quaero cleanup --older-than 30d --dry-run",
        "quaero cleanup --older-than 2w --status failed --status cancelled",
        usage="--older-than AGE",
        more="Documents stay, and so does every job that has not ended.",
    )
    add = cleanup.add_argument
    add(
        "--older-than",
        metavar="AGE",
        type=syntax.age,
        required=True,
        help="How long ago a job must have ended: a whole number with m, h, d or w for minutes, hours, days or weeks.",
    )
    add(
        "--status",
        metavar="S",
        action="append",
        default=[],
        help=f"Only jobs that ended like this: {', '.join(CLEANABLE)}. Can be repeated. [default: all of them]",
    )
    add("--dry-run", action="store_true", help="Only tell what would be deleted.")


def _add_backup(commands: Any) -> None:
    backup = syntax.add_command(
        commands,
        "backup",
        "Make, list and restore backups of the library; alone, make one.",
        "quaero backup",
        "quaero backup list",
        usage="[ACTION]",
    )
    actions = syntax.add_group(backup, "action")
    backup.set_defaults(action="create")
    syntax.add_command(actions, "create", "Make a backup and check it.", "quaero backup create")
    syntax.add_command(actions, "list", "List the backups, newest first.", "quaero backup list")
    restore = syntax.add_command(
        actions,
        "restore",
        "Put a backup in the place of the library; what was there is kept beside it.",
        "quaero backup restore library-20260131T120000Z.db",
        usage="NAME",
    )
    restore.add_argument("name", metavar="NAME", help="A backup, as quaero backup list names it.")
