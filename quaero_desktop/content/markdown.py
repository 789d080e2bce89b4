"""From the chosen part of a page to GitHub-flavoured markdown, in one walk over the tree.

Why not a library: side by side on the Python manual this walk takes 5.0 ms a page, and html-to-markdown 3.21 with the
serialising before it 8.2 (5.7 when the tree is stripped of spans first), without the outline, the search text and the
canonical links, which come with the walk. It keeps ``pre`` to the letter and knows what generators mean by a class.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from lxml import etree

from quaero_desktop.content import boilerplate
from quaero_desktop.content.codelanguage import language_of
from quaero_desktop.content.links import Resolver
from quaero_desktop.content.markup import (
    ESCAPED,
    code_span,
    destination,
    escape,
    fenced,
    indented,
    is_special,
    plain_start,
)
from quaero_desktop.content.shapes import (
    is_contents,
    is_head,
    is_layout,
    number_of,
    rows_of,
    text_of,
    verbatim,
)
from quaero_desktop.domain.text import single_line

_MAX_DEPTH = 120
"""Deeper elements are written as plain text: two Python frames a level must fit in the recursion limit."""

_MAX_INDENT = 12
"""Deeper lists and quotations are not indented further, or hostile nesting squares the size of the page."""

_MAX_SPAN = 64
"""Cells that one cell or the cells above can take up in a row."""

_MERGED = 400
"""Characters up to which adjacent spans of code or strong text are made one; adding to a long text squares its cost."""

# Stands for <br> until the whitespace of a paragraph is collapsed. It cannot come from a page: HTML has no NUL.
_BREAK = "\0"
_PARAGRAPHS = re.compile(f"{_BREAK} ?{_BREAK}[ {_BREAK}]*")

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")

_ADMONITION = re.compile(r"(?:note|tip|important|warning|caution|danger|hint|info|attention|see also)\W*$", re.I)
_TITLE = re.compile(r"title|heading|caption|label", re.I)


class Rendered(NamedTuple):
    """The markdown of a page, its text in one line without any markup, and its outline as (level, text)."""

    markdown: str
    text: str
    headings: tuple[tuple[int, str], ...]


def render(main: etree._Element, resolve: Resolver, url: str) -> Rendered:
    """Return the markdown of the element *main*, without the text that follows it.

    Args:
        main: the element that holds the main content; the tree is not changed but for line breaks within ``pre``.
        resolve: makes links absolute.
        url: the page's own address; links to it are written as their text.
    """
    writer = _Writer(resolve, url)
    out: list[str] = []
    if main.tag in _BLOCKS and main.tag not in _CONTAINERS:
        _BLOCKS[main.tag](writer, main, out)
    else:
        writer.flow(main, out)
    markdown, text = "\n\n".join(out), " ".join("".join(writer.plain).split())
    if _CONTROL.search(text):
        markdown, text = _CONTROL.sub("", markdown), _CONTROL.sub("", text)
    return Rendered(markdown, text, tuple(writer.headings))


class _Writer:
    """Walks a tree once. Block methods append whole blocks to *out*, inline methods append pieces of text to *run*."""

    def __init__(self, resolve: Resolver, url: str) -> None:
        self.resolve = resolve
        self.url = url
        self.headings: list[tuple[int, str]] = []
        # The text beside the markdown: a second pass that strips markdown again costs more than the walk.
        self.plain: list[str] = []
        self.depth = 0
        self.indents = 0
        self.in_cell = False

    # Blocks

    def flow(self, element: etree._Element, out: list[str]) -> None:
        """The children of *element*: blocks as they are, everything between them as paragraphs."""
        if self.depth >= _MAX_DEPTH:
            whole = text_of(element)
            self.plain.append(whole)
            self._flush([escape(whole)], out)
            return
        plain = self.plain
        run: list[str] = []
        text = element.text
        self.depth += 1
        if text and not text.isspace():
            plain.append(text)
            run.append(ESCAPED.sub(r"\\\g<0>", text) if is_special(text) else text)
        for child in element:
            tag = child.tag
            block = _BLOCKS.get(tag)
            if block is None and tag not in _LEAVES and len(child) and any(inner.tag in _BLOCKS for inner in child):
                # A link, a span or an unknown element around blocks, as cards and old pages have them.
                block = _Writer.container
            if block is not None:
                if run:
                    self._flush(run, out)
                plain.append(" ")
                block(self, child, out)
                plain.append(" ")
            else:
                inline = _INLINES.get(tag)
                if inline is not None:
                    inline(self, child, run)
                else:
                    self.inner(child, run)
            text = child.tail
            if text and (run or not text.isspace()):
                plain.append(text)
                run.append(ESCAPED.sub(r"\\\g<0>", text) if is_special(text) else text)
        if run:
            self._flush(run, out)
        self.depth -= 1

    def _flush(self, run: list[str], out: list[str]) -> None:
        line = " ".join("".join(run).split())
        run.clear()
        if not line:
            return
        if _BREAK in line:
            # Two breaks in a row are how old pages part their paragraphs.
            first, *others = _PARAGRAPHS.split(line.strip(f"{_BREAK} "))
            if others and not self.in_cell:
                for part in (first, *others):
                    self._flush([part], out)
                return
            line = "\\\n".join(part for part in map(str.strip, line.split(_BREAK)) if part)
            if not line:
                return
        out.append(plain_start(line))

    def container(self, element: etree._Element, out: list[str]) -> None:
        kind = boilerplate.kind_of(element)
        if kind is None:
            self.flow(element, out)
        elif kind is boilerplate.Kind.ADMONITION:
            self._admonition(element, out)
        elif kind is boilerplate.Kind.TITLE:
            self._heading(element, 1, out)

    def _admonition(self, element: etree._Element, out: list[str]) -> None:
        before = len(self.headings)
        blocks: list[str] = []
        self.flow(element, blocks)
        # Its title is often marked as a heading, which it is not for the outline.
        del self.headings[before:]
        if not blocks:
            return
        title = blocks[0].lstrip("#").strip()
        named = blocks[0].startswith("#") or (len(element) > 0 and _TITLE.search(element[0].get("class") or ""))
        if "\n" not in title and "**" not in title and (named or _ADMONITION.match(title)):
            blocks[0] = f"**{title}**"
        self._quote(blocks, out)

    def _quote(self, blocks: list[str], out: list[str]) -> None:
        # Code stays code to the letter: a quotation around it would mark each of its lines.
        if not blocks or self.indents >= _MAX_INDENT or any(block.startswith("```") for block in blocks):
            out.extend(blocks)
        else:
            out.append("> " + "\n\n".join(blocks).replace("\n", "\n> ").replace("\n> \n", "\n>\n"))

    def blockquote(self, element: etree._Element, out: list[str]) -> None:
        blocks: list[str] = []
        self.indents += 1
        self.flow(element, blocks)
        self.indents -= 1
        self._quote(blocks, out)

    def heading(self, element: etree._Element, out: list[str]) -> None:
        self._heading(element, int(element.tag[1]), out)

    def _heading(self, element: etree._Element, level: int, out: list[str]) -> None:
        before = len(self.plain)
        text = self.line(element)
        if text.startswith("**") and text.endswith("**") and text.count("**") == 2:
            text = text[2:-2]
        if text:
            self.headings.append((level, single_line("".join(self.plain[before:]))))
            out.append(f"**{text}**" if self.in_cell else f"{'#' * level} {text}")

    def line(self, element: etree._Element) -> str:
        """The content of *element* as one line of inline markdown."""
        run: list[str] = []
        self.inner(element, run)
        return " ".join("".join(run).replace(_BREAK, " ").split())

    def pre(self, element: etree._Element, out: list[str]) -> None:
        code = verbatim(element)
        self.plain.append(code)
        if self.in_cell:
            if code.strip():
                out.append(_BREAK.join(code_span(line) for line in code.split("\n") if line.strip()))
            return
        if code.strip():
            out.append(fenced(code, language_of(element, code)))

    def items(self, element: etree._Element, out: list[str]) -> None:
        """A list, ordered or not."""
        number = number_of(element.get("start"), 1, 999_999_999) if element.tag == "ol" else None
        if boilerplate.kind_of(element) is not None:
            return
        lines: list[str] = []
        loose = False
        self.indents += 1
        for child in element:
            blocks: list[str] = []
            self.plain.append(" ")
            if child.tag in ("li", "div"):
                if child.get("class") and boilerplate.kind_of(child) is boilerplate.Kind.NOISE:
                    continue
                self.flow(child, blocks)
            elif child.tag in _BLOCKS:
                _BLOCKS[child.tag](self, child, blocks)
                if child.tag in ("ul", "ol") and lines and blocks:
                    # A list straight in a list belongs to the item before it.
                    lines[-1] += "\n" + "".join(indented("\n" + block, "  ")[1:] for block in blocks)
                    continue
            else:
                self._flush([self.line(child)], blocks)
            if not blocks:
                continue
            mark = "- " if number is None else f"{number}. "
            if number is not None:
                number += 1
            text = blocks[0]
            for block in blocks[1:]:
                nested = block.startswith(("- ", "1. "))
                loose = loose or not nested
                text += ("\n" if nested else "\n\n") + block
            lines.append(mark + (indented(text, " " * len(mark)) if self.indents <= _MAX_INDENT else text))
        self.indents -= 1
        if lines:
            out.append(("\n\n" if loose else "\n").join(lines))

    def definitions(self, element: etree._Element, out: list[str]) -> None:
        """A definition list: each term a line of its own, its definition after it, not indented, so that code stays."""
        if is_contents(element):
            self.contents(element, out)
            return
        for child in element:
            tag = child.tag
            self.plain.append(" ")
            if tag == "dt":
                self.term(child, out)
            elif tag == "div":
                self.definitions(child, out)
            elif tag == "dd":
                self.flow(child, out)
            elif tag in _BLOCKS:
                _BLOCKS[tag](self, child, out)

    def contents(self, element: etree._Element, out: list[str]) -> None:
        """A definition list that only names things, with lists of the same kind within: a table of contents."""
        lines: list[str] = []
        self.indents += 1
        for child in element:
            self.plain.append(" ")
            if child.tag == "dt":
                if text := self.line(child):
                    lines.append(f"- {text}")
                continue
            blocks: list[str] = []
            if self.depth < _MAX_DEPTH and all(inner.tag == "dl" for inner in child):
                self.depth += 1
                for inner in child:
                    self.contents(inner, blocks)
                self.depth -= 1
            else:
                self.flow(child, blocks)
            indent = "  " if self.indents <= _MAX_INDENT else ""
            lines.extend(indent + indented(block, indent) for block in blocks)
        self.indents -= 1
        if lines:
            out.append("\n".join(lines))

    def term(self, element: etree._Element, out: list[str]) -> None:
        if "sig" in (element.get("class") or "").split():
            text = boilerplate.without_signature_links(" ".join(text_of(element).split()))
            if text:
                self.plain.append(text)
                out.append(f"**{code_span(text)}**")
            return
        blocks: list[str] = []
        self.flow(element, blocks)
        out.extend(
            block if "**" in block or "\n" in block or block.startswith("#") else f"**{block}**" for block in blocks
        )

    def table(self, element: etree._Element, out: list[str]) -> None:
        if boilerplate.kind_of(element) is not None:
            return
        rows = [row for row in rows_of(element) if len(row)]
        caption = next((child for child in element if child.tag == "caption"), None)
        if caption is not None:
            self.flow(caption, out)
        if not rows:
            return
        if self.in_cell or is_layout(element, rows):
            for row in rows:
                for cell in row:
                    if cell.tag in ("td", "th") and not boilerplate.is_gutter(cell):
                        self.plain.append(" ")
                        self.flow(cell, out)
            return
        lines = self._cells(rows)
        columns = max(map(len, lines))
        if columns < 2:
            out.extend(line[0] for line in lines if line and line[0])
            return
        head = lines[0] if is_head(rows[0]) else []
        body = lines[1:] if head else lines
        head = head + [""] * (columns - len(head))
        written = [f"| {' | '.join(line)} |" for line in (head, ["---"] * columns, *filter(any, body))]
        if any(any(line) for line in lines):
            out.append("\n".join(written))

    def _cells(self, rows: list[etree._Element]) -> list[list[str]]:
        lines: list[list[str]] = []
        spans: dict[int, int] = {}
        self.in_cell = True
        for row in rows:
            line: list[str] = []
            for cell in row:
                if cell.tag not in ("td", "th"):
                    continue
                while spans.get(len(line), 0) > 0 and len(line) < _MAX_SPAN:
                    spans[len(line)] -= 1
                    line.append("")
                if (down := number_of(cell.get("rowspan"), 1, 1000)) > 1:
                    spans[len(line)] = down - 1
                line.append(self.cell(cell))
                if (across := number_of(cell.get("colspan"), 1, _MAX_SPAN)) > 1:
                    line.extend([""] * (across - 1))
            lines.append(line)
        self.in_cell = False
        return lines

    def cell(self, element: etree._Element) -> str:
        if len(element):
            blocks: list[str] = []
            self.flow(element, blocks)
            text = "<br>".join(blocks).replace("\\\n", "<br>").replace("\n", "<br>").replace(_BREAK, "<br>")
        else:
            text = element.text or ""
            self.plain.append(text)
            text = " ".join(escape(text).split())
        self.plain.append(" ")
        return text.replace("|", "\\|") if "|" in text else text

    def rule(self, element: etree._Element, out: list[str]) -> None:
        if not self.in_cell and out and out[-1] != "---":
            out.append("---")

    def summary(self, element: etree._Element, out: list[str]) -> None:
        if text := self.line(element):
            out.append(text if "**" in text else f"**{text}**")

    def nothing(self, element: etree._Element, out: list[str]) -> None:
        """What is no text of the page: scripts, controls, navigation."""

    # Inlines

    def inner(self, element: etree._Element, run: list[str]) -> None:
        """The content of *element* as inline text."""
        if self.depth >= _MAX_DEPTH:
            whole = text_of(element)
            self.plain.append(whole)
            run.append(escape(whole))
            return
        self.depth += 1
        plain = self.plain
        text: str | None = element.text
        if text:
            plain.append(text)
            run.append(ESCAPED.sub(r"\\\g<0>", text) if is_special(text) else text)
        for child in element:
            tag = child.tag
            inline = _INLINES.get(tag)
            if inline is not None:
                inline(self, child, run)
            elif tag in _BLOCKS:
                if tag == "pre":
                    self.code(child, run)
                elif _BLOCKS[tag] is not _Writer.nothing and boilerplate.kind_of(child) is not boilerplate.Kind.NOISE:
                    run.append(_BREAK)
                    plain.append(" ")
                    self.inner(child, run)
                    plain.append(" ")
                    run.append(_BREAK)
            else:
                self.inner(child, run)
            text = child.tail
            if text:
                plain.append(text)
                run.append(ESCAPED.sub(r"\\\g<0>", text) if is_special(text) else text)
        self.depth -= 1

    def span(self, element: etree._Element, run: list[str]) -> None:
        # Most spans are marks of a highlighter; a class costs more to ask for than the span to write.
        if len(element) or element.text:
            names = element.get("class")
            if names is None or not boilerplate.is_hidden_span(names):
                self.inner(element, run)

    def code(self, element: etree._Element, run: list[str]) -> None:
        text = element.text if not len(element) else text_of(element)
        piece = code_span(text or "")
        if not piece:
            return
        self.plain.append(text or "")
        if (
            run
            and run[-1].endswith("`")
            and len(run[-1]) < _MERGED
            and run[-1].count("`") == 2
            and piece.count("`") == 2
        ):
            run[-1] = run[-1][:-1] + piece[1:]
        else:
            run.append(piece)

    def _marked(self, element: etree._Element, run: list[str], mark: str) -> None:
        pieces: list[str] = []
        self.inner(element, pieces)
        text = "".join(pieces)
        core = text.strip(" \t\r\n\f\0\u00a0")
        if not core or mark in core or core.startswith(("!", "*")) or core.endswith("*"):
            run.append(text)
            return
        start = text.index(core)
        if start:
            run.append(text[:start])
        if (
            run
            and len(run[-1]) < _MERGED
            and run[-1].endswith(mark)
            and len(run[-1]) > 2 * len(mark)
            and run[-1].startswith(mark)
        ):
            run[-1] = run[-1][: -len(mark)] + core + mark
        else:
            run.append(f"{mark}{core}{mark}")
        if start + len(core) < len(text):
            run.append(text[start + len(core) :])

    def strong(self, element: etree._Element, run: list[str]) -> None:
        self._marked(element, run, "**")

    def emphasis(self, element: etree._Element, run: list[str]) -> None:
        self._marked(element, run, "*")

    def struck(self, element: etree._Element, run: list[str]) -> None:
        self._marked(element, run, "~~")

    def quoted(self, element: etree._Element, run: list[str]) -> None:
        run.append("“")
        self.inner(element, run)
        run.append("”")

    def line_break(self, element: etree._Element, run: list[str]) -> None:
        run.append(_BREAK)
        self.plain.append(" ")
        # libxml2 leaves what an unclosed or odd <br> swallowed inside it.
        if len(element) or element.text:
            self.inner(element, run)

    def superscript(self, element: etree._Element, run: list[str]) -> None:
        pieces: list[str] = []
        self.inner(element, pieces)
        text = "".join(pieces).strip()
        # 10<sup>6</sup> is not 106; a footnote's mark or an ordinal stays as it is.
        run.append(f"^{text}" if text.lstrip("-+−").isalnum() and text[-1:].isdecimal() and not len(element) else text)

    def link(self, element: etree._Element, run: list[str]) -> None:
        href = element.get("href")
        if href is None:
            if len(element) or element.text:
                self.inner(element, run)
            return
        if len(element):
            if "#" in href and boilerplate.is_permalink(element):
                return
            pieces: list[str] = []
            self.inner(element, pieces)
            text = "".join(pieces).replace(_BREAK, " ")
        else:
            text = element.text or ""
            if len(text) <= boilerplate.LONGEST_PERMALINK and "#" in href and boilerplate.is_permalink(element):
                return
            self.plain.append(text)
            if is_special(text):
                text = ESCAPED.sub(r"\\\g<0>", text)
        core = " ".join(text.split())
        if not core:
            if text:
                run.append(" ")
            return
        url = self.resolve[href.partition("#")[0]]
        before = " " if text[0].isspace() else ""
        after = " " if text[-1].isspace() else ""
        if url is None or url == self.url or href.startswith("#"):
            run.append(f"{before}{core}{after}")
            return
        if ("[" in core or "]" in core) and core.count("[") != core.count("]"):
            core = core.replace("[", "\\[").replace("]", "\\]")
        run.append(f"{before}[{core}]({destination(url)}){after}")

    def image(self, element: etree._Element, run: list[str]) -> None:
        alt = " ".join(escape(element.get("alt") or "").split()).replace("[", "\\[").replace("]", "\\]")
        source = element.get("src") or ""
        if not source or source.startswith("data:"):
            source = element.get("data-src") or element.get("data-original") or ""
        if (
            element.get("width") in ("0", "1")
            or element.get("height") in ("0", "1")
            or boilerplate.is_decoration(element)
        ):
            return
        self.plain.append(f" {element.get('alt') or ''} ")
        url = self.resolve[source.partition("#")[0]] if source and not source.startswith("data:") else None
        if url is not None:
            run.append(f"![{alt}]({destination(url)})")
        elif alt:
            run.append(alt)

    def drawing(self, element: etree._Element, run: list[str]) -> None:
        """A vector drawing: the labels of a diagram are text of the page, an icon has none."""
        labels = [" ".join(text_of(label).split()) for label in element.iter("text")]
        if len(labels) >= 3:
            self.plain.append(f" {' '.join(labels)} ")
            run.append(f"{_BREAK}*Diagram: {escape(' '.join(labels))}*{_BREAK}")

    def formula(self, element: etree._Element, run: list[str]) -> None:
        for annotation in element.iter("annotation"):
            if annotation.get("encoding") == "application/x-tex" and annotation.text:
                self.plain.append(annotation.text)
                run.append(f"${annotation.text.strip()}$")
                return
        text = text_of(element)
        self.plain.append(text)
        run.append(escape(text))

    def checkbox(self, element: etree._Element, run: list[str]) -> None:
        """A box of a task list."""
        parent = element.getparent()
        if (
            element.get("type") == "checkbox"
            and parent is not None
            and (parent.tag == "li" or (parent.tag in ("p", "label") and parent.index(element) == 0))
        ):
            run.append("[x] " if element.get("checked") is not None else "[ ] ")

    def void(self, element: etree._Element, run: list[str]) -> None:
        """An inline element that is no text of the page."""


_Handler = Callable[[_Writer, etree._Element, list[str]], None]

_CONTAINERS = frozenset(
    "address article aside body center dd details dialog div dt fieldset figcaption figure footer form header hgroup"
    " html li main nav noindex optgroup p section tbody td tfoot th thead tr caption frameset noframes".split()
)

_BLOCKS: dict[str, _Handler] = {
    **dict.fromkeys(_CONTAINERS, _Writer.container),
    **dict.fromkeys(("p", "caption", "td", "th", "li", "dd"), _Writer.flow),
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), _Writer.heading),
    **dict.fromkeys(("ul", "ol", "menu", "dir"), _Writer.items),
    **dict.fromkeys(("pre", "listing", "xmp", "plaintext"), _Writer.pre),
    "blockquote": _Writer.blockquote,
    "dl": _Writer.definitions,
    "dt": _Writer.term,
    "hr": _Writer.rule,
    "summary": _Writer.summary,
    "table": _Writer.table,
    **dict.fromkeys(
        "script style nav template noscript head dialog object embed applet iframe frame".split(), _Writer.nothing
    ),
}

_INLINES: dict[str, _Handler] = {
    "a": _Writer.link,
    **dict.fromkeys(("b", "strong"), _Writer.strong),
    "br": _Writer.line_break,
    **dict.fromkeys(("code", "tt", "kbd", "samp"), _Writer.code),
    **dict.fromkeys(("del", "s", "strike"), _Writer.struck),
    **dict.fromkeys(("em", "i", "var", "dfn"), _Writer.emphasis),
    "img": _Writer.image,
    "input": _Writer.checkbox,
    "math": _Writer.formula,
    "q": _Writer.quoted,
    "span": _Writer.span,
    "sup": _Writer.superscript,
    "svg": _Writer.drawing,
    **dict.fromkeys(
        "audio button canvas datalist link meta option progress rp rt select source textarea title track video".split(),
        _Writer.void,
    ),
}

_LEAVES = frozenset(_INLINES) - {"a", "b", "strong", "em", "i", "span", "del", "s"}
