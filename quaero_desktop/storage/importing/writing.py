"""What comes from a legacy database, written in bounded transactions, each of which can be repeated (O2).

``legacy_id`` says what has come before. A job comes with its log, in one transaction where that is short; the log of
one with a longer log comes in several, and until its last line is there the job bears :data:`UNFINISHED` before its
legacy id: so a kill at any moment costs nothing, and whoever starts again adds nothing twice.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from quaero_desktop.domain.definitions import Definition
from quaero_desktop.domain.fields import MAX_NAME
from quaero_desktop.domain.importing import Kind, LeftOut
from quaero_desktop.domain.jobs import JobType, Phase, Status
from quaero_desktop.domain.legacy import (
    LegacyCredential,
    LegacyDefinition,
    LegacyDocument,
    LegacyJob,
    LegacyLine,
    LegacySource,
    linked,
)
from quaero_desktop.infra.redact import redact
from quaero_desktop.storage import audit, documents
from quaero_desktop.storage.database import Tx
from quaero_desktop.storage.fragments import AMONG, json_list
from quaero_desktop.storage.importing import legacyfile
from quaero_desktop.storage.masking import masked_json

UNFINISHED = "unfinished:"
"""Before the legacy id of a job whose log has not come to its end."""

NO_CREDENTIAL = "the credential that it names does not exist, so it comes without one"
SAME_ADDRESS = "a newer document has the same address"
HAVE_ALREADY = "the library has a document of that address already, which stays as it is"
SAME_PAGE = "another page of its crawl has the same address"
PARENT_LEFT_OUT = "the job above it is left out"
NO_DOCUMENT = "the old library has no document of it"
NOTHING_NOTED = "The old Quaero met this address, and noted nothing of what came of it."

_encode = msgspec.json.Encoder().encode
_body_decoder = msgspec.json.Decoder(Definition)
_TABLES = {
    Kind.CREDENTIALS: "credentials",
    Kind.SOURCES: "sources",
    Kind.DEFINITIONS: "definitions",
    Kind.DOCUMENTS: "documents",
    Kind.JOBS: "jobs",
}


class Written(msgspec.Struct):
    """What transactions did: how many of each kind came, how many were there, what did not fit."""

    imported: Counter[str] = msgspec.field(default_factory=Counter)
    present: Counter[str] = msgspec.field(default_factory=Counter)
    left_out: list[LeftOut] = msgspec.field(default_factory=list)

    def add(self, other: "Written") -> None:
        """Count in what another transaction did."""
        self.imported.update(other.imported)
        self.present.update(other.present)
        self.left_out += other.left_out


class StoredCredential(msgspec.Struct, frozen=True):
    """A credential that is in the library, and whose secret may not be in the keyring yet."""

    id: int
    legacy: LegacyCredential
    reference: str | None


class ReadyDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document with all that is worked out from its markdown.

    Attributes:
        source_id: None for the source of its origin.
        url: canonical.
    """

    legacy: LegacyDocument
    source_id: int | None
    url: str
    title: str
    language: str
    headings: tuple[tuple[int, str], ...]
    content_hash: str
    search_title: str
    search_text: str
    thin: bool


class ReadyJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job with a part of its log.

    Attributes:
        table: of the legacy database.
        source_id: of a root.
        lines: of its log, from the number *first* on.
        last: whether those are its last.
    """

    table: str
    legacy: LegacyJob
    source_id: int | None
    lines: Sequence[LegacyLine]
    first: int = 0
    last: bool = True


class SeenUrl(msgspec.Struct, frozen=True):
    """A canonical URL that a crawl met; *job* is who met it, *root* the legacy id of its root."""

    job: str
    root: str
    url: str
    at: int


# --- what is there ----------------------------------------------------------------------------------------------------


def known(connection: sqlite3.Connection, kind: Kind, legacy_ids: Iterable[str]) -> dict[str, int]:
    """Return which of these came before, with their ids; not a job whose log is unfinished."""
    rows = connection.execute(
        f"SELECT legacy_id, id FROM {_TABLES[kind]} WHERE legacy_id {AMONG}",
        (json_list(legacy_ids),),
    )
    return dict(rows.fetchall())


def known_pages(connection: sqlite3.Connection, found: Sequence[SeenUrl]) -> int:
    """Return how many of these URLs are pages of their crawl already."""
    (number,) = connection.execute(
        "SELECT count(*) FROM json_each(?) e CROSS JOIN jobs r ON r.legacy_id = e.value ->> 0"
        " CROSS JOIN jobs j ON j.root_id = r.id AND j.step = 0 AND j.url = e.value ->> 1",
        (json_list((each.root, each.url) for each in found),),
    ).fetchone()
    return int(number)


def imported_sources(connection: sqlite3.Connection) -> list[tuple[int, str, str]]:
    """Return id, legacy id and base URL of the sources that came from a legacy database."""
    return connection.execute(
        "SELECT id, legacy_id, base_url FROM sources WHERE legacy_id IS NOT NULL ORDER BY id"
    ).fetchall()


class Library:
    """What a library has from imports before.

    Args:
        connection: for reading.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def known(self, kind: Kind, legacy_ids: Iterable[str]) -> dict[str, int]:
        """Return which of these came before, with their ids."""
        return known(self._connection, kind, legacy_ids)

    def with_secrets(self, legacy_ids: Iterable[str]) -> frozenset[str]:
        """Return of which of these credentials the keyring has the secret."""
        rows = self._connection.execute(
            f"SELECT legacy_id FROM credentials WHERE keyring_id IS NOT NULL AND legacy_id {AMONG}",
            (json_list(legacy_ids),),
        )
        return frozenset(legacy_id for (legacy_id,) in rows)

    def known_pages(self, found: Sequence[SeenUrl]) -> int:
        """Return how many of these URLs are pages of their crawl already."""
        return known_pages(self._connection, found)


