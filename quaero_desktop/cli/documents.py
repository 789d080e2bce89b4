"""``quaero documents`` and ``quaero search``: what has been collected."""

from typing import Annotated

import msgspec
import typer
from rich.text import Text

from quaero_desktop.cli import output
from quaero_desktop.cli.context import EXIT_OK, Options, complain, run
from quaero_desktop.domain.documents import HIGHLIGHT_END, HIGHLIGHT_START, DocumentFilter, marked

app = typer.Typer(no_args_is_help=True, help="List and read collected documents.")


@app.command("list")
def list_documents(
    context: typer.Context,
    source: Annotated[int | None, typer.Option(metavar="ID", help="Only documents of this source.")] = None,
    query: Annotated[str, typer.Option(metavar="Q", help="Only titles or URLs with this text.")] = "",
    limit: Annotated[int, typer.Option(metavar="N", help="The most documents.")] = 50,
    offset: Annotated[int, typer.Option(metavar="N", help="Leave out so many first.")] = 0,
) -> int:
    """List documents, newest first."""
    options: Options = context.obj
    return run(options, _list(options, DocumentFilter(source=source, query=query, limit=limit, offset=offset)))


async def _list(options: Options, which: DocumentFilter) -> int:
    async with options.reading() as services:
        page = await services.library.documents(which)
    if options.json:
        output.print_json(page)
        return EXIT_OK
    console = output.console()
    if not page.documents:
        console.print("No documents. Collect some with: quaero crawl URL")
        return EXIT_OK
    table = output.table("id", "title", "url", numbers=("id",))
    for document in page.documents:
        table.add_row(str(document.id), document.title, document.url)
    console.print(table)
    if page.total_count > len(page.documents):
        console.print(f"{len(page.documents):,} of {page.total_count:,}")
    return EXIT_OK


@app.command("show")
def show(
    context: typer.Context, document_id: Annotated[int, typer.Argument(metavar="ID", help="The document's number.")]
) -> int:
    """Print a document's markdown."""
    options: Options = context.obj
    return run(options, _show(options, document_id))


async def _show(options: Options, document_id: int) -> int:
    async with options.reading() as services:
        document = await services.library.document(document_id)
    if options.json:
        output.print_json(document)
        return EXIT_OK
    typer.echo(f"# {document.title}\n{document.url}\n")
    typer.echo(document.markdown)
    return EXIT_OK


def search(
    context: typer.Context,
    query: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY", help='Words, "a phrase", OR, -not, prefix*, title: site: url: after: before: lang:'
        ),
    ],
    limit: Annotated[int, typer.Option(metavar="N", help="The most results.")] = 20,
) -> int:
    """Search the library."""
    options: Options = context.obj
    return run(options, _search(options, " ".join(query), limit))


async def _search(options: Options, query: str, limit: int) -> int:
    async with options.reading() as services:
        found = await services.library.search(query, limit=limit)
    if options.json:
        hits = [msgspec.structs.replace(hit, snippet=marked(hit.snippet, "**", "**")) for hit in found.results]
        output.print_json(msgspec.structs.replace(found, results=tuple(hits)))
        return EXIT_OK
    console = output.console()
    if found.hint:
        complain(found.hint)
    for hit in found.results:
        console.print(Text(hit.title, style="bold"))
        console.print(Text(f"{hit.url}  (document {hit.document_id})", style="blue"), soft_wrap=True)
        console.print(_highlighted(hit.snippet))
        console.print()
    console.print(f"{output.count(found.total_count, 'result')} in {found.took_ms:.0f} ms")
    return EXIT_OK


def _highlighted(snippet: str) -> Text:
    text = Text()
    for number, part in enumerate(snippet.split(HIGHLIGHT_START)):
        inside, _, after = part.partition(HIGHLIGHT_END) if number else ("", "", part)
        text.append(inside, style="bold green")
        text.append(after)
    return text
