"""The syntax of ``quaero credentials``: how to sign in at sites."""

from typing import Any

from quaero_desktop.cli.syntax.base import WITHOUT_KEYRING, Parser, add_command, add_group, identifier
from quaero_desktop.domain.credentials import CredentialKind

_WHERE_FROM = (
    "The file with the secret; - for the standard input. [default: asked for on the terminal, without showing it]"
)


def add_syntax(commands: Any) -> None:
    """Add the commands to the parser's *commands*."""
    credentials = add_group(
        add_command(
            commands,
            "credentials",
            "Keep what sites ask for at their sign-in: cookies, tokens, passwords.",
            "quaero credentials add Wiki --site https://wiki.python.org --from cookies.txt",
            "quaero credentials test 1",
            usage="ACTION",
            more="A secret goes to the keyring of this computer, is shown to its one site and to nobody else, and is"
            f"\nnever an argument: others can read those.\n\n{WITHOUT_KEYRING}",
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
