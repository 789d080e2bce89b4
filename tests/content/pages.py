"""Pages for the tests of this folder."""

from quaero_desktop.content.extract import parse
from quaero_desktop.domain.pages import PageInput, ParsedPage

PROSE = (
    "A library collects works, keeps them in order and lends them to whoever wants to read. It began with clay, "
    "went on with paper, and keeps much of what it has on disks today; the catalogue was always its heart. "
)


def parsed(
    html: str | bytes, url: str = "https://site.test/guide/page.html", content_type: str = "text/html"
) -> ParsedPage:
    """The page that *html* makes."""
    body = html if isinstance(html, bytes) else html.encode()
    return parse(PageInput(url=url, body=body, content_type=content_type))


def markdown_of(main: str) -> str:
    """The markdown of a page with the marked main content *main*."""
    return parsed(f"<html><body><nav>Menu</nav><main><p>{PROSE}</p>{main}</main></body></html>").markdown.removeprefix(
        f"{PROSE.strip()}\n\n"
    )
