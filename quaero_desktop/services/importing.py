"""Import of a legacy Quaero database (O2): a look at what would come, and the import itself.

The old file is read, and its rows are made ours, on a thread of their own; what is ready is written by the library's
writer in short transactions, each of which can be repeated. So other work goes on meanwhile, and an import that was
cancelled or killed goes on where it was when it is started again.
"""

import asyncio
import hashlib
import itertools
import os
import secrets as randomness
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from quaero_desktop.content import extract
from quaero_desktop.domain import legacy, urls
from quaero_desktop.domain.cjk import split_cjk
from quaero_desktop.domain.importing import ImportPreview, ImportProgress, ImportReport, Kind, LeftOut
from quaero_desktop.domain.jobs import JobType
from quaero_desktop.domain.legacy import (
    LegacyCredential,
    LegacyDefinition,
    LegacyDocument,
    LegacyJob,
    LegacyLine,
    LegacySource,
    UnusableError,
)
from quaero_desktop.domain.pages import PageInput
from quaero_desktop.domain.sources import memory_key
from quaero_desktop.infra.clock import Clock, SystemClock
from quaero_desktop.infra.secrets import SecretStore
from quaero_desktop.storage import errand, importing
from quaero_desktop.storage import legacy as files
from quaero_desktop.storage.database import Database, Tx
from quaero_desktop.storage.errand import Errand
from quaero_desktop.storage.importing import Library, ReadyDocument, ReadyJob, SeenUrl, StoredCredential, Written
from quaero_desktop.storage.legacy import LegacyFile, RawRow
from quaero_desktop.storage.pace import Pace

Progress = Callable[[ImportProgress], None]
"""Told how far it is; on the event loop, some ten times a second."""

T = TypeVar("T")
M = TypeVar("M")
R = TypeVar("R", LegacyCredential, LegacySource, LegacyDefinition)

_TELL_SECONDS = 0.1
_ROWS = 1_000
"""The most jobs, lines and URLs of one transaction: some 50 ms where the disk is fast."""
_DOCUMENTS = 100
_CHARACTERS = 1_000_000
"""The most text of one transaction, which the full-text index has to take in."""
_ASKED_AT_ONCE = 500

SAME_ID = "another row before it has the same id"
NO_ADDRESS = "its address is no web address"
TOO_LONG = f"its address is longer than {urls.MAX_URL_LENGTH} characters"
PARENT_MESSAGE = "a queued message of type parent, which nothing runs any more"
OTHER_MESSAGE = "a queued message: what was queued does not run here"
BAD_MESSAGE = "a queued message that cannot be read"
NO_KEYRING = "there is no keyring to keep its secret in, so it comes without"
UNTIL_THE_END = "there is no keyring, so its secret is remembered only until Quaero ends"


