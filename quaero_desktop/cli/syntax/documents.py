"""The syntax of ``quaero documents`` and ``quaero search``."""

from typing import Any

from quaero_desktop.cli.syntax.base import add_command, add_group, add_window, identifier
from quaero_desktop.domain.exporting import ExportFormat

SEARCH = "search"


def add_syntax(commands: Any) -> None:
    """Add the commands to the parser's *commands*."""
    _add_documents(commands)
    _add_search(commands)


def _add_documents(commands: Any) -> None:
    documents = add_group(
        add_command(
            commands, "documents", "List and read collected documents.", "quaero documents list", usage="ACTION"
        ),
        "action",
    )
    listing = add_command(
        documents, "list", "List documents, newest first.", "quaero documents list --query tutorial --limit 10"
    )
    listing.add_argument("--source", metavar="ID", type=identifier, help="Only documents of this source.")
    listing.add_argument("--query", metavar="Q", default="", help="Only documents with this text in title or URL.")
    add_window(listing, "documents", 50)
    show = add_command(documents, "show", "Print a document's markdown.", "quaero documents show 12 | less", usage="ID")
    show.add_argument("id", metavar="ID", type=identifier, help="The document's number.")
    show.add_argument("--versions", action="store_true", help="List its versions instead, with their times.")
    export = add_command(
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
    add("ids", metavar="ID", type=identifier, nargs="*", help="Only these documents. [default: all]")
    add("--to", metavar="PATH", required=True, help="The file or, for markdown, the folder; it must not exist yet.")
    add(
        "--format",
        metavar="F",
        help=f"{', '.join(ExportFormat)}. [default: as the end of PATH says, else markdown]",
    )
    add("--query", metavar="Q", default="", help="Only documents with this text in title or URL.")
    add("--search", metavar="WORDS", default="", help="Only what quaero search finds for these words, best first.")
    add("--source", metavar="ID", type=identifier, help="Only documents of this source.")
    add("--force", action="store_true", help="Replace the file that is at PATH; a folder is never replaced.")


def _add_search(commands: Any) -> None:
    search = add_command(
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
    add_window(search, "results", 20)
