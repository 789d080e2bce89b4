"""What an import of a database of the old Quaero would do: it reads everything, and writes nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from quaero_desktop.domain import legacy, urls
from quaero_desktop.domain.importing import ImportPreview, Kind
from quaero_desktop.domain.legacy import LegacyDefinition, LegacyJob
from quaero_desktop.services.importing.reader import NO_KEYRING, Reader, SourceIndex, batches, fingerprint, unique
from quaero_desktop.storage.importing import legacyfile, writing
from quaero_desktop.storage.importing.legacyfile import RawRow
from quaero_desktop.storage.importing.writing import Library

_ASKED_AT_ONCE = 500


class Preview:
    """A look at what would come.

    Args:
        reader: what is in the file.
        library: what is there; None where there is no library yet.
        kept: whether there is a keyring.
    """

    def __init__(self, reader: Reader, library: Library | None, kept: bool) -> None:
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
            left_out=tuple(unique(reader.left_out)),
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
                reader.leave_out(legacyfile.CREDENTIALS, each.legacy_id, NO_KEYRING)
        sources = reader.sources()
        self._index = SourceIndex((number, each.legacy_id, each.base_url) for number, each in enumerate(sources))
        self._sources = {each.legacy_id for each in sources}
        self._count(Kind.SOURCES, [each.legacy_id for each in sources])
        names = {each.legacy_id for each in credentials}
        for source in sources:
            if source.credential and source.credential not in names:
                reader.leave_out(legacyfile.SOURCES, source.legacy_id, writing.NO_CREDENTIAL)
        return len(bring)

    def _links(self, new: Sequence[LegacyDefinition], had: Mapping[str, int]) -> None:
        """Note what the new definitions name and what is not there."""
        numbers = {each.legacy_id: -number for number, each in enumerate(new, 1)}
        others = {link for each in new for link in (*each.pre_jobs, *each.post_jobs)} - set(numbers)
        ids = {**self._known(Kind.DEFINITIONS, list(others)), **had, **numbers}
        named = {link for each in new for link in each.sources} - self._sources
        sources = {**self._known(Kind.SOURCES, list(named)), **dict.fromkeys(self._sources, 0)}
        for _ in legacy.linked(new, ids, sources, {}, partial(self._reader.leave_out, legacyfile.DEFINITIONS)):
            pass

    def _documents(self) -> None:
        seen: set[int] = set()
        waiting: list[str] = []
        for found, source_id, url in self._reader.documents(self._index):
            mark = fingerprint(str(source_id if source_id is not None else urls.origin_of(url)), url)
            if mark in seen:
                self._reader.leave_out(legacyfile.DOCUMENTS, found.legacy_id, writing.SAME_ADDRESS)
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
                self._leave_out_job(table, raw, job, writing.PARENT_LEFT_OUT)
                continue
            if job.url is not None and job.parent is not None:
                mark = fingerprint(root, job.url)
                if mark in self._pages:
                    self._leave_out_job(table, raw, job, writing.SAME_PAGE)
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
            self._reader.leave_out(legacyfile.LOGS, job.legacy_id, legacyfile.LINES_OF_OTHERS)

    def _count_jobs(self, waiting: Mapping[str, int]) -> None:
        before = self._count(Kind.JOBS, list(waiting))
        for legacy_id, lines in waiting.items():
            (self._present if legacy_id in before else self._coming)[Kind.LOGS] += lines

    def _seen(self) -> None:
        lost: dict[str, None] = {}
        for part in batches(self._reader.seen(), _ASKED_AT_ONCE):
            new = []
            for each in part:
                mark = fingerprint(each.root, each.url)
                if each.root not in self._roots:
                    lost[each.job] = None
                elif mark not in self._pages:
                    self._pages.add(mark)
                    new.append(each)
            known = 0 if self._library is None else self._library.known_pages(new)
            self._coming[Kind.SEEN_URLS] += len(new) - known
            self._present[Kind.SEEN_URLS] += known
        for job_id in lost:
            self._reader.leave_out(legacyfile.SEEN, job_id, legacyfile.SEEN_BY_OTHERS)