class ImportService:
    """Looks into databases of the old Quaero, and takes over what is sound in them.

    Args:
        database: the open library; None looks into files only.
        secrets: where the secrets of credentials go.
        clock: time.
        gently: rest between the transactions, so that a crawl that runs gets most of the writer's time.
    """

    def __init__(self, database: Database | None, secrets: SecretStore, clock: Clock, *, gently: bool = False) -> None:
        self._database = database
        self._secrets = secrets
        self._clock = clock
        self._gently = gently

    async def preview(self, path: Path, progress: Progress | None = None) -> ImportPreview:
        """Return what an import of a file would do; it changes nothing.

        Args:
            path: the file.
            progress: told how far it is.

        Raises:
            LegacyFileError: it is missing, damaged, locked, or no database of the old Quaero.
        """
        kept = await self._secrets.is_kept()
        now = self._clock.now_ms()
        library = None if self._database is None else self._database.path
        loop = asyncio.get_running_loop()

        def work(work: Errand) -> ImportPreview:
            with files.opened(work, path, library) as file:
                tell = _Telling(loop, progress)
                reader = _Reader(work, file, now, tell)
                if library is None:
                    return _Preview(reader, None, kept).make(path)
                with work.connected(library) as connection:
                    return _Preview(reader, Library(connection), kept).make(path)

        return await errand.run(work)

    async def run(self, path: Path, *, remember: bool = False, progress: Progress | None = None) -> ImportReport:
        """Take over what is sound in a file. What came before does not come again.

        Cancelling stops between two transactions: what came stays, and the next import brings the rest.

        Args:
            path: the file.
            remember: without a keyring, remember the secrets of credentials until this process ends.
            progress: told how far it is.

        Raises:
            LegacyFileError: it is missing, damaged, locked, or no database of the old Quaero; nothing has changed.
            DiskFullError: there is no room; what came stays.
            LibraryError: the library cannot be written.
        """
        assert self._database is not None, "there is no library to import into"
        database = self._database
        now = self._clock.now_ms()
        loop = asyncio.get_running_loop()

        def work(work: Errand) -> ImportReport:
            with files.opened(work, path, database.path) as file:
                reader = _Reader(work, file, now, _Telling(loop, progress))
                store = _Store(self._secrets, loop, remember=remember)
                return _Run(reader, _Writer(database, loop, gently=self._gently), store).run(path)

        return await errand.run(work)


async def look_into(path: Path, progress: Progress | None = None) -> ImportPreview:
    """Return what an import of a file into a new library would do; see :meth:`ImportService.preview`."""
    secrets = SecretStore()
    try:
        return await ImportService(None, secrets, SystemClock()).preview(path, progress)
    finally:
        secrets.close()


async def check(path: Path) -> None:
    """Refuse a file that cannot be imported.

    Raises:
        LegacyFileError: it is missing, damaged, locked, or no database of the old Quaero.
    """

    def work(work: Errand) -> None:
        with files.opened(work, path):
            pass

    await errand.run(work)


async def unkept_secrets(path: Path) -> int:
    """Return how many secrets a file brings that nothing can keep; 0 where there is a keyring.

    Raises:
        LegacyFileError: it is missing, damaged, locked, or no database of the old Quaero.
    """
    secrets = SecretStore()
    try:
        if await secrets.is_kept():
            return 0
    finally:
        secrets.close()
    now = SystemClock().now_ms()

    def work(work: Errand) -> int:
        with files.opened(work, path) as file:
            return sum(_has_secret(raw, now) for raw in file.rows(files.CREDENTIALS))

    return await errand.run(work)


def _has_secret(raw: RawRow, now: int) -> bool:
    try:
        return raw.values is not None and legacy.credential(raw.values, now, lambda _: None).secret is not None
    except UnusableError:
        return False


# --- telling ----------------------------------------------------------------------------------------------------------


class _Telling:
    """Tells the event loop how far the thread is, not too often."""

    def __init__(self, loop: asyncio.AbstractEventLoop, progress: Progress | None) -> None:
        self._loop = loop
        self._progress = progress
        self._told = 0.0
        self.total = 0
        self.done = 0

    def step(self, kind: Kind, number: int = 1) -> None:
        """So many more rows are done."""
        self.done += number
        if self._progress is not None and time.monotonic() - self._told >= _TELL_SECONDS:
            self._told = time.monotonic()
            said = ImportProgress(min(self.done, self.total), self.total, kind)
            self._loop.call_soon_threadsafe(self._progress, said)


class _StoppedError(Exception):
    """Nobody waits for the import any more."""


# --- reading ----------------------------------------------------------------------------------------------------------