class _Names:
    """Gives what comes a name that nothing else in its table has.

    Two that differ in capitals only could never be saved again.

    Args:
        tx: the running transaction.
        table: where the names are.
    """

    def __init__(self, tx: Tx, table: str) -> None:
        self._taken = {name.casefold() for (name,) in tx.execute(f"SELECT name FROM {table}")}
        self._numbers: Counter[str] = Counter()

    def free(self, name: str) -> str:
        """Return *name*, or with a number behind it; it is taken from now on."""
        free = name
        while free.casefold() in self._taken:
            self._numbers[name] += 1
            ending = f" ({self._numbers[name] + 1})"
            free = name[: MAX_NAME - len(ending)] + ending
        self._taken.add(free.casefold())
        return free


# --- credentials, sources, definitions --------------------------------------------------------------------------------


def write_credentials(tx: Tx, found: Sequence[LegacyCredential]) -> tuple[Written, list[StoredCredential]]:
    """Store credentials without their secrets."""
    written = Written()
    stored = []
    before = known(tx.connection, Kind.CREDENTIALS, [each.legacy_id for each in found])
    names = _Names(tx, "credentials")
    for each in found:
        credential_id = before.get(each.legacy_id)
        if credential_id is None:
            written.imported[Kind.CREDENTIALS] += 1
            credential_id = int(
                tx.value(
                    "INSERT INTO credentials (name, origin, kind, login_url, legacy_id, created_at, updated_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
                    (
                        names.free(each.name), each.origin, each.kind, each.login_url,
                        each.legacy_id, each.created_at, each.updated_at,
                    ),
                )
            )  # fmt: skip
        else:
            written.present[Kind.CREDENTIALS] += 1
        reference = tx.value("SELECT keyring_id FROM credentials WHERE id = ?", (credential_id,))
        stored.append(StoredCredential(credential_id, each, reference))
    return written, stored


def note_secret(tx: Tx, credential_id: int, tail: str, reference: str | None) -> bool:
    """Note where the secret of a credential is.

    Args:
        tx: the running transaction.
        credential_id: the credential.
        tail: the end of the secret, for people to know it by.
        reference: what the keyring has it under; None where only the memory of this process has it.

    Returns:
        Whether it was noted: somebody may have given it another secret, or deleted it, meanwhile.
    """
    cursor = tx.execute(
        "UPDATE credentials SET keyring_id = ?, tail = ? WHERE id = ? AND keyring_id IS NULL",
        (reference, tail, credential_id),
    )
    return cursor.rowcount == 1


def write_sources(tx: Tx, found: Sequence[LegacySource]) -> Written:
    """Store sources with the credentials they name."""
    written = Written()
    before = known(tx.connection, Kind.SOURCES, [each.legacy_id for each in found])
    secrets = known(tx.connection, Kind.CREDENTIALS, [each.credential for each in found if each.credential])
    for each in found:
        credential_id = secrets.get(each.credential) if each.credential else None
        if each.credential and credential_id is None:
            written.left_out.append(LeftOut(legacyfile.SOURCES, each.legacy_id, NO_CREDENTIAL))
        if each.legacy_id in before:
            written.present[Kind.SOURCES] += 1
            continue
        tx.execute(
            "INSERT INTO sources (name, base_url, enabled, rules, credential_id, legacy_id, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                each.name, each.base_url, int(each.enabled), _encode(each.rules).decode(), credential_id,
                each.legacy_id, each.created_at, each.updated_at,
            ),
        )  # fmt: skip
        written.imported[Kind.SOURCES] += 1
    return written


