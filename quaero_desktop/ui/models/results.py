"""The list of documents that a search found, or of the newest ones."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import QAbstractListModel, QObject, Qt

from quaero_desktop.domain.documents import DocumentSummary, SearchHit, pieces
from quaero_desktop.ui import found
from quaero_desktop.ui.format import clean
from quaero_desktop.ui.models.cells import NOWHERE, Index

Span = tuple[int, int]

RESULT_ROLE = int(Qt.ItemDataRole.UserRole)
"""Under this role an index gives its :class:`Result`."""


class Result(NamedTuple):
    """A row: everything that is painted of it, made once.

    Attributes:
        title_found: what of the title is highlighted, as starts and ends in Qt's characters.
        fetched_at: when it was fetched, in milliseconds UTC; None where that is not said.
        gone: whether its site says that it is gone.
        snippet_found: what of the snippet is highlighted.
    """

    document_id: int
    title: str
    title_found: tuple[Span, ...]
    url: str
    fetched_at: int | None
    gone: bool
    snippet: str
    snippet_found: tuple[Span, ...]

    @classmethod
    def of_hit(cls, hit: SearchHit, terms: Sequence[str]) -> "Result":
        """Return the row of something found."""
        title = clean(hit.title, 300) or clean(hit.url, 300)
        snippet, spans = unmarked(hit.snippet)
        return cls(
            document_id=hit.document_id,
            title=title,
            title_found=tuple(found.places(title, terms)),
            url=clean(hit.url),
            fetched_at=None,
            gone=False,
            snippet=snippet,
            snippet_found=spans,
        )

    @classmethod
    def of_summary(cls, document: DocumentSummary) -> "Result":
        """Return the row of a document of a list."""
        return cls(
            document_id=document.id,
            title=clean(document.title, 300) or clean(document.url, 300),
            title_found=(),
            url=clean(document.url),
            fetched_at=document.fetched_at,
            gone=document.gone_at is not None,
            snippet="",
            snippet_found=(),
        )


def unmarked(snippet: str) -> tuple[str, tuple[Span, ...]]:
    """Return a snippet without its marks, as one inert line, and what stood between them, in Qt's characters."""
    text = ""
    spans: list[Span] = []
    length = 0
    for piece, is_found in pieces(snippet):
        piece = clean(piece)
        units = _units(piece)
        if is_found and units:
            spans.append((length, length + units))
        text += piece
        length += units
    return text, tuple(spans)


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


class ResultModel(QAbstractListModel):
    """The rows that have been loaded so far, of as many as there are.

    Attributes:
        total: how many there are altogether.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Result] = []
        self._ids: set[int] = set()
        self.total = 0
        self.taken = 0

    @property
    def rows(self) -> Sequence[Result]:
        """The rows that are there."""
        return self._rows

    @property
    def has_more(self) -> bool:
        """Whether there are more than have been loaded."""
        return self.taken < self.total

    def show(self, rows: Sequence[Result], total: int) -> None:
        """Show other rows."""
        self.beginResetModel()
        self._rows = list(rows)
        self._ids = {row.document_id for row in rows}
        self.total, self.taken = total, len(rows)
        self.endResetModel()

    def extend(self, rows: Sequence[Result], total: int) -> None:
        """Add the rows that follow. One that is there already is left out: the library changed between two pages."""
        new = [row for row in rows if row.document_id not in self._ids]
        # Whatever the total says: nothing comes after an empty page.
        self.total = total if rows else self.taken
        self.taken += len(rows)
        if new:
            first = len(self._rows)
            self.beginInsertRows(NOWHERE, first, first + len(new) - 1)
            self._rows += new
            self._ids.update(row.document_id for row in new)
            self.endInsertRows()

    def row_of(self, document_id: int) -> int | None:
        """Return the row of a document, or None."""
        if document_id not in self._ids:
            return None
        return next((row for row, result in enumerate(self._rows) if result.document_id == document_id), None)

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """Return how many rows are there."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a row shows, or says to a screen reader."""
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == RESULT_ROLE:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return row.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(part for part in (row.title, row.url, row.snippet) if part)
        return None
