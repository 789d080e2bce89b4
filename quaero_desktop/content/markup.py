"""How text stands in markdown: what must be escaped, spans and blocks of code, where a link leads."""

import re

# Text without any of these is as it is: asking first is what makes the walk fast.
is_special = re.compile(r"[\\`*_<&~]").search
ESCAPED = re.compile(
    r"\\(?=[!-/:-@\[-`{-~])|`|~(?=~)|\*(?=\S)|(?<=\S)\*|(?<![^\W_])_(?=\S)|(?<=[^\W_])_(?![^\W_])|<(?=[A-Za-z/!?])|&(?=#?\w{1,32};)"
)
_BLOCK_START = re.compile(r"(?:[-+>]|#{1,6}|\d{1,9}[.)]|={1,}|-{1,})(?:\s|$)|>|\||(?:-{3,}|~{3,})$")
_BLOCK_STARTS = frozenset("-+>#=|~0123456789")
_BACKTICKS = re.compile(r"`+")
_INDENTED = re.compile(r"\n(?=[^\n])")
_ODD_IN_URL = re.compile(r"[()<>\\ ]")


def escape(text: str) -> str:
    """Return *text* so that markdown shows it as it is."""
    return ESCAPED.sub(r"\\\g<0>", text) if is_special(text) else text


def plain_start(line: str) -> str:
    """Return a line of text that begins no list, heading or quotation."""
    if line[0] in _BLOCK_STARTS and _BLOCK_START.match(line):
        # A backslash takes the meaning from the mark, which is the last sign of "12." and the first of the others.
        mark = len(line) - len(line.lstrip("0123456789"))
        return f"{line[:mark]}\\{line[mark:]}"
    return line


def code_span(text: str) -> str:
    """Return *text* as code within a line; empty where there is none."""
    text = " ".join(text.split())
    if "`" not in text:
        return f"`{text}`" if text else ""
    fence = "`" * (1 + max(map(len, _BACKTICKS.findall(text))))
    return f"{fence} {text} {fence}"


def fenced(code: str, language: str = "") -> str:
    """Return *code* to the letter as a fenced block, the fence longer than any run of backticks within."""
    fence = "```"
    if fence in code:
        fence = "`" * (1 + max(map(len, _BACKTICKS.findall(code))))
    return f"{fence}{language}\n{code}\n{fence}"


def indented(text: str, by: str) -> str:
    """Return *text* with *by* before each of its lines but the first and the empty ones."""
    return _INDENTED.sub("\n" + by, text) if "\n" in text else text


def destination(url: str) -> str:
    """Return where a link leads as it stands behind its text."""
    return f"<{url}>" if _ODD_IN_URL.search(url) else url
