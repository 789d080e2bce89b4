"""What is in a database of the old Quaero, made ours row by row; and what of it is left out, and why."""

import asyncio
import hashlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec

from quaero_desktop.domain import legacy, urls
from quaero_desktop.domain.importing import ImportProgress, Kind, LeftOut
from quaero_desktop.domain.legacy import (
    LegacyCredential,
    LegacyDefinition,
    LegacyDocument,
    LegacyJob,
    LegacyLine,
    LegacySource,
    UnusableError,
)
from quaero_desktop.storage.errand import Errand
from quaero_desktop.storage.importing import legacyfile
from quaero_desktop.storage.importing.legacyfile import LegacyFile, RawRow
from quaero_desktop.storage.importing.writing import SeenUrl

Progress = Callable[[ImportProgress], None]
"""Told how far it is; on the event loop, some ten times a second."""

T = TypeVar("T")
M = TypeVar("M")
R = TypeVar("R", LegacyCredential, LegacySource, LegacyDefinition)

_TELL_SECONDS = 0.1

SAME_ID = "another row before it has the same id"
NO_ADDRESS = "its address is no web address"
TOO_LONG = f"its address is longer than {urls.MAX_URL_LENGTH} characters"
PARENT_MESSAGE = "a queued message of type parent, which nothing runs any more"
OTHER_MESSAGE = "a queued message: what was queued does not run here"
BAD_MESSAGE = "a queued message that cannot be read"
NO_KEYRING = "there is no keyring to keep its secret in, so it comes without"


class _StoppedError(Exception):
    """Nobody waits for the import any more."""