class _Reader:
    """What is in a file, made ours; and what of it is left out.

    Args:
        work: the errand that this is part of.
        file: the open file.
        now: milliseconds UTC.
        telling: told of each row.

    Attributes:
        left_out: what was left out so far.
    """

    def __init__(self, work: Errand, file: LegacyFile, now: int, telling: _Telling) -> None:
        self.file = file
        self.now = now
        self.left_out: list[LeftOut] = []
        self._work = work
        self._telling = telling
        self._had: set[int] = set()
        file.work_out_trees()
        telling.total = (
            file.count(files.CREDENTIALS)
            + file.count(files.SOURCES)
            + file.count(files.DEFINITIONS)
            + file.count(files.DOCUMENTS)
            + file.job_count()
            + file.line_count()
            + file.seen_count()
        )

    def leave_out(self, table: str, row_id: str, reason: str) -> None:
        """Note that a row, or a part of one, does not come."""
        self.left_out.append(LeftOut(table, row_id, reason))

    def credentials(self) -> list[LegacyCredential]:
        """Return the credentials."""
        return self._all(files.CREDENTIALS, Kind.CREDENTIALS, legacy.credential)

    def sources(self) -> list[LegacySource]:
        """Return the sources."""
        return self._all(files.SOURCES, Kind.SOURCES, legacy.source)

    def definitions(self) -> list[LegacyDefinition]:
        """Return the definitions."""
        return self._all(files.DEFINITIONS, Kind.DEFINITIONS, legacy.definition)

    def documents(self, sources: "_SourceIndex") -> Iterator[tuple[LegacyDocument, int | None, str]]:
        """Yield the documents, each with its source, None for that of its origin, and its canonical URL."""
        for raw in self.file.documents():
            self.step(Kind.DOCUMENTS)
            found = self._mapped(files.DOCUMENTS, raw, legacy.document)
            if found is None or not self._is_first(files.DOCUMENTS, found.legacy_id):
                continue
            source_id, url = sources.place(found.source, found.address)
            if url is None:
                self.leave_out(files.DOCUMENTS, raw.id, NO_ADDRESS)
            elif len(url) > urls.MAX_URL_LENGTH:
                self.leave_out(files.DOCUMENTS, raw.id, TOO_LONG)
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
                self.leave_out(files.LOGS, raw.id, files.LINES_OF_OTHERS)

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
            self.leave_out(files.LOGS, row.id, files.UNDECODABLE)
        return row.values is not None

    def seen(self) -> Iterator[SeenUrl]:
        """Yield the URLs that crawls met."""
        for raw in self.file.seen():
            self.step(Kind.SEEN_URLS)
            if raw.values is None:
                self.leave_out(files.SEEN, raw.id, files.UNDECODABLE)
                continue
            written = legacy.text(raw.values, "url").strip()
            url = urls.identity(written)
            if url is None or len(url) > urls.MAX_URL_LENGTH:
                self.leave_out(files.SEEN, raw.id, f"an address that is no web address: {written[:200]}")
            else:
                at = legacy.moment(raw.values.get("created_at"), self.now) or self.now
                yield SeenUrl(raw.id, raw.root, url, at)

    def note_others(self) -> None:
        """Note what has no place in any tree, and what was queued."""
        for table, row_id, why in self.file.lost_jobs():
            self.leave_out(table, row_id, why)
        for job_id, _ in self.file.lines_of_others():
            self.leave_out(files.LOGS, job_id, files.LINES_OF_OTHERS)
        for job_id, _ in self.file.seen_of_others():
            self.leave_out(files.SEEN, job_id, files.SEEN_BY_OTHERS)
        for raw in self.file.rows(files.QUEUE):
            self.leave_out(files.QUEUE, raw.id, BAD_MESSAGE if raw.values is None else _message(raw.values.get("body")))

    def step(self, kind: Kind) -> None:
        """One row more was read; stop where nobody waits any more."""
        if self._work.stopped:
            raise _StoppedError
        self._telling.step(kind)

    def _all(self, table: str, kind: Kind, function: "_Mapping[R]") -> list[R]:
        found = []
        for raw in self.file.rows(table):
            self.step(kind)
            each = self._mapped(table, raw, function)
            if each is not None and self._is_first(table, each.legacy_id):
                found.append(each)
        return found

    def _is_first(self, table: str, legacy_id: str) -> bool:
        """Return whether no row before has that id: to SQLite the number 1 and the text 1 may be two."""
        mark = _mark(table, legacy_id)
        if mark in self._had:
            self.leave_out(table, legacy_id, SAME_ID)
            return False
        self._had.add(mark)
        return True

    def _mapped(self, table: str, raw: RawRow, function: "_Mapping[T]") -> T | None:
        if raw.values is None:
            self.leave_out(table, raw.id, files.UNDECODABLE)
            return None
        try:
            return function(raw.values, self.now, partial(self.leave_out, table, raw.id))
        except UnusableError as error:
            self.leave_out(table, raw.id, str(error))
            return None


