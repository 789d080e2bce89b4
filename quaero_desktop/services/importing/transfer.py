"""The import itself: what was read goes to the library in short transactions, and secrets go to the keyring."""

import asyncio
import hashlib
import os
import secrets as randomness
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from quaero_desktop.domain.cjk import split_cjk
from quaero_desktop.domain.credentials import memory_key
from quaero_desktop.domain.importing import ImportReport, Kind
from quaero_desktop.domain.jobs import JobType
from quaero_desktop.domain.legacy import LegacyDocument
from quaero_desktop.domain.pages import ParseFailed
from quaero_desktop.infra.secrets import SecretStore
from quaero_desktop.services.importing.extraction import Extraction
from quaero_desktop.services.importing.reader import NO_KEYRING, Reader, SourceIndex, batches, unique
from quaero_desktop.storage.database import Database, Tx
from quaero_desktop.storage.errand import Errand
from quaero_desktop.storage.importing import legacyfile, writing
from quaero_desktop.storage.importing.writing import ReadyDocument, ReadyJob, StoredCredential, Written
from quaero_desktop.storage.pace import Pace

T = TypeVar("T")

_ROWS = 1_000
"""The most jobs, lines and URLs of one transaction: some 50 ms where the disk is fast."""
_DOCUMENTS = 100
_CHARACTERS = 1_000_000
"""The most text of one transaction, which the full-text index has to take in."""

UNREADABLE = "its text cannot be taken in"
UNTIL_THE_END = "there is no keyring, so its secret is remembered only until Quaero ends"


class SecretKeeper:
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


class Writer:
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


class Transfer:
    """One import.

    Args:
        work: the errand that this is.
        reader: what is in the file.
        writer: where it goes.
        store: where secrets go.
        extraction: works out what documents say.
    """

    def __init__(
        self, work: Errand, reader: Reader, writer: Writer, store: SecretKeeper, extraction: Extraction
    ) -> None:
        self._work = work
        self._reader = reader
        self._writer = writer
        self._store = store
        self._extraction = extraction
        self._secrets = 0

    def run(self, path: Path) -> ImportReport:
        """Import everything that is sound."""
        reader, writer = self._reader, self._writer
        try:
            self._credentials()
            if found := reader.sources():
                writer.written.add(writer.now(lambda tx: writing.write_sources(tx, found)))
            if definitions := reader.definitions():
                writer.written.add(writer.now(lambda tx: writing.write_definitions(tx, definitions)))
            index = SourceIndex(writer.read(writing.imported_sources))
            self._documents(index)
            self._jobs(index)
            self._seen()
        finally:
            # What is under way ends before whoever waits for us goes on.
            writer.flush()
        reader.note_others()
        written = writer.written
        written.left_out = unique((*written.left_out, *reader.left_out))
        if any(written.imported.values()):
            writer.now(lambda tx: writing.note_import(tx, os.fspath(path), written))
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
        written, stored = self._writer.now(lambda tx: writing.write_credentials(tx, found))
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
            if self._writer.now(lambda tx: writing.note_secret(tx, each.id, each.legacy.tail, reference)):
                self._secrets += 1
            else:
                self._store.forget(reference)
        elif self._store.remember:
            self._store.keep(memory_key(each.id), secret.reveal())
            self._writer.now(lambda tx: writing.note_secret(tx, each.id, each.legacy.tail, None))
            self._secrets += 1
            self._reader.leave_out(legacyfile.CREDENTIALS, each.legacy.legacy_id, UNTIL_THE_END)
        else:
            self._reader.leave_out(legacyfile.CREDENTIALS, each.legacy.legacy_id, NO_KEYRING)

    def _documents(self, index: SourceIndex) -> None:
        pace = self._writer.pace(_DOCUMENTS)
        batch: list[ReadyDocument] = []
        characters = 0
        for found, source_id, url in self._reader.documents(index):
            if (ready := self._ready(found, source_id, url)) is None:
                continue
            batch.append(ready)
            characters += len(found.markdown)
            if len(batch) >= pace.batch or characters >= _CHARACTERS:
                self._writer.later(pace, partial(writing.write_documents, found=batch))
                batch, characters = [], 0
        self._writer.later(pace, partial(writing.write_documents, found=batch))

    def _ready(self, found: LegacyDocument, source_id: int | None, url: str) -> ReadyDocument | None:
        """Return a document with what the product itself would have worked out from its markdown."""
        page = self._extraction.page(self._work, url, found.markdown)
        if isinstance(page, ParseFailed):
            self._reader.leave_out(legacyfile.DOCUMENTS, found.legacy_id, f"{UNREADABLE}: {page.message.rstrip('.')}")
            return None
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

    def _jobs(self, index: SourceIndex) -> None:
        pace = self._writer.pace(_ROWS)
        batch: list[ReadyJob] = []
        rows = 0
        for each in self._ready_jobs(index):
            batch.append(each)
            rows += 1 + len(each.lines)
            if rows >= pace.batch:
                self._writer.later(pace, partial(writing.write_jobs, found=batch))
                batch, rows = [], 0
        self._writer.later(pace, partial(writing.write_jobs, found=batch))

    def _ready_jobs(self, index: SourceIndex) -> Iterator[ReadyJob]:
        for table, raw, job in self._reader.jobs():
            seeds = job.config.seeds if job.config is not None else ()
            source_id = index.of(seeds[0]) if seeds and job.type == JobType.CRAWL else None
            first = 0
            # One part more than is read ahead, to know which one is the last.
            parts = batches(self._reader.lines(raw, job), _ROWS)
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
        for batch in batches(self._reader.seen(), lambda: pace.batch):
            self._writer.later(pace, partial(writing.write_seen, found=batch))