class Teller:
    """Tells the event loop how far the thread is, not too often.

    Args:
        loop: that of whoever is told.
        progress: whoever is told.

    Attributes:
        total: how many rows there are.
        done: how many of them are done.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, progress: Progress | None) -> None:
        self._loop = loop
        self._progress = progress
        self._told = 0.0
        self.total = 0
        self.done = 0

    def step(self, kind: Kind) -> None:
        """One row more is done."""
        self.done += 1
        if self._progress is not None and time.monotonic() - self._told >= _TELL_SECONDS:
            self._told = time.monotonic()
            said = ImportProgress(min(self.done, self.total), self.total, kind)
            self._loop.call_soon_threadsafe(self._progress, said)


class SourceIndex:
    """Finds the source that something belongs to, by its legacy id or by its address.

    Args:
        rows: id, legacy id and base URL of each source.
    """

    def __init__(self, rows: Iterable[tuple[int, str, str]]) -> None:
        self._by_legacy_id: dict[str, tuple[int, str]] = {}
        self._by_origin: dict[str, list[tuple[str, int]]] = {}
        for source_id, legacy_id, base_url in rows:
            self._by_legacy_id[legacy_id] = (source_id, base_url)
            folder = base_url.partition("?")[0]
            here = self._by_origin.setdefault(urls.origin_of(base_url), [])
            here.append((folder[: folder.rindex("/") + 1], source_id))
        for here in self._by_origin.values():
            here.sort(key=lambda each: -len(each[0]))

    def place(self, hint: str, address: str) -> tuple[int | None, str | None]:
        """Return the source of a document, None for that of its origin, and its canonical URL, None if it has none.

        Args:
            hint: what may be the legacy id of its source.
            address: absolute, or relative to the source.
        """
        named = self._by_legacy_id.get(hint)
        url = urls.identity(address)
        if url is None and named is not None and address:
            url = urls.join(named[1], address)
        if url is None and not address:
            # Pages of crawls were called by their address in some files.
            url = urls.identity(hint)
        if url is None or not urls.host_of(url):
            return None, None
        return named[0] if named is not None else self.of(url), url

    def of(self, url: str) -> int | None:
        """Return the source that a canonical URL belongs to: the one with the nearest folder above it."""
        here = self._by_origin.get(urls.origin_of(url), [])
        for folder, source_id in here:
            if url.startswith(folder):
                return source_id
        return here[0][1] if len(here) == 1 else None


_Mapping = Callable[[Mapping[str, Any], int, Callable[[str], None]], T]


class Reader:
    """What is in a file, made ours; and what of it is left out.

    Args:
        work: the errand that this is part of.
        file: the open file.
        now: milliseconds UTC.
        teller: told of each row.

    Attributes:
        left_out: what was left out so far.
    """

    def __init__(self, work: Errand, file: LegacyFile, now: int, teller: Teller) -> None:
        self.file = file
        self.now = now
        self.left_out: list[LeftOut] = []
        self._work = work
        self._teller = teller
        self._had: set[int] = set()
        file.work_out_trees()
        teller.total = (
            file.count(legacyfile.CREDENTIALS)
            + file.count(legacyfile.SOURCES)
            + file.count(legacyfile.DEFINITIONS)
            + file.count(legacyfile.DOCUMENTS)
            + file.job_count()
            + file.line_count()
            + file.seen_count()
        )

    def leave_out(self, table: str, row_id: str, reason: str) -> None:
        """Note that a row, or a part of one, does not come."""
        self.left_out.append(LeftOut(table, row_id, reason))

    def credentials(self) -> list[LegacyCredential]:
        """Return the credentials."""
        return self._all(legacyfile.CREDENTIALS, Kind.CREDENTIALS, legacy.credential)

    def sources(self) -> list[LegacySource]:
        """Return the sources."""
        return self._all(legacyfile.SOURCES, Kind.SOURCES, legacy.source)

    def definitions(self) -> list[LegacyDefinition]:
        """Return the definitions."""
        return self._all(legacyfile.DEFINITIONS, Kind.DEFINITIONS, legacy.definition)

    def documents(self, sources: SourceIndex) -> Iterator[tuple[LegacyDocument, int | None, str]]:
        """Yield the documents, each with its source, None for that of its origin, and its canonical URL."""
        for raw in self.file.documents():
            self.step(Kind.DOCUMENTS)
            found = self._mapped(legacyfile.DOCUMENTS, raw, legacy.document)
            if found is None or not self._is_first(legacyfile.DOCUMENTS, found.legacy_id):
                continue
            source_id, url = sources.place(found.source, found.address)
            if url is None:
                self.leave_out(legacyfile.DOCUMENTS, raw.id, NO_ADDRESS)
            elif len(url) > urls.MAX_URL_LENGTH:
                self.leave_out(legacyfile.DOCUMENTS, raw.id, TOO_LONG)
            else:
                yield found, source_id, url

    def jobs(self) -> Iterator[tuple[str, RawRow, LegacyJob]]:
        """Yield the jobs, each after its parent, with the table it stands in."""
        for table, raw in self.file.jobs():
            self.step(Kind.JOBS)
            found = self._mapped(table, raw, legacy.job)
            if found is not None:
                yield table, raw, found
            elif raw.lines:
                self.leave_out(legacyfile.LOGS, raw.id, legacyfile.LINES_OF_OTHERS)

    def lines(self, raw: RawRow, job: LegacyJob) -> Iterator[LegacyLine]:
        """Yield the lines of a job's log."""
        if not raw.lines:
            return
        for row in self.file.lines(raw.place):
            if self._is_readable(row):
                yield legacy.line(row.values or {}, self.now, job.created_at)

    def count_lines(self, raw: RawRow) -> int:
        """Return how many lines :meth:`lines` would yield."""
        return sum(self._is_readable(row) for row in self.file.lines(raw.place)) if raw.lines else 0

    def _is_readable(self, row: RawRow) -> bool:
        self.step(Kind.LOGS)
        if row.values is None:
            self.leave_out(legacyfile.LOGS, row.id, legacyfile.UNDECODABLE)
        return row.values is not None

    def seen(self) -> Iterator[SeenUrl]:
        """Yield the URLs that crawls met."""
        for raw in self.file.seen():
            self.step(Kind.SEEN_URLS)
            if raw.values is None:
                self.leave_out(legacyfile.SEEN, raw.id, legacyfile.UNDECODABLE)
                continue
            written = legacy.text(raw.values, "url").strip()
            url = urls.identity(written)
            if url is None or len(url) > urls.MAX_URL_LENGTH:
                self.leave_out(legacyfile.SEEN, raw.id, f"an address that is no web address: {written[:200]}")
            else:
                at = legacy.moment(raw.values.get("created_at"), self.now) or self.now
                yield SeenUrl(raw.id, raw.root, url, at)

    def note_others(self) -> None:
        """Note what has no place in any tree, and what was queued."""
        for table, row_id, why in self.file.lost_jobs():
            self.leave_out(table, row_id, why)
        for job_id, _ in self.file.lines_of_others():
            self.leave_out(legacyfile.LOGS, job_id, legacyfile.LINES_OF_OTHERS)
        for job_id, _ in self.file.seen_of_others():
            self.leave_out(legacyfile.SEEN, job_id, legacyfile.SEEN_BY_OTHERS)
        for raw in self.file.rows(legacyfile.QUEUE):
            self.leave_out(
                legacyfile.QUEUE, raw.id, BAD_MESSAGE if raw.values is None else _message(raw.values.get("body"))
            )

    def step(self, kind: Kind) -> None:
        """One row more was read; stop where nobody waits any more."""
        if self._work.stopped:
            raise _StoppedError
        self._teller.step(kind)

    def _all(self, table: str, kind: Kind, function: _Mapping[R]) -> list[R]:
        found = []
        for raw in self.file.rows(table):
            self.step(kind)
            each = self._mapped(table, raw, function)
            if each is not None and self._is_first(table, each.legacy_id):
                found.append(each)
        return found

    def _is_first(self, table: str, legacy_id: str) -> bool:
        """Return whether no row before has that id: to SQLite the number 1 and the text 1 may be two."""
        mark = fingerprint(table, legacy_id)
        if mark in self._had:
            self.leave_out(table, legacy_id, SAME_ID)
            return False
        self._had.add(mark)
        return True

    def _mapped(self, table: str, raw: RawRow, function: _Mapping[T]) -> T | None:
        if raw.values is None:
            self.leave_out(table, raw.id, legacyfile.UNDECODABLE)
            return None
        try:
            return function(raw.values, self.now, partial(self.leave_out, table, raw.id))
        except UnusableError as error:
            self.leave_out(table, raw.id, str(error))
            return None