_Mapping = Callable[[Mapping[str, Any], int, Callable[[str], None]], T]


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


def _unique(left_out: Iterable[LeftOut]) -> list[LeftOut]:
    """Return what is left out, with what belongs to a job that does not come once for each job."""
    told: set[LeftOut] = set()
    kept = []
    for each in left_out:
        if each.reason in (files.LINES_OF_OTHERS, files.SEEN_BY_OTHERS):
            if each in told:
                continue
            told.add(each)
        kept.append(each)
    return kept


class _SourceIndex:
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


def _ready(found: LegacyDocument, source_id: int | None, url: str) -> ReadyDocument:
    """Return a document with what the product itself would have worked out from its markdown."""
    page = extract.parse(
        PageInput(url=url, body=found.markdown.encode(), content_type="text/markdown", charset="utf-8")
    )
    title = found.title or page.title
    return ReadyDocument(
        legacy=found,
        source_id=source_id,
        url=url,
        title=title,
        language=found.language or page.language,
        headings=page.headings,
        # Its markdown stays as it was, to the letter.
        content_hash=hashlib.sha256(found.markdown.encode()).hexdigest(),
        search_title=split_cjk(title),
        search_text=page.search_text,
        thin=page.thin,
    )


# --- the preview ------------------------------------------------------------------------------------------------------


