"""The formats of an export: a folder of markdown, JSON lines, a table for spreadsheets."""

import csv
import json
import os
import re
import urllib.parse
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec

from quaero_desktop.domain.exporting import ExportFormat
from quaero_desktop.domain.filenames import FileNames
from quaero_desktop.domain.text import single_line
from quaero_desktop.domain.urls import host_of
from quaero_desktop.storage.export import ExportedDocument


class _Writer(Protocol):
    """Writes documents into an empty file or folder; returns how many files and bytes that made."""

    def __call__(self, place: Path, documents: Iterator[ExportedDocument], total: int) -> tuple[int, int]: ...


def _write_jsonl(place: Path, documents: Iterator[ExportedDocument], total: int) -> tuple[int, int]:
    encode = msgspec.json.Encoder().encode
    with open(place, "wb") as file:
        for document in documents:
            line = encode(document)
            # What Unicode, but not JSON, takes for the end of a line: so do programs that read lines.
            for character in ("\u0085", "\u2028", "\u2029"):
                line = line.replace(character.encode(), f"\\u{ord(character):04x}".encode())
            file.write(line + b"\n")
        size = file.tell()
        _sync(file)
    return 1, size


_COLUMNS: tuple[str, ...] = (
    "id", "url", "title", "description", "author", "language", "source", "content_type", "published_at", "fetched_at",
    "changed_at", "checked_at", "gone_at", "version", "duplicate_of", "truncated", "thin", "characters", "content_hash",
)  # fmt: skip
_MOST_OF_A_CELL = 32_000  # the most that spreadsheets take is 32,767
# https://owasp.org/www-community/attacks/CSV_Injection, and the wide and small forms, which some programs fold; what
# takes no room in front of it changes nothing.
_SIGN = "[=+\\-@\t\r\n\u207a\u207b\u207c\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20]"
_FORMULA = re.compile(f"[\\s\xad\u180e\u200b-\u200d\u2060-\u2064]*{_SIGN}")
# Where lists are written with semicolons, so are tables, and our cell is read as two.
_SECOND_FORMULA = re.compile(f"""(;[\\s"'\xad\u180e\u200b-\u200d\u2060-\u2064]*)(?={_SIGN})""")


def _write_csv(place: Path, documents: Iterator[ExportedDocument], total: int) -> tuple[int, int]:
    # With a byte order mark, or Excel takes it for another encoding; lines end as RFC 4180 says.
    with open(place, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for document in documents:
            writer.writerow([_cell(document, name) for name in _COLUMNS])
        _sync(file)
    return 1, place.stat().st_size


def _cell(document: ExportedDocument, name: str) -> str | int:
    if name == "characters":
        return len(document.markdown)
    value = getattr(document, name)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _moment(value).isoformat(" ", "seconds")[:19] if name.endswith("_at") else value
    return "" if value is None else safe_cell(value)


def safe_cell(text: str) -> str:
    """Return *text* as a cell that a spreadsheet shows and never runs: on one line, an apostrophe before a formula."""
    cell = _SECOND_FORMULA.sub(r"\1'", single_line(text, _MOST_OF_A_CELL))
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _write_markdown(place: Path, documents: Iterator[ExportedDocument], total: int) -> tuple[int, int]:
    names = FileNames(reserved=("index.md",))
    files = size = 0
    made: set[Path] = set()
    with open(place / "index.md", "w", encoding="utf-8", newline="\n") as index:
        count = f"{total:,} document{'s' if total != 1 else ''}"
        index.write(f"# Documents\n\n{count}, exported from Quaero on {datetime.now(UTC):%Y-%m-%d}.\n")
        heading = ""
        for document in documents:
            name = names.of(document.url)
            path = place / name
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            with open(path, "x", encoding="utf-8", newline="\n") as file:
                file.write(_front_matter(document))
                file.write(document.markdown)
                if not document.markdown.endswith("\n"):
                    file.write("\n")
                size += file.tell()
            files += 1
            if heading != (heading := host_of(document.url)):
                index.write(f"\n## {_as_text(heading)}\n\n")
            index.write(f"- [{_as_text(single_line(document.title, 200))}]({urllib.parse.quote(name)})\n")
        size += index.tell()
    return files + 1, size


def _front_matter(document: ExportedDocument) -> str:
    """Return what is known about a document as YAML: times as its timestamps, all else as its quoted strings."""
    lines: dict[str, Any] = {
        "title": _quoted(document.title),
        "url": _quoted(document.url),
        "description": _quoted(document.description),
        "summary": _quoted(document.summary),
        "keywords": f"[{', '.join(map(_quoted, document.keywords))}]" if document.keywords else "",
        "author": _quoted(document.author),
        "language": _quoted(document.language),
        "source": _quoted(document.source),
        "published_at": _stamp(document.published_at),
        "fetched_at": _stamp(document.fetched_at),
        "changed_at": _stamp(document.changed_at),
        "gone_at": _stamp(document.gone_at),
        "version": document.version,
        "content_hash": _quoted(f"sha256:{document.content_hash}"),
    }
    return "".join(["---\n", *(f"{key}: {value}\n" for key, value in lines.items() if value), "---\n\n"])


# YAML's quoted strings are JSON's, but for characters that YAML does not take for text.
_UNPRINTABLE = re.compile("[\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff\u2028\u2029]")


def _quoted(text: str) -> str:
    text = single_line(text, _MOST_OF_A_CELL)
    if not text:
        return ""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def _stamp(milliseconds: int | None) -> str:
    return "" if milliseconds is None else _moment(milliseconds).isoformat("T", "seconds")[:19] + "Z"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(milliseconds: int) -> datetime:
    # fromtimestamp() knows no time before 1970 on Windows; and a page may claim any year.
    with suppress(OverflowError):
        return _EPOCH + timedelta(milliseconds=milliseconds)
    return datetime.max.replace(tzinfo=UTC) if milliseconds > 0 else datetime.min.replace(tzinfo=UTC)


# Whatever could be a link, an image, emphasis, code, a table or HTML.
_MARKS = re.compile(r"([\\`*_\[\]<>&|~!#$^])")


def _as_text(text: str) -> str:
    """Return *text* for markdown that shows it and nothing else."""
    return _MARKS.sub(r"\\\1", text)


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


WRITERS: dict[ExportFormat, _Writer] = {
    ExportFormat.MARKDOWN: _write_markdown,
    ExportFormat.JSONL: _write_jsonl,
    ExportFormat.CSV: _write_csv,
}
"""What writes each format."""