def _message(body: object) -> str:
    """Return why a message of the old queue does not come."""
    text = body.encode() if isinstance(body, str) else body
    if not isinstance(text, bytes):
        return BAD_MESSAGE
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        # Later ones were in a format of Go's own, in which a type still stands as it is written.
        return PARENT_MESSAGE if b"parent" in text else BAD_MESSAGE
    kind = found.get("type", found.get("job_type")) if isinstance(found, dict) else None
    return PARENT_MESSAGE if kind == "parent" else OTHER_MESSAGE if isinstance(kind, str) else BAD_MESSAGE


def unique(left_out: Iterable[LeftOut]) -> list[LeftOut]:
    """Return what is left out, with what belongs to a job that does not come once for each job."""
    told: set[LeftOut] = set()
    kept = []
    for each in left_out:
        if each.reason in (legacyfile.LINES_OF_OTHERS, legacyfile.SEEN_BY_OTHERS):
            if each in told:
                continue
            told.add(each)
        kept.append(each)
    return kept


def fingerprint(place: str, url: str) -> int:
    """Return a number of 64 bits for an address: those of a million take little memory."""
    return int.from_bytes(hashlib.blake2b(f"{place} {url}".encode(), digest_size=8).digest())


def batches(items: Iterator[M], size: int | Callable[[], int]) -> Iterator[list[M]]:
    """Yield *items* in lists of at most *size*."""
    while part := list(itertools.islice(items, size if isinstance(size, int) else size())):
        yield part
