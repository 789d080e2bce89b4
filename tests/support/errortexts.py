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
    """Return the exact errors of pages: what a request or an answer can be blamed for, each without its status."""
    found = set()
    for name in ("failures.py", "fetcher.py"):
        tree = ast.parse((PACKAGE / "web" / name).read_text(encoding="utf-8"))
        sentences = tree.body if name == "failures.py" else _refusals(tree)
        for node in (inner for outer in sentences for inner in ast.walk(outer)):
            text = _text(node).rstrip(".") if isinstance(node, ast.Constant | ast.JoinedStr) else ""
            # Docstrings begin with what is done; the parts of a sentence that is filled in end in its middle.
            if re.match(r"(?:The|No) [^\n]+[^ “]\Z", text):
                found.add(text)
    return frozenset(found)


def _refusals(tree: ast.Module) -> list[ast.Call]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "_RefusedError"]