def write_definitions(tx: Tx, found: Sequence[LegacyDefinition]) -> Written:
    """Store definitions, linked to each other and to their sources, all at once."""
    written = Written()
    before = known(tx.connection, Kind.DEFINITIONS, [each.legacy_id for each in found])
    new = [each for each in found if each.legacy_id not in before]
    written.present[Kind.DEFINITIONS] += len(before)
    sources = known(tx.connection, Kind.SOURCES, [link for each in new for link in each.sources])
    ids = known(tx.connection, Kind.DEFINITIONS, [link for each in new for link in (*each.pre_jobs, *each.post_jobs)])
    names = _Names(tx, "definitions")
    for each in new:
        name = names.free(each.definition.name)
        ids[each.legacy_id] = int(
            tx.value(
                # What its schedule missed before today is not made up for.
                "INSERT INTO definitions (name, body, enabled, checked_until, legacy_id, created_at, updated_at)"
                " VALUES (?, '{}', ?, ?, ?, ?, ?) RETURNING id",
                (
                    name, int(each.definition.enabled), tx.now, each.legacy_id, each.created_at, each.updated_at,
                ),
            )
        )  # fmt: skip

    def leave_out(legacy_id: str, reason: str) -> None:
        written.left_out.append(LeftOut(legacyfile.DEFINITIONS, legacy_id, reason))

    for each, definition in linked(new, ids, sources, _edges(tx), leave_out):
        own = ids[each.legacy_id]
        name = tx.value("SELECT name FROM definitions WHERE id = ?", (own,))
        body = msgspec.structs.replace(definition, name=name)
        tx.execute("UPDATE definitions SET body = ? WHERE id = ?", (_encode(body).decode(), own))
        written.imported[Kind.DEFINITIONS] += 1
    return written


def _edges(tx: Tx) -> dict[int, list[int]]:
    """Return which definitions each one runs before or after itself."""
    edges: dict[int, list[int]] = {}
    for definition_id, body in tx.execute("SELECT id, body FROM definitions WHERE body <> '{}'"):
        try:
            definition = _body_decoder.decode(body)
        except msgspec.MsgspecError:
            continue
        edges[definition_id] = [*definition.pre_jobs, *definition.post_jobs]
    return edges


# --- documents --------------------------------------------------------------------------------------------------------

_ADD_DOCUMENT = (
    "INSERT INTO documents (source_id, url, title, content_type, content_hash, duplicate_of, description, language,"
    " author, published_at, metadata, thin, fetched_at, checked_at, changed_at, origin, legacy_id, search_title,"
    " markdown, search_text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'legacy', ?, ?, ?, ?)"
)


def write_documents(tx: Tx, found: Sequence[ReadyDocument]) -> Written:
    """Store documents. What the library has under the same address stays."""
    written = Written()
    before = known(tx.connection, Kind.DOCUMENTS, [each.legacy.legacy_id for each in found])
    sources: dict[int, bool] = {}
    for each in found:
        if each.legacy.legacy_id in before:
            written.present[Kind.DOCUMENTS] += 1
            continue
        source_id = each.source_id
        if source_id is not None and source_id not in sources:
            sources[source_id] = tx.one("SELECT 1 FROM sources WHERE id = ?", (source_id,)) is not None
        if source_id is None or not sources[source_id]:
            source_id = documents.automatic_source(tx, each.url)
        there = tx.one("SELECT legacy_id FROM documents WHERE source_id = ? AND url = ?", (source_id, each.url))
        if there is not None:
            why = HAVE_ALREADY if there[0] is None else SAME_ADDRESS
            written.left_out.append(LeftOut(legacyfile.DOCUMENTS, each.legacy.legacy_id, why))
            continue
        _add_document(tx, source_id, each)
        written.imported[Kind.DOCUMENTS] += 1
    return written


