"""What the library answers to what is typed into its search field."""

from typing import NamedTuple

from quaero_desktop.domain.documents import DocumentFilter
from quaero_desktop.services.library import LibraryService
from quaero_desktop.ui import found
from quaero_desktop.ui.models.results import Result


class Answer(NamedTuple):
    """The first results.

    Attributes:
        asked: the query as it was typed; empty when the newest documents are meant.
        query: the one that was answered: *asked*, or one a little wider.
        terms: the words and phrases to highlight.
        rows: the first results; *total* says how many there are.
        hint: what could be typed instead; empty for none.
        took_ms: how long the search took, or None for the newest documents.
    """

    asked: str
    query: str
    terms: tuple[str, ...]
    rows: list[Result]
    total: int
    hint: str
    took_ms: int | None


async def ask(library: LibraryService, text: str, site: str, limit: int) -> Answer:
    """Search the library; without any text or site, return its newest documents.

    Args:
        library: of an open library.
        text: what was typed.
        site: only pages of this host; empty for all.
        limit: the most rows.
    """
    query = asked = _with_site(text, site)
    terms = found.terms_of(query)
    if not query:
        page = await library.documents(DocumentFilter(limit=limit))
        return Answer("", "", terms, [Result.of_summary(each) for each in page.documents], page.total_count, "", None)
    results = await library.search(query, limit=limit)
    wider = found.as_prefix(text)
    if not results.total_count and wider is not None:
        # Somebody who types "vacuu" has not yet said what they look for, but has said how it begins.
        longer = _with_site(wider, site)
        if (prefixed := await library.search(longer, limit=limit)).total_count:
            results, query, terms = prefixed, longer, found.terms_of(longer)
    rows = [Result.of_hit(hit, terms) for hit in results.results]
    return Answer(asked, query, terms, rows, results.total_count, results.hint, results.took_ms)


async def more(
    library: LibraryService, query: str, terms: tuple[str, ...], limit: int, offset: int
) -> tuple[list[Result], int]:
    """Return further results of a query that was answered, and how many there are by now."""
    if query:
        results = await library.search(query, limit=limit, offset=offset)
        return [Result.of_hit(hit, terms) for hit in results.results], results.total_count
    page = await library.documents(DocumentFilter(limit=limit, offset=offset))
    return [Result.of_summary(each) for each in page.documents], page.total_count


async def how_many(library: LibraryService, query: str) -> int:
    """Return how many results a query that was answered has by now."""
    if query:
        return (await library.search(query, limit=0)).total_count
    return (await library.documents(DocumentFilter(limit=0))).total_count


def _with_site(text: str, site: str) -> str:
    return f"{text.strip()} {f'site:{site}' if site else ''}".strip()