class _Preview:
    """A look at what would come.

    Args:
        reader: what is in the file.
        library: what is there; None where there is no library yet.
        kept: whether there is a keyring.
    """

    def __init__(self, reader: _Reader, library: Library | None, kept: bool) -> None:
        self._reader = reader
        self._library = library
        self._kept = kept
        self._coming: Counter[str] = Counter(dict.fromkeys(Kind, 0))
        self._present: Counter[str] = Counter(dict.fromkeys(Kind, 0))
        self._pages: set[int] = set()
        self._roots: set[str] = set()

    def make(self, path: Path) -> ImportPreview:
        """Return the preview."""
        reader = self._reader
        secrets = self._credentials_and_sources()
        definitions = reader.definitions()
        had = self._count(Kind.DEFINITIONS, [each.legacy_id for each in definitions])
        self._links([each for each in definitions if each.legacy_id not in had], had)
        self._documents()
        self._jobs()
        self._seen()
        reader.note_others()
        return ImportPreview(
            file=path,
            coming=dict(self._coming),
            present=dict(self._present),
            left_out=tuple(_unique(reader.left_out)),
            secrets=secrets,
            secrets_kept=self._kept,
            scheduled=tuple(
                each.definition.name
                for each in definitions
                if each.definition.enabled and each.definition.schedule and each.legacy_id not in had
            ),
        )

    def _known(self, kind: Kind, legacy_ids: Sequence[str]) -> Mapping[str, int]:
        return {} if self._library is None else self._library.known(kind, legacy_ids)

    def _count(self, kind: Kind, legacy_ids: Sequence[str]) -> Mapping[str, int]:
        before = self._known(kind, legacy_ids)
        self._coming[kind] += len(legacy_ids) - len(before)
        self._present[kind] += len(before)
        return before

    def _credentials_and_sources(self) -> int:
        """Count credentials and sources; return how many secrets come."""
        reader = self._reader
        credentials = reader.credentials()
        ids = [each.legacy_id for each in credentials]
        self._count(Kind.CREDENTIALS, ids)
        kept = self._library.with_secrets(ids) if self._library is not None else frozenset()
        bring = [each for each in credentials if each.secret is not None and each.legacy_id not in kept]
        if not self._kept:
            for each in bring:
                reader.leave_out(files.CREDENTIALS, each.legacy_id, NO_KEYRING)
        sources = reader.sources()
        self._index = _SourceIndex((number, each.legacy_id, each.base_url) for number, each in enumerate(sources))
        self._sources = {each.legacy_id for each in sources}
        self._count(Kind.SOURCES, [each.legacy_id for each in sources])
        names = {each.legacy_id for each in credentials}
        for source in sources:
            if source.credential and source.credential not in names:
                reader.leave_out(files.SOURCES, source.legacy_id, importing.NO_CREDENTIAL)
        return len(bring)

    def _links(self, new: Sequence[LegacyDefinition], had: Mapping[str, int]) -> None:
        """Note what the new definitions name and what is not there."""
        numbers = {each.legacy_id: -number for number, each in enumerate(new, 1)}
        others = {link for each in new for link in (*each.pre_jobs, *each.post_jobs)} - set(numbers)
        ids = {**self._known(Kind.DEFINITIONS, list(others)), **had, **numbers}
        named = {link for each in new for link in each.sources} - self._sources
        sources = {**self._known(Kind.SOURCES, list(named)), **dict.fromkeys(self._sources, 0)}
        for _ in legacy.linked(new, ids, sources, {}, partial(self._reader.leave_out, files.DEFINITIONS)):
            pass

    def _documents(self) -> None:
        seen: set[int] = set()
        waiting: list[str] = []
        for found, source_id, url in self._reader.documents(self._index):
            mark = _mark(str(source_id if source_id is not None else urls.origin_of(url)), url)
            if mark in seen:
                self._reader.leave_out(files.DOCUMENTS, found.legacy_id, importing.SAME_ADDRESS)
                continue
            seen.add(mark)
            waiting.append(found.legacy_id)
            if len(waiting) == _ASKED_AT_ONCE:
                self._count(Kind.DOCUMENTS, waiting)
                waiting.clear()
        self._count(Kind.DOCUMENTS, waiting)

    def _jobs(self) -> None:
        waiting: dict[str, int] = {}
        root = ""
        here: set[str] = set()
        for table, raw, job in self._reader.jobs():
            if raw.root != root:
                # Trees come one after the other.
                root, here = raw.root, set()
            if job.parent is not None and job.parent not in here:
                self._leave_out_job(table, raw, job, importing.PARENT_LEFT_OUT)
                continue
            if job.url is not None and job.parent is not None:
                mark = _mark(root, job.url)
                if mark in self._pages:
                    self._leave_out_job(table, raw, job, importing.SAME_PAGE)
                    continue
                self._pages.add(mark)
            here.add(job.legacy_id)
            if job.parent is None:
                self._roots.add(root)
            waiting[job.legacy_id] = self._reader.count_lines(raw)
            if len(waiting) == _ASKED_AT_ONCE:
                self._count_jobs(waiting)
                waiting.clear()
        self._count_jobs(waiting)

    def _leave_out_job(self, table: str, raw: RawRow, job: LegacyJob, why: str) -> None:
        self._reader.leave_out(table, job.legacy_id, why)
        if self._reader.count_lines(raw):
            self._reader.leave_out(files.LOGS, job.legacy_id, files.LINES_OF_OTHERS)

    def _count_jobs(self, waiting: Mapping[str, int]) -> None:
        before = self._count(Kind.JOBS, list(waiting))
        for legacy_id, lines in waiting.items():
            (self._present if legacy_id in before else self._coming)[Kind.LOGS] += lines

    def _seen(self) -> None:
        lost: dict[str, None] = {}
        for part in _parts(self._reader.seen(), _ASKED_AT_ONCE):
            new = []
            for each in part:
                mark = _mark(each.root, each.url)
                if each.root not in self._roots:
                    lost[each.job] = None
                elif mark not in self._pages:
                    self._pages.add(mark)
                    new.append(each)
            known = 0 if self._library is None else self._library.known_pages(new)
            self._coming[Kind.SEEN_URLS] += len(new) - known
            self._present[Kind.SEEN_URLS] += known
        for job_id in lost:
            self._reader.leave_out(files.SEEN, job_id, files.SEEN_BY_OTHERS)