def _add_document(tx: Tx, source_id: int, each: ReadyDocument) -> None:
    found = each.legacy
    original = None
    if found.markdown:
        original = tx.value(
            "SELECT min(id) FROM documents WHERE content_hash = ? AND source_id = ? AND duplicate_of IS NULL",
            (each.content_hash, source_id),
        )
    metadata: dict[str, Any] = {"headings": each.headings, "canonical": None}
    if found.metadata:
        metadata["legacy"] = masked_json(_encode(found.metadata).decode())
    tx.execute(
        _ADD_DOCUMENT,
        (
            source_id, each.url, each.title, found.content_type, each.content_hash, original, found.description,
            each.language, found.author, found.published_at, _encode(metadata).decode(), int(each.thin),
            found.fetched_at, found.fetched_at, found.changed_at, found.legacy_id, each.search_title, found.markdown,
            each.search_text,
        ),
    )  # fmt: skip


# --- jobs and their logs ----------------------------------------------------------------------------------------------

_ADD_JOB = (
    "INSERT INTO jobs (parent_id, root_id, type, phase, status, url, name, title, depth, created_at, started_at,"
    " completed_at, cause, error, http_status, document_id, warnings, config, result, source_id, definition_id,"
    " origin, legacy_id, revision)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'legacy', ?, ?)"
    " ON CONFLICT (root_id, step, url) DO NOTHING RETURNING id"
)
_ADD_LINE = "INSERT INTO job_logs (job_id, root_id, at, level, message) VALUES (?, ?, ?, ?, ?)"
_DOCUMENT = f"SELECT id, {documents.SHORT_TITLE} FROM documents WHERE url = ? AND origin = 'legacy' ORDER BY id LIMIT 1"


class _Place(msgspec.Struct, frozen=True):
    """Where a job that came stands."""

    id: int
    root_id: int


def write_jobs(tx: Tx, found: Sequence[ReadyJob]) -> Written:
    """Store jobs, each after its parent, with what is given of their logs."""
    written = Written()
    ids = dict.fromkeys(name for each in found for name in (each.legacy.legacy_id, each.legacy.parent) if name)
    places = _places(tx, ids)
    unfinished = _places(tx, [f"{UNFINISHED}{legacy_id}" for legacy_id in ids])
    definitions = known(
        tx.connection, Kind.DEFINITIONS, [each.legacy.definition for each in found if each.legacy.definition]
    )
    pages: Counter[int] = Counter()
    stored: Counter[int] = Counter()
    for each in found:
        legacy_id = each.legacy.legacy_id
        if legacy_id in places:
            if each.first == 0:
                written.present[Kind.JOBS] += 1
            written.present[Kind.LOGS] += len(each.lines)
            continue
        place = unfinished.get(f"{UNFINISHED}{legacy_id}")
        if place is None:
            place = None if each.first else _add_job(tx, each, places, definitions, written, pages, stored)
            if place is None:
                if each.lines:
                    written.left_out.append(LeftOut(legacyfile.LOGS, legacy_id, legacyfile.LINES_OF_OTHERS))
                continue
            written.imported[Kind.JOBS] += 1
            have = 0
        else:
            have = int(tx.value("SELECT count(*) FROM job_logs WHERE job_id = ?", (place.id,)))
        rows = [
            (place.id, place.root_id, line.at, line.level, redact(line.message))
            for line in each.lines[max(have - each.first, 0) :]
        ]
        tx.executemany(_ADD_LINE, rows)
        written.imported[Kind.LOGS] += len(rows)
        if each.last:
            places[legacy_id] = place
            tx.execute(
                "UPDATE jobs SET legacy_id = ? WHERE id = ? AND legacy_id <> ?", (legacy_id, place.id, legacy_id)
            )
        else:
            unfinished[f"{UNFINISHED}{legacy_id}"] = place
    _count(tx, pages, stored)
    return written


def _places(tx: Tx, legacy_ids: Iterable[str]) -> dict[str, _Place]:
    rows = tx.execute(
        f"SELECT legacy_id, id, coalesce(root_id, id) FROM jobs WHERE legacy_id {AMONG}",
        (json_list(legacy_ids),),
    )
    return {row[0]: _Place(row[1], row[2]) for row in rows.fetchall()}


