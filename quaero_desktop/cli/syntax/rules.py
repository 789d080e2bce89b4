"""The syntax of ``quaero rules``."""

from typing import Any

from quaero_desktop.cli.syntax.base import add_command, add_group, add_job_id, add_rules, identifier, whole_number


def add_syntax(commands: Any) -> None:
    """Add the commands to the parser's *commands*."""
    rules = add_group(
        add_command(
            commands,
            "rules",
            "Try out the rules of a crawl, and change them while it is under way.",
            "quaero rules check https://docs.python.org/3/ --exclude /3/",
            usage="ACTION",
        ),
        "action",
    )
    check = add_command(
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
    check.add_argument("--job", metavar="ID", type=identifier, help="Take seeds, scope and rules of that crawl.")
    add_rules(check)
    change = add_command(
        rules,
        "change",
        "Go on with a crawl under other rules; quaero work runs it.",
        "quaero rules change 1 --exclude '*/whatsnew/*' --exclude '*.pdf'",
        "quaero rules change 1 --no-exclude --depth 8 --no-max-pages",
        usage="ID",
        more="What is given replaces what the crawl had. Queued pages that no longer fit are withdrawn, skipped links"
        "\nthat now fit are queued.",
    )
    add_job_id(change)
    add_rules(change, default=False)
    add = change.add_argument
    add("--depth", metavar="N", type=whole_number, help="The most links to follow from the start.")
    add(
        "--max-pages",
        metavar="N",
        type=whole_number,
        help="The most pages to fetch, those already fetched among them.",
    )
    add("--no-include", action="store_true", help="Drop all include rules.")
    add("--no-exclude", action="store_true", help="Drop all exclude rules.")
    add("--no-max-pages", action="store_true", help="Drop the limit of pages.")
