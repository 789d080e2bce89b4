"""What an export of documents can be, and what one made (D5)."""

from enum import StrEnum
from pathlib import Path

import msgspec


class ExportFormat(StrEnum):
    """What an export can be.

    A folder with a file for each document, in folders by host and path, and an index; a file with a JSON object a line,
    whole documents; a table of what is known about them, without their texts.
    """

    MARKDOWN = "markdown"
    JSONL = "jsonl"
    CSV = "csv"


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an export made.

    Attributes:
        documents: how many were written.
        files, bytes: how much that is on the disk; the index of a folder is one of its files.
        target: the file or folder.
        skipped: those of the ids asked for that are not, or not any more, in the library.
    """

    documents: int
    files: int
    bytes: int
    target: Path
    skipped: tuple[int, ...] = ()