def _add_job(
    tx: Tx,
    each: ReadyJob,
    places: Mapping[str, _Place],
    definitions: Mapping[str, int],
    written: Written,
    pages: Counter[int],
    stored: Counter[int],
) -> _Place | None:
    """Store one job; return where it stands, or None when it has no place."""
    found = each.legacy
    parent = places.get(found.parent) if found.parent else None
    if found.parent and parent is None:
        written.left_out.append(LeftOut(each.table, found.legacy_id, PARENT_LEFT_OUT))
        return None
    document_id = title = None
    result = found.result
    is_page = found.type == JobType.CRAWLER_URL
    if is_page and found.url is not None and found.status == Status.COMPLETED:
        document_id, title = tx.one(_DOCUMENT, (found.url,)) or (None, None)
        if document_id is None:
            result = {"reason": NO_DOCUMENT}
    row = tx.one(
        _ADD_JOB,
        (
            parent.id if parent else None, parent.root_id if parent else None, found.type, found.phase, found.status,
            found.url, found.name, title, _depth(tx, found, parent), found.created_at, found.started_at,
            found.completed_at, found.cause, None if found.error is None else redact(found.error), found.http_status,
            document_id, found.warnings, None if found.config is None else _encode(found.config).decode(),
            _masked(result), each.source_id, definitions.get(found.definition) if found.definition else None,
            found.legacy_id if each.last else f"{UNFINISHED}{found.legacy_id}", tx.revision,
        ),
    )  # fmt: skip
    if row is None:
        written.left_out.append(LeftOut(each.table, found.legacy_id, SAME_PAGE))
        return None
    place = _Place(row[0], parent.root_id if parent else row[0])
    if parent is None:
        tx.execute("INSERT INTO root_progress (root_id) VALUES (?)", (place.id,))
    elif is_page:
        pages[place.root_id] += 1
        stored[place.root_id] += document_id is not None
    return place


def _depth(tx: Tx, found: LegacyJob, parent: _Place | None) -> int:
    if found.depth is not None or parent is None:
        return found.depth or 0
    return _depth_of(tx, parent.root_id, found.url) if found.type == JobType.CRAWLER_URL else 0


def _depth_of(tx: Tx, root_id: int, url: str | None) -> int:
    """Return how far a page of a crawl is from its seeds at least, where nobody noted it."""
    seed = tx.one(
        "SELECT 1 FROM json_each((SELECT coalesce(config, '{}') FROM jobs WHERE id = ?), '$.seeds') WHERE value = ?",
        (root_id, url),
    )
    return 0 if seed is not None else 1


def _masked(result: dict[str, Any] | None) -> str | None:
    return None if result is None else _encode(masked_json(_encode(result).decode())).decode()


def _count(tx: Tx, pages: Counter[int], stored: Counter[int]) -> None:
    tx.executemany(
        "UPDATE root_progress SET discovered = discovered + ?, documents = documents + ?,"
        " new_documents = new_documents + ?, ended_before = 0 WHERE root_id = ?",
        [(number, stored[root_id], stored[root_id], root_id) for root_id, number in pages.items()],
    )
    tx.executemany("UPDATE jobs SET revision = ? WHERE id = ?", [(tx.revision, root_id) for root_id in pages])


# --- what crawls met --------------------------------------------------------------------------------------------------


def write_seen(tx: Tx, found: Sequence[SeenUrl]) -> Written:
    """Store the URLs that crawls met and that have no job there, as pages of their crawl (J1).

    Old files have no jobs for pages: there these are all that is known of them. One whose document came was fetched;
    of the others nobody noted what came of them, so they are skipped ones.
    """
    written = Written()
    roots = _places(tx, dict.fromkeys(each.root for each in found))
    pages: Counter[int] = Counter()
    stored: Counter[int] = Counter()
    for each in found:
        root = roots.get(each.root)
        if root is None:
            written.left_out.append(LeftOut(legacyfile.SEEN, each.job, legacyfile.SEEN_BY_OTHERS))
            continue
        place = (root.id, each.url)
        document_id, title = tx.one(_DOCUMENT, (each.url,)) or (None, None)
        status = Status.SKIPPED if document_id is None else Status.COMPLETED
        row = tx.one(
            _ADD_JOB,
            (
                root.id, root.id, JobType.CRAWLER_URL, Phase.CORE, status, each.url, None, title,
                _depth_of(tx, root.id, each.url), each.at, None,
                each.at, None, NOTHING_NOTED if document_id is None else None, None, document_id, 0, None, None, None,
                None, None, tx.revision,
            ),
        )  # fmt: skip
        if row is not None:
            pages[root.id] += 1
            stored[root.id] += document_id is not None
            written.imported[Kind.SEEN_URLS] += 1
        elif tx.value("SELECT legacy_id IS NULL FROM jobs WHERE root_id = ? AND step = 0 AND url = ?", place):
            written.present[Kind.SEEN_URLS] += 1
    _count(tx, pages, stored)
    return written


# --- the end ----------------------------------------------------------------------------------------------------------


def note_import(tx: Tx, file: str, written: Written) -> None:
    """Note in the audit table what an import brought."""
    detail = {"file": redact(file), "imported": dict(written.imported), "left_out": len(written.left_out)}
    audit.note(tx, "import", "info", [(None, detail)])
