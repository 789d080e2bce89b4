"""The plain text of the index and of snippets: one line, no markup, no link targets, code as it is.

A page's comes from the walk that writes its markdown; this is for what arrives as markdown.
"""

import re

from quaero_desktop.domain.cjk import split_cjk

_FENCED = re.compile(r"\n[ >]*(`{3,}|~{3,})[^\n`]*\n(.*?)(?:\n[ >]*\1[`~]* *(?=\n|$)|$)", re.DOTALL)
_LINE_START = re.compile(r"\n[ >]*(?:#{1,6} |[-*+] (?:\[[ xX]\] )?|\|(?: ?:?-+:? ?\|)+(?=\n|$)|\| |(?<=>) )")
_MARKUP = re.compile(
    r"`([^`\n]+)`"
    r"|``+ ?([^\n]{1,200}?) ?``+"
    r"|!?\[([^\[\]\n]{0,1000})\]\((?:<[^<>\n]*>|[^()\s]*)\)"
    r"|\\([!-/:-@\[-`{-~\n])"
    r"|\*+(?=\S)|(?<=\S)\*+"
    r"|~~"
    r"|<br>"
    r"|\|"
)
_LEFT_OVER = re.compile(r"\]\(<?https?://[^()\s<>]*>?\)")


def from_markdown(markdown: str) -> str:
    """Return the text of *markdown*, its CJK runs split by blanks, as the index and the snippets have it."""
    return split_cjk(plain(markdown))


def plain(markdown: str) -> str:
    """Return the text of *markdown* without its markup."""
    parts = []
    position = 0
    text = "\n" + markdown
    for block in _FENCED.finditer(text):
        parts.append(_prose(text[position : block.start()]))
        parts.append("\n" + block[2])
        position = block.end()
    parts.append(_prose(text[position:]))
    return " ".join("".join(parts).split())


def plain_line(markdown: str) -> str:
    """Return the text of one line of inline markdown."""
    return " ".join(_MARKUP.sub(_text, markdown).split()) if _MARKED.search(markdown) else markdown


_MARKED = re.compile(r"[`\\*\[~|<]")


def _prose(text: str) -> str:
    text = _LINE_START.sub("\n", text)
    text = _MARKUP.sub(_text, text)
    if "](" in text:
        text = _LEFT_OVER.sub("]", text)
    return text


def _text(markup: re.Match[str]) -> str:
    group = markup.lastindex
    if group is None:
        return " " if markup[0] in ("|", "<br>") else ""
    inner = markup[group]
    return _MARKUP.sub(_text, inner) if group == 3 and _MARKED.search(inner) else inner