def _mark(place: str, url: str) -> int:
    """Return a number of 64 bits for an address: those of a million take little memory."""
    return int.from_bytes(hashlib.blake2b(f"{place} {url}".encode(), digest_size=8).digest())


# --- the import -------------------------------------------------------------------------------------------------------


class _Store:
    """The keyring, for the thread of the import.

    Args:
        secrets: where secrets are kept.
        loop: that of the library.
        remember: without a keyring, remember them until this process ends.
    """

    def __init__(self, secrets: SecretStore, loop: asyncio.AbstractEventLoop, *, remember: bool) -> None:
        self._secrets = secrets
        self._loop = loop
        self.remember = remember

    def is_kept(self) -> bool:
        """Return whether there is a keyring."""
        return asyncio.run_coroutine_threadsafe(self._secrets.is_kept(), self._loop).result()

    def keep(self, key: str, text: str) -> bool:
        """Keep a secret; return whether it lies in the keyring."""
        return asyncio.run_coroutine_threadsafe(self._secrets.keep(key, text), self._loop).result()

    def forget(self, key: str) -> None:
        """Forget a secret that nothing names."""
        asyncio.run_coroutine_threadsafe(self._secrets.drop(key), self._loop).result()


class _Writer:
    """Hands transactions from the thread of the import to the library's writer, one ahead of what is read.

    Args:
        database: the open library.
        loop: that of the library.
        gently: rest between the transactions.
    """

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop, *, gently: bool) -> None:
        self._database = database
        self._loop = loop
        self._gently = gently
        self._under_way: Future[Written] | None = None
        self.written = Written()

    def pace(self, most: int) -> Pace:
        """Return what sizes the transactions of one kind."""
        return Pace(most, gently=self._gently)

    def now(self, function: Callable[[Tx], T]) -> T:
        """Write, and return what that returned."""
        self.flush()
        return asyncio.run_coroutine_threadsafe(self._database.write(function), self._loop).result()

    def read(self, function: Callable[[Any], T]) -> T:
        """Read from the library."""
        self.flush()
        return asyncio.run_coroutine_threadsafe(self._database.read(function), self._loop).result()

    def later(self, pace: Pace, function: Callable[[Tx], Written]) -> None:
        """Write once what was handed in before is written, which is waited for."""
        self.flush()
        timed = pace.timed(self._database.write(function))
        self._under_way = asyncio.run_coroutine_threadsafe(timed, self._loop)

    def flush(self) -> None:
        """Wait until everything is written."""
        if self._under_way is not None:
            under_way, self._under_way = self._under_way, None
            self.written.add(under_way.result())


