"""The sentences that the program tells people when something is wrong, as they stand in the code."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "quaero_desktop"
HOLE = "…"
"""Stands for what a sentence fills in."""

_ROOT = "KnownError"
_CLASS = re.compile(r"^class (\w+)\(([^)]*)\):", re.MULTILINE)
_LEAST_LETTERS = 8
"""Of a sentence; with less it is made of what it fills in, and nobody could find it."""


@dataclass(frozen=True)
class Told:
    """One place in the code that tells a person of an error.

    Attributes:
        kind: the class of the error.
        message: the sentence, with :data:`HOLE` for what is filled in.
        hint: what the person can do, likewise; empty when the place says nothing, or nothing that can be read here.
        place: file and line.
    """

    kind: str
    message: str
    hint: str
    place: str


@cache
def kinds() -> frozenset[str]:
    """Return the names of all classes of errors that are told to people: ``KnownError`` and what is made from it."""
    found = {_ROOT}
    classes = [match for text in _sources().values() for match in _CLASS.findall(text)]
    while True:
        more = {name for name, bases in classes if found & set(re.findall(r"\w+", bases))}
        if more <= found:
            return frozenset(found)
        found |= more


@cache
def told() -> tuple[Told, ...]:
    """Return every place where the code makes such an error of a sentence that stands there."""
    found = []
    called = re.compile(rf"\b(?:{'|'.join(kinds())})\(")
    for file, source in _sources().items():
        if not called.search(source):
            continue  # which spares most files the parser
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in kinds():
                continue
            kind = node.func.id
            # A FieldError names its field first.
            arguments = node.args[1:] if kind == "FieldError" else node.args
            message = _text(arguments[0]) if arguments else ""
            if sum(letter.isalpha() for letter in message) >= _LEAST_LETTERS:
                hint = _text(arguments[1]) if len(arguments) > 1 else ""
                found.append(Told(kind, message, hint, f"{file.relative_to(PACKAGE.parent)}:{node.lineno}"))
    return tuple(found)


@cache
def _sources() -> dict[Path, str]:
    return {file: file.read_text(encoding="utf-8") for file in sorted(PACKAGE.rglob("*.py"))}


def _text(node: ast.expr) -> str:
    """Return what a text says, as far as it stands in the code."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            parts = (part.value if isinstance(part, ast.Constant) else HOLE for part in values)
            text = "".join(map(str, parts))
            while 2 * HOLE in text:
                text = text.replace(2 * HOLE, HOLE)
            return text
        case ast.Call(func=ast.Attribute(attr="tr"), args=[inner]):
            return _text(inner)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _text(left) + _text(right)
    return ""


@cache
def of_pages() -> frozenset[str]:
    """Return the exact errors of pages and other jobs: what failed, each without its status and its full stop."""
    found = set()
    for node in ast.walk(ast.parse(_sources()[PACKAGE / "web" / "failures.py"])):
        text = _text(node) if isinstance(node, ast.Constant | ast.JoinedStr) else ""
        # Docstrings begin with what is done; the parts of a sentence that is filled in end in its middle.
        if re.match(r"(?:The|No) [^\n]+[^ “]\Z", text):
            found.add(text)
    for call in _calls("Failed", "FetchFailed", "ParseFailed", "_RefusedError"):
        found |= {_text(part) for part in (*call.args[1:], *_keyword(call, "message"))}
    return frozenset(text.rstrip(".") for text in found if sum(map(str.isalpha, text)) >= _LEAST_LETTERS)


@cache
def of_crawls() -> frozenset[str]:
    """Return why a crawl pauses for a sign-in, and what the engine tells of by itself."""
    texts = {_text(part) for call in _calls("SignInNeeded") for part in _keyword(call, "reason")}
    texts |= {_text(call.args[0]) for call in _calls("EngineNotice") if call.args}
    return frozenset(text for text in texts if sum(map(str.isalpha, text)) >= _LEAST_LETTERS)


def _calls(*names: str) -> list[ast.Call]:
    called = re.compile(rf"\b(?:{'|'.join(names)})\(")
    trees = [ast.parse(source) for source in _sources().values() if called.search(source)]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in names]


def _keyword(call: ast.Call, name: str) -> list[ast.expr]:
    return [keyword.value for keyword in call.keywords if keyword.arg == name]
