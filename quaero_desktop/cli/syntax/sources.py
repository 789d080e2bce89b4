"""The syntax of ``quaero sources``: the sites that are collected."""

from typing import Any

from quaero_desktop.cli.syntax.base import Parser, add_command, add_group, add_rules, identifier, seconds, whole_number


def add_syntax(commands: Any) -> None:
    """Add the commands to the parser's *commands*."""
    sources = add_group(
        add_command(
            commands,
            "sources",
            "Keep the sites that are collected, each with its rules and its sign-in.",
            "quaero sources add https://docs.python.org/3/ --scope prefix --depth 8",
            "quaero crawl --source 1",
            usage="ACTION",
        ),
        "action",
    )
    listing = add_command(sources, "list", "List the sources.", "quaero sources list")
    listing.add_argument(
        "--automatic", action="store_true", help="Also those that crawls without a source made for themselves."
    )
    _with_source(sources, "show", "Tell everything about a source: its rules, its sign-in, how much it collected.")
    add = add_command(
        sources,
        "add",
        "Add a source.",
        "quaero sources add https://docs.python.org/3/ --scope prefix --exclude '*/whatsnew/*'",
        "quaero sources add https://wiki.python.org/moin/ --name Wiki --credential 1",
        usage="URL",
        more="Its rules hold for every crawl of it, where the crawl itself says nothing.",
    )
    add.add_argument("url", metavar="URL", help="Where its crawls begin; https:// is added where it is missing.")
    add.add_argument("--name", metavar="T", default="", help="What to call it. [default: the host]")
    _add_rules(add)
    edit = _with_source(
        sources,
        "edit",
        "Change a source; what is not named stays as it is.",
        "quaero sources edit 1 --depth 3 --no-exclude",
        "quaero sources edit 1 --credential 2",
        more="Crawls that exist keep the rules they were started with.",
    )
    edit.add_argument("--url", metavar="URL", help="Where its crawls begin.")
    edit.add_argument("--name", metavar="T", help="What to call it.")
    _add_rules(edit)
    for name, what in (
        ("scope", "the scope"),
        ("include", "all include rules"),
        ("exclude", "all exclude rules"),
        ("depth", "the depth"),
        ("max-pages", "the most pages"),
        ("workers", "the requests at one host"),
        ("delay", "the delay"),
        ("credential", "the credential"),
    ):
        edit.add_argument(f"--no-{name}", action="store_true", help=f"Drop {what}.")
    edit.add_argument("--robots", action="store_true", help="Do again what the site's robots.txt says.")
    edit.add_argument("--enable", action="store_true", help="Switch it on: it can be crawled again.")
    edit.add_argument("--disable", action="store_true", help="Switch it off: nothing crawls it; what it has stays.")
    delete = _with_source(
        sources,
        "delete",
        "Delete a source; its jobs stay.",
        "quaero sources delete 1 --dry-run",
        "quaero sources delete 1 --with-documents",
    )
    delete.add_argument("--with-documents", action="store_true", help="Delete all documents that it collected, too.")
    delete.add_argument("--dry-run", action="store_true", help="Only tell what would be deleted.")


def _add_rules(parser: Parser) -> None:
    add_rules(parser, default=False)
    add = parser.add_argument
    add("--depth", metavar="N", type=whole_number, help="The most links to follow from the start.")
    add("--max-pages", metavar="N", type=whole_number, help="The most pages of a crawl.")
    add("--workers", metavar="N", type=whole_number, help="How many requests at one host at a time.")
    add("--delay", metavar="S", type=seconds, help="Seconds between two requests to one host; 0 for none.")
    # Not given is neither yes nor no.
    add("--no-robots", action="store_true", help="Fetch also what the site's robots.txt forbids.")
    add("--credential", metavar="ID", type=identifier, help="What to sign in with.")


def _with_source(sources: Any, name: str, summary: str, *examples: str, more: str = "") -> Parser:
    examples = examples or (f"quaero sources {name} 1",)
    parser = add_command(sources, name, summary, *examples, usage="ID", more=more)
    parser.add_argument("id", metavar="ID", type=identifier, help="The source's number.")
    return parser