class _Run:
    """One import.

    Args:
        reader: what is in the file.
        writer: where it goes.
        store: where secrets go.
    """

    def __init__(self, reader: _Reader, writer: _Writer, store: _Store) -> None:
        self._reader = reader
        self._writer = writer
        self._store = store
        self._secrets = 0

    def run(self, path: Path) -> ImportReport:
        """Import everything that is sound."""
        reader, writer = self._reader, self._writer
        try:
            self._credentials()
            if found := reader.sources():
                writer.written.add(writer.now(lambda tx: importing.write_sources(tx, found)))
            if definitions := reader.definitions():
                writer.written.add(writer.now(lambda tx: importing.write_definitions(tx, definitions)))
            index = _SourceIndex(writer.read(importing.imported_sources))
            self._documents(index)
            self._jobs(index)
            self._seen()
        finally:
            # What is under way ends before whoever waits for us goes on.
            writer.flush()
        reader.note_others()
        written = writer.written
        written.left_out = _unique((*written.left_out, *reader.left_out))
        if any(written.imported.values()):
            writer.now(lambda tx: importing.note_import(tx, os.fspath(path), written))
        return ImportReport(
            file=path,
            imported={kind: written.imported[kind] for kind in Kind},
            present={kind: written.present[kind] for kind in Kind},
            left_out=tuple(written.left_out),
            secrets=self._secrets,
        )

    def _credentials(self) -> None:
        found = self._reader.credentials()
        if not found:
            return
        written, stored = self._writer.now(lambda tx: importing.write_credentials(tx, found))
        self._writer.written.add(written)
        waiting = [each for each in stored if each.reference is None and each.legacy.secret is not None]
        if waiting:
            kept = self._store.is_kept()
            for each in waiting:
                self._keep(each, kept)

    def _keep(self, each: StoredCredential, kept: bool) -> None:
        """Bring a secret to the keyring, and then say in the library that it is there."""
        secret = each.legacy.secret
        assert secret is not None
        reference = f"credential-{randomness.token_hex(16)}"
        if kept and self._store.keep(reference, secret.reveal()):
            if self._writer.now(lambda tx: importing.note_secret(tx, each.id, each.legacy.tail, reference)):
                self._secrets += 1
            else:
                self._store.forget(reference)
        elif self._store.remember:
            self._store.keep(memory_key(each.id), secret.reveal())
            self._writer.now(lambda tx: importing.note_secret(tx, each.id, each.legacy.tail, None))
            self._secrets += 1
            self._reader.leave_out(files.CREDENTIALS, each.legacy.legacy_id, UNTIL_THE_END)
        else:
            self._reader.leave_out(files.CREDENTIALS, each.legacy.legacy_id, NO_KEYRING)

    def _documents(self, index: _SourceIndex) -> None:
        pace = self._writer.pace(_DOCUMENTS)
        batch: list[ReadyDocument] = []
        characters = 0
        for found, source_id, url in self._reader.documents(index):
            batch.append(_ready(found, source_id, url))
            characters += len(found.markdown)
            if len(batch) >= pace.batch or characters >= _CHARACTERS:
                self._writer.later(pace, partial(importing.write_documents, found=batch))
                batch, characters = [], 0
        self._writer.later(pace, partial(importing.write_documents, found=batch))

    def _jobs(self, index: _SourceIndex) -> None:
        pace = self._writer.pace(_ROWS)
        batch: list[ReadyJob] = []
        rows = 0
        for each in self._ready_jobs(index):
            batch.append(each)
            rows += 1 + len(each.lines)
            if rows >= pace.batch:
                self._writer.later(pace, partial(importing.write_jobs, found=batch))
                batch, rows = [], 0
        self._writer.later(pace, partial(importing.write_jobs, found=batch))

    def _ready_jobs(self, index: _SourceIndex) -> Iterator[ReadyJob]:
        for table, raw, job in self._reader.jobs():
            seeds = job.config.seeds if job.config is not None else ()
            source_id = index.of(seeds[0]) if seeds and job.type == JobType.CRAWL else None
            first = 0
            # One part more than is read ahead, to know which one is the last.
            parts = _parts(self._reader.lines(raw, job), _ROWS)
            part = next(parts, [])
            while True:
                following = next(parts, None)
                last = following is None
                yield ReadyJob(table=table, legacy=job, source_id=source_id, lines=part, first=first, last=last)
                if following is None:
                    break
                first += len(part)
                part = following

    def _seen(self) -> None:
        pace = self._writer.pace(_ROWS)
        for batch in _parts(self._reader.seen(), lambda: pace.batch):
            self._writer.later(pace, partial(importing.write_seen, found=batch))


def _parts(items: Iterator[M], size: int | Callable[[], int]) -> Iterator[list[M]]:
    """Yield *items* in lists of at most *size*."""
    while part := list(itertools.islice(items, size if isinstance(size, int) else size())):
        yield part
