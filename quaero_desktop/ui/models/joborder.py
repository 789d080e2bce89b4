"""Which jobs the tree shows, and in which order."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from PySide6.QtCore import Qt

from quaero_desktop.ui.models.jobnode import RANKS, TEXTUAL, Column, Node


class Filter(msgspec.Struct, frozen=True):
    """Which roots are shown.

    Attributes:
        text: words that all occur in the name, a seed or the id; empty for all.
        status: any of these; empty for all.
        site: the host of the first seed; empty for all.
    """

    text: str = ""
    status: frozenset[str] = frozenset()
    site: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """What is looked for."""
        return tuple(self.text.casefold().split())

    @property
    def is_empty(self) -> bool:
        """Whether everything is shown."""
        return not (self.words or self.status or self.site)

    def finds(self, root: Node) -> bool:
        """Return whether its text and its site let a root through, whatever its status."""
        if self.site and root.site != self.site:
            return False
        return all(word in root.haystack or word == str(root.id) for word in self.words)


class Order:
    """By which column the rows are sorted, and which way.

    By the time of creation roots stand newest first, and children as they came: those that run and those that failed
    first.

    Args:
        now: the time in milliseconds UTC.

    Attributes:
        column, direction: as the header shows them.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.column = Column.CREATED
        self.direction = Qt.SortOrder.DescendingOrder

    @property
    def is_newest_first(self) -> bool:
        """Whether the roots stand in the order in which they are read."""
        return (self.column, self.direction) == (Column.CREATED, Qt.SortOrder.DescendingOrder)

    def set(self, column: int, direction: Qt.SortOrder) -> None:
        """Sort by another column; by the time of creation when it is none."""
        if column < 0:
            column, direction = Column.CREATED, Qt.SortOrder.DescendingOrder
        self.column, self.direction = Column(column), direction

    def sorted(self, nodes: Iterable[Node], *, roots: bool) -> list[Node]:
        """Return nodes in order: roots, or children of one parent."""
        if not roots and self.column == Column.CREATED:
            return sorted(nodes, key=lambda node: (RANKS.get(node.job.status, 0), node.id))
        # Those that are equal stand as they always do: roots newest first, children as they were found.
        there = sorted(nodes, key=lambda node: node.id, reverse=roots)
        keys = {node.id: self._key(node) for node in there}
        there.sort(key=lambda node: keys[node.id][1], reverse=self.direction == Qt.SortOrder.DescendingOrder)
        # What has no value stands behind what has one, either way.
        there.sort(key=lambda node: keys[node.id][0])
        return there

    def goes_before(self, one: Node, other: Node) -> bool:
        """Return whether a root belongs before another."""
        (lacks, value), (other_lacks, other_value) = self._key(one), self._key(other)
        if lacks != other_lacks:
            return other_lacks
        if value != other_value:
            return bool((value < other_value) == (self.direction == Qt.SortOrder.AscendingOrder))
        return one.id > other.id

    def _key(self, node: Node) -> tuple[bool, Any]:
        value = node.value(self.column, self._now())
        # Values without meaning compare among themselves.
        return (True, "" if self.column in TEXTUAL else 0) if value is None else (False, value)
