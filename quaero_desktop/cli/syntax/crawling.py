"""The syntax of ``quaero crawl`` and ``quaero work``."""

from typing import Any

from quaero_desktop.cli.syntax.base import WITHOUT_KEYRING, add_command, add_rules, identifier, seconds, whole_number
from quaero_desktop.domain.crawl import CrawlConfig

_DEFAULTS = CrawlConfig(seeds=())


def add_syntax(commands: Any) -> None:
    """Add the commands to the parser's *commands*."""
    _add_crawl(commands)
    _add_work(commands)


def _add_crawl(commands: Any) -> None:
    crawl = add_command(
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
        type=whole_number,
        help=f"The most links to follow from there; 0 for these pages only. [default: {_DEFAULTS.max_depth}]",
    )
    add("--max-pages", metavar="N", type=whole_number, help="The most pages to fetch. [default: no limit]")
    add_rules(crawl)
    add(
        "--workers",
        metavar="N",
        type=whole_number,
        help=f"How many pages at a time, in all and at one host. [default: 5 in all, {_DEFAULTS.per_host} at one host]",
    )
    add(
        "--delay",
        metavar="S",
        type=seconds,
        help="Seconds between two requests to one host; 0 turns the pace off."
        " [default: 0.25; none for this very computer]",
    )
    add("--no-robots", action="store_true", help="Fetch also what the site's robots.txt forbids.")
    add("--name", metavar="T", help="What to call the job. [default: the host]")
    add(
        "--source",
        metavar="ID",
        type=identifier,
        help="The source to collect for: its rules and its sign-in. [default: one for the origin of URL]",
    )


def _add_work(commands: Any) -> None:
    work = add_command(
        commands,
        "work",
        "Run whatever is queued, after a crash or a quit, each crawl with its own settings.",
        "quaero work --until-idle",
        more=f"\n{WITHOUT_KEYRING}",
    )
    work.add_argument(
        "--until-idle", action="store_true", help="End when nothing is left to do. [default: wait until Ctrl-C]"
    )
