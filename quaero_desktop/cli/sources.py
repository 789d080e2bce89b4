"""The syntax of ``quaero sources`` and ``quaero credentials``: sites that are collected, and how to sign in there."""

import argparse
from typing import TYPE_CHECKING, Any

from quaero_desktop.cli import syntax
from quaero_desktop.cli.syntax import Parser, add_command, add_group, identifier
from quaero_desktop.domain.sources import CredentialKind

if TYPE_CHECKING:
    from quaero_desktop.cli.context import Options


def add_syntax(commands: Any) -> None:
    """Add the commands to the parser's *commands*."""
    _add_sources(commands)
    _add_credentials(commands)


def run_command(options: "Options", given: argparse.Namespace) -> int:
    """Run ``sources`` or ``credentials`` with one of their actions."""
    # Imported by need: the syntax of all commands is read whatever the command is.
    if given.command == "credentials":
        from quaero_desktop.cli import credentials

        return credentials.run_command(options, given)
    from quaero_desktop.cli import sites

    return sites.run_command(options, given)


# --- sources ----------------------------------------------------------------------------------------------------------


def _add_sources(commands: Any) -> None:
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
    syntax.add_rules(parser, default=False)
    add = parser.add_argument
    add("--depth", metavar="N", type=syntax.whole_number, help="The most links to follow from the start.")
    add("--max-pages", metavar="N", type=syntax.whole_number, help="The most pages of a crawl.")
    add("--workers", metavar="N", type=syntax.whole_number, help="How many requests at one host at a time.")
    add("--delay", metavar="S", type=syntax.seconds, help="Seconds between two requests to one host; 0 for none.")
    # Not given is neither yes nor no.
    add("--no-robots", action="store_true", help="Fetch also what the site's robots.txt forbids.")
    add("--credential", metavar="ID", type=identifier, help="What to sign in with.")


def _with_source(sources: Any, name: str, summary: str, *examples: str, more: str = "") -> Parser:
    examples = examples or (f"quaero sources {name} 1",)
    parser = add_command(sources, name, summary, *examples, usage="ID", more=more)
    parser.add_argument("id", metavar="ID", type=identifier, help="The source's number.")
    return parser


# --- credentials ------------------------------------------------------------------------------------------------------

_WHERE_FROM = (
    "The file with the secret; - for the standard input. [default: asked for on the terminal, without showing it]"
)


def _add_credentials(commands: Any) -> None:
    credentials = add_group(
        add_command(
            commands,
            "credentials",
            "Keep what sites ask for at their sign-in: cookies, tokens, passwords.",
            "quaero credentials add Wiki --site https://wiki.python.org --from cookies.txt",
            "quaero credentials test 1",
            usage="ACTION",
            more="A secret goes to the keyring of this computer, is shown to its one site and to nobody else, and is"
            "\nnever an argument: others can read those.",
        ),
        "action",
    )
    add_command(credentials, "list", "List the credentials; nothing shows their secrets.", "quaero credentials list")
    add = add_command(
        credentials,
        "add",
        "Add a credential.",
        "quaero credentials add Wiki --site https://wiki.python.org --from cookies.txt",
        "quaero credentials add Wiki --from request.curl",
        "quaero credentials add API --site https://api.github.com --kind bearer",
        usage="NAME",
        more="Understood are a cookies.txt, a Cookie header, a browser's “copy as cURL”, and headers with their names.",
    )
    add.add_argument("name", metavar="NAME", help="What to call it.")
    add.add_argument(
        "--site", metavar="URL", default="", help="The one site it is for. [default: as a copied cURL command says]"
    )
    _add_secret(add)
    edit = _with_credential(
        credentials,
        "edit",
        "Give a new secret, after a session expired; or change what is known of it.",
        "quaero credentials edit 1 --from cookies.txt",
        "quaero credentials edit 1 --name Wiki",
    )
    edit.add_argument("--name", metavar="T", help="What to call it.")
    edit.add_argument("--site", metavar="URL", help="The one site it is for; needs the secret anew.")
    _add_secret(edit)
    test = _with_credential(
        credentials,
        "test",
        "Ask the site whether it takes the secret; exit code 0 if it does.",
        "quaero credentials test 1",
        "quaero credentials test 1 --url https://wiki.python.org/moin/UserPreferences",
    )
    test.add_argument(
        "--url", metavar="URL", default="", help="A page that needs the sign-in. [default: where its source begins]"
    )
    _with_credential(credentials, "delete", "Delete a credential with its secret; sources that had it have none then.")


def _add_secret(parser: Parser) -> None:
    parser.add_argument(
        "--kind",
        metavar="K",
        help=f"{', '.join(CredentialKind)}. [default: what the secret looks like]",
    )
    parser.add_argument("--from", metavar="FILE", dest="source_file", help=_WHERE_FROM)
    parser.add_argument(
        "--login-url", metavar="URL", help="Where signing in is done: being sent there means to sign in again."
    )


def _with_credential(credentials: Any, name: str, summary: str, *examples: str) -> Parser:
    examples = examples or (f"quaero credentials {name} 1",)
    parser = add_command(credentials, name, summary, *examples, usage="ID")
    parser.add_argument("id", metavar="ID", type=identifier, help="The credential's number.")
    return parser
