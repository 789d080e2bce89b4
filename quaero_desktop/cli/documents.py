"""``quaero documents list`` and ``show``, and ``quaero search``: what has been collected."""

import argparse

import msgspec

from quaero_desktop.cli import output
from quaero_desktop.cli.context import Options, run
from quaero_desktop.cli.ending import EXIT_OK, complain
from quaero_desktop.domain.documents import DocumentFilter, DocumentSummary, SearchHit, marked, pieces
from quaero_desktop.domain.summaries import StoredSummary


def run_command(options: Options, given: argparse.Namespace) -> int:
    """Run ``documents list``, ``documents show`` or ``search``."""
    if given.command == "search":
        return run(options, _search(options, " ".join(given.query), given.limit, given.offset))
    if given.action == "show":
        return run(options, _versions(options, given.id) if given.versions else _show(options, given.id))
    which = DocumentFilter(source=given.source, query=given.query, limit=given.limit, offset=given.offset)
    return run(options, _list(options, which))


async def _list(options: Options, which: DocumentFilter) -> int:
    async with options.reading() as services:
        page = await services.library.documents(which.checked())
    if options.json:
        output.print_json(page)
        return EXIT_OK
    if not page.documents:
        filtered = which.query or which.source is not None or page.total_count
        options.advise("No document is like that." if filtered else "No documents. Collect some: quaero crawl URL")
        return EXIT_OK
    output.table(
        ("id", "title", "url"),
        [(str(document.id), _title(document), document.url) for document in page.documents],
        numbers=("id",),
        flexible=("url", "title"),
    )
    output.rest(which.offset, len(page.documents), page.total_count)
    return EXIT_OK


def _title(document: DocumentSummary) -> str:
    return document.title if document.gone_at is None else f"{document.title} (gone)"


async def _show(options: Options, document_id: int) -> int:
    async with options.reading() as services:
        document = await services.library.document(document_id)
        summary = await services.library.summary(document_id)
    if options.json:
        output.print_json(msgspec.to_builtins(document) | _in_short(summary))
        return EXIT_OK
    heading = [] if document.markdown.startswith("# ") else [f"# {document.title}", ""]
    gone = "" if document.gone_at is None else f" (gone since {output.moment(document.gone_at)})"
    output.plain_lines(
        f"<{output.address(document.url)}>{gone}", "", *_summary_lines(summary), *heading, document.markdown.rstrip()
    )
    return EXIT_OK


def _in_short(summary: StoredSummary | None) -> dict[str, object]:
    """Return what a document says in short, for programs."""
    if summary is None:
        return {"summary": None, "keywords": [], "summary_method": None, "summary_stale": False}
    return {
        "summary": summary.summary,
        "keywords": summary.keywords,
        "summary_method": summary.method,
        "summary_stale": summary.stale,
    }


def _summary_lines(summary: StoredSummary | None) -> list[str]:
    """Return what a document says in short, for people."""
    if summary is None or not (summary.summary or summary.keywords):
        return []
    lines = []
    if summary.summary:
        before = " (of an earlier version)" if summary.stale else ""
        lines.append(f"In short{before}: {output.one_line(summary.summary)}")
    if summary.keywords:
        lines.append(f"Keywords: {output.one_line(', '.join(summary.keywords))}")
    return [*lines, ""]


async def _versions(options: Options, document_id: int) -> int:
    async with options.reading() as services:
        document = await services.library.document(document_id)
        versions = await services.library.versions(document_id)
    if options.json:
        output.print_json(msgspec.to_builtins(document) | {"versions": versions})
        return EXIT_OK
    rows = [(str(version.version), output.moment(version.changed_at), version.title) for version in versions]
    output.table(("version", "stored", "title"), rows, numbers=("version",), flexible=("title",))
    return EXIT_OK


async def _search(options: Options, query: str, limit: int, offset: int) -> int:
    async with options.reading() as services:
        found = await services.library.search(query, limit=limit, offset=offset)
    if found.hint:
        complain(found.hint)
    elif not query.strip():
        complain("Nothing to look for.", options.typed("Give some words: quaero search WORDS"))
    if options.json:
        hits = [msgspec.structs.replace(hit, snippet=marked(hit.snippet, "**", "**")) for hit in found.results]
        output.print_json(msgspec.structs.replace(found, results=tuple(hits)))
        return EXIT_OK
    for hit in found.results:
        _print_hit(hit)
    shown = f"{offset + 1:,}–{offset + len(found.results):,} of " if found.results else ""
    complete = not offset and len(found.results) == found.total_count
    output.lines(f"{'' if complete else shown}{output.count(found.total_count, 'result')} in {found.took_ms} ms")
    return EXIT_OK


def _print_hit(hit: SearchHit) -> None:
    from rich.text import Text

    snippet = Text()
    for text, found in pieces(hit.snippet):
        snippet.append(output.one_line(text), style="bold green" if found else None)
    address = Text(output.one_line(hit.url), style="cyan")
    address.append(f"  (document {hit.document_id})", style="dim")
    output.lines(Text(output.one_line(hit.title), style="bold"), address)
    output.wrapped(snippet)
    output.lines("")
