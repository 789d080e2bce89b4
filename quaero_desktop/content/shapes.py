"""What an element of a page is, whatever its tag says: a table that only places things, code with line numbers."""

from itertools import islice

from lxml import etree

from quaero_desktop.content import boilerplate


def text_of(element: etree._Element) -> str:
    """Return all text within an element, without what follows it."""
    return etree.tostring(element, method="text", encoding="unicode", with_tail=False)


def number_of(text: str | None, default: int, most: int) -> int:
    """Return the number that an attribute holds, at most *most*; *default* where it holds none."""
    return min(int(text), most) if text and text.isdecimal() and text.isascii() and len(text) < 10 else default


def verbatim(element: etree._Element) -> str:
    """Return the text of a ``pre`` to the letter, without line numbers and buttons."""
    if len(element):
        if _is_composed(element):
            for child in list(element.iter("button", "div", "td", "span", "a")):
                boilerplate.settle_in_code(child)
        for line_break in element.iter("br"):
            boilerplate.end_line(line_break)
        code = text_of(element)
    else:
        code = element.text or ""
    if "\r" in code:
        code = code.replace("\r\n", "\n").replace("\r", "\n")
    # HTML drops the line feed after the tag, and the one before the end tag ends the last line.
    return code.removeprefix("\n").rstrip()


def _is_composed(element: etree._Element) -> bool:
    """Return whether it holds line numbers, copy buttons or lines as blocks, or just the many spans of a highlighter.

    Line numbers are before each line: the first few elements tell.
    """
    if next(element.iter("button", "div", "td"), None) is not None:
        return True
    return any(boilerplate.is_hidden_span(child.get("class") or "") for child in islice(element.iter("span", "a"), 3))


def is_contents(element: etree._Element, deep: int = 4) -> bool:
    """Return whether a definition list only names things: a table of contents; looked at some levels *deep*."""
    if "toc" in (element.get("class") or "").split():
        return True
    for child in element:
        if child.tag != "dt" and not (
            child.tag == "dd" and len(child) and child[0].tag == "dl" and deep > 1 and is_contents(child[0], deep - 1)
        ):
            return False
        if child.tag == "dt" and "sig" in (child.get("class") or "").split():
            return False
    return len(element) > 1


def rows_of(table: etree._Element) -> list[etree._Element]:
    """Return the rows of a table, without those of tables within."""
    rows: list[etree._Element] = []
    for child in table:
        if child.tag == "tr":
            rows.append(child)
        elif child.tag in ("thead", "tbody", "tfoot"):
            rows.extend(row for row in child if row.tag == "tr")
    return rows


def is_head(row: etree._Element) -> bool:
    """Return whether a row says what stands in the columns."""
    parent = row.getparent()
    return (parent is not None and parent.tag == "thead") or all(cell.tag == "th" for cell in row)


def is_layout(table: etree._Element, rows: list[etree._Element]) -> bool:
    """Return whether a table places blocks on the page instead of relating values, or holds what a cell cannot."""
    if table.get("role") in ("presentation", "none"):
        return True
    inside = table.iter("table", "pre", "h1", "h2", "h3", "h4")
    next(inside)  # the table itself
    for element in inside:
        if element.tag != "pre" or "\n" in verbatim(element):
            return True
    if next(table.iter("th"), None) is None and (
        next(table.iter("ul", "ol", "dl"), None) is not None
        or any(sum(1 for block in cell if block.tag == "p") > 1 for row in rows for cell in row)
    ):
        return True
    return all(len(row) < 2 for row in rows)
